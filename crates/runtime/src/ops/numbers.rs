//! Operators: `BINARY_OP`, `COMPARE_OP`, the unary operators and truth.

use super::percent::percent;
use super::reference::Owned;
use crate::runtime_fns;
use crate::sets;
use crate::special::unsupported;
use pyo3_ffi::*;
use std::mem::offset_of;
use std::ptr;

/// The `oparg` of `BINARY_OP`, named as in CPython's public `opcode.h`.
pub mod nb {
    pub const ADD: u32 = 0;
    pub const AND: u32 = 1;
    pub const FLOOR_DIVIDE: u32 = 2;
    pub const LSHIFT: u32 = 3;
    pub const MATRIX_MULTIPLY: u32 = 4;
    pub const MULTIPLY: u32 = 5;
    pub const REMAINDER: u32 = 6;
    pub const OR: u32 = 7;
    pub const POWER: u32 = 8;
    pub const RSHIFT: u32 = 9;
    pub const SUBTRACT: u32 = 10;
    pub const TRUE_DIVIDE: u32 = 11;
    pub const XOR: u32 = 12;
    /// The in-place form of operator `n` is `n + IN_PLACE`.
    pub const IN_PLACE: u32 = 13;
}

/// Where the number methods of a type have an operator and its in-place form, by the operator's number.
const NUMBER_METHODS: [Option<(usize, usize)>; 13] = [
    Some((
        offset_of!(PyNumberMethods, nb_add),
        offset_of!(PyNumberMethods, nb_inplace_add),
    )),
    Some((
        offset_of!(PyNumberMethods, nb_and),
        offset_of!(PyNumberMethods, nb_inplace_and),
    )),
    Some((
        offset_of!(PyNumberMethods, nb_floor_divide),
        offset_of!(PyNumberMethods, nb_inplace_floor_divide),
    )),
    Some((
        offset_of!(PyNumberMethods, nb_lshift),
        offset_of!(PyNumberMethods, nb_inplace_lshift),
    )),
    None,
    Some((
        offset_of!(PyNumberMethods, nb_multiply),
        offset_of!(PyNumberMethods, nb_inplace_multiply),
    )),
    Some((
        offset_of!(PyNumberMethods, nb_remainder),
        offset_of!(PyNumberMethods, nb_inplace_remainder),
    )),
    Some((
        offset_of!(PyNumberMethods, nb_or),
        offset_of!(PyNumberMethods, nb_inplace_or),
    )),
    None,
    Some((
        offset_of!(PyNumberMethods, nb_rshift),
        offset_of!(PyNumberMethods, nb_inplace_rshift),
    )),
    Some((
        offset_of!(PyNumberMethods, nb_subtract),
        offset_of!(PyNumberMethods, nb_inplace_subtract),
    )),
    Some((
        offset_of!(PyNumberMethods, nb_true_divide),
        offset_of!(PyNumberMethods, nb_inplace_true_divide),
    )),
    Some((
        offset_of!(PyNumberMethods, nb_xor),
        offset_of!(PyNumberMethods, nb_inplace_xor),
    )),
];

/// Whether operands of the type may be concatenated or repeated by an operator.
unsafe fn is_sequence(op: u32, ty: *mut PyTypeObject) -> bool {
    // SAFETY: a live type.
    unsafe {
        let Some(methods) = (*ty).tp_as_sequence.as_ref() else {
            return false;
        };
        if op % nb::IN_PLACE == nb::ADD {
            methods.sq_concat.is_some() || methods.sq_inplace_concat.is_some()
        } else {
            methods.sq_repeat.is_some() || methods.sq_inplace_repeat.is_some()
        }
    }
}

/// `left op right` where nothing but number methods has a say (`binary_op1` and `binary_iop1`, `Objects/abstract.c`):
/// without the detour by the function for the operator. `None`, with nothing done, for other operands.
#[inline]
unsafe fn by_number_methods(op: u32, left: *mut PyObject, right: *mut PyObject) -> Option<*mut PyObject> {
    // SAFETY: live operands, which the caller holds; the slots are binary functions or NULL.
    unsafe {
        let (left_type, right_type) = (Py_TYPE(left), Py_TYPE(right));
        let slot = |ty: *mut PyTypeObject, offset: usize| -> Option<binaryfunc> {
            let methods = (*ty).tp_as_number;
            if methods.is_null() {
                return None;
            }
            methods.cast::<u8>().add(offset).cast::<Option<binaryfunc>>().read()
        };
        let in_place = op >= nb::IN_PLACE;
        let plain = if in_place { op - nb::IN_PLACE } else { op };
        let (offset, in_place_offset) = (*NUMBER_METHODS.get(plain as usize)?)?;
        let first = slot(left_type, offset)?;
        if (plain == nb::ADD || plain == nb::MULTIPLY)
            && (is_sequence(plain, left_type) || is_sequence(plain, right_type))
        {
            return None;
        }
        let given = |result: *mut PyObject| {
            if result == Py_NotImplemented() {
                Py_DECREF(result);
                None
            } else {
                Some(result)
            }
        };
        if in_place
            && let Some(method) = slot(left_type, in_place_offset)
            && let Some(result) = given(method(left, right))
        {
            return Some(result);
        }
        let mut other = None;
        if left_type != right_type {
            other = slot(right_type, offset).filter(|&other| other as usize != first as usize);
            // The right operand comes first where its class is the more special one.
            if let Some(method) = other
                && PyType_IsSubtype(right_type, left_type) != 0
            {
                if let Some(result) = given(method(left, right)) {
                    return Some(result);
                }
                other = None;
            }
        }
        if let Some(result) = given(first(left, right)) {
            return Some(result);
        }
        if let Some(method) = other
            && let Some(result) = given(method(left, right))
        {
            return Some(result);
        }
        unsupported(op as i32, left_type, right_type);
        Some(ptr::null_mut())
    }
}

runtime_fns! {
    /// `left op right`, where `op` is the `oparg` of `BINARY_OP`, in-place operators included.
    BINARY_OP = fn binary_op(op: i32, left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
        let op = op as u32;
        let (_left, _right) = (Owned::new_ref(left), Owned::new_ref(right));
        if op % nb::IN_PLACE == nb::REMAINDER && PyUnicode_CheckExact(left) != 0 {
            let result = percent(left, right);
            if !result.is_null() {
                return result;
            }
        }
        if let Some(result) = by_number_methods(op, left, right) {
            return result;
        }
        let inplace = op >= nb::IN_PLACE;
        let function: binaryfunc = match (op % nb::IN_PLACE, inplace) {
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
