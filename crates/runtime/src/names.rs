//! Interned names that the runtime looks up.

use crate::ops::reference::{PyResult, Raised};
use pyo3_ffi::*;

static mut INIT: *mut PyObject = std::ptr::null_mut();
static mut INSTANCE_CHECK: *mut PyObject = std::ptr::null_mut();
static mut SUBCLASSES: *mut PyObject = std::ptr::null_mut();

/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: string literals.
    unsafe {
        INIT = PyUnicode_InternFromString(c"__init__".as_ptr());
        INSTANCE_CHECK = PyUnicode_InternFromString(c"__instancecheck__".as_ptr());
        SUBCLASSES = PyUnicode_InternFromString(c"__subclasses__".as_ptr());
        if INIT.is_null() || INSTANCE_CHECK.is_null() || SUBCLASSES.is_null() {
            Err(Raised)
        } else {
            Ok(())
        }
    }
}

/// `"__init__"`.
///
/// # Safety
/// After [`initialize`].
pub unsafe fn init() -> *mut PyObject {
    // SAFETY: written once, before any code is compiled.
    unsafe { INIT }
}

/// `"__instancecheck__"`.
///
/// # Safety
/// After [`initialize`].
pub unsafe fn instance_check() -> *mut PyObject {
    // SAFETY: written once, before any code is compiled.
    unsafe { INSTANCE_CHECK }
}

/// `"__subclasses__"`.
///
/// # Safety
/// After [`initialize`].
pub unsafe fn subclasses() -> *mut PyObject {
    // SAFETY: written once, before any code is compiled.
    unsafe { SUBCLASSES }
}
