//! Loops that can be vectorized.

use justjit_builder::{Builder, FloatOp, IntCond, IntOp, Region, Type};

use super::choices::VALUE_TYPES;
use super::{ARRAYS, Generator, ITEMS, Tape};

/// Emits a loop over arrays as many programs have one: no branches, addresses that follow the index, the items of one
/// type, and numbers that go from round to round. This is what gets vectorized.
pub fn emit_array_loop<B: Builder>(b: &mut B, tape: &[u32]) {
    let scratch = b.param(0);
    let mut g = Generator {
        b,
        tape: Tape { words: tape, at: 0 },
        scope: Vec::new(),
        slots: Vec::new(),
        scratch,
        depth: 0,
    };
    let ty = g.tape.pick(&VALUE_TYPES);
    let region = g.tape.pick(&[Region::Data, Region::Items, Region::Any]);
    let count = g.b.param(1);
    let count = g.b.int_op_const(IntOp::And, count, 63);
    let (int, float) = (g.b.param(2), g.b.param(3));
    g.push(Type::I64, int);
    g.push(Type::F64, float);

    let (head, exit) = (g.b.create_block(), g.b.create_block());
    let index = g.b.block_param(head, Type::I64);
    let carried_types = [Type::I64, Type::F64];
    let carried = carried_types.map(|ty| g.b.block_param(head, ty));
    let results = carried_types.map(|ty| g.b.block_param(exit, ty));
    let zero = g.b.int(Type::I64, 0);
    let some = g.b.compare_const(IntCond::SignedGt, count, 0);
    g.b.branch(some, (head, &[zero, int, float]), (exit, &[int, float]));
    g.b.switch_to(head);
    let outside = g.scope.len();
    g.push(Type::I64, index);
    let offset = g.b.int_op_const(IntOp::Shl, index, i64::from(ty.size().ilog2()));
    let address = g.b.int_op(IntOp::Add, scratch, offset);
    // The last array is written to; reading it, too, with an item's distance makes each round depend on the one before.
    for _ in 0..1 + g.tape.below(3) {
        let readable = if g.tape.below(8) == 0 { ARRAYS } else { ARRAYS - 1 };
        let (array, ahead) = (g.tape.below(readable), g.tape.below(3) as i32);
        let value = g.b.load_in(
            region,
            ty,
            address,
            (8 * ITEMS * array) as i32 + ahead * ty.size() as i32,
        );
        g.push(ty, value);
    }
    for _ in 0..1 + g.tape.below(6) {
        match g.tape.below(8) {
            0 => g.compare(),
            1 => g.resize(),
            2 => g.convert(),
            3 => {
                let condition = g.condition();
                let (a, b) = (g.value(ty), g.value(ty));
                let value = g.b.select(condition, a, b);
                g.push(ty, value);
            }
            4 | 5 if ty != Type::F64 => g.int_op(),
            _ => {
                let op = g.tape.pick(&[FloatOp::Add, FloatOp::Sub, FloatOp::Mul, FloatOp::Div]);
                let (a, b) = (g.value(Type::F64), g.value(Type::F64));
                let value = g.b.float_op(op, a, b);
                g.push(Type::F64, value);
            }
        }
    }
    let mut value = g.value(ty);
    if ty == Type::F64 {
        value = g.without_nan(value);
    }
    g.b.store_in(
        region,
        value,
        address,
        (8 * ITEMS * (ARRAYS - 1)) as i32 + ty.size() as i32,
    );
    let (int, float) = (g.value(Type::I64), g.value(Type::F64));
    let op = g.tape.pick(&[IntOp::Add, IntOp::Xor, IntOp::Mul, IntOp::Or]);
    let int = g.b.int_op(op, carried[0], int);
    // A float sum's order is fixed, so it is not vectorized.
    let float = match g.tape.below(6) {
        0 => g.b.float_op(FloatOp::Add, carried[1], float),
        _ => carried[1],
    };
    let next = g.b.int_op_const(IntOp::Add, index, 1);
    let more = g.b.compare(IntCond::SignedLt, next, count);
    g.b.branch(more, (head, &[next, int, float]), (exit, &[int, float]));
    g.b.switch_to(exit);
    g.scope.truncate(outside);
    g.scope.extend(carried_types.into_iter().zip(results));
    g.finish();
}
