//! From one form of a value to another: unboxing, boxing, references.

use crate::builder::{Builder, Done, ir_region};
use crate::item::{Constant, Item, Iterator, Kind, Number, Object, Owner};
use justjit_bytecode::Opcode;
use justjit_ir::{BlockCall, Effect, Imm, Op, Reason, Type, Value};
use justjit_runtime::arrays::Scalar;
use justjit_runtime::consume::NEW_LIST;
use justjit_runtime::{arrays, optimized};
use pyo3_ffi::*;

impl Builder<'_> {
    // ---- types ---------------------------------------------------------------------------------------------------

    /// The type object of a kind that has one known.
    pub fn type_of_kind(&self, kind: Kind) -> Option<*mut PyTypeObject> {
        Some(match kind {
            Kind::Unknown | Kind::Maybe | Kind::None | Kind::Number => return None,
            Kind::Bool => &raw mut PyBool_Type,
            Kind::Int => &raw mut PyLong_Type,
            Kind::Float => &raw mut PyFloat_Type,
            Kind::Complex => &raw mut PyComplex_Type,
            Kind::Str => &raw mut PyUnicode_Type,
            Kind::Bytes => &raw mut PyBytes_Type,
            Kind::ByteArray => &raw mut PyByteArray_Type,
            Kind::List => &raw mut PyList_Type,
            Kind::Tuple => &raw mut PyTuple_Type,
            Kind::Dict => &raw mut PyDict_Type,
            Kind::RangeIterator => &raw mut PyRangeIter_Type,
            Kind::ListIterator => self.known.list_iterator_type(),
            Kind::TupleIterator => self.known.tuple_iterator_type(),
            Kind::Array(holder) => arrays::holder_type(holder)?,
            Kind::Numpy(scalar) => arrays::scalar_type(scalar)?,
            Kind::Other(number) => self.types[number as usize],
        })
    }

    /// The kind of objects of exactly this type.
    pub fn kind_of_type(&mut self, ty: *mut PyTypeObject) -> Kind {
        // SAFETY: types that were met are kept alive.
        let kind = unsafe { crate::knowledge::builtin_kind(ty) };
        if kind != Kind::Unknown {
            return kind;
        }
        if ty == self.known.list_iterator_type() {
            return Kind::ListIterator;
        }
        if ty == self.known.tuple_iterator_type() {
            return Kind::TupleIterator;
        }
        // SAFETY: as above.
        match unsafe { arrays::known_type(ty) } {
            Some(arrays::Known::Holder(holder)) => return Kind::Array(holder),
            Some(arrays::Known::Scalar(scalar)) => return Kind::Numpy(scalar),
            None => {}
        }
        // A guard of its type must say what the object is from then on.
        if !self.known.bet_on_instances(ty) {
            return Kind::Unknown;
        }
        let at = self.types.iter().position(|&known| known == ty);
        let at = at.unwrap_or_else(|| {
            self.types.push(ty);
            self.types.len() - 1
        });
        Kind::Other(at as u32)
    }

    /// What an operand of the present instruction was, if it was always the same.
    pub fn predicted(&mut self, operand: usize) -> Kind {
        if self.is_widened(Reason::Type) {
            return Kind::Unknown;
        }
        match self.seen().operands[operand].only() {
            Some(ty) => self.kind_of_type(ty),
            None => Kind::Unknown,
        }
    }

    /// The kind of an operand: what is known for certain, else what was seen.
    pub fn likely_kind(&mut self, item: &Item, operand: usize) -> Kind {
        match item.kind() {
            Kind::Unknown => self.predicted(operand),
            kind => kind,
        }
    }

    /// What the present instruction's result was, if it was always the same.
    pub fn predicted_result(&mut self) -> Kind {
        if self.is_widened(Reason::Type) {
            return Kind::Unknown;
        }
        let result = self.seen().result;
        let ty = if result.met.is_empty() {
            self.type_stored_before()
        } else {
            result.only()
        };
        match ty {
            Some(ty) => self.kind_of_type(ty),
            None => Kind::Unknown,
        }
    }

    /// The type of what the present instruction gave the last time, if nobody has taken notes of it, but it is stored into a
    /// local of the frame that waits at the loop which is entered.
    fn type_stored_before(&self) -> Option<*mut PyTypeObject> {
        let next = self.info().decoded.instructions.get(self.index + 1)?;
        if self.frames.len() > 1 || next.opcode != Opcode::StoreFast {
            return None;
        }
        *self.types_before.get(next.arg as usize)?
    }

    /// Leaves unless the object is of that kind.
    pub fn expect(&mut self, object: &Object, kind: Kind) {
        if object.kind == kind {
            return;
        }
        let test = self.is_of_kind(object.value, kind);
        self.guard(test, Reason::Type);
        self.learn(object.value, kind);
    }

    /// Whether an object is of that kind.
    pub fn is_of_kind(&mut self, value: Value, kind: Kind) -> Value {
        match self.type_of_kind(kind) {
            Some(ty) => {
                let symbol = self.object_symbol(ty.cast());
                self.op_imm(Op::HasType, &[value], Imm::Symbol(symbol))
            }
            None => {
                // SAFETY: None is immortal.
                let none = self.object(unsafe { Py_None() });
                self.op(Op::Same, &[value, none])
            }
        }
    }

    // ---- numbers -------------------------------------------------------------------------------------------------

    /// The value of an int or bool, or of an object that is to be one.
    pub fn as_int(&mut self, item: &Item) -> Value {
        match *item {
            Item::Int(value) => value,
            Item::Bool(value) => self.op(Op::BoolToInt, &[value]),
            Item::Constant(Constant {
                number: Some(Number::Int(value)),
                ..
            }) => self.int(value),
            Item::Constant(Constant {
                number: Some(Number::Bool(value)),
                ..
            }) => self.int(value.into()),
            Item::Numpy(Scalar::Bool, value) => self.op(Op::BoolToInt, &[value]),
            Item::Numpy(_, value) => value,
            Item::Object(Object { kind, .. }) | Item::Constant(Constant { kind, .. })
                if matches!(kind, Kind::Numpy(_)) =>
            {
                let item = self.unboxed_scalar(item);
                self.as_int(&item)
            }
            Item::Object(object) if object.kind == Kind::Bool => {
                let flag = self.as_bool(item);
                self.op(Op::BoolToInt, &[flag])
            }
            Item::Object(object) => {
                self.expect(&object, Kind::Int);
                let value = self.checked(Op::UnboxInt, &[object.value], Reason::Overflow);
                self.remember_number(&object, Item::Int(value));
                value
            }
            _ => {
                self.never();
                self.int(0)
            }
        }
    }

    /// The value of a float, or of a number that is to be used as one.
    pub fn as_float(&mut self, item: &Item) -> Value {
        match *item {
            Item::Float(value) => value,
            Item::Constant(Constant {
                number: Some(Number::Float(bits)),
                ..
            }) => self.float(f64::from_bits(bits)),
            Item::Numpy(scalar, value) if scalar.is_float() => value,
            Item::Object(Object { kind, .. }) | Item::Constant(Constant { kind, .. })
                if matches!(kind, Kind::Numpy(_)) =>
            {
                let item = self.unboxed_scalar(item);
                self.as_float(&item)
            }
            Item::Object(object) if !matches!(object.kind, Kind::Int | Kind::Bool) => {
                self.expect(&object, Kind::Float);
                let value = self.op(Op::UnboxFloat, &[object.value]);
                self.remember_number(&object, Item::Float(value));
                value
            }
            _ => {
                let value = self.as_int(item);
                self.op(Op::IntToFloat, &[value])
            }
        }
    }

    /// The value of a bool.
    pub fn as_bool(&mut self, item: &Item) -> Value {
        match *item {
            Item::Bool(value) => value,
            Item::Constant(Constant {
                number: Some(Number::Bool(value)),
                ..
            }) => self.bool(value),
            Item::Object(object) => {
                self.expect(&object, Kind::Bool);
                // SAFETY: True is immortal.
                let truth = self.object(unsafe { Py_True() });
                self.op(Op::Same, &[object.value, truth])
            }
            _ => {
                self.never();
                self.bool(false)
            }
        }
    }

    /// A place that is not reached: something else has been ruled out.
    fn never(&mut self) {
        let no = self.bool(false);
        self.guard(no, Reason::Type);
    }

    /// A local whose object has been unboxed is a number from now on, if only its value matters. The slot keeps the object.
    pub fn remember_number(&mut self, object: &Object, number: Item) {
        if let Owner::Slot(local) = object.owner
            && self.codes[0].uses.numeric_locals[local as usize]
        {
            let local = &mut self.frames[0].locals[local as usize];
            if local.home && matches!(&local.item, Item::Object(own) if own.value == object.value) {
                local.item = number;
            }
        }
    }

    // ---- objects -------------------------------------------------------------------------------------------------

    /// The item's object, with a reference of its own; takes the item's over.
    pub fn owned_object(&mut self, item: Item) -> Done<Value> {
        if let Some(local) = self.local_with(&item) {
            // There is one object, however often it is asked for.
            self.bring_home(local)?;
            return Ok(self.home_object(local));
        }
        self.new_object(item)
    }

    /// The item's object, of whose type no more is known; what may be NULL stays so.
    pub fn object_of_any_type(&mut self, item: Item) -> Done<Item> {
        let kind = match item.kind() {
            Kind::Maybe => Kind::Maybe,
            _ => Kind::Unknown,
        };
        Ok(Item::owned(self.owned_object(item)?, kind))
    }

    /// The item's object, which is made if it is a number.
    pub fn new_object(&mut self, item: Item) -> Done<Value> {
        Ok(match item {
            Item::Null => self.null(),
            Item::Instance(id, _) => self.make_instance(id, true)?,
            Item::Constant(constant) => {
                let value = self.op_imm(Op::ObjectConst, &[], Imm::Symbol(constant.symbol));
                self.incref_constant(constant.symbol, value);
                value
            }
            Item::Int(value) => self.box_number(Op::BoxInt, item, value),
            Item::Float(value) => self.box_number(Op::BoxFloat, item, value),
            Item::Bool(value) => self.op(Op::BoxBool, &[value]),
            Item::Object(object) => {
                if object.owner != Owner::Item {
                    self.effect(Op::Incref, &[object.value], Imm::None);
                }
                object.value
            }
            Item::Numpy(scalar, value) => self.boxed_scalar(scalar, value)?,
            Item::NumpyComplex(scalar, real, imaginary) => {
                let which = self.int(scalar as i64);
                self.make(&arrays::MAKE_NUMPY_COMPLEX, &[which, real, imaginary])?
            }
            Item::Row { array, index, .. } => {
                let array = self.owned_object(*array)?;
                // It refers to the array, but changes nothing about it.
                self.call(
                    &arrays::MAKE_ROW,
                    &[array, index],
                    Some(Type::Object),
                    (Effect::Any, true),
                )
                .expect("a result")
            }
            Item::Iterator(Iterator::Array { array, index, .. }) => {
                let array = self.owned_object(*array)?;
                self.make(&arrays::MAKE_ARRAY_ITERATOR, &[array, index])?
            }
            Item::Character(code_point) => self.make(&optimized::MAKE_CHARACTER, &[code_point])?,
            Item::Complex(real, imaginary) => self.make(&optimized::MAKE_COMPLEX, &[real, imaginary])?,
            Item::Tuple(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.owned_object(item)?);
                }
                let array = self.array(&values)?;
                let count = self.int(values.len() as i64);
                self.make(&optimized::MAKE_TUPLE, &[array, count])?
            }
            Item::List(items) => {
                let list = self.make(&NEW_LIST, &[])?;
                for (at, item) in items.iter().enumerate() {
                    let rest = items[at + 1..].iter().cloned();
                    let owed = rest.chain([Item::owned(list, Kind::List)]);
                    self.owing(owed, |this| this.append_to_whole(list, item.clone()))?;
                }
                list
            }
            Item::Range { start, stop, step } => {
                let step = self.step(step);
                self.make(&optimized::MAKE_RANGE, &[start, stop, step])?
            }
            Item::Iterator(Iterator::Range { next, stop, step }) => {
                let step = self.step(step);
                self.make(&optimized::MAKE_RANGE_ITERATOR, &[next, stop, step])?
            }
            Item::Iterator(Iterator::Sequence { sequence, index }) => {
                let sequence = self.owned_object(*sequence)?;
                self.make(&optimized::MAKE_SEQUENCE_ITERATOR, &[sequence, index])?
            }
            Item::Iterator(Iterator::Enumerate { inner, count }) => {
                let inner = self.owned_object(*inner)?;
                self.make(&optimized::MAKE_ENUMERATE, &[inner, count])?
            }
            Item::Iterator(Iterator::Zip { inner }) => {
                let mut values = Vec::with_capacity(inner.len());
                for item in inner {
                    values.push(self.owned_object(item)?);
                }
                let array = self.array(&values)?;
                let count = self.int(values.len() as i64);
                self.make(&optimized::MAKE_ZIP, &[array, count])?
            }
            Item::Function { code, closure } => self.make_function_object(code, closure)?,
            Item::Slice(parts) => {
                let mut values = Vec::with_capacity(3);
                for item in *parts {
                    values.push(self.owned_object(item)?);
                }
                self.make(&optimized::MAKE_SLICE, &values)?
            }
        })
    }

    /// A local variable whose number this is.
    pub fn local_with(&self, item: &Item) -> Option<usize> {
        let is_number = item.is_counted();
        let locals = self.frames[0].locals.iter();
        // One that is at home already comes before the others.
        let same = locals.enumerate().filter(|(_, local)| is_number && local.item == *item);
        same.min_by_key(|(_, local)| !local.home).map(|(at, _)| at)
    }

    /// The object in a local's slot, with a reference of its own.
    pub fn home_object(&mut self, local: usize) -> Value {
        let value = self.load(Type::Object, self.frame_pointer, slot_offset(local), ir_region::FRAME);
        self.effect(Op::Incref, &[value], Imm::None);
        value
    }

    /// An object is made by the runtime, which takes over the references that it is given; there is always memory for it.
    pub fn make(&mut self, function: &'static justjit_builder::RuntimeFn, args: &[Value]) -> Done<Value> {
        Ok(self
            .call(function, args, Some(Type::Object), (Effect::Allocate, true))
            .expect("a result"))
    }

    /// Boxes a number once: whoever else may pass it on has the object from now on.
    fn box_number(&mut self, op: Op, number: Item, value: Value) -> Value {
        let object = self.op(op, &[value]);
        self.share_with_locals(&number, object);
        object
    }

    /// Takes a reference to a constant, if they are counted.
    fn incref_constant(&mut self, symbol: justjit_ir::Symbol, value: Value) {
        let data = &self.f.symbols[symbol.index()];
        if data.kind != (justjit_ir::SymbolKind::Object { immortal: true }) {
            self.effect(Op::Incref, &[value], Imm::None);
        }
    }

    /// Values in memory, with their references, in an array that is good until the next one is made.
    pub fn array(&mut self, values: &[Value]) -> Done<Value> {
        if self.typed.is_some() {
            return self.array_of_thread(values);
        }
        let info = &self.codes[self.frames[0].code];
        let stack_size = info.decoded.stack_size as usize;
        let first = info.decoded.nlocals_plus as usize;
        if values.len() > stack_size {
            return crate::builder::decline("an array larger than the frame");
        }
        let base = self.frame_pointer;
        for (index, &value) in values.iter().enumerate() {
            self.store_owned(value, base, slot_offset(first + index), ir_region::FRAME);
        }
        let bytes = self.int(slot_offset(first).into());
        Ok(self.op(Op::AddOffset, &[base, bytes]))
    }

    /// The same where there is no frame.
    fn array_of_thread(&mut self, values: &[Value]) -> Done<Value> {
        if values.len() > justjit_runtime::thread::SCRATCH {
            return crate::builder::decline("an array larger than the thread's memory for it");
        }
        let base = self.thread;
        let first = std::mem::offset_of!(justjit_runtime::thread::Thread, scratch) as i32;
        for (index, &value) in values.iter().enumerate() {
            self.store_owned(value, base, first + 8 * index as i32, ir_region::ANY);
        }
        let bytes = self.int(first.into());
        Ok(self.op(Op::AddOffset, &[base, bytes]))
    }

    /// The item's object for as long as the present instruction, and the item as it is then: it owns what was made.
    pub fn borrow_object(&mut self, item: Item) -> Done<(Value, Item)> {
        Ok(match item {
            Item::Object(object) => (object.value, item),
            Item::Constant(constant) => (self.op_imm(Op::ObjectConst, &[], Imm::Symbol(constant.symbol)), item),
            Item::Bool(value) => {
                let object = self.op(Op::BoxBool, &[value]);
                (object, item)
            }
            _ => {
                let kind = item.kind();
                let value = self.owned_object(item)?;
                (value, Item::owned(value, kind))
            }
        })
    }

    /// Gives the item's references up.
    pub fn release(&mut self, item: Item) {
        self.release_all([item]);
    }

    /// Gives the references of several items up, in this order.
    pub fn release_all(&mut self, items: impl IntoIterator<Item = Item>) {
        let mut owned = Vec::new();
        for mut item in items {
            item.objects_mut(&mut |object| {
                if object.owner == Owner::Item {
                    owned.push((object.value, object.kind));
                }
            });
        }
        self.decref_all(&owned);
    }

    /// Gives several references up, in this order: where the end of one leaves, those after it are given up there.
    pub fn decref_all(&mut self, owned: &[(Value, Kind)]) {
        for (at, &(value, kind)) in owned.iter().enumerate() {
            let later = owned[at + 1..].iter().map(|&(value, _)| value).collect();
            self.decref_before(value, kind, later);
        }
    }

    /// Gives the references of an item up whose kind has been made sure of.
    pub fn release_known(&mut self, mut item: Item, kind: Kind) {
        if let Item::Object(object) = &mut item {
            object.kind = kind;
        }
        self.release(item);
    }

    /// What is done unless the value is NULL.
    pub fn if_there(&mut self, value: Value, what: impl FnOnce(&mut Self)) {
        let gone = self.op(Op::IsNull, &[value]);
        let there = self.f.add_block();
        let next = self.f.add_block();
        self.branch(gone, next, there);
        self.block = there;
        self.terminated = false;
        what(self);
        let target = BlockCall {
            block: next,
            args: Vec::new(),
        };
        self.f.end(self.block, Op::Jump, Vec::new(), None, vec![target]);
        self.block = next;
        self.terminated = false;
    }

    /// Gives a reference up; where that leaves, some more are.
    fn decref_before(&mut self, value: Value, kind: Kind, later: Vec<Value>) {
        let index = self.frames.last().expect("there is a frame").index;
        if !kind.ends_quietly() && self.info().knowledge.is_widened(index, Reason::Ending) {
            return self.end_for_all_to_see(value, later);
        }
        if kind == Kind::Maybe {
            return self.if_there(value, |this| this.decref_before(value, Kind::Unknown, later));
        }
        if kind.ends_quietly() {
            match kind {
                // Immortal.
                Kind::None | Kind::Bool => self.hand_over(value),
                _ => self.effect(Op::DecrefNumber, &[value], Imm::None),
            }
            return;
        }
        // A finalizer may look at the frames, and change anything.
        let state = self.state_at(index, Reason::Ending);
        self.f.states[state.0 as usize].release = later;
        self.f
            .append(self.block, Op::Decref, vec![value], Imm::None, Some(state));
    }

    /// Gives a reference up (or NULL) that is likely to be the last one of an object whose end may run any code: with a frame
    /// for that to look at, and a look at what was bet on afterwards.
    fn end_for_all_to_see(&mut self, value: Value, later: Vec<Value>) {
        if let Err(stop) = self.begin_unknown() {
            self.failed = Some(stop);
            return;
        }
        self.call(&optimized::DROP_IF_ANY, &[value], None, (Effect::Any, false));
        self.unsure = true;
        self.settle_before(later);
    }

    /// The item with references of its own, so that it does not depend on a slot.
    pub fn detached(&mut self, mut item: Item, slot: u32) -> Item {
        let mut detach = Vec::new();
        item.objects_mut(&mut |object| {
            if object.owner == Owner::Slot(slot) {
                object.owner = Owner::Item;
                detach.push(object.value);
            }
        });
        for value in detach {
            self.effect(Op::Incref, &[value], Imm::None);
        }
        item
    }
}

/// Offset of a slot of localsplus from the frame.
pub fn slot_offset(slot: usize) -> i32 {
    ((justjit_runtime::layout::FRAME_SPECIALS_SIZE + slot) * 8) as i32
}
