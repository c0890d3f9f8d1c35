//! The line table: which instruction came from where in the source.

use crate::error::{DecodeError, Problem};

/// A place in the source, as far as known.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Line, from 1.
    pub line: Option<i32>,
    /// Last line.
    pub end_line: Option<i32>,
    /// Column in UTF-8 bytes, from 0.
    pub column: Option<i32>,
    /// Column after the end.
    pub end_column: Option<i32>,
}

/// The positions of a code object's instructions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PositionTable {
    /// Byte offset where each run of code with one position begins, in order; the last run's position is empty.
    runs: Vec<(u32, Position)>,
}

/// A code of an entry in the line table, from the first byte's bits 3 to 6.
mod entry {
    /// The largest code of the short form: the columns in one more byte.
    pub const SHORT_LAST: u8 = 9;
    /// The largest code of the one-line form: line delta in the code, columns in two more bytes.
    pub const ONE_LINE_LAST: u8 = 12;
    /// Line delta only.
    pub const NO_COLUMNS: u8 = 13;
    /// All four numbers.
    pub const LONG: u8 = 14;
}

/// A cursor over the line table.
struct Reader<'a> {
    table: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, DecodeError> {
        let byte = *self
            .table
            .get(self.at)
            .ok_or(DecodeError::lines(self.at, Problem::TruncatedEntry))?;
        self.at += 1;
        Ok(byte)
    }

    /// A byte that is not an entry's first.
    fn payload(&mut self) -> Result<u8, DecodeError> {
        match self.byte()? {
            byte if byte & 0x80 == 0 => Ok(byte),
            _ => Err(DecodeError::lines(self.at - 1, Problem::TruncatedEntry)),
        }
    }

    /// A number in six-bit groups, the lowest first, bit 6 set in all but the last.
    fn varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u64;
        let mut shift = 0;
        loop {
            let byte = self.payload()?;
            value |= u64::from(byte & 0x3f) << shift;
            if value > u64::from(u32::MAX) {
                return Err(DecodeError::lines(self.at - 1, Problem::NumberTooLarge));
            }
            if byte & 0x40 == 0 {
                return Ok(value as u32);
            }
            shift += 6;
            if shift > 30 {
                return Err(DecodeError::lines(self.at - 1, Problem::NumberTooLarge));
            }
        }
    }

    /// A number with its sign in the lowest bit.
    fn signed_varint(&mut self) -> Result<i32, DecodeError> {
        let value = self.varint()?;
        let magnitude = (value >> 1) as i32;
        Ok(if value & 1 == 1 { -magnitude } else { magnitude })
    }

    /// A column, stored one higher, 0 for none.
    fn column(&mut self) -> Result<Option<i32>, DecodeError> {
        match self.varint()? {
            0 => Ok(None),
            value => match i32::try_from(value - 1) {
                Ok(column) => Ok(Some(column)),
                Err(_) => Err(DecodeError::lines(self.at - 1, Problem::NumberTooLarge)),
            },
        }
    }
}

impl PositionTable {
    /// Reads `co_linetable`.
    pub fn parse(table: &[u8], first_line: i32) -> Result<PositionTable, DecodeError> {
        let mut reader = Reader { table, at: 0 };
        let mut runs = Vec::with_capacity(table.len() / 3 + 1);
        let mut line = first_line;
        let mut offset = 0u32;
        while reader.at < table.len() {
            let entry_at = reader.at;
            let first = reader.byte()?;
            if first & 0x80 == 0 {
                return Err(DecodeError::lines(entry_at, Problem::MisplacedEntry));
            }
            let code = (first >> 3) & 0xf;
            let units = u32::from(first & 7) + 1;
            let mut advance = |delta: i32| {
                line = line
                    .checked_add(delta)
                    .ok_or(DecodeError::lines(entry_at, Problem::NumberTooLarge))?;
                Ok(line)
            };
            let position = if code <= entry::SHORT_LAST {
                let columns = reader.payload()?;
                let column = (i32::from(code) << 3) | i32::from(columns >> 4);
                let line = Some(line);
                let end_column = Some(column + i32::from(columns & 0xf));
                Position {
                    line,
                    end_line: line,
                    column: Some(column),
                    end_column,
                }
            } else if code <= entry::ONE_LINE_LAST {
                let line = Some(advance(i32::from(code - entry::SHORT_LAST - 1))?);
                // The two columns are whole bytes, and may have the bit that begins an entry elsewhere.
                let (column, end_column) = (Some(reader.byte()?.into()), Some(reader.byte()?.into()));
                Position {
                    line,
                    end_line: line,
                    column,
                    end_column,
                }
            } else if code == entry::NO_COLUMNS {
                let line = Some(advance(reader.signed_varint()?)?);
                Position {
                    line,
                    end_line: line,
                    ..Position::default()
                }
            } else if code == entry::LONG {
                let line = advance(reader.signed_varint()?)?;
                let lines = i32::try_from(reader.varint()?).ok();
                let end_line = lines.and_then(|lines| line.checked_add(lines));
                let end_line = end_line.ok_or(DecodeError::lines(entry_at, Problem::NumberTooLarge))?;
                let (column, end_column) = (reader.column()?, reader.column()?);
                Position {
                    line: Some(line),
                    end_line: Some(end_line),
                    column,
                    end_column,
                }
            } else {
                Position::default()
            };
            if runs.last().is_none_or(|&(_, last)| last != position) {
                runs.push((offset, position));
            }
            offset = offset
                .checked_add(2 * units)
                .ok_or(DecodeError::lines(entry_at, Problem::TooLong))?;
        }
        if runs.last().is_none_or(|&(_, last)| last != Position::default()) {
            runs.push((offset, Position::default()));
        }
        Ok(PositionTable { runs })
    }

    /// The position of the code at a byte offset; empty behind the table's end.
    pub fn at(&self, offset: u32) -> Position {
        match self.runs.partition_point(|&(start, _)| start <= offset) {
            0 => Position::default(),
            after => self.runs[after - 1].1,
        }
    }

    /// Runs of code with one position, as the byte offset where each begins, in order; the last one's position is empty.
    pub fn runs(&self) -> &[(u32, Position)] {
        &self.runs
    }
}
