//! Machine code as text, for the code generators' listings.

/// What a constant in the code is the address of.
pub type Names<'a> = dyn Fn(u64) -> Option<&'a str> + 'a;

/// The instructions of `code`, each with its offset. Jump targets are offsets as well; constants that follow the
/// instructions are shown as if they were instructions. On x86-64, an address that `names` knows is followed by its
/// name.
pub fn disassemble(code: &[u8], names: &Names<'_>) -> Vec<(u32, String)> {
    imp::disassemble(code, names)
}

#[cfg(target_arch = "x86_64")]
mod imp {
    use iced_x86::{Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, OpKind};

    use crate::Names;

    pub fn disassemble(code: &[u8], names: &Names<'_>) -> Vec<(u32, String)> {
        let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
        let mut formatter = IntelFormatter::new();
        let options = formatter.options_mut();
        options.set_hex_prefix("0x");
        options.set_hex_suffix("");
        options.set_space_after_operand_separator(true);
        options.set_branch_leading_zeros(false);
        options.set_rip_relative_addresses(true);

        let mut lines = Vec::new();
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            if instruction.op_count() == 2
                && instruction.op1_kind() == OpKind::Immediate64
                && let Some(name) = names(instruction.immediate64())
            {
                text.push_str("  ; ");
                text.push_str(name);
            }
            lines.push((instruction.ip() as u32, text));
        }
        lines
    }
}

#[cfg(target_arch = "aarch64")]
mod imp {
    use yaxpeax_arch::{Decoder, U8Reader};
    use yaxpeax_arm::armv8::a64::InstDecoder;

    use crate::Names;

    pub fn disassemble(code: &[u8], _: &Names<'_>) -> Vec<(u32, String)> {
        let decoder = InstDecoder::default();
        let words = code.chunks(4).enumerate();
        words
            .map(|(index, word)| {
                let text = match decoder.decode(&mut U8Reader::new(word)) {
                    Ok(instruction) => instruction.to_string(),
                    Err(_) => word
                        .iter()
                        .rev()
                        .fold(".word 0x".into(), |text, byte| format!("{text}{byte:02x}")),
                };
                (4 * index as u32, text)
            })
            .collect()
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod imp {
    use crate::Names;

    pub fn disassemble(code: &[u8], _: &Names<'_>) -> Vec<(u32, String)> {
        let bytes = code.iter().enumerate();
        bytes
            .map(|(offset, byte)| (offset as u32, format!(".byte 0x{byte:02x}")))
            .collect()
    }
}
