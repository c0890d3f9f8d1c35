//! The control flow graph: predecessors and orders of blocks.

use crate::{Block, Function};

/// Predecessors and reverse postorder, as of when it was computed.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Blocks that can be reached from the entry, each before those it dominates.
    pub order: Vec<Block>,
    /// Place in `order`, by block; `u32::MAX` for unreachable blocks.
    place: Vec<u32>,
    /// Reachable predecessors; one that has two edges to a block is there twice.
    predecessors: Vec<Vec<Block>>,
}

impl Flow {
    pub fn of(function: &Function) -> Flow {
        let count = function.blocks.len();
        let mut order = Vec::with_capacity(count);
        let mut seen = vec![false; count];
        // Depth first without recursion: a block, and how many of its successors have been looked at.
        let mut stack: Vec<(Block, usize)> = Vec::new();
        if count > 0 {
            seen[0] = true;
            stack.push((Function::ENTRY, 0));
        }
        while let Some((block, at)) = stack.last_mut() {
            match function.successors(*block).get(*at) {
                Some(call) => {
                    *at += 1;
                    if !std::mem::replace(&mut seen[call.block.index()], true) {
                        stack.push((call.block, 0));
                    }
                }
                None => {
                    order.push(*block);
                    stack.pop();
                }
            }
        }
        order.reverse();
        let mut place = vec![u32::MAX; count];
        let mut predecessors = vec![Vec::new(); count];
        for (index, &block) in order.iter().enumerate() {
            place[block.index()] = index as u32;
            for call in function.successors(block) {
                predecessors[call.block.index()].push(block);
            }
        }
        Flow {
            order,
            place,
            predecessors,
        }
    }

    pub fn reachable(&self, block: Block) -> bool {
        self.place[block.index()] != u32::MAX
    }

    /// The place in reverse postorder of a reachable block.
    pub fn place(&self, block: Block) -> usize {
        self.place[block.index()] as usize
    }

    pub fn predecessors(&self, block: Block) -> &[Block] {
        &self.predecessors[block.index()]
    }

    /// The largest sets of blocks each of which can be reached from each other, of all ways to go round: those in reverse
    /// postorder. A loop is all of one or inside one; there may be several ways into it.
    pub fn cycles(&self, function: &Function) -> Vec<Vec<Block>> {
        let mut cycle = vec![usize::MAX; self.place.len()];
        for (number, &first) in self.order.iter().enumerate() {
            let mut pending = vec![first];
            while let Some(block) = pending.pop() {
                if cycle[block.index()] == usize::MAX {
                    cycle[block.index()] = number;
                    pending.extend(self.predecessors(block));
                }
            }
        }
        let mut found: Vec<Vec<Block>> = vec![Vec::new(); self.order.len()];
        for &block in &self.order {
            found[cycle[block.index()]].push(block);
        }
        let goes_round = |block: Block| function.successors(block).iter().any(|call| call.block == block);
        found.retain(|blocks| match blocks[..] {
            [] => false,
            [only] => goes_round(only),
            _ => true,
        });
        found
    }
}
