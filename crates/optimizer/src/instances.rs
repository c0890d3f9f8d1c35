//! Instances that are not made until something needs them (*escape analysis*, by virtual items).
//!
//! `Class(…)` gives an [`Item::Instance`], and `__init__` is inlined. Attributes are items in the abstract state. An
//! instance is made when it is stored into memory, passed to code that we do not know, or returned; all items that stand
//! for it are then replaced by the object. Where code is left it is made by the runtime. One that no item stands for any
//! more has ended.

use crate::builder::{Builder, Done, Stop, ir_region};
use crate::convert::slot_offset;
use crate::item::{Constant, Form, Frame, Instance, Item, Kind, Local, NO_CLASS, Object, Owner, Returns};
use crate::quiet::handled_of;
use justjit_ir::{self as ir, Effect, Imm, Op, Reason, Recovery, Type, Value, VirtualObject};
use justjit_runtime::instances::{
    Attribute, Initializer, MAKE_INSTANCE, NEW_CELL, VALUES_OFFSET, attribute, initializer, stored_at,
};
use justjit_runtime::optimized;
use pyo3_ffi::*;

/// Instances that are carried to another block, at most.
const INSTANCE_LIMIT: usize = 8;

/// The instances of frames whose state is being made, which virtual object stands for each, and numbers that have their objects
/// in slots.
#[derive(Default)]
pub struct Recovering {
    instances: Vec<Instance>,
    virtuals: Vec<Option<u32>>,
    at_home: Vec<(Item, u32)>,
}

impl Recovering {
    pub fn of(frames: &[Frame]) -> Recovering {
        let instances = frames.first().map_or(Vec::new(), |frame| frame.instances.clone());
        let locals = frames.first().map_or(&[][..], |frame| &frame.locals);
        let at_home = locals
            .iter()
            .zip(0..)
            .filter(|(local, _)| local.home && local.item.is_counted());
        Recovering {
            virtuals: vec![None; instances.len()],
            at_home: at_home.map(|(local, slot)| (local.item.clone(), slot)).collect(),
            instances,
        }
    }

    /// The slot in which a number has its object.
    pub fn slot_of(&self, number: &Item) -> Option<u32> {
        let known = self.at_home.iter().find(|(item, _)| item == number);
        known.map(|&(_, slot)| slot)
    }
}

/// The numbers of the instances that an item stands for: itself, or its parts.
fn instances_in(item: &Item, visit: &mut dyn FnMut(u32)) {
    match item {
        Item::Instance(id, _) => visit(*id),
        Item::Tuple(items) | Item::List(items) => items.iter().for_each(|item| instances_in(item, visit)),
        Item::Row { array, .. } => instances_in(array, visit),
        Item::Slice(parts) => parts.iter().for_each(|item| instances_in(item, visit)),
        Item::Function { closure, .. } => closure.iter().for_each(|item| instances_in(item, visit)),
        Item::Iterator(iterator) => match iterator {
            crate::item::Iterator::Range { .. } => {}
            crate::item::Iterator::Sequence { sequence: inner, .. }
            | crate::item::Iterator::Array { array: inner, .. }
            | crate::item::Iterator::Enumerate { inner, .. } => instances_in(inner, visit),
            crate::item::Iterator::Zip { inner } => inner.iter().for_each(|item| instances_in(item, visit)),
        },
        _ => {}
    }
}

/// Replaces items that stand for an instance, in an item.
fn replace_in(item: &mut Item, replace: &mut dyn FnMut(u32, u32) -> Option<Item>) {
    match item {
        Item::Instance(id, class) => {
            if let Some(new) = replace(*id, *class) {
                *item = new;
            }
        }
        Item::Tuple(items) | Item::List(items) => items.iter_mut().for_each(|item| replace_in(item, replace)),
        Item::Row { array, .. } => replace_in(array, replace),
        Item::Slice(parts) => parts.iter_mut().for_each(|item| replace_in(item, replace)),
        Item::Function { closure, .. } => closure.iter_mut().for_each(|item| replace_in(item, replace)),
        Item::Iterator(iterator) => match iterator {
            crate::item::Iterator::Range { .. } => {}
            crate::item::Iterator::Sequence { sequence: inner, .. }
            | crate::item::Iterator::Array { array: inner, .. }
            | crate::item::Iterator::Enumerate { inner, .. } => replace_in(inner, replace),
            crate::item::Iterator::Zip { inner } => inner.iter_mut().for_each(|item| replace_in(item, replace)),
        },
        _ => {}
    }
}

impl Builder<'_> {
    // ---- states --------------------------------------------------------------------------------------------------

    /// How the runtime makes the instance.
    pub fn instance_recovery(&mut self, id: u32, class: u32, virtuals: &mut Vec<VirtualObject>) -> Recovery {
        if let Some(known) = self.recovering.virtuals[id as usize] {
            return Recovery::Virtual(known);
        }
        let Instance { values, form, .. } = self.recovering.instances[id as usize].clone();
        match form {
            Form::Plain => {}
            Form::Iterator => {
                let made = self.recovery(&values[0].1, virtuals);
                if let Recovery::Virtual(made) = made {
                    self.recovering.virtuals[id as usize] = Some(made);
                }
                return made;
            }
            Form::Cell => {
                let value = self.recovery(&values[0].1, virtuals);
                virtuals.push(VirtualObject::Cell(value));
                let made = virtuals.len() as u32 - 1;
                self.recovering.virtuals[id as usize] = Some(made);
                return Recovery::Virtual(made);
            }
            Form::Generator(suspended) => {
                let mut values: Vec<_> = values.iter().map(|(_, item)| self.recovery(item, virtuals)).collect();
                let function = values.pop().expect("a generator has a function");
                let info = &self.codes[suspended.code];
                virtuals.push(VirtualObject::Generator {
                    function,
                    code: info.symbol,
                    offset: info.decoded.instructions[suspended.index].start,
                    progress: suspended.progress,
                    values,
                });
                let made = virtuals.len() as u32 - 1;
                self.recovering.virtuals[id as usize] = Some(made);
                return Recovery::Virtual(made);
            }
            Form::Exception(exception) => {
                let made = self.exception_recovery(class, &exception, &values, virtuals);
                self.recovering.virtuals[id as usize] = Some(made);
                return Recovery::Virtual(made);
            }
        }
        let class = self.types[class as usize];
        let class = Recovery::Constant(self.object_symbol(class.cast()));
        let indices = values.iter().map(|&(index, _)| index).collect();
        let values = values.iter().map(|(_, item)| self.recovery(item, virtuals)).collect();
        virtuals.push(VirtualObject::Instance { class, indices, values });
        let made = virtuals.len() as u32 - 1;
        self.recovering.virtuals[id as usize] = Some(made);
        Recovery::Virtual(made)
    }

    /// How a frame's caller uses its result, for the runtime.
    pub fn returns_recovery(
        &mut self,
        returns: &Returns,
        caller: usize,
        virtuals: &mut Vec<VirtualObject>,
    ) -> ir::Returns {
        match returns {
            Returns::Value => ir::Returns::Value,
            Returns::ValueAndNull => ir::Returns::ValueAndNull,
            Returns::Nothing => ir::Returns::Nothing,
            Returns::Length => ir::Returns::Length,
            Returns::Instance(item) => ir::Returns::Instance(self.recovery(item, virtuals)),
            Returns::Next { generator, exhausted } => {
                let exhausted = self.codes[caller].decoded.instructions[*exhausted].start;
                ir::Returns::Next {
                    generator: self.recovery(generator, virtuals),
                    exhausted,
                }
            }
            Returns::Await { coroutine, ends } => {
                let ends = self.codes[caller].decoded.instructions[*ends].start;
                ir::Returns::Await {
                    coroutine: self.recovery(coroutine, virtuals),
                    ends,
                }
            }
            Returns::Consume { consumer, items } => {
                let [generator, one, other] = &**items;
                let so_far = match other {
                    Item::Null => self.recovery(one, virtuals),
                    other => {
                        let parts = [one, other].map(|item| self.recovery(item, virtuals));
                        virtuals.push(VirtualObject::Tuple(parts.into()));
                        Recovery::Virtual(virtuals.len() as u32 - 1)
                    }
                };
                ir::Returns::Consume {
                    consumer: *consumer,
                    generator: self.recovery(generator, virtuals),
                    so_far,
                }
            }
            Returns::Operator { op, left, right } => ir::Returns::Operator {
                op: *op,
                left: Recovery::Constant(left.symbol),
                right: Recovery::Constant(right.symbol),
            },
            Returns::Comparison { op, operands } => ir::Returns::Comparison {
                op: *op,
                left: self.recovery(&operands[0], virtuals),
                right: self.recovery(&operands[1], virtuals),
            },
        }
    }

    // ---- the instances there are ---------------------------------------------------------------------------------

    /// A new instance without attributes.
    fn new_instance(&mut self, class: u32) -> Item {
        self.new_object_with(class, Vec::new(), Form::Plain)
    }

    /// An object that has not been made.
    pub fn new_object_with(&mut self, class: u32, values: Vec<(u8, Item)>, form: Form) -> Item {
        let instances = &mut self.frames[0].instances;
        instances.push(Instance {
            class,
            values,
            made: None,
            form,
        });
        Item::Instance(instances.len() as u32 - 1, class)
    }

    /// Which instances an item stands for, and in which order they are met.
    fn reachable(&self) -> Vec<u32> {
        // What is handled is the thread's as well.
        let handled: Vec<Item> = self.handled_items();
        self.reachable_from(self.frames.iter().flat_map(Frame::items).chain(&handled))
    }

    /// Whether one of the operands is an instance that the others have a part in, however deep.
    pub fn share_instances(&self, operands: &[&Item]) -> bool {
        let mut seen = Vec::new();
        operands.iter().any(|&item| {
            let mine = self.reachable_from([item]);
            let shared = mine.iter().any(|id| seen.contains(id));
            seen.extend(mine);
            shared
        })
    }

    /// Whether something that the frames had before the present instruction, and that was not made, has been made since.
    pub fn made_since(&self) -> bool {
        let (Some(before), now) = (self.before.first(), &self.frames[0].instances) else {
            return false;
        };
        let made: Vec<usize> = (0..before.instances.len())
            .filter(|&id| before.instances[id].made.is_none() && now.get(id).is_some_and(|one| one.made.is_some()))
            .collect();
        !made.is_empty() && {
            let mut found = handled_of(&self.before).is_some_and(|id| made.contains(&(id as usize)));
            let mut visit = |id: u32| found |= made.contains(&(id as usize));
            for item in self.before.iter().flat_map(Frame::items) {
                instances_in(item, &mut visit);
            }
            for instance in &before.instances {
                instance
                    .values
                    .iter()
                    .for_each(|(_, item)| instances_in(item, &mut visit));
            }
            found
        }
    }

    fn reachable_from<'a>(&self, items: impl IntoIterator<Item = &'a Item>) -> Vec<u32> {
        let mut found = Vec::new();
        let mut add = |id: u32| {
            if !found.contains(&id) {
                found.push(id);
            }
        };
        for item in items {
            instances_in(item, &mut add);
        }
        let mut at = 0;
        while at < found.len() {
            let mut more = Vec::new();
            for (_, item) in &self.frames[0].instances[found[at] as usize].values {
                instances_in(item, &mut |id| more.push(id));
            }
            for id in more {
                if !found.contains(&id) {
                    found.push(id);
                }
            }
            at += 1;
        }
        found
    }

    /// Items that are given up, with what instances have that end with them: where the end of one of these leaves the code, the
    /// others are given up there. All that is still to stand for an instance is in the frames.
    pub fn with_ended(&mut self, items: Vec<Item>) -> Vec<Item> {
        if self.frames.is_empty() || self.frames[0].instances.is_empty() {
            return items;
        }
        let alive = self.reachable();
        let mut ended = Vec::with_capacity(items.len());
        // The next one last.
        let mut pending: Vec<Item> = items.into_iter().rev().collect();
        while let Some(item) = pending.pop() {
            let mut ending = Vec::new();
            instances_in(&item, &mut |id| {
                let again = |one: &Item| {
                    let mut found = false;
                    instances_in(one, &mut |other| found |= other == id);
                    found
                };
                if !alive.contains(&id) && !ending.contains(&id) && !pending.iter().any(again) {
                    ending.push(id);
                }
            });
            ended.push(item);
            for id in ending.into_iter().rev() {
                let instance = &mut self.frames[0].instances[id as usize];
                let mut values = std::mem::take(&mut instance.values);
                instance.made = None;
                // In the order in which a deallocation gives them up.
                values.sort_by_key(|&(index, _)| index);
                pending.extend(values.into_iter().rev().map(|(_, item)| item));
            }
        }
        ended
    }

    /// Gives up the attributes of instances that nothing stands for any more: they have ended.
    pub fn sweep(&mut self) {
        if self.frames[0].instances.is_empty() {
            return;
        }
        let alive = self.reachable();
        let mut given_up = Vec::new();
        for at in 0..self.frames[0].instances.len() {
            if alive.contains(&(at as u32)) {
                continue;
            }
            let mut values = std::mem::take(&mut self.frames[0].instances[at].values);
            self.frames[0].instances[at].made = None;
            // In the order in which a deallocation gives them up.
            values.sort_by_key(|&(index, _)| index);
            given_up.extend(values.into_iter().map(|(_, item)| item));
        }
        self.release_all(given_up);
    }

    /// Numbers the instances in the order in which the frames have them; forgets those that have ended.
    pub fn renumber_instances(&mut self) {
        if self.frames[0].instances.is_empty() {
            return;
        }
        let order = self.reachable();
        let old = std::mem::take(&mut self.frames[0].instances);
        self.frames[0].instances = order.iter().map(|&id| old[id as usize].clone()).collect();
        let mut renumber = |id: u32, class: u32| {
            let at = order.iter().position(|&known| known == id).expect("it is reachable");
            Some(Item::Instance(at as u32, class))
        };
        for item in self.frames.iter_mut().flat_map(Frame::items_mut) {
            replace_in(item, &mut renumber);
        }
    }

    /// Makes those instances that are parts of others' parts, and all if there are many.
    pub fn limit_instances(&mut self) -> Done {
        let instances = &self.frames[0].instances;
        let mut deep = Vec::new();
        for instance in instances.iter().filter(|one| one.form == Form::Plain) {
            for (_, item) in &instance.values {
                instances_in(item, &mut |id| {
                    if instances[id as usize].form == Form::Plain
                        && instances[id as usize]
                            .values
                            .iter()
                            .any(|(_, item)| matches!(item, Item::Instance(..)))
                    {
                        deep.push(id);
                    }
                });
            }
        }
        let reachable = self.reachable();
        let instances = &self.frames[0].instances;
        let plain = |id: &&u32| instances[**id as usize].form == Form::Plain;
        if reachable.iter().filter(plain).count() > INSTANCE_LIMIT {
            return self.make_all_instances();
        }
        for id in deep {
            self.make_instance(id, false)?;
        }
        Ok(())
    }

    /// Makes all instances of classes.
    pub fn make_all_instances(&mut self) -> Done {
        for id in self.reachable() {
            if self.frames[0].instances[id as usize].form == Form::Plain {
                self.make_instance(id, false)?;
            }
        }
        Ok(())
    }

    // ---- making --------------------------------------------------------------------------------------------------

    /// Makes an instance, and replaces all items that stand for it. If `owned`, the caller gets a reference of its own.
    pub fn make_instance(&mut self, id: u32, owned: bool) -> Done<Value> {
        if let Some(value) = self.frames[0].instances[id as usize].made {
            if owned {
                self.effect(Op::Incref, &[value], Imm::None);
            }
            return Ok(value);
        }
        match self.frames[0].instances[id as usize].form.clone() {
            Form::Plain => {}
            Form::Iterator => {
                let mut values = std::mem::take(&mut self.frames[0].instances[id as usize].values);
                let iterator = values.pop().expect("an iterator").1;
                let object = self.owned_object(iterator)?;
                self.frames[0].instances[id as usize].made = Some(object);
                self.replace_instance(id, object, owned);
                return Ok(object);
            }
            Form::Cell => {
                let mut values = std::mem::take(&mut self.frames[0].instances[id as usize].values);
                let value = match values.pop().expect("a cell has a place for its value").1 {
                    Item::Null => self.null(),
                    item => self.owned_object(item)?,
                };
                let made = self.call(&NEW_CELL, &[value], Some(Type::Object), (Effect::Allocate, true));
                let object = made.expect("a result");
                self.frames[0].instances[id as usize].made = Some(object);
                self.replace_instance(id, object, owned);
                return Ok(object);
            }
            // One that somebody wants may as well be made where it is called.
            Form::Generator(suspended) => {
                let (code, index) = suspended.place;
                return Err(Stop::NotInlined(code, index));
            }
            Form::Exception(exception) => {
                let object = self.make_exception(id, &exception)?;
                self.frames[0].instances[id as usize].made = Some(object);
                self.replace_instance(id, object, owned);
                return Ok(object);
            }
        }
        let class = self.frames[0].instances[id as usize].class;
        let values = std::mem::take(&mut self.frames[0].instances[id as usize].values);
        let indices: Vec<u8> = values.iter().map(|&(index, _)| index).collect();
        let mut objects = Vec::with_capacity(values.len());
        for (index, item) in values {
            objects.push((index, self.owned_object(item)?));
        }
        let ty = self.object(self.types[class as usize].cast());
        let count = self.int(indices.len() as i64);
        let indices = self.known.bytes(&indices);
        let indices = self.pointer(indices, "indices");
        let made = self.call(
            &MAKE_INSTANCE,
            &[ty, indices, count],
            Some(Type::Object),
            (Effect::Allocate, true),
        );
        let object = made.expect("a result");
        for (index, value) in objects {
            let offset = VALUES_OFFSET as i32 + 8 * i32::from(index);
            self.store_owned(value, object, offset, ir_region::ITEMS);
        }
        self.frames[0].instances[id as usize].made = Some(object);
        self.replace_instance(id, object, owned);
        Ok(object)
    }

    /// Replaces items that stand for an instance that has been made. The first takes over the reference that its maker has,
    /// unless the caller wants it.
    pub fn replace_instance(&mut self, id: u32, value: Value, owned: bool) {
        let mut spare = !owned;
        let kind = match self.frames[0].instances[id as usize].class {
            NO_CLASS => Kind::Unknown,
            class => Kind::Other(class),
        };
        let mut homes = Vec::new();
        let mut others = 0;
        for (depth, frame) in self.frames.iter_mut().enumerate() {
            let count = frame.locals.len();
            for at in 0..count {
                if depth == 0 && matches!(frame.locals[at].item, Item::Instance(known, _) if known == id) {
                    frame.locals[at] = Local {
                        item: Item::Object(Object {
                            value,
                            kind,
                            owner: Owner::Slot(at as u32),
                        }),
                        home: true,
                    };
                    homes.push(at);
                }
            }
            for item in frame.items_mut() {
                replace_in(item, &mut |known, _| {
                    (known == id).then(|| {
                        others += 1;
                        Item::owned(value, kind)
                    })
                });
            }
        }
        for _ in 0..homes.len() + others {
            if !std::mem::take(&mut spare) {
                self.effect(Op::Incref, &[value], Imm::None);
            }
        }
        debug_assert!(!spare, "what is made for the frames is in them");
        for at in homes {
            let offset = slot_offset(at);
            let before = self.load_owned(self.frame_pointer, offset, ir_region::FRAME);
            self.store_owned(value, self.frame_pointer, offset, ir_region::FRAME);
            self.call(&optimized::DROP_QUIET, &[before], None, (Effect::Reference, false));
        }
    }

    /// Before the outermost frame is left: what its locals have that have not been made is given up.
    pub fn end_instances(&mut self) -> Done {
        if self.frames[0].instances.is_empty() {
            return Ok(());
        }
        self.frame().stack.clear();
        let quiet = |item: &Item| match item {
            Item::Object(object) => object.owner != Owner::Item || object.kind.ends_quietly(),
            Item::Constant(_) | Item::Instance(..) => true,
            item => item.is_unboxed(),
        };
        // Where the end of an attribute may be noticed, the locals are dropped with the frame.
        let instances = &self.frames[0].instances;
        if !instances
            .iter()
            .flat_map(|one| &one.values)
            .all(|(_, item)| quiet(item))
        {
            return self.make_all_instances();
        }
        for local in &mut self.frames[0].locals {
            if matches!(local.item, Item::Instance(..)) {
                local.item = Item::Null;
            }
        }
        self.sweep();
        Ok(())
    }

    /// The attributes of those instances that an item does not stand for.
    pub fn attributes_without(&self, item: &Item) -> Vec<Item> {
        let instances = self.frames[0].instances.iter().enumerate();
        let ended = instances.filter(|(id, _)| !self.reaches(item, *id as u32));
        let values = ended.flat_map(|(_, instance)| &instance.values);
        values.map(|(_, item)| item.clone()).collect()
    }

    /// The innermost frame's locals do not stand for instances any more.
    pub fn forget_instances(&mut self) {
        for local in &mut self.frame().locals {
            if matches!(local.item, Item::Instance(..)) {
                local.item = Item::Null;
            }
        }
    }

    // ---- instructions --------------------------------------------------------------------------------------------

    /// `Class(…)`; `false` if nothing has been done.
    pub fn construct(&mut self, class: *mut PyTypeObject, args: &[Item], keywords: *mut PyObject) -> Done<bool> {
        if self.is_widened(Reason::Changed) {
            return Ok(false);
        }
        // SAFETY: a live class; the GIL is held.
        let Some(initializer) = (unsafe { initializer(class) }) else {
            return Ok(false);
        };
        if matches!(initializer, Initializer::None) && !args.is_empty() || !self.known.bet_on_class(class) {
            return Ok(false);
        }
        let Kind::Other(number) = self.kind_of_type(class) else {
            return Ok(false);
        };
        let instance = self.new_instance(number);
        match initializer {
            Initializer::None => {
                self.specialized += 1;
                self.push(instance);
                Ok(true)
            }
            Initializer::Function(init) => {
                let mut all = vec![instance.clone()];
                all.extend_from_slice(args);
                let function = self.constant_item(init);
                self.inline(init, &function, &all, keywords, Returns::Instance(instance))
            }
        }
    }

    /// `LOAD_ATTR` of an instance that has not been made; `false` if that has to be.
    pub fn load_attr_of_instance(&mut self, id: u32, class: u32, arg: usize) -> Done<bool> {
        if self.frames[0].instances[id as usize].form != Form::Plain {
            return Ok(false);
        }
        let name = self.name(arg >> 1);
        let as_method = arg & 1 != 0;
        // SAFETY: a live class, which was looked at when the instance was made; the GIL is held.
        let found = unsafe { attribute(self.types[class as usize], name) };
        let item = match found {
            Attribute::Value(index, of_class) => {
                let values = &self.frames[0].instances[id as usize].values;
                match values.iter().find(|&&(known, _)| known == index) {
                    Some((_, item)) => {
                        let item = item.clone();
                        self.shared(item)
                    }
                    // The class's own value, not a function: those are given bound.
                    None if !of_class.is_null() && !is_bound(of_class) => self.constant_item(of_class),
                    None => return Ok(false),
                }
            }
            Attribute::Method(function) if as_method => {
                let function = self.constant_item(function);
                self.specialized += 1;
                self.push(function);
                self.push(Item::Instance(id, class));
                return Ok(true);
            }
            Attribute::OfClass(object) => self.constant_item(object),
            Attribute::Property(field, getter) => {
                return self.inline_getter(field, getter, Item::Instance(id, class), as_method);
            }
            _ => return Ok(false),
        };
        self.specialized += 1;
        self.push(item);
        if as_method {
            self.push(Item::Null);
        }
        Ok(true)
    }

    /// `STORE_ATTR` to an instance that has not been made; `false` if that has to be.
    pub fn store_attr_of_instance(&mut self, id: u32, class: u32, name: usize, value: &Item) -> Done<bool> {
        if self.frames[0].instances[id as usize].form != Form::Plain {
            return Ok(false);
        }
        let name = self.name(name);
        // SAFETY: a live class, which was looked at when the instance was made; the GIL is held.
        let Some(index) = (unsafe { stored_at(self.types[class as usize], name) }) else {
            return Ok(false);
        };
        if self.reaches(value, id) {
            return Ok(false);
        }
        let value = match value.clone() {
            item @ (Item::Constant(_) | Item::Int(_) | Item::Float(_) | Item::Bool(_) | Item::Object(_)) => item,
            item @ Item::Instance(..) => item,
            item => {
                let kind = item.kind();
                let value = self.owned_object(item)?;
                Item::owned(value, kind)
            }
        };
        self.specialized += 1;
        let values = &mut self.frames[0].instances[id as usize].values;
        match values.iter_mut().find(|(known, _)| *known == index) {
            Some((_, place)) => {
                let old = std::mem::replace(place, value);
                self.release(old);
            }
            None => values.push((index, value)),
        }
        Ok(true)
    }

    /// Whether an instance is a part of what an item stands for.
    pub fn reaches(&self, item: &Item, id: u32) -> bool {
        let mut found = Vec::new();
        instances_in(item, &mut |known| found.push(known));
        let mut at = 0;
        while at < found.len() {
            if found[at] == id {
                return true;
            }
            for (_, item) in &self.frames[0].instances[found[at] as usize].values {
                let mut more = Vec::new();
                instances_in(item, &mut |known| more.push(known));
                more.retain(|known| !found.contains(known));
                found.extend(more);
            }
            at += 1;
        }
        false
    }

    /// A constant for a type's object.
    pub fn type_constant(&mut self, kind: Kind) -> Option<Constant> {
        let ty = self.type_of_kind(kind)?;
        let symbol = self.object_symbol(ty.cast());
        Some(Constant {
            symbol,
            kind: Kind::Unknown,
            number: None,
        })
    }
}

/// Whether an object of a class is given bound to its instances.
fn is_bound(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe { (*Py_TYPE(object)).tp_descr_get.is_some() }
}
