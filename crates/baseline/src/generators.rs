//! Generators, coroutines and asynchronous generators: suspending, and waiting for others.
//!
//! A body is entered by the runtime (`justjit_runtime::generator`), which has linked the frame and put what was sent on
//! its operand stack, at the resume point where it was suspended. Everything lies in the frame's memory there.

use crate::emitter::{Emitter, Item, Operand, slot_offset};
use justjit_builder::{Builder, IntCond, IntOp, Type};
use justjit_bytecode::Opcode;
use justjit_runtime::generator::MAKE_GENERATOR;
use justjit_runtime::generator::asynchronous::WRAP_YIELDED;
use justjit_runtime::layout::{Code, ExceptionStackItem, Frame, Generator, ThreadState, frame_state};
use justjit_runtime::ops::awaiting::{
    CLEANUP_THROW, END_ASYNC_FOR, GET_AITER, GET_ANEXT, GET_ANEXT_TO_SEND, GET_AWAITABLE, GET_YIELD_FROM_ITER, SEND,
    sent,
};
use justjit_runtime::ops::intrinsics::{CALL_INTRINSIC_1, unary};
use justjit_runtime::safepoint::LEVELS_AHEAD;
use justjit_runtime::thread::Thread;
use justjit_runtime::version::{HandOverReason, ResumePoint, Version};
use std::mem::offset_of;

/// Where `RESUME` stands (the lower bits of its argument): from here on, signals are not looked at.
const RESUME_AFTER_YIELD_FROM: u32 = 2;

/// Where a generator keeps what was handled before it was resumed; while it is suspended, its mark.
const PREVIOUS_ITEM: i32 = (offset_of!(Generator, exc_state) + offset_of!(ExceptionStackItem, previous_item)) as i32;

impl<B: Builder> Emitter<'_, B> {
    /// The call of a generator function: everything up to `RETURN_GENERATOR`.
    pub fn make_generator(&mut self) {
        let version = self.object::<Version>(self.input.version);
        let generator = self.b.call_value(&MAKE_GENERATOR, &[self.thread, self.frame, version]);
        self.b.ret(generator);
    }

    /// `RESUME`: whoever resumed the frame has looked at recursion and instrumentation.
    pub fn resume_generator(&mut self) {
        if self.at.arg & 3 < RESUME_AFTER_YIELD_FROM {
            self.set_instruction_pointer();
            self.safepoint(self.at.next, true);
        }
    }

    /// The next item of a generator that compiled code has suspended at a plain `yield`, without a call of the runtime: what
    /// its `resume` does, in machine code. All else goes to `general`.
    pub fn next_of_generator(&mut self, generator: B::Value, general: B::Block, exhausted: B::Block, join: B::Block) {
        let is_generator = self.has_type(generator, self.input.objects.generator_type);
        self.b.branch_unless(is_generator, general, &[]);
        let state = self.frame_state(generator);
        let suspended = self.b.compare_const(IntCond::Eq, state, frame_state::SUSPENDED.into());
        self.b.branch_unless(suspended, general, &[]);
        let point = self.load(generator, PREVIOUS_ITEM);
        self.b.branch_unless(point, general, &[]);
        let valid_at = self.load(point, offset_of!(ResumePoint, valid_at) as i32);
        let frame_offset = offset_of!(Generator, frame);
        let instr_ptr = self.load(generator, (frame_offset + offset_of!(Frame, instr_ptr)) as i32);
        let valid = self.b.compare(IntCond::Eq, valid_at, instr_ptr);
        // Nobody wants anything, and nobody watches.
        let breaker = self.load(self.tstate, offset_of!(ThreadState, eval_breaker) as i32);
        let expected = self.load(self.thread, offset_of!(Thread, expected_breaker) as i32);
        let quiet = self.b.compare(IntCond::Eq, breaker, expected);
        let code = self.load(point, offset_of!(ResumePoint, code) as i32);
        let monitoring = self.load(code, offset_of!(Code, co_monitoring) as i32);
        let unwatched = self.b.compare_const(IntCond::Eq, monitoring, 0);
        let remaining_offset = offset_of!(ThreadState, py_recursion_remaining) as i32;
        let remaining = self.b.load(Type::I32, self.tstate, remaining_offset);
        let shallow = self.b.compare_const(IntCond::SignedGt, remaining, LEVELS_AHEAD.into());
        let stack_pointer = self.b.stack_pointer();
        let limit = self.load(self.thread, offset_of!(Thread, stack_limit) as i32);
        let room = self.b.compare(IntCond::UnsignedGt, stack_pointer, limit);
        let mut suits = valid;
        for condition in [quiet, unwatched, shallow, room] {
            suits = self.b.int_op(IntOp::And, suits, condition);
        }
        self.b.branch_unless(suits, general, &[]);

        self.set_instruction_pointer();
        let frame = self.b.int_op_const(IntOp::Add, generator, frame_offset as i64);
        let top = self.b.load(Type::I32, frame, offset_of!(Frame, stacktop) as i32);
        let top = self.b.zero_extend(Type::I64, top);
        let scaled = self.b.int_op_const(IntOp::Shl, top, 3);
        let slot = self.b.int_op(IntOp::Add, frame, scaled);
        let none = self.object(self.input.objects.none);
        self.b.store(none, slot, slot_offset(0));
        let top = self.int32(-1);
        self.b.store(top, frame, offset_of!(Frame, stacktop) as i32);
        let exc_info = self.load(self.tstate, offset_of!(ThreadState, exc_info) as i32);
        self.b.store(exc_info, generator, PREVIOUS_ITEM);
        let exc_state = self
            .b
            .int_op_const(IntOp::Add, generator, offset_of!(Generator, exc_state) as i64);
        self.b
            .store(exc_state, self.tstate, offset_of!(ThreadState, exc_info) as i32);
        let executing = self.b.int(Type::I8, frame_state::EXECUTING.into());
        self.b
            .store(executing, generator, offset_of!(Generator, frame_state) as i32);
        // This function's frame is the current one.
        self.b.store(self.frame, frame, offset_of!(Frame, previous) as i32);
        self.b
            .store(frame, self.tstate, offset_of!(ThreadState, current_frame) as i32);
        let remaining = self.b.int_op_const(IntOp::Sub, remaining, 1);
        self.b.store(remaining, self.tstate, remaining_offset);
        let version = self.load(point, offset_of!(ResumePoint, enters) as i32);
        let resumes = self.load(version, offset_of!(Version, resumes) as i32);
        let resumes = self.b.int_op_const(IntOp::Add, resumes, 1);
        self.b.store(resumes, version, offset_of!(Version, resumes) as i32);
        let body = self.load(version, offset_of!(Version, body) as i32);
        let entry = self.load(point, offset_of!(ResumePoint, entry) as i32);
        let item = self
            .b
            .call_indirect(&crate::BODY, body, &[self.thread, frame, entry])
            .expect("a body has a result");
        let raise = self.raise_block();
        self.b.branch_unless(item, raise, &[]);
        let state = self.frame_state(generator);
        let yielded = self.b.compare_const(IntCond::SignedLt, state, 0);
        let returned = self.b.create_block();
        self.b.branch_unless(yielded, returned, &[]);
        // Somebody may have begun to watch meanwhile.
        self.push_owned(item);
        self.safepoint(self.at.next, true);
        self.stack.pop();
        self.b.jump(join, &[item]);
        self.b.switch_to(returned);
        self.decref(item);
        self.b.jump(exhausted, &[]);
    }

    fn frame_state(&mut self, generator: B::Value) -> B::Value {
        self.b
            .load(Type::I8, generator, offset_of!(Generator, frame_state) as i32)
    }

    /// `YIELD_VALUE`: leaves the frame as the interpreter would, and the mark by which the runtime finds the way back.
    pub fn yield_value(&mut self) {
        let value = self.pop_owned();
        self.flush();
        let resume_block = self.block_at(self.at.next);
        let point = self.input.resume_point(resume_block);
        let next = self.instruction_address(self.at.next);
        self.b.store(next, self.frame, offset_of!(Frame, instr_ptr) as i32);
        let top = self.int32((self.locals() + self.depth()) as i32);
        self.b.store(top, self.frame, offset_of!(Frame, stacktop) as i32);
        let state = i64::from(frame_state::SUSPENDED) + i64::from(self.at.arg);
        let state = self.b.int(Type::I8, state);
        let field = offset_of!(Generator, frame_state) as i32 - offset_of!(Generator, frame) as i32;
        self.b.store(state, self.frame, field);
        let previous_item = PREVIOUS_ITEM - offset_of!(Generator, frame) as i32;
        let exc_info = self.load(self.frame, previous_item);
        self.b
            .store(exc_info, self.tstate, offset_of!(ThreadState, exc_info) as i32);
        let mark = self.object(point);
        self.b.store(mark, self.frame, previous_item);
        let offset = offset_of!(ThreadState, py_recursion_remaining) as i32;
        let remaining = self.b.load(Type::I32, self.tstate, offset);
        let remaining = self.b.int_op_const(IntOp::Add, remaining, 1);
        self.b.store(remaining, self.tstate, offset);
        let previous = self.frame_field(offset_of!(Frame, previous));
        self.b
            .store(previous, self.tstate, offset_of!(ThreadState, current_frame) as i32);
        let null = self.null();
        self.b.store(null, self.frame, offset_of!(Frame, previous) as i32);
        self.b.ret(value);
        self.terminated = true;
    }

    /// `SEND`: what the receiver yields, or, at the target, what it returns.
    pub fn send(&mut self) {
        let value = self.pop();
        self.flush();
        let depth = self.depth();
        let out = self.stack_address(depth);
        let status = self.call_status(&SEND, &[self.thread, value.value, out], &[value]);
        self.push(Item::Memory);
        let watched = self.b.create_block();
        self.b.set_cold(watched);
        let over = self.b.compare_const(IntCond::SignedGe, status, sent::WATCHED.into());
        self.b.branch_if(over, watched, &[]);
        self.branch_on(status, false);

        self.b.switch_to(watched);
        let yielded = self.b.int_op_const(IntOp::And, status, sent::YIELDED.into());
        let next = self.instruction_address(self.at.next);
        let end = self.instruction_address(self.at.target.expect("SEND has a target"));
        let address = self.b.select(yielded, next, end);
        self.hand_over_at(address, self.depth(), HandOverReason::Instrumentation);
    }

    /// `END_SEND`: the receiver goes, the value stays.
    pub fn end_send(&mut self) {
        let value = self.pop_owned();
        let receiver = self.pop();
        self.release(receiver);
        self.push_owned(value);
    }

    /// `GET_YIELD_FROM_ITER`: a generator is its own iterator.
    pub fn get_yield_from_iter(&mut self) {
        let iterable = self.pop_owned();
        let join = self.b.create_block();
        let iterator = self.b.block_param(join, Type::I64);
        let slow = self.b.create_block();
        let is_generator = self.has_type(iterable, self.input.objects.generator_type);
        self.b.branch(is_generator, (join, &[iterable]), (slow, &[]));
        self.b.switch_to(slow);
        let operand = Operand::owned(iterable);
        let args = [self.thread, iterable, self.frame];
        let found = self.call_object(&GET_YIELD_FROM_ITER, &args, &[operand]);
        self.b.jump(join, &[found]);
        self.b.switch_to(join);
        self.push_owned(iterator);
    }

    /// `GET_AWAITABLE`: a coroutine that nobody awaits is its own iterator.
    pub fn get_awaitable(&mut self) {
        let object = self.pop_owned();
        let join = self.b.create_block();
        let iterator = self.b.block_param(join, Type::I64);
        let slow = self.b.create_block();
        let is_coroutine = self.has_type(object, self.input.objects.coroutine_type);
        self.b.branch_unless(is_coroutine, slow, &[]);
        let state = self.frame_state(object);
        let waits = self
            .b
            .compare_const(IntCond::Eq, state, frame_state::SUSPENDED_YIELD_FROM.into());
        self.b.branch(waits, (slow, &[]), (join, &[object]));
        self.b.switch_to(slow);
        let operand = Operand::owned(object);
        let from = self.int32(self.at.arg as i32);
        let found = self.call_object(&GET_AWAITABLE, &[object, from], &[operand]);
        self.b.jump(join, &[found]);
        self.b.switch_to(join);
        self.push_owned(iterator);
    }

    /// `GET_AITER`.
    pub fn get_aiter(&mut self) {
        let object = self.pop();
        let iterator = self.call_object(&GET_AITER, &[object.value], &[object]);
        self.push_owned(iterator);
    }

    /// `GET_ANEXT`.
    pub fn get_anext(&mut self) {
        let iterator = self.peek(1);
        // Where nobody can look at the operand stack before the `SEND`, the awaitable may be done without.
        let at_once = self.is_followed_by(&[Opcode::LoadConst, Opcode::Send]);
        let get = if at_once { &GET_ANEXT_TO_SEND } else { &GET_ANEXT };
        let awaitable = self.call_object(get, &[iterator], &[]);
        self.push_owned(awaitable);
    }

    /// Whether these instructions come next, one after the other, and nothing else happens before one of them.
    fn is_followed_by(&self, opcodes: &[Opcode]) -> bool {
        let next = &self.function.instructions[self.index + 1..];
        next.len() >= opcodes.len()
            && next
                .iter()
                .zip(opcodes)
                .all(|(instruction, &opcode)| instruction.opcode == opcode && !self.input.is_cut(instruction))
    }

    /// The intrinsic for a value that an asynchronous generator yields.
    pub fn wrap_yielded(&mut self) {
        let value = self.pop();
        let wrapped = if self.is_followed_by(&[Opcode::YieldValue]) {
            self.call_object(&WRAP_YIELDED, &[self.thread, self.frame, value.value], &[value])
        } else {
            let which = self.int32(unary::ASYNC_GEN_WRAP as i32);
            self.call_object(&CALL_INTRINSIC_1, &[which, value.value], &[value])
        };
        self.push_owned(wrapped);
    }

    /// `END_ASYNC_FOR`.
    pub fn end_async_for(&mut self) {
        let exception = self.pop();
        let awaitable = self.pop();
        self.set_instruction_pointer();
        let ended = self.b.call_value(&END_ASYNC_FOR, &[exception.value]);
        self.drop_all(&[awaitable, exception]);
        let raise = self.raise_block_again();
        self.b.branch_unless(ended, raise, &[]);
    }

    /// `CLEANUP_THROW`: a StopIteration that was thrown in is what the receiver returned.
    pub fn cleanup_throw(&mut self) {
        let exception = self.pop();
        let last_sent = self.pop();
        let receiver = self.pop();
        self.set_instruction_pointer();
        let value = self.b.call_value(&CLEANUP_THROW, &[exception.value]);
        self.drop_all(&[receiver, last_sent, exception]);
        let raise = self.raise_block_again();
        self.b.branch_unless(value, raise, &[]);
        let none = self.constant(self.input.objects.none.cast_mut().cast());
        self.push(Item::Const(none));
        self.push_owned(value);
    }
}
