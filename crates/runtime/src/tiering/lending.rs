//! Lent heat: the rounds of a generator's loops count for those who go through it as well.
//!
//! `return sum(x * x for x in items)` has no loop, and is perhaps called seldom; all of its time is spent in rounds of the
//! generator expression, which is inlined once the function is optimized. Whoever is on the way from a generator that
//! looks here to the first function that is none is found by the frames' links.

use super::policy::Limits;
use super::stage::LONG_LOOP;
use super::{Stage, Tiering, effective, is_resumable, look_soon, optimized, state_of, tiering_of};
use crate::hook::{self, CodeState};
use crate::layout::{Code, FRAME_OWNED_BY_GENERATOR, FRAME_OWNED_BY_THREAD, Frame, Function};
use crate::version::{Tier, Version};
use pyo3_ffi::{CO_GENERATOR, PyObject};

/// Calls of a function that takes samples and borrows much: the second one ends it.
const SAMPLED_CALLS: u64 = 2;
/// Times that a sampling version waits for samples of what it calls.
const WAITS: u32 = 3;
/// Frames that are looked at, at most.
const FRAMES: usize = 32;

/// The loops of a generator or coroutine that runs `version` in `frame` have had more rounds since it was here last: lends
/// them.
///
/// # Safety
/// The GIL is held; live objects, and a linked frame.
pub(super) unsafe fn lend(state: *mut CodeState, version: *mut Version, frame: *mut Frame) {
    // SAFETY: linked frames are live, with live code objects and functions.
    unsafe {
        let t = tiering_of(state, version);
        let edges = (*t).rounds(state);
        let rounds = edges - std::mem::replace(&mut (*t).lent_until, edges);
        let is_first = rounds == edges;
        if is_first && !start_was_seen(state) {
            want_samples(state);
        }
        let mut frame = (*frame).previous;
        for _ in 0..FRAMES {
            if frame.is_null() {
                return;
            }
            let owner = (*frame).owner;
            if owner == FRAME_OWNED_BY_THREAD || owner == FRAME_OWNED_BY_GENERATOR {
                borrow((*frame).f_funcobj, (*frame).f_executable.cast(), rounds);
            }
            if owner == FRAME_OWNED_BY_THREAD {
                return;
            }
            frame = (*frame).previous;
        }
    }
}

/// A function's frame waits for a generator that has had so many rounds.
unsafe fn borrow(function: *mut PyObject, code: *mut Code, rounds: u64) {
    // SAFETY: see `lend`.
    unsafe {
        let state = state_of(code.cast());
        if state.is_null() || (*function.cast::<Function>()).func_code != code.cast() {
            return;
        }
        (*state).borrowed += rounds;
        let baseline = hook::matching_version(function, state);
        if baseline.is_null() || (*baseline).tier != Tier::Baseline {
            // Its next call compiles it, where there was enough.
            return;
        }
        let t = tiering_of(state, baseline);
        let counts = matches!((*t).stage, Stage::Counting);
        if counts && optimized(state, t, 0).is_null() && (*t).is_due(state, &effective(state)).is_some() {
            look_soon(baseline);
        }
    }
}

/// Whether a function that is not compiled yet is to be, and to take samples at once: a caller may inline it, or generators
/// that it goes through have had enough rounds.
///
/// # Safety
/// The GIL is held; a live state.
pub unsafe fn is_wanted(state: *const CodeState) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let effective = effective(state);
        effective.optimizes() && ((*state).wanted || (*state).borrowed >= effective.limits(0, 0, 0).edges)
    }
}

/// Whether generators that a function goes through have so many rounds in each of its calls that the next calls are not to
/// be waited for: as for a loop that is entered in the middle.
///
/// # Safety
/// The GIL is held; a live state.
pub(super) unsafe fn borrows_much(state: *const CodeState) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let versions = (*state).versions.iter().filter(|&&one| (*one).tier != Tier::Optimizing);
        let calls = (*state).cold_calls + versions.map(|&one| (*one).calls).sum::<u64>();
        (*state).borrowed / calls.max(1) > effective(state).limits(0, 0, 0).edges / LONG_LOOP
    }
}

/// Calls and back edges after which a sampling version has seen enough.
///
/// # Safety
/// The GIL is held; a live state.
pub unsafe fn sample(state: *const CodeState) -> Limits {
    // SAFETY: see the contract.
    unsafe {
        let limits = effective(state).sample();
        Limits {
            calls: if borrows_much(state) {
                limits.calls.min(SAMPLED_CALLS)
            } else {
                limits.calls
            },
            ..limits
        }
    }
}

/// Whether a sampling version that has seen enough goes on since it called generator functions of which nobody has seen the
/// beginning: their own heat is that of loops that go on for long, which samples are taken in the middle of, and some have
/// none. Their next calls take samples.
///
/// # Safety
/// The GIL is held; live objects.
pub(super) unsafe fn waits_for_callees(t: *mut Tiering, sampling: *mut Version) -> bool {
    // SAFETY: see the contract.
    unsafe {
        if (*t).waits >= WAITS {
            return false;
        }
        let mut unseen = Vec::new();
        let mut known = Vec::new();
        unseen_generators(sampling, &mut known, &mut unseen);
        for &callee in &unseen {
            want_samples(callee);
        }
        if unseen.is_empty() {
            return false;
        }
        (*t).waits += 1;
        (*sampling).check_calls = (*sampling).calls + 1;
        true
    }
}

/// The states of generator functions whose beginning has not been seen, among those that were called where samples were
/// taken, and that these have called.
unsafe fn unseen_generators(sampled: *const Version, known: &mut Vec<*mut PyObject>, unseen: &mut Vec<*mut CodeState>) {
    // SAFETY: see `waits_for_callees`.
    unsafe {
        let calls = (*sampled).records.iter().filter_map(|record| record.callees.as_deref());
        let codes: Vec<_> = calls
            .flat_map(|callees| callees.met())
            .filter_map(|callee| callee.code())
            .collect();
        for code in codes {
            let is_generator = (*code.cast::<Code>()).co_flags & CO_GENERATOR != 0;
            let state = state_of(code);
            if !is_generator || state.is_null() || (*state).declined.is_some() || known.contains(&code) {
                continue;
            }
            known.push(code);
            if !start_was_seen(state) {
                unseen.push(state);
            }
            let sampled = (*state).versions.iter().copied().filter(|&one| (*one).is_sampling());
            for one in sampled {
                unseen_generators(one, known, unseen);
            }
        }
    }
}

/// Whether samples were taken from the beginning of a generator's body.
unsafe fn start_was_seen(state: *const CodeState) -> bool {
    // SAFETY: versions are live as long as the state has them, and so is the code.
    unsafe {
        // Where `RESUME` is, behind `COPY_FREE_VARS`, `MAKE_CELL`s, `RETURN_GENERATOR` and `POP_TOP`.
        let code = (*state).code.cast::<Code>();
        let start = 2 + usize::from((*code).co_nfreevars > 0) + (*code).co_ncellvars as usize;
        let mut sampled = (*state)
            .versions
            .iter()
            .map(|&one| &*one)
            .filter(|one| one.is_sampling());
        sampled.any(|one| one.records.get(start).is_some_and(|record| record.count > 0))
    }
}

/// Has a function take samples from its next call on.
pub(super) unsafe fn want_samples(state: *mut CodeState) {
    // SAFETY: live objects.
    unsafe {
        let versions = (*state).versions.clone();
        let has_version = !versions.is_empty();
        for version in versions {
            if (*version).tier == Tier::Baseline && !(*version).dead && !(*version).globals.is_null() {
                (*tiering_of(state, version)).wanted = true;
                look_soon(version);
            }
        }
        // One without a version is compiled, and takes samples, at its next call.
        if is_resumable((*state).code.cast()) {
            (*state).borrowed = (*state).borrowed.max(effective(state).limits(0, 0, 0).edges);
        } else {
            (*state).wanted = !has_version;
        }
    }
}
