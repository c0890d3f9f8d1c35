//! Machine code as text.

use crate::Code;

/// The code's instructions, each with its offset in the code; see [`justjit_disassembler::disassemble`].
pub fn disassemble(code: &Code) -> Vec<(u32, String)> {
    justjit_disassembler::disassemble(code.bytes(), &|address| code.runtime_name(address))
}
