//! Basic blocks, their edges, and the stack depth at each instruction.

use crate::decode::row;
use crate::error::{DecodeError, Problem};
use crate::function::{Block, ExceptionEntry, Instruction, index_at};
use crate::opcode::Control;
use crate::version::Table;

/// Finds the basic blocks, and fills in each instruction's block and stack depth.
pub(crate) fn blocks(
    table: &'static Table,
    instructions: &mut [Instruction],
    exception_table: &[ExceptionEntry],
    stack_size: u32,
) -> Result<Vec<Block>, DecodeError> {
    let mut blocks = split(table, instructions, exception_table);
    connect(table, instructions, &mut blocks);
    fill_depths(table, instructions, &mut blocks, stack_size)?;
    mark_loop_headers(&mut blocks);
    Ok(blocks)
}

/// The index of the instruction at an offset that is known to be the beginning of one.
fn index_of(instructions: &[Instruction], offset: u32) -> usize {
    index_at(instructions, offset).expect("offset checked to be an instruction's")
}

/// Cuts the instructions into blocks.
fn split(table: &'static Table, instructions: &mut [Instruction], exception_table: &[ExceptionEntry]) -> Vec<Block> {
    let mut leaders = vec![false; instructions.len() + 1];
    leaders[0] = true;
    for (index, instruction) in instructions.iter().enumerate() {
        if row(table, instruction).control.ends_block() {
            leaders[index + 1] = true;
        }
        for target in [instruction.target, instruction.jump_destination()]
            .into_iter()
            .flatten()
        {
            leaders[index_of(instructions, target)] = true;
        }
    }
    for entry in exception_table {
        leaders[index_of(instructions, entry.handler.target)] = true;
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (index, instruction) in instructions.iter_mut().enumerate() {
        if leaders[index] {
            blocks.push(Block {
                start: index,
                ..Block::default()
            });
        }
        instruction.block = blocks.len() as u32 - 1;
        blocks.last_mut().expect("the first instruction is a leader").end = index + 1;
    }
    for entry in exception_table {
        let handler = instructions[index_of(instructions, entry.handler.target)].block;
        blocks[handler as usize].is_handler = true;
    }
    for number in 1..blocks.len() {
        let last = &instructions[blocks[number - 1].end - 1];
        blocks[number].is_resume_point = row(table, last).control == Control::Yield;
    }
    blocks
}

/// Finds the edges.
fn connect(table: &'static Table, instructions: &[Instruction], blocks: &mut [Block]) {
    let block_at = |offset| instructions[index_of(instructions, offset)].block;
    let count = blocks.len();
    for (id, block) in blocks.iter_mut().enumerate() {
        let last = &instructions[block.end - 1];
        if row(table, last).control.falls_through() && id + 1 < count {
            block.successors.push(id as u32 + 1);
        }
        if let Some(destination) = last.jump_destination() {
            let target = block_at(destination);
            if !block.successors.contains(&target) {
                block.successors.push(target);
            }
        }
        let mut known = None;
        for handler in instructions[block.start..block.end]
            .iter()
            .filter_map(|instruction| instruction.handler)
        {
            // Neighbours mostly share a handler.
            if known != Some(handler.target) {
                known = Some(handler.target);
                let target = block_at(handler.target);
                if !block.handler_successors.contains(&target) {
                    block.handler_successors.push(target);
                }
            }
        }
    }
}

/// Follows all paths from the entry, checking that the stack depth is the same on each way into a block.
fn fill_depths(
    table: &'static Table,
    instructions: &mut [Instruction],
    blocks: &mut [Block],
    stack_size: u32,
) -> Result<(), DecodeError> {
    let mut work = vec![0usize];
    blocks[0].entry_depth = Some(0);
    while let Some(id) = work.pop() {
        let (start, end) = (blocks[id].start, blocks[id].end);
        let mut depth = u32::from(blocks[id].entry_depth.unwrap_or(0));
        let mut known = None;
        for index in start..end {
            let info = row(table, &instructions[index]);
            instructions[index].depth = Some(depth as u16);
            let instruction = instructions[index];
            let fail = |problem| Err(DecodeError::code(instruction.offset, problem));
            if let Some(handler) = instruction.handler {
                if depth < u32::from(handler.depth) {
                    return fail(Problem::HandlerTooDeep {
                        target: handler.target,
                        keeps: handler.depth.into(),
                        depth,
                    });
                }
                if known != Some(handler) {
                    known = Some(handler);
                    let mut edge = Edge {
                        instructions,
                        blocks,
                        work: &mut work,
                        stack_size,
                    };
                    edge.enter(&instruction, handler.target, u64::from(handler.entry_depth()))?;
                }
            }
            let after = info.depth_after(instruction.arg, depth.into());
            let Some((after, after_jump)) = after.zip(info.depth_after_jump(instruction.arg, depth.into())) else {
                return fail(Problem::StackUnderflow {
                    depth,
                    needed: info.popped.of(instruction.arg),
                });
            };
            let mut edge = Edge {
                instructions,
                blocks,
                work: &mut work,
                stack_size,
            };
            if let Some(destination) = instruction.jump_destination() {
                edge.enter(&instruction, destination, after_jump)?;
            }
            if !info.control.falls_through() {
                continue;
            }
            if index + 1 < end {
                depth = edge.checked(&instruction, after)?.into();
            } else if index + 1 < edge.instructions.len() {
                let next = instruction.next;
                edge.enter(&instruction, next, after)?;
            } else {
                return fail(Problem::FallsOffEnd);
            }
        }
    }
    Ok(())
}

/// What following an edge touches.
struct Edge<'a> {
    instructions: &'a [Instruction],
    blocks: &'a mut [Block],
    work: &'a mut Vec<usize>,
    stack_size: u32,
}

impl Edge<'_> {
    /// A depth, checked against the stack's size.
    fn checked(&self, from: &Instruction, depth: u64) -> Result<u16, DecodeError> {
        if depth > u64::from(self.stack_size) {
            let problem = Problem::StackOverflow {
                depth,
                limit: self.stack_size,
            };
            return Err(DecodeError::code(from.offset, problem));
        }
        // The stack's size itself has been checked to fit.
        Ok(depth as u16)
    }

    /// Enters the block at `target` with a depth.
    fn enter(&mut self, from: &Instruction, target: u32, depth: u64) -> Result<(), DecodeError> {
        let depth = self.checked(from, depth)?;
        let id = self.instructions[index_of(self.instructions, target)].block as usize;
        match self.blocks[id].entry_depth {
            None => {
                self.blocks[id].entry_depth = Some(depth);
                self.work.push(id);
                Ok(())
            }
            Some(expected) if expected == depth => Ok(()),
            Some(expected) => {
                let problem = Problem::DepthMismatch {
                    target,
                    expected: expected.into(),
                    found: depth.into(),
                };
                Err(DecodeError::code(from.offset, problem))
            }
        }
    }
}

/// Marks the targets of reachable back edges.
fn mark_loop_headers(blocks: &mut [Block]) {
    for id in 0..blocks.len() {
        if blocks[id].entry_depth.is_none() {
            continue;
        }
        for edge in 0..blocks[id].successors.len() {
            let target = blocks[id].successors[edge] as usize;
            if target <= id {
                blocks[target].is_loop_header = true;
            }
        }
    }
}
