//! Local variables.

use crate::builder::{Builder, Done, ir_region};
use crate::convert::slot_offset;
use crate::item::{Item, Kind, Local, Object, Owner};
use justjit_ir::{Effect, Reason, Type, Value};
use justjit_runtime::optimized;

impl Builder<'_> {
    /// `LOAD_FAST` and its kin.
    pub fn load_fast(&mut self, local: usize) {
        let item = self.frame().locals[local].item.clone();
        if item == Item::Null {
            // `LOAD_FAST_CHECK` raises; baseline code does so.
            self.deopt(Reason::Unbound);
            return;
        }
        self.expect_bound(local);
        let item = self.frame().locals[local].item.clone();
        let item = self.shared(item);
        self.push(item);
    }

    /// Leaves if a local that may have no value has none.
    pub fn expect_bound(&mut self, local: usize) {
        if let Item::Object(object) = self.frame().locals[local].item
            && object.kind == Kind::Maybe
        {
            let gone = self.op(justjit_ir::Op::IsNull, &[object.value]);
            let there = self.op(justjit_ir::Op::BoolNot, &[gone]);
            self.guard(there, Reason::Unbound);
            self.learn(object.value, Kind::Unknown);
        }
    }

    /// The same item a second time: what the first owns the second gets a reference to.
    pub fn shared(&mut self, mut item: Item) -> Item {
        let mut owned = Vec::new();
        item.objects_mut(&mut |object| {
            if object.owner == Owner::Item {
                owned.push(object.value);
            }
        });
        for value in owned {
            self.effect(justjit_ir::Op::Incref, &[value], justjit_ir::Imm::None);
        }
        item
    }

    /// `STORE_FAST`.
    pub fn store_fast(&mut self, local: usize) -> Done {
        let item = self.pop();
        let item = self.as_number_if_only_that(local, item);
        let old = self.store_local(local, item)?;
        if self.ends_handling() {
            return self.end_named(&old);
        }
        self.decref_all(&old);
        Ok(())
    }

    /// Stores an item, which is given up, into a local. The references that are to be given up then.
    pub fn store_local(&mut self, local: usize, item: Item) -> Done<Vec<(Value, Kind)>> {
        if self.is_inlined() {
            if item.has_iterator() {
                return self.refuse_inlining();
            }
            let mut old = std::mem::replace(&mut self.frame().locals[local].item, item);
            let mut owned = Vec::new();
            old.objects_mut(&mut |object| {
                if object.owner == Owner::Item {
                    owned.push((object.value, object.kind));
                }
            });
            return Ok(owned);
        }
        self.detach_slot(local as u32);
        let is_number = item.is_unboxed()
            || matches!(&item, Item::Constant(constant) if constant.number.is_some())
            || matches!(&item, Item::Instance(..));
        if is_number {
            let old = std::mem::replace(&mut self.frame().locals[local], Local { item, home: false });
            if let (true, Item::Object(object)) = (old.home, &old.item)
                && !object.kind.ends_quietly()
            {
                let null = self.null();
                self.store(null, self.frame_pointer, slot_offset(local), ir_region::FRAME);
                self.take_over(object.value);
                return Ok(vec![(object.value, object.kind)]);
            }
            return Ok(Vec::new());
        }
        let kind = item.kind();
        // The end of a comprehension stores NULL where its variable was unbound before.
        let known = matches!(item, Item::Constant(_) | Item::Null).then(|| item.clone());
        let value = self.owned_object(item)?;
        let item = known.unwrap_or(Item::Object(Object {
            value,
            kind,
            owner: Owner::Slot(local as u32),
        }));
        let old = std::mem::replace(&mut self.frame().locals[local], Local { item, home: true });
        Ok(self.replace_slot(local, value, old))
    }

    /// Puts an object into a slot. What was there is to be given up then.
    fn replace_slot(&mut self, local: usize, value: Value, old: Local) -> Vec<(Value, Kind)> {
        let offset = slot_offset(local);
        match old {
            Local {
                item: Item::Null,
                home: true,
            } => {
                self.store_owned(value, self.frame_pointer, offset, ir_region::FRAME);
                Vec::new()
            }
            Local {
                item: Item::Object(object),
                home: true,
            } => {
                self.store_owned(value, self.frame_pointer, offset, ir_region::FRAME);
                self.take_over(object.value);
                vec![(object.value, object.kind)]
            }
            _ => {
                let before = self.load_owned(self.frame_pointer, offset, ir_region::FRAME);
                self.store_owned(value, self.frame_pointer, offset, ir_region::FRAME);
                self.call(&optimized::DROP_QUIET, &[before], None, (Effect::Reference, false));
                Vec::new()
            }
        }
    }

    /// An object that comes to a local which is only used as a number: the number.
    pub fn as_number_if_only_that(&mut self, local: usize, item: Item) -> Item {
        match self.number_only(local, &item) {
            Some(number) => {
                self.release(item);
                number
            }
            None => item,
        }
    }

    /// Likewise for two: both have been looked at before anything is given up.
    pub fn as_numbers_if_only_that(&mut self, first: (usize, Item), second: (usize, Item)) -> (Item, Item) {
        let numbers = [&first, &second].map(|(local, item)| self.number_only(*local, item));
        let [first, second] = [first.1, second.1];
        let mut take = |item, number: Option<Item>| match number {
            Some(number) => {
                self.release(item);
                number
            }
            None => item,
        };
        let [one, other] = numbers;
        (take(first, one), take(second, other))
    }

    fn number_only(&mut self, local: usize, item: &Item) -> Option<Item> {
        let Item::Object(object) = item else {
            return None;
        };
        if !self.info().uses.numeric_locals[local] || self.is_widened(Reason::Overflow) {
            return None;
        }
        match object.kind {
            Kind::Int => Some(Item::Int(self.as_int(item))),
            Kind::Float => Some(Item::Float(self.as_float(item))),
            Kind::Bool => Some(Item::Bool(self.as_bool(item))),
            _ => None,
        }
    }

    /// Items that have their object from a slot get references of their own: code that we do not know may write to the
    /// frame's locals.
    pub fn detach_all(&mut self) {
        for slot in 0..self.frames[0].locals.len() {
            self.detach_slot(slot as u32);
        }
    }

    /// Items that have their object from this slot get references of their own: the slot changes.
    fn detach_slot(&mut self, slot: u32) {
        for depth in 0..self.frames.len() {
            for at in 0..self.frames[depth].stack.len() {
                let item = std::mem::replace(&mut self.frames[depth].stack[at], Item::Null);
                self.frames[depth].stack[at] = self.detached(item, slot);
            }
        }
        for at in 0..self.frames[0].instances.len() {
            for which in 0..self.frames[0].instances[at].values.len() {
                let item = std::mem::replace(&mut self.frames[0].instances[at].values[which].1, Item::Null);
                self.frames[0].instances[at].values[which].1 = self.detached(item, slot);
            }
        }
    }

    /// Puts a local's object into its slot.
    pub fn bring_home(&mut self, local: usize) -> Done {
        if self.frames[0].locals[local].home {
            return Ok(());
        }
        let offset = slot_offset(local);
        let item = self.frames[0].locals[local].item.clone();
        if let Item::Instance(id, _) = item {
            self.make_instance(id, false)?;
            return Ok(());
        }
        let before = self.load_owned(self.frame_pointer, offset, ir_region::FRAME);
        if let Some(other) = self.local_with(&item)
            && self.frames[0].locals[other].home
        {
            let value = self.home_object(other);
            self.store_owned(value, self.frame_pointer, offset, ir_region::FRAME);
            self.call(&optimized::DROP_QUIET, &[before], None, (Effect::Reference, false));
            self.frames[0].locals[local].home = true;
            return Ok(());
        }
        // A number is written over the one that was there, if nobody else has that.
        let rebox = |this: &mut Self, function, value| {
            this.call(function, &[before, value], Some(Type::Object), (Effect::Allocate, true))
                .expect("a result")
        };
        let value = match item {
            Item::Int(value) => rebox(self, &optimized::REBOX_INT, value),
            Item::Float(value) => rebox(self, &optimized::REBOX_FLOAT, value),
            item => {
                let value = self.new_object(item)?;
                self.call(&optimized::DROP_QUIET, &[before], None, (Effect::Reference, false));
                value
            }
        };
        self.store_owned(value, self.frame_pointer, offset, ir_region::FRAME);
        self.frames[0].locals[local].home = true;
        Ok(())
    }

    /// Before code runs that we do not know: the frame is as the interpreter would have it.
    pub fn bring_all_home(&mut self) -> Done {
        for local in 0..self.frames[0].locals.len() {
            self.bring_home(local)?;
        }
        Ok(())
    }

    /// `DELETE_FAST`.
    pub fn delete_fast(&mut self, local: usize) -> Done {
        let item = &self.frame().locals[local].item;
        if *item == Item::Null || matches!(item, Item::Object(object) if object.kind == Kind::Maybe) {
            self.deopt(Reason::Unbound);
            return Ok(());
        }
        if self.is_inlined() {
            let old = std::mem::replace(&mut self.frame().locals[local].item, Item::Null);
            self.release(old);
            return Ok(());
        }
        self.detach_slot(local as u32);
        let null = self.null();
        let new = Local {
            item: Item::Null,
            home: true,
        };
        let old = std::mem::replace(&mut self.frame().locals[local], new);
        let old = self.replace_slot(local, null, old);
        self.decref_all(&old);
        Ok(())
    }
}
