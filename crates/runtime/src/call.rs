//! Calls: into compiled code from outside, from compiled code to anything, and the binding of arguments.

use crate::api;
use crate::binding::bind;
use crate::builtins::{call_builtin, call_by_slot, call_c_with_keywords, call_method_descriptor, checked};
use crate::construct::construct;
use crate::feedback::{self, seen};
use crate::frame::{pop_chunk, push_chunk, room};
use crate::hook;
use crate::instances::{is_made_blank, new_blank};
use crate::layout::{Code, FRAME_OWNED_BY_THREAD, Frame, Function};
use crate::numbers::drop_reference;
use crate::runtime_fns;
use crate::safepoint;
use crate::site::{CallSite, Callee};
use crate::special::{self, Unary};
use crate::thread::{self, Thread};
use crate::tiering;
use crate::version::{Body, Version};
use crate::wrappers::{call_wrapper, is_reference_type};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Runs the version's body in a fresh frame that `fill` fills; NULL with an exception, or the result.
/// `fill` gives `false` to have nothing run (it must then have left no reference in the frame).
///
/// # Safety
/// The GIL is held; the version is the function's, and live.
#[inline]
pub(crate) unsafe fn run(
    thread: *mut Thread,
    version: *mut Version,
    function: *mut PyObject,
    fill: impl FnOnce(*mut *mut PyObject) -> bool,
) -> Option<*mut PyObject> {
    // SAFETY: the caller holds the function, which holds the code.
    unsafe {
        let body: Body = std::mem::transmute::<*const (), Body>((*version).body);
        let at = room(thread, (*version).frame_bytes);
        if !at.is_null() {
            if !fill(Frame::slot(at, 0)) {
                return None;
            }
            (*at).f_funcobj = function;
            return Some(body(thread, at, 0));
        }
        let Some(chunk) = push_chunk(thread, (*version).frame_bytes) else {
            PyErr_NoMemory();
            return Some(null_mut());
        };
        let at = (*(*thread).tstate).datastack_top.cast::<Frame>();
        let result = if fill(Frame::slot(at, 0)) {
            (*at).f_funcobj = function;
            Some(body(thread, at, 0))
        } else {
            None
        };
        pop_chunk(thread, chunk);
        result
    }
}

/// Calls a function that compiled code runs with positional arguments (borrowed) that fill its parameters as they are;
/// `None`, with nothing done, for others.
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn call_compiled(
    thread: *mut Thread,
    function: *mut PyObject,
    args: &[*mut PyObject],
) -> Option<*mut PyObject> {
    // SAFETY: see the contract.
    unsafe {
        let version = hook::version_for_call(thread, function);
        if version.is_null() || !(*version).simple || (*version).argcount as usize != args.len() {
            return None;
        }
        Py_INCREF(function);
        let result = run(thread, version, function, |slots| {
            for (index, &value) in args.iter().enumerate() {
                slots.add(index).write(Py_NewRef(value));
            }
            true
        });
        Py_DECREF(function);
        result
    }
}

/// Arguments of a spliced call that need no memory of their own.
const SPLICED: usize = 12;

/// `nargsf` without the flag that lets the callee use the slot before the arguments.
fn argument_count(nargsf: usize) -> usize {
    nargsf & !PY_VECTORCALL_ARGUMENTS_OFFSET
}

runtime_fns! {
    /// A compiled function is called from outside compiled code: the version's entry adds `version` to the
    /// vectorcall's own arguments (borrowed).
    VECTORCALL = fn vectorcall(function: *mut PyObject, args: *const *mut PyObject, nargsf: usize, kwnames: *mut PyObject, version: *mut Version) -> *mut PyObject {
        let thread = thread::current();
        if !safepoint::runs_compiled(thread) {
            return hook::call_original(function, args, nargsf, kwnames);
        }
        let version = if (*version).valid { version } else { tiering::replace_entry(function, version) };
        // Who calls need not hold the function for as long as the call takes.
        Py_INCREF(function);
        let nargs = argument_count(nargsf);
        (*version).outside += 1;
        if (*version).outside >= (*version).outside_check && kwnames.is_null() {
            tiering::resting::look(thread, function, version, args);
        }
        let result = if (*version).simple && kwnames.is_null() && nargs == (*version).argcount as usize {
            run(thread, version, function, |slots| {
                for index in 0..nargs {
                    let value = args.add(index).read();
                    Py_INCREF(value);
                    slots.add(index).write(value);
                }
                true
            })
        } else {
            run(thread, version, function, |slots| bind(function, slots, args, nargs, kwnames))
        };
        let result = match result {
            Some(result) => result,
            // The interpreter says what is wrong with the arguments.
            None => hook::call_original(function, args, nargsf, kwnames),
        };
        Py_DECREF(function);
        result
    }

    /// `CALL` with anything: `items` holds the callable, self or NULL, and `nargs` arguments, all taken over. The
    /// result is a new reference, or NULL with an exception.
    CALL = fn call(thread: *mut Thread, site: *mut CallSite, items: *mut *mut PyObject, nargs: isize) -> *mut PyObject {
        let callable = unbind(items);
        let has_self = !items.add(1).read().is_null();
        let args = if has_self { items.add(1) } else { items.add(2) };
        let count = nargs as usize + usize::from(has_self);
        let tp = Py_TYPE(callable);
        if tp == &raw mut PyFunction_Type {
            let version = callee(thread, site, callable, count, null_mut());
            if version.is_null() {
                if hands_over_last_reference(args, count)
                    && let Some(result) = call_by_frame(thread, callable, args, count)
                {
                    Py_DECREF(callable);
                    return result;
                }
            } else {
                if (*version).simple && (*version).argcount as usize == count {
                    let result = run(thread, version, callable, |slots| {
                        std::ptr::copy_nonoverlapping(args, slots, count);
                        true
                    });
                    Py_DECREF(callable);
                    return result.unwrap_or(null_mut());
                }
                let result = run(thread, version, callable, |slots| bind(callable, slots, args, count, null_mut()));
                if let Some(result) = result {
                    return drop_items(items, nargs, result);
                }
            }
        } else if tp == &raw mut PyCFunction_Type {
            let result = call_builtin(thread, site, callable, args, count);
            return drop_items(items, nargs, result);
        } else if tp == &raw mut PyMethodDescr_Type && has_self {
            let result = call_method_descriptor(thread, site, callable, args, count);
            return drop_items(items, nargs, result);
        } else if tp == &raw mut PyType_Type && !has_self {
            if callable == (&raw mut PyType_Type).cast() && count == 1 {
                (*site).learn(seen::C, || Some(Callee::Type));
            } else if is_reference_type(callable) && count == 1 {
                let result = PyWeakref_NewRef(args.read(), null_mut());
                return drop_items(items, nargs, result);
            } else if let Some(result) = construct(thread, site, callable.cast(), args, count, null_mut()) {
                return drop_items(items, nargs, result);
            } else if count == 0 && is_made_blank(callable.cast()) {
                return drop_items(items, nargs, new_blank(callable.cast()));
            }
        } else {
            feedback::note((*site).feedback, seen::OTHER);
            if let Some(result) = call_wrapper(callable, args, count) {
                let result = checked(thread, callable, result);
                return drop_items(items, nargs, result);
            }
            if !has_self && let Some(result) = call_instance(thread, items, nargs) {
                return result;
            }
        }
        let result = match call_by_slot(callable, args, count) {
            Some(result) => checked(thread, callable, result),
            None => PyObject_Vectorcall(callable, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, null_mut()),
        };
        drop_items(items, nargs, result)
    }

    /// `CALL_KW`: as [`call`], with the tuple of the keywords' names (taken over); `nargs` counts their values too.
    CALL_KW = takes(kwnames) fn call_kw(thread: *mut Thread, site: *mut CallSite, items: *mut *mut PyObject, nargs: isize, kwnames: *mut PyObject) -> *mut PyObject {
        let callable = unbind(items);
        let has_self = !items.add(1).read().is_null();
        let args = if has_self { items.add(1) } else { items.add(2) };
        let positional = (nargs - PyTuple_GET_SIZE(kwnames)) as usize + usize::from(has_self);
        let mut result = None;
        if Py_TYPE(callable) == &raw mut PyFunction_Type {
            let version = callee(thread, site, callable, positional, kwnames);
            if !version.is_null() {
                result = run(thread, version, callable, |slots| bind(callable, slots, args, positional, kwnames));
            }
        } else if Py_TYPE(callable) == &raw mut PyType_Type && !has_self {
            result = construct(thread, site, callable.cast(), args, positional, kwnames);
        } else if let Some(made) = call_c_with_keywords(callable, args, positional, kwnames) {
            result = Some(checked(thread, callable, made));
        }
        let result = match result {
            Some(result) => result,
            None => PyObject_Vectorcall(callable, args, positional | PY_VECTORCALL_ARGUMENTS_OFFSET, kwnames),
        };
        let result = drop_items(items, nargs, result);
        Py_DECREF(kwnames);
        result
    }

    /// `f(a, b, *rest)`: `items` holds the callable, `count` arguments and a tuple of more of them, all taken over.
    CALL_SPLICED = fn call_spliced(items: *mut *mut PyObject, count: isize) -> *mut PyObject {
        let callable = items.read();
        let rest = items.offset(count + 1).read();
        let total = count as usize + PyTuple_GET_SIZE(rest) as usize;
        let mut few: [*mut PyObject; SPLICED + 1] = [null_mut(); SPLICED + 1];
        let mut many = Vec::new();
        // The callee may use the word before the arguments.
        let all = if total <= SPLICED {
            few.as_mut_ptr()
        } else {
            many.resize(total + 1, null_mut());
            many.as_mut_ptr()
        };
        let args = all.add(1);
        std::ptr::copy_nonoverlapping(items.add(1), args, count as usize);
        for index in 0..PyTuple_GET_SIZE(rest) {
            args.offset(count + index).write(PyTuple_GET_ITEM(rest, index));
        }
        let result = PyObject_Vectorcall(callable, args, total | PY_VECTORCALL_ARGUMENTS_OFFSET, null_mut());
        for index in (0..=count + 1).rev() {
            Py_DECREF(items.offset(index).read());
        }
        result
    }

    /// `CALL_FUNCTION_EX`: callable, positional arguments (any iterable) and keywords (a mapping, or NULL), all
    /// taken over.
    CALL_EX = takes(callable, args, kwargs) fn call_ex(callable: *mut PyObject, args: *mut PyObject, kwargs: *mut PyObject) -> *mut PyObject {
        let mut args = args;
        if PyTuple_CheckExact(args) == 0 {
            let tuple = arguments_to_tuple(callable, args);
            Py_DECREF(args);
            if tuple.is_null() {
                Py_DECREF(callable);
                Py_XDECREF(kwargs);
                return null_mut();
            }
            args = tuple;
        }
        let result = PyObject_Call(callable, args, kwargs);
        Py_DECREF(callable);
        Py_DECREF(args);
        Py_XDECREF(kwargs);
        result
    }
}

/// Takes a bound method in front of a call's arguments apart; gives the callable.
///
/// # Safety
/// The items are the caller's.
#[inline]
pub(crate) unsafe fn unbind(items: *mut *mut PyObject) -> *mut PyObject {
    // SAFETY: the items are the caller's.
    unsafe {
        let callable = items.read();
        if !items.add(1).read().is_null() || Py_TYPE(callable) != &raw mut api::PyMethod_Type {
            return callable;
        }
        let receiver = (*callable.cast::<BoundMethod>()).im_self;
        let function = (*callable.cast::<BoundMethod>()).im_func;
        Py_INCREF(receiver);
        Py_INCREF(function);
        items.write(function);
        items.add(1).write(receiver);
        Py_DECREF(callable);
        function
    }
}

/// Calls an instance of a class whose `__call__` is a compiled function, without a detour by the class's slot; `None`, with
/// nothing done, for others. `items` are a call's, which has no self.
unsafe fn call_instance(thread: *mut Thread, items: *mut *mut PyObject, nargs: isize) -> Option<*mut PyObject> {
    // SAFETY: the items are the caller's; the method is alive while the class, which has it, is not changed.
    unsafe {
        let instance = items.read();
        let method = special::unary_method(Unary::Call, Py_TYPE(instance));
        if method.is_null() {
            return None;
        }
        let version = hook::version_for_call(thread, method);
        if version.is_null() {
            return None;
        }
        Py_INCREF(method);
        items.write(method);
        items.add(1).write(instance);
        let (args, count) = (items.add(1), nargs as usize + 1);
        // The interpreter's way by the slot keeps the instance and the arguments until the call is over, whatever becomes of
        // the parameters.
        let simple = (*version).simple && (*version).argcount as usize == count;
        let result = run(thread, version, method, |slots| match simple {
            true => {
                (0..count).for_each(|index| slots.add(index).write(Py_NewRef(args.add(index).read())));
                true
            }
            false => bind(method, slots, args, count, null_mut()),
        });
        let result = result
            .unwrap_or_else(|| hook::call_original(method, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, null_mut()));
        Some(drop_items(items, nargs, result))
    }
}

/// The version of a Python function that a site's call is to run, cached; NULL when the call is the interpreter's.
#[inline]
unsafe fn callee(
    thread: *mut Thread,
    site: *mut CallSite,
    function: *mut PyObject,
    nargs: usize,
    kwnames: *mut PyObject,
) -> *mut Version {
    // SAFETY: live objects; a cached version is kept by the site.
    unsafe {
        let cached = (*site).cached(function);
        if !cached.is_null() && safepoint::runs_compiled(thread) {
            return cached;
        }
        let version = hook::version_for_call(thread, function);
        if !version.is_null() && (*site).is_settling() {
            (*site).remember(version, function, nargs, kwnames);
        }
        version
    }
}

/// The positional arguments of `f(*args)` as a tuple, with the interpreter's message for what cannot be iterated.
unsafe fn arguments_to_tuple(callable: *mut PyObject, args: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe {
        if (*Py_TYPE(args)).tp_iter.is_none() && PySequence_Check(args) == 0 {
            if let Ok(name) = crate::ops::containers::function_string(callable) {
                PyErr_Format(
                    PyExc_TypeError,
                    c"%U argument after * must be an iterable, not %.200s".as_ptr(),
                    name.as_ptr(),
                    (*Py_TYPE(args)).tp_name,
                );
            }
            return null_mut();
        }
        PySequence_Tuple(args)
    }
}

/// Whether an argument is nobody else's and its end could be noticed: the callee, which the interpreter runs, must
/// then own it alone.
unsafe fn hands_over_last_reference(args: *mut *mut PyObject, count: usize) -> bool {
    // SAFETY: live arguments.
    unsafe {
        (0..count).any(|index| {
            let value = args.add(index).read();
            Py_REFCNT(value) == 1 && PyType_GetFlags(Py_TYPE(value)) & Py_TPFLAGS_HAVE_GC != 0
        })
    }
}

/// Has the interpreter run a function on a frame that takes the arguments (owned) over, as its own calls do; `None`,
/// with nothing taken over, when the call is not that plain. A vectorcall would keep the arguments alive until the
/// function returns.
unsafe fn call_by_frame(
    thread: *mut Thread,
    function: *mut PyObject,
    args: *mut *mut PyObject,
    count: usize,
) -> Option<*mut PyObject> {
    // SAFETY: a live function; the record is laid out as the interpreter does it.
    unsafe {
        let record = function.cast::<Function>();
        let code = (*record).func_code.cast::<Code>();
        let plain = CO_OPTIMIZED | CO_NEWLOCALS;
        let starred = CO_VARARGS | CO_VARKEYWORDS | CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
        if (*code).co_flags & (plain | starred) != plain || (*code).co_kwonlyargcount != 0 {
            return None;
        }
        if (*code).co_argcount as usize != count {
            return None;
        }
        let frame = room(thread, (*code).co_framesize as usize * 8);
        if frame.is_null() {
            return None;
        }
        let tstate = (*thread).tstate;
        let first = Code::instructions(code);
        let locals = (*code).co_nlocalsplus as usize;
        frame.write(Frame {
            f_executable: code.cast(),
            previous: (*tstate).current_frame,
            f_funcobj: function,
            f_globals: (*record).func_globals,
            f_builtins: (*record).func_builtins,
            f_locals: null_mut(),
            frame_obj: null_mut(),
            // Complete for as long as it takes to get its frame object.
            instr_ptr: first.add((*code).co_firsttraceable as usize),
            stacktop: locals as i32,
            return_offset: 0,
            owner: FRAME_OWNED_BY_THREAD,
            localsplus: [null_mut()],
        });
        for index in 0..locals {
            let value = if index < count {
                args.add(index).read()
            } else {
                null_mut()
            };
            Frame::slot(frame, index).write(value);
        }
        (*tstate).current_frame = frame;
        (*tstate).datastack_top = frame.cast::<*mut PyObject>().add((*code).co_framesize as usize);
        let object = api::PyThreadState_GetFrame(tstate.cast());
        (*tstate).current_frame = (*frame).previous;
        if object.is_null() {
            PyErr_Clear();
            (*tstate).datastack_top = frame.cast();
            return None;
        }
        Py_INCREF(code.cast());
        Py_INCREF(function);
        (*frame).instr_ptr = first;
        Py_DECREF(object);
        Some(api::PyEval_EvalFrameEx(object, 0))
    }
}

/// Gives up what a call consumed.
#[inline]
unsafe fn drop_items(items: *mut *mut PyObject, nargs: isize, result: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller owns the items.
    unsafe {
        for index in 2..nargs + 2 {
            drop_reference(items.offset(index).read());
        }
        let receiver = items.add(1).read();
        if !receiver.is_null() {
            drop_reference(receiver);
        }
        Py_DECREF(items.read());
        result
    }
}

/// `PyMethodObject` (`cpython/classobject.h`).
#[repr(C)]
pub(crate) struct BoundMethod {
    ob_base: PyObject,
    pub(crate) im_func: *mut PyObject,
    pub(crate) im_self: *mut PyObject,
}

/// Runs a module's code, wrapped in a function without parameters, compiled if it can be; `locals` are its
/// namespace. A new reference, or NULL with an exception.
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn run_module(function: *mut PyObject, locals: *mut PyObject) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        let thread = thread::current();
        let version = if safepoint::runs_compiled(thread) {
            hook::compile(function)
        } else {
            null_mut()
        };
        if version.is_null() {
            return api::PyEval_EvalCode((*function.cast::<Function>()).func_code, locals, locals);
        }
        let result = run(thread, version, function, |slots| {
            let frame = slots
                .cast::<u8>()
                .sub(std::mem::offset_of!(Frame, localsplus))
                .cast::<Frame>();
            Py_INCREF(locals);
            (*frame).f_locals = locals;
            true
        });
        result.unwrap_or(null_mut())
    }
}
