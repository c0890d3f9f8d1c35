//! `for` over anything: the next item without a call through Python where the iterator's kind is known.

use crate::api;
use crate::call;
use crate::feedback::{self, seen};
use crate::generator::{self, Sent};
use crate::layout::{offset, version_tag};
use crate::numbers::new_int;
use crate::ops::reference::{PyResult, Raised, interned};
use crate::runtime_fns;
use crate::thread::Thread;
use crate::types::class_attribute;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// What [`for_iter`] gives instead of an item when an exception is set.
pub const RAISED: *mut PyObject = std::ptr::without_provenance_mut(1);

/// The slot of classes whose `__iter__` is written in Python (its address).
static mut PYTHON_ITER: usize = 0;

/// Types of the iterators over lists and tuples.
static mut SEQUENCE_ITERATORS: [*mut PyTypeObject; 2] = [null_mut(); 2];

/// Finds the iterators' types.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: the types are static objects of the interpreter.
    unsafe {
        let globals = PyDict_New();
        if globals.is_null() {
            return Err(Raised);
        }
        let source = c"type('Iterable', (), {'__iter__': lambda self: self})";
        let class = PyRun_String(source.as_ptr(), Py_eval_input, globals, globals);
        Py_DECREF(globals);
        if class.is_null() {
            return Err(Raised);
        }
        PYTHON_ITER = (*class.cast::<PyTypeObject>()).tp_iter.map_or(0, |slot| slot as usize);
        Py_DECREF(class);
        for (index, sequence) in [PyList_New(0), PyTuple_New(0)].into_iter().enumerate() {
            if sequence.is_null() {
                return Err(Raised);
            }
            let iterator = PyObject_GetIter(sequence);
            Py_DECREF(sequence);
            if iterator.is_null() {
                return Err(Raised);
            }
            SEQUENCE_ITERATORS[index] = Py_TYPE(iterator);
            Py_DECREF(iterator);
        }
        Ok(())
    }
}

/// The interpreter's own iterator over a list (also of a subclass, whatever that may have come to have for it since), a tuple
/// or another sequence.
///
/// # Safety
/// A live object; the GIL is held.
pub unsafe fn iterator_over(sequence: *mut PyObject) -> *mut PyObject {
    // SAFETY: the slots of static types are there.
    unsafe {
        match PyList_Type.tp_iter {
            Some(iterate) if PyList_Check(sequence) != 0 => iterate(sequence),
            _ => PyObject_GetIter(sequence),
        }
    }
}

fn iterator_kind(tp: *mut PyTypeObject) -> u8 {
    // SAFETY: written once, at import.
    let [list, tuple] = unsafe { SEQUENCE_ITERATORS };
    if tp == list {
        seen::LIST
    } else if tp == tuple {
        seen::TUPLE
    } else {
        seen::OTHER
    }
}

unsafe fn word(object: *mut PyObject, offset: i32) -> *mut isize {
    // SAFETY: the caller knows the object's layout.
    unsafe { object.cast::<u8>().add(offset as usize).cast() }
}

/// What `iter(object)` gives; a compiled `__iter__` is entered without the detour by the type's slot.
///
/// # Safety
/// The GIL is held; the caller holds the object.
pub unsafe fn iterator_of(thread: *mut Thread, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        let ty = Py_TYPE(object);
        let is_heap_type = PyType_GetFlags(ty) & Py_TPFLAGS_HEAPTYPE != 0;
        if is_heap_type && (*ty).tp_iter.map(|slot| slot as usize) == Some(PYTHON_ITER) {
            let method = iter_method(ty);
            if !method.is_null()
                && Py_TYPE(method) == &raw mut PyFunction_Type
                && let Some(iterator) = call::call_compiled(thread, method, &[object])
            {
                return checked_iterator(iterator);
            }
        }
        PyObject_GetIter(object)
    }
}

/// Classes' `__iter__`, by the version tag of the class; a class's attributes live as long as its tag.
static mut ITER_METHODS: [(u32, *mut PyObject); 64] = [(0, null_mut()); 64];

/// The `__iter__` of a class (borrowed), or NULL.
unsafe fn iter_method(ty: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: the GIL guards the table; an index below its length.
    unsafe {
        let tag = version_tag(ty);
        let entry = (&raw mut ITER_METHODS)
            .cast::<(u32, *mut PyObject)>()
            .add(tag as usize % 64);
        if tag == 0 || (*entry).0 != tag {
            let method = class_attribute(ty, interned!(c"__iter__"));
            if api::PyUnstable_Type_AssignVersionTag(ty) == 0 {
                return method;
            }
            let tag = version_tag(ty);
            let entry = (&raw mut ITER_METHODS)
                .cast::<(u32, *mut PyObject)>()
                .add(tag as usize % 64);
            entry.write((tag, method));
            return method;
        }
        (*entry).1
    }
}

unsafe fn checked_iterator(iterator: *mut PyObject) -> *mut PyObject {
    // SAFETY: an owned reference, or NULL with an exception.
    unsafe {
        if iterator.is_null() || PyIter_Check(iterator) != 0 {
            return iterator;
        }
        PyErr_Format(
            PyExc_TypeError,
            c"iter() returned non-iterator of type '%.100s'".as_ptr(),
            (*Py_TYPE(iterator)).tp_name,
        );
        Py_DECREF(iterator);
        null_mut()
    }
}

runtime_fns! {
    /// `FOR_ITER` (iterator borrowed, kept by the frame): the next item (a new reference), NULL at the end, or
    /// [`RAISED`].
    FOR_ITER = fn for_iter(thread: *mut Thread, iterator: *mut PyObject, site: *mut u8) -> *mut PyObject {
        let tp = Py_TYPE(iterator);
        if tp == &raw mut PyGen_Type {
            feedback::note(site, seen::GENERATOR);
            match generator::resume(thread, iterator.cast(), null_mut()) {
                Some(Sent::Yielded(item)) => return item,
                Some(Sent::Returned(value)) => {
                    Py_DECREF(value);
                    return null_mut();
                }
                Some(Sent::Raised) => return RAISED,
                // By the slot, which does what the interpreter does.
                None => {}
            }
        }
        if tp == &raw mut PyRangeIter_Type {
            feedback::note(site, seen::RANGE);
            let remaining = word(iterator, offset::RANGEITER_LEN);
            if remaining.read() <= 0 {
                return null_mut();
            }
            let start = word(iterator, offset::RANGEITER_START);
            let value = start.read();
            start.write(value.wrapping_add(word(iterator, offset::RANGEITER_STEP).read()));
            remaining.write(remaining.read() - 1);
            let number = new_int(value as i64);
            return if number.is_null() { RAISED } else { number };
        }
        feedback::note(site, iterator_kind(tp));
        let item = match (*tp).tp_iternext {
            Some(next) => next(iterator),
            None => {
                PyErr_Format(PyExc_TypeError, c"'%.200s' object is not an iterator".as_ptr(), (*tp).tp_name);
                return RAISED;
            }
        };
        if item.is_null() && !PyErr_Occurred().is_null() {
            if PyErr_ExceptionMatches(PyExc_StopIteration) == 0 {
                return RAISED;
            }
            PyErr_Clear();
        }
        item
    }

    /// `GET_ITER` (borrowed).
    GET_ITER = fn get_iter(thread: *mut Thread, iterable: *mut PyObject) -> *mut PyObject {
        Py_INCREF(iterable);
        let iterator = iterator_of(thread, iterable);
        Py_DECREF(iterable);
        iterator
    }
}
