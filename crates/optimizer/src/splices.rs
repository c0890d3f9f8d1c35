//! `f(a, *rest)`: the compiler builds a list of the arguments, extends it by the others, makes a tuple of it, and calls. Where the
//! others are a tuple already, neither list nor tuple is made.

use crate::builder::{Builder, Done, ir_region};
use crate::convert::slot_offset;
use crate::item::{Item, Kind};
use justjit_bytecode::Opcode;
use justjit_ir::{Op, Reason, Type};
use justjit_runtime::call::CALL_SPLICED;
use justjit_runtime::ops::containers as ops;
use justjit_runtime::ops::intrinsics::unary;

impl Builder<'_> {
    /// `BUILD_LIST`.
    pub fn build_list(&mut self, count: usize) -> Done {
        if self.is_inlined() || !self.begins_splice() || self.is_unseen() {
            return self.build(&ops::BUILD_LIST, count, count, Kind::List);
        }
        let items = self.pop_many(count);
        self.push(Item::List(items));
        Ok(())
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
