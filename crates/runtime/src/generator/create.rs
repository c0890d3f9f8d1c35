//! Making generators, coroutines and asynchronous generators.

use super::{mark, pool};
use crate::api;
use crate::hook;
use crate::layout::{Code, FRAME_OWNED_BY_GENERATOR, FRAME_SPECIALS_SIZE, Frame, Function, Generator, frame_state};
use crate::ops::reference::{Owned, PyResult};
use crate::runtime_fns;
use crate::safepoint;
use crate::thread::Thread;
use crate::version::Version;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Words of an object's header, and of a generator before its locals.
const OBJECT_WORDS: usize = 2;
const GENERATOR_WORDS: usize = std::mem::offset_of!(Generator, frame) / 8 + FRAME_SPECIALS_SIZE;

runtime_fns! {
    /// A compiled function's call makes a generator, coroutine or asynchronous generator: what the interpreter does up to
    /// and with `RETURN_GENERATOR`. `frame` has room for the arguments, which are taken over, and is not linked.
    MAKE_GENERATOR = fn make_generator(thread: *mut Thread, frame: *mut Frame, version: *mut Version) -> *mut PyObject {
        let function = (*frame).f_funcobj;
        (*version).calls += 1;
        if (*version).calls >= (*version).check_calls {
            // Code of the program may run there (the first optimized version imports `gc`), but not where the arguments are.
            let tstate = (*thread).tstate;
            let top = (*tstate).datastack_top;
            (*tstate).datastack_top = Frame::slot(frame, (*(*version).code).parameters());
            hook::upgrade(function, version, std::ptr::null_mut(), 0);
            (*tstate).datastack_top = top;
        }
        let version = super::newest(version);
        let generator = if too_deep(thread) { null_mut() } else { allocate((*version).code) };
        if generator.is_null() {
            for index in 0..(*(*version).code).parameters() {
                Py_XDECREF(Frame::slot(frame, index).read());
            }
            return null_mut();
        }
        fill(generator, frame, function, version);
        let depth = (*(*thread).tstate).coroutine_origin_tracking_depth;
        if depth != 0 && (*(*version).code).co_flags & CO_COROUTINE != 0 {
            match origin(depth) {
                Ok(origin) => (*generator).origin_or_finalizer = origin.into_ptr(),
                Err(_) => {
                    Py_DECREF(generator.cast());
                    return null_mut();
                }
            }
        }
        generator.cast()
    }
}

/// Whether the interpreter would refuse the call; RecursionError is set then.
unsafe fn too_deep(thread: *mut Thread) -> bool {
    // SAFETY: the present thread's.
    unsafe {
        let remaining = (*(*thread).tstate).py_recursion_remaining - 1;
        remaining < 0 && safepoint::too_deep(thread, remaining, usize::MAX)
    }
}

/// How far a generator is that optimized code has not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Progress {
    Created,
    Suspended,
    /// Its frame is to be linked and filled by the caller.
    Running,
    Finished,
}

/// A generator of a function, suspended before the instruction at a byte offset, with these locals, and these items on its
/// operand stack (borrowed; NULL is none). No mark: better code for it may be anywhere.
///
/// # Safety
/// The GIL is held; a live function of that code, which is a generator function's.
pub(crate) unsafe fn make_as(
    function: *mut PyObject,
    code: *mut Code,
    offset: u32,
    progress: Progress,
    values: &[*mut PyObject],
) -> *mut PyObject {
    // SAFETY: the object has room for a frame of the code.
    unsafe {
        let generator = allocate(code);
        if generator.is_null() {
            return null_mut();
        }
        let locals = (*code).co_nlocalsplus as usize;
        let frame = &raw mut (*generator).frame;
        let record = function.cast::<Function>();
        (*generator).name = Py_NewRef((*record).func_name);
        (*generator).qualname = Py_NewRef((*record).func_qualname);
        (*frame).f_executable = Py_NewRef(code.cast());
        (*frame).f_globals = (*record).func_globals;
        (*frame).f_builtins = (*record).func_builtins;
        (*frame).instr_ptr = Code::instructions(code).add(offset as usize / 2);
        (*frame).owner = FRAME_OWNED_BY_GENERATOR;
        (*frame).stacktop = locals.max(values.len()) as i32;
        if progress == Progress::Finished {
            (*frame).stacktop = 0;
            (*generator).frame_state = frame_state::CLEARED;
        } else {
            (*frame).f_funcobj = Py_NewRef(function);
            for (index, &value) in values.iter().enumerate() {
                Frame::slot(frame, index).write(Py_XNewRef(value));
            }
            (*generator).frame_state = match progress {
                Progress::Suspended => frame_state::SUSPENDED,
                _ => frame_state::CREATED,
            };
        }
        PyObject_GC_Track(generator.cast());
        generator.cast()
    }
}

/// An object with a frame for the code, all zero up to the end of its locals and not known to the garbage
/// collector yet; NULL without memory.
unsafe fn allocate(code: *mut Code) -> *mut Generator {
    // SAFETY: a live code object; the types are the interpreter's own.
    unsafe {
        let ty = match (*code).co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) {
            CO_GENERATOR => &raw mut PyGen_Type,
            CO_COROUTINE => &raw mut PyCoro_Type,
            _ => &raw mut api::PyAsyncGen_Type,
        };
        let slots = (*code).co_nlocalsplus + (*code).co_stacksize;
        let recycled = pool::take(slots as usize);
        if !recycled.is_null() {
            let words = GENERATOR_WORDS + (*code).co_nlocalsplus as usize - OBJECT_WORDS;
            std::ptr::write_bytes(recycled.cast::<usize>().add(OBJECT_WORDS), 0, words);
            return PyObject_Init(recycled.cast(), ty).cast();
        }
        // The allocator adds room for one more item; a generator always has an operand stack.
        let generator = PyType_GenericAlloc(ty, slots as Py_ssize_t - 1).cast::<Generator>();
        if !generator.is_null() {
            PyObject_GC_UnTrack(generator.cast());
            // The allocator takes every variable-sized object to have its size there.
            (*generator).weakreflist = null_mut();
        }
        generator
    }
}

/// Fills a fresh generator in; takes the arguments over.
unsafe fn fill(generator: *mut Generator, arguments: *mut Frame, function: *mut PyObject, version: *mut Version) {
    // SAFETY: the object has room for a frame of the version's code.
    unsafe {
        let code = (*version).code;
        let locals = (*code).co_nlocalsplus as usize;
        let frame = &raw mut (*generator).frame;
        let start = &raw const (&(*version).resume_points)[0];
        let record = function.cast::<Function>();
        (*generator).name = Py_NewRef((*record).func_name);
        (*generator).qualname = Py_NewRef((*record).func_qualname);
        (*frame).f_executable = Py_NewRef(code.cast());
        (*frame).f_funcobj = Py_NewRef(function);
        (*frame).f_globals = (*version).globals;
        (*frame).f_builtins = (*version).builtins;
        (*frame).instr_ptr = (*start).instr_ptr;
        (*frame).stacktop = locals as i32;
        (*frame).owner = FRAME_OWNED_BY_GENERATOR;
        std::ptr::copy_nonoverlapping(Frame::slot(arguments, 0), Frame::slot(frame, 0), (*code).parameters());
        if let Some(prologue) = &(*version).generator {
            for &index in &prologue.cells {
                // An argument goes into its cell.
                let slot = Frame::slot(frame, index as usize);
                let cell = PyCell_New(slot.read());
                Py_XDECREF(slot.read());
                slot.write(cell);
            }
            for index in 0..prologue.free as usize {
                let cell = PyTuple_GET_ITEM((*record).func_closure, index as Py_ssize_t);
                Frame::slot(frame, locals - prologue.free as usize + index).write(Py_NewRef(cell));
            }
        }
        (*generator).exc_state.previous_item = mark(start);
        (*generator).frame_state = frame_state::CREATED;
        PyObject_GC_Track(generator.cast());
    }
}

/// Where a coroutine is made, as `sys.set_coroutine_origin_tracking_depth` asks for it: `depth` tuples of file name,
/// line number and function name, from the caller outwards.
unsafe fn origin(depth: i32) -> PyResult<Owned> {
    // SAFETY: the objects are live; the GIL is held.
    unsafe {
        let list = Owned::from_result(PyList_New(0))?;
        let mut frame = Owned::from_nullable(api::PyThreadState_GetFrame(api::PyThreadState_GetUnchecked()));
        for _ in 0..depth {
            let Some(current) = frame else { break };
            let raw = current.as_ptr().cast::<PyFrameObject>();
            let code = PyFrame_GetCode(raw);
            let entry = Py_BuildValue(
                c"OiO".as_ptr(),
                (*code.cast::<Code>()).co_filename,
                PyFrame_GetLineNumber(raw),
                (*code.cast::<Code>()).co_name,
            );
            Py_DECREF(code.cast());
            let entry = Owned::from_result(entry)?;
            crate::ops::reference::check(PyList_Append(list.as_ptr(), entry.as_ptr()))?;
            frame = Owned::from_nullable(PyFrame_GetBack(raw).cast());
        }
        Owned::from_result(PyList_AsTuple(list.as_ptr()))
    }
}
