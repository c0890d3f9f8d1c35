//! Builtins that are known: `len`, `range`, `abs`, `math.sqrt` and their like.

use crate::Builtin;
use crate::arithmetic::constant_int;
use crate::arrays::is_index;
use crate::builder::{Builder, Done, ir_region};
use crate::item::{Item, Iterator, Kind, Object, Owner, Step};
use crate::subclasses::AsList;
use justjit_builder::{FloatCond, IntCond};
use justjit_ir::{Imm, Op, Reason, Type, Value};
use justjit_runtime::arrays::Scalar;
use justjit_runtime::layout::SetObject;
use justjit_runtime::math;
use justjit_runtime::special::Unary;
use pyo3_ffi::*;

/// Whether it is a number that `float` takes without asking it.
pub fn is_real(kind: Kind) -> bool {
    is_int(kind) || kind == Kind::Float || matches!(kind, Kind::Numpy(scalar) if scalar.is_int() || scalar.is_float())
}

pub fn is_int(kind: Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Bool)
}

/// Where `enumerate` may start: no loop runs to the end of 64 bits from there.
const FAR: (i64, i64) = (-(1 << 62), (1 << 62) - 1);

impl Builder<'_> {
    /// What is likely of an argument: what is known, else int or float by what the call's sample says.
    fn argument_kind(&mut self, item: &Item) -> Kind {
        match item.kind() {
            Kind::Unknown => Kind::Unknown,
            kind => kind,
        }
    }

    /// A call of something that is no Python function. `false` if it is not known, and nothing has been done.
    pub fn call_builtin(&mut self, callee: *mut PyObject, args: &[Item]) -> Done<bool> {
        if self.is_widened(Reason::Changed) || self.is_widened(Reason::Domain) || self.is_widened(Reason::Overflow) {
            return Ok(false);
        }
        let Some(builtin) = self.known.builtin(callee) else {
            return Ok(false);
        };
        let mut args = args.to_vec();
        if let [item @ Item::Object(_)] = &mut args[..]
            && item.kind() == Kind::Unknown
            && !matches!(builtin, Builtin::Range | Builtin::Zip)
        {
            // By what the call was seen with.
            let kind = self.predicted(2);
            if kind != Kind::Unknown {
                *item = self.known_as(item, kind);
            }
        }
        let args = &args[..];
        let kinds: Vec<Kind> = args.iter().map(|item| self.argument_kind(item)).collect();
        if let (Builtin::Len, [item]) = (builtin, args) {
            let kind = if kinds[0] == Kind::Unknown {
                self.predicted(1)
            } else {
                kinds[0]
            };
            if self.unary_special(Unary::Length, item, kind)? {
                return Ok(true);
            }
        }
        match (builtin, args) {
            (Builtin::Int, [item]) if kinds[0] == Kind::Str => return self.int_of_string(item),
            (Builtin::Next, [item])
                if matches!(kinds[0], Kind::ListIterator | Kind::TupleIterator | Kind::RangeIterator) =>
            {
                return self.next_of(item, kinds[0]);
            }
            _ => {}
        }
        let result = match (builtin, args) {
            (Builtin::Len, [item]) => self.len_of(item),
            (Builtin::Range, _) => self.range_of(args, &kinds),
            (Builtin::Enumerate, [item]) => self.enumerate(item, None)?,
            (Builtin::Enumerate, [item, start]) => self.enumerate(item, Some(start))?,
            (Builtin::Zip, [_, ..]) => {
                let kinds: Option<Vec<Kind>> = (0..args.len()).map(|at| self.iterated_kind(&args[at], at)).collect();
                match kinds {
                    Some(kinds) => {
                        let mut inner = Vec::with_capacity(args.len());
                        for (item, kind) in args.iter().zip(kinds) {
                            inner.extend(self.iterator_of_kind(item, kind)?);
                        }
                        Some(Item::Iterator(Iterator::Zip { inner }))
                    }
                    None => None,
                }
            }
            (Builtin::Abs, [item]) => self.abs_of(item, kinds[0])?,
            (Builtin::Min | Builtin::Max, [set]) => self.least_of_set(builtin == Builtin::Max, set)?,
            (Builtin::Min | Builtin::Max, [first, rest @ ..])
                if !rest.is_empty()
                    && (rest.len() == 1
                        || kinds.iter().all(|&kind| kind == kinds[0])
                            && !args.iter().any(|item| self.may_be_known(item))) =>
            {
                let mut least = Some(first.clone());
                for next in rest {
                    least = match least {
                        Some(item) => self.least(builtin == Builtin::Max, (&item, next), (kinds[0], next.kind()))?,
                        None => None,
                    };
                }
                least
            }
            (Builtin::Int, [item]) if kinds[0] == Kind::Int && self.may_be_known(item) => {
                Some(self.shared(item.clone()))
            }
            (Builtin::Int, [item]) => self.int_of(item, kinds[0]),
            (Builtin::Float, [item]) if kinds[0] == Kind::Float && self.may_be_known(item) => {
                Some(self.shared(item.clone()))
            }
            (Builtin::Float, [item]) if is_real(kinds[0]) => Some(Item::Float(self.as_float(item))),
            (Builtin::Bool, [item])
                if matches!(
                    kinds[0],
                    Kind::Int | Kind::Bool | Kind::Float | Kind::None | Kind::Numpy(_)
                ) =>
            {
                self.truth(item).map(Item::Bool)
            }
            (Builtin::Ord, [item]) => self.ord_of(item),
            (Builtin::Chr, [item]) => self.chr_of(item, kinds[0]),
            (Builtin::Append, [list @ Item::Object(object), value]) => {
                let kind = self.list_kind(object);
                let Some(kind) = kind else {
                    return Ok(false);
                };
                self.expect(object, kind);
                let list = list.clone();
                let target = object.value;
                self.owing([list.clone()], |this| this.append_to(target, value.clone()))?;
                let none = self.none();
                self.push(none);
                self.release_known(list, kind);
                return Ok(true);
            }
            (Builtin::Pop, [list @ Item::Object(object), at @ ..]) if at.len() <= 1 => {
                let fits = at.iter().all(|at| is_index(at.kind()));
                let kind = self.list_kind(object);
                let catcher = match at {
                    // SAFETY: a class of the interpreter's.
                    [] => self.quiet_catcher(unsafe { PyExc_IndexError }.cast()),
                    _ => None,
                };
                let fits = fits && (catcher.is_some() || !self.is_widened(Reason::Bounds));
                let Some(kind) = kind.filter(|_| fits) else {
                    return Ok(false);
                };
                self.expect(object, kind);
                let item = match catcher {
                    Some(catcher) => self.pop_or_raise(object.value, list.clone(), catcher)?,
                    None => self.owing([list.clone()], |this| this.pop_from(object.value, at.first())),
                };
                self.specialized += 1;
                self.push(Item::owned(item, Kind::Unknown));
                self.release_known(list.clone(), kind);
                return Ok(true);
            }
            (Builtin::Divmod, [a, b]) => self.divmod_of(a, b, (kinds[0], kinds[1])),
            (Builtin::Pow, _) => self.power_of(args, &kinds),
            (Builtin::Round, [item]) => self.rounded(item, kinds[0]),
            (Builtin::Complex, _) => self.complex_of(args, &kinds),
            (Builtin::Reversed, [item]) => self.reversed(item),
            (Builtin::Math(function), _) => self.math_of(function, args, &kinds),
            (Builtin::Cmath(function), _) => self.cmath_of(function, args, &kinds),
            _ => None,
        };
        let Some(result) = result else {
            return Ok(false);
        };
        self.specialized += 1;
        self.push(result);
        // What became part of the result is not given up.
        if !matches!(builtin, Builtin::Enumerate | Builtin::Zip) {
            for (item, kind) in args.iter().zip(kinds) {
                let kind = if item.kind() == Kind::Unknown {
                    Kind::Unknown
                } else {
                    kind
                };
                self.release_known(item.clone(), kind);
            }
        }
        Ok(true)
    }

    /// The kind of an object that is a list, if only by its class, or is likely to be one.
    fn list_kind(&mut self, object: &Object) -> Option<Kind> {
        let kind = match object.kind {
            Kind::Unknown if self.is_widened(Reason::Type) => return None,
            // The call was seen with it as the first argument.
            Kind::Unknown => self.predicted(1),
            kind => kind,
        };
        match kind {
            Kind::Unknown => Some(Kind::List),
            Kind::List => Some(kind),
            Kind::Other(_) => {
                let ty = self.type_of_kind(kind)?;
                // SAFETY: types that were met are alive.
                (unsafe { PyType_IsSubtype(ty, &raw mut PyList_Type) } != 0).then_some(kind)
            }
            _ => None,
        }
    }

    fn len_of(&mut self, item: &Item) -> Option<Item> {
        match item {
            Item::Tuple(items) => Some(Item::Int(self.int(items.len() as i64))),
            Item::Character(_) => Some(Item::Int(self.int(1))),
            Item::Object(object)
                if matches!(
                    object.kind,
                    Kind::List | Kind::Tuple | Kind::Str | Kind::Bytes | Kind::ByteArray
                ) =>
            {
                Some(Item::Int(self.size_of(object.value)))
            }
            Item::Object(object) if object.kind == Kind::Dict => {
                Some(Item::Int(self.load(Type::Int, object.value, 16, ir_region::HEADER)))
            }
            Item::Object(object) if self.is_set(object.kind) => {
                let used = std::mem::offset_of!(SetObject, used) as i32;
                Some(Item::Int(self.load(Type::Int, object.value, used, ir_region::HEADER)))
            }
            item if matches!(item.kind(), Kind::Array(_)) => self.array_length(item),
            Item::Object(object) if matches!(object.kind, Kind::Other(_)) => self
                .is_as_list(object.kind, AsList::Size)
                .then(|| Item::Int(self.size_of(object.value))),
            Item::Object(object) if object.kind == Kind::Unknown => {
                // By what the call was seen with.
                let kind = self.predicted(1);
                let sized = matches!(
                    kind,
                    Kind::Tuple | Kind::Str | Kind::Bytes | Kind::ByteArray | Kind::Dict
                );
                if !sized && !self.is_as_list(kind, AsList::Size) {
                    return None;
                }
                self.expect(object, kind);
                Some(Item::Int(self.size_of(object.value)))
            }
            _ => None,
        }
    }

    fn range_of(&mut self, args: &[Item], kinds: &[Kind]) -> Option<Item> {
        if args.is_empty()
            || args.len() > 3
            || !kinds
                .iter()
                .all(|&kind| crate::arrays::is_index(kind) || kind == Kind::Unknown)
        {
            return None;
        }
        let step = match args.get(2) {
            None => Step::Known(1),
            Some(step) => match constant_int(step) {
                Some(step) if step != 0 && step.unsigned_abs() < 1 << 32 => Step::Known(step),
                Some(_) => return None,
                None => Step::Up(self.as_int(step)),
            },
        };
        let (start, stop) = match args {
            [stop] => (self.int(0), self.as_int(stop)),
            [start, stop, ..] => (self.as_int(start), self.as_int(stop)),
            [] => return None,
        };
        Some(self.range_item(start, stop, step))
    }

    fn can_iterate(&mut self, item: &Item) -> bool {
        match item {
            Item::Range { .. } | Item::Iterator(_) => true,
            Item::Object(object) => self.is_sequence(object.kind),
            _ => false,
        }
    }

    /// `enumerate`, from a start on that is far from where ints of 64 bits end.
    fn enumerate(&mut self, item: &Item, start: Option<&Item>) -> Done<Option<Item>> {
        let constant = match start {
            None => Some(0),
            Some(start) => constant_int(start),
        };
        let fits = match (constant, start) {
            (Some(constant), _) => FAR.0 <= constant && constant <= FAR.1,
            (None, start) => matches!(start, Some(Item::Int(_))),
        };
        if !fits {
            return Ok(None);
        }
        let inner = match self.array_iterator(item, 2) {
            None => match self.iterated_kind(item, 0) {
                None => None,
                Some(kind) => self.iterator_of_kind(item, kind)?,
            },
            inner => inner,
        };
        let Some(inner) = inner else {
            return Ok(None);
        };
        let count = match (constant, start) {
            (Some(constant), _) => self.int(constant),
            (None, Some(&Item::Int(start))) => {
                let near = self.is_in_range(start, FAR);
                self.guard(near, Reason::Domain);
                start
            }
            _ => unreachable!("an int"),
        };
        Ok(Some(Item::Iterator(Iterator::Enumerate {
            inner: Box::new(inner),
            count,
        })))
    }

    /// An iterator over the item, which it takes over; leaves unless that is of the [kind](Self::iterated_kind).
    fn iterator_of_kind(&mut self, item: &Item, kind: Kind) -> Done<Option<Item>> {
        match item.kind() {
            Kind::Unknown => {
                let item = self.known_as(item, kind);
                self.iterator_over(&item)
            }
            _ => self.iterator_over(item),
        }
    }

    /// The kind of an argument of a call (the first or second one), known or by what the call was seen with, if a loop can go over
    /// that.
    fn iterated_kind(&mut self, item: &Item, at: usize) -> Option<Kind> {
        if self.can_iterate(item) {
            return Some(item.kind());
        }
        let operand = match at {
            0 => 2,
            1 => 1,
            _ => return None,
        };
        let unknown = matches!(item, Item::Object(object) if object.kind == Kind::Unknown);
        let kind = self.predicted(operand);
        (unknown && self.is_sequence(kind)).then_some(kind)
    }

    /// An iterator over the item, which it takes over.
    fn iterator_over(&mut self, item: &Item) -> Done<Option<Item>> {
        if !self.can_iterate(item) {
            return Ok(None);
        }
        Ok(Some(match item {
            Item::Range { start, stop, step } => Item::Iterator(Iterator::Range {
                next: *start,
                stop: *stop,
                step: *step,
            }),
            Item::Object(object) => {
                let sequence = self.as_sequence(item.clone(), object.kind)?;
                let index = self.int(0);
                Item::Iterator(Iterator::Sequence {
                    sequence: Box::new(sequence),
                    index,
                })
            }
            item => item.clone(),
        }))
    }

    fn abs_of(&mut self, item: &Item, kind: Kind) -> Done<Option<Item>> {
        Ok(Some(match kind {
            Kind::Float => {
                let value = self.as_float(item);
                Item::Float(self.op(Op::FloatAbs, &[value]))
            }
            Kind::Int | Kind::Bool => {
                let value = self.as_int(item);
                let zero = self.int(0);
                let negated = self.checked(Op::IntSubChecked, &[zero, value], Reason::Overflow);
                let below = self.int_compare(IntCond::SignedLt, value, zero);
                if kind == Kind::Int && self.may_be_known(item) {
                    return Ok(Some(self.either(below, &Item::Int(negated), item, kind)?));
                }
                Item::Int(self.op(Op::Select, &[below, negated, value]))
            }
            Kind::Numpy(scalar) => return Ok(self.numpy_abs(item, scalar)),
            Kind::Complex => {
                let (real, imaginary) = self.as_complex(item, 0);
                Item::Float(self.plain(&math::COMPLEX_ABS, &[real, imaginary]))
            }
            _ => return Ok(None),
        }))
    }

    /// Whether the result of this instruction, if it is the argument, has to be that very object: somebody may have it, and
    /// more than the number is used.
    pub fn may_be_known(&mut self, item: &Item) -> bool {
        matches!(item, Item::Object(_)) && !self.info().uses.is_numeric(self.index)
    }

    /// The object of the first of two numbers if the flag is set, else that of the second.
    fn either(&mut self, flag: Value, first: &Item, second: &Item, kind: Kind) -> Done<Item> {
        let mut objects = [first, second].map(|item| match item {
            Item::Object(object) => Some(object.value),
            _ => None,
        });
        let mut made = Vec::new();
        for (object, item) in objects.iter_mut().zip([first, second]) {
            if object.is_none() {
                let value = self.owned_object(item.clone())?;
                made.push((value, kind));
                *object = Some(value);
            }
        }
        let [first, second] = objects.map(|object| object.expect("found or made"));
        let value = self.op(Op::Select, &[flag, first, second]);
        self.effect(Op::Incref, &[value], Imm::None);
        self.decref_all(&made);
        Ok(Item::Object(Object {
            value,
            kind,
            owner: Owner::Item,
        }))
    }

    /// `min` and `max` of two: the first of equals, as the interpreter has it.
    fn least(&mut self, greatest: bool, items: (&Item, &Item), kinds: (Kind, Kind)) -> Done<Option<Item>> {
        let known = self.may_be_known(items.0) || self.may_be_known(items.1);
        self.least_of(greatest, items, kinds, known)
    }

    /// The same; `known` where the result has to be that very object.
    pub fn least_of(
        &mut self,
        greatest: bool,
        (a, b): (&Item, &Item),
        kinds: (Kind, Kind),
        known: bool,
    ) -> Done<Option<Item>> {
        let items = (a, b);
        Ok(match kinds {
            (Kind::Int, Kind::Int) => {
                let (a, b) = (self.as_int(a), self.as_int(b));
                let cond = if greatest { IntCond::SignedGt } else { IntCond::SignedLt };
                let second = self.int_compare(cond, b, a);
                if known {
                    return Ok(Some(self.either(second, items.1, items.0, Kind::Int)?));
                }
                Some(Item::Int(self.op(Op::Select, &[second, b, a])))
            }
            (Kind::Numpy(one), Kind::Numpy(other)) if one == other && one.is_int() => {
                let (a, b) = (self.as_int(a), self.as_int(b));
                let cond = if greatest { IntCond::SignedGt } else { IntCond::SignedLt };
                let second = self.int_compare(cond, b, a);
                Some(Item::Numpy(one, self.op(Op::Select, &[second, b, a])))
            }
            (Kind::Numpy(one), Kind::Numpy(other)) if one == other && one.is_float() => {
                let (a, b) = (self.as_float(a), self.as_float(b));
                let cond = if greatest { FloatCond::Gt } else { FloatCond::Lt };
                let second = self.float_compare(cond, b, a);
                Some(Item::Numpy(one, self.op(Op::Select, &[second, b, a])))
            }
            (Kind::Float, Kind::Float) => {
                let (a, b) = (self.as_float(a), self.as_float(b));
                let cond = if greatest { FloatCond::Gt } else { FloatCond::Lt };
                let second = self.float_compare(cond, b, a);
                if known {
                    return Ok(Some(self.either(second, items.1, items.0, Kind::Float)?));
                }
                Some(Item::Float(self.op(Op::Select, &[second, b, a])))
            }
            _ => None,
        })
    }

    fn int_of(&mut self, item: &Item, kind: Kind) -> Option<Item> {
        Some(match kind {
            Kind::Int | Kind::Bool => Item::Int(self.as_int(item)),
            Kind::Numpy(scalar) if scalar.is_int() => Item::Int(self.as_int(item)),
            Kind::Float | Kind::Numpy(Scalar::Float64) => {
                let value = self.as_float(item);
                Item::Int(self.truncated(value))
            }
            _ => return None,
        })
    }

    /// A float's integer part; leaves where that does not fit.
    pub fn truncated(&mut self, value: Value) -> Value {
        let limit = self.float(9_223_372_036_854_775_808.0);
        let size = self.op(Op::FloatAbs, &[value]);
        let fine = self.float_compare(FloatCond::Lt, size, limit);
        self.guard(fine, Reason::Domain);
        self.op(Op::FloatToInt, &[value])
    }

    fn ord_of(&mut self, item: &Item) -> Option<Item> {
        if let Item::Character(code_point) = *item {
            return Some(Item::Int(code_point));
        }
        let Item::Object(object) = item else {
            return None;
        };
        if object.kind != Kind::Str {
            return None;
        }
        let size = self.size_of(object.value);
        let one = self.int(1);
        let fine = self.int_compare(IntCond::Eq, size, one);
        self.guard(fine, Reason::Domain);
        let first = self.int(0);
        Some(Item::Int(self.code_point_of_any(object.value, first)))
    }

    /// A method of a builtin type that is known, as a constant.
    pub fn builtin_method(&mut self, receiver: &Item, name: usize) -> Option<Item> {
        if let Some(constant) = self.symbol_address(receiver) {
            // SAFETY: constants are alive.
            let ty = unsafe { Py_TYPE(constant) };
            // What has no dictionary has just its type's attributes.
            // SAFETY: a live type.
            let plain = unsafe {
                let generic: getattrofunc = PyObject_GenericGetAttr;
                let own = (*ty).tp_getattro.is_some_and(|get| std::ptr::fn_addr_eq(get, generic));
                (*ty).tp_dictoffset == 0 && PyType_HasFeature(ty, Py_TPFLAGS_MANAGED_DICT) == 0 && own
            };
            let method = self.known.method_of_type(ty, self.name(name)).filter(|_| plain)?;
            // SAFETY: as above.
            let is_method = unsafe { Py_TYPE(method) == &raw mut PyMethodDescr_Type };
            return is_method.then(|| self.constant_item(method));
        }
        let kind = match self.likely_kind(receiver, 0) {
            kind @ (Kind::List | Kind::Int | Kind::Bool | Kind::Float | Kind::Complex) => kind,
            kind @ Kind::Numpy(scalar) if scalar.is_complex() => kind,
            _ => return None,
        };
        let ty = self.type_of_kind(kind)?;
        let method = self.known.method_of_type(ty, self.name(name))?;
        self.known.builtin(method)?;
        if let Item::Object(object) = receiver {
            let object = *object;
            self.expect(&object, kind);
        }
        Some(self.constant_item(method))
    }
}
