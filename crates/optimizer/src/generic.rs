//! Instructions that the runtime does on any objects, as in baseline code.

use crate::builder::{Builder, Done};
use crate::convert::slot_offset;
use crate::item::{Item, Kind};
use justjit_builder::RuntimeFn;
use justjit_ir::{Effect, Imm, Op, Type, Value};
use justjit_runtime::ops::containers as ops;
use justjit_runtime::ops::numbers;

impl Builder<'_> {
    /// What has not been seen is not translated into calls of the runtime, but left to baseline code until it is: says so,
    /// and leaves.
    pub fn is_unseen(&mut self) -> bool {
        let unseen = self.info().knowledge.is_unreached(self.index);
        if unseen {
            self.deopt(justjit_ir::Reason::Unreached);
        }
        unseen
    }

    /// Before an instruction that the runtime does, and that may run code that we do not know.
    pub fn begin_unknown(&mut self) -> Done {
        self.begin_call()?;
        self.generic += 1;
        if self.generic_at.insert(self.index) {
            self.generic_weight += u64::from(self.codes[0].knowledge.count(self.index));
        }
        Ok(())
    }

    /// Before code runs that we do not know. What it needs: the frame as the interpreter has it.
    pub fn begin_call(&mut self) -> Done {
        if self.is_inlined() {
            return self.refuse_inlining();
        }
        self.make_handled()?;
        self.make_rows()?;
        self.bring_all_home()?;
        self.detach_all();
        let offset = self.at.offset;
        self.effect(Op::Locate, &[], Imm::Offset(offset));
        Ok(())
    }

    /// Calls the runtime, which may run any code; the operands' references are given up afterwards.
    pub fn unknown_call(
        &mut self,
        function: &'static RuntimeFn,
        args: &[Value],
        result: Type,
        operands: Vec<Item>,
    ) -> Value {
        let result = self
            .call(function, args, Some(result), (Effect::Any, result == Type::Object))
            .expect("a result");
        self.unsure = true;
        // Right behind unknown code, with the frame as it should be, any object may end.
        for mut item in operands {
            let mut owned = Vec::new();
            item.objects_mut(&mut |object| {
                if object.owner == crate::item::Owner::Item {
                    owned.push(object.value);
                }
            });
            for value in owned {
                self.effect(Op::DecrefNumber, &[value], Imm::None);
            }
        }
        result
    }

    /// Gives operands up after a call that may have raised: nothing may leave in between.
    pub fn drop_after_call(&mut self, operands: Vec<Item>) {
        for item in operands {
            let mut owned = Vec::new();
            let mut item = item;
            item.objects_mut(&mut |object| {
                if object.owner == crate::item::Owner::Item {
                    owned.push((object.value, object.kind));
                }
            });
            for (value, kind) in owned {
                if kind.ends_quietly() {
                    self.effect(Op::DecrefNumber, &[value], Imm::None);
                } else {
                    self.call(&justjit_runtime::numbers::DROP, &[value], None, (Effect::Any, false));
                }
            }
        }
    }

    /// Operands as objects.
    pub fn as_objects(&mut self, operands: Vec<Item>) -> Done<(Vec<Value>, Vec<Item>)> {
        let mut values = Vec::with_capacity(operands.len());
        let mut items = Vec::with_capacity(operands.len());
        for operand in operands {
            let (value, item) = self.borrow_object(operand)?;
            values.push(value);
            items.push(item);
        }
        Ok((values, items))
    }

    /// Calls the runtime with the top items, the lowest first, and pushes what it gives.
    pub fn generic_call(&mut self, function: &'static RuntimeFn, count: usize, kind: Kind) -> Done {
        let operands = self.pop_many(count);
        self.generic_with(function, &[], operands, kind)
    }

    /// Calls the runtime with leading numbers and objects, and pushes what it gives.
    pub fn generic_with(
        &mut self,
        function: &'static RuntimeFn,
        leading: &[i64],
        operands: Vec<Item>,
        kind: Kind,
    ) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let (values, operands) = self.as_objects(operands)?;
        self.begin_unknown()?;
        let mut args: Vec<Value> = leading.iter().map(|&number| self.int(number)).collect();
        args.extend(values);
        let result = self.unknown_call(function, &args, Type::Object, operands);
        self.raise_if_null(result);
        self.push(Item::owned(result, kind));
        Ok(())
    }

    /// Calls the runtime with operands by their distance from the top (which all are taken), for a status.
    pub fn generic_status(&mut self, function: &'static RuntimeFn, order: &[usize]) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let count = order.iter().max().expect("operands") + 1;
        let operands = self.pop_many(count);
        let (values, operands) = self.as_objects(operands)?;
        self.begin_unknown()?;
        let args: Vec<Value> = order.iter().map(|&distance| values[count - 1 - distance]).collect();
        let status = self.unknown_call(function, &args, Type::Int, operands);
        self.raise_if_negative(status);
        Ok(())
    }

    pub fn generic_binary(&mut self, left: Item, right: Item) -> Done {
        let op = i64::from(self.at.arg);
        self.generic_with(&numbers::BINARY_OP, &[op], vec![left, right], Kind::Unknown)
    }

    pub fn generic_unary(&mut self, item: Item, function: &'static RuntimeFn) -> Done {
        self.generic_with(function, &[], vec![item], Kind::Unknown)
    }

    /// A comparison of any objects; the result is a bool object where the instruction wants one.
    pub fn generic_compare(&mut self, left: Item, right: Item) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let op = i64::from(self.at.arg >> 5);
        if self.at.arg & 16 == 0 {
            return self.generic_with(&numbers::COMPARE, &[op], vec![left, right], Kind::Unknown);
        }
        let (values, operands) = self.as_objects(vec![left, right])?;
        self.begin_unknown()?;
        let op = self.int(op);
        let status = self.unknown_call(&numbers::COMPARE_BOOL, &[op, values[0], values[1]], Type::Int, operands);
        self.raise_if_negative(status);
        self.push_status(status);
        Ok(())
    }

    /// A status that is 0 or 1.
    pub fn push_status(&mut self, status: Value) {
        let zero = self.int(0);
        let flag = self.int_compare(justjit_builder::IntCond::Ne, status, zero);
        self.push(Item::Bool(flag));
    }

    pub fn generic_truth(&mut self, item: Item) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let (values, operands) = self.as_objects(vec![item])?;
        self.begin_unknown()?;
        let status = self.unknown_call(&numbers::IS_TRUE, &values, Type::Int, operands);
        self.raise_if_negative(status);
        self.push_status(status);
        Ok(())
    }

    /// `IS_OP` on what has to be made first.
    pub fn generic_is(&mut self, left: Item, right: Item, negate: bool) -> Done {
        if self.is_inlined() && !(left.is_plain() && right.is_plain()) {
            // It may be one object that has not been made, or two.
            return self.refuse_inlining();
        }
        let (values, operands) = self.as_objects(vec![left, right])?;
        let mut flag = self.op(Op::Same, &values);
        if negate {
            flag = self.op(Op::BoolNot, &[flag]);
        }
        self.push(Item::Bool(flag));
        self.release_all(operands);
        Ok(())
    }

    /// `CONTAINS_OP`.
    pub fn contains_op(&mut self) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let container = self.pop();
        let item = self.pop();
        if self.contains_specialized(&item, &container)? || self.contains_key(&item, &container)? {
            return Ok(());
        }
        let (values, operands) = self.as_objects(vec![item, container])?;
        self.begin_unknown()?;
        let args = [values[1], values[0]];
        let status = self.unknown_call(&ops::CONTAINS, &args, Type::Int, operands);
        self.raise_if_negative(status);
        let zero = self.int(0);
        let cond = if self.at.arg == 0 {
            justjit_builder::IntCond::Ne
        } else {
            justjit_builder::IntCond::Eq
        };
        let flag = self.int_compare(cond, status, zero);
        self.push(Item::Bool(flag));
        Ok(())
    }

    /// `BUILD_LIST` and its like: the items' references go into what is made.
    pub fn build(&mut self, function: &'static RuntimeFn, items: usize, count: usize, kind: Kind) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let operands = self.pop_many(items);
        self.build_of(function, operands, count, None, kind)
    }

    /// The same of operands that have been taken, with another argument behind them, which is given up.
    pub fn build_of(
        &mut self,
        function: &'static RuntimeFn,
        operands: Vec<Item>,
        count: usize,
        last: Option<Item>,
        kind: Kind,
    ) -> Done {
        let mut values = Vec::with_capacity(operands.len());
        for operand in operands {
            values.push(self.owned_object(operand)?);
        }
        let (last, given_up) = self.as_objects(last.into_iter().collect())?;
        self.begin_unknown()?;
        // Where the interpreter has them, too.
        let info = &self.codes[0];
        let first = info.decoded.nlocals_plus as usize + self.frames[0].stack.len();
        for (index, &value) in values.iter().enumerate() {
            let offset = slot_offset(first + index);
            self.store_owned(value, self.frame_pointer, offset, crate::builder::ir_region::FRAME);
        }
        let bytes = self.int(slot_offset(first).into());
        let array = self.op(Op::AddOffset, &[self.frame_pointer, bytes]);
        let count = self.int(count as i64);
        let mut args = vec![array, count];
        args.extend(last);
        let result = self.unknown_call(function, &args, Type::Object, given_up);
        self.raise_if_null(result);
        self.push(Item::owned(result, kind));
        Ok(())
    }

    /// `LIST_EXTEND` and its like.
    pub fn generic_extend(&mut self, function: &'static RuntimeFn, distance: usize) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let operand = self.pop();
        let (values, operands) = self.as_objects(vec![operand])?;
        let at = self.frame().stack.len() - distance;
        let Item::Object(target) = self.frame().stack[at] else {
            return crate::builder::decline("a container that is not an object");
        };
        self.begin_unknown()?;
        let status = self.unknown_call(function, &[target.value, values[0]], Type::Int, operands);
        self.raise_if_negative(status);
        Ok(())
    }
}
