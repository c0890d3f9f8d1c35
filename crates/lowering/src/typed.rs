//! Typed bodies: functions that are called with numbers in registers, and have no frame.

use crate::lower::width;
use justjit_builder::{Signature, Type as Width};
use justjit_ir::{Function, Op, Type};
use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Parameter lists that were needed once: there are few, and they are kept.
static PARAMS: LazyLock<Mutex<HashSet<&'static [Width]>>> = LazyLock::new(Mutex::default);

/// The machine's signature of a function of values.
pub fn typed_signature(params: &[Type], result: Option<Type>) -> Signature {
    let widths: Vec<Width> = params.iter().map(|&ty| width(ty)).collect();
    let mut known = PARAMS.lock().unwrap_or_else(PoisonError::into_inner);
    let params = known.get(&widths[..]).copied().unwrap_or_else(|| {
        let kept: &'static [Width] = Box::leak(widths.into_boxed_slice());
        known.insert(kept);
        kept
    });
    Signature {
        params,
        result: result.map(width),
    }
}

/// The signature of a typed body: its entry's parameters, and what its returns give (an int where there are none).
pub fn signature_of(function: &Function) -> Signature {
    let params = &function.blocks[Function::ENTRY.index()].params;
    let params: Vec<Type> = params.iter().map(|&param| function.type_of(param)).collect();
    let insts = function.blocks.iter().flat_map(|block| &block.insts);
    let mut returns = insts
        .map(|&inst| function.inst(inst))
        .filter(|inst| inst.op == Op::Give);
    let result = returns.next().map_or(Type::Int, |inst| function.type_of(inst.args[0]));
    typed_signature(&params, Some(result))
}
