//! Passes by their effect on text: each file in `tests/ir` names passes, holds a function, and what they make of it.
//!
//! ```text
//! ; passes: fold dce
//! ; what the case is about
//! function f
//! ...
//! ; ---- becomes
//! function f
//! ...
//! ```
//!
//! `all` stands for the pipeline. `JUSTJIT_BLESS=1` writes what comes out as what is expected. Input and output are also run by the evaluator, which must
//! not see a difference.

use justjit_ir::eval::{Outcome, argument, evaluate};
use justjit_ir::{Function, parse, verify};
use justjit_passes::{Pass, Pipeline, check_refcounts, passes};
use std::fs;
use std::path::{Path, PathBuf};

const NOT_RUN: &str = "; not run: ";
const BECOMES: &str = "; ---- becomes\n";

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ir");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "ir"));
    files.sort();
    files
}

/// Runs the passes that the first line names.
fn run(text: &str, function: &mut Function) {
    let line = text.lines().next().and_then(|line| line.strip_prefix("; passes:"));
    let names = line.expect("the first line names the passes");
    if names.trim() == "all" {
        let mut pipeline = Pipeline {
            verify: true,
            ..Pipeline::default()
        };
        return pipeline
            .run(function)
            .and_then(|()| pipeline.run_for_vectors(function))
            .unwrap_or_else(|error| panic!("{error}\n{function}"));
    }
    for pass in named(names) {
        (pass.run)(function);
        verify(function).unwrap_or_else(|error| panic!("{}: {error}\n{function}", pass.name));
    }
}

fn named(names: &str) -> Vec<&'static Pass> {
    let names = names.split_whitespace();
    let pass = |name| {
        passes()
            .iter()
            .find(|pass| pass.name == name)
            .unwrap_or_else(|| panic!("no pass {name}"))
    };
    names.map(pass).collect()
}

fn read(text: &str) -> Function {
    let function = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify(&function).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let printed = function.to_string();
    let again = parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(again.to_string(), printed, "the text form goes both ways");
    function
}

/// Runs both with many arguments.
fn compare(before: &Function, after: &Function) {
    let params = &before.blocks[0].params;
    let mut finished = 0;
    for seed in 0..200u64 {
        let mix = |index: usize| {
            (seed + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(17 * (index as u32 + 1))
                >> 7
        };
        let arguments: Vec<_> = params
            .iter()
            .enumerate()
            .map(|(index, &param)| argument(before.type_of(param), mix(index)))
            .collect();
        let expected = evaluate(before, &arguments, 40_000);
        if matches!(expected.outcome, Outcome::Fault(_) | Outcome::Unfinished) {
            continue;
        }
        finished += 1;
        let got = evaluate(after, &arguments, 40_000);
        assert!(
            expected.allows(&got),
            "{arguments:?}\n{expected:#?}\n{got:#?}\n{before}\n{after}"
        );
    }
    assert!(finished > 0, "no run of the function ends\n{before}");
}

#[test]
fn golden() {
    let bless = std::env::var_os("JUSTJIT_BLESS").is_some();
    let files = files();
    assert!(files.len() >= 3, "the cases are there");
    let mut failures = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let (input, expected) = text.split_once(BECOMES).unwrap_or((&text, ""));
        println!("{}", path.display());
        let before = read(input);
        let mut after = before.clone();
        run(input, &mut after);
        if !input.lines().any(|line| line.starts_with(NOT_RUN)) {
            compare(&before, &after);
        }
        if check_refcounts(&before).is_ok() {
            check_refcounts(&after).unwrap_or_else(|errors| panic!("{}: {errors:#?}\n{after}", path.display()));
        }
        let got = after.to_string();
        if bless {
            let input = input.trim_end();
            fs::write(&path, format!("{input}\n\n{BECOMES}{got}")).unwrap();
        } else if got != expected {
            failures.push(format!("{}: expected\n{expected}\ngot\n{got}", path.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
