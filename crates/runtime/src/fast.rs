//! Instructions with a quick way for common types that is too long to be inlined.

use crate::feedback::{self, seen};
use crate::layout::{Code, Frame, Function};
use crate::lookup;
use crate::numbers::compact_value;
use crate::ops;
use crate::ops::reference::Owned;
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// A slice's bound as the interpreter adjusts it to a sequence of `length`; `None` when it is neither None nor a
/// compact int.
unsafe fn bound(value: *mut PyObject, length: isize, missing: isize) -> Option<isize> {
    // SAFETY: a live object.
    unsafe {
        if value == Py_None() {
            return Some(missing);
        }
        if PyLong_CheckExact(value) == 0 {
            return None;
        }
        let index = compact_value(value)? as isize;
        Some(if index < 0 {
            (index + length).max(0)
        } else {
            index.min(length)
        })
    }
}

/// Where a slice with a step begins in a sequence of `length`, and how many items it has; `None` when a bound is neither
/// None nor a compact int.
unsafe fn stride_bounds(
    start: *mut PyObject,
    stop: *mut PyObject,
    step: isize,
    length: isize,
) -> Option<(isize, isize)> {
    // SAFETY: live objects.
    unsafe {
        let value = |object: *mut PyObject, missing: isize| {
            if object == Py_None() {
                return Some(missing);
            }
            if PyLong_CheckExact(object) == 0 {
                return None;
            }
            let index = compact_value(object)? as isize;
            let index = if index < 0 { index + length } else { index };
            Some(if step > 0 {
                index.clamp(0, length)
            } else {
                index.clamp(-1, length - 1)
            })
        };
        let (first, last) = if step > 0 { (0, length) } else { (length - 1, -1) };
        let (from, to) = (value(start, first)?, value(stop, last)?);
        let distance = if step > 0 { to - from } else { from - to };
        let count = if distance <= 0 {
            0
        } else {
            (distance - 1) / step.abs() + 1
        };
        Some((from, count))
    }
}

/// Where a Python index lies in a sequence of `length`, if it does.
fn position(index: i64, length: isize) -> Option<isize> {
    let index = if index < 0 { index + length as i64 } else { index };
    (0..length as i64).contains(&index).then_some(index as isize)
}

runtime_fns! {
    /// `BINARY_SUBSCR` (borrowed).
    SUBSCR = fn subscr(container: *mut PyObject, key: *mut PyObject, site: *mut u8) -> *mut PyObject {
        feedback::container(site, container);
        let tp = Py_TYPE(container);
        if lookup::subscripts_as_dict(tp) {
            // Any other key than a plain one goes the way that protects the dictionary.
            let value = lookup::quiet_value(container, key);
            if !value.is_null() {
                Py_INCREF(value);
                return value;
            }
        } else if PyLong_CheckExact(key) != 0
            && let Some(index) = compact_value(key)
        {
            if tp == &raw mut PyList_Type {
                if let Some(at) = position(index, PyList_GET_SIZE(container)) {
                    let value = PyList_GET_ITEM(container, at);
                    Py_INCREF(value);
                    return value;
                }
            } else if tp == &raw mut PyTuple_Type
                && let Some(at) = position(index, PyTuple_GET_SIZE(container))
            {
                let value = PyTuple_GET_ITEM(container, at);
                Py_INCREF(value);
                return value;
            }
        }
        ops::containers::binary_subscr(container, key)
    }

    /// `BINARY_SLICE` (borrowed): of exact lists, tuples and strings without a slice object.
    SLICE = fn slice(container: *mut PyObject, start: *mut PyObject, stop: *mut PyObject) -> *mut PyObject {
        let tp = Py_TYPE(container);
        let length = if tp == &raw mut PyList_Type || tp == &raw mut PyTuple_Type {
            Py_SIZE(container)
        } else if tp == &raw mut PyUnicode_Type {
            PyUnicode_GET_LENGTH(container)
        } else {
            return ops::containers::binary_slice(container, start, stop);
        };
        let (Some(from), Some(to)) = (bound(start, length, 0), bound(stop, length, length)) else {
            return ops::containers::binary_slice(container, start, stop);
        };
        if tp == &raw mut PyList_Type {
            PyList_GetSlice(container, from, to)
        } else if tp == &raw mut PyTuple_Type {
            PyTuple_GetSlice(container, from, to)
        } else {
            PyUnicode_Substring(container, from, to.max(from))
        }
    }

    /// `STORE_SUBSCR` (borrowed).
    SET_SUBSCR = fn set_subscr(container: *mut PyObject, key: *mut PyObject, value: *mut PyObject, site: *mut u8) -> i32 {
        feedback::container(site, container);
        let tp = Py_TYPE(container);
        if tp == &raw mut PyDict_Type && PyUnicode_CheckExact(key) != 0 {
            Py_INCREF(container);
            let status = PyDict_SetItem(container, key, value);
            Py_DECREF(container);
            return status;
        }
        if tp == &raw mut PyList_Type
            && PyLong_CheckExact(key) != 0
            && let Some(index) = compact_value(key)
            && let Some(at) = position(index, PyList_GET_SIZE(container))
        {
            let old = PyList_GET_ITEM(container, at);
            Py_INCREF(value);
            PyList_SET_ITEM(container, at, value);
            crate::numbers::drop_reference(old);
            return 0;
        }
        ops::containers::store_subscr(container, key, value)
    }

    /// The truth of an object (borrowed): 0, 1, or -1 with an exception.
    TO_BOOL = fn to_bool(object: *mut PyObject, site: *mut u8) -> i32 {
        let tp = Py_TYPE(object);
        if tp == &raw mut PyBool_Type {
            feedback::note(site, seen::BOOL);
            return (object == Py_True()).into();
        }
        if object == Py_None() {
            feedback::note(site, seen::BOOL);
            return 0;
        }
        if tp == &raw mut PyLong_Type {
            feedback::note(site, seen::INT);
            return match compact_value(object) {
                Some(value) => (value != 0).into(),
                None => 1,
            };
        }
        feedback::container(site, object);
        if tp == &raw mut PyUnicode_Type {
            return (PyUnicode_GET_LENGTH(object) != 0).into();
        }
        if tp == &raw mut PyList_Type || tp == &raw mut PyTuple_Type {
            return (Py_SIZE(object) != 0).into();
        }
        if tp == &raw mut PyDict_Type {
            return (PyDict_Size(object) != 0).into();
        }
        ops::numbers::is_true(object)
    }

    /// `BUILD_SLICE` of three and `BINARY_SUBSCR` (all borrowed): of exact lists without a slice object.
    STRIDE = fn stride(container: *mut PyObject, start: *mut PyObject, stop: *mut PyObject, step: *mut PyObject) -> *mut PyObject {
        if PyList_CheckExact(container) != 0
            && PyLong_CheckExact(step) != 0
            && let Some(by) = compact_value(step).map(|by| by as isize)
            && by != 0
        {
            let length = PyList_GET_SIZE(container);
            if let Some((from, count)) = stride_bounds(start, stop, by, length) {
                let list = PyList_New(count);
                if !list.is_null() {
                    for index in 0..count {
                        let item = PyList_GET_ITEM(container, from + index * by);
                        Py_INCREF(item);
                        PyList_SET_ITEM(list, index, item);
                    }
                }
                return list;
            }
        }
        let (_container, _start) = (Owned::new_ref(container), Owned::new_ref(start));
        let (_stop, _step) = (Owned::new_ref(stop), Owned::new_ref(step));
        let slice = PySlice_New(start, stop, step);
        if slice.is_null() {
            return slice;
        }
        let result = PyObject_GetItem(container, slice);
        Py_DECREF(slice);
        result
    }

    /// `STORE_SLICE` (borrowed): of exact lists without a slice object.
    SET_SLICE = fn set_slice(container: *mut PyObject, start: *mut PyObject, stop: *mut PyObject, value: *mut PyObject) -> i32 {
        if PyList_CheckExact(container) != 0 && (PyList_CheckExact(value) != 0 || PyTuple_CheckExact(value) != 0) {
            let length = PyList_GET_SIZE(container);
            if let (Some(from), Some(to)) = (bound(start, length, 0), bound(stop, length, length)) {
                let (_container, _value) = (Owned::new_ref(container), Owned::new_ref(value));
                return PyList_SetSlice(container, from, to.max(from), value);
            }
        }
        ops::containers::store_slice(container, start, stop, value)
    }

    /// `CONTAINS_OP` (borrowed): 1, 0, or -1 with an exception.
    IS_IN = fn is_in(container: *mut PyObject, item: *mut PyObject) -> i32 {
        let tp = Py_TYPE(container);
        if tp == &raw mut PyList_Type || tp == &raw mut PyTuple_Type {
            // Neither identity nor small ints nor strings take Python code; from the first other item on, all do.
            let number = if PyLong_CheckExact(item) != 0 { compact_value(item) } else { None };
            let is_string = PyUnicode_CheckExact(item) != 0;
            if number.is_some() || is_string {
                let items = if tp == &raw mut PyList_Type {
                    (*container.cast::<PyListObject>()).ob_item
                } else {
                    (&raw mut (*container.cast::<PyTupleObject>()).ob_item).cast()
                };
                let mut plain = true;
                for index in 0..Py_SIZE(container) as usize {
                    let other = items.add(index).read();
                    if other == item {
                        return 1;
                    }
                    let equal = if PyLong_CheckExact(other) != 0 {
                        number.is_some() && compact_value(other) == number
                    } else if PyUnicode_CheckExact(other) != 0 {
                        is_string && crate::numbers::string_equal(other, item)
                    } else {
                        plain = other == Py_None();
                        false
                    };
                    if equal {
                        return 1;
                    }
                    if !plain {
                        break;
                    }
                }
                if plain {
                    return 0;
                }
            }
        } else if tp == &raw mut PyDict_Type {
            let (_container, _item) = (Owned::new_ref(container), Owned::new_ref(item));
            return PyDict_Contains(container, item);
        }
        ops::containers::contains(container, item)
    }

    /// `local = local + value` (or `+=`) where the local's own reference is the only one that has to stay good until
    /// the store that follows: a string is extended in place, the slot left empty. `value` is borrowed.
    ADD_TO_LOCAL = fn add_to_local(op: i32, slot: *mut *mut PyObject, value: *mut PyObject, site: *mut u8) -> *mut PyObject {
        let mut left = slot.read();
        if PyUnicode_CheckExact(left) != 0 && PyUnicode_CheckExact(value) != 0 && left != value {
            feedback::note(site, seen::STR);
            slot.write(null_mut());
            PyUnicode_Append(&mut left, value);
            return left;
        }
        crate::numbers::binary(op, left, value, site)
    }

    /// `UNPACK_SEQUENCE` (borrowed): item `i` goes to `out[count - 1 - i]`.
    UNPACK = fn unpack(sequence: *mut PyObject, count: i32, out: *mut *mut PyObject, site: *mut u8) -> i32 {
        feedback::container(site, sequence);
        ops::unpack::unpack_sequence(sequence, count, out)
    }

    /// `MAKE_CELL`: puts the slot's value (or nothing) into a new cell in the slot; 0, or -1 with an exception.
    MAKE_CELL = fn make_cell(slot: *mut *mut PyObject) -> i32 {
        let initial = slot.read();
        let cell = PyCell_New(initial);
        if cell.is_null() {
            return -1;
        }
        slot.write(cell);
        Py_XDECREF(initial);
        0
    }

    /// `COPY_FREE_VARS`: the function's closure goes to the last `count` slots before the operand stack.
    COPY_FREE_VARS = fn copy_free_vars(frame: *mut Frame, count: i32) {
        let function = (*frame).f_funcobj.cast::<Function>();
        let locals = (*(*frame).f_executable.cast::<Code>()).co_nlocalsplus;
        for index in 0..count {
            let cell = PyTuple_GET_ITEM((*function).func_closure, index as Py_ssize_t);
            Py_INCREF(cell);
            Frame::slot(frame, (locals - count + index) as usize).write(cell);
        }
    }

    /// `UNPACK_SEQUENCE` and the `STORE_FAST`s behind it: item `i` goes to the local whose number is `plan[i]`.
    /// `out` has room for the items.
    UNPACK_TO_LOCALS = fn unpack_to_locals(sequence: *mut PyObject, count: i32, plan: *const u8, slots: *mut *mut PyObject, out: *mut *mut PyObject, site: *mut u8) -> i32 {
        let tp = Py_TYPE(sequence);
        let count = count as usize;
        if tp == &raw mut PyTuple_Type && PyTuple_GET_SIZE(sequence) as usize == count {
            // The optimizing tier wants to know all that comes here, not just what its samples meet.
            if site.read() & seen::TUPLE == 0 {
                feedback::note(site, seen::TUPLE);
            }
            // The last reference to the tuple may be one of the old values.
            Py_INCREF(sequence);
            for index in 0..count {
                let item = PyTuple_GET_ITEM(sequence, index as Py_ssize_t);
                Py_INCREF(item);
                let slot = slots.add(plan.add(index).read() as usize);
                let old = slot.read();
                slot.write(item);
                Py_XDECREF(old);
            }
            Py_DECREF(sequence);
            return 0;
        }
        feedback::container(site, sequence);
        if ops::unpack::unpack_sequence(sequence, count as i32, out) < 0 {
            return -1;
        }
        for index in 0..count {
            let slot = slots.add(plan.add(index).read() as usize);
            let old = slot.read();
            slot.write(out.add(count - 1 - index).read());
            Py_XDECREF(old);
        }
        0
    }
}
