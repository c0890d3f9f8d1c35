//! Blocks, branches, loops, jump tables, memory and calls.

mod common;

use std::cell::Cell;

use common::*;
use justjit_builder::{Builder, IntCond, IntOp, RuntimeFn, Signature, Type};

#[test]
fn a_branch_looks_at_all_bits() {
    for mut backend in backends() {
        for ty in [Type::I8, Type::I16, Type::I32, Type::I64] {
            let code = compile(&mut backend, &I64_TO_I64, |b| {
                let x = b.param(0);
                let x = b.truncate(ty, x);
                let done = b.create_block();
                let result = b.block_param(done, Type::I64);
                let (yes, no) = (b.int(Type::I64, 1), b.int(Type::I64, 0));
                b.branch(x, (done, &[yes]), (done, &[no]));
                b.switch_to(done);
                b.ret(result);
            });
            for bit in 0..64 {
                assert_eq!(call1(&code, 1 << bit), i64::from(bit < 8 * ty.size()), "{ty:?} {bit}");
            }
            assert_eq!(call1(&code, 0), 0);
        }
    }
}

#[test]
fn a_loop_with_many_parameters() {
    for mut backend in backends() {
        // Rotates seven values n times.
        let code = compile(&mut backend, &I64_TO_I64, |b| {
            let n = b.param(0);
            let (head, body, done) = (b.create_block(), b.create_block(), b.create_block());
            let count = b.block_param(head, Type::I64);
            let values: Vec<_> = (0..7).map(|_| b.block_param(head, Type::I64)).collect();
            let mut args = vec![n];
            args.extend((0..7).map(|value| b.int(Type::I64, value)));
            b.jump(head, &args);

            b.switch_to(head);
            b.branch(count, (body, &[]), (done, &[]));
            b.switch_to(body);
            let mut next = vec![b.int_op_const(IntOp::Sub, count, 1)];
            next.extend((0..7).map(|index| values[(index + 1) % 7]));
            b.jump(head, &next);

            b.switch_to(done);
            let mut result = b.int(Type::I64, 0);
            for value in values {
                result = b.int_op_const(IntOp::Mul, result, 10);
                result = b.int_op(IntOp::Add, result, value);
            }
            b.ret(result);
        });
        assert_eq!(call1(&code, 0), 123456);
        assert_eq!(call1(&code, 1), 1234560);
        assert_eq!(call1(&code, 6), 6012345);
        assert_eq!(call1(&code, 7), 123456);
    }
}

#[test]
fn jump_tables() {
    for mut backend in backends() {
        for size in [0, 1, 2, 5, 300] {
            let code = compile(&mut backend, &I64_TO_I64, |b| {
                let index = b.param(0);
                let index = b.truncate(Type::I32, index);
                let default = b.create_block();
                let targets: Vec<_> = (0..size).map(|_| b.create_block()).collect();
                b.jump_table(index, default, &targets);
                for (number, block) in targets.into_iter().enumerate() {
                    b.switch_to(block);
                    b.set_cold(block);
                    let number = b.int(Type::I64, 1000 + number as i64);
                    b.ret(number);
                }
                b.switch_to(default);
                let number = b.int(Type::I64, -1);
                b.ret(number);
            });
            for index in [0, 1, 2, 3, 4, 5, 6, 299, 300, 301, i64::from(u32::MAX), 1 << 31, -300] {
                let expected = if (0..size).contains(&index) { 1000 + index } else { -1 };
                assert_eq!(call1(&code, index), expected, "{index} of {size}");
            }
        }
    }
}

#[test]
fn loads_and_stores_have_their_own_width() {
    for mut backend in backends() {
        for ty in [Type::I8, Type::I16, Type::I32, Type::I64] {
            for offset in [-256, -8, 0, 8, 128, 4096, 65536] {
                let code = compile(&mut backend, &I64X2_TO_I64, |b| {
                    let (base, value) = (b.param(0), b.param(1));
                    let old = b.load(ty, base, offset);
                    let value = b.truncate(ty, value);
                    b.store(value, base, offset);
                    let old = b.zero_extend(Type::I64, old);
                    b.ret(old);
                });
                let mut place = 0x1122_3344_5566_7788_u64;
                let base = (&raw mut place as i64).wrapping_sub(i64::from(offset));
                let mask = u64::MAX >> (64 - 8 * ty.size());
                assert_eq!(call2(&code, base, -1) as u64, 0x1122_3344_5566_7788 & mask);
                assert_eq!(place, 0x1122_3344_5566_7788 | mask, "{ty:?} {offset}");
            }
        }
    }
}

#[test]
fn floats_in_memory() {
    for mut backend in backends() {
        let code = compile(&mut backend, &I64_TO_I64, |b| {
            let base = b.param(0);
            let (x, y) = (b.load(Type::F64, base, 0), b.load(Type::F64, base, 8));
            b.store(y, base, 0);
            b.store(x, base, 8);
            b.ret(base);
        });
        let mut pair = [1.5, -0.0];
        let base = &raw mut pair as i64;
        assert_eq!(call1(&code, base), base);
        assert_eq!(pair.map(f64::to_bits), [-0.0, 1.5].map(f64::to_bits));
    }
}

#[test]
fn a_store_is_seen_by_the_load_after_it() {
    for mut backend in backends() {
        let code = compile(&mut backend, &I64X2_TO_I64, |b| {
            let (p, q) = (b.param(0), b.param(1));
            let seven = b.int(Type::I64, 7);
            b.store(seven, p, 0);
            let eight = b.int(Type::I64, 8);
            // May be the same place.
            b.store(eight, q, 0);
            let result = b.load(Type::I64, p, 0);
            b.ret(result);
        });
        let (mut x, mut y) = (0_i64, 0_i64);
        assert_eq!(call2(&code, &raw mut x as i64, &raw mut y as i64), 7);
        assert_eq!(call2(&code, &raw mut x as i64, &raw mut x as i64), 8);
    }
}

thread_local!(static LOG: Cell<i64> = const { Cell::new(0) });

extern "C" fn note(value: i64) {
    LOG.set(LOG.get() * 10 + value);
}

static NOTE: RuntimeFn = RuntimeFn {
    name: "note",
    address: note as *const (),
    signature: Signature {
        params: &[Type::I64],
        result: None,
    },
    pure: false,
    takes: 0,
};

#[allow(clippy::too_many_arguments)]
extern "C" fn many(a: u8, b: f64, c: u16, d: i32, e: i64, f: i64, g: i64, h: i64, i: f64, j: u8, k: i64) -> f64 {
    // The narrow ones are widened here, which relies on the caller having done so already.
    let narrow = a as f64 + c as f64 * 1e3 + d as f64 * 1e8 + j as f64 * 1e6;
    narrow + b + i - (e + f + g + h + k) as f64
}

static MANY: RuntimeFn = RuntimeFn {
    name: "many",
    address: many as *const (),
    signature: Signature {
        params: &[
            Type::I8,
            Type::F64,
            Type::I16,
            Type::I32,
            Type::I64,
            Type::I64,
            Type::I64,
            Type::I64,
            Type::F64,
            Type::I8,
            Type::I64,
        ],
        result: Some(Type::F64),
    },
    pure: false,
    takes: 0,
};

extern "C" fn low_byte(value: i64) -> u8 {
    value as u8
}

static LOW_BYTE: RuntimeFn = RuntimeFn {
    name: "low_byte",
    address: low_byte as *const (),
    signature: Signature {
        params: &[Type::I64],
        result: Some(Type::I8),
    },
    pure: false,
    takes: 0,
};

#[test]
fn calls_happen_in_order_and_without_a_result() {
    for mut backend in backends() {
        let code = compile(&mut backend, &I64_TO_I64, |b| {
            let x = b.param(0);
            for value in [1, 2, 3] {
                let value = b.int(Type::I64, value);
                assert_eq!(b.call(&NOTE, &[value]), None);
            }
            b.call(&NOTE, &[x]);
            b.ret(x);
        });
        LOG.set(0);
        assert_eq!(call1(&code, 4), 4);
        assert_eq!(LOG.get(), 1234);
    }
}

#[test]
fn arguments_of_all_types_in_registers_and_on_the_stack() {
    for mut backend in backends() {
        let code = compile(
            &mut backend,
            &Signature {
                params: &[Type::I64],
                result: Some(Type::F64),
            },
            |b| {
                // Garbage above the narrow values' width must not reach the callee.
                let garbage = b.param(0);
                let byte = b.truncate(Type::I8, garbage);
                let short = b.truncate(Type::I16, garbage);
                let word = b.truncate(Type::I32, garbage);
                let (f, g) = (b.float(0.25), b.float(0.5));
                let ints: Vec<_> = [1, 2, 3, 4, 5].map(|value| b.int(Type::I64, value)).into();
                let args = [
                    byte, f, short, word, ints[0], ints[1], ints[2], ints[3], g, byte, ints[4],
                ];
                let result = b.call_value(&MANY, &args);
                b.ret(result);
            },
        );
        // SAFETY: compiled with this signature.
        let function: extern "C" fn(i64) -> f64 = unsafe { std::mem::transmute(code.address()) };
        let garbage = 0x7777_7777_ffff_fffe_u64 as i64;
        let expected = many(0xfe, 0.25, 0xfffe, -2, 1, 2, 3, 4, 0.5, 0xfe, 5);
        assert_eq!(function(garbage), expected);
    }
}

#[test]
fn narrow_results() {
    for mut backend in backends() {
        let code = compile(&mut backend, &I64_TO_I64, |b| {
            let x = b.param(0);
            let result = b.call_value(&LOW_BYTE, &[x]);
            let result = b.zero_extend(Type::I64, result);
            b.ret(result);
        });
        assert_eq!(call1(&code, 0x1234_5678_9abc_def0), 0xf0);
        // The function itself gives a byte to a C caller.
        let byte = compile(
            &mut backend,
            &Signature {
                params: &[Type::I64],
                result: Some(Type::I8),
            },
            |b| {
                let x = b.param(0);
                let result = b.truncate(Type::I8, x);
                b.ret(result);
            },
        );
        // SAFETY: compiled with this signature.
        let byte: extern "C" fn(i64) -> u8 = unsafe { std::mem::transmute(byte.address()) };
        assert_eq!(std::hint::black_box(byte(-2)) as u64, 0xfe);
    }
}

#[test]
fn calls_through_a_value_and_of_compiled_code() {
    for mut backend in backends() {
        let callee = compile(&mut backend, &I64X2_TO_I64, |b| {
            let (x, y) = (b.param(0), b.param(1));
            let result = b.int_op(IntOp::Sub, x, y);
            b.ret(result);
        });
        let caller = compile(&mut backend, &I64X2_TO_I64, |b| {
            let (address, y) = (b.param(0), b.param(1));
            let ten = b.int(Type::I64, 10);
            let result = b.call_indirect(&I64X2_TO_I64, address, &[ten, y]).unwrap();
            b.ret(result);
        });
        assert_eq!(call2(&caller, callee.address() as i64, 3), 7);
    }
}

#[test]
fn values_live_across_calls() {
    for mut backend in backends() {
        let code = compile(&mut backend, &I64X2_TO_I64, |b| {
            let (x, y) = (b.param(0), b.param(1));
            let values: Vec<_> = (0..30).map(|index| b.int_op_const(IntOp::Add, x, index)).collect();
            b.call(&NOTE, &[y]);
            let mut sum = y;
            for value in values {
                sum = b.int_op(IntOp::Add, sum, value);
            }
            b.ret(sum);
        });
        assert_eq!(call2(&code, 100, 1), 100 * 30 + 29 * 15 + 1);
    }
}

#[test]
fn objects_are_addresses() {
    static PLACE: i64 = 42;
    for mut backend in backends() {
        let code = compile(&mut backend, &I64_TO_I64, |b| {
            let place = b.object((&raw const PLACE).cast());
            let result = b.load(Type::I64, place, 0);
            b.ret(result);
        });
        assert_eq!(call1(&code, 0), 42);
    }
}

#[test]
fn the_stack_pointer_is_below_the_callers_frame() {
    for mut backend in backends() {
        let code = compile(&mut backend, &I64_TO_I64, |b| {
            let sp = b.stack_pointer();
            b.ret(sp);
        });
        let here = 0_u64;
        let distance = (&raw const here as i64) - call1(&code, 0);
        assert!((0..4096).contains(&distance), "{distance}");
    }
}

#[test]
fn cold_code_lies_behind_the_rest() {
    let mut backend = backend();
    let code = compile(&mut backend, &I64_TO_I64, |b| {
        let x = b.param(0);
        let (cold, warm) = (b.create_block(), b.create_block());
        b.set_cold(cold);
        b.branch(x, (cold, &[]), (warm, &[]));
        b.switch_to(cold);
        b.set_position(1);
        b.call(&NOTE, &[x]);
        b.ret(x);
        b.switch_to(warm);
        b.set_position(2);
        let value = b.int_op_const(IntOp::Or, x, 5);
        b.ret(value);
    });
    let order: Vec<_> = code.positions().iter().map(|&(_, bytecode)| bytecode).collect();
    assert_eq!(order, [2, 1]);
    assert_eq!(call1(&code, 0), 5);
}

#[test]
fn a_loop_counts() {
    for mut backend in backends() {
        let code = compile(&mut backend, &I64_TO_I64, |b| {
            let n = b.param(0);
            let (head, done) = (b.create_block(), b.create_block());
            let (i, sum) = (b.block_param(head, Type::I64), b.block_param(head, Type::I64));
            let zero = b.int(Type::I64, 0);
            b.jump(head, &[zero, zero]);
            b.switch_to(head);
            let finished = b.compare(IntCond::SignedGe, i, n);
            b.branch_if(finished, done, &[]);
            let next_sum = b.int_op(IntOp::Add, sum, i);
            let next = b.int_op_const(IntOp::Add, i, 1);
            b.jump(head, &[next, next_sum]);
            b.switch_to(done);
            b.ret(sum);
        });
        assert_eq!(call1(&code, 1000), 499_500);
        assert_eq!(call1(&code, -1), 0);
    }
}
