//! Generators, coroutines and asynchronous generators, whose frames are resumed by compiled code.
//!
//! The objects are the interpreter's own, of its exact types, and whenever one is suspended its frame is what the
//! interpreter would have left. So either side can resume it: the interpreter does for `throw`, `close`, finalizers and
//! its own specialized loops; compiled code does for everything that comes through the types' slots ([`slots`]) and for
//! its own `for`, `await` and `yield from`.
//!
//! **The mark.** `exc_state.previous_item` means something only while a generator runs; the interpreter leaves NULL there.
//! Compiled code leaves the address of the [`ResumePoint`] that it suspended at, which saves looking for it. A
//! generator without the mark (made, or suspended last, by the interpreter) is looked up by its code object.

pub mod asynchronous;
mod chain;
mod create;
mod pool;
pub mod slots;

pub use create::MAKE_GENERATOR;
pub use create::Progress;
pub(crate) use create::make_as;
pub use pool::recycle;

use crate::frame::leave;
use crate::hook;
use crate::layout::{Code, ExceptionStackItem, Frame, Generator, frame_state};
use crate::safepoint;
use crate::thread::{self, Thread};
use crate::version::{Body, ResumePoint, Version};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// What came of resuming a generator (`PySendResult`), with the object: a new reference, or NULL with an exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    Yielded(*mut PyObject),
    Returned(*mut PyObject),
    Raised,
}

/// The resume point of a version that a frame's instruction pointer is at, or NULL.
unsafe fn point_at(version: *mut Version, instr_ptr: *mut u16) -> *const ResumePoint {
    // SAFETY: a live version.
    let points = unsafe { &(*version).resume_points };
    match points.binary_search_by_key(&instr_ptr, |point| point.instr_ptr) {
        Ok(index) => &raw const points[index],
        Err(_) => std::ptr::null(),
    }
}

/// The newest version that replaced this one.
unsafe fn newest(mut version: *mut Version) -> *mut Version {
    // SAFETY: versions live as long as their code object.
    unsafe {
        while !(*version).successor.is_null() {
            version = (*version).successor;
        }
        version
    }
}

/// Where compiled code goes on with a suspended generator; NULL where the interpreter has to.
#[inline]
unsafe fn resume_point(generator: *mut Generator) -> *const ResumePoint {
    // SAFETY: a suspended generator; a mark is the address of a resume point of a version of its code object, which
    // lives as long as that (its globals live, since the frame holds its function).
    unsafe {
        let mark = (*generator).exc_state.previous_item.cast::<ResumePoint>();
        // Another version may have taken over, and a debugger may have moved the frame to another line.
        if !mark.is_null() && (*mark).valid_at == (*generator).frame.instr_ptr {
            return mark;
        }
        look_up(generator, mark)
    }
}

#[cold]
unsafe fn look_up(generator: *mut Generator, mark: *const ResumePoint) -> *const ResumePoint {
    // SAFETY: as for `resume_point`.
    unsafe {
        let frame = &raw mut (*generator).frame;
        let version = if mark.is_null() {
            let version = hook::version_of((*frame).f_funcobj);
            if version.is_null() || (*version).code.cast() != (*frame).f_executable {
                return std::ptr::null();
            }
            if (*version).valid { version } else { newest(version) }
        } else {
            newest((*mark).version)
        };
        point_at(version, (*frame).instr_ptr)
    }
}

/// Whether compiled code may resume the generator: it is suspended, or has just been made and is sent nothing.
#[inline]
unsafe fn may_resume(generator: *mut Generator, value: *mut PyObject) -> bool {
    // SAFETY: a live generator; None is a live object.
    unsafe {
        let state = (*generator).frame_state;
        state < frame_state::EXECUTING && (state != frame_state::CREATED || value.is_null() || value == Py_None())
    }
}

/// Where compiled code may go on with a generator that is sent `value` (borrowed; NULL for nothing); NULL where that is
/// for the interpreter to do. It touches nothing but the generator: the interpreter's slots are those of all interpreters
/// of the process, and come here with generators of others.
///
/// # Safety
/// `generator` is of one of the three exact types, and its interpreter's GIL is held.
#[inline]
unsafe fn entrance(generator: *mut Generator, value: *mut PyObject) -> *const ResumePoint {
    // SAFETY: see the contract.
    unsafe {
        if may_resume(generator, value) {
            resume_point(generator)
        } else {
            std::ptr::null()
        }
    }
}

/// Resumes a generator, coroutine or asynchronous generator in compiled code; `value` (borrowed) is what is sent, NULL
/// for nothing. `None` where that is for the interpreter to do, with nothing done.
///
/// # Safety
/// The GIL is held, no exception is set; `thread` is the present thread's; `generator` is of one of the three exact types.
#[inline]
pub unsafe fn resume(thread: *mut Thread, generator: *mut Generator, value: *mut PyObject) -> Option<Sent> {
    // SAFETY: see the contract.
    unsafe {
        let point = entrance(generator, value);
        if point.is_null() {
            return None;
        }
        resume_at(thread, generator, value, point)
    }
}

/// See [`resume`]; `point` is the generator's [`entrance`].
#[inline]
unsafe fn resume_at(
    thread: *mut Thread,
    generator: *mut Generator,
    value: *mut PyObject,
    point: *const ResumePoint,
) -> Option<Sent> {
    // SAFETY: see the contract.
    unsafe {
        if !safepoint::runs_compiled(thread) || safepoint::is_monitored(thread, (*point).code) {
            return None;
        }
        Some(match &(*point).delegation {
            Some(delegation) => chain::resume(thread, generator, value, point, delegation),
            None => enter(thread, generator, value, point),
        })
    }
}

/// As [`resume`], for who may come from another interpreter.
///
/// # Safety
/// As for [`resume`].
#[inline]
unsafe fn resume_from_outside(generator: *mut Generator, value: *mut PyObject) -> Option<Sent> {
    // SAFETY: see the contract; only the main interpreter's generators have an entrance.
    unsafe {
        let point = entrance(generator, value);
        if point.is_null() {
            return None;
        }
        resume_at(thread::current(), generator, value, point)
    }
}

/// What a body that has run gave.
#[inline]
unsafe fn outcome(generator: *mut Generator, result: *mut PyObject) -> Sent {
    // SAFETY: a live generator.
    unsafe {
        if result.is_null() {
            Sent::Raised
        } else if (*generator).frame_state < frame_state::EXECUTING {
            Sent::Yielded(result)
        } else {
            Sent::Returned(result)
        }
    }
}

/// Whether a generator that has run since is suspended.
///
/// # Safety
/// A live generator.
pub(crate) unsafe fn has_yielded(generator: *mut PyObject) -> bool {
    // SAFETY: see the contract.
    unsafe { (*generator.cast::<Generator>()).frame_state < frame_state::EXECUTING }
}

/// Makes a generator's frame, which is given, the current one, as the interpreter does to resume it. Its operand stack is the
/// caller's to fill.
///
/// # Safety
/// The GIL is held; a generator that does not run.
pub(crate) unsafe fn link(thread: *mut Thread, generator: *mut Generator) -> *mut Frame {
    // SAFETY: see the contract.
    unsafe {
        let tstate = (*thread).tstate;
        let frame = &raw mut (*generator).frame;
        (*generator).exc_state.previous_item = (*tstate).exc_info;
        (*tstate).exc_info = &raw mut (*generator).exc_state;
        (*generator).frame_state = frame_state::EXECUTING;
        (*frame).previous = (*tstate).current_frame;
        (*tstate).current_frame = frame;
        (*tstate).py_recursion_remaining -= 1;
        (*frame).stacktop = -1;
        frame
    }
}

/// Links the frame as the interpreter does, and runs the body.
#[inline]
unsafe fn enter(
    thread: *mut Thread,
    generator: *mut Generator,
    value: *mut PyObject,
    point: *const ResumePoint,
) -> Sent {
    // SAFETY: the generator is suspended, so that nobody else runs it; its operand stack has room for the value.
    unsafe {
        let tstate = (*thread).tstate;
        let version = match safepoint::has_levels_ahead(tstate) {
            true => (*point).enters,
            false => (*point).version,
        };
        let frame = &raw mut (*generator).frame;
        let value = if value.is_null() { Py_None() } else { value };
        Py_INCREF(value);
        Frame::slot(frame, (*frame).stacktop as usize).write(value);
        (*generator).exc_state.previous_item = (*tstate).exc_info;
        (*tstate).exc_info = &raw mut (*generator).exc_state;
        (*generator).frame_state = frame_state::EXECUTING;
        (*frame).previous = (*tstate).current_frame;
        (*tstate).current_frame = frame;
        let remaining = (*tstate).py_recursion_remaining - 1;
        (*tstate).py_recursion_remaining = remaining;
        let here = 0u8;
        let stack_pointer = (&raw const here as usize).saturating_sub((*thread).linked_bytes);
        if (remaining < 0 || stack_pointer < (*thread).stack_limit)
            && safepoint::too_deep(thread, remaining, stack_pointer)
        {
            refuse(thread, frame);
            return Sent::Raised;
        }
        // What lies on the operand stack is the running code's business, not the garbage collector's.
        (*frame).stacktop = -1;
        (*version).resumes += 1;
        outcome(generator, run(thread, frame, version, (*point).entry))
    }
}

#[inline]
unsafe fn run(thread: *mut Thread, frame: *mut Frame, version: *mut Version, entry: i64) -> *mut PyObject {
    // SAFETY: the frame is linked and belongs to the version's code.
    unsafe {
        let body: Body = std::mem::transmute::<*const (), Body>((*version).body);
        body(thread, frame, entry)
    }
}

/// The recursion is too deep: the interpreter, too, enters a generator's frame then and leaves it for good at once.
#[cold]
unsafe fn refuse(thread: *mut Thread, frame: *mut Frame) {
    // SAFETY: the frame is linked, its operand stack lies in its memory.
    unsafe {
        let raised = crate::api::PyErr_GetRaisedException();
        let locals = (*(*frame).f_executable.cast::<Code>()).co_nlocalsplus;
        let top = (*frame).stacktop;
        for slot in (locals..=top).rev() {
            Py_XDECREF(Frame::slot(frame, slot as usize).replace(null_mut()));
        }
        leave(thread, frame);
        crate::api::PyErr_SetRaisedException(raised);
    }
}

/// The mark that compiled code leaves in a generator that it suspends at `point`.
pub fn mark(point: *const ResumePoint) -> *mut ExceptionStackItem {
    point.cast_mut().cast()
}

/// `StopIteration(value)` is set; `value` is taken over.
///
/// # Safety
/// The GIL is held, no exception is set.
unsafe fn set_stop_iteration(value: *mut PyObject) {
    // SAFETY: see the contract.
    unsafe {
        if value == Py_None() {
            Py_DECREF(value);
            PyErr_SetNone(PyExc_StopIteration);
            return;
        }
        // Made here, since `PyErr_SetObject` would take a tuple apart.
        let exception = PyObject_CallOneArg(PyExc_StopIteration, value);
        Py_DECREF(value);
        if exception.is_null() {
            return;
        }
        if slots::stop_iteration_has_context() {
            PyErr_SetObject(PyExc_StopIteration, exception);
            Py_DECREF(exception);
        } else {
            crate::api::PyErr_SetRaisedException(exception);
        }
    }
}
