//! NumPy's complex scalars: two floats in registers.
//!
//! Steps and their order are those of NumPy's source (`scalarmath.c.src`; `CDOUBLE_divide` in `loops.c.src`), where all of a
//! real number's imaginary part counts: 0 times an infinity is NaN.

use super::is_wide;
use super::precision::limits;
use super::scalars::{FLOAT_CONDITIONS, is_by_arrays};
use crate::builder::Builder;
use crate::item::{Item, Kind};
use justjit_builder::FloatCond;
use justjit_ir::{Op, Reason, Type, Value};
use justjit_runtime::arrays::{self, Scalar};
use justjit_runtime::ops::numbers::nb;

type Parts = [Value; 2];

/// The complex type's own part.
fn part_of(scalar: Scalar) -> Scalar {
    scalar.part().expect("a complex type has parts")
}

impl Builder<'_> {
    /// The parts of a number that is made sure of.
    fn parts_of(&mut self, item: &Item) -> Parts {
        let (real, imaginary) = self.as_complex(item, 0);
        [real, imaginary]
    }

    /// The parts of an operand as one of the type that is worked in.
    fn complex_operand(&mut self, item: &Item, kind: Kind, scalar: Scalar) -> Parts {
        let item = self.known_as(item, kind);
        let parts = self.parts_of(&item);
        match kind {
            Kind::Numpy(_) => parts,
            _ => parts.map(|part| self.weak_operand(part_of(scalar), part)),
        }
    }

    /// A binary operator in a complex type; `None` if it is not known, and nothing has been done.
    pub fn numpy_complex_operator(
        &mut self,
        op: u32,
        (left, right): (&Item, &Item),
        kinds: (Kind, Kind),
        scalar: Scalar,
    ) -> Option<Item> {
        match op {
            nb::ADD | nb::SUBTRACT => {}
            nb::MULTIPLY | nb::TRUE_DIVIDE if arrays::complex_is_rounded(scalar) => {}
            _ => return None,
        }
        let left = self.complex_operand(left, kinds.0, scalar);
        let right = self.complex_operand(right, kinds.1, scalar);
        let part = part_of(scalar);
        let mut quiet = Vec::new();
        let result = match op {
            nb::ADD => self.complex_sum(part, Op::FloatAdd, left, right),
            nb::SUBTRACT => self.complex_sum(part, Op::FloatSub, left, right),
            nb::MULTIPLY => self.complex_product(part, left, right, &mut quiet),
            _ => self.complex_quotient(part, left, right, &mut quiet),
        };
        self.expect_all(&quiet);
        for value in result {
            let finite = self.is_finite_as(part, value);
            self.guard(finite, Reason::Domain);
        }
        Some(Item::NumpyComplex(scalar, result[0], result[1]))
    }

    fn complex_sum(&mut self, part: Scalar, op: Op, [a, b]: Parts, [c, d]: Parts) -> Parts {
        [(a, c), (b, d)].map(|pair| self.rounded_op(part, op, pair, &mut Vec::new()))
    }

    fn complex_product(&mut self, part: Scalar, [a, b]: Parts, [c, d]: Parts, quiet: &mut Vec<Value>) -> Parts {
        let [ac, bd, ad, bc] =
            [(a, c), (b, d), (a, d), (b, c)].map(|pair| self.rounded_op(part, Op::FloatMul, pair, quiet));
        [
            self.rounded_op(part, Op::FloatSub, (ac, bd), quiet),
            self.rounded_op(part, Op::FloatAdd, (ad, bc), quiet),
        ]
    }

    /// By the divisor's larger part. Where both are 0 the ratio is NaN, and so is the result.
    fn complex_quotient(&mut self, part: Scalar, [a, b]: Parts, [c, d]: Parts, quiet: &mut Vec<Value>) -> Parts {
        let sizes = [c, d].map(|value| self.op(Op::FloatAbs, &[value]));
        let right = self.float_compare(FloatCond::Ge, sizes[0], sizes[1]);
        let either = |this: &mut Self, one, other| this.op(Op::Select, &[right, one, other]);
        let (large, small) = (either(self, c, d), either(self, d, c));
        let (first, second) = (either(self, a, b), either(self, b, a));
        let ratio = self.rounded_op(part, Op::FloatDiv, (small, large), quiet);
        let rest = self.rounded_op(part, Op::FloatMul, (small, ratio), quiet);
        let divisor = self.rounded_op(part, Op::FloatAdd, (large, rest), quiet);
        quiet.push(self.is_finite_as(part, divisor));
        let one = self.float(1.0);
        let scale = self.rounded_op(part, Op::FloatDiv, (one, divisor), quiet);
        quiet.push(self.is_finite_as(part, scale));
        let [near, far] = [second, first].map(|value| self.rounded_op(part, Op::FloatMul, (value, ratio), quiet));
        let real = self.rounded_op(part, Op::FloatAdd, (first, near), quiet);
        // The difference the other way round, which is not the same where it is 0.
        let (minuend, subtrahend) = (either(self, second, far), either(self, far, second));
        let imaginary = self.rounded_op(part, Op::FloatSub, (minuend, subtrahend), quiet);
        [real, imaginary].map(|value| self.rounded_op(part, Op::FloatMul, (value, scale), quiet))
    }

    /// A comparison in a complex type; `None` if it is not known, and nothing has been done.
    pub fn numpy_complex_compare(
        &mut self,
        op: usize,
        (left, right): (&Item, &Item),
        kinds: (Kind, Kind),
        scalar: Scalar,
    ) -> Option<Value> {
        // Arrays have another order of NaNs, and warn of them.
        let is_order = !matches!(op, 2 | 3);
        if is_wide(left) || is_wide(right) || (is_order && is_by_arrays(kinds, scalar)) {
            return None;
        }
        let [a, b] = self.complex_operand(left, kinds.0, scalar);
        let [c, d] = self.complex_operand(right, kinds.1, scalar);
        // The imaginary parts count where the real ones are equal.
        let same = self.float_compare(FloatCond::Eq, a, c);
        let cond = FLOAT_CONDITIONS[op];
        let real = self.float_compare(cond, a, c);
        let imaginary = self.float_compare(cond, b, d);
        Some(self.op(Op::Select, &[same, imaginary, real]))
    }

    /// `-x` of a complex scalar.
    pub fn numpy_complex_negative(&mut self, item: &Item, scalar: Scalar) -> Item {
        let item = self.known_as(item, Kind::Numpy(scalar));
        let [real, imaginary] = self.parts_of(&item).map(|part| self.op(Op::FloatNeg, &[part]));
        Item::NumpyComplex(scalar, real, imaginary)
    }

    /// `x.conjugate()` of a complex scalar.
    pub fn numpy_conjugate(&mut self, item: &Item, scalar: Scalar) -> Item {
        let item = self.known_as(item, Kind::Numpy(scalar));
        let [real, imaginary] = self.parts_of(&item);
        Item::NumpyComplex(scalar, real, self.op(Op::FloatNeg, &[imaginary]))
    }

    /// `abs(x)` of a complex scalar: NumPy looks at no flags there. `None` if it is not known, and nothing has been done.
    pub fn numpy_complex_abs(&mut self, item: &Item, scalar: Scalar) -> Option<Item> {
        if !arrays::complex_is_rounded(scalar) {
            return None;
        }
        let item = self.known_as(item, Kind::Numpy(scalar));
        let parts = self.parts_of(&item);
        let function = match scalar {
            Scalar::Complex64 => &arrays::NUMPY_ABS_SINGLE,
            _ => &arrays::NUMPY_ABS,
        };
        Some(Item::Numpy(
            part_of(scalar),
            self.compute(function, &parts, Type::Float),
        ))
    }

    /// Whether a complex scalar is true.
    pub fn numpy_complex_truth(&mut self, item: &Item) -> Value {
        let zero = self.float(0.0);
        let tests = self
            .parts_of(item)
            .map(|part| self.float_compare(FloatCond::Ne, part, zero));
        self.op(Op::BoolOr, &tests)
    }

    /// A complex number's parts as elements of a complex type; leaves where NumPy would warn.
    pub fn complex_element(&mut self, item: &Item, kind: Kind, scalar: Scalar) -> Parts {
        let item = self.known_as(item, kind);
        let parts = self.parts_of(&item);
        let part = part_of(scalar);
        let fits = match kind {
            Kind::Numpy(other) => limits(other.part().unwrap_or(other)).0 <= limits(part).0,
            _ => part == Scalar::Float64,
        };
        if !fits {
            for value in parts {
                self.expect_exact_enough(part, value);
            }
        }
        parts
    }
}
