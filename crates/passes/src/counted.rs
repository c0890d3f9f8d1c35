//! Loops that count a variable by a constant until their header's test against an invariant bound fails, and that are
//! left in no other way but cold ones.

use crate::arithmetic::{negated, swapped};
use crate::facts::Facts;
use justjit_builder::IntCond;
use justjit_ir::{Block, Function, Imm, LoopData, Op, Value, ValueDef};

/// A loop that counts.
pub struct Counted {
    pub variable: Value,
    /// Its value at first.
    pub start: Value,
    pub up: bool,
    /// What each iteration adds.
    pub step: i128,
    /// The loop goes on while `variable + plus` is below (or above) `bound`, or equal if `inclusive`.
    pub plus: i128,
    pub bound: Value,
    pub inclusive: bool,
    /// Where the loop goes on.
    pub body: Block,
}

/// Whether a value is defined outside the loop. `homes` are the blocks of instructions.
pub fn outside(function: &Function, homes: &[Option<Block>], data: &LoopData, value: Value) -> bool {
    let home = match function.values[value.index()].def {
        ValueDef::Param(block, _) => Some(block),
        ValueDef::Result(inst) => homes[inst.index()],
    };
    home.is_some_and(|home| !data.blocks.contains(&home))
}

impl Counted {
    /// Recognizes such a loop.
    pub fn of(function: &Function, homes: &[Option<Block>], data: &LoopData, preheader: Block) -> Option<Counted> {
        let leaves_hot = |&(from, to): &(Block, Block)| {
            let target = &function.blocks[to.index()];
            let deopts = target
                .insts
                .last()
                .is_some_and(|&last| function.inst(last).op == Op::Deopt);
            from != data.header && !target.cold && !deopts
        };
        let last = function.inst(function.terminator(data.header)?);
        if last.op != Op::Branch || data.exits.iter().any(leaves_hot) {
            return None;
        }
        let stays = last.targets.iter().map(|call| data.blocks.contains(&call.block));
        let stays: Vec<bool> = stays.collect();
        let test = function.def(last.args[0])?;
        let (Op::IntCompare, Imm::IntCond(cond)) = (test.op, test.imm) else {
            return None;
        };
        let (cond, body) = match stays[..] {
            [true, false] => (cond, last.targets[0].block),
            [false, true] => (negated(cond), last.targets[1].block),
            _ => return None,
        };
        let (a, b) = (test.args[0], test.args[1]);
        [(a, b, cond), (b, a, swapped(cond))]
            .into_iter()
            .find_map(|(counting, bound, cond)| {
                let (variable, plus) = Facts::decompose(function, counting);
                let (start, step) = count(function, data, preheader, variable)?;
                let (up, inclusive) = match cond {
                    IntCond::SignedLt => (true, false),
                    IntCond::SignedLe => (true, true),
                    IntCond::SignedGt => (false, false),
                    IntCond::SignedGe => (false, true),
                    _ => return None,
                };
                let fine = outside(function, homes, data, bound) && up == (step > 0);
                fine.then_some(Counted {
                    variable,
                    start,
                    up,
                    step,
                    plus,
                    bound,
                    inclusive,
                    body,
                })
            })
    }
}

/// Where a loop's variable starts and by how much each iteration adds to it.
fn count(function: &Function, data: &LoopData, preheader: Block, variable: Value) -> Option<(Value, i128)> {
    let params = &function.blocks[data.header.index()].params;
    let index = params.iter().position(|&param| param == variable)?;
    let mut step = None;
    for &latch in &data.latches {
        for call in function
            .successors(latch)
            .iter()
            .filter(|call| call.block == data.header)
        {
            let (base, by) = Facts::decompose(function, call.args[index]);
            if base != variable || by == 0 || step.is_some_and(|step| step != by) {
                return None;
            }
            step = Some(by);
        }
    }
    Some((function.successors(preheader)[0].args[index], step?))
}
