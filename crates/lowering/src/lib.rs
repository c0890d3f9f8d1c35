//! The optimizing tier's way from its intermediate representation to machine code.
//!
//! [`lower`] writes an IR function through a [`Builder`](justjit_builder::Builder), so that every code generator can
//! have it. [`Exits`] is made from the function before: for each place where the code can be left, a [`DeoptPoint`] whose
//! address the code contains, and which values the code passes there, in which order. It also knows what the function's
//! symbols are in this process; for that it asks a [`Resolver`].
//!
//! [`DeoptPoint`]: justjit_runtime::deopt::DeoptPoint

mod calls;
mod exits;
mod leaving;
mod lower;
mod memory;
mod numbers;
mod objects;
mod typed;

pub use exits::{Error, Exit, Exits, Resolver, Which};
pub use lower::{SIGNATURE, lower, lower_typed};
pub use typed::{signature_of, typed_signature};
