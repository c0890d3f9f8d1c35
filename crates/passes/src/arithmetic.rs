//! What operations on ints give: Python's arithmetic where it fits in 64 bits.

use justjit_builder::IntCond;

/// The comparison with the operands exchanged.
pub fn swapped(cond: IntCond) -> IntCond {
    match cond {
        IntCond::Eq | IntCond::Ne => cond,
        IntCond::SignedLt => IntCond::SignedGt,
        IntCond::SignedLe => IntCond::SignedGe,
        IntCond::SignedGt => IntCond::SignedLt,
        IntCond::SignedGe => IntCond::SignedLe,
        IntCond::UnsignedLt => IntCond::UnsignedGt,
        IntCond::UnsignedLe => IntCond::UnsignedGe,
        IntCond::UnsignedGt => IntCond::UnsignedLt,
        IntCond::UnsignedGe => IntCond::UnsignedLe,
    }
}

/// The comparison that is true when the other is false.
pub fn negated(cond: IntCond) -> IntCond {
    match cond {
        IntCond::Eq => IntCond::Ne,
        IntCond::Ne => IntCond::Eq,
        IntCond::SignedLt => IntCond::SignedGe,
        IntCond::SignedLe => IntCond::SignedGt,
        IntCond::SignedGt => IntCond::SignedLe,
        IntCond::SignedGe => IntCond::SignedLt,
        IntCond::UnsignedLt => IntCond::UnsignedGe,
        IntCond::UnsignedLe => IntCond::UnsignedGt,
        IntCond::UnsignedGt => IntCond::UnsignedLe,
        IntCond::UnsignedGe => IntCond::UnsignedLt,
    }
}

pub fn compare(cond: IntCond, a: i64, b: i64) -> bool {
    let (ua, ub) = (a as u64, b as u64);
    match cond {
        IntCond::Eq => a == b,
        IntCond::Ne => a != b,
        IntCond::SignedLt => a < b,
        IntCond::SignedLe => a <= b,
        IntCond::SignedGt => a > b,
        IntCond::SignedGe => a >= b,
        IntCond::UnsignedLt => ua < ub,
        IntCond::UnsignedLe => ua <= ub,
        IntCond::UnsignedGt => ua > ub,
        IntCond::UnsignedGe => ua >= ub,
    }
}

/// Python's `a // b`, if it is there and fits.
pub fn floor_div(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    Some(quotient - i64::from(a % b != 0 && (a < 0) != (b < 0)))
}

/// Python's `a % b`, if it is there.
pub fn floor_mod(a: i64, b: i64) -> Option<i64> {
    match b {
        0 => None,
        -1 => Some(0),
        _ => {
            let rest = a % b;
            Some(if rest != 0 && (rest < 0) != (b < 0) {
                rest + b
            } else {
                rest
            })
        }
    }
}

/// `a << b`, if it fits and the count is allowed.
pub fn shift_left(a: i64, b: i64) -> Option<i64> {
    let count = u32::try_from(b).ok().filter(|&count| count < 64)?;
    let shifted = a << count;
    (shifted >> count == a).then_some(shifted)
}

/// The low bits, sign-extended.
pub fn wrap(a: i64, bits: i64) -> Option<i64> {
    Some(match bits {
        8 => i64::from(a as i8),
        16 => i64::from(a as i16),
        32 => i64::from(a as i32),
        _ => return None,
    })
}
