//! Room in instances for attributes that are set late.
//!
//! Instances have their attributes in themselves, at places by the keys that all instances of a class share. The interpreter
//! makes instances with room for thirty of them at first, and with less room each time, until there is one free place left.
//! What is set for the first time by then (by a method that runs when all instances have been made, say) has each instance
//! get a dictionary of its own: several times the memory, and a search for each access. But the compiler has noted what
//! methods set by way of `self`, in `__static_attributes__`, and CPython 3.14 gives these their places when it makes a class.
//! Here they get them when a class is first met.

use super::analysis::shared_keys;
use crate::api;
use crate::ending::is_plain_class;
use crate::names;
use pyo3_ffi::*;
use rustc_hash::FxHashSet;
use std::ptr::null_mut;

/// Classes that have been met, by their addresses. One that has the address of another that is gone gets no room.
static mut MET: Option<FxHashSet<usize>> = None;
/// How many are told apart: programs may make classes without end.
const MOST: usize = 10_000;

/// Places that are left for what methods do not set by way of `self`.
const LEFT_FREE: isize = 4;

/// Has instances of a class have room for all that its methods set, if it has not been met before. Runs no Python code.
///
/// # Safety
/// The GIL is held; a live type. An exception that is set stays.
pub unsafe fn make_room(class: *mut PyTypeObject) {
    // SAFETY: see the contract; only with the GIL held.
    unsafe {
        let met = &raw mut MET;
        let met = (*met).get_or_insert_default();
        if met.contains(&class.addr()) {
            return;
        }
        if met.len() >= MOST {
            met.clear();
        }
        met.insert(class.addr());
        if has_usual_instances(class) {
            let raised = api::PyErr_GetRaisedException();
            give_places(class);
            PyErr_Clear();
            api::PyErr_SetRaisedException(raised);
        }
    }
}

/// Whether an instance can be made and ended without anybody's notice, and keeps what is set in itself.
unsafe fn has_usual_instances(class: *mut PyTypeObject) -> bool {
    // SAFETY: a live type.
    unsafe {
        let allocates = (*class).tp_alloc.map_or(0, |function| function as usize);
        let sets = (*class).tp_setattro.map_or(0, |function| function as usize);
        !shared_keys(class).is_null()
            && allocates == PyType_GenericAlloc as *const () as usize
            && sets == PyObject_GenericSetAttr as *const () as usize
            && is_plain_class(class)
    }
}

/// Sets all of these attributes of an instance that nobody sees, which has their names become shared keys.
unsafe fn give_places(class: *mut PyTypeObject) {
    // SAFETY: a live class; setting what has no data descriptor runs none.
    unsafe {
        let keys = shared_keys(class);
        let instance = PyType_GenericAlloc(class, 0);
        if instance.is_null() {
            return;
        }
        for name in set_by_methods(class) {
            if (*keys).dk_usable <= LEFT_FREE {
                break;
            }
            let found = crate::types::class_attribute(class, name);
            let is_plain = found.is_null() || (*Py_TYPE(found)).tp_descr_set.is_none();
            if is_plain && PyObject_GenericSetAttr(instance, name, Py_None()) < 0 {
                break;
            }
        }
        Py_DECREF(instance);
    }
}

/// The names (borrowed) that methods of a class and of those that it inherits from set by way of `self`.
unsafe fn set_by_methods(class: *mut PyTypeObject) -> Vec<*mut PyObject> {
    // SAFETY: a live class keeps its MRO, and that its classes.
    unsafe {
        let mut names = Vec::new();
        let mro = (*class).tp_mro;
        for index in 0..PyTuple_GET_SIZE(mro) {
            let base = PyTuple_GET_ITEM(mro, index).cast::<PyTypeObject>();
            if PyType_GetFlags(base) & Py_TPFLAGS_HEAPTYPE == 0 {
                continue;
            }
            let attributes = own_static_attributes(base);
            if attributes.is_null() {
                continue;
            }
            // The class holds what its dictionary gave.
            for index in 0..PyTuple_GET_SIZE(attributes) {
                let name = PyTuple_GET_ITEM(attributes, index);
                if PyUnicode_CheckExact(name) != 0 {
                    names.push(name);
                }
            }
            Py_DECREF(attributes);
        }
        names
    }
}

/// `__static_attributes__` of the class itself, if that is a tuple: a new reference, or NULL.
unsafe fn own_static_attributes(class: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: a heap type has its dictionary, whose keys are strings.
    unsafe {
        let mut found = null_mut();
        let status = api::PyDict_GetItemRef((*class).tp_dict, names::static_attributes(), &mut found);
        if status > 0 && PyTuple_CheckExact(found) != 0 {
            return found;
        }
        Py_XDECREF(found);
        PyErr_Clear();
        null_mut()
    }
}
