//! What can be wrong with a code object, and where.

use std::fmt;

/// Which of a code object's byte strings an error's offset counts in.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// `co_code`.
    Code,
    /// `co_exceptiontable`.
    ExceptionTable,
    /// `co_linetable`.
    LineTable,
}

/// Why a code object cannot be decoded: the byte offset, and what is wrong there.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// The byte string that `offset` counts in.
    pub place: Place,
    /// Byte offset of the instruction (its opcode) or table entry that is wrong.
    pub offset: u32,
    /// What is wrong.
    pub problem: Problem,
}

/// The kinds of defect that [`crate::decode`] reports.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// There is no instruction at all.
    Empty,
    /// The code is not a whole number of two-byte units.
    OddLength,
    /// The byte string is longer than offsets can count.
    TooLong,
    /// `co_stacksize` is larger than stack depths can count.
    StackSizeTooLarge(u32),
    /// No opcode has this number in this version.
    UnknownOpcode(u8),
    /// A specialized opcode, which only the interpreter's adaptive copy of the code may hold.
    SpecializedOpcode(&'static str),
    /// An instrumented opcode, which only the interpreter's own copy of the code may hold.
    InstrumentedOpcode(u8),
    /// An opcode that the interpreter uses in code of its own making only.
    InternalOpcode(&'static str),
    /// An inline cache entry where an instruction should be.
    UnexpectedCache,
    /// The code ends inside an instruction's inline caches.
    TruncatedCaches,
    /// The code ends after an `EXTENDED_ARG`.
    DanglingExtendedArg,
    /// More `EXTENDED_ARG`s than an argument has bytes.
    TooManyExtendedArgs,
    /// The argument is out of its opcode's range.
    BadArgument {
        /// The opcode's name.
        opcode: &'static str,
        /// Its argument.
        arg: u32,
    },
    /// The jump leaves the code.
    JumpOutOfRange {
        /// Where it would go, in bytes.
        target: i64,
    },
    /// The jump's target lies inside an instruction.
    JumpIntoInstruction {
        /// The target, in bytes.
        target: u32,
    },
    /// The loop's exit is not the sequence of instructions that the interpreter skips there.
    MissingLoopEnd {
        /// The raw target of the loop's instruction, in bytes.
        target: u32,
    },
    /// Execution can run past the last instruction.
    FallsOffEnd,
    /// The instruction needs more values than the stack holds.
    StackUnderflow {
        /// How many there are.
        depth: u32,
        /// How many it takes or looks at.
        needed: u64,
    },
    /// The stack grows over `co_stacksize`.
    StackOverflow {
        /// How many values the stack would hold.
        depth: u64,
        /// `co_stacksize`.
        limit: u32,
    },
    /// Two paths reach the same block with different stack depths.
    DepthMismatch {
        /// The block's first instruction, in bytes.
        target: u32,
        /// The depth by another path.
        expected: u32,
        /// The depth by this path.
        found: u32,
    },
    /// The stack is lower here than the exception handler expects to find it.
    HandlerTooDeep {
        /// The handler's first instruction, in bytes.
        target: u32,
        /// The depth that the handler keeps.
        keeps: u32,
        /// The depth at the instruction.
        depth: u32,
    },
    /// A table ends in the middle of an entry.
    TruncatedEntry,
    /// An entry does not begin with an entry's first byte.
    MisplacedEntry,
    /// A number in a table is too large.
    NumberTooLarge,
    /// A region is empty, leaves the code or does not begin and end between instructions.
    BadRegion {
        /// First byte of the region.
        start: u32,
        /// First byte after the region.
        end: u32,
    },
    /// Regions are not in order of their offsets, or overlap.
    UnorderedRegions,
    /// A handler's target is not the beginning of an instruction.
    BadHandler {
        /// The target, in bytes.
        target: u32,
    },
}

impl DecodeError {
    pub(crate) fn code(offset: u32, problem: Problem) -> Self {
        DecodeError {
            place: Place::Code,
            offset,
            problem,
        }
    }

    pub(crate) fn exceptions(offset: usize, problem: Problem) -> Self {
        DecodeError {
            place: Place::ExceptionTable,
            offset: offset as u32,
            problem,
        }
    }

    pub(crate) fn lines(offset: usize, problem: Problem) -> Self {
        DecodeError {
            place: Place::LineTable,
            offset: offset as u32,
            problem,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Code => "bytecode",
            Place::ExceptionTable => "exception table",
            Place::LineTable => "line table",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Problem::Empty => write!(f, "no instructions"),
            Problem::OddLength => write!(f, "length is not a multiple of two"),
            Problem::TooLong => write!(f, "too long"),
            Problem::StackSizeTooLarge(size) => write!(f, "stack size {size} is too large"),
            Problem::UnknownOpcode(byte) => write!(f, "unknown opcode {byte}"),
            Problem::SpecializedOpcode(name) => write!(f, "specialized opcode {name}"),
            Problem::InstrumentedOpcode(byte) => write!(f, "instrumented opcode {byte}"),
            Problem::InternalOpcode(name) => write!(f, "{name} cannot stand in a code object"),
            Problem::UnexpectedCache => write!(f, "inline cache entry where an instruction should be"),
            Problem::TruncatedCaches => write!(f, "the code ends inside the inline caches"),
            Problem::DanglingExtendedArg => write!(f, "EXTENDED_ARG with no instruction after it"),
            Problem::TooManyExtendedArgs => write!(f, "more than three EXTENDED_ARGs"),
            Problem::BadArgument { opcode, arg } => write!(f, "argument {arg} is out of range for {opcode}"),
            Problem::JumpOutOfRange { target } => write!(f, "jump out of the code, to {target}"),
            Problem::JumpIntoInstruction { target } => write!(f, "jump into the middle of an instruction, to {target}"),
            Problem::MissingLoopEnd { target } => write!(f, "no loop end at the jump's target {target}"),
            Problem::FallsOffEnd => write!(f, "execution runs past the last instruction"),
            Problem::StackUnderflow { depth, needed } => {
                write!(f, "needs {needed} values on the stack, which holds {depth}")
            }
            Problem::StackOverflow { depth, limit } => {
                write!(f, "stack depth {depth} exceeds the stack size {limit}")
            }
            Problem::DepthMismatch {
                target,
                expected,
                found,
            } => {
                write!(
                    f,
                    "reaches {target} with stack depth {found}, another path with {expected}"
                )
            }
            Problem::HandlerTooDeep { target, keeps, depth } => {
                write!(
                    f,
                    "stack depth {depth} is under the {keeps} that the handler at {target} keeps"
                )
            }
            Problem::TruncatedEntry => write!(f, "the table ends inside an entry"),
            Problem::MisplacedEntry => write!(f, "not the beginning of an entry"),
            Problem::NumberTooLarge => write!(f, "number too large"),
            Problem::BadRegion { start, end } => {
                write!(f, "the region from {start} to {end} is not a run of whole instructions")
            }
            Problem::UnorderedRegions => write!(f, "regions overlap or are out of order"),
            Problem::BadHandler { target } => write!(f, "handler {target} is not the beginning of an instruction"),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}: {}", self.place, self.offset, self.problem)
    }
}

impl std::error::Error for DecodeError {}
