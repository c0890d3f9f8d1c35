//! The optimizing tier in the compiler's driver: from a request to a unit that any thread can compile, and the texts of
//! what it makes.

use crate::compiler::{decode_code, text};
use crate::config;
use crate::tiering::{baseline, finish, refine};
use justjit_bytecode::Function;
use justjit_optimizer::knowledge::Knowledge;
use justjit_optimizer::snapshot::Snapshot;
use justjit_optimizer::unit::{self, Options, Texts};
use justjit_optimizer::{Entry, Input, build};
use justjit_runtime::hook;
use justjit_runtime::layout::{self, Code};
use justjit_runtime::tiering::request::{Backend, Compiled, Decline, Request, Settings, Stress, Unit};
use justjit_runtime::tiering::{Makers, set_makers};
use justjit_runtime::version::{Tier, Version, retire};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Of this many instructions that a function runs at most one may be the runtime's: it costs more here than in baseline code,
/// which calls the same functions with less around them.
const GENERIC_SHARE: u64 = 7;
/// The same where there is much code, in instructions of IR: that takes long to compile, and fills caches.
const GENERIC_SHARE_OF_LARGE: u64 = 10;
const LARGE: usize = 4_000;

/// Instructions of bytecode that a generator has to run for each time that it is suspended, to be worth it.
const DONE_BETWEEN_YIELDS: u64 = 16;
/// Of so many suspensions one at least is where an entry is.
const SELDOM: u64 = 8;
/// Entries of one version.
const SUSPENDED_ENTRIES: usize = 4;

/// Instructions of IR, before the passes, that Cranelift and they are done with in a few milliseconds.
const QUICK_INSTRUCTIONS: usize = 2_500;

/// Machine code of Cranelift's, in bytes, above which LLVM would take a third of a second and tens of megabytes, for
/// code that is mostly calls and memory: that stays as it is.
const REFINED_BYTES: usize = 40 << 10;

/// Whether LLVM is built in.
pub const HAS_LLVM: bool = cfg!(feature = "llvm");

/// Puts the tier into the runtime's hands.
pub fn initialize() {
    set_makers(Some(Makers {
        baseline,
        snapshot,
        finish,
        refine,
    }));
}

struct Job {
    unit: unit::Unit,
    options: Options,
    /// Let Cranelift make code first, and LLVM afterwards, which takes about ten times as long: what has become hot runs
    /// optimized soon, and better later.
    cranelift_first: bool,
    /// The program runs meanwhile.
    in_background: bool,
}

impl Unit for Job {
    fn is_quick(&self) -> bool {
        self.cranelift_first && self.unit.instructions() <= QUICK_INSTRUCTIONS
    }

    fn compile(mut self: Box<Self>) -> Result<Compiled, Decline> {
        let failed = |decline: justjit_optimizer::Decline| Decline(decline.0);
        let made = if self.cranelift_first {
            let options = Options {
                llvm: false,
                ..self.options.clone()
            };
            self.unit.compile(&options)
        } else {
            self.unit.compile(&self.options)
        };
        #[cfg(target_os = "linux")]
        if self.in_background && self.unit.instructions() > QUICK_INSTRUCTIONS {
            crate::text::trim();
        }
        let made = made.map_err(failed)?;
        let refinement = (self.cranelift_first && made.code_bytes <= REFINED_BYTES).then(|| {
            self.cranelift_first = false;
            self as Box<dyn Unit>
        });
        Ok(Compiled {
            code: made.code,
            body: made.body,
            code_bytes: made.code_bytes,
            typed: made.typed,
            exits: made.exits,
            keep: Vec::new(),
            cells: Vec::new(),
            timings: made.timings,
            publish: made.publish,
            refinement,
        })
    }
}

/// The instruction at the loop header that is entered by this number.
unsafe fn header(decoded: &Function, entry: i64) -> Option<usize> {
    justjit_baseline::loop_header(decoded, entry)
}

/// Where the body of a generator or coroutine is entered.
fn suspended_entries(decoded: &Function, knowledge: &Knowledge, eager: bool) -> Result<Vec<Entry>, Decline> {
    if decoded.is_coroutine() {
        // What it waits for is seldom there at once, where it is suspended at all.
        return Ok(vec![Entry::Start]);
    }
    if !decoded.is_generator() {
        return Err("an asynchronous generator".into());
    }
    let all = justjit_baseline::resume_entries(decoded);
    let count = |index: usize| u64::from(knowledge.count(index));
    let (beginning, resumed) = all.split_first().ok_or("a generator without a beginning")?;
    let suspensions: u64 = resumed.iter().map(|&(_, index)| count(index)).sum();
    // A suspension has everything in the frame, and all that was known is to be found out again behind it.
    let done: u64 = (0..decoded.instructions.len()).map(count).sum();
    if !eager && done < suspensions * DONE_BETWEEN_YIELDS {
        return Err("too little is done between two suspensions".into());
    }
    let often = |index: usize| count(index) * SELDOM >= suspensions.max(1);
    // `POP_TOP` is before the first `RESUME`.
    let start = often(beginning.1 + 1).then_some(Entry::Start);
    let resumed = resumed.iter().filter(|&&(_, index)| often(index));
    let resumed = resumed.map(|&(number, index)| Entry::Resume { number, index });
    let entries: Vec<Entry> = start.into_iter().chain(resumed).take(SUSPENDED_ENTRIES).collect();
    match entries.is_empty() {
        true => Err("it is not known where the generator goes on".into()),
        false => Ok(entries),
    }
}

/// Where baseline code goes on with the function's suspended frames, by the byte offsets of the instructions.
unsafe fn resume_points(request: &Request<'_>) -> Vec<(u32, *const ())> {
    // SAFETY: the version lives as long as the code object.
    unsafe {
        let Some(baseline) = request.baseline.as_ref() else {
            return Vec::new();
        };
        let first = Code::instructions(request.code);
        let points = baseline.resume_points.iter();
        points
            .map(|point| {
                (
                    2 * point.instr_ptr.offset_from(first) as u32,
                    (&raw const *point).cast(),
                )
            })
            .collect()
    }
}

/// Builds the IR of a function for a version, which gets everything that its code refers to.
unsafe fn build_for(request: &Request<'_>, version: *mut Version) -> Result<unit::Unit, Decline> {
    // SAFETY: the request's objects are live, and the GIL is held.
    unsafe {
        let decoded = decode_code(request.code)?;
        let mut snapshot = Snapshot::new(version, decode_code);
        let knowledge = snapshot.knowledge(request.function, request.code, &decoded);
        let function = request.function.cast::<layout::Function>();
        // Who wants nothing but optimized code gets it.
        let eager = justjit_runtime::tiering::effective(hook::state_of(request.code.cast())).is_eager();
        let mut start = 0;
        let entries = if request.entry != 0 {
            vec![Entry::Loop {
                number: request.entry,
                index: header(&decoded, request.entry).ok_or("no loop header has this number")?,
                frame: request.frame,
            }]
        } else if decoded.is_resumable() {
            start = justjit_baseline::start_entry(&decoded).ok_or("a coroutine that is not entered at its start")?;
            suspended_entries(&decoded, &knowledge, eager)?
        } else {
            vec![Entry::Start]
        };
        if decoded.is_resumable() {
            let number = |entry: &Entry| match entry {
                Entry::Start => start,
                Entry::Resume { number, .. } | Entry::Loop { number, .. } => *number,
            };
            (*version).resumes_at = entries.iter().map(number).collect();
        }
        let name = text((*request.code).co_qualname);
        let input = Input {
            name: &name,
            code: request.code,
            decoded,
            knowledge,
            globals: (*function).func_globals,
            builtins: (*function).func_builtins,
            entries,
            start,
            resume_points: resume_points(request),
            version: version.cast_const().cast(),
        };
        let built = build(&input, &mut snapshot);
        let version = &mut *version;
        version.keeps.append(&mut snapshot.made);
        version.cells.append(&mut snapshot.cells);
        version.call_sites.append(&mut snapshot.calls);
        version.attribute_sites.append(&mut snapshot.attributes);
        version.tables.push(std::mem::take(&mut snapshot.scratch));
        version.tables.append(&mut snapshot.tables);
        version.unseen = std::mem::take(&mut snapshot.unseen);
        let built = built.map_err(|decline| Decline(decline.0))?;
        let typed = built
            .typed
            .iter()
            .map(|body| text((*hook::code_of(body.function)).co_qualname));
        version.typed = typed.map(String::into_boxed_str).collect();
        for &object in &built.kept {
            Py_INCREF(object);
        }
        version.keeps.extend(&built.kept);
        let large = built.function.insts.len() > LARGE;
        let least = if large { GENERIC_SHARE_OF_LARGE } else { GENERIC_SHARE };
        if !eager && built.generic_weight * least > built.weight {
            let share = 100 * built.generic_weight / built.weight.max(1);
            return Err(Decline(format!(
                "{share} % of what it runs would be done by the runtime, no faster than in the baseline tier"
            )));
        }
        Ok(unit::Unit::new(name, built, version))
    }
}

fn options(settings: &Settings) -> Result<Options, Decline> {
    let llvm = match settings.backend {
        Backend::Auto => HAS_LLVM,
        Backend::Cranelift => false,
        Backend::Llvm if HAS_LLVM => true,
        Backend::Llvm => return Err(Decline("LLVM is not built in".into())),
    };
    Ok(Options {
        level: settings.opt_level,
        fast_math: settings.fast_math,
        llvm,
        passes_off: settings.passes_off.iter().cloned().collect(),
        verify: settings.verify,
        texts: false,
        fail_exits: settings.stress == Stress::Deopt,
        unwind_info: config::get().unwind_info,
    })
}

unsafe fn snapshot(request: &Request<'_>, version: *mut Version) -> Result<Box<dyn Unit>, Decline> {
    let options = options(request.settings)?;
    // SAFETY: see `build_for`.
    let unit = unsafe { build_for(request, version) }?;
    let cranelift_first = options.llvm && request.in_background && request.settings.backend == Backend::Auto;
    Ok(Box::new(Job {
        unit,
        options,
        cranelift_first,
        in_background: request.in_background,
    }))
}

/// The texts of an optimized version of a function, entered at its start, which is made for them only.
///
/// # Safety
/// The GIL is held; a live function.
pub unsafe fn texts(function: *mut PyObject, settings: &Settings) -> Result<Texts, String> {
    // SAFETY: see the contract.
    unsafe {
        let code: *mut Code = hook::code_of(function);
        let state = hook::ensure_state(code.cast());
        if state.is_null() {
            return Err("no memory".into());
        }
        let version = Box::into_raw(Version::new(function.cast(), Tier::Optimizing));
        let request = Request {
            function,
            code,
            sampling: null_mut(),
            baseline: hook::matching_version(function, state),
            frame: null_mut(),
            entry: 0,
            settings,
            widened: &(*state).widened,
            in_background: false,
        };
        let made = options(settings).and_then(|options| {
            let mut unit = build_for(&request, version)?;
            unit.name_codes();
            let options = Options { texts: true, ..options };
            unit.compile(&options).map_err(|decline| Decline(decline.0))
        });
        let texts = made.map(|made| made.texts).map_err(|decline| decline.0);
        retire(version);
        texts
    }
}
