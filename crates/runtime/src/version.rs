//! A compiled form of a code object, and what is counted about it.

use crate::attributes::AttributeSite;
use crate::deopt::{Continuation, DeoptPoint, DeoptPoints, DeoptReason};
use crate::layout::{Code, Frame, Function};
use crate::sampling::Record;
use crate::site::CallSite;
use crate::thread::Thread;
use pyo3_ffi::*;
use rustc_hash::FxHashSet;
use std::ptr::{null, null_mut};

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
    /// Optimized code was left, and there is no baseline code to go on in.
    NoContinuation = 3,
    /// Optimized code, which does not count the calls that it inlines, was to be entered near the recursion limit.
    NearLimit = 4,
}

impl HandOverReason {
    pub const ALL: [HandOverReason; 5] = [
        HandOverReason::Instrumentation,
        HandOverReason::Instruction,
        HandOverReason::Requested,
        HandOverReason::NoContinuation,
        HandOverReason::NearLimit,
    ];

    pub fn describe(self) -> &'static str {
        match self {
            HandOverReason::Instrumentation => "tracing, profiling or monitoring is on",
            HandOverReason::Instruction => "instruction left to the interpreter",
            HandOverReason::Requested => "requested by a test",
            HandOverReason::NoContinuation => "no baseline code to go on in",
            HandOverReason::NearLimit => "near the recursion limit",
        }
    }
}

/// How much a version bets on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Tier {
    /// Nothing: what fails goes on at the same place in the runtime.
    Baseline = 0,
    /// What fails leaves the code (see [`crate::deopt`]).
    Optimizing = 1,
    /// Nothing, and it takes samples for the optimizing tier (see [`crate::sampling`]).
    Sampling = 2,
}

impl Tier {
    pub fn name(self) -> &'static str {
        match self {
            Tier::Baseline => "baseline",
            Tier::Optimizing => "optimizing",
            Tier::Sampling => "sampling",
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
    /// Whose body is entered here, by that number: this version's, or that of an optimized one.
    pub enters: *mut Version,
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
    pub tier: Tier,
    /// Not to be entered any more, if it is false. Only optimized versions become invalid (see [`crate::deopt`]); their body
    /// looks at this first, and has [`crate::deopt::ENTER_SUCCESSOR`] go on.
    pub valid: bool,
    /// It only collects feedback, and has no entries at loop headers.
    pub profiling: bool,
    /// Call sites of other versions that have this one cached.
    pub pins: u32,
    pub calls: u64,
    pub back_edges: u64,
    pub handovers: [u64; HandOverReason::ALL.len()],
    pub compile_ns: u64,
    /// When it was made.
    pub since: std::time::Instant,
    pub code_bytes: usize,
    pub instructions: u32,
    /// Instructions of the smallest loop; 0 if there is none.
    pub loop_instructions: u32,
    /// What it takes to run it once, in simple instructions, if it has no loop; of baseline versions.
    pub weight: u32,
    /// Calls from outside compiled code, and how many of them it takes until somebody looks (see [`crate::tiering::resting`]).
    pub outside: u64,
    pub outside_check: u64,
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
    /// Likewise, for the feedback alone; the others may come earlier (see [`crate::tiering`]).
    pub recheck_calls: u64,
    pub recheck_edges: u64,
    /// Times that it was not compiled again though it had seen more (see [`crate::tiering::budget`]).
    pub stayed: u32,
    /// Of an optimized version: the one entry that it was made for, 0 or a loop header's number. `None`: it knows all.
    pub enters: Option<i64>,
    /// Times that it was entered at a loop header, from a back edge in other code.
    pub entered: u64,
    /// What it calls with numbers in registers: the functions whose typed bodies are part of it.
    pub typed: Vec<Box<str>>,
    /// Why it was made, and why it is not entered any more.
    pub why: Box<str>,
    /// Functions that it would have inlined if anything had been seen of them, while it is being made.
    pub unseen: Vec<*mut PyObject>,
    pub dropped: Option<Box<str>>,
    /// Nanoseconds in each phase of compiling.
    pub phases: Vec<(&'static str, u64)>,
    /// What each instruction was seen to do, by its index, if this is a sampling version (see [`crate::sampling`]).
    pub records: Box<[Record]>,
    /// The version that replaced this one.
    pub successor: *mut Version,
    /// Where a generator's body is entered, in the order of instructions.
    pub resume_points: Box<[ResumePoint]>,
    /// The entries, by number, at which suspended frames go on in this version, if it is an optimized one.
    pub resumes_at: Box<[i64]>,
    /// For generators, coroutines and asynchronous generators.
    pub generator: Option<GeneratorPrologue>,
    /// Times that a suspended frame was resumed in this version.
    pub resumes: u64,
    /// The machine code, given back when this is dropped.
    pub machine_code: Vec<Box<dyn std::any::Any>>,
    /// Global cells that the code reads; they live as long as the version.
    pub cells: Vec<*mut crate::globals::GlobalCell>,
    /// Where the code can be left (see [`Version::add_deopt_points`]).
    pub deopt_points: Vec<Box<DeoptPoint>>,
    /// Times that it was.
    pub deopts: u64,
    /// Whether unpacking lists pays, for each nest of loops that does.
    pub copied: Vec<crate::unpacking::Copied>,
    /// Where the frames went on then.
    pub continuations: Vec<Continuation>,
    /// Of a continuation: which instruction (the byte offset of its start) it is entered at by which number, in the order of
    /// offsets.
    pub continues_at: Box<[(u32, i64)]>,
    /// The version whose feedback this one's code writes, if that is not its own.
    pub feedback_of: *mut Version,
    /// Objects that the deopt points name, and code that they go on in: references of the version's own.
    pub keeps: Vec<*mut PyObject>,
}

impl Version {
    /// Whether its code takes samples for the optimizing tier.
    pub fn is_sampling(&self) -> bool {
        !self.records.is_empty()
    }

    /// A version of a function's code without any machine code yet; it is its caller's to [`register`].
    ///
    /// # Safety
    /// The GIL is held; a live function.
    pub unsafe fn new(function: *mut Function, tier: Tier) -> Box<Version> {
        // SAFETY: see the contract.
        unsafe { Version::of_code(function, (*function).func_code.cast(), tier) }
    }

    /// As [`Version::new`], for code that the function has or has had.
    ///
    /// # Safety
    /// The GIL is held; a live function and code object.
    pub unsafe fn of_code(function: *mut Function, code: *mut Code, tier: Tier) -> Box<Version> {
        // SAFETY: see the contract.
        unsafe {
            let flags = (*code).co_flags;
            Box::new(Version {
                body: null(),
                vectorcall: null(),
                frame_bytes: (*code).co_framesize as usize * 8,
                code,
                globals: (*function).func_globals,
                builtins: (*function).func_builtins,
                argcount: (*code).co_argcount as u32,
                simple: (*code).co_kwonlyargcount == 0 && flags & (CO_VARARGS | CO_VARKEYWORDS) == 0,
                dead: false,
                tier,
                valid: true,
                profiling: false,
                pins: 0,
                calls: 0,
                back_edges: 0,
                handovers: [0; HandOverReason::ALL.len()],
                compile_ns: 0,
                since: std::time::Instant::now(),
                code_bytes: 0,
                instructions: 0,
                loop_instructions: 0,
                weight: u32::MAX,
                outside: 0,
                outside_check: crate::tiering::resting::FIRST_LOOK,
                call_sites: Vec::new(),
                attribute_sites: Vec::new(),
                tables: Vec::new(),
                feedback: Box::default(),
                compiled_with: Box::default(),
                check_calls: u64::MAX,
                check_edges: u64::MAX,
                recheck_calls: u64::MAX,
                recheck_edges: u64::MAX,
                stayed: 0,
                enters: None,
                entered: 0,
                why: Box::default(),
                unseen: Vec::new(),
                dropped: None,
                copied: Vec::new(),
                typed: Vec::new(),
                phases: Vec::new(),
                records: Box::default(),
                successor: null_mut(),
                resume_points: Box::default(),
                resumes_at: Box::default(),
                generator: None,
                resumes: 0,
                machine_code: Vec::new(),
                cells: Vec::new(),
                deopt_points: Vec::new(),
                deopts: 0,
                continuations: Vec::new(),
                continues_at: Box::default(),
                feedback_of: null_mut(),
                keeps: Vec::new(),
            })
        }
    }

    /// The points at which the code can be left. The version keeps the objects that they name and the code objects of
    /// their frames (not its own) alive.
    ///
    /// # Safety
    /// The GIL is held; what the points name is live.
    pub unsafe fn add_deopt_points(&mut self, points: DeoptPoints) {
        let (points, named) = points.into_parts();
        for object in named {
            if object != self.code.cast() && !self.keeps.contains(&object) {
                // SAFETY: see the contract.
                unsafe { Py_INCREF(object) };
                self.keeps.push(object);
            }
        }
        self.deopt_points.extend(points);
    }

    /// Where the runtime notes what this version's instructions work on.
    pub fn feedback_mut(&mut self) -> &mut [u8] {
        if self.feedback_of.is_null() {
            &mut self.feedback
        } else {
            // SAFETY: that version lives as long as the code object, whose code this is too.
            unsafe { &mut (*self.feedback_of).feedback }
        }
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
    /// Times that optimized code was left, by reason.
    pub deopts: [u64; DeoptReason::COUNT],
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
        for point in &version.deopt_points {
            self.deopts[point.reason as usize] += point.count;
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
        deopts: [0; DeoptReason::COUNT],
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

/// Makes more machine code of a registered version count.
pub fn add_code(version: &mut Version, code: Box<dyn std::any::Any>, bytes: usize) {
    version.machine_code.push(code);
    version.code_bytes += bytes;
    registry().code_bytes += bytes;
}

/// Does something with each version that is live; `action` frees none.
pub fn for_each_live(mut action: impl FnMut(*mut Version)) {
    let live: Vec<_> = registry().live.iter().copied().collect();
    for version in live {
        action(version.cast_mut());
    }
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
        if self.tier == Tier::Optimizing {
            crate::bets::forget(self);
            crate::keeping::forget(self);
        }
        let registry = registry();
        if registry.live.remove(&(&raw const *self)) {
            registry.gone.add(self);
            registry.code_bytes -= self.code_bytes;
        }
        // SAFETY: the version is never run again, nor are its continuations; the references are its own.
        unsafe {
            retire_continuations(self);
            crate::deopt::give_up_later(&mut self.keeps);
        }
    }
}

/// Retires what a version has gone on in when it was left.
unsafe fn retire_continuations(version: *mut Version) {
    // SAFETY: see `retire`.
    unsafe {
        for continuation in std::mem::take(&mut (*version).continuations) {
            if !continuation.version.is_null() {
                retire(continuation.version);
            }
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
        // First, while it cannot be freed yet: they may have this version cached.
        retire_continuations(version);
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
