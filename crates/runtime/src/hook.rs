//! How functions come to be compiled: the entries that are set as a function's vectorcall, and what is known of each
//! code object.

use crate::Loops;
use crate::api::{self, function_event};
use crate::call::VECTORCALL;
use crate::layout::{Code, Frame, Function};
use crate::ops::reference::{PyResult, Raised};
use crate::safepoint;
use crate::thread::{self, Thread};
use crate::tiering::policy::Tiers;
use crate::tiering::{self, add_version, baseline_count, budget, newest_of, replace_entry, resting, supersede};
use crate::version::{Tier, Version, retire};
use pyo3_ffi::*;
use rustc_hash::FxHashMap;
use std::ffi::c_void;
use std::ptr::null_mut;

type Vectorcall = unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, usize, *mut PyObject) -> *mut PyObject;

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

unsafe extern "C" fn free_state(state: *mut c_void) {
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
unsafe extern "C" fn vectorcall_cold(
    function: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: called as a vectorcall, with the GIL held.
    unsafe {
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
        if is_time || tiering::has_borrowed_enough(state) {
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
unsafe fn is_left_to_us(state: *mut CodeState) -> bool {
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
