//! `is`, and functions in which it matters which object a number is.
//!
//! Numbers are had without their objects, and boxed anew where somebody wants one: another object then. Where `is` compares
//! such numbers, the function is built once more, and no number loses the object that it came as, nor is boxed more than
//! once: what an instruction pushes is an object from there on, unless all that ever happens to it is arithmetic (`Uses`).

use crate::builder::{Builder, Done, Stop, decline};
use crate::item::{Constant, Item, Kind, Object, Owner};
use justjit_bytecode::Opcode;
use justjit_ir::{Imm, Op, Value};
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
    /// Whether an unboxed number may be written over another object, though the number then has no object that anybody could
    /// get: nobody has or will have one for it. (What is written over an object that goes into a container, say, is the same
    /// number in another object than that of a local's.) Of ints this is found out as far as it has happened already: whether
    /// they will have another object is nothing that but `is` could tell, whereas NaN is found by its identity.
    pub fn may_lose_object(&self, number: &Item) -> bool {
        let is_int = number.kind() == Kind::Int;
        let innermost = self.frames.len() - 1;
        let in_frames = self.frames.iter().enumerate().any(|(depth, frame)| {
            let uses = &self.codes[frame.code].uses;
            let index = if depth == innermost { self.index } else { frame.index };
            let mut locals = frame.locals.iter().enumerate();
            let will_have = |at| !is_int && uses.escapes_behind(index, at);
            locals.any(|(at, local)| local.item == *number && (local.home || will_have(at)))
                || frame.stack.contains(number)
        });
        let mut attributes = self.frames[0].instances.iter().flat_map(|one| &one.values);
        !in_frames && !attributes.any(|(_, item)| item == number)
    }

    /// A number has got an object: locals of inlined callees, which have no slots to keep it in, have the same one where they may
    /// pass it on.
    pub fn share_with_locals(&mut self, number: &Item, object: Value) {
        let innermost = self.frames.len() - 1;
        for depth in 1..self.frames.len() {
            let frame = &self.frames[depth];
            let code = frame.code;
            let index = if depth == innermost { self.index } else { frame.index };
            for at in 0..self.frames[depth].locals.len() {
                if self.frames[depth].locals[at].item == *number && self.codes[code].uses.escapes_behind(index, at) {
                    self.effect(Op::Incref, &[object], Imm::None);
                    self.frames[depth].locals[at].item = Item::owned(object, number.kind());
                }
            }
        }
    }

    /// The object of a number that is stored, and has been taken off the stack: what the stack and other locals have of it still
    /// is that object, too.
    pub fn stored_object(&mut self, item: Item) -> Done<Value> {
        let number = item.is_counted().then(|| item.clone());
        let object = self.owned_object(item)?;
        let Some(number) = number else {
            return Ok(object);
        };
        let index = if self.frames.len() == 1 {
            self.index
        } else {
            self.frames[0].index
        };
        for at in 0..self.frames[0].locals.len() {
            let may_escape = self.codes[self.frames[0].code].uses.escapes_behind(index, at);
            if may_escape && self.frames[0].locals[at].item == number {
                // From the one that has it.
                self.bring_home(at)?;
            }
        }
        for depth in 0..self.frames.len() {
            for at in 0..self.frames[depth].stack.len() {
                if self.frames[depth].stack[at] == number {
                    self.effect(Op::Incref, &[object], Imm::None);
                    self.frames[depth].stack[at] = Item::owned(object, number.kind());
                }
            }
        }
        Ok(object)
    }

    /// Takes an item out of a local of an inlined callee, if it is a number that gets an object there: it does not share that
    /// with itself.
    pub fn take_to_box(&mut self, depth: usize, local: usize) -> Item {
        let item = &mut self.frames[depth].locals[local].item;
        match item.is_counted() {
            true => std::mem::replace(item, Item::Null),
            false => item.clone(),
        }
    }

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
