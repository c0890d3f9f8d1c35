//! Arithmetic on operands that are ints at one time and floats at another.
//!
//! Where one of them is a float, so is what arithmetic gives: the other is unboxed as a float, whichever it is, and all is done
//! on a way of its own. On the other way the runtime does the operator, which runs no Python code and so needs neither frames
//! nor another look at what was bet on; what it gives is a number of either kind.

use crate::builder::{Builder, Done};
use crate::item::{Item, Kind, Object, Owner};
use justjit_builder::{FloatCond, IntCond};
use justjit_ir::{Block, Effect, Imm, Op, Reason, Type, Value};
use justjit_runtime::ops::numbers::nb;
use justjit_runtime::optimized::{NUMBER_COMPARISON, NUMBER_OPERATOR};
use pyo3_ffi::*;

/// Operators of a function, beyond which floats get no way of their own where that does not join the other again.
pub const SPLIT_LIMIT: usize = 12;

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

    /// Whether nothing but ints and floats (exactly) was met at an operand, or is known to be there.
    fn is_int_or_float(&mut self, item: &Item, operand: usize) -> bool {
        match item.kind() {
            Kind::Unknown => {
                let bool = &raw mut PyBool_Type;
                !self.is_widened(Reason::Type)
                    && !self.is_widened(Reason::Overflow)
                    && !self.seen().operands[operand].met.contains(&bool)
            }
            _ => true,
        }
    }

    /// Whether any of the operands is a float; `None` if that is not worth a look.
    fn any_float(&mut self, items: [&Item; 2]) -> Option<Value> {
        let mut any = None;
        for item in items {
            if let Item::Object(object) = item
                && matches!(object.kind, Kind::Unknown | Kind::Number)
            {
                let test = self.is_of_kind(object.value, Kind::Float);
                any = Some(match any {
                    Some(any) => self.op(Op::BoolOr, &[any, test]),
                    None => test,
                });
            }
        }
        any
    }

    /// An int or float as a float: an int becomes the nearest one, as the interpreter has it.
    fn number_as_float(&mut self, item: &Item) -> Value {
        let Item::Object(object) = *item else {
            return self.as_float(item);
        };
        if !matches!(object.kind, Kind::Unknown | Kind::Number) {
            return self.as_float(item);
        }
        let is_float = self.is_of_kind(object.value, Kind::Float);
        let (float, int, join) = (self.f.add_block(), self.f.add_block(), self.f.add_block());
        self.branch(is_float, float, int);
        self.block = float;
        let value = self.op(Op::UnboxFloat, &[object.value]);
        self.jump_with(join, value);
        self.block = int;
        if object.kind == Kind::Unknown {
            let is_int = self.is_of_kind(object.value, Kind::Int);
            self.guard(is_int, Reason::Type);
        }
        let value = self.checked(Op::UnboxInt, &[object.value], Reason::Overflow);
        let value = self.op(Op::IntToFloat, &[value]);
        self.jump_with(join, value);
        self.block = join;
        self.terminated = false;
        self.f.add_param(join, Type::Float)
    }

    /// An operator of which one operand is a float: pushes the result.
    fn operator_on_floats(&mut self, op: u32, items: [&Item; 2]) -> Option<Item> {
        let [a, b] = items.map(|item| self.number_as_float(item));
        let result = self.float_operator(op, &Item::Float(a), &Item::Float(b));
        for item in items {
            self.release_known(item.clone(), Kind::Number);
        }
        result
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

    /// Does the operator for floats on a way of its own, where the test holds: both are floats, or one of them is. Gives where the
    /// result is to come together with that of the other way, which is the present one afterwards.
    fn floats_apart(
        &mut self,
        op: u32,
        [left, right]: [&Item; 2],
        test: Value,
        (mixes, gives_float): (bool, bool),
    ) -> Done<Option<(Block, Value)>> {
        let (here, other) = (self.f.add_block(), self.f.add_block());
        self.branch(test, here, other);
        let frames = self.frames.clone();
        self.block = here;
        self.terminated = false;
        let result = if mixes {
            self.operator_on_floats(op, [left, right])
        } else {
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
            let result = self.float_operator(op, &a, &b);
            self.release(a);
            self.release(b);
            result
        };
        let mut join = None;
        match result {
            Some(Item::Float(result)) if gives_float => {
                let block = self.f.add_block();
                let joined = self.f.add_param(block, Type::Float);
                self.jump_with(block, result);
                join = Some((block, joined));
            }
            Some(result) => {
                self.splits += 1;
                self.push(result);
                let next = self.index + 1;
                self.go_to_next(next)?;
            }
            None => self.deopt(Reason::Domain),
        }
        self.frames = frames;
        self.block = other;
        self.terminated = false;
        Ok(join)
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
        let known = [(left, 0), (right, 1)];
        let mixes = known
            .into_iter()
            .all(|(item, operand)| self.is_int_or_float(item, operand));
        if mixes && (left.kind() == Kind::Float || right.kind() == Kind::Float) {
            match self.operator_on_floats(op, [left, right]) {
                Some(result) => self.push(result),
                None => self.deopt(Reason::Domain),
            }
            return Ok(true);
        }
        // Where only floats were given, the ways join again.
        let gives_float = self.predicted_result() == Kind::Float;
        let mut join = None;
        if gives_float || self.splits < SPLIT_LIMIT {
            let test = match mixes {
                true => self.any_float([left, right]),
                false => self.both_floats([left, right]),
            };
            if let Some(test) = test {
                join = self.floats_apart(op, [left, right], test, (mixes, gives_float))?;
            }
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
