//! Calls of the runtime.

use crate::lower::{Lowering, width, wrong};
use crate::typed::typed_signature;
use justjit_builder::{Builder, IntCond, Type as Width};
use justjit_ir::{Imm, InstData, Symbol, Type};

impl<B: Builder> Lowering<'_, B> {
    pub fn call_inst(&mut self, inst: &InstData) -> Option<B::Value> {
        let Imm::Symbol(symbol) = inst.imm else { wrong(inst) };
        let call = self.function.call(symbol);
        if call.through {
            return self.call_through(symbol, inst);
        }
        let callee = self.exits.function(symbol);
        let signature = &callee.signature;
        assert_eq!(
            call.params.len(),
            signature.params.len(),
            "parameters of {}",
            callee.name
        );
        let mut args = Vec::with_capacity(inst.args.len());
        for (&arg, (&ty, &wanted)) in inst.args.iter().zip(call.params.iter().zip(signature.params)) {
            let value = self.value(arg);
            args.push(self.as_passed(value, ty, wanted));
        }
        let result = self.b.call(callee, &args);
        match (call.result, signature.result) {
            (None, _) => None,
            (Some(ty), Some(given)) => {
                let value = result.expect("the signature has a result");
                Some(self.as_taken(value, ty, given))
            }
            (Some(_), None) => panic!("{} has no result", callee.name),
        }
    }

    /// Calls the function whose address is in the word at the symbol's address; it takes the values as they are.
    fn call_through(&mut self, symbol: Symbol, inst: &InstData) -> Option<B::Value> {
        let call = self.function.call(symbol);
        let signature = typed_signature(&call.params, call.result);
        let args: Vec<_> = inst.args.iter().map(|&arg| self.value(arg)).collect();
        let word = self.symbol(symbol);
        let callee = self.b.load(Width::I64, word, 0);
        self.b.call_indirect(&signature, callee, &args)
    }

    /// A value as the callee wants it.
    fn as_passed(&mut self, value: B::Value, ty: Type, wanted: Width) -> B::Value {
        match (ty, wanted) {
            _ if width(ty) == wanted => value,
            (Type::Int, Width::I8 | Width::I16 | Width::I32) => self.b.truncate(wanted, value),
            (Type::Bool, Width::I16 | Width::I32 | Width::I64) => self.b.zero_extend(wanted, value),
            _ => panic!("{ty} passed as {wanted:?}"),
        }
    }

    /// A value as the callee gives it: narrow ints are signed, what is not 0 is true.
    fn as_taken(&mut self, value: B::Value, ty: Type, given: Width) -> B::Value {
        match (ty, given) {
            (Type::Bool, Width::I8 | Width::I16 | Width::I32 | Width::I64) => {
                self.b.compare_const(IntCond::Ne, value, 0)
            }
            _ if width(ty) == given => value,
            (Type::Int, Width::I8 | Width::I16 | Width::I32) => self.b.sign_extend(Width::I64, value),
            _ => panic!("{given:?} taken for {ty}"),
        }
    }
}
