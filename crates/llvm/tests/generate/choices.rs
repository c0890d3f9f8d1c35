//! What there is to choose from.

use justjit_builder::{FloatCond, FloatUnary, IntCond, IntOp, Type};

pub const INT_TYPES: [Type; 4] = [Type::I64, Type::I32, Type::I16, Type::I8];
pub const VALUE_TYPES: [Type; 5] = [Type::I64, Type::F64, Type::I32, Type::I16, Type::I8];
pub const INT_OPS: [IntOp; 11] = [
    IntOp::Add,
    IntOp::Sub,
    IntOp::Mul,
    IntOp::And,
    IntOp::Or,
    IntOp::Xor,
    IntOp::Shl,
    IntOp::ShrUnsigned,
    IntOp::ShrSigned,
    IntOp::DivSigned,
    IntOp::RemSigned,
];
pub const INT_CONDS: [IntCond; 10] = [
    IntCond::Eq,
    IntCond::Ne,
    IntCond::SignedLt,
    IntCond::SignedLe,
    IntCond::SignedGt,
    IntCond::SignedGe,
    IntCond::UnsignedLt,
    IntCond::UnsignedLe,
    IntCond::UnsignedGt,
    IntCond::UnsignedGe,
];
pub const FLOAT_CONDS: [FloatCond; 6] = [
    FloatCond::Eq,
    FloatCond::Ne,
    FloatCond::Lt,
    FloatCond::Le,
    FloatCond::Gt,
    FloatCond::Ge,
];
pub const FLOAT_UNARIES: [FloatUnary; 7] = [
    FloatUnary::Neg,
    FloatUnary::Abs,
    FloatUnary::Sqrt,
    FloatUnary::Floor,
    FloatUnary::Ceil,
    FloatUnary::Trunc,
    FloatUnary::NearestEven,
];
/// Integers around which arithmetic goes wrong.
pub const INTS: [i64; 16] = [
    0,
    1,
    -1,
    2,
    7,
    31,
    64,
    -128,
    255,
    32767,
    i32::MAX as i64,
    i32::MIN as i64,
    1 << 53,
    0x0123_4567_89ab_cdef,
    i64::MAX,
    i64::MIN,
];
pub const FLOATS: [f64; 16] = [
    0.0,
    1.0,
    -0.0,
    -1.5,
    0.5,
    2.5,
    0.1,
    5e-324,
    1e-310,
    f64::MAX,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    9007199254740993.0,
    -9223372036854775808.0,
    3.4028236e38,
];
