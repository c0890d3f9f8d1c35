//! Calls of functions and methods that are written in C: those whose signature is known are called without the
//! runtime, and a few that are common are machine code.

use crate::calls::CallForm;
use crate::emitter::{Emitter, Item, Number, Operand};
use justjit_builder::{Builder, IntCond, IntOp, Signature, Type};
use justjit_runtime::builtins::{IS_INSTANCE, MethodDescriptor, known};
use justjit_runtime::layout::offset;
use justjit_runtime::ops::containers::LIST_APPEND;
use justjit_runtime::site::Callee;
use pyo3_ffi::{METH_FASTCALL, METH_KEYWORDS, METH_NOARGS, METH_O, PyCFunctionObject, PyMethodDef};
use std::mem::offset_of;

/// `METH_O` and `METH_NOARGS`.
const SIMPLE: Signature = Signature {
    params: &[Type::I64, Type::I64],
    result: Some(Type::I64),
};
/// `METH_FASTCALL`.
const FAST: Signature = Signature {
    params: &[Type::I64, Type::I64, Type::I64],
    result: Some(Type::I64),
};
/// `METH_FASTCALL | METH_KEYWORDS`.
const FAST_KEYWORDS: Signature = Signature {
    params: &[Type::I64, Type::I64, Type::I64, Type::I64],
    result: Some(Type::I64),
};

/// Bits that the size of a container in memory takes at most.
const SIZE_BITS: u8 = 60;

const FAST_WITH_KEYWORDS: i32 = METH_FASTCALL | METH_KEYWORDS;

impl<B: Builder> Emitter<'_, B> {
    /// Whether a call with `nargs` arguments is one that this file emits code for.
    pub fn suits_c(&self, callee: &Callee, nargs: usize) -> bool {
        let flags = match *callee {
            Callee::Len | Callee::Type | Callee::Append => return nargs == 1,
            Callee::IsInstance => return nargs == 2,
            Callee::Builtin(flags) | Callee::Method(flags) => flags,
            Callee::Function(_) | Callee::Class(_) => return false,
        };
        match flags {
            METH_O => nargs == 1,
            METH_NOARGS => nargs == 0,
            METH_FASTCALL | FAST_WITH_KEYWORDS => true,
            _ => false,
        }
    }

    /// A callee in C.
    pub fn call_c(&mut self, form: &CallForm<B::Value>, callee: &Callee) {
        match *callee {
            Callee::Builtin(flags) => self.call_definition(form, flags, false),
            Callee::Method(flags) => self.call_definition(form, flags, true),
            _ => self.call_known(form, callee),
        }
    }

    /// The definition (`PyMethodDef`) of a builtin function; other callables go to `otherwise`.
    fn function_definition(&mut self, callable: B::Value, otherwise: B::Block) -> B::Value {
        let right = self.has_type(callable, self.input.objects.builtin_type);
        self.b.branch_unless(right, otherwise, &[]);
        self.load(callable, offset_of!(PyCFunctionObject, m_ml) as i32)
    }

    /// The definition of a method descriptor; other callables go to `otherwise`.
    fn method_definition(&mut self, callable: B::Value, otherwise: B::Block) -> B::Value {
        let right = self.has_type(callable, self.input.objects.method_descriptor_type);
        self.b.branch_unless(right, otherwise, &[]);
        self.load(callable, offset_of!(MethodDescriptor, d_method) as i32)
    }

    /// A function or method whose definition has these flags.
    fn call_definition(&mut self, form: &CallForm<B::Value>, flags: i32, is_method: bool) {
        self.detach_all_locals();
        let null_item = self.stack[form.base + 1] == Item::Null;
        self.set_instruction_pointer();
        let values = self.own_call(form);
        let (callable, receiver) = (values[0], values[1]);
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);
        let (definition, object) = if is_method {
            let definition = self.method_definition(callable, slow);
            self.b.branch_unless(receiver, slow, &[]);
            let wanted = self.load(callable, offset_of!(MethodDescriptor, d_type) as i32);
            let actual = self.load(receiver, offset::OB_TYPE);
            let same = self.b.compare(IntCond::Eq, actual, wanted);
            self.b.branch_unless(same, slow, &[]);
            (definition, receiver)
        } else {
            let definition = self.function_definition(callable, slow);
            if !null_item {
                self.b.branch_if(receiver, slow, &[]);
            }
            let object = self.load(callable, offset_of!(PyCFunctionObject, m_self) as i32);
            (definition, object)
        };
        let actual = self
            .b
            .load(Type::I32, definition, offset_of!(PyMethodDef, ml_flags) as i32);
        let same = self.b.compare_const(IntCond::Eq, actual, flags.into());
        self.b.branch_unless(same, slow, &[]);
        let function = self.load(definition, offset_of!(PyMethodDef, ml_meth) as i32);
        let args = &values[2..];
        let value = match flags {
            METH_O => self.b.call_indirect(&SIMPLE, function, &[object, args[0]]),
            METH_NOARGS => {
                let null = self.null();
                self.b.call_indirect(&SIMPLE, function, &[object, null])
            }
            _ => {
                for (index, &arg) in args.iter().enumerate() {
                    let offset = self.stack_slot(form.base + 2 + index);
                    self.b.store(arg, self.frame, offset);
                }
                let items = self.stack_address(form.base + 2);
                let count = self.int(form.nargs as i64);
                if flags == METH_FASTCALL {
                    self.b.call_indirect(&FAST, function, &[object, items, count])
                } else {
                    let null = self.null();
                    self.b
                        .call_indirect(&FAST_KEYWORDS, function, &[object, items, count, null])
                }
            }
        };
        let value = value.expect("the signature has a result");
        for &arg in args {
            self.decref(arg);
        }
        if is_method {
            self.decref(receiver);
        }
        self.decref(callable);
        self.b.jump(join, &[value]);
        self.b.switch_to(slow);
        self.call_slowly(form, &values, join);
        self.b.switch_to(join);
        self.finish_call(form, result);
    }

    /// One of the functions that are machine code. Its arguments are borrowed where it can be.
    fn call_known(&mut self, form: &CallForm<B::Value>, callee: &Callee) {
        // The slow way may change any local; the arguments get references of their own there.
        for depth in 0..form.base {
            if matches!(self.stack[depth], Item::Local(_)) {
                self.own_at(depth);
            }
        }
        let null_item = self.stack[form.base + 1] == Item::Null;
        let mut operands: Vec<Operand<B::Value>> = (form.base..self.depth()).map(|_| self.pop()).collect();
        operands.reverse();
        let (callable, receiver) = (operands[0], operands[1]);
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Type::I64);
        let size = (*callee == Callee::Len).then(|| self.b.block_param(join, Type::I64));
        match callee {
            Callee::Type => {
                let expected = self.object(self.input.objects.type_type);
                let same = self.b.compare(IntCond::Eq, callable.value, expected);
                self.b.branch_unless(same, slow, &[]);
            }
            Callee::Append => {
                let definition = self.method_definition(callable.value, slow);
                let expected = self.object(known().append.cast_const());
                let same = self.b.compare(IntCond::Eq, definition, expected);
                self.b.branch_unless(same, slow, &[]);
                self.b.branch_unless(receiver.value, slow, &[]);
            }
            _ => {
                let definition = self.function_definition(callable.value, slow);
                let expected = match callee {
                    Callee::Len => known().len,
                    _ => known().isinstance,
                };
                let expected = self.object(expected.cast_const());
                let same = self.b.compare(IntCond::Eq, definition, expected);
                self.b.branch_unless(same, slow, &[]);
            }
        }
        if !null_item && *callee != Callee::Append {
            self.b.branch_if(receiver.value, slow, &[]);
        }
        match callee {
            Callee::Type => {
                let value = self.load(operands[2].value, offset::OB_TYPE);
                self.incref(value);
                self.release(operands[2]);
                self.release(callable);
                self.b.jump(join, &[value]);
            }
            Callee::Len => {
                let size = self.size_of(operands[2].value, slow);
                self.release(operands[2]);
                self.release(callable);
                let null = self.null();
                self.b.jump(join, &[null, size]);
            }
            Callee::Append => {
                let right = self.has_type(receiver.value, self.input.objects.list_type);
                self.b.branch_unless(right, slow, &[]);
                self.append_to_list(receiver.value, operands[2], slow);
                self.release(receiver);
                self.release(callable);
                let none = self.object(self.input.objects.none);
                self.b.jump(join, &[none]);
            }
            _ => self.is_instance(&operands, join),
        }

        self.b.switch_to(slow);
        self.set_instruction_pointer();
        let values: Vec<_> = operands.iter().map(|&operand| self.own(operand)).collect();
        for (index, &value) in values.iter().enumerate() {
            let offset = self.stack_slot(form.base + index);
            self.b.store(value, self.frame, offset);
        }
        let items = self.stack_address(form.base);
        let count = self.int(form.nargs as i64);
        let value = self
            .b
            .call_value(&justjit_runtime::call::CALL, &[self.thread, form.site, items, count]);
        self.finish_call(form, value);
        self.stack.pop();
        let Some(size) = size else {
            self.b.jump(join, &[value]);
            self.b.switch_to(join);
            self.push_owned(result);
            return;
        };
        let nothing = self.int(0);
        self.b.jump(join, &[value, nothing]);
        self.b.switch_to(join);
        self.push(Item::Number(Number {
            value: size,
            bits: Some(SIZE_BITS),
            object: Some(result),
        }));
    }

    /// The size of a list, tuple, str or dict; other objects go to `otherwise`.
    fn size_of(&mut self, object: B::Value, otherwise: B::Block) -> B::Value {
        let objects = self.input.objects;
        let actual = self.load(object, offset::OB_TYPE);
        let mut any = None;
        // All four have their length at the same place.
        for ty in [
            objects.list_type,
            objects.tuple_type,
            objects.unicode_type,
            objects.dict_type,
        ] {
            let expected = self.object(ty);
            let same = self.b.compare(IntCond::Eq, actual, expected);
            any = Some(any.map_or(same, |any| self.b.int_op(IntOp::Or, any, same)));
        }
        self.b.branch_unless(any.expect("there are types"), otherwise, &[]);
        self.load(object, offset::OB_SIZE)
    }

    /// Appends to an exact list where it has room, without a call; gives the value up.
    pub fn append_to_list(&mut self, list: B::Value, value: Operand<B::Value>, no_room: B::Block) {
        let size = self.load(list, offset::OB_SIZE);
        let allocated = self.load(list, offset::LIST_ALLOCATED);
        let fits = self.b.compare(IntCond::SignedLt, size, allocated);
        self.b.branch_unless(fits, no_room, &[]);
        let items = self.load(list, offset::LIST_ITEMS);
        let scaled = self.b.int_op_const(IntOp::Shl, size, 3);
        let at = self.b.int_op(IntOp::Add, items, scaled);
        let value = self.own(value);
        self.b.store(value, at, 0);
        let more = self.b.int_op_const(IntOp::Add, size, 1);
        self.b.store(more, list, offset::OB_SIZE);
    }

    /// `LIST_APPEND`, whose list a comprehension or display has made.
    pub fn list_append(&mut self) {
        let value = self.pop();
        let list = self.peek(self.at.arg as usize);
        if self.input.profiling {
            self.call_status(&LIST_APPEND, &[list, value.value], &[value]);
            return;
        }
        let full = self.b.create_block();
        self.b.set_cold(full);
        let join = self.b.create_block();
        self.append_to_list(list, value, full);
        self.b.jump(join, &[]);
        self.b.switch_to(full);
        self.call_status(&LIST_APPEND, &[list, value.value], &[value]);
        self.b.jump(join, &[]);
        self.b.switch_to(join);
    }

    /// `isinstance`, whose class is in the usual case the object's own.
    fn is_instance(&mut self, operands: &[Operand<B::Value>], join: B::Block) {
        let (callable, object, class) = (operands[0], operands[2], operands[3]);
        let actual = self.load(object.value, offset::OB_TYPE);
        let same = self.b.compare(IntCond::Eq, actual, class.value);
        let other = self.b.create_block();
        self.b.branch_unless(same, other, &[]);
        self.release(object);
        self.release(class);
        self.release(callable);
        let yes = self.object(self.input.objects.true_object);
        self.b.jump(join, &[yes]);
        self.b.switch_to(other);
        let args = [object.value, class.value];
        let status = self.call_status(&IS_INSTANCE, &args, &[object, class, callable]);
        let answer = self.b.truncate(Type::I8, status);
        let answer = self.bool_object(answer);
        self.b.jump(join, &[answer]);
    }
}
