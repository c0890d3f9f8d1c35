//! What the operations of [`Builder`] mean, executed: the oracle that the code generators are tested against.
//!
//! A [`ReferenceBuilder`] writes a function down as a [`Program`], and [`Program::run`] executes it step by step, on the
//! process's own memory and with real calls. Where `Builder` makes a demand on its caller that a code generator relies
//! on without looking, this looks: a division by zero, a float that does not fit, an access that is not aligned, the
//! same memory used as two classes, a value that was never computed, a block filled twice are errors here.
//!
//! Nothing is done to be fast.

mod builder;
mod call;
mod check;
mod memory;
mod operations;
mod program;
mod run;

pub use builder::{Block, ReferenceBuilder, Value};
pub use program::Program;
pub use run::Trap;

use justjit_builder::Signature;

/// Writes a function down. `build` is called once, with the function's first block current and empty. An error names
/// the first rule that it broke.
pub fn record(signature: &Signature, build: &mut dyn FnMut(&mut ReferenceBuilder)) -> Result<Program, String> {
    let mut builder = ReferenceBuilder::new(signature);
    build(&mut builder);
    builder.finish()
}
