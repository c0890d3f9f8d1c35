//! Dead code.
//!
//! *Does*: removes instructions without effect (pure ones, loads, allocations, calls of such functions) whose result
//! nobody uses, and block parameters that nobody uses, round a loop neither; an object that is made and of which nothing
//! but its references is counted goes with the counting.
//! *Assumes*: references are counted right.
//! *Guarantees*: a use in a frame state, a loop header's too, is a use. Guards stay. The entry's parameters stay.

use crate::edit;
use justjit_ir::{Block, Effect, Flow, Function, Inst, Op, State, Value, ValueDef};

pub fn run(function: &mut Function) -> bool {
    let flow = Flow::of(function);
    let mut changed = edit::clear_unreachable(function, &flow);
    let counted = only_counted(function, &flow);
    let mut live = Live {
        function,
        values: vec![false; function.values.len()],
        insts: vec![false; function.insts.len()],
        states: vec![false; function.states.len()],
        pending: Vec::new(),
        counted: &counted,
    };
    live.roots(&flow);
    live.propagate(&flow);
    let (values, insts) = (live.values, live.insts);
    for &block in &flow.order {
        let before = function.blocks[block.index()].insts.len();
        function.blocks[block.index()].insts.retain(|inst| insts[inst.index()]);
        changed |= function.blocks[block.index()].insts.len() != before;
        let params = function.blocks[block.index()].params.clone();
        if block != Function::ENTRY && params.iter().any(|param| !values[param.index()]) {
            edit::remove_params(function, block, |index| !values[params[index].index()]);
            changed = true;
        }
    }
    changed
}

/// Allocated objects of which nothing is used but their references.
fn only_counted(function: &Function, flow: &Flow) -> Vec<bool> {
    let mut counted = vec![false; function.values.len()];
    let uses = edit::count_uses(function);
    let mut counts = vec![0; function.values.len()];
    for &block in &flow.order {
        for &inst in &function.blocks[block.index()].insts {
            let data = function.inst(inst);
            match data.op {
                Op::Incref | Op::Decref | Op::DecrefNumber => counts[data.args[0].index()] += 1,
                Op::BoxInt | Op::BoxFloat => {
                    let result = data.result.expect("a box is a result");
                    counted[result.index()] = true;
                }
                _ => {}
            }
        }
    }
    for (index, counted) in counted.iter_mut().enumerate() {
        *counted &= counts[index] == uses[index];
    }
    counted
}

struct Live<'a> {
    function: &'a Function,
    values: Vec<bool>,
    insts: Vec<bool>,
    states: Vec<bool>,
    pending: Vec<Value>,
    counted: &'a [bool],
}

impl Live<'_> {
    fn value(&mut self, value: Value) {
        if !std::mem::replace(&mut self.values[value.index()], true) {
            self.pending.push(value);
        }
    }

    fn state(&mut self, state: State) {
        if !std::mem::replace(&mut self.states[state.index()], true) {
            for value in self.function.states[state.index()].values() {
                self.value(value);
            }
        }
    }

    fn inst(&mut self, inst: Inst) {
        if !std::mem::replace(&mut self.insts[inst.index()], true) {
            let data = self.function.inst(inst);
            for &arg in &data.args {
                self.value(arg);
            }
            if let Some(state) = data.state {
                self.state(state);
            }
        }
    }

    /// What is needed for what it does.
    fn roots(&mut self, flow: &Flow) {
        for &block in &flow.order {
            let data = &self.function.blocks[block.index()];
            if let Some(state) = data.entry_state {
                self.state(state);
            }
            for &inst in &data.insts {
                let data = self.function.inst(inst);
                let needed = match data.effect(self.function) {
                    Effect::Pure | Effect::Load | Effect::Allocate | Effect::Reads => false,
                    Effect::Reference | Effect::Any => !matches!(
                        data.op,
                        Op::Incref | Op::Decref | Op::DecrefNumber if self.counted[data.args[0].index()]
                    ),
                    _ => true,
                };
                if needed {
                    self.inst(inst);
                }
            }
        }
    }

    /// From results to operands, from parameters to arguments.
    fn propagate(&mut self, flow: &Flow) {
        while let Some(value) = self.pending.pop() {
            match self.function.values[value.index()].def {
                ValueDef::Result(inst) => self.inst(inst),
                ValueDef::Param(block, index) => {
                    let mut before: Vec<Block> = flow.predecessors(block).to_vec();
                    before.sort_unstable();
                    before.dedup();
                    for from in before {
                        let calls = self.function.successors(from).iter();
                        for call in calls.filter(|call| call.block == block) {
                            self.value(call.args[index as usize]);
                        }
                    }
                }
            }
        }
    }
}
