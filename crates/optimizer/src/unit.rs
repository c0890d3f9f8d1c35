//! A function on its way from IR to machine code: what can be done on any thread.

use crate::typed::TypedBody;
use crate::{Built, Decline};
use justjit_bytecode::Function as Decoded;
use justjit_cranelift as cranelift;
use justjit_ir::{self as ir, Function, SymbolData};
use justjit_lowering::{Exits, Resolver, SIGNATURE, lower, lower_typed, signature_of};
use justjit_passes::{Pipeline, When};
use justjit_runtime::deopt::{DEOPTIMIZE, DeoptPoint, LEAVE_TYPED, Place};
use justjit_runtime::layout::Code;
use justjit_runtime::version::Version;
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How a unit is compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// From 0 to 3.
    pub level: u8,
    /// By LLVM, where it is built in.
    pub llvm: bool,
    /// Names of passes that are left out.
    pub passes_off: BTreeSet<String>,
    /// Check the IR after each pass, and what the code generator gets.
    pub verify: bool,
    /// Keep texts: those of the IR after building, after each pass with that name, after all; the code generator's.
    pub texts: bool,
    /// Unwind information (Cranelift).
    pub unwind_info: bool,
}

/// Texts of a compilation, by name: `ir`, `ir:PASS`, `llvm`, `clif`, `asm`.
pub type Texts = Vec<(String, String)>;

/// What compiling gives.
pub struct Compiled {
    pub code: Box<dyn Any + Send>,
    pub body: *const (),
    pub code_bytes: usize,
    pub exits: Vec<Box<DeoptPoint>>,
    pub timings: Vec<(&'static str, Duration)>,
    pub texts: Texts,
}

// SAFETY: the pointers are addresses until the GIL is held again.
unsafe impl Send for Compiled {}

/// A function that has been built.
pub struct Unit {
    pub name: String,
    pub function: Function,
    pub codes: Vec<(*mut Code, Decoded)>,
    pub version: *mut Version,
    /// What it calls with numbers in registers.
    pub typed: Vec<TypedBody>,
    /// First code unit of the outermost code object's bytecode.
    pub instructions: *const u16,
}

// SAFETY: the pointers are addresses, of things that live as long as the version.
unsafe impl Send for Unit {}

struct Places<'a> {
    codes: &'a [(*mut Code, Decoded)],
    instructions: *const u16,
}

impl Resolver for Places<'_> {
    fn place(&self, code: &SymbolData, offset: u32) -> Place {
        let known = self
            .codes
            .iter()
            .find(|(known, _)| known.cast_const().cast() == code.address);
        let (_, decoded) = known.expect("frames are of code that was read");
        let index = decoded.index_containing(offset).expect("an instruction's offset");
        let instruction = decoded.instructions[index];
        Place {
            start: instruction.start,
            offset: instruction.offset,
            next: instruction.next,
        }
    }

    fn instructions(&self) -> *const u16 {
        self.instructions
    }
}

thread_local! {
    static CRANELIFT: RefCell<Option<cranelift::Backend>> = const { RefCell::new(None) };
    #[cfg(feature = "llvm")]
    static LLVM: RefCell<Option<justjit_llvm::Backend>> = const { RefCell::new(None) };
}

impl Unit {
    pub fn new(name: String, built: Built, version: *mut Version) -> Unit {
        let code = built.codes[0].0;
        Unit {
            name,
            function: built.function,
            // SAFETY: a live code object, of which only an address is taken.
            instructions: unsafe { Code::instructions(code) },
            codes: built.codes,
            typed: built.typed,
            version,
        }
    }

    /// Passes, lowering, code generation.
    ///
    /// # Errors
    /// Why there is no code.
    pub fn compile(mut self, options: &Options) -> Result<Compiled, Decline> {
        let mut made = Made::default();
        let function = std::mem::take(&mut self.function);
        let (code, body, mut code_bytes) = self.one(&self.name, function, &self.codes, false, options, &mut made)?;
        let mut codes = vec![code];
        for number in 0..self.typed.len() {
            let function = self.typed[number]
                .ir
                .take()
                .expect("typed bodies that are called were built");
            let typed = &self.typed[number];
            let name = function.name.clone();
            let (code, address, bytes) = self.one(&name, function, &typed.codes, true, options, &mut made)?;
            typed.word.store(address.cast_mut().cast(), Ordering::Release);
            codes.push(code);
            code_bytes += bytes;
        }
        let words: Vec<_> = self.typed.into_iter().map(|typed| typed.word).collect();
        Ok(Compiled {
            // The words are read by the code.
            code: Box::new((codes, words)),
            body,
            code_bytes,
            exits: made.exits,
            timings: made.timings,
            texts: made.texts,
        })
    }

    /// One of its functions.
    fn one(
        &self,
        name: &str,
        mut function: Function,
        codes: &[(*mut Code, Decoded)],
        typed: bool,
        options: &Options,
        made: &mut Made,
    ) -> Result<(Box<dyn Any + Send>, *const (), usize), Decline> {
        let label = |text: &str| match typed {
            true => format!("{text}:{name}"),
            false => text.to_owned(),
        };
        if options.verify || cfg!(debug_assertions) {
            ir::verify(&function).map_err(|error| Decline(format!("the IR is wrong: {error}")))?;
        }
        let texts = &mut made.texts;
        if options.texts {
            texts.push((label("ir:build"), function.to_string()));
        }
        let mut dump = |dump: justjit_passes::Dump<'_>| {
            if dump.when == When::After {
                let name = label(&format!("ir:{}", dump.pass));
                let text = dump.function.to_string();
                match texts.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known = text,
                    None => texts.push((name, text)),
                }
            }
        };
        let mut pipeline = Pipeline {
            off: options.passes_off.clone(),
            verify: options.verify,
            ..Pipeline::default()
        };
        if options.texts {
            pipeline.dump = Some(&mut dump);
        }
        let passed = pipeline.run(&mut function);
        made.timings.append(&mut pipeline.times);
        passed.map_err(|error| Decline(format!("the optimizer failed: {error}")))?;
        if options.texts {
            texts.push((label("ir"), function.to_string()));
        }
        let started = Instant::now();
        let places = Places {
            codes,
            instructions: self.instructions,
        };
        let leave = if typed { &LEAVE_TYPED } else { &DEOPTIMIZE };
        let exits = Exits::new(&function, self.version, &places, leave)
            .map_err(|error| Decline(format!("lowering: {error}")))?;
        made.timings.push(("exits", started.elapsed()));
        let started = Instant::now();
        let mut generated = Texts::new();
        let code = generate(name, &function, &exits, typed, options, &mut generated)?;
        made.texts
            .extend(generated.into_iter().map(|(text, content)| (label(&text), content)));
        made.timings.push(("code generation", started.elapsed()));
        made.exits.extend(exits.into_points());
        Ok(code)
    }
}

/// What compiling a unit's functions adds up to.
#[derive(Default)]
struct Made {
    exits: Vec<Box<DeoptPoint>>,
    timings: Vec<(&'static str, Duration)>,
    texts: Texts,
}

fn generate(
    name: &str,
    function: &Function,
    exits: &Exits,
    typed: bool,
    options: &Options,
    texts: &mut Texts,
) -> Result<(Box<dyn Any + Send>, *const (), usize), Decline> {
    let signature = if typed { signature_of(function) } else { SIGNATURE };
    #[cfg(feature = "llvm")]
    if options.llvm {
        return LLVM.with_borrow_mut(|backend| {
            let wanted = justjit_llvm::Options {
                level: options.level,
                fast_math: false,
                verify: options.verify,
            };
            let failed = |error: justjit_llvm::Error| Decline(format!("LLVM: {error}"));
            if backend.as_ref().is_none_or(|known| known.options() != wanted) {
                *backend = Some(justjit_llvm::Backend::new(wanted).map_err(failed)?);
            }
            let backend = backend.as_mut().expect("made above");
            let code = backend
                .compile(name, &signature, options.texts, &mut |b| match typed {
                    true => lower_typed(b, function, exits),
                    false => lower(b, function, exits),
                })
                .map_err(failed)?;
            if options.texts {
                texts.push(("llvm:emitted".into(), code.llvm_ir().unwrap_or_default().to_owned()));
                texts.push(("llvm".into(), code.optimized_llvm_ir().unwrap_or_default().to_owned()));
                texts.push(("asm".into(), listing(&justjit_llvm::disassemble(&code))));
            }
            let (body, size) = (code.address().cast(), code.size());
            Ok((Box::new(code) as Box<dyn Any + Send>, body, size))
        });
    }
    CRANELIFT.with_borrow_mut(|backend| {
        let wanted = cranelift::Options {
            optimize: options.level > 0,
            single_pass_regalloc: options.level == 0,
            verify: options.verify,
            unwind_info: options.unwind_info,
        };
        let failed = |error: cranelift::Error| Decline(error.to_string());
        if backend.as_ref().is_none_or(|known| known.options() != wanted) {
            *backend = Some(cranelift::Backend::new(wanted).map_err(failed)?);
        }
        let backend = backend.as_mut().expect("made above");
        let code = backend
            .compile(name, &signature, options.texts, &mut |b| match typed {
                true => lower_typed(b, function, exits),
                false => lower(b, function, exits),
            })
            .map_err(failed)?;
        if options.texts {
            texts.push(("clif".into(), code.clif().unwrap_or_default().to_owned()));
            texts.push(("asm".into(), listing(&cranelift::disassemble(&code))));
        }
        let (body, size) = (code.address().cast(), code.size());
        Ok((Box::new(code) as Box<dyn Any + Send>, body, size))
    })
}

fn listing(lines: &[(u32, String)]) -> String {
    lines.iter().map(|(at, text)| format!("{at:5x}  {text}\n")).collect()
}
