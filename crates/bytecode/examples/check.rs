//! Compares the decoder with `dis`: reads a dump of code objects from standard input and prints every difference.
//!
//! `python tests/decoder_dump.py | cargo run --release -p justjit-bytecode --example check`
//!
//! With `--table` it prints the opcode table instead, for the same comparison; with `--repeat N` it only measures, decoding all N times.

mod dump;

use std::io::Read;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dump::verify::{differences, inconsistencies};
use dump::{Code, Dump};
use justjit_bytecode::{CodeFields, Version, decode};

/// Differences printed before the rest is only counted.
const PRINTED: usize = 50;

/// Prints number, name, inline caches, kind of operand and stack effects (for small arguments that fit) of each opcode.
fn print_table() {
    for info in Version::V3_13.opcodes() {
        let effects: Vec<String> = (0..8)
            .map(|arg| (info.pushed.of(arg) as i64 - info.popped.of(arg) as i64).to_string())
            .collect();
        println!(
            "{}\t{}\t{}\t{:?}\t{}",
            info.byte,
            info.name,
            info.caches,
            info.operand,
            effects.join(" ")
        );
    }
    for found in Version::V3_13.specializations() {
        println!("{}\t{}\t{}", found.byte, found.name, found.base.name());
    }
}

/// Decodes everything `rounds` times, and prints how fast that was at best, at the median and at worst.
fn measure(dump: Dump<'_>, rounds: usize) -> ExitCode {
    let codes: Vec<CodeFields<'_>> = dump.map(|code| code.fields).collect();
    let mut instructions = 0;
    let mut seconds: Vec<f64> = (0..rounds)
        .map(|_| {
            let begin = Instant::now();
            let decoded = codes.iter().filter_map(|fields| decode(fields).ok());
            instructions = decoded.map(|function| function.instructions.len()).sum();
            begin.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    println!(
        "{} code objects, {instructions} instructions, {rounds} rounds",
        codes.len()
    );
    for (label, time) in [
        ("best", seconds[0]),
        ("median", seconds[rounds / 2]),
        ("worst", seconds[rounds - 1]),
    ] {
        println!(
            "{label:<6} {time:.3} s: {:.1} million instructions a second",
            instructions as f64 / time / 1e6
        );
    }
    ExitCode::SUCCESS
}

/// Compares everything with what `dis` says.
fn check(mut dump: Dump<'_>) -> ExitCode {
    let names = dump.names.clone();
    let (mut codes, mut instructions, mut unreachable, mut different) = (0, 0, 0, 0usize);
    let mut time = Duration::ZERO;
    for Code { name, fields, expected } in &mut dump {
        let mut report = |text: String| {
            different += 1;
            if different <= PRINTED {
                println!("{name}: {text}");
            }
        };
        codes += 1;
        let begin = Instant::now();
        let function = decode(&fields);
        time += begin.elapsed();
        match function {
            Ok(function) => {
                instructions += function.instructions.len();
                unreachable += function
                    .instructions
                    .iter()
                    .filter(|found| found.depth.is_none())
                    .count();
                inconsistencies(&function, &mut report);
                if let Some(expected) = expected {
                    differences(&function, &expected, &names, &mut report);
                }
            }
            Err(error) => report(error.to_string()),
        }
    }
    let per_second = instructions as f64 / time.as_secs_f64();
    println!("{codes} code objects, {instructions} instructions ({unreachable} unreachable), {different} differences");
    println!(
        "decoded in {:.3} s: {:.1} million instructions a second",
        time.as_secs_f64(),
        per_second / 1e6
    );
    ExitCode::from(u8::from(different != 0))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = || {
        eprintln!("usage: check [--table | --repeat N] < dump");
        ExitCode::from(2)
    };
    let repeat = match &arguments[..] {
        [] => None,
        [flag] if flag == "--table" => {
            print_table();
            return ExitCode::SUCCESS;
        }
        [flag, rounds] if flag == "--repeat" => match rounds.parse::<usize>() {
            Ok(rounds) if rounds > 0 => Some(rounds),
            _ => return usage(),
        },
        _ => return usage(),
    };
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .expect("standard input can be read");
    let dump = Dump::new(&bytes);
    match repeat {
        Some(rounds) => measure(dump, rounds),
        None => check(dump),
    }
}
