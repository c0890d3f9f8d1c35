//! Safepoints: where compiled code lets signals, other threads, the garbage collector, pending calls and asynchronous
//! exceptions have their turn, and notices that tracing, profiling or monitoring was switched on.
//!
//! `PyThreadState.eval_breaker` holds a bit for each thing that wants attention and, above them, the version of the
//! instrumentation. Compiled code compares it with [`Thread::expected_breaker`].

use crate::api;
use crate::layout::{Code, Frame};
use crate::ops::reference::{PyResult, Raised};
use crate::runtime_fns;
use crate::thread::Thread;
use crate::version::Version;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// The bits of `eval_breaker` below the instrumentation version.
const EVENT_BITS: usize = 0xff;
const GIL_DROP_REQUEST: usize = 1;
const SIGNALS_PENDING: usize = 1 << 1;
const GC_SCHEDULED: usize = 1 << 4;

/// What a safepoint tells compiled code to do.
pub mod verdict {
    pub const GO_ON: i32 = 0;
    /// Leave the function: an exception without an entry in its traceback for this frame is set.
    pub const LEAVE: i32 = 1;
    /// An exception is raised at the present instruction.
    pub const RAISE: i32 = 2;
    /// Hand the frame to the interpreter at the next instruction.
    pub const HAND_OVER: i32 = 3;
    /// Go on in the version that the thread's `enter` is.
    pub const ENTER: i32 = 4;
    /// Hand the frame to the interpreter: the recursion limit is so near that calls which are inlined may reach it.
    pub const NEAR_LIMIT: i32 = 5;
}

/// Calls that optimized code may have inlined in one another, without counting them: where fewer are left to the recursion
/// limit, it is not entered.
pub const LEVELS_AHEAD: i32 = 10;

/// Whether optimized code may be entered by the present frame.
///
/// # Safety
/// The GIL is held.
pub unsafe fn has_levels_ahead(tstate: *const crate::layout::ThreadState) -> bool {
    // SAFETY: the present thread's state.
    unsafe { (*tstate).py_recursion_remaining >= LEVELS_AHEAD }
}

/// The user wants everything to run in the interpreter.
static mut OFF: bool = false;

/// Whether calls go to the interpreter, whatever is compiled.
pub fn set_off(off: bool) {
    // SAFETY: the GIL is held by whoever changes the configuration.
    unsafe { OFF = off };
}

static mut PENDING_FUNCTION: *mut PyObject = null_mut();
static mut GET_TOOL: *mut PyObject = null_mut();

/// Makes the function in which the interpreter serves what is pending, and finds `sys.monitoring.get_tool`.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: ordinary uses of the C API; references are kept for ever.
    unsafe {
        let globals = PyDict_New();
        if globals.is_null() {
            return Err(Raised);
        }
        let code = c"import sys\ndef pending(): pass\nget_tool = sys.monitoring.get_tool\n";
        let result = PyRun_String(code.as_ptr(), Py_file_input, globals, globals);
        if result.is_null() {
            return Err(Raised);
        }
        Py_DECREF(result);
        PENDING_FUNCTION = PyDict_GetItemString(globals, c"pending".as_ptr());
        GET_TOOL = PyDict_GetItemString(globals, c"get_tool".as_ptr());
        Py_XINCREF(PENDING_FUNCTION);
        Py_XINCREF(GET_TOOL);
        Py_DECREF(globals);
        if PENDING_FUNCTION.is_null() || GET_TOOL.is_null() {
            Err(Raised)
        } else {
            Ok(())
        }
    }
}

/// Whether somebody watches the program: a trace or profile function of this thread, or a monitoring tool.
unsafe fn look_for_instrumentation(thread: *mut Thread) -> bool {
    // SAFETY: the GIL is held; `get_tool` runs no Python code.
    unsafe {
        let tstate = (*thread).tstate;
        if !(*tstate).c_tracefunc.is_null() || !(*tstate).c_profilefunc.is_null() {
            return true;
        }
        let raised = api::PyErr_GetRaisedException();
        let mut found = false;
        for tool in 0..6 {
            let number = PyLong_FromLong(tool);
            let name = PyObject_CallOneArg(GET_TOOL, number);
            Py_XDECREF(number);
            if name.is_null() {
                PyErr_Clear();
                continue;
            }
            found |= name != Py_None();
            Py_DECREF(name);
        }
        api::PyErr_SetRaisedException(raised);
        found
    }
}

/// Takes note of the present instrumentation version.
#[cold]
unsafe fn check_version(thread: *mut Thread) -> bool {
    // SAFETY: the GIL is held.
    unsafe {
        let version = (*(*thread).tstate).eval_breaker & !EVENT_BITS;
        if (*thread).checked_version != version || (*thread).instrumented {
            (*thread).instrumented = look_for_instrumentation(thread);
            (*thread).checked_version = version;
            // An expectation that is never met while somebody watches.
            (*thread).expected_breaker = if (*thread).instrumented { usize::MAX } else { version };
        }
        !(*thread).instrumented
    }
}

/// Whether calls on this thread go to compiled code: nobody traces, profiles or monitors.
///
/// # Safety
/// The GIL is held; `thread` is the present thread's.
#[inline]
pub unsafe fn runs_compiled(thread: *mut Thread) -> bool {
    // SAFETY: see the contract.
    unsafe {
        if OFF {
            return false;
        }
        let breaker = (*(*thread).tstate).eval_breaker;
        breaker & !EVENT_BITS == (*thread).expected_breaker || check_version(thread)
    }
}

/// Whether somebody traces, profiles or monitors what runs on this thread.
///
/// # Safety
/// The GIL is held; `thread` is the present thread's.
#[inline]
pub unsafe fn is_watched(thread: *mut Thread) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let breaker = (*(*thread).tstate).eval_breaker;
        breaker & !EVENT_BITS != (*thread).expected_breaker && !check_version(thread)
    }
}

/// Whether somebody monitors this code object: that alone changes nothing in `eval_breaker`, but such a code object
/// carries data.
///
/// # Safety
/// The GIL is held; `thread` is the present thread's; a live code object.
#[inline]
pub unsafe fn is_monitored(thread: *mut Thread, code: *mut Code) -> bool {
    // SAFETY: see the contract.
    unsafe { !(*code).co_monitoring.is_null() && look_for_instrumentation(thread) }
}

/// Whether a call goes too deep, with RecursionError set: `remaining` is the recursion count after the call was counted.
///
/// # Safety
/// The GIL is held; `thread` is the present thread's.
#[cold]
pub unsafe fn too_deep(thread: *mut Thread, remaining: i32, stack_pointer: usize) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let tstate = (*thread).tstate;
        let counted = remaining < 0 && ((*tstate).recursion_headroom == 0 || remaining < -50);
        if !counted && stack_pointer >= (*thread).stack_limit {
            return false;
        }
        (*tstate).recursion_headroom += 1;
        PyErr_SetString(PyExc_RecursionError, c"maximum recursion depth exceeded".as_ptr());
        (*tstate).recursion_headroom -= 1;
        true
    }
}

/// Serves what wants attention; -1 with an exception set.
unsafe fn serve(thread: *mut Thread) -> i32 {
    // SAFETY: the GIL is held and no exception is set.
    unsafe {
        let tstate = (*thread).tstate;
        if (*tstate).eval_breaker & (SIGNALS_PENDING | GC_SCHEDULED) != 0 && PyErr_CheckSignals() < 0 {
            return -1;
        }
        if (*tstate).eval_breaker & EVENT_BITS == GIL_DROP_REQUEST {
            PyEval_RestoreThread(PyEval_SaveThread());
        }
        if (*tstate).eval_breaker & EVENT_BITS != 0 {
            // The interpreter knows the rest: it serves everything when it enters a function.
            // It must not be compiled itself.
            let result = crate::hook::call_original(PENDING_FUNCTION, std::ptr::null(), 0, null_mut());
            if result.is_null() {
                // The entry for that function is nobody's business.
                let exception = api::PyErr_GetRaisedException();
                PyException_SetTraceback(exception, Py_None());
                api::PyErr_SetRaisedException(exception);
                return -1;
            }
            Py_DECREF(result);
        }
        0
    }
}

runtime_fns! {
    /// A back edge, or the end of a call, found the breaker set.
    SAFEPOINT = fn safepoint(thread: *mut Thread) -> i32 {
        if serve(thread) < 0 {
            return verdict::RAISE;
        }
        if check_version(thread) { verdict::GO_ON } else { verdict::HAND_OVER }
    }

    /// A back edge found the breaker set, or it is time to look whether better code is to be had. `entry` is the number by
    /// which bodies are entered at the loop header.
    BACK_EDGE = fn back_edge(thread: *mut Thread, frame: *mut Frame, version: *mut Version, entry: i64) -> i32 {
        if (*(*thread).tstate).eval_breaker != (*thread).expected_breaker {
            let verdict = safepoint(thread);
            if verdict != verdict::GO_ON {
                return verdict;
            }
        }
        if (*version).back_edges >= (*version).check_edges {
            let next = crate::hook::upgrade((*frame).f_funcobj, version, frame, entry);
            if !next.is_null() {
                (*thread).enter = next;
                return verdict::ENTER;
            }
        }
        verdict::GO_ON
    }

    /// The entry of a function found the breaker set, the recursion limit reached or the stack nearly used up.
    /// `remaining` is the recursion count after this call was counted.
    ENTRY_CHECK = fn entry_check(thread: *mut Thread, frame: *mut Frame, remaining: i32, stack_pointer: usize, version: *mut Version) -> i32 {
        let tstate = (*thread).tstate;
        if too_deep(thread, remaining, stack_pointer) {
            let raised = api::PyErr_GetRaisedException();
            crate::frame::leave(thread, frame);
            api::PyErr_SetRaisedException(raised);
            return verdict::LEAVE;
        }
        if (*version).calls >= (*version).check_calls {
            crate::hook::upgrade((*frame).f_funcobj, version, std::ptr::null_mut(), 0);
        }
        if is_monitored(thread, (*version).code) {
            return verdict::HAND_OVER;
        }
        if (*tstate).eval_breaker == (*thread).expected_breaker {
            return verdict::GO_ON;
        }
        safepoint(thread)
    }
}
