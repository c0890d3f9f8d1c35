//! Raising, matching and re-raising exceptions, and the context managers of `with`.

use super::reference::{Owned, PyResult, Raised, check, interned, raise, to_object, to_status, type_name};
use crate::runtime_fns;
use crate::types::lookup_special;
use pyo3_ffi::*;
use std::ffi::CStr;
use std::ptr;

const CANNOT_CATCH: &CStr = c"catching classes that do not inherit from BaseException is not allowed";
const CANNOT_CATCH_GROUP: &CStr = c"catching ExceptionGroup with except* is not allowed. Use except instead.";

/// The first version whose `except*` gives the group that it wraps around a single exception a traceback.
const WRAPPING_HAS_TRACEBACK: std::ffi::c_ulong = 0x030d_0200;

/// Whether the object is an exception group.
///
/// # Safety
/// `object` is live.
pub(super) unsafe fn is_group(object: *mut PyObject) -> bool {
    // SAFETY: live object.
    unsafe { PyObject_TypeCheck(object, PyExc_BaseExceptionGroup.cast()) != 0 }
}

/// An instance of the exception class, which must turn out to be an exception.
///
/// # Safety
/// The GIL is held, `class` is an exception class that the caller holds.
unsafe fn instantiate(class: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: see above.
    unsafe {
        let value = Owned::from_result(PyObject_CallNoArgs(class))?;
        if PyExceptionInstance_Check(value.as_ptr()) == 0 {
            let format = c"calling %R should have returned an instance of BaseException, not %R";
            PyErr_Format(PyExc_TypeError, format.as_ptr(), class, Py_TYPE(value.as_ptr()));
            return Err(Raised);
        }
        Ok(value)
    }
}

/// `raise exception` or `raise exception from cause` (`cause` may be NULL). Always ends with an exception set.
///
/// # Safety
/// The GIL is held, the objects are live and held by the caller.
unsafe fn raise_exception(exception: *mut PyObject, cause: *mut PyObject) -> PyResult<()> {
    // SAFETY: see above.
    unsafe {
        let (class, value) = if PyExceptionClass_Check(exception) != 0 {
            (Owned::new_ref(exception), instantiate(exception)?)
        } else if PyExceptionInstance_Check(exception) != 0 {
            (
                Owned::new_ref(PyExceptionInstance_Class(exception)),
                Owned::new_ref(exception),
            )
        } else {
            return Err(raise!(PyExc_TypeError, c"exceptions must derive from BaseException"));
        };
        if !cause.is_null() {
            let cause = if PyExceptionClass_Check(cause) != 0 {
                instantiate(cause)?.into_ptr()
            } else if PyExceptionInstance_Check(cause) != 0 {
                Py_NewRef(cause)
            } else if Py_IsNone(cause) != 0 {
                ptr::null_mut()
            } else {
                return Err(raise!(
                    PyExc_TypeError,
                    c"exception causes must derive from BaseException"
                ));
            };
            PyException_SetCause(value.as_ptr(), cause);
        }
        PyErr_SetObject(class.as_ptr(), value.as_ptr());
        Ok(())
    }
}

/// Whether `predicate` holds for what follows `except`: one class, or each of a tuple.
///
/// # Safety
/// The GIL is held, `types` is live.
unsafe fn any_type(types: *mut PyObject, mut predicate: impl FnMut(*mut PyObject) -> PyResult<bool>) -> PyResult<bool> {
    // SAFETY: see above.
    unsafe {
        if PyTuple_Check(types) == 0 {
            return predicate(types);
        }
        for i in 0..PyTuple_GET_SIZE(types) {
            if predicate(PyTuple_GET_ITEM(types, i))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Fails unless all that follows `except` are exception classes.
///
/// # Safety
/// The GIL is held, `types` is live.
unsafe fn check_exception_types(types: *mut PyObject) -> PyResult<()> {
    // SAFETY: see above.
    unsafe {
        if any_type(types, |ty| Ok(PyExceptionClass_Check(ty) == 0))? {
            PyErr_SetString(PyExc_TypeError, CANNOT_CATCH.as_ptr());
            return Err(Raised);
        }
        Ok(())
    }
}

/// A group around an exception that `except*` caught outside of any group.
///
/// # Safety
/// The GIL is held, `exception` is live, the running frame is linked with its instruction pointer set.
unsafe fn wrap_naked_exception(exception: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: see above; the exception set in between is taken out again.
    unsafe {
        let exceptions = Owned::from_result(PyTuple_Pack(1, exception))?;
        let group = new_group(exceptions.as_ptr())?;
        if Py_Version >= WRAPPING_HAS_TRACEBACK
            && let Some(frame) = Owned::from_nullable(PyThreadState_GetFrame(PyThreadState_Get()).cast())
        {
            PyErr_SetRaisedException(group.into_ptr());
            check(PyTraceBack_Here(frame.as_ptr().cast()))?;
            return Owned::from_result(PyErr_GetRaisedException());
        }
        Ok(group)
    }
}

/// `BaseExceptionGroup("", exceptions)`
///
/// # Safety
/// The GIL is held, `exceptions` is a sequence.
pub(super) unsafe fn new_group(exceptions: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: see above.
    unsafe {
        let arguments = [interned!(c""), exceptions];
        Owned::from_result(PyObject_Vectorcall(
            PyExc_BaseExceptionGroup,
            arguments.as_ptr(),
            2,
            ptr::null_mut(),
        ))
    }
}

/// What an `except*` clause takes of `exception` and what it leaves, either of which may be None.
///
/// # Safety
/// As for [`wrap_naked_exception`], and `types` is live.
unsafe fn match_group(exception: *mut PyObject, types: *mut PyObject) -> PyResult<(Owned, Owned)> {
    // SAFETY: see above.
    unsafe {
        let none = || Owned::new_ref(Py_None());
        if Py_IsNone(exception) != 0 {
            return Ok((none(), none()));
        }
        if PyErr_GivenExceptionMatches(exception, types) != 0 {
            let taken = if is_group(exception) {
                Owned::new_ref(exception)
            } else {
                wrap_naked_exception(exception)?
            };
            return Ok((taken, none()));
        }
        if !is_group(exception) {
            return Ok((none(), Owned::new_ref(exception)));
        }
        let arguments = [exception, types];
        let split = PyObject_VectorcallMethod(interned!(c"split"), arguments.as_ptr(), 2, ptr::null_mut());
        let pair = Owned::from_result(split)?;
        if PyTuple_CheckExact(pair.as_ptr()) == 0 {
            let format = c"%.200s.split must return a tuple, not %.200s";
            PyErr_Format(
                PyExc_TypeError,
                format.as_ptr(),
                type_name(exception),
                type_name(pair.as_ptr()),
            );
            return Err(Raised);
        }
        let length = PyTuple_GET_SIZE(pair.as_ptr());
        if length < 2 {
            let format = c"%.200s.split must return a 2-tuple, got tuple of size %zd";
            PyErr_Format(PyExc_TypeError, format.as_ptr(), type_name(exception), length);
            return Err(Raised);
        }
        let item = |i| Owned::new_ref(PyTuple_GET_ITEM(pair.as_ptr(), i));
        Ok((item(0), item(1)))
    }
}

/// The bound enter and exit methods of a context manager; `kind` is what the error says it is not.
///
/// # Safety
/// The GIL is held, `manager` is live and held by the caller.
unsafe fn context_manager(
    manager: *mut PyObject,
    enter: *mut PyObject,
    exit: *mut PyObject,
    kind: &CStr,
) -> PyResult<(Owned, Owned)> {
    // SAFETY: see above.
    unsafe {
        let Some(enter) = lookup_special(manager, enter)? else {
            let format = c"'%.200s' object does not support the %scontext manager protocol";
            PyErr_Format(PyExc_TypeError, format.as_ptr(), type_name(manager), kind.as_ptr());
            return Err(Raised);
        };
        let Some(bound_exit) = lookup_special(manager, exit)? else {
            let format = c"'%.200s' object does not support the %scontext manager protocol (missed %U method)";
            PyErr_Format(
                PyExc_TypeError,
                format.as_ptr(),
                type_name(manager),
                kind.as_ptr(),
                exit,
            );
            return Err(Raised);
        };
        Ok((enter, bound_exit))
    }
}

/// Calls the enter method and hands out the exit method where that went well.
///
/// # Safety
/// As for [`context_manager`]; `out_exit` has room for a reference.
unsafe fn enter_context(methods: PyResult<(Owned, Owned)>, out_exit: *mut *mut PyObject) -> *mut PyObject {
    // SAFETY: see above.
    unsafe {
        to_object(methods.and_then(|(enter, exit)| {
            let result = Owned::from_result(PyObject_CallNoArgs(enter.as_ptr()))?;
            drop(enter);
            *out_exit = exit.into_ptr();
            Ok(result)
        }))
    }
}

runtime_fns! {
    /// `RAISE_VARARGS`: the first `count` of `exception` and `cause` are given, the others NULL. An exception is set in
    /// any case. The result is 1 where the handled exception was raised again, which adds no traceback entry for this
    /// frame, and 0 otherwise.
    RAISE_VARARGS = fn raise_varargs(exception: *mut PyObject, cause: *mut PyObject, count: i32) -> i32 {
        match count {
            0 => {
                let handled = PyErr_GetHandledException();
                if handled.is_null() {
                    PyErr_SetString(PyExc_RuntimeError, c"No active exception to reraise".as_ptr());
                    return 0;
                }
                PyErr_SetRaisedException(handled);
                return 1;
            }
            1 | 2 => {
                let cause = if count == 2 { cause } else { ptr::null_mut() };
                let _exception = Owned::new_ref(exception);
                let _cause = if cause.is_null() { None } else { Some(Owned::new_ref(cause)) };
                // Either way an exception is set, which is what the instruction is for.
                let _ = raise_exception(exception, cause);
            }
            _ => PyErr_SetString(PyExc_SystemError, c"bad RAISE_VARARGS oparg".as_ptr()),
        }
        0
    }

    /// `CHECK_EXC_MATCH`: 1 where `except types` catches the exception, 0 where not.
    CHECK_EXC_MATCH = fn check_exc_match(exception: *mut PyObject, types: *mut PyObject) -> i32 {
        let (_exception, _types) = (Owned::new_ref(exception), Owned::new_ref(types));
        match check_exception_types(types) {
            Ok(()) => PyErr_GivenExceptionMatches(exception, types),
            Err(Raised) => -1,
        }
    }

    /// `CHECK_EG_MATCH`: stores new references to what `except* types` takes and to what is left. What it takes, unless
    /// None, becomes the handled exception. The running frame must be linked with its instruction pointer set.
    CHECK_EG_MATCH = fn check_eg_match(
        exception: *mut PyObject,
        types: *mut PyObject,
        out_rest: *mut *mut PyObject,
        out_match: *mut *mut PyObject,
    ) -> i32 {
        let (_exception, _types) = (Owned::new_ref(exception), Owned::new_ref(types));
        let take = || {
            check_exception_types(types)?;
            if any_type(types, |ty| Ok(check(PyObject_IsSubclass(ty, PyExc_BaseExceptionGroup))? != 0))? {
                PyErr_SetString(PyExc_TypeError, CANNOT_CATCH_GROUP.as_ptr());
                return Err(Raised);
            }
            let (taken, rest) = match_group(exception, types)?;
            if Py_IsNone(taken.as_ptr()) == 0 {
                PyErr_SetHandledException(taken.as_ptr());
            }
            *out_match = taken.into_ptr();
            *out_rest = rest.into_ptr();
            Ok(())
        };
        to_status(take())
    }

    /// `BEFORE_WITH`: the result of `__enter__`; stores a new reference to the bound `__exit__`.
    BEFORE_WITH = fn before_with(manager: *mut PyObject, out_exit: *mut *mut PyObject) -> *mut PyObject {
        let _manager = Owned::new_ref(manager);
        let methods = context_manager(manager, interned!(c"__enter__"), interned!(c"__exit__"), c"");
        enter_context(methods, out_exit)
    }

    /// `BEFORE_ASYNC_WITH`: the result of `__aenter__`; stores a new reference to the bound `__aexit__`.
    BEFORE_ASYNC_WITH = fn before_async_with(manager: *mut PyObject, out_exit: *mut *mut PyObject) -> *mut PyObject {
        let _manager = Owned::new_ref(manager);
        let methods = context_manager(manager, interned!(c"__aenter__"), interned!(c"__aexit__"), c"asynchronous ");
        enter_context(methods, out_exit)
    }

    /// `WITH_EXCEPT_START`: `exit(type(exception), exception, exception.__traceback__)`
    WITH_EXCEPT_START = fn with_except_start(exit: *mut PyObject, exception: *mut PyObject) -> *mut PyObject {
        let (_exit, _exception) = (Owned::new_ref(exit), Owned::new_ref(exception));
        let class = PyExceptionInstance_Class(exception);
        let traceback = Owned::from_nullable(PyException_GetTraceback(exception))
            .unwrap_or_else(|| Owned::new_ref(Py_None()));
        let arguments = [ptr::null_mut(), class, exception, traceback.as_ptr()];
        PyObject_Vectorcall(exit, arguments.as_ptr().add(1), 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, ptr::null_mut())
    }
}
