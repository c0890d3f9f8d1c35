//! Exceptions that are caught where they are raised, in the frame that is entered: handlers are part of the code, and what
//! may raise branches to them.
//!
//! The traceback of such an exception has the frame's frame object, through which anybody may assign to locals as long as the
//! exception is there. So between a handler's beginning and its end (`handled` says where that is) nothing is bet on the
//! locals over code that is not known: they are read anew behind it. At the end, when the exception is gone, the frame object
//! is given up again.

use crate::builder::{Builder, Done, decline, ir_region, owned_values};
use crate::convert::slot_offset;
use crate::item::{Item, Kind, Local, Object, Owner};
use justjit_bytecode::{Function as Decoded, Opcode};
use justjit_ir::{Effect, Going, Imm, Op, Reason, State, Type, Value};
use justjit_runtime::frame::{FORGET_OBSERVER, POP_EXCEPT, PUSH_EXC_INFO, RERAISE, UNWIND_OUT, UNWIND_TO_HANDLER};
use justjit_runtime::ops::exceptions::{CHECK_EXC_MATCH, RAISE_VARARGS, WITH_EXCEPT_START};
use justjit_runtime::optimized::DROP_IF_ANY;
use pyo3_ffi::*;

/// A `raise` in an inlined callee that ran more seldom than once in so many calls is left there.
const CALLS_TO_RAISE: u32 = 64;

/// The operand stack's items of which it is said what they are; more are not met.
const POSITIONS: usize = 63;

/// By instruction: whether an exception that this frame has caught may be there when it begins.
pub fn handled(decoded: &Decoded) -> Vec<bool> {
    // The positions of the operand stack at which there is a caught exception, or what was handled before it.
    let mut marks: Vec<Option<u64>> = vec![None; decoded.instructions.len()];
    let mut pending = vec![(0, 0)];
    while let Some((index, more)) = pending.pop() {
        let known = marks[index];
        let before = known.unwrap_or(0) | more;
        if known == Some(before) {
            continue;
        }
        marks[index] = Some(before);
        let instruction = &decoded.instructions[index];
        let below = |count: usize| (1 << count.min(POSITIONS)) - 1;
        if let Some(handler) = instruction.handler
            && let Some(target) = decoded.index_at(handler.target)
        {
            let exception = handler.entry_depth() as usize - 1;
            pending.push((
                target,
                before & below(handler.depth.into()) | 1 << exception.min(POSITIONS),
            ));
        }
        let depth = usize::from(instruction.depth.unwrap_or(0));
        let popped = instruction.info().popped.of(instruction.arg) as usize;
        let arg = instruction.arg as usize;
        let has = |position: usize| before >> position.min(POSITIONS) & 1;
        let after = match instruction.opcode {
            Opcode::PushExcInfo => before | 1 << depth.min(POSITIONS),
            // Leaves everything where it is.
            Opcode::WithExceptStart => before,
            Opcode::Copy => before | has(depth - arg) << depth.min(POSITIONS),
            Opcode::Swap => {
                let (top, other) = ((depth - 1).min(POSITIONS), (depth - arg).min(POSITIONS));
                let rest = before & !(1 << top | 1 << other);
                rest | has(top) << other | has(other) << top
            }
            _ => before & below(depth.saturating_sub(popped)),
        };
        let block = &decoded.blocks[instruction.block as usize];
        if index + 1 < block.end {
            pending.push((index + 1, after));
        } else {
            let next = block.successors.iter();
            pending.extend(next.map(|&next| (decoded.blocks[next as usize].start, after)));
        }
    }
    let mut handled: Vec<bool> = marks.iter().map(|marks| marks.unwrap_or(0) != 0).collect();
    // `except E as name` ends with the assignment of None to the name, which has had the exception up to then.
    for (at, window) in decoded.instructions.windows(4).enumerate() {
        let opcodes = [window[0].opcode, window[1].opcode, window[2].opcode, window[3].opcode];
        let ends_name = [
            Opcode::PopExcept,
            Opcode::LoadConst,
            Opcode::StoreFast,
            Opcode::DeleteFast,
        ];
        if opcodes == ends_name && window[2].arg == window[3].arg {
            handled[at + 1] = true;
            handled[at + 2] = true;
        }
    }
    handled
}

impl Builder<'_> {
    /// Whether an exception that the frame has caught may be there at the present instruction of the frame that is entered.
    pub fn is_handling(&self) -> bool {
        self.typed.is_none() && self.codes[0].handled[self.frames[0].index]
    }

    /// Whether exceptions of the present instruction go on in this code.
    fn catches(&self) -> bool {
        // What is raised without a look at what is handled (there was no memory, say) leaves where that has not been made.
        if self.is_inlined() || self.typed.is_some() || crate::quiet::handled_of(&self.frames).is_some() {
            return false;
        }
        let info = self.info();
        let expected = self.is_widened(Reason::Exception);
        let raises = matches!(self.at.opcode, Opcode::RaiseVarargs | Opcode::Reraise);
        match self.at.handler {
            Some(handler) => {
                let target = info.decoded.index_at(handler.target);
                expected || target.is_some_and(|target| info.knowledge.count(target) > 0)
            }
            None => expected || raises,
        }
    }

    /// An exception has been raised unless the condition holds. What the present instruction has taken is gone.
    pub fn raise_unless(&mut self, fine: Value) {
        if !self.catches() {
            let state = self.state_raising();
            debug_assert_eq!(self.f.states[state.index()].going, Going::Raise);
            self.f.append(self.block, Op::Guard, vec![fine], Imm::None, Some(state));
            return;
        }
        let next = self.f.add_block();
        let raised = self.f.add_block();
        self.f.blocks[raised.index()].cold = true;
        self.branch(fine, next, raised);
        let (frames, unsure) = (self.frames.clone(), self.unsure);
        self.block = raised;
        self.terminated = false;
        if let Err(stop) = self.raise(true) {
            self.failed = Some(stop);
        }
        self.frames = frames;
        self.unsure = unsure;
        self.block = next;
        self.terminated = false;
    }

    /// An exception is set, and leaves the present instruction; `fresh` if it gets a traceback entry for it.
    fn raise(&mut self, fresh: bool) -> Done {
        self.make_rows()?;
        self.bring_all_home()?;
        self.detach_all();
        if fresh {
            let offset = self.at.offset;
            self.effect(Op::Locate, &[], Imm::Offset(offset));
        }
        match self.at.handler {
            Some(handler) => {
                let handler = (handler.target, usize::from(handler.depth), handler.push_lasti);
                self.go_to_handler(handler, fresh)
            }
            None => self.leave_raising(fresh),
        }
    }

    fn go_to_handler(&mut self, (target, kept, push_lasti): (u32, usize, bool), fresh: bool) -> Done {
        let target = self
            .info()
            .decoded
            .index_at(target)
            .expect("decoding has checked handlers");
        let slots = self.codes[0].decoded.nlocals_plus as usize;
        let mut dropped = self.frame().stack.split_off(kept);
        dropped.extend(self.owed.iter().cloned());
        let depth = self.int(kept as i64);
        let args = [
            self.thread,
            self.frame_pointer,
            depth,
            depth,
            self.int(push_lasti.into()),
            self.int(fresh.into()),
        ];
        self.call(&UNWIND_TO_HANDLER, &args, Some(Type::Int), (Effect::Any, false));
        for at in 0..=usize::from(push_lasti) {
            let slot = slot_offset(slots + kept + at);
            let value = self.load_owned(self.frame_pointer, slot, ir_region::FRAME);
            self.push(Item::owned(value, Kind::Unknown));
        }
        self.frame().index = target;
        let dropped = self.with_ended(dropped.into_iter().rev().collect());
        self.release_all(dropped);
        if let Some(stop) = self.failed.take() {
            return Err(stop);
        }
        self.go_to_next(target)
    }

    /// A handler begins, behind code that we do not know and that may have had the frame object: a callee's frame that is in the
    /// traceback refers to it.
    pub fn begin_handler(&mut self) {
        // Who watches what runs has been told of the exception; the interpreter goes on then.
        let state = self.state_before(Reason::Safepoint);
        self.f
            .append(self.block, Op::Safepoint, Vec::new(), Imm::None, Some(state));
        let valid = self.valid();
        self.guard(valid, Reason::Changed);
        let state = self.state_before(Reason::Observed);
        self.reread_locals(state);
    }

    /// The exception leaves the function.
    fn leave_raising(&mut self, fresh: bool) -> Done {
        let (thread, frame) = (self.thread, self.frame_pointer);
        let mut owned = owned_values(&self.frame().stack);
        owned.extend(owned_values(&self.owed));
        let first = self.codes[0].decoded.nlocals_plus as usize;
        let room = self.codes[0].decoded.stack_size as usize;
        if fresh && (owned.len() > room || !self.frames[0].instances.is_empty()) {
            // What has not been made is given up by baseline code.
            let state = self.state_raising();
            self.f.end(self.block, Op::Deopt, Vec::new(), Some(state), Vec::new());
            self.terminated = true;
            return Ok(());
        }
        if owned.len() > room {
            return decline("more to be given up than the frame has room for");
        }
        for (at, &value) in owned.iter().enumerate() {
            self.store_owned(value, frame, slot_offset(first + at), ir_region::FRAME);
        }
        let depth = self.int(owned.len() as i64);
        let traceback = self.int(fresh.into());
        let args = [thread, frame, depth, traceback];
        self.call(&UNWIND_OUT, &args, None, (Effect::Any, false));
        let null = self.null();
        self.f.end(self.block, Op::Return, vec![null], None, Vec::new());
        self.terminated = true;
        Ok(())
    }

    // ---- in handlers ---------------------------------------------------------------------------------------------

    /// Code that we do not know has run while somebody may have had the frame object: what that has assigned to locals counts, as
    /// long as it is of the same type, or is not looked at any more. Else the code is left.
    pub fn reread_locals(&mut self, state: State) {
        let live = crate::liveness::live_at(&self.codes[0].decoded, self.frames[0].index);
        let code = self.codes[0].code;
        for (slot, live) in live.into_iter().enumerate() {
            // SAFETY: a live code object. A cell stays the same, whatever it holds.
            if unsafe { (*code).is_cell(slot) } {
                continue;
            }
            let value = self.load(Type::Object, self.frame_pointer, slot_offset(slot), ir_region::FRAME);
            let object = |kind| {
                Item::Object(Object {
                    value,
                    kind,
                    owner: Owner::Slot(slot as u32),
                })
            };
            let before = self.frames[0].locals[slot].item.clone();
            let item = match before {
                _ if !live => object(Kind::Maybe),
                Item::Null => {
                    let none = self.op(Op::IsNull, &[value]);
                    self.guard_at(none, state);
                    Item::Null
                }
                Item::Constant(constant) => {
                    let expected = self.op_imm(Op::ObjectConst, &[], Imm::Symbol(constant.symbol));
                    let same = self.op(Op::Same, &[value, expected]);
                    self.guard_at(same, state);
                    before
                }
                before => {
                    let kind = before.kind();
                    let is_known = kind == Kind::None || self.type_of_kind(kind).is_some();
                    if is_known {
                        let right = self.is_of_kind(value, kind);
                        self.guard_at(right, state);
                    }
                    match before {
                        Item::Int(_) => {
                            let number = self
                                .f
                                .append(self.block, Op::UnboxInt, vec![value], Imm::None, Some(state));
                            Item::Int(number.expect("a result"))
                        }
                        Item::Float(_) => Item::Float(self.op(Op::UnboxFloat, &[value])),
                        Item::Bool(_) => Item::Bool(self.as_bool(&object(Kind::Bool))),
                        _ => object(kind),
                    }
                }
            };
            self.frames[0].locals[slot] = Local { item, home: true };
        }
    }

    fn guard_at(&mut self, condition: Value, state: State) {
        self.f
            .append(self.block, Op::Guard, vec![condition], Imm::None, Some(state));
    }

    /// Behind an instruction with which the handling of an exception ends: the frame object that its traceback had is given
    /// up, if nobody else has it.
    pub fn end_of_handling(&mut self) {
        if std::mem::take(&mut self.unsure) {
            let index = self.frames[0].index;
            let state = self.state_at(index, Reason::Observed);
            self.reread_locals(state);
        }
        let args = [self.thread, self.frame_pointer];
        self.call(&FORGET_OBSERVER, &args, None, (Effect::Any, false));
        self.unsure = true;
    }

    /// What is not in the frame that is entered is baseline code's.
    fn is_elsewhere(&mut self) -> bool {
        let elsewhere = self.is_inlined() || self.typed.is_some();
        if elsewhere {
            self.deopt(Reason::Unsupported);
        }
        elsewhere
    }

    /// `PUSH_EXC_INFO`.
    pub fn push_exc_info(&mut self) -> Done {
        if self.push_quiet_exc_info()? {
            return Ok(());
        }
        if self.is_elsewhere() || self.is_unseen() {
            return Ok(());
        }
        let exception = self.pop();
        let exception = self.owned_object(exception)?;
        let args = [self.thread, exception];
        let before = self.call(&PUSH_EXC_INFO, &args, Some(Type::Object), (Effect::Any, true));
        self.push(Item::owned(before.expect("a result"), Kind::Unknown));
        self.push(Item::owned(exception, Kind::Unknown));
        Ok(())
    }

    /// `CHECK_EXC_MATCH`.
    pub fn check_exc_match(&mut self) -> Done {
        if self.check_quiet_match() {
            return Ok(());
        }
        if self.is_elsewhere() || self.is_unseen() {
            return Ok(());
        }
        self.make_handled()?;
        let types = self.pop();
        let exception = self.frame().stack.last().cloned().expect("an exception");
        let (exception, _) = self.borrow_object(exception)?;
        // SAFETY: constants are alive.
        let is_known = self
            .symbol_address(&types)
            .is_some_and(|types| unsafe { are_classes(types) });
        let (types, operand) = self.borrow_object(types)?;
        let args = [exception, types];
        if is_known {
            // Neither an error nor anybody's code.
            let status = self.call(&CHECK_EXC_MATCH, &args, Some(Type::Int), (Effect::Any, false));
            self.push_status(status.expect("a result"));
            return Ok(());
        }
        self.begin_call()?;
        let status = self.unknown_call(&CHECK_EXC_MATCH, &args, Type::Int, vec![operand]);
        self.raise_if_negative(status);
        self.push_status(status);
        Ok(())
    }

    /// `POP_EXCEPT`.
    pub fn pop_except(&mut self) -> Done {
        if self.pop_quiet_except() {
            return Ok(());
        }
        if self.is_elsewhere() || self.is_unseen() {
            return Ok(());
        }
        let before = self.pop();
        let before = self.owned_object(before)?;
        // The exception may end, and with it what it and the frames of its traceback have.
        self.begin_call()?;
        let args = [self.thread, before];
        self.call(&POP_EXCEPT, &args, None, (Effect::Any, false));
        self.unsure = true;
        Ok(())
    }

    /// What an assignment has replaced is given up, with the frame as the interpreter would have it, where that is the exception
    /// that was handled: its last reference, mostly.
    pub fn end_named(&mut self, old: &[(Value, Kind)]) -> Done {
        self.begin_call()?;
        for &(value, _) in old {
            self.call(&DROP_IF_ANY, &[value], None, (Effect::Any, false));
        }
        self.unsure = true;
        Ok(())
    }

    /// Whether the handling of an exception ends with the present instruction.
    pub fn ends_handling(&self) -> bool {
        !self.is_inlined()
            && self.typed.is_none()
            && self.codes[0].handled[self.index]
            && !self.is_handling()
            && !self.handled_quietly()
    }

    /// `WITH_EXCEPT_START`.
    pub fn with_except_start(&mut self) -> Done {
        if !self.is_inlined() {
            self.make_handled()?;
        }
        if self.is_elsewhere() || self.is_unseen() {
            return Ok(());
        }
        let stack = &self.frame().stack;
        let (exit, exception) = (stack[stack.len() - 4].clone(), stack[stack.len() - 1].clone());
        let (Item::Object(exit), Item::Object(exception)) = (exit, exception) else {
            return self.unsupported();
        };
        self.begin_call()?;
        let args = [exit.value, exception.value];
        let result = self.unknown_call(&WITH_EXCEPT_START, &args, Type::Object, Vec::new());
        self.raise_if_null(result);
        self.push(Item::owned(result, Kind::Unknown));
        Ok(())
    }

    /// `RERAISE`.
    pub fn reraise(&mut self) -> Done {
        if self.reraise_quietly()? {
            return Ok(());
        }
        if self.is_elsewhere() || self.is_unseen() {
            return Ok(());
        }
        if !self.catches_again() {
            self.deopt(Reason::Exception);
            return Ok(());
        }
        let exception = self.pop();
        let exception = self.owned_object(exception)?;
        let lasti = match self.at.arg as usize {
            0 => self.null(),
            distance => {
                let at = self.frame().stack.len() - distance;
                let lasti = self.frame().stack[at].clone();
                let (value, lasti) = self.borrow_object(lasti)?;
                self.frame().stack[at] = lasti;
                value
            }
        };
        self.begin_call()?;
        let args = [self.frame_pointer, exception, lasti];
        self.call(&RERAISE, &args, None, (Effect::Any, false));
        self.raise(false)
    }

    /// Whether an exception that is raised again goes on in this code.
    fn catches_again(&self) -> bool {
        self.catches() && (self.at.handler.is_some() || self.frames[0].instances.is_empty())
    }

    /// `RAISE_VARARGS`.
    pub fn raise_varargs(&mut self) -> Done {
        if self.raise_varargs_quietly()? {
            return Ok(());
        }
        if self.is_inlined() || self.typed.is_some() {
            let knowledge = &self.info().knowledge;
            let often = u64::from(knowledge.count(self.index)) * u64::from(CALLS_TO_RAISE);
            if self.is_widened(Reason::Unsupported) || often > u64::from(knowledge.count(0)) {
                return self.refuse_inlining();
            }
            self.deopt(Reason::Unsupported);
            return Ok(());
        }
        if self.is_unseen() {
            return Ok(());
        }
        if self.at.arg == 0 && !self.catches_again() {
            self.deopt(Reason::Exception);
            return Ok(());
        }
        let operands = self.pop_many(self.at.arg as usize);
        let (values, operands) = self.as_objects(operands)?;
        self.begin_call()?;
        let null = self.null();
        let argument = |at: usize| values.get(at).copied().unwrap_or(null);
        let args = [argument(0), argument(1), self.int(self.at.arg.into())];
        let again = self.unknown_call(&RAISE_VARARGS, &args, Type::Int, operands);
        if self.at.arg == 0 {
            // What is handled is raised again, if there is anything.
            let zero = self.int(0);
            let fresh = self.int_compare(justjit_builder::IntCond::Eq, again, zero);
            let (anew, kept) = (self.f.add_block(), self.f.add_block());
            self.branch(fresh, anew, kept);
            let (frames, unsure) = (self.frames.clone(), self.unsure);
            self.block = kept;
            self.terminated = false;
            self.raise(false)?;
            self.frames = frames;
            self.unsure = unsure;
            self.block = anew;
            self.terminated = false;
        }
        if self.catches() {
            return self.raise(true);
        }
        let state = self.state_raising();
        self.f.end(self.block, Op::Deopt, Vec::new(), Some(state), Vec::new());
        self.terminated = true;
        Ok(())
    }

    /// `LOAD_ASSERTION_ERROR`.
    pub fn load_assertion_error(&mut self) {
        // SAFETY: a class of the interpreter's.
        let item = self.constant_item(unsafe { PyExc_AssertionError });
        self.push(item);
    }
}

/// Whether it is a class of exceptions, or a tuple of such.
pub unsafe fn are_classes(types: *mut PyObject) -> bool {
    // SAFETY: a live object; a tuple's items are.
    unsafe {
        if PyTuple_Check(types) == 0 {
            return PyExceptionClass_Check(types) != 0;
        }
        (0..PyTuple_GET_SIZE(types)).all(|at| PyExceptionClass_Check(PyTuple_GET_ITEM(types, at)) != 0)
    }
}
