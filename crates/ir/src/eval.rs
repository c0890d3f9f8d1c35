//! An evaluator of the IR: the oracle that passes are tested with.
//!
//! There are no Python objects: an object is an address, of which a deterministic world says what type it has and which
//! number is in it, and which bytes lie behind it. What a run does that can be observed is its [`Outcome`] and its trace
//! of [`Event`]s. Two functions mean the same if for the same arguments these agree; objects made during the run are
//! compared by their numbers, for an optimized function may make fewer.

mod compute;

use crate::op::{Effect, Op};
use crate::{BlockCall, Function, Imm, InstData, Recovery, State, Type, Value, VirtualObject};
use justjit_builder::{Region, Type as Width};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A value at run time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Datum {
    Object(u64),
    Int(i64),
    Float(f64),
    Bool(bool),
    Pointer(u64),
}

/// A value as the outside sees it.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Seen {
    Null,
    /// An int object or, where a state is recovered, an int.
    Int(i64),
    /// The bits of a float.
    Float(u64),
    Bool(bool),
    /// Another object, or a pointer.
    Address(u64),
    /// What stays in the frame.
    InFrame,
    /// What this slot of the frame has.
    Slot(u32),
    Constant(String),
    Virtual(String, Vec<Seen>),
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Event {
    Call(String, Vec<Seen>),
    Store(Region, u64, Seen),
    Arrive(Seen),
    Locate(u32),
    Decref(Seen),
}

/// A recovered frame: code, offset, function, locals, stack.
pub type SeenFrame = (String, u32, Seen, Vec<Seen>, Vec<Seen>);

/// How a run ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    Return(Seen),
    /// It left at a state with this reason, going on like that, with these frames.
    Exit(String, Vec<SeenFrame>),
    /// It did what must not be done.
    Fault(String),
    /// It took too long.
    Unfinished,
}

/// All that can be observed of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    pub outcome: Outcome,
    pub trace: Vec<Event>,
    /// The frames of each loop header's entry state, and of each guard's that held, when it was come to, and how long the
    /// trace was then: leaving there is as good as going on as long as nothing has happened since.
    pub entries: Vec<(usize, Vec<SeenFrame>)>,
}

impl Run {
    /// Whether an optimized function's run is as good as this one of the original: the same, or it left where the
    /// original came by, all that happened before being the same.
    pub fn allows(&self, other: &Run) -> bool {
        if self.outcome == other.outcome && self.trace == other.trace {
            return true;
        }
        let Outcome::Exit(_, frames) = &other.outcome else {
            return false;
        };
        let common = self.trace.get(..other.trace.len()) == Some(&other.trace[..]);
        common
            && self
                .entries
                .iter()
                .any(|(length, entry)| *length == other.trace.len() && entry == frames)
    }
}

/// Runs a function.
pub fn evaluate(function: &Function, arguments: &[Datum], steps: usize) -> Run {
    let mut machine = Machine {
        function,
        values: vec![None; function.values.len()],
        memory: HashMap::new(),
        boxes: HashMap::new(),
        epoch: 0,
        taken: HashMap::new(),
        calls: 0,
        trace: Vec::new(),
        entries: Vec::new(),
    };
    for (&param, &argument) in function.blocks[0].params.iter().zip(arguments) {
        machine.values[param.index()] = Some(argument);
    }
    let outcome = machine.run(steps).unwrap_or_else(Outcome::Fault);
    Run {
        outcome,
        trace: machine.trace,
        entries: machine.entries,
    }
}

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

struct Machine<'a> {
    function: &'a Function,
    values: Vec<Option<Datum>>,
    /// Bytes that were written.
    memory: HashMap<(Region, u64), u8>,
    /// Objects made in the run.
    boxes: HashMap<u64, Datum>,
    /// Counts the times that anything may have been written.
    epoch: u64,
    /// For each object when references of it were taken.
    taken: HashMap<u64, Vec<u64>>,
    calls: u64,
    trace: Vec<Event>,
    entries: Vec<(usize, Vec<SeenFrame>)>,
}

type Result_<T> = Result<T, String>;

enum Next {
    On,
    To(BlockCall),
    Leave(State),
    End(Outcome),
}

/// The address of the first object made; those of the world are below.
const BOXES: u64 = 1 << 40;

/// Bytes from one object to the next, so that their fields do not overlap.
const SPACING: u64 = 1024;

/// An object of the deterministic world: two of four are ints, one is a float.
fn world(address: u64) -> Option<Datum> {
    let number = (address / SPACING) as i64;
    match number % 4 {
        0 | 2 => Some(Datum::Int(number - 8)),
        1 => Some(Datum::Float(number as f64 / 4.0 - 1.5)),
        _ => None,
    }
}

impl Machine<'_> {
    fn get(&self, value: Value) -> Result_<Datum> {
        self.values[value.index()].ok_or_else(|| format!("{value} has no value"))
    }

    fn int(&self, value: Value) -> Result_<i64> {
        match self.get(value)? {
            Datum::Int(value) => Ok(value),
            other => Err(format!("{value} is no int: {other:?}")),
        }
    }

    fn float(&self, value: Value) -> Result_<f64> {
        match self.get(value)? {
            Datum::Float(value) => Ok(value),
            other => Err(format!("{value} is no float: {other:?}")),
        }
    }

    fn bool(&self, value: Value) -> Result_<bool> {
        match self.get(value)? {
            Datum::Bool(value) => Ok(value),
            other => Err(format!("{value} is no bool: {other:?}")),
        }
    }

    fn address(&self, value: Value) -> Result_<u64> {
        match self.get(value)? {
            Datum::Object(0) => Err(format!("{value} is NULL")),
            Datum::Object(address) | Datum::Pointer(address) => Ok(address),
            other => Err(format!("{value} is no address: {other:?}")),
        }
    }

    /// What is in an object.
    fn inside(&self, address: u64) -> Option<Datum> {
        self.boxes.get(&address).copied().or_else(|| match address < BOXES {
            true => world(address),
            false => None,
        })
    }

    fn seen(&self, datum: Datum) -> Seen {
        match datum {
            Datum::Object(0) => Seen::Null,
            Datum::Object(address) => match self.inside(address) {
                Some(number) => self.seen(number),
                None => Seen::Address(address),
            },
            Datum::Int(value) => Seen::Int(value),
            Datum::Float(value) => Seen::Float(value.to_bits()),
            Datum::Bool(value) => Seen::Bool(value),
            Datum::Pointer(address) => Seen::Address(address),
        }
    }

    fn run(&mut self, steps: usize) -> Result_<Outcome> {
        let mut block = Function::ENTRY;
        let mut left = steps;
        loop {
            if let Some(state) = self.function.blocks[block.index()].entry_state {
                let frames = self.frames(state)?;
                self.entries.push((self.trace.len(), frames));
            }
            let mut to = None;
            for index in 0..self.function.blocks[block.index()].insts.len() {
                if left == 0 {
                    return Ok(Outcome::Unfinished);
                }
                left -= 1;
                let inst = self.function.blocks[block.index()].insts[index];
                match self.step(self.function.inst(inst))? {
                    Next::On => {}
                    Next::To(call) => to = Some(call),
                    Next::Leave(state) => {
                        let going = format!("{:?}", self.function.states[state.index()].going);
                        return Ok(Outcome::Exit(going, self.frames(state)?));
                    }
                    Next::End(outcome) => return Ok(outcome),
                }
            }
            let call = to.ok_or_else(|| format!("{block} has no end"))?;
            let args: Vec<Datum> = call.args.iter().map(|&arg| self.get(arg)).collect::<Result_<_>>()?;
            block = call.block;
            for (&param, arg) in self.function.blocks[block.index()].params.iter().zip(args) {
                self.values[param.index()] = Some(arg);
            }
        }
    }

    fn frames(&self, state: State) -> Result_<Vec<SeenFrame>> {
        let state = &self.function.states[state.index()];
        let virtuals = &state.virtuals;
        let list = |slots: &[Recovery]| {
            slots
                .iter()
                .map(|slot| self.recover(slot, virtuals))
                .collect::<Result_<_>>()
        };
        let frames = state.frames.iter().map(|frame| {
            Ok((
                self.function.symbols[frame.code.index()].name.clone(),
                frame.offset,
                self.recover(&frame.function, virtuals)?,
                list(&frame.locals)?,
                list(&frame.stack)?,
            ))
        });
        frames.collect()
    }

    fn recover(&self, recovery: &Recovery, virtuals: &[VirtualObject]) -> Result_<Seen> {
        Ok(match recovery {
            Recovery::InFrame => Seen::InFrame,
            Recovery::Slot(slot) => Seen::Slot(*slot),
            Recovery::Null => Seen::Null,
            Recovery::Constant(symbol) => Seen::Constant(self.function.symbols[symbol.index()].name.clone()),
            Recovery::Number(value) | Recovery::Owned(value) | Recovery::Borrowed(value) => {
                self.seen(self.get(*value)?)
            }
            Recovery::Virtual(index) => {
                let object = &virtuals[*index as usize];
                let parts = object.parts();
                let parts = parts.iter().map(|part| self.recover(part, virtuals));
                Seen::Virtual(
                    crate::print::virtual_name(object).to_owned(),
                    parts.collect::<Result_<_>>()?,
                )
            }
        })
    }

    fn step(&mut self, data: &InstData) -> Result_<Next> {
        let checked = |value: Option<i64>| value.map(Datum::Int);
        let result = match data.op {
            Op::Guard => match self.bool(data.args[0])? {
                true => {
                    if let Some(state) = data.state {
                        let frames = self.frames(state)?;
                        self.entries.push((self.trace.len(), frames));
                    }
                    return Ok(Next::On);
                }
                false => None,
            },
            Op::IntAddChecked => checked(self.int(data.args[0])?.checked_add(self.int(data.args[1])?)),
            Op::IntSubChecked => checked(self.int(data.args[0])?.checked_sub(self.int(data.args[1])?)),
            Op::IntMulChecked => checked(self.int(data.args[0])?.checked_mul(self.int(data.args[1])?)),
            Op::IntShlChecked => {
                let (a, b) = (self.int(data.args[0])?, self.int(data.args[1])?);
                checked((0..64).contains(&b).then(|| a << b).filter(|shifted| shifted >> b == a))
            }
            Op::UnboxInt => match self.inside(self.address(data.args[0])?) {
                Some(number @ Datum::Int(_)) => Some(number),
                _ => return Err(format!("{} is no int object", data.args[0])),
            },
            Op::Incref => {
                let address = self.address(data.args[0])?;
                self.taken.entry(address).or_default().push(self.epoch);
                return Ok(Next::On);
            }
            Op::DecrefNumber => {
                self.undone(data.args[0])?;
                return Ok(Next::On);
            }
            Op::Safepoint | Op::CallCheck | Op::TakeOver | Op::HandOver => return Ok(Next::On),
            // There is always room.
            Op::StackPointer => Some(Datum::Int(i64::MAX)),
            Op::Deopt => None,
            Op::Jump => return Ok(Next::To(data.targets[0].clone())),
            Op::Branch => {
                let taken = usize::from(!self.bool(data.args[0])?);
                return Ok(Next::To(data.targets[taken].clone()));
            }
            Op::Return | Op::Give => return Ok(Next::End(Outcome::Return(self.seen(self.get(data.args[0])?)))),
            // It ends nothing if it undoes an `incref` and no unknown code has run since.
            Op::Decref if self.undone(data.args[0])? => return Ok(Next::On),
            Op::Decref => {
                let seen = self.seen(self.get(data.args[0])?);
                self.trace.push(Event::Decref(seen));
                self.anything();
                return Ok(Next::On);
            }
            Op::Arrive => {
                let seen = self.seen(self.get(data.args[0])?);
                self.trace.push(Event::Arrive(seen));
                return Ok(Next::On);
            }
            Op::Locate => {
                if let Imm::Offset(offset) = data.imm {
                    self.trace.push(Event::Locate(offset));
                }
                return Ok(Next::On);
            }
            Op::Store | Op::StoreIndexed => {
                self.store(data)?;
                return Ok(Next::On);
            }
            Op::Call => self.call(data)?,
            _ => Some(self.compute(data)?),
        };
        match (data.result, result, data.state) {
            (Some(value), Some(datum), _) => {
                self.values[value.index()] = Some(datum);
                Ok(Next::On)
            }
            (_, None, Some(state)) => Ok(Next::Leave(state)),
            (None, _, _) => Ok(Next::On),
            _ => Err("an operation gave nothing".into()),
        }
    }

    /// A reference is given up; whether it was taken since unknown code ran last.
    fn undone(&mut self, value: Value) -> Result_<bool> {
        let address = self.address(value)?;
        let taken = self.taken.get_mut(&address).and_then(Vec::pop);
        Ok(taken == Some(self.epoch))
    }

    /// Any code may have run: memory holds something else.
    fn anything(&mut self) {
        self.epoch += 1;
        self.memory.clear();
    }

    fn call(&mut self, data: &InstData) -> Result_<Option<Datum>> {
        let Imm::Symbol(symbol) = data.imm else {
            return Err("a call of nothing".into());
        };
        let call = self.function.call(symbol);
        let name = self.function.symbols[symbol.index()].name.clone();
        let args = data.args.iter().map(|&arg| Ok(self.seen(self.get(arg)?)));
        let args: Vec<Seen> = args.collect::<Result_<_>>()?;
        let mut seed = hash((&name, &args));
        match call.effect {
            Effect::Pure => {}
            Effect::Reads => seed = hash((seed, self.epoch)),
            Effect::Allocate | Effect::Reference => {}
            _ => {
                self.trace.push(Event::Call(name, args));
                self.calls += 1;
                seed = hash((seed, self.calls));
                self.anything();
            }
        }
        let small = (seed % 16) as i64 - 4;
        Ok(call.result.map(|ty| match ty {
            Type::Object => Datum::Object((seed % 32 + 1) * SPACING),
            Type::Int => Datum::Int(small),
            Type::Float => Datum::Float(small as f64 / 2.0),
            Type::Bool => Datum::Bool(seed & 1 == 0),
            Type::Pointer => Datum::Pointer((seed % 64 + 256) * 64),
        }))
    }

    fn make(&mut self, number: Datum) -> Datum {
        // By what is in it: the memory behind it must not tell how many objects were made before.
        let address = BOXES + SPACING * (hash(self.seen(number)) >> 32);
        self.boxes.insert(address, number);
        Datum::Object(address)
    }

    fn place(&self, data: &InstData) -> Result_<(u64, Region, Width, bool, Type)> {
        let Imm::Memory {
            ty,
            width,
            signed,
            region,
            offset,
            scale,
        } = data.imm
        else {
            return Err("no memory".into());
        };
        let mut address = self.address(data.args[0])?.wrapping_add(offset as i64 as u64);
        if matches!(data.op, Op::LoadIndexed | Op::StoreIndexed) {
            let index = self.int(data.args[1])?;
            address = address.wrapping_add(index.wrapping_mul(i64::from(scale)) as u64);
        }
        Ok((address, region.class(), width, signed, ty))
    }

    fn load(&mut self, data: &InstData) -> Result_<Datum> {
        let (address, region, width, signed, ty) = self.place(data)?;
        let mut bits = 0u64;
        for byte in (0..u64::from(width.size())).rev() {
            let at = address.wrapping_add(byte);
            // Small numbers, so that comparisons go both ways; objects are of the world, or NULL.
            let fresh = || match (byte, ty) {
                (1, Type::Object) => (hash((address, self.epoch)) % 16) as u8 * (SPACING >> 8) as u8,
                (0, Type::Int | Type::Float | Type::Bool) => (hash((at, self.epoch)) % 24) as u8,
                (1, Type::Pointer) => 128,
                _ => 0,
            };
            let found = self.memory.get(&(region, at)).copied();
            bits = bits << 8 | u64::from(found.unwrap_or_else(fresh));
        }
        Ok(match (ty, width) {
            (Type::Object, _) => Datum::Object(bits),
            (Type::Pointer, _) => Datum::Pointer(bits),
            (Type::Float, Width::F32) => Datum::Float(f64::from(f32::from_bits(bits as u32))),
            (Type::Float, _) => Datum::Float(f64::from_bits(bits)),
            (Type::Bool, _) => Datum::Bool(bits & 1 != 0),
            (Type::Int, width) => {
                let unused = 64 - 8 * width.size();
                match signed {
                    true => Datum::Int((bits << unused) as i64 >> unused),
                    false if width == Width::I64 && (bits as i64) < 0 => return Err("a size is negative".into()),
                    false => Datum::Int(bits as i64),
                }
            }
        })
    }

    fn store(&mut self, data: &InstData) -> Result_<()> {
        let (address, region, width, ..) = self.place(data)?;
        let datum = self.get(*data.args.last().ok_or("nothing to store")?)?;
        let bits = match datum {
            Datum::Object(address) | Datum::Pointer(address) => address,
            Datum::Int(value) => value as u64,
            Datum::Float(value) if width == Width::F32 => u64::from((value as f32).to_bits()),
            Datum::Float(value) => value.to_bits(),
            Datum::Bool(value) => u64::from(value),
        };
        for byte in 0..u64::from(width.size()) {
            let at = address.wrapping_add(byte);
            self.memory.insert((region, at), (bits >> (8 * byte)) as u8);
        }
        let seen = self.seen(datum);
        self.trace.push(Event::Store(region, address, seen));
        Ok(())
    }
}

/// An argument of a type, from a seed: small and extreme numbers, objects of all kinds.
pub fn argument(ty: Type, seed: u64) -> Datum {
    const INTS: [i64; 13] = [0, 1, 2, 3, 5, 7, -1, -2, 100, 3000, i64::MAX, i64::MIN, i64::MAX - 1];
    const FLOATS: [f64; 8] = [0.0, -0.0, 1.0, 2.5, -3.0, f64::INFINITY, f64::NAN, 1e300];
    match ty {
        Type::Object => Datum::Object((seed % 20 + 1) * SPACING),
        Type::Int => Datum::Int(INTS[(seed % 13) as usize]),
        Type::Float => Datum::Float(FLOATS[(seed % 8) as usize]),
        Type::Bool => Datum::Bool(seed & 1 == 0),
        Type::Pointer => Datum::Pointer((seed % 16 + 1024) * 64),
    }
}
