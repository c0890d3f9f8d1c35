//! `Class(…)`: instances of classes with a Python `__init__`, made without a detour by the metaclass.

use crate::api;
use crate::binding::bind;
use crate::call::run;
use crate::hook;
use crate::layout::Function;
use crate::runtime_fns;
use crate::safepoint;
use crate::site::CallSite;
use crate::spares;
use crate::thread::Thread;
use crate::types::class_attribute;
use crate::version::keep;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Makes an instance of a class with a Python `__init__` and no `__new__` of its own; `None` for other classes.
///
/// # Safety
/// `args` holds `count` live positional arguments and the values of `kwnames` (a tuple, or NULL), with an empty slot
/// before them.
pub(crate) unsafe fn construct(
    thread: *mut Thread,
    site: *mut CallSite,
    class: *mut PyTypeObject,
    args: *mut *mut PyObject,
    count: usize,
    kwnames: *mut PyObject,
) -> Option<*mut PyObject> {
    // SAFETY: live objects; the init function is alive while the class's version tag is the same, and held below.
    unsafe {
        let tag = crate::layout::version_tag(class);
        if (*site).class.version != tag || tag == 0 {
            let plain_new = (*class).tp_new.map(|new| new as usize) == PyBaseObject_Type.tp_new.map(|new| new as usize);
            if !plain_new || PyType_GetFlags(class) & Py_TPFLAGS_IS_ABSTRACT != 0 {
                return None;
            }
            let init = class_attribute(class, crate::names::init());
            if init.is_null() || Py_TYPE(init) != &raw mut PyFunction_Type {
                return None;
            }
            if api::PyUnstable_Type_AssignVersionTag(class) == 0 {
                return None;
            }
            crate::attributes::make_room(class);
            (*site).class.version = crate::layout::version_tag(class);
            (*site).class.init = init;
            (*site).class.entry = std::ptr::null();
        }
        let init = (*site).class.init;
        let entry = (*init.cast::<Function>()).vectorcall;
        let version = if entry == (*site).class.entry && safepoint::runs_compiled(thread) {
            (*site).class.target
        } else {
            let version = hook::version_for_call(thread, init);
            if version.is_null() {
                return None;
            }
            let owner = (*site).owner;
            keep(&mut (*site).class.target, owner, version);
            (*site).class.entry = (*version).vectorcall;
            (*site).remember_class(count + 1, kwnames);
            version
        };
        let instance = spares::allocate(class);
        if instance.is_null() {
            return Some(null_mut());
        }
        Py_INCREF(init);
        // The receiver goes where the (empty) slot for self is, in front of the arguments.
        let with_self = args.sub(1);
        with_self.write(instance);
        let plain = kwnames.is_null() && (*version).simple && (*version).argcount as usize == count + 1;
        let result = if plain {
            run(thread, version, init, |slots| {
                for index in 0..count + 1 {
                    let value = with_self.add(index).read();
                    Py_INCREF(value);
                    slots.add(index).write(value);
                }
                true
            })
        } else {
            run(thread, version, init, |slots| {
                bind(init, slots, with_self, count + 1, kwnames)
            })
        };
        let result = match result {
            Some(result) => result,
            None => hook::call_original(init, with_self, count + 1, kwnames),
        };
        with_self.write(null_mut());
        Py_DECREF(init);
        Some(finish(instance, result))
    }
}

/// The instance (taken over), if what `__init__` gave (taken over, or NULL) says that it is made.
unsafe fn finish(instance: *mut PyObject, result: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller owns both.
    unsafe {
        if result.is_null() {
            Py_DECREF(instance);
            return null_mut();
        }
        if result != Py_None() {
            PyErr_Format(
                PyExc_TypeError,
                c"__init__() should return None, not '%.200s'".as_ptr(),
                (*Py_TYPE(result)).tp_name,
            );
            Py_DECREF(result);
            Py_DECREF(instance);
            return null_mut();
        }
        Py_DECREF(result);
        instance
    }
}

runtime_fns! {
    /// A new instance of a class, not initialized; NULL, without an exception, when there is no memory.
    NEW_INSTANCE = fn new_instance(class: *mut PyTypeObject) -> *mut PyObject {
        let instance = spares::allocate(class);
        if instance.is_null() {
            PyErr_Clear();
        }
        instance
    }

    /// The instance, unless `__init__` (both results taken over) gave NULL or something else than None: then NULL with
    /// an exception.
    FINISH_INSTANCE = fn finish_instance(instance: *mut PyObject, result: *mut PyObject) -> *mut PyObject {
        finish(instance, result)
    }
}
