//! Common subexpressions: values, guards, loads.
//!
//! *Does*: walks the dominator tree with what is known. An operation equal to one that dominates it is replaced by that
//! one's result; an equal guard is dropped; a checked operation also stands for an unchecked one (not the other way
//! round: what is not checked is only known not to overflow where it stands). A load is replaced by an equal one, or by
//! the value that was stored there, if nothing in between may have written the place. Behind `guard c`, and in the blocks
//! that a branch on `c` leads to, the value of `c` is known, and with it those of its parts: of a negation, of both
//! halves of an `and`, of the same comparison written in another way.
//! *Assumes*: regions are disjoint; fields at different offsets of objects are disjoint; within a region all else may
//! overlap. Memory of an object that was freed is not read again through its old value. What is read as a structure is
//! tested to be one before anything else is written.
//! *Guarantees*: nothing is moved. Operands of float operations are not exchanged.

use crate::aliasing::{Clobber, Place, clobbers};
use crate::arithmetic;
use crate::edit::{self, Constant, Replacements, become_constant, become_op};
use justjit_builder::{IntCond, Type as Width};
use justjit_ir::{Block, Dominators, Effect, Flow, Function, Imm, Inst, Op, Type, Value};
use std::collections::HashMap;

type Key = (Op, Vec<Value>, Imm);

/// A value that memory is known to hold.
#[derive(Clone)]
struct Held {
    place: Place,
    /// The load that reads it, as a key.
    load: Key,
    value: Value,
}

/// What is known at a point.
#[derive(Clone, Default)]
struct Known {
    memory: Vec<Held>,
}

struct Cse<'a> {
    function: &'a mut Function,
    flow: Flow,
    dominators: Dominators,
    replacements: Replacements,
    /// Values by expression, and truths by condition, with what they replaced, so that a scope can be left.
    values: HashMap<Key, Value>,
    truths: HashMap<Key, bool>,
    undo: Vec<Undo>,
    changed: bool,
}

enum Undo {
    Value(Key, Option<Value>),
    Truth(Key, Option<bool>),
}

pub fn run(function: &mut Function) -> bool {
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let replacements = Replacements::new(function);
    let mut cse = Cse {
        function,
        flow,
        dominators,
        replacements,
        values: HashMap::new(),
        truths: HashMap::new(),
        undo: Vec::new(),
        changed: false,
    };
    cse.walk();
    cse.replacements.apply(cse.function) || cse.changed
}

impl Cse<'_> {
    /// The dominator tree, depth first without recursion.
    fn walk(&mut self) {
        enum Step {
            Enter(Block, Known),
            Leave(usize),
        }
        let mut stack = vec![Step::Enter(Function::ENTRY, Known::default())];
        while let Some(step) = stack.pop() {
            match step {
                Step::Leave(depth) => self.leave(depth),
                Step::Enter(block, mut known) => {
                    stack.push(Step::Leave(self.undo.len()));
                    self.edge_truths(block);
                    self.block(block, &mut known);
                    for &child in self.dominators.children(block).to_vec().iter().rev() {
                        let known = self.inherit(block, child, &known);
                        stack.push(Step::Enter(child, known));
                    }
                }
            }
        }
    }

    fn leave(&mut self, depth: usize) {
        while self.undo.len() > depth {
            match self.undo.pop() {
                Some(Undo::Value(key, Some(old))) => drop(self.values.insert(key, old)),
                Some(Undo::Value(key, None)) => drop(self.values.remove(&key)),
                Some(Undo::Truth(key, Some(old))) => drop(self.truths.insert(key, old)),
                Some(Undo::Truth(key, None)) => drop(self.truths.remove(&key)),
                None => {}
            }
        }
    }

    /// What a dominated block knows of memory: what nothing writes on any way to it.
    fn inherit(&self, block: Block, child: Block, known: &Known) -> Known {
        if self.flow.predecessors(child) == [block] {
            return known.clone();
        }
        let mut between = Vec::new();
        let mut seen = vec![false; self.function.blocks.len()];
        let mut pending = self.flow.predecessors(child).to_vec();
        while let Some(at) = pending.pop() {
            if at != block && !std::mem::replace(&mut seen[at.index()], true) {
                between.push(at);
                pending.extend(self.flow.predecessors(at));
            }
        }
        let written = clobbers(self.function, &between);
        let mut memory = known.memory.clone();
        memory.retain(|held| {
            !written
                .iter()
                .any(|clobber| clobber.touches(&held.place, self.function))
        });
        Known { memory }
    }

    /// What the branch says that leads to a block.
    fn edge_truths(&mut self, block: Block) {
        let [before] = *self.flow.predecessors(block) else {
            return;
        };
        let last = self.function.inst(edit::last(self.function, before));
        if last.op == Op::Branch {
            let condition = self.replacements.resolve(last.args[0]);
            let holds = last.targets[0].block == block;
            self.learn(condition, holds);
        }
    }

    fn remember(&mut self, key: Key, value: Value) {
        let old = self.values.insert(key.clone(), value);
        self.undo.push(Undo::Value(key, old));
    }

    /// A condition is known to hold or not, and what follows from that.
    fn learn(&mut self, condition: Value, holds: bool) {
        let mut pending = vec![(condition, holds)];
        while let Some((condition, holds)) = pending.pop() {
            let mut keys = vec![(value_key(condition), holds)];
            if let Some(data) = self.function.def(condition) {
                let args: Vec<Value> = data.args.iter().map(|&arg| self.replacements.resolve(arg)).collect();
                match (data.op, data.imm) {
                    (Op::BoolNot, _) => pending.push((args[0], !holds)),
                    (Op::BoolAnd, _) if holds => pending.extend(args.iter().map(|&arg| (arg, true))),
                    (Op::BoolOr, _) if !holds => pending.extend(args.iter().map(|&arg| (arg, false))),
                    (Op::IntCompare, Imm::IntCond(cond)) => {
                        let (key, straight) = comparison(cond, args[0], args[1]);
                        keys.push((key, holds == straight));
                    }
                    _ => {}
                }
            }
            for (key, holds) in keys {
                let old = self.truths.insert(key.clone(), holds);
                self.undo.push(Undo::Truth(key, old));
            }
        }
    }

    /// Whether a condition is known.
    fn truth(&self, condition: Value) -> Option<bool> {
        self.truths.get(&value_key(condition)).copied()
    }

    fn block(&mut self, block: Block, known: &mut Known) {
        let mut index = 0;
        while let Some(&inst) = self.function.blocks[block.index()].insts.get(index) {
            for arg in 0..self.function.inst(inst).args.len() {
                let value = self.replacements.resolve(self.function.insts[inst.index()].args[arg]);
                self.function.insts[inst.index()].args[arg] = value;
            }
            let stays = self.inst(block, index, inst, known);
            if stays {
                index += 1;
            } else {
                self.changed = true;
                // A guard that fails has become the block's end.
                if self.function.blocks[block.index()].insts.get(index) == Some(&inst) {
                    self.function.blocks[block.index()].insts.remove(index);
                } else {
                    index += 1;
                }
            }
        }
    }

    /// Looks at an instruction; false if it is not needed.
    fn inst(&mut self, block: Block, index: usize, inst: Inst, known: &mut Known) -> bool {
        let data = self.function.inst(inst);
        let op = data.op;
        if let Some(clobber) = Clobber::of(self.function, inst) {
            known.memory.retain(|held| !clobber.touches(&held.place, self.function));
        }
        match (op, self.function.inst(inst).effect(self.function)) {
            (Op::Guard, _) => self.guard(block, index, inst),
            (Op::Branch, _) => {
                let condition = self.function.inst(inst).args[0];
                if let Some(holds) = self.truth(condition)
                    && edit::boolean(self.function, condition).is_none()
                {
                    let imm = Imm::Bool(holds);
                    let value = edit::insert_value(self.function, block, index, Op::BoolConst, Vec::new(), imm);
                    self.function.insts[inst.index()].args = vec![value];
                    self.changed = true;
                }
                true
            }
            (Op::Select, _) => {
                let args = self.function.inst(inst).args.clone();
                match self.truth(args[0]) {
                    Some(holds) => self.is(inst, if holds { args[1] } else { args[2] }),
                    None => self.value(inst),
                }
            }
            (Op::IntCompare, _) => self.compare(inst),
            (_, Effect::Pure | Effect::Guard) => self.value(inst),
            (_, Effect::Load) => self.load(inst, known),
            (_, Effect::Store) => {
                self.store(inst, known);
                true
            }
            _ => true,
        }
    }

    /// The instruction's result is that value.
    fn is(&mut self, inst: Inst, value: Value) -> bool {
        let result = self.function.inst(inst).result.expect("it has a result");
        self.replacements.replace(result, value);
        false
    }

    fn guard(&mut self, block: Block, index: usize, inst: Inst) -> bool {
        let condition = self.function.inst(inst).args[0];
        match self.truth(condition) {
            Some(true) => false,
            Some(false) => {
                edit::become_deopt(self.function, block, index);
                false
            }
            None => {
                self.learn(condition, true);
                true
            }
        }
    }

    fn value(&mut self, inst: Inst) -> bool {
        let data = self.function.inst(inst);
        let owned = matches!((data.op, data.imm), (Op::Call, Imm::Symbol(callee)) if self.function.call(callee).owned);
        let Some(result) = data.result.filter(|_| !owned) else {
            return true;
        };
        let mut args = data.args.clone();
        let unchecked = match data.op {
            Op::IntAddChecked => Some(Op::IntAdd),
            Op::IntSubChecked => Some(Op::IntSub),
            Op::IntMulChecked => Some(Op::IntMul),
            Op::IntShlChecked => Some(Op::IntShl),
            _ => None,
        };
        let commutes = matches!(
            data.op,
            Op::IntAdd
                | Op::IntAddWrapping
                | Op::IntMul
                | Op::IntAddChecked
                | Op::IntMulChecked
                | Op::IntAnd
                | Op::IntOr
                | Op::IntXor
        ) || matches!(data.op, Op::BoolAnd | Op::BoolOr | Op::BoolXor | Op::Same);
        if commutes {
            args.sort_unstable();
        }
        let key = (data.op, args, data.imm);
        if let Some(&known) = self.values.get(&key) {
            return self.is(inst, known);
        }
        if let Some(unchecked) = unchecked {
            self.remember((unchecked, key.1.clone(), key.2), result);
        }
        self.remember(key, result);
        true
    }

    /// Comparisons are all brought to `eq`, `lt` and `ult`, or the negation of one.
    fn compare(&mut self, inst: Inst) -> bool {
        let data = self.function.inst(inst);
        let (Imm::IntCond(cond), Some(result)) = (data.imm, data.result) else {
            return true;
        };
        let (key, straight) = comparison(cond, data.args[0], data.args[1]);
        if let Some(&holds) = self.truths.get(&key) {
            become_constant(self.function, inst, Constant::Bool(holds == straight));
            self.changed = true;
            return self.value(inst);
        }
        let opposite = match key.2 {
            Imm::IntCond(cond) => Imm::IntCond(arithmetic::negated(cond)),
            other => other,
        };
        let negated = (key.0, key.1.clone(), opposite);
        let (own, other) = if straight { (key, negated) } else { (negated, key) };
        if let Some(&known) = self.values.get(&own) {
            return self.is(inst, known);
        }
        if let Some(&known) = self.values.get(&other) {
            become_op(self.function, inst, Op::BoolNot, vec![known], Imm::None);
            self.changed = true;
            return self.value(inst);
        }
        self.remember(own, result);
        true
    }

    fn load(&mut self, inst: Inst, known: &mut Known) -> bool {
        let Some(place) = Place::of(self.function, inst) else {
            return true;
        };
        let data = self.function.inst(inst);
        let key = load_key(data.op, data.args.clone(), data.imm);
        if let Some(held) = known.memory.iter().find(|held| held.load == key) {
            return self.is(inst, held.value);
        }
        let value = data.result.expect("a load has a result");
        known.memory.push(Held {
            place,
            load: key,
            value,
        });
        true
    }

    /// The value is what the place holds, if reading it back gives the same.
    fn store(&mut self, inst: Inst, known: &mut Known) {
        let data = self.function.inst(inst);
        let (Some(place), Imm::Memory { ty, width, .. }) = (Place::of(self.function, inst), data.imm) else {
            return;
        };
        let whole = match ty {
            Type::Int | Type::Object | Type::Pointer => width == Width::I64,
            Type::Float => width == Width::F64,
            Type::Bool => false,
        };
        if !whole {
            return;
        }
        let mut args = data.args.clone();
        let value = args.pop().expect("a store has an operand");
        let op = if data.op == Op::Store {
            Op::Load
        } else {
            Op::LoadIndexed
        };
        known.memory.push(Held {
            place,
            load: load_key(op, args, data.imm),
            value,
        });
    }
}

/// A condition as a key of its truth.
fn value_key(condition: Value) -> Key {
    (Op::BoolConst, vec![condition], Imm::None)
}

/// A comparison as one of `eq`, `lt`, `ult`, and whether it is that or its negation.
fn comparison(cond: IntCond, a: Value, b: Value) -> (Key, bool) {
    use IntCond::{Eq, Ne, SignedGe, SignedGt, SignedLe, SignedLt, UnsignedGe, UnsignedGt, UnsignedLe, UnsignedLt};
    let (cond, mut args, straight) = match cond {
        Eq => (Eq, vec![a, b], true),
        Ne => (Eq, vec![a, b], false),
        SignedLt => (SignedLt, vec![a, b], true),
        SignedGe => (SignedLt, vec![a, b], false),
        SignedGt => (SignedLt, vec![b, a], true),
        SignedLe => (SignedLt, vec![b, a], false),
        UnsignedLt => (UnsignedLt, vec![a, b], true),
        UnsignedGe => (UnsignedLt, vec![a, b], false),
        UnsignedGt => (UnsignedLt, vec![b, a], true),
        UnsignedLe => (UnsignedLt, vec![b, a], false),
    };
    if cond == Eq {
        args.sort_unstable();
    }
    ((Op::IntCompare, args, Imm::IntCond(cond)), straight)
}

/// A load as a key: for 64 bits the sign makes no difference, nor does the scale where there is no index.
fn load_key(op: Op, args: Vec<Value>, imm: Imm) -> Key {
    let imm = match imm {
        Imm::Memory {
            ty,
            width,
            signed,
            region,
            offset,
            scale,
        } => Imm::Memory {
            ty,
            width,
            signed: signed && width != Width::I64,
            region: region.class(),
            offset,
            scale: if op == Op::Load { 0 } else { scale },
        },
        other => other,
    };
    (op, args, imm)
}
