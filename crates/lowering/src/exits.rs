//! Where the code can be left, as the runtime wants to know it.

use justjit_builder::RuntimeFn;
use justjit_ir::{self as ir, Flow, Function, Imm, Op, Reason, State, SymbolData, SymbolKind, Type, Value};
use justjit_runtime::deopt::{
    DeoptPoint, DeoptPoints, DeoptReason, FrameRecovery, Going, IteratorOf, LeftFrame, Place, RaisedAt, Reconstruction,
    Recovery, Returns, VirtualObject,
};
use justjit_runtime::generator::Progress;
use justjit_runtime::layout::Code;
use justjit_runtime::thread::DEOPT_WORDS;
use justjit_runtime::version::Version;
use pyo3_ffi::PyObject;
use rustc_hash::FxHashSet;
use std::collections::HashMap;
use std::fmt;

/// What an IR function's symbols and offsets are in this process.
pub trait Resolver {
    /// Of an object, data, or a code object.
    fn address(&self, symbol: &SymbolData) -> *const () {
        symbol.address
    }

    fn function(&self, symbol: &SymbolData) -> Option<&'static RuntimeFn> {
        symbol.function
    }

    /// The instruction at a byte offset of a code object.
    fn place(&self, code: &SymbolData, offset: u32) -> Place;

    /// The byte offset of the instruction before that at an offset of a code object.
    fn before(&self, code: &SymbolData, offset: u32) -> u32;

    /// The first code unit of the bytecode that the interpreter runs, of the outermost code object.
    fn instructions(&self) -> *const u16;
}

/// Why a function cannot be lowered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// More values at an exit than the runtime's indices can tell apart.
    TooManyValues(State),
    /// Objects that have not been made are parts of each other.
    CyclicVirtuals(State),
    /// A virtual object of a kind that the runtime does not make.
    Unsupported(State),
    /// What is to be boxed is an address.
    NotANumber(State),
    /// A function that nobody knows.
    Unresolved(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TooManyValues(state) => write!(f, "{state} has too many values"),
            Error::CyclicVirtuals(state) => write!(f, "virtual objects of {state} are parts of each other"),
            Error::Unsupported(state) => write!(f, "{state} has a virtual object that is not made"),
            Error::NotANumber(state) => write!(f, "{state} wants a number where none is"),
            Error::Unresolved(name) => write!(f, "{name} is not known"),
        }
    }
}

impl std::error::Error for Error {}

/// Which exit: a frame state, and the object whose last reference is given up on the way, for a `decref` that leaves.
pub type Which = (State, Option<Value>);

/// A place where the code can be left.
pub struct Exit {
    pub which: Which,
    pub point: Box<DeoptPoint>,
    /// What the code passes, each as a word: an int, an address, a float's bits, or 0 or 1. The order is that of the
    /// recoveries' indices.
    pub words: Vec<Value>,
}

/// All places where a function's code can be left, and what its symbols are.
pub struct Exits {
    all: Vec<Exit>,
    /// The objects that their points name.
    named: FxHashSet<*mut PyObject>,
    indices: HashMap<Which, usize>,
    /// By symbol; NULL for functions.
    addresses: Vec<*const ()>,
    functions: Vec<Option<&'static RuntimeFn>>,
    instructions: *const u16,
    deoptimize: &'static RuntimeFn,
}

impl Exits {
    /// The exits of what can be reached in a function. `deoptimize` is what they call: a function of the thread, the frame,
    /// the [`DeoptPoint`] and the words, whose result the body gives.
    pub fn new(
        function: &Function,
        owner: *mut Version,
        resolver: &dyn Resolver,
        deoptimize: &'static RuntimeFn,
    ) -> Result<Exits, Error> {
        let mut exits = Exits {
            all: Vec::new(),
            named: FxHashSet::default(),
            indices: HashMap::new(),
            addresses: Vec::new(),
            functions: Vec::new(),
            instructions: resolver.instructions(),
            deoptimize,
        };
        for symbol in &function.symbols {
            // What is called through a word is not called by its name.
            let is_function = matches!(&symbol.kind, SymbolKind::Function(call) if !call.through);
            let (address, called) = if is_function {
                (std::ptr::null(), resolver.function(symbol))
            } else {
                (resolver.address(symbol), None)
            };
            exits.addresses.push(address);
            exits.functions.push(called);
        }
        for &block in &Flow::of(function).order {
            for &inst in &function.blocks[block.index()].insts {
                let inst = function.inst(inst);
                if inst.op == Op::Call
                    && let Imm::Symbol(symbol) = inst.imm
                    && !function.call(symbol).through
                    && exits.functions[symbol.index()].is_none()
                {
                    return Err(Error::Unresolved(function.symbols[symbol.index()].name.clone()));
                }
                if let Some(which) = which(inst) {
                    if !exits.indices.contains_key(&which) {
                        let translation = Translation::new(function, which, resolver, &exits.addresses);
                        exits.indices.insert(which, exits.all.len());
                        let (made, words) = translation.reconstruction()?;
                        let reason = reason(function.states[which.0.0 as usize].reason);
                        exits.named.extend(made.named());
                        let mut point = DeoptPoint::new(owner, made, reason);
                        point.words = words.len() as u16;
                        if !point.made().release.is_empty() {
                            point.finishing = finishing(function, inst, resolver);
                        }
                        point.pack();
                        let point = Box::new(point);
                        exits.all.push(Exit { which, point, words });
                    }
                    exits.note_subject(function, which, inst);
                }
            }
        }
        Ok(exits)
    }

    /// Has the exit of a guard of an object's type say which type was expected, and which word the object is, if the
    /// state has it anyway (it may be gone if not).
    fn note_subject(&mut self, function: &Function, which: Which, inst: &ir::InstData) {
        let exit = &mut self.all[self.indices[&which]];
        if exit.point.reason != DeoptReason::Type || inst.op != Op::Guard || exit.point.expected.is_some() {
            return;
        }
        let Some(test) = function.def(inst.args[0]) else {
            return;
        };
        if let (Op::HasType, Imm::Symbol(ty)) = (test.op, test.imm) {
            exit.point.expected = Some(function.symbols[ty.index()].name.as_str().into());
            let word = exit.words.iter().position(|&word| word == test.args[0]);
            exit.point.subject = word.map(|index| index as u16);
        }
    }

    /// The exits of what can be reached.
    pub fn iter(&self) -> impl Iterator<Item = &Exit> {
        self.all.iter()
    }

    /// The points, which must live as long as the code.
    pub fn into_points(self) -> DeoptPoints {
        let points = self.all.into_iter().map(|exit| exit.point).collect();
        DeoptPoints::of_packed(points, self.named)
    }

    pub(crate) fn get(&self, which: Which) -> &Exit {
        &self.all[self.indices[&which]]
    }

    /// The most words that are passed at one exit.
    pub(crate) fn most_words(&self) -> usize {
        self.iter().map(|exit| exit.words.len()).max().unwrap_or(0)
    }

    pub(crate) fn deoptimize(&self) -> &'static RuntimeFn {
        self.deoptimize
    }

    pub(crate) fn address(&self, symbol: ir::Symbol) -> *const () {
        self.addresses[symbol.index()]
    }

    pub(crate) fn function(&self, symbol: ir::Symbol) -> &'static RuntimeFn {
        self.functions[symbol.index()].expect("every function that is called was looked for")
    }

    /// The outermost code object's instruction at a byte offset.
    pub(crate) fn instruction(&self, offset: u32) -> *const () {
        self.instructions.wrapping_byte_add(offset as usize).cast()
    }
}

/// The instruction that a frame is at when an object ends in it: a call that is over, where the object was the callee's.
fn finishing(function: &Function, inst: &ir::InstData, resolver: &dyn Resolver) -> Option<u32> {
    let frame = function.states[inst.state?.0 as usize].frames.last()?;
    let code = &function.symbols[frame.code.index()];
    let own = match inst.position.code {
        0 => frame.code == function.states[inst.state?.0 as usize].frames[0].code,
        inlined => function.inlined[inlined as usize - 1] == frame.code,
    };
    Some(if own {
        inst.position.offset
    } else {
        resolver.before(code, frame.offset)
    })
}

/// The exit that an instruction may take.
pub(crate) fn which(inst: &ir::InstData) -> Option<Which> {
    let given_up = (inst.op == Op::Decref).then(|| inst.args[0]);
    Some((inst.state?, given_up))
}

/// A frame state on its way to being a [`Reconstruction`].
struct Translation<'a> {
    function: &'a Function,
    which: Which,
    state: &'a ir::FrameState,
    resolver: &'a dyn Resolver,
    addresses: &'a [*const ()],
    words: Vec<Value>,
    indices: HashMap<Value, u16>,
    /// The runtime's number of each virtual object: those come first that others are made of.
    virtuals: Vec<Option<u16>>,
}

impl<'a> Translation<'a> {
    fn new(
        function: &'a Function,
        which: Which,
        resolver: &'a dyn Resolver,
        addresses: &'a [*const ()],
    ) -> Translation<'a> {
        let state = &function.states[which.0.0 as usize];
        Translation {
            function,
            which,
            state,
            resolver,
            addresses,
            words: Vec::new(),
            indices: HashMap::new(),
            virtuals: vec![None; state.virtuals.len()],
        }
    }

    /// What is to be made, and the words that are passed for it.
    fn reconstruction(mut self) -> Result<(Reconstruction, Vec<Value>), Error> {
        let mut virtuals = Vec::new();
        for index in self.virtual_order()? {
            let made = self.virtual_object(&self.state.virtuals[index])?;
            self.virtuals[index] = Some(virtuals.len() as u16);
            virtuals.push(made);
        }
        let mut frames = Vec::new();
        for (index, frame) in self.state.frames.iter().enumerate() {
            let innermost = index + 1 == self.state.frames.len();
            let code = &self.function.symbols[frame.code.index()];
            frames.push(FrameRecovery {
                code: self.addresses[frame.code.index()].cast_mut().cast::<Code>(),
                function: self.recovery(&frame.function)?,
                place: self.resolver.place(code, frame.offset),
                going: match (innermost, self.state.going) {
                    (false, _) | (true, ir::Going::Wait) => Going::Waits(self.returns(&frame.returns)?),
                    (true, ir::Going::Resume) => Going::Resume,
                    (true, ir::Going::Raise) => Going::Raise,
                },
                locals: self.recoveries(&frame.locals)?,
                stack: self.recoveries(&frame.stack)?,
            });
        }
        let given_up = self.which.1;
        let release = given_up.into_iter().chain(self.state.release.iter().copied());
        let release = release.map(|value| self.word(value));
        let release = release.collect::<Result<Box<[u16]>, Error>>()?;
        let made = Reconstruction {
            frames: frames.into(),
            virtuals: virtuals.into(),
            release,
        };
        Ok((made, self.words))
    }

    /// The virtual objects, parts before what they are parts of.
    fn virtual_order(&self) -> Result<Vec<usize>, Error> {
        let objects = &self.state.virtuals;
        let mut order = Vec::new();
        let mut placed = vec![false; objects.len()];
        while order.len() < objects.len() {
            let before = order.len();
            for (index, object) in objects.iter().enumerate() {
                let ready = object.parts().into_iter().all(|part| match part {
                    ir::Recovery::Virtual(other) => placed[*other as usize],
                    _ => true,
                });
                if ready && !placed[index] {
                    placed[index] = true;
                    order.push(index);
                }
            }
            if order.len() == before {
                return Err(Error::CyclicVirtuals(self.which.0));
            }
        }
        Ok(order)
    }

    fn virtual_object(&mut self, object: &ir::VirtualObject) -> Result<VirtualObject, Error> {
        Ok(match object {
            ir::VirtualObject::Tuple(items) => VirtualObject::Tuple(self.recoveries(items)?),
            ir::VirtualObject::List(items) => VirtualObject::List(self.recoveries(items)?),
            ir::VirtualObject::RangeIterator { next, stop, step } => VirtualObject::RangeIterator {
                next: self.recovery(next)?,
                stop: self.recovery(stop)?,
                step: self.recovery(step)?,
            },
            ir::VirtualObject::Enumerate { iterator, count } => VirtualObject::Enumerate {
                iterator: self.recovery(iterator)?,
                count: self.recovery(count)?,
            },
            ir::VirtualObject::Range { start, stop, step } => VirtualObject::Range {
                start: self.recovery(start)?,
                stop: self.recovery(stop)?,
                step: self.recovery(step)?,
            },
            ir::VirtualObject::Zip(items) => VirtualObject::Zip(self.recoveries(items)?),
            ir::VirtualObject::ListIterator { list, index } => VirtualObject::SequenceIterator {
                of: IteratorOf::List,
                sequence: self.recovery(list)?,
                index: self.recovery(index)?,
            },
            ir::VirtualObject::TupleIterator { tuple, index } => VirtualObject::SequenceIterator {
                of: IteratorOf::Tuple,
                sequence: self.recovery(tuple)?,
                index: self.recovery(index)?,
            },
            ir::VirtualObject::ArrayIterator { array, index } => VirtualObject::SequenceIterator {
                of: IteratorOf::Array,
                sequence: self.recovery(array)?,
                index: self.recovery(index)?,
            },
            ir::VirtualObject::NumpyScalar { ty, value } => VirtualObject::NumpyScalar {
                ty: self.recovery(ty)?,
                value: self.recovery(value)?,
            },
            ir::VirtualObject::NumpyComplex { ty, real, imaginary } => VirtualObject::NumpyComplex {
                ty: self.recovery(ty)?,
                real: self.recovery(real)?,
                imaginary: self.recovery(imaginary)?,
            },
            ir::VirtualObject::Row { array, index } => VirtualObject::Row {
                array: self.recovery(array)?,
                index: self.recovery(index)?,
            },
            ir::VirtualObject::BoundMethod { function, receiver } => VirtualObject::BoundMethod {
                function: self.recovery(function)?,
                receiver: self.recovery(receiver)?,
            },
            ir::VirtualObject::Slice([start, stop, step]) => VirtualObject::Slice {
                start: self.recovery(start)?,
                stop: self.recovery(stop)?,
                step: self.recovery(step)?,
            },
            ir::VirtualObject::Complex { real, imaginary } => VirtualObject::Complex {
                real: self.recovery(real)?,
                imaginary: self.recovery(imaginary)?,
            },
            ir::VirtualObject::Character(code_point) => VirtualObject::Character(self.recovery(code_point)?),
            ir::VirtualObject::Cell(value) => VirtualObject::Cell(self.recovery(value)?),
            ir::VirtualObject::Generator {
                function,
                code,
                offset,
                progress,
                values,
            } => VirtualObject::Generator {
                function: self.recovery(function)?,
                code: self.addresses[code.index()].cast_mut().cast::<Code>(),
                offset: *offset,
                progress: match progress {
                    ir::Progress::Created => Progress::Created,
                    ir::Progress::Suspended => Progress::Suspended,
                    ir::Progress::Running => Progress::Running,
                    ir::Progress::Finished => Progress::Finished,
                },
                values: self.recoveries(values)?,
            },
            ir::VirtualObject::Function { code, globals, closure } => VirtualObject::Function {
                code: self.recovery(code)?,
                globals: self.recovery(globals)?,
                closure: self.recovery(closure)?,
            },
            ir::VirtualObject::Exception { class, args, raised } => VirtualObject::Exception {
                class: self.recovery(class)?,
                args: self.recoveries(args)?,
                raised: match raised {
                    Some(raised) => Some(Box::new(self.raised(raised)?)),
                    None => None,
                },
            },
            ir::VirtualObject::Instance { class, indices, values } => VirtualObject::Instance {
                class: self.recovery(class)?,
                indices: indices.as_slice().into(),
                values: self.recoveries(values)?,
            },
        })
    }

    fn raised(&mut self, raised: &ir::Raised) -> Result<RaisedAt, Error> {
        let left = raised.left.iter().map(|frame| {
            Ok(LeftFrame {
                code: self.addresses[frame.code.index()].cast_mut().cast::<Code>(),
                raised: frame.raised,
                ended: frame.ended,
                function: self.recovery(&frame.function)?,
                locals: self.recoveries(&frame.locals)?,
            })
        });
        let left = left.collect::<Result<Box<[LeftFrame]>, Error>>()?;
        Ok(RaisedAt {
            frame: raised.frame as u16,
            offset: raised.offset,
            before: raised.before.map(|item| item as u16),
            left,
        })
    }

    fn returns(&mut self, returns: &ir::Returns) -> Result<Returns, Error> {
        Ok(match returns {
            ir::Returns::Value => Returns::Value,
            ir::Returns::ValueAndNull => Returns::ValueAndNull,
            ir::Returns::Nothing => Returns::Nothing,
            ir::Returns::Length => Returns::Length,
            ir::Returns::Instance(instance) => Returns::Instance(self.recovery(instance)?),
            ir::Returns::Next { generator, exhausted } => Returns::Next {
                generator: self.recovery(generator)?,
                exhausted: *exhausted,
            },
            ir::Returns::Await { coroutine, ends } => Returns::Await {
                coroutine: self.recovery(coroutine)?,
                ends: *ends,
            },
            ir::Returns::Consume {
                consumer,
                generator,
                so_far,
            } => Returns::Consume {
                consumer: *consumer,
                generator: self.recovery(generator)?,
                so_far: self.recovery(so_far)?,
            },
            ir::Returns::Operator { op, left, right } => Returns::Operator {
                op: *op,
                left: self.recovery(left)?,
                right: self.recovery(right)?,
            },
            ir::Returns::Comparison { op, left, right } => Returns::Comparison {
                op: *op,
                left: self.recovery(left)?,
                right: self.recovery(right)?,
            },
        })
    }

    fn recoveries(&mut self, recoveries: &[ir::Recovery]) -> Result<Box<[Recovery]>, Error> {
        recoveries.iter().map(|recovery| self.recovery(recovery)).collect()
    }

    fn recovery(&mut self, recovery: &ir::Recovery) -> Result<Recovery, Error> {
        Ok(match *recovery {
            ir::Recovery::InFrame => Recovery::InFrame,
            ir::Recovery::Slot(slot) => Recovery::Slot(slot as u16),
            ir::Recovery::Null => Recovery::Null,
            ir::Recovery::Constant(symbol) => {
                Recovery::Constant(self.addresses[symbol.index()].cast_mut().cast::<PyObject>())
            }
            ir::Recovery::Number(value) => {
                let index = self.word(value)?;
                match self.function.type_of(value) {
                    Type::Int => Recovery::Int(index),
                    Type::Float => Recovery::Float(index),
                    Type::Bool => Recovery::Bool(index),
                    Type::Object | Type::Pointer => return Err(Error::NotANumber(self.which.0)),
                }
            }
            ir::Recovery::Owned(value) => Recovery::Owned(self.word(value)?),
            ir::Recovery::Borrowed(value) => Recovery::Borrowed(self.word(value)?),
            ir::Recovery::Virtual(index) => {
                let made = self.virtuals[index as usize];
                Recovery::Virtual(made.expect("virtual objects come in the order of their parts"))
            }
        })
    }

    /// The index of a value, which is passed once however often it occurs.
    fn word(&mut self, value: Value) -> Result<u16, Error> {
        if let Some(&index) = self.indices.get(&value) {
            return Ok(index);
        }
        if self.words.len() == DEOPT_WORDS {
            return Err(Error::TooManyValues(self.which.0));
        }
        let index = self.words.len() as u16;
        self.words.push(value);
        self.indices.insert(value, index);
        Ok(index)
    }
}

fn reason(reason: Reason) -> DeoptReason {
    match reason {
        Reason::Type => DeoptReason::Type,
        Reason::Overflow => DeoptReason::Overflow,
        Reason::Bounds => DeoptReason::Bounds,
        Reason::DivisionByZero => DeoptReason::DivisionByZero,
        Reason::Domain => DeoptReason::Domain,
        Reason::Missing => DeoptReason::Missing,
        Reason::Unbound => DeoptReason::Unbound,
        Reason::Changed => DeoptReason::Changed,
        Reason::Ending => DeoptReason::Ending,
        Reason::Observed => DeoptReason::FrameSeen,
        Reason::Safepoint => DeoptReason::Safepoint,
        Reason::Exception => DeoptReason::Exception,
        Reason::Unreached => DeoptReason::Unreached,
        Reason::Unsupported => DeoptReason::Unsupported,
        Reason::Callee => DeoptReason::Callee,
        Reason::Loop => DeoptReason::Loop,
        Reason::Overwritten => DeoptReason::Overwritten,
    }
}
