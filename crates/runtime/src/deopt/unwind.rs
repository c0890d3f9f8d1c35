//! Where an exception goes, read off a code object.

use crate::layout::Code;
use pyo3_ffi::*;

/// An exception handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Handler {
    /// Byte offset of its first instruction.
    pub target: u32,
    /// Operand stack items that stay.
    pub depth: u32,
    /// Where it was raised is pushed before the exception.
    pub push_lasti: bool,
}

/// Reads one number of an exception table: six bits a byte, the most significant first, a bit that says that more follow.
fn number(bytes: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let mut byte = bytes.next()?;
    let mut value = u32::from(byte & 63);
    while byte & 64 != 0 {
        byte = bytes.next()?;
        value = value << 6 | u32::from(byte & 63);
    }
    Some(value)
}

/// The handler of an instruction, by the entries of an exception table: start, length, target (all in code units), and depth
/// with the flag in its lowest bit.
fn find(table: &[u8], offset: u32) -> Option<Handler> {
    let unit = offset / 2;
    let mut bytes = table.iter().copied();
    // The entries are in the order of their starts and do not overlap.
    loop {
        let start = number(&mut bytes)?;
        let length = number(&mut bytes)?;
        let target = number(&mut bytes)?;
        let depth = number(&mut bytes)?;
        if start > unit {
            return None;
        }
        if unit < start + length {
            return Some(Handler {
                target: target * 2,
                depth: depth >> 1,
                push_lasti: depth & 1 != 0,
            });
        }
    }
}

/// Where exceptions of the instruction at a byte offset go, if not out of the function.
///
/// # Safety
/// The GIL is held; a live code object.
pub(super) unsafe fn handler_of(code: *mut Code, offset: u32) -> Option<Handler> {
    // SAFETY: the table is a bytes object that lives as long as the code.
    unsafe {
        let table = (*code).co_exceptiontable;
        let bytes = std::slice::from_raw_parts(PyBytes_AsString(table).cast::<u8>(), PyBytes_Size(table) as usize);
        find(bytes, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_entry_that_covers_an_offset() {
        // Units 2..5 to unit 70 (two bytes), depth 1; units 5..6 to unit 9, depth 3, with the offset pushed.
        let table = [0x82, 3, 0x41, 6, 2, 0x85, 1, 9, 7];
        assert_eq!(find(&table, 2), None);
        for offset in [4, 6, 8] {
            let handler = find(&table, offset).unwrap();
            assert_eq!((handler.target, handler.depth, handler.push_lasti), (140, 1, false));
        }
        let handler = find(&table, 10).unwrap();
        assert_eq!((handler.target, handler.depth, handler.push_lasti), (18, 3, true));
        assert_eq!(find(&table, 12), None);
        assert_eq!(find(&[], 0), None);
    }
}
