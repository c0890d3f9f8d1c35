//! Nests of loops that can work on copies of lists of numbers, and where in them: see [`crate::unpack`].

use crate::edit;
use crate::flags::Flag;
use crate::moves::{Kept, Move};
use crate::unpack::LIST_ALLOCATED;
use justjit_builder::{IntCond, Region, Type as Width};
use justjit_ir::{
    Block, Dominators, Effect, Flow, Function, Going, Imm, Inst, InstData, Loop, LoopData, Loops, Op, State, Symbol,
    Type, Value, ValueDef,
};

/// As `justjit_runtime` has it.
pub const LIST_ITEMS: i32 = 24;

/// Functions that are called in such nests: they look at no list but new ones, and run no code; the last two pack before they
/// raise an exception.
const HARMLESS: [&str; 5] = [
    "justjit_rebox_int",
    "justjit_rebox_float",
    "justjit_drop_quiet",
    "justjit_build_list",
    "justjit_repeat",
];

/// The function that appends to a list, which must not be unpacked.
const APPEND: &str = "justjit_append";
const NEW_LIST: &str = "justjit_new_list";

/// What a list has nothing else than.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Float,
    Int,
    /// Unlike the others these are no numbers in objects: see [`crate::flags`].
    Bool,
}

/// Kinds of numbers.
pub const NUMBERS: [Kind; 2] = [Kind::Float, Kind::Int];

impl Kind {
    /// What takes such a number out of an object.
    pub fn unbox(self) -> Option<Op> {
        match self {
            Kind::Float => Some(Op::UnboxFloat),
            Kind::Int => Some(Op::UnboxInt),
            Kind::Bool => None,
        }
    }

    /// Its objects' type.
    pub fn type_name(self) -> &'static str {
        match self {
            Kind::Float => "float",
            Kind::Int => "int",
            Kind::Bool => "bool",
        }
    }

    /// The function that writes such a number over an object.
    fn overwrite(self) -> Option<&'static str> {
        match self {
            Kind::Float => Some("justjit_write_over_float"),
            Kind::Int => Some("justjit_write_over_int"),
            Kind::Bool => None,
        }
    }
}

/// The place in a copy of what is loaded from a list or stored there.
pub fn kind_memory(data: &InstData, kind: Kind) -> Imm {
    let Imm::Memory { offset, scale, .. } = data.imm else {
        unreachable!("a load or store of memory")
    };
    let (ty, width) = match kind {
        Kind::Float => (Type::Float, Width::F64),
        Kind::Int => (Type::Int, Width::I64),
        Kind::Bool => (Type::Int, Width::I8),
    };
    // By words, as in the list's array.
    let words = |bytes: i32| bytes / 8 * width.size() as i32;
    Imm::Memory {
        ty,
        width,
        signed: kind != Kind::Bool,
        region: Region::Data,
        offset: words(offset),
        scale: words(scale),
    }
}

/// All of them that seem to be worth it. Blocks are in one at most.
pub fn find(function: &Function, flow: &Flow, dominators: &Dominators, loops: &Loops) -> Vec<Nest> {
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
        let mut look = Look {
            function,
            flow,
            dominators,
            loops,
            homes: &homes,
            uses: &uses,
            blocks,
            within,
            ints: true,
            tables: true,
            moved: Vec::new(),
        };
        look.tables = look.moves_no_list();
        look.moved = look.find_moved();
        let mut nest = look.nest();
        if nest.is_none() {
            look.ints = false;
            nest = look.nest();
        }
        nests.extend(nest);
    }
    nests
}

/// Who uses a value.
pub struct Uses {
    pub insts: Vec<Vec<Inst>>,
    /// In a state, or passed on to a block.
    pub otherwise: Vec<bool>,
    /// Instructions that do so, and headers in whose states it is.
    passing: Vec<Vec<Inst>>,
    entered: Vec<Vec<Block>>,
}

impl Uses {
    fn of(function: &Function) -> Uses {
        let count = function.values.len();
        let mut uses = Uses {
            insts: vec![Vec::new(); count],
            otherwise: vec![false; count],
            passing: vec![Vec::new(); count],
            entered: vec![Vec::new(); count],
        };
        for (index, block) in function.blocks.iter().enumerate() {
            for &inst in &block.insts {
                let data = function.inst(inst);
                for arg in &data.args {
                    uses.insts[arg.index()].push(inst);
                }
                let targets = data.targets.iter().flat_map(|target| target.args.iter().copied());
                let state = data
                    .state
                    .into_iter()
                    .flat_map(|state| function.states[state.index()].values());
                for value in targets.chain(state) {
                    uses.otherwise[value.index()] = true;
                    uses.passing[value.index()].push(inst);
                }
            }
            let entry = block.entry_state.into_iter();
            for value in entry.flat_map(|state| function.states[state.index()].values()) {
                uses.otherwise[value.index()] = true;
                uses.entered[value.index()].push(Block(index as u32));
            }
        }
        uses
    }
}

/// A place in a list's array.
#[derive(Clone, Copy, PartialEq)]
pub struct Item {
    pub list: Value,
    /// The array.
    base: Value,
    index: Option<Value>,
    imm: Imm,
}

/// Where a list is asked for its copy: before an instruction.
#[derive(Clone, Copy, PartialEq)]
pub struct Point {
    pub block: Block,
    pub before: Inst,
    pub list: Value,
    /// The loop before which it is, if that is why.
    pub ahead_of: Option<Loop>,
    pub kind: Kind,
    /// Whether it is a list of such lists that is asked for the table of their copies.
    pub rows: bool,
    /// A state in which the code can be left there, or at the start of that loop's first round.
    pub state: State,
    /// Whether the copy is written to.
    pub stores: bool,
    /// Whether objects are moved in such lists.
    pub moves: bool,
}

/// A number that is read or written.
pub struct Access {
    pub load: Inst,
    /// The number in `points`.
    pub point: usize,
    /// The load of the number's list from the list that has the table, if it is reached that way.
    pub row: Option<Inst>,
    /// Types that the number's object, and its list, are known to have: what is compared with those is true.
    pub known: Vec<(Value, Imm)>,
    /// Calls that write over the object, with the stores of what they give.
    pub writes: Vec<(Inst, Inst)>,
}

/// A load of an object that may be passed on before it is tested: its list must not be unpacked then.
pub struct Check {
    pub load: Inst,
    pub list: Value,
    /// In which the code can be left before the load.
    pub state: State,
}

/// A nest of loops that is to work on copies.
pub struct Nest {
    pub blocks: Vec<Block>,
    /// Its first instruction.
    pub place: Option<(Symbol, u32)>,
    pub points: Vec<Point>,
    pub accesses: Vec<Access>,
    pub checks: Vec<Check>,
    pub flags: Vec<Flag>,
    pub moves: Vec<Move>,
    pub kept: Vec<Kept>,
}

pub struct Look<'a> {
    pub function: &'a Function,
    pub flow: &'a Flow,
    pub dominators: &'a Dominators,
    loops: &'a Loops,
    pub homes: &'a [Option<Block>],
    pub uses: &'a Uses,
    pub blocks: &'a [Block],
    /// By block, whether it is one of these.
    pub within: Vec<bool>,
    /// Whether lists of ints are to be copied as well.
    ints: bool,
    /// Whether tables may be made: no list is put into a list.
    tables: bool,
    /// Kinds of numbers that are moved as objects.
    pub moved: Vec<Kind>,
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
            checks: Vec::new(),
            flags: Vec::new(),
            moves: Vec::new(),
            kept: Vec::new(),
        };
        let mut stores = Vec::new();
        let mut nested = false;
        for &block in self.blocks {
            for &inst in &self.function.blocks[block.index()].insts {
                let data = self.function.inst(inst);
                match data.effect(self.function) {
                    Effect::Pure
                    | Effect::Guard
                    | Effect::Locate
                    | Effect::Account
                    | Effect::Safepoint
                    | Effect::Control => {}
                    Effect::Load => {
                        let Some(item) = self.item(data)? else { continue };
                        if let Some(kind) = self.kind(data) {
                            let access = self.access(block, inst, item, kind, &mut nest.points)?;
                            nest.accesses.push(access);
                            nested |= self
                                .inside(self.loops.innermost(block))
                                .is_some_and(|data| data.blocks.len() < self.blocks.len());
                        } else if self.has_structures(block, inst, item) {
                            continue;
                        } else if !self.is_of_another_type(data) {
                            return None;
                        } else if self.is_passed_untested(inst) {
                            nest.checks.push(self.check(block, inst, item)?);
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
                            let overwrites = NUMBERS.iter().any(|kind| kind.overwrite() == Some(name));
                            if !HARMLESS.contains(&name) && !overwrites {
                                return None;
                            }
                        }
                        _ => {}
                    },
                    // Where an object ends, the code is left, unless it has numbers only.
                    Effect::Any if data.op == Op::Decref => {}
                    Effect::Any if HARMLESS.iter().any(|name| self.calls(data, name)) => {}
                    Effect::Any if self.calls(data, APPEND) && self.is_whole(block, inst) => {}
                    Effect::Any | Effect::Call | Effect::Reads => return None,
                }
            }
        }
        for (block, store, item) in stores {
            let value = *self.function.inst(store).args.last().expect("a store stores a value");
            match self.function.def(value).map(|made| (made.op, made.imm, &made.args[..])) {
                Some((Op::Call, Imm::Symbol(callee), &[old, _])) => {
                    let name = &*self.function.symbols[callee.index()].name;
                    let ValueDef::Result(load) = self.function.values[old.index()].def else {
                        return None;
                    };
                    // What is written over was read there.
                    if self.item(self.function.inst(load)).flatten() != Some(item) {
                        return None;
                    }
                    let kind = NUMBERS.into_iter().find(|kind| kind.overwrite() == Some(name))?;
                    // The array of such a list is not up to date.
                    if self.moves(kind) {
                        return None;
                    }
                    if self.copies(kind) {
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
                        self.add_move(&mut nest, block, store, item)?;
                    }
                }
                Some((Op::ObjectConst | Op::BoxBool, ..)) => self.add_flag(&mut nest, block, store, item)?,
                _ => self.add_move(&mut nest, block, store, item)?,
            }
        }
        // A number is written over in one place, by one store.
        let written = nest.accesses.iter().filter(|access| !nest.points[access.point].moves);
        let whole = written.into_iter().all(|access| {
            let read = self.function.inst(access.load).result.expect("a load has a result");
            let calls = self.uses.insts[read.index()].iter();
            let calls = calls.filter(|&&inst| self.function.inst(inst).op == Op::Call);
            calls.count() == access.writes.len()
        });
        nest.place = self.place();
        (nested && whole).then_some(nest)
    }

    /// Whether only numbers are stored into lists.
    fn moves_no_list(&self) -> bool {
        let insts = self
            .blocks
            .iter()
            .flat_map(|block| &self.function.blocks[block.index()].insts);
        let mut stores = insts.map(|&inst| self.function.inst(inst)).filter(|data| {
            matches!(data.op, Op::Store | Op::StoreIndexed) && region(data).map(Region::class) == Some(Region::Items)
        });
        stores.all(|store| {
            let value = *store.args.last().expect("a store stores a value");
            let made = self.function.def(value);
            made.is_some_and(|made| {
                let mut kinds = NUMBERS.into_iter().filter_map(Kind::overwrite);
                kinds.any(|overwrite| self.calls(made, overwrite))
            })
        })
    }

    /// Whether the list that is appended to is tested just before, or has just been made: it is not unpacked.
    fn is_whole(&self, block: Block, append: Inst) -> bool {
        let list = self.function.inst(append).args[0];
        if self.function.def(list).is_some_and(|made| self.calls(made, NEW_LIST)) {
            return true;
        }
        let insts = &self.function.blocks[block.index()].insts;
        let before = insts.iter().take_while(|&&inst| inst != append);
        for &inst in before.collect::<Vec<_>>().into_iter().rev() {
            let data = self.function.inst(inst);
            if tests_room(self.function, data) == Some(list) {
                return true;
            }
            match data.effect(self.function) {
                Effect::Pure | Effect::Allocate | Effect::Locate | Effect::Account => {}
                Effect::Reference if data.op != Op::Call => {}
                Effect::Load | Effect::Store if region(data) == Some(Region::Frame) => {}
                _ => return false,
            }
        }
        false
    }

    /// The nest's first instruction in the outermost code: the header of its outermost loop, whichever way the cycle is entered.
    fn place(&self) -> Option<(Symbol, u32)> {
        let insts = self
            .blocks
            .iter()
            .flat_map(|block| &self.function.blocks[block.index()].insts);
        let first = insts.map(|&inst| self.function.inst(inst).position);
        let first = first.min_by_key(|position| (position.code, position.offset))?;
        let code = match first.code.checked_sub(1) {
            Some(inlined) => *self.function.inlined.get(inlined as usize)?,
            // All states begin with the function's own frame.
            None => self.function.states.first()?.frames.first()?.code,
        };
        Some((code, first.offset))
    }

    /// Which item of a list's array a load reads or a store writes. `Some(None)` if it is none, `None` if it is not known.
    pub fn item(&self, data: &InstData) -> Option<Option<Item>> {
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

    fn copies(&self, kind: Kind) -> bool {
        kind != Kind::Int || self.ints
    }

    /// As what kind of number the loaded object is used.
    fn used_as(&self, load: &InstData, kind: Kind) -> bool {
        self.users(load).any(|user| self.takes_number(user, kind))
    }

    /// Whether an object's number is taken out or written over.
    fn takes_number(&self, user: &InstData, kind: Kind) -> bool {
        kind.unbox() == Some(user.op) || kind.overwrite().is_some_and(|overwrite| self.calls(user, overwrite))
    }

    /// Which kind of list, of those that are copied, a load reads.
    fn kind(&self, load: &InstData) -> Option<Kind> {
        let number = NUMBERS.into_iter().find(|&kind| {
            self.copies(kind) && (self.used_as(load, kind) || self.moves(kind) && self.is_tested(load, kind))
        });
        number.or_else(|| self.is_flag(load).then_some(Kind::Bool))
    }

    /// Whether the code is left if what is loaded is no such number.
    fn is_tested(&self, load: &InstData, kind: Kind) -> bool {
        self.users(load).any(|test| {
            let guards = test.result.map(|result| self.uses.insts[result.index()].iter());
            let mut guards = guards.into_iter().flatten();
            test.op == Op::HasType
                && self.kind_of_test(test.imm) == Some(kind)
                && guards.any(|&guard| self.function.inst(guard).op == Op::Guard)
        })
    }

    /// Whether what is read is of no use unless it is tested to be something else than such a number, or is only tested.
    fn is_of_another_type(&self, load: &InstData) -> bool {
        let value = load.result.expect("a load has a result");
        let tested = self.users(load).any(|user| user.op == Op::HasType);
        let number = !self.ints && self.used_as(load, Kind::Int);
        let unused = !self.uses.otherwise[value.index()] && self.users(load).all(|user| user.op == Op::HasType);
        let structure =
            region(load) == Some(Region::Structures) || self.users(load).any(|user| self.tests_structure(user));
        unused || tested && (number || structure)
    }

    /// Whether a test is whether an object is a list or tuple.
    fn tests_structure(&self, test: &InstData) -> bool {
        let Imm::Symbol(ty) = test.imm else { return false };
        test.op == Op::HasType && ["list", "tuple"].contains(&&*self.function.symbols[ty.index()].name)
    }

    /// Whether it was found before the place that an item of the list is no atom. It stays so, since nothing else is written
    /// to such lists.
    fn has_structures(&self, block: Block, place: Inst, item: Item) -> bool {
        let before = |inst: Inst| self.is_before(inst, block, Some(place));
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

    /// Whether what a load reads may get to a state or another block before it is tested.
    fn is_passed_untested(&self, load: Inst) -> bool {
        let value = self.function.inst(load).result.expect("a load has a result");
        if !self.uses.otherwise[value.index()] {
            return false;
        }
        let Some(guard) = self.tested_by(load) else { return true };
        let Some(home) = self.homes[guard.index()] else {
            return true;
        };
        let behind = |block: Block| block != home && self.dominators.dominates(home, block);
        let insts = &self.function.blocks[home.index()].insts;
        let at = |wanted| insts.iter().position(|&one| one == wanted);
        let fine = |&inst: &Inst| match self.homes[inst.index()] {
            Some(block) if block == home => at(inst) > at(guard),
            Some(block) => behind(block),
            None => false,
        };
        let passing = &self.uses.passing[value.index()];
        !passing.iter().all(fine) || !self.uses.entered[value.index()].iter().all(|&block| behind(block))
    }

    /// The state of a guard before a load, from which on nothing has happened that can be seen.
    fn check(&self, block: Block, load: Inst, item: Item) -> Option<Check> {
        let insts = &self.function.blocks[block.index()].insts;
        let end = insts.iter().position(|&inst| inst == load)?;
        for &inst in insts[..end].iter().rev() {
            let data = self.function.inst(inst);
            match data.effect(self.function) {
                Effect::Pure | Effect::Load => {}
                Effect::Guard => {
                    let state = data.state?;
                    let resumes = self.function.states[state.index()].going == Going::Resume;
                    return resumes.then_some(Check {
                        load,
                        list: item.list,
                        state,
                    });
                }
                _ => return None,
            }
        }
        None
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
            .or_else(|| self.guard_of_both(value))
    }

    /// An access to a number; nothing if its object is used as such, too.
    fn access(&self, block: Block, load: Inst, item: Item, kind: Kind, points: &mut Vec<Point>) -> Option<Access> {
        let data = self.function.inst(load);
        let value = data.result?;
        let fine = self
            .users(data)
            .all(|user| matches!(user.op, Op::HasType | Op::TakeOver) || self.takes_number(user, kind));
        if !self.moves(kind) && kind != Kind::Bool && (!fine || self.uses.otherwise[value.index()]) {
            return None;
        }
        let mut known = vec![self.known_type(load)?];
        if self.moves(kind) && self.kind_of_test(known[0].1) != Some(kind) {
            return None;
        }
        if kind == Kind::Bool {
            known.clear();
        }
        let (wanted, row) = match self.table(block, item, kind) {
            Some((point, row)) => {
                known.push(self.known_type(row)?);
                (point, Some(row))
            }
            None => (self.point(block, load, item, kind)?, None),
        };
        let same = |one: &Point| {
            (one.block, one.list, one.kind, one.ahead_of, one.rows)
                == (wanted.block, wanted.list, kind, wanted.ahead_of, wanted.rows)
        };
        let point = points.iter().position(same).unwrap_or_else(|| {
            points.push(wanted);
            points.len() - 1
        });
        Some(Access {
            load,
            point,
            row,
            known,
            writes: Vec::new(),
        })
    }

    /// The type that what a load reads is tested to have.
    fn known_type(&self, load: Inst) -> Option<(Value, Imm)> {
        let guard = self.tested_by(load)?;
        let test = self.function.def(self.function.inst(guard).args[0])?;
        Some((self.function.inst(load).result?, test.imm))
    }

    /// The outermost loop around a block that does not change where a list's array is, and before which the code can be left.
    fn outermost(&self, block: Block, array: Block) -> Option<Loop> {
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
        outermost
    }

    fn array_of(&self, item: Item) -> Option<Block> {
        match self.function.values[item.base.index()].def {
            ValueDef::Result(inst) => self.homes[inst.index()],
            ValueDef::Param(..) => None,
        }
    }

    fn point_ahead_of(&self, number: Loop, list: Value, guard: Inst, (kind, rows): (Kind, bool)) -> Option<Point> {
        let before = self.loops.get(number).preheader?;
        Some(Point {
            block: before,
            before: self.function.terminator(before)?,
            list,
            kind,
            rows,
            ahead_of: Some(number),
            state: self.function.inst(guard).state?,
            stores: false,
            moves: self.moves(kind),
        })
    }

    /// Where the list that an access's list is an item of is asked for a table, and the load of that: where each round of the
    /// innermost loop reaches another row, but always of the same list.
    fn table(&self, block: Block, item: Item, kind: Kind) -> Option<(Point, Inst)> {
        let ValueDef::Result(row) = self.function.values[item.list.index()].def else {
            return None;
        };
        let outer = self.item(self.function.inst(row)).flatten()?;
        let innermost = self.loops.innermost(block)?;
        let home = self.homes[row.index()].filter(|home| self.within[home.index()])?;
        if !self.tables || kind == Kind::Bool || !self.loops.contains(innermost, home) {
            return None;
        }
        let number = self.outermost(home, self.array_of(outer)?)?;
        let guard = self.tested_by(row)?;
        let point = self.point_ahead_of(number, outer.list, guard, (kind, true))?;
        Some((point, row))
    }

    /// Where the list of an access is asked for its copy.
    fn point(&self, block: Block, load: Inst, item: Item, kind: Kind) -> Option<Point> {
        let guard = self.tested_by(load)?;
        let state = self.function.inst(guard).state?;
        if let Some(number) = self.outermost(block, self.array_of(item)?) {
            return self.point_ahead_of(number, item.list, guard, (kind, false));
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
            kind,
            rows: false,
            ahead_of: None,
            state,
            stores: false,
            moves: self.moves(kind),
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
        let resumes = |state: State| self.function.states[state.index()].going == Going::Resume;
        data.preheader.is_some() && state.is_some_and(resumes)
    }
}

/// The list of which a guard says that it is not unpacked.
pub fn tests_room(function: &Function, guard: &InstData) -> Option<Value> {
    let test = function.def(*guard.args.first().filter(|_| guard.op == Op::Guard)?)?;
    let &[room, zero] = &test.args[..] else { return None };
    if test.imm != Imm::IntCond(IntCond::SignedGe) || function.def(zero)?.imm != Imm::Int(0) {
        return None;
    }
    let load = function.def(room)?;
    let is_room = matches!(
        load.imm,
        Imm::Memory {
            region: Region::Header,
            offset: LIST_ALLOCATED,
            ..
        }
    );
    is_room.then(|| load.args[0])
}

fn region(data: &InstData) -> Option<Region> {
    match data.imm {
        Imm::Memory { region, .. } => Some(region),
        _ => None,
    }
}
