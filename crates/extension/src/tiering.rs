//! The extension's part in tiering up: making code for `justjit_runtime::tiering`.

use crate::compiler::{self, MachineParts};
use justjit_runtime::deopt::DeoptPoints;
use justjit_runtime::hook::CodeState;
use justjit_runtime::tiering::request::Compiled;
use justjit_runtime::tiering::{Purpose, background};
use justjit_runtime::version::Version;
use pyo3::prelude::*;
use pyo3_ffi::PyObject;

/// Makes a baseline version.
///
/// # Safety
/// The GIL is held; a live function and its code's state.
pub unsafe fn baseline(
    function: *mut PyObject,
    state: *mut CodeState,
    purpose: Purpose,
) -> Result<*mut Version, String> {
    let purpose = match purpose {
        Purpose::Running => compiler::Purpose::Entry,
        Purpose::Sampling => compiler::Purpose::Sampling,
    };
    // SAFETY: see the contract.
    unsafe { compiler::make(function.cast(), state, purpose).map(Box::into_raw) }
}

/// Gives an optimized version its code.
///
/// # Safety
/// The GIL is held; the version's code is live, and so is what the exits name.
pub unsafe fn finish(version: &mut Version, compiled: Compiled) -> Result<(), String> {
    let Compiled {
        code,
        body,
        code_bytes,
        typed,
        exits,
        keep,
        cells,
        timings: _,
        publish,
        refinement: _,
    } = compiled;
    version.keeps.extend(keep);
    version.cells.extend(cells);
    let parts = MachineParts {
        code,
        body,
        bytes: code_bytes,
        typed,
    };
    // SAFETY: see the contract.
    unsafe {
        add_exits(version, exits);
        publish();
        justjit_runtime::keeping::watch();
        compiler::give_entry(version, parts, true)
    }
}

/// Gives an optimized version code that does the same as what it has, whose exits the version has too from now on.
///
/// # Safety
/// As for [`finish`].
pub unsafe fn refine(version: &mut Version, compiled: Compiled) -> Result<(), String> {
    let Compiled {
        code,
        body,
        code_bytes,
        typed,
        exits,
        publish,
        ..
    } = compiled;
    let parts = MachineParts {
        code,
        body,
        bytes: code_bytes,
        typed,
    };
    // SAFETY: see the contract.
    unsafe {
        compiler::give_better_body(version, parts)?;
        add_exits(version, exits);
        publish();
    }
    Ok(())
}

unsafe fn add_exits(version: &mut Version, mut exits: DeoptPoints) {
    exits.set_owner(&raw mut *version);
    // SAFETY: see `finish`.
    unsafe { version.add_deopt_points(exits) };
}

/// The program ends: no more is compiled, and what is under way is waited for, for a while.
#[pyfunction]
pub fn stop_compiling(py: Python<'_>) {
    py.detach(background::stop);
}

/// Compilations that are under way; what has been compiled is taken over first.
#[pyfunction]
pub fn pending_compilations() -> usize {
    // SAFETY: the GIL is held.
    unsafe { justjit_runtime::tiering::take_over() };
    justjit_runtime::tiering::pending()
}
