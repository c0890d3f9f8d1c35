//! Runs the passes: order, rounds, timers, dumps, switches, and the verifier in between.

use crate::{Pass, Stage, check_refcounts, passes};
use justjit_ir::{Function, verify};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// How often the passes of [`Stage::Rounds`] run at most.
pub const ROUNDS: usize = 3;

/// What stands for the name of a pass where none has run yet.
const BUILT: &str = "(none: as it was built)";

/// Whether a dump shows the function before or after a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    Before,
    After,
}

/// What a dump callback gets.
pub struct Dump<'a> {
    pub when: When,
    pub pass: &'static str,
    /// From 0.
    pub round: usize,
    pub function: &'a Function,
}

/// A pass left a function that is not well formed, or counts references wrong.
#[derive(Clone, Debug)]
pub struct PassError {
    pub pass: &'static str,
    pub message: String,
}

impl fmt::Display for PassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after the pass {}: {}", self.pass, self.message)
    }
}

impl std::error::Error for PassError {}

/// A run of the passes.
#[derive(Default)]
pub struct Pipeline<'a> {
    /// Names of passes that are not run.
    pub off: BTreeSet<String>,
    /// Whether to verify after each pass; debug builds always do.
    pub verify: bool,
    /// Whether to check before the passes and after each that has changed anything that references are counted right; debug builds always do.
    pub references: bool,
    pub dump: Option<&'a mut dyn FnMut(Dump<'_>)>,
    /// Time by pass, in the list's order.
    pub times: Vec<(&'static str, Duration)>,
}

impl Pipeline<'_> {
    /// Runs all passes that are not switched off, but for those of [`Stage::Vectors`].
    pub fn run(&mut self, function: &mut Function) -> Result<(), PassError> {
        self.check(BUILT, function, true)?;
        for round in 0..ROUNDS {
            let mut changed = false;
            for pass in passes().iter().filter(|pass| pass.stage == Stage::Rounds) {
                changed |= self.pass(pass, round, function)?;
            }
            if !changed {
                break;
            }
        }
        self.once(Stage::Last, function)
    }

    /// Runs what is left to do for a back end that makes vector code.
    pub fn run_for_vectors(&mut self, function: &mut Function) -> Result<(), PassError> {
        self.once(Stage::Vectors, function)
    }

    fn once(&mut self, stage: Stage, function: &mut Function) -> Result<(), PassError> {
        for pass in passes().iter().filter(|pass| pass.stage == stage) {
            self.pass(pass, 0, function)?;
        }
        Ok(())
    }

    /// Runs one pass, unless it is switched off.
    pub fn pass(&mut self, pass: &Pass, round: usize, function: &mut Function) -> Result<bool, PassError> {
        if self.off.contains(pass.name) {
            return Ok(false);
        }
        self.show(When::Before, pass, round, function);
        let start = Instant::now();
        let changed = (pass.run)(function);
        let spent = start.elapsed();
        match self.times.iter_mut().find(|(name, _)| *name == pass.name) {
            Some((_, sum)) => *sum += spent,
            None => self.times.push((pass.name, spent)),
        }
        self.show(When::After, pass, round, function);
        self.check(pass.name, function, changed)?;
        Ok(changed)
    }

    fn check(&self, pass: &'static str, function: &Function, changed: bool) -> Result<(), PassError> {
        let failed = |message| Err(PassError { pass, message });
        if (self.verify || cfg!(debug_assertions))
            && let Err(error) = verify(function)
        {
            return failed(error.to_string());
        }
        if changed
            && (self.references || cfg!(debug_assertions))
            && let Err(errors) = check_refcounts(function)
        {
            return failed(errors.join("\n"));
        }
        Ok(())
    }

    fn show(&mut self, when: When, pass: &Pass, round: usize, function: &Function) {
        if let Some(dump) = &mut self.dump {
            dump(Dump {
                when,
                pass: pass.name,
                round,
                function,
            });
        }
    }
}
