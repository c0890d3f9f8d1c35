//! Frames of compiled code: leaving them, unwinding them, handing them to the interpreter.
//!
//! A compiled function's frame lies on the thread's data stack, is laid out as the interpreter's own and is linked
//! as the thread's current frame while its code runs. Its references to the code object and the function are
//! borrowed (the caller keeps the function alive), and become strong when somebody else takes the frame over: a frame
//! object that outlives the call, or the interpreter. A generator's frame lies in the generator, and its references are
//! strong, as the interpreter's are.

use crate::api;
use crate::layout::{
    Code, FRAME_OWNED_BY_FRAME_OBJECT, FRAME_OWNED_BY_GENERATOR, FRAME_OWNED_BY_THREAD, Frame, FrameObject, Function,
    Generator, StackChunk, ThreadState, frame_state,
};
use crate::runtime_fns;
use crate::thread::Thread;
use crate::version::Version;
use crate::watch;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Smallest data-stack chunk that the runtime makes, in bytes (CPython's `DATA_STACK_CHUNK_SIZE`).
const CHUNK_BYTES: usize = 16 * 1024;

/// Words that are left free at the end of a chunk when a frame is pushed.
const HEADROOM_WORDS: usize = 1;

unsafe fn code_of(frame: *mut Frame) -> *mut Code {
    // SAFETY: the frame of a running function holds its code object.
    unsafe { (*frame).f_executable.cast() }
}

/// Gives up a reference that may be NULL.
unsafe fn clear_slot(slot: *mut *mut PyObject) {
    // SAFETY: the caller owns the reference in the slot.
    unsafe {
        let value = slot.read();
        if !value.is_null() {
            slot.write(null_mut());
            crate::numbers::drop_reference(value);
        }
    }
}

/// Hands the frame record to the frame object that outlives it, as the interpreter does on return; the record's
/// references to the code object and the function have become strong.
unsafe fn give_to_frame_object(tstate: *mut ThreadState, object: *mut FrameObject, frame: *mut Frame) {
    // SAFETY: a frame object has room for the record of its code; `probe` has proved where.
    unsafe {
        let locals = (*code_of(frame)).co_nlocalsplus as usize;
        let copy = (&raw mut (*object).f_frame_data).cast::<Frame>();
        let words = crate::layout::FRAME_SPECIALS_SIZE + locals;
        std::ptr::copy_nonoverlapping(frame.cast::<*mut PyObject>(), copy.cast::<*mut PyObject>(), words);
        (*copy).stacktop = locals as i32;
        (*copy).owner = FRAME_OWNED_BY_FRAME_OBJECT;
        (*copy).previous = null_mut();
        (*copy).frame_obj = null_mut();
        (*object).f_frame = copy;
        let back = api::PyThreadState_GetFrame(tstate.cast());
        if back.is_null() {
            PyErr_Clear();
        }
        (*object).f_back = back.cast();
        if api::PyObject_GC_IsTracked(object.cast()) == 0 {
            PyObject_GC_Track(object.cast());
        }
    }
}

/// Leaves a frame whose operand stack is empty: unlinks it, drops its references, pops it.
///
/// # Safety
/// `frame` is the current frame of the thread and the newest on its data stack.
pub unsafe fn leave(thread: *mut Thread, frame: *mut Frame) {
    // SAFETY: see the contract.
    unsafe {
        let tstate = (*thread).tstate;
        if (*frame).owner == FRAME_OWNED_BY_GENERATOR {
            return finish_generator(tstate, frame);
        }
        (*tstate).current_frame = (*frame).previous;
        if !survives(tstate, frame) {
            clear_locals(frame);
        }
        (*tstate).datastack_top = frame.cast();
        (*tstate).py_recursion_remaining += 1;
    }
}

/// Gives up the frame object of a frame that is being left. Where somebody else has it, it outlives the frame and has got the
/// record with all its references.
#[inline]
unsafe fn survives(tstate: *mut ThreadState, frame: *mut Frame) -> bool {
    // SAFETY: the frame is not linked any more and owns a reference to its frame object.
    unsafe {
        let object = std::mem::replace(&mut (*frame).frame_obj, null_mut());
        if object.is_null() {
            return false;
        }
        let survives = Py_REFCNT(object.cast()) > 1;
        if survives {
            // A generator keeps its code object; only a function's frame has borrowed its function.
            Py_INCREF((*frame).f_executable);
            if (*frame).owner != FRAME_OWNED_BY_GENERATOR {
                Py_INCREF((*frame).f_funcobj);
            }
            // A finalizer may have set an exception aside, and so must the look for the caller's frame object.
            let raised = api::PyErr_GetRaisedException();
            give_to_frame_object(tstate, object, frame);
            api::PyErr_SetRaisedException(raised);
        }
        Py_DECREF(object.cast());
        survives
    }
}

unsafe fn clear_locals(frame: *mut Frame) {
    // SAFETY: the slots of locals hold owned references or NULL.
    unsafe {
        for index in 0..(*code_of(frame)).co_nlocalsplus as usize {
            clear_slot(Frame::slot(frame, index));
        }
        clear_slot(&raw mut (*frame).f_locals);
    }
}

/// Leaves the frame of a generator for good, its operand stack empty. The code object stays the generator's.
unsafe fn finish_generator(tstate: *mut ThreadState, frame: *mut Frame) {
    // SAFETY: the frame is the current one and lies in a generator, which its caller keeps.
    unsafe {
        let generator = Generator::of(frame);
        (*tstate).current_frame = (*frame).previous;
        (*tstate).py_recursion_remaining += 1;
        (*generator).frame_state = frame_state::CLEARED;
        (*tstate).exc_info = (*generator).exc_state.previous_item;
        (*generator).exc_state.previous_item = null_mut();
        if !survives(tstate, frame) {
            clear_locals(frame);
            Py_DECREF((*frame).f_funcobj);
        }
        clear_slot(&raw mut (*generator).exc_state.exc_value);
        (*frame).previous = null_mut();
    }
}

/// Adds the present instruction of the current frame to the traceback of the exception that is set.
pub(crate) unsafe fn traceback_here(thread: *mut Thread) {
    // SAFETY: the frame is linked and past its first traceable instruction.
    unsafe {
        if (*(*thread).tstate).current_exception.is_null() {
            PyErr_SetString(PyExc_SystemError, c"error return without exception set".as_ptr());
        }
        reuse_frame_object(thread, (*(*thread).tstate).current_frame);
        let object = api::PyThreadState_GetFrame((*thread).tstate.cast());
        if !object.is_null() {
            api::PyTraceBack_Here(object);
            Py_DECREF(object);
        }
    }
}

/// Drops operand stack slots `from..to`, the newest first.
unsafe fn drop_stack(frame: *mut Frame, from: i32, to: i32) {
    // SAFETY: the slots hold owned references or NULL.
    unsafe {
        let locals = (*code_of(frame)).co_nlocalsplus;
        for depth in (from..to).rev() {
            clear_slot(Frame::slot(frame, (locals + depth) as usize));
        }
    }
}

runtime_fns! {
    /// Leaves a frame that somebody has a frame object of, or that has many locals, or that is a generator's.
    LEAVE = fn leave_frame(thread: *mut Thread, frame: *mut Frame) { leave(thread, frame) }

    /// An exception left the present instruction and a handler of this function gets it. Takes the operand stack
    /// down from `depth` to `kept`, pushes the frame's instruction offset when `push_lasti` is set (in code units), and
    /// pushes the exception, which is no longer set. Not 0 when the handler is the interpreter's because somebody
    /// watches what runs.
    UNWIND_TO_HANDLER = fn unwind_to_handler(thread: *mut Thread, frame: *mut Frame, depth: i32, kept: i32, push_lasti: i32, traceback: i32) -> i32 {
        if traceback != 0 {
            traceback_here(thread);
        }
        let watched = watch::exception(thread, traceback != 0);
        if depth > kept {
            let raised = api::PyErr_GetRaisedException();
            drop_stack(frame, kept, depth);
            api::PyErr_SetRaisedException(raised);
        }
        let mut top = Frame::slot(frame, ((*code_of(frame)).co_nlocalsplus + kept) as usize);
        if push_lasti != 0 {
            let lasti = (*frame).instr_ptr.offset_from(Code::instructions(code_of(frame)));
            let raised = api::PyErr_GetRaisedException();
            // A small offset is always at hand; a large one that cannot be had leaves 0, which only moves a line number.
            let mut number = PyLong_FromSsize_t(lasti);
            if number.is_null() {
                PyErr_Clear();
                number = PyLong_FromLong(0);
            }
            top.write(number);
            top = top.add(1);
            api::PyErr_SetRaisedException(raised);
        }
        top.write(api::PyErr_GetRaisedException());
        watched.into()
    }

    /// An exception leaves this function: traceback entry (unless told not to), operand stack dropped, frame left.
    UNWIND_OUT = fn unwind_out(thread: *mut Thread, frame: *mut Frame, depth: i32, traceback: i32) {
        if traceback != 0 {
            traceback_here(thread);
        }
        let watched = watch::exception(thread, traceback != 0);
        if depth > 0 {
            let raised = api::PyErr_GetRaisedException();
            drop_stack(frame, 0, depth);
            api::PyErr_SetRaisedException(raised);
        }
        if watched {
            watch::leaving(thread);
        }
        let raised = api::PyErr_GetRaisedException();
        leave(thread, frame);
        api::PyErr_SetRaisedException(raised);
    }

    /// The interpreter goes on with this frame at `instr_ptr` with `depth` values on its operand stack; with an
    /// exception set and `throw`, it looks for the handler first. The result is the function's.
    HAND_OVER = fn hand_over(thread: *mut Thread, frame: *mut Frame, instr_ptr: *mut u16, depth: i32, reason: i32, throw: i32, version: *mut Version) -> *mut PyObject {
        (*version).handovers[reason as usize] += 1;
        continue_in_interpreter(thread, frame, instr_ptr, depth, throw)
    }

    /// `PUSH_EXC_INFO`: makes `exception` (borrowed) the one that is being handled; gives the one before (owned),
    /// or None.
    PUSH_EXC_INFO = fn push_exc_info(thread: *mut Thread, exception: *mut PyObject) -> *mut PyObject {
        let info = (*(*thread).tstate).exc_info;
        let mut before = (*info).exc_value;
        if before.is_null() {
            before = Py_None();
            Py_INCREF(before);
        }
        Py_INCREF(exception);
        (*info).exc_value = exception;
        before
    }

    /// `POP_EXCEPT`: what was handled before (taken over) is handled again.
    POP_EXCEPT = takes(before) fn pop_except(thread: *mut Thread, before: *mut PyObject) {
        let info = (*(*thread).tstate).exc_info;
        let old = (*info).exc_value;
        (*info).exc_value = if before == Py_None() { Py_DECREF(before); null_mut() } else { before };
        Py_XDECREF(old);
    }

    /// See [`forget_observer`].
    FORGET_OBSERVER = fn forget_observer_of(thread: *mut Thread, frame: *mut Frame) { forget_observer(thread, frame) }

    /// `RERAISE`: sets `exception` (taken over) as raised; `lasti` (NULL or an int, borrowed) is where it came from.
    RERAISE = takes(exception) fn reraise(frame: *mut Frame, exception: *mut PyObject, lasti: *mut PyObject) {
        if !lasti.is_null() {
            let units = PyLong_AsLong(lasti);
            (*frame).instr_ptr = Code::instructions(code_of(frame)).add(units as usize);
        }
        api::PyErr_SetRaisedException(exception);
    }
}

/// Gives up the frame object that a traceback has left behind, if nobody else has it and nothing has been noted in it: who asks
/// for one gets another.
///
/// # Safety
/// The present thread, and a live frame of it.
pub unsafe fn forget_observer(thread: *mut Thread, frame: *mut Frame) {
    // SAFETY: the frame owns a reference to its frame object, which has not got the record as long as the frame runs.
    unsafe {
        let object = (*frame).frame_obj;
        if is_blank(object) {
            (*frame).frame_obj = null_mut();
            spare(thread, object);
        }
    }
}

/// Whether it is a frame object that only its frame has, and as it was made.
unsafe fn is_blank(object: *mut FrameObject) -> bool {
    // SAFETY: NULL or a live frame object.
    unsafe {
        if object.is_null() || Py_REFCNT(object.cast()) > 1 {
            return false;
        }
        let record = &*object;
        let noted = [record.f_trace, record.f_extra_locals, record.f_locals_cache];
        let usual = record.f_lineno == 0 && record.f_trace_lines == 1 && record.f_trace_opcodes == 0;
        usual && record.f_back.is_null() && noted.into_iter().all(|one| one.is_null())
    }
}

/// Keeps a [blank](is_blank) frame object (taken over) for the next exception.
unsafe fn spare(thread: *mut Thread, object: *mut FrameObject) {
    // SAFETY: nobody else has the object.
    unsafe {
        if (*thread).spare_frame_object.is_null() {
            (*object).f_frame = null_mut();
            (*thread).spare_frame_object = object;
        } else {
            Py_DECREF(object.cast());
        }
    }
}

/// Gives the frame the frame object that was kept, if it needs one and that has just the room for it.
unsafe fn reuse_frame_object(thread: *mut Thread, frame: *mut Frame) {
    // SAFETY: a frame object has room for as many slots as its size says; it gets the record when the frame ends.
    unsafe {
        let object = (*thread).spare_frame_object;
        if object.is_null() || !(*frame).frame_obj.is_null() {
            return;
        }
        let code = code_of(frame);
        let slots = (*code).co_nlocalsplus + (*code).co_stacksize;
        if Py_SIZE(object.cast()) == slots as Py_ssize_t && Py_REFCNT(object.cast()) == 1 {
            (*thread).spare_frame_object = null_mut();
            (*object).f_frame = frame;
            (*frame).frame_obj = object;
        }
    }
}

/// See [`hand_over`].
///
/// # Safety
/// `frame` is the current frame and the newest on the data stack, `instr_ptr` is an instruction of its code at or
/// after the first traceable one, and `depth` values lie on its operand stack.
pub unsafe fn continue_in_interpreter(
    thread: *mut Thread,
    frame: *mut Frame,
    instr_ptr: *mut u16,
    depth: i32,
    throw: i32,
) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        let tstate = (*thread).tstate;
        crate::deopt::unmark(frame);
        (*frame).instr_ptr = instr_ptr;
        (*frame).stacktop = (*code_of(frame)).co_nlocalsplus + depth;
        let raised = api::PyErr_GetRaisedException();
        let object = api::PyThreadState_GetFrame(tstate.cast());
        if object.is_null() {
            // No memory for the frame object: the function ends with that error.
            Py_XDECREF(raised);
            drop_stack(frame, 0, depth);
            leave(thread, frame);
            return null_mut();
        }
        api::PyErr_SetRaisedException(raised);
        if (*frame).owner != FRAME_OWNED_BY_GENERATOR {
            // The interpreter gives both up when it leaves the frame.
            Py_INCREF((*frame).f_executable);
            Py_INCREF((*frame).f_funcobj);
        }
        // The frame itself owns a reference; with a second one the record would be copied on return.
        Py_DECREF(object);
        // The interpreter links the frame and counts the recursion itself.
        (*tstate).current_frame = (*frame).previous;
        (*tstate).py_recursion_remaining += 1;
        api::PyEval_EvalFrameEx(object, throw)
    }
}

/// Room for a frame of `bytes` on the thread's data stack, or NULL when the present chunk has none.
///
/// # Safety
/// `thread` is the present thread's.
#[inline]
pub unsafe fn room(thread: *mut Thread, bytes: usize) -> *mut Frame {
    // SAFETY: fields of the live thread state.
    unsafe {
        let tstate = (*thread).tstate;
        let top = (*tstate).datastack_top;
        if top.is_null() || top as usize + bytes + HEADROOM_WORDS * 8 > (*tstate).datastack_limit as usize {
            null_mut()
        } else {
            top.cast()
        }
    }
}

/// Makes `frame`, which there is [`room`] for, the current one, as the frame of a function that runs `code`, without any
/// locals yet. The references to both are borrowed.
///
/// # Safety
/// `thread` is the present thread's; a live function, and code that it has or has had; `instr_ptr` points into that.
pub unsafe fn link_function_frame(
    thread: *mut Thread,
    frame: *mut Frame,
    function: *mut PyObject,
    code: *mut Code,
    instr_ptr: *mut u16,
) {
    // SAFETY: the record is laid out as a function's prologue does it.
    unsafe {
        let tstate = (*thread).tstate;
        let record = function.cast::<Function>();
        frame.write(Frame {
            f_executable: code.cast(),
            previous: (*tstate).current_frame,
            f_funcobj: function,
            f_globals: (*record).func_globals,
            f_builtins: (*record).func_builtins,
            f_locals: null_mut(),
            frame_obj: null_mut(),
            instr_ptr,
            stacktop: (*code).co_nlocalsplus,
            return_offset: 0,
            owner: FRAME_OWNED_BY_THREAD,
            localsplus: [null_mut()],
        });
        for index in 0..(*code).co_nlocalsplus as usize {
            Frame::slot(frame, index).write(null_mut());
        }
        (*tstate).current_frame = frame;
        (*tstate).datastack_top = frame.cast::<*mut PyObject>().add((*code).co_framesize as usize);
        (*tstate).py_recursion_remaining -= 1;
    }
}

/// A chunk of data stack pushed for one call; popped by [`pop_chunk`].
pub struct PushedChunk {
    previous_top: *mut *mut PyObject,
    previous_limit: *mut *mut PyObject,
}

unsafe fn arena() -> PyObjectArenaAllocator {
    // SAFETY: the call fills in the whole struct.
    unsafe {
        let mut allocator = std::mem::zeroed();
        PyObject_GetArenaAllocator(&mut allocator);
        allocator
    }
}

/// Pushes a chunk with room for a frame of `bytes`; `None` when there is no memory. The chunk's first slot stays
/// free, so that the interpreter never takes a frame in it for the one that empties the chunk.
///
/// # Safety
/// `thread` is the present thread's.
pub unsafe fn push_chunk(thread: *mut Thread, bytes: usize) -> Option<PushedChunk> {
    // SAFETY: the chunk is made as the interpreter makes its own.
    unsafe {
        let tstate = (*thread).tstate;
        let header = std::mem::offset_of!(StackChunk, data);
        let need = header + bytes + 2048;
        let mut chunk = std::mem::replace(&mut (*thread).spare_chunk, null_mut());
        if !chunk.is_null() && (*chunk).size < need {
            free_chunk(chunk);
            chunk = null_mut();
        }
        if chunk.is_null() {
            let mut size = CHUNK_BYTES;
            while size < need {
                size *= 2;
            }
            let allocator = arena();
            chunk = (allocator.alloc?)(allocator.ctx, size).cast::<StackChunk>();
            if chunk.is_null() {
                return None;
            }
            (*chunk).size = size;
        }
        let pushed = PushedChunk {
            previous_top: (*tstate).datastack_top,
            previous_limit: (*tstate).datastack_limit,
        };
        let previous = (*tstate).datastack_chunk;
        (*chunk).previous = previous;
        (*chunk).top = 0;
        if !previous.is_null() {
            let base = (&raw mut (*previous).data).cast::<*mut PyObject>();
            (*previous).top = pushed.previous_top.offset_from(base) as usize;
        }
        (*tstate).datastack_chunk = chunk;
        (*tstate).datastack_top = (&raw mut (*chunk).data).cast::<*mut PyObject>().add(1);
        (*tstate).datastack_limit = chunk.cast::<u8>().add((*chunk).size).cast();
        Some(pushed)
    }
}

/// Pops the chunk that [`push_chunk`] made, and keeps it for the next time.
///
/// # Safety
/// The chunk's frames are gone.
pub unsafe fn pop_chunk(thread: *mut Thread, pushed: PushedChunk) {
    // SAFETY: see the contract.
    unsafe {
        let tstate = (*thread).tstate;
        let chunk = (*tstate).datastack_chunk;
        (*tstate).datastack_chunk = (*chunk).previous;
        (*tstate).datastack_top = pushed.previous_top;
        (*tstate).datastack_limit = pushed.previous_limit;
        if (*thread).spare_chunk.is_null() {
            (*thread).spare_chunk = chunk;
        } else {
            free_chunk(chunk);
        }
    }
}

unsafe fn free_chunk(chunk: *mut StackChunk) {
    // SAFETY: the chunk came from the arena allocator with this size.
    unsafe {
        let allocator = arena();
        if let Some(free) = allocator.free {
            free(allocator.ctx, chunk.cast(), (*chunk).size);
        }
    }
}

/// Frees the chunk that was kept for a thread that has ended.
///
/// # Safety
/// Nothing lies in it.
pub unsafe fn free_spare_chunk(thread: *mut Thread) {
    // SAFETY: see the contract.
    unsafe {
        let chunk = std::mem::replace(&mut (*thread).spare_chunk, null_mut());
        if !chunk.is_null() {
            free_chunk(chunk);
        }
    }
}
