//! Attributes that instances have in dictionaries of their own, for optimized code: of objects whose values are not inline
//! any more, of classes whose instances begin with such. None of these runs Python code or raises.

use super::analysis::unicode_entries;
use super::apply::certainly_lacks;
use crate::layout::*;
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// The dictionary of an object of a class whose instances begin with inline values, or NULL.
#[inline]
unsafe fn dictionary(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: see above.
    unsafe {
        object
            .cast::<u8>()
            .offset(MANAGED_DICT_OFFSET)
            .cast::<*mut PyObject>()
            .read()
    }
}

/// The object's own dictionary, if that has its values itself, nobody watches it, and its keys are all strings: looking a
/// name up compares strings only.
#[inline]
unsafe fn plain_dictionary(object: *mut PyObject) -> *mut DictObject {
    // SAFETY: a live object of a class whose instances begin with inline values; it holds its dictionary.
    unsafe {
        let dict = dictionary(object).cast::<DictObject>();
        let plain = !dict.is_null()
            && PyDict_CheckExact(dict.cast()) != 0
            && (*dict).ma_values.is_null()
            && (*dict).ma_version_tag & DICT_WATCHER_MASK == 0
            && (*(*dict).ma_keys).dk_kind == DICT_KEYS_UNICODE;
        if plain { dict } else { null_mut() }
    }
}

runtime_fns! {
    /// What the object's own dictionary has of a name, borrowed, or NULL; `hint` is where it may be.
    OWN_VALUE = fn own_value(object: *mut PyObject, name: *mut PyObject, hint: i64) -> *mut PyObject {
        let dict = plain_dictionary(object);
        if dict.is_null() {
            return null_mut();
        }
        let keys = (*dict).ma_keys;
        if hint < (*keys).dk_nentries as i64 {
            let entry = unicode_entries(keys).add(hint as usize);
            if (*entry).me_key == name {
                return (*entry).me_value;
            }
        }
        PyDict_GetItemWithError(dict.cast(), name)
    }

    /// Whether the object has its attributes in a dictionary that certainly lacks the name.
    LACKS_OWN = fn lacks_own(object: *mut PyObject, name: *mut PyObject) -> i64 {
        let dict = plain_dictionary(object);
        i64::from(!dict.is_null() && certainly_lacks(dict.cast(), name))
    }

    /// Writes over what [`OWN_VALUE`] has just found, which somebody has another reference to.
    SET_OWN = fn set_own(object: *mut PyObject, name: *mut PyObject, value: *mut PyObject) {
        // The name is there: nothing has to grow.
        PyDict_SetItem(dictionary(object), name, value);
    }
}
