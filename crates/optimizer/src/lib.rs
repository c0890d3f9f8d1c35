//! The optimizing tier: from bytecode and what has been seen of it to IR.
//!
//! [`build`] runs under the GIL, on the objects as they are; what it gives refers to objects by address only and can be
//! optimized and compiled on any thread.

mod arithmetic;
mod arrays;
mod attributes;
mod builder;
mod builtins;
mod calls;
mod characters;
mod classes;
mod containers;
mod convert;
mod coroutines;
mod dictionaries;
mod direct;
mod entry;
mod generators;
mod generic;
mod handlers;
mod identity;
mod instances;
mod item;
mod iterate;
pub mod knowledge;
mod liveness;
mod locals;
mod lookups;
mod made_iterators;
mod matching;
mod mathematics;
mod members;
mod mixed;
mod names;
pub mod opcodes;
mod prologue;
mod quiet;
mod rare;
mod slices;
pub mod snapshot;
mod special;
mod splices;
mod stress;
mod subclasses;
mod suspend;
mod table;
pub mod text;
pub mod typed;
pub mod unit;
mod uses;

pub use entry::{Entry, Input, build};

/// The passes that a function goes through, in order.
pub fn passes() -> impl Iterator<Item = &'static justjit_passes::Pass> {
    justjit_passes::passes().iter()
}

use justjit_bytecode::Function as Decoded;
use justjit_ir as ir;
use justjit_runtime::attributes::{AttributeSite, Shape};
use justjit_runtime::globals::GlobalCell;
use justjit_runtime::layout::Code;
use justjit_runtime::site::{CallSite, Callee};
use knowledge::Knowledge;
use mathematics::{CmathFn, MathFn};
use pyo3_ffi::*;

/// Why a function is not in the optimizing tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decline(pub String);

/// What a global name gives.
pub enum Global {
    /// This object, until the version is told otherwise.
    Constant(*mut PyObject),
    /// What the cell has.
    Cell(*const GlobalCell),
}

/// A callee's body.
pub struct Body {
    pub function: *mut PyObject,
    pub decoded: Decoded,
    pub knowledge: Knowledge,
    pub globals: *mut PyObject,
    pub builtins: *mut PyObject,
}

/// A builtin that the tier does by itself.
#[derive(Clone, Copy, Debug)]
pub enum Builtin {
    Len,
    Range,
    Enumerate,
    Zip,
    Abs,
    Min,
    Max,
    Int,
    Float,
    Bool,
    Sum,
    Any,
    All,
    List,
    Tuple,
    Set,
    Ord,
    Chr,
    Next,
    /// `list.append`
    Append,
    /// `list.pop`
    Pop,
    /// `reversed`
    Reversed,
    Complex,
    Divmod,
    Pow,
    Round,
    /// A function of `math`, or a method of numbers that is no more than one.
    Math(MathFn),
    /// A function of `cmath`.
    Cmath(CmathFn),
}

impl PartialEq for Builtin {
    fn eq(&self, other: &Builtin) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// What the sites of an attribute instruction have met.
#[derive(Default)]
pub struct Shapes {
    pub all: Vec<Shape>,
    /// There were others.
    pub more: bool,
    /// There were objects with dictionaries of their own, in which the attribute may be at this place.
    pub dictionary: Option<usize>,
    /// Whether there were objects with inline values while samples were taken, where that is known.
    pub inline: Option<bool>,
}

/// What building asks of the interpreter, and what it bets on.
pub trait Known {
    /// An int object of this value; it lives as long as the version.
    fn int(&mut self, value: i64) -> *mut PyObject;
    /// The value of an int that fits.
    fn int_value(&self, object: *mut PyObject) -> Option<i64>;
    /// The parts of a complex object.
    fn complex(&self, object: *const ()) -> (f64, f64);
    fn list_iterator_type(&self) -> *mut PyTypeObject;
    fn tuple_iterator_type(&self) -> *mut PyTypeObject;
    /// Bytes in memory that lives as long as the version.
    fn bytes(&mut self, bytes: &[u8]) -> *const ();
    /// Whether it is a type of iterators over strings.
    fn is_string_iterator(&self, ty: *mut PyTypeObject) -> bool;
    /// Address of the byte that is 1 while the version's bets hold.
    fn valid(&self) -> *const ();
    /// A byte for feedback that nobody reads.
    fn scratch(&self) -> *const ();
    /// What the name means now; betting that it stays so, if wanted.
    fn global(
        &mut self,
        globals: *mut PyObject,
        builtins: *mut PyObject,
        name: *mut PyObject,
        bet: bool,
    ) -> Option<Global>;
    /// An attribute of a constant object that is a module or class; bets on it.
    fn attribute_of_constant(&mut self, object: *mut PyObject, name: *mut PyObject) -> Option<*mut PyObject>;
    /// A class and all its subclasses; none if they are more than that.
    fn family(&self, class: *mut PyTypeObject, most: usize) -> Vec<*mut PyTypeObject>;
    /// A method in the dictionary of a static type.
    fn method_of_type(&mut self, ty: *mut PyTypeObject, name: *mut PyObject) -> Option<*mut PyObject>;
    /// The shapes that the attribute instruction has met.
    fn shapes(&mut self, code: *mut Code, index: usize) -> Shapes;
    fn attribute_site(&mut self, name: *mut PyObject, index: usize) -> *const AttributeSite;
    /// A cache for a call that makes calls of that kind by itself.
    fn call_site(&mut self, index: usize, by_itself: Option<Callee>) -> *const CallSite;
    /// What the call instruction has met last, in any tier.
    fn callee_met(&mut self, code: *mut Code, index: usize) -> Option<Callee>;
    /// The body of a Python function that may be inlined.
    fn callee(&mut self, function: *mut PyObject) -> Option<Body>;
    /// The same of a code object whose functions have not been made.
    fn body(&mut self, code: *mut Code, globals: *mut PyObject, builtins: *mut PyObject) -> Option<Body>;
    /// The function's code stays what it is, or the version is told.
    fn bet_on_function(&mut self, function: *mut PyObject);
    /// The version is told when the class is modified; `false` if nothing should be bet on that.
    fn bet_on_class(&mut self, class: *mut PyTypeObject) -> bool;
    /// The version is told when an instance of the class gets another class; `false` if nothing should be bet on that.
    fn bet_on_instances(&mut self, class: *mut PyTypeObject) -> bool;
    fn builtin(&self, object: *mut PyObject) -> Option<Builtin>;
}

/// What building gives.
pub struct Built {
    pub function: ir::Function,
    /// Objects that the version has to keep alive.
    pub kept: Vec<*mut PyObject>,
    /// Instructions that are translated for known types, and those that the runtime does.
    pub specialized: usize,
    pub generic: usize,
    /// How often the latter ran, and how often all instructions of the function did, while somebody looked.
    pub generic_weight: u64,
    pub weight: u64,
    /// The typed bodies that it calls.
    pub typed: Vec<typed::TypedBody>,
    /// The code objects by their numbers in [`ir::Position::code`], with what was decoded.
    pub codes: Vec<(*mut Code, Decoded)>,
}
