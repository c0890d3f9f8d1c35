//! Attribute loads and stores through inline caches.

use crate::emitter::{Emitter, Item, Operand};
use crate::numbers::Arg;
use justjit_builder::{Builder, IntCond, IntOp, Type};
use justjit_runtime::attributes::{
    AttributeSite, DELETE_ATTR, Finds, LOAD_ATTR, LOAD_METHOD, LOAD_PROPERTY, STORE_ATTR, Shape,
};
use justjit_runtime::feedback::seen;
use justjit_runtime::layout::{
    DICT_KEYS_UNICODE, DictKeys, DictObject, DictUnicodeEntry, DictValues, MANAGED_DICT_OFFSET, offset, type_object,
};
use justjit_runtime::ops::functions::LOAD_SUPER_ATTR;
use std::mem::offset_of;

impl<B: Builder> Emitter<'_, B> {
    /// Goes on when the object's type has the version that the site's field holds.
    fn check_version(&mut self, object: B::Value, site: B::Value, field: usize, otherwise: B::Block) {
        let ty = self.load(object, offset::OB_TYPE);
        let version = self.b.load(Type::I32, ty, type_object::TP_VERSION_TAG as i32);
        let expected = self.b.load(Type::I32, site, field as i32);
        let same = self.b.compare(IntCond::Eq, version, expected);
        self.b.branch_unless(same, otherwise, &[]);
    }

    /// Goes on when the object's byte at the offset that the site's field holds is not zero.
    fn check_guard(&mut self, object: B::Value, site: B::Value, field: usize, otherwise: B::Block) {
        let guard = self.load(site, field as i32);
        let at = self.b.int_op(IntOp::Add, object, guard);
        let byte = self.b.load(Type::I8, at, 0);
        self.b.branch_unless(byte, otherwise, &[]);
    }

    fn count_hit(&mut self, site: B::Value) {
        if self.input.count_hits {
            let field = offset_of!(AttributeSite, hits) as i32;
            let old = self.load(site, field);
            let new = self.b.int_op_const(IntOp::Add, old, 1);
            self.b.store(new, site, field);
        }
    }

    /// `LOAD_ATTR`.
    pub fn load_attr(&mut self) {
        let name = self.input.name(self.at.arg >> 1);
        if self.at.arg & 1 != 0 {
            self.load_method(name);
            return;
        }
        let object = self.pop();
        let address = self.input.attribute_site(name, self.index);
        let site = self.object(address);
        let mut shapes = self.input.shapes(self.index);
        // A method that is not called is bound, which is the runtime's.
        shapes.retain(|shape| !matches!(shape.finds, Finds::OfClass { is_method: true, .. }));
        let has_property = shapes.iter().any(|shape| matches!(shape.finds, Finds::Property { .. }));
        self.getter_site = has_property.then(|| self.special_site());
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);
        let slow = self.b.create_block();
        if self.inlines(seen::ONE_OBJECT) {
            self.b.set_cold(slow);
            let value = self.value_of_one_object(object.value, site, slow);
            self.release(object);
            self.b.jump(join, &[value]);
        } else if shapes.is_empty() && !self.inlines(seen::VALUE | seen::HINT) {
            self.b.jump(slow, &[]);
        } else {
            self.b.set_cold(slow);
            let found = self.b.create_block();
            let value = self.b.block_param(found, Type::I64);
            let hinted = self.inlines(seen::HINT).then(|| self.b.create_block());
            if !shapes.is_empty() {
                self.load_by_shape(object, &shapes, (hinted.unwrap_or(slow), slow), found, join);
            } else if self.inlines(seen::VALUE) {
                self.check_version(object.value, site, offset_of!(AttributeSite, value_version), slow);
                // Values that are not inline any more are in a dictionary.
                let otherwise = hinted.unwrap_or(slow);
                self.check_guard(object.value, site, offset_of!(AttributeSite, value_guard), otherwise);
                let at = self.load(site, offset_of!(AttributeSite, value_offset) as i32);
                let at = self.b.int_op(IntOp::Add, object.value, at);
                let inline = self.load(at, 0);
                self.b.branch_unless(inline, slow, &[]);
                self.b.jump(found, &[inline]);
            } else if let Some(hinted) = hinted {
                let field = offset_of!(AttributeSite, dictionary_version);
                self.check_version(object.value, site, field, slow);
                self.b.jump(hinted, &[]);
            }
            if let Some(hinted) = hinted {
                self.b.switch_to(hinted);
                let inside = self.hinted_value(object.value, name, site, slow);
                self.b.jump(found, &[inside]);
            }
            self.b.switch_to(found);
            self.incref(value);
            self.count_hit(site);
            self.release(object);
            self.b.jump(join, &[value]);
        }
        self.b.switch_to(slow);
        let value = match self.getter_site {
            Some(call) => {
                let args = [site, object.value, self.thread, call];
                self.call_object(&LOAD_PROPERTY, &args, &[object])
            }
            None => self.call_object(&LOAD_ATTR, &[site, object.value], &[object]),
        };
        self.b.jump(join, &[value]);
        self.b.switch_to(join);
        self.push_owned(result);
    }

    /// Tells objects apart by their types' version tags, and goes to `unknown` with others: gives, in turn, a block for
    /// each shape.
    fn shape_blocks(&mut self, object: B::Value, shapes: &[Shape], unknown: B::Block) -> Vec<B::Block> {
        let ty = self.load(object, offset::OB_TYPE);
        let tag = self.b.load(Type::I32, ty, type_object::TP_VERSION_TAG as i32);
        let mut blocks = Vec::with_capacity(shapes.len());
        for (index, shape) in shapes.iter().enumerate() {
            let block = self.b.create_block();
            let next = if index + 1 == shapes.len() {
                unknown
            } else {
                self.b.create_block()
            };
            let version = i64::from(shape.version.cast_signed());
            let same = self.b.compare_const(IntCond::Eq, tag, version);
            self.b.branch(same, (block, &[]), (next, &[]));
            blocks.push(block);
            if next != unknown {
                self.b.switch_to(next);
            }
        }
        blocks
    }

    /// Goes on when the shape holds for the object, whose type has its version.
    fn check_shape(&mut self, object: B::Value, shape: &Shape, otherwise: B::Block) {
        if let Some(guard) = shape.guard {
            let byte = self.b.load(Type::I8, object, guard as i32);
            self.b.branch_unless(byte, otherwise, &[]);
        }
        if let Some(empty) = shape.empty {
            let word = self.load(object, empty as i32);
            self.b.branch_if(word, otherwise, &[]);
        }
        if let Finds::OfClass {
            keys: Some((count, expected)),
            ..
        } = shape.finds
        {
            let count = self.object(count);
            let count = self.load(count, 0);
            let same = self.b.compare_const(IntCond::Eq, count, expected as i64);
            self.b.branch_unless(same, otherwise, &[]);
        }
    }

    /// Loads an attribute of objects of known shapes, borrowed, and goes to `found` with it; with values that are not
    /// inline any more to `elsewhere`; with a property's value, owned, to `given`, where the object is given up.
    fn load_by_shape(
        &mut self,
        operand: Operand<B::Value>,
        shapes: &[Shape],
        (elsewhere, slow): (B::Block, B::Block),
        found: B::Block,
        given: B::Block,
    ) {
        let object = operand.value;
        let blocks = self.shape_blocks(object, shapes, slow);
        for (shape, block) in shapes.iter().zip(blocks) {
            self.b.switch_to(block);
            match shape.finds {
                Finds::Property { field, getter } => {
                    let Some(call) = self.getter_site else {
                        self.b.jump(slow, &[]);
                        continue;
                    };
                    let field = self.object(field);
                    let actual = self.load(field, 0);
                    let getter = self.object(getter.cast_const());
                    let same = self.b.compare(IntCond::Eq, actual, getter);
                    self.b.branch_unless(same, slow, &[]);
                    let value = self.enter_getter(call, getter, operand, slow);
                    self.b.jump(given, &[value]);
                }
                Finds::Value { offset, .. } => {
                    self.check_shape(object, shape, elsewhere);
                    let value = self.load(object, offset as i32);
                    self.b.branch_unless(value, slow, &[]);
                    self.b.jump(found, &[value]);
                }
                Finds::Own => self.b.jump(elsewhere, &[]),
                Finds::OfClass { object: value, .. } => {
                    self.check_shape(object, shape, slow);
                    let value = self.object(value.cast_const());
                    self.b.jump(found, &[value]);
                }
            }
        }
    }

    /// What the object's own dictionary has of that name where the site has found it the last time, borrowed; what is
    /// not there goes to `otherwise`. The object's type has a managed dictionary.
    fn hinted_value(
        &mut self,
        object: B::Value,
        name: *mut pyo3_ffi::PyObject,
        site: B::Value,
        otherwise: B::Block,
    ) -> B::Value {
        let dict = self.load(object, MANAGED_DICT_OFFSET as i32);
        self.b.branch_unless(dict, otherwise, &[]);
        let values = self.load(dict, offset_of!(DictObject, ma_values) as i32);
        self.b.branch_if(values, otherwise, &[]);
        let keys = self.load(dict, offset_of!(DictObject, ma_keys) as i32);
        let kind = self.b.load(Type::I8, keys, offset_of!(DictKeys, dk_kind) as i32);
        let strings = self.b.compare_const(IntCond::Eq, kind, DICT_KEYS_UNICODE.into());
        self.b.branch_unless(strings, otherwise, &[]);
        let hint = self.load(site, offset_of!(AttributeSite, hint) as i32);
        let count = self.load(keys, offset_of!(DictKeys, dk_nentries) as i32);
        let inside = self.b.compare(IntCond::UnsignedLt, hint, count);
        self.b.branch_unless(inside, otherwise, &[]);
        let bytes = self
            .b
            .load(Type::I8, keys, offset_of!(DictKeys, dk_log2_index_bytes) as i32);
        let bytes = self.b.zero_extend(Type::I64, bytes);
        let one = self.int(1);
        let indices = self.b.int_op(IntOp::Shl, one, bytes);
        let entries = self.b.int_op(IntOp::Add, keys, indices);
        let scaled = self.b.int_op_const(IntOp::Shl, hint, 4);
        let entry = self.b.int_op(IntOp::Add, entries, scaled);
        // The entries lie behind the index table, and that behind the head.
        let head = size_of::<DictKeys>();
        let key = self.load(entry, (head + offset_of!(DictUnicodeEntry, me_key)) as i32);
        let expected = self.object(name);
        let same = self.b.compare(IntCond::Eq, key, expected);
        self.b.branch_unless(same, otherwise, &[]);
        let value = self.load(entry, (head + offset_of!(DictUnicodeEntry, me_value)) as i32);
        self.b.branch_unless(value, otherwise, &[]);
        value
    }

    /// The attribute of the very module or class that the site knows, owned; other objects go to `otherwise`.
    fn value_of_one_object(&mut self, object: B::Value, site: B::Value, otherwise: B::Block) -> B::Value {
        let known = self.load(site, offset_of!(AttributeSite, identity) as i32);
        let same = self.b.compare(IntCond::Eq, object, known);
        self.b.branch_unless(same, otherwise, &[]);
        let actual = self.load(object, offset::OB_TYPE);
        let expected = self.load(site, offset_of!(AttributeSite, identity_type) as i32);
        let same = self.b.compare(IntCond::Eq, actual, expected);
        self.b.branch_unless(same, otherwise, &[]);
        let check = self.load(site, offset_of!(AttributeSite, check) as i32);
        let number = self.load(check, 0);
        let mask = self.load(site, offset_of!(AttributeSite, check_mask) as i32);
        let number = self.b.int_op(IntOp::And, number, mask);
        let expected = self.load(site, offset_of!(AttributeSite, check_expected) as i32);
        let valid = self.b.compare(IntCond::Eq, number, expected);
        self.b.branch_unless(valid, otherwise, &[]);
        let at = self.load(site, offset_of!(AttributeSite, value) as i32);
        let value = self.load(at, 0);
        self.b.branch_unless(value, otherwise, &[]);
        self.incref(value);
        self.count_hit(site);
        value
    }

    /// `LOAD_ATTR` of what is called next: pushes the function and the object, or the attribute and NULL.
    fn load_method(&mut self, name: *mut pyo3_ffi::PyObject) {
        let object = self.pop();
        let address = self.input.attribute_site(name, self.index);
        let site = self.object(address);
        let join = self.b.create_block();
        let callable = self.b.block_param(join, Type::I64);
        let receiver = self.b.block_param(join, Type::I64);
        let slow = self.b.create_block();
        if self.inlines(seen::ONE_OBJECT) {
            self.b.set_cold(slow);
            let value = self.value_of_one_object(object.value, site, slow);
            self.release(object);
            let null = self.null();
            self.b.jump(join, &[value, null]);
            self.finish_load_method(object, site, slow, join);
            self.push_owned(callable);
            self.likely_null.push(self.depth());
            self.push(Item::Owned(receiver));
            return;
        }
        let mut shapes = self.input.shapes(self.index);
        shapes.retain(|shape| matches!(shape.finds, Finds::OfClass { is_method: true, .. }));
        if !shapes.is_empty() {
            self.b.set_cold(slow);
            let found = self.b.create_block();
            let function = self.b.block_param(found, Type::I64);
            self.load_by_shape(object, &shapes, (slow, slow), found, slow);
            self.b.switch_to(found);
            self.incref(function);
            self.count_hit(site);
            let owned = self.own(object);
            self.b.jump(join, &[function, owned]);
            self.finish_load_method(object, site, slow, join);
            self.push_owned(callable);
            self.push(Item::Owned(receiver));
            return;
        }
        if !self.inlines(seen::METHOD) {
            self.b.jump(slow, &[]);
            self.finish_load_method(object, site, slow, join);
            self.push_owned(callable);
            self.push(Item::Owned(receiver));
            return;
        }
        self.b.set_cold(slow);
        self.check_version(object.value, site, offset_of!(AttributeSite, method_version), slow);
        self.check_guard(object.value, site, offset_of!(AttributeSite, method_guard), slow);
        let count = self.load(site, offset_of!(AttributeSite, keys_count) as i32);
        let count = self.load(count, 0);
        let expected = self.load(site, offset_of!(AttributeSite, keys_expected) as i32);
        let same = self.b.compare(IntCond::Eq, count, expected);
        self.b.branch_unless(same, slow, &[]);
        let function = self.load(site, offset_of!(AttributeSite, method) as i32);
        self.incref(function);
        self.count_hit(site);
        let owned = self.own(object);
        self.b.jump(join, &[function, owned]);
        self.finish_load_method(object, site, slow, join);
        self.push_owned(callable);
        self.push(Item::Owned(receiver));
    }

    /// The runtime's way to a method, and what follows both ways.
    fn finish_load_method(&mut self, object: Operand<B::Value>, site: B::Value, slow: B::Block, join: B::Block) {
        self.b.switch_to(slow);
        // The slot above the callable's is free for the second result.
        let depth = self.depth();
        let out = self.stack_address(depth);
        let value = self.call_object(&LOAD_METHOD, &[site, object.value, out], &[object]);
        let offset = self.stack_slot(depth);
        let second = self.b.load(Type::I64, self.frame, offset);
        self.b.jump(join, &[value, second]);
        self.b.switch_to(join);
    }

    /// `STORE_ATTR`.
    pub fn store_attr(&mut self) {
        let name = self.input.name(self.at.arg);
        let object = self.pop();
        let value = self.pop_arg();
        let address = self.input.attribute_site(name, self.index);
        let site = self.object(address);
        let shapes = self.input.shapes(self.index);
        if shapes.is_empty() && !self.inlines(seen::VALUE) {
            let value = self.arg_object(value);
            self.call_status(&STORE_ATTR, &[site, object.value, value.value], &[value, object]);
            return;
        }
        let join = self.b.create_block();
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        if shapes.is_empty() {
            self.check_version(object.value, site, offset_of!(AttributeSite, value_version), slow);
            self.check_guard(object.value, site, offset_of!(AttributeSite, value_guard), slow);
            let at = self.load(site, offset_of!(AttributeSite, store_word) as i32);
            let at = self.b.int_op(IntOp::Add, object.value, at);
            let word = self.load(at, 0);
            let mask = self.load(site, offset_of!(AttributeSite, store_mask) as i32);
            let set = self.b.int_op(IntOp::And, word, mask);
            self.b.branch_if(set, slow, &[]);
            let at = self.load(site, offset_of!(AttributeSite, value_offset) as i32);
            let at = self.b.int_op(IntOp::Add, object.value, at);
            let old = self.load(at, 0);
            self.b.branch_unless(old, slow, &[]);
            let new = match value {
                Arg::Object(operand) => self.own(operand),
                Arg::Number(number) => self.number_object(number),
            };
            self.b.store(new, at, 0);
            self.count_hit(site);
            self.decref(old);
            self.release(object);
            self.b.jump(join, &[]);
        } else {
            self.store_by_shape(object, value, site, &shapes, slow, join);
        }
        self.b.switch_to(slow);
        let value = self.arg_object(value);
        self.call_status(&STORE_ATTR, &[site, object.value, value.value], &[value, object]);
        self.b.jump(join, &[]);
        self.b.switch_to(join);
    }

    /// Stores an attribute of objects of known shapes, and goes to `done`.
    fn store_by_shape(
        &mut self,
        object: Operand<B::Value>,
        value: Arg<B::Value>,
        site: B::Value,
        shapes: &[Shape],
        slow: B::Block,
        done: B::Block,
    ) {
        let blocks = self.shape_blocks(object.value, shapes, slow);
        let stored = self.b.create_block();
        let old = self.b.block_param(stored, Type::I64);
        let finished = self.b.create_block();
        for (shape, block) in shapes.iter().zip(blocks) {
            self.b.switch_to(block);
            let Finds::Value { offset, index } = shape.finds else {
                self.b.jump(slow, &[]);
                continue;
            };
            self.check_shape(object.value, shape, slow);
            if index.is_some() {
                let dict = self.load(object.value, MANAGED_DICT_OFFSET as i32);
                self.b.branch_if(dict, slow, &[]);
            }
            let old = self.load(object.value, offset as i32);
            let new = match value {
                Arg::Object(operand) => self.own(operand),
                Arg::Number(number) => self.number_over(number, old, true, finished),
            };
            self.b.store(new, object.value, offset as i32);
            if let (Some(index), Some(guard)) = (index, shape.guard) {
                let added = self.b.create_block();
                self.b.branch(old, (stored, &[old]), (added, &[]));
                self.b.switch_to(added);
                self.note_new_value(object.value, guard as i32, index);
            }
            self.b.jump(stored, &[old]);
        }
        self.b.switch_to(stored);
        self.xdecref(old);
        self.b.jump(finished, &[]);
        self.b.switch_to(finished);
        self.count_hit(site);
        self.release(object);
        self.b.jump(done, &[]);
    }

    /// A new inline value is added to the order of insertion, which lies behind the values. `guard` is the offset of
    /// [`DictValues::valid`].
    fn note_new_value(&mut self, object: B::Value, guard: i32, index: u8) {
        let at = |field: usize| guard + field as i32 - offset_of!(DictValues, valid) as i32;
        let capacity = self.b.load(Type::I8, object, at(offset_of!(DictValues, capacity)));
        let capacity = self.b.zero_extend(Type::I64, capacity);
        let size = self.b.load(Type::I8, object, at(offset_of!(DictValues, size)));
        let more = self.b.int_op_const(IntOp::Add, size, 1);
        self.b.store(more, object, at(offset_of!(DictValues, size)));
        let size = self.b.zero_extend(Type::I64, size);
        let values = self.b.int_op_const(IntOp::Shl, capacity, 3);
        let order = self.b.int_op(IntOp::Add, object, values);
        let place = self.b.int_op(IntOp::Add, order, size);
        let index = self.b.int(Type::I8, index.into());
        self.b.store(index, place, at(offset_of!(DictValues, values)));
    }

    /// `DELETE_ATTR`.
    pub fn delete_attr(&mut self) {
        let name = self.input.name(self.at.arg);
        let object = self.pop();
        let name = self.object(name);
        self.call_status(&DELETE_ATTR, &[object.value, name], &[object]);
    }

    /// `LOAD_SUPER_ATTR`.
    pub fn load_super_attr(&mut self) {
        let name = self.input.name(self.at.arg >> 2);
        let receiver = self.pop();
        let class = self.pop();
        let global_super = self.pop();
        let depth = self.depth();
        let out = self.stack_address(depth);
        let name = self.object(name);
        let flags = self.int32((self.at.arg & 3) as i32);
        let args = [global_super.value, class.value, receiver.value, name, flags, out];
        let value = self.call_object(&LOAD_SUPER_ATTR, &args, &[receiver, class, global_super]);
        let offset = self.stack_slot(depth);
        let second = self.b.load(Type::I64, self.frame, offset);
        self.push_owned(value);
        if self.at.arg & 1 != 0 {
            self.push(Item::Owned(second));
        }
    }
}
