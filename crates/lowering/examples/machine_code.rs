//! Prints the machine code of IR programs: `cargo run --example machine_code -- FILE…`. Symbols have made-up addresses.

use justjit_builder::{RuntimeFn, Signature, Type};
use justjit_ir::{SymbolData, parse, verify};
use justjit_lowering::{Exits, Resolver, SIGNATURE, lower};
use justjit_runtime::deopt::{DEOPTIMIZE, Place};
use std::error::Error;
use std::ptr::null_mut;

struct MadeUp;

extern "C" fn nowhere() {}

impl Resolver for MadeUp {
    fn before(&self, _: &SymbolData, offset: u32) -> u32 {
        offset.saturating_sub(2)
    }

    fn address(&self, _: &SymbolData) -> *const () {
        std::ptr::without_provenance(0x7f00_0000_0000)
    }

    fn function(&self, symbol: &SymbolData) -> Option<&'static RuntimeFn> {
        let justjit_ir::SymbolKind::Function(call) = &symbol.kind else {
            return None;
        };
        let machine = |ty: &justjit_ir::Type| match ty {
            justjit_ir::Type::Float => Type::F64,
            justjit_ir::Type::Bool => Type::I8,
            _ => Type::I64,
        };
        let params: Vec<Type> = call.params.iter().map(machine).collect();
        Some(Box::leak(Box::new(RuntimeFn {
            name: symbol.name.clone().leak(),
            address: nowhere as *const (),
            signature: Signature {
                params: params.leak(),
                result: call.result.as_ref().map(machine),
            },
            pure: false,
            takes: 0,
        })))
    }

    fn place(&self, _: &SymbolData, offset: u32) -> Place {
        Place {
            start: offset,
            offset,
            next: offset + 2,
        }
    }

    fn instructions(&self) -> *const u16 {
        std::ptr::without_provenance(0x7e00_0000_0000)
    }
}

fn print(by: &str, lines: Vec<(u32, String)>) {
    println!("{by}:");
    for (offset, line) in lines {
        println!("{offset:6x}  {line}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    for file in std::env::args().skip(1) {
        let function = parse(&std::fs::read_to_string(&file)?)?;
        verify(&function).map_err(|error| error.to_string())?;
        let exits = Exits::new(&function, null_mut(), &MadeUp, &DEOPTIMIZE)?;
        println!("{function}");

        let mut backend = justjit_cranelift::Backend::new(justjit_cranelift::Options::default())?;
        let code = backend.compile(&function.name, &SIGNATURE, true, &mut |b| lower(b, &function, &exits))?;
        print("Cranelift", justjit_cranelift::disassemble(&code));

        let mut backend = justjit_llvm::Backend::new(justjit_llvm::Options::default())?;
        let code = backend.compile(&function.name, &SIGNATURE, true, &mut |b| lower(b, &function, &exits))?;
        print("LLVM", justjit_llvm::disassemble(&code));
    }
    Ok(())
}
