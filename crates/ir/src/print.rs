//! The text form, printed. [`parse`](crate::parse) reads it back.
//!
//! ```text
//! function f
//! @int = object immortal
//! @list_append = function(object, object) -> int any
//!
//! b0(v0: pointer, v1: pointer, v2: int):
//!     at 4                                        ; x + 1
//!     v3: object = load.object.i64.frame+72 v0
//!     v4: bool = has_type @int v3
//!     guard v4 ! s0
//!     ...
//!     jump b1(v3)
//!
//! s0 = resume type [@f 4 locals(frame) stack()]
//! ```
//!
//! `at` gives the position of the instructions that follow in the block: a bytecode offset, with `1:` before it for the
//! first inlined code object and so on; a block starts at 0. A float is written with its shortest decimal digits, or as
//! `0x` and its bits where it is no number. A comment goes from `;` to the line's end.

use crate::op::ImmKind;
use crate::{
    Block, BlockCall, Call, Effect, FrameRecovery, FrameState, Function, Going, Imm, Inst, Position, Recovery, Returns,
    State, Symbol, SymbolKind, Type, Value, VirtualObject,
};
use justjit_builder::{FloatCond, IntCond, Region, Type as Width};
use std::fmt::{self, Display, Write};

/// Texts to show beside the code, such as its source lines.
pub type Annotations<'a> = &'a dyn Fn(Position) -> Option<String>;

/// A function's text form with annotations.
pub struct Annotated<'a> {
    pub function: &'a Function,
    pub annotations: Annotations<'a>,
}

impl Display for Annotated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.function, Some(self.annotations), f)
    }
}

impl Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self, None, f)
    }
}

impl Function {
    /// The text form with a text beside each new position.
    pub fn annotated<'a>(&'a self, annotations: Annotations<'a>) -> Annotated<'a> {
        Annotated {
            function: self,
            annotations,
        }
    }

    /// One instruction's text.
    pub fn inst_text(&self, inst: Inst) -> String {
        let mut text = String::new();
        print_inst(self, inst, &mut text).expect("a string takes everything");
        text
    }

    /// One frame state's text.
    pub fn state_text(&self, state: State) -> String {
        let mut text = String::new();
        print_state(self, &self.states[state.index()], &mut text).expect("a string takes everything");
        text
    }

    /// The states that instructions in blocks and loop headers refer to, in order.
    pub fn used_states(&self) -> Vec<State> {
        let mut states: Vec<State> = Vec::new();
        for block in &self.blocks {
            states.extend(block.entry_state);
            states.extend(block.insts.iter().filter_map(|&inst| self.inst(inst).state));
        }
        states.sort_unstable();
        states.dedup();
        states
    }
}

/// A symbol's name as the text form has it: bare where that is unambiguous.
pub(crate) struct Name<'a>(pub &'a str);

/// Characters of a bare name.
pub(crate) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$' | '<' | '>' | '/' | ':' | '-')
}

impl Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match !self.0.is_empty() && self.0.chars().all(is_name_char) {
            true => f.write_str(self.0),
            false => Quoted(self.0).fmt(f),
        }
    }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                c if c.is_control() => write!(f, "\\u{{{:x}}}", c as u32)?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

struct SymbolName<'a>(&'a Function, Symbol);

impl Display for SymbolName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.symbols.get(self.1.index()) {
            Some(data) => write!(f, "@{}", Name(&data.name)),
            None => write!(f, "@?{}", self.1.0),
        }
    }
}

/// Whatever can be displayed, with commas between.
struct List<I>(I);

impl<I: Iterator<Item = T> + Clone, T: Display> Display for List<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.clone().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{item}")?;
        }
        Ok(())
    }
}

macro_rules! names {
    ($(#[$meta:meta])* $function:ident $back:ident $ty:ty { $($variant:path = $name:literal,)* }) => {
        $(#[$meta])*
        pub fn $function(of: $ty) -> &'static str {
            match of { $($variant => $name,)* }
        }

        pub(crate) fn $back(name: &str) -> Option<$ty> {
            match name { $($name => Some($variant),)* _ => None }
        }
    };
}

names!(
    /// A comparison's name.
    int_cond_name int_cond IntCond {
        IntCond::Eq = "eq", IntCond::Ne = "ne",
        IntCond::SignedLt = "lt", IntCond::SignedLe = "le", IntCond::SignedGt = "gt", IntCond::SignedGe = "ge",
        IntCond::UnsignedLt = "ult", IntCond::UnsignedLe = "ule", IntCond::UnsignedGt = "ugt", IntCond::UnsignedGe = "uge",
    }
);
names!(
    /// A comparison's name.
    float_cond_name float_cond FloatCond {
        FloatCond::Eq = "eq", FloatCond::Ne = "ne", FloatCond::Lt = "lt", FloatCond::Le = "le",
        FloatCond::Gt = "gt", FloatCond::Ge = "ge",
    }
);
names!(
    /// A memory region's name.
    region_name region Region {
        Region::Any = "any", Region::Frame = "frame", Region::Header = "header", Region::Shape = "shape", Region::Count = "count",
        Region::Items = "items", Region::Atoms = "atoms", Region::Structures = "structures",
        Region::Payload = "payload", Region::Data = "data", Region::Stack = "stack",
    }
);
names!(
    /// The name of an effect that a [`Call`] can have.
    effect_name effect Effect {
        Effect::Pure = "pure", Effect::Load = "load", Effect::Store = "store", Effect::Guard = "guard",
        Effect::Allocate = "allocate", Effect::Reference = "reference", Effect::Any = "any", Effect::Call = "call", Effect::Account = "account",
        Effect::Locate = "locate", Effect::Safepoint = "safepoint", Effect::Reads = "reads", Effect::Control = "control",
    }
);

pub(crate) fn width_name(width: Width, signed: bool) -> &'static str {
    match (width, signed) {
        (Width::I8, true) => "i8",
        (Width::I8, false) => "u8",
        (Width::I16, true) => "i16",
        (Width::I16, false) => "u16",
        (Width::I32, true) => "i32",
        (Width::I32, false) => "u32",
        (Width::I64, true) => "i64",
        (Width::I64, false) => "u64",
        (Width::F32, _) => "f32",
        (Width::F64, _) => "f64",
    }
}

pub(crate) fn width(name: &str) -> Option<(Width, bool)> {
    Some(match name {
        "i8" => (Width::I8, true),
        "u8" => (Width::I8, false),
        "i16" => (Width::I16, true),
        "u16" => (Width::I16, false),
        "i32" => (Width::I32, true),
        "u32" => (Width::I32, false),
        "i64" => (Width::I64, true),
        "u64" => (Width::I64, false),
        "f32" => (Width::F32, false),
        "f64" => (Width::F64, false),
        _ => return None,
    })
}

/// A float, exactly.
struct Exact(f64);

impl Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            write!(f, "0x{:016x}", self.0.to_bits())
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

impl Display for BlockCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.block)?;
        if !self.args.is_empty() {
            write!(f, "({})", List(self.args.iter()))?;
        }
        Ok(())
    }
}

fn print(function: &Function, annotations: Option<Annotations<'_>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match !function.name.is_empty()
        && function
            .name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._".contains(c))
    {
        true => writeln!(f, "function {}", function.name)?,
        false => writeln!(f, "function {}", Quoted(&function.name))?,
    }
    for symbol in &function.symbols {
        write!(f, "@{} = ", Name(&symbol.name))?;
        match &symbol.kind {
            SymbolKind::Object { immortal: true } => writeln!(f, "object immortal")?,
            SymbolKind::Object { immortal: false } => writeln!(f, "object")?,
            SymbolKind::Data => writeln!(f, "data")?,
            SymbolKind::Code => writeln!(f, "code")?,
            SymbolKind::Function(call) => writeln!(f, "{call}")?,
        }
    }
    if !function.inlined.is_empty() {
        let names = function.inlined.iter().map(|&symbol| SymbolName(function, symbol));
        writeln!(f, "inlined {}", List(names))?;
    }
    for (index, data) in function.blocks.iter().enumerate() {
        if index > 0 && data.insts.is_empty() && data.params.is_empty() {
            continue;
        }
        writeln!(f)?;
        let block = Block(index as u32);
        write!(f, "{block}")?;
        if !data.params.is_empty() {
            let params = data.params.iter().map(|&value| Typed(function, value));
            write!(f, "({})", List(params))?;
        }
        if data.cold {
            f.write_str(" cold")?;
        }
        if let Some(state) = data.entry_state {
            write!(f, " entry {state}")?;
        }
        writeln!(f, ":")?;
        let mut position = Position::default();
        for &inst in &data.insts {
            let here = function.inst(inst).position;
            if here != position {
                position = here;
                print_position(here, annotations, f)?;
            }
            f.write_str("    ")?;
            print_inst(function, inst, f)?;
            writeln!(f)?;
        }
    }
    let states = function.used_states();
    if !states.is_empty() {
        writeln!(f)?;
    }
    for state in states {
        write!(f, "{state} = ")?;
        print_state(function, &function.states[state.index()], f)?;
        writeln!(f)?;
    }
    Ok(())
}

fn print_position(position: Position, annotations: Option<Annotations<'_>>, f: &mut dyn Write) -> fmt::Result {
    let mut text = match position.code {
        0 => format!("    at {}", position.offset),
        code => format!("    at {code}:{}", position.offset),
    };
    if let Some(note) = annotations.and_then(|notes| notes(position)) {
        text = format!("{text:<60}; {}", note.replace('\n', " "));
    }
    writeln!(f, "{text}")
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("function(")?;
        for (index, ty) in self.params.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if self.consumes.get(index).copied().unwrap_or(false) {
                f.write_str("consumed ")?;
            }
            write!(f, "{ty}")?;
        }
        f.write_str(")")?;
        if let Some(result) = self.result {
            write!(f, " -> {}{result}", if self.owned { "owned " } else { "" })?;
        }
        let through = if self.through { " through" } else { "" };
        write!(f, "{through} {}", effect_name(self.effect))
    }
}

struct Typed<'a>(&'a Function, Value);

impl Display for Typed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.1, self.0.type_of(self.1))
    }
}

fn print_inst(function: &Function, inst: Inst, f: &mut dyn Write) -> fmt::Result {
    let data = function.inst(inst);
    if let Some(result) = data.result {
        write!(f, "{} = ", Typed(function, result))?;
    }
    let info = data.op.info();
    f.write_str(info.name)?;
    match data.imm {
        Imm::None => {}
        Imm::Int(value) => write!(f, " {value}")?,
        Imm::Float(value) => write!(f, " {}", Exact(value))?,
        Imm::Bool(value) => write!(f, " {value}")?,
        Imm::Symbol(symbol) => write!(f, " {}", SymbolName(function, symbol))?,
        Imm::IntCond(cond) => write!(f, ".{}", int_cond_name(cond))?,
        Imm::FloatCond(cond) => write!(f, ".{}", float_cond_name(cond))?,
        Imm::Memory {
            ty,
            width,
            signed,
            region,
            offset,
            scale,
        } => {
            write!(f, ".{ty}.{}.{}", width_name(width, signed), region_name(region))?;
            if scale != 0 {
                write!(f, "*{scale}")?;
            }
            if offset != 0 {
                write!(f, "{offset:+}")?;
            }
        }
        Imm::Offset(offset) => write!(f, " {offset}")?,
    }
    if !data.args.is_empty() {
        write!(f, " {}", List(data.args.iter()))?;
    }
    if !data.targets.is_empty() {
        let comma = if data.args.is_empty() { "" } else { "," };
        write!(f, "{comma} {}", List(data.targets.iter()))?;
    }
    if let Some(state) = data.state {
        write!(f, " ! {state}")?;
    }
    debug_assert!(
        info.imm != ImmKind::None || data.imm == Imm::None,
        "{} has no immediate",
        info.name
    );
    Ok(())
}

struct Recovered<'a>(&'a Function, &'a Recovery);

impl Display for Recovered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Recovery::InFrame => f.write_str("frame"),
            Recovery::Slot(slot) => write!(f, "slot {slot}"),
            Recovery::Null => f.write_str("null"),
            Recovery::Constant(symbol) => write!(f, "const {}", SymbolName(self.0, *symbol)),
            Recovery::Number(value) => match self.0.type_of(*value) {
                ty @ (Type::Int | Type::Float | Type::Bool) => write!(f, "{ty} {value}"),
                _ => write!(f, "number {value}"),
            },
            Recovery::Owned(value) => write!(f, "owned {value}"),
            Recovery::Borrowed(value) => write!(f, "borrowed {value}"),
            Recovery::Virtual(index) => write!(f, "virtual {index}"),
        }
    }
}

/// The name of a virtual object's kind.
pub(crate) fn virtual_name(object: &VirtualObject) -> &'static str {
    match object {
        VirtualObject::Tuple(_) => "tuple",
        VirtualObject::List(_) => "list",
        VirtualObject::RangeIterator { .. } => "range_iterator",
        VirtualObject::ListIterator { .. } => "list_iterator",
        VirtualObject::TupleIterator { .. } => "tuple_iterator",
        VirtualObject::ArrayIterator { .. } => "array_iterator",
        VirtualObject::NumpyScalar { .. } => "numpy_scalar",
        VirtualObject::NumpyComplex { .. } => "numpy_complex",
        VirtualObject::Row { .. } => "row",
        VirtualObject::BoundMethod { .. } => "bound_method",
        VirtualObject::Range { .. } => "range",
        VirtualObject::Enumerate { .. } => "enumerate",
        VirtualObject::Zip(_) => "zip",
        VirtualObject::Slice(_) => "slice",
        VirtualObject::Complex { .. } => "complex",
        VirtualObject::Instance { .. } => "instance",
        VirtualObject::Character(_) => "character",
        VirtualObject::Cell(_) => "cell",
        VirtualObject::Generator { .. } => "generator",
        VirtualObject::Function { .. } => "function",
        VirtualObject::Exception { .. } => "exception",
    }
}

fn print_frame(function: &Function, frame: &FrameRecovery, f: &mut dyn Write) -> fmt::Result {
    write!(f, " [{} {}", SymbolName(function, frame.code), frame.offset)?;
    if frame.function != Recovery::InFrame {
        write!(f, " function({})", Recovered(function, &frame.function))?;
    }
    let list = |recoveries: &[Recovery]| {
        let items = recoveries.iter().map(|recovery| Recovered(function, recovery));
        List(items).to_string()
    };
    write!(f, " locals({}) stack({})", list(&frame.locals), list(&frame.stack))?;
    let parts = |recoveries: Vec<&Recovery>| {
        let items = recoveries.into_iter().map(|recovery| Recovered(function, recovery));
        List(items).to_string()
    };
    let needs = parts(frame.returns.parts());
    match &frame.returns {
        Returns::Value => {}
        Returns::ValueAndNull => f.write_str(" value_and_null")?,
        Returns::Nothing => f.write_str(" nothing")?,
        Returns::Length => f.write_str(" length")?,
        Returns::Instance(_) => write!(f, " instance({needs})")?,
        Returns::Operator { op, .. } => write!(f, " operator {op}({needs})")?,
        Returns::Comparison { op, .. } => write!(f, " comparison {op}({needs})")?,
        Returns::Next { exhausted, .. } => write!(f, " next {exhausted}({needs})")?,
        Returns::Await { ends, .. } => write!(f, " await {ends}({needs})")?,
        Returns::Consume { consumer, .. } => write!(f, " consume {consumer}({needs})")?,
    }
    f.write_char(']')
}

fn print_state(function: &Function, state: &FrameState, f: &mut dyn Write) -> fmt::Result {
    let going = match state.going {
        Going::Resume => "resume",
        Going::Raise => "raise",
        Going::Wait => "wait",
    };
    write!(f, "{going} {}", state.reason.name())?;
    for frame in &state.frames {
        print_frame(function, frame, f)?;
    }
    if !state.virtuals.is_empty() {
        f.write_str(" virtuals(")?;
        for (index, object) in state.virtuals.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let parts = object.parts();
            let parts = parts.iter().map(|part| Recovered(function, part));
            write!(f, "{comma}{}", virtual_name(object))?;
            if let VirtualObject::Instance { indices, .. } = object {
                let indices: Vec<_> = indices.iter().map(u8::to_string).collect();
                write!(f, " [{}]", indices.join(" "))?;
            }
            if let VirtualObject::Generator {
                code, offset, progress, ..
            } = object
            {
                let code = SymbolName(function, *code);
                write!(f, " [{code} {offset} {}]", progress.name())?;
            }
            if let VirtualObject::Exception { args, raised, .. } = object {
                write!(f, " [{}", args.len())?;
                if let Some(raised) = raised {
                    // 0 stands for no item.
                    let before = raised.before.map_or(0, |item| item + 1);
                    write!(f, " {} {} {before}", raised.frame, raised.offset)?;
                    for left in &raised.left {
                        let code = SymbolName(function, left.code);
                        write!(f, " {code} {} {} {}", left.raised, left.ended, left.locals.len())?;
                    }
                }
                f.write_str("]")?;
            }
            write!(f, "({})", List(parts))?;
        }
        f.write_str(")")?;
    }
    if !state.release.is_empty() {
        write!(f, " release({})", List(state.release.iter()))?;
    }
    Ok(())
}
