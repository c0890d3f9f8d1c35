//! The state of a compilation: where each operand stack item is, and what has to happen out of line.
//!
//! Locals always live in the frame. An operand stack item is *deferred*: it is a constant, a borrowed local or a value
//! in a register until somebody could look at it in the frame's memory: at the end of a basic block, at an exception,
//! when the interpreter takes over.

use crate::input::Input;
use justjit_builder::{Builder, IntCond, IntOp, RuntimeFn, Type};
use justjit_bytecode::{Function, Handler, Instruction, Opcode};
use justjit_runtime::frame::{HAND_OVER, UNWIND_OUT, UNWIND_TO_HANDLER};
use justjit_runtime::layout::{Code, FRAME_SPECIALS_SIZE, Frame, ThreadState, offset};
use justjit_runtime::numbers::{DEALLOCATE, DROP, DROP_TWO};
use justjit_runtime::safepoint::{BACK_EDGE, SAFEPOINT, verdict};
use justjit_runtime::thread::Thread;
use justjit_runtime::version::{HandOverReason, Version};
use std::mem::offset_of;

/// An operand stack item.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Item<V> {
    /// In its slot of the frame, which owns it.
    Memory,
    /// In a register; the stack owns it. NULL only where the interpreter's stack may hold NULL.
    Owned(V),
    /// The value that the local variable has; the local owns it.
    Local(u32),
    /// A constant, owned by the code object.
    Const(Constant),
    /// NULL.
    Null,
    /// An `I8`, 0 or 1, that stands for False or True.
    Bool(V),
}

/// A constant and what is known of it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Constant {
    pub object: *const (),
    pub immortal: bool,
    pub known: Known,
}

/// What is known of a value when code is emitted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Known {
    Nothing,
    /// An exact int of at most one digit.
    Int(i64),
    /// An exact float.
    Float(f64),
}

/// An item taken off the stack to work with.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Operand<V> {
    pub value: V,
    /// The instruction has to give the reference up.
    pub owned: bool,
    pub known: Known,
    /// The local variable that the value was borrowed from.
    pub local: Option<u32>,
    /// Never deallocated: giving a reference up is nothing.
    pub immortal: bool,
}

/// What is emitted after the function's own code.
enum Cold<V, B> {
    /// An exception is set at an instruction, whose address the frame has if `located`.
    Raise {
        block: B,
        instruction: Instruction,
        stack: Vec<Item<V>>,
        located: bool,
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
type Way = (Option<Handler>, usize, bool);

/// Where safepoints of one way stop, with the block's parameters: the verdict, and where the interpreter goes on.
type Stop<B, V> = (Way, B, V, V);

/// An instruction's offset, its stack, and where its exceptions go.
type LastRaise<B, V> = (u32, Vec<Item<V>>, B);

/// The state of a compilation.
pub struct Emitter<'a, B: Builder> {
    pub b: &'a mut B,
    pub input: &'a Input<'a>,
    pub function: &'a Function,
    pub stack: Vec<Item<B::Value>>,
    pub thread: B::Value,
    pub tstate: B::Value,
    pub frame: B::Value,
    /// Machine blocks of the bytecode's basic blocks.
    pub blocks: Vec<Option<B::Block>>,
    /// Ways into each basic block.
    pub predecessors: Vec<u32>,
    /// Leaves the function with the block's parameter.
    pub leave: B::Block,
    pub leave_value: B::Value,
    /// The instruction that is being compiled.
    pub at: Instruction,
    /// Index of that instruction.
    pub index: usize,
    /// Instructions behind the present one that it has done already.
    pub skip: usize,
    /// Stack depths whose item is NULL in the usual case: there is no self for the call.
    pub likely_null: Vec<usize>,
    /// The code behind the present point cannot be reached.
    pub terminated: bool,
    /// The stack that a conditional jump leaves in registers for the block behind it.
    pub carry: Option<Vec<Item<B::Value>>>,
    cold: Vec<Cold<B::Value, B::Block>>,
    /// Shared ends of exceptions' ways.
    raising: Vec<(Way, B::Block)>,
    /// Shared ends of safepoints that stop; parameters: the verdict, where the interpreter goes on.
    stopping: Vec<Stop<B::Block, B::Value>>,
    /// The block that the present instruction's exceptions went to last, and with which stack.
    last_raise: Option<LastRaise<B::Block, B::Value>>,
}

/// Offset of the frame's slot `index`.
pub fn slot_offset(index: usize) -> i32 {
    ((FRAME_SPECIALS_SIZE + index) * 8) as i32
}

impl<'a, B: Builder> Emitter<'a, B> {
    /// Starts in the builder's entry block.
    pub fn new(b: &'a mut B, input: &'a Input<'a>) -> Self {
        let function = input.function;
        let thread = b.param(0);
        let frame = b.param(1);
        let tstate = b.load(Type::I64, thread, offset_of!(Thread, tstate) as i32);
        let leave = b.create_block();
        let leave_value = b.block_param(leave, Type::I64);
        let mut predecessors = vec![0; function.blocks.len()];
        for block in function.blocks.iter().filter(|block| block.entry_depth.is_some()) {
            for &successor in &block.successors {
                predecessors[successor as usize] += 1;
            }
            for &handler in &block.handler_successors {
                // Never falls through to a handler.
                predecessors[handler as usize] += 2;
            }
        }
        if let Some(first) = predecessors.first_mut() {
            *first += 1;
        }
        let mut blocks = Vec::with_capacity(function.blocks.len());
        for block in &function.blocks {
            blocks.push(block.entry_depth.map(|_| {
                let machine = b.create_block();
                if block.is_handler {
                    b.set_cold(machine);
                }
                machine
            }));
        }
        Emitter {
            b,
            input,
            function,
            stack: Vec::new(),
            thread,
            tstate,
            frame,
            blocks,
            predecessors,
            leave,
            leave_value,
            at: function.instructions[0],
            index: 0,
            skip: 0,
            likely_null: Vec::new(),
            terminated: false,
            carry: None,
            cold: Vec::new(),
            raising: Vec::new(),
            stopping: Vec::new(),
            last_raise: None,
        }
    }

    // ---- values ----------------------------------------------------------------------------------------------

    pub fn int(&mut self, value: i64) -> B::Value {
        self.b.int(Type::I64, value)
    }

    pub fn int32(&mut self, value: i32) -> B::Value {
        self.b.int(Type::I32, value.into())
    }

    pub fn object<T>(&mut self, object: *const T) -> B::Value {
        self.b.object(object.cast())
    }

    pub fn null(&mut self) -> B::Value {
        self.int(0)
    }

    pub fn load(&mut self, base: B::Value, offset: i32) -> B::Value {
        self.b.load(Type::I64, base, offset)
    }

    /// True or False for an `I8`.
    pub fn bool_object(&mut self, value: B::Value) -> B::Value {
        let yes = self.object(self.input.objects.true_object);
        let no = self.object(self.input.objects.false_object);
        self.b.select(value, yes, no)
    }

    /// Whether the object's type is exactly `ty` (an `I8`).
    pub fn has_type<T>(&mut self, object: B::Value, ty: *const T) -> B::Value {
        let actual = self.load(object, offset::OB_TYPE);
        let expected = self.object(ty);
        self.b.compare(IntCond::Eq, actual, expected)
    }

    /// What the present instruction has been seen to work on.
    pub fn seen(&self) -> u8 {
        self.input.seen(self.index)
    }

    /// Whether the present instruction is to have a fast path for what `bits` mean.
    pub fn inlines(&self, bits: u8) -> bool {
        !self.input.profiling && self.seen() & bits != 0
    }

    /// Where the runtime notes what the present instruction works on.
    pub fn feedback(&mut self) -> B::Value {
        let site = self.input.feedback(self.index);
        self.object(site)
    }

    // ---- frame -----------------------------------------------------------------------------------------------

    /// Slots before the operand stack.
    pub fn locals(&self) -> usize {
        self.function.nlocals_plus as usize
    }

    /// Offset of the operand stack's slot at `depth`.
    pub fn stack_slot(&self, depth: usize) -> i32 {
        slot_offset(self.locals() + depth)
    }

    pub fn load_local(&mut self, local: u32) -> B::Value {
        self.b.load(Type::I64, self.frame, slot_offset(local as usize))
    }

    pub fn store_local(&mut self, local: u32, value: B::Value) {
        self.b.store(value, self.frame, slot_offset(local as usize));
    }

    /// Address of the frame's slot of an operand stack depth.
    pub fn stack_address(&mut self, depth: usize) -> B::Value {
        let offset = self.stack_slot(depth);
        self.b.int_op_const(IntOp::Add, self.frame, offset.into())
    }

    pub fn local_address(&mut self, local: u32) -> B::Value {
        self.b
            .int_op_const(IntOp::Add, self.frame, slot_offset(local as usize).into())
    }

    pub fn frame_field(&mut self, offset: usize) -> B::Value {
        self.b.load(Type::I64, self.frame, offset as i32)
    }

    /// Address of the interpreter's instruction at a byte offset.
    pub fn instruction_address(&mut self, offset: u32) -> B::Value {
        // SAFETY: the offset is inside the code, as decoding has checked.
        let address = unsafe { Code::instructions(self.input.code).cast::<u8>().add(offset as usize) };
        self.object(address)
    }

    /// Tells whoever looks at the frame that the present instruction is being executed.
    pub fn set_instruction_pointer(&mut self) {
        self.set_instruction_pointer_to(self.at.offset);
    }

    fn set_instruction_pointer_to(&mut self, offset: u32) {
        let address = self.instruction_address(offset);
        self.b.store(address, self.frame, offset_of!(Frame, instr_ptr) as i32);
    }

    // ---- reference counts ------------------------------------------------------------------------------------

    /// Takes a reference. Immortal objects keep their count, without a branch.
    pub fn incref(&mut self, object: B::Value) {
        let count = self.b.load(Type::I32, object, offset::OB_REFCNT);
        let more = self.b.int_op_const(IntOp::Add, count, 1);
        let updated = self.b.select(more, more, count);
        self.b.store(updated, object, offset::OB_REFCNT);
    }

    /// Gives a reference up.
    pub fn decref(&mut self, object: B::Value) {
        let next = self.b.create_block();
        self.decref_to(object, next);
        self.b.switch_to(next);
    }

    /// Gives a reference up and goes on in `next`.
    fn decref_to(&mut self, object: B::Value, next: B::Block) {
        let count = self.b.load(Type::I32, object, offset::OB_REFCNT);
        // 1 for an immortal object, whose count is negative as 32 bits.
        let immortal = self.b.int_op_const(IntOp::ShrUnsigned, count, 31);
        let less = self.b.int_op_const(IntOp::Sub, count, 1);
        let updated = self.b.int_op(IntOp::Add, less, immortal);
        self.b.store(updated, object, offset::OB_REFCNT);
        let dead = self.b.create_block();
        self.b.set_cold(dead);
        self.b.branch(updated, (next, &[]), (dead, &[]));
        self.cold.push(Cold::Deallocate {
            block: dead,
            object,
            offset: self.at.offset,
            next,
        });
    }

    /// Gives a reference up that may be NULL.
    pub fn xdecref(&mut self, object: B::Value) {
        let next = self.b.create_block();
        let some = self.b.create_block();
        self.b.branch(object, (some, &[]), (next, &[]));
        self.b.switch_to(some);
        self.decref_to(object, next);
        self.b.switch_to(next);
    }

    pub fn release(&mut self, operand: Operand<B::Value>) {
        if operand.owned && !operand.immortal {
            self.decref(operand.value);
        }
    }

    /// The operand's value with a reference that is the caller's.
    pub fn own(&mut self, operand: Operand<B::Value>) -> B::Value {
        if !operand.owned && !operand.immortal {
            self.incref(operand.value);
        }
        operand.value
    }

    // ---- operand stack ---------------------------------------------------------------------------------------

    pub fn depth(&self) -> usize {
        self.stack.len()
    }

    pub fn push(&mut self, item: Item<B::Value>) {
        self.stack.push(item);
    }

    pub fn push_owned(&mut self, value: B::Value) {
        self.stack.push(Item::Owned(value));
    }

    /// The item at `depth` as an operand, which stays the stack's.
    fn operand(&mut self, item: Item<B::Value>, depth: usize) -> Operand<B::Value> {
        let nothing = Known::Nothing;
        match item {
            Item::Memory => {
                let offset = self.stack_slot(depth);
                let value = self.b.load(Type::I64, self.frame, offset);
                Operand {
                    value,
                    owned: true,
                    known: nothing,
                    local: None,
                    immortal: false,
                }
            }
            Item::Owned(value) => Operand {
                value,
                owned: true,
                known: nothing,
                local: None,
                immortal: false,
            },
            Item::Local(local) => {
                let value = self.load_local(local);
                Operand {
                    value,
                    owned: false,
                    known: nothing,
                    local: Some(local),
                    immortal: false,
                }
            }
            Item::Const(constant) => Operand {
                value: self.b.object(constant.object),
                owned: false,
                known: constant.known,
                local: None,
                immortal: constant.immortal,
            },
            Item::Null => {
                let value = self.null();
                Operand {
                    value,
                    owned: true,
                    known: nothing,
                    local: None,
                    immortal: true,
                }
            }
            Item::Bool(value) => {
                let value = self.bool_object(value);
                Operand {
                    value,
                    owned: true,
                    known: nothing,
                    local: None,
                    immortal: true,
                }
            }
        }
    }

    pub fn pop(&mut self) -> Operand<B::Value> {
        let item = self.stack.pop().expect("decoding has checked the depth");
        let depth = self.stack.len();
        self.operand(item, depth)
    }

    /// Pops with a reference that is the caller's.
    pub fn pop_owned(&mut self) -> B::Value {
        let operand = self.pop();
        self.own(operand)
    }

    /// The value of the item `from_top` below the top (1 is the top), borrowed from the stack.
    pub fn peek(&mut self, from_top: usize) -> B::Value {
        let depth = self.stack.len() - from_top;
        let operand = self.operand(self.stack[depth], depth);
        operand.value
    }

    /// Stores an item into its slot, which then owns it.
    fn spill(&mut self, item: Item<B::Value>, depth: usize) {
        if item == Item::Memory {
            return;
        }
        let operand = self.operand(item, depth);
        let value = self.own(operand);
        let offset = self.stack_slot(depth);
        self.b.store(value, self.frame, offset);
    }

    /// Puts every item into its slot.
    pub fn flush(&mut self) {
        self.flush_from(0);
    }

    /// Puts the items from `depth` up into their slots.
    pub fn flush_from(&mut self, depth: usize) {
        for at in depth..self.stack.len() {
            self.spill(self.stack[at], at);
            self.stack[at] = Item::Memory;
        }
    }

    /// Makes the item at `depth` a value that the stack owns in a register.
    pub fn own_at(&mut self, depth: usize) -> B::Value {
        let operand = self.operand(self.stack[depth], depth);
        let value = self.own(operand);
        self.stack[depth] = Item::Owned(value);
        value
    }

    /// Before a local changes: items that stand for its value take references of their own.
    pub fn detach_local(&mut self, local: u32) {
        for depth in 0..self.stack.len() {
            if self.stack[depth] == Item::Local(local) {
                self.own_at(depth);
            }
        }
    }

    /// Before code runs that may change any local: items that stand for locals take references of their own.
    pub fn detach_all_locals(&mut self) {
        for depth in 0..self.stack.len() {
            if matches!(self.stack[depth], Item::Local(_)) {
                self.own_at(depth);
            }
        }
    }

    // ---- calls of the runtime, and what may go wrong -----------------------------------------------------------

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
            self.put_off_raise(true, true)
        };
        self.last_raise = Some((self.at.offset, self.stack.clone(), block));
        block
    }

    /// As [`Emitter::raise_block`], where the frame does not have the instruction's address yet.
    pub fn raise_block_unlocated(&mut self) -> B::Block {
        self.put_off_raise(false, true)
    }

    /// As [`Emitter::raise_block`], for an exception that keeps its traceback.
    pub fn raise_block_again(&mut self) -> B::Block {
        self.put_off_raise(true, false)
    }

    fn put_off_raise(&mut self, located: bool, traceback: bool) -> B::Block {
        let block = self.b.create_block();
        self.b.set_cold(block);
        let (instruction, stack) = (self.at, self.stack.clone());
        self.cold.push(Cold::Raise {
            block,
            instruction,
            stack,
            located,
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

    fn hand_over_at(&mut self, address: B::Value, depth: usize, reason: HandOverReason) {
        let depth = self.int32(depth as i32);
        let reason = self.int32(reason as i32);
        let throw = self.int32(0);
        let version = self.object::<Version>(self.input.version);
        let args = [self.thread, self.frame, address, depth, reason, throw, version];
        let result = self.b.call_value(&HAND_OVER, &args);
        self.b.ret(result);
    }

    /// Goes on in another basic block, its stack in memory.
    pub fn jump_to_block(&mut self, block: u32) {
        let target = self.machine_block(block);
        self.b.jump(target, &[]);
    }

    /// The machine block of a reachable basic block.
    pub fn machine_block(&self, block: u32) -> B::Block {
        self.blocks[block as usize].expect("only reachable blocks are jumped to")
    }

    /// The basic block that begins at a byte offset.
    pub fn block_at(&self, offset: u32) -> u32 {
        let index = self
            .function
            .index_at(offset)
            .expect("decoding has checked jump targets");
        self.function.instructions[index].block
    }

    /// Emits what was put off.
    pub fn emit_cold(&mut self) {
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
                    located,
                    traceback,
                } => {
                    self.begin_cold(block, instruction, stack, located);
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
        let verdict = self.b.call_value(&BACK_EDGE, &[self.thread, self.frame, version]);
        let enter = self.b.create_block();
        let entering = self.b.compare_const(IntCond::Eq, verdict, verdict::ENTER.into());
        let next = self.b.create_block();
        self.b.branch(entering, (enter, &[]), (next, &[]));
        self.b.switch_to(enter);
        let body = self.load(version, offset_of!(Version, successor) as i32);
        let header = self.block_at(instruction.target.expect("a jump"));
        let entry = self.int(self.entry_number(header));
        let args = [self.thread, self.frame, entry];
        let result = self
            .b
            .call_indirect(&crate::BODY, body, &args)
            .expect("a body has a result");
        self.b.ret(result);
        self.b.switch_to(next);
        verdict
    }

    /// The number by which a body is entered at a loop header: 1 and up, in the order of offsets.
    pub fn entry_number(&self, block: u32) -> i64 {
        let before = &self.function.blocks[..=block as usize];
        before
            .iter()
            .filter(|block| block.is_loop_header && block.entry_depth.is_some())
            .count() as i64
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
