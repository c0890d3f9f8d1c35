//! Small functions that nobody but interpreted code calls are left to the interpreter.
//!
//! The interpreter enters a Python function without leaving its loop; a compiled one it calls as it calls C. That costs some
//! ten nanoseconds more, which the code of a function of a few instructions cannot make up for. So a look is taken now and
//! then at who calls such a function. Where it was interpreted code each time, the function gets the interpreter's entry
//! back, until compiled code calls it ([`wake`]), or the user asks for another tier.

use super::policy::Tiers;
use super::{baseline_version, effective};
use crate::api;
use crate::hook::{self, CodeState, ensure_state};
use crate::layout::{Code, Frame, Function};
use crate::site::Callee;
use crate::thread::Thread;
use crate::version::{Tier, Version};
use pyo3_ffi::*;
use rustc_hash::FxHashSet;

/// Calls from outside compiled code at which a version is looked at for the first time; then at twice as many each time.
pub const FIRST_LOOK: u64 = 256;
/// Looks in a row that have to find interpreted code.
const LOOKS: u32 = 3;
/// What a function may weigh at most (see [`Version::weight`]): measured, functions of this weight take as long either way.
const WEIGHT_LIMIT: u32 = 16;

static mut RESTING: Option<FxHashSet<usize>> = None;

#[allow(static_mut_refs, reason = "guarded by the GIL; no reference outlives a call")]
fn resting() -> &'static mut FxHashSet<usize> {
    // SAFETY: the GIL is held by whoever calls into this module.
    unsafe { RESTING.get_or_insert_with(FxHashSet::default) }
}

/// Whether the function is left to the interpreter for what this module says.
pub fn is_resting(function: *mut PyObject) -> bool {
    let resting = resting();
    !resting.is_empty() && resting.contains(&(function as usize))
}

/// The function ends, or is not ours any more.
pub fn forget(function: *mut PyObject) {
    let resting = resting();
    if !resting.is_empty() {
        resting.remove(&(function as usize));
    }
}

/// Compiled code calls the function: if it rests, it does so no longer, and no other function of its code will.
///
/// # Safety
/// The GIL is held; a live function.
pub unsafe fn wake(function: *mut PyObject) -> bool {
    if !is_resting(function) {
        return false;
    }
    // SAFETY: see the contract.
    unsafe {
        forget(function);
        let state = ensure_state((*function.cast::<Function>()).func_code);
        if state.is_null() {
            return false;
        }
        (*state).awake = true;
        hook::hook(function);
        true
    }
}

/// Wakes all functions, or those of one code object: something else is wanted of them.
///
/// # Safety
/// The GIL is held.
pub(super) unsafe fn wake_all(state: *const CodeState) {
    let functions: Vec<usize> = resting().iter().copied().collect();
    for function in functions {
        let function = function as *mut PyObject;
        // SAFETY: functions that end are forgotten.
        unsafe {
            if state.is_null() || (*function.cast::<Function>()).func_code == (*state).code {
                forget(function);
                hook::hook(function);
            }
        }
    }
}

/// A version has been called so often from outside compiled code that it is time to look at who calls its function.
///
/// # Safety
/// The GIL is held; a live function, its version, and the arguments of a vectorcall without names.
#[cold]
pub unsafe fn look(thread: *mut Thread, function: *mut PyObject, version: *mut Version, args: *const *mut PyObject) {
    // SAFETY: see the contract.
    unsafe {
        (*version).outside_check = (*version).outside.max(FIRST_LOOK).saturating_mul(2);
        let state = ensure_state((*function.cast::<Function>()).func_code);
        if state.is_null() || (*state).awake || (*version).tier == Tier::Sampling {
            return;
        }
        if !is_called_by_interpreter(thread, function, args) {
            (*state).interpreted_looks = 0;
            return;
        }
        (*state).interpreted_looks += 1;
        if (*state).interpreted_looks < LOOKS || !is_wanted(state) || !is_small(function, state) {
            return;
        }
        // What is made of the same code follows at once.
        (*version).outside_check = 0;
        resting().insert(function as usize);
        api::PyFunction_SetVectorcall(function, hook::original());
        // Another entry took the number by which the interpreter's call instructions know the function; it was that of the
        // code, which is what those that specialize rely on.
        let function = function.cast::<Function>();
        (*function).func_version = (*(*function).func_code.cast::<Code>()).co_version;
    }
}

/// Whether the user leaves it to us what runs the function.
unsafe fn is_wanted(state: *mut CodeState) -> bool {
    // SAFETY: a live state.
    unsafe {
        let effective = effective(state);
        effective.tiers() == Tiers::Auto && !effective.is_stressed() && (*state).options.optimize_calls.is_none()
    }
}

/// Whether it is called by a `CALL` that the interpreter runs: the arguments lie behind the function on the operand stack.
unsafe fn is_called_by_interpreter(thread: *mut Thread, function: *mut PyObject, args: *const *mut PyObject) -> bool {
    // SAFETY: a live thread, whose current frame, if there is one, is that of the caller; what is read of the operand stack
    // lies in it.
    unsafe {
        let frame: *mut Frame = (*(*thread).tstate).current_frame;
        if frame.is_null() || PyCode_Check((*frame).f_executable) == 0 {
            return false;
        }
        let code = (*frame).f_executable.cast::<Code>();
        let first = (*code).co_nlocalsplus as usize;
        let stack = Frame::slot(frame, first).cast_const();
        let end = Frame::slot(frame, first + (*code).co_stacksize as usize).cast_const();
        // Below the arguments: the callable and NULL, or the function and self, which counts as an argument.
        if args < stack.wrapping_add(1) || args > end {
            return false;
        }
        let below = args.sub(1).read();
        below == function || below.is_null() && args > stack.wrapping_add(1) && args.sub(2).read() == function
    }
}

/// Whether so little is done that the way into compiled code is most of it. What calls other Python functions is better
/// compiled along with them.
unsafe fn is_small(function: *mut PyObject, state: *mut CodeState) -> bool {
    // SAFETY: live objects.
    unsafe {
        let baseline = baseline_version(function, state).as_ref();
        baseline.is_some_and(|version| {
            let is_python = |callee: &Callee| matches!(callee, Callee::Function(_) | Callee::Class(_));
            let mut callees = version.call_sites.iter().filter_map(|site| site.lesson());
            version.weight <= WEIGHT_LIMIT && !callees.any(is_python)
        })
    }
}
