//! The optimizing tier's passes: each makes an IR function better and leaves its meaning as it was, floats bit for bit.
//!
//! [`passes`] is the list of all of them, in the order in which [`Pipeline`] runs them. A pass knows what an instruction
//! does from the table of operations only; none runs Python code or follows an address.

mod ahead;
mod aliasing;
mod arithmetic;
mod bounds;
mod check_refcounts;
mod counted;
mod cse;
mod dce;
mod edit;
mod facts;
mod finite;
mod fold;
mod forget;
mod interval;
mod licm;
mod nests;
mod pipeline;
mod preheaders;
mod ranges;
mod refcounts;
mod safepoints;
mod selects;
mod simplify_cfg;
mod unpack;

pub use check_refcounts::check_refcounts;
pub use nests::LIST_ITEMS;
pub use pipeline::{Dump, PassError, Pipeline, When};
pub use unpack::{BOOL_MARK, HEAD, INT_MARK, INT_ROWS_MARK, LIST_ALLOCATED, MARK, REACH, ROWS_MARK};

use justjit_ir::Function;

/// A pass over a function.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Unique; for options, dumps and timers.
    pub name: &'static str,
    /// What it does, in a line.
    pub text: &'static str,
    pub stage: Stage,
    /// Whether anything was changed.
    pub run: fn(&mut Function) -> bool,
}

/// When a pass runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// In each round: until nothing changes, or [`pipeline::ROUNDS`] times.
    Rounds,
    /// Once, after the rounds.
    Last,
    /// Once, after those, for a back end that makes vector code of simple loops.
    Vectors,
}

/// All passes, in order.
pub fn passes() -> &'static [Pass] {
    const fn each(name: &'static str, text: &'static str, run: fn(&mut Function) -> bool) -> Pass {
        Pass {
            name,
            text,
            stage: Stage::Rounds,
            run,
        }
    }
    const fn once(name: &'static str, text: &'static str, run: fn(&mut Function) -> bool) -> Pass {
        Pass {
            stage: Stage::Last,
            ..each(name, text, run)
        }
    }
    const fn vectors(name: &'static str, text: &'static str, run: fn(&mut Function) -> bool) -> Pass {
        Pass {
            stage: Stage::Vectors,
            ..each(name, text, run)
        }
    }
    const PASSES: &[Pass] = &[
        each(
            "preheaders",
            "gives loops a block from which alone they are entered",
            preheaders::run,
        ),
        each("fold", "computes what is constant, applies exact identities", fold::run),
        each(
            "simplify_cfg",
            "removes and joins blocks, jumps to where jumps lead",
            simplify_cfg::run,
        ),
        each(
            "cse",
            "computes and reads once what would be computed and read again",
            cse::run,
        ),
        each(
            "ranges",
            "finds ranges of ints: what cannot overflow, bounds that hold",
            ranges::run,
        ),
        each(
            "refcounts",
            "removes counting up and down that nobody can see",
            refcounts::run,
        ),
        each(
            "licm",
            "moves what is the same in every iteration out of loops",
            licm::run,
        ),
        each(
            "bounds",
            "tests the bounds of counted loops once before the loop",
            bounds::run,
        ),
        each("dce", "removes what nobody uses", dce::run),
        once("unpack", "has loops work on copies of lists' numbers", unpack::run),
        once("last_refcounts", "refcounts, once more", refcounts::run),
        once(
            "finite",
            "tests once for several floats whether they are finite",
            finite::run,
        ),
        once(
            "safepoints",
            "runs safepoints of simple loops once in many iterations",
            safepoints::run,
        ),
        once(
            "selects",
            "counts without a branch what is counted on one side of one",
            selects::run,
        ),
        once("forget", "forgets the states that hoisting needs", forget::run),
        once("last_fold", "fold, once more", fold::run),
        once("last_dce", "dce, once more", dce::run),
        vectors(
            "ahead",
            "tests floats for a whole strip of a loop before it writes any",
            ahead::run,
        ),
    ];
    PASSES
}
