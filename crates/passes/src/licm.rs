//! Loop-invariant code motion.
//!
//! *Does*: moves to the block before a loop what gives the same in every iteration: pure operations, guards (checked
//! operations too), loads of memory that the loop does not write. From inner loops outwards.
//! *Assumes*: a header's entry state describes leaving at the header's start and going on by doing the loop again, so that
//! a guard which fails there is exact: it leaves with that state, the parameters replaced by the arguments of the jump
//! into the loop, and its own reason.
//! *Guarantees*: what is only valid behind a test is not made early without it.
//!
//! * An operation that reads through an object ([`reads_object`]) may need a test before it, on that object. It moves only
//!   if no guard that stays in the loop, and no branch, between the header and it says anything of that object; the guards
//!   that do have moved before it.
//! * A load through a bare pointer may need any test, such as a bound's: it moves only if it is reached in the first
//!   iteration on every way, with no exit and no branch before it, or if that test is known and is made before the loop.
//! * A structure is read early only together with the test that it is one, where the loop writes atoms: then none of these
//!   has taken its place.
//! * Arithmetic that is known not to overflow is known that where it stands: a sum becomes a wrapping one, the others stay.
//! * A division moves only if its divisor is a constant that cannot trap.
//! * A guard moves only if every iteration that goes round executes it: if it dominates all sources of back edges.

use crate::aliasing::{Clobber, Place, clobbers};
use crate::facts::Facts;
use crate::{edit, preheaders};
use justjit_builder::{IntCond, Region};
use justjit_ir::{
    Block, Dominators, Effect, Flow, FrameState, Function, Going, Imm, Inst, InstData, LoopData, Loops, Op, State,
    Type, Value, ValueDef,
};

pub fn run(function: &mut Function) -> bool {
    preheaders::run(function);
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let loops = Loops::of(function, &flow, &dominators);
    let mut changed = false;
    let mut homes = edit::homes(function);
    for (_, data) in loops.inside_out() {
        let mut hoist = Hoist {
            clobbers: clobbers(function, &data.blocks),
            function,
            dominators: &dominators,
            data,
            within: data.blocks.clone(),
            homes: &mut homes,
            preheader: data.preheader.expect("every loop got one"),
            moved_guards: Vec::new(),
        };
        changed |= hoist.run();
    }
    changed
}

/// The state in which a loop is entered, for something that leaves from the block before it. None where that has been left too
/// often for the same reason: a round that nobody comes to may be what the test is about.
pub fn entry_state(function: &mut Function, data: &LoopData, preheader: Block, of: State) -> Option<State> {
    let entry = function.blocks[data.header.index()].entry_state?;
    let mut state: FrameState = function.states[entry.index()].clone();
    if state.going != Going::Resume {
        return None;
    }
    state.reason = function.states[of.index()].reason;
    let innermost = state.frames.last()?;
    let place = (innermost.code, innermost.offset, state.reason);
    if function.failed_ahead.contains(&place) {
        return None;
    }
    let params = &function.blocks[data.header.index()].params;
    let args = &function.successors(preheader)[0].args;
    state.map_values(|value| match params.iter().position(|&param| param == value) {
        Some(place) => args[place],
        None => value,
    });
    Some(function.add_state(state))
}

/// Whether the operation reads memory of its object, which must then be one, and of the right type.
fn reads_object(op: Op) -> bool {
    matches!(op, Op::HasType | Op::UnboxInt | Op::UnboxFloat)
}

/// Whether a field of an object's header is read that is an address or a number that is not negative.
fn is_field(data: &InstData) -> bool {
    let Imm::Memory { ty, signed, region, .. } = data.imm else {
        return false;
    };
    data.op == Op::Load && region == Region::Header && (ty == Type::Pointer || ty == Type::Int && !signed)
}

struct Hoist<'a> {
    function: &'a mut Function,
    dominators: &'a Dominators,
    data: &'a LoopData,
    within: Vec<Block>,
    clobbers: Vec<Clobber>,
    /// The block of each instruction.
    homes: &'a mut Vec<Option<Block>>,
    preheader: Block,
    /// Guards of this loop that are now before it.
    moved_guards: Vec<Inst>,
}

impl Hoist<'_> {
    fn run(&mut self) -> bool {
        let mut changed = false;
        for block in self.within.clone() {
            let mut index = 0;
            while let Some(&inst) = self.function.blocks[block.index()].insts.get(index) {
                if self.movable(block, index, inst) && self.restate(inst) {
                    self.function.blocks[block.index()].insts.remove(index);
                    if self.function.inst(inst).op == Op::IntAdd {
                        let args = self.function.inst(inst).args.clone();
                        edit::become_op(self.function, inst, Op::IntAddWrapping, args, Imm::None);
                    }
                    let before = &mut self.function.blocks[self.preheader.index()].insts;
                    let end = before.len() - 1;
                    before.insert(end, inst);
                    self.homes[inst.index()] = Some(self.preheader);
                    if self.function.inst(inst).op == Op::Guard {
                        self.moved_guards.push(inst);
                    }
                    changed = true;
                } else {
                    index += 1;
                }
            }
        }
        changed
    }

    fn outside(&self, value: Value) -> bool {
        let home = match self.function.values[value.index()].def {
            ValueDef::Param(block, _) => Some(block),
            ValueDef::Result(inst) => self.homes[inst.index()],
        };
        home.is_some_and(|home| !self.within.contains(&home))
    }

    fn movable(&self, block: Block, index: usize, inst: Inst) -> bool {
        let data = self.function.inst(inst);
        if !data.args.iter().all(|&arg| self.outside(arg)) {
            return false;
        }
        match data.effect(self.function) {
            Effect::Pure => match data.op {
                Op::IntFloorDiv | Op::IntMod => {
                    edit::int(self.function, data.args[1]).is_some_and(|divisor| !(-1..=0).contains(&divisor))
                }
                op if reads_object(op) => self.justified(block, index, data.args[0]),
                // What is known of their operands is known where they stand; a sum becomes one that may.
                Op::IntSub | Op::IntMul | Op::IntShl | Op::IntDiv | Op::IntRem => false,
                Op::Call => !matches!(data.imm, Imm::Symbol(callee) if self.function.call(callee).owned),
                _ => true,
            },
            Effect::Load => {
                let Some(place) = Place::of(self.function, inst) else {
                    return false;
                };
                let touched = |touches: fn(&Clobber, &Place, &Function) -> bool| {
                    self.clobbers
                        .iter()
                        .any(|clobber| touches(clobber, &place, self.function))
                };
                if touched(Clobber::touches)
                    || touched(Clobber::touches_untested) && !self.moves_with_test(block, index, inst)
                {
                    return false;
                }
                let object = self.function.type_of(data.args[0]) == Type::Object;
                match place.region {
                    // The frame is always there.
                    Region::Frame if data.op == Op::Load => true,
                    Region::Header | Region::Payload if data.op == Op::Load && object => {
                        self.justified(block, index, data.args[0])
                    }
                    Region::Header if data.op == Op::Load => {
                        self.unconditional(block, index)
                            || self.justified(block, index, data.args[0]) && self.of_known_length(inst)
                    }
                    _ => self.unconditional(block, index) || self.in_bounds(inst),
                }
            }
            Effect::Guard => {
                let every = self.everywhere(block);
                let fine = match data.op {
                    op if reads_object(op) => self.justified(block, index, data.args[0]),
                    _ => true,
                };
                every && fine && data.state.is_some()
            }
            _ => false,
        }
    }

    /// Gives what leaves the state of the loop's entry; false if there is none.
    fn restate(&mut self, inst: Inst) -> bool {
        let Some(state) = self.function.inst(inst).state else {
            return true;
        };
        match entry_state(self.function, self.data, self.preheader, state) {
            Some(state) => {
                self.function.insts[inst.index()].state = Some(state);
                true
            }
            None => false,
        }
    }

    /// The blocks of the loop that are on every way to a block, itself first.
    fn above(&self, block: Block) -> Vec<Block> {
        let mut above = vec![block];
        let mut at = block;
        while at != self.data.header {
            match self.dominators.parent(at) {
                Some(parent) => at = parent,
                None => break,
            }
            above.push(at);
        }
        above
    }

    /// Whether no test that stays in the loop before the place says anything of the value.
    fn justified(&self, block: Block, index: usize, value: Value) -> bool {
        self.above(block).into_iter().all(|at| {
            let insts = &self.function.blocks[at.index()].insts;
            let end = if at == block { index } else { insts.len() };
            insts[..end].iter().all(|&inst| {
                let data = self.function.inst(inst);
                let test = matches!(data.effect(self.function), Effect::Guard) || data.op == Op::Branch;
                !test || data.args.iter().all(|&arg| !self.concerns(arg, value))
            })
        })
    }

    /// Whether a condition may say what a value is: it is computed from it, or from what we do not see through. A number
    /// read from the object itself, such as its size, says nothing of its type; one read from its type may.
    fn concerns(&self, condition: Value, value: Value) -> bool {
        let mut pending = vec![condition];
        let mut seen: Vec<Value> = Vec::new();
        while let Some(at) = pending.pop() {
            if at == value || seen.len() > 64 {
                return true;
            }
            if seen.contains(&at) {
                continue;
            }
            seen.push(at);
            match self.function.def(at) {
                Some(data) if data.op == Op::Call => return true,
                Some(data)
                    if data.op == Op::Load && data.args[0] == value && self.function.type_of(at) == Type::Int => {}
                Some(data) => pending.extend(&data.args),
                None if self.function.type_of(at) == Type::Bool => return true,
                None => {}
            }
        }
        false
    }

    /// Whether the type of what a load gives is tested right behind it, by a guard that moves as well.
    fn moves_with_test(&self, block: Block, index: usize, load: Inst) -> bool {
        let result = self.function.inst(load).result;
        let insts = &self.function.blocks[block.index()].insts;
        let Some(&[test, guard]) = insts.get(index + 1..index + 3) else {
            return false;
        };
        let (test, guard) = (self.function.inst(test), self.function.inst(guard));
        let tested = test.op == Op::HasType && test.args.first().copied() == result;
        let entered = self.function.blocks[self.data.header.index()].entry_state;
        let moves = entered.is_some_and(|entry| self.function.states[entry.index()].going == Going::Resume)
            && self.everywhere(block);
        tested && guard.op == Op::Guard && guard.args.first().copied() == test.result && guard.state.is_some() && moves
    }

    /// Whether every iteration that goes round comes to the block.
    fn everywhere(&self, block: Block) -> bool {
        let mut latches = self.data.latches.iter();
        latches.all(|&latch| self.dominators.dominates(block, latch))
    }

    /// Whether an item of an array is read that an object's header points to, and the index was tested against a size in that
    /// header: in this loop, by a guard that has moved, or before it, if the size is that of the array.
    fn in_bounds(&self, load: Inst) -> bool {
        let data = self.function.inst(load);
        let Imm::Memory { offset, scale, .. } = data.imm else {
            return false;
        };
        let ValueDef::Result(pointer) = self.function.values[data.args[0].index()].def else {
            return false;
        };
        let array = self.function.inst(pointer);
        if !is_field(array) {
            return false;
        }
        let (base, plus) = match data.op {
            Op::LoadIndexed if offset == 0 && scale == 8 => {
                let (base, plus) = Facts::decompose(self.function, data.args[1]);
                (Some(base), plus)
            }
            Op::Load if offset >= 0 && offset % 8 == 0 => (None, i128::from(offset / 8)),
            _ => return false,
        };
        // Of two tests of neighbours one says that the index is not too small, the other that it is not too large.
        let (mut natural, mut below) = (base.is_none(), false);
        let earlier = self.guards_before();
        let moved = self.moved_guards.iter().map(|&guard| (guard, true));
        for (guard, moved) in moved.chain(earlier.into_iter().map(|guard| (guard, false))) {
            let Some(test) = self.function.def(self.function.inst(guard).args[0]) else {
                continue;
            };
            let (index, size) = match (test.op, test.imm) {
                (Op::IntCompare, Imm::IntCond(IntCond::UnsignedLt)) => (test.args[0], test.args[1]),
                (Op::IntCompare, Imm::IntCond(IntCond::UnsignedGt)) => (test.args[1], test.args[0]),
                _ => continue,
            };
            let ValueDef::Result(read) = self.function.values[size.index()].def else {
                continue;
            };
            let size = self.function.inst(read);
            if !is_field(size) || size.args != array.args || !moved && !self.at_once(read, pointer) {
                continue;
            }
            let tested = match base {
                Some(base) => Some(Facts::decompose(self.function, index))
                    .filter(|&(of, _)| of == base)
                    .map(|(_, by)| by),
                None => edit::int(self.function, index).map(i128::from),
            };
            natural |= tested.is_some_and(|tested| tested <= plus);
            below |= tested.is_some_and(|tested| tested >= plus);
        }
        natural && below
    }

    /// The guards of the preheader and of the blocks on every way to it.
    fn guards_before(&self) -> Vec<Inst> {
        let mut guards = Vec::new();
        let mut at = Some(self.preheader);
        while let Some(block) = at {
            let insts = self.function.blocks[block.index()].insts.iter();
            guards.extend(insts.filter(|&&inst| self.function.inst(inst).op == Op::Guard));
            at = self.dominators.parent(block);
        }
        guards
    }

    /// Whether two fields of a header are read in one block, with nothing between that could change them.
    fn at_once(&self, one: Inst, other: Inst) -> bool {
        let (Some(home), Some(place)) = (self.homes[one.index()], Place::of(self.function, other)) else {
            return false;
        };
        if self.homes[other.index()] != Some(home) {
            return false;
        }
        let insts = &self.function.blocks[home.index()].insts;
        let at = |wanted| insts.iter().position(|&inst| inst == wanted);
        let (Some(one), Some(other)) = (at(one), at(other)) else {
            return false;
        };
        insts[one.min(other)..one.max(other)].iter().all(|&inst| {
            !Clobber::of(self.function, inst).is_some_and(|clobber| clobber.touches(&place, self.function))
        })
    }

    /// Whether a word is read of a short array that an object's header points to, such as an array's shape, whose length, a
    /// number in that header, was found to be large enough where the pointer was read: a guard stands there.
    fn of_known_length(&self, load: Inst) -> bool {
        let data = self.function.inst(load);
        let Imm::Memory { offset, width, .. } = data.imm else {
            return false;
        };
        let ValueDef::Result(pointer) = self.function.values[data.args[0].index()].def else {
            return false;
        };
        let (Some(home), array) = (self.homes[pointer.index()], self.function.inst(pointer)) else {
            return false;
        };
        let Some(place) = Place::of(self.function, pointer).filter(|_| is_field(array)) else {
            return false;
        };
        let end = i64::from(offset) + i64::from(width.size());
        let insts = &self.function.blocks[home.index()].insts;
        let before = insts.iter().position(|&inst| inst == pointer).unwrap_or(0);
        // Nothing that could change the header stands between the length and the pointer.
        let written = |&inst: &Inst| {
            Clobber::of(self.function, inst).is_some_and(|clobber| clobber.touches(&place, self.function))
        };
        let start = insts[..before].iter().rposition(written).map_or(0, |last| last + 1);
        offset >= 0
            && insts[start..before].iter().any(|&guard| {
                let guard = self.function.inst(guard);
                if guard.op != Op::Guard {
                    return false;
                }
                let Some(test) = self.function.def(guard.args[0]) else {
                    return false;
                };
                if test.op != Op::IntCompare || test.imm != Imm::IntCond(IntCond::Eq) {
                    return false;
                }
                let ValueDef::Result(length) = self.function.values[test.args[0].index()].def else {
                    return false;
                };
                let count = edit::int(self.function, test.args[1]);
                let read = self.function.inst(length);
                let in_header = matches!(
                    read.imm,
                    Imm::Memory {
                        region: Region::Header,
                        ty: Type::Int,
                        ..
                    }
                ) && read.op == Op::Load
                    && read.args == array.args
                    && insts[start..before].contains(&length);
                in_header && count.is_some_and(|count| count.checked_mul(8).is_some_and(|size| end <= size))
            })
    }

    /// Whether the place is reached in the first iteration on every way, with nothing before that could leave.
    fn unconditional(&self, block: Block, index: usize) -> bool {
        let mut at = self.data.header;
        for _ in 0..self.within.len() {
            let insts = &self.function.blocks[at.index()].insts;
            let end = if at == block { index } else { insts.len() };
            let leaves = |&inst: &Inst| {
                let data = self.function.inst(inst);
                data.state.is_some() || matches!(data.effect(self.function), Effect::Any | Effect::Store)
            };
            if insts[..end].iter().any(leaves) {
                return false;
            }
            if at == block {
                return true;
            }
            match self.function.successors(at) {
                [only] => at = only.block,
                _ => return false,
            }
        }
        false
    }
}
