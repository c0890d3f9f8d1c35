//! Leaving typed bodies: optimized functions that are called with numbers in registers and have no frames.
//!
//! A typed body runs no code that we do not know. Where it would have to, or a bet fails, or somebody wants attention, it
//! is left, and with it all typed bodies that wait for it: each notes what it has in its registers in the thread and
//! returns, the innermost first, down to the body that has a frame. That one then calls [`super::DEOPTIMIZE`] at a point
//! whose frame waits, and all frames are made at once.

use super::point::DeoptPoint;
use crate::runtime_fns;
use crate::thread::Thread;
use pyo3_ffi::PyObject;
use std::ptr::null_mut;

/// A typed body that has been left.
pub struct Left {
    pub point: *mut DeoptPoint,
    pub words: Box<[u64]>,
    /// The one that it had called.
    inner: *mut Left,
}

/// Takes the typed bodies that have been left, the outermost first.
///
/// # Safety
/// The GIL is held; `thread` is the present thread's.
pub(super) unsafe fn take_left(thread: *mut Thread) -> Vec<Left> {
    // SAFETY: the list is the thread's, made by `leave_typed`.
    unsafe {
        (*thread).leaving = 0;
        let mut found = Vec::new();
        let mut next = std::mem::replace(&mut (*thread).left, null_mut());
        while !next.is_null() {
            let one = *Box::from_raw(next);
            next = one.inner;
            found.push(one);
        }
        found
    }
}

runtime_fns! {
    /// A typed body is left at `point`, with the words that the point's recoveries name; it returns at once, and nobody
    /// looks at its result. References among the words are the thread's from now on.
    LEAVE_TYPED = fn leave_typed(thread: *mut Thread, _frame: *mut crate::layout::Frame, point: *mut DeoptPoint, values: *const u64) -> *mut PyObject {
        let count = usize::from((*point).words);
        let words = if count == 0 { &[][..] } else { std::slice::from_raw_parts(values, count) };
        let inner = (*thread).left;
        (*thread).left = Box::into_raw(Box::new(Left { point, words: words.into(), inner }));
        (*thread).leaving = 1;
        null_mut()
    }
}
