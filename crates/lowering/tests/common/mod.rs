//! What the tests share: IR programs are lowered for every code generator and run on memory of the test's own, and what
//! leaves the code is written down instead of going on in Python frames.
#![allow(dead_code, reason = "each test file that includes this uses a part of it")]

mod engines;
pub mod interpreter;

pub use engines::engines;

use justjit_builder::{RuntimeFn, Signature, Type};
use justjit_ir::{Function, State, SymbolData, parse, verify};
use justjit_lowering::{Exits, Resolver};
use justjit_runtime::deopt::{DeoptPoint, Place};
use justjit_runtime::thread::Thread;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr::null_mut;

/// Integers around which arithmetic goes wrong.
pub const INTS: [i64; 23] = [
    0,
    1,
    2,
    3,
    -1,
    -2,
    -3,
    7,
    31,
    32,
    63,
    64,
    65,
    127,
    -128,
    255,
    32767,
    i32::MAX as i64,
    i32::MIN as i64,
    1 << 32,
    0x0123_4567_89ab_cdef,
    i64::MAX,
    i64::MIN,
];

pub const FLOATS: [f64; 17] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.5,
    2.5,
    0.1,
    f64::MIN_POSITIVE,
    5e-324,
    f64::MAX,
    f64::MIN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    9007199254740993.0,
    -4503599627370497.5,
    1e-310,
];

/// Memory that a program takes for its frame: inputs and outputs lie behind what a frame has.
#[repr(C, align(16))]
pub struct Memory {
    pub words: [u64; 96],
}

/// Index of the first input: programs read it at byte offset 128.
pub const INPUT: usize = 16;
/// Index of the first output: programs write it at byte offset 384.
pub const OUTPUT: usize = 48;

impl Memory {
    pub fn new(inputs: &[u64]) -> Memory {
        let mut words = [0; 96];
        words[INPUT..INPUT + inputs.len()].copy_from_slice(inputs);
        Memory { words }
    }
}

/// How a run ended.
#[derive(Clone, PartialEq, Debug)]
pub enum End {
    /// What the body gave.
    Returned(u64),
    /// The state, and the words that were passed.
    Left(State, Vec<u64>),
}

/// Compiled code: `(thread, frame, entry) -> result`.
pub type Run = Box<dyn Fn(u64, u64, i64) -> u64>;

pub type Compile = dyn FnMut(&Function, &Exits) -> Run;

/// A code generator.
pub struct Engine {
    pub name: String,
    pub compile: Box<Compile>,
}

/// What symbols mean to a test.
#[derive(Default)]
pub struct Symbols {
    pub addresses: HashMap<&'static str, *const ()>,
    pub functions: HashMap<&'static str, &'static RuntimeFn>,
}

/// Where the tests' code objects have their bytecode.
pub static INSTRUCTIONS: [u16; 64] = [0; 64];

/// The result of a body that was left.
pub const LEFT: u64 = 0x5ea7_0000;

impl Resolver for Symbols {
    fn before(&self, _: &SymbolData, offset: u32) -> u32 {
        offset.saturating_sub(2)
    }

    fn address(&self, symbol: &SymbolData) -> *const () {
        let known = self.addresses.get(symbol.name.as_str());
        known.copied().unwrap_or(std::ptr::without_provenance(0x1000))
    }

    fn function(&self, symbol: &SymbolData) -> Option<&'static RuntimeFn> {
        self.functions.get(symbol.name.as_str()).copied()
    }

    fn place(&self, code: &SymbolData, offset: u32) -> Place {
        // Tells code objects apart.
        let start = offset + 1000 * code.name.len() as u32;
        Place {
            start,
            offset: start,
            next: start + 2,
        }
    }

    fn instructions(&self) -> *const u16 {
        INSTRUCTIONS.as_ptr()
    }
}

/// What the deoptimizer was called with.
struct Call {
    thread: u64,
    frame: u64,
    point: u64,
    words: Vec<u64>,
}

thread_local! {
    /// How many words each point of the program under test is passed.
    static COUNTS: RefCell<HashMap<u64, usize>> = RefCell::default();
    static CALLS: RefCell<Vec<Call>> = RefCell::default();
}

extern "C" fn deoptimize(thread: u64, frame: u64, point: *mut DeoptPoint, words: *const u64) -> u64 {
    let count = COUNTS.with_borrow(|counts| counts[&(point as u64)]);
    // SAFETY: the code passes that many words.
    let words = (0..count).map(|index| unsafe { words.add(index).read() }).collect();
    CALLS.with_borrow_mut(|calls| {
        calls.push(Call {
            thread,
            frame,
            point: point as u64,
            words,
        });
    });
    LEFT
}

static DEOPTIMIZE: RuntimeFn = RuntimeFn {
    name: "test_deoptimize",
    address: deoptimize as *const (),
    signature: Signature {
        params: &[Type::I64; 4],
        result: Some(Type::I64),
    },
    pure: false,
    takes: 0,
};

pub fn parsed(text: &str) -> Function {
    let function = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify(&function).unwrap_or_else(|error| panic!("{error}\n{text}"));
    function
}

pub fn exits(function: &Function, symbols: &Symbols) -> Exits {
    Exits::new(function, null_mut(), symbols, &DEOPTIMIZE).unwrap_or_else(|error| panic!("{error}\n{function}"))
}

/// A program, compiled by one code generator.
pub struct Program {
    pub engine: String,
    pub text: String,
    pub exits: Exits,
    run: Run,
}

impl Program {
    /// Runs with this memory as the frame, and for 0 with a thread of its own.
    pub fn run_on(&self, memory: &mut Memory, thread: u64, entry: i64) -> End {
        let mut own = Box::new(Thread::new(std::ptr::null_mut()));
        let thread = if thread == 0 { (&raw mut *own) as u64 } else { thread };
        let counts = self.exits.iter();
        let counts = counts.map(|exit| ((&raw const *exit.point) as u64, exit.words.len()));
        COUNTS.set(counts.collect());
        CALLS.take();
        let frame = (&raw mut *memory) as u64;
        let result = (self.run)(thread, frame, entry);
        let mut calls = CALLS.take();
        match calls.pop() {
            None => End::Returned(result),
            Some(call) => {
                assert!(calls.is_empty(), "{}: left twice", self.engine);
                assert_eq!((call.thread, call.frame), (thread, frame), "{}", self.engine);
                assert_eq!(result, LEFT, "{}", self.engine);
                let is_it = |exit: &justjit_lowering::Exit| (&raw const *exit.point) as u64 == call.point;
                let exit = self.exits.iter().find(|exit| is_it(exit));
                let (state, _) = exit.expect("it is one of the points").which;
                End::Left(state, call.words)
            }
        }
    }

    /// Runs with these inputs: the output word, or how the code was left.
    pub fn run(&self, inputs: &[u64]) -> Result<u64, (State, Vec<u64>)> {
        let mut memory = Memory::new(inputs);
        match self.run_on(&mut memory, 0, 0) {
            End::Returned(result) => {
                assert_eq!(result, 0, "{}: {}", self.engine, self.text);
                Ok(memory.words[OUTPUT])
            }
            End::Left(state, words) => Err((state, words)),
        }
    }
}

/// The program by every code generator.
pub fn programs(engines: &mut [Engine], text: &str, symbols: &Symbols) -> Vec<Program> {
    let function = parsed(text);
    let compile = |engine: &mut Engine| {
        let exits = exits(&function, symbols);
        let run = (engine.compile)(&function, &exits);
        Program {
            engine: engine.name.clone(),
            text: text.to_owned(),
            exits,
            run,
        }
    };
    engines.iter_mut().map(compile).collect()
}
