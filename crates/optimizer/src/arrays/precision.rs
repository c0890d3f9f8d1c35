//! What is rounded to less than double precision, and which flags that would set.
//!
//! A number of half or single precision is a double in its register. One operation in double precision, rounded once more,
//! gives what the operation in single precision does, for sums, differences, products and quotients: a double has more than
//! twice as many bits and two. NumPy works on halves in single precision and rounds the result again.

use crate::builder::Builder;
use justjit_builder::FloatCond;
use justjit_builder::half::{HALF_MAX, HALF_MIN_POSITIVE};
use justjit_ir::{Op, Reason, Value};
use justjit_runtime::arrays::Scalar;

/// The largest finite number of a float's type, and the least that is not subnormal.
pub fn limits(float: Scalar) -> (f64, f64) {
    match float {
        Scalar::Float16 => (HALF_MAX, HALF_MIN_POSITIVE),
        Scalar::Float32 => (f32::MAX.into(), f32::MIN_POSITIVE.into()),
        _ => (f64::MAX, f64::MIN_POSITIVE),
    }
}

impl Builder<'_> {
    /// A float rounded to the precision of a type.
    pub fn rounded_to(&mut self, float: Scalar, value: Value) -> Value {
        match float {
            Scalar::Float16 => {
                let bits = self.op(Op::FloatHalf, &[value]);
                self.op(Op::HalfFloat, &[bits])
            }
            Scalar::Float32 => self.op(Op::FloatSingle, &[value]),
            _ => value,
        }
    }

    /// The number of a type that a Python number counts as where the other operand is NumPy's; leaves where NumPy has
    /// something to say about that.
    pub fn weak_operand(&mut self, float: Scalar, value: Value) -> Value {
        if float == Scalar::Float64 {
            return value;
        }
        let rounded = self.rounded_to(float, value);
        self.expect_rounded(float, rounded, value);
        rounded
    }

    /// Leaves unless a number that has been rounded to a type's precision is finite and was not rounded towards zero's
    /// neighbourhood.
    pub fn expect_rounded(&mut self, float: Scalar, value: Value, exact: Value) {
        let below = self.is_finite_as(float, value);
        let above = self.is_no_underflow(float, value, exact);
        let fine = self.op(Op::BoolAnd, &[below, above]);
        self.guard(fine, Reason::Domain);
    }

    /// Leaves unless rounding a float to a type's precision sets no flag that NumPy looks at.
    pub fn expect_exact_enough(&mut self, float: Scalar, value: Value) {
        if float == Scalar::Float16 {
            let rounded = self.rounded_to(float, value);
            return self.expect_rounded(float, rounded, value);
        }
        let below = self.is_finite_as(float, value);
        let zero = self.float(0.0);
        let none = self.float_compare(FloatCond::Eq, value, zero);
        let above = self.is_normal(float, value);
        let above = self.op(Op::BoolOr, &[above, none]);
        let fine = self.op(Op::BoolAnd, &[below, above]);
        self.guard(fine, Reason::Domain);
    }

    /// Whether a number is finite in a type.
    pub fn is_finite_as(&mut self, float: Scalar, value: Value) -> Value {
        let size = self.op(Op::FloatAbs, &[value]);
        let most = self.float(limits(float).0);
        self.float_compare(FloatCond::Le, size, most)
    }

    /// Whether a number is certainly neither subnormal in a type nor 0.
    fn is_normal(&mut self, float: Scalar, value: Value) -> Value {
        let size = self.op(Op::FloatAbs, &[value]);
        let least = self.float(limits(float).1);
        self.float_compare(FloatCond::Gt, size, least)
    }

    /// Whether rounding to half or single precision has set no flag for underflow.
    fn is_no_underflow(&mut self, float: Scalar, value: Value, exact: Value) -> Value {
        let above = self.is_normal(float, value);
        let other = match float {
            // Subnormal halves are met in programs: these are fine as far as nothing was lost.
            Scalar::Float16 => value,
            _ => self.float(0.0),
        };
        let same = self.float_compare(FloatCond::Eq, exact, other);
        self.op(Op::BoolOr, &[above, same])
    }

    /// An operation in a type's precision; what has to hold for it to have set no flag for underflow is added to `quiet`.
    pub fn rounded_op(&mut self, float: Scalar, op: Op, (a, b): (Value, Value), quiet: &mut Vec<Value>) -> Value {
        let exact = self.op(op, &[a, b]);
        let value = self.rounded_to(float, exact);
        // A sum is exact where it is tiny.
        if !matches!(op, Op::FloatMul | Op::FloatDiv) {
            return value;
        }
        if float != Scalar::Float64 {
            quiet.push(self.is_no_underflow(float, value, exact));
            return value;
        }
        let mut fine = self.is_normal(float, value);
        let zero = self.float(0.0);
        let factors = [a, b];
        for &factor in &factors[..if op == Op::FloatMul { 2 } else { 1 }] {
            let nothing = self.float_compare(FloatCond::Eq, factor, zero);
            fine = self.op(Op::BoolOr, &[fine, nothing]);
        }
        quiet.push(fine);
        value
    }

    /// Leaves unless all of these hold.
    pub fn expect_all(&mut self, tests: &[Value]) {
        let Some((&first, rest)) = tests.split_first() else {
            return;
        };
        let fine = rest
            .iter()
            .fold(first, |fine, &test| self.op(Op::BoolAnd, &[fine, test]));
        self.guard(fine, Reason::Domain);
    }
}
