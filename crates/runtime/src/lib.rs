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
        tiering::budget::initialize();
        probe::initialize();
        generator::slots::initialize();
        hook::initialize(compiler)
    }
}

/// What is known of how long one call may run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Loops {
    None,
    /// The code jumps backwards, or has a generator expression, whose function is compiled only where this one is.
    Some,
    /// There is a loop that computes and calls nothing: if it goes on for long, all of that time is its own.
    Tight,
}

/// The loops of a code object.
///
/// # Safety
/// The GIL is held; a live code object.
unsafe fn loops_of(code: *mut layout::Code) -> Loops {
    use pyo3_ffi::*;
    // SAFETY: see the contract.
    unsafe {
        let bytes = api::PyCode_GetCode(code.cast());
        if bytes.is_null() {
            PyErr_Clear();
            return Loops::None;
        }
        let size = PyBytes_Size(bytes) as usize;
        let units = std::slice::from_raw_parts(PyBytes_AsString(bytes).cast::<u8>(), size);
        let (mut found, mut tight) = (false, false);
        let (mut argument, mut calls_until, mut computes_until) = (0, 0, 0);
        for (at, unit) in units.chunks_exact(2).enumerate() {
            argument = argument << 8 | usize::from(unit[1]);
            match unit[0] {
                layout::EXTENDED_ARG => continue,
                layout::CALL | layout::CALL_KW | layout::CALL_FUNCTION_EX => calls_until = at,
                layout::BINARY_OP => computes_until = at,
                layout::JUMP_BACKWARD => {
                    found = true;
                    // Jumps count from behind themselves and their cache.
                    let start = (at + 2).saturating_sub(argument);
                    tight |= start > calls_until && start < computes_until;
                }
                _ => {}
            }
            argument = 0;
        }
        Py_DECREF(bytes);
        let constants = (*code).co_consts;
        found = found
            || (0..PyTuple_Size(constants)).any(|at| {
                let constant = PyTuple_GetItem(constants, at);
                let code = constant.cast::<layout::Code>();
                PyCode_Check(constant) != 0
                    && (*code).co_flags & CO_GENERATOR != 0
                    && PyUnicode_CompareWithASCIIString((*code).co_name, c"<genexpr>".as_ptr()) == 0
            });
        match (found, tight) {
            (_, true) => Loops::Tight,
            (true, false) => Loops::Some,
            (false, false) => Loops::None,
        }
    }
}
