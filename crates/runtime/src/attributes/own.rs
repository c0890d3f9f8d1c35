//! Attributes that instances have in dictionaries of their own, for optimized code: of objects whose values are not inline
//! any more, of classes whose instances begin with such. None of these runs Python code or raises.

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

/// The version that a dictionary got last when compiled code replaced one of its values: none that the interpreter gives, whose
/// versions count from zero.
pub static mut DICTIONARY_VERSION: u64 = 1 << 62;

runtime_fns! {
    /// Whether the object has its attributes in a dictionary that certainly lacks the name.
    LACKS_OWN = fn lacks_own(object: *mut PyObject, name: *mut PyObject) -> i64 {
        let dict = plain_dictionary(object);
        i64::from(!dict.is_null() && certainly_lacks(dict.cast(), name))
    }
}
