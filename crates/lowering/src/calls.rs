//! Calls of the runtime.

use crate::lower::{Lowering, width, wrong};
use crate::typed::typed_signature;
use justjit_builder::{Builder, IntCond, IntOp, Region, Type as Width};
use justjit_ir::{Imm, InstData, Symbol, Type};
use justjit_runtime::layout::offset;
use justjit_runtime::numbers::SMALL_INT_MAX;
use justjit_runtime::optimized::{OVERWRITE_FLOAT, OVERWRITE_INT};

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
        if callee.address == OVERWRITE_FLOAT.address {
            return Some(self.overwrite_float(&args));
        }
        if callee.address == OVERWRITE_INT.address {
            return Some(self.overwrite_int(&args));
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

    /// A float in the place of a float: into its object, if nobody else has that.
    fn overwrite_float(&mut self, args: &[B::Value]) -> B::Value {
        let (object, value) = (args[0], args[1]);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Width::I64);
        let (here, shared) = (self.b.create_block(), self.cold_block());
        let count = self.b.load_in(Region::Count, Width::I32, object, offset::OB_REFCNT);
        let alone = self.b.compare_const(IntCond::Eq, count, 1);
        self.b.branch(alone, (here, &[]), (shared, &[]));
        self.b.switch_to(here);
        self.b.store_in(Region::Payload, value, object, offset::FLOAT_VALUE);
        self.b.jump(join, &[object]);
        self.b.switch_to(shared);
        let made = self.b.call_value(&OVERWRITE_FLOAT, args);
        self.b.jump(join, &[made]);
        self.b.switch_to(join);
        result
    }

    /// An int in the place of an int: into its object, if nobody else has that and the value is one positive digit that is
    /// no small int's; and a small int in the place of another.
    fn overwrite_int(&mut self, args: &[B::Value]) -> B::Value {
        let (object, value) = (args[0], args[1]);
        let join = self.b.create_block();
        let result = self.b.block_param(join, Width::I64);
        let (here, shared) = (self.b.create_block(), self.b.create_block());
        let seldom = self.cold_block();
        let count = self.b.load_in(Region::Count, Width::I32, object, offset::OB_REFCNT);
        let alone = self.b.compare_const(IntCond::Eq, count, 1);
        let above = self.b.int_op_const(IntOp::Sub, value, SMALL_INT_MAX + 1);
        let digit = self
            .b
            .compare_const(IntCond::UnsignedLt, above, (1 << 30) - (SMALL_INT_MAX + 1));
        let fine = self.b.int_op(IntOp::And, alone, digit);
        self.b.branch(fine, (here, &[]), (shared, &[]));

        self.b.switch_to(here);
        // One digit, no sign.
        let tag = self.int(1 << 3);
        self.b.store_in(Region::Payload, tag, object, offset::LONG_TAG);
        let digit = self.b.truncate(Width::I32, value);
        self.b.store_in(Region::Payload, digit, object, offset::LONG_DIGIT);
        self.b.jump(join, &[object]);

        // An immortal object, as small ints are, has no reference to be given up: its count is negative as 32 bits.
        self.b.switch_to(shared);
        let mortal = self.b.compare_const(IntCond::SignedGe, count, 0);
        self.b.branch_if(mortal, seldom, &[]);
        self.go_on_small(value, (join, seldom));

        self.b.switch_to(seldom);
        let made = self.b.call_value(&OVERWRITE_INT, args);
        self.b.jump(join, &[made]);
        self.b.switch_to(join);
        result
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
