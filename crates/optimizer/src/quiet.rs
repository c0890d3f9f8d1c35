//! Exceptions that are not made: raised by an instruction whose exception is known, and caught in the same code, in the frame
//! that raises or in one that waits for it.
//!
//! Such an exception is an entry among the instances that have not been made ([`Form::Exception`]): its class and arguments,
//! where it was raised, and the frames that it has left with their locals, which its traceback would keep alive. Handlers test
//! its class while they are built. What handles it sees to it that nobody could look: before code runs that is not known, the
//! exception is made and is handled for all to see, as if it had been all along; where the code is left the runtime does that.
//! Most handlers end before either happens, and the exception ends with what it has.
//!
//! There is one at a time: one that is raised while another is handled would refer to that as its context.

use crate::builder::{Builder, Done, Stop, decline, ir_region};
use crate::item::{Caught, Exception, Form, Frame, Instance, Item, Kind, Left, Returns};
use justjit_builder::IntCond;
use justjit_bytecode::Opcode;
use justjit_ir::{self as ir, Effect, Imm, Op, Recovery, Symbol, Type, Value, VirtualObject};
pub use justjit_runtime::deopt::Message;
use justjit_runtime::deopt::{IS_NO_INT, MAKE_EXCEPTION, NEXT_ITEM, PARSE_INT, RAISED_AT};
use justjit_runtime::frame::PUSH_EXC_INFO;
use justjit_runtime::layout::offset;
use pyo3_ffi::*;

/// A handler that gets an exception which need not be made.
#[derive(Clone, Copy)]
pub struct Catcher {
    /// The frame with the handler.
    depth: usize,
    /// The exception's class, among the builder's types.
    class: u32,
}

impl Builder<'_> {
    /// The handler in this code that gets an exception of that class if the present instruction raises one. None if it has to be
    /// made.
    pub fn quiet_catcher(&mut self, class: *mut PyTypeObject) -> Option<Catcher> {
        let instances = self.frames[0].instances.iter();
        let raised = |one: &Instance| matches!(&one.form, Form::Exception(one) if one.caught.is_some());
        let another = self.quietly_handled().is_some()
            || instances
                .enumerate()
                .any(|(id, one)| raised(one) && self.is_reachable(id as u32));
        let index = match self.is_inlined() {
            true => self.frames[0].index,
            false => self.index,
        };
        // One that is handled and was made would be its context, too.
        let another = another || self.typed.is_none() && self.codes[0].handled[index];
        // SAFETY: a live class.
        if another || !unsafe { is_plain(class) } {
            return None;
        }
        let depth = self.catching_frame(class, self.index)?;
        // SAFETY: as above.
        let is_fixed = unsafe { PyType_HasFeature(class, Py_TPFLAGS_IMMUTABLETYPE) != 0 };
        if !is_fixed && !self.known.bet_on_class(class) {
            return None;
        }
        let Kind::Other(class) = self.kind_of_type(class) else {
            return None;
        };
        Some(Catcher { depth, class })
    }

    /// The frame that has the handler for an exception of this instruction of the innermost frame.
    fn catching_frame(&self, class: *mut PyTypeObject, index: usize) -> Option<usize> {
        let innermost = self.frames.len() - 1;
        let outermost = usize::from(self.typed.is_some());
        let mut index = index;
        for depth in (outermost..=innermost).rev() {
            let frame = &self.frames[depth];
            if depth < innermost {
                index = frame.index;
            }
            let info = &self.codes[frame.code];
            // What is suspended is as the interpreter would have it.
            if info.decoded.is_resumable() {
                return None;
            }
            if let Some(handler) = info.decoded.instructions[index].handler {
                let target = info.decoded.index_at(handler.target)?;
                let knowledge = &info.knowledge;
                let is_reached = knowledge.count(target) > 0
                    || knowledge.is_widened(index, ir::Reason::Exception)
                    || knowledge.is_widened(target, ir::Reason::Unreached);
                return is_reached.then_some(depth);
            }
            if depth == outermost {
                return None;
            }
            match frame.returns {
                Returns::Value | Returns::ValueAndNull | Returns::Nothing | Returns::Length => {}
                Returns::Instance(_) | Returns::Operator { .. } | Returns::Comparison { .. } => {}
                Returns::Next { .. } | Returns::Await { .. } | Returns::Consume { .. } => return None,
            }
            let caller = &self.frames[depth - 1];
            let waits = self.codes[caller.code].decoded.instructions[caller.index].opcode;
            // Behind a getter's AttributeError `__getattr__` may come.
            // SAFETY: live classes.
            let is_attribute_error = unsafe { PyType_IsSubtype(class, PyExc_AttributeError.cast()) != 0 };
            if is_attribute_error && !matches!(waits, Opcode::Call | Opcode::CallKw) {
                return None;
            }
        }
        None
    }

    /// What stands for the exception that is handled, besides the items that do.
    pub fn handled_items(&self) -> Vec<Item> {
        let handled = self.quietly_handled();
        let item = |(id, _)| Item::Instance(id, self.frames[0].instances[id as usize].class);
        handled.map(item).into_iter().collect()
    }

    fn is_reachable(&self, id: u32) -> bool {
        self.frames
            .iter()
            .flat_map(Frame::items)
            .any(|item| self.reaches(item, id))
    }

    /// The exception that an item stands for, if that has not been made.
    fn quiet(&self, item: Option<&Item>) -> Option<(u32, Exception)> {
        let Some(&Item::Instance(id, _)) = item else {
            return None;
        };
        let instance = &self.frames[0].instances[id as usize];
        match &instance.form {
            Form::Exception(exception) if instance.made.is_none() => Some((id, exception.clone())),
            _ => None,
        }
    }

    fn exception_mut(&mut self, id: u32) -> &mut Exception {
        match &mut self.frames[0].instances[id as usize].form {
            Form::Exception(exception) => exception,
            _ => unreachable!("an exception"),
        }
    }

    /// The exception that is handled and has not been made.
    fn quietly_handled(&self) -> Option<(u32, Caught)> {
        let id = handled_of(&self.frames)?;
        let Form::Exception(exception) = &self.frames[0].instances[id as usize].form else {
            unreachable!("an exception")
        };
        Some((id, exception.caught.clone().expect("it is handled")))
    }

    /// Whether the operand stack's top is an exception that has not been made.
    pub fn has_quiet_exception(&self) -> bool {
        let stack = &self.frames[self.frames.len() - 1].stack;
        self.quiet(stack.last()).is_some()
    }

    /// Whether the outermost frame had caught one as the present instruction began.
    pub fn handled_quietly(&self) -> bool {
        self.before[0].instances.iter().any(
            |one| matches!(&one.form, Form::Exception(Exception { caught: Some(caught), .. }) if caught.depth == 0),
        )
    }

    // ---- raising -------------------------------------------------------------------------------------------------

    /// Goes on if the condition holds; else, in a block of its own, does what ends that.
    pub fn else_raise(&mut self, fine: Value, otherwise: impl FnOnce(&mut Self) -> Done) -> Done {
        let next = self.f.add_block();
        let other = self.f.add_block();
        self.branch(fine, next, other);
        let (frames, unsure) = (self.frames.clone(), self.unsure);
        self.block = other;
        self.terminated = false;
        otherwise(self)?;
        self.frames = frames;
        self.unsure = unsure;
        self.block = next;
        self.terminated = false;
        Ok(())
    }

    /// The present instruction raises an exception with these arguments, once its operands have been given up.
    pub fn raise_quietly(&mut self, catcher: Catcher, args: Vec<Item>, operands: Vec<Item>) -> Done {
        self.raise_made_by(catcher, None, args, operands)
    }

    /// The same of one that a class of the interpreter's raises when it is called with these arguments.
    pub fn raise_made_by(
        &mut self,
        catcher: Catcher,
        raised_by: Option<Symbol>,
        args: Vec<Item>,
        operands: Vec<Item>,
    ) -> Done {
        let exception = Exception {
            raised_by,
            args: args.len(),
            caught: None,
        };
        let values = args.into_iter().map(|item| (0, item)).collect();
        let item = self.new_object_with(catcher.class, values, Form::Exception(exception));
        let Item::Instance(id, _) = item else {
            unreachable!("an instance")
        };
        self.throw(id, catcher.depth, self.index, operands)
    }

    /// An exception leaves frames until it comes to that with its handler. The innermost one has ended with this instruction.
    fn throw(&mut self, id: u32, depth: usize, ended: usize, operands: Vec<Item>) -> Done {
        let class = self.frames[0].instances[id as usize].class;
        let before = self.exception_mut(id).caught.take();
        let innermost = self.frames.len() - 1;
        let mut dropped = operands;
        let mut index = self.index;
        let mut raised = before.as_ref().map_or(index, |caught| caught.index);
        let mut ended = ended;
        let mut left = before.as_ref().map_or_else(Vec::new, |caught| caught.left.clone());
        let mut values = Vec::new();
        while self.frames.len() - 1 > depth {
            let frame = self.frames.pop().expect("a frame");
            left.push(Left {
                code: frame.code,
                index: raised,
                ended,
            });
            dropped.extend(frame.stack.into_iter().rev());
            match frame.returns {
                Returns::Instance(instance) => dropped.push(instance),
                Returns::Comparison { operands, .. } => dropped.extend(*operands),
                _ => {}
            }
            values.push((0, frame.function));
            values.extend(frame.locals.into_iter().map(|local| (0, local.item)));
            index = self.frame().index;
            (raised, ended) = (index, index);
        }
        self.frames[0].instances[id as usize].values.extend(values);
        let code = self.frame().code;
        let instruction = self.codes[code].decoded.instructions[index];
        let handler = instruction.handler.expect("this frame has the handler");
        let target = self.codes[code].decoded.index_at(handler.target);
        let target = target.expect("decoding has checked handlers");
        dropped.extend(self.frame().stack.split_off(handler.depth.into()).into_iter().rev());
        let mut lasti = 0;
        if handler.push_lasti {
            // What is raised again for an earlier instruction gives its place on.
            lasti = ended;
            let offset = self.codes[code].decoded.instructions[ended].offset;
            let units = self.known.int(i64::from(offset / 2));
            let units = self.constant_item(units);
            self.push(units);
        }
        let handled = before.filter(|_| depth == innermost).and_then(|caught| caught.before);
        self.exception_mut(id).caught = Some(Caught {
            depth,
            code,
            index: raised,
            before: handled,
            lasti,
            left,
        });
        self.push(Item::Instance(id, class));
        self.frame().index = target;
        self.release_all(dropped);
        if let Some(stop) = self.failed.take() {
            return Err(stop);
        }
        self.go_to_next(target)
    }

    /// `Class(…)` that is raised next; `false` if nothing has been done.
    pub fn new_exception(&mut self, class: *mut PyTypeObject, args: &[Item]) -> bool {
        let info = self.info();
        let next = info.decoded.instructions.get(self.index + 1);
        let is_raised = next.is_some_and(|next| next.opcode == Opcode::RaiseVarargs && next.arg == 1);
        if !is_raised || args.iter().any(Item::has_iterator) {
            return false;
        }
        let Some(catcher) = self.quiet_catcher(class) else {
            return false;
        };
        let exception = Exception {
            raised_by: None,
            args: args.len(),
            caught: None,
        };
        let values = args.iter().map(|item| (0, item.clone())).collect();
        let item = self.new_object_with(catcher.class, values, Form::Exception(exception));
        self.specialized += 1;
        self.push(item);
        true
    }

    /// `RAISE_VARARGS`; `false` if nothing has been done.
    pub fn raise_varargs_quietly(&mut self) -> Done<bool> {
        match self.at.arg {
            0 => {
                let Some((id, caught)) = self.quietly_handled() else {
                    return Ok(false);
                };
                if caught.depth + 1 != self.frames.len() {
                    return Ok(false);
                }
                self.throw_again(id, self.index)
            }
            1 => {
                let item = self.frame().stack.last().cloned().expect("an exception");
                if let Some(class) = self.symbol_address(&item) {
                    // SAFETY: a live object.
                    if unsafe { PyExceptionClass_Check(class) } == 0 {
                        return Ok(false);
                    }
                    let Some(catcher) = self.quiet_catcher(class.cast()) else {
                        return Ok(false);
                    };
                    self.pop();
                    self.specialized += 1;
                    self.raise_quietly(catcher, Vec::new(), Vec::new())?;
                    return Ok(true);
                }
                let Some((id, Exception { caught: None, .. })) = self.quiet(Some(&item)) else {
                    return Ok(false);
                };
                let class = self.types[self.frames[0].instances[id as usize].class as usize];
                let Some(catcher) = self.quiet_catcher(class) else {
                    return Ok(false);
                };
                self.pop();
                self.specialized += 1;
                self.throw(id, catcher.depth, self.index, Vec::new())?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// `RERAISE`; `false` if nothing has been done.
    pub fn reraise_quietly(&mut self) -> Done<bool> {
        let Some((id, exception)) = self.quiet(self.frames[self.frames.len() - 1].stack.last()) else {
            return Ok(false);
        };
        let Some(caught) = exception.caught else {
            return Ok(false);
        };
        let ended = match self.at.arg {
            0 => self.index,
            _ => caught.lasti,
        };
        let item = self.pop();
        let done = self.throw_again(id, ended)?;
        if !done {
            self.push(item);
            if self.is_inlined() && self.is_widened(ir::Reason::Unsupported) {
                return self.refuse_inlining();
            }
        }
        Ok(done)
    }

    /// An exception that the innermost frame has caught is raised again.
    fn throw_again(&mut self, id: u32, ended: usize) -> Done<bool> {
        let class = self.types[self.frames[0].instances[id as usize].class as usize];
        let Some(depth) = self.catching_frame(class, self.index) else {
            return Ok(false);
        };
        // What refers to the exception as long as that is there would be part of itself.
        let left = self.frames[depth + 1..].iter();
        let mut kept = left.flat_map(|frame| frame.locals.iter().map(|local| &local.item));
        if kept.any(|item| self.reaches(item, id)) {
            return Ok(false);
        }
        self.throw(id, depth, ended, Vec::new())?;
        Ok(true)
    }

    // ---- handling ------------------------------------------------------------------------------------------------

    /// `PUSH_EXC_INFO`; `false` if nothing has been done.
    pub fn push_quiet_exc_info(&mut self) -> Done<bool> {
        let stack = &self.frames[self.frames.len() - 1].stack;
        let Some((id, exception)) = self.quiet(stack.last()) else {
            return Ok(false);
        };
        if exception.caught.is_some_and(|caught| caught.before.is_some()) {
            // It was raised again in its handler, and is handled there and here.
            self.make_handled()?;
            return Ok(false);
        }
        let item = self.pop();
        let before = self.frame().stack.len();
        if let Some(caught) = &mut self.exception_mut(id).caught {
            caught.before = Some(before);
        }
        self.push(Item::Null);
        self.push(item);
        Ok(true)
    }

    /// `CHECK_EXC_MATCH`; `false` if nothing has been done.
    pub fn check_quiet_match(&mut self) -> bool {
        let stack = &self.frames[self.frames.len() - 1].stack;
        let (exception, types) = (&stack[stack.len() - 2], &stack[stack.len() - 1]);
        let (Some((id, _)), Some(types)) = (self.quiet(Some(exception)), self.symbol_address(types)) else {
            return false;
        };
        let class = self.types[self.frames[0].instances[id as usize].class as usize];
        // SAFETY: constants are alive; the class has been bet on.
        let matches = unsafe {
            if !crate::handlers::are_classes(types) {
                return false;
            }
            PyErr_GivenExceptionMatches(class.cast(), types) != 0
        };
        self.pop();
        // SAFETY: immortal objects.
        let flag = self.constant_item(unsafe { if matches { Py_True() } else { Py_False() } });
        self.specialized += 1;
        self.push(flag);
        true
    }

    /// `POP_EXCEPT`; `false` if nothing has been done.
    pub fn pop_quiet_except(&mut self) -> bool {
        let depth = self.frames.len() - 1;
        let Some((id, caught)) = self.quietly_handled() else {
            return false;
        };
        if caught.depth != depth || self.frames[depth].stack.last() != Some(&Item::Null) {
            return false;
        }
        self.pop();
        if let Some(caught) = &mut self.exception_mut(id).caught {
            caught.before = None;
        }
        true
    }

    // ---- making --------------------------------------------------------------------------------------------------

    /// Before code runs that is not known: what is handled can be seen.
    pub fn make_handled(&mut self) -> Done {
        if let Some((id, _)) = self.quietly_handled() {
            let exception = self.make_instance(id, true)?;
            // The thread has it, and whatever item stands for it.
            self.effect(Op::DecrefNumber, &[exception], Imm::None);
        }
        Ok(())
    }

    /// Makes an exception, which is as if it had been made where it was raised.
    pub fn make_exception(&mut self, id: u32, exception: &Exception) -> Done<Value> {
        if let Some(caught) = &exception.caught {
            self.expect_at_hand(caught)?;
        }
        let class = self.types[self.frames[0].instances[id as usize].class as usize];
        let values = std::mem::take(&mut self.frames[0].instances[id as usize].values);
        self.frames[0].instances[id as usize].form = Form::Plain;
        let mut args = Vec::with_capacity(values.len());
        for (_, item) in values {
            args.push(self.owned_object(item)?);
        }
        let count = self.int(args.len() as i64);
        let array = self.array(&args)?;
        let class = exception.raised_by.unwrap_or_else(|| self.object_symbol(class.cast()));
        let class = self.op_imm(Op::ObjectConst, &[], Imm::Symbol(class));
        let object = self.make(&MAKE_EXCEPTION, &[class, array, count])?;
        if let Some(caught) = &exception.caught {
            let offset = self.codes[caught.code].decoded.instructions[caught.index].offset;
            let offset = self.int(offset.into());
            let args = [self.thread, self.frame_pointer, object, offset];
            self.call(&RAISED_AT, &args, None, (Effect::Any, false));
            if let Some(item) = caught.before {
                let args = [self.thread, object];
                let before = self.call(&PUSH_EXC_INFO, &args, Some(Type::Object), (Effect::Any, true));
                self.frames[0].stack[item] = Item::owned(before.expect("a result"), Kind::Unknown);
            }
        }
        Ok(object)
    }

    /// Refuses what was inlined and is part of the traceback of an exception that somebody looks at: its frames are not there.
    fn expect_at_hand(&mut self, caught: &Caught) -> Done {
        let is_outermost = caught.depth == 0 && self.frames.len() == 1;
        if caught.left.is_empty() && is_outermost && self.typed.is_none() {
            return Ok(());
        }
        let caller = match caught.depth {
            depth if !caught.left.is_empty() => (depth, caught.index),
            0 => (0, self.frames[0].index),
            1 if self.typed.is_some() => return decline("an exception that a callee looks at"),
            depth => (depth - 1, self.frames[depth - 1].index),
        };
        let code = self.codes[self.frames[caller.0].code].code as usize;
        Err(Stop::NotInlined(code, caller.1))
    }

    /// How the runtime makes an exception: its number among the virtual objects.
    pub fn exception_recovery(
        &mut self,
        class: u32,
        exception: &Exception,
        values: &[(u8, Item)],
        virtuals: &mut Vec<VirtualObject>,
    ) -> u32 {
        let class = self.types[class as usize];
        let class = exception.raised_by.unwrap_or_else(|| self.object_symbol(class.cast()));
        let mut values = values.iter().map(|(_, item)| item);
        let args = values.by_ref().take(exception.args);
        let args = args.map(|item| self.recovery(item, virtuals)).collect();
        let raised = exception.caught.as_ref().map(|caught| {
            let mut left = Vec::new();
            for frame in &caught.left {
                let slots = self.codes[frame.code].decoded.nlocals_plus as usize;
                let function = values.next().expect("a frame has a function");
                let function = self.recovery(function, virtuals);
                let locals = values.by_ref().take(slots);
                let locals: Vec<Recovery> = locals.map(|item| self.recovery(item, virtuals)).collect();
                let info = &self.codes[frame.code];
                left.push(ir::LeftFrame {
                    code: info.symbol,
                    raised: info.decoded.instructions[frame.index].offset,
                    ended: info.decoded.instructions[frame.ended].offset,
                    function,
                    locals,
                });
            }
            Box::new(ir::Raised {
                // A typed body's frame lies on nobody's.
                frame: caught.depth as u32 - u32::from(self.typed.is_some()),
                offset: self.codes[caught.code].decoded.instructions[caught.index].offset,
                before: caught.before.map(|item| item as u32),
                left,
            })
        });
        virtuals.push(VirtualObject::Exception {
            class: Recovery::Constant(class),
            args,
            raised,
        });
        virtuals.len() as u32 - 1
    }

    // ---- builtins that raise -------------------------------------------------------------------------------------

    /// `int(string)`; `false` if nothing has been done.
    pub fn int_of_string(&mut self, item: &Item) -> Done<bool> {
        // SAFETY: a class of the interpreter's.
        let catcher = self.quiet_catcher(unsafe { PyExc_ValueError }.cast());
        let (Some(catcher), Item::Object(object)) = (catcher, item) else {
            return Ok(false);
        };
        let string = object.value;
        let value = self
            .call(&PARSE_INT, &[string], Some(Type::Object), (Effect::Allocate, true))
            .expect("a result");
        let none = self.op(Op::IsNull, &[value]);
        let fine = self.op(Op::BoolNot, &[none]);
        let int = self.object_symbol((&raw mut PyLong_Type).cast());
        let args = vec![item.clone()];
        self.else_raise(fine, |this| {
            let status = this
                .call(&IS_NO_INT, &[string], Some(Type::Int), (Effect::Reads, false))
                .expect("a result");
            let zero = this.int(0);
            let certain = this.int_compare(IntCond::Ne, status, zero);
            // It may be one that is not read here.
            this.guard(certain, ir::Reason::Type);
            this.raise_made_by(catcher, Some(int), args, Vec::new())
        })?;
        self.specialized += 1;
        self.push(Item::owned(value, Kind::Int));
        self.release_known(item.clone(), Kind::Str);
        Ok(true)
    }

    /// `next(iterator)` of an iterator that goes over a list, a tuple or a range; `false` if nothing has been done.
    pub fn next_of(&mut self, item: &Item, kind: Kind) -> Done<bool> {
        // SAFETY: a class of the interpreter's.
        let catcher = self.quiet_catcher(unsafe { PyExc_StopIteration }.cast());
        let (Some(catcher), Item::Object(object)) = (catcher, item) else {
            return Ok(false);
        };
        let iterator = object.value;
        let value = self
            .call(&NEXT_ITEM, &[iterator], Some(Type::Object), (Effect::Any, true))
            .expect("a result");
        let none = self.op(Op::IsNull, &[value]);
        let more = self.op(Op::BoolNot, &[none]);
        let operand = item.clone();
        self.else_raise(more, |this| {
            let mut operands = Vec::new();
            if kind != Kind::RangeIterator {
                // At its end it gives up what it went over, if it has not done so before.
                let sequence = this.load_owned(iterator, offset::SEQITER_SEQ, ir_region::ANY);
                let null = this.null();
                this.store(null, iterator, offset::SEQITER_SEQ, ir_region::ANY);
                if kind == Kind::ListIterator {
                    let ended = this.int(-1);
                    this.store(ended, iterator, offset::SEQITER_INDEX, ir_region::ANY);
                }
                operands.push(Item::owned(sequence, Kind::Maybe));
            }
            operands.push(operand);
            this.raise_quietly(catcher, Vec::new(), operands)
        })?;
        self.specialized += 1;
        self.push(Item::owned(value, Kind::Unknown));
        self.release_known(item.clone(), kind);
        Ok(true)
    }

    /// The argument of an exception of the interpreter's.
    pub fn message(&mut self, message: Message) -> Item {
        // SAFETY: the GIL is held.
        let text = unsafe { message.text() };
        self.constant_item(text)
    }
}

/// The number of the exception among what these frames have not made that is handled: no item need stand for it.
pub fn handled_of(frames: &[Frame]) -> Option<u32> {
    let instances = frames.first()?.instances.iter();
    let is_handled = |form: &Form| match form {
        Form::Exception(exception) => exception.caught.as_ref().is_some_and(|caught| caught.before.is_some()),
        _ => false,
    };
    let mut handled = instances.enumerate().filter(|(_, one)| is_handled(&one.form));
    handled.next().map(|(id, _)| id as u32)
}

/// Whether calling a class makes just an exception that has these arguments, whose end runs no code of its class's.
unsafe fn is_plain(class: *mut PyTypeObject) -> bool {
    // SAFETY: a live class.
    unsafe {
        if PyExceptionClass_Check(class.cast()) == 0 || Py_TYPE(class.cast()) != &raw mut PyType_Type {
            return false;
        }
        let base = PyExc_Exception.cast::<PyTypeObject>();
        let stop = PyExc_StopIteration.cast::<PyTypeObject>();
        let address = |init: Option<initproc>| init.map(|init| init as usize);
        let inits = [(*base).tp_init, (*stop).tp_init].map(address);
        let new = |class: *mut PyTypeObject| (*class).tp_new.map(|new| new as usize);
        new(class) == new(base)
            && inits.contains(&address((*class).tp_init))
            && (*class).tp_finalize.is_none()
            && (*class).tp_del.is_none()
    }
}
