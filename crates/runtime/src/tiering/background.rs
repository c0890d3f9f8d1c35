//! The threads on which units are compiled: one makes the first code, the other better code, which takes ten times as long
//! and is not waited for.
//!
//! They never have the GIL and know no Python objects but by address. Each lives while there is work for it. So a `fork`,
//! which waits for the units that are being compiled, finds a process without them: the interpreter warns about forks of
//! processes with several threads. The child forgets the queue. The wait is short; if it was not enough, a lock inside a code
//! generator may be held for ever in the child, which then does not optimize. At exit the queue is emptied, and the threads
//! waited for likewise.

use super::budget;
use super::request::{Compiled, Decline, Unit};
use pyo3_ffi::Py_AddPendingCall;
use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const STACK_BYTES: usize = 8 << 20;
/// How long a fork waits for the unit that is being compiled.
#[cfg(unix)]
const FORK_WAIT: Duration = Duration::from_millis(500);
/// The same for the end of the program.
const EXIT_WAIT: Duration = Duration::from_secs(5);

/// The outcome of compiling one unit.
pub type Outcome = Result<Compiled, Decline>;

/// A job that is done.
pub struct Done {
    pub job: u64,
    pub outcome: Outcome,
    /// The job that makes better code for the same version.
    pub refinement: Option<u64>,
}

/// What a thread does.
#[derive(Clone, Copy)]
enum Task {
    FirstCode,
    BetterCode,
}

#[derive(Default)]
struct Worker {
    /// There is a thread, which has not seen that there is nothing more to do.
    running: bool,
    /// That thread, or the one before.
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(u64, Box<dyn Unit>)>,
    /// Those that make better code for what has some.
    refinements: Vec<(u64, Box<dyn Unit>)>,
    done: Vec<Done>,
    /// By task.
    workers: [Worker; 2],
    /// The threads are to end.
    pausing: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// A thread ends.
    idle: Condvar,
}

impl Queue {
    /// The job that is next.
    fn next(&mut self, task: Task) -> Option<(u64, Box<dyn Unit>)> {
        match task {
            Task::FirstCode => self.jobs.pop_front(),
            // The newest: callees become hot before those that have inlined them.
            Task::BetterCode if budget::may_refine() => self.refinements.pop(),
            Task::BetterCode => None,
        }
    }

    fn has_work(&self, task: Task) -> bool {
        match task {
            Task::FirstCode => !self.jobs.is_empty(),
            Task::BetterCode => !self.refinements.is_empty() && budget::may_refine(),
        }
    }

    fn is_running(&self) -> bool {
        self.workers.iter().any(|worker| worker.running)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is consistent wherever a panic could leave it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, once the threads have ended or `limit` is over.
    fn lock_idle(&self, limit: Duration) -> MutexGuard<'_, Queue> {
        let mut queue = self.lock();
        queue.pausing = true;
        let waited = self.idle.wait_timeout_while(queue, limit, |queue| queue.is_running());
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        queue.pausing = false;
        for worker in &mut queue.workers {
            if !worker.running
                && let Some(thread) = worker.thread.take()
            {
                // It needs the lock no more.
                let _ = thread.join();
            }
        }
        queue
    }
}

/// What this process shares with its threads; NULL before there is one. Never freed.
static SHARED: AtomicPtr<Shared> = AtomicPtr::new(null_mut());
/// Results of jobs with numbers below this were lost in a fork.
static FIRST_OF_PROCESS: AtomicU64 = AtomicU64::new(0);
static NEXT: AtomicU64 = AtomicU64::new(1);
/// The program ends: nothing more is compiled.
static STOPPED: AtomicBool = AtomicBool::new(false);
/// Something was being compiled when this process was forked off.
static BROKEN: AtomicBool = AtomicBool::new(false);
/// What a thread that has made better code does before it ends.
static AT_END: OnceLock<fn()> = OnceLock::new();

fn shared() -> Option<&'static Shared> {
    // SAFETY: what is stored there is never freed.
    unsafe { SHARED.load(Ordering::Acquire).as_ref() }
}

/// Whether a unit that is being compiled is not wanted any more: the program ends.
pub fn is_cancelled() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

/// Why nothing can be compiled in this process any more, if so.
pub fn obstacle() -> Option<&'static str> {
    if is_cancelled() {
        Some("the program is ending")
    } else if BROKEN.load(Ordering::Relaxed) {
        Some("this process was forked while the optimizing tier was at work")
    } else {
        None
    }
}

/// Whether a job's outcome will never come: it was given to another process.
pub fn is_lost(job: u64) -> bool {
    job < FIRST_OF_PROCESS.load(Ordering::Relaxed)
}

/// Sets what a thread that has made better code, and finds no more to do, does before it ends.
pub fn set_at_end(at_end: fn()) {
    let _ = AT_END.set(at_end);
}

/// Compiles a unit in place.
pub fn compile(unit: Box<dyn Unit>) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| unit.compile())).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("the compiler failed: {}", text.unwrap_or("no reason given")).into())
    })
}

fn serve(shared: &'static Shared, task: Task) {
    let refines = matches!(task, Task::BetterCode);
    let mut queue = shared.lock();
    while !queue.pausing
        && let Some((job, unit)) = queue.next(task)
    {
        drop(queue);
        let mut outcome = budget::charging_thread(&budget::OPTIMIZING, || compile(unit));
        let again = outcome.as_mut().ok().and_then(|compiled| compiled.refinement.take());
        queue = shared.lock();
        let refinement = again.map(|unit| {
            let job = NEXT.fetch_add(1, Ordering::Relaxed);
            queue.refinements.push((job, unit));
            if !queue.pausing {
                // If there is no thread to be had, it is tried again by `take`.
                let _ = run(shared, &mut queue);
            }
            job
        });
        queue.done.push(Done {
            job,
            outcome,
            refinement,
        });
        if refines {
            drop(queue);
            call_for_attention();
            queue = shared.lock();
        }
    }
    queue.workers[task as usize].running = false;
    shared.idle.notify_all();
}

/// Has the main thread take over what is done at its next safepoint: a loop that runs in optimized code looks here at no
/// other time, and goes on in the better code once it has been left.
fn call_for_attention() {
    extern "C" fn look(_: *mut c_void) -> c_int {
        // SAFETY: pending calls are made with the GIL held.
        unsafe { super::take_over() };
        0
    }
    // SAFETY: this may be called on any thread, without the GIL. If there are too many calls already, the code is taken
    // over later.
    unsafe { Py_AddPendingCall(Some(look), null_mut()) };
}

/// Starts a thread, which gets no signals: they are the program's.
fn start(shared: &'static Shared, task: Task) -> std::io::Result<JoinHandle<()>> {
    let builder = std::thread::Builder::new()
        .name("justjit".to_owned())
        .stack_size(STACK_BYTES);
    #[cfg(unix)]
    // SAFETY: both sets are initialised by the first two calls; the mask of this thread is put back.
    let before = unsafe {
        let mut all = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        before
    };
    let started = builder.spawn(move || {
        serve(shared, task);
        if let (Task::BetterCode, Some(at_end)) = (task, AT_END.get()) {
            at_end();
        }
    });
    #[cfg(unix)]
    // SAFETY: the mask that this thread had.
    unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, null_mut());
    }
    started
}

/// What this process shares with its threads, made now if it is not yet.
fn prepare() -> &'static Shared {
    if let Some(shared) = shared() {
        return shared;
    }
    #[cfg(unix)]
    {
        static WATCHING: std::sync::Once = std::sync::Once::new();
        // SAFETY: the three functions may be called at any fork.
        WATCHING.call_once(|| unsafe {
            libc::pthread_atfork(
                Some(fork::prepare),
                Some(fork::go_on_in_parent),
                Some(fork::begin_in_child),
            );
        });
    }
    let shared: &'static Shared = Box::leak(Box::default());
    SHARED.store((&raw const *shared).cast_mut(), Ordering::Release);
    shared
}

/// Has the queue be worked on, if there is something in it. Not once the program ends: nobody would wait for the thread, and
/// the code generators' own memory is freed under it.
fn run(shared: &'static Shared, queue: &mut Queue) -> std::io::Result<()> {
    if STOPPED.load(Ordering::Relaxed) {
        return Ok(());
    }
    for task in [Task::FirstCode, Task::BetterCode] {
        if queue.has_work(task) && !queue.workers[task as usize].running {
            let thread = start(shared, task)?;
            queue.workers[task as usize] = Worker {
                running: true,
                thread: Some(thread),
            };
        }
    }
    Ok(())
}

/// Has a unit compiled; its outcome is among those that [`take`] gives, with this number. The unit comes back if there is
/// no thread to be had.
///
/// # Errors
/// The unit, which was not taken.
pub fn submit(unit: Box<dyn Unit>) -> Result<u64, Box<dyn Unit>> {
    let shared = prepare();
    let job = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut queue = shared.lock();
    queue.jobs.push_back((job, unit));
    match run(shared, &mut queue) {
        Ok(()) => Ok(job),
        // The last one is this one.
        Err(_) => queue.jobs.pop_back().map_or(Ok(job), |(_, unit)| Err(unit)),
    }
}

/// Has better code made for what has some; the number of the job, as for [`submit`]. There is none
/// if there is no thread to be had.
pub fn submit_refinement(unit: Box<dyn Unit>) -> Option<u64> {
    let shared = prepare();
    let job = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut queue = shared.lock();
    queue.refinements.push((job, unit));
    if run(shared, &mut queue).is_err() {
        queue.refinements.pop();
        return None;
    }
    Some(job)
}

/// Has better code not be made after all, if nobody has begun with it yet.
pub fn cancel_refinement(job: u64) -> bool {
    let Some(shared) = shared() else { return false };
    let mut queue = shared.lock();
    let found = queue.refinements.iter().position(|&(number, _)| number == job);
    // The unit is not freed under the lock.
    let unit = found.map(|at| queue.refinements.remove(at));
    drop(queue);
    unit.is_some()
}

/// What has been done since the last time, in the order in which it was.
pub fn take() -> Vec<Done> {
    let Some(shared) = shared() else {
        return Vec::new();
    };
    let mut queue = shared.lock();
    // A fork has ended the threads. If there is none to be had, it is tried again the next time.
    let _ = run(shared, &mut queue);
    std::mem::take(&mut queue.done)
}

/// The program ends: drops what waits, and waits a while for what is being compiled. Without the GIL.
pub fn stop() {
    STOPPED.store(true, Ordering::Relaxed);
    if let Some(shared) = shared() {
        let mut queue = shared.lock();
        let jobs = (std::mem::take(&mut queue.jobs), std::mem::take(&mut queue.refinements));
        drop(queue);
        drop(jobs);
        drop(shared.lock_idle(EXIT_WAIT));
    }
}

#[cfg(unix)]
mod fork {
    use super::*;

    /// The queue's lock, which the forking thread has from before a fork until after it.
    static mut HELD: Option<MutexGuard<'static, Queue>> = None;

    pub extern "C" fn prepare() {
        if let Some(shared) = shared() {
            // SAFETY: only the thread that has the lock touches this.
            unsafe { HELD = Some(shared.lock_idle(FORK_WAIT)) };
        }
    }

    pub extern "C" fn go_on_in_parent() {
        // SAFETY: this thread has the lock.
        let held = unsafe { (&raw mut HELD).replace(None) };
        drop(held);
    }

    pub extern "C" fn begin_in_child() {
        // SAFETY: this thread, the only one, has the lock.
        if let Some(queue) = unsafe { (&raw mut HELD).replace(None) } {
            if queue.is_running() {
                BROKEN.store(true, Ordering::Relaxed);
            }
            // Lock and queue are left as they are: nobody uses them again.
            std::mem::forget(queue);
            SHARED.store(null_mut(), Ordering::Release);
            FIRST_OF_PROCESS.store(NEXT.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
