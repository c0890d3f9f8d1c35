//! The dominator tree, after Cooper, Harvey and Kennedy: "A Simple, Fast Dominance Algorithm".

use crate::{Block, Flow, Function};

/// Which blocks every path from the entry to a block goes through.
#[derive(Clone, Debug)]
pub struct Dominators {
    /// Immediate dominator by block; the entry's is itself, an unreachable block has none.
    parent: Vec<Option<Block>>,
    children: Vec<Vec<Block>>,
    /// When a walk of the tree enters and leaves the block.
    span: Vec<(u32, u32)>,
}

impl Dominators {
    pub fn of(function: &Function, flow: &Flow) -> Dominators {
        let count = function.blocks.len();
        let mut parent: Vec<Option<Block>> = vec![None; count];
        if count > 0 {
            parent[0] = Some(Function::ENTRY);
        }
        let mut changed = true;
        while changed {
            changed = false;
            for &block in flow.order.iter().skip(1) {
                let known = flow.predecessors(block).iter().copied();
                let known = known.filter(|before| parent[before.index()].is_some());
                let common = known.reduce(|a, b| Self::intersect(&parent, flow, a, b));
                if common != parent[block.index()] {
                    parent[block.index()] = common;
                    changed = true;
                }
            }
        }
        let mut children = vec![Vec::new(); count];
        for &block in flow.order.iter().skip(1) {
            if let Some(above) = parent[block.index()] {
                children[above.index()].push(block);
            }
        }
        let mut dominators = Dominators {
            parent,
            children,
            span: vec![(0, 0); count],
        };
        if count > 0 {
            dominators.number();
        }
        dominators
    }

    fn intersect(parent: &[Option<Block>], flow: &Flow, mut a: Block, mut b: Block) -> Block {
        while a != b {
            while flow.place(a) > flow.place(b) {
                a = parent[a.index()].expect("a block that was reached has a dominator");
            }
            while flow.place(b) > flow.place(a) {
                b = parent[b.index()].expect("a block that was reached has a dominator");
            }
        }
        a
    }

    fn number(&mut self) {
        let mut clock = 1;
        let mut stack = vec![(Function::ENTRY, 0)];
        self.span[0].0 = clock;
        while let Some((block, at)) = stack.last_mut() {
            clock += 1;
            match self.children[block.index()].get(*at) {
                Some(&child) => {
                    *at += 1;
                    self.span[child.index()].0 = clock;
                    stack.push((child, 0));
                }
                None => {
                    self.span[block.index()].1 = clock;
                    stack.pop();
                }
            }
        }
    }

    /// The nearest block that dominates this one, not itself.
    pub fn parent(&self, block: Block) -> Option<Block> {
        self.parent[block.index()].filter(|_| block != Function::ENTRY)
    }

    /// The blocks of which this one is the parent.
    pub fn children(&self, block: Block) -> &[Block] {
        &self.children[block.index()]
    }

    /// Whether every path to `below` goes through `above`; a block dominates itself. False for unreachable blocks.
    pub fn dominates(&self, above: Block, below: Block) -> bool {
        let (a, b) = (self.span[above.index()], self.span[below.index()]);
        a.0 != 0 && b.0 != 0 && a.0 <= b.0 && b.1 <= a.1
    }

    /// Reachable blocks, each before those it dominates, and each with the whole of its subtree behind it.
    pub fn preorder(&self) -> Vec<Block> {
        let mut order = Vec::new();
        let mut stack = vec![Function::ENTRY];
        while let Some(block) = stack.pop() {
            order.push(block);
            stack.extend(self.children[block.index()].iter().rev());
        }
        order
    }
}
