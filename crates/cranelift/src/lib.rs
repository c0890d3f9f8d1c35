//! Machine code by Cranelift: the baseline tier's code generator.
//!
//! A [`Backend`] compiles one function at a time. The caller writes the function against the
//! [`Builder`](justjit_builder::Builder) trait, which [`CraneliftBuilder`] implements, and gets a [`Code`] back, which
//! owns the function's executable memory: when it is dropped, that memory is used again for other functions.
//!
//! Code refers to the outside by absolute address only (`iconst`), so nothing is left to relocate; a relocation that
//! Cranelift asks for all the same is an [`Error`].

mod backend;
mod builder;
mod cache;
mod code;
mod disassemble;
mod memory;
mod system;
mod unwind;

pub use backend::{Backend, Error, Options};
pub use builder::CraneliftBuilder;
pub use code::Code;
pub use disassemble::disassemble;
