//! The rules, proved on ints of a few bits: all intervals, all members.

use super::*;
use crate::arithmetic;

fn intervals(bits: u32) -> Vec<Interval> {
    let all = full(bits);
    (all.low..=all.high)
        .flat_map(|low| (low..=all.high).map(move |high| Interval { low, high }))
        .collect()
}

fn members(of: Interval) -> impl Iterator<Item = i64> + Clone {
    of.low..=of.high
}

/// That the result of each pair of members that has one is in the interval that the rule gives.
fn sound(
    bits: u32,
    name: &str,
    rule: impl Fn(Interval, Interval) -> Interval,
    exact: impl Fn(i64, i64) -> Option<i64>,
) {
    let all = full(bits);
    for a in intervals(bits) {
        for b in intervals(bits) {
            let got = rule(a, b);
            assert!(got.low <= got.high && got.within(all), "{name} {a:?} {b:?}: {got:?}");
            for x in members(a) {
                for y in members(b) {
                    let value = exact(x, y).filter(|value| (all.low..=all.high).contains(value));
                    assert!(
                        value.is_none_or(|value| got.low <= value && value <= got.high),
                        "{name} {x} {y}: {got:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn operations() {
    for bits in [4, 5] {
        let last = i64::from(bits) - 1;
        sound(bits, "add", |a, b| add(a, b).clamp(bits), |x, y| Some(x + y));
        sound(bits, "sub", |a, b| sub(a, b).clamp(bits), |x, y| Some(x - y));
        sound(bits, "mul", |a, b| mul(a, b).clamp(bits), |x, y| Some(x * y));
        sound(bits, "floor_div", |a, b| floor_div(bits, a, b), arithmetic::floor_div);
        sound(bits, "floor_mod", |a, b| floor_mod(bits, a, b), arithmetic::floor_mod);
        sound(bits, "and", and, |x, y| Some(x & y));
        sound(bits, "or", or, |x, y| Some(x | y));
        sound(bits, "xor", xor, |x, y| Some(x ^ y));
        sound(
            bits,
            "shl",
            |a, b| shl(bits, a, b).clamp(bits),
            |x, y| (0..=last).contains(&y).then(|| x << y),
        );
        sound(
            bits,
            "shr",
            |a, b| shr(bits, a, b),
            |x, y| (y >= 0).then(|| x >> y.min(last)),
        );
    }
    for a in intervals(6) {
        for x in members(a) {
            let wrapped = x << 60 >> 60;
            let got = wrap(a, 4);
            assert!(got.low <= wrapped && wrapped <= got.high);
        }
    }
}

/// That `fits` is said if and only if no pair of members overflows.
#[test]
fn overflow() {
    let bits = 4;
    let all = full(bits);
    type Rule = fn(Interval, Interval) -> Exact;
    type Operation = fn(i64, i64) -> i64;
    let cases: [(Rule, Operation); 3] = [(add, |x, y| x + y), (sub, |x, y| x - y), (mul, |x, y| x * y)];
    for (rule, operation) in cases {
        for a in intervals(bits) {
            for b in intervals(bits) {
                let fits = members(a).all(|x| members(b).all(|y| (all.low..=all.high).contains(&operation(x, y))));
                assert_eq!(rule(a, b).fits(bits), fits, "{a:?} {b:?}");
            }
        }
    }
    for a in intervals(bits) {
        for b in intervals(bits) {
            let fits =
                members(a).all(|x| members(b).all(|y| (0..4).contains(&y) && (all.low..=all.high).contains(&(x << y))));
            assert_eq!(count_fits(bits, b) && shl(bits, a, b).fits(bits), fits, "{a:?} {b:?}");
        }
    }
}

const CONDS: [IntCond; 10] = [
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

#[test]
fn comparisons() {
    for cond in CONDS {
        for a in intervals(4) {
            for b in intervals(4) {
                let decided = decide(cond, a, b);
                let refined = refine(cond, a, b);
                for x in members(a) {
                    for y in members(b) {
                        let holds = arithmetic::compare(cond, x, y);
                        assert!(decided.is_none_or(|decided| decided == holds), "{cond:?} {a:?} {b:?}");
                        let kept = refined
                            .is_some_and(|(a, b)| (a.low..=a.high).contains(&x) && (b.low..=b.high).contains(&y));
                        assert!(!holds || kept, "{cond:?} {a:?} {b:?}: {x} {y} {refined:?}");
                    }
                }
            }
        }
    }
}

/// The signed comparisons of the widest ints do not overflow.
#[test]
fn extremes() {
    let edge = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    for &a in &edge {
        for &b in &edge {
            let (x, y) = (Interval::of(a), Interval::of(b));
            for cond in CONDS {
                assert_eq!(decide(cond, x, y), Some(arithmetic::compare(cond, a, b)));
                let (holds, kept) = (arithmetic::compare(cond, a, b), refine(cond, x, y).is_some());
                // Of unsigned ones only what is needed is refined.
                let exact = CONDS[..6].contains(&cond);
                assert!(kept == holds || kept && !exact, "{cond:?} {a} {b}");
            }
            assert_eq!(mul(x, y).fits(64), a.checked_mul(b).is_some());
            assert_eq!(and(x, y).meet(Interval::of(a & b)), Some(Interval::of(a & b)));
            assert_eq!(or(x, y).meet(Interval::of(a | b)), Some(Interval::of(a | b)));
            assert_eq!(xor(x, y).meet(Interval::of(a ^ b)), Some(Interval::of(a ^ b)));
        }
    }
}
