//! Looking names up on types, by public means.

use crate::api;
use crate::names;
use crate::ops::reference::{Owned, PyResult, check};
use pyo3_ffi::*;
use std::ptr;

/// A type's own namespace.
///
/// # Safety
/// The GIL is held, `ty` is live.
unsafe fn type_dict(ty: *mut PyTypeObject) -> PyResult<Owned> {
    // SAFETY: a live type; the field is NULL for the types built into the interpreter, which keeps their namespaces
    // elsewhere.
    unsafe {
        let dict = (*ty).tp_dict;
        if dict.is_null() {
            Owned::from_result(PyType_GetDict(ty))
        } else {
            Ok(Owned::new_ref(dict))
        }
    }
}

/// The first value of `name` in the namespaces of the types in `mro`, from index `start` on.
///
/// # Safety
/// The GIL is held, `mro` is a tuple of types, `name` is a str.
unsafe fn lookup_in_mro(mro: *mut PyObject, start: isize, name: *mut PyObject) -> PyResult<Option<Owned>> {
    // SAFETY: see above. The tuple is held because `tp_mro` may be replaced while a key is compared.
    unsafe {
        let mro = Owned::new_ref(mro);
        for i in start..PyTuple_GET_SIZE(mro.as_ptr()) {
            let dict = type_dict(PyTuple_GET_ITEM(mro.as_ptr(), i).cast())?;
            let mut value = ptr::null_mut();
            check(PyDict_GetItemRef(dict.as_ptr(), name, &mut value))?;
            if let Some(value) = Owned::from_nullable(value) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// What the type and its bases say `name` is: neither the metatype nor the descriptor protocol takes part. As in the
/// interpreter's own look-up, an error on the way counts as not found.
///
/// # Safety
/// The GIL is held, `ty` is live, `name` is a str.
pub unsafe fn type_lookup(ty: *mut PyTypeObject, name: *mut PyObject) -> Option<Owned> {
    // SAFETY: see above.
    unsafe {
        let mut mro = (*ty).tp_mro;
        if mro.is_null() {
            if PyType_Ready(ty) < 0 {
                PyErr_Clear();
                return None;
            }
            mro = (*ty).tp_mro;
            if mro.is_null() {
                return None;
            }
        }
        lookup_in_mro(mro, 0, name).unwrap_or_else(|_| {
            PyErr_Clear();
            None
        })
    }
}

/// What `super(after, object of type ty)` finds first: as [`type_lookup`], but from the type behind `after` on in the
/// MRO of `ty`.
///
/// # Safety
/// The GIL is held, both types are live, `name` is a str.
pub unsafe fn super_lookup(
    after: *mut PyTypeObject,
    ty: *mut PyTypeObject,
    name: *mut PyObject,
) -> PyResult<Option<Owned>> {
    // SAFETY: see above.
    unsafe {
        let mro = (*ty).tp_mro;
        if mro.is_null() {
            return Ok(None);
        }
        let position = (0..PyTuple_GET_SIZE(mro)).find(|&i| PyTuple_GET_ITEM(mro, i) == after.cast());
        match position {
            Some(position) => lookup_in_mro(mro, position + 1, name),
            None => Ok(None),
        }
    }
}

/// Whether a value found on a type makes a method of an instance without a bound method object: a plain function, a
/// method descriptor, and what else says so.
///
/// # Safety
/// `descriptor` is live.
pub unsafe fn is_method_descriptor(descriptor: *mut PyObject) -> bool {
    // SAFETY: live object.
    unsafe { PyType_HasFeature(Py_TYPE(descriptor), Py_TPFLAGS_METHOD_DESCRIPTOR) != 0 }
}

/// A value found on a type, bound to `object` by its `__get__`; as it is where it has none. A NULL `object` stands for
/// access through the type.
///
/// # Safety
/// The GIL is held, `object` is live or NULL, `ty` is live.
pub unsafe fn bind(descriptor: Owned, object: *mut PyObject, ty: *mut PyTypeObject) -> PyResult<Owned> {
    // SAFETY: see above.
    unsafe {
        match (*Py_TYPE(descriptor.as_ptr())).tp_descr_get {
            Some(get) => Owned::from_result(get(descriptor.as_ptr(), object, ty.cast())),
            None => Ok(descriptor),
        }
    }
}

/// A special method of `object`, looked up on its type and bound; none where the type has no such method.
///
/// # Safety
/// The GIL is held, `object` is live and held by the caller, `name` is a str.
pub unsafe fn lookup_special(object: *mut PyObject, name: *mut PyObject) -> PyResult<Option<Owned>> {
    // SAFETY: see above.
    unsafe {
        let ty = Py_TYPE(object);
        match type_lookup(ty, name) {
            Some(found) => bind(found, object, ty).map(Some),
            None => Ok(None),
        }
    }
}

/// As [`type_lookup`], but borrowed, or NULL: what a class has stays alive as long as the class's version tag is the
/// same.
///
/// # Safety
/// As for [`type_lookup`].
pub unsafe fn class_attribute(ty: *mut PyTypeObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: see above; the type keeps a reference of its own.
    unsafe { type_lookup(ty, name).map_or(ptr::null_mut(), |found| found.as_ptr()) }
}

/// A class's own subclasses, as `type.__subclasses__` has them; they are borrowed, and none where there is no memory. An
/// exception that is set stays set.
///
/// # Safety
/// The GIL is held; a live class.
pub unsafe fn subclasses(class: *mut PyTypeObject) -> Vec<*mut PyTypeObject> {
    // SAFETY: see the contract; the method of `type` itself runs no Python code, and who lives now does so without the list.
    unsafe {
        let raised = api::PyErr_GetRaisedException();
        let method = class_attribute(&raw mut PyType_Type, names::subclasses());
        let mut all = Vec::new();
        if !method.is_null() {
            let class = class.cast::<PyObject>();
            let list = PyObject_Vectorcall(method, &class, 1, ptr::null_mut());
            if !list.is_null() {
                all.extend((0..PyList_GET_SIZE(list)).map(|at| PyList_GET_ITEM(list, at).cast()));
                Py_DECREF(list);
            }
        }
        PyErr_Clear();
        api::PyErr_SetRaisedException(raised);
        all
    }
}
