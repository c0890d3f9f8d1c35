//! Instances that have ended, kept for the next ones of their class.
//!
//! The interpreter keeps the memory of lists, tuples, floats and dictionaries that end for the next ones. Programs of classes
//! do little but make and end instances; those of [plain](crate::ending) classes are kept here when compiled code ends
//! them, blank but for the class, as the allocator would give them.

use crate::layout::{DictValues, MANAGED_DICT_OFFSET, type_object, version_tag};
use pyo3_ffi::*;
use std::ptr::{null_mut, replace};

/// Instances that are kept of one class.
const LIMIT: u32 = 64;

/// What is known of a class, by its version tag, which is never used again.
#[derive(Clone, Copy)]
struct Class {
    tag: u32,
    /// Its instances consist of inline values only.
    plain: bool,
    count: u32,
    /// The first of those that are kept; each has the next one where its dictionary would be.
    first: *mut PyObject,
}

const NOTHING: Class = Class {
    tag: 0,
    plain: false,
    count: 0,
    first: null_mut(),
};

static mut CLASSES: [Class; 256] = [NOTHING; 256];

/// A class that instances seem to be of while they are kept: they keep theirs not alive, but somebody must say what lies before
/// them when they are freed.
static mut BLANK: *mut PyTypeObject = null_mut();

/// Sets the class (taken over) that blank instances have.
///
/// # Safety
/// The GIL is held; a class like those whose instances are kept.
pub unsafe fn initialize(blank: *mut PyTypeObject) {
    // SAFETY: only with the GIL held, as everywhere here.
    unsafe { BLANK = blank };
}

unsafe fn next(object: *mut PyObject) -> *mut *mut PyObject {
    // SAFETY: the caller's object has that field before it.
    unsafe { object.cast::<u8>().offset(MANAGED_DICT_OFFSET).cast() }
}

/// What is known of a class; NULL if it has no version.
#[inline]
unsafe fn class_of(ty: *mut PyTypeObject) -> *mut Class {
    // SAFETY: a live type; the GIL is held.
    unsafe {
        let tag = version_tag(ty);
        if tag == 0 {
            return null_mut();
        }
        let class = (&raw mut CLASSES).cast::<Class>().add(tag as usize % 256);
        if (*class).tag != tag {
            look_at(ty, class);
        }
        class
    }
}

#[cold]
unsafe fn look_at(ty: *mut PyTypeObject, class: *mut Class) {
    // SAFETY: as for `class_of`; what is kept is blank, and nobody else's.
    unsafe {
        let looked = Class {
            tag: version_tag(ty),
            plain: looks_plain(ty),
            ..NOTHING
        };
        let mut spare = replace(class, looked).first;
        while !spare.is_null() {
            let following = next(spare).replace(null_mut());
            PyObject_GC_Del(spare.cast());
            spare = following;
        }
    }
}

unsafe fn looks_plain(ty: *mut PyTypeObject) -> bool {
    // SAFETY: a live type.
    unsafe {
        let basic: isize = ty.cast::<u8>().add(type_object::TP_BASICSIZE).cast::<isize>().read();
        let freed = (*ty).tp_free.map_or(0, |function| function as usize);
        let allocated = (*ty).tp_alloc.map_or(0, |function| function as usize);
        basic as usize == size_of::<PyObject>()
            && crate::attributes::has_inline_values(ty)
            && freed == PyObject_GC_Del as *const () as usize
            && allocated == PyType_GenericAlloc as *const () as usize
            && crate::ending::is_plain_class(ty)
    }
}

/// Whether ending an instance of the class is to give up its inline values and its memory, where it has no dictionary and
/// nobody has a weak reference to it.
///
/// # Safety
/// The GIL is held; a live type.
#[inline]
pub unsafe fn has_plain_instances(ty: *mut PyTypeObject) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let class = class_of(ty);
        !class.is_null() && (*class).plain
    }
}

/// A new instance of a class, not initialized; NULL, with an exception, when there is no memory.
///
/// # Safety
/// The GIL is held; a live class that allocates its instances by `tp_alloc`, without items.
#[inline]
pub unsafe fn allocate(ty: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: see the contract. What is kept is blank.
    unsafe {
        let class = class_of(ty);
        if class.is_null() || (*class).first.is_null() {
            return match (*ty).tp_alloc {
                Some(allocate) => allocate(ty, 0),
                None => PyType_GenericAlloc(ty, 0),
            };
        }
        let instance = (*class).first;
        (*class).first = next(instance).replace(null_mut());
        (*class).count -= 1;
        Py_INCREF(ty.cast());
        (*instance.cast::<Header>()).count = 1;
        (*instance.cast::<Header>()).ty = ty;
        PyObject_GC_Track(instance.cast());
        instance
    }
}

/// What every object begins with.
#[repr(C)]
struct Header {
    count: isize,
    ty: *mut PyTypeObject,
}

/// Takes an instance of a class with [plain instances](has_plain_instances) whose values are NULL again and that nobody tracks
/// any more: it is kept or freed. Its reference to the class is given up.
///
/// # Safety
/// The GIL is held; nobody has the object; it has neither a dictionary nor weak references.
#[inline]
pub unsafe fn give_back(object: *mut PyObject) {
    // SAFETY: see the contract.
    unsafe {
        let ty = Py_TYPE(object);
        let class = class_of(ty);
        if class.is_null() || (*class).count >= LIMIT {
            PyObject_GC_Del(object.cast());
        } else {
            let values = object.cast::<u8>().add(size_of::<PyObject>()).cast::<DictValues>();
            (*values).size = 0;
            (*object.cast::<Header>()).ty = BLANK;
            next(object).write((*class).first);
            (*class).first = object;
            (*class).count += 1;
        }
        Py_DECREF(ty.cast());
    }
}
