//! The order in which blocks are written.

use justjit_ir::{Block, Function};

/// The blocks that can be reached, in reverse postorder: a block comes behind all that dominate it.
pub(crate) fn reverse_postorder(function: &Function) -> Vec<Block> {
    let mut seen = vec![false; function.blocks.len()];
    let mut order = Vec::new();
    // Blocks that have been entered, and how many of their successors have been looked at.
    let mut path = vec![(Function::ENTRY, 0)];
    seen[Function::ENTRY.index()] = true;
    while let Some((block, next)) = path.last_mut() {
        let successors = function.successors(*block);
        // The last first, so that the first ends up right behind the block.
        let Some(target) = successors.len().checked_sub(*next + 1).map(|at| successors[at].block) else {
            order.push(*block);
            path.pop();
            continue;
        };
        *next += 1;
        if !std::mem::replace(&mut seen[target.index()], true) {
            path.push((target, 0));
        }
    }
    order.reverse();
    order
}
