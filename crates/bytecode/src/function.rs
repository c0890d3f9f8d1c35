//! A decoded code object.

use std::fmt;

use crate::opcode::{Control, Opcode, OpcodeInfo};
use crate::positions::{Position, PositionTable};
use crate::version::Version;

/// The fields of a code object that decoding needs.
#[derive(Copy, Clone, Debug)]
pub struct CodeFields<'a> {
    /// The version of CPython whose bytecode it is.
    pub version: Version,
    /// `co_code`: two-byte units with neither specialized nor instrumented opcodes.
    pub code: &'a [u8],
    /// `co_exceptiontable`.
    pub exception_table: &'a [u8],
    /// `co_linetable`.
    pub line_table: &'a [u8],
    /// `co_firstlineno`.
    pub first_line: i32,
    /// `co_flags`.
    pub flags: u32,
    /// `co_stacksize`.
    pub stack_size: u32,
    /// How many slots localsplus has: locals, cells and free variables.
    pub nlocals_plus: u32,
    /// `co_nlocals`.
    pub n_locals: u32,
    /// The length of `co_consts`.
    pub n_consts: u32,
    /// The length of `co_names`.
    pub n_names: u32,
}

/// Where an exception goes that is raised in some region.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Handler {
    /// The handler's first instruction, as a byte offset.
    pub target: u32,
    /// How many stack items are kept.
    pub depth: u16,
    /// Whether the raising instruction's offset (as an `int`, in code units) is pushed before the exception.
    pub push_lasti: bool,
}

impl Handler {
    /// The stack depth at the handler's first instruction: what is kept, the offset if pushed, and the exception.
    pub const fn entry_depth(&self) -> u32 {
        self.depth as u32 + self.push_lasti as u32 + 1
    }
}

/// An entry of the exception table.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct ExceptionEntry {
    /// First byte of the region.
    pub start: u32,
    /// First byte after the region.
    pub end: u32,
    /// Where exceptions go that are raised in it.
    pub handler: Handler,
}

/// An instruction with its `EXTENDED_ARG`s and inline caches.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// Byte offset of the opcode itself, behind any `EXTENDED_ARG` (`dis`'s `offset`).
    pub offset: u32,
    /// Byte offset of its first `EXTENDED_ARG`, or of the opcode (`dis`'s `start_offset`).
    pub start: u32,
    /// Byte offset behind its inline caches.
    pub next: u32,
    /// What it does.
    pub opcode: Opcode,
    /// The whole argument; 0 where the opcode has none.
    pub arg: u32,
    /// The jump's target as a byte offset, as `dis` gives it. An exhausted `FOR_ITER` goes on elsewhere: see
    /// [`Instruction::jump_destination`].
    pub target: Option<u32>,
    /// How many items the operand stack holds before it; `None` where no path leads here.
    pub depth: Option<u16>,
    /// Where an exception raised by it goes; `None` if out of the frame.
    pub handler: Option<Handler>,
    /// Index of its basic block.
    pub block: u32,
}

impl Instruction {
    /// What the opcode table says of it.
    #[inline]
    pub fn info(&self) -> &'static OpcodeInfo {
        self.opcode.info()
    }

    /// Where a jump really goes on, as a byte offset. Only for `FOR_ITER` this is not [`Instruction::target`]: when the iterator is
    /// exhausted it is popped, and the `END_FOR` and `POP_TOP` at the target are skipped.
    #[inline]
    pub fn jump_destination(&self) -> Option<u32> {
        match self.info().control {
            Control::Iterate { skip, .. } => self.target.map(|target| target + 2 * u32::from(skip)),
            _ => self.target,
        }
    }

    /// The stack depth on the way to the next instruction; `None` where the instruction is unreachable.
    pub fn depth_after(&self) -> Option<u16> {
        self.info()
            .depth_after(self.arg, self.depth?.into())
            .map(|depth| depth as u16)
    }
}

/// A basic block: a run of instructions that is entered at its first and left at its last, exceptions aside.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    /// Index of its first instruction.
    pub start: usize,
    /// Index after its last instruction.
    pub end: usize,
    /// Stack depth on entry; `None` where no path leads here.
    pub entry_depth: Option<u16>,
    /// Blocks that may come next: the one behind first, then the jump's destination.
    pub successors: Vec<u32>,
    /// Blocks of the exception handlers that cover some instruction of it.
    pub handler_successors: Vec<u32>,
    /// Whether it is an exception handler's first.
    pub is_handler: bool,
    /// Whether it is the target of a back edge: a reachable jump from it or from a block after it.
    pub is_loop_header: bool,
    /// Whether a suspended frame goes on here: the block before ends by leaving the frame for a while.
    pub is_resume_point: bool,
}

/// A decoded code object.
#[derive(Clone, Debug)]
pub struct Function {
    /// The version whose bytecode it was.
    pub version: Version,
    /// The instructions in the order of their offsets.
    pub instructions: Vec<Instruction>,
    /// The basic blocks in the order of their offsets; the first is the entry.
    pub blocks: Vec<Block>,
    /// The exception table in the order of offsets.
    pub exception_table: Vec<ExceptionEntry>,
    /// Source positions.
    pub positions: PositionTable,
    /// `co_firstlineno`.
    pub first_line: i32,
    /// `co_flags`.
    pub flags: u32,
    /// `co_stacksize`.
    pub stack_size: u32,
    /// How many slots localsplus has.
    pub nlocals_plus: u32,
    /// `co_nlocals`.
    pub n_locals: u32,
    /// Length of `co_code` in bytes.
    pub code_size: u32,
}

/// Bits of `co_flags`.
pub mod flags {
    /// Locals are in fast slots.
    pub const OPTIMIZED: u32 = 0x1;
    /// A new dict is made for the frame's locals.
    pub const NEWLOCALS: u32 = 0x2;
    /// There is a `*args`.
    pub const VARARGS: u32 = 0x4;
    /// There is a `**kwargs`.
    pub const VARKEYWORDS: u32 = 0x8;
    /// It is defined in another function.
    pub const NESTED: u32 = 0x10;
    /// A generator function.
    pub const GENERATOR: u32 = 0x20;
    /// A coroutine function.
    pub const COROUTINE: u32 = 0x80;
    /// A generator function made awaitable.
    pub const ITERABLE_COROUTINE: u32 = 0x100;
    /// An asynchronous generator function.
    pub const ASYNC_GENERATOR: u32 = 0x200;
}

impl Function {
    /// How many instructions the smallest of its loops has; 0 if there is none.
    pub fn smallest_loop(&self) -> usize {
        let blocks = self.blocks.iter().enumerate();
        let loops = blocks.flat_map(|(last, block)| {
            let reached = block.entry_depth.is_some();
            let headers = block.successors.iter().map(|&header| header as usize);
            let headers = headers.filter(move |&header| reached && header <= last);
            headers.map(move |header| block.end - self.blocks[header].start)
        });
        loops.min().unwrap_or(0)
    }

    /// Index of the instruction whose opcode, or whose first `EXTENDED_ARG`, is at this byte offset.
    pub fn index_at(&self, offset: u32) -> Option<usize> {
        index_at(&self.instructions, offset)
    }

    /// Index of the instruction that this byte offset lies in, its `EXTENDED_ARG`s and inline caches included.
    pub fn index_containing(&self, offset: u32) -> Option<usize> {
        let index = self
            .instructions
            .partition_point(|instruction| instruction.next <= offset);
        (index < self.instructions.len()).then_some(index)
    }

    /// The block that begins at this byte offset.
    pub fn block_at(&self, offset: u32) -> Option<u32> {
        let index = self.index_at(offset)?;
        let block = self.instructions[index].block;
        (self.blocks[block as usize].start == index).then_some(block)
    }

    /// The instructions of a block.
    pub fn block_instructions(&self, block: u32) -> &[Instruction] {
        let block = &self.blocks[block as usize];
        &self.instructions[block.start..block.end]
    }

    /// The source position of the instruction at this byte offset.
    pub fn position(&self, offset: u32) -> Position {
        self.positions.at(offset)
    }

    fn has(&self, bits: u32) -> bool {
        self.flags & bits != 0
    }

    /// Whether calling it makes a generator (not a coroutine or an asynchronous generator).
    pub fn is_generator(&self) -> bool {
        self.has(flags::GENERATOR)
    }

    /// Whether calling it makes a coroutine.
    pub fn is_coroutine(&self) -> bool {
        self.has(flags::COROUTINE)
    }

    /// Whether calling it makes an asynchronous generator.
    pub fn is_async_generator(&self) -> bool {
        self.has(flags::ASYNC_GENERATOR)
    }

    /// Whether calling it makes an object that holds a suspended frame: a generator, coroutine or asynchronous generator.
    pub fn is_resumable(&self) -> bool {
        self.has(flags::GENERATOR | flags::COROUTINE | flags::ASYNC_GENERATOR)
    }

    /// Whether it is a function's code, with its locals in fast slots, and not a class's or module's.
    pub fn is_optimized(&self) -> bool {
        self.has(flags::OPTIMIZED)
    }

    /// Whether it takes `*args`.
    pub fn has_varargs(&self) -> bool {
        self.has(flags::VARARGS)
    }

    /// Whether it takes `**kwargs`.
    pub fn has_varkeywords(&self) -> bool {
        self.has(flags::VARKEYWORDS)
    }
}

/// See [`Function::index_at`].
pub(crate) fn index_at(instructions: &[Instruction], offset: u32) -> Option<usize> {
    let index = instructions.partition_point(|instruction| instruction.offset < offset);
    let found = instructions.get(index)?;
    (found.offset == offset || found.start == offset).then_some(index)
}

impl fmt::Display for Instruction {
    /// One line in the manner of `dis`, without names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} {:<26}", self.offset, self.opcode.name())?;
        if self.info().has_arg() {
            write!(f, "{:>6}", self.arg)?;
        }
        match self.target {
            Some(target) => write!(f, " (to {target})"),
            None => Ok(()),
        }
    }
}
