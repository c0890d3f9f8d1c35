//! What compiled code stands on: object layouts, frames, and the functions it calls.
//!
//! Everything here runs with the GIL held, but for the threads of `tiering` and `profiler`. `layout` says where things lie in CPython's objects and `probe` proves
//! it; `thread`, `frame`, `safepoint`, `call`, `site`, `binding`, `construct`, `special` and `builtins` carry calls; `globals` and `attributes` are the inline
//! caches; `numbers`, `iteration` and `ops` do what instructions mean; `generator` makes and resumes suspended frames; `hook`, `version` and `tiering` tie code objects to
//! machine code; `deopt` leaves optimized code, and `keeping` sees to it that such code
//! does not keep objects alive. `profiler` samples where time goes.

pub mod api;
pub mod arguments;
pub mod arrays;
pub mod attributes;
pub mod bets;
pub mod bigints;
pub mod binding;
pub mod builtins;
pub mod call;
pub mod classes;
pub mod construct;
pub mod consume;
pub mod deopt;
pub mod ending;
pub mod fast;
pub mod feedback;
pub mod frame;
pub mod function_table;
pub mod generator;
pub mod globals;
pub mod hook;
pub mod instances;
pub mod iteration;
pub mod keeping;
pub mod layout;
pub mod lookup;
pub mod math;
pub mod names;
pub mod numbers;
pub mod ops;
pub mod optimized;
pub mod probe;
pub mod profiler;
pub mod safepoint;
pub mod sampling;
pub mod sets;
pub mod site;
pub mod spares;
pub mod special;
pub mod thread;
pub mod tiering;
pub mod types;
pub mod unpacking;
pub mod version;
pub mod watch;
pub mod wrappers;

/// Prepares the runtime for the main interpreter.
///
/// # Errors
/// With a Python exception set.
///
/// # Safety
/// The GIL is held; called once.
pub unsafe fn initialize(compiler: hook::Compiler) -> ops::reference::PyResult<()> {
    // SAFETY: see the contract.
    unsafe {
        names::initialize()?;
        numbers::initialize()?;
        ending::initialize()?;
        iteration::initialize()?;
        builtins::initialize()?;
        wrappers::initialize()?;
        special::initialize()?;
        safepoint::initialize()?;
        globals::initialize()?;
        classes::initialize()?;
        probe::initialize();
        generator::slots::initialize();
        hook::initialize(compiler)
    }
}

/// Whether one call may run for long: the code jumps backwards, or has a generator expression, whose function is compiled
/// only where this one is.
///
/// # Safety
/// The GIL is held; a live code object.
unsafe fn code_has_loop(code: *mut layout::Code) -> bool {
    use pyo3_ffi::*;
    // SAFETY: see the contract.
    unsafe {
        let bytes = api::PyCode_GetCode(code.cast());
        if bytes.is_null() {
            PyErr_Clear();
            return false;
        }
        let size = PyBytes_Size(bytes) as usize;
        let units = std::slice::from_raw_parts(PyBytes_AsString(bytes).cast::<u8>(), size);
        let found = units.chunks_exact(2).any(|unit| unit[0] == layout::JUMP_BACKWARD);
        Py_DECREF(bytes);
        let constants = (*code).co_consts;
        found
            || (0..PyTuple_Size(constants)).any(|at| {
                let constant = PyTuple_GetItem(constants, at);
                let code = constant.cast::<layout::Code>();
                PyCode_Check(constant) != 0
                    && (*code).co_flags & CO_GENERATOR != 0
                    && PyUnicode_CompareWithASCIIString((*code).co_name, c"<genexpr>".as_ptr()) == 0
            })
    }
}
