//! The parts of f-strings: conversions and formatting.

use super::reference::Owned;
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ptr;

/// The `oparg` of `CONVERT_VALUE`.
pub mod conversion {
    pub const STR: i32 = 1;
    pub const REPR: i32 = 2;
    pub const ASCII: i32 = 3;
}

runtime_fns! {
    /// `CONVERT_VALUE`: `!s`, `!r` or `!a`, see [`conversion`].
    CONVERT_VALUE = fn convert_value(value: *mut PyObject, kind: i32) -> *mut PyObject {
        let _value = Owned::new_ref(value);
        match kind {
            conversion::STR => PyObject_Str(value),
            conversion::REPR => PyObject_Repr(value),
            conversion::ASCII => PyObject_ASCII(value),
            _ => {
                PyErr_Format(PyExc_SystemError, c"bad CONVERT_VALUE oparg %d".as_ptr(), kind);
                ptr::null_mut()
            }
        }
    }

    /// `FORMAT_SIMPLE`: `format(value)`, which a plain str is itself.
    FORMAT_SIMPLE = fn format_simple(value: *mut PyObject) -> *mut PyObject {
        if PyUnicode_CheckExact(value) != 0 {
            return Py_NewRef(value);
        }
        let _value = Owned::new_ref(value);
        PyObject_Format(value, ptr::null_mut())
    }

    /// `FORMAT_WITH_SPEC`: `format(value, spec)`
    FORMAT_WITH_SPEC = fn format_with_spec(value: *mut PyObject, spec: *mut PyObject) -> *mut PyObject {
        let (_value, _spec) = (Owned::new_ref(value), Owned::new_ref(spec));
        PyObject_Format(value, spec)
    }
}
