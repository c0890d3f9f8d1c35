//! Feeds the decoder bytes: `cargo +nightly fuzz run decode` in the crate's folder.
//!
//! Input: six small numbers, the lengths of the exception table and the line table, the two tables, and the code.

#![no_main]

use justjit_bytecode::{CodeFields, Version, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&[stack, locals, consts, names, line, flags, exceptions, lines], rest)) = data.split_first_chunk() else {
        return;
    };
    let (exception_table, rest) = rest.split_at(rest.len().min(exceptions.into()));
    let (line_table, code) = rest.split_at(rest.len().min(lines.into()));
    let fields = CodeFields {
        version: Version::V3_13,
        code,
        exception_table,
        line_table,
        first_line: i32::from(line) << 24,
        flags: flags.into(),
        stack_size: stack.into(),
        nlocals_plus: locals.into(),
        n_locals: locals.into(),
        n_consts: consts.into(),
        n_names: names.into(),
    };
    match decode(&fields) {
        Ok(function) => {
            for found in &function.instructions {
                assert!(found.depth.is_none_or(|depth| u32::from(depth) <= function.stack_size));
                assert!(function.index_at(found.offset).is_some() && found.block < function.blocks.len() as u32);
                let _ = function.position(found.offset);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
