//! Calls of functions that are not compiled: counted until it is time to compile them.

use super::{CodeState, compile, decline, ensure_state, has_fast_locals, hook, hooks, version_of};
use crate::Loops;
use crate::api;
use crate::attributes;
use crate::call::VECTORCALL;
use crate::layout::{Code, Frame, Function};
use crate::names;
use crate::safepoint;
use crate::thread::{self, Thread};
use crate::tiering::policy::Tiers;
use crate::tiering::{self, budget, replace_entry, resting};
use crate::version::Version;
use pyo3_ffi::*;
use std::ptr::null_mut;

type Vectorcall = unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, usize, *mut PyObject) -> *mut PyObject;

/// The interpreter's own entry of Python functions.
pub fn original() -> *const () {
    hooks().original
}

/// Runs the function in the interpreter.
///
/// # Safety
/// As for a vectorcall.
pub unsafe fn call_original(
    function: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the entry was read off a function at import.
    unsafe { std::mem::transmute::<*const (), Vectorcall>(hooks().original)(function, args, nargsf, kwnames) }
}

/// The entry of a hooked function that is not compiled yet.
pub(super) unsafe extern "C" fn vectorcall_cold(
    function: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: called as a vectorcall, with the GIL held.
    unsafe {
        // Among the first calls of `__init__` is that for a class's first instance: later ones have less room.
        let code = (*function.cast::<Function>()).func_code.cast::<Code>();
        if (*code).co_name == names::init() && nargsf & !PY_VECTORCALL_ARGUMENTS_OFFSET != 0 {
            attributes::make_room(Py_TYPE(args.read()));
        }
        let version = count_call(thread::current(), function);
        if version.is_null() {
            return call_original(function, args, nargsf, kwnames);
        }
        type Entry = unsafe extern "C" fn(
            *mut PyObject,
            *const *mut PyObject,
            usize,
            *mut PyObject,
            *mut Version,
        ) -> *mut PyObject;
        let entry = std::mem::transmute::<*const (), Entry>(VECTORCALL.address);
        entry(function, args, nargsf, kwnames, version)
    }
}

/// Counts a call of a hooked function that is not compiled, and compiles it when it is time; NULL when the call is
/// the interpreter's.
unsafe fn count_call(thread: *mut Thread, function: *mut PyObject) -> *mut Version {
    // SAFETY: a live function; the GIL is held.
    unsafe {
        if (*function.cast::<Function>()).func_version != 0 {
            // The interpreter has numbered the function after it was hooked, and its call sites would go past us.
            api::PyFunction_SetVectorcall(function, vectorcall_cold as *const ());
        }
        if !safepoint::runs_compiled(thread) {
            return null_mut();
        }
        let state = ensure_state((*function.cast::<Function>()).func_code);
        if state.is_null() {
            return null_mut();
        }
        (*state).cold_calls += 1;
        if !has_fast_locals(function) {
            if (*state).declined.is_none() {
                decline(
                    state,
                    "code without fast locals (a module's or class's), made a function".to_owned(),
                );
            }
            api::PyFunction_SetVectorcall(function, hooks().original);
            return null_mut();
        }
        let wanted = match (*state).baseline_calls {
            Some(calls) => calls,
            None if (*state).loops != Loops::None => 0,
            None => hooks().default_calls,
        };
        let is_time = (*state).cold_calls > wanted && !waits(thread, state);
        if is_time || tiering::is_wanted(state) {
            compile(function)
        } else {
            null_mut()
        }
    }
}

/// The version that a call of the function from compiled code is to run, compiled now if it is time; NULL when the
/// call is the interpreter's.
///
/// # Safety
/// The GIL is held; a live function.
#[inline]
pub unsafe fn version_for_call(thread: *mut Thread, function: *mut PyObject) -> *mut Version {
    // SAFETY: see the contract.
    unsafe {
        if (*function.cast::<Function>()).vectorcall == vectorcall_cold as *const () {
            return count_call(thread, function);
        }
        let mut version = version_of(function);
        if version.is_null() && (*function.cast::<Function>()).vectorcall == hooks().original {
            if resting::wake(function) {
                version = version_of(function);
            } else if follow(function) {
                return count_call(thread, function);
            }
        }
        if !version.is_null() && safepoint::runs_compiled(thread) {
            if (*version).valid {
                version
            } else {
                replace_entry(function, version)
            }
        } else {
            null_mut()
        }
    }
}

/// Calls that a function without a loop makes in the interpreter before it is compiled, if the user has not set another number:
/// enough for the interpreter to have seen its types.
pub const BASELINE_CALLS: u64 = 8;

/// Frames below a call that is among the first of the program: one that runs for long, and is made once.
const SHALLOW: usize = 10;

/// Whether a function that has been called as often as that takes has to be called more often all the same, because compiling
/// has taken much of the program's time so far (see [`tiering::budget`]).
unsafe fn waits(thread: *mut Thread, state: *mut CodeState) -> bool {
    // SAFETY: a live thread and state; the GIL is held.
    unsafe {
        let calls = (*state).cold_calls;
        if calls < (*state).waits_until {
            return true;
        }
        if !is_left_to_us(state) {
            return false;
        }
        // With their caches, instructions are two units long on average.
        let units = Py_SIZE((*state).code) as u64;
        let doublings = budget::BASELINE.doublings(units / 2 * budget::INSTRUCTION);
        let needed = match (*state).loops {
            Loops::None => BASELINE_CALLS << doublings,
            // All that a loop does may be in one call, so that this is the last chance.
            Loops::Tight => 0,
            Loops::Some if doublings == 0 || is_shallow(thread) => 0,
            Loops::Some => 1 << doublings,
        };
        if calls > needed {
            return false;
        }
        (*state).waits_until = (2 * calls).min(needed + 1);
        true
    }
}

/// Whether the user has said nothing about when a function is to be compiled.
pub(super) unsafe fn is_left_to_us(state: *mut CodeState) -> bool {
    // SAFETY: a live state; the GIL is held.
    unsafe {
        let said = (*state).named || (*state).baseline_calls.is_some() || hooks().default_calls != BASELINE_CALLS;
        !said && tiering::effective(state).tiers() == Tiers::Auto
    }
}

/// Whether few frames are running.
unsafe fn is_shallow(thread: *mut Thread) -> bool {
    // SAFETY: a live thread, whose frames are.
    unsafe {
        let first: *mut Frame = (*(*thread).tstate).current_frame;
        let mut frames = std::iter::successors(first.as_ref(), |frame| frame.previous.as_ref());
        frames.nth(SHALLOW).is_none()
    }
}

/// Calls by compiled code after which a function is compiled that nobody has asked for.
const FOLLOWED_CALLS: u64 = 100;

/// Whether a function that is not hooked is to be compiled along with what calls it: compiled code calls it as C does, which
/// takes twice as long as a call from interpreted code.
#[cold]
unsafe fn follow(function: *mut PyObject) -> bool {
    // SAFETY: a live function; the GIL is held.
    unsafe {
        let state = ensure_state((*function.cast::<Function>()).func_code);
        if state.is_null() || !hooks().follows || (*state).left_alone || (*state).declined.is_some() {
            return false;
        }
        (*state).followed += 1;
        if (*state).followed < FOLLOWED_CALLS {
            return false;
        }
        hook(function);
        true
    }
}

/// Whether what compiled code calls often is compiled as well, though nobody has asked for that.
pub fn set_follows(on: bool) {
    hooks().follows = on;
}
