//! Generators that are not made: their bodies are inlined where they are resumed.
//!
//! A call of a known generator function gives an object that has not been made (see `instances`), with the frame in which it
//! is suspended. `FOR_ITER` puts that frame on top of the others, `YIELD_VALUE` takes it off again. A builtin that goes
//! through a generator (`sum`, `any`, `list`, `set` and their like) resumes it by itself until it ends. Where code is left, the
//! runtime makes the generators, and enters the frames of those that run.
//!
//! Only generators that can be dropped anywhere without noticing are inlined so: none that is suspended inside `try` or
//! `with`.

use crate::Builtin;
use crate::builder::{Builder, Done, Stop};
use crate::convert::slot_offset;
use crate::item::{Form, Frame, Instance, Item, Kind, Local, NO_CLASS, Returns, Suspended};
use justjit_builder::FloatCond;
use justjit_bytecode::{Function as Decoded, Opcode};
use justjit_ir::{Effect, Imm, Op, Progress, Reason, Symbol, Type, Value};
use justjit_runtime::consume::{self, ADD_TO_SET, FINISH_SUM, NEW_LIST, NEW_SET, TUPLE_OF_LIST};
use justjit_runtime::fast::MAKE_CELL;
use justjit_runtime::layout::Code;
use justjit_runtime::ops::functions::{MAKE_FUNCTION, SET_FUNCTION_ATTRIBUTE, function_attribute};
use pyo3_ffi::*;

/// `RESUME`'s flag for a `yield` that no `try` of the function is around.
const DEPTH_1: u32 = 4;
/// Locals and operand stack items of a generator, which are numbered in a byte.
const SLOT_LIMIT: u32 = 200;
/// Frames in one another, at most, where a generator is resumed.
const RESUME_DEPTH: usize = 8;

/// The instruction that a generator or coroutine of this function begins at, if it is one that can be inlined.
pub fn start_of(decoded: &Decoded) -> Option<usize> {
    let slots = decoded.nlocals_plus + decoded.stack_size;
    if !decoded.is_generator() && !decoded.is_coroutine() || slots >= SLOT_LIMIT {
        return None;
    }
    let instructions = &decoded.instructions;
    let first = instructions
        .iter()
        .take_while(|one| matches!(one.opcode, Opcode::MakeCell | Opcode::CopyFreeVars))
        .count();
    if instructions.get(first)?.opcode != Opcode::ReturnGenerator {
        return None;
    }
    if decoded.is_coroutine() {
        // It is awaited where it is called, and not suspended.
        return Some(first + 1);
    }
    let mut yields = instructions.iter().enumerate();
    let quiet = yields.all(|(at, one)| match one.opcode {
        Opcode::YieldValue => {
            let next = instructions.get(at + 1);
            one.arg == 0 && next.is_some_and(|next| next.opcode == Opcode::Resume && next.arg & DEPTH_1 != 0)
        }
        _ => true,
    });
    quiet.then_some(first + 1)
}

impl Builder<'_> {
    // ---- making ----------------------------------------------------------------------------------------------

    /// What is passed to a generator: an iterator stays one, however many names it has.
    pub fn shared_argument(&mut self, item: Item) -> Item {
        match item {
            Item::Iterator(_) => self.new_object_with(NO_CLASS, vec![(0, item)], Form::Iterator),
            item => item,
        }
    }

    /// The call of a generator function: pushes the generator.
    pub fn push_generator(&mut self, code: usize, mut locals: Vec<Local>, function: Item, place: (usize, usize)) {
        let index = start_of(&self.codes[code].decoded).expect("one that can be inlined");
        for at in 0..index {
            let one = self.codes[code].decoded.instructions[at];
            if one.opcode != Opcode::MakeCell {
                continue;
            }
            let initial = std::mem::replace(&mut locals[one.arg as usize].item, Item::Null);
            locals[one.arg as usize].item = self.new_cell(initial);
        }
        let items = locals.into_iter().map(|local| local.item).chain([function]);
        let values = items.enumerate().map(|(at, item)| (at as u8, item)).collect();
        let suspended = Suspended {
            code,
            index,
            progress: Progress::Created,
            place,
        };
        let class = self.generator_class(code);
        let generator = self.new_object_with(class, values, Form::Generator(suspended));
        self.push(generator);
        self.specialized += 1;
    }

    pub fn generator_class(&mut self, code: usize) -> u32 {
        let ty = match self.codes[code].decoded.is_coroutine() {
            true => &raw mut PyCoro_Type,
            false => &raw mut PyGen_Type,
        };
        match self.kind_of_type(ty) {
            Kind::Other(class) => class,
            _ => unreachable!("no type with a kind of its own"),
        }
    }

    fn instance(&mut self, id: u32) -> &mut Instance {
        &mut self.frames[0].instances[id as usize]
    }

    /// Which object an item stands for that is its own iterator, and what it is.
    pub fn form_of(&self, item: &Item) -> Option<(u32, Form)> {
        let Item::Instance(id, _) = *item else { return None };
        match &self.frames[0].instances[id as usize].form {
            Form::Plain => None,
            form => Some((id, form.clone())),
        }
    }

    /// Where the innermost generator that runs was called, if the innermost frame is a generator's.
    pub fn generator_place(&self) -> Option<(usize, usize)> {
        let item = match &self.frames.last().expect("there is a frame").returns {
            Returns::Next { generator: one, .. } | Returns::Await { coroutine: one, .. } => one,
            Returns::Consume { items, .. } => &items[0],
            _ => return None,
        };
        match self.form_of(item) {
            Some((_, Form::Generator(suspended))) => Some(suspended.place),
            _ => None,
        }
    }

    /// Numbers and the like in suspended generators and in cells become objects of which nothing is known.
    pub fn box_suspended(&mut self) -> Done {
        for id in 0..self.frames[0].instances.len() {
            if !matches!(
                self.frames[0].instances[id].form,
                Form::Generator(_) | Form::Cell | Form::Exception(_)
            ) {
                continue;
            }
            for at in 0..self.frames[0].instances[id].values.len() {
                let item = self.frames[0].instances[id].values[at].1.clone();
                if matches!(item, Item::Null | Item::Constant(_) | Item::Instance(..)) {
                    continue;
                }
                self.frames[0].instances[id].values[at].1 = self.object_of_any_type(item)?;
            }
        }
        Ok(())
    }

    // ---- resuming --------------------------------------------------------------------------------------------

    /// Goes on in a suspended generator.
    pub fn resume_generator(&mut self, id: u32, suspended: Suspended, returns: Returns) -> Done {
        let (code, index) = suspended.place;
        let running = self.frames.iter().any(|frame| frame.code == suspended.code);
        if suspended.progress == Progress::Running || running || self.frames.len() > RESUME_DEPTH {
            return Err(Stop::NotInlined(code, index));
        }
        let slots = self.codes[suspended.code].decoded.nlocals_plus as usize;
        let waiting = self.index;
        self.frame().index = waiting;
        let values = std::mem::take(&mut self.instance(id).values);
        let mut items: Vec<Item> = values.into_iter().map(|(_, item)| item).collect();
        let function = items.pop().expect("a generator has a function");
        let mut stack = items.split_off(slots);
        // What is sent.
        // SAFETY: an immortal object.
        stack.push(self.constant_item(unsafe { Py_None() }));
        self.instance(id).values = vec![(0, function)];
        self.instance(id).form = Form::Generator(Suspended {
            progress: Progress::Running,
            ..suspended
        });
        let locals = items.into_iter().map(|item| Local { item, home: false }).collect();
        self.frames.push(Frame {
            code: suspended.code,
            index: suspended.index,
            function: Item::Null,
            locals,
            stack,
            returns,
            instances: Vec::new(),
        });
        self.specialized += 1;
        Ok(())
    }

    /// `FOR_ITER` over a generator.
    pub fn next_of_generator(&mut self, id: u32, suspended: Suspended) -> Done {
        let exhausted = self.target();
        if suspended.progress == Progress::Finished {
            self.pop();
            return self.go_to_next(exhausted);
        }
        let generator = self.frame().stack.last().cloned().expect("an iterator");
        self.resume_generator(id, suspended, Returns::Next { generator, exhausted })
    }

    /// `YIELD_VALUE`.
    pub fn yield_value(&mut self) -> Done<bool> {
        match self.frame().returns.clone() {
            Returns::Next { generator, .. } => {
                let value = self.pop();
                let next = self.index + 1;
                let frame = self.frames.pop().expect("a frame");
                self.suspend(&generator, frame, next);
                let caller = self.frame();
                caller.index += 1;
                let next = caller.index;
                self.push(value);
                self.go_to_next(next)?;
                Ok(true)
            }
            Returns::Consume { consumer, items } => {
                self.take_in(consumer, *items)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A generator's frame is put away.
    fn suspend(&mut self, generator: &Item, frame: Frame, index: usize) {
        let Some((id, Form::Generator(suspended))) = self.form_of(generator) else {
            unreachable!("the frame is a generator's")
        };
        let instance = self.instance(id);
        let function = instance.values.pop().expect("a function").1;
        let locals = frame.locals.into_iter().map(|local| local.item);
        let items = locals.chain(frame.stack).chain([function]);
        instance.values = items.enumerate().map(|(at, item)| (at as u8, item)).collect();
        instance.form = Form::Generator(Suspended {
            index,
            progress: Progress::Suspended,
            ..suspended
        });
    }

    /// A generator's frame, which has been taken off, is at its end, with what it returns: gives its references up. The
    /// innermost frame is that of its caller, at the instruction that comes next.
    pub fn end_generator(&mut self, generator: &Item, frame: Frame, rest: Vec<Item>) {
        let Some((id, Form::Generator(suspended))) = self.form_of(generator) else {
            unreachable!("the frame is a generator's")
        };
        let instance = self.instance(id);
        let function = instance.values.pop().expect("a function").1;
        let mut dropped: Vec<Item> = frame.locals.into_iter().map(|local| local.item).collect();
        dropped.extend(frame.stack);
        // All that one with other names has of its function is the name: a function that is an object goes with the generator.
        let name = match function {
            Item::Function { code, closure } => {
                dropped.push(Item::Function { code, closure });
                Item::Function {
                    code,
                    closure: Vec::new(),
                }
            }
            function => function,
        };
        instance.values = vec![(0, name)];
        instance.form = Form::Generator(Suspended {
            index: 0,
            progress: Progress::Finished,
            ..suspended
        });
        dropped.push(generator.clone());
        dropped.extend(rest);
        let dropped = self.with_ended(dropped);
        self.release_all(dropped);
    }

    /// `RETURN_VALUE` of a generator; `false` if the frame is none's.
    pub fn return_from_generator(&mut self, item: &Item) -> Done<bool> {
        let returns = self.frame().returns.clone();
        let (generator, next, result) = match returns {
            Returns::Await { coroutine, ends } => return self.return_from_coroutine(coroutine, ends, item.clone()),
            Returns::Next { generator, exhausted } => (generator, exhausted, None),
            Returns::Consume { consumer, items } => {
                let [generator, one, other] = *items;
                if let consume::MIN | consume::MAX = consumer
                    && one == Item::Null
                {
                    // Nothing was yielded: the builtin raises.
                    self.deopt(Reason::Unreached);
                    return Ok(true);
                }
                let result = self.consumed(consumer, one, other)?;
                let caller = &self.frames[self.frames.len() - 2];
                (generator, caller.index + 1, Some(result))
            }
            _ => return Ok(false),
        };
        let frame = self.frames.pop().expect("a frame");
        self.position_at_caller();
        match result {
            Some(result) => self.push(result),
            None => {
                self.pop();
            }
        }
        self.frame().index = next;
        self.end_generator(&generator, frame, vec![item.clone()]);
        self.go_to_next(next)?;
        Ok(true)
    }

    /// What comes is done by the instruction that the innermost frame waits in.
    pub fn position_at_caller(&mut self) {
        let frame = self.frames.last().expect("a frame");
        let offset = self.codes[frame.code].decoded.instructions[frame.index].offset;
        self.f.position = justjit_ir::Position {
            code: frame.code as u32,
            offset,
        };
    }

    // ---- builtins that go through a generator ----------------------------------------------------------------

    /// A call of a builtin with a generator; `false` if nothing has been done.
    pub fn consume(&mut self, builtin: Builtin, generator: &Item) -> Done<bool> {
        let Some((id, Form::Generator(suspended))) = self.form_of(generator) else {
            return Ok(false);
        };
        if suspended.progress != Progress::Created {
            return Ok(false);
        }
        let (consumer, so_far) = match builtin {
            Builtin::Any => (consume::ANY, Item::Null),
            Builtin::All => (consume::ALL, Item::Null),
            Builtin::Min => (consume::MIN, Item::Null),
            Builtin::Max => (consume::MAX, Item::Null),
            Builtin::Sum => {
                let zero = self.int(0);
                (consume::SUM, Item::Int(zero))
            }
            Builtin::List | Builtin::Tuple => {
                let list = self.make(&NEW_LIST, &[])?;
                let consumer = if builtin == Builtin::List {
                    consume::LIST
                } else {
                    consume::TUPLE
                };
                (consumer, Item::owned(list, Kind::List))
            }
            Builtin::Set => {
                let set = self.make(&NEW_SET, &[])?;
                // SAFETY: a static type.
                let kind = self.kind_of_type(&raw mut PySet_Type);
                (consume::SET, Item::owned(set, kind))
            }
            _ => return Ok(false),
        };
        let items = Box::new([generator.clone(), so_far, Item::Null]);
        self.resume_generator(id, suspended, Returns::Consume { consumer, items })?;
        Ok(true)
    }

    /// `YIELD_VALUE` to a builtin: that takes the value, and resumes the generator or is done.
    fn take_in(&mut self, consumer: i32, items: [Item; 3]) -> Done {
        let next = self.index + 1;
        let [generator, one, other] = items;
        let (one, other) = match consumer {
            consume::ANY | consume::ALL => {
                self.convert_to_bool()?;
                if self.terminated {
                    return Ok(());
                }
                let Item::Bool(flag) = self.pop() else {
                    return self.refuse_inlining();
                };
                let goes_on = self.f.add_block();
                let decided = self.f.add_block();
                if consumer == consume::ANY {
                    self.branch(flag, decided, goes_on);
                } else {
                    self.branch(flag, goes_on, decided);
                }
                let here = self.frames.clone();
                self.block = decided;
                self.terminated = false;
                let frame = self.frames.pop().expect("a frame");
                self.position_at_caller();
                let result = self.bool(consumer == consume::ANY);
                self.push(Item::Bool(result));
                let behind = self.frame().index + 1;
                self.frame().index = behind;
                self.end_generator(&generator, frame, Vec::new());
                self.go_to_next(behind)?;
                self.block = goes_on;
                self.terminated = false;
                self.frames = here;
                (one, other)
            }
            consume::SUM => {
                let value = self.pop();
                self.add_to_sum(one, other, value)?
            }
            consume::MIN | consume::MAX => {
                let value = self.pop();
                (self.least_so_far(consumer == consume::MAX, one, value)?, other)
            }
            consume::SET => {
                let value = self.pop();
                let kind = self.yielded_kind(&value);
                let Item::Object(set) = one else {
                    unreachable!("a set is an object")
                };
                // Others may run code when they are hashed.
                if !matches!(kind, Kind::Int | Kind::Bool | Kind::Float | Kind::Str) {
                    return self.refuse_inlining();
                }
                let value = self.known_as(&value, kind);
                let value = self.owned_object(value)?;
                let added = self.call(&ADD_TO_SET, &[set.value, value], Some(Type::Int), (Effect::Any, false));
                self.raise_if_negative(added.expect("a result"));
                (one, other)
            }
            _ => {
                let value = self.pop();
                let Item::Object(list) = one else {
                    unreachable!("a list is an object")
                };
                self.append_to(list.value, value)?;
                (one, other)
            }
        };
        // SAFETY: an immortal object.
        let none = self.constant_item(unsafe { Py_None() });
        self.push(none);
        let frame = self.frame();
        frame.index = next;
        frame.returns = Returns::Consume {
            consumer,
            items: Box::new([generator, one, other]),
        };
        self.go_to_next(next)
    }

    /// The kind of what is yielded, if it is known, or has always been the same.
    fn yielded_kind(&mut self, value: &Item) -> Kind {
        match value.kind() {
            Kind::Unknown => match self.seen().operands[0].only() {
                Some(ty) => self.kind_of_type(ty),
                None => Kind::Unknown,
            },
            kind => kind,
        }
    }

    /// `min` and `max` take a number: the very object, where it is one, for that is what they give.
    fn least_so_far(&mut self, greatest: bool, least: Item, value: Item) -> Done<Item> {
        let kind = self.yielded_kind(&value);
        let wide = kind == Kind::Int && self.is_widened(Reason::Overflow);
        if !matches!(kind, Kind::Int | Kind::Float) || wide || self.is_widened(Reason::Type) {
            return self.refuse_inlining();
        }
        let value = match value {
            Item::Object(mut object) => {
                self.expect(&object, kind);
                object.kind = kind;
                Item::Object(object)
            }
            Item::Int(_) | Item::Float(_) => value,
            _ => return self.refuse_inlining(),
        };
        if least == Item::Null {
            let Item::Object(object) = value else {
                return Ok(value);
            };
            let value = self.owned_object(Item::Object(object))?;
            return Ok(Item::owned(value, kind));
        }
        let known = matches!(least, Item::Object(_)) || matches!(value, Item::Object(_));
        let kinds = (least.kind(), kind);
        let Some(best) = self.least_of(greatest, (&least, &value), kinds, known)? else {
            return self.refuse_inlining();
        };
        self.release_all([least, value]);
        Ok(best)
    }

    /// `sum` adds an item to an int, or to a float and what its additions have lost.
    fn add_to_sum(&mut self, sum: Item, lost: Item, value: Item) -> Done<(Item, Item)> {
        let kind = self.yielded_kind(&value);
        let (sum, lost) = match (&sum, &lost, kind) {
            (Item::Int(sum), _, Kind::Int | Kind::Bool) => {
                let more = self.as_int(&value);
                let sum = self.checked(Op::IntAddChecked, &[*sum, more], Reason::Overflow);
                (Item::Int(sum), Item::Null)
            }
            (Item::Int(sum), _, Kind::Float) => {
                let more = self.as_float(&value);
                let sum = self.op(Op::IntToFloat, &[*sum]);
                let sum = self.op(Op::FloatAdd, &[sum, more]);
                let lost = self.float(0.0);
                (Item::Float(sum), Item::Float(lost))
            }
            (Item::Float(sum), Item::Float(lost), Kind::Float) => {
                let more = self.as_float(&value);
                let after = self.op(Op::FloatAdd, &[*sum, more]);
                let (sum_size, size) = (self.op(Op::FloatAbs, &[*sum]), self.op(Op::FloatAbs, &[more]));
                let larger = self.float_compare(FloatCond::Ge, sum_size, size);
                let large = self.op(Op::Select, &[larger, *sum, more]);
                let small = self.op(Op::Select, &[larger, more, *sum]);
                let rest = self.op(Op::FloatSub, &[large, after]);
                let rest = self.op(Op::FloatAdd, &[rest, small]);
                let lost = self.op(Op::FloatAdd, &[*lost, rest]);
                (Item::Float(after), Item::Float(lost))
            }
            (Item::Float(sum), Item::Float(lost), Kind::Int | Kind::Bool) => {
                let more = self.as_int(&value);
                let more = self.op(Op::IntToFloat, &[more]);
                let sum = self.op(Op::FloatAdd, &[*sum, more]);
                (Item::Float(sum), Item::Float(*lost))
            }
            _ => return self.refuse_inlining(),
        };
        self.release_known(value, kind);
        Ok((sum, lost))
    }

    /// A builtin's result, when its generator has ended.
    fn consumed(&mut self, consumer: i32, one: Item, other: Item) -> Done<Item> {
        Ok(match (consumer, one, other) {
            (consume::ANY, ..) => Item::Bool(self.bool(false)),
            (consume::ALL, ..) => Item::Bool(self.bool(true)),
            (consume::SUM, Item::Float(sum), Item::Float(lost)) => {
                Item::Float(self.compute(&FINISH_SUM, &[sum, lost], Type::Float))
            }
            (consume::TUPLE, Item::Object(list), _) => {
                let tuple = self.make(&TUPLE_OF_LIST, &[list.value])?;
                Item::owned(tuple, Kind::Tuple)
            }
            (_, one, _) => one,
        })
    }

    // ---- functions -------------------------------------------------------------------------------------------

    /// `MAKE_FUNCTION`. The function of a generator expression, which is called at once, is not made.
    pub fn make_function(&mut self) -> Done {
        let item = self.pop();
        let Item::Constant(constant) = item else {
            return crate::builder::decline("a function of code that is no constant");
        };
        let code: *mut Code = self.f.symbols[constant.symbol.index()].address.cast_mut().cast();
        // SAFETY: a live code object.
        let name = unsafe { crate::text::name_of((*code).co_name) };
        let globals = self.info().globals;
        if name == "<genexpr>" && globals == self.codes[0].globals {
            self.push(Item::Function {
                code: constant.symbol,
                closure: Vec::new(),
            });
            return Ok(());
        }
        if self.is_inlined() {
            return self.refuse_inlining();
        }
        let function = self.make_function_of(constant.symbol)?;
        self.push(Item::owned(function, Kind::Unknown));
        Ok(())
    }

    fn make_function_of(&mut self, code: Symbol) -> Done<Value> {
        let code = self.op_imm(Op::ObjectConst, &[], Imm::Symbol(code));
        let globals = self.object(self.info().globals);
        let function = self
            .call(
                &MAKE_FUNCTION,
                &[code, globals],
                Some(Type::Object),
                (Effect::Any, true),
            )
            .expect("a result");
        self.raise_if_null(function);
        Ok(function)
    }

    /// `SET_FUNCTION_ATTRIBUTE`.
    pub fn set_function_attribute(&mut self, which: i32) -> Done {
        let function = self.pop();
        let value = self.pop();
        let function = match (function, value.clone()) {
            (Item::Function { code, .. }, Item::Tuple(closure)) if which == function_attribute::CLOSURE => {
                self.push(Item::Function { code, closure });
                return Ok(());
            }
            (function, _) => self.owned_object(function)?,
        };
        let value = self.owned_object(value)?;
        let which = self.int(which.into());
        self.call(
            &SET_FUNCTION_ATTRIBUTE,
            &[function, which, value],
            None,
            (Effect::Any, false),
        );
        self.push(Item::owned(function, Kind::Unknown));
        Ok(())
    }

    /// The object of a function that has not been made.
    pub fn make_function_object(&mut self, code: Symbol, closure: Vec<Item>) -> Done<Value> {
        let function = self.owing(closure.clone(), |this| this.make_function_of(code))?;
        if !closure.is_empty() {
            let closure = self.owned_object(Item::Tuple(closure))?;
            let which = self.int(function_attribute::CLOSURE.into());
            self.call(
                &SET_FUNCTION_ATTRIBUTE,
                &[function, which, closure],
                None,
                (Effect::Any, false),
            );
        }
        Ok(function)
    }

    /// A call of a generator expression's function; `false` if nothing has been done.
    pub fn call_function_item(&mut self, code: Symbol, closure: &[Item], callable: &Item, args: &[Item]) -> Done<bool> {
        let address: *mut Code = self.f.symbols[code.index()].address.cast_mut().cast();
        let (caller, place) = {
            let frame = self.frames.last().expect("a frame");
            (frame.code, (self.codes[frame.code].code as usize, self.index))
        };
        let [argument] = args else { return Ok(false) };
        if self.typed.is_some() || self.not_inlined.contains(&place) {
            return Ok(false);
        }
        let known = self.inlined_at.get(&(caller, self.index, address as usize)).copied();
        let number = match known {
            Some(number) => number,
            None => {
                let (globals, builtins) = (self.codes[0].globals, self.codes[0].builtins);
                let Some(body) = self.known.body(address, globals, builtins) else {
                    return Ok(false);
                };
                if start_of(&body.decoded).is_none() || !self.has_room_for(&body.decoded) {
                    return Ok(false);
                }
                let number = self.add_code(address, body.decoded, body.knowledge, (globals, builtins));
                self.inlined_at.insert((caller, self.index, address as usize), number);
                number
            }
        };
        let argument = self.shared_argument(argument.clone());
        let slots = self.codes[number].decoded.nlocals_plus as usize;
        let mut locals = vec![
            Local {
                item: Item::Null,
                home: false,
            };
            slots
        ];
        locals[0].item = argument;
        for (at, cell) in closure.iter().enumerate() {
            // The function has its references, the frame its own.
            let cell = self.shared(cell.clone());
            locals[slots - closure.len() + at].item = cell;
        }
        self.push_generator(number, locals, callable.clone(), place);
        Ok(true)
    }

    /// `MAKE_CELL`s at the function's start.
    pub fn make_cells(&mut self, locals: impl IntoIterator<Item = usize>) {
        for local in locals {
            let bytes = self.int(slot_offset(local).into());
            let slot = self.op(Op::AddOffset, &[self.frame_pointer, bytes]);
            let status = self
                .call(&MAKE_CELL, &[slot], Some(Type::Int), (Effect::Any, false))
                .expect("a result");
            self.raise_if_negative(status);
        }
    }
}
