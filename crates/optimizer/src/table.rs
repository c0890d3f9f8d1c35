//! What the optimizing tier makes of each opcode; `opcodes` says the same in words.

use crate::builder::{Builder, Done, decline};
use crate::item::{Constant, Item, Kind, Number};
use justjit_bytecode::Opcode;
use justjit_ir::{Imm, Op, Reason};
use justjit_runtime::ops::containers as ops;
use pyo3_ffi::*;

impl Builder<'_> {
    /// Translates the present instruction.
    pub fn instruction(&mut self) -> Done {
        use Opcode::*;
        let arg = self.at.arg as usize;
        let receiver = match self.at.opcode {
            BinaryOp | BinarySubscr => Some((1, 0)),
            UnpackSequence | ToBool => Some((0, 0)),
            _ => None,
        };
        if let Some((below, operand)) = receiver
            && self.tell_apart(below, operand)?
        {
            return Ok(());
        }
        match self.at.opcode {
            Nop | Resume => {}
            // Inlined callees have their cells from the beginning.
            CopyFreeVars if self.is_inlined() => {}
            MakeCell if self.is_inlined() => self.make_cell(arg),
            LoadConst => self.load_const(arg),
            LoadFast | LoadFastCheck => self.load_fast(arg),
            LoadFastLoadFast => {
                self.load_fast(arg >> 4);
                if !self.terminated {
                    self.load_fast(arg & 15);
                }
            }
            LoadFastAndClear => self.load_fast_and_clear(arg),
            StoreFast => self.store_fast(arg)?,
            StoreFastLoadFast => {
                let item = self.pop();
                if arg >> 4 != arg & 15 {
                    // Before anything is stored.
                    self.expect_bound(arg & 15);
                }
                let item = self.as_number_if_only_that(arg >> 4, item);
                let old = self.store_local(arg >> 4, item)?;
                self.load_fast(arg & 15);
                if !self.terminated {
                    self.decref_all(&old);
                }
            }
            StoreFastStoreFast => {
                // What leaves does so before anything is stored, or with everything stored.
                let (first, second) = (self.pop(), self.pop());
                let (first, second) = self.as_numbers_if_only_that((arg >> 4, first), (arg & 15, second));
                let mut old = self.store_local(arg >> 4, first)?;
                old.extend(self.store_local(arg & 15, second)?);
                self.decref_all(&old);
            }
            DeleteFast => self.delete_fast(arg)?,
            PopTop | EndFor => {
                let item = self.pop();
                self.release(item);
            }
            PushNull => self.push(Item::Null),
            Copy => {
                let stack = &self.frame().stack;
                let at = stack.len() - arg;
                let mut item = stack[at].clone();
                if !item.is_plain() {
                    // It is one object, and an iterator is one state.
                    let kind = item.kind();
                    // What is made takes the place of all items that stand for it: this one is replaced here.
                    self.frame().stack[at] = Item::Null;
                    let value = self.owned_object(item)?;
                    item = Item::owned(value, kind);
                    self.frame().stack[at] = item.clone();
                }
                let item = self.shared(item);
                self.push(item);
            }
            Swap => {
                let stack = &mut self.frame().stack;
                let top = stack.len() - 1;
                stack.swap(top, top + 1 - arg);
            }

            BinaryOp => self.binary_op()?,
            CompareOp => self.compare_op()?,
            UnaryNegative => self.unary_negative()?,
            UnaryInvert => self.unary_invert()?,
            UnaryNot => {
                let item = self.pop();
                match item {
                    Item::Bool(flag) => {
                        let flag = self.op(Op::BoolNot, &[flag]);
                        self.push(Item::Bool(flag));
                    }
                    item => {
                        let flag = self.as_bool(&item);
                        let flag = self.op(Op::BoolNot, &[flag]);
                        self.push(Item::Bool(flag));
                    }
                }
            }
            ToBool => self.convert_to_bool()?,
            IsOp => self.is_op()?,
            ContainsOp => self.contains_op()?,

            JumpForward | JumpBackwardNoInterrupt => {
                let target = self.target();
                self.go_to(target)?;
            }
            JumpBackward => {
                let target = self.target();
                let state = self.state_at(target, Reason::Safepoint);
                self.f
                    .append(self.block, Op::Safepoint, Vec::new(), Imm::None, Some(state));
                self.go_to(target)?;
            }
            PopJumpIfTrue => self.pop_jump_if(true)?,
            PopJumpIfFalse => self.pop_jump_if(false)?,
            PopJumpIfNone => self.pop_jump_if_none(true)?,
            PopJumpIfNotNone => self.pop_jump_if_none(false)?,
            ReturnValue => self.return_value()?,
            ReturnConst => {
                self.load_const(arg);
                self.return_value()?;
            }

            YieldValue => {
                if !self.yield_value()? {
                    self.suspend_entered()?;
                }
            }
            GetAwaitable => self.get_awaitable(arg as i64)?,
            GetYieldFromIter => self.get_yield_from_iter()?,
            Send => self.send()?,
            EndSend => self.end_send()?,
            MakeFunction => self.make_function()?,
            SetFunctionAttribute => self.set_function_attribute(arg as i32)?,

            GetIter => self.get_iter()?,
            ForIter => self.for_iter()?,
            BinarySubscr => self.binary_subscr()?,
            StoreSubscr => self.store_subscr()?,
            BinarySlice => self.binary_slice()?,
            StoreSlice => self.store_slice()?,
            DeleteSubscr => self.generic_status(&ops::DELETE_SUBSCR, &[1, 0])?,
            BuildTuple => {
                let items = self.pop_many(arg);
                self.specialized += 1;
                self.push(Item::Tuple(items));
            }
            BuildList => self.build_list(arg)?,
            BuildSet => self.build(&ops::BUILD_SET, arg, arg, Kind::Unknown)?,
            BuildString => self.build(&ops::BUILD_STRING, arg, arg, Kind::Str)?,
            BuildMap => self.build(&ops::BUILD_MAP, 2 * arg, arg, Kind::Dict)?,
            BuildConstKeyMap => {
                if !self.is_unseen() {
                    let keys = self.pop();
                    let values = self.pop_many(arg);
                    self.build_of(&ops::BUILD_CONST_KEY_MAP, values, arg, Some(keys), Kind::Dict)?;
                }
            }
            BuildSlice => self.build_slice(arg),
            ListAppend => self.list_append_op(arg)?,
            ListExtend => self.list_extend(arg)?,
            SetAdd => self.generic_extend(&ops::SET_ADD, arg)?,
            SetUpdate => self.generic_extend(&ops::SET_UPDATE, arg)?,
            DictUpdate => self.generic_extend(&ops::DICT_UPDATE, arg)?,
            DictMerge => self.dict_merge(arg)?,
            MapAdd => self.map_add(arg)?,
            UnpackEx => self.unpack_ex(arg & 0xff, arg >> 8)?,
            BeforeWith => self.before_with()?,
            CallFunctionEx => self.call_function_ex(arg & 1 != 0)?,
            CallIntrinsic1 => {
                if !self.call_intrinsic_1(arg as u32)? {
                    self.unsupported()?;
                }
            }
            ConvertValue => self.convert_value(arg as i64)?,
            FormatWithSpec => self.generic_call(&justjit_runtime::ops::format::FORMAT_WITH_SPEC, 2, Kind::Unknown)?,
            UnpackSequence => self.unpack_sequence(arg)?,
            LoadGlobal => self.load_global(arg)?,
            StoreGlobal => self.store_global(arg)?,
            LoadDeref => self.load_deref(arg)?,
            StoreDeref => self.store_deref(arg)?,
            LoadAttr => self.load_attr(arg)?,
            StoreAttr => self.store_attr(arg)?,
            LoadSuperAttr => self.load_super_attr(arg)?,
            Call => self.call_op(arg)?,
            CallKw => self.call_kw(arg)?,
            FormatSimple => self.generic_call(&justjit_runtime::ops::format::FORMAT_SIMPLE, 1, Kind::Unknown)?,

            MatchSequence | MatchMapping => self.match_flag(self.at.opcode == MatchSequence)?,
            GetLen => self.get_len()?,
            MatchKeys => self.match_keys()?,
            MatchClass => self.match_class(arg)?,
            ImportName => self.import_name(arg)?,
            ImportFrom => self.import_from(arg)?,

            RaiseVarargs => self.raise_varargs()?,
            Reraise => self.reraise()?,
            PushExcInfo => self.push_exc_info()?,
            PopExcept => self.pop_except()?,
            CheckExcMatch => self.check_exc_match()?,
            WithExceptStart => self.with_except_start()?,
            LoadAssertionError => self.load_assertion_error(),
            // What is rare goes on in baseline code.
            CheckEgMatch | CleanupThrow | EndAsyncFor => self.deopt(Reason::Unsupported),
            _ => self.unsupported()?,
        }
        Ok(())
    }

    /// An instruction that is not in the tier.
    pub fn unsupported(&mut self) -> Done {
        if self.is_inlined() {
            return self.refuse_inlining();
        }
        if self.info().knowledge.count(self.index) > 0 && !self.is_handling() {
            // It was reached: the function is better off in baseline code.
            return decline(format!("{} is not in the optimizing tier", self.at.opcode.name()));
        }
        self.deopt(Reason::Unsupported);
        Ok(())
    }

    /// The present instruction's jump target: an instruction index.
    pub fn target(&self) -> usize {
        let target = self.at.jump_destination().expect("a jump");
        self.info()
            .decoded
            .index_at(target)
            .expect("decoding has checked targets")
    }

    /// Builds again without what is inlined here.
    pub fn refuse_inlining<T>(&mut self) -> Done<T> {
        if self.is_typed_frame() {
            return decline("a callee that runs code that is not known");
        }
        if let Some((code, index)) = self.generator_place() {
            return Err(crate::builder::Stop::NotInlined(code, index));
        }
        let caller = &self.frames[self.frames.len() - 2];
        Err(crate::builder::Stop::NotInlined(
            self.codes[caller.code].code as usize,
            caller.index,
        ))
    }

    // ---- constants -----------------------------------------------------------------------------------------------

    /// `LOAD_CONST`.
    fn load_const(&mut self, index: usize) {
        // SAFETY: decoding has checked the index.
        let object = unsafe { PyTuple_GET_ITEM((*self.info().code).co_consts, index as Py_ssize_t) };
        let item = self.constant_item(object);
        self.push(item);
    }

    /// A constant object as an item.
    pub fn constant_item(&mut self, object: *mut PyObject) -> Item {
        let symbol = self.object_symbol(object);
        // SAFETY: a live object.
        unsafe {
            let kind = self.kind_of_type(Py_TYPE(object));
            let number = match kind {
                Kind::Bool => Some(Number::Bool(object == Py_True())),
                Kind::Float => Some(Number::Float(PyFloat_AS_DOUBLE(object).to_bits())),
                Kind::Int => self.known.int_value(object).map(Number::Int),
                _ => None,
            };
            Item::Constant(Constant { symbol, kind, number })
        }
    }

    fn load_fast_and_clear(&mut self, local: usize) {
        let none = crate::item::Local {
            item: Item::Null,
            home: !self.is_inlined(),
        };
        let old = self.frame().locals[local].clone();
        match old {
            // The usual case: a comprehension's variable that nothing else has.
            crate::item::Local { item: Item::Null, .. } => self.push(Item::Null),
            _ if self.is_inlined() => {
                self.frame().locals[local] = none;
                self.push(old.item);
            }
            _ => self.deopt(Reason::Unsupported),
        }
    }

    // ---- jumps ---------------------------------------------------------------------------------------------------

    fn jump_on(&mut self, flag: justjit_ir::Value, when: bool) -> Done {
        let target = self.target();
        let next = self.index + 1;
        let frames = self.frames.clone();
        let jump = self.edge(target, frames.clone());
        let fall = self.edge(next, frames);
        if when {
            self.branch(flag, jump, fall);
        } else {
            self.branch(flag, fall, jump);
        }
        Ok(())
    }

    /// `POP_JUMP_IF_TRUE`, `POP_JUMP_IF_FALSE`.
    fn pop_jump_if(&mut self, when: bool) -> Done {
        let item = self.pop();
        let known = match &item {
            Item::Constant(Constant {
                number: Some(Number::Bool(value)),
                ..
            }) => Some(*value),
            _ => None,
        };
        if let Some(value) = known {
            let next = if value == when { self.target() } else { self.index + 1 };
            return self.go_to_next(next);
        }
        let flag = self.as_bool(&item);
        self.settle();
        self.jump_on(flag, when)
    }

    /// Goes on at an instruction, in the present block if it is reached only this way.
    pub fn go_to_next(&mut self, index: usize) -> Done {
        let frames = self.frames.clone();
        let block = self.edge(index, frames);
        self.f.end(
            self.block,
            Op::Jump,
            Vec::new(),
            None,
            vec![justjit_ir::BlockCall {
                block,
                args: Vec::new(),
            }],
        );
        self.terminated = true;
        Ok(())
    }

    /// `POP_JUMP_IF_NONE`, `POP_JUMP_IF_NOT_NONE`.
    fn pop_jump_if_none(&mut self, when: bool) -> Done {
        let item = self.pop();
        match item {
            Item::Object(object) if object.kind == Kind::Unknown => {
                // SAFETY: None is immortal.
                let none = self.object(unsafe { Py_None() });
                let is_none = self.op(Op::Same, &[object.value, none]);
                if object.owner == crate::item::Owner::Item {
                    // A reference to None need not be given up, but the other's must.
                    let target = self.target();
                    let next = self.index + 1;
                    let (none_at, other_at) = if when { (target, next) } else { (next, target) };
                    let frames = self.frames.clone();
                    let none_edge = self.edge(none_at, frames);
                    let other_block = self.f.add_block();
                    self.branch(is_none, none_edge, other_block);
                    self.block = other_block;
                    self.frame().index = other_at;
                    self.release(Item::Object(object));
                    return self.go_to_next(other_at);
                }
                let target = self.target();
                let next = self.index + 1;
                let (none_at, other_at) = if when { (target, next) } else { (next, target) };
                let mut frames = self.frames.clone();
                for item in frames.iter_mut().flat_map(crate::item::Frame::items_mut) {
                    item.objects_mut(&mut |known| {
                        if known.value == object.value {
                            known.kind = Kind::None;
                        }
                    });
                }
                let none_edge = self.edge(none_at, frames);
                let frames = self.frames.clone();
                let other_edge = self.edge(other_at, frames);
                self.branch(is_none, none_edge, other_edge);
                Ok(())
            }
            item => {
                let is_none = item.kind() == Kind::None;
                let next = if is_none == when { self.target() } else { self.index + 1 };
                self.frame().index = next;
                self.release(item);
                self.go_to_next(next)
            }
        }
    }

    // ---- the end -------------------------------------------------------------------------------------------------

    /// `RETURN_VALUE`.
    fn return_value(&mut self) -> Done {
        let item = self.pop();
        if self.is_typed_frame() {
            return self.return_typed(item);
        }
        if self.is_inlined() {
            return self.return_from_inlined(item);
        }
        // Nobody sees a local's object after this that nobody sees now.
        let value = match self.local_with(&item) {
            Some(local) if self.frames[0].locals[local].home => self.home_object(local),
            _ => self.new_object(item)?,
        };
        self.end_instances()?;
        // What the stack still has is given up by the interpreter's compiler before a return.
        let offset = self.at.offset;
        self.effect(Op::Locate, &[], Imm::Offset(offset));
        self.leave_frame(value);
        Ok(())
    }

    /// An exception has been raised if the object is NULL.
    pub fn raise_if_null(&mut self, value: justjit_ir::Value) {
        let null = self.op(Op::IsNull, &[value]);
        let fine = self.op(Op::BoolNot, &[null]);
        self.raise_unless(fine);
    }

    /// An int that is less than 0 says that an exception has been raised.
    pub fn raise_if_negative(&mut self, status: justjit_ir::Value) {
        let zero = self.int(0);
        let fine = self.int_compare(justjit_builder::IntCond::SignedGe, status, zero);
        self.raise_unless(fine);
    }
}
