//! Lists of bools in nests of loops: see [`crate::unpack`].
//!
//! A bool is one of two objects that live for ever. So a list's copy has a byte for each, of which a cache holds eight times as
//! many, and no references are counted. What is read may be tested only; what is stored is `True`, `False` or a comparison.

use super::{Item, Kind, Look, Nest, kind_memory};
use crate::edit;
use justjit_builder::IntCond;
use justjit_ir::{Block, Function, Imm, Inst, InstData, Op, Value};

/// A store of a bool.
pub struct Flag {
    pub store: Inst,
    /// The number in `points` of the list's copy.
    pub point: usize,
    pub value: Stored,
    /// What counts references for it.
    pub counts: Vec<Inst>,
}

#[derive(Clone, Copy)]
pub enum Stored {
    Constant(bool),
    /// The truth value of which the object was made.
    Made(Value),
}

/// Which of the two a constant object is.
fn constant(function: &Function, value: Value) -> Option<bool> {
    let data = function.def(value).filter(|data| data.op == Op::ObjectConst)?;
    let Imm::Symbol(symbol) = data.imm else { return None };
    match &*function.symbols[symbol.index()].name {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

/// Which of the two it is asked whether a value is.
fn asked(function: &Function, test: &InstData, value: Value) -> Option<bool> {
    if test.op != Op::Same {
        return None;
    }
    let other = test.args.iter().find(|&&arg| arg != value)?;
    constant(function, *other)
}

impl Look<'_> {
    /// Whether what a load reads is tested to be a bool, and used as nothing else.
    pub fn is_flag(&self, load: &InstData) -> bool {
        let Some(value) = load.result else { return false };
        let is_bool = |imm: Imm| {
            let Imm::Symbol(ty) = imm else { return false };
            self.function.symbols[ty.index()].name == "bool"
        };
        let mut tested = false;
        for &inst in &self.uses.insts[value.index()] {
            let user = self.function.inst(inst);
            let fine = match user.op {
                Op::HasType if is_bool(user.imm) => {
                    let guards = user.result.map(|result| self.uses.insts[result.index()].iter());
                    let mut guards = guards.into_iter().flatten();
                    tested |= guards.any(|&guard| self.function.inst(guard).op == Op::Guard);
                    true
                }
                Op::Same => asked(self.function, user, value).is_some(),
                Op::TakeOver | Op::HandOver => true,
                _ => false,
            };
            if !fine {
                return false;
            }
        }
        !self.uses.otherwise[value.index()] && (tested || self.guard_of_both(value).is_some())
    }

    /// The guard that a value is one of the two bools.
    pub fn guard_of_both(&self, value: Value) -> Option<Inst> {
        let either = either(self.function, &self.uses.insts[value.index()], value, |result| {
            self.uses.insts[result.index()].clone()
        })?;
        let result = self.function.inst(either).result?;
        let mut guards = self.uses.insts[result.index()].iter();
        guards
            .find(|&&guard| self.function.inst(guard).op == Op::Guard)
            .copied()
    }

    /// What is to be done about a store of a bool.
    pub fn add_flag(&self, nest: &mut Nest, block: Block, store: Inst, item: Item) -> Option<()> {
        let value = *self.function.inst(store).args.last()?;
        let made = self.function.def(value)?;
        let stored = match made.op {
            Op::ObjectConst => Stored::Constant(constant(self.function, value)?),
            Op::BoxBool => Stored::Made(made.args[0]),
            _ => return None,
        };
        // What is there is read first, perhaps more than once.
        let reads = nest.accesses.iter().filter(|access| {
            let read = self.item(self.function.inst(access.load)).flatten();
            read == Some(item)
                && nest.points[access.point].kind == Kind::Bool
                && self.is_before(access.load, block, Some(store))
        });
        let point = reads.clone().next()?.point;
        let olds: Vec<Value> = reads
            .filter_map(|access| self.function.inst(access.load).result)
            .collect();
        let insts = &self.function.blocks[block.index()].insts;
        let behind = insts.iter().skip_while(|&&inst| inst != store).skip(1);
        let counts = behind.take_while(|&&inst| {
            let data = self.function.inst(inst);
            matches!(data.op, Op::HandOver | Op::TakeOver) && (data.args[0] == value || olds.contains(&data.args[0]))
        });
        let counts = counts.copied().collect();
        nest.points[point].stores = true;
        nest.flags.push(Flag {
            store,
            point,
            value: stored,
            counts,
        });
        Some(())
    }
}

/// The instruction among the users that says whether a value is one of the two bools.
fn either(function: &Function, users: &[Inst], value: Value, users_of: impl Fn(Value) -> Vec<Inst>) -> Option<Inst> {
    let tests = users.iter().map(|&inst| function.inst(inst));
    let tests: Vec<(Value, bool)> = tests
        .filter_map(|test| Some((test.result?, asked(function, test, value)?)))
        .collect();
    let is = |wanted: Value, which| tests.iter().any(|&(test, asked)| test == wanted && asked == which);
    tests.iter().flat_map(|&(test, _)| users_of(test)).find(|&inst| {
        let data = function.inst(inst);
        data.op == Op::BoolOr && {
            let (one, other) = (data.args[0], data.args[1]);
            is(one, true) && is(other, false) || is(one, false) && is(other, true)
        }
    })
}

/// Has the byte that was read tested instead of the object.
pub fn test_number(function: &mut Function, load: Inst, number: Value) {
    let value = function.inst(load).result.expect("a load has a result");
    let all: Vec<Inst> = function.blocks.iter().flat_map(|block| &block.insts).copied().collect();
    let users = |function: &Function, value: Value| -> Vec<Inst> {
        let uses = |&inst: &Inst| function.inst(inst).args.contains(&value);
        all.iter().copied().filter(uses).collect()
    };
    let direct = users(function, value);
    while let Some(inst) = either(function, &direct, value, |test| users(function, test)) {
        edit::become_constant(function, inst, edit::Constant::Bool(true));
    }
    let (block, at) = edit::place_of(function, load);
    let zero = edit::insert_value(function, block, at, Op::IntConst, Vec::new(), Imm::Int(0));
    for inst in direct {
        let data = function.inst(inst).clone();
        if data.op == Op::HasType {
            edit::become_constant(function, inst, edit::Constant::Bool(true));
        } else if let Some(which) = asked(function, &data, value) {
            let cond = if which { IntCond::Ne } else { IntCond::Eq };
            edit::become_op(function, inst, Op::IntCompare, vec![number, zero], Imm::IntCond(cond));
        }
    }
}

impl Flag {
    /// Stores a byte instead.
    pub fn rewrite(&self, function: &mut Function, copy: Value) {
        let (block, at) = edit::place_of(function, self.store);
        let number = match self.value {
            Stored::Constant(value) => {
                edit::insert_value(function, block, at, Op::IntConst, Vec::new(), Imm::Int(value.into()))
            }
            Stored::Made(value) => edit::insert_value(function, block, at, Op::BoolToInt, vec![value], Imm::None),
        };
        let data = function.inst(self.store).clone();
        let mut args = data.args.clone();
        args[0] = copy;
        *args.last_mut().expect("a store stores a value") = number;
        edit::become_op(function, self.store, data.op, args, kind_memory(&data, Kind::Bool));
        function.blocks[block.index()]
            .insts
            .retain(|inst| !self.counts.contains(inst));
    }
}
