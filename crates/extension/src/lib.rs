//! `justjit._core`: the Python module around the compiler.

#[cfg(target_os = "linux")]
mod allocator;
mod compiler;
mod config;
mod debugger;
mod optimize;
mod optimizing_report;
mod profile;
mod recovered;
mod report;
mod samples;
mod stand_in;
#[cfg(target_os = "linux")]
mod text;
mod tiering;

use justjit_runtime::hook::{self, CodeState};
use justjit_runtime::layout::{Code, Function};
use justjit_runtime::tiering::policy::{Options, Tiers};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use pyo3_ffi::*;

/// The pointer of a function object.
fn function_pointer(object: &Bound<'_, PyAny>) -> PyResult<*mut PyObject> {
    // SAFETY: a live object.
    if unsafe { PyFunction_Check(object.as_ptr()) } == 0 {
        return Err(PyTypeError::new_err(format!(
            "a Python function is wanted, not {}",
            object.get_type().name()?
        )));
    }
    Ok(object.as_ptr())
}

#[pyfunction]
#[pyo3(signature = (function, baseline_calls=None, **options))]
fn hook_function(
    function: &Bound<'_, PyAny>,
    baseline_calls: Option<u64>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<bool> {
    let pointer = function_pointer(function)?;
    let mut chosen = Options::default();
    for (name, value) in options.into_iter().flat_map(|options| options.iter()) {
        config::set_option(&mut chosen, &name.extract::<String>()?, &value)?;
    }
    // SAFETY: a live function; the GIL is held.
    unsafe {
        let code = hook::code_of(pointer);
        let state = hook::ensure_state(code.cast());
        if !state.is_null() {
            (*state).named = true;
            if baseline_calls.is_some() {
                (*state).baseline_calls = baseline_calls;
            }
            set_options(pointer, state, chosen);
            if (*state).versions.is_empty()
                && (*state).declined.is_none()
                && let Err(reason) = compiler::decode_code(code)
                    .and_then(|decoded| justjit_baseline::decline_reason(&decoded).map_or(Ok(()), Err))
            {
                hook::decline(state, reason);
            }
        }
        hook::set_follows(true);
        hook::hook(pointer);
        Ok(hook::is_hooked(pointer))
    }
}

/// What a function is declined for that the user wants to be interpreted.
const INTERPRETER_WANTED: &str = "tier=\"interpreter\" was asked for";

/// Has a code object's options be these from now on.
unsafe fn set_options(function: *mut PyObject, state: *mut CodeState, options: Options) {
    // SAFETY: a live function and its code's state; the GIL is held.
    unsafe {
        let interpreted = options.tiers == Some(Tiers::Interpreter);
        if interpreted {
            hook::unhook(function);
            if (*state).declined.is_none() {
                hook::decline(state, INTERPRETER_WANTED.to_owned());
            }
        } else if (*state).declined.as_deref() == Some(INTERPRETER_WANTED) && options.tiers.is_some() {
            (*state).declined = None;
        }
        if options != (*state).options && options != Options::default() {
            justjit_runtime::tiering::set_options(state, options);
        }
    }
}

#[pyfunction]
fn unhook(function: &Bound<'_, PyAny>) -> PyResult<()> {
    let pointer = function_pointer(function)?;
    // SAFETY: a live function; the GIL is held.
    unsafe { hook::unhook(pointer) };
    Ok(())
}

#[pyfunction]
fn is_hooked(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let pointer = function_pointer(function)?;
    // SAFETY: a live function; the GIL is held.
    Ok(unsafe { hook::is_hooked(pointer) })
}

/// Calls `action` for every function that the garbage collector knows, which is every one.
fn for_each_function(py: Python<'_>, action: unsafe fn(*mut PyObject)) -> PyResult<()> {
    let objects = py.import("gc")?.call_method0("get_objects")?.cast_into::<PyList>()?;
    for object in objects.iter() {
        // SAFETY: a live object; the GIL is held.
        unsafe {
            if PyFunction_Check(object.as_ptr()) != 0 {
                action(object.as_ptr());
            }
        }
    }
    Ok(())
}

#[pyfunction]
fn enable(py: Python<'_>) -> PyResult<()> {
    hook::set_hook_new(true);
    hook::set_follows(true);
    for_each_function(py, hook::hook)
}

#[pyfunction]
fn disable(py: Python<'_>) -> PyResult<()> {
    hook::set_hook_new(false);
    // Not by what is running still.
    hook::set_follows(false);
    for_each_function(py, hook::unhook)
}

#[pyfunction]
fn is_enabled() -> bool {
    hook::hooks_new()
}

#[pyfunction]
fn compile_now(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let pointer = function_pointer(function)?;
    // SAFETY: a live function; the GIL is held.
    Ok(unsafe { !hook::compile(pointer).is_null() })
}

#[pyfunction]
fn get_config(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    config::to_dict(py)
}

#[pyfunction]
#[pyo3(signature = (**values))]
fn set_config(values: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    config::update(values)
}

#[pyfunction]
fn stats(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    report::totals_dict(py)
}

#[pyfunction]
fn function_stats<'py>(py: Python<'py>, function: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    report::function_dict(py, function_pointer(function)?)
}

#[pyfunction]
fn explain(function: &Bound<'_, PyAny>) -> PyResult<Vec<report::Row>> {
    report::explain(function_pointer(function)?)
}

#[pyfunction]
fn dump(function: &Bound<'_, PyAny>, what: &str) -> PyResult<String> {
    report::dump(function_pointer(function)?, what)
}

#[pyfunction]
#[pyo3(name = "samples")]
fn function_samples<'py>(py: Python<'py>, function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    samples::list(py, function_pointer(function)?)
}

#[pyfunction]
fn set_handover_points(function: &Bound<'_, PyAny>, offsets: Vec<u32>) -> PyResult<()> {
    let pointer = function_pointer(function)?;
    // SAFETY: a live function; the GIL is held.
    unsafe {
        let state = hook::ensure_state(hook::code_of(pointer).cast());
        // Versions that are forgotten are kept for ever.
        if !state.is_null() && (*state).handover_points != offsets {
            (*state).handover_points = offsets;
            hook::forget_versions(pointer);
        }
    }
    Ok(())
}

#[pyfunction]
fn set_deopt_points(function: &Bound<'_, PyAny>, offsets: Vec<u32>) -> PyResult<()> {
    let pointer = function_pointer(function)?;
    // SAFETY: a live function; the GIL is held.
    unsafe {
        let state = hook::ensure_state(hook::code_of(pointer).cast());
        // Versions that are forgotten are kept for ever.
        if !state.is_null() && (*state).deopt_points != offsets {
            (*state).deopt_points = offsets;
            hook::forget_versions(pointer);
        }
    }
    Ok(())
}

#[pyfunction]
fn run_module_code(py: Python<'_>, code: &Bound<'_, PyAny>, globals: &Bound<'_, PyDict>) -> PyResult<()> {
    // SAFETY: a live code object (checked) and dictionary; the GIL is held.
    unsafe {
        if PyCode_Check(code.as_ptr()) == 0 {
            return Err(PyTypeError::new_err("a code object is wanted"));
        }
        let function = Bound::from_owned_ptr_or_err(py, PyFunction_New(code.as_ptr(), globals.as_ptr()))?;
        let result = justjit_runtime::call::run_module(function.as_ptr(), globals.as_ptr());
        Bound::from_owned_ptr_or_err(py, result).map(drop)
    }
}

/// The optimizing tier's passes, in order: name, and what each does.
#[pyfunction]
fn passes() -> Vec<(&'static str, &'static str)> {
    justjit_optimizer::passes().map(|pass| (pass.name, pass.text)).collect()
}

/// Fails with a clear error where the interpreter is not the one that the extension was built for.
fn check_interpreter(py: Python<'_>) -> PyResult<()> {
    let version = py.version_info();
    if (version.major, version.minor) != (3, 13) {
        let found = format!("{}.{}", version.major, version.minor);
        let text = format!("justjit runs in CPython 3.13; this is {found}");
        return Err(pyo3::exceptions::PyImportError::new_err(text));
    }
    Ok(())
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    check_interpreter(py)?;
    // SAFETY: the GIL is held; a module is initialised once per process.
    if unsafe { justjit_runtime::initialize(compiler::compile) }.is_err() {
        return Err(PyErr::fetch(py));
    }
    justjit_runtime::deopt::set_continuation_compiler(compiler::compile_continuation);
    config::initialize();
    optimize::initialize();
    #[cfg(target_os = "linux")]
    {
        text::forget_pages();
        justjit_runtime::tiering::background::set_at_end(text::rest);
        #[cfg(feature = "llvm")]
        justjit_optimizer::unit::set_between_phases(text::forget_pages);
    }
    module.add("version", env!("CARGO_PKG_VERSION"))?;
    module.add("hook", wrap_pyfunction!(hook_function, module)?)?;
    for function in [
        wrap_pyfunction!(unhook, module)?,
        wrap_pyfunction!(is_hooked, module)?,
        wrap_pyfunction!(enable, module)?,
        wrap_pyfunction!(disable, module)?,
        wrap_pyfunction!(is_enabled, module)?,
        wrap_pyfunction!(compile_now, module)?,
        wrap_pyfunction!(get_config, module)?,
        wrap_pyfunction!(set_config, module)?,
        wrap_pyfunction!(stats, module)?,
        wrap_pyfunction!(function_stats, module)?,
        wrap_pyfunction!(explain, module)?,
        wrap_pyfunction!(dump, module)?,
        wrap_pyfunction!(passes, module)?,
        wrap_pyfunction!(profile::loops, module)?,
        wrap_pyfunction!(profile::start_profile, module)?,
        wrap_pyfunction!(profile::stop_profile, module)?,
        wrap_pyfunction!(profile::pause_profile, module)?,
        wrap_pyfunction!(profile::resume_profile, module)?,
        wrap_pyfunction!(profile::forget_profile, module)?,
        wrap_pyfunction!(function_samples, module)?,
        wrap_pyfunction!(set_handover_points, module)?,
        wrap_pyfunction!(set_deopt_points, module)?,
        wrap_pyfunction!(recovered::run_recovered, module)?,
        wrap_pyfunction!(recovered::compile_as_optimized, module)?,
        wrap_pyfunction!(recovered::invalidate_version, module)?,
        wrap_pyfunction!(run_module_code, module)?,
        wrap_pyfunction!(stand_in::use_stand_in, module)?,
        wrap_pyfunction!(tiering::pending_compilations, module)?,
    ] {
        module.add_function(function)?;
    }
    let stop = wrap_pyfunction!(tiering::stop_compiling, module)?;
    py.import("atexit")?.call_method1("register", (stop,))?;
    Ok(())
}

const _: () = {
    // The layouts are those of a 64-bit build.
    assert!(size_of::<usize>() == 8);
    assert!(size_of::<Function>() == 144 && std::mem::offset_of!(Code, co_extra) == 192);
};
