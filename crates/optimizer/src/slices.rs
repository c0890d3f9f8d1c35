//! Slices of lists, tuples, strings and bytes by ints: no slice object is made, nor the ints' objects.

use crate::arithmetic::constant_int;
use crate::builder::{Builder, Done};
use crate::item::{Item, Kind, Object, Owner};
use justjit_builder::IntCond;
use justjit_bytecode::Opcode;
use justjit_ir::{Effect, Reason, Type, Value};
use justjit_runtime::{fast, optimized};

/// Steps beyond which a slice is left to the interpreter's own arithmetic.
const LARGEST_STEP: i64 = 1 << 31;

fn can_be_sliced(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::List | Kind::Tuple | Kind::Str | Kind::Bytes | Kind::ByteArray
    )
}

fn is_bound(kind: Kind) -> bool {
    matches!(kind, Kind::None | Kind::Int | Kind::Bool)
}

impl Builder<'_> {
    /// `BINARY_SLICE`.
    pub fn binary_slice(&mut self) -> Done {
        let stop = self.pop();
        let start = self.pop();
        let container = self.pop();
        let kinds = [(&container, 0), (&start, 1), (&stop, 2)].map(|(item, which)| self.likely_kind(item, which));
        if !self.slice(&container, kinds[0], [&start, &stop], [kinds[1], kinds[2]], 1)? {
            self.frame().stack.extend([container, start, stop]);
            return self.generic_call(&fast::SLICE, 3, Kind::Unknown);
        }
        Ok(())
    }

    /// `BINARY_SUBSCR` with a slice that has not been made. `false` if that has not been done.
    pub fn slice_subscr(&mut self, container: &Item, key: &Item) -> Done<bool> {
        let Item::Slice(parts) = key else {
            return Ok(false);
        };
        let kind = self.likely_kind(container, 0);
        let [start, stop, step] = &**parts;
        let step_of = |item: &Item| match item.kind() {
            Kind::None => Some(1),
            _ => constant_int(item).filter(|&step| step != 0 && step.abs() < LARGEST_STEP),
        };
        if let Some(by) = step_of(step)
            && self.slice(container, kind, [start, stop], [start.kind(), stop.kind()], by)?
        {
            self.release(step.clone());
            return Ok(true);
        }
        self.frame().stack.push(container.clone());
        self.frame().stack.extend(parts.iter().cloned());
        self.generic_call(&fast::STRIDE, 4, Kind::Unknown)?;
        Ok(true)
    }

    /// Pushes part of a sequence and gives the operands up. `false`, with nothing done, if these are not what it is known
    /// for.
    fn slice(&mut self, container: &Item, kind: Kind, bounds: [&Item; 2], kinds: [Kind; 2], step: i64) -> Done<bool> {
        let possible = can_be_sliced(kind) && kinds.into_iter().all(is_bound) && !self.is_widened(Reason::Overflow);
        let (Item::Object(_) | Item::Constant(_), true) = (container, possible) else {
            return Ok(false);
        };
        let sequence = self.known_as(container, kind);
        let (value, sequence) = self.borrow_object(sequence)?;
        let mut operands = vec![sequence];
        let ends = self.bounds(bounds, kinds, step, &mut operands);
        if kind == Kind::List && step.abs() == 1 && self.move_part(value, ends, step, &operands)? {
            return Ok(true);
        }
        let result = self.part(value, ends, step);
        self.specialized += 1;
        self.drop_after_call(operands);
        // Only when memory ends.
        self.raise_if_null(result);
        self.push(Item::owned(result, kind));
        Ok(true)
    }

    /// A new object: part of a sequence, or NULL.
    fn part(&mut self, sequence: Value, ends: [Value; 2], step: i64) -> Value {
        let step = self.int(step);
        let args = [sequence, ends[0], ends[1], step];
        let made = self.call(
            &optimized::SLICE_BY_INTS,
            &args,
            Some(Type::Object),
            (Effect::Allocate, true),
        );
        made.expect("a result")
    }

    /// `list[a:b] = list[c:d:step]`: what the present instruction takes from a list is stored into the same list by a
    /// `STORE_SLICE` soon after, with nothing in between but loads and sums of ints. Where both are the same items, they
    /// change places, and no list is made of them. All of it is one instruction then: nothing can be noticed before the end.
    /// `false` if that has not been done.
    fn move_part(&mut self, list: Value, ends: [Value; 2], step: i64, operands: &[Item]) -> Done<bool> {
        let lasting = |item: &Item| match item {
            Item::Object(object) => object.owner != Owner::Item || object.kind.ends_quietly(),
            item => item.is_unboxed() || matches!(item, Item::Constant(_)),
        };
        let lost = [Reason::Type, Reason::Unbound].iter().any(|&one| self.is_widened(one));
        let Some(last) = self.stored_at().filter(|_| !lost && operands.iter().all(lasting)) else {
            return Ok(false);
        };
        let (frames, first, at) = (self.frames.clone(), self.index, self.at);
        let mut parts = None;
        for index in first + 1..=last {
            self.index = index;
            self.at = self.info().decoded.instructions[index];
            self.frame().index = index + 1;
            match self.at.opcode {
                Opcode::StoreSlice => parts = self.moved_to(list),
                Opcode::BinaryOp => {
                    let depth = self.frame().stack.len();
                    let both = self.frame().stack[depth - 2..].to_vec();
                    if both.iter().any(|item| item.kind() != Kind::Int || !lasting(item)) {
                        break;
                    }
                    self.instruction()?;
                }
                _ => self.instruction()?,
            }
            if self.terminated {
                return Ok(true);
            }
        }
        let Some((start, stop, bounds)) = parts.filter(|(.., bounds)| bounds.iter().all(lasting)) else {
            // Nothing but values that nobody uses has come of it.
            (self.frames, self.index, self.at) = (frames, first, at);
            return Ok(false);
        };
        let by = self.int(step);
        let args = [list, start, stop, ends[0], ends[1], by];
        let moved = self.call(&optimized::MOVE_PART, &args, Some(Type::Int), (Effect::Any, false));
        let zero = self.int(0);
        let moved = self.int_compare(IntCond::Ne, moved.expect("a result"), zero);
        let (done, otherwise) = (self.f.add_block(), self.f.add_block());
        self.branch(moved, done, otherwise);
        self.specialized += 1;
        let before = self.frames.clone();
        self.block = done;
        self.release_all(operands.iter().chain(&bounds).cloned());
        self.join_at(last + 1);
        self.go_to_next(last + 1)?;
        self.block = otherwise;
        self.terminated = false;
        self.frames = before;
        self.f.blocks[otherwise.index()].cold = true;
        let part = self.part(list, ends, step);
        self.owing(operands.iter().chain(&bounds).cloned(), |this| this.raise_if_null(part));
        let mut operands = operands.to_vec();
        operands.push(Item::owned(part, Kind::List));
        operands.extend(bounds);
        self.begin_unknown()?;
        let args = [list, start, stop, part];
        let status = self.unknown_call(&optimized::SET_SLICE_BY_INTS, &args, Type::Int, operands);
        self.raise_if_negative(status);
        Ok(true)
    }

    /// The `STORE_SLICE` that stores what the present instruction gives, if there is nothing on the way but loads and sums.
    fn stored_at(&self) -> Option<usize> {
        let instructions = &self.info().decoded.instructions;
        let here = &instructions[self.index];
        let taken = if here.opcode == Opcode::BinarySlice { 3 } else { 2 };
        let value = here.depth? - taken + 1;
        for (at, one) in instructions.iter().enumerate().skip(self.index + 1) {
            if one.block != here.block || one.handler != here.handler {
                return None;
            }
            match one.opcode {
                Opcode::LoadFast | Opcode::LoadFastLoadFast | Opcode::LoadConst => {}
                Opcode::BinaryOp if matches!(one.arg, 0 | 10) && one.depth? >= value + 2 => {}
                // On our value the container and the bounds.
                Opcode::StoreSlice => return (one.depth? == value + 3).then_some(at),
                _ => return None,
            }
        }
        None
    }

    /// Takes the operands of the present `STORE_SLICE` but the value, if its container is this list and its bounds are ints:
    /// start, stop, and the items that they were.
    fn moved_to(&mut self, list: Value) -> Option<(Value, Value, Vec<Item>)> {
        let stop = self.pop();
        let start = self.pop();
        let container = self.pop();
        let Item::Object(Object { value, kind, .. }) = container else {
            return None;
        };
        let kinds = [start.kind(), stop.kind()];
        if value != list || kind != Kind::List || !kinds.into_iter().all(is_bound) {
            return None;
        }
        let mut items = vec![container];
        let ends = self.bounds([&start, &stop], kinds, 1, &mut items);
        Some((ends[0], ends[1], items))
    }

    /// The bounds as ints, those that are left out by numbers beyond the end; the items join the operands.
    fn bounds(&mut self, bounds: [&Item; 2], kinds: [Kind; 2], step: i64, operands: &mut Vec<Item>) -> [Value; 2] {
        let missing = if step > 0 { [0, i64::MAX] } else { [i64::MAX, i64::MIN] };
        let mut at = 0;
        bounds.map(|bound| {
            let (kind, missing) = (kinds[at], missing[at]);
            at += 1;
            let item = self.known_as(bound, kind);
            let value = match kind {
                Kind::None => self.int(missing),
                _ => self.as_int(&item),
            };
            operands.push(item);
            value
        })
    }

    /// `STORE_SLICE`: the value, the container, the start, the stop.
    pub fn store_slice(&mut self) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let operands = self.pop_many(4);
        let kinds = [0, 1, 2].map(|which| self.likely_kind(&operands[which + 1], which));
        let possible = kinds[0] == Kind::List && is_bound(kinds[1]) && is_bound(kinds[2]);
        if !possible || self.is_widened(Reason::Overflow) || !matches!(operands[1], Item::Object(_)) {
            self.frame().stack.extend(operands);
            return self.generic_status(&fast::SET_SLICE, &[2, 1, 0, 3]);
        }
        let [value, list, start, stop]: [Item; 4] = operands.try_into().expect("four");
        let list = self.known_as(&list, Kind::List);
        let (value, value_item) = self.borrow_object(value)?;
        let (list, list_item) = self.borrow_object(list)?;
        let mut operands = vec![value_item, list_item];
        let ends = self.bounds([&start, &stop], [kinds[1], kinds[2]], 1, &mut operands);
        self.begin_unknown()?;
        let args = [list, ends[0], ends[1], value];
        let status = self.unknown_call(&optimized::SET_SLICE_BY_INTS, &args, Type::Int, operands);
        self.raise_if_negative(status);
        Ok(())
    }
}
