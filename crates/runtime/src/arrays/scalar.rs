//! Numbers in arrays, and NumPy's objects that have just one.

use super::proofs::{field, numpy};
use super::{Known, known_type};
use justjit_builder::half::to_half;
use pyo3_ffi::*;
use std::ffi::CStr;

/// Where a NumPy scalar's value lies (`numpy/arrayscalars.h`).
pub const SCALAR_VALUE: i32 = 16;

/// What an element is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scalar {
    Bool,
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Float16,
    Float32,
    Float64,
    Complex64,
    Complex128,
}

impl Scalar {
    pub const ALL: [Scalar; 14] = [
        Scalar::Bool,
        Scalar::Int8,
        Scalar::UInt8,
        Scalar::Int16,
        Scalar::UInt16,
        Scalar::Int32,
        Scalar::UInt32,
        Scalar::Int64,
        Scalar::UInt64,
        Scalar::Float16,
        Scalar::Float32,
        Scalar::Float64,
        Scalar::Complex64,
        Scalar::Complex128,
    ];

    /// Bytes.
    pub fn size(self) -> i64 {
        match self {
            Scalar::Bool | Scalar::Int8 | Scalar::UInt8 => 1,
            Scalar::Int16 | Scalar::UInt16 | Scalar::Float16 => 2,
            Scalar::Int32 | Scalar::UInt32 | Scalar::Float32 => 4,
            Scalar::Int64 | Scalar::UInt64 | Scalar::Float64 | Scalar::Complex64 => 8,
            Scalar::Complex128 => 16,
        }
    }

    /// What each part of a complex number is.
    pub fn part(self) -> Option<Scalar> {
        match self {
            Scalar::Complex64 => Some(Scalar::Float32),
            Scalar::Complex128 => Some(Scalar::Float64),
            _ => None,
        }
    }

    pub fn is_complex(self) -> bool {
        self.part().is_some()
    }

    pub fn is_float(self) -> bool {
        matches!(self, Scalar::Float16 | Scalar::Float32 | Scalar::Float64)
    }

    pub fn is_int(self) -> bool {
        !self.is_float() && !self.is_complex() && self != Scalar::Bool
    }

    pub fn is_signed(self) -> bool {
        matches!(self, Scalar::Int8 | Scalar::Int16 | Scalar::Int32 | Scalar::Int64)
    }

    /// The ints that it can be, as far as they are signed words.
    pub fn range(self) -> (i64, i64) {
        match self {
            Scalar::Bool => (0, 1),
            Scalar::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Scalar::UInt8 => (0, u8::MAX.into()),
            Scalar::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Scalar::UInt16 => (0, u16::MAX.into()),
            Scalar::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Scalar::UInt32 => (0, u32::MAX.into()),
            Scalar::UInt64 => (0, i64::MAX),
            _ => (i64::MIN, i64::MAX),
        }
    }

    /// The int with that many bytes.
    fn int(size: i64, signed: bool) -> Option<Scalar> {
        let all = Scalar::ALL.into_iter();
        all.filter(|one| one.is_int())
            .find(|one| one.size() == size && one.is_signed() == signed)
    }

    /// The name of its dtype, and of NumPy's type.
    pub(super) fn numpy_name(self) -> &'static CStr {
        match self {
            Scalar::Bool => c"bool_",
            Scalar::Int8 => c"int8",
            Scalar::UInt8 => c"uint8",
            Scalar::Int16 => c"int16",
            Scalar::UInt16 => c"uint16",
            Scalar::Int32 => c"int32",
            Scalar::UInt32 => c"uint32",
            Scalar::Int64 => c"int64",
            Scalar::UInt64 => c"uint64",
            Scalar::Float16 => c"float16",
            Scalar::Float32 => c"float32",
            Scalar::Float64 => c"float64",
            Scalar::Complex64 => c"complex64",
            Scalar::Complex128 => c"complex128",
        }
    }

    /// What a native format or typecode stands for.
    pub(super) fn of_code(code: u8) -> Option<Scalar> {
        let int = |size: usize, signed| Scalar::int(size as i64, signed);
        match code {
            b'?' => Some(Scalar::Bool),
            b'b' => Some(Scalar::Int8),
            b'B' => Some(Scalar::UInt8),
            b'h' => Some(Scalar::Int16),
            b'H' => Some(Scalar::UInt16),
            b'i' => int(size_of::<std::ffi::c_int>(), true),
            b'I' => int(size_of::<std::ffi::c_uint>(), false),
            b'l' => int(size_of::<std::ffi::c_long>(), true),
            b'L' => int(size_of::<std::ffi::c_ulong>(), false),
            b'q' => Some(Scalar::Int64),
            b'Q' => Some(Scalar::UInt64),
            b'e' => Some(Scalar::Float16),
            b'f' => Some(Scalar::Float32),
            b'd' => Some(Scalar::Float64),
            _ => None,
        }
    }
}

/// The value of a NumPy scalar: an int, a float, or a complex number.
#[derive(Clone, Copy)]
pub enum Number {
    Int(i64),
    Float(f64),
    Complex(f64, f64),
}

/// The bytes that a scalar's value has, as words.
pub(super) fn scalar_bits(scalar: Scalar, number: Number) -> [u64; 2] {
    let (int, real, imaginary) = match number {
        Number::Int(int) => (int as u64, int as f64, 0.0),
        Number::Float(float) => (0, float, 0.0),
        Number::Complex(real, imaginary) => (0, real, imaginary),
    };
    let single = |float: f64| u64::from((float as f32).to_bits());
    match scalar {
        Scalar::Float16 => [to_half(real).into(), 0],
        Scalar::Float32 => [single(real), 0],
        Scalar::Float64 => [real.to_bits(), 0],
        Scalar::Complex64 => [single(real) | single(imaginary) << 32, 0],
        Scalar::Complex128 => [real.to_bits(), imaginary.to_bits()],
        _ => match scalar.size() {
            1 => [int & 0xff, 0],
            2 => [int & 0xffff, 0],
            4 => [int & 0xffff_ffff, 0],
            _ => [int, 0],
        },
    }
}

/// The same of an object.
pub(super) unsafe fn read_scalar(object: *mut PyObject, scalar: Scalar) -> [u64; 2] {
    // SAFETY: a scalar of that type.
    unsafe {
        match scalar.size() {
            1 => [field::<u8>(object, SCALAR_VALUE).into(), 0],
            2 => [field::<u16>(object, SCALAR_VALUE).into(), 0],
            4 => [field::<u32>(object, SCALAR_VALUE).into(), 0],
            8 => [field::<u64>(object, SCALAR_VALUE), 0],
            _ => field::<[u64; 2]>(object, SCALAR_VALUE),
        }
    }
}

/// A NumPy scalar of a type that [`scalar_type`](super::scalar_type) has given; NULL if there is no memory.
///
/// # Safety
/// The GIL is held.
pub unsafe fn make_scalar(scalar: Scalar, number: Number) -> *mut PyObject {
    let known = numpy().expect("a scalar's type is known before its objects are made");
    let [first, second] = scalar_bits(scalar, number);
    // SAFETY: the type's own allocator, as NumPy makes scalars; the value's place has been proved.
    unsafe {
        if scalar == Scalar::Bool {
            return Py_NewRef(known.bools[usize::from(first & 0xff != 0)]);
        }
        let ty = known.scalars[scalar as usize].0;
        let allocate = (*ty).tp_alloc.expect("a scalar's type has an allocator");
        let object = allocate(ty, 0);
        if object.is_null() {
            return object;
        }
        let at = object.cast::<u8>().offset(SCALAR_VALUE as isize);
        match scalar.size() {
            1 => at.write(first as u8),
            2 => at.cast::<u16>().write(first as u16),
            4 => at.cast::<u32>().write(first as u32),
            8 => at.cast::<u64>().write(first),
            _ => at.cast::<[u64; 2]>().write([first, second]),
        }
        object
    }
}

/// A NumPy scalar by its type; NULL if there is no memory.
///
/// # Safety
/// The GIL is held; a type that [`scalar_type`](super::scalar_type) has given.
pub unsafe fn make_scalar_of(ty: *mut PyObject, number: Number) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        match known_type(ty.cast()) {
            Some(Known::Scalar(scalar)) => make_scalar(scalar, number),
            _ => unreachable!("not a scalar's type"),
        }
    }
}
