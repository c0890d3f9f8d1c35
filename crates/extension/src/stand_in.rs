//! For tests of tiering up: an optimizing tier that gives baseline code, and that can be slow, fail, or give code that is
//! left at certain instructions.

use crate::compiler::{self, Purpose};
use crate::tiering::{baseline, finish, refine};
use justjit_cranelift::Code;
use justjit_runtime::deopt::{DeoptPoints, DeoptReason};
use justjit_runtime::hook;
use justjit_runtime::tiering::request::{Compiled, Decline, Request, Unit};
use justjit_runtime::tiering::{Makers, background, set_makers};
use justjit_runtime::version::Version;
use pyo3::prelude::*;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What the stand-in does.
#[derive(Clone)]
struct Behaviour {
    milliseconds: u64,
    /// Opcodes of instructions at which code is left, unless that is known to happen often.
    left_at: Vec<String>,
    declines: Option<String>,
    fails: Option<String>,
    panics: bool,
}

static BEHAVIOUR: Mutex<Option<Behaviour>> = Mutex::new(None);
/// Who makes optimized code otherwise.
static REPLACED: Mutex<Option<Makers>> = Mutex::new(None);

struct Made {
    code: Code,
    behaviour: Behaviour,
}

// SAFETY: machine code may be freed on any thread, and nothing else is done with it there.
unsafe impl Send for Made {}

struct OfAnyThread(#[allow(dead_code, reason = "it is kept for as long as the version")] Code);

// SAFETY: as above.
unsafe impl Send for OfAnyThread {}

impl Unit for Made {
    fn compile(self: Box<Self>) -> Result<Compiled, Decline> {
        let started = Instant::now();
        let limit = Duration::from_millis(self.behaviour.milliseconds);
        while started.elapsed() < limit {
            if background::is_cancelled() {
                return Err("the program is ending".into());
            }
            std::thread::sleep(Duration::from_millis(1).min(limit));
        }
        assert!(!self.behaviour.panics, "a stand-in that panics");
        if let Some(reason) = self.behaviour.fails {
            return Err(reason.into());
        }
        Ok(Compiled {
            body: self.code.address().cast(),
            code_bytes: self.code.size(),
            typed: Vec::new(),
            code: Box::new(OfAnyThread(self.code)),
            exits: DeoptPoints::default(),
            keep: Vec::new(),
            cells: Vec::new(),
            timings: vec![("waiting", started.elapsed()), ("nothing", Duration::ZERO)],
            publish: Box::new(|| ()),
            refinement: None,
        })
    }
}

unsafe fn snapshot(request: &Request<'_>, version: *mut Version) -> Result<Box<dyn Unit>, Decline> {
    let behaviour = BEHAVIOUR.lock().ok().and_then(|behaviour| behaviour.clone());
    let behaviour = behaviour.ok_or("the stand-in was taken away")?;
    if let Some(reason) = behaviour.declines {
        return Err(reason.into());
    }
    // SAFETY: the request's objects are live, and the GIL is held.
    unsafe {
        let decoded = compiler::decode_code(request.code)?;
        let state = hook::state_of(request.code.cast());
        let is_widened = |offset| {
            let mut widened = request.widened.iter();
            widened.any(|one| one.offset == offset)
        };
        let left_at = decoded
            .instructions
            .iter()
            .filter(|one| behaviour.left_at.iter().any(|name| name == one.opcode.name()) && !is_widened(one.offset))
            .map(|one| one.offset)
            .collect();
        let before = std::mem::replace(&mut (*state).deopt_points, left_at);
        let made = compiler::fill(&mut *version, request.function.cast(), state, Purpose::Optimized);
        (*state).deopt_points = before;
        for point in &mut (*version).deopt_points {
            point.reason = DeoptReason::Value;
        }
        Ok(Box::new(Made { code: made?, behaviour }))
    }
}

/// Puts the stand-in in the optimizing tier's place, or that back.
#[pyfunction]
#[pyo3(signature = (use_it, *, milliseconds=0, left_at=Vec::new(), declines=None, fails=None, panics=false))]
pub fn use_stand_in(
    use_it: bool,
    milliseconds: u64,
    left_at: Vec<String>,
    declines: Option<String>,
    fails: Option<String>,
    panics: bool,
) {
    let behaviour = use_it.then_some(Behaviour {
        milliseconds,
        left_at,
        declines,
        fails,
        panics,
    });
    let mut present = BEHAVIOUR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut replaced = REPLACED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if use_it && present.is_none() {
        *replaced = set_makers(Some(Makers {
            baseline,
            snapshot,
            finish,
            refine,
        }));
    } else if !use_it && present.is_some() {
        set_makers(replaced.take());
    }
    *present = behaviour;
}
