//! Structural pattern matching.

use super::reference::{Owned, PyResult, Raised, check, interned, optional_attribute, raise, to_object, type_name};
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ffi::{c_char, c_int};
use std::ptr;

/// The flag of types whose instances match a single positional pattern by themselves (`int(x)`), inherited by their
/// subclasses. Public headers define it, under a name with a leading underscore.
const TPFLAGS_MATCH_SELF: std::ffi::c_ulong = 1 << 22;

/// Notes that a pattern looks at `name`; false where it has looked at it before.
///
/// # Safety
/// The GIL is held, `seen` is a set of ours, `name` is live.
unsafe fn first_sight(seen: &Owned, name: *mut PyObject) -> PyResult<bool> {
    // SAFETY: see above.
    unsafe {
        if check(PySet_Contains(seen.as_ptr(), name))? != 0 {
            return Ok(false);
        }
        check(PySet_Add(seen.as_ptr(), name))?;
        Ok(true)
    }
}

/// The attribute of the subject for a sub-pattern; none where it has no such attribute.
///
/// # Safety
/// The GIL is held, all objects are live and held by the caller, `class` is a type.
unsafe fn match_attribute(
    subject: *mut PyObject,
    class: *mut PyObject,
    name: *mut PyObject,
    seen: &Owned,
) -> PyResult<Option<Owned>> {
    // SAFETY: see above.
    unsafe {
        if !first_sight(seen, name)? {
            let format = c"%s() got multiple sub-patterns for attribute %R";
            PyErr_Format(PyExc_TypeError, format.as_ptr(), class_name(class), name);
            return Err(Raised);
        }
        optional_attribute(subject, name)
    }
}

/// # Safety
/// `class` is a type.
unsafe fn class_name(class: *mut PyObject) -> *const c_char {
    // SAFETY: a type.
    unsafe { (*class.cast::<PyTypeObject>()).tp_name }
}

/// The attributes that the sub-patterns of a class pattern look at, in a tuple; none where the subject does not match.
///
/// # Safety
/// The GIL is held, all objects are live and held by the caller, `keywords` is a tuple of str.
unsafe fn match_class_attributes(
    subject: *mut PyObject,
    class: *mut PyObject,
    positional: isize,
    keywords: *mut PyObject,
) -> PyResult<Option<Owned>> {
    // SAFETY: see above.
    unsafe {
        if PyType_Check(class) == 0 {
            return Err(raise!(PyExc_TypeError, c"called match pattern must be a class"));
        }
        if check(PyObject_IsInstance(subject, class))? == 0 {
            return Ok(None);
        }
        let seen = Owned::from_result(PySet_New(ptr::null_mut()))?;
        let attributes = Owned::from_result(PyList_New(0))?;
        if positional > 0 {
            let match_args = optional_attribute(class, interned!(c"__match_args__"))?;
            let (names, match_self) = match match_args {
                Some(names) if PyTuple_CheckExact(names.as_ptr()) == 0 => {
                    let format = c"%s.__match_args__ must be a tuple (got %s)";
                    PyErr_Format(
                        PyExc_TypeError,
                        format.as_ptr(),
                        class_name(class),
                        type_name(names.as_ptr()),
                    );
                    return Err(Raised);
                }
                Some(names) => (names, false),
                // The flag counts only where the type does not define __match_args__.
                None => {
                    let match_self = PyType_HasFeature(class.cast(), TPFLAGS_MATCH_SELF) != 0;
                    (Owned::from_result(PyTuple_New(0))?, match_self)
                }
            };
            let allowed = if match_self {
                1
            } else {
                PyTuple_GET_SIZE(names.as_ptr())
            };
            if allowed < positional {
                let format = c"%s() accepts %d positional sub-pattern%s (%d given)";
                let plural = if allowed == 1 { c"" } else { c"s" };
                PyErr_Format(
                    PyExc_TypeError,
                    format.as_ptr(),
                    class_name(class),
                    allowed as c_int,
                    plural.as_ptr(),
                    positional as c_int,
                );
                return Err(Raised);
            }
            if match_self {
                check(PyList_Append(attributes.as_ptr(), subject))?;
            } else {
                for i in 0..positional {
                    let name = PyTuple_GET_ITEM(names.as_ptr(), i);
                    if PyUnicode_CheckExact(name) == 0 {
                        let format = c"__match_args__ elements must be strings (got %s)";
                        PyErr_Format(PyExc_TypeError, format.as_ptr(), type_name(name));
                        return Err(Raised);
                    }
                    let Some(attribute) = match_attribute(subject, class, name, &seen)? else {
                        return Ok(None);
                    };
                    check(PyList_Append(attributes.as_ptr(), attribute.as_ptr()))?;
                }
            }
        }
        for i in 0..PyTuple_GET_SIZE(keywords) {
            let name = PyTuple_GET_ITEM(keywords, i);
            let Some(attribute) = match_attribute(subject, class, name, &seen)? else {
                return Ok(None);
            };
            check(PyList_Append(attributes.as_ptr(), attribute.as_ptr()))?;
        }
        Owned::from_result(PyList_AsTuple(attributes.as_ptr())).map(Some)
    }
}

/// The values of a mapping's keys, in a tuple; none where a key is missing.
///
/// # Safety
/// The GIL is held, all objects are live and held by the caller, `keys` is a tuple.
unsafe fn match_mapping_values(subject: *mut PyObject, keys: *mut PyObject) -> PyResult<Option<Owned>> {
    // SAFETY: see above.
    unsafe {
        let count = PyTuple_GET_SIZE(keys);
        if count == 0 {
            return Owned::from_result(PyTuple_New(0)).map(Some);
        }
        // `get` with a default of our own neither raises nor makes a default dict add the key.
        let get = Owned::from_result(PyObject_GetAttr(subject, interned!(c"get")))?;
        let seen = Owned::from_result(PySet_New(ptr::null_mut()))?;
        let missing = Owned::from_result(PyObject_CallNoArgs((&raw mut PyBaseObject_Type).cast()))?;
        let values = Owned::from_result(PyTuple_New(count))?;
        for i in 0..count {
            let key = PyTuple_GET_ITEM(keys, i);
            if !first_sight(&seen, key)? {
                return Err(raise!(
                    PyExc_ValueError,
                    c"mapping pattern checks duplicate key (%R)",
                    key
                ));
            }
            let arguments = [key, missing.as_ptr()];
            let found = PyObject_Vectorcall(get.as_ptr(), arguments.as_ptr(), 2, ptr::null_mut());
            let value = Owned::from_result(found)?;
            if value.as_ptr() == missing.as_ptr() {
                return Ok(None);
            }
            PyTuple_SET_ITEM(values.as_ptr(), i, value.into_ptr());
        }
        Ok(Some(values))
    }
}

/// What the matching instructions push: the tuple, or None.
///
/// # Safety
/// The GIL is held.
unsafe fn tuple_or_none(result: PyResult<Option<Owned>>) -> *mut PyObject {
    // SAFETY: None is live.
    to_object(result.map(|found| found.unwrap_or_else(|| unsafe { Owned::new_ref(Py_None()) })))
}

/// Whether the object's type has the flag.
///
/// # Safety
/// `object` is live.
unsafe fn has_flag(object: *mut PyObject, flag: std::ffi::c_ulong) -> i32 {
    // SAFETY: a live object has a type.
    unsafe { (PyType_HasFeature(Py_TYPE(object), flag) != 0).into() }
}

runtime_fns! {
    /// `MATCH_CLASS`: the attributes for `positional` sub-patterns and those named in the tuple `keywords`, in a tuple,
    /// or None where the subject does not match.
    MATCH_CLASS = fn match_class(
        subject: *mut PyObject,
        class: *mut PyObject,
        positional: isize,
        keywords: *mut PyObject,
    ) -> *mut PyObject {
        let _held = (Owned::new_ref(subject), Owned::new_ref(class));
        tuple_or_none(match_class_attributes(subject, class, positional, keywords))
    }

    /// `MATCH_KEYS`: the values of the keys in a tuple, or None where one is missing.
    MATCH_KEYS = fn match_keys(subject: *mut PyObject, keys: *mut PyObject) -> *mut PyObject {
        let _held = (Owned::new_ref(subject), Owned::new_ref(keys));
        tuple_or_none(match_mapping_values(subject, keys))
    }

    /// `MATCH_MAPPING`: 1 or 0; never fails.
    MATCH_MAPPING = fn match_mapping(subject: *mut PyObject) -> i32 {
        has_flag(subject, Py_TPFLAGS_MAPPING)
    }

    /// `MATCH_SEQUENCE`: 1 or 0; never fails.
    MATCH_SEQUENCE = fn match_sequence(subject: *mut PyObject) -> i32 {
        has_flag(subject, Py_TPFLAGS_SEQUENCE)
    }
}
