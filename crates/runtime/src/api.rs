//! Public functions of CPython's C API that pyo3-ffi does not declare.

use pyo3_ffi::{Py_ssize_t, PyObject, PyTypeObject};
use std::ffi::{c_char, c_int, c_uint, c_void};

/// What `PyFunction_AddWatcher` calls.
pub type FunctionWatcher =
    unsafe extern "C" fn(event: c_int, function: *mut PyObject, new_value: *mut PyObject) -> c_int;
/// What `PyDict_AddWatcher` calls, before the change takes effect.
pub type DictWatcher =
    unsafe extern "C" fn(event: c_int, dict: *mut PyObject, key: *mut PyObject, new_value: *mut PyObject) -> c_int;

/// What `PyType_AddWatcher` calls, when the type has been modified.
pub type TypeWatcher = unsafe extern "C" fn(ty: *mut PyTypeObject) -> c_int;

/// What `PyCode_AddWatcher` calls.
pub type CodeWatcher = unsafe extern "C" fn(event: c_int, code: *mut PyObject) -> c_int;

/// Events of [`CodeWatcher`].
pub mod code_event {
    pub const CREATE: i32 = 0;
}

/// Events of [`FunctionWatcher`].
pub mod function_event {
    pub const CREATE: i32 = 0;
    pub const DESTROY: i32 = 1;
    pub const MODIFY_CODE: i32 = 2;
    pub const MODIFY_DEFAULTS: i32 = 3;
    pub const MODIFY_KWDEFAULTS: i32 = 4;
}

/// Events of [`DictWatcher`].
pub mod dict_event {
    pub const ADDED: i32 = 0;
    pub const MODIFIED: i32 = 1;
    pub const DELETED: i32 = 2;
    pub const CLONED: i32 = 3;
    pub const CLEARED: i32 = 4;
    pub const DEALLOCATED: i32 = 5;
}

unsafe extern "C" {
    pub static mut PyMethod_Type: PyTypeObject;
    pub static mut PyListIter_Type: PyTypeObject;
    pub static mut PyTupleIter_Type: PyTypeObject;
    pub static mut PyAsyncGen_Type: PyTypeObject;
    /// What `Py_DECREF` expands to when the count becomes zero.
    pub fn _Py_Dealloc(object: *mut PyObject);
    pub fn PyFunction_SetVectorcall(function: *mut PyObject, vectorcall: *const ());
    pub fn PyFunction_AddWatcher(callback: FunctionWatcher) -> c_int;
    pub fn PyCode_AddWatcher(callback: CodeWatcher) -> c_int;
    pub fn PyCode_ClearWatcher(id: c_int) -> c_int;
    pub fn PyDict_AddWatcher(callback: DictWatcher) -> c_int;
    pub fn PyDict_Watch(id: c_int, dict: *mut PyObject) -> c_int;
    pub fn PyType_AddWatcher(callback: TypeWatcher) -> c_int;
    pub fn PyType_Watch(id: c_int, ty: *mut PyObject) -> c_int;
    pub fn PyUnstable_Type_AssignVersionTag(ty: *mut PyTypeObject) -> c_int;
    pub fn PyUnstable_Eval_RequestCodeExtraIndex(free: unsafe extern "C" fn(*mut c_void)) -> Py_ssize_t;
    pub fn PyUnstable_Code_GetExtra(code: *mut PyObject, index: Py_ssize_t, extra: *mut *mut c_void) -> c_int;
    pub fn PyUnstable_Code_SetExtra(code: *mut PyObject, index: Py_ssize_t, extra: *mut c_void) -> c_int;
    pub fn PyUnstable_WritePerfMapEntry(address: *const c_void, size: c_uint, name: *const c_char) -> c_int;
    pub fn PyThreadState_GetUnchecked() -> *mut c_void;
    pub fn PyThreadState_GetFrame(tstate: *mut c_void) -> *mut PyObject;
    pub fn PyEval_EvalFrameEx(frame: *mut PyObject, throwflag: c_int) -> *mut PyObject;
    pub fn PyTraceBack_Here(frame: *mut PyObject) -> c_int;
    pub fn PyErr_GetRaisedException() -> *mut PyObject;
    pub fn PyErr_SetRaisedException(exception: *mut PyObject);
    pub fn PyCode_GetCode(code: *mut PyObject) -> *mut PyObject;
    pub fn PyDict_GetItemRef(dict: *mut PyObject, key: *mut PyObject, result: *mut *mut PyObject) -> c_int;
    pub fn PyType_GetDict(ty: *mut PyTypeObject) -> *mut PyObject;
    pub fn PyObject_GetOptionalAttr(object: *mut PyObject, name: *mut PyObject, result: *mut *mut PyObject) -> c_int;
    pub fn PyObject_GC_IsTracked(object: *mut PyObject) -> c_int;
    pub fn PyMethod_Function(method: *mut PyObject) -> *mut PyObject;
    pub fn PyMethod_Self(method: *mut PyObject) -> *mut PyObject;
    pub fn PyMethod_New(function: *mut PyObject, receiver: *mut PyObject) -> *mut PyObject;
    pub fn PyEval_EvalCode(code: *mut PyObject, globals: *mut PyObject, locals: *mut PyObject) -> *mut PyObject;
}
