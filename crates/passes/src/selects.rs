//! Counting without a branch.
//!
//! *Does*: where one side of a branch does nothing but add a constant to an int, or subtract one, and the sides join again,
//! adds on both ways: on the other one, 0. Which way is taken need not be guessed then.
//! *Assumes*: nothing.
//! *Guarantees*: a sum that overflows leaves with the state that it had: adding 0 never overflows, so that its side would
//! have been taken.

use crate::edit;
use justjit_ir::{Block, BlockCall, Flow, Function, Imm, Inst, Op, Value};

pub fn run(function: &mut Function) -> bool {
    let mut changed = false;
    let order = Flow::of(function).order;
    for &block in &order {
        // Anew each time: the sides of one branch are gone then.
        let flow = Flow::of(function);
        if flow.reachable(block)
            && let Some(found) = Diamond::at(function, &flow, block)
        {
            found.flatten(function, block);
            changed = true;
        }
    }
    changed
}

/// A branch whose sides join at once.
struct Diamond {
    condition: Value,
    /// Whether the side that adds is that of a condition that holds.
    on_true: bool,
    /// The sum, and the constants beside it.
    sum: Inst,
    constants: Vec<Inst>,
    adding: BlockCall,
    other: BlockCall,
}

impl Diamond {
    fn at(function: &Function, flow: &Flow, block: Block) -> Option<Diamond> {
        let branch = function.inst(edit::last(function, block));
        if branch.op != Op::Branch {
            return None;
        }
        [true, false].into_iter().find_map(|on_true| {
            let (adding, other) = match on_true {
                true => (&branch.targets[0], &branch.targets[1]),
                false => (&branch.targets[1], &branch.targets[0]),
            };
            let (sum, constants, adding) = adding_side(function, flow, block, adding)?;
            let other = plain_side(function, flow, block, other);
            let result = function.inst(sum).result?;
            let augend = function.inst(sum).args[0];
            let differs = |(one, two): &(&Value, &Value)| one != two;
            let fine = adding.block == other.block
                && adding
                    .args
                    .iter()
                    .zip(&other.args)
                    .filter(differs)
                    .all(|pair| pair == (&result, &augend));
            fine.then(|| Diamond {
                condition: branch.args[0],
                on_true,
                sum,
                constants,
                adding,
                other,
            })
        })
    }

    fn flatten(self, function: &mut Function, block: Block) {
        let end = function.blocks[block.index()].insts.len() - 1;
        let moved: Vec<Inst> = self.constants.iter().copied().chain([self.sum]).collect();
        for data in &mut function.blocks {
            data.insts.retain(|inst| !moved.contains(inst));
        }
        function.blocks[block.index()].insts.splice(end..end, moved);
        let at = |function: &Function| {
            let insts = &function.blocks[block.index()].insts;
            insts
                .iter()
                .position(|&inst| inst == self.sum)
                .expect("it was put there")
        };
        let place = at(function);
        let none = edit::insert_value(function, block, place, Op::IntConst, Vec::new(), Imm::Int(0));
        let addend = function.inst(self.sum).args[1];
        let args = match self.on_true {
            true => vec![self.condition, addend, none],
            false => vec![self.condition, none, addend],
        };
        let place = at(function);
        let either = edit::insert_value(function, block, place, Op::Select, args, Imm::None);
        function.insts[self.sum.index()].args[1] = either;
        edit::become_jump(function, block, self.adding);
        debug_assert_eq!(self.other.args.len(), function.successors(block)[0].args.len());
    }
}

/// The sum on a side that does nothing else, with the constants there, and where the side goes on.
fn adding_side(
    function: &Function,
    flow: &Flow,
    from: Block,
    side: &BlockCall,
) -> Option<(Inst, Vec<Inst>, BlockCall)> {
    let data = &function.blocks[side.block.index()];
    if flow.predecessors(side.block) != [from] || !data.params.is_empty() || data.cold || data.entry_state.is_some() {
        return None;
    }
    let (&last, before) = data.insts.split_last()?;
    let (&sum, constants) = before.split_last()?;
    let fine = function.inst(last).op == Op::Jump
        && matches!(function.inst(sum).op, Op::IntAddChecked | Op::IntSubChecked)
        && edit::int(function, function.inst(sum).args[1]).is_some()
        && constants.iter().all(|&inst| function.inst(inst).op == Op::IntConst);
    fine.then(|| (sum, constants.to_vec(), function.inst(last).targets[0].clone()))
}

/// Where the other side goes on, if it does nothing.
fn plain_side(function: &Function, flow: &Flow, from: Block, side: &BlockCall) -> BlockCall {
    let data = &function.blocks[side.block.index()];
    match data.insts[..] {
        [only]
            if flow.predecessors(side.block) == [from]
                && data.params.is_empty()
                && data.entry_state.is_none()
                && function.inst(only).op == Op::Jump =>
        {
            function.inst(only).targets[0].clone()
        }
        _ => side.clone(),
    }
}
