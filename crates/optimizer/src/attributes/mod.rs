//! Attributes that are read, by what sites have met.

mod store;

use crate::builder::{Builder, Done, ir_region};
use crate::convert::slot_offset;
use crate::dictionaries::{Found, Place};
use crate::item::{Item, Kind, Object};
use justjit_builder::{IntCond, Type as Width};
use justjit_ir::{Block, Op, Reason, Type, Value};
use justjit_runtime::arrays::Holder;
use justjit_runtime::attributes::{Finds, LOAD_ATTR, LOAD_METHOD, Shape};
use justjit_runtime::layout::{MANAGED_DICT_OFFSET, offset, type_object};
use store::{addable, is_slot};

impl Builder<'_> {
    /// The shape that the site has met for objects of the receiver's likely type, that type's kind, and where all of them had
    /// the name in dictionaries of their own.
    fn shape(&mut self, receiver: &Item, operand: usize, name: usize) -> Option<(Shape, Kind, Option<Place>)> {
        if self.is_widened(Reason::Changed) || self.is_widened(Reason::Unbound) {
            return None;
        }
        let kind = self.likely_kind(receiver, operand);
        let ty = self.type_of_kind(kind)?;
        // SAFETY: types that were met are alive.
        let tag = unsafe { justjit_runtime::layout::version_tag(ty) };
        let code = self.info().code;
        let shapes = self.known.shapes(code, self.index);
        let place = self.place_in_dictionary(&shapes, name);
        // What was seen in a short time is not all that there is.
        if receiver.kind() == Kind::Unknown && (shapes.all.len() > 1 || shapes.more)
            || place.is_some_and(|place| !place.only)
        {
            return None;
        }
        let shape = shapes.all.into_iter().find(|shape| shape.version == tag && tag != 0)?;
        (place.is_some() || !matches!(shape.finds, Finds::Own)).then_some((shape, kind, place))
    }

    /// Where the objects that the site has met have the name in dictionaries of their own.
    fn place_in_dictionary(&self, shapes: &crate::Shapes, name: usize) -> Option<Place> {
        shapes.dictionary.map(|hint| Place {
            name: self.name(name),
            hint,
            only: shapes.inline == Some(false) && !self.is_widened(Reason::Changed),
        })
    }

    /// Leaves unless the class is as it was.
    pub fn expect_class(&mut self, kind: Kind, tag: u32) {
        let Some(ty) = self.type_of_kind(kind) else {
            return;
        };
        if self.known.bet_on_class(ty) {
            return;
        }
        let ty = self.object(ty.cast());
        let version = self.load_width(
            Type::Int,
            Width::I32,
            false,
            ty,
            type_object::TP_VERSION_TAG as i32,
            ir_region::SHAPE,
        );
        let wanted = self.int(tag.into());
        let same = self.int_compare(IntCond::Eq, version, wanted);
        self.guard(same, Reason::Changed);
    }

    /// Leaves unless the shape holds for the object, which is of its type; what it finds, if that is read where the object has a
    /// dictionary of its own.
    fn expect_shape(&mut self, object: Value, kind: Kind, shape: &Shape, place: Option<Place>) -> Found {
        self.expect_class(kind, shape.version);
        if let Some(place) = place {
            let is_value = !matches!(shape.finds, Finds::OfClass { .. });
            return self.find_own(object, place, is_value, None, None);
        }
        self.expect_fields(object, shape);
        if let Finds::OfClass {
            keys: Some((count, expected)),
            ..
        } = shape.finds
        {
            let count = self.pointer(count.cast(), "keys");
            let count = self.load(Type::Int, count, 0, ir_region::SHAPE);
            let wanted = self.int(expected as i64);
            let same = self.int_compare(IntCond::Eq, count, wanted);
            self.guard(same, Reason::Changed);
        }
        Found::Inline
    }

    /// Leaves unless the object has its attributes where the shape says.
    pub fn expect_fields(&mut self, object: Value, shape: &Shape) {
        if let Some(at) = shape.guard {
            let byte = self.load_width(Type::Int, Width::I8, false, object, at as i32, ir_region::SHAPE);
            let zero = self.int(0);
            let fine = self.int_compare(IntCond::Ne, byte, zero);
            self.guard(fine, Reason::Changed);
        }
        if let Some(at) = shape.empty {
            let word = self.load(Type::Int, object, at as i32, ir_region::SHAPE);
            let zero = self.int(0);
            let fine = self.int_compare(IntCond::Eq, word, zero);
            self.guard(fine, Reason::Changed);
        }
    }

    /// Goes to `other` unless the object has its attributes where the shape says, with a value there; or with room for one,
    /// where that may be set for the first time.
    pub fn have_fields(&mut self, object: Value, shape: &Shape, may_add: bool, other: Block) {
        let mut tests = Vec::new();
        if let Some(at) = shape.guard {
            tests.push((Width::I8, at, IntCond::Ne, ir_region::SHAPE));
        }
        if let Some(at) = shape.empty {
            tests.push((Width::I64, at, IntCond::Eq, ir_region::SHAPE));
        }
        if let Finds::Value { offset, .. } = shape.finds {
            match may_add {
                true if addable(shape).is_some() => {
                    tests.push((Width::I64, MANAGED_DICT_OFFSET as i64, IntCond::Eq, ir_region::SHAPE));
                }
                true if is_slot(shape) => {}
                _ => tests.push((Width::I64, offset, IntCond::Ne, ir_region::ITEMS)),
            }
        }
        for (width, at, cond, region) in tests {
            let found = self.load_width(Type::Int, width, false, object, at as i32, region);
            let zero = self.int(0);
            let fine = self.int_compare(cond, found, zero);
            let next = self.f.add_block();
            self.branch(fine, next, other);
            self.block = next;
            self.terminated = false;
        }
    }

    /// `LOAD_ATTR`.
    pub fn load_attr(&mut self, arg: usize) -> Done {
        let receiver = self.pop();
        let receiver = self.constant_instance(receiver);
        if let Item::Constant(constant) = &receiver
            && self.load_attr_of_class(constant.symbol, arg)?
        {
            return Ok(());
        }
        if let Item::Instance(id, class) = receiver
            && self.load_attr_of_instance(id, class, arg)?
        {
            return Ok(());
        }
        if let Item::Constant(constant) = &receiver
            && let Some(value) = self.known.attribute_of_constant(
                self.f.symbols[constant.symbol.index()].address.cast_mut().cast(),
                self.name(arg >> 1),
            )
            && !self.is_widened(Reason::Changed)
        {
            let item = self.constant_item(value);
            self.specialized += 1;
            self.push(item);
            if arg & 1 != 0 {
                self.push(Item::Null);
            }
            return Ok(());
        }
        if arg & 1 != 0
            && let Some(method) = self.builtin_method(&receiver, arg >> 1)
        {
            self.specialized += 1;
            self.push(method);
            self.push(receiver);
            return Ok(());
        }
        if arg & 1 == 0
            && let Some((value, kind)) = self.complex_attribute(&receiver, self.name(arg >> 1))
        {
            self.specialized += 1;
            self.push(value);
            self.release_known(receiver, kind);
            return Ok(());
        }
        if arg & 1 == 0
            && let Some(value) = self.array_attribute(&receiver, self.name(arg >> 1))
        {
            self.specialized += 1;
            self.push(value);
            self.release_known(receiver, Kind::Array(Holder::Ndarray));
            return Ok(());
        }
        if let Item::Object(object) = receiver
            && let Some((shape, kind, place)) = self.shape(&receiver, 0, arg >> 1)
        {
            match shape.finds {
                Finds::Value { .. } | Finds::Own if arg & 1 == 0 => {
                    self.expect(&object, kind);
                    let value = match (self.expect_shape(object.value, kind, &shape, place), shape.finds) {
                        (Found::Value(value), _) => value,
                        (_, Finds::Value { offset, .. }) => self.value_there(object.value, offset as i32),
                        _ => unreachable!("what is never inline is in a dictionary"),
                    };
                    let result = self.predicted_result();
                    let numeric = self.info().uses.is_numeric(self.index);
                    let item = self.element(value, result, numeric)?;
                    self.specialized += 1;
                    self.push(item);
                    self.release_known(receiver, kind);
                    return Ok(());
                }
                Finds::OfClass {
                    object: found,
                    is_method,
                    ..
                } if is_method == (arg & 1 != 0) => {
                    self.expect(&object, kind);
                    self.expect_shape(object.value, kind, &shape, place);
                    let item = self.constant_item(found);
                    self.specialized += 1;
                    self.push(item);
                    if is_method {
                        let mut receiver = object;
                        receiver.kind = kind;
                        self.push(Item::Object(receiver));
                    } else {
                        self.release_known(receiver, kind);
                    }
                    return Ok(());
                }
                Finds::Property { field, getter } => {
                    self.expect(&object, kind);
                    self.expect_class(kind, shape.version);
                    let mut known = object;
                    known.kind = kind;
                    if self.inline_getter(field, getter, Item::Object(known), arg & 1 != 0)? {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        if let Item::Object(object) = receiver
            && self.load_by_version(arg, object)?
        {
            return Ok(());
        }
        self.generic_load_attr(arg, receiver)
    }

    /// Does the present instruction for each of the shapes that its site has met, told apart by the versions of the object's
    /// class: `each` for the shape of an object that has it. What is left is an object with none of them; `false` if that
    /// does not occur. `stored` is the kind of what is to be stored.
    fn by_version(
        &mut self,
        object: Object,
        (met, may_add): (&Met, bool),
        stored: Option<Kind>,
        each: &mut dyn FnMut(&mut Self, &Shape, Found) -> Done,
    ) -> Done<bool> {
        let Met {
            shapes,
            others,
            many,
            dictionary,
        } = met;
        let (others, many) = (*others, *many);
        let ty = self.load(Type::Pointer, object.value, offset::OB_TYPE, ir_region::HEADER);
        let at = type_object::TP_VERSION_TAG as i32;
        let version = self.load_width(Type::Int, Width::I32, false, ty, at, ir_region::SHAPE);
        let frames = self.frames.clone();
        let next = self.index + 1;
        let is_method = matches!(shapes[0].finds, Finds::OfClass { is_method: true, .. });
        let join = if is_method { self.behind_call() } else { next };
        self.join_at(join);
        // Classes for which it is the same share the code.
        let mut groups: Vec<Vec<&Shape>> = Vec::new();
        for shape in shapes {
            match groups.iter_mut().find(|group| is_alike(group[0], shape)) {
                Some(group) => group.push(shape),
                None => groups.push(vec![shape]),
            }
        }
        for (number, group) in groups.iter().enumerate() {
            let mut any = None;
            for shape in group {
                let wanted = self.int(shape.version.into());
                let mut test = self.int_compare(IntCond::Eq, version, wanted);
                if let Finds::OfClass {
                    keys: Some((count, expected)),
                    ..
                } = shape.finds
                    && (dictionary.is_none() || group.len() > 1)
                {
                    let count = self.pointer(count.cast(), "keys");
                    let count = self.load(Type::Int, count, 0, ir_region::SHAPE);
                    let wanted = self.int(expected as i64);
                    let same = self.int_compare(IntCond::Eq, count, wanted);
                    test = self.op(Op::BoolAnd, &[test, same]);
                }
                any = Some(match any {
                    Some(any) => self.op(Op::BoolOr, &[any, test]),
                    None => test,
                });
            }
            let test = any.expect("a group has a shape");
            let mut rest = None;
            if number + 1 == groups.len() && !others {
                self.guard(test, Reason::Type);
            } else {
                let (here, other) = (self.f.add_block(), self.f.add_block());
                self.branch(test, here, other);
                self.block = here;
                self.terminated = false;
                rest = Some(other);
            }
            let other = rest.filter(|_| others);
            if let Some(place) = dictionary
                && (group[0].guard.is_some() || matches!(group[0].finds, Finds::Own))
            {
                let mut shape = *group[0];
                // Those of several classes have been looked at.
                if let (Finds::OfClass { keys, .. }, true) = (&mut shape.finds, group.len() > 1) {
                    *keys = None;
                }
                self.either_way(object.value, (&shape, *place), (other, may_add), stored, each)?;
            } else {
                match other {
                    Some(other) => self.have_fields(object.value, group[0], may_add, other),
                    None => self.expect_fields(object.value, group[0]),
                }
                each(self, group[0], Found::Inline)?;
            }
            self.frame().index = next;
            self.go_to_next(next)?;
            self.frames.clone_from(&frames);
            if let Some(other) = rest {
                self.block = other;
                self.terminated = false;
            }
        }
        if !many {
            // What the runtime does for the few that are left is not what the function does mostly.
            self.generic_at.insert(self.index);
        }
        Ok(others)
    }

    /// The shapes of the present instruction that code is made for (with a class each, where that is known), and whether the
    /// runtime does it for others: a bet on there being none would be lost.
    fn met_shapes(&mut self, operand: usize, name: usize, is_value: bool, wanted: &dyn Fn(&Shape) -> bool) -> Met {
        let code = self.info().code;
        let shapes = self.known.shapes(code, self.index);
        let dictionary = self.place_in_dictionary(&shapes, name);
        let crate::Shapes { mut all, more, .. } = shapes;
        let before = all.len();
        all.retain(|shape| match shape.finds {
            Finds::Own => is_value && dictionary.is_some(),
            _ => wanted(shape),
        });
        // What a site has of a class is alive as long as the class is what it was.
        let met = self.seen().operands[operand].met.clone();
        // SAFETY: what was met is alive; the GIL is held.
        let live: Vec<_> = unsafe {
            let families = met.into_iter().flat_map(|ty| justjit_runtime::classes::family(ty));
            families
                .map(|ty| (justjit_runtime::layout::version_tag(ty), ty))
                .collect()
        };
        all.retain(|shape| match live.iter().find(|(tag, _)| *tag == shape.version) {
            Some(&(_, ty)) => {
                self.keep(ty.cast());
                true
            }
            None => matches!(shape.finds, Finds::Value { .. } | Finds::Own),
        });
        // There is no frame for the runtime in an inlined callee: it is not inlined any more once that has been left, but where
        // all types are known now, as far as anybody can tell.
        let some = more || all.len() < before;
        let lost = [Reason::Changed, Reason::Unbound];
        let lost = lost.into_iter().any(|reason| self.is_widened(reason));
        let others = match (self.is_inlined(), self.is_widened(Reason::Type)) {
            (true, true) => some || lost || self.info().knowledge.is_widened_again(self.index, Reason::Type),
            (true, false) => lost,
            (false, widened) => some || lost || widened,
        };
        Met {
            shapes: all,
            others,
            many: more,
            dictionary,
        }
    }

    /// `LOAD_ATTR` of an object of one of several classes; `false` if nothing has been done for those that are left.
    fn load_by_version(&mut self, arg: usize, object: Object) -> Done<bool> {
        let as_method = arg & 1 != 0;
        let met = self.met_shapes(0, arg >> 1, !as_method, &|shape| match shape.finds {
            Finds::Value { .. } => !as_method,
            Finds::OfClass { is_method, .. } => is_method == as_method,
            Finds::Property { .. } | Finds::Own => false,
        });
        if met.shapes.is_empty() {
            return Ok(false);
        }
        self.specialized += 1;
        let rest = self.by_version(object, (&met, false), None, &mut |this, shape, found| {
            let receiver = Item::Object(object);
            match shape.finds {
                Finds::Value { .. } | Finds::Own => {
                    let value = match (found, shape.finds) {
                        (Found::Value(value), _) => value,
                        (_, Finds::Value { offset, .. }) => this.value_there(object.value, offset as i32),
                        _ => unreachable!("what is never inline is in a dictionary"),
                    };
                    let result = this.predicted_result();
                    let numeric = this.info().uses.is_numeric(this.index);
                    let item = this.element(value, result, numeric)?;
                    this.push(item);
                    this.release(receiver);
                }
                Finds::OfClass { object: found, .. } => {
                    let item = this.constant_item(found);
                    this.push(item);
                    if as_method {
                        this.push(receiver);
                    } else {
                        this.release(receiver);
                    }
                }
                Finds::Property { .. } => unreachable!("left out above"),
            }
            Ok(())
        })?;
        Ok(!rest)
    }

    /// A word of the frame's memory behind the operand stack's items.
    fn array_slot(&mut self) -> Value {
        let first = self.codes[0].decoded.nlocals_plus as usize + self.frames[0].stack.len();
        let bytes = self.int(slot_offset(first).into());
        self.op(Op::AddOffset, &[self.frame_pointer, bytes])
    }

    fn generic_load_attr(&mut self, arg: usize, receiver: Item) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let name = self.name(arg >> 1);
        let site = self.known.attribute_site(name, self.index);
        let (value, operand) = self.borrow_object(receiver)?;
        self.begin_unknown()?;
        let site = self.pointer(site.cast(), "attribute");
        if arg & 1 == 0 {
            let result = self.unknown_call(&LOAD_ATTR, &[site, value], Type::Object, vec![operand]);
            self.raise_if_null(result);
            self.push(Item::owned(result, Kind::Unknown));
            return Ok(());
        }
        let out = self.array_slot();
        let args = [site, value, out];
        let result = self.unknown_call(&LOAD_METHOD, &args, Type::Object, vec![operand]);
        self.raise_if_null(result);
        let receiver = self.load_owned(out, 0, ir_region::FRAME);
        self.push(Item::owned(result, Kind::Unknown));
        self.push(Item::owned(receiver, Kind::Unknown));
        Ok(())
    }
}

/// What an attribute instruction has met, and code is made for.
struct Met {
    shapes: Vec<Shape>,
    /// The runtime does it for others.
    others: bool,
    /// More of them were seen than code is made for.
    many: bool,
    /// Where objects have it in dictionaries of their own.
    dictionary: Option<Place>,
}

/// Whether two shapes differ in nothing but the class's version and its keys.
fn is_alike(one: &Shape, other: &Shape) -> bool {
    let same = match (one.finds, other.finds) {
        (Finds::Value { offset: a, index: b }, Finds::Value { offset: c, index: d }) => (a, b) == (c, d),
        (Finds::OfClass { object: a, .. }, Finds::OfClass { object: b, .. }) => a == b,
        (Finds::Own, Finds::Own) => true,
        _ => false,
    };
    same && one.guard == other.guard && one.empty == other.empty
}
