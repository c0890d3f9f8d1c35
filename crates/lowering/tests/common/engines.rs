//! The code generators under test.

use super::{Engine, Run};
use justjit_cranelift::{Backend, Options};
use justjit_ir::Function;
use justjit_lowering::{Exits, SIGNATURE, lower};

/// Every code generator, with every setting that changes code.
pub fn engines() -> Vec<Engine> {
    let mut all = Vec::new();
    for (name, optimize) in [("Cranelift, quick", false), ("Cranelift, optimizing", true)] {
        let mut backend = Backend::new(Options {
            optimize,
            single_pass_regalloc: !optimize,
            verify: true,
            unwind_info: false,
        })
        .unwrap();
        all.push(Engine {
            name: name.into(),
            compile: Box::new(move |function, exits| cranelift(&mut backend, function, exits)),
        });
    }
    all
}

fn cranelift(backend: &mut Backend, function: &Function, exits: &Exits) -> Run {
    let code = backend.compile("test", &SIGNATURE, false, &mut |b| lower(b, function, exits));
    let code = code.unwrap_or_else(|error| panic!("{error}\n{function}"));
    Box::new(move |thread, frame, entry| {
        // SAFETY: the code has this signature; it lives as long as the closure.
        let body: extern "C" fn(u64, u64, i64) -> u64 = unsafe { std::mem::transmute(code.address()) };
        body(thread, frame, entry)
    })
}
