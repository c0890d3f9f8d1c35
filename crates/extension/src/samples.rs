//! What a sampling version has noted, for Python code.

use crate::compiler;
use justjit_runtime::hook;
use justjit_runtime::sampling::{CalleeSample, Record, Sample, flag};
use justjit_runtime::version::Version;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3_ffi::PyObject;

/// The newest version of the function's code that took samples.
///
/// # Safety
/// The GIL is held; a live function.
unsafe fn sampled(function: *mut PyObject) -> Option<*mut Version> {
    // SAFETY: see the contract.
    unsafe {
        let state = hook::state_of(hook::code_of(function).cast()).as_ref()?;
        let mut versions = state.versions.iter().rev().copied();
        versions.find(|&version| (*version).is_sampling())
    }
}

/// A borrowed object as one that Python code can have.
unsafe fn shown<'py>(py: Python<'py>, object: Option<*mut PyObject>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: the caller passes a live object.
    object.map(|object| unsafe { Bound::from_borrowed_ptr(py, object) })
}

fn sample_dict<'py>(py: Python<'py>, sample: &Sample) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let types = PyList::empty(py);
    for one in sample.types() {
        // SAFETY: the GIL is held; a live type is borrowed for as long as no code runs.
        let ty = unsafe { shown(py, one.live().map(<*mut _>::cast)) };
        types.append((ty, one.count))?;
    }
    dict.set_item("types", types)?;
    if sample.low <= sample.high {
        dict.set_item("range", (sample.low, sample.high))?;
    }
    for (bit, name) in [
        (flag::MORE_TYPES, "more_types"),
        (flag::WIDE_INT, "wide_int"),
        (flag::OBJECTS, "objects"),
        (flag::NULL, "null"),
        (flag::CHANGED, "changed"),
    ] {
        if sample.has(bit) {
            dict.set_item(name, true)?;
        }
    }
    // SAFETY: the GIL is held.
    if let Some(object) = unsafe { shown(py, sample.only_object()) } {
        dict.set_item("object", object)?;
    }
    Ok(dict)
}

fn callee_dict<'py>(py: Python<'py>, callee: &CalleeSample) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("kind", format!("{:?}", callee.kind))?;
    dict.set_item("bound", callee.bound)?;
    dict.set_item("count", callee.count)?;
    // SAFETY: the GIL is held.
    unsafe {
        dict.set_item("object", shown(py, callee.object()))?;
        dict.set_item("code", shown(py, callee.code()))?;
    }
    dict.set_item("receiver", sample_dict(py, &callee.receiver)?)?;
    Ok(dict)
}

fn record_dict<'py>(py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("count", record.count)?;
    dict.set_item("taken", record.taken)?;
    if let Some(result) = &record.result {
        dict.set_item("result", sample_dict(py, result)?)?;
    }
    let operands = PyList::empty(py);
    for operand in record.operands.iter().flatten() {
        operands.append(sample_dict(py, operand)?)?;
    }
    dict.set_item("operands", operands)?;
    if let Some(callees) = &record.callees {
        let met = PyList::empty(py);
        for callee in callees.met() {
            met.append(callee_dict(py, callee)?)?;
        }
        dict.set_item("callees", met)?;
        dict.set_item("more_callees", callees.more)?;
    }
    Ok(dict)
}

/// For each instruction: its offset, its name, what was noted.
pub fn list(py: Python<'_>, function: *mut PyObject) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    // SAFETY: the caller holds the function, whose code keeps the version; the GIL is held.
    unsafe {
        let Some(version) = sampled(function) else {
            return Ok(list);
        };
        let decoded = compiler::decode_code(hook::code_of(function)).map_err(PyRuntimeError::new_err)?;
        for (instruction, record) in decoded.instructions.iter().zip(&(*version).records) {
            list.append((instruction.offset, instruction.opcode.name(), record_dict(py, record)?))?;
        }
    }
    Ok(list)
}
