//! What trace and profile functions are told of exceptions that compiled code raises or passes on.
//!
//! With somebody watching, functions run in the interpreter, which tells of everything. A compiled function that was
//! running when watching began, deep in a call of its own, goes on in the interpreter after that call; when the call
//! ends with an exception, the first that happens is told here.

use crate::api;
use crate::safepoint;
use crate::thread::Thread;
use pyo3_ffi::*;
use std::ffi::c_void;

type TraceFunction =
    unsafe extern "C" fn(object: *mut PyObject, frame: *mut PyObject, what: i32, argument: *mut PyObject) -> i32;

/// Tells a function, if there is one, of an event in the current frame; -1 with an exception from it.
unsafe fn tell(
    thread: *mut Thread,
    function: *const c_void,
    object: *mut PyObject,
    what: i32,
    argument: *mut PyObject,
) -> i32 {
    // SAFETY: a thread state's trace function has this type; the object is held by the thread state, and here too for
    // as long as the call takes.
    unsafe {
        let tstate = (*thread).tstate;
        if function.is_null() || (*tstate).tracing != 0 {
            return 0;
        }
        let frame = api::PyThreadState_GetFrame(tstate.cast());
        if frame.is_null() {
            return -1;
        }
        Py_XINCREF(object);
        PyThreadState_EnterTracing(tstate.cast());
        let status = std::mem::transmute::<*const c_void, TraceFunction>(function)(object, frame, what, argument);
        PyThreadState_LeaveTracing(tstate.cast());
        Py_XDECREF(object);
        Py_DECREF(frame);
        status
    }
}

/// An exception is set at the current frame's present instruction and has its traceback entry: tells the trace
/// function, whose own exception takes its place.
///
/// # Safety
/// The GIL is held; `thread` is the present thread's; its current frame is complete.
#[cold]
unsafe fn tell_of_exception(thread: *mut Thread) {
    // SAFETY: see the contract.
    unsafe {
        let tstate = (*thread).tstate;
        let raised = api::PyErr_GetRaisedException();
        let mut traceback = PyException_GetTraceback(raised);
        if traceback.is_null() {
            traceback = Py_None();
            Py_INCREF(traceback);
        }
        let argument = PyTuple_Pack(3, Py_TYPE(raised).cast::<PyObject>(), raised, traceback);
        Py_DECREF(traceback);
        let told = if argument.is_null() {
            -1
        } else {
            tell(
                thread,
                (*tstate).c_tracefunc,
                (*tstate).c_traceobj,
                PyTrace_EXCEPTION,
                argument,
            )
        };
        Py_XDECREF(argument);
        if told < 0 {
            Py_DECREF(raised);
        } else {
            api::PyErr_SetRaisedException(raised);
        }
    }
}

/// Whether somebody watches; an exception that is set and `fresh` (it is not raised again) is told of.
///
/// # Safety
/// As for [`tell_of_exception`].
#[inline]
pub unsafe fn exception(thread: *mut Thread, fresh: bool) -> bool {
    // SAFETY: see the contract.
    unsafe {
        if !safepoint::is_watched(thread) {
            return false;
        }
        if fresh {
            tell_of_exception(thread);
        }
        true
    }
}

/// An exception leaves the current frame while somebody watches: tells the profile and the trace function of the return.
///
/// # Safety
/// As for [`tell_of_exception`].
#[cold]
pub unsafe fn leaving(thread: *mut Thread) {
    // SAFETY: see the contract.
    unsafe {
        let tstate = (*thread).tstate;
        for profile in [true, false] {
            let (function, object) = if profile {
                ((*tstate).c_profilefunc, (*tstate).c_profileobj)
            } else {
                ((*tstate).c_tracefunc, (*tstate).c_traceobj)
            };
            let raised = api::PyErr_GetRaisedException();
            let told = tell(thread, function, object, PyTrace_RETURN, Py_None());
            if told < 0 {
                Py_DECREF(raised);
            } else {
                api::PyErr_SetRaisedException(raised);
            }
        }
    }
}
