//! What the tests share: compiling with every combination of options, and calling the result.
#![allow(dead_code, reason = "each test file that includes this uses a part of it")]

use justjit_builder::{Builder, Signature, Type};
use justjit_cranelift::{Backend, Code, CraneliftBuilder, Options};

pub const I64_TO_I64: Signature = Signature {
    params: &[Type::I64],
    result: Some(Type::I64),
};
pub const I64X2_TO_I64: Signature = Signature {
    params: &[Type::I64, Type::I64],
    result: Some(Type::I64),
};
pub const F64_TO_F64: Signature = Signature {
    params: &[Type::F64],
    result: Some(Type::F64),
};
pub const F64X2_TO_F64: Signature = Signature {
    params: &[Type::F64, Type::F64],
    result: Some(Type::F64),
};
pub const F64X2_TO_I64: Signature = Signature {
    params: &[Type::F64, Type::F64],
    result: Some(Type::I64),
};

/// Integers around which arithmetic goes wrong.
pub const INTS: [i64; 21] = [
    0,
    1,
    2,
    -1,
    -2,
    7,
    31,
    32,
    63,
    64,
    65,
    127,
    -128,
    255,
    32767,
    i32::MAX as i64,
    i32::MIN as i64,
    1 << 32,
    0x0123_4567_89ab_cdef,
    i64::MAX,
    i64::MIN,
];

pub const FLOATS: [f64; 13] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    f64::MIN_POSITIVE,
    5e-324,
    f64::MAX,
    f64::MIN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    9007199254740993.0,
];

/// A compiler for each combination of options that changes code.
pub fn backends() -> Vec<Backend> {
    let mut all = Vec::new();
    for optimize in [false, true] {
        for single_pass_regalloc in [false, true] {
            let options = Options {
                optimize,
                single_pass_regalloc,
                verify: true,
                unwind_info: false,
            };
            all.push(Backend::new(options).unwrap());
        }
    }
    all
}

pub fn backend() -> Backend {
    Backend::new(Options {
        verify: true,
        ..Options::default()
    })
    .unwrap()
}

pub fn compile(backend: &mut Backend, signature: &Signature, mut build: impl FnMut(&mut CraneliftBuilder<'_>)) -> Code {
    backend
        .compile("test", signature, false, &mut build)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A function of no arguments that returns a constant.
pub fn constant(backend: &mut Backend, value: i64) -> Code {
    compile(
        backend,
        &Signature {
            params: &[],
            result: Some(Type::I64),
        },
        |b| {
            let value = b.int(Type::I64, value);
            b.ret(value);
        },
    )
}

pub fn call0(code: &Code) -> i64 {
    // SAFETY: the test compiled the code with this signature.
    let function: extern "C" fn() -> i64 = unsafe { std::mem::transmute(code.address()) };
    function()
}

pub fn call1(code: &Code, a: i64) -> i64 {
    // SAFETY: as above.
    let function: extern "C" fn(i64) -> i64 = unsafe { std::mem::transmute(code.address()) };
    function(a)
}

pub fn call2(code: &Code, a: i64, b: i64) -> i64 {
    // SAFETY: as above.
    let function: extern "C" fn(i64, i64) -> i64 = unsafe { std::mem::transmute(code.address()) };
    function(a, b)
}

pub fn float1(code: &Code, a: f64) -> f64 {
    // SAFETY: as above.
    let function: extern "C" fn(f64) -> f64 = unsafe { std::mem::transmute(code.address()) };
    function(a)
}

pub fn float2(code: &Code, a: f64, b: f64) -> f64 {
    // SAFETY: as above.
    let function: extern "C" fn(f64, f64) -> f64 = unsafe { std::mem::transmute(code.address()) };
    function(a, b)
}

pub fn float_test(code: &Code, a: f64, b: f64) -> i64 {
    // SAFETY: as above.
    let function: extern "C" fn(f64, f64) -> i64 = unsafe { std::mem::transmute(code.address()) };
    function(a, b)
}
