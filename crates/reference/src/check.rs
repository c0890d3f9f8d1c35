//! Whether each value is computed before it is used, on every way through a function.

use std::collections::HashSet;

use crate::program::{BlockId, Id, Operation, Program};

/// Fails if a value is used where its definition may not have been passed.
pub(crate) fn definitions(program: &Program) -> Result<(), String> {
    let count = program.blocks.len();
    let own: Vec<HashSet<Id>> = (0..count).map(|block| defined_in(program, block)).collect();
    // What is defined at the start of each block on every way there; None: no way is known yet.
    let mut available: Vec<Option<HashSet<Id>>> = vec![None; count];
    available[0] = Some(program.params.iter().copied().collect());
    let mut work = vec![0];
    while let Some(block) = work.pop() {
        let Some(end) = &program.blocks[block].end else {
            continue;
        };
        let mut after = available[block].clone().expect("a block on the list has been reached");
        after.extend(&own[block]);
        for &&(target, _) in &end.targets() {
            let joined = match &available[target] {
                None => after.clone(),
                Some(known) => known.intersection(&after).copied().collect(),
            };
            if available[target].as_ref() != Some(&joined) {
                available[target] = Some(joined);
                work.push(target);
            }
        }
    }

    for (block, start) in available.into_iter().enumerate() {
        // What is never reached is never executed.
        let Some(mut known) = start else { continue };
        let data = &program.blocks[block];
        known.extend(&data.params);
        for step in &data.steps {
            for operand in step.operation.operands() {
                if !known.contains(&operand) {
                    return Err(format!(
                        "block {block}: {:?} uses value {operand}, which may be undefined",
                        step.operation
                    ));
                }
            }
            known.extend(results(step.result, &step.operation));
        }
        let end = data.end.as_ref().into_iter().flat_map(|end| end.operands());
        for operand in end {
            if !known.contains(&operand) {
                return Err(format!(
                    "block {block}: its end uses value {operand}, which may be undefined"
                ));
            }
        }
    }
    Ok(())
}

fn results(result: Option<Id>, operation: &Operation) -> impl Iterator<Item = Id> {
    let second = matches!(operation, Operation::Overflow(..));
    result
        .into_iter()
        .flat_map(move |first| [Some(first), second.then_some(first + 1)])
        .flatten()
}

fn defined_in(program: &Program, block: BlockId) -> HashSet<Id> {
    let data = &program.blocks[block];
    let steps = data.steps.iter().flat_map(|step| results(step.result, &step.operation));
    data.params.iter().copied().chain(steps).collect()
}
