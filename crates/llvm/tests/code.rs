//! Code and its surroundings: text, memory, threads, forks, mistakes, and what the optimizations must do.

use std::sync::atomic::{AtomicUsize, Ordering};

use justjit_builder::{Builder, FloatOp, FloatUnary, IntCond, IntOp, OverflowOp, Region, RuntimeFn, Signature, Type};
use justjit_llvm::{Backend, Code, Error, LlvmBuilder, Options, disassemble};

const I64_TO_I64: Signature = Signature {
    params: &[Type::I64],
    result: Some(Type::I64),
};
const I64X3_TO_I64: Signature = Signature {
    params: &[Type::I64; 3],
    result: Some(Type::I64),
};
const F64X3_TO_F64: Signature = Signature {
    params: &[Type::F64; 3],
    result: Some(Type::F64),
};

fn backend(level: u8) -> Backend {
    Backend::new(Options {
        level,
        fast_math: false,
        verify: true,
    })
    .unwrap()
}

fn compile(backend: &mut Backend, signature: &Signature, mut build: impl FnMut(&mut LlvmBuilder<'_>)) -> Code {
    backend
        .compile("test", signature, true, &mut build)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn call1(code: &Code, a: i64) -> i64 {
    // SAFETY: the test compiled the code with this signature.
    let function: extern "C" fn(i64) -> i64 = unsafe { std::mem::transmute(code.address()) };
    function(a)
}

fn listing(code: &Code) -> String {
    disassemble(code).into_iter().map(|(_, line)| line + "\n").collect()
}

fn plus(backend: &mut Backend, number: i64) -> Code {
    compile(backend, &I64_TO_I64, |b| {
        let x = b.param(0);
        let result = b.int_op_const(IntOp::Add, x, number);
        b.ret(result);
    })
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn square(x: f64) -> f64 {
    CALLS.fetch_add(1, Ordering::Relaxed);
    x * x
}

static SQUARE: RuntimeFn = RuntimeFn {
    name: "the_square",
    address: square as *const (),
    signature: Signature {
        params: &[Type::F64],
        result: Some(Type::F64),
    },
    pure: true,
    takes: 0,
};
static IMPURE_SQUARE: RuntimeFn = RuntimeFn {
    name: "impure_square",
    pure: false,
    takes: 0,
    ..SQUARE
};

/// `body` for each index below the second parameter.
fn for_each_index(
    b: &mut LlvmBuilder<'_>,
    body: impl FnOnce(&mut LlvmBuilder<'_>, <LlvmBuilder<'static> as Builder>::Value),
) {
    let count = b.param(1);
    let (head, exit) = (b.create_block(), b.create_block());
    let index = b.block_param(head, Type::I64);
    let zero = b.int(Type::I64, 0);
    let some = b.compare_const(IntCond::SignedGt, count, 0);
    b.branch(some, (head, &[zero]), (exit, &[]));
    b.switch_to(head);
    body(b, index);
    let next = b.int_op_const(IntOp::Add, index, 1);
    let more = b.compare(IntCond::SignedLt, next, count);
    b.branch(more, (head, &[next]), (exit, &[]));
    b.switch_to(exit);
    b.ret(zero);
}

#[test]
fn the_text_names_what_is_called() {
    for level in 0..=3 {
        let code = compile(&mut backend(level), &F64X3_TO_F64, |b| {
            let x = b.param(0);
            let result = b.call_value(&IMPURE_SQUARE, &[x]);
            b.ret(result);
        });
        let (before, after) = (code.llvm_ir().unwrap(), code.optimized_llvm_ir().unwrap());
        for text in [before, after] {
            assert!(text.contains("define double @test.1"), "{text}");
            assert!(text.contains("call double @impure_square"), "{text}");
            assert!(text.contains("nounwind"), "{text}");
        }
        let lines = listing(&code);
        assert!(
            !cfg!(target_arch = "x86_64") || lines.contains("; impure_square"),
            "{lines}"
        );
        let frame = if cfg!(target_arch = "x86_64") {
            "push rbp"
        } else {
            "x29"
        };
        assert!(lines.contains(frame), "no frame pointer: {lines}");
    }
    let silent = backend(2).compile("quiet", &I64_TO_I64, false, &mut |b| {
        let x = b.param(0);
        b.ret(x);
    });
    assert!(silent.unwrap().llvm_ir().is_none());
}

#[test]
fn pure_calls_are_merged_and_others_are_not() {
    for (function, expected) in [(&SQUARE, 1), (&IMPURE_SQUARE, 2)] {
        let code = compile(&mut backend(2), &F64X3_TO_F64, |b| {
            let x = b.param(0);
            let first = b.call_value(function, &[x]);
            let second = b.call_value(function, &[x]);
            let sum = b.float_op(FloatOp::Add, first, second);
            b.ret(sum);
        });
        let calls = code.optimized_llvm_ir().unwrap().matches("call double @").count();
        assert_eq!(calls, expected, "{}", code.optimized_llvm_ir().unwrap());
        // SAFETY: compiled with this signature.
        let function: extern "C" fn(f64, f64, f64) -> f64 = unsafe { std::mem::transmute(code.address()) };
        assert_eq!(function(3.0, 0.0, 0.0), 18.0);
    }
}

#[test]
fn a_pure_call_whose_result_is_unused_goes_away() {
    let code = compile(&mut backend(2), &F64X3_TO_F64, |b| {
        let x = b.param(0);
        b.call_value(&SQUARE, &[x]);
        b.ret(x);
    });
    let text = code.optimized_llvm_ir().unwrap();
    assert!(!text.contains("call double"), "{text}");
}

#[test]
fn classes_of_memory_do_not_alias() {
    // The second load gives what the first did, and their difference is 0, unless the store may be to the same place.
    for (region, loads) in [(Region::Header, 0), (Region::Items, 2), (Region::Any, 2)] {
        let code = compile(&mut backend(2), &I64X3_TO_I64, |b| {
            let (p, q, value) = (b.param(0), b.param(1), b.param(2));
            let first = b.load_in(Region::Items, Type::I64, p, 0);
            b.store_in(region, value, q, 0);
            let second = b.load_in(Region::Items, Type::I64, p, 0);
            let difference = b.int_op(IntOp::Sub, first, second);
            b.ret(difference);
        });
        let text = code.optimized_llvm_ir().unwrap();
        assert_eq!(text.matches("load i64").count(), loads, "{region:?}: {text}");
    }
}

#[test]
fn cold_blocks_are_out_of_line() {
    let code = compile(&mut backend(2), &I64_TO_I64, |b| {
        let x = b.param(0);
        let (rare, usual) = (b.create_block(), b.create_block());
        let (sum, overflow) = b.overflow_op(OverflowOp::Add, x, x);
        b.branch(overflow, (rare, &[]), (usual, &[]));
        b.switch_to(rare);
        let seven = b.int(Type::I64, 7);
        let f = b.int_to_float(seven);
        let f = b.call_value(&IMPURE_SQUARE, &[f]);
        let result = b.float_to_int(f);
        b.ret(result);
        b.switch_to(usual);
        b.ret(sum);
        // Said only now, after the branch was emitted.
        b.set_cold(rare);
    });
    let text = code.llvm_ir().unwrap();
    assert!(text.contains("!{!\"branch_weights\", i32 1, i32 2000}"), "{text}");
    let lines = listing(&code);
    let (first_return, call) = (
        lines.find("ret").unwrap(),
        lines.find("call").or(lines.find("blr")).unwrap(),
    );
    assert!(first_return < call, "{lines}");
    assert_eq!((call1(&code, 21), call1(&code, i64::MAX)), (42, 49));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn plain_loops_are_vectorized() {
    let sum = |b: &mut LlvmBuilder<'_>| {
        for_each_index(b, |b, index| {
            let (from, to) = (b.param(0), b.param(2));
            let offset = b.int_op_const(IntOp::Shl, index, 3);
            let (from, to) = (b.int_op(IntOp::Add, from, offset), b.int_op(IntOp::Add, offset, to));
            let x = b.load_in(Region::Data, Type::F64, from, 0);
            let y = b.load_in(Region::Data, Type::F64, to, 0);
            let product = b.float_op(FloatOp::Mul, x, y);
            let root = b.float_unary(FloatUnary::Sqrt, product);
            b.store_in(Region::Data, root, to, 0);
        })
    };
    let (plain, vector) = (
        compile(&mut backend(2), &I64X3_TO_I64, sum),
        compile(&mut backend(3), &I64X3_TO_I64, sum),
    );
    for (code, expected) in [(&plain, false), (&vector, true)] {
        let lines = listing(code);
        assert_eq!(lines.contains("mulpd"), expected, "{lines}");
        assert_eq!(lines.contains("sqrtpd"), expected, "{lines}");
        assert!(!lines.contains("fmadd"), "{lines}");
        // SAFETY: compiled with this signature, for arrays of this length.
        let function: extern "C" fn(*const f64, i64, *mut f64) -> i64 = unsafe { std::mem::transmute(code.address()) };
        for length in [0, 1, 7, 64, 101] {
            let from: Vec<f64> = (0..length).map(f64::from).collect();
            let mut to = vec![4.0; length as usize];
            function(from.as_ptr(), i64::from(length), to.as_mut_ptr());
            assert!(from.iter().zip(&to).all(|(x, y)| (4.0 * x).sqrt() == *y));
        }
    }
}

#[test]
fn floats_are_fused_only_when_that_is_asked_for() {
    let build = |b: &mut LlvmBuilder<'_>| {
        let (x, y, z) = (b.param(0), b.param(1), b.param(2));
        let product = b.float_op(FloatOp::Mul, x, y);
        let result = b.float_op(FloatOp::Sub, product, z);
        b.ret(result);
    };
    for level in 0..=3 {
        let code = compile(&mut backend(level), &F64X3_TO_F64, build);
        // SAFETY: compiled with this signature.
        let function: extern "C" fn(f64, f64, f64) -> f64 = unsafe { std::mem::transmute(code.address()) };
        let x = 1.0 + f64::EPSILON;
        assert_eq!(function(x, x, x * x), 0.0);
    }
    let mut fast = Backend::new(Options {
        level: 2,
        fast_math: true,
        verify: true,
    })
    .unwrap();
    let code = compile(&mut fast, &F64X3_TO_F64, build);
    assert!(
        code.llvm_ir()
            .unwrap()
            .contains("fmul reassoc nsz arcp contract double")
    );
    // SAFETY: compiled with this signature.
    let function: extern "C" fn(f64, f64, f64) -> f64 = unsafe { std::mem::transmute(code.address()) };
    assert!(function(f64::NAN, 1.0, 1.0).is_nan());
    assert_eq!(function(f64::INFINITY, 1.0, 1.0), f64::INFINITY);
}

#[test]
fn stack_slots_are_memory_of_their_own() {
    for level in 0..=3 {
        let code = compile(&mut backend(level), &I64_TO_I64, |b| {
            let x = b.param(0);
            let (p, q) = (b.stack_slot(8), b.stack_slot(12));
            b.store_in(Region::Stack, x, p, 0);
            let one = b.int(Type::I64, 1);
            b.store_in(Region::Stack, one, q, 0);
            let x = b.load_in(Region::Stack, Type::I64, p, 0);
            let one = b.load_in(Region::Stack, Type::I64, q, 0);
            let sum = b.int_op(IntOp::Add, x, one);
            let (p, q) = (b.int_op_const(IntOp::And, p, 7), b.int_op_const(IntOp::And, q, 7));
            let unaligned = b.int_op(IntOp::Or, p, q);
            let result = b.int_op(IntOp::Add, sum, unaligned);
            b.ret(result);
        });
        assert_eq!(call1(&code, 41), 42);
    }
}

#[test]
fn the_stack_pointer_is_that_of_the_machine() {
    for level in 0..=3 {
        let code = compile(&mut backend(level), &I64_TO_I64, |b| {
            let result = b.stack_pointer();
            b.ret(result);
        });
        let here = 0u8;
        let distance = (&raw const here).addr() as i64 - call1(&code, 0);
        assert!((0..100_000).contains(&distance), "{distance}");
    }
}

#[cfg(target_os = "linux")]
fn mapped_bytes() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let executable = maps
        .lines()
        .filter(|line| line.contains("r-xp") && line.ends_with(" 0 "));
    executable
        .chain(
            maps.lines()
                .filter(|line| line.contains("r-xp") && line.split_whitespace().count() == 5),
        )
        .map(|line| {
            let (start, end) = line.split_whitespace().next().unwrap().split_once('-').unwrap();
            usize::from_str_radix(end, 16).unwrap() - usize::from_str_radix(start, 16).unwrap()
        })
        .sum()
}

#[test]
#[cfg(target_os = "linux")]
fn dropping_code_frees_its_memory() {
    let mut backend = backend(1);
    let kept: Vec<Code> = (0..50).map(|number| plus(&mut backend, number)).collect();
    let before = mapped_bytes();
    for number in 0..500 {
        let code = plus(&mut backend, number);
        assert_eq!(call1(&code, 1), number + 1);
    }
    assert!(mapped_bytes() <= before + 65536, "{} after {before}", mapped_bytes());
    for (number, code) in (0..).zip(&kept) {
        assert_eq!(call1(code, 2), number + 2);
    }
    // Code outlives its compiler.
    drop(backend);
    assert_eq!(call1(&kept[49], 2), 51);
    drop(kept);
    assert!(mapped_bytes() < before);
}

#[test]
fn threads_compile_at_once() {
    let codes: Vec<(i64, Code)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let mut backend = backend(thread as u8);
                scope.spawn(move || {
                    let numbers = thread * 1000..thread * 1000 + 60;
                    let compiled = numbers.map(|number| (number, plus(&mut backend, number)));
                    // Half of the code is dropped while the others compile.
                    compiled.filter(|(number, _)| number % 2 == 0).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(codes.len(), 120);
    for (number, code) in codes {
        assert_eq!(call1(&code, 5), number + 5);
    }
}

#[test]
fn mistakes_are_errors() {
    let mut backend = backend(2);
    let mut expect = |what: &str, build: &mut dyn FnMut(&mut LlvmBuilder<'_>)| {
        let error = backend.compile("wrong", &I64_TO_I64, false, build).unwrap_err();
        assert!(matches!(&error, Error::Codegen(why) if why.contains(what)), "{error}");
    };
    expect("without a terminator", &mut |_| {});
    expect("but empty", &mut |b| {
        let block = b.create_block();
        b.jump(block, &[]);
    });
    expect("filled twice", &mut |b| {
        let block = b.create_block();
        b.jump(block, &[]);
        b.switch_to(block);
        let x = b.param(0);
        b.ret(x);
        b.switch_to(block);
        b.ret(x);
    });
    expect("takes 0 arguments, not 1", &mut |b| {
        let (block, x) = (b.create_block(), b.param(0));
        b.jump(block, &[x]);
        b.switch_to(block);
        b.ret(x);
    });
    expect("does not dominate", &mut |b| {
        let x = b.param(0);
        let (then, join) = (b.create_block(), b.create_block());
        b.branch(x, (then, &[]), (join, &[]));
        b.switch_to(then);
        let y = b.int_op_const(IntOp::Mul, x, 3);
        b.jump(join, &[]);
        b.switch_to(join);
        b.ret(y);
    });
    assert!(
        Backend::new(Options {
            level: 4,
            ..Options::default()
        })
        .is_err()
    );
    // None of that has harmed the compiler.
    assert_eq!(call1(&plus(&mut backend, 1), 1), 2);
}

#[cfg(unix)]
mod fork {
    use super::*;

    /// Runs `body` in a forked child, and gives whether it returned true.
    fn in_child(body: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child only runs `body` and ends without returning.
        unsafe {
            match libc::fork() {
                0 => {
                    // Not to wait for a lock for ever.
                    libc::alarm(20);
                    libc::_exit(i32::from(!body()));
                }
                child => {
                    let mut status = 0;
                    assert_eq!(libc::waitpid(child, &mut status, 0), child);
                    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
                }
            }
        }
    }

    #[test]
    fn a_child_runs_and_drops_code_and_makes_its_own() {
        let mut backend = backend(1);
        let code = plus(&mut backend, 1);
        let parents = &mut backend;
        assert!(in_child(|| {
            let refused = parents.compile("f", &I64_TO_I64, false, &mut |b| {
                let x = b.param(0);
                b.ret(x);
            });
            let ran = call1(&code, 1) == 2;
            // SAFETY: the child ends before the copy is used again.
            drop(unsafe { std::ptr::read(&code) });
            let own = call1(&plus(&mut super::backend(1), 5), 1) == 6;
            matches!(refused, Err(Error::Forked)) && ran && own
        }));
        assert_eq!(call1(&code, 1), 2);
        assert_eq!(call1(&plus(&mut backend, 2), 1), 3);
    }

    #[test]
    fn a_child_forked_while_a_thread_compiles_does_not_hang() {
        let kept = plus(&mut backend(1), 1);
        let stop = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut backend = backend(1);
                while stop.load(Ordering::Relaxed) == 0 {
                    plus(&mut backend, 3);
                }
            });
            for _ in 0..30 {
                std::thread::sleep(std::time::Duration::from_millis(3));
                assert!(in_child(|| {
                    // SAFETY: the child ends before the copy is used again.
                    drop(unsafe { std::ptr::read(&kept) });
                    match Backend::new(Options::default()) {
                        Ok(mut backend) => call1(&plus(&mut backend, 4), 1) == 5,
                        Err(error) => error == Error::Forked,
                    }
                }));
            }
            stop.store(1, Ordering::Relaxed);
        });
    }
}
