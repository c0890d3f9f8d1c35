//! Integer operations at the edges of each width.

mod common;

use common::*;
use justjit_builder::{Builder, IntCond, IntOp, OverflowOp, Type};

const TYPES: [Type; 4] = [Type::I8, Type::I16, Type::I32, Type::I64];
const OPS: [IntOp; 11] = [
    IntOp::Add,
    IntOp::Sub,
    IntOp::Mul,
    IntOp::And,
    IntOp::Or,
    IntOp::Xor,
    IntOp::Shl,
    IntOp::ShrUnsigned,
    IntOp::ShrSigned,
    IntOp::DivSigned,
    IntOp::RemSigned,
];
const CONDS: [IntCond; 10] = [
    IntCond::Eq,
    IntCond::Ne,
    IntCond::SignedLt,
    IntCond::SignedLe,
    IntCond::SignedGt,
    IntCond::SignedGe,
    IntCond::UnsignedLt,
    IntCond::UnsignedLe,
    IntCond::UnsignedGt,
    IntCond::UnsignedGe,
];

fn signed(ty: Type, value: i64) -> i64 {
    let unused = 64 - 8 * ty.size();
    value << unused >> unused
}

fn unsigned(ty: Type, value: i64) -> u64 {
    let unused = 64 - 8 * ty.size();
    (value as u64) << unused >> unused
}

/// The result as an unsigned number of the type's width.
fn expected(op: IntOp, ty: Type, a: i64, b: i64) -> u64 {
    let count = (unsigned(ty, b) % u64::from(8 * ty.size())) as u32;
    let result = match op {
        IntOp::Add => a.wrapping_add(b),
        IntOp::Sub => a.wrapping_sub(b),
        IntOp::Mul => a.wrapping_mul(b),
        IntOp::And => a & b,
        IntOp::Or => a | b,
        IntOp::Xor => a ^ b,
        IntOp::Shl => a << count,
        IntOp::ShrUnsigned => (unsigned(ty, a) >> count) as i64,
        IntOp::ShrSigned => signed(ty, a) >> count,
        IntOp::DivSigned => signed(ty, a) / signed(ty, b),
        IntOp::RemSigned => signed(ty, a) % signed(ty, b),
    };
    unsigned(ty, result)
}

/// Whether the operation has a result for these operands: a quotient that fits.
fn is_defined(op: IntOp, ty: Type, a: i64, b: i64) -> bool {
    let (a, b) = (signed(ty, a), signed(ty, b));
    let least = signed(ty, 1 << (8 * ty.size() - 1));
    !matches!(op, IntOp::DivSigned | IntOp::RemSigned) || (b != 0 && (a, b) != (least, -1))
}

fn holds(cond: IntCond, ty: Type, a: i64, b: i64) -> bool {
    let (sa, sb, ua, ub) = (signed(ty, a), signed(ty, b), unsigned(ty, a), unsigned(ty, b));
    match cond {
        IntCond::Eq => ua == ub,
        IntCond::Ne => ua != ub,
        IntCond::SignedLt => sa < sb,
        IntCond::SignedLe => sa <= sb,
        IntCond::SignedGt => sa > sb,
        IntCond::SignedGe => sa >= sb,
        IntCond::UnsignedLt => ua < ub,
        IntCond::UnsignedLe => ua <= ub,
        IntCond::UnsignedGt => ua > ub,
        IntCond::UnsignedGe => ua >= ub,
    }
}

#[test]
fn operations_of_two_values() {
    for mut backend in backends() {
        for (op, ty) in OPS.into_iter().flat_map(|op| TYPES.map(|ty| (op, ty))) {
            let code = compile(&mut backend, &I64X2_TO_I64, |b| {
                let (x, y) = (b.param(0), b.param(1));
                let (x, y) = (b.truncate(ty, x), b.truncate(ty, y));
                let result = b.int_op(op, x, y);
                let result = b.zero_extend(Type::I64, result);
                b.ret(result);
            });
            for (x, y) in INTS.into_iter().flat_map(|x| INTS.map(|y| (x, y))) {
                if !is_defined(op, ty, x, y) {
                    continue;
                }
                assert_eq!(
                    call2(&code, x, y) as u64,
                    expected(op, ty, x, y),
                    "{op:?} {ty:?} {x} {y}"
                );
            }
        }
    }
}

#[test]
fn operations_with_a_constant() {
    for mut backend in backends() {
        for (op, ty) in OPS.into_iter().flat_map(|op| TYPES.map(|ty| (op, ty))) {
            for y in INTS {
                if !INTS.iter().all(|&x| is_defined(op, ty, x, y)) {
                    continue;
                }
                let code = compile(&mut backend, &I64_TO_I64, |b| {
                    let x = b.param(0);
                    let x = b.truncate(ty, x);
                    let result = b.int_op_const(op, x, y);
                    let result = b.zero_extend(Type::I64, result);
                    b.ret(result);
                });
                for x in INTS {
                    assert_eq!(
                        call1(&code, x) as u64,
                        expected(op, ty, x, y),
                        "{op:?} {ty:?} {x} const {y}"
                    );
                }
            }
        }
    }
}

#[test]
fn folded_constants() {
    let mut backend = backend();
    for (op, ty) in OPS.into_iter().flat_map(|op| TYPES.map(|ty| (op, ty))) {
        for (x, y) in INTS.into_iter().flat_map(|x| INTS.map(|y| (x, y))) {
            if !is_defined(op, ty, x, y) {
                continue;
            }
            let code = compile(&mut backend, &I64_TO_I64, |b| {
                let x = b.int(ty, x);
                let result = b.int_op_const(op, x, y);
                let result = b.zero_extend(Type::I64, result);
                b.ret(result);
            });
            assert_eq!(
                call1(&code, 0) as u64,
                expected(op, ty, x, y),
                "{op:?} {ty:?} const {x} const {y}"
            );
        }
    }
}

#[test]
fn comparisons() {
    for mut backend in backends() {
        for (cond, ty) in CONDS.into_iter().flat_map(|cond| TYPES.map(|ty| (cond, ty))) {
            let code = compile(&mut backend, &I64X2_TO_I64, |b| {
                let (x, y) = (b.param(0), b.param(1));
                let (x, y) = (b.truncate(ty, x), b.truncate(ty, y));
                let result = b.compare(cond, x, y);
                let result = b.zero_extend(Type::I64, result);
                b.ret(result);
            });
            for (x, y) in INTS.into_iter().flat_map(|x| INTS.map(|y| (x, y))) {
                assert_eq!(
                    call2(&code, x, y),
                    i64::from(holds(cond, ty, x, y)),
                    "{cond:?} {ty:?} {x} {y}"
                );
            }
            for y in INTS {
                let code = compile(&mut backend, &I64_TO_I64, |b| {
                    let x = b.param(0);
                    let x = b.truncate(ty, x);
                    let result = b.compare_const(cond, x, y);
                    let result = b.zero_extend(Type::I64, result);
                    b.ret(result);
                });
                for x in INTS {
                    assert_eq!(
                        call1(&code, x),
                        i64::from(holds(cond, ty, x, y)),
                        "{cond:?} {ty:?} {x} const {y}"
                    );
                }
            }
        }
    }
}

#[test]
fn comparisons_that_branch() {
    for mut backend in backends() {
        for cond in CONDS {
            let code = compile(&mut backend, &I64X2_TO_I64, |b| {
                let (x, y) = (b.param(0), b.param(1));
                let result = b.compare(cond, x, y);
                let (yes, no) = (b.create_block(), b.create_block());
                b.branch(result, (yes, &[]), (no, &[]));
                for (block, value) in [(yes, 10), (no, 20)] {
                    b.switch_to(block);
                    let value = b.int(Type::I64, value);
                    b.ret(value);
                }
            });
            for (x, y) in INTS.into_iter().flat_map(|x| INTS.map(|y| (x, y))) {
                let expected = if holds(cond, Type::I64, x, y) { 10 } else { 20 };
                assert_eq!(call2(&code, x, y), expected, "{cond:?} {x} {y}");
            }
        }
    }
}

#[test]
fn overflow_is_told() {
    for mut backend in backends() {
        for op in [OverflowOp::Add, OverflowOp::Sub, OverflowOp::Mul] {
            let wrapped = compile(&mut backend, &I64X2_TO_I64, |b| {
                let (x, y) = (b.param(0), b.param(1));
                let (result, _) = b.overflow_op(op, x, y);
                b.ret(result);
            });
            let flag = compile(&mut backend, &I64X2_TO_I64, |b| {
                let (x, y) = (b.param(0), b.param(1));
                let (_, flag) = b.overflow_op(op, x, y);
                let flag = b.zero_extend(Type::I64, flag);
                b.ret(flag);
            });
            let branch = compile(&mut backend, &I64X2_TO_I64, |b| {
                let (x, y) = (b.param(0), b.param(1));
                let (result, flag) = b.overflow_op(op, x, y);
                let slow = b.create_block();
                b.set_cold(slow);
                b.branch_if(flag, slow, &[]);
                b.ret(result);
                b.switch_to(slow);
                let minus_one = b.int(Type::I64, -1);
                b.ret(minus_one);
            });
            for (x, y) in INTS.into_iter().flat_map(|x| INTS.map(|y| (x, y))) {
                let (value, overflow) = match op {
                    OverflowOp::Add => x.overflowing_add(y),
                    OverflowOp::Sub => x.overflowing_sub(y),
                    OverflowOp::Mul => x.overflowing_mul(y),
                };
                assert_eq!(call2(&wrapped, x, y), value, "{op:?} {x} {y}");
                assert_eq!(call2(&flag, x, y), i64::from(overflow), "{op:?} {x} {y}");
                assert_eq!(
                    call2(&branch, x, y),
                    if overflow { -1 } else { value },
                    "{op:?} {x} {y}"
                );
            }
        }
    }
}

#[test]
fn widening_and_narrowing() {
    for mut backend in backends() {
        for (from, to) in TYPES.into_iter().flat_map(|from| TYPES.map(|to| (from, to))) {
            if from.size() > to.size() {
                continue;
            }
            let zero = compile(&mut backend, &I64_TO_I64, |b| {
                let x = b.param(0);
                let x = b.truncate(from, x);
                let x = b.zero_extend(to, x);
                let x = b.sign_extend(Type::I64, x);
                b.ret(x);
            });
            let sign = compile(&mut backend, &I64_TO_I64, |b| {
                let x = b.param(0);
                let x = b.truncate(from, x);
                let x = b.sign_extend(to, x);
                let x = b.zero_extend(Type::I64, x);
                b.ret(x);
            });
            for x in INTS {
                assert_eq!(
                    call1(&zero, x),
                    signed(to, unsigned(from, x) as i64),
                    "{from:?} {to:?} {x}"
                );
                assert_eq!(
                    call1(&sign, x) as u64,
                    unsigned(to, signed(from, x)),
                    "{from:?} {to:?} {x}"
                );
            }
        }
    }
}

#[test]
fn select_without_branch() {
    for mut backend in backends() {
        for ty in TYPES {
            let code = compile(&mut backend, &I64X2_TO_I64, |b| {
                let (x, y) = (b.param(0), b.param(1));
                let (a, z) = (b.int(ty, 5), b.truncate(ty, y));
                let result = b.select(x, z, a);
                let result = b.zero_extend(Type::I64, result);
                b.ret(result);
            });
            for (x, y) in INTS.into_iter().flat_map(|x| INTS.map(|y| (x, y))) {
                let expected = if x != 0 { unsigned(ty, y) } else { 5 };
                assert_eq!(call2(&code, x, y) as u64, expected, "{ty:?} {x} {y}");
            }
        }
    }
}

#[test]
fn leading_zeros() {
    for mut backend in backends() {
        let code = compile(&mut backend, &I64_TO_I64, |b| {
            let x = b.param(0);
            let result = b.count_leading_zeros(x);
            b.ret(result);
        });
        for x in INTS {
            assert_eq!(call1(&code, x), i64::from(x.leading_zeros()), "{x}");
        }
    }
}
