//! The reference interpreter itself: what operations give, and that it stops where a rule is broken.

use justjit_builder::{
    Builder, FloatCond, FloatOp, FloatUnary, IntCond, IntOp, OverflowOp, Region, RuntimeFn, Signature, Type,
};
use justjit_reference::{ReferenceBuilder, Trap, Value, record};

fn signature(params: &'static [Type], result: Type) -> Signature {
    Signature {
        params,
        result: Some(result),
    }
}

/// Records and runs a function of these arguments.
fn run(
    params: &'static [Type],
    result: Type,
    args: &[u64],
    build: impl Fn(&mut ReferenceBuilder) -> Value,
) -> Result<u64, Trap> {
    let program = record(&signature(params, result), &mut |b| {
        let value = build(b);
        b.ret(value);
    })
    .unwrap();
    // SAFETY: the tests load and store only what they own.
    unsafe { program.run(args, 1000) }
}

fn int(op: IntOp, ty: &'static [Type; 2], a: i64, b: i64) -> Result<u64, Trap> {
    run(ty, ty[0], &[a as u64, b as u64], |f| {
        let (a, b) = (f.param(0), f.param(1));
        f.int_op(op, a, b)
    })
}

const I8S: &[Type; 2] = &[Type::I8, Type::I8];
const I32S: &[Type; 2] = &[Type::I32, Type::I32];
const I64S: &[Type; 2] = &[Type::I64, Type::I64];

#[test]
fn integers_wrap_at_their_width() {
    assert_eq!(int(IntOp::Add, I8S, 200, 100), Ok(44));
    assert_eq!(int(IntOp::Mul, I32S, 0x10000, 0x10000), Ok(0));
    assert_eq!(int(IntOp::Sub, I64S, i64::MIN, 1), Ok(i64::MAX as u64));
    // Counts are modulo the width.
    assert_eq!(int(IntOp::Shl, I8S, 1, 9), Ok(2));
    assert_eq!(int(IntOp::ShrSigned, I8S, -128, 15), Ok(0xff));
    assert_eq!(int(IntOp::ShrUnsigned, I64S, -1, 127), Ok(1));
    // Towards zero, and the remainder has the dividend's sign.
    assert_eq!(int(IntOp::DivSigned, I8S, -7, 2), Ok(0xfd));
    assert_eq!(int(IntOp::RemSigned, I32S, -7, 2), Ok(0xffff_ffff));
}

#[test]
fn divisions_that_have_no_result_stop() {
    for op in [IntOp::DivSigned, IntOp::RemSigned] {
        assert_eq!(int(op, I64S, 1, 0), Err(Trap::DivisionByZero));
        assert_eq!(int(op, I64S, i64::MIN, -1), Err(Trap::DivisionOverflow));
        assert_eq!(int(op, I8S, -128, -1), Err(Trap::DivisionOverflow));
        assert!(int(op, I32S, -128, -1).is_ok());
    }
}

#[test]
fn overflow_is_told_beside_the_result() {
    for (op, a, b, expected) in [
        (OverflowOp::Add, i64::MAX, 1, (i64::MIN, true)),
        (OverflowOp::Sub, 3, 5, (-2, false)),
        (OverflowOp::Mul, 1 << 40, 1 << 30, (0, true)),
    ] {
        let both = |second: bool| {
            run(
                I64S,
                if second { Type::I8 } else { Type::I64 },
                &[a as u64, b as u64],
                |f| {
                    let (a, b) = (f.param(0), f.param(1));
                    let (result, overflow) = f.overflow_op(op, a, b);
                    if second { overflow } else { result }
                },
            )
        };
        assert_eq!(
            (both(false), both(true)),
            (Ok(expected.0 as u64), Ok(expected.1.into()))
        );
    }
}

#[test]
fn comparisons_look_at_the_width_and_the_sign() {
    let compare = |cond, a: u64, b: u64| {
        run(I8S, Type::I8, &[a, b], |f| {
            let (a, b) = (f.param(0), f.param(1));
            f.compare(cond, a, b)
        })
    };
    assert_eq!(compare(IntCond::SignedLt, 0xff, 1), Ok(1));
    assert_eq!(compare(IntCond::UnsignedLt, 0xff, 1), Ok(0));
    let ordered = |cond| {
        run(&[Type::F64], Type::I8, &[f64::NAN.to_bits()], |f| {
            let x = f.param(0);
            f.float_compare(cond, x, x)
        })
    };
    assert_eq!(
        (ordered(FloatCond::Eq), ordered(FloatCond::Le), ordered(FloatCond::Ne)),
        (Ok(0), Ok(0), Ok(1))
    );
}

#[test]
fn floats_to_integers_must_fit() {
    let convert = |x: f64| {
        run(&[Type::F64], Type::I64, &[x.to_bits()], |f| {
            let x = f.param(0);
            f.float_to_int(x)
        })
    };
    assert_eq!(convert(-1.9), Ok(-1i64 as u64));
    assert_eq!(convert(-(2f64.powi(63))), Ok(i64::MIN as u64));
    for x in [2f64.powi(63), f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(convert(x), Err(Trap::FloatDoesNotFit(x.to_bits())));
    }
}

#[test]
fn negation_is_of_the_sign_bit_alone() {
    let x = 0xfff8_0000_0000_1234;
    let unary = |op| {
        run(&[Type::F64], Type::F64, &[x], |f| {
            let x = f.param(0);
            f.float_unary(op, x)
        })
    };
    assert_eq!(unary(FloatUnary::Neg), Ok(x ^ 1 << 63));
    assert_eq!(unary(FloatUnary::Abs), Ok(x & !(1 << 63)));
}

#[test]
fn memory_is_checked() {
    let words = [1u64, 2];
    let base = words.as_ptr().expose_provenance() as u64;
    let load = |address: u64| {
        run(&[Type::I64], Type::I64, &[address], |f| {
            let base = f.param(0);
            f.load(Type::I64, base, 8)
        })
    };
    assert_eq!(load(base), Ok(2));
    assert_eq!(load(base + 1), Err(Trap::Unaligned(base + 9)));
    assert_eq!(load(0), Err(Trap::BadAddress(8)));
}

#[test]
fn memory_has_one_class_until_a_call() {
    extern "C" fn nothing() {}
    static NOTHING: RuntimeFn = RuntimeFn {
        name: "nothing",
        address: nothing as *const (),
        signature: Signature {
            params: &[],
            result: None,
        },
        pure: false,
        takes: 0,
    };
    let two = |first, second, between: bool| {
        run(&[], Type::I64, &[], |f| {
            let slot = f.stack_slot(8);
            let value = f.int(Type::I64, 7);
            f.store_in(first, value, slot, 0);
            if between {
                f.call(&NOTHING, &[]);
            }
            f.load_in(second, Type::I64, slot, 0)
        })
    };
    assert_eq!(two(Region::Items, Region::Items, false), Ok(7));
    assert_eq!(two(Region::Items, Region::Any, false), Ok(7));
    assert_eq!(two(Region::Items, Region::Data, true), Ok(7));
    assert!(matches!(
        two(Region::Items, Region::Data, false),
        Err(Trap::TwoRegions(_, Region::Items, Region::Data))
    ));
}

#[test]
fn calls_pass_integers_and_floats_in_any_order() {
    extern "C" fn mixed(a: f64, b: u8, c: i64, d: f64, e: u16, f: i64, g: i64, h: i64, i: i64, j: i64) -> f64 {
        a + 2.0 * f64::from(b) + 3.0 * d + (c + i64::from(e) + f + g + h + i * 1000 + j * 100_000) as f64
    }
    const SIGNATURE: Signature = Signature {
        params: &[
            Type::F64,
            Type::I8,
            Type::I64,
            Type::F64,
            Type::I16,
            Type::I64,
            Type::I64,
            Type::I64,
            Type::I64,
            Type::I64,
        ],
        result: Some(Type::F64),
    };
    let result = run(&[], Type::F64, &[], |b| {
        let args = [
            b.float(0.5),
            b.int(Type::I8, -1),
            b.int(Type::I64, 3),
            b.float(0.25),
            b.int(Type::I16, -1),
            b.int(Type::I64, 5),
            b.int(Type::I64, 6),
            b.int(Type::I64, 7),
            b.int(Type::I64, 8),
            b.int(Type::I64, 9),
        ];
        let callee = b.object(mixed as *const ());
        b.call_indirect(&SIGNATURE, callee, &args).unwrap()
    });
    assert_eq!(
        result.map(f64::from_bits),
        Ok(mixed(0.5, 255, 3, 0.25, 65535, 5, 6, 7, 8, 9))
    );
}

#[test]
fn block_arguments_are_passed_at_once() {
    // Fibonacci: each round's arguments use the parameters that they replace.
    let program = record(&signature(&[Type::I64], Type::I64), &mut |b| {
        let count = b.param(0);
        let (head, body, exit) = (b.create_block(), b.create_block(), b.create_block());
        let (n, x, y) = (
            b.block_param(head, Type::I64),
            b.block_param(head, Type::I64),
            b.block_param(head, Type::I64),
        );
        let (zero, one) = (b.int(Type::I64, 0), b.int(Type::I64, 1));
        b.jump(head, &[count, zero, one]);
        b.switch_to(head);
        b.branch(n, (body, &[]), (exit, &[]));
        b.switch_to(body);
        let less = b.int_op_const(IntOp::Sub, n, 1);
        let sum = b.int_op(IntOp::Add, x, y);
        b.jump(head, &[less, y, sum]);
        b.switch_to(exit);
        b.ret(x);
    })
    .unwrap();
    // SAFETY: it touches no memory.
    unsafe {
        assert_eq!(program.run(&[50], 1000), Ok(12_586_269_025));
        assert_eq!(program.run(&[500], 1000), Err(Trap::OutOfFuel));
    }
}

#[test]
fn jump_tables_take_the_default_beyond_their_end() {
    let program = record(&signature(&[Type::I32], Type::I64), &mut |b| {
        let index = b.param(0);
        let blocks = [b.create_block(), b.create_block(), b.create_block()];
        b.jump_table(index, blocks[0], &blocks[1..]);
        for (number, block) in (0..).zip(blocks) {
            b.switch_to(block);
            let result = b.int(Type::I64, number);
            b.ret(result);
        }
    })
    .unwrap();
    // SAFETY: it touches no memory.
    let results = [0, 1, 2, u64::from(u32::MAX)].map(|index| unsafe { program.run(&[index], 10) });
    assert_eq!(results, [Ok(1), Ok(2), Ok(0), Ok(0)]);
}

#[test]
fn broken_rules_are_named() {
    let mistake = |build: &mut dyn FnMut(&mut ReferenceBuilder)| {
        record(&signature(&[Type::I64, Type::I8], Type::I64), build).unwrap_err()
    };
    let says = |what: &str, mistake: String| assert!(mistake.contains(what), "{mistake}");
    says("without a terminator", mistake(&mut |_| {}));
    says(
        "but empty",
        mistake(&mut |b| {
            let block = b.create_block();
            b.jump(block, &[]);
            let other = b.create_block();
            b.switch_to(other);
            let x = b.param(0);
            b.ret(x);
        }),
    );
    says(
        "filled twice",
        mistake(&mut |b| {
            let (block, x) = (b.create_block(), b.param(0));
            b.jump(block, &[]);
            b.switch_to(block);
            b.ret(x);
            b.switch_to(block);
        }),
    );
    says(
        "follows the end",
        mistake(&mut |b| {
            let x = b.param(0);
            b.ret(x);
            b.int_op_const(IntOp::Add, x, 1);
        }),
    );
    says(
        "I64 and I8",
        mistake(&mut |b| {
            let (x, y) = (b.param(0), b.param(1));
            let sum = b.int_op(IntOp::Add, x, y);
            b.ret(sum);
        }),
    );
    says(
        "float arithmetic takes F64",
        mistake(&mut |b| {
            let x = b.param(0);
            b.float_op(FloatOp::Add, x, x);
            b.ret(x);
        }),
    );
    says(
        "takes [I64], not []",
        mistake(&mut |b| {
            let block = b.create_block();
            let x = b.block_param(block, Type::I64);
            b.jump(block, &[]);
            b.switch_to(block);
            b.ret(x);
        }),
    );
    says(
        "may be undefined",
        mistake(&mut |b| {
            let x = b.param(0);
            let (then, join) = (b.create_block(), b.create_block());
            b.branch(x, (then, &[]), (join, &[]));
            b.switch_to(then);
            let y = b.int_op_const(IntOp::Mul, x, 3);
            b.jump(join, &[]);
            b.switch_to(join);
            b.ret(y);
        }),
    );
}
