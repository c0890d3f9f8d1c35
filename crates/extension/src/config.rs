//! The process-wide settings that compiled code and the compiler read.

use justjit_runtime::tiering::policy::{Options, Policy, Tiers};
use justjit_runtime::tiering::request::{Backend, Stress};
use justjit_runtime::{hook, safepoint, tiering};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::Mutex;

/// Process-wide settings.
#[derive(Clone)]
pub struct Config {
    /// Tiers, thresholds, and how the optimizing tier compiles.
    pub policy: Policy,
    pub baseline_calls: u64,
    /// Bytes of machine code above which nothing more is compiled.
    pub code_memory_limit: u64,
    pub unwind_info: bool,
    pub perf_map: bool,
    pub count_hits: bool,
    pub verify: bool,
    /// For tests: code hands over to the interpreter at every instruction whose number this divides; 0 is off.
    pub handover_every: u32,
    /// For tests: all code takes samples for the optimizing tier, and nothing else is made of it.
    pub sampling_only: bool,
    /// For tests: code is left for a continuation version at every instruction whose number this divides; 0 is off.
    pub deopt_every: u32,
}

static CONFIG: Mutex<Config> = Mutex::new(Config {
    policy: Policy::new(),
    baseline_calls: hook::BASELINE_CALLS,
    code_memory_limit: 256 << 20,
    unwind_info: false,
    perf_map: false,
    count_hits: false,
    verify: false,
    handover_every: 0,
    sampling_only: false,
    deopt_every: 0,
});

/// The present settings.
pub fn get() -> Config {
    CONFIG.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

fn put(config: Config) {
    hook::set_default_calls(config.baseline_calls);
    safepoint::set_off(config.policy.tiers == Tiers::Interpreter);
    let mut policy = config.policy.clone();
    policy.settings.verify = config.verify;
    tiering::set_policy(policy);
    *CONFIG.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = config;
}

/// Puts the defaults into effect.
pub fn initialize() {
    put(get());
}

pub fn to_dict(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let config = get();
    let dict = PyDict::new(py);
    let policy = &config.policy;
    let settings = &policy.settings;
    dict.set_item("tier", policy.tiers.name())?;
    dict.set_item("optimize_calls", policy.optimize_calls)?;
    dict.set_item("optimize_loops", policy.optimize_loops)?;
    dict.set_item("opt_level", settings.opt_level)?;
    dict.set_item("background", policy.background)?;
    dict.set_item("backend", settings.backend.name())?;
    dict.set_item("passes_off", PyTuple::new(py, &settings.passes_off)?)?;
    dict.set_item("stress", settings.stress.name())?;
    dict.set_item("baseline_calls", config.baseline_calls)?;
    dict.set_item("code_memory_limit", config.code_memory_limit)?;
    dict.set_item("unwind_info", config.unwind_info)?;
    dict.set_item("perf_map", config.perf_map)?;
    dict.set_item("count_hits", config.count_hits)?;
    dict.set_item("verify", config.verify)?;
    dict.set_item("handover_every", config.handover_every)?;
    dict.set_item("sampling_only", config.sampling_only)?;
    dict.set_item("deopt_every", config.deopt_every)?;
    Ok(dict)
}

fn tiers(value: &Bound<'_, PyAny>) -> PyResult<Tiers> {
    let name: String = value.extract()?;
    Tiers::named(&name).ok_or_else(|| PyValueError::new_err(format!("no such tier: {name:?}")))
}

fn backend(value: &Bound<'_, PyAny>) -> PyResult<Backend> {
    let name: String = value.extract()?;
    Backend::named(&name).ok_or_else(|| PyValueError::new_err(format!("no such backend: {name:?}")))
}

fn stress(value: &Bound<'_, PyAny>) -> PyResult<Stress> {
    let name: String = value.extract()?;
    Stress::named(&name).ok_or_else(|| PyValueError::new_err(format!("no such stress: {name:?}")))
}

/// Sets one of a function's own options.
pub fn set_option(options: &mut Options, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    match name {
        "tier" => options.tiers = Some(tiers(value)?),
        "optimize_calls" => options.optimize_calls = Some(value.extract()?),
        "optimize_loops" => options.optimize_loops = Some(value.extract()?),
        "opt_level" => options.opt_level = Some(value.extract()?),
        "fastmath" => options.fast_math = Some(value.extract()?),
        "background" => options.background = Some(value.extract()?),
        "backend" => options.backend = Some(backend(value)?),
        _ => return Err(PyKeyError::new_err(format!("no such option: {name:?}"))),
    }
    Ok(())
}

/// Changes the settings that are named, all of them or none.
pub fn update(values: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    let mut config = get();
    for (name, value) in values.into_iter().flat_map(|values| values.iter()) {
        let name: String = name.extract()?;
        match name.as_str() {
            "tier" => config.policy.tiers = tiers(&value)?,
            "optimize_calls" => config.policy.optimize_calls = value.extract()?,
            "optimize_loops" => config.policy.optimize_loops = value.extract()?,
            "opt_level" => config.policy.settings.opt_level = value.extract()?,
            "background" => config.policy.background = value.extract()?,
            "backend" => config.policy.settings.backend = backend(&value)?,
            "passes_off" => config.policy.settings.passes_off = value.extract()?,
            "stress" => config.policy.settings.stress = stress(&value)?,
            "baseline_calls" => config.baseline_calls = value.extract()?,
            "code_memory_limit" => {
                let limit = value.extract()?;
                if limit != config.code_memory_limit {
                    crate::compiler::limit_was_set();
                }
                config.code_memory_limit = limit;
            }
            "unwind_info" => config.unwind_info = value.extract()?,
            "perf_map" => config.perf_map = value.extract()?,
            "count_hits" => config.count_hits = value.extract()?,
            "verify" => config.verify = value.extract()?,
            "handover_every" => config.handover_every = value.extract()?,
            "sampling_only" => config.sampling_only = value.extract()?,
            "deopt_every" => config.deopt_every = value.extract()?,
            _ => return Err(PyKeyError::new_err(format!("no such setting: {name:?}"))),
        }
    }
    put(config);
    Ok(())
}
