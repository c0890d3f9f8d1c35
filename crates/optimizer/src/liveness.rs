//! Which local variables are read before they are assigned, from a loop header on, and which are assigned at all.

use justjit_bytecode::{Function, Instruction, Opcode};

/// By local: whether its value may be used by an instruction that is reached from this one.
pub fn live_at(function: &Function, index: usize) -> Vec<bool> {
    let nothing = vec![false; function.nlocals_plus as usize];
    let mut live_into = vec![nothing.clone(); function.blocks.len()];
    loop {
        let mut changed = false;
        for (number, block) in function.blocks.iter().enumerate().rev() {
            let live = before(function, &live_into, number, block.start);
            if live != live_into[number] {
                live_into[number] = live;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    before(function, &live_into, function.instructions[index].block as usize, index)
}

/// By local: whether an instruction that is reached from this one, which begins a block, stores into it.
pub fn stored_from(function: &Function, index: usize) -> Vec<bool> {
    let mut stored = vec![false; function.nlocals_plus as usize];
    let mut reached = vec![false; function.blocks.len()];
    let mut pending = vec![function.instructions[index].block];
    while let Some(number) = pending.pop() {
        if std::mem::replace(&mut reached[number as usize], true) {
            continue;
        }
        let block = &function.blocks[number as usize];
        pending.extend(block.successors.iter().chain(&block.handler_successors));
        for instruction in &function.instructions[block.start..block.end] {
            let arg = instruction.arg as usize;
            match instruction.opcode {
                Opcode::StoreFast => stored[arg] = true,
                Opcode::StoreFastLoadFast => stored[arg >> 4] = true,
                Opcode::StoreFastStoreFast => {
                    stored[arg & 15] = true;
                    stored[arg >> 4] = true;
                }
                _ => {}
            }
        }
    }
    stored
}

/// What is live before an instruction of a block.
fn before(function: &Function, live_into: &[Vec<bool>], block: usize, index: usize) -> Vec<bool> {
    let data = &function.blocks[block];
    let mut live = vec![false; function.nlocals_plus as usize];
    for &next in &data.successors {
        join(&mut live, &live_into[next as usize]);
    }
    for instruction in function.instructions[index..data.end].iter().rev() {
        step(&mut live, instruction);
        let handler = instruction
            .handler
            .and_then(|handler| function.index_at(handler.target));
        if let Some(handler) = handler {
            join(&mut live, &live_into[function.instructions[handler].block as usize]);
        }
    }
    live
}

fn join(live: &mut [bool], more: &[bool]) {
    live.iter_mut().zip(more).for_each(|(one, more)| *one |= more);
}

/// From behind an instruction to before it.
fn step(live: &mut [bool], instruction: &Instruction) {
    let arg = instruction.arg as usize;
    match instruction.opcode {
        Opcode::StoreFast => live[arg] = false,
        Opcode::StoreFastLoadFast => {
            live[arg & 15] = true;
            live[arg >> 4] = false;
        }
        Opcode::StoreFastStoreFast => {
            live[arg & 15] = false;
            live[arg >> 4] = false;
        }
        Opcode::LoadFastLoadFast => {
            live[arg & 15] = true;
            live[arg >> 4] = true;
        }
        Opcode::LoadFast
        | Opcode::LoadFastCheck
        | Opcode::LoadFastAndClear
        | Opcode::DeleteFast
        | Opcode::MakeCell
        | Opcode::LoadDeref
        | Opcode::StoreDeref
        | Opcode::DeleteDeref
        | Opcode::LoadFromDictOrDeref => live[arg] = true,
        _ => {}
    }
}
