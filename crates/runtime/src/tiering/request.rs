//! What the optimizing tier is asked for, and what it answers.

use crate::deopt::{DeoptPoints, DeoptReason};
use crate::globals::GlobalCell;
use crate::layout::{Code, Frame};
use crate::version::Version;
use pyo3_ffi::PyObject;
use std::any::Any;
use std::time::{Duration, Instant};

/// Which code generator makes optimized code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Backend {
    /// The best that is there.
    #[default]
    Auto,
    Llvm,
    Cranelift,
}

impl Backend {
    pub const ALL: [Backend; 3] = [Backend::Auto, Backend::Llvm, Backend::Cranelift];

    pub fn name(self) -> &'static str {
        match self {
            Backend::Auto => "auto",
            Backend::Llvm => "llvm",
            Backend::Cranelift => "cranelift",
        }
    }

    pub fn named(name: &str) -> Option<Backend> {
        Backend::ALL.into_iter().find(|backend| backend.name() == name)
    }
}

/// What tests ask for beyond what programs do by themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stress {
    #[default]
    Off,
    /// Everything is optimized as soon as it has been run once, however little there is to gain.
    Optimize,
    /// That, and each place where optimized code can be left is left the first time that it is come to.
    Deopt,
}

impl Stress {
    pub const ALL: [Stress; 3] = [Stress::Off, Stress::Optimize, Stress::Deopt];

    pub fn name(self) -> &'static str {
        match self {
            Stress::Off => "off",
            Stress::Optimize => "optimize",
            Stress::Deopt => "deopt",
        }
    }

    pub fn named(name: &str) -> Option<Stress> {
        Stress::ALL.into_iter().find(|stress| stress.name() == name)
    }
}

/// How a function is to be optimized.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// From 0, quickly made, to 3, quick to run.
    pub opt_level: u8,
    /// Floats need not come out to the last bit.
    pub fast_math: bool,
    pub backend: Backend,
    /// Names of passes that are left out.
    pub passes_off: Vec<String>,
    /// The code generators check what they are given.
    pub verify: bool,
    pub stress: Stress,
}

/// A bet that has failed too often at one place of a code object, and is not to be made there again (some, with what has been
/// learned, once more).
pub struct Widened {
    /// The instruction, by the byte offset of its opcode.
    pub offset: u32,
    pub reason: DeoptReason,
    /// In words, with the types that were met.
    pub text: String,
    /// When it had failed too often for the first time.
    pub since: Instant,
    /// Code that was made after that has failed here as well.
    pub again: bool,
}

impl Widened {
    pub fn new(offset: u32, reason: DeoptReason, text: String) -> Widened {
        Widened {
            offset,
            reason,
            text,
            since: Instant::now(),
            again: false,
        }
    }
}

/// A function that is to be optimized. All pointers are live for as long as the snapshot is taken, with the GIL held;
/// function and code, and with them the versions, for as long as the unit is compiled.
pub struct Request<'a> {
    pub function: *mut PyObject,
    pub code: *mut Code,
    /// What the code does, see [`crate::sampling`].
    pub sampling: *const Version,
    /// Where the code goes on at entries that the optimized version does not know.
    pub baseline: *mut Version,
    /// The frame whose loop is hot, complete at the loop header; NULL where the function itself is.
    pub frame: *mut Frame,
    /// The number by which that loop header is entered, or 0.
    pub entry: i64,
    pub settings: &'a Settings,
    /// The unit is compiled while the program goes on.
    pub in_background: bool,
    /// Bets that have failed too often in this code.
    pub widened: &'a [Widened],
}

/// Why a function is not optimized.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decline(pub String);

impl<T: Into<String>> From<T> for Decline {
    fn from(reason: T) -> Decline {
        Decline(reason.into())
    }
}

/// A function as the optimizing tier has taken it from Python's objects. It is compiled on any thread, without the GIL.
pub trait Unit: Send {
    /// Makes the machine code; the error is the reason why not. Looks at [`super::background::is_cancelled`] now and then.
    ///
    /// # Errors
    /// The reason why there is no code.
    fn compile(self: Box<Self>) -> Result<Compiled, Decline>;

    /// Whether that takes a few milliseconds at most, of which a loop that runs slowly meanwhile loses nothing by waiting.
    fn is_quick(&self) -> bool {
        false
    }
}

/// Machine code of a function that is called with numbers in registers.
pub struct TypedCode {
    pub name: Box<str>,
    pub start: *const (),
    pub bytes: usize,
}

/// What compiling a unit gives.
pub struct Compiled {
    /// The machine code, given back when this is dropped.
    pub code: Box<dyn Any + Send>,
    /// A [`crate::version::Body`].
    pub body: *const (),
    /// Of all code; those that are not in `typed` are the body's.
    pub code_bytes: usize,
    pub typed: Vec<TypedCode>,
    /// Where the code can be left. What they name is kept by the version from now on.
    pub exits: DeoptPoints,
    /// Owned references, which become the version's. (Those that a snapshot takes go into `Version::keeps` at once, since
    /// a unit may be dropped without being compiled.)
    pub keep: Vec<*mut PyObject>,
    /// Likewise for cells.
    pub cells: Vec<*mut GlobalCell>,
    /// The phases of compiling, in their order.
    pub timings: Vec<(&'static str, Duration)>,
    /// To be done when the version gets this code, with the GIL held.
    pub publish: Box<dyn FnOnce() + Send>,
    /// Compiles better code for the same version, which takes longer: done when nothing else waits.
    pub refinement: Option<Box<dyn Unit>>,
}

// SAFETY: the pointers are not followed before the GIL is held again; they are addresses until then.
unsafe impl Send for Compiled {}
