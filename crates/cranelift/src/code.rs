//! Compiled code and its lifetime.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::builder::Names;
use crate::memory::{self, Region};
use crate::unwind::Registration;

/// The machine code of one function. Dropping it gives its memory to the next function, so it must not be dropped
/// while the code may still run or be called.
pub struct Code(Parts);

/// What a [`Code`] is made of.
pub(crate) struct Parts {
    pub region: Region,
    pub code_size: usize,
    pub positions: Box<[(u32, u32)]>,
    pub clif: Option<String>,
    pub names: Names,
    pub registration: Option<Registration>,
    /// The compiler's count of bytes in use.
    pub counter: Arc<AtomicUsize>,
}

impl Code {
    pub(crate) fn new(parts: Parts) -> Code {
        parts.counter.fetch_add(parts.region.size(), Ordering::Relaxed);
        Code(parts)
    }

    /// Address of the function's first instruction, to be called with the signature it was compiled with.
    pub fn address(&self) -> *const u8 {
        self.0.region.start()
    }

    /// Size of the code in bytes, constants included.
    pub fn size(&self) -> usize {
        self.0.code_size
    }

    /// The machine code.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the region is readable, belongs to this code until it is dropped, and nobody writes to it until then.
        unsafe { std::slice::from_raw_parts(self.0.region.start(), self.0.code_size) }
    }

    /// `(code offset, bytecode offset)` where each stretch of code begins, by ascending code offset.
    pub fn positions(&self) -> &[(u32, u32)] {
        &self.0.positions
    }

    /// The bytecode offset that the instruction at this code offset belongs to. For a return address, ask for the
    /// offset before it.
    pub fn position_at(&self, code_offset: u32) -> Option<u32> {
        let after = self.0.positions.partition_point(|&(start, _)| start <= code_offset);
        let (_, bytecode_offset) = self.0.positions[..after].last()?;
        ((code_offset as usize) < self.0.code_size).then_some(*bytecode_offset)
    }

    /// The function in Cranelift's text format before optimization, with bytecode offsets as source locations
    /// (`@001c`, hexadecimal). Kept only when asked for.
    pub fn clif(&self) -> Option<&str> {
        self.0.clif.as_deref()
    }

    /// Name of the runtime function at this address, if the code calls it and keeps its text.
    pub(crate) fn runtime_name(&self, address: u64) -> Option<&'static str> {
        self.0.names.get(address)
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // The unwinder must forget the code before its memory can become other code.
        drop(self.0.registration.take());
        self.0.counter.fetch_sub(self.0.region.size(), Ordering::Relaxed);
        memory::release(&self.0.region);
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("address", &self.address())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
