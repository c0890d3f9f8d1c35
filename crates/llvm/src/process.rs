//! Whether LLVM can be used in this process: not after a fork that may have lost a lock, nor after a fatal error.

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// The process that this state is of (high half), [`LOST`], and how many threads are inside LLVM (the rest).
static STATE: AtomicU64 = AtomicU64::new(0);

/// A thread was inside LLVM when this process, or one that it descends from, was forked.
const LOST: u64 = 1 << 31;
const COUNT: u64 = LOST - 1;

/// What LLVM gave up with. Read only by threads that have entered, so no fork leaves it locked unnoticed.
static FATAL: Mutex<Option<String>> = Mutex::new(None);

/// A thread's stay inside LLVM.
pub(crate) struct Inside(());

/// To be held while anything of LLVM's runs that may take a lock.
pub(crate) fn enter() -> Result<Inside, Error> {
    let process = u64::from(std::process::id()) << 32;
    let update = |state: u64| {
        let count = state & COUNT;
        let lost = state & LOST != 0;
        if state & !(LOST | COUNT) == process {
            (!lost).then_some(state + 1)
        } else if lost || count != 0 {
            // Counted threads are those of the parent; they do not exist here.
            Some(process | LOST)
        } else {
            Some(process | 1)
        }
    };
    match STATE.fetch_update(Ordering::AcqRel, Ordering::Acquire, update) {
        Ok(before) if update(before).is_some_and(|after| after & LOST == 0) => {}
        _ => return Err(Error::Forked),
    }
    let inside = Inside(());
    match &*FATAL.lock().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(inside),
        Some(why) => Err(Error::Fatal(why.clone())),
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        STATE.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What unwinds from the fatal error handler to [`catch_fatal`].
struct FatalError(String);

/// LLVM ends the process if this returns.
pub(crate) extern "C-unwind" fn on_fatal_error(reason: *const c_char) {
    // SAFETY: LLVM passes a string.
    let reason = unsafe { CStr::from_ptr(reason) }.to_string_lossy().into_owned();
    resume_unwind(Box::new(FatalError(reason)));
}

/// Runs `body`, which calls LLVM only by functions declared `C-unwind`. A fatal error in it becomes an error, and makes
/// every later [`enter`] fail.
pub(crate) fn catch_fatal<T>(body: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| match payload.downcast::<FatalError>() {
        Ok(error) => {
            *FATAL.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.0.clone());
            Error::Fatal(error.0)
        }
        Err(other) => resume_unwind(other),
    })
}
