//! Reads the dumps of code objects that `tests/decoder_dump.py` writes; that file describes the format.

pub mod verify;

use justjit_bytecode::{CodeFields, ExceptionEntry, Handler, Position, Version};

/// What the bytes of a dump begin with.
const MAGIC: &[u8] = b"JJCODE2\n";

/// A code object.
pub struct Code<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// Its fields.
    pub fields: CodeFields<'a>,
    /// What `dis` says of it, if that was dumped.
    pub expected: Option<Expected>,
}

/// What `dis` says of a code object.
pub struct Expected {
    /// The instructions.
    pub instructions: Vec<ExpectedInstruction>,
    /// The exception table.
    pub exception_table: Vec<ExceptionEntry>,
}

/// What `dis` says of an instruction.
pub struct ExpectedInstruction {
    /// `offset`.
    pub offset: u32,
    /// `start_offset`.
    pub start: u32,
    /// Index of the opcode's name in [`Dump::names`].
    pub opcode: u8,
    /// `arg`.
    pub arg: Option<u32>,
    /// `jump_target`.
    pub target: Option<u32>,
    /// `positions`.
    pub position: Position,
}

/// A dump.
pub struct Dump<'a> {
    rest: &'a [u8],
    /// The opcodes' names.
    pub names: Vec<&'a str>,
}

/// Reads a dump; a malformed one ends the program with a message.
impl<'a> Dump<'a> {
    /// Begins to read.
    pub fn new(bytes: &'a [u8]) -> Self {
        let rest = bytes.strip_prefix(MAGIC).expect("not a dump of code objects");
        let mut dump = Dump {
            rest,
            names: Vec::new(),
        };
        let count = dump.u32();
        dump.names = (0..count).map(|_| dump.text()).collect();
        dump
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.rest.split_first_chunk().expect("the dump ends too early");
        self.rest = rest;
        *head
    }

    fn u8(&mut self) -> u8 {
        let [byte] = self.take();
        byte
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.take())
    }

    fn maybe_i32(&mut self) -> Option<i32> {
        Some(self.i32()).filter(|&number| number != -1)
    }

    fn maybe_u32(&mut self) -> Option<u32> {
        let number = i64::from_le_bytes(self.take());
        (number != -1).then(|| number.try_into().expect("a number out of range"))
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = self.u32() as usize;
        let (head, rest) = self.rest.split_at_checked(length).expect("the dump ends too early");
        self.rest = rest;
        head
    }

    fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.bytes()).expect("a name that is not UTF-8")
    }

    fn instruction(&mut self) -> ExpectedInstruction {
        ExpectedInstruction {
            offset: self.u32(),
            start: self.u32(),
            opcode: self.u8(),
            arg: self.maybe_u32(),
            target: self.maybe_u32(),
            position: Position {
                line: self.maybe_i32(),
                end_line: self.maybe_i32(),
                column: self.maybe_i32(),
                end_column: self.maybe_i32(),
            },
        }
    }

    fn exception_entry(&mut self) -> ExceptionEntry {
        let (start, end, target) = (self.u32(), self.u32(), self.u32());
        let depth = self.u32().try_into().expect("a stack depth out of range");
        ExceptionEntry {
            start,
            end,
            handler: Handler {
                target,
                depth,
                push_lasti: self.u32() != 0,
            },
        }
    }
}

impl<'a> Iterator for Dump<'a> {
    type Item = Code<'a>;

    fn next(&mut self) -> Option<Code<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let name = self.text();
        let fields = CodeFields {
            version: Version::V3_13,
            code: self.bytes(),
            exception_table: self.bytes(),
            line_table: self.bytes(),
            first_line: self.i32(),
            flags: self.u32(),
            stack_size: self.u32(),
            nlocals_plus: self.u32(),
            n_locals: self.u32(),
            n_consts: self.u32(),
            n_names: self.u32(),
        };
        let expected = (self.u8() == 1).then(|| {
            let instructions = (0..self.u32()).map(|_| self.instruction()).collect();
            let exception_table = (0..self.u32()).map(|_| self.exception_entry()).collect();
            Expected {
                instructions,
                exception_table,
            }
        });
        Some(Code { name, fields, expected })
    }
}
