//! How functions come to be compiled: the entries that are set as a function's vectorcall, and what is known of each
//! code object.

mod counting;
mod entries;
mod state;
mod upgrading;

use crate::api::{self, function_event};
use crate::layout::{Code, Function};
use crate::ops::reference::{PyResult, Raised};
use crate::tiering::{self, add_version, baseline_count, resting};
use crate::version::{Version, retire};
use pyo3_ffi::*;
use rustc_hash::FxHashMap;
use std::ptr::null_mut;

use counting::vectorcall_cold;
pub use counting::{BASELINE_CALLS, call_original, original, set_follows, version_for_call};
pub use entries::{forget_entry, matching_version, present_version, version_of};
use state::free_state;
pub use state::{CodeState, ensure_state, state_of};
pub use upgrading::upgrade;

/// Compiles a function; the error is the reason why not.
pub type Compiler = unsafe fn(function: *mut PyObject, state: *mut CodeState) -> Result<*mut Version, String>;

struct Hooks {
    extra_index: Py_ssize_t,
    original: *const (),
    compiler: Option<Compiler>,
    watcher: i32,
    hook_new: bool,
    /// What compiled code calls often is compiled as well.
    follows: bool,
    /// Code objects that were replaced in a hooked function, which may still run; by function.
    replaced: FxHashMap<usize, Vec<*mut PyObject>>,
    default_calls: u64,
    /// Functions that were declined, by reason.
    declined: FxHashMap<String, u64>,
    hooked: u64,
    compiled: u64,
}

static mut HOOKS: Hooks = Hooks {
    extra_index: -1,
    original: std::ptr::null(),
    compiler: None,
    watcher: -1,
    hook_new: false,
    follows: true,
    replaced: FxHashMap::with_hasher(rustc_hash::FxBuildHasher),
    default_calls: 0,
    declined: FxHashMap::with_hasher(rustc_hash::FxBuildHasher),
    hooked: 0,
    compiled: 0,
};

#[allow(
    static_mut_refs,
    reason = "guarded by the GIL; no reference outlives a call that runs no Python code"
)]
fn hooks() -> &'static mut Hooks {
    // SAFETY: the GIL is held by whoever calls into this module.
    unsafe { &mut HOOKS }
}

/// Prepares hooking.
///
/// # Errors
/// With a Python exception set.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize(compiler: Compiler) -> PyResult<()> {
    // SAFETY: ordinary uses of the C API.
    unsafe {
        let hooks = hooks();
        hooks.compiler = Some(compiler);
        hooks.extra_index = api::PyUnstable_Eval_RequestCodeExtraIndex(free_state);
        if hooks.extra_index < 0 {
            PyErr_SetString(
                PyExc_ImportError,
                c"the interpreter has no room left for data on code objects".as_ptr(),
            );
            return Err(Raised);
        }
        // A fresh function's entry is the interpreter's own.
        let globals = PyDict_New();
        let function = PyRun_String(c"lambda: None".as_ptr(), Py_eval_input, globals, globals);
        if function.is_null() {
            return Err(Raised);
        }
        hooks.original = (*function.cast::<Function>()).vectorcall;
        Py_DECREF(function);
        Py_DECREF(globals);
        hooks.watcher = api::PyFunction_AddWatcher(on_event);
        if hooks.watcher < 0 {
            return Err(Raised);
        }
        Ok(())
    }
}

/// Versions of one code object that runs with different globals, beyond which further ones stay with the interpreter.
const NAMESPACE_LIMIT: usize = 16;

/// Frees versions whose globals are gone: no function can run them any more.
unsafe fn drop_orphans(state: *mut CodeState) {
    // SAFETY: a running frame's function would keep the globals alive.
    unsafe {
        tiering::drop_orphans(state);
        (*state).versions.retain(|&version| {
            let orphan = (*version).globals.is_null();
            if orphan {
                retire(version);
            }
            !orphan
        });
    }
}

/// Compiles the function if it is not yet, and sets its entry; NULL when it is declined.
///
/// # Safety
/// The GIL is held; a live function.
pub unsafe fn compile(function: *mut PyObject) -> *mut Version {
    // SAFETY: see the contract.
    unsafe {
        let state = ensure_state((*function.cast::<Function>()).func_code);
        if state.is_null() {
            return null_mut();
        }
        let mut version = present_version(function, state);
        if version.is_null() {
            drop_orphans(state);
            if (*state).declined.is_none() {
                let raised = api::PyErr_GetRaisedException();
                let compiler = hooks().compiler.filter(|_| baseline_count(state) < NAMESPACE_LIMIT);
                match compiler.map(|compiler| compiler(function, state)) {
                    Some(Ok(made)) => {
                        hooks().compiled += 1;
                        add_version(state, made);
                        tiering::begin(state, made);
                        version = made;
                    }
                    Some(Err(reason)) => {
                        decline(state, reason);
                    }
                    None => {}
                }
                api::PyErr_SetRaisedException(raised);
            }
            if version.is_null() {
                api::PyFunction_SetVectorcall(function, hooks().original);
                return null_mut();
            }
        }
        api::PyFunction_SetVectorcall(function, (*version).vectorcall);
        version
    }
}

/// Notes why a code object is not compiled.
///
/// # Safety
/// The GIL is held; a live state.
pub unsafe fn decline(state: *mut CodeState, reason: String) {
    *hooks().declined.entry(reason.clone()).or_default() += 1;
    // SAFETY: see the contract.
    unsafe { (*state).declined = Some(reason) };
}

/// Drops the compiled versions of a code object (for tests that compile it anew). Nothing may be running them.
///
/// # Safety
/// The GIL is held; live function.
pub unsafe fn forget_versions(function: *mut PyObject) {
    // SAFETY: see the contract.
    unsafe {
        let state = ensure_state((*function.cast::<Function>()).func_code);
        if state.is_null() {
            return;
        }
        api::PyFunction_SetVectorcall(function, vectorcall_cold as *const ());
        (*state).declined = None;
        // Another function may share the code and still have the old entry: its versions are kept for ever.
        std::mem::forget(std::mem::take(&mut (*state).versions));
        (*state).tiering.clear();
    }
}

/// Whether it is a function's code, whose locals lie in the frame. The namespace of other code comes with its frame, and
/// only [`crate::call::run_module`] brings one.
unsafe fn has_fast_locals(function: *mut PyObject) -> bool {
    // SAFETY: a live function.
    unsafe { (*code_of(function)).co_flags & CO_OPTIMIZED != 0 }
}

/// Hooks a function: it is compiled when it has been called often enough.
///
/// # Safety
/// The GIL is held; a live function.
pub unsafe fn hook(function: *mut PyObject) {
    // SAFETY: see the contract.
    unsafe {
        let entry = (*function.cast::<Function>()).vectorcall;
        if entry != hooks().original || resting::is_resting(function) {
            return;
        }
        hooks().hooked += 1;
        let state = state_of((*function.cast::<Function>()).func_code);
        if !state.is_null() {
            (*state).left_alone = false;
            if (*state).declined.is_some() {
                return;
            }
            let version = present_version(function, state);
            if !version.is_null() && has_fast_locals(function) {
                api::PyFunction_SetVectorcall(function, (*version).vectorcall);
                return;
            }
        }
        api::PyFunction_SetVectorcall(function, vectorcall_cold as *const ());
    }
}

/// Gives a function the interpreter's entry back.
///
/// # Safety
/// The GIL is held; a live function.
pub unsafe fn unhook(function: *mut PyObject) {
    // SAFETY: see the contract.
    unsafe {
        if is_hooked(function) {
            resting::forget(function);
            let state = state_of((*function.cast::<Function>()).func_code);
            if !state.is_null() {
                (*state).left_alone = true;
            }
            api::PyFunction_SetVectorcall(function, hooks().original);
        }
    }
}

/// Whether calls of the function come to us.
///
/// # Safety
/// The GIL is held; a live function.
pub unsafe fn is_hooked(function: *mut PyObject) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let entry = (*function.cast::<Function>()).vectorcall;
        entry == vectorcall_cold as *const () || !version_of(function).is_null() || resting::is_resting(function)
    }
}

/// Whether functions are hooked as they are made.
pub fn set_hook_new(on: bool) {
    hooks().hook_new = on;
}

/// See [`set_hook_new`].
pub fn hooks_new() -> bool {
    hooks().hook_new
}

/// Calls that a function without a loop makes in the interpreter before it is compiled.
pub fn set_default_calls(calls: u64) {
    hooks().default_calls = calls;
}

/// Code objects that were declined so far, by reason.
pub fn declined() -> &'static FxHashMap<String, u64> {
    &hooks().declined
}

/// Functions that were compiled so far, however often: a code object for each dictionary of globals it ran with.
pub fn compiled() -> u64 {
    hooks().compiled
}

/// Functions that were hooked so far.
pub fn hooked() -> u64 {
    hooks().hooked
}

unsafe extern "C" fn on_event(event: i32, function: *mut PyObject, _new_value: *mut PyObject) -> i32 {
    // SAFETY: called by the interpreter with the GIL held.
    unsafe {
        let hooks = hooks();
        match event {
            function_event::CREATE if hooks.hook_new => hook(function),
            function_event::MODIFY_CODE => {
                crate::bets::fire(function.cast_const().cast());
                if is_hooked(function) {
                    resting::forget(function);
                    // A frame that runs the old code borrows it.
                    let code = (*function.cast::<Function>()).func_code;
                    Py_INCREF(code);
                    hooks.replaced.entry(function as usize).or_default().push(code);
                    api::PyFunction_SetVectorcall(function, vectorcall_cold as *const ());
                } else if hooks.hook_new {
                    api::PyFunction_SetVectorcall(function, vectorcall_cold as *const ());
                }
            }
            // The interpreter's call instructions do not know such a function any more.
            function_event::MODIFY_DEFAULTS | function_event::MODIFY_KWDEFAULTS => {
                resting::wake(function);
            }
            function_event::DESTROY => {
                crate::bets::ended(function.cast_const().cast());
                crate::sampling::forget(function);
                resting::forget(function);
                if !hooks.replaced.is_empty()
                    && let Some(codes) = hooks.replaced.remove(&(function as usize))
                {
                    codes.into_iter().for_each(|code| Py_DECREF(code));
                }
            }
            _ => {}
        }
        0
    }
}

/// The code object of a function.
///
/// # Safety
/// A live function.
pub unsafe fn code_of(function: *mut PyObject) -> *mut Code {
    // SAFETY: see the contract.
    unsafe { (*function.cast::<Function>()).func_code.cast() }
}
