//! Where a body is entered other than at its start.

use crate::cold::Cold;
use crate::emitter::{Emitter, Item};
use justjit_builder::{Builder, IntOp, Type};
use justjit_bytecode::{Block, Function, Instruction, Opcode};
use justjit_runtime::deopt::ENTER_SUCCESSOR;
use justjit_runtime::layout::Code;
use justjit_runtime::version::{Delegation, ResumePoint, Version};
use std::mem::offset_of;

/// An entry; everything lies in the frame's memory there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Entry {
    /// A basic block: a loop header (on-stack replacement), a resume point, or the end of a `SEND` whose receiver has
    /// returned.
    Block(u32),
    /// The `SEND` with this index, whose receiver has raised.
    Raise(usize),
    /// Right before the instruction with this index, in a continuation version.
    Before(usize),
}

/// The `SEND` that a suspended frame comes back to by itself, if the resume point is that of a `yield from` or `await`: its
/// index. The compiler makes `SEND`, `YIELD_VALUE`, `RESUME`, and a jump to the first.
fn delegating_send(function: &Function, block: &Block) -> Option<usize> {
    let start = block.start;
    let [send, suspend, resume, jump] = function.instructions.get(start.checked_sub(2)?..start + 2)? else {
        return None;
    };
    let matches = send.opcode == Opcode::Send
        && suspend.opcode == Opcode::YieldValue
        && suspend.arg == 1
        && resume.opcode == Opcode::Resume
        && jump.opcode == Opcode::JumpBackwardNoInterrupt
        && jump.target == Some(send.start);
    matches.then_some(start - 2)
}

/// Whether running code can get from one version to another there.
pub(crate) fn is_loop_header(function: &Function, block: &Block) -> bool {
    // The little loop around a `SEND` has no back edge at which better code would be entered.
    block.is_loop_header && function.instructions[block.start].opcode != Opcode::Send
}

/// All entries but the start, by which number 1 and up. Loop headers come first, then what suspended frames go on at, both
/// in the order of blocks: in every version, of whatever tier, they have the same numbers, since one version's back edges
/// lead into another. (Only code that just collects feedback has no loop headers, since nobody comes there in the middle of
/// a loop.) Behind them come the instructions that a continuation version is entered at, given by their offsets.
fn entries(function: &Function, profiling: bool, continues_at: &[u32]) -> Vec<Entry> {
    let reachable = || {
        let blocks = function.blocks.iter().enumerate();
        blocks.filter(|(_, block)| block.entry_depth.is_some())
    };
    let mut entries = Vec::new();
    if !profiling {
        let headers = reachable().filter(|(_, block)| is_loop_header(function, block));
        entries.extend(headers.map(|(number, _)| Entry::Block(number as u32)));
    }
    for (number, block) in reachable().filter(|(_, block)| block.is_resume_point) {
        entries.push(Entry::Block(number as u32));
        if let Some(send) = delegating_send(function, block) {
            entries.push(Entry::Block(end_of(function, send)));
            entries.push(Entry::Raise(send));
        }
    }
    entries.extend(continues_at.iter().map(|&offset| {
        let index = function.index_at(offset).expect("an instruction begins there");
        Entry::Before(index)
    }));
    entries
}

/// By which number a continuation version is entered at each of these instructions, which are given by the byte offsets of
/// their starts.
pub fn continuation_entries(function: &Function, continues_at: &[u32]) -> Box<[(u32, i64)]> {
    let first = 1 + entries(function, false, &[]).len() as i64;
    continues_at.iter().copied().zip(first..).collect()
}

/// The block that a `SEND` jumps to when its receiver has returned.
fn end_of(function: &Function, send: usize) -> u32 {
    let target = function.instructions[send].target.expect("SEND has a target");
    let index = function.index_at(target).expect("decoding has checked jump targets");
    function.instructions[index].block
}

/// Whether the block is an entry behind a `SEND`.
pub fn entered_when_returned(function: &Function) -> Vec<u32> {
    let resumed = function.blocks.iter().filter(|block| block.is_resume_point);
    let sends = resumed.filter_map(|block| delegating_send(function, block));
    sends.map(|send| end_of(function, send)).collect()
}

/// Where suspended frames go on that wait for no other: the numbers of the entries, in code that has entries at loop headers,
/// and the indices of the instructions. The body's beginning is the first.
pub fn resume_entries(function: &Function) -> Vec<(i64, usize)> {
    let entries = entries(function, false, &[]);
    let numbered = (1..).zip(&entries);
    let resumed = numbered.filter_map(|(number, entry)| match *entry {
        Entry::Block(block) => {
            let block = &function.blocks[block as usize];
            let waits = || delegating_send(function, block).is_some();
            (block.is_resume_point && !waits()).then_some((number, block.start))
        }
        _ => None,
    });
    resumed.collect()
}

/// The number of the entry at which a generator's body begins, in code that has entries at loop headers.
pub fn start_entry(function: &Function) -> Option<i64> {
    let is_start =
        |entry: &Entry| matches!(*entry, Entry::Block(block) if function.blocks[block as usize].is_resume_point);
    let first = entries(function, false, &[]).iter().position(is_start)?;
    Some(1 + first as i64)
}

/// Where a suspended frame goes on in code that is compiled this way.
///
/// # Safety
/// `code` is the live code object that the function was decoded from.
pub unsafe fn resume_points(
    function: &Function,
    profiling: bool,
    code: *mut Code,
    version: *mut Version,
) -> Box<[ResumePoint]> {
    let entries = entries(function, profiling, &[]);
    let number = |wanted: Entry| 1 + entries.iter().position(|&entry| entry == wanted).expect("an entry") as i64;
    let address = |instruction: &Instruction| {
        // SAFETY: decoding has checked that the offset lies in the code.
        unsafe { Code::instructions(code).add(instruction.start as usize / 2) }
    };
    let reachable = function.blocks.iter().enumerate();
    let reachable = reachable.filter(|(_, block)| block.entry_depth.is_some() && block.is_resume_point);
    let points = reachable.map(|(index, block)| ResumePoint {
        version,
        instr_ptr: address(&function.instructions[block.start]),
        valid_at: address(&function.instructions[block.start]),
        code,
        entry: number(Entry::Block(index as u32)),
        enters: version,
        delegation: delegating_send(function, block).map(|send| Delegation {
            instr_ptr: address(&function.instructions[send]),
            suspends: address(&function.instructions[send + 1]),
            ends: address(&function.instructions[function.blocks[end_of(function, send) as usize].start]),
            returned: number(Entry::Block(end_of(function, send))),
            raised: number(Entry::Raise(send)),
        }),
    });
    points.collect()
}

impl<B: Builder> Emitter<'_, B> {
    /// A version that is not valid any more leaves everything to its successor.
    pub fn check_validity(&mut self) {
        let version = self.object::<Version>(self.input.version);
        let valid = self.b.load(Type::I8, version, offset_of!(Version, valid) as i32);
        let invalid = self.b.create_block();
        self.b.set_cold(invalid);
        self.b.branch_unless(valid, invalid, &[]);
        let go_on = self.b.create_block();
        self.b.jump(go_on, &[]);
        self.b.switch_to(invalid);
        let entry = self.b.param(2);
        let version = self.object::<Version>(self.input.version);
        let args = [self.thread, self.frame, entry, version];
        let result = self.b.call_value(&ENTER_SUCCESSOR, &args);
        self.b.ret(result);
        self.b.switch_to(go_on);
    }

    /// Goes to where the body is entered. Gives the blocks that [`Emitter::raising_entries`] fills.
    pub fn entries(&mut self) -> Vec<(B::Block, usize)> {
        let mut raising = Vec::new();
        let mut targets = Vec::new();
        let profiling = self.input.profiling && !self.input.sampling;
        for entry in entries(self.function, profiling, self.input.continues_at) {
            targets.push(match entry {
                Entry::Block(number) => self.machine_block(number),
                Entry::Raise(send) => {
                    let block = self.b.create_block();
                    self.b.set_cold(block);
                    raising.push((block, send));
                    block
                }
                Entry::Before(index) => self.block_before(index),
            });
        }
        if targets.is_empty() {
            return raising;
        }
        let start = self.b.create_block();
        let dispatch = self.b.create_block();
        let rare = if self.function.is_resumable() { start } else { dispatch };
        self.b.set_cold(rare);
        let entry = self.b.param(2);
        self.b.branch(entry, (dispatch, &[]), (start, &[]));
        self.b.switch_to(dispatch);
        let index = self.b.int_op_const(IntOp::Sub, entry, 1);
        let index = self.b.truncate(Type::I32, index);
        self.b.jump_table(index, start, &targets);
        self.b.switch_to(start);
        raising
    }

    /// The machine block that begins right before an instruction.
    fn block_before(&mut self, index: usize) -> B::Block {
        let block = self.function.instructions[index].block;
        if self.function.blocks[block as usize].start == index {
            return self.machine_block(block);
        }
        let machine = self.b.create_block();
        self.cuts.push((index, machine));
        machine
    }

    /// Where a `SEND`'s receiver has raised.
    pub fn raising_entries(&mut self, blocks: Vec<(B::Block, usize)>) {
        for (block, send) in blocks {
            let instruction = self.function.instructions[send];
            // The sent value is gone.
            let depth = usize::from(instruction.depth.expect("a reachable instruction")) - 1;
            self.cold.push(Cold::Raise {
                block,
                instruction,
                stack: vec![Item::Memory; depth],
                traceback: true,
            });
        }
    }

    /// The number by which a body is entered at a loop header. The successor of a version does not only profile.
    pub fn entry_number(&self, block: u32) -> i64 {
        let entries = entries(self.function, false, &[]);
        let index = entries.iter().position(|&entry| entry == Entry::Block(block));
        1 + index.expect("a back edge leads to a loop header") as i64
    }
}

/// The number by which a body is entered at the loop header that is this block, if it is at all.
pub fn loop_entry(function: &Function, block: u32) -> Option<i64> {
    let entries = entries(function, false, &[]);
    let wanted = function.blocks[block as usize]
        .is_loop_header
        .then_some(Entry::Block(block))?;
    Some(1 + entries.iter().position(|&entry| entry == wanted)? as i64)
}

/// The first instruction of the loop header with this entry number.
pub fn loop_header(function: &Function, entry: i64) -> Option<usize> {
    let entries = entries(function, false, &[]);
    match entries.get(usize::try_from(entry).ok()?.checked_sub(1)?)? {
        Entry::Block(number) => Some(function.blocks[*number as usize].start),
        Entry::Raise(_) | Entry::Before(_) => None,
    }
}
