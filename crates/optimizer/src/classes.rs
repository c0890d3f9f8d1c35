//! Attributes of classes, and of `super()`.

use crate::builder::{Builder, Done, ir_region};
use crate::convert::slot_offset;
use crate::item::{Item, Kind, Object, Owner};
use justjit_ir::{Imm, Op, Reason, Symbol, Type, Value};
use justjit_runtime::attributes::{ClassAttribute, of_class, of_super};
use justjit_runtime::builtins::IS_INSTANCE;
use justjit_runtime::layout::offset;
use justjit_runtime::ops::functions::LOAD_SUPER_ATTR;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Classes that are told apart where `super` is called for instances of several, at most.
const FAMILY: usize = 8;

impl Builder<'_> {
    /// A constant that is an instance of a class whose attributes can be told, as an object.
    pub fn constant_instance(&mut self, item: Item) -> Item {
        match item {
            Item::Constant(constant) if matches!(constant.kind, Kind::Other(_)) => {
                let address: *mut PyObject = self.f.symbols[constant.symbol.index()].address.cast_mut().cast();
                // SAFETY: constants are alive.
                if unsafe { PyType_Check(address) != 0 || PyModule_Check(address) != 0 } {
                    return item;
                }
                let value = self.op_imm(Op::ObjectConst, &[], Imm::Symbol(constant.symbol));
                Item::Object(Object {
                    value,
                    kind: constant.kind,
                    owner: Owner::Version,
                })
            }
            item => item,
        }
    }

    /// `LOAD_ATTR` of a constant class; `false` if nothing has been done.
    pub fn load_attr_of_class(&mut self, symbol: Symbol, arg: usize) -> Done<bool> {
        let class: *mut PyTypeObject = self.f.symbols[symbol.index()].address.cast_mut().cast();
        let name = self.name(arg >> 1);
        // SAFETY: constants are alive; the GIL is held.
        let found = unsafe {
            if PyType_Check(class.cast()) == 0 || self.is_widened(Reason::Changed) {
                return Ok(false);
            }
            of_class(class, name)
        };
        let Some(found) = found else {
            return Ok(false);
        };
        let as_method = arg & 1 != 0;
        if matches!(found.found, ClassAttribute::Bound(..)) && !as_method {
            return Ok(false);
        }
        if !self.known.bet_on_class(class) || found.depends.is_some_and(|ty| !self.known.bet_on_class(ty)) {
            return Ok(false);
        }
        if let ClassAttribute::Static(field, function) | ClassAttribute::Bound(field, function) = found.found {
            let field = self.pointer(field.cast(), "function");
            let now = self.load(Type::Object, field, 0, ir_region::ANY);
            let expected = self.object(function);
            let same = self.op(Op::Same, &[now, expected]);
            self.guard(same, Reason::Changed);
        }
        let (item, receiver) = match found.found {
            ClassAttribute::Plain(object) => (self.constant_item(object), Item::Null),
            ClassAttribute::Static(_, function) => (self.constant_item(function), Item::Null),
            ClassAttribute::Bound(_, function) => (self.constant_item(function), self.constant_item(class.cast())),
        };
        self.specialized += 1;
        self.push(item);
        if as_method {
            self.push(receiver);
        }
        Ok(true)
    }

    /// The class that the cell `__class__` of an inlined method has: it is set when the class is made.
    pub fn class_in_cell(&mut self, slot: usize) -> Option<*mut PyObject> {
        let cell = self.symbol_address(&self.frames.last()?.locals[slot].item)?;
        if self.is_widened(Reason::Changed) {
            return None;
        }
        // SAFETY: decoding has checked the slot; a live cell, whose content is borrowed while the GIL is held.
        unsafe {
            let name = PyTuple_GET_ITEM((*self.info().code).co_localsplusnames, slot as Py_ssize_t);
            if crate::text::name_of(name) != "__class__" || PyCell_Check(cell) == 0 {
                return None;
            }
            let class = cell
                .cast::<u8>()
                .add(offset::CELL_REF as usize)
                .cast::<*mut PyObject>()
                .read();
            (!class.is_null() && PyType_Check(class) != 0).then_some(class)
        }
    }

    /// `LOAD_SUPER_ATTR`: `super`, the class, the object.
    pub fn load_super_attr(&mut self, arg: usize) -> Done {
        let receiver = self.pop();
        let class = self.pop();
        let global_super = self.pop();
        if self.super_method(arg, &global_super, &class, &receiver) {
            return Ok(());
        }
        if self.is_unseen() {
            return Ok(());
        }
        let name = self.name(arg >> 2);
        let mut values = Vec::with_capacity(3);
        let mut operands = Vec::with_capacity(3);
        for item in [global_super, class, receiver] {
            let (value, operand) = self.borrow_object(item)?;
            values.push(value);
            operands.push(operand);
        }
        operands.reverse();
        self.begin_unknown()?;
        let first = self.codes[0].decoded.nlocals_plus as usize + self.frames[0].stack.len();
        let bytes = self.int(slot_offset(first).into());
        let out = self.op(Op::AddOffset, &[self.frame_pointer, bytes]);
        let name = self.object(name);
        let flags = self.int((arg & 3) as i64);
        values.extend([name, flags, out]);
        let result = self.unknown_call(&LOAD_SUPER_ATTR, &values, Type::Object, operands);
        self.raise_if_null(result);
        self.push(Item::owned(result, Kind::Unknown));
        if arg & 1 != 0 {
            // NULL is no reference.
            let object = self.load_owned(self.frame_pointer, slot_offset(first), ir_region::FRAME);
            self.push(Item::owned(object, Kind::Unknown));
        }
        Ok(())
    }

    /// A method that `super` finds for an object whose class is known; `false` if nothing has been done.
    fn super_method(&mut self, arg: usize, global_super: &Item, class: &Item, receiver: &Item) -> bool {
        let is_super = self.symbol_address(global_super) == Some((&raw mut PySuper_Type).cast());
        let Some(class) = self.symbol_address(class) else {
            return false;
        };
        if arg & 1 == 0 || !is_super || self.is_widened(Reason::Changed) {
            return false;
        }
        let kind = self.likely_kind(receiver, 2);
        // SAFETY: constants are alive.
        if unsafe { PyType_Check(class) } == 0 {
            return false;
        }
        let kinds = match kind {
            Kind::Other(_) => vec![kind],
            Kind::Unknown if matches!(receiver, Item::Object(_)) => self.receivers_of(class.cast()),
            _ => return false,
        };
        let name = self.name(arg >> 2);
        let mut found: *mut PyObject = null_mut();
        for &kind in &kinds {
            // SAFETY: constants are alive, and so are types that were met; the GIL is held.
            let method = self.type_of_kind(kind).and_then(|ty| unsafe {
                // A class's `super` is another thing.
                let plain = PyType_IsSubtype(ty, &raw mut PyType_Type) == 0;
                let method = of_super(class.cast(), ty, name).filter(|_| plain)?;
                let types = [&raw mut PyFunction_Type, &raw mut PyWrapperDescr_Type];
                (types.contains(&Py_TYPE(method)) && self.known.bet_on_class(ty)).then_some(method)
            });
            match method {
                Some(method) if found.is_null() || found == method => found = method,
                _ => return false,
            }
        }
        if found.is_null() {
            return false;
        }
        let mut receiver = receiver.clone();
        if let Item::Object(object) = &mut receiver {
            if let [kind] = kinds[..] {
                self.expect(object, kind);
                object.kind = kind;
            } else {
                self.expect_one_of(object.value, &kinds);
            }
        }
        let function = self.constant_item(found);
        self.specialized += 1;
        self.push(function);
        self.push(receiver);
        true
    }

    /// The kinds of what a class's method may be called with, where that has been of several types: the class and all its
    /// subclasses, if they are few. What was met in a short time need not be all that there is.
    fn receivers_of(&mut self, class: *mut PyTypeObject) -> Vec<Kind> {
        let types = self.known.family(class, FAMILY);
        let kinds: Vec<Kind> = types.into_iter().map(|ty| self.kind_of_type(ty)).collect();
        let known = kinds.iter().all(|kind| matches!(kind, Kind::Other(_)));
        if known { kinds } else { Vec::new() }
    }

    /// Leaves unless the object is of one of these kinds.
    fn expect_one_of(&mut self, object: Value, kinds: &[Kind]) {
        let mut any = None;
        for &kind in kinds {
            let test = self.is_of_kind(object, kind);
            any = Some(match any {
                Some(any) => self.op(Op::BoolOr, &[any, test]),
                None => test,
            });
        }
        if let Some(any) = any {
            self.guard(any, Reason::Type);
        }
    }

    /// `object.__init__(instance)`, which does nothing; `false` for everything else.
    pub fn initialize_nothing(&mut self, callee: *mut PyObject, args: &[Item]) -> bool {
        let [receiver] = args else {
            return false;
        };
        if !matches!(receiver.kind(), Kind::Other(_) | Kind::Unknown) {
            return false;
        }
        // SAFETY: constants are alive; what `object` has never changes.
        let own = unsafe {
            Py_TYPE(callee) == &raw mut PyWrapperDescr_Type
                && callee
                    == justjit_runtime::types::class_attribute(
                        &raw mut PyBaseObject_Type,
                        justjit_runtime::names::init(),
                    )
        };
        if own {
            self.specialized += 1;
            let none = self.none();
            self.push(none);
            self.release(receiver.clone());
        }
        own
    }

    /// `type` of one object; `false` if it is not that, and nothing has been done.
    pub fn type_of(&mut self, callee: *mut PyObject, args: &[Item]) -> bool {
        let [item @ (Item::Object(_) | Item::Constant(_))] = args else {
            return false;
        };
        let object = match item {
            Item::Object(object) => object.value,
            Item::Constant(constant) => self.op_imm(Op::ObjectConst, &[], Imm::Symbol(constant.symbol)),
            _ => return false,
        };
        if callee != (&raw mut PyType_Type).cast() || item.kind() == Kind::Maybe {
            return false;
        }
        let class = self.load(Type::Object, object, offset::OB_TYPE, ir_region::ANY);
        self.effect(Op::Incref, &[class], Imm::None);
        self.specialized += 1;
        self.push(Item::owned(class, Kind::Unknown));
        self.release(item.clone());
        true
    }

    /// `isinstance`; `false` if it is not that, and nothing has been done.
    pub fn is_instance(&mut self, callee: *mut PyObject, args: &[Item]) -> Done<bool> {
        // SAFETY: constants are alive.
        let genuine = unsafe {
            PyCFunction_CheckExact(callee) != 0
                && (*callee.cast::<PyCFunctionObject>()).m_ml == justjit_runtime::builtins::known().isinstance
        };
        if !genuine || args.len() != 2 || self.is_unseen() {
            return Ok(genuine && args.len() == 2);
        }
        let (values, operands) = self.as_objects(args.to_vec())?;
        self.begin_unknown()?;
        let status = self.unknown_call(&IS_INSTANCE, &values, Type::Int, operands);
        self.raise_if_negative(status);
        self.push_status(status);
        Ok(true)
    }
}
