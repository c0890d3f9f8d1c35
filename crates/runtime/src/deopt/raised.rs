//! Exceptions that optimized code has raised and caught without making them: what they would have been where somebody looks.

use super::leave::{fill, push_frame};
use super::reconstruction::RaisedAt;
use crate::api;
use crate::frame::{leave, pop_chunk, push_exc_info, traceback_here};
use crate::layout::{Code, Frame};
use crate::ops::reference::interned;
use crate::optimized::certain;
use crate::runtime_fns;
use crate::thread::Thread;
use pyo3_ffi::*;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// An exception that has been made, and is to be as if it had been raised.
pub(super) struct Raised<'a> {
    /// Owned; it may be another object where there was no memory for it.
    pub exception: *mut PyObject,
    pub at: &'a RaisedAt,
    /// Of each frame that it has left the function and the locals (owned, or NULL).
    pub left: Vec<*mut PyObject>,
}

/// Sets the exception as raised in the place of what is set, whose context is what is handled.
unsafe fn set_raised(exception: *mut PyObject) {
    // SAFETY: a live exception.
    unsafe { PyErr_SetObject(Py_TYPE(exception).cast(), exception) }
}

impl Raised<'_> {
    /// The current frame is that which has caught the exception, with everything in its slots. The exception gets its context and
    /// its traceback, by way of the frames that it has left, and is handled then, if it was. What is to be given up afterwards is
    /// added to `old`. Runs no code of the program.
    pub unsafe fn catch_again(self, thread: *mut Thread, frame: *mut Frame, old: &mut Vec<*mut PyObject>) {
        // SAFETY: see above.
        unsafe {
            if PyExceptionInstance_Check(self.exception) == 0 {
                old.push(self.exception);
                old.extend(self.left);
                return;
            }
            let pending = api::PyErr_GetRaisedException();
            let going_on_at = (*frame).instr_ptr;
            let start = Code::instructions((*frame).f_executable.cast());
            (*frame).instr_ptr = start.add(self.at.offset as usize / 2);
            set_raised(self.exception);
            // From the outermost to the innermost, which is left first.
            let mut values = self.left;
            let mut pushed = Vec::new();
            for left in self.at.left.iter().rev() {
                let mut locals = values.split_off(values.len() - 1 - left.locals.len());
                let function = locals.remove(0);
                let Some((frame, chunk)) = push_frame(thread, left.code, left.raised, function) else {
                    // The traceback ends here.
                    old.push(function);
                    old.extend(locals);
                    break;
                };
                let locals: Vec<_> = locals.into_iter().map(Some).collect();
                fill(frame, locals.len(), &locals, &mut Vec::new());
                pushed.push((frame, chunk, function, left));
            }
            old.extend(values);
            while let Some((frame, chunk, function, left)) = pushed.pop() {
                traceback_here(thread);
                let raised = api::PyErr_GetRaisedException();
                (*frame).instr_ptr = Code::instructions(left.code).add(left.ended as usize / 2);
                leave(thread, frame);
                api::PyErr_SetRaisedException(raised);
                if let Some(chunk) = chunk {
                    pop_chunk(thread, chunk);
                }
                old.push(function);
            }
            traceback_here(thread);
            let raised = api::PyErr_GetRaisedException();
            (*frame).instr_ptr = going_on_at;
            if let Some(item) = self.at.before {
                let locals = (*(*frame).f_executable.cast::<Code>()).co_nlocalsplus as usize;
                let before = push_exc_info(thread, self.exception);
                Frame::slot(frame, locals + usize::from(item)).write(before);
            }
            old.push(raised);
            old.push(self.exception);
            api::PyErr_SetRaisedException(pending);
        }
    }
}

/// What a callable of the interpreter's makes of arguments, or raises with them. No exception is set.
pub(super) unsafe fn exception_of(callable: *mut PyObject, args: *const *mut PyObject, count: usize) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe {
        let made = PyObject_Vectorcall(callable, args, count, null_mut());
        match made.is_null() {
            true => api::PyErr_GetRaisedException(),
            false => made,
        }
    }
}

/// What the interpreter's own exceptions say.
#[derive(Clone, Copy)]
pub enum Message {
    ListIndex,
    TupleIndex,
    StringIndex,
    BytesIndex,
    ByteArrayIndex,
    ListAssignment,
    EmptyList,
    FloorDivision,
    Remainder,
    Division,
    FloatFloorDivision,
    FloatRemainder,
    FloatDivision,
}

const MESSAGES: usize = 13;

static MESSAGES_MET: [AtomicPtr<PyObject>; MESSAGES] = [const { AtomicPtr::new(null_mut()) }; MESSAGES];

impl Message {
    /// The text, which is the interpreter's; it is kept.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn text(self) -> *mut PyObject {
        let known = &MESSAGES_MET[self as usize];
        let text = known.load(Ordering::Relaxed);
        if !text.is_null() {
            return text;
        }
        // SAFETY: live objects; nothing of this runs code of the program.
        unsafe {
            let pending = api::PyErr_GetRaisedException();
            let (int, no_int) = (PyLong_FromLong(1), PyLong_FromLong(0));
            let (float, no_float) = (PyFloat_FromDouble(1.0), PyFloat_FromDouble(0.0));
            let (list, tuple, string) = (
                PyList_New(0),
                PyTuple_New(0),
                PyUnicode_FromStringAndSize(null_mut(), 0),
            );
            let (bytes, array) = (
                PyBytes_FromStringAndSize(null_mut(), 0),
                PyByteArray_FromStringAndSize(null_mut(), 0),
            );
            let assigned = |list| match PyObject_SetItem(list, no_int, no_int) {
                0 => list,
                _ => null_mut(),
            };
            let result = match self {
                Message::ListIndex => PyObject_GetItem(list, no_int),
                Message::TupleIndex => PyObject_GetItem(tuple, no_int),
                Message::StringIndex => PyObject_GetItem(string, no_int),
                Message::BytesIndex => PyObject_GetItem(bytes, no_int),
                Message::ByteArrayIndex => PyObject_GetItem(array, no_int),
                Message::ListAssignment => assigned(list),
                Message::EmptyList => PyObject_CallMethodNoArgs(list, interned!(c"pop")),
                Message::FloorDivision => PyNumber_FloorDivide(int, no_int),
                Message::Remainder => PyNumber_Remainder(int, no_int),
                Message::Division => PyNumber_TrueDivide(int, no_int),
                Message::FloatFloorDivision => PyNumber_FloorDivide(float, no_float),
                Message::FloatRemainder => PyNumber_Remainder(float, no_float),
                Message::FloatDivision => PyNumber_TrueDivide(float, no_float),
            };
            debug_assert!(result.is_null(), "an operation that raises");
            let raised = api::PyErr_GetRaisedException();
            let args = certain(PyObject_GetAttrString(raised, c"args".as_ptr()));
            let text = Py_NewRef(PyTuple_GetItem(args, 0));
            let made = [int, no_int, float, no_float, list, tuple, string, bytes, array];
            for object in made.into_iter().chain([raised, args]) {
                Py_XDECREF(object);
            }
            api::PyErr_SetRaisedException(pending);
            known.store(text, Ordering::Relaxed);
            text
        }
    }
}

runtime_fns! {
    /// An exception: what a class whose initializer is the interpreter's makes of arguments (taken over), or what it raises with
    /// them.
    MAKE_EXCEPTION = fn make_exception(class: *mut PyObject, args: *const *mut PyObject, count: i64) -> *mut PyObject {
        let exception = certain(exception_of(class, args, count as usize));
        for index in 0..count as usize {
            Py_DECREF(args.add(index).read());
        }
        exception
    }

    /// An exception is as if the instruction at a byte offset of the current frame had raised it, and it had been caught there.
    RAISED_AT = fn raised_at(thread: *mut Thread, frame: *mut Frame, exception: *mut PyObject, offset: i64) {
        let going_on_at = (*frame).instr_ptr;
        (*frame).instr_ptr = Code::instructions((*frame).f_executable.cast()).add(offset as usize / 2);
        set_raised(exception);
        traceback_here(thread);
        Py_DECREF(api::PyErr_GetRaisedException());
        (*frame).instr_ptr = going_on_at;
    }
}
