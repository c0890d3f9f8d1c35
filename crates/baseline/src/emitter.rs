//! The state of a compilation: where each operand stack item is, and what has to happen out of line.
//!
//! Locals always live in the frame. An operand stack item is *deferred*: it is a constant, a borrowed local or a value
//! in a register until somebody could look at it in the frame's memory: at the end of a basic block, at an exception,
//! when the interpreter takes over.

use crate::assigned::{Locals, at_blocks};
use crate::cold::{Cold, LastRaise, Stop, Way};
use crate::entries::entered_when_returned;
use crate::input::Input;
use justjit_builder::{Builder, IntCond, IntOp, Type};
use justjit_bytecode::{Function, Instruction};
use justjit_runtime::layout::{Code, FRAME_SPECIALS_SIZE, Frame, offset};
use justjit_runtime::thread::Thread;
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
    /// A number that is no object yet.
    Number(Number<V>),
}

/// A number in a register, for which an object is made only when somebody wants one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Number<V> {
    /// An `F64`, or an `I64`.
    pub value: V,
    /// For ints, the bits that the magnitude takes at most; `None` for floats.
    pub bits: Option<u8>,
    /// Where an instruction's general way may have given another object: that, owned, or NULL when the number counts.
    pub object: Option<V>,
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

impl<V> Operand<V> {
    /// A value that the instruction owns, of which nothing is known.
    pub fn owned(value: V) -> Self {
        Operand {
            value,
            owned: true,
            known: Known::Nothing,
            local: None,
            immortal: false,
        }
    }
}

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
    /// Instructions within basic blocks before which the code can be entered, with the machine blocks that begin there.
    pub cuts: Vec<(usize, B::Block)>,
    /// Ways into each basic block.
    pub predecessors: Vec<u32>,
    /// Blocks that leave the function with their parameter, by the locals that may have to be dropped.
    pub leaves: Vec<(Locals, B::Block, B::Value)>,
    /// Locals that may have a value: where each basic block begins, and at the present instruction.
    pub assigned_at: Vec<Locals>,
    pub assigned: Locals,
    /// The instruction that is being compiled.
    pub at: Instruction,
    /// Index of that instruction.
    pub index: usize,
    /// Instructions behind the present one that it has done already.
    pub skip: usize,
    /// The call site of the present attribute instruction, if it enters properties' getters.
    pub getter_site: Option<B::Value>,
    /// Stack depths whose item is NULL in the usual case: there is no self for the call.
    pub likely_null: Vec<usize>,
    /// The code behind the present point cannot be reached.
    pub terminated: bool,
    /// The stack that a conditional jump leaves in registers for the block behind it.
    pub carry: Option<Vec<Item<B::Value>>>,
    pub cold: Vec<Cold<B::Value, B::Block>>,
    /// What is emitted now is out of line.
    pub in_cold: bool,
    /// Shared ends of exceptions' ways.
    pub raising: Vec<(Way, B::Block)>,
    /// Shared ends of safepoints that stop; parameters: the verdict, where the interpreter goes on.
    pub stopping: Vec<Stop<B::Block, B::Value>>,
    /// The block that the present instruction's exceptions went to last, and with which stack.
    pub last_raise: Option<LastRaise<B::Block, B::Value>>,
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
        let mut predecessors = vec![0; function.blocks.len()];
        for (number, block) in function.blocks.iter().enumerate() {
            if block.entry_depth.is_none() {
                continue;
            }
            if block.is_resume_point {
                // Never falls through to a place where a suspended frame goes on.
                predecessors[number] += 2;
            }
            for &successor in &block.successors {
                predecessors[successor as usize] += 1;
            }
            for &handler in &block.handler_successors {
                // Never falls through to a handler.
                predecessors[handler as usize] += 2;
            }
        }
        for number in entered_when_returned(function) {
            predecessors[number as usize] += 2;
        }
        for (number, block) in function.blocks.iter().enumerate() {
            if input.is_entered(&function.instructions[block.start]) {
                predecessors[number] += 2;
            }
        }
        if let Some(first) = predecessors.first_mut() {
            *first += 1;
        }
        let mut blocks = Vec::with_capacity(function.blocks.len());
        for (number, block) in function.blocks.iter().enumerate() {
            // What makes a generator is done by the runtime.
            let emitted = block.entry_depth.filter(|_| number > 0 || !function.is_resumable());
            blocks.push(emitted.map(|_| {
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
            cuts: Vec::new(),
            predecessors,
            leaves: Vec::new(),
            assigned_at: at_blocks(function, input.parameters(), input.free_variables()),
            assigned: Locals::none(function.nlocals_plus as usize),
            at: function.instructions[0],
            index: 0,
            skip: 0,
            getter_site: None,
            likely_null: Vec::new(),
            terminated: false,
            carry: None,
            cold: Vec::new(),
            in_cold: false,
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

    pub fn set_instruction_pointer_to(&mut self, offset: u32) {
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
                Operand::owned(self.b.load(Type::I64, self.frame, offset))
            }
            Item::Owned(value) => Operand::owned(value),
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
            Item::Number(number) => Operand {
                value: self.number_object(number),
                owned: true,
                known: nothing,
                local: None,
                immortal: false,
            },
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
        if matches!(self.stack[depth], Item::Number(_)) {
            return self.own_at(depth);
        }
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

    // ---- basic blocks -----------------------------------------------------------------------------------------

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
}
