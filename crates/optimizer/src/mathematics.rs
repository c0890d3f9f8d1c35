//! Mathematics: the functions of `math` and `cmath`, `divmod`, `pow`, `round`, `complex`, and methods of numbers.

use crate::arithmetic::constant_int;
use crate::builder::Builder;
use crate::builtins::{is_int, is_real};
use crate::item::{Item, Iterator, Kind, Step};
use justjit_builder::{FloatCond, IntCond, RuntimeFn};
use justjit_ir::{Op, Reason, Type, Value};
use justjit_runtime::ops::numbers::nb;
use justjit_runtime::{arrays, math};
use pyo3_ffi::*;

/// Above this, `cmath` takes ways of its own with exponentials; it does not below about 708.
const LARGE_EXPONENT: f64 = 700.0;

/// What is done with a function of `math`, or with a method of numbers.
#[derive(Clone, Copy, Debug)]
pub enum MathFn {
    Sqrt,
    Fabs,
    Floor,
    Ceil,
    Trunc,
    IsNan,
    IsInf,
    IsFinite,
    IsClose,
    Modf,
    Frexp,
    Ldexp,
    Gcd,
    Isqrt,
    /// The number multiplied.
    Times(f64),
    /// Of as many floats as the function has arguments. NaN stands for what is not plain.
    Call(&'static RuntimeFn),
    /// `float.is_integer`
    IsInteger,
    /// An int's method without arguments.
    OfInt(&'static RuntimeFn),
    /// `complex.conjugate`
    Conjugate,
}

impl MathFn {
    /// The function of `math` with that name, if it is known.
    pub fn of_module(name: &str) -> Option<MathFn> {
        use MathFn::*;
        Some(match name {
            "sqrt" => Sqrt,
            "fabs" => Fabs,
            "floor" => Floor,
            "ceil" => Ceil,
            "trunc" => Trunc,
            "isnan" => IsNan,
            "isinf" => IsInf,
            "isfinite" => IsFinite,
            "isclose" => IsClose,
            "modf" => Modf,
            "frexp" => Frexp,
            "ldexp" => Ldexp,
            "gcd" => Gcd,
            "isqrt" => Isqrt,
            "degrees" => Times(180.0 / std::f64::consts::PI),
            "radians" => Times(std::f64::consts::PI / 180.0),
            "exp" => Call(&math::MATH_EXP),
            "sin" => Call(&math::MATH_SIN),
            "cos" => Call(&math::MATH_COS),
            "tan" => Call(&math::MATH_TAN),
            "asin" => Call(&math::MATH_ASIN),
            "acos" => Call(&math::MATH_ACOS),
            "atan" => Call(&math::MATH_ATAN),
            "sinh" => Call(&math::MATH_SINH),
            "cosh" => Call(&math::MATH_COSH),
            "tanh" => Call(&math::MATH_TANH),
            "asinh" => Call(&math::MATH_ASINH),
            "acosh" => Call(&math::MATH_ACOSH),
            "atanh" => Call(&math::MATH_ATANH),
            "exp2" => Call(&math::MATH_EXP2),
            "expm1" => Call(&math::MATH_EXPM1),
            "erf" => Call(&math::MATH_ERF),
            "erfc" => Call(&math::MATH_ERFC),
            "log" => Call(&math::MATH_LOG),
            "log1p" => Call(&math::MATH_LOG1P),
            "log2" => Call(&math::MATH_LOG2),
            "log10" => Call(&math::MATH_LOG10),
            "atan2" => Call(&math::MATH_ATAN2),
            "fmod" => Call(&math::MATH_FMOD),
            "pow" => Call(&math::MATH_POW),
            "copysign" => Call(&math::MATH_COPYSIGN),
            "hypot" => Call(&math::MATH_HYPOT),
            "remainder" => Call(&math::MATH_REMAINDER),
            "nextafter" => Call(&math::MATH_NEXTAFTER),
            "fma" => Call(&math::MATH_FMA),
            // cbrt is not the C library's here: Rust brings one of its own, which rounds otherwise.
            _ => return None,
        })
    }

    /// The method that the type's dictionary has under that name, if it is known.
    pub fn of_type(ty: *mut PyTypeObject, name: &[u8]) -> Option<MathFn> {
        let is = |other: *mut PyTypeObject| ty == other;
        Some(match name {
            b"bit_length" if is(&raw mut PyLong_Type) => MathFn::OfInt(&math::BIT_LENGTH),
            b"bit_count" if is(&raw mut PyLong_Type) => MathFn::OfInt(&math::BIT_COUNT),
            b"is_integer" if is(&raw mut PyFloat_Type) => MathFn::IsInteger,
            b"conjugate" if is(&raw mut PyComplex_Type) || arrays::is_generic(ty) => MathFn::Conjugate,
            _ => return None,
        })
    }
}

/// What is done with a function of `cmath`.
#[derive(Clone, Copy, Debug)]
pub enum CmathFn {
    IsNan,
    IsInf,
    IsFinite,
    Phase,
    Polar,
    Rect,
    Sqrt,
    Exp,
    Log,
    Sin,
    Cos,
    Sinh,
    Cosh,
}

impl CmathFn {
    /// The function of `cmath` with that name, if it is known.
    pub fn of_module(name: &str) -> Option<CmathFn> {
        use CmathFn::*;
        Some(match name {
            "isnan" => IsNan,
            "isinf" => IsInf,
            "isfinite" => IsFinite,
            "phase" => Phase,
            "polar" => Polar,
            "rect" => Rect,
            "sqrt" => Sqrt,
            "exp" => Exp,
            // It adds a product.
            "log" if math::complex_is_rounded() => Log,
            "sin" => Sin,
            "cos" => Cos,
            "sinh" => Sinh,
            "cosh" => Cosh,
            _ => return None,
        })
    }
}

impl Builder<'_> {
    /// The result of a function of floats; leaves where it is not plain, which NaN stands for: the interpreter knows whether
    /// that raises.
    pub fn plain(&mut self, function: &'static RuntimeFn, args: &[Value]) -> Value {
        let result = self.compute(function, args, Type::Float);
        let fine = self.float_compare(FloatCond::Eq, result, result);
        self.guard(fine, Reason::Domain);
        result
    }

    fn is_finite(&mut self, value: Value) -> Value {
        let size = self.op(Op::FloatAbs, &[value]);
        let infinity = self.float(f64::INFINITY);
        self.float_compare(FloatCond::Lt, size, infinity)
    }

    fn is_infinite(&mut self, value: Value) -> Value {
        let size = self.op(Op::FloatAbs, &[value]);
        let infinity = self.float(f64::INFINITY);
        self.float_compare(FloatCond::Eq, size, infinity)
    }

    fn is_nan(&mut self, value: Value) -> Value {
        self.float_compare(FloatCond::Ne, value, value)
    }

    /// A call of a function of `math`, or of a method of numbers. `None` if it is not done here, and nothing has been done.
    pub fn math_of(&mut self, function: MathFn, args: &[Item], kinds: &[Kind]) -> Option<Item> {
        use MathFn::*;
        let real = kinds.iter().all(|&kind| is_real(kind));
        Some(match (function, args) {
            (Gcd, [a, b]) if kinds.iter().all(|&kind| is_int(kind)) => {
                let (a, b) = (self.as_int(a), self.as_int(b));
                let divisor = self.compute(&math::MATH_GCD, &[a, b], Type::Int);
                let zero = self.int(0);
                let fine = self.int_compare(IntCond::SignedGe, divisor, zero);
                self.guard(fine, Reason::Overflow);
                Item::Int(divisor)
            }
            (Isqrt, [item]) if is_int(kinds[0]) => {
                let value = self.as_int(item);
                let root = self.compute(&math::MATH_ISQRT, &[value], Type::Int);
                let zero = self.int(0);
                let fine = self.int_compare(IntCond::SignedGe, root, zero);
                self.guard(fine, Reason::Domain);
                Item::Int(root)
            }
            (OfInt(function), [item]) if is_int(kinds[0]) => {
                let value = self.as_int(item);
                Item::Int(self.compute(function, &[value], Type::Int))
            }
            (Ldexp, [item, exponent]) if is_real(kinds[0]) && is_int(kinds[1]) => {
                let value = self.as_float(item);
                let exponent = self.as_int(exponent);
                Item::Float(self.plain(&math::MATH_LDEXP, &[value, exponent]))
            }
            (Conjugate, [item]) if kinds[0] == Kind::Complex => {
                let (real, imaginary) = self.as_complex(item, 0);
                Item::Complex(real, self.op(Op::FloatNeg, &[imaginary]))
            }
            (Conjugate, [item])
                if let Kind::Numpy(scalar) = kinds[0]
                    && scalar.is_complex() =>
            {
                self.numpy_conjugate(item, scalar)
            }
            (IsInteger, [item]) if kinds[0] == Kind::Float => {
                let value = self.as_float(item);
                let floor = self.op(Op::FloatFloor, &[value]);
                let whole = self.float_compare(FloatCond::Eq, floor, value);
                let finite = self.is_finite(value);
                Item::Bool(self.op(Op::BoolAnd, &[whole, finite]))
            }
            (Call(function), _) if real && args.len() == function.signature.params.len() => {
                let args: Vec<Value> = args.iter().map(|item| self.as_float(item)).collect();
                Item::Float(self.plain(function, &args))
            }
            (IsClose, [a, b]) if real => {
                let (a, b) = (self.as_float(a), self.as_float(b));
                Item::Bool(self.is_close(a, b))
            }
            (_, [item]) if real => return self.math_of_one(function, item),
            _ => return None,
        })
    }

    /// `math.isclose` with the tolerances that are its defaults.
    fn is_close(&mut self, a: Value, b: Value) -> Value {
        let equal = self.float_compare(FloatCond::Eq, a, b);
        let difference = self.op(Op::FloatSub, &[b, a]);
        let difference = self.op(Op::FloatAbs, &[difference]);
        let tolerance = self.float(1e-9);
        let mut close = None;
        for side in [b, a] {
            let limit = self.op(Op::FloatMul, &[tolerance, side]);
            let limit = self.op(Op::FloatAbs, &[limit]);
            let within = self.float_compare(FloatCond::Le, difference, limit);
            close = Some(match close {
                None => within,
                Some(other) => self.op(Op::BoolOr, &[other, within]),
            });
        }
        // An infinity is close to nothing but itself; a difference of it is not finite.
        let finite = self.is_finite(difference);
        let near = self.op(Op::BoolAnd, &[close.expect("two sides"), finite]);
        self.op(Op::BoolOr, &[equal, near])
    }

    fn math_of_one(&mut self, function: MathFn, item: &Item) -> Option<Item> {
        use MathFn::*;
        if matches!((function, item.kind()), (Floor | Ceil | Trunc, Kind::Numpy(_))) {
            return None;
        }
        Some(match function {
            Sqrt => {
                let value = self.as_float(item);
                let zero = self.float(0.0);
                let fine = self.float_compare(FloatCond::Ge, value, zero);
                self.guard(fine, Reason::Domain);
                Item::Float(self.op(Op::FloatSqrt, &[value]))
            }
            Fabs => {
                let value = self.as_float(item);
                Item::Float(self.op(Op::FloatAbs, &[value]))
            }
            Times(factor) => {
                let value = self.as_float(item);
                let factor = self.float(factor);
                Item::Float(self.op(Op::FloatMul, &[value, factor]))
            }
            IsNan => {
                let value = self.as_float(item);
                Item::Bool(self.is_nan(value))
            }
            IsInf => {
                let value = self.as_float(item);
                Item::Bool(self.is_infinite(value))
            }
            IsFinite => {
                let value = self.as_float(item);
                Item::Bool(self.is_finite(value))
            }
            Modf => {
                let value = self.as_float(item);
                let fine = self.is_finite(value);
                self.guard(fine, Reason::Domain);
                let whole = self.op(Op::FloatTrunc, &[value]);
                let part = self.op(Op::FloatSub, &[value, whole]);
                let part = self.compute(&math::MATH_COPYSIGN, &[part, value], Type::Float);
                Item::Tuple(vec![Item::Float(part), Item::Float(whole)])
            }
            Frexp => {
                let value = self.as_float(item);
                let mantissa = self.plain(&math::MATH_FREXP, &[value]);
                let exponent = self.compute(&math::MATH_FREXP_EXPONENT, &[value], Type::Int);
                Item::Tuple(vec![Item::Float(mantissa), Item::Int(exponent)])
            }
            Floor | Ceil | Trunc => {
                let op = match function {
                    Floor => Op::FloatFloor,
                    Ceil => Op::FloatCeil,
                    _ => Op::FloatTrunc,
                };
                return Some(self.whole(item, |builder, value| builder.op(op, &[value])));
            }
            _ => return None,
        })
    }

    /// An int of a number: an int itself, a float when it has been rounded.
    fn whole(&mut self, item: &Item, round: impl FnOnce(&mut Self, Value) -> Value) -> Item {
        if item.kind() == Kind::Int && self.may_be_known(item) {
            return self.shared(item.clone());
        }
        if is_int(item.kind()) {
            return Item::Int(self.as_int(item));
        }
        let value = self.as_float(item);
        let rounded = round(self, value);
        Item::Int(self.truncated(rounded))
    }

    /// `round` without a number of digits.
    pub fn rounded(&mut self, item: &Item, kind: Kind) -> Option<Item> {
        matches!(kind, Kind::Int | Kind::Bool | Kind::Float).then(|| {
            self.whole(item, |builder, value| {
                builder.compute(&math::ROUND_HALF_EVEN, &[value], Type::Float)
            })
        })
    }

    /// `divmod` of two numbers.
    pub fn divmod_of(&mut self, a: &Item, b: &Item, kinds: (Kind, Kind)) -> Option<Item> {
        let number = |kind| matches!(kind, Kind::Int | Kind::Bool | Kind::Float);
        if !number(kinds.0) || !number(kinds.1) {
            return None;
        }
        let mut both = Vec::with_capacity(2);
        for op in [nb::FLOOR_DIVIDE, nb::REMAINDER] {
            both.push(if is_int(kinds.0) && is_int(kinds.1) {
                self.int_operator(op, a, b, kinds)?
            } else {
                self.float_operator(op, a, b)?
            });
        }
        Some(Item::Tuple(both))
    }

    /// `pow` of two numbers, or of three ints.
    pub fn power_of(&mut self, args: &[Item], kinds: &[Kind]) -> Option<Item> {
        let ints = kinds.iter().all(|&kind| is_int(kind));
        match args {
            [a, b] if ints => self.int_operator(nb::POWER, a, b, (kinds[0], kinds[1])),
            [a, b]
                if kinds
                    .iter()
                    .all(|kind| matches!(kind, Kind::Int | Kind::Bool | Kind::Float)) =>
            {
                self.float_operator(nb::POWER, a, b)
            }
            [base, exponent, modulus] if ints => {
                let values = [base, exponent, modulus].map(|item| self.as_int(item));
                let zero = self.int(0);
                if constant_int(exponent).is_none_or(|exponent| exponent < 0) {
                    let fine = self.int_compare(IntCond::SignedGe, values[1], zero);
                    self.guard(fine, Reason::Domain);
                }
                if constant_int(modulus).is_none_or(|modulus| modulus == 0) {
                    let fine = self.int_compare(IntCond::Ne, values[2], zero);
                    self.guard(fine, Reason::Domain);
                }
                Some(Item::Int(self.compute(&math::POWER_MODULO, &values, Type::Int)))
            }
            _ => None,
        }
    }

    /// `complex` of one or two real numbers, or of a complex number.
    pub fn complex_of(&mut self, args: &[Item], kinds: &[Kind]) -> Option<Item> {
        match args {
            [item @ Item::Complex(..)] => Some(item.clone()),
            [item @ Item::Object(_)] if kinds[0] == Kind::Complex => Some(self.shared(item.clone())),
            [real] if is_real(kinds[0]) => Some(Item::Complex(self.as_float(real), self.float(0.0))),
            [real, imaginary] if kinds.iter().all(|&kind| is_real(kind)) => {
                Some(Item::Complex(self.as_float(real), self.as_float(imaginary)))
            }
            _ => None,
        }
    }

    /// `reversed` of a range whose step is 1 or -1: an iterator over another one.
    pub fn reversed(&mut self, item: &Item) -> Option<Item> {
        let Item::Range {
            start,
            stop,
            step: Step::Known(step @ (1 | -1)),
        } = *item
        else {
            return None;
        };
        let back = self.int(-step);
        let next = self.checked(Op::IntAddChecked, &[stop, back], Reason::Overflow);
        let stop = self.checked(Op::IntAddChecked, &[start, back], Reason::Overflow);
        Some(Item::Iterator(Iterator::Range {
            next,
            stop,
            step: Step::Known(-step),
        }))
    }

    /// `z.real` and `z.imag`, and the kind of `z`.
    pub fn complex_attribute(&mut self, item: &Item, name: *mut PyObject) -> Option<(Item, Kind)> {
        let kind = self.likely_kind(item, 0);
        let part = match kind {
            Kind::Complex => None,
            Kind::Numpy(scalar) => Some(scalar.part()?),
            _ => return None,
        };
        // SAFETY: a live name.
        let name = unsafe { crate::text::name_of(name) };
        if !matches!(&name[..], "real" | "imag") {
            return None;
        }
        let item = self.known_as(item, kind);
        let (real, imaginary) = self.as_complex(&item, 0);
        let value = if name == "real" { real } else { imaginary };
        let found = part.map_or(Item::Float(value), |part| Item::Numpy(part, value));
        Some((self.in_another_object(found), kind))
    }

    /// A call of a function of `cmath` (`Modules/cmathmodule.c`). `None` if it is not done here.
    pub fn cmath_of(&mut self, function: CmathFn, args: &[Item], kinds: &[Kind]) -> Option<Item> {
        let number = |kind: Kind| matches!(kind, Kind::Int | Kind::Bool | Kind::Float);
        if let (CmathFn::Rect, [size, angle]) = (function, args) {
            if !kinds.iter().all(|&kind| number(kind)) {
                return None;
            }
            let (size, angle) = (self.as_float(size), self.as_float(angle));
            let finite = self.is_finite(size);
            self.guard(finite, Reason::Domain);
            let (sine, cosine) = self.sine_and_cosine(angle);
            return Some(self.scaled((cosine, size), (sine, size)));
        }
        let [item] = args else {
            return None;
        };
        if kinds[0] != Kind::Complex && !number(kinds[0]) {
            return None;
        }
        let (real, imaginary) = self.as_complex(item, 0);
        let both = |builder: &mut Self, test: fn(&mut Self, Value) -> Value, op| {
            let parts = [real, imaginary].map(|part| test(builder, part));
            Item::Bool(builder.op(op, &parts))
        };
        Some(match function {
            CmathFn::IsNan => both(self, Self::is_nan, Op::BoolOr),
            CmathFn::IsInf => both(self, Self::is_infinite, Op::BoolOr),
            CmathFn::IsFinite => both(self, Self::is_finite, Op::BoolAnd),
            CmathFn::Phase => Item::Float(self.plain(&math::MATH_ATAN2, &[imaginary, real])),
            CmathFn::Polar => {
                let size = self.plain(&math::COMPLEX_ABS, &[real, imaginary]);
                let angle = self.plain(&math::MATH_ATAN2, &[imaginary, real]);
                Item::Tuple(vec![Item::Float(size), Item::Float(angle)])
            }
            CmathFn::Sqrt => {
                let larger = self.plain(&math::COMPLEX_ROOT, &[real, imaginary]);
                let two = self.float(2.0);
                let size = self.op(Op::FloatAbs, &[imaginary]);
                let twice = self.op(Op::FloatMul, &[two, larger]);
                let smaller = self.op(Op::FloatDiv, &[size, twice]);
                let zero = self.float(0.0);
                let right = self.float_compare(FloatCond::Ge, real, zero);
                let upper = self.op(Op::Select, &[right, smaller, larger]);
                let upper = self.compute(&math::MATH_COPYSIGN, &[upper, imaginary], Type::Float);
                Item::Complex(self.op(Op::Select, &[right, larger, smaller]), upper)
            }
            CmathFn::Log => {
                let size = self.plain(&math::COMPLEX_LOG, &[real, imaginary]);
                Item::Complex(size, self.plain(&math::MATH_ATAN2, &[imaginary, real]))
            }
            CmathFn::Exp => {
                self.small_exponent(real);
                let size = self.plain(&math::MATH_EXP, &[real]);
                let (sine, cosine) = self.sine_and_cosine(imaginary);
                self.scaled((size, cosine), (size, sine))
            }
            CmathFn::Sinh => self.hyperbolic_sine(real, imaginary),
            CmathFn::Cosh => self.hyperbolic_cosine(real, imaginary),
            CmathFn::Sin => {
                let turned = self.op(Op::FloatNeg, &[imaginary]);
                let Item::Complex(a, b) = self.hyperbolic_sine(turned, real) else {
                    unreachable!("it is a complex number");
                };
                Item::Complex(b, self.op(Op::FloatNeg, &[a]))
            }
            CmathFn::Cos => {
                let turned = self.op(Op::FloatNeg, &[imaginary]);
                self.hyperbolic_cosine(turned, real)
            }
            CmathFn::Rect => return None,
        })
    }

    /// Leaves where exponentials are large.
    fn small_exponent(&mut self, exponent: Value) {
        let size = self.op(Op::FloatAbs, &[exponent]);
        let limit = self.float(LARGE_EXPONENT);
        let fine = self.float_compare(FloatCond::Le, size, limit);
        self.guard(fine, Reason::Domain);
    }

    fn sine_and_cosine(&mut self, angle: Value) -> (Value, Value) {
        let sine = self.plain(&math::MATH_SIN, &[angle]);
        (sine, self.plain(&math::MATH_COS, &[angle]))
    }

    /// A complex number whose parts are products.
    fn scaled(&mut self, real: (Value, Value), imaginary: (Value, Value)) -> Item {
        let real = self.op(Op::FloatMul, &[real.0, real.1]);
        Item::Complex(real, self.op(Op::FloatMul, &[imaginary.0, imaginary.1]))
    }

    fn hyperbolic_sine(&mut self, real: Value, imaginary: Value) -> Item {
        self.small_exponent(real);
        let (sine, cosine) = self.sine_and_cosine(imaginary);
        let (odd, even) = (
            self.plain(&math::MATH_SINH, &[real]),
            self.plain(&math::MATH_COSH, &[real]),
        );
        self.scaled((cosine, odd), (sine, even))
    }

    fn hyperbolic_cosine(&mut self, real: Value, imaginary: Value) -> Item {
        self.small_exponent(real);
        let (sine, cosine) = self.sine_and_cosine(imaginary);
        let (odd, even) = (
            self.plain(&math::MATH_SINH, &[real]),
            self.plain(&math::MATH_COSH, &[real]),
        );
        self.scaled((cosine, even), (sine, odd))
    }
}
