//! What a cached entry gives for an object.

use super::analysis::*;
use super::{AttributeSite, Kind, Shadow};
use crate::api;
use crate::feedback::{self, seen};
use crate::globals;
use crate::layout::*;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Whether what the class has is what the instance shows.
#[inline]
pub(super) unsafe fn unshadowed(object: *mut PyObject, shadow: &Shadow) -> bool {
    // SAFETY: the object's type has the entry's version, for which the guard was computed.
    unsafe {
        object.cast::<u8>().offset(shadow.guard as isize).read() != 0
            && shadow.keys_count.read() == shadow.keys_expected
    }
}

/// What one entry gives.
pub(super) enum Outcome {
    /// A new reference.
    Value(*mut PyObject),
    /// A borrowed function that binds to the object.
    Method(*mut PyObject),
    /// Raised.
    Error,
    /// The entry does not apply to this object.
    No,
    /// The entry will not apply again.
    Stale,
}

pub(super) unsafe fn new_reference(value: *mut PyObject) -> Outcome {
    // SAFETY: a live object.
    unsafe { Py_INCREF(value) };
    Outcome::Value(value)
}

pub(super) unsafe fn instance_dictionary(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: only types without inline values come here, whose dictionary pointer is where CPython says.
    unsafe {
        let tp = Py_TYPE(object);
        if flags(tp) & TPFLAGS_MANAGED_DICT != 0 {
            return object
                .cast::<u8>()
                .offset(MANAGED_DICT_OFFSET)
                .cast::<*mut PyObject>()
                .read();
        }
        let offset: isize = field(tp, type_object::TP_DICTOFFSET);
        if offset > 0 {
            object.cast::<u8>().offset(offset).cast::<*mut PyObject>().read()
        } else {
            null_mut()
        }
    }
}

pub(super) unsafe fn apply(kind: &Kind, object: *mut PyObject, name: *mut PyObject, hint: &mut usize) -> Outcome {
    // SAFETY: the object's type has the entry's version.
    unsafe {
        match kind {
            Kind::Inline { offset, guard, .. } => {
                let base = object.cast::<u8>();
                if base.offset(*guard as isize).read() == 0 {
                    return own_attribute(object, name, hint).unwrap_or(Outcome::No);
                }
                let value = base.offset(*offset as isize).cast::<*mut PyObject>().read();
                if value.is_null() {
                    Outcome::No
                } else {
                    new_reference(value)
                }
            }
            Kind::Slot { offset } => {
                let value = object
                    .cast::<u8>()
                    .offset(*offset as isize)
                    .cast::<*mut PyObject>()
                    .read();
                if value.is_null() {
                    Outcome::No
                } else {
                    new_reference(value)
                }
            }
            Kind::ClassValue {
                value,
                value_version,
                shadow,
                ..
            } => {
                if version_tag(Py_TYPE(*value)) != *value_version {
                    return Outcome::Stale;
                }
                if unshadowed(object, shadow) {
                    return new_reference(*value);
                }
                if object.cast::<u8>().offset(shadow.guard as isize).read() == 0 {
                    return own_attribute(object, name, hint).unwrap_or_else(|| new_reference(*value));
                }
                Outcome::Stale
            }
            Kind::Method { function, shadow } => {
                if unshadowed(object, shadow) {
                    return Outcome::Method(*function);
                }
                if object.cast::<u8>().offset(shadow.guard as isize).read() == 0 {
                    return own_attribute(object, name, hint).unwrap_or(Outcome::Method(*function));
                }
                Outcome::Stale
            }
            Kind::Property { property, getter } => {
                let getter = *getter;
                if (*property.cast::<Property>()).prop_get != getter {
                    return Outcome::Stale;
                }
                Py_INCREF(getter);
                let value = PyObject_CallOneArg(getter, object);
                Py_DECREF(getter);
                if value.is_null() {
                    Outcome::Error
                } else {
                    Outcome::Value(value)
                }
            }
            Kind::Module { module, cell } => {
                if *module != object {
                    return Outcome::No;
                }
                if (**cell).globals.is_null() || (**cell).globals != PyModule_GetDict(object) {
                    return Outcome::Stale;
                }
                let value = (**cell).value;
                if !value.is_null() {
                    return new_reference(value);
                }
                let value = globals::look_up(*cell);
                if !value.is_null() {
                    Outcome::Value(value)
                } else if PyErr_Occurred().is_null() {
                    Outcome::No
                } else {
                    Outcome::Error
                }
            }
            Kind::OfClass {
                class,
                version,
                value,
                value_version,
            } => {
                if *class != object {
                    return Outcome::No;
                }
                if version_tag(object.cast()) == *version && version_tag(Py_TYPE(*value)) == *value_version {
                    new_reference(*value)
                } else {
                    Outcome::Stale
                }
            }
            Kind::Dictionary {
                class_value,
                class_version,
                is_method,
                ..
            } => {
                if !class_value.is_null() && version_tag(Py_TYPE(*class_value)) != *class_version {
                    return Outcome::Stale;
                }
                if let Some(outcome) = own_attribute(object, name, hint) {
                    return outcome;
                }
                if class_value.is_null() {
                    Outcome::No
                } else if *is_method {
                    Outcome::Method(*class_value)
                } else {
                    new_reference(*class_value)
                }
            }
        }
    }
}

/// A new reference to what the object's dictionary has of that name at the entry where it was the last time, or NULL.
#[inline]
pub(super) unsafe fn hinted_value(object: *mut PyObject, name: *mut PyObject, hint: usize) -> *mut PyObject {
    // SAFETY: the object is held by the caller, and holds its dictionary.
    unsafe {
        let dict = instance_dictionary(object).cast::<DictObject>();
        if dict.is_null() || !(*dict).ma_values.is_null() {
            return null_mut();
        }
        let keys = (*dict).ma_keys;
        if (*keys).dk_kind != DICT_KEYS_UNICODE || hint >= (*keys).dk_nentries as usize {
            return null_mut();
        }
        let entry = unicode_entries(keys).add(hint);
        if (*entry).me_key != name || (*entry).me_value.is_null() {
            return null_mut();
        }
        Py_INCREF((*entry).me_value);
        (*entry).me_value
    }
}

/// Which entry of the object's own dictionary has that name (the very string), if it has its values itself and all its keys
/// are strings; `hint` is looked at first.
pub(super) unsafe fn own_place(object: *mut PyObject, name: *mut PyObject, hint: usize) -> Option<usize> {
    // SAFETY: the object is held by the caller, and holds its dictionary.
    unsafe {
        let dict = instance_dictionary(object).cast::<DictObject>();
        if dict.is_null() || !(*dict).ma_values.is_null() || (*(*dict).ma_keys).dk_kind != DICT_KEYS_UNICODE {
            return None;
        }
        let count = (*(*dict).ma_keys).dk_nentries as usize;
        let entries = unicode_entries((*dict).ma_keys);
        let has = |&index: &usize| (*entries.add(index)).me_key == name;
        Some(hint)
            .filter(|&hint| hint < count)
            .filter(has)
            .or_else(|| (0..count).find(has))
    }
}

/// Whether a dictionary whose keys are all strings certainly lacks `name` (an exact string that has its hash).
///
/// # Safety
/// Live objects.
pub unsafe fn certainly_lacks(dict: *mut PyObject, name: *mut PyObject) -> bool {
    // SAFETY: the table of one-byte indices comes before the entries; its size is a power of two, and never is it full.
    unsafe {
        let dict = dict.cast::<DictObject>();
        let keys = (*dict).ma_keys;
        if !(*dict).ma_values.is_null() || (*keys).dk_kind != DICT_KEYS_UNICODE || (*keys).dk_log2_size >= 8 {
            return false;
        }
        let hash = (*name.cast::<PyASCIIObject>()).hash;
        let indices = keys.cast::<i8>().add(size_of::<DictKeys>());
        let entries = unicode_entries(keys);
        let mask = (1usize << (*keys).dk_log2_size) - 1;
        let mut perturb = hash as usize;
        let mut at = perturb & mask;
        loop {
            let index = indices.add(at).read();
            if index == DICT_INDEX_EMPTY {
                return true;
            }
            if index >= 0 {
                let key = (*entries.add(index as usize)).me_key;
                if key == name || (*key.cast::<PyASCIIObject>()).hash == hash {
                    return false;
                }
            }
            perturb >>= 5;
            at = (at.wrapping_mul(5).wrapping_add(perturb).wrapping_add(1)) & mask;
        }
    }
}

/// What the object's dictionary has of that name; `None` when there is nothing. `hint` is where the entry was found
/// the last time.
pub(super) unsafe fn own_attribute(object: *mut PyObject, name: *mut PyObject, hint: &mut usize) -> Option<Outcome> {
    // SAFETY: the object is held by the caller, and holds its dictionary.
    unsafe {
        let dict = instance_dictionary(object);
        if dict.is_null() {
            return None;
        }
        let found = hinted_value(object, name, *hint);
        if !found.is_null() {
            return Some(Outcome::Value(found));
        }
        let mut value = null_mut();
        Py_INCREF(dict);
        let status = api::PyDict_GetItemRef(dict, name, &mut value);
        if status > 0 {
            *hint = own_place(object, name, *hint).unwrap_or(*hint);
        }
        Py_DECREF(dict);
        match status {
            0 => None,
            1.. => Some(Outcome::Value(value)),
            _ => Some(Outcome::Error),
        }
    }
}

/// The function (borrowed) that an entry for methods gives, or NULL: what polymorphic sites mostly need.
#[inline]
pub(super) unsafe fn plain_method(site: *mut AttributeSite, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live site and object; an entry's offsets hold for its type version.
    unsafe {
        let tag = version_tag(Py_TYPE(object));
        for entry in &(*site).entries {
            if entry.version == tag {
                return match &entry.kind {
                    Kind::Method { function, shadow } if unshadowed(object, shadow) => {
                        (*site).met_inline = true;
                        *function
                    }
                    Kind::Method { function, shadow }
                        if object.cast::<u8>().offset(shadow.guard as isize).read() == 0 =>
                    {
                        let dict = instance_dictionary(object);
                        if !dict.is_null() && certainly_lacks(dict, (*site).name) {
                            feedback::note((*site).feedback, seen::HINT);
                            *function
                        } else {
                            null_mut()
                        }
                    }
                    _ => null_mut(),
                };
            }
        }
        null_mut()
    }
}

/// A new reference to what an entry for inline values or slots gives, or NULL: what polymorphic sites mostly need.
#[inline]
pub(super) unsafe fn plain_value(site: *mut AttributeSite, object: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live site and object; an entry's offsets hold for its type version.
    unsafe {
        let tag = version_tag(Py_TYPE(object));
        let base = object.cast::<u8>();
        for entry in &(*site).entries {
            if entry.version != tag {
                continue;
            }
            let offset = match &entry.kind {
                Kind::Inline { offset, guard, .. } if base.offset(*guard as isize).read() != 0 => {
                    (*site).met_inline = true;
                    *offset
                }
                Kind::Slot { offset } => *offset,
                Kind::Inline { .. } | Kind::Dictionary { .. } => {
                    let value = hinted_value(object, (*site).name, (*site).hint);
                    if !value.is_null() {
                        feedback::note((*site).feedback, seen::HINT);
                    }
                    return value;
                }
                _ => return null_mut(),
            };
            let value = base.offset(offset as isize).cast::<*mut PyObject>().read();
            if !value.is_null() {
                Py_INCREF(value);
            }
            return value;
        }
        null_mut()
    }
}
