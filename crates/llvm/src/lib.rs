//! Machine code by LLVM: the optimizing tier's code generator.
//!
//! A [`Backend`] compiles one function at a time. The caller writes the function against the
//! [`Builder`](justjit_builder::Builder) trait, which [`LlvmBuilder`] implements, and gets a [`Code`] back, which owns
//! the function's executable memory: dropping it frees that memory.
//!
//! Runtime functions are called at constant addresses, as by Cranelift's back end: that needs no relocation, and no stub
//! where the function is further away than a call instruction reaches. Functions keep frame pointers and have no unwind
//! information: nothing can unwind through them. Each takes at least a page of executable memory, and another if it has
//! constants.
//!
//! # Threads
//!
//! A [`Backend`] can be moved to another thread, and any number of them compile at once, each on its own thread; a
//! [`Code`] can be dropped on any. LLVM recurses over the functions it compiles, so a thread that compiles wants the
//! usual 8 MiB of stack.
//!
//! # Forks
//!
//! A process may fork at any time, also while another of its threads compiles. In the child:
//!
//! * Code that was finished before runs on; dropping it does nothing, its memory stays the child's until it ends.
//! * A backend made before the fork is never used again: that of another thread cannot be, since the thread is gone, and
//!   one that this thread owns refuses ([`Error::Forked`]).
//! * New backends can be made, unless some thread was inside LLVM at the fork: that thread may have held a lock of
//!   LLVM's, which nobody would ever release. [`Backend::new`] says [`Error::Forked`] then, rather than hang.
//!
//! # Errors
//!
//! LLVM's own way to fail is to end the process. A fatal error handler makes an [`Error::Fatal`] of that by unwinding
//! through LLVM's frames. Nothing in LLVM can be trusted after it, so from then on every use of LLVM in this process
//! gives that error, and nothing of LLVM's is freed any more. Code made before stays good.

mod backend;
mod builder;
mod code;
mod error;
mod handles;
mod host;
mod jit;
mod metadata;
mod operations;
mod passes;
mod process;

pub use backend::{Backend, Options, set_between_phases};
pub use builder::LlvmBuilder;
pub use code::{Code, disassemble};
pub use error::Error;
