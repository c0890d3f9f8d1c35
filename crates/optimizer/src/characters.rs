//! Characters: strings of one character that are numbers until somebody wants the object; and membership in constants.

use crate::builder::{Builder, Done, ir_region};
use crate::item::{Constant, Item, Kind, Number};
use justjit_builder::{IntCond, Type as Width};
use justjit_ir::{Effect, Op, Reason, Type, Value};
use justjit_runtime::layout::offset;
use justjit_runtime::optimized;
use pyo3_ffi::*;

/// Tests that a membership test is made of, at most.
const GROUP_LIMIT: usize = 8;

impl Builder<'_> {
    /// The code point at an index that is in range, of what is known to be exactly a str. One byte a character is bet on.
    pub fn code_point(&mut self, string: Value, index: Value) -> Value {
        if self.is_widened(Reason::Domain) {
            return self.code_point_of_any(string, index);
        }
        let state = self.load_width(
            Type::Int,
            Width::I32,
            false,
            string,
            offset::STR_STATE,
            ir_region::HEADER,
        );
        let mask = self.int(offset::STR_SHAPE);
        let shape = self.op(Op::IntAnd, &[state, mask]);
        let narrow = self.int(offset::STR_NARROW);
        let fine = self.int_compare(IntCond::Eq, shape, narrow);
        self.guard(fine, Reason::Domain);
        // Characters of ASCII alone come right behind the short header, others behind the long one.
        let mask = self.int(offset::STR_ASCII);
        let ascii = self.op(Op::IntAnd, &[state, mask]);
        let zero = self.int(0);
        let ascii = self.int_compare(IntCond::Ne, ascii, zero);
        let short = self.int(size_of::<PyASCIIObject>() as i64);
        let long = self.int(size_of::<PyCompactUnicodeObject>() as i64);
        let start = self.op(Op::Select, &[ascii, short, long]);
        let characters = self.op(Op::AddOffset, &[string, start]);
        let byte = (Width::I8, false);
        self.load_item(Type::Int, byte, characters, index, (0, 1), ir_region::DATA)
    }

    /// As [`Builder::code_point`], whatever the characters take.
    pub fn code_point_of_any(&mut self, string: Value, index: Value) -> Value {
        self.call(
            &optimized::CODE_POINT,
            &[string, index],
            Some(Type::Int),
            (Effect::Reads, false),
        )
        .expect("a result")
    }

    /// A comparison of strings of which one is a character that has not been made, or both are constants of one.
    pub fn compare_characters(&mut self, op: usize, left: &Item, right: &Item) -> Option<Value> {
        if let (Some(a), Some(b)) = (self.single(left), self.single(right)) {
            let cond = [
                IntCond::SignedLt,
                IntCond::SignedLe,
                IntCond::Eq,
                IntCond::Ne,
                IntCond::SignedGt,
                IntCond::SignedGe,
            ];
            return Some(self.int_compare(cond[op], a, b));
        }
        let (code_point, other) = match (left, right) {
            (Item::Character(code_point), other) | (other, Item::Character(code_point)) => (*code_point, other),
            _ => return None,
        };
        let differ = match op {
            2 => false,
            3 => true,
            _ => return None,
        };
        match other {
            // Of another length.
            Item::Constant(_) => Some(self.bool(differ)),
            Item::Object(object) => {
                self.expect(object, Kind::Str);
                let same = self.ask(&optimized::IS_CHARACTER, object.value, code_point);
                Some(if differ { self.op(Op::BoolNot, &[same]) } else { same })
            }
            _ => None,
        }
    }

    fn ask(&mut self, function: &'static justjit_builder::RuntimeFn, string: Value, code_point: Value) -> Value {
        self.call(
            function,
            &[string, code_point],
            Some(Type::Bool),
            (Effect::Reads, false),
        )
        .expect("a result")
    }

    /// The code point of a string that is known to be one character.
    fn single(&mut self, item: &Item) -> Option<Value> {
        match item {
            Item::Character(code_point) => Some(*code_point),
            Item::Constant(constant) if constant.kind == Kind::Str => match self.code_points(constant)[..] {
                [code_point] => Some(self.int(code_point)),
                _ => None,
            },
            _ => None,
        }
    }

    fn code_points(&self, constant: &Constant) -> Vec<i64> {
        // SAFETY: constants are alive; it is exactly a str.
        unsafe { code_points(self.constant_object(constant)) }
    }

    fn constant_object(&self, constant: &Constant) -> *mut PyObject {
        self.f.symbols[constant.symbol.index()].address.cast_mut().cast()
    }

    /// `CONTAINS_OP`, where the item is a number or a character and the container is known.
    pub fn contains_known(&mut self, item: &Item, container: &Item) -> Option<Value> {
        let (value, is_character) = match item {
            Item::Character(code_point) => (*code_point, true),
            Item::Int(value) => (*value, false),
            _ => return None,
        };
        match container {
            Item::Constant(constant) if constant.kind == Kind::Str => {
                let among = is_character.then(|| self.code_points(constant))?;
                self.is_among(value, among)
            }
            Item::Constant(constant) => {
                let container = self.constant_object(constant);
                // SAFETY: constants are alive, and those that are looked at are of builtin types; the GIL is held.
                let among = unsafe { members(container, is_character, &|object| self.known.int_value(object))? };
                self.is_among(value, among)
            }
            Item::Object(object) if object.kind == Kind::Str && is_character => {
                Some(self.ask(&optimized::HAS_CHARACTER, object.value, value))
            }
            _ => None,
        }
    }

    /// Whether an int is one of some: bits of words, by the distance from the least.
    fn is_among(&mut self, value: Value, mut among: Vec<i64>) -> Option<Value> {
        among.sort_unstable();
        among.dedup();
        let mut groups: Vec<(i64, u64)> = Vec::new();
        for one in among {
            match groups.last_mut() {
                Some((least, bits)) if one.wrapping_sub(*least) as u64 <= 63 => *bits |= 1 << one.wrapping_sub(*least),
                _ => groups.push((one, 1)),
            }
        }
        if groups.len() > GROUP_LIMIT {
            return None;
        }
        let mut any = self.bool(false);
        for (least, bits) in groups {
            let test = if bits == 1 {
                let one = self.int(least);
                self.int_compare(IntCond::Eq, value, one)
            } else {
                let shift = self.int(least.wrapping_neg());
                let distance = self.op(Op::IntAddWrapping, &[value, shift]);
                let width = self.int(64);
                let near = self.int_compare(IntCond::UnsignedLt, distance, width);
                let last = self.int(63);
                let count = self.op(Op::IntAnd, &[distance, last]);
                let word = self.int(bits as i64);
                let word = self.op(Op::IntShr, &[word, count]);
                let one = self.int(1);
                let bit = self.op(Op::IntAnd, &[word, one]);
                let zero = self.int(0);
                let set = self.int_compare(IntCond::Ne, bit, zero);
                self.op(Op::BoolAnd, &[near, set])
            };
            any = self.op(Op::BoolOr, &[any, test]);
        }
        Some(any)
    }

    /// `CONTAINS_OP` of what is known; `false` if it is not, and nothing has been done.
    pub fn contains_specialized(&mut self, item: &Item, container: &Item) -> Done<bool> {
        let known = self.contains_known(item, container);
        let Some(mut flag) = known.or_else(|| self.contains_in_sequence(item, container)) else {
            return Ok(false);
        };
        if self.at.arg != 0 {
            flag = self.op(Op::BoolNot, &[flag]);
        }
        self.specialized += 1;
        self.push(Item::Bool(flag));
        self.release_all([item.clone(), container.clone()]);
        Ok(true)
    }

    /// `chr(code_point)`.
    pub fn chr_of(&mut self, item: &Item, kind: Kind) -> Option<Item> {
        if kind != Kind::Int
            || matches!(
                item,
                Item::Constant(Constant {
                    number: Some(Number::Bool(_)),
                    ..
                })
            )
        {
            return None;
        }
        let value = self.as_int(item);
        let limit = self.int(0x11_0000);
        let fine = self.int_compare(IntCond::UnsignedLt, value, limit);
        self.guard(fine, Reason::Domain);
        Some(Item::Character(value))
    }
}

/// The code points of a str.
///
/// # Safety
/// The GIL is held; a live str.
unsafe fn code_points(string: *mut PyObject) -> Vec<i64> {
    // SAFETY: see the contract; indices are in range.
    unsafe {
        let size = PyUnicode_GET_LENGTH(string);
        (0..size)
            .map(|index| PyUnicode_ReadChar(string, index).into())
            .collect()
    }
}

/// The members of a constant tuple or frozenset that an int, or a str of one character, can be equal to: ints, or code
/// points. Nothing if there may be others.
///
/// # Safety
/// The GIL is held; a live object.
unsafe fn members(
    container: *mut PyObject,
    characters: bool,
    int_value: &dyn Fn(*mut PyObject) -> Option<i64>,
) -> Option<Vec<i64>> {
    // SAFETY: see the contract; of builtin types only, whose iterators run no Python code.
    unsafe {
        if PyTuple_CheckExact(container) == 0 && PyFrozenSet_CheckExact(container) == 0 {
            return None;
        }
        let items = PySequence_Tuple(container);
        if items.is_null() {
            PyErr_Clear();
            return None;
        }
        let mut found = Some(Vec::new());
        for index in 0..PyTuple_GET_SIZE(items) {
            let item = PyTuple_GET_ITEM(items, index);
            let ty = Py_TYPE(item);
            let (is_str, is_int) = (
                ty == &raw mut PyUnicode_Type,
                ty == &raw mut PyLong_Type || ty == &raw mut PyBool_Type,
            );
            if is_str && characters {
                // Strings of other lengths are equal to no character.
                if let ([code_point], Some(found)) = (&code_points(item)[..], &mut found) {
                    found.push(*code_point);
                }
            } else if is_int && !characters {
                // An int that has no room in a word is equal to none that has.
                if let (Some(value), Some(found)) = (int_value(item), &mut found) {
                    found.push(value);
                }
            } else if !is_str && !is_int && item != Py_None() {
                found = None;
            }
        }
        Py_DECREF(items);
        found
    }
}
