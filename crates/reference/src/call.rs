//! Real calls, with the platform's C calling convention.

use justjit_builder::{Signature, Type};

use crate::run::Trap;

/// As many arguments of each kind as a call may have.
const MOST: usize = 8;

/// Calls through a function pointer type made for each number of integer and float arguments.
macro_rules! dispatch {
    ($address:ident, $ints:ident, $floats:ident, $result:ty, [$($int_arm:tt)*]) => {
        dispatch!(@each $address, $ints, $floats, $result, [$($int_arm)*])
    };
    (@each $address:ident, $ints:ident, $floats:ident, $result:ty, [$(($count:literal $($index:literal)*))*]) => {
        match $ints.len() {
            $($count => dispatch!(@floats $address, $ints, $floats, $result, [$($index)*]),)*
            _ => return Err(Trap::Unsupported("a call with more than eight integers")),
        }
    };
    (@floats $address:ident, $ints:ident, $floats:ident, $result:ty, $indices:tt) => {
        match $floats.len() {
            0 => dispatch!(@call $address, $ints, $floats, $result, $indices, []),
            1 => dispatch!(@call $address, $ints, $floats, $result, $indices, [0]),
            2 => dispatch!(@call $address, $ints, $floats, $result, $indices, [0 1]),
            3 => dispatch!(@call $address, $ints, $floats, $result, $indices, [0 1 2]),
            4 => dispatch!(@call $address, $ints, $floats, $result, $indices, [0 1 2 3]),
            5 => dispatch!(@call $address, $ints, $floats, $result, $indices, [0 1 2 3 4]),
            6 => dispatch!(@call $address, $ints, $floats, $result, $indices, [0 1 2 3 4 5]),
            7 => dispatch!(@call $address, $ints, $floats, $result, $indices, [0 1 2 3 4 5 6]),
            8 => dispatch!(@call $address, $ints, $floats, $result, $indices, [0 1 2 3 4 5 6 7]),
            _ => return Err(Trap::Unsupported("a call with more than eight floats")),
        }
    };
    (@call $address:ident, $ints:ident, $floats:ident, $result:ty, [$($int:literal)*], [$($float:literal)*]) => {{
        type Function = unsafe extern "C" fn($(dispatch!(@u64 $int),)* $(dispatch!(@f64 $float),)*) -> $result;
        // SAFETY: see `call`.
        unsafe {
            let function: Function = std::mem::transmute($address);
            function($($ints[$int],)* $($floats[$float],)*)
        }
    }};
    (@u64 $index:literal) => { u64 };
    (@f64 $index:literal) => { f64 };
}

macro_rules! call_as {
    ($result:ty, $address:ident, $ints:ident, $floats:ident) => {
        dispatch!($address, $ints, $floats, $result, [
            (0)
            (1 0)
            (2 0 1)
            (3 0 1 2)
            (4 0 1 2 3)
            (5 0 1 2 3 4)
            (6 0 1 2 3 4 5)
            (7 0 1 2 3 4 5 6)
            (8 0 1 2 3 4 5 6 7)
        ])
    };
}

/// Calls the function at `address`; the result's bits above its type's width are zero.
///
/// Integers come before floats here, whatever their order is. In the calling conventions of System V and of 64-bit ARM
/// that makes no difference: each kind has its own registers, and with at most eight floats only integers are ever
/// passed on the stack. Windows has one sequence for both kinds, so there a call with both is refused.
///
/// # Safety
/// The function has this signature, and can be called with these arguments.
pub(crate) unsafe fn call(signature: &Signature, address: u64, args: &[u64]) -> Result<Option<u64>, Trap> {
    if address < 4096 {
        return Err(Trap::BadAddress(address));
    }
    let address: *const () = std::ptr::with_exposed_provenance(address as usize);
    let (mut ints, mut floats): (Vec<u64>, Vec<f64>) = (Vec::with_capacity(MOST), Vec::with_capacity(MOST));
    for (&ty, &arg) in signature.params.iter().zip(args) {
        match ty {
            Type::F64 => floats.push(f64::from_bits(arg)),
            Type::F32 => return Err(Trap::Unsupported("an F32 argument")),
            // Narrow integers are held with zeros above them, as the convention wants them.
            _ => ints.push(arg),
        }
    }
    if cfg!(windows) && !ints.is_empty() && !floats.is_empty() {
        return Err(Trap::Unsupported("a call with integers and floats on Windows"));
    }
    Ok(match signature.result {
        None => {
            call_as!((), address, ints, floats);
            None
        }
        Some(Type::F64) => Some(call_as!(f64, address, ints, floats).to_bits()),
        Some(Type::F32) => return Err(Trap::Unsupported("an F32 result")),
        Some(ty) => Some(call_as!(u64, address, ints, floats) & (u64::MAX >> (64 - 8 * ty.size()))),
    })
}
