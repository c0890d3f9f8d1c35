//! Random functions mean the same before and after each pass and the whole pipeline.

mod generate;

use generate::{Random, function};
use justjit_ir::eval::{Outcome, argument, evaluate};
use justjit_ir::{Function, parse, verify};
use justjit_passes::{Dump, Pipeline, When, check_refcounts, passes};

/// How many functions; `JUSTJIT_IR_CASES` asks for more.
fn cases(usual: u64) -> u64 {
    let asked = std::env::var("JUSTJIT_IR_CASES")
        .ok()
        .and_then(|count| count.parse().ok());
    asked.unwrap_or(usual)
}

/// Runs both with several arguments; how many runs ended.
fn compare(seed: u64, what: &str, before: &Function, after: &Function) -> u32 {
    let mut random = Random(seed);
    let mut ended = 0;
    for _ in 0..6 {
        let params = &before.blocks[0].params;
        let arguments: Vec<_> = params
            .iter()
            .map(|&param| argument(before.type_of(param), random.next() >> 8))
            .collect();
        let expected = evaluate(before, &arguments, 20_000);
        assert!(
            !matches!(expected.outcome, Outcome::Fault(_)),
            "seed {seed}: {:?}\n{before}",
            expected.outcome
        );
        if expected.outcome == Outcome::Unfinished {
            continue;
        }
        ended += 1;
        let got = evaluate(after, &arguments, 20_000);
        assert!(
            expected.allows(&got),
            "seed {seed}, {what}, {arguments:?}\n{:#?}\n{:#?}\n{:?}\n{:?}\n{before}\n{after}",
            expected.outcome,
            got.outcome,
            expected.trace,
            got.trace,
        );
    }
    ended
}

fn check(seed: u64, what: &str, function: &Function) {
    verify(function).unwrap_or_else(|error| panic!("seed {seed}, {what}: {error}\n{function}"));
    check_refcounts(function).unwrap_or_else(|errors| panic!("seed {seed}, {what}: {errors:#?}\n{function}"));
}

#[test]
fn text_form_goes_both_ways() {
    for seed in 0..cases(200) {
        let function = function(seed);
        check(seed, "generated", &function);
        let text = function.to_string();
        let again = parse(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
        assert_eq!(again.to_string(), text);
    }
}

#[test]
fn each_pass() {
    let mut ended = 0;
    let mut changed = vec![0; passes().len()];
    let count = cases(1500);
    for seed in 0..count {
        let before = function(seed);
        check(seed, "generated", &before);
        for (index, pass) in passes().iter().enumerate() {
            let mut after = before.clone();
            changed[index] += u32::from((pass.run)(&mut after));
            check(seed, pass.name, &after);
            ended += compare(seed, pass.name, &before, &after);
        }
    }
    assert!(u64::from(ended) > count * 6, "too few runs end: {ended}");
    println!(
        "changed: {:?}",
        passes().iter().map(|pass| pass.name).zip(&changed).collect::<Vec<_>>()
    );
}

/// Each pass on what the others left. `JUSTJIT_IR_SEED` shows the function after each pass for one seed.
#[test]
fn pipeline() {
    let only: Option<u64> = std::env::var("JUSTJIT_IR_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..cases(3000), |seed| seed..seed + 1);
    for seed in seeds {
        let before = function(seed);
        let mut show = |dump: Dump<'_>| {
            if dump.when == When::After {
                println!("---- {} {}\n{}", dump.round, dump.pass, dump.function);
            }
        };
        let mut after = before.clone();
        let mut pipeline = Pipeline {
            verify: true,
            references: true,
            dump: only.is_some().then_some(&mut show),
            ..Pipeline::default()
        };
        pipeline
            .run(&mut after)
            .and_then(|()| pipeline.run_for_vectors(&mut after))
            .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{before}\n{after}"));
        check(seed, "pipeline", &after);
        compare(seed, "pipeline", &before, &after);
    }
}

/// Passes in a random order.
#[test]
fn shuffled() {
    for seed in 0..cases(1500) {
        let mut random = Random(seed ^ 0x5555);
        let before = function(seed);
        let mut after = before.clone();
        let mut names = Vec::new();
        for _ in 0..8 {
            let pass = random.pick(passes());
            names.push(pass.name);
            (pass.run)(&mut after);
            check(seed, &names.join(" "), &after);
        }
        compare(seed, &names.join(" "), &before, &after);
    }
}
