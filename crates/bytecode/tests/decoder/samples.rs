use justjit_bytecode::{DecodeError, Function, decode};

use crate::dump::verify::{differences, inconsistencies};
use crate::dump::{Code, Dump};

/// Real code objects, and what `dis` says of them (see `samples/samples.py`).
pub const SAMPLES: &[u8] = include_bytes!("../samples/samples.dump");

/// The samples.
pub fn samples() -> Vec<Code<'static>> {
    Dump::new(SAMPLES).collect()
}

/// A sample by its function's name.
fn sample(name: &str) -> Result<Function, DecodeError> {
    let all = samples();
    let code = all
        .iter()
        .find(|code| code.name.split(':').nth(1) == Some(name))
        .expect("a sample of that name");
    decode(&code.fields)
}

#[test]
fn agrees_with_dis() {
    let names = Dump::new(SAMPLES).names;
    let mut different = Vec::new();
    for Code { name, fields, expected } in samples() {
        let function = decode(&fields).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut report = |text| different.push(format!("{name}: {text}"));
        differences(&function, &expected.expect("samples are checked"), &names, &mut report);
        inconsistencies(&function, &mut report);
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn offsets_find_instructions() -> Result<(), DecodeError> {
    let function = sample("long_jump")?;
    assert!(
        function.instructions.iter().any(|found| found.start < found.offset),
        "no EXTENDED_ARG in the sample"
    );
    for (index, found) in function.instructions.iter().enumerate() {
        assert_eq!(function.index_at(found.offset), Some(index));
        assert_eq!(function.index_at(found.start), Some(index));
        assert_eq!(function.index_at(found.offset + 1), None);
        for offset in found.start..found.next {
            assert_eq!(function.index_containing(offset), Some(index));
        }
    }
    assert_eq!(function.index_containing(function.code_size), None);
    assert_eq!(function.index_at(u32::MAX), None);
    Ok(())
}

#[test]
fn kinds_of_functions() -> Result<(), DecodeError> {
    let kinds = |name| {
        let found = sample(name)?;
        Ok([
            found.is_generator(),
            found.is_coroutine(),
            found.is_async_generator(),
            found.is_resumable(),
        ])
    };
    assert_eq!(kinds("add")?, [false, false, false, false]);
    assert_eq!(kinds("delegate")?, [true, false, false, true]);
    assert_eq!(kinds("Generic.collect")?, [false, true, false, true]);
    assert_eq!(kinds("Generic.produce")?, [false, false, true, true]);
    let containers = sample("containers")?;
    assert!(containers.has_varargs() && containers.has_varkeywords() && containers.is_optimized());
    assert!(!sample("<module>")?.is_optimized());
    Ok(())
}

#[test]
fn loops_have_headers_and_handlers_depths() -> Result<(), DecodeError> {
    let loops = sample("loops")?;
    assert_eq!(loops.blocks.iter().filter(|block| block.is_loop_header).count(), 3);
    let handlers = sample("handlers")?;
    for entry in &handlers.exception_table {
        let block = &handlers.blocks[handlers.block_at(entry.handler.target).expect("handlers begin blocks") as usize];
        assert!(block.is_handler);
        assert_eq!(block.entry_depth.map(u32::from), Some(entry.handler.entry_depth()));
    }
    Ok(())
}
