//! Finding the versions that functions enter.

use super::{CodeState, hooks, state_of, vectorcall_cold};
use crate::layout::Function;
use crate::tiering::{self, newest_of};
use crate::version::{Tier, Version};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Versions by their entries, for sites that call many functions: a table without chains.
static mut BY_ENTRY: [*mut Version; 256] = [null_mut(); 256];

/// Where a version with this entry may stand in the table.
#[inline]
fn place(entry: *const ()) -> *mut *mut Version {
    // Entries lie at least 16 bytes apart.
    let address = entry as usize;
    let at = (address >> 4 ^ address >> 12) & 0xff;
    // SAFETY: the GIL is held; the index is in range.
    unsafe { (&raw mut BY_ENTRY).cast::<*mut Version>().add(at) }
}

/// Takes a version that is about to be freed out of the table.
pub fn forget_entry(version: &Version) {
    let place = place(version.vectorcall);
    // SAFETY: the GIL is held.
    unsafe {
        if std::ptr::eq(place.read(), version) {
            place.write(null_mut());
        }
    }
}

/// The compiled version that the function's entry leads to, or NULL.
///
/// # Safety
/// The GIL is held; a live function.
#[inline]
pub unsafe fn version_of(function: *mut PyObject) -> *mut Version {
    // SAFETY: see the contract.
    unsafe {
        let entry = (*function.cast::<Function>()).vectorcall;
        if entry == hooks().original || entry == vectorcall_cold as *const () {
            return null_mut();
        }
        let place = place(entry);
        let known = place.read();
        if !known.is_null() && (*known).vectorcall == entry {
            return known;
        }
        let state = state_of((*function.cast::<Function>()).func_code);
        if state.is_null() {
            return null_mut();
        }
        let versions = &(*state).versions;
        let found = versions
            .iter()
            .rev()
            .copied()
            .find(|&version| (*version).vectorcall == entry);
        if let Some(version) = found {
            place.write(version);
        }
        found.unwrap_or(null_mut())
    }
}

/// The newest version for the function's code and globals that can be entered anywhere, whatever the function's entry is at
/// present. (None that takes samples: it lasts for a while only.)
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn matching_version(function: *mut PyObject, state: *mut CodeState) -> *mut Version {
    // SAFETY: live objects.
    unsafe {
        let function = function.cast::<Function>();
        newest_of(state, (*function).func_globals, (*function).func_builtins, |version| {
            version.enters.is_none() && version.tier != Tier::Sampling
        })
    }
}

/// The version that the function is to enter: an optimized one, or the newest, or what takes samples where there is nothing
/// else; NULL if there is none.
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn present_version(function: *mut PyObject, state: *mut CodeState) -> *mut Version {
    // SAFETY: live objects.
    unsafe {
        let optimized = tiering::entry_version(function, state);
        if !optimized.is_null() {
            return optimized;
        }
        let newest = matching_version(function, state);
        if !newest.is_null() {
            return newest;
        }
        let function = function.cast::<Function>();
        newest_of(state, (*function).func_globals, (*function).func_builtins, |version| {
            version.tier == Tier::Sampling
        })
    }
}
