//! Building, indexing and unpacking containers; strings are built here too.

use crate::emitter::{Emitter, Item, Known, Operand};
use crate::numbers::Arg;
use justjit_builder::Type;
use justjit_builder::{Builder, IntCond, IntOp, RuntimeFn};
use justjit_bytecode::Opcode;
use justjit_runtime::fast::{SET_SLICE, SET_SUBSCR, SLICE, STRIDE, SUBSCR, UNPACK, UNPACK_TO_LOCALS};
use justjit_runtime::feedback::seen;
use justjit_runtime::layout::offset;
use justjit_runtime::ops::containers as ops;
use justjit_runtime::ops::format::{CONVERT_VALUE, FORMAT_SIMPLE, FORMAT_WITH_SPEC};
use justjit_runtime::ops::matching::{MATCH_CLASS, MATCH_KEYS, MATCH_MAPPING, MATCH_SEQUENCE};
use justjit_runtime::ops::unpack::UNPACK_EX;

/// From this many items on, unpacking and the stores behind it are one call.
const FUSED_UNPACK: usize = 5;
/// Sequences of up to this many items are unpacked inline.
const INLINE_UNPACK: u32 = 16;

impl<B: Builder> Emitter<'_, B> {
    /// A container of the top `items` stack items, which `function` takes over from the frame's memory.
    pub fn build(&mut self, function: &RuntimeFn, items: usize, count: usize) {
        let base = self.depth() - items;
        self.flush_from(base);
        let address = self.stack_address(base);
        let count = self.int(count as i64);
        self.set_instruction_pointer();
        let result = self.b.call_value(function, &[address, count]);
        self.stack.truncate(base);
        let raise = self.raise_block();
        self.b.branch_unless(result, raise, &[]);
        self.push_owned(result);
    }

    /// `BUILD_CONST_KEY_MAP`.
    pub fn build_const_key_map(&mut self) {
        let keys = self.pop();
        let count = self.at.arg as usize;
        let base = self.depth() - count;
        self.flush_from(base);
        let address = self.stack_address(base);
        let number = self.int(count as i64);
        self.stack.truncate(base);
        let result = self.call_object(&ops::BUILD_CONST_KEY_MAP, &[address, number, keys.value], &[keys]);
        self.push_owned(result);
    }

    /// `BUILD_SLICE`.
    pub fn build_slice(&mut self) {
        let step = (self.at.arg == 3).then(|| self.pop());
        let stop = self.pop();
        let start = self.pop();
        if let Some(step) = step
            && !self.input.sampling
            && self.indexes_next()
        {
            self.skip += 1;
            self.at = self.function.instructions[self.index + 1];
            let container = self.pop();
            let args = [container.value, start.value, stop.value, step.value];
            let result = self.call_object(&STRIDE, &args, &[container, start, stop, step]);
            self.push_owned(result);
            return;
        }
        let step_value = match step {
            Some(step) => step.value,
            None => self.null(),
        };
        let mut operands = vec![start, stop];
        operands.extend(step);
        let result = self.call_object(&ops::BUILD_SLICE, &[start.value, stop.value, step_value], &operands);
        self.push_owned(result);
    }

    /// Whether the next instruction is a `BINARY_SUBSCR` that can be done along with the present one.
    fn indexes_next(&self) -> bool {
        let block = &self.function.blocks[self.at.block as usize];
        let next = self.index + 1;
        next < block.end
            && self.function.instructions[next].opcode == Opcode::BinarySubscr
            && !self.input.is_cut(&self.function.instructions[next])
    }

    /// An instruction that puts the top item into a container `arg` items below it.
    pub fn extend(&mut self, function: &RuntimeFn) {
        let value = self.pop();
        let container = self.peek(self.at.arg as usize);
        self.call_status(function, &[container, value.value], &[value]);
    }

    /// `MAP_ADD`.
    pub fn map_add(&mut self) {
        let value = self.pop();
        let key = self.pop();
        let dict = self.peek(self.at.arg as usize);
        self.call_status(&ops::MAP_ADD, &[dict, key.value, value.value], &[key, value]);
    }

    /// `DICT_MERGE`.
    pub fn dict_merge(&mut self) {
        let update = self.pop();
        let dict = self.peek(self.at.arg as usize);
        let callable = self.peek(self.at.arg as usize + 3);
        self.call_status(&ops::DICT_MERGE, &[callable, dict, update.value], &[update]);
    }

    /// The address of a sequence's item where container and index are of the types that are inlined.
    fn item_address(
        &mut self,
        container: Operand<B::Value>,
        key: Arg<B::Value>,
        tuple: bool,
        otherwise: B::Block,
    ) -> B::Value {
        let ty = if tuple {
            self.input.objects.tuple_type
        } else {
            self.input.objects.list_type
        };
        let right = self.has_type(container.value, ty);
        self.b.branch_unless(right, otherwise, &[]);
        let size = self.load(container.value, offset::OB_SIZE);
        let index = match key {
            Arg::Object(operand) if !matches!(operand.known, Known::Int(_)) => {
                let is_int = self.has_type(operand.value, self.input.objects.long_type);
                self.b.branch_unless(is_int, otherwise, &[]);
                // Not negative and of one digit at most: the tag is 8 or, for zero, 1.
                let tag = self.load(operand.value, offset::LONG_TAG);
                let odd = self.b.int_op_const(IntOp::And, tag, !9);
                self.b.branch_if(odd, otherwise, &[]);
                let digit = self.b.load(Type::I32, operand.value, offset::LONG_DIGIT);
                self.b.zero_extend(Type::I64, digit)
            }
            _ => {
                let (index, _) = self.unbox_int(key, otherwise);
                match key.known() {
                    Known::Int(index) if index >= 0 => self.int(index),
                    Known::Int(_) => self.b.int_op(IntOp::Add, size, index),
                    _ => {
                        // From the end, if negative.
                        let sign = self.b.int_op_const(IntOp::ShrSigned, index, 63);
                        let base = self.b.int_op(IntOp::And, sign, size);
                        self.b.int_op(IntOp::Add, index, base)
                    }
                }
            }
        };
        let inside = self.b.compare(IntCond::UnsignedLt, index, size);
        self.b.branch_unless(inside, otherwise, &[]);
        let scaled = self.b.int_op_const(IntOp::Shl, index, 3);
        if tuple {
            let at = self.b.int_op(IntOp::Add, container.value, scaled);
            self.b.int_op_const(IntOp::Add, at, offset::TUPLE_ITEMS.into())
        } else {
            let items = self.load(container.value, offset::LIST_ITEMS);
            self.b.int_op(IntOp::Add, items, scaled)
        }
    }

    /// `BINARY_SUBSCR`.
    pub fn binary_subscr(&mut self) {
        let key = self.pop_arg();
        let container = self.pop();
        let tuple = self.seen() & seen::LIST == 0;
        if !self.inlines(seen::LIST | seen::TUPLE) {
            let key = self.arg_object(key);
            if self.meets_others(seen::DICT | seen::STR) {
                self.subscr_special(container, key);
                return;
            }
            let feedback = self.feedback();
            let result = self.call_object(&SUBSCR, &[container.value, key.value, feedback], &[container, key]);
            self.push_owned(result);
            return;
        }
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);
        let at = self.item_address(container, key, tuple, slow);
        let value = self.load(at, 0);
        self.incref(value);
        self.release_arg(key);
        self.release(container);
        self.b.jump(join, &[value]);
        self.b.switch_to(slow);
        let key = self.arg_object(key);
        let feedback = self.feedback();
        let value = self.call_object(&SUBSCR, &[container.value, key.value, feedback], &[container, key]);
        self.b.jump(join, &[value]);
        self.b.switch_to(join);
        self.push_owned(result);
    }

    /// `STORE_SUBSCR`.
    pub fn store_subscr(&mut self) {
        let key = self.pop_arg();
        let container = self.pop();
        let value = self.pop_arg();
        if self.meets_others(seen::LIST | seen::DICT) {
            let value = self.arg_object(value);
            let key = self.arg_object(key);
            self.set_subscr_special(container, key, value);
            return;
        }
        let slow = self.b.create_block();
        let join = self.b.create_block();
        if !self.inlines(seen::LIST) {
            self.b.jump(slow, &[]);
        } else {
            self.b.set_cold(slow);
            let at = self.item_address(container, key, false, slow);
            let old = self.load(at, 0);
            let stored = self.b.create_block();
            let new = match value {
                Arg::Object(operand) => self.own(operand),
                Arg::Number(number) => self.number_over(number, old, true, stored),
            };
            self.b.store(new, at, 0);
            self.xdecref(old);
            self.b.jump(stored, &[]);
            self.b.switch_to(stored);
            self.release_arg(key);
            self.release(container);
            self.b.jump(join, &[]);
        }
        self.b.switch_to(slow);
        let value = self.arg_object(value);
        let key = self.arg_object(key);
        let feedback = self.feedback();
        let args = [container.value, key.value, value.value, feedback];
        self.call_status(&SET_SUBSCR, &args, &[value, container, key]);
        self.b.jump(join, &[]);
        self.b.switch_to(join);
    }

    /// `DELETE_SUBSCR`.
    pub fn delete_subscr(&mut self) {
        let key = self.pop();
        let container = self.pop();
        self.call_status(&ops::DELETE_SUBSCR, &[container.value, key.value], &[container, key]);
    }

    /// `BINARY_SLICE`.
    pub fn binary_slice(&mut self) {
        let stop = self.pop();
        let start = self.pop();
        let container = self.pop();
        let args = [container.value, start.value, stop.value];
        let result = self.call_object(&SLICE, &args, &[container, start, stop]);
        self.push_owned(result);
    }

    /// `STORE_SLICE`.
    pub fn store_slice(&mut self) {
        let stop = self.pop();
        let start = self.pop();
        let container = self.pop();
        let value = self.pop();
        let args = [container.value, start.value, stop.value, value.value];
        self.call_status(&SET_SLICE, &args, &[value, container, start, stop]);
    }

    /// `UNPACK_SEQUENCE`: the first item comes to lie on top.
    pub fn unpack_sequence(&mut self) {
        let count = self.at.arg;
        let sequence = self.pop();
        let base = self.depth();
        if let Some(locals) = self.stored_items(count as usize) {
            self.unpack_to_locals(sequence, &locals);
            return;
        }
        let join = self.b.create_block();
        let slow = self.b.create_block();
        if count <= INLINE_UNPACK && self.inlines(seen::LIST | seen::TUPLE) {
            self.b.set_cold(slow);
            let list = self.seen() & seen::TUPLE == 0;
            let objects = self.input.objects;
            let right = self.has_type(
                sequence.value,
                if list { objects.list_type } else { objects.tuple_type },
            );
            self.b.branch_unless(right, slow, &[]);
            let size = self.load(sequence.value, offset::OB_SIZE);
            let fits = self.b.compare_const(IntCond::Eq, size, count.into());
            self.b.branch_unless(fits, slow, &[]);
            let (items, first) = if list {
                (self.load(sequence.value, offset::LIST_ITEMS), 0)
            } else {
                (sequence.value, offset::TUPLE_ITEMS)
            };
            for index in 0..count {
                let item = self.load(items, first + 8 * index as i32);
                self.incref(item);
                let slot = self.stack_slot(base + (count - 1 - index) as usize);
                self.b.store(item, self.frame, slot);
            }
            self.release(sequence);
            self.b.jump(join, &[]);
        } else {
            self.b.jump(slow, &[]);
        }
        self.b.switch_to(slow);
        let out = self.stack_address(base);
        let number = self.int32(count as i32);
        let feedback = self.feedback();
        self.call_status(&UNPACK, &[sequence.value, number, out, feedback], &[sequence]);
        self.b.jump(join, &[]);
        self.b.switch_to(join);
        self.stack.extend((0..count).map(|_| Item::Memory));
    }

    /// The locals that the instructions behind an `UNPACK_SEQUENCE` store its items to, if they do just that and the
    /// locals differ.
    fn stored_items(&self, count: usize) -> Option<Vec<u32>> {
        if !(FUSED_UNPACK..=255).contains(&count) || self.input.sampling {
            return None;
        }
        let block = &self.function.blocks[self.at.block as usize];
        let mut locals = Vec::new();
        for index in self.index + 1..block.end {
            let next = &self.function.instructions[index];
            if self.input.is_cut(next) {
                return None;
            }
            match next.opcode {
                Opcode::StoreFast => locals.push(next.arg),
                Opcode::StoreFastStoreFast => locals.extend([next.arg >> 4, next.arg & 15]),
                _ => return None,
            }
            if locals.len() >= count {
                break;
            }
        }
        let distinct = locals
            .iter()
            .enumerate()
            .all(|(at, local)| !locals[..at].contains(local));
        (locals.len() == count && distinct && locals.iter().all(|&local| local < 256)).then_some(locals)
    }

    /// `UNPACK_SEQUENCE` and the stores behind it, in the runtime: many items take much code.
    fn unpack_to_locals(&mut self, sequence: Operand<B::Value>, locals: &[u32]) {
        for &local in locals {
            self.detach_local(local);
        }
        let bytes: Box<[u8]> = locals.iter().map(|&local| local as u8).collect();
        let plan = self.input.keep_bytes(bytes);
        let plan = self.object(plan);
        let count = self.int32(locals.len() as i32);
        let slots = self.local_address(0);
        let out = self.stack_address(self.depth());
        let feedback = self.feedback();
        self.call_status(
            &UNPACK_TO_LOCALS,
            &[sequence.value, count, plan, slots, out, feedback],
            &[sequence],
        );
        let mut stored = 0;
        while stored < locals.len() {
            self.skip += 1;
            stored += match self.function.instructions[self.index + self.skip].opcode {
                Opcode::StoreFast => 1,
                _ => 2,
            };
        }
    }

    /// `UNPACK_EX`.
    pub fn unpack_ex(&mut self) {
        let (before, after) = (self.at.arg & 0xff, self.at.arg >> 8);
        let sequence = self.pop();
        let out = self.stack_address(self.depth());
        let first = self.int32(before as i32);
        let last = self.int32(after as i32);
        self.call_status(&UNPACK_EX, &[sequence.value, first, last, out], &[sequence]);
        self.stack.extend((0..before + 1 + after).map(|_| Item::Memory));
    }

    /// `FORMAT_SIMPLE` and the like: one object in, one out.
    pub fn unary_runtime(&mut self, function: &RuntimeFn) {
        let operand = self.pop();
        let result = self.call_object(function, &[operand.value], &[operand]);
        self.push_owned(result);
    }

    /// `FORMAT_SIMPLE`.
    pub fn format_simple(&mut self) {
        self.unary_runtime(&FORMAT_SIMPLE);
    }

    /// `FORMAT_WITH_SPEC`.
    pub fn format_with_spec(&mut self) {
        let spec = self.pop();
        let value = self.pop();
        let result = self.call_object(&FORMAT_WITH_SPEC, &[value.value, spec.value], &[value, spec]);
        self.push_owned(result);
    }

    /// `CONVERT_VALUE`.
    pub fn convert_value(&mut self) {
        let operand = self.pop();
        let kind = self.int32(self.at.arg as i32);
        let result = self.call_object(&CONVERT_VALUE, &[operand.value, kind], &[operand]);
        self.push_owned(result);
    }

    /// `GET_LEN`.
    pub fn get_len(&mut self) {
        let object = self.peek(1);
        let result = self.call_object(&ops::GET_LEN, &[object], &[]);
        self.push_owned(result);
    }

    /// `MATCH_MAPPING` and `MATCH_SEQUENCE`.
    pub fn match_kind(&mut self, mapping: bool) {
        let object = self.peek(1);
        let function = if mapping { &MATCH_MAPPING } else { &MATCH_SEQUENCE };
        let status = self.b.call_value(function, &[object]);
        let result = self.b.truncate(Type::I8, status);
        self.push(Item::Bool(result));
    }

    /// `MATCH_KEYS`.
    pub fn match_keys(&mut self) {
        let keys = self.peek(1);
        let subject = self.peek(2);
        let result = self.call_object(&MATCH_KEYS, &[subject, keys], &[]);
        self.push_owned(result);
    }

    /// `MATCH_CLASS`.
    pub fn match_class(&mut self) {
        let names = self.pop();
        let class = self.pop();
        let subject = self.pop();
        let positional = self.int(self.at.arg.into());
        let args = [subject.value, class.value, positional, names.value];
        let result = self.call_object(&MATCH_CLASS, &args, &[subject, class, names]);
        self.push_owned(result);
    }
}
