//! Owners of LLVM's objects, each freed in the way LLVM wants it.
//!
//! After a fatal error nothing is freed any more: LLVM may have been in the middle of anything. Nor is it in a forked
//! child whose parent was inside LLVM.

use std::ffi::{CStr, CString, c_char};

use llvm_sys::core::{
    LLVMContextCreate, LLVMContextDispose, LLVMCreateBuilderInContext, LLVMDisposeBuilder, LLVMDisposeMemoryBuffer,
    LLVMDisposeMessage, LLVMDisposeModule, LLVMPrintModuleToString,
};
use llvm_sys::error::{LLVMDisposeErrorMessage, LLVMErrorRef, LLVMGetErrorMessage};
use llvm_sys::prelude::{LLVMBuilderRef, LLVMContextRef, LLVMMemoryBufferRef, LLVMModuleRef};
use llvm_sys::target_machine::{LLVMDisposeTargetMachine, LLVMTargetMachineRef};
use llvm_sys::transforms::pass_builder::{LLVMDisposePassBuilderOptions, LLVMPassBuilderOptionsRef};

use crate::process;

macro_rules! owners {
    ($($(#[$meta:meta])* $name:ident($handle:ty) freed by $dispose:ident;)*) => { $(
        $(#[$meta])*
        pub(crate) struct $name(pub $handle);

        impl Drop for $name {
            fn drop(&mut self) {
                if let Ok(_inside) = process::enter() {
                    // SAFETY: the only owner, and nothing that it owns in turn is used any more.
                    unsafe { $dispose(self.0) };
                }
            }
        }
    )* };
}

owners! {
    /// What types, constants and metadata belong to. Must outlive its modules and builders.
    Context(LLVMContextRef) freed by LLVMContextDispose;
    Module(LLVMModuleRef) freed by LLVMDisposeModule;
    /// A place where instructions go.
    Cursor(LLVMBuilderRef) freed by LLVMDisposeBuilder;
    TargetMachine(LLVMTargetMachineRef) freed by LLVMDisposeTargetMachine;
    MemoryBuffer(LLVMMemoryBufferRef) freed by LLVMDisposeMemoryBuffer;
    PassOptions(LLVMPassBuilderOptionsRef) freed by LLVMDisposePassBuilderOptions;
}

impl Context {
    pub fn new() -> Context {
        // SAFETY: no preconditions.
        Context(unsafe { LLVMContextCreate() })
    }

    pub fn cursor(&self) -> Cursor {
        // SAFETY: the context is alive.
        Cursor(unsafe { LLVMCreateBuilderInContext(self.0) })
    }
}

impl Module {
    pub fn text(&self) -> String {
        // SAFETY: the module is alive; the result is a message.
        let text = unsafe { take_message(LLVMPrintModuleToString(self.0)) };
        text.to_string_lossy().into_owned()
    }
}

/// A message of LLVM's as a string of ours.
///
/// # Safety
/// The message is one to be disposed of by the caller.
pub(crate) unsafe fn take_message(message: *mut c_char) -> CString {
    // SAFETY: promised by the caller.
    unsafe {
        let owned = CStr::from_ptr(message).to_owned();
        LLVMDisposeMessage(message);
        owned
    }
}

/// Makes a `Result` of an error that may be none.
///
/// # Safety
/// The error is one that LLVM returned just now.
pub(crate) unsafe fn check(error: LLVMErrorRef) -> Result<(), String> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: an error is turned into its message, once.
    unsafe {
        let message = LLVMGetErrorMessage(error);
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        LLVMDisposeErrorMessage(message);
        Err(text)
    }
}
