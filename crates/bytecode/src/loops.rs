//! Loops: which blocks belong to them, how they are nested, which source lines they have.

use crate::function::Function;

/// The blocks from which a loop's header is reached again without leaving the loop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loop {
    /// The block that all back edges lead to.
    pub header: u32,
    /// All of its blocks, those of exception handlers that lead back into it too, in order.
    pub blocks: Vec<u32>,
    /// The innermost loop around it: an index into the list.
    pub parent: Option<usize>,
}

impl Loop {
    pub fn contains(&self, block: u32) -> bool {
        self.blocks.binary_search(&block).is_ok()
    }
}

impl Function {
    /// The loops, in the order of their headers: a loop comes behind those around it.
    pub fn loops(&self) -> Vec<Loop> {
        let mut into: Vec<Vec<u32>> = vec![Vec::new(); self.blocks.len()];
        for (from, block) in self.blocks.iter().enumerate() {
            if block.entry_depth.is_none() {
                continue;
            }
            for &to in block.successors.iter().chain(&block.handler_successors) {
                into[to as usize].push(from as u32);
            }
        }
        let mut loops: Vec<Loop> = Vec::new();
        for (header, block) in self.blocks.iter().enumerate() {
            if !block.is_loop_header || block.entry_depth.is_none() {
                continue;
            }
            let header = header as u32;
            let mut inside = vec![false; self.blocks.len()];
            inside[header as usize] = true;
            // Back edges, as decoding defines them: to a block that does not come later.
            let mut found: Vec<u32> = into[header as usize]
                .iter()
                .copied()
                .filter(|&from| from >= header)
                .collect();
            while let Some(block) = found.pop() {
                // What comes before the header is a way into the loop, not a part of it.
                if block > header && !std::mem::replace(&mut inside[block as usize], true) {
                    found.extend(&into[block as usize]);
                }
            }
            let blocks = (0..self.blocks.len() as u32)
                .filter(|&block| inside[block as usize])
                .collect();
            let parent = loops.iter().rposition(|outer| outer.contains(header));
            loops.push(Loop { header, blocks, parent });
        }
        loops
    }

    /// The first and the last source line of a loop.
    pub fn loop_lines(&self, of: &Loop) -> Option<(i32, i32)> {
        let offsets = of
            .blocks
            .iter()
            .flat_map(|&block| self.block_instructions(block))
            .map(|one| one.offset);
        let positions = offsets.map(|offset| self.position(offset));
        let lines = positions.filter_map(|one| Some((one.line?, one.end_line.or(one.line)?)));
        lines.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))
    }
}
