//! Elements of arrays: what they are in registers, and what can be stored as one.

use crate::arithmetic::constant_int;
use crate::builder::{Builder, Done, ir_region};
use crate::item::{Item, Kind};
use justjit_builder::{IntCond, Type as Width};
use justjit_ir::{Op, Reason, Type, Value};
use justjit_runtime::arrays::{Element, Holder, Layout, Scalar};

/// How an element that is one number lies in memory: its type in the IR, its width, and whether that is sign-extended.
pub fn form(element: Scalar) -> (Type, Width, bool) {
    let width = match element.size() {
        1 => Width::I8,
        2 => Width::I16,
        4 => Width::I32,
        _ => Width::I64,
    };
    match element {
        Scalar::Bool => (Type::Bool, Width::I8, false),
        // Bits: no machine that we know has such a register.
        Scalar::Float16 => (Type::Int, width, false),
        Scalar::Float32 => (Type::Float, Width::F32, false),
        Scalar::Float64 => (Type::Float, Width::F64, false),
        // A word that is not signed is known not to be negative (see `ir::Imm::Memory`): what these have is looked at.
        Scalar::UInt64 => (Type::Int, width, true),
        _ => (Type::Int, width, element.is_signed()),
    }
}

/// Whether a value of this kind is stored as such a number without help.
pub fn can_store(holder: Holder, element: Scalar, kind: Kind) -> bool {
    let is_numpy = holder == Holder::Ndarray;
    match (element, kind) {
        (Scalar::Bool, Kind::Bool) => true,
        (Scalar::Bool, Kind::Numpy(Scalar::Bool)) => is_numpy,
        (Scalar::Bool, _) => false,
        (element, Kind::Complex) => element.is_complex(),
        (element, Kind::Numpy(scalar)) if scalar.is_complex() => element.is_complex(),
        // What is rounded is rounded only once: ints go by way of single precision into halves, and not at all by way of a
        // double into others.
        (Scalar::Float16, Kind::Numpy(scalar)) => scalar.is_float() || (is_numpy && scalar.size() <= 2),
        (Scalar::Float32, Kind::Numpy(scalar)) => scalar.is_float(),
        (Scalar::Complex64, Kind::Numpy(scalar)) => scalar.is_float() || scalar.size() <= 4,
        (Scalar::Float64, Kind::Numpy(scalar)) => is_numpy || scalar != Scalar::Bool,
        (Scalar::Complex128, Kind::Numpy(_)) => true,
        (element, Kind::Float) => element.is_float() || element.is_complex(),
        (_, Kind::Int | Kind::Bool) => true,
        (_, Kind::Numpy(scalar)) => scalar.is_int() || (is_numpy && scalar == Scalar::Bool),
        _ => false,
    }
}

impl Builder<'_> {
    /// Reads an element; `hint` says of an object which kind it is likely to be of, and whether only its number matters.
    pub fn load_element(
        &mut self,
        layout: &Layout,
        (base, index, scale): (Value, Value, i32),
        hint: (Kind, bool),
    ) -> Done<Item> {
        let Element::Number(element) = layout.element else {
            return self.load_object((base, index, scale), hint);
        };
        let number = self.load_number(element, |this, (ty, width, signed), offset| {
            this.load_item(ty, (width, signed), base, index, (offset, scale), ir_region::DATA)
        });
        Ok(match number {
            _ if layout.holder == Holder::Ndarray => number,
            Item::Numpy(scalar, value) if scalar.is_float() => Item::Float(value),
            Item::Numpy(Scalar::Bool, value) => Item::Bool(value),
            Item::Numpy(_, value) => Item::Int(value),
            number => number,
        })
    }

    /// A number that lies in memory: `load` reads what has such a form at an offset.
    pub fn load_number(
        &mut self,
        scalar: Scalar,
        mut load: impl FnMut(&mut Self, (Type, Width, bool), i32) -> Value,
    ) -> Item {
        if let Some(part) = scalar.part() {
            let [real, imaginary] = [0, part.size() as i32].map(|offset| load(self, form(part), offset));
            return Item::NumpyComplex(scalar, real, imaginary);
        }
        let mut value = load(self, form(scalar), 0);
        match scalar {
            Scalar::UInt64 => {
                let zero = self.int(0);
                let fits = self.int_compare(IntCond::SignedGe, value, zero);
                self.guard(fits, Reason::Overflow);
            }
            Scalar::Float16 => value = self.op(Op::HalfFloat, &[value]),
            _ => {}
        }
        Item::Numpy(scalar, value)
    }

    /// A value as an element (see [`can_store`]), the numbers of which it consists; leaves where that is an error or wants a
    /// warning.
    pub fn element_of(&mut self, holder: Holder, element: Scalar, value: &Item, kind: Kind) -> Vec<Value> {
        let number = match element {
            element if element.is_complex() => return self.complex_element(value, kind, element).to_vec(),
            Scalar::Bool => match self.known_as(value, kind) {
                Item::Numpy(_, flag) => flag,
                item => self.as_bool(&item),
            },
            Scalar::Float64 => {
                let item = self.known_as(value, kind);
                self.as_float(&item)
            }
            element @ (Scalar::Float32 | Scalar::Float16) => {
                let item = self.known_as(value, kind);
                let number = self.as_float(&item);
                let own = kind == Kind::Numpy(element);
                if holder == Holder::Ndarray && !own {
                    self.expect_exact_enough(element, number);
                }
                if element == Scalar::Float32 {
                    return vec![number];
                }
                let bits = self.op(Op::FloatHalf, &[number]);
                if holder != Holder::Ndarray {
                    // What is too large for `struct` is an error.
                    let infinity = self.int(0x7c00);
                    let size = self.int(0x7fff);
                    let size = self.op(Op::IntAnd, &[bits, size]);
                    let finite = self.int_compare(IntCond::SignedLt, size, infinity);
                    self.guard(finite, Reason::Domain);
                }
                bits
            }
            element => {
                let item = self.known_as(value, kind);
                let number = self.as_int(&item);
                let own = matches!(kind, Kind::Numpy(scalar) if scalar == element);
                if !own {
                    self.expect_in_range(number, &item, element);
                }
                number
            }
        };
        vec![number]
    }

    /// The item, made sure that it is of the kind.
    pub fn known_as(&mut self, item: &Item, kind: Kind) -> Item {
        match *item {
            Item::Object(mut object) => {
                self.expect(&object, kind);
                object.kind = kind;
                Item::Object(object)
            }
            ref item => item.clone(),
        }
    }

    /// Leaves unless the int is one that the scalar can be.
    pub fn expect_in_range(&mut self, value: Value, item: &Item, scalar: Scalar) {
        let (low, high) = scalar.range();
        if constant_int(item).is_some_and(|value| (low..=high).contains(&value)) {
            return;
        }
        if (low, high) == (i64::MIN, i64::MAX) {
            return;
        }
        let fits = self.is_in_range(value, (low, high));
        self.guard(fits, Reason::Domain);
    }

    /// Whether an int is in a range that is not all of them.
    pub fn is_in_range(&mut self, value: Value, (low, high): (i64, i64)) -> Value {
        if low == 0 {
            if high == i64::MAX {
                let zero = self.int(0);
                return self.int_compare(IntCond::SignedGe, value, zero);
            }
            let high = self.int(high);
            return self.int_compare(IntCond::UnsignedLe, value, high);
        }
        let by = self.int(-low);
        let shifted = self.op(Op::IntAddWrapping, &[value, by]);
        let width = self.int(high - low);
        self.int_compare(IntCond::UnsignedLe, shifted, width)
    }

    /// Writes an element's numbers.
    pub fn store_element(&mut self, element: Scalar, numbers: &[Value], (base, index, scale): (Value, Value, i32)) {
        let part = element.part().unwrap_or(element);
        let (_, width, _) = form(part);
        for (at, &number) in numbers.iter().enumerate() {
            let place = (at as i32 * part.size() as i32, scale);
            self.store_item(number, width, base, index, place, ir_region::DATA);
        }
    }
}
