//! What has been seen of a function, in the form in which building the IR asks for it.

use crate::item::Kind;
use justjit_bytecode::{Function, Opcode};
use justjit_ir::Reason;
use justjit_runtime::arrays::Layouts;
use pyo3_ffi::*;
use rustc_hash::{FxHashMap, FxHashSet};

/// The exact types that a value had, in the order in which they were met; empty when nothing was seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Types {
    pub met: Vec<*mut PyTypeObject>,
    /// There were others.
    pub more: bool,
    /// An int did not fit 64 bits.
    pub wide: bool,
    /// How the elements of arrays lay.
    pub layouts: Layouts,
}

impl Types {
    /// What has been seen earlier as well.
    pub fn add(&mut self, other: Types) {
        for ty in other.met {
            if !self.met.contains(&ty) {
                self.met.push(ty);
            }
        }
        self.more |= other.more;
        self.wide |= other.wide;
        self.layouts.add_all(other.layouts);
    }

    /// The one type that was met.
    pub fn only(&self) -> Option<*mut PyTypeObject> {
        match self.met[..] {
            [ty] if !self.more => Some(ty),
            _ => None,
        }
    }
}

/// What is known of one instruction.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How often it ran, while somebody looked.
    pub count: u32,
    pub result: Types,
    pub operands: [Types; 3],
    /// The one object that was called, or that a load gave each time.
    pub object: Option<*mut PyObject>,
    /// The method of a static type that was called each time, as an object that is bound to its receiver.
    pub method: Option<*mut PyObject>,
}

impl Seen {
    /// What has been seen earlier as well.
    pub fn add(&mut self, other: Seen) {
        if self.count == 0 {
            self.object = other.object;
            self.method = other.method;
        } else if other.count > 0 {
            self.object = self.object.filter(|_| self.object == other.object);
            self.method = self.method.filter(|_| self.method == other.method);
        }
        self.count = self.count.saturating_add(other.count);
        self.result.add(other.result);
        for (mine, its) in self.operands.iter_mut().zip(other.operands) {
            mine.add(its);
        }
    }
}

/// What is known of one code object.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// By instruction index.
    pub seen: Vec<Seen>,
    /// Bets that were lost too often, by instruction index; and whether code that was made after that has lost them as well.
    pub widened: FxHashMap<(u32, Reason), bool>,
    /// Whether `seen` is there at all.
    pub sampled: bool,
    /// Blocks, by their first instruction, that nobody has been in only because no call had come to its end yet.
    pub untold: FxHashSet<u32>,
}

impl Knowledge {
    pub fn at(&self, index: usize) -> Seen {
        self.seen.get(index).cloned().unwrap_or_default()
    }

    /// How often the instruction ran, while somebody looked.
    pub fn count(&self, index: usize) -> u32 {
        self.seen.get(index).map_or(0, |seen| seen.count)
    }

    /// Whether nobody has been here while somebody looked.
    pub fn is_unreached(&self, index: usize) -> bool {
        let told = !self.untold.contains(&(index as u32));
        self.sampled && told && self.seen[index].count == 0 && !self.is_widened(index, Reason::Unreached)
    }

    /// Where a recursion was looked at on its way down only, the ways out are not known: simple blocks that lead to them are
    /// taken to be reached.
    pub fn note_untold(&mut self, decoded: &Function) {
        let is_return = |opcode| matches!(opcode, Opcode::ReturnValue | Opcode::ReturnConst);
        let all = || decoded.instructions.iter().zip(&self.seen);
        let called = all().any(|(one, seen)| one.opcode == Opcode::Call && seen.count > 0);
        let returned = all().any(|(one, seen)| is_return(one.opcode) && seen.count > 0);
        if !self.sampled || !called || returned {
            return;
        }
        let simple = |opcode| {
            use Opcode::*;
            let known = matches!(
                opcode,
                LoadFast | LoadFastLoadFast | LoadConst | BinaryOp | CompareOp | Nop
            );
            known || is_return(opcode)
        };
        let blocks = decoded.blocks.iter().filter(|block| {
            let inside = &decoded.instructions[block.start..block.end];
            inside.iter().all(|one| simple(one.opcode)) && inside.last().is_some_and(|last| is_return(last.opcode))
        });
        self.untold = blocks.map(|block| block.start as u32).collect();
    }

    /// Where an instruction was reached after all that nobody had seen, what is unseen behind it is taken to be reached as
    /// well: it would be found out one by one otherwise. So are handlers to which exceptions have gone.
    pub fn note_reached(&mut self, decoded: &Function) {
        let handler = |index: usize| {
            let handler = decoded.instructions[index].handler?;
            decoded.index_at(handler.target)
        };
        let reached = self.widened.keys().filter_map(|&(index, reason)| match reason {
            Reason::Unreached => Some(index as usize),
            Reason::Exception | Reason::Missing | Reason::Bounds | Reason::DivisionByZero => handler(index as usize),
            _ => None,
        });
        let mut pending: Vec<usize> = reached.collect();
        let mut known = FxHashSet::default();
        while let Some(index) = pending.pop() {
            if self.count(index) > 0 || !known.insert(index) {
                continue;
            }
            self.widened.entry((index as u32, Reason::Unreached)).or_default();
            let block = &decoded.blocks[decoded.instructions[index].block as usize];
            if index + 1 < block.end {
                pending.push(index + 1);
            } else {
                let next = block.successors.iter();
                pending.extend(next.map(|&next| decoded.blocks[next as usize].start));
            }
        }
    }

    /// Whether such a bet was lost too often at any instruction.
    pub fn is_widened_anywhere(&self, reason: Reason) -> bool {
        self.widened.keys().any(|(_, other)| *other == reason)
    }

    pub fn is_widened(&self, index: usize, reason: Reason) -> bool {
        self.widened.contains_key(&(index as u32, reason))
    }

    /// Whether a bet was lost too often when it was made for the second time.
    pub fn is_widened_again(&self, index: usize, reason: Reason) -> bool {
        self.widened.get(&(index as u32, reason)).is_some_and(|&again| again)
    }
}

/// The [`Kind`] of objects of an exact type that the interpreter defines.
///
/// # Safety
/// A live type object.
pub unsafe fn builtin_kind(ty: *mut PyTypeObject) -> Kind {
    let known: [(*mut PyTypeObject, Kind); 12] = [
        (&raw mut PyLong_Type, Kind::Int),
        (&raw mut PyFloat_Type, Kind::Float),
        (&raw mut PyBool_Type, Kind::Bool),
        (&raw mut PyComplex_Type, Kind::Complex),
        (&raw mut PyUnicode_Type, Kind::Str),
        (&raw mut PyBytes_Type, Kind::Bytes),
        (&raw mut PyByteArray_Type, Kind::ByteArray),
        (&raw mut PyList_Type, Kind::List),
        (&raw mut PyTuple_Type, Kind::Tuple),
        (&raw mut PyDict_Type, Kind::Dict),
        (&raw mut PyRangeIter_Type, Kind::RangeIterator),
        // SAFETY: None is immortal.
        (unsafe { Py_TYPE(Py_None()) }, Kind::None),
    ];
    let found = known.iter().find(|(known, _)| *known == ty);
    found.map_or(Kind::Unknown, |&(_, kind)| kind)
}
