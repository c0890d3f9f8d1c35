//! `UNPACK_SEQUENCE` and `UNPACK_EX`.

use super::reference::{Owned, PyResult, Raised, is_not_iterable, raise, to_status, type_name};
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ffi::c_int;

/// The operand stack slots that an unpacking fills, from the highest (item 0) down. What was written is given back
/// unless the unpacking comes to its end.
struct Slots {
    /// The slot after the next one to fill.
    end: *mut *mut PyObject,
    filled: isize,
}

impl Slots {
    /// # Safety
    /// There is a free slot left; `item` is a reference that the caller hands over.
    unsafe fn push(&mut self, item: *mut PyObject) {
        // SAFETY: see above.
        unsafe {
            self.end = self.end.sub(1);
            *self.end = item;
        }
        self.filled += 1;
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        for i in 0..self.filled {
            // SAFETY: these slots hold references that nobody has taken over.
            unsafe { Py_DECREF(*self.end.offset(i)) }
        }
    }
}

/// Iterates over `sequence`: `before` items, and where `after` is given a list of the rest less the last `after`, then
/// these.
///
/// # Safety
/// The GIL is held, `sequence` is live and stays so, the slots have room for all items.
unsafe fn unpack_iterable(
    sequence: *mut PyObject,
    before: c_int,
    after: Option<c_int>,
    mut slots: Slots,
) -> PyResult<()> {
    // SAFETY: see above; every item pushed is a reference of its own.
    unsafe {
        let Ok(iterator) = Owned::from_result(PyObject_GetIter(sequence)) else {
            if PyErr_ExceptionMatches(PyExc_TypeError) != 0 && is_not_iterable(sequence) {
                return Err(raise!(
                    PyExc_TypeError,
                    c"cannot unpack non-iterable %.200s object",
                    type_name(sequence)
                ));
            }
            return Err(Raised);
        };
        for i in 0..before {
            let item = PyIter_Next(iterator.as_ptr());
            if !item.is_null() {
                slots.push(item);
                continue;
            }
            if PyErr_Occurred().is_null() {
                match after {
                    None => raise!(
                        PyExc_ValueError,
                        c"not enough values to unpack (expected %d, got %d)",
                        before,
                        i
                    ),
                    Some(after) => {
                        let format = c"not enough values to unpack (expected at least %d, got %d)";
                        PyErr_Format(PyExc_ValueError, format.as_ptr(), before + after, i);
                        Raised
                    }
                };
            }
            return Err(Raised);
        }
        let Some(after) = after else {
            if let Some(_surplus) = Owned::from_nullable(PyIter_Next(iterator.as_ptr())) {
                return Err(raise!(
                    PyExc_ValueError,
                    c"too many values to unpack (expected %d)",
                    before
                ));
            }
            if !PyErr_Occurred().is_null() {
                return Err(Raised);
            }
            std::mem::forget(slots);
            return Ok(());
        };
        let list = PySequence_List(iterator.as_ptr());
        if list.is_null() {
            return Err(Raised);
        }
        slots.push(list);
        let length = PyList_GET_SIZE(list);
        let kept = length - after as isize;
        if kept < 0 {
            let format = c"not enough values to unpack (expected at least %d, got %zd)";
            PyErr_Format(
                PyExc_ValueError,
                format.as_ptr(),
                before + after,
                before as isize + length,
            );
            return Err(Raised);
        }
        for i in kept..length {
            slots.push(PyList_GET_ITEM(list, i));
        }
        // The list is new and ours alone; its last references moved to the stack.
        (*list.cast::<PyVarObject>()).ob_size = kept;
        std::mem::forget(slots);
        Ok(())
    }
}

/// The items of an exact tuple or list, borrowed and without running Python code; none for anything else.
///
/// # Safety
/// `sequence` is live.
unsafe fn plain_items(sequence: *mut PyObject) -> Option<(*const *mut PyObject, isize)> {
    // SAFETY: the casts follow the checks.
    unsafe {
        if PyTuple_CheckExact(sequence) != 0 {
            let items = &raw const (*sequence.cast::<PyTupleObject>()).ob_item;
            Some((items.cast(), PyTuple_GET_SIZE(sequence)))
        } else if PyList_CheckExact(sequence) != 0 {
            Some((
                (*sequence.cast::<PyListObject>()).ob_item.cast_const(),
                PyList_GET_SIZE(sequence),
            ))
        } else {
            None
        }
    }
}

runtime_fns! {
    /// Unpacks exactly `count` items into the `count` slots at `out`, item 0 on top (in the last slot). On an error the
    /// slots hold nothing.
    UNPACK_SEQUENCE = fn unpack_sequence(sequence: *mut PyObject, count: i32, out: *mut *mut PyObject) -> i32 {
        let end = out.offset(count as isize);
        if let Some((items, length)) = plain_items(sequence)
            && length == count as isize
        {
            for i in 0..length {
                let item = *items.offset(i);
                Py_INCREF(item);
                *end.offset(-1 - i) = item;
            }
            return 0;
        }
        let _sequence = Owned::new_ref(sequence);
        to_status(unpack_iterable(sequence, count, None, Slots { end, filled: 0 }))
    }

    /// Unpacks `before` items, a list of those in the middle and the last `after` items into the `before + 1 + after`
    /// slots at `out`, item 0 on top (in the last slot). On an error the slots hold nothing.
    UNPACK_EX = fn unpack_ex(sequence: *mut PyObject, before: i32, after: i32, out: *mut *mut PyObject) -> i32 {
        let _sequence = Owned::new_ref(sequence);
        let end = out.offset(before as isize + 1 + after as isize);
        to_status(unpack_iterable(sequence, before, Some(after), Slots { end, filled: 0 }))
    }
}
