//! A function in SSA form.

use crate::op::{Effect, Gives, Op};
use crate::{FrameState, Reason, State, Type};
use justjit_builder::{FloatCond, IntCond, Region, RuntimeFn, Type as Width};
use std::fmt;

macro_rules! entity {
    ($(#[$meta:meta])* $name:ident $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);

        impl $name {
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

entity!(
    /// A value: an instruction's result or a block's parameter.
    Value "v"
);
entity!(
    /// A basic block.
    Block "b"
);
entity!(
    /// An instruction.
    Inst "i"
);
entity!(
    /// Something outside the function that it refers to by name.
    Symbol "@"
);

/// Where an instruction comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Position {
    /// Which code object: 0 for the function itself, then [`Function::inlined`].
    pub code: u32,
    /// Offset in bytes of the bytecode instruction.
    pub offset: u32,
}

/// A constant part of an instruction.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Imm {
    None,
    Int(i64),
    Float(f64),
    Bool(bool),
    Symbol(Symbol),
    IntCond(IntCond),
    FloatCond(FloatCond),
    Memory {
        /// The type of the value that is read or written.
        ty: Type,
        /// What lies in memory. Narrow ints are extended as `signed` says; a 64-bit int that is not signed is one that is
        /// known not to be negative, such as a size.
        width: Width,
        signed: bool,
        region: Region,
        offset: i32,
        /// Bytes from one index to the next.
        scale: i32,
    },
    Offset(u32),
}

impl Eq for Imm {}

impl std::hash::Hash for Imm {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match *self {
            Imm::None => {}
            Imm::Int(value) => value.hash(state),
            Imm::Float(value) => value.to_bits().hash(state),
            Imm::Bool(value) => value.hash(state),
            Imm::Symbol(symbol) => symbol.hash(state),
            Imm::IntCond(cond) => cond.hash(state),
            Imm::FloatCond(cond) => cond.hash(state),
            Imm::Memory {
                ty,
                width,
                signed,
                region,
                offset,
                scale,
            } => (ty, width, signed, region, offset, scale).hash(state),
            Imm::Offset(offset) => offset.hash(state),
        }
    }
}

/// A function that code calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    pub params: Vec<Type>,
    pub result: Option<Type>,
    /// `Pure`, `Reads`, `Allocate`, `Reference` or `Any`.
    pub effect: Effect,
    /// The result is a reference that belongs to the caller (or NULL).
    pub owned: bool,
    /// Which parameters' references it takes over.
    pub consumes: Vec<bool>,
    /// The symbol's address is that of a word with the function's address, which is there when the code runs.
    pub through: bool,
}

/// What a symbol is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SymbolKind {
    /// An object that the version keeps alive.
    Object { immortal: bool },
    /// Other data of the process.
    Data,
    /// A function of the runtime.
    Function(Call),
    /// A code object.
    Code,
}

/// Something outside the function. Symbols of parsed text have no address.
#[derive(Clone, Debug)]
pub struct SymbolData {
    /// Unique in the function; what the text form shows.
    pub name: String,
    pub kind: SymbolKind,
    pub address: *const (),
    /// For functions.
    pub function: Option<&'static RuntimeFn>,
}

// SAFETY: the address is only carried to the code generator, never followed by this crate.
unsafe impl Send for SymbolData {}
// SAFETY: as for Send.
unsafe impl Sync for SymbolData {}

/// How a value comes to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueDef {
    Param(Block, u32),
    Result(Inst),
}

#[derive(Clone, Debug)]
pub struct ValueData {
    pub ty: Type,
    pub def: ValueDef,
}

/// Where control goes, with the arguments for that block's parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockCall {
    pub block: Block,
    pub args: Vec<Value>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct InstData {
    pub op: Op,
    pub args: Vec<Value>,
    pub imm: Imm,
    pub state: Option<State>,
    /// For `jump` and `branch`.
    pub targets: Vec<BlockCall>,
    pub result: Option<Value>,
    pub position: Position,
}

impl InstData {
    /// The effect, for calls the callee's.
    pub fn effect(&self, function: &Function) -> Effect {
        match (self.op.info().effect, self.imm) {
            (Effect::Call, Imm::Symbol(symbol)) => function.call(symbol).effect,
            (effect, _) => effect,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct BlockData {
    pub params: Vec<Value>,
    /// The last one ends the block.
    pub insts: Vec<Inst>,
    /// Seldom run.
    pub cold: bool,
    /// For loop headers: the state in which code could be left at the block's start, in terms of its parameters and of
    /// values that dominate it. What is hoisted out of the loop leaves with this state, the parameters replaced.
    pub entry_state: Option<State>,
}

/// A function in SSA form. Block 0 is where the body is entered; its parameters are the frame (a pointer), the thread (a
/// pointer), and the entry's number (an int), in this order.
#[derive(Clone, Debug, Default)]
pub struct Function {
    pub name: String,
    pub blocks: Vec<BlockData>,
    pub insts: Vec<InstData>,
    pub values: Vec<ValueData>,
    pub states: Vec<FrameState>,
    pub symbols: Vec<SymbolData>,
    /// Code objects that were inlined: [`Position::code`] minus 1 is the index.
    pub inlined: Vec<Symbol>,
    /// Where instructions that are appended come from.
    pub position: Position,
    /// Instructions, by code object and offset, at which the code was left too often for a reason: at the start of a loop, what
    /// is tested ahead for all its rounds had failed.
    pub failed_ahead: Vec<(Symbol, u32, Reason)>,
}

impl Function {
    pub fn new(name: impl Into<String>) -> Function {
        Function {
            name: name.into(),
            ..Function::default()
        }
    }

    pub const ENTRY: Block = Block(0);

    pub fn add_block(&mut self) -> Block {
        self.blocks.push(BlockData::default());
        Block(self.blocks.len() as u32 - 1)
    }

    pub fn add_param(&mut self, block: Block, ty: Type) -> Value {
        let index = self.blocks[block.index()].params.len() as u32;
        let value = self.add_value(ty, ValueDef::Param(block, index));
        self.blocks[block.index()].params.push(value);
        value
    }

    fn add_value(&mut self, ty: Type, def: ValueDef) -> Value {
        self.values.push(ValueData { ty, def });
        Value(self.values.len() as u32 - 1)
    }

    pub fn add_state(&mut self, state: FrameState) -> State {
        self.states.push(state);
        State(self.states.len() as u32 - 1)
    }

    /// The symbol with this name, made if it is new.
    pub fn symbol(&mut self, data: SymbolData) -> Symbol {
        if let Some(index) = self.symbols.iter().position(|known| known.name == data.name) {
            return Symbol(index as u32);
        }
        self.symbols.push(data);
        Symbol(self.symbols.len() as u32 - 1)
    }

    /// The signature of a function's symbol.
    pub fn call(&self, symbol: Symbol) -> &Call {
        match &self.symbols[symbol.index()].kind {
            SymbolKind::Function(call) => call,
            other => panic!("{} is no function but {other:?}", self.symbols[symbol.index()].name),
        }
    }

    pub fn inst(&self, inst: Inst) -> &InstData {
        &self.insts[inst.index()]
    }

    pub fn type_of(&self, value: Value) -> Type {
        self.values[value.index()].ty
    }

    /// The instruction that gives the value, unless it is a parameter.
    pub fn def(&self, value: Value) -> Option<&InstData> {
        match self.values[value.index()].def {
            ValueDef::Result(inst) => Some(self.inst(inst)),
            ValueDef::Param(..) => None,
        }
    }

    /// The instruction that ends the block.
    pub fn terminator(&self, block: Block) -> Option<Inst> {
        let last = *self.blocks[block.index()].insts.last()?;
        (self.inst(last).op.info().effect == Effect::Control).then_some(last)
    }

    /// Where control may go from the block.
    pub fn successors(&self, block: Block) -> &[BlockCall] {
        self.terminator(block).map_or(&[], |last| &self.inst(last).targets)
    }

    /// The type of the result that an instruction has.
    pub fn result_type(&self, op: Op, args: &[Value], imm: Imm) -> Option<Type> {
        match op.info().gives {
            Gives::Nothing => None,
            Gives::This(ty) => Some(ty),
            Gives::Operand => args.last().map(|&value| self.type_of(value)),
            Gives::Callee => match imm {
                Imm::Symbol(symbol) => self.call(symbol).result,
                _ => None,
            },
            Gives::Memory => match imm {
                Imm::Memory { ty, .. } => Some(ty),
                _ => None,
            },
        }
    }

    /// Makes an instruction that is in no block yet.
    pub fn make_inst(
        &mut self,
        op: Op,
        args: Vec<Value>,
        imm: Imm,
        state: Option<State>,
        targets: Vec<BlockCall>,
    ) -> Inst {
        let inst = Inst(self.insts.len() as u32);
        let ty = self.result_type(op, &args, imm);
        let result = ty.map(|ty| self.add_value(ty, ValueDef::Result(inst)));
        self.insts.push(InstData {
            op,
            args,
            imm,
            state,
            targets,
            result,
            position: self.position,
        });
        inst
    }

    /// Appends an instruction; its result, if it has one.
    pub fn append(&mut self, block: Block, op: Op, args: Vec<Value>, imm: Imm, state: Option<State>) -> Option<Value> {
        let inst = self.make_inst(op, args, imm, state, Vec::new());
        self.blocks[block.index()].insts.push(inst);
        self.inst(inst).result
    }

    /// Appends the instruction that ends the block.
    pub fn end(&mut self, block: Block, op: Op, args: Vec<Value>, state: Option<State>, targets: Vec<BlockCall>) {
        let inst = self.make_inst(op, args, Imm::None, state, targets);
        self.blocks[block.index()].insts.push(inst);
    }

    /// Replaces the uses of values, in instructions, targets and states, as `map` says.
    pub fn replace_uses(&mut self, map: impl Fn(Value) -> Value) {
        for inst in &mut self.insts {
            for arg in &mut inst.args {
                *arg = map(*arg);
            }
            for target in &mut inst.targets {
                for arg in &mut target.args {
                    *arg = map(*arg);
                }
            }
        }
        for state in &mut self.states {
            state.map_values(&map);
        }
    }
}
