//! Whether NumPy's complex arithmetic is what its source says, bit for bit.
//!
//! A product that is added to something may be rounded before or not: that is for NumPy's compiler to choose, and for the
//! machine. And `abs` is the C library's, of which there may be more than one in a process. So examples are computed with
//! NumPy's own objects, once, and compared; their numbers use all bits, so that what is rounded otherwise shows.

use super::proofs::{Made, numpy, quietly};
use super::scalar::{Number, Scalar, make_scalar, read_scalar, scalar_bits};
use pyo3_ffi::*;
use std::sync::OnceLock;

/// How many examples are computed.
const EXAMPLES: usize = 64;

mod c {
    use std::ffi::{c_double, c_float};
    unsafe extern "C" {
        #[cfg_attr(all(windows, target_env = "msvc"), link_name = "_hypot")]
        pub fn hypot(a: c_double, b: c_double) -> c_double;
        #[cfg_attr(all(windows, target_env = "msvc"), link_name = "_hypotf")]
        pub fn hypotf(a: c_float, b: c_float) -> c_float;
    }
}

pub(super) fn size(real: f64, imaginary: f64) -> f64 {
    // SAFETY: a function of numbers.
    unsafe { c::hypot(real, imaginary) }
}

pub(super) fn single_size(real: f32, imaginary: f32) -> f32 {
    // SAFETY: a function of numbers.
    unsafe { c::hypotf(real, imaginary) }
}

/// Products and quotients as NumPy's source has them (`scalarmath.c.src`, `loops.c.src`), in one precision.
macro_rules! arithmetic {
    ($float:ident, $product:ident, $quotient:ident) => {
        fn $product([a, b]: [$float; 2], [c, d]: [$float; 2]) -> [$float; 2] {
            [a * c - b * d, a * d + b * c]
        }

        fn $quotient([a, b]: [$float; 2], [c, d]: [$float; 2]) -> [$float; 2] {
            if c.abs() >= d.abs() {
                let ratio = d / c;
                let scale = 1.0 / (c + d * ratio);
                [(a + b * ratio) * scale, (b - a * ratio) * scale]
            } else {
                let ratio = c / d;
                let scale = 1.0 / (d + c * ratio);
                [(a * ratio + b) * scale, (b * ratio - a) * scale]
            }
        }
    };
}

arithmetic!(f32, product_of_singles, quotient_of_singles);
arithmetic!(f64, product, quotient);

/// Whether products, quotients and sizes of complex numbers of this type are computed step by step, each rounded.
pub fn complex_is_rounded(scalar: Scalar) -> bool {
    static SINGLE: OnceLock<bool> = OnceLock::new();
    static DOUBLE: OnceLock<bool> = OnceLock::new();
    let proved = match scalar {
        Scalar::Complex64 => &SINGLE,
        Scalar::Complex128 => &DOUBLE,
        _ => return false,
    };
    // SAFETY: the GIL is held by whoever calls into this module.
    *proved.get_or_init(|| unsafe { quietly(|made| compare(made, scalar)) }.is_some())
}

/// `None` if an example gives something else.
unsafe fn compare(made: &mut Made, scalar: Scalar) -> Option<()> {
    numpy()?;
    let mut state = 1_u64;
    // Numbers of either sign, not far from 1.
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part = (state >> 11) as f64 / (1_u64 << 53) as f64;
        let wide = (0.5 + part) * if state >> 8 & 1 == 0 { 1.0 } else { -1.0 };
        if scalar == Scalar::Complex64 {
            f64::from(wide as f32)
        } else {
            wide
        }
    };
    let single = |[real, imaginary]: [f64; 2]| [real as f32, imaginary as f32];
    let wide = |[real, imaginary]: [f32; 2]| Number::Complex(real.into(), imaginary.into());
    let double = |[real, imaginary]: [f64; 2]| Number::Complex(real, imaginary);
    for _ in 0..EXAMPLES {
        let (left, right) = ([next(), next()], [next(), next()]);
        let (product, quotient, size) = if scalar == Scalar::Complex64 {
            let (left, right) = (single(left), single(right));
            (
                wide(product_of_singles(left, right)),
                wide(quotient_of_singles(left, right)),
                f64::from(single_size(left[0], left[1])),
            )
        } else {
            (
                double(product(left, right)),
                double(quotient(left, right)),
                size(left[0], left[1]),
            )
        };
        // SAFETY: scalars that are certain to be of the type; only functions in C are called.
        unsafe {
            let (a, b) = (
                made.take(make_scalar(scalar, double(left)))?,
                made.take(make_scalar(scalar, double(right)))?,
            );
            let part = scalar.part()?;
            let results = [
                (PyNumber_Multiply(a, b), scalar, product),
                (PyNumber_TrueDivide(a, b), scalar, quotient),
                (PyNumber_Absolute(a), part, Number::Float(size)),
            ];
            let results = results.map(|(result, scalar, wanted)| (made.take(result), scalar, wanted));
            for (result, scalar, wanted) in results {
                let result = result?;
                let ty = numpy()?.scalars[scalar as usize].0;
                if Py_TYPE(result) != ty || read_scalar(result, scalar) != scalar_bits(scalar, wanted) {
                    return None;
                }
            }
        }
    }
    Some(())
}
