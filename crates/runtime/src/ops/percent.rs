//! `format % values` where the format has no conversions but plain `%s` and `%d` and the values are strings and ints: they are
//! put together without looking for flags, widths and mappings.

use pyo3_ffi::*;
use smallvec::SmallVec;
use std::io::Write;
use std::ptr::null_mut;

/// A part of the result.
enum Part {
    /// So many characters of a string, from an index on.
    Of {
        string: *mut PyObject,
        start: Py_ssize_t,
        length: Py_ssize_t,
    },
    /// An int, in as many of the bytes.
    Digits { text: [u8; 20], length: u8 },
}

impl Part {
    /// Characters.
    fn length(&self) -> Py_ssize_t {
        match *self {
            Part::Of { length, .. } => length,
            Part::Digits { length, .. } => length.into(),
        }
    }

    /// An exact int with a value of 64 bits, in decimal.
    unsafe fn of_int(number: *mut PyObject) -> Option<Part> {
        // SAFETY: a live object.
        unsafe {
            if PyLong_CheckExact(number) == 0 {
                return None;
            }
            let mut overflow = 0;
            let value = PyLong_AsLongLongAndOverflow(number, &raw mut overflow);
            if overflow != 0 {
                return None;
            }
            let mut text = [0; 20];
            let mut rest = &mut text[..];
            write!(rest, "{value}").ok()?;
            let length = 20 - rest.len() as u8;
            Some(Part::Digits { text, length })
        }
    }

    /// What `%s` or `%d` (with nothing in between) stands for; `None` where that is more than this file knows.
    unsafe fn of(conversion: u8, value: *mut PyObject) -> Option<Part> {
        // SAFETY: a live object.
        unsafe {
            match conversion {
                b's' if PyUnicode_CheckExact(value) != 0 => Some(Part::Of {
                    string: value,
                    start: 0,
                    length: PyUnicode_GET_LENGTH(value),
                }),
                b's' | b'd' | b'i' => Part::of_int(value),
                _ => None,
            }
        }
    }

    /// The greatest character that a string of this part's kind may have.
    unsafe fn widest(&self) -> Py_UCS4 {
        let Part::Of { string, .. } = *self else {
            return 127;
        };
        // SAFETY: a live string.
        unsafe {
            if PyUnicode_IS_ASCII(string) != 0 {
                return 127;
            }
            match PyUnicode_KIND(string) {
                kind if kind == PyUnicode_1BYTE_KIND => 0xff,
                kind if kind == PyUnicode_2BYTE_KIND => 0xffff,
                _ => 0x10_ffff,
            }
        }
    }

    /// Writes the part into a string of ASCII characters, which has room for it; the part is ASCII as well.
    unsafe fn write_bytes(&self, to: *mut u8) {
        // SAFETY: see the contract; an ASCII string's characters are its bytes.
        unsafe {
            let from = match self {
                Part::Of { string, start, .. } => PyUnicode_DATA(*string).cast::<u8>().offset(*start).cast_const(),
                Part::Digits { text, .. } => text.as_ptr(),
            };
            std::ptr::copy_nonoverlapping(from, to, self.length() as usize);
        }
    }

    /// Writes the part into a new string that has room for it, from an index on.
    unsafe fn write(&self, result: *mut PyObject, at: Py_ssize_t) -> bool {
        // SAFETY: see the contract.
        unsafe {
            match self {
                Part::Of { string, start, length } => {
                    PyUnicode_CopyCharacters(result, at, *string, *start, *length) >= 0
                }
                Part::Digits { text, length } => {
                    let mut digits = (at..).zip(&text[..usize::from(*length)]);
                    digits.all(|(at, &digit)| PyUnicode_WriteChar(result, at, digit.into()) == 0)
                }
            }
        }
    }
}

/// Parts of usual formats, which need no memory of their own.
type Parts = SmallVec<[Part; 8]>;

/// The parts that the result consists of; `None` where anything else is asked for.
unsafe fn parts_of(format: *mut PyObject, values: &[*mut PyObject]) -> Option<Parts> {
    // SAFETY: live strings; an ASCII string's characters are its bytes.
    unsafe {
        if PyUnicode_IS_COMPACT_ASCII(format) == 0 {
            return None;
        }
        let bytes = std::slice::from_raw_parts(
            PyUnicode_DATA(format).cast::<u8>(),
            PyUnicode_GET_LENGTH(format) as usize,
        );
        let mut values = values.iter();
        let mut parts = Parts::new();
        let mut from = 0;
        let mut push = |part: Part| {
            if part.length() != 0 {
                parts.push(part);
            }
        };
        let text = |from: usize, length: usize| Part::Of {
            string: format,
            start: from as Py_ssize_t,
            length: length as Py_ssize_t,
        };
        while let Some(length) = bytes[from..].iter().position(|&byte| byte == b'%') {
            let &conversion = bytes.get(from + length + 1)?;
            let value = Part::of(conversion, *values.next()?)?;
            push(text(from, length));
            push(value);
            from += length + 2;
        }
        push(text(from, bytes.len() - from));
        values.next().is_none().then_some(parts)
    }
}

/// `format % values` of an exact str and anything; NULL, without an exception, where this file has no way of its own.
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn percent(format: *mut PyObject, values: *mut PyObject) -> *mut PyObject {
    // SAFETY: see the contract; the new string is filled in before anybody sees it.
    unsafe {
        let one = [values];
        let given = if PyTuple_CheckExact(values) != 0 {
            let items = (&raw const (*values.cast::<PyTupleObject>()).ob_item).cast::<*mut PyObject>();
            std::slice::from_raw_parts(items, Py_SIZE(values) as usize)
        } else {
            &one[..]
        };
        let Some(parts) = parts_of(format, given) else {
            return null_mut();
        };
        // Of one part the result may be that very string; strings of one character or none exist once.
        let length = parts.iter().map(Part::length).sum::<Py_ssize_t>();
        if parts.len() < 2 || length < 2 {
            return null_mut();
        }
        let widest = parts.iter().map(|part| part.widest()).max().unwrap_or(127);
        let result = PyUnicode_New(length, widest);
        if result.is_null() {
            PyErr_Clear();
            return null_mut();
        }
        let mut at = 0;
        for part in &parts {
            if widest == 127 {
                part.write_bytes(PyUnicode_DATA(result).cast::<u8>().offset(at));
            } else if !part.write(result, at) {
                PyErr_Clear();
                Py_DECREF(result);
                return null_mut();
            }
            at += part.length();
        }
        result
    }
}
