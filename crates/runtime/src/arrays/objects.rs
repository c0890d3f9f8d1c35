//! Whether NumPy's arrays of objects are arrays of references, which an index for each dimension reads and writes.
//!
//! NumPy converts what is stored into an array, and takes sequences, arrays and scalars apart where it can: whether it
//! leaves everything as it is that goes to one element of an array of objects is tried with an object of each such kind.

use super::ndarray;
use super::proofs::{Made, field, prove_iterator};
use pyo3_ffi::*;
use std::ffi::c_int;
use std::ptr::null_mut;

/// Objects, none of them immortal, that NumPy would take apart or convert where it stores them into arrays of other dtypes.
unsafe fn candidates(made: &mut Made, array: *mut PyObject, dtype: *mut PyObject) -> Option<Vec<*mut PyObject>> {
    // SAFETY: the GIL is held; only functions in C are called.
    unsafe {
        let one = made.take(PyFloat_FromDouble(1.5))?;
        let nothing = made.take(PyTuple_New(0))?;
        let single = made.take(PyTuple_Pack(1, one))?;
        let list = made.take(PyList_New(1))?;
        PyList_SetItem(list, 0, Py_NewRef(one));
        let text = made.take(PyUnicode_FromString(c"ab".as_ptr()))?;
        let bytes = made.take(PyBytes_FromStringAndSize(c"ab".as_ptr(), 2))?;
        let view = made.take(PyMemoryView_FromObject(bytes))?;
        let length = made.take(PyLong_FromLong(3))?;
        let range = made.call((&raw mut PyRange_Type).cast(), &[length])?;
        let shape = made.take(PyTuple_Pack(1, length))?;
        let float = made.call(dtype, &[(&raw mut PyFloat_Type).cast()])?;
        let line = made.call(array, &[shape, float])?;
        let point = made.call(array, &[nothing, float])?;
        let scalar = made.take(PyObject_GetItem(point, nothing))?;
        // A scalar of a dtype with fields.
        let name = made.take(PyUnicode_FromString(c"f".as_ptr()))?;
        let pair = made.take(PyTuple_Pack(2, name, float))?;
        let pairs = made.take(PyList_New(1))?;
        PyList_SetItem(pairs, 0, Py_NewRef(pair));
        let fields = made.call(dtype, &[pairs])?;
        let record = made.call(array, &[nothing, fields])?;
        let structure = made.take(PyObject_GetItem(record, nothing))?;
        let of_objects = made.call(dtype, &[(&raw mut PyBaseObject_Type).cast()])?;
        let of_one = made.call(array, &[nothing, of_objects])?;
        Some(vec![
            one, single, list, text, bytes, view, range, line, point, scalar, structure, of_one,
        ])
    }
}

/// NumPy's dtype of objects (a new reference, which is kept), if elements are read and written as we think.
pub(super) unsafe fn prove_objects(
    made: &mut Made,
    array: *mut PyObject,
    dtype: *mut PyObject,
) -> Option<*mut PyObject> {
    // SAFETY: the GIL is held; only functions in C are called, and what is read and written belongs to arrays made here.
    unsafe {
        let objects = made.call(dtype, &[(&raw mut PyBaseObject_Type).cast()])?;
        let sides = [made.take(PyLong_FromLong(2))?, made.take(PyLong_FromLong(3))?];
        let shape = made.take(PyTuple_Pack(2, sides[0], sides[1]))?;
        let length = made.take(PyTuple_Pack(1, sides[1]))?;
        let table = made.call(array, &[shape, objects])?;
        let line = made.call(array, &[length, objects])?;
        let one = made.take(PyLong_FromLong(1))?;
        let places = [
            (table, made.take(PyTuple_Pack(2, one, sides[0]))?, 5),
            (line, made.take(PyTuple_Pack(1, one))?, 1),
            (line, one, 1),
        ];
        let wanted = ndarray::ALIGNED | ndarray::WRITEABLE;
        for (array, dimensions) in [(table, 2), (line, 1)] {
            let flags = i64::from(field::<c_int>(array, ndarray::FLAGS));
            let strides: *const i64 = field(array, ndarray::STRIDES);
            if field::<*mut PyObject>(array, ndarray::DESCRIPTION) != objects
                || field::<c_int>(array, ndarray::DIMENSIONS) != dimensions
                || *strides.offset(dimensions as isize - 1) != 8
                || flags & (wanted | ndarray::WARN_ON_WRITE) != wanted
            {
                return None;
            }
        }
        for candidate in candidates(made, array, dtype)? {
            for (array, key, at) in places {
                let place = field::<*mut *mut PyObject>(array, ndarray::DATA).add(at);
                let before = Py_REFCNT(candidate);
                if PyObject_SetItem(array, key, candidate) < 0
                    || *place != candidate
                    || Py_REFCNT(candidate) != before + 1
                    || made.take(PyObject_GetItem(array, key))? != candidate
                    || Py_REFCNT(candidate) != before + 2
                {
                    return None;
                }
                // NULL is None, and is written over.
                let none = Py_None();
                Py_DECREF(place.replace(null_mut()));
                if made.take(PyObject_GetItem(array, key))? != none
                    || PyObject_SetItem(array, key, candidate) < 0
                    || PyObject_SetItem(array, key, none) < 0
                    || *place != none
                    || Py_REFCNT(candidate) != before + 1
                {
                    return None;
                }
            }
        }
        // What an iterator gives is the element.
        let first = made.take(PyList_New(0))?;
        let zero = made.take(PyLong_FromLong(0))?;
        if PyObject_SetItem(line, zero, first) < 0 || prove_iterator(made, line)? != &raw mut PySeqIter_Type {
            return None;
        }
        let iterator = made.take(PyObject_GetIter(line))?;
        if made.take(PyIter_Next(iterator))? != first {
            return None;
        }
        Some(Py_NewRef(objects))
    }
}
