//! Subscripts, lists, tuples.

use crate::arithmetic::constant_int;
use crate::arrays::is_index;
use crate::builder::{Builder, Done, ir_region};
use crate::item::{Item, Kind, Object, Owner};
use crate::quiet::{Catcher, Message};
use crate::subclasses::AsList;
use justjit_builder::{IntCond, Type as Width};
use justjit_ir::{Effect, Imm, Op, Reason, Type, Value};
use justjit_runtime::layout::offset;
use justjit_runtime::ops::containers as ops;
use justjit_runtime::{fast, optimized};
use pyo3_ffi::{Py_False, Py_True, PyExc_IndexError};

impl Builder<'_> {
    /// An index into `size` items, counted from the end if it is negative; leaves when it is out of range.
    pub fn checked_index(&mut self, index: Value, item: &Item, size: Value) -> Value {
        let mut index = index;
        let negative = matches!(constant_int(item), Some(value) if value < 0);
        if negative {
            index = self.op(Op::IntAdd, &[size, index]);
        } else if self.is_widened(Reason::Bounds) && constant_int(item).is_none() {
            let zero = self.int(0);
            let below = self.int_compare(IntCond::SignedLt, index, zero);
            let from_end = self.op(Op::IntAddWrapping, &[index, size]);
            index = self.op(Op::Select, &[below, from_end, index]);
        }
        let fine = self.int_compare(IntCond::UnsignedLt, index, size);
        self.guard(fine, Reason::Bounds);
        index
    }

    /// The same, but where an IndexError is caught in this code, it is raised, once the instruction's operands have been given up.
    fn caught_index(
        &mut self,
        (index, key): (Value, &Item),
        size: Value,
        message: Message,
        operands: Vec<Item>,
    ) -> Done<Value> {
        // SAFETY: a class of the interpreter's.
        let class = unsafe { PyExc_IndexError }.cast();
        let (Some(catcher), None) = (self.quiet_catcher(class), constant_int(key)) else {
            return Ok(self.checked_index(index, key, size));
        };
        let zero = self.int(0);
        let below = self.int_compare(IntCond::SignedLt, index, zero);
        let from_end = self.op(Op::IntAddWrapping, &[index, size]);
        let index = self.op(Op::Select, &[below, from_end, index]);
        let fine = self.int_compare(IntCond::UnsignedLt, index, size);
        self.else_raise(fine, |this| {
            let message = this.message(message);
            this.raise_quietly(catcher, vec![message], operands)
        })?;
        Ok(index)
    }

    /// Whether an index of the present instruction has turned out not to be in range again and again, negative ones apart, and
    /// nobody in this code catches that.
    fn is_often_out_of_range(&mut self) -> bool {
        let again = self.info().knowledge.is_widened_again(self.index, Reason::Bounds);
        // SAFETY: a class of the interpreter's.
        again && self.quiet_catcher(unsafe { PyExc_IndexError }.cast()).is_none()
    }

    /// `BINARY_SUBSCR`.
    pub fn binary_subscr(&mut self) -> Done {
        let key = self.pop();
        let mut container = self.pop();
        if let (Item::Tuple(items), Some(index)) = (&container, constant_int(&key))
            && let Ok(index) = usize::try_from(if index < 0 { index + items.len() as i64 } else { index })
            && index < items.len()
        {
            let item = self.shared(items[index].clone());
            self.push(item);
            self.release(container);
            return Ok(());
        }
        if self.array_subscr(&container, &key)? || self.slice_subscr(&container, &key)? {
            return Ok(());
        }
        let kinds = (self.likely_kind(&container, 0), self.likely_kind(&key, 1));
        let indexed = matches!(kinds.0, Kind::Tuple | Kind::Str | Kind::Bytes | Kind::ByteArray)
            || self.is_as_list(kinds.0, AsList::Subscript);
        if indexed
            && is_index(kinds.1)
            && !self.is_widened(Reason::Overflow)
            && !self.is_often_out_of_range()
            && let Item::Object(_) | Item::Constant(_) | Item::Tuple(_) = container
            && !self.share_instances(&[&container, &key])
        {
            let key = self.known_as(&key, kinds.1);
            if let Item::Tuple(_) = container {
                container = self.materialized(container, 1)?;
            }
            let element = match kinds.0 {
                Kind::List | Kind::Tuple | Kind::Other(_) => {
                    let sequence = self.as_sequence(container.clone(), kinds.0)?;
                    let Item::Object(mut object) = sequence else {
                        unreachable!("a sequence is an object")
                    };
                    object.kind = kinds.0;
                    let index = self.as_int(&key);
                    let size = self.size_of(object.value);
                    let message = match kinds.0 {
                        Kind::Tuple => Message::TupleIndex,
                        _ => Message::ListIndex,
                    };
                    let operands = vec![key.clone(), Item::Object(object)];
                    let index = self.caught_index((index, &key), size, message, operands)?;
                    let value = self.sequence_item(&object, index);
                    let kind = self.predicted_result();
                    let numeric = self.info().uses.is_numeric(self.index);
                    self.element(value, kind, numeric)?
                }
                Kind::Bytes | Kind::ByteArray => {
                    let sequence = self.as_sequence(container.clone(), kinds.0)?;
                    let Item::Object(mut object) = sequence else {
                        unreachable!("a sequence is an object")
                    };
                    object.kind = kinds.0;
                    let index = self.as_int(&key);
                    let size = self.size_of(object.value);
                    let message = match kinds.0 {
                        Kind::Bytes => Message::BytesIndex,
                        _ => Message::ByteArrayIndex,
                    };
                    let operands = vec![key.clone(), Item::Object(object)];
                    let index = self.caught_index((index, &key), size, message, operands)?;
                    let byte = (Width::I8, false);
                    let value = if kinds.0 == Kind::Bytes {
                        let place = (optimized::BYTES_ITEMS, 1);
                        self.load_item(Type::Int, byte, object.value, index, place, ir_region::DATA)
                    } else {
                        let start = self.load(
                            Type::Pointer,
                            object.value,
                            optimized::BYTEARRAY_START,
                            ir_region::HEADER,
                        );
                        self.load_item(Type::Int, byte, start, index, (0, 1), ir_region::DATA)
                    };
                    Item::Int(value)
                }
                _ => {
                    let sequence = self.as_sequence(container.clone(), kinds.0)?;
                    let Item::Object(object) = sequence else {
                        unreachable!("a sequence is an object")
                    };
                    let index = self.as_int(&key);
                    let size = self.size_of(object.value);
                    let mut string = object;
                    string.kind = Kind::Str;
                    let operands = vec![key.clone(), Item::Object(string)];
                    let index = self.caught_index((index, &key), size, Message::StringIndex, operands)?;
                    Item::Character(self.code_point(object.value, index))
                }
            };
            self.specialized += 1;
            self.push(element);
            self.release_known(key, kinds.1);
            self.release_known(container, kinds.0);
            return Ok(());
        }
        if self.dict_subscr(&container, &key, kinds.0)? || self.subscript_special(&container, &key, kinds.0)? {
            return Ok(());
        }
        if self.is_unseen() {
            return Ok(());
        }
        let site = self.pointer(self.known.scratch(), "scratch");
        let (container, container_item) = self.borrow_object(container)?;
        let (key, key_item) = self.borrow_object(key)?;
        self.begin_unknown()?;
        let args = [container, key, site];
        let result = self.unknown_call(&fast::SUBSCR, &args, Type::Object, vec![container_item, key_item]);
        self.raise_if_null(result);
        self.push(Item::owned(result, Kind::Unknown));
        Ok(())
    }

    /// `STORE_SUBSCR`: the value, the container, the key.
    pub fn store_subscr(&mut self) -> Done {
        let key = self.pop();
        let container = self.pop();
        let value = self.pop();
        if self.store_array_item(&container, &key, &value)? {
            return Ok(());
        }
        let kinds = (self.likely_kind(&container, 1), self.likely_kind(&key, 2));
        if is_index(kinds.1)
            && !self.is_widened(Reason::Overflow)
            && !self.is_often_out_of_range()
            && let Item::Object(object) = container
        {
            let key = self.known_as(&key, kinds.1);
            let stored = match kinds.0 {
                Kind::List => {
                    let mut old = self.store_list_item(object, &key, value.clone())?;
                    if object.owner == Owner::Item {
                        old.push((object.value, Kind::List));
                    }
                    self.specialized += 1;
                    self.release_known(key, kinds.1);
                    self.decref_all(&old);
                    return Ok(());
                }
                Kind::ByteArray => self.store_byte(object, &key, &value)?,
                _ => false,
            };
            if stored {
                self.specialized += 1;
                self.release_known(key, kinds.1);
                self.release_known(container, kinds.0);
                return Ok(());
            }
        }
        if self.store_dict_item(&container, &key, &value, kinds.0)? {
            return Ok(());
        }
        if self.set_subscript_special(&container, &key, &value, kinds.0)? {
            return Ok(());
        }
        self.frame().stack.extend([value, container, key]);
        self.generic_status(&ops::STORE_SUBSCR, &[1, 0, 2])
    }

    /// Stores an item, which is given up, into a list. The references that are to be given up then.
    fn store_list_item(&mut self, list: Object, key: &Item, value: Item) -> Done<Vec<(Value, Kind)>> {
        self.expect(&list, Kind::List);
        let known = Object {
            kind: Kind::List,
            ..list
        };
        let index = self.as_int(key);
        let size = self.size_of(list.value);
        let operands = vec![value.clone(), Item::Object(known), key.clone()];
        let index = self.caught_index((index, key), size, Message::ListAssignment, operands)?;
        let items = self.load(Type::Pointer, list.value, offset::LIST_ITEMS, ir_region::HEADER);
        let pointer = (Width::I64, true);
        let old = self.load_item(Type::Object, pointer, items, index, (0, 8), ir_region::ITEMS);
        let quiet = self.expect_alike(old, value.kind());
        self.write_over(old, value, quiet, (items, index, 8))
    }

    /// What is written over by something of a kind whose end runs no code is likely to be of that kind as well: leaves if it
    /// is not. Whether that has been made sure of.
    pub fn expect_alike(&mut self, old: Value, kind: Kind) -> bool {
        let lost = [Reason::Overwritten, Reason::Type];
        if !kind.ends_quietly() || kind == Kind::Number || lost.into_iter().any(|reason| self.is_widened(reason)) {
            return false;
        }
        let test = if kind == Kind::Bool {
            // Of just these two: that needs no look at the object.
            // SAFETY: the addresses of two immortal objects.
            let [yes, no] = unsafe { [Py_True(), Py_False()] }.map(|one| self.object(one));
            let yes = self.op(Op::Same, &[old, yes]);
            let no = self.op(Op::Same, &[old, no]);
            self.op(Op::BoolOr, &[yes, no])
        } else {
            self.is_of_kind(old, kind)
        };
        self.guard(test, Reason::Overwritten);
        true
    }

    /// Writes an item, which is given up, over the object that is at a place in an array of objects: one of the same kind, whose
    /// end runs no code, if it is `quiet`. The references that are to be given up then.
    pub fn write_over(
        &mut self,
        old: Value,
        value: Item,
        quiet: bool,
        (base, index, scale): (Value, Value, i32),
    ) -> Done<Vec<(Value, Kind)>> {
        let kind = value.kind();
        let region = if quiet { ir_region::ATOMS } else { ir_region::ITEMS };
        let value = match (&value, quiet) {
            // A number is written over the one that was there, if nobody else has that.
            _ if !self.may_lose_object(&value) => None,
            (Item::Int(number), true) => Some((&optimized::OVERWRITE_INT, *number)),
            (Item::Float(number), true) => Some((&optimized::OVERWRITE_FLOAT, *number)),
            _ => None,
        }
        .ok_or(value);
        match value {
            Ok((function, number)) => {
                self.take_over(old);
                let new = self
                    .call(function, &[old, number], Some(Type::Object), (Effect::Reference, true))
                    .expect("a result");
                self.store_item(new, Width::I64, base, index, (0, scale), region);
                self.hand_over(new);
                Ok(Vec::new())
            }
            Err(value) => {
                let new = self.stored_object(value)?;
                self.store_item(new, Width::I64, base, index, (0, scale), region);
                self.hand_over(new);
                self.take_over(old);
                Ok(vec![(old, if quiet { kind } else { Kind::Unknown })])
            }
        }
    }

    fn store_byte(&mut self, array: Object, key: &Item, value: &Item) -> Done<bool> {
        if !matches!(self.likely_kind(value, 0), Kind::Int | Kind::Bool) {
            return Ok(false);
        }
        self.expect(&array, Kind::ByteArray);
        let known = Object {
            kind: Kind::ByteArray,
            ..array
        };
        let index = self.as_int(key);
        // The value is looked at first.
        let byte = self.as_int(value);
        let limit = self.int(256);
        let fine = self.int_compare(IntCond::UnsignedLt, byte, limit);
        self.guard(fine, Reason::Domain);
        let size = self.size_of(array.value);
        let operands = vec![value.clone(), Item::Object(known), key.clone()];
        let index = self.caught_index((index, key), size, Message::ByteArrayIndex, operands)?;
        let start = self.load(
            Type::Pointer,
            array.value,
            optimized::BYTEARRAY_START,
            ir_region::HEADER,
        );
        self.store_item(byte, Width::I8, start, index, (0, 1), ir_region::DATA);
        self.release_known(value.clone(), Kind::Int);
        Ok(true)
    }

    /// `BUILD_SLICE`.
    pub fn build_slice(&mut self, count: usize) {
        let step = if count == 3 { self.pop() } else { self.none() };
        let stop = self.pop();
        let start = self.pop();
        self.push(Item::Slice(Box::new([start, stop, step])));
    }

    pub fn none(&mut self) -> Item {
        // SAFETY: None is immortal.
        self.constant_item(unsafe { pyo3_ffi::Py_None() })
    }

    /// `UNPACK_SEQUENCE`.
    pub fn unpack_sequence(&mut self, count: usize) -> Done {
        let item = self.pop();
        let item = match item {
            Item::Tuple(items) if items.len() == count => {
                self.specialized += 1;
                self.frame().stack.extend(items.into_iter().rev());
                return Ok(());
            }
            item => self.made(item)?,
        };
        let kind = self.likely_kind(&item, 0);
        if let (Kind::List | Kind::Tuple, Item::Object(_) | Item::Constant(_)) = (kind, &item)
            && !self.is_widened(Reason::Bounds)
        {
            let sequence = self.as_sequence(item, kind)?;
            let Item::Object(mut object) = sequence else {
                unreachable!("a sequence is an object")
            };
            object.kind = kind;
            let size = self.size_of(object.value);
            let wanted = self.int(count as i64);
            let fine = self.int_compare(IntCond::Eq, size, wanted);
            self.guard(fine, Reason::Bounds);
            let kind = self.predicted_result();
            let numeric = self.unpacked_numeric(self.index, count);
            self.deferred = Some(Vec::new());
            let mut items = Vec::with_capacity(count);
            for (index, numeric) in numeric.into_iter().enumerate() {
                let index = self.int(index as i64);
                let value = self.sequence_item(&object, index);
                items.push(self.element(value, kind, numeric)?);
            }
            for value in self.deferred.take().into_iter().flatten() {
                self.effect(Op::Incref, &[value], Imm::None);
            }
            self.frame().stack.extend(items.into_iter().rev());
            self.specialized += 1;
            self.release(Item::Object(object));
            return Ok(());
        }
        if self.is_unseen() {
            return Ok(());
        }
        let (value, operand) = self.borrow_object(item)?;
        self.begin_unknown()?;
        let first = self.codes[0].decoded.nlocals_plus as usize + self.frames[0].stack.len();
        let bytes = self.int(crate::convert::slot_offset(first).into());
        let out = self.op(Op::AddOffset, &[self.frame_pointer, bytes]);
        let wanted = self.int(count as i64);
        let args = [value, wanted, out];
        let status = self.unknown_call(
            &justjit_runtime::ops::unpack::UNPACK_SEQUENCE,
            &args,
            Type::Int,
            vec![operand],
        );
        self.raise_if_negative(status);
        for index in 0..count {
            let at = crate::convert::slot_offset(first + index);
            let value = self.load_owned(self.frame_pointer, at, ir_region::FRAME);
            self.push(Item::owned(value, Kind::Unknown));
        }
        Ok(())
    }

    /// A tuple of another length than wanted raises: it is made for that.
    fn made(&mut self, item: Item) -> Done<Item> {
        match item {
            Item::Tuple(_) => self.materialized(item, 0),
            item => Ok(item),
        }
    }

    /// An operand of the present instruction, by its distance from the top, as an object: that is what it was before the
    /// instruction, too, wherever the code is left from now on.
    pub fn materialized(&mut self, item: Item, distance: usize) -> Done<Item> {
        let kind = item.kind();
        let value = self.owned_object(item)?;
        let item = Item::owned(value, kind);
        let mut operands = std::mem::take(&mut self.before.last_mut().expect("there is a frame").stack);
        let at = operands.len() - 1 - distance;
        operands[at] = item.clone();
        // What has been made with it, instances that locals have as well, has been put into the frames.
        self.before.clone_from(&self.frames);
        let frame = self.before.last_mut().expect("there is a frame");
        frame.index = self.index;
        let rest = frame.stack.len();
        debug_assert!(at >= rest, "operands have been taken off the stack");
        frame.stack.extend(operands.drain(rest..));
        self.before_states.clear();
        Ok(item)
    }

    /// `LIST_APPEND`.
    pub fn list_append_op(&mut self, distance: usize) -> Done {
        let value = self.pop();
        let at = self.frame().stack.len() - distance;
        let Item::Object(list) = self.frame().stack[at] else {
            return crate::builder::decline("a list that is not an object");
        };
        self.append_to(list.value, value)
    }

    /// Appends an item, which is given up, to a list. In a nest of loops that unpacks lists this one may be unpacked: the code is
    /// left. Elsewhere the pass that finds such nests drops the test.
    pub fn append_to(&mut self, list: Value, value: Item) -> Done {
        let room = self.load_width(
            Type::Int,
            Width::I64,
            true,
            list,
            offset::LIST_ALLOCATED,
            ir_region::HEADER,
        );
        let zero = self.int(0);
        let is_whole = self.int_compare(IntCond::SignedGe, room, zero);
        self.guard(is_whole, Reason::Loop);
        self.append_to_whole(list, value)
    }

    /// The same, where the list cannot be one that lies unpacked.
    pub fn append_to_whole(&mut self, list: Value, value: Item) -> Done {
        let value = self.stored_object(value)?;
        // No Python code runs, and there is an exception only when memory ends.
        let status = self
            .call(
                &optimized::APPEND,
                &[list, value],
                Some(Type::Int),
                (Effect::Any, false),
            )
            .expect("a result");
        self.specialized += 1;
        self.raise_if_negative(status);
        Ok(())
    }

    /// Takes an item out of a list: the last one, or that at an index, which is likely to be in range.
    pub fn pop_from(&mut self, list: Value, index: Option<&Item>) -> Value {
        let size = self.size_of(list);
        let place = match index {
            Some(item) => {
                let index = self.as_int(item);
                self.checked_index(index, item, size)
            }
            None => {
                let one = self.int(1);
                let zero = self.int(0);
                let some = self.int_compare(IntCond::SignedGt, size, zero);
                self.guard(some, Reason::Bounds);
                self.op(Op::IntSub, &[size, one])
            }
        };
        self.pop_at(list, place)
    }

    fn pop_at(&mut self, list: Value, place: Value) -> Value {
        let item = self.call(&optimized::POP, &[list, place], Some(Type::Object), (Effect::Any, true));
        let item = item.expect("a result");
        self.raise_if_null(item);
        item
    }

    /// Takes the last item out of a list; raises IndexError if there is none, for a handler in this code.
    pub fn pop_or_raise(&mut self, list: Value, operand: Item, catcher: Catcher) -> Done<Value> {
        let size = self.size_of(list);
        let (zero, one) = (self.int(0), self.int(1));
        let some = self.int_compare(IntCond::SignedGt, size, zero);
        self.else_raise(some, |this| {
            let message = this.message(Message::EmptyList);
            this.raise_quietly(catcher, vec![message], vec![operand])
        })?;
        let last = self.op(Op::IntSub, &[size, one]);
        Ok(self.pop_at(list, last))
    }
}
