//! Dropping versions that are left too often.

use super::asking::cancel_refinements;
use super::globals;
use super::request::{Stress, Widened};
use super::stage::{Samples, Stage, Surprise, Tiering};
use super::tiering_of;
use crate::deopt::{self, DeoptPoint, DeoptReason};
use crate::hook::{self, state_of};
use crate::version::{Tier, Version};
use pyo3_ffi::PyObject;

/// Times that one point, or all points together, of a version are left before it is invalidated.
const POINT_DEOPTS: u64 = 10;
const ALL_DEOPTS: u64 = 100;
/// What is left more seldom than once in so many calls costs less than another version would, and less than going without.
const CALLS_TO_LEAVE: u64 = 256;
/// Keys that may be missing in a thousandth of a second that a version has been there for, on average: dictionaries are filled, and
/// are full from then on. To look for keys without a bet is for callers with frames only.
const MISSES: u128 = 2;
/// Versions that were dropped without anything learned, before no more are made.
const LESSONS: u32 = 2;

/// Deopts that say nothing against the code: it was left because of something else.
fn is_harmless(reason: DeoptReason) -> bool {
    matches!(
        reason,
        DeoptReason::Safepoint | DeoptReason::NoRoom | DeoptReason::Requested | DeoptReason::Callee
    )
}

/// Deopts that another version would have as well.
fn teaches_nothing(reason: DeoptReason) -> bool {
    matches!(reason, DeoptReason::FrameSeen)
}

/// Whether a version that is made after this will not bet on the same again.
unsafe fn is_lesson(owner: &Version, point: &DeoptPoint) -> bool {
    // SAFETY: a live point's code is kept by its version.
    unsafe {
        let made = point.made();
        let Some(frame) = made.frames.last() else { return false };
        let state = state_of(frame.code.cast());
        let offset = frame.place.offset;
        let same = |one: &Widened| one.offset == offset && one.reason == point.reason;
        // Where other types were met, those were bet on the second time, but not the third. An index may be from the end first.
        let twice = matches!(point.reason, DeoptReason::Type | DeoptReason::Bounds);
        let known = |one: &Widened| same(one) && (!twice || one.again || !was_made_after(owner, one));
        !teaches_nothing(point.reason) && (state.is_null() || !(*state).widened.iter().any(known))
    }
}

/// Whether a version could know that a bet had failed.
fn was_made_after(version: &Version, bet: &Widened) -> bool {
    version.since > bet.since
}

/// Whether keys were missing seldom enough.
fn is_tolerable(version: &Version, point: &DeoptPoint) -> bool {
    let most = u128::from(POINT_DEOPTS) + MISSES * version.since.elapsed().as_millis();
    u128::from(point.count) <= most
}

/// A version was left at a point.
pub(super) unsafe fn on_deopt(owner: *mut Version, point: *mut DeoptPoint) {
    // SAFETY: a live version and its point; the GIL is held.
    unsafe {
        // What is left on purpose says nothing either.
        let on_purpose = globals().policy.settings.stress == Stress::Deopt;
        if is_harmless((*point).reason) || !(*owner).valid || on_purpose {
            return;
        }
        if (*point).reason == DeoptReason::Missing && is_tolerable(&*owner, &*point) {
            return;
        }
        let all = || {
            let points = (*owner).deopt_points.iter();
            points
                .filter(|one| !is_harmless(one.reason) && one.reason != DeoptReason::Missing)
                .map(|one| one.count)
                .sum::<u64>()
        };
        let tolerated = (*owner).calls.max((*owner).resumes) / CALLS_TO_LEAVE;
        let most = ALL_DEOPTS.max(tolerated);
        // Adding them all up is not for each deopt.
        let often = (*owner).deopts > most && (*owner).deopts.is_multiple_of(8) && all() > most;
        let state = state_of((*owner).code.cast());
        if state.is_null() {
            return;
        }
        if (*point).count <= POINT_DEOPTS.max(tolerated) && !often {
            note_surprise(tiering_of(state, owner), owner, point);
            return;
        }
        // What has failed more than once is likely to fail again.
        let failing: Vec<*const DeoptPoint> = (*owner)
            .deopt_points
            .iter()
            .filter(|one| one.count > 1 && !is_harmless(one.reason))
            .filter(|one| one.reason != DeoptReason::Missing || !is_tolerable(&*owner, one))
            .map(|one| &raw const **one)
            .collect();
        let mut taught = false;
        for one in failing {
            taught |= is_lesson(&*owner, &*one);
            widen(&*owner, &*one);
        }
        let text = format!(
            "left {} times, last because of {}",
            (*owner).deopts,
            (*point).describe()
        );
        drop_version(owner, &text);
        let t = tiering_of(state, owner);
        // One for a loop is left where that ends, whatever is known; the function's own comes after it.
        (*t).vain += u32::from(!taught && (*owner).enters == Some(0));
        if (*t).vain >= LESSONS {
            (*t).rest(text);
        }
    }
}

/// Code that is entered in a loop was made from what a few rounds did. Where it gets to what these had not seen, it is made
/// again soon, if it comes back from there, for it will get there over and over: behind an inner loop, mostly. Its continuation
/// takes samples of that, and so does a sampling version.
unsafe fn note_surprise(t: *mut Tiering, owner: *mut Version, point: *mut DeoptPoint) {
    // SAFETY: live objects.
    unsafe {
        let unseen = (*point).reason == DeoptReason::Unreached && is_for_loop(owner);
        if let (true, None, Some(entry)) = (unseen, (*t).surprise, (*owner).enters) {
            let calls = (*t).totals(state_of((*owner).code.cast())).calls;
            (*t).surprise = Some(Surprise {
                entry,
                calls,
                samples: Samples::Wanted,
            });
        }
    }
}

/// Whether a version is entered in a loop only.
///
/// # Safety
/// A live version.
pub unsafe fn is_for_loop(version: *const Version) -> bool {
    // SAFETY: see the contract.
    unsafe { (*version).tier == Tier::Optimizing && (*version).enters.is_some_and(|entry| entry != 0) }
}

/// Remembers that a bet fails, with the code that it was made in: whoever inlines that is told as well.
unsafe fn widen(owner: &Version, point: &DeoptPoint) {
    // SAFETY: a live point's code is kept by its version.
    unsafe {
        let made = point.made();
        let Some(frame) = made.frames.last() else { return };
        let (code, offset) = (frame.code.cast::<PyObject>(), frame.place.offset);
        let state = hook::ensure_state(code);
        if state.is_null() {
            return;
        }
        let mut widened = (*state).widened.iter_mut();
        match widened.find(|one| one.offset == offset && one.reason == point.reason) {
            Some(known) => {
                known.text = point.describe();
                known.again |= was_made_after(owner, known);
            }
            None => {
                let widened = Widened::new(offset, point.reason, point.describe());
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
        cancel_refinements(|one| one == version);
        let state = state_of((*version).code.cast());
        if !state.is_null() {
            let t = tiering_of(state, version);
            if matches!((*t).stage, Stage::Counting) {
                (*t).count_anew(state);
            }
        }
    }
}
