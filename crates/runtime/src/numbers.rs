//! Boxing of ints and floats, and arithmetic on them where compiled code's own fast path did not apply.
//!
//! Float objects that die in compiled code are kept on a free list and used again: a box then costs a few
//! instructions instead of two calls of the allocator. Ints whose digit fits one place are treated likewise, and so are
//! finished generators (`generator::pool`).

use crate::bigints;
use crate::feedback;
use crate::layout::TPFLAGS_INLINE_VALUES;
use crate::ops;
use crate::ops::reference::{PyResult, Raised};
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Ints from here to [`SMALL_INT_MAX`] exist once, as in the interpreter (`_PY_NSMALLNEGINTS`, `_PY_NSMALLPOSINTS`).
pub const SMALL_INT_MIN: i64 = -5;
pub const SMALL_INT_MAX: i64 = 256;
/// How many small ints there are.
pub const SMALL_INTS: usize = (SMALL_INT_MAX - SMALL_INT_MIN + 1) as usize;
/// Magnitude that fits one digit of an int (`PyLong_SHIFT` is 30).
pub const DIGIT_LIMIT: i64 = 1 << 30;

/// An int of at most one digit, as it lies in memory.
#[repr(C)]
struct CompactLong {
    ob_base: PyObject,
    lv_tag: usize,
    ob_digit: u32,
}

#[repr(C)]
struct FreeList {
    /// Dead objects, linked through the word where their value was.
    head: *mut PyObject,
    count: usize,
}

/// Numbers kept for when there is no memory.
const RESERVE: usize = 64;
/// Dead objects kept of one type.
const FREE_LIST_LIMIT: usize = 256;

/// Addresses that compiled code knows.
#[repr(C)]
pub struct Shared {
    floats: FreeList,
    ints: FreeList,
    /// Ints of two digits.
    wide_ints: FreeList,
    /// Ints of three digits.
    long_ints: FreeList,
    /// Floats, and ints with room for three digits, for when there is no memory.
    reserve_floats: FreeList,
    reserve_ints: FreeList,
    pub small_ints: [*mut PyObject; SMALL_INTS],
}

/// The one instance of [`Shared`]; the GIL guards it.
pub static mut SHARED: Shared = Shared {
    floats: FreeList {
        head: null_mut(),
        count: 0,
    },
    ints: FreeList {
        head: null_mut(),
        count: 0,
    },
    wide_ints: FreeList {
        head: null_mut(),
        count: 0,
    },
    long_ints: FreeList {
        head: null_mut(),
        count: 0,
    },
    reserve_floats: FreeList {
        head: null_mut(),
        count: 0,
    },
    reserve_ints: FreeList {
        head: null_mut(),
        count: 0,
    },
    small_ints: [null_mut(); SMALL_INTS],
};

/// Fills in the table of small ints.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: small ints are immortal objects of the interpreter.
    unsafe {
        let shared = &raw mut SHARED;
        for index in 0..SMALL_INTS {
            let number = PyLong_FromLongLong(SMALL_INT_MIN + index as i64);
            if number.is_null() {
                return Err(Raised);
            }
            (*shared).small_ints[index] = number;
        }
        for _ in 0..RESERVE {
            let (float, int) = (PyFloat_FromDouble(0.5), PyLong_FromLongLong(i64::MAX));
            if float.is_null() || int.is_null() {
                return Err(Raised);
            }
            push(&raw mut SHARED.reserve_floats, float);
            push(&raw mut SHARED.reserve_ints, int);
        }
        Ok(())
    }
}

/// Writes an int's tag and digits over an object with room for three digits.
unsafe fn write_digits(object: *mut PyObject, value: i64) {
    // SAFETY: see above.
    unsafe {
        let number = object.cast::<CompactLong>();
        let digits = (&raw mut (*number).ob_digit).cast::<u32>();
        let mut rest = value.unsigned_abs();
        let mut count = 0;
        while count == 0 || rest != 0 {
            digits.add(count).write((rest & (DIGIT_LIMIT as u64 - 1)) as u32);
            rest >>= 30;
            count += 1;
        }
        let sign = match value {
            0 => 1,
            1.. => 0,
            _ => 2,
        };
        (*number).lv_tag = (count << 3) | sign;
    }
}

/// Writes over an int that nobody else has, if it has room; `false` if not, and nothing has changed.
///
/// # Safety
/// A live object of any type with one reference; the value is none of the small ints.
pub unsafe fn overwrite_int(object: *mut PyObject, value: i64) -> bool {
    // SAFETY: an exact int has as many digits as its tag says.
    unsafe {
        if !is_int(object) {
            return false;
        }
        let digits = (*object.cast::<CompactLong>()).lv_tag >> 3;
        let wanted = (64 - value.unsigned_abs().leading_zeros() as usize).div_ceil(30);
        if digits < wanted {
            return false;
        }
        write_digits(object, value);
        true
    }
}

/// An object of a number's type without a value, as the interpreter makes it; from the reserve where there is no memory,
/// since what is an object in the interpreter may be made here at a place where nothing can be raised.
unsafe fn allocate(ty: *mut PyTypeObject, size: usize, reserve: *mut FreeList) -> *mut PyObject {
    // SAFETY: objects on the list are dead and ours, with room for three digits.
    unsafe {
        let memory = PyObject_Malloc(size);
        if !memory.is_null() {
            return PyObject_Init(memory.cast(), ty);
        }
        let object = pop(reserve);
        if object.is_null() {
            Py_FatalError(c"no memory for a number".as_ptr());
        }
        object
    }
}

#[inline]
unsafe fn pop(list: *mut FreeList) -> *mut PyObject {
    // SAFETY: objects on the list are dead and ours; the link lies at offset 16.
    unsafe {
        let object = (*list).head;
        if !object.is_null() {
            (*list).head = object.cast::<u8>().add(16).cast::<*mut PyObject>().read();
            (*list).count -= 1;
            object.cast::<isize>().write(1);
        }
        object
    }
}

#[inline]
unsafe fn push(list: *mut FreeList, object: *mut PyObject) -> bool {
    // SAFETY: the object is dead: nobody else knows it.
    unsafe {
        if (*list).count >= FREE_LIST_LIMIT {
            return false;
        }
        object.cast::<u8>().add(16).cast::<*mut PyObject>().write((*list).head);
        (*list).head = object;
        (*list).count += 1;
        true
    }
}

/// A float object of this value.
///
/// # Safety
/// The GIL is held.
#[inline]
pub unsafe fn new_float(value: f64) -> *mut PyObject {
    // SAFETY: an object from the list is a float without a value.
    unsafe {
        let object = pop(&raw mut SHARED.floats);
        if object.is_null() {
            return PyFloat_FromDouble(value);
        }
        object.cast::<u8>().add(16).cast::<f64>().write(value);
        object
    }
}

/// An int object of this value.
///
/// # Safety
/// The GIL is held.
#[inline]
pub unsafe fn new_int(value: i64) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        let object = ready_int(value);
        if object.is_null() {
            PyLong_FromLongLong(value)
        } else {
            object
        }
    }
}

/// An int object of this value that need not be allocated, or NULL.
#[inline]
unsafe fn ready_int(value: i64) -> *mut PyObject {
    // SAFETY: small ints are immortal; an object from the list is an int with room for one digit.
    unsafe {
        if (SMALL_INT_MIN..=SMALL_INT_MAX).contains(&value) {
            return (&raw mut SHARED.small_ints)
                .cast::<*mut PyObject>()
                .add((value - SMALL_INT_MIN) as usize)
                .read();
        }
        if value.unsigned_abs() < DIGIT_LIMIT as u64 {
            let object = pop(&raw mut SHARED.ints);
            if !object.is_null() {
                let number = object.cast::<CompactLong>();
                (*number).lv_tag = (1 << 3) | if value < 0 { 2 } else { 0 };
                (*number).ob_digit = value.unsigned_abs() as u32;
                return object;
            }
        }
        if value.unsigned_abs() >> 60 == 0 && value.unsigned_abs() >= DIGIT_LIMIT as u64 {
            let object = pop(&raw mut SHARED.wide_ints);
            if !object.is_null() {
                let number = object.cast::<CompactLong>();
                (*number).lv_tag = (2 << 3) | if value < 0 { 2 } else { 0 };
                let digits = (&raw mut (*number).ob_digit).cast::<u32>();
                digits.write(value.unsigned_abs() as u32 & (DIGIT_LIMIT as u32 - 1));
                digits.add(1).write((value.unsigned_abs() >> 30) as u32);
                return object;
            }
        }
        if value.unsigned_abs() >> 60 != 0 {
            let object = pop(&raw mut SHARED.long_ints);
            if !object.is_null() {
                write_digits(object, value);
                return object;
            }
        }
        null_mut()
    }
}

/// Gives up a reference; a float or int that dies goes to the free list.
#[inline]
unsafe fn release(object: *mut PyObject) {
    // SAFETY: the caller owns the reference.
    unsafe {
        if Py_REFCNT(object) == 1 {
            object.cast::<isize>().write(0);
            deallocate(object);
        } else {
            Py_DECREF(object);
        }
    }
}

/// The value of an int object if it has at most one digit.
///
/// # Safety
/// `object` is an int (a subclass's instance too).
#[inline]
pub unsafe fn compact_value(object: *mut PyObject) -> Option<i64> {
    // SAFETY: every int has a tag and one digit.
    unsafe {
        let number = object.cast::<CompactLong>();
        let tag = (*number).lv_tag;
        (tag < 16).then(|| (1 - (tag & 3) as i64) * i64::from((*number).ob_digit))
    }
}

#[inline]
fn is_float(object: *mut PyObject) -> bool {
    // SAFETY: callers pass live objects.
    unsafe { PyFloat_CheckExact(object) != 0 }
}

#[inline]
fn is_int(object: *mut PyObject) -> bool {
    // SAFETY: callers pass live objects.
    unsafe { PyLong_CheckExact(object) != 0 }
}

/// The operand as a float, if the interpreter's float arithmetic would take it so without running Python code.
#[inline]
unsafe fn as_float(object: *mut PyObject) -> Option<f64> {
    // SAFETY: the type was looked at.
    unsafe {
        if is_float(object) {
            Some(PyFloat_AS_DOUBLE(object))
        } else if is_int(object) {
            compact_value(object).map(|value| value as f64)
        } else {
            None
        }
    }
}

/// `a // b` as Python rounds it.
fn floor_div(a: i64, b: i64) -> i64 {
    let quotient = a / b;
    if a % b != 0 && (a < 0) != (b < 0) {
        quotient - 1
    } else {
        quotient
    }
}

/// The value of an int of at most two digits.
///
/// # Safety
/// `object` is an int.
#[inline]
unsafe fn short_value(object: *mut PyObject) -> Option<i64> {
    // SAFETY: an int has as many digits as its tag says.
    unsafe {
        if let Some(value) = compact_value(object) {
            return Some(value);
        }
        let number = object.cast::<CompactLong>();
        let tag = (*number).lv_tag;
        if tag >> 3 != 2 {
            return None;
        }
        let digits = (&raw const (*number).ob_digit).cast::<u32>();
        let magnitude = i64::from(digits.read()) | i64::from(digits.add(1).read()) << 30;
        Some(if tag & 3 == 2 { -magnitude } else { magnitude })
    }
}

/// The fast cases of a binary operator on exact ints of two digits at most; NULL when it is none of them.
unsafe fn small_int_op(op: i32, a: i64, b: i64) -> *mut PyObject {
    // SAFETY: the GIL is held.
    unsafe {
        // The in-place operators follow the plain ones in the same order (`NB_INPLACE_ADD` is 13).
        let small = a.unsigned_abs() < DIGIT_LIMIT as u64 && b.unsigned_abs() < DIGIT_LIMIT as u64;
        let value = match op % 13 {
            0 => a + b,
            1 => a & b,
            2 if b != 0 => floor_div(a, b),
            3 if (0..=32).contains(&b) && a.unsigned_abs() < DIGIT_LIMIT as u64 => a << b,
            5 => match a.checked_mul(b) {
                Some(product) => product,
                None => return null_mut(),
            },
            6 if b != 0 => a - floor_div(a, b) * b,
            7 => a | b,
            9 if b >= 0 => a >> b.min(63),
            10 => a - b,
            // Both are floats without rounding.
            11 if b != 0 && small => return new_float(a as f64 / b as f64),
            12 => a ^ b,
            _ => return null_mut(),
        };
        new_int(value)
    }
}

/// The fast cases of a binary operator on floats; `None` when it is none of them.
fn float_op(op: i32, a: f64, b: f64) -> Option<f64> {
    Some(match op % 13 {
        0 => a + b,
        5 => a * b,
        10 => a - b,
        11 if b != 0.0 => a / b,
        _ => return None,
    })
}

/// The fast cases of a binary operator on any objects (borrowed): NULL, with no exception, when it is none of them.
///
/// # Safety
/// The GIL is held; live objects.
#[inline]
pub unsafe fn plain_operator(op: i32, a: *mut PyObject, b: *mut PyObject) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        if is_int(a) && is_int(b) {
            if let (Some(x), Some(y)) = (short_value(a), short_value(b)) {
                return small_int_op(op, x, y);
            }
            return bigints::operator(op, a, b);
        } else if (is_float(a) || is_float(b))
            && let (Some(x), Some(y)) = (as_float(a), as_float(b))
            && let Some(result) = float_op(op, x, y)
        {
            return new_float(result);
        }
        null_mut()
    }
}

/// The fast cases of a comparison of any objects, whose result is a truth.
///
/// # Safety
/// Live objects.
#[inline]
pub unsafe fn plain_comparison(op: i32, a: *mut PyObject, b: *mut PyObject) -> Option<bool> {
    // SAFETY: see the contract.
    unsafe {
        if is_int(a) && is_int(b) {
            let (x, y) = (compact_value(a)?, compact_value(b)?);
            return Some(compare_values(op, &x, &y));
        }
        if is_float(a) || is_float(b) {
            let (x, y) = (as_float(a)?, as_float(b)?);
            return Some(compare_values(op, &x, &y));
        }
        None
    }
}

/// A comparison by its number (`Py_LT` and so on).
#[inline]
fn compare_values<T: PartialOrd>(op: i32, x: &T, y: &T) -> bool {
    match op {
        0 => x < y,
        1 => x <= y,
        2 => x == y,
        3 => x != y,
        4 => x > y,
        _ => x >= y,
    }
}

runtime_fns! {
    /// `COMPARE_OP` whose result is an object (operands borrowed).
    COMPARE_OBJECT = fn compare_object(op: i32, a: *mut PyObject, b: *mut PyObject, site: *mut u8) -> *mut PyObject {
        feedback::operands(site, a, b);
        ops::numbers::compare(op, a, b)
    }

    /// A float object, certainly.
    MAKE_FLOAT = fn make_float(value: f64) -> *mut PyObject {
        let mut object = pop(&raw mut SHARED.floats);
        if object.is_null() {
            object = allocate(&raw mut PyFloat_Type, 24, &raw mut SHARED.reserve_floats);
        }
        object.cast::<u8>().add(16).cast::<f64>().write(value);
        object
    }

    /// An int object, certainly.
    MAKE_INT = fn make_int(value: i64) -> *mut PyObject {
        let object = ready_int(value);
        if !object.is_null() {
            return object;
        }
        let bits = 64 - value.unsigned_abs().leading_zeros() as usize;
        let size = std::mem::offset_of!(CompactLong, ob_digit) + 4 * bits.div_ceil(30).max(1);
        let object = allocate(&raw mut PyLong_Type, size, &raw mut SHARED.reserve_ints);
        write_digits(object, value);
        object
    }

    /// Writes the value of an exact int, and says whether 64 bits have room for it (if not, what is written means nothing).
    INT_WORD = fn int_word(object: *mut PyObject, value: *mut i64) -> i32 {
        if let Some(short) = short_value(object) {
            *value = short;
            return 1;
        }
        let number = object.cast::<CompactLong>();
        let tag = (*number).lv_tag;
        let digits = (&raw const (*number).ob_digit).cast::<u32>();
        if tag >> 3 == 3 && digits.add(2).read() < 1 << 3 {
            let [low, middle, high] = [0, 1, 2].map(|at| i64::from(digits.add(at).read()));
            let magnitude = low | middle << 30 | high << 60;
            *value = if tag & 3 == 2 { -magnitude } else { magnitude };
            return 1;
        }
        let mut overflow = 0;
        *value = PyLong_AsLongLongAndOverflow(object, &raw mut overflow);
        (overflow == 0).into()
    }

    /// Ends an object whose reference count has become zero.
    DEALLOCATE = fn deallocate(object: *mut PyObject) {
        let kept = if is_float(object) {
            push(&raw mut SHARED.floats, object)
        } else if is_int(object) {
            match (*object.cast::<CompactLong>()).lv_tag >> 3 {
                0 | 1 => push(&raw mut SHARED.ints, object),
                2 => push(&raw mut SHARED.wide_ints, object),
                3 => push(&raw mut SHARED.long_ints, object),
                _ => false,
            }
        } else {
            let ty = Py_TYPE(object);
            if PyType_HasFeature(ty, TPFLAGS_INLINE_VALUES) != 0 {
                crate::ending::end_instance(object)
            } else {
                crate::generator::recycle(object)
            }
        };
        if !kept {
            crate::ending::end_items(object);
            crate::api::_Py_Dealloc(object);
        }
    }

    /// Gives up a reference.
    DROP = takes(object) fn drop_reference(object: *mut PyObject) {
        release(object);
    }

    /// Gives up two references.
    DROP_TWO = fn drop_two(one: *mut PyObject, other: *mut PyObject) {
        release(one);
        release(other);
    }

    /// `BINARY_OP` (operands borrowed).
    BINARY = fn binary(op: i32, a: *mut PyObject, b: *mut PyObject, site: *mut u8) -> *mut PyObject {
        feedback::operands(site, a, b);
        let result = plain_operator(op, a, b);
        if result.is_null() {
            ops::numbers::binary_op(op, a, b)
        } else {
            result
        }
    }

    /// `COMPARE_OP` whose result is tested (operands borrowed): 0, 1, or -1 with an exception.
    COMPARE_TEST = fn compare_test(op: i32, a: *mut PyObject, b: *mut PyObject, site: *mut u8) -> i32 {
        feedback::operands(site, a, b);
        if let Some(truth) = plain_comparison(op, a, b) {
            return truth.into();
        }
        if (op == Py_EQ || op == Py_NE) && PyUnicode_CheckExact(a) != 0 && PyUnicode_CheckExact(b) != 0 {
            let equal = a == b || string_equal(a, b);
            return (equal == (op == Py_EQ)).into();
        }
        ops::numbers::compare_bool(op, a, b)
    }
}

/// Whether two exact strings have the same text.
///
/// # Safety
/// Both are live exact strings.
pub unsafe fn string_equal(a: *mut PyObject, b: *mut PyObject) -> bool {
    // SAFETY: see the contract; both buffers hold length * kind bytes.
    unsafe {
        let length = PyUnicode_GET_LENGTH(a);
        if length != PyUnicode_GET_LENGTH(b) {
            return false;
        }
        let kind = PyUnicode_KIND(a);
        if kind != PyUnicode_KIND(b) {
            return false;
        }
        let size = length as usize * kind as usize;
        let left = std::slice::from_raw_parts(PyUnicode_DATA(a).cast::<u8>(), size);
        let right = std::slice::from_raw_parts(PyUnicode_DATA(b).cast::<u8>(), size);
        left == right
    }
}
