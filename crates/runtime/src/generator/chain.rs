//! Chains of generators that wait for one another, by `yield from` or `await`.
//!
//! What is sent to the outermost goes to the innermost, and what that yields comes all the way back; the bodies between have
//! nothing to do but pass it on. So their frames are linked, as everybody may look at them, but their code does not run
//! until the one that they wait for returns or raises. A chain costs a few loads and stores a link, and no C stack.

use super::{Sent, enter, mark, may_resume, outcome, resume_point, run};
use crate::frame::continue_in_interpreter;
use crate::layout::{ExceptionStackItem, Frame, Generator, ThreadState, frame_state};
use crate::safepoint;
use crate::thread::Thread;
use crate::version::{Delegation, HandOverReason, ResumePoint};
use pyo3_ffi::*;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// Links that one activation keeps; longer chains take another.
const LINKS: usize = 32;

/// Bytes of stack that a link is counted as. It takes none, but an exception that leaves a chain of any length drags a
/// traceback of that length along, whose end takes stack for each entry.
const LINK_BYTES: usize = 64;

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

/// The frames that one activation has linked, and the thread's state that follows from them: that is written once, not
/// with each link.
struct Links {
    points: [MaybeUninit<*const ResumePoint>; LINKS],
    count: usize,
}

impl Links {
    /// Makes the frame the current one, at its `SEND`; `frame` and `exc_info` are those of the thread, and become its own.
    #[inline]
    unsafe fn link(
        &mut self,
        generator: *mut Generator,
        point: *const ResumePoint,
        delegation: &Delegation,
        current: &mut *mut Frame,
        exc_info: &mut *mut ExceptionStackItem,
    ) {
        // SAFETY: the generator is suspended; there is room for another link.
        unsafe {
            let frame = &raw mut (*generator).frame;
            (*generator).exc_state.previous_item = *exc_info;
            *exc_info = &raw mut (*generator).exc_state;
            (*generator).frame_state = frame_state::EXECUTING;
            (*frame).previous = *current;
            (*frame).instr_ptr = delegation.instr_ptr;
            *current = frame;
            self.points.get_unchecked_mut(self.count).write(point);
            self.count += 1;
        }
    }

    /// Suspends all frames again, each where it was.
    #[inline]
    unsafe fn unlink_all(&mut self, tstate: *mut ThreadState) {
        // SAFETY: the frames that were linked are the current one and those before it.
        unsafe {
            let mut frame = (*tstate).current_frame;
            let mut exc_info = (*tstate).exc_info;
            (*tstate).py_recursion_remaining += self.count as i32;
            while self.count > 0 {
                self.count -= 1;
                let point = self.points.get_unchecked(self.count).assume_init();
                let generator = Generator::of(frame);
                (*generator).frame_state = frame_state::SUSPENDED_YIELD_FROM;
                exc_info = (*generator).exc_state.previous_item;
                (*generator).exc_state.previous_item = mark(point);
                (*frame).instr_ptr = (*point).instr_ptr;
                frame = std::mem::replace(&mut (*frame).previous, null_mut());
            }
            (*tstate).current_frame = frame;
            (*tstate).exc_info = exc_info;
        }
    }
}

/// Somebody has begun to watch what runs: the interpreter goes on with the current frame, which has got `value` from whom
/// it waited for (taken over), at `instr_ptr`.
#[cold]
unsafe fn leave_to_interpreter(
    thread: *mut Thread,
    point: *const ResumePoint,
    instr_ptr: *mut u16,
    value: *mut PyObject,
) -> Sent {
    // SAFETY: the frame was linked, so that its operand stack lies in its memory, and has room for the value.
    unsafe {
        let frame = (*(*thread).tstate).current_frame;
        let generator = Generator::of(frame);
        Frame::slot(frame, (*frame).stacktop as usize).write(value);
        let depth = (*frame).stacktop + 1 - (*(*point).code).co_nlocalsplus;
        (*(*point).version).handovers[HandOverReason::Instrumentation as usize] += 1;
        outcome(generator, continue_in_interpreter(thread, frame, instr_ptr, depth, 0))
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
        let mut links = Links {
            points: [const { MaybeUninit::uninit() }; LINKS],
            count: 0,
        };
        let (mut innermost, mut point, mut delegation) = (outermost, point, Some(delegation));
        let (mut current, mut exc_info) = ((*tstate).current_frame, (*tstate).exc_info);
        let room = usize::try_from((*tstate).py_recursion_remaining)
            .unwrap_or(0)
            .min(LINKS);
        while let Some(here) = delegation
            && links.count < room
            && let Some((inner, next)) = receiver(thread, innermost, value)
        {
            links.link(innermost, point, here, &mut current, &mut exc_info);
            (innermost, point, delegation) = (inner, next, (*next).delegation.as_ref());
        }
        (*tstate).current_frame = current;
        (*tstate).exc_info = exc_info;
        (*tstate).py_recursion_remaining -= links.count as i32;
        (*thread).linked_bytes += links.count * LINK_BYTES;
        let mut sent = match delegation {
            Some(delegation) if links.count == LINKS => resume(thread, innermost, value, point, delegation),
            _ => enter(thread, innermost, value, point),
        };
        while links.count > 0 {
            let watched = safepoint::is_watched(thread);
            if let Sent::Yielded(_) = sent
                && !watched
            {
                (*thread).linked_bytes -= links.count * LINK_BYTES;
                links.unlink_all(tstate);
                return sent;
            }
            links.count -= 1;
            (*thread).linked_bytes -= LINK_BYTES;
            let point = links.points[links.count].assume_init();
            let Some(delegation) = &(*point).delegation else {
                continue;
            };
            let frame = (*tstate).current_frame;
            let entry = match sent {
                Sent::Yielded(value) => {
                    sent = leave_to_interpreter(thread, point, delegation.suspends, value);
                    continue;
                }
                Sent::Returned(value) if watched => {
                    sent = leave_to_interpreter(thread, point, delegation.ends, value);
                    continue;
                }
                Sent::Returned(value) => {
                    Frame::slot(frame, (*frame).stacktop as usize).write(value);
                    delegation.returned
                }
                Sent::Raised => delegation.raised,
            };
            (*frame).stacktop = -1;
            let result = run(thread, frame, (*point).version, entry);
            sent = outcome(Generator::of(frame), result);
        }
        sent
    }
}
