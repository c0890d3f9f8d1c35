//! The slots of the generators' types through which everybody but the interpreter's specialized instructions resumes them:
//! ours try compiled code first, and call the interpreter's otherwise.
//!
//! The types stay the exact ones, so that every exact check in CPython and in programs (`type(g) is
//! types.GeneratorType`, `PyCoro_CheckExact`) goes on holding; a subtype with slots of its own would fail them.

use super::{Sent, asynchronous, resume, resume_from_outside, set_stop_iteration};
use crate::api;
use crate::layout::Generator;
use crate::ops::reference::{Owned, PyResult, Raised};
use crate::probe;
use crate::thread::Thread;
use pyo3_ffi::*;
use std::ffi::CStr;

type Send = unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut *mut PyObject) -> PySendResult;
type Method = unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;

/// The interpreter's own slots.
struct Originals {
    iternext: Option<iternextfunc>,
    am_send: Option<Send>,
    /// `generator.send` and `coroutine.send`, one function.
    send: Option<Method>,
    /// See [`stop_iteration_has_context`].
    stop_iteration_has_context: bool,
}

static mut ORIGINALS: Originals = Originals {
    iternext: None,
    am_send: None,
    send: None,
    stop_iteration_has_context: false,
};

/// Tells whether the StopIteration that carries a generator's result has the handled exception as its context.
const SOURCE: &CStr = c"
def generator():
    yield
    return 1
suspended = generator()
next(suspended)
try:
    raise KeyError
except KeyError:
    try:
        suspended.send(None)
    except StopIteration as end:
        has_context = end.__context__ is not None
";

/// Whether the StopIteration that carries a generator's result gets the handled exception as its context, as in the first
/// releases of CPython 3.13 and not in later ones.
pub(super) fn stop_iteration_has_context() -> bool {
    // SAFETY: written once, at import.
    unsafe { ORIGINALS.stop_iteration_has_context }
}

/// `PyWrapperDescrObject` (`cpython/descrobject.h`).
#[repr(C)]
struct WrapperDescriptor {
    ob_base: PyObject,
    d_type: *mut PyTypeObject,
    d_name: *mut PyObject,
    d_qualname: *mut PyObject,
    d_base: *mut std::ffi::c_void,
    d_wrapped: *mut std::ffi::c_void,
}

static VERDICT: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();

/// Whether generators can be resumed by compiled code; the error is why not.
pub fn verdict() -> Result<(), String> {
    VERDICT
        .get()
        .cloned()
        .unwrap_or_else(|| Err("the interpreter's generators were not checked".into()))
}

/// Puts our slots in the place of the interpreter's, if everything is where it is expected to be.
///
/// # Safety
/// The GIL is held; called once, after the layouts have been proved.
pub unsafe fn initialize() {
    // SAFETY: see the contract.
    let outcome = probe::verdict().and_then(|()| unsafe {
        install().map_err(|Raised| {
            let exception = Owned::from_result(api::PyErr_GetRaisedException());
            let text = exception.and_then(|one| Owned::from_result(PyObject_Str(one.as_ptr())));
            let text = text.map_or_else(|Raised| String::new(), |text| utf8(text.as_ptr()));
            PyErr_Clear();
            text
        })
    });
    _ = VERDICT.set(outcome);
}

unsafe fn utf8(text: *mut PyObject) -> String {
    // SAFETY: a live str.
    unsafe {
        let data = PyUnicode_AsUTF8(text);
        if data.is_null() {
            return String::new();
        }
        CStr::from_ptr(data).to_string_lossy().into_owned()
    }
}

/// See [`initialize`].
unsafe fn install() -> PyResult<()> {
    // SAFETY: the types are static objects of the interpreter whose slots and method tables are writable data; the
    // types cannot be subclassed, so that nobody has inherited the slots.
    unsafe {
        let (generator, coroutine) = (&raw mut PyGen_Type, &raw mut PyCoro_Type);
        let originals = &raw mut ORIGINALS;
        (*originals).iternext = (*generator).tp_iternext;
        (*originals).am_send = (*(*generator).tp_as_async).am_send;
        let definitions = [method(generator, c"send")?, method(coroutine, c"send")?];
        (*originals).send = Some((*definitions[0]).ml_meth.PyCFunction);
        let namespace = Owned::from_result(PyDict_New())?;
        PyDict_SetItemString(namespace.as_ptr(), c"__builtins__".as_ptr(), PyEval_GetBuiltins());
        drop(Owned::from_result(PyRun_String(
            SOURCE.as_ptr(),
            Py_file_input,
            namespace.as_ptr(),
            namespace.as_ptr(),
        ))?);
        let has_context = PyDict_GetItemString(namespace.as_ptr(), c"has_context".as_ptr());
        (*originals).stop_iteration_has_context = has_context == Py_True();
        let next = wrapper(generator, c"__next__")?;
        if (*originals).iternext.is_none() || (*originals).am_send.is_none() {
            PyErr_SetString(
                PyExc_SystemError,
                c"this interpreter's generators have no slots to resume them".as_ptr(),
            );
            return Err(Raised);
        }
        asynchronous::initialize()?;

        (*generator).tp_iternext = Some(iternext);
        (*next).d_wrapped = iternext as *mut std::ffi::c_void;
        for ty in [generator, coroutine] {
            (*(*ty).tp_as_async).am_send = Some(am_send);
        }
        for definition in definitions {
            (*definition).ml_meth.PyCFunction = send;
        }
        Ok(())
    }
}

/// A method's definition, by which every descriptor and bound method of it calls it.
///
/// # Safety
/// The GIL is held; a static type of the interpreter.
pub(super) unsafe fn method(ty: *mut PyTypeObject, name: &CStr) -> PyResult<*mut PyMethodDef> {
    // SAFETY: a table that ends with an entry without a name.
    unsafe {
        let mut at = (*ty).tp_methods;
        while !at.is_null() && !(*at).ml_name.is_null() {
            if CStr::from_ptr((*at).ml_name) == name && (*at).ml_flags == METH_O {
                return Ok(at);
            }
            at = at.add(1);
        }
        PyErr_Format(
            PyExc_SystemError,
            c"this interpreter's %s has no plain method %s".as_ptr(),
            (*ty).tp_name,
            name.as_ptr(),
        );
        Err(Raised)
    }
}

/// The descriptor by which a slot is called as a method.
unsafe fn wrapper(ty: *mut PyTypeObject, name: &CStr) -> PyResult<*mut WrapperDescriptor> {
    // SAFETY: a live type; the descriptor lives as long as it.
    unsafe {
        let found = PyObject_GetAttrString(ty.cast(), name.as_ptr());
        if found.is_null() {
            return Err(Raised);
        }
        Py_DECREF(found);
        if Py_TYPE(found) != &raw mut PyWrapperDescr_Type {
            PyErr_Format(
                PyExc_SystemError,
                c"this interpreter's %s is no slot".as_ptr(),
                name.as_ptr(),
            );
            return Err(Raised);
        }
        Ok(found.cast())
    }
}

unsafe extern "C" fn iternext(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: called by the interpreter as the slot.
    unsafe {
        match resume_from_outside(object.cast(), std::ptr::null_mut()) {
            Some(Sent::Yielded(value)) => value,
            Some(Sent::Raised) => std::ptr::null_mut(),
            Some(Sent::Returned(value)) => {
                if value == Py_None() {
                    // The end, without an exception, is one that `tp_iternext` may tell that way.
                    Py_DECREF(value);
                } else {
                    set_stop_iteration(value);
                }
                std::ptr::null_mut()
            }
            None => match ORIGINALS.iternext {
                Some(original) => original(object),
                None => std::ptr::null_mut(),
            },
        }
    }
}

unsafe extern "C" fn am_send(object: *mut PyObject, value: *mut PyObject, result: *mut *mut PyObject) -> PySendResult {
    // SAFETY: called by the interpreter as the slot.
    unsafe {
        let sent = match resume_from_outside(object.cast(), value) {
            Some(sent) => sent,
            None => send_by_interpreter(object, value),
        };
        let (status, object) = match sent {
            Sent::Yielded(value) => (PySendResult::PYGEN_NEXT, value),
            Sent::Returned(value) => (PySendResult::PYGEN_RETURN, value),
            Sent::Raised => (PySendResult::PYGEN_ERROR, std::ptr::null_mut()),
        };
        result.write(object);
        status
    }
}

unsafe extern "C" fn send(object: *mut PyObject, value: *mut PyObject) -> *mut PyObject {
    // SAFETY: called by the interpreter as the method, which has checked the type.
    unsafe { as_method(object.cast(), value, resume_from_outside(object.cast(), value)) }
}

/// What the method `send` does.
///
/// # Safety
/// As for [`resume`].
pub(super) unsafe fn send_by_method(
    thread: *mut Thread,
    generator: *mut Generator,
    value: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe { as_method(generator, value, resume(thread, generator, value)) }
}

/// What the method `send` gives where resuming gave `sent`.
unsafe fn as_method(generator: *mut Generator, value: *mut PyObject, sent: Option<Sent>) -> *mut PyObject {
    // SAFETY: the GIL is held; live objects.
    unsafe {
        match sent {
            Some(Sent::Yielded(value)) => value,
            Some(Sent::Raised) => std::ptr::null_mut(),
            Some(Sent::Returned(value)) => {
                if Py_TYPE(generator.cast()) == &raw mut api::PyAsyncGen_Type {
                    Py_DECREF(value);
                    PyErr_SetNone(PyExc_StopAsyncIteration);
                } else {
                    set_stop_iteration(value);
                }
                std::ptr::null_mut()
            }
            None => match ORIGINALS.send {
                Some(original) => original(generator.cast(), value),
                None => std::ptr::null_mut(),
            },
        }
    }
}

/// Sends a value to a generator or coroutine (of the exact type), in compiled code or by the interpreter.
///
/// # Safety
/// As for [`resume`]; `value` is a live object.
pub unsafe fn send_to(thread: *mut Thread, object: *mut PyObject, value: *mut PyObject) -> Sent {
    // SAFETY: see the contract.
    unsafe {
        match resume(thread, object.cast(), value) {
            Some(sent) => sent,
            None => send_by_interpreter(object, value),
        }
    }
}

unsafe fn send_by_interpreter(object: *mut PyObject, value: *mut PyObject) -> Sent {
    // SAFETY: the slot of the object's type.
    unsafe {
        let mut result = std::ptr::null_mut();
        match ORIGINALS.am_send.map(|original| original(object, value, &mut result)) {
            Some(PySendResult::PYGEN_NEXT) => Sent::Yielded(result),
            Some(PySendResult::PYGEN_RETURN) => Sent::Returned(result),
            _ => Sent::Raised,
        }
    }
}
