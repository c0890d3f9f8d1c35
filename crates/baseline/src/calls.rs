//! Calls of Python functions and classes, and of anything by the runtime.
//!
//! What a call instruction does by itself is decided by what the version before has met there ([`Callee`]); all else
//! goes to the runtime with callable and arguments in the frame's memory, on the *slow* way of the same instruction.

use crate::emitter::{Emitter, Item, Operand, slot_offset};
use justjit_builder::{Builder, IntCond, IntOp, Type};
use justjit_runtime::binding::{Plan, Source};
use justjit_runtime::call::{CALL, CALL_EX, CALL_KW};
use justjit_runtime::construct::{FINISH_INSTANCE, NEW_INSTANCE};
use justjit_runtime::feedback::seen;
use justjit_runtime::layout::{Frame, Function, ThreadState, offset, type_object};
use justjit_runtime::site::{CallSite, Callee};
use std::mem::offset_of;

/// One call instruction: what is common to its ways.
pub struct CallForm<V> {
    /// Depth of the callable; behind it lie self or NULL, and the arguments.
    pub base: usize,
    /// Arguments, without self.
    pub nargs: usize,
    /// The tuple of keywords' names.
    pub kwnames: Option<Operand<V>>,
    /// The instruction's [`CallSite`].
    pub site: V,
}

impl<B: Builder> Emitter<'_, B> {
    /// `CALL`.
    pub fn call(&mut self) {
        self.call_form(None);
    }

    /// `CALL_KW`.
    pub fn call_kw(&mut self) {
        let is_constant = matches!(self.stack.last(), Some(Item::Const(_)));
        let kwnames = self.pop();
        self.call_form(Some((kwnames, is_constant)));
    }

    fn call_form(&mut self, kwnames: Option<(Operand<B::Value>, bool)>) {
        let nargs = self.at.arg as usize;
        let base = self.depth() - nargs - 2;
        let constant = kwnames.is_none_or(|(_, is_constant)| is_constant);
        let callee = self.callee(base, nargs, kwnames.is_some()).filter(|_| constant);
        let site = self.input.call_site(self.index, callee.as_ref());
        let form = CallForm {
            base,
            nargs,
            kwnames: kwnames.map(|(operand, _)| operand),
            site: self.object(site),
        };
        match callee {
            Some(Callee::Function(plan)) => self.call_function(&form, &plan),
            Some(Callee::Class(plan)) => self.call_class(&form, &plan),
            Some(callee) => self.call_c(&form, &callee),
            None => self.call_anything(&form),
        }
    }

    /// What the present instruction calls by itself, if that suits its operands.
    fn callee(&self, base: usize, nargs: usize, has_keywords: bool) -> Option<Callee> {
        if self.input.profiling {
            return None;
        }
        let no_self = self.stack[base + 1] == Item::Null || self.likely_null.contains(&(base + 1));
        let Some(callee) = self.input.callee(self.index).cloned() else {
            let plain = !has_keywords && self.input.older.is_null() && self.inlines(seen::PYTHON);
            return plain.then(|| Callee::Function(Plan::plain(nargs + usize::from(!no_self))));
        };
        let suits = match &callee {
            Callee::Function(plan) => plan.arguments() == nargs + usize::from(self.stack[base + 1] != Item::Null),
            Callee::Class(plan) => plan.arguments() == nargs + 1,
            _ => !has_keywords && self.suits_c(&callee, nargs),
        };
        suits.then_some(callee)
    }

    /// Everything that a call consumes, in registers and owned.
    pub fn own_call(&mut self, form: &CallForm<B::Value>) -> Vec<B::Value> {
        (form.base..self.depth()).map(|depth| self.own_at(depth)).collect()
    }

    /// The runtime's way, with everything in the frame's memory.
    fn call_anything(&mut self, form: &CallForm<B::Value>) {
        // Whatever is called may change any local.
        self.detach_all_locals();
        self.set_instruction_pointer();
        self.flush_from(form.base);
        let result = self.call_runtime(form);
        self.finish_call(form, result);
    }

    fn call_runtime(&mut self, form: &CallForm<B::Value>) -> B::Value {
        let items = self.stack_address(form.base);
        let count = self.int(form.nargs as i64);
        match form.kwnames {
            Some(kwnames) => {
                let names = self.own(kwnames);
                self.b
                    .call_value(&CALL_KW, &[self.thread, form.site, items, count, names])
            }
            None => self.b.call_value(&CALL, &[self.thread, form.site, items, count]),
        }
    }

    /// The runtime's way of a call whose parts are in registers and owned; goes to `join` with the result, or NULL.
    pub fn call_slowly(&mut self, form: &CallForm<B::Value>, values: &[B::Value], join: B::Block) {
        for (index, &value) in values.iter().enumerate() {
            let offset = self.stack_slot(form.base + index);
            self.b.store(value, self.frame, offset);
        }
        let value = self.call_runtime(form);
        self.b.jump(join, &[value]);
    }

    /// Behind a call: NULL raises, the result is pushed, and what is pending has its turn.
    pub fn finish_call(&mut self, form: &CallForm<B::Value>, result: B::Value) {
        self.stack.truncate(form.base);
        let raise = self.raise_block();
        self.b.branch_unless(result, raise, &[]);
        self.push_owned(result);
        self.safepoint(self.at.next, true);
    }

    /// Goes on when the function has the entry that the site knows.
    pub fn check_entry(&mut self, function: B::Value, site: B::Value, otherwise: B::Block) {
        let entry = self.load(function, offset_of!(Function, vectorcall) as i32);
        let expected = self.load(site, offset_of!(CallSite, vectorcall) as i32);
        let same = self.b.compare(IntCond::Eq, entry, expected);
        self.b.branch_unless(same, otherwise, &[]);
    }

    /// The function's `__defaults__`, where the plan takes some: they can be replaced without the entry's notice.
    fn check_defaults(&mut self, function: B::Value, plan: &Plan, otherwise: B::Block) -> Option<B::Value> {
        let count = plan.defaults?;
        let defaults = self.load(function, offset_of!(Function, func_defaults) as i32);
        self.b.branch_unless(defaults, otherwise, &[]);
        let size = self.load(defaults, offset::OB_SIZE);
        let fits = self.b.compare_const(IntCond::Eq, size, count.into());
        self.b.branch_unless(fits, otherwise, &[]);
        Some(defaults)
    }

    /// Where the callee's frame begins; goes to `otherwise` when the data stack's chunk has no room for it.
    pub fn new_frame(&mut self, site: B::Value, otherwise: B::Block) -> B::Value {
        let new = self.load(self.tstate, offset_of!(ThreadState, datastack_top) as i32);
        let bytes = self.load(site, offset_of!(CallSite, frame_bytes) as i32);
        let end = self.b.int_op(IntOp::Add, new, bytes);
        let limit = self.load(self.tstate, offset_of!(ThreadState, datastack_limit) as i32);
        let fits = self.b.compare(IntCond::UnsignedLt, end, limit);
        self.b.branch_unless(fits, otherwise, &[]);
        new
    }

    /// Fills the new frame's parameters and runs the callee's body. `args` are the plan's arguments.
    pub fn enter(
        &mut self,
        site: B::Value,
        function: B::Value,
        new: B::Value,
        plan: &Plan,
        args: &[B::Value],
        defaults: Option<B::Value>,
    ) -> B::Value {
        self.b.store(function, new, offset_of!(Frame, f_funcobj) as i32);
        for (parameter, source) in plan.sources.iter().enumerate() {
            let value = match (*source, defaults) {
                (Source::Default(index), Some(defaults)) => {
                    let value = self.load(defaults, offset::TUPLE_ITEMS + 8 * index as i32);
                    self.incref(value);
                    value
                }
                (Source::Argument(index) | Source::Default(index), _) => args[index as usize],
            };
            self.b.store(value, new, slot_offset(parameter));
        }
        if self.input.count_hits {
            let field = offset_of!(CallSite, hits) as i32;
            let old = self.load(site, field);
            let more = self.b.int_op_const(IntOp::Add, old, 1);
            self.b.store(more, site, field);
        }
        let body = self.load(site, offset_of!(CallSite, body) as i32);
        let entry = self.int(0);
        self.b
            .call_indirect(&crate::BODY, body, &[self.thread, new, entry])
            .expect("a body has a result")
    }

    /// A compiled Python function is entered directly.
    fn call_function(&mut self, form: &CallForm<B::Value>, plan: &Plan) {
        self.detach_all_locals();
        let null_item = self.stack[form.base + 1] == Item::Null;
        let has_self = plan.arguments() > form.nargs;
        self.set_instruction_pointer();
        let values = self.own_call(form);
        let (callable, receiver) = (values[0], values[1]);
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);

        let is_function = self.has_type(callable, self.input.objects.function_type);
        self.b.branch_unless(is_function, slow, &[]);
        self.check_entry(callable, form.site, slow);
        if has_self {
            self.b.branch_unless(receiver, slow, &[]);
        } else if !null_item {
            self.b.branch_if(receiver, slow, &[]);
        }
        let defaults = self.check_defaults(callable, plan, slow);
        let new = self.new_frame(form.site, slow);
        let args = if has_self { &values[1..] } else { &values[2..] };
        let value = self.enter(form.site, callable, new, plan, args, defaults);
        self.decref(callable);
        self.b.jump(join, &[value]);

        self.b.switch_to(slow);
        self.call_slowly(form, &values, join);
        self.b.switch_to(join);
        self.finish_call(form, result);
    }

    /// A class that the site knows: an instance is made, and its compiled `__init__` entered directly.
    fn call_class(&mut self, form: &CallForm<B::Value>, plan: &Plan) {
        self.detach_all_locals();
        let null_item = self.stack[form.base + 1] == Item::Null;
        self.set_instruction_pointer();
        let values = self.own_call(form);
        let (class, receiver) = (values[0], values[1]);
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);

        let is_class = self.has_type(class, self.input.objects.type_type);
        self.b.branch_unless(is_class, slow, &[]);
        let tag = self.b.load(Type::I32, class, type_object::TP_VERSION_TAG as i32);
        let expected = self
            .b
            .load(Type::I32, form.site, offset_of!(CallSite, class_tag) as i32);
        let same = self.b.compare(IntCond::Eq, tag, expected);
        self.b.branch_unless(same, slow, &[]);
        if !null_item {
            self.b.branch_if(receiver, slow, &[]);
        }
        // Alive as long as the class has that version.
        let init = self.load(form.site, offset_of!(CallSite, init) as i32);
        self.check_entry(init, form.site, slow);
        let defaults = self.check_defaults(init, plan, slow);
        let instance = self.b.call_value(&NEW_INSTANCE, &[class]);
        self.b.branch_unless(instance, slow, &[]);
        let no_room = self.b.create_block();
        self.b.set_cold(no_room);
        let new = self.new_frame(form.site, no_room);
        self.incref(init);
        self.incref(instance);
        let args: Vec<_> = std::iter::once(instance).chain(values[2..].iter().copied()).collect();
        let value = self.enter(form.site, init, new, plan, &args, defaults);
        self.decref(init);
        let none = self.object(self.input.objects.none);
        let is_none = self.b.compare(IntCond::Eq, value, none);
        let made = self.b.create_block();
        let made_value = self.b.block_param(made, Type::I64);
        let odd = self.b.create_block();
        self.b.set_cold(odd);
        self.b.branch(is_none, (made, &[instance]), (odd, &[]));
        self.b.switch_to(odd);
        let outcome = self.b.call_value(&FINISH_INSTANCE, &[instance, value]);
        self.b.jump(made, &[outcome]);
        self.b.switch_to(made);
        self.decref(class);
        self.b.jump(join, &[made_value]);

        self.b.switch_to(no_room);
        self.decref(instance);
        self.b.jump(slow, &[]);
        self.b.switch_to(slow);
        self.call_slowly(form, &values, join);
        self.b.switch_to(join);
        self.finish_call(form, result);
    }

    /// `CALL_FUNCTION_EX`.
    pub fn call_function_ex(&mut self) {
        self.detach_all_locals();
        let kwargs = if self.at.arg & 1 != 0 {
            self.pop_owned()
        } else {
            self.null()
        };
        let args = self.pop_owned();
        self.pop();
        let callable = self.pop_owned();
        self.set_instruction_pointer();
        let result = self.b.call_value(&CALL_EX, &[callable, args, kwargs]);
        let raise = self.raise_block();
        self.b.branch_unless(result, raise, &[]);
        self.push_owned(result);
        self.safepoint(self.at.next, true);
    }
}
