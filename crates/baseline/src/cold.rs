//! What may go wrong, and what is emitted out of line for it: exceptions, dead objects, stops at safepoints.
//!
//! An exception is raised with the operand stack partly in registers. Each raising instruction branches to a cold block
//! that puts the stack into the frame's memory and goes on in a block that all instructions with the same handler and
//! depth share; most raise with everything in memory and branch there at once.

use crate::emitter::{Emitter, Item, Operand};
use justjit_builder::{Builder, IntCond, IntOp, RuntimeFn, Type};
use justjit_bytecode::{Handler, Instruction, Opcode};
use justjit_runtime::deopt::GO_ON_IN;
use justjit_runtime::frame::{HAND_OVER, UNWIND_OUT, UNWIND_TO_HANDLER};
use justjit_runtime::layout::ThreadState;
use justjit_runtime::numbers::{DEALLOCATE, DROP, DROP_TWO};
use justjit_runtime::safepoint::{BACK_EDGE, SAFEPOINT, verdict};
use justjit_runtime::thread::Thread;
use justjit_runtime::version::{HandOverReason, Version};
use std::mem::offset_of;

/// What is emitted after the function's own code.
pub enum Cold<V, B> {
    /// An exception is set at an instruction, whose address the frame has.
    Raise {
        block: B,
        instruction: Instruction,
        stack: Vec<Item<V>>,
        traceback: bool,
    },
    /// A reference count became zero.
    Deallocate { block: B, object: V, offset: u32, next: B },
    /// The breaker is set; the frame has the instruction's address if `located`.
    Safepoint {
        block: B,
        instruction: Instruction,
        stack: Vec<Item<V>>,
        resume_at: u32,
        next: B,
        located: bool,
    },
}

/// Where an exception goes from a stack that lies in memory: what is common to many instructions.
pub type Way = (Option<Handler>, usize, bool);

/// Where safepoints of one way stop, with the block's parameters: the verdict, and where the interpreter goes on.
pub type Stop<B, V> = (Way, B, V, V);

/// An instruction's offset, its stack, and where its exceptions go.
pub type LastRaise<B, V> = (u32, Vec<Item<V>>, B);

impl<B: Builder> Emitter<'_, B> {
    /// A block to go to when the present instruction has raised: the stack is what it is now, and the frame has the
    /// instruction's address.
    pub fn raise_block(&mut self) -> B::Block {
        if let Some((offset, stack, block)) = &self.last_raise
            && *offset == self.at.offset
            && *stack == self.stack
        {
            return *block;
        }
        let block = if self.stack.iter().all(|item| *item == Item::Memory) {
            self.shared_raise((self.at.handler, self.stack.len(), true))
        } else {
            self.put_off_raise(true)
        };
        self.last_raise = Some((self.at.offset, self.stack.clone(), block));
        block
    }

    /// As [`Emitter::raise_block`], for an exception that keeps its traceback.
    pub fn raise_block_again(&mut self) -> B::Block {
        self.put_off_raise(false)
    }

    fn put_off_raise(&mut self, traceback: bool) -> B::Block {
        let block = self.b.create_block();
        self.b.set_cold(block);
        let (instruction, stack) = (self.at, self.stack.clone());
        self.cold.push(Cold::Raise {
            block,
            instruction,
            stack,
            traceback,
        });
        block
    }

    /// The block where exceptions of this way, their stacks in memory, go on.
    fn shared_raise(&mut self, way: Way) -> B::Block {
        if let Some((_, block)) = self.raising.iter().find(|(other, _)| *other == way) {
            return *block;
        }
        let block = self.b.create_block();
        self.b.set_cold(block);
        self.raising.push((way, block));
        block
    }

    /// Gives up references out of line: for paths that are taken seldom, or that call the runtime anyway.
    pub fn drop_all(&mut self, operands: &[Operand<B::Value>]) {
        let values: Vec<_> = operands
            .iter()
            .filter(|one| one.owned && !one.immortal)
            .map(|one| one.value)
            .collect();
        for pair in values.chunks(2) {
            match *pair {
                [one, other] => self.b.call(&DROP_TWO, &[one, other]),
                [one] => self.b.call(&DROP, &[one]),
                _ => None,
            };
        }
    }

    /// Calls a runtime function that gives an object, and gives up the owned operands; NULL raises.
    pub fn call_object(&mut self, function: &RuntimeFn, args: &[B::Value], operands: &[Operand<B::Value>]) -> B::Value {
        self.set_instruction_pointer();
        let result = self.b.call_value(function, args);
        self.drop_all(operands);
        let raise = self.raise_block();
        self.b.branch_unless(result, raise, &[]);
        result
    }

    /// Calls a runtime function that gives a status, and gives up the owned operands; a negative one raises.
    pub fn call_status(&mut self, function: &RuntimeFn, args: &[B::Value], operands: &[Operand<B::Value>]) -> B::Value {
        self.set_instruction_pointer();
        let status = self.b.call_value(function, args);
        self.drop_all(operands);
        let raise = self.raise_block();
        let failed = self.b.compare_const(IntCond::SignedLt, status, 0);
        self.b.branch_if(failed, raise, &[]);
        status
    }

    /// Compares the breaker; the slow path serves what is pending. Code goes on at `resume_at` (a byte offset) if the
    /// interpreter has to take over. `located` says that the frame has the instruction's address.
    pub fn safepoint(&mut self, resume_at: u32, located: bool) {
        let breaker = self.load(self.tstate, offset_of!(ThreadState, eval_breaker) as i32);
        let expected = self.load(self.thread, offset_of!(Thread, expected_breaker) as i32);
        let mut quiet = self.b.compare(IntCond::Eq, breaker, expected);
        if self.at.opcode == Opcode::JumpBackward {
            let version = self.object::<Version>(self.input.version);
            let edges = self.load(version, offset_of!(Version, back_edges) as i32);
            let check = self.load(version, offset_of!(Version, check_edges) as i32);
            let early = self.b.compare(IntCond::UnsignedLt, edges, check);
            quiet = self.b.int_op(IntOp::And, quiet, early);
        }
        let block = self.b.create_block();
        self.b.set_cold(block);
        let next = self.b.create_block();
        self.b.branch(quiet, (next, &[]), (block, &[]));
        let (instruction, stack) = (self.at, self.stack.clone());
        self.cold.push(Cold::Safepoint {
            block,
            instruction,
            stack,
            resume_at,
            next,
            located,
        });
        self.b.switch_to(next);
    }

    /// The block where safepoints of this way stop.
    fn shared_stop(&mut self, way: Way) -> B::Block {
        if let Some((_, block, ..)) = self.stopping.iter().find(|(other, ..)| *other == way) {
            return *block;
        }
        let block = self.b.create_block();
        self.b.set_cold(block);
        let verdict = self.b.block_param(block, Type::I32);
        let resume = self.b.block_param(block, Type::I64);
        self.stopping.push((way, block, verdict, resume));
        block
    }

    /// Hands the frame, its whole stack in memory, to the interpreter at a byte offset.
    pub fn hand_over(&mut self, offset: u32, depth: usize, reason: HandOverReason) {
        let address = self.instruction_address(offset);
        self.hand_over_at(address, depth, reason);
    }

    pub fn hand_over_at(&mut self, address: B::Value, depth: usize, reason: HandOverReason) {
        let depth = self.int32(depth as i32);
        let reason = self.int32(reason as i32);
        let throw = self.int32(0);
        let version = self.object::<Version>(self.input.version);
        let args = [self.thread, self.frame, address, depth, reason, throw, version];
        let result = self.b.call_value(&HAND_OVER, &args);
        self.b.ret(result);
    }

    /// Emits what was put off.
    pub fn emit_cold(&mut self) {
        self.in_cold = true;
        while let Some(cold) = self.cold.pop() {
            match cold {
                Cold::Deallocate {
                    block,
                    object,
                    offset,
                    next,
                } => {
                    self.b.switch_to(block);
                    self.b.set_position(offset);
                    self.set_instruction_pointer_to(offset);
                    self.b.call(&DEALLOCATE, &[object]);
                    self.b.jump(next, &[]);
                }
                Cold::Raise {
                    block,
                    instruction,
                    stack,
                    traceback,
                } => {
                    self.begin_cold(block, instruction, stack, true);
                    self.flush();
                    let shared = self.shared_raise((instruction.handler, self.stack.len(), traceback));
                    self.b.jump(shared, &[]);
                }
                Cold::Safepoint {
                    block,
                    instruction,
                    stack,
                    resume_at,
                    next,
                    located,
                } => {
                    self.begin_cold(block, instruction, stack, located);
                    let verdict = self.verdict(instruction);
                    let stop = self.b.create_block();
                    self.b.branch(verdict, (stop, &[]), (next, &[]));
                    self.b.switch_to(stop);
                    self.flush();
                    let shared = self.shared_stop((instruction.handler, self.stack.len(), true));
                    let resume = self.instruction_address(resume_at);
                    self.b.jump(shared, &[verdict, resume]);
                }
            }
        }
        for (way, block, verdict, resume) in std::mem::take(&mut self.stopping) {
            self.b.switch_to(block);
            let over = self.b.compare_const(IntCond::Eq, verdict, verdict::HAND_OVER.into());
            let raise = self.shared_raise(way);
            self.b.branch_unless(over, raise, &[]);
            self.hand_over_at(resume, way.1, HandOverReason::Instrumentation);
        }
        for ((handler, depth, traceback), block) in std::mem::take(&mut self.raising) {
            self.b.switch_to(block);
            self.raise(handler, depth, traceback);
        }
    }

    /// Calls the safepoint: at a back edge the one that may go on in better code.
    fn verdict(&mut self, instruction: Instruction) -> B::Value {
        if instruction.opcode != Opcode::JumpBackward {
            return self.b.call_value(&SAFEPOINT, &[self.thread]);
        }
        let version = self.object::<Version>(self.input.version);
        let header = self.block_at(instruction.target.expect("a jump"));
        let entry = self.int(self.entry_number(header));
        let verdict = self
            .b
            .call_value(&BACK_EDGE, &[self.thread, self.frame, version, entry]);
        let enter = self.b.create_block();
        let entering = self.b.compare_const(IntCond::Eq, verdict, verdict::ENTER.into());
        let next = self.b.create_block();
        self.b.branch(entering, (enter, &[]), (next, &[]));
        self.b.switch_to(enter);
        let next_version = self.load(self.thread, offset_of!(Thread, enter) as i32);
        let args = [self.thread, self.frame, next_version, entry];
        let result = self.b.call_value(&GO_ON_IN, &args);
        self.b.ret(result);
        self.b.switch_to(next);
        verdict
    }

    fn begin_cold(&mut self, block: B::Block, instruction: Instruction, stack: Vec<Item<B::Value>>, located: bool) {
        self.b.switch_to(block);
        self.at = instruction;
        self.stack = stack;
        self.b.set_position(instruction.offset);
        if !located {
            self.set_instruction_pointer();
        }
    }

    /// Ends the present machine block: an exception is set, and `depth` items lie in memory.
    fn raise(&mut self, handler: Option<Handler>, depth: usize, traceback: bool) {
        let depth = self.int32(depth as i32);
        let traceback = self.int32(traceback.into());
        match handler {
            Some(handler) => {
                let kept = self.int32(handler.depth.into());
                let push_lasti = self.int32(handler.push_lasti.into());
                let watched = self.b.call_value(
                    &UNWIND_TO_HANDLER,
                    &[self.thread, self.frame, depth, kept, push_lasti, traceback],
                );
                let block = self.machine_block(self.block_at(handler.target));
                let over = self.b.create_block();
                self.b.set_cold(over);
                self.b.branch(watched, (over, &[]), (block, &[]));
                self.b.switch_to(over);
                let depth = handler.entry_depth() as usize;
                self.hand_over(handler.target, depth, HandOverReason::Instrumentation);
            }
            None => {
                self.b.call(&UNWIND_OUT, &[self.thread, self.frame, depth, traceback]);
                let null = self.null();
                self.b.ret(null);
            }
        }
    }
}
