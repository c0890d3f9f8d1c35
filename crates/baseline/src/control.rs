//! Jumps, tests, loops and returns.

use crate::emitter::{Emitter, Item, Known, Number, Operand};
use crate::entries::is_loop_header;
use crate::numbers::ANY_BITS;
use justjit_builder::{Builder, FloatCond, IntCond, IntOp, Type};
use justjit_bytecode::Opcode;
use justjit_runtime::fast::TO_BOOL;
use justjit_runtime::feedback::seen;
use justjit_runtime::iteration::{FOR_ITER, GET_ITER};
use justjit_runtime::layout::offset;
use justjit_runtime::version::Version;
use std::mem::offset_of;

impl<B: Builder> Emitter<'_, B> {
    /// Whether the block can be entered only from the one before it.
    fn only_falls_into(&self, block: usize) -> bool {
        self.predecessors.get(block) == Some(&1)
    }

    /// Ends a block that just goes on in the next; gives the stack to carry into it.
    pub fn fall_through(&mut self, block: usize) -> Option<Vec<Item<B::Value>>> {
        let carry = self.only_falls_into(block);
        if !carry {
            self.flush();
        }
        self.locate_loop(block as u32);
        self.jump_to_block(block as u32);
        carry.then(|| std::mem::take(&mut self.stack))
    }

    fn is_loop(&self, block: u32) -> bool {
        is_loop_header(self.function, &self.function.blocks[block as usize])
    }

    /// On the way into a loop: tells the profiler, since the loop itself may not store where it is.
    fn locate_loop(&mut self, block: u32) {
        if self.is_loop(block) {
            let start = self.function.blocks[block as usize].start;
            self.set_instruction_pointer_to(self.function.instructions[start].offset);
        }
    }

    /// After a conditional jump: the stack to carry into the next block, if only that jump leads there.
    pub fn take_carried(&mut self, block: usize) -> Option<Vec<Item<B::Value>>> {
        let stack = self.carry.take()?;
        self.only_falls_into(block).then_some(stack)
    }

    /// Jumps where `condition` says: to the instruction's target, or on.
    pub fn branch_on(&mut self, condition: B::Value, jump_if: bool) {
        if self.input.sampling && self.at.opcode != Opcode::Send {
            self.note_jump(condition, jump_if);
        }
        self.flush();
        let target = self.machine_block(self.block_at(self.at.target.expect("a jump")));
        let following = self.block_at(self.at.next);
        let is_loop = self.is_loop(following);
        let next = match is_loop {
            true => self.b.create_block(),
            false => self.machine_block(following),
        };
        if jump_if {
            self.b.branch(condition, (target, &[]), (next, &[]));
        } else {
            self.b.branch(condition, (next, &[]), (target, &[]));
        }
        if is_loop {
            self.b.switch_to(next);
            self.locate_loop(following);
            self.jump_to_block(following);
        }
        self.terminated = true;
    }

    /// `POP_JUMP_IF_TRUE` and `POP_JUMP_IF_FALSE`.
    pub fn pop_jump_if(&mut self, jump_if: bool) {
        let item = *self.stack.last().expect("decoding has checked the depth");
        let condition = match item {
            Item::Bool(value) => {
                self.stack.pop();
                value
            }
            _ => {
                // Always True or False, which are immortal.
                let operand = self.pop();
                let yes = self.object(self.input.objects.true_object);
                self.b.compare(IntCond::Eq, operand.value, yes)
            }
        };
        self.branch_on(condition, jump_if);
    }

    /// `POP_JUMP_IF_NONE` and `POP_JUMP_IF_NOT_NONE`.
    pub fn pop_jump_if_none(&mut self, jump_if: bool) {
        let operand = self.pop();
        let none = self.object(self.input.objects.none);
        let condition = self.b.compare(IntCond::Eq, operand.value, none);
        self.release(operand);
        self.branch_on(condition, jump_if);
    }

    /// `TO_BOOL`.
    pub fn convert_to_bool(&mut self) {
        match self.stack.last() {
            Some(Item::Bool(_)) => return,
            Some(&Item::Number(number)) => {
                self.stack.pop();
                let value = self.truth_of_number(number);
                self.push(Item::Bool(value));
                return;
            }
            _ => {}
        }
        let operand = self.pop();
        let value = self.truth(operand);
        self.push(Item::Bool(value));
    }

    /// The truth of a number as an `I8`.
    fn truth_of_number(&mut self, number: Number<B::Value>) -> B::Value {
        let truth = match number.bits {
            Some(_) => self.b.compare_const(IntCond::Ne, number.value, 0),
            None => {
                let zero = self.b.float(0.0);
                self.b.float_compare(FloatCond::Ne, number.value, zero)
            }
        };
        let Some(object) = number.object else {
            return truth;
        };
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I8);
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        self.b.branch(object, (slow, &[]), (join, &[truth]));
        self.b.switch_to(slow);
        let operand = Operand {
            value: object,
            owned: true,
            known: Known::Nothing,
            local: None,
            immortal: false,
        };
        let feedback = self.feedback();
        let status = self.call_status(&TO_BOOL, &[object, feedback], &[operand]);
        let status = self.b.truncate(Type::I8, status);
        self.b.jump(join, &[status]);
        self.b.switch_to(join);
        result
    }

    /// The truth of an operand as an `I8`; gives it up.
    fn truth(&mut self, operand: Operand<B::Value>) -> B::Value {
        let feedback = self.feedback();
        let sized = seen::LIST | seen::TUPLE | seen::STR | seen::DICT;
        if self.inlines(seen::INT | sized) && !self.inlines(seen::BOOL) {
            return self.truth_of_size(operand);
        }
        if !self.inlines(seen::BOOL) {
            let status = self.call_status(&TO_BOOL, &[operand.value, feedback], &[operand]);
            return self.b.truncate(Type::I8, status);
        }
        let objects = self.input.objects;
        let yes = self.object(objects.true_object);
        let no = self.object(objects.false_object);
        let none = self.object(objects.none);
        let is_true = self.b.compare(IntCond::Eq, operand.value, yes);
        let is_false = self.b.compare(IntCond::Eq, operand.value, no);
        let is_none = self.b.compare(IntCond::Eq, operand.value, none);
        let falsy = self.b.int_op(IntOp::Or, is_false, is_none);
        let known = self.b.int_op(IntOp::Or, is_true, falsy);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I8);
        let slow = self.b.create_block();
        // What is known this way is immortal.
        self.b.branch(known, (join, &[is_true]), (slow, &[]));
        self.b.switch_to(slow);
        let status = self.call_status(&TO_BOOL, &[operand.value, feedback], &[operand]);
        let status = self.b.truncate(Type::I8, status);
        self.b.jump(join, &[status]);
        self.b.switch_to(join);
        result
    }

    /// The truth of what is an int, or of one type that has a size, in the usual case.
    fn truth_of_size(&mut self, operand: Operand<B::Value>) -> B::Value {
        let objects = self.input.objects;
        let (ty, is_int) = match self.seen() {
            bits if bits & seen::INT != 0 => (objects.long_type, true),
            bits if bits & seen::LIST != 0 => (objects.list_type, false),
            bits if bits & seen::STR != 0 => (objects.unicode_type, false),
            bits if bits & seen::TUPLE != 0 => (objects.tuple_type, false),
            _ => (objects.dict_type, false),
        };
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I8);
        let right = self.has_type(operand.value, ty);
        self.b.branch_unless(right, slow, &[]);
        // All of them have their size at one place; that of an int stands above three bits of its tag.
        let size = self.load(operand.value, offset::OB_SIZE);
        let truth = if is_int {
            self.b.compare_const(IntCond::UnsignedGe, size, 8)
        } else {
            self.b.compare_const(IntCond::Ne, size, 0)
        };
        self.release(operand);
        self.b.jump(join, &[truth]);
        self.b.switch_to(slow);
        let feedback = self.feedback();
        let status = self.call_status(&TO_BOOL, &[operand.value, feedback], &[operand]);
        let status = self.b.truncate(Type::I8, status);
        self.b.jump(join, &[status]);
        self.b.switch_to(join);
        result
    }

    /// `UNARY_NOT`, whose operand is True or False.
    pub fn unary_not(&mut self) {
        let value = match self.stack.pop() {
            Some(Item::Bool(value)) => self.b.int_op_const(IntOp::Xor, value, 1),
            item => {
                self.stack.push(item.expect("decoding has checked the depth"));
                let operand = self.pop();
                let no = self.object(self.input.objects.false_object);
                self.b.compare(IntCond::Eq, operand.value, no)
            }
        };
        self.push(Item::Bool(value));
    }

    /// `JUMP_FORWARD`, and backward without a look at the breaker.
    pub fn jump(&mut self) {
        self.flush();
        let block = self.block_at(self.at.target.expect("a jump"));
        self.jump_to_block(block);
        self.terminated = true;
    }

    /// `JUMP_BACKWARD`: a back edge.
    pub fn jump_backward(&mut self) {
        self.flush();
        self.count(offset_of!(Version, back_edges));
        let target = self.at.target.expect("a jump");
        self.safepoint(target, false);
        let block = self.block_at(target);
        self.jump_to_block(block);
        self.terminated = true;
    }

    /// `RETURN_VALUE` and `RETURN_CONST`.
    pub fn return_value(&mut self) {
        let value = self.pop_owned();
        // A frame object that outlives the call shows where it ended.
        self.set_instruction_pointer();
        let leave = self.leave_block();
        self.b.jump(leave, &[value]);
        self.terminated = true;
    }

    /// `GET_ITER`.
    pub fn get_iter(&mut self) {
        let operand = self.pop();
        let result = self.call_object(&GET_ITER, &[self.thread, operand.value], &[operand]);
        self.push_owned(result);
    }

    /// `FOR_ITER`: the item is pushed, or the exhausted iterator is popped and the loop left.
    pub fn for_iter(&mut self) {
        let next_block = self.machine_block(self.block_at(self.at.next));
        let exit = self.at.jump_destination().expect("a loop has an end");
        let exit_block = self.machine_block(self.block_at(exit));
        // The iterator and what lies below it stay in memory during the loop.
        self.flush();
        let iterator = self.peek(1);
        let join = self.b.create_block();
        // The numbers of a range come with the item's object, which is then NULL.
        let is_range = self.inlines(seen::RANGE) && !self.inlines(seen::LIST | seen::TUPLE);
        let item = self.b.block_param(join, Type::I64);
        let number = is_range.then(|| self.b.block_param(join, Type::I64));
        let exhausted = self.b.create_block();
        let general = self.b.create_block();
        if self.inlines(seen::LIST | seen::TUPLE) {
            self.b.set_cold(general);
            let list = self.seen() & seen::LIST != 0;
            self.next_of_sequence(iterator, list, general, join);
        } else if is_range {
            self.b.set_cold(general);
            self.next_of_range(iterator, general, exhausted, join);
        } else if self.inlines(seen::GENERATOR) {
            self.b.set_cold(general);
            self.next_of_generator(iterator, general, exhausted, join);
        } else {
            self.b.jump(general, &[]);
        }
        self.b.switch_to(general);
        let feedback = self.feedback();
        self.set_instruction_pointer();
        let next = self.b.call_value(&FOR_ITER, &[self.thread, iterator, feedback]);
        let some = self.b.compare_const(IntCond::UnsignedGt, next, 1);
        let none = self.b.create_block();
        self.b.branch_unless(some, none, &[]);
        // What ran may have made somebody watch.
        self.push_owned(next);
        self.safepoint(self.at.next, true);
        self.stack.pop();
        let results = if is_range { vec![next, self.null()] } else { vec![next] };
        self.b.jump(join, &results);
        self.b.switch_to(none);
        let raise = self.raise_block();
        self.b.branch(next, (raise, &[]), (exhausted, &[]));

        self.b.switch_to(exhausted);
        self.decref(iterator);
        if !self.inlines(seen::LIST | seen::TUPLE | seen::RANGE) {
            self.stack.pop();
            self.safepoint(exit, true);
            self.stack.push(Item::Memory);
        }
        self.b.jump(exit_block, &[]);

        self.b.switch_to(join);
        self.push(match number {
            Some(value) => Item::Number(Number {
                value,
                bits: Some(ANY_BITS),
                object: Some(item),
            }),
            None => Item::Owned(item),
        });
        if self.input.sampling {
            self.note_result(1);
        }
        if self.only_falls_into(self.block_at(self.at.next) as usize) {
            self.b.jump(next_block, &[]);
            self.carry = Some(self.stack.clone());
        } else {
            self.flush();
            self.b.jump(next_block, &[]);
        }
        self.terminated = true;
    }

    /// The next number of a range iterator; other iterators go to `general`.
    fn next_of_range(&mut self, iterator: B::Value, general: B::Block, exhausted: B::Block, join: B::Block) {
        let is_range = self.has_type(iterator, self.input.objects.range_iterator_type);
        self.b.branch_unless(is_range, general, &[]);
        let remaining = self.load(iterator, offset::RANGEITER_LEN);
        let some = self.b.compare_const(IntCond::SignedGt, remaining, 0);
        self.b.branch_unless(some, exhausted, &[]);
        let value = self.load(iterator, offset::RANGEITER_START);
        let step = self.load(iterator, offset::RANGEITER_STEP);
        let next = self.b.int_op(IntOp::Add, value, step);
        self.b.store(next, iterator, offset::RANGEITER_START);
        let less = self.b.int_op_const(IntOp::Sub, remaining, 1);
        self.b.store(less, iterator, offset::RANGEITER_LEN);
        let null = self.null();
        self.b.jump(join, &[null, value]);
    }

    /// The local that the next instruction stores the top of the stack to.
    pub fn stored_next(&self) -> Option<u32> {
        let next = self.function.instructions.get(self.index + 1)?;
        match next.opcode {
            Opcode::StoreFast => Some(next.arg),
            Opcode::StoreFastLoadFast | Opcode::StoreFastStoreFast => Some(next.arg >> 4),
            _ => None,
        }
    }

    /// The next item of a list or tuple iterator; what is at its end, and other iterators, go to `general`.
    fn next_of_sequence(&mut self, iterator: B::Value, list: bool, general: B::Block, join: B::Block) {
        let objects = self.input.objects;
        let ty = if list {
            objects.list_iterator_type
        } else {
            objects.tuple_iterator_type
        };
        let right = self.has_type(iterator, ty);
        self.b.branch_unless(right, general, &[]);
        let sequence = self.load(iterator, offset::SEQITER_SEQ);
        self.b.branch_unless(sequence, general, &[]);
        let index = self.load(iterator, offset::SEQITER_INDEX);
        let size = self.load(sequence, offset::OB_SIZE);
        let inside = self.b.compare(IntCond::UnsignedLt, index, size);
        self.b.branch_unless(inside, general, &[]);
        let scaled = self.b.int_op_const(IntOp::Shl, index, 3);
        let item = if list {
            let items = self.load(sequence, offset::LIST_ITEMS);
            let at = self.b.int_op(IntOp::Add, items, scaled);
            self.load(at, 0)
        } else {
            let at = self.b.int_op(IntOp::Add, sequence, scaled);
            self.load(at, offset::TUPLE_ITEMS)
        };
        let next = self.b.int_op_const(IntOp::Add, index, 1);
        self.b.store(next, iterator, offset::SEQITER_INDEX);
        self.incref(item);
        self.b.jump(join, &[item]);
    }
}
