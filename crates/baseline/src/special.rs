//! Operators and subscripts of classes that define them in Python, and properties: the function is entered directly
//! where the site knows it.

use crate::emitter::{Emitter, Operand};
use crate::numbers::Arg;
use justjit_builder::{Builder, IntCond, Type};
use justjit_runtime::binding::Plan;
use justjit_runtime::feedback::seen;
use justjit_runtime::layout::{offset, type_object};
use justjit_runtime::site::CallSite;
use justjit_runtime::special::{BINARY_SPECIAL, SET_SUBSCR_SPECIAL, SUBSCR_SPECIAL, UNSUPPORTED};
use std::mem::offset_of;

impl<B: Builder> Emitter<'_, B> {
    /// Whether the present instruction has met operands of other types only than those with fast paths.
    pub fn meets_others(&self, fast: u8) -> bool {
        self.inlines(seen::OTHER) && self.seen() & fast == 0
    }

    /// A cache for the function that the present instruction enters.
    pub fn special_site(&mut self) -> B::Value {
        let site = self.input.call_site(self.index, None);
        self.object(site)
    }

    /// Goes on when the object's type has the tag that the site's field holds; gives the type.
    fn check_tag(&mut self, object: B::Value, site: B::Value, field: usize, otherwise: B::Block) -> B::Value {
        let ty = self.load(object, offset::OB_TYPE);
        let tag = self.b.load(Type::I32, ty, type_object::TP_VERSION_TAG as i32);
        let expected = self.b.load(Type::I32, site, field as i32);
        let same = self.b.compare(IntCond::Eq, tag, expected);
        self.b.branch_unless(same, otherwise, &[]);
        ty
    }

    /// Calls a property's getter, if that is what the site knows, with the object, which it takes over; goes to
    /// `otherwise` with nothing taken over. The result is not NULL.
    pub fn enter_getter(
        &mut self,
        site: B::Value,
        getter: B::Value,
        object: Operand<B::Value>,
        otherwise: B::Block,
    ) -> B::Value {
        self.check_entry(getter, site, otherwise);
        let new = self.new_frame(site, otherwise);
        self.incref(getter);
        let object = self.own(object);
        self.set_instruction_pointer();
        let value = self.enter(site, getter, new, &Plan::plain(1), &[object], None);
        self.decref(getter);
        let raise = self.raise_block();
        self.b.branch_unless(value, raise, &[]);
        value
    }

    /// Calls the function that the site knows with these operands, which it takes over; others than the site's go to
    /// `otherwise`, with nothing taken over. The result may be NULL. `kept` gets a reference that is the caller's.
    fn enter_special(
        &mut self,
        site: B::Value,
        operands: &[Operand<B::Value>],
        kept: Option<B::Value>,
        otherwise: B::Block,
    ) -> B::Value {
        let function = self.load(site, offset_of!(CallSite, init) as i32);
        self.check_entry(function, site, otherwise);
        let new = self.new_frame(site, otherwise);
        // Alive as long as the class has that version, which the callee may end.
        self.incref(function);
        if let Some(kept) = kept {
            self.incref(kept);
        }
        let args: Vec<_> = operands.iter().map(|&operand| self.own(operand)).collect();
        self.set_instruction_pointer();
        let value = self.enter(site, function, new, &Plan::plain(args.len()), &args, None);
        self.decref(function);
        value
    }

    /// `BINARY_OP` on instances of classes.
    pub fn binary_special(&mut self, left: Arg<B::Value>, right: Arg<B::Value>) {
        let left = self.arg_object(left);
        let right = self.arg_object(right);
        let site = self.special_site();
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);
        let op = self.int32(self.at.arg as i32);
        let left_type = self.check_tag(left.value, site, offset_of!(CallSite, class_tag), slow);
        let right_type = self.check_tag(right.value, site, offset_of!(CallSite, right_tag), slow);
        // The left operand may be the last that keeps its class; the right one's is the same, or builtin.
        let value = self.enter_special(site, &[left, right], Some(left_type), slow);
        let none = self.object(self.input.objects.not_implemented);
        let unsupported = self.b.compare(IntCond::Eq, value, none);
        let odd = self.b.create_block();
        self.b.set_cold(odd);
        let done = self.b.create_block();
        let outcome = self.b.block_param(done, Type::I64);
        self.b.branch(unsupported, (odd, &[]), (done, &[value]));
        self.b.switch_to(odd);
        self.b.call(&UNSUPPORTED, &[op, left_type, right_type]);
        let null = self.null();
        self.b.jump(done, &[null]);
        self.b.switch_to(done);
        self.decref(left_type);
        self.b.jump(join, &[outcome]);

        self.b.switch_to(slow);
        self.set_instruction_pointer();
        let args = [self.thread, site, op, left.value, right.value];
        let value = self.b.call_value(&BINARY_SPECIAL, &args);
        self.drop_all(&[left, right]);
        self.b.jump(join, &[value]);
        self.b.switch_to(join);
        let raise = self.raise_block();
        self.b.branch_unless(result, raise, &[]);
        self.push_owned(result);
    }

    /// `BINARY_SUBSCR` on an instance of a class.
    pub fn subscr_special(&mut self, container: Operand<B::Value>, key: Operand<B::Value>) {
        let site = self.special_site();
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);
        self.check_tag(container.value, site, offset_of!(CallSite, class_tag), slow);
        let value = self.enter_special(site, &[container, key], None, slow);
        self.b.jump(join, &[value]);
        self.b.switch_to(slow);
        self.set_instruction_pointer();
        let value = self
            .b
            .call_value(&SUBSCR_SPECIAL, &[self.thread, site, container.value, key.value]);
        self.drop_all(&[container, key]);
        self.b.jump(join, &[value]);
        self.b.switch_to(join);
        let raise = self.raise_block();
        self.b.branch_unless(result, raise, &[]);
        self.push_owned(result);
    }

    /// `STORE_SUBSCR` on an instance of a class.
    pub fn set_subscr_special(
        &mut self,
        container: Operand<B::Value>,
        key: Operand<B::Value>,
        value: Operand<B::Value>,
    ) {
        let site = self.special_site();
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        self.check_tag(container.value, site, offset_of!(CallSite, class_tag), slow);
        let result = self.enter_special(site, &[container, key, value], None, slow);
        let raise = self.raise_block();
        self.b.branch_unless(result, raise, &[]);
        self.decref(result);
        self.b.jump(join, &[]);
        self.b.switch_to(slow);
        let args = [self.thread, site, container.value, key.value, value.value];
        self.call_status(&SET_SUBSCR_SPECIAL, &args, &[value, container, key]);
        self.b.jump(join, &[]);
        self.b.switch_to(join);
    }
}
