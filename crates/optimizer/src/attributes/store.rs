//! `STORE_ATTR`.

use crate::builder::{Builder, Done, ir_region};
use crate::dictionaries::{Entry, Found};
use crate::item::{Item, Kind, Object};
use justjit_builder::IntCond;
use justjit_ir::{Effect, Op, Reason, Type, Value};
use justjit_runtime::attributes::{Finds, STORE_ATTR, Shape};
use justjit_runtime::instances::ADD_ATTRIBUTE;
use justjit_runtime::layout::{DictValues, MANAGED_DICT_OFFSET};
use justjit_runtime::optimized;
use pyo3_ffi::*;

impl Builder<'_> {
    /// `STORE_ATTR`: the value, the object.
    pub fn store_attr(&mut self, index: usize) -> Done {
        let receiver = self.pop();
        let receiver = self.constant_instance(receiver);
        let value = self.pop();
        if let Item::Instance(id, class) = receiver
            && self.store_attr_of_instance(id, class, index, &value)?
        {
            return Ok(());
        }
        if let Item::Object(object) = receiver
            && let Some((shape, kind, Some(place))) = self.shape(&receiver, 1, index)
            && matches!(shape.finds, Finds::Value { .. } | Finds::Own)
            && !self.may_add()
        {
            self.expect(&object, kind);
            self.expect_class(kind, shape.version);
            let found = self.find_own(object.value, place, true, Some(value.kind()), None);
            let target = Target::of(&object, 0, found);
            return self.store_value(object, target, kind, value);
        }
        if let Item::Object(object) = receiver
            && let Some((shape, kind, None)) = self.shape(&receiver, 1, index)
            && let Finds::Value { offset, index } = shape.finds
            && (self.is_initializer() || !self.may_add())
        {
            self.expect(&object, kind);
            self.expect_shape(object.value, kind, &shape, None);
            if let (Some(index), true) = (index, self.is_initializer())
                && self.is_plain(kind)
            {
                return self.add_attribute(object, index, (offset as i32, kind), value);
            }
            let mut target = Target::of(&object, offset as i32, Found::Inline);
            target.is_slot = index.is_none();
            return self.store_value(object, target, kind, value);
        }
        if let Item::Object(object) = receiver
            && self.store_by_version(object, index, &value)?
        {
            return Ok(());
        }
        if self.is_unseen() {
            return Ok(());
        }
        let name = self.name(index);
        let site = self.known.attribute_site(name, self.index);
        let (value, value_item) = self.borrow_object(value)?;
        let (object, object_item) = self.borrow_object(receiver)?;
        self.begin_unknown()?;
        let site = self.pointer(site.cast(), "attribute");
        let args = [site, object, value];
        let status = self.unknown_call(&STORE_ATTR, &args, Type::Int, vec![value_item, object_item]);
        self.raise_if_negative(status);
        Ok(())
    }

    /// Writes over an attribute that is there; one that has an index among the inline values may be a new one, and so may that
    /// of a slot (`__slots__`), where new ones are to be expected.
    fn store_value(&mut self, object: Object, target: Target, kind: Kind, value: Item) -> Done {
        let (base, offset) = (target.base, target.offset);
        let old = self.load(Type::Object, base, offset, ir_region::ITEMS);
        let gone = self.op(Op::IsNull, &[old]);
        let value_kind = value.kind();
        if let Some(index) = target.index {
            let dictionary = self.load(Type::Int, object.value, MANAGED_DICT_OFFSET as i32, ir_region::SHAPE);
            let zero = self.int(0);
            let fine = self.int_compare(IntCond::Eq, dictionary, zero);
            self.guard(fine, Reason::Changed);
            let new = self.stored_object(value)?;
            let (add, store) = (self.f.add_block(), self.f.add_block());
            self.branch(gone, add, store);
            self.block = add;
            let at = self.int(index.into());
            self.call(&ADD_ATTRIBUTE, &[object.value, at], None, (Effect::Reference, false));
            let target = justjit_ir::BlockCall {
                block: store,
                args: Vec::new(),
            };
            self.f.end(self.block, Op::Jump, Vec::new(), None, vec![target]);
            self.block = store;
            self.terminated = false;
            self.specialized += 1;
            self.store_owned(new, object.value, offset, ir_region::ITEMS);
            self.take_over(old);
            let old = Item::owned(old, Kind::Maybe);
            self.release_all(vec![old, Item::Object(Object { kind, ..object })]);
            return Ok(());
        }
        if target.is_slot && self.may_add() {
            self.specialized += 1;
            let new = self.stored_object(value)?;
            self.store_owned(new, base, offset, ir_region::ITEMS);
            self.take_over(old);
            let old = Item::owned(old, Kind::Maybe);
            self.release_all(vec![old, Item::Object(Object { kind, ..object })]);
            return Ok(());
        }
        if target.entry.is_none() {
            let there = self.op(Op::BoolNot, &[gone]);
            self.guard(there, Reason::Unbound);
        }
        let quiet = self.expect_alike(old, value_kind);
        self.specialized += 1;
        let number = match value {
            _ if !self.may_lose_object(&value) => None,
            Item::Int(number) if quiet => Some((&optimized::OVERWRITE_INT, number)),
            Item::Float(number) if quiet => Some((&optimized::OVERWRITE_FLOAT, number)),
            _ => None,
        };
        if let Some(entry) = &target.entry {
            self.note_change(entry);
        }
        if let Some((function, number)) = number {
            self.take_over(old);
            let new = self
                .call(function, &[old, number], Some(Type::Object), (Effect::Reference, true))
                .expect("a result");
            self.store_owned(new, base, offset, ir_region::ITEMS);
            self.release_known(Item::Object(object), kind);
            return Ok(());
        }
        let new = self.stored_object(value)?;
        self.store_owned(new, base, offset, ir_region::ITEMS);
        self.take_over(old);
        let old = Item::owned(old, if quiet { value_kind } else { Kind::Unknown });
        self.release_all(vec![old, Item::Object(Object { kind, ..object })]);
        Ok(())
    }

    /// `STORE_ATTR` of an object of one of several classes; `false` if nothing has been done for those that are left.
    fn store_by_version(&mut self, object: Object, name: usize, value: &Item) -> Done<bool> {
        let met = self.met_shapes(1, name, true, &|shape| matches!(shape.finds, Finds::Value { .. }));
        if met.shapes.is_empty() {
            return Ok(false);
        }
        self.specialized += 1;
        // An attribute that is new to some objects is there in others.
        let may_add = self.may_add();
        let stored = Some(value.kind());
        let rest = self.by_version(object, (&met, may_add), stored, &mut |this, shape, found| {
            let (offset, is_slot) = match shape.finds {
                Finds::Value { offset, index } => (offset, index.is_none()),
                _ => (0, false),
            };
            let mut target = Target::of(&object, offset as i32, found);
            if target.entry.is_none() {
                target.index = addable(shape).filter(|_| may_add);
                target.is_slot = is_slot;
            }
            this.store_value(object, target, object.kind, value.clone())
        })?;
        Ok(!rest)
    }

    /// Whether the present code is that of an `__init__`, whose attributes are likely to be new ones.
    fn is_initializer(&self) -> bool {
        // SAFETY: a live code object.
        unsafe { crate::text::name_of((*self.info().code).co_name) == "__init__" }
    }

    /// Whether attributes may be new ones to some objects and not to others: where one was, the next are found out one by one
    /// otherwise.
    fn may_add(&self) -> bool {
        self.is_initializer() || self.info().knowledge.is_widened_anywhere(Reason::Unbound)
    }

    /// Whether instances are nothing but inline values.
    fn is_plain(&self, kind: Kind) -> bool {
        let class = self.type_of_kind(kind);
        // SAFETY: a live type; the GIL is held.
        class.is_some_and(|class| unsafe { justjit_runtime::instances::is_plain(class) })
    }

    /// Sets an attribute that an instance does not have yet.
    fn add_attribute(&mut self, object: Object, index: u8, (offset, kind): (i32, Kind), value: Item) -> Done {
        let old = self.load(Type::Object, object.value, offset, ir_region::ITEMS);
        let fine = self.op(Op::IsNull, &[old]);
        self.guard(fine, Reason::Unbound);
        let dictionary = self.load(Type::Int, object.value, MANAGED_DICT_OFFSET as i32, ir_region::SHAPE);
        let zero = self.int(0);
        let fine = self.int_compare(IntCond::Eq, dictionary, zero);
        self.guard(fine, Reason::Changed);
        let at = self.int(index.into());
        self.call(&ADD_ATTRIBUTE, &[object.value, at], None, (Effect::Reference, false));
        self.specialized += 1;
        let new = self.stored_object(value)?;
        self.store_owned(new, object.value, offset, ir_region::ITEMS);
        self.release_known(Item::Object(object), kind);
        Ok(())
    }
}

/// Where an attribute is stored.
struct Target {
    base: Value,
    offset: i32,
    /// It is a dictionary's.
    entry: Option<Entry>,
    /// Its index among the inline values, where it may be a new one.
    index: Option<u8>,
    /// It is a slot's (`__slots__`).
    is_slot: bool,
}

impl Target {
    /// Where it was found; among inline values at an offset.
    fn of(object: &Object, offset: i32, found: Found) -> Target {
        let (base, offset, entry) = match found {
            Found::Own(entry) => (entry.base, entry.offset, Some(entry)),
            _ => (object.value, offset, None),
        };
        Target {
            base,
            offset,
            entry,
            index: None,
            is_slot: false,
        }
    }
}

/// Whether it is a slot of a class with `__slots__`.
pub(super) fn is_slot(shape: &Shape) -> bool {
    matches!(shape.finds, Finds::Value { index: None, .. })
}

/// The index of an attribute that can be set for the first time: one of an instance that begins with its values.
pub(super) fn addable(shape: &Shape) -> Option<u8> {
    let Finds::Value { offset, index } = shape.finds else {
        return None;
    };
    let first = size_of::<PyObject>() + std::mem::offset_of!(DictValues, values);
    index.filter(|&index| offset == (first + 8 * usize::from(index)) as i64)
}
