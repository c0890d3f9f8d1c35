//! Calls of wrappers around the slots of types in C: `object.__getattribute__(x, name)`, `super().__init__()`,
//! `descriptor.__get__(x)`. The interpreter makes one or two tuples for the arguments of each.

use crate::arguments::with_tuple;
use crate::layout::MethodWrapper;
use crate::ops::reference::{Owned, PyResult};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// What is looked for in a callable: the functions that take the arguments of the commonest wrappers apart, and two types.
struct Known {
    /// No argument.
    unary: usize,
    /// One argument.
    binary: usize,
    /// `__get__`
    get: usize,
    bound: *mut PyTypeObject,
    /// The type of weak references, which has no public name.
    reference: *mut PyTypeObject,
}

static mut KNOWN: Known = Known {
    unary: 0,
    binary: 0,
    get: 0,
    bound: null_mut(),
    reference: null_mut(),
};

/// Finds the functions and types.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: types that live for ever, and so do their wrappers.
    unsafe {
        let object = (&raw mut PyBaseObject_Type).cast::<PyObject>();
        let property = (&raw mut PyProperty_Type).cast::<PyObject>();
        let wanted = [
            (object, c"__repr__", &raw mut KNOWN.unary),
            (object, c"__getattribute__", &raw mut KNOWN.binary),
            (property, c"__get__", &raw mut KNOWN.get),
        ];
        for (ty, name, slot) in wanted {
            let found = Owned::from_result(PyObject_GetAttrString(ty, name.as_ptr()))?;
            if Py_TYPE(found.as_ptr()) == &raw mut PyWrapperDescr_Type {
                let base = (*found.as_ptr().cast::<PyWrapperDescrObject>()).d_base;
                slot.write((*base).wrapper.map_or(0, |function| function as usize));
            }
        }
        let bound = Owned::from_result(PyObject_GetAttrString(Py_None(), c"__repr__".as_ptr()))?;
        KNOWN.bound = Py_TYPE(bound.as_ptr());
        let reference = Owned::from_result(PyWeakref_NewRef(object, null_mut()))?;
        KNOWN.reference = Py_TYPE(reference.as_ptr());
        Ok(())
    }
}

/// Calls a wrapper, or a bound one, with positional arguments (borrowed, and held by the caller); `None`, with nothing done,
/// for other callables and for calls that are wrong.
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn call_wrapper(callable: *mut PyObject, args: *mut *mut PyObject, count: usize) -> Option<*mut PyObject> {
    // SAFETY: the type says what the callable is.
    unsafe {
        let tp = Py_TYPE(callable);
        if tp == &raw mut PyWrapperDescr_Type {
            let descriptor = callable.cast::<PyWrapperDescrObject>();
            if count == 0 || PyType_IsSubtype(Py_TYPE(args.read()), (*descriptor).d_common.d_type) == 0 {
                return None;
            }
            wrapped(descriptor, args.read(), args.add(1), count - 1)
        } else if tp == KNOWN.bound {
            let bound = callable.cast::<MethodWrapper>();
            wrapped((*bound).descr.cast(), (*bound).receiver, args, count)
        } else {
            None
        }
    }
}

unsafe fn wrapped(
    descriptor: *mut PyWrapperDescrObject,
    receiver: *mut PyObject,
    args: *mut *mut PyObject,
    count: usize,
) -> Option<*mut PyObject> {
    // SAFETY: live objects; which function takes the arguments apart says which type the slot's has.
    unsafe {
        let base = (*descriptor).d_base;
        let (wrapper, slot) = ((*base).wrapper?, (*descriptor).d_wrapped);
        let address = wrapper as usize;
        if address == KNOWN.binary && count == 1 {
            return Some(std::mem::transmute::<*mut _, binaryfunc>(slot)(receiver, args.read()));
        }
        if address == KNOWN.unary && count == 0 {
            return Some(std::mem::transmute::<*mut _, unaryfunc>(slot)(receiver));
        }
        if address == KNOWN.get && (count == 1 || count == 2) {
            let given = |index: usize| {
                let value = if index < count {
                    args.add(index).read()
                } else {
                    null_mut()
                };
                if value == Py_None() { null_mut() } else { value }
            };
            if given(0).is_null() && given(1).is_null() {
                return None;
            }
            return Some(std::mem::transmute::<*mut _, descrgetfunc>(slot)(
                receiver,
                given(0),
                given(1),
            ));
        }
        Some(if (*base).flags & PyWrapperFlag_KEYWORDS == 0 {
            with_tuple(args, count, |tuple| wrapper(receiver, tuple, slot))
        } else {
            let wrapper = std::mem::transmute::<wrapperfunc, wrapperfunc_kwds>(Some(wrapper))?;
            with_tuple(args, count, |tuple| wrapper(receiver, tuple, slot, null_mut()))
        })
    }
}

/// Whether it is `weakref.ref`.
#[inline]
pub fn is_reference_type(callable: *mut PyObject) -> bool {
    // SAFETY: written once, at import.
    unsafe { callable == KNOWN.reference.cast() }
}
