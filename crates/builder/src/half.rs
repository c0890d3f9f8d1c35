//! Half precision (IEEE 754 binary16), of which few machines have arithmetic: its bits as a double, and back, by integer
//! operations that every machine has.

use crate::{Builder, FloatCond, FloatOp, IntCond, IntOp, Type};

/// Bits of an infinity; above them are NaNs.
const INFINITE: i64 = 0x7c00;
/// Bits of a double behind those that a half has as well.
const MORE_BITS: i64 = 42;
/// What is to be added to a half's exponent for a double's, at its place.
const MORE_EXPONENT: i64 = (1023 - 15) << 10;
const SIGN: i64 = 0x8000;
/// The same power of two as a factor: it makes a subnormal half a normal double.
const SCALE: f64 = f64::from_bits((1008 + 1023) << 52);
/// Doubles of this size have a last bit of 2**-24, as subnormal halves have.
const SUBNORMAL_UNITS: f64 = (1 << 28) as f64;
/// The least half that is not subnormal.
pub const HALF_MIN_POSITIVE: f64 = 1.0 / (1 << 14) as f64;
/// The largest finite half.
pub const HALF_MAX: f64 = 65504.0;

/// The double that has a half's value; of a NaN, its payload.
pub fn from_half(bits: u16) -> f64 {
    let size = i64::from(bits) & 0x7fff;
    let wide = match size >= INFINITE {
        true => f64::from_bits((size << MORE_BITS) as u64 | f64::INFINITY.to_bits()),
        false => f64::from_bits((size << MORE_BITS) as u64) * SCALE,
    };
    let sign = u64::from(bits & SIGN as u16) << 48;
    f64::from_bits(wide.to_bits() | sign)
}

/// The bits of the half that is nearest to a double, ties to even; of a NaN, what there is room for of its payload.
pub fn to_half(value: f64) -> u16 {
    let sign = (value.to_bits() >> 48) as u16 & SIGN as u16;
    let size = value.abs();
    let bits = size.to_bits() as i64;
    let near = if size.is_nan() {
        let payload = INFINITE | bits >> MORE_BITS & 0x3ff;
        if payload == INFINITE { INFINITE + 1 } else { payload }
    } else if size < HALF_MIN_POSITIVE {
        (size + SUBNORMAL_UNITS).to_bits() as i64 - SUBNORMAL_UNITS.to_bits() as i64
    } else {
        let odd = bits >> MORE_BITS & 1;
        let rounded = (bits + ((1 << (MORE_BITS - 1)) - 1) + odd) >> MORE_BITS;
        (rounded - MORE_EXPONENT).min(INFINITE)
    };
    near as u16 | sign
}

/// [`from_half`] in machine code; `a` is an `I64`.
pub(crate) fn emit_from_half<B: Builder + ?Sized>(b: &mut B, a: B::Value) -> B::Value {
    let size = b.int_op_const(IntOp::And, a, SIGN - 1);
    let high = b.int_op_const(IntOp::Shl, size, MORE_BITS);
    let part = b.float_from_bits(high);
    let scale = b.float(SCALE);
    let scaled = b.float_op(FloatOp::Mul, part, scale);
    let scaled = b.float_bits(scaled);
    let infinity = b.int(Type::I64, f64::INFINITY.to_bits() as i64);
    let special = b.int_op(IntOp::Or, high, infinity);
    let is_special = b.compare_const(IntCond::SignedGe, size, INFINITE);
    let wide = b.select(is_special, special, scaled);
    let sign = b.int_op_const(IntOp::And, a, SIGN);
    let sign = b.int_op_const(IntOp::Shl, sign, 48);
    let both = b.int_op(IntOp::Or, wide, sign);
    b.float_from_bits(both)
}

/// [`to_half`] in machine code; an `I64`.
pub(crate) fn emit_to_half<B: Builder + ?Sized>(b: &mut B, a: B::Value) -> B::Value {
    let all = b.float_bits(a);
    let sign = b.int_op_const(IntOp::ShrUnsigned, all, 48);
    let sign = b.int_op_const(IntOp::And, sign, SIGN);
    let size = b.float_unary(crate::FloatUnary::Abs, a);
    let bits = b.float_bits(size);
    let high = b.int_op_const(IntOp::ShrUnsigned, bits, MORE_BITS);
    // What has an exponent of its own.
    let odd = b.int_op_const(IntOp::And, high, 1);
    let half = b.int_op_const(IntOp::Add, bits, (1 << (MORE_BITS - 1)) - 1);
    let rounded = b.int_op(IntOp::Add, half, odd);
    let rounded = b.int_op_const(IntOp::ShrUnsigned, rounded, MORE_BITS);
    let normal = b.int_op_const(IntOp::Sub, rounded, MORE_EXPONENT);
    let infinite = b.int(Type::I64, INFINITE);
    let is_large = b.compare_const(IntCond::SignedGt, normal, INFINITE);
    let normal = b.select(is_large, infinite, normal);
    // What has not.
    let units = b.float(SUBNORMAL_UNITS);
    let sum = b.float_op(FloatOp::Add, size, units);
    let sum = b.float_bits(sum);
    let subnormal = b.int_op_const(IntOp::Sub, sum, SUBNORMAL_UNITS.to_bits() as i64);
    let least = b.float(HALF_MIN_POSITIVE);
    let is_small = b.float_compare(FloatCond::Lt, size, least);
    let number = b.select(is_small, subnormal, normal);
    // NaNs.
    let payload = b.int_op_const(IntOp::And, high, 0x3ff);
    let payload = b.int_op_const(IntOp::Or, payload, INFINITE);
    let is_lost = b.compare_const(IntCond::Eq, payload, INFINITE);
    let another = b.int(Type::I64, INFINITE + 1);
    let payload = b.select(is_lost, another, payload);
    let is_nan = b.float_compare(FloatCond::Ne, a, a);
    let near = b.select(is_nan, payload, number);
    b.int_op(IntOp::Or, near, sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for bits in 0..=u16::MAX {
            let value = from_half(bits);
            assert_eq!(to_half(value), bits, "{value}");
        }
        assert_eq!(from_half(0x3c00), 1.0);
        assert_eq!(from_half(0xc100), -2.5);
        assert_eq!(from_half(1), 2.0_f64.powi(-24));
        assert_eq!(from_half(0x7bff), HALF_MAX);
        assert_eq!(from_half(0x0400), HALF_MIN_POSITIVE);
        assert_eq!(from_half(0xfc00), f64::NEG_INFINITY);
    }

    /// Between two neighbours the middle goes to the even one, and what is next to the middle to the nearer one.
    #[test]
    fn nearest() {
        for bits in 0..0x7bff_u16 {
            let (low, high) = (from_half(bits), from_half(bits + 1));
            let middle = low + (high - low) / 2.0;
            let even = bits + (bits & 1);
            assert_eq!(to_half(middle), even, "{middle}");
            assert_eq!(to_half(-middle), even | 0x8000);
            assert_eq!(to_half(middle.next_down()), bits, "{middle}");
            assert_eq!(to_half(middle.next_up()), bits + 1, "{middle}");
        }
        for (value, bits) in [
            (65519.99, 0x7bff),
            (65520.0, 0x7c00),
            (1e300, 0x7c00),
            (1e-300, 0),
            (5e-324, 0),
        ] {
            assert_eq!(to_half(value), bits, "{value}");
        }
    }
}
