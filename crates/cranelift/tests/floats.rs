//! Float operations, with NaN, infinities, signed zeros and numbers at the edge of what an integer holds.

mod common;

use common::*;
use justjit_builder::{Builder, FloatCond, FloatOp, FloatUnary, IntOp, Region, Signature, Type};

#[test]
fn arithmetic() {
    for mut backend in backends() {
        for op in [FloatOp::Add, FloatOp::Sub, FloatOp::Mul, FloatOp::Div] {
            let code = compile(&mut backend, &F64X2_TO_F64, |b| {
                let (x, y) = (b.param(0), b.param(1));
                let result = b.float_op(op, x, y);
                b.ret(result);
            });
            for (x, y) in FLOATS.into_iter().flat_map(|x| FLOATS.map(|y| (x, y))) {
                let expected = match op {
                    FloatOp::Add => x + y,
                    FloatOp::Sub => x - y,
                    FloatOp::Mul => x * y,
                    FloatOp::Div => x / y,
                };
                let result = float2(&code, x, y);
                assert!(
                    result.to_bits() == expected.to_bits() || result.is_nan() && expected.is_nan(),
                    "{op:?} {x} {y}: {result}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn multiply_and_add_round_twice() {
    for mut backend in backends() {
        let code = compile(&mut backend, &F64X2_TO_F64, |b| {
            let (x, y) = (b.param(0), b.param(1));
            let product = b.float_op(FloatOp::Mul, x, x);
            let result = b.float_op(FloatOp::Sub, product, y);
            b.ret(result);
        });
        let x = 1.0 + f64::EPSILON;
        assert_eq!(float2(&code, x, x * x), 0.0);
    }
}

#[test]
fn comparisons() {
    const CONDS: [FloatCond; 6] = [
        FloatCond::Eq,
        FloatCond::Ne,
        FloatCond::Lt,
        FloatCond::Le,
        FloatCond::Gt,
        FloatCond::Ge,
    ];
    for mut backend in backends() {
        for cond in CONDS {
            let value = compile(&mut backend, &F64X2_TO_I64, |b| {
                let (x, y) = (b.param(0), b.param(1));
                let result = b.float_compare(cond, x, y);
                let result = b.zero_extend(Type::I64, result);
                b.ret(result);
            });
            let branch = compile(&mut backend, &F64X2_TO_I64, |b| {
                let (x, y) = (b.param(0), b.param(1));
                let result = b.float_compare(cond, x, y);
                let no = b.create_block();
                b.branch_unless(result, no, &[]);
                let one = b.int(Type::I64, 1);
                b.ret(one);
                b.switch_to(no);
                let zero = b.int(Type::I64, 0);
                b.ret(zero);
            });
            for (x, y) in FLOATS.into_iter().flat_map(|x| FLOATS.map(|y| (x, y))) {
                let expected = match cond {
                    FloatCond::Eq => x == y,
                    FloatCond::Ne => x != y,
                    FloatCond::Lt => x < y,
                    FloatCond::Le => x <= y,
                    FloatCond::Gt => x > y,
                    FloatCond::Ge => x >= y,
                };
                assert_eq!(float_test(&value, x, y), i64::from(expected), "{cond:?} {x} {y}");
                assert_eq!(float_test(&branch, x, y), i64::from(expected), "{cond:?} {x} {y}");
            }
        }
    }
}

#[test]
fn negation_flips_the_sign_bit() {
    for mut backend in backends() {
        let code = compile(&mut backend, &F64_TO_F64, |b| {
            let x = b.param(0);
            let result = b.float_unary(FloatUnary::Neg, x);
            b.ret(result);
        });
        for x in FLOATS {
            assert_eq!(float1(&code, x).to_bits(), x.to_bits() ^ (1 << 63), "{x}");
        }
    }
}

#[test]
fn absolute_value_clears_the_sign_bit() {
    for mut backend in backends() {
        let code = compile(&mut backend, &F64_TO_F64, |b| {
            let x = b.param(0);
            let result = b.float_unary(FloatUnary::Abs, x);
            b.ret(result);
        });
        for x in FLOATS {
            assert_eq!(float1(&code, x).to_bits(), x.to_bits() & !(1 << 63), "{x}");
        }
    }
}

#[test]
fn roots_and_rounding() {
    type Expected = fn(f64) -> f64;
    for mut backend in backends() {
        for (op, expected) in [
            (FloatUnary::Sqrt, f64::sqrt as Expected),
            (FloatUnary::Floor, f64::floor),
            (FloatUnary::Ceil, f64::ceil),
            (FloatUnary::Trunc, f64::trunc),
            (FloatUnary::NearestEven, f64::round_ties_even),
        ] {
            let code = compile(&mut backend, &F64_TO_F64, |b| {
                let x = b.param(0);
                let result = b.float_unary(op, x);
                b.ret(result);
            });
            for x in FLOATS
                .into_iter()
                .chain([0.5, 1.5, 2.5, -0.5, -2.5, 4503599627370495.5])
            {
                let (result, expected) = (float1(&code, x), expected(x));
                assert!(
                    result.to_bits() == expected.to_bits() || result.is_nan() && expected.is_nan(),
                    "{op:?} {x}: {result}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn bit_casts() {
    for mut backend in backends() {
        let code = compile(&mut backend, &F64_TO_F64, |b| {
            let x = b.param(0);
            let bits = b.float_bits(x);
            let next = b.int_op_const(IntOp::Xor, bits, 1);
            let result = b.float_from_bits(next);
            b.ret(result);
        });
        for x in FLOATS {
            assert_eq!(float1(&code, x).to_bits(), x.to_bits() ^ 1, "{x}");
        }
    }
}

#[test]
fn single_precision_is_rounded_to_and_widened() {
    for mut backend in backends() {
        let code = compile(&mut backend, &F64_TO_F64, |b| {
            let x = b.param(0);
            let slot = b.stack_slot(4);
            let narrow = b.float_demote(x);
            b.store_in(Region::Stack, narrow, slot, 0);
            let narrow = b.load_in(Region::Stack, Type::F32, slot, 0);
            let result = b.float_promote(narrow);
            b.ret(result);
        });
        for x in FLOATS {
            let (result, expected) = (float1(&code, x), f64::from(x as f32));
            assert!(
                result.to_bits() == expected.to_bits() || result.is_nan() && expected.is_nan(),
                "{x}: {result}, not {expected}"
            );
        }
    }
}

#[test]
fn constants_keep_their_bits() {
    let mut backend = backend();
    for x in FLOATS.into_iter().chain([
        f64::from_bits(0x7ff8_0000_0000_1234),
        f64::from_bits(0xfff0_0000_0000_0001),
    ]) {
        let code = compile(&mut backend, &F64_TO_F64, |b| {
            let value = b.float(x);
            b.ret(value);
        });
        assert_eq!(float1(&code, 0.0).to_bits(), x.to_bits());
    }
}

#[test]
fn conversions() {
    for mut backend in backends() {
        let to_float = compile(
            &mut backend,
            &Signature {
                params: &[Type::I64],
                result: Some(Type::F64),
            },
            |b| {
                let x = b.param(0);
                let result = b.int_to_float(x);
                b.ret(result);
            },
        );
        // SAFETY: compiled with this signature.
        let to_float: extern "C" fn(i64) -> f64 = unsafe { std::mem::transmute(to_float.address()) };
        for x in INTS
            .into_iter()
            .chain([(1 << 53) + 1, (1 << 53) + 3, i64::MAX - 511, i64::MAX - 512])
        {
            assert_eq!(to_float(x), x as f64, "{x}");
        }
    }
    for mut backend in backends() {
        let to_int = compile(&mut backend, &F64X2_TO_I64, |b| {
            let x = b.param(0);
            let result = b.float_to_int(x);
            b.ret(result);
        });
        let edges = [
            0.0,
            -0.0,
            0.9,
            -0.9,
            1.5,
            -1.5,
            2147483648.0,
            -2147483649.0,
            9007199254740992.0,
        ];
        for x in edges
            .into_iter()
            .chain([-9223372036854775808.0, 9223372036854774784.0, -9223372036854774784.0])
        {
            assert_eq!(float_test(&to_int, x, 0.0), x as i64, "{x}");
        }
    }
}

#[test]
fn select_of_floats() {
    for mut backend in backends() {
        let code = compile(&mut backend, &F64X2_TO_F64, |b| {
            let (x, y) = (b.param(0), b.param(1));
            let less = b.float_compare(FloatCond::Lt, x, y);
            let result = b.select(less, x, y);
            b.ret(result);
        });
        assert_eq!(float2(&code, 1.0, 2.0), 1.0);
        assert_eq!(float2(&code, 2.0, 1.0), 1.0);
        assert_eq!(float2(&code, f64::NAN, 3.0), 3.0);
        assert!(float2(&code, 3.0, f64::NAN).is_nan());
    }
}
