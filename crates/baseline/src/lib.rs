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
mod entries;
mod exceptions;
mod generators;
pub mod input;
mod names;
mod numbers;
mod prologue;
mod sampling;
mod special;
pub mod table;

use emitter::Emitter;
pub use entries::{continuation_entries, loop_entry, loop_header, resume_entries, resume_points, start_entry};
use input::Input;
use justjit_builder::{Builder, Signature, Type};
use justjit_bytecode::{Function, Instruction, Opcode};
use justjit_runtime::deopt::{DEOPTIMIZE_REQUESTED, Place};
use justjit_runtime::generator::slots;
use justjit_runtime::version::{GeneratorPrologue, HandOverReason, Tier, Version};

/// The type of a compiled body.
pub const BODY: Signature = Signature {
    params: &[Type::I64, Type::I64, Type::I64],
    result: Some(Type::I64),
};

/// Functions with more instructions than this stay with the interpreter: compiling them takes longer than an ordinary
/// program would wait.
pub const MAX_INSTRUCTIONS: usize = 20_000;

/// An instruction as the runtime names it.
pub fn place(instruction: &Instruction) -> Place {
    Place {
        start: instruction.start,
        offset: instruction.offset,
        next: instruction.next,
    }
}

/// Why a code object is not compiled, if it is not.
pub fn decline_reason(function: &Function) -> Option<String> {
    if function.instructions.len() > MAX_INSTRUCTIONS {
        return Some(format!("more than {MAX_INSTRUCTIONS} instructions"));
    }
    if function.is_resumable() {
        if let Err(reason) = slots::verdict() {
            return Some(reason);
        }
        if generator_prologue(function).is_none() {
            return Some("generator function that does not begin as the compiler makes it".to_owned());
        }
    }
    let mut reachable = function.instructions.iter().filter(|one| one.depth.is_some());
    let strange = reachable.find(|one| match one.opcode {
        Opcode::ExitInitCheck | Opcode::InterpreterExit => true,
        Opcode::ReturnGenerator => one.block != 0 || !function.is_resumable(),
        Opcode::YieldValue => !function.is_resumable(),
        _ => false,
    });
    strange.map(|one| format!("instruction {} in an unusual place", one.opcode.name()))
}

/// How a generator's frame is set up, where the function begins as generator functions do: `MAKE_CELL`s and
/// `COPY_FREE_VARS`, then `RETURN_GENERATOR`.
pub fn generator_prologue(function: &Function) -> Option<GeneratorPrologue> {
    let (last, before) = function.block_instructions(0).split_last()?;
    if last.opcode != Opcode::ReturnGenerator {
        return None;
    }
    let mut cells = Vec::new();
    let mut free = 0;
    for one in before {
        match one.opcode {
            Opcode::MakeCell => cells.push(one.arg),
            Opcode::CopyFreeVars if free == 0 => free = one.arg,
            _ => return None,
        }
    }
    Some(GeneratorPrologue {
        cells: cells.into(),
        free,
    })
}

/// Emits the body of a function that [`decline_reason`] has nothing against.
pub fn compile<B: Builder>(b: &mut B, input: &Input<'_>) {
    let mut emitter = Emitter::new(b, input);
    // SAFETY: the version that is being made.
    if unsafe { (*input.version).tier } == Tier::Optimizing {
        emitter.check_validity();
    }
    let raising = emitter.entries();
    if input.function.is_resumable() {
        emitter.make_generator();
    } else {
        emitter.prologue();
        emitter.jump_to_block(0);
    }
    emitter.body();
    emitter.epilogue();
    emitter.raising_entries(raising);
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
                self.enter_before(index);
                if self.terminated {
                    continue;
                }
                self.index = index;
                self.at = instruction;
                // An item that is gone says nothing about the one that takes its place.
                let depth = self.stack.len();
                self.likely_null.retain(|&at| at < depth);
                self.b.set_position(instruction.offset);
                if self.input.handover_points.contains(&instruction.offset) && self.may_hand_over() {
                    self.hand_over_here(HandOverReason::Requested);
                } else if self.input.deopt_points.contains(&instruction.offset) && self.may_hand_over() {
                    self.leave_here();
                } else if self.input.sampling {
                    self.note_before();
                    self.instruction();
                    if !self.terminated {
                        self.note_after();
                    }
                } else {
                    self.instruction();
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

    /// Where the code can be entered right before the instruction, everything lies in memory.
    fn enter_before(&mut self, index: usize) {
        let cut = self.cuts.iter().find(|(at, _)| *at == index);
        if let Some(&(_, machine)) = cut {
            if self.terminated {
                // Only who enters here comes here.
                let depth = self.function.instructions[index].depth;
                self.stack = vec![emitter::Item::Memory; depth.expect("a reachable instruction").into()];
                self.terminated = false;
            } else {
                self.flush();
                self.b.jump(machine, &[]);
            }
            self.b.switch_to(machine);
            self.likely_null.clear();
        }
    }

    /// The interpreter goes on at the present instruction.
    pub(crate) fn hand_over_here(&mut self, reason: HandOverReason) {
        self.flush();
        let depth = self.depth();
        self.hand_over(self.at.start, depth, reason);
        self.terminated = true;
    }

    /// For tests: the code is left at the present instruction, as optimized code would be.
    fn leave_here(&mut self) {
        self.flush();
        let depth = self.depth();
        let nargs = match self.at.opcode {
            Opcode::Call => self.at.arg as i32,
            _ => -1,
        };
        let version = self.object::<Version>(self.input.version);
        let point = self.input.requested_point(&self.at, depth);
        let point = self.object(point);
        let nargs = self.int32(nargs);
        let args = [self.thread, self.frame, version, point, nargs];
        let result = self.b.call_value(&DEOPTIMIZE_REQUESTED, &args);
        self.b.ret(result);
        self.terminated = true;
    }
}
