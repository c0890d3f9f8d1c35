//! How the library is linked.
//!
//! LLVM's static libraries have the same two names that gdb looks for as `src/debugger.rs`, and do not export them. The first
//! definition, which is the crate's own, stands for both.
//!
//! What compiling takes of LLVM is laid side by side, if the linker can do that (see `scripts/functions_in_use.py`): the
//! system maps whole neighbourhoods of each function that is called.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

const IN_USE: &str = "functions-in-use.txt";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={IN_USE}");
    let target = |part: &str| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if env::var_os("CARGO_FEATURE_LLVM").is_none() || target("OS") != "linux" {
        return;
    }
    if target("ARCH") == "x86_64" {
        println!("cargo:rustc-link-arg-cdylib=-Wl,-z,muldefs");
    }
    let list = Path::new(&variable("CARGO_MANIFEST_DIR")).join(IN_USE);
    let order = format!(
        "-Wl,--symbol-ordering-file={},--no-warn-symbol-ordering",
        list.display()
    );
    if links_with(&order) {
        println!("cargo:rustc-link-arg-cdylib={order}");
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// Whether the linker that rustc will call knows an argument: LLD knows more than others.
fn links_with(argument: &str) -> bool {
    let folder = variable("OUT_DIR");
    let source = Path::new(&folder).join("nothing.rs");
    fs::write(&source, "").expect("cargo's folder can be written to");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args([
        "--crate-type=cdylib",
        "--target",
        &variable("TARGET"),
        "--out-dir",
        &folder,
    ]);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.arg(format!("-Clink-arg={argument}")).arg(source);
    rustc.stdout(Stdio::null()).stderr(Stdio::null());
    rustc.status().is_ok_and(|status| status.success())
}
