//! `CALL_INTRINSIC_1` and `CALL_INTRINSIC_2`.

use super::interpreted::{Prepared, run};
use super::reference::{Owned, PyResult, Raised, raise, to_object};
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ffi::{CStr, c_int};

/// The `oparg` of `CALL_INTRINSIC_1`.
pub mod unary {
    pub const PRINT: u32 = 1;
    pub const IMPORT_STAR: u32 = 2;
    pub const STOPITERATION_ERROR: u32 = 3;
    pub const ASYNC_GEN_WRAP: u32 = 4;
    pub const UNARY_POSITIVE: u32 = 5;
    pub const LIST_TO_TUPLE: u32 = 6;
    pub const TYPEVAR: u32 = 7;
    pub const PARAMSPEC: u32 = 8;
    pub const TYPEVARTUPLE: u32 = 9;
    pub const SUBSCRIPT_GENERIC: u32 = 10;
    pub const TYPEALIAS: u32 = 11;
}

/// The `oparg` of `CALL_INTRINSIC_2`.
pub mod binary {
    pub const PREP_RERAISE_STAR: u32 = 1;
    pub const TYPEVAR_WITH_BOUND: u32 = 2;
    pub const TYPEVAR_WITH_CONSTRAINTS: u32 = 3;
    pub const SET_FUNCTION_TYPE_PARAMS: u32 = 4;
    pub const SET_TYPEPARAM_DEFAULT: u32 = 5;
}

/// Whether [`call_intrinsic_1`] does this one. The others depend on the running frame and are functions of their own: see
/// [`super::imports::import_star`] and [`stopiteration_error`].
pub fn intrinsic_1_supported(which: u32) -> bool {
    matches!(which, unary::PRINT | unary::ASYNC_GEN_WRAP..=unary::TYPEALIAS)
}

/// Whether [`call_intrinsic_2`] does this one.
pub fn intrinsic_2_supported(which: u32) -> bool {
    matches!(which, binary::PREP_RERAISE_STAR..=binary::SET_TYPEPARAM_DEFAULT)
}

/// Code objects that do nothing but one intrinsic: an addition and a negation with the operator's instruction
/// replaced. The intrinsics on type parameters are parts of the interpreter that no function gives access to.
static INTRINSICS: Prepared = Prepared::new(
    c"
from opcode import opmap

def patched(function, operator, intrinsic, argument):
    code = function.__code__
    instructions = bytearray(code.co_code)
    for i in range(0, len(instructions), 2):
        if instructions[i] == opmap[operator]:
            instructions[i:i + 2] = opmap[intrinsic], argument
            for j in range(i + 2, len(instructions), 2):
                if instructions[j] != opmap['CACHE']:
                    break
                instructions[j] = opmap['NOP']
            return code.replace(co_code=bytes(instructions))
    raise SystemError(f'no {operator} in a one-line function')

unary = [patched(lambda a: -a, 'UNARY_NEGATIVE', 'CALL_INTRINSIC_1', i) for i in range(12)]
binary = [patched(lambda a, b: a + b, 'BINARY_OP', 'CALL_INTRINSIC_2', i) for i in range(6)]
",
);

/// Runs one intrinsic in the interpreter.
///
/// # Safety
/// The GIL is held, the arguments are live; `which` is an intrinsic in the list called `list`.
unsafe fn interpret(list: &CStr, which: u32, arguments: &[*mut PyObject]) -> PyResult<Owned> {
    // SAFETY: the namespace has this list of code objects, and nobody else has the namespace.
    unsafe {
        let namespace = INTRINSICS.get()?;
        let codes = PyDict_GetItemString(namespace, list.as_ptr());
        run(PyList_GET_ITEM(codes, which as isize), namespace, arguments)
    }
}

/// A value wrapped as asynchronous generators yield it, by the interpreter's own instruction.
///
/// # Safety
/// The GIL is held, `value` is live.
pub unsafe fn wrap_by_interpreter(value: *mut PyObject) -> *mut PyObject {
    // SAFETY: see above.
    unsafe { to_object(interpret(c"unary", unary::ASYNC_GEN_WRAP, &[value])) }
}

/// What an interactive statement prints its value with.
///
/// # Safety
/// The GIL is held, `value` is live.
unsafe fn print_expression(value: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: the hook is held while it runs.
    unsafe {
        let hook = PySys_GetObject(c"displayhook".as_ptr());
        if hook.is_null() {
            return Err(raise!(PyExc_RuntimeError, c"lost sys.displayhook"));
        }
        let hook = Owned::new_ref(hook);
        Owned::from_result(PyObject_CallOneArg(hook.as_ptr(), value))
    }
}

/// What a StopIteration (or StopAsyncIteration) that leaves a generator's body becomes; none where it stays as it is.
///
/// # Safety
/// The GIL is held, `exception` is an exception.
unsafe fn stopiteration_message(exception: *mut PyObject, code_flags: c_int) -> Option<&'static CStr> {
    // SAFETY: see above.
    unsafe {
        let is_async_generator = code_flags & CO_ASYNC_GENERATOR != 0;
        if PyErr_GivenExceptionMatches(exception, PyExc_StopIteration) != 0 {
            Some(if is_async_generator {
                c"async generator raised StopIteration"
            } else if code_flags & CO_COROUTINE != 0 {
                c"coroutine raised StopIteration"
            } else {
                c"generator raised StopIteration"
            })
        } else if is_async_generator && PyErr_GivenExceptionMatches(exception, PyExc_StopAsyncIteration) != 0 {
            Some(c"async generator raised StopAsyncIteration")
        } else {
            None
        }
    }
}

runtime_fns! {
    /// `CALL_INTRINSIC_1`, for an intrinsic that [`intrinsic_1_supported`] accepts.
    CALL_INTRINSIC_1 = fn call_intrinsic_1(which: u32, value: *mut PyObject) -> *mut PyObject {
        let _value = Owned::new_ref(value);
        match which {
            unary::PRINT => to_object(print_expression(value)),
            unary::UNARY_POSITIVE => PyNumber_Positive(value),
            unary::LIST_TO_TUPLE => PyList_AsTuple(value),
            unary::ASYNC_GEN_WRAP => crate::generator::asynchronous::wrap(value),
            _ if intrinsic_1_supported(which) => to_object(interpret(c"unary", which, &[value])),
            _ => to_object(Err(raise!(PyExc_SystemError, c"invalid intrinsic function"))),
        }
    }

    /// `CALL_INTRINSIC_2`, for an intrinsic that [`intrinsic_2_supported`] accepts; `second` is what lies on top of the
    /// stack.
    CALL_INTRINSIC_2 = fn call_intrinsic_2(which: u32, first: *mut PyObject, second: *mut PyObject) -> *mut PyObject {
        let (_first, _second) = (Owned::new_ref(first), Owned::new_ref(second));
        match which {
            binary::PREP_RERAISE_STAR => super::exception_groups::prep_reraise_star(first, second),
            binary::SET_FUNCTION_TYPE_PARAMS => {
                let field = &raw mut (*first.cast::<PyFunctionObject>()).func_typeparams;
                let _old = Owned::from_nullable(field.replace(Py_NewRef(second)));
                Py_NewRef(first)
            }
            _ if intrinsic_2_supported(which) => to_object(interpret(c"binary", which, &[first, second])),
            _ => to_object(Err(raise!(PyExc_SystemError, c"invalid intrinsic function"))),
        }
    }

    /// The intrinsic for an exception that leaves the body of a generator, coroutine or asynchronous generator whose
    /// code has these `co_flags`: a StopIteration becomes a RuntimeError, others come back as they are.
    STOPITERATION_ERROR = fn stopiteration_error(exception: *mut PyObject, code_flags: i32) -> *mut PyObject {
        let _exception = Owned::new_ref(exception);
        let Some(message) = stopiteration_message(exception, code_flags) else { return Py_NewRef(exception) };
        let convert = || {
            let message = Owned::from_result(PyUnicode_FromString(message.as_ptr()))?;
            let error = Owned::from_result(PyObject_CallOneArg(PyExc_RuntimeError, message.as_ptr()))?;
            PyException_SetCause(error.as_ptr(), Py_NewRef(exception));
            PyException_SetContext(error.as_ptr(), Py_NewRef(exception));
            Ok::<Owned, Raised>(error)
        };
        to_object(convert())
    }
}
