//! What compiled code keeps per thread, and the limits of the thread's stack.

use crate::api;
use crate::layout::ThreadState;
use std::cell::Cell;
use std::collections::HashMap;

/// Handed to every compiled function as its first argument.
#[repr(C)]
pub struct Thread {
    pub tstate: *mut ThreadState,
    /// The stack pointer must not get below this address.
    pub stack_limit: usize,
    /// Value of `eval_breaker` when nobody wants anything and nothing is instrumented.
    pub expected_breaker: usize,
    /// The `eval_breaker` version for which [`crate::safepoint`] last looked whether instrumentation is on.
    pub checked_version: usize,
    /// Instrumentation (tracing, profiling, monitoring) is on for this thread at `checked_version`.
    pub instrumented: bool,
    /// The running asynchronous generator whose next value need not be wrapped; see `generator::asynchronous`.
    pub unwrapped: usize,
    /// What the frames count for against the stack's bounds that are linked without running; see `generator::chain`.
    pub linked_bytes: usize,
    /// The body that the current frame goes on in next, and by which number it is entered; see `deopt`.
    pub next_body: *const (),
    pub next_entry: i64,
    /// The version that a back edge goes on in, where [`crate::safepoint::verdict::ENTER`] says that it does.
    pub enter: *mut crate::version::Version,
    /// Not 0 while typed bodies are being left; see `deopt::typed`.
    pub leaving: i64,
    /// Those that have been left, the outermost first; NULL for none.
    pub left: *mut crate::deopt::Left,
    /// Memory for an array of objects of a body that has no frame.
    pub scratch: [*mut pyo3_ffi::PyObject; SCRATCH],
    /// A chunk of data stack kept for the next time that one is needed.
    pub spare_chunk: *mut crate::layout::StackChunk,
    /// A frame object that nobody has had but its frame, kept for the next exception: an owned reference, or NULL.
    pub spare_frame_object: *mut crate::layout::FrameObject,
    /// What optimized code passes on when it is left. (Not in its machine frame: LLVM's time for a function grows with the
    /// square of the uses of a place there.)
    pub words: [u64; DEOPT_WORDS],
}

/// Objects in [`Thread::scratch`].
pub const SCRATCH: usize = 32;

/// Values that optimized code can pass on at most when it is left.
pub const DEOPT_WORDS: usize = 1024;

/// Room that has to be left below the limit for the C code that a compiled function calls.
const STACK_MARGIN: usize = 96 * 1024;

thread_local! {
    static BOUNDS: Cell<usize> = const { Cell::new(0) };
}

/// The lowest address that the stack pointer of the present thread may have in compiled code.
fn stack_limit() -> usize {
    BOUNDS.with(|cell| {
        if cell.get() == 0 {
            let (low, size) = stack_bounds();
            cell.set(low + STACK_MARGIN.min(size / 2));
        }
        cell.get()
    })
}

#[cfg(target_os = "linux")]
fn stack_bounds() -> (usize, usize) {
    // SAFETY: the attribute object is initialised by the first call, read by the second and destroyed by the third.
    unsafe {
        let mut attributes = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return fallback_bounds();
        }
        let (mut low, mut size) = (std::ptr::null_mut(), 0);
        let status = libc::pthread_attr_getstack(&attributes, &mut low, &mut size);
        let mut guard = 0;
        libc::pthread_attr_getguardsize(&attributes, &mut guard);
        libc::pthread_attr_destroy(&mut attributes);
        if status != 0 {
            fallback_bounds()
        } else {
            (low as usize + guard, size.saturating_sub(guard))
        }
    }
}

#[cfg(target_os = "macos")]
fn stack_bounds() -> (usize, usize) {
    // SAFETY: both functions only read the present thread's description.
    unsafe {
        let thread = libc::pthread_self();
        let high = libc::pthread_get_stackaddr_np(thread) as usize;
        let size = libc::pthread_get_stacksize_np(thread);
        (high - size, size)
    }
}

#[cfg(windows)]
fn stack_bounds() -> (usize, usize) {
    unsafe extern "system" {
        fn GetCurrentThreadStackLimits(low: *mut usize, high: *mut usize);
    }
    let (mut low, mut high) = (0, 0);
    // SAFETY: both pointers are to live variables.
    unsafe { GetCurrentThreadStackLimits(&mut low, &mut high) };
    (low, high - low)
}

/// What is assumed where the system does not tell: 256 KiB below this frame.
#[allow(dead_code, reason = "not every platform can fail")]
fn fallback_bounds() -> (usize, usize) {
    let here = 0u8;
    let size = 256 * 1024;
    ((&raw const here as usize).saturating_sub(size), size)
}

struct Registry {
    last: *mut Thread,
    last_tstate: *mut ThreadState,
    last_id: u64,
    threads: Option<HashMap<u64, Box<Thread>>>,
}

static mut REGISTRY: Registry = Registry {
    last: std::ptr::null_mut(),
    last_tstate: std::ptr::null_mut(),
    last_id: 0,
    threads: None,
};

#[allow(
    static_mut_refs,
    reason = "guarded by the GIL; no reference outlives a call that runs no Python code"
)]
unsafe fn registry() -> &'static mut Registry {
    // SAFETY: the GIL is held.
    unsafe { &mut REGISTRY }
}

/// The present thread's [`Thread`].
///
/// # Safety
/// The GIL is held.
#[inline]
pub unsafe fn current() -> *mut Thread {
    // SAFETY: the GIL guards the registry; the interpreter's thread state is live while the GIL is held.
    unsafe {
        let tstate = api::PyThreadState_GetUnchecked().cast::<ThreadState>();
        let registry = &raw mut REGISTRY;
        if (*registry).last_tstate == tstate && (*registry).last_id == (*tstate).id {
            return (*registry).last;
        }
        find(tstate)
    }
}

impl Thread {
    /// What is kept for a thread at first.
    pub fn new(tstate: *mut ThreadState) -> Thread {
        Thread {
            tstate,
            stack_limit: 0,
            // Never the breaker's value, so that the first entry looks at the instrumentation.
            expected_breaker: usize::MAX,
            checked_version: usize::MAX,
            instrumented: false,
            unwrapped: 0,
            linked_bytes: 0,
            next_body: std::ptr::null(),
            next_entry: 0,
            enter: std::ptr::null_mut(),
            leaving: 0,
            left: std::ptr::null_mut(),
            scratch: [std::ptr::null_mut(); SCRATCH],
            spare_chunk: std::ptr::null_mut(),
            spare_frame_object: std::ptr::null_mut(),
            words: [0; DEOPT_WORDS],
        }
    }
}

#[cold]
unsafe fn find(tstate: *mut ThreadState) -> *mut Thread {
    // SAFETY: as for `current`.
    unsafe {
        let registry = registry();
        let threads = registry.threads.get_or_insert_default();
        let id = (*tstate).id;
        if threads.len() > 64 && !threads.contains_key(&id) {
            forget_dead(threads, tstate);
        }
        let thread = threads.entry(id).or_insert_with(|| Box::new(Thread::new(tstate)));
        thread.tstate = tstate;
        thread.stack_limit = stack_limit();
        registry.last = &raw mut **thread;
        registry.last_tstate = tstate;
        registry.last_id = id;
        registry.last
    }
}

/// Drops what is kept for threads that have ended.
unsafe fn forget_dead(threads: &mut HashMap<u64, Box<Thread>>, tstate: *mut ThreadState) {
    // SAFETY: the list of thread states changes only under the interpreter's lock and holding the GIL suffices to
    // keep the present thread's neighbours from being freed while they are looked at.
    unsafe {
        let mut alive = Vec::new();
        let mut at = tstate;
        while !(*at).prev.is_null() {
            at = (*at).prev;
        }
        while !at.is_null() {
            alive.push((*at).id);
            at = (*at).next;
        }
        threads.retain(|id, thread| {
            let keep = alive.contains(id);
            if !keep {
                crate::frame::free_spare_chunk(&mut **thread);
                pyo3_ffi::Py_XDECREF(std::mem::replace(&mut thread.spare_frame_object, std::ptr::null_mut()).cast());
            }
            keep
        });
    }
}
