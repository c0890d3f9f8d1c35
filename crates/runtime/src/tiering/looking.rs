//! Looking: what calls and back edges of baseline code do about the optimizing tier, now and then.

use super::lending::{borrows_much, lend, sample, waits_for_callees};
use super::policy::Limits;
use super::stage::{Samples, Stage, Surprise, Tiering};
use super::{
    INLINED, LOOP_ENTRIES, Purpose, VERSION_LIMIT, ask, background, effective, globals, optimized, take_over,
    tiering_of,
};
use super::{add_version, baseline_version, is_resumable, offer, reinstate, supersede};
use crate::api;
use crate::frame::forget_observer;
use crate::hook::{self, CodeState, state_of};
use crate::layout::{Frame, Function};
use crate::safepoint;
use crate::sampling::Record;
use crate::version::{Tier, Version};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Sampling versions of a code object for one namespace: there is more than one for an optimized version only where that
/// comes to nothing.
const SAMPLING_LIMIT: u32 = 2 * VERSION_LIMIT;

/// Calls and back edges, at most, of a sampling version whose calls have not come back yet.
const LONGEST_CALLS: u64 = 1000;
const LONGEST_EDGES: u64 = 5000;
/// How many times as many back edges make samples of a loop that goes on for long; at most this share of those that it takes
/// to be optimized.
const LOOP_SAMPLES: u64 = 4;
const SAMPLES_SHARE: u64 = 16;

/// Times that code for a loop is made again because it got to where nobody had been.
const SURPRISES: u32 = 3;
const SURPRISED: &str = "its loops got to where nobody had been";

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
            look_from_baseline(function, state, t, version, frame, entry)
        };
        api::PyErr_SetRaisedException(raised);
        next
    }
}

/// Whether somebody has the frame's frame object, and so may look at its locals at any time: optimized code keeps them
/// elsewhere.
unsafe fn is_observed(frame: *mut Frame) -> bool {
    // SAFETY: a live frame.
    unsafe {
        forget_observer(crate::thread::current(), frame);
        !(*frame).frame_obj.is_null()
    }
}

unsafe fn look_from_baseline(
    function: *mut PyObject,
    state: *mut CodeState,
    t: *mut Tiering,
    version: *mut Version,
    frame: *mut Frame,
    entry: i64,
) -> *mut Version {
    // SAFETY: see `look`.
    unsafe {
        let effective = effective(state);
        if !effective.optimizes() {
            return null_mut();
        }
        if entry != 0 && is_resumable((*version).code) {
            lend(state, version, frame);
        }
        if entry == 0 || is_resumable((*version).code) {
            set_entry(function, version, optimized(state, t, 0));
        }
        if entry != 0 {
            if is_observed(frame) || !safepoint::has_levels_ahead(api::PyThreadState_GetUnchecked().cast()) {
                return null_mut();
            }
            if matches!((*t).stage, Stage::Counting)
                && let Some(surprise) = (*t).surprise
            {
                if (*t).totals(state).calls != surprise.calls {
                    // Its outermost loop had come to an end.
                    (*t).surprise = None;
                } else if surprise.samples == Samples::Wanted && (*t).surprises < SURPRISES {
                    (*t).surprises += 1;
                    let samples = Samples::BeingTaken;
                    (*t).surprise = Some(Surprise { samples, ..surprise });
                    return start_sampling(function, state, t, version);
                } else if entry == surprise.entry {
                    (*t).surprise = None;
                    if surprise.samples == Samples::Taken {
                        ask(function, state, t, frame, entry, SURPRISED);
                    }
                }
            }
            let known = optimized(state, t, entry);
            if !known.is_null() {
                (*known).entered += 1;
                (*t).loop_entries += 1;
                if (*t).loop_entries.is_multiple_of(LOOP_ENTRIES) && (*t).wants_start(state) {
                    if start_was_seen(state) {
                        ask(function, state, t, null_mut(), 0, "its loops run often");
                    } else {
                        (*t).why = "its loops run often".to_owned();
                        start_sampling(function, state, t, version);
                    }
                }
                return known;
            }
        }
        if entry == 0 && (*t).wanted && matches!((*t).stage, Stage::Counting | Stage::Resting(_)) {
            (*t).wanted = false;
            let generator = is_resumable((*version).code);
            (*t).why = if generator { "somebody goes through it" } else { INLINED }.to_owned();
            return start_sampling(function, state, t, version);
        }
        if matches!((*t).stage, Stage::Sampling) {
            if version == (*t).sampling {
                // Where there is nothing else than sampling code, that counts as baseline code.
                return null_mut();
            }
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
        if entry == 0 && (*t).loop_entries > 0 && (*t).wants_start(state) && start_was_seen(state) {
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
        if is_resumable((*version).code) {
            offer(version, optimized);
        } else if !optimized.is_null() && (*function.cast::<Function>()).vectorcall == (*version).vectorcall {
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
        if (*t).bursts > 0 {
            // Samples are added to those that it has.
            let (sampling, sample) = ((*t).sampling, sample(state));
            (*sampling).check_calls = (*sampling).calls + sample.calls;
            (*sampling).check_edges = (*sampling).back_edges + sample.edges;
            supersede(function, version, sampling);
            (*t).stage = Stage::Sampling;
            return sampling;
        }
        if (*t).requests >= VERSION_LIMIT {
            (*t).rest(format!("{VERSION_LIMIT} optimized versions were made already"));
            return null_mut();
        }
        if let Some(obstacle) = background::obstacle() {
            (*t).rest(obstacle.to_owned());
            return null_mut();
        }
        if (*t).samplings >= SAMPLING_LIMIT {
            (*t).rest("samples were taken often enough".to_owned());
            return null_mut();
        }
        (*t).samplings += 1;
        (*t).waits = 0;
        let sampling = match sampling_version(function, state, t) {
            Ok(sampling) => sampling,
            Err(reason) => {
                (*t).rest(reason);
                return null_mut();
            }
        };
        // What the samples before did not tell takes more of them.
        let dropped = (*state)
            .versions
            .iter()
            .filter(|&&one| (*one).dropped.is_some())
            .count();
        let dropped = if effective(state).is_eager() { 0 } else { dropped };
        let sample = sample(state);
        let calls = sample.calls.saturating_mul(1 << (2 * dropped).min(10));
        let before = Limits {
            calls: (*sampling).calls,
            edges: (*sampling).back_edges,
        };
        (*sampling).check_calls = before.calls + calls.min(LONGEST_CALLS).max(sample.calls);
        (*sampling).check_edges = before.edges + sample.edges;
        (*t).sampled_before = before;
        (*t).reached = reached(&*sampling);
        supersede(function, version, sampling);
        (*t).stage = Stage::Sampling;
        (*t).sampling = sampling;
        sampling
    }
}

/// A version that takes samples: the last one once more, whose samples count anyway, or a new one.
unsafe fn sampling_version(
    function: *mut PyObject,
    state: *mut CodeState,
    t: *mut Tiering,
) -> Result<*mut Version, String> {
    // SAFETY: see `look`; versions are live as long as the state has them.
    unsafe {
        let last = (*t).sampling;
        if !last.is_null() && (*last).tier == Tier::Sampling && !(*last).dead {
            return Ok(last);
        }
        let makers = globals().makers.ok_or("there is no optimizing tier")?;
        let sampling = (makers.baseline)(function, state, Purpose::Sampling)?;
        add_version(state, sampling);
        Ok(sampling)
    }
}

/// Instructions that a sampling version has been at.
fn reached(sampling: &Version) -> usize {
    sampling.records.iter().filter(|record| record.count > 0).count()
}

/// Whether samples were taken from the start of a function on, not in a running loop only.
unsafe fn start_was_seen(state: *const CodeState) -> bool {
    // SAFETY: versions are live as long as the state has them.
    let mut versions = unsafe { (*state).versions.iter().map(|&version| &*version) };
    versions.any(|version| {
        // SAFETY: a version's code is live. Calls of generator functions do not run their first instruction.
        let resumable = unsafe { is_resumable(version.code) };
        resumable || version.records.first().is_some_and(|record| record.count > 0)
    })
}

/// Whether calls were begun of which none has come to its end yet: as in a recursion that nobody has seen coming back. What
/// is done with the results would not be known. Nor is anything known yet where generators were made, and none has run.
fn is_on_its_way_down(sampling: &Version, before: Limits) -> bool {
    let waiting = |record: &Record| record.callees.is_some() && record.result.is_none();
    let (calls, edges) = (sampling.calls - before.calls, sampling.back_edges - before.edges);
    let short = calls < LONGEST_CALLS && edges < LONGEST_EDGES;
    let made_only = sampling.generator.is_some() && sampling.records.iter().all(|record| record.count == 0);
    short && (made_only || sampling.records.iter().any(waiting))
}

/// Whether a sampling version goes on: its calls, or its loops, have come to instructions since the last look at which they
/// had not been before, so that there may be more. It takes samples for as long again then.
unsafe fn gets_on(state: *mut CodeState, t: *mut Tiering, sampling: *mut Version, entry: i64) -> bool {
    // SAFETY: live objects.
    unsafe {
        let before = (*t).sampled_before;
        let (calls, edges) = ((*sampling).calls - before.calls, (*sampling).back_edges - before.edges);
        let effective = effective(state);
        // As soon as possible is after the first calls.
        let enough = if entry == 0 {
            effective.is_eager() || borrows_much(state)
        } else {
            effective.is_stressed()
        };
        if enough || edges >= LONGEST_EDGES {
            return false;
        }
        let limits = effective.sample();
        if entry != 0 && calls > edges / limits.edges && calls < limits.calls {
            // Short loops: its calls count.
            (*sampling).check_edges = (*sampling).back_edges + limits.edges;
            return true;
        }
        let reached = reached(&*sampling);
        let more = reached > std::mem::replace(&mut (*t).reached, reached);
        if entry != 0 {
            (*sampling).check_edges = (*sampling).back_edges + limits.edges;
            // Loops around the one that it is in come round more seldom.
            let enough = (LOOP_SAMPLES * limits.edges).min((*t).needed(state, &effective).edges / SAMPLES_SHARE);
            return more || edges < enough;
        }
        (*sampling).check_calls = (*sampling).calls + calls;
        more && reached < (&*sampling).records.len() && calls < LONGEST_CALLS
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
        if (*sampling).successor.is_null() && is_on_its_way_down(&*sampling, (*t).sampled_before) {
            return null_mut();
        }
        if (*sampling).successor.is_null() && (*t).sampling == sampling && gets_on(state, t, sampling, entry) {
            return null_mut();
        }
        if (*sampling).successor.is_null() && entry == 0 && (*t).sampling == sampling && waits_for_callees(t, sampling)
        {
            return null_mut();
        }
        if (*sampling).successor.is_null() {
            let older = baseline_version(function, state);
            if !older.is_null() {
                for (bits, more) in (*older).feedback.iter_mut().zip(&(*sampling).feedback) {
                    *bits |= more;
                }
            }
        }
        let mut baseline = hook::matching_version(function, state);
        if baseline.is_null() || (*baseline).profiling {
            // Code that only profiles cannot be entered in the middle of a loop.
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
            reinstate(baseline);
            supersede(function, sampling, baseline);
            let ends = (*t).sampling == sampling && matches!((*t).stage, Stage::Sampling);
            let calls = (*t).totals(state).calls;
            if ends {
                (*t).count_anew(state);
            }
            let taken = |one: &Surprise| one.samples == Samples::BeingTaken && entry != 0 && one.calls == calls;
            if let Some(surprise) = (*t).surprise.filter(|one| ends && taken(one)) {
                // That code is made again once the frame is there.
                let samples = Samples::Taken;
                (*t).surprise = Some(Surprise { samples, ..surprise });
                if entry == surprise.entry {
                    (*t).surprise = None;
                    ask(function, state, t, frame, entry, SURPRISED);
                }
            } else if ends {
                let why = std::mem::take(&mut (*t).why);
                let why = if why.is_empty() {
                    "as soon as possible".to_owned()
                } else {
                    why
                };
                // A loop that goes on for long is entered in the middle.
                let effective = effective(state);
                let in_loop = entry != 0
                    && !(*t).has_declined(entry)
                    && (*t).loops_long(state, &effective)
                    && optimized(state, t, entry).is_null();
                let (frame, entry) = if in_loop { (frame, entry) } else { (null_mut(), 0) };
                (*t).bursts += 1;
                if in_loop || (*t).bursts >= (*t).part(state, &effective) {
                    (*t).bursts = 0;
                    if entry != 0 || (*t).wants_start(state) && start_was_seen(state) {
                        ask(function, state, t, frame, entry, &why);
                    }
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
        let ahead = safepoint::has_levels_ahead(api::PyThreadState_GetUnchecked().cast());
        if optimized.is_null() || is_observed(frame) || !ahead {
            return baseline;
        }
        (*optimized).entered += 1;
        optimized
    }
}
