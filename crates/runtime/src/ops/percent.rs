//! `format % values` where the format has no conversions but plain `%s` and the values are strings: they are put together
//! without looking for flags, widths and mappings.

use pyo3_ffi::*;
use std::ptr::null_mut;

/// Strings to be put together, at most.
const PARTS: usize = 16;

/// A part of the result: so many characters of a string, from an index on.
#[derive(Clone, Copy)]
struct Part {
    string: *mut PyObject,
    start: Py_ssize_t,
    length: Py_ssize_t,
}

/// The greatest character that a string of this one's kind may have.
unsafe fn widest_of(string: *mut PyObject) -> Py_UCS4 {
    // SAFETY: a live string.
    unsafe {
        let kind = PyUnicode_KIND(string);
        if PyUnicode_IS_ASCII(string) != 0 {
            127
        } else if kind == PyUnicode_1BYTE_KIND {
            0xff
        } else if kind == PyUnicode_2BYTE_KIND {
            0xffff
        } else {
            0x10_ffff
        }
    }
}

/// The parts that the result consists of, in `parts`, and how many there are; `None` where anything else is asked for.
unsafe fn parts_of(format: *mut PyObject, values: &[*mut PyObject], parts: &mut [Part; PARTS]) -> Option<usize> {
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
        let (mut count, mut from) = (0, 0);
        let mut push = |part: Part| {
            if part.length != 0 {
                *parts.get_mut(count)? = part;
                count += 1;
            }
            Some(())
        };
        while let Some(at) = bytes[from..].iter().position(|&byte| byte == b'%') {
            if bytes.get(from + at + 1) != Some(&b's') {
                return None;
            }
            push(Part {
                string: format,
                start: from as Py_ssize_t,
                length: at as Py_ssize_t,
            })?;
            let &string = values.next()?;
            if PyUnicode_CheckExact(string) == 0 {
                return None;
            }
            push(Part {
                string,
                start: 0,
                length: PyUnicode_GET_LENGTH(string),
            })?;
            from += at + 2;
        }
        push(Part {
            string: format,
            start: from as Py_ssize_t,
            length: (bytes.len() - from) as Py_ssize_t,
        })?;
        values.next().is_none().then_some(count)
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
        let nothing = Part {
            string: null_mut(),
            start: 0,
            length: 0,
        };
        let mut parts = [nothing; PARTS];
        let Some(count) = parts_of(format, given, &mut parts) else {
            return null_mut();
        };
        // Of one part the result may be that very string; strings of one character or none exist once.
        let parts = &parts[..count];
        let length = parts.iter().map(|part| part.length).sum::<Py_ssize_t>();
        if count < 2 || length < 2 {
            return null_mut();
        }
        let widest = parts.iter().map(|part| widest_of(part.string)).max();
        let result = PyUnicode_New(length, widest.unwrap_or(127));
        if result.is_null() {
            PyErr_Clear();
            return null_mut();
        }
        let mut at = 0;
        if widest == Some(127) {
            let to = PyUnicode_DATA(result).cast::<u8>();
            for part in parts {
                let from = PyUnicode_DATA(part.string).cast::<u8>().offset(part.start);
                std::ptr::copy_nonoverlapping(from, to.offset(at), part.length as usize);
                at += part.length;
            }
            return result;
        }
        for part in parts {
            if PyUnicode_CopyCharacters(result, at, part.string, part.start, part.length) < 0 {
                PyErr_Clear();
                Py_DECREF(result);
                return null_mut();
            }
            at += part.length;
        }
        result
    }
}
