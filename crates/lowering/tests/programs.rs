//! The programs in `tests/ir/lowering`: each says in comments what it does.
//!
//!     ; run 5 7 -> 12 1.5       with these inputs (words at byte 128 of the frame), these outputs (at byte 384)
//!     ; run 5 7 ! s0 5 7        leaves with this state, passing these words
//!
//! A word is an int, a float (with a point or an exponent), or hexadecimal.

mod common;

use common::*;
use justjit_builder::{RuntimeFn, Signature, Type};
use justjit_ir::State;
use std::path::Path;

extern "C" fn add_three(a: i64, b: i64, c: i64) -> i64 {
    a.wrapping_add(b).wrapping_add(c)
}
extern "C" fn half(x: f64) -> f64 {
    x / 2.0
}
extern "C" fn is_odd(x: i64) -> u8 {
    (x & 1) as u8
}
extern "C" fn choose(which: u8, x: f64, y: f64) -> f64 {
    if which == 1 { x } else { y }
}
extern "C" fn negate_narrow(x: i32) -> i32 {
    x.wrapping_neg()
}
extern "C" fn remainder(x: i64) -> i32 {
    (x % 3) as i32
}
extern "C" fn increment_at(place: *mut i64) {
    // SAFETY: the programs pass a place in the test's memory.
    unsafe { *place += 1 };
}

macro_rules! function {
    ($function:ident($($param:ident)*) $($result:ident)?) => {{
        static FUNCTION: RuntimeFn = RuntimeFn {
            name: concat!("test_", stringify!($function)),
            address: $function as *const (),
            signature: Signature {
                params: &[$(Type::$param),*],
                result: function!(@ $($result)?),
            },
            pure: false,
            takes: 0,
        };
        (stringify!($function), &FUNCTION)
    }};
    (@ $result:ident) => { Some(Type::$result) };
    (@) => { None };
}

fn symbols() -> Symbols {
    let functions: [(&'static str, &'static RuntimeFn); 7] = [
        function!(add_three(I64 I64 I64) I64),
        function!(half(F64) F64),
        function!(is_odd(I64) I8),
        function!(choose(I8 F64 F64) F64),
        function!(negate_narrow(I32) I32),
        function!(remainder(I64) I32),
        function!(increment_at(I64)),
    ];
    Symbols {
        functions: functions.into(),
        ..Symbols::default()
    }
}

fn word(text: &str) -> u64 {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("`{text}`"));
    }
    let int = text.parse::<i64>().map(|value| value as u64);
    int.or_else(|_| text.parse().map(f64::to_bits))
        .unwrap_or_else(|_| panic!("`{text}`"))
}

#[test]
fn do_what_their_comments_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ir/lowering");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut engines = engines();
    let symbols = symbols();
    let mut runs = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let programs = programs(&mut engines, &text, &symbols);
        let before = runs;
        for line in text.lines().filter_map(|line| line.strip_prefix("; run")) {
            let outcome = line.split_once("->").or_else(|| line.split_once('!'));
            let (inputs, outcome) = outcome.unwrap_or_else(|| panic!("no outcome: {line}"));
            let inputs: Vec<u64> = inputs.split_whitespace().map(word).collect();
            let mut wanted = outcome.split_whitespace();
            let state = line.contains('!').then(|| {
                let state = wanted.next().and_then(|name| name.strip_prefix('s')).expect("a state");
                State(state.parse().expect("its number"))
            });
            let wanted: Vec<u64> = wanted.map(word).collect();
            runs += 1;
            for program in &programs {
                let mut memory = Memory::new(&inputs);
                let end = program.run_on(&mut memory, 0, inputs.first().map_or(0, |&first| first as i64));
                let got = match end {
                    End::Returned(_) => (None, memory.words[OUTPUT..][..wanted.len()].to_vec()),
                    End::Left(state, words) => (Some(state), words),
                };
                let place = format!("{}: {line} by {}", file.display(), program.engine);
                assert_eq!(got, (state, wanted.clone()), "{place}");
            }
        }
        assert!(runs > before, "{} runs nothing", file.display());
    }
    assert!(runs > 0);
}
