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

mod builtins;
mod making;
mod raising;

use crate::builder::Builder;
use crate::item::{Caught, Exception, Form, Frame, Instance, Item, Kind, Returns};
use justjit_bytecode::Opcode;
use justjit_ir as ir;
pub use justjit_runtime::deopt::Message;
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
