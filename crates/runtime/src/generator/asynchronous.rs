//! The awaitables through which asynchronous generators are resumed: what `__anext__` and `asend` give.

use super::slots::{method, send_by_method};
use super::{Sent, entrance, set_stop_iteration};
use crate::api;
use crate::layout::{AsyncSend, AsyncWrappedValue, Frame, Generator, awaitable_state, frame_state};
use crate::ops::reference::{Owned, PyResult, Raised};
use crate::runtime_fns;
use crate::thread::{self, Thread};
use pyo3_ffi::*;
use std::ptr::null_mut;

type Method = unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;

/// The types, which have no public name, and the interpreter's own slots.
struct Known {
    send_type: *mut PyTypeObject,
    wrapped_type: *mut PyTypeObject,
    iternext: Option<iternextfunc>,
    send: Option<Method>,
}

static mut KNOWN: Known = Known {
    send_type: null_mut(),
    wrapped_type: null_mut(),
    iternext: None,
    send: None,
};

const SOURCE: &std::ffi::CStr = c"
async def asynchronous():
    yield
generator = asynchronous()
marker = object()
awaitable = generator.asend(marker)
";

/// Finds the types, proves the layouts on them, and puts our slots in the place of the interpreter's.
///
/// # Safety
/// The GIL is held; called once.
pub(super) unsafe fn initialize() -> PyResult<()> {
    // SAFETY: reads of fields inside live objects; the types are static objects whose slots are writable data.
    unsafe {
        let namespace = Owned::from_result(PyDict_New())?;
        drop(Owned::from_result(PyRun_String(
            SOURCE.as_ptr(),
            Py_file_input,
            namespace.as_ptr(),
            namespace.as_ptr(),
        ))?);
        let get = |name: &std::ffi::CStr| PyDict_GetItemString(namespace.as_ptr(), name.as_ptr());
        let awaitable = get(c"awaitable").cast::<AsyncSend>();
        let fresh = (*awaitable).generator.cast() == get(c"generator")
            && (*awaitable).value == get(c"marker")
            && (*awaitable).state == awaitable_state::INIT;
        drop(Owned::from_result(PyObject_CallMethod(
            awaitable.cast(),
            c"close".as_ptr(),
            std::ptr::null(),
        ))?);
        let wrapped = Owned::from_result(crate::ops::intrinsics::wrap_by_interpreter(get(c"marker")))?;
        let holds = (*wrapped.as_ptr().cast::<AsyncWrappedValue>()).value == get(c"marker");
        if !fresh || !holds || (*awaitable).state != awaitable_state::CLOSED {
            PyErr_SetString(
                PyExc_SystemError,
                c"this interpreter lays out asynchronous generators otherwise".as_ptr(),
            );
            return Err(Raised);
        }
        let ty = Py_TYPE(awaitable.cast());
        let definition = method(ty, c"send")?;
        let known = &raw mut KNOWN;
        (*known).send_type = ty;
        (*known).wrapped_type = Py_TYPE(wrapped.as_ptr());
        (*known).iternext = (*ty).tp_iternext;
        (*known).send = Some((*definition).ml_meth.PyCFunction);
        (*ty).tp_iternext = Some(iternext);
        (*definition).ml_meth.PyCFunction = send;
        Ok(())
    }
}

/// Whether an object is what `__anext__` or `asend` gave.
///
/// # Safety
/// A live object.
#[inline]
pub unsafe fn is_async_send(object: *mut PyObject) -> bool {
    // SAFETY: written once, at import.
    unsafe { Py_TYPE(object) == KNOWN.send_type }
}

/// A value on its way out of an asynchronous generator's `yield` (borrowed), wrapped.
///
/// # Safety
/// The GIL is held; a live value.
pub unsafe fn wrap(value: *mut PyObject) -> *mut PyObject {
    // SAFETY: the type has been proved to have the field.
    unsafe {
        let wrapped = PyType_GenericAlloc(KNOWN.wrapped_type, 0);
        if !wrapped.is_null() {
            (*wrapped.cast::<AsyncWrappedValue>()).value = Py_NewRef(value);
        }
        wrapped
    }
}

/// What [`Thread::unwrapped`] is once the generator has left its value unwrapped.
fn taken(generator: *mut Generator) -> usize {
    generator as usize | 1
}

runtime_fns! {
    /// `ASYNC_GEN_WRAP` (borrowed) right before a `yield`: the value as it is where who resumed the running generator has said
    /// that it need not be wrapped.
    WRAP_YIELDED = fn wrap_yielded(thread: *mut Thread, frame: *mut Frame, value: *mut PyObject) -> *mut PyObject {
        let generator = Generator::of(frame);
        if (*thread).unwrapped == generator as usize {
            (*thread).unwrapped = taken(generator);
            return Py_NewRef(value);
        }
        wrap(value)
    }
}

/// Resumes an asynchronous generator; `value` (borrowed) is what is sent, NULL for nothing. It gives what it yields as
/// [`Sent::Returned`], and as [`Sent::Yielded`] what those yield that it awaits.
///
/// # Safety
/// The GIL is held; a live asynchronous generator that does not run.
unsafe fn advance(thread: *mut Thread, generator: *mut Generator, value: *mut PyObject) -> Sent {
    // SAFETY: see the contract; who calls holds the generator.
    unsafe {
        (*generator).running_async = 1;
        let before = std::mem::replace(&mut (*thread).unwrapped, generator as usize);
        let result = send_by_method(thread, generator, value);
        let is_unwrapped = std::mem::replace(&mut (*thread).unwrapped, before) == taken(generator);
        if result.is_null() {
            if PyErr_Occurred().is_null() {
                // It had ended before.
                PyErr_SetNone(PyExc_StopAsyncIteration);
            }
            let ends = [PyExc_StopAsyncIteration, PyExc_GeneratorExit];
            if ends.into_iter().any(|end| PyErr_ExceptionMatches(end) != 0) {
                (*generator).closed = 1;
            }
            (*generator).running_async = 0;
            return Sent::Raised;
        }
        let value = if is_unwrapped {
            result
        } else if Py_TYPE(result) == KNOWN.wrapped_type {
            let value = Py_NewRef((*result.cast::<AsyncWrappedValue>()).value);
            Py_DECREF(result);
            value
        } else {
            return Sent::Yielded(result);
        };
        (*generator).running_async = 0;
        Sent::Returned(value)
    }
}

/// Sends a value (borrowed; NULL for nothing) to what `__anext__` or `asend` gave. `None` where the interpreter has to say
/// what is wrong.
///
/// # Safety
/// The GIL is held; an awaitable of the type.
pub unsafe fn send_to(thread: *mut Thread, awaitable: *mut PyObject, value: *mut PyObject) -> Option<Sent> {
    // SAFETY: see the contract; the awaitable holds the generator.
    unsafe {
        let awaitable = awaitable.cast::<AsyncSend>();
        let generator = (*awaitable).generator;
        let mut value = value;
        match (*awaitable).state {
            awaitable_state::INIT if (*generator).running_async == 0 => {
                if value.is_null() || value == Py_None() {
                    value = (*awaitable).value;
                }
                (*awaitable).state = awaitable_state::ITER;
            }
            awaitable_state::ITER => {}
            _ => return None,
        }
        let sent = advance(thread, generator, value);
        if !matches!(sent, Sent::Yielded(_)) {
            (*awaitable).state = awaitable_state::CLOSED;
        }
        Some(sent)
    }
}

/// As [`send_to`], for who may come from another interpreter; `None` as well where compiled code does not resume the
/// generator.
unsafe fn send_from_outside(awaitable: *mut PyObject, value: *mut PyObject) -> Option<Sent> {
    // SAFETY: an awaitable of the type; only the main interpreter's generators have an entrance.
    unsafe {
        let generator = (*awaitable.cast::<AsyncSend>()).generator;
        if entrance(generator, null_mut()).is_null() {
            return None;
        }
        send_to(thread::current(), awaitable, value)
    }
}

/// Whether `async for` over this object may do without the awaitable of `__anext__` for the next item.
///
/// # Safety
/// The GIL is held; a live object.
#[inline]
pub unsafe fn stands_for_its_next(object: *mut PyObject) -> bool {
    // SAFETY: see the contract.
    unsafe {
        if Py_TYPE(object) != &raw mut api::PyAsyncGen_Type {
            return false;
        }
        let generator = object.cast::<Generator>();
        (*generator).hooks_inited != 0
            && (*generator).running_async == 0
            && (*generator).frame_state < frame_state::EXECUTING
    }
}

/// Sends None to an asynchronous generator that stands in the frame's `slot` for the awaitable of its next item. Where that
/// leads to a suspension, the awaitable takes its place: the frame is then what the interpreter would have left.
///
/// # Safety
/// The GIL is held; the slot holds an owned reference to one for which [`stands_for_its_next`] was true a moment ago.
pub unsafe fn send_to_next(thread: *mut Thread, slot: *mut *mut PyObject) -> Sent {
    // SAFETY: see the contract.
    unsafe {
        let object = slot.read();
        let sent = advance(thread, object.cast(), null_mut());
        let Sent::Yielded(value) = sent else { return sent };
        let next = (*(*Py_TYPE(object)).tp_as_async).am_anext;
        let awaitable = next.map_or(null_mut(), |next| next(object));
        if awaitable.is_null() {
            Py_DECREF(value);
            return Sent::Raised;
        }
        (*awaitable.cast::<AsyncSend>()).state = awaitable_state::ITER;
        slot.write(awaitable);
        Py_DECREF(object);
        sent
    }
}

/// The result as a method gives it: a value that is yielded, or NULL with an exception.
unsafe fn as_method(sent: Sent) -> *mut PyObject {
    // SAFETY: the GIL is held.
    unsafe {
        match sent {
            Sent::Yielded(value) => value,
            Sent::Raised => null_mut(),
            Sent::Returned(value) => {
                set_stop_iteration(value);
                null_mut()
            }
        }
    }
}

unsafe extern "C" fn iternext(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: called by the interpreter as the slot.
    unsafe {
        match (send_from_outside(object, null_mut()), KNOWN.iternext) {
            (Some(sent), _) => as_method(sent),
            (None, Some(original)) => original(object),
            (None, None) => null_mut(),
        }
    }
}

unsafe extern "C" fn send(object: *mut PyObject, value: *mut PyObject) -> *mut PyObject {
    // SAFETY: called by the interpreter as the method, which has checked the type.
    unsafe {
        match (send_from_outside(object, value), KNOWN.send) {
            (Some(sent), _) => as_method(sent),
            (None, Some(original)) => original(object, value),
            (None, None) => null_mut(),
        }
    }
}
