//! What people see of the optimizing tier: which versions there are and why, where they were left, what was declined.

use crate::compiler;
use justjit_baseline::loop_header;
use justjit_bytecode::Function as Decoded;
use justjit_runtime::deopt::DeoptPoint;
use justjit_runtime::hook::{self, CodeState};
use justjit_runtime::layout::Code;
use justjit_runtime::tiering::{self, Stage};
use justjit_runtime::version::{Tier, Version};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3_ffi::PyObject;

/// The process-wide counters.
pub fn add_totals(py: Python<'_>, dict: &Bound<'_, PyDict>) -> PyResult<()> {
    let counts = tiering::counts();
    dict.set_item("optimize_requests", counts.requests)?;
    dict.set_item("optimize_pending", tiering::pending())?;
    dict.set_item("optimized_versions", counts.optimized)?;
    dict.set_item("dropped_versions", counts.dropped)?;
    let phases = PyDict::new(py);
    for &(phase, nanoseconds) in &counts.phases {
        phases.set_item(phase, nanoseconds)?;
    }
    dict.set_item("optimize_phases", phases)?;
    let declined = PyDict::new(py);
    for (reason, &count) in &counts.declined {
        declined.set_item(reason, count)?;
    }
    dict.set_item("optimize_declined", declined)
}

/// In words, where a version is entered.
fn entrance(decoded: Option<&Decoded>, entry: i64) -> String {
    if entry == 0 {
        return "call".to_owned();
    }
    let line = decoded.and_then(|decoded| {
        let header = decoded.instructions[loop_header(decoded, entry)?].block;
        let found = decoded.loops().into_iter().find(|one| one.header == header)?;
        Some(decoded.loop_lines(&found)?.0)
    });
    line.map_or_else(|| "loop".to_owned(), |line| format!("loop at line {line}"))
}

/// What the head of a dump says: which form it shows, where others are entered that run.
pub fn entrances(state: &CodeState, decoded: &Decoded) -> String {
    // SAFETY: versions live as long as the state has them.
    let versions = state.versions.iter().map(|&version| unsafe { &*version });
    let optimized = versions.filter(|version| version.tier == Tier::Optimizing && version.valid);
    let mut entered: Vec<_> = optimized
        .map(|version| entrance(Some(decoded), version.enters.unwrap_or(0)))
        .collect();
    entered.dedup();
    let running = match entered.is_empty() {
        true => "none".to_owned(),
        false => entered.join(", "),
    };
    format!("; made for this dump, entered at the call; optimized versions that run are entered at: {running}\n")
}

fn version_dict<'py>(py: Python<'py>, version: &Version, decoded: Option<&Decoded>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let tier = if version.profiling {
        "profiling"
    } else {
        version.tier.name()
    };
    dict.set_item("tier", tier)?;
    dict.set_item("entry", entrance(decoded, version.enters.unwrap_or(0)))?;
    dict.set_item("why", &*version.why)?;
    let dropped = match &version.dropped {
        Some(why) => Some(&**why),
        None if !version.valid => Some("something that it bets on has changed"),
        None => None,
    };
    dict.set_item("dropped", dropped)?;
    let typed: Vec<&str> = version.typed.iter().map(|name| &**name).collect();
    dict.set_item("typed_calls", typed)?;
    dict.set_item("calls", version.calls)?;
    dict.set_item("back_edges", version.back_edges)?;
    dict.set_item("loop_entries", version.entered)?;
    dict.set_item("deopts", version.deopts)?;
    dict.set_item("code_bytes", version.code_bytes)?;
    dict.set_item("compile_ns", version.compile_ns)?;
    let phases = PyDict::new(py);
    for &(phase, nanoseconds) in &version.phases {
        phases.set_item(phase, nanoseconds)?;
    }
    dict.set_item("phases", phases)?;
    Ok(dict)
}

fn site_dict<'py>(py: Python<'py>, point: &DeoptPoint, own: *mut Code) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("reason", point.reason.describe())?;
    dict.set_item("count", point.count)?;
    dict.set_item("expected", point.expected.as_deref())?;
    let met = PyDict::new(py);
    if let Some(types) = &point.met {
        for one in &types.types {
            met.set_item(&*one.name, one.count)?;
        }
        if types.others > 0 {
            met.set_item("others", types.others)?;
        }
    }
    dict.set_item("met", met)?;
    let (mut line, mut opname, mut inlined) = (None, "", None);
    if let Some(frame) = point.made().frames.last() {
        // SAFETY: the version keeps the code of its points' frames; the GIL is held.
        unsafe {
            if frame.code != own {
                inlined = Some(compiler::text((*frame.code).co_qualname));
            }
            if let Ok(decoded) = compiler::decode_code(frame.code) {
                line = decoded.position(frame.place.offset).line;
                let index = decoded.index_at(frame.place.start);
                opname = index.map_or("", |index| decoded.instructions[index].opcode.name());
            }
        }
    }
    dict.set_item("line", line)?;
    dict.set_item("opname", opname)?;
    dict.set_item("inlined", inlined)?;
    Ok(dict)
}

/// One function's. Adds nothing but empty lists where it was never hooked.
///
/// # Safety
/// The GIL is held; a live function and its code's state, or NULL.
pub unsafe fn add_function(
    py: Python<'_>,
    dict: &Bound<'_, PyDict>,
    function: *mut PyObject,
    state: *mut CodeState,
) -> PyResult<()> {
    let forms = PyList::empty(py);
    let sites = PyList::empty(py);
    let declined = PyList::empty(py);
    let widened = PyList::empty(py);
    let mut stage = "";
    let mut resting = None;
    // SAFETY: see the contract; no Python code runs between the looks at versions.
    unsafe {
        if !state.is_null() {
            tiering::take_over();
            let code = hook::code_of(function);
            let decoded = compiler::decode_code(code).ok();
            for &version in &(*state).versions {
                forms.append(version_dict(py, &*version, decoded.as_ref())?)?;
                for point in (*version).deopt_points.iter().filter(|point| point.count > 0) {
                    sites.append(site_dict(py, point, code)?)?;
                }
            }
            for one in &(*state).widened {
                widened.append((one.offset, &one.text))?;
            }
            if let Some(tiering) = tiering::find(function, state) {
                for (entry, reason) in &tiering.declines {
                    declined.append((entrance(decoded.as_ref(), *entry), reason))?;
                }
                stage = match &tiering.stage {
                    Stage::Counting => "counting",
                    Stage::Sampling => "sampling",
                    Stage::Pending(_) => "compiling",
                    Stage::Resting(reason) => {
                        resting = Some(reason.clone());
                        "resting"
                    }
                };
            }
        }
    }
    dict.set_item("forms", forms)?;
    dict.set_item("deopt_sites", sites)?;
    dict.set_item("optimize_declined", declined)?;
    dict.set_item("widened", widened)?;
    dict.set_item("optimize_stage", stage)?;
    dict.set_item("optimize_resting", resting)
}
