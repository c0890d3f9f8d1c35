//! Which of a code object's versions runs: the newest valid one, and how it takes the place of others.

use crate::api;
use crate::hook::CodeState;
use crate::layout::Function;
use crate::version::{Tier, Version};
use pyo3_ffi::PyObject;
use std::ptr::null_mut;

/// The newest valid version for a code's globals and builtins that suits, or NULL.
///
/// # Safety
/// The GIL is held; a live state.
pub unsafe fn newest_of(
    state: *mut CodeState,
    globals: *mut PyObject,
    builtins: *mut PyObject,
    suits: impl Fn(&Version) -> bool,
) -> *mut Version {
    // SAFETY: versions are live as long as the state has them.
    unsafe {
        let versions = &(*state).versions;
        let found = versions.iter().rev().copied().find(|&version| {
            let version = &*version;
            version.valid && version.globals == globals && version.builtins == builtins && suits(version)
        });
        found.unwrap_or(null_mut())
    }
}

/// The newest baseline version for the function's code and globals: the one whose feedback counts.
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn baseline_version(function: *mut PyObject, state: *mut CodeState) -> *mut Version {
    // SAFETY: live objects.
    unsafe {
        let function = function.cast::<Function>();
        newest_of(state, (*function).func_globals, (*function).func_builtins, |version| {
            version.tier == Tier::Baseline
        })
    }
}

/// The version whose feedback the next baseline version is to start from: the newest of that tier, or of those that took
/// samples before there was one.
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn older_version(function: *mut PyObject, state: *mut CodeState) -> *mut Version {
    // SAFETY: live objects.
    unsafe {
        let baseline = baseline_version(function, state);
        if !baseline.is_null() {
            return baseline;
        }
        let function = function.cast::<Function>();
        newest_of(state, (*function).func_globals, (*function).func_builtins, |version| {
            version.tier == Tier::Sampling
        })
    }
}

/// The version that has taken an invalid one's place; it becomes the function's entry.
///
/// # Safety
/// The GIL is held; a live function and a version of it.
#[cold]
pub unsafe fn replace_entry(function: *mut PyObject, version: *mut Version) -> *mut Version {
    // SAFETY: an invalid version has a successor, and all versions of one code object live equally long.
    unsafe {
        let mut newest = version;
        while !(*newest).valid {
            newest = (*newest).successor;
        }
        if (*function.cast::<Function>()).vectorcall == (*version).vectorcall {
            api::PyFunction_SetVectorcall(function, (*newest).vectorcall);
        }
        newest
    }
}

/// How many baseline versions a code object has; others are limited by whoever makes them.
///
/// # Safety
/// The GIL is held; a live state.
pub(crate) unsafe fn baseline_count(state: *mut CodeState) -> usize {
    // SAFETY: versions are live as long as the state has them.
    unsafe {
        let versions = &(*state).versions;
        versions
            .iter()
            .filter(|&&version| (*version).tier == Tier::Baseline)
            .count()
    }
}

/// Adds a version that has been made for a code object; it is the newest one then.
///
/// # Safety
/// The GIL is held; a live state, and a version of its code that came from `Box::into_raw`.
pub unsafe fn add_version(state: *mut CodeState, made: *mut Version) {
    // SAFETY: see the contract.
    unsafe {
        (*state).versions.push(made);
        crate::globals::watch_version(made);
        crate::profiler::versions_changed((*made).code);
        if (*made).tier == Tier::Baseline {
            super::set_checks(made);
        }
    }
}

/// Has what runs or would enter `version` go on in `newest`, at the next back edge, call or resumption; the function enters
/// it from now on.
///
/// # Safety
/// The GIL is held; a live function and two versions for its code and globals.
pub unsafe fn supersede(function: *mut PyObject, version: *mut Version, newest: *mut Version) {
    // SAFETY: see the contract.
    unsafe {
        if version == newest {
            return;
        }
        // It may have been superseded itself, for a while: successors do not go round in circles.
        if !(*newest).successor.is_null() {
            reinstate(newest);
        }
        (*version).successor = newest;
        for point in &mut (*version).resume_points {
            point.valid_at = null_mut();
        }
        // Other functions of this code come to `upgrade` too, at once.
        (*version).check_calls = 0;
        (*version).check_edges = 0;
        if (*function.cast::<Function>()).vectorcall == (*version).vectorcall {
            api::PyFunction_SetVectorcall(function, (*newest).vectorcall);
        }
    }
}

/// Has a version be run again that was superseded for a while.
///
/// # Safety
/// The GIL is held; a live version.
pub unsafe fn reinstate(baseline: *mut Version) {
    // SAFETY: see the contract.
    unsafe {
        (*baseline).successor = null_mut();
        for point in &mut (*baseline).resume_points {
            point.valid_at = point.instr_ptr;
        }
    }
}
