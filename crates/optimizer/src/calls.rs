//! Calls: inlined Python functions, and everything else by the runtime. Known builtins are in `builtins`.

use crate::builder::{Builder, Done};
use crate::convert::slot_offset;
use crate::item::{Frame, Item, Kind, Local};
use justjit_ir::{Op, Reason, Type, Value};
use justjit_runtime::call::{CALL, CALL_KW};
use pyo3_ffi::*;

/// Instructions of callees that are inlined, at most.
const INLINE_SIZE: usize = 80;
/// Frames that are inlined in one another, at most.
const INLINE_DEPTH: usize = 6;
/// Instructions that inlining may add to a function.
const INLINE_BUDGET: usize = 600;

impl Builder<'_> {
    /// `CALL`.
    pub fn call_op(&mut self, count: usize) -> Done {
        let args = self.pop_many(count);
        let receiver = self.pop();
        let callable = self.pop();
        // SAFETY: constants are alive.
        let callee = self.symbol_address(&callable);
        if let Some(callee) = callee {
            let mut all = args.clone();
            if receiver != Item::Null {
                all.insert(0, receiver.clone());
            }
            // SAFETY: a live object.
            if unsafe { PyFunction_Check(callee) } != 0 {
                if self.inline(callee, &callable, &all)? || self.call_typed(callee, &all)? {
                    return Ok(());
                }
            } else if self.call_builtin(callee, &all)? {
                return Ok(());
            }
            if self.terminated {
                return Ok(());
            }
        }
        let mut items = vec![callable, receiver];
        items.extend(args);
        self.generic_call_op(items, None)
    }

    /// `CALL_KW`.
    pub fn call_kw(&mut self, count: usize) -> Done {
        let names = self.pop();
        let mut items = self.pop_many(count + 2);
        items.push(names);
        self.generic_call_op(items, Some(count))
    }

    /// A call by the runtime, which takes all references over.
    fn generic_call_op(&mut self, items: Vec<Item>, keywords: Option<usize>) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let direct = match keywords {
            None => self.direct_callee(&items),
            Some(_) => None,
        };
        // The locals first: an argument that is a local's number is the local's object.
        self.begin_unknown()?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.owned_argument(item)?);
        }
        let names = keywords.is_some().then(|| values.pop().expect("names"));
        let count = values.len() as i64 - 2;
        if let Some(callee) = direct {
            let result = self.call_directly(callee, &values);
            return self.finish_call(result);
        }
        let first = self.codes[0].decoded.nlocals_plus as usize + self.frames[0].stack.len();
        for (index, &value) in values.iter().enumerate() {
            let at = slot_offset(first + index);
            self.store(value, self.frame_pointer, at, crate::builder::ir_region::FRAME);
        }
        let bytes = self.int(slot_offset(first).into());
        let array = self.op(Op::AddOffset, &[self.frame_pointer, bytes]);
        let site = self.known.call_site(self.index);
        let site = self.pointer(site.cast(), "call");
        let count = self.int(count);
        let thread = self.thread;
        let result = match names {
            Some(names) => self.unknown_call(&CALL_KW, &[thread, site, array, count, names], Type::Object, Vec::new()),
            None => self.unknown_call(&CALL, &[thread, site, array, count], Type::Object, Vec::new()),
        };
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
            self.effect(Op::Incref, &[value], justjit_ir::Imm::None);
            return Ok(value);
        }
        self.owned_object(item)
    }

    /// Behind a call that may have run any code: NULL raises, and what is pending has its turn.
    fn finish_call(&mut self, result: Value) -> Done {
        self.raise_if_null(result);
        // The end of a call is a safepoint.
        let next = self.frames.last().expect("a frame").index;
        self.push(Item::owned(result, Kind::Unknown));
        let state = self.state_at(next, Reason::Safepoint);
        self.f.append(
            self.block,
            Op::Safepoint,
            Vec::new(),
            justjit_ir::Imm::None,
            Some(state),
        );
        Ok(())
    }

    /// Goes on in the callee's bytecode, if that pays; `false` if it does not, and nothing has been done.
    fn inline(&mut self, callee: *mut PyObject, callable: &Item, args: &[Item]) -> Done<bool> {
        let place = {
            let frame = self.frames.last().expect("a frame");
            (self.codes[frame.code].code as usize, self.index)
        };
        if args.iter().any(Item::has_iterator) {
            return Ok(false);
        }
        if self.not_inlined.contains(&place) || self.is_widened(Reason::Changed) || self.frames.len() > INLINE_DEPTH {
            return Ok(false);
        }
        // SAFETY: a live function.
        let code = unsafe { justjit_runtime::hook::code_of(callee) };
        if self.frames.iter().any(|frame| self.codes[frame.code].code == code) {
            return Ok(false);
        }
        let added: usize = self.codes[1..].iter().map(|info| info.decoded.instructions.len()).sum();
        let Some(body) = self.known.callee(callee) else {
            return Ok(false);
        };
        let size = body.decoded.instructions.len();
        // SAFETY: a live code object.
        let plain = unsafe { (*code).co_argcount as usize == args.len() && is_plain(code) };
        if !plain || size > INLINE_SIZE || added + size > INLINE_BUDGET || body.decoded.is_resumable() {
            return Ok(false);
        }
        if self.typed.is_some() {
            let remaining = self.remaining();
            let zero = self.int(0);
            let fine = self.int_compare(justjit_builder::IntCond::SignedGt, remaining, zero);
            self.guard(fine, Reason::Safepoint);
        }
        self.known.bet_on_function(callee);
        self.keep(callee);
        let number = self.add_code(code, body.decoded, body.knowledge, (body.globals, body.builtins));
        let slots = self.codes[number].decoded.nlocals_plus as usize;
        let mut locals: Vec<Local> = args
            .iter()
            .map(|item| Local {
                item: item.clone(),
                home: false,
            })
            .collect();
        locals.resize(
            slots,
            Local {
                item: Item::Null,
                home: false,
            },
        );
        self.frame().index = self.index;
        self.frames.push(Frame {
            code: number,
            index: 0,
            function: callable.clone(),
            locals,
            stack: Vec::new(),
        });
        self.specialized += 1;
        Ok(true)
    }

    /// `RETURN_VALUE` in an inlined callee.
    pub fn return_from_inlined(&mut self, item: Item) -> Done {
        let finished = self.frames.pop().expect("a frame");
        let next = {
            let caller = self.frame();
            caller.index += 1;
            caller.index
        };
        self.push(item);
        self.release_all(finished.locals.into_iter().map(|local| local.item));
        self.go_to_next(next)
    }
}

/// Whether the code takes just its positional arguments, and has neither cells nor a closure.
///
/// # Safety
/// A live code object.
pub unsafe fn is_plain(code: *mut justjit_runtime::layout::Code) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let flags = (*code).co_flags;
        (*code).co_kwonlyargcount == 0
            && flags & (CO_VARARGS | CO_VARKEYWORDS) == 0
            && flags & CO_OPTIMIZED != 0
            && (*code).co_ncellvars == 0
            && (*code).co_nfreevars == 0
    }
}
