//! What optimized code has the runtime do: entering frames, making what it has only imagined, and arithmetic that is no
//! machine instruction.

use crate::layout::Frame;
use crate::numbers::{self, SMALL_INT_MAX, SMALL_INT_MIN};
use crate::ops::reference::Owned;
use crate::runtime_fns;
use crate::safepoint::{self, verdict};
use crate::thread::Thread;
use crate::version::{HandOverReason, Version};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// `PyBytesObject.ob_sval`.
pub const BYTES_ITEMS: i32 = std::mem::offset_of!(PyBytesObject, ob_sval) as i32;
/// `PyByteArrayObject.ob_start`.
pub const BYTEARRAY_START: i32 = std::mem::offset_of!(PyByteArrayObject, ob_start) as i32;

/// An object that the interpreter has made, or the end: these are small, and made where nothing can be raised.
pub(crate) fn certain(object: *mut PyObject) -> *mut PyObject {
    if object.is_null() {
        // SAFETY: the text is one.
        unsafe { Py_FatalError(c"no memory for an object that optimized code had put off".as_ptr()) }
    }
    object
}

/// Whether an object is exactly an int, a float or a bool.
unsafe fn is_number(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe {
        let ty = Py_TYPE(object);
        ty == &raw mut PyFloat_Type || ty == &raw mut PyLong_Type || ty == &raw mut PyBool_Type
    }
}

/// The items of an exact list or tuple.
#[inline]
unsafe fn items<'a>(sequence: *mut PyObject) -> &'a [*mut PyObject] {
    // SAFETY: the caller's sequence stays as it is while it looks at them.
    unsafe {
        let first = if Py_TYPE(sequence) == &raw mut PyList_Type {
            (*sequence.cast::<PyListObject>()).ob_item.cast_const()
        } else {
            (&raw const (*sequence.cast::<PyTupleObject>()).ob_item).cast()
        };
        let count = Py_SIZE(sequence) as usize;
        if count == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(first, count)
        }
    }
}

runtime_fns! {
    /// The entry of an optimized body, whose frame is linked, found the breaker set, the recursion limit reached, the stack
    /// nearly used up, or its code monitored. 0 to go on, else for [`ENTRY_STOPPED`].
    LOOK_AT_ENTRY = fn look_at_entry(thread: *mut Thread, frame: *mut Frame, version: *mut Version) -> i32 {
        let here = 0u8;
        let remaining = (*(*thread).tstate).py_recursion_remaining;
        let verdict = safepoint::entry_check(thread, frame, remaining, &raw const here as usize, version);
        // Not before the frame's cells are made.
        let code = (*version).code;
        let begins = (*code).co_ncellvars == 0 && (*code).co_nfreevars == 0;
        match verdict == verdict::GO_ON && begins && remaining < safepoint::LEVELS_AHEAD {
            true => verdict::NEAR_LIMIT,
            false => verdict,
        }
    }

    /// What a body gives whose entry does not go on: after [`LOOK_AT_ENTRY`].
    ENTRY_STOPPED = fn entry_stopped(thread: *mut Thread, frame: *mut Frame, stopped: i32, version: *mut Version) -> *mut PyObject {
        match stopped {
            verdict::LEAVE => null_mut(),
            verdict::RAISE => {
                crate::frame::unwind_out(thread, frame, 0, 1);
                null_mut()
            }
            _ => {
                let at = (*frame).instr_ptr;
                let reason = match stopped {
                    verdict::NEAR_LIMIT => HandOverReason::NearLimit,
                    _ => HandOverReason::Instrumentation,
                };
                crate::frame::hand_over(thread, frame, at, 0, reason as i32, 0, version)
            }
        }
    }

    /// Gives up what a slot had, which runs no Python code; it may be NULL.
    DROP_QUIET = fn drop_quiet(object: *mut PyObject) {
        if !object.is_null() {
            numbers::drop_reference(object);
        }
    }

    /// Gives up a reference that may be NULL.
    DROP_IF_ANY = fn drop_if_any(object: *mut PyObject) {
        if !object.is_null() {
            numbers::drop_reference(object);
        }
    }

    /// An int object in the place of another object (or NULL), which is taken over: that is written over if nobody else
    /// has it.
    REBOX_INT = fn rebox_int(before: *mut PyObject, value: i64) -> *mut PyObject {
        let small = (SMALL_INT_MIN..=SMALL_INT_MAX).contains(&value);
        if !small && !before.is_null() && Py_REFCNT(before) == 1 && numbers::overwrite_int(before, value) {
            return before;
        }
        let object = numbers::make_int(value);
        if !before.is_null() {
            numbers::drop_reference(before);
        }
        object
    }

    /// A float object in the place of another object (or NULL): as [`REBOX_INT`].
    REBOX_FLOAT = fn rebox_float(before: *mut PyObject, value: f64) -> *mut PyObject {
        if !before.is_null() && Py_REFCNT(before) == 1 && PyFloat_CheckExact(before) != 0 {
            before.cast::<u8>().add(16).cast::<f64>().write(value);
            return before;
        }
        let object = numbers::make_float(value);
        if !before.is_null() {
            numbers::drop_reference(before);
        }
        object
    }

    /// As [`REBOX_INT`], of what is known to be exactly an int. The usual case is machine code where optimized code calls it.
    OVERWRITE_INT = fn write_over_int(before: *mut PyObject, value: i64) -> *mut PyObject {
        rebox_int(before, value)
    }

    /// As [`REBOX_FLOAT`], of what is known to be exactly a float. The usual case is machine code, likewise.
    OVERWRITE_FLOAT = fn write_over_float(before: *mut PyObject, value: f64) -> *mut PyObject {
        rebox_float(before, value)
    }

    MAKE_COMPLEX = fn make_complex(real: f64, imaginary: f64) -> *mut PyObject {
        certain(PyComplex_FromDoubles(real, imaginary))
    }

    /// A tuple of the references at `items`, which it takes over.
    MAKE_TUPLE = fn make_tuple(items: *mut *mut PyObject, count: isize) -> *mut PyObject {
        let tuple = certain(PyTuple_New(count));
        for index in 0..count {
            PyTuple_SET_ITEM(tuple, index, items.offset(index).read());
        }
        tuple
    }

    MAKE_RANGE = fn make_range(start: i64, stop: i64, step: i64) -> *mut PyObject {
        let parts = [numbers::make_int(start), numbers::make_int(stop), numbers::make_int(step)];
        let range = PyObject_Vectorcall((&raw mut PyRange_Type).cast(), parts.as_ptr(), 3, null_mut());
        parts.into_iter().for_each(|part| Py_DECREF(part));
        certain(range)
    }

    MAKE_RANGE_ITERATOR = fn make_range_iterator(next: i64, stop: i64, step: i64) -> *mut PyObject {
        let range = make_range(next, stop, step);
        let iterator = certain(PyObject_GetIter(range));
        Py_DECREF(range);
        iterator
    }

    /// An iterator over a list or tuple, which it takes over, from an index on.
    MAKE_SEQUENCE_ITERATOR = fn make_sequence_iterator(sequence: *mut PyObject, index: i64) -> *mut PyObject {
        let iterator = certain(crate::iteration::iterator_over(sequence));
        Py_DECREF(sequence);
        iterator.cast::<u8>().add(crate::layout::offset::SEQITER_INDEX as usize).cast::<i64>().write(index);
        iterator
    }

    /// `enumerate(iterator, count)` of an iterator that it takes over.
    MAKE_ENUMERATE = fn make_enumerate(iterator: *mut PyObject, count: i64) -> *mut PyObject {
        let parts = [iterator, numbers::make_int(count)];
        let made = PyObject_Vectorcall((&raw mut PyEnum_Type).cast(), parts.as_ptr(), 2, null_mut());
        parts.into_iter().for_each(|part| Py_DECREF(part));
        certain(made)
    }

    /// `zip(*iterators)` of iterators that it takes over.
    MAKE_ZIP = fn make_zip(iterators: *mut *mut PyObject, count: isize) -> *mut PyObject {
        let made = PyObject_Vectorcall((&raw mut PyZip_Type).cast(), iterators.cast_const(), count as usize, null_mut());
        for index in 0..count {
            Py_DECREF(iterators.offset(index).read());
        }
        certain(made)
    }

    /// A slice; the parts are taken over.
    MAKE_SLICE = fn make_slice(start: *mut PyObject, stop: *mut PyObject, step: *mut PyObject) -> *mut PyObject {
        let slice = certain(PySlice_New(start, stop, step));
        [start, stop, step].into_iter().for_each(|part| Py_DECREF(part));
        slice
    }

    /// `sequence[start:stop:step]` of an exact list, tuple, str, bytes or bytearray; `step` is not 0. NULL, with an
    /// exception, when memory ends.
    SLICE_BY_INTS = fn slice_by_ints(sequence: *mut PyObject, start: i64, stop: i64, step: i64) -> *mut PyObject {
        let (mut from, mut to) = (start as Py_ssize_t, stop as Py_ssize_t);
        let ty = Py_TYPE(sequence);
        let length = if ty == &raw mut PyUnicode_Type { PyUnicode_GET_LENGTH(sequence) } else { Py_SIZE(sequence) };
        let count = PySlice_AdjustIndices(length, &mut from, &mut to, step as Py_ssize_t);
        if ty == &raw mut PyList_Type && step == 1 {
            return PyList_GetSlice(sequence, from, from + count);
        }
        if ty == &raw mut PyList_Type {
            let list = PyList_New(count);
            if !list.is_null() {
                for index in 0..count {
                    let item = PyList_GET_ITEM(sequence, from + index * step as Py_ssize_t);
                    Py_INCREF(item);
                    PyList_SET_ITEM(list, index, item);
                }
            }
            return list;
        }
        if ty == &raw mut PyTuple_Type && step == 1 {
            return PyTuple_GetSlice(sequence, from, from + count);
        }
        if ty == &raw mut PyUnicode_Type && step == 1 {
            return PyUnicode_Substring(sequence, from, from + count);
        }
        let [start, stop, step] = [start, stop, step].map(|bound| certain(PyLong_FromLongLong(bound)));
        let key = certain(PySlice_New(start, stop, step));
        let result = PyObject_GetItem(sequence, key);
        [start, stop, step, key].into_iter().for_each(|object| Py_DECREF(object));
        result
    }

    /// `list[start:stop] = value` of an exact list (all borrowed): 0, or -1 with an exception.
    SET_SLICE_BY_INTS = fn set_slice_by_ints(list: *mut PyObject, start: i64, stop: i64, value: *mut PyObject) -> i32 {
        // What was in the list may end, and take the caller's references along.
        let _held = (Owned::new_ref(list), Owned::new_ref(value));
        if PyList_CheckExact(value) != 0 || PyTuple_CheckExact(value) != 0 {
            let (mut from, mut to) = (start as Py_ssize_t, stop as Py_ssize_t);
            PySlice_AdjustIndices(PyList_GET_SIZE(list), &mut from, &mut to, 1);
            return PyList_SetSlice(list, from, to.max(from), value);
        }
        let [start, stop] = [start, stop].map(|bound| certain(PyLong_FromLongLong(bound)));
        let key = certain(PySlice_New(start, stop, null_mut()));
        let status = PyObject_SetItem(list, key, value);
        [start, stop, key].into_iter().for_each(|object| Py_DECREF(object));
        status
    }

    /// `list[start:stop] = list[from:to:step]` of an exact list, where both are the same items and `step` is 1 or -1: 1; else
    /// 0, and nothing was done.
    MOVE_PART = fn move_part(list: *mut PyObject, start: i64, stop: i64, from: i64, to: i64, step: i64) -> i64 {
        let size = PyList_GET_SIZE(list) as i64;
        // As `PySlice_AdjustIndices`.
        let clip = |bound: i64, least: i64, most: i64| {
            let bound = if bound < 0 { bound.saturating_add(size) } else { bound };
            bound.clamp(least, most)
        };
        let (start, stop) = (clip(start, 0, size), clip(stop, 0, size));
        let taken = match step {
            1 => (clip(from, 0, size), clip(to, 0, size)),
            _ => (clip(to, -1, size - 1) + 1, clip(from, -1, size - 1) + 1),
        };
        if taken != (start, stop) || start > stop {
            return 0;
        }
        if step < 0 {
            let items = (*list.cast::<PyListObject>()).ob_item;
            if start < stop {
                std::slice::from_raw_parts_mut(items.add(start as usize), (stop - start) as usize).reverse();
            }
        }
        1
    }

    /// Whether two exact strings are equal.
    STRING_EQUAL = fn strings_equal(a: *mut PyObject, b: *mut PyObject) -> u8 {
        u8::from(a == b || numbers::string_equal(a, b))
    }

    /// A binary operator (its number, not in place) of two objects that may be ints and floats: an int or a float, or NULL,
    /// without an exception, if they are something else or an exception would be raised.
    NUMBER_OPERATOR = fn number_operator(op: i32, left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
        if !is_number(left) || !is_number(right) {
            return null_mut();
        }
        let result = numbers::plain_operator(op, left, right);
        if !result.is_null() {
            return result;
        }
        let result = match op {
            0 => PyNumber_Add(left, right),
            2 => PyNumber_FloorDivide(left, right),
            5 => PyNumber_Multiply(left, right),
            6 => PyNumber_Remainder(left, right),
            10 => PyNumber_Subtract(left, right),
            11 => PyNumber_TrueDivide(left, right),
            _ => return null_mut(),
        };
        if result.is_null() {
            PyErr_Clear();
        }
        result
    }

    /// A comparison (`Py_LT` and the like) of two objects that may be ints and floats: 0 or 1, or -1 if they are something
    /// else.
    NUMBER_COMPARISON = fn number_comparison(op: i32, left: *mut PyObject, right: *mut PyObject) -> i32 {
        if !is_number(left) || !is_number(right) {
            return -1;
        }
        if let Some(truth) = numbers::plain_comparison(op, left, right) {
            return truth.into();
        }
        // Not by identity, which NaN is not equal by.
        let result = PyObject_RichCompare(left, right, op);
        if result.is_null() {
            PyErr_Clear();
            return -1;
        }
        // True and False are immortal.
        i32::from(result == Py_True())
    }

    /// The string of one character.
    MAKE_CHARACTER = fn make_character(code_point: i64) -> *mut PyObject {
        certain(PyUnicode_FromOrdinal(code_point as i32))
    }

    /// The code point of the character at an index that is in range.
    CODE_POINT = fn code_point(string: *mut PyObject, index: i64) -> i64 {
        i64::from(PyUnicode_ReadChar(string, index as Py_ssize_t))
    }

    /// Whether an exact string has the character.
    HAS_CHARACTER = fn has_character(string: *mut PyObject, code_point: i64) -> u8 {
        u8::from(PyUnicode_FindChar(string, code_point as u32, 0, PyUnicode_GET_LENGTH(string), 1) >= 0)
    }

    /// Whether an exact string is just the character.
    IS_CHARACTER = fn is_character(string: *mut PyObject, code_point: i64) -> u8 {
        u8::from(PyUnicode_GET_LENGTH(string) == 1 && i64::from(PyUnicode_ReadChar(string, 0)) == code_point)
    }

    /// Whether an int is equal to an item of an exact list or tuple: 1 or 0, or -1 if Python code might have to say so.
    HAS_INT = fn has_int(sequence: *mut PyObject, value: i64) -> i64 {
        for &item in items(sequence) {
            let ty = Py_TYPE(item);
            if ty == &raw mut PyLong_Type || ty == &raw mut PyBool_Type {
                let mut other = 0;
                if numbers::int_word(item, &mut other) != 0 && other == value {
                    return 1;
                }
            } else if ty != &raw mut PyUnicode_Type && item != Py_None() {
                return -1;
            }
        }
        0
    }

    /// The same for an exact str.
    HAS_STRING = fn has_string(sequence: *mut PyObject, string: *mut PyObject) -> i64 {
        for &item in items(sequence) {
            let ty = Py_TYPE(item);
            if item == string {
                return 1;
            }
            if ty == &raw mut PyUnicode_Type {
                if numbers::string_equal(item, string) {
                    return 1;
                }
            } else if ty != &raw mut PyLong_Type && item != Py_None() {
                return -1;
            }
        }
        0
    }

    /// Appends a value, which is taken over, to a list: 0, or -1 with an exception.
    APPEND = fn append(list: *mut PyObject, value: *mut PyObject) -> i32 {
        let status = PyList_Append(list, value);
        numbers::drop_reference(value);
        status
    }

    /// Takes the item at an index that is in range out of a list: NULL with an exception where there is no memory.
    POP = fn pop(list: *mut PyObject, index: i64) -> *mut PyObject {
        let record = list.cast::<PyListObject>();
        let (items, after) = ((*record).ob_item, Py_SIZE(list) - 1);
        let place = items.offset(index as isize);
        let item = place.read();
        // Where the list keeps its memory, only items move.
        if after > 0 && after >= (*record).allocated >> 1 {
            place.copy_from(place.add(1), after as usize - index as usize);
            (*list.cast::<PyVarObject>()).ob_size = after;
            return item;
        }
        Py_INCREF(item);
        if PyList_SetSlice(list, index as isize, index as isize + 1, null_mut()) < 0 {
            Py_DECREF(item);
            return null_mut();
        }
        item
    }
}
