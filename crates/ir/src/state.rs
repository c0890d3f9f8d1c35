//! What the interpreter's frames hold where code is left.

use crate::{Symbol, Value};
use std::fmt;

/// A frame state's number in its function.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct State(pub u32);

impl State {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

/// Where one local or operand stack item comes from.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Recovery {
    /// The frame's slot has it already (outermost frame only).
    InFrame,
    /// A new reference to what this slot of the outermost frame has, which stays there (a local that is `InFrame`).
    Slot(u32),
    Null,
    /// An object that the version keeps alive.
    Constant(Symbol),
    /// An int, float or bool, which is boxed on the way; the same value gives the same object.
    Number(Value),
    /// An object whose reference goes along; a value of which the code holds several references can occur as often.
    Owned(Value),
    /// An object of which a reference is taken.
    Borrowed(Value),
    /// An object that has not been made: its number in [`FrameState::virtuals`].
    Virtual(u32),
}

/// An object that exists only where code is left.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum VirtualObject {
    Tuple(Vec<Recovery>),
    List(Vec<Recovery>),
    /// The iterator of `range(next, stop, step)`: ints.
    RangeIterator {
        next: Recovery,
        stop: Recovery,
        step: Recovery,
    },
    /// The list (or tuple) and the index of its next item.
    ListIterator {
        list: Recovery,
        index: Recovery,
    },
    TupleIterator {
        tuple: Recovery,
        index: Recovery,
    },
    /// An `array.array`, a memoryview, a NumPy array or a str, and the index of the next item.
    ArrayIterator {
        array: Recovery,
        index: Recovery,
    },
    /// A NumPy scalar of a type (a constant) and a number.
    NumpyScalar {
        ty: Recovery,
        value: Recovery,
    },
    /// A complex NumPy scalar of a type (a constant) and two floats.
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
    BoundMethod {
        function: Recovery,
        receiver: Recovery,
    },
    /// `range(start, stop, step)`: ints.
    Range {
        start: Recovery,
        stop: Recovery,
        step: Recovery,
    },
    /// `enumerate(iterator, count)`.
    Enumerate {
        iterator: Recovery,
        count: Recovery,
    },
    /// `zip(*iterators)`.
    Zip(Vec<Recovery>),
    Slice([Recovery; 3]),
    Complex {
        real: Recovery,
        imaginary: Recovery,
    },
    /// An instance of a class: the class (a constant), and the attributes in the order in which they were set, each by its
    /// index among the class's inline values.
    Instance {
        class: Recovery,
        indices: Vec<u8>,
        values: Vec<Recovery>,
    },
    /// The str of one character, by its code point.
    Character(Recovery),
    /// A cell with this value, or an empty one (`Null`).
    Cell(Recovery),
    /// A generator of a function, suspended before the instruction at an offset (bytes) of its code: its locals, then its
    /// operand stack. One that runs is that of a frame whose caller waits for it.
    Generator {
        function: Recovery,
        code: Symbol,
        offset: u32,
        progress: Progress,
        values: Vec<Recovery>,
    },
    /// A function made of a code object, with its globals (both constants) and its closure.
    Function {
        code: Recovery,
        globals: Recovery,
        closure: Recovery,
    },
    /// An exception: its class (a constant; or a class that raises it), what that is called with, and where it has been raised, if it has.
    Exception {
        class: Recovery,
        args: Vec<Recovery>,
        raised: Option<Box<Raised>>,
    },
}

/// Where an exception has been that was raised, and not made.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Raised {
    /// The frame that has caught it: which of the state's, and the offset of the instruction that raised there.
    pub frame: u32,
    pub offset: u32,
    /// While it is handled: the item of that frame's operand stack that has what was handled before.
    pub before: Option<u32>,
    /// The frames that it has left, the innermost first.
    pub left: Vec<LeftFrame>,
}

/// The frame of an inlined callee that an exception has left.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct LeftFrame {
    pub code: Symbol,
    /// The offset of the instruction that raised, and of that with which the frame ended.
    pub raised: u32,
    pub ended: u32,
    pub function: Recovery,
    pub locals: Vec<Recovery>,
}

/// How far a generator is that has not been made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Progress {
    Created,
    Suspended,
    Running,
    Finished,
}

impl Progress {
    pub const ALL: [Progress; 4] = [
        Progress::Created,
        Progress::Suspended,
        Progress::Running,
        Progress::Finished,
    ];

    /// As in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Progress::Created => "created",
            Progress::Suspended => "suspended",
            Progress::Running => "running",
            Progress::Finished => "finished",
        }
    }
}

impl VirtualObject {
    /// What it is made of.
    pub fn parts(&self) -> Vec<&Recovery> {
        match self {
            VirtualObject::Tuple(items) | VirtualObject::List(items) | VirtualObject::Zip(items) => {
                items.iter().collect()
            }
            VirtualObject::Range { start, stop, step } => vec![start, stop, step],
            VirtualObject::Enumerate { iterator, count } => vec![iterator, count],
            VirtualObject::RangeIterator { next, stop, step } => vec![next, stop, step],
            VirtualObject::ListIterator { list, index } => vec![list, index],
            VirtualObject::TupleIterator { tuple, index } => vec![tuple, index],
            VirtualObject::ArrayIterator { array, index } | VirtualObject::Row { array, index } => vec![array, index],
            VirtualObject::NumpyScalar { ty, value } => vec![ty, value],
            VirtualObject::NumpyComplex { ty, real, imaginary } => vec![ty, real, imaginary],
            VirtualObject::BoundMethod { function, receiver } => vec![function, receiver],
            VirtualObject::Slice(parts) => parts.iter().collect(),
            VirtualObject::Complex { real, imaginary } => vec![real, imaginary],
            VirtualObject::Instance { class, values, .. } => std::iter::once(class).chain(values).collect(),
            VirtualObject::Character(part) | VirtualObject::Cell(part) => vec![part],
            VirtualObject::Generator { function, values, .. } => std::iter::once(function).chain(values).collect(),
            VirtualObject::Function { code, globals, closure } => vec![code, globals, closure],
            VirtualObject::Exception { class, args, raised } => {
                let left = raised.iter().flat_map(|raised| &raised.left);
                let frames = left.flat_map(|frame| std::iter::once(&frame.function).chain(&frame.locals));
                std::iter::once(class).chain(args).chain(frames).collect()
            }
        }
    }

    /// What it is made of.
    pub fn parts_mut(&mut self) -> Vec<&mut Recovery> {
        match self {
            VirtualObject::Tuple(items) | VirtualObject::List(items) | VirtualObject::Zip(items) => {
                items.iter_mut().collect()
            }
            VirtualObject::Range { start, stop, step } => vec![start, stop, step],
            VirtualObject::Enumerate { iterator, count } => vec![iterator, count],
            VirtualObject::RangeIterator { next, stop, step } => vec![next, stop, step],
            VirtualObject::ListIterator { list, index } => vec![list, index],
            VirtualObject::TupleIterator { tuple, index } => vec![tuple, index],
            VirtualObject::ArrayIterator { array, index } | VirtualObject::Row { array, index } => vec![array, index],
            VirtualObject::NumpyScalar { ty, value } => vec![ty, value],
            VirtualObject::NumpyComplex { ty, real, imaginary } => vec![ty, real, imaginary],
            VirtualObject::BoundMethod { function, receiver } => vec![function, receiver],
            VirtualObject::Slice(parts) => parts.iter_mut().collect(),
            VirtualObject::Complex { real, imaginary } => vec![real, imaginary],
            VirtualObject::Character(part) | VirtualObject::Cell(part) => vec![part],
            VirtualObject::Instance { class, values, .. } => std::iter::once(class).chain(values).collect(),
            VirtualObject::Generator { function, values, .. } => std::iter::once(function).chain(values).collect(),
            VirtualObject::Function { code, globals, closure } => vec![code, globals, closure],
            VirtualObject::Exception { class, args, raised } => {
                let left = raised.iter_mut().flat_map(|raised| &mut raised.left);
                let frames = left.flat_map(|frame| std::iter::once(&mut frame.function).chain(&mut frame.locals));
                std::iter::once(class).chain(args).chain(frames).collect()
            }
        }
    }
}

/// What the instruction that a frame waits in does with its callee's result.
#[derive(Clone, PartialEq, Eq, Debug, Hash, Default)]
pub enum Returns {
    /// Pushes it.
    #[default]
    Value,
    /// Pushes it, and NULL: a property that is called.
    ValueAndNull,
    /// Drops it: `__setitem__`.
    Nothing,
    /// The callee is `__init__`: pushes this instance.
    Instance(Recovery),
    /// The callee is the method of a binary operator (the argument of `BINARY_OP`) for operands of these types.
    Operator { op: i32, left: Recovery, right: Recovery },
    /// The callee is the method of a comparison (the argument of `COMPARE_OP`) of these operands.
    Comparison { op: i32, left: Recovery, right: Recovery },
    /// The callee is `__len__`, of `len`.
    Length,
    /// The callee is this generator, which `FOR_ITER` has resumed; when it returns, the instruction that starts at
    /// `exhausted` comes next.
    Next { generator: Recovery, exhausted: u32 },
    /// The callee is this coroutine, which `SEND` has resumed; when it returns, the instruction that starts at `ends` comes
    /// next.
    Await { coroutine: Recovery, ends: u32 },
    /// The callee is this generator, which a builtin goes through (a number of the runtime's) that has come `so_far`.
    Consume {
        consumer: i32,
        generator: Recovery,
        so_far: Recovery,
    },
}

impl Returns {
    /// What it needs.
    pub fn parts(&self) -> Vec<&Recovery> {
        match self {
            Returns::Instance(instance) => vec![instance],
            Returns::Operator { left, right, .. } | Returns::Comparison { left, right, .. } => vec![left, right],
            Returns::Next { generator: one, .. } | Returns::Await { coroutine: one, .. } => vec![one],
            Returns::Consume { generator, so_far, .. } => vec![generator, so_far],
            Returns::Value | Returns::ValueAndNull | Returns::Nothing | Returns::Length => Vec::new(),
        }
    }

    /// What it needs.
    pub fn parts_mut(&mut self) -> Vec<&mut Recovery> {
        match self {
            Returns::Instance(instance) => vec![instance],
            Returns::Operator { left, right, .. } | Returns::Comparison { left, right, .. } => vec![left, right],
            Returns::Next { generator: one, .. } | Returns::Await { coroutine: one, .. } => vec![one],
            Returns::Consume { generator, so_far, .. } => vec![generator, so_far],
            Returns::Value | Returns::ValueAndNull | Returns::Nothing | Returns::Length => Vec::new(),
        }
    }
}

/// How execution goes on behind an exit, in the innermost frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Going {
    /// The instruction is done (again).
    Resume,
    /// An exception is set; it is dispatched from the instruction.
    Raise,
    /// The instruction is a call, whose callee's frames are with the thread: it waits for them, and goes on behind it.
    Wait,
}

/// One frame of the interpreter.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct FrameRecovery {
    /// The code object.
    pub code: Symbol,
    /// The function object; `InFrame` for the outermost.
    pub function: Recovery,
    /// Offset (bytes) of the instruction: of the call for all frames but the innermost, which go on behind it.
    pub offset: u32,
    pub locals: Vec<Recovery>,
    pub stack: Vec<Recovery>,
    /// How it uses the next frame's result; not looked at in the innermost.
    pub returns: Returns,
}

/// Why code is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A value has another type than those met before.
    Type,
    /// An int that 64 bits have no room for.
    Overflow,
    /// An index out of range.
    Bounds,
    DivisionByZero,
    /// A number out of an operation's domain: NaN to int, the root of a negative number, a shift by too much.
    Domain,
    /// A key that is not in a dictionary, or that code of the program may have to look for.
    Missing,
    /// A local variable without a value.
    Unbound,
    /// A global, a class or a callee is not what it was.
    Changed,
    /// An object has lost its last reference whose end may run code of the program's.
    Ending,
    /// Somebody holds the frame's frame object and may have changed its locals.
    Observed,
    /// Signals, other threads, the garbage collector or instrumentation want attention.
    Safepoint,
    /// An exception was raised.
    Exception,
    /// A path that had never been taken.
    Unreached,
    /// Something that only the other tiers do.
    Unsupported,
    /// A callee has left its code.
    Callee,
    /// What was done ahead for all rounds of a loop could not be.
    Loop,
    /// What is written over has another type than what is written.
    Overwritten,
}

impl Reason {
    pub const ALL: [Reason; 17] = [
        Reason::Type,
        Reason::Overflow,
        Reason::Bounds,
        Reason::DivisionByZero,
        Reason::Domain,
        Reason::Missing,
        Reason::Unbound,
        Reason::Changed,
        Reason::Ending,
        Reason::Observed,
        Reason::Safepoint,
        Reason::Exception,
        Reason::Unreached,
        Reason::Unsupported,
        Reason::Callee,
        Reason::Loop,
        Reason::Overwritten,
    ];

    /// As in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Type => "type",
            Reason::Overflow => "overflow",
            Reason::Bounds => "bounds",
            Reason::DivisionByZero => "division_by_zero",
            Reason::Domain => "domain",
            Reason::Missing => "missing",
            Reason::Unbound => "unbound",
            Reason::Changed => "changed",
            Reason::Ending => "ending",
            Reason::Observed => "observed",
            Reason::Safepoint => "safepoint",
            Reason::Exception => "exception",
            Reason::Unreached => "unreached",
            Reason::Unsupported => "unsupported",
            Reason::Callee => "callee",
            Reason::Loop => "loop",
            Reason::Overwritten => "overwritten",
        }
    }
}

/// What the interpreter's frames hold at an exit, and why it is there.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct FrameState {
    pub going: Going,
    pub reason: Reason,
    /// From the outermost frame to the innermost. All but the last wait for a callee.
    pub frames: Vec<FrameRecovery>,
    pub virtuals: Vec<VirtualObject>,
    /// Owned objects that no frame takes: their references are given up.
    pub release: Vec<Value>,
}

impl FrameState {
    /// Every recovery in it.
    pub fn recoveries(&self) -> impl Iterator<Item = &Recovery> {
        let frames = self.frames.iter();
        let frames = frames.flat_map(|frame| {
            std::iter::once(&frame.function)
                .chain(&frame.locals)
                .chain(&frame.stack)
                .chain(frame.returns.parts())
        });
        frames.chain(self.virtuals.iter().flat_map(VirtualObject::parts))
    }

    /// Every value that it refers to, with repetitions.
    pub fn values(&self) -> impl Iterator<Item = Value> {
        let recovered = self.recoveries().filter_map(|recovery| match recovery {
            Recovery::Number(value) | Recovery::Owned(value) | Recovery::Borrowed(value) => Some(*value),
            _ => None,
        });
        recovered.chain(self.release.iter().copied())
    }

    /// Replaces each value.
    pub fn map_values(&mut self, mut map: impl FnMut(Value) -> Value) {
        let mut change = |recovery: &mut Recovery| {
            if let Recovery::Number(value) | Recovery::Owned(value) | Recovery::Borrowed(value) = recovery {
                *value = map(*value);
            }
        };
        for frame in &mut self.frames {
            change(&mut frame.function);
            frame.locals.iter_mut().for_each(&mut change);
            frame.stack.iter_mut().for_each(&mut change);
            frame.returns.parts_mut().into_iter().for_each(&mut change);
        }
        for object in &mut self.virtuals {
            object.parts_mut().into_iter().for_each(&mut change);
        }
        for value in &mut self.release {
            *value = map(*value);
        }
    }
}
