//! Sets and frozensets of plain keys (see [`crate::lookup`]): what their operators and some functions give, computed without
//! running any code of a program and without the interpreter's iterators.

use crate::layout::*;
use crate::lookup::{Found, find_in_set};
use crate::numbers::compact_value;
use crate::runtime_fns;
use pyo3_ffi::*;
use std::os::raw::c_int;

/// Whether an object is exactly a set or a frozenset.
///
/// # Safety
/// A live object.
#[inline]
pub unsafe fn is_set(object: *mut PyObject) -> bool {
    // SAFETY: see the contract.
    unsafe { is_set_type(Py_TYPE(object)) }
}

/// Whether a type is `set` or `frozenset`.
///
/// # Safety
/// None; it is one of several tests of types that are called through a pointer.
#[inline]
pub unsafe fn is_set_type(ty: *mut PyTypeObject) -> bool {
    ty == &raw mut PyFrozenSet_Type || ty == &raw mut PySet_Type
}

/// A set's keys with their hashes, in the order in which it gives them; as long as it stays as it is.
#[inline]
unsafe fn keys(set: *mut PyObject) -> impl Iterator<Item = (*mut PyObject, Py_hash_t)> {
    // SAFETY: a live set; the table has one entry more than its mask. What was taken out has the hash of no object.
    unsafe {
        let set = set.cast::<SetObject>();
        let table = (*set).table;
        let entries = (0..=(*set).mask as usize).map(move |at| ((*table.add(at)).key, (*table.add(at)).hash));
        let keys = entries.filter(|(key, hash)| !key.is_null() && *hash != -1);
        keys.take((*set).used as usize)
    }
}

unsafe fn used(set: *mut PyObject) -> Py_ssize_t {
    // SAFETY: a live set.
    unsafe { (*set.cast::<SetObject>()).used }
}

/// Whether all keys of one set are in another.
unsafe fn is_subset(set: *mut PyObject, of: *mut PyObject) -> Option<bool> {
    // SAFETY: live sets; nothing here changes them.
    unsafe {
        if used(set) > used(of) {
            return Some(false);
        }
        for (key, hash) in keys(set) {
            match find_in_set(of, key, hash) {
                Found::At(_) => {}
                Found::Absent => return Some(false),
                Found::Unsure => return None,
            }
        }
        Some(true)
    }
}

/// What a comparison (`Py_LT` and the like) of two sets gives; `None` if they are none, or code of a program would have to say.
///
/// # Safety
/// The GIL is held; live objects.
#[inline]
pub unsafe fn compare(op: c_int, a: *mut PyObject, b: *mut PyObject) -> Option<bool> {
    // SAFETY: see the contract.
    unsafe {
        if !is_set(a) || !is_set(b) {
            return None;
        }
        let (below, above) = (op == Py_LE || op == Py_LT, op == Py_GE || op == Py_GT);
        let (few, many) = if above { (b, a) } else { (a, b) };
        // All but these two want sets of different sizes, or of one.
        let fits = match below || above {
            true => op == Py_LE || op == Py_GE || used(few) < used(many),
            false => used(a) == used(b),
        };
        let holds = fits && is_subset(few, many)?;
        Some(holds != (op == Py_NE))
    }
}

/// The least (or greatest) key (borrowed) of a set of small ints; `None` if it is something else.
///
/// # Safety
/// The GIL is held; a live object.
pub unsafe fn least(set: *mut PyObject, greatest: bool) -> Option<*mut PyObject> {
    // SAFETY: see the contract.
    unsafe {
        if !is_set(set) {
            return None;
        }
        let mut best: Option<(i64, *mut PyObject)> = None;
        for (key, _) in keys(set) {
            if Py_TYPE(key) != &raw mut PyLong_Type {
                return None;
            }
            let value = compact_value(key)?;
            if best.is_none_or(|(known, _)| if greatest { value > known } else { value < known }) {
                best = Some((value, key));
            }
        }
        best.map(|(_, key)| key)
    }
}

runtime_fns! {
    /// A comparison (`Py_LT` and the like) of two sets: 1 or 0, or -1 where code of a program would have to say.
    COMPARE_SETS = fn compare_sets(op: i64, a: *mut PyObject, b: *mut PyObject) -> i64 {
        compare(op as c_int, a, b).map_or(-1, i64::from)
    }

    /// The least or greatest key (borrowed) of a set of small ints, or NULL.
    LEAST_OF_SET = fn least_of_set(set: *mut PyObject, greatest: i64) -> *mut PyObject {
        least(set, greatest != 0).unwrap_or(std::ptr::null_mut())
    }
}
