//! Locals, cells, globals, and names looked up in dictionaries; imports and functions, which bind them.

use crate::emitter::{Constant, Emitter, Item, Known};
use justjit_builder::{Builder, Type};
use justjit_runtime::fast::{COPY_FREE_VARS, MAKE_CELL};
use justjit_runtime::globals::{GlobalCell, LOAD_GLOBAL_CELL};
use justjit_runtime::layout::{Frame, offset};
use justjit_runtime::numbers::compact_value;
use justjit_runtime::ops::functions::{MAKE_FUNCTION, SET_FUNCTION_ATTRIBUTE};
use justjit_runtime::ops::imports::{IMPORT_FROM, IMPORT_NAME, IMPORT_STAR};
use justjit_runtime::ops::intrinsics::{
    CALL_INTRINSIC_1, CALL_INTRINSIC_2, STOPITERATION_ERROR, intrinsic_1_supported, intrinsic_2_supported, unary,
};
use justjit_runtime::ops::names as ops;
use justjit_runtime::version::HandOverReason;
use pyo3_ffi::*;
use std::mem::offset_of;

impl<B: Builder> Emitter<'_, B> {
    /// What is known of an object that lives as long as the code.
    pub fn constant(&self, object: *mut PyObject) -> Constant {
        // SAFETY: a live object; the GIL is held during a compilation.
        unsafe {
            let immortal = (object.cast::<u32>().read() as i32) < 0;
            let known = if PyLong_CheckExact(object) != 0 {
                compact_value(object).map_or(Known::Nothing, Known::Int)
            } else if PyFloat_CheckExact(object) != 0 {
                Known::Float(PyFloat_AS_DOUBLE(object))
            } else {
                Known::Nothing
            };
            Constant {
                object: object.cast_const().cast(),
                immortal,
                known,
            }
        }
    }

    /// `LOAD_CONST`.
    pub fn load_const(&mut self) {
        let constant = self.constant(self.input.constant(self.at.arg));
        self.push(Item::Const(constant));
    }

    /// `LOAD_FAST`.
    pub fn load_fast(&mut self, local: u32) {
        self.push(Item::Local(local));
    }

    /// `LOAD_FAST_CHECK`.
    pub fn load_fast_check(&mut self) {
        let local = self.at.arg;
        let value = self.load_local(local);
        self.check_bound(value, local);
        self.push(Item::Local(local));
    }

    /// Raises UnboundLocalError when the value is NULL.
    fn check_bound(&mut self, value: B::Value, local: u32) {
        let unbound = self.b.create_block();
        self.b.set_cold(unbound);
        let next = self.b.create_block();
        self.b.branch(value, (next, &[]), (unbound, &[]));
        self.b.switch_to(unbound);
        self.set_instruction_pointer();
        let name = self.object(self.input.local_name(local));
        self.b.call(&ops::RAISE_UNBOUND_LOCAL, &[name]);
        let raise = self.raise_block();
        self.b.jump(raise, &[]);
        self.b.switch_to(next);
    }

    /// `LOAD_FAST_AND_CLEAR`: the stack gets the local's value, which may be NULL.
    pub fn load_fast_and_clear(&mut self) {
        let local = self.at.arg;
        self.detach_local(local);
        let value = self.load_local(local);
        let null = self.null();
        self.store_local(local, null);
        self.push_owned(value);
    }

    /// `STORE_FAST`.
    pub fn store_fast(&mut self, local: u32) {
        // Items below that stand for the local keep its old value.
        let top = self.stack.pop().expect("decoding has checked the depth");
        self.detach_local(local);
        if let Item::Number(number) = top {
            let old = self.load_local(local);
            let done = self.b.create_block();
            let object = self.number_over(number, old, true, done);
            self.store_local(local, object);
            self.xdecref(old);
            self.b.jump(done, &[]);
            self.b.switch_to(done);
            return;
        }
        self.stack.push(top);
        let value = self.pop_owned();
        let old = self.load_local(local);
        self.store_local(local, value);
        self.xdecref(old);
    }

    /// `DELETE_FAST`.
    pub fn delete_fast(&mut self) {
        let local = self.at.arg;
        self.detach_local(local);
        let old = self.load_local(local);
        self.check_bound(old, local);
        let null = self.null();
        self.store_local(local, null);
        self.decref(old);
    }

    /// `MAKE_CELL`.
    pub fn make_cell(&mut self) {
        let slot = self.local_address(self.at.arg);
        self.call_status(&MAKE_CELL, &[slot], &[]);
    }

    /// `COPY_FREE_VARS`.
    pub fn copy_free_vars(&mut self) {
        let count = self.int32(self.at.arg as i32);
        self.b.call(&COPY_FREE_VARS, &[self.frame, count]);
    }

    /// Raises NameError or UnboundLocalError when a cell's value is NULL.
    fn check_cell(&mut self, value: B::Value, index: u32) {
        let unbound = self.b.create_block();
        self.b.set_cold(unbound);
        let next = self.b.create_block();
        self.b.branch(value, (next, &[]), (unbound, &[]));
        self.b.switch_to(unbound);
        self.set_instruction_pointer();
        let name = self.object(self.input.local_name(index));
        let free = self.int32(self.input.is_free(index).into());
        self.b.call(&ops::RAISE_UNBOUND_DEREF, &[name, free]);
        let raise = self.raise_block();
        self.b.jump(raise, &[]);
        self.b.switch_to(next);
    }

    /// `LOAD_DEREF`.
    pub fn load_deref(&mut self) {
        let cell = self.load_local(self.at.arg);
        let value = self.load(cell, offset::CELL_REF);
        self.check_cell(value, self.at.arg);
        self.incref(value);
        self.push_owned(value);
    }

    /// `STORE_DEREF`.
    pub fn store_deref(&mut self) {
        let value = self.pop_owned();
        let cell = self.load_local(self.at.arg);
        let old = self.load(cell, offset::CELL_REF);
        self.b.store(value, cell, offset::CELL_REF);
        self.xdecref(old);
    }

    /// `DELETE_DEREF`.
    pub fn delete_deref(&mut self) {
        let cell = self.load_local(self.at.arg);
        let old = self.load(cell, offset::CELL_REF);
        self.check_cell(old, self.at.arg);
        let null = self.null();
        self.b.store(null, cell, offset::CELL_REF);
        self.decref(old);
    }

    /// `LOAD_GLOBAL`.
    pub fn load_global(&mut self) {
        let name = self.input.name(self.at.arg >> 1);
        // SAFETY: the code object's names are interned and live as long as it.
        let value = match unsafe { self.input.global_cell(name) } {
            Some(cell) => {
                let cell = self.object(cell);
                let value = self.load(cell, offset_of!(GlobalCell, value) as i32);
                let join = self.b.create_block();
                let result = self.b.block_param(join, Type::I64);
                let known = self.b.create_block();
                let slow = self.b.create_block();
                self.b.set_cold(slow);
                self.b.branch(value, (known, &[]), (slow, &[]));
                self.b.switch_to(known);
                self.incref(value);
                self.b.jump(join, &[value]);
                self.b.switch_to(slow);
                let found = self.call_object(&LOAD_GLOBAL_CELL, &[cell], &[]);
                self.b.jump(join, &[found]);
                self.b.switch_to(join);
                result
            }
            None => {
                let globals = self.object(self.input.globals);
                let builtins = self.object(self.input.builtins);
                let name = self.object(name);
                self.call_object(&ops::LOAD_GLOBAL_SLOW, &[globals, builtins, name], &[])
            }
        };
        self.push_owned(value);
        if self.at.arg & 1 != 0 {
            self.push(Item::Null);
        }
    }

    /// `STORE_GLOBAL`.
    pub fn store_global(&mut self) {
        let value = self.pop();
        let globals = self.object(self.input.globals);
        let name = self.object(self.input.name(self.at.arg));
        self.call_status(&ops::STORE_GLOBAL, &[globals, name, value.value], &[value]);
    }

    /// `DELETE_GLOBAL`.
    pub fn delete_global(&mut self) {
        let globals = self.object(self.input.globals);
        let name = self.object(self.input.name(self.at.arg));
        self.call_status(&ops::DELETE_GLOBAL, &[globals, name], &[]);
    }

    fn frame_locals(&mut self) -> B::Value {
        self.frame_field(offset_of!(Frame, f_locals))
    }

    /// `LOAD_NAME`.
    pub fn load_name(&mut self) {
        let locals = self.frame_locals();
        let globals = self.object(self.input.globals);
        let builtins = self.object(self.input.builtins);
        let name = self.object(self.input.name(self.at.arg));
        let value = self.call_object(&ops::LOAD_NAME, &[locals, globals, builtins, name], &[]);
        self.push_owned(value);
    }

    /// `STORE_NAME`.
    pub fn store_name(&mut self) {
        let value = self.pop();
        let locals = self.frame_locals();
        let name = self.object(self.input.name(self.at.arg));
        self.call_status(&ops::STORE_NAME, &[locals, name, value.value], &[value]);
    }

    /// `DELETE_NAME`.
    pub fn delete_name(&mut self) {
        let locals = self.frame_locals();
        let name = self.object(self.input.name(self.at.arg));
        self.call_status(&ops::DELETE_NAME, &[locals, name], &[]);
    }

    /// `LOAD_LOCALS`.
    pub fn load_locals(&mut self) {
        let locals = self.frame_locals();
        let value = self.call_object(&ops::LOAD_LOCALS, &[locals], &[]);
        self.push_owned(value);
    }

    /// `LOAD_FROM_DICT_OR_GLOBALS`.
    pub fn load_from_dict_or_globals(&mut self) {
        let mapping = self.pop();
        let globals = self.object(self.input.globals);
        let builtins = self.object(self.input.builtins);
        let name = self.object(self.input.name(self.at.arg));
        let args = [mapping.value, globals, builtins, name];
        let value = self.call_object(&ops::LOAD_FROM_DICT_OR_GLOBALS, &args, &[mapping]);
        self.push_owned(value);
    }

    /// `LOAD_FROM_DICT_OR_DEREF`.
    pub fn load_from_dict_or_deref(&mut self) {
        let mapping = self.pop();
        let cell = self.load_local(self.at.arg);
        let name = self.object(self.input.local_name(self.at.arg));
        let free = self.int32(self.input.is_free(self.at.arg).into());
        let args = [mapping.value, cell, name, free];
        let value = self.call_object(&ops::LOAD_FROM_DICT_OR_DEREF, &args, &[mapping]);
        self.push_owned(value);
    }

    /// `SETUP_ANNOTATIONS`.
    pub fn setup_annotations(&mut self) {
        let locals = self.frame_locals();
        self.call_status(&ops::SETUP_ANNOTATIONS, &[locals], &[]);
    }

    /// `LOAD_BUILD_CLASS`.
    pub fn load_build_class(&mut self) {
        let builtins = self.object(self.input.builtins);
        let value = self.call_object(&ops::LOAD_BUILD_CLASS, &[builtins], &[]);
        self.push_owned(value);
    }

    /// `IMPORT_NAME`.
    pub fn import_name(&mut self) {
        let fromlist = self.pop();
        let level = self.pop();
        let globals = self.object(self.input.globals);
        let builtins = self.object(self.input.builtins);
        let locals = self.frame_locals();
        let name = self.object(self.input.name(self.at.arg));
        let args = [globals, builtins, locals, name, fromlist.value, level.value];
        let module = self.call_object(&IMPORT_NAME, &args, &[level, fromlist]);
        self.push_owned(module);
    }

    /// `IMPORT_FROM`.
    pub fn import_from(&mut self) {
        let module = self.peek(1);
        let name = self.object(self.input.name(self.at.arg));
        let value = self.call_object(&IMPORT_FROM, &[module, name], &[]);
        self.push_owned(value);
    }

    /// `MAKE_FUNCTION`.
    pub fn make_function(&mut self) {
        let code = self.pop();
        let globals = self.object(self.input.globals);
        let function = self.call_object(&MAKE_FUNCTION, &[code.value, globals], &[code]);
        self.push_owned(function);
    }

    /// `SET_FUNCTION_ATTRIBUTE`.
    pub fn set_function_attribute(&mut self) {
        let function = self.pop_owned();
        let value = self.pop_owned();
        let which = self.int32(self.at.arg as i32);
        self.b.call(&SET_FUNCTION_ATTRIBUTE, &[function, which, value]);
        self.push_owned(function);
    }

    /// `CALL_INTRINSIC_1`.
    pub fn call_intrinsic_1(&mut self) {
        let which = self.at.arg;
        if which == unary::IMPORT_STAR {
            let module = self.pop();
            let locals = self.frame_locals();
            self.call_status(&IMPORT_STAR, &[module.value, locals], &[module]);
            let none = self.constant(self.input.objects.none.cast_mut().cast());
            self.push(Item::Const(none));
            return;
        }
        if which == unary::ASYNC_GEN_WRAP {
            self.wrap_yielded();
            return;
        }
        if which == unary::STOPITERATION_ERROR {
            let exception = self.pop();
            let flags = self.int32(self.function.flags as i32);
            let result = self.call_object(&STOPITERATION_ERROR, &[exception.value, flags], &[exception]);
            self.push_owned(result);
            return;
        }
        if !intrinsic_1_supported(which) {
            self.hand_over_here(HandOverReason::Instruction);
            return;
        }
        let value = self.pop();
        let which = self.int32(which as i32);
        let result = self.call_object(&CALL_INTRINSIC_1, &[which, value.value], &[value]);
        self.push_owned(result);
    }

    /// `CALL_INTRINSIC_2`.
    pub fn call_intrinsic_2(&mut self) {
        let which = self.at.arg;
        if !intrinsic_2_supported(which) {
            self.hand_over_here(HandOverReason::Instruction);
            return;
        }
        let second = self.pop();
        let first = self.pop();
        let which = self.int32(which as i32);
        let result = self.call_object(&CALL_INTRINSIC_2, &[which, first.value, second.value], &[first, second]);
        self.push_owned(result);
    }
}
