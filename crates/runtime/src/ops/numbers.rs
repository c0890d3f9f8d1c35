//! Operators: `BINARY_OP`, `COMPARE_OP`, the unary operators and truth.

use super::reference::Owned;
use crate::runtime_fns;
use crate::sets;
use pyo3_ffi::*;
use std::ptr;

/// The `oparg` of `BINARY_OP`, named as in CPython's public `opcode.h`.
pub mod nb {
    pub const ADD: i32 = 0;
    pub const AND: i32 = 1;
    pub const FLOOR_DIVIDE: i32 = 2;
    pub const LSHIFT: i32 = 3;
    pub const MATRIX_MULTIPLY: i32 = 4;
    pub const MULTIPLY: i32 = 5;
    pub const REMAINDER: i32 = 6;
    pub const OR: i32 = 7;
    pub const POWER: i32 = 8;
    pub const RSHIFT: i32 = 9;
    pub const SUBTRACT: i32 = 10;
    pub const TRUE_DIVIDE: i32 = 11;
    pub const XOR: i32 = 12;
    /// The in-place form of operator `n` is `n + INPLACE`.
    pub const INPLACE: i32 = 13;
}

runtime_fns! {
    /// `left op right`, where `op` is the `oparg` of `BINARY_OP`, in-place operators included.
    BINARY_OP = fn binary_op(op: i32, left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
        let (_left, _right) = (Owned::new_ref(left), Owned::new_ref(right));
        let inplace = op >= nb::INPLACE;
        let function: binaryfunc = match (op % nb::INPLACE, inplace) {
            (nb::ADD, false) => PyNumber_Add,
            (nb::AND, false) => PyNumber_And,
            (nb::FLOOR_DIVIDE, false) => PyNumber_FloorDivide,
            (nb::LSHIFT, false) => PyNumber_Lshift,
            (nb::MATRIX_MULTIPLY, false) => PyNumber_MatrixMultiply,
            (nb::MULTIPLY, false) => PyNumber_Multiply,
            (nb::REMAINDER, false) => PyNumber_Remainder,
            (nb::OR, false) => PyNumber_Or,
            (nb::RSHIFT, false) => PyNumber_Rshift,
            (nb::SUBTRACT, false) => PyNumber_Subtract,
            (nb::TRUE_DIVIDE, false) => PyNumber_TrueDivide,
            (nb::XOR, false) => PyNumber_Xor,
            (nb::ADD, true) => PyNumber_InPlaceAdd,
            (nb::AND, true) => PyNumber_InPlaceAnd,
            (nb::FLOOR_DIVIDE, true) => PyNumber_InPlaceFloorDivide,
            (nb::LSHIFT, true) => PyNumber_InPlaceLshift,
            (nb::MATRIX_MULTIPLY, true) => PyNumber_InPlaceMatrixMultiply,
            (nb::MULTIPLY, true) => PyNumber_InPlaceMultiply,
            (nb::REMAINDER, true) => PyNumber_InPlaceRemainder,
            (nb::OR, true) => PyNumber_InPlaceOr,
            (nb::RSHIFT, true) => PyNumber_InPlaceRshift,
            (nb::SUBTRACT, true) => PyNumber_InPlaceSubtract,
            (nb::TRUE_DIVIDE, true) => PyNumber_InPlaceTrueDivide,
            (nb::XOR, true) => PyNumber_InPlaceXor,
            (nb::POWER, false) => return PyNumber_Power(left, right, Py_None()),
            (nb::POWER, true) => return PyNumber_InPlacePower(left, right, Py_None()),
            _ => {
                PyErr_Format(PyExc_SystemError, c"bad BINARY_OP oparg %d".as_ptr(), op);
                return ptr::null_mut();
            }
        };
        function(left, right)
    }

    /// `left op right` where `op` is one of `Py_LT` to `Py_GE`.
    COMPARE = fn compare(op: i32, left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
        if let Some(holds) = sets::compare(op, left, right) {
            return PyBool_FromLong(holds.into());
        }
        let (_left, _right) = (Owned::new_ref(left), Owned::new_ref(right));
        PyObject_RichCompare(left, right, op)
    }

    /// The truth of `left op right`: 1, 0, or -1 with an exception set. Unlike `PyObject_RichCompareBool`, it asks even
    /// where both are the same object.
    COMPARE_BOOL = fn compare_bool(op: i32, left: *mut PyObject, right: *mut PyObject) -> i32 {
        if let Some(holds) = sets::compare(op, left, right) {
            return holds.into();
        }
        let (_left, _right) = (Owned::new_ref(left), Owned::new_ref(right));
        match Owned::from_result(PyObject_RichCompare(left, right, op)) {
            Ok(result) => PyObject_IsTrue(result.as_ptr()),
            Err(_) => -1,
        }
    }

    /// `-value`
    UNARY_NEGATIVE = fn unary_negative(value: *mut PyObject) -> *mut PyObject {
        let _value = Owned::new_ref(value);
        PyNumber_Negative(value)
    }

    /// `~value`
    UNARY_INVERT = fn unary_invert(value: *mut PyObject) -> *mut PyObject {
        let _value = Owned::new_ref(value);
        PyNumber_Invert(value)
    }

    /// `+value`
    UNARY_POSITIVE = fn unary_positive(value: *mut PyObject) -> *mut PyObject {
        let _value = Owned::new_ref(value);
        PyNumber_Positive(value)
    }

    /// `not value`, for a value of any type.
    UNARY_NOT = fn unary_not(value: *mut PyObject) -> *mut PyObject {
        let _value = Owned::new_ref(value);
        match PyObject_IsTrue(value) {
            0 => Py_True(),
            1 => Py_False(),
            _ => ptr::null_mut(),
        }
    }

    /// The truth of a value: 1, 0, or -1 with an exception set.
    IS_TRUE = fn is_true(value: *mut PyObject) -> i32 {
        let _value = Owned::new_ref(value);
        PyObject_IsTrue(value)
    }
}
