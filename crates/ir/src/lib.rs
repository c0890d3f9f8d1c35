//! The optimizing tier's intermediate representation: SSA with block parameters.
//!
//! The crate knows neither Python objects nor code generation. Values are objects (addresses whose references are counted
//! by explicit instructions), 64-bit ints, floats, bools and raw pointers. Memory is read and written in *regions* that do
//! not overlap, so that passes need no knowledge of layouts. Whatever can leave the code has a [`FrameState`], which says
//! what each frame of the interpreter holds at that point, those of inlined callees too.
//!
//! What is known of each operation (operands, result, effects, ownership) stands in one declarative table, [`op`]; the
//! printer, the parser, the verifier and the passes derive from it.

mod dominators;
pub mod eval;
mod flow;
mod function;
mod loops;
pub mod op;
mod parse;
mod print;
mod state;
mod tokens;
mod verify;

pub use dominators::Dominators;
pub use flow::Flow;
pub use function::{
    Block, BlockCall, BlockData, Call, Function, Imm, Inst, InstData, Position, Symbol, SymbolData, SymbolKind, Value,
    ValueData, ValueDef,
};
pub use loops::{Loop, LoopData, Loops};
pub use op::{Effect, Op, OpInfo};
pub use parse::{ParseError, parse};
pub use print::{Annotated, Annotations, effect_name, float_cond_name, int_cond_name, region_name};
pub use state::{
    FrameRecovery, FrameState, Going, LeftFrame, Progress, Raised, Reason, Recovery, Returns, State, VirtualObject,
};
pub use verify::{VerifyError, verify};

use std::fmt;

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Type {
    /// The address of a Python object, or NULL where an operation says so.
    Object,
    /// A signed 64-bit integer: the value of a Python int that fits.
    Int,
    /// An IEEE 754 binary64: the value of a Python float.
    Float,
    /// 0 or 1.
    Bool,
    /// An address that is not an object's.
    Pointer,
}

impl Type {
    pub const ALL: [Type; 5] = [Type::Object, Type::Int, Type::Float, Type::Bool, Type::Pointer];

    /// As in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Type::Object => "object",
            Type::Int => "int",
            Type::Float => "float",
            Type::Bool => "bool",
            Type::Pointer => "pointer",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
