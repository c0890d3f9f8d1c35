//! Numbers that a nest of loops moves in lists as the objects that they are: see [`crate::unpack`].
//!
//! Sorting, and all that permutes, takes an object from one place and puts it into another. Such a list's array stays in use,
//! beside the copy of its numbers: what is stored is stored in both. Only references are not counted for it. Whatever is moved
//! has to live until the lists are packed: what was in one of these lists does, and what is brought along from outside the
//! nest is kept (`justjit_keep`) on the ways in.

use super::{Item, Kind, Look, NUMBERS, Nest};
use justjit_ir::{Block, Effect, Imm, Inst, Op, Value, ValueDef};

/// A store of a number's object.
pub struct Move {
    pub store: Inst,
    /// The number in `points` of the list's copy.
    pub point: usize,
    pub number: Number,
    /// Where the store hands the object's reference over, and takes that of the object over which was there.
    pub handed: Option<Inst>,
    pub taken: Option<Inst>,
}

/// Where a moved object's number comes from.
#[derive(Clone, Copy)]
pub enum Number {
    /// The access by which the object was loaded.
    Loaded(usize),
    /// The object; where the code can be left if it does not fit, before this guard, the state is the guard's.
    Unboxed(Inst),
}

/// An object that is brought along from outside to a block of the nest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub to: Block,
    pub what: Brought,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Brought {
    /// As the block's parameter of this number.
    Param(u32),
    Value(Value),
}

/// Where an object comes from.
#[derive(Default)]
struct Sources {
    seen: Vec<Value>,
    kinds: Vec<Kind>,
    kept: Vec<Kept>,
}

impl Look<'_> {
    /// Whether objects are moved that are numbers of the kind.
    pub fn moves(&self, kind: Kind) -> bool {
        self.moved.contains(&kind)
    }

    /// The kinds of numbers that the nest moves.
    pub fn find_moved(&self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for &block in self.blocks {
            for &inst in &self.function.blocks[block.index()].insts {
                let data = self.function.inst(inst);
                if matches!(data.op, Op::Store | Op::StoreIndexed) && self.item(data).flatten().is_some() {
                    let value = *data.args.last().expect("a store stores a value");
                    kinds.extend(self.sources(value, block, inst).map(|(kind, _)| kind));
                }
            }
        }
        kinds
    }

    /// What is to be done about a store of an object that is a number.
    pub fn add_move(&self, nest: &mut Nest, block: Block, store: Inst, item: Item) -> Option<()> {
        let value = *self.function.inst(store).args.last()?;
        let (kind, kept) = self.sources(value, block, store)?;
        // The list has been read: what was there is given up.
        let access = nest.accesses.iter().find(|access| {
            let of_list = self.item(self.function.inst(access.load)).flatten();
            let same = of_list.is_some_and(|other| other.list == item.list) && access.row.is_none();
            same && nest.points[access.point].kind == kind && self.is_before(access.load, block, Some(store))
        })?;
        let point = access.point;
        let loads = nest.accesses.iter();
        let loaded = loads.map(|access| self.function.inst(access.load).result);
        let number = match loaded.into_iter().position(|result| result == Some(value)) {
            Some(access) => Number::Loaded(access),
            None => Number::Unboxed(self.guard_before(block, store)?),
        };
        let (handed, taken) = self.counting(block, store, value);
        nest.points[point].stores = true;
        nest.kept.extend(kept);
        nest.moves.push(Move {
            store,
            point,
            number,
            handed,
            taken,
        });
        Some(())
    }

    /// Whether all references that go to memory and come from there do so right behind a store, where [`Look::add_move`] finds them,
    /// or are those of numbers that are written over.
    pub fn counts_behind_stores(&self, nest: &Nest) -> bool {
        let written = |value: Value| {
            let mut accesses = nest.accesses.iter().filter(|access| !nest.points[access.point].moves);
            accesses.any(|access| self.function.inst(access.load).result == Some(value))
        };
        self.blocks.iter().all(|block| {
            let mut behind_store = false;
            self.function.blocks[block.index()].insts.iter().all(|&inst| {
                let data = self.function.inst(inst);
                match data.op {
                    Op::Store | Op::StoreIndexed => behind_store = true,
                    Op::HandOver | Op::TakeOver => return behind_store || written(data.args[0]),
                    _ => behind_store = false,
                }
                true
            })
        })
    }

    /// What counts the references for a store.
    fn counting(&self, block: Block, store: Inst, value: Value) -> (Option<Inst>, Option<Inst>) {
        let insts = &self.function.blocks[block.index()].insts;
        let behind = insts.iter().skip_while(|&&inst| inst != store).skip(1);
        let (mut handed, mut taken) = (None, None);
        for &inst in behind {
            let data = self.function.inst(inst);
            match data.op {
                Op::HandOver if data.args[0] == value && handed.is_none() => handed = Some(inst),
                Op::TakeOver => {
                    taken = Some(inst);
                    break;
                }
                _ => break,
            }
        }
        (handed, taken)
    }

    /// A guard before a store in its block, from which on nothing has happened that can be seen but counting references.
    fn guard_before(&self, block: Block, store: Inst) -> Option<Inst> {
        let insts = &self.function.blocks[block.index()].insts;
        let before = insts.iter().take_while(|&&inst| inst != store);
        for &inst in before.collect::<Vec<_>>().into_iter().rev() {
            let data = self.function.inst(inst);
            match data.effect(self.function) {
                Effect::Guard if data.op == Op::Guard => return Some(inst),
                Effect::Pure | Effect::Load | Effect::Guard => {}
                Effect::Reference if data.op == Op::Incref => {}
                _ => return None,
            }
        }
        None
    }

    /// The kind of a number that is stored as an object, and what is to be kept for that. Nothing if that is not known, or if
    /// the object may be one that the nest has made.
    fn sources(&self, value: Value, block: Block, store: Inst) -> Option<(Kind, Vec<Kept>)> {
        let mut sources = Sources::default();
        self.trace(value, block, Some(store), &mut sources)?;
        let (&kind, others) = sources.kinds.split_first()?;
        others
            .iter()
            .all(|&other| other == kind)
            .then_some((kind, sources.kept))
    }

    fn trace(&self, value: Value, block: Block, before: Option<Inst>, sources: &mut Sources) -> Option<()> {
        if sources.seen.contains(&value) {
            return Some(());
        }
        sources.seen.push(value);
        let home = match self.function.values[value.index()].def {
            ValueDef::Param(home, _) => Some(home),
            ValueDef::Result(inst) => self.homes[inst.index()],
        };
        let inside = home.is_some_and(|home| self.within[home.index()]);
        match self.function.values[value.index()].def {
            ValueDef::Param(home, at) if inside => {
                for &from in self.flow.predecessors(home) {
                    let calls = self.function.successors(from).iter();
                    for call in calls.filter(|call| call.block == home) {
                        let object = call.args[at as usize];
                        if self.within[from.index()] {
                            self.trace(object, from, None, sources)?;
                        } else {
                            self.trace_outside(object, from, None, sources)?;
                            let what = Brought::Param(at);
                            sources.kept.push(Kept { to: home, what });
                        }
                    }
                }
            }
            ValueDef::Result(inst) if inside => {
                self.item(self.function.inst(inst)).flatten()?;
                sources.kinds.push(self.tested_kind(value, block, before)?);
            }
            _ => {
                self.trace_outside(value, block, before, sources)?;
                let what = Brought::Value(value);
                sources.kept.extend(self.blocks.iter().map(|&to| Kept { to, what }));
            }
        }
        Some(())
    }

    /// The kinds that a value from outside may be of.
    fn trace_outside(&self, value: Value, block: Block, before: Option<Inst>, sources: &mut Sources) -> Option<()> {
        if let Some(kind) = self.tested_kind(value, block, before) {
            sources.kinds.push(kind);
            return Some(());
        }
        let ValueDef::Param(home, at) = self.function.values[value.index()].def else {
            return None;
        };
        if sources.seen.contains(&value) {
            return Some(());
        }
        sources.seen.push(value);
        for &from in self.flow.predecessors(home) {
            let calls = self.function.successors(from).iter();
            for call in calls.filter(|call| call.block == home) {
                self.trace_outside(call.args[at as usize], from, None, sources)?;
            }
        }
        Some(())
    }

    /// As what a value is known by a test before a place: before an instruction of a block, or at the block's end.
    fn tested_kind(&self, value: Value, block: Block, before: Option<Inst>) -> Option<Kind> {
        let tests = self.uses.insts[value.index()].iter();
        let mut tests = tests.filter(|&&inst| self.function.inst(inst).op == Op::HasType);
        tests.find_map(|&inst| {
            let test = self.function.inst(inst);
            let kind = self.kind_of_test(test.imm)?;
            let guards = self.uses.insts[test.result?.index()].iter();
            let mut guards = guards.filter(|&&guard| self.function.inst(guard).op == Op::Guard);
            guards
                .any(|&guard| self.is_before(guard, block, before))
                .then_some(kind)
        })
    }

    /// What a test of a type with this immediate is about.
    pub fn kind_of_test(&self, imm: Imm) -> Option<Kind> {
        let Imm::Symbol(ty) = imm else { return None };
        let name = &*self.function.symbols[ty.index()].name;
        NUMBERS.into_iter().find(|kind| kind.type_name() == name)
    }

    /// Whether an instruction has run when a place is come to: an instruction of a block, or the block's end.
    pub fn is_before(&self, inst: Inst, block: Block, place: Option<Inst>) -> bool {
        let Some(home) = self.homes[inst.index()] else {
            return false;
        };
        if home != block {
            return self.dominators.dominates(home, block);
        }
        let insts = &self.function.blocks[block.index()].insts;
        let at = |wanted| insts.iter().position(|&one| one == wanted);
        place.is_none_or(|place| at(inst) < at(place))
    }
}
