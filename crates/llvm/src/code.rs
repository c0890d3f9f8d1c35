//! Compiled code and its lifetime.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::jit::{Jit, Linked};

/// The machine code of one function. Dropping it frees its memory, so it must not be dropped while the code may still
/// run or be called.
pub struct Code {
    jit: Arc<Jit>,
    linked: Linked,
    text: Option<Text>,
    names: HashMap<u64, &'static str>,
}

/// The function in LLVM's text format.
pub(crate) struct Text {
    pub emitted: String,
    pub optimized: String,
}

// SAFETY: the code is only read, and its linker can be used from any thread.
unsafe impl Send for Code {}
// SAFETY: as for Send.
unsafe impl Sync for Code {}

impl Code {
    pub(crate) fn new(jit: Arc<Jit>, linked: Linked, text: Option<Text>, names: HashMap<u64, &'static str>) -> Code {
        Code {
            jit,
            linked,
            text,
            names,
        }
    }

    /// Address of the function's first instruction, to be called with the signature it was compiled with.
    pub fn address(&self) -> *const u8 {
        self.linked.address
    }

    /// Size of the code in bytes, without the constants that it loads.
    pub fn size(&self) -> usize {
        self.linked.size
    }

    /// The machine code.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the memory is readable, belongs to this code until it is dropped, and nobody writes to it until then.
        unsafe { std::slice::from_raw_parts(self.linked.address, self.linked.size) }
    }

    /// The function in LLVM's text format as it was emitted. Kept only when asked for, as is the optimized form.
    pub fn llvm_ir(&self) -> Option<&str> {
        self.text.as_ref().map(|text| text.emitted.as_str())
    }

    /// The function in LLVM's text format as instructions were selected for it.
    pub fn optimized_llvm_ir(&self) -> Option<&str> {
        self.text.as_ref().map(|text| text.optimized.as_str())
    }
}

/// The code's instructions, each with its offset in the code; see [`justjit_disassembler::disassemble`].
pub fn disassemble(code: &Code) -> Vec<(u32, String)> {
    justjit_disassembler::disassemble(code.bytes(), &|address| code.names.get(&address).copied())
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: the tracker is this code's own; whoever drops the code knows that it does not run.
        unsafe { self.jit.remove(self.linked.tracker) };
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
