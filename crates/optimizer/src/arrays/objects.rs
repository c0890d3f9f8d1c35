//! Elements of NumPy's arrays of objects: references, or NULL for None.
//!
//! NumPy gives the old element up before the new one is in its place, so that what runs then finds an object that is about
//! to end, and may take the array's memory away. Nothing of the kind happens here: an element whose end could run code is
//! left to NumPy.

use crate::builder::{Builder, Done, ir_region};
use crate::item::{Item, Kind};
use justjit_builder::Type as Width;
use justjit_ir::{Imm, Op, Reason, Type, Value};

impl Builder<'_> {
    /// The object at a place in an array, borrowed from there, or NULL.
    fn reference_at(&mut self, (base, index, scale): (Value, Value, i32)) -> Value {
        let pointer = (Width::I64, true);
        self.load_item(Type::Object, pointer, base, index, (0, scale), ir_region::ITEMS)
    }

    /// Leaves if it is NULL, unless that has turned out to be usual: whether it may be.
    fn expect_there(&mut self, value: Value) -> bool {
        if self.is_widened(Reason::Unbound) {
            return true;
        }
        let gone = self.op(Op::IsNull, &[value]);
        let there = self.op(Op::BoolNot, &[gone]);
        self.guard(there, Reason::Unbound);
        false
    }

    /// Reads an element. It is likely to be of that kind, and only its number matters if it is `numeric`.
    pub fn load_object(&mut self, place: (Value, Value, i32), (kind, numeric): (Kind, bool)) -> Done<Item> {
        let mut value = self.reference_at(place);
        if self.expect_there(value) {
            let gone = self.op(Op::IsNull, &[value]);
            // SAFETY: None is immortal.
            let none = self.object(unsafe { pyo3_ffi::Py_None() });
            value = self.op(Op::Select, &[gone, none, value]);
        }
        self.element(value, kind, numeric)
    }

    /// Whether elements have not turned out to run code when they are written over.
    pub fn can_overwrite(&self) -> bool {
        !self.is_widened(Reason::Ending)
    }

    /// Writes over an element; the value is given up.
    pub fn store_object(&mut self, value: Item, place: (Value, Value, i32)) -> Done {
        let old = self.reference_at(place);
        let maybe = self.expect_there(old);
        let quiet = !maybe && self.expect_alike(old, value.kind());
        if !quiet {
            self.expect_quiet_ends(&[(old, maybe)], Reason::Ending);
        }
        let given_up = self.write_over(old, value, quiet, place)?;
        if quiet {
            self.decref_all(&given_up);
            return Ok(());
        }
        for (value, _) in given_up {
            let give_up = |this: &mut Self| this.effect(Op::DecrefNumber, &[value], Imm::None);
            match maybe {
                true => self.if_there(value, give_up),
                false => give_up(self),
            }
        }
        Ok(())
    }
}
