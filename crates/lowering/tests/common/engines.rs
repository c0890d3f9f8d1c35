//! The code generators under test.

use super::{Engine, Run};
use justjit_cranelift as cranelift;
use justjit_ir::Function;
use justjit_llvm as llvm;
use justjit_lowering::{Exits, SIGNATURE, lower};

/// Every code generator, with every setting that changes code.
pub fn engines() -> Vec<Engine> {
    let mut all = Vec::new();
    for (name, optimize) in [("Cranelift, quick", false), ("Cranelift, optimizing", true)] {
        let mut backend = cranelift::Backend::new(cranelift::Options {
            optimize,
            single_pass_regalloc: !optimize,
            verify: true,
            unwind_info: false,
        })
        .unwrap();
        all.push(Engine {
            name: name.into(),
            compile: Box::new(move |function, exits| by_cranelift(&mut backend, function, exits)),
        });
    }
    for level in [0, 2, 3] {
        let options = llvm::Options {
            level,
            fast_math: false,
            verify: true,
        };
        let mut backend = llvm::Backend::new(options).unwrap();
        all.push(Engine {
            name: format!("LLVM, level {level}"),
            compile: Box::new(move |function, exits| by_llvm(&mut backend, function, exits)),
        });
    }
    all.push(Engine {
        name: "reference".into(),
        compile: Box::new(by_reference),
    });
    all
}

fn by_llvm(backend: &mut llvm::Backend, function: &Function, exits: &Exits) -> Run {
    let code = backend.compile("test", &SIGNATURE, false, &mut |b| lower(b, function, exits));
    let code = code.unwrap_or_else(|error| panic!("{error}\n{function}"));
    Box::new(move |thread, frame, entry| {
        // SAFETY: the code has this signature; it lives as long as the closure.
        let body: extern "C" fn(u64, u64, i64) -> u64 = unsafe { std::mem::transmute(code.address()) };
        body(thread, frame, entry)
    })
}

/// Steps that a program may take.
const FUEL: u64 = 1_000_000;

fn by_reference(function: &Function, exits: &Exits) -> Run {
    let program = justjit_reference::record(&SIGNATURE, &mut |b| lower(b, function, exits));
    let program = program.unwrap_or_else(|error| panic!("{error}\n{function}"));
    Box::new(move |thread, frame, entry| {
        // SAFETY: the tests' programs keep to their memory.
        let result = unsafe { program.run(&[thread, frame, entry as u64], FUEL) };
        result.unwrap_or_else(|trap| panic!("{trap:?}"))
    })
}

fn by_cranelift(backend: &mut cranelift::Backend, function: &Function, exits: &Exits) -> Run {
    let code = backend.compile("test", &SIGNATURE, false, &mut |b| lower(b, function, exits));
    let code = code.unwrap_or_else(|error| panic!("{error}\n{function}"));
    Box::new(move |thread, frame, entry| {
        // SAFETY: the code has this signature; it lives as long as the closure.
        let body: extern "C" fn(u64, u64, i64) -> u64 = unsafe { std::mem::transmute(code.address()) };
        body(thread, frame, entry)
    })
}
