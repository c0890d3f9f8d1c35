//! Calls of Python functions that are known: their compiled bodies are entered without the runtime's help, as baseline code
//! does it.

use crate::builder::{Builder, ir_region};
use crate::convert::slot_offset;
use crate::item::Item;
use justjit_builder::IntCond;
use justjit_ir::{BlockCall, Call, Effect, Imm, Op, SymbolData, SymbolKind, Type, Value};
use justjit_runtime::call::CALL;
use justjit_runtime::layout::{Frame, Function, ThreadState};
use justjit_runtime::site::CallSite;
use justjit_runtime::thread::Thread;
use pyo3_ffi::*;
use std::mem::offset_of;

impl Builder<'_> {
    /// Calls a function with positional arguments that fill its parameters as they are; `false` if it is not such a call,
    /// and nothing has been done. The caller goes on as behind any call.
    pub fn takes_directly(&self, callee: *mut PyObject, count: usize) -> bool {
        // SAFETY: a live function.
        let code = unsafe { justjit_runtime::hook::code_of(callee) };
        // SAFETY: as above; what has cells or a closure makes them itself.
        unsafe {
            (*code).co_argcount as usize == count
                && (*code).co_kwonlyargcount == 0
                && (*code).co_flags & (CO_VARARGS | CO_VARKEYWORDS) == 0
                && (*code).co_flags & CO_OPTIMIZED != 0
        }
    }

    /// The result of a call of such a function (or NULL), whose callable, self or NULL, and arguments are owned, in this
    /// order. The frame is as the interpreter would have it.
    pub fn call_directly(&mut self, callee: *mut PyObject, values: &[Value]) -> Value {
        let has_self = self.is_null_constant(values[1]);
        let args = if has_self { &values[2..] } else { &values[1..] };
        let site = self.known.direct_site(self.index, args.len());
        let word = |field: usize| site.cast::<u8>().wrapping_add(field).cast::<()>();
        let thread = self.thread;
        let site_value = self.pointer(site.cast(), "call");

        // The entry says everything about the callee.
        let function = self.object(callee);
        let entry = offset_of!(Function, vectorcall) as i32;
        let entry = self.load(Type::Int, function, entry, ir_region::ANY);
        let expected = offset_of!(CallSite, vectorcall) as i32;
        let expected = self.load(Type::Int, site_value, expected, ir_region::ANY);
        let known = self.int_compare(IntCond::Eq, entry, expected);
        let room = self.f.add_block();
        let enter = self.f.add_block();
        let slow = self.f.add_block();
        self.f.blocks[slow.index()].cold = true;
        let join = self.f.add_block();
        let result = self.f.add_param(join, Type::Object);
        self.branch(known, room, slow);

        self.block = room;
        let tstate = self.load(Type::Pointer, thread, offset_of!(Thread, tstate) as i32, ir_region::ANY);
        let top = offset_of!(ThreadState, datastack_top) as i32;
        let frame = self.load(Type::Pointer, tstate, top, ir_region::ANY);
        let address = self.load(Type::Int, tstate, top, ir_region::ANY);
        let bytes = offset_of!(CallSite, frame_bytes) as i32;
        let bytes = self.load(Type::Int, site_value, bytes, ir_region::ANY);
        let end = self.op(Op::IntAddWrapping, &[address, bytes]);
        let limit = offset_of!(ThreadState, datastack_limit) as i32;
        let limit = self.load(Type::Int, tstate, limit, ir_region::ANY);
        let fits = self.int_compare(IntCond::UnsignedLt, end, limit);
        self.branch(fits, enter, slow);

        self.block = enter;
        self.store(function, frame, offset_of!(Frame, f_funcobj) as i32, ir_region::FRAME);
        for (slot, &value) in args.iter().enumerate() {
            self.store(value, frame, slot_offset(slot), ir_region::FRAME);
        }
        let zero = self.int(0);
        let passed = vec![thread, frame, zero];
        let symbol = self.f.symbol(SymbolData {
            name: format!("body#{}", self.f.symbols.len()),
            kind: SymbolKind::Function(Call {
                params: vec![Type::Pointer, Type::Pointer, Type::Int],
                result: Some(Type::Object),
                effect: Effect::Any,
                owned: true,
                consumes: vec![false; 3],
                through: true,
            }),
            address: word(offset_of!(CallSite, body)),
            function: None,
        });
        let given = self.f.append(self.block, Op::Call, passed, Imm::Symbol(symbol), None);
        // The version has the function as well; the slow way gives this reference up itself.
        self.effect(Op::DecrefNumber, &[values[0]], Imm::None);
        self.jump_with(join, given.expect("a body gives something"));

        self.block = slow;
        let first = self.codes[0].decoded.nlocals_plus as usize + self.frames[0].stack.len();
        let base = self.frame_pointer;
        for (index, &value) in values.iter().enumerate() {
            self.store(value, base, slot_offset(first + index), ir_region::FRAME);
        }
        let bytes = self.int(slot_offset(first).into());
        let array = self.op(Op::AddOffset, &[base, bytes]);
        let count = self.int(values.len() as i64 - 2);
        let args = [thread, site_value, array, count];
        let given = self.unknown_call(&CALL, &args, Type::Object, Vec::new());
        self.jump_with(join, given);

        self.block = join;
        self.terminated = false;
        result
    }

    fn is_null_constant(&self, value: Value) -> bool {
        self.f.def(value).is_some_and(|inst| inst.op == Op::Null)
    }

    pub fn jump_with(&mut self, block: justjit_ir::Block, value: Value) {
        let target = BlockCall {
            block,
            args: vec![value],
        };
        self.f.end(self.block, Op::Jump, Vec::new(), None, vec![target]);
    }

    /// The function that is called directly by a call with these operands.
    pub fn direct_callee(&self, items: &[Item]) -> Option<*mut PyObject> {
        let callee = self.symbol_address(&items[0])?;
        // SAFETY: constants are alive.
        let is_function = unsafe { PyFunction_Check(callee) } != 0;
        let receiver = usize::from(items[1] != Item::Null);
        (is_function && self.takes_directly(callee, items.len() - 2 + receiver)).then_some(callee)
    }
}
