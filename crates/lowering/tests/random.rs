//! Random programs do the same by every code generator. `JUSTJIT_IR_CASES` says how many.

mod common;
mod generate;

use common::*;
use generate::{FLOAT_WORDS, INPUT_TYPES, INT_WORDS, Random, SINGLE_WORDS, program};
use justjit_builder::{RuntimeFn, Signature, Type as Width};
use justjit_ir::{Function, Type};

extern "C" fn mix(a: i64, b: i64) -> i64 {
    a.rotate_left(7) ^ b.wrapping_mul(31)
}

extern "C" fn scale(twice: u8, x: f64) -> f64 {
    if twice == 1 { x * 2.0 } else { x }
}

extern "C" fn bump(words: *mut u64) {
    // SAFETY: the programs pass a word of the test's memory.
    unsafe { *words = (*words).wrapping_add(1) };
}

static MIX: RuntimeFn = RuntimeFn {
    name: "test_mix",
    address: mix as *const (),
    signature: Signature {
        params: &[Width::I64, Width::I64],
        result: Some(Width::I64),
    },
    pure: false,
    takes: 0,
};
static SCALE: RuntimeFn = RuntimeFn {
    name: "test_scale",
    address: scale as *const (),
    signature: Signature {
        params: &[Width::I8, Width::F64],
        result: Some(Width::F64),
    },
    pure: false,
    takes: 0,
};
static BUMP: RuntimeFn = RuntimeFn {
    name: "test_bump",
    address: bump as *const (),
    signature: Signature {
        params: &[Width::I64],
        result: None,
    },
    pure: false,
    takes: 0,
};

/// The bits, all NaNs as one.
fn float_bits(bits: u64) -> u64 {
    if f64::from_bits(bits).is_nan() {
        f64::NAN.to_bits()
    } else {
        bits
    }
}

fn single_bits(bits: u32) -> u32 {
    if f32::from_bits(bits).is_nan() {
        f32::NAN.to_bits()
    } else {
        bits
    }
}

/// What can be seen of a run: how it ended, and memory; all NaNs are as one, since it is open which one comes out.
fn observe(program: &Program, function: &Function, inputs: &[u64], entry: i64) -> (End, Vec<u64>) {
    let mut memory = Memory::new(inputs);
    for word in INT_WORDS {
        memory.words[word] = Random(word as u64).next();
    }
    let mut end = program.run_on(&mut memory, 0, entry);
    if let End::Left(state, words) = &mut end {
        let exit = program.exits.iter().find(|exit| exit.which.0 == *state);
        for (word, &value) in words.iter_mut().zip(&exit.expect("it was left there").words) {
            if function.type_of(value) == Type::Float {
                *word = float_bits(*word);
            }
        }
    }
    for word in FLOAT_WORDS {
        memory.words[word] = float_bits(memory.words[word]);
    }
    for word in SINGLE_WORDS {
        let bits = memory.words[word];
        let [low, high] = [bits as u32, (bits >> 32) as u32].map(|half| u64::from(single_bits(half)));
        memory.words[word] = low | high << 32;
    }
    (end, memory.words.into())
}

#[test]
fn random_programs() {
    let asked = std::env::var("JUSTJIT_IR_CASES")
        .ok()
        .and_then(|count| count.parse().ok());
    let only: Option<u64> = std::env::var("JUSTJIT_IR_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..asked.unwrap_or(120), |seed| seed..seed + 1);
    let mut engines = engines();
    let symbols = Symbols {
        functions: [("mix", &MIX), ("scale", &SCALE), ("bump", &BUMP)].into(),
        ..Symbols::default()
    };
    let (mut returned, mut left) = (0, 0);
    for seed in seeds {
        let function = program(seed);
        let text = function.to_string();
        let programs = programs(&mut engines, &text, &symbols);
        let (reference, compiled) = programs.split_last().expect("there are code generators");
        assert_eq!(reference.engine, "reference");
        let mut random = Random(seed);
        for _ in 0..8 {
            let inputs = INPUT_TYPES.map(|ty| match ty {
                Type::Float if random.below(2) == 0 => random.pick(&FLOATS).to_bits(),
                Type::Float => (random.below(2000) as f64 / 7.0 - 100.0).to_bits(),
                Type::Bool => random.below(2) as u64,
                _ if random.below(2) == 0 => random.pick(&INTS) as u64,
                _ => random.next() >> random.below(64),
            });
            let entry = random.pick(&INTS);
            let wanted = observe(reference, &function, &inputs, entry);
            match wanted.0 {
                End::Returned(_) => returned += 1,
                End::Left(..) => left += 1,
            }
            for program in compiled {
                let got = observe(program, &function, &inputs, entry);
                assert_eq!(
                    got, wanted,
                    "seed {seed}, {inputs:?}, {entry}: {}\n{text}",
                    program.engine
                );
            }
        }
    }
    if only.is_none() {
        assert!(returned > 100 && left > 100, "{returned} runs returned, {left} left");
    }
    println!("{returned} runs returned, {left} left");
}
