//! When and how functions get to the optimizing tier.
//!
//! Baseline code counts its calls and back edges, and looks here at certain numbers of them ([`look`]). When there were
//! enough, the function goes into a *sampling* version for a while (see [`crate::sampling`]), and back into baseline code
//! while it is optimized. The result is taken over at one of the next looks: a version that is entered at its start
//! becomes the function's entry, one that is entered at a loop header is entered at that header's back edges. A version
//! that is left too often ([`on_deopt`]) is invalidated, what failed is remembered, and another one is made later.
//!
//! Everything here is guarded by the GIL but for `background`, and runs no Python code.

pub mod background;
pub mod policy;
pub mod request;
mod stage;
mod versions;

use crate::api;
use crate::deopt::{self, DeoptPoint, DeoptReason};
use crate::hook::{self, CodeState, state_of};
use crate::layout::{Frame, Function};
use crate::version::{Tier, Version, retire};
use policy::{Effective, Policy, Tiers};
use pyo3_ffi::*;
use request::{Compiled, Decline, Request, Unit, Widened};
use rustc_hash::FxHashMap;
pub use stage::{Stage, Tiering};
use std::ptr::null_mut;
use std::time::Duration;
pub(crate) use versions::baseline_count;
pub use versions::{add_version, baseline_version, newest_of, older_version, replace_entry, supersede};

/// Optimized versions that a code object has for one namespace, beyond which it rests in baseline code.
pub const VERSION_LIMIT: u32 = 5;
/// Times that one point, or all points together, of a version are left before it is invalidated.
const POINT_DEOPTS: u64 = 10;
const ALL_DEOPTS: u64 = 100;
/// Calls and back edges between looks for the outcome of a compilation.
const WAITING_CALLS: u64 = 100;
const WAITING_EDGES: u64 = 1_000;
/// Back edges between looks for a version that is entered at a loop header, where there is one.
const ENTERING_EDGES: u64 = 64;
/// Times that loops are entered in optimized code before the function itself is optimized.
const LOOP_ENTRIES: u64 = 4;

/// What a baseline version is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    Running,
    Sampling,
}

/// What makes code.
#[derive(Clone, Copy)]
pub struct Makers {
    /// A version of the baseline tier, not yet added to the code's.
    pub baseline: unsafe fn(*mut PyObject, *mut CodeState, Purpose) -> Result<*mut Version, String>,
    /// Takes a function from Python's objects, for this version.
    pub snapshot: unsafe fn(&Request<'_>, *mut Version) -> Result<Box<dyn Unit>, Decline>,
    /// Gives a version its code.
    pub finish: unsafe fn(&mut Version, Compiled) -> Result<(), String>,
}

/// A version that is being compiled, with references to function and code.
struct Pending {
    job: u64,
    function: *mut PyObject,
    code: *mut PyObject,
    version: *mut Version,
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

/// Sets who makes optimized code; without it everything stays in the baseline tier.
pub fn set_makers(makers: Option<Makers>) {
    globals().makers = makers;
    deopt::set_policy(makers.map(|_| on_deopt as deopt::DeoptPolicy));
    look_again();
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
    look_again();
    if before.tiers != Tiers::Baseline && globals().policy.tiers == Tiers::Baseline {
        crate::version::for_each_live(|version| {
            // SAFETY: a live version; the GIL is held.
            unsafe {
                if (*version).tier == Tier::Optimizing && (*version).dropped.is_none() && !may_optimize(version) {
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
    Effective::new(&globals().policy, unsafe { &(*state).options })
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
    unsafe { globals().makers.is_some() && effective(state).begins_with_samples() }
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
        if !effective(state).optimizes() {
            return null_mut();
        }
        newest_of(state, (*function).func_globals, (*function).func_builtins, |version| {
            version.tier == Tier::Optimizing && version.enters == Some(0)
        })
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
        }
    }
}

/// Baseline code `version` of the function, entered (`entry` is 0) or at a back edge to the loop header with this number,
/// looks whether there is something better, or something to be done for it. Gives the version that the loop is to go on
/// in, or NULL.
///
/// # Safety
/// The GIL is held; `function` runs `version` of its present code. At a back edge the frame is complete.
pub unsafe fn look(function: *mut PyObject, version: *mut Version, frame: *mut Frame, entry: i64) -> *mut Version {
    // SAFETY: see the contract.
    unsafe {
        if globals().makers.is_none() {
            return null_mut();
        }
        take_over();
        let state = state_of((*version).code.cast());
        if state.is_null() {
            return null_mut();
        }
        let raised = api::PyErr_GetRaisedException();
        let t = tiering_of(state, version);
        let next = if (*version).tier == Tier::Sampling {
            end_sampling(function, state, t, version, frame, entry)
        } else {
            look_from_baseline(function, state, t, version, entry)
        };
        api::PyErr_SetRaisedException(raised);
        next
    }
}

unsafe fn look_from_baseline(
    function: *mut PyObject,
    state: *mut CodeState,
    t: *mut Tiering,
    version: *mut Version,
    entry: i64,
) -> *mut Version {
    // SAFETY: see `look`.
    unsafe {
        let effective = effective(state);
        if !effective.optimizes() {
            return null_mut();
        }
        if entry == 0 {
            set_entry(function, version, optimized(state, t, 0));
        } else {
            let known = optimized(state, t, entry);
            if !known.is_null() {
                (*known).entered += 1;
                (*t).loop_entries += 1;
                if (*t).loop_entries.is_multiple_of(LOOP_ENTRIES) && (*t).wants_start(state) {
                    ask(function, state, t, null_mut(), 0, "its loops run often");
                }
                return known;
            }
        }
        if matches!((*t).stage, Stage::Sampling) {
            // Another function of the same code.
            supersede(function, version, (*t).sampling);
            return (*t).sampling;
        }
        if !matches!((*t).stage, Stage::Counting) {
            return null_mut();
        }
        let Some(why) = (*t).is_due(state, &effective) else {
            return null_mut();
        };
        let has_start = !optimized(state, t, 0).is_null();
        let in_loop = entry != 0 && !(*t).has_declined(entry) && (*t).loops_long(state, &effective);
        if !in_loop && (has_start || (*t).has_declined(0)) {
            // What can be optimized is.
            (*t).count_anew(state);
            return null_mut();
        }
        if entry == 0 && (*t).loop_entries > 0 && (*t).wants_start(state) {
            // What its loops did is known already.
            ask(function, state, t, null_mut(), 0, &why);
            return null_mut();
        }
        (*t).why = why;
        start_sampling(function, state, t, version)
    }
}

/// Has a function enter an optimized version (or NULL), if it enters `version` now.
unsafe fn set_entry(function: *mut PyObject, version: *mut Version, optimized: *mut Version) {
    // SAFETY: live objects.
    unsafe {
        if !optimized.is_null() && (*function.cast::<Function>()).vectorcall == (*version).vectorcall {
            api::PyFunction_SetVectorcall(function, (*optimized).vectorcall);
        }
    }
}

unsafe fn start_sampling(
    function: *mut PyObject,
    state: *mut CodeState,
    t: *mut Tiering,
    version: *mut Version,
) -> *mut Version {
    // SAFETY: see `look`.
    unsafe {
        if (*t).requests >= VERSION_LIMIT {
            (*t).rest(format!("{VERSION_LIMIT} optimized versions were made already"));
            return null_mut();
        }
        if let Some(obstacle) = background::obstacle() {
            (*t).rest(obstacle.to_owned());
            return null_mut();
        }
        let Some(makers) = globals().makers else {
            return null_mut();
        };
        match (makers.baseline)(function, state, Purpose::Sampling) {
            Ok(sampling) => {
                add_version(state, sampling);
                supersede(function, version, sampling);
                (*t).stage = Stage::Sampling;
                (*t).sampling = sampling;
                sampling
            }
            Err(reason) => {
                (*t).rest(reason);
                null_mut()
            }
        }
    }
}

/// A sampling version has seen enough: its frames and calls go back to baseline code, and the function is optimized.
unsafe fn end_sampling(
    function: *mut PyObject,
    state: *mut CodeState,
    t: *mut Tiering,
    sampling: *mut Version,
    frame: *mut Frame,
    entry: i64,
) -> *mut Version {
    // SAFETY: see `look`.
    unsafe {
        let mut baseline = hook::matching_version(function, state);
        if baseline.is_null() {
            let made = globals()
                .makers
                .map(|makers| (makers.baseline)(function, state, Purpose::Running));
            let Some(Ok(made)) = made else {
                // It goes on as it is.
                ((*sampling).check_calls, (*sampling).check_edges) = (u64::MAX, u64::MAX);
                (*t).rest("no baseline code could be made".to_owned());
                return null_mut();
            };
            add_version(state, made);
            (*t).anchor = made;
            baseline = made;
        }
        if (*sampling).successor.is_null() {
            for (bits, more) in (*baseline).feedback.iter_mut().zip(&(*sampling).feedback) {
                *bits |= more;
            }
            reinstate(baseline);
            supersede(function, sampling, baseline);
            if (*t).sampling == sampling && matches!((*t).stage, Stage::Sampling) {
                (*t).count_anew(state);
                let why = std::mem::take(&mut (*t).why);
                let why = if why.is_empty() {
                    "as soon as possible".to_owned()
                } else {
                    why
                };
                // A loop that goes on for long is entered in the middle.
                let in_loop = entry != 0 && !(*t).has_declined(entry) && (*t).loops_long(state, &effective(state));
                let (frame, entry) = if in_loop { (frame, entry) } else { (null_mut(), 0) };
                if entry != 0 || (*t).wants_start(state) {
                    ask(function, state, t, frame, entry, &why);
                }
            }
        } else {
            supersede(function, sampling, baseline);
        }
        if entry == 0 {
            set_entry(function, baseline, optimized(state, t, 0));
            return null_mut();
        }
        let optimized = optimized(state, t, entry);
        if optimized.is_null() {
            return baseline;
        }
        (*optimized).entered += 1;
        optimized
    }
}

/// Has a baseline version be run again that was superseded for a while.
unsafe fn reinstate(baseline: *mut Version) {
    // SAFETY: a live version.
    unsafe {
        (*baseline).successor = null_mut();
        for point in &mut (*baseline).resume_points {
            point.valid_at = point.instr_ptr;
        }
    }
}

/// Asks for an optimized version of the function, entered at `entry`.
unsafe fn ask(
    function: *mut PyObject,
    state: *mut CodeState,
    t: *mut Tiering,
    frame: *mut Frame,
    entry: i64,
    why: &str,
) {
    // SAFETY: see `look`.
    unsafe {
        let Some(makers) = globals().makers else { return };
        if (*t).requests >= VERSION_LIMIT {
            (*t).rest(format!("{VERSION_LIMIT} optimized versions were made already"));
            return;
        }
        if let Some(obstacle) = background::obstacle() {
            (*t).rest(obstacle.to_owned());
            return;
        }
        (*t).requests += 1;
        globals().counts.requests += 1;
        let baseline = hook::matching_version(function, state);
        let mut version = Version::new(function.cast(), Tier::Optimizing);
        version.enters = Some(entry);
        version.why = why.into();
        version.instructions = (*baseline).instructions;
        let version = Box::into_raw(version);
        let effective = effective(state);
        let settings = effective.settings();
        let request = Request {
            function,
            code: (*version).code,
            sampling: (*t).sampling,
            baseline,
            frame,
            entry,
            settings: &settings,
            widened: &(*state).widened,
        };
        let unit = match (makers.snapshot)(&request, version) {
            Ok(unit) => unit,
            Err(decline) => {
                retire(version);
                declined(t, entry, decline);
                return;
            }
        };
        Py_INCREF(function);
        Py_INCREF((*version).code.cast());
        let mut pending = Pending {
            job: 0,
            function,
            code: (*version).code.cast(),
            version,
        };
        let unit = if effective.in_background() {
            match background::submit(unit) {
                Ok(job) => {
                    pending.job = job;
                    globals().pending.push(pending);
                    (*t).stage = Stage::Pending(job);
                    return;
                }
                Err(unit) => unit,
            }
        } else {
            unit
        };
        let outcome = background::compile(unit);
        install(pending, outcome);
    }
}

/// No code was made for an entry.
unsafe fn declined(t: *mut Tiering, entry: i64, decline: Decline) {
    *globals().counts.declined.entry(decline.0.clone()).or_default() += 1;
    // SAFETY: a live tiering.
    unsafe {
        (*t).declines.push((entry, decline.0.clone()));
        if entry == 0 {
            (*t).rest(decline.0);
        }
    }
}

/// Takes over what has been compiled meanwhile.
///
/// # Safety
/// The GIL is held.
pub unsafe fn take_over() {
    if globals().pending.is_empty() {
        return;
    }
    // SAFETY: what is pending is kept alive by its own references.
    unsafe {
        let pending = &mut globals().pending;
        let (lost, kept) = std::mem::take(pending)
            .into_iter()
            .partition(|one| background::is_lost(one.job));
        *pending = kept;
        let lost: Vec<Pending> = lost;
        for lost in lost {
            let outcome = Err("this process was forked while it was compiled".into());
            install(lost, outcome);
        }
        for (job, outcome) in background::take() {
            let pending = &mut globals().pending;
            if let Some(at) = pending.iter().position(|one| one.job == job) {
                let one = pending.swap_remove(at);
                install(one, outcome);
            }
        }
    }
}

/// Takes an outcome over; the references of `pending` are given up.
unsafe fn install(pending: Pending, outcome: background::Outcome) {
    // SAFETY: function, code and version are kept by `pending`.
    unsafe {
        let Pending {
            job,
            function,
            code,
            version,
        } = pending;
        let state = state_of(code);
        if !state.is_null() {
            let t = tiering_of(state, version);
            if matches!((*t).stage, Stage::Pending(_)) {
                (*t).count_anew(state);
            }
            let entry = (*version).enters.unwrap_or(0);
            match outcome.and_then(|compiled| finish(state, version, compiled)) {
                Ok(()) => {
                    globals().counts.optimized += 1;
                    add_version(state, version);
                    enter(function, state, t, version, entry);
                }
                Err(decline) => {
                    retire(version);
                    if !background::is_lost(job) || job == 0 {
                        declined(t, entry, decline);
                    }
                }
            }
        }
        deopt::give_up_later(&mut vec![function, code]);
    }
}

/// Gives a version its code, if its bets still hold.
unsafe fn finish(state: *mut CodeState, version: *mut Version, compiled: Compiled) -> Result<(), Decline> {
    // SAFETY: see `install`.
    unsafe {
        let makers = globals().makers.ok_or("the optimizing tier was taken away")?;
        if !(*version).valid {
            return Err("what the code bets on changed while it was compiled".into());
        }
        if !effective(state).optimizes() {
            return Err("the settings changed while it was compiled".into());
        }
        let mut total = Duration::ZERO;
        for &(phase, time) in &compiled.timings {
            total += time;
            let nanoseconds = time.as_nanos() as u64;
            (*version).phases.push((phase, nanoseconds));
            let phases = &mut globals().counts.phases;
            match phases.iter_mut().find(|(name, _)| *name == phase) {
                Some((_, sum)) => *sum += nanoseconds,
                None => phases.push((phase, nanoseconds)),
            }
        }
        (*version).compile_ns = total.as_nanos() as u64;
        (makers.finish)(&mut *version, compiled)?;
        Ok(())
    }
}

/// Has a new version be entered.
unsafe fn enter(function: *mut PyObject, state: *mut CodeState, t: *mut Tiering, version: *mut Version, entry: i64) {
    // SAFETY: see `install`.
    unsafe {
        let baseline = newest_of(state, (*t).globals, (*t).builtins, |one| one.tier == Tier::Baseline);
        if entry == 0 {
            // Not if the function was un-hooked, or got other code.
            let current = hook::version_of(function);
            if (*function.cast::<Function>()).func_code == (*version).code.cast() && !current.is_null() {
                api::PyFunction_SetVectorcall(function, (*version).vectorcall);
            }
            if !baseline.is_null() {
                (*baseline).check_calls = 0;
            }
        }
        if !baseline.is_null() {
            (*baseline).check_edges = (*baseline).check_edges.min((*baseline).back_edges + 1);
        }
    }
}

/// When a baseline version is to look here next: numbers of calls and of back edges.
///
/// # Safety
/// The GIL is held; live objects.
pub unsafe fn next_look(version: *mut Version) -> (u64, u64) {
    // SAFETY: see the contract.
    unsafe {
        let state = state_of((*version).code.cast());
        if globals().makers.is_none() || state.is_null() || !effective(state).optimizes() {
            return (u64::MAX, u64::MAX);
        }
        let t = tiering_of(state, version);
        let (calls, edges) = ((*version).calls, (*version).back_edges);
        let mut next = match (*t).stage {
            Stage::Counting => {
                let left = (*t).left(state, &effective(state));
                (calls.saturating_add(left.calls), edges.saturating_add(left.edges))
            }
            Stage::Pending(_) => (calls + WAITING_CALLS, edges + WAITING_EDGES),
            // There may be other functions of the same code.
            Stage::Sampling => (0, 0),
            Stage::Resting(_) => (u64::MAX, u64::MAX),
        };
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
        if start {
            next.0 = 0;
        }
        if loops {
            next.1 = next.1.min(edges + ENTERING_EDGES);
        }
        next
    }
}

/// Deopts that say nothing against the code: it was left because of something else.
fn is_harmless(reason: DeoptReason) -> bool {
    matches!(
        reason,
        DeoptReason::Safepoint | DeoptReason::NoRoom | DeoptReason::Requested | DeoptReason::Callee
    )
}

/// A version was left at a point.
unsafe fn on_deopt(owner: *mut Version, point: *mut DeoptPoint) {
    // SAFETY: a live version and its point; the GIL is held.
    unsafe {
        if is_harmless((*point).reason) || !(*owner).valid {
            return;
        }
        let all = || {
            let points = (*owner).deopt_points.iter();
            points
                .filter(|one| !is_harmless(one.reason))
                .map(|one| one.count)
                .sum::<u64>()
        };
        // Adding them all up is not for each deopt.
        let often = (*owner).deopts > ALL_DEOPTS && (*owner).deopts.is_multiple_of(8) && all() > ALL_DEOPTS;
        if (*point).count <= POINT_DEOPTS && !often {
            return;
        }
        let state = state_of((*owner).code.cast());
        if state.is_null() {
            return;
        }
        // What has failed more than once is likely to fail again.
        let failing: Vec<*const DeoptPoint> = (*owner)
            .deopt_points
            .iter()
            .filter(|one| one.count > 1 && !is_harmless(one.reason))
            .map(|one| &raw const **one)
            .collect();
        for one in failing {
            widen(state, &*one);
        }
        let text = format!(
            "left {} times, last because of {}",
            (*owner).deopts,
            (*point).describe()
        );
        drop_version(owner, &text);
    }
}

/// Remembers that a bet fails.
unsafe fn widen(state: *mut CodeState, point: &DeoptPoint) {
    // SAFETY: a live point's code is kept by its version.
    unsafe {
        let Some(frame) = point.frames.last() else { return };
        let (code, offset) = (frame.code.cast::<PyObject>(), frame.place.offset);
        let known = (*state)
            .widened
            .iter_mut()
            .find(|one| one.offset == offset && one.reason == point.reason && one.code() == Some(code));
        match known {
            Some(known) => known.text = point.describe(),
            None => {
                let widened = Widened::new(code, offset, point.reason, point.describe());
                (*state).widened.push(widened);
            }
        }
    }
}

/// Has an optimized version not be entered any more.
///
/// # Safety
/// The GIL is held; a live version.
pub unsafe fn drop_version(version: *mut Version, why: &str) {
    // SAFETY: see the contract.
    unsafe {
        let was_valid = (*version).valid;
        if was_valid && !deopt::invalidate(version) {
            return;
        }
        globals().counts.dropped += 1;
        (*version).dropped = Some(why.into());
        let state = state_of((*version).code.cast());
        if !state.is_null() {
            let t = tiering_of(state, version);
            if matches!((*t).stage, Stage::Counting) {
                (*t).count_anew(state);
            }
        }
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
        found.map(|t| &*(&raw const **t))
    }
}
