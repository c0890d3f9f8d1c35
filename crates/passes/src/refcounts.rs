//! Reference counting that nobody can see.
//!
//! *Does*: removes an `incref` together with the `decref`s of the same value that undo it, one on each way on from there,
//! if nothing in between could end the object or look at its count: no code that we do not know, no store into a place
//! that holds objects followed by giving up what was there, nothing that takes the reference over. Exits in between that
//! gave the reference to a frame take a new one instead; those that released it have nothing to release.
//! What was read as a structure does not end with an atom.
//! *Assumes*: references are counted right (`check_refcounts`), and a value of which a reference can be taken is kept
//! alive there by something else.
//! *Guarantees*: an object lives exactly as long as before; where unknown code can look, its count is what it was.

use justjit_builder::Region as MemoryRegion;
use justjit_ir::{
    Block, Dominators, Effect, Flow, FrameState, Function, Imm, Inst, Op, Recovery, State, Value, ValueDef,
};

pub fn run(function: &mut Function) -> bool {
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let mut changed = false;
    for &block in &flow.order {
        // From the end, so that of nested pairs the inner one goes first.
        for index in (0..function.blocks[block.index()].insts.len()).rev() {
            let Some(&inst) = function.blocks[block.index()].insts.get(index) else {
                continue;
            };
            if function.inst(inst).op != Op::Incref {
                continue;
            }
            let value = function.inst(inst).args[0];
            if let Some(region) = Region::from(function, &flow, &dominators, block, index, value) {
                region.remove(function, block, inst);
                changed = true;
            }
        }
    }
    changed
}

/// What lies between an `incref` and the `decref`s that undo it.
struct Region {
    value: Value,
    /// The `decref`s.
    ends: Vec<(Block, Inst)>,
    /// What can leave in between.
    exits: Vec<Inst>,
    /// Loop headers in between that have an entry state.
    entries: Vec<Block>,
    /// Where references to the value are handed over to memory.
    handed: Vec<(Block, Inst)>,
    /// Where that is undone: a `hand_over` and a `take_over` each.
    lent: Vec<(Block, Inst)>,
}

impl Region {
    fn from(
        function: &Function,
        flow: &Flow,
        dominators: &Dominators,
        block: Block,
        index: usize,
        value: Value,
    ) -> Option<Region> {
        let mut region = Region {
            value,
            ends: Vec::new(),
            exits: Vec::new(),
            entries: Vec::new(),
            handed: Vec::new(),
            lent: Vec::new(),
        };
        let mut seen = vec![block];
        // Those at whose end the reference is still there.
        let mut passed = Vec::new();
        let mut pending = vec![(block, index + 1)];
        while let Some((at, start)) = pending.pop() {
            // A place that is come to on another way too.
            if !dominators.dominates(block, at) {
                return None;
            }
            if start == 0
                && let Some(state) = function.blocks[at.index()].entry_state
            {
                give_up(&function.states[state.index()], value)?;
                region.entries.push(at);
            }
            let insts = &function.blocks[at.index()].insts;
            if region.through(function, flow, at, &insts[start..])? {
                continue;
            }
            passed.push(at);
            for call in function.successors(at) {
                // The reference may go along with the argument.
                if call.args.contains(&value) || call.block == block {
                    return None;
                }
                if !seen.contains(&call.block) {
                    seen.push(call.block);
                    pending.push((call.block, 0));
                }
            }
            if function.successors(at).is_empty() {
                return None;
            }
        }
        // Nor may a loop bring another reference round to where this one is.
        let alone = |at: &Block| flow.predecessors(*at).iter().all(|from| passed.contains(from));
        seen[1..].iter().all(alone).then_some(region)
    }

    /// Goes through instructions of a block; whether the region ends there. `None` if something is in the way.
    fn through(&mut self, function: &Function, flow: &Flow, block: Block, insts: &[Inst]) -> Option<bool> {
        let structure = is_structure(function, self.value);
        for &inst in insts {
            let data = function.inst(inst);
            let own = data.args.first() == Some(&self.value);
            match (data.op, data.effect(function)) {
                (Op::Decref | Op::DecrefNumber, _) if own => {
                    self.ends.push((block, inst));
                    return Some(true);
                }
                (Op::Deopt, _) => {
                    let state = data.state.expect("what leaves has a state");
                    give_up(&function.states[state.index()], self.value)?;
                    self.exits.push(inst);
                    return Some(true);
                }
                (Op::Incref, _) if !own => {}
                (Op::HandOver, _) if own => self.handed.push((block, inst)),
                (Op::TakeOver, _) if own => {
                    // What memory has been given is taken back: with a reference less it has had a borrowed one meanwhile.
                    if let Some(handed) = self.handed.pop() {
                        if handed.0 != block {
                            return None;
                        }
                        self.lent.extend([handed, (block, inst)]);
                    }
                }
                // What ends here is an atom, which is another object and holds nothing.
                (Op::DecrefNumber, _) if structure => {}
                (Op::Call, Effect::Reference) if structure && !consumes(function, inst, self.value) => {}
                // What is given up is a reference of its own: the object was made here, or given by a call, and is another
                // one.
                (Op::DecrefNumber, _)
                    if function.def(data.args[0]).is_some_and(|def| gives_owned(function, def))
                        && !may_be(function, flow, self.value, data.args[0], &mut Vec::new()) => {}
                (
                    _,
                    Effect::Pure
                    | Effect::Load
                    | Effect::Store
                    | Effect::Guard
                    | Effect::Allocate
                    | Effect::Locate
                    | Effect::Account
                    | Effect::Safepoint
                    | Effect::Reads,
                ) if !consumes(function, inst, self.value) => {
                    if let Some(state) = data.state {
                        give_up(&function.states[state.index()], self.value)?;
                        self.exits.push(inst);
                    }
                }
                (Op::Jump | Op::Branch, _) => {}
                _ => return None,
            }
        }
        Some(false)
    }

    fn remove(self, function: &mut Function, block: Block, incref: Inst) {
        for inst in self.exits {
            let state = function.inst(inst).state.expect("it was found to have one");
            let state = without_reference(function, state, self.value);
            function.insts[inst.index()].state = Some(state);
        }
        for header in self.entries {
            let state = function.blocks[header.index()]
                .entry_state
                .expect("it was found to have one");
            let state = without_reference(function, state, self.value);
            function.blocks[header.index()].entry_state = Some(state);
        }
        function.blocks[block.index()].insts.retain(|&inst| inst != incref);
        for (block, end) in self.ends.into_iter().chain(self.lent) {
            function.blocks[block.index()].insts.retain(|&inst| inst != end);
        }
    }
}

/// Whether it was read as a structure, and so was tested to be one before a reference to it was taken.
fn is_structure(function: &Function, value: Value) -> bool {
    matches!(
        function.def(value).map(|data| data.imm),
        Some(Imm::Memory {
            region: MemoryRegion::Structures,
            ..
        })
    )
}

/// A copy of the state with one reference less: other instructions may share it.
fn without_reference(function: &mut Function, state: State, value: Value) -> State {
    let new = give_up(&function.states[state.index()], value).expect("it was found possible");
    function.add_state(new)
}

/// The state with one reference to the value less; nothing if it has none.
fn give_up(state: &FrameState, value: Value) -> Option<FrameState> {
    let mut new = state.clone();
    if let Some(place) = new.release.iter().position(|&released| released == value) {
        new.release.remove(place);
        return Some(new);
    }
    let slots = new.frames.iter_mut().flat_map(|frame| {
        std::iter::once(&mut frame.function)
            .chain(&mut frame.locals)
            .chain(&mut frame.stack)
    });
    let parts = new.virtuals.iter_mut().flat_map(|object| object.parts_mut());
    let owned = slots.chain(parts).find(|slot| **slot == Recovery::Owned(value))?;
    *owned = Recovery::Borrowed(value);
    Some(new)
}

/// Whether an instruction's result is a reference that belongs to the code.
pub fn gives_owned(function: &Function, data: &justjit_ir::InstData) -> bool {
    match (data.op, data.imm) {
        (Op::Call, justjit_ir::Imm::Symbol(callee)) => function.call(callee).owned,
        (op, _) => op.info().owned,
    }
}

/// Whether a value may be the object that another one is, which an instruction has made: it may have been chosen, or brought
/// along by a jump.
fn may_be(function: &Function, flow: &Flow, value: Value, made: Value, seen: &mut Vec<Value>) -> bool {
    if value == made {
        return true;
    }
    if seen.contains(&value) {
        return false;
    }
    seen.push(value);
    match function.values[value.index()].def {
        ValueDef::Result(inst) => {
            let data = function.inst(inst);
            data.op == Op::Select && data.args.iter().any(|&one| may_be(function, flow, one, made, seen))
        }
        ValueDef::Param(block, at) => flow.predecessors(block).iter().any(|&from| {
            let mut calls = function.successors(from).iter().filter(|call| call.block == block);
            calls.any(|call| may_be(function, flow, call.args[at as usize], made, seen))
        }),
    }
}

/// Whether an instruction takes a reference of the value over.
pub fn consumes(function: &Function, inst: Inst, value: Value) -> bool {
    let data = function.inst(inst);
    match (data.op, data.imm) {
        (Op::Call, justjit_ir::Imm::Symbol(callee)) => {
            let taken = &function.call(callee).consumes;
            data.args.iter().zip(taken).any(|(&arg, &taken)| taken && arg == value)
        }
        (op, _) => op.info().consumes && data.args.last() == Some(&value),
    }
}
