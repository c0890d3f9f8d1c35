//! Arithmetic on ints, floats and bools.

use crate::lower::{Lowering, wrong};
use justjit_builder::{Builder, FloatOp, FloatUnary, IntCond, IntOp, OverflowOp, Type as Width};
use justjit_ir::{Imm, InstData, Op, Value};

impl<B: Builder> Lowering<'_, B> {
    pub fn int_inst(&mut self, inst: &InstData) -> B::Value {
        if let (Op::IntConst, Imm::Int(value)) = (inst.op, inst.imm) {
            return self.int(value);
        }
        let a = self.value(inst.args[0]);
        if inst.op == Op::IntToFloat {
            return self.b.int_to_float(a);
        }
        let right = inst.args[1];
        let b = self.value(right);
        match inst.op {
            Op::IntAdd | Op::IntAddWrapping => self.b.int_op(IntOp::Add, a, b),
            Op::IntSub => self.b.int_op(IntOp::Sub, a, b),
            Op::IntMul => self.b.int_op(IntOp::Mul, a, b),
            Op::IntAddChecked => self.checked(OverflowOp::Add, a, b, inst),
            Op::IntSubChecked => self.checked(OverflowOp::Sub, a, b, inst),
            Op::IntMulChecked => self.checked(OverflowOp::Mul, a, b, inst),
            Op::IntDiv => self.b.int_op(IntOp::DivSigned, a, b),
            Op::IntRem => self.b.int_op(IntOp::RemSigned, a, b),
            Op::IntFloorDiv => self.floor_div(a, b, right),
            Op::IntMod => self.floor_mod(a, b, right),
            Op::IntAnd => self.b.int_op(IntOp::And, a, b),
            Op::IntOr => self.b.int_op(IntOp::Or, a, b),
            Op::IntXor => self.b.int_op(IntOp::Xor, a, b),
            Op::IntShl => self.b.int_op(IntOp::Shl, a, b),
            Op::IntShlChecked => self.shift_left(a, b, right, inst),
            Op::IntShr => {
                let count = match self.constant(right) {
                    Some(count) => self.int(count.min(63)),
                    None => {
                        let most = self.int(63);
                        let large = self.b.compare_const(IntCond::UnsignedGt, b, 63);
                        self.b.select(large, most, b)
                    }
                };
                self.b.int_op(IntOp::ShrSigned, a, count)
            }
            Op::IntCompare => {
                let Imm::IntCond(cond) = inst.imm else { wrong(inst) };
                self.b.compare(cond, a, b)
            }
            Op::IntWrap => {
                let narrow = match self.constant(right) {
                    Some(8) => Width::I8,
                    Some(16) => Width::I16,
                    Some(32) => Width::I32,
                    other => panic!("int_wrap to {other:?} bits"),
                };
                let low = self.b.truncate(narrow, a);
                self.b.sign_extend(Width::I64, low)
            }
            _ => wrong(inst),
        }
    }

    fn checked(&mut self, op: OverflowOp, a: B::Value, b: B::Value, inst: &InstData) -> B::Value {
        let (result, overflow) = self.b.overflow_op(op, a, b);
        self.leave_if(overflow, inst);
        result
    }

    /// The constant, if it is one that is a power of two, and which.
    fn power_of_two(&self, value: Value) -> Option<(i64, i64)> {
        let constant = self.constant(value)?;
        (constant > 0 && constant.count_ones() == 1).then(|| (constant, constant.trailing_zeros().into()))
    }

    /// Quotient rounded towards minus infinity.
    fn floor_div(&mut self, a: B::Value, b: B::Value, divisor: Value) -> B::Value {
        if let Some((_, shift)) = self.power_of_two(divisor) {
            return self.b.int_op_const(IntOp::ShrSigned, a, shift);
        }
        let quotient = self.b.int_op(IntOp::DivSigned, a, b);
        let product = self.b.int_op(IntOp::Mul, quotient, b);
        let rest = self.b.int_op(IntOp::Sub, a, product);
        let adjust = self.adjust(rest, b, divisor);
        self.b.int_op(IntOp::Add, quotient, adjust)
    }

    /// Remainder with the divisor's sign.
    fn floor_mod(&mut self, a: B::Value, b: B::Value, divisor: Value) -> B::Value {
        if let Some((power, _)) = self.power_of_two(divisor) {
            return self.b.int_op_const(IntOp::And, a, power - 1);
        }
        // The least int has no quotient by -1; the remainder is that by 1.
        let safe = match self.constant(divisor) {
            Some(-1) => self.int(1),
            Some(_) => b,
            None => {
                let one = self.int(1);
                let minus_one = self.b.compare_const(IntCond::Eq, b, -1);
                self.b.select(minus_one, one, b)
            }
        };
        let rest = self.b.int_op(IntOp::RemSigned, a, safe);
        let adjust = self.adjust(rest, b, divisor);
        let correction = self.b.int_op(IntOp::And, b, adjust);
        self.b.int_op(IntOp::Add, rest, correction)
    }

    /// All ones where there is a rest whose sign is not the divisor's, else 0.
    fn adjust(&mut self, rest: B::Value, b: B::Value, divisor: Value) -> B::Value {
        let zero = self.int(0);
        match self.constant(divisor) {
            Some(1..) => self.b.int_op_const(IntOp::ShrSigned, rest, 63),
            Some(_) => {
                // A rest is never the least int, so it can be negated.
                let negative = self.b.int_op(IntOp::Sub, zero, rest);
                self.b.int_op_const(IntOp::ShrSigned, negative, 63)
            }
            None => {
                let signs = self.b.int_op(IntOp::Xor, rest, b);
                let negative = self.b.int_op(IntOp::Sub, zero, rest);
                let some = self.b.int_op(IntOp::Or, rest, negative);
                let both = self.b.int_op(IntOp::And, signs, some);
                self.b.int_op_const(IntOp::ShrSigned, both, 63)
            }
        }
    }

    fn shift_left(&mut self, a: B::Value, b: B::Value, count: Value, inst: &InstData) -> B::Value {
        if !self.constant(count).is_some_and(|count| (0..=63).contains(&count)) {
            let fits = self.b.compare_const(IntCond::UnsignedLe, b, 63);
            self.leave_unless(fits, inst);
        }
        let shifted = self.b.int_op(IntOp::Shl, a, b);
        let back = self.b.int_op(IntOp::ShrSigned, shifted, b);
        let same = self.b.compare(IntCond::Eq, back, a);
        self.leave_unless(same, inst);
        shifted
    }

    pub fn float_inst(&mut self, inst: &InstData) -> B::Value {
        if let (Op::FloatConst, Imm::Float(value)) = (inst.op, inst.imm) {
            return self.b.float(value);
        }
        let a = self.value(inst.args[0]);
        let unary = match inst.op {
            Op::FloatNeg => Some(FloatUnary::Neg),
            Op::FloatAbs => Some(FloatUnary::Abs),
            Op::FloatSqrt => Some(FloatUnary::Sqrt),
            Op::FloatFloor => Some(FloatUnary::Floor),
            Op::FloatCeil => Some(FloatUnary::Ceil),
            Op::FloatTrunc => Some(FloatUnary::Trunc),
            Op::FloatNearest => Some(FloatUnary::NearestEven),
            _ => None,
        };
        if let Some(op) = unary {
            return self.b.float_unary(op, a);
        }
        match inst.op {
            Op::FloatToInt => return self.b.float_to_int(a),
            Op::FloatHalf => return self.b.float_to_half(a),
            Op::HalfFloat => return self.b.float_from_half(a),
            Op::FloatSingle => {
                let single = self.b.float_demote(a);
                return self.b.float_promote(single);
            }
            _ => {}
        }
        let b = self.value(inst.args[1]);
        match inst.op {
            Op::FloatAdd => self.b.float_op(FloatOp::Add, a, b),
            Op::FloatSub => self.b.float_op(FloatOp::Sub, a, b),
            Op::FloatMul => self.b.float_op(FloatOp::Mul, a, b),
            Op::FloatDiv => self.b.float_op(FloatOp::Div, a, b),
            Op::FloatCompare => {
                let Imm::FloatCond(cond) = inst.imm else { wrong(inst) };
                self.b.float_compare(cond, a, b)
            }
            _ => wrong(inst),
        }
    }

    pub fn bool_inst(&mut self, inst: &InstData) -> B::Value {
        if let (Op::BoolConst, Imm::Bool(value)) = (inst.op, inst.imm) {
            return self.b.int(Width::I8, value.into());
        }
        let a = self.value(inst.args[0]);
        let op = match inst.op {
            Op::BoolNot => return self.b.compare_const(IntCond::Eq, a, 0),
            Op::BoolToInt => return self.b.zero_extend(Width::I64, a),
            Op::BoolAnd => IntOp::And,
            Op::BoolOr => IntOp::Or,
            Op::BoolXor => IntOp::Xor,
            _ => wrong(inst),
        };
        let b = self.value(inst.args[1]);
        self.b.int_op(op, a, b)
    }
}
