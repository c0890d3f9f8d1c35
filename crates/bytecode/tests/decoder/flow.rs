use justjit_bytecode::Opcode::*;
use justjit_bytecode::{Block, DecodeError, Handler, Position, decode};

use crate::{assemble, fields};

#[test]
fn an_exhausted_loop_skips_its_end() -> Result<(), DecodeError> {
    let code = assemble(&[
        (Resume, 0),       // 0
        (LoadFast, 0),     // 2
        (GetIter, 0),      // 4
        (ForIter, 3),      // 6, to 16
        (StoreFast, 1),    // 10
        (JumpBackward, 5), // 12, to 6
        (EndFor, 0),       // 16
        (PopTop, 0),       // 18
        (ReturnConst, 0),  // 20
    ]);
    let function = decode(&fields(&code))?;
    let depths: Vec<_> = function.instructions.iter().map(|found| found.depth).collect();
    assert_eq!(
        depths,
        [
            Some(0),
            Some(0),
            Some(1),
            Some(1),
            Some(2),
            Some(1),
            None,
            None,
            Some(0)
        ]
    );
    let head = function.instructions[3];
    assert_eq!(
        (head.target, head.jump_destination(), head.depth_after()),
        (Some(16), Some(20), Some(2))
    );
    let block = |start, end, entry_depth, successors: &[u32], is_loop_header| Block {
        start,
        end,
        entry_depth,
        successors: successors.to_vec(),
        is_loop_header,
        ..Block::default()
    };
    let expected = [
        block(0, 3, Some(0), &[1], false),
        block(3, 4, Some(1), &[2, 4], true),
        block(4, 6, Some(2), &[1], false),
        block(6, 8, None, &[4], false),
        block(8, 9, Some(0), &[], false),
    ];
    assert_eq!(function.blocks, expected);
    assert_eq!(function.block_at(20), Some(4));
    assert_eq!(function.block_at(18), None);
    Ok(())
}

#[test]
fn a_handler_gets_its_depth() -> Result<(), DecodeError> {
    let code = assemble(&[
        (Resume, 0),      // 0
        (LoadFast, 0),    // 2
        (LoadFast, 1),    // 4
        (PopTop, 0),      // 6
        (ReturnValue, 0), // 8
        (PushExcInfo, 0), // 10
        (Reraise, 1),     // 12
    ]);
    // From 4 to 8, to 10, keeping one item and pushing the offset.
    let table = [0x80 | 2, 2, 5, (1 << 1) | 1];
    let function = decode(&justjit_bytecode::CodeFields {
        exception_table: &table,
        ..fields(&code)
    })?;
    let handler = Handler {
        target: 10,
        depth: 1,
        push_lasti: true,
    };
    let handlers: Vec<_> = function.instructions.iter().map(|found| found.handler).collect();
    assert_eq!(handlers, [None, None, Some(handler), Some(handler), None, None, None]);
    let depths: Vec<_> = function.instructions.iter().map(|found| found.depth).collect();
    assert_eq!(depths, [Some(0), Some(0), Some(1), Some(2), Some(1), Some(3), Some(4)]);
    assert_eq!(function.blocks.len(), 2);
    assert_eq!(function.blocks[0].handler_successors, [1]);
    assert!(function.blocks[0].successors.is_empty());
    assert!(function.blocks[1].is_handler);
    Ok(())
}

#[test]
fn unreachable_code_has_no_depth() -> Result<(), DecodeError> {
    let code = assemble(&[(Resume, 0), (ReturnConst, 0), (PopTop, 0), (JumpBackward, 3)]);
    let function = decode(&fields(&code))?;
    let depths: Vec<_> = function.instructions.iter().map(|found| found.depth).collect();
    assert_eq!(depths, [Some(0), Some(0), None, None]);
    assert!(function.blocks.iter().all(|block| !block.is_loop_header));
    Ok(())
}

#[test]
fn a_suspended_frame_goes_on_in_a_block_of_its_own() -> Result<(), DecodeError> {
    let code = assemble(&[
        (ReturnGenerator, 0),
        (PopTop, 0),
        (Resume, 0),
        (LoadConst, 0),
        (YieldValue, 0),
        (Resume, 5),
        (ReturnValue, 0),
    ]);
    let function = decode(&fields(&code))?;
    let blocks: Vec<_> = function
        .blocks
        .iter()
        .map(|block| (block.start, block.entry_depth, block.is_resume_point))
        .collect();
    assert_eq!(blocks, [(0, Some(0), false), (1, Some(1), true), (5, Some(1), true)]);
    let depths: Vec<_> = function.instructions.iter().filter_map(|found| found.depth).collect();
    assert_eq!(depths, [0, 1, 0, 0, 1, 1, 1]);
    Ok(())
}

#[test]
fn long_arguments_are_put_together() -> Result<(), DecodeError> {
    let code = [71, 1, 71, 2, LoadConst.info().byte, 3, ReturnValue.info().byte, 0];
    let function = decode(&justjit_bytecode::CodeFields {
        n_consts: 0x010204,
        ..fields(&code)
    })?;
    let load = function.instructions[0];
    assert_eq!((load.start, load.offset, load.next, load.arg), (0, 4, 6, 0x010203));
    Ok(())
}

#[test]
fn every_form_of_position() -> Result<(), DecodeError> {
    let code = assemble(&[(Nop, 0), (Nop, 0), (Nop, 0), (Nop, 0), (Nop, 0), (ReturnConst, 0)]);
    let lines = [
        0x80 | (1 << 3),
        0x25, // short: line 10, columns 10 to 15
        0x80 | (12 << 3),
        0x40,
        0x50, // two lines on: columns 64 to 80
        0x80 | (13 << 3),
        0x03, // one line back
        0x80 | (14 << 3),
        0x42,
        0x01,
        0x02,
        0x01,
        0x00,             // 33 lines on, over 2 more, column 0, no end column
        0x80 | (15 << 3), // none
    ];
    let function = decode(&justjit_bytecode::CodeFields {
        line_table: &lines,
        first_line: 10,
        ..fields(&code)
    })?;
    let position = |line, end_line, column, end_column| Position {
        line,
        end_line,
        column,
        end_column,
    };
    assert_eq!(function.position(0), position(Some(10), Some(10), Some(10), Some(15)));
    assert_eq!(function.position(2), position(Some(12), Some(12), Some(64), Some(80)));
    assert_eq!(function.position(4), position(Some(11), Some(11), None, None));
    assert_eq!(function.position(6), position(Some(44), Some(46), Some(0), None));
    assert_eq!(function.position(8), Position::default());
    assert_eq!(function.position(10), Position::default());
    Ok(())
}
