//! Calls with numbers in registers: the *typed bodies* of callees.
//!
//! A typed body is a function of numbers and borrowed objects, made from a callee's bytecode for the types that one call
//! passes, and part of the version that calls it. It has no frame: it runs no code that we do not know, and where it would
//! have to, or a bet fails, it is left together with all that wait for it (see `justjit_runtime::deopt`). So a call costs
//! what one costs in C, a look whether it may be made, and a look whether it was left.
//!
//! In the builder a typed body's frame lies on a frame that is nobody's, as an inlined callee's does on its caller's.

use crate::builder::{Builder, CodeInfo, Done, decline, ir_region};
use crate::coroutines::{AwaitedAt, first_resume};
use crate::generators::start_of;
use crate::item::{Frame, Item, Kind, Local, Object, Owner, Returns};
use justjit_bytecode::{Function as Decoded, Opcode};
use justjit_ir::{self as ir, BlockCall, Call, Effect, Going, Imm, Op, Reason, SymbolData, SymbolKind, Type, Value};
use justjit_runtime::ending::{ALL_END_QUIETLY, TOGETHER};
use justjit_runtime::layout::{Code, ThreadState, offset};
use justjit_runtime::thread::Thread;
use pyo3_ffi::*;
use rustc_hash::FxHashSet;
use std::mem::offset_of;
use std::sync::atomic::AtomicPtr;

/// Typed bodies of one version, and of one function in it.
const BODIES: usize = 8;
const BODIES_OF_FUNCTION: usize = 2;
/// Instructions of a callee, at most.
const SIZE: usize = 1500;
/// Instructions of IR of a typed body that computes no floats, beyond which a call with a frame is as good: that is not much beside
/// what the callee does, and its code is there once, not in each version that calls it. (One that computes floats has loops
/// over lists of them, mostly: those may lie unpacked all the while.)
pub const ROOM: usize = 2_000;

/// What a typed body is given for one parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Param {
    Int,
    Float,
    Bool,
    /// Of exactly this type, if one is known; borrowed.
    Object(Option<*mut PyTypeObject>),
}

impl Param {
    fn ty(self) -> Type {
        match self {
            Param::Int => Type::Int,
            Param::Float => Type::Float,
            Param::Bool => Type::Bool,
            Param::Object(_) => Type::Object,
        }
    }
}

/// What a typed body gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gives {
    Int,
    Float,
    Bool,
    /// Always None: nothing.
    None,
    /// An owned object.
    Object,
}

impl Gives {
    fn ty(self) -> Type {
        match self {
            Gives::Int | Gives::None => Type::Int,
            Gives::Float => Type::Float,
            Gives::Bool => Type::Bool,
            Gives::Object => Type::Object,
        }
    }
}

/// A typed body, wanted or made.
pub struct TypedBody {
    pub function: *mut PyObject,
    pub params: Vec<Param>,
    pub gives: Gives,
    /// Where its callers find its address.
    pub word: Box<AtomicPtr<()>>,
    pub ir: Option<ir::Function>,
    /// As in [`crate::Built::codes`].
    pub codes: Vec<(*mut Code, Decoded)>,
}

/// What distinguishes typed bodies.
pub type Key = (usize, Vec<Param>);

impl TypedBody {
    pub fn key(&self) -> Key {
        (self.function as usize, self.params.clone())
    }
}

/// The typed bodies of a version.
#[derive(Default)]
pub struct Pool {
    pub all: Vec<TypedBody>,
    /// Those that cannot be made.
    pub refused: FxHashSet<Key>,
}

impl Pool {
    /// The number of a typed body, which is wanted from now on; `gives` says what it is to give if it is new.
    fn want(&mut self, function: *mut PyObject, params: &[Param], gives: Gives) -> Option<usize> {
        if self.refused.contains(&(function as usize, params.to_vec())) {
            return None;
        }
        let known = self
            .all
            .iter()
            .position(|one| one.function == function && one.params == params);
        if known.is_some() {
            return known;
        }
        let of_function = self.all.iter().filter(|one| one.function == function).count();
        if self.all.len() >= BODIES || of_function >= BODIES_OF_FUNCTION {
            return None;
        }
        self.all.push(TypedBody {
            function,
            params: params.to_vec(),
            gives,
            word: Box::default(),
            ir: None,
            codes: Vec::new(),
        });
        Some(self.all.len() - 1)
    }
}

/// What a typed body's builder knows of it.
#[derive(Clone, Copy)]
pub struct Typed {
    gives: Gives,
    /// How many calls may be nested in it.
    remaining: Value,
}

/// Whether a callee can have typed bodies.
fn suits(decoded: &Decoded, params: &[Param]) -> bool {
    let keeps = |slot: usize| !matches!(params.get(slot), Some(Param::Object(_)));
    let plain = decoded.instructions.iter().all(|instruction| {
        let arg = instruction.arg as usize;
        match instruction.opcode {
            // An object's reference is the caller's, who gives it up behind the call.
            Opcode::StoreFast | Opcode::DeleteFast | Opcode::LoadFastAndClear => keeps(arg),
            Opcode::StoreFastLoadFast => keeps(arg >> 4),
            Opcode::StoreFastStoreFast => keeps(arg >> 4) && keeps(arg & 15),
            _ => true,
        }
    });
    let begins = match decoded.is_resumable() {
        true => decoded.is_coroutine() && start_of(decoded).is_some(),
        false => decoded.instructions[0].opcode == Opcode::Resume,
    };
    plain && decoded.instructions.len() <= SIZE && begins
}

/// The instruction that a typed body begins at.
fn beginning(decoded: &Decoded) -> usize {
    match decoded.is_coroutine() {
        true => start_of(decoded).expect("it suits"),
        false => 0,
    }
}

impl<'a> Builder<'a> {
    /// The builder of a typed body.
    pub fn of_typed(name: &str, known: &'a mut dyn crate::Known, body: &TypedBody) -> (Builder<'a>, Vec<Value>) {
        let mut types = vec![Type::Pointer, Type::Int];
        types.extend(body.params.iter().map(|param| param.ty()));
        let (mut builder, mut params) = Builder::with_entry(name, known, &types);
        let args = params.split_off(2);
        builder.thread = params[0];
        // There is no frame: whoever wants one is refused.
        builder.frame_pointer = params[0];
        builder.typed = Some(Typed {
            gives: body.gives,
            remaining: params[1],
        });
        (builder, args)
    }

    /// Builds a typed body.
    pub fn typed_body(&mut self, function: *mut PyObject, params: &[Param], args: &[Value]) -> Done {
        // SAFETY: a live function.
        let code = unsafe { justjit_runtime::hook::code_of(function) };
        let Some(body) = self.known.callee(function) else {
            return decline("a callee of which nothing is known");
        };
        if !suits(&body.decoded, params) || body.knowledge.is_unreached(beginning(&body.decoded)) {
            return decline("a callee that has no typed body");
        }
        let slots = body.decoded.nlocals_plus as usize;
        let start = beginning(&body.decoded);
        let is_coroutine = body.decoded.is_coroutine();
        self.keep(code.cast());
        self.add_code(code, body.decoded, body.knowledge, (body.globals, body.builtins));
        let mut locals: Vec<Local> = Vec::with_capacity(slots);
        for (&param, &value) in params.iter().zip(args) {
            let item = match param {
                Param::Int => Item::Int(value),
                Param::Float => Item::Float(value),
                Param::Bool => Item::Bool(value),
                Param::Object(ty) => Item::Object(Object {
                    value,
                    kind: ty.map_or(Kind::Unknown, |ty| self.kind_of_type(ty)),
                    owner: Owner::Version,
                }),
            };
            locals.push(Local { item, home: false });
        }
        let empty = Local {
            item: Item::Null,
            home: false,
        };
        locals.resize(slots, empty);
        let nobody = Frame {
            code: 0,
            index: 0,
            function: Item::Null,
            locals: Vec::new(),
            stack: Vec::new(),
            returns: Returns::Value,
            instances: Vec::new(),
        };
        let function = self.constant_item(function);
        let mut stack = Vec::new();
        if is_coroutine {
            // What is sent first.
            // SAFETY: an immortal object.
            stack.push(self.constant_item(unsafe { Py_None() }));
        }
        let own = Frame {
            code: 0,
            index: start,
            function,
            locals,
            stack,
            returns: Returns::Value,
            instances: Vec::new(),
        };
        self.frames = vec![nobody, own];
        self.run()?;
        if self.refused {
            return decline("a callee whose typed body would be left too often");
        }
        Ok(())
    }

    /// Whether the present frame is a typed body's own.
    pub fn is_typed_frame(&self) -> bool {
        self.typed.is_some() && self.frames.len() == 2
    }

    /// How many calls may be nested in the present frame.
    pub fn remaining(&mut self) -> Value {
        let (remaining, inlined) = match self.typed {
            Some(typed) => (typed.remaining, self.frames.len() - 2),
            None => {
                let at = offset_of!(Thread, tstate) as i32;
                let thread = self.thread;
                let tstate = self.load(Type::Pointer, thread, at, ir_region::ANY);
                let at = offset_of!(ThreadState, py_recursion_remaining) as i32;
                let width = justjit_builder::Type::I32;
                let loaded = self.load_width(Type::Int, width, true, tstate, at, ir_region::ANY);
                (loaded, self.frames.len() - 1)
            }
        };
        if inlined == 0 {
            return remaining;
        }
        let inlined = self.int(inlined as i64);
        self.op(Op::IntSub, &[remaining, inlined])
    }

    /// What an argument is passed as.
    fn param(&mut self, item: &Item, seen: &crate::knowledge::Types) -> Param {
        if let Item::Constant(constant) = item
            && constant.kind == Kind::Int
            && constant.number.is_none()
        {
            return Param::Object(None);
        }
        let kind = match (item.kind(), seen.only()) {
            (Kind::Unknown, Some(ty)) => self.kind_of_type(ty),
            (kind, _) => kind,
        };
        match kind {
            Kind::Int if !seen.wide => Param::Int,
            Kind::Float => Param::Float,
            Kind::Bool => Param::Bool,
            // What is not certain is found out where it is used.
            _ => Param::Object(self.type_of_kind(item.kind())),
        }
    }

    /// The type of what a body's returns give, as far as one can tell.
    fn returned_kind(&mut self, body: &crate::Body, params: &[Param]) -> Kind {
        let (decoded, knowledge) = (&body.decoded, &body.knowledge);
        let mut kinds = Vec::new();
        for (index, one) in decoded.instructions.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| &decoded.instructions[before]);
            let ty = match (one.opcode, before) {
                (Opcode::ReturnConst, _) => {
                    let code = justjit_runtime::hook::code_of;
                    // SAFETY: a live function; decoding has checked the index.
                    unsafe {
                        let consts = (*code(body.function)).co_consts;
                        Some(Py_TYPE(PyTuple_GET_ITEM(consts, one.arg as Py_ssize_t)))
                    }
                }
                (Opcode::ReturnValue, Some(before)) if before.block == one.block => match before.opcode {
                    Opcode::LoadFast => match params.get(before.arg as usize) {
                        Some(Param::Int) => Some(&raw mut PyLong_Type),
                        Some(Param::Float) => Some(&raw mut PyFloat_Type),
                        Some(Param::Bool) => Some(&raw mut PyBool_Type),
                        _ => None,
                    },
                    _ => knowledge
                        .at(index - 1)
                        .result
                        .only()
                        .filter(|_| !knowledge.at(index - 1).result.wide),
                },
                _ => None,
            };
            if let Some(ty) = ty {
                kinds.push(self.kind_of_type(ty));
            }
        }
        match kinds[..] {
            [first, ref rest @ ..] if rest.iter().all(|&kind| kind == first) => first,
            _ => Kind::Unknown,
        }
    }

    /// What a call of a typed body is likely to give.
    fn gives(&mut self, body: &crate::Body, params: &[Param]) -> Gives {
        let result = self.seen().result;
        let wide = result.wide;
        let kind = match result.met.is_empty() {
            true => self.returned_kind(body, params),
            false => self.predicted_result(),
        };
        match kind {
            Kind::Int if !wide => Gives::Int,
            Kind::Float => Gives::Float,
            Kind::Bool => Gives::Bool,
            Kind::None => Gives::None,
            _ => Gives::Object,
        }
    }

    /// Calls a typed body of a function that is known, if there can be one; `false` if not, and nothing has been done.
    pub fn call_typed(&mut self, callee: *mut PyObject, all: &[Item]) -> Done<bool> {
        let lost = [Reason::Changed, Reason::Type, Reason::Overflow];
        if lost.into_iter().any(|reason| self.is_widened(reason)) {
            return Ok(false);
        }
        // SAFETY: a live function.
        let plain = unsafe {
            let code = justjit_runtime::hook::code_of(callee);
            (*code).co_argcount as usize == all.len() && crate::calls::is_plain(code)
        };
        if !plain {
            return Ok(false);
        }
        let Some(body) = self.known.callee(callee) else {
            if self.typed.is_some() && !self.is_widened(Reason::Unreached) {
                // More may be known of it the next time; a call by the runtime would be the end of this typed body.
                self.deopt(Reason::Unreached);
            }
            return Ok(false);
        };
        if !suits(&body.decoded, &[]) {
            return Ok(false);
        }
        let awaited = match (body.decoded.is_coroutine(), self.awaited_at()) {
            (true, None) => return Ok(false),
            (true, awaited) => awaited,
            (false, _) => None,
        };
        // A sampling version notes the first parameters.
        let start = body.knowledge.at(first_resume(&body.decoded));
        let mut params = Vec::with_capacity(all.len());
        for (index, item) in all.iter().enumerate() {
            let nothing = crate::knowledge::Types::default();
            let seen = match index {
                0..3 => &start.operands[index],
                3 => &start.result,
                _ => &nothing,
            };
            params.push(self.param(item, seen));
        }
        if !suits(&body.decoded, &params) {
            return Ok(false);
        }
        // Of a coroutine that is what `END_SEND` pushes.
        let index = self.index;
        self.index = awaited.map_or(index, |awaited| awaited.end);
        let gives = self.gives(&body, &params);
        self.index = index;
        let Some(number) = self.pool.want(callee, &params, gives) else {
            return Ok(false);
        };
        self.known.bet_on_function(callee);
        self.keep(callee);
        for param in &params {
            if let Param::Object(Some(ty)) = *param {
                self.keep(ty.cast());
            }
        }
        let awaiting = awaited.map(|awaited| {
            self.expect_no_origin();
            self.running_coroutine(callee, body, awaited)
        });
        self.emit_typed_call(number, &params, all, awaiting)?;
        self.specialized += 1;
        Ok(true)
    }

    fn emit_typed_call(
        &mut self,
        number: usize,
        params: &[Param],
        all: &[Item],
        awaiting: Option<(Item, AwaitedAt)>,
    ) -> Done {
        let remaining = self.remaining();
        let mut args = Vec::with_capacity(params.len());
        for (param, item) in params.iter().zip(all) {
            args.push(match param {
                Param::Int => Some(self.as_int(item)),
                Param::Float => Some(self.as_float(item)),
                Param::Bool => Some(self.as_bool(item)),
                Param::Object(_) => None,
            });
        }
        // Where it must not be made, baseline code does what there is to be done, and makes it.
        let state = self.state_before(Reason::Safepoint);
        self.f
            .append(self.block, Op::CallCheck, vec![remaining], Imm::None, Some(state));
        // From here on nothing leaves: objects can be made of the operands.
        let one = self.int(1);
        let left = self.op(Op::IntSub, &[remaining, one]);
        let mut passed = vec![self.thread, left];
        let mut given_up = Vec::with_capacity(params.len());
        for (number, item) in args.into_iter().zip(all) {
            match number {
                Some(number) => {
                    passed.push(number);
                    given_up.push(item.clone());
                }
                None => {
                    let (value, item) = self.borrow_object(item.clone())?;
                    passed.push(value);
                    given_up.push(item);
                }
            }
        }

        let wanted = &self.pool.all[number];
        let gives = wanted.gives;
        // SAFETY: a live function.
        let name = unsafe { crate::text::name_of((*justjit_runtime::hook::code_of(wanted.function)).co_qualname) };
        let address = (&raw const *wanted.word).cast();
        let symbol = self.f.symbol(SymbolData {
            name: format!("typed#{number}:{name}"),
            kind: SymbolKind::Function(Call {
                params: passed.iter().map(|&value| self.f.type_of(value)).collect(),
                result: Some(gives.ty()),
                effect: Effect::Any,
                owned: gives == Gives::Object,
                consumes: vec![false; passed.len()],
                through: true,
            }),
            address,
            function: None,
        });
        let result = self.f.append(self.block, Op::Call, passed, Imm::Symbol(symbol), None);
        let result = result.expect("a typed body gives something");

        let thread = self.thread;
        let leaving = self.load(Type::Int, thread, offset_of!(Thread, leaving) as i32, ir_region::ANY);
        let zero = self.int(0);
        let fine = self.int_compare(justjit_builder::IntCond::Eq, leaving, zero);
        let state = self.state_waiting(&given_up, awaiting.as_ref());
        self.f.append(self.block, Op::Guard, vec![fine], Imm::None, Some(state));
        let item = match gives {
            Gives::Int => Item::Int(result),
            Gives::Float => Item::Float(result),
            Gives::Bool => Item::Bool(result),
            // SAFETY: None is immortal.
            Gives::None => self.constant_item(unsafe { Py_None() }),
            Gives::Object => Item::owned(result, Kind::Unknown),
        };
        self.push(item);
        if let Some((_, awaited)) = awaiting {
            self.frame().index = awaited.end + 1;
        }
        self.release_all(given_up);
        Ok(())
    }

    /// The state in which the present instruction, whose operands are gone but for those that the code still has references
    /// to, waits for its callee. The callee may be a coroutine, which `SEND` waits for.
    fn state_waiting(&mut self, arguments: &[Item], awaiting: Option<&(Item, AwaitedAt)>) -> ir::State {
        let mut frames = self.frames.clone();
        let frame = frames.last_mut().expect("there is a frame");
        frame.index = self.index;
        if let Some((coroutine, awaited)) = awaiting {
            frame.index = awaited.send;
            frame.stack.push(coroutine.clone());
        }
        let state = self.state_of(&frames, Going::Wait, Reason::Callee);
        if let Some((_, awaited)) = awaiting {
            let ends = self.info().decoded.instructions[awaited.end].start;
            let frame = self.f.states[state.index()]
                .frames
                .last_mut()
                .expect("there is a frame");
            let coroutine = frame.stack.last().expect("the coroutine").clone();
            frame.returns = ir::Returns::Await { coroutine, ends };
        }
        let mut owned = Vec::new();
        for item in arguments {
            item.clone().objects_mut(&mut |object| {
                if object.owner == Owner::Item {
                    owned.push(object.value);
                }
            });
        }
        self.f.states[state.index()].release = owned;
        state
    }

    /// `RETURN_VALUE` in a typed body's own frame.
    pub fn return_typed(&mut self, item: Item) -> Done {
        let gives = self.typed.expect("a typed body").gives;
        let lost = [Reason::Type, Reason::Overflow, Reason::Unsupported];
        if lost.into_iter().any(|reason| self.is_widened(reason)) {
            return decline("a result that is not always of one type");
        }
        let wanted = match gives {
            Gives::Int => Kind::Int,
            Gives::Float => Kind::Float,
            Gives::Bool => Kind::Bool,
            Gives::None => Kind::None,
            Gives::Object => Kind::Unknown,
        };
        let kind = item.kind();
        let wide = matches!(&item, Item::Constant(constant) if constant.number.is_none() && kind == Kind::Int);
        if wanted != Kind::Unknown && (wide || (kind != wanted && kind != Kind::Unknown)) {
            self.deopt(Reason::Type);
            return Ok(());
        }
        // What the frame's locals have is given up; where that would run code, the interpreter's way is gone.
        let mut quiet = Vec::new();
        let mut loud = Vec::new();
        let locals = self.frame().locals.clone();
        let mut given_up: Vec<Item> = locals.into_iter().map(|local| local.item).collect();
        given_up.extend(self.attributes_without(&item));
        for mut item in given_up {
            item.objects_mut(&mut |object| {
                if object.owner == Owner::Item {
                    let list = if object.kind.ends_quietly() {
                        &mut quiet
                    } else {
                        &mut loud
                    };
                    list.push((object.value, object.kind == Kind::Maybe));
                }
            });
        }
        self.expect_quiet_ends(&loud, Reason::Unsupported);
        self.forget_instances();
        let value = match gives {
            Gives::Int => self.as_int(&item),
            Gives::Float => self.as_float(&item),
            Gives::Bool => self.as_bool(&item),
            Gives::None => {
                if let Item::Object(object) = &item {
                    self.expect(&object.clone(), Kind::None);
                }
                self.int(0)
            }
            Gives::Object => self.owned_object(item.clone())?,
        };
        if gives != Gives::Object {
            self.release_known(item, wanted);
        }
        for (value, maybe) in quiet.into_iter().chain(loud) {
            let give_up = |this: &mut Self| this.effect(Op::DecrefNumber, &[value], Imm::None);
            match maybe {
                true => self.if_there(value, give_up),
                false => give_up(self),
            }
        }
        self.f.end(self.block, Op::Give, vec![value], None, Vec::new());
        self.terminated = true;
        Ok(())
    }
}

impl Builder<'_> {
    /// Leaves if giving up a reference to each of these objects (NULL, where there may be none) might run code.
    pub fn expect_quiet_ends(&mut self, loud: &[(Value, bool)], reason: Reason) {
        if loud.is_empty() {
            return;
        }
        let most = self.int(loud.len() as i64);
        let (few, fine) = (self.f.add_block(), self.f.add_block());
        self.f.blocks[few.index()].cold = true;
        for &(value, maybe) in loud {
            let stays = |this: &mut Self| {
                let width = justjit_builder::Type::I32;
                let count = this.load_width(Type::Int, width, false, value, offset::OB_REFCNT, ir_region::COUNT);
                // Immortal objects have a negative one.
                let more = this.int_compare(justjit_builder::IntCond::UnsignedLt, most, count);
                let next = this.f.add_block();
                this.branch(more, next, few);
                this.block = next;
                this.terminated = false;
            };
            match maybe {
                true => self.if_there(value, stays),
                false => stays(self),
            }
        }
        let go_on = || BlockCall {
            block: fine,
            args: Vec::new(),
        };
        self.f.end(self.block, Op::Jump, Vec::new(), None, vec![go_on()]);
        self.block = few;
        self.terminated = false;
        if loud.len() > TOGETHER {
            self.deopt(reason);
        } else {
            let mut args = vec![self.thread];
            args.extend(loud.iter().map(|&(value, _)| value));
            args.resize_with(TOGETHER + 1, || self.null());
            let quiet = self.call(&ALL_END_QUIETLY, &args, Some(Type::Int), (Effect::Any, false));
            let zero = self.int(0);
            let quiet = self.int_compare(justjit_builder::IntCond::Ne, quiet.expect("a result"), zero);
            self.guard(quiet, reason);
            self.f.end(self.block, Op::Jump, Vec::new(), None, vec![go_on()]);
        }
        self.block = fine;
        self.terminated = false;
    }
}

/// The code objects that a builder has read, with what was decoded.
pub fn codes(infos: Vec<CodeInfo>) -> Vec<(*mut Code, Decoded)> {
    infos.into_iter().map(|info| (info.code, info.decoded)).collect()
}
