//! Compares the decoder with `dis`: reads a dump of code objects from standard input and prints every difference.
//!
//! `python tests/decoder_dump.py | cargo run --release -p justjit-bytecode --example check`
//!
//! With `--table` it prints the opcode table instead, for the same comparison.

mod dump;

use std::io::Read;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dump::{Code, Dump, Expected};
use justjit_bytecode::{Function, Version, decode};

/// Differences printed before the rest is only counted.
const PRINTED: usize = 50;

/// What differs between a decoded function and what `dis` says.
fn differences(function: &Function, expected: &Expected, names: &[&str], mut report: impl FnMut(String)) {
    if function.instructions.len() != expected.instructions.len() {
        report(format!(
            "{} instructions, not {}",
            function.instructions.len(),
            expected.instructions.len()
        ));
    }
    for (found, wanted) in function.instructions.iter().zip(&expected.instructions) {
        let found_arg = found.info().has_arg().then_some(found.arg);
        let same = (found.offset, found.start, found.opcode.name(), found_arg, found.target)
            == (
                wanted.offset,
                wanted.start,
                names[usize::from(wanted.opcode)],
                wanted.arg,
                wanted.target,
            );
        if !same {
            let name = names[usize::from(wanted.opcode)];
            report(format!(
                "{found}, not {} {name} {:?} to {:?}",
                wanted.offset, wanted.arg, wanted.target
            ));
        }
        let position = function.position(found.offset);
        if position != wanted.position {
            report(format!("{found}: {position:?}, not {:?}", wanted.position));
        }
    }
    if function.exception_table != expected.exception_table {
        report(format!(
            "exception table {:?}, not {:?}",
            function.exception_table, expected.exception_table
        ));
    }
}

/// What must be true of every function, and is not.
fn inconsistencies(function: &Function, mut report: impl FnMut(String)) {
    let mut next = 0;
    for instruction in &function.instructions {
        if instruction.start != next {
            report(format!("{instruction}: begins at {}, not {next}", instruction.start));
        }
        next = instruction.next;
        if instruction
            .depth
            .is_some_and(|depth| u32::from(depth) > function.stack_size)
        {
            report(format!("{instruction}: the stack is too deep"));
        }
        let block = &function.blocks[instruction.block as usize];
        if instruction.depth.is_none() != block.entry_depth.is_none() {
            report(format!("{instruction}: reachable without its block, or not with it"));
        }
    }
    if next != function.code_size {
        report(format!("ends at {next}, not {}", function.code_size));
    }
    for (id, block) in function.blocks.iter().enumerate() {
        let last = &function.instructions[block.end - 1];
        for &successor in block.successors.iter().filter(|_| last.depth.is_some()) {
            let target = &function.blocks[successor as usize];
            let jumped = last.jump_destination() == Some(function.instructions[target.start].start);
            let depth = last.depth.map(u64::from).and_then(|depth| match jumped {
                true => last.info().depth_after_jump(last.arg, depth),
                false => last.info().depth_after(last.arg, depth),
            });
            if depth != target.entry_depth.map(u64::from) {
                report(format!(
                    "block {id} leaves {depth:?} to block {successor}, with {:?}",
                    target.entry_depth
                ));
            }
        }
    }
}

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

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--table") {
        print_table();
        return ExitCode::SUCCESS;
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .expect("standard input can be read");
    let mut dump = Dump::new(&bytes);
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
