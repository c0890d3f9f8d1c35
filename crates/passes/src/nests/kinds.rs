//! What lists that are unpacked have nothing else than.

use justjit_builder::{Region, Type as Width};
use justjit_ir::{Imm, InstData, Op, Type};

/// What a list has nothing else than.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Float,
    Int,
    /// Unlike the others these are no numbers in objects: see [`crate::flags`].
    Bool,
}

/// Kinds of numbers.
pub const NUMBERS: [Kind; 2] = [Kind::Float, Kind::Int];

impl Kind {
    /// What takes such a number out of an object.
    pub fn unbox(self) -> Option<Op> {
        match self {
            Kind::Float => Some(Op::UnboxFloat),
            Kind::Int => Some(Op::UnboxInt),
            Kind::Bool => None,
        }
    }

    /// Its objects' type.
    pub fn type_name(self) -> &'static str {
        match self {
            Kind::Float => "float",
            Kind::Int => "int",
            Kind::Bool => "bool",
        }
    }

    /// The function that writes such a number over an object.
    pub fn overwrite(self) -> Option<&'static str> {
        match self {
            Kind::Float => Some("justjit_write_over_float"),
            Kind::Int => Some("justjit_write_over_int"),
            Kind::Bool => None,
        }
    }
}

/// The place in a copy of what is loaded from a list or stored there.
pub fn kind_memory(data: &InstData, kind: Kind) -> Imm {
    let Imm::Memory { offset, scale, .. } = data.imm else {
        unreachable!("a load or store of memory")
    };
    let (ty, width) = match kind {
        Kind::Float => (Type::Float, Width::F64),
        Kind::Int => (Type::Int, Width::I64),
        Kind::Bool => (Type::Int, Width::I8),
    };
    // By words, as in the list's array.
    let words = |bytes: i32| bytes / 8 * width.size() as i32;
    Imm::Memory {
        ty,
        width,
        signed: kind != Kind::Bool,
        region: Region::Data,
        offset: words(offset),
        scale: words(scale),
    }
}
