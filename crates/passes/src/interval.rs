//! Intervals of ints, and what operations make of them.
//!
//! Every rule takes the width of the ints in bits, so that it can be proved on narrow ones by trying everything; see the
//! tests. The rules are right where the operation is defined: a result that does not fit is left out, for there the code
//! is left or the operation is known not to get there.

use justjit_builder::IntCond;

/// The ints from `low` to `high`, both included; never empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    pub low: i64,
    pub high: i64,
}

/// All ints of a width.
pub fn full(bits: u32) -> Interval {
    Interval {
        low: i64::MIN >> (64 - bits),
        high: i64::MAX >> (64 - bits),
    }
}

/// All ints.
pub const FULL: Interval = Interval {
    low: i64::MIN,
    high: i64::MAX,
};

impl Interval {
    pub fn of(value: i64) -> Interval {
        Interval {
            low: value,
            high: value,
        }
    }

    pub fn new(low: i64, high: i64) -> Option<Interval> {
        (low <= high).then_some(Interval { low, high })
    }

    pub fn single(self) -> Option<i64> {
        (self.low == self.high).then_some(self.low)
    }

    pub fn join(self, other: Interval) -> Interval {
        Interval {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    pub fn meet(self, other: Interval) -> Option<Interval> {
        Interval::new(self.low.max(other.low), self.high.min(other.high))
    }

    pub fn within(self, other: Interval) -> bool {
        other.low <= self.low && self.high <= other.high
    }

    fn not(self) -> Interval {
        Interval {
            low: !self.high,
            high: !self.low,
        }
    }
}

/// An exact result, which may not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exact {
    low: i128,
    high: i128,
}

impl Exact {
    fn corners(values: [i128; 4]) -> Exact {
        Exact {
            low: values.into_iter().min().expect("there are four"),
            high: values.into_iter().max().expect("there are four"),
        }
    }

    /// Whether all of it fits.
    pub fn fits(self, bits: u32) -> bool {
        let all = full(bits);
        i128::from(all.low) <= self.low && self.high <= i128::from(all.high)
    }

    /// What fits of it; all if nothing does, where the code is not reached.
    pub fn clamp(self, bits: u32) -> Interval {
        let all = full(bits);
        let low = self.low.max(all.low.into());
        let high = self.high.min(all.high.into());
        match low <= high {
            true => Interval {
                low: low as i64,
                high: high as i64,
            },
            false => all,
        }
    }
}

pub fn add(a: Interval, b: Interval) -> Exact {
    Exact {
        low: i128::from(a.low) + i128::from(b.low),
        high: i128::from(a.high) + i128::from(b.high),
    }
}

pub fn sub(a: Interval, b: Interval) -> Exact {
    Exact {
        low: i128::from(a.low) - i128::from(b.high),
        high: i128::from(a.high) - i128::from(b.low),
    }
}

fn products(a: Interval, b: (i128, i128)) -> Exact {
    let (low, high) = (i128::from(a.low), i128::from(a.high));
    Exact::corners([low * b.0, low * b.1, high * b.0, high * b.1])
}

pub fn mul(a: Interval, b: Interval) -> Exact {
    products(a, (b.low.into(), b.high.into()))
}

/// The counts that a shift allows.
fn counts(bits: u32, count: Interval) -> Option<Interval> {
    count.meet(Interval {
        low: 0,
        high: i64::from(bits) - 1,
    })
}

/// Whether every count is allowed.
pub fn count_fits(bits: u32, count: Interval) -> bool {
    counts(bits, count) == Some(count)
}

/// The exact value of `a * 2**count`.
pub fn shl(bits: u32, a: Interval, count: Interval) -> Exact {
    match counts(bits, count) {
        Some(count) => products(a, (1 << count.low, 1 << count.high)),
        None => products(FULL, (1, 1)),
    }
}

/// The count is not negative.
pub fn shr(bits: u32, a: Interval, count: Interval) -> Interval {
    let last = i64::from(bits) - 1;
    let (low, high) = (count.low.clamp(0, last), count.high.clamp(0, last));
    let corners = [a.low >> low, a.low >> high, a.high >> low, a.high >> high].map(i128::from);
    Exact::corners(corners).clamp(bits)
}

/// The divisor's parts below and above 0.
fn divisors(b: Interval) -> impl Iterator<Item = Interval> {
    [
        Interval::new(b.low, b.high.min(-1)),
        Interval::new(b.low.max(1), b.high),
    ]
    .into_iter()
    .flatten()
}

fn join_all(parts: impl Iterator<Item = Interval>, bits: u32) -> Interval {
    parts.reduce(Interval::join).unwrap_or(full(bits))
}

/// The divisor is not 0.
pub fn floor_div(bits: u32, a: Interval, b: Interval) -> Interval {
    let quotient = |a: i64, b: i64| {
        let (a, b) = (i128::from(a), i128::from(b));
        let rest = a % b != 0 && (a < 0) != (b < 0);
        a / b - i128::from(rest)
    };
    let parts = divisors(b).map(|b| {
        let corners = [
            quotient(a.low, b.low),
            quotient(a.low, b.high),
            quotient(a.high, b.low),
            quotient(a.high, b.high),
        ];
        Exact::corners(corners).clamp(bits)
    });
    join_all(parts, bits)
}

/// The divisor is not 0.
pub fn floor_mod(bits: u32, a: Interval, b: Interval) -> Interval {
    let parts = divisors(b).map(|b| match b.low > 0 {
        true if a.low >= 0 && a.high < b.low => a,
        true if a.low >= 0 => Interval {
            low: 0,
            high: a.high.min(b.high - 1),
        },
        true => Interval {
            low: 0,
            high: b.high - 1,
        },
        false if a.high <= 0 && a.low > b.high => a,
        false if a.high <= 0 => Interval {
            low: a.low.max(b.low + 1),
            high: 0,
        },
        false => Interval {
            low: b.low + 1,
            high: 0,
        },
    });
    join_all(parts, bits)
}

/// All ones, as many as the number's highest bit needs that differs from its sign.
fn ones(value: i64) -> i64 {
    let magnitude = value ^ (value >> 63);
    match magnitude {
        0 => 0,
        _ => (1i64 << (63 - magnitude.leading_zeros()) << 1).wrapping_sub(1),
    }
}

pub fn and(a: Interval, b: Interval) -> Interval {
    match (a.low >= 0, b.low >= 0) {
        (true, true) => Interval {
            low: 0,
            high: a.high.min(b.high),
        },
        (true, false) => Interval { low: 0, high: a.high },
        (false, true) => Interval { low: 0, high: b.high },
        (false, false) => Interval {
            low: !ones(a.low).max(ones(b.low)),
            high: a.high.max(b.high),
        },
    }
}

pub fn or(a: Interval, b: Interval) -> Interval {
    and(a.not(), b.not()).not()
}

pub fn xor(a: Interval, b: Interval) -> Interval {
    let most = [a.low, a.high, b.low, b.high]
        .map(ones)
        .into_iter()
        .max()
        .expect("there are four");
    let (negative_a, negative_b) = ((a.low < 0, a.high < 0), (b.low < 0, b.high < 0));
    // Of one sign each: the result's sign is known.
    match (negative_a, negative_b) {
        ((x, y), (z, w)) if x == y && z == w => match x == z {
            true => Interval { low: 0, high: most },
            false => Interval { low: !most, high: -1 },
        },
        _ => Interval { low: !most, high: most },
    }
}

/// The low bits, sign-extended.
pub fn wrap(a: Interval, low_bits: u32) -> Interval {
    let all = full(low_bits);
    if a.within(all) { a } else { all }
}

/// Whether the comparison always holds, or never.
pub fn decide(cond: IntCond, a: Interval, b: Interval) -> Option<bool> {
    match cond {
        IntCond::Eq if a.single().is_some() && a == b => Some(true),
        IntCond::Eq if a.meet(b).is_none() => Some(false),
        IntCond::Eq => None,
        IntCond::Ne => decide(IntCond::Eq, a, b).map(|holds| !holds),
        IntCond::SignedLt if a.high < b.low => Some(true),
        IntCond::SignedLt if a.low >= b.high => Some(false),
        IntCond::SignedLt => None,
        IntCond::SignedGe => decide(IntCond::SignedLt, a, b).map(|holds| !holds),
        IntCond::SignedGt => decide(IntCond::SignedLt, b, a),
        IntCond::SignedLe => decide(IntCond::SignedLt, b, a).map(|holds| !holds),
        // Of one sign they are ordered as signed ones; a negative number is above all others.
        IntCond::UnsignedLt => match (sign(a)?, sign(b)?) {
            (x, y) if x == y => decide(IntCond::SignedLt, a, b),
            (negative, _) => Some(!negative),
        },
        IntCond::UnsignedGe => decide(IntCond::UnsignedLt, a, b).map(|holds| !holds),
        IntCond::UnsignedGt => decide(IntCond::UnsignedLt, b, a),
        IntCond::UnsignedLe => decide(IntCond::UnsignedLt, b, a).map(|holds| !holds),
    }
}

/// Whether all of it is negative, or none.
fn sign(a: Interval) -> Option<bool> {
    match (a.low < 0, a.high < 0) {
        (x, y) if x == y => Some(x),
        _ => None,
    }
}

/// What is left of both operands where the comparison holds; nothing if it cannot.
pub fn refine(cond: IntCond, a: Interval, b: Interval) -> Option<(Interval, Interval)> {
    match cond {
        IntCond::Eq => a.meet(b).map(|both| (both, both)),
        IntCond::Ne => {
            let without = |from: Interval, other: Interval| match other.single() {
                Some(value) if value == from.low => Interval::new(value.checked_add(1)?, from.high),
                Some(value) if value == from.high => Interval::new(from.low, value.checked_sub(1)?),
                _ => Some(from),
            };
            Some((without(a, b)?, without(b, a)?))
        }
        IntCond::SignedLt => {
            let below = Interval::new(a.low, a.high.min(b.high.checked_sub(1)?))?;
            let above = Interval::new(b.low.max(a.low.checked_add(1)?), b.high)?;
            Some((below, above))
        }
        IntCond::SignedLe => {
            let below = Interval::new(a.low, a.high.min(b.high))?;
            let above = Interval::new(b.low.max(a.low), b.high)?;
            Some((below, above))
        }
        IntCond::UnsignedLt | IntCond::UnsignedLe if b.low >= 0 => {
            let below = Interval::new(a.low.max(0), a.high)?;
            let signed = if cond == IntCond::UnsignedLt {
                IntCond::SignedLt
            } else {
                IntCond::SignedLe
            };
            refine(signed, below, b)
        }
        IntCond::UnsignedLt | IntCond::UnsignedLe => Some((a, b)),
        IntCond::SignedGt => refine(IntCond::SignedLt, b, a).map(|(b, a)| (a, b)),
        IntCond::SignedGe => refine(IntCond::SignedLe, b, a).map(|(b, a)| (a, b)),
        IntCond::UnsignedGt => refine(IntCond::UnsignedLt, b, a).map(|(b, a)| (a, b)),
        IntCond::UnsignedGe => refine(IntCond::UnsignedLe, b, a).map(|(b, a)| (a, b)),
    }
}

#[cfg(test)]
#[path = "interval_tests.rs"]
mod tests;
