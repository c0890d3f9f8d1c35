//! What a compilation starts from.

use justjit_bytecode::{Function, Instruction, Opcode, specialized_name};
use justjit_runtime::attributes::{AttributeSite, Shape};
use justjit_runtime::deopt::{
    DeoptPoint, DeoptPoints, DeoptReason, FrameRecovery, Going, Reconstruction, Recovery, Returns,
};
use justjit_runtime::feedback::seen;
use justjit_runtime::globals::{self, GlobalCell};
use justjit_runtime::layout::Code;
use justjit_runtime::site::{CallSite, Callee};
use justjit_runtime::version::{ResumePoint, Version};
use pyo3_ffi::*;
use std::cell::RefCell;

/// Objects of the interpreter that code refers to.
#[derive(Clone, Copy)]
pub struct Objects {
    pub none: *const (),
    pub true_object: *const (),
    pub false_object: *const (),
    pub long_type: *const (),
    pub float_type: *const (),
    pub list_type: *const (),
    pub tuple_type: *const (),
    pub unicode_type: *const (),
    pub dict_type: *const (),
    pub function_type: *const (),
    pub generator_type: *const (),
    pub coroutine_type: *const (),
    pub type_type: *const (),
    pub builtin_type: *const (),
    pub method_descriptor_type: *const (),
    pub range_iterator_type: *const (),
    pub list_iterator_type: *const (),
    pub tuple_iterator_type: *const (),
    pub assertion_error: *const (),
    pub not_implemented: *const (),
}

impl Objects {
    /// # Safety
    /// The GIL is held.
    pub unsafe fn get() -> Objects {
        // SAFETY: the interpreter's own objects, which live for ever.
        unsafe {
            let iterator_type = |sequence: *mut PyObject| {
                let iterator = PyObject_GetIter(sequence);
                let ty = Py_TYPE(iterator);
                Py_DECREF(iterator);
                Py_DECREF(sequence);
                ty.cast_const().cast()
            };
            Objects {
                none: Py_None().cast_const().cast(),
                true_object: Py_True().cast_const().cast(),
                false_object: Py_False().cast_const().cast(),
                long_type: (&raw const PyLong_Type).cast(),
                float_type: (&raw const PyFloat_Type).cast(),
                list_type: (&raw const PyList_Type).cast(),
                tuple_type: (&raw const PyTuple_Type).cast(),
                unicode_type: (&raw const PyUnicode_Type).cast(),
                dict_type: (&raw const PyDict_Type).cast(),
                function_type: (&raw const PyFunction_Type).cast(),
                generator_type: (&raw const PyGen_Type).cast(),
                coroutine_type: (&raw const PyCoro_Type).cast(),
                type_type: (&raw const PyType_Type).cast(),
                builtin_type: (&raw const PyCFunction_Type).cast(),
                method_descriptor_type: (&raw const PyMethodDescr_Type).cast(),
                range_iterator_type: (&raw const PyRangeIter_Type).cast(),
                list_iterator_type: iterator_type(PyList_New(0)),
                tuple_iterator_type: iterator_type(PyTuple_New(0)),
                not_implemented: Py_NotImplemented().cast_const().cast(),
                assertion_error: PyExc_AssertionError.cast_const().cast(),
            }
        }
    }
}

/// Everything that a compilation reads, and the version that it fills.
pub struct Input<'a> {
    pub function: &'a Function,
    pub code: *mut Code,
    pub globals: *mut PyObject,
    pub builtins: *mut PyObject,
    pub objects: Objects,
    pub version: *mut Version,
    /// The version that this one is to replace, or NULL.
    pub older: *const Version,
    /// Instruction offsets (bytes) at which the interpreter takes over, for tests.
    pub handover_points: &'a [u32],
    /// Instruction offsets (bytes) at which the code is left for a continuation version, for tests.
    pub deopt_points: &'a [u32],
    /// Of a continuation version: the byte offsets of the starts of instructions at which it can be entered, in order.
    pub continues_at: &'a [u32],
    /// Nothing is known yet: the code calls the runtime, which notes what it sees.
    pub profiling: bool,
    /// The code notes what each instruction does, for the optimizing tier. It is profiling code too.
    pub sampling: bool,
    /// Compiled code counts the inline caches' hits.
    pub count_hits: bool,
    /// Sites made so far; they become the version's.
    pub sites: &'a RefCell<Sites>,
}

/// Inline caches of the code that is being made.
#[derive(Default)]
pub struct Sites {
    pub calls: Vec<Box<CallSite>>,
    pub attributes: Vec<Box<AttributeSite>>,
    pub cells: Vec<*mut GlobalCell>,
    /// Tables that the code reads.
    pub tables: Vec<Box<[u8]>>,
    pub deopt_points: DeoptPoints,
}

impl Input<'_> {
    /// What the instruction has been seen to work on: bits of [`seen`].
    pub fn seen(&self, index: usize) -> u8 {
        // SAFETY: the version has a byte for each instruction.
        unsafe { (&(*self.version).compiled_with)[index] }
    }

    /// Where the runtime notes what the instruction works on.
    pub fn feedback(&self, index: usize) -> *mut u8 {
        // SAFETY: the version, or that whose feedback it shares, has a byte for each instruction.
        unsafe { (&raw mut (*self.version).feedback_mut()[0]).add(index) }
    }

    /// Whether something other than the instruction may happen right before it: it cannot be done along with one before.
    pub fn is_cut(&self, instruction: &Instruction) -> bool {
        self.handover_points.contains(&instruction.offset)
            || self.deopt_points.contains(&instruction.offset)
            || self.is_entered(instruction)
    }

    /// Whether a continuation version can be entered at the instruction.
    pub fn is_entered(&self, instruction: &Instruction) -> bool {
        self.continues_at.binary_search(&instruction.start).is_ok()
    }

    /// The resume point at a basic block.
    pub fn resume_point(&self, block: u32) -> *const ResumePoint {
        let start = self.function.instructions[self.function.blocks[block as usize].start].start;
        // SAFETY: the code is live, and the version has a resume point for each place where a frame is resumed.
        unsafe {
            let instr_ptr = Code::instructions(self.code).add(start as usize / 2);
            let points = &(*self.version).resume_points;
            points
                .iter()
                .find(|point| point.instr_ptr == instr_ptr)
                .expect("a frame is resumed behind a yield")
        }
    }

    pub fn constant(&self, index: u32) -> *mut PyObject {
        // SAFETY: decoding has checked the index.
        unsafe { PyTuple_GET_ITEM((*self.code).co_consts, index as Py_ssize_t) }
    }

    pub fn name(&self, index: u32) -> *mut PyObject {
        // SAFETY: decoding has checked the index.
        unsafe { PyTuple_GET_ITEM((*self.code).co_names, index as Py_ssize_t) }
    }

    pub fn local_name(&self, index: u32) -> *mut PyObject {
        // SAFETY: decoding has checked the index.
        unsafe { PyTuple_GET_ITEM((*self.code).co_localsplusnames, index as Py_ssize_t) }
    }

    /// Slots that the caller fills.
    pub fn parameters(&self) -> usize {
        // SAFETY: a live code object.
        unsafe { (*self.code).parameters() }
    }

    /// Slots at the end of the locals that hold free variables.
    pub fn free_variables(&self) -> usize {
        // SAFETY: a live code object.
        unsafe { (*self.code).co_nfreevars as usize }
    }

    /// Whether the slot holds a free variable (else a cell of this function's own).
    pub fn is_free(&self, index: u32) -> bool {
        // SAFETY: a live code object.
        unsafe { index as i32 >= (*self.code).co_nlocalsplus - (*self.code).co_nfreevars }
    }

    /// What the call instruction is to do by itself, by what the version before has met there.
    pub fn callee(&self, index: usize) -> Option<&Callee> {
        // SAFETY: the older version lives as long as the code object.
        let older = unsafe { self.older.as_ref() }?;
        let at = older.call_sites.binary_search_by_key(&index, |site| site.index).ok()?;
        older.call_sites[at].lesson()
    }

    /// A cache for the call instruction, whose code calls `inlined` by itself.
    pub fn call_site(&self, index: usize, inlined: Option<&Callee>) -> *const CallSite {
        let mut site = Box::new(CallSite::new());
        site.feedback = self.feedback(index);
        site.owner = self.version;
        site.index = index;
        site.inlined = inlined.cloned();
        let address: *const CallSite = &raw const *site;
        self.sites.borrow_mut().calls.push(site);
        address
    }

    /// What the attribute instruction is to do by itself, by what the version before has met there.
    pub fn shapes(&self, index: usize) -> Vec<Shape> {
        // SAFETY: the older version lives as long as the code object.
        let Some(older) = unsafe { self.older.as_ref() }.filter(|_| !self.profiling) else {
            return Vec::new();
        };
        let at = older.attribute_sites.binary_search_by_key(&index, |site| site.index);
        at.map_or_else(|_| Vec::new(), |at| older.attribute_sites[at].inlinable())
    }

    pub fn attribute_site(&self, name: *mut PyObject, index: usize) -> *const AttributeSite {
        let mut site = Box::new(AttributeSite::new(name, self.feedback(index)));
        site.index = index;
        let address: *const AttributeSite = &raw const *site;
        self.sites.borrow_mut().attributes.push(site);
        address
    }

    /// For tests: a point at which the code is left right before the instruction, with all values in the frame. If that is a
    /// call, there is another at which the frame waits for the callee.
    pub fn requested_point(&self, instruction: &Instruction, depth: usize) -> *const DeoptPoint {
        let frame = |going, depth| FrameRecovery {
            code: self.code,
            function: Recovery::InFrame,
            place: crate::place(instruction),
            going,
            locals: vec![Recovery::InFrame; self.function.nlocals_plus as usize].into(),
            stack: vec![Recovery::InFrame; depth].into(),
        };
        let mut frames = vec![frame(Going::Resume, depth)];
        if instruction.opcode == Opcode::Call {
            frames.push(frame(
                Going::Waits(Returns::Value),
                depth - 2 - instruction.arg as usize,
            ));
        }
        let points = frames
            .into_iter()
            .map(|frame| Reconstruction::of_frames(vec![frame]))
            .map(|made| Box::new(DeoptPoint::new(self.version, made, DeoptReason::Requested)));
        let mut sites = self.sites.borrow_mut();
        let addresses: Vec<_> = points.map(|point| sites.deopt_points.add(point)).collect();
        addresses[0]
    }

    /// Keeps a table as long as the code.
    pub fn keep_bytes(&self, bytes: Box<[u8]>) -> *const u8 {
        let address = bytes.as_ptr();
        self.sites.borrow_mut().tables.push(bytes);
        address
    }

    /// The cell of a global name, where both dictionaries are exact ones.
    ///
    /// # Safety
    /// `name` is a live interned string.
    pub unsafe fn global_cell(&self, name: *mut PyObject) -> Option<*const GlobalCell> {
        // SAFETY: the GIL is held during a compilation; the function holds both.
        unsafe {
            if PyDict_CheckExact(self.globals) == 0 || PyDict_CheckExact(self.builtins) == 0 {
                return None;
            }
            let cell = globals::cell(self.globals, self.builtins, name);
            self.sites.borrow_mut().cells.push(cell);
            Some(cell)
        }
    }
}

/// What the interpreter has seen at an instruction, by its specialized form: bits of [`seen`].
///
/// # Safety
/// `code` is the live code object that the instruction was decoded from.
pub unsafe fn interpreter_feedback(code: *mut Code, instruction: &Instruction) -> u8 {
    // SAFETY: decoding has checked that the offset lies in the code.
    let unit = unsafe {
        Code::instructions(code)
            .cast::<u8>()
            .add(instruction.offset as usize)
            .read()
    };
    match specialized_name(unit) {
        Some((base, name)) if base == instruction.opcode => hint_bits(name),
        _ => 0,
    }
}

/// What a specialized instruction of the interpreter says.
fn hint_bits(hint: &str) -> u8 {
    match hint {
        "" => 0,
        "CALL_PY_EXACT_ARGS" | "CALL_BOUND_METHOD_EXACT_ARGS" => seen::PYTHON,
        "LOAD_ATTR_INSTANCE_VALUE" | "LOAD_ATTR_SLOT" | "STORE_ATTR_INSTANCE_VALUE" | "STORE_ATTR_SLOT" => seen::VALUE,
        "LOAD_ATTR_MODULE" | "LOAD_ATTR_CLASS" => seen::ONE_OBJECT,
        "TO_BOOL_BOOL" | "TO_BOOL_NONE" => seen::BOOL,
        "TO_BOOL_INT" => seen::INT,
        _ if hint.starts_with("LOAD_ATTR_METHOD") => seen::METHOD,
        _ if hint.ends_with("_FLOAT") => seen::FLOAT,
        _ if hint.ends_with("UNICODE") || hint.ends_with("_STR") || hint.ends_with("STR_INT") => seen::STR,
        _ if hint.ends_with("LIST_INT") || hint.ends_with("_LIST") => seen::LIST,
        _ if hint.ends_with("TUPLE_INT") || hint.ends_with("_TUPLE") => seen::TUPLE,
        "FOR_ITER_RANGE" => seen::RANGE,
        "FOR_ITER_GEN" | "SEND_GEN" => seen::GENERATOR,
        "BINARY_SUBSCR_DICT" | "STORE_SUBSCR_DICT" => seen::DICT,
        "BINARY_OP_ADD_INT" | "BINARY_OP_SUBTRACT_INT" | "BINARY_OP_MULTIPLY_INT" | "COMPARE_OP_INT" => seen::INT,
        _ => seen::OTHER,
    }
}
