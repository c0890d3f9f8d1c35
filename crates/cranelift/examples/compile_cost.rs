//! What compiling costs: functions as the baseline tier makes them, under each combination of options.
//!
//! `cargo run --release -p justjit-cranelift --example compile_cost`

use std::time::Instant;

use justjit_builder::{Builder, IntCond, IntOp, OverflowOp, RuntimeFn, Signature, Type};
use justjit_cranelift::{Backend, CraneliftBuilder, Options};

extern "C" fn slow(_: i64, _: i64) -> i64 {
    0
}

static ADD_SLOW: RuntimeFn = RuntimeFn {
    name: "add_slow",
    address: slow as *const (),
    signature: Signature {
        params: &[Type::I64, Type::I64],
        result: Some(Type::I64),
    },
    pure: false,
    takes: 0,
};
static DEALLOC: RuntimeFn = RuntimeFn {
    name: "dealloc",
    address: slow as *const (),
    signature: Signature {
        params: &[Type::I64],
        result: None,
    },
    pure: false,
    takes: 0,
};
const SIGNATURE: Signature = Signature {
    params: &[Type::I64; 3],
    result: Some(Type::I64),
};

/// Two locals are loaded and their type tested; small integers are added in place, anything else by a call; the
/// result is stored, and the local's old value released.
fn instruction(b: &mut CraneliftBuilder<'_>, index: i32, error: <CraneliftBuilder<'static> as Builder>::Block) {
    let frame = b.param(1);
    b.set_position(2 * index as u32);
    let (left, right) = (
        b.load(Type::I64, frame, 80 + 8 * (index % 7)),
        b.load(Type::I64, frame, 80 + 8 * (index % 5)),
    );
    let (slow, done) = (b.create_block(), b.create_block());
    b.set_cold(slow);
    let result = b.block_param(done, Type::I64);
    let int_type = b.object(&raw const ADD_SLOW as *const ());
    for value in [left, right] {
        let ty = b.load(Type::I64, value, 8);
        let same = b.compare(IntCond::Eq, ty, int_type);
        b.branch_unless(same, slow, &[]);
    }
    let (x, y) = (b.load(Type::I64, left, 24), b.load(Type::I64, right, 24));
    let (sum, overflow) = b.overflow_op(OverflowOp::Add, x, y);
    b.branch_if(overflow, slow, &[]);
    b.jump(done, &[sum]);

    b.switch_to(slow);
    let called = b.call_value(&ADD_SLOW, &[left, right]);
    b.branch(called, (done, &[called]), (error, &[]));

    b.switch_to(done);
    let old = b.load(Type::I64, frame, 80 + 8 * (index % 3));
    b.store(result, frame, 80 + 8 * (index % 3));
    let count = b.load(Type::I32, old, 0);
    let immortal = b.compare_const(IntCond::SignedLt, count, 0);
    let next = b.create_block();
    b.branch_if(immortal, next, &[]);
    let count = b.int_op_const(IntOp::Sub, count, 1);
    b.store(count, old, 0);
    let dead = b.create_block();
    b.set_cold(dead);
    b.branch(count, (next, &[]), (dead, &[]));
    b.switch_to(dead);
    b.call(&DEALLOC, &[old]);
    b.jump(next, &[]);
    b.switch_to(next);
}

fn function(b: &mut CraneliftBuilder<'_>, length: i32) {
    let error = b.create_block();
    b.set_cold(error);
    for index in 0..length {
        instruction(b, index, error);
    }
    let result = b.param(0);
    b.ret(result);
    b.switch_to(error);
    let null = b.int(Type::I64, 0);
    b.ret(null);
}

fn main() {
    println!("bytecodes  CLIF   options                     µs/function   ns/CLIF  bytes/CLIF");
    let variants = [(false, false), (true, false), (false, true), (true, true)];
    for length in [1, 3, 10, 40, 160] {
        for (optimize, single_pass_regalloc) in variants {
            let options = Options {
                optimize,
                single_pass_regalloc,
                verify: false,
                unwind_info: false,
            };
            measure(length, options);
        }
        measure(
            length,
            Options {
                verify: false,
                unwind_info: true,
                ..Options::default()
            },
        );
        measure(
            length,
            Options {
                verify: true,
                ..Options::default()
            },
        );
    }
}

fn measure(length: i32, options: Options) {
    let mut backend = Backend::new(options).expect("the host is supported");
    let mut times = Vec::new();
    let mut size = 0;
    for _ in 0..(4000 / length).max(30) {
        let start = Instant::now();
        let code = backend
            .compile("f", &SIGNATURE, false, &mut |b| function(b, length))
            .expect("it compiles");
        times.push(start.elapsed());
        size = code.size();
    }
    times.sort();
    let (nanoseconds, count) = (
        times[times.len() / 2].as_nanos() as f64,
        backend.last_instruction_count(),
    );
    println!(
        "{length:9} {count:5}   {:5} {:12}{}{} {:14.1} {:9.0} {:11.1}",
        if options.optimize { "speed" } else { "none" },
        if options.single_pass_regalloc {
            "single_pass"
        } else {
            "backtracking"
        },
        if options.unwind_info { " unwind" } else { "       " },
        if options.verify { " verify" } else { "       " },
        nanoseconds / 1e3,
        nanoseconds / count as f64,
        size as f64 / count as f64,
    );
}
