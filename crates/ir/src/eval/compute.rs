//! What operations without effect give.

use super::{Datum, Machine, Result_, SPACING, hash};
use crate::op::Op;
use crate::{Imm, InstData, Symbol};
use justjit_builder::{FloatCond, IntCond, half};

impl Machine<'_> {
    pub(super) fn compute(&mut self, data: &InstData) -> Result_<Datum> {
        let arg = |index: usize| data.args[index];
        let symbol = |symbol: Symbol| hash(&self.function.symbols[symbol.index()].name) % 32;
        Ok(match (data.op, data.imm) {
            (Op::IntConst, Imm::Int(value)) => Datum::Int(value),
            (Op::FloatConst, Imm::Float(value)) => Datum::Float(value),
            (Op::BoolConst, Imm::Bool(value)) => Datum::Bool(value),
            (Op::ObjectConst, Imm::Symbol(name)) => Datum::Object((symbol(name) + 1) * SPACING),
            (Op::PointerConst, Imm::Symbol(name)) => Datum::Pointer((symbol(name) + 512) * 64),
            (Op::Null, _) => Datum::Object(0),
            (Op::AddressOf, _) => match self.get(arg(0))? {
                Datum::Object(address) | Datum::Pointer(address) => Datum::Int(address as i64),
                other => return Err(format!("no address: {other:?}")),
            },
            (Op::IntAdd | Op::IntAddWrapping, _) => Datum::Int(self.int(arg(0))?.wrapping_add(self.int(arg(1))?)),
            (Op::IntSub, _) => Datum::Int(self.int(arg(0))?.wrapping_sub(self.int(arg(1))?)),
            (Op::IntMul, _) => Datum::Int(self.int(arg(0))?.wrapping_mul(self.int(arg(1))?)),
            (Op::IntFloorDiv, _) => {
                let (a, b) = (self.int(arg(0))?, self.int(arg(1))?);
                let quotient = a.checked_div(b).ok_or("a division traps")?;
                Datum::Int(quotient - i64::from(quotient.wrapping_mul(b) != a && (a < 0) != (b < 0)))
            }
            (Op::IntDiv | Op::IntRem, _) => {
                let (a, b) = (self.int(arg(0))?, self.int(arg(1))?);
                if a < 0 || b <= 0 {
                    return Err(format!("{a} and {b} are no operands of {:?}", data.op));
                }
                Datum::Int(if data.op == Op::IntDiv { a / b } else { a % b })
            }
            (Op::IntMod, _) => {
                let (a, b) = (self.int(arg(0))?, self.int(arg(1))?);
                let rest = if b == -1 {
                    0
                } else {
                    a.checked_rem(b).ok_or("a division traps")?
                };
                Datum::Int(if rest != 0 && (rest < 0) != (b < 0) {
                    rest + b
                } else {
                    rest
                })
            }
            (Op::IntAnd, _) => Datum::Int(self.int(arg(0))? & self.int(arg(1))?),
            (Op::IntOr, _) => Datum::Int(self.int(arg(0))? | self.int(arg(1))?),
            (Op::IntXor, _) => Datum::Int(self.int(arg(0))? ^ self.int(arg(1))?),
            (Op::IntShl, _) => Datum::Int(self.int(arg(0))? << (self.int(arg(1))? & 63)),
            (Op::IntShr, _) => Datum::Int(self.int(arg(0))? >> self.int(arg(1))?.clamp(0, 63)),
            (Op::IntCompare, Imm::IntCond(cond)) => Datum::Bool(compare(cond, self.int(arg(0))?, self.int(arg(1))?)),
            (Op::IntToFloat, _) => Datum::Float(self.int(arg(0))? as f64),
            (Op::IntWrap, _) => {
                let (a, bits) = (self.int(arg(0))?, self.int(arg(1))?);
                let unused = 64 - bits.clamp(1, 64) as u32;
                Datum::Int(a << unused >> unused)
            }
            (Op::FloatAdd, _) => Datum::Float(self.float(arg(0))? + self.float(arg(1))?),
            (Op::FloatSub, _) => Datum::Float(self.float(arg(0))? - self.float(arg(1))?),
            (Op::FloatMul, _) => Datum::Float(self.float(arg(0))? * self.float(arg(1))?),
            (Op::FloatDiv, _) => Datum::Float(self.float(arg(0))? / self.float(arg(1))?),
            (Op::FloatNeg, _) => Datum::Float(-self.float(arg(0))?),
            (Op::FloatAbs, _) => Datum::Float(self.float(arg(0))?.abs()),
            (Op::FloatSqrt, _) => Datum::Float(self.float(arg(0))?.sqrt()),
            (Op::FloatFloor, _) => Datum::Float(self.float(arg(0))?.floor()),
            (Op::FloatCeil, _) => Datum::Float(self.float(arg(0))?.ceil()),
            (Op::FloatTrunc, _) => Datum::Float(self.float(arg(0))?.trunc()),
            (Op::FloatNearest, _) => Datum::Float(self.float(arg(0))?.round_ties_even()),
            (Op::FloatSingle, _) => Datum::Float(f64::from(self.float(arg(0))? as f32)),
            (Op::FloatHalf, _) => Datum::Int(half::to_half(self.float(arg(0))?).into()),
            (Op::HalfFloat, _) => Datum::Float(half::from_half(self.int(arg(0))? as u16)),
            (Op::FloatCompare, Imm::FloatCond(cond)) => {
                let (a, b) = (self.float(arg(0))?, self.float(arg(1))?);
                Datum::Bool(match cond {
                    FloatCond::Eq => a == b,
                    FloatCond::Ne => a != b,
                    FloatCond::Lt => a < b,
                    FloatCond::Le => a <= b,
                    FloatCond::Gt => a > b,
                    FloatCond::Ge => a >= b,
                })
            }
            (Op::FloatToInt, _) => Datum::Int(self.float(arg(0))? as i64),
            (Op::BoolNot, _) => Datum::Bool(!self.bool(arg(0))?),
            (Op::BoolAnd, _) => Datum::Bool(self.bool(arg(0))? & self.bool(arg(1))?),
            (Op::BoolOr, _) => Datum::Bool(self.bool(arg(0))? | self.bool(arg(1))?),
            (Op::BoolXor, _) => Datum::Bool(self.bool(arg(0))? ^ self.bool(arg(1))?),
            (Op::BoolToInt, _) => Datum::Int(i64::from(self.bool(arg(0))?)),
            (Op::Select, _) => self.get(arg(if self.bool(arg(0))? { 1 } else { 2 }))?,
            (Op::Same, _) => Datum::Bool(self.get(arg(0))? == self.get(arg(1))?),
            (Op::IsNull, _) => Datum::Bool(self.get(arg(0))? == Datum::Object(0)),
            (Op::HasType, Imm::Symbol(name)) => {
                let inside = self.inside(self.address(arg(0))?);
                Datum::Bool(match self.function.symbols[name.index()].name.as_str() {
                    "int" => matches!(inside, Some(Datum::Int(_))),
                    "float" => matches!(inside, Some(Datum::Float(_))),
                    "bool" => matches!(inside, Some(Datum::Bool(_))),
                    other => inside.is_none() && hash((self.address(arg(0))?, other)) & 1 == 0,
                })
            }
            (Op::UnboxFloat, _) => match self.inside(self.address(arg(0))?) {
                Some(number @ Datum::Float(_)) => number,
                _ => return Err(format!("{} is no float object", arg(0))),
            },
            (Op::BoxInt | Op::BoxFloat | Op::BoxBool, _) => self.make(self.get(arg(0))?),
            (Op::Load | Op::LoadIndexed, _) => self.load(data)?,
            (Op::AddOffset, _) => Datum::Pointer(self.address(arg(0))?.wrapping_add(self.int(arg(1))? as u64)),
            (op, _) => return Err(format!("{op:?} is not evaluated")),
        })
    }
}

/// Compares as a machine does.
fn compare(cond: IntCond, a: i64, b: i64) -> bool {
    let (unsigned_a, unsigned_b) = (a as u64, b as u64);
    match cond {
        IntCond::Eq => a == b,
        IntCond::Ne => a != b,
        IntCond::SignedLt => a < b,
        IntCond::SignedLe => a <= b,
        IntCond::SignedGt => a > b,
        IntCond::SignedGe => a >= b,
        IntCond::UnsignedLt => unsigned_a < unsigned_b,
        IntCond::UnsignedLe => unsigned_a <= unsigned_b,
        IntCond::UnsignedGt => unsigned_a > unsigned_b,
        IntCond::UnsignedGe => unsigned_a >= unsigned_b,
    }
}
