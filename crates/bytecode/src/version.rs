//! Versions of CPython, and what a version's table answers.

use crate::opcode::{Opcode, OpcodeInfo};
use crate::v3_13;

/// A version of CPython whose bytecode can be decoded.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Version {
    /// CPython 3.13.
    V3_13,
}

/// A specialized opcode: what the interpreter's adaptive code puts in an opcode's place where it has seen certain types.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Specialization {
    /// Its number.
    pub byte: u8,
    /// CPython's name for it, such as `BINARY_OP_ADD_INT`.
    pub name: &'static str,
    /// The opcode it stands for.
    pub base: Opcode,
}

/// What a byte in an opcode's place stands for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Byte {
    /// The opcode in this row of [`Table::opcodes`].
    Opcode(u8),
    /// The one in this row of [`Table::specializations`].
    Specialized(u8),
    /// `EXTENDED_ARG`.
    ExtendedArg,
    /// `CACHE`.
    Cache,
    /// An instrumented opcode.
    Instrumented,
    /// Nothing.
    Unknown,
}

/// A version's opcode table.
pub(crate) struct Table {
    /// The rows, in the order of their bytes.
    pub opcodes: &'static [OpcodeInfo],
    /// The specialized opcodes.
    pub specializations: &'static [Specialization],
    /// What each byte stands for.
    pub bytes: [Byte; 256],
    /// The row of each opcode (by `Opcode as usize`).
    pub rows: [u8; Opcode::ALL.len()],
    /// See [`Version::binary_ops`].
    pub binary_ops: &'static [&'static str],
    /// See [`Version::compare_ops`].
    pub compare_ops: &'static [&'static str],
    /// See [`Version::intrinsics_1`].
    pub intrinsics_1: &'static [&'static str],
    /// See [`Version::intrinsics_2`].
    pub intrinsics_2: &'static [&'static str],
    /// The opcodes that an exhausted loop skips at its jump's target.
    pub loop_end: &'static [Opcode],
}

/// In [`Table::rows`]: the version does not have the opcode.
const NO_ROW: u8 = u8::MAX;

impl Table {
    /// Which byte stands for what. `first_instrumented` is the lowest instrumented opcode's number.
    pub const fn bytes(
        opcodes: &[OpcodeInfo],
        specializations: &[Specialization],
        cache: u8,
        extended_arg: u8,
        first_instrumented: u8,
    ) -> [Byte; 256] {
        let mut bytes = [Byte::Unknown; 256];
        let mut i = first_instrumented as usize;
        while i < 256 {
            bytes[i] = Byte::Instrumented;
            i += 1;
        }
        i = 0;
        while i < opcodes.len() {
            let slot = &mut bytes[opcodes[i].byte as usize];
            assert!(matches!(slot, Byte::Unknown), "two opcodes with one number");
            *slot = Byte::Opcode(i as u8);
            i += 1;
        }
        i = 0;
        while i < specializations.len() {
            let slot = &mut bytes[specializations[i].byte as usize];
            assert!(matches!(slot, Byte::Unknown), "two opcodes with one number");
            *slot = Byte::Specialized(i as u8);
            i += 1;
        }
        bytes[cache as usize] = Byte::Cache;
        bytes[extended_arg as usize] = Byte::ExtendedArg;
        bytes
    }

    /// The row of each opcode.
    pub const fn rows(opcodes: &[OpcodeInfo]) -> [u8; Opcode::ALL.len()] {
        let mut rows = [NO_ROW; Opcode::ALL.len()];
        let mut i = 0;
        while i < opcodes.len() {
            rows[opcodes[i].opcode as usize] = i as u8;
            i += 1;
        }
        rows
    }

    /// The row of an opcode that this version is known to have.
    #[inline]
    pub fn info(&self, opcode: Opcode) -> &'static OpcodeInfo {
        &self.opcodes[self.rows[opcode as usize] as usize]
    }

    /// The row for a byte.
    #[inline]
    pub fn row_of(&self, byte: u8) -> Option<&'static OpcodeInfo> {
        match self.bytes[byte as usize] {
            Byte::Opcode(row) => Some(&self.opcodes[row as usize]),
            _ => None,
        }
    }
}

impl Version {
    pub(crate) fn table(self) -> &'static Table {
        match self {
            Version::V3_13 => &v3_13::TABLE,
        }
    }

    /// The opcode table: every opcode but `EXTENDED_ARG` and `CACHE`, in the order of their numbers.
    pub fn opcodes(self) -> &'static [OpcodeInfo] {
        self.table().opcodes
    }

    /// What this version knows of an opcode.
    pub fn info(self, opcode: Opcode) -> Option<&'static OpcodeInfo> {
        let table = self.table();
        table.opcodes.get(usize::from(table.rows[opcode as usize]))
    }

    /// The specialized opcodes.
    pub fn specializations(self) -> &'static [Specialization] {
        self.table().specializations
    }

    /// The specialized opcode that a byte of the interpreter's adaptive code stands for.
    pub fn specialization(self, byte: u8) -> Option<&'static Specialization> {
        let table = self.table();
        match table.bytes[usize::from(byte)] {
            Byte::Specialized(row) => Some(&table.specializations[usize::from(row)]),
            _ => None,
        }
    }

    /// The operators of `BINARY_OP` by its argument, in Python's spelling.
    pub fn binary_ops(self) -> &'static [&'static str] {
        self.table().binary_ops
    }

    /// The operators of `COMPARE_OP` by its argument's bits 5 and up, in Python's spelling.
    pub fn compare_ops(self) -> &'static [&'static str] {
        self.table().compare_ops
    }

    /// The names of the functions that `CALL_INTRINSIC_1` calls, by its argument.
    pub fn intrinsics_1(self) -> &'static [&'static str] {
        self.table().intrinsics_1
    }

    /// The names of the functions that `CALL_INTRINSIC_2` calls, by its argument.
    pub fn intrinsics_2(self) -> &'static [&'static str] {
        self.table().intrinsics_2
    }
}
