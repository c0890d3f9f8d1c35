//! The opcode table as Markdown.

use std::fmt::{self, Display, Write};

use crate::opcode::{Control, Count, Effect, OpcodeInfo, Operand};
use crate::version::Version;

impl Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Operand::None => f.write_str("–"),
            Operand::Const => f.write_str("constant"),
            Operand::Name(0) => f.write_str("name"),
            Operand::Name(1) => f.write_str("name, 1 flag bit"),
            Operand::Name(bits) => write!(f, "name, {bits} flag bits"),
            Operand::Local => f.write_str("local"),
            Operand::LocalPair => f.write_str("two locals"),
            Operand::Free => f.write_str("cell or free variable"),
            Operand::JumpForward => f.write_str("jump forward"),
            Operand::JumpBackward => f.write_str("jump backward"),
            Operand::CompareOp => f.write_str("comparison"),
            Operand::BinaryOp => f.write_str("binary operator"),
            Operand::Intrinsic1 => f.write_str("intrinsic of one argument"),
            Operand::Intrinsic2 => f.write_str("intrinsic of two arguments"),
            Operand::Items => f.write_str("item count"),
            Operand::FreeCount => f.write_str("free variable count"),
            Operand::StackPosition(_) => f.write_str("stack position"),
            Operand::UnpackEx => f.write_str("counts before and after"),
            Operand::OneBit(largest) => write!(f, "one bit, up to {largest}"),
            Operand::Range(least, largest) => write!(f, "{least} to {largest}"),
        }
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Count::Fixed(base) => write!(f, "{base}"),
            Count::PlusArg(0) => f.write_str("arg"),
            Count::PlusArg(base) => write!(f, "{base} + arg"),
            Count::TwiceArg => f.write_str("2 × arg"),
            Count::PlusBit(base) => write!(f, "{base} + (arg & 1)"),
            Count::UnpackEx => f.write_str("1 + (arg & 255) + (arg >> 8)"),
        }
    }
}

impl Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Control::Next => f.write_str("next"),
            Control::Branch => f.write_str("next or jump"),
            Control::Iterate { skip, keeps } => {
                write!(f, "next, or jump and skip {skip} with {keeps} left of the iterator")
            }
            Control::Jump => f.write_str("jump"),
            Control::Return => f.write_str("return"),
            Control::Raise => f.write_str("raise"),
            Control::Yield => f.write_str("suspend, then next"),
        }
    }
}

/// Whether Python code may run, in a word.
fn runs_python(info: &OpcodeInfo) -> &'static str {
    match info.effect {
        Effect::Pure | Effect::Raise => "no",
        Effect::Drop | Effect::RaiseDrop => "finalizers",
        Effect::Any => "yes",
    }
}

/// The titles of the cells of [`row`].
pub const COLUMNS: [&str; 8] = [
    "Opcode",
    "Number",
    "Argument",
    "Caches",
    "Stack effect",
    "May raise",
    "May run Python",
    "Control flow",
];

/// An opcode's cells, in the order of [`COLUMNS`].
pub fn row(info: &OpcodeInfo) -> [String; 8] {
    [
        format!("`{}`", info.name),
        info.byte.to_string(),
        info.operand.to_string(),
        info.caches.to_string(),
        format!("{} → {}", info.popped, info.pushed),
        if info.may_raise() { "yes" } else { "no" }.to_string(),
        runs_python(info).to_string(),
        info.control.to_string(),
    ]
}

/// The whole opcode table of a version as a Markdown table, the opcodes in the order of their names.
pub fn markdown(version: Version) -> String {
    markdown_with(version, &[], |_| Vec::new())
}

/// Like [`markdown`], with further columns: their titles, and a function that gives their cells for an opcode.
pub fn markdown_with(version: Version, titles: &[&str], cells: impl Fn(&OpcodeInfo) -> Vec<String>) -> String {
    let mut text = String::new();
    let mut line = |cells: Vec<String>| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(COLUMNS.iter().chain(titles).map(|title| title.to_string()).collect());
    line(vec!["---".to_string(); COLUMNS.len() + titles.len()]);
    let mut rows: Vec<&OpcodeInfo> = version.opcodes().iter().collect();
    rows.sort_by_key(|info| info.name);
    for info in rows {
        let mut row = row(info).to_vec();
        row.extend(cells(info));
        line(row);
    }
    text
}
