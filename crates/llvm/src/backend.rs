//! Compiling one function: options, the compiler's state, and the steps from text to code.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::{Arc, OnceLock};

use justjit_builder::Signature;
use llvm_sys::LLVMDiagnosticSeverity;
use llvm_sys::analysis::{LLVMVerifierFailureAction, LLVMVerifyModule};
use llvm_sys::core::{
    LLVMConstInt, LLVMConstIntToPtr, LLVMContextSetDiagnosticHandler, LLVMDeleteFunction, LLVMDisposeMessage,
    LLVMGetDiagInfoDescription, LLVMGetDiagInfoSeverity, LLVMInt64TypeInContext, LLVMModuleCreateWithNameInContext,
    LLVMPointerTypeInContext, LLVMReplaceAllUsesWith, LLVMSetTarget,
};
use llvm_sys::error::LLVMErrorRef;
use llvm_sys::prelude::{LLVMBool, LLVMDiagnosticInfoRef, LLVMMemoryBufferRef, LLVMModuleRef};
use llvm_sys::target::{LLVMDisposeTargetData, LLVMSetModuleDataLayout};
use llvm_sys::target_machine::{LLVMCodeGenFileType, LLVMCreateTargetDataLayout, LLVMTargetMachineRef};
use llvm_sys::transforms::pass_builder::{LLVMCreatePassBuilderOptions, LLVMPassBuilderOptionsRef};

use crate::builder::{LlvmBuilder, RuntimeCallee, c_name};
use crate::code::{Code, Text};
use crate::handles::{Context, MemoryBuffer, Module, PassOptions, TargetMachine, check, take_message};
use crate::jit::Jit;
use crate::passes::{LEVELS, PIPELINES};
use crate::process::{self, Inside, catch_fatal};
use crate::{Error, host};

/// How code is generated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// 0: as it was emitted. 1: what is quick to do. 2: redundant computations and loads, loop invariants.
    /// 3: also vectorizes and unrolls loops.
    pub level: u8,
    /// Lets float operations be reordered, fused, and replaced by multiplication with a reciprocal, and the sign of
    /// zero be lost: results may differ from what [`Builder`](justjit_builder::Builder) says. NaN and infinity are kept.
    pub fast_math: bool,
    /// Check the intermediate representation, and report mistakes as errors rather than as bad code.
    pub verify: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            level: 2,
            fast_math: false,
            verify: cfg!(debug_assertions),
        }
    }
}

/// What is done between optimizing a large function and generating its code, which have little of LLVM in common.
static BETWEEN_PHASES: OnceLock<fn()> = OnceLock::new();
/// Blocks of a large function.
const LARGE: usize = 1_000;

/// Sets what is done between optimizing a large function and generating its code. What is set first stays.
pub fn set_between_phases(act: fn()) {
    let _ = BETWEEN_PHASES.set(act);
}

/// An LLVM compiler for this machine. One thread uses it at a time. [`Code`] outlives it.
pub struct Backend {
    options: Options,
    machine: TargetMachine,
    pass_options: PassOptions,
    jit: Arc<Jit>,
    /// Functions compiled so far; makes names unique.
    functions: u64,
}

// SAFETY: none of this is bound to the thread that made it, and only one thread at a time has the compiler.
unsafe impl Send for Backend {}

// As declared by llvm_sys, but these may unwind: the fatal error handler does.
unsafe extern "C-unwind" {
    fn LLVMRunPasses(
        module: LLVMModuleRef,
        passes: *const c_char,
        machine: LLVMTargetMachineRef,
        options: LLVMPassBuilderOptionsRef,
    ) -> LLVMErrorRef;
    fn LLVMTargetMachineEmitToMemoryBuffer(
        machine: LLVMTargetMachineRef,
        module: LLVMModuleRef,
        kind: LLVMCodeGenFileType,
        message: *mut *mut c_char,
        buffer: *mut LLVMMemoryBufferRef,
    ) -> LLVMBool;
}

impl Backend {
    /// A compiler for the machine this runs on, with all its instruction set extensions. The first one starts LLVM up.
    pub fn new(options: Options) -> Result<Backend, Error> {
        let inside = process::enter()?;
        let Some(level) = PIPELINES.get(usize::from(options.level)) else {
            return Err(Error::Codegen(format!("levels go from 0 to {}", LEVELS - 1)));
        };
        let machine = host::target_machine(&inside, level.codegen)?;
        // SAFETY: no preconditions.
        let pass_options = PassOptions(unsafe { LLVMCreatePassBuilderOptions() });
        Ok(Backend {
            options,
            machine,
            pass_options,
            jit: Arc::new(Jit::new(&inside)?),
            functions: 0,
        })
    }

    /// The options this compiler was made with.
    pub fn options(&self) -> Options {
        self.options
    }

    /// Compiles one function. `build` is called once, with the function's first block current and empty; it gives
    /// every block that it jumps to a body and a terminator. With `want_text` the code keeps its LLVM text before and
    /// after optimization.
    pub fn compile(
        &mut self,
        name: &str,
        signature: &Signature,
        want_text: bool,
        build: &mut dyn FnMut(&mut LlvmBuilder<'_>),
    ) -> Result<Code, Error> {
        if !self.jit.is_ours() {
            return Err(Error::Forked);
        }
        let inside = process::enter()?;
        self.functions += 1;
        let symbol = c_name(&if want_text {
            format!("{name}.{}", self.functions)
        } else {
            format!("f.{}", self.functions)
        });

        // A context of its own for each function, since what is made in a context stays until it is disposed of.
        let context = Context::new();
        let diagnostics = Diagnostics::default();
        // SAFETY: the list outlives the use of the context.
        unsafe {
            let list = (&raw const diagnostics).cast_mut().cast();
            LLVMContextSetDiagnosticHandler(context.0, Some(on_diagnostic), list);
        }
        let module = self.new_module(&context, &inside)?;
        let mut builder = LlvmBuilder::new(&context, &module, &symbol, signature, self.options.fast_math);
        build(&mut builder);
        let has_plain_loops = builder.has_plain_loops;
        let is_large = builder.blocks.len() > LARGE;
        let callees = builder.finish()?;
        if self.options.verify {
            verify(&module)?;
        }

        let emitted = want_text.then(|| module.text());
        let level = &PIPELINES[usize::from(self.options.level)];
        let vector = level.vector.filter(|_| has_plain_loops);
        for passes in level.pipeline.into_iter().chain(vector) {
            self.run_passes(&module, passes)?;
        }
        let text = emitted.map(|emitted| Text {
            emitted,
            optimized: module.text(),
        });
        if is_large && let Some(act) = BETWEEN_PHASES.get() {
            act();
        }
        let names = bind(&context, &callees);
        let object = self.emit(&module)?;
        if let Some(error) = diagnostics.borrow().first() {
            return Err(Error::Codegen(error.clone()));
        }
        let linked = self.jit.link(&inside, &object, &symbol)?;
        Ok(Code::new(self.jit.clone(), linked, text, names))
    }

    fn new_module(&self, context: &Context, inside: &Inside) -> Result<Module, Error> {
        let triple = host::triple(inside)?;
        // SAFETY: the context outlives the module; the data layout is copied.
        unsafe {
            let module = Module(LLVMModuleCreateWithNameInContext(c"justjit".as_ptr(), context.0));
            LLVMSetTarget(module.0, triple.as_ptr());
            let layout = LLVMCreateTargetDataLayout(self.machine.0);
            LLVMSetModuleDataLayout(module.0, layout);
            LLVMDisposeTargetData(layout);
            Ok(module)
        }
    }

    fn run_passes(&self, module: &Module, passes: &CStr) -> Result<(), Error> {
        // SAFETY: all are alive, and nobody else uses them.
        let error =
            catch_fatal(|| unsafe { LLVMRunPasses(module.0, passes.as_ptr(), self.machine.0, self.pass_options.0) })?;
        // SAFETY: LLVM returned it just now.
        unsafe { check(error) }.map_err(Error::Codegen)
    }

    fn emit(&self, module: &Module) -> Result<MemoryBuffer, Error> {
        let mut message = ptr::null_mut();
        let mut buffer = ptr::null_mut();
        let kind = LLVMCodeGenFileType::LLVMObjectFile;
        // SAFETY: all are alive, and nobody else uses them; the pointers are places for results.
        let failed = catch_fatal(|| unsafe {
            LLVMTargetMachineEmitToMemoryBuffer(self.machine.0, module.0, kind, &mut message, &mut buffer)
        })?;
        if failed != 0 {
            // SAFETY: on failure there is a message.
            let why = unsafe { take_message(message) };
            return Err(Error::Codegen(why.to_string_lossy().into_owned()));
        }
        Ok(MemoryBuffer(buffer))
    }
}

/// Puts addresses in the place of the runtime functions' declarations. Those were good for their names in the text and
/// for their attributes; a constant address needs no relocation, and no stub if the function is far away.
fn bind(context: &Context, callees: &[(usize, RuntimeCallee)]) -> HashMap<u64, &'static str> {
    callees
        .iter()
        .map(|&(address, ref callee)| {
            let address = address as u64;
            // SAFETY: the declaration is of the context, and not used after.
            unsafe {
                let constant = LLVMConstInt(LLVMInt64TypeInContext(context.0), address, 0);
                let pointer = LLVMConstIntToPtr(constant, LLVMPointerTypeInContext(context.0, 0));
                LLVMReplaceAllUsesWith(callee.declaration, pointer);
                LLVMDeleteFunction(callee.declaration);
            }
            (address, callee.name)
        })
        .collect()
}

fn verify(module: &Module) -> Result<(), Error> {
    let mut message = ptr::null_mut();
    // SAFETY: the module is alive. There is a message, be it empty.
    unsafe {
        let failed = LLVMVerifyModule(
            module.0,
            LLVMVerifierFailureAction::LLVMReturnStatusAction,
            &mut message,
        );
        let why = take_message(message);
        match failed {
            0 => Ok(()),
            _ => Err(Error::Codegen(why.to_string_lossy().into_owned())),
        }
    }
}

/// Errors that LLVM reports in passing.
type Diagnostics = RefCell<Vec<String>>;

/// Keeps errors for [`Backend::compile`]; left to itself, LLVM prints them and ends the process.
extern "C" fn on_diagnostic(info: LLVMDiagnosticInfoRef, errors: *mut c_void) {
    // SAFETY: the list that `compile` passes. The description is a message.
    unsafe {
        if LLVMGetDiagInfoSeverity(info) as u32 == LLVMDiagnosticSeverity::LLVMDSError as u32 {
            let description = LLVMGetDiagInfoDescription(info);
            let text = CStr::from_ptr(description).to_string_lossy().into_owned();
            LLVMDisposeMessage(description);
            (*errors.cast::<Diagnostics>()).borrow_mut().push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use justjit_builder::{Builder, IntOp, Type};

    use super::*;
    use crate::builder::LlvmValue;

    const I64_TO_I64: Signature = Signature {
        params: &[Type::I64],
        result: Some(Type::I64),
    };

    fn plus_one(backend: &mut Backend) -> Result<Code, Error> {
        backend.compile("f", &I64_TO_I64, false, &mut |b| {
            let x = b.param(0);
            let result = b.int_op_const(IntOp::Add, x, 1);
            b.ret(result);
        })
    }

    // The only test here: LLVM cannot be used in this process afterwards.
    #[test]
    fn errors_that_would_end_the_process_are_errors_here() {
        let mut backend = Backend::new(Options::default()).unwrap();
        let code = plus_one(&mut backend).unwrap();
        let reported = backend.compile("f", &I64_TO_I64, false, &mut |b| {
            let register = b.annotations.string_argument("no such register");
            let value = b.intrinsic("llvm.read_register", &mut [b.types.i64], &mut [register]);
            b.ret(LlvmValue(value));
        });
        assert!(
            matches!(&reported, Err(Error::Codegen(why)) if why.contains("no such register")),
            "{reported:?}"
        );
        plus_one(&mut backend).unwrap();

        // An instruction that this machine does not have.
        let foreign = if cfg!(target_arch = "x86_64") {
            "llvm.aarch64.crc32w"
        } else {
            "llvm.x86.sse42.crc32.32.32"
        };
        let fatal = backend.compile("f", &I64_TO_I64, false, &mut |b| {
            let x = b.param(0);
            let x = b.truncate(Type::I32, x);
            let sum = b.intrinsic(foreign, &mut [], &mut [x.0, x.0]);
            let result = b.zero_extend(Type::I64, LlvmValue(sum));
            b.ret(result);
        });
        assert!(
            matches!(&fatal, Err(Error::Fatal(why)) if why.contains("annot select")),
            "{fatal:?}"
        );
        assert!(matches!(plus_one(&mut backend), Err(Error::Fatal(_))));
        assert!(matches!(Backend::new(Options::default()), Err(Error::Fatal(_))));
        // SAFETY: compiled with this signature.
        let function: extern "C" fn(i64) -> i64 = unsafe { std::mem::transmute(code.address()) };
        assert_eq!(function(1), 2);
    }
}
