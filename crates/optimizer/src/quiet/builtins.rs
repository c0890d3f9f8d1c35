//! Builtins that raise exceptions which need not be made.

use crate::builder::{Builder, Done, ir_region};
use crate::item::{Item, Kind};
use justjit_builder::IntCond;
use justjit_ir::{self as ir, Effect, Op, Type};
use justjit_runtime::deopt::{IS_NO_INT, Message, NEXT_ITEM, PARSE_INT};
use justjit_runtime::layout::offset;
use pyo3_ffi::*;

impl Builder<'_> {
    /// `int(string)`; `false` if nothing has been done.
    pub fn int_of_string(&mut self, item: &Item) -> Done<bool> {
        // SAFETY: a class of the interpreter's.
        let catcher = self.quiet_catcher(unsafe { PyExc_ValueError }.cast());
        let (Some(catcher), Item::Object(object)) = (catcher, item) else {
            return Ok(false);
        };
        let string = object.value;
        let value = self
            .call(&PARSE_INT, &[string], Some(Type::Object), (Effect::Allocate, true))
            .expect("a result");
        let none = self.op(Op::IsNull, &[value]);
        let fine = self.op(Op::BoolNot, &[none]);
        let int = self.object_symbol((&raw mut PyLong_Type).cast());
        let args = vec![item.clone()];
        self.else_raise(fine, |this| {
            let status = this
                .call(&IS_NO_INT, &[string], Some(Type::Int), (Effect::Reads, false))
                .expect("a result");
            let zero = this.int(0);
            let certain = this.int_compare(IntCond::Ne, status, zero);
            // It may be one that is not read here.
            this.guard(certain, ir::Reason::Type);
            this.raise_made_by(catcher, Some(int), args, Vec::new())
        })?;
        self.specialized += 1;
        self.push(Item::owned(value, Kind::Int));
        self.release_known(item.clone(), Kind::Str);
        Ok(true)
    }

    /// `next(iterator)` of an iterator that goes over a list, a tuple or a range; `false` if nothing has been done.
    pub fn next_of(&mut self, item: &Item, kind: Kind) -> Done<bool> {
        // SAFETY: a class of the interpreter's.
        let catcher = self.quiet_catcher(unsafe { PyExc_StopIteration }.cast());
        let (Some(catcher), Item::Object(object)) = (catcher, item) else {
            return Ok(false);
        };
        let iterator = object.value;
        let value = self
            .call(&NEXT_ITEM, &[iterator], Some(Type::Object), (Effect::Any, true))
            .expect("a result");
        let none = self.op(Op::IsNull, &[value]);
        let more = self.op(Op::BoolNot, &[none]);
        let operand = item.clone();
        self.else_raise(more, |this| {
            let mut operands = Vec::new();
            if kind != Kind::RangeIterator {
                // At its end it gives up what it went over, if it has not done so before.
                let sequence = this.load_owned(iterator, offset::SEQITER_SEQ, ir_region::ANY);
                let null = this.null();
                this.store(null, iterator, offset::SEQITER_SEQ, ir_region::ANY);
                if kind == Kind::ListIterator {
                    let ended = this.int(-1);
                    this.store(ended, iterator, offset::SEQITER_INDEX, ir_region::ANY);
                }
                operands.push(Item::owned(sequence, Kind::Maybe));
            }
            operands.push(operand);
            this.raise_quietly(catcher, Vec::new(), operands)
        })?;
        self.specialized += 1;
        self.push(Item::owned(value, Kind::Unknown));
        self.release_known(item.clone(), kind);
        Ok(true)
    }

    /// The argument of an exception of the interpreter's.
    pub fn message(&mut self, message: Message) -> Item {
        // SAFETY: the GIL is held.
        let text = unsafe { message.text() };
        self.constant_item(text)
    }
}
