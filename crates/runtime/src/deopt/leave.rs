//! Leaving optimized code: its frames are made, and run one after the other, the innermost first.

use super::again::go_on_in;
use super::continuation::entrance;
use super::point::{DeoptPoint, DeoptReason};
use super::raised::Raised;
use super::reconstruction::{FrameRecovery, Going, Place, Recovery, Returns};
use super::recover::Recovering;
use super::typed::take_left;
use super::unwind::handler_of;
use crate::api;
use crate::construct::finish_instance;
use crate::consume::consume;
use crate::frame::{
    PushedChunk, continue_in_interpreter, link_function_frame, pop_chunk, push_chunk, room, unwind_out,
    unwind_to_handler,
};
use crate::generator::{has_yielded, link};
use crate::layout::{Code, Frame};
use crate::runtime_fns;
use crate::safepoint::{self, verdict};
use crate::special::{compared, length_of_result, unsupported};
use crate::thread::Thread;
use crate::version::{HandOverReason, Version};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Decides what becomes of a version that has been left at a point. Runs no Python code.
pub type DeoptPolicy = unsafe fn(owner: *mut Version, point: *mut DeoptPoint);

static mut POLICY: Option<DeoptPolicy> = None;

/// Sets who is told of each deopt.
pub fn set_policy(policy: Option<DeoptPolicy>) {
    // SAFETY: the GIL is held by whoever changes it.
    unsafe { POLICY = policy };
}

/// A frame that has been made and waits for its turn.
struct Live {
    frame: *mut Frame,
    place: Place,
    going: Going,
    /// Operand stack items.
    depth: usize,
    /// The function, which a frame has borrowed (owned; NULL for the outermost, whose caller has it).
    function: *mut PyObject,
    chunk: Option<PushedChunk>,
    /// The version that stood for it.
    owner: *mut Version,
    /// What `going` needs (owned).
    kept: [*mut PyObject; 2],
}

impl Live {
    /// The generator whose frame comes next (borrowed).
    fn resumed(&self) -> Option<*mut PyObject> {
        match self.going {
            Going::Waits(Returns::Next { .. } | Returns::Await { .. } | Returns::Consume { .. }) => Some(self.kept[0]),
            _ => None,
        }
    }
}

/// What a frame is to be, with references of its own.
struct Contents<'a> {
    recovery: &'a FrameRecovery,
    owner: *mut Version,
    function: *mut PyObject,
    slots: Vec<Option<*mut PyObject>>,
    kept: [*mut PyObject; 2],
    /// The exceptions that it has caught.
    raised: Vec<Raised<'a>>,
}

impl<'a> Contents<'a> {
    /// `number` is the frame's among those of its point.
    unsafe fn of(
        recovery: &'a FrameRecovery,
        owner: *mut Version,
        (number, outermost): (usize, bool),
        values: &mut Recovering<'a>,
    ) -> Contents<'a> {
        // SAFETY: see `leave`.
        unsafe {
            let kept = match recovery.going {
                Going::Waits(returns) => returns.parts().map(|part| values.get(part)),
                _ => [null_mut(); 2],
            };
            let function = if outermost { Recovery::Null } else { recovery.function };
            Contents {
                recovery,
                owner,
                function: values.get(function),
                slots: values.slots(recovery),
                kept,
                raised: values.raised_in(number),
            }
        }
    }

    /// All references.
    fn into_references(self) -> impl Iterator<Item = *mut PyObject> + use<'a> {
        let slots = self.slots.into_iter().flatten();
        let raised = self.raised.into_iter();
        let raised = raised.flat_map(|one| one.left.into_iter().chain([one.exception]));
        slots.chain([self.function]).chain(self.kept).chain(raised)
    }
}

/// The address of an instruction.
unsafe fn address(frame: *mut Frame, byte_offset: u32) -> *mut u16 {
    // SAFETY: the offset lies in the code.
    unsafe { Code::instructions((*frame).f_executable.cast()).add(byte_offset as usize / 2) }
}

/// Makes the frame of an inlined callee the current one; `None`, with nothing done, if there is no memory.
pub(super) unsafe fn push_frame(
    thread: *mut Thread,
    code: *mut Code,
    offset: u32,
    function: *mut PyObject,
) -> Option<(*mut Frame, Option<PushedChunk>)> {
    // SAFETY: a live function of that code.
    unsafe {
        let bytes = (*code).co_framesize as usize * 8;
        let mut frame = room(thread, bytes);
        let mut chunk = None;
        if frame.is_null() {
            chunk = Some(push_chunk(thread, bytes)?);
            frame = (*(*thread).tstate).datastack_top.cast();
        }
        let instr_ptr = Code::instructions(code).add(offset as usize / 2);
        link_function_frame(thread, frame, function, code, instr_ptr);
        Some((frame, chunk))
    }
}

/// Writes a frame's slots; gives what locals held before.
pub(super) unsafe fn fill(
    frame: *mut Frame,
    locals: usize,
    slots: &[Option<*mut PyObject>],
    old: &mut Vec<*mut PyObject>,
) {
    // SAFETY: the slots of locals own what they hold; what lies in the operand stack's is nobody's.
    unsafe {
        for (index, value) in slots.iter().enumerate() {
            if let Some(value) = value {
                let before = Frame::slot(frame, index).replace(*value);
                if index < locals {
                    old.push(before);
                }
            }
        }
    }
}

/// Makes the frames; what is to be given up afterwards is added to `old`. If there is no memory for one of them, the frame
/// before it raises that.
unsafe fn make_frames(
    thread: *mut Thread,
    outermost: *mut Frame,
    contents: Vec<Contents<'_>>,
    old: &mut Vec<*mut PyObject>,
) -> Vec<Live> {
    // SAFETY: see `leave`.
    unsafe {
        let mut frames: Vec<Live> = Vec::with_capacity(contents.len());
        let mut contents = contents.into_iter();
        while let Some(content) = contents.next() {
            let recovery = content.recovery;
            let (frame, chunk) = if frames.is_empty() {
                (outermost, None)
            } else if let Some(generator) = frames.last().and_then(Live::resumed) {
                let ty = Py_TYPE(generator);
                if ty != &raw mut PyGen_Type && ty != &raw mut PyCoro_Type {
                    // There was no memory for it.
                    old.extend(content.into_references());
                    old.extend(contents.flat_map(Contents::into_references));
                    return frames;
                }
                (link(thread, generator.cast()), None)
            } else if let Some(pushed) = push_frame(thread, recovery.code, recovery.place.offset, content.function) {
                pushed
            } else {
                old.extend(content.into_references());
                old.extend(contents.flat_map(Contents::into_references));
                return frames;
            };
            fill(frame, recovery.locals.len(), &content.slots, old);
            (*frame).instr_ptr = address(frame, recovery.place.offset);
            for raised in content.raised {
                raised.catch_again(thread, frame, old);
            }
            frames.push(Live {
                frame,
                place: recovery.place,
                going: recovery.going,
                depth: recovery.stack.len(),
                function: content.function,
                owner: content.owner,
                chunk,
                kept: content.kept,
            });
        }
        frames
    }
}

/// A frame that is the current one goes on at an instruction, with `depth` items on its operand stack; the result is the
/// function's.
unsafe fn go_on(
    thread: *mut Thread,
    owner: *mut Version,
    frame: *mut Frame,
    start: u32,
    depth: usize,
) -> *mut PyObject {
    // SAFETY: see `leave`.
    unsafe {
        let mut reason = HandOverReason::Instrumentation;
        if !safepoint::is_watched(thread) {
            if let Some((version, entry)) = entrance(owner, frame, start) {
                return go_on_in(thread, frame, version, entry);
            }
            reason = HandOverReason::NoContinuation;
        }
        (*owner).handovers[reason as usize] += 1;
        continue_in_interpreter(thread, frame, address(frame, start), depth as i32, 0)
    }
}

/// The exception that is set was raised by the instruction that the current frame is at.
unsafe fn raise(thread: *mut Thread, live: &Live, depth: usize, fresh: bool) -> *mut PyObject {
    // SAFETY: see `leave`.
    unsafe {
        let (frame, owner) = (live.frame, live.owner);
        let code = (*frame).f_executable.cast::<Code>();
        let Some(handler) = handler_of(code, live.place.offset) else {
            unwind_out(thread, frame, depth as i32, fresh.into());
            return null_mut();
        };
        let lasti = handler.push_lasti.into();
        let watched = unwind_to_handler(thread, frame, depth as i32, handler.depth as i32, lasti, fresh.into());
        let depth = handler.depth as usize + usize::from(handler.push_lasti) + 1;
        if watched != 0 {
            (*owner).handovers[HandOverReason::Instrumentation as usize] += 1;
            return continue_in_interpreter(thread, frame, address(frame, handler.target), depth as i32, 0);
        }
        go_on(thread, owner, frame, handler.target, depth)
    }
}

/// What the instruction that waits makes of its callee's result (taken over); NULL with an exception.
unsafe fn received(returns: Returns, kept: [*mut PyObject; 2], result: *mut PyObject) -> *mut PyObject {
    // SAFETY: see `leave`.
    unsafe {
        match returns {
            Returns::Value | Returns::ValueAndNull | Returns::Nothing => result,
            Returns::Next { .. } | Returns::Await { .. } => {
                Py_DECREF(kept[0]);
                result
            }
            Returns::Consume { consumer, .. } => {
                let [generator, so_far] = kept;
                let result = if result.is_null() {
                    Py_XDECREF(so_far);
                    null_mut()
                } else {
                    consume(consumer, so_far, generator, result)
                };
                Py_DECREF(generator);
                result
            }
            Returns::Instance(_) => finish_instance(kept[0], result),
            Returns::Length => length_of_result(result),
            Returns::Comparison { op, .. } => {
                let result = compared(op, kept[0], kept[1], result);
                kept.into_iter().for_each(|operand| Py_DECREF(operand));
                result
            }
            Returns::Operator { op, .. } => {
                let mut result = result;
                if result == Py_NotImplemented() {
                    Py_DECREF(result);
                    unsupported(op, kept[0].cast(), kept[1].cast());
                    result = null_mut();
                }
                for ty in kept {
                    Py_DECREF(ty);
                }
                result
            }
        }
    }
}

/// A frame goes on behind the instruction in which it has waited for the next one, which gave `result` (taken over).
unsafe fn go_on_behind(thread: *mut Thread, live: &Live, returns: Returns, result: *mut PyObject) -> *mut PyObject {
    // SAFETY: see `leave`.
    unsafe {
        let frame = live.frame;
        let exhausted = match returns {
            Returns::Next { exhausted, .. } if !result.is_null() && !has_yielded(live.kept[0]) => Some(exhausted),
            _ => None,
        };
        let next = match returns {
            Returns::Await { ends, .. } if !result.is_null() && !has_yielded(live.kept[0]) => ends,
            _ => live.place.next,
        };
        let result = received(returns, live.kept, result);
        if result.is_null() {
            return raise(thread, live, live.depth, true);
        }
        let locals = (*(*frame).f_executable.cast::<Code>()).co_nlocalsplus as usize;
        let mut depth = live.depth;
        if let Some(exhausted) = exhausted {
            Py_DECREF(result);
            depth -= 1;
            Py_DECREF(Frame::slot(frame, locals + depth).read());
            return go_on(thread, live.owner, frame, exhausted, depth);
        }
        let mut push = |value| {
            Frame::slot(frame, locals + depth).write(value);
            depth += 1;
        };
        match returns {
            Returns::Nothing => Py_DECREF(result),
            Returns::ValueAndNull => {
                push(result);
                push(null_mut());
            }
            _ => push(result),
        }
        // As behind every call: what is pending has its turn.
        if matches!(returns, Returns::Value | Returns::Instance(_) | Returns::Consume { .. })
            && (*(*thread).tstate).eval_breaker != (*thread).expected_breaker
            && safepoint::safepoint(thread) == verdict::RAISE
        {
            return raise(thread, live, depth, true);
        }
        go_on(thread, live.owner, frame, next, depth)
    }
}

/// Gives references up (NULL is none) while an exception may be set.
unsafe fn give_up(references: Vec<*mut PyObject>) {
    for object in references {
        // SAFETY: the references are the caller's.
        unsafe { Py_XDECREF(object) };
    }
}

/// See [`DEOPTIMIZE`].
unsafe fn leave(
    thread: *mut Thread,
    outermost: *mut Frame,
    point: *mut DeoptPoint,
    words: *const u64,
) -> *mut PyObject {
    // SAFETY: the outermost frame is the current one and the newest on its stack; its slots of locals own what they hold.
    // The point's owner lives as long as the frame's function or a caller has it.
    unsafe {
        crate::unpacking::pack_all();
        let mut raised = api::PyErr_GetRaisedException();
        // Typed bodies that were left along with this one stand for frames behind those of `point`.
        let left = take_left(thread);
        let typed = left.iter().map(|one| (one.point, one.words.as_ptr()));
        let points: Vec<(*mut DeoptPoint, *const u64)> = std::iter::once((point, words)).chain(typed).collect();
        let (cause, cause_words) = points[points.len() - 1];
        let owner = (*cause).owner;
        (*cause).count += 1;
        (*owner).deopts += 1;
        if let (DeoptReason::Type, Some(subject)) = ((*cause).reason, (*cause).subject) {
            let object = cause_words.add(subject.into()).cast::<*mut PyObject>().read();
            if !object.is_null() {
                (*cause).note_type(object);
            }
        }
        if let Some(policy) = POLICY {
            policy(owner, cause);
        }
        // Everything is at hand before anything is changed.
        let mut contents = Vec::new();
        let mut old = Vec::new();
        for (index, &(point, words)) in points.iter().enumerate() {
            let made = (*point).unpack();
            let mut values = Recovering::new(made, words, outermost);
            values.make_virtuals();
            for (number, recovery) in made.frames.iter().enumerate() {
                let has_frame = index == 0 && contents.is_empty();
                contents.push(Contents::of(recovery, (*point).owner, (number, has_frame), &mut values));
            }
            old.append(&mut values.left_over());
        }
        let mut fails = !PyErr_Occurred().is_null();
        let count = contents.len();
        let mut frames = make_frames(thread, outermost, contents, &mut old);
        // The frames have references of their own.
        crate::unpacking::release();
        if frames.len() < count {
            PyErr_NoMemory();
            fails = true;
        }
        if fails {
            Py_XDECREF(raised);
            raised = api::PyErr_GetRaisedException();
        }
        // Finalizers run Python code, which finds the frames as they are to be, but for the instruction that is finished.
        if let (Some(innermost), Some(offset)) = (frames.last(), (*cause).finishing) {
            (*innermost.frame).instr_ptr = address(innermost.frame, offset);
        }
        give_up(old);
        if let Some(innermost) = frames.last() {
            (*innermost.frame).instr_ptr = address(innermost.frame, innermost.place.offset);
        }
        if !raised.is_null() {
            api::PyErr_SetRaisedException(raised);
        }
        let Some(innermost) = frames.pop() else {
            return null_mut();
        };
        let (place, depth) = (innermost.place, innermost.depth);
        let mut result = match innermost.going {
            _ if fails => {
                give_up(innermost.kept.to_vec());
                raise(thread, &innermost, depth, true)
            }
            Going::Resume => go_on(thread, innermost.owner, innermost.frame, place.start, depth),
            Going::Raise => raise(thread, &innermost, depth, true),
            Going::Reraise => raise(thread, &innermost, depth, false),
            Going::Waits(_) => unreachable!("the innermost frame waits for none"),
        };
        finish(thread, innermost);
        while let Some(live) = frames.pop() {
            if let Going::Waits(returns) = live.going {
                result = go_on_behind(thread, &live, returns, result);
            }
            finish(thread, live);
        }
        result
    }
}

/// A frame has been left.
unsafe fn finish(thread: *mut Thread, live: Live) {
    // SAFETY: see `leave`.
    unsafe {
        if let Some(chunk) = live.chunk {
            pop_chunk(thread, chunk);
        }
        Py_XDECREF(live.function);
    }
}

runtime_fns! {
    /// Optimized code is left at `point`: `frame` is the outermost frame that it stands for, linked and the current one, and
    /// `values` are the words that the point's recoveries name. Where a frame is to raise, the exception is set. The frames
    /// are made and gone on with; the result is the outermost function's, whose frame is gone then (or suspended). The code
    /// returns it and does nothing else in between: it may be a sign for who has called the code.
    DEOPTIMIZE = fn deoptimize(thread: *mut Thread, frame: *mut Frame, point: *mut DeoptPoint, values: *const u64) -> *mut PyObject {
        leave(thread, frame, point, values)
    }
}
