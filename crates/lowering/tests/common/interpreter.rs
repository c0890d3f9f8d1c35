//! A Python interpreter, for tests that work on real objects.

use justjit_runtime::ops::reference::PyResult;
use justjit_runtime::{ending, numbers, thread};
use pyo3_ffi::*;
use std::ffi::CString;
use std::sync::Once;

/// The interpreter's lock.
pub struct Gil(PyGILState_STATE);

impl Gil {
    /// Takes the lock; the first call starts the interpreter.
    pub fn take() -> Gil {
        static START: Once = Once::new();
        // SAFETY: started once; the lock is given up for whoever wants it first.
        START.call_once(|| unsafe {
            Py_InitializeEx(0);
            let started: PyResult<()> = numbers::initialize().and_then(|()| ending::initialize());
            assert!(started.is_ok());
            PyEval_SaveThread();
        });
        // SAFETY: the interpreter runs.
        Gil(unsafe { PyGILState_Ensure() })
    }

    /// What compiled code gets as its thread.
    pub fn thread(&self) -> u64 {
        // SAFETY: the lock is held.
        (unsafe { thread::current() }) as u64
    }

    /// The value of an expression behind these statements: a new reference.
    pub fn eval(&self, statements: &str, expression: &str) -> *mut PyObject {
        let code = CString::new(format!("{statements}\nresult = {expression}\n")).unwrap();
        // SAFETY: the lock is held; ordinary uses of the C API.
        unsafe {
            let globals = PyDict_New();
            let done = PyRun_String(code.as_ptr(), Py_file_input, globals, globals);
            if done.is_null() {
                PyErr_Print();
                panic!("{statements}; {expression}");
            }
            Py_DECREF(done);
            let result = PyDict_GetItemString(globals, c"result".as_ptr());
            Py_INCREF(result);
            // So that the object is the caller's alone. What the statements defined lives on where it is used.
            PyDict_Clear(globals);
            Py_DECREF(globals);
            result
        }
    }
}

impl Drop for Gil {
    fn drop(&mut self) {
        // SAFETY: taken by the same thread.
        unsafe { PyGILState_Release(self.0) };
    }
}
