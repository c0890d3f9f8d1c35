//! Chains of generators that wait for one another, by `yield from` or `await`.
//!
//! What is sent to the outermost goes to the innermost, and what that yields comes all the way back; the bodies between have
//! nothing to do but pass it on. So their frames are linked, as everybody may look at them, but their code does not run
//! until the one that they wait for returns or raises. A chain costs a few loads and stores a link, and no C stack.

use super::{Sent, enter, mark, may_resume, outcome, resume_point, run};
use crate::layout::{Frame, Generator, ThreadState, frame_state};
use crate::safepoint;
use crate::thread::Thread;
use crate::version::{Delegation, ResumePoint};
use pyo3_ffi::*;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// Links that one activation keeps; longer chains take another.
const LINKS: usize = 32;

/// Whom a suspended frame waits for, if compiled code can resume that, and where.
#[inline]
unsafe fn receiver(
    thread: *mut Thread,
    generator: *mut Generator,
    value: *mut PyObject,
) -> Option<(*mut Generator, *const ResumePoint)> {
    // SAFETY: a frame suspended in a delegation has its receiver on top of its operand stack.
    unsafe {
        let frame = &raw mut (*generator).frame;
        let receiver = Frame::slot(frame, (*frame).stacktop as usize - 1).read();
        let ty = Py_TYPE(receiver);
        if ty != &raw mut PyGen_Type && ty != &raw mut PyCoro_Type {
            return None;
        }
        let receiver = receiver.cast::<Generator>();
        if !may_resume(receiver, value) {
            return None;
        }
        let point = resume_point(receiver);
        if point.is_null() || safepoint::is_monitored(thread, (*point).code) {
            return None;
        }
        Some((receiver, point))
    }
}

/// Makes the frame the current one, at its `SEND`.
#[inline]
unsafe fn link(tstate: *mut ThreadState, generator: *mut Generator, delegation: &Delegation) {
    // SAFETY: the generator is suspended.
    unsafe {
        let frame = &raw mut (*generator).frame;
        (*generator).exc_state.previous_item = (*tstate).exc_info;
        (*tstate).exc_info = &raw mut (*generator).exc_state;
        (*generator).frame_state = frame_state::EXECUTING;
        (*frame).previous = (*tstate).current_frame;
        (*frame).instr_ptr = delegation.instr_ptr;
        (*tstate).current_frame = frame;
        (*tstate).py_recursion_remaining -= 1;
    }
}

/// Suspends the frame again where it was.
#[inline]
unsafe fn unlink(tstate: *mut ThreadState, generator: *mut Generator, point: *const ResumePoint) {
    // SAFETY: the generator's frame is the current one, and was linked.
    unsafe {
        let frame = &raw mut (*generator).frame;
        (*generator).frame_state = frame_state::SUSPENDED_YIELD_FROM;
        (*tstate).exc_info = (*generator).exc_state.previous_item;
        (*generator).exc_state.previous_item = mark(point);
        (*tstate).current_frame = (*frame).previous;
        (*frame).previous = null_mut();
        (*frame).instr_ptr = (*point).instr_ptr;
        (*tstate).py_recursion_remaining += 1;
    }
}

/// Resumes a generator that is suspended in a delegation at `point`.
///
/// # Safety
/// As for [`super::resume`], which has looked whether this may be done.
pub(super) unsafe fn resume(
    thread: *mut Thread,
    outermost: *mut Generator,
    value: *mut PyObject,
    point: *const ResumePoint,
    delegation: &Delegation,
) -> Sent {
    // SAFETY: see the contract.
    unsafe {
        let tstate = (*thread).tstate;
        let mut links = [const { MaybeUninit::<*const ResumePoint>::uninit() }; LINKS];
        let mut count = 0;
        let (mut innermost, mut point, mut delegation) = (outermost, point, Some(delegation));
        while let Some(here) = delegation
            && count < LINKS
            && (*tstate).py_recursion_remaining > 0
            && let Some((inner, next)) = receiver(thread, innermost, value)
        {
            link(tstate, innermost, here);
            links[count].write(point);
            count += 1;
            (innermost, point, delegation) = (inner, next, (*next).delegation.as_ref());
        }
        let mut sent = match delegation {
            Some(delegation) if count == LINKS => resume(thread, innermost, value, point, delegation),
            _ => enter(thread, innermost, value, point),
        };
        while count > 0 {
            count -= 1;
            let point = links[count].assume_init();
            let frame = (*tstate).current_frame;
            let generator = Generator::of(frame);
            if let Sent::Yielded(_) = sent {
                unlink(tstate, generator, point);
                continue;
            }
            let Some(delegation) = &(*point).delegation else { continue };
            let entry = match sent {
                Sent::Returned(result) => {
                    Frame::slot(frame, (*frame).stacktop as usize).write(result);
                    delegation.returned
                }
                _ => delegation.raised,
            };
            (*frame).stacktop = -1;
            sent = outcome(generator, run(thread, frame, (*point).version, entry));
        }
        sent
    }
}
