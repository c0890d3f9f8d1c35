//! Preheaders.
//!
//! *Does*: gives each natural loop a block from which alone it is entered and which goes nowhere else, with parameters for
//! what the ways into the loop bring. A loop that is entered both from the function's start and in the middle of a run has
//! two such ways; with a preheader what is the same in every iteration is no parameter of the loop any more.
//! *Assumes*: nothing.
//! *Guarantees*: blocks are added, none is changed but for where it jumps.

use crate::edit;
use justjit_ir::{Block, Dominators, Flow, Function, Loops};

pub fn run(function: &mut Function) -> bool {
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let loops = Loops::of(function, &flow, &dominators);
    let count = function.blocks.len();
    for data in &loops.loops {
        let outside = flow.predecessors(data.header).iter().copied();
        let mut outside: Vec<Block> = outside
            .filter(|&from| !dominators.dominates(data.header, from))
            .collect();
        outside.dedup();
        edit::ensure_preheader(function, data.header, &outside);
    }
    function.blocks.len() != count
}
