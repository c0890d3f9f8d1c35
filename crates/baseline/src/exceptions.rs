//! Raising, handling, and `with`.

use crate::emitter::{Emitter, Item};
use justjit_builder::{Builder, RuntimeFn, Type};
use justjit_runtime::frame::{POP_EXCEPT, PUSH_EXC_INFO, RERAISE};
use justjit_runtime::ops::exceptions::{CHECK_EG_MATCH, CHECK_EXC_MATCH, RAISE_VARARGS, WITH_EXCEPT_START};

impl<B: Builder> Emitter<'_, B> {
    /// `PUSH_EXC_INFO`.
    pub fn push_exc_info(&mut self) {
        let exception = self.pop_owned();
        let before = self.b.call_value(&PUSH_EXC_INFO, &[self.thread, exception]);
        self.push_owned(before);
        self.push_owned(exception);
    }

    /// `POP_EXCEPT`.
    pub fn pop_except(&mut self) {
        let before = self.pop_owned();
        self.set_instruction_pointer();
        self.b.call(&POP_EXCEPT, &[self.thread, before]);
    }

    /// `RERAISE`.
    pub fn reraise(&mut self) {
        let exception = self.pop_owned();
        let lasti = if self.at.arg == 0 {
            self.null()
        } else {
            self.peek(self.at.arg as usize)
        };
        self.set_instruction_pointer();
        self.b.call(&RERAISE, &[self.frame, exception, lasti]);
        let raise = self.raise_block_again();
        self.b.jump(raise, &[]);
        self.terminated = true;
    }

    /// `RAISE_VARARGS`.
    pub fn raise_varargs(&mut self) {
        let cause = (self.at.arg >= 2).then(|| self.pop());
        let exception = (self.at.arg >= 1).then(|| self.pop());
        let cause_value = match cause {
            Some(cause) => cause.value,
            None => self.null(),
        };
        let exception_value = match exception {
            Some(exception) => exception.value,
            None => self.null(),
        };
        let count = self.int32(self.at.arg as i32);
        self.set_instruction_pointer();
        let again = self
            .b
            .call_value(&RAISE_VARARGS, &[exception_value, cause_value, count]);
        for operand in [exception, cause].into_iter().flatten() {
            self.release(operand);
        }
        let kept = self.raise_block_again();
        let raised = self.raise_block();
        self.b.branch(again, (kept, &[]), (raised, &[]));
        self.terminated = true;
    }

    /// `CHECK_EXC_MATCH`.
    pub fn check_exc_match(&mut self) {
        let types = self.pop();
        let exception = self.peek(1);
        let status = self.call_status(&CHECK_EXC_MATCH, &[exception, types.value], &[types]);
        let result = self.b.truncate(Type::I8, status);
        self.push(Item::Bool(result));
    }

    /// `CHECK_EG_MATCH`: the part that does not match, and the part that does or None.
    pub fn check_eg_match(&mut self) {
        let types = self.pop();
        let group = self.pop();
        let depth = self.depth();
        let rest = self.stack_address(depth);
        let matching = self.stack_address(depth + 1);
        self.call_status(
            &CHECK_EG_MATCH,
            &[group.value, types.value, rest, matching],
            &[group, types],
        );
        self.stack.extend([Item::Memory, Item::Memory]);
    }

    /// `BEFORE_WITH` and `BEFORE_ASYNC_WITH`: the exit method and the result of the enter method.
    pub fn before_with(&mut self, enter: &RuntimeFn) {
        let manager = self.pop();
        let depth = self.depth();
        let out = self.stack_address(depth);
        let entered = self.call_object(enter, &[manager.value, out], &[manager]);
        self.push(Item::Memory);
        self.push_owned(entered);
    }

    /// `WITH_EXCEPT_START`.
    pub fn with_except_start(&mut self) {
        let exception = self.peek(1);
        let exit = self.peek(4);
        let result = self.call_object(&WITH_EXCEPT_START, &[exit, exception], &[]);
        self.push_owned(result);
    }

    /// `LOAD_ASSERTION_ERROR`.
    pub fn load_assertion_error(&mut self) {
        let constant = self.constant(self.input.objects.assertion_error.cast_mut().cast());
        self.push(Item::Const(constant));
    }
}
