//! Who takes what an instruction pushes: whether a value is only ever used as a number.
//!
//! An object that comes out of a container need not be kept where all that happens to its value is arithmetic; nobody can
//! tell then that it is another object of the same value. A number that arithmetic has given has no object until it
//! *escapes*: until somebody gets it who may keep it. Where it may escape once more, it has to be the same object then.

use justjit_bytecode::{Count, Function, Instruction, Opcode};

/// What is known of a function's values.
pub struct Uses {
    /// By instruction: what it pushes last is used as a number.
    numeric: Vec<bool>,
    /// By local: all its loads are.
    pub numeric_locals: Vec<bool>,
    /// A bit for each local, in so many words for each instruction: from before it on, and from behind it on, the local's value
    /// may escape before the local gets another one.
    escaping: [Vec<u64>; 2],
    words: usize,
}

/// What becomes of an item.
enum Taken {
    Number,
    /// It is stored into this local, by this instruction.
    Local(usize, usize),
    Escapes,
}

impl Uses {
    pub fn of(function: &Function) -> Uses {
        let locals = function.nlocals_plus as usize;
        // Optimistic, then taken back until nothing changes.
        let mut numeric_locals = vec![true; locals];
        let mut numeric = vec![false; function.instructions.len()];
        loop {
            let mut changed = false;
            for (index, instruction) in function.instructions.iter().enumerate() {
                numeric[index] = pushes(instruction) > 0 && is_numeric(function, index, 0, &numeric_locals);
                for (local, depth) in loads(instruction) {
                    if numeric_locals[local] && !is_numeric(function, index, depth, &numeric_locals) {
                        numeric_locals[local] = false;
                        changed = true;
                    }
                }
                match instruction.opcode {
                    Opcode::LoadDeref | Opcode::MakeCell | Opcode::LoadFastAndClear => {
                        let local = instruction.arg as usize;
                        changed |= std::mem::replace(&mut numeric_locals[local], false);
                    }
                    _ => {}
                }
            }
            if !changed {
                break;
            }
        }
        let words = locals.div_ceil(64);
        Uses {
            numeric,
            numeric_locals,
            escaping: escaping(function, words),
            words,
        }
    }

    /// Whether a local's value may get to somebody who keeps it, after an instruction and before the local gets another one.
    pub fn escapes_behind(&self, index: usize, local: usize) -> bool {
        self.escaping[1][index * self.words + local / 64] & 1 << (local % 64) != 0
    }

    /// The same from before an instruction on.
    pub fn escapes_from(&self, index: usize, local: usize) -> bool {
        self.escaping[0][index * self.words + local / 64] & 1 << (local % 64) != 0
    }

    /// Whether the value that the instruction pushes is only used as a number.
    pub fn is_numeric(&self, index: usize) -> bool {
        self.numeric[index]
    }
}

/// The locals that an instruction loads, and how many items it pushes after each.
fn loads(instruction: &Instruction) -> Vec<(usize, usize)> {
    let arg = instruction.arg as usize;
    match instruction.opcode {
        Opcode::LoadFast | Opcode::LoadFastCheck => vec![(arg, 0)],
        Opcode::LoadFastLoadFast => vec![(arg >> 4, 1), (arg & 15, 0)],
        Opcode::StoreFastLoadFast => vec![(arg & 15, 0)],
        _ => Vec::new(),
    }
}

fn pushes(instruction: &Instruction) -> u32 {
    match instruction.info().pushed {
        Count::Fixed(count) => u32::from(count),
        _ => 1,
    }
}

/// Whether the item that lies `depth` below the top after the instruction is used as a number.
fn is_numeric(function: &Function, index: usize, depth: usize, numeric_locals: &[bool]) -> bool {
    match taken(function, index, depth) {
        Taken::Number => true,
        Taken::Local(local, _) => numeric_locals[local],
        Taken::Escapes => false,
    }
}

/// What becomes of the item that lies `depth` below the top after the instruction.
fn taken(function: &Function, index: usize, depth: usize) -> Taken {
    let block = &function.blocks[function.instructions[index].block as usize];
    let (Some(after), true) = (function.instructions[index].depth_after(), index + 1 < block.end) else {
        // A loop's item is in the next block.
        let instruction = &function.instructions[index];
        if instruction.opcode != Opcode::ForIter || index + 1 == function.instructions.len() {
            return Taken::Escapes;
        }
        return consumed(function, index + 1, usize::from(instruction.depth.unwrap_or(0)));
    };
    consumed(function, index + 1, usize::from(after) - 1 - depth)
}

/// What the first instruction from `from` on (in the same block) that takes the item at this position of the stack does with it.
fn consumed(function: &Function, from: usize, position: usize) -> Taken {
    let end = function.blocks[function.instructions[from].block as usize].end;
    for (index, instruction) in function.instructions[..end].iter().enumerate().skip(from) {
        let Some(before) = instruction.depth else {
            return Taken::Escapes;
        };
        let before = usize::from(before);
        let info = instruction.info();
        let popped = info.popped.of(instruction.arg) as usize;
        if before.saturating_sub(popped) > position {
            continue;
        }
        // Counted from the top.
        let operand = before - 1 - position;
        let arg = instruction.arg as usize;
        return match instruction.opcode {
            Opcode::BinaryOp
            | Opcode::CompareOp
            | Opcode::UnaryNegative
            | Opcode::UnaryInvert
            | Opcode::ToBool
            | Opcode::PopJumpIfFalse
            | Opcode::PopJumpIfTrue
            | Opcode::UnaryNot
            | Opcode::PopTop => Taken::Number,
            Opcode::BinarySubscr | Opcode::StoreSubscr if operand == 0 => Taken::Number,
            Opcode::StoreFast => Taken::Local(arg, index),
            Opcode::StoreFastLoadFast => Taken::Local(arg >> 4, index),
            Opcode::StoreFastStoreFast => Taken::Local(if operand == 0 { arg >> 4 } else { arg & 15 }, index),
            _ => Taken::Escapes,
        };
    }
    Taken::Escapes
}

/// See [`Uses::escaping`].
fn escaping(function: &Function, words: usize) -> [Vec<u64>; 2] {
    let mut behind = vec![0; function.instructions.len() * words];
    let mut from = behind.clone();
    // Into each block.
    let mut into = vec![0; function.blocks.len() * words];
    let join = |one: &mut [u64], more: &[u64]| one.iter_mut().zip(more).for_each(|(one, more)| *one |= more);
    loop {
        let mut changed = false;
        for (number, block) in function.blocks.iter().enumerate().rev() {
            let mut now = vec![0; words];
            for &next in block.successors.iter().chain(&block.handler_successors) {
                let next = next as usize * words;
                join(&mut now, &into[next..next + words]);
            }
            // An exception may leave the block anywhere.
            let mut raised = vec![0; words];
            for &handler in &block.handler_successors {
                let handler = handler as usize * words;
                join(&mut raised, &into[handler..handler + words]);
            }
            for index in (block.start..block.end).rev() {
                behind[index * words..][..words].copy_from_slice(&now);
                let instruction = &function.instructions[index];
                for local in stores(instruction) {
                    now[local / 64] &= !(1 << (local % 64));
                }
                for (local, depth) in loads(instruction) {
                    let escapes = match taken(function, index, depth) {
                        Taken::Number => false,
                        Taken::Local(other, by) => behind[by * words + other / 64] & 1 << (other % 64) != 0,
                        Taken::Escapes => true,
                    };
                    now[local / 64] |= u64::from(escapes) << (local % 64);
                }
                join(&mut now, &raised);
                from[index * words..][..words].copy_from_slice(&now);
            }
            let into = &mut into[number * words..][..words];
            changed |= *into != *now;
            into.copy_from_slice(&now);
        }
        if !changed {
            return [from, behind];
        }
    }
}

/// The locals that an instruction gives values.
fn stores(instruction: &Instruction) -> Vec<usize> {
    let arg = instruction.arg as usize;
    match instruction.opcode {
        Opcode::StoreFast | Opcode::DeleteFast | Opcode::LoadFastAndClear => vec![arg],
        Opcode::StoreFastLoadFast => vec![arg >> 4],
        Opcode::StoreFastStoreFast => vec![arg >> 4, arg & 15],
        _ => Vec::new(),
    }
}
