//! What must be true of a decoded function.

use justjit_bytecode::Function;

use super::Expected;

/// What differs between a decoded function and what `dis` says.
pub fn differences(function: &Function, expected: &Expected, names: &[&str], mut report: impl FnMut(String)) {
    if function.instructions.len() != expected.instructions.len() {
        report(format!(
            "{} instructions, not {}",
            function.instructions.len(),
            expected.instructions.len()
        ));
    }
    for (found, wanted) in function.instructions.iter().zip(&expected.instructions) {
        let found_arg = found.info().has_arg().then_some(found.arg);
        let same = (found.offset, found.start, found.opcode.name(), found_arg, found.target)
            == (
                wanted.offset,
                wanted.start,
                names[usize::from(wanted.opcode)],
                wanted.arg,
                wanted.target,
            );
        if !same {
            let name = names[usize::from(wanted.opcode)];
            report(format!(
                "{found}, not {} {name} {:?} to {:?}",
                wanted.offset, wanted.arg, wanted.target
            ));
        }
        let position = function.position(found.offset);
        if position != wanted.position {
            report(format!("{found}: {position:?}, not {:?}", wanted.position));
        }
    }
    if function.exception_table != expected.exception_table {
        report(format!(
            "exception table {:?}, not {:?}",
            function.exception_table, expected.exception_table
        ));
    }
}

/// What must be true of every function, and is not.
pub fn inconsistencies(function: &Function, mut report: impl FnMut(String)) {
    let mut next = 0;
    for instruction in &function.instructions {
        if instruction.start != next {
            report(format!("{instruction}: begins at {}, not {next}", instruction.start));
        }
        next = instruction.next;
        if instruction
            .depth
            .is_some_and(|depth| u32::from(depth) > function.stack_size)
        {
            report(format!("{instruction}: the stack is too deep"));
        }
        let block = &function.blocks[instruction.block as usize];
        if instruction.depth.is_none() != block.entry_depth.is_none() {
            report(format!("{instruction}: reachable without its block, or not with it"));
        }
    }
    if next != function.code_size {
        report(format!("ends at {next}, not {}", function.code_size));
    }
    for (id, block) in function.blocks.iter().enumerate() {
        let last = &function.instructions[block.end - 1];
        for &successor in block.successors.iter().filter(|_| last.depth.is_some()) {
            let target = &function.blocks[successor as usize];
            let jumped = last.jump_destination() == Some(function.instructions[target.start].start);
            let depth = last.depth.map(u64::from).and_then(|depth| match jumped {
                true => last.info().depth_after_jump(last.arg, depth),
                false => last.info().depth_after(last.arg, depth),
            });
            if depth != target.entry_depth.map(u64::from) {
                report(format!(
                    "block {id} leaves {depth:?} to block {successor}, with {:?}",
                    target.entry_depth
                ));
            }
        }
    }
}
