//! Instructions that the runtime does in all cases, and that are not common enough for more.

use crate::builder::{Builder, Done, ir_region};
use crate::convert::slot_offset;
use crate::item::{Item, Kind};
use justjit_ir::{Op, Type, Value};
use justjit_runtime::arrays::Scalar;
use justjit_runtime::call::CALL_EX;
use justjit_runtime::ops::containers as ops;
use justjit_runtime::ops::exceptions::BEFORE_WITH;
use justjit_runtime::ops::format::CONVERT_VALUE;
use justjit_runtime::ops::intrinsics::{CALL_INTRINSIC_1, unary};
use justjit_runtime::ops::unpack::UNPACK_EX;

impl Builder<'_> {
    /// Where the frame's operand stack has room, as an address, behind the items that it has now.
    fn stack_top(&mut self) -> (usize, Value) {
        let info = &self.codes[0];
        let first = info.decoded.nlocals_plus as usize + self.frames[0].stack.len();
        let bytes = self.int(slot_offset(first).into());
        (first, self.op(Op::AddOffset, &[self.frame_pointer, bytes]))
    }

    /// An object that the runtime has left there.
    fn left_at(&mut self, slot: usize) -> Item {
        let value = self.load_owned(self.frame_pointer, slot_offset(slot), ir_region::FRAME);
        Item::owned(value, Kind::Unknown)
    }

    /// `BEFORE_WITH`.
    pub fn before_with(&mut self) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let manager = self.pop();
        let (manager, operand) = self.borrow_object(manager)?;
        self.begin_unknown()?;
        let (first, out) = self.stack_top();
        let entered = self.unknown_call(&BEFORE_WITH, &[manager, out], Type::Object, vec![operand]);
        self.raise_if_null(entered);
        let exit = self.left_at(first);
        self.push(exit);
        self.push(Item::owned(entered, Kind::Unknown));
        Ok(())
    }

    /// `MAP_ADD`.
    pub fn map_add(&mut self, distance: usize) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let operands = self.pop_many(2);
        let at = self.frame().stack.len() - distance;
        let Item::Object(dict) = self.frame().stack[at] else {
            return crate::builder::decline("a dict that is not an object");
        };
        let (values, operands) = self.as_objects(operands)?;
        self.begin_unknown()?;
        let args = [dict.value, values[0], values[1]];
        let status = self.unknown_call(&ops::MAP_ADD, &args, Type::Int, operands);
        self.raise_if_negative(status);
        Ok(())
    }

    /// `DICT_MERGE`.
    pub fn dict_merge(&mut self, distance: usize) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let update = self.pop();
        let stack = &self.frame().stack;
        let (dict, callable) = (stack.len() - distance, stack.len() - distance - 3);
        let (Item::Object(dict), callable) = (stack[dict].clone(), stack[callable].clone()) else {
            return crate::builder::decline("a dict that is not an object");
        };
        if !matches!(callable, Item::Object(_) | Item::Constant(_)) {
            return crate::builder::decline("a callable that is not an object");
        }
        let (callable, _) = self.borrow_object(callable)?;
        let (values, operands) = self.as_objects(vec![update])?;
        self.begin_unknown()?;
        let args = [callable, dict.value, values[0]];
        let status = self.unknown_call(&ops::DICT_MERGE, &args, Type::Int, operands);
        self.raise_if_negative(status);
        Ok(())
    }

    /// `CONVERT_VALUE`.
    pub fn convert_value(&mut self, kind: i64) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let item = self.pop();
        let (value, operand) = self.borrow_object(item)?;
        self.begin_unknown()?;
        let kind = self.int(kind);
        let result = self.unknown_call(&CONVERT_VALUE, &[value, kind], Type::Object, vec![operand]);
        self.raise_if_null(result);
        self.push(Item::owned(result, Kind::Unknown));
        Ok(())
    }

    /// `CALL_FUNCTION_EX`: the runtime takes all references over.
    pub fn call_function_ex(&mut self, with_keywords: bool) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        // The NULL there is an object in no program; behind a `yield`, the builder does not know that.
        let stack = &self.frame().stack;
        if stack[stack.len() - 2 - usize::from(with_keywords)] != Item::Null {
            return self.unsupported();
        }
        let keywords = with_keywords.then(|| self.pop());
        let args = self.pop();
        self.pop();
        let callable = self.pop();
        self.begin_unknown()?;
        let callable = self.owned_object(callable)?;
        let args = self.owned_object(args)?;
        let keywords = match keywords {
            Some(keywords) => self.owned_object(keywords)?,
            None => self.null(),
        };
        let result = self.unknown_call(&CALL_EX, &[callable, args, keywords], Type::Object, Vec::new());
        self.finish_call(result)
    }

    /// `CALL_INTRINSIC_1`, as far as expressions need it; `false` if nothing has been done.
    pub fn call_intrinsic_1(&mut self, which: u32) -> Done<bool> {
        let kind = match which {
            unary::LIST_TO_TUPLE => Kind::Tuple,
            unary::UNARY_POSITIVE => Kind::Unknown,
            _ => return Ok(false),
        };
        let item = self.pop();
        if let (unary::UNARY_POSITIVE, Kind::Numpy(scalar)) = (which, item.kind())
            && scalar != Scalar::Bool
        {
            let number = self.unboxed_scalar(&item);
            let number = self.in_another_object(number);
            self.specialized += 1;
            self.push(number);
            self.release(item);
            return Ok(true);
        }
        self.generic_with(&CALL_INTRINSIC_1, &[which.into()], vec![item], kind)?;
        Ok(true)
    }

    /// `UNPACK_EX`.
    pub fn unpack_ex(&mut self, before: usize, after: usize) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let sequence = self.pop();
        let (sequence, operand) = self.borrow_object(sequence)?;
        self.begin_unknown()?;
        let (first, out) = self.stack_top();
        let (count, last) = (self.int(before as i64), self.int(after as i64));
        let args = [sequence, count, last, out];
        let status = self.unknown_call(&UNPACK_EX, &args, Type::Int, vec![operand]);
        self.raise_if_negative(status);
        for at in 0..before + 1 + after {
            let item = self.left_at(first + at);
            self.push(item);
        }
        Ok(())
    }
}
