use justjit_bytecode::{CodeFields, Opcode, Place, decode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::dump::verify::inconsistencies;
use crate::fields;
use crate::samples::samples;

/// Decodes; what comes out must hold together, and an error must name an offset that exists. Says whether it was an error.
fn decodes_or_fails_well(fields: &CodeFields<'_>) -> Result<bool, TestCaseError> {
    match decode(fields) {
        Ok(function) => {
            let mut wrong = Vec::new();
            inconsistencies(&function, |text| wrong.push(text));
            prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            for offset in 0..=function.code_size + 1 {
                let _ = (
                    function.index_at(offset),
                    function.position(offset),
                    function.block_at(offset),
                );
            }
            Ok(false)
        }
        Err(error) => {
            let length = match error.place {
                Place::Code => fields.code.len(),
                Place::ExceptionTable => fields.exception_table.len(),
                Place::LineTable => fields.line_table.len(),
            };
            prop_assert!(error.offset as usize <= length, "{error}");
            let named = format!("at offset {}: ", error.offset);
            prop_assert!(error.to_string().contains(&named), "{error}");
            Ok(true)
        }
    }
}

/// Units of code that begin with an opcode rather than with any byte.
fn plausible_code() -> impl Strategy<Value = Vec<u8>> {
    let unit = (select(Opcode::ALL), 0..12u8).prop_map(|(opcode, arg)| {
        let mut unit = vec![opcode.info().byte, arg];
        unit.resize(2 + 2 * usize::from(opcode.info().caches), 0);
        unit
    });
    vec(unit, 1..40).prop_map(|units| units.concat())
}

/// A change to a byte string.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Truncate(Index),
    Swap(Index, Index),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        if length == 0 {
            return;
        }
        match self {
            Mutation::Replace(at, byte) => bytes[at.index(length)] = *byte,
            Mutation::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Mutation::Remove(at) => {
                bytes.remove(at.index(length));
            }
            Mutation::Truncate(at) => bytes.truncate(at.index(length)),
            Mutation::Swap(one, other) => bytes.swap(one.index(length), other.index(length)),
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        1 => any::<Index>().prop_map(Mutation::Remove),
        1 => any::<Index>().prop_map(Mutation::Truncate),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Mutation::Swap(one, other)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(
        code in vec(any::<u8>(), 0..200),
        exception_table in vec(any::<u8>(), 0..40),
        line_table in vec(any::<u8>(), 0..40),
        first_line in any::<i32>(),
        stack_size in any::<u32>(),
    ) {
        let (exception_table, line_table) = (&exception_table[..], &line_table[..]);
        let all = CodeFields { exception_table, line_table, first_line, stack_size, ..fields(&code) };
        decodes_or_fails_well(&all)?;
    }

    #[test]
    fn random_tables(
        exception_table in vec(any::<u8>(), 0..40),
        line_table in vec(any::<u8>(), 0..40),
        first_line in any::<i32>(),
    ) {
        // With sound code the tables are read in every case.
        let code = [Opcode::Nop.info().byte, 0].repeat(60);
        let code = [code, vec![Opcode::ReturnConst.info().byte, 0]].concat();
        decodes_or_fails_well(&CodeFields { exception_table: &exception_table, ..fields(&code) })?;
        decodes_or_fails_well(&CodeFields { line_table: &line_table, first_line, ..fields(&code) })?;
    }

    #[test]
    fn random_instructions(code in plausible_code()) {
        decodes_or_fails_well(&fields(&code))?;
    }

    #[test]
    fn mutated_code(
        sample in any::<Index>(),
        in_code in vec(mutation(), 0..4),
        in_exceptions in vec(mutation(), 0..3),
        in_lines in vec(mutation(), 0..3),
        sizes in prop::option::of((0..20u32, 0..20u32, 0..20u32, 0..20u32)),
    ) {
        let samples = samples();
        let real = samples[sample.index(samples.len())].fields;
        let mutated = |bytes: &[u8], mutations: &[Mutation]| {
            let mut bytes = bytes.to_vec();
            mutations.iter().for_each(|mutation| mutation.apply(&mut bytes));
            bytes
        };
        let code = mutated(real.code, &in_code);
        let exception_table = mutated(real.exception_table, &in_exceptions);
        let line_table = mutated(real.line_table, &in_lines);
        let mut all =
            CodeFields { code: &code, exception_table: &exception_table, line_table: &line_table, ..real };
        if let Some((stack_size, nlocals_plus, n_consts, n_names)) = sizes {
            all = CodeFields { stack_size, nlocals_plus, n_consts, n_names, ..all };
        }
        let failed = decodes_or_fails_well(&all)?;
        if in_code.is_empty() && in_exceptions.is_empty() && in_lines.is_empty() && sizes.is_none() {
            prop_assert!(!failed);
        }
    }
}
