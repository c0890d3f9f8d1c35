//! A function on its way from IR to machine code: what can be done on any thread.

use crate::text::name_of;
use crate::{Built, Decline};
use justjit_bytecode::Function as Decoded;
use justjit_cranelift as cranelift;
use justjit_ir::{self as ir, Function, SymbolData};
use justjit_lowering::{Exits, Resolver, SIGNATURE, lower, lower_typed, signature_of};
use justjit_passes::{Pipeline, When};
use justjit_runtime::deopt::{DEOPTIMIZE, DeoptPoints, LEAVE_TYPED, Place};
use justjit_runtime::layout::Code;
use justjit_runtime::tiering::request::TypedCode;
use justjit_runtime::version::Version;
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::{Duration, Instant};

/// How a unit is compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// From 0 to 3.
    pub level: u8,
    /// LLVM may compute floats otherwise than Python does (see [`justjit_llvm::Options::fast_math`]).
    pub fast_math: bool,
    /// By LLVM, where it is built in.
    pub llvm: bool,
    /// Names of passes that are left out.
    pub passes_off: BTreeSet<String>,
    /// Check the IR after each pass, and what the code generator gets.
    pub verify: bool,
    /// Keep texts: those of the IR after building, after each pass with that name, after all; the code generator's.
    pub texts: bool,
    /// For tests: each place where the code can be left is left the first time that it is come to.
    pub fail_exits: bool,
    /// Unwind information (Cranelift).
    pub unwind_info: bool,
}

/// Texts of a compilation, by name: `ir:build` (before the passes), `ir:PASS` (after the last run of that pass), `ir` (after
/// all); `llvm:emitted` and `llvm`, or `clif`; `asm`.
pub type Texts = Vec<(String, String)>;

/// What compiling gives.
pub struct Compiled {
    pub code: Box<dyn Any + Send>,
    pub body: *const (),
    pub code_bytes: usize,
    pub typed: Vec<TypedCode>,
    pub exits: DeoptPoints,
    pub timings: Vec<(&'static str, Duration)>,
    pub texts: Texts,
    /// Has the code of the unit, whichever is running, call this code's typed bodies: to be done when the version gets it.
    pub publish: Box<dyn FnOnce() + Send>,
}

// SAFETY: the pointers are addresses until the GIL is held again.
unsafe impl Send for Compiled {}

/// Where the addresses of typed bodies go, in their order; all code of a unit reads them.
#[allow(clippy::vec_box, reason = "code has their addresses")]
type Words = Arc<Vec<Box<AtomicPtr<()>>>>;

/// A function that has been built. It may be compiled more than once.
pub struct Unit {
    /// The version's body, then the typed bodies that these call.
    parts: Vec<Part>,
    words: Words,
    version: *mut Version,
    /// First code unit of the outermost code object's bytecode.
    bytecode: *const u16,
}

/// A function of machine code.
struct Part {
    name: String,
    function: Function,
    /// The passes have run.
    is_optimized: bool,
    /// Those for vector code, too.
    is_for_vectors: bool,
    codes: Vec<(*mut Code, Decoded)>,
    is_typed: bool,
    /// Names and files of the code objects, where [`Unit::name_codes`] was called.
    names: Vec<(String, String)>,
}

// SAFETY: the pointers are addresses, of things that live as long as the version.
unsafe impl Send for Unit {}

struct Places<'a> {
    codes: &'a [(*mut Code, Decoded)],
    instructions: *const u16,
}

impl Places<'_> {
    fn find(&self, code: &SymbolData, offset: u32) -> (&Decoded, usize) {
        let known = self
            .codes
            .iter()
            .find(|(known, _)| known.cast_const().cast() == code.address);
        let (_, decoded) = known.expect("frames are of code that was read");
        (
            decoded,
            decoded.index_containing(offset).expect("an instruction's offset"),
        )
    }
}

impl Resolver for Places<'_> {
    fn before(&self, code: &SymbolData, offset: u32) -> u32 {
        let (decoded, index) = self.find(code, offset);
        decoded.instructions[index.saturating_sub(1)].offset
    }

    fn place(&self, code: &SymbolData, offset: u32) -> Place {
        let (decoded, index) = self.find(code, offset);
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
    /// One for each set of options that was asked for.
    static LLVM: RefCell<Vec<justjit_llvm::Backend>> = const { RefCell::new(Vec::new()) };
}

/// Has a thread that compiles with LLVM do something between optimizing a large function and generating its code.
#[cfg(feature = "llvm")]
pub fn set_between_phases(act: fn()) {
    justjit_llvm::set_between_phases(act);
}

/// What compiling a unit's parts adds up to.
#[derive(Default)]
struct Made {
    exits: DeoptPoints,
    timings: Vec<(&'static str, Duration)>,
    texts: Texts,
}

impl Unit {
    pub fn new(name: String, built: Built, version: *mut Version) -> Unit {
        let code = built.codes[0].0;
        let mut parts = vec![Part {
            name,
            function: built.function,
            is_optimized: false,
            is_for_vectors: false,
            codes: built.codes,
            is_typed: false,
            names: Vec::new(),
        }];
        let mut words = Vec::new();
        for typed in built.typed {
            let function = typed.ir.expect("typed bodies that are called were built");
            parts.push(Part {
                name: function.name.clone(),
                function,
                is_optimized: false,
                is_for_vectors: false,
                codes: typed.codes,
                is_typed: true,
                names: Vec::new(),
            });
            words.push(typed.word);
        }
        Unit {
            parts,
            words: Arc::new(words),
            // SAFETY: a live code object, of which only an address is taken.
            bytecode: unsafe { Code::instructions(code) },
            version,
        }
    }

    /// Instructions of IR.
    pub fn instructions(&self) -> usize {
        self.parts.iter().map(|part| part.function.insts.len()).sum()
    }

    /// Has texts name the code objects that were inlined.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn name_codes(&mut self) {
        // SAFETY: see the contract; the version keeps the code objects.
        let name =
            |&(code, _): &(*mut Code, Decoded)| unsafe { (name_of((*code).co_qualname), name_of((*code).co_filename)) };
        for part in &mut self.parts {
            part.names = part.codes.iter().map(name).collect();
        }
    }

    /// Passes, lowering, code generation.
    ///
    /// # Errors
    /// Why there is no code.
    pub fn compile(&mut self, options: &Options) -> Result<Compiled, Decline> {
        let mut made = Made::default();
        let mut codes = Vec::new();
        let mut addresses = Vec::new();
        let mut code_bytes = 0;
        let mut typed_codes = Vec::new();
        for part in &mut self.parts {
            let (code, address, bytes) = part.compile(self.version, self.bytecode, options, &mut made)?;
            codes.push(code);
            addresses.push(address);
            code_bytes += bytes;
            if part.is_typed {
                typed_codes.push(TypedCode {
                    name: part.name.as_str().into(),
                    start: address,
                    bytes,
                });
            }
        }
        let body = addresses[0];
        let typed: Vec<_> = addresses[1..]
            .iter()
            .map(|address| AtomicPtr::new(address.cast_mut()))
            .collect();
        let words = self.words.clone();
        let publish = move || {
            for (word, address) in words.iter().zip(typed) {
                word.store(address.into_inner(), Ordering::Release);
            }
        };
        Ok(Compiled {
            // The words are read by the code.
            code: Box::new((codes, self.words.clone())),
            body,
            publish: Box::new(publish),
            code_bytes,
            typed: typed_codes,
            exits: made.exits,
            timings: made.timings,
            texts: made.texts,
        })
    }
}

impl Part {
    /// The source line of a position in the IR, in words.
    fn line_of(&self, position: ir::Position) -> Option<String> {
        let code = position.code as usize;
        let line = self.codes.get(code)?.1.position(position.offset).line?;
        Some(match self.names.get(code) {
            Some((name, file)) if code > 0 => format!("line {line} of {name} in {file}"),
            _ => format!("line {line}"),
        })
    }

    fn text(&self, function: &Function) -> String {
        function.annotated(&|position| self.line_of(position)).to_string()
    }

    /// Machine code; `@L12` before what belongs to source line 12, as far as that is known.
    fn listing(&self, lines: &[(u32, String)], position: &dyn Fn(u32) -> Option<u32>) -> String {
        let mut text = String::new();
        let mut last = None;
        for (at, instruction) in lines {
            let line = position(*at).and_then(|offset| self.codes[0].1.position(offset).line);
            if line.is_some() && line != last {
                last = line;
                text.push_str(&format!("@L{}\n", line.unwrap_or_default()));
            }
            text.push_str(&format!("    {at:5x}  {instruction}\n"));
        }
        text
    }

    /// What a text of this function is called.
    fn label(&self, text: &str) -> String {
        match self.is_typed {
            true => format!("{text}:{}", self.name),
            false => text.to_owned(),
        }
    }

    fn compile(
        &mut self,
        version: *mut Version,
        instructions: *const u16,
        options: &Options,
        made: &mut Made,
    ) -> Result<(Box<dyn Any + Send>, *const (), usize), Decline> {
        let mut function = std::mem::take(&mut self.function);
        self.optimize(&mut function, options, made)?;
        let failures = options.fail_exits.then(|| crate::stress::fail_exits(&mut function));
        let started = Instant::now();
        let places = Places {
            codes: &self.codes,
            instructions,
        };
        let leave = if self.is_typed { &LEAVE_TYPED } else { &DEOPTIMIZE };
        let exits =
            Exits::new(&function, version, &places, leave).map_err(|error| Decline(format!("lowering: {error}")))?;
        made.timings.push(("exits", started.elapsed()));
        let started = Instant::now();
        let mut texts = Texts::new();
        let (code, body, code_bytes) = self.generate(&function, &exits, options, &mut texts)?;
        let phase = if options.llvm { "LLVM" } else { "Cranelift" };
        made.timings.push((phase, started.elapsed()));
        let texts = texts.into_iter().map(|(name, text)| (self.label(&name), text));
        made.texts.extend(texts);
        made.exits.append(exits.into_points());
        self.function = function;
        let code = match failures {
            Some(failures) => Box::new((code, failures)),
            None => code,
        };
        Ok((code, body, code_bytes))
    }

    /// Runs the passes that have not run yet.
    fn optimize(&mut self, function: &mut Function, options: &Options, made: &mut Made) -> Result<(), Decline> {
        let texts = &mut made.texts;
        if options.texts && !self.is_optimized {
            texts.push((self.label("ir:build"), self.text(function)));
        }
        let mut dump = |dump: justjit_passes::Dump<'_>| {
            if dump.when == When::After {
                let name = self.label(&format!("ir:{}", dump.pass));
                let text = self.text(dump.function);
                match texts.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known = text,
                    None => texts.push((name, text)),
                }
            }
        };
        let mut pipeline = Pipeline {
            off: options.passes_off.clone(),
            verify: options.verify,
            references: options.verify,
            ..Pipeline::default()
        };
        if options.texts {
            pipeline.dump = Some(&mut dump);
        }
        let mut passed = Ok(());
        if !self.is_optimized {
            passed = pipeline.run(function);
        }
        if options.llvm && !self.is_for_vectors && passed.is_ok() {
            passed = pipeline.run_for_vectors(function);
        }
        made.timings.append(&mut pipeline.times);
        passed.map_err(|error| Decline(format!("the optimizer failed: {error}")))?;
        self.is_optimized = true;
        self.is_for_vectors |= options.llvm;
        if options.texts {
            texts.push((self.label("ir"), self.text(function)));
        }
        Ok(())
    }

    #[allow(clippy::type_complexity, reason = "three parts of one thing")]
    fn generate(
        &self,
        function: &Function,
        exits: &Exits,
        options: &Options,
        texts: &mut Texts,
    ) -> Result<(Box<dyn Any + Send>, *const (), usize), Decline> {
        let signature = match self.is_typed {
            true => signature_of(function),
            false => SIGNATURE,
        };
        #[cfg(feature = "llvm")]
        if options.llvm {
            return LLVM.with_borrow_mut(|backends| {
                let wanted = justjit_llvm::Options {
                    level: options.level,
                    fast_math: options.fast_math,
                    verify: options.verify,
                };
                let failed = |error: justjit_llvm::Error| Decline(format!("LLVM: {error}"));
                let known = backends.iter().position(|known| known.options() == wanted);
                let at = match known {
                    Some(at) => at,
                    None => {
                        backends.push(justjit_llvm::Backend::new(wanted).map_err(failed)?);
                        backends.len() - 1
                    }
                };
                let backend = &mut backends[at];
                let code = backend
                    .compile(&self.name, &signature, options.texts, &mut |b| match self.is_typed {
                        true => lower_typed(b, function, exits),
                        false => lower(b, function, exits),
                    })
                    .map_err(failed)?;
                if options.texts {
                    texts.push(("llvm:emitted".into(), code.llvm_ir().unwrap_or_default().to_owned()));
                    texts.push(("llvm".into(), code.optimized_llvm_ir().unwrap_or_default().to_owned()));
                    texts.push(("asm".into(), self.listing(&justjit_llvm::disassemble(&code), &|_| None)));
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
                .compile(&self.name, &signature, options.texts, &mut |b| match self.is_typed {
                    true => lower_typed(b, function, exits),
                    false => lower(b, function, exits),
                })
                .map_err(failed)?;
            if options.texts {
                texts.push(("clif".into(), code.clif().unwrap_or_default().to_owned()));
                texts.push((
                    "asm".into(),
                    self.listing(&cranelift::disassemble(&code), &|at| code.position_at(at)),
                ));
            }
            let (body, size) = (code.address().cast(), code.size());
            Ok((Box::new(code) as Box<dyn Any + Send>, body, size))
        })
    }
}
