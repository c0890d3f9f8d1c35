//! Decodes CPython bytecode: instructions with whole arguments and resolved jumps, basic blocks and their edges, the stack depth at
//! each instruction, exception regions and source positions.
//!
//! The crate knows neither Python objects nor code generation: [`decode`] takes a code object's fields as bytes and numbers
//! ([`CodeFields`]) and gives a [`Function`]. Whatever bytes it is given, it answers with a function or with an error that names the
//! offset ([`DecodeError`]); it never panics.
//!
//! What is known of each opcode stands in one declarative table per version of CPython (such as [`v3_13`]), from which all else derives.

mod decode;
mod error;
mod exceptions;
mod flow;
mod function;
mod loops;
mod opcode;
mod positions;
pub mod reference;
pub mod v3_13;
mod version;

pub use decode::decode;
pub use error::{DecodeError, Place, Problem};
pub use function::{Block, CodeFields, ExceptionEntry, Function, Handler, Instruction, flags};
pub use loops::Loop;
pub use opcode::{Control, Count, Effect, Opcode, OpcodeInfo, Operand};
pub use positions::{Position, PositionTable};
pub use v3_13::specialized_name;
pub use version::{Specialization, Version};
