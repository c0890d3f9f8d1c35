//! Arithmetic on ints of many digits, where that can be done faster than the interpreter does it: sums, differences, products
//! with an int of one digit, and quotients that are small.
//!
//! The interpreter's loops take a carry from each digit (30 bits) to the next. Here digits are first added or multiplied for
//! themselves, in vectors, and all carries are then passed on by one place at once. Where that gives another carry, which is
//! rare, a pass over all digits settles it.

use crate::numbers::new_int;
use pyo3_ffi::*;
use std::mem::offset_of;
use std::ptr::null_mut;

/// An int, as it lies in memory (`cpython/longintrepr.h`).
#[repr(C)]
struct Int {
    ob_base: PyObject,
    /// The number of digits, and in the low bits the sign.
    lv_tag: usize,
    digits: [u32; 1],
}

const DIGIT_BITS: usize = 30;
const MASK: u32 = (1 << DIGIT_BITS) - 1;
const NEGATIVE: usize = 2;
/// Ints with fewer digits than this are the interpreter's.
const MANY: usize = 8;
/// Digits that are worked on at once.
const BLOCK: usize = 128;

/// A magnitude and whether it is a negative number's.
#[derive(Clone, Copy)]
struct Parts<'a> {
    digits: &'a [u32],
    negative: bool,
}

impl Parts<'_> {
    /// # Safety
    /// A live int, which stays alive as long as the parts are used.
    #[inline]
    unsafe fn of<'a>(object: *mut PyObject) -> Parts<'a> {
        // SAFETY: an int has as many digits as its tag says; zero has none.
        unsafe {
            let int = object.cast::<Int>();
            let tag = (*int).lv_tag;
            Parts {
                digits: std::slice::from_raw_parts((&raw const (*int).digits).cast::<u32>(), tag >> 3),
                negative: tag & 3 == NEGATIVE,
            }
        }
    }

    fn bits(&self) -> usize {
        match self.digits.last() {
            Some(top) => self.digits.len() * DIGIT_BITS - (top.leading_zeros() as usize - (32 - DIGIT_BITS)),
            None => 0,
        }
    }

    /// The magnitude without its lowest `shift` bits; at most 128 bits are left.
    fn top(&self, shift: usize) -> u128 {
        let mut value = 0;
        let mut at = 0;
        let mut skip = shift % DIGIT_BITS;
        for &digit in &self.digits[shift / DIGIT_BITS..] {
            value |= u128::from(digit >> skip) << at;
            at += DIGIT_BITS - skip;
            skip = 0;
        }
        value
    }
}

/// `a op b` of exact ints (the number of `BINARY_OP`), or NULL, without an exception, where this file has no way of its own.
///
/// # Safety
/// The GIL is held; live ints.
#[inline]
pub unsafe fn operator(op: i32, a: *mut PyObject, b: *mut PyObject) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        let (x, y) = (Parts::of(a), Parts::of(b));
        if x.digits.len().max(y.digits.len()) < MANY {
            return null_mut();
        }
        match op % 13 {
            0 => sum(x, y),
            2 => quotient(x, y),
            5 => product(x, y),
            10 => sum(
                x,
                Parts {
                    negative: !y.negative,
                    ..y
                },
            ),
            _ => null_mut(),
        }
    }
}

/// An int with room for so many digits, whose values are to be written; NULL without memory.
unsafe fn allocate(count: usize) -> *mut Int {
    // SAFETY: as the interpreter makes its ints.
    unsafe {
        let memory = PyObject_Malloc(offset_of!(Int, digits) + 4 * count);
        if memory.is_null() {
            return null_mut();
        }
        PyObject_Init(memory.cast(), &raw mut PyLong_Type).cast()
    }
}

/// A new int, whose digits `fill` writes.
unsafe fn make(count: usize, negative: bool, fill: impl FnOnce(&mut [u32])) -> *mut PyObject {
    // SAFETY: the digits are the new object's, written as zeros before anybody reads them.
    unsafe {
        let int = allocate(count);
        if int.is_null() {
            return null_mut();
        }
        let first = (&raw mut (*int).digits).cast::<u32>();
        first.write_bytes(0, count);
        let digits = std::slice::from_raw_parts_mut(first, count);
        fill(digits);
        let used = count - digits.iter().rev().take_while(|&&digit| digit == 0).count();
        (*int).lv_tag = used << 3 | if negative { NEGATIVE } else { 0 };
        if used > 2 {
            return int.cast();
        }
        // Such may be ints that exist once.
        let magnitude = digits[..used]
            .iter()
            .rev()
            .fold(0, |value, &digit| value << DIGIT_BITS | i64::from(digit));
        PyObject_Free(int.cast());
        new_int(if negative { -magnitude } else { magnitude })
    }
}

unsafe fn sum(x: Parts, y: Parts) -> *mut PyObject {
    let (long, short) = if x.digits.len() >= y.digits.len() {
        (x, y)
    } else {
        (y, x)
    };
    if long.negative == short.negative {
        // SAFETY: the GIL is held.
        return unsafe {
            make(long.digits.len() + 1, long.negative, |to| {
                add(to, long.digits, short.digits)
            })
        };
    }
    // The greater magnitude comes first.
    let order = long.digits.len().cmp(&short.digits.len()).then_with(|| {
        let differing = long.digits.iter().zip(short.digits).rev().find(|(a, b)| a != b);
        differing.map_or(std::cmp::Ordering::Equal, |(a, b)| a.cmp(b))
    });
    let (more, less) = if order.is_lt() { (short, long) } else { (long, short) };
    // SAFETY: the GIL is held.
    unsafe {
        make(more.digits.len(), more.negative, |to| {
            subtract(to, more.digits, less.digits)
        })
    }
}

unsafe fn product(x: Parts, y: Parts) -> *mut PyObject {
    let (long, short) = if x.digits.len() >= y.digits.len() {
        (x, y)
    } else {
        (y, x)
    };
    let &[factor] = short.digits else {
        return null_mut();
    };
    let negative = long.negative != short.negative;
    // SAFETY: the GIL is held.
    unsafe { make(long.digits.len() + 1, negative, |to| multiply(to, long.digits, factor)) }
}

/// `x // y` where the leading bits of both tell.
///
/// With `2**s` the weight of the bits that are left away, `x` lies in `[h * 2**s, (h + 1) * 2**s)`, and `y` likewise with
/// `l`. So the quotient of the magnitudes is greater than `h / (l + 1)` and less than `(h + 1) / l`. If these have no whole
/// number between them, it is known without its remainder, which is not zero then.
unsafe fn quotient(x: Parts, y: Parts) -> *mut PyObject {
    let (bits, divisor_bits) = (x.bits(), y.bits());
    if y.digits.len() < 4 || bits > divisor_bits + 60 {
        return null_mut();
    }
    let opposite = x.negative != y.negative && bits != 0;
    let magnitude = if bits < divisor_bits {
        0
    } else {
        let shift = divisor_bits - 64;
        let (h, l) = (x.top(shift), y.top(shift));
        let magnitude = h / l;
        if h / (l + 1) != magnitude {
            return null_mut();
        }
        magnitude as i64
    };
    // SAFETY: the GIL is held.
    unsafe { new_int(if opposite { -magnitude - 1 } else { magnitude }) }
}

/// Defines a function twice: for processors with wide vectors, which are looked for when it is called, and for all.
macro_rules! in_vectors {
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $ty:ty),*) = $body:ident) => {
        $(#[$meta])*
        fn $name($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn wide($($arg: $ty),*) {
                    $body($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has what the function needs.
                    return unsafe { wide($($arg),*) };
                }
            }
            $body($($arg),*)
        }
    };
}

in_vectors! {
    /// The sum of magnitudes; `a` has no fewer digits, and `to` one more.
    fn add(to: &mut [u32], a: &[u32], b: &[u32]) = add_digits
}
in_vectors! {
    /// The difference of magnitudes, the first of which is not the smaller one; `to` has as many digits.
    fn subtract(to: &mut [u32], a: &[u32], b: &[u32]) = subtract_digits
}
in_vectors! {
    /// A magnitude times a digit; `to` has one digit more.
    fn multiply(to: &mut [u32], a: &[u32], factor: u32) = multiply_digits
}

/// Writes the digits whose values `fill` gives for one block after the other, from the index that it is told: each is greater
/// than `-2**30` and less than `2**31`. No digit waits for the one before it.
#[inline(always)]
fn settle(to: &mut [u32], fill: impl Fn(usize, &mut [i32])) {
    let mut over = 0;
    // The last value of the block before, and those of this one.
    let mut values = [0; BLOCK + 1];
    for (index, block) in to.chunks_mut(BLOCK).enumerate() {
        let count = block.len();
        fill(index * BLOCK, &mut values[1..=count]);
        for ((digit, &value), &before) in block.iter_mut().zip(&values[1..=count]).zip(&values[..count]) {
            *digit = ((value & MASK as i32) + (before >> DIGIT_BITS)) as u32;
            over |= *digit;
        }
        values[0] = values[count];
    }
    // A digit that was full, or zero, has got a carry.
    if over > MASK {
        let mut carry = 0;
        for digit in to {
            let value = *digit as i32 + carry;
            *digit = value as u32 & MASK;
            carry = value >> DIGIT_BITS;
        }
    }
}

/// Gives each of the values, which stand for the digits from an index on, what two magnitudes have there; zero stands for
/// digits behind the last one. The first magnitude has no fewer digits.
#[inline(always)]
fn combine(values: &mut [i32], start: usize, a: &[u32], b: &[u32], combined: impl Fn(u32, u32) -> i32) {
    let (in_a, in_b) = (&a[start.min(a.len())..], &b[start.min(b.len())..]);
    let both = in_b.len().min(values.len());
    let (low, rest) = values.split_at_mut(both);
    for ((value, &a), &b) in low.iter_mut().zip(in_a).zip(in_b) {
        *value = combined(a, b);
    }
    let (middle, high) = rest.split_at_mut((in_a.len() - both).min(rest.len()));
    for (value, &a) in middle.iter_mut().zip(&in_a[both..]) {
        *value = combined(a, 0);
    }
    high.fill(0);
}

#[inline(always)]
fn add_digits(to: &mut [u32], a: &[u32], b: &[u32]) {
    settle(to, |start, values| combine(values, start, a, b, |a, b| (a + b) as i32));
}

#[inline(always)]
fn subtract_digits(to: &mut [u32], a: &[u32], b: &[u32]) {
    settle(to, |start, values| {
        combine(values, start, a, b, |a, b| a as i32 - b as i32)
    });
}

#[inline(always)]
fn multiply_digits(to: &mut [u32], a: &[u32], factor: u32) {
    let low = |digit: u32| digit.wrapping_mul(factor) & MASK;
    let high = |digit: u32| ((u64::from(digit) * u64::from(factor)) >> DIGIT_BITS) as u32;
    settle(to, |start, values| match start.checked_sub(1) {
        // The lower half of one product meets the upper half of the one before.
        Some(before) => {
            let here = &a[start.min(a.len())..];
            let rest = &mut values[..];
            for ((value, &digit), &before) in rest.iter_mut().zip(here).zip(&a[before..]) {
                *value = (low(digit) + high(before)) as i32;
            }
            if let (Some(value), Some(&last)) = (values.get_mut(here.len()), a.last()) {
                *value = high(last) as i32;
            }
        }
        None => {
            values[0] = low(a[0]) as i32;
            for ((value, &digit), &before) in values[1..].iter_mut().zip(&a[1..]).zip(a) {
                *value = (low(digit) + high(before)) as i32;
            }
            if let (Some(value), Some(&last)) = (values.get_mut(a.len()), a.last()) {
                *value = high(last) as i32;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digits of `value`, which takes no more than four.
    fn digits(mut value: u128, count: usize) -> Vec<u32> {
        (0..count)
            .map(|_| {
                let digit = value as u32 & MASK;
                value >>= DIGIT_BITS;
                digit
            })
            .collect()
    }

    /// One digit after the other.
    fn slowly(values: impl Iterator<Item = i64>) -> Vec<u32> {
        let mut carry = 0;
        values
            .map(|value| {
                let value = value + carry;
                carry = value >> DIGIT_BITS;
                value as u32 & MASK
            })
            .collect()
    }

    fn samples() -> Vec<Vec<u32>> {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32 & MASK
        };
        let mut all = Vec::new();
        for length in [1, 8, 9, 33, 100, 127, 128, 129, 255, 256, 257] {
            all.push((0..length).map(|_| next()).collect());
            // Carries that go a long way.
            all.push(vec![MASK; length]);
            all.push((0..length).map(|at| if at + 1 == length { 1 } else { 0 }).collect());
            all.push((0..length).map(|at| if at == 0 { 1 } else { MASK }).collect());
            all.push(
                (0..length)
                    .map(|at| if at % 40 < 20 { MASK } else { next() | 1 })
                    .collect(),
            );
        }
        all
    }

    fn at(digits: &[u32], index: usize) -> i64 {
        digits.get(index).copied().unwrap_or(0).into()
    }

    #[test]
    fn sums_and_differences() {
        for a in samples() {
            for b in samples() {
                if b.len() > a.len() {
                    continue;
                }
                let mut to = vec![0; a.len() + 1];
                add(&mut to, &a, &b);
                assert_eq!(to, slowly((0..=a.len()).map(|index| at(&a, index) + at(&b, index))));
                let smaller = a.len() == b.len() && a.iter().rev().lt(b.iter().rev());
                if !smaller {
                    let mut to = vec![0; a.len()];
                    subtract(&mut to, &a, &b);
                    assert_eq!(to, slowly((0..a.len()).map(|index| at(&a, index) - at(&b, index))));
                }
            }
        }
    }

    #[test]
    fn products() {
        for a in samples() {
            for factor in [1, 2, 3, 1000, MASK / 2, MASK - 1, MASK] {
                let mut to = vec![0; a.len() + 1];
                multiply(&mut to, &a, factor);
                let product = |index| at(&a, index) * i64::from(factor);
                assert_eq!(to, slowly((0..=a.len()).map(product)));
            }
        }
    }

    #[test]
    fn leading_bits() {
        let value = 0x1234_5678_9abc_def0_0fed_cba9_8765_u128;
        let list = digits(value, 4);
        let parts = Parts {
            digits: &list,
            negative: false,
        };
        assert_eq!(parts.bits(), 128 - value.leading_zeros() as usize);
        for shift in 0..parts.bits() {
            assert_eq!(parts.top(shift), value >> shift);
        }
    }
}
