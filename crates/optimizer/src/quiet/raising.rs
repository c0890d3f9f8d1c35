//! Exceptions that are not made go from where they are raised to their handlers, and are handled.

use super::Catcher;
use crate::builder::{Builder, Done};
use crate::item::{Caught, Exception, Form, Item, Left, Returns};
use justjit_bytecode::Opcode;
use justjit_ir::{self as ir, Symbol, Value};
use pyo3_ffi::*;

impl Builder<'_> {
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
        let dropped = self.with_ended(dropped);
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
}
