//! The baseline tier: each instruction is translated on its own, straight from bytecode.
//!
//! [`compile`] emits a function's body through a [`Builder`]: `fn(thread, frame, entry) -> object`. Nothing is bet on:
//! every fast path has the runtime's general way behind it, at the same place. `emitter` keeps the state of a
//! compilation; the other modules are families of instructions.

mod arithmetic;
mod assigned;
mod attributes;
mod c_calls;
mod calls;
mod cold;
mod containers;
mod control;
mod emitter;
mod exceptions;
pub mod input;
mod names;
mod numbers;
mod prologue;
mod special;
pub mod table;

use emitter::Emitter;
use input::{Input, is_generator_opcode};
use justjit_builder::{Builder, Signature, Type};
use justjit_bytecode::{Function, Opcode, flags};
use justjit_runtime::version::HandOverReason;

/// The type of a compiled body.
pub const BODY: Signature = Signature {
    params: &[Type::I64, Type::I64, Type::I64],
    result: Some(Type::I64),
};

/// Functions with more instructions than this stay with the interpreter: compiling them takes longer than an ordinary
/// program would wait.
pub const MAX_INSTRUCTIONS: usize = 20_000;

/// Why a code object is not compiled, if it is not.
pub fn decline_reason(function: &Function) -> Option<String> {
    let kind = match function.flags {
        bits if bits & flags::COROUTINE != 0 => Some("coroutine function"),
        bits if bits & flags::ASYNC_GENERATOR != 0 => Some("asynchronous generator function"),
        bits if bits & (flags::GENERATOR | flags::ITERABLE_COROUTINE) != 0 => Some("generator function"),
        _ => None,
    };
    if let Some(kind) = kind {
        return Some(kind.to_owned());
    }
    if function.instructions.len() > MAX_INSTRUCTIONS {
        return Some(format!("more than {MAX_INSTRUCTIONS} instructions"));
    }
    let strange = function.instructions.iter().find(|one| {
        one.depth.is_some()
            && (is_generator_opcode(one.opcode)
                || matches!(one.opcode, Opcode::ExitInitCheck | Opcode::InterpreterExit))
    });
    strange.map(|one| format!("instruction {} outside of a generator", one.opcode.name()))
}

/// Emits the body of a function that [`decline_reason`] has nothing against.
pub fn compile<B: Builder>(b: &mut B, input: &Input<'_>) {
    let mut emitter = Emitter::new(b, input);
    emitter.entries();
    emitter.prologue();
    emitter.jump_to_block(0);
    emitter.body();
    emitter.epilogue();
    emitter.emit_cold();
}

impl<B: Builder> Emitter<'_, B> {
    fn body(&mut self) {
        let function = self.function;
        // The stack that falls through into the next block in registers.
        let mut carried = None;
        for (number, block) in function.blocks.iter().enumerate() {
            let (Some(depth), Some(machine)) = (block.entry_depth, self.blocks[number]) else {
                carried = None;
                continue;
            };
            self.b.switch_to(machine);
            self.stack = carried
                .take()
                .unwrap_or_else(|| vec![emitter::Item::Memory; depth.into()]);
            self.terminated = false;
            self.likely_null.clear();
            self.assigned = self.assigned_at[number].clone();
            for index in block.start..block.end {
                self.assigned.assign(&function.instructions[index]);
                if self.skip > 0 {
                    self.skip -= 1;
                    continue;
                }
                let instruction = function.instructions[index];
                self.index = index;
                self.at = instruction;
                // An item that is gone says nothing about the one that takes its place.
                let depth = self.stack.len();
                self.likely_null.retain(|&at| at < depth);
                self.b.set_position(instruction.offset);
                if self.input.handover_points.contains(&instruction.offset) && self.may_hand_over() {
                    self.hand_over_here(HandOverReason::Requested);
                } else {
                    self.instruction();
                }
                if self.terminated {
                    break;
                }
            }
            if !self.terminated {
                carried = self.fall_through(number + 1);
            } else {
                carried = self.take_carried(number + 1);
            }
        }
    }

    /// Whether the frame is complete at the present instruction, as the interpreter wants it.
    fn may_hand_over(&self) -> bool {
        // SAFETY: a live code object.
        let first = unsafe { (*self.input.code).co_firsttraceable } as u32 * 2;
        self.at.offset >= first
    }

    /// The interpreter goes on at the present instruction.
    pub(crate) fn hand_over_here(&mut self, reason: HandOverReason) {
        self.flush();
        let depth = self.depth();
        self.hand_over(self.at.start, depth, reason);
        self.terminated = true;
    }
}
