//! A sampling profiler that the program does not feel.
//!
//! A thread of its own looks, once every millisecond or so, which thread has the GIL, which code object its current frame
//! is of, and where in it the instruction pointer stands. It does so without the GIL: what it looks at may change
//! meanwhile, and is therefore read through the operating system ([`memory`]) and believed only where it fits together.
//! A profiler that takes the GIL would have optimized code be left at each sample, since that gives the GIL up in baseline
//! code; and it would find the program at safepoints only.
//!
//! An address that was read counts if it is that of a code object that this holds a reference to: all that there were at
//! the beginning ([`start`]) and all that have been made since (a code watcher tells). So none of them can have died, and
//! no address means two of them.
//!
//! A frame does not say who runs it. So each sample notes which versions its code had at that time: who ran it follows
//! from these, since calls and back edges enter the best version that there is.
//!
//! **Architecture invariant:** the profiler's thread never takes the GIL, and writes nothing that the program reads.

mod memory;

use crate::api;
use crate::hook;
use crate::layout::{Code, Frame, ThreadState};
use crate::version::Tier;
use memory::Memory;
use pyo3_ffi::*;
use rustc_hash::FxHashMap;
use std::ffi::{c_int, c_void};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bit of `PyThreadState._status` that says that the thread holds the GIL (`holds_gil`).
const HOLDS_GIL: u32 = 1 << 5;
/// Threads that are looked at.
const MAX_THREADS: usize = 256;
/// Frames that are looked at for one of Python code: the interpreter puts one in between for each call from C.
const MAX_FRAMES: usize = 4;

/// Who runs a code object's functions from their start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Runner {
    #[default]
    Interpreter,
    Baseline,
    Optimizing,
}

impl Runner {
    pub fn name(self) -> &'static str {
        match self {
            Runner::Interpreter => "interpreter",
            Runner::Baseline => "baseline",
            Runner::Optimizing => "optimizing",
        }
    }
}

/// Which versions a code object has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Versions {
    pub start: Runner,
    /// Numbers of the entries (loop headers) that optimized versions are made for, one bit each.
    pub loops: u64,
}

impl Versions {
    unsafe fn of(code: *mut Code) -> Versions {
        // SAFETY: the GIL is held; a live code object, whose state has live versions.
        unsafe {
            let Some(state) = hook::state_of(code.cast()).as_ref() else {
                return Versions::default();
            };
            let mut found = Versions::default();
            for version in state.versions.iter().map(|&version| &*version).filter(|one| one.valid) {
                match (version.tier, version.enters) {
                    (Tier::Optimizing, Some(entry)) if entry != 0 => found.loops |= 1 << (entry & 63),
                    (Tier::Optimizing, _) => found.start = Runner::Optimizing,
                    _ if found.start == Runner::Interpreter => found.start = Runner::Baseline,
                    _ => {}
                }
            }
            found
        }
    }
}

/// What is sampled: where a thread was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// Address of the code object.
    code: usize,
    /// The running instruction's byte offset, if it is known.
    pub offset: Option<u32>,
    pub versions: Versions,
}

/// How often, and for how long.
#[derive(Clone, Copy, Default, Debug)]
pub struct Amount {
    pub samples: u64,
    pub time: Duration,
}

impl Amount {
    fn add(&mut self, time: Duration) {
        self.samples += 1;
        self.time += time;
    }
}

struct KnownCode {
    instructions: usize,
    bytes: usize,
    versions: Versions,
}

#[derive(Default)]
struct Samples {
    /// By address; each with a reference.
    codes: FxHashMap<usize, KnownCode>,
    places: FxHashMap<Place, Amount>,
    /// Python code ran, but it is not known which.
    unknown: Amount,
    /// Nobody had the GIL.
    idle: Amount,
}

/// What a profile has found.
pub struct Found {
    /// The code object (a new reference), the place, and how much was found there.
    pub places: Vec<(*mut PyObject, Place, Amount)>,
    pub unknown: Amount,
    pub idle: Amount,
    pub duration: Duration,
}

struct Running {
    /// `None` while a fork is under way.
    thread: Option<JoinHandle<()>>,
    interval: Duration,
    watcher: c_int,
    started: Instant,
}

static SAMPLES: Mutex<Option<Samples>> = Mutex::new(None);
/// The process that a profile is being made of; 0: none. A child that was forked without Python's hooks is another one: it
/// has no such thread, and leaves the mutex alone, since the thread may have had it.
static PROCESS: AtomicU32 = AtomicU32::new(0);
static STOP: AtomicBool = AtomicBool::new(false);
/// Guarded by the GIL.
static mut RUNNING: Option<Running> = None;

fn samples() -> MutexGuard<'static, Option<Samples>> {
    SAMPLES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a profile of this process is being made.
pub fn is_running() -> bool {
    let process = PROCESS.load(Relaxed);
    process != 0 && process == std::process::id()
}

impl Samples {
    /// Takes a reference to a code object.
    ///
    /// # Safety
    /// The GIL is held; a live code object.
    unsafe fn keep(&mut self, code: *mut Code) {
        let address = code as usize;
        if self.codes.contains_key(&address) {
            return;
        }
        // SAFETY: see the contract.
        unsafe {
            Py_INCREF(code.cast());
            let known = KnownCode {
                instructions: Code::instructions(code) as usize,
                bytes: (*code).ob_size as usize * size_of::<u16>(),
                versions: Versions::of(code),
            };
            self.codes.insert(address, known);
        }
    }

    /// Looks which thread runs Python code, and where.
    fn look(&mut self, memory: &Memory, interpreter: usize, time: Duration) {
        // SAFETY: reads one field of the interpreter state, which lives as long as the process.
        let mut next = unsafe { PyInterpreterState_ThreadHead(interpreter as *mut _) } as usize;
        for _ in 0..MAX_THREADS {
            // SAFETY: any bits are numbers and pointers, which are not followed but by `read`.
            let Some(thread) = (unsafe { memory.read::<ThreadState>(next) }) else {
                break;
            };
            if thread.status & HOLDS_GIL != 0 {
                match self.place(memory, thread.current_frame as usize) {
                    Some(place) => self.places.entry(place).or_default().add(time),
                    None => self.unknown.add(time),
                }
                return;
            }
            next = thread.next as usize;
            if next == 0 {
                break;
            }
        }
        self.idle.add(time);
    }

    /// The place of the innermost frame of Python code.
    fn place(&self, memory: &Memory, mut frame: usize) -> Option<Place> {
        for _ in 0..MAX_FRAMES {
            // SAFETY: as in `look`.
            let record = unsafe { memory.read::<Frame>(frame) }?;
            let code = record.f_executable as usize;
            if let Some(known) = self.codes.get(&code) {
                let at = (record.instr_ptr as usize).wrapping_sub(known.instructions);
                return Some(Place {
                    code,
                    offset: (at < known.bytes).then_some(at as u32),
                    versions: known.versions,
                });
            }
            frame = record.previous as usize;
        }
        None
    }
}

fn spawn(interval: Duration) -> io::Result<JoinHandle<()>> {
    let memory = Memory::new()?;
    STOP.store(false, Relaxed);
    // SAFETY: the GIL is held by whoever starts or resumes.
    let interpreter = unsafe { PyInterpreterState_Get() } as usize;
    std::thread::Builder::new()
        .name("justjit profiler".into())
        .spawn(move || run(&memory, interpreter, interval))
}

/// Ends the thread, which never waits for the GIL.
fn join(running: &mut Running) {
    STOP.store(true, Relaxed);
    if let Some(thread) = running.thread.take() {
        let _ = thread.join();
    }
}

fn run(memory: &Memory, interpreter: usize, interval: Duration) {
    let mut before = Instant::now();
    while !STOP.load(Relaxed) {
        std::thread::sleep(interval);
        let now = Instant::now();
        match samples().as_mut() {
            Some(samples) => samples.look(memory, interpreter, now - before),
            None => break,
        }
        before = now;
    }
}

unsafe extern "C" fn on_code(event: c_int, code: *mut PyObject) -> c_int {
    if event == api::code_event::CREATE
        && is_running()
        && let Some(samples) = samples().as_mut()
    {
        // SAFETY: the GIL is held; the code object is complete.
        unsafe { samples.keep(code.cast()) };
    }
    0
}

/// A code object's versions are others now.
///
/// # Safety
/// The GIL is held; a live code object.
pub unsafe fn versions_changed(code: *mut Code) {
    if !is_running() {
        return;
    }
    if let Some(known) = samples()
        .as_mut()
        .and_then(|samples| samples.codes.get_mut(&(code as usize)))
    {
        // SAFETY: see the contract.
        known.versions = unsafe { Versions::of(code) };
    }
}

/// Begins to sample, each `interval`. `codes` are the code objects that there are. False if a profile is being made.
///
/// # Errors
/// What the operating system says.
///
/// # Safety
/// The GIL is held; live code objects; the layouts are proved.
#[allow(static_mut_refs, reason = "guarded by the GIL")]
pub unsafe fn start(interval: Duration, codes: &[*mut PyObject]) -> io::Result<bool> {
    // SAFETY: see the contract.
    unsafe {
        if is_running() {
            return Ok(false);
        }
        if PROCESS.load(Relaxed) != 0 {
            return Err(io::Error::other(
                "this process was forked off one that was being profiled",
            ));
        }
        let mut fresh = Samples::default();
        for &code in codes {
            fresh.keep(code.cast());
        }
        let watcher = api::PyCode_AddWatcher(on_code);
        if watcher < 0 {
            PyErr_Clear();
            fresh.release();
            return Err(io::Error::other("no more code watchers can be added"));
        }
        *samples() = Some(fresh);
        match spawn(interval) {
            Ok(thread) => {
                RUNNING = Some(Running {
                    thread: Some(thread),
                    interval,
                    watcher,
                    started: Instant::now(),
                });
                PROCESS.store(std::process::id(), Relaxed);
                Ok(true)
            }
            Err(error) => {
                api::PyCode_ClearWatcher(watcher);
                if let Some(fresh) = samples().take() {
                    fresh.release();
                }
                Err(error)
            }
        }
    }
}

/// Before a fork: ends the thread, so that the interpreter does not warn of it, and it holds no lock in the child.
///
/// # Safety
/// The GIL is held.
#[allow(static_mut_refs, reason = "guarded by the GIL")]
pub unsafe fn before_fork() {
    if is_running() {
        // SAFETY: see the contract.
        if let Some(running) = unsafe { &mut RUNNING } {
            join(running);
        }
    }
}

/// After a fork, in the parent: the thread begins again once the fork's caller has looked for threads.
///
/// # Safety
/// The GIL is held.
pub unsafe fn after_fork() {
    if is_running() {
        // SAFETY: see the contract.
        unsafe { Py_AddPendingCall(Some(resume), std::ptr::null_mut()) };
    }
}

#[allow(static_mut_refs, reason = "guarded by the GIL")]
extern "C" fn resume(_: *mut c_void) -> c_int {
    if !is_running() {
        return 0;
    }
    // SAFETY: pending calls have the GIL.
    let running = unsafe { &mut RUNNING };
    if let Some(running) = running.as_mut().filter(|running| running.thread.is_none()) {
        // Where there cannot be a thread any more, what has been found until now is what is found.
        running.thread = spawn(running.interval).ok();
    }
    0
}

/// After a fork, in the child, of which no profile is being made.
///
/// # Safety
/// The GIL is held; [`before_fork`] was called before the fork.
#[allow(static_mut_refs, reason = "guarded by the GIL")]
pub unsafe fn forget() {
    if PROCESS.swap(0, Relaxed) == 0 {
        return;
    }
    // SAFETY: see the contract.
    unsafe {
        if let Some(running) = RUNNING.take() {
            api::PyCode_ClearWatcher(running.watcher);
        }
        if let Some(found) = samples().take() {
            found.release();
        }
    }
}

impl Samples {
    /// Gives the references up.
    ///
    /// # Safety
    /// The GIL is held.
    unsafe fn release(self) {
        for code in self.codes.into_keys() {
            // SAFETY: a reference of ours.
            unsafe { Py_DECREF(code as *mut PyObject) };
        }
    }
}

/// Ends the profile; `None` if none is being made.
///
/// # Safety
/// The GIL is held.
#[allow(static_mut_refs, reason = "guarded by the GIL")]
pub unsafe fn stop() -> Option<Found> {
    // SAFETY: see the contract.
    unsafe {
        if !is_running() {
            return None;
        }
        let mut running = RUNNING.take()?;
        PROCESS.store(0, Relaxed);
        api::PyCode_ClearWatcher(running.watcher);
        join(&mut running);
        let mut samples = samples().take()?;
        let places = std::mem::take(&mut samples.places);
        let found = Found {
            places: places
                .into_iter()
                .map(|(place, amount)| {
                    let code = place.code as *mut PyObject;
                    Py_INCREF(code);
                    (code, place, amount)
                })
                .collect(),
            unknown: samples.unknown,
            idle: samples.idle,
            duration: running.started.elapsed(),
        };
        samples.release();
        Some(found)
    }
}
