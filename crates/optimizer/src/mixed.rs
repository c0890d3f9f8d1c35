//! Arithmetic on operands that are ints at one time and floats at another.
//!
//! Floats are worked on unboxed, on a way of their own. On the other way the runtime does the operator, which runs no Python
//! code and so needs neither frames nor another look at what was bet on; what it gives is a number of either kind.

use crate::arithmetic::nb;
use crate::builder::{Builder, Done};
use crate::item::{Item, Kind, Object, Owner};
use justjit_builder::{FloatCond, IntCond};
use justjit_ir::{Effect, Imm, Op, Reason, Type, Value};
use justjit_runtime::optimized::{NUMBER_COMPARISON, NUMBER_OPERATOR};
use pyo3_ffi::*;

/// Operators of a function, beyond which floats get no way of their own where that does not join the other again.
const SPLIT_LIMIT: usize = 12;

impl Builder<'_> {
    /// Whether an operand is a number, as far as anybody knows.
    fn is_mixed(&mut self, item: &Item, operand: usize) -> bool {
        match item.kind() {
            Kind::Int | Kind::Float | Kind::Bool | Kind::Number => true,
            Kind::Unknown => {
                let numbers = [&raw mut PyLong_Type, &raw mut PyFloat_Type, &raw mut PyBool_Type];
                let seen = self.seen();
                let types = &seen.operands[operand];
                !types.more && !types.met.is_empty() && types.met.iter().all(|ty| numbers.contains(ty))
            }
            _ => false,
        }
    }

    /// Whether both operands are floats; `None` if that is known not to be, or not worth a look.
    fn both_floats(&mut self, items: [&Item; 2]) -> Option<Value> {
        if items.iter().any(|item| item.kind() == Kind::Number) {
            return None;
        }
        let mut all = None;
        for item in items {
            match item {
                Item::Object(object) if object.kind == Kind::Unknown => {
                    let test = self.is_of_kind(object.value, Kind::Float);
                    all = Some(match all {
                        Some(all) => self.op(Op::BoolAnd, &[all, test]),
                        None => test,
                    });
                }
                item if item.kind() == Kind::Float => {}
                _ => return None,
            }
        }
        all
    }

    /// Operands as objects, and the references that are to be given up afterwards.
    fn as_number_objects(&mut self, items: [&Item; 2]) -> Done<([Value; 2], Vec<Value>, Vec<Value>)> {
        let (mut values, mut owned, mut made) = ([Value(0); 2], Vec::new(), Vec::new());
        for (value, item) in values.iter_mut().zip(items) {
            let was_object = matches!(item, Item::Object(_));
            let (object, item) = self.borrow_object(item.clone())?;
            *value = object;
            if let Item::Object(Object {
                value,
                owner: Owner::Item,
                ..
            }) = item
            {
                owned.push(value);
                if !was_object {
                    made.push(value);
                }
            }
        }
        Ok((values, owned, made))
    }

    /// Leaves before the present instruction unless the condition holds, giving up what was made for it.
    fn guard_number(&mut self, fine: Value, reason: Reason, made: Vec<Value>) {
        let state = self.state_before(reason);
        let mut state = self.f.states[state.index()].clone();
        state.release.extend(made);
        let state = self.f.add_state(state);
        self.f.append(self.block, Op::Guard, vec![fine], Imm::None, Some(state));
    }

    /// `BINARY_OP`; `false` if nothing has been done.
    pub fn mixed_operator(&mut self, op: u32, left: &Item, right: &Item) -> Done<bool> {
        let known = [
            nb::ADD,
            nb::SUBTRACT,
            nb::MULTIPLY,
            nb::TRUE_DIVIDE,
            nb::FLOOR_DIVIDE,
            nb::REMAINDER,
        ];
        if self.is_widened(Reason::Domain)
            || !known.contains(&op)
            || !self.is_mixed(left, 0)
            || !self.is_mixed(right, 1)
        {
            return Ok(false);
        }
        self.specialized += 1;
        // Where only floats were given, the ways join again.
        let gives_float = self.predicted_result() == Kind::Float;
        let mut join = None;
        if (gives_float || self.splits < SPLIT_LIMIT)
            && let Some(floats) = self.both_floats([left, right])
        {
            let (here, other) = (self.f.add_block(), self.f.add_block());
            self.branch(floats, here, other);
            let frames = self.frames.clone();
            self.block = here;
            self.terminated = false;
            let as_float = |item: &Item| match *item {
                Item::Object(object) => Item::Object(Object {
                    kind: Kind::Float,
                    ..object
                }),
                _ => item.clone(),
            };
            let (a, b) = (as_float(left), as_float(right));
            for item in [&a, &b] {
                if let Item::Object(object) = item {
                    self.learn(object.value, Kind::Float);
                }
            }
            match self.float_operator(op, &a, &b) {
                Some(Item::Float(result)) if gives_float => {
                    self.release(a);
                    self.release(b);
                    let block = self.f.add_block();
                    let joined = self.f.add_param(block, Type::Float);
                    self.jump_with(block, result);
                    join = Some((block, joined));
                }
                Some(result) => {
                    self.splits += 1;
                    self.release(a);
                    self.release(b);
                    self.push(result);
                    let next = self.index + 1;
                    self.go_to_next(next)?;
                }
                None => self.deopt(Reason::Domain),
            }
            self.frames = frames;
            self.block = other;
            self.terminated = false;
        }
        let (values, owned, made) = self.as_number_objects([left, right])?;
        let number = self.int(op.into());
        let result = self
            .call(
                &NUMBER_OPERATOR,
                &[number, values[0], values[1]],
                Some(Type::Object),
                (Effect::Allocate, true),
            )
            .expect("a result");
        let none = self.op(Op::IsNull, &[result]);
        let fine = self.op(Op::BoolNot, &[none]);
        self.guard_number(fine, Reason::Domain, made.clone());
        if gives_float {
            let is_float = self.is_of_kind(result, Kind::Float);
            let mut made = made;
            made.push(result);
            self.guard_number(is_float, Reason::Type, made);
        }
        for value in owned {
            self.effect(Op::DecrefNumber, &[value], Imm::None);
        }
        if !gives_float {
            self.push(Item::owned(result, Kind::Number));
            return Ok(true);
        }
        let value = self.op(Op::UnboxFloat, &[result]);
        self.effect(Op::DecrefNumber, &[result], Imm::None);
        let value = match join {
            Some((block, joined)) => {
                self.jump_with(block, value);
                self.block = block;
                self.terminated = false;
                joined
            }
            None => value,
        };
        self.push(Item::Float(value));
        Ok(true)
    }

    /// `COMPARE_OP`; `false` if nothing has been done.
    pub fn mixed_comparison(&mut self, op: usize, left: &Item, right: &Item) -> Done<bool> {
        if self.is_widened(Reason::Domain) || !self.is_mixed(left, 0) || !self.is_mixed(right, 1) {
            return Ok(false);
        }
        self.specialized += 1;
        let join = self.f.add_block();
        let flag = self.f.add_param(join, Type::Bool);
        if let Some(floats) = self.both_floats([left, right]) {
            let (here, other) = (self.f.add_block(), self.f.add_block());
            self.branch(floats, here, other);
            self.block = here;
            let [a, b] = [left, right].map(|item| match *item {
                Item::Object(object) => self.op(Op::UnboxFloat, &[object.value]),
                _ => self.as_float(item),
            });
            let cond = [
                FloatCond::Lt,
                FloatCond::Le,
                FloatCond::Eq,
                FloatCond::Ne,
                FloatCond::Gt,
                FloatCond::Ge,
            ];
            let result = self.float_compare(cond[op], a, b);
            for item in [left, right] {
                if let Item::Object(Object {
                    value,
                    owner: Owner::Item,
                    ..
                }) = *item
                {
                    self.effect(Op::DecrefNumber, &[value], Imm::None);
                }
            }
            self.jump_with(join, result);
            self.block = other;
            self.terminated = false;
        }
        let (values, owned, made) = self.as_number_objects([left, right])?;
        let which = self.int(op as i64);
        let status = self
            .call(
                &NUMBER_COMPARISON,
                &[which, values[0], values[1]],
                Some(Type::Int),
                (Effect::Allocate, false),
            )
            .expect("a result");
        let zero = self.int(0);
        let fine = self.int_compare(IntCond::SignedGe, status, zero);
        self.guard_number(fine, Reason::Domain, made);
        for value in owned {
            self.effect(Op::DecrefNumber, &[value], Imm::None);
        }
        let result = self.int_compare(IntCond::Ne, status, zero);
        self.jump_with(join, result);
        self.block = join;
        self.terminated = false;
        self.push(Item::Bool(flag));
        Ok(true)
    }
}
