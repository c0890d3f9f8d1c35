//! Looking keys up in dictionaries and sets without running any code of a program: for keys whose hash and equality are the
//! interpreter's own (numbers, strings, None, and tuples of such), as long as what is met under the same hash is of that kind, too.
//!
//! The interpreter's functions would call two functions for each item of a tuple; and whoever calls them has to be ready for
//! any code to run.

use crate::attributes::DICTIONARY_VERSION;
use crate::layout::*;
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Tuples in tuples that are looked into.
const DEPTH: u32 = 12;

/// What `tuplehash` (`Objects/tupleobject.c`) computes with.
const PRIME_1: usize = 11_400_714_785_074_694_791;
const PRIME_2: usize = 14_029_467_366_897_019_727;
const PRIME_5: usize = 2_870_177_450_012_600_261;
const OF_MINUS_ONE: Py_hash_t = 1_546_275_796;

/// `set_lookkey` (`Objects/setobject.c`): how many entries behind one are looked at before another place.
const LINEAR_PROBES: usize = 9;

/// Whether a type's objects have the hash and the equality of tuples.
#[inline]
unsafe fn is_tuple(ty: *mut PyTypeObject) -> bool {
    if ty == &raw mut PyTuple_Type {
        return true;
    }
    // SAFETY: a live type; slots are functions.
    unsafe {
        let tuple = &raw mut PyTuple_Type;
        let slots = |ty: *mut PyTypeObject| {
            (
                (*ty).tp_hash.map(|slot| slot as usize),
                (*ty).tp_richcompare.map(|slot| slot as usize),
            )
        };
        PyType_HasFeature(ty, Py_TPFLAGS_TUPLE_SUBCLASS) != 0 && slots(ty) == slots(tuple)
    }
}

/// The value of an int of one digit, or of two: its hash, if that is not -1.
#[inline]
unsafe fn small_int(object: *mut PyObject) -> Option<isize> {
    // SAFETY: a live int.
    unsafe {
        let word = |offset: i32| object.cast::<u8>().add(offset as usize);
        let tag = word(offset::LONG_TAG).cast::<usize>().read();
        let digit = |at: usize| word(offset::LONG_DIGIT).cast::<u32>().add(at).read() as isize;
        let magnitude = match tag >> 3 {
            0 | 1 => digit(0),
            2 => digit(0) | digit(1) << 30,
            _ => return None,
        };
        Some(magnitude * (1 - (tag & 3) as isize))
    }
}

/// The hash of an object, if no code of a program computes it.
///
/// # Safety
/// The GIL is held; a live object.
#[inline]
pub unsafe fn quiet_hash(object: *mut PyObject, depth: u32) -> Option<Py_hash_t> {
    // SAFETY: see the contract; the items of a tuple that somebody else knows are live objects.
    unsafe {
        let ty = Py_TYPE(object);
        if ty == &raw mut PyLong_Type
            && let Some(value) = small_int(object)
        {
            return Some(if value == -1 { -2 } else { value });
        }
        if ty == &raw mut PyUnicode_Type {
            let hash = (*object.cast::<PyASCIIObject>()).hash;
            return Some(if hash == -1 { PyObject_Hash(object) } else { hash });
        }
        if is_tuple(ty) {
            return (depth > 0).then(|| tuple_hash(object, depth - 1))?;
        }
        let simple = ty == &raw mut PyLong_Type
            || ty == &raw mut PyBool_Type
            || ty == &raw mut PyFloat_Type
            || object == Py_None();
        simple.then(|| PyObject_Hash(object))
    }
}

unsafe fn tuple_hash(tuple: *mut PyObject, depth: u32) -> Option<Py_hash_t> {
    // SAFETY: as for `quiet_hash`.
    unsafe {
        let length = PyTuple_GET_SIZE(tuple);
        let items = tuple
            .cast::<u8>()
            .add(offset::TUPLE_ITEMS as usize)
            .cast::<*mut PyObject>();
        let mut sum = PRIME_5;
        for index in 0..length as usize {
            let item = items.add(index).read();
            if item.is_null() {
                // It is being filled.
                return None;
            }
            let tag = item.cast::<u8>().add(offset::LONG_TAG as usize).cast::<usize>();
            // Most often: a small int that is not negative.
            let lane = if Py_TYPE(item) == &raw mut PyLong_Type && matches!(tag.read(), 1 | 8) {
                item.cast::<u8>().add(offset::LONG_DIGIT as usize).cast::<u32>().read() as usize
            } else {
                quiet_hash(item, depth)? as usize
            };
            sum = sum.wrapping_add(lane.wrapping_mul(PRIME_2));
            sum = sum.rotate_left(31).wrapping_mul(PRIME_1);
        }
        sum = sum.wrapping_add(length as usize ^ (PRIME_5 ^ 3_527_539));
        let hash = sum as Py_hash_t;
        Some(if hash == -1 { OF_MINUS_ONE } else { hash })
    }
}

/// Whether two objects with the same hash are equal, if no code of a program decides that.
unsafe fn quiet_equal(one: *mut PyObject, other: *mut PyObject, depth: u32) -> Option<bool> {
    if one == other {
        return Some(true);
    }
    // SAFETY: live objects; comparing two ints, strings or floats runs no code of a program, and raises nothing.
    unsafe {
        let types = (Py_TYPE(one), Py_TYPE(other));
        if types.0 == types.1
            && [&raw mut PyLong_Type, &raw mut PyUnicode_Type, &raw mut PyFloat_Type].contains(&types.0)
        {
            return Some(PyObject_RichCompareBool(one, other, Py_EQ) == 1);
        }
        if depth == 0 || !is_tuple(types.0) || !is_tuple(types.1) {
            return None;
        }
        let length = PyTuple_GET_SIZE(one);
        if length != PyTuple_GET_SIZE(other) {
            return Some(false);
        }
        for index in 0..length {
            let (a, b) = (PyTuple_GET_ITEM(one, index), PyTuple_GET_ITEM(other, index));
            if !quiet_equal(a, b, depth - 1)? {
                return Some(false);
            }
        }
        Some(true)
    }
}

/// What a look-up finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Here is the value (of a set: the key).
    At(*mut *mut PyObject),
    Absent,
    /// The interpreter has to look: other code might run.
    Unsure,
}

/// An entry of a key table with keys of any types (`PyDictKeyEntry`).
#[repr(C)]
struct DictEntry {
    hash: Py_hash_t,
    key: *mut PyObject,
    value: *mut PyObject,
}

/// Looks a key with this hash up in a dictionary.
///
/// # Safety
/// The GIL is held; a live dictionary (or of a subclass) and a live key.
pub unsafe fn find_in_dict(dict: *mut PyObject, key: *mut PyObject, hash: Py_hash_t) -> Found {
    // SAFETY: see the contract. The index table comes before the entries; its size is a power of two, and never is it full.
    unsafe {
        let dict = dict.cast::<DictObject>();
        let keys = (*dict).ma_keys;
        let strings = (*keys).dk_kind == DICT_KEYS_UNICODE;
        if !(*dict).ma_values.is_null() || (*keys).dk_kind > DICT_KEYS_UNICODE {
            return Found::Unsure;
        }
        if strings && Py_TYPE(key) != &raw mut PyUnicode_Type {
            // A string equals no object that has a quiet hash and is none.
            return Found::Absent;
        }
        let indices = keys.cast::<u8>().add(size_of::<DictKeys>());
        let entries = indices.add(1 << (*keys).dk_log2_index_bytes);
        let bits = (*keys).dk_log2_size;
        let mask = (1usize << bits) - 1;
        let mut perturb = hash as usize;
        let mut at = perturb & mask;
        loop {
            let index = match bits {
                0..8 => indices.cast::<i8>().add(at).read() as isize,
                8..16 => indices.cast::<i16>().add(at).read() as isize,
                16..32 => indices.cast::<i32>().add(at).read() as isize,
                _ => indices.cast::<isize>().add(at).read(),
            };
            if index == isize::from(DICT_INDEX_EMPTY) {
                return Found::Absent;
            }
            if index >= 0 {
                let (known, its_key, place) = if strings {
                    let entry = entries.cast::<DictUnicodeEntry>().add(index as usize);
                    let key = (*entry).me_key;
                    ((*key.cast::<PyASCIIObject>()).hash, key, &raw mut (*entry).me_value)
                } else {
                    let entry = entries.cast::<DictEntry>().add(index as usize);
                    ((*entry).hash, (*entry).key, &raw mut (*entry).value)
                };
                if its_key == key || known == hash {
                    match quiet_equal(its_key, key, DEPTH) {
                        Some(true) => return Found::At(place),
                        Some(false) => {}
                        None => return Found::Unsure,
                    }
                }
            }
            perturb >>= 5;
            at = (at.wrapping_mul(5).wrapping_add(perturb).wrapping_add(1)) & mask;
        }
    }
}

/// Looks a key with this hash up in a set or frozenset.
///
/// # Safety
/// The GIL is held; a live set and a live key.
pub unsafe fn find_in_set(set: *mut PyObject, key: *mut PyObject, hash: Py_hash_t) -> Found {
    // SAFETY: see the contract; the table's size is a power of two, and never is it full.
    unsafe {
        let set = set.cast::<SetObject>();
        let (table, mask) = ((*set).table, (*set).mask as usize);
        let mut perturb = hash as usize;
        let mut at = perturb & mask;
        loop {
            let more = if at + LINEAR_PROBES <= mask { LINEAR_PROBES } else { 0 };
            for probe in at..=at + more {
                let entry = table.add(probe);
                if (*entry).key.is_null() {
                    return Found::Absent;
                }
                if (*entry).key == key {
                    return Found::At(&raw mut (*entry).key);
                }
                if (*entry).hash == hash {
                    match quiet_equal((*entry).key, key, DEPTH) {
                        Some(true) => return Found::At(&raw mut (*entry).key),
                        Some(false) => {}
                        None => return Found::Unsure,
                    }
                }
            }
            perturb >>= 5;
            at = (at.wrapping_mul(5).wrapping_add(1).wrapping_add(perturb)) & mask;
        }
    }
}

/// Whether the objects of a type may have a hash that no code of a program computes.
///
/// # Safety
/// A live type.
pub unsafe fn has_quiet_hash(ty: *mut PyTypeObject) -> bool {
    let simple = [
        &raw mut PyLong_Type,
        &raw mut PyUnicode_Type,
        &raw mut PyBool_Type,
        &raw mut PyFloat_Type,
    ];
    // SAFETY: see the contract; None is immortal.
    unsafe { simple.contains(&ty) || ty == Py_TYPE(Py_None()) || is_tuple(ty) }
}

/// Whether `in` of a type's objects may be looked up here.
///
/// # Safety
/// A live type.
pub unsafe fn contains_quietly(ty: *mut PyTypeObject) -> bool {
    // SAFETY: see the contract.
    unsafe { contains_as_set(ty).is_some() }
}

/// Whether `[]` of a type's objects is that of dictionaries, as long as the key is there.
///
/// # Safety
/// A live type.
#[inline]
pub unsafe fn subscripts_as_dict(ty: *mut PyTypeObject) -> bool {
    if ty == &raw mut PyDict_Type {
        return true;
    }
    // SAFETY: a live type; slots are functions.
    unsafe {
        if PyType_HasFeature(ty, Py_TPFLAGS_DICT_SUBCLASS) == 0 {
            return false;
        }
        let slot = |ty: *mut PyTypeObject| (*(*ty).tp_as_mapping).mp_subscript.map(|slot| slot as usize);
        slot(ty) == slot(&raw mut PyDict_Type)
    }
}

/// Whether `[] =` of a type's objects is that of dictionaries.
///
/// # Safety
/// A live type.
#[inline]
pub unsafe fn stores_as_dict(ty: *mut PyTypeObject) -> bool {
    if ty == &raw mut PyDict_Type {
        return true;
    }
    // SAFETY: a live type; slots are functions.
    unsafe {
        if PyType_HasFeature(ty, Py_TPFLAGS_DICT_SUBCLASS) == 0 {
            return false;
        }
        let slot = |ty: *mut PyTypeObject| (*(*ty).tp_as_mapping).mp_ass_subscript.map(|slot| slot as usize);
        slot(ty) == slot(&raw mut PyDict_Type)
    }
}

/// Whether `in` of a type's objects is that of dictionaries (`false`) or sets (`true`).
#[inline]
unsafe fn contains_as_set(ty: *mut PyTypeObject) -> Option<bool> {
    if ty == &raw mut PyDict_Type {
        return Some(false);
    }
    (ty == &raw mut PySet_Type || ty == &raw mut PyFrozenSet_Type).then_some(true)
}

/// The value (borrowed) of a key that is certainly in a dictionary; NULL where it is not, or nobody knows without running code.
///
/// # Safety
/// The GIL is held; live objects.
#[inline]
pub unsafe fn quiet_value(dict: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        match quiet_hash(key, DEPTH).map(|hash| find_in_dict(dict, key, hash)) {
            Some(Found::At(place)) => place.read(),
            _ => null_mut(),
        }
    }
}

/// Whether a set or dictionary has a key with this hash: `None` where nobody knows without running code.
unsafe fn has(container: *mut PyObject, key: *mut PyObject, hash: Py_hash_t) -> Option<bool> {
    // SAFETY: live objects; the GIL is held.
    unsafe {
        let found = match contains_as_set(Py_TYPE(container))? {
            true => find_in_set(container, key, hash),
            false => find_in_dict(container, key, hash),
        };
        match found {
            Found::At(_) => Some(true),
            Found::Absent => Some(false),
            Found::Unsure => None,
        }
    }
}

/// `key in container`, for sets and dictionaries: `None` where nobody knows without running code.
///
/// # Safety
/// The GIL is held; live objects.
#[inline]
pub unsafe fn quiet_contains(container: *mut PyObject, key: *mut PyObject) -> Option<bool> {
    // SAFETY: see the contract.
    unsafe {
        contains_as_set(Py_TYPE(container))?;
        has(container, key, quiet_hash(key, DEPTH)?)
    }
}

/// Where the value of a key with this hash is that may be replaced by another one: the dictionary has the key, and nobody
/// watches it. NULL if there is no such place.
unsafe fn place_of(
    dict: *mut PyObject,
    key: *mut PyObject,
    hash: Py_hash_t,
    value: *mut PyObject,
) -> *mut *mut PyObject {
    // SAFETY: live objects, a dictionary; the GIL is held.
    unsafe {
        if (*dict.cast::<DictObject>()).ma_version_tag & DICT_WATCHER_MASK != 0 {
            return null_mut();
        }
        // A dictionary of numbers and strings need not be looked at by the garbage collector.
        let quiet = [&raw mut PyLong_Type, &raw mut PyFloat_Type, &raw mut PyUnicode_Type].contains(&Py_TYPE(value));
        if !quiet && PyObject_GC_IsTracked(dict) == 0 {
            return null_mut();
        }
        match find_in_dict(dict, key, hash) {
            Found::At(place) => place,
            _ => null_mut(),
        }
    }
}

/// Puts a value into such a place: the old one, whose reference the caller has to give up.
unsafe fn put(dict: *mut PyObject, place: *mut *mut PyObject, value: *mut PyObject) -> *mut PyObject {
    // SAFETY: the place has been found in the dictionary, and nothing has run since. The version is one that no dictionary has
    // had.
    unsafe {
        let tag = &raw mut (*dict.cast::<DictObject>()).ma_version_tag;
        let old = place.read();
        Py_INCREF(value);
        place.write(value);
        let version = &raw mut DICTIONARY_VERSION;
        version.write(version.read() + DICT_VERSION_STEP);
        tag.write(version.read() | tag.read() & (DICT_VERSION_STEP - 1));
        old
    }
}

/// `container[key] = value` where a dictionary has the key already: the old value, whose reference the caller has to give up, or
/// NULL if nothing has been done.
///
/// # Safety
/// The GIL is held; live objects.
#[inline]
pub unsafe fn quiet_replace(container: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        if !stores_as_dict(Py_TYPE(container)) {
            return null_mut();
        }
        let Some(hash) = quiet_hash(key, DEPTH) else {
            return null_mut();
        };
        let place = place_of(container, key, hash, value);
        if place.is_null() {
            return null_mut();
        }
        put(container, place, value)
    }
}

/// Whether what this module computes is what the interpreter does.
///
/// # Safety
/// The GIL is held; `samples` is a list of objects that differ and have quiet hashes.
pub unsafe fn agrees(samples: *mut PyObject) -> bool {
    // SAFETY: see the contract; ordinary uses of the C API.
    unsafe {
        let (dict, set) = (PyDict_New(), PySet_New(null_mut()));
        if dict.is_null() || set.is_null() {
            return false;
        }
        let mut agrees = true;
        let count = PyList_GET_SIZE(samples);
        for round in 0..2 {
            for index in 0..count {
                let key = PyList_GET_ITEM(samples, index);
                let Some(hash) = quiet_hash(key, DEPTH) else {
                    return false;
                };
                let known = index % 2 == 0 && round > 0;
                let found = |found: Found| match found {
                    Found::At(place) => known && place.read() == key,
                    Found::Absent => !known,
                    Found::Unsure => false,
                };
                agrees &= hash == PyObject_Hash(key)
                    && found(find_in_dict(dict, key, hash))
                    && found(find_in_set(set, key, hash));
            }
            for index in (0..count).step_by(2) {
                let key = PyList_GET_ITEM(samples, index);
                agrees &= PyDict_SetItem(dict, key, key) == 0 && PySet_Add(set, key) == 0;
            }
        }
        Py_DECREF(dict);
        Py_DECREF(set);
        agrees
    }
}

/// No hash: code of a program would have to compute it. It is that of no object.
const UNSURE: i64 = -1;

runtime_fns! {
    /// The hash of an object, or -1 where code of a program would have to compute it.
    QUIET_HASH = fn quiet_hash_of(key: *mut PyObject) -> i64 {
        if key.is_null() {
            // It is computed ahead of the test.
            return UNSURE;
        }
        quiet_hash(key, DEPTH).map_or(UNSURE, |hash| hash as i64)
    }

    /// The value (borrowed) of a key with this hash in a dictionary; NULL where it is not there, or nobody knows without running
    /// code of a program.
    QUIET_VALUE = fn quiet_value_of(dict: *mut PyObject, key: *mut PyObject, hash: i64) -> *mut PyObject {
        if hash == UNSURE {
            return null_mut();
        }
        match find_in_dict(dict, key, hash as Py_hash_t) {
            Found::At(place) => place.read(),
            _ => null_mut(),
        }
    }

    /// Whether a set or dictionary has a key with this hash: 1 or 0, or -1 where code of a program might have to say.
    QUIET_CONTAINS = fn quiet_contains_key(container: *mut PyObject, key: *mut PyObject, hash: i64) -> i64 {
        if hash == UNSURE {
            return -1;
        }
        has(container, key, hash as Py_hash_t).map_or(-1, i64::from)
    }

    /// Where the value of a key in a dictionary is that may be replaced by this one, or 0: see [`place_of`].
    QUIET_PLACE = fn quiet_place(dict: *mut PyObject, key: *mut PyObject, hash: i64, value: *mut PyObject) -> i64 {
        if hash == UNSURE {
            return 0;
        }
        place_of(dict, key, hash as Py_hash_t, value) as i64
    }

    /// Puts a value into such a place, before anything else is done: the old one, which the caller gets.
    QUIET_PUT = fn quiet_put(dict: *mut PyObject, place: i64, value: *mut PyObject) -> *mut PyObject {
        put(dict, place as *mut *mut PyObject, value)
    }
}
