//! `match` statements and imports: what is known of a subject's type is used, the rest is the runtime's.

use crate::builder::{Builder, Done};
use crate::item::{Item, Kind};
use justjit_builder::RuntimeFn;
use justjit_ir::{Effect, Type};
use justjit_runtime::ops::containers::GET_LEN;
use justjit_runtime::ops::imports::{IMPORT_FROM, IMPORT_NAME};
use justjit_runtime::ops::matching::{MATCH_CLASS, MATCH_KEYS, MATCH_MAPPING, MATCH_SEQUENCE};
use pyo3_ffi::*;
use std::ffi::c_ulong;

impl Builder<'_> {
    /// `MATCH_SEQUENCE` and `MATCH_MAPPING`: whether the subject's type has the flag; runs no code.
    pub fn match_flag(&mut self, sequence: bool) -> Done {
        let subject = self.frame().stack.last().cloned().expect("a subject");
        let (flag, function): (c_ulong, &'static RuntimeFn) = match sequence {
            true => (Py_TPFLAGS_SEQUENCE, &MATCH_SEQUENCE),
            false => (Py_TPFLAGS_MAPPING, &MATCH_MAPPING),
        };
        let kind = subject.kind();
        let known = match (kind, self.type_of_kind(kind)) {
            (Kind::None | Kind::Number, _) => Some(false),
            // The flags of classes that are written in Python change where they are registered with `collections.abc`.
            // SAFETY: a live type.
            (_, Some(ty)) => unsafe {
                let flags = (*ty).tp_flags;
                (flags & Py_TPFLAGS_IMMUTABLETYPE != 0).then_some(flags & flag != 0)
            },
            _ => None,
        };
        if let Some(known) = known {
            self.specialized += 1;
            let known = self.bool(known);
            self.push(Item::Bool(known));
            return Ok(());
        }
        let Item::Object(object) = subject else {
            return self.unsupported();
        };
        let status = self.call(function, &[object.value], Some(Type::Int), (Effect::Reads, false));
        self.push_status(status.expect("a result"));
        Ok(())
    }

    /// `GET_LEN`.
    pub fn get_len(&mut self) -> Done {
        let subject = self.frame().stack.last().cloned().expect("a subject");
        let length = match (&subject, subject.kind()) {
            (Item::Tuple(items), _) => Some(self.int(items.len() as i64)),
            (Item::Object(object), Kind::List | Kind::Tuple) => Some(self.size_of(object.value)),
            _ => None,
        };
        if let Some(length) = length {
            self.specialized += 1;
            self.push(Item::Int(length));
            return Ok(());
        }
        if self.is_unseen() {
            return Ok(());
        }
        let (subject, _) = self.subject(0)?;
        self.begin_unknown()?;
        let length = self.unknown_call(&GET_LEN, &[subject], Type::Object, Vec::new());
        self.raise_if_null(length);
        self.push(Item::owned(length, Kind::Int));
        Ok(())
    }

    /// The operand stack's item at a distance from the top, as an object that stays there.
    fn subject(&mut self, distance: usize) -> Done<(justjit_ir::Value, usize)> {
        let at = self.frame().stack.len() - 1 - distance;
        let item = std::mem::replace(&mut self.frame().stack[at], Item::Null);
        let (value, item) = self.borrow_object(item)?;
        self.frame().stack[at] = item;
        Ok((value, at))
    }

    /// `MATCH_KEYS`: the subject and the keys stay, the values or None come on top.
    pub fn match_keys(&mut self) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let (subject, _) = self.subject(1)?;
        let (keys, _) = self.subject(0)?;
        self.begin_unknown()?;
        let values = self.unknown_call(&MATCH_KEYS, &[subject, keys], Type::Object, Vec::new());
        self.raise_if_null(values);
        self.push(Item::owned(values, Kind::Unknown));
        Ok(())
    }

    /// `MATCH_CLASS`: the attributes or None.
    pub fn match_class(&mut self, positional: usize) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let operands = self.pop_many(3);
        let (values, operands) = self.as_objects(operands)?;
        self.begin_unknown()?;
        let positional = self.int(positional as i64);
        let args = [values[0], values[1], positional, values[2]];
        let attributes = self.unknown_call(&MATCH_CLASS, &args, Type::Object, operands);
        self.raise_if_null(attributes);
        self.push(Item::owned(attributes, Kind::Unknown));
        Ok(())
    }

    /// `IMPORT_NAME`, in a function: there is no dictionary of locals.
    pub fn import_name(&mut self, name: usize) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let operands = self.pop_many(2);
        let (values, operands) = self.as_objects(operands)?;
        self.begin_unknown()?;
        let (globals, builtins) = (self.info().globals, self.info().builtins);
        let (globals, builtins) = (self.object(globals), self.object(builtins));
        let name = self.name(name);
        let name = self.object(name);
        let args = [globals, builtins, self.null(), name, values[1], values[0]];
        let module = self.unknown_call(&IMPORT_NAME, &args, Type::Object, operands);
        self.raise_if_null(module);
        self.push(Item::owned(module, Kind::Unknown));
        Ok(())
    }

    /// `IMPORT_FROM`: the module stays.
    pub fn import_from(&mut self, name: usize) -> Done {
        if self.is_unseen() {
            return Ok(());
        }
        let (module, _) = self.subject(0)?;
        self.begin_unknown()?;
        let name = self.name(name);
        let name = self.object(name);
        let value = self.unknown_call(&IMPORT_FROM, &[module, name], Type::Object, Vec::new());
        self.raise_if_null(value);
        self.push(Item::owned(value, Kind::Unknown));
        Ok(())
    }
}
