//! Coroutines that are awaited where they are called, and others that a coroutine waits for.
//!
//! `await f(x)` makes a coroutine and resumes it at once; nobody else has it before it is suspended. So it is not made: its
//! body is inlined, or called with numbers in registers, like a function's. That the caller waits in its `SEND` for a coroutine
//! which runs is in the frame states, and the runtime makes coroutines of them where the code is left. A body that is suspended
//! is left for that.

use crate::Body;
use crate::builder::{Builder, Done, ir_region};
use crate::convert::slot_offset;
use crate::generators::start_of;
use crate::item::{Form, Item, Kind, Returns, Suspended};
use justjit_builder::{IntCond, RuntimeFn};
use justjit_bytecode::{Function as Decoded, Opcode};
use justjit_ir::{Imm, Op, Progress, Reason, Type, Value};
use justjit_runtime::layout::ThreadState;
use justjit_runtime::ops::awaiting::{GET_AWAITABLE, GET_YIELD_FROM_ITER, SEND, sent};
use justjit_runtime::thread::Thread;
use pyo3_ffi::*;
use std::mem::offset_of;

/// How a call's result is awaited: the `SEND` that resumes it, and the `END_SEND` behind.
#[derive(Clone, Copy)]
pub struct AwaitedAt {
    pub send: usize,
    pub end: usize,
}

/// Where a sampling version has noted the parameters.
pub fn first_resume(decoded: &Decoded) -> usize {
    let is_first = |one: &justjit_bytecode::Instruction| one.opcode == Opcode::Resume && one.arg & 3 == 0;
    match decoded.is_coroutine() {
        true => decoded.instructions.iter().position(is_first).unwrap_or(0),
        false => 0,
    }
}

impl Builder<'_> {
    /// How the result of the present call is awaited, if nothing else is done with it. `None`, too, where coroutines were to know
    /// where they were made.
    pub fn awaited_at(&self) -> Option<AwaitedAt> {
        if self.is_widened(Reason::Unsupported) {
            return None;
        }
        let info = self.info();
        let decoded = &info.decoded;
        let [get, none, send] = decoded.instructions.get(self.index + 1..self.index + 4)? else {
            return None;
        };
        // SAFETY: decoding has checked the index of the constant.
        let is_none = || unsafe { PyTuple_GET_ITEM((*info.code).co_consts, none.arg as Py_ssize_t) == Py_None() };
        let end = decoded.index_at(send.target?)?;
        let matches = get.opcode == Opcode::GetAwaitable
            && none.opcode == Opcode::LoadConst
            && is_none()
            && send.opcode == Opcode::Send
            && decoded.instructions[end].opcode == Opcode::EndSend;
        let send = self.index + 3;
        matches.then_some(AwaitedAt { send, end })
    }

    /// Leaves if coroutines are to know where they were made.
    pub fn expect_no_origin(&mut self) {
        let thread = self.thread;
        let tstate = self.load(Type::Pointer, thread, offset_of!(Thread, tstate) as i32, ir_region::ANY);
        let at = offset_of!(ThreadState, coroutine_origin_tracking_depth) as i32;
        let depth = self.load_width(Type::Int, justjit_builder::Type::I32, true, tstate, at, ir_region::ANY);
        let zero = self.int(0);
        let none = self.int_compare(IntCond::Eq, depth, zero);
        self.guard(none, Reason::Unsupported);
    }

    /// The coroutine that the present call has just pushed is resumed by the `SEND` behind.
    pub fn resume_awaited(&mut self) -> Done {
        let AwaitedAt { send, end } = self.awaited_at().expect("it was looked at");
        let coroutine = self.frame().stack.last().cloned().expect("a coroutine");
        let Some((id, Form::Generator(suspended))) = self.form_of(&coroutine) else {
            unreachable!("it was pushed")
        };
        self.index = send;
        self.resume_generator(id, suspended, Returns::Await { coroutine, ends: end })
    }

    /// A coroutine of the function that runs, in a typed body.
    pub fn running_coroutine(&mut self, callee: *mut PyObject, body: Body, awaited: AwaitedAt) -> (Item, AwaitedAt) {
        // SAFETY: a live function.
        let code = unsafe { justjit_runtime::hook::code_of(callee) };
        let place = (self.info().code as usize, self.index);
        let index = start_of(&body.decoded).expect("it suits");
        let known = self.codes.iter().position(|info| info.code == code);
        let number = known.unwrap_or_else(|| {
            self.keep(code.cast());
            self.add_code(code, body.decoded, body.knowledge, (body.globals, body.builtins))
        });
        let function = self.constant_item(callee);
        let suspended = Suspended {
            code: number,
            index,
            progress: Progress::Running,
            place,
        };
        let class = self.generator_class(number);
        let coroutine = self.new_object_with(class, vec![(0, function)], Form::Generator(suspended));
        (coroutine, awaited)
    }

    /// `RETURN_VALUE` of a coroutine that was inlined.
    pub fn return_from_coroutine(&mut self, coroutine: Item, ends: usize, result: Item) -> Done<bool> {
        let frame = self.frames.pop().expect("a frame");
        let several = self.codes[frame.code].returns > 1;
        self.position_at_caller();
        self.pop();
        self.push(result);
        let next = ends + 1;
        self.frame().index = next;
        self.end_generator(&coroutine, frame, Vec::new());
        if several {
            self.join_at(next);
        }
        self.go_to_next(next)?;
        Ok(true)
    }

    // ---- what a coroutine waits for that is not known --------------------------------------------------------

    /// `GET_AWAITABLE`.
    pub fn get_awaitable(&mut self, from: i64) -> Done {
        self.waited_for(&GET_AWAITABLE, |builder, object| vec![object, builder.int(from)])
    }

    /// `GET_YIELD_FROM_ITER`.
    pub fn get_yield_from_iter(&mut self) -> Done {
        self.waited_for(&GET_YIELD_FROM_ITER, |builder, object| {
            vec![builder.thread, object, builder.frame_pointer]
        })
    }

    /// What the frame that is entered is going to wait for, by the runtime.
    fn waited_for(&mut self, function: &'static RuntimeFn, args: impl FnOnce(&mut Self, Value) -> Vec<Value>) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        if !self.is_own_resumable() {
            return self.unsupported();
        }
        let object = self.pop();
        self.begin_unknown()?;
        let (object, item) = self.borrow_object(object)?;
        let args = args(self, object);
        let iterator = self.unknown_call(function, &args, Type::Object, vec![item]);
        self.raise_if_null(iterator);
        self.push(Item::owned(iterator, Kind::Unknown));
        Ok(())
    }

    /// `SEND`.
    pub fn send(&mut self) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        if !self.is_own_resumable() {
            return self.unsupported();
        }
        let value = self.pop();
        self.begin_unknown()?;
        let receiver = self.pop();
        let (receiver, item) = self.borrow_object(receiver)?;
        self.push(item);
        let (value, sent) = self.borrow_object(value)?;
        let slots = self.codes[0].decoded.nlocals_plus as usize;
        let top = slots + self.frames[0].stack.len();
        // The runtime finds it below what it gives.
        self.store(receiver, self.frame_pointer, slot_offset(top - 1), ir_region::FRAME);
        let bytes = self.int(slot_offset(top).into());
        let out = self.op(Op::AddOffset, &[self.frame_pointer, bytes]);
        let thread = self.thread;
        let status = self.unknown_call(&SEND, &[thread, value, out], Type::Int, vec![sent]);
        self.raise_if_negative(status);
        let result = self.load_owned(self.frame_pointer, slot_offset(top), ir_region::FRAME);
        self.push(Item::owned(result, Kind::Unknown));
        // Who has begun to watch meanwhile finds everything in the frame.
        let bit = self.int(sent::YIELDED.into());
        let bit = self.op(Op::IntAnd, &[status, bit]);
        let zero = self.int(0);
        let yielded = self.int_compare(IntCond::Ne, bit, zero);
        let (next, target) = (self.index + 1, self.target());
        let suspends = self.f.add_block();
        let ends = self.f.add_block();
        self.branch(yielded, suspends, ends);
        let frames = self.frames.clone();
        let unsure = self.unsure;
        for (block, index) in [(suspends, next), (ends, target)] {
            self.block = block;
            self.terminated = false;
            self.unsure = unsure;
            self.frames.clone_from(&frames);
            self.frame().index = index;
            let state = self.state_at(index, Reason::Safepoint);
            self.f
                .append(self.block, Op::Safepoint, Vec::new(), Imm::None, Some(state));
            self.settle();
            self.go_to_next(index)?;
        }
        Ok(())
    }

    /// `END_SEND`: the receiver goes, the value stays.
    pub fn end_send(&mut self) -> Done {
        if !self.is_own_resumable() {
            return self.unsupported();
        }
        let value = self.pop();
        let receiver = self.pop();
        self.push(value);
        self.release(receiver);
        Ok(())
    }

    /// Whether the present frame is the one that was entered, and a generator's or coroutine's: no other is suspended in this
    /// tier.
    pub fn is_own_resumable(&self) -> bool {
        let decoded = &self.codes[0].decoded;
        !self.is_inlined() && (decoded.is_coroutine() || decoded.is_generator())
    }
}
