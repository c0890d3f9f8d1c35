//! A sampling version's notes: around each instruction, what goes in and what comes out (see
//! `justjit_runtime::sampling`).
//!
//! A sampling version has no fast paths, so that all values are objects, and no instruction is done along with another
//! one. The functions that note run no Python code and raise nothing.

use crate::emitter::Emitter;
use justjit_builder::{Builder, IntOp, Type};
use justjit_bytecode::Opcode;
use justjit_runtime::sampling::{NOTE_CALL, NOTE_OPERAND, NOTE_RESULT, NOTE_RESULTS, Record};
use std::mem::offset_of;

/// How many stack items an instruction works on that are worth a note: these, from the top down.
fn operands(opcode: Opcode) -> usize {
    use Opcode::*;
    match opcode {
        BinarySlice | StoreSlice | StoreSubscr | LoadSuperAttr => 3,
        BinaryOp | CompareOp | ContainsOp | BinarySubscr | DeleteSubscr | StoreAttr | Send => 2,
        LoadAttr | DeleteAttr | ToBool | UnpackSequence | UnpackEx | GetIter | ForIter | UnaryNegative
        | UnaryInvert | GetYieldFromIter | GetAwaitable | GetAiter | GetAnext | GetLen | YieldValue | BeforeWith
        | FormatSimple | ListExtend => 1,
        _ => 0,
    }
}

/// How far below the top what the instruction pushes lies (1 is the top), if it is worth a note.
fn result(opcode: Opcode, arg: u32) -> Option<usize> {
    use Opcode::*;
    match opcode {
        LoadAttr | LoadGlobal | LoadSuperAttr => Some(1 + (arg & 1) as usize),
        LoadDeref
        | LoadName
        | LoadFromDictOrDeref
        | LoadFromDictOrGlobals
        | BinarySubscr
        | BinaryOp
        | BinarySlice
        | CompareOp
        | Call
        | CallKw
        | CallFunctionEx
        | GetIter
        | UnaryNegative
        | UnaryInvert
        | EndSend
        | GetYieldFromIter
        | GetAwaitable
        | GetAiter
        | ImportName
        | ImportFrom
        | GetLen
        | BeforeWith => Some(1),
        _ => None,
    }
}

impl<B: Builder> Emitter<'_, B> {
    fn record_of(&mut self, index: usize) -> B::Value {
        // SAFETY: a sampling version has a record for each instruction.
        let record: *const Record = unsafe { &raw const (&(*self.input.version).records)[index] };
        self.object(record)
    }

    /// Adds a value to a field of a record.
    fn add_to_record(&mut self, record: B::Value, field: usize, more: B::Value) {
        let old = self.load(record, field as i32);
        let new = self.b.int_op(IntOp::Add, old, more);
        self.b.store(new, record, field as i32);
    }

    /// Notes what the present instruction is about to work on.
    pub fn note_before(&mut self) {
        let record = self.record_of(self.index);
        let one = self.int(1);
        self.add_to_record(record, offset_of!(Record, count), one);
        let arg = self.at.arg as usize;
        let callable = match self.at.opcode {
            Opcode::Call => Some(arg + 2),
            Opcode::CallKw => Some(arg + 3),
            Opcode::CallFunctionEx => Some(3 + (arg & 1)),
            Opcode::Resume => {
                self.note_sent();
                self.note_parameters(record);
                None
            }
            _ => None,
        };
        if let Some(from_top) = callable {
            let function = self.peek(from_top);
            let receiver = self.peek(from_top - 1);
            self.b.call(&NOTE_CALL, &[record, function, receiver]);
            // A tuple of arguments says nothing of them.
            let arguments = match self.at.opcode {
                Opcode::CallFunctionEx => 0,
                _ => arg,
            };
            let second = match arguments > 1 {
                true => {
                    let second = self.peek(from_top - 3);
                    self.b.select(receiver, receiver, second)
                }
                false => receiver,
            };
            let which = self.int(1);
            self.b.call(&NOTE_OPERAND, &[record, which, second]);
            if arguments > 0 {
                let first = self.peek(from_top - 2);
                let which = self.int(2);
                self.b.call(&NOTE_OPERAND, &[record, which, first]);
            }
        }
        let count = operands(self.at.opcode);
        for which in 0..count {
            let object = self.peek(count - which);
            let which = self.int(which as i64);
            self.b.call(&NOTE_OPERAND, &[record, which, object]);
        }
    }

    /// The function (or a coroutine's body) begins: its first parameters are what the instruction works on; the fourth is its
    /// result.
    fn note_parameters(&mut self, record: B::Value) {
        let begins = match self.function.is_coroutine() {
            true => self.at.arg & 3 == 0,
            false => self.index == 0,
        };
        if !begins {
            return;
        }
        // SAFETY: a version's code is alive.
        let count = unsafe { (*self.input.code).parameters() };
        for slot in 0..count.min(4) {
            let object = self.load_local(slot as u32);
            match slot {
                3 => self.b.call(&NOTE_RESULT, &[record, object]),
                _ => {
                    let which = self.int(slot as i64);
                    self.b.call(&NOTE_OPERAND, &[record, which, object])
                }
            };
        }
    }

    /// A generator goes on: what was sent is the result of the `YIELD_VALUE` before.
    fn note_sent(&mut self) {
        let Some(before) = self.index.checked_sub(1) else {
            return;
        };
        if self.function.instructions[before].opcode == Opcode::YieldValue && self.depth() > 0 {
            let record = self.record_of(before);
            let object = self.peek(1);
            self.b.call(&NOTE_RESULT, &[record, object]);
        }
    }

    /// Notes what the present instruction has pushed.
    pub fn note_after(&mut self) {
        if self.at.opcode == Opcode::UnpackSequence {
            let count = self.at.arg as usize;
            self.flush();
            let record = self.record_of(self.index);
            let items = self.stack_address(self.depth() - count);
            let count = self.int(count as i64);
            self.b.call(&NOTE_RESULTS, &[record, items, count]);
        } else if let Some(from_top) = result(self.at.opcode, self.at.arg) {
            self.note_result(from_top);
        }
    }

    /// Notes a stack item as what the present instruction has pushed.
    pub fn note_result(&mut self, from_top: usize) {
        let record = self.record_of(self.index);
        let object = self.peek(from_top);
        self.b.call(&NOTE_RESULT, &[record, object]);
    }

    /// Notes whether the present conditional jump jumps, which it does if `condition` (an `I8`, 0 or 1) is `jump_if`.
    pub fn note_jump(&mut self, condition: B::Value, jump_if: bool) {
        let taken = self.b.zero_extend(Type::I64, condition);
        let taken = if jump_if {
            taken
        } else {
            self.b.int_op_const(IntOp::Xor, taken, 1)
        };
        let record = self.record_of(self.index);
        self.add_to_record(record, offset_of!(Record, taken), taken);
    }
}
