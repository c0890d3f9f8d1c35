//! Where the body is entered: at the function's start, or at a loop header of a frame that runs in baseline code.

use crate::builder::{Builder, Done, Stop, decline, ir_region};
use crate::convert::slot_offset;
use crate::item::{Frame, Item, Iterator, Kind, Local, Object, Owner, Step};
use crate::knowledge::Knowledge;
use crate::subclasses::AsList;
use crate::typed::{self, Key};
use crate::{Built, Decline, Known};
use justjit_builder::{IntCond, Type as Width};
use justjit_bytecode::{Function as Decoded, Opcode};
use justjit_ir::{
    Block, BlockCall, Effect, FrameRecovery, FrameState, Going, Imm, Op, Reason, Recovery, State, Type, Value,
};
use justjit_runtime::arrays::{self, Layout};
use justjit_runtime::deopt::ENTER_SUCCESSOR;
use justjit_runtime::layout::{self, Code, array_iterator, offset};
use justjit_runtime::unpacking::{
    KEEP, PACK, UNPACK_BOOLS, UNPACK_FLOAT_ROWS, UNPACK_FLOATS, UNPACK_INT_ROWS, UNPACK_INTS, UNPACK_MOVED_FLOATS,
    UNPACK_MOVED_INTS,
};
use pyo3_ffi::*;
use rustc_hash::FxHashSet;

// What the passes and the runtime say of unpacked lists is the same.
const _: () = {
    use justjit_runtime::unpacking::{BOOL_MARK, HEAD, INT_MARK, INT_ROWS_MARK, MARK, REACH, ROWS_MARK};
    assert!(justjit_passes::MARK == MARK && justjit_passes::INT_MARK == INT_MARK);
    assert!(justjit_passes::ROWS_MARK == ROWS_MARK && justjit_passes::INT_ROWS_MARK == INT_ROWS_MARK);
    assert!(justjit_passes::BOOL_MARK == BOOL_MARK);
    assert!(justjit_passes::REACH == REACH && justjit_passes::HEAD == HEAD);
    assert!(
        justjit_passes::LIST_ITEMS == offset::LIST_ITEMS && justjit_passes::LIST_ALLOCATED == offset::LIST_ALLOCATED
    );
};

/// Where the body is to be entered.
pub enum Entry {
    /// The function's start; a coroutine's or generator's is behind `RETURN_GENERATOR`.
    Start,
    /// Behind a `YIELD_VALUE`, by the entry's number and the index of its `RESUME`.
    Resume { number: i64, index: usize },
    /// A loop header, by the entry's number and the index of its first instruction, and the frame that waits there.
    Loop {
        number: i64,
        index: usize,
        frame: *mut layout::Frame,
    },
}

/// What building starts from.
pub struct Input<'a> {
    pub name: &'a str,
    pub code: *mut Code,
    pub decoded: Decoded,
    pub knowledge: Knowledge,
    pub globals: *mut PyObject,
    pub builtins: *mut PyObject,
    pub entries: Vec<Entry>,
    /// The number of the entry at the function's start: 0, or that of the place at which a coroutine's or generator's body begins.
    pub start: i64,
    /// Where baseline code goes on with a suspended frame: resume points, by the byte offsets of their instructions.
    pub resume_points: Vec<(u32, *const ())>,
    /// The version that is being made.
    pub version: *const (),
}

/// Builds the IR of a function.
///
/// # Safety
/// The GIL is held; everything that the input refers to is live.
pub unsafe fn build(input: &Input<'_>, known: &mut dyn Known) -> Result<Built, Decline> {
    let mut refusals = Refusals::default();
    loop {
        match build_once(input, known, &refusals) {
            Ok(built) => return Ok(built),
            Err(Again::Never(reason)) => return Err(reason),
            // Numbers of inlined code differ from time to time, but those before the first refusal do not.
            Err(Again::NotInlined(place)) if refusals.inlining.insert(place) => {}
            Err(Again::NotTyped(key)) if refusals.typed.insert(key.clone()) => {}
            Err(Again::Identity) if !std::mem::replace(&mut refusals.identity, true) => {}
            Err(_) => return Err(Decline("a callee that can neither be inlined nor left out".into())),
        }
    }
}

/// What has turned out not to be possible.
#[derive(Default)]
struct Refusals {
    inlining: FxHashSet<(usize, usize)>,
    typed: FxHashSet<Key>,
    /// To keep numbers without their objects.
    identity: bool,
}

/// Why building has to begin again, if it may.
enum Again {
    Never(Decline),
    NotInlined((usize, usize)),
    NotTyped(Key),
    Identity,
}

fn build_once(input: &Input<'_>, known: &mut dyn Known, refusals: &Refusals) -> Result<Built, Again> {
    let mut builder = Builder::new(input.name, &mut *known);
    builder.not_inlined.clone_from(&refusals.inlining);
    builder.asks_identity = refusals.identity;
    builder.pool.refused.clone_from(&refusals.typed);
    match builder.function(input) {
        Ok(()) => {}
        Err(Stop::Decline(reason)) => return Err(Again::Never(reason)),
        Err(Stop::NotInlined(code, index)) => return Err(Again::NotInlined((code, index))),
        Err(Stop::Identity) => return Err(Again::Identity),
    }
    builder.allow_unpacking();
    let mut pool = std::mem::take(&mut builder.pool);
    let weight = builder.codes[0]
        .knowledge
        .seen
        .iter()
        .map(|seen| u64::from(seen.count))
        .sum();
    let mut built = Built {
        generic_weight: builder.generic_weight,
        weight,
        function: builder.f,
        kept: builder.kept,
        specialized: builder.specialized,
        generic: builder.generic,
        typed: Vec::new(),
        codes: typed::codes(builder.codes),
    };
    // Typed bodies may call for more of them.
    let mut number = 0;
    while let Some(body) = pool.all.get(number) {
        let (key, function, params) = (body.key(), body.function, body.params.clone());
        // SAFETY: a live function.
        let name = unsafe { crate::text::name_of((*justjit_runtime::hook::code_of(function)).co_qualname) };
        let (mut builder, args) = Builder::of_typed(&format!("{name}#{number}"), &mut *known, body);
        builder.not_inlined.clone_from(&refusals.inlining);
        builder.pool = pool;
        match builder.typed_body(function, &params, &args) {
            Ok(()) => {}
            Err(Stop::Decline(_) | Stop::Identity) => return Err(Again::NotTyped(key)),
            Err(Stop::NotInlined(code, index)) => return Err(Again::NotInlined((code, index))),
        }
        pool = builder.pool;
        built.kept.extend(builder.kept);
        built.specialized += builder.specialized;
        built.generic += builder.generic;
        let insts = &builder.f.insts;
        let is_float = |op| matches!(op, Op::FloatAdd | Op::FloatSub | Op::FloatMul | Op::FloatDiv);
        if insts.len() > typed::ROOM && !insts.iter().any(|inst| is_float(inst.op)) {
            return Err(Again::NotTyped(key));
        }
        pool.all[number].ir = Some(builder.f);
        pool.all[number].codes = typed::codes(builder.codes);
        number += 1;
    }
    built.typed = pool.all;
    Ok(built)
}

impl Builder<'_> {
    /// Tells the passes of the functions by which loops unpack lists, and where that is not to be tried again.
    fn allow_unpacking(&mut self) {
        let behaviour = (Effect::Any, false);
        let params = [Type::Object, Type::Pointer, Type::Pointer, Type::Int];
        let whole = [&UNPACK_FLOATS, &UNPACK_INTS, &UNPACK_BOOLS];
        let moved = [&UNPACK_MOVED_FLOATS, &UNPACK_MOVED_INTS];
        for unpack in whole
            .into_iter()
            .chain([&UNPACK_FLOAT_ROWS, &UNPACK_INT_ROWS])
            .chain(moved)
        {
            self.function_symbol(unpack, &params, Some(Type::Int), behaviour);
        }
        self.function_symbol(&KEEP, &[Type::Object], None, behaviour);
        self.function_symbol(&PACK, &[], None, behaviour);
        for info in &self.codes {
            let failed = info.knowledge.widened.keys();
            self.f.failed_ahead.extend(failed.map(|&(index, reason)| {
                let offset = info.decoded.instructions[index as usize].offset;
                (info.symbol, offset, reason)
            }));
        }
    }

    fn function(&mut self, input: &Input<'_>) -> Done {
        self.add_code(
            input.code,
            input.decoded.clone(),
            input.knowledge.clone(),
            (input.globals, input.builtins),
        );
        self.resume_points.clone_from(&input.resume_points);
        let entry = self.f.blocks[0].params[2];
        // Entries are tried in turn; what is not known is baseline code's.
        let valid = self.known.valid();
        let valid = self.pointer(valid, "valid");
        let valid = self.load(Type::Bool, valid, 0, ir_region::ANY);
        let known = self.f.add_block();
        let baseline = self.f.add_block();
        self.branch(valid, known, baseline);
        let mut at = known;
        for wanted in &input.entries {
            self.block = at;
            let number = match wanted {
                Entry::Start => input.start,
                Entry::Loop { number, .. } | Entry::Resume { number, .. } => *number,
            };
            let constant = self.int(number);
            let same = self.int_compare(IntCond::Eq, entry, constant);
            let here = self.f.add_block();
            let next = self.f.add_block();
            self.branch(same, here, next);
            self.block = here;
            self.begins_in_loop = matches!(wanted, Entry::Loop { .. });
            match wanted {
                Entry::Start if input.decoded.is_resumable() => self.start_suspended(input, baseline)?,
                Entry::Resume { index, .. } => self.resume(input, *index, baseline)?,
                Entry::Start => self.start(input)?,
                Entry::Loop { index, frame, .. } => {
                    // SAFETY: the frame waits at the loop header, complete.
                    unsafe { self.enter_loop(input, *index, *frame)? }
                }
            }
            at = next;
        }
        self.block = at;
        self.f.end(
            at,
            Op::Jump,
            Vec::new(),
            None,
            vec![BlockCall {
                block: baseline,
                args: Vec::new(),
            }],
        );
        self.block = baseline;
        let version = self.pointer(input.version, "version");
        let args = [self.thread, self.frame_pointer, entry, version];
        let result = self
            .call(&ENTER_SUCCESSOR, &args, Some(Type::Object), (Effect::Any, true))
            .expect("a result");
        self.f.end(baseline, Op::Return, vec![result], None, Vec::new());
        self.f.blocks[baseline.index()].cold = true;
        Ok(())
    }

    /// The function's start: the arguments are in their slots.
    fn start(&mut self, input: &Input<'_>) -> Done {
        // Free variables are there when the frame has been entered.
        let instructions = &input.decoded.instructions;
        let makes_cell = |opcode| opcode == Opcode::MakeCell;
        let before = instructions.iter();
        let before = before.take_while(|one| makes_cell(one.opcode) || one.opcode == Opcode::CopyFreeVars);
        let first = before.clone().count();
        let cells: Vec<usize> = before
            .filter(|one| makes_cell(one.opcode))
            .map(|one| one.arg as usize)
            .collect();
        if instructions[first].opcode != Opcode::Resume {
            return decline("a function that does not begin as the compiler makes it");
        }
        if input.knowledge.is_unreached(first) {
            return decline("the function's start has not been seen");
        }
        self.enter_frame(input);
        // SAFETY: a live code object.
        let (parameters, free) = unsafe { ((*input.code).parameters(), (*input.code).co_nfreevars as usize) };
        let first_free = input.decoded.nlocals_plus as usize - free;
        let none = Local {
            item: Item::Null,
            home: true,
        };
        self.frames = vec![Frame {
            code: 0,
            index: first,
            function: Item::Null,
            locals: vec![none; input.decoded.nlocals_plus as usize],
            stack: Vec::new(),
            returns: crate::item::Returns::Value,
            instances: Vec::new(),
        }];
        self.index = first;
        self.make_cells(cells.iter().copied());
        let is_there = |slot: usize| slot < parameters || slot >= first_free || cells.contains(&slot);
        self.frames[0].locals = self.locals_in_frame(input.decoded.nlocals_plus as usize, &is_there);
        self.run()
    }

    /// The locals that a frame begins with: those that are there lie in their slots.
    fn locals_in_frame(&mut self, count: usize, is_there: &dyn Fn(usize) -> bool) -> Vec<Local> {
        let mut locals = Vec::with_capacity(count);
        for slot in 0..count {
            let item = if is_there(slot) {
                let value = self.load(Type::Object, self.frame_pointer, slot_offset(slot), ir_region::FRAME);
                Item::Object(Object {
                    value,
                    kind: Kind::Unknown,
                    owner: Owner::Slot(slot as u32),
                })
            } else {
                Item::Null
            };
            locals.push(Local { item, home: true });
        }
        locals
    }

    /// The start of a coroutine or generator: its frame is linked, with the arguments and cells in their slots, and None was
    /// sent.
    fn start_suspended(&mut self, input: &Input<'_>, baseline: Block) -> Done {
        let instructions = &input.decoded.instructions;
        let before = instructions
            .iter()
            .take_while(|one| one.opcode != Opcode::ReturnGenerator);
        let first = before.clone().count() + 1;
        let cells = before.filter(|one| one.opcode == Opcode::MakeCell);
        let cells: Vec<usize> = cells.map(|one| one.arg as usize).collect();
        if !matches!(instructions.get(first + 1), Some(next) if next.opcode == Opcode::Resume) {
            return decline("a coroutine that does not begin as the compiler makes it");
        }
        if input.knowledge.is_unreached(first + 1) {
            return decline("the coroutine's start has not been seen");
        }
        self.unless_observed(baseline);
        // SAFETY: a live code object.
        let (parameters, free) = unsafe { ((*input.code).parameters(), (*input.code).co_nfreevars as usize) };
        let first_free = input.decoded.nlocals_plus as usize - free;
        let is_there = |slot: usize| slot < parameters || slot >= first_free || cells.contains(&slot);
        let locals = self.locals_in_frame(input.decoded.nlocals_plus as usize, &is_there);
        // SAFETY: an immortal object.
        let none = self.constant_item(unsafe { Py_None() });
        self.frames = vec![Frame {
            code: 0,
            index: first,
            function: Item::Null,
            locals,
            stack: vec![none],
            returns: crate::item::Returns::Value,
            instances: Vec::new(),
        }];
        let state = self.state_at(first, Reason::Safepoint);
        self.f
            .append(self.block, Op::Safepoint, Vec::new(), Imm::None, Some(state));
        self.run()
    }

    /// Baseline code goes on where somebody has the frame's frame object, and may look at its locals at any time.
    fn unless_observed(&mut self, baseline: Block) {
        let offset = std::mem::offset_of!(layout::Frame, frame_obj) as i32;
        let observer = self.load(Type::Object, self.frame_pointer, offset, ir_region::FRAME);
        let alone = self.op(Op::IsNull, &[observer]);
        let go_on = self.f.add_block();
        self.branch(alone, go_on, baseline);
        self.block = go_on;
        self.terminated = false;
    }

    /// Behind a `yield`: the frame is linked, with everything in its memory, and what was sent on top of the operand stack.
    fn resume(&mut self, input: &Input<'_>, index: usize, baseline: Block) -> Done {
        self.unless_observed(baseline);
        let count = input.decoded.nlocals_plus as usize;
        let depth = usize::from(input.decoded.instructions[index].depth.unwrap_or(0));
        let mut locals = self.locals_in_frame(count, &|_| true);
        for local in &mut locals {
            if let Item::Object(object) = &mut local.item {
                object.kind = Kind::Maybe;
            }
        }
        let mut stack = Vec::with_capacity(depth);
        for at in 0..depth {
            let slot = slot_offset(count + at);
            let value = self.load(Type::Object, self.frame_pointer, slot, ir_region::FRAME);
            if at + 1 < depth {
                // NULL is below the arguments of a call that the `yield` is in.
                let gone = self.op(Op::IsNull, &[value]);
                let go_on = self.f.add_block();
                self.branch(gone, baseline, go_on);
                self.block = go_on;
            }
            stack.push(Item::owned(value, Kind::Unknown));
        }
        for item in &stack {
            if let Item::Object(object) = item {
                self.take_over(object.value);
            }
        }
        self.frames = vec![Frame {
            code: 0,
            index,
            function: Item::Null,
            locals,
            stack,
            returns: crate::item::Returns::Value,
            instances: Vec::new(),
        }];
        let state = self.state_at(index, Reason::Safepoint);
        self.f
            .append(self.block, Op::Safepoint, Vec::new(), Imm::None, Some(state));
        self.run()
    }

    /// A loop header: everything is in the frame's memory.
    unsafe fn enter_loop(&mut self, input: &Input<'_>, index: usize, frame: *mut layout::Frame) -> Done {
        let count = input.decoded.nlocals_plus as usize;
        let depth = usize::from(input.decoded.instructions[index].depth.unwrap_or(0));
        // Where the frame is not such a one, baseline code goes on.
        let state = FrameState {
            going: Going::Resume,
            reason: Reason::Type,
            frames: vec![FrameRecovery {
                code: self.codes[0].symbol,
                function: Recovery::InFrame,
                offset: input.decoded.instructions[index].offset,
                locals: vec![Recovery::InFrame; count],
                stack: vec![Recovery::InFrame; depth],
                returns: justjit_ir::Returns::Value,
            }],
            virtuals: Vec::new(),
            release: Vec::new(),
        };
        let otherwise = self.f.add_state(state);
        // What is not used any more may be there or not: in a later round it is, and something else next time.
        let live = crate::liveness::live_at(&input.decoded, index);
        let mut tests: Vec<Value> = Vec::new();
        self.types_before.clear();
        let mut locals = Vec::with_capacity(count);
        for (slot, live) in live.into_iter().enumerate() {
            // SAFETY: the frame has this slot.
            let now = unsafe { layout::Frame::slot(frame, slot).read() };
            let value = self.load(Type::Object, self.frame_pointer, slot_offset(slot), ir_region::FRAME);
            let gone = self.op(Op::IsNull, &[value]);
            // SAFETY: a live object, if any.
            self.types_before
                .push((!now.is_null()).then(|| unsafe { Py_TYPE(now) }));
            let item = if !live {
                Item::Object(Object {
                    value,
                    kind: Kind::Maybe,
                    owner: Owner::Slot(slot as u32),
                })
            } else if now.is_null() {
                tests.push(gone);
                Item::Null
            } else {
                let there = self.op(Op::BoolNot, &[gone]);
                tests.push(there);
                // SAFETY: a live object.
                let kind = unsafe { self.kind_of_type(Py_TYPE(now)) };
                Item::Object(Object {
                    value,
                    kind,
                    owner: Owner::Slot(slot as u32),
                })
            };
            locals.push(Local { item, home: true });
        }
        let mut stack = Vec::with_capacity(depth);
        for at in 0..depth {
            // SAFETY: the frame has this slot.
            let now = unsafe { layout::Frame::slot(frame, count + at).read() };
            let value = self.load(
                Type::Object,
                self.frame_pointer,
                slot_offset(count + at),
                ir_region::FRAME,
            );
            let gone = self.op(Op::IsNull, &[value]);
            // NULL is what a comprehension's variable was before, or stands below a call's arguments; in a later call it may
            // be otherwise.
            tests.push(if now.is_null() {
                gone
            } else {
                self.op(Op::BoolNot, &[gone])
            });
            stack.push((value, now));
        }
        let mut all: Option<Value> = None;
        for test in tests {
            all = Some(match all {
                Some(all) => self.op(Op::BoolAnd, &[all, test]),
                None => test,
            });
        }
        if let Some(all) = all {
            self.unless(all, otherwise);
        }
        // Types, once the values are known to be there.
        let stored = crate::liveness::stored_from(&input.decoded, index);
        for local in &mut locals {
            if let Item::Object(object) = &mut local.item
                && object.kind != Kind::Maybe
            {
                let wanted = std::mem::replace(&mut object.kind, Kind::Unknown);
                let useful = matches!(
                    wanted,
                    Kind::Int | Kind::Float | Kind::Bool | Kind::List | Kind::Tuple | Kind::Str
                ) || matches!(
                    wanted,
                    Kind::Other(_) | Kind::Array(_) | Kind::Numpy(_) | Kind::ByteArray | Kind::Bytes | Kind::Dict
                );
                if !useful {
                    continue;
                }
                let test = self.is_of_kind(object.value, wanted);
                self.unless(test, otherwise);
                object.kind = wanted;
                let object = *object;
                let Owner::Slot(slot) = object.owner else { continue };
                // SAFETY: the frame has this slot, which was not NULL.
                let now = unsafe { layout::Frame::slot(frame, slot as usize).read() };
                self.enter_as_number(local, object, (now, stored[slot as usize]), otherwise);
            }
        }
        let mut items = Vec::with_capacity(depth);
        for (value, now) in stack {
            if now.is_null() {
                items.push((Item::Null, value));
                continue;
            }
            // SAFETY: a live object.
            let kind = unsafe { self.kind_of_type(Py_TYPE(now)) };
            let item = match kind {
                Kind::RangeIterator => {
                    // SAFETY: the type has been looked at.
                    let step = unsafe {
                        now.cast::<u8>()
                            .add(offset::RANGEITER_STEP as usize)
                            .cast::<i64>()
                            .read()
                    };
                    self.sole(value, Kind::RangeIterator, otherwise);
                    let next = self.load(Type::Int, value, offset::RANGEITER_START, ir_region::ANY);
                    let by = self.load(Type::Int, value, offset::RANGEITER_STEP, ir_region::ANY);
                    let left = self.load(Type::Int, value, offset::RANGEITER_LEN, ir_region::ANY);
                    let step = if step.unsigned_abs() == 1 {
                        let wanted = self.int(step);
                        let same = self.int_compare(IntCond::Eq, by, wanted);
                        self.unless(same, otherwise);
                        Step::Known(step)
                    } else {
                        Step::Up(by)
                    };
                    // Far from the ends, so that neither the stop nor a step beyond it overflows.
                    let zero = self.int(0);
                    let below = |this: &mut Self, value: Value, bits: u32| {
                        let limit = this.int(1_i64 << bits);
                        let fine = this.int_compare(IntCond::UnsignedLt, value, limit);
                        this.unless(fine, otherwise);
                    };
                    below(self, left, 31);
                    if let Step::Up(by) = step {
                        let up = self.int_compare(IntCond::SignedGt, by, zero);
                        self.unless(up, otherwise);
                        below(self, by, 30);
                    }
                    let far = self.int(1 << 61);
                    let shifted = self.op(Op::IntAddWrapping, &[next, far]);
                    below(self, shifted, 62);
                    let way = self.op(Op::IntMul, &[left, by]);
                    let stop = self.op(Op::IntAdd, &[next, way]);
                    Item::Iterator(Iterator::Range { next, stop, step })
                }
                kind if matches!(kind, Kind::ListIterator | Kind::TupleIterator)
                    // SAFETY: a live object.
                    || self.known.is_string_iterator(unsafe { Py_TYPE(now) }) =>
                {
                    self.sole(value, kind, otherwise);
                    let position = self.load(Type::Int, value, offset::SEQITER_INDEX, ir_region::ANY);
                    let sequence = self.load(Type::Object, value, offset::SEQITER_SEQ, ir_region::ANY);
                    let gone = self.op(Op::IsNull, &[sequence]);
                    let there = self.op(Op::BoolNot, &[gone]);
                    self.unless(there, otherwise);
                    let over = match kind {
                        // It may be over a subclass's instance.
                        Kind::ListIterator => {
                            // SAFETY: a live iterator; the GIL is held.
                            let met = unsafe { list_of(now) };
                            let met = met.map_or(Kind::List, |met| self.kind_of_type(met));
                            if self.is_as_list(met, AsList::Iterate) {
                                met
                            } else {
                                Kind::List
                            }
                        }
                        Kind::TupleIterator => Kind::Tuple,
                        _ => Kind::Str,
                    };
                    let test = self.is_of_kind(sequence, over);
                    self.unless(test, otherwise);
                    let zero = self.int(0);
                    let fine = self.int_compare(IntCond::SignedGe, position, zero);
                    self.unless(fine, otherwise);
                    Item::Iterator(Iterator::Sequence {
                        sequence: Box::new(Item::owned(sequence, over)),
                        index: position,
                    })
                }
                // SAFETY: a live object.
                _ => match unsafe { arrays::layout_of_iterated(now) } {
                    Some(layout) => self.array_iterator_at(value, kind, layout, otherwise),
                    None => Item::owned(value, Kind::Unknown),
                },
            };
            items.push((item, value));
        }
        // From here on there is no way back: the iterators are taken apart.
        let mut stack = Vec::with_capacity(depth);
        for (item, value) in items {
            if item != Item::Null {
                self.take_over(value);
            }
            match &item {
                Item::Iterator(Iterator::Sequence { sequence, .. } | Iterator::Array { array: sequence, .. }) => {
                    if let Item::Object(object) = **sequence {
                        self.effect(Op::Incref, &[object.value], Imm::None);
                    }
                    self.effect(Op::DecrefNumber, &[value], Imm::None);
                }
                Item::Iterator(Iterator::Range { .. }) => {
                    self.effect(Op::DecrefNumber, &[value], Imm::None);
                }
                _ => {}
            }
            stack.push(item);
        }
        self.frames = vec![Frame {
            code: 0,
            index,
            function: Item::Null,
            locals,
            stack,
            returns: crate::item::Returns::Value,
            instances: Vec::new(),
        }];
        self.terminated = false;
        self.run()
    }

    /// A local that is only used as a number is one, and not the object in its slot, before it is stored to: there would be
    /// loops for both otherwise, one in the other's rounds.
    fn enter_as_number(
        &mut self,
        local: &mut Local,
        object: Object,
        (now, stored): (*mut PyObject, bool),
        otherwise: State,
    ) {
        let Owner::Slot(slot) = object.owner else { return };
        if !self.codes[0].uses.numeric_locals[slot as usize] || self.asks_identity {
            return;
        }
        let item = match object.kind {
            Kind::Float => Item::Float(self.op(Op::UnboxFloat, &[object.value])),
            // SAFETY: an int; the GIL is held.
            Kind::Int if stored && unsafe { is_word(now) } => {
                let value = self
                    .f
                    .append(self.block, Op::UnboxInt, vec![object.value], Imm::None, Some(otherwise));
                Item::Int(value.expect("a result"))
            }
            _ => return,
        };
        *local = Local { item, home: !stored };
    }

    /// An iterator over an array. How its elements lie is looked at before they are read.
    fn array_iterator_at(&mut self, iterator: Value, kind: Kind, layout: Layout, otherwise: State) -> Item {
        self.sole(iterator, kind, otherwise);
        let index = self.load(Type::Int, iterator, array_iterator::INDEX, ir_region::ANY);
        let array = self.load(Type::Object, iterator, array_iterator::SEQUENCE, ir_region::ANY);
        let gone = self.op(Op::IsNull, &[array]);
        let there = self.op(Op::BoolNot, &[gone]);
        self.unless(there, otherwise);
        let over = Kind::Array(layout.holder);
        let test = self.is_of_kind(array, over);
        self.unless(test, otherwise);
        let zero = self.int(0);
        let fine = self.int_compare(IntCond::SignedGe, index, zero);
        self.unless(fine, otherwise);
        Item::Iterator(Iterator::Array {
            array: Box::new(Item::owned(array, over)),
            index,
            layout,
        })
    }

    /// Goes on only if the condition holds.
    fn unless(&mut self, condition: Value, otherwise: State) {
        self.f
            .append(self.block, Op::Guard, vec![condition], Imm::None, Some(otherwise));
    }

    /// Goes on only if the object is of that kind and nobody else has it.
    fn sole(&mut self, value: Value, kind: Kind, otherwise: State) {
        let test = self.is_of_kind(value, kind);
        self.unless(test, otherwise);
        let count = self.load_width(Type::Int, Width::I32, false, value, offset::OB_REFCNT, ir_region::COUNT);
        let one = self.int(1);
        let alone = self.int_compare(IntCond::Eq, count, one);
        self.unless(alone, otherwise);
    }
}

/// Whether an int has room in 64 bits.
///
/// # Safety
/// An int; the GIL is held.
unsafe fn is_word(int: *mut PyObject) -> bool {
    let mut overflow = 0;
    // SAFETY: see the contract; nothing is raised where overflow is told.
    unsafe { PyLong_AsLongLongAndOverflow(int, &mut overflow) };
    overflow == 0
}

/// The type of what a list's iterator goes over, unless that is at its end.
///
/// # Safety
/// A live iterator of a list; the GIL is held.
unsafe fn list_of(iterator: *mut PyObject) -> Option<*mut PyTypeObject> {
    // SAFETY: the field is there in every such iterator.
    unsafe {
        let at = iterator.cast::<u8>().add(offset::SEQITER_SEQ as usize);
        let list = at.cast::<*mut PyObject>().read();
        (!list.is_null()).then(|| Py_TYPE(list))
    }
}
