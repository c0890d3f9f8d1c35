//! Bets on classes: that they stay what they are, and that their instances stay theirs.
//!
//! A type watcher tells when a class or one of its bases is modified. That an instance gets another `__class__` no watcher
//! tells; all ways to it end in one setter of `object`, which is replaced by one that tells.

use crate::api;
use crate::bets;
use crate::ops::reference::{PyResult, Raised};
use crate::version::Version;
use pyo3_ffi::*;
use rustc_hash::FxHashMap;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::null_mut;

/// Losses after which nothing is bet on a class any more.
const LOSS_LIMIT: u32 = 3;

static mut WATCHER: c_int = -1;
/// `object`'s own setter of `__class__`.
static mut SET_CLASS: Option<setter> = None;
/// The classes that were bet on, with weak references: nobody tells of a class's end.
static mut KNOWN: Option<FxHashMap<usize, *mut PyObject>> = None;

/// What stands for a class whose instances keep it: no object lies at that address.
fn identity(ty: *mut PyTypeObject) -> *const () {
    ty.cast::<u8>().wrapping_add(1).cast_const().cast()
}

unsafe extern "C" fn on_event(ty: *mut PyTypeObject) -> c_int {
    // SAFETY: called with the GIL held.
    unsafe { bets::fire(ty.cast_const().cast()) };
    0
}

unsafe extern "C" fn set_class(object: *mut PyObject, value: *mut PyObject, closure: *mut c_void) -> c_int {
    // SAFETY: called as the setter that it stands for, with the GIL held.
    unsafe {
        bets::fire(identity(Py_TYPE(object)));
        SET_CLASS.expect("set at import")(object, value, closure)
    }
}

/// Registers the watcher, and replaces the setter.
///
/// # Errors
/// With a Python exception set when the interpreter has no watcher left.
///
/// # Safety
/// The GIL is held; called once.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: the callback has the type that the interpreter expects and lives for ever; the table of `object`'s attributes
    // ends with an entry without a name.
    unsafe {
        WATCHER = api::PyType_AddWatcher(on_event);
        if WATCHER < 0 {
            return Err(Raised);
        }
        let mut entry = PyBaseObject_Type.tp_getset;
        while !entry.is_null() && !(*entry).name.is_null() {
            if CStr::from_ptr((*entry).name) == c"__class__" && (*entry).set.is_some() {
                SET_CLASS = (*entry).set;
                (*entry).set = Some(set_class);
            }
            entry = entry.add(1);
        }
        Ok(())
    }
}

/// Forgets the losses of a class that lay at this one's address before.
///
/// # Safety
/// The GIL is held; a live class.
#[allow(static_mut_refs, reason = "guarded by the GIL; no reference outlives a call")]
unsafe fn know(ty: *mut PyTypeObject) {
    // SAFETY: see the contract. The list of its base's subclasses has a weak reference to each class, which is this one.
    unsafe {
        let known = KNOWN.get_or_insert_with(FxHashMap::default);
        let weak = known.entry(ty as usize).or_insert(null_mut());
        if !weak.is_null() {
            let mut object = null_mut();
            if PyWeakref_GetRef(*weak, &mut object) > 0 {
                Py_DECREF(object);
                return;
            }
            Py_DECREF(*weak);
        }
        *weak = PyWeakref_NewRef(ty.cast(), null_mut());
        if weak.is_null() {
            PyErr_Clear();
        }
        bets::ended(ty.cast_const().cast());
        bets::ended(identity(ty));
    }
}

/// The version is told when the class is modified; `false` if that cannot be, or has happened too often.
///
/// # Safety
/// The GIL is held; a live type and a live version.
pub unsafe fn bet_on_class(ty: *mut PyTypeObject, version: *mut Version) -> bool {
    // SAFETY: see the contract.
    unsafe {
        if PyType_GetFlags(ty) & Py_TPFLAGS_IMMUTABLETYPE != 0 {
            return true;
        }
        know(ty);
        let subject = ty.cast_const().cast();
        if bets::losses(subject) >= LOSS_LIMIT || api::PyUnstable_Type_AssignVersionTag(ty) == 0 {
            return false;
        }
        if api::PyType_Watch(WATCHER, ty.cast()) < 0 {
            PyErr_Clear();
            return false;
        }
        bets::bet(subject, version);
        true
    }
}

/// The version is told when an instance of the class gets another class; `false` if that cannot be, or has happened too
/// often.
///
/// # Safety
/// The GIL is held; a live type and a live version.
pub unsafe fn bet_on_instances(ty: *mut PyTypeObject, version: *mut Version) -> bool {
    // SAFETY: see the contract; written once, at import.
    unsafe {
        if PyType_GetFlags(ty) & Py_TPFLAGS_IMMUTABLETYPE != 0 {
            return true;
        }
        know(ty);
        if (&raw const SET_CLASS).read().is_none() || bets::losses(identity(ty)) >= LOSS_LIMIT {
            return false;
        }
        bets::bet(identity(ty), version);
        true
    }
}

/// Classes of a family, at most.
const FAMILY_LIMIT: usize = 64;

/// A class, its bases, and what derives from any of them (other than `object`): borrowed.
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn family(ty: *mut PyTypeObject) -> Vec<*mut PyTypeObject> {
    let mut found: Vec<*mut PyTypeObject> = vec![ty];
    // SAFETY: a class is alive as long as what derives from it, and those that are found are in lists of live classes; nothing
    // of the program runs meanwhile, since the metaclass is `type`.
    unsafe {
        let mut at = 0;
        while at < found.len() && found.len() < FAMILY_LIMIT {
            let class = found[at];
            at += 1;
            let base = (*class).tp_base;
            if !base.is_null() && base != &raw mut PyBaseObject_Type && !found.contains(&base) {
                found.push(base);
            }
            let heap = PyType_GetFlags(class) & Py_TPFLAGS_HEAPTYPE != 0;
            if !heap || Py_TYPE(class.cast()) != &raw mut PyType_Type {
                continue;
            }
            let name = PyUnicode_InternFromString(c"__subclasses__".as_ptr());
            let derived = PyObject_CallMethodNoArgs(class.cast(), name);
            Py_XDECREF(name);
            if derived.is_null() {
                PyErr_Clear();
                continue;
            }
            for index in 0..PyList_GET_SIZE(derived) {
                let one = PyList_GET_ITEM(derived, index).cast::<PyTypeObject>();
                if !found.contains(&one) {
                    found.push(one);
                }
            }
            Py_DECREF(derived);
        }
    }
    found
}
