//! Where one code object is, for one namespace, on its way to the optimizing tier.

use super::VERSION_LIMIT;
use super::policy::{Effective, Limits};
use crate::hook::CodeState;
use crate::version::{Tier, Version};
use pyo3_ffi::PyObject;
use std::ptr::null_mut;

/// What is being done with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Calls and back edges are counted.
    Counting,
    /// A sampling version is being run.
    Sampling,
    /// An optimized version is being made: the job's number.
    Pending(u64),
    /// Nothing more, for this reason.
    Resting(String),
}

/// Code that is entered in a loop was left for where nobody had been before.
#[derive(Clone, Copy)]
pub(super) struct Surprise {
    /// The entry of that code.
    pub entry: i64,
    /// Calls of the function until then: in the same call there are loops around that one.
    pub calls: u64,
    pub samples: Samples,
}

/// Samples of what is behind a loop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Samples {
    Wanted,
    BeingTaken,
    Taken,
}

/// How far a code object with one dictionary of globals and one of builtins has come.
pub struct Tiering {
    pub globals: *mut PyObject,
    pub builtins: *mut PyObject,
    /// A version for them, which tells whether the globals are still alive.
    pub(super) anchor: *mut Version,
    pub stage: Stage,
    /// The last sampling version, or NULL.
    pub sampling: *mut Version,
    /// Why that was made.
    pub(super) why: String,
    /// Optimized versions that were asked for.
    pub requests: u32,
    /// Optimized versions that were dropped for what had been known before.
    pub(super) vain: u32,
    /// Sampling versions that were made, but for the first where a function begins with one.
    pub(super) samplings: u32,
    /// Times that the last sampling version has been run already, since it was made for the next optimized version.
    pub(super) bursts: u64,
    /// What the sampling version had counted when it was begun with, for the next optimized version.
    pub(super) sampled_before: Limits,
    /// Instructions that the sampling version had reached when it was last looked at.
    pub(super) reached: usize,
    /// Code for a loop was left for where nobody had been before.
    pub(super) surprise: Option<Surprise>,
    /// Times that samples were taken because of that.
    pub(super) surprises: u32,
    /// Times that a loop was entered in optimized code.
    pub loop_entries: u64,
    /// Entries for which no code could be made, and why.
    pub declines: Vec<(i64, String)>,
    /// Samples from its start on are wanted for somebody who goes through it.
    pub(super) wanted: bool,
    /// Times that its sampling version has waited for samples of what it calls.
    pub(super) waits: u32,
    /// Rounds of its loops that were lent already to those who go through it.
    pub(super) lent_until: u64,
    /// Calls and back edges at which counting began.
    from: Limits,
}

/// Samples are taken as often, with as much time in between: a program does not do everything all the time, and what comes in
/// a row is much alike.
pub(super) const BURSTS: u64 = 4;

/// Optimized code that loops for longer than this part of what it takes to be optimized is entered in the loop.
pub(super) const LONG_LOOP: u64 = 8;

impl Tiering {
    /// # Safety
    /// A live version.
    pub(super) unsafe fn new(version: *mut Version) -> Tiering {
        // SAFETY: see the contract.
        unsafe {
            Tiering {
                globals: (*version).globals,
                builtins: (*version).builtins,
                anchor: version,
                stage: Stage::Counting,
                sampling: null_mut(),
                why: String::new(),
                requests: 0,
                vain: 0,
                samplings: 0,
                bursts: 0,
                sampled_before: Limits { calls: 0, edges: 0 },
                reached: 0,
                surprise: None,
                surprises: 0,
                loop_entries: 0,
                declines: Vec::new(),
                wanted: false,
                waits: 0,
                lent_until: 0,
                from: Limits { calls: 0, edges: 0 },
            }
        }
    }

    pub fn is_of(&self, globals: *mut PyObject, builtins: *mut PyObject) -> bool {
        self.globals == globals && self.builtins == builtins
    }

    pub(super) fn rest(&mut self, reason: String) {
        self.stage = Stage::Resting(reason);
    }

    pub(super) fn has_declined(&self, entry: i64) -> bool {
        self.declines.iter().any(|&(declined, _)| declined == entry)
    }

    /// Its versions.
    unsafe fn versions(&self, state: *const CodeState) -> impl Iterator<Item = &Version> {
        // SAFETY: versions are live as long as the state has them.
        unsafe {
            let versions = &(*state).versions;
            let versions = versions.iter().map(|&version| &*version);
            versions.filter(|version| self.is_of(version.globals, version.builtins))
        }
    }

    /// Rounds of its loops in code that is not optimized.
    ///
    /// # Safety
    /// A live state.
    pub(super) unsafe fn rounds(&self, state: *const CodeState) -> u64 {
        // SAFETY: see the contract.
        let versions = unsafe { self.versions(state) };
        let versions = versions.filter(|version| version.tier != Tier::Optimizing);
        versions.map(|version| version.back_edges).sum()
    }

    /// Calls and back edges of code that is not optimized, those that it has borrowed among them.
    pub(super) unsafe fn totals(&self, state: *const CodeState) -> Limits {
        // SAFETY: a live state.
        let (versions, borrowed) = unsafe { (self.versions(state), (*state).borrowed) };
        let versions = versions.filter(|version| version.tier != Tier::Optimizing);
        Limits {
            calls: versions.map(|version| version.calls).sum(),
            // SAFETY: as above.
            edges: unsafe { self.rounds(state) } + borrowed,
        }
    }

    /// What has to be met, counted from `from`.
    pub(super) unsafe fn needed(&self, state: *const CodeState, effective: &Effective<'_>) -> Limits {
        let (mut instructions, mut in_loop, mut dropped) = (0, 0, 0);
        // SAFETY: a live state.
        for version in unsafe { self.versions(state) } {
            (instructions, in_loop) = (version.instructions, version.loop_instructions);
            dropped += u32::from(version.tier == Tier::Optimizing && !version.valid);
        }
        effective.limits(instructions, in_loop, dropped)
    }

    /// Counts from here on.
    ///
    /// # Safety
    /// A live state.
    pub(super) unsafe fn count_anew(&mut self, state: *const CodeState) {
        // SAFETY: see the contract.
        self.from = unsafe { self.totals(state) };
        self.stage = Stage::Counting;
    }

    /// Calls and back edges that are left until it is time; at least one.
    ///
    /// # Safety
    /// A live state.
    pub(super) unsafe fn left(&self, state: *const CodeState, effective: &Effective<'_>) -> Limits {
        // SAFETY: see the contract.
        let (needed, totals) = unsafe { (self.needed(state, effective), self.totals(state)) };
        // SAFETY: as above.
        let part = unsafe { self.part(state, effective) };
        let left = |needed: u64, total: u64, from: u64| (needed / part).saturating_sub(total - from).max(1);
        Limits {
            calls: left(needed.calls, totals.calls, self.from.calls),
            edges: left(needed.edges, totals.edges, self.from.edges),
        }
    }

    /// Why it is time to optimize, if it is.
    ///
    /// # Safety
    /// A live state.
    pub(super) unsafe fn is_due(&self, state: *const CodeState, effective: &Effective<'_>) -> Option<String> {
        // SAFETY: see the contract.
        let (needed, totals) = unsafe { (self.needed(state, effective), self.totals(state)) };
        // SAFETY: as above.
        let part = unsafe { self.part(state, effective) };
        let (calls, edges) = (totals.calls - self.from.calls, totals.edges - self.from.edges);
        if calls >= needed.calls / part {
            Some(format!("{} calls", calls * part))
        } else if edges >= needed.edges / part {
            // SAFETY: as above.
            let whose = match unsafe { self.rounds(state) } {
                0 => "generators that it goes through",
                _ => "its loops",
            };
            Some(format!("{} rounds of {whose}", edges * part))
        } else {
            None
        }
    }

    /// Into how many parts the time until it is optimized is parted, each of which ends with samples.
    pub(super) unsafe fn part(&self, state: *const CodeState, effective: &Effective<'_>) -> u64 {
        // SAFETY: a live state.
        let (needed, loops) = unsafe { (self.needed(state, effective), self.loops_long(state, effective)) };
        match loops || needed.calls / BURSTS < effective.sample().calls {
            true => 1,
            false => BURSTS,
        }
    }

    /// Whether the function is to be optimized from its start on.
    ///
    /// # Safety
    /// A live state.
    pub(super) unsafe fn wants_start(&self, state: *const CodeState) -> bool {
        // SAFETY: see the contract.
        let mut versions = unsafe { self.versions(state) };
        let has_start = versions.any(|version| version.valid && version.enters == Some(0));
        let busy = !matches!(self.stage, Stage::Counting);
        !(has_start || busy || self.has_declined(0)) && self.requests < VERSION_LIMIT
    }

    /// Whether one call's loops go on for so long that the next call is not to be waited for.
    ///
    /// # Safety
    /// A live state.
    pub(super) unsafe fn loops_long(&self, state: *const CodeState, effective: &Effective<'_>) -> bool {
        // SAFETY: see the contract.
        let (needed, totals) = unsafe { (self.needed(state, effective), self.totals(state)) };
        effective.is_eager() || totals.edges / totals.calls.max(1) > needed.edges / LONG_LOOP
    }
}
