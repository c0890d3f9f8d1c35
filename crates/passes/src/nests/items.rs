//! What the loads and stores of a nest read and write: places in lists' arrays, and what they are tested for.

use super::{Check, Item, Kind, Look, NUMBERS};
use crate::unpack::LIST_ALLOCATED;
use justjit_builder::{IntCond, Region, Type as Width};
use justjit_ir::{Block, Effect, Function, Going, Imm, Inst, InstData, Op, Type, Value};

/// As `justjit_runtime` has it.
pub const LIST_ITEMS: i32 = 24;

impl Look<'_> {
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

    pub(super) fn users(&self, data: &InstData) -> impl Iterator<Item = &InstData> {
        let value = data.result.expect("a load has a result");
        self.uses.insts[value.index()]
            .iter()
            .map(|&inst| self.function.inst(inst))
    }

    pub(super) fn calls(&self, data: &InstData, wanted: &str) -> bool {
        matches!(data.imm, Imm::Symbol(callee) if data.op == Op::Call && self.function.symbols[callee.index()].name == wanted)
    }

    pub(super) fn copies(&self, kind: Kind) -> bool {
        kind != Kind::Int || self.ints
    }

    /// As what kind of number the loaded object is used.
    pub(super) fn used_as(&self, load: &InstData, kind: Kind) -> bool {
        self.users(load).any(|user| self.takes_number(user, kind))
    }

    /// Whether an object's number is taken out or written over.
    pub(super) fn takes_number(&self, user: &InstData, kind: Kind) -> bool {
        kind.unbox() == Some(user.op) || kind.overwrite().is_some_and(|overwrite| self.calls(user, overwrite))
    }

    /// Which kind of list, of those that are copied, a load reads.
    pub(super) fn kind(&self, load: &InstData) -> Option<Kind> {
        let number = NUMBERS.into_iter().find(|&kind| {
            self.copies(kind) && (self.used_as(load, kind) || self.moves(kind) && self.is_tested(load, kind))
        });
        number.or_else(|| self.is_flag(load).then_some(Kind::Bool))
    }

    /// Whether the code is left if what is loaded is no such number.
    pub(super) fn is_tested(&self, load: &InstData, kind: Kind) -> bool {
        self.users(load).any(|test| {
            let guards = test.result.map(|result| self.uses.insts[result.index()].iter());
            let mut guards = guards.into_iter().flatten();
            test.op == Op::HasType
                && self.kind_of_test(test.imm) == Some(kind)
                && guards.any(|&guard| self.function.inst(guard).op == Op::Guard)
        })
    }

    /// Whether what is read is of no use unless it is tested to be something else than such a number, or is only tested.
    pub(super) fn is_of_another_type(&self, load: &InstData) -> bool {
        let value = load.result.expect("a load has a result");
        let tested = self.users(load).any(|user| user.op == Op::HasType);
        let number = !self.ints && self.used_as(load, Kind::Int);
        let unused = !self.uses.otherwise[value.index()] && self.users(load).all(|user| user.op == Op::HasType);
        let structure =
            region(load) == Some(Region::Structures) || self.users(load).any(|user| self.tests_structure(user));
        unused || tested && (number || structure)
    }

    /// Whether a test is whether an object is a list or tuple.
    pub(super) fn tests_structure(&self, test: &InstData) -> bool {
        let Imm::Symbol(ty) = test.imm else { return false };
        test.op == Op::HasType && ["list", "tuple"].contains(&&*self.function.symbols[ty.index()].name)
    }

    /// Whether it was found before the place that an item of the list is no atom. It stays so, since nothing else is written
    /// to such lists.
    pub(super) fn has_structures(&self, block: Block, place: Inst, item: Item) -> bool {
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
    pub(super) fn is_passed_untested(&self, load: Inst) -> bool {
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
    pub(super) fn check(&self, block: Block, load: Inst, item: Item) -> Option<Check> {
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
    pub(super) fn tested_by(&self, load: Inst) -> Option<Inst> {
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

    /// The type that what a load reads is tested to have.
    pub(super) fn known_type(&self, load: Inst) -> Option<(Value, Imm)> {
        let guard = self.tested_by(load)?;
        let test = self.function.def(self.function.inst(guard).args[0])?;
        Some((self.function.inst(load).result?, test.imm))
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

pub(super) fn region(data: &InstData) -> Option<Region> {
    match data.imm {
        Imm::Memory { region, .. } => Some(region),
        _ => None,
    }
}
