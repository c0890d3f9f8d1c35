//! The machine that code is generated for: the one this runs on.

use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::OnceLock;

use llvm_sys::error_handling::{LLVMFatalErrorHandler, LLVMInstallFatalErrorHandler};
use llvm_sys::target_machine::{
    LLVMCodeGenOptLevel, LLVMCodeModel, LLVMCreateTargetMachine, LLVMGetDefaultTargetTriple, LLVMGetHostCPUFeatures,
    LLVMGetHostCPUName, LLVMGetTargetFromTriple, LLVMRelocMode, LLVMTargetRef,
};

use crate::Error;
use crate::handles::{TargetMachine, take_message};
use crate::process::{Inside, on_fatal_error};

/// The name of the stack pointer in LLVM's terms.
pub(crate) const STACK_POINTER: &CStr = if cfg!(target_arch = "x86_64") { c"rsp" } else { c"sp" };

struct Host {
    target: LLVMTargetRef,
    triple: CString,
    cpu: CString,
    features: CString,
}

// SAFETY: a target is a constant of the program.
unsafe impl Send for Host {}
// SAFETY: as for Send.
unsafe impl Sync for Host {}

/// LLVM starts up with the first backend. The [`Inside`] makes sure that no fork leaves this half done unnoticed.
fn host(_: &Inside) -> Result<&'static Host, Error> {
    static HOST: OnceLock<Result<Host, Error>> = OnceLock::new();
    HOST.get_or_init(start).as_ref().map_err(Clone::clone)
}

fn start() -> Result<Host, Error> {
    // SAFETY: the two types differ only in that the handler is known to unwind. LLVM calls it without holding a lock,
    // and its frames carry unwind tables on all platforms that we build for.
    let handler: LLVMFatalErrorHandler = Some(unsafe {
        std::mem::transmute::<extern "C-unwind" fn(*const c_char), extern "C" fn(*const c_char)>(on_fatal_error)
    });
    // SAFETY: the handler lives as long as the program.
    unsafe { LLVMInstallFatalErrorHandler(handler) };
    initialize_target()?;
    // SAFETY: no preconditions; each returns a message of its own.
    let (triple, cpu, features) = unsafe {
        (
            take_message(LLVMGetDefaultTargetTriple()),
            take_message(LLVMGetHostCPUName()),
            take_message(LLVMGetHostCPUFeatures()),
        )
    };
    let mut target = ptr::null_mut();
    let mut message = ptr::null_mut();
    // SAFETY: the triple is a string; the others are places for results.
    if unsafe { LLVMGetTargetFromTriple(triple.as_ptr(), &mut target, &mut message) } != 0 {
        // SAFETY: on failure there is a message.
        let why = unsafe { take_message(message) };
        return Err(Error::UnsupportedHost(why.to_string_lossy().into_owned()));
    }
    Ok(Host {
        target,
        triple,
        cpu,
        features,
    })
}

#[cfg(target_arch = "x86_64")]
fn initialize_target() -> Result<(), Error> {
    use llvm_sys::target::{
        LLVMInitializeX86AsmPrinter, LLVMInitializeX86Target, LLVMInitializeX86TargetInfo, LLVMInitializeX86TargetMC,
    };
    // SAFETY: no preconditions, and once only.
    unsafe {
        LLVMInitializeX86TargetInfo();
        LLVMInitializeX86Target();
        LLVMInitializeX86TargetMC();
        LLVMInitializeX86AsmPrinter();
    }
    Ok(())
}

#[cfg(target_arch = "aarch64")]
fn initialize_target() -> Result<(), Error> {
    use llvm_sys::target::{
        LLVMInitializeAArch64AsmPrinter, LLVMInitializeAArch64Target, LLVMInitializeAArch64TargetInfo,
        LLVMInitializeAArch64TargetMC,
    };
    // SAFETY: no preconditions, and once only.
    unsafe {
        LLVMInitializeAArch64TargetInfo();
        LLVMInitializeAArch64Target();
        LLVMInitializeAArch64TargetMC();
        LLVMInitializeAArch64AsmPrinter();
    }
    Ok(())
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn initialize_target() -> Result<(), Error> {
    Err(Error::UnsupportedHost("only x86_64 and aarch64 are known".into()))
}

/// A code generator for this machine, with all its instruction set extensions.
pub(crate) fn target_machine(inside: &Inside, level: LLVMCodeGenOptLevel) -> Result<TargetMachine, Error> {
    let host = host(inside)?;
    // SAFETY: the target and the strings are those of the host. The small code model is enough: JITLink puts a
    // function's code and constants side by side, and makes stubs for what it calls.
    let machine = unsafe {
        LLVMCreateTargetMachine(
            host.target,
            host.triple.as_ptr(),
            host.cpu.as_ptr(),
            host.features.as_ptr(),
            level,
            LLVMRelocMode::LLVMRelocPIC,
            LLVMCodeModel::LLVMCodeModelJITDefault,
        )
    };
    if machine.is_null() {
        return Err(Error::UnsupportedHost("LLVM has no code generator for it".into()));
    }
    Ok(TargetMachine(machine))
}

/// The triple that code is generated for.
pub(crate) fn triple(inside: &Inside) -> Result<&'static CStr, Error> {
    Ok(&host(inside)?.triple)
}
