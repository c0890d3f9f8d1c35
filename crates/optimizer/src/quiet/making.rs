//! Exceptions that were not made are made after all, where somebody may look at them.

use crate::builder::{Builder, Done, Stop, decline};
use crate::item::{Caught, Exception, Form, Item, Kind};
use justjit_ir::{self as ir, Effect, Imm, Op, Recovery, Type, Value, VirtualObject};
use justjit_runtime::deopt::{MAKE_EXCEPTION, RAISED_AT};
use justjit_runtime::frame::PUSH_EXC_INFO;

impl Builder<'_> {
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
}
