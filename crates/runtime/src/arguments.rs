//! Tuples of arguments, for functions in C that take one.
//!
//! Such a tuple is nobody's when the function has returned, in nearly all cases. It is emptied then and used again, and the
//! garbage collector does not get to know it: as long as it is not tracked, what it refers to is alive for certain.

use crate::api::PyObject_GC_IsTracked;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Tuples of fewer arguments than this are kept.
const KEPT: usize = 7;

/// One empty tuple of each size, its items NULL, not tracked; NULL while it is in use.
static mut POOL: [*mut PyObject; KEPT] = [null_mut(); KEPT];

/// Calls `function` with a tuple of the arguments (borrowed, and held by the caller), counted among the calls in C that are
/// nested, as the interpreter does it; NULL without memory for it, or with RecursionError.
///
/// # Safety
/// The GIL is held; `args` holds `count` live objects.
#[inline]
pub unsafe fn with_tuple(
    args: *mut *mut PyObject,
    count: usize,
    function: impl FnOnce(*mut PyObject) -> *mut PyObject,
) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        if Py_EnterRecursiveCall(c" while calling a Python object".as_ptr()) != 0 {
            return null_mut();
        }
        let result = call_with_tuple(args, count, function);
        Py_LeaveRecursiveCall();
        result
    }
}

#[inline]
unsafe fn call_with_tuple(
    args: *mut *mut PyObject,
    count: usize,
    function: impl FnOnce(*mut PyObject) -> *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for `with_tuple`; a tuple in the pool has no owner but the pool.
    unsafe {
        let pooled = count < KEPT;
        let mut tuple = if pooled { POOL[count] } else { null_mut() };
        if tuple.is_null() {
            tuple = PyTuple_New(count as Py_ssize_t);
            if tuple.is_null() {
                return null_mut();
            }
        } else {
            POOL[count] = null_mut();
        }
        for index in 0..count {
            PyTuple_SET_ITEM(tuple, index as Py_ssize_t, Py_NewRef(args.add(index).read()));
        }
        let result = function(tuple);
        if Py_REFCNT(tuple) != 1 {
            // The empty tuple, or somebody has kept it.
            if count != 0 && PyObject_GC_IsTracked(tuple) == 0 {
                PyObject_GC_Track(tuple.cast());
            }
            Py_DECREF(tuple);
        } else if pooled && POOL[count].is_null() {
            PyObject_GC_UnTrack(tuple.cast());
            for index in 0..count {
                // The caller has a reference, so that nothing ends here.
                let item = PyTuple_GET_ITEM(tuple, index as Py_ssize_t);
                PyTuple_SET_ITEM(tuple, index as Py_ssize_t, null_mut());
                Py_DECREF(item);
            }
            POOL[count] = tuple;
        } else {
            Py_DECREF(tuple);
        }
        result
    }
}
