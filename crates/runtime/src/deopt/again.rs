//! Going from one version's body to another's in the middle of a function, without the stack growing each time: a loop may
//! leave optimized code and get back into it any number of times.
//!
//! A body that is left for another is not waited for where possible. A frame whose body was called from here is marked; what
//! would call another body for it notes that in the thread and returns [`again`] instead, which comes back here by the way
//! of the body's own return.

use crate::layout::Frame;
use crate::runtime_fns;
use crate::thread::Thread;
use crate::version::{Body, Version};
use pyo3_ffi::PyObject;

/// The mark of a frame, in `return_offset`: that means something only for the interpreter's own calls of one another, which
/// write it first, and new frames have 0 there.
const MARK: u16 = 1;

static AGAIN: u8 = 0;

/// What a body returns to have another one called for its frame. Seen by nobody but [`go_on_in`].
fn again() -> *mut PyObject {
    (&raw const AGAIN).cast_mut().cast()
}

/// Takes the mark away from a frame that the interpreter goes on with.
///
/// # Safety
/// A live frame.
#[inline]
pub(crate) unsafe fn unmark(frame: *mut Frame) {
    // SAFETY: see the contract.
    unsafe { (*frame).return_offset = 0 }
}

/// The frame, which is the current one, goes on in another body; its present body returns the result at once.
///
/// # Safety
/// The GIL is held; the body is one of the frame's code, with such an entry.
pub(super) unsafe fn go_on_in(
    thread: *mut Thread,
    frame: *mut Frame,
    version: *mut Version,
    entry: i64,
) -> *mut PyObject {
    // SAFETY: see the contract. A generator's frame outlives its run, since who resumes it keeps the generator.
    unsafe {
        (*thread).next_body = (*version).body;
        (*thread).next_entry = entry;
        if (*frame).return_offset == MARK {
            return again();
        }
        let suspendable = (*frame).owner == crate::layout::FRAME_OWNED_BY_GENERATOR;
        (*frame).return_offset = MARK;
        loop {
            let body = std::mem::transmute::<*const (), Body>((*thread).next_body);
            let result = body(thread, frame, (*thread).next_entry);
            if result != again() {
                if suspendable {
                    unmark(frame);
                }
                return result;
            }
        }
    }
}

runtime_fns! {
    /// A back edge goes on in another version, at the loop header with this number; the body returns the result.
    GO_ON_IN = fn go_on_in_version(thread: *mut Thread, frame: *mut Frame, version: *mut Version, entry: i64) -> *mut PyObject {
        go_on_in(thread, frame, version, entry)
    }
}
