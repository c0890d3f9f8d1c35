//! What builtins do where they are likely to raise an exception that nobody looks at: they say so, and raise none.

use crate::layout::offset;
use crate::numbers::make_int;
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Digits that a word has room for.
const DIGITS: usize = 18;

/// The characters of an ASCII string, without what `int` takes for spaces around them (`str.strip` strips more); None of
/// another string.
unsafe fn ascii<'a>(string: *mut PyObject) -> Option<&'a [u8]> {
    // SAFETY: a live str.
    unsafe {
        if PyUnicode_IS_COMPACT_ASCII(string) == 0 {
            return None;
        }
        let length = PyUnicode_GET_LENGTH(string) as usize;
        let bytes = std::slice::from_raw_parts(PyUnicode_1BYTE_DATA(string), length);
        let is_space = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ');
        let first = bytes.iter().position(|byte| !is_space(byte)).unwrap_or(length);
        let end = bytes
            .iter()
            .rposition(|byte| !is_space(byte))
            .map_or(first, |last| last + 1);
        Some(&bytes[first..end])
    }
}

runtime_fns! {
    /// `int(string)` (a str) where that is simple, else NULL without an exception.
    PARSE_INT = fn parse_int(string: *mut PyObject) -> *mut PyObject {
        let Some(text) = ascii(string) else { return null_mut() };
        let (negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits => (false, digits),
        };
        if digits.is_empty() || digits.len() > DIGITS || !digits.iter().all(u8::is_ascii_digit) {
            return null_mut();
        }
        let value = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        make_int(if negative { -value } else { value })
    }

    /// Whether `int(string)` (a str) is certain to raise ValueError.
    IS_NO_INT = fn is_no_int(string: *mut PyObject) -> i64 {
        let Some(text) = ascii(string) else { return 0 };
        let digits = match text {
            [b'-' | b'+', digits @ ..] => digits,
            digits => digits,
        };
        let may_be = |byte: &u8| byte.is_ascii_digit() || *byte == b'_';
        (digits.is_empty() || !digits.iter().all(may_be)).into()
    }

    /// The next item of an iterator that goes over a list, a tuple or a range; NULL at its end, where it stays as it is.
    NEXT_ITEM = fn next_item(iterator: *mut PyObject) -> *mut PyObject {
        if Py_TYPE(iterator) == &raw mut PyRangeIter_Type {
            let left = iterator.cast::<u8>().add(offset::RANGEITER_LEN as usize).cast::<i64>();
            if left.read() <= 0 {
                return null_mut();
            }
            let next = iterator.cast::<u8>().add(offset::RANGEITER_START as usize).cast::<i64>();
            let step = iterator.cast::<u8>().add(offset::RANGEITER_STEP as usize).cast::<i64>();
            let value = next.read();
            next.write(value.wrapping_add(step.read()));
            left.write(left.read() - 1);
            return make_int(value);
        }
        let sequence = iterator.cast::<u8>().add(offset::SEQITER_SEQ as usize).cast::<*mut PyObject>().read();
        let index = iterator.cast::<u8>().add(offset::SEQITER_INDEX as usize).cast::<Py_ssize_t>();
        if sequence.is_null() || index.read() < 0 || index.read() >= Py_SIZE(sequence) {
            return null_mut();
        }
        let at = index.read();
        index.write(at + 1);
        let item = match PyList_Check(sequence) {
            0 => PyTuple_GET_ITEM(sequence, at),
            _ => PyList_GET_ITEM(sequence, at),
        };
        Py_NewRef(item)
    }
}
