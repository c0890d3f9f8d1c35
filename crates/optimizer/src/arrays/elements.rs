//! Elements of arrays: what they are in registers, and what can be stored as one.

use crate::arithmetic::constant_int;
use crate::builder::{Builder, ir_region};
use crate::item::{Item, Kind};
use justjit_builder::{FloatCond, IntCond, Type as Width};
use justjit_ir::{Op, Reason, Type, Value};
use justjit_runtime::arrays::{Holder, Layout, Scalar};

/// An element's type in the IR, its width in memory, and whether that is sign-extended.
pub fn form(element: Scalar) -> (Type, Width, bool) {
    let width = match element.size() {
        1 => Width::I8,
        2 => Width::I16,
        4 => Width::I32,
        _ => Width::I64,
    };
    match element {
        Scalar::Bool => (Type::Bool, Width::I8, false),
        Scalar::Float32 => (Type::Float, Width::F32, false),
        Scalar::Float64 => (Type::Float, Width::F64, false),
        // A word that is not signed is known not to be negative (see `ir::Imm::Memory`): what these have is looked at.
        Scalar::UInt64 => (Type::Int, width, true),
        _ => (Type::Int, width, element.is_signed()),
    }
}

/// Whether a value of this kind is stored without help.
pub fn can_store(layout: &Layout, kind: Kind) -> bool {
    let is_numpy = layout.holder == Holder::Ndarray;
    match (layout.element, kind) {
        (Scalar::Bool, Kind::Bool) => true,
        (Scalar::Bool, Kind::Numpy(Scalar::Bool)) => is_numpy,
        (Scalar::Bool, _) => false,
        (Scalar::Float32 | Scalar::Float64, Kind::Float | Kind::Int | Kind::Bool) => true,
        // A float of single precision is rounded only once.
        (Scalar::Float32, Kind::Numpy(scalar)) => scalar.is_float(),
        (Scalar::Float64, Kind::Numpy(scalar)) => is_numpy || scalar != Scalar::Bool,
        (_, Kind::Int | Kind::Bool) => true,
        (_, Kind::Numpy(scalar)) => scalar.is_int() || (is_numpy && scalar == Scalar::Bool),
        _ => false,
    }
}

impl Builder<'_> {
    /// Reads an element.
    pub fn load_element(&mut self, layout: &Layout, (base, index, scale): (Value, Value, i32)) -> Item {
        let (ty, width, signed) = form(layout.element);
        let value = self.load_item(ty, (width, signed), base, index, (0, scale), ir_region::DATA);
        if layout.element == Scalar::UInt64 {
            let zero = self.int(0);
            let fits = self.int_compare(IntCond::SignedGe, value, zero);
            self.guard(fits, Reason::Overflow);
        }
        match (layout.holder, ty) {
            (Holder::Ndarray, _) => Item::Numpy(layout.element, value),
            (_, Type::Float) => Item::Float(value),
            (_, Type::Bool) => Item::Bool(value),
            _ => Item::Int(value),
        }
    }

    /// A value as an element (see [`can_store`]); leaves where that is an error or wants a warning.
    pub fn element_of(&mut self, layout: &Layout, value: &Item, kind: Kind) -> Value {
        match layout.element {
            Scalar::Bool => match self.known_as(value, kind) {
                Item::Numpy(_, flag) => flag,
                item => self.as_bool(&item),
            },
            Scalar::Float64 => {
                let item = self.known_as(value, kind);
                self.as_float(&item)
            }
            Scalar::Float32 => {
                let item = self.known_as(value, kind);
                let number = self.as_float(&item);
                if layout.holder == Holder::Ndarray && kind != Kind::Numpy(Scalar::Float32) {
                    self.expect_single(number);
                }
                number
            }
            element => {
                let item = self.known_as(value, kind);
                let number = self.as_int(&item);
                let own = matches!(kind, Kind::Numpy(scalar) if scalar == element);
                if !own {
                    self.expect_in_range(number, &item, element);
                }
                number
            }
        }
    }

    /// The item, made sure that it is of the kind.
    pub fn known_as(&mut self, item: &Item, kind: Kind) -> Item {
        match *item {
            Item::Object(mut object) => {
                self.expect(&object, kind);
                object.kind = kind;
                Item::Object(object)
            }
            ref item => item.clone(),
        }
    }

    /// Leaves unless the int is one that the scalar can be.
    pub fn expect_in_range(&mut self, value: Value, item: &Item, scalar: Scalar) {
        let (low, high) = scalar.range();
        if constant_int(item).is_some_and(|value| (low..=high).contains(&value)) {
            return;
        }
        if (low, high) == (i64::MIN, i64::MAX) {
            return;
        }
        let fits = self.is_in_range(value, (low, high));
        self.guard(fits, Reason::Domain);
    }

    /// Whether an int is in a range that is not all of them.
    pub fn is_in_range(&mut self, value: Value, (low, high): (i64, i64)) -> Value {
        if low == 0 {
            if high == i64::MAX {
                let zero = self.int(0);
                return self.int_compare(IntCond::SignedGe, value, zero);
            }
            let high = self.int(high);
            return self.int_compare(IntCond::UnsignedLe, value, high);
        }
        let by = self.int(-low);
        let shifted = self.op(Op::IntAddWrapping, &[value, by]);
        let width = self.int(high - low);
        self.int_compare(IntCond::UnsignedLe, shifted, width)
    }

    /// Leaves unless rounding a float to single precision sets no flag that NumPy looks at.
    fn expect_single(&mut self, value: Value) {
        let size = self.op(Op::FloatAbs, &[value]);
        let most = self.float(f32::MAX.into());
        let least = self.float(f32::MIN_POSITIVE.into());
        let zero = self.float(0.0);
        let below = self.float_compare(FloatCond::Le, size, most);
        let above = self.float_compare(FloatCond::Gt, size, least);
        let none = self.float_compare(FloatCond::Eq, size, zero);
        let above = self.op(Op::BoolOr, &[above, none]);
        let fine = self.op(Op::BoolAnd, &[below, above]);
        self.guard(fine, Reason::Domain);
    }

    /// Writes an element.
    pub fn store_element(&mut self, layout: &Layout, value: Value, (base, index, scale): (Value, Value, i32)) {
        let (_, width, _) = form(layout.element);
        self.store_item(value, width, base, index, (0, scale), ir_region::DATA);
    }
}
