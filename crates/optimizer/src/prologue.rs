//! The entry of a function: its frame record is filled in and linked, in machine code as baseline code does it.

use crate::builder::{Builder, ir_region};
use crate::convert::slot_offset;
use crate::entry::Input;
use justjit_builder::{IntCond, Type as Width};
use justjit_bytecode::Opcode;
use justjit_ir::{Effect, Imm, Op, Type, Value};
use justjit_runtime::layout::{Code, FRAME_OWNED_BY_THREAD, Frame, Function, ThreadState};
use justjit_runtime::optimized::{ENTRY_STOPPED, LOOK_AT_ENTRY};
use justjit_runtime::safepoint::LEVELS_AHEAD;
use justjit_runtime::thread::Thread;
use justjit_runtime::version::Version;
use pyo3_ffi::*;
use std::mem::offset_of;

// Three fields that are written at once.
const _: () = assert!(offset_of!(Frame, return_offset) == offset_of!(Frame, stacktop) + 4);
const _: () = assert!(offset_of!(Frame, owner) == offset_of!(Frame, stacktop) + 6);

impl Builder<'_> {
    /// Makes the frame, whose arguments lie in its first slots, the current one, and looks at everything that an entry looks
    /// at. What is emitted next runs only if the call goes on.
    pub fn enter_frame(&mut self, input: &Input<'_>) {
        let code = input.code;
        let (thread, frame) = (self.thread, self.frame_pointer);
        let tstate = self.load(Type::Pointer, thread, offset_of!(Thread, tstate) as i32, ir_region::ANY);
        // The version does not keep its own code alive, nor the namespaces.
        let code_value = self.pointer(code.cast_const().cast(), "code");
        let globals = self.pointer(input.globals.cast_const().cast(), "globals");
        let builtins = self.pointer(input.builtins.cast_const().cast(), "builtins");
        let version = self.pointer(input.version, "version");
        let null = self.null();
        let current = offset_of!(ThreadState, current_frame) as i32;
        let previous = self.load(Type::Pointer, tstate, current, ir_region::ANY);
        let field = |offset: usize| (offset as i32, ir_region::FRAME);
        for (value, (offset, region)) in [
            (code_value, field(offset_of!(Frame, f_executable))),
            (previous, field(offset_of!(Frame, previous))),
            (globals, field(offset_of!(Frame, f_globals))),
            (builtins, field(offset_of!(Frame, f_builtins))),
            (null, field(offset_of!(Frame, f_locals))),
            (null, field(offset_of!(Frame, frame_obj))),
        ] {
            self.store(value, frame, offset, region);
        }
        // SAFETY: a live code object.
        let (slots, parameters, free, size, first) = unsafe {
            (
                (*code).co_nlocalsplus as usize,
                (*code).parameters(),
                (*code).co_nfreevars as usize,
                (*code).co_framesize as i64,
                (*code).co_firsttraceable as u32,
            )
        };
        let packed = slots as i64 | i64::from(FRAME_OWNED_BY_THREAD) << 48;
        let packed = self.int(packed);
        self.store(packed, frame, offset_of!(Frame, stacktop) as i32, ir_region::FRAME);
        self.effect(Op::Locate, &[], Imm::Offset(2 * first));
        for slot in parameters..slots - free {
            self.store(null, frame, slot_offset(slot), ir_region::FRAME);
        }
        self.take_closure(slots - free, free);

        self.store(frame, tstate, current, ir_region::ANY);
        let bytes = self.int(8 * size);
        let top = self.op(Op::AddOffset, &[frame, bytes]);
        self.store(
            top,
            tstate,
            offset_of!(ThreadState, datastack_top) as i32,
            ir_region::ANY,
        );
        let one = self.int(1);
        let left = offset_of!(ThreadState, py_recursion_remaining) as i32;
        let remaining = self.load_width(Type::Int, Width::I32, true, tstate, left, ir_region::ANY);
        let remaining = self.op(Op::IntSub, &[remaining, one]);
        self.store_width(remaining, Width::I32, tstate, left, ir_region::ANY);
        let counter = offset_of!(Version, calls) as i32;
        let calls = self.load(Type::Int, version, counter, ir_region::ANY);
        let calls = self.op(Op::IntAdd, &[calls, one]);
        self.store(calls, version, counter, ir_region::ANY);

        let breaker = offset_of!(ThreadState, eval_breaker) as i32;
        let breaker = self.load(Type::Int, tstate, breaker, ir_region::ANY);
        let expected = offset_of!(Thread, expected_breaker) as i32;
        let expected = self.load(Type::Int, thread, expected, ir_region::ANY);
        let limit = offset_of!(Thread, stack_limit) as i32;
        let limit = self.load(Type::Int, thread, limit, ir_region::ANY);
        let monitoring = offset_of!(Code, co_monitoring) as i32;
        let monitoring = self.load(Type::Int, code_value, monitoring, ir_region::ANY);
        let stack_pointer = self.op(Op::StackPointer, &[]);
        let zero = self.int(0);
        // The interpreter cannot be handed a frame before its cells are made: such a function may come to the limit a few calls
        // later.
        let begins = input.decoded.instructions[0].opcode == Opcode::Resume;
        let ahead = self.int(if begins { LEVELS_AHEAD.into() } else { 0 });
        let mut fine = self.int_compare(IntCond::Eq, breaker, expected);
        for more in [
            self.int_compare(IntCond::SignedGe, remaining, ahead),
            self.int_compare(IntCond::UnsignedGe, stack_pointer, limit),
            self.int_compare(IntCond::Eq, monitoring, zero),
        ] {
            fine = self.op(Op::BoolAnd, &[fine, more]);
        }
        let (go_on, look, stop) = (self.f.add_block(), self.f.add_block(), self.f.add_block());
        self.f.blocks[look.index()].cold = true;
        self.f.blocks[stop.index()].cold = true;
        self.branch(fine, go_on, look);

        self.block = look;
        let args = [thread, frame, version];
        let over = self.call(&LOOK_AT_ENTRY, &args, Some(Type::Int), (Effect::Any, false));
        let over = over.expect("a result");
        let fine = self.int_compare(IntCond::Eq, over, zero);
        self.branch(fine, go_on, stop);

        self.block = stop;
        let args = [thread, frame, over, version];
        let result = self.call(&ENTRY_STOPPED, &args, Some(Type::Object), (Effect::Any, true));
        let result = vec![result.expect("a result")];
        self.f.end(stop, Op::Return, result, None, Vec::new());
        self.block = go_on;
        self.terminated = false;
    }

    /// The cells of the function's closure go into the frame's last slots.
    fn take_closure(&mut self, first: usize, count: usize) {
        if count == 0 {
            return;
        }
        let function = offset_of!(Frame, f_funcobj) as i32;
        let function = self.load(Type::Object, self.frame_pointer, function, ir_region::FRAME);
        let closure = offset_of!(Function, func_closure) as i32;
        let closure = self.load(Type::Object, function, closure, ir_region::ANY);
        for index in 0..count {
            let item = (offset_of!(PyTupleObject, ob_item) + 8 * index) as i32;
            let cell: Value = self.load(Type::Object, closure, item, ir_region::ANY);
            self.effect(Op::Incref, &[cell], Imm::None);
            self.store_owned(cell, self.frame_pointer, slot_offset(first + index), ir_region::FRAME);
        }
    }
}
