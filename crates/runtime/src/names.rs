//! Interned names that the runtime looks up.

use crate::ops::reference::{PyResult, Raised};
use pyo3_ffi::*;

static mut INIT: *mut PyObject = std::ptr::null_mut();
static mut INSTANCE_CHECK: *mut PyObject = std::ptr::null_mut();
static mut STATIC_ATTRIBUTES: *mut PyObject = std::ptr::null_mut();
static mut SUBCLASSES: *mut PyObject = std::ptr::null_mut();

/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: string literals.
    unsafe {
        INIT = PyUnicode_InternFromString(c"__init__".as_ptr());
        INSTANCE_CHECK = PyUnicode_InternFromString(c"__instancecheck__".as_ptr());
        STATIC_ATTRIBUTES = PyUnicode_InternFromString(c"__static_attributes__".as_ptr());
        SUBCLASSES = PyUnicode_InternFromString(c"__subclasses__".as_ptr());
        let all = [INIT, INSTANCE_CHECK, STATIC_ATTRIBUTES, SUBCLASSES];
        if all.iter().any(|name| name.is_null()) {
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

/// `"__static_attributes__"`.
///
/// # Safety
/// After [`initialize`].
pub unsafe fn static_attributes() -> *mut PyObject {
    // SAFETY: written once, before any code is compiled.
    unsafe { STATIC_ATTRIBUTES }
}

/// `"__subclasses__"`.
///
/// # Safety
/// After [`initialize`].
pub unsafe fn subclasses() -> *mut PyObject {
    // SAFETY: written once, before any code is compiled.
    unsafe { SUBCLASSES }
}
