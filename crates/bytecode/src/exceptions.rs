//! The exception table: which handler covers which instructions.

use crate::error::{DecodeError, Problem};
use crate::function::{ExceptionEntry, Handler, Instruction, index_at};

/// Reads a number in six-bit groups, the highest first, bit 6 set in all but the last; bit 7 marks an entry's first byte.
fn varint(table: &[u8], at: &mut usize, begins_entry: bool) -> Result<u32, DecodeError> {
    let mut value = 0u32;
    let mut first = begins_entry;
    loop {
        let byte = *table
            .get(*at)
            .ok_or(DecodeError::exceptions(*at, Problem::TruncatedEntry))?;
        if (byte & 0x80 != 0) != first {
            let problem = if first {
                Problem::MisplacedEntry
            } else {
                Problem::TruncatedEntry
            };
            return Err(DecodeError::exceptions(*at, problem));
        }
        first = false;
        // Code has less than 2**31 bytes, so that 30 bits hold any offset in code units.
        if value >= 1 << 24 {
            return Err(DecodeError::exceptions(*at, Problem::NumberTooLarge));
        }
        value = (value << 6) | u32::from(byte & 0x3f);
        *at += 1;
        if byte & 0x40 == 0 {
            return Ok(value);
        }
    }
}

/// Reads `co_exceptiontable`.
pub(crate) fn parse(table: &[u8], instructions: &[Instruction]) -> Result<Vec<ExceptionEntry>, DecodeError> {
    let mut entries: Vec<ExceptionEntry> = Vec::new();
    let code_end = instructions.last().map_or(0, |last| last.next);
    let mut at = 0;
    while at < table.len() {
        let entry_at = at;
        let fail = |problem| Err(DecodeError::exceptions(entry_at, problem));
        let start = varint(table, &mut at, true)?;
        let length = varint(table, &mut at, false)?;
        let target = varint(table, &mut at, false)?;
        let depth_and_lasti = varint(table, &mut at, false)?;
        // Numbers are of 30 bits, so that neither the sizes in bytes nor their sum overflows.
        let (start, length, target) = (2 * start, 2 * length, 2 * target);
        let end = start + length;
        let Ok(depth) = u16::try_from(depth_and_lasti >> 1) else {
            return fail(Problem::NumberTooLarge);
        };
        let is_boundary = |offset| begins_at(instructions, offset);
        if length == 0 || !is_boundary(start) || (end != code_end && !is_boundary(end)) {
            return fail(Problem::BadRegion { start, end });
        }
        if entries.last().is_some_and(|last| start < last.end) {
            return fail(Problem::UnorderedRegions);
        }
        if !is_boundary(target) {
            return fail(Problem::BadHandler { target });
        }
        let handler = Handler {
            target,
            depth,
            push_lasti: depth_and_lasti & 1 == 1,
        };
        entries.push(ExceptionEntry { start, end, handler });
    }
    Ok(entries)
}

/// Whether an instruction, its `EXTENDED_ARG`s included, begins at this byte offset.
pub(crate) fn begins_at(instructions: &[Instruction], offset: u32) -> bool {
    index_at(instructions, offset).is_some_and(|index| instructions[index].start == offset)
}

/// Gives each instruction its handler.
pub(crate) fn assign(entries: &[ExceptionEntry], instructions: &mut [Instruction]) {
    let mut remaining = entries.iter().peekable();
    for instruction in instructions {
        while remaining.next_if(|entry| entry.end <= instruction.offset).is_some() {}
        instruction.handler = remaining
            .peek()
            .filter(|entry| entry.start <= instruction.offset)
            .map(|entry| entry.handler);
    }
}
