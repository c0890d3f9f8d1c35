//! Mathematics of numbers that are no objects: what `float`, `complex`, `math` and `cmath` compute, bit for bit.
//!
//! Where the interpreter calls the C library, so do these; where it has a way of its own, this is repeated with its source
//! named. What is not plain (NaN, an infinity that was not given, an exception, a range in which the interpreter goes
//! another way) gives NaN: optimized code is left then, and the interpreter decides.

use crate::runtime_fns;
use pyo3_ffi::*;
use std::ffi::c_int;
use std::ptr::null_mut;
use std::sync::OnceLock;

/// Python's `a // b` and `a % b` of floats; `b` is not 0 (`_float_div_mod`, `Objects/floatobject.c`).
fn float_div_mod(a: f64, b: f64) -> (f64, f64) {
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 {
        if (b < 0.0) != (rest < 0.0) {
            rest += b;
            quotient -= 1.0;
        }
    } else {
        rest = 0.0_f64.copysign(b);
    }
    let floor = if quotient != 0.0 {
        let floor = quotient.floor();
        if quotient - floor > 0.5 { floor + 1.0 } else { floor }
    } else {
        0.0_f64.copysign(a / b)
    };
    (floor, rest)
}

macro_rules! math {
    ($($(#[$meta:meta])* $constant:ident = $name:ident($($arg:ident),+) $body:block)*) => {
        runtime_fns! {
            $($(#[$meta])* $constant = pure fn $name($($arg: f64),+) -> f64 $body)*
        }
    };
}

/// The C library's function, which the interpreter calls as well; NaN where it may set an error or the result is not
/// finite, so that the interpreter decides.
macro_rules! plain {
    ($value:expr) => {{
        let value: f64 = $value;
        if value.is_finite() { value } else { f64::NAN }
    }};
}

math! {
    /// `a // b` of floats, `b` not 0.
    FLOAT_FLOOR_DIV = float_floor_div(a, b) { float_div_mod(a, b).0 }
    /// `a % b` of floats, `b` not 0.
    FLOAT_MOD = float_mod(a, b) {
        let mut rest = a % b;
        if rest != 0.0 {
            if (b < 0.0) != (rest < 0.0) {
                rest += b;
            }
            rest
        } else {
            0.0_f64.copysign(b)
        }
    }
    /// `a ** b` of floats; NaN where it is NaN, infinite, complex, or raises.
    FLOAT_POWER = float_power(a, b) {
        let plain = a.is_finite() && b.is_finite() && (a > 0.0 || (b.floor() == b && (a != 0.0 || b >= 0.0)));
        if plain { plain!(libc_math::pow(a, b)) } else { f64::NAN }
    }
    /// `abs(a + b*1j)`; NaN where it is NaN, infinite, or raises.
    COMPLEX_ABS = complex_abs(a, b) {
        if a.is_finite() && b.is_finite() { plain!(libc_math::hypot(a, b)) } else { f64::NAN }
    }
    /// `math.exp`; NaN where it is not finite. The others likewise.
    MATH_EXP = math_exp(a) { plain!(libc_math::exp(a)) }
    MATH_SIN = math_sin(a) { plain!(libc_math::sin(a)) }
    MATH_COS = math_cos(a) { plain!(libc_math::cos(a)) }
    MATH_TAN = math_tan(a) { plain!(libc_math::tan(a)) }
    MATH_ASIN = math_asin(a) { plain!(libc_math::asin(a)) }
    MATH_ACOS = math_acos(a) { plain!(libc_math::acos(a)) }
    MATH_ATAN = math_atan(a) { plain!(libc_math::atan(a)) }
    MATH_SINH = math_sinh(a) { plain!(libc_math::sinh(a)) }
    MATH_COSH = math_cosh(a) { plain!(libc_math::cosh(a)) }
    MATH_TANH = math_tanh(a) { plain!(libc_math::tanh(a)) }
    MATH_EXPM1 = math_expm1(a) { plain!(libc_math::expm1(a)) }
    MATH_ERF = math_erf(a) { plain!(libc_math::erf(a)) }
    MATH_ERFC = math_erfc(a) { plain!(libc_math::erfc(a)) }
    /// `math.log` with one argument, which has a way of its own with numbers below 1.
    MATH_LOG = math_log(a) {
        if a > 0.0 && a.is_finite() { plain!(libc_math::log(a)) } else { f64::NAN }
    }
    MATH_LOG2 = math_log2(a) {
        if a > 0.0 && a.is_finite() { plain!(libc_math::log2(a)) } else { f64::NAN }
    }
    MATH_LOG10 = math_log10(a) {
        if a > 0.0 && a.is_finite() { plain!(libc_math::log10(a)) } else { f64::NAN }
    }
    /// `math.atan2` of finite numbers.
    MATH_ATAN2 = math_atan2(a, b) {
        if a.is_finite() && b.is_finite() { libc_math::atan2(a, b) } else { f64::NAN }
    }
    /// `math.fmod` of finite numbers, the second not 0.
    MATH_FMOD = math_fmod(a, b) {
        if a.is_finite() && b.is_finite() && b != 0.0 { a % b } else { f64::NAN }
    }
    /// `math.pow`; NaN where it is not finite or raises.
    MATH_POW = math_pow(a, b) {
        let plain = a.is_finite() && b.is_finite() && (a > 0.0 || (b.floor() == b && (a != 0.0 || b >= 0.0)));
        if plain { plain!(libc_math::pow(a, b)) } else { f64::NAN }
    }
    /// `math.copysign`
    MATH_COPYSIGN = math_copysign(a, b) { if a.is_nan() { f64::NAN } else { a.copysign(b) } }
    MATH_ACOSH = math_acosh(a) { plain!(libc_math::acosh(a)) }
    MATH_ASINH = math_asinh(a) { plain!(libc_math::asinh(a)) }
    MATH_ATANH = math_atanh(a) { plain!(libc_math::atanh(a)) }
    MATH_EXP2 = math_exp2(a) { plain!(libc_math::exp2(a)) }
    MATH_LOG1P = math_log1p(a) { if a == 0.0 { a } else { plain!(libc_math::log1p(a)) } }
    /// `math.nextafter` without a number of steps.
    MATH_NEXTAFTER = math_nextafter(a, b) { plain!(libc_math::nextafter(a, b)) }
    /// `math.fma`
    MATH_FMA = math_fma(a, b, c) { plain!(fused(a, b, c)) }
    /// `math.hypot` of two numbers.
    MATH_HYPOT = math_hypot(a, b) {
        if a.is_finite() && b.is_finite() { plain!(vector_norm([a.abs(), b.abs()])) } else { f64::NAN }
    }
    /// `math.remainder` of finite numbers, the second not 0 (`m_remainder`, `Modules/mathmodule.c`).
    MATH_REMAINDER = math_remainder(a, b) {
        if !a.is_finite() || !b.is_finite() || b == 0.0 {
            return f64::NAN;
        }
        let (x, y) = (a.abs(), b.abs());
        let rest = x % y;
        let other = y - rest;
        let nearest = if rest < other {
            rest
        } else if rest > other {
            -other
        } else {
            rest - 2.0 * ((0.5 * (x - rest)) % y)
        };
        1.0_f64.copysign(a) * nearest
    }
    /// `float(round(a))`: half goes to even.
    ROUND_HALF_EVEN = round_half_even(a) { a.round_ties_even() }
    /// The mantissa of `math.frexp` of a finite number.
    MATH_FREXP = math_frexp(a) { if a.is_finite() { libc_math::frexp(a).0 } else { f64::NAN } }
    /// The real part of `(a + b*1j) / (c + d*1j)`; NaN where it is not finite or the divisor is 0.
    COMPLEX_QUOTIENT_REAL = complex_quotient_real(a, b, c, d) { plain!(complex_quotient(a, b, c, d).0) }
    COMPLEX_QUOTIENT_IMAGINARY = complex_quotient_imaginary(a, b, c, d) { plain!(complex_quotient(a, b, c, d).1) }
    /// The larger part of the root of `a + b*1j` (`cmath_sqrt_impl`, `Modules/cmathmodule.c`), and NaN for 0 and what is
    /// too small.
    COMPLEX_ROOT = complex_root(a, b) {
        let (a, b) = (a.abs(), b.abs());
        if !a.is_finite() || !b.is_finite() || (a < f64::MIN_POSITIVE && b < f64::MIN_POSITIVE) {
            return f64::NAN;
        }
        let a = a / 8.0;
        plain!(2.0 * (a + libc_math::hypot(a, b / 8.0)).sqrt())
    }
    /// The real part of `cmath.log(a + b*1j)` (`c_log`, `Modules/cmathmodule.c`); NaN for what is very small or large.
    COMPLEX_LOG = complex_log(a, b) {
        let (least, greatest) = if a.abs() > b.abs() { (b.abs(), a.abs()) } else { (a.abs(), b.abs()) };
        if !(1e-300..=1e300).contains(&greatest) || least.is_nan() {
            return f64::NAN;
        }
        let size = libc_math::hypot(a, b);
        if (0.71..=1.73).contains(&size) {
            libc_math::log1p((greatest - 1.0) * (greatest + 1.0) + least * least) / 2.0
        } else {
            libc_math::log(size)
        }
    }
}

runtime_fns! {
    /// The exponent of `math.frexp` of a finite number.
    MATH_FREXP_EXPONENT = pure fn math_frexp_exponent(a: f64) -> i64 { libc_math::frexp(a).1.into() }
    /// `math.ldexp`; NaN where it is not finite.
    MATH_LDEXP = pure fn math_ldexp(a: f64, exponent: i64) -> f64 {
        // Beyond these all is 0 or infinite.
        plain!(libc_math::ldexp(a, exponent.clamp(-5000, 5000) as c_int))
    }
    /// `math.gcd` of two ints; -2**63 where the result is 2**63.
    MATH_GCD = pure fn math_gcd(a: i64, b: i64) -> i64 {
        let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
        if a == 0 || b == 0 {
            return (a | b) as i64;
        }
        // Stein's algorithm: no divisions.
        let shift = (a | b).trailing_zeros();
        a >>= a.trailing_zeros();
        while b != 0 {
            b >>= b.trailing_zeros();
            (a, b) = (a.min(b), a.abs_diff(b));
        }
        (a << shift) as i64
    }
    /// `math.isqrt` of an int; -1 for those below 0.
    MATH_ISQRT = pure fn math_isqrt(a: i64) -> i64 {
        if a < 0 { -1 } else { a.isqrt() }
    }
    /// `pow(base, exponent, modulus)`, whose modulus is not 0 and whose exponent is not below 0.
    POWER_MODULO = pure fn power_modulo(base: i64, exponent: i64, modulus: i64) -> i64 {
        let size = u128::from(modulus.unsigned_abs());
        let mut square = i128::from(base).rem_euclid(size as i128) as u128;
        let mut result = 1 % size;
        let mut rest = exponent;
        while rest > 0 {
            if rest & 1 != 0 {
                result = result * square % size;
            }
            square = square * square % size;
            rest >>= 1;
        }
        // The result has the modulus' sign.
        let result = result as i128;
        (if modulus < 0 && result != 0 { result - size as i128 } else { result }) as i64
    }
    /// `int.bit_length`
    BIT_LENGTH = pure fn bit_length(a: i64) -> i64 { i64::from(u64::BITS - a.unsigned_abs().leading_zeros()) }
    /// `int.bit_count`
    BIT_COUNT = pure fn bit_count(a: i64) -> i64 { a.unsigned_abs().count_ones().into() }
}

/// `a * b + c`, rounded once.
fn fused(a: f64, b: f64, c: f64) -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "fma")]
        fn by_machine(a: f64, b: f64, c: f64) -> f64 {
            a.mul_add(b, c)
        }
        if std::is_x86_feature_detected!("fma") {
            // SAFETY: the machine has the instruction.
            return unsafe { by_machine(a, b, c) };
        }
    }
    a.mul_add(b, c)
}

/// The length of a vector of finite numbers that are not below 0 (`vector_norm`, `Modules/mathmodule.c`): squares and sums
/// without loss, and a correction.
fn vector_norm(vector: [f64; 2]) -> f64 {
    let max = vector[0].max(vector[1]);
    if max == 0.0 {
        return max;
    }
    let (_, exponent) = libc_math::frexp(max);
    if exponent < -1023 {
        return f64::MIN_POSITIVE * vector_norm(vector.map(|x| x / f64::MIN_POSITIVE));
    }
    let scale = libc_math::ldexp(1.0, -exponent);
    let (mut sum, mut products, mut sums) = (1.0, 0.0, 0.0);
    let mut add = |a: f64, b: f64| {
        let high = a * b;
        let low = fused(a, b, -high);
        let next = sum + high;
        sums += high - (next - sum);
        sum = next;
        products += low;
        sum - 1.0 + (products + sums)
    };
    let mut square = 0.0;
    for x in vector {
        let x = x * scale;
        square = add(x, x);
    }
    let length = square.sqrt();
    let rest = add(-length, length);
    (length + rest / (2.0 * length)) / scale
}

/// The quotient of two complex numbers (`_Py_c_quot`, `Objects/complexobject.c`); NaN where the divisor is 0.
fn complex_quotient(a: f64, b: f64, c: f64, d: f64) -> (f64, f64) {
    if c.abs() >= d.abs() {
        if c == 0.0 {
            return (f64::NAN, f64::NAN);
        }
        let ratio = d / c;
        let divisor = c + d * ratio;
        ((a + b * ratio) / divisor, (b - a * ratio) / divisor)
    } else if d.abs() >= c.abs() {
        let ratio = c / d;
        let divisor = c * ratio + d;
        ((a * ratio + b) / divisor, (b * ratio - a) / divisor)
    } else {
        (f64::NAN, f64::NAN)
    }
}

/// Whether the interpreter's complex arithmetic rounds each product before it adds it. Compilers may join the two where the
/// machine can (on AArch64, not on x86-64 as it is built for all): such an interpreter's results are other ones.
pub fn complex_is_rounded() -> bool {
    static ROUNDED: OnceLock<bool> = OnceLock::new();
    *ROUNDED.get_or_init(|| {
        // (1 + 2**-30)**2 - 1: the last bits of the square are lost if it is rounded.
        let a = 1.0 + f64::from(1 << 30).recip();
        // SAFETY: numbers; the GIL is held.
        unsafe {
            let factor = PyComplex_FromDoubles(a, 1.0);
            let product = if factor.is_null() {
                null_mut()
            } else {
                PyNumber_Multiply(factor, factor)
            };
            let rounded = !product.is_null() && PyComplex_RealAsDouble(product) == a * a - 1.0;
            Py_XDECREF(product);
            Py_XDECREF(factor);
            PyErr_Clear();
            rounded
        }
    })
}

/// The C library's mathematics.
mod libc_math {
    macro_rules! functions {
        ($($name:ident($($arg:ident),+);)*) => {
            mod c {
                unsafe extern "C" {
                    $(pub fn $name($($arg: f64),+) -> f64;)*
                }
            }
            $(pub fn $name($($arg: f64),+) -> f64 {
                // SAFETY: a function of numbers.
                unsafe { c::$name($($arg),+) }
            })*
        };
    }

    functions! {
        pow(a, b); hypot(a, b); exp(a); sin(a); cos(a); tan(a); asin(a); acos(a); atan(a); sinh(a); cosh(a); tanh(a);
        expm1(a); erf(a); erfc(a); log(a); log2(a); log10(a); atan2(a, b); acosh(a); asinh(a); atanh(a); exp2(a);
        log1p(a); nextafter(a, b);
    }

    mod with_exponents {
        use std::ffi::c_int;
        unsafe extern "C" {
            pub fn ldexp(a: f64, exponent: c_int) -> f64;
            pub fn frexp(a: f64, exponent: *mut c_int) -> f64;
        }
    }

    pub fn ldexp(a: f64, exponent: std::ffi::c_int) -> f64 {
        // SAFETY: a function of numbers.
        unsafe { with_exponents::ldexp(a, exponent) }
    }

    /// A mantissa, which is 0 or from 0.5 to 1, and an exponent.
    pub fn frexp(a: f64) -> (f64, std::ffi::c_int) {
        let mut exponent = 0;
        // SAFETY: the exponent is written.
        let mantissa = unsafe { with_exponents::frexp(a, &raw mut exponent) };
        (mantissa, exponent)
    }
}
