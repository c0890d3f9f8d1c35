//! One file a family of bytecode instructions: the functions that do what the instruction means where compiled code
//! has no shorter way.
//!
//! Unless a function says otherwise, its arguments are borrowed, an object result is a new reference or NULL with an
//! exception set, and an integer result is -1 with an exception set. A function that may run Python code holds its
//! own references to borrowed arguments meanwhile, because that code may rebind the local variable they came from.

pub mod awaiting;
pub mod containers;
pub mod exception_groups;
pub mod exceptions;
pub mod format;
pub mod functions;
pub mod imports;
pub mod interpreted;
pub mod intrinsics;
pub mod matching;
pub mod names;
pub mod numbers;
pub mod percent;
pub mod reference;
pub mod unpack;
