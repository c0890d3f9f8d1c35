//! Checks that a function is well formed: each definition comes before its uses on every path, operands have the types
//! that the table of operations says, blocks end in one terminator whose targets get the arguments they want, what can
//! leave has a frame state and nothing else has. Blocks that cannot be reached are not looked at.

use crate::op::{Effect, ImmKind, Op, Operands};
use crate::{
    Block, Dominators, Flow, FrameState, Function, Imm, Inst, InstData, Recovery, State, Symbol, SymbolKind, Type,
    Value, ValueDef,
};
use std::fmt::{self, Display};

/// What is wrong with a function: a message for each fault, with its block and instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError(pub Vec<String>);

impl Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for VerifyError {}

/// Checks a function.
pub fn verify(function: &Function) -> Result<(), VerifyError> {
    if function.blocks.is_empty() {
        return Err(VerifyError(vec!["there is no block".into()]));
    }
    let mut errors = Vec::new();
    // Edges must be sound before the graph can be walked.
    for (index, data) in function.blocks.iter().enumerate() {
        for &inst in &data.insts {
            let broken = inst.index() >= function.insts.len()
                || function
                    .inst(inst)
                    .targets
                    .iter()
                    .any(|to| to.block.index() >= function.blocks.len());
            if broken {
                errors.push(format!(
                    "{}: {inst} or one of its targets does not exist",
                    Block(index as u32)
                ));
            }
        }
    }
    if !errors.is_empty() {
        return Err(VerifyError(errors));
    }
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let mut verifier = Verifier {
        function,
        place: vec![None; function.insts.len()],
        flow: &flow,
        dominators: &dominators,
        block: Function::ENTRY,
        inst: None,
        errors,
    };
    verifier.places();
    if verifier.errors.is_empty() {
        for &block in &flow.order {
            verifier.block(block);
        }
    }
    match verifier.errors.is_empty() {
        true => Ok(()),
        false => Err(VerifyError(verifier.errors)),
    }
}

struct Verifier<'a> {
    function: &'a Function,
    /// Block and index of each instruction that is in a block.
    place: Vec<Option<(Block, usize)>>,
    flow: &'a Flow,
    dominators: &'a Dominators,
    /// What is being looked at, for messages.
    block: Block,
    inst: Option<Inst>,
    errors: Vec<String>,
}

impl Verifier<'_> {
    fn error(&mut self, message: impl Display) {
        let text = match self.inst {
            Some(inst) => format!("{}: `{}`: {message}", self.block, self.function.inst_text(inst)),
            None => format!("{}: {message}", self.block),
        };
        self.errors.push(text);
    }

    /// Where instructions are, and that values know where they come from.
    fn places(&mut self) {
        for &block in &self.flow.order {
            self.block = block;
            self.inst = None;
            let data = &self.function.blocks[block.index()];
            for (index, &param) in data.params.iter().enumerate() {
                let known = self.function.values.get(param.index());
                if known.is_none_or(|value| value.def != ValueDef::Param(block, index as u32)) {
                    self.error(format_args!("{param} is not defined as parameter {index}"));
                }
            }
            for (index, &inst) in data.insts.iter().enumerate() {
                if self.place[inst.index()].replace((block, index)).is_some() {
                    self.error(format_args!("{inst} stands in more than one place"));
                }
                if let Some(result) = self.function.inst(inst).result {
                    let known = self.function.values.get(result.index());
                    if known.is_none_or(|value| value.def != ValueDef::Result(inst)) {
                        self.error(format_args!("{result} is not defined as the result of {inst}"));
                    }
                }
            }
        }
    }

    fn block(&mut self, block: Block) {
        self.block = block;
        self.inst = None;
        let function = self.function;
        let data = &function.blocks[block.index()];
        if let Some(state) = data.entry_state {
            self.state(state, 0);
        }
        if function.terminator(block).is_none() {
            self.error("it has no terminator");
        }
        for (index, &inst) in data.insts.iter().enumerate() {
            self.inst = Some(inst);
            let last = index + 1 == data.insts.len();
            let data = function.inst(inst);
            if !last && data.op.info().effect == Effect::Control {
                self.error("a terminator in the middle of the block");
            }
            if self.immediate(data) {
                self.uses(data, index);
                self.operands(data);
                self.result(data);
                self.targets(data);
            }
            match (data.op.info().exits, data.state) {
                (true, None) => self.error("it has no frame state"),
                (false, Some(_)) => self.error("it has a frame state and cannot leave"),
                (true, Some(state)) => self.state(state, index),
                (false, None) => {}
            }
        }
    }

    /// That a value is there before the instruction at an index of the current block; false if it does not exist.
    fn available(&mut self, value: Value, index: usize) -> bool {
        let Some(data) = self.function.values.get(value.index()) else {
            self.error(format_args!("{value} does not exist"));
            return false;
        };
        let fine = match data.def {
            ValueDef::Param(block, _) => self.dominators.dominates(block, self.block),
            ValueDef::Result(inst) => match self.place.get(inst.index()).copied().flatten() {
                Some((block, at)) if block == self.block => at < index,
                Some((block, _)) => self.dominators.dominates(block, self.block),
                None => false,
            },
        };
        if !fine {
            self.error(format_args!("{value} is used where it may not be defined"));
        }
        true
    }

    fn uses(&mut self, data: &InstData, index: usize) {
        let targets = data.targets.iter().flat_map(|target| &target.args);
        for &value in data.args.iter().chain(targets) {
            self.available(value, index);
        }
    }

    fn type_of(&self, value: Value) -> Option<Type> {
        self.function.values.get(value.index()).map(|data| data.ty)
    }

    /// The immediate is of the kind that the operation has; false makes the rest meaningless.
    fn immediate(&mut self, data: &InstData) -> bool {
        let info = data.op.info();
        let fine = match (info.imm, data.imm) {
            (ImmKind::None, Imm::None)
            | (ImmKind::Int, Imm::Int(_))
            | (ImmKind::Float, Imm::Float(_))
            | (ImmKind::Bool, Imm::Bool(_))
            | (ImmKind::IntCond, Imm::IntCond(_))
            | (ImmKind::FloatCond, Imm::FloatCond(_))
            | (ImmKind::Memory, Imm::Memory { .. })
            | (ImmKind::Offset, Imm::Offset(_)) => true,
            (ImmKind::Symbol, Imm::Symbol(symbol)) => self.symbol(data.op, symbol),
            _ => false,
        };
        if !fine {
            self.error("its immediate is not what the operation wants");
        }
        fine
    }

    fn symbol(&self, op: Op, symbol: Symbol) -> bool {
        let Some(data) = self.function.symbols.get(symbol.index()) else {
            return false;
        };
        match (op, &data.kind) {
            (Op::ObjectConst | Op::HasType, kind) => matches!(kind, SymbolKind::Object { .. } | SymbolKind::Code),
            (Op::PointerConst, kind) => !matches!(kind, SymbolKind::Function(_)),
            (Op::Call, SymbolKind::Function(call)) => call.params.len() == call.consumes.len(),
            (Op::Call, _) => false,
            _ => true,
        }
    }

    fn operands(&mut self, data: &InstData) {
        use Type::{Bool, Object, Pointer};
        let types: Option<Vec<Type>> = data.args.iter().map(|&value| self.type_of(value)).collect();
        let Some(types) = types else {
            return;
        };
        let stored = |rest: &[Type]| match data.imm {
            // The value that is stored comes last.
            Imm::Memory { ty, .. } if data.op.info().effect == Effect::Store => rest == [ty],
            _ => rest.is_empty(),
        };
        let fine = match data.op.info().operands {
            Operands::These(wanted) => types == wanted,
            Operands::Callee => match data.imm {
                Imm::Symbol(symbol) => types == self.function.call(symbol).params,
                _ => false,
            },
            Operands::Select => matches!(types[..], [Bool, a, b] if a == b),
            Operands::One => types.len() == 1,
            Operands::Same => matches!(types[..], [a, b] if a == b && matches!(a, Object | Pointer)),
            Operands::Address(wanted) => match types[..] {
                [Object | Pointer, ref rest @ ..] => {
                    rest.len() >= wanted.len() && rest[..wanted.len()] == *wanted && stored(&rest[wanted.len()..])
                }
                _ => false,
            },
        };
        if !fine {
            let names: Vec<&str> = types.iter().map(|ty| ty.name()).collect();
            self.error(format_args!("operands of types ({})", names.join(", ")));
        }
    }

    fn result(&mut self, data: &InstData) {
        let wanted = self.function.result_type(data.op, &data.args, data.imm);
        let has = data.result.and_then(|result| self.type_of(result));
        if wanted != has {
            let name = |ty: Option<Type>| ty.map_or("nothing", Type::name);
            self.error(format_args!("it gives {}, not {}", name(wanted), name(has)));
        }
    }

    fn targets(&mut self, data: &InstData) {
        let wanted = match data.op {
            Op::Jump => 1,
            Op::Branch => 2,
            _ => 0,
        };
        if data.targets.len() != wanted {
            self.error(format_args!("{} targets, not {wanted}", data.targets.len()));
        }
        for target in &data.targets {
            if target.block == Function::ENTRY {
                self.error("a jump to the entry");
            }
            let params = &self.function.blocks[target.block.index()].params;
            let params: Vec<Option<Type>> = params.iter().map(|&value| self.type_of(value)).collect();
            let args: Vec<Option<Type>> = target.args.iter().map(|&value| self.type_of(value)).collect();
            if params != args {
                self.error(format_args!(
                    "the arguments for {} do not fit its parameters",
                    target.block
                ));
            }
        }
    }

    /// A state that is used before the instruction at the index.
    fn state(&mut self, state: State, index: usize) {
        let Some(data) = self.function.states.get(state.index()) else {
            self.error(format_args!("{state} does not exist"));
            return;
        };
        let missing = data.values().filter(|&value| !self.available(value, index)).count();
        if missing > 0 {
            return;
        }
        if data.frames.is_empty() {
            self.error(format_args!("{state} has no frame"));
        }
        for (depth, frame) in data.frames.iter().enumerate() {
            let code = self.function.symbols.get(frame.code.index());
            if !code.is_some_and(|symbol| matches!(symbol.kind, SymbolKind::Code)) {
                self.error(format_args!("{state}: {} is no code object", frame.code));
            }
            let mut slots = frame.locals.iter().chain(&frame.stack).chain([&frame.function]);
            if depth > 0 && slots.any(|slot| *slot == Recovery::InFrame) {
                self.error(format_args!("{state}: an inlined frame has nothing in memory"));
            }
        }
        self.recoveries(state, data);
    }

    /// How many references a state may give away is for `check_refcounts` of the passes to say: a value that two loads
    /// gave, of which each was counted, is one value after they are merged.
    fn recoveries(&mut self, state: State, data: &FrameState) {
        for recovery in data.recoveries() {
            let fine = match *recovery {
                Recovery::InFrame | Recovery::Null => true,
                Recovery::Slot(slot) => {
                    let local = data.frames.first().and_then(|frame| frame.locals.get(slot as usize));
                    local == Some(&Recovery::InFrame)
                }
                Recovery::Constant(symbol) => {
                    let kind = self.function.symbols.get(symbol.index()).map(|symbol| &symbol.kind);
                    matches!(kind, Some(SymbolKind::Object { .. } | SymbolKind::Code))
                }
                Recovery::Number(value) => {
                    matches!(self.function.type_of(value), Type::Int | Type::Float | Type::Bool)
                }
                Recovery::Owned(value) | Recovery::Borrowed(value) => self.function.type_of(value) == Type::Object,
                Recovery::Virtual(index) => (index as usize) < data.virtuals.len(),
            };
            if !fine {
                self.error(format_args!("{state}: {recovery:?} is of the wrong kind"));
            }
        }
        if data
            .release
            .iter()
            .any(|&value| self.function.type_of(value) != Type::Object)
        {
            self.error(format_args!("{state} releases what is no object"));
        }
    }
}
