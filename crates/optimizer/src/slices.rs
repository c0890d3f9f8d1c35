//! Slices of lists, tuples, strings and bytes by ints: no slice object is made, nor the ints' objects.

use crate::arithmetic::constant_int;
use crate::builder::{Builder, Done};
use crate::item::{Item, Kind};
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
        let step = self.int(step);
        let args = [value, ends[0], ends[1], step];
        let result = self
            .call(
                &optimized::SLICE_BY_INTS,
                &args,
                Some(Type::Object),
                (Effect::Allocate, true),
            )
            .expect("a result");
        self.specialized += 1;
        self.drop_after_call(operands);
        // Only when memory ends.
        self.raise_if_null(result);
        self.push(Item::owned(result, kind));
        Ok(true)
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
