//! NumPy's scalars: their arithmetic, as NumPy 2 defines it (NEP 50).
//!
//! Where NumPy would set a floating point flag (overflow, invalid, a division by zero, underflow) or wrap an int around, it
//! warns or raises as `numpy.errstate` says: such cases leave the code before anything has happened.

use super::is_wide;
use crate::arithmetic::constant_int;
use crate::builder::{Builder, Done, ir_region};
use crate::item::{Constant, Item, Kind, Object, Owner};
use justjit_builder::{FloatCond, IntCond};
use justjit_ir::{Imm, Op, Reason, Type, Value};
use justjit_runtime::arrays::{self, SCALAR_VALUE, Scalar};
use justjit_runtime::math;
use justjit_runtime::ops::numbers::nb;

/// By the number of a comparison.
const INT_CONDITIONS: [IntCond; 6] = [
    IntCond::SignedLt,
    IntCond::SignedLe,
    IntCond::Eq,
    IntCond::Ne,
    IntCond::SignedGt,
    IntCond::SignedGe,
];
pub const FLOAT_CONDITIONS: [FloatCond; 6] = [
    FloatCond::Lt,
    FloatCond::Le,
    FloatCond::Eq,
    FloatCond::Ne,
    FloatCond::Gt,
    FloatCond::Ge,
];

/// The type in which NumPy works on two operands, if it is one that is known; at least one is NumPy's.
fn promoted(left: Kind, right: Kind) -> Option<Scalar> {
    use Scalar::*;
    match (left, right) {
        (Kind::Numpy(a), Kind::Numpy(b)) => both(a, b),
        // A float64 is a float to Python's complex numbers, which are asked first.
        (Kind::Complex, Kind::Numpy(Float64)) => None,
        (Kind::Numpy(scalar), other) | (other, Kind::Numpy(scalar)) => match other {
            Kind::Bool => Some(scalar),
            Kind::Int if scalar == Bool => Some(Int64),
            Kind::Int => Some(scalar),
            Kind::Float if scalar.is_float() || scalar.is_complex() => Some(scalar),
            Kind::Float => Some(Float64),
            Kind::Complex if scalar.is_complex() => Some(scalar),
            Kind::Complex if matches!(scalar, Float16 | Float32) => Some(Complex64),
            Kind::Complex => Some(Complex128),
            _ => None,
        },
        _ => None,
    }
}

/// The type in which two scalars are worked on.
fn both(a: Scalar, b: Scalar) -> Option<Scalar> {
    use Scalar::*;
    if a == b {
        return Some(a);
    }
    // The smaller one by this order.
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    match (a, b) {
        (Bool, other) => Some(other),
        (_, Complex128) => Some(Complex128),
        (one, Complex64) => Some(if one.size() <= 2 || one == Float32 {
            Complex64
        } else {
            Complex128
        }),
        (_, Float64) => Some(Float64),
        (one, Float32) => Some(if one.size() <= 2 { Float32 } else { Float64 }),
        (one, Float16) => Some(match one.size() {
            1 => Float16,
            2 => Float32,
            _ => Float64,
        }),
        _ if a.is_signed() == b.is_signed() => Some(if a.size() > b.size() { a } else { b }),
        _ => {
            let (signed, unsigned) = if a.is_signed() { (a, b) } else { (b, a) };
            if signed.size() > unsigned.size() {
                return Some(signed);
            }
            match unsigned {
                UInt8 => Some(Int16),
                UInt16 => Some(Int32),
                UInt32 => Some(Int64),
                // A float: such ints are rare.
                _ => None,
            }
        }
    }
}

/// Whether NumPy makes arrays of these operands first: neither is of the type that it works in, or a bool comes first, which
/// has no arithmetic of its own.
pub fn is_by_arrays(kinds: (Kind, Kind), scalar: Scalar) -> bool {
    let own = Kind::Numpy(scalar);
    kinds.0 == Kind::Numpy(Scalar::Bool) || (kinds.0 != own && kinds.1 != own)
}

fn is_numpy(kind: Kind) -> bool {
    matches!(kind, Kind::Numpy(_))
}

impl Builder<'_> {
    /// A scalar object's value.
    pub fn unboxed_scalar(&mut self, item: &Item) -> Item {
        let (value, scalar) = match *item {
            Item::Object(Object {
                value,
                kind: Kind::Numpy(scalar),
                ..
            }) => (value, scalar),
            Item::Constant(Constant {
                symbol,
                kind: Kind::Numpy(scalar),
                ..
            }) => (self.op_imm(Op::ObjectConst, &[], Imm::Symbol(symbol)), scalar),
            _ => return item.clone(),
        };
        let number = self.load_number(scalar, |this, (ty, width, signed), offset| {
            this.load_width(ty, width, signed, value, SCALAR_VALUE + offset, ir_region::HEADER)
        });
        if let Item::Object(object) = item
            && let Owner::Slot(_) = object.owner
        {
            self.remember_number(object, number.clone());
        }
        number
    }

    /// The number as an object of its own, which is not the operand.
    pub fn in_another_object(&mut self, number: Item) -> Item {
        let mut again = |value| match self.f.type_of(value) {
            Type::Float => {
                let negated = self.op(Op::FloatNeg, &[value]);
                self.op(Op::FloatNeg, &[negated])
            }
            Type::Int => {
                let zero = self.int(0);
                self.op(Op::IntOr, &[value, zero])
            }
            _ => value,
        };
        let mut number = number;
        number.map(&mut again);
        number
    }

    /// A scalar's object.
    pub fn boxed_scalar(&mut self, scalar: Scalar, value: Value) -> Done<Value> {
        let which = self.int(scalar as i64);
        match self.f.type_of(value) {
            Type::Float => self.make(&arrays::MAKE_NUMPY_FLOAT, &[which, value]),
            Type::Bool => {
                let value = self.op(Op::BoolToInt, &[value]);
                self.make(&arrays::MAKE_NUMPY_INT, &[which, value])
            }
            _ => self.make(&arrays::MAKE_NUMPY_INT, &[which, value]),
        }
    }

    // ---- operators -----------------------------------------------------------------------------------------------

    /// A binary operator of numbers of which one is NumPy's; `None` if it is not known, and nothing has been done.
    pub fn numpy_operator(&mut self, op: u32, left: &Item, right: &Item, kinds: (Kind, Kind)) -> Option<Item> {
        let scalar = promoted(kinds.0, kinds.1)?;
        let wide = is_wide(left) || is_wide(right);
        if self.is_widened(Reason::Domain) || self.is_widened(Reason::Overflow) || scalar == Scalar::Bool || wide {
            return None;
        }
        if scalar.is_complex() {
            return self.numpy_complex_operator(op, (left, right), kinds, scalar);
        }
        if scalar.is_int() {
            return self.numpy_int_operator(op, (left, right), kinds, scalar);
        }
        self.numpy_float_operator(op, (left, right), kinds, scalar)
    }

    fn numpy_float_operator(
        &mut self,
        op: u32,
        (left, right): (&Item, &Item),
        kinds: (Kind, Kind),
        scalar: Scalar,
    ) -> Option<Item> {
        let simple = match op {
            nb::ADD => Some(Op::FloatAdd),
            nb::SUBTRACT => Some(Op::FloatSub),
            nb::MULTIPLY => Some(Op::FloatMul),
            nb::TRUE_DIVIDE => Some(Op::FloatDiv),
            nb::FLOOR_DIVIDE | nb::REMAINDER if scalar == Scalar::Float64 => None,
            // That of arrays is not the C library's.
            nb::POWER if scalar == Scalar::Float64 && !is_by_arrays(kinds, scalar) => None,
            _ => return None,
        };
        let left = self.known_as(left, kinds.0);
        let right = self.known_as(right, kinds.1);
        let (a, b) = (self.as_float(&left), self.as_float(&right));
        if scalar != Scalar::Float64 {
            return Some(self.numpy_rounded_operator(simple?, (a, b), kinds, scalar));
        }
        let value = match simple {
            Some(op) => self.op(op, &[a, b]),
            None => {
                let zero = self.float(0.0);
                if op != nb::POWER {
                    let fine = self.float_compare(FloatCond::Ne, b, zero);
                    self.guard(fine, Reason::DivisionByZero);
                    // It is computed on the way, and may set a flag.
                    let quotient = self.op(Op::FloatDiv, &[a, b]);
                    self.expect_quiet(quotient, nb::TRUE_DIVIDE, a, b);
                }
                match op {
                    nb::FLOOR_DIVIDE => self.compute(&math::FLOAT_FLOOR_DIV, &[a, b], Type::Float),
                    nb::REMAINDER => self.compute(&math::FLOAT_MOD, &[a, b], Type::Float),
                    _ => self.compute(&math::FLOAT_POWER, &[a, b], Type::Float),
                }
            }
        };
        if matches!(op, nb::FLOOR_DIVIDE | nb::REMAINDER) {
            self.expect_quiet(value, nb::ADD, a, b);
        } else {
            self.expect_quiet(value, op, a, b);
        }
        Some(Item::Numpy(scalar, value))
    }

    /// Arithmetic in single or half precision.
    fn numpy_rounded_operator(&mut self, op: Op, (a, b): (Value, Value), kinds: (Kind, Kind), scalar: Scalar) -> Item {
        let mut operands = [a, b];
        for (value, kind) in operands.iter_mut().zip([kinds.0, kinds.1]) {
            if !is_numpy(kind) {
                *value = self.weak_operand(scalar, *value);
            }
        }
        let exact = self.op(op, &operands);
        let single = self.rounded_to(Scalar::Float32, exact);
        let (value, exact) = match scalar {
            Scalar::Float32 => (single, exact),
            // NumPy has a single of it first.
            _ => (self.rounded_to(scalar, single), single),
        };
        self.expect_rounded(scalar, value, exact);
        Item::Numpy(scalar, value)
    }

    /// Leaves unless a result is finite, and too large for underflow or exactly 0.
    fn expect_quiet(&mut self, value: Value, op: u32, a: Value, b: Value) {
        let size = self.op(Op::FloatAbs, &[value]);
        let most = self.float(f64::MAX);
        let finite = self.float_compare(FloatCond::Le, size, most);
        // A sum is exact where it is tiny.
        if !matches!(op, nb::MULTIPLY | nb::TRUE_DIVIDE | nb::POWER) {
            self.guard(finite, Reason::Domain);
            return;
        }
        let least = self.float(f64::MIN_POSITIVE);
        let zero = self.float(0.0);
        let mut above = self.float_compare(FloatCond::Gt, size, least);
        let nothing = self.float_compare(FloatCond::Eq, a, zero);
        above = self.op(Op::BoolOr, &[above, nothing]);
        if op == nb::MULTIPLY {
            let nothing = self.float_compare(FloatCond::Eq, b, zero);
            above = self.op(Op::BoolOr, &[above, nothing]);
        }
        let fine = self.op(Op::BoolAnd, &[finite, above]);
        self.guard(fine, Reason::Domain);
    }

    fn numpy_int_operator(
        &mut self,
        op: u32,
        (left, right): (&Item, &Item),
        kinds: (Kind, Kind),
        scalar: Scalar,
    ) -> Option<Item> {
        if !matches!(
            op,
            nb::ADD
                | nb::SUBTRACT
                | nb::MULTIPLY
                | nb::AND
                | nb::OR
                | nb::XOR
                | nb::LSHIFT
                | nb::RSHIFT
                | nb::FLOOR_DIVIDE
                | nb::REMAINDER
                | nb::TRUE_DIVIDE
        ) {
            return None;
        }
        let left = self.known_as(left, kinds.0);
        let right = self.known_as(right, kinds.1);
        let (a, b) = (self.as_int(&left), self.as_int(&right));
        for (value, item, kind) in [(a, &left, kinds.0), (b, &right, kinds.1)] {
            if kind == Kind::Int {
                self.expect_in_range(value, item, scalar);
            }
        }
        let zero = self.int(0);
        if matches!(op, nb::FLOOR_DIVIDE | nb::REMAINDER | nb::TRUE_DIVIDE)
            && !matches!(constant_int(&right), Some(divisor) if divisor != 0)
        {
            let fine = self.int_compare(IntCond::Ne, b, zero);
            self.guard(fine, Reason::DivisionByZero);
        }
        if matches!(op, nb::LSHIFT | nb::RSHIFT) {
            let bits = self.int(8 * scalar.size());
            let fine = self.int_compare(IntCond::UnsignedLt, b, bits);
            self.guard(fine, Reason::Domain);
        }
        let value = match op {
            nb::ADD => self.checked(Op::IntAddChecked, &[a, b], Reason::Overflow),
            nb::SUBTRACT => self.checked(Op::IntSubChecked, &[a, b], Reason::Overflow),
            nb::MULTIPLY => self.checked(Op::IntMulChecked, &[a, b], Reason::Overflow),
            nb::AND => self.op(Op::IntAnd, &[a, b]),
            nb::OR => self.op(Op::IntOr, &[a, b]),
            nb::XOR => self.op(Op::IntXor, &[a, b]),
            nb::LSHIFT => self.checked(Op::IntShlChecked, &[a, b], Reason::Overflow),
            nb::RSHIFT => self.op(Op::IntShr, &[a, b]),
            nb::TRUE_DIVIDE => {
                let a = self.op(Op::IntToFloat, &[a]);
                let b = self.op(Op::IntToFloat, &[b]);
                let quotient = self.op(Op::FloatDiv, &[a, b]);
                return Some(Item::Numpy(Scalar::Float64, quotient));
            }
            _ => {
                if scalar.is_signed() && !matches!(constant_int(&right), Some(divisor) if divisor != -1) {
                    // The least int by -1 has no room.
                    let minus_one = self.int(-1);
                    let least = self.int(scalar.range().0);
                    let other = self.int_compare(IntCond::Ne, b, minus_one);
                    let above = self.int_compare(IntCond::Ne, a, least);
                    let fine = self.op(Op::BoolOr, &[other, above]);
                    self.guard(fine, Reason::Overflow);
                }
                let divide = if op == nb::FLOOR_DIVIDE {
                    Op::IntFloorDiv
                } else {
                    Op::IntMod
                };
                self.op(divide, &[a, b])
            }
        };
        if matches!(op, nb::ADD | nb::SUBTRACT | nb::MULTIPLY | nb::LSHIFT) && scalar.range() != (i64::MIN, i64::MAX) {
            let fits = self.is_in_range(value, scalar.range());
            self.guard(fits, Reason::Overflow);
        }
        Some(Item::Numpy(scalar, value))
    }

    // ---- comparisons, unary operators ----------------------------------------------------------------------------

    /// A comparison of numbers of which one is NumPy's; `None` if it is not known, and nothing has been done.
    pub fn numpy_compare(&mut self, op: usize, left: &Item, right: &Item, kinds: (Kind, Kind)) -> Option<Value> {
        if !(is_numpy(kinds.0) || is_numpy(kinds.1)) || self.is_widened(Reason::Domain) {
            return None;
        }
        let scalar = promoted(kinds.0, kinds.1)?;
        if scalar.is_complex() {
            return self.numpy_complex_compare(op, (left, right), kinds, scalar);
        }
        if scalar == Scalar::Bool || is_wide(left) || is_wide(right) {
            return None;
        }
        let left = self.known_as(left, kinds.0);
        let right = self.known_as(right, kinds.1);
        if scalar.is_int() {
            let (a, b) = (self.as_int(&left), self.as_int(&right));
            return Some(self.int_compare(INT_CONDITIONS[op], a, b));
        }
        let [a, b] = [(left, kinds.0), (right, kinds.1)].map(|(item, kind)| {
            let value = self.as_comparand_of_numpy(&item);
            match kind {
                Kind::Numpy(_) => value,
                _ => self.weak_operand(scalar, value),
            }
        });
        Some(self.float_compare(FLOAT_CONDITIONS[op], a, b))
    }

    /// An int is compared with a float only where it is a float exactly.
    fn as_comparand_of_numpy(&mut self, item: &Item) -> Value {
        match item.kind() {
            Kind::Float => self.as_float(item),
            Kind::Numpy(scalar) if scalar.is_float() => self.as_float(item),
            _ => {
                let value = self.as_int(item);
                self.exact_float(value, item)
            }
        }
    }

    /// `-x` of a scalar; `None` if it is not known, and nothing has been done.
    pub fn numpy_negative(&mut self, item: &Item, scalar: Scalar) -> Option<Item> {
        if scalar.is_complex() {
            return Some(self.numpy_complex_negative(item, scalar));
        }
        if scalar.is_float() {
            let item = self.known_as(item, Kind::Numpy(scalar));
            let value = self.as_float(&item);
            return Some(Item::Numpy(scalar, self.op(Op::FloatNeg, &[value])));
        }
        if !scalar.is_signed() || self.is_widened(Reason::Overflow) {
            return None;
        }
        let item = self.known_as(item, Kind::Numpy(scalar));
        let value = self.as_int(&item);
        Some(Item::Numpy(scalar, self.negated(value, scalar)))
    }

    /// The other sign; leaves for the least int, which has none.
    fn negated(&mut self, value: Value, scalar: Scalar) -> Value {
        let zero = self.int(0);
        let least = self.int(scalar.range().0);
        let fine = self.int_compare(IntCond::Ne, value, least);
        self.guard(fine, Reason::Overflow);
        self.op(Op::IntSub, &[zero, value])
    }

    /// `~x` of a scalar; `None` if it is not known, and nothing has been done.
    pub fn numpy_invert(&mut self, item: &Item, scalar: Scalar) -> Option<Item> {
        if !scalar.is_signed() {
            return None;
        }
        let item = self.known_as(item, Kind::Numpy(scalar));
        let value = self.as_int(&item);
        let ones = self.int(-1);
        Some(Item::Numpy(scalar, self.op(Op::IntXor, &[value, ones])))
    }

    /// `abs(x)` of a scalar; `None` if it is not known, and nothing has been done.
    pub fn numpy_abs(&mut self, item: &Item, scalar: Scalar) -> Option<Item> {
        if scalar.is_complex() {
            return self.numpy_complex_abs(item, scalar);
        }
        if scalar.is_float() {
            let value = self.as_float(item);
            return Some(Item::Numpy(scalar, self.op(Op::FloatAbs, &[value])));
        }
        if !scalar.is_signed() {
            return None;
        }
        let value = self.as_int(item);
        let negated = self.negated(value, scalar);
        let zero = self.int(0);
        let below = self.int_compare(IntCond::SignedLt, value, zero);
        Some(Item::Numpy(scalar, self.op(Op::Select, &[below, negated, value])))
    }

    /// Whether a scalar is true.
    pub fn numpy_truth(&mut self, item: &Item, scalar: Scalar) -> Value {
        let item = self.known_as(item, Kind::Numpy(scalar));
        match self.unboxed_scalar(&item) {
            Item::Numpy(Scalar::Bool, flag) => flag,
            item @ Item::NumpyComplex(..) => self.numpy_complex_truth(&item),
            item if scalar.is_float() => {
                let value = self.as_float(&item);
                let zero = self.float(0.0);
                self.float_compare(FloatCond::Ne, value, zero)
            }
            item => {
                let value = self.as_int(&item);
                let zero = self.int(0);
                self.int_compare(IntCond::Ne, value, zero)
            }
        }
    }
}
