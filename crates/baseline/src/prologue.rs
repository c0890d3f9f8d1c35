//! Entering and leaving a function.

use crate::assigned::Locals;
use crate::emitter::{Emitter, slot_offset};
use justjit_builder::{Builder, IntCond, IntOp, Type};
use justjit_bytecode::{Opcode, flags};
use justjit_runtime::frame::LEAVE;
use justjit_runtime::layout::{Code, Frame, ThreadState};
use justjit_runtime::safepoint::{ENTRY_CHECK, verdict};
use justjit_runtime::thread::Thread;
use justjit_runtime::version::{HandOverReason, Version};
use std::mem::offset_of;

/// Where more locals than this number may have a value, they are dropped by a loop in the runtime.
const INLINE_DROPS: usize = 10;

impl<B: Builder> Emitter<'_, B> {
    /// Fills in the frame record and links the frame. The caller has stored the arguments and the function.
    pub fn prologue(&mut self) {
        let input = self.input;
        let (thread_state, frame) = (self.tstate, self.frame);
        let store = |this: &mut Self, value: B::Value, offset: usize| this.b.store(value, frame, offset as i32);
        let code = self.object(input.code);
        store(self, code, offset_of!(Frame, f_executable));
        let previous = self.load(thread_state, offset_of!(ThreadState, current_frame) as i32);
        store(self, previous, offset_of!(Frame, previous));
        let globals = self.object(input.globals);
        store(self, globals, offset_of!(Frame, f_globals));
        let builtins = self.object(input.builtins);
        store(self, builtins, offset_of!(Frame, f_builtins));
        let null = self.null();
        if self.function.flags & flags::OPTIMIZED != 0 {
            store(self, null, offset_of!(Frame, f_locals));
        }
        store(self, null, offset_of!(Frame, frame_obj));
        if self.function.instructions[0].opcode != Opcode::Resume {
            // Else that instruction stores its own before anybody can look.
            let first = self.instruction_address(0);
            store(self, first, offset_of!(Frame, instr_ptr));
        }
        // stacktop, return_offset, owner (FRAME_OWNED_BY_THREAD): one word.
        let word = self.int(self.function.nlocals_plus.into());
        store(self, word, offset_of!(Frame, stacktop));
        for local in self.input.parameters()..self.locals() {
            self.b.store(null, frame, slot_offset(local));
        }
        self.b
            .store(frame, thread_state, offset_of!(ThreadState, current_frame) as i32);
        // SAFETY: a live code object.
        let words = unsafe { (*input.code).co_framesize };
        let top = self.b.int_op_const(IntOp::Add, frame, i64::from(words) * 8);
        self.b
            .store(top, thread_state, offset_of!(ThreadState, datastack_top) as i32);
        let offset = offset_of!(ThreadState, py_recursion_remaining) as i32;
        let remaining = self.b.load(Type::I32, thread_state, offset);
        let remaining = self.b.int_op_const(IntOp::Sub, remaining, 1);
        self.b.store(remaining, thread_state, offset);
        self.count(offset_of!(Version, calls));
    }

    /// Adds one to a counter of the version.
    pub fn count(&mut self, field: usize) {
        let version = self.object::<Version>(self.input.version);
        let old = self.load(version, field as i32);
        let new = self.b.int_op_const(IntOp::Add, old, 1);
        self.b.store(new, version, field as i32);
    }

    /// `RESUME`. At a function's start: breaker, recursion limit, stack, and the time to look at feedback.
    pub fn resume(&mut self) {
        if self.function.is_resumable() {
            self.resume_generator();
            return;
        }
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let breaker = self.load(self.tstate, offset_of!(ThreadState, eval_breaker) as i32);
        let expected = self.load(self.thread, offset_of!(Thread, expected_breaker) as i32);
        let quiet = self.b.compare(IntCond::Eq, breaker, expected);
        self.b.branch_unless(quiet, slow, &[]);
        let remaining_offset = offset_of!(ThreadState, py_recursion_remaining) as i32;
        let remaining = self.b.load(Type::I32, self.tstate, remaining_offset);
        let too_deep = self.b.compare_const(IntCond::SignedLt, remaining, 0);
        self.b.branch_if(too_deep, slow, &[]);
        let stack_pointer = self.b.stack_pointer();
        let limit = self.load(self.thread, offset_of!(Thread, stack_limit) as i32);
        let too_low = self.b.compare(IntCond::UnsignedLt, stack_pointer, limit);
        self.b.branch_if(too_low, slow, &[]);
        let version = self.object::<Version>(self.input.version);
        let calls = self.load(version, offset_of!(Version, calls) as i32);
        let check = self.load(version, offset_of!(Version, check_calls) as i32);
        let time = self.b.compare(IntCond::UnsignedGe, calls, check);
        self.b.branch_if(time, slow, &[]);
        let code = self.object(self.input.code);
        let monitoring = self.load(code, offset_of!(Code, co_monitoring) as i32);
        let next = self.b.create_block();
        self.b.branch(monitoring, (slow, &[]), (next, &[]));

        self.b.switch_to(slow);
        self.set_instruction_pointer();
        let remaining = self.b.load(Type::I32, self.tstate, remaining_offset);
        let stack_pointer = self.b.stack_pointer();
        let version = self.object::<Version>(self.input.version);
        let outcome = self.b.call_value(
            &ENTRY_CHECK,
            &[self.thread, self.frame, remaining, stack_pointer, version],
        );
        let stop = self.b.create_block();
        self.b.branch(outcome, (stop, &[]), (next, &[]));
        self.b.switch_to(stop);
        let over = self.b.create_block();
        let handing_over = self.b.compare_const(IntCond::Eq, outcome, verdict::HAND_OVER.into());
        self.b.branch_if(handing_over, over, &[]);
        let raise = self.raise_block();
        let raised = self.b.compare_const(IntCond::Eq, outcome, verdict::RAISE.into());
        self.b.branch_if(raised, raise, &[]);
        let null = self.null();
        self.b.ret(null);
        self.b.switch_to(over);
        self.hand_over(self.at.offset, 0, HandOverReason::Instrumentation);

        self.b.switch_to(next);
        // From here on the frame is complete, and whoever looks sees it at its first line.
        self.set_instruction_pointer();
    }

    /// The block, with a parameter for the result, that leaves the function from the present instruction.
    pub fn leave_block(&mut self) -> B::Block {
        let inlined = self.leaves_inline(&self.assigned);
        if let Some((_, block, _)) = self
            .leaves
            .iter()
            .find(|(locals, ..)| *locals == self.assigned || !inlined && !self.leaves_inline(locals))
        {
            return *block;
        }
        let block = self.b.create_block();
        let value = self.b.block_param(block, Type::I64);
        self.leaves.push((self.assigned.clone(), block, value));
        block
    }

    /// The blocks that leave the function: unlink the frame, drop the locals, pop it.
    pub fn epilogue(&mut self) {
        for (locals, block, value) in std::mem::take(&mut self.leaves) {
            self.b.switch_to(block);
            let by_runtime = self.b.create_block();
            if !self.leaves_inline(&locals) {
                self.b.jump(by_runtime, &[]);
            } else {
                self.b.set_cold(by_runtime);
                // Who has a frame object may have assigned to any local.
                let object = self.frame_field(offset_of!(Frame, frame_obj));
                self.b.branch_if(object, by_runtime, &[]);
                self.leave_inline(&locals, value);
            }
            self.b.switch_to(by_runtime);
            self.b.call(&LEAVE, &[self.thread, self.frame]);
            self.b.ret(value);
        }
    }

    /// Whether a function is left in machine code where these locals may have a value.
    fn leaves_inline(&self, locals: &Locals) -> bool {
        locals.len() <= INLINE_DROPS && self.function.flags & flags::OPTIMIZED != 0 && !self.function.is_resumable()
    }

    fn leave_inline(&mut self, locals: &Locals, value: B::Value) {
        let previous = self.frame_field(offset_of!(Frame, previous));
        self.b
            .store(previous, self.tstate, offset_of!(ThreadState, current_frame) as i32);
        for local in 0..self.locals() {
            if locals.contains(local) {
                let old = self.load_local(local as u32);
                self.xdecref(old);
            }
        }
        self.b
            .store(self.frame, self.tstate, offset_of!(ThreadState, datastack_top) as i32);
        let offset = offset_of!(ThreadState, py_recursion_remaining) as i32;
        let remaining = self.b.load(Type::I32, self.tstate, offset);
        let remaining = self.b.int_op_const(IntOp::Add, remaining, 1);
        self.b.store(remaining, self.tstate, offset);
        self.b.ret(value);
    }
}
