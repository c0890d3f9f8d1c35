//! Natural loops.

use crate::{Block, Dominators, Flow, Function};

/// A loop's number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Loop(pub u32);

impl Loop {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A natural loop: a header that dominates the sources of its back edges, and all blocks on paths from it to them.
#[derive(Clone, Debug)]
pub struct LoopData {
    pub header: Block,
    /// Sources of back edges.
    pub latches: Vec<Block>,
    /// Header included; in reverse postorder.
    pub blocks: Vec<Block>,
    /// Edges out of the loop: the block within, and the one outside.
    pub exits: Vec<(Block, Block)>,
    /// The loop around it.
    pub parent: Option<Loop>,
    /// The only predecessor outside the loop, if it goes nowhere else.
    pub preheader: Option<Block>,
    /// 1 for outermost loops.
    pub depth: u32,
}

/// The loops of a function. Cycles that are entered in more than one place are not among them.
#[derive(Clone, Debug, Default)]
pub struct Loops {
    /// Outer loops before inner ones.
    pub loops: Vec<LoopData>,
    innermost: Vec<Option<Loop>>,
}

impl Loops {
    pub fn of(function: &Function, flow: &Flow, dominators: &Dominators) -> Loops {
        let mut loops = Loops {
            loops: Vec::new(),
            innermost: vec![None; function.blocks.len()],
        };
        // In reverse postorder the header of an outer loop comes before those of its inner ones.
        for &header in &flow.order {
            let before = flow.predecessors(header);
            let mut latches: Vec<Block> = before.to_vec();
            latches.retain(|&latch| dominators.dominates(header, latch));
            latches.dedup();
            if !latches.is_empty() {
                loops.add(function, flow, header, latches);
            }
        }
        loops
    }

    fn add(&mut self, function: &Function, flow: &Flow, header: Block, latches: Vec<Block>) {
        let mut within = vec![false; function.blocks.len()];
        within[header.index()] = true;
        let mut pending = latches.clone();
        while let Some(block) = pending.pop() {
            if !std::mem::replace(&mut within[block.index()], true) {
                pending.extend(flow.predecessors(block));
            }
        }
        let blocks = flow.order.iter().copied();
        let blocks: Vec<Block> = blocks.filter(|block| within[block.index()]).collect();
        let mut exits = Vec::new();
        for &block in &blocks {
            let targets = function.successors(block).iter().map(|call| call.block);
            exits.extend(targets.filter(|to| !within[to.index()]).map(|to| (block, to)));
        }
        let mut outside = flow.predecessors(header).iter().copied();
        let outside: Vec<Block> = outside.by_ref().filter(|before| !within[before.index()]).collect();
        let preheader = match outside[..] {
            [only] if function.successors(only).len() == 1 => Some(only),
            _ => None,
        };
        let parent = self.innermost[header.index()];
        let number = Loop(self.loops.len() as u32);
        for &block in &blocks {
            self.innermost[block.index()] = Some(number);
        }
        self.loops.push(LoopData {
            header,
            latches,
            blocks,
            exits,
            parent,
            preheader,
            depth: 1 + parent.map_or(0, |parent| self.loops[parent.index()].depth),
        });
    }

    pub fn get(&self, number: Loop) -> &LoopData {
        &self.loops[number.index()]
    }

    /// The innermost loop that the block is in.
    pub fn innermost(&self, block: Block) -> Option<Loop> {
        self.innermost[block.index()]
    }

    /// Whether the block is in the loop.
    pub fn contains(&self, number: Loop, block: Block) -> bool {
        let mut at = self.innermost(block);
        while let Some(inner) = at {
            if inner == number {
                return true;
            }
            at = self.get(inner).parent;
        }
        false
    }

    /// Inner loops before outer ones.
    pub fn inside_out(&self) -> impl Iterator<Item = (Loop, &LoopData)> {
        let numbered = self.loops.iter().enumerate();
        numbered.rev().map(|(index, data)| (Loop(index as u32), data))
    }
}
