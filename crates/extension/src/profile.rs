//! The sampling profiler and the loops of a code object, for Python code. What is made of the samples is Python's.

use crate::compiler;
use justjit_baseline::loop_entry;
use justjit_runtime::layout::Code;
use justjit_runtime::{probe, profiler};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3_ffi::{PyCode_Check, PyObject};
use std::time::Duration;

fn code_pointer(object: &Bound<'_, PyAny>) -> PyResult<*mut PyObject> {
    // SAFETY: a live object.
    match unsafe { PyCode_Check(object.as_ptr()) } {
        0 => Err(PyTypeError::new_err("a code object is wanted")),
        _ => Ok(object.as_ptr()),
    }
}

/// The loops of a code object, the outer ones before those in them.
#[pyfunction]
pub fn loops<'py>(py: Python<'py>, code: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let pointer = code_pointer(code)?;
    // SAFETY: a live code object; the GIL is held.
    let decoded = unsafe { compiler::decode_code(pointer.cast::<Code>()) }.map_err(PyRuntimeError::new_err)?;
    let list = PyList::empty(py);
    for one in decoded.loops() {
        let dict = PyDict::new(py);
        let (first, last) = decoded.loop_lines(&one).unzip();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for &block in &one.blocks {
            let instructions = decoded.block_instructions(block);
            let (start, end) = (instructions[0].start, instructions[instructions.len() - 1].next);
            match ranges.last_mut() {
                Some(before) if before.1 == start => before.1 = end,
                _ => ranges.push((start, end)),
            }
        }
        dict.set_item("first_line", first)?;
        dict.set_item("last_line", last)?;
        dict.set_item("parent", one.parent)?;
        dict.set_item("entry", loop_entry(&decoded, one.header))?;
        dict.set_item("ranges", ranges)?;
        list.append(dict)?;
    }
    Ok(list)
}

/// Begins to sample where time goes, each so many seconds.
#[pyfunction]
pub fn start_profile(interval: f64, codes: &Bound<'_, PyList>) -> PyResult<()> {
    probe::verdict().map_err(|reason| PyRuntimeError::new_err(format!("profile() does not work here: {reason}")))?;
    let codes = codes
        .iter()
        .map(|code| code_pointer(&code))
        .collect::<PyResult<Vec<_>>>()?;
    // SAFETY: live code objects, kept by the list; the GIL is held.
    match unsafe { profiler::start(Duration::from_secs_f64(interval), &codes) } {
        Ok(true) => Ok(()),
        Ok(false) => Err(PyRuntimeError::new_err("a profile is being made already")),
        Err(error) => Err(PyOSError::new_err(format!("profile() does not work here: {error}"))),
    }
}

fn amount(amount: profiler::Amount) -> (u64, f64) {
    (amount.samples, amount.time.as_secs_f64())
}

/// Ends the profile: what was found. `None` if none is being made, as in a child that was forked meanwhile.
#[pyfunction]
pub fn stop_profile(py: Python<'_>) -> PyResult<Option<Bound<'_, PyDict>>> {
    // SAFETY: the GIL is held.
    let Some(found) = (unsafe { profiler::stop() }) else {
        return Ok(None);
    };
    let places = PyList::empty(py);
    for (code, place, found) in found.places {
        // SAFETY: a new reference to a code object.
        let code = unsafe { Bound::from_owned_ptr(py, code) };
        let (samples, seconds) = amount(found);
        let versions = place.versions;
        places.append((
            code,
            place.offset,
            versions.start.name(),
            versions.loops,
            samples,
            seconds,
        ))?;
    }
    let dict = PyDict::new(py);
    dict.set_item("places", places)?;
    dict.set_item("unknown", amount(found.unknown))?;
    dict.set_item("idle", amount(found.idle))?;
    dict.set_item("seconds", found.duration.as_secs_f64())?;
    Ok(Some(dict))
}

/// Before a fork: the profiler's thread ends.
#[pyfunction]
pub fn pause_profile() {
    // SAFETY: the GIL is held.
    unsafe { profiler::before_fork() };
}

/// After a fork, in the parent: it begins again.
#[pyfunction]
pub fn resume_profile() {
    // SAFETY: the GIL is held.
    unsafe { profiler::after_fork() };
}

/// After a fork, in the child: no profile is being made.
#[pyfunction]
pub fn forget_profile() {
    // SAFETY: the GIL is held; `pause_profile` was called.
    unsafe { profiler::forget() };
}
