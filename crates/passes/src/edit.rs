//! What passes share for changing functions.

use justjit_ir::{Block, BlockCall, BlockData, Flow, Function, Imm, Inst, InstData, Op, Symbol, Type, Value, ValueDef};

/// Values that are to be replaced by others. Replacements are collected and then applied at once.
pub struct Replacements {
    to: Vec<Value>,
    any: bool,
}

impl Replacements {
    pub fn new(function: &Function) -> Replacements {
        Replacements {
            to: (0..function.values.len() as u32).map(Value).collect(),
            any: false,
        }
    }

    pub fn replace(&mut self, value: Value, by: Value) {
        let by = self.resolve(by);
        if by != value {
            self.grow(value);
            self.to[value.index()] = by;
            self.any = true;
        }
    }

    fn grow(&mut self, value: Value) {
        let count = self.to.len() as u32;
        self.to.extend((count..=value.0).map(Value));
    }

    pub fn resolve(&self, mut value: Value) -> Value {
        while let Some(&next) = self.to.get(value.index()) {
            if next == value {
                break;
            }
            value = next;
        }
        value
    }

    /// Applies them; whether there was any.
    pub fn apply(&self, function: &mut Function) -> bool {
        if self.any {
            function.replace_uses(|value| self.resolve(value));
        }
        self.any
    }
}

/// A constant, if the value is one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Constant {
    Int(i64),
    Float(f64),
    Bool(bool),
    Object(Symbol),
    Pointer(Symbol),
    Null,
}

impl Constant {
    pub fn of(function: &Function, value: Value) -> Option<Constant> {
        let data = function.def(value)?;
        Some(match (data.op, data.imm) {
            (Op::IntConst, Imm::Int(value)) => Constant::Int(value),
            (Op::FloatConst, Imm::Float(value)) => Constant::Float(value),
            (Op::BoolConst, Imm::Bool(value)) => Constant::Bool(value),
            (Op::ObjectConst, Imm::Symbol(symbol)) => Constant::Object(symbol),
            (Op::PointerConst, Imm::Symbol(symbol)) => Constant::Pointer(symbol),
            (Op::Null, _) => Constant::Null,
            _ => return None,
        })
    }

    /// Whether it is the same to the last bit.
    pub fn same(self, other: Constant) -> bool {
        match (self, other) {
            (Constant::Float(a), Constant::Float(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        }
    }

    pub fn inst(self) -> (Op, Imm) {
        match self {
            Constant::Int(value) => (Op::IntConst, Imm::Int(value)),
            Constant::Float(value) => (Op::FloatConst, Imm::Float(value)),
            Constant::Bool(value) => (Op::BoolConst, Imm::Bool(value)),
            Constant::Object(symbol) => (Op::ObjectConst, Imm::Symbol(symbol)),
            Constant::Pointer(symbol) => (Op::PointerConst, Imm::Symbol(symbol)),
            Constant::Null => (Op::Null, Imm::None),
        }
    }
}

pub fn int(function: &Function, value: Value) -> Option<i64> {
    match Constant::of(function, value) {
        Some(Constant::Int(value)) => Some(value),
        _ => None,
    }
}

pub fn boolean(function: &Function, value: Value) -> Option<bool> {
    match Constant::of(function, value) {
        Some(Constant::Bool(value)) => Some(value),
        _ => None,
    }
}

/// Makes the instruction another one; its result, if it has one, stays the same value.
pub fn become_op(function: &mut Function, inst: Inst, op: Op, args: Vec<Value>, imm: Imm) {
    let data = &mut function.insts[inst.index()];
    data.op = op;
    data.args = args;
    data.imm = imm;
    if !op.info().exits {
        data.state = None;
    }
}

/// Makes the instruction a constant.
pub fn become_constant(function: &mut Function, inst: Inst, constant: Constant) {
    let (op, imm) = constant.inst();
    become_op(function, inst, op, Vec::new(), imm);
}

/// Makes the instruction at an index of the block, which has a state, leave the code for good; what follows is cut off.
pub fn become_deopt(function: &mut Function, block: Block, index: usize) {
    let inst = function.blocks[block.index()].insts[index];
    let data = &mut function.insts[inst.index()];
    let deopt = InstData {
        op: Op::Deopt,
        args: Vec::new(),
        imm: Imm::None,
        state: data.state,
        targets: Vec::new(),
        result: None,
        position: data.position,
    };
    // The old instruction keeps its number and result: blocks that cannot be reached any more may still use it.
    function.insts.push(deopt);
    let number = Inst(function.insts.len() as u32 - 1);
    let insts = &mut function.blocks[block.index()].insts;
    insts.truncate(index);
    insts.push(number);
}

/// A new instruction, placed before the one at the index of the block, at that one's position.
pub fn insert(function: &mut Function, block: Block, index: usize, op: Op, args: Vec<Value>, imm: Imm) -> Inst {
    let at = function.blocks[block.index()].insts.get(index);
    if let Some(&at) = at {
        function.position = function.inst(at).position;
    }
    let inst = function.make_inst(op, args, imm, None, Vec::new());
    function.blocks[block.index()].insts.insert(index, inst);
    inst
}

/// `insert` of what has a result.
pub fn insert_value(function: &mut Function, block: Block, index: usize, op: Op, args: Vec<Value>, imm: Imm) -> Value {
    let inst = insert(function, block, index, op, args, imm);
    function.inst(inst).result.expect("the operation has a result")
}

/// Takes parameters away from a block and the arguments from all jumps to it, where `dead` says so.
pub fn remove_params(function: &mut Function, block: Block, dead: impl Fn(usize) -> bool) {
    let params = std::mem::take(&mut function.blocks[block.index()].params);
    let mut kept = Vec::new();
    for (index, param) in params.into_iter().enumerate() {
        if !dead(index) {
            function.values[param.index()].def = ValueDef::Param(block, kept.len() as u32);
            kept.push(param);
        }
    }
    function.blocks[block.index()].params = kept;
    for inst in &mut function.insts {
        for target in inst.targets.iter_mut().filter(|target| target.block == block) {
            let mut index = 0;
            target.args.retain(|_| {
                index += 1;
                !dead(index - 1)
            });
        }
    }
}

/// The terminator's inst of a block that has one.
pub fn last(function: &Function, block: Block) -> Inst {
    function.terminator(block).expect("the block has a terminator")
}

/// Makes the block's last instruction a jump.
pub fn become_jump(function: &mut Function, block: Block, target: BlockCall) {
    let inst = last(function, block);
    become_op(function, inst, Op::Jump, Vec::new(), Imm::None);
    function.insts[inst.index()].targets = vec![target];
}

/// How often each value is used: as an operand, an argument of a jump, in a state of an instruction or of a header.
pub fn count_uses(function: &Function) -> Vec<u32> {
    let mut uses = vec![0; function.values.len()];
    for block in &function.blocks {
        for &inst in &block.insts {
            let data = function.inst(inst);
            let targets = data.targets.iter().flat_map(|target| &target.args);
            for value in data.args.iter().chain(targets) {
                uses[value.index()] += 1;
            }
        }
    }
    for state in function.used_states() {
        for value in function.states[state.index()].values() {
            uses[value.index()] += 1;
        }
    }
    uses
}

/// Empties blocks that cannot be reached; whether there was any that was not empty.
pub fn clear_unreachable(function: &mut Function, flow: &Flow) -> bool {
    let mut changed = false;
    for (index, data) in function.blocks.iter_mut().enumerate() {
        let empty = data.insts.is_empty() && data.params.is_empty();
        if !empty && !flow.reachable(Block(index as u32)) {
            *data = BlockData::default();
            changed = true;
        }
    }
    changed
}

/// The block from which alone a loop is entered, and which goes nowhere else; made if there is none.
pub fn ensure_preheader(function: &mut Function, header: Block, outside: &[Block]) -> Block {
    if let [only] = outside
        && function.successors(*only).len() == 1
    {
        return *only;
    }
    make_preheader(function, header, outside)
}

/// A new block that jumps to the header, to which some of its predecessors jump instead.
pub fn make_preheader(function: &mut Function, header: Block, outside: &[Block]) -> Block {
    let preheader = function.add_block();
    let params = function.blocks[header.index()].params.clone();
    let args: Vec<Value> = params
        .iter()
        .map(|&param| {
            let ty: Type = function.type_of(param);
            function.add_param(preheader, ty)
        })
        .collect();
    function.position = function.blocks[header.index()]
        .insts
        .first()
        .map_or_else(Default::default, |&inst| function.inst(inst).position);
    let cold = function.blocks[header.index()].cold;
    function.blocks[preheader.index()].cold = cold;
    function.end(
        preheader,
        Op::Jump,
        Vec::new(),
        None,
        vec![BlockCall { block: header, args }],
    );
    for &block in outside {
        let inst = last(function, block);
        for target in &mut function.insts[inst.index()].targets {
            if target.block == header {
                target.block = preheader;
            }
        }
    }
    preheader
}

/// The block of each instruction that is in one.
pub fn homes(function: &Function) -> Vec<Option<Block>> {
    let mut homes = vec![None; function.insts.len()];
    for (index, block) in function.blocks.iter().enumerate() {
        for inst in &block.insts {
            homes[inst.index()] = Some(Block(index as u32));
        }
    }
    homes
}

/// The block that an instruction is in, and its place there.
pub fn place_of(function: &Function, inst: Inst) -> (Block, usize) {
    let blocks = function.blocks.iter().enumerate();
    let mut found = blocks.filter_map(|(block, data)| {
        let at = data.insts.iter().position(|&one| one == inst)?;
        Some((Block(block as u32), at))
    });
    found.next().expect("the instruction is in a block")
}
