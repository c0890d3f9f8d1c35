//! Continuation versions: baseline code that is entered at the instructions at which optimized code can be left.
//!
//! One is made for each code object that a version's deopt points name (its own, and those of callees that it inlines),
//! at the first deopt that needs it. It belongs to the optimized version and is no function's entry. Its feedback is that
//! of the code's baseline version, so that what it sees reaches the next compilation; at back edges, and where a generator
//! that it has suspended is resumed, better code takes over.

use super::unwind::handler_of;
use super::{Going, Returns};
use crate::api;
use crate::hook;
use crate::layout::{Code, Frame};
use crate::tiering;
use crate::version::Version;
use pyo3_ffi::PyObject;
use std::ptr::null_mut;

/// Where the frames of one code object go on, when a version is left.
pub struct Continuation {
    pub code: *mut Code,
    pub globals: *mut PyObject,
    pub builtins: *mut PyObject,
    /// NULL where none could be made: the interpreter goes on then.
    pub version: *mut Version,
}

/// Makes a continuation version of a code object, which a frame of the function runs (the function may have got another
/// meanwhile), that can be entered at these instructions, given by the byte offsets of their starts; whether it takes
/// samples. The error is the reason why not.
pub type ContinuationCompiler = unsafe fn(
    function: *mut PyObject,
    code: *mut Code,
    offsets: &[u32],
    sampling: bool,
) -> Result<*mut Version, String>;

static mut COMPILER: Option<ContinuationCompiler> = None;

/// Sets who makes continuation versions.
pub fn set_continuation_compiler(compiler: ContinuationCompiler) {
    // SAFETY: set once, before anything is compiled, with the GIL held.
    unsafe { COMPILER = Some(compiler) };
}

/// Every instruction of `code` at which a frame may have to go on when the version is left.
unsafe fn offsets(owner: *mut Version, code: *mut Code) -> Vec<u32> {
    // SAFETY: a live version; its points' code is kept alive.
    unsafe {
        let mut found = Vec::new();
        let made: Vec<_> = (*owner).deopt_points.iter().map(|point| point.made()).collect();
        for frame in made.iter().flat_map(|made| &made.frames) {
            if frame.code != code {
                continue;
            }
            match frame.going {
                Going::Resume => found.push(frame.place.start),
                Going::Raise | Going::Reraise => {}
                Going::Waits(returns) => {
                    found.push(frame.place.next);
                    if let Returns::Next { exhausted: end, .. } | Returns::Await { ends: end, .. } = returns {
                        found.push(end);
                    }
                }
            }
            if frame.going != Going::Resume
                && let Some(handler) = handler_of(code, frame.place.offset)
            {
                found.push(handler.target);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The continuation of the frame's code, made now if it is not yet; NULL where there is none.
unsafe fn continuation_of(owner: *mut Version, frame: *mut Frame) -> *mut Version {
    // SAFETY: the frame is live and complete; compiling runs no Python code.
    unsafe {
        let code = (*frame).f_executable.cast::<Code>();
        let (globals, builtins) = ((*frame).f_globals, (*frame).f_builtins);
        let known = (*owner).continuations.iter().find(|one| {
            // A version forgets globals that have died.
            let live = one.version.is_null() || (*one.version).globals == globals;
            one.code == code && one.globals == globals && one.builtins == builtins && live
        });
        if let Some(known) = known {
            return known.version;
        }
        let raised = api::PyErr_GetRaisedException();
        let offsets = offsets(owner, code);
        // Code that is entered in a loop was made from what a few rounds did: what is behind the loop is still to be seen.
        let sampling = (*owner).code == code && tiering::is_for_loop(owner);
        let made = COMPILER.map(|compiler| compiler((*frame).f_funcobj, code, &offsets, sampling));
        api::PyErr_SetRaisedException(raised);
        let version = match made {
            Some(Ok(version)) => version,
            _ => null_mut(),
        };
        if !version.is_null() {
            let state = hook::state_of(code.cast());
            let newest = hook::matching_version((*frame).f_funcobj, state);
            if !newest.is_null() && !(*newest).profiling {
                (*version).successor = newest;
            }
            for point in &mut (*version).resume_points {
                // What is suspended here goes on in better code.
                point.valid_at = null_mut();
            }
            crate::globals::watch_version(version);
        }
        (*owner).continuations.push(Continuation {
            code,
            globals,
            builtins,
            version,
        });
        version
    }
}

/// The baseline code in which a frame goes on at the instruction whose start is at `offset`, and the number by which it
/// is entered there.
///
/// # Safety
/// The GIL is held; `frame` is complete and its function is live; `owner` is the version that it has left.
pub(super) unsafe fn entrance(owner: *mut Version, frame: *mut Frame, offset: u32) -> Option<(*mut Version, i64)> {
    // SAFETY: see the contract.
    unsafe {
        let version = continuation_of(owner, frame);
        if version.is_null() {
            return None;
        }
        let entries = &(*version).continues_at;
        let at = entries.binary_search_by_key(&offset, |&(start, _)| start).ok()?;
        Some((version, entries[at].1))
    }
}
