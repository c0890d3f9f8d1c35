//! Running a few instructions in the interpreter itself, for what no public function does.
//!
//! The code objects are made once from Python source. They run through `PyEval_EvalCode` and its kin and never through
//! a function that could have been compiled.

use super::reference::{Owned, PyResult, Raised, check, interned};
use pyo3_ffi::*;
use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A namespace that Python source filled, made when first asked for and kept for good.
pub struct Prepared {
    source: &'static CStr,
    namespace: AtomicPtr<PyObject>,
}

impl Prepared {
    pub const fn new(source: &'static CStr) -> Prepared {
        Prepared {
            source,
            namespace: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The namespace, borrowed.
    ///
    /// # Safety
    /// The GIL is held, no exception is set.
    pub unsafe fn get(&self) -> PyResult<*mut PyObject> {
        let known = self.namespace.load(Ordering::Acquire);
        if !known.is_null() {
            return Ok(known);
        }
        // SAFETY: the source ends in NUL; the objects are live.
        unsafe {
            let namespace = Owned::from_result(PyDict_New())?;
            // Not those of the running frame, which may be a few chosen ones.
            let builtins = Owned::from_result(PyImport_ImportModule(c"builtins".as_ptr()))?;
            check(PyDict_SetItem(
                namespace.as_ptr(),
                interned!(c"__builtins__"),
                builtins.as_ptr(),
            ))?;
            let code = Py_CompileString(self.source.as_ptr(), c"<justjit>".as_ptr(), Py_file_input);
            let code = Owned::from_result(code)?;
            drop(Owned::from_result(PyEval_EvalCode(
                code.as_ptr(),
                namespace.as_ptr(),
                namespace.as_ptr(),
            ))?);
            // Python code ran, so that another thread may have been faster; both namespaces are as good.
            let namespace = namespace.into_ptr();
            self.namespace.store(namespace, Ordering::Release);
            Ok(namespace)
        }
    }
}

/// Runs a code object that takes `arguments` by position; the frame it ran in is not in the traceback of an exception.
///
/// # Safety
/// The GIL is held, all objects are live, `globals` is a dict.
pub unsafe fn run(code: *mut PyObject, globals: *mut PyObject, arguments: &[*mut PyObject]) -> PyResult<Owned> {
    // SAFETY: see above.
    unsafe {
        let result = PyEval_EvalCodeEx(
            code,
            globals,
            ptr::null_mut(),
            arguments.as_ptr(),
            arguments.len() as i32,
            ptr::null(),
            0,
            ptr::null(),
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        );
        Owned::from_result(result).inspect_err(|_| drop_outermost_traceback_entry())
    }
}

/// Takes the outermost entry off the traceback of the exception that is set.
///
/// # Safety
/// The GIL is held, an exception is set.
unsafe fn drop_outermost_traceback_entry() {
    // SAFETY: the exception taken out is put back; `tb_next` of a traceback is a traceback or None.
    unsafe {
        let exception = PyErr_GetRaisedException();
        if let Some(traceback) = Owned::from_nullable(PyException_GetTraceback(exception)) {
            match Owned::from_result(PyObject_GetAttr(traceback.as_ptr(), interned!(c"tb_next"))) {
                Ok(next) => _ = PyException_SetTraceback(exception, next.as_ptr()),
                Err(Raised) => PyErr_Clear(),
            }
        }
        PyErr_SetRaisedException(exception);
    }
}
