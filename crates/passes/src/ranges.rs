//! Ranges of ints.
//!
//! *Does*: computes an interval of each int (parameters of blocks by iteration, widened in loops and then narrowed) and,
//! walking the dominator tree, what branches and guards say: narrower intervals, and differences of two values; a value
//! that goes round a loop and only grows is never below its start. With that it makes checked arithmetic unchecked where
//! it fits, divisions of natural numbers plain ones, decides comparisons (so that bounds guards go), and drops remainders, masks and wraps that change nothing.
//! *Assumes*: an operation that is *known* not to overflow does not where it stands; what moves such operations must not
//! move them to where they might. `load` of a 64-bit int that is not signed gives what is not negative.
//! *Guarantees*: the graph stays as it is, and no instruction moves.

use crate::edit::{self, Constant, Replacements, become_constant, become_op};
use crate::facts::{Facts, is_int};
use crate::interval::{self, FULL, Interval};
use justjit_ir::{Block, Dominators, Flow, Function, Imm, Inst, Op, Value};
use std::collections::HashMap;

/// Sweeps before parameters that still change are given up.
const SWEEPS: usize = 24;
/// Changes of a loop's parameter before its interval is widened.
const PATIENCE: u32 = 2;
/// Sweeps that narrow what was widened.
const NARROWING: usize = 2;

pub fn run(function: &mut Function) -> bool {
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let mut ranges = Ranges {
        facts: Facts::new(function),
        edges: HashMap::new(),
        changes: vec![0; function.values.len()],
        thresholds: thresholds(function),
        flow: &flow,
        dominators: &dominators,
        mode: Mode::Grow,
        changed: false,
    };
    let mut settled = false;
    for _ in 0..SWEEPS {
        ranges.changed = false;
        ranges.walk(function, None);
        if !ranges.changed {
            settled = true;
            break;
        }
    }
    if !settled {
        return false;
    }
    ranges.mode = Mode::Narrow;
    for _ in 0..NARROWING {
        ranges.walk(function, None);
    }
    let mut replacements = Replacements::new(function);
    ranges.changed = false;
    ranges.walk(function, Some(&mut replacements));
    let changed = ranges.changed;
    replacements.apply(function) || changed
}

/// Bounds to which intervals are widened: the constants of the function and their neighbours.
fn thresholds(function: &Function) -> Vec<i64> {
    let mut found = vec![i64::MIN, -1, 0, 1, i64::MAX];
    for inst in &function.insts {
        if let (Op::IntConst, Imm::Int(value)) = (inst.op, inst.imm) {
            found.extend([value.saturating_sub(1), value, value.saturating_add(1)]);
        }
    }
    found.sort_unstable();
    found.dedup();
    if found.len() > 64 {
        found = vec![i64::MIN, -1, 0, 1, i64::MAX];
    }
    found
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Grow,
    Narrow,
}

struct Ranges<'a> {
    facts: Facts,
    /// Intervals of the arguments that edges carry, as of their ends, by block and target.
    edges: HashMap<(Block, usize), Vec<Option<Interval>>>,
    changes: Vec<u32>,
    thresholds: Vec<i64>,
    flow: &'a Flow,
    dominators: &'a Dominators,
    mode: Mode,
    changed: bool,
}

impl Ranges<'_> {
    /// One sweep over the dominator tree. With replacements, changes the function by what is known.
    fn walk(&mut self, function: &mut Function, mut replacements: Option<&mut Replacements>) {
        enum Step {
            Enter(Block),
            Leave(crate::facts::Mark),
        }
        // The children of a block are in reverse postorder, so that all ways to a block but back edges come before it.
        let mut stack = vec![Step::Enter(Function::ENTRY)];
        while let Some(step) = stack.pop() {
            match step {
                Step::Leave(mark) => self.facts.back_to(mark),
                Step::Enter(block) => {
                    stack.push(Step::Leave(self.facts.mark()));
                    self.enter(function, block);
                    self.block(function, block, replacements.as_deref_mut());
                    let children = self.dominators.children(block).iter().rev();
                    stack.extend(children.map(|&child| Step::Enter(child)));
                }
            }
        }
    }

    /// What is known at a block's start.
    fn enter(&mut self, function: &Function, block: Block) {
        if let [before] = *self.flow.predecessors(block) {
            let last = function.inst(edit::last(function, before));
            if last.op == Op::Branch {
                let holds = last.targets[0].block == block;
                self.facts.assume(function, last.args[0], holds);
            }
        }
        let params = &function.blocks[block.index()].params;
        for (index, &param) in params.iter().enumerate() {
            if is_int(function, param) {
                self.param(function, block, index, param);
            }
        }
        for (index, &param) in params.iter().enumerate() {
            if is_int(function, param) {
                self.progress(function, block, index, param);
            }
        }
    }

    /// Edges into a block: where from, which target.
    fn incoming(&self, function: &Function, block: Block) -> Vec<(Block, usize)> {
        let mut before = self.flow.predecessors(block).to_vec();
        before.sort_unstable();
        before.dedup();
        let edges = before.iter().flat_map(|&from| {
            let targets = function.successors(from).iter().enumerate();
            targets
                .filter(|(_, call)| call.block == block)
                .map(move |(index, _)| (from, index))
        });
        edges.collect()
    }

    fn param(&mut self, function: &Function, block: Block, index: usize, param: Value) {
        if block == Function::ENTRY {
            self.set(param, FULL);
            return;
        }
        let edges = self.incoming(function, block);
        let known = edges
            .iter()
            .filter_map(|edge| self.edges.get(edge).and_then(|args| args[index]));
        let Some(joined) = known.reduce(Interval::join) else {
            return;
        };
        let old = self.facts.global[param.index()];
        let header = self
            .flow
            .predecessors(block)
            .iter()
            .any(|&from| self.dominators.dominates(block, from));
        let new = match (self.mode, old) {
            (_, None) => joined,
            (Mode::Narrow, Some(old)) => joined.meet(old).unwrap_or(old),
            (Mode::Grow, Some(old)) => {
                let grown = old.join(joined);
                if grown != old {
                    self.changes[param.index()] += 1;
                }
                match header && self.changes[param.index()] > PATIENCE {
                    true => self.widen(old, grown, self.changes[param.index()]),
                    false => grown,
                }
            }
        };
        self.set(param, new);
    }

    /// Goes to the next threshold, in the end to the last.
    fn widen(&self, old: Interval, new: Interval, changes: u32) -> Interval {
        let far = changes > PATIENCE + 6;
        let below = self.thresholds.iter().rev().copied().find(|&bound| bound <= new.low);
        let above = self.thresholds.iter().copied().find(|&bound| bound >= new.high);
        Interval {
            low: match new.low < old.low {
                true if far => i64::MIN,
                true => below.unwrap_or(i64::MIN),
                false => new.low,
            },
            high: match new.high > old.high {
                true if far => i64::MAX,
                true => above.unwrap_or(i64::MAX),
                false => new.high,
            },
        }
    }

    fn set(&mut self, value: Value, interval: Interval) {
        let slot = &mut self.facts.global[value.index()];
        if *slot != Some(interval) {
            *slot = Some(interval);
            self.changed = true;
        }
    }

    /// A loop's parameter to which every iteration adds, or from which every one takes: it is never below its start, or
    /// never above.
    fn progress(&mut self, function: &Function, block: Block, index: usize, param: Value) {
        let (mut up, mut down, mut start) = (true, true, None);
        for (from, target) in self.incoming(function, block) {
            let arg = function.successors(from)[target].args[index];
            if self.dominators.dominates(block, from) {
                let (base, by) = Facts::decompose(function, arg);
                up &= base == param && by >= 0;
                down &= base == param && by <= 0;
            } else if start.replace(arg).is_some_and(|other| other != arg) {
                return;
            }
        }
        let Some(start) = start else {
            return;
        };
        let back = self
            .flow
            .predecessors(block)
            .iter()
            .any(|&from| self.dominators.dominates(block, from));
        if back && up {
            self.facts.assume_at_most(function, start, param, 0);
        }
        if back && down {
            self.facts.assume_at_most(function, param, start, 0);
        }
    }

    fn block(&mut self, function: &mut Function, block: Block, mut replacements: Option<&mut Replacements>) {
        let mut index = 0;
        while let Some(&inst) = function.blocks[block.index()].insts.get(index) {
            if let Some(replacements) = replacements.as_deref_mut()
                && let Some(value) = self.improve(function, inst)
            {
                let result = function.inst(inst).result.expect("it has a result");
                replacements.replace(result, value);
                self.changed = true;
            }
            let data = function.inst(inst);
            if let Some(result) = data.result
                && is_int(function, result)
            {
                let interval = self.facts.transfer(function, data);
                self.set(result, interval);
            }
            if data.op == Op::Guard {
                self.facts.assume(function, data.args[0], true);
            }
            index += 1;
        }
        self.leave(function, block);
    }

    /// What the edges out of a block carry.
    fn leave(&mut self, function: &Function, block: Block) {
        let last = function.inst(edit::last(function, block));
        for (index, target) in last.targets.iter().enumerate() {
            let mark = self.facts.mark();
            // Where both ways lead to one block, the condition still differs.
            if last.op == Op::Branch {
                self.facts.assume(function, last.args[0], index == 0);
            }
            let args = target
                .args
                .iter()
                .map(|&arg| is_int(function, arg).then(|| self.facts.interval(arg)));
            let args: Vec<Option<Interval>> = args.collect();
            self.facts.back_to(mark);
            self.edges.insert((block, index), args);
        }
    }

    /// Makes an instruction a simpler one, or gives the value that its result is.
    fn improve(&mut self, function: &mut Function, inst: Inst) -> Option<Value> {
        let data = function.inst(inst).clone();
        let args = &data.args;
        let interval = |index: usize| self.facts.interval(args[index]);
        let unchecked = match data.op {
            Op::IntAddChecked | Op::IntAddWrapping if interval::add(interval(0), interval(1)).fits(64) => {
                Some(Op::IntAdd)
            }
            Op::IntSubChecked if interval::sub(interval(0), interval(1)).fits(64) => Some(Op::IntSub),
            Op::IntMulChecked if interval::mul(interval(0), interval(1)).fits(64) => Some(Op::IntMul),
            Op::IntShlChecked
                if interval::count_fits(64, interval(1)) && interval::shl(64, interval(0), interval(1)).fits(64) =>
            {
                Some(Op::IntShl)
            }
            _ => None,
        };
        if let Some(op) = unchecked {
            become_op(function, inst, op, args.clone(), Imm::None);
            self.changed = true;
            return None;
        }
        match (data.op, data.imm) {
            (Op::IntCompare, Imm::IntCond(cond)) => {
                let holds = self.facts.decide(function, cond, args[0], args[1])?;
                become_constant(function, inst, Constant::Bool(holds));
                self.changed = true;
            }
            // The remainder of what is in range already.
            (Op::IntMod | Op::IntRem, _)
                if interval(1).low > 0 && interval(0).low >= 0 && interval(0).high < interval(1).low =>
            {
                return Some(args[0]);
            }
            // Of natural numbers rounding is the same in all ways.
            (Op::IntFloorDiv | Op::IntMod, _) if interval(0).low >= 0 && interval(1).low > 0 => {
                let op = if data.op == Op::IntMod { Op::IntRem } else { Op::IntDiv };
                become_op(function, inst, op, args.clone(), Imm::None);
                self.changed = true;
            }
            (Op::IntAnd, _) => {
                let mask = interval(1).single()?;
                let ones = mask > 0 && mask & mask.wrapping_add(1) == 0;
                return (ones && interval(0).low >= 0 && interval(0).high <= mask).then_some(args[0]);
            }
            (Op::IntWrap, _) => {
                let bits = interval(1).single()?;
                let fits = matches!(bits, 8 | 16 | 32) && interval(0).within(interval::full(bits as u32));
                return fits.then_some(args[0]);
            }
            (Op::IntConst, _) => {}
            _ => {
                // Whatever has one value only is a constant; what can leave has shown that it does not.
                let pure = data.op.info().effect == justjit_ir::Effect::Pure;
                if pure && data.result.is_some_and(|result| is_int(function, result)) {
                    let value = self.facts.transfer(function, &data).single()?;
                    become_constant(function, inst, Constant::Int(value));
                    self.changed = true;
                }
            }
        }
        None
    }
}
