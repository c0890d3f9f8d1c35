//! Lists of floats, unpacked while a loop runs.
//!
//! *Does*: where a nest of loops reads and writes floats in lists, and nothing in it can see or change a list otherwise, has
//! each list's floats copied to an array of numbers when the nest first comes to it, and reads and writes these; the nest's
//! ends have all lists packed again. A list is asked for its copy where the way to it is last known not to change: before
//! the outermost loop that does not change it.
//! *Assumes*: the runtime's functions for it are among the function's symbols; whoever leaves the code packs first. A list
//! whose copy is in use has nothing but floats in it, whose objects stay where they are until it is packed.
//! *Guarantees*: every access to a list's array in such a nest is one to floats, which goes to the copy, or reads or writes
//! something that a list of floats does not have: what is read is tested to be of another type, or the list is known to have
//! something of another type.

use crate::{edit, licm, preheaders};
use justjit_builder::{IntCond, Region, Type as Width};
use justjit_ir::{
    Block, BlockCall, Dominators, Effect, Flow, Function, Imm, Inst, InstData, Loop, LoopData, Loops, Op, Reason,
    State, Symbol, SymbolKind, Type, Value, ValueDef,
};

/// As `justjit_runtime` has them.
const MARK: i64 = i64::MIN / 2;
const HEAD: i32 = 8;
const LIST_ITEMS: i32 = 24;
const LIST_ALLOCATED: i32 = 32;

/// Functions that are called in such nests: they look at no list.
const HARMLESS: [&str; 3] = ["justjit_rebox_int", "justjit_rebox_float", "justjit_write_over_int"];
const OVERWRITE: &str = "justjit_write_over_float";

pub fn run(function: &mut Function) -> bool {
    let Some(symbols) = Symbols::of(function) else {
        return false;
    };
    let mut changed = preheaders::run(function);
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let loops = Loops::of(function, &flow, &dominators);
    let homes = edit::homes(function);
    let uses = Uses::of(function);
    let mut nests: Vec<Nest> = Vec::new();
    // Cycles before the loops inside them. A cycle is not always a loop: there may be several ways into it.
    let cycles = flow.cycles(function);
    let loop_blocks = loops.loops.iter().map(|data| &data.blocks);
    for blocks in cycles.iter().chain(loop_blocks) {
        if nests.iter().any(|nest| nest.blocks.contains(&blocks[0])) {
            continue;
        }
        let mut within = vec![false; function.blocks.len()];
        for block in blocks {
            within[block.index()] = true;
        }
        let look = Look {
            function,
            dominators: &dominators,
            loops: &loops,
            homes: &homes,
            uses: &uses,
            blocks,
            within,
        };
        nests.extend(look.nest());
    }
    // Where it has not paid the loops inside are no better.
    nests.retain(|nest| {
        let places = nest.points.iter().map(|point| point.place);
        let mut places = places.chain(nest.place);
        !places.any(|place| function.failed_ahead.contains(&place))
    });
    for nest in nests {
        changed |= nest.rewrite(function, &loops, symbols);
    }
    changed
}

/// The symbols of what is called.
#[derive(Clone, Copy)]
struct Symbols {
    version: Symbol,
    unpack: Symbol,
    pack: Symbol,
}

impl Symbols {
    fn of(function: &Function) -> Option<Symbols> {
        let find = |name: &str, wanted: fn(&SymbolKind) -> bool| {
            let found = function.symbols.iter().position(|one| one.name == name)?;
            wanted(&function.symbols[found].kind).then_some(Symbol(found as u32))
        };
        let is_function = |kind: &SymbolKind| matches!(kind, SymbolKind::Function(_));
        Some(Symbols {
            version: find("version", |kind| matches!(kind, SymbolKind::Data))?,
            unpack: find("justjit_unpack_floats", is_function)?,
            pack: find("justjit_pack", is_function)?,
        })
    }
}

/// Who uses a value.
struct Uses {
    insts: Vec<Vec<Inst>>,
    /// In a state, or passed on to a block.
    otherwise: Vec<bool>,
}

impl Uses {
    fn of(function: &Function) -> Uses {
        let count = function.values.len();
        let mut uses = Uses {
            insts: vec![Vec::new(); count],
            otherwise: vec![false; count],
        };
        for block in &function.blocks {
            for &inst in &block.insts {
                let data = function.inst(inst);
                for arg in &data.args {
                    uses.insts[arg.index()].push(inst);
                }
                for arg in data.targets.iter().flat_map(|target| &target.args) {
                    uses.otherwise[arg.index()] = true;
                }
            }
        }
        for state in function.used_states() {
            for value in function.states[state.index()].values() {
                uses.otherwise[value.index()] = true;
            }
        }
        uses
    }
}

/// A place in a list's array.
#[derive(Clone, Copy, PartialEq)]
struct Item {
    list: Value,
    /// The array.
    base: Value,
    index: Option<Value>,
    imm: Imm,
}

/// Where a list is asked for its copy: before an instruction.
#[derive(Clone, Copy, PartialEq)]
struct Point {
    block: Block,
    before: Inst,
    list: Value,
    /// The loop before which it is, if that is why.
    ahead_of: Option<Loop>,
    /// A state in which the code can be left there, or at the start of that loop's first round.
    state: State,
    /// Of the instruction that the state there is of.
    place: (Symbol, u32),
    /// Whether the copy is written to.
    stores: bool,
}

/// A float that is read or written.
struct Access {
    load: Inst,
    /// The number in `points`.
    point: usize,
    /// Calls that write over the object, with the stores of what they give.
    writes: Vec<(Inst, Inst)>,
}

/// A nest of loops that is to work on copies.
struct Nest {
    blocks: Vec<Block>,
    /// Where it begins, as far as that is known.
    place: Option<(Symbol, u32)>,
    points: Vec<Point>,
    accesses: Vec<Access>,
}

struct Look<'a> {
    function: &'a Function,
    dominators: &'a Dominators,
    loops: &'a Loops,
    homes: &'a [Option<Block>],
    uses: &'a Uses,
    blocks: &'a [Block],
    /// By block, whether it is one of these.
    within: Vec<bool>,
}

impl Look<'_> {
    /// What is to be done, if the loop is such a nest and it seems to be worth it: a list that is gone through in an inner
    /// loop is likely to be gone through again.
    fn nest(&self) -> Option<Nest> {
        let mut nest = Nest {
            blocks: self.blocks.to_vec(),
            place: None,
            points: Vec::new(),
            accesses: Vec::new(),
        };
        let mut stores = Vec::new();
        let mut nested = false;
        for &block in self.blocks {
            for &inst in &self.function.blocks[block.index()].insts {
                let data = self.function.inst(inst);
                match data.effect(self.function) {
                    Effect::Pure | Effect::Guard | Effect::Locate | Effect::Safepoint | Effect::Control => {}
                    Effect::Load => {
                        let Some(item) = self.item(data)? else { continue };
                        if self.is_float(data) {
                            let access = self.access(block, inst, item, &mut nest.points)?;
                            nest.accesses.push(access);
                            nested |= self
                                .inside(self.loops.innermost(block))
                                .is_some_and(|data| data.blocks.len() < self.blocks.len());
                        } else if !self.is_of_another_type(data) && !self.has_structures(block, inst, item) {
                            return None;
                        }
                    }
                    Effect::Store => {
                        if let Some(item) = self.item(data)? {
                            stores.push((block, inst, item));
                        } else if matches!(region(data)?, Region::Any | Region::Header | Region::Payload) {
                            return None;
                        }
                    }
                    Effect::Reference | Effect::Allocate => match data.imm {
                        Imm::Symbol(callee) if data.op == Op::Call => {
                            let name = &*self.function.symbols[callee.index()].name;
                            if !HARMLESS.contains(&name) && name != OVERWRITE {
                                return None;
                            }
                        }
                        _ => {}
                    },
                    // Where an object ends, the code is left.
                    Effect::Any if data.op == Op::Decref => {}
                    Effect::Any | Effect::Call | Effect::Reads => return None,
                }
            }
        }
        for (block, store, item) in stores {
            let value = *self.function.inst(store).args.last().expect("a store stores a value");
            match self.function.def(value).map(|made| (made.op, made.imm, &made.args[..])) {
                Some((Op::Call, Imm::Symbol(callee), &[old, _])) => {
                    let name = &*self.function.symbols[callee.index()].name;
                    let of_floats = name == OVERWRITE;
                    let ValueDef::Result(load) = self.function.values[old.index()].def else {
                        return None;
                    };
                    // What is written over was read there; for ints it was tested to be one.
                    if self.item(self.function.inst(load)).flatten() != Some(item) || !of_floats && name != HARMLESS[2]
                    {
                        return None;
                    }
                    if of_floats {
                        let alone = self.uses.insts[value.index()]
                            .iter()
                            .all(|&inst| inst == store || self.function.inst(inst).op == Op::HandOver);
                        let ValueDef::Result(call) = self.function.values[value.index()].def else {
                            return None;
                        };
                        let access = nest.accesses.iter_mut().find(|access| access.load == load)?;
                        if !alone || self.uses.otherwise[value.index()] {
                            return None;
                        }
                        access.writes.push((call, store));
                        nest.points[access.point].stores = true;
                    }
                }
                Some((Op::Load | Op::LoadIndexed, imm, _)) => {
                    let is_structure = matches!(
                        imm,
                        Imm::Memory {
                            region: Region::Structures,
                            ..
                        }
                    );
                    if !is_structure || !self.has_structures(block, store, item) {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        // A float is written over in one place, by one store.
        let whole = nest.accesses.iter().all(|access| {
            let read = self.function.inst(access.load).result.expect("a load has a result");
            let calls = self.uses.insts[read.index()].iter();
            let calls = calls.filter(|&&inst| self.function.inst(inst).op == Op::Call);
            calls.count() == access.writes.len()
        });
        // A loop that cannot be left at its beginning goes by the first of its accesses.
        let entry = self.function.blocks[self.blocks[0].index()].entry_state;
        nest.place = entry
            .and_then(|state| self.innermost_place(state))
            .or(nest.points.first().map(|point| point.place));
        (nested && whole).then_some(nest)
    }

    /// The instruction that a state is of.
    fn innermost_place(&self, state: State) -> Option<(Symbol, u32)> {
        let frame = self.function.states[state.index()].frames.last()?;
        Some((frame.code, frame.offset))
    }

    /// Which item of a list's array a load reads or a store writes. `Some(None)` if it is none, `None` if it is not known.
    fn item(&self, data: &InstData) -> Option<Option<Item>> {
        if !matches!(data.op, Op::Load | Op::LoadIndexed | Op::Store | Op::StoreIndexed) {
            return None;
        }
        let base = data.args[0];
        if region(data)?.class() != Region::Items || self.function.type_of(base) != Type::Pointer {
            return Some(None);
        }
        let array = self.function.def(base)?;
        let Imm::Memory {
            region: Region::Header,
            offset: LIST_ITEMS,
            ..
        } = array.imm
        else {
            return None;
        };
        let Imm::Memory { offset, scale, .. } = data.imm else {
            return None;
        };
        let index = matches!(data.op, Op::LoadIndexed | Op::StoreIndexed).then(|| data.args[1]);
        Some(Some(Item {
            list: array.args[0],
            base,
            index,
            imm: Imm::Memory {
                ty: Type::Float,
                width: Width::F64,
                signed: true,
                region: Region::Data,
                offset,
                scale,
            },
        }))
    }

    fn users(&self, data: &InstData) -> impl Iterator<Item = &InstData> {
        let value = data.result.expect("a load has a result");
        self.uses.insts[value.index()]
            .iter()
            .map(|&inst| self.function.inst(inst))
    }

    fn calls(&self, data: &InstData, wanted: &str) -> bool {
        matches!(data.imm, Imm::Symbol(callee) if data.op == Op::Call && self.function.symbols[callee.index()].name == wanted)
    }

    /// Whether what is read is used as a float.
    fn is_float(&self, load: &InstData) -> bool {
        self.users(load)
            .any(|user| user.op == Op::UnboxFloat || self.calls(user, OVERWRITE))
    }

    /// Whether what is read is of no use unless it is tested to be something else than a float, or is only tested.
    fn is_of_another_type(&self, load: &InstData) -> bool {
        let value = load.result.expect("a load has a result");
        let tested = self.users(load).any(|user| user.op == Op::HasType);
        let number = self
            .users(load)
            .any(|user| user.op == Op::UnboxInt || self.calls(user, HARMLESS[2]));
        let unused = !self.uses.otherwise[value.index()] && self.users(load).all(|user| user.op == Op::HasType);
        unused || tested && (number || region(load) == Some(Region::Structures))
    }

    /// Whether it was found before the place that an item of the list is no atom. It stays so, since nothing else is written
    /// to such lists.
    fn has_structures(&self, block: Block, place: Inst, item: Item) -> bool {
        let before = |inst: Inst| {
            let Some(home) = self.homes[inst.index()] else {
                return false;
            };
            if home != block {
                return self.dominators.dominates(home, block);
            }
            let insts = &self.function.blocks[block.index()].insts;
            let at = |wanted| insts.iter().position(|&one| one == wanted);
            at(inst) < at(place)
        };
        let arrays = self.uses.insts[item.list.index()].iter();
        let arrays = arrays.filter_map(|&inst| self.function.inst(inst).result);
        let loads = arrays.flat_map(|array| &self.uses.insts[array.index()]);
        let mut loads = loads.filter(|&&load| {
            let data = self.function.inst(load);
            matches!(data.op, Op::Load | Op::LoadIndexed)
                && region(data) == Some(Region::Structures)
                && self.item(data).flatten().is_some_and(|other| other.list == item.list)
        });
        loads.any(|&load| {
            let inside = self.homes[load.index()].is_some_and(|home| self.within[home.index()]);
            inside && self.tested_by(load).is_some_and(before)
        })
    }

    /// The guard that tests the type of what a load reads.
    fn tested_by(&self, load: Inst) -> Option<Inst> {
        let value = self.function.inst(load).result?;
        let tests = self.uses.insts[value.index()].iter();
        let tests = tests
            .map(|&inst| self.function.inst(inst))
            .filter(|test| test.op == Op::HasType);
        let mut guards = tests.flat_map(|test| &self.uses.insts[test.result.expect("a test has a result").index()]);
        guards
            .find(|&&guard| self.function.inst(guard).op == Op::Guard)
            .copied()
    }

    /// An access to a float; nothing if its object is used as such, too.
    fn access(&self, block: Block, load: Inst, item: Item, points: &mut Vec<Point>) -> Option<Access> {
        let data = self.function.inst(load);
        let value = data.result?;
        let fine = self
            .users(data)
            .all(|user| matches!(user.op, Op::HasType | Op::UnboxFloat | Op::TakeOver) || self.calls(user, OVERWRITE));
        if !fine || self.uses.otherwise[value.index()] {
            return None;
        }
        let wanted = self.point(block, load, item)?;
        let same = |one: &Point| (one.block, one.list, one.ahead_of) == (wanted.block, wanted.list, wanted.ahead_of);
        let point = points.iter().position(same).unwrap_or_else(|| {
            points.push(wanted);
            points.len() - 1
        });
        Some(Access {
            load,
            point,
            writes: Vec::new(),
        })
    }

    /// Where the list of an access is asked for its copy.
    fn point(&self, block: Block, load: Inst, item: Item) -> Option<Point> {
        let guard = self.tested_by(load)?;
        let state = self.function.inst(guard).state?;
        let array = match self.function.values[item.base.index()].def {
            ValueDef::Result(inst) => self.homes[inst.index()]?,
            ValueDef::Param(..) => return None,
        };
        let mut outermost = None;
        let mut at = self.loops.innermost(block);
        while let Some(number) = at
            && let Some(data) = self.inside(at)
        {
            if !self.loops.contains(number, array) && self.can_leave_ahead_of(number) {
                outermost = Some(number);
            }
            at = data.parent;
        }
        if let Some(number) = outermost {
            let data = self.loops.get(number);
            let before = data.preheader?;
            let entry = self.function.blocks[data.header.index()].entry_state?;
            return Some(Point {
                block: before,
                before: self.function.terminator(before)?,
                list: item.list,
                ahead_of: outermost,
                state,
                place: self.innermost_place(entry)?,
                stores: false,
            });
        }
        // The state is that of the instruction's beginning: nothing that can be seen may be between.
        let insts = &self.function.blocks[block.index()].insts;
        let from = insts.iter().position(|&inst| inst == load)?;
        let to = insts.iter().position(|&inst| inst == guard)?;
        let between = insts.get(from..to)?;
        let quiet = between.iter().all(|&inst| {
            let effect = self.function.inst(inst).effect(self.function);
            matches!(effect, Effect::Pure | Effect::Load | Effect::Guard)
        });
        let state_is_known = self.function.states[state.index()].values().all(|value| {
            let ValueDef::Result(made) = self.function.values[value.index()].def else {
                return true;
            };
            !between.contains(&made)
        });
        (quiet && state_is_known).then_some(Point {
            block,
            before: load,
            list: item.list,
            ahead_of: None,
            state,
            place: self.innermost_place(state)?,
            stores: false,
        })
    }

    /// A loop, if it is in the nest, or is all of it.
    fn inside(&self, number: Option<Loop>) -> Option<&LoopData> {
        let data = self.loops.get(number?);
        data.blocks
            .iter()
            .all(|block| self.within[block.index()])
            .then_some(data)
    }

    fn can_leave_ahead_of(&self, number: Loop) -> bool {
        let data = self.loops.get(number);
        let state = self.function.blocks[data.header.index()].entry_state;
        let resumes = |state: State| self.function.states[state.index()].going == justjit_ir::Going::Resume;
        data.preheader.is_some() && state.is_some_and(resumes)
    }
}

fn region(data: &InstData) -> Option<Region> {
    match data.imm {
        Imm::Memory { region, .. } => Some(region),
        _ => None,
    }
}

impl Nest {
    fn rewrite(&self, function: &mut Function, loops: &Loops, symbols: Symbols) -> bool {
        // States first, and the nest's ends: both go by the blocks as they are.
        let mut states = Vec::new();
        for point in &self.points {
            let state = match point.ahead_of {
                Some(number) => licm::entry_state(function, loops.get(number), point.block, point.state),
                None => Some(point.state),
            };
            let Some(state) = state else { return false };
            let mut state = function.states[state.index()].clone();
            state.reason = Reason::Loop;
            states.push(function.add_state(state));
        }
        let Some(place) = self.place else { return false };
        for &from in &self.blocks {
            let targets: Vec<Block> = function.successors(from).iter().map(|call| call.block).collect();
            for to in targets {
                if !self.blocks.contains(&to) {
                    self.pack_between(function, from, to, symbols);
                }
            }
        }
        let mut copies = Vec::new();
        for (point, state) in self.points.iter().zip(states) {
            copies.push(ask(function, point, state, symbols, place));
        }
        let mut replaced = edit::Replacements::new(function);
        for access in &self.accesses {
            access.rewrite(function, copies[access.point], &mut replaced);
        }
        replaced.apply(function);
        true
    }

    /// Packs all lists on the way out of the nest.
    fn pack_between(&self, function: &mut Function, from: Block, to: Block, symbols: Symbols) {
        let last = edit::last(function, from);
        let leaves = function.blocks[to.index()].insts.first();
        if leaves.is_some_and(|&first| function.inst(first).op == Op::Deopt) {
            return;
        }
        function.position = function.inst(last).position;
        for target in 0..function.inst(last).targets.len() {
            if function.inst(last).targets[target].block != to {
                continue;
            }
            let between = function.add_block();
            function.blocks[between.index()].cold = function.blocks[to.index()].cold;
            let old = BlockCall {
                block: between,
                args: Vec::new(),
            };
            let old = std::mem::replace(&mut function.insts[last.index()].targets[target], old);
            function.append(between, Op::Call, Vec::new(), Imm::Symbol(symbols.pack), None);
            function.end(between, Op::Jump, Vec::new(), None, vec![old]);
        }
    }
}

/// Cuts a block in two before the place, where the list gets a copy unless it has one; where the copy is.
fn ask(function: &mut Function, point: &Point, state: State, symbols: Symbols, (code, offset): (Symbol, u32)) -> Value {
    let (block, at) = find(function, point.before);
    let tail = function.add_block();
    let rest = function.blocks[block.index()].insts.split_off(at);
    let cold = function.blocks[block.index()].cold;
    function.blocks[tail.index()].insts = rest;
    function.blocks[tail.index()].cold = cold;
    let mark = function.add_param(tail, Type::Int);
    function.position = function.inst(point.before).position;
    let field = memory(Type::Int, Width::I64, Region::Header, LIST_ALLOCATED);
    let list = point.list;
    let mut put = |block, op, args, imm| function.append(block, op, args, imm, None);
    let known = put(block, Op::Load, vec![list], field).expect("a load has a result");
    let is_mark = |function: &mut Function, block, mark| {
        let zero = function
            .append(block, Op::IntConst, Vec::new(), Imm::Int(0), None)
            .expect("a constant is a result");
        let less = Imm::IntCond(IntCond::SignedLt);
        function
            .append(block, Op::IntCompare, vec![mark, zero], less, None)
            .expect("a comparison has a result")
    };
    let has = is_mark(function, block, known);
    let making = function.add_block();
    function.blocks[making.index()].cold = true;
    let on = |mark| BlockCall {
        block: tail,
        args: vec![mark],
    };
    let make = BlockCall {
        block: making,
        args: Vec::new(),
    };
    function.end(block, Op::Branch, vec![has], None, vec![on(known), make]);
    let version = function.append(making, Op::PointerConst, Vec::new(), Imm::Symbol(symbols.version), None);
    let code = function.append(making, Op::PointerConst, Vec::new(), Imm::Symbol(code), None);
    let offset = function.append(making, Op::IntConst, Vec::new(), Imm::Int(offset.into()), None);
    let args = [Some(list), version, code, offset];
    let args = args.map(|arg| arg.expect("a constant is a result")).to_vec();
    let made = function.append(making, Op::Call, args, Imm::Symbol(symbols.unpack), None);
    let made = made.expect("a mark is a result");
    let fine = is_mark(function, making, made);
    function.append(making, Op::Guard, vec![fine], Imm::None, Some(state));
    function.end(making, Op::Jump, Vec::new(), None, vec![on(made)]);
    // Where the copy is, as seen from the list.
    let mut index = 0;
    let mut put = |op, args, imm| {
        let inst = edit::insert(function, tail, index, op, args, imm);
        index += 1;
        function.inst(inst).result
    };
    let less = put(Op::IntConst, Vec::new(), Imm::Int(MARK.wrapping_neg())).expect("a constant is a result");
    let distance = put(Op::IntAddWrapping, vec![mark, less], Imm::None).expect("a sum is a result");
    let copy = put(Op::AddOffset, vec![list, distance], Imm::None).expect("an address is a result");
    if point.stores {
        let one = put(Op::IntConst, Vec::new(), Imm::Int(1)).expect("a constant is a result");
        let head = memory(Type::Int, Width::I64, Region::Data, -HEAD);
        put(Op::Store, vec![copy, one], head);
    }
    copy
}

fn memory(ty: Type, width: Width, region: Region, offset: i32) -> Imm {
    Imm::Memory {
        ty,
        width,
        signed: true,
        region,
        offset,
        scale: 0,
    }
}

/// The block that an instruction is in, and its place there.
fn find(function: &Function, inst: Inst) -> (Block, usize) {
    let blocks = function.blocks.iter().enumerate();
    let mut found = blocks.filter_map(|(block, data)| {
        let at = data.insts.iter().position(|&one| one == inst)?;
        Some((Block(block as u32), at))
    });
    found.next().expect("the instruction is in a block")
}

impl Access {
    fn rewrite(&self, function: &mut Function, copy: Value, replaced: &mut edit::Replacements) {
        let object = function.inst(self.load).result.expect("a load has a result");
        let unboxed: Vec<Value> = of_object(function, object, Op::UnboxFloat)
            .filter_map(|inst| function.inst(inst).result)
            .collect();
        let tests: Vec<Inst> = of_object(function, object, Op::HasType).collect();
        let (block, at) = find(function, self.load);
        let data = function.inst(self.load).clone();
        let (op, mut args, imm) = (data.op, data.args.clone(), on_copy(&data));
        args[0] = copy;
        let number = edit::insert_value(function, block, at, op, args, imm);
        for value in unboxed {
            replaced.replace(value, number);
        }
        // All of a list that has a copy are floats.
        for test in tests {
            edit::become_constant(function, test, edit::Constant::Bool(true));
        }
        for &(call, store) in &self.writes {
            let value = function.inst(call).args[1];
            let given = function.inst(call).result;
            let data = function.inst(store).clone();
            let mut args = data.args.clone();
            args[0] = copy;
            *args.last_mut().expect("a store stores a value") = value;
            edit::become_op(function, store, data.op, args, on_copy(&data));
            for block in &mut function.blocks {
                block.insts.retain(|&inst| {
                    let one = &function.insts[inst.index()];
                    let passes_on = matches!(one.op, Op::HandOver | Op::TakeOver)
                        && (Some(one.args[0]) == given || one.args[0] == object);
                    inst != call && !passes_on
                });
            }
        }
    }
}

/// The same place of the copy.
fn on_copy(data: &InstData) -> Imm {
    let Imm::Memory { offset, scale, .. } = data.imm else {
        unreachable!("a load or store of memory")
    };
    Imm::Memory {
        ty: Type::Float,
        width: Width::F64,
        signed: true,
        region: Region::Data,
        offset,
        scale,
    }
}

/// Instructions of the kind that take the value.
fn of_object(function: &Function, object: Value, op: Op) -> impl Iterator<Item = Inst> {
    let insts = function.blocks.iter().flat_map(|block| &block.insts).copied();
    insts.filter(move |&inst| function.inst(inst).op == op && function.inst(inst).args[0] == object)
}
