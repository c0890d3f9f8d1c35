//! Who takes what an instruction pushes: whether a value is only ever used as a number.
//!
//! An object that comes out of a container need not be kept where all that happens to its value is arithmetic; nobody can
//! tell then that it is another object of the same value.

use justjit_bytecode::{Count, Function, Instruction, Opcode};

/// What is known of a function's values.
pub struct Uses {
    /// By instruction: what it pushes last is used as a number.
    numeric: Vec<bool>,
    /// By local: all its loads are.
    pub numeric_locals: Vec<bool>,
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
        Uses {
            numeric,
            numeric_locals,
        }
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
    let block = &function.blocks[function.instructions[index].block as usize];
    let (Some(after), true) = (function.instructions[index].depth_after(), index + 1 < block.end) else {
        // A loop's item is in the next block.
        return function.instructions[index].opcode == Opcode::ForIter
            && index + 1 < function.instructions.len()
            && consumed(
                function,
                index + 1,
                usize::from(function.instructions[index].depth.unwrap_or(0)),
                numeric_locals,
            );
    };
    consumed(function, index + 1, usize::from(after) - 1 - depth, numeric_locals)
}

/// Whether the item at this position of the stack is used as a number by the first instruction from `from` on (in the
/// same block) that takes it.
fn consumed(function: &Function, from: usize, position: usize, numeric_locals: &[bool]) -> bool {
    let end = function.blocks[function.instructions[from].block as usize].end;
    for instruction in &function.instructions[from..end] {
        let Some(before) = instruction.depth else {
            return false;
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
            Opcode::BinaryOp | Opcode::CompareOp | Opcode::UnaryNegative | Opcode::UnaryInvert | Opcode::ToBool => true,
            Opcode::PopJumpIfFalse | Opcode::PopJumpIfTrue | Opcode::UnaryNot | Opcode::PopTop => true,
            Opcode::BinarySubscr | Opcode::StoreSubscr => operand == 0,
            Opcode::StoreFast => numeric_locals[arg],
            Opcode::StoreFastLoadFast => numeric_locals[arg >> 4],
            Opcode::StoreFastStoreFast => numeric_locals[if operand == 0 { arg >> 4 } else { arg & 15 }],
            _ => false,
        };
    }
    false
}
