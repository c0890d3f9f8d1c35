//! From a function object to an installed version.

use crate::config;
use crate::debugger::Registration;
use justjit_baseline::input::{Input, Objects, Sites, interpreter_feedback};
use justjit_baseline::{
    BODY, compile as emit, continuation_entries, decline_reason, generator_prologue, resume_points,
};
use justjit_builder::{Builder, Signature, Type};
use justjit_bytecode::{CodeFields, Function as Decoded, Instruction, Opcode, Version as PythonVersion, decode};
use justjit_cranelift::{Backend, Code as MachineCode, Options};
use justjit_runtime::call::VECTORCALL;
use justjit_runtime::hook::{self, CodeState};
use justjit_runtime::layout::{Code, Function};
use justjit_runtime::sampling::Record;
use justjit_runtime::tiering::budget;
use justjit_runtime::tiering::request::TypedCode;
use justjit_runtime::version::{Tier, Version, add_code, code_bytes, register};
use justjit_runtime::{api, probe, tiering};
use pyo3_ffi::*;
use std::cell::RefCell;
use std::ffi::CString;
use std::time::Instant;

/// A vectorcall entry: `(callable, args, nargsf, kwnames)`.
const ENTRY: Signature = Signature {
    params: &[Type::I64, Type::I64, Type::I64, Type::I64],
    result: Some(Type::I64),
};

/// Calls after which the interpreter has specialized what it ran.
const WARM_CALLS: u64 = 4;

/// Calls and back edges after which code that was compiled for what had been seen looks whether it has seen more.
const RECHECK_CALLS: u64 = 500;
const RECHECK_EDGES: u64 = 5_000;
/// Calls and back edges after which code that only collects feedback is compiled again.
const HOT_CALLS: u64 = 10;
const HOT_BACK_EDGES: u64 = 200;
/// The same where there is nothing else than sampling code (`sampling_only`): soon, so that running loops enter the next.
const SAMPLING_ONLY_CALLS: u64 = 3;
const SAMPLING_ONLY_EDGES: u64 = 10;

/// Instructions of a function beyond which the good code generator holds the program up for half a second and takes more than
/// fifty megabytes.
const HUGE: usize = 1_400;

/// Back edges after which a continuation looks for better code to go on in.
const CONTINUATION_EDGES: u64 = 16;

const LIMIT_REACHED: &str = "the limit of memory for code is reached";

/// What compiling needs and keeps.
struct Compiler {
    /// For code that only collects feedback: quick to make.
    quick: Backend,
    /// For code that knows what it works on.
    backend: Backend,
    options: Options,
    objects: Objects,
    /// Something was not compiled because the limit was reached.
    limit_reached: bool,
}

static mut COMPILER: Option<Result<Compiler, String>> = None;

/// The compiler, made when it is first needed.
#[allow(static_mut_refs, reason = "guarded by the GIL; compiling runs no Python code")]
unsafe fn compiler() -> Result<&'static mut Compiler, String> {
    // SAFETY: the GIL is held.
    unsafe {
        let made = COMPILER.get_or_insert_with(|| {
            probe::verdict()?;
            let options = options();
            let (quick, backend) = backends(options)?;
            Ok(Compiler {
                quick,
                backend,
                options,
                objects: Objects::get(),
                limit_reached: false,
            })
        });
        match made {
            Ok(compiler) => {
                let wanted = options();
                if wanted != compiler.options {
                    (compiler.quick, compiler.backend) = backends(wanted)?;
                    compiler.options = wanted;
                }
                Ok(compiler)
            }
            Err(reason) => Err(reason.clone()),
        }
    }
}

fn options() -> Options {
    let config = config::get();
    Options {
        optimize: true,
        single_pass_regalloc: false,
        verify: config.verify,
        unwind_info: config.unwind_info,
    }
}

/// The quick code generator and the good one.
fn backends(options: Options) -> Result<(Backend, Backend), String> {
    let quick = Options {
        optimize: false,
        single_pass_regalloc: true,
        ..options
    };
    let make = |options| Backend::new(options).map_err(|error| error.to_string());
    Ok((make(quick)?, make(options)?))
}

/// Whether a function was declined because there is too much code.
#[allow(static_mut_refs, reason = "guarded by the GIL")]
pub fn limit_reached() -> bool {
    // SAFETY: the GIL is held.
    unsafe { matches!(&COMPILER, Some(Ok(compiler)) if compiler.limit_reached) }
}

/// Another limit was set: nothing was declined for it yet.
#[allow(static_mut_refs, reason = "guarded by the GIL")]
pub fn limit_was_set() {
    // SAFETY: the GIL is held.
    if let Some(Ok(compiler)) = unsafe { &mut COMPILER } {
        compiler.limit_reached = false;
    }
}

unsafe fn bytes<'a>(object: *mut PyObject) -> &'a [u8] {
    // SAFETY: a live bytes object that outlives the use.
    unsafe { std::slice::from_raw_parts(PyBytes_AsString(object).cast::<u8>(), PyBytes_Size(object) as usize) }
}

/// Decodes a code object.
///
/// # Safety
/// The GIL is held; a live code object.
pub unsafe fn decode_code(code: *mut Code) -> Result<Decoded, String> {
    // SAFETY: see the contract; the fields are of the types that the interpreter gives them.
    unsafe {
        let instructions = api::PyCode_GetCode(code.cast());
        if instructions.is_null() {
            PyErr_Clear();
            return Err("no memory".into());
        }
        let decoded = decode(&CodeFields {
            version: PythonVersion::V3_13,
            code: bytes(instructions),
            exception_table: bytes((*code).co_exceptiontable),
            line_table: bytes((*code).co_linetable),
            first_line: (*code).co_firstlineno,
            flags: (*code).co_flags as u32,
            stack_size: (*code).co_stacksize as u32,
            nlocals_plus: (*code).co_nlocalsplus as u32,
            n_locals: (*code).co_nlocals as u32,
            n_consts: PyTuple_GET_SIZE((*code).co_consts) as u32,
            n_names: PyTuple_GET_SIZE((*code).co_names) as u32,
        });
        Py_DECREF(instructions);
        decoded.map_err(|error| format!("bytecode that cannot be decoded: {error}"))
    }
}

/// The text of a str.
///
/// # Safety
/// The GIL is held; a live str.
pub unsafe fn text(object: *mut PyObject) -> String {
    // SAFETY: see the contract.
    unsafe {
        let mut size = 0;
        let data = PyUnicode_AsUTF8AndSize(object, &mut size);
        if data.is_null() {
            PyErr_Clear();
            return "?".into();
        }
        String::from_utf8_lossy(std::slice::from_raw_parts(data.cast(), size as usize)).into_owned()
    }
}

/// Compiles a function's code for its globals and builtins; the error is the reason why not.
///
/// # Safety
/// The GIL is held; a live function and its code's state.
pub unsafe fn compile(function: *mut PyObject, state: *mut CodeState) -> Result<*mut Version, String> {
    // SAFETY: see the contract.
    unsafe {
        let purpose = if config::get().sampling_only || is_first(function, state) && tiering::begins_with_samples(state)
        {
            Purpose::Sampling
        } else {
            Purpose::Entry
        };
        make(function.cast(), state, purpose).map(Box::into_raw)
    }
}

/// Whether there is no version of the function yet that runs well.
unsafe fn is_first(function: *mut PyObject, state: *mut CodeState) -> bool {
    // SAFETY: live objects.
    unsafe { tiering::older_version(function, state).is_null() }
}

/// Makes a continuation version of code that a function has or has had (see [`justjit_runtime::deopt`]).
///
/// # Safety
/// The GIL is held; a live function and its code.
pub unsafe fn compile_continuation(
    function: *mut PyObject,
    code: *mut Code,
    offsets: &[u32],
    sampling: bool,
) -> Result<*mut Version, String> {
    // SAFETY: see the contract.
    unsafe {
        let state = hook::ensure_state(code.cast());
        if state.is_null() {
            return Err("no memory".into());
        }
        make(function.cast(), state, Purpose::Continuation(code, offsets, sampling)).map(Box::into_raw)
    }
}

/// What a version is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// To be a function's entry.
    Entry,
    /// For tests: to be an entry, and to pass for an optimized version.
    Optimized,
    /// To be looked at: it keeps the code generator's text, and is not installed.
    Text,
    /// To take samples for the optimizing tier.
    Sampling,
    /// To have frames of this code go on at the instructions whose starts are at these byte offsets, and to take samples or
    /// not.
    Continuation(*mut Code, &'a [u32], bool),
}

/// Makes a version of a function that is not installed.
///
/// # Safety
/// As for [`compile`].
pub unsafe fn make(
    function: *mut Function,
    state: *mut CodeState,
    purpose: Purpose<'_>,
) -> Result<Box<Version>, String> {
    // SAFETY: see the contract.
    unsafe {
        let started = Instant::now();
        let config = config::get();
        let tier = match purpose {
            Purpose::Optimized => Tier::Optimizing,
            Purpose::Sampling if !config.sampling_only => Tier::Sampling,
            _ => Tier::Baseline,
        };
        let code = match purpose {
            Purpose::Continuation(code, ..) => code,
            _ => (*function).func_code.cast::<Code>(),
        };
        let mut version = Version::of_code(function, code, tier);
        let account = match purpose {
            Purpose::Sampling | Purpose::Continuation(..) => &budget::OPTIMIZING,
            _ => &budget::BASELINE,
        };
        let made = budget::charging(account, || {
            let body = fill(&mut version, function, state, purpose)?;
            give_entry(&mut version, MachineParts::of(body), purpose != Purpose::Text)
        });
        if let Err(reason) = made {
            for cell in std::mem::take(&mut version.cells) {
                justjit_runtime::globals::release(cell);
            }
            return Err(reason);
        }
        version.compile_ns = started.elapsed().as_nanos() as u64;
        Ok(version)
    }
}

/// Makes the body of a version of the baseline tier, and fills in all that belongs to it.
///
/// # Safety
/// As for [`compile`]; the version is the function's, and does not move any more.
pub unsafe fn fill(
    version: &mut Version,
    function: *mut Function,
    state: *mut CodeState,
    purpose: Purpose<'_>,
) -> Result<MachineCode, String> {
    // SAFETY: see the contract.
    unsafe {
        let compiler = compiler()?;
        let config = config::get();
        if code_bytes() as u64 >= config.code_memory_limit {
            compiler.limit_reached = true;
            return Err(LIMIT_REACHED.into());
        }
        let code = version.code;
        let decoded = decode_code(code)?;
        if let Some(reason) = decline_reason(&decoded) {
            return Err(reason);
        }
        version.instructions = decoded.instructions.len() as u32;
        version.loop_instructions = decoded.smallest_loop() as u32;
        version.weight = weight(&decoded);
        version.check_calls = HOT_CALLS;
        version.check_edges = HOT_BACK_EDGES;
        version.generator = generator_prologue(&decoded).filter(|_| decoded.is_resumable());
        let older = tiering::older_version(function.cast(), state);
        let warm = (*state).cold_calls >= WARM_CALLS;
        let mut feedback: Box<[u8]> = match older.as_ref() {
            Some(older) => older.feedback.clone(),
            None => vec![0; decoded.instructions.len()].into(),
        };
        if warm {
            for (bits, instruction) in feedback.iter_mut().zip(&decoded.instructions) {
                *bits |= interpreter_feedback(code, instruction);
            }
        }
        version.compiled_with = feedback.clone();
        version.feedback = feedback;
        let sampling = matches!(purpose, Purpose::Sampling | Purpose::Continuation(.., true));
        let mut profiling = sampling || older.is_null() && !warm;
        if purpose == Purpose::Optimized {
            (version.check_calls, version.check_edges) = (u64::MAX, u64::MAX);
        } else if sampling {
            version.records = decoded.instructions.iter().map(|_| Record::default()).collect();
            (version.check_calls, version.check_edges) = if config.sampling_only {
                (SAMPLING_ONLY_CALLS, SAMPLING_ONLY_EDGES)
            } else {
                let limits = tiering::sample(state);
                (limits.calls, limits.edges)
            };
        } else if !profiling {
            // A loop that goes on for long is optimized before another version would have paid.
            let optimizes = tiering::is_available() && tiering::effective(state).optimizes();
            let edges = RECHECK_EDGES * if optimizes { 6 } else { 1 };
            (version.check_calls, version.check_edges) = (RECHECK_CALLS, edges);
        }
        let mut continues_at = Vec::new();
        if let Purpose::Continuation(_, offsets, _) = purpose {
            profiling = sampling;
            version.check_edges = CONTINUATION_EDGES;
            version.feedback_of = older;
            let reachable = |&offset: &u32| {
                let index = decoded.index_at(offset);
                index.is_some_and(|index| {
                    let one = decoded.instructions[index];
                    one.depth.is_some() && (one.block > 0 || !decoded.is_resumable())
                })
            };
            continues_at.extend(offsets.iter().copied().filter(reachable));
            version.continues_at = continuation_entries(&decoded, &continues_at);
        }
        (version.recheck_calls, version.recheck_edges) = (version.check_calls, version.check_edges);
        version.profiling = profiling && !sampling;
        version.resume_points = resume_points(&decoded, version.profiling, code, &raw mut *version);
        let every = |every: u32| {
            let every = every as usize;
            let chosen = decoded
                .instructions
                .iter()
                .skip(every.saturating_sub(1))
                .step_by(every.max(1));
            chosen.map(|one| one.offset).filter(move |_| every > 0)
        };
        let mut handover_points = (*state).handover_points.clone();
        handover_points.extend(every(config.handover_every));
        let mut deopt_points = Vec::new();
        if !matches!(purpose, Purpose::Continuation(..)) {
            deopt_points.clone_from(&(*state).deopt_points);
            deopt_points.extend(every(config.deopt_every));
        }
        let sites = RefCell::new(Sites::default());
        let input = Input {
            function: &decoded,
            code,
            globals: (*function).func_globals,
            builtins: (*function).func_builtins,
            objects: compiler.objects,
            version: &raw mut *version,
            older,
            handover_points: &handover_points,
            deopt_points: &deopt_points,
            continues_at: &continues_at,
            profiling,
            sampling,
            count_hits: config.count_hits,
            sites: &sites,
        };
        let name = text((*code).co_qualname);
        // Continuations run seldom and not for long.
        let huge = decoded.instructions.len() > HUGE;
        let backend = if profiling || huge || matches!(purpose, Purpose::Continuation(..)) {
            &mut compiler.quick
        } else {
            &mut compiler.backend
        };
        let want_text = purpose == Purpose::Text;
        let body = backend.compile(&name, &BODY, want_text, &mut |b| emit(b, &input));
        let Sites {
            calls,
            attributes,
            cells,
            tables,
            deopt_points,
        } = sites.into_inner();
        version.call_sites = calls;
        version.attribute_sites = attributes;
        version.cells = cells;
        version.tables = tables;
        version.add_deopt_points(deopt_points);
        body.map_err(|error| error.to_string())
    }
}

/// What one run of a function takes in the interpreter, in its simplest instructions: roughly, by measurement. Without bound
/// where it loops, or may be suspended.
fn weight(decoded: &Decoded) -> u32 {
    if decoded.smallest_loop() > 0 || decoded.is_resumable() {
        return u32::MAX;
    }
    let weigh = |instruction: &Instruction| match instruction.opcode {
        Opcode::BinaryOp => 3,
        Opcode::Call | Opcode::CallKw | Opcode::CallFunctionEx => 6,
        _ => 1,
    };
    decoded.instructions.iter().map(weigh).sum()
}

/// The machine code of a body, of whatever code generator.
pub struct MachineParts {
    pub code: Box<dyn std::any::Any>,
    pub body: *const (),
    /// Of all of it.
    pub bytes: usize,
    /// What is not the body.
    pub typed: Vec<TypedCode>,
}

impl MachineParts {
    fn of(code: MachineCode) -> MachineParts {
        MachineParts {
            body: code.address().cast(),
            bytes: code.size(),
            typed: Vec::new(),
            code: Box::new(code),
        }
    }
}

/// Gives a version its body and a vectorcall entry of its own.
///
/// # Safety
/// The GIL is held; the version's code is live.
pub unsafe fn give_entry(version: &mut Version, parts: MachineParts, registers: bool) -> Result<(), String> {
    // SAFETY: see the contract.
    unsafe {
        let compiler = compiler()?;
        let config = config::get();
        let name = text((*version.code).co_qualname);
        let target: *const Version = &raw const *version;
        let entry = compiler.quick.compile(&name, &ENTRY, false, &mut |b| {
            let mut args: Vec<_> = (0..4).map(|index| b.param(index)).collect();
            args.push(b.object(target.cast()));
            let result = b.call_value(&VECTORCALL, &args);
            b.ret(result);
        });
        let entry = entry.map_err(|error| error.to_string())?;
        version.body = parts.body;
        version.vectorcall = entry.address().cast();
        version.code_bytes = parts.bytes + entry.size();
        if (code_bytes() + version.code_bytes) as u64 > config.code_memory_limit {
            compiler.limit_reached = true;
            return Err(LIMIT_REACHED.into());
        }
        let entry_bytes = entry.size();
        version.machine_code = vec![parts.code, Box::new(entry)];
        name_parts(version, &parts.typed, (parts.body, parts.bytes));
        name_code(version, "", (version.vectorcall.cast(), entry_bytes));
        if registers {
            register(version);
        }
        Ok(())
    }
}

/// Has an optimized version run other code than it has, which stays for those who are in it.
///
/// # Safety
/// As for [`give_entry`].
pub unsafe fn give_better_body(version: &mut Version, parts: MachineParts) -> Result<(), String> {
    let config = config::get();
    if (code_bytes() + parts.bytes) as u64 > config.code_memory_limit {
        return Err(LIMIT_REACHED.into());
    }
    version.body = parts.body;
    add_code(version, parts.code, parts.bytes);
    // SAFETY: see the contract; the version has the code.
    unsafe { name_parts(version, &parts.typed, (parts.body, parts.bytes)) };
    Ok(())
}

/// Names a version's body and what it calls with numbers in registers; `bytes` are those of all of it.
///
/// # Safety
/// As for [`name_code`].
unsafe fn name_parts(version: &mut Version, typed: &[TypedCode], (body, bytes): (*const (), usize)) {
    let others: usize = typed.iter().map(|one| one.bytes).sum();
    // SAFETY: see the contract.
    unsafe {
        name_code(version, "", (body, bytes - others));
        for one in typed {
            name_code(version, &one.name, (one.start, one.bytes));
        }
    }
}

/// Names some of a version's code for perf and for gdb, where settings ask for that: by `function`, or by the version's own.
///
/// # Safety
/// The GIL is held; the code is mapped, and the version has it.
unsafe fn name_code(version: &mut Version, function: &str, (start, bytes): (*const (), usize)) {
    let config = config::get();
    // SAFETY: see the contract; the interpreter copies the name.
    unsafe {
        let code = &*version.code;
        let name = match function {
            "" => text(code.co_qualname),
            // Its name in the unit ends with a number.
            typed => format!("{} (typed)", typed.rsplit_once('#').map_or(typed, |(name, _)| name)),
        };
        if config.perf_map {
            let file = text(code.co_filename);
            if let Ok(name) = CString::new(format!("py::{name}:{file} [justjit {}]", version.tier.name())) {
                api::PyUnstable_WritePerfMapEntry(start.cast(), bytes as u32, name.as_ptr());
            }
        }
        if config.unwind_info {
            let known = Registration::new(start, bytes, &name);
            version.machine_code.push(Box::new(known));
        }
    }
}

/// The machine code of a version's body.
pub fn body_code(version: &Version) -> Option<&MachineCode> {
    version.machine_code.first().and_then(|code| code.downcast_ref())
}

/// Drops a version that [`make`] gave and that was never installed.
///
/// # Safety
/// The GIL is held.
pub unsafe fn discard(version: Box<Version>) {
    // SAFETY: nothing refers to it.
    unsafe { justjit_runtime::version::retire(Box::into_raw(version)) }
}
