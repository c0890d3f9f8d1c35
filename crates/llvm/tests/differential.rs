//! Random functions give the same results by the reference interpreter, by Cranelift and by LLVM, at each of their
//! levels. `PROPTEST_CASES` says how many.

mod generate;

use std::cell::RefCell;

use generate::{FLOATS, INTS, SCRATCH_WORDS, SIGNATURE, emit, emit_array_loop};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// What a function is called with, besides the address of memory.
#[derive(Clone, Copy, Debug)]
struct Arguments {
    ints: [i64; 2],
    floats: [f64; 2],
    narrow: (i32, u16, u8),
    seed: u64,
}

/// The result, and what memory holds after it.
#[derive(PartialEq, Debug)]
struct Outcome {
    result: u64,
    scratch: Vec<u64>,
}

fn scratch(seed: u64) -> Vec<u64> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..SCRATCH_WORDS).map(|_| next()).collect()
}

fn call(address: *const u8, arguments: Arguments) -> Outcome {
    type Function = extern "C" fn(*mut u64, i64, i64, f64, f64, i32, u16, u8) -> u64;
    // SAFETY: the code was compiled with this signature.
    let function: Function = unsafe { std::mem::transmute(address) };
    let mut scratch = scratch(arguments.seed);
    let (ints, floats, narrow) = (arguments.ints, arguments.floats, arguments.narrow);
    let result = function(
        scratch.as_mut_ptr(),
        ints[0],
        ints[1],
        floats[0],
        floats[1],
        narrow.0,
        narrow.1,
        narrow.2,
    );
    Outcome { result, scratch }
}

fn interpret(program: &justjit_reference::Program, arguments: Arguments) -> Result<Outcome, justjit_reference::Trap> {
    let mut scratch = scratch(arguments.seed);
    let (ints, floats, narrow) = (arguments.ints, arguments.floats, arguments.narrow);
    let bits = [
        scratch.as_mut_ptr().expose_provenance() as u64,
        ints[0] as u64,
        ints[1] as u64,
        floats[0].to_bits(),
        floats[1].to_bits(),
        narrow.0 as u64,
        narrow.1.into(),
        narrow.2.into(),
    ];
    // SAFETY: the generator keeps accesses in the scratch memory and the stack slots.
    let result = unsafe { program.run(&bits, 10_000_000)? };
    Ok(Outcome { result, scratch })
}

fn arguments() -> impl Strategy<Value = Arguments> {
    let int = || prop_oneof![prop::sample::select(INTS.to_vec()), any::<i64>()];
    let float = || {
        prop_oneof![
            prop::sample::select(FLOATS.to_vec()),
            any::<u64>().prop_map(f64::from_bits),
            any::<i32>().prop_map(f64::from),
        ]
    };
    let narrow = (any::<i32>(), any::<u16>(), any::<u8>());
    ([int(), int()], [float(), float()], narrow, any::<u64>()).prop_map(|(ints, floats, narrow, seed)| Arguments {
        ints,
        floats,
        narrow,
        seed,
    })
}

fn cranelift() -> Vec<justjit_cranelift::Backend> {
    [(false, true), (true, false)]
        .map(|(optimize, single_pass_regalloc)| {
            let options = justjit_cranelift::Options {
                optimize,
                single_pass_regalloc,
                verify: true,
                unwind_info: false,
            };
            justjit_cranelift::Backend::new(options).unwrap()
        })
        .into()
}

fn llvm() -> Vec<justjit_llvm::Backend> {
    (0..=3)
        .map(|level| {
            let options = justjit_llvm::Options {
                level,
                fast_math: false,
                verify: true,
            };
            justjit_llvm::Backend::new(options).unwrap()
        })
        .collect()
}

/// Compares a function in all its forms, for each of the arguments. `emit` stands for one of the generators, which are
/// generic over the builder.
macro_rules! compare {
    ($emit:ident, $tape_length:expr) => {{
        let cases = std::env::var("PROPTEST_CASES")
            .ok()
            .and_then(|cases| cases.parse().ok());
        let config = Config {
            cases: cases.unwrap_or(200),
            failure_persistence: None,
            max_shrink_iters: 2000,
            ..Config::default()
        };
        let (cranelift, llvm) = (RefCell::new(cranelift()), RefCell::new(llvm()));
        let strategy = (vec(any::<u32>(), $tape_length), vec(arguments(), 3));
        let outcome = TestRunner::new(config).run(&strategy, |(tape, arguments)| {
            let program = justjit_reference::record(&SIGNATURE, &mut |b| $emit(b, &tape))
                .map_err(|mistake| TestCaseError::fail(format!("the generator broke a rule: {mistake}")))?;
            let mut expected = Vec::new();
            for &arguments in &arguments {
                let outcome = interpret(&program, arguments)
                    .map_err(|trap| TestCaseError::fail(format!("the generator broke a rule: {trap}")))?;
                expected.push((arguments, outcome));
            }
            for backend in cranelift.borrow_mut().iter_mut() {
                let code = backend.compile("random", &SIGNATURE, false, &mut |b| $emit(b, &tape));
                let code = code.map_err(|error| TestCaseError::fail(error.to_string()))?;
                for (arguments, expected) in &expected {
                    prop_assert_eq!(
                        &call(code.address(), *arguments),
                        expected,
                        "Cranelift, {:?}",
                        backend.options()
                    );
                }
            }
            for backend in llvm.borrow_mut().iter_mut() {
                let code = backend.compile("random", &SIGNATURE, false, &mut |b| $emit(b, &tape));
                let code = code.map_err(|error| TestCaseError::fail(error.to_string()))?;
                for (arguments, expected) in &expected {
                    prop_assert_eq!(
                        &call(code.address(), *arguments),
                        expected,
                        "LLVM, {:?}",
                        backend.options()
                    );
                }
            }
            Ok(())
        });
        if let Err(failure) = outcome {
            panic!("{failure}");
        }
    }};
}

#[test]
fn every_code_generator_agrees_with_the_reference() {
    compare!(emit, 0..400);
}

#[test]
fn loops_over_arrays_agree_with_the_reference() {
    compare!(emit_array_loop, 8..60);
}

/// Otherwise the test before this one would not show what it is meant to.
#[test]
#[cfg(target_arch = "x86_64")]
fn some_random_loops_are_vectorized() {
    let mut backend = llvm().pop().unwrap();
    let mut vectorized = 0;
    for seed in 1..60u64 {
        let tape: Vec<u32> = scratch(seed << 32).into_iter().map(|word| word as u32).collect();
        let code = backend
            .compile("random", &SIGNATURE, true, &mut |b| emit_array_loop(b, &tape))
            .unwrap();
        vectorized += usize::from(code.optimized_llvm_ir().unwrap().contains("vector.body"));
    }
    assert!(vectorized >= 10, "{vectorized} of 59");
}
