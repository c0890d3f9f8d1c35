//! What optimized code takes for constant, and who is told when it is not any more.
//!
//! A version bets on things by their addresses: a [`GlobalCell`](crate::globals::GlobalCell) (the name keeps its value), a
//! function object (it keeps its code), a class. Whoever notices a change [`fire`]s; the versions that bet on it are invalid
//! from then on, and their code leaves at its next look. Whoever notices that a thing is no more calls [`ended`]: another one
//! may come to lie at its address, about which nothing is known.

use crate::deopt;
use crate::version::Version;
use rustc_hash::FxHashMap;

struct Bets {
    by_subject: FxHashMap<usize, Vec<*mut Version>>,
    /// Versions that lost a bet.
    fired: u64,
    /// How often a bet on a subject was lost.
    lost: FxHashMap<usize, u32>,
}

static mut BETS: Option<Bets> = None;

#[allow(static_mut_refs, reason = "guarded by the GIL; no reference outlives a call")]
fn bets() -> &'static mut Bets {
    // SAFETY: the GIL is held by whoever calls into this module.
    unsafe {
        BETS.get_or_insert_with(|| Bets {
            by_subject: FxHashMap::default(),
            fired: 0,
            lost: FxHashMap::default(),
        })
    }
}

/// The version is told when the subject changes. The GIL is held.
pub fn bet(subject: *const (), version: *mut Version) {
    let versions = bets().by_subject.entry(subject as usize).or_default();
    if !versions.contains(&version) {
        versions.push(version);
    }
}

/// The subject has changed.
///
/// # Safety
/// The GIL is held.
pub unsafe fn fire(subject: *const ()) {
    let bets = bets();
    if bets.by_subject.is_empty() {
        return;
    }
    if let Some(versions) = bets.by_subject.remove(&(subject as usize)) {
        *bets.lost.entry(subject as usize).or_default() += 1;
        for version in versions {
            bets.fired += 1;
            // SAFETY: a version that is dropped is forgotten.
            unsafe { deopt::invalidate(version) };
        }
    }
}

/// The version is dropped. The GIL is held.
pub fn forget(version: *const Version) {
    let bets = bets();
    bets.by_subject.retain(|_, versions| {
        versions.retain(|&one| one.cast_const() != version);
        !versions.is_empty()
    });
}

/// The subject is no more: nothing is known of what comes to lie at its address.
///
/// # Safety
/// The GIL is held.
pub unsafe fn ended(subject: *const ()) {
    // SAFETY: see the contract.
    unsafe { fire(subject) };
    bets().lost.remove(&(subject as usize));
}

/// How often a bet on the subject was lost.
pub fn losses(subject: *const ()) -> u32 {
    bets().lost.get(&(subject as usize)).copied().unwrap_or(0)
}

/// How often a version has lost a bet.
pub fn fired() -> u64 {
    bets().fired
}
