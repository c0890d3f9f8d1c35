//! `await`, `yield from` and `async for`: the instructions around a generator that waits for another.

use super::reference::{Owned, PyResult, interned, raise, to_object, type_name};
use crate::api;
use crate::generator::{Sent, asynchronous, slots};
use crate::iteration::iterator_of;
use crate::layout::{Code, Frame, Generator, frame_state};
use crate::runtime_fns;
use crate::safepoint;
use crate::thread::Thread;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// What [`send`] tells.
pub mod sent {
    pub const RAISED: i32 = -1;
    pub const RETURNED: i32 = 0;
    pub const YIELDED: i32 = 1;
    /// Added where somebody has begun to watch meanwhile: the interpreter has to go on.
    pub const WATCHED: i32 = 2;
}

/// A coroutine, or a generator that `types.coroutine` has made one.
unsafe fn is_coroutine(object: *mut PyObject) -> bool {
    // SAFETY: a live object; a generator's frame holds its code object.
    unsafe {
        if Py_TYPE(object) == &raw mut PyCoro_Type {
            return true;
        }
        let code = |object: *mut PyObject| (*object.cast::<Generator>()).frame.f_executable.cast::<Code>();
        Py_TYPE(object) == &raw mut PyGen_Type && (*code(object)).co_flags & CO_ITERABLE_COROUTINE != 0
    }
}

/// What `await` iterates over (CPython's `_PyCoro_GetAwaitableIter`).
unsafe fn awaitable_iterator(object: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: live objects; the GIL is held.
    unsafe {
        if is_coroutine(object) {
            return Ok(Owned::new_ref(object));
        }
        let methods = (*Py_TYPE(object)).tp_as_async;
        let Some(getter) = methods.as_ref().and_then(|methods| methods.am_await) else {
            return Err(raise!(
                PyExc_TypeError,
                c"object %.100s can't be used in 'await' expression",
                type_name(object)
            ));
        };
        let result = Owned::from_result(getter(object))?;
        if is_coroutine(result.as_ptr()) {
            return Err(raise!(PyExc_TypeError, c"__await__() returned a coroutine"));
        }
        if PyIter_Check(result.as_ptr()) == 0 {
            return Err(raise!(
                PyExc_TypeError,
                c"__await__() returned non-iterator of type '%.100s'",
                type_name(result.as_ptr())
            ));
        }
        Ok(result)
    }
}

/// The iterator of `GET_AWAITABLE`, whose argument says where the awaitable came from.
unsafe fn get_awaitable_iterator(object: *mut PyObject, from: i32) -> PyResult<Owned> {
    // SAFETY: live objects; the GIL is held.
    unsafe {
        let iterator = awaitable_iterator(object).inspect_err(|_| {
            let methods = (*Py_TYPE(object)).tp_as_async;
            if methods.as_ref().and_then(|methods| methods.am_await).is_some() {
                return;
            }
            match from {
                1 => {
                    _ = raise!(
                        PyExc_TypeError,
                        c"'async with' received an object from __aenter__ that does not implement __await__: %.100s",
                        type_name(object)
                    )
                }
                2 => {
                    _ = raise!(
                        PyExc_TypeError,
                        c"'async with' received an object from __aexit__ that does not implement __await__: %.100s",
                        type_name(object)
                    )
                }
                _ => {}
            }
        })?;
        let waits = |object: *mut PyObject| (*object.cast::<Generator>()).frame_state;
        if Py_TYPE(iterator.as_ptr()) == &raw mut PyCoro_Type
            && waits(iterator.as_ptr()) == frame_state::SUSPENDED_YIELD_FROM
        {
            return Err(raise!(PyExc_RuntimeError, c"coroutine is being awaited already"));
        }
        Ok(iterator)
    }
}

/// The exception that is set becomes the cause and context of a TypeError that `raise` sets
/// (CPython's `_PyErr_FormatFromCause`).
unsafe fn chain(raise: impl FnOnce()) {
    // SAFETY: an exception is set; the GIL is held.
    unsafe {
        let cause = api::PyErr_GetRaisedException();
        raise();
        let error = api::PyErr_GetRaisedException();
        PyException_SetCause(error, Py_NewRef(cause));
        PyException_SetContext(error, cause);
        api::PyErr_SetRaisedException(error);
    }
}

unsafe fn asynchronous_iterator(object: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: live objects; the GIL is held.
    unsafe {
        let methods = (*Py_TYPE(object)).tp_as_async;
        let Some(getter) = methods.as_ref().and_then(|methods| methods.am_aiter) else {
            return Err(raise!(
                PyExc_TypeError,
                c"'async for' requires an object with __aiter__ method, got %.100s",
                type_name(object)
            ));
        };
        let iterator = Owned::from_result(getter(object))?;
        let methods = (*Py_TYPE(iterator.as_ptr())).tp_as_async;
        if methods.as_ref().and_then(|methods| methods.am_anext).is_none() {
            return Err(raise!(
                PyExc_TypeError,
                c"'async for' received an object from __aiter__ that does not implement __anext__: %.100s",
                type_name(iterator.as_ptr())
            ));
        }
        Ok(iterator)
    }
}

unsafe fn next_awaitable(iterator: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: live objects; the GIL is held.
    unsafe {
        let ty = Py_TYPE(iterator);
        let Some(getter) = (*ty).tp_as_async.as_ref().and_then(|methods| methods.am_anext) else {
            return Err(raise!(
                PyExc_TypeError,
                c"'async for' requires an iterator with __anext__ method, got %.100s",
                (*ty).tp_name
            ));
        };
        let awaitable = Owned::from_result(getter(iterator))?;
        if ty == &raw mut api::PyAsyncGen_Type {
            return Ok(awaitable);
        }
        awaitable_iterator(awaitable.as_ptr()).inspect_err(|_| {
            chain(|| {
                _ = raise!(
                    PyExc_TypeError,
                    c"'async for' received an invalid object from __anext__: %.100s",
                    type_name(awaitable.as_ptr())
                );
            });
        })
    }
}

unsafe fn delegate(thread: *mut Thread, iterable: *mut PyObject, frame: *mut Frame) -> PyResult<Owned> {
    // SAFETY: live objects; the frame holds its code object.
    unsafe {
        if Py_TYPE(iterable) == &raw mut PyCoro_Type {
            let flags = (*(*frame).f_executable.cast::<Code>()).co_flags;
            if flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE) == 0 {
                return Err(raise!(
                    PyExc_TypeError,
                    c"cannot 'yield from' a coroutine object in a non-coroutine generator"
                ));
            }
            return Ok(Owned::new_ref(iterable));
        }
        if Py_TYPE(iterable) == &raw mut PyGen_Type {
            return Ok(Owned::new_ref(iterable));
        }
        Owned::from_result(iterator_of(thread, iterable))
    }
}

/// The value of the StopIteration that is set, or None where no exception is; other exceptions stay.
unsafe fn stop_iteration_value() -> PyResult<*mut PyObject> {
    // SAFETY: the GIL is held; a StopIteration has a value.
    unsafe {
        if PyErr_Occurred().is_null() {
            return Ok(Py_NewRef(Py_None()));
        }
        if PyErr_ExceptionMatches(PyExc_StopIteration) == 0 {
            return Err(super::reference::Raised);
        }
        let exception = Owned::from_result(api::PyErr_GetRaisedException())?;
        Ok(Py_NewRef((*exception.as_ptr().cast::<PyStopIterationObject>()).value))
    }
}

/// Sends to what lies in the slot of the operand stack.
unsafe fn send_to(thread: *mut Thread, slot: *mut *mut PyObject, value: *mut PyObject) -> Sent {
    // SAFETY: live objects; the GIL is held.
    unsafe {
        let receiver = slot.read();
        let ty = Py_TYPE(receiver);
        if ty == &raw mut PyCoro_Type || ty == &raw mut PyGen_Type {
            return slots::send_to(thread, receiver, value);
        }
        if ty == &raw mut api::PyAsyncGen_Type {
            return asynchronous::send_to_next(thread, slot);
        }
        if asynchronous::is_async_send(receiver)
            && let Some(sent) = asynchronous::send_to(thread, receiver, value)
        {
            return sent;
        }
        let yielded = match (*ty).tp_iternext {
            Some(next) if value == Py_None() && PyIter_Check(receiver) != 0 => next(receiver),
            _ => PyObject_CallMethodOneArg(receiver, interned!(c"send"), value),
        };
        if !yielded.is_null() {
            return Sent::Yielded(yielded);
        }
        stop_iteration_value().map_or(Sent::Raised, Sent::Returned)
    }
}

runtime_fns! {
    /// `SEND`: sends `value` (borrowed) to what lies in the frame's slot before `out`, and stores what it yields or returns (a
    /// new reference) in `out`; one of [`sent`].
    SEND = fn send(thread: *mut Thread, value: *mut PyObject, out: *mut *mut PyObject) -> i32 {
        let (value, status) = match send_to(thread, out.sub(1), value) {
            Sent::Yielded(value) => (value, sent::YIELDED),
            Sent::Returned(value) => (value, sent::RETURNED),
            Sent::Raised => return sent::RAISED,
        };
        out.write(value);
        if safepoint::is_watched(thread) { status + sent::WATCHED } else { status }
    }

    /// `GET_AWAITABLE` (borrowed); `from` is the instruction's argument.
    GET_AWAITABLE = fn get_awaitable(object: *mut PyObject, from: i32) -> *mut PyObject {
        let _object = Owned::new_ref(object);
        to_object(get_awaitable_iterator(object, from))
    }

    /// `GET_AITER` (borrowed).
    GET_AITER = fn get_aiter(object: *mut PyObject) -> *mut PyObject {
        let _object = Owned::new_ref(object);
        to_object(asynchronous_iterator(object))
    }

    /// `GET_ANEXT`: the awaitable of the iterator's (borrowed) next item.
    GET_ANEXT = fn get_anext(iterator: *mut PyObject) -> *mut PyObject {
        to_object(next_awaitable(iterator))
    }

    /// `GET_ANEXT` where a `SEND` of None follows at once: an asynchronous generator may stand for the awaitable.
    GET_ANEXT_TO_SEND = fn get_anext_to_send(iterator: *mut PyObject) -> *mut PyObject {
        if asynchronous::stands_for_its_next(iterator) {
            return Py_NewRef(iterator);
        }
        to_object(next_awaitable(iterator))
    }

    /// `GET_YIELD_FROM_ITER` (borrowed).
    GET_YIELD_FROM_ITER = fn get_yield_from_iter(thread: *mut Thread, iterable: *mut PyObject, frame: *mut Frame) -> *mut PyObject {
        let _iterable = Owned::new_ref(iterable);
        to_object(delegate(thread, iterable, frame))
    }

    /// `END_ASYNC_FOR`: 1 where `exception` (borrowed) ends the loop, 0 where it has been set again.
    END_ASYNC_FOR = fn end_async_for(exception: *mut PyObject) -> i32 {
        if PyErr_GivenExceptionMatches(exception, PyExc_StopAsyncIteration) != 0 {
            return 1;
        }
        api::PyErr_SetRaisedException(Py_NewRef(exception));
        0
    }

    /// `CLEANUP_THROW`: what a StopIteration (borrowed) carries; NULL where another exception has been set again.
    CLEANUP_THROW = fn cleanup_throw(exception: *mut PyObject) -> *mut PyObject {
        if PyErr_GivenExceptionMatches(exception, PyExc_StopIteration) != 0 {
            return Py_NewRef((*exception.cast::<PyStopIterationObject>()).value);
        }
        api::PyErr_SetRaisedException(Py_NewRef(exception));
        null_mut()
    }
}
