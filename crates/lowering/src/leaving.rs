//! The blocks that leave the code.
//!
//! Much of what a large function's code generation costs is its exits: each passes on some dozens of words. Neighbouring
//! exits pass on nearly the same ones, since words come in the order of frames and locals. So what they begin with alike is
//! stored by blocks that they share: the blocks form the tree of all exits' words, and an exit goes from its leaf to the
//! root. Which one it is goes along as an argument.

use crate::exits::Which;
use crate::lower::Lowering;
use justjit_builder::{Builder, Region, Type as Width};
use justjit_ir::{Type, Value};

/// A word that some exits pass on, all of them with the same words before it.
#[derive(Default)]
struct Node {
    children: Vec<(Value, usize)>,
    /// The exits that pass on no more.
    ends: Vec<Which>,
}

/// Words by what comes before them. The first node is the root, which stands for no word.
struct Tree(Vec<Node>);

impl Tree {
    fn add(&mut self, words: &[Value], which: Which) {
        let mut at = 0;
        for &word in words {
            let known = self.0[at].children.iter().find(|(value, _)| *value == word);
            at = match known {
                Some(&(_, child)) => child,
                None => {
                    let child = self.0.len();
                    self.0.push(Node::default());
                    self.0[at].children.push((word, child));
                    child
                }
            };
        }
        self.0[at].ends.push(which);
    }
}

impl<B: Builder> Lowering<'_, B> {
    /// Writes the blocks that leave the code.
    pub(crate) fn finish_exits(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let exits = self.exits;
        let mut tree = Tree(vec![Node::default()]);
        for which in std::mem::take(&mut self.pending) {
            tree.add(&exits.get(which).words, which);
        }
        let root = self.cold_block();
        let point = self.b.block_param(root, Width::I64);
        // Nodes with the block that stores what comes before them, and how many words that are.
        let mut open = vec![(0, root, 0)];
        while let Some((node, block, stored)) = open.pop() {
            for &which in &tree.0[node].ends {
                self.b.switch_to(self.leaving[&which]);
                self.pass(which, block);
            }
            for &(word, child) in &tree.0[node].children {
                let mut words = vec![word];
                let mut last = child;
                while let Node { children, ends } = &tree.0[last]
                    && let (&[(word, child)], true) = (&children[..], ends.is_empty())
                {
                    words.push(word);
                    last = child;
                }
                let end = &tree.0[last];
                if let (&[which], true) = (&end.ends[..], end.children.is_empty()) {
                    self.b.switch_to(self.leaving[&which]);
                    self.store_words(&words, stored);
                    self.pass(which, block);
                } else {
                    let shared = self.cold_block();
                    let point = self.b.block_param(shared, Width::I64);
                    self.b.switch_to(shared);
                    self.store_words(&words, stored);
                    self.b.jump(block, &[point]);
                    open.push((last, shared, stored + words.len()));
                }
            }
        }
        self.b.switch_to(root);
        let words = match self.words {
            Some(slot) => slot,
            None => self.int(0),
        };
        let args = [self.thread, self.frame, point, words];
        let mut result = self.b.call_value(exits.deoptimize(), &args);
        match self.result {
            Width::I64 => {}
            Width::F64 => result = self.b.float(0.0),
            other => result = self.b.int(other, 0),
        }
        self.b.ret(result);
    }

    fn pass(&mut self, which: Which, block: B::Block) {
        let point = &self.exits.get(which).point;
        let point = self.b.object((&raw const **point).cast());
        self.b.jump(block, &[point]);
    }

    fn store_words(&mut self, words: &[Value], first: usize) {
        let slot = self.words.expect("there are words to pass on");
        for (index, &word) in words.iter().enumerate() {
            let word = self.word(word);
            self.b
                .store_volatile(Region::Any, word, slot, (first + index) as i32 * 8);
        }
    }

    fn word(&mut self, value: Value) -> B::Value {
        match self.function.type_of(value) {
            Type::Bool => self.b.zero_extend(Width::I64, self.value(value)),
            _ => self.value(value),
        }
    }
}
