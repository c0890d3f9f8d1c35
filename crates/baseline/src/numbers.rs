//! Numbers in registers: taking them out of objects, working with them, and putting them into objects again.

use crate::emitter::{Emitter, Item, Known, Number, Operand};
use justjit_builder::{Builder, FloatOp, FloatUnary, IntCond, IntOp, OverflowOp, Type};
use justjit_runtime::layout::offset;
use justjit_runtime::numbers::{MAKE_FLOAT, MAKE_INT, SMALL_INT_MAX, SMALL_INT_MIN};

/// Bits of the magnitude of an int of one digit.
pub const DIGIT_BITS: u8 = 30;
/// Bits that a magnitude may take so that it is a signed word's, with room for a carry.
const WORD_BITS: u8 = 62;
/// Bits of a magnitude that a float has room for.
pub const EXACT_BITS: u8 = 53;
/// Bits of a magnitude of which nothing is known.
pub const ANY_BITS: u8 = 63;

/// An operand of an instruction that can work on numbers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Arg<V> {
    Object(Operand<V>),
    Number(Number<V>),
}

impl<V: Copy> Arg<V> {
    /// What is known of a constant.
    pub fn known(&self) -> Known {
        match self {
            Arg::Object(operand) => operand.known,
            Arg::Number(_) => Known::Nothing,
        }
    }

    /// Whether it is a number of that kind, unless an instruction's general way has been taken.
    pub fn is_number(&self, float: bool) -> bool {
        matches!(self, Arg::Number(number) if number.bits.is_none() == float)
    }
}

impl<B: Builder> Emitter<'_, B> {
    /// Takes the top item off the stack, a number as it is.
    pub fn pop_arg(&mut self) -> Arg<B::Value> {
        match self.stack.last() {
            Some(&Item::Number(number)) => {
                self.stack.pop();
                Arg::Number(number)
            }
            _ => Arg::Object(self.pop()),
        }
    }

    /// The object of a number, made now or by a general way; owned.
    pub fn number_object(&mut self, number: Number<B::Value>) -> B::Value {
        let function = if number.bits.is_some() { &MAKE_INT } else { &MAKE_FLOAT };
        let Some(object) = number.object else {
            return self.b.call_value(function, &[number.value]);
        };
        let make = self.b.create_block();
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);
        if self.in_cold {
            self.b.set_cold(make);
            self.b.set_cold(join);
        }
        self.b.branch(object, (join, &[object]), (make, &[]));
        self.b.switch_to(make);
        let made = self.b.call_value(function, &[number.value]);
        self.b.jump(join, &[made]);
        self.b.switch_to(join);
        result
    }

    /// An operand as an object, for a general way.
    pub fn arg_object(&mut self, arg: Arg<B::Value>) -> Operand<B::Value> {
        match arg {
            Arg::Object(operand) => operand,
            Arg::Number(number) => {
                let before = std::mem::replace(&mut self.in_cold, true);
                let value = self.number_object(number);
                self.in_cold = before;
                Operand {
                    value,
                    owned: true,
                    known: Known::Nothing,
                    local: None,
                    immortal: false,
                }
            }
        }
    }

    /// Gives an operand up after its number was taken.
    pub fn release_arg(&mut self, arg: Arg<B::Value>) {
        if let Arg::Object(operand) = arg {
            self.release(operand);
        }
    }

    /// The value of an operand that is an exact compact int, and the bits of its magnitude; others go to `otherwise`.
    pub fn unbox_int(&mut self, arg: Arg<B::Value>, otherwise: B::Block) -> (B::Value, u8) {
        match arg {
            Arg::Number(number) => {
                let Some(bits) = number.bits else {
                    // Never a float where ints are worked on.
                    self.b.jump(otherwise, &[]);
                    let unreachable = self.b.create_block();
                    self.b.switch_to(unreachable);
                    return (self.int(0), DIGIT_BITS);
                };
                if let Some(object) = number.object {
                    self.b.branch_if(object, otherwise, &[]);
                }
                (number.value, bits)
            }
            Arg::Object(operand) => {
                if let Known::Int(value) = operand.known {
                    let bits = 64 - value.unsigned_abs().leading_zeros();
                    return (self.int(value), bits as u8);
                }
                let is_int = self.has_type(operand.value, self.input.objects.long_type);
                self.b.branch_unless(is_int, otherwise, &[]);
                let tag = self.load(operand.value, offset::LONG_TAG);
                let compact = self.b.compare_const(IntCond::UnsignedLt, tag, 16);
                self.b.branch_unless(compact, otherwise, &[]);
                (self.compact_value(operand.value, tag), DIGIT_BITS)
            }
        }
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

    /// The value of an operand that is an exact float, or a number; others go to `otherwise`.
    pub fn unbox_float(&mut self, arg: Arg<B::Value>, otherwise: B::Block) -> B::Value {
        match arg {
            Arg::Number(number) => {
                if let Some(object) = number.object {
                    self.b.branch_if(object, otherwise, &[]);
                }
                let Some(bits) = number.bits else {
                    return number.value;
                };
                if bits > EXACT_BITS {
                    let limit = 1 << EXACT_BITS;
                    let shifted = self.b.int_op_const(IntOp::Add, number.value, limit);
                    let exact = self.b.compare_const(IntCond::UnsignedLe, shifted, 2 * limit);
                    self.b.branch_unless(exact, otherwise, &[]);
                }
                self.b.int_to_float(number.value)
            }
            Arg::Object(operand) => {
                match operand.known {
                    Known::Float(value) => return self.b.float(value),
                    Known::Int(value) => return self.b.float(value as f64),
                    Known::Nothing => {}
                }
                let is_float = self.has_type(operand.value, self.input.objects.float_type);
                self.b.branch_unless(is_float, otherwise, &[]);
                self.b.load(Type::F64, operand.value, offset::FLOAT_VALUE)
            }
        }
    }

    /// Adds, subtracts or multiplies; what a word has no room for goes to `otherwise`.
    pub fn checked_int_op(
        &mut self,
        op: IntOp,
        (a, a_bits): (B::Value, u8),
        (b, b_bits): (B::Value, u8),
        otherwise: B::Block,
    ) -> (B::Value, u8) {
        let bits = match op {
            IntOp::Mul => a_bits.saturating_add(b_bits),
            _ => a_bits.max(b_bits) + 1,
        };
        if bits <= WORD_BITS {
            return (self.b.int_op(op, a, b), bits);
        }
        let op = match op {
            IntOp::Mul => OverflowOp::Mul,
            IntOp::Sub => OverflowOp::Sub,
            _ => OverflowOp::Add,
        };
        let (value, overflow) = self.b.overflow_op(op, a, b);
        self.b.branch_if(overflow, otherwise, &[]);
        (value, ANY_BITS)
    }

    /// `//` and `%`, rounded towards minus infinity; a divisor of 0 goes to `otherwise`.
    pub fn floor_division(
        &mut self,
        remainder: bool,
        (a, a_bits): (B::Value, u8),
        (b, b_bits): (B::Value, u8),
        divisor: Known,
        otherwise: B::Block,
    ) -> (B::Value, u8) {
        if let Known::Int(constant) = divisor
            && constant > 0
        {
            if (constant as u64).is_power_of_two() {
                let shift = constant.trailing_zeros();
                return if remainder {
                    (self.b.int_op_const(IntOp::And, a, constant - 1), (shift as u8).max(1))
                } else {
                    (self.b.int_op_const(IntOp::ShrSigned, a, shift.into()), a_bits)
                };
            }
        } else {
            self.b.branch_unless(b, otherwise, &[]);
            if a_bits > WORD_BITS {
                // The least word has no quotient by -1.
                let one = self.b.int_op_const(IntOp::Add, b, 1);
                self.b.branch_unless(one, otherwise, &[]);
            }
        }
        let quotient = self.b.int_op(IntOp::DivSigned, a, b);
        let product = self.b.int_op(IntOp::Mul, quotient, b);
        let rest = self.b.int_op(IntOp::Sub, a, product);
        // All ones where there is a rest whose sign is not the divisor's.
        let signs = self.b.int_op(IntOp::Xor, rest, b);
        let differ = self.b.int_op_const(IntOp::ShrSigned, signs, 63);
        let zero = self.int(0);
        let negative = self.b.int_op(IntOp::Sub, zero, rest);
        let some = self.b.int_op(IntOp::Or, rest, negative);
        let some = self.b.int_op_const(IntOp::ShrSigned, some, 63);
        let adjust = self.b.int_op(IntOp::And, differ, some);
        if remainder {
            let correction = self.b.int_op(IntOp::And, b, adjust);
            (self.b.int_op(IntOp::Add, rest, correction), b_bits)
        } else {
            (self.b.int_op(IntOp::Add, quotient, adjust), (a_bits + 1).min(ANY_BITS))
        }
    }

    /// `<<` and `>>`; counts that are negative or large, and results that a word has no room for, go to `otherwise`.
    pub fn shift(
        &mut self,
        left: bool,
        (a, a_bits): (B::Value, u8),
        (b, _): (B::Value, u8),
        count: Known,
        otherwise: B::Block,
    ) -> (B::Value, u8) {
        let most = i64::from(if left { WORD_BITS.saturating_sub(a_bits) } else { 63 });
        if let Known::Int(count) = count {
            if !(0..=most).contains(&count) {
                self.b.jump(otherwise, &[]);
                let unreachable = self.b.create_block();
                self.b.switch_to(unreachable);
                return (self.int(0), DIGIT_BITS);
            }
            return if left {
                (self.b.int_op_const(IntOp::Shl, a, count), a_bits + count as u8)
            } else {
                // A negative number goes to -1, which takes a bit.
                let bits = a_bits.saturating_sub(count as u8).max(1);
                (
                    self.b.int_op_const(IntOp::ShrSigned, a, count),
                    (bits + 1).min(ANY_BITS),
                )
            };
        }
        let fits = self.b.compare_const(IntCond::UnsignedLe, b, most);
        self.b.branch_unless(fits, otherwise, &[]);
        if left {
            (self.b.int_op(IntOp::Shl, a, b), a_bits.max(WORD_BITS))
        } else {
            (self.b.int_op(IntOp::ShrSigned, a, b), a_bits)
        }
    }

    /// `-number`, if the top item is a number; goes on as an item of its kind.
    pub fn negate_number(&mut self, number: Number<B::Value>, otherwise: B::Block) -> (B::Value, Option<u8>) {
        if let Some(object) = number.object {
            self.b.branch_if(object, otherwise, &[]);
        }
        match number.bits {
            None => (self.b.float_unary(FloatUnary::Neg, number.value), None),
            Some(bits) => {
                let zero = self.int(0);
                let (value, bits) = self.checked_int_op(IntOp::Sub, (zero, 0), (number.value, bits), otherwise);
                (value, Some(bits))
            }
        }
    }

    /// Writes a float over an object, if that is an exact float that only one reference leads to; `done` ends that path.
    /// All else goes to `fresh`.
    pub fn overwrite_float(
        &mut self,
        object: B::Value,
        value: B::Value,
        fresh: B::Block,
        done: impl FnOnce(&mut Self, B::Value),
    ) {
        let count = self.b.load(Type::I64, object, offset::OB_REFCNT);
        let alone = self.b.compare_const(IntCond::Eq, count, 1);
        self.b.branch_unless(alone, fresh, &[]);
        let is_float = self.has_type(object, self.input.objects.float_type);
        self.b.branch_unless(is_float, fresh, &[]);
        self.b.store(value, object, offset::FLOAT_VALUE);
        done(self, object);
    }

    /// Writes an int over an object, if that is an exact int of one digit that only one reference leads to, and the
    /// value needs one digit and is no small int; `done` ends that path. All else goes to `fresh`.
    pub fn overwrite_int(
        &mut self,
        object: B::Value,
        value: B::Value,
        fresh: B::Block,
        done: impl FnOnce(&mut Self, B::Value),
    ) {
        let count = self.b.load(Type::I64, object, offset::OB_REFCNT);
        let alone = self.b.compare_const(IntCond::Eq, count, 1);
        self.b.branch_unless(alone, fresh, &[]);
        let is_int = self.has_type(object, self.input.objects.long_type);
        let tag = self.load(object, offset::LONG_TAG);
        let compact = self.b.compare_const(IntCond::UnsignedLt, tag, 16);
        let suits = self.b.int_op(IntOp::And, is_int, compact);
        // One digit: -2**30 < value < 2**30.
        let shifted = self.b.int_op_const(IntOp::Add, value, (1 << 30) - 1);
        let fits = self.b.compare_const(IntCond::UnsignedLt, shifted, (1 << 31) - 1);
        let suits = self.b.int_op(IntOp::And, suits, fits);
        let shifted = self.b.int_op_const(IntOp::Sub, value, SMALL_INT_MIN);
        let large = self
            .b
            .compare_const(IntCond::UnsignedGt, shifted, SMALL_INT_MAX - SMALL_INT_MIN);
        let suits = self.b.int_op(IntOp::And, suits, large);
        self.b.branch_unless(suits, fresh, &[]);
        // Tag: one digit, sign 0 or 2.
        let sign = self.b.int_op_const(IntOp::ShrSigned, value, 63);
        let negative = self.b.int_op_const(IntOp::And, sign, 2);
        let tag = self.b.int_op_const(IntOp::Or, negative, 8);
        self.b.store(tag, object, offset::LONG_TAG);
        let flipped = self.b.int_op(IntOp::Xor, value, sign);
        let magnitude = self.b.int_op(IntOp::Sub, flipped, sign);
        let digit = self.b.truncate(Type::I32, magnitude);
        self.b.store(digit, object, offset::LONG_DIGIT);
        done(self, object);
    }

    /// Puts a number where `old` (an object, or NULL) is about to be replaced: over that, if nobody else has it; else
    /// gives the number's object, owned, to the rest. Goes to `done` when there is nothing left to store.
    pub fn number_over(
        &mut self,
        number: Number<B::Value>,
        old: B::Value,
        may_be_null: bool,
        done: B::Block,
    ) -> B::Value {
        let store = self.b.create_block();
        let object = self.b.block_param(store, Type::I64);
        if let Some(other) = number.object {
            let next = self.b.create_block();
            self.b.branch(other, (store, &[other]), (next, &[]));
            self.b.switch_to(next);
        }
        let fresh = self.b.create_block();
        if may_be_null {
            self.b.branch_unless(old, fresh, &[]);
        }
        match number.bits {
            Some(_) => self.overwrite_int(old, number.value, fresh, |this, _| this.b.jump(done, &[])),
            None => self.overwrite_float(old, number.value, fresh, |this, _| this.b.jump(done, &[])),
        }
        self.b.switch_to(fresh);
        let function = if number.bits.is_some() { &MAKE_INT } else { &MAKE_FLOAT };
        let made = self.b.call_value(function, &[number.value]);
        self.b.jump(store, &[made]);
        self.b.switch_to(store);
        object
    }

    /// Float arithmetic; a divisor of zero goes to `otherwise`.
    pub fn float_operation(&mut self, op: FloatOp, a: B::Value, b: B::Value, otherwise: B::Block) -> B::Value {
        if op == FloatOp::Div {
            let zero = self.b.float(0.0);
            let divisible = self.b.float_compare(justjit_builder::FloatCond::Ne, b, zero);
            self.b.branch_unless(divisible, otherwise, &[]);
        }
        self.b.float_op(op, a, b)
    }
}
