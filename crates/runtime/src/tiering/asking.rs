//! Asking for optimized versions, and taking them over.

use super::lending::{borrows_much, want_samples};
use super::request::{Compiled, Decline, Request};
use super::stage::{Stage, Tiering};
use super::{VERSION_LIMIT, add_version, background, budget, effective, globals, is_resumable, newest_of, tiering_of};
use crate::api;
use crate::deopt;
use crate::hook::{self, CodeState, state_of};
use crate::layout::{Frame, Function};
use crate::version::{Tier, Version, keep, retire};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// A version that is being compiled, with references to function and code.
pub(super) struct Pending {
    job: u64,
    function: *mut PyObject,
    code: *mut PyObject,
    version: *mut Version,
    /// The version has code; this is about better code for it.
    refines: bool,
}

/// Asks for an optimized version of the function, entered at `entry`.
pub(super) unsafe fn ask(
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
        (*t).bursts = 0;
        globals().counts.requests += 1;
        let baseline = hook::matching_version(function, state);
        let mut version = Version::new(function.cast(), Tier::Optimizing);
        version.enters = Some(entry);
        version.why = why.into();
        version.instructions = (*baseline).instructions;
        version.loop_instructions = (*baseline).loop_instructions;
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
            in_background: effective.in_background(),
            widened: &(*state).widened,
        };
        let snapshot = || (makers.snapshot)(&request, version);
        let unit = budget::charging(&budget::OPTIMIZING, snapshot);
        for function in std::mem::take(&mut (*version).unseen) {
            let callee = hook::ensure_state(hook::code_of(function).cast());
            if !callee.is_null() {
                want_samples(callee);
            }
        }
        let unit = match unit {
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
            refines: false,
        };
        // A loop is waiting, its own or a generator's.
        let in_place = (entry != 0 || borrows_much(state)) && unit.is_quick();
        let unit = if effective.in_background() && !in_place {
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
        let mut outcome = budget::charging(&budget::OPTIMIZING, || background::compile(unit));
        let refinement = outcome.as_mut().ok().and_then(|compiled| compiled.refinement.take());
        if let Some(job) = refinement.and_then(background::submit_refinement) {
            globals().pending.push(pending.refinement(job));
        }
        settle(pending, outcome);
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
            settle(lost, outcome);
        }
        for done in background::take() {
            let pending = &mut globals().pending;
            if let Some(at) = pending.iter().position(|one| one.job == done.job) {
                let one = pending.swap_remove(at);
                if let Some(job) = done.refinement {
                    pending.push(one.refinement(job));
                }
                settle(one, done.outcome);
            }
        }
    }
}

impl Pending {
    /// The same, for better code for the version.
    unsafe fn refinement(&self, job: u64) -> Pending {
        // SAFETY: live objects, and a live version.
        unsafe {
            Py_INCREF(self.function);
            Py_INCREF(self.code);
            let mut version = null_mut();
            keep(&mut version, null_mut(), self.version);
            Pending {
                job,
                function: self.function,
                code: self.code,
                version,
                refines: true,
            }
        }
    }
}

/// Takes an outcome over; the references of `pending` are given up.
unsafe fn settle(mut pending: Pending, outcome: background::Outcome) {
    // SAFETY: function, code and version are kept by `pending`.
    unsafe {
        if pending.refines {
            refine(&pending, outcome);
            keep(&mut pending.version, null_mut(), null_mut());
        } else {
            install(&pending, outcome);
        }
        deopt::give_up_later(&mut vec![pending.function, pending.code]);
    }
}

/// Has no better code made for some versions, where nobody has begun to.
pub(super) unsafe fn cancel_refinements(mut unwanted: impl FnMut(*mut Version) -> bool) {
    let mut at = 0;
    while let Some(one) = globals().pending.get(at) {
        if one.refines && unwanted(one.version) && background::cancel_refinement(one.job) {
            let one = globals().pending.swap_remove(at);
            // SAFETY: what is pending is kept alive by its own references.
            unsafe { settle(one, Err("the version is not entered any more".into())) };
        } else {
            at += 1;
        }
    }
}

/// Has a version run better code than it has, where that could be made.
unsafe fn refine(pending: &Pending, outcome: background::Outcome) {
    let version = pending.version;
    // SAFETY: see `settle`.
    unsafe {
        let state = state_of(pending.code);
        let wanted = !state.is_null() && !(*version).dead && passing_reason(state, version, pending.job).is_none();
        if let (true, Ok(compiled), Some(makers)) = (wanted, outcome, globals().makers) {
            count_phases(version, &compiled);
            // It goes on as it is if there is no room.
            if (makers.refine)(&mut *version, compiled).is_ok() {
                crate::version::for_each_live(|one| {
                    for site in &mut (*one).call_sites {
                        site.note_body(version);
                    }
                });
            }
        }
    }
}

/// Gives a version its code, if that could be made, and has it be entered.
unsafe fn install(pending: &Pending, outcome: background::Outcome) {
    // SAFETY: see `settle`.
    unsafe {
        let Pending {
            job,
            function,
            code,
            version,
            ..
        } = *pending;
        let state = state_of(code);
        if !state.is_null() {
            let t = tiering_of(state, version);
            if matches!((*t).stage, Stage::Pending(_)) {
                (*t).count_anew(state);
            }
            let entry = (*version).enters.unwrap_or(0);
            let outcome = match passing_reason(state, version, job) {
                Some(reason) => {
                    *globals().counts.declined.entry(reason.to_owned()).or_default() += 1;
                    retire(version);
                    None
                }
                None => Some(outcome.and_then(|compiled| finish(version, compiled))),
            };
            match outcome {
                None => {}
                Some(Ok(())) => {
                    globals().counts.optimized += 1;
                    // It is entered instead of those before it.
                    cancel_refinements(|other| {
                        let same = (*other).code == (*version).code && (*other).enters == (*version).enters;
                        same && other != version && (*t).is_of((*other).globals, (*other).builtins)
                    });
                    add_version(state, version);
                    enter(function, state, t, version, entry);
                }
                Some(Err(decline)) => {
                    retire(version);
                    declined(t, entry, decline);
                }
            }
        }
    }
}

/// Why a version is not taken over, if that says nothing against making another one later.
unsafe fn passing_reason(state: *mut CodeState, version: *mut Version, job: u64) -> Option<&'static str> {
    // SAFETY: see `install`.
    unsafe {
        if job != 0 && background::is_lost(job) {
            Some("this process was forked while it was compiled")
        } else if !(*version).valid {
            Some("what the code bets on changed while it was compiled")
        } else if globals().makers.is_none() || !effective(state).optimizes() {
            Some("the settings changed while it was compiled")
        } else {
            None
        }
    }
}

/// Gives a version its code.
unsafe fn finish(version: *mut Version, compiled: Compiled) -> Result<(), Decline> {
    // SAFETY: see `install`.
    unsafe {
        let makers = globals().makers.ok_or("there is no optimizing tier")?;
        count_phases(version, &compiled);
        (makers.finish)(&mut *version, compiled)?;
        Ok(())
    }
}

unsafe fn count_phases(version: *mut Version, compiled: &Compiled) {
    // SAFETY: a live version.
    let version = unsafe { &mut *version };
    for &(phase, time) in &compiled.timings {
        let nanoseconds = time.as_nanos() as u64;
        version.compile_ns += nanoseconds;
        for phases in [&mut version.phases, &mut globals().counts.phases] {
            match phases.iter_mut().find(|(name, _)| *name == phase) {
                Some((_, sum)) => *sum += nanoseconds,
                None => phases.push((phase, nanoseconds)),
            }
        }
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
            let is_its_code = (*function.cast::<Function>()).func_code == (*version).code.cast();
            if is_its_code && !current.is_null() && !is_resumable((*version).code) {
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
