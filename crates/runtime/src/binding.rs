//! The binding of a call's arguments to a function's parameters.

use crate::api;
use crate::layout::{Code, Function};
use pyo3_ffi::*;
use std::ptr::null_mut;

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
        let total = named + usize::from(has_varargs) + usize::from(has_varkw);
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
                    let value = PyTuple_GET_ITEM(defaults, (index - first) as Py_ssize_t);
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
