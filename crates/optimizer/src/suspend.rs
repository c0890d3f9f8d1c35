//! Generators and coroutines whose own frame is entered, and suspended again.
//!
//! A suspended frame is the interpreter's, whoever suspends it: everything lies in its memory. It goes on at one of baseline
//! code's resume points, which enters optimized code where that has an entry for it.

use crate::builder::{Builder, Done, decline, ir_region};
use crate::convert::slot_offset;
use justjit_builder::Type as Width;
use justjit_ir::{Op, Type};
use justjit_runtime::generator::mark;
use justjit_runtime::layout::{Code, ExceptionStackItem, Frame, Generator, ThreadState, frame_state};
use justjit_runtime::thread::Thread;
use std::mem::offset_of;

/// Instructions that a generator's loop has to run for each time that it is suspended, to be entered in the middle.
const DONE_IN_LOOP: u64 = 1_000;

impl Builder<'_> {
    /// `YIELD_VALUE` of the generator or coroutine whose frame is entered: it is suspended as baseline code would do it.
    pub fn suspend_entered(&mut self) -> Done {
        if !self.is_own_resumable() {
            return self.unsupported();
        }
        if self.is_unseen() {
            return Ok(());
        }
        if self.begins_in_loop && self.is_suspended_often() {
            return decline("a loop in which a generator or coroutine is suspended");
        }
        let offset = self.codes[0].decoded.instructions[self.index + 1].start;
        let Some(point) = self.resume_points.iter().find(|(at, _)| *at == offset).map(|one| one.1) else {
            return decline("suspended where baseline code cannot go on");
        };
        let state = self.at.arg;
        let value = self.pop();
        self.begin_unknown()?;
        let value = self.owned_object(value)?;
        let slots = self.codes[0].decoded.nlocals_plus as usize;
        let stack = std::mem::take(&mut self.frame().stack);
        let top = slots + stack.len();
        // Making an object may use the operand stack's memory.
        let mut items = Vec::with_capacity(stack.len());
        for item in stack {
            items.push(self.owned_object(item)?);
        }
        for (at, item) in items.into_iter().enumerate() {
            self.store_owned(item, self.frame_pointer, slot_offset(slots + at), ir_region::FRAME);
        }
        self.unlink_suspended(point, offset, top, state as i32);
        self.f.end(self.block, Op::Return, vec![value], None, Vec::new());
        self.terminated = true;
        Ok(())
    }

    /// The frame is suspended, as baseline code's `YIELD_VALUE` (with this argument) does it: `top` slots of it are in use, and
    /// it goes on at `point`, which is that of the instruction at `offset`.
    fn unlink_suspended(&mut self, point: *const (), offset: u32, top: usize, argument: i32) {
        let (thread, frame) = (self.thread, self.frame_pointer);
        let tstate = self.load(Type::Pointer, thread, offset_of!(Thread, tstate) as i32, ir_region::ANY);
        let of_generator = |field: usize| field as i32 - offset_of!(Generator, frame) as i32;
        // SAFETY: decoding has checked the offset.
        let instruction = unsafe { Code::instructions(self.info().code).add(offset as usize / 2) };
        let instruction = self.pointer(instruction.cast(), "resumed");
        self.store(
            instruction,
            frame,
            offset_of!(Frame, instr_ptr) as i32,
            ir_region::FRAME,
        );
        let top = self.int(top as i64);
        self.store_width(
            top,
            Width::I32,
            frame,
            offset_of!(Frame, stacktop) as i32,
            ir_region::FRAME,
        );
        let state = self.int((frame_state::SUSPENDED + argument as i8).into());
        let at = of_generator(offset_of!(Generator, frame_state));
        self.store_width(state, Width::I8, frame, at, ir_region::ANY);
        let outer = of_generator(offset_of!(Generator, exc_state) + offset_of!(ExceptionStackItem, previous_item));
        let exc_info = self.load(Type::Pointer, frame, outer, ir_region::ANY);
        self.store(
            exc_info,
            tstate,
            offset_of!(ThreadState, exc_info) as i32,
            ir_region::ANY,
        );
        let mark = self.pointer(mark(point.cast()).cast_const().cast(), "resume");
        self.store(mark, frame, outer, ir_region::ANY);
        let at = offset_of!(ThreadState, py_recursion_remaining) as i32;
        let remaining = self.load_width(Type::Int, Width::I32, true, tstate, at, ir_region::ANY);
        let one = self.int(1);
        let remaining = self.op(Op::IntAddWrapping, &[remaining, one]);
        self.store_width(remaining, Width::I32, tstate, at, ir_region::ANY);
        let previous = offset_of!(Frame, previous) as i32;
        let caller = self.load(Type::Pointer, frame, previous, ir_region::FRAME);
        self.store(
            caller,
            tstate,
            offset_of!(ThreadState, current_frame) as i32,
            ir_region::ANY,
        );
        let null = self.null();
        self.store(null, frame, previous, ir_region::FRAME);
    }

    /// Whether the present `YIELD_VALUE` is in so small a loop that baseline code, which goes on behind it, would have most of
    /// the time.
    fn is_suspended_often(&self) -> bool {
        let knowledge = &self.info().knowledge;
        let done: u64 = knowledge.seen.iter().map(|seen| u64::from(seen.count)).sum();
        self.codes[0].decoded.is_coroutine() || done < u64::from(knowledge.count(self.index)) * DONE_IN_LOOP
    }
}
