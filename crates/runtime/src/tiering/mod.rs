//! When and how functions get to the optimizing tier.
//!
//! Baseline code counts its calls and back edges, and looks here at certain numbers of them ([`look`]). When there were
//! enough, the function goes into a *sampling* version for a while (see [`crate::sampling`]), and back into baseline code
//! while it is optimized. The result is taken over at one of the next looks: a version that is entered at its start
//! becomes the function's entry, one that is entered at a loop header is entered at that header's back edges. A version
//! that is left too often ([`on_deopt`]) is invalidated, what failed is remembered, and another one is made later.
//!
//! Everything here is guarded by the GIL but for `background`, and runs no Python code.

mod asking;
pub mod background;
pub mod budget;
pub(crate) mod dropping;
mod lending;
mod looking;
pub mod policy;
pub mod request;
pub mod resting;
mod stage;
mod versions;

use crate::deopt;
use crate::hook::{CodeState, state_of};
use crate::layout::{Code, Function};
use crate::version::{Tier, Version};
pub use asking::take_over;
use asking::{Pending, ask};
use dropping::on_deopt;
pub use dropping::{drop_version, is_for_loop};
pub use lending::{is_wanted, sample};
pub use looking::look;
use policy::{Effective, Policy, Tiers};
use pyo3_ffi::*;
use request::{Compiled, Decline, Request, Unit};
use rustc_hash::FxHashMap;
pub use stage::{Stage, Tiering};
use std::ptr::null_mut;
pub(crate) use versions::baseline_count;
pub use versions::{add_version, baseline_version, newest_of, older_version, reinstate, replace_entry, supersede};

/// Optimized versions that a code object has for one namespace, beyond which it rests in baseline code.
pub const VERSION_LIMIT: u32 = 8;
/// Calls and back edges between looks for the outcome of a compilation.
const WAITING_CALLS: u64 = 100;
const WAITING_EDGES: u64 = 1_000;
/// Back edges between looks for a version that is entered at a loop header, where there is one.
const ENTERING_EDGES: u64 = 64;
/// Times that loops are entered in optimized code before the function itself is optimized.
const LOOP_ENTRIES: u64 = 4;
/// Why samples are taken of what is not hot itself.
const INLINED: &str = "a caller may inline it";

/// What a baseline version is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    Running,
    Sampling,
}

pub type BaselineMaker = unsafe fn(*mut PyObject, *mut CodeState, Purpose) -> Result<*mut Version, String>;
pub type Snapshot = unsafe fn(&Request<'_>, *mut Version) -> Result<Box<dyn Unit>, Decline>;

/// What makes code.
#[derive(Clone, Copy)]
pub struct Makers {
    /// A version of the baseline tier, not yet added to the code's.
    pub baseline: BaselineMaker,
    /// Takes a function from Python's objects, for this version.
    pub snapshot: Snapshot,
    /// Gives a version its code.
    pub finish: unsafe fn(&mut Version, Compiled) -> Result<(), String>,
    /// Gives a version that has code better code, which does the same.
    pub refine: unsafe fn(&mut Version, Compiled) -> Result<(), String>,
}

/// What is counted over all functions.
#[derive(Default)]
pub struct Counts {
    pub requests: u64,
    pub optimized: u64,
    pub dropped: u64,
    /// Nanoseconds in each phase of compiling.
    pub phases: Vec<(&'static str, u64)>,
    /// Requests that were declined, by reason.
    pub declined: FxHashMap<String, u64>,
}

struct Globals {
    makers: Option<Makers>,
    policy: Policy,
    pending: Vec<Pending>,
    counts: Counts,
}

static mut GLOBALS: Globals = Globals {
    makers: None,
    policy: Policy::new(),
    pending: Vec::new(),
    counts: Counts {
        requests: 0,
        optimized: 0,
        dropped: 0,
        phases: Vec::new(),
        declined: FxHashMap::with_hasher(rustc_hash::FxBuildHasher),
    },
};

#[allow(
    static_mut_refs,
    reason = "guarded by the GIL; no reference outlives a call that runs no Python code"
)]
fn globals() -> &'static mut Globals {
    // SAFETY: the GIL is held by whoever calls into this module.
    unsafe { &mut GLOBALS }
}

/// Sets who makes optimized code; without it everything stays in the baseline tier. Gives who did.
pub fn set_makers(makers: Option<Makers>) -> Option<Makers> {
    let before = std::mem::replace(&mut globals().makers, makers);
    deopt::set_policy(makers.map(|_| on_deopt as deopt::DeoptPolicy));
    look_again();
    before
}

/// Whether there is an optimizing tier.
pub fn is_available() -> bool {
    globals().makers.is_some()
}

pub fn policy() -> &'static Policy {
    &globals().policy
}

/// Sets what the user has asked for.
pub fn set_policy(policy: Policy) {
    let before = std::mem::replace(&mut globals().policy, policy);
    if before == globals().policy {
        return;
    }
    budget::set_patient(!globals().policy.says_when());
    look_again();
    // SAFETY: the GIL is held.
    unsafe { resting::wake_all(null_mut()) };
    if before.tiers != Tiers::Baseline && globals().policy.tiers == Tiers::Baseline {
        crate::version::for_each_live(|version| {
            // SAFETY: a live version; the GIL is held.
            unsafe {
                // The code object of a dead one, which somebody has cached still, is gone.
                let is_optimized = (*version).tier == Tier::Optimizing && !(*version).dead;
                if is_optimized && (*version).dropped.is_none() && !may_optimize(version) {
                    drop_version(version, "tier=\"baseline\" was set");
                }
            }
        });
    }
}

/// Sets what the user has asked for, for one code object.
///
/// # Safety
/// The GIL is held; a live state.
pub unsafe fn set_options(state: *mut CodeState, options: policy::Options) {
    // SAFETY: see the contract.
    unsafe {
        (*state).options = options;
        resting::wake_all(state);
        let versions: Vec<_> = (*state).versions.clone();
        for version in versions {
            if (*version).tier == Tier::Baseline {
                look_soon(version);
            } else if (*version).tier == Tier::Optimizing && (*version).dropped.is_none() && !may_optimize(version) {
                drop_version(version, "another tier was asked for");
            }
        }
    }
}

/// Has baseline code look here at its next call and back edge.
unsafe fn look_soon(version: *mut Version) {
    // SAFETY: a live version.
    unsafe {
        (*version).check_calls = (*version).check_calls.min((*version).calls + 1);
        (*version).check_edges = (*version).check_edges.min((*version).back_edges + 1);
    }
}

/// Has all baseline code look here soon.
fn look_again() {
    crate::version::for_each_live(|version| {
        // SAFETY: a live version; the GIL is held.
        unsafe {
            if (*version).tier == Tier::Baseline {
                look_soon(version);
            }
        }
    });
}

pub fn counts() -> &'static Counts {
    &globals().counts
}

/// Compilations that are under way.
pub fn pending() -> usize {
    globals().pending.len()
}

/// What holds for a code object.
///
/// # Safety
/// The GIL is held; a live state, which outlives the result.
pub unsafe fn effective<'a>(state: *const CodeState) -> Effective<'a> {
    // SAFETY: see the contract.
    unsafe { Effective::new(&globals().policy, &(*state).options, (*state).named) }
}

unsafe fn may_optimize(version: *mut Version) -> bool {
    // SAFETY: a live version's code is live.
    unsafe {
        let state = state_of((*version).code.cast());
        !state.is_null() && effective(state).optimizes()
    }
}

/// Whether the first version of a code object is to take samples.
///
/// # Safety
/// The GIL is held; a live state.
pub unsafe fn begins_with_samples(state: *const CodeState) -> bool {
    // SAFETY: see the contract.
    unsafe { globals().makers.is_some() && (effective(state).begins_with_samples() || is_wanted(state)) }
}

/// A valid optimized version that is entered at `entry`, or NULL.
unsafe fn optimized(state: *mut CodeState, t: *const Tiering, entry: i64) -> *mut Version {
    // SAFETY: live versions.
    unsafe {
        newest_of(state, (*t).globals, (*t).builtins, |version| {
            version.tier == Tier::Optimizing && version.enters == Some(entry)
        })
    }
}

/// The optimized version that a function of this code enters at its start, or NULL.
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn entry_version(function: *mut PyObject, state: *mut CodeState) -> *mut Version {
    // SAFETY: see the contract.
    unsafe {
        let function = function.cast::<Function>();
        if !effective(state).optimizes() || is_resumable((*function).func_code.cast()) {
            return null_mut();
        }
        newest_of(state, (*function).func_globals, (*function).func_builtins, |version| {
            version.tier == Tier::Optimizing && version.enters == Some(0)
        })
    }
}

/// Whether calls of the code's functions make objects that hold their frames.
///
/// # Safety
/// A live code object.
unsafe fn is_resumable(code: *mut Code) -> bool {
    // SAFETY: see the contract.
    unsafe { (*code).co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR) != 0 }
}

/// Has frames that baseline code has suspended go on in an optimized version (or in it again, for NULL), where that can.
unsafe fn offer(version: *mut Version, optimized: *mut Version) {
    // SAFETY: live versions of one code object. Only code that has entries at loop headers shares the numbers of entries.
    unsafe {
        if (*version).tier == Tier::Baseline && is_resumable((*version).code) && !(*version).profiling {
            let entries = optimized.as_ref().map_or(&[][..], |one| &one.resumes_at[..]);
            for point in &mut (*version).resume_points {
                let entered = entries.contains(&point.entry);
                point.enters = if entered { optimized } else { point.version };
            }
        }
    }
}

/// The function's tiering; made where there is none.
unsafe fn tiering_of(state: *mut CodeState, version: *mut Version) -> *mut Tiering {
    // SAFETY: a live state and version. The box does not move.
    unsafe {
        let all = &mut (*state).tiering;
        let (globals, builtins) = ((*version).globals, (*version).builtins);
        let at = all.iter().position(|t| t.is_of(globals, builtins)).unwrap_or_else(|| {
            all.push(Box::new(Tiering::new(version)));
            all.len() - 1
        });
        &raw mut *all[at]
    }
}

/// A code object has got its first version for some namespace.
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn begin(state: *mut CodeState, version: *mut Version) {
    // SAFETY: see the contract.
    unsafe {
        if (*version).tier == Tier::Sampling {
            let t = tiering_of(state, version);
            (*t).stage = Stage::Sampling;
            (*t).sampling = version;
            if std::mem::take(&mut (*state).wanted) {
                (*t).why = INLINED.to_owned();
            } else if !effective(state).begins_with_samples() {
                (*t).why = format!("{} rounds of generators that it goes through", (*state).borrowed);
            }
        }
    }
}

/// Sets when a baseline version looks next, for its feedback or here.
///
/// # Safety
/// The GIL is held; a live version.
pub unsafe fn set_checks(version: *mut Version) {
    // SAFETY: see the contract.
    unsafe {
        let (calls, edges) = next_look(version);
        (*version).check_calls = calls.min((*version).recheck_calls);
        (*version).check_edges = edges.min((*version).recheck_edges);
    }
}

/// When a baseline version is to look here next: numbers of calls and of back edges.
///
/// # Safety
/// The GIL is held; live objects.
unsafe fn next_look(version: *mut Version) -> (u64, u64) {
    // SAFETY: see the contract.
    unsafe {
        let state = state_of((*version).code.cast());
        if globals().makers.is_none() || state.is_null() || !effective(state).optimizes() {
            offer(version, null_mut());
            return (u64::MAX, u64::MAX);
        }
        let t = tiering_of(state, version);
        offer(version, optimized(state, t, 0));
        let (calls, edges) = ((*version).calls, (*version).back_edges);
        let mut next = match (*t).stage {
            Stage::Counting => {
                let left = (*t).left(state, &effective(state));
                (calls.saturating_add(left.calls), edges.saturating_add(left.edges))
            }
            Stage::Pending(_) => (calls + WAITING_CALLS, edges + WAITING_EDGES),
            // There may be other functions of the same code.
            Stage::Sampling => (0, 0),
            // What goes through it may be optimized, though it is not.
            Stage::Resting(_) if is_resumable((*version).code) => {
                (u64::MAX, edges.saturating_add(effective(state).limits(0, 0, 0).edges))
            }
            Stage::Resting(_) => (u64::MAX, u64::MAX),
        };
        if (*t).wanted {
            next.0 = 0;
        }
        let mut loops = false;
        let mut start = false;
        for &one in &(*state).versions {
            if (*one).tier == Tier::Optimizing && (*one).valid && (*t).is_of((*one).globals, (*one).builtins) {
                match (*one).enters {
                    Some(0) => start = true,
                    Some(_) => loops = true,
                    None => {}
                }
            }
        }
        // The body of a coroutine finds better code by itself.
        if start && !is_resumable((*version).code) {
            next.0 = 0;
        }
        if loops {
            let edges_between = if effective(state).is_stressed() {
                1
            } else {
                ENTERING_EDGES
            };
            next.1 = next.1.min(edges + edges_between);
        }
        next
    }
}

/// Forgets what belongs to namespaces that are gone, before their versions are freed.
///
/// # Safety
/// The GIL is held; a live state.
pub unsafe fn drop_orphans(state: *mut CodeState) {
    // SAFETY: versions are live as long as the state has them.
    unsafe { (*state).tiering.retain(|t| !(*t.anchor).globals.is_null()) }
}

/// The function's tiering, if there is any.
///
/// # Safety
/// The GIL is held; live objects. The result is looked at before any Python code runs.
pub unsafe fn find<'a>(function: *mut PyObject, state: *mut CodeState) -> Option<&'a Tiering> {
    // SAFETY: see the contract.
    unsafe {
        let function = function.cast::<Function>();
        let all = &(*state).tiering;
        let found = all
            .iter()
            .find(|t| t.is_of((*function).func_globals, (*function).func_builtins));
        found.map(|t| &**t)
    }
}
