//! Keys of dictionaries and sets that are looked up without running any code of a program (see `justjit_runtime::lookup`): so
//! in inlined callees as well, and with a hash that is computed once for a key that is looked up several times.
//!
//! That the key is there, and that nobody else has to be asked, is a bet.

use crate::builder::{Builder, Done};
use crate::item::{Item, Kind};
use justjit_builder::IntCond;
use justjit_ir::{Effect, Op, Reason, Type, Value};
use justjit_runtime::lookup::{
    QUIET_CONTAINS, QUIET_HASH, QUIET_PLACE, QUIET_PUT, QUIET_VALUE, contains_quietly, has_quiet_hash, stores_as_dict,
    subscripts_as_dict,
};
use justjit_runtime::sets::{self, COMPARE_SETS, LEAST_OF_SET};
use pyo3_ffi::{PyExc_KeyError, PyTypeObject};

impl Builder<'_> {
    /// Whether the objects of a kind are of a type that this holds for, and stay so.
    fn type_is(&mut self, kind: Kind, holds: unsafe fn(*mut PyTypeObject) -> bool) -> bool {
        let Some(ty) = self.type_of_kind(kind) else {
            return false;
        };
        // SAFETY: a live type.
        let holds = unsafe { holds(ty) };
        holds && (!matches!(kind, Kind::Other(_)) || self.known.bet_on_class(ty))
    }

    /// Whether a key is likely to have a hash that no code of a program computes.
    fn is_quiet_key(&mut self, key: &Item, operand: usize) -> bool {
        if let Item::Tuple(_) = key {
            return true;
        }
        if key.kind() != Kind::Unknown {
            return key.kind() == Kind::None || self.type_is(key.kind(), has_quiet_hash);
        }
        let met = self.seen().operands[operand].clone();
        // SAFETY: types that were met are alive.
        !met.more && !met.met.is_empty() && met.met.iter().all(|&ty| unsafe { has_quiet_hash(ty) })
    }

    /// Whether to bet on a quiet look-up at the present instruction: of what container, with what key.
    fn looks_up_quietly(
        &mut self,
        (container, kind): (&Item, Kind),
        (key, operand): (&Item, usize),
        holds: unsafe fn(*mut PyTypeObject) -> bool,
        raises: bool,
    ) -> bool {
        matches!(container, Item::Object(_) | Item::Constant(_))
            && (raises || !self.is_widened(Reason::Missing))
            && !self.is_widened(Reason::Type)
            && !self.share_instances(&[container, key])
            && self.is_quiet_key(key, operand)
            && self.type_is(kind, holds)
    }

    /// An operand by its distance from the top, as an object that is the instruction's operand from then on.
    fn lookup_operand(&mut self, item: Item, distance: usize) -> Done<(Value, Item)> {
        let item = match item {
            Item::Object(_) | Item::Constant(_) => item,
            item => self.materialized(item, distance)?,
        };
        self.borrow_object(item)
    }

    /// The container, made sure of, with its key and that one's hash.
    fn lookup(
        &mut self,
        (container, at, kind): (Item, usize, Kind),
        (key, distance): (Item, usize),
    ) -> Done<([Value; 3], [Item; 2])> {
        let (key, key_item) = self.lookup_operand(key, distance)?;
        let (container, mut item) = self.lookup_operand(container, at)?;
        if let Item::Object(object) = &mut item {
            self.expect(object, kind);
            object.kind = kind;
        }
        let hash = self
            .call(&QUIET_HASH, &[key], Some(Type::Int), (Effect::Pure, false))
            .expect("a result");
        Ok(([container, key, hash], [item, key_item]))
    }

    /// `BINARY_SUBSCR` of a dictionary; `false` if nothing has been done.
    pub fn dict_subscr(&mut self, container: &Item, key: &Item, kind: Kind) -> Done<bool> {
        // Another type than `dict` may have a method for keys that are missing.
        let catcher = match kind {
            // SAFETY: a class of the interpreter's.
            Kind::Dict => self.quiet_catcher(unsafe { PyExc_KeyError }.cast()),
            _ => None,
        };
        if !self.looks_up_quietly((container, kind), (key, 1), subscripts_as_dict, catcher.is_some()) {
            return Ok(false);
        }
        let (args, operands) = self.lookup((container.clone(), 1, kind), (key.clone(), 0))?;
        let value = self
            .call(&QUIET_VALUE, &args, Some(Type::Object), (Effect::Reads, false))
            .expect("a result");
        match catcher {
            Some(catcher) => {
                let none = self.op(Op::IsNull, &[value]);
                let found = self.op(Op::BoolNot, &[none]);
                let [container_item, key_item] = operands.clone();
                self.else_raise(found, |this| {
                    let status = this
                        .call(&QUIET_CONTAINS, &args, Some(Type::Int), (Effect::Reads, false))
                        .expect("a result");
                    let zero = this.int(0);
                    let absent = this.int_compare(IntCond::Eq, status, zero);
                    // Somebody else has to be asked.
                    this.guard(absent, Reason::Type);
                    this.raise_quietly(catcher, vec![key_item], vec![container_item])
                })?;
            }
            None => self.expect_found(value),
        }
        let kind = self.predicted_result();
        let numeric = self.info().uses.is_numeric(self.index);
        let element = self.element(value, kind, numeric)?;
        self.specialized += 1;
        self.push(element);
        self.release_all(operands);
        Ok(true)
    }

    /// `STORE_SUBSCR` of a dictionary that has the key already; `false` if nothing has been done.
    pub fn store_dict_item(&mut self, container: &Item, key: &Item, value: &Item, kind: Kind) -> Done<bool> {
        if self.share_instances(&[key, value])
            || !self.looks_up_quietly((container, kind), (key, 2), stores_as_dict, false)
        {
            return Ok(false);
        }
        let (value, value_item) = self.lookup_operand(value.clone(), 2)?;
        let ([container, key, hash], [container_item, key_item]) =
            self.lookup((container.clone(), 1, kind), (key.clone(), 0))?;
        let args = [container, key, hash, value];
        let place = self
            .call(&QUIET_PLACE, &args, Some(Type::Int), (Effect::Reads, false))
            .expect("a result");
        let zero = self.int(0);
        let found = self.int_compare(IntCond::Ne, place, zero);
        self.guard(found, Reason::Missing);
        let args = [container, place, value];
        let old = self
            .call(&QUIET_PUT, &args, Some(Type::Object), (Effect::Any, true))
            .expect("a result");
        self.specialized += 1;
        self.release_all([Item::owned(old, Kind::Unknown), value_item, container_item, key_item]);
        Ok(true)
    }

    /// `CONTAINS_OP` of a set or a dictionary; `false` if nothing has been done.
    pub fn contains_key(&mut self, key: &Item, container: &Item) -> Done<bool> {
        let kind = self.likely_kind(container, 1);
        if !self.looks_up_quietly((container, kind), (key, 0), contains_quietly, false) {
            return Ok(false);
        }
        let (args, operands) = self.lookup((container.clone(), 0, kind), (key.clone(), 1))?;
        let status = self
            .call(&QUIET_CONTAINS, &args, Some(Type::Int), (Effect::Reads, false))
            .expect("a result");
        let zero = self.int(0);
        let fine = self.int_compare(IntCond::SignedGe, status, zero);
        self.guard(fine, Reason::Missing);
        let negated = self.at.arg != 0;
        let cond = if negated { IntCond::Eq } else { IntCond::Ne };
        let flag = self.int_compare(cond, status, zero);
        self.specialized += 1;
        self.push(Item::Bool(flag));
        self.release_all(operands);
        Ok(true)
    }

    /// Whether the objects of a kind are sets or frozensets.
    pub fn is_set(&mut self, kind: Kind) -> bool {
        self.type_is(kind, sets::is_set_type)
    }

    /// `COMPARE_OP` of two sets; nothing if nothing has been done.
    pub fn compare_sets(&mut self, op: usize, left: &Item, right: &Item, kinds: (Kind, Kind)) -> Option<Value> {
        let (Item::Object(a), Item::Object(b)) = (left, right) else {
            return None;
        };
        let lost = self.is_widened(Reason::Missing) || self.is_widened(Reason::Type);
        if lost || !self.is_set(kinds.0) || !self.is_set(kinds.1) {
            return None;
        }
        self.expect(a, kinds.0);
        self.expect(b, kinds.1);
        let op = self.int(op as i64);
        let status = self
            .call(
                &COMPARE_SETS,
                &[op, a.value, b.value],
                Some(Type::Int),
                (Effect::Reads, false),
            )
            .expect("a result");
        let zero = self.int(0);
        let fine = self.int_compare(IntCond::SignedGe, status, zero);
        self.guard(fine, Reason::Missing);
        Some(self.int_compare(IntCond::Ne, status, zero))
    }

    /// `min` or `max` of a set of small ints; nothing if nothing has been done.
    pub fn least_of_set(&mut self, greatest: bool, set: &Item) -> Done<Option<Item>> {
        let Item::Object(object) = set else {
            return Ok(None);
        };
        if self.is_widened(Reason::Missing) || !self.is_set(object.kind) {
            return Ok(None);
        }
        let greatest = self.int(greatest.into());
        let least = self
            .call(
                &LEAST_OF_SET,
                &[object.value, greatest],
                Some(Type::Object),
                (Effect::Reads, false),
            )
            .expect("a result");
        self.expect_found(least);
        let numeric = self.info().uses.is_numeric(self.index);
        Ok(Some(self.element(least, Kind::Int, numeric)?))
    }

    /// Leaves, before anything has been done, unless there is an object.
    fn expect_found(&mut self, object: Value) {
        let none = self.op(Op::IsNull, &[object]);
        let fine = self.op(Op::BoolNot, &[none]);
        self.guard(fine, Reason::Missing);
    }
}
