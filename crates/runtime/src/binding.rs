//! The binding of a call's arguments to a function's parameters.

use crate::api;
use crate::layout::{Code, Function};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Where a call instruction finds the value of one of the callee's parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The argument of that number: the positional ones first (`self` among them), then those of keywords.
    Argument(u32),
    /// The item of that number of the function's `__defaults__`.
    Default(u32),
}

/// How the arguments of one call instruction fill the parameters of its callee, from what never changes about the two:
/// the instruction's keywords and the callee's code. Only plans without a tuple or dictionary to make exist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// A source for each parameter.
    pub sources: Box<[Source]>,
    /// The size of the callee's `__defaults__`, where a parameter takes one of them.
    pub defaults: Option<u32>,
}

impl Plan {
    /// The arguments fill the parameters as they are.
    pub fn plain(count: usize) -> Plan {
        Plan {
            sources: (0..count as u32).map(Source::Argument).collect(),
            defaults: None,
        }
    }

    /// Whether the arguments fill the parameters as they are.
    pub fn is_plain(&self) -> bool {
        let in_order = |(index, source): (usize, &Source)| *source == Source::Argument(index as u32);
        self.sources.iter().enumerate().all(in_order)
    }

    /// Arguments that the call passes.
    pub fn arguments(&self) -> usize {
        let is_argument = |source: &&Source| matches!(source, Source::Argument(_));
        self.sources.iter().filter(is_argument).count()
    }

    /// The plan for a call of `function` with `nargs` positional arguments, and one for each name in `kwnames` (a tuple,
    /// or NULL); `None` when there is none, or when the arguments do not bind.
    ///
    /// # Safety
    /// The GIL is held; a live function.
    pub unsafe fn of(function: *mut PyObject, nargs: usize, kwnames: *mut PyObject) -> Option<Plan> {
        // SAFETY: see the contract; a code object has a name for each parameter.
        unsafe {
            let function = function.cast::<Function>();
            let code = (*function).func_code.cast::<Code>();
            let argcount = (*code).co_argcount as usize;
            let named = argcount + (*code).co_kwonlyargcount as usize;
            if (*code).co_flags & (CO_VARARGS | CO_VARKEYWORDS) != 0 || nargs > argcount {
                return None;
            }
            let mut sources: Vec<Option<Source>> = vec![None; named];
            for (index, source) in sources.iter_mut().enumerate().take(nargs) {
                *source = Some(Source::Argument(index as u32));
            }
            if !kwnames.is_null() {
                let posonly = (*code).co_posonlyargcount as usize;
                for at in 0..PyTuple_GET_SIZE(kwnames) {
                    let keyword = PyTuple_GET_ITEM(kwnames, at);
                    let name_at = |index: usize| PyTuple_GET_ITEM((*code).co_localsplusnames, index as Py_ssize_t);
                    let index = (posonly..named).find(|&index| name_at(index) == keyword)?;
                    let source = Source::Argument((nargs + at as usize) as u32);
                    if sources[index].replace(source).is_some() {
                        return None;
                    }
                }
            }
            let defaults = (*function).func_defaults;
            let ndefaults = if defaults.is_null() {
                0
            } else {
                PyTuple_GET_SIZE(defaults) as usize
            };
            if ndefaults > argcount {
                return None;
            }
            let first = argcount - ndefaults;
            let mut uses_defaults = false;
            for (index, source) in sources.iter_mut().enumerate().take(argcount).skip(first) {
                if source.is_none() {
                    *source = Some(Source::Default((index - first) as u32));
                    uses_defaults = true;
                }
            }
            Some(Plan {
                sources: sources.into_iter().collect::<Option<_>>()?,
                defaults: uses_defaults.then_some(ndefaults as u32),
            })
        }
    }
}

/// Fills the parameters' slots from a call's arguments as the interpreter binds them (`initialize_locals`);
/// `false`, with nothing in the slots and no exception, when they do not bind or only Python code could tell.
///
/// # Safety
/// The GIL is held; `args` holds the positional arguments and the values of `kwnames` (a tuple of str, or NULL), and
/// `slots` has room for the parameters.
pub unsafe fn bind(
    function: *mut PyObject,
    slots: *mut *mut PyObject,
    args: *const *mut PyObject,
    nargs: usize,
    kwnames: *mut PyObject,
) -> bool {
    // SAFETY: the function is live and its code has these parameters.
    unsafe {
        let function = function.cast::<Function>();
        let code = (*function).func_code.cast::<Code>();
        let argcount = (*code).co_argcount as usize;
        let kwonly = (*code).co_kwonlyargcount as usize;
        let named = argcount + kwonly;
        let has_varargs = (*code).co_flags & CO_VARARGS != 0;
        let has_varkw = (*code).co_flags & CO_VARKEYWORDS != 0;
        let total = (*code).parameters();
        for index in 0..total {
            slots.add(index).write(null_mut());
        }
        let fail = || {
            for index in 0..total {
                let value = slots.add(index).read();
                slots.add(index).write(null_mut());
                Py_XDECREF(value);
            }
            PyErr_Clear();
            false
        };
        let direct = nargs.min(argcount);
        for index in 0..direct {
            let value = args.add(index).read();
            Py_INCREF(value);
            slots.add(index).write(value);
        }
        if has_varargs {
            let rest = PyTuple_New((nargs - direct) as Py_ssize_t);
            if rest.is_null() {
                return fail();
            }
            for index in direct..nargs {
                let value = args.add(index).read();
                Py_INCREF(value);
                PyTuple_SET_ITEM(rest, (index - direct) as Py_ssize_t, value);
            }
            slots.add(named).write(rest);
        } else if nargs > argcount {
            return fail();
        }
        if has_varkw {
            let dict = PyDict_New();
            if dict.is_null() {
                return fail();
            }
            slots.add(total - 1).write(dict);
        }
        if !kwnames.is_null() {
            let names = (*code).co_localsplusnames;
            let posonly = (*code).co_posonlyargcount as usize;
            for at in 0..PyTuple_GET_SIZE(kwnames) {
                let keyword = PyTuple_GET_ITEM(kwnames, at);
                let value = args.add(nargs + at as usize).read();
                if PyUnicode_CheckExact(keyword) == 0 {
                    return fail();
                }
                let name_at = |index: usize| PyTuple_GET_ITEM(names, index as Py_ssize_t);
                let index = (posonly..named)
                    .find(|&index| name_at(index) == keyword)
                    .or_else(|| (posonly..named).find(|&index| PyUnicode_Compare(name_at(index), keyword) == 0));
                match index {
                    Some(index) => {
                        if !slots.add(index).read().is_null() {
                            return fail();
                        }
                        Py_INCREF(value);
                        slots.add(index).write(value);
                    }
                    None if has_varkw => {
                        if PyDict_SetItem(slots.add(total - 1).read(), keyword, value) < 0 {
                            return fail();
                        }
                    }
                    None => return fail(),
                }
            }
        }
        if nargs < argcount {
            let defaults = (*function).func_defaults;
            let ndefaults = if defaults.is_null() {
                0
            } else {
                PyTuple_GET_SIZE(defaults) as usize
            };
            let first = argcount - ndefaults.min(argcount);
            for index in nargs..argcount {
                if slots.add(index).read().is_null() {
                    if index < first {
                        return fail();
                    }
                    // The last default is the last parameter's, however many there are.
                    let value = PyTuple_GET_ITEM(defaults, (index + ndefaults - argcount) as Py_ssize_t);
                    Py_INCREF(value);
                    slots.add(index).write(value);
                }
            }
        }
        for index in argcount..named {
            if !slots.add(index).read().is_null() {
                continue;
            }
            let kwdefaults = (*function).func_kwdefaults;
            if kwdefaults.is_null() {
                return fail();
            }
            let name = PyTuple_GET_ITEM((*code).co_localsplusnames, index as Py_ssize_t);
            let mut value = null_mut();
            if api::PyDict_GetItemRef(kwdefaults, name, &mut value) < 0 || value.is_null() {
                return fail();
            }
            slots.add(index).write(value);
        }
        true
    }
}
