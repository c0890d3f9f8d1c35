//! Loops: iterators that are never made, and those that are.

use crate::builder::{Builder, Done, ir_region};
use crate::item::{Form, Item, Iterator, Kind, Object, Owner, Step};
use justjit_builder::{IntCond, Type as Width};
use justjit_bytecode::Opcode;
use justjit_ir::{Imm, Op, Reason, Type, Value};
use justjit_runtime::iteration::{FOR_ITER, GET_ITER};
use justjit_runtime::layout::offset;

impl Builder<'_> {
    /// `GET_ITER`.
    pub fn get_iter(&mut self) -> Done {
        let item = self.pop();
        let iterator = match item {
            Item::Range { start, stop, step } => Item::Iterator(Iterator::Range {
                next: start,
                stop,
                step,
            }),
            item @ Item::Iterator(_) => item,
            item @ Item::Instance(..) if self.form_of(&item).is_some() => item,
            item => match self.likely_kind(&item, 0) {
                kind if self.is_sequence(kind) => {
                    let sequence = self.as_sequence(item, kind)?;
                    let index = self.int(0);
                    Item::Iterator(Iterator::Sequence {
                        sequence: Box::new(sequence),
                        index,
                    })
                }
                _ => {
                    if let Some(iterator) = self.array_iterator(&item, 0) {
                        self.specialized += 1;
                        self.push(iterator);
                        return Ok(());
                    }
                    if self.is_unseen() {
                        return Ok(());
                    }
                    let (value, operand) = self.borrow_object(item)?;
                    self.begin_unknown()?;
                    let args = [self.thread, value];
                    let result = self.unknown_call(&GET_ITER, &args, Type::Object, vec![operand]);
                    self.raise_if_null(result);
                    self.push(Item::owned(result, Kind::Unknown));
                    return Ok(());
                }
            },
        };
        self.specialized += 1;
        self.push(iterator);
        Ok(())
    }

    /// The item as an object of that kind, a sequence.
    pub fn as_sequence(&mut self, item: Item, kind: Kind) -> Done<Item> {
        Ok(match item {
            Item::Object(mut object) => {
                self.expect(&object, kind);
                object.kind = kind;
                Item::Object(object)
            }
            Item::Constant(constant) => {
                let value = self.op_imm(Op::ObjectConst, &[], Imm::Symbol(constant.symbol));
                Item::Object(Object {
                    value,
                    kind: constant.kind,
                    owner: Owner::Version,
                })
            }
            item => {
                let value = self.owned_object(item)?;
                Item::owned(value, kind)
            }
        })
    }

    /// `FOR_ITER`.
    pub fn for_iter(&mut self) -> Done {
        let exit = self.target();
        let next = self.index + 1;
        let mut top = self.frame().stack.last().cloned().expect("an iterator");
        let mut shared = None;
        match self.form_of(&top) {
            Some((id, Form::Generator(suspended))) => return self.next_of_generator(id, suspended),
            Some((id, _)) => {
                shared = Some(id as usize);
                top = self.frames[0].instances[id as usize].values[0].1.clone();
            }
            None => {}
        }
        if let Item::Iterator(iterator) = top {
            self.specialized += 1;
            let more = self.has_more(&iterator);
            let mut done = self.frames.clone();
            let finished = done.last_mut().expect("a frame").stack.pop().expect("an iterator");
            let leave = self.f.add_block();
            let body = self.f.add_block();
            self.branch(more, body, leave);
            // The end: the iterator is given up.
            let here = self.frames.clone();
            self.block = leave;
            self.terminated = false;
            self.frames = done;
            self.frame().index = exit;
            self.release(finished);
            self.go_to_next(exit)?;
            // The body.
            self.block = body;
            self.terminated = false;
            self.frames = here;
            let kind = self.predicted_result();
            let numeric = self.info().uses.is_numeric(self.index);
            let (item, iterator) = self.advance(iterator, &[(kind, numeric)])?;
            let place = match shared {
                Some(id) => &mut self.frames[0].instances[id].values[0].1,
                None => self.frame().stack.last_mut().expect("an iterator"),
            };
            *place = Item::Iterator(iterator);
            self.push(item);
            return self.go_to_next(next);
        }
        let Item::Object(object) = top else {
            return crate::builder::decline("an iterator of an unknown kind");
        };
        if self.next_of_object(object)? || self.is_unseen() {
            return Ok(());
        }
        self.begin_unknown()?;
        let site = self.pointer(self.known.scratch(), "scratch");
        let args = [self.thread, object.value, site];
        let result = self.unknown_call(&FOR_ITER, &args, Type::Object, Vec::new());
        let raised = self.op_imm(Op::IntConst, &[], Imm::Int(1));
        let bits = self.op(Op::AddressOf, &[result]);
        let fine = self.int_compare(IntCond::Ne, bits, raised);
        self.raise_unless(fine);
        let ended = self.op(Op::IsNull, &[result]);
        let leave = self.f.add_block();
        let body = self.f.add_block();
        self.branch(ended, leave, body);
        let here = self.frames.clone();
        self.block = leave;
        self.terminated = false;
        self.frame().index = exit;
        let finished = self.pop();
        self.release(finished);
        self.settle_again();
        self.go_to_next(exit)?;
        self.block = body;
        self.terminated = false;
        self.frames = here;
        self.push(Item::owned(result, Kind::Unknown));
        self.frame().index = next;
        self.settle_again();
        self.go_to_next(next)
    }

    /// As [`Builder::settle`], on each of two ways.
    fn settle_again(&mut self) {
        self.unsure = true;
        self.settle();
    }

    /// Whether the iterator has another item.
    fn has_more(&mut self, iterator: &Iterator) -> Value {
        match iterator {
            Iterator::Range { next, stop, step } => {
                let cond = match step {
                    Step::Known(step) if *step < 0 => IntCond::SignedGt,
                    _ => IntCond::SignedLt,
                };
                self.int_compare(cond, *next, *stop)
            }
            Iterator::Sequence { sequence, index } => {
                let Item::Object(object) = **sequence else {
                    unreachable!("a sequence is an object")
                };
                let size = self.size_of(object.value);
                self.int_compare(IntCond::SignedLt, *index, size)
            }
            Iterator::Array { array, index, layout } => self.array_has_more(array, *index, layout),
            Iterator::Enumerate { inner, .. } => match &**inner {
                Item::Iterator(inner) => {
                    let inner = inner.clone();
                    self.has_more(&inner)
                }
                _ => unreachable!("made of iterators only"),
            },
            Iterator::Zip { inner } => {
                let mut all: Option<Value> = None;
                for item in inner.clone() {
                    let Item::Iterator(inner) = item else {
                        unreachable!("made of iterators only")
                    };
                    let more = self.has_more(&inner);
                    all = Some(match all {
                        Some(all) => self.op(Op::BoolAnd, &[all, more]),
                        None => more,
                    });
                }
                all.unwrap_or_else(|| self.bool(false))
            }
        }
    }

    /// What is likely of the parts of the tuples that the loop unpacks: their kinds, and whether only their numbers matter.
    fn unpacked_hints(&mut self, count: usize) -> Vec<(Kind, bool)> {
        let unpack = self.index + 1;
        let info = self.info();
        let instructions = &info.decoded.instructions;
        if instructions
            .get(unpack)
            .is_none_or(|one| one.opcode != Opcode::UnpackSequence)
        {
            return vec![(Kind::Unknown, false); count];
        }
        let numeric = self.unpacked_numeric(unpack, count);
        let met = info.knowledge.at(unpack).result;
        let widened = info.knowledge.is_widened(self.index, Reason::Type) || met.more;
        let met = if widened { Vec::new() } else { met.met };
        let kinds: Vec<Kind> = met.into_iter().map(|ty| self.kind_of_type(ty)).collect();
        numeric
            .into_iter()
            .map(|numeric| match kinds[..] {
                [kind] => (kind, numeric),
                // An enumeration's numbers, and its items.
                [Kind::Int, kind] | [kind, Kind::Int] => (kind, numeric),
                _ => (Kind::Unknown, numeric),
            })
            .collect()
    }

    /// Of which of the items that an instruction unpacks only the numbers matter: they are stored right behind it.
    pub fn unpacked_numeric(&self, unpack: usize, count: usize) -> Vec<bool> {
        let info = self.info();
        let instructions = &info.decoded.instructions;
        // The first item is stored first.
        let mut locals = Vec::new();
        for one in &instructions[unpack + 1..] {
            match one.opcode {
                Opcode::StoreFast => locals.push(one.arg as usize),
                Opcode::StoreFastStoreFast => locals.extend([(one.arg >> 4) as usize, (one.arg & 15) as usize]),
                Opcode::StoreFastLoadFast => {
                    locals.push((one.arg >> 4) as usize);
                    break;
                }
                _ => break,
            }
        }
        (0..count)
            .map(|at| locals.get(at).is_some_and(|&local| info.uses.numeric_locals[local]))
            .collect()
    }

    /// The next item, and the iterator after it. `hints` says what is likely of the item.
    fn advance(&mut self, iterator: Iterator, hints: &[(Kind, bool)]) -> Done<(Item, Iterator)> {
        Ok(match iterator {
            Iterator::Range { next, stop, step } => {
                let by = self.step(step);
                // It cannot overflow: see `range_item`.
                let after = self.op(Op::IntAdd, &[next, by]);
                (
                    Item::Int(next),
                    Iterator::Range {
                        next: after,
                        stop,
                        step,
                    },
                )
            }
            Iterator::Sequence { sequence, index } => {
                let Item::Object(object) = *sequence else {
                    unreachable!("a sequence is an object")
                };
                let item = if object.kind == Kind::Str {
                    Item::Character(self.code_point(object.value, index))
                } else {
                    let value = self.sequence_item(&object, index);
                    let (kind, numeric) = hints.first().copied().unwrap_or((Kind::Unknown, false));
                    self.element(value, kind, numeric)?
                };
                let one = self.int(1);
                let index = self.op(Op::IntAdd, &[index, one]);
                (item, Iterator::Sequence { sequence, index })
            }
            Iterator::Array { array, index, layout } => {
                let hint = hints.first().copied().unwrap_or((Kind::Unknown, false));
                let item = self.array_next(&array, index, &layout, hint)?;
                let one = self.int(1);
                let index = self.op(Op::IntAdd, &[index, one]);
                (item, Iterator::Array { array, index, layout })
            }
            Iterator::Enumerate { inner, count } => {
                let Item::Iterator(inner) = *inner else {
                    unreachable!("made of iterators only")
                };
                let hints = self.unpacked_hints(2);
                let (item, inner) = self.advance(inner, &hints[1..])?;
                let one = self.int(1);
                let after = self.op(Op::IntAdd, &[count, one]);
                (
                    Item::Tuple(vec![Item::Int(count), item]),
                    Iterator::Enumerate {
                        inner: Box::new(Item::Iterator(inner)),
                        count: after,
                    },
                )
            }
            Iterator::Zip { inner } => {
                let hints = self.unpacked_hints(inner.len());
                let outermost = self.deferred.is_none();
                self.deferred.get_or_insert_default();
                let mut items = Vec::with_capacity(inner.len());
                let mut after = Vec::with_capacity(inner.len());
                for (at, one) in inner.into_iter().enumerate() {
                    let Item::Iterator(one) = one else {
                        unreachable!("made of iterators only")
                    };
                    let (item, one) = self.advance(one, &hints[at..])?;
                    items.push(item);
                    after.push(Item::Iterator(one));
                }
                if outermost {
                    for value in self.deferred.take().into_iter().flatten() {
                        self.effect(Op::Incref, &[value], Imm::None);
                    }
                }
                (Item::Tuple(items), Iterator::Zip { inner: after })
            }
        })
    }

    /// Item `index`, which is in range, of a list or tuple; borrowed from there.
    pub fn sequence_item(&mut self, sequence: &Object, index: Value) -> Value {
        let pointer = (Width::I64, true);
        if sequence.kind == Kind::Tuple {
            let place = (offset::TUPLE_ITEMS, 8);
            return self.load_item(Type::Object, pointer, sequence.value, index, place, ir_region::ITEMS);
        }
        let items = self.load(Type::Pointer, sequence.value, offset::LIST_ITEMS, ir_region::HEADER);
        self.load_item(Type::Object, pointer, items, index, (0, 8), ir_region::ITEMS)
    }

    /// What has just been read out of a container, an attribute or a cell, as the present instruction's result: a number
    /// where only that matters, else the object with a reference of its own.
    pub fn element(&mut self, value: Value, kind: Kind, numeric: bool) -> Done<Item> {
        let object = Object {
            value,
            kind: Kind::Unknown,
            owner: Owner::Version,
        };
        if numeric && !self.is_widened(Reason::Overflow) {
            let item = Item::Object(object);
            match kind {
                Kind::Int => return Ok(Item::Int(self.as_int(&item))),
                Kind::Float => return Ok(Item::Float(self.as_float(&item))),
                Kind::Bool => return Ok(Item::Bool(self.as_bool(&item))),
                _ => {}
            }
        }
        if matches!(
            kind,
            Kind::Int | Kind::Float | Kind::Bool | Kind::Str | Kind::List | Kind::Tuple
        ) {
            if matches!(kind, Kind::List | Kind::Tuple) {
                self.read_structure(value);
            }
            self.expect(&object, kind);
            self.incref_element(value);
            return Ok(Item::owned(value, kind));
        }
        self.incref_element(value);
        Ok(Item::owned(value, Kind::Unknown))
    }

    /// What has just been read, and is to be tested now, is a structure's reference ([`Region::Structures`]).
    fn read_structure(&mut self, value: Value) {
        let last = self.f.blocks[self.block.index()].insts.last();
        if let Some(&last) = last
            && let data = &mut self.f.insts[last.index()]
            && data.result == Some(value)
            && let Imm::Memory { region, .. } = &mut data.imm
            && *region == ir_region::ITEMS
        {
            *region = ir_region::STRUCTURES;
        }
    }

    fn incref_element(&mut self, value: Value) {
        match &mut self.deferred {
            Some(deferred) => deferred.push(value),
            None => self.effect(Op::Incref, &[value], Imm::None),
        }
    }

    /// A range's step as a number.
    pub fn step(&mut self, step: Step) -> Value {
        match step {
            Step::Known(step) => self.int(step),
            Step::Up(step) => step,
        }
    }

    /// `range(start, stop, step)`, made sure that going on by a step past an item cannot overflow.
    pub fn range_item(&mut self, start: Value, stop: Value, step: Step) -> Item {
        match step {
            Step::Known(step) if step > 1 => {
                let limit = self.int(i64::MAX - step);
                let fine = self.int_compare(IntCond::SignedLe, stop, limit);
                self.guard(fine, Reason::Overflow);
            }
            Step::Known(step) if step < -1 => {
                let limit = self.int(i64::MIN - step);
                let fine = self.int_compare(IntCond::SignedGe, stop, limit);
                self.guard(fine, Reason::Overflow);
            }
            Step::Known(_) => {}
            Step::Up(by) => {
                let zero = self.int(0);
                let up = self.int_compare(IntCond::SignedGt, by, zero);
                self.guard(up, Reason::Domain);
                let most = self.int(i64::MAX);
                let limit = self.op(Op::IntSub, &[most, by]);
                let fine = self.int_compare(IntCond::SignedLe, stop, limit);
                self.guard(fine, Reason::Overflow);
            }
        }
        Item::Range { start, stop, step }
    }
}
