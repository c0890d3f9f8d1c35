//! Calls: inlined Python functions, and everything else by the runtime. Known builtins are in `builtins`.

use crate::builder::{Builder, Done, ir_region};
use crate::convert::slot_offset;
use crate::direct::Way;
use crate::generators::start_of;
use crate::item::{Frame, Item, Kind, Local, Object, Owner, Returns};
use justjit_builder::IntCond;
use justjit_ir::{Imm, Op, Reason, Type, Value};
use justjit_runtime::binding::{Plan, Source};
use justjit_runtime::builtins::MethodDescriptor;
use justjit_runtime::layout::Function;
use pyo3_ffi::*;
use std::mem::offset_of;
use std::ptr::null_mut;

/// Instructions of callees that are inlined, at most.
const INLINE_SIZE: usize = 80;
/// Frames that are inlined in one another, at most.
const INLINE_DEPTH: usize = 6;
/// Instructions that inlining may add to a function.
const INLINE_BUDGET: usize = 600;
/// Instructions of IR, beyond which nothing but small callees is inlined: each place of a callee's where the code can be left
/// costs as much again, for all the frames around it.
const INLINE_ROOM: usize = 2_000;
/// Instructions of callees that are inlined all the same.
const INLINE_SMALL: usize = 16;

/// Whether a call is `enumerate(…, start=…)`.
///
/// # Safety
/// A live object; the names are a tuple, or NULL.
unsafe fn is_start_of_enumerate(callee: *mut PyObject, keywords: *mut PyObject, count: usize) -> bool {
    // SAFETY: see the contract.
    unsafe {
        callee == (&raw mut PyEnum_Type).cast()
            && !keywords.is_null()
            && (PyTuple_GET_SIZE(keywords), count) == (1, 2)
            && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, 0), c"start".as_ptr()) == 0
    }
}

impl Builder<'_> {
    /// `CALL`.
    pub fn call_op(&mut self, count: usize) -> Done {
        let args = self.pop_many(count);
        let receiver = self.pop();
        let callable = self.pop();
        let (callable, receiver) = self.unbound(callable, receiver);
        if self.call_known(&callable, &receiver, &args, null_mut())? {
            return Ok(());
        }
        let mut items = vec![callable, receiver];
        items.extend(args);
        self.generic_call_op(items, None)
    }

    /// `CALL_KW`.
    pub fn call_kw(&mut self, count: usize) -> Done {
        let names = self.pop();
        let args = self.pop_many(count);
        let receiver = self.pop();
        let callable = self.pop();
        if let Some(keywords) = self.symbol_address(&names)
            && self.call_known(&callable, &receiver, &args, keywords)?
        {
            return Ok(());
        }
        let mut items = vec![callable, receiver];
        items.extend(args);
        items.push(names);
        self.generic_call_op(items, Some(count))
    }

    /// The method and the receiver of a callable that was the same method of a builtin type each time, bound to its receiver:
    /// `append = items.append`. Only where a slot has the callable, and so the receiver.
    fn unbound(&mut self, callable: Item, receiver: Item) -> (Item, Item) {
        let (Item::Object(object), Item::Null, Some(method)) = (&callable, &receiver, self.seen().method) else {
            return (callable, receiver);
        };
        if object.owner == Owner::Item || object.kind != Kind::Unknown || self.is_widened(Reason::Type) {
            return (callable, receiver);
        }
        let (object, owner) = (object.value, object.owner);
        let functions = self.object_symbol((&raw mut PyCFunction_Type).cast());
        let right = self.op_imm(Op::HasType, &[object], Imm::Symbol(functions));
        self.guard(right, Reason::Type);
        // SAFETY: a live method descriptor.
        let definition = unsafe { (*method.cast::<MethodDescriptor>()).d_method };
        let at = offset_of!(PyCFunctionObject, m_ml) as i32;
        let actual = self.load(Type::Pointer, object, at, ir_region::ANY);
        let expected = self.pointer(definition.cast_const().cast(), "definition");
        let same = self.op(Op::Same, &[actual, expected]);
        self.guard(same, Reason::Type);
        let at = offset_of!(PyCFunctionObject, m_self) as i32;
        let value = self.load(Type::Object, object, at, ir_region::ANY);
        let receiver = Object {
            value,
            kind: Kind::Unknown,
            owner,
        };
        (self.constant_item(method), Item::Object(receiver))
    }

    /// A call of what is known; `false` if nothing has been done.
    fn call_known(&mut self, callable: &Item, receiver: &Item, args: &[Item], keywords: *mut PyObject) -> Done<bool> {
        let mut all = args.to_vec();
        if *receiver != Item::Null {
            all.insert(0, receiver.clone());
        }
        let Some(callee) = self.symbol_address(callable) else {
            if let Item::Function { code, closure } = callable {
                return Ok(keywords.is_null() && self.call_function_item(*code, closure, callable, &all)?);
            }
            return self.call_seen(callable, receiver, &all, keywords);
        };
        self.call_object(callee, callable, &all, keywords)
    }

    /// A call of a constant object.
    fn call_object(
        &mut self,
        callee: *mut PyObject,
        callable: &Item,
        args: &[Item],
        keywords: *mut PyObject,
    ) -> Done<bool> {
        if let ([generator @ Item::Instance(..)], true) = (args, keywords.is_null())
            && !self.is_widened(Reason::Changed)
            && let Some(builtin) = self.known.builtin(callee)
            && self.consume(builtin, generator)?
        {
            return Ok(true);
        }
        // SAFETY: constants are alive.
        let (is_function, is_class) = unsafe { (PyFunction_Check(callee) != 0, PyType_Check(callee) != 0) };
        if is_function {
            let inlined = self.inline(callee, callable, args, keywords, Returns::Value)?;
            return Ok(inlined || keywords.is_null() && self.call_typed(callee, args)? || self.terminated);
        }
        if is_class && self.construct(callee.cast(), args, keywords)? {
            return Ok(true);
        }
        if is_class && keywords.is_null() && self.new_exception(callee.cast(), args) {
            return Ok(true);
        }
        // SAFETY: a live class, and the names of a call that is looked at.
        let starts = is_class && unsafe { is_start_of_enumerate(callee, keywords, args.len()) };
        if !keywords.is_null() && !starts {
            return Ok(false);
        }
        if is_class && args.is_empty() && self.new_blank(callee.cast()) {
            return Ok(true);
        }
        if self.initialize_nothing(callee, args) || self.type_of(callee, args) {
            return Ok(true);
        }
        if self.is_instance(callee, args)? {
            return Ok(true);
        }
        Ok(self.call_builtin(callee, args)? || self.terminated)
    }

    /// Leaves if a call's receiver is none: where the runtime has looked a method up, it may have found something else.
    fn expect_receiver(&mut self, receiver: &Item) {
        if let Item::Object(object) = receiver
            && object.kind == Kind::Unknown
        {
            let none = self.op(Op::IsNull, &[object.value]);
            let there = self.op(Op::BoolNot, &[none]);
            self.guard(there, Reason::Type);
        }
    }

    /// A call of an object that may be another the next time.
    fn call_seen(&mut self, callable: &Item, receiver: &Item, args: &[Item], keywords: *mut PyObject) -> Done<bool> {
        if self.is_widened(Reason::Type) {
            return Ok(false);
        }
        if let Item::Object(object) = callable
            && let Some(callee) = self.seen().object
            // SAFETY: what was seen is alive.
            && unsafe { PyFunction_Check(callee) != 0 || PyType_Check(callee) != 0 }
        {
            let depth = self.frames.len();
            let known = self.constant_item(callee);
            let expected = self.object(callee);
            // SAFETY: as above.
            let done = if unsafe { PyType_Check(callee) } != 0 {
                self.construct(callee.cast(), args, keywords)?
            } else {
                self.inline(callee, &known, args, keywords, Returns::Value)?
            };
            if !done {
                return Ok(false);
            }
            let same = self.op(Op::Same, &[object.value, expected]);
            self.guard(same, Reason::Type);
            self.expect_receiver(receiver);
            // A reference to the callable is the frame's, or not needed any more.
            // SAFETY: as above.
            if unsafe { PyFunction_Check(callee) } != 0 && self.frames.len() > depth {
                self.frame().function = callable.clone();
            } else {
                self.release(callable.clone());
            }
            return Ok(true);
        }
        let kind = self.likely_kind(callable, 0);
        if let (Kind::Other(_), Item::Object(_) | Item::Instance(..)) = (kind, callable) {
            let done = self.call_instance(callable, kind, args, keywords)?;
            if done {
                self.expect_receiver(receiver);
            }
            return Ok(done);
        }
        Ok(false)
    }

    /// A call by the runtime, which takes all references over.
    fn generic_call_op(&mut self, items: Vec<Item>, keywords: Option<usize>) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        // Keywords are known by a constant tuple of names.
        let names = match keywords {
            None => Some(null_mut()),
            Some(_) => self.symbol_address(items.last().expect("names")),
        };
        let operands = if keywords.is_some() {
            items.len() - 1
        } else {
            items.len()
        };
        let way = self.way(&items[..operands], names);
        // The locals first: an argument that is a local's number is the local's object.
        match way {
            Way::Any => self.begin_unknown()?,
            _ => self.begin_call()?,
        }
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            values.push(match item {
                Item::Constant(constant) if way.borrows(index) => {
                    self.op_imm(Op::ObjectConst, &[], Imm::Symbol(constant.symbol))
                }
                _ => {
                    let made = values.iter().zip(&items).enumerate();
                    let made = made.filter(|(at, (_, item))| !matches!(item, Item::Constant(_)) || !way.borrows(*at));
                    let made = made.map(|(_, (&value, _))| Item::owned(value, Kind::Unknown));
                    let owed: Vec<Item> = made.chain(items[index + 1..].iter().cloned()).collect();
                    self.owing(owed, |this| this.owned_argument(item.clone()))?
                }
            });
        }
        let names = keywords.is_some().then(|| values.pop().expect("names"));
        let result = self.make_call(&way, &items[..operands], &values, names);
        self.finish_call(result)
    }

    /// An operand of a call as an object, when all locals are in their slots.
    fn owned_argument(&mut self, item: Item) -> Done<Value> {
        if matches!(item, Item::Int(_) | Item::Float(_))
            && let Some(slot) = self.frames[0].locals.iter().position(|local| local.item == item)
        {
            let value = self.load(
                Type::Object,
                self.frame_pointer,
                slot_offset(slot),
                crate::builder::ir_region::FRAME,
            );
            self.effect(Op::Incref, &[value], Imm::None);
            return Ok(value);
        }
        self.owned_object(item)
    }

    /// Behind a call that may have run any code: NULL raises, and what is pending has its turn.
    pub fn finish_call(&mut self, result: Value) -> Done {
        self.raise_if_null(result);
        // The end of a call is a safepoint.
        let next = self.frames.last().expect("a frame").index;
        self.push(Item::owned(result, Kind::Unknown));
        let state = self.state_at(next, Reason::Safepoint);
        self.f
            .append(self.block, Op::Safepoint, Vec::new(), Imm::None, Some(state));
        Ok(())
    }

    /// Goes on in the callee's bytecode, if that pays; `false` if it does not, and nothing has been done.
    pub fn inline(
        &mut self,
        callee: *mut PyObject,
        callable: &Item,
        args: &[Item],
        keywords: *mut PyObject,
        returns: Returns,
    ) -> Done<bool> {
        let (caller, place) = {
            let frame = self.frames.last().expect("a frame");
            (frame.code, (self.codes[frame.code].code as usize, self.index))
        };
        if self.not_inlined.contains(&place) || self.is_widened(Reason::Changed) || self.frames.len() > INLINE_DEPTH {
            return Ok(false);
        }
        // SAFETY: a live function.
        let code = unsafe { justjit_runtime::hook::code_of(callee) };
        if self.frames.iter().any(|frame| self.codes[frame.code].code == code) {
            return Ok(false);
        }
        // SAFETY: a live function and its code.
        let plan = unsafe {
            if !takes_names_only(code) {
                return Ok(false);
            }
            Plan::of(callee, args.len() - count_of(keywords), keywords)
        };
        let Some(plan) = plan else {
            return Ok(false);
        };
        let known = self.inlined_at.get(&(caller, self.index, code as usize)).copied();
        let number = match known {
            Some(number) => {
                // For another version of the caller's block.
                let size = self.codes[number].decoded.instructions.len();
                if self.f.insts.len() > INLINE_ROOM && size > INLINE_SMALL {
                    return Ok(false);
                }
                number
            }
            None => {
                let Some(body) = self.known.callee(callee) else {
                    return Ok(false);
                };
                let fits = self.has_room_for(&body.decoded);
                if !fits || body.decoded.is_resumable() && start_of(&body.decoded).is_none() {
                    return Ok(false);
                }
                if body.decoded.is_coroutine() && self.awaited_at().is_none() {
                    return Ok(false);
                }
                self.known.bet_on_function(callee);
                self.keep(callee);
                let number = self.add_code(code, body.decoded, body.knowledge, (body.globals, body.builtins));
                self.inlined_at.insert((caller, self.index, code as usize), number);
                number
            }
        };
        let resumable = self.codes[number].decoded.is_resumable();
        if resumable && (self.typed.is_some() || returns != Returns::Value) {
            return Ok(false);
        }
        let awaited = self.codes[number].decoded.is_coroutine();
        if awaited {
            self.expect_no_origin();
        }
        let mut args = args.to_vec();
        if resumable && !awaited {
            args = args.into_iter().map(|item| self.shared_argument(item)).collect();
        }
        if args.iter().any(Item::has_iterator) {
            return Ok(false);
        }
        let mut locals = Vec::new();
        let defaults = self.defaults(callee, &plan);
        for source in &plan.sources {
            let item = match *source {
                Source::Argument(index) => args[index as usize].clone(),
                Source::Default(index) => {
                    // SAFETY: the plan says that there are so many.
                    let object = unsafe { PyTuple_GET_ITEM(defaults, index as Py_ssize_t) };
                    self.constant_item(object)
                }
            };
            locals.push(Local { item, home: false });
        }
        if self.typed.is_some() {
            let remaining = self.remaining();
            let zero = self.int(0);
            let fine = self.int_compare(IntCond::SignedGt, remaining, zero);
            self.guard(fine, Reason::Safepoint);
        }
        let slots = self.codes[number].decoded.nlocals_plus as usize;
        locals.resize(
            slots,
            Local {
                item: Item::Null,
                home: false,
            },
        );
        // SAFETY: a live function, whose closure never changes; there is a cell for each free variable.
        unsafe {
            let closure = PyFunction_GetClosure(callee);
            let count = if closure.is_null() {
                0
            } else {
                PyTuple_GET_SIZE(closure)
            };
            for index in 0..count {
                let cell = self.constant_item(PyTuple_GET_ITEM(closure, index));
                locals[slots - (count - index) as usize].item = cell;
            }
        }
        if resumable {
            let function = self.constant_item(callee);
            self.push_generator(number, locals, function, place);
            if awaited {
                self.resume_awaited()?;
            }
            return Ok(true);
        }
        self.frame().index = self.index;
        self.frames.push(Frame {
            code: number,
            index: 0,
            function: callable.clone(),
            locals,
            stack: Vec::new(),
            returns,
            instances: Vec::new(),
        });
        self.specialized += 1;
        Ok(true)
    }

    /// Whether a callee is small enough to be inlined.
    pub fn has_room_for(&self, decoded: &justjit_bytecode::Function) -> bool {
        let added: usize = self.codes[1..].iter().map(|info| info.decoded.instructions.len()).sum();
        let size = decoded.instructions.len();
        let most = match self.f.insts.len() > INLINE_ROOM {
            // One that is not inlined is resumed for each item.
            true if decoded.is_generator() => INLINE_SIZE / 2,
            true => INLINE_SMALL,
            false => INLINE_SIZE,
        };
        size <= most && added + size <= INLINE_BUDGET
    }

    /// The function's `__defaults__`, if the plan takes some; leaves when they are others.
    fn defaults(&mut self, callee: *mut PyObject, plan: &Plan) -> *mut PyObject {
        if plan.defaults.is_none() {
            return null_mut();
        }
        // SAFETY: a live function.
        let defaults = unsafe { (*callee.cast::<Function>()).func_defaults };
        let function = self.object(callee);
        let offset = std::mem::offset_of!(Function, func_defaults) as i32;
        let now = self.load(Type::Object, function, offset, ir_region::ANY);
        let expected = self.object(defaults);
        let same = self.op(Op::Same, &[now, expected]);
        self.guard(same, Reason::Changed);
        defaults
    }

    /// `RETURN_VALUE` in an inlined callee.
    pub fn return_from_inlined(&mut self, item: Item) -> Done {
        if self.return_from_generator(&item)? {
            return Ok(());
        }
        let returns = self.frame().returns.clone();
        let Some(result) = self.returned(item, &returns)? else {
            return Ok(());
        };
        let finished = self.frames.pop().expect("a frame");
        let next = {
            let caller = self.frame();
            caller.index += 1;
            caller.index
        };
        let mut dropped = Vec::new();
        match finished.returns {
            Returns::Nothing => dropped.push(result),
            Returns::ValueAndNull => self.frame().stack.extend([result, Item::Null]),
            Returns::Instance(instance) => self.push(instance),
            Returns::Comparison { operands, .. } => {
                dropped.extend(*operands);
                self.push(result);
            }
            Returns::Value | Returns::Operator { .. } | Returns::Length => self.push(result),
            Returns::Next { .. } | Returns::Await { .. } | Returns::Consume { .. } => {
                unreachable!("a generator's")
            }
        }
        dropped.extend(finished.locals.into_iter().map(|local| local.item));
        dropped.push(finished.function);
        self.release_all(dropped);
        if self.codes[finished.code].returns > 1 {
            self.join_at(next);
        }
        self.go_to_next(next)
    }

    /// What the caller gets from a callee's result; `None` if the code has been left.
    fn returned(&mut self, item: Item, returns: &Returns) -> Done<Option<Item>> {
        let kind = item.kind();
        match *returns {
            Returns::Value | Returns::ValueAndNull | Returns::Nothing => {}
            Returns::Instance(_) if kind == Kind::None => {}
            Returns::Operator { .. } | Returns::Comparison { .. } => {
                // SAFETY: an immortal object.
                let not_implemented = unsafe { Py_NotImplemented() };
                if self.symbol_address(&item) == Some(not_implemented) {
                    self.deopt(Reason::Unsupported);
                    return Ok(None);
                }
                let wants_bool = matches!(*returns, Returns::Comparison { op, .. } if op & 16 != 0);
                if wants_bool {
                    return match &item {
                        Item::Bool(_) => Ok(Some(item)),
                        Item::Constant(_) | Item::Object(_) if matches!(kind, Kind::Bool | Kind::Unknown) => {
                            let flag = self.as_bool(&item);
                            Ok(Some(Item::Bool(flag)))
                        }
                        _ => self.refuse_inlining(),
                    };
                }
                if let Item::Object(object) = item
                    && kind == Kind::Unknown
                {
                    let other = self.object(not_implemented);
                    let same = self.op(Op::Same, &[object.value, other]);
                    let fine = self.op(Op::BoolNot, &[same]);
                    self.guard(fine, Reason::Type);
                }
            }
            Returns::Length if matches!(kind, Kind::Int) => {
                let length = self.as_int(&item);
                let zero = self.int(0);
                let fine = self.int_compare(IntCond::SignedGe, length, zero);
                self.guard(fine, Reason::Domain);
                self.release(item);
                return Ok(Some(Item::Int(length)));
            }
            Returns::Instance(_)
            | Returns::Length
            | Returns::Next { .. }
            | Returns::Await { .. }
            | Returns::Consume { .. } => {
                return self.refuse_inlining();
            }
        }
        Ok(Some(item))
    }
}

/// The number of names in a tuple, or 0 for NULL.
fn count_of(keywords: *mut PyObject) -> usize {
    if keywords.is_null() {
        return 0;
    }
    // SAFETY: a live tuple.
    unsafe { PyTuple_GET_SIZE(keywords) as usize }
}

/// Whether the code takes just positional and keyword arguments.
///
/// # Safety
/// A live code object.
unsafe fn takes_names_only(code: *mut justjit_runtime::layout::Code) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let flags = (*code).co_flags;
        flags & (CO_VARARGS | CO_VARKEYWORDS) == 0 && flags & CO_OPTIMIZED != 0
    }
}

/// Whether the code takes just its positional arguments, and has neither cells nor a closure.
///
/// # Safety
/// A live code object.
pub unsafe fn is_plain(code: *mut justjit_runtime::layout::Code) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let cells = (*code).co_ncellvars + (*code).co_nfreevars;
        takes_names_only(code) && (*code).co_kwonlyargcount == 0 && cells == 0
    }
}
