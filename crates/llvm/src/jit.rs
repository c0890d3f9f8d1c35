//! Putting object code into memory: ORC's linker, with a resource tracker for each function.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use llvm_sys::core::{LLVMCreateMemoryBufferWithMemoryRangeCopy, LLVMGetBufferSize, LLVMGetBufferStart};
use llvm_sys::error::{LLVMConsumeError, LLVMErrorRef};
use llvm_sys::object::{
    LLVMBinaryRef, LLVMCreateBinary, LLVMDisposeBinary, LLVMDisposeSectionIterator, LLVMDisposeSymbolIterator,
    LLVMGetSectionSize, LLVMGetSymbolName, LLVMMoveToContainingSection, LLVMMoveToNextSymbol,
    LLVMObjectFileCopySectionIterator, LLVMObjectFileCopySymbolIterator, LLVMObjectFileIsSectionIteratorAtEnd,
    LLVMObjectFileIsSymbolIteratorAtEnd,
};
use llvm_sys::orc2::lljit::{
    LLVMOrcCreateLLJIT, LLVMOrcDisposeLLJIT, LLVMOrcLLJITAddObjectFileWithRT, LLVMOrcLLJITGetExecutionSession,
    LLVMOrcLLJITGetMainJITDylib, LLVMOrcLLJITLookup, LLVMOrcLLJITRef,
};
use llvm_sys::orc2::{
    LLVMOrcExecutionSessionGetSymbolStringPool, LLVMOrcExecutionSessionSetErrorReporter,
    LLVMOrcJITDylibCreateResourceTracker, LLVMOrcReleaseResourceTracker, LLVMOrcResourceTrackerRef,
    LLVMOrcResourceTrackerRemove, LLVMOrcSymbolStringPoolClearDeadEntries,
};

use crate::Error;
use crate::handles::{MemoryBuffer, check};
use crate::process::{self, Inside};

/// A linker and the functions it has linked. Any thread may use it.
pub(crate) struct Jit {
    handle: LLVMOrcLLJITRef,
    /// Functions freed, to clean up after some.
    freed: AtomicUsize,
    /// The process it was made in. In a forked child its locks may be held for good.
    process: u32,
}

// SAFETY: an LLJIT is made for use by many threads; its session has a lock.
unsafe impl Send for Jit {}
// SAFETY: as for Send.
unsafe impl Sync for Jit {}

/// A function in memory.
pub(crate) struct Linked {
    pub tracker: LLVMOrcResourceTrackerRef,
    pub address: *const u8,
    pub size: usize,
}

impl Jit {
    pub fn new(_: &Inside) -> Result<Jit, Error> {
        let mut handle = ptr::null_mut();
        // SAFETY: the handle is a place for the result; without a builder, this is for the host.
        unsafe { check(LLVMOrcCreateLLJIT(&mut handle, ptr::null_mut())) }.map_err(Error::UnsupportedHost)?;
        // SAFETY: the session lives as long as the LLJIT.
        unsafe {
            let session = LLVMOrcLLJITGetExecutionSession(handle);
            LLVMOrcExecutionSessionSetErrorReporter(session, drop_error, ptr::null_mut());
        }
        Ok(Jit {
            handle,
            freed: AtomicUsize::new(0),
            process: std::process::id(),
        })
    }

    /// Whether this is the process it was made in.
    pub fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    /// Links the only function of an object file, which has this name.
    pub fn link(&self, _: &Inside, object: &MemoryBuffer, name: &CStr) -> Result<Linked, Error> {
        let size = code_size(object, name)?;
        // SAFETY: the LLJIT is alive. The copy of the object goes over to it.
        unsafe {
            let tracker = LLVMOrcJITDylibCreateResourceTracker(LLVMOrcLLJITGetMainJITDylib(self.handle));
            let (start, length) = (LLVMGetBufferStart(object.0), LLVMGetBufferSize(object.0));
            let copy = LLVMCreateMemoryBufferWithMemoryRangeCopy(start, length, name.as_ptr());
            let mut address = 0;
            let linked = check(LLVMOrcLLJITAddObjectFileWithRT(self.handle, tracker, copy))
                .and_then(|()| check(LLVMOrcLLJITLookup(self.handle, &mut address, name.as_ptr())));
            if let Err(why) = linked {
                self.remove_inside(tracker);
                return Err(Error::Link(why));
            }
            Ok(Linked {
                tracker,
                address: ptr::with_exposed_provenance(address as usize),
                size,
            })
        }
    }

    /// Frees a function's memory.
    ///
    /// # Safety
    /// The tracker is one of this linker's, it is given up, and nobody runs the function any more or ever will.
    pub unsafe fn remove(&self, tracker: LLVMOrcResourceTrackerRef) {
        if self.is_ours()
            && let Ok(_inside) = process::enter()
        {
            // SAFETY: promised by the caller.
            unsafe { self.remove_inside(tracker) };
        }
    }

    /// # Safety
    /// As for [`Jit::remove`].
    unsafe fn remove_inside(&self, tracker: LLVMOrcResourceTrackerRef) {
        // SAFETY: promised by the caller. What cannot be freed is lost, which harms nobody.
        unsafe {
            let _ = check(LLVMOrcResourceTrackerRemove(tracker));
            LLVMOrcReleaseResourceTracker(tracker);
            // Names of functions that are gone stay in a table until somebody asks for it.
            if self.freed.fetch_add(1, Ordering::Relaxed) % 64 == 63 {
                let session = LLVMOrcLLJITGetExecutionSession(self.handle);
                LLVMOrcSymbolStringPoolClearDeadEntries(LLVMOrcExecutionSessionGetSymbolStringPool(session));
            }
        }
    }
}

impl Drop for Jit {
    fn drop(&mut self) {
        if self.is_ours()
            && let Ok(_inside) = process::enter()
        {
            // SAFETY: the backend and all code that this linker has linked are gone.
            let _ = unsafe { check(LLVMOrcDisposeLLJIT(self.handle)) };
        }
    }
}

/// Errors come back from the calls that they belong to; nothing is to be printed.
extern "C" fn drop_error(_: *mut c_void, error: LLVMErrorRef) {
    // SAFETY: the session hands the error over.
    unsafe { LLVMConsumeError(error) };
}

/// The linker does not tell how long the code is, but the object file does: the function is all that its section holds.
/// (The size that LLVM gives for a symbol is none outside ELF.)
fn code_size(object: &MemoryBuffer, name: &CStr) -> Result<usize, Error> {
    struct Binary(LLVMBinaryRef);
    impl Drop for Binary {
        fn drop(&mut self) {
            // SAFETY: the only owner.
            unsafe { LLVMDisposeBinary(self.0) };
        }
    }
    let mut message = ptr::null_mut();
    // SAFETY: the binary refers to the buffer, which outlives it.
    let binary = Binary(unsafe { LLVMCreateBinary(object.0, ptr::null_mut(), &mut message) });
    if binary.0.is_null() {
        std::mem::forget(binary);
        // SAFETY: on failure there is a message.
        let why = unsafe { crate::handles::take_message(message) };
        return Err(Error::Link(why.to_string_lossy().into_owned()));
    }
    // SAFETY: the iterators are of this binary, and are looked at only before their ends.
    unsafe {
        let symbol = LLVMObjectFileCopySymbolIterator(binary.0);
        let section = LLVMObjectFileCopySectionIterator(binary.0);
        let mut size = None;
        while LLVMObjectFileIsSymbolIteratorAtEnd(binary.0, symbol) == 0 {
            let found = CStr::from_ptr(LLVMGetSymbolName(symbol));
            // Mach-O puts an underscore before every name.
            if found == name || found.to_bytes().strip_prefix(b"_") == Some(name.to_bytes()) {
                LLVMMoveToContainingSection(section, symbol);
                if LLVMObjectFileIsSectionIteratorAtEnd(binary.0, section) == 0 {
                    size = Some(LLVMGetSectionSize(section) as usize);
                }
                break;
            }
            LLVMMoveToNextSymbol(symbol);
        }
        LLVMDisposeSectionIterator(section);
        LLVMDisposeSymbolIterator(symbol);
        size.ok_or_else(|| Error::Link(format!("the object file has no symbol {}", name.to_string_lossy())))
    }
}
