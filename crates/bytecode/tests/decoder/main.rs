//! Tests of the decoder: real code against what `dis` says, made-up code against what must come out, garbage.

#[path = "../../examples/dump/mod.rs"]
mod dump;

mod errors;
mod flow;
mod garbage;
mod samples;
mod table;

use justjit_bytecode::{CodeFields, Opcode, Version};

/// Code made of opcodes and low argument bytes, inline caches included.
fn assemble(instructions: &[(Opcode, u8)]) -> Vec<u8> {
    let mut code = Vec::new();
    for &(opcode, arg) in instructions {
        code.extend([opcode.info().byte, arg]);
        code.resize(code.len() + 2 * usize::from(opcode.info().caches), 0);
    }
    code
}

/// A code object with plenty of everything.
fn fields(code: &[u8]) -> CodeFields<'_> {
    CodeFields {
        version: Version::V3_13,
        code,
        exception_table: &[],
        line_table: &[],
        first_line: 1,
        flags: 3,
        stack_size: 10,
        nlocals_plus: 10,
        n_locals: 10,
        n_consts: 10,
        n_names: 10,
    }
}
