//! LLVM's static libraries have the same two names that gdb looks for as `src/debugger.rs`, and do not export them. The first
//! definition, which is the crate's own, stands for both.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |part: &str| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if env::var_os("CARGO_FEATURE_LLVM").is_some() && target("OS") == "linux" && target("ARCH") == "x86_64" {
        println!("cargo:rustc-link-arg-cdylib=-Wl,-z,muldefs");
    }
}
