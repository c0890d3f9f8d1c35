//! Simplification of the control flow graph.
//!
//! *Does*: makes branches on constants, and branches both ways of which are one, jumps; empties blocks that cannot be
//! reached; removes block parameters that always get the same value or constant; appends a block to its only predecessor
//! if that goes nowhere else; redirects jumps to blocks that only jump on or only branch on a parameter that is constant
//! there.
//! *Assumes*: nothing.
//! *Guarantees*: loop headers stay the only way into their loops. No instruction but jumps and branches is removed or
//! copied; constants may be.

use crate::edit::{self, Constant, Replacements, become_jump, clear_unreachable};
use justjit_ir::{Block, BlockCall, Dominators, Flow, Function, Op, Value};

pub fn run(function: &mut Function) -> bool {
    let mut changed = false;
    loop {
        let mut again = branches(function);
        again |= clear_unreachable(function, &Flow::of(function));
        again |= parameters(function);
        again |= merge(function);
        again |= thread(function);
        if !again {
            return changed;
        }
        changed = true;
    }
}

/// Branches that go one way only.
fn branches(function: &mut Function) -> bool {
    let mut changed = false;
    for &block in &Flow::of(function).order {
        let data = function.inst(edit::last(function, block));
        if data.op != Op::Branch {
            continue;
        }
        let taken = match edit::boolean(function, data.args[0]) {
            Some(true) => &data.targets[0],
            Some(false) => &data.targets[1],
            None if data.targets[0] == data.targets[1] => &data.targets[0],
            None => continue,
        };
        let taken = taken.clone();
        become_jump(function, block, taken);
        changed = true;
    }
    changed
}

/// Parameters that always get the same value, themselves apart, or the same constant.
fn parameters(function: &mut Function) -> bool {
    let flow = Flow::of(function);
    let mut replacements = Replacements::new(function);
    let mut changed = false;
    for &block in flow.order.iter().skip(1) {
        let params = function.blocks[block.index()].params.clone();
        let mut dead = vec![false; params.len()];
        for (index, &param) in params.iter().enumerate() {
            let args = incoming(function, &flow, block, index);
            let mut args: Vec<Value> = args.into_iter().map(|arg| replacements.resolve(arg)).collect();
            args.retain(|&arg| arg != param);
            let Some(&first) = args.first() else {
                continue;
            };
            if args.iter().all(|&arg| arg == first) {
                replacements.replace(param, first);
            } else {
                let constant = Constant::of(function, first);
                let same = |&arg: &Value| {
                    let other = Constant::of(function, arg);
                    constant.is_some_and(|one| other.is_some_and(|other| one.same(other)))
                };
                if !args.iter().all(same) {
                    continue;
                }
                let (op, imm) = constant.expect("it was found to be one").inst();
                // In the entry: the block's own entry state can use it then.
                let value = edit::insert_value(function, Function::ENTRY, 0, op, Vec::new(), imm);
                replacements.replace(param, value);
            }
            dead[index] = true;
        }
        if dead.contains(&true) {
            edit::remove_params(function, block, |index| dead[index]);
            changed = true;
        }
    }
    replacements.apply(function);
    changed
}

/// What a parameter gets, from all edges.
fn incoming(function: &Function, flow: &Flow, block: Block, index: usize) -> Vec<Value> {
    let mut before = flow.predecessors(block).to_vec();
    before.sort_unstable();
    before.dedup();
    let calls = before.iter().flat_map(|&from| function.successors(from));
    let calls = calls.filter(|call| call.block == block);
    calls.map(|call| call.args[index]).collect()
}

/// Appends blocks to their only predecessors.
fn merge(function: &mut Function) -> bool {
    let flow = Flow::of(function);
    let mut replacements = Replacements::new(function);
    let mut changed = false;
    // A predecessor that was itself appended to another block: where its instructions are.
    let mut home: Vec<Block> = (0..function.blocks.len() as u32).map(Block).collect();
    for &block in flow.order.iter().skip(1) {
        let [before] = *flow.predecessors(block) else {
            continue;
        };
        let before = home[before.index()];
        let last = edit::last(function, before);
        if function.inst(last).op != Op::Jump || before == block {
            continue;
        }
        let args = function.inst(last).targets[0].args.clone();
        let params = std::mem::take(&mut function.blocks[block.index()].params);
        for (param, arg) in params.into_iter().zip(args) {
            replacements.replace(param, arg);
        }
        let insts = std::mem::take(&mut function.blocks[block.index()].insts);
        function.blocks[block.index()].entry_state = None;
        let into = &mut function.blocks[before.index()].insts;
        into.pop();
        into.extend(insts);
        home[block.index()] = before;
        changed = true;
    }
    replacements.apply(function);
    changed
}

/// Redirects jumps to blocks in which nothing happens.
fn thread(function: &mut Function) -> bool {
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let mut uses = edit::count_uses(function);
    let mut changed = false;
    for &block in flow.order.iter().skip(1) {
        let data = &function.blocks[block.index()];
        let header = flow
            .predecessors(block)
            .iter()
            .any(|&from| dominators.dominates(block, from));
        if data.insts.len() != 1 || header || data.entry_state.is_some() {
            continue;
        }
        // A loop keeps the block from which it is entered.
        let enters = |call: &BlockCall| {
            let back = flow
                .predecessors(call.block)
                .iter()
                .any(|&from| dominators.dominates(call.block, from));
            back && !dominators.dominates(call.block, block)
        };
        if function.successors(block).iter().any(enters) {
            continue;
        }
        let last = function.inst(data.insts[0]).clone();
        // The parameters must not be used but here: where they are used behind, the block dominates.
        let here = last
            .args
            .iter()
            .chain(last.targets.iter().flat_map(|target| &target.args));
        let here: Vec<Value> = here.copied().collect();
        let elsewhere = data.params.iter().any(|param| {
            let count = here.iter().filter(|value| *value == param).count();
            uses[param.index()] as usize != count
        });
        if elsewhere || !matches!(last.op, Op::Jump | Op::Branch) {
            continue;
        }
        let params = data.params.clone();
        let mut redirected = false;
        for &from in flow.predecessors(block) {
            redirected |= redirect(function, from, block, &params, &last.args, &last.targets);
        }
        if redirected {
            changed = true;
            uses = edit::count_uses(function);
        }
    }
    changed
}

/// Sends one predecessor's jumps to where the block would send them.
fn redirect(
    function: &mut Function,
    from: Block,
    block: Block,
    params: &[Value],
    condition: &[Value],
    targets: &[BlockCall],
) -> bool {
    let last = edit::last(function, from);
    let mut changed = false;
    for index in 0..function.inst(last).targets.len() {
        let call = function.inst(last).targets[index].clone();
        if call.block != block {
            continue;
        }
        let put = |value: Value| match params.iter().position(|&param| param == value) {
            Some(place) => call.args[place],
            None => value,
        };
        let target = match condition {
            [] => &targets[0],
            [condition] => match edit::boolean(function, put(*condition)) {
                Some(true) => &targets[0],
                Some(false) => &targets[1],
                None => continue,
            },
            _ => continue,
        };
        if target.block == block {
            continue;
        }
        let args = target.args.iter().map(|&value| put(value)).collect();
        function.insts[last.index()].targets[index] = BlockCall {
            block: target.block,
            args,
        };
        changed = true;
    }
    changed
}
