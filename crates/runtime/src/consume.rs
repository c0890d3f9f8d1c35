//! Builtins that go through all that an iterator gives, begun by optimized code that has its generator's body inlined, and
//! ended here when that code is left.

use crate::optimized::certain;
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// `any`; nothing so far.
pub const ANY: i32 = 0;
/// `all`; nothing so far.
pub const ALL: i32 = 1;
/// `sum`; so far an int, or a tuple of a float and what its additions have lost.
pub const SUM: i32 = 2;
/// `list`; so far a list.
pub const LIST: i32 = 3;
/// `tuple`; so far a list.
pub const TUPLE: i32 = 4;
/// `min`; so far the least item, or nothing.
pub const MIN: i32 = 5;
/// `max`; so far the greatest item, or nothing.
pub const MAX: i32 = 6;
/// `set`; so far a set of objects that run no code of the program when they are hashed and compared.
pub const SET: i32 = 7;

/// Where a sum is, as `sum` goes through three loops.
enum Sum {
    Ints(i64),
    Floats(f64, f64),
    Objects(*mut PyObject),
}

impl Sum {
    /// Adds an item (taken over); `false` with an exception.
    unsafe fn add(&mut self, item: *mut PyObject) -> bool {
        // SAFETY: the GIL is held; live objects.
        unsafe {
            match self {
                Sum::Ints(sum) if PyLong_CheckExact(item) != 0 || PyBool_Check(item) != 0 => {
                    let mut overflow = 0;
                    let value = PyLong_AsLongLongAndOverflow(item, &mut overflow);
                    if overflow == 0
                        && let Some(more) = sum.checked_add(value)
                    {
                        *sum = more;
                        Py_DECREF(item);
                        return true;
                    }
                }
                Sum::Floats(sum, lost) if PyFloat_CheckExact(item) != 0 => {
                    let value = PyFloat_AS_DOUBLE(item);
                    let more = *sum + value;
                    *lost += if sum.abs() >= value.abs() {
                        (*sum - more) + value
                    } else {
                        (value - more) + *sum
                    };
                    *sum = more;
                    Py_DECREF(item);
                    return true;
                }
                Sum::Floats(sum, _) if PyLong_Check(item) != 0 => {
                    let mut overflow = 0;
                    let value = PyLong_AsLongLongAndOverflow(item, &mut overflow);
                    if overflow == 0 {
                        *sum += value as f64;
                        Py_DECREF(item);
                        return true;
                    }
                }
                _ => {}
            }
            let was_ints = matches!(self, Sum::Ints(_));
            let before = std::mem::replace(self, Sum::Ints(0)).into_object();
            let after = if before.is_null() {
                null_mut()
            } else {
                PyNumber_Add(before, item)
            };
            Py_XDECREF(before);
            Py_DECREF(item);
            if after.is_null() {
                return false;
            }
            // Floats are added in a loop of their own only right behind ints.
            if was_ints && PyFloat_CheckExact(after) != 0 {
                *self = Sum::Floats(PyFloat_AS_DOUBLE(after), 0.0);
                Py_DECREF(after);
            } else {
                *self = Sum::Objects(after);
            }
            true
        }
    }

    /// A new reference to the sum.
    unsafe fn into_object(self) -> *mut PyObject {
        // SAFETY: the GIL is held.
        unsafe {
            match self {
                Sum::Ints(sum) => PyLong_FromLongLong(sum),
                Sum::Floats(sum, lost) => PyFloat_FromDouble(finish_sum(sum, lost)),
                Sum::Objects(sum) => sum,
            }
        }
    }
}

/// A sum of floats with what its additions have lost.
fn finish_sum(sum: f64, lost: f64) -> f64 {
    if lost != 0.0 && lost.is_finite() {
        sum + lost
    } else {
        sum
    }
}

/// The next item of a generator that has just given `first` (taken over): that, if it was yielded; NULL at the end, or with
/// an exception.
unsafe fn first_of(generator: *mut PyObject, first: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live generator.
    unsafe {
        if crate::generator::has_yielded(generator) {
            return first;
        }
        Py_DECREF(first);
        null_mut()
    }
}

/// Ends what a builtin has begun: `so_far` (taken over; NULL is nothing) came of the items before, and `first` (taken over)
/// is what the generator has given since, an item or its return value. The builtin's result, or NULL with an exception.
///
/// # Safety
/// The GIL is held; a live generator that does not run.
pub(crate) unsafe fn consume(
    consumer: i32,
    so_far: *mut PyObject,
    generator: *mut PyObject,
    first: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        let mut so_far = so_far;
        let mut item = first_of(generator, first);
        let mut sum = Sum::Ints(0);
        if consumer == SUM {
            sum = if PyTuple_CheckExact(so_far) != 0 {
                let part = |index| PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(so_far, index));
                Sum::Floats(part(0), part(1))
            } else {
                Sum::Ints(PyLong_AsLongLong(so_far))
            };
        }
        while !item.is_null() {
            let fine = match consumer {
                ANY | ALL => {
                    let truth = PyObject_IsTrue(item);
                    Py_DECREF(item);
                    if truth >= 0 && (truth != 0) == (consumer == ANY) {
                        return Py_NewRef(if truth != 0 { Py_True() } else { Py_False() });
                    }
                    truth >= 0
                }
                SUM => sum.add(item),
                MIN | MAX if so_far.is_null() => {
                    so_far = item;
                    true
                }
                MIN | MAX => {
                    let better = PyObject_RichCompareBool(item, so_far, if consumer == MAX { Py_GT } else { Py_LT });
                    let worse = if better > 0 {
                        std::mem::replace(&mut so_far, item)
                    } else {
                        item
                    };
                    Py_DECREF(worse);
                    better >= 0
                }
                _ => {
                    let status = match consumer {
                        SET => PySet_Add(so_far, item),
                        _ => PyList_Append(so_far, item),
                    };
                    Py_DECREF(item);
                    status == 0
                }
            };
            if !fine {
                Py_XDECREF(so_far);
                return null_mut();
            }
            item = PyIter_Next(generator);
        }
        let raised = !PyErr_Occurred().is_null();
        let result = match consumer {
            ANY => Py_NewRef(Py_False()),
            ALL => Py_NewRef(Py_True()),
            MIN | MAX if so_far.is_null() && !raised => {
                let name = if consumer == MAX { c"max" } else { c"min" };
                PyErr_Format(
                    PyExc_ValueError,
                    c"%s() iterable argument is empty".as_ptr(),
                    name.as_ptr(),
                );
                return null_mut();
            }
            SUM => {
                Py_DECREF(so_far);
                sum.into_object()
            }
            TUPLE if !raised => {
                let tuple = PyList_AsTuple(so_far);
                Py_DECREF(so_far);
                tuple
            }
            _ => so_far,
        };
        if raised {
            Py_XDECREF(result);
            return null_mut();
        }
        result
    }
}

runtime_fns! {
    /// A sum of floats at its end, with what its additions have lost.
    FINISH_SUM = pure fn finish_float_sum(sum: f64, lost: f64) -> f64 { finish_sum(sum, lost) }

    /// A list for a builtin to fill.
    NEW_LIST = fn new_list() -> *mut PyObject {
        certain(PyList_New(0))
    }

    /// A set for a builtin to fill.
    NEW_SET = fn new_set() -> *mut PyObject {
        certain(PySet_New(null_mut()))
    }

    /// Adds an item (taken over) to a set of such as run no code when they are hashed and compared: 0, or -1 without memory.
    ADD_TO_SET = takes(item) fn add_to_set(set: *mut PyObject, item: *mut PyObject) -> i32 {
        let status = PySet_Add(set, item);
        Py_DECREF(item);
        status
    }

    /// A tuple of a list's items; the list is taken over.
    TUPLE_OF_LIST = takes(list) fn tuple_of_list(list: *mut PyObject) -> *mut PyObject {
        let tuple = PyList_AsTuple(list);
        Py_DECREF(list);
        certain(tuple)
    }
}
