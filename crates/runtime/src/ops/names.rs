//! Names: namespaces passed in explicitly, and the errors of names that are not there.

use super::reference::{Owned, PyResult, Raised, check, interned, optional_item, raise, to_object, to_status};
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ffi::CStr;
use std::ptr;

const NAME_ERROR: &CStr = c"name '%.200s' is not defined";
const UNBOUND_LOCAL_ERROR: &CStr = c"cannot access local variable '%s' where it is not associated with a value";
const UNBOUND_FREE_ERROR: &CStr =
    c"cannot access free variable '%s' where it is not associated with a value in enclosing scope";

/// Sets an exception that tells of a name; a NameError also carries it in its attribute `name`.
///
/// # Safety
/// The GIL is held; `exception` is an exception class, `format` has one `%s`, `name` is live.
unsafe fn format_name_error(exception: *mut PyObject, format: &CStr, name: *mut PyObject) -> Raised {
    // SAFETY: see above; the exception taken out is put back.
    unsafe {
        let text = PyUnicode_AsUTF8(name);
        if text.is_null() {
            return Raised;
        }
        PyErr_Format(exception, format.as_ptr(), text);
        if exception == PyExc_NameError {
            let raised = PyErr_GetRaisedException();
            if PyErr_GivenExceptionMatches(raised, PyExc_NameError) != 0 {
                // The NameError is what has to be reported, whether it could be given its name or not: putting it
                // back replaces any other exception.
                PyObject_SetAttr(raised, interned!(c"name"), name);
            }
            PyErr_SetRaisedException(raised);
        }
        Raised
    }
}

/// The name among the globals, then the builtins.
///
/// # Safety
/// The GIL is held, all objects are live.
unsafe fn global_or_builtin(globals: *mut PyObject, builtins: *mut PyObject, name: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: see above.
    unsafe {
        if let Some(value) = optional_item(globals, name)? {
            return Ok(value);
        }
        optional_item(builtins, name)?.ok_or_else(|| format_name_error(PyExc_NameError, NAME_ERROR, name))
    }
}

/// The error of a local, cell or free variable without a value; an exception that is set stays.
///
/// # Safety
/// The GIL is held, `name` is live.
unsafe fn unbound_variable(name: *mut PyObject, is_free: bool) -> Raised {
    // SAFETY: see above.
    unsafe {
        if !PyErr_Occurred().is_null() {
            return Raised;
        }
        if is_free {
            format_name_error(PyExc_NameError, UNBOUND_FREE_ERROR, name)
        } else {
            format_name_error(PyExc_UnboundLocalError, UNBOUND_LOCAL_ERROR, name)
        }
    }
}

runtime_fns! {
    /// `LOAD_NAME`: locals (any mapping, or NULL when the frame has none), globals, builtins.
    LOAD_NAME = fn load_name(
        locals: *mut PyObject,
        globals: *mut PyObject,
        builtins: *mut PyObject,
        name: *mut PyObject,
    ) -> *mut PyObject {
        if locals.is_null() {
            PyErr_SetString(PyExc_SystemError, c"no locals found".as_ptr());
            return ptr::null_mut();
        }
        let _locals = Owned::new_ref(locals);
        let find = || {
            if let Some(value) = optional_item(locals, name)? {
                return Ok(value);
            }
            // Unlike for LOAD_GLOBAL, the globals are looked into as a dict even where they are a subclass of it.
            let mut value = ptr::null_mut();
            check(PyDict_GetItemRef(globals, name, &mut value))?;
            if let Some(value) = Owned::from_nullable(value) {
                return Ok(value);
            }
            optional_item(builtins, name)?.ok_or_else(|| format_name_error(PyExc_NameError, NAME_ERROR, name))
        };
        to_object(find())
    }

    /// `STORE_NAME` into locals that may be NULL.
    STORE_NAME = fn store_name(locals: *mut PyObject, name: *mut PyObject, value: *mut PyObject) -> i32 {
        if locals.is_null() {
            PyErr_Format(PyExc_SystemError, c"no locals found when storing %R".as_ptr(), name);
            return -1;
        }
        let (_locals, _value) = (Owned::new_ref(locals), Owned::new_ref(value));
        if PyDict_CheckExact(locals) != 0 {
            PyDict_SetItem(locals, name, value)
        } else {
            PyObject_SetItem(locals, name, value)
        }
    }

    /// `DELETE_NAME` from locals that may be NULL.
    DELETE_NAME = fn delete_name(locals: *mut PyObject, name: *mut PyObject) -> i32 {
        if locals.is_null() {
            PyErr_Format(PyExc_SystemError, c"no locals when deleting %R".as_ptr(), name);
            return -1;
        }
        let _locals = Owned::new_ref(locals);
        to_status(check(PyObject_DelItem(locals, name)).map(drop)
            .map_err(|_| format_name_error(PyExc_NameError, NAME_ERROR, name)))
    }

    /// `LOAD_FROM_DICT_OR_GLOBALS`: a class's namespace or a module's, globals, builtins.
    LOAD_FROM_DICT_OR_GLOBALS = fn load_from_dict_or_globals(
        mapping: *mut PyObject,
        globals: *mut PyObject,
        builtins: *mut PyObject,
        name: *mut PyObject,
    ) -> *mut PyObject {
        let _mapping = Owned::new_ref(mapping);
        to_object(match optional_item(mapping, name) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => global_or_builtin(globals, builtins, name),
            Err(Raised) => Err(Raised),
        })
    }

    /// `LOAD_FROM_DICT_OR_DEREF`: a class's namespace, then a cell; `is_free` says which error an empty cell is.
    LOAD_FROM_DICT_OR_DEREF = fn load_from_dict_or_deref(
        mapping: *mut PyObject,
        cell: *mut PyObject,
        name: *mut PyObject,
        is_free: i32,
    ) -> *mut PyObject {
        let (_mapping, _cell) = (Owned::new_ref(mapping), Owned::new_ref(cell));
        to_object(match optional_item(mapping, name) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Owned::from_nullable(PyCell_Get(cell)).ok_or_else(|| unbound_variable(name, is_free != 0)),
            Err(Raised) => Err(Raised),
        })
    }

    /// `STORE_GLOBAL`
    STORE_GLOBAL = fn store_global(globals: *mut PyObject, name: *mut PyObject, value: *mut PyObject) -> i32 {
        let _value = Owned::new_ref(value);
        PyDict_SetItem(globals, name, value)
    }

    /// `DELETE_GLOBAL`
    DELETE_GLOBAL = fn delete_global(globals: *mut PyObject, name: *mut PyObject) -> i32 {
        match PyDict_Pop(globals, name, ptr::null_mut()) {
            0 => to_status(Err(format_name_error(PyExc_NameError, NAME_ERROR, name))),
            1 => 0,
            _ => -1,
        }
    }

    /// `LOAD_GLOBAL` of a name that no cache knows, in globals and builtins of any type.
    LOAD_GLOBAL_SLOW = fn load_global_slow(
        globals: *mut PyObject,
        builtins: *mut PyObject,
        name: *mut PyObject,
    ) -> *mut PyObject {
        to_object(global_or_builtin(globals, builtins, name))
    }

    /// Sets the UnboundLocalError of a local variable without a value.
    RAISE_UNBOUND_LOCAL = fn raise_unbound_local(name: *mut PyObject) {
        format_name_error(PyExc_UnboundLocalError, UNBOUND_LOCAL_ERROR, name);
    }

    /// Sets the error of an empty cell: a NameError for a free variable, an UnboundLocalError for one of the function's
    /// own.
    RAISE_UNBOUND_DEREF = fn raise_unbound_deref(name: *mut PyObject, is_free: i32) {
        unbound_variable(name, is_free != 0);
    }

    /// `LOAD_BUILD_CLASS`
    LOAD_BUILD_CLASS = fn load_build_class(builtins: *mut PyObject) -> *mut PyObject {
        to_object(optional_item(builtins, interned!(c"__build_class__"))
            .and_then(|found| found.ok_or_else(|| raise!(PyExc_NameError, c"__build_class__ not found"))))
    }

    /// `SETUP_ANNOTATIONS` in locals that may be NULL.
    SETUP_ANNOTATIONS = fn setup_annotations(locals: *mut PyObject) -> i32 {
        if locals.is_null() {
            PyErr_SetString(PyExc_SystemError, c"no locals found when setting up annotations".as_ptr());
            return -1;
        }
        let _locals = Owned::new_ref(locals);
        let set_up = || {
            let name = interned!(c"__annotations__");
            if optional_item(locals, name)?.is_none() {
                let annotations = Owned::from_result(PyDict_New())?;
                check(PyObject_SetItem(locals, name, annotations.as_ptr()))?;
            }
            Ok(())
        };
        to_status(set_up())
    }

    /// `LOAD_LOCALS`: a new reference to locals that may be NULL.
    LOAD_LOCALS = fn load_locals(locals: *mut PyObject) -> *mut PyObject {
        if locals.is_null() {
            PyErr_SetString(PyExc_SystemError, c"no locals found".as_ptr());
            return ptr::null_mut();
        }
        Py_NewRef(locals)
    }
}
