//! Nests of loops that can work on copies of lists of numbers, and where in them: see [`crate::unpack`].

mod flags;
mod items;
mod kinds;
mod moves;
mod points;
mod uses;

pub use flags::test_number;
pub use items::{LIST_ITEMS, tests_room};
pub use kinds::{Kind, NUMBERS, kind_memory};
pub use moves::{Brought, Move, Number};

use crate::edit;
use flags::Flag;
use items::region;
use justjit_builder::Region;
use justjit_ir::{
    Block, Dominators, Effect, Flow, Function, Imm, Inst, Loop, Loops, Op, State, Symbol, Value, ValueDef,
};
use moves::Kept;
use uses::Uses;

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
        if !nest.moves.is_empty() && !self.counts_behind_stores(&nest) {
            return None;
        }
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
}
