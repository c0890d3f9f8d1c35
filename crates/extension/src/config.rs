//! The process-wide settings that compiled code and the compiler read.

use justjit_runtime::{hook, safepoint};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Mutex;

/// Process-wide settings.
#[derive(Clone)]
pub struct Config {
    pub tier: String,
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
    tier: String::new(),
    baseline_calls: DEFAULT_BASELINE_CALLS,
    code_memory_limit: 256 << 20,
    unwind_info: false,
    perf_map: false,
    count_hits: false,
    verify: false,
    handover_every: 0,
    sampling_only: false,
    deopt_every: 0,
});

/// Calls after which a function without a loop is compiled: enough for the interpreter to have seen its types.
const DEFAULT_BASELINE_CALLS: u64 = 8;

/// The present settings.
pub fn get() -> Config {
    CONFIG.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

fn put(config: Config) {
    hook::set_default_calls(config.baseline_calls);
    safepoint::set_off(config.tier == "interpreter");
    *CONFIG.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = config;
}

/// Puts the defaults into effect.
pub fn initialize() {
    put(Config {
        tier: "auto".into(),
        ..get()
    });
}

pub fn to_dict(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let config = get();
    let dict = PyDict::new(py);
    dict.set_item("tier", config.tier)?;
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

/// Changes the settings that are named, all of them or none.
pub fn update(values: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    let mut config = get();
    for (name, value) in values.into_iter().flat_map(|values| values.iter()) {
        let name: String = name.extract()?;
        match name.as_str() {
            "tier" => {
                let tier: String = value.extract()?;
                if !["interpreter", "baseline", "auto"].contains(&tier.as_str()) {
                    return Err(PyValueError::new_err(format!("no such tier: {tier:?}")));
                }
                config.tier = tier;
            }
            "baseline_calls" => config.baseline_calls = value.extract()?,
            "code_memory_limit" => config.code_memory_limit = value.extract()?,
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
