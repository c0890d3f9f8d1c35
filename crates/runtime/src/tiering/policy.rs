//! What the user has asked for, process-wide and for single functions, and what follows for one code object.

use super::budget;
use super::request::{Backend, Settings, Stress};

/// Who may run a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tiers {
    Interpreter,
    Baseline,
    /// All, and the optimizing tier as soon as possible.
    Optimizing,
    #[default]
    Auto,
}

impl Tiers {
    pub const ALL: [Tiers; 4] = [Tiers::Interpreter, Tiers::Baseline, Tiers::Optimizing, Tiers::Auto];

    pub fn name(self) -> &'static str {
        match self {
            Tiers::Interpreter => "interpreter",
            Tiers::Baseline => "baseline",
            Tiers::Optimizing => "optimizing",
            Tiers::Auto => "auto",
        }
    }

    pub fn named(name: &str) -> Option<Tiers> {
        Tiers::ALL.into_iter().find(|tiers| tiers.name() == name)
    }
}

/// What the user may set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    pub tiers: Tiers,
    /// Calls and back edges of baseline code after which a small function is optimized.
    pub optimize_calls: u64,
    pub optimize_loops: u64,
    /// Compiling for the optimizing tier does not hold the program up.
    pub background: bool,
    pub settings: Settings,
}

/// Guesses so far: compiling takes some hundredth of a second, and baseline code of a small function takes about as long for
/// so many calls.
pub const OPTIMIZE_CALLS: u64 = 2_000;
pub const OPTIMIZE_LOOPS: u64 = 20_000;

impl Policy {
    pub const fn new() -> Policy {
        Policy {
            tiers: Tiers::Auto,
            optimize_calls: OPTIMIZE_CALLS,
            optimize_loops: OPTIMIZE_LOOPS,
            background: true,
            settings: Settings {
                opt_level: 2,
                fast_math: false,
                backend: Backend::Auto,
                passes_off: Vec::new(),
                verify: false,
                stress: Stress::Off,
            },
        }
    }
}

impl Policy {
    /// Whether the user has said when functions are to be optimized.
    pub fn says_when(&self) -> bool {
        (self.optimize_calls, self.optimize_loops) != (OPTIMIZE_CALLS, OPTIMIZE_LOOPS)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy::new()
    }
}

/// What the user has set for one function.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    pub tiers: Option<Tiers>,
    pub optimize_calls: Option<u64>,
    pub optimize_loops: Option<u64>,
    pub opt_level: Option<u8>,
    pub fast_math: Option<bool>,
    pub background: Option<bool>,
    pub backend: Option<Backend>,
}

/// Calls and back edges after which a sampling version has seen enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub calls: u64,
    pub edges: u64,
}

const SAMPLE: Limits = Limits { calls: 60, edges: 300 };
/// Where everything is to be optimized soon: the second call ends it.
const SAMPLE_SHORTLY: Limits = Limits { calls: 2, edges: 20 };
const SAMPLE_UNDER_STRESS: Limits = Limits { calls: 2, edges: 5 };

/// Instructions that make a function take twice as many calls as a small one: compiling takes longer, the more there is.
const WEIGHT: u64 = 400;
/// A version that was dropped, other than the first, doubles what it takes to make another one, this many times at most.
const DOUBLINGS: u32 = 10;

/// What holds for one code object.
pub struct Effective<'a> {
    policy: &'a Policy,
    options: &'a Options,
    /// The user has named the function.
    named: bool,
}

impl Effective<'_> {
    pub fn new<'a>(policy: &'a Policy, options: &'a Options, named: bool) -> Effective<'a> {
        Effective { policy, options, named }
    }

    pub fn tiers(&self) -> Tiers {
        self.options.tiers.unwrap_or(self.policy.tiers)
    }

    /// Whether it may be optimized at all.
    pub fn optimizes(&self) -> bool {
        self.policy.tiers != Tiers::Interpreter && matches!(self.tiers(), Tiers::Auto | Tiers::Optimizing)
    }

    /// Whether its first version is to take samples.
    pub fn begins_with_samples(&self) -> bool {
        self.optimizes() && self.is_eager()
    }

    /// Whether a test wants everything optimized at once.
    pub fn is_stressed(&self) -> bool {
        self.policy.settings.stress != Stress::Off
    }

    /// Whether it is to be optimized as soon as possible.
    pub fn is_eager(&self) -> bool {
        self.is_stressed() || self.tiers() == Tiers::Optimizing
    }

    pub fn sample(&self) -> Limits {
        if self.is_stressed() {
            SAMPLE_UNDER_STRESS
        } else if self.is_eager() {
            SAMPLE_SHORTLY
        } else {
            SAMPLE
        }
    }

    /// What a function of so many instructions, with so many in the smallest of its loops, takes to be optimized, when so many
    /// versions of it were dropped.
    pub fn limits(&self, instructions: u32, in_loop: u32, dropped: u32) -> Limits {
        let (calls, edges, weight) = if self.is_eager() {
            (1, SAMPLE_SHORTLY.edges, 1)
        } else {
            (
                self.options.optimize_calls.unwrap_or(self.policy.optimize_calls),
                self.options.optimize_loops.unwrap_or(self.policy.optimize_loops),
                1 + u64::from(instructions) / WEIGHT,
            )
        };
        // The first has told what nobody had seen.
        let doublings = dropped.saturating_sub(1).min(DOUBLINGS) + self.doublings();
        // A round takes the longer, the more of the code it runs.
        let rounds = weight.div_ceil(1 + u64::from(in_loop) / WEIGHT);
        Limits {
            calls: calls.saturating_mul(weight << doublings),
            edges: edges.saturating_mul(rounds << doublings),
        }
    }

    /// How many times what it takes is doubled because of what compiling has taken so far, where nobody has said anything.
    fn doublings(&self) -> u32 {
        let asked = self.named || self.is_eager() || self.policy.says_when();
        if asked { 0 } else { budget::OPTIMIZING.doublings(0) }
    }

    pub fn in_background(&self) -> bool {
        !self.is_stressed() && self.options.background.unwrap_or(self.policy.background)
    }

    pub fn settings(&self) -> Settings {
        let mut settings = self.policy.settings.clone();
        settings.opt_level = self.options.opt_level.unwrap_or(settings.opt_level);
        settings.fast_math = self.options.fast_math.unwrap_or(settings.fast_math);
        settings.backend = self.options.backend.unwrap_or(settings.backend);
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_function_come_before_the_settings() {
        let policy = Policy::new();
        let options = Options {
            tiers: Some(Tiers::Baseline),
            opt_level: Some(0),
            background: Some(false),
            ..Options::default()
        };
        let effective = Effective::new(&policy, &options, true);
        assert!(!effective.optimizes() && !effective.in_background());
        assert_eq!(effective.settings().opt_level, 0);
        assert!(Effective::new(&policy, &Options::default(), true).optimizes());
        let off = Policy {
            tiers: Tiers::Interpreter,
            ..Policy::new()
        };
        let options = Options {
            tiers: Some(Tiers::Optimizing),
            ..Options::default()
        };
        assert!(!Effective::new(&off, &options, true).optimizes());
    }

    #[test]
    fn large_functions_and_dropped_versions_take_more() {
        let policy = Policy::new();
        let options = Options {
            optimize_calls: Some(100),
            ..Options::default()
        };
        let effective = Effective::new(&policy, &options, true);
        let calls = |instructions, dropped| effective.limits(instructions, 0, dropped).calls;
        assert_eq!(calls(10, 0), 100);
        assert_eq!(calls(400, 0), 200);
        assert_eq!((calls(10, 1), calls(10, 3)), (100, 400));
        assert_eq!(calls(10, 60), 100 << DOUBLINGS);
        assert_eq!(effective.limits(10, 0, 0).edges, OPTIMIZE_LOOPS);
        // Small loops of a large function, and a loop that is all of it.
        let edges = |in_loop| effective.limits(2_800, in_loop, 0).edges / OPTIMIZE_LOOPS;
        assert_eq!((edges(30), edges(1_200), edges(2_790)), (8, 2, 2));
    }

    #[test]
    fn stress_is_eager_and_in_place() {
        let mut policy = Policy::new();
        policy.settings.stress = Stress::Optimize;
        let options = Options {
            background: Some(true),
            ..Options::default()
        };
        let effective = Effective::new(&policy, &options, true);
        assert!(effective.begins_with_samples() && !effective.in_background());
        assert_eq!(effective.sample(), SAMPLE_UNDER_STRESS);
    }
}
