//! Entry states of loop headers, forgotten.
//!
//! *Does*: takes the entry states off when no pass will hoist anything any more, so that what only they refer to is dead.
//! *Assumes*: it is the last pass that looks at them.
//! *Guarantees*: nothing else changes.

use justjit_ir::Function;

pub fn run(function: &mut Function) -> bool {
    let states = function.blocks.iter_mut().filter_map(|block| block.entry_state.take());
    states.count() > 0
}
