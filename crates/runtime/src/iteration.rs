//! `for` over anything: the next item without a call through Python where the iterator's kind is known.

use crate::layout::offset;
use crate::numbers::new_int;
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// What [`for_iter`] gives instead of an item when an exception is set.
pub const RAISED: *mut PyObject = 1 as *mut PyObject;

unsafe fn word(object: *mut PyObject, offset: i32) -> *mut isize {
    // SAFETY: the caller knows the object's layout.
    unsafe { object.cast::<u8>().add(offset as usize).cast() }
}

runtime_fns! {
    /// `FOR_ITER` (iterator borrowed, kept by the frame): the next item (a new reference), NULL at the end, or
    /// [`RAISED`].
    FOR_ITER = fn for_iter(iterator: *mut PyObject) -> *mut PyObject {
        let tp = Py_TYPE(iterator);
        if tp == &raw mut PyRangeIter_Type {
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
