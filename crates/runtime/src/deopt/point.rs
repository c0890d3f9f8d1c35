//! What is known of a place where optimized code can be left.

use crate::generator::Progress;
use crate::layout::Code;
use crate::version::Version;
use pyo3_ffi::*;
use std::ffi::CStr;

/// Where a value is found when optimized code is left. Indices are of the words that the code passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovery {
    /// The slot that is being filled has it already. In the outermost frame only.
    InFrame,
    /// A new reference to what this slot of the outermost frame had before anything was changed (NULL if nothing).
    Slot(u16),
    Null,
    /// This object, which the version keeps alive.
    Constant(*mut PyObject),
    /// A signed 64-bit int. An index gives the same object wherever it occurs with the same kind at one point.
    Int(u16),
    /// The bits of a float. As for `Int`.
    Float(u16),
    /// Zero or not.
    Bool(u16),
    /// An object, or NULL, whose reference is handed over: occurs once.
    Owned(u16),
    /// An object, or NULL, of which a new reference is taken.
    Borrowed(u16),
    /// The object that is made by this index of [`DeoptPoint::virtuals`], once for the point.
    Virtual(u16),
}

/// What a virtual iterator goes over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IteratorOf {
    List,
    Tuple,
    /// An `array.array`, a memoryview, a NumPy array, a str.
    Array,
}

/// An object that optimized code has not made. What it is made of may be virtual itself, if it comes earlier in
/// [`DeoptPoint::virtuals`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VirtualObject {
    Tuple(Box<[Recovery]>),
    List(Box<[Recovery]>),
    /// The iterator of `range(next, stop, step)`; all three are ints (`Int` or `Constant`).
    RangeIterator {
        next: Recovery,
        stop: Recovery,
        step: Recovery,
    },
    /// The iterator of a list or tuple at an index (an `Int`). Beyond the last item it is not yet exhausted.
    SequenceIterator {
        of: IteratorOf,
        sequence: Recovery,
        index: Recovery,
    },
    /// `enumerate(iterable, count)`, which calls `iter(iterable)`: the iterable should be an iterator of a builtin type.
    Enumerate {
        iterator: Recovery,
        count: Recovery,
    },
    /// `range(start, stop, step)`; all three are ints.
    Range {
        start: Recovery,
        stop: Recovery,
        step: Recovery,
    },
    /// `zip(*iterators)`, which calls `iter` on each: they should be iterators of builtin types.
    Zip(Box<[Recovery]>),
    BoundMethod {
        function: Recovery,
        receiver: Recovery,
    },
    Slice {
        start: Recovery,
        stop: Recovery,
        step: Recovery,
    },
    /// A NumPy scalar: its type (a `Constant`), and a number.
    NumpyScalar {
        ty: Recovery,
        value: Recovery,
    },
    /// A complex NumPy scalar: its type (a `Constant`), and two `Float`s.
    NumpyComplex {
        ty: Recovery,
        real: Recovery,
        imaginary: Recovery,
    },
    /// Part of a NumPy array at an index that is in range.
    Row {
        array: Recovery,
        index: Recovery,
    },
    /// Both are `Float`s.
    Complex {
        real: Recovery,
        imaginary: Recovery,
    },
    /// An instance of a class (a constant), with the attributes at these indices of its inline values, in the order in
    /// which they were set.
    Instance {
        class: Recovery,
        indices: Box<[u8]>,
        values: Box<[Recovery]>,
    },
    /// The str of one character, by its code point (an `Int`).
    Character(Recovery),
    /// A cell with this value, or an empty one (`Null`).
    Cell(Recovery),
    /// A generator of a function, with its locals and operand stack.
    Generator {
        function: Recovery,
        code: *mut Code,
        /// Byte offset of the instruction that it is suspended before; of no meaning for one that runs or has finished.
        offset: u32,
        progress: Progress,
        values: Box<[Recovery]>,
    },
    /// A function that `MAKE_FUNCTION` has made of a code object, with these globals and this closure (a tuple, or `Null`).
    Function {
        code: Recovery,
        globals: Recovery,
        closure: Recovery,
    },
    /// An exception: its class (a `Constant`; or what raises it), what that is called with, and where it has been raised, if it has.
    Exception {
        class: Recovery,
        args: Box<[Recovery]>,
        raised: Option<Box<RaisedAt>>,
    },
}

/// Where an exception has been that was raised, and not made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RaisedAt {
    /// The frame that has caught it: which of the point's, and the byte offset of the instruction that raised there.
    pub frame: u16,
    pub offset: u32,
    /// While it is handled: the item of that frame's operand stack that is to have what was handled before.
    pub before: Option<u16>,
    /// The frames that it has left, the innermost first.
    pub left: Box<[LeftFrame]>,
}

/// The frame of an inlined callee that an exception has left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftFrame {
    pub code: *mut Code,
    /// Byte offsets of the instruction that raised, and of that with which the frame ended.
    pub raised: u32,
    pub ended: u32,
    pub function: Recovery,
    pub locals: Box<[Recovery]>,
}

impl LeftFrame {
    pub fn parts(&self) -> impl Iterator<Item = Recovery> {
        std::iter::once(self.function).chain(self.locals.iter().copied())
    }
}

impl VirtualObject {
    /// What it is made of.
    pub fn parts(&self) -> Vec<Recovery> {
        match *self {
            VirtualObject::Tuple(ref items) | VirtualObject::List(ref items) | VirtualObject::Zip(ref items) => {
                items.to_vec()
            }
            VirtualObject::Range { start, stop, step } => vec![start, stop, step],
            VirtualObject::RangeIterator { next, stop, step } => vec![next, stop, step],
            VirtualObject::SequenceIterator { sequence, index, .. } => vec![sequence, index],
            VirtualObject::Enumerate { iterator, count } => vec![iterator, count],
            VirtualObject::BoundMethod { function, receiver } => vec![function, receiver],
            VirtualObject::Slice { start, stop, step } => vec![start, stop, step],
            VirtualObject::Complex { real, imaginary } => vec![real, imaginary],
            VirtualObject::Instance { class, ref values, .. } => {
                std::iter::once(class).chain(values.iter().copied()).collect()
            }
            VirtualObject::Character(part) | VirtualObject::Cell(part) => vec![part],
            VirtualObject::NumpyScalar { ty, value } => vec![ty, value],
            VirtualObject::NumpyComplex { ty, real, imaginary } => vec![ty, real, imaginary],
            VirtualObject::Row { array, index } => vec![array, index],
            VirtualObject::Generator {
                function, ref values, ..
            } => std::iter::once(function).chain(values.iter().copied()).collect(),
            VirtualObject::Function { code, globals, closure } => vec![code, globals, closure],
            VirtualObject::Exception {
                class,
                ref args,
                ref raised,
            } => {
                let left = raised.iter().flat_map(|raised| &raised.left);
                let args = std::iter::once(class).chain(args.iter().copied());
                args.chain(left.flat_map(LeftFrame::parts)).collect()
            }
        }
    }
}

/// What the instruction that a frame waits in does with its callee's result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Returns {
    /// Pushes it.
    Value,
    /// Pushes it, and NULL: a property that is called.
    ValueAndNull,
    /// Drops it: `__setitem__`.
    Nothing,
    /// The callee is `__init__`: pushes this instance if the result is None, and raises otherwise.
    Instance(Recovery),
    /// The callee is the method of a binary operator (the argument of `BINARY_OP`) for operands of these types: pushes the
    /// result, unless it is NotImplemented, which raises.
    Operator { op: i32, left: Recovery, right: Recovery },
    /// The callee is the method of a comparison (the argument of `COMPARE_OP`) of these operands: what comes of the result, or
    /// of the other operand's method if that is NotImplemented, is pushed, as a bool where the argument says so.
    Comparison { op: i32, left: Recovery, right: Recovery },
    /// The callee is `__len__`: pushes what `len` makes of the result.
    Length,
    /// The instruction is `FOR_ITER`, and the callee the frame of this generator, which is on top of the operand stack too:
    /// pushes what that yields. When it returns, it is popped, and the instruction whose start is at `exhausted` comes next.
    Next { generator: Recovery, exhausted: u32 },
    /// The instruction is `SEND`, and the callee the frame of this coroutine, which is on top of the operand stack too: pushes
    /// what that yields. When it returns, that is pushed, and the instruction whose start is at `ends` comes next.
    Await { coroutine: Recovery, ends: u32 },
    /// The instruction calls a builtin that goes through this generator (see [`crate::consume`]), whose frame is the callee:
    /// pushes what the builtin gives.
    Consume {
        consumer: i32,
        generator: Recovery,
        so_far: Recovery,
    },
}

impl Returns {
    /// What it needs, up to two values.
    pub fn parts(self) -> [Recovery; 2] {
        match self {
            Returns::Value | Returns::ValueAndNull | Returns::Nothing | Returns::Length => [Recovery::Null; 2],
            Returns::Instance(one) => [one, Recovery::Null],
            Returns::Operator { left, right, .. } | Returns::Comparison { left, right, .. } => [left, right],
            Returns::Next { generator: one, .. } | Returns::Await { coroutine: one, .. } => [one, Recovery::Null],
            Returns::Consume { generator, so_far, .. } => [generator, so_far],
        }
    }
}

/// How a frame goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Going {
    /// At the instruction, which has not begun.
    Resume,
    /// An exception is set, which the instruction has raised.
    Raise,
    /// The same for one that is raised again and keeps its traceback. (`RERAISE`, which also says where the exception came
    /// from, is resumed instead.)
    Reraise,
    /// The instruction waits for the next frame to return: all frames but the innermost.
    Waits(Returns),
}

/// An instruction, by byte offsets into its code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Its first `EXTENDED_ARG`, or its opcode.
    pub start: u32,
    /// Its opcode.
    pub offset: u32,
    /// What comes behind it and its inline caches.
    pub next: u32,
}

/// One frame of those that optimized code stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameRecovery {
    pub code: *mut Code,
    /// The function; not looked at in the outermost frame, which has it.
    pub function: Recovery,
    /// At or behind the first traceable instruction.
    pub place: Place,
    pub going: Going,
    /// All slots of locals, cells and free variables.
    pub locals: Box<[Recovery]>,
    /// The operand stack: before the instruction for `Resume`; without the operands that it has consumed otherwise.
    pub stack: Box<[Recovery]>,
}

/// Why optimized code was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum DeoptReason {
    /// A value was not of the type that was bet on; see [`DeoptPoint::expected`] and [`DeoptPoint::met`].
    Type = 0,
    Overflow = 1,
    Bounds = 2,
    DivisionByZero = 3,
    Unbound = 4,
    /// Something that was taken for constant has changed: a global name, a builtin.
    Global = 5,
    Class = 6,
    /// A callee that had no frame has left its code.
    Callee = 7,
    /// Somebody looked at a frame that was not there, or whose values were in registers.
    FrameSeen = 8,
    /// Somebody wants something at a safepoint: a signal, the GIL, tracing, profiling, monitoring.
    Safepoint = 9,
    Exception = 10,
    /// A path that had never been taken when the code was made.
    Unreached = 11,
    /// What was bet on for all rounds of a loop did not hold.
    Loop = 12,
    /// A value was not the very one that was bet on.
    Value = 13,
    /// No memory, or no room on a stack, for what optimized code wanted to do.
    NoRoom = 14,
    /// A test asked for it.
    Requested = 15,
    /// A number out of an operation's domain: a shift by too much, NaN as an int.
    Domain = 16,
    /// Something that was taken for constant has changed; which kind of thing is not known.
    Changed = 17,
    /// Something that optimized code does not do.
    Unsupported = 18,
    /// An object has lost its last reference whose end may run code of the program's.
    Ending = 19,
    /// A key that was not in a dictionary, or that code of the program may have to look for.
    Missing = 20,
    /// What was written over had another type than what was written.
    Overwritten = 21,
}

impl DeoptReason {
    pub const COUNT: usize = 22;
    pub const ALL: [DeoptReason; Self::COUNT] = [
        DeoptReason::Type,
        DeoptReason::Overflow,
        DeoptReason::Bounds,
        DeoptReason::DivisionByZero,
        DeoptReason::Unbound,
        DeoptReason::Global,
        DeoptReason::Class,
        DeoptReason::Callee,
        DeoptReason::FrameSeen,
        DeoptReason::Safepoint,
        DeoptReason::Exception,
        DeoptReason::Unreached,
        DeoptReason::Loop,
        DeoptReason::Value,
        DeoptReason::NoRoom,
        DeoptReason::Requested,
        DeoptReason::Domain,
        DeoptReason::Changed,
        DeoptReason::Unsupported,
        DeoptReason::Ending,
        DeoptReason::Missing,
        DeoptReason::Overwritten,
    ];

    pub fn describe(self) -> &'static str {
        match self {
            DeoptReason::Type => "a value of another type",
            DeoptReason::Overflow => "an int too large for a register",
            DeoptReason::Bounds => "an index out of range",
            DeoptReason::DivisionByZero => "a division by zero",
            DeoptReason::Unbound => "a variable without a value",
            DeoptReason::Global => "a global name was changed",
            DeoptReason::Class => "a class was changed",
            DeoptReason::Callee => "a callee left its code",
            DeoptReason::FrameSeen => "a frame was looked at",
            DeoptReason::Safepoint => "something was pending at a safepoint",
            DeoptReason::Exception => "an exception",
            DeoptReason::Unreached => "a path that had not been taken before",
            DeoptReason::Loop => "an assumption about a loop failed",
            DeoptReason::Value => "another value",
            DeoptReason::NoRoom => "no memory or stack left",
            DeoptReason::Requested => "requested by a test",
            DeoptReason::Domain => "a number out of an operation's domain",
            DeoptReason::Changed => "something taken for constant was changed",
            DeoptReason::Unsupported => "something that optimized code does not do",
            DeoptReason::Ending => "an object's end that may run code",
            DeoptReason::Missing => "a key that was not found",
            DeoptReason::Overwritten => "a value of another type to be written over",
        }
    }
}

/// A type that a guard met instead of the expected one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Met {
    /// Its name as it was then: the type may be gone.
    pub name: Box<str>,
    pub count: u64,
}

/// Types that are told apart at one point.
const MET_LIMIT: usize = 4;

/// A place where optimized code can be left. Code refers to it by its address.
pub struct DeoptPoint {
    pub owner: *mut Version,
    /// The frames that there are to be, the outermost first: that one exists and is the current one, unless a typed body is
    /// left (see [`super::LEAVE_TYPED`]).
    pub frames: Box<[FrameRecovery]>,
    pub virtuals: Box<[VirtualObject]>,
    /// Objects (or NULL) that no frame takes over: they are given up once the frames are filled.
    pub release: Box<[u16]>,
    /// How many words the code passes.
    pub words: usize,
    /// The instruction, by its byte offset, that the innermost frame is at while references are given up, if that is
    /// another one than it goes on at.
    pub finishing: Option<u32>,
    pub reason: DeoptReason,
    /// For [`DeoptReason::Type`]: what was expected, and which word is the object that was met (borrowed), if one is.
    pub expected: Option<Box<str>>,
    pub subject: Option<u16>,
    /// Times that the code was left here.
    pub count: u64,
    /// The types that were met, and how often another one than these.
    pub met: Vec<Met>,
    pub met_others: u64,
}

impl DeoptPoint {
    pub fn new(owner: *mut Version, frames: Vec<FrameRecovery>, reason: DeoptReason) -> DeoptPoint {
        DeoptPoint {
            owner,
            frames: frames.into(),
            virtuals: Box::default(),
            release: Box::default(),
            words: 0,
            finishing: None,
            reason,
            expected: None,
            subject: None,
            count: 0,
            met: Vec::new(),
            met_others: 0,
        }
    }

    /// The objects that the point names: constants, and the code of its frames.
    pub fn named(&self) -> impl Iterator<Item = *mut PyObject> {
        let of_virtuals = self.virtuals.iter().flat_map(VirtualObject::parts);
        let of_frames = self.frames.iter().flat_map(|frame| {
            let returned = match frame.going {
                Going::Waits(returns) => returns.parts(),
                _ => [Recovery::Null; 2],
            };
            let values = frame.locals.iter().chain(&frame.stack).copied();
            values.chain([frame.function]).chain(returned)
        });
        let constants = of_virtuals.chain(of_frames).filter_map(|recovery| match recovery {
            Recovery::Constant(object) => Some(object),
            _ => None,
        });
        let suspended = self.virtuals.iter().filter_map(|object| match object {
            VirtualObject::Generator { code, .. } => Some(code.cast()),
            _ => None,
        });
        let left = self.virtuals.iter().filter_map(|object| match object {
            VirtualObject::Exception { raised, .. } => raised.as_ref(),
            _ => None,
        });
        let left = left.flat_map(|raised| &raised.left).map(|frame| frame.code.cast());
        constants
            .chain(left)
            .chain(self.frames.iter().map(|frame| frame.code.cast()))
            .chain(suspended)
    }

    /// The reason in words, with what was expected and what was met.
    pub fn describe(&self) -> String {
        let mut text = self.reason.describe().to_owned();
        if let Some(expected) = &self.expected {
            text.push_str(": expected ");
            text.push_str(expected);
        }
        if !self.met.is_empty() {
            let names: Vec<_> = self.met.iter().map(|one| &*one.name).collect();
            text.push_str(", met ");
            text.push_str(&names.join(", "));
        }
        text
    }

    /// Notes the type of what a guard met.
    ///
    /// # Safety
    /// A live object.
    pub(super) unsafe fn note_type(&mut self, object: *mut PyObject) {
        // SAFETY: a live type has a name.
        let name = unsafe { CStr::from_ptr((*Py_TYPE(object)).tp_name) }.to_string_lossy();
        if let Some(known) = self.met.iter_mut().find(|one| *one.name == *name) {
            known.count += 1;
        } else if self.met.len() < MET_LIMIT {
            self.met.push(Met {
                name: name.into(),
                count: 1,
            });
        } else {
            self.met_others += 1;
        }
    }
}
