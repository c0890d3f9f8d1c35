//! What may write to what: clobbers of memory, and whether one touches what another reads.

use justjit_builder::Region;
use justjit_ir::{Block, Effect, Function, Imm, Inst, Op, Type, Value};

/// A place in memory that a load reads or a store writes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Place {
    pub region: Region,
    base: Value,
    index: Option<Value>,
    scale: i32,
    offset: i32,
    size: u32,
}

impl Place {
    /// What a load or store touches.
    pub fn of(function: &Function, inst: Inst) -> Option<Place> {
        let data = function.inst(inst);
        let indexed = match data.op {
            Op::Load | Op::Store => false,
            Op::LoadIndexed | Op::StoreIndexed => true,
            _ => return None,
        };
        let Imm::Memory {
            width,
            region,
            offset,
            scale,
            ..
        } = data.imm
        else {
            return None;
        };
        Some(Place {
            region,
            base: data.args[0],
            index: indexed.then(|| data.args[1]),
            scale: if indexed { scale } else { 0 },
            offset,
            size: width.size(),
        })
    }

    /// Whether two places may share a byte. The fields of two objects do not overlap: they are the same object, and then
    /// the offsets tell, or different ones.
    pub fn may_overlap(&self, other: &Place, function: &Function) -> bool {
        match (self.region, other.region) {
            (Region::Any, _) | (_, Region::Any) => return true,
            (Region::Atoms, Region::Structures) | (Region::Structures, Region::Atoms) => return false,
            (one, other) if one.class() != other.class() => return false,
            _ => {}
        }
        let object = |place: &Place| function.type_of(place.base) == Type::Object;
        let comparable = self.base == other.base || (object(self) && object(other));
        let same_index = self.index == other.index && self.scale == other.scale;
        if !comparable || !same_index || (self.base != other.base && self.index.is_some()) {
            return true;
        }
        let end = |place: &Place| i64::from(place.offset) + i64::from(place.size);
        i64::from(self.offset) < end(other) && i64::from(other.offset) < end(self)
    }
}

/// What may change memory.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Clobber {
    /// All of it.
    Everything,
    Store(Place),
    /// Reference counts.
    Counts,
    /// These, and the numbers in objects: a function that gives a reference up may use the object again for its result.
    Numbers,
}

impl Clobber {
    /// What an instruction does to memory. Allocating writes memory that nobody knew; `locate` writes the frame's
    /// instruction pointer, which no load reads.
    pub fn of(function: &Function, inst: Inst) -> Option<Clobber> {
        match function.inst(inst).effect(function) {
            Effect::Any => Some(Clobber::Everything),
            Effect::Store => Some(Place::of(function, inst).map_or(Clobber::Everything, Clobber::Store)),
            Effect::Reference if function.inst(inst).op == Op::Call => Some(Clobber::Numbers),
            Effect::Reference | Effect::Allocate => Some(Clobber::Counts),
            Effect::Call => Some(Clobber::Everything),
            Effect::Pure
            | Effect::Load
            | Effect::Guard
            | Effect::Locate
            | Effect::Account
            | Effect::Safepoint
            | Effect::Reads
            | Effect::Control => None,
        }
    }

    /// Whether it may write to the place, for all that is sure without a test of what is read there.
    pub fn touches_untested(&self, place: &Place, function: &Function) -> bool {
        let untested = Place {
            region: place.region.class(),
            ..*place
        };
        self.touches(&untested, function)
    }

    pub fn touches(&self, place: &Place, function: &Function) -> bool {
        match self {
            Clobber::Everything => true,
            Clobber::Store(stored) => stored.may_overlap(place, function),
            Clobber::Counts => matches!(place.region, Region::Count | Region::Any),
            Clobber::Numbers => matches!(place.region, Region::Count | Region::Payload | Region::Any),
        }
    }
}

/// Everything that changes memory in some blocks.
pub fn clobbers(function: &Function, blocks: &[Block]) -> Vec<Clobber> {
    let mut found: Vec<Clobber> = Vec::new();
    for &block in blocks {
        for &inst in &function.blocks[block.index()].insts {
            match Clobber::of(function, inst) {
                Some(Clobber::Everything) => return vec![Clobber::Everything],
                Some(clobber) if !found.contains(&clobber) => found.push(clobber),
                _ => {}
            }
        }
    }
    found
}
