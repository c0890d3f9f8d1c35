use justjit_bytecode::Opcode::*;
use justjit_bytecode::{CodeFields, Place, Problem, decode};

use crate::{assemble, fields};

/// Where decoding fails, and why.
fn failure(fields: &CodeFields<'_>) -> (Place, u32, Problem) {
    let error = decode(fields).expect_err("not an error");
    (error.place, error.offset, error.problem)
}

/// The same for code.
fn code_failure(code: &[u8]) -> (u32, Problem) {
    let (place, offset, problem) = failure(&fields(code));
    assert_eq!(place, Place::Code);
    (offset, problem)
}

#[test]
fn bytes_that_are_no_instructions() {
    assert_eq!(code_failure(&[]), (0, Problem::Empty));
    assert_eq!(code_failure(&[30, 0, 30]), (2, Problem::OddLength));
    assert_eq!(code_failure(&[30, 0, 17, 0]), (2, Problem::UnknownOpcode(17)));
    assert_eq!(code_failure(&[30, 0, 130, 0]), (2, Problem::UnknownOpcode(130)));
    assert_eq!(code_failure(&[30, 0, 0, 0]), (2, Problem::UnexpectedCache));
    assert_eq!(
        code_failure(&[30, 0, 151, 0]),
        (2, Problem::SpecializedOpcode("BINARY_OP_ADD_INT"))
    );
    assert_eq!(
        code_failure(&[30, 0, 3, 0]),
        (2, Problem::SpecializedOpcode("BINARY_OP_INPLACE_ADD_UNICODE"))
    );
    assert_eq!(code_failure(&[30, 0, 254, 0]), (2, Problem::InstrumentedOpcode(254)));
    assert_eq!(
        code_failure(&[30, 0, 22, 0]),
        (2, Problem::InternalOpcode("INTERPRETER_EXIT"))
    );
    assert_eq!(code_failure(&[30, 0, 71, 1]), (2, Problem::DanglingExtendedArg));
    assert_eq!(
        code_failure(&[71, 0, 71, 0, 71, 0, 71, 0, 30, 0]),
        (6, Problem::TooManyExtendedArgs)
    );
    assert_eq!(
        code_failure(&[30, 0, LoadAttr.info().byte, 0, 0, 0]),
        (2, Problem::TruncatedCaches)
    );
}

#[test]
fn arguments_out_of_range() {
    let bad = [
        (LoadConst, 10),
        (LoadName, 10),
        (LoadAttr, 20),
        (LoadSuperAttr, 40),
        (LoadFast, 10),
        (LoadFastLoadFast, 0x0a),
        (LoadFastLoadFast, 0xa0),
        (LoadDeref, 10),
        (BinaryOp, 26),
        (CompareOp, 6 << 5),
        (CallIntrinsic1, 0),
        (CallIntrinsic1, 12),
        (CallIntrinsic2, 6),
        (ConvertValue, 0),
        (Copy, 0),
        (RaiseVarargs, 3),
        (SetFunctionAttribute, 3),
        (SetFunctionAttribute, 16),
        (SetFunctionAttribute, 0),
    ];
    for (opcode, arg) in bad {
        let code = assemble(&[(Nop, 0), (opcode, arg), (ReturnConst, 0)]);
        let problem = Problem::BadArgument {
            opcode: opcode.name(),
            arg: arg.into(),
        };
        assert_eq!(code_failure(&code), (2, problem));
    }
}

#[test]
fn jumps_to_nowhere() {
    let jump = |instructions: &[_]| code_failure(&assemble(instructions));
    assert_eq!(
        jump(&[(Nop, 0), (JumpForward, 9)]),
        (2, Problem::JumpOutOfRange { target: 22 })
    );
    assert_eq!(
        jump(&[(Nop, 0), (JumpForward, 0)]),
        (2, Problem::JumpOutOfRange { target: 4 })
    );
    assert_eq!(
        jump(&[(Nop, 0), (JumpBackward, 4)]),
        (2, Problem::JumpOutOfRange { target: -2 })
    );
    assert_eq!(
        jump(&[(Nop, 0), (JumpBackward, 1)]),
        (2, Problem::JumpIntoInstruction { target: 4 })
    );
    let into_long = [
        JumpForward.info().byte,
        1,
        71,
        0,
        LoadConst.info().byte,
        0,
        ReturnValue.info().byte,
        0,
    ];
    assert_eq!(
        code_failure(&into_long),
        (0, Problem::JumpIntoInstruction { target: 4 })
    );
    let loop_code = [
        (LoadFast, 0),
        (ForIter, 2),
        (JumpBackward, 4),
        (EndFor, 0),
        (ReturnConst, 0),
    ];
    assert_eq!(jump(&loop_code), (2, Problem::MissingLoopEnd { target: 10 }));
    assert_eq!(
        jump(&[(LoadFast, 0), (ForIter, 0), (EndFor, 0), (PopTop, 0)]),
        (2, Problem::MissingLoopEnd { target: 6 })
    );
}

#[test]
fn stacks_that_do_not_add_up() {
    let run = |instructions: &[_]| code_failure(&assemble(instructions));
    assert_eq!(
        run(&[(Resume, 0), (PopTop, 0)]),
        (2, Problem::StackUnderflow { depth: 0, needed: 1 })
    );
    assert_eq!(
        run(&[(LoadFast, 0), (Copy, 2), (ReturnValue, 0)]),
        (2, Problem::StackUnderflow { depth: 1, needed: 2 })
    );
    assert_eq!(run(&[(Resume, 0), (Nop, 0)]), (2, Problem::FallsOffEnd));
    assert_eq!(
        run(&[(LoadFast, 0), (JumpBackward, 3)]),
        (
            2,
            Problem::DepthMismatch {
                target: 0,
                expected: 0,
                found: 1
            }
        )
    );
    let deep = assemble(&[(LoadFast, 0), (UnpackSequence, 11), (ReturnValue, 0)]);
    assert_eq!(
        code_failure(&deep),
        (2, Problem::StackOverflow { depth: 11, limit: 10 })
    );
    let huge = CodeFields {
        stack_size: 70_000,
        ..fields(&deep)
    };
    assert_eq!(failure(&huge), (Place::Code, 0, Problem::StackSizeTooLarge(70_000)));
}

#[test]
fn bad_exception_tables() {
    let code = assemble(&[
        (LoadFast, 0),
        (LoadAttr, 0),
        (ReturnValue, 0),
        (PushExcInfo, 0),
        (Reraise, 0),
    ]);
    let table = |exception_table: &[u8]| {
        failure(&CodeFields {
            exception_table,
            ..fields(&code)
        })
    };
    let at = |offset, problem| (Place::ExceptionTable, offset, problem);
    assert_eq!(table(&[0x80, 1, 12]), at(3, Problem::TruncatedEntry));
    assert_eq!(table(&[0x80, 1, 0x8c, 0]), at(2, Problem::TruncatedEntry));
    assert_eq!(table(&[0, 1, 12, 0]), at(0, Problem::MisplacedEntry));
    assert_eq!(table(&[0x80, 2, 12, 0]), at(0, Problem::BadRegion { start: 0, end: 4 }));
    assert_eq!(table(&[0x80, 0, 12, 0]), at(0, Problem::BadRegion { start: 0, end: 0 }));
    assert_eq!(
        table(&[0x80, 30, 12, 0]),
        at(0, Problem::BadRegion { start: 0, end: 60 })
    );
    assert_eq!(table(&[0x80, 1, 3, 0]), at(0, Problem::BadHandler { target: 6 }));
    assert_eq!(
        table(&[0x81, 10, 12, 0, 0x80, 1, 12, 0]),
        at(4, Problem::UnorderedRegions)
    );
    assert_eq!(
        table(&[0xff, 0x7f, 0x7f, 0x7f, 0x7f, 0x3f, 1, 12, 0]),
        at(5, Problem::NumberTooLarge)
    );
    let deep = Problem::HandlerTooDeep {
        target: 24,
        keeps: 2,
        depth: 1,
    };
    assert_eq!(table(&[0x81, 10, 12, 4]), (Place::Code, 2, deep));
}

#[test]
fn bad_line_tables() {
    let code = assemble(&[(ReturnConst, 0)]);
    let table = |line_table: &[u8]| {
        failure(&CodeFields {
            line_table,
            ..fields(&code)
        })
    };
    let at = |offset, problem| (Place::LineTable, offset, problem);
    assert_eq!(table(&[0x80]), at(1, Problem::TruncatedEntry));
    assert_eq!(table(&[0x80, 0x80]), at(1, Problem::TruncatedEntry));
    assert_eq!(table(&[0x10]), at(0, Problem::MisplacedEntry));
    assert_eq!(
        table(&[0xe8, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0]),
        at(6, Problem::NumberTooLarge)
    );
    // Two deltas of the largest size leave the range of lines.
    let far = [0xe8, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x03];
    assert_eq!(table(&far), at(0, Problem::NumberTooLarge));
}

#[test]
fn messages_name_the_offset() {
    let error = decode(&fields(&[30, 0, 151, 0])).expect_err("a specialized opcode");
    assert_eq!(
        error.to_string(),
        "bytecode at offset 2: specialized opcode BINARY_OP_ADD_INT"
    );
}
