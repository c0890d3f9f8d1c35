//! A compiled form of a code object, and what is counted about it.

use crate::attributes::AttributeSite;
use crate::layout::{Code, Frame};
use crate::sampling::Record;
use crate::site::CallSite;
use crate::thread::Thread;
use pyo3_ffi::PyObject;
use rustc_hash::FxHashSet;

/// Machine code of a function body: `(thread, frame, entry)`. The frame's arguments and `f_funcobj` are filled in;
/// NULL with an exception set, or the result. The frame is gone when it returns.
pub type Body = unsafe extern "C" fn(thread: *mut Thread, frame: *mut Frame, entry: i64) -> *mut PyObject;

/// Why compiled code handed a running frame to the interpreter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum HandOverReason {
    /// Tracing, profiling or monitoring was switched on.
    Instrumentation = 0,
    /// The instruction needs something that only the interpreter has.
    Instruction = 1,
    /// A test asked for it.
    Requested = 2,
}

impl HandOverReason {
    pub const ALL: [HandOverReason; 3] = [
        HandOverReason::Instrumentation,
        HandOverReason::Instruction,
        HandOverReason::Requested,
    ];

    pub fn describe(self) -> &'static str {
        match self {
            HandOverReason::Instrumentation => "tracing, profiling or monitoring is on",
            HandOverReason::Instruction => "instruction left to the interpreter",
            HandOverReason::Requested => "requested by a test",
        }
    }
}

/// A place where a suspended frame goes on: behind a `yield`, or at a generator's start. Its address stands in the
/// generator while compiled code has it suspended (see [`crate::generator`]).
#[repr(C)]
pub struct ResumePoint {
    pub version: *mut Version,
    /// The frame's instruction pointer while it is suspended here.
    pub instr_ptr: *mut u16,
    /// The same, or NULL once another version has replaced this one.
    pub valid_at: *mut u16,
    pub code: *mut Code,
    /// The number by which the version's body is entered here.
    pub entry: i64,
    /// For a frame that waits for another, in `yield from` or `await`.
    pub delegation: Option<Delegation>,
}

/// How a frame goes on that waits for another one (see `generator::chain`).
pub struct Delegation {
    /// The `SEND` that it is at while the other one runs, the `YIELD_VALUE` that passes on what that yields, and where it
    /// goes on when that has returned.
    pub instr_ptr: *mut u16,
    pub suspends: *mut u16,
    pub ends: *mut u16,
    /// The numbers by which the body is entered when the other one has returned, its value pushed, and when it has raised.
    pub returned: i64,
    pub raised: i64,
}

/// How a generator's frame is set up before its first instruction that counts: what `MAKE_CELL` and `COPY_FREE_VARS` in
/// front of `RETURN_GENERATOR` do.
#[derive(Default)]
pub struct GeneratorPrologue {
    /// Slots that get a cell, in order.
    pub cells: Box<[u32]>,
    /// How many free variables the closure gives.
    pub free: u32,
}

/// One compiled form of a code object, for one dictionary of globals and one of builtins.
#[repr(C)]
pub struct Version {
    pub body: *const (),
    /// The entry that is set as the function's vectorcall; unique to this version while it is live or pinned.
    pub vectorcall: *const (),
    pub frame_bytes: usize,
    pub code: *mut Code,
    /// Borrowed: a version whose globals died is dropped, see [`crate::globals`].
    pub globals: *mut PyObject,
    pub builtins: *mut PyObject,
    /// Positional parameters.
    pub argcount: u32,
    /// No keyword-only parameter, no `*args`, no `**kwargs`: `argcount` positional arguments bind as they are.
    pub simple: bool,
    /// Nothing runs this version any more; it is freed when nobody pins it.
    pub dead: bool,
    /// Call sites of other versions that have this one cached.
    pub pins: u32,
    pub calls: u64,
    pub back_edges: u64,
    pub handovers: [u64; HandOverReason::ALL.len()],
    pub compile_ns: u64,
    pub code_bytes: usize,
    pub instructions: u32,
    pub call_sites: Vec<Box<CallSite>>,
    pub attribute_sites: Vec<Box<AttributeSite>>,
    /// Tables that the code reads.
    pub tables: Vec<Box<[u8]>>,
    /// What each instruction has seen, by its index (see [`crate::feedback`]).
    pub feedback: Box<[u8]>,
    /// What `feedback` was when the code was made; other bits mean that better code is to be had.
    pub compiled_with: Box<[u8]>,
    /// Numbers of calls and of back edges at which that is looked at.
    pub check_calls: u64,
    pub check_edges: u64,
    /// What each instruction was seen to do, by its index, if this is a sampling version (see [`crate::sampling`]).
    pub records: Box<[Record]>,
    /// The version that replaced this one.
    pub successor: *mut Version,
    /// Where a generator's body is entered, in the order of instructions.
    pub resume_points: Box<[ResumePoint]>,
    /// For generators, coroutines and asynchronous generators.
    pub generator: Option<GeneratorPrologue>,
    /// Times that a suspended frame was resumed in this version.
    pub resumes: u64,
    /// The machine code, given back when this is dropped.
    pub machine_code: Vec<Box<dyn std::any::Any>>,
    /// Global cells that the code reads; they live as long as the version.
    pub cells: Vec<*mut crate::globals::GlobalCell>,
}

impl Version {
    /// Whether its code takes samples for the optimizing tier.
    pub fn is_sampling(&self) -> bool {
        !self.records.is_empty()
    }

    /// Inline cache misses so far, over all sites.
    pub fn cache_misses(&self) -> u64 {
        self.call_sites.iter().map(|site| site.misses).sum::<u64>()
            + self.attribute_sites.iter().map(|site| site.misses).sum::<u64>()
    }

    /// Inline cache hits so far, where they are counted.
    pub fn cache_hits(&self) -> u64 {
        self.call_sites.iter().map(|site| site.hits).sum::<u64>()
            + self.attribute_sites.iter().map(|site| site.hits).sum::<u64>()
    }
}

/// What is counted over all versions.
#[derive(Clone, Copy, Default)]
pub struct Totals {
    pub versions: u64,
    pub calls: u64,
    pub resumes: u64,
    pub back_edges: u64,
    pub compile_ns: u64,
    pub cache_misses: u64,
    pub cache_hits: u64,
    pub handovers: [u64; HandOverReason::ALL.len()],
    /// Bytes of machine code of the versions that are live.
    pub code_bytes: usize,
}

impl Totals {
    fn add(&mut self, version: &Version) {
        self.versions += 1;
        self.calls += version.calls;
        self.resumes += version.resumes;
        self.back_edges += version.back_edges;
        self.compile_ns += version.compile_ns;
        self.cache_misses += version.cache_misses();
        self.cache_hits += version.cache_hits();
        for (sum, count) in self.handovers.iter_mut().zip(version.handovers) {
            *sum += count;
        }
    }
}

struct Registry {
    live: FxHashSet<*const Version>,
    gone: Totals,
    /// Bytes of machine code of the live versions.
    code_bytes: usize,
}

static mut REGISTRY: Registry = Registry {
    live: FxHashSet::with_hasher(rustc_hash::FxBuildHasher),
    code_bytes: 0,
    gone: Totals {
        versions: 0,
        calls: 0,
        resumes: 0,
        back_edges: 0,
        compile_ns: 0,
        cache_misses: 0,
        cache_hits: 0,
        handovers: [0; HandOverReason::ALL.len()],
        code_bytes: 0,
    },
};

#[allow(static_mut_refs, reason = "guarded by the GIL; no reference outlives a call")]
fn registry() -> &'static mut Registry {
    // SAFETY: versions are made and freed with the GIL held.
    unsafe { &mut REGISTRY }
}

/// Makes a version count in [`totals`].
pub fn register(version: &Version) {
    let registry = registry();
    registry.live.insert(&raw const *version);
    registry.code_bytes += version.code_bytes;
}

/// Bytes of machine code of the live versions.
pub fn code_bytes() -> usize {
    registry().code_bytes
}

/// The counts of all versions, of those that are gone too.
pub fn totals() -> Totals {
    let registry = registry();
    let mut totals = registry.gone;
    totals.code_bytes = registry.code_bytes;
    for &version in &registry.live {
        // SAFETY: a version leaves the registry when it is dropped.
        let version = unsafe { &*version };
        totals.add(version);
    }
    totals
}

impl Drop for Version {
    fn drop(&mut self) {
        crate::hook::forget_entry(self);
        let registry = registry();
        if registry.live.remove(&(&raw const *self)) {
            registry.gone.add(self);
            registry.code_bytes -= self.code_bytes;
        }
    }
}

/// Marks a version as never to be run again, and frees it when nobody has it cached.
///
/// # Safety
/// The GIL is held, no frame runs this version, and `version` came from `Box::into_raw`.
pub unsafe fn retire(version: *mut Version) {
    // SAFETY: see the contract.
    unsafe {
        (*version).dead = true;
        crate::globals::forget_version(version);
        for site in &mut (*version).call_sites {
            site.forget();
        }
        if (*version).pins == 0 {
            drop(Box::from_raw(version));
        }
    }
}

/// Makes a version's cache keep `target` (or nothing, when it is NULL) in `slot` instead of what it kept. A version does
/// not keep itself.
///
/// # Safety
/// The GIL is held; `owner` is live, and so is `target`.
pub unsafe fn keep(slot: &mut *mut Version, owner: *mut Version, target: *mut Version) {
    let old = std::mem::replace(slot, target);
    // SAFETY: a kept version is live.
    unsafe {
        if !target.is_null() && target != owner {
            (*target).pins += 1;
        }
        if !old.is_null() && old != owner {
            (*old).pins -= 1;
            if (*old).pins == 0 && (*old).dead {
                drop(Box::from_raw(old));
            }
        }
    }
}
