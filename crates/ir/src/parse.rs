//! The text form, read back. See [`print`](crate::Function) for what it looks like.

use crate::op::{ImmKind, Op};
use crate::print::{effect, float_cond, int_cond, region, width};
use crate::tokens::{Line, Result_, Token, entity, type_named};
use crate::{
    Block, BlockCall, Call, FrameRecovery, FrameState, Function, Going, Imm, Inst, InstData, LeftFrame, Position,
    Progress, Raised, Reason, Recovery, Returns, State, Symbol, SymbolData, SymbolKind, Type, Value, ValueData,
    ValueDef, VirtualObject,
};
use std::collections::HashMap;
use std::fmt;

/// Why a text is not that of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

/// Reads a function. Numbers of values, blocks and states are kept; those of instructions are new. Whether the function
/// is well formed is for [`verify`](crate::verify) to say.
pub fn parse(text: &str) -> Result<Function, ParseError> {
    let mut parser = Parser::default();
    for (index, line) in text.lines().enumerate() {
        let wrap = |message| ParseError {
            line: index + 1,
            message,
        };
        let mut line = Line::of(line).map_err(wrap)?;
        if !line.done() {
            parser.line = index + 1;
            parser.line(&mut line).map_err(wrap)?;
            line.end().map_err(wrap)?;
        }
    }
    parser.finish()
}

#[derive(Default)]
struct Parser {
    function: Function,
    /// The line that is read, from 1.
    line: usize,
    block: Option<Block>,
    position: Position,
    symbols: HashMap<String, Symbol>,
    /// Definitions, with their types.
    defined: HashMap<u32, (Type, ValueDef)>,
    /// Where values, states and blocks are used that must be defined somewhere.
    used: Vec<(usize, Use)>,
    states: HashMap<u32, FrameState>,
    named: bool,
}

#[derive(Clone, Copy)]
enum Use {
    Value(Value),
    State(State),
    Block(Block),
    /// Recovered as a number of this type.
    Number(Value, Type),
}

impl Parser {
    fn line(&mut self, line: &mut Line) -> Result_<()> {
        match line.peek() {
            Some(Token::Symbol(_)) => self.declare(line),
            Some(Token::Word(word)) => {
                let word = word.clone();
                let next = line.tokens.get(line.at + 1);
                if word == "function" && !self.named {
                    line.next()?;
                    self.function.name = line.word()?;
                    self.named = true;
                    return Ok(());
                }
                if word == "inlined" && self.block.is_none() {
                    line.next()?;
                    loop {
                        let symbol = self.symbol(line)?;
                        self.function.inlined.push(symbol);
                        if !line.take_sign(',') {
                            return Ok(());
                        }
                    }
                }
                if word == "at" {
                    line.next()?;
                    return self.at(line);
                }
                if entity(&word, 's').is_some() && next == Some(&Token::Sign('=')) {
                    return self.state(line);
                }
                if let Some(number) = entity(&word, 'b') {
                    line.next()?;
                    return self.block(line, Block(number));
                }
                self.inst(line)
            }
            Some(other) => Err(format!("unexpected {other}")),
            None => Ok(()),
        }
    }

    fn at(&mut self, line: &mut Line) -> Result_<()> {
        let first: u32 = line.number()?;
        self.position = match line.take_sign(':') {
            true => Position {
                code: first,
                offset: line.number()?,
            },
            false => Position { code: 0, offset: first },
        };
        match self.position.code as usize > self.function.inlined.len() {
            true => Err(format!("there is no inlined code object {}", self.position.code)),
            false => Ok(()),
        }
    }

    fn declare(&mut self, line: &mut Line) -> Result_<()> {
        let Token::Symbol(name) = line.next()? else {
            return Err("a symbol is wanted".into());
        };
        line.sign('=')?;
        let kind = match line.word()?.as_str() {
            "object" => SymbolKind::Object {
                immortal: line.take_word("immortal"),
            },
            "data" => SymbolKind::Data,
            "code" => SymbolKind::Code,
            "function" => {
                line.sign('(')?;
                let params = line.list(|line| Ok((line.take_word("consumed"), line.ty()?)))?;
                let (mut result, mut owned) = (None, false);
                if line.take(&Token::Arrow) {
                    owned = line.take_word("owned");
                    result = Some(line.ty()?);
                }
                let through = line.take_word("through");
                let word = line.word()?;
                SymbolKind::Function(Call {
                    consumes: params.iter().map(|param| param.0).collect(),
                    params: params.into_iter().map(|param| param.1).collect(),
                    result,
                    effect: effect(&word).ok_or_else(|| format!("`{word}` is no effect"))?,
                    owned,
                    through,
                })
            }
            other => return Err(format!("`{other}` is no kind of symbol")),
        };
        let symbol = Symbol(self.function.symbols.len() as u32);
        if self.symbols.insert(name.clone(), symbol).is_some() {
            return Err(format!("@{name} is declared twice"));
        }
        self.function.symbols.push(SymbolData {
            name,
            kind,
            address: std::ptr::null(),
            function: None,
        });
        Ok(())
    }

    fn symbol(&mut self, line: &mut Line) -> Result_<Symbol> {
        match line.next()? {
            Token::Symbol(name) => self
                .symbols
                .get(&name)
                .copied()
                .ok_or(format!("@{name} is not declared")),
            other => Err(format!("a symbol is wanted, not {other}")),
        }
    }

    fn value(&mut self, line: &mut Line) -> Result_<Value> {
        let word = line.word()?;
        let value = Value(entity(&word, 'v').ok_or_else(|| format!("`{word}` is no value"))?);
        self.used.push((self.line, Use::Value(value)));
        Ok(value)
    }

    fn define(&mut self, line: &mut Line, def: ValueDef) -> Result_<Value> {
        let word = line.word()?;
        let number = entity(&word, 'v').ok_or_else(|| format!("`{word}` is no value"))?;
        line.sign(':')?;
        let ty = line.ty()?;
        match self.defined.insert(number, (ty, def)) {
            None => Ok(Value(number)),
            Some(_) => Err(format!("v{number} is defined twice")),
        }
    }

    fn grow_blocks(&mut self, block: Block) {
        let count = self.function.blocks.len().max(block.index() + 1);
        self.function.blocks.resize_with(count, Default::default);
    }

    fn block(&mut self, line: &mut Line, block: Block) -> Result_<()> {
        self.grow_blocks(block);
        let known = &self.function.blocks[block.index()];
        if !known.insts.is_empty() || !known.params.is_empty() || self.block == Some(block) {
            return Err(format!("{block} is there twice"));
        }
        if line.take_sign('(') {
            let mut index = 0;
            let params = line.list(|line| {
                index += 1;
                self.define(line, ValueDef::Param(block, index - 1))
            })?;
            self.function.blocks[block.index()].params = params;
        }
        self.function.blocks[block.index()].cold = line.take_word("cold");
        if line.take_word("entry") {
            self.function.blocks[block.index()].entry_state = Some(self.state_number(line)?);
        }
        line.sign(':')?;
        self.block = Some(block);
        self.position = Position::default();
        Ok(())
    }

    fn state_number(&mut self, line: &mut Line) -> Result_<State> {
        let word = line.word()?;
        let state = State(entity(&word, 's').ok_or_else(|| format!("`{word}` is no state"))?);
        self.used.push((self.line, Use::State(state)));
        Ok(state)
    }

    fn inst(&mut self, line: &mut Line) -> Result_<()> {
        let block = self.block.ok_or("an instruction outside of blocks")?;
        let inst = Inst(self.function.insts.len() as u32);
        let mut result = None;
        if line.tokens.get(line.at + 1) == Some(&Token::Sign(':')) {
            result = Some(self.define(line, ValueDef::Result(inst))?);
            line.sign('=')?;
        }
        let word = line.word()?;
        let (name, suffix) = word.split_once('.').unwrap_or((&word, ""));
        let op = Op::from_name(name).ok_or_else(|| format!("`{name}` is no operation"))?;
        let imm = self.immediate(line, op.info().imm, suffix)?;
        let (mut args, mut targets) = (Vec::new(), Vec::new());
        while !line.done() && line.peek() != Some(&Token::Sign('!')) {
            if !args.is_empty() || !targets.is_empty() {
                line.sign(',')?;
            }
            let target = match line.peek() {
                Some(Token::Word(word)) => entity(word, 'b'),
                _ => None,
            };
            match target {
                Some(number) => {
                    line.next()?;
                    self.used.push((self.line, Use::Block(Block(number))));
                    let args = match line.take_sign('(') {
                        true => line.list(|line| self.value(line))?,
                        false => Vec::new(),
                    };
                    targets.push(BlockCall {
                        block: Block(number),
                        args,
                    });
                }
                None => args.push(self.value(line)?),
            }
        }
        let state = match line.take_sign('!') {
            true => Some(self.state_number(line)?),
            false => None,
        };
        self.function.insts.push(InstData {
            op,
            args,
            imm,
            state,
            targets,
            result,
            position: self.position,
        });
        self.function.blocks[block.index()].insts.push(inst);
        Ok(())
    }

    fn immediate(&mut self, line: &mut Line, kind: ImmKind, suffix: &str) -> Result_<Imm> {
        let wrong = || format!("`{suffix}` is not what the operation has");
        Ok(match kind {
            ImmKind::IntCond => Imm::IntCond(int_cond(suffix).ok_or_else(wrong)?),
            ImmKind::FloatCond => Imm::FloatCond(float_cond(suffix).ok_or_else(wrong)?),
            ImmKind::Memory => memory(suffix)?,
            _ if !suffix.is_empty() => return Err(wrong()),
            ImmKind::None => Imm::None,
            ImmKind::Int => Imm::Int(line.number()?),
            ImmKind::Float => Imm::Float(line.float()?),
            ImmKind::Bool => Imm::Bool(line.number()?),
            ImmKind::Symbol => Imm::Symbol(self.symbol(line)?),
            ImmKind::Offset => Imm::Offset(line.number()?),
        })
    }

    fn recovery(&mut self, line: &mut Line) -> Result_<Recovery> {
        let word = line.word()?;
        Ok(match word.as_str() {
            "frame" => Recovery::InFrame,
            "slot" => Recovery::Slot(line.number()?),
            "null" => Recovery::Null,
            "const" => Recovery::Constant(self.symbol(line)?),
            "owned" => Recovery::Owned(self.value(line)?),
            "borrowed" => Recovery::Borrowed(self.value(line)?),
            "virtual" => Recovery::Virtual(line.number()?),
            "number" => Recovery::Number(self.value(line)?),
            "int" | "float" | "bool" => {
                let ty = type_named(&word)?;
                let value = self.value(line)?;
                self.used.push((self.line, Use::Number(value, ty)));
                Recovery::Number(value)
            }
            other => return Err(format!("`{other}` is no way to recover a value")),
        })
    }

    fn recoveries(&mut self, line: &mut Line) -> Result_<Vec<Recovery>> {
        line.sign('(')?;
        line.list(|line| self.recovery(line))
    }

    fn state(&mut self, line: &mut Line) -> Result_<()> {
        let word = line.word()?;
        let number = entity(&word, 's').ok_or("a state is wanted")?;
        line.sign('=')?;
        let going = match line.word()?.as_str() {
            "resume" => Going::Resume,
            "raise" => Going::Raise,
            "wait" => Going::Wait,
            other => return Err(format!("`{other}` is no way to go on")),
        };
        let word = line.word()?;
        let reason = Reason::ALL.into_iter().find(|reason| reason.name() == word);
        let reason = reason.ok_or_else(|| format!("`{word}` is no reason"))?;
        let mut frames = Vec::new();
        while line.take_sign('[') {
            frames.push(self.frame(line)?);
        }
        let mut virtuals = Vec::new();
        if line.take_word("virtuals") {
            line.sign('(')?;
            virtuals = line.list(|line| self.virtual_object(line))?;
        }
        let mut release = Vec::new();
        if line.take_word("release") {
            line.sign('(')?;
            release = line.list(|line| self.value(line))?;
        }
        let state = FrameState {
            going,
            reason,
            frames,
            virtuals,
            release,
        };
        match self.states.insert(number, state) {
            None => Ok(()),
            Some(_) => Err(format!("s{number} is there twice")),
        }
    }

    fn frame(&mut self, line: &mut Line) -> Result_<FrameRecovery> {
        let code = self.symbol(line)?;
        let offset = line.number()?;
        let mut frame = FrameRecovery {
            code,
            function: Recovery::InFrame,
            offset,
            locals: Vec::new(),
            stack: Vec::new(),
            returns: Returns::Value,
        };
        while !line.take_sign(']') {
            match line.word()?.as_str() {
                "function" => match &self.recoveries(line)?[..] {
                    [one] => frame.function = one.clone(),
                    _ => return Err("a frame has one function".into()),
                },
                "locals" => frame.locals = self.recoveries(line)?,
                "stack" => frame.stack = self.recoveries(line)?,
                "value_and_null" => frame.returns = Returns::ValueAndNull,
                "nothing" => frame.returns = Returns::Nothing,
                "length" => frame.returns = Returns::Length,
                "instance" => match &self.recoveries(line)?[..] {
                    [one] => frame.returns = Returns::Instance(one.clone()),
                    _ => return Err("an `__init__` has one instance".into()),
                },
                which @ ("operator" | "comparison") => {
                    let op = line.number()?;
                    let [left, right] = &self.recoveries(line)?[..] else {
                        return Err(format!("the {which} has two operands"));
                    };
                    let (left, right) = (left.clone(), right.clone());
                    frame.returns = match which {
                        "operator" => Returns::Operator { op, left, right },
                        _ => Returns::Comparison { op, left, right },
                    };
                }
                which @ ("next" | "await") => {
                    let goes_on = line.number()?;
                    let [one] = &self.recoveries(line)?[..] else {
                        return Err(format!("`{which}` resumes one generator"));
                    };
                    let one = one.clone();
                    frame.returns = match which {
                        "next" => Returns::Next {
                            generator: one,
                            exhausted: goes_on,
                        },
                        _ => Returns::Await {
                            coroutine: one,
                            ends: goes_on,
                        },
                    };
                }
                "consume" => {
                    let consumer = line.number()?;
                    let [generator, so_far] = &self.recoveries(line)?[..] else {
                        return Err("a builtin goes through one generator, and has come so far".into());
                    };
                    frame.returns = Returns::Consume {
                        consumer,
                        generator: generator.clone(),
                        so_far: so_far.clone(),
                    };
                }
                other => return Err(format!("`{other}` is no part of a frame")),
            }
        }
        Ok(frame)
    }

    fn virtual_exception(&mut self, line: &mut Line) -> Result_<VirtualObject> {
        line.sign('[')?;
        let count: usize = line.number()?;
        let mut raised = None;
        let mut counts = Vec::new();
        if !line.take_sign(']') {
            let (frame, offset) = (line.number()?, line.number()?);
            let before: u32 = line.number()?;
            let mut left = Vec::new();
            while !line.take_sign(']') {
                left.push(LeftFrame {
                    code: self.symbol(line)?,
                    raised: line.number()?,
                    ended: line.number()?,
                    function: Recovery::Null,
                    locals: Vec::new(),
                });
                counts.push(line.number::<usize>()?);
            }
            raised = Some(Box::new(Raised {
                frame,
                offset,
                before: before.checked_sub(1),
                left,
            }));
        }
        let mut parts = self.recoveries(line)?.into_iter();
        let missing = || "an exception has a class, arguments and the frames that it has left".to_owned();
        let class = parts.next().ok_or_else(missing)?;
        let args: Vec<Recovery> = parts.by_ref().take(count).collect();
        for (left, locals) in raised.iter_mut().flat_map(|raised| &mut raised.left).zip(&counts) {
            left.function = parts.next().ok_or_else(missing)?;
            left.locals = parts.by_ref().take(*locals).collect();
        }
        let locals = raised
            .iter()
            .flat_map(|raised| &raised.left)
            .map(|left| left.locals.len());
        if args.len() != count || locals.ne(counts) || parts.next().is_some() {
            return Err(missing());
        }
        Ok(VirtualObject::Exception { class, args, raised })
    }

    fn virtual_object(&mut self, line: &mut Line) -> Result_<VirtualObject> {
        let name = line.word()?;
        if name == "instance" {
            line.sign('[')?;
            let mut indices = Vec::new();
            while !line.take_sign(']') {
                indices.push(line.number()?);
            }
            let mut parts = self.recoveries(line)?;
            if parts.len() != indices.len() + 1 {
                return Err("an instance has a class and a value for each index".into());
            }
            let class = parts.remove(0);
            return Ok(VirtualObject::Instance {
                class,
                indices,
                values: parts,
            });
        }
        if name == "generator" {
            line.sign('[')?;
            let code = self.symbol(line)?;
            let offset = line.number()?;
            let word = line.word()?;
            let progress = Progress::ALL.into_iter().find(|one| one.name() == word);
            let progress = progress.ok_or_else(|| format!("a generator is not `{word}`"))?;
            line.sign(']')?;
            let mut values = self.recoveries(line)?;
            if values.is_empty() {
                return Err("a generator has a function".into());
            }
            let function = values.remove(0);
            return Ok(VirtualObject::Generator {
                function,
                code,
                offset,
                progress,
                values,
            });
        }
        if name == "exception" {
            return self.virtual_exception(line);
        }
        let parts = self.recoveries(line)?;
        Ok(match (name.as_str(), &parts[..]) {
            ("function", [code, globals, closure]) => VirtualObject::Function {
                code: code.clone(),
                globals: globals.clone(),
                closure: closure.clone(),
            },
            ("tuple", _) => VirtualObject::Tuple(parts),
            ("list", _) => VirtualObject::List(parts),
            ("range_iterator", [next, stop, step]) => VirtualObject::RangeIterator {
                next: next.clone(),
                stop: stop.clone(),
                step: step.clone(),
            },
            ("list_iterator", [list, index]) => VirtualObject::ListIterator {
                list: list.clone(),
                index: index.clone(),
            },
            ("tuple_iterator", [tuple, index]) => VirtualObject::TupleIterator {
                tuple: tuple.clone(),
                index: index.clone(),
            },
            ("array_iterator", [array, index]) => VirtualObject::ArrayIterator {
                array: array.clone(),
                index: index.clone(),
            },
            ("numpy_scalar", [ty, value]) => VirtualObject::NumpyScalar {
                ty: ty.clone(),
                value: value.clone(),
            },
            ("numpy_complex", [ty, real, imaginary]) => VirtualObject::NumpyComplex {
                ty: ty.clone(),
                real: real.clone(),
                imaginary: imaginary.clone(),
            },
            ("row", [array, index]) => VirtualObject::Row {
                array: array.clone(),
                index: index.clone(),
            },
            ("bound_method", [function, receiver]) => VirtualObject::BoundMethod {
                function: function.clone(),
                receiver: receiver.clone(),
            },
            ("range", [start, stop, step]) => VirtualObject::Range {
                start: start.clone(),
                stop: stop.clone(),
                step: step.clone(),
            },
            ("enumerate", [iterator, count]) => VirtualObject::Enumerate {
                iterator: iterator.clone(),
                count: count.clone(),
            },
            ("zip", _) => VirtualObject::Zip(parts),
            ("slice", [start, stop, step]) => VirtualObject::Slice([start.clone(), stop.clone(), step.clone()]),
            ("complex", [real, imaginary]) => VirtualObject::Complex {
                real: real.clone(),
                imaginary: imaginary.clone(),
            },
            ("character", [code_point]) => VirtualObject::Character(code_point.clone()),
            ("cell", [value]) => VirtualObject::Cell(value.clone()),
            (name, _) => return Err(format!("`{name}` with {} parts is no virtual object", parts.len())),
        })
    }

    /// Fills gaps in the numbering, and checks that what is used is there.
    fn finish(mut self) -> Result<Function, ParseError> {
        for &(line, used) in &self.used {
            let missing = match used {
                Use::Value(value) if !self.defined.contains_key(&value.0) => format!("{value} is not defined"),
                Use::State(state) if !self.states.contains_key(&state.0) => format!("{state} is not there"),
                Use::Block(block)
                    if self
                        .function
                        .blocks
                        .get(block.index())
                        .is_none_or(|data| data.insts.is_empty()) =>
                {
                    format!("{block} is not there")
                }
                Use::Number(value, ty) if self.defined.get(&value.0).is_some_and(|known| known.0 != ty) => {
                    format!("{value} is no {ty}")
                }
                _ => continue,
            };
            return Err(ParseError { line, message: missing });
        }
        let count = self.defined.keys().max().map_or(0, |max| max + 1);
        for number in 0..count {
            // A number that nothing defines is given to a constant that stands in no block.
            let (ty, def) = self.defined.get(&number).copied().unwrap_or_else(|| {
                let inst = Inst(self.function.insts.len() as u32);
                self.function.insts.push(InstData {
                    op: Op::IntConst,
                    args: Vec::new(),
                    imm: Imm::Int(0),
                    state: None,
                    targets: Vec::new(),
                    result: Some(Value(number)),
                    position: Position::default(),
                });
                (Type::Int, ValueDef::Result(inst))
            });
            self.function.values.push(ValueData { ty, def });
        }
        let count = self.states.keys().max().map_or(0, |max| max + 1);
        for number in 0..count {
            let state = self.states.remove(&number).unwrap_or(FrameState {
                going: Going::Resume,
                reason: Reason::Unreached,
                frames: Vec::new(),
                virtuals: Vec::new(),
                release: Vec::new(),
            });
            self.function.states.push(state);
        }
        Ok(self.function)
    }
}

/// The suffix of an operation on memory: `int.i32.header*4+16`.
fn memory(suffix: &str) -> Result_<Imm> {
    let wrong = || format!("`{suffix}` is no memory");
    let mut parts = suffix.splitn(3, '.');
    let ty = type_named(parts.next().ok_or_else(wrong)?)?;
    let (width, signed) = parts.next().and_then(width).ok_or_else(wrong)?;
    let place = parts.next().ok_or_else(wrong)?;
    let end = place.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(place.len());
    let (name, mut rest) = place.split_at(end);
    let region = region(name).ok_or_else(wrong)?;
    let mut scale = 0;
    if let Some(after) = rest.strip_prefix('*') {
        let end = after.find(['+', '-']).unwrap_or(after.len());
        scale = after[..end].parse().map_err(|_| wrong())?;
        rest = &after[end..];
    }
    let offset = match rest {
        "" => 0,
        rest => rest.parse().map_err(|_| wrong())?,
    };
    Ok(Imm::Memory {
        ty,
        width,
        signed,
        region,
        offset,
        scale,
    })
}
