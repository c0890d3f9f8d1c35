//! What people see of compiled code: counters, explanations, dumps.

use crate::compiler::{self, Purpose};
use crate::{optimize, optimizing_report};
use justjit_baseline::decline_reason;
use justjit_baseline::table::{Kind, describe};
use justjit_bytecode::Function as Decoded;
use justjit_cranelift::disassemble;
use justjit_runtime::deopt::DeoptReason;
use justjit_runtime::hook;
use justjit_runtime::layout::Function;
use justjit_runtime::ops::intrinsics::{intrinsic_1_supported, intrinsic_2_supported, unary};
use justjit_runtime::tiering::{self, request::Backend, resting};
use justjit_runtime::version::{HandOverReason, Tier, totals};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_ffi::PyObject;
use std::fmt::Write;

fn handovers<'py>(py: Python<'py>, counts: &[u64]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (reason, &count) in HandOverReason::ALL.iter().zip(counts) {
        if count > 0 {
            dict.set_item(reason.describe(), count)?;
        }
    }
    Ok(dict)
}

fn deopts<'py>(py: Python<'py>, counts: &[u64]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (reason, &count) in DeoptReason::ALL.iter().zip(counts) {
        if count > 0 {
            dict.set_item(reason.describe(), count)?;
        }
    }
    Ok(dict)
}

/// The process-wide totals.
pub fn totals_dict(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let totals = totals();
    let declined = PyDict::new(py);
    let mut declined_count = 0;
    for (reason, &count) in hook::declined() {
        declined.set_item(reason, count)?;
        declined_count += count;
    }
    let dict = PyDict::new(py);
    dict.set_item("functions_hooked", hook::hooked())?;
    dict.set_item("functions_compiled", hook::compiled())?;
    dict.set_item("functions_declined", declined_count)?;
    dict.set_item("versions", totals.versions)?;
    dict.set_item("calls", totals.calls)?;
    dict.set_item("resumes", totals.resumes)?;
    dict.set_item("back_edges", totals.back_edges)?;
    dict.set_item("compile_ns", totals.compile_ns)?;
    dict.set_item("code_bytes", totals.code_bytes)?;
    dict.set_item("code_memory_limit", crate::config::get().code_memory_limit)?;
    dict.set_item("declined", declined)?;
    dict.set_item("handovers", handovers(py, &totals.handovers)?)?;
    dict.set_item("deopts", deopts(py, &totals.deopts)?)?;
    dict.set_item("cache_misses", totals.cache_misses)?;
    dict.set_item("cache_hits", totals.cache_hits)?;
    dict.set_item("limit_reached", compiler::limit_reached())?;
    optimizing_report::add_totals(py, &dict)?;
    Ok(dict)
}

/// One function's counters, summed over the versions of its code.
pub fn function_dict<'py>(py: Python<'py>, function: *mut PyObject) -> PyResult<Option<Bound<'py, PyDict>>> {
    // SAFETY: the caller holds the function; the GIL is held.
    unsafe {
        let code = hook::code_of(function);
        let state = hook::state_of(code.cast());
        if state.is_null() && !hook::is_hooked(function) {
            return Ok(None);
        }
        let dict = PyDict::new(py);
        dict.set_item("name", compiler::text((*code).co_qualname))?;
        let (mut calls, mut resumes, mut back_edges, mut compile_ns, mut code_bytes) = (0, 0, 0, 0, 0);
        let (mut hits, mut misses, mut instructions) = (0, 0, 0);
        let mut counts = [0; HandOverReason::ALL.len()];
        let mut left = [0; DeoptReason::COUNT];
        let mut versions = 0;
        let mut declined = None;
        let mut cold = 0;
        let mut tier = "interpreter";
        let rests = resting::is_resting(function);
        if !state.is_null() {
            let entries = &(*state).versions;
            versions = entries.len();
            if versions > 0 {
                // Where the code was compiled for other globals only, by whatever those have.
                let newest = hook::present_version(function, state).as_ref();
                tier = match newest.map(|newest| newest.tier) {
                    _ if rests => "interpreter",
                    Some(Tier::Optimizing) => "optimizing",
                    _ => "baseline",
                };
            }
            // What the code goes on in when it is left counts as well.
            let continuations = entries.iter().flat_map(|&version| &(*version).continuations);
            let continuations = continuations.filter(|one| one.code == code && !one.version.is_null());
            let all = entries.iter().copied().chain(continuations.map(|one| one.version));
            for version in all {
                let version = &*version;
                calls += version.calls;
                resumes += version.resumes;
                back_edges += version.back_edges;
                compile_ns += version.compile_ns;
                code_bytes += version.code_bytes;
                hits += version.cache_hits();
                misses += version.cache_misses();
                instructions = version.instructions;
                for (sum, count) in counts.iter_mut().zip(version.handovers) {
                    *sum += count;
                }
                for point in &version.deopt_points {
                    left[point.reason as usize] += point.count;
                }
            }
            declined = (*state).declined.clone();
            cold = (*state).cold_calls;
        }
        dict.set_item("tier", tier)?;
        // The call that compiled it counts as the version's.
        dict.set_item(
            "calls",
            if versions > 0 {
                cold.saturating_sub(1) + calls
            } else {
                cold
            },
        )?;
        dict.set_item("resumes", resumes)?;
        dict.set_item("back_edges", back_edges)?;
        dict.set_item("compile_ns", compile_ns)?;
        dict.set_item("code_bytes", code_bytes)?;
        dict.set_item("versions", versions)?;
        dict.set_item("bytecode_instructions", instructions)?;
        dict.set_item("handovers", handovers(py, &counts)?)?;
        dict.set_item("deopts", deopts(py, &left)?)?;
        dict.set_item("cache_hits", hits)?;
        dict.set_item("cache_misses", misses)?;
        dict.set_item("declined", declined)?;
        dict.set_item("left_to_interpreter", rests)?;
        optimizing_report::add_function(py, &dict, function, state)?;
        Ok(Some(dict))
    }
}

fn decoded(function: *mut PyObject) -> PyResult<Decoded> {
    // SAFETY: the caller holds the function; the GIL is held.
    unsafe { compiler::decode_code(hook::code_of(function)) }.map_err(PyRuntimeError::new_err)
}

/// What is told of an instruction: offset, line, name, status, detail.
pub type Row = (u32, Option<i32>, &'static str, &'static str, String);

/// What became of each instruction.
pub fn explain(function: *mut PyObject) -> PyResult<Vec<Row>> {
    let decoded = decoded(function)?;
    let declined = decline_reason(&decoded);
    let rows = decoded.instructions.iter().map(|one| {
        let (kind, text) = describe(one.opcode);
        let handed = match one.opcode.name() {
            "CALL_INTRINSIC_1" => {
                !matches!(one.arg, unary::IMPORT_STAR | unary::STOPITERATION_ERROR) && !intrinsic_1_supported(one.arg)
            }
            "CALL_INTRINSIC_2" => !intrinsic_2_supported(one.arg),
            _ => false,
        };
        let (status, detail) = match kind {
            _ if declined.is_some() => ("declined", String::new()),
            _ if one.depth.is_none() => ("compiled", "never reached".to_owned()),
            _ if handed => ("hand-over", HandOverReason::Instruction.describe().to_owned()),
            Kind::Runtime => ("runtime call", text.to_owned()),
            _ => ("compiled", text.to_owned()),
        };
        (
            one.offset,
            decoded.position(one.offset).line,
            one.opcode.name(),
            status,
            detail,
        )
    });
    Ok(rows.collect())
}

/// Marks in `out` that what follows belongs to the source line of a bytecode offset.
fn mark_line(out: &mut String, decoded: &Decoded, offset: u32, last: &mut Option<i32>) {
    let line = decoded.position(offset).line;
    if let Some(number) = line
        && line != *last
    {
        let _ = writeln!(out, "@L{number}");
        *last = line;
    }
}

fn bytecode(decoded: &Decoded) -> String {
    let mut out = String::new();
    let mut last = None;
    for one in &decoded.instructions {
        mark_line(&mut out, decoded, one.offset, &mut last);
        let depth = one.depth.map_or("-".to_owned(), |depth| depth.to_string());
        let _ = writeln!(out, "    stack {depth:>3}  {one}");
    }
    out
}

fn cfg(decoded: &Decoded) -> String {
    let mut out = String::new();
    let mut last = None;
    for (number, block) in decoded.blocks.iter().enumerate() {
        let names = |blocks: &[u32]| {
            blocks
                .iter()
                .map(|one| format!("B{one}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let _ = write!(out, "block B{number}");
        match block.entry_depth {
            Some(depth) => {
                let _ = write!(out, " stack {depth}");
            }
            None => out.push_str(" unreachable"),
        }
        for (flag, word) in [
            (block.is_loop_header, " loop header"),
            (block.is_handler, " exception handler"),
            (block.is_resume_point, " resume point"),
        ] {
            if flag {
                out.push_str(word);
            }
        }
        if !block.successors.is_empty() {
            let _ = write!(out, " -> {}", names(&block.successors));
        }
        if !block.handler_successors.is_empty() {
            let _ = write!(out, " raises -> {}", names(&block.handler_successors));
        }
        out.push('\n');
        for one in &decoded.instructions[block.start..block.end] {
            mark_line(&mut out, decoded, one.offset, &mut last);
            let _ = writeln!(out, "    {one}");
        }
    }
    out
}

/// The code generator's text with its `@offset` source locations turned into line marks.
fn clif(text: &str, decoded: &Decoded) -> String {
    let mut out = String::new();
    let mut last = None;
    for line in text.lines() {
        let offset = line
            .strip_prefix('@')
            .and_then(|rest| u32::from_str_radix(rest.get(..4)?, 16).ok());
        if let Some(offset) = offset {
            mark_line(&mut out, decoded, offset, &mut last);
        }
        let _ = writeln!(out, "{line}");
    }
    out
}

/// A text of the optimizing tier's, which is made for it.
unsafe fn optimized(
    function: *mut PyObject,
    decoded: &Decoded,
    name: &str,
    backend: Option<Backend>,
) -> PyResult<String> {
    // SAFETY: the caller holds the function; the GIL is held; settings are copied.
    unsafe {
        let state = hook::state_of(hook::code_of(function).cast());
        let sampled = state.as_ref().is_some_and(|state| {
            let mut versions = state.versions.iter().copied();
            versions.any(|version| (*version).is_sampling() || (*version).tier == Tier::Optimizing)
        });
        if !sampled {
            return Err(PyRuntimeError::new_err(
                "it has not been sampled for the optimizing tier: call it some more, under config(tier=\"optimizing\") or with \
                 @jit(tier=\"optimizing\") a few times",
            ));
        }
        let mut settings = tiering::effective(state).settings();
        if let Some(backend) = backend {
            settings.backend = backend;
        }
        let texts = optimize::texts(function, &settings)
            .map_err(|reason| PyRuntimeError::new_err(format!("not optimized: {reason}")))?;
        let Some((_, text)) = texts.iter().find(|(known, _)| known == name) else {
            let names: Vec<_> = texts.iter().map(|(known, _)| known.as_str()).collect();
            return Err(PyRuntimeError::new_err(format!(
                "there is no {name:?} of this version (a pass may be switched off), but there are {}",
                names.join(", ")
            )));
        };
        let mut out = optimizing_report::entrances(&*state, decoded);
        out.push_str(&if name == "clif" {
            clif(text, decoded)
        } else {
            text.clone()
        });
        Ok(out)
    }
}

/// A function's forms as text.
pub fn dump(function: *mut PyObject, what: &str) -> PyResult<String> {
    let decoded = decoded(function)?;
    let runs_optimized = || {
        // SAFETY: the caller holds the function; the GIL is held.
        unsafe {
            let state = hook::state_of(hook::code_of(function).cast());
            !state.is_null()
                && hook::present_version(function, state)
                    .as_ref()
                    .is_some_and(|version| version.tier == Tier::Optimizing && !version.machine_code.is_empty())
        }
    };
    let (what, optimized_by) = match what {
        "bytecode" => return Ok(bytecode(&decoded)),
        "cfg" => return Ok(cfg(&decoded)),
        "clif" => ("clif", None),
        "clif:optimizing" => ("clif", Some(Some(Backend::Cranelift))),
        "asm" => ("asm", runs_optimized().then_some(None)),
        "asm:baseline" => ("asm", None),
        "asm:optimizing" => ("asm", Some(None)),
        "llvm" | "llvm:emitted" => (what, Some(Some(Backend::Llvm))),
        _ if what == "ir" || what.starts_with("ir:") => (what, Some(None)),
        _ => return Err(PyValueError::new_err(format!("nothing to dump is called {what:?}"))),
    };
    if let Some(backend) = optimized_by {
        // SAFETY: see above.
        return unsafe { optimized(function, &decoded, what, backend) };
    }
    // SAFETY: the caller holds the function; the GIL is held; the version is never installed.
    unsafe {
        let state = hook::ensure_state(hook::code_of(function).cast());
        if state.is_null() {
            return Err(PyRuntimeError::new_err("no memory"));
        }
        let version = compiler::make(function.cast::<Function>(), state, Purpose::Text)
            .map_err(|reason| PyRuntimeError::new_err(format!("not compiled: {reason}")))?;
        let mut out = String::new();
        if let Some(code) = compiler::body_code(&version) {
            if what == "clif" {
                out = clif(code.clif().unwrap_or_default(), &decoded);
            } else {
                let mut last = None;
                for (offset, text) in disassemble(code) {
                    if let Some(position) = code.position_at(offset) {
                        mark_line(&mut out, &decoded, position, &mut last);
                    }
                    let _ = writeln!(out, "    {offset:5x}  {text}");
                }
            }
        }
        compiler::discard(version);
        Ok(out)
    }
}
