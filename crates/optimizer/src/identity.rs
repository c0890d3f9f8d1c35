//! `is`, and functions in which it matters which object a number is.
//!
//! Numbers are had without their objects, and boxed anew where somebody wants one: another object then. Where `is` compares
//! such numbers, the function is built once more, and no number loses the object that it came as, nor is boxed more than
//! once: what an instruction pushes is an object from there on, unless all that ever happens to it is arithmetic (`Uses`).

use crate::builder::{Builder, Done, Stop, decline};
use crate::item::{Constant, Item, Kind, Object, Owner};
use justjit_bytecode::Opcode;
use justjit_ir::{Imm, Op};
use justjit_runtime::arrays::Scalar;
use pyo3_ffi::*;

/// Numbers of these kinds are more than one object each.
fn is_number(kind: Kind) -> bool {
    match kind {
        Kind::Int | Kind::Float | Kind::Number | Kind::Complex => true,
        // Of NumPy's bools there are two.
        Kind::Numpy(scalar) => scalar != Scalar::Bool,
        _ => false,
    }
}

impl Builder<'_> {
    /// `IS_OP`.
    pub fn is_op(&mut self) -> Done {
        let right = self.pop();
        let left = self.pop();
        let negate = self.at.arg != 0;
        // What has not been made is nothing but itself.
        if left == right && (left.is_unboxed() || matches!(left, Item::Instance(..)))
            || matches!(
                (&left, &right),
                (
                    Item::Instance(..),
                    Item::Object(_) | Item::Constant(_) | Item::Instance(..)
                )
            )
            || matches!(
                (&left, &right),
                (Item::Object(_) | Item::Constant(_), Item::Instance(..))
            )
            || self.are_of_other_types(&left, &right)
        {
            let flag = self.bool((left == right) != negate);
            self.specialized += 1;
            self.push(Item::Bool(flag));
            self.release_all([left, right]);
            return Ok(());
        }
        let simple = |item: &Item| matches!(item, Item::Object(_) | Item::Constant(_) | Item::Bool(_));
        let may_be = |item: &Item, kind: Kind| match item.kind() {
            Kind::Unknown | Kind::Maybe => true,
            Kind::Number => matches!(kind, Kind::Int | Kind::Float | Kind::Number),
            known => known == kind || kind == Kind::Number && is_number(known),
        };
        let asked = |one: &Item, other: &Item| is_number(one.kind()) && may_be(other, one.kind());
        if asked(&left, &right) || asked(&right, &left) {
            if !self.asks_identity {
                // A number is not kept as the object that it came as, so that two names of one may have become two.
                return match self.is_inlined() {
                    true => self.refuse_inlining(),
                    false => Err(Stop::Identity),
                };
            }
            if !simple(&left) || !simple(&right) {
                return decline("`is` of a number that has lost its object");
            }
        }
        if !simple(&left) || !simple(&right) {
            return self.generic_is(left, right, negate);
        }
        let (a, left) = self.borrow_object(left)?;
        let (b, right) = self.borrow_object(right)?;
        let mut flag = self.op(Op::Same, &[a, b]);
        if negate {
            flag = self.op(Op::BoolNot, &[flag]);
        }
        self.specialized += 1;
        self.push(Item::Bool(flag));
        self.release_all([left, right]);
        Ok(())
    }

    /// Whether two items are objects of types that are known, and not the same.
    fn are_of_other_types(&self, left: &Item, right: &Item) -> bool {
        let type_of = |item: &Item| match self.symbol_address(item) {
            // SAFETY: constants are alive.
            Some(object) => Some(unsafe { Py_TYPE(object) }),
            None if item.is_unboxed() || matches!(item, Item::Object(_)) => self.type_of_kind(item.kind()),
            None => None,
        };
        matches!((type_of(left), type_of(right)), (Some(one), Some(other)) if one != other)
    }

    /// Where it matters which object a number is: what has been pushed before the present instruction is one.
    pub fn keep_identity(&mut self) -> Done {
        if !self.asks_identity {
            return Ok(());
        }
        let frame = self.frames.last().expect("there is a frame");
        let Some(item) = frame.stack.last().filter(|item| item.is_counted()) else {
            return Ok(());
        };
        let info = &self.codes[frame.code];
        let instructions = &info.decoded.instructions;
        // Behind an inlined callee's return this is the call.
        let is_numeric = frame.index.checked_sub(1).is_some_and(|pushed_by| {
            let falls_through = instructions[pushed_by].block == instructions[frame.index].block
                || instructions[pushed_by].opcode == Opcode::ForIter;
            falls_through && info.uses.is_numeric(pushed_by)
        });
        if is_numeric {
            return Ok(());
        }
        let item = item.clone();
        let kind = item.kind();
        let value = self.new_object(item.clone())?;
        let copies = self.frame().stack.iter_mut().filter(|other| **other == item);
        let mut count = 0;
        for copy in copies {
            *copy = Item::owned(value, kind);
            count += 1;
        }
        for _ in 1..count {
            self.effect(Op::Incref, &[value], Imm::None);
        }
        Ok(())
    }

    /// Where it matters which object a number is: constants that come together with other values are objects like these.
    pub fn generalize_as_objects(&mut self) -> Done {
        for depth in 0..self.frames.len() {
            for at in 0..self.frames[depth].locals.len() {
                let Some(mut item) = self.as_object_of_version(&self.frames[depth].locals[at].item.clone()) else {
                    continue;
                };
                if let (0, Item::Object(object)) = (depth, &mut item) {
                    self.bring_home(at)?;
                    object.owner = Owner::Slot(at as u32);
                }
                self.frames[depth].locals[at].item = item;
            }
            for at in 0..self.frames[depth].stack.len() {
                if let Some(item) = self.as_object_of_version(&self.frames[depth].stack[at].clone()) {
                    self.frames[depth].stack[at] = item;
                }
            }
        }
        for at in 0..self.frames[0].instances.len() {
            for which in 0..self.frames[0].instances[at].values.len() {
                let item = self.frames[0].instances[at].values[which].1.clone();
                if let Some(item) = self.as_object_of_version(&item) {
                    self.frames[0].instances[at].values[which].1 = item;
                }
            }
        }
        Ok(())
    }

    fn as_object_of_version(&mut self, item: &Item) -> Option<Item> {
        let Item::Constant(Constant { symbol, kind, .. }) = *item else {
            return None;
        };
        is_number(kind).then(|| {
            let value = self.op_imm(Op::ObjectConst, &[], Imm::Symbol(symbol));
            Item::Object(Object {
                value,
                kind,
                owner: Owner::Version,
            })
        })
    }
}
