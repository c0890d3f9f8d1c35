//! Special methods in Python: operators, subscripts, `len`, calls, properties. They are inlined where the class's method alone
//! decides (see `justjit_runtime::special`).

use crate::builder::{Builder, Done, ir_region};
use crate::item::{Item, Kind, Returns};
use crate::mixed::SPLIT_LIMIT;
use justjit_bytecode::Opcode;
use justjit_ir::{Imm, Op, Reason, Type, Value};
use justjit_runtime::layout::offset;
use justjit_runtime::special::{
    Unary, binary_method, compares_by_identity, comparison_method, is_always_true, set_subscript_method,
    subscript_method, unary_method,
};
use pyo3_ffi::*;
use std::mem::offset_of;
use std::ptr::{null, null_mut};

impl Builder<'_> {
    /// Whether the method of this class may be inlined for it.
    fn may_inline_special(&mut self, class: *mut PyTypeObject) -> bool {
        !self.is_widened(Reason::Type) && !self.is_widened(Reason::Unsupported) && self.known.bet_on_class(class)
    }

    /// Leaves unless an operand is of that kind; the operand as it is known from then on.
    fn expect_operand(&mut self, item: &Item, kind: Kind) -> Item {
        match *item {
            Item::Object(mut object) => {
                self.expect(&object, kind);
                object.kind = kind;
                Item::Object(object)
            }
            _ => item.clone(),
        }
    }

    /// The class of a kind, if its instances may have special methods in Python.
    fn class_of(&self, kind: Kind) -> Option<*mut PyTypeObject> {
        match kind {
            Kind::Other(_) => self.type_of_kind(kind),
            _ => None,
        }
    }

    /// Inlines a method for operands of these kinds; `false` if nothing has been done that matters.
    fn inline_special(&mut self, function: *mut PyObject, operands: &[(&Item, Kind)], returns: Returns) -> Done<bool> {
        if function.is_null() {
            return Ok(false);
        }
        let mut args = Vec::with_capacity(operands.len());
        for &(item, kind) in operands {
            args.push(if kind == Kind::Unknown {
                item.clone()
            } else {
                self.expect_operand(item, kind)
            });
        }
        let callable = self.constant_item(function);
        self.inline(function, &callable, &args, null_mut(), returns)
    }

    /// Where an operand (so far below the top of the stack) has had a few classes: the present instruction is done for each of
    /// them. `false` if nothing has been done.
    pub fn tell_apart(&mut self, below: usize, operand: usize) -> Done<bool> {
        let stack = &self.frame().stack;
        let Item::Object(object) = stack[stack.len() - 1 - below] else {
            return Ok(false);
        };
        let met = self.seen().operands[operand].clone();
        if object.kind != Kind::Unknown
            || self.is_widened(Reason::Type)
            || met.more
            || !(2..=4).contains(&met.met.len())
        {
            return Ok(false);
        }
        let kinds: Vec<_> = met.met.iter().map(|&ty| self.kind_of_type(ty)).collect();
        let (unpacks, tests) = (
            self.at.opcode == Opcode::UnpackSequence,
            self.at.opcode == Opcode::ToBool,
        );
        for &kind in &kinds {
            let fits = match kind {
                _ if unpacks => matches!(kind, Kind::List | Kind::Tuple),
                // None is false, and so parts from what may be true anyway.
                Kind::None => tests && kinds.len() == 2,
                Kind::Other(_) => !tests || self.is_always_true(kind),
                Kind::List | Kind::Tuple | Kind::Str | Kind::Int | Kind::Float => tests,
                _ => false,
            };
            if !fits {
                return Ok(false);
            }
        }
        if tests && !kinds.contains(&Kind::None) {
            return Ok(false);
        }
        // What a local goes on having may be unpacked again: its kind is worth ways of their own for all that follows.
        let mut locals = self.frames.iter().flat_map(|frame| &frame.locals);
        let lasts = locals.any(|local| matches!(&local.item, Item::Object(one) if one.value == object.value));
        if unpacks && lasts && self.splits < SPLIT_LIMIT {
            self.splits += 1;
        } else {
            let depth = self.frames.len();
            self.told_apart.push((object.value, depth));
            if !tests {
                self.join_at(self.index + 1);
            }
        }
        let frames = self.frames.clone();
        for (at, &kind) in kinds.iter().enumerate() {
            self.frames.clone_from(&frames);
            let test = self.is_of_kind(object.value, kind);
            if at + 1 < kinds.len() {
                self.learn(object.value, kind);
                let frames = self.frames.clone();
                let here = self.knowing_more(frames);
                let next = self.f.add_block();
                self.branch(test, here, next);
                self.block = next;
                self.terminated = false;
            } else {
                self.guard(test, Reason::Type);
                self.learn(object.value, kind);
                let frames = self.frames.clone();
                let here = self.knowing_more(frames);
                let target = justjit_ir::BlockCall {
                    block: here,
                    args: Vec::new(),
                };
                self.f.end(self.block, Op::Jump, Vec::new(), None, vec![target]);
                self.terminated = true;
            }
        }
        Ok(true)
    }

    /// Whether all objects of a kind are true.
    pub fn is_always_true(&mut self, kind: Kind) -> bool {
        // SAFETY: a live type.
        let class = self.class_of(kind).filter(|&class| unsafe { is_always_true(class) });
        class.is_some_and(|class| self.may_inline_special(class))
    }

    /// `==` and `!=` of objects that are compared by what they are.
    pub fn compare_identities(&mut self, left: &Item, right: &Item, kinds: (Kind, Kind)) -> Option<Value> {
        let mut values = Vec::with_capacity(2);
        let operands = [(left, kinds.0), (right, kinds.1)];
        for (operand, (item, kind)) in operands.into_iter().enumerate() {
            let class = self.class_of(kind);
            // SAFETY: a live type.
            let simple = class.filter(|&class| unsafe { compares_by_identity(class) });
            let fine = match kind {
                Kind::None => true,
                Kind::Unknown => self.all_compare_by_identity(operand),
                _ => simple.is_some_and(|class| self.may_inline_special(class)),
            };
            if !fine || !matches!(item, Item::Object(_) | Item::Constant(_)) {
                return None;
            }
        }
        for (item, kind) in operands {
            let value = match self.expect_operand(item, kind) {
                Item::Object(object) => object.value,
                Item::Constant(constant) => self.op_imm(Op::ObjectConst, &[], Imm::Symbol(constant.symbol)),
                _ => unreachable!("looked at above"),
            };
            // Nothing is bet on the class, of a constant neither.
            if kind == Kind::Unknown {
                self.expect_identity(value);
            }
            values.push(value);
        }
        Some(self.op(Op::Same, &values))
    }

    /// Whether an operand of the present instruction has been of several types, all of which have `==` of `object`.
    fn all_compare_by_identity(&mut self, operand: usize) -> bool {
        let met = self.seen().operands[operand].met.clone();
        // SAFETY: types that were met are alive.
        !met.is_empty() && !self.is_widened(Reason::Type) && met.iter().all(|&ty| unsafe { compares_by_identity(ty) })
    }

    /// Leaves unless the object, of whatever type, has `==` of `object`.
    fn expect_identity(&mut self, object: Value) {
        let ty = self.load(Type::Pointer, object, offset::OB_TYPE, ir_region::HEADER);
        let at = offset_of!(PyTypeObject, tp_richcompare) as i32;
        let slot = self.load(Type::Pointer, ty, at, ir_region::SHAPE);
        // SAFETY: a static type.
        let wanted = unsafe { PyBaseObject_Type.tp_richcompare }.map_or(null(), |slot| slot as *const ());
        let wanted = self.pointer(wanted, "object.__eq__");
        let same = self.op(Op::Same, &[slot, wanted]);
        self.guard(same, Reason::Type);
    }

    /// Where ways come together: what has been told apart is of any kind again.
    pub fn forget_told_apart(&mut self) {
        let depth = self.frames.len();
        let told: Vec<Value> = self
            .told_apart
            .iter()
            .filter(|(_, at)| depth <= *at)
            .map(|&(value, _)| value)
            .collect();
        if told.is_empty() {
            return;
        }
        for item in self.frames.iter_mut().flat_map(crate::item::Frame::items_mut) {
            // How an iterator goes over its sequence depends on its kind.
            if item.has_iterator() {
                continue;
            }
            item.objects_mut(&mut |object| {
                if told.contains(&object.value) {
                    object.kind = Kind::Unknown;
                }
            });
        }
    }

    /// `BINARY_OP`.
    pub fn binary_special(&mut self, left: &Item, right: &Item, kinds: (Kind, Kind)) -> Done<bool> {
        let (Some(class), Some(other)) = (self.class_of(kinds.0), self.type_of_kind(kinds.1)) else {
            return Ok(false);
        };
        if !self.may_inline_special(class) {
            return Ok(false);
        }
        let op = self.at.arg;
        // SAFETY: live types; the GIL is held.
        let function = unsafe { binary_method(op as usize, class, other) };
        let (Some(a), Some(b)) = (self.type_constant(kinds.0), self.type_constant(kinds.1)) else {
            return Ok(false);
        };
        let returns = Returns::Operator {
            op: op as i32,
            left: a,
            right: b,
        };
        self.inline_special(function, &[(left, kinds.0), (right, kinds.1)], returns)
    }

    /// `COMPARE_OP` of two instances of one class.
    pub fn comparison_special(&mut self, left: &Item, right: &Item, kinds: (Kind, Kind)) -> Done<bool> {
        let Some(class) = self.class_of(kinds.0).filter(|_| kinds.0 == kinds.1) else {
            return Ok(false);
        };
        if !self.may_inline_special(class) {
            return Ok(false);
        }
        let op = self.at.arg as i32;
        // SAFETY: a live type; the GIL is held.
        let function = unsafe { comparison_method(op >> 5, class) };
        if function.is_null() {
            return Ok(false);
        }
        let (left, right) = (self.expect_operand(left, kinds.0), self.expect_operand(right, kinds.1));
        // They are wanted again if the method gives NotImplemented.
        let operands = Box::new([left.clone(), right.clone()]);
        let returns = Returns::Comparison { op, operands };
        let depth = self.frames.len();
        let done = self.inline_special(function, &[(&left, Kind::Unknown), (&right, Kind::Unknown)], returns)?;
        if done && self.frames.len() > depth {
            self.shared(left);
            self.shared(right);
        }
        Ok(done)
    }

    /// `BINARY_SUBSCR`.
    pub fn subscript_special(&mut self, container: &Item, key: &Item, kind: Kind) -> Done<bool> {
        let Some(class) = self.class_of(kind) else {
            return Ok(false);
        };
        if !self.may_inline_special(class) {
            return Ok(false);
        }
        // SAFETY: a live type; the GIL is held.
        let function = unsafe { subscript_method(class) };
        self.inline_special(function, &[(container, kind), (key, Kind::Unknown)], Returns::Value)
    }

    /// `STORE_SUBSCR`.
    pub fn set_subscript_special(&mut self, container: &Item, key: &Item, value: &Item, kind: Kind) -> Done<bool> {
        let Some(class) = self.class_of(kind) else {
            return Ok(false);
        };
        if !self.may_inline_special(class) {
            return Ok(false);
        }
        // SAFETY: a live type; the GIL is held.
        let function = unsafe { set_subscript_method(class) };
        let operands = [(container, kind), (key, Kind::Unknown), (value, Kind::Unknown)];
        self.inline_special(function, &operands, Returns::Nothing)
    }

    /// A unary special method: `-a`, `len(a)`.
    pub fn unary_special(&mut self, which: Unary, item: &Item, kind: Kind) -> Done<bool> {
        let Some(class) = self.class_of(kind) else {
            return Ok(false);
        };
        if !self.may_inline_special(class) {
            return Ok(false);
        }
        // SAFETY: a live type; the GIL is held.
        let function = unsafe { unary_method(which, class) };
        let returns = match which {
            Unary::Length => Returns::Length,
            _ => Returns::Value,
        };
        self.inline_special(function, &[(item, kind)], returns)
    }

    /// A call of an instance of a class with `__call__`.
    pub fn call_instance(&mut self, callable: &Item, kind: Kind, args: &[Item], keywords: *mut PyObject) -> Done<bool> {
        let Some(class) = self.class_of(kind) else {
            return Ok(false);
        };
        if !self.may_inline_special(class) {
            return Ok(false);
        }
        // SAFETY: a live type; the GIL is held.
        let function = unsafe { unary_method(Unary::Call, class) };
        if function.is_null() {
            return Ok(false);
        }
        let mut all = vec![self.expect_operand(callable, kind)];
        all.extend_from_slice(args);
        let method = self.constant_item(function);
        self.inline(function, &method, &all, keywords, Returns::Value)
    }

    /// The getter of a property, which is in this field of the property.
    pub fn inline_getter(
        &mut self,
        field: *const *mut PyObject,
        getter: *mut PyObject,
        receiver: Item,
        as_method: bool,
    ) -> Done<bool> {
        let returns = if as_method {
            Returns::ValueAndNull
        } else {
            Returns::Value
        };
        let field = self.pointer(field.cast(), "getter");
        let now = self.load(Type::Object, field, 0, ir_region::ANY);
        let expected = self.object(getter);
        let same = self.op(Op::Same, &[now, expected]);
        self.guard(same, Reason::Changed);
        let callable = self.constant_item(getter);
        self.inline(getter, &callable, &[receiver], null_mut(), returns)
    }
}
