//! A function, written down.

use justjit_builder::{FloatCond, FloatOp, FloatUnary, IntCond, IntOp, OverflowOp, Region, Signature, Type};

/// Index of a value.
pub(crate) type Id = usize;

/// Index of a block.
pub(crate) type BlockId = usize;

/// A function that can be run.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) signature: Signature,
    /// The type of each value.
    pub(crate) types: Vec<Type>,
    /// The values that are the function's parameters.
    pub(crate) params: Vec<Id>,
    pub(crate) blocks: Vec<BlockData>,
    /// Sizes of the stack slots, in bytes.
    pub(crate) slots: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct BlockData {
    pub params: Vec<Id>,
    pub steps: Vec<Step>,
    pub end: Option<End>,
}

/// An operation, and the value that it defines (the first of two).
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub operation: Operation,
    pub result: Option<Id>,
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Constant(u64),
    Load(Region, Id, i32),
    Store(Region, Id, Id, i32),
    StackSlot(usize),
    Int(IntOp, Id, Id),
    /// Defines two values: the result, and after it whether it overflowed.
    Overflow(OverflowOp, Id, Id),
    Compare(IntCond, Id, Id),
    ZeroExtend(Id),
    SignExtend(Id),
    Truncate(Id),
    LeadingZeros(Id),
    Select(Id, Id, Id),
    Float(FloatOp, Id, Id),
    FloatUnary(FloatUnary, Id),
    FloatCompare(FloatCond, Id, Id),
    IntToFloat(Id),
    FloatToInt(Id),
    Promote(Id),
    Demote(Id),
    /// A bit cast, in either direction.
    Bits(Id),
    Call(Signature, bool, Id, Vec<Id>),
    StackPointer,
}

impl Operation {
    /// The values that it uses.
    pub fn operands(&self) -> Vec<Id> {
        use Operation::*;
        match *self {
            Constant(_) | StackSlot(_) | StackPointer => vec![],
            Load(_, a, _)
            | ZeroExtend(a)
            | SignExtend(a)
            | Truncate(a)
            | LeadingZeros(a)
            | FloatUnary(_, a)
            | IntToFloat(a)
            | FloatToInt(a)
            | Promote(a)
            | Demote(a)
            | Bits(a) => vec![a],
            Store(_, a, b, _)
            | Int(_, a, b)
            | Overflow(_, a, b)
            | Compare(_, a, b)
            | Float(_, a, b)
            | FloatCompare(_, a, b) => vec![a, b],
            Select(a, b, c) => vec![a, b, c],
            Call(_, _, callee, ref args) => std::iter::once(callee).chain(args.iter().copied()).collect(),
        }
    }
}

/// A block and the arguments that it gets.
pub(crate) type Target = (BlockId, Vec<Id>);

/// How a block ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Jump(Target),
    Branch(Id, Target, Target),
    Table(Id, Target, Vec<Target>),
    Return(Id),
}

impl End {
    pub fn targets(&self) -> Vec<&Target> {
        match self {
            End::Jump(target) => vec![target],
            End::Branch(_, then, otherwise) => vec![then, otherwise],
            End::Table(_, default, targets) => std::iter::once(default).chain(targets).collect(),
            End::Return(_) => vec![],
        }
    }

    /// The values that it uses.
    pub fn operands(&self) -> Vec<Id> {
        let own = match *self {
            End::Jump(_) => None,
            End::Branch(value, ..) | End::Table(value, ..) | End::Return(value) => Some(value),
        };
        let args = self.targets().into_iter().flat_map(|(_, args)| args.iter().copied());
        own.into_iter().chain(args).collect()
    }
}
