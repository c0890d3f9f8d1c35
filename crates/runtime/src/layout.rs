//! Where things lie in CPython's objects.
//!
//! Two kinds of knowledge are kept here, and nowhere else:
//!
//! * structs that CPython's *public* headers show ([`ThreadState`], [`Function`], [`Code`], numbers, containers);
//! * layouts that only its internal headers show ([`Frame`], [`FrameObject`], inline attribute values, shared keys,
//!   iterators). They are used only after [`crate::probe`] has proved them on the running interpreter.
//!
//! All of it is CPython 3.13's (the build with the GIL).

use pyo3_ffi::{Py_ssize_t, PyObject, PyTypeObject};
use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

/// `PyThreadState` (`cpython/pystate.h`).
#[repr(C)]
pub struct ThreadState {
    pub prev: *mut ThreadState,
    pub next: *mut ThreadState,
    pub interp: *mut c_void,
    pub eval_breaker: usize,
    pub status: c_uint,
    pub whence: c_int,
    pub state: c_int,
    pub py_recursion_remaining: c_int,
    pub py_recursion_limit: c_int,
    pub c_recursion_remaining: c_int,
    pub recursion_headroom: c_int,
    pub tracing: c_int,
    pub what_event: c_int,
    pub current_frame: *mut Frame,
    pub c_profilefunc: *const c_void,
    pub c_tracefunc: *const c_void,
    pub c_profileobj: *mut PyObject,
    pub c_traceobj: *mut PyObject,
    pub current_exception: *mut PyObject,
    pub exc_info: *mut ExceptionStackItem,
    pub dict: *mut PyObject,
    pub gilstate_counter: c_int,
    pub async_exc: *mut PyObject,
    pub thread_id: c_ulong,
    pub native_thread_id: c_ulong,
    pub delete_later: *mut PyObject,
    pub critical_section: usize,
    pub coroutine_origin_tracking_depth: c_int,
    pub async_gen_firstiter: *mut PyObject,
    pub async_gen_finalizer: *mut PyObject,
    pub context: *mut PyObject,
    pub context_ver: u64,
    pub id: u64,
    pub datastack_chunk: *mut StackChunk,
    pub datastack_top: *mut *mut PyObject,
    pub datastack_limit: *mut *mut PyObject,
}

/// `_PyErr_StackItem` (`cpython/pystate.h`): the exception that is being handled.
#[repr(C)]
pub struct ExceptionStackItem {
    pub exc_value: *mut PyObject,
    pub previous_item: *mut ExceptionStackItem,
}

/// `_PyStackChunk` (`cpython/pystate.h`): a piece of a thread's data stack.
#[repr(C)]
pub struct StackChunk {
    pub previous: *mut StackChunk,
    /// Size of the whole chunk in bytes.
    pub size: usize,
    /// Index into `data` of the first free slot, kept while the chunk is not the newest.
    pub top: usize,
    pub data: [*mut PyObject; 1],
}

/// `PyFunctionObject` (`cpython/funcobject.h`).
#[repr(C)]
pub struct Function {
    pub ob_base: PyObject,
    pub func_globals: *mut PyObject,
    pub func_builtins: *mut PyObject,
    pub func_name: *mut PyObject,
    pub func_qualname: *mut PyObject,
    pub func_code: *mut PyObject,
    pub func_defaults: *mut PyObject,
    pub func_kwdefaults: *mut PyObject,
    pub func_closure: *mut PyObject,
    pub func_doc: *mut PyObject,
    pub func_dict: *mut PyObject,
    pub func_weakreflist: *mut PyObject,
    pub func_module: *mut PyObject,
    pub func_annotations: *mut PyObject,
    pub func_typeparams: *mut PyObject,
    pub vectorcall: *const (),
    pub func_version: u32,
}

/// `PyCodeObject` (`cpython/code.h`).
#[repr(C)]
pub struct Code {
    pub ob_base: PyObject,
    pub ob_size: Py_ssize_t,
    pub co_consts: *mut PyObject,
    pub co_names: *mut PyObject,
    pub co_exceptiontable: *mut PyObject,
    pub co_flags: c_int,
    pub co_argcount: c_int,
    pub co_posonlyargcount: c_int,
    pub co_kwonlyargcount: c_int,
    pub co_stacksize: c_int,
    pub co_firstlineno: c_int,
    pub co_nlocalsplus: c_int,
    /// Size of a frame in words, its record included.
    pub co_framesize: c_int,
    pub co_nlocals: c_int,
    pub co_ncellvars: c_int,
    pub co_nfreevars: c_int,
    pub co_version: u32,
    pub co_localsplusnames: *mut PyObject,
    pub co_localspluskinds: *mut PyObject,
    pub co_filename: *mut PyObject,
    pub co_name: *mut PyObject,
    pub co_qualname: *mut PyObject,
    pub co_linetable: *mut PyObject,
    pub co_weakreflist: *mut PyObject,
    pub co_executors: *mut c_void,
    pub co_cached: *mut c_void,
    pub co_instrumentation_version: usize,
    pub co_monitoring: *mut c_void,
    /// Index, in code units, of the first `RESUME`.
    pub co_firsttraceable: c_int,
    pub co_extra: *mut c_void,
    pub co_code_adaptive: [u16; 1],
}

impl Code {
    /// The first code unit of the bytecode that the interpreter runs.
    ///
    /// # Safety
    /// `code` is a live code object.
    pub unsafe fn instructions(code: *mut Code) -> *mut u16 {
        // SAFETY: the field lies inside the object.
        unsafe { (&raw mut (*code).co_code_adaptive).cast() }
    }

    /// Slots of the parameters, which come first: named ones, `*args`, `**kwargs`.
    pub fn parameters(&self) -> usize {
        let starred = self.co_flags & pyo3_ffi::CO_VARARGS != 0;
        let keywords = self.co_flags & pyo3_ffi::CO_VARKEYWORDS != 0;
        (self.co_argcount + self.co_kwonlyargcount) as usize + usize::from(starred) + usize::from(keywords)
    }

    /// Whether a slot of localsplus has a cell, as a variable that is shared with other functions.
    ///
    /// # Safety
    /// A live code object; the slot is one of its.
    pub unsafe fn is_cell(&self, slot: usize) -> bool {
        // SAFETY: a bytes object with a byte for each slot.
        let kind = unsafe { pyo3_ffi::PyBytes_AsString(self.co_localspluskinds).add(slot).read() };
        kind as u8 & (FAST_CELL | FAST_FREE) != 0
    }
}

/// Kinds of slots (`CO_FAST_CELL` and `CO_FAST_FREE` of `internal/pycore_code.h`).
const FAST_CELL: u8 = 0x40;
const FAST_FREE: u8 = 0x80;

/// The interpreter's frame record (`_PyInterpreterFrame`, `internal/pycore_frame.h`).
#[repr(C)]
pub struct Frame {
    pub f_executable: *mut PyObject,
    pub previous: *mut Frame,
    pub f_funcobj: *mut PyObject,
    pub f_globals: *mut PyObject,
    pub f_builtins: *mut PyObject,
    pub f_locals: *mut PyObject,
    pub frame_obj: *mut FrameObject,
    pub instr_ptr: *mut u16,
    pub stacktop: c_int,
    pub return_offset: u16,
    pub owner: c_char,
    pub localsplus: [*mut PyObject; 1],
}

/// Words of a frame before its locals (`FRAME_SPECIALS_SIZE`).
pub const FRAME_SPECIALS_SIZE: usize = 9;
pub const FRAME_OWNED_BY_THREAD: c_char = 0;
pub const FRAME_OWNED_BY_GENERATOR: c_char = 1;
pub const FRAME_OWNED_BY_FRAME_OBJECT: c_char = 2;

impl Frame {
    /// Slot `index` of locals, cells, free variables and operand stack.
    ///
    /// # Safety
    /// `frame` is a live frame that has such a slot.
    pub unsafe fn slot(frame: *mut Frame, index: usize) -> *mut *mut PyObject {
        // SAFETY: the caller vouches for the slot.
        unsafe { (&raw mut (*frame).localsplus).cast::<*mut PyObject>().add(index) }
    }
}

/// `struct _frame` (`internal/pycore_frame.h`): a frame as Python sees it.
#[repr(C)]
pub struct FrameObject {
    pub ob_base: PyObject,
    pub f_back: *mut FrameObject,
    pub f_frame: *mut Frame,
    pub f_trace: *mut PyObject,
    pub f_lineno: c_int,
    pub f_trace_lines: c_char,
    pub f_trace_opcodes: c_char,
    pub f_extra_locals: *mut PyObject,
    pub f_locals_cache: *mut PyObject,
    /// Room for the frame record once its function has returned.
    pub f_frame_data: [*mut PyObject; 1],
}

/// `PyGenObject`, `PyCoroObject` and `PyAsyncGenObject` (`cpython/genobject.h`), which are the same but for the names.
#[repr(C)]
pub struct Generator {
    pub ob_base: PyObject,
    pub weakreflist: *mut PyObject,
    pub name: *mut PyObject,
    pub qualname: *mut PyObject,
    pub exc_state: ExceptionStackItem,
    /// A coroutine's origin, an asynchronous generator's finalizer.
    pub origin_or_finalizer: *mut PyObject,
    /// This and the next two are an asynchronous generator's.
    pub hooks_inited: c_char,
    pub closed: c_char,
    pub running_async: c_char,
    pub frame_state: i8,
    pub frame: Frame,
}

/// `PyFrameState` (`internal/pycore_frame.h`): how far a generator's frame is. The suspended states are negative.
pub mod frame_state {
    pub const CREATED: i8 = -3;
    pub const SUSPENDED: i8 = -2;
    pub const SUSPENDED_YIELD_FROM: i8 = -1;
    pub const EXECUTING: i8 = 0;
    pub const CLEARED: i8 = 4;
}

impl Generator {
    /// The generator that a frame of its own lies in.
    ///
    /// # Safety
    /// The frame's owner is a generator.
    pub unsafe fn of(frame: *mut Frame) -> *mut Generator {
        // SAFETY: see the contract.
        unsafe { frame.cast::<u8>().sub(std::mem::offset_of!(Generator, frame)).cast() }
    }
}

/// `PyAsyncGenASend` (`Objects/genobject.c`): what `asend` and `__anext__` of an asynchronous generator give.
#[repr(C)]
pub struct AsyncSend {
    pub ob_base: PyObject,
    pub generator: *mut Generator,
    /// NULL stands for None.
    pub value: *mut PyObject,
    pub state: c_int,
}

/// `AwaitableState`, of an [`AsyncSend`].
pub mod awaitable_state {
    pub const INIT: i32 = 0;
    pub const ITER: i32 = 1;
    pub const CLOSED: i32 = 2;
}

/// `_PyAsyncGenWrappedValue` (`Objects/genobject.c`): a value on its way from an asynchronous generator's `yield` to who
/// awaits it.
#[repr(C)]
pub struct AsyncWrappedValue {
    pub ob_base: PyObject,
    pub value: *mut PyObject,
}

/// `PyDictKeysObject` (`internal/pycore_dict.h`), up to its index table.
#[repr(C)]
pub struct DictKeys {
    pub dk_refcnt: Py_ssize_t,
    pub dk_log2_size: u8,
    pub dk_log2_index_bytes: u8,
    pub dk_kind: u8,
    pub dk_version: u32,
    pub dk_usable: Py_ssize_t,
    pub dk_nentries: Py_ssize_t,
}

/// `PyDictObject` (`cpython/dictobject.h`).
#[repr(C)]
pub struct DictObject {
    pub ob_base: PyObject,
    pub ma_used: Py_ssize_t,
    pub ma_version_tag: u64,
    pub ma_keys: *mut DictKeys,
    /// NULL where the values lie in the key table.
    pub ma_values: *mut DictValues,
}

/// `setentry` (`cpython/setobject.h`).
#[repr(C)]
pub struct SetEntry {
    pub key: *mut PyObject,
    pub hash: Py_ssize_t,
}

/// `PySetObject` (`cpython/setobject.h`), up to its table.
#[repr(C)]
pub struct SetObject {
    pub ob_base: PyObject,
    /// Entries that have or had a key, and those that have.
    pub fill: Py_ssize_t,
    pub used: Py_ssize_t,
    pub mask: Py_ssize_t,
    pub table: *mut SetEntry,
}

/// `DICT_WATCHER_MASK` (`internal/pycore_dict.h`): the bits of `ma_version_tag` that say who watches.
pub const DICT_WATCHER_MASK: u64 = 0xff;

/// `DICT_VERSION_INCREMENT`: what versions of dictionaries in `ma_version_tag` are multiples of.
pub const DICT_VERSION_STEP: u64 = 1 << 12;

/// `_gc_next` of `PyGC_Head`, which lies before an object: zero while the garbage collector does not track that.
pub const GC_HEAD_NEXT: isize = -16;

/// `DICT_KEYS_UNICODE`: all keys are strings, and the values lie beside them.
pub const DICT_KEYS_UNICODE: u8 = 1;
/// `DKIX_EMPTY`: a place of the index table that no key was ever at.
pub const DICT_INDEX_EMPTY: i8 = -1;
/// `DICT_KEYS_SPLIT`: the keys are shared by the instances of a class.
pub const DICT_KEYS_SPLIT: u8 = 2;

/// An entry of a key table whose keys are all strings (`PyDictUnicodeEntry`).
#[repr(C)]
pub struct DictUnicodeEntry {
    pub me_key: *mut PyObject,
    pub me_value: *mut PyObject,
}

/// `struct _dictvalues`: an instance's attribute values, inline after the object.
#[repr(C)]
pub struct DictValues {
    pub capacity: u8,
    pub size: u8,
    pub embedded: u8,
    pub valid: u8,
    pub values: [*mut PyObject; 1],
}

/// Offset of the managed dictionary's pointer from an object (`MANAGED_DICT_OFFSET`).
pub const MANAGED_DICT_OFFSET: isize = -24;

/// `Py_TPFLAGS_INLINE_VALUES`.
pub const TPFLAGS_INLINE_VALUES: c_ulong = 1 << 2;
/// `Py_TPFLAGS_MANAGED_DICT`.
pub const TPFLAGS_MANAGED_DICT: c_ulong = 1 << 4;

/// `PyTypeObject` (`cpython/object.h`), the fields that pyo3-ffi does not show, by offset.
pub mod type_object {
    pub const TP_BASICSIZE: usize = 32;
    pub const TP_DICTOFFSET: usize = 288;
    pub const TP_VERSION_TAG: usize = 384;
    pub const TP_ITERNEXT: usize = 224;
    /// `PyHeapTypeObject.ht_cached_keys`.
    pub const HT_CACHED_KEYS: usize = 880;
}

/// Offsets that machine code uses.
/// A wrapper around a type's slot, bound to an instance (`wrapperobject`, `Objects/descrobject.c`).
#[repr(C)]
pub struct MethodWrapper {
    pub ob_base: PyObject,
    pub descr: *mut PyObject,
    pub receiver: *mut PyObject,
}

pub mod offset {
    pub const OB_REFCNT: i32 = 0;
    pub const OB_TYPE: i32 = 8;
    pub const OB_SIZE: i32 = 16;
    /// `PyASCIIObject.state`, and what is in it: how many bytes a character takes (in bits 2 to 4), whether the characters
    /// follow the header (bit 5), whether all are ASCII (bit 6).
    pub const STR_STATE: i32 = std::mem::offset_of!(pyo3_ffi::PyASCIIObject, state) as i32;
    pub const STR_SHAPE: i64 = 0b11_1100;
    /// A byte each, and they follow.
    pub const STR_NARROW: i64 = 0b10_0100;
    pub const STR_ASCII: i64 = 0b100_0000;
    /// `PyLongObject.long_value.lv_tag`.
    pub const LONG_TAG: i32 = 16;
    /// `PyLongObject.long_value.ob_digit[0]`, 32 bits.
    pub const LONG_DIGIT: i32 = 24;
    pub const FLOAT_VALUE: i32 = 16;
    pub const LIST_ITEMS: i32 = 24;
    pub const LIST_ALLOCATED: i32 = 32;
    pub const TUPLE_ITEMS: i32 = 24;
    pub const CELL_REF: i32 = 16;
    /// Iterators over lists and tuples: index and sequence.
    pub const SEQITER_INDEX: i32 = 16;
    pub const SEQITER_SEQ: i32 = 24;
    /// Iterators over `range` whose numbers fit in a C long.
    pub const RANGEITER_START: i32 = 16;
    pub const RANGEITER_STEP: i32 = 24;
    pub const RANGEITER_LEN: i32 = 32;
}

/// `arrayobject` (`Modules/arraymodule.c`), by offset; proved by [`crate::arrays`].
pub mod array_object {
    pub const ITEMS: i32 = 24;
    pub const DESCRIPTION: i32 = 40;
}

/// The iterators over `array.array`, memoryviews and NumPy's arrays (`PySeqIter_Type`), by offset; proved by
/// [`crate::arrays`].
pub mod array_iterator {
    /// Of the next item.
    pub const INDEX: i32 = 16;
    pub const SEQUENCE: i32 = 24;
}

const _: () = {
    assert!(std::mem::offset_of!(ThreadState, eval_breaker) == 24);
    assert!(std::mem::offset_of!(ThreadState, current_frame) == 72);
    assert!(std::mem::offset_of!(ThreadState, exc_info) == 120);
    assert!(std::mem::offset_of!(Function, func_code) == 48);
    assert!(std::mem::offset_of!(Function, vectorcall) == 128);
    assert!(std::mem::offset_of!(Code, co_framesize) == 76);
    assert!(std::mem::offset_of!(Code, co_code_adaptive) == 200);
    assert!(std::mem::offset_of!(Frame, localsplus) == FRAME_SPECIALS_SIZE * 8);
    assert!(std::mem::offset_of!(Generator, frame) == 72);
};

/// Reads `tp_version_tag`: a number that is unique to the present state of the type, or 0.
///
/// # Safety
/// `ty` is a live type.
pub unsafe fn version_tag(ty: *mut PyTypeObject) -> u32 {
    // SAFETY: every type object has the field.
    unsafe { ty.cast::<u8>().add(type_object::TP_VERSION_TAG).cast::<u32>().read() }
}

/// Numbers of opcodes.
pub const BINARY_OP: u8 = 45;
pub const CALL: u8 = 53;
pub const CALL_FUNCTION_EX: u8 = 54;
pub const CALL_KW: u8 = 57;
pub const EXTENDED_ARG: u8 = 71;
pub const JUMP_BACKWARD: u8 = 77;
