//! What is known of a value while bytecode is read: abstract values.
//!
//! An [`Item`] stands for a local variable's value or for an operand stack item. Numbers are unboxed, objects that nobody
//! has asked for do not exist yet, and for those that do it is known who owns their references.

use justjit_ir::{Symbol, Value};
use justjit_runtime::arrays::{Holder, Layout, Scalar};

/// The exact type of an object, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    Unknown,
    /// An object or NULL: in a slot whose value is not used any more.
    Maybe,
    None,
    Bool,
    Int,
    Float,
    /// An int or a float (of the exact types): what arithmetic on either gives.
    Number,
    Complex,
    Str,
    Bytes,
    ByteArray,
    List,
    Tuple,
    Dict,
    /// An iterator of `range`, of a list, of a tuple.
    RangeIterator,
    ListIterator,
    TupleIterator,
    /// An `array.array`, a memoryview, a NumPy array.
    Array(Holder),
    /// A NumPy scalar.
    Numpy(Scalar),
    /// Another type: its number among the builder's types.
    Other(u32),
}

impl Kind {
    /// Whether the end of such an object runs no Python code.
    pub fn ends_quietly(self) -> bool {
        matches!(
            self,
            Kind::None
                | Kind::Bool
                | Kind::Int
                | Kind::Float
                | Kind::Number
                | Kind::Complex
                | Kind::Str
                | Kind::Bytes
                | Kind::RangeIterator
                | Kind::Numpy(_)
        )
    }
}

/// Who gives an object's reference up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Owner {
    /// The item: whoever takes it.
    Item,
    /// The slot of this local variable of the outermost frame. The item is good until the slot changes.
    Slot(u32),
    /// Something that outlives the code: constants, the version's own references.
    Version,
}

/// An object in a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Object {
    pub value: Value,
    pub kind: Kind,
    pub owner: Owner,
}

/// The value of a constant that is a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Number {
    Int(i64),
    /// Bits.
    Float(u64),
    Bool(bool),
}

/// A constant object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Constant {
    pub symbol: Symbol,
    pub kind: Kind,
    pub number: Option<Number>,
}

/// What a range goes on by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Step {
    Known(i64),
    /// A value that is known to be greater than 0.
    Up(Value),
}

/// An iterator that has not been made.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Iterator {
    /// Of a range with a step that is known.
    Range {
        next: Value,
        stop: Value,
        step: Step,
    },
    /// Over a list, tuple or str, which the item owns like any other.
    Sequence {
        sequence: Box<Item>,
        index: Value,
    },
    /// Over an array, which the item owns like any other.
    Array {
        array: Box<Item>,
        index: Value,
        layout: Layout,
    },
    Enumerate {
        inner: Box<Item>,
        count: Value,
    },
    Zip {
        inner: Vec<Item>,
    },
}

/// An abstract value.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Item {
    /// NULL: no value (of a local), or the NULL below a call's arguments.
    Null,
    Constant(Constant),
    Int(Value),
    Float(Value),
    Bool(Value),
    Complex(Value, Value),
    /// A str of one character, which has not been made: its code point.
    Character(Value),
    /// A NumPy scalar: an int, a float or a bool, as its type is.
    Numpy(Scalar, Value),
    /// A complex NumPy scalar.
    NumpyComplex(Scalar, Value, Value),
    /// Part of a NumPy array, which has not been made: the array, and an index that is in range. It is on the operand
    /// stack only, until it is indexed.
    Row {
        array: Box<Item>,
        index: Value,
        layout: Layout,
    },
    Object(Object),
    /// A tuple that has not been made; the items' references are its own.
    Tuple(Vec<Item>),
    /// A list that nothing happens to but that it becomes a call's arguments (see `splices`).
    List(Vec<Item>),
    /// `range(start, stop, step)`, which has not been made.
    Range {
        start: Value,
        stop: Value,
        step: Step,
    },
    Iterator(Iterator),
    /// A slice of three items.
    Slice(Box<[Item; 3]>),
    /// An instance that has not been made: its number in [`Frame::instances`] of the outermost frame, and its type's among
    /// the builder's ([`NO_CLASS`] for an iterator).
    Instance(u32, u32),
    /// A function that has not been made: its code object, and its closure.
    Function {
        code: Symbol,
        closure: Vec<Item>,
    },
}

/// The class of an [`Item::Instance`] that stands for an iterator of any type.
pub const NO_CLASS: u32 = u32::MAX;

/// An instance that has not been made. It is as long as an item stands for it.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Instance {
    /// Its type's number among the builder's.
    pub class: u32,
    /// What its attributes are, by their indices among the class's inline values, in the order in which they were set.
    pub values: Vec<(u8, Item)>,
    /// It has been made since the present instruction began: what nobody has replaced yet stands for this object.
    pub made: Option<Value>,
    pub form: Form,
}

/// What there is to be known of an object that has not been made, besides its values.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Form {
    /// An instance of a class.
    Plain,
    /// An iterator that more than one item stands for: its only value.
    Iterator,
    /// A cell: its only value is what it holds, `Item::Null` if nothing.
    Cell,
    /// A generator. Its values are its locals, the items of its operand stack and its function, in this order; while it runs
    /// (its frame is among the frames), only the function.
    Generator(Suspended),
    /// An exception. Its values are its arguments, and then of each frame that it has left the function and the locals.
    Exception(Exception),
}

/// An exception that has not been made.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Exception {
    /// What makes it of its arguments: a class that raises it, if it is not its own class.
    pub raised_by: Option<Symbol>,
    /// How many arguments it has.
    pub args: usize,
    pub caught: Option<Caught>,
}

/// Where an exception that was raised is now.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Caught {
    /// The frame that has caught it: how many there are below it, and the instruction that raised there.
    pub depth: usize,
    pub code: usize,
    pub index: usize,
    /// While it is handled: the item of that frame's operand stack for what was handled before. That is `Item::Null`: it still is
    /// what the thread has.
    pub before: Option<usize>,
    /// The instruction that the last handler has been given the place of.
    pub lasti: usize,
    /// The frames that it has left, the innermost first.
    pub left: Vec<Left>,
}

/// A frame that an exception has left.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Left {
    /// Which of the builder's codes.
    pub code: usize,
    /// The instruction that raised, and that with which the frame ended.
    pub index: usize,
    pub ended: usize,
}

/// A generator that has not been made.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Suspended {
    /// Which of the builder's codes.
    pub code: usize,
    /// The instruction that it goes on at.
    pub index: usize,
    pub progress: justjit_ir::Progress,
    /// The call that it came of: the caller's code object, and the instruction.
    pub place: (usize, usize),
}

/// How a frame that waits uses its callee's result.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Returns {
    /// Pushes it.
    Value,
    /// Pushes it, and NULL.
    ValueAndNull,
    /// Drops it.
    Nothing,
    /// Pushes this instance, as the result is None.
    Instance(Item),
    /// The result is that of `BINARY_OP` with this argument, for operands of these types.
    Operator { op: i32, left: Constant, right: Constant },
    /// The result is that of `COMPARE_OP` with this argument, of these operands.
    Comparison { op: i32, operands: Box<[Item; 2]> },
    /// The result is that of `len`.
    Length,
    /// The frame is this generator's, which `FOR_ITER` has resumed: that pushes what it yields. At its end the instruction
    /// with this index comes next.
    Next { generator: Item, exhausted: usize },
    /// The frame is this coroutine's, which `SEND` has resumed. At its end the coroutine goes, what it returns is pushed, and
    /// the instruction behind that with this index (`END_SEND`) comes next.
    Await { coroutine: Item, ends: usize },
    /// The frame is a generator's, which a builtin goes through (a number of the runtime's): the generator, and what the
    /// builtin has so far (two items).
    Consume { consumer: i32, items: Box<[Item; 3]> },
}

impl Returns {
    fn items_mut(&mut self) -> &mut [Item] {
        match self {
            Returns::Instance(item) => std::slice::from_mut(item),
            Returns::Comparison { operands, .. } => &mut operands[..],
            Returns::Next { generator: one, .. } | Returns::Await { coroutine: one, .. } => std::slice::from_mut(one),
            Returns::Consume { items, .. } => &mut items[..],
            _ => &mut [],
        }
    }

    fn items(&self) -> &[Item] {
        match self {
            Returns::Instance(item) => std::slice::from_ref(item),
            Returns::Comparison { operands, .. } => &operands[..],
            Returns::Next { generator: one, .. } | Returns::Await { coroutine: one, .. } => std::slice::from_ref(one),
            Returns::Consume { items, .. } => &items[..],
            _ => &[],
        }
    }
}

impl Item {
    /// An object whose reference goes with the item.
    pub fn owned(value: Value, kind: Kind) -> Item {
        Item::Object(Object {
            value,
            kind,
            owner: Owner::Item,
        })
    }

    /// What is known of its type.
    pub fn kind(&self) -> Kind {
        match self {
            Item::Constant(constant) => constant.kind,
            Item::Int(_) => Kind::Int,
            Item::Float(_) => Kind::Float,
            Item::Bool(_) => Kind::Bool,
            Item::Complex(..) => Kind::Complex,
            Item::Character(_) => Kind::Str,
            Item::Numpy(scalar, _) | Item::NumpyComplex(scalar, ..) => Kind::Numpy(*scalar),
            Item::Row { .. } => Kind::Array(Holder::Ndarray),
            Item::Object(object) => object.kind,
            Item::Tuple(_) => Kind::Tuple,
            Item::List(_) => Kind::List,
            Item::Instance(_, NO_CLASS) => Kind::Unknown,
            Item::Instance(_, class) => Kind::Other(*class),
            Item::Iterator(Iterator::Range { .. }) => Kind::RangeIterator,
            _ => Kind::Unknown,
        }
    }

    /// Whether it is a number or a character that is no object (yet).
    pub fn is_unboxed(&self) -> bool {
        matches!(
            self,
            Item::Int(_)
                | Item::Float(_)
                | Item::Bool(_)
                | Item::Complex(..)
                | Item::Character(_)
                | Item::Numpy(..)
                | Item::NumpyComplex(..)
        )
    }

    /// Whether it is a number that is no object (yet), and could be more than one.
    pub fn is_counted(&self) -> bool {
        match self {
            Item::Int(_) | Item::Float(_) | Item::Complex(..) | Item::NumpyComplex(..) => true,
            Item::Numpy(scalar, _) => *scalar != Scalar::Bool,
            _ => false,
        }
    }

    /// Whether it is something other than an object that has not been made, or a number.
    pub fn is_plain(&self) -> bool {
        self.is_unboxed() || matches!(self, Item::Null | Item::Constant(_) | Item::Object(_))
    }

    /// Whether there is an iterator in it that has not been made: it changes, so it must not be had twice.
    pub fn has_iterator(&self) -> bool {
        match self {
            Item::Iterator(_) => true,
            Item::Tuple(items) | Item::List(items) => items.iter().any(Item::has_iterator),
            Item::Slice(parts) => parts.iter().any(Item::has_iterator),
            Item::Function { closure, .. } => closure.iter().any(Item::has_iterator),
            _ => false,
        }
    }

    /// Replaces the values in it.
    pub fn map(&mut self, map: &mut dyn FnMut(Value) -> Value) {
        let mut all = |values: &mut [&mut Value]| values.iter_mut().for_each(|value| **value = map(**value));
        match self {
            Item::Null | Item::Constant(_) | Item::Instance(..) => {}
            Item::Int(value)
            | Item::Float(value)
            | Item::Bool(value)
            | Item::Character(value)
            | Item::Numpy(_, value) => all(&mut [value]),
            Item::Complex(real, imaginary) | Item::NumpyComplex(_, real, imaginary) => all(&mut [real, imaginary]),
            Item::Object(object) => all(&mut [&mut object.value]),
            Item::Tuple(items) | Item::List(items) => items.iter_mut().for_each(|item| item.map(map)),
            Item::Range { start, stop, step } => match step {
                Step::Known(_) => all(&mut [start, stop]),
                Step::Up(step) => all(&mut [start, stop, step]),
            },
            Item::Iterator(Iterator::Range { next, stop, step }) => match step {
                Step::Known(_) => all(&mut [next, stop]),
                Step::Up(step) => all(&mut [next, stop, step]),
            },
            Item::Iterator(Iterator::Sequence { sequence, index }) => {
                *index = map(*index);
                sequence.map(map);
            }
            Item::Row { array, index, .. } | Item::Iterator(Iterator::Array { array, index, .. }) => {
                *index = map(*index);
                array.map(map);
            }
            Item::Iterator(Iterator::Enumerate { inner, count }) => {
                *count = map(*count);
                inner.map(map);
            }
            Item::Iterator(Iterator::Zip { inner }) => inner.iter_mut().for_each(|item| item.map(map)),
            Item::Slice(parts) => parts.iter_mut().for_each(|item| item.map(map)),
            Item::Function { closure, .. } => closure.iter_mut().for_each(|item| item.map(map)),
        }
    }

    /// Calls `visit` for each object in it.
    pub fn objects_mut(&mut self, visit: &mut dyn FnMut(&mut Object)) {
        match self {
            Item::Object(object) => visit(object),
            Item::Tuple(items) | Item::List(items) | Item::Iterator(Iterator::Zip { inner: items }) => {
                items.iter_mut().for_each(|item| item.objects_mut(visit));
            }
            Item::Iterator(Iterator::Sequence { sequence: inner, .. } | Iterator::Enumerate { inner, .. })
            | Item::Iterator(Iterator::Array { array: inner, .. })
            | Item::Row { array: inner, .. } => inner.objects_mut(visit),
            Item::Slice(parts) => parts.iter_mut().for_each(|item| item.objects_mut(visit)),
            Item::Function { closure, .. } => closure.iter_mut().for_each(|item| item.objects_mut(visit)),
            _ => {}
        }
    }
}

/// A local variable.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Local {
    pub item: Item,
    /// Its slot holds just this object (outermost frame). Otherwise the slot holds something whose end runs no Python
    /// code, or NULL.
    pub home: bool,
}

/// A frame of the interpreter as it would be.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Frame {
    /// Which of the builder's codes.
    pub code: usize,
    /// The instruction that is to be done; the call that is waited for, in all but the innermost.
    pub index: usize,
    /// The function object; `Null` for the outermost.
    pub function: Item,
    pub locals: Vec<Local>,
    pub stack: Vec<Item>,
    /// How the frame that waits for this one uses its result.
    pub returns: Returns,
    /// The instances that have not been made, of all frames (in the outermost).
    pub instances: Vec<Instance>,
}

impl Frame {
    /// Every item in it.
    pub fn items_mut(&mut self) -> impl std::iter::Iterator<Item = &mut Item> {
        let locals = self.locals.iter_mut().map(|local| &mut local.item);
        let values = self.instances.iter_mut().flat_map(|instance| &mut instance.values);
        std::iter::once(&mut self.function)
            .chain(self.returns.items_mut())
            .chain(locals)
            .chain(&mut self.stack)
            .chain(values.map(|(_, item)| item))
    }

    /// Every item in it but those that are attributes.
    pub fn items(&self) -> impl std::iter::Iterator<Item = &Item> {
        let locals = self.locals.iter().map(|local| &local.item);
        std::iter::once(&self.function)
            .chain(self.returns.items())
            .chain(locals)
            .chain(&self.stack)
    }
}

/// The frames without their values: what distinguishes versions of a block.
pub fn shape_of(frames: &[Frame]) -> Vec<Frame> {
    let mut shape = frames.to_vec();
    for item in shape.iter_mut().flat_map(Frame::items_mut) {
        item.map(&mut |_| Value(0));
    }
    shape
}

/// The values in the frames, in a fixed order.
pub fn values_of(frames: &[Frame]) -> Vec<Value> {
    let mut values = Vec::new();
    let mut frames = frames.to_vec();
    for item in frames.iter_mut().flat_map(Frame::items_mut) {
        item.map(&mut |value| {
            values.push(value);
            value
        });
    }
    values
}

/// Whether frames can be made to have another shape: by forgetting, and by boxing numbers if that is wanted. Of a local of the
/// outermost one that `escapes`, it is not forgotten that its number has an object.
pub fn fits(frames: &[Frame], shape: &[Frame], boxing: bool, escapes: &dyn Fn(usize) -> bool) -> bool {
    let mut depth = 0;
    let instances_fit = frames[0].instances.len() == shape[0].instances.len()
        && frames[0]
            .instances
            .iter()
            .zip(&shape[0].instances)
            .all(|(one, wanted)| {
                one.class == wanted.class
                    && one.form == wanted.form
                    && one.values.len() == wanted.values.len()
                    && one
                        .values
                        .iter()
                        .zip(&wanted.values)
                        .all(|((index, item), (other, wanted))| index == other && item_fits(item, wanted, boxing))
            });
    instances_fit
        && frames.iter().zip(shape).all(|(frame, wanted)| {
            let outermost = depth == 0;
            depth += 1;
            let locals = frame.locals.iter().zip(&wanted.locals);
            let mut locals = locals.enumerate().map(|(at, (local, wanted))| {
                if outermost {
                    local_fits(local, wanted, boxing, &|| escapes(at))
                } else {
                    item_fits(&local.item, &wanted.item, boxing)
                }
            });
            let stack = frame.stack.iter().zip(&wanted.stack);
            let mut stack = stack.map(|(item, wanted)| item_fits(item, wanted, boxing));
            let mut returns = frame.returns.items().iter().zip(wanted.returns.items());
            returns.all(|(item, wanted)| same(item, wanted))
                && same(&frame.function, &wanted.function)
                && locals.all(|fine| fine)
                && stack.all(|fine| fine)
        })
}

/// Whether two items are of one shape.
fn same(item: &Item, wanted: &Item) -> bool {
    let mut item = item.clone();
    item.map(&mut |_| Value(0));
    item == *wanted
}

fn kind_fits(kind: Kind, wanted: Kind) -> bool {
    kind == wanted || wanted == Kind::Maybe || (wanted == Kind::Unknown && kind != Kind::Maybe)
}

fn local_fits(local: &Local, wanted: &Local, boxing: bool, escapes: &dyn Fn() -> bool) -> bool {
    match (&local.item, &wanted.item) {
        (Item::Instance(..), other) => local.item == *other && local.home == wanted.home,
        (Item::Object(object), Item::Object(other)) => kind_fits(object.kind, other.kind) && local.home && wanted.home,
        (Item::Null, other) => *other == Item::Null,
        (_, Item::Null) => false,
        // A slot that holds the number's object may as well hold something else that ends quietly.
        (item, other) if same(item, other) => {
            wanted.home == local.home || (local.home && item.is_unboxed() && !(item.is_counted() && escapes()))
        }
        (item, Item::Object(other)) => kind_fits(item.kind(), other.kind) && wanted.home && (local.home || boxing),
        _ => false,
    }
}

fn item_fits(item: &Item, wanted: &Item, boxing: bool) -> bool {
    match (item, wanted) {
        (Item::Instance(..), other) => item == other,
        (Item::Object(object), Item::Object(other)) => {
            kind_fits(object.kind, other.kind) && (object.owner == other.owner || other.owner == Owner::Item)
        }
        (Item::Null, other) => *other == Item::Null,
        (_, Item::Null) => false,
        (item, other) if same(item, other) => true,
        (item, Item::Object(other)) => {
            let cheap = matches!(item, Item::Constant(_) | Item::Bool(_));
            kind_fits(item.kind(), other.kind) && other.owner == Owner::Item && (boxing || cheap)
        }
        _ => false,
    }
}
