//! What is known of ints at a point of a function: an interval of each value, and differences of pairs.
//!
//! A condition that holds narrows its operands' intervals, and says `x <= y + d` of two values. Sums with constants are
//! seen as a value and an offset, so that what is known of `i` is known of `i + 1` too. Facts are kept on a stack: those
//! of a block are dropped when the walk of the dominator tree leaves it.

use crate::arithmetic::negated;
use crate::edit;
use crate::interval::{self, FULL, Interval};
use justjit_builder::IntCond;
use justjit_ir::{Function, Imm, Op, Type, Value};

/// `small <= large + by`.
#[derive(Clone, Copy, Debug)]
struct AtMost {
    small: Value,
    large: Value,
    by: i128,
}

/// How many links a proof has at most.
const LINKS: usize = 5;

/// What is known at the walk's place.
pub struct Facts {
    /// By value, whatever the place; `None` is not computed yet.
    pub global: Vec<Option<Interval>>,
    /// Narrowed here.
    local: Vec<Option<Interval>>,
    undo: Vec<(Value, Option<Interval>)>,
    at_most: Vec<AtMost>,
}

/// A height of the stacks.
#[derive(Clone, Copy)]
pub struct Mark(usize, usize);

impl Facts {
    pub fn new(function: &Function) -> Facts {
        Facts {
            global: vec![None; function.values.len()],
            local: vec![None; function.values.len()],
            undo: Vec::new(),
            at_most: Vec::new(),
        }
    }

    pub fn mark(&self) -> Mark {
        Mark(self.undo.len(), self.at_most.len())
    }

    pub fn back_to(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            let (value, old) = self.undo.pop().expect("it is not empty");
            self.local[value.index()] = old;
        }
        self.at_most.truncate(mark.1);
    }

    /// The interval of an int here.
    pub fn interval(&self, value: Value) -> Interval {
        let global = self.global.get(value.index()).copied().flatten().unwrap_or(FULL);
        match self.local.get(value.index()).copied().flatten() {
            Some(local) => local.meet(global).unwrap_or(local),
            None => global,
        }
    }

    fn narrow(&mut self, value: Value, to: Interval) {
        let known = self.interval(value);
        if let Some(both) = known.meet(to)
            && both != known
        {
            self.undo.push((value, self.local[value.index()]));
            self.local[value.index()] = Some(both);
        }
    }

    /// A value as another and an offset.
    pub fn decompose(function: &Function, value: Value) -> (Value, i128) {
        let (mut at, mut by) = (value, 0);
        while let Some(data) = function.def(at) {
            let constant = |index: usize| edit::int(function, data.args[index]).map(i128::from);
            match data.op {
                Op::IntAdd | Op::IntAddChecked => match (constant(0), constant(1)) {
                    (_, Some(offset)) => (at, by) = (data.args[0], by + offset),
                    (Some(offset), _) => (at, by) = (data.args[1], by + offset),
                    _ => break,
                },
                Op::IntSub | Op::IntSubChecked => match constant(1) {
                    Some(offset) => (at, by) = (data.args[0], by - offset),
                    None => break,
                },
                _ => break,
            }
        }
        (at, by)
    }

    /// Two values, `a <= b + by`, from here on.
    pub fn assume_at_most(&mut self, function: &Function, a: Value, b: Value, by: i128) {
        let (small, more) = Facts::decompose(function, a);
        let (large, plus) = Facts::decompose(function, b);
        if small != large {
            self.at_most.push(AtMost {
                small,
                large,
                by: by + plus - more,
            });
        }
    }

    /// Whether `a <= b + by` here.
    pub fn proves_at_most(&self, function: &Function, a: Value, b: Value, by: i128) -> bool {
        let (from, more) = Facts::decompose(function, a);
        let (to, plus) = Facts::decompose(function, b);
        // Wanted is `from <= to + wanted`; known is `from <= at + sum` for each (at, sum) that is found.
        let wanted = by + plus - more;
        let target = i128::from(self.interval(to).low).max(i128::from(self.interval(b).low) - plus);
        let start = i128::from(self.interval(a).high) - more;
        if start.min(i128::from(self.interval(from).high)) <= target + wanted {
            return true;
        }
        let mut pending = vec![(from, 0i128)];
        let mut tried = 0;
        for _ in 0..=LINKS {
            let mut next = Vec::new();
            for (at, sum) in pending {
                if at == to && sum <= wanted || i128::from(self.interval(at).high) + sum <= target + wanted {
                    return true;
                }
                for fact in self.at_most.iter().filter(|fact| fact.small == at) {
                    next.push((fact.large, sum + fact.by));
                }
            }
            tried += next.len();
            if tried > 200 {
                return false;
            }
            pending = next;
        }
        false
    }

    /// A bool has this value from here on.
    pub fn assume(&mut self, function: &Function, condition: Value, holds: bool) {
        let mut pending = vec![(condition, holds)];
        while let Some((condition, holds)) = pending.pop() {
            let Some(data) = function.def(condition) else {
                continue;
            };
            match (data.op, data.imm) {
                (Op::BoolNot, _) => pending.push((data.args[0], !holds)),
                (Op::BoolAnd, _) if holds => pending.extend(data.args.iter().map(|&arg| (arg, true))),
                (Op::BoolOr, _) if !holds => pending.extend(data.args.iter().map(|&arg| (arg, false))),
                (Op::IntCompare, Imm::IntCond(cond)) => {
                    let cond = if holds { cond } else { negated(cond) };
                    self.assume_compare(function, cond, data.args[0], data.args[1]);
                }
                _ => {}
            }
        }
    }

    fn assume_compare(&mut self, function: &Function, cond: IntCond, a: Value, b: Value) {
        // Unsigned ones say something of signed numbers only if the larger is not negative.
        let signed = match cond {
            IntCond::UnsignedLt if self.interval(b).low >= 0 => IntCond::SignedLt,
            IntCond::UnsignedLe if self.interval(b).low >= 0 => IntCond::SignedLe,
            IntCond::UnsignedGt if self.interval(a).low >= 0 => IntCond::SignedGt,
            IntCond::UnsignedGe if self.interval(a).low >= 0 => IntCond::SignedGe,
            cond => cond,
        };
        if let Some((left, right)) = interval::refine(cond, self.interval(a), self.interval(b)) {
            self.narrow_sum(function, a, left);
            self.narrow_sum(function, b, right);
        }
        match signed {
            IntCond::SignedLt => self.assume_at_most(function, a, b, -1),
            IntCond::SignedLe => self.assume_at_most(function, a, b, 0),
            IntCond::SignedGt => self.assume_at_most(function, b, a, -1),
            IntCond::SignedGe => self.assume_at_most(function, b, a, 0),
            IntCond::Eq => {
                self.assume_at_most(function, a, b, 0);
                self.assume_at_most(function, b, a, 0);
            }
            _ => {}
        }
    }

    /// Narrows a value, and what it is the sum of with a constant.
    fn narrow_sum(&mut self, function: &Function, value: Value, to: Interval) {
        self.narrow(value, to);
        let (base, by) = Facts::decompose(function, value);
        if base != value {
            let end = |bound: i64| i64::try_from(i128::from(bound) - by);
            let low = end(to.low).unwrap_or(if by > 0 { i64::MIN } else { i64::MAX });
            let high = end(to.high).unwrap_or(if by > 0 { i64::MIN } else { i64::MAX });
            if let Some(shifted) = Interval::new(low, high) {
                self.narrow(base, shifted);
            }
        }
    }

    /// Whether the comparison holds here, if that is known.
    pub fn decide(&self, function: &Function, cond: IntCond, a: Value, b: Value) -> Option<bool> {
        if let Some(decided) = interval::decide(cond, self.interval(a), self.interval(b)) {
            return Some(decided);
        }
        let less = |a, b, by| self.proves_at_most(function, a, b, by);
        let natural = |value| self.interval(value).low >= 0;
        match cond {
            IntCond::SignedLt if less(a, b, -1) => Some(true),
            IntCond::SignedLt if less(b, a, 0) => Some(false),
            IntCond::SignedLt => None,
            IntCond::SignedGe => self.decide(function, IntCond::SignedLt, a, b).map(|holds| !holds),
            IntCond::SignedGt => self.decide(function, IntCond::SignedLt, b, a),
            IntCond::SignedLe => self.decide(function, IntCond::SignedLt, b, a).map(|holds| !holds),
            // A natural number below another makes that one natural too.
            IntCond::UnsignedLt if natural(a) && less(a, b, -1) => Some(true),
            IntCond::UnsignedLt if natural(b) && less(b, a, 0) => Some(false),
            IntCond::UnsignedLt => None,
            IntCond::UnsignedGe => self.decide(function, IntCond::UnsignedLt, a, b).map(|holds| !holds),
            IntCond::UnsignedGt => self.decide(function, IntCond::UnsignedLt, b, a),
            IntCond::UnsignedLe => self.decide(function, IntCond::UnsignedLt, b, a).map(|holds| !holds),
            IntCond::Eq if less(a, b, -1) || less(b, a, -1) => Some(false),
            IntCond::Eq => None,
            IntCond::Ne => self.decide(function, IntCond::Eq, a, b).map(|holds| !holds),
        }
    }

    /// The result's interval of an instruction that gives an int.
    pub fn transfer(&self, function: &Function, data: &justjit_ir::InstData) -> Interval {
        let arg = |index: usize| self.interval(data.args[index]);
        match (data.op, data.imm) {
            (Op::IntConst, Imm::Int(value)) => Interval::of(value),
            (Op::IntAdd | Op::IntAddChecked, _) => interval::add(arg(0), arg(1)).clamp(64),
            (Op::IntAddWrapping, _) => {
                let sum = interval::add(arg(0), arg(1));
                if sum.fits(64) { sum.clamp(64) } else { FULL }
            }
            (Op::IntSub | Op::IntSubChecked, _) => interval::sub(arg(0), arg(1)).clamp(64),
            (Op::IntMul | Op::IntMulChecked, _) => interval::mul(arg(0), arg(1)).clamp(64),
            (Op::IntFloorDiv | Op::IntDiv, _) => interval::floor_div(64, arg(0), arg(1)),
            (Op::IntMod | Op::IntRem, _) => interval::floor_mod(64, arg(0), arg(1)),
            (Op::IntAnd, _) => interval::and(arg(0), arg(1)),
            (Op::IntOr, _) => interval::or(arg(0), arg(1)),
            (Op::IntXor, _) => interval::xor(arg(0), arg(1)),
            (Op::IntShl | Op::IntShlChecked, _) => interval::shl(64, arg(0), arg(1)).clamp(64),
            (Op::IntShr, _) => interval::shr(64, arg(0), arg(1)),
            (Op::IntWrap, _) => match arg(1).single() {
                Some(bits @ (8 | 16 | 32)) => interval::wrap(arg(0), bits as u32),
                _ => FULL,
            },
            (Op::BoolToInt, _) => Interval { low: 0, high: 1 },
            (Op::Select, _) => self.select(function, data),
            (Op::Load | Op::LoadIndexed, Imm::Memory { width, signed, .. }) => {
                let bits = 8 * width.size();
                match (signed, bits) {
                    (true, _) => interval::full(bits),
                    // A 64-bit int that is not signed is known not to be negative.
                    (false, 64) => Interval { low: 0, high: i64::MAX },
                    (false, _) => Interval {
                        low: 0,
                        high: (1 << bits) - 1,
                    },
                }
            }
            _ => FULL,
        }
    }

    /// Each side as the condition leaves it: so are minima and maxima written.
    fn select(&self, function: &Function, data: &justjit_ir::InstData) -> Interval {
        let (a, b) = (data.args[1], data.args[2]);
        let mut sides = [Some(self.interval(a)), Some(self.interval(b))];
        if let Some(compare) = function.def(data.args[0])
            && let (Op::IntCompare, Imm::IntCond(cond)) = (compare.op, compare.imm)
        {
            let (x, y) = (compare.args[0], compare.args[1]);
            for (side, (value, cond)) in sides.iter_mut().zip([(a, cond), (b, negated(cond))]) {
                let refined = interval::refine(cond, self.interval(x), self.interval(y));
                *side = match refined {
                    None => None,
                    Some((left, _)) if value == x => Some(left),
                    Some((_, right)) if value == y => Some(right),
                    Some(_) => *side,
                };
            }
        }
        match sides {
            [Some(a), Some(b)] => a.join(b),
            [Some(one), None] | [None, Some(one)] => one,
            [None, None] => FULL,
        }
    }
}

/// Whether a value is an int.
pub fn is_int(function: &Function, value: Value) -> bool {
    function.type_of(value) == Type::Int
}
