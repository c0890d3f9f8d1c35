//! Preheaders.
//!
//! *Does*: gives each natural loop a block from which alone it is entered and which goes nowhere else, with parameters for
//! what the ways into the loop bring. A loop that is entered both from the function's start and in the middle of a run has
//! two such ways; with a preheader what is the same in every iteration is no parameter of the loop any more. Before that it
//! tells nested loops apart that share a header, as they do where the outer one is entered in the inner one, or in its body,
//! because the first round of both was made apart: the outer one gets a header of its own.
//! Blocks that are no loop's header lose their entry states: nothing is moved before them.
//! *Assumes*: nothing.
//! *Guarantees*: blocks are added, none is changed but for where it jumps.

use crate::edit;
use justjit_ir::{Block, Dominators, Flow, Function, LoopData, Loops, Op};

pub fn run(function: &mut Function) -> bool {
    let count = function.blocks.len();
    loop {
        let (flow, loops) = loops(function);
        let shared = loops
            .loops
            .iter()
            .find_map(|data| Some((data, inner(function, &flow, data)?)));
        let Some((data, inner)) = shared else {
            break;
        };
        separate(function, &flow, data, &inner);
    }
    let (flow, loops) = loops(function);
    forget_states(function, &loops);
    for data in &loops.loops {
        let within = |block: &Block| data.latches.contains(block);
        let mut outside: Vec<Block> = flow.predecessors(data.header).to_vec();
        outside.retain(|from| !within(from));
        outside.dedup();
        edit::ensure_preheader(function, data.header, &outside);
    }
    function.blocks.len() != count
}

/// Takes the entry states off of what is no loop's header.
fn forget_states(function: &mut Function, loops: &Loops) {
    let mut headers = vec![false; function.blocks.len()];
    for data in &loops.loops {
        headers[data.header.index()] = true;
    }
    for (block, is_header) in function.blocks.iter_mut().zip(headers) {
        if !is_header {
            block.entry_state = None;
        }
    }
}

fn loops(function: &Function) -> (Flow, Loops) {
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let loops = Loops::of(function, &flow, &dominators);
    (flow, loops)
}

/// The latches of the innermost of several loops that share a header; nothing if it is one loop. Loops are told apart by
/// having no block in common but the header: the ways round one loop that has several part behind its header's test.
fn inner(function: &Function, flow: &Flow, data: &LoopData) -> Option<Vec<Block>> {
    let mut groups: Vec<(Vec<Block>, Vec<Block>)> = Vec::new();
    for &latch in &data.latches {
        if latch == data.header {
            groups.push((vec![latch], Vec::new()));
            continue;
        }
        let mut latches = vec![latch];
        let mut body = body(flow, data.header, latch);
        groups.retain(|(others, blocks)| {
            let apart = !blocks.iter().any(|block| body.contains(block));
            if !apart {
                latches.extend(others);
                body.extend(blocks);
            }
            apart
        });
        groups.push((latches, body));
    }
    if groups.len() < 2 {
        return inner_by_position(function, flow, data);
    }
    // The inner loop leaves more as it is.
    let params = &function.blocks[data.header.index()].params;
    let kept = |latches: &[Block]| {
        let unchanged = |(index, param)| {
            latches
                .iter()
                .all(|&latch| passes(function, latch, data.header, index, param))
        };
        params
            .iter()
            .copied()
            .enumerate()
            .filter(|&each| unchanged(each))
            .count()
    };
    let inner = groups
        .into_iter()
        .max_by_key(|(latches, body)| (kept(latches), std::cmp::Reverse(body.len())));
    inner.map(|(latches, _)| latches)
}

/// The same of loops that have blocks in common, since what they share as a header is in the body of the inner one: in rounds
/// of the outer one a loop of the bytecode comes round that begins earlier.
fn inner_by_position(function: &Function, flow: &Flow, data: &LoopData) -> Option<Vec<Block>> {
    let code = function
        .inst(*function.blocks[data.header.index()].insts.first()?)
        .position
        .code;
    let outermost = |&latch: &Block| {
        let round = body(flow, data.header, latch).into_iter().chain([data.header]);
        let insts = round.flat_map(|block| &function.blocks[block.index()].insts);
        let jumps_back = insts.map(|&inst| function.inst(inst));
        let jumps_back = jumps_back.filter(|inst| inst.op == Op::Safepoint && inst.position.code == code);
        let headers = jumps_back.filter_map(|inst| {
            let state = &function.states[inst.state?.index()];
            Some(state.frames.last()?.offset)
        });
        headers.min()
    };
    let outermost: Vec<Option<u32>> = data.latches.iter().map(outermost).collect();
    let inner = outermost.iter().copied().flatten().max()?;
    let latches = data.latches.iter().zip(outermost);
    let latches = latches.filter(|&(_, begin)| begin.is_none_or(|begin| begin == inner));
    let latches: Vec<Block> = latches.map(|(&latch, _)| latch).collect();
    (latches.len() < data.latches.len()).then_some(latches)
}

/// Whether a block's jumps to the header pass that value for the parameter.
fn passes(function: &Function, from: Block, header: Block, index: usize, value: justjit_ir::Value) -> bool {
    let mut jumps = function.successors(from).iter().filter(|call| call.block == header);
    jumps.all(|call| call.args[index] == value)
}

/// The blocks on the ways from the header to a latch, without the header.
fn body(flow: &Flow, header: Block, latch: Block) -> Vec<Block> {
    let mut blocks = vec![latch];
    let mut pending = vec![latch];
    while let Some(at) = pending.pop() {
        for &before in flow.predecessors(at) {
            if before != header && !blocks.contains(&before) {
                blocks.push(before);
                pending.push(before);
            }
        }
    }
    blocks
}

/// Gives the outer loops a header of their own.
fn separate(function: &mut Function, flow: &Flow, data: &LoopData, inner: &[Block]) {
    let mut others: Vec<Block> = flow.predecessors(data.header).to_vec();
    others.retain(|from| !inner.contains(from));
    others.dedup();
    let outer = edit::make_preheader(function, data.header, &others);
    let Some(entry) = function.blocks[data.header.index()].entry_state else {
        return;
    };
    let mut state = function.states[entry.index()].clone();
    let params = function.blocks[data.header.index()].params.clone();
    let passed = function.blocks[outer.index()].params.clone();
    state.map_values(|value| match params.iter().position(|&param| param == value) {
        Some(place) => passed[place],
        None => value,
    });
    let state = function.add_state(state);
    function.blocks[outer.index()].entry_state = Some(state);
}
