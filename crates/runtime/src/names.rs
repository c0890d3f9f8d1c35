//! Interned names that the runtime looks up.

use crate::ops::reference::{PyResult, Raised};
use pyo3_ffi::*;

static mut INIT: *mut PyObject = std::ptr::null_mut();

/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: a string literal.
    unsafe {
        INIT = PyUnicode_InternFromString(c"__init__".as_ptr());
        if INIT.is_null() { Err(Raised) } else { Ok(()) }
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
