//! For tests: code that is left at each place where it can be left.

use justjit_builder::{IntCond, Region, Type as Width};
use justjit_ir::{FrameState, Function};
use justjit_ir::{Going, Imm, Inst, Op, State, SymbolData, SymbolKind, Type, Value};

/// How often each place is left before its bet counts.
const FAILURES: i64 = 1;

/// What is left of each place's failures; the code writes here, so it must live as long.
pub type Failures = Box<[i64]>;

/// Puts a guard that fails at first before each instruction that can leave the code and have its instruction done again.
pub fn fail_exits(function: &mut Function) -> Failures {
    let places: Vec<(usize, usize)> = function
        .blocks
        .iter()
        .enumerate()
        .flat_map(|(block, data)| data.insts.iter().enumerate().map(move |(at, &inst)| (block, at, inst)))
        .filter(|&(_, _, inst)| leaves(function, inst))
        .map(|(block, at, _)| (block, at))
        .collect();
    let mut failures: Failures = vec![FAILURES; places.len()].into();
    // From the end, so that what is put in moves nothing that is still to be found.
    for (number, &(block, at)) in places.iter().enumerate().rev() {
        let inst = function.blocks[block].insts[at];
        let added = guard(function, inst, &raw mut failures[number], number);
        function.blocks[block].insts.splice(at..at, added);
    }
    failures
}

/// Whether an instruction may leave, with a state that is that before it.
fn leaves(function: &Function, inst: Inst) -> bool {
    let data = function.inst(inst);
    let resumes = |state: State| function.states[state.0 as usize].going == Going::Resume;
    // A sum of which one way adds 0 (the pass `selects`) has the state of the other way, which alone can leave.
    let is_select = |value: &Value| function.def(*value).is_some_and(|def| def.op == Op::Select);
    let counts = matches!(data.op, Op::IntAddChecked | Op::IntSubChecked) && is_select(&data.args[1]);
    data.op != Op::Deopt && !counts && data.state.is_some_and(resumes)
}

/// Instructions that leave as long as the failures at `left` are not used up.
fn guard(function: &mut Function, inst: Inst, left: *const i64, number: usize) -> Vec<Inst> {
    let data = function.inst(inst).clone();
    let mut state = data.state.expect("it may leave");
    if data.op == Op::Decref {
        // The state is that after the object is gone.
        let after: &FrameState = &function.states[state.0 as usize];
        let mut before = after.clone();
        // It goes before those that are given up later.
        before.release.insert(0, data.args[0]);
        state = function.add_state(before);
    }
    function.position = data.position;
    let symbol = function.symbol(SymbolData {
        name: format!("failures#{number}"),
        kind: SymbolKind::Data,
        address: left.cast(),
        function: None,
    });
    let mut added = Vec::new();
    let mut make = |op, args: &[Value], imm, state| {
        let inst = function.make_inst(op, args.to_vec(), imm, state, Vec::new());
        added.push(inst);
        function.inst(inst).result
    };
    let mut value = |op, args: &[Value], imm| make(op, args, imm, None).expect("it has a result");
    let memory = Imm::Memory {
        ty: Type::Int,
        width: Width::I64,
        signed: true,
        region: Region::Any,
        offset: 0,
        scale: 0,
    };
    let address = value(Op::PointerConst, &[], Imm::Symbol(symbol));
    let old = value(Op::Load, &[address], memory);
    let none = value(Op::IntConst, &[], Imm::Int(0));
    let used_up = value(Op::IntCompare, &[old, none], Imm::IntCond(IntCond::Eq));
    let one = value(Op::IntConst, &[], Imm::Int(1));
    let less = value(Op::IntSub, &[old, one], Imm::None);
    let new = value(Op::Select, &[used_up, none, less], Imm::None);
    make(Op::Store, &[address, new], memory, None);
    make(Op::Guard, &[used_up], Imm::None, Some(state));
    added
}
