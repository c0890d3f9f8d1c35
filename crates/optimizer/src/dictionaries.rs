//! Attributes of objects that have them in dictionaries of their own, as those have that got more attributes than their
//! class's instances have room for.

use crate::builder::{Builder, Done, ir_region};
use crate::item::{Item, Kind, Object};
use justjit_builder::{IntCond, Type as Width};
use justjit_ir::{Block, Effect, Op, Reason, Type, Value};
use justjit_runtime::attributes::{Finds, LACKS_OWN, OWN_VALUE, SET_OWN, Shape};
use pyo3_ffi::PyObject;

/// A name in such a dictionary, and which entry it may be.
pub struct Place {
    pub name: *mut PyObject,
    pub hint: usize,
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

    /// Does the present instruction for an object with inline values, and for one with a dictionary: `each` is given what the
    /// latter has, borrowed, if a value is wanted.
    pub fn either_way(
        &mut self,
        object: Value,
        (shape, place): (&Shape, &Place),
        (other, may_add): (Option<Block>, bool),
        each: &mut dyn FnMut(&mut Self, &Shape, Option<Value>) -> Done,
    ) -> Done {
        let next = self.index + 1;
        let at = shape.guard.expect("a class with inline values") as i32;
        let valid = self.load_width(Type::Int, Width::I8, false, object, at, ir_region::ANY);
        let zero = self.int(0);
        let valid = self.int_compare(IntCond::Ne, valid, zero);
        let (inline, own) = (self.f.add_block(), self.f.add_block());
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
            let count = self.load(Type::Int, count, 0, ir_region::ANY);
            let wanted = self.int(expected as i64);
            let same = self.int_compare(IntCond::Eq, count, wanted);
            self.go_unless(same, other);
        }
        match other {
            Some(other) => self.have_fields(object, shape, may_add, other),
            None => self.expect_fields(object, shape),
        }
        each(self, shape, None)?;
        self.frame().index = next;
        self.go_to_next(next)?;

        self.frames = frames;
        self.block = own;
        self.terminated = false;
        let name = self.object(place.name);
        let reads = |owned| (Effect::Reads, owned);
        if matches!(shape.finds, Finds::OfClass { .. }) {
            let lacks = self.call(&LACKS_OWN, &[object, name], Some(Type::Int), reads(false));
            let zero = self.int(0);
            let lacks = self.int_compare(IntCond::Ne, lacks.expect("a result"), zero);
            self.go_unless(lacks, other);
            return each(self, shape, None);
        }
        let hint = self.int(place.hint as i64);
        let value = self.call(&OWN_VALUE, &[object, name, hint], Some(Type::Object), reads(false));
        let value = value.expect("a result");
        let gone = self.op(Op::IsNull, &[value]);
        let there = self.op(Op::BoolNot, &[gone]);
        self.go_unless(there, other);
        each(self, shape, Some(value))
    }

    /// Writes over what an object's own dictionary has.
    pub fn set_own(&mut self, object: Object, name: *mut PyObject, old: Value, value: Item) -> Done {
        // Its end comes when the new one is there.
        self.effect(Op::Incref, &[old], justjit_ir::Imm::None);
        let (value, item) = self.borrow_object(value)?;
        let name = self.object(name);
        self.call(&SET_OWN, &[object.value, name, value], None, (Effect::Any, false));
        self.release_all([item, Item::owned(old, Kind::Unknown), Item::Object(object)]);
        Ok(())
    }
}
