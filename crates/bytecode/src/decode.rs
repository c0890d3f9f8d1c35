//! From bytes to instructions.

use crate::error::{DecodeError, Place, Problem};
use crate::exceptions;
use crate::flow;
use crate::function::{CodeFields, Function, Instruction, index_at};
use crate::opcode::{OpcodeInfo, Operand};
use crate::positions::PositionTable;
use crate::version::{Byte, Table};

/// Decodes a code object.
///
/// # Errors
/// What is wrong with it, and at which offset, where the fields are not ones that CPython's compiler could have made or
/// its interpreter could run. Unreachable code must consist of valid instructions too, but its stack depth is not looked at.
pub fn decode(fields: &CodeFields<'_>) -> Result<Function, DecodeError> {
    for (place, bytes) in [
        (Place::Code, fields.code),
        (Place::ExceptionTable, fields.exception_table),
        (Place::LineTable, fields.line_table),
    ] {
        if i32::try_from(bytes.len()).is_err() {
            return Err(DecodeError {
                place,
                offset: u32::MAX,
                problem: Problem::TooLong,
            });
        }
    }
    if u16::try_from(fields.stack_size).is_err() {
        return Err(DecodeError::code(0, Problem::StackSizeTooLarge(fields.stack_size)));
    }
    let table = fields.version.table();
    let mut instructions = instructions(fields, table)?;
    check_targets(&instructions, table)?;
    let exception_table = exceptions::parse(fields.exception_table, &instructions)?;
    exceptions::assign(&exception_table, &mut instructions);
    let positions = PositionTable::parse(fields.line_table, fields.first_line)?;
    let blocks = flow::blocks(table, &mut instructions, &exception_table, fields.stack_size)?;
    Ok(Function {
        version: fields.version,
        instructions,
        blocks,
        exception_table,
        positions,
        first_line: fields.first_line,
        flags: fields.flags,
        stack_size: fields.stack_size,
        nlocals_plus: fields.nlocals_plus,
        n_locals: fields.n_locals,
        code_size: fields.code.len() as u32,
    })
}

/// Cuts the code into instructions, checking each one's argument.
fn instructions(fields: &CodeFields<'_>, table: &'static Table) -> Result<Vec<Instruction>, DecodeError> {
    let code = fields.code;
    if !code.len().is_multiple_of(2) {
        return Err(DecodeError::code(code.len() as u32 - 1, Problem::OddLength));
    }
    if code.is_empty() {
        return Err(DecodeError::code(0, Problem::Empty));
    }
    // Inline caches make about half of ordinary code.
    let mut instructions = Vec::with_capacity(code.len() / 3 + 1);
    let mut at = 0;
    while at < code.len() {
        let start = at as u32;
        let mut arg = 0u32;
        let info = loop {
            let fail = |problem| Err(DecodeError::code(at as u32, problem));
            let Some(&[byte, low]) = code.get(at..at + 2) else {
                return Err(DecodeError::code(at as u32 - 2, Problem::DanglingExtendedArg));
            };
            match table.bytes[usize::from(byte)] {
                Byte::Opcode(row) => {
                    let info = &table.opcodes[usize::from(row)];
                    if info.internal {
                        return fail(Problem::InternalOpcode(info.name));
                    }
                    arg = if info.has_arg() { arg | u32::from(low) } else { 0 };
                    break info;
                }
                Byte::ExtendedArg => {
                    if at as u32 - start >= 6 {
                        return fail(Problem::TooManyExtendedArgs);
                    }
                    arg = (arg | u32::from(low)) << 8;
                    at += 2;
                }
                Byte::Cache => return fail(Problem::UnexpectedCache),
                Byte::Specialized(row) => {
                    return fail(Problem::SpecializedOpcode(table.specializations[usize::from(row)].name));
                }
                Byte::Instrumented => return fail(Problem::InstrumentedOpcode(byte)),
                Byte::Unknown => return fail(Problem::UnknownOpcode(byte)),
            }
        };
        let offset = at as u32;
        let next = at + 2 + 2 * usize::from(info.caches);
        if next > code.len() {
            return Err(DecodeError::code(offset, Problem::TruncatedCaches));
        }
        if !argument_fits(info.operand, arg, fields, table) {
            return Err(DecodeError::code(
                offset,
                Problem::BadArgument { opcode: info.name, arg },
            ));
        }
        let distance = match info.operand {
            Operand::JumpForward => Some(2 * i64::from(arg)),
            Operand::JumpBackward => Some(-2 * i64::from(arg)),
            _ => None,
        };
        let target = match distance.map(|distance| next as i64 + distance) {
            Some(target) if (0..code.len() as i64).contains(&target) => Some(target as u32),
            Some(target) => return Err(DecodeError::code(offset, Problem::JumpOutOfRange { target })),
            None => None,
        };
        instructions.push(Instruction {
            offset,
            start,
            next: next as u32,
            opcode: info.opcode,
            arg,
            target,
            depth: None,
            handler: None,
            block: 0,
        });
        at = next;
    }
    Ok(instructions)
}

/// Whether an argument is one that the interpreter can follow.
fn argument_fits(operand: Operand, arg: u32, fields: &CodeFields<'_>, table: &Table) -> bool {
    let below = |names: &[&str], index: u32| (index as usize) < names.len();
    match operand {
        Operand::None | Operand::JumpForward | Operand::JumpBackward | Operand::Items | Operand::UnpackEx => true,
        Operand::Const => arg < fields.n_consts,
        Operand::Name(flag_bits) => arg >> flag_bits < fields.n_names,
        Operand::Local | Operand::Free => arg < fields.nlocals_plus,
        Operand::LocalPair => arg >> 4 < fields.nlocals_plus && arg & 15 < fields.nlocals_plus,
        Operand::CompareOp => below(table.compare_ops, arg >> 5),
        Operand::BinaryOp => below(table.binary_ops, arg),
        // The first of either list stands for no function.
        Operand::Intrinsic1 => arg != 0 && below(table.intrinsics_1, arg),
        Operand::Intrinsic2 => arg != 0 && below(table.intrinsics_2, arg),
        Operand::FreeCount => arg <= fields.nlocals_plus,
        Operand::StackPosition(least) => arg >= least,
        Operand::OneBit(largest) => arg.is_power_of_two() && arg <= largest,
        Operand::Range(least, largest) => (least..=largest).contains(&arg),
    }
}

/// Checks that jumps go to instructions, and loops' exits to the instructions that are skipped there.
fn check_targets(instructions: &[Instruction], table: &Table) -> Result<(), DecodeError> {
    for instruction in instructions {
        let Some(target) = instruction.target else {
            continue;
        };
        if !exceptions::begins_at(instructions, target) {
            return Err(DecodeError::code(
                instruction.offset,
                Problem::JumpIntoInstruction { target },
            ));
        }
        if instruction.jump_destination() != instruction.target && !loop_ends_at(instructions, target, table) {
            return Err(DecodeError::code(
                instruction.offset,
                Problem::MissingLoopEnd { target },
            ));
        }
    }
    Ok(())
}

/// Whether the instructions that an exhausted loop skips are at its target, and followed by another.
fn loop_ends_at(instructions: &[Instruction], target: u32, table: &Table) -> bool {
    let rest = index_at(instructions, target).map_or(&[][..], |index| &instructions[index..]);
    let skipped = table.loop_end;
    rest.len() > skipped.len()
        && rest
            .iter()
            .zip(skipped)
            .all(|(found, &opcode)| found.opcode == opcode && found.start == found.offset)
}

/// What the table says of an instruction.
#[inline]
pub(crate) fn row(table: &'static Table, instruction: &Instruction) -> &'static OpcodeInfo {
    table.info(instruction.opcode)
}
