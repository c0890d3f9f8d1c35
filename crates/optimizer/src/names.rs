//! Globals and cells.

use crate::builder::{Builder, Done, ir_region};
use crate::item::{Form, Item, NO_CLASS};
use justjit_builder::IntCond;
use justjit_ir::{Effect, Imm, Op, Reason, Type, Value};
use justjit_runtime::globals::WRITE_GLOBAL_INT;
use justjit_runtime::layout::offset;
use justjit_runtime::ops::names::STORE_GLOBAL;
use justjit_runtime::optimized;
use pyo3_ffi::*;

impl Builder<'_> {
    // ---- globals -------------------------------------------------------------------------------------------------

    /// `LOAD_GLOBAL`: a constant, until it changes.
    pub fn load_global(&mut self, arg: usize) -> Done {
        let info = self.info();
        let (globals, builtins) = (info.globals, info.builtins);
        // SAFETY: decoding has checked the index.
        let name = unsafe { PyTuple_GET_ITEM((*info.code).co_names, (arg >> 1) as Py_ssize_t) };
        let widened = self.is_widened(Reason::Changed);
        let Some(value) = self.known.global(globals, builtins, name, !widened) else {
            self.deopt(Reason::Changed);
            return Ok(());
        };
        let item = match value {
            crate::Global::Constant(object) => self.constant_item(object),
            crate::Global::Cell(cell) => {
                let cell = self.pointer(cell.cast(), "cell");
                let value = self.load(Type::Object, cell, 0, ir_region::ANY);
                let gone = self.op(Op::IsNull, &[value]);
                let there = self.op(Op::BoolNot, &[gone]);
                self.guard(there, Reason::Changed);
                let kind = self.predicted_result();
                let numeric = self.info().uses.is_numeric(self.index);
                self.element(value, kind, numeric)?
            }
        };
        self.specialized += 1;
        self.push(item);
        if arg & 1 != 0 {
            self.push(Item::Null);
        }
        Ok(())
    }

    /// `STORE_GLOBAL`.
    pub fn store_global(&mut self, index: usize) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let name = self.name(index);
        let globals = self.info().globals;
        let item = self.pop();
        self.write_global(&item, name)?;
        let (value, item) = self.borrow_object(item)?;
        self.begin_unknown()?;
        // Whoever runs this has them.
        let globals = self.pointer(globals.cast_const().cast(), "globals");
        let name = self.object(name);
        let args = [globals, name, value];
        let status = self.unknown_call(&STORE_GLOBAL, &args, Type::Int, vec![item]);
        self.raise_if_negative(status);
        Ok(())
    }

    /// An int may be written over the one that the name has: what follows is for where that cannot be.
    fn write_global(&mut self, item: &Item, name: *mut PyObject) -> Done {
        let (globals, builtins) = (self.info().globals, self.info().builtins);
        let Item::Int(value) = *item else { return Ok(()) };
        if self.is_inlined() || !self.may_lose_object(item) {
            return Ok(());
        }
        let Some(crate::Global::Cell(cell)) = self.known.global(globals, builtins, name, false) else {
            return Ok(());
        };
        let cell = self.pointer(cell.cast(), "cell");
        let written = self.call(&WRITE_GLOBAL_INT, &[cell, value], Some(Type::Int), (Effect::Any, false));
        let zero = self.int(0);
        let written = self.int_compare(IntCond::Ne, written.expect("a result"), zero);
        let (done, otherwise) = (self.f.add_block(), self.f.add_block());
        self.branch(written, done, otherwise);
        self.specialized += 1;
        let frames = self.frames.clone();
        let next = self.index + 1;
        self.block = done;
        self.join_at(next);
        self.go_to_next(next)?;
        self.block = otherwise;
        self.terminated = false;
        self.f.blocks[otherwise.index()].cold = true;
        self.frames = frames;
        Ok(())
    }

    // ---- cells ---------------------------------------------------------------------------------------------------

    /// The cell in a slot of localsplus.
    fn cell(&mut self, slot: usize) -> Option<Value> {
        match self.frame().locals[slot].item {
            Item::Object(object) => Some(object.value),
            Item::Constant(constant) => Some(self.op_imm(Op::ObjectConst, &[], Imm::Symbol(constant.symbol))),
            _ => None,
        }
    }

    /// The cell in a slot of localsplus, if it is one that has not been made.
    fn cell_not_made(&self, slot: usize) -> Option<u32> {
        match self.form_of(&self.frames.last()?.locals[slot].item) {
            Some((id, Form::Cell)) => Some(id),
            _ => None,
        }
    }

    /// `MAKE_CELL` in an inlined callee: the cell is not made until somebody wants it.
    pub fn make_cell(&mut self, slot: usize) {
        let initial = std::mem::replace(&mut self.frame().locals[slot].item, Item::Null);
        let cell = self.new_cell(initial);
        self.frame().locals[slot].item = cell;
    }

    /// A cell that has not been made.
    pub fn new_cell(&mut self, initial: Item) -> Item {
        self.specialized += 1;
        self.new_object_with(NO_CLASS, vec![(0, initial)], Form::Cell)
    }

    /// `LOAD_DEREF`.
    pub fn load_deref(&mut self, slot: usize) -> Done {
        if let Some(id) = self.cell_not_made(slot) {
            match self.frames[0].instances[id as usize].values[0].1.clone() {
                Item::Null => self.deopt(Reason::Unbound),
                item => {
                    let item = self.shared(item);
                    self.specialized += 1;
                    self.push(item);
                }
            }
            return Ok(());
        }
        let Some(cell) = self.cell(slot) else {
            self.deopt(Reason::Unsupported);
            return Ok(());
        };
        let value = self.load(Type::Object, cell, offset::CELL_REF, ir_region::ANY);
        if let Some(class) = self.class_in_cell(slot) {
            let expected = self.object(class);
            let same = self.op(Op::Same, &[value, expected]);
            self.guard(same, Reason::Changed);
            let item = self.constant_item(class);
            self.specialized += 1;
            self.push(item);
            return Ok(());
        }
        let gone = self.op(Op::IsNull, &[value]);
        let there = self.op(Op::BoolNot, &[gone]);
        self.guard(there, Reason::Unbound);
        let kind = self.predicted_result();
        let numeric = self.info().uses.is_numeric(self.index);
        let item = self.element(value, kind, numeric)?;
        self.specialized += 1;
        self.push(item);
        Ok(())
    }

    /// `STORE_DEREF`.
    pub fn store_deref(&mut self, slot: usize) -> Done {
        if let Some(id) = self.cell_not_made(slot) {
            let item = self.pop();
            // A cell that holds itself by way of something is an object, and so is what has no second name.
            let item = if self.reaches(&item, id) || item.has_iterator() {
                let kind = item.kind();
                let value = self.owned_object(item)?;
                Item::owned(value, kind)
            } else {
                item
            };
            self.specialized += 1;
            let place = &mut self.frames[0].instances[id as usize].values[0].1;
            let old = std::mem::replace(place, item);
            self.release(old);
            return Ok(());
        }
        let Some(cell) = self.cell(slot) else {
            self.deopt(Reason::Unsupported);
            return Ok(());
        };
        if !self.is_inlined() {
            // What the cell had may end.
            self.make_handled()?;
        }
        let item = self.pop();
        let value = self.owned_object(item)?;
        let old = self.load(Type::Object, cell, offset::CELL_REF, ir_region::ANY);
        self.store_owned(value, cell, offset::CELL_REF, ir_region::ANY);
        self.take_over(old);
        self.specialized += 1;
        self.call(&optimized::DROP_IF_ANY, &[old], None, (Effect::Any, false));
        if self.is_inlined() {
            return self.refuse_inlining();
        }
        self.unsure = true;
        Ok(())
    }

    /// A name that the instruction refers to.
    pub fn name(&self, index: usize) -> *mut PyObject {
        // SAFETY: decoding has checked the index.
        unsafe { PyTuple_GET_ITEM((*self.info().code).co_names, index as Py_ssize_t) }
    }

    /// An object that the present symbol stands for.
    pub fn symbol_address(&self, item: &Item) -> Option<*mut PyObject> {
        match item {
            Item::Constant(constant) => Some(self.f.symbols[constant.symbol.index()].address.cast_mut().cast()),
            _ => None,
        }
    }
}
