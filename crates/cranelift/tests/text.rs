//! What a person gets to see: positions, Cranelift text, disassembly, errors and unwinding.

mod common;

use common::*;
use justjit_builder::{Builder, IntOp, RuntimeFn, Signature, Type};
use justjit_cranelift::{Backend, Code, CraneliftBuilder, Error, Options, disassemble};

extern "C" fn double(value: i64) -> i64 {
    2 * value
}

static DOUBLE: RuntimeFn = RuntimeFn {
    name: "double",
    address: double as *const (),
    signature: I64_TO_I64,
    pure: false,
    takes: 0,
};

fn build(b: &mut CraneliftBuilder<'_>) {
    let x = b.param(0);
    b.set_position(0);
    let x = b.int_op_const(IntOp::Mul, x, 3);
    b.set_position(0x1c);
    let x = b.call_value(&DOUBLE, &[x]);
    b.set_position(0x20);
    b.ret(x);
}

fn with_text() -> Code {
    backend().compile("spam", &I64_TO_I64, true, &mut build).unwrap()
}

#[test]
fn positions_name_the_bytecode() {
    let code = with_text();
    let (offsets, mut bytecode): (Vec<u32>, Vec<u32>) = code.positions().iter().copied().unzip();
    assert!(offsets.is_sorted());
    bytecode.sort_unstable();
    bytecode.dedup();
    assert_eq!(bytecode, [0, 0x1c, 0x20]);
    for &(offset, bytecode) in code.positions() {
        assert_eq!(code.position_at(offset), Some(bytecode));
    }
    assert_eq!(code.position_at(code.size() as u32 - 1), Some(0x20));
    assert_eq!(code.position_at(code.size() as u32), None);
}

#[test]
fn the_text_shows_source_locations_and_names() {
    let code = with_text();
    let clif = code.clif().unwrap();
    assert!(clif.starts_with("function %spam(i64) -> i64"), "{clif}");
    assert!(clif.contains("@001c"), "{clif}");
    assert!(
        clif.lines()
            .any(|line| line.contains("iconst.i64") && line.ends_with("; double")),
        "{clif}"
    );
    assert!(
        backend()
            .compile("spam", &I64_TO_I64, false, &mut build)
            .unwrap()
            .clif()
            .is_none()
    );
}

#[test]
fn disassembly_covers_the_code() {
    let code = with_text();
    let lines = disassemble(&code);
    assert_eq!(lines[0].0, 0);
    assert!(lines.is_sorted_by_key(|&(offset, _)| offset));
    assert!(lines.iter().any(|(_, text)| text.starts_with("ret")), "{lines:?}");
    if cfg!(target_arch = "x86_64") {
        assert!(lines.iter().any(|(_, text)| text.ends_with("; double")), "{lines:?}");
        assert_eq!(lines[0].1, "push rbp");
    }
}

#[test]
fn a_wrong_function_is_an_error() {
    let mut backend = backend();
    let error = backend
        .compile("wrong", &I64_TO_I64, false, &mut |b| {
            let (wide, narrow) = (b.param(0), b.int(Type::I8, 1));
            let sum = b.int_op(IntOp::Add, wide, narrow);
            b.ret(sum);
        })
        .unwrap_err();
    assert!(matches!(error, Error::Codegen(_)));
    assert!(error.to_string().contains("wrong"), "{error}");
    // The compiler goes on.
    assert_eq!(call0(&constant(&mut backend, 3)), 3);
}

/// Unwinding goes through compiled code exactly when it is registered, and until it is freed.
#[cfg(unix)]
#[test]
fn unwinding_through_compiled_code() {
    use std::ffi::c_void;

    unsafe extern "C" {
        fn _Unwind_Backtrace(step: extern "C" fn(*mut c_void, *mut c_void) -> i32, data: *mut c_void) -> i32;
        fn _Unwind_GetIP(context: *mut c_void) -> usize;
    }

    extern "C" fn step(context: *mut c_void, data: *mut c_void) -> i32 {
        // SAFETY: `data` is the vector below, and the context is the unwinder's.
        unsafe { (*data.cast::<Vec<usize>>()).push(_Unwind_GetIP(context)) };
        0
    }

    /// Fills the vector with the return addresses of all callers.
    extern "C" fn walk(addresses: *mut Vec<usize>) -> i64 {
        // SAFETY: the compiled function passes the test's vector on.
        unsafe { _Unwind_Backtrace(step, addresses.cast()) };
        0
    }

    static WALK: RuntimeFn = RuntimeFn {
        name: "walk",
        address: walk as *const (),
        signature: Signature {
            params: &[Type::I64],
            result: Some(Type::I64),
        },
        pure: false,
        takes: 0,
    };

    let walker = |backend: &mut Backend| {
        compile(backend, &I64_TO_I64, |b| {
            let x = b.param(0);
            let result = b.call_value(&WALK, &[x]);
            b.ret(result);
        })
    };
    let callers_seen = |code: &Code| {
        let mut addresses: Vec<usize> = Vec::new();
        call1(code, &raw mut addresses as i64);
        let range = code.bytes().as_ptr_range();
        let inside = |&address: &usize| (range.start as usize..range.end as usize).contains(&address);
        let index = addresses.iter().position(inside).expect("the return address is found");
        addresses.len() - index - 1
    };

    let mut plain = backend();
    let mut registering = Backend::new(Options {
        unwind_info: true,
        verify: true,
        ..Options::default()
    })
    .unwrap();
    for _ in 0..3 {
        // The same memory is used in turn with and without.
        let code = walker(&mut registering);
        assert!(callers_seen(&code) > 3);
        drop(code);
        let code = walker(&mut plain);
        assert!(callers_seen(&code) <= 1);
    }
    let many: Vec<_> = (0..200).map(|_| walker(&mut registering)).collect();
    drop(registering);
    assert!(many.iter().all(|code| callers_seen(code) > 3));
}
