//! Finished generators and coroutines that died in compiled code, kept to be used again: making and ending one is most of
//! what a short coroutine costs.

use crate::layout::{Code, Generator, frame_state};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Generators whose frames have as many slots as this or more are not kept.
const SLOT_LIMIT: usize = 48;
/// Generators kept of one size.
const LIMIT: u32 = 64;

#[derive(Clone, Copy)]
struct Shelf {
    /// Linked through the word where their name was.
    head: *mut Generator,
    count: u32,
}

/// By number of slots; the GIL guards it.
static mut SHELVES: [Shelf; SLOT_LIMIT] = [Shelf {
    head: null_mut(),
    count: 0,
}; SLOT_LIMIT];

/// Memory for a generator whose frame has this many slots, or NULL. It counts as no object.
///
/// # Safety
/// The GIL is held.
#[inline]
pub(super) unsafe fn take(slots: usize) -> *mut Generator {
    // SAFETY: what lies on a shelf is dead and ours.
    unsafe {
        if slots >= SLOT_LIMIT {
            return null_mut();
        }
        let shelf = (&raw mut SHELVES).cast::<Shelf>().add(slots);
        let generator = (*shelf).head;
        if !generator.is_null() {
            (*shelf).head = (*generator).name.cast();
            (*shelf).count -= 1;
        }
        generator
    }
}

/// Ends an object whose reference count has become zero, if it is a generator or coroutine that has finished and about
/// whose end there is nothing to tell anybody. `false` where it is for its type to end it.
///
/// # Safety
/// The GIL is held; nobody else knows the object any more.
#[inline]
pub unsafe fn recycle(object: *mut PyObject) -> bool {
    // SAFETY: see the contract; the types are exact.
    unsafe {
        let ty = Py_TYPE(object);
        if ty != &raw mut PyCoro_Type && ty != &raw mut PyGen_Type {
            return false;
        }
        let generator = object.cast::<Generator>();
        if (*generator).frame_state != frame_state::CLEARED
            || !(*generator).weakreflist.is_null()
            || (ty == &raw mut PyCoro_Type && !(*generator).origin_or_finalizer.is_null())
            || PyObject_GC_IsFinalized(object) != 0
        {
            return false;
        }
        let code = (*generator).frame.f_executable;
        let slots = ((*code.cast::<Code>()).co_nlocalsplus + (*code.cast::<Code>()).co_stacksize) as usize;
        if slots >= SLOT_LIMIT {
            return false;
        }
        let shelf = (&raw mut SHELVES).cast::<Shelf>().add(slots);
        if (*shelf).count >= LIMIT {
            return false;
        }
        PyObject_GC_UnTrack(object.cast());
        let (name, qualname) = ((*generator).name, (*generator).qualname);
        (*generator).name = (*shelf).head.cast();
        (*shelf).head = generator;
        (*shelf).count += 1;
        // Last, since a dying code object may run its weak references' callbacks.
        Py_DECREF(name);
        Py_DECREF(qualname);
        Py_DECREF(code);
        true
    }
}
