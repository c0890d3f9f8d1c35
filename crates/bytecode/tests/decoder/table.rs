use std::collections::HashSet;

use justjit_bytecode::{Count, Effect, Opcode, Version, reference, specialized_name};

#[test]
fn every_opcode_has_one_row() {
    assert_eq!(Version::V3_13.opcodes().len(), Opcode::ALL.len());
    let mut bytes = HashSet::new();
    for &opcode in Opcode::ALL {
        let info = opcode.info();
        assert_eq!((info.opcode, info.name), (opcode, opcode.name()));
        assert_eq!(Opcode::from_byte(Version::V3_13, info.byte), Some(opcode));
        assert!(bytes.insert(info.byte));
        assert!(specialized_name(info.byte).is_none());
    }
}

#[test]
fn specialized_opcodes_name_their_base() {
    assert_eq!(specialized_name(151), Some((Opcode::BinaryOp, "BINARY_OP_ADD_INT")));
    assert_eq!(
        specialized_name(3),
        Some((Opcode::BinaryOp, "BINARY_OP_INPLACE_ADD_UNICODE"))
    );
    assert_eq!(specialized_name(207), Some((Opcode::Resume, "RESUME_CHECK")));
    assert_eq!(specialized_name(236), None);
    for found in Version::V3_13.specializations() {
        assert_eq!(Version::V3_13.specialization(found.byte), Some(found));
        assert_eq!(Opcode::from_byte(Version::V3_13, found.byte), None);
    }
}

#[test]
fn counts() {
    assert_eq!(Count::Fixed(3).of(9), 3);
    assert_eq!(Count::PlusArg(3).of(u32::MAX), 3 + u64::from(u32::MAX));
    assert_eq!(Count::TwiceArg.of(u32::MAX), 2 * u64::from(u32::MAX));
    assert_eq!((Count::PlusBit(1).of(6), Count::PlusBit(1).of(7)), (1, 2));
    assert_eq!(Count::UnpackEx.of(0x0203), 1 + 3 + 2);
}

#[test]
fn effects() {
    for info in Version::V3_13.opcodes() {
        assert_eq!(info.may_call_python(), info.effect == Effect::Any);
        assert!(!info.may_call_python() || (info.may_raise() && info.may_run_python()));
    }
    assert!(!Opcode::LoadFast.info().may_raise());
    assert!(!Opcode::PopTop.info().may_raise() && Opcode::PopTop.info().may_run_python());
}

#[test]
fn reference_has_a_line_for_each() {
    let text = reference::markdown_with(Version::V3_13, &["Baseline"], |info| vec![info.name.to_lowercase()]);
    assert_eq!(text.lines().count(), Opcode::ALL.len() + 2);
    let line = text
        .lines()
        .find(|line| line.starts_with("| `FOR_ITER` |"))
        .expect("FOR_ITER is there");
    let cells =
        "72 | jump forward | 1 | 1 → 2 | yes | yes | next, or jump and skip 2 with 0 left of the iterator | for_iter";
    assert_eq!(line, format!("| `FOR_ITER` | {cells} |"));
    let bars: HashSet<usize> = text.lines().map(|line| line.matches('|').count()).collect();
    assert_eq!(bars.len(), 1);
}
