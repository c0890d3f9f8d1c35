//! The function: blocks, values, control flow, exits.

use crate::exits::{Exits, Which, which};
use justjit_builder::{Builder, IntCond, IntOp, Region, Signature, Type as Width};
use justjit_ir::{self as ir, BlockCall, Dominators, Effect, Flow, Function, Imm, InstData, Loops, Op, Type, Value};
use justjit_runtime::layout::{Frame, ThreadState};
use justjit_runtime::thread::Thread;
use std::collections::HashMap;
use std::mem::offset_of;

/// Of the code: thread, frame, the entry's number; gives the body's result.
pub const SIGNATURE: Signature = Signature {
    params: &[Width::I64, Width::I64, Width::I64],
    result: Some(Width::I64),
};

/// Writes the function, whose signature is [`SIGNATURE`], into a fresh builder.
pub fn lower<B: Builder>(b: &mut B, function: &Function, exits: &Exits) {
    let thread = b.param(0);
    let frame = b.param(1);
    let entry = b.param(2);
    lower_with(b, function, exits, (thread, frame), &[frame, thread, entry], Width::I64);
}

/// Writes a typed body, whose parameters are those of its first block (the thread comes first), into a fresh builder. It
/// has no frame, and gives 0 where it is left.
pub fn lower_typed<B: Builder>(b: &mut B, function: &Function, exits: &Exits) {
    let signature = crate::typed::signature_of(function);
    let params: Vec<_> = (0..signature.params.len()).map(|index| b.param(index)).collect();
    let frame = b.int(Width::I64, 0);
    let result = signature.result.expect("a typed body gives something");
    lower_with(b, function, exits, (params[0], frame), &params, result);
}

/// Whether an innermost loop does nothing but compute and write numbers.
fn has_plain_loops(function: &Function) -> bool {
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let loops = Loops::of(function, &flow, &dominators);
    loops.inside_out().any(|(number, data)| {
        let innermost = loops.loops.iter().all(|other| other.parent != Some(number));
        let insts = data
            .blocks
            .iter()
            .flat_map(|block| &function.blocks[block.index()].insts);
        let mut insts = insts.map(|&inst| function.inst(inst));
        let is_plain = |inst: &InstData| {
            matches!(
                inst.effect(function),
                Effect::Pure | Effect::Load | Effect::Store | Effect::Locate | Effect::Account | Effect::Control
            )
        };
        let writes = |inst: &InstData| inst.effect(function) == Effect::Store;
        innermost && insts.clone().all(is_plain) && insts.any(writes)
    })
}

fn lower_with<B: Builder>(
    b: &mut B,
    function: &Function,
    exits: &Exits,
    (thread, frame): (B::Value, B::Value),
    entry_args: &[B::Value],
    result: Width,
) {
    if has_plain_loops(function) {
        b.note_plain_loops();
    }
    let order = Flow::of(function).order;
    let has_safepoint = order.iter().any(|block| {
        let insts = &function.blocks[block.index()].insts;
        insts
            .iter()
            .any(|&inst| matches!(function.inst(inst).op, Op::Safepoint | Op::CallCheck))
    });
    let words = exits.most_words();
    let mut lowering = Lowering {
        function,
        exits,
        thread,
        frame,
        result,
        tstate: has_safepoint.then(|| b.load_in(Region::Any, Width::I64, thread, offset_of!(Thread, tstate) as i32)),
        words: (words > 0).then(|| b.int_op_const(IntOp::Add, thread, offset_of!(Thread, words) as i64)),
        int_word: None,
        values: vec![None; function.values.len()],
        blocks: vec![None; function.blocks.len()],
        leaving: HashMap::new(),
        pending: Vec::new(),
        deaths: Vec::new(),
        position: None,
        in_cold: false,
        b,
    };
    if order.iter().any(|&block| lowering.unboxes(block)) {
        lowering.int_word = Some(lowering.b.stack_slot(8));
    }
    lowering.declare_blocks(&order, entry_args);
    for &block in &order {
        lowering.block(block);
    }
    lowering.finish_exits();
}

/// The state of a lowering.
pub(crate) struct Lowering<'a, B: Builder> {
    pub b: &'a mut B,
    pub function: &'a Function,
    pub exits: &'a Exits,
    pub thread: B::Value,
    pub frame: B::Value,
    /// The machine type of the body's result.
    pub result: Width,
    /// Where there are safepoints.
    tstate: Option<B::Value>,
    /// Memory for the values that are passed where the code is left.
    pub words: Option<B::Value>,
    /// Memory for an int that the runtime takes out of an object.
    pub int_word: Option<B::Value>,
    values: Vec<Option<B::Value>>,
    blocks: Vec<Option<B::Block>>,
    /// The blocks that leave the code.
    pub leaving: HashMap<Which, B::Block>,
    /// Exits whose blocks have no code yet.
    pub pending: Vec<Which>,
    /// Where an object is ended, and where it goes on: written at the end of the block.
    pub deaths: Vec<Death<B::Value, B::Block>>,
    position: Option<u32>,
    /// The present block is seldom come to.
    pub in_cold: bool,
}

/// The end of an object whose last reference was given up.
pub(crate) struct Death<V, B> {
    pub block: B,
    pub object: V,
    pub next: B,
    /// Where the code is left if Python code may run; `None` for numbers.
    pub exit: Option<B>,
}

impl<B: Builder> Lowering<'_, B> {
    fn unboxes(&self, block: ir::Block) -> bool {
        let insts = &self.function.blocks[block.index()].insts;
        insts.iter().any(|&inst| self.function.inst(inst).op == Op::UnboxInt)
    }

    // ---- blocks ----------------------------------------------------------------------------------------------

    /// Makes the machine blocks, and goes to the first one.
    fn declare_blocks(&mut self, order: &[ir::Block], entry_args: &[B::Value]) {
        for &block in order {
            let data = &self.function.blocks[block.index()];
            let machine = self.b.create_block();
            if data.cold {
                self.b.set_cold(machine);
            }
            for &param in &data.params {
                let value = self.b.block_param(machine, width(self.function.type_of(param)));
                self.values[param.index()] = Some(value);
            }
            self.blocks[block.index()] = Some(machine);
        }
        let given = self.function.blocks[Function::ENTRY.index()].params.len();
        let first = self.machine_block(Function::ENTRY);
        self.b.jump(first, &entry_args[..given]);
    }

    fn machine_block(&self, block: ir::Block) -> B::Block {
        self.blocks[block.index()].expect("what is jumped to can be reached")
    }

    fn block(&mut self, block: ir::Block) {
        let machine = self.machine_block(block);
        self.b.switch_to(machine);
        self.position = None;
        self.in_cold = self.function.blocks[block.index()].cold;
        for &inst in &self.function.blocks[block.index()].insts {
            let inst = self.function.inst(inst);
            self.set_position(inst.position);
            let result = self.inst(inst);
            if let Some(value) = inst.result {
                self.values[value.index()] = result;
                debug_assert!(result.is_some(), "{} gives a value", inst.op.info().name);
            }
        }
        self.finish_deaths();
    }

    /// Instructions of inlined code count as the call that they were inlined for.
    fn set_position(&mut self, position: ir::Position) {
        if position.code == 0 && self.position != Some(position.offset) {
            self.position = Some(position.offset);
            self.b.set_position(position.offset);
        }
    }

    fn target(&self, target: &BlockCall) -> (B::Block, Vec<B::Value>) {
        let args = target.args.iter().map(|&arg| self.value(arg)).collect();
        (self.machine_block(target.block), args)
    }

    // ---- values ----------------------------------------------------------------------------------------------

    /// The machine value of one that has been computed.
    pub fn value(&self, value: Value) -> B::Value {
        self.values[value.index()].expect("definitions come before uses")
    }

    /// The value, if it is a constant int.
    pub fn constant(&self, value: Value) -> Option<i64> {
        match self.function.def(value)? {
            InstData {
                op: Op::IntConst,
                imm: Imm::Int(constant),
                ..
            } => Some(*constant),
            _ => None,
        }
    }

    pub fn int(&mut self, value: i64) -> B::Value {
        self.b.int(Width::I64, value)
    }

    pub fn symbol(&mut self, symbol: ir::Symbol) -> B::Value {
        self.b.object(self.exits.address(symbol))
    }

    pub fn cold_block(&mut self) -> B::Block {
        let block = self.b.create_block();
        self.b.set_cold(block);
        block
    }

    // ---- instructions ----------------------------------------------------------------------------------------

    fn inst(&mut self, inst: &InstData) -> Option<B::Value> {
        let arg = |index: usize| self.value(inst.args[index]);
        match inst.op {
            Op::IntConst
            | Op::IntAdd
            | Op::IntSub
            | Op::IntMul
            | Op::IntAddWrapping
            | Op::IntAddChecked
            | Op::IntSubChecked
            | Op::IntMulChecked
            | Op::IntFloorDiv
            | Op::IntMod
            | Op::IntDiv
            | Op::IntRem
            | Op::IntAnd
            | Op::IntOr
            | Op::IntXor
            | Op::IntShl
            | Op::IntShlChecked
            | Op::IntShr
            | Op::IntCompare
            | Op::IntToFloat
            | Op::IntWrap => Some(self.int_inst(inst)),

            Op::FloatConst
            | Op::FloatAdd
            | Op::FloatSub
            | Op::FloatMul
            | Op::FloatDiv
            | Op::FloatNeg
            | Op::FloatAbs
            | Op::FloatSqrt
            | Op::FloatFloor
            | Op::FloatCeil
            | Op::FloatTrunc
            | Op::FloatNearest
            | Op::FloatSingle
            | Op::FloatHalf
            | Op::HalfFloat
            | Op::FloatCompare
            | Op::FloatToInt => Some(self.float_inst(inst)),

            Op::BoolConst | Op::BoolNot | Op::BoolAnd | Op::BoolOr | Op::BoolXor | Op::BoolToInt => {
                Some(self.bool_inst(inst))
            }
            Op::Select => {
                let (condition, a, b) = (arg(0), arg(1), arg(2));
                Some(self.b.select(condition, a, b))
            }

            Op::ObjectConst
            | Op::PointerConst
            | Op::Null
            | Op::Same
            | Op::IsNull
            | Op::HasType
            | Op::AddressOf
            | Op::UnboxInt
            | Op::UnboxFloat
            | Op::BoxInt
            | Op::BoxFloat
            | Op::BoxBool => Some(self.object_inst(inst)),
            Op::Incref => {
                let object = arg(0);
                self.incref(object);
                None
            }
            Op::Decref | Op::DecrefNumber => {
                self.decref(inst);
                None
            }

            Op::Load | Op::LoadIndexed => Some(self.load_inst(inst)),
            Op::Store | Op::StoreIndexed => {
                self.store_inst(inst);
                None
            }
            Op::AddOffset => {
                let (base, offset) = (arg(0), arg(1));
                Some(self.b.int_op(IntOp::Add, base, offset))
            }

            Op::Call => self.call_inst(inst),
            Op::Guard => {
                self.guard(inst.args[0], inst);
                None
            }
            Op::Safepoint => {
                self.safepoint(inst);
                None
            }
            Op::CallCheck => {
                let left = arg(0);
                let fine = self.b.compare_const(IntCond::SignedGt, left, 0);
                self.leave_unless(fine, inst);
                let stack_pointer = self.b.stack_pointer();
                let limit = offset_of!(Thread, stack_limit) as i32;
                let limit = self.b.load_in(Region::Any, Width::I64, self.thread, limit);
                let fine = self.b.compare(IntCond::UnsignedGe, stack_pointer, limit);
                self.leave_unless(fine, inst);
                self.safepoint(inst);
                None
            }
            Op::StackPointer => Some(self.b.stack_pointer()),
            Op::Locate => {
                let Imm::Offset(offset) = inst.imm else { wrong(inst) };
                let address = self.b.object(self.exits.instruction(offset));
                let field = offset_of!(Frame, instr_ptr) as i32;
                self.b.store_in(Region::Frame, address, self.frame, field);
                None
            }
            Op::Arrive | Op::TakeOver | Op::HandOver => None,

            Op::Jump => {
                let (block, args) = self.target(&inst.targets[0]);
                self.b.jump(block, &args);
                None
            }
            Op::Branch => {
                let condition = arg(0);
                let (then, then_args) = self.target(&inst.targets[0]);
                let (otherwise, otherwise_args) = self.target(&inst.targets[1]);
                self.b
                    .branch(condition, (then, &then_args), (otherwise, &otherwise_args));
                None
            }
            Op::Return | Op::Give => {
                let result = arg(0);
                self.b.ret(result);
                None
            }
            Op::Deopt => {
                let exit = self.leaving_block(inst);
                self.b.jump(exit, &[]);
                None
            }
        }
    }

    /// Leaves where somebody wants attention.
    fn safepoint(&mut self, inst: &InstData) {
        let tstate = self.tstate.expect("loaded where there are safepoints");
        let offset = offset_of!(ThreadState, eval_breaker) as i32;
        let breaker = self.b.load_volatile(Width::I64, tstate, offset);
        let offset = offset_of!(Thread, expected_breaker) as i32;
        let expected = self.b.load_in(Region::Any, Width::I64, self.thread, offset);
        let calm = self.b.compare(IntCond::Eq, breaker, expected);
        self.leave_unless(calm, inst);
    }

    // ---- exits -----------------------------------------------------------------------------------------------

    /// Leaves the code as the instruction says unless the condition holds. Of several tests of floats of which one is enough,
    /// the first is what holds nearly always: the code for the others is not to be in the way.
    fn guard(&mut self, condition: Value, inst: &InstData) {
        let mut first = condition;
        let mut alternatives = Vec::new();
        while let Some(data) = self.function.def(first).filter(|data| data.op == Op::BoolOr) {
            alternatives.push(data.args[1]);
            first = data.args[0];
        }
        let of_floats = self.function.def(first).is_some_and(|data| data.op == Op::FloatCompare);
        if alternatives.is_empty() || !of_floats {
            let condition = self.value(condition);
            self.leave_unless(condition, inst);
            return;
        }
        let (fine, seldom) = (self.b.create_block(), self.cold_block());
        let first = self.value(first);
        self.b.branch(first, (fine, &[]), (seldom, &[]));
        self.b.switch_to(seldom);
        while let Some(other) = alternatives.pop() {
            let other = self.value(other);
            match alternatives.is_empty() {
                true => self.leave_unless(other, inst),
                false => self.b.branch_if(other, fine, &[]),
            }
        }
        self.b.jump(fine, &[]);
        self.b.switch_to(fine);
    }

    /// Leaves the code as the instruction says when the condition is 0.
    pub fn leave_unless(&mut self, condition: B::Value, inst: &InstData) {
        let exit = self.leaving_block(inst);
        self.b.branch_unless(condition, exit, &[]);
    }

    /// Leaves the code as the instruction says when the condition is not 0.
    pub fn leave_if(&mut self, condition: B::Value, inst: &InstData) {
        let exit = self.leaving_block(inst);
        self.b.branch_if(condition, exit, &[]);
    }

    /// The block that leaves the code as the instruction says, shared by all that leave alike. What a state refers to
    /// dominates every instruction that has it, so it dominates a block that only those jump to.
    pub fn leaving_block(&mut self, inst: &InstData) -> B::Block {
        let which = which(inst).expect("what leaves the code has a state");
        if let Some(&block) = self.leaving.get(&which) {
            return block;
        }
        let block = self.cold_block();
        self.leaving.insert(which, block);
        self.pending.push(which);
        block
    }
}

/// The machine type of a value.
pub(crate) fn width(ty: Type) -> Width {
    match ty {
        Type::Object | Type::Int | Type::Pointer => Width::I64,
        Type::Bool => Width::I8,
        Type::Float => Width::F64,
    }
}

/// The instruction is not one that the verifier lets pass.
pub(crate) fn wrong(inst: &InstData) -> ! {
    panic!("{} does not take {:?}", inst.op.info().name, inst.imm)
}
