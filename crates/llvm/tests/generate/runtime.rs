//! Functions that the random ones call.

use justjit_builder::{RuntimeFn, Signature, Type};

macro_rules! functions {
    ($($constant:ident $name:ident $pure:literal ($($arg:ident: $ty:ty as $machine:ident),*) $(-> $ret:ty as $result:ident)? $body:block)*) => {
        $(
            extern "C" fn $name($($arg: $ty),*) $(-> $ret)? $body
            pub static $constant: RuntimeFn = RuntimeFn {
                name: stringify!($name),
                address: $name as *const (),
                signature: Signature {
                    params: &[$(Type::$machine),*],
                    result: functions!(@result $($result)?),
                },
                pure: $pure,
                takes: 0,
            };
        )*
        pub static ALL: [&RuntimeFn; 6] = [$(&$constant),*];
    };
    (@result $result:ident) => { Some(Type::$result) };
    (@result) => { None };
}

/// Any NaN is as good as another.
fn bits(x: f64) -> u64 {
    if x.is_nan() { 1 } else { x.to_bits() }
}

functions! {
    MIX mix true (a: i64 as I64, b: i64 as I64) -> i64 as I64 { (a ^ 0x55).wrapping_mul(31).wrapping_add(b.rotate_left(9)) }
    HALF half true (x: f64 as F64) -> f64 as F64 { x / 2.0 }
    NARROW narrow false (a: u8 as I8, b: u16 as I16, c: i32 as I32) -> u16 as I16 {
        // Widened first: this is wrong if the caller leaves anything above the narrow arguments.
        (u64::from(a) * 257 + u64::from(b) + c as u64) as u16
    }
    ANY_ORDER any_order false (
        a: f64 as F64, b: i64 as I64, c: u8 as I8, d: f64 as F64, e: i64 as I64, f: f64 as F64, g: u16 as I16
    ) -> i64 as I64 {
        let floats = bits(a).rotate_left(3) ^ bits(d).rotate_left(7) ^ bits(f).rotate_left(17);
        floats as i64 ^ b.wrapping_mul(3) ^ e.wrapping_mul(5) ^ i64::from(c) ^ i64::from(g) << 20
    }
    MANY many false (
        a: i64 as I64, b: i64 as I64, c: i64 as I64, d: i64 as I64, x: f64 as F64, e: i64 as I64, f: i64 as I64,
        g: i64 as I64, h: i64 as I64
    ) -> f64 as F64 {
        [a, b, c, d, e, f, g, h].into_iter().fold(x, |sum, value| sum / 2.0 + (value >> 40) as f64)
    }
    // Changes the first word of the memory at `place`.
    SHAKE shake false (place: *mut u64 as I64, value: i64 as I64) {
        // SAFETY: the generator passes the address of words that live.
        unsafe { *place = (*place).rotate_left(5) ^ value as u64 };
    }
}
