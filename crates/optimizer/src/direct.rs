//! Calls that are made without the runtime's help, as baseline code makes them: compiled bodies of Python functions are
//! entered, and functions in C are called by their own signature.

use crate::builder::{Builder, ir_region};
use crate::convert::slot_offset;
use crate::item::{Item, Kind};
use justjit_builder::{IntCond, Type as Width};
use justjit_bytecode::flags;
use justjit_ir::{Block, BlockCall, Call, Effect, Imm, Op, Symbol, SymbolData, SymbolKind, Type, Value};
use justjit_runtime::binding::{Plan, Source};
use justjit_runtime::builtins::MethodDescriptor;
use justjit_runtime::call::{CALL, CALL_KW};
use justjit_runtime::frame::LEAVE;
use justjit_runtime::layout::{Frame, Function, ThreadState, offset};
use justjit_runtime::site::{CallSite, Callee};
use justjit_runtime::thread::Thread;
use pyo3_ffi::*;
use std::mem::offset_of;
use std::ptr::null_mut;

/// Where more locals than this number may have a value, they are dropped by a loop in the runtime.
const INLINE_DROPS: usize = 10;

/// How a call is made.
pub enum Way {
    /// A Python function, with its arguments in its parameters so. It may be another each time.
    Function(Plan),
    /// A constant function in C.
    Definition {
        definition: *mut PyMethodDef,
        /// The class that the receiver has to be of; what is no method has a constant object instead.
        class: *mut PyTypeObject,
        object: *mut PyObject,
    },
    /// By the runtime.
    Any,
}

impl Way {
    /// Whether the operand of that number is borrowed where it is a constant, which the version has as long as its code runs.
    pub fn borrows(&self, index: usize) -> bool {
        match self {
            Way::Function(_) => index == 0,
            Way::Definition { .. } => true,
            Way::Any => false,
        }
    }
}

/// A call's operands, where all locals are in their slots.
struct Operands<'a> {
    items: &'a [Item],
    /// Those that the call gives up.
    owned: Vec<bool>,
    values: &'a [Value],
    /// The names of keywords.
    names: Option<Value>,
    site: Value,
    /// Where the operands are stored for the runtime: the first free slot.
    first: usize,
}

impl Builder<'_> {
    /// How a call with these operands (callable, self or NULL, arguments) is made.
    pub fn way(&mut self, items: &[Item], keywords: Option<*mut PyObject>) -> Way {
        let Some(keywords) = keywords else {
            return Way::Any;
        };
        let named = if keywords.is_null() {
            0
        } else {
            // SAFETY: a live tuple, of the call that was sampled.
            unsafe { PyTuple_GET_SIZE(keywords) as usize }
        };
        let has_self = items[1] != Item::Null;
        let count = items.len() - 2 + usize::from(has_self);
        let Some(callee) = self.symbol_address(&items[0]) else {
            let code = self.info().code;
            let Some(Callee::Function(plan)) = self.known.callee_met(code, self.index) else {
                return Way::Any;
            };
            // What a method call has looked up may turn out to be none, with a receiver that is NULL.
            let suits = plan.arguments() == count || has_self && plan.arguments() == count - 1;
            return if suits { Way::Function(plan) } else { Way::Any };
        };
        // SAFETY: constants are alive.
        unsafe {
            if PyFunction_Check(callee) != 0 {
                let code = justjit_runtime::hook::code_of(callee);
                let plan = Plan::of(callee, count - named, keywords);
                let optimized = (*code).co_flags & CO_OPTIMIZED != 0;
                return plan.filter(|_| optimized).map_or(Way::Any, Way::Function);
            }
            if !keywords.is_null() {
                return Way::Any;
            }
            let (definition, class, object) = if PyCFunction_CheckExact(callee) != 0 && !has_self {
                let function = callee.cast::<PyCFunctionObject>();
                ((*function).m_ml, null_mut(), (*function).m_self)
            } else if Py_TYPE(callee) == &raw mut PyMethodDescr_Type && has_self {
                let descriptor = callee.cast::<MethodDescriptor>();
                ((*descriptor).d_method, (*descriptor).d_type, null_mut())
            } else {
                return Way::Any;
            };
            let arguments = items.len() - 2;
            let suits = match (*definition).ml_flags {
                METH_O => arguments == 1,
                METH_NOARGS => arguments == 0,
                flags => flags == METH_FASTCALL || flags == METH_FASTCALL | METH_KEYWORDS,
            };
            match suits && !(class.is_null() && object.is_null()) {
                true => Way::Definition {
                    definition,
                    class,
                    object,
                },
                false => Way::Any,
            }
        }
    }

    /// Makes a call, whose callable, self or NULL, arguments and keywords' names are owned (or borrowed, where the way says
    /// so), in this order; the frame is as the interpreter would have it. The result is owned, or NULL.
    pub fn make_call(&mut self, way: &Way, items: &[Item], values: &[Value], names: Option<Value>) -> Value {
        let learned = match way {
            Way::Function(plan) => Some(Callee::Function(plan.clone())),
            _ => None,
        };
        let site = self.known.call_site(self.index, learned);
        let first = self.codes[0].decoded.nlocals_plus as usize + self.frames[0].stack.len();
        let owns = |(index, item): (usize, &Item)| match item {
            Item::Null => false,
            Item::Constant(_) => !way.borrows(index),
            _ => true,
        };
        let operands = Operands {
            items,
            owned: items.iter().enumerate().map(owns).collect(),
            values,
            names,
            site: self.pointer(site.cast(), "call"),
            first,
        };
        match *way {
            Way::Any => self.call_by_runtime(&operands),
            Way::Function(ref plan) => {
                let body = site.cast::<u8>().wrapping_add(offset_of!(CallSite, body)).cast::<()>();
                self.call_function(&operands, plan, body)
            }
            Way::Definition {
                definition,
                class,
                object,
            } => self.call_definition(&operands, definition, class, object),
        }
    }

    /// The runtime takes all references over.
    fn call_by_runtime(&mut self, operands: &Operands<'_>) -> Value {
        let base = self.frame_pointer;
        for (index, &value) in operands.values.iter().enumerate() {
            if !operands.owned[index] && operands.items[index] != Item::Null {
                self.effect(Op::Incref, &[value], Imm::None);
            }
            self.store_owned(value, base, slot_offset(operands.first + index), ir_region::FRAME);
        }
        let array = self.slot_address(operands.first);
        let count = self.int(operands.values.len() as i64 - 2);
        let args = [self.thread, operands.site, array, count];
        match operands.names {
            Some(names) => {
                let [thread, site, array, count] = args;
                self.unknown_call(&CALL_KW, &[thread, site, array, count, names], Type::Object, Vec::new())
            }
            None => self.unknown_call(&CALL, &args, Type::Object, Vec::new()),
        }
    }

    fn slot_address(&mut self, slot: usize) -> Value {
        let bytes = self.int(slot_offset(slot).into());
        self.op(Op::AddOffset, &[self.frame_pointer, bytes])
    }

    /// Goes on only if the condition holds.
    fn or_else(&mut self, condition: Value, otherwise: Block) {
        let next = self.f.add_block();
        self.branch(condition, next, otherwise);
        self.block = next;
        self.terminated = false;
    }

    fn or_else_unless(&mut self, condition: Value, otherwise: Block) {
        let other = self.op(Op::BoolNot, &[condition]);
        self.or_else(other, otherwise);
    }

    /// The compiled body of a function is entered.
    fn call_function(&mut self, operands: &Operands<'_>, plan: &Plan, body: *const ()) -> Value {
        let (items, values, site, thread) = (operands.items, operands.values, operands.site, self.thread);
        let function = values[0];
        let slow = self.f.add_block();
        self.f.blocks[slow.index()].cold = true;
        let join = self.f.add_block();
        let result = self.f.add_param(join, Type::Object);

        if self.symbol_address(&items[0]).is_none() {
            let functions = self.object_symbol((&raw mut PyFunction_Type).cast());
            let right = self.op_imm(Op::HasType, &[function], Imm::Symbol(functions));
            self.or_else(right, slow);
        }
        // The entry says everything about the callee.
        let entry = self.load(
            Type::Int,
            function,
            offset_of!(Function, vectorcall) as i32,
            ir_region::ANY,
        );
        let expected = self.load(Type::Int, site, offset_of!(CallSite, vectorcall) as i32, ir_region::ANY);
        let known = self.int_compare(IntCond::Eq, entry, expected);
        self.or_else(known, slow);
        let has_self = plan.arguments() > values.len() - 2;
        if items[1] != Item::Null && (!has_self || items[1].kind() == Kind::Unknown) {
            let none = self.op(Op::IsNull, &[values[1]]);
            match has_self {
                true => self.or_else_unless(none, slow),
                false => self.or_else(none, slow),
            }
        }
        // They can be replaced without the entry's notice.
        let defaults = plan.defaults.map(|count| {
            let at = offset_of!(Function, func_defaults) as i32;
            let defaults = self.load(Type::Object, function, at, ir_region::ANY);
            let none = self.op(Op::IsNull, &[defaults]);
            self.or_else_unless(none, slow);
            let size = self.load(Type::Int, defaults, offset::OB_SIZE, ir_region::ANY);
            let wanted = self.int(count.into());
            let same = self.int_compare(IntCond::Eq, size, wanted);
            self.or_else(same, slow);
            defaults
        });
        let tstate = self.load(Type::Pointer, thread, offset_of!(Thread, tstate) as i32, ir_region::ANY);
        let top = offset_of!(ThreadState, datastack_top) as i32;
        let frame = self.load(Type::Pointer, tstate, top, ir_region::ANY);
        let address = self.load(Type::Int, tstate, top, ir_region::ANY);
        let bytes = self.load(
            Type::Int,
            site,
            offset_of!(CallSite, frame_bytes) as i32,
            ir_region::ANY,
        );
        let end = self.op(Op::IntAddWrapping, &[address, bytes]);
        let limit = self.load(
            Type::Int,
            tstate,
            offset_of!(ThreadState, datastack_limit) as i32,
            ir_region::ANY,
        );
        let fits = self.int_compare(IntCond::UnsignedLt, end, limit);
        self.or_else(fits, slow);

        self.store(function, frame, offset_of!(Frame, f_funcobj) as i32, ir_region::FRAME);
        let args = if has_self { &values[1..] } else { &values[2..] };
        for (parameter, source) in plan.sources.iter().enumerate() {
            let value = match (*source, defaults) {
                (Source::Default(index), Some(defaults)) => {
                    let at = offset::TUPLE_ITEMS + 8 * index as i32;
                    let value = self.load(Type::Object, defaults, at, ir_region::ANY);
                    self.effect(Op::Incref, &[value], Imm::None);
                    value
                }
                (Source::Argument(index) | Source::Default(index), _) => args[index as usize],
            };
            self.store_owned(value, frame, slot_offset(parameter), ir_region::FRAME);
        }
        let zero = self.int(0);
        let passed = [thread, frame, zero];
        let given = self.call_through("body", body, &[Type::Pointer, Type::Pointer, Type::Int], &passed);
        // Behind unknown code, and with the frame as it should be, any object may end: this one, if nobody has it any more.
        if operands.owned[0] {
            self.effect(Op::DecrefNumber, &[function], Imm::None);
        }
        if let Some(names) = operands.names {
            self.effect(Op::DecrefNumber, &[names], Imm::None);
        }
        self.jump_with(join, given);

        self.block = slow;
        let given = self.call_by_runtime(operands);
        self.jump_with(join, given);
        self.block = join;
        self.terminated = false;
        self.unsure = true;
        result
    }

    /// A function in C, by its own signature.
    fn call_definition(
        &mut self,
        operands: &Operands<'_>,
        definition: *mut PyMethodDef,
        class: *mut PyTypeObject,
        object: *mut PyObject,
    ) -> Value {
        let (items, values) = (operands.items, operands.values);
        let mut slow = None;
        let receiver = if class.is_null() {
            self.object(object)
        } else {
            if self.type_of_kind(items[1].kind()) != Some(class) {
                let other = self.f.add_block();
                self.f.blocks[other.index()].cold = true;
                slow = Some(other);
                if items[1].kind() == Kind::Unknown {
                    let none = self.op(Op::IsNull, &[values[1]]);
                    self.or_else_unless(none, other);
                }
                let class = self.object_symbol(class.cast());
                let right = self.op_imm(Op::HasType, &[values[1]], Imm::Symbol(class));
                self.or_else(right, other);
            }
            values[1]
        };
        // SAFETY: the constant function's definition, which lives as long as that.
        let (flags, word) = unsafe { ((*definition).ml_flags, &raw const (*definition).ml_meth) };
        let args = &values[2..];
        let mut passed = vec![receiver];
        let mut params = vec![Type::Object];
        if flags & METH_FASTCALL == 0 {
            passed.push(args.first().copied().unwrap_or_else(|| self.null()));
            params.push(Type::Object);
        } else {
            for (index, &arg) in args.iter().enumerate() {
                let at = slot_offset(operands.first + 2 + index);
                self.store(arg, self.frame_pointer, at, ir_region::FRAME);
            }
            passed.push(self.slot_address(operands.first + 2));
            passed.push(self.int(args.len() as i64));
            params.extend([Type::Pointer, Type::Int]);
            if flags & METH_KEYWORDS != 0 {
                passed.push(self.null());
                params.push(Type::Object);
            }
        }
        let given = self.call_through("function", word.cast(), &params, &passed);
        self.unsure = true;
        // As behind any call: whatever ends here may run code that finds the frame as it should be.
        for (&value, &owned) in values.iter().zip(&operands.owned) {
            if owned {
                self.effect(Op::DecrefNumber, &[value], Imm::None);
            }
        }
        let Some(slow) = slow else {
            return given;
        };
        let join = self.f.add_block();
        let result = self.f.add_param(join, Type::Object);
        self.jump_with(join, given);
        self.block = slow;
        let given = self.call_by_runtime(operands);
        self.jump_with(join, given);
        self.block = join;
        self.terminated = false;
        result
    }

    /// Calls the function whose address the word has; it may run any code, and gives an owned reference or NULL.
    fn call_through(&mut self, name: &str, word: *const (), params: &[Type], args: &[Value]) -> Value {
        let symbol = self.f.symbol(SymbolData {
            name: format!("{name}#{}", self.f.symbols.len()),
            kind: SymbolKind::Function(Call {
                params: params.to_vec(),
                result: Some(Type::Object),
                effect: Effect::Any,
                owned: true,
                consumes: vec![false; params.len()],
                through: true,
            }),
            address: word,
            function: None,
        });
        let given = self
            .f
            .append(self.block, Op::Call, args.to_vec(), Imm::Symbol(symbol), None);
        given.expect("it gives an object")
    }

    /// Leaves the outermost frame, whose operand stack is empty, with a result. In machine code where few locals may have a
    /// value, as in the baseline tier.
    pub fn leave_frame(&mut self, value: Value) {
        let (thread, frame) = (self.thread, self.frame_pointer);
        let decoded = &self.codes[0].decoded;
        let plain = decoded.flags & flags::OPTIMIZED != 0 && !decoded.is_resumable();
        // What is known to be in a slot, or what is to be found out.
        let mut slots = Vec::new();
        for (slot, local) in self.frames[0].locals.iter().enumerate() {
            match &local.item {
                Item::Null if local.home => {}
                Item::Constant(constant) if local.home && self.is_immortal(constant.symbol) => {}
                Item::Object(object) if local.home && object.kind != Kind::Maybe => {
                    slots.push((slot, Some(object.value)))
                }
                _ => slots.push((slot, None)),
            }
        }
        if plain && slots.len() <= INLINE_DROPS {
            let by_runtime = self.f.add_block();
            self.f.blocks[by_runtime.index()].cold = true;
            // Who has a frame object may have assigned to any local.
            let at = offset_of!(Frame, frame_obj) as i32;
            let observer = self.load(Type::Object, frame, at, ir_region::FRAME);
            let alone = self.op(Op::IsNull, &[observer]);
            self.or_else(alone, by_runtime);
            let at = offset_of!(Thread, tstate) as i32;
            let tstate = self.load(Type::Pointer, thread, at, ir_region::ANY);
            let at = offset_of!(Frame, previous) as i32;
            let previous = self.load(Type::Pointer, frame, at, ir_region::FRAME);
            let at = offset_of!(ThreadState, current_frame) as i32;
            self.store(previous, tstate, at, ir_region::ANY);
            for (slot, known) in slots {
                match known {
                    Some(value) => {
                        self.take_over(value);
                        self.effect(Op::DecrefNumber, &[value], Imm::None);
                    }
                    None => {
                        let value = self.load(Type::Object, frame, slot_offset(slot), ir_region::FRAME);
                        let none = self.op(Op::IsNull, &[value]);
                        let next = self.f.add_block();
                        self.or_else_unless(none, next);
                        self.take_over(value);
                        self.effect(Op::DecrefNumber, &[value], Imm::None);
                        self.jump(next);
                    }
                }
            }
            let at = offset_of!(ThreadState, datastack_top) as i32;
            self.store(frame, tstate, at, ir_region::ANY);
            let at = offset_of!(ThreadState, py_recursion_remaining) as i32;
            let remaining = self.load_width(Type::Int, Width::I32, true, tstate, at, ir_region::ANY);
            let one = self.int(1);
            let remaining = self.op(Op::IntAddWrapping, &[remaining, one]);
            self.store_width(remaining, Width::I32, tstate, at, ir_region::ANY);
            self.f.end(self.block, Op::Return, vec![value], None, Vec::new());
            self.block = by_runtime;
        }
        self.call(&LEAVE, &[thread, frame], None, (Effect::Any, false));
        self.f.end(self.block, Op::Return, vec![value], None, Vec::new());
        self.terminated = true;
    }

    fn is_immortal(&self, symbol: Symbol) -> bool {
        self.f.symbols[symbol.index()].kind == SymbolKind::Object { immortal: true }
    }

    fn jump(&mut self, block: Block) {
        let target = BlockCall {
            block,
            args: Vec::new(),
        };
        self.f.end(self.block, Op::Jump, Vec::new(), None, vec![target]);
        self.block = block;
        self.terminated = false;
    }

    pub fn jump_with(&mut self, block: Block, value: Value) {
        let target = BlockCall {
            block,
            args: vec![value],
        };
        self.f.end(self.block, Op::Jump, Vec::new(), None, vec![target]);
    }
}
