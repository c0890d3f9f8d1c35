//! Better versions for functions that are compiled already.

use super::counting::is_left_to_us;
use super::{CodeState, ensure_state, hooks, matching_version};
use crate::api;
use crate::layout::{Frame, Function};
use crate::tiering::{self, add_version, baseline_count, budget, supersede};
use crate::version::{Tier, Version};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Calls and back edges between looks of a version that was superseded.
const SUPERSEDED_CALLS: u64 = 100;
const SUPERSEDED_EDGES: u64 = 1_000;

/// Versions of one code object, beyond which it rests in the newest.
const VERSION_LIMIT: usize = 5;

/// It is time to look whether there is something better than a function's `version`, which is entered, or at a back edge
/// (to the loop header with number `entry`). If the version has seen more than it was compiled for, the function is compiled
/// again, and its calls go to the new version; a version that collects feedback only was compiled for nothing. Gives the
/// version that the loop goes on in, or NULL.
///
/// # Safety
/// The GIL is held; a live function and its version, and at a back edge its complete frame.
#[cold]
pub unsafe fn upgrade(function: *mut PyObject, version: *mut Version, frame: *mut Frame, entry: i64) -> *mut Version {
    // SAFETY: see the contract.
    unsafe {
        let next = better(function, version, frame, entry);
        if next.is_null() && !(*version).successor.is_null() {
            // It cannot go on there: its function has other code by now.
            (*version).check_calls = (*version).calls + SUPERSEDED_CALLS;
            (*version).check_edges = (*version).back_edges + SUPERSEDED_EDGES;
        } else if next.is_null() {
            // Look again later, and for feedback then less and less often.
            if is_due(version) {
                (*version).recheck_calls = (*version).recheck_calls.max((*version).calls).saturating_mul(16);
                (*version).recheck_edges = (*version).recheck_edges.max((*version).back_edges).saturating_mul(16);
            }
            tiering::set_checks(version);
        }
        next
    }
}

/// Whether it is time to look at a version's feedback.
unsafe fn is_due(version: *mut Version) -> bool {
    // SAFETY: a live version.
    unsafe { (*version).calls >= (*version).recheck_calls || (*version).back_edges >= (*version).recheck_edges }
}

unsafe fn better(function: *mut PyObject, version: *mut Version, frame: *mut Frame, entry: i64) -> *mut Version {
    // SAFETY: see `upgrade`.
    unsafe {
        let state = ensure_state((*function.cast::<Function>()).func_code);
        if state.is_null() || (*function.cast::<Function>()).func_code != (*version).code.cast() {
            // The code was replaced while it ran.
            return null_mut();
        }
        if (*version).tier == Tier::Sampling {
            return tiering::look(function, version, frame, entry);
        }
        let mut newest = matching_version(function, state);
        // A continuation may come here before there is anything but code that collects feedback.
        if newest == version || !newest.is_null() && (*newest).profiling {
            let learned = is_due(version) && (*newest).feedback != (*newest).compiled_with;
            if learned && baseline_count(state) < VERSION_LIMIT && stays(version, state) {
                (*version).recheck_calls = (*version).recheck_calls.max((*version).calls).saturating_mul(2);
                (*version).recheck_edges = (*version).recheck_edges.max((*version).back_edges).saturating_mul(2);
                if newest != version {
                    return null_mut();
                }
            } else if learned && baseline_count(state) < VERSION_LIMIT {
                let raised = api::PyErr_GetRaisedException();
                let made = hooks().compiler.map(|compiler| compiler(function, state));
                api::PyErr_SetRaisedException(raised);
                // If that fails, what there is stays.
                if let Some(Ok(made)) = made {
                    add_version(state, made);
                    newest = made;
                }
            } else if newest != version {
                return null_mut();
            }
        }
        if !newest.is_null() && newest != version {
            supersede(function, version, newest);
            return newest;
        }
        tiering::look(function, version, frame, entry)
    }
}

/// Whether a version that has seen more than it was compiled for stays for as long again, for the same reason.
unsafe fn stays(version: *mut Version, state: *mut CodeState) -> bool {
    // SAFETY: a live version and its code's state; the GIL is held.
    unsafe {
        if !is_left_to_us(state) {
            return false;
        }
        // Code that only profiles is slow.
        let price = u64::from((*version).instructions) * budget::INSTRUCTION;
        let doublings = budget::BASELINE.doublings(price);
        let doublings = if (*version).profiling { doublings / 2 } else { doublings };
        if (*version).stayed >= doublings {
            return false;
        }
        (*version).stayed += 1;
        true
    }
}
