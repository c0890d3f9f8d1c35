//! Tests that numbers are finite, made once for several.
//!
//! *Does*: removes a guard that a float is finite where another guard behind it in the block tests that of a float that is
//! not finite if the first is not: a sum with it, a product with it. The second one leaves with the first one's state then.
//! *Assumes*: a state is exact as long as nothing was done since that can be seen.
//! *Guarantees*: between the two stands nothing but arithmetic, loads, and such guards, so that what is left early is done
//! again.

use crate::edit::Constant;
use justjit_builder::FloatCond;
use justjit_ir::{Block, Effect, Flow, Function, Imm, Inst, Op, Value};

pub fn run(function: &mut Function) -> bool {
    let mut changed = false;
    for &block in &Flow::of(function).order {
        changed |= merge(function, block);
    }
    changed
}

fn merge(function: &mut Function, block: Block) -> bool {
    let mut removed: Vec<Inst> = Vec::new();
    // The last guard that a float is finite, with the float, if nothing has happened since.
    let mut last: Option<(Inst, Value)> = None;
    for inst in function.blocks[block.index()].insts.clone() {
        let data = function.inst(inst);
        match data.effect(function) {
            Effect::Pure | Effect::Load | Effect::Locate => {}
            Effect::Guard => {
                let same_state = last.is_some_and(|(earlier, _)| function.inst(earlier).state == data.state);
                let tested = (data.op == Op::Guard).then(|| finite(function, data.args[0])).flatten();
                if let (Some((earlier, spoiling)), Some(value)) = (last, tested)
                    && spoils(function, spoiling, value)
                {
                    let state = function.inst(earlier).state;
                    function.insts[inst.index()].state = state;
                    removed.push(earlier);
                }
                // Another test that leaves with the same state does the same again.

                if tested.is_some() || !same_state {
                    last = tested.map(|value| (inst, value));
                }
            }
            _ => last = None,
        }
    }
    function.blocks[block.index()]
        .insts
        .retain(|inst| !removed.contains(inst));
    !removed.is_empty()
}

/// The float that a condition says is finite: its absolute value is at most the largest.
fn finite(function: &Function, condition: Value) -> Option<Value> {
    let test = function.def(condition)?;
    let most = Constant::of(function, *test.args.get(1)?);
    let size = function.def(test.args[0])?;
    let fine = test.op == Op::FloatCompare
        && test.imm == Imm::FloatCond(FloatCond::Le)
        && most == Some(Constant::Float(f64::MAX))
        && size.op == Op::FloatAbs;
    fine.then(|| size.args[0])
}

/// Whether the second float is infinite or NaN if the first one is.
fn spoils(function: &Function, first: Value, second: Value) -> bool {
    if first == second {
        return true;
    }
    let mut pending = vec![second];
    for _ in 0..16 {
        let Some(value) = pending.pop() else {
            return false;
        };
        let Some(data) = function.def(value) else {
            continue;
        };
        let passing = match data.op {
            Op::FloatAdd | Op::FloatSub | Op::FloatMul | Op::FloatNeg | Op::FloatAbs => &data.args[..],
            Op::FloatDiv => &data.args[..1],
            _ => &[],
        };
        if passing.contains(&first) {
            return true;
        }
        pending.extend(passing);
    }
    false
}
