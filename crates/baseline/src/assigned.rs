//! Which local variables may have a value at a point of the code: what is left to drop when the function returns there.

use justjit_bytecode::{Function, Instruction, Opcode};

/// A set of local variables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Locals(Box<[u64]>);

impl Locals {
    pub fn none(count: usize) -> Locals {
        Locals(vec![0; count.div_ceil(64)].into())
    }

    pub fn insert(&mut self, local: usize) {
        self.0[local / 64] |= 1 << (local % 64);
    }

    pub fn contains(&self, local: usize) -> bool {
        self.0[local / 64] >> (local % 64) & 1 != 0
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Adds the others; whether that changed anything.
    fn join(&mut self, other: &Locals) -> bool {
        let mut changed = false;
        for (word, &more) in self.0.iter_mut().zip(&other.0) {
            changed |= more & !*word != 0;
            *word |= more;
        }
        changed
    }

    /// What the instruction assigns. Nothing is ever taken out: a local that was deleted costs a test.
    pub fn assign(&mut self, instruction: &Instruction) {
        let arg = instruction.arg as usize;
        match instruction.opcode {
            Opcode::StoreFast | Opcode::MakeCell | Opcode::LoadFastAndClear => self.insert(arg),
            Opcode::StoreFastLoadFast => self.insert(arg >> 4),
            Opcode::StoreFastStoreFast => {
                self.insert(arg >> 4);
                self.insert(arg & 15);
            }
            _ => {}
        }
    }
}

/// What may have a value where each basic block begins: the first `parameters` locals at the function's start, and free
/// variables (the last `free`) everywhere.
pub fn at_blocks(function: &Function, parameters: usize, free: usize) -> Vec<Locals> {
    let count = function.nlocals_plus as usize;
    let nothing = Locals::none(count);
    let mut before = vec![nothing.clone(); function.blocks.len()];
    let Some(first) = before.first_mut() else {
        return before;
    };
    (0..parameters)
        .chain(count - free..count)
        .for_each(|local| first.insert(local));
    // Sets only grow, so this ends; most functions take two rounds.
    let mut changed = true;
    while changed {
        changed = false;
        for (number, block) in function.blocks.iter().enumerate() {
            if block.entry_depth.is_none() {
                continue;
            }
            let mut after = before[number].clone();
            for instruction in &function.instructions[block.start..block.end] {
                after.assign(instruction);
            }
            for &next in block.successors.iter().chain(&block.handler_successors) {
                changed |= before[next as usize].join(&after);
            }
        }
    }
    before
}
