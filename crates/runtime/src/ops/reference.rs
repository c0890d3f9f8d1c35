//! Owned references and errors, so that the functions of this module can leave early without leaking.

use pyo3_ffi::*;
use std::ffi::CStr;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

/// A Python exception is set in the current thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised;

/// A result whose error is an exception set in the current thread.
pub type PyResult<T> = Result<T, Raised>;

/// A reference that is given back when the value goes out of scope. Its maker vouches that the GIL is held then.
#[derive(Debug)]
pub struct Owned(NonNull<PyObject>);

impl Owned {
    /// A new reference to `object`, to keep a borrowed argument alive while Python code may run.
    ///
    /// # Safety
    /// The GIL is held for the value's lifetime; `object` is live.
    #[inline]
    pub unsafe fn new_ref(object: *mut PyObject) -> Owned {
        // SAFETY: the object is live, hence not NULL.
        unsafe {
            Py_INCREF(object);
            Owned(NonNull::new_unchecked(object))
        }
    }

    /// Takes over the reference that a C function gave back; NULL means that it set an exception.
    ///
    /// # Safety
    /// The GIL is held for the value's lifetime; a non-NULL `object` is a reference that the caller owns.
    #[inline]
    pub unsafe fn from_result(object: *mut PyObject) -> PyResult<Owned> {
        NonNull::new(object).map(Owned).ok_or(Raised)
    }

    /// Takes over a reference that may be NULL without an exception.
    ///
    /// # Safety
    /// As for [`Owned::from_result`].
    #[inline]
    pub unsafe fn from_nullable(object: *mut PyObject) -> Option<Owned> {
        NonNull::new(object).map(Owned)
    }

    /// The object, borrowed.
    #[inline]
    pub fn as_ptr(&self) -> *mut PyObject {
        self.0.as_ptr()
    }

    /// Hands the reference on.
    #[inline]
    pub fn into_ptr(self) -> *mut PyObject {
        let object = self.0.as_ptr();
        std::mem::forget(self);
        object
    }
}

impl Drop for Owned {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the value owns one reference, and its maker vouched for the GIL.
        unsafe { Py_DECREF(self.0.as_ptr()) }
    }
}

/// What a C function's status means: negative is an exception.
#[inline]
pub fn check(status: i32) -> PyResult<i32> {
    if status < 0 { Err(Raised) } else { Ok(status) }
}

/// As the C convention has it: a new reference, or NULL with an exception set.
#[inline]
pub fn to_object(result: PyResult<Owned>) -> *mut PyObject {
    result.map_or(ptr::null_mut(), Owned::into_ptr)
}

/// As the C convention has it: 0, or -1 with an exception set.
#[inline]
pub fn to_status(result: PyResult<()>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(Raised) => -1,
    }
}

/// `PyObject_GetOptionalAttr` with its three outcomes as a type.
///
/// # Safety
/// The GIL is held, and both objects are live.
pub unsafe fn optional_attribute(object: *mut PyObject, name: *mut PyObject) -> PyResult<Option<Owned>> {
    let mut value = ptr::null_mut();
    // SAFETY: live objects; `value` receives a new reference or NULL.
    unsafe {
        check(PyObject_GetOptionalAttr(object, name, &mut value))?;
        Ok(Owned::from_nullable(value))
    }
}

/// `PyMapping_GetOptionalItem` with its three outcomes as a type; for an exact dict it is the dict's own look-up.
///
/// # Safety
/// The GIL is held, and both objects are live.
pub unsafe fn optional_item(mapping: *mut PyObject, key: *mut PyObject) -> PyResult<Option<Owned>> {
    let mut value = ptr::null_mut();
    // SAFETY: live objects; `value` receives a new reference or NULL.
    unsafe {
        check(PyMapping_GetOptionalItem(mapping, key, &mut value))?;
        Ok(Owned::from_nullable(value))
    }
}

/// An interned string that lives as long as the process, made when first asked for.
pub struct Interned {
    text: &'static CStr,
    object: AtomicPtr<PyObject>,
}

impl Interned {
    pub const fn new(text: &'static CStr) -> Interned {
        Interned {
            text,
            object: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The string, borrowed. Ends the process where there is no memory for a name, as CPython does at start-up.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn get(&self) -> *mut PyObject {
        let known = self.object.load(Ordering::Acquire);
        if !known.is_null() {
            return known;
        }
        // SAFETY: the text ends in NUL; the reference is kept for good.
        let made = unsafe { PyUnicode_InternFromString(self.text.as_ptr()) };
        if made.is_null() {
            // SAFETY: a fatal error may be reported at any time; it does not return.
            unsafe { Py_FatalError(c"justjit: no memory for an interned name".as_ptr()) }
        }
        self.object.store(made, Ordering::Release);
        made
    }
}

/// The interned string of a literal: `interned!(c"__name__")`, borrowed.
macro_rules! interned {
    ($text:literal) => {{
        static NAME: $crate::ops::reference::Interned = $crate::ops::reference::Interned::new($text);
        NAME.get()
    }};
}

/// Sets an exception by `PyErr_Format` and is the [`Raised`] to return.
macro_rules! raise {
    ($exception:expr, $format:literal $(, $argument:expr)* $(,)?) => {{
        ::pyo3_ffi::PyErr_Format($exception, $format.as_ptr() $(, $argument)*);
        $crate::ops::reference::Raised
    }};
}

pub(crate) use {interned, raise};

/// The name of an object's type, for error messages.
///
/// # Safety
/// `object` is live.
#[inline]
pub unsafe fn type_name(object: *mut PyObject) -> *const std::ffi::c_char {
    // SAFETY: a live object has a type, and a type has a name.
    unsafe { (*Py_TYPE(object)).tp_name }
}

/// Whether iteration over the object cannot work: it has neither `__iter__` nor `__getitem__`.
///
/// # Safety
/// The GIL is held, and `object` is live.
pub unsafe fn is_not_iterable(object: *mut PyObject) -> bool {
    // SAFETY: live object.
    unsafe { (*Py_TYPE(object)).tp_iter.is_none() && PySequence_Check(object) == 0 }
}
