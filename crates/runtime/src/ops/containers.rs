//! Building, filling, unpacking and indexing containers.

use super::reference::{
    Owned, PyResult, Raised, check, interned, is_not_iterable, optional_attribute, raise, to_object, to_status,
    type_name,
};
use crate::lookup;
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ptr;

/// Gives back `count` references.
///
/// # Safety
/// The GIL is held; `items` holds `count` references that the caller owns.
unsafe fn release(items: *mut *mut PyObject, count: isize) {
    for i in 0..count {
        // SAFETY: within the array, and owned.
        unsafe { Py_DECREF(*items.offset(i)) }
    }
}

/// A list of the `count` references at `items`, which it takes over.
///
/// # Safety
/// The GIL is held; `items` holds `count` references that the caller owns.
pub unsafe fn list_of(items: *mut *mut PyObject, count: isize) -> *mut PyObject {
    // SAFETY: within the array, and owned; nobody else has the new list.
    unsafe {
        let list = PyList_New(count);
        if list.is_null() {
            // One may end, and the code is left anyway.
            crate::unpacking::pack_all();
            release(items, count);
            return list;
        }
        for i in 0..count {
            PyList_SET_ITEM(list, i, *items.offset(i));
        }
        list
    }
}

/// A dict of `count` items whose keys and values lie `key_step` and `value_step` apart; both are borrowed.
///
/// # Safety
/// The GIL is held; the arrays hold `count` live objects at those distances.
unsafe fn dict_from_items(
    keys: *const *mut PyObject,
    key_step: isize,
    values: *const *mut PyObject,
    value_step: isize,
    count: isize,
) -> PyResult<Owned> {
    // SAFETY: see above; the array's owner keeps the objects alive while `__hash__` and `__eq__` run.
    unsafe {
        let dict = Owned::from_result(PyDict_New())?;
        for i in 0..count {
            check(PyDict_SetItem(
                dict.as_ptr(),
                *keys.offset(i * key_step),
                *values.offset(i * value_step),
            ))?;
        }
        Ok(dict)
    }
}

/// The largest character that the string's representation can hold.
///
/// # Safety
/// `string` is a str.
unsafe fn max_char(string: *mut PyObject) -> Py_UCS4 {
    // SAFETY: a str.
    unsafe {
        if PyUnicode_IS_ASCII(string) != 0 {
            return 0x7f;
        }
        // A kind is the number of bytes a character takes.
        match PyUnicode_KIND(string) {
            1 => 0xff,
            2 => 0xffff,
            _ => 0x10ffff,
        }
    }
}

/// The strings one after the other, in a single allocation.
///
/// # Safety
/// The GIL is held; `items` holds `count` strings.
unsafe fn join_strings(items: *mut *mut PyObject, count: isize) -> PyResult<Owned> {
    // SAFETY: see above; nothing here runs Python code.
    unsafe {
        if count == 1 && PyUnicode_CheckExact(*items) != 0 {
            return Ok(Owned::new_ref(*items));
        }
        let (mut length, mut highest) = (0isize, 0x7f);
        for i in 0..count {
            let item = *items.offset(i);
            let Some(sum) = length.checked_add(PyUnicode_GET_LENGTH(item)) else {
                return Err(raise!(
                    PyExc_OverflowError,
                    c"join() result is too long for a Python string"
                ));
            };
            length = sum;
            highest = highest.max(max_char(item));
        }
        let joined = Owned::from_result(PyUnicode_New(length, highest))?;
        let mut position = 0;
        for i in 0..count {
            let item = *items.offset(i);
            let item_length = PyUnicode_GET_LENGTH(item);
            if item_length > 0 && PyUnicode_CopyCharacters(joined.as_ptr(), position, item, 0, item_length) < 0 {
                return Err(Raised);
            }
            position += item_length;
        }
        Ok(joined)
    }
}

/// How a call names a function in its own error messages: `module.qualname()`.
///
/// # Safety
/// The GIL is held, `function` is live, no exception is set.
pub(crate) unsafe fn function_string(function: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: live objects throughout.
    unsafe {
        let Some(qualname) = optional_attribute(function, interned!(c"__qualname__"))? else {
            return Owned::from_result(PyObject_Str(function));
        };
        let module = optional_attribute(function, interned!(c"__module__"))?;
        if let Some(module) = module.filter(|module| Py_IsNone(module.as_ptr()) == 0)
            && check(PyObject_RichCompareBool(module.as_ptr(), interned!(c"builtins"), Py_NE))? != 0
        {
            return Owned::from_result(PyUnicode_FromFormat(
                c"%S.%S()".as_ptr(),
                module.as_ptr(),
                qualname.as_ptr(),
            ));
        }
        Owned::from_result(PyUnicode_FromFormat(c"%S()".as_ptr(), qualname.as_ptr()))
    }
}

/// Adds the items of `update` to the keyword arguments gathered so far; a key that is there already is a KeyError.
///
/// # Safety
/// The GIL is held; `dict` is a dict that nobody else changes, `update` is live.
unsafe fn merge_unique(dict: *mut PyObject, update: *mut PyObject) -> PyResult<()> {
    // SAFETY: see above; key and value are held while `__hash__` and `__eq__` may run.
    unsafe {
        let plain_dict = PyDict_Check(update) != 0
            && (*Py_TYPE(update)).tp_iter.map(|f| f as usize) == PyDict_Type.tp_iter.map(|f| f as usize);
        if !plain_dict {
            let keys = Owned::from_result(PyMapping_Keys(update))?;
            let iterator = Owned::from_result(PyObject_GetIter(keys.as_ptr()))?;
            drop(keys);
            while let Some(key) = Owned::from_nullable(PyIter_Next(iterator.as_ptr())) {
                if check(PyDict_Contains(dict, key.as_ptr()))? != 0 {
                    return Err(raise_key_error(&key));
                }
                let value = Owned::from_result(PyObject_GetItem(update, key.as_ptr()))?;
                check(PyDict_SetItem(dict, key.as_ptr(), value.as_ptr()))?;
            }
            return if PyErr_Occurred().is_null() {
                Ok(())
            } else {
                Err(Raised)
            };
        }
        let size = PyDict_Size(update);
        if update == dict || size == 0 {
            return Ok(());
        }
        if PyDict_Size(dict) == 0 {
            check(PyDict_Update(dict, update))?;
            return Ok(());
        }
        let (mut position, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
        while PyDict_Next(update, &mut position, &mut key, &mut value) != 0 {
            let (key, value) = (Owned::new_ref(key), Owned::new_ref(value));
            if check(PyDict_Contains(dict, key.as_ptr()))? != 0 {
                return Err(raise_key_error(&key));
            }
            check(PyDict_SetItem(dict, key.as_ptr(), value.as_ptr()))?;
            if PyDict_Size(update) != size {
                return Err(raise!(PyExc_RuntimeError, c"dict mutated during update"));
            }
        }
        Ok(())
    }
}

/// Sets `KeyError(key)`, for a key that may be a tuple.
///
/// # Safety
/// The GIL is held.
unsafe fn raise_key_error(key: &Owned) -> Raised {
    // SAFETY: live objects.
    unsafe {
        if let Some(arguments) = Owned::from_nullable(PyTuple_Pack(1, key.as_ptr())) {
            PyErr_SetObject(PyExc_KeyError, arguments.as_ptr());
        }
        Raised
    }
}

/// Turns what went wrong in merging `**update` into the TypeError that a call raises.
///
/// # Safety
/// The GIL is held, an exception is set, the objects are live.
unsafe fn format_kwargs_error(callable: *mut PyObject, update: *mut PyObject) -> Raised {
    // SAFETY: live objects; the exception taken out is put back or dropped.
    unsafe {
        if PyErr_ExceptionMatches(PyExc_AttributeError) != 0 {
            PyErr_Clear();
            if let Ok(name) = function_string(callable) {
                let format = c"%U argument after ** must be a mapping, not %.200s";
                PyErr_Format(PyExc_TypeError, format.as_ptr(), name.as_ptr(), type_name(update));
            }
        } else if PyErr_ExceptionMatches(PyExc_KeyError) != 0 {
            let Some(exception) = Owned::from_nullable(PyErr_GetRaisedException()) else {
                return Raised;
            };
            let arguments = (*exception.as_ptr().cast::<PyBaseExceptionObject>()).args;
            if !arguments.is_null() && PyTuple_Check(arguments) != 0 && PyTuple_GET_SIZE(arguments) == 1 {
                if let Ok(name) = function_string(callable) {
                    let format = c"%U got multiple values for keyword argument '%S'";
                    let key = PyTuple_GET_ITEM(arguments, 0);
                    PyErr_Format(PyExc_TypeError, format.as_ptr(), name.as_ptr(), key);
                }
            } else {
                PyErr_SetRaisedException(exception.into_ptr());
            }
        }
        Raised
    }
}

runtime_fns! {
    /// A tuple of the `count` references at `items`, which it takes over.
    BUILD_TUPLE = fn build_tuple(items: *mut *mut PyObject, count: isize) -> *mut PyObject {
        let tuple = PyTuple_New(count);
        if tuple.is_null() {
            release(items, count);
            return tuple;
        }
        for i in 0..count {
            PyTuple_SET_ITEM(tuple, i, *items.offset(i));
        }
        tuple
    }

    /// A list of the `count` references at `items`, which it takes over.
    BUILD_LIST = fn build_list(items: *mut *mut PyObject, count: isize) -> *mut PyObject {
        list_of(items, count)
    }

    /// A set of the `count` references at `items`, which it takes over.
    BUILD_SET = fn build_set(items: *mut *mut PyObject, count: isize) -> *mut PyObject {
        let Some(set) = Owned::from_nullable(PySet_New(ptr::null_mut())) else {
            release(items, count);
            return ptr::null_mut();
        };
        let mut status = 0;
        for i in 0..count {
            let item = *items.offset(i);
            if status == 0 {
                status = PySet_Add(set.as_ptr(), item);
            }
            Py_DECREF(item);
        }
        if status == 0 { set.into_ptr() } else { ptr::null_mut() }
    }

    /// A dict of `pairs` keys and values that alternate at `items`; it takes over these `2 * pairs` references.
    BUILD_MAP = fn build_map(items: *mut *mut PyObject, pairs: isize) -> *mut PyObject {
        let dict = dict_from_items(items, 2, items.offset(1), 2, pairs);
        release(items, 2 * pairs);
        to_object(dict)
    }

    /// A dict of the borrowed tuple `keys` and the `count` references at `items`, which it takes over.
    BUILD_CONST_KEY_MAP = fn build_const_key_map(
        items: *mut *mut PyObject,
        count: isize,
        keys: *mut PyObject,
    ) -> *mut PyObject {
        let key_array: *const *mut PyObject = (&raw const (*keys.cast::<PyTupleObject>()).ob_item).cast();
        let dict = dict_from_items(key_array, 1, items, 1, count);
        release(items, count);
        to_object(dict)
    }

    /// The `count` strings at `items` joined; it takes over the references.
    BUILD_STRING = fn build_string(items: *mut *mut PyObject, count: isize) -> *mut PyObject {
        let joined = join_strings(items, count);
        release(items, count);
        to_object(joined)
    }

    /// `slice(start, stop, step)`; `step` may be NULL for none.
    BUILD_SLICE = fn build_slice(start: *mut PyObject, stop: *mut PyObject, step: *mut PyObject) -> *mut PyObject {
        PySlice_New(start, stop, step)
    }

    /// `[*list, *iterable]` into the list itself.
    LIST_EXTEND = fn list_extend(list: *mut PyObject, iterable: *mut PyObject) -> i32 {
        let (_list, _iterable) = (Owned::new_ref(list), Owned::new_ref(iterable));
        let status = PyList_Extend(list, iterable);
        if status < 0 && PyErr_ExceptionMatches(PyExc_TypeError) != 0 && is_not_iterable(iterable) {
            PyErr_Clear();
            let format = c"Value after * must be an iterable, not %.200s";
            PyErr_Format(PyExc_TypeError, format.as_ptr(), type_name(iterable));
        }
        status
    }

    /// Appends a borrowed value to a list.
    LIST_APPEND = fn list_append(list: *mut PyObject, value: *mut PyObject) -> i32 {
        PyList_Append(list, value)
    }

    /// Adds a borrowed value to a set.
    SET_ADD = fn set_add(set: *mut PyObject, value: *mut PyObject) -> i32 {
        let (_set, _value) = (Owned::new_ref(set), Owned::new_ref(value));
        PySet_Add(set, value)
    }

    /// `{*set, *iterable}` into the set itself.
    SET_UPDATE = fn set_update(set: *mut PyObject, iterable: *mut PyObject) -> i32 {
        let (_set, _iterable) = (Owned::new_ref(set), Owned::new_ref(iterable));
        let arguments = [set, iterable];
        let result = PyObject_VectorcallMethod(interned!(c"update"), arguments.as_ptr(), 2, ptr::null_mut());
        to_status(Owned::from_result(result).map(drop))
    }

    /// `{**dict, **update}` into the dict itself.
    DICT_UPDATE = fn dict_update(dict: *mut PyObject, update: *mut PyObject) -> i32 {
        let (_dict, _update) = (Owned::new_ref(dict), Owned::new_ref(update));
        let status = PyDict_Update(dict, update);
        if status < 0 && PyErr_ExceptionMatches(PyExc_AttributeError) != 0 {
            PyErr_Format(PyExc_TypeError, c"'%.200s' object is not a mapping".as_ptr(), type_name(update));
        }
        status
    }

    /// Adds `**update` to the keyword arguments of a call of `callable`.
    DICT_MERGE = fn dict_merge(callable: *mut PyObject, dict: *mut PyObject, update: *mut PyObject) -> i32 {
        let _held = (Owned::new_ref(callable), Owned::new_ref(dict), Owned::new_ref(update));
        to_status(merge_unique(dict, update).map_err(|_| format_kwargs_error(callable, update)))
    }

    /// `dict[key] = value` for a dict display or comprehension.
    MAP_ADD = fn map_add(dict: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> i32 {
        let _held = (Owned::new_ref(dict), Owned::new_ref(key), Owned::new_ref(value));
        PyDict_SetItem(dict, key, value)
    }

    /// `len(object)` as an int object.
    GET_LEN = fn get_len(object: *mut PyObject) -> *mut PyObject {
        let _object = Owned::new_ref(object);
        let length = PyObject_Size(object);
        if length < 0 { ptr::null_mut() } else { PyLong_FromSsize_t(length) }
    }

    /// `item in container`: 1, 0, or -1 with an exception set.
    CONTAINS = fn contains(container: *mut PyObject, item: *mut PyObject) -> i32 {
        if let Some(has) = lookup::quiet_contains(container, item) {
            return has.into();
        }
        let (_container, _item) = (Owned::new_ref(container), Owned::new_ref(item));
        PySequence_Contains(container, item)
    }

    /// `tuple(list)` for a list.
    LIST_TO_TUPLE = fn list_to_tuple(list: *mut PyObject) -> *mut PyObject {
        PyList_AsTuple(list)
    }

    /// `container[start:stop]`
    BINARY_SLICE = fn binary_slice(
        container: *mut PyObject,
        start: *mut PyObject,
        stop: *mut PyObject,
    ) -> *mut PyObject {
        let _container = Owned::new_ref(container);
        to_object(Owned::from_result(PySlice_New(start, stop, ptr::null_mut()))
            .and_then(|slice| Owned::from_result(PyObject_GetItem(container, slice.as_ptr()))))
    }

    /// `container[start:stop] = value`
    STORE_SLICE = fn store_slice(
        container: *mut PyObject,
        start: *mut PyObject,
        stop: *mut PyObject,
        value: *mut PyObject,
    ) -> i32 {
        let (_container, _value) = (Owned::new_ref(container), Owned::new_ref(value));
        to_status(Owned::from_result(PySlice_New(start, stop, ptr::null_mut()))
            .and_then(|slice| check(PyObject_SetItem(container, slice.as_ptr(), value)).map(drop)))
    }

    /// `container[key]`
    BINARY_SUBSCR = fn binary_subscr(container: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
        let (_container, _key) = (Owned::new_ref(container), Owned::new_ref(key));
        PyObject_GetItem(container, key)
    }

    /// `container[key] = value`
    STORE_SUBSCR = fn store_subscr(container: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> i32 {
        let old = lookup::quiet_replace(container, key, value);
        if !old.is_null() {
            Py_DECREF(old);
            return 0;
        }
        let _held = (Owned::new_ref(container), Owned::new_ref(key), Owned::new_ref(value));
        PyObject_SetItem(container, key, value)
    }

    /// `del container[key]`
    DELETE_SUBSCR = fn delete_subscr(container: *mut PyObject, key: *mut PyObject) -> i32 {
        let (_container, _key) = (Owned::new_ref(container), Owned::new_ref(key));
        PyObject_DelItem(container, key)
    }
}
