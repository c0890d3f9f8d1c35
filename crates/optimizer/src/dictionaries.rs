//! Attributes of objects that have them in dictionaries of their own, as those have that got more attributes than their
//! class's instances have room for.

use crate::builder::{Builder, Done, ir_region};
use crate::item::Kind;
use justjit_builder::{IntCond, Type as Width};
use justjit_ir::{Block, BlockCall, Effect, Op, Reason, Type, Value};
use justjit_runtime::attributes::{DICTIONARY_VERSION, Finds, LACKS_OWN, Shape};
use justjit_runtime::layout::{
    DICT_INDEX_EMPTY, DICT_KEYS_UNICODE, DICT_VERSION_STEP, DICT_WATCHER_MASK, DictKeys, DictObject, DictUnicodeEntry,
    GC_HEAD_NEXT, MANAGED_DICT_OFFSET,
};
use pyo3_ffi::{PyObject, PyObject_Hash};
use std::mem::offset_of;

/// A name in such a dictionary, and which entry it may be.
#[derive(Clone, Copy)]
pub struct Place {
    pub name: *mut PyObject,
    pub hint: usize,
    /// No object had inline values: a bet.
    pub only: bool,
}

/// Where an attribute is.
#[derive(Clone, Copy)]
pub enum Found {
    /// Where the shape says.
    Inline,
    /// Here is what has been read (borrowed).
    Value(Value),
    /// In an entry of a dictionary's.
    Own(Entry),
}

/// An entry that has a value: of which dictionary, and where the value is.
#[derive(Clone, Copy)]
pub struct Entry {
    pub dictionary: Value,
    pub base: Value,
    pub offset: i32,
}

impl Builder<'_> {
    /// Goes to `other` unless the test holds; leaves where there is no such place.
    fn go_unless(&mut self, test: Value, other: Option<Block>) {
        let Some(other) = other else {
            return self.guard(test, Reason::Changed);
        };
        let next = self.f.add_block();
        self.branch(test, next, other);
        self.block = next;
        self.terminated = false;
    }

    fn jump_to(&mut self, block: Block, args: Vec<Value>) {
        let target = BlockCall { block, args };
        self.f.end(self.block, Op::Jump, Vec::new(), None, vec![target]);
    }

    /// Does the present instruction for an object with inline values, and for one with a dictionary. What is read comes together
    /// before `each` goes on with it; stores are done each for itself.
    pub fn either_way(
        &mut self,
        object: Value,
        (shape, place): (&Shape, Place),
        (other, may_add): (Option<Block>, bool),
        stored: Option<Kind>,
        each: &mut dyn FnMut(&mut Self, &Shape, Found) -> Done,
    ) -> Done {
        let is_value = !matches!(shape.finds, Finds::OfClass { .. });
        let guard = shape.guard.filter(|_| !place.only);
        let Some(at) = guard else {
            let found = self.find_own(object, place, is_value, stored, other);
            return each(self, shape, found);
        };
        let next = self.index + 1;
        let valid = self.load_width(Type::Int, Width::I8, false, object, at as i32, ir_region::SHAPE);
        let zero = self.int(0);
        let valid = self.int_compare(IntCond::Ne, valid, zero);
        let (inline, own, join) = (self.f.add_block(), self.f.add_block(), self.f.add_block());
        self.branch(valid, inline, own);
        let frames = self.frames.clone();

        self.block = inline;
        self.terminated = false;
        if let Finds::OfClass {
            keys: Some((count, expected)),
            ..
        } = shape.finds
        {
            let count = self.pointer(count.cast(), "keys");
            let count = self.load(Type::Int, count, 0, ir_region::SHAPE);
            let wanted = self.int(expected as i64);
            let same = self.int_compare(IntCond::Eq, count, wanted);
            self.go_unless(same, other);
        }
        match other {
            Some(other) => self.have_fields(object, shape, may_add, other),
            None => self.expect_fields(object, shape),
        }
        match shape.finds {
            Finds::Value { offset, .. } if stored.is_none() => {
                let value = self.value_there(object, offset as i32);
                self.jump_to(join, vec![value]);
            }
            Finds::OfClass { .. } => self.jump_to(join, Vec::new()),
            _ => {
                each(self, shape, Found::Inline)?;
                self.frame().index = next;
                self.go_to_next(next)?;
            }
        }

        self.frames = frames;
        self.block = own;
        self.terminated = false;
        let found = self.find_own(object, place, is_value, stored, other);
        if stored.is_some() {
            return each(self, shape, found);
        }
        let found = match found {
            Found::Value(value) => {
                self.jump_to(join, vec![value]);
                Found::Value(self.f.add_param(join, Type::Object))
            }
            found => {
                self.jump_to(join, Vec::new());
                found
            }
        };
        self.block = join;
        each(self, shape, found)
    }

    /// An attribute's value, borrowed, which is there, or the code is left.
    pub fn value_there(&mut self, base: Value, offset: i32) -> Value {
        let value = self.load(Type::Object, base, offset, ir_region::ITEMS);
        let gone = self.op(Op::IsNull, &[value]);
        let there = self.op(Op::BoolNot, &[gone]);
        self.guard(there, Reason::Unbound);
        value
    }

    /// What an object has in its own dictionary, or where, for something of a kind to be stored there; or makes sure that there is nothing, where it is the class's that counts.
    pub fn find_own(
        &mut self,
        object: Value,
        place: Place,
        is_value: bool,
        stored: Option<Kind>,
        other: Option<Block>,
    ) -> Found {
        if !is_value {
            self.expect_lacking(object, place.name, other);
            return Found::Inline;
        }
        let entry = self.own_entry(object, place, other);
        match stored {
            Some(kind) => {
                self.expect_unwatched(&entry, kind, other);
                Found::Own(entry)
            }
            None => Found::Value(self.load(Type::Object, entry.base, entry.offset, ir_region::ITEMS)),
        }
    }

    /// Goes on if the object's own dictionary lacks the name. It does where the index table is empty at the first place that the
    /// name's hash leads to; where it is not, the runtime looks on.
    fn expect_lacking(&mut self, object: Value, name: *mut PyObject, other: Option<Block>) {
        let region = ir_region::SHAPE;
        let (_, keys) = self.own_keys(object, other);
        // SAFETY: a name is a str.
        let hash = unsafe { PyObject_Hash(name) };
        // Where the table is larger than 128 places, its indices are larger than a byte; here one of these is read then, which
        // may look empty.
        let log2 = offset_of!(DictKeys, dk_log2_size) as i32;
        let log2 = self.load_width(Type::Int, Width::I8, false, keys, log2, region);
        let most = self.int(7);
        let small = self.int_compare(IntCond::SignedLe, log2, most);
        let one = self.int(1);
        let places = self.op(Op::IntShl, &[one, log2]);
        let mask = self.op(Op::IntSub, &[places, one]);
        let hash = self.int(hash as i64);
        let at = self.op(Op::IntAnd, &[hash, mask]);
        let at = self.op(Op::AddOffset, &[keys, at]);
        let index = self.load_width(Type::Int, Width::I8, false, at, size_of::<DictKeys>() as i32, region);
        let empty = self.int(i64::from(DICT_INDEX_EMPTY as u8));
        let empty = self.int_compare(IntCond::Eq, index, empty);
        let lacks = self.op(Op::BoolAnd, &[small, empty]);
        let (looks_on, join) = (self.f.add_block(), self.f.add_block());
        self.branch(lacks, join, looks_on);
        self.block = looks_on;
        self.terminated = false;
        let name = self.object(name);
        let lacks = self.call(&LACKS_OWN, &[object, name], Some(Type::Int), (Effect::Reads, false));
        let zero = self.int(0);
        let lacks = self.int_compare(IntCond::Ne, lacks.expect("a result"), zero);
        self.go_unless(lacks, other);
        self.jump_to(join, Vec::new());
        self.block = join;
    }

    /// The object's own dictionary, and its keys, all of which are strings.
    fn own_keys(&mut self, object: Value, other: Option<Block>) -> (Value, Value) {
        let region = ir_region::SHAPE;
        let dictionary = self.load(Type::Object, object, MANAGED_DICT_OFFSET as i32, region);
        let none = self.op(Op::IsNull, &[dictionary]);
        let there = self.op(Op::BoolNot, &[none]);
        self.go_unless(there, other);
        let keys = offset_of!(DictObject, ma_keys) as i32;
        let keys = self.load(Type::Pointer, dictionary, keys, region);
        // Where all keys are strings, the values lie beside them.
        let kind = offset_of!(DictKeys, dk_kind) as i32;
        let kind = self.load_width(Type::Int, Width::I8, false, keys, kind, region);
        let strings = self.int(DICT_KEYS_UNICODE.into());
        let strings = self.int_compare(IntCond::Eq, kind, strings);
        self.go_unless(strings, other);
        (dictionary, keys)
    }

    /// The entry of the object's own dictionary that has the name.
    fn own_entry(&mut self, object: Value, place: Place, other: Option<Block>) -> Entry {
        let region = ir_region::SHAPE;
        let (dictionary, keys) = self.own_keys(object, other);
        let count = offset_of!(DictKeys, dk_nentries) as i32;
        let count = self.load(Type::Int, keys, count, region);
        let hint = self.int(place.hint as i64);
        let inside = self.int_compare(IntCond::SignedGt, count, hint);
        self.go_unless(inside, other);
        // The entries lie behind the index table, and that behind the head.
        let bits = offset_of!(DictKeys, dk_log2_index_bytes) as i32;
        let bits = self.load_width(Type::Int, Width::I8, false, keys, bits, region);
        let one = self.int(1);
        let bytes = self.op(Op::IntShl, &[one, bits]);
        let base = self.op(Op::AddOffset, &[keys, bytes]);
        let at = (size_of::<DictKeys>() + place.hint * size_of::<DictUnicodeEntry>()) as i32;
        let key = at + offset_of!(DictUnicodeEntry, me_key) as i32;
        let key = self.load(Type::Object, base, key, region);
        let name = self.object(place.name);
        let same = self.op(Op::Same, &[key, name]);
        self.go_unless(same, other);
        Entry {
            dictionary,
            base,
            offset: at + offset_of!(DictUnicodeEntry, me_value) as i32,
        }
    }

    /// Goes on if nobody is to be told of a change in the dictionary, nor the garbage collector of what it gets.
    fn expect_unwatched(&mut self, entry: &Entry, kind: Kind, other: Option<Block>) {
        let tag = self.dictionary_tag(entry);
        let watchers = self.int(DICT_WATCHER_MASK as i64);
        let watchers = self.op(Op::IntAnd, &[tag, watchers]);
        let zero = self.int(0);
        let unwatched = self.int_compare(IntCond::Eq, watchers, zero);
        self.go_unless(unwatched, other);
        if !kind.ends_quietly() {
            let next = self.load(Type::Int, entry.dictionary, GC_HEAD_NEXT as i32, ir_region::SHAPE);
            let tracked = self.int_compare(IntCond::Ne, next, zero);
            self.go_unless(tracked, other);
        }
    }

    fn dictionary_tag(&mut self, entry: &Entry) -> Value {
        let tag = offset_of!(DictObject, ma_version_tag) as i32;
        self.load(Type::Int, entry.dictionary, tag, ir_region::DATA)
    }

    /// A value of the dictionary is about to be replaced: it gets a version that no dictionary has had.
    pub fn note_change(&mut self, entry: &Entry) {
        let counter = self.pointer((&raw const DICTIONARY_VERSION).cast(), "dictionary_version");
        let old = self.load(Type::Int, counter, 0, ir_region::DATA);
        let step = self.int(DICT_VERSION_STEP as i64);
        let new = self.op(Op::IntAddWrapping, &[old, step]);
        self.store(new, counter, 0, ir_region::DATA);
        let tag = self.dictionary_tag(entry);
        let kept = self.int(DICT_VERSION_STEP as i64 - 1);
        let kept = self.op(Op::IntAnd, &[tag, kept]);
        let tag = self.op(Op::IntOr, &[new, kept]);
        let at = offset_of!(DictObject, ma_version_tag) as i32;
        self.store(tag, entry.dictionary, at, ir_region::DATA);
    }
}
