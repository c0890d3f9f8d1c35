//! The optimizing tier on request: for tests, and to look at what it makes.

use crate::compiler::{decode_code, text};
use justjit_optimizer::snapshot::{Snapshot, Widened};
use justjit_optimizer::unit::{Options, Texts, Unit};
use justjit_optimizer::{Entry, Input, build};
use justjit_runtime::hook;
use justjit_runtime::layout::Function;
use justjit_runtime::version::{Tier, Version, register};
use pyo3_ffi::*;
use std::collections::BTreeSet;

/// Makes an optimized version of a function from its start, from what its sampling version has seen, in place; with
/// `install` it becomes the function's entry. Gives the texts of the compilation.
///
/// # Safety
/// The GIL is held; a live function.
pub unsafe fn optimize(function: *mut PyObject, install: bool, level: u8, llvm: bool) -> Result<Texts, String> {
    // SAFETY: see the contract.
    unsafe {
        let code = hook::code_of(function);
        let state = hook::ensure_state(code.cast());
        if state.is_null() {
            return Err("no memory".into());
        }
        let decoded = decode_code(code)?;
        let plain = function.cast::<Function>();
        let (globals, builtins) = ((*plain).func_globals, (*plain).func_builtins);
        let mut version = Version::new(plain, Tier::Optimizing);
        version.instructions = decoded.instructions.len() as u32;
        let widened = Widened::default();
        let mut snapshot = Snapshot::new(&raw mut *version, decode_code, &widened);
        let knowledge = snapshot.knowledge(function, code, &decoded);
        let name = text((*code).co_qualname);
        let target: *const Version = &raw const *version;
        let input = Input {
            name: &name,
            code,
            decoded,
            knowledge,
            globals,
            builtins,
            entries: vec![Entry::Start],
            version: target.cast(),
        };
        let built = build(&input, &mut snapshot).map_err(|decline| decline.0)?;
        for &object in &built.kept {
            Py_INCREF(object);
        }
        version.keeps.extend(&built.kept);
        version.keeps.append(&mut snapshot.made);
        version.cells.append(&mut snapshot.cells);
        version.call_sites = std::mem::take(&mut snapshot.calls);
        version.attribute_sites = std::mem::take(&mut snapshot.attributes);
        version.tables.push(std::mem::take(&mut snapshot.scratch));
        let options = Options {
            level,
            llvm,
            passes_off: BTreeSet::new(),
            verify: true,
            texts: true,
            unwind_info: false,
        };
        let unit = Unit::new(name, built, &raw mut *version);
        let compiled = unit.compile(&options).map_err(|decline| decline.0)?;
        version.body = compiled.body;
        version.code_bytes = compiled.code_bytes;
        version.add_deopt_points(compiled.exits);
        let entry = crate::compiler::entry_of(&version)?;
        version.vectorcall = entry.address().cast();
        version.machine_code = vec![compiled.code, Box::new(entry)];
        register(&version);
        let made = Box::into_raw(version);
        if install {
            justjit_runtime::tiering::add_version(state, made);
            justjit_runtime::api::PyFunction_SetVectorcall(function, (*made).vectorcall);
        } else {
            crate::compiler::discard(Box::from_raw(made));
        }
        Ok(compiled.texts)
    }
}
