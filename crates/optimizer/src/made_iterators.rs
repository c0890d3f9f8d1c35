//! Loops over iterators that are objects, in machine code: behind a suspension, or where they came from elsewhere. Where they
//! are is written down in the object with each item, as the interpreter does it.

use crate::builder::{Builder, Done, ir_region};
use crate::item::{Item, Kind, Object, Owner};
use justjit_builder::{IntCond, Type as Width};
use justjit_bytecode::Opcode;
use justjit_ir::{Op, Reason, Type};
use justjit_runtime::layout::offset;

impl Builder<'_> {
    /// `FOR_ITER` over an iterator of a range, a list or a tuple; `false` if it is another, and nothing has been done.
    pub fn next_of_object(&mut self, iterator: Object) -> Done<bool> {
        let info = self.info();
        let before = self.index.checked_sub(1);
        // Where what the loop goes over has turned out to be of several types, its iterators are as well.
        let varies = before.is_some_and(|at| {
            info.decoded.instructions[at].opcode == Opcode::GetIter && info.knowledge.is_widened(at, Reason::Type)
        });
        let kind = match iterator.kind {
            Kind::Unknown if varies => return Ok(false),
            Kind::Unknown => self.predicted(0),
            kind => kind,
        };
        let over = match kind {
            Kind::RangeIterator => None,
            Kind::ListIterator => Some(Kind::List),
            Kind::TupleIterator => Some(Kind::Tuple),
            _ => return Ok(false),
        };
        self.expect(&iterator, kind);
        self.specialized += 1;
        match over {
            None => self.next_of_range_object(iterator)?,
            Some(over) => self.next_of_sequence_object(iterator, over)?,
        }
        Ok(true)
    }

    fn next_of_range_object(&mut self, iterator: Object) -> Done {
        let left = self.load(Type::Int, iterator.value, offset::RANGEITER_LEN, ir_region::ANY);
        let (zero, one) = (self.int(0), self.int(1));
        let more = self.int_compare(IntCond::SignedGt, left, zero);
        self.unless_at_end(more)?;
        let next = self.load(Type::Int, iterator.value, offset::RANGEITER_START, ir_region::ANY);
        let step = self.load(Type::Int, iterator.value, offset::RANGEITER_STEP, ir_region::ANY);
        // As in the interpreter, it may wrap behind the last item.
        let after = self.op(Op::IntAddWrapping, &[next, step]);
        let left = self.op(Op::IntSub, &[left, one]);
        self.store(after, iterator.value, offset::RANGEITER_START, ir_region::ANY);
        self.store(left, iterator.value, offset::RANGEITER_LEN, ir_region::ANY);
        self.push(Item::Int(next));
        let next = self.index + 1;
        self.go_to_next(next)
    }

    fn next_of_sequence_object(&mut self, iterator: Object, over: Kind) -> Done {
        // What is at its end is seldom asked again: it has no sequence then.
        let value = self.load(Type::Object, iterator.value, offset::SEQITER_SEQ, ir_region::ANY);
        let gone = self.op(Op::IsNull, &[value]);
        let there = self.op(Op::BoolNot, &[gone]);
        self.guard(there, Reason::Type);
        // Where the items are is the same in instances of subclasses, and they are all that is looked at.
        let sequence = Object {
            value,
            kind: over,
            owner: Owner::Version,
        };
        let index = self.load(Type::Int, iterator.value, offset::SEQITER_INDEX, ir_region::ANY);
        let size = self.size_of(value);
        let more = self.int_compare(IntCond::UnsignedLt, index, size);
        // One that others have, too, loses its sequence at its end.
        let count = self.load_width(
            Type::Int,
            Width::I32,
            false,
            iterator.value,
            offset::OB_REFCNT,
            ir_region::COUNT,
        );
        let one = self.int(1);
        let alone = self.int_compare(IntCond::Eq, count, one);
        let fine = self.op(Op::BoolOr, &[more, alone]);
        self.guard(fine, Reason::Type);
        self.unless_at_end(more)?;
        let (kind, numeric) = (self.predicted_result(), self.info().uses.is_numeric(self.index));
        let value = self.sequence_item(&sequence, index);
        let item = self.element(value, kind, numeric)?;
        let after = self.op(Op::IntAdd, &[index, one]);
        self.store(after, iterator.value, offset::SEQITER_INDEX, ir_region::ANY);
        self.push(item);
        let next = self.index + 1;
        self.go_to_next(next)
    }

    /// Goes on here if there is another item; the iterator is given up otherwise.
    fn unless_at_end(&mut self, more: justjit_ir::Value) -> Done {
        let exit = self.target();
        let here = self.frames.clone();
        let (leave, body) = (self.f.add_block(), self.f.add_block());
        self.branch(more, body, leave);
        self.block = leave;
        self.terminated = false;
        self.frame().index = exit;
        let finished = self.pop();
        self.release(finished);
        self.go_to_next(exit)?;
        self.block = body;
        self.terminated = false;
        self.frames = here;
        Ok(())
    }
}
