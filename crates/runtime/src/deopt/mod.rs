//! Deoptimization: how optimized code is left when one of its bets fails.
//!
//! Optimized code keeps numbers in registers, does not make objects that nobody else sees, and has no frames for callees
//! that it inlines. Where it can be left, a [`DeoptPoint`] says how everything is had that the interpreter would have
//! there: which frames there are, and where each of their values is found ([`Recovery`]). The code passes the values
//! that it has in registers, as 64-bit words, to [`DEOPTIMIZE`], and returns what that returns.
//!
//! The frames are then gone on with in baseline code at exactly their instructions, in *continuation versions*: see
//! `continuation`; how bodies follow one another, in `again`.

mod again;
mod continuation;
mod leave;
mod point;
mod quietly;
mod raised;
mod reconstruction;
mod recover;
mod requested;
mod typed;
mod unwind;

pub use again::GO_ON_IN;
pub(crate) use again::unmark;
pub use continuation::{Continuation, ContinuationCompiler, set_continuation_compiler};
pub use leave::{DEOPTIMIZE, DeoptPolicy, deoptimize, set_policy};
pub use point::{DeoptPoint, DeoptPoints, DeoptReason, Met, MetTypes};
pub use quietly::{IS_NO_INT, NEXT_ITEM, PARSE_INT};
pub use raised::{MAKE_EXCEPTION, Message, RAISED_AT};
pub use reconstruction::{
    FrameRecovery, Going, IteratorOf, LeftFrame, Place, RaisedAt, Reconstruction, Recovery, Returns, VirtualObject,
};
pub use requested::DEOPTIMIZE_REQUESTED;
pub use typed::{LEAVE_TYPED, Left};

use crate::hook;
use crate::layout::Frame;
use crate::runtime_fns;
use crate::thread::Thread;
use crate::tiering;
use crate::version::{Body, Version};
use pyo3_ffi::*;
use std::ffi::c_void;
use std::ptr::null_mut;

/// References whose end may run Python code, of versions that were dropped where none must run.
static mut GIVEN_UP: Vec<*mut PyObject> = Vec::new();

extern "C" fn give_up_now(_: *mut c_void) -> i32 {
    // SAFETY: called with the GIL held; the list is taken before anything can add to it.
    unsafe {
        let list = &raw mut GIVEN_UP;
        for object in std::mem::take(&mut *list) {
            Py_DECREF(object);
        }
        0
    }
}

/// Gives references up when Python code may run again; at once where they are not the last ones, for a pending call has
/// optimized code be left.
///
/// # Safety
/// The GIL is held; the references are the caller's.
pub(crate) unsafe fn give_up_later(references: &mut Vec<*mut PyObject>) {
    // SAFETY: see the contract. If the queue is full, the next ones take these along.
    unsafe {
        references.retain(|&object| {
            let is_last = Py_REFCNT(object) == 1;
            if !is_last {
                Py_DECREF(object);
            }
            is_last
        });
        if references.is_empty() {
            return;
        }
        let list = &raw mut GIVEN_UP;
        (*list).append(references);
        Py_AddPendingCall(Some(give_up_now), null_mut());
    }
}

/// Calls and back edges that baseline code makes, after better code was found to be invalid, before it looks for such again.
const CALLS_UNTIL_NEXT: u64 = 500;
const EDGES_UNTIL_NEXT: u64 = 5_000;

/// Has an optimized version not be entered any more: what would enter it goes on in the newest baseline version. False, with
/// nothing done, where there is none.
///
/// # Safety
/// The GIL is held; a live version.
pub unsafe fn invalidate(version: *mut Version) -> bool {
    // SAFETY: the code object lives as long as its versions are not retired.
    unsafe {
        // The code object of a dead one may be gone, though a cache has the version still.
        if (*version).dead {
            return false;
        }
        let state = hook::state_of((*version).code.cast());
        if state.is_null() {
            return false;
        }
        let replacement = tiering::newest_of(state, (*version).globals, (*version).builtins, |one| {
            one.tier == crate::version::Tier::Baseline
        });
        if replacement.is_null() || replacement == version {
            return false;
        }
        (*version).valid = false;
        crate::profiler::versions_changed((*version).code);
        (*version).successor = replacement;
        for point in &mut (*version).resume_points {
            point.valid_at = null_mut();
        }
        let own = (*version).continuations.iter().map(|one| one.version);
        let others: Vec<_> = (*state).versions.iter().copied().chain(own).collect();
        for other in others {
            if other.is_null() || other == version || (*other).successor != version {
                continue;
            }
            (*other).successor = null_mut();
            (*other).check_calls = (*other).calls + CALLS_UNTIL_NEXT;
            (*other).check_edges = (*other).back_edges + EDGES_UNTIL_NEXT;
            if other == replacement {
                for point in &mut (*other).resume_points {
                    point.valid_at = point.instr_ptr;
                }
            } else if !(*replacement).profiling {
                (*other).successor = replacement;
            }
        }
        crate::keeping::became_invalid(version);
        true
    }
}

runtime_fns! {
    /// The body of an invalid version was entered, or one at an entry that it does not know: the version that has taken its
    /// place goes on (and is the function's entry from now on), or baseline code. Arguments are the body's own.
    ENTER_SUCCESSOR = fn enter_successor(thread: *mut Thread, frame: *mut Frame, entry: i64, version: *mut Version) -> *mut PyObject {
        let newest = if (*version).valid {
            let state = hook::state_of((*version).code.cast());
            tiering::newest_of(state, (*version).globals, (*version).builtins, |one| {
                one.tier == crate::version::Tier::Baseline && !(one.profiling && entry != 0)
            })
        } else {
            tiering::replace_entry((*frame).f_funcobj, version)
        };
        let mut entry = entry;
        if entry != 0 && (*newest).profiling != (*version).profiling {
            // Only one of the two has entries at loop headers, which come first; back edges lead to valid versions.
            let first = |version: *mut Version| {
                let points = &(*version).resume_points;
                points.first().map_or(0, |point| point.entry)
            };
            entry += first(newest) - first(version);
        }
        let body: Body = std::mem::transmute::<*const (), Body>((*newest).body);
        body(thread, frame, entry)
    }
}
