//! What is known of one code object.

use super::hooks;
use crate::Loops;
use crate::api;
use crate::tiering;
use crate::version::{Version, retire};
use pyo3_ffi::*;
use std::ffi::c_void;
use std::ptr::null_mut;

/// What is known of one code object; hangs on it (`co_extra`) and dies with it.
pub struct CodeState {
    /// The code object.
    pub code: *mut PyObject,
    /// Calls seen before it was compiled.
    pub cold_calls: u64,
    /// Calls to wait for, where the user set it for this function.
    pub baseline_calls: Option<u64>,
    pub loops: Loops,
    /// Calls until which it is not looked again whether it is to be compiled.
    pub waits_until: u64,
    /// The user has named one of its functions.
    pub named: bool,
    /// Looks in a row at which interpreted code called one of its functions; and whether compiled code calls them as well (see
    /// [`tiering::resting`]).
    pub interpreted_looks: u32,
    pub awake: bool,
    /// The user has taken one of its functions from us.
    pub left_alone: bool,
    /// Calls of its functions by compiled code while nobody had asked for them to be compiled.
    pub followed: u64,
    /// Rounds of loops of generators that its frames went through.
    pub borrowed: u64,
    /// Its first version is to be made at the next call, and to take samples, for a caller that may inline it.
    pub wanted: bool,
    /// What the user set for this function.
    pub options: tiering::policy::Options,
    /// How far it is on its way to the optimizing tier: for each namespace.
    pub tiering: Vec<Box<tiering::Tiering>>,
    /// Bets of the optimizing tier that have failed too often.
    pub widened: Vec<tiering::request::Widened>,
    pub versions: Vec<*mut Version>,
    /// Why it is not compiled.
    pub declined: Option<String>,
    /// Instruction offsets (bytes) at which compiled code hands over, for tests.
    pub handover_points: Vec<u32>,
    /// Instruction offsets (bytes) at which compiled code is left for a continuation version, for tests.
    pub deopt_points: Vec<u32>,
}

pub(super) unsafe extern "C" fn free_state(state: *mut c_void) {
    if state.is_null() {
        return;
    }
    // SAFETY: the pointer came from `Box::into_raw`; with the code object, no function runs its versions any more.
    unsafe {
        let state = Box::from_raw(state.cast::<CodeState>());
        crate::sampling::forget(state.code);
        for version in state.versions {
            retire(version);
        }
    }
}

/// What is known of the code object, if anything.
///
/// # Safety
/// The GIL is held; a live code object.
#[inline]
pub unsafe fn state_of(code: *mut PyObject) -> *mut CodeState {
    let mut extra = null_mut();
    // SAFETY: see the contract.
    unsafe { api::PyUnstable_Code_GetExtra(code, hooks().extra_index, &mut extra) };
    extra.cast()
}

/// As [`state_of`], made where there is none; NULL only without memory.
///
/// # Safety
/// As for [`state_of`].
pub unsafe fn ensure_state(code: *mut PyObject) -> *mut CodeState {
    // SAFETY: see the contract.
    unsafe {
        let state = state_of(code);
        if !state.is_null() {
            return state;
        }
        let state = Box::into_raw(Box::new(CodeState {
            code,
            cold_calls: 0,
            baseline_calls: None,
            borrowed: 0,
            wanted: false,
            interpreted_looks: 0,
            awake: false,
            left_alone: false,
            followed: 0,
            loops: crate::loops_of(code.cast()),
            waits_until: 0,
            named: false,
            options: tiering::policy::Options::default(),
            tiering: Vec::new(),
            widened: Vec::new(),
            versions: Vec::new(),
            declined: None,
            handover_points: Vec::new(),
            deopt_points: Vec::new(),
        }));
        if api::PyUnstable_Code_SetExtra(code, hooks().extra_index, state.cast()) < 0 {
            PyErr_Clear();
            drop(Box::from_raw(state));
            return null_mut();
        }
        state
    }
}
