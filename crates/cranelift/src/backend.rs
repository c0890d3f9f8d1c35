//! Compiling one function: options, the reusable compiler state, and what can go wrong.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{SourceLoc, UserFuncName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{CompiledCode, Context};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use justjit_builder::Signature;

use crate::builder::{CraneliftBuilder, Names, Signatures};
use crate::code::{Code, Parts};
use crate::{memory, unwind};

/// How code is generated. The default is for code that runs often but not often enough for the optimizing tier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Cranelift's mid-end: constant folding, common subexpressions, redundant loads.
    pub optimize: bool,
    /// Allocate registers in a single pass: quick to compile, but the code is larger and slower.
    pub single_pass_regalloc: bool,
    /// Check the intermediate representation, and report mistakes as errors rather than as bad code.
    pub verify: bool,
    /// Register each function with the system's unwinder, so that debuggers and C++ exceptions can pass through it.
    /// Frame pointers are kept either way.
    pub unwind_info: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            optimize: true,
            single_pass_regalloc: false,
            verify: cfg!(debug_assertions),
            unwind_info: false,
        }
    }
}

/// Why there is no code.
#[derive(Debug)]
pub enum Error {
    /// There is no code generator for this machine.
    UnsupportedHost(String),
    /// Cranelift did not accept the function or an option.
    Codegen(String),
    /// The function needs a link-time relocation, which this back end does not do.
    Relocation(String),
    /// The system gave no executable memory.
    Memory(std::io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnsupportedHost(why) => {
                let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
                write!(f, "no machine code for this host ({arch}, {os}): {why}")
            }
            Error::Codegen(why) => write!(f, "Cranelift: {why}"),
            Error::Relocation(what) => write!(f, "the code needs a relocation: {what}"),
            Error::Memory(error) => write!(f, "no executable memory: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Memory(error) => Some(error),
            _ => None,
        }
    }
}

/// Cranelift's instructions of a function, up to which the buffers that compiling it has filled are kept for the next one.
const KEPT_INSTRUCTIONS: usize = 4_000;

/// A Cranelift compiler for this machine. One thread uses it at a time; its buffers are used again from function to
/// function. [`Code`] outlives it.
pub struct Backend {
    isa: OwnedTargetIsa,
    options: Options,
    context: Context,
    builder_context: FunctionBuilderContext,
    control_plane: ControlPlane,
    signatures: Signatures,
    frames: Option<unwind::Frames>,
    bytes_in_use: Arc<AtomicUsize>,
    instructions: usize,
}

impl Backend {
    /// A compiler for the machine this runs on, with all its instruction set extensions.
    pub fn new(options: Options) -> Result<Backend, Error> {
        if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            return Err(Error::UnsupportedHost("only x86_64 and aarch64 are known".into()));
        }
        let flags = settings::Flags::new(shared_settings(options).map_err(|e| Error::Codegen(e.to_string()))?);
        let isa = cranelift_native::builder()
            .map_err(|why| Error::UnsupportedHost(why.into()))?
            .finish(flags)
            .map_err(|e| Error::Codegen(e.to_string()))?;
        let frames = options.unwind_info.then(|| unwind::Frames::new(&*isa));
        Ok(Backend {
            isa,
            options,
            context: Context::new(),
            builder_context: FunctionBuilderContext::new(),
            control_plane: ControlPlane::default(),
            signatures: Signatures::default(),
            frames,
            bytes_in_use: Arc::default(),
            instructions: 0,
        })
    }

    /// The options this compiler was made with.
    pub fn options(&self) -> Options {
        self.options
    }

    /// Compiles one function. `build` is called once, with the function's first block current and empty; it gives
    /// every block that it jumps to a body and a terminator. With `want_text` the code keeps its Cranelift text and
    /// the names of the runtime functions that it calls.
    pub fn compile(
        &mut self,
        name: &str,
        signature: &Signature,
        want_text: bool,
        build: &mut dyn FnMut(&mut CraneliftBuilder<'_>),
    ) -> Result<Code, Error> {
        let compiled = self.generate(name, signature, want_text, build);
        if self.instructions > KEPT_INSTRUCTIONS {
            // Above all the register allocator's, which are tens of megabytes after a large function.
            self.context = Context::new();
            self.builder_context = FunctionBuilderContext::new();
            self.signatures = Signatures::default();
        }
        compiled
    }

    fn generate(
        &mut self,
        name: &str,
        signature: &Signature,
        want_text: bool,
        build: &mut dyn FnMut(&mut CraneliftBuilder<'_>),
    ) -> Result<Code, Error> {
        self.context.clear();
        self.signatures.clear();
        let mut names = want_text.then(Names::default);
        let call_conv = self.isa.default_call_conv();
        let function_name = if want_text {
            UserFuncName::testcase(name)
        } else {
            UserFuncName::default()
        };
        self.context.func.name = function_name;
        self.context.func.signature = crate::builder::signature(signature, call_conv);

        let inner = FunctionBuilder::new(&mut self.context.func, &mut self.builder_context);
        let mut builder = CraneliftBuilder::new(inner, call_conv, &mut self.signatures, names.as_mut());
        build(&mut builder);
        builder.finish(self.isa.frontend_config());
        self.instructions = self.context.func.dfg.num_insts();

        let names = names.unwrap_or_default();
        let clif = want_text.then(|| names.annotate_clif(&self.context.func.display().to_string()));

        let compiled = match self.context.compile(&*self.isa, &mut self.control_plane) {
            Ok(compiled) => compiled,
            Err(error) => return Err(Error::Codegen(format!("{name}: {:?}", error.inner))),
        };
        if let Some(relocation) = compiled.buffer.relocs().first() {
            return Err(Error::Relocation(format!("{name}: {relocation:?}")));
        }

        let code_size = compiled.code_buffer().len();
        let unwinding = match &self.frames {
            Some(frames) => frames.prepare(compiled, &*self.isa).map_err(Error::Codegen)?,
            None => None,
        };
        let trailer = unwinding.as_ref().map_or(&[][..], |prepared| prepared.trailer());
        let alignment = compiled.buffer.alignment as usize;
        let region = memory::publish(compiled.code_buffer(), trailer, alignment).map_err(Error::Memory)?;
        let registration = unwinding.map(|prepared| prepared.register(&region, code_size));
        Ok(Code::new(Parts {
            region,
            code_size,
            positions: positions(compiled),
            clif,
            names,
            registration,
            counter: self.bytes_in_use.clone(),
        }))
    }

    /// Bytes of memory that hold code made by this compiler, in whole allocation units.
    pub fn code_bytes_in_use(&self) -> usize {
        self.bytes_in_use.load(Ordering::Relaxed)
    }

    /// Bytes of address space reserved for code, for all compilers of the process together. Pages that hold no code
    /// take no memory.
    pub fn mapped_bytes(&self) -> usize {
        memory::mapped_bytes()
    }

    /// Number of Cranelift instructions of the function compiled last.
    pub fn last_instruction_count(&self) -> usize {
        self.instructions
    }
}

fn shared_settings(options: Options) -> Result<settings::Builder, settings::SetError> {
    let mut flags = settings::builder();
    let switch = |on: bool| if on { "true" } else { "false" };
    flags.set("opt_level", if options.optimize { "speed" } else { "none" })?;
    flags.set(
        "regalloc_algorithm",
        if options.single_pass_regalloc {
            "single_pass"
        } else {
            "backtracking"
        },
    )?;
    flags.set("enable_verifier", switch(options.verify))?;
    flags.set("unwind_info", switch(options.unwind_info))?;
    // For perf, gdb and everybody else who walks the stack without unwind tables.
    flags.set("preserve_frame_pointers", "true")?;
    flags.set("is_pic", "false")?;
    // The callers check the stack's bounds themselves, and frames are far smaller than a guard page.
    flags.set("enable_probestack", "false")?;
    // These guard sandboxed guests. Compiled Python is as trusted as the interpreter that it replaces.
    flags.set("enable_heap_access_spectre_mitigation", "false")?;
    flags.set("enable_table_access_spectre_mitigation", "false")?;
    flags.set("machine_code_cfg_info", "false")?;
    Ok(flags)
}

/// Start of each stretch of code and the bytecode offset it belongs to, neighbours of one offset joined.
fn positions(compiled: &CompiledCode) -> Box<[(u32, u32)]> {
    let mut positions: Vec<(u32, u32)> = Vec::new();
    for stretch in compiled.buffer.get_srclocs_sorted() {
        if stretch.loc == SourceLoc::default() {
            continue;
        }
        let bytecode_offset = stretch.loc.bits();
        if positions.last().is_none_or(|&(_, last)| last != bytecode_offset) {
            positions.push((stretch.start, bytecode_offset));
        }
    }
    positions.into_boxed_slice()
}
