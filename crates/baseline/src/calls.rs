//! Calls.

use crate::emitter::{Emitter, Item, slot_offset};
use justjit_builder::{Builder, IntCond, IntOp, Type};
use justjit_runtime::call::{CALL, CALL_EX, CALL_KW, CallSite};
use justjit_runtime::feedback::seen;
use justjit_runtime::layout::{Frame, Function, ThreadState};
use std::mem::offset_of;

impl<B: Builder> Emitter<'_, B> {
    /// `CALL`: a compiled Python function is entered directly; all else goes to the runtime with the arguments in the
    /// frame's memory.
    pub fn call(&mut self) {
        let nargs = self.at.arg as usize;
        let base = self.depth() - nargs - 2;
        // Whatever is called may change any local.
        self.detach_all_locals();
        let self_item = self.stack[base + 1];
        let likely_null = self.likely_null.contains(&(base + 1));
        let plain = self_item == Item::Null || likely_null;
        let site_address = self.input.call_site(self.index);
        let direct = self.inlines(seen::PYTHON);
        self.set_instruction_pointer();
        if !direct {
            self.flush_from(base);
            let site = self.object(site_address);
            let items = self.stack_address(base);
            let count = self.int(nargs as i64);
            let result = self.b.call_value(&CALL, &[self.thread, site, items, count]);
            self.stack.truncate(base);
            let raise = self.raise_block();
            self.b.branch_unless(result, raise, &[]);
            self.push_owned(result);
            self.safepoint(self.at.next, true);
            return;
        }
        // Everything the call consumes, in registers and owned.
        let values: Vec<B::Value> = (base..self.depth()).map(|depth| self.own_at(depth)).collect();
        let (callable, receiver, args) = (values[0], values[1], &values[2..]);
        let site = self.object(site_address);
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);

        let is_function = self.has_type(callable, self.input.objects.function_type);
        self.b.branch_unless(is_function, slow, &[]);
        let entry = self.load(callable, offset_of!(Function, vectorcall) as i32);
        let expected = self.load(site, offset_of!(CallSite, vectorcall) as i32);
        let same = self.b.compare(IntCond::Eq, entry, expected);
        self.b.branch_unless(same, slow, &[]);
        if likely_null {
            self.b.branch_if(receiver, slow, &[]);
        } else if !plain {
            self.b.branch_unless(receiver, slow, &[]);
        }
        let new = self.load(self.tstate, offset_of!(ThreadState, datastack_top) as i32);
        let bytes = self.load(site, offset_of!(CallSite, frame_bytes) as i32);
        let end = self.b.int_op(IntOp::Add, new, bytes);
        let limit = self.load(self.tstate, offset_of!(ThreadState, datastack_limit) as i32);
        let fits = self.b.compare(IntCond::UnsignedLt, end, limit);
        self.b.branch_unless(fits, slow, &[]);
        self.b.store(callable, new, offset_of!(Frame, f_funcobj) as i32);
        let mut parameter = 0;
        if !plain {
            self.b.store(receiver, new, slot_offset(0));
            parameter = 1;
        }
        for &arg in args {
            self.b.store(arg, new, slot_offset(parameter));
            parameter += 1;
        }
        if self.input.count_hits {
            let field = offset_of!(CallSite, hits) as i32;
            let old = self.load(site, field);
            let more = self.b.int_op_const(IntOp::Add, old, 1);
            self.b.store(more, site, field);
        }
        let body = self.load(site, offset_of!(CallSite, body) as i32);
        let entry = self.int(0);
        let value = self
            .b
            .call_indirect(&crate::BODY, body, &[self.thread, new, entry])
            .expect("a body has a result");
        self.decref(callable);
        self.b.jump(join, &[value]);

        self.b.switch_to(slow);
        for (index, &value) in values.iter().enumerate() {
            let offset = self.stack_slot(base + index);
            self.b.store(value, self.frame, offset);
        }
        let items = self.stack_address(base);
        let count = self.int(nargs as i64);
        let value = self.b.call_value(&CALL, &[self.thread, site, items, count]);
        self.b.jump(join, &[value]);

        self.b.switch_to(join);
        self.stack.truncate(base);
        let raise = self.raise_block();
        self.b.branch_unless(result, raise, &[]);
        self.push_owned(result);
        self.safepoint(self.at.next, true);
    }

    /// `CALL_KW`.
    pub fn call_kw(&mut self) {
        let nargs = self.at.arg as usize;
        self.detach_all_locals();
        let kwnames = self.pop_owned();
        let base = self.depth() - nargs - 2;
        self.flush_from(base);
        self.set_instruction_pointer();
        let items = self.stack_address(base);
        let count = self.int(nargs as i64);
        let result = self.b.call_value(&CALL_KW, &[self.thread, items, count, kwnames]);
        self.stack.truncate(base);
        let raise = self.raise_block();
        self.b.branch_unless(result, raise, &[]);
        self.push_owned(result);
        self.safepoint(self.at.next, true);
    }

    /// `CALL_FUNCTION_EX`.
    pub fn call_function_ex(&mut self) {
        self.detach_all_locals();
        let kwargs = if self.at.arg & 1 != 0 {
            self.pop_owned()
        } else {
            self.null()
        };
        let args = self.pop_owned();
        self.pop();
        let callable = self.pop_owned();
        self.set_instruction_pointer();
        let result = self.b.call_value(&CALL_EX, &[callable, args, kwargs]);
        let raise = self.raise_block();
        self.b.branch_unless(result, raise, &[]);
        self.push_owned(result);
        self.safepoint(self.at.next, true);
    }
}
