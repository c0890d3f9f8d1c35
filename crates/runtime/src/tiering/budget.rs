//! What compiling may cost.
//!
//! Nobody knows how often a function will be called yet. A program of a few functions is better off when each is compiled
//! soon; in one that runs thousands of them, each a little, none would make up for what compiling it takes. So there is an
//! account of what was spent. As long as that is a small part of what the program has taken, everything is compiled as soon
//! as it may be worth it. Once it is more, functions have to show that they run often: the calls that it takes are doubled
//! again and again, until so little is compiled that the program has caught up.
//!
//! There are two accounts, one for code of the baseline tier and one for all that the optimizing tier takes. What the user has
//! asked for (functions that were named, numbers of calls other than by default) does not wait.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What may be spent on one tier, and what has been.
pub struct Account {
    /// Nanoseconds.
    spent: AtomicU64,
    /// What may be spent at the beginning.
    free: Duration,
    /// What may be spent besides: the process's time divided by this.
    part: u64,
    /// How much more it is for which functions have to wait twice as long.
    step: Duration,
    /// How often the wait is doubled at most.
    most: u64,
}

impl Account {
    const fn new(free: Duration, part: u64, step: Duration, most: u64) -> Account {
        Account {
            spent: AtomicU64::new(0),
            free,
            part,
            step,
            most,
        }
    }

    /// Has spent so many nanoseconds more.
    pub fn charge(&self, nanoseconds: u64) {
        self.spent.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn free(&self) -> u64 {
        let part = if IS_CHILD.load(Ordering::Relaxed) { CHILD } else { 1 };
        self.free.as_nanos() as u64 / part
    }

    /// What there would be spent beyond what may be when `price` is.
    fn overdrawn(&self, price: u64, elapsed: u64) -> u64 {
        (self.spent.load(Ordering::Relaxed) + price).saturating_sub(self.free() + elapsed / self.part)
    }

    /// How many times what a function has to show is to be doubled, for something that costs so many nanoseconds.
    pub fn doublings(&self, price: u64) -> u32 {
        // At the beginning, no clock is looked at.
        if self.spent.load(Ordering::Relaxed) + price <= self.free() {
            return 0;
        }
        match self.overdrawn(price, program_time()) {
            0 => 0,
            over => (1 + over / self.step.as_nanos() as u64).min(self.most) as u32,
        }
    }
}

/// Nanoseconds that an instruction of baseline code takes to be made, roughly.
pub const INSTRUCTION: u64 = 25_000;

/// Code of the baseline tier, which is made while the program waits.
pub static BASELINE: Account = Account::new(Duration::from_millis(10), 10, Duration::from_millis(5), 10);
/// Samples, snapshots, and the threads that compile.
pub static OPTIMIZING: Account = Account::new(Duration::from_millis(1500), 2, Duration::from_millis(200), 4);

/// The part of what may be spent at the beginning that a child process may: what it needs, its parent has compiled for the
/// most part, and many live for a moment only.
const CHILD: u64 = 8;
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Whether the settings leave it to us when functions are optimized.
static PATIENT: AtomicBool = AtomicBool::new(true);

/// Sets whether the optimizing tier waits for anything.
pub(super) fn set_patient(patient: bool) {
    PATIENT.store(patient, Ordering::Relaxed);
}

/// Whether better code is to be made now for what has some. While the program waits for something else that costs nothing, so
/// that all time that has passed counts here.
pub(super) fn may_refine() -> bool {
    !PATIENT.load(Ordering::Relaxed) || OPTIMIZING.overdrawn(0, time_passed()) == 0
}

/// Nanoseconds that the threads that compile have taken.
static ON_THREADS: AtomicU64 = AtomicU64::new(0);

/// Time of the processor that the program has taken, without the threads that compile.
fn program_time() -> u64 {
    process_time().saturating_sub(ON_THREADS.load(Ordering::Relaxed))
}

#[cfg(unix)]
fn clock(which: libc::clockid_t) -> u64 {
    // SAFETY: the clock writes there.
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(which, &raw mut time);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

/// Time of the processor that the process has taken.
#[cfg(unix)]
fn process_time() -> u64 {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Time of the processor that this thread has taken.
#[cfg(unix)]
fn thread_time() -> u64 {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// What had passed when this process was forked off.
static BEFORE: AtomicU64 = AtomicU64::new(0);

/// Time that has passed since this was first asked in this process.
fn time_passed() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    let passed = BEGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64;
    passed.saturating_sub(BEFORE.load(Ordering::Relaxed))
}

/// Where there is no such clock, time that has passed.
#[cfg(not(unix))]
fn process_time() -> u64 {
    time_passed()
}

#[cfg(not(unix))]
fn thread_time() -> u64 {
    time_passed()
}

/// Does something that this thread's time is spent for on an account.
pub fn charging<T>(account: &Account, work: impl FnOnce() -> T) -> T {
    let before = thread_time();
    let result = work();
    account.charge(thread_time().saturating_sub(before));
    result
}

/// As [`charging`], on a thread that does nothing else.
pub(super) fn charging_thread<T>(account: &Account, work: impl FnOnce() -> T) -> T {
    let before = thread_time();
    let result = work();
    let spent = thread_time().saturating_sub(before);
    ON_THREADS.fetch_add(spent, Ordering::Relaxed);
    account.charge(spent);
    result
}

/// Begins.
pub fn initialize() {
    time_passed();
    #[cfg(unix)]
    {
        static WATCHING: std::sync::Once = std::sync::Once::new();
        // SAFETY: the function may be called at any fork.
        WATCHING.call_once(|| unsafe {
            libc::pthread_atfork(None, None, Some(begin_in_child));
        });
    }
}

/// A child has taken no time yet.
#[cfg(unix)]
extern "C" fn begin_in_child() {
    IS_CHILD.store(true, Ordering::Relaxed);
    BEFORE.fetch_add(time_passed(), Ordering::Relaxed);
    for sum in [&ON_THREADS, &BASELINE.spent, &OPTIMIZING.spent] {
        sum.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdrawn_has_functions_wait() {
        let account = Account::new(Duration::from_nanos(100), 10, Duration::from_nanos(50), 3);
        assert_eq!(account.overdrawn(100, 0), 0);
        assert_eq!(account.overdrawn(130, 0), 30);
        account.charge(300);
        assert_eq!((account.overdrawn(0, 500), account.overdrawn(7, 500)), (150, 157));
        assert_eq!((account.overdrawn(0, 2_000), account.overdrawn(10, 2_000)), (0, 10));
    }

    #[test]
    fn a_wait_is_doubled_so_often_and_not_more() {
        let hour = 3_600_000_000_000;
        let account = Account::new(Duration::from_millis(1), 10, Duration::from_secs(3600), 3);
        assert_eq!(account.doublings(1_000_000), 0);
        // This process has taken less than ten hours.
        assert_eq!(account.doublings(2 * hour), 2);
        account.charge(100 * hour);
        assert_eq!(account.doublings(0), 3);
    }
}
