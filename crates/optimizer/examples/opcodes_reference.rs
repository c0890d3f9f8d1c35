//! Prints `docs/OPCODES_REFERENCE.md`: the opcode table, with what each tier makes of each opcode.

use justjit_baseline::table::{Kind, describe};
use justjit_bytecode::reference::markdown_with;
use justjit_bytecode::{OpcodeInfo, Version};
use justjit_optimizer::opcodes::{self, Treatment};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Opcodes

Written by `make docs` from the decoder's opcode table (`crates/bytecode/src/v3_13.rs`), the baseline tier's
(`crates/baseline/src/table.rs`) and the optimizing tier's (`crates/optimizer/src/opcodes.rs`): change those, not this
page. It has all opcodes of CPython 3.13 but the specialized and
instrumented ones, which are decoded as the opcode that they stand for, and `EXTENDED_ARG` and `CACHE`, which are parts of other
instructions.

- **Argument** says how the argument is read, **Caches** how many code units of the interpreter's inline cache follow.
- **Stack effect**: how many items the instruction takes or looks at → how many it leaves in their place, on the way to the
  next instruction.
- **May run Python**: `finalizers` means that it may give up an object's last reference, and runs no other Python code.
- **Baseline** is how the instruction is compiled:
";

const KINDS: [(Kind, &str); 4] = [
    (Kind::Inline, "machine code that needs no call in the usual case"),
    (
        Kind::FastPath,
        "machine code for what *Fast path* names, where that has been seen at the instruction; a call of the\n    \
         runtime for everything else",
    ),
    (
        Kind::Runtime,
        "a call of the runtime, which may have a fast path of its own",
    ),
    (Kind::Absent, "never in a function's code"),
];

const TREATMENTS: [(Treatment, &str); 5] = [
    (
        Treatment::Inline,
        "no code at all, or operations of its intermediate code that take no call",
    ),
    (
        Treatment::Bets,
        "intermediate code for the types that were sampled, which is left where others come; a call of the\n    \
         runtime where they differed, or are not among those that *How* names",
    ),
    (
        Treatment::Runtime,
        "a call of the runtime, with the frame as the interpreter would have it",
    ),
    (Treatment::Left, "the code is left here, and baseline code goes on"),
    (
        Treatment::Declined,
        "a function in which it was run while samples were taken stays in the baseline tier, and a callee is\n    \
         not inlined; where it was not, the code is left here",
    ),
];

fn cells(info: &OpcodeInfo) -> Vec<String> {
    let (kind, fast_path) = describe(info.opcode);
    let (treatment, optimized) = opcodes::describe(info.opcode);
    // A bar ends a table's cell, even in code.
    let text = |text: &str| {
        if text.is_empty() {
            "–".to_owned()
        } else {
            text.replace('|', "\\|")
        }
    };
    vec![
        kind.name().to_owned(),
        text(fast_path),
        treatment.name().to_owned(),
        text(optimized),
    ]
}

/// The whole page.
pub fn page() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (kind, meaning) in KINDS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  - *{}*: {meaning}", kind.name());
    }
    text.push_str("- **Optimizing** is how the optimizing tier translates it. Where an instruction was not run while samples were taken, the\n  \
         code is left.\n");
    for (treatment, meaning) in TREATMENTS {
        let _ = writeln!(text, "  - *{}*: {meaning}", treatment.name());
    }
    text.push('\n');
    text + &markdown_with(Version::V3_13, &["Baseline", "Fast path", "Optimizing", "How"], cells)
}

#[allow(dead_code, reason = "the test that includes this file only wants the page")]
fn main() {
    print!("{}", page());
}
