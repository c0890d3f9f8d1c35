//! What compiling costs at each level, and how fast the code is.
//!
//! `cargo run --release -p justjit-llvm --example compile_cost`

use std::hint::black_box;
use std::time::{Duration, Instant};

use justjit_builder::{Builder, FloatOp, IntCond, IntOp, OverflowOp, Region, RuntimeFn, Signature, Type};
use justjit_llvm::{Backend, Code, LlvmBuilder, Options};

extern "C" fn slow(a: i64, b: i64) -> i64 {
    a ^ b
}

static SLOW: RuntimeFn = RuntimeFn {
    name: "slow",
    address: slow as *const (),
    signature: Signature {
        params: &[Type::I64, Type::I64],
        result: Some(Type::I64),
    },
    pure: false,
    takes: 0,
};

/// An address, a number of items, and one number more.
const SIGNATURE: Signature = Signature {
    params: &[Type::I64; 3],
    result: Some(Type::I64),
};

/// `body` for each index from 0 up to the second parameter, with a sum that goes round.
fn counted(
    b: &mut LlvmBuilder<'_>,
    body: impl FnOnce(
        &mut LlvmBuilder<'_>,
        <LlvmBuilder<'static> as Builder>::Value,
        <LlvmBuilder<'static> as Builder>::Value,
    ) -> <LlvmBuilder<'static> as Builder>::Value,
) {
    let count = b.param(1);
    let (head, exit) = (b.create_block(), b.create_block());
    let index = b.block_param(head, Type::I64);
    let sum = b.block_param(head, Type::I64);
    let result = b.block_param(exit, Type::I64);
    let zero = b.int(Type::I64, 0);
    let some = b.compare_const(IntCond::SignedGt, count, 0);
    b.branch(some, (head, &[zero, zero]), (exit, &[zero]));
    b.switch_to(head);
    let sum = body(b, index, sum);
    let next = b.int_op_const(IntOp::Add, index, 1);
    let more = b.compare(IntCond::SignedLt, next, count);
    b.branch(more, (head, &[next, sum]), (exit, &[sum]));
    b.switch_to(exit);
    b.ret(result);
}

fn checked_sum(b: &mut LlvmBuilder<'_>) {
    counted(b, |b, index, sum| {
        let slow = b.create_block();
        b.set_cold(slow);
        let (sum, overflow) = b.overflow_op(OverflowOp::Add, sum, index);
        b.branch_if(overflow, slow, &[]);
        let here = b.create_block();
        b.jump(here, &[]);
        b.switch_to(slow);
        let result = b.call_value(&SLOW, &[sum, index]);
        b.ret(result);
        b.switch_to(here);
        sum
    });
}

fn array_sum(b: &mut LlvmBuilder<'_>) {
    counted(b, |b, index, sum| {
        let base = b.param(0);
        let offset = b.int_op_const(IntOp::Shl, index, 3);
        let address = b.int_op(IntOp::Add, base, offset);
        let item = b.load_in(Region::Data, Type::I64, address, 0);
        b.int_op(IntOp::Add, sum, item)
    });
}

fn axpy(b: &mut LlvmBuilder<'_>) {
    counted(b, |b, index, sum| {
        let (from, to) = (b.param(0), b.param(2));
        let offset = b.int_op_const(IntOp::Shl, index, 3);
        let (from, to) = (b.int_op(IntOp::Add, from, offset), b.int_op(IntOp::Add, to, offset));
        let x = b.load_in(Region::Data, Type::F64, from, 0);
        let y = b.load_in(Region::Data, Type::F64, to, 0);
        let factor = b.float(1.5);
        let product = b.float_op(FloatOp::Mul, x, factor);
        let result = b.float_op(FloatOp::Add, y, product);
        b.store_in(Region::Data, result, to, 0);
        sum
    });
}

/// `length` times: load two, test, add with a check, call when it overflows, store.
fn straight(b: &mut LlvmBuilder<'_>, length: i32) {
    let frame = b.param(0);
    for index in 0..length {
        let left = b.load_in(Region::Frame, Type::I64, frame, 8 * (index % 7));
        let right = b.load_in(Region::Frame, Type::I64, frame, 8 * (index % 5));
        let (slow, done) = (b.create_block(), b.create_block());
        b.set_cold(slow);
        let result = b.block_param(done, Type::I64);
        let odd = b.int_op_const(IntOp::And, left, 1);
        b.branch_if(odd, slow, &[]);
        let (sum, overflow) = b.overflow_op(OverflowOp::Add, left, right);
        b.branch(overflow, (slow, &[]), (done, &[sum]));
        b.switch_to(slow);
        let called = b.call_value(&SLOW, &[left, right]);
        b.jump(done, &[called]);
        b.switch_to(done);
        b.store_in(Region::Frame, result, frame, 8 * (index % 3));
    }
    let result = b.load_in(Region::Frame, Type::I64, frame, 0);
    b.ret(result);
}

/// What this thread has computed for, which other programs do not disturb.
#[cfg(unix)]
fn cpu_time() -> Duration {
    // SAFETY: all zeros are a time; the call fills it.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time);
        time
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(not(unix))]
fn cpu_time() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed()
}

fn measure(name: &str, operations: usize, emit: &mut dyn FnMut(&mut LlvmBuilder<'_>)) {
    for level in 0..=3 {
        let options = Options {
            level,
            verify: false,
            ..Options::default()
        };
        let mut backend = Backend::new(options).expect("the host is supported");
        let mut times: Vec<Duration> = Vec::new();
        let mut last: Option<Code> = None;
        for _ in 0..if operations > 500 { 20 } else { 100 } {
            let start = cpu_time();
            let code = backend.compile("f", &SIGNATURE, false, emit).expect("it compiles");
            times.push(cpu_time() - start);
            last = Some(code);
        }
        times.sort();
        let code = last.expect("it was compiled");
        println!(
            "{name:12} {operations:10} {level:5} {:12.0} {:6} {:12.3}",
            times[times.len() / 2].as_nanos() as f64 / 1e3,
            code.size(),
            run(&code),
        );
    }
}

/// Nanoseconds per item.
fn run(code: &Code) -> f64 {
    const ITEMS: usize = 2000;
    // SAFETY: the code was compiled with this signature, and gets memory for as many items.
    let function: extern "C" fn(*mut i64, i64, *mut i64) -> i64 = unsafe { std::mem::transmute(code.address()) };
    let (mut from, mut to) = (vec![0i64; ITEMS], vec![0i64; ITEMS]);
    let mut best = f64::INFINITY;
    for _ in 0..200 {
        let start = Instant::now();
        black_box(function(from.as_mut_ptr(), ITEMS as i64, to.as_mut_ptr()));
        best = best.min(start.elapsed().as_nanos() as f64 / ITEMS as f64);
    }
    best
}

fn main() {
    let start = Instant::now();
    drop(Backend::new(Options::default()).expect("the host is supported"));
    println!("first backend: {:?}", start.elapsed());
    let start = Instant::now();
    drop(Backend::new(Options::default()).expect("the host is supported"));
    println!("second: {:?}", start.elapsed());
    println!("function     operations level  µs/function  bytes     ns/item");
    measure("checked sum", 12, &mut checked_sum);
    measure("array sum", 11, &mut array_sum);
    measure("axpy", 16, &mut axpy);
    measure("straight", 1000, &mut |b| straight(b, 100));
}
