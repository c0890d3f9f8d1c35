//! What compiled code has seen at its instructions: a byte of bits each, written by the runtime's ways of doing them
//! and read when the code is compiled again.

use pyo3_ffi::*;

/// Bits of a site's byte; each family of instructions uses its own.
pub mod seen {
    /// Operands: two ints, two numbers one of which is a float, strings, anything else.
    pub const INT: u8 = 1;
    pub const FLOAT: u8 = 2;
    pub const STR: u8 = 4;
    /// Containers and iterators.
    pub const LIST: u8 = 8;
    pub const TUPLE: u8 = 16;
    pub const DICT: u8 = 32;
    pub const RANGE: u8 = 64;
    /// Iterators and awaitables that are generators or coroutines.
    pub const GENERATOR: u8 = 1;
    /// Truth of a bool or None.
    pub const BOOL: u8 = 64;
    /// Attributes: an inline value or slot, a method of the class, an attribute of one module or class, what lies in an
    /// instance's own dictionary.
    pub const VALUE: u8 = 1;
    pub const METHOD: u8 = 2;
    pub const ONE_OBJECT: u8 = 4;
    pub const HINT: u8 = 8;
    /// Attributes of more than one shape.
    pub const MORE: u8 = 16;
    /// Callee: a compiled Python function, a class with such an `__init__`, something written in C. The call's site
    /// says more.
    pub const PYTHON: u8 = 1;
    pub const CLASS: u8 = 2;
    pub const C: u8 = 4;
    pub const OTHER: u8 = 128;
}

/// Notes what an operator's operands are.
///
/// # Safety
/// Live objects; `site` points into a version's feedback.
#[inline]
pub unsafe fn operands(site: *mut u8, a: *mut PyObject, b: *mut PyObject) {
    // SAFETY: see the contract.
    unsafe {
        let (left, right) = (Py_TYPE(a), Py_TYPE(b));
        let long = &raw mut PyLong_Type;
        let float = &raw mut PyFloat_Type;
        let bit = if left == long && right == long {
            seen::INT
        } else if (left == float || left == long) && (right == float || right == long) {
            seen::FLOAT
        } else if left == &raw mut PyUnicode_Type && right == left {
            seen::STR
        } else {
            seen::OTHER
        };
        site.write(site.read() | bit);
    }
}

/// Notes a container's type.
///
/// # Safety
/// As for [`operands`].
#[inline]
pub unsafe fn container(site: *mut u8, container: *mut PyObject) {
    // SAFETY: see the contract.
    unsafe {
        let tp = Py_TYPE(container);
        let bit = if tp == &raw mut PyList_Type {
            seen::LIST
        } else if tp == &raw mut PyTuple_Type {
            seen::TUPLE
        } else if tp == &raw mut PyDict_Type {
            seen::DICT
        } else if tp == &raw mut PyUnicode_Type {
            seen::STR
        } else {
            seen::OTHER
        };
        site.write(site.read() | bit);
    }
}

/// Adds a bit.
///
/// # Safety
/// `site` points into a version's feedback.
#[inline]
pub unsafe fn note(site: *mut u8, bit: u8) {
    // SAFETY: see the contract.
    unsafe { site.write(site.read() | bit) }
}
