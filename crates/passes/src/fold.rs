//! Constant folding and exact identities.
//!
//! *Does*: computes operations whose operands are constant; applies identities of ints and bools; sees through box and
//! unbox, not and not; takes guards away that hold and lets those that fail leave for good (the rest of the block is cut
//! off); puts constants to the right of commutative operations; turns constant indices into offsets.
//! *Assumes*: what operations say is known of their operands. An unchecked operation on constants that break it is left
//! as it is: it cannot be reached.
//! *Guarantees*: ints are Python's (floor semantics); floats come out bit for bit: none is reassociated, there are no
//! identities with 0.0 or 1.0 (they would keep a signalling NaN or lose a zero's sign), and no result that is NaN is
//! computed here, for its payload is the machine's to choose. A checked operation stays checked unless it is computed.

use crate::arithmetic::{compare, floor_div, floor_mod, negated, shift_left, swapped, wrap};
use crate::edit::{self, Constant, Replacements, become_constant, become_op};
use justjit_builder::{FloatCond, Type as Width, half};
use justjit_ir::{Block, Flow, Function, Imm, Inst, Op, Type, Value};

/// What becomes of an instruction.
enum Becomes {
    Itself,
    /// Changed in place; look again.
    Other,
    Constant(Constant),
    /// Its result is that value.
    Value(Value),
    /// It is a guard that holds.
    Nothing,
    /// It is a guard that fails.
    Deopt,
}

pub fn run(function: &mut Function) -> bool {
    let flow = Flow::of(function);
    let mut replacements = Replacements::new(function);
    let mut changed = false;
    for &block in &flow.order {
        let mut index = 0;
        while let Some(&inst) = function.blocks[block.index()].insts.get(index) {
            for arg in 0..function.inst(inst).args.len() {
                let value = replacements.resolve(function.insts[inst.index()].args[arg]);
                function.insts[inst.index()].args[arg] = value;
            }
            match fold(function, block, index, inst) {
                Becomes::Itself => {
                    index += 1;
                    continue;
                }
                Becomes::Other => {}
                Becomes::Constant(constant) => become_constant(function, inst, constant),
                Becomes::Value(value) => {
                    let result = function.inst(inst).result.expect("it has a result");
                    replacements.replace(result, value);
                    function.blocks[block.index()].insts.remove(index);
                }
                Becomes::Nothing => {
                    function.blocks[block.index()].insts.remove(index);
                }
                Becomes::Deopt => edit::become_deopt(function, block, index),
            }
            changed = true;
        }
    }
    replacements.apply(function) || changed
}

fn fold(function: &mut Function, block: Block, index: usize, inst: Inst) -> Becomes {
    let data = function.inst(inst);
    let (op, imm, args) = (data.op, data.imm, data.args.clone());
    if let Some(becomes) = commute(function, inst, op, imm, &args) {
        return becomes;
    }
    let constants: Vec<Option<Constant>> = args.iter().map(|&value| Constant::of(function, value)).collect();
    match (op, &constants[..]) {
        (_, [Some(Constant::Int(a)), Some(Constant::Int(b))]) => int_constants(op, imm, *a, *b),
        (_, [_, Some(Constant::Int(b))]) if args[0] != args[1] => {
            let at = (block, index);
            int_with_constant(function, at, inst, op, imm, &args, *b)
        }
        (_, [Some(Constant::Float(a)), Some(Constant::Float(b))]) => float_constants(op, imm, *a, *b),
        (_, [Some(Constant::Float(a))]) => float_constant(op, *a),
        (Op::Guard, [Some(Constant::Bool(true))]) => Becomes::Nothing,
        (Op::Guard, [Some(Constant::Bool(false))]) => Becomes::Deopt,
        (Op::Guard, _) => guard(function, block, index, inst, args[0]),
        (Op::Branch, [None]) => branch(function, inst, args[0]),
        (Op::IntToFloat, [Some(Constant::Int(a))]) => Becomes::Constant(Constant::Float(*a as f64)),
        (Op::HalfFloat, [Some(Constant::Int(a))]) => not_nan(half::from_half(*a as u16)),
        (Op::FloatSingle | Op::FloatHalf, _) => rounded_before(function, op, args[0]),
        (Op::Select, _) => select(function, inst, &args, &constants),
        (Op::IntAnd | Op::IntOr | Op::IntXor | Op::IntSub | Op::IntSubChecked | Op::IntCompare | Op::Same, [..])
            if args[0] == args[1] =>
        {
            same_operands(op, imm, args[0])
        }
        (Op::BoolNot | Op::BoolAnd | Op::BoolOr | Op::BoolXor | Op::BoolToInt, _) => {
            bools(function, inst, op, &args, &constants)
        }
        (Op::Same | Op::IsNull | Op::UnboxInt | Op::UnboxFloat, _) => objects(function, inst, op, &args, &constants),
        (Op::FloatNeg | Op::FloatAbs, _) => sign(function, inst, op, args[0]),
        (Op::AddOffset | Op::Load | Op::Store | Op::LoadIndexed | Op::StoreIndexed, _) => {
            address(function, inst, op, imm, &args, &constants)
        }
        _ => Becomes::Itself,
    }
}

/// A constant goes to the right.
fn commute(function: &mut Function, inst: Inst, op: Op, imm: Imm, args: &[Value]) -> Option<Becomes> {
    let &[a, b] = args else {
        return None;
    };
    let constant = |value| Constant::of(function, value).is_some();
    if !constant(a) || constant(b) {
        return None;
    }
    let imm = match (op, imm) {
        (
            Op::IntAdd
            | Op::IntAddWrapping
            | Op::IntMul
            | Op::IntAddChecked
            | Op::IntMulChecked
            | Op::IntAnd
            | Op::IntOr
            | Op::IntXor,
            imm,
        )
        | (Op::BoolAnd | Op::BoolOr | Op::BoolXor | Op::Same, imm) => imm,
        (Op::IntCompare, Imm::IntCond(cond)) => Imm::IntCond(swapped(cond)),
        _ => return None,
    };
    become_op(function, inst, op, vec![b, a], imm);
    Some(Becomes::Other)
}

fn int_constants(op: Op, imm: Imm, a: i64, b: i64) -> Becomes {
    let (value, checked) = match op {
        Op::IntAdd => (a.checked_add(b), false),
        Op::IntAddWrapping => (Some(a.wrapping_add(b)), false),
        Op::IntSub => (a.checked_sub(b), false),
        Op::IntMul => (a.checked_mul(b), false),
        Op::IntAddChecked => (a.checked_add(b), true),
        Op::IntSubChecked => (a.checked_sub(b), true),
        Op::IntMulChecked => (a.checked_mul(b), true),
        Op::IntFloorDiv => (floor_div(a, b), false),
        Op::IntMod => (floor_mod(a, b), false),
        Op::IntDiv if a >= 0 && b > 0 => (floor_div(a, b), false),
        Op::IntRem if a >= 0 && b > 0 => (floor_mod(a, b), false),
        Op::IntAnd => (Some(a & b), false),
        Op::IntOr => (Some(a | b), false),
        Op::IntXor => (Some(a ^ b), false),
        Op::IntShl => (shift_left(a, b), false),
        Op::IntShlChecked => (shift_left(a, b), true),
        Op::IntShr => ((b >= 0).then(|| a >> b.min(63)), false),
        Op::IntWrap => (wrap(a, b), false),
        Op::IntCompare => {
            let Imm::IntCond(cond) = imm else {
                return Becomes::Itself;
            };
            return Becomes::Constant(Constant::Bool(compare(cond, a, b)));
        }
        _ => return Becomes::Itself,
    };
    match value {
        Some(value) => Becomes::Constant(Constant::Int(value)),
        None if checked => Becomes::Deopt,
        None => Becomes::Itself,
    }
}

/// The right operand is constant, the left is not.
fn int_with_constant(
    function: &mut Function,
    (block, index): (Block, usize),
    inst: Inst,
    op: Op,
    imm: Imm,
    args: &[Value],
    b: i64,
) -> Becomes {
    let zero = Becomes::Constant(Constant::Int(0));
    match (op, b) {
        (Op::IntAdd | Op::IntAddWrapping | Op::IntSub | Op::IntAddChecked | Op::IntSubChecked, 0)
        | (Op::IntMul | Op::IntMulChecked | Op::IntFloorDiv | Op::IntDiv, 1)
        | (Op::IntOr | Op::IntXor | Op::IntShl | Op::IntShlChecked | Op::IntShr, 0)
        | (Op::IntAnd, -1) => Becomes::Value(args[0]),
        (Op::IntMul | Op::IntMulChecked | Op::IntAnd, 0) | (Op::IntMod, 1 | -1) | (Op::IntRem, 1) => zero,
        (Op::IntOr, -1) => Becomes::Constant(Constant::Int(-1)),
        (Op::IntCompare, _) => compare_bool(function, inst, imm, args[0], b),
        // Floor semantics are those of the bits.
        (Op::IntMod, 2..) if b & (b - 1) == 0 => {
            let mask = edit::insert_value(function, block, index, Op::IntConst, Vec::new(), Imm::Int(b - 1));
            become_op(function, inst, Op::IntAnd, vec![args[0], mask], Imm::None);
            Becomes::Other
        }
        (Op::IntFloorDiv, 2..) if b & (b - 1) == 0 => {
            let count = Imm::Int(b.trailing_zeros().into());
            let count = edit::insert_value(function, block, index, Op::IntConst, Vec::new(), count);
            become_op(function, inst, Op::IntShr, vec![args[0], count], Imm::None);
            Becomes::Other
        }
        (Op::AddOffset, 0) if function.type_of(args[0]) == Type::Pointer => Becomes::Value(args[0]),
        (Op::Load | Op::Store | Op::LoadIndexed | Op::StoreIndexed, _) => {
            let constants: Vec<Option<Constant>> = args.iter().map(|&value| Constant::of(function, value)).collect();
            address(function, inst, op, imm, args, &constants)
        }
        _ => Becomes::Itself,
    }
}

/// Comparisons of a bool that was made an int.
fn compare_bool(function: &mut Function, inst: Inst, imm: Imm, a: Value, b: i64) -> Becomes {
    let (Some(data), Imm::IntCond(cond)) = (function.def(a), imm) else {
        return Becomes::Itself;
    };
    if data.op != Op::BoolToInt {
        return Becomes::Itself;
    }
    let bool_ = data.args[0];
    match (compare(cond, 0, b), compare(cond, 1, b)) {
        (false, true) => Becomes::Value(bool_),
        (true, false) => {
            become_op(function, inst, Op::BoolNot, vec![bool_], Imm::None);
            Becomes::Other
        }
        (both, _) => Becomes::Constant(Constant::Bool(both)),
    }
}

fn float_constants(op: Op, imm: Imm, a: f64, b: f64) -> Becomes {
    let value = match op {
        Op::FloatAdd => a + b,
        Op::FloatSub => a - b,
        Op::FloatMul => a * b,
        Op::FloatDiv => a / b,
        Op::FloatCompare => {
            let Imm::FloatCond(cond) = imm else {
                return Becomes::Itself;
            };
            let holds = match cond {
                FloatCond::Eq => a == b,
                FloatCond::Ne => a != b,
                FloatCond::Lt => a < b,
                FloatCond::Le => a <= b,
                FloatCond::Gt => a > b,
                FloatCond::Ge => a >= b,
            };
            return Becomes::Constant(Constant::Bool(holds));
        }
        _ => return Becomes::Itself,
    };
    not_nan(value)
}

fn not_nan(value: f64) -> Becomes {
    match value.is_nan() {
        true => Becomes::Itself,
        false => Becomes::Constant(Constant::Float(value)),
    }
}

fn float_constant(op: Op, a: f64) -> Becomes {
    match op {
        // These two change the sign bit and nothing else.
        Op::FloatNeg => Becomes::Constant(Constant::Float(-a)),
        Op::FloatAbs => Becomes::Constant(Constant::Float(a.abs())),
        Op::FloatSqrt => not_nan(a.sqrt()),
        Op::FloatFloor => not_nan(a.floor()),
        Op::FloatCeil => not_nan(a.ceil()),
        Op::FloatTrunc => not_nan(a.trunc()),
        Op::FloatNearest => not_nan(a.round_ties_even()),
        Op::FloatSingle => not_nan(f64::from(a as f32)),
        Op::FloatHalf => Becomes::Constant(Constant::Int(half::to_half(a).into())),
        Op::FloatToInt if a > -9.3e18 && a < 9.2e18 && (a as i64) as f64 == a.trunc() => {
            Becomes::Constant(Constant::Int(a as i64))
        }
        _ => Becomes::Itself,
    }
}

/// What has been rounded once is not rounded again.
fn rounded_before(function: &Function, op: Op, a: Value) -> Becomes {
    let Some(data) = function.def(a) else {
        return Becomes::Itself;
    };
    match (op, data.op, data.imm) {
        (Op::FloatSingle, Op::FloatSingle, _) => Becomes::Value(a),
        (Op::FloatSingle, Op::Load | Op::LoadIndexed, Imm::Memory { width: Width::F32, .. }) => Becomes::Value(a),
        (Op::FloatHalf, Op::HalfFloat, _) => Becomes::Value(data.args[0]),
        _ => Becomes::Itself,
    }
}

fn sign(function: &mut Function, inst: Inst, op: Op, a: Value) -> Becomes {
    let Some(data) = function.def(a) else {
        return Becomes::Itself;
    };
    match (op, data.op) {
        (Op::FloatNeg, Op::FloatNeg) => Becomes::Value(data.args[0]),
        (Op::FloatAbs, Op::FloatAbs) => Becomes::Value(a),
        (Op::FloatAbs, Op::FloatNeg) => {
            let inner = data.args[0];
            become_op(function, inst, Op::FloatAbs, vec![inner], Imm::None);
            Becomes::Other
        }
        _ => Becomes::Itself,
    }
}

/// A guard of `a and b` is two guards; one of a negation stays.
fn guard(function: &mut Function, block: Block, index: usize, inst: Inst, condition: Value) -> Becomes {
    let Some(data) = function.def(condition) else {
        return Becomes::Itself;
    };
    if data.op != Op::BoolAnd {
        return Becomes::Itself;
    }
    let (a, b) = (data.args[0], data.args[1]);
    let state = function.inst(inst).state;
    let first = edit::insert(function, block, index, Op::Guard, vec![a], Imm::None);
    function.insts[first.index()].state = state;
    function.insts[inst.index()].args = vec![b];
    Becomes::Other
}

/// A branch on a negation goes the other way round.
fn branch(function: &mut Function, inst: Inst, condition: Value) -> Becomes {
    match function.def(condition) {
        Some(data) if data.op == Op::BoolNot => {
            let inner = data.args[0];
            let data = &mut function.insts[inst.index()];
            data.args = vec![inner];
            data.targets.swap(0, 1);
            Becomes::Other
        }
        _ => Becomes::Itself,
    }
}

fn select(function: &mut Function, inst: Inst, args: &[Value], constants: &[Option<Constant>]) -> Becomes {
    let (condition, a, b) = (args[0], args[1], args[2]);
    match (constants[0], constants[1], constants[2]) {
        (Some(Constant::Bool(holds)), ..) => return Becomes::Value(if holds { a } else { b }),
        (_, Some(Constant::Bool(true)), Some(Constant::Bool(false))) => return Becomes::Value(condition),
        (_, Some(Constant::Bool(false)), Some(Constant::Bool(true))) => {
            become_op(function, inst, Op::BoolNot, vec![condition], Imm::None);
            return Becomes::Other;
        }
        (_, Some(one), Some(other)) if one.same(other) => return Becomes::Value(a),
        _ if a == b => return Becomes::Value(a),
        _ => {}
    }
    match function.def(condition) {
        Some(data) if data.op == Op::BoolNot => {
            let inner = data.args[0];
            become_op(function, inst, Op::Select, vec![inner, b, a], Imm::None);
            Becomes::Other
        }
        _ => Becomes::Itself,
    }
}

fn same_operands(op: Op, imm: Imm, a: Value) -> Becomes {
    match (op, imm) {
        (Op::IntAnd | Op::IntOr, _) => Becomes::Value(a),
        (Op::IntXor | Op::IntSub | Op::IntSubChecked, _) => Becomes::Constant(Constant::Int(0)),
        (Op::IntCompare, Imm::IntCond(cond)) => Becomes::Constant(Constant::Bool(compare(cond, 0, 0))),
        (Op::Same, _) => Becomes::Constant(Constant::Bool(true)),
        _ => Becomes::Itself,
    }
}

fn bools(function: &mut Function, inst: Inst, op: Op, args: &[Value], constants: &[Option<Constant>]) -> Becomes {
    let yes = |holds| Becomes::Constant(Constant::Bool(holds));
    match (op, constants) {
        (Op::BoolNot, [Some(Constant::Bool(a))]) => yes(!a),
        (Op::BoolToInt, [Some(Constant::Bool(a))]) => Becomes::Constant(Constant::Int(i64::from(*a))),
        (Op::BoolAnd, [_, Some(Constant::Bool(false))]) => yes(false),
        (Op::BoolOr, [_, Some(Constant::Bool(true))]) => yes(true),
        (Op::BoolAnd, [_, Some(Constant::Bool(true))])
        | (Op::BoolOr | Op::BoolXor, [_, Some(Constant::Bool(false))]) => Becomes::Value(args[0]),
        (Op::BoolXor, [_, Some(Constant::Bool(true))]) => {
            become_op(function, inst, Op::BoolNot, vec![args[0]], Imm::None);
            Becomes::Other
        }
        (Op::BoolAnd | Op::BoolOr, _) if args[0] == args[1] => Becomes::Value(args[0]),
        (Op::BoolXor, _) if args[0] == args[1] => yes(false),
        (Op::BoolNot, _) => not(function, inst, args[0]),
        _ => Becomes::Itself,
    }
}

/// The negation of a comparison is another comparison, but for ordered ones of floats: NaN makes both false.
fn not(function: &mut Function, inst: Inst, a: Value) -> Becomes {
    let Some(data) = function.def(a) else {
        return Becomes::Itself;
    };
    let imm = match (data.op, data.imm) {
        (Op::BoolNot, _) => return Becomes::Value(data.args[0]),
        (Op::IntCompare, Imm::IntCond(cond)) => Imm::IntCond(negated(cond)),
        (Op::FloatCompare, Imm::FloatCond(FloatCond::Eq)) => Imm::FloatCond(FloatCond::Ne),
        (Op::FloatCompare, Imm::FloatCond(FloatCond::Ne)) => Imm::FloatCond(FloatCond::Eq),
        _ => return Becomes::Itself,
    };
    let (op, args) = (data.op, data.args.clone());
    become_op(function, inst, op, args, imm);
    Becomes::Other
}

fn objects(function: &mut Function, inst: Inst, op: Op, args: &[Value], constants: &[Option<Constant>]) -> Becomes {
    let def = function.def(args[0]);
    let yes = |holds| Becomes::Constant(Constant::Bool(holds));
    match (op, constants, def.map(|data| (data.op, data.args.clone()))) {
        (Op::Same, [Some(a), Some(b)], _) if a.same(*b) => yes(true),
        (Op::Same, [_, Some(Constant::Null)], _) => {
            become_op(function, inst, Op::IsNull, vec![args[0]], Imm::None);
            Becomes::Other
        }
        (Op::IsNull, [Some(Constant::Null)], _) => yes(true),
        (Op::IsNull, _, Some((Op::ObjectConst | Op::BoxInt | Op::BoxFloat | Op::BoxBool, _))) => yes(false),
        (Op::UnboxInt, _, Some((Op::BoxInt, inner))) | (Op::UnboxFloat, _, Some((Op::BoxFloat, inner))) => {
            Becomes::Value(inner[0])
        }
        _ => Becomes::Itself,
    }
}

/// Constant parts of an address go into the offset.
fn address(
    function: &mut Function,
    inst: Inst,
    op: Op,
    imm: Imm,
    args: &[Value],
    constants: &[Option<Constant>],
) -> Becomes {
    let Imm::Memory {
        ty,
        width,
        signed,
        region,
        offset,
        scale,
    } = imm
    else {
        return Becomes::Itself;
    };
    let with = |offset, scale| Imm::Memory {
        ty,
        width,
        signed,
        region,
        offset,
        scale,
    };
    let mut args = args.to_vec();
    let indexed = matches!(op, Op::LoadIndexed | Op::StoreIndexed);
    if let (true, Some(Some(Constant::Int(index)))) = (indexed, constants.get(1)) {
        let sum = index
            .checked_mul(i64::from(scale))
            .and_then(|bytes| bytes.checked_add(i64::from(offset)));
        if let Some(sum) = sum.and_then(|sum| i32::try_from(sum).ok()) {
            args.remove(1);
            let plain = if op == Op::LoadIndexed { Op::Load } else { Op::Store };
            become_op(function, inst, plain, args, with(sum, 0));
            return Becomes::Other;
        }
    }
    let base = function.def(args[0]).filter(|data| data.op == Op::AddOffset);
    let Some((inner, bytes)) = base.and_then(|data| Some((data.args[0], edit::int(function, data.args[1])?))) else {
        return Becomes::Itself;
    };
    match bytes
        .checked_add(i64::from(offset))
        .and_then(|sum| i32::try_from(sum).ok())
    {
        Some(sum) => {
            args[0] = inner;
            become_op(function, inst, op, args, with(sum, scale));
            Becomes::Other
        }
        None => Becomes::Itself,
    }
}
