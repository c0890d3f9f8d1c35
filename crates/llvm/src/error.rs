//! Why there is no code.

use std::fmt;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// There is no code generator for this machine.
    UnsupportedHost(String),
    /// The function breaks the rules of [`Builder`](justjit_builder::Builder), or LLVM did not accept it.
    Codegen(String),
    /// The code could not be put into memory.
    Link(String),
    /// The process is a fork's child, in which this cannot be used; see the crate's documentation.
    Forked,
    /// LLVM gave up, now or before; it cannot be used any more in this process.
    Fatal(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnsupportedHost(why) => {
                let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
                write!(f, "no machine code by LLVM for this host ({arch}, {os}): {why}")
            }
            Error::Codegen(why) => write!(f, "LLVM: {why}"),
            Error::Link(why) => write!(f, "linking the code: {why}"),
            Error::Forked => f.write_str("LLVM is unusable in this process: it was forked while LLVM was in use"),
            Error::Fatal(why) => write!(f, "LLVM is unusable in this process: {why}"),
        }
    }
}

impl std::error::Error for Error {}
