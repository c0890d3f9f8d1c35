//! `for` over anything: the next item without a call through Python where the iterator's kind is known.

use crate::feedback::{self, seen};
use crate::generator::{self, Sent};
use crate::layout::offset;
use crate::numbers::new_int;
use crate::ops::reference::{PyResult, Raised};
use crate::runtime_fns;
use crate::thread::Thread;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// What [`for_iter`] gives instead of an item when an exception is set.
pub const RAISED: *mut PyObject = std::ptr::without_provenance_mut(1);

/// Types of the iterators over lists and tuples.
static mut SEQUENCE_ITERATORS: [*mut PyTypeObject; 2] = [null_mut(); 2];

/// Finds the iterators' types.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: the types are static objects of the interpreter.
    unsafe {
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
    GET_ITER = fn get_iter(iterable: *mut PyObject) -> *mut PyObject {
        Py_INCREF(iterable);
        let iterator = PyObject_GetIter(iterable);
        Py_DECREF(iterable);
        iterator
    }
}
