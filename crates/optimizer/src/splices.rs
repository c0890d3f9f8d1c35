//! Lists that are displayed only for what is made of them next.
//!
//! `f(a, *rest)`: the compiler builds a list of the arguments, extends it by the others, makes a tuple of it, and calls. Where the
//! others are a tuple already, neither list nor tuple is made. `[0.0] * n`: the list of one item is not made.

use crate::builder::{Builder, Done, ir_region};
use crate::convert::slot_offset;
use crate::item::{Item, Kind};
use justjit_bytecode::Opcode;
use justjit_ir::{Effect, Op, Reason, Type};
use justjit_runtime::call::CALL_SPLICED;
use justjit_runtime::ops::containers as ops;
use justjit_runtime::ops::intrinsics::unary;
use justjit_runtime::ops::numbers::nb;
use justjit_runtime::optimized;

impl Builder<'_> {
    /// `BUILD_LIST`.
    pub fn build_list(&mut self, count: usize) -> Done {
        let splices = !self.is_inlined() && self.begins_splice();
        if !splices && !self.begins_repeat(count) {
            return self.build(&ops::BUILD_LIST, count, count, Kind::List);
        }
        if self.is_unseen() {
            return Ok(());
        }
        let items = self.pop_many(count);
        self.push(Item::List(items));
        Ok(())
    }

    /// Whether what the present `BUILD_LIST` makes is repeated, after a few loads and operators that say how often. Its items
    /// are such that no code runs when they end.
    fn begins_repeat(&self, count: usize) -> bool {
        let stack = &self.frames.last().expect("there is a frame").stack;
        let quiet = |item: &Item| item.kind().ends_quietly();
        if count == 0 || !stack[stack.len() - count..].iter().all(quiet) {
            return false;
        }
        let instructions = &self.info().decoded.instructions;
        let block = instructions[self.index].block;
        let mut pushed = 0;
        for one in &instructions[self.index + 1..] {
            if one.block != block {
                return false;
            }
            match one.opcode {
                Opcode::LoadFast | Opcode::LoadDeref | Opcode::LoadConst => pushed += 1,
                Opcode::LoadFastLoadFast => pushed += 2,
                Opcode::LoadGlobal => pushed += 1 + (one.arg as usize & 1),
                Opcode::LoadAttr if one.arg & 1 == 0 && pushed >= 1 => {}
                Opcode::Call if pushed >= 2 + one.arg as usize => pushed -= 1 + one.arg as usize,
                // The other operand may lie below.
                Opcode::BinaryOp if pushed <= 1 => return one.arg == nb::MULTIPLY,
                Opcode::BinaryOp | Opcode::BinarySubscr => pushed -= 1,
                _ => return false,
            }
        }
        false
    }

    /// `[…] * number`, either way round, where the list has not been made: `false` if nothing has been done.
    pub fn repeat_items(&mut self, left: &Item, right: &Item, kinds: (Kind, Kind)) -> Done<bool> {
        let (items, count, kind) = match (left, right) {
            (Item::List(items), count) => (items, count, kinds.1),
            (count, Item::List(items)) => (items, count, kinds.0),
            _ => return Ok(false),
        };
        if !matches!(kind, Kind::Int | Kind::Bool) || self.at.arg != nb::MULTIPLY {
            return Ok(false);
        }
        if !items.iter().all(|item| item.kind().ends_quietly()) {
            return Ok(false);
        }
        let times = self.as_int(count);
        if self.terminated {
            return Ok(true);
        }
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.owned_object(item.clone())?);
        }
        let array = self.array(&values)?;
        let length = self.int(values.len() as i64);
        // No Python code runs, and there is an exception only when memory ends.
        let made = self.call(
            &optimized::REPEAT,
            &[array, length, times],
            Some(Type::Object),
            (Effect::Any, true),
        );
        let made = made.expect("a result");
        self.release_known(count.clone(), kind);
        self.raise_if_null(made);
        self.specialized += 1;
        self.push(Item::owned(made, Kind::List));
        Ok(true)
    }

    /// Whether the present `BUILD_LIST` is that of such a call's arguments, with nothing in between but loads of what is behind
    /// the star.
    fn begins_splice(&self) -> bool {
        let instructions = &self.info().decoded.instructions;
        let block = instructions[self.index].block;
        let mut pushed = 0;
        for (at, one) in instructions.iter().enumerate().skip(self.index + 1) {
            if one.block != block {
                return false;
            }
            match one.opcode {
                Opcode::LoadFast | Opcode::LoadDeref => pushed += 1,
                Opcode::LoadGlobal if one.arg & 1 == 0 => pushed += 1,
                Opcode::LoadAttr if one.arg & 1 == 0 && pushed == 1 => {}
                Opcode::ListExtend => return pushed == 1 && one.arg == 1 && self.ends_splice(at),
                _ => return false,
            }
            if pushed > 1 {
                return false;
            }
        }
        false
    }

    /// Whether what the `LIST_EXTEND` of this index makes is called with at once.
    fn ends_splice(&self, index: usize) -> bool {
        let instructions = &self.info().decoded.instructions;
        let Some([extend, convert, call]) = instructions.get(index..index + 3) else {
            return false;
        };
        convert.opcode == Opcode::CallIntrinsic1
            && convert.arg == unary::LIST_TO_TUPLE
            && call.opcode == Opcode::CallFunctionEx
            && call.arg == 0
            && convert.block == extend.block
            && call.block == extend.block
    }

    /// `LIST_EXTEND`.
    pub fn list_extend(&mut self, distance: usize) -> Done {
        let at = self.frame().stack.len() - 1 - distance;
        let Item::List(items) = self.frame().stack[at].clone() else {
            return self.generic_extend(&ops::LIST_EXTEND, distance);
        };
        let rest = self
            .frame()
            .stack
            .last()
            .cloned()
            .expect("what the list is extended by");
        let is_tuple = self.likely_kind(&rest, 0) == Kind::Tuple && !self.is_widened(Reason::Type);
        if self.is_inlined() || !is_tuple || !self.ends_splice(self.index) {
            self.frame().stack[at] = Item::Null;
            let list = self.owned_object(Item::List(items))?;
            self.frame().stack[at] = Item::owned(list, Kind::List);
            return self.generic_extend(&ops::LIST_EXTEND, distance);
        }
        if let Item::Object(object) = rest {
            self.expect(&object, Kind::Tuple);
        }
        let rest = self.pop();
        self.pop();
        self.pop();
        let callable = self.pop();
        // From here on this is the call.
        self.index += 2;
        self.at = self.info().decoded.instructions[self.index];
        self.f.position.offset = self.at.offset;
        let behind = self.index + 1;
        self.frame().index = behind;
        self.begin_unknown()?;
        let count = self.int(items.len() as i64);
        let first = self.codes[0].decoded.nlocals_plus as usize + self.frames[0].stack.len();
        let mut values = Vec::with_capacity(items.len() + 2);
        for item in std::iter::once(callable).chain(items).chain([rest]) {
            values.push(self.owned_object(item)?);
        }
        for (index, value) in values.into_iter().enumerate() {
            self.store_owned(value, self.frame_pointer, slot_offset(first + index), ir_region::FRAME);
        }
        let bytes = self.int(slot_offset(first).into());
        let array = self.op(Op::AddOffset, &[self.frame_pointer, bytes]);
        let result = self.unknown_call(&CALL_SPLICED, &[array, count], Type::Object, Vec::new());
        self.finish_call(result)
    }
}
