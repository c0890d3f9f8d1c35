//! Operators and comparisons: compact ints and floats inline, everything else in the runtime.

use crate::emitter::{Emitter, Item, Known, Operand};
use justjit_builder::{Builder, FloatCond, FloatOp, IntCond, IntOp, RuntimeFn, Type};
use justjit_runtime::fast::ADD_TO_LOCAL;
use justjit_runtime::feedback::seen;
use justjit_runtime::layout::offset;
use justjit_runtime::numbers::{BINARY, BOX_FLOAT, BOX_INT, COMPARE_OBJECT, COMPARE_TEST};
use justjit_runtime::ops::containers::CONTAINS;
use justjit_runtime::ops::numbers::{UNARY_INVERT, UNARY_NEGATIVE};

/// Numbers of the binary operators (`NB_*`); the in-place ones are 13 higher.
mod nb {
    pub const ADD: u32 = 0;
    pub const AND: u32 = 1;
    pub const MULTIPLY: u32 = 5;
    pub const OR: u32 = 7;
    pub const SUBTRACT: u32 = 10;
    pub const TRUE_DIVIDE: u32 = 11;
    pub const XOR: u32 = 12;
    pub const IN_PLACE: u32 = 13;
}

/// What an operator is inlined for.
#[derive(Clone, Copy, PartialEq)]
enum Inlined {
    Int(IntOp),
    Float(FloatOp),
    Nothing,
}

impl<B: Builder> Emitter<'_, B> {
    /// Decides by the constants at hand, then by what has been seen.
    fn inlined(&self, op: u32, a: Known, b: Known) -> Inlined {
        let int = match op {
            nb::ADD => Some(IntOp::Add),
            nb::SUBTRACT => Some(IntOp::Sub),
            nb::MULTIPLY => Some(IntOp::Mul),
            nb::AND => Some(IntOp::And),
            nb::OR => Some(IntOp::Or),
            nb::XOR => Some(IntOp::Xor),
            _ => None,
        };
        let float = match op {
            nb::ADD => Some(FloatOp::Add),
            nb::SUBTRACT => Some(FloatOp::Sub),
            nb::MULTIPLY => Some(FloatOp::Mul),
            nb::TRUE_DIVIDE => Some(FloatOp::Div),
            _ => None,
        };
        if self.input.profiling {
            return Inlined::Nothing;
        }
        let constant = matches!(a, Known::Float(_)) || matches!(b, Known::Float(_));
        if constant || self.inlines(seen::FLOAT) {
            return float.map_or(Inlined::Nothing, Inlined::Float);
        }
        if self.inlines(seen::INT) {
            return int.map_or(Inlined::Nothing, Inlined::Int);
        }
        Inlined::Nothing
    }

    /// The value of an operand that is an exact compact int; others go to `otherwise`.
    pub fn unbox_int(&mut self, operand: Operand<B::Value>, otherwise: B::Block) -> B::Value {
        if let Known::Int(value) = operand.known {
            return self.int(value);
        }
        let is_int = self.has_type(operand.value, self.input.objects.long_type);
        self.b.branch_unless(is_int, otherwise, &[]);
        let tag = self.load(operand.value, offset::LONG_TAG);
        let compact = self.b.compare_const(IntCond::UnsignedLt, tag, 16);
        self.b.branch_unless(compact, otherwise, &[]);
        self.compact_value(operand.value, tag)
    }

    /// The value of a compact int with this tag: its digit times one less its sign bits.
    fn compact_value(&mut self, object: B::Value, tag: B::Value) -> B::Value {
        let digit = self.b.load(Type::I32, object, offset::LONG_DIGIT);
        let digit = self.b.zero_extend(Type::I64, digit);
        let sign = self.b.int_op_const(IntOp::And, tag, 3);
        let one = self.int(1);
        let factor = self.b.int_op(IntOp::Sub, one, sign);
        self.b.int_op(IntOp::Mul, digit, factor)
    }

    /// The values of two operands that are exact compact ints; one test of the tags for both.
    fn unbox_ints(&mut self, a: Operand<B::Value>, b: Operand<B::Value>, otherwise: B::Block) -> (B::Value, B::Value) {
        if a.known != Known::Nothing || b.known != Known::Nothing {
            return (self.unbox_int(a, otherwise), self.unbox_int(b, otherwise));
        }
        let long = self.object(self.input.objects.long_type);
        let left_type = self.load(a.value, offset::OB_TYPE);
        let right_type = self.load(b.value, offset::OB_TYPE);
        let left_differs = self.b.int_op(IntOp::Xor, left_type, long);
        let right_differs = self.b.int_op(IntOp::Xor, right_type, long);
        let differs = self.b.int_op(IntOp::Or, left_differs, right_differs);
        self.b.branch_if(differs, otherwise, &[]);
        let left_tag = self.load(a.value, offset::LONG_TAG);
        let right_tag = self.load(b.value, offset::LONG_TAG);
        let tags = self.b.int_op(IntOp::Or, left_tag, right_tag);
        let compact = self.b.compare_const(IntCond::UnsignedLt, tags, 16);
        self.b.branch_unless(compact, otherwise, &[]);
        (
            self.compact_value(a.value, left_tag),
            self.compact_value(b.value, right_tag),
        )
    }

    /// The value of an operand that is an exact float; others go to `otherwise`.
    fn unbox_float(&mut self, operand: Operand<B::Value>, otherwise: B::Block) -> B::Value {
        match operand.known {
            Known::Float(value) => return self.b.float(value),
            Known::Int(value) => return self.b.float(value as f64),
            Known::Nothing => {}
        }
        let is_float = self.has_type(operand.value, self.input.objects.float_type);
        self.b.branch_unless(is_float, otherwise, &[]);
        self.b.load(Type::F64, operand.value, offset::FLOAT_VALUE)
    }

    /// `BINARY_OP`.
    pub fn binary_op(&mut self) {
        let op = self.at.arg;
        let right = self.pop();
        let left = self.pop();
        let plain = op % nb::IN_PLACE;
        let inlined = self.inlined(plain, left.known, right.known);
        // `x = x + …`: the local's own object may be written over, or a string extended.
        let target = left.local.filter(|&local| self.stored_next() == Some(local));
        let general: (&RuntimeFn, B::Value) = match target.filter(|_| plain == nb::ADD) {
            Some(local) if right.local != Some(local) && !self.stack.contains(&Item::Local(local)) => {
                (&ADD_TO_LOCAL, self.local_address(local))
            }
            _ => (&BINARY, left.value),
        };
        if inlined == Inlined::Nothing {
            let op = self.int32(op as i32);
            let feedback = self.feedback();
            let result = self.call_object(general.0, &[op, general.1, right.value, feedback], &[left, right]);
            self.push_owned(result);
            return;
        }
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);
        match inlined {
            Inlined::Int(int_op) => {
                let (a, b) = self.unbox_ints(left, right, slow);
                let value = self.b.int_op(int_op, a, b);
                self.finish_int(value, left, right, target, join);
            }
            Inlined::Float(float_op) => {
                let a = self.unbox_float(left, slow);
                let b = self.unbox_float(right, slow);
                if float_op == FloatOp::Div {
                    let zero = self.b.float(0.0);
                    let divisible = self.b.float_compare(FloatCond::Ne, b, zero);
                    self.b.branch_unless(divisible, slow, &[]);
                }
                let value = self.b.float_op(float_op, a, b);
                self.finish_float(value, left, right, target, join);
            }
            Inlined::Nothing => unreachable!("handled above"),
        }
        self.b.switch_to(slow);
        let op = self.int32(op as i32);
        let feedback = self.feedback();
        let value = self.call_object(general.0, &[op, general.1, right.value, feedback], &[left, right]);
        self.b.jump(join, &[value]);
        self.b.switch_to(join);
        self.push_owned(result);
    }

    /// Puts an int result into an object and goes to `join` with it.
    fn finish_int(
        &mut self,
        value: B::Value,
        left: Operand<B::Value>,
        right: Operand<B::Value>,
        target: Option<u32>,
        join: B::Block,
    ) {
        let fresh = self.b.create_block();
        if target.is_some() {
            self.overwrite_int(left.value, value, fresh, |this, object| {
                this.incref(object);
                this.release(right);
                this.b.jump(join, &[object]);
            });
        } else if left.owned && !left.immortal {
            self.overwrite_int(left.value, value, fresh, |this, object| {
                this.release(right);
                this.b.jump(join, &[object]);
            });
        } else {
            self.b.jump(fresh, &[]);
        }
        self.b.switch_to(fresh);
        let object = self.b.call_value(&BOX_INT, &[value]);
        self.finish_new(object, left, right, join);
    }

    /// Goes to `join` with a new object that replaces the operands; NULL raises.
    fn finish_new(&mut self, object: B::Value, left: Operand<B::Value>, right: Operand<B::Value>, join: B::Block) {
        let failed = self.b.create_block();
        self.b.set_cold(failed);
        let made = self.b.create_block();
        self.b.branch(object, (made, &[]), (failed, &[]));
        self.b.switch_to(failed);
        self.drop_all(&[left, right]);
        let raise = self.raise_block_unlocated();
        self.b.jump(raise, &[]);
        self.b.switch_to(made);
        self.release(left);
        self.release(right);
        self.b.jump(join, &[object]);
    }

    /// Puts a float result into an object and goes to `join` with it.
    fn finish_float(
        &mut self,
        value: B::Value,
        left: Operand<B::Value>,
        right: Operand<B::Value>,
        target: Option<u32>,
        join: B::Block,
    ) {
        // A known operand is a constant, which is not ours to write over; an int constant is no float.
        let reusable = |one: &Operand<B::Value>| one.owned && !one.immortal && one.known == Known::Nothing;
        for (one, other, borrowed) in [(left, right, target.is_some()), (right, left, false)] {
            if !(reusable(&one) || borrowed) {
                continue;
            }
            let count = self.b.load(Type::I64, one.value, offset::OB_REFCNT);
            let alone = self.b.compare_const(IntCond::Eq, count, 1);
            let reuse = self.b.create_block();
            let next = self.b.create_block();
            self.b.branch(alone, (reuse, &[]), (next, &[]));
            self.b.switch_to(reuse);
            self.b.store(value, one.value, offset::FLOAT_VALUE);
            if borrowed {
                self.incref(one.value);
            }
            self.release(other);
            self.b.jump(join, &[one.value]);
            self.b.switch_to(next);
        }
        let object = self.b.call_value(&BOX_FLOAT, &[value]);
        self.finish_new(object, left, right, join);
    }

    /// `COMPARE_OP`.
    pub fn compare_op(&mut self) {
        let op = self.at.arg >> 5;
        let to_bool = self.at.arg & 16 != 0;
        let right = self.pop();
        let left = self.pop();
        let constant = matches!(left.known, Known::Float(_)) || matches!(right.known, Known::Float(_));
        let floats = constant || self.inlines(seen::FLOAT);
        let inlined = !self.input.profiling && (floats || self.inlines(seen::INT));
        let slow = self.b.create_block();
        let join = self.b.create_block();
        let result = self.b.block_param(join, if to_bool { Type::I8 } else { Type::I64 });
        if !inlined {
            self.b.jump(slow, &[]);
        } else {
            self.b.set_cold(slow);
            let flag = if floats {
                let a = self.unbox_float(left, slow);
                let b = self.unbox_float(right, slow);
                let cond = [
                    FloatCond::Lt,
                    FloatCond::Le,
                    FloatCond::Eq,
                    FloatCond::Ne,
                    FloatCond::Gt,
                    FloatCond::Ge,
                ];
                self.b.float_compare(cond[op as usize], a, b)
            } else {
                let (a, b) = self.unbox_ints(left, right, slow);
                let cond = [
                    IntCond::SignedLt,
                    IntCond::SignedLe,
                    IntCond::Eq,
                    IntCond::Ne,
                    IntCond::SignedGt,
                    IntCond::SignedGe,
                ];
                self.b.compare(cond[op as usize], a, b)
            };
            let value = if to_bool { flag } else { self.bool_object(flag) };
            self.release(left);
            self.release(right);
            self.b.jump(join, &[value]);
        }
        self.b.switch_to(slow);
        let number = self.int32(op as i32);
        let feedback = self.feedback();
        let args = [number, left.value, right.value, feedback];
        let value = if to_bool {
            let status = self.call_status(&COMPARE_TEST, &args, &[left, right]);
            self.b.truncate(Type::I8, status)
        } else {
            self.call_object(&COMPARE_OBJECT, &args, &[left, right])
        };
        self.b.jump(join, &[value]);
        self.b.switch_to(join);
        self.push(if to_bool {
            Item::Bool(result)
        } else {
            Item::Owned(result)
        });
    }

    /// `IS_OP`.
    pub fn is_op(&mut self) {
        let right = self.pop();
        let left = self.pop();
        let cond = if self.at.arg == 0 { IntCond::Eq } else { IntCond::Ne };
        let result = self.b.compare(cond, left.value, right.value);
        self.release(right);
        self.release(left);
        self.push(Item::Bool(result));
    }

    /// `CONTAINS_OP`.
    pub fn contains_op(&mut self) {
        let container = self.pop();
        let item = self.pop();
        let status = self.call_status(&CONTAINS, &[container.value, item.value], &[item, container]);
        let mut result = self.b.truncate(Type::I8, status);
        if self.at.arg != 0 {
            result = self.b.int_op_const(IntOp::Xor, result, 1);
        }
        self.push(Item::Bool(result));
    }

    /// `UNARY_NEGATIVE`.
    pub fn unary_negative(&mut self) {
        let operand = self.pop();
        let result = self.call_object(&UNARY_NEGATIVE, &[operand.value], &[operand]);
        self.push_owned(result);
    }

    /// `UNARY_INVERT`.
    pub fn unary_invert(&mut self) {
        let operand = self.pop();
        let result = self.call_object(&UNARY_INVERT, &[operand.value], &[operand]);
        self.push_owned(result);
    }
}
