//! The [`Builder`] operations as Cranelift instructions.

use std::collections::HashMap;
use std::fmt::Write;

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::Ieee64;
use cranelift_codegen::ir::{
    self, AbiParam, BlockArg, InstBuilder, JumpTableData, MemFlagsData, SigRef, SourceLoc, StackSlotData,
    StackSlotKind, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::FunctionBuilder;
use justjit_builder::{
    Builder, FloatCond, FloatOp, FloatUnary, IntCond, IntOp, OverflowOp, RuntimeFn, Signature, Type,
};

/// Writes one function as Cranelift IR. Made by [`Backend::compile`](crate::Backend::compile).
///
/// `I8` and `I16` parameters and results cross calls as the unsigned C types (`uint8_t`, `uint16_t`, `bool`).
pub struct CraneliftBuilder<'a> {
    inner: FunctionBuilder<'a>,
    entry: ir::Block,
    call_conv: CallConv,
    signatures: &'a mut Signatures,
    names: Option<&'a mut Names>,
}

/// The signatures that the current function has imported.
#[derive(Default)]
pub(crate) struct Signatures(HashMap<Signature, SigRef>);

impl Signatures {
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Names of the runtime functions that a function calls, for its text.
#[derive(Default)]
pub(crate) struct Names(HashMap<u64, &'static str>);

impl Names {
    pub fn get(&self, address: u64) -> Option<&'static str> {
        self.0.get(&address).copied()
    }

    /// Says after each constant that is a runtime function's address which one it is.
    pub fn annotate_clif(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for line in text.lines() {
            out.push_str(line);
            if let Some((_, constant)) = line.split_once("= iconst.i64 ") {
                let digits = constant.trim().trim_start_matches("0x").replace('_', "");
                if let Some(name) = u64::from_str_radix(&digits, 16).ok().and_then(|a| self.0.get(&a)) {
                    let _ = write!(out, "  ; {name}");
                }
            }
            out.push('\n');
        }
        out
    }
}

/// The Cranelift type of a [`Type`].
fn clif_type(ty: Type) -> ir::Type {
    match ty {
        Type::I8 => types::I8,
        Type::I16 => types::I16,
        Type::I32 => types::I32,
        Type::I64 => types::I64,
        Type::F32 => types::F32,
        Type::F64 => types::F64,
    }
}

fn abi_param(ty: Type) -> AbiParam {
    match ty {
        // C compilers let the caller widen narrow arguments, and rely on it.
        Type::I8 | Type::I16 => AbiParam::new(clif_type(ty)).uext(),
        _ => AbiParam::new(clif_type(ty)),
    }
}

/// The Cranelift form of a [`Signature`].
pub(crate) fn signature(signature: &Signature, call_conv: CallConv) -> ir::Signature {
    let mut clif = ir::Signature::new(call_conv);
    clif.params.extend(signature.params.iter().copied().map(abi_param));
    clif.returns.extend(signature.result.map(abi_param));
    clif
}

fn int_cc(cond: IntCond) -> IntCC {
    match cond {
        IntCond::Eq => IntCC::Equal,
        IntCond::Ne => IntCC::NotEqual,
        IntCond::SignedLt => IntCC::SignedLessThan,
        IntCond::SignedLe => IntCC::SignedLessThanOrEqual,
        IntCond::SignedGt => IntCC::SignedGreaterThan,
        IntCond::SignedGe => IntCC::SignedGreaterThanOrEqual,
        IntCond::UnsignedLt => IntCC::UnsignedLessThan,
        IntCond::UnsignedLe => IntCC::UnsignedLessThanOrEqual,
        IntCond::UnsignedGt => IntCC::UnsignedGreaterThan,
        IntCond::UnsignedGe => IntCC::UnsignedGreaterThanOrEqual,
    }
}

fn float_cc(cond: FloatCond) -> FloatCC {
    match cond {
        FloatCond::Eq => FloatCC::Equal,
        // Cranelift's NotEqual is true for NaN, too; the others are ordered.
        FloatCond::Ne => FloatCC::NotEqual,
        FloatCond::Lt => FloatCC::LessThan,
        FloatCond::Le => FloatCC::LessThanOrEqual,
        FloatCond::Gt => FloatCC::GreaterThan,
        FloatCond::Ge => FloatCC::GreaterThanOrEqual,
    }
}

impl<'a> CraneliftBuilder<'a> {
    /// Begins a function whose signature is set already.
    pub(crate) fn new(
        mut inner: FunctionBuilder<'a>,
        call_conv: CallConv,
        signatures: &'a mut Signatures,
        names: Option<&'a mut Names>,
    ) -> Self {
        let entry = inner.create_block();
        inner.append_block_params_for_function_params(entry);
        inner.switch_to_block(entry);
        CraneliftBuilder {
            inner,
            entry,
            call_conv,
            signatures,
            names,
        }
    }

    /// Ends the function.
    pub(crate) fn finish(mut self, config: TargetFrontendConfig) {
        self.inner.seal_all_blocks();
        self.inner.finalize(config);
    }

    fn type_of(&self, value: ir::Value) -> ir::Type {
        self.inner.func.dfg.value_type(value)
    }

    fn constant(&mut self, ty: ir::Type, value: i64) -> ir::Value {
        // Cranelift wants the bits above a narrow type's width to be zero.
        let bits = match ty.bits() {
            64 => value,
            width => value & ((1 << width) - 1),
        };
        self.inner.ins().iconst(ty, bits)
    }

    fn import(&mut self, of: &Signature) -> SigRef {
        if let Some(&imported) = self.signatures.0.get(of) {
            return imported;
        }
        let imported = self.inner.import_signature(signature(of, self.call_conv));
        self.signatures.0.insert(*of, imported);
        imported
    }
}

/// Block arguments as Cranelift wants them, without allocating for the usual few.
struct BlockArgs {
    few: [BlockArg; 4],
    many: Vec<BlockArg>,
    len: usize,
}

impl BlockArgs {
    fn new(values: &[ir::Value]) -> BlockArgs {
        // The filler is never read.
        let mut args = BlockArgs {
            few: [BlockArg::TryCallRet(0); 4],
            many: Vec::new(),
            len: values.len(),
        };
        match args.few.get_mut(..values.len()) {
            Some(few) => few
                .iter_mut()
                .zip(values)
                .for_each(|(slot, &value)| *slot = BlockArg::Value(value)),
            None => args.many.extend(values.iter().copied().map(BlockArg::Value)),
        }
        args
    }

    fn as_slice(&self) -> &[BlockArg] {
        self.few.get(..self.len).unwrap_or(&self.many)
    }
}

impl Builder for CraneliftBuilder<'_> {
    type Value = ir::Value;
    type Block = ir::Block;

    fn int(&mut self, ty: Type, value: i64) -> ir::Value {
        self.constant(clif_type(ty), value)
    }

    fn float(&mut self, value: f64) -> ir::Value {
        self.inner.ins().f64const(Ieee64::with_bits(value.to_bits()))
    }

    fn object(&mut self, address: *const ()) -> ir::Value {
        self.constant(types::I64, address as i64)
    }

    fn load(&mut self, ty: Type, base: ir::Value, offset: i32) -> ir::Value {
        self.inner
            .ins()
            .load(clif_type(ty), MemFlagsData::trusted(), base, offset)
    }

    fn store(&mut self, value: ir::Value, base: ir::Value, offset: i32) {
        self.inner.ins().store(MemFlagsData::trusted(), value, base, offset);
    }

    fn load_volatile(&mut self, ty: Type, base: ir::Value, offset: i32) -> ir::Value {
        // A plain load may be replaced by what an earlier one gave, even one before the loop that it is in.
        let address = self.inner.ins().iadd_imm_s(base, i64::from(offset));
        self.inner
            .ins()
            .atomic_load(clif_type(ty), MemFlagsData::trusted(), address)
    }

    fn stack_slot(&mut self, bytes: u32) -> ir::Value {
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3);
        let slot = self.inner.create_sized_stack_slot(data);
        self.inner.ins().stack_addr(types::I64, slot, 0)
    }

    fn int_op(&mut self, op: IntOp, a: ir::Value, b: ir::Value) -> ir::Value {
        let ins = self.inner.ins();
        match op {
            IntOp::Add => ins.iadd(a, b),
            IntOp::Sub => ins.isub(a, b),
            IntOp::Mul => ins.imul(a, b),
            IntOp::And => ins.band(a, b),
            IntOp::Or => ins.bor(a, b),
            IntOp::Xor => ins.bxor(a, b),
            // Cranelift, too, takes the count modulo the width.
            IntOp::Shl => ins.ishl(a, b),
            IntOp::ShrUnsigned => ins.ushr(a, b),
            IntOp::ShrSigned => ins.sshr(a, b),
            IntOp::DivSigned => ins.sdiv(a, b),
            IntOp::RemSigned => ins.srem(a, b),
        }
    }

    fn int_op_const(&mut self, op: IntOp, a: ir::Value, b: i64) -> ir::Value {
        // Instruction selection makes an immediate operand of the constant where there is one.
        let b = self.constant(self.type_of(a), b);
        self.int_op(op, a, b)
    }

    fn overflow_op(&mut self, op: OverflowOp, a: ir::Value, b: ir::Value) -> (ir::Value, ir::Value) {
        let ins = self.inner.ins();
        match op {
            OverflowOp::Add => ins.sadd_overflow(a, b),
            OverflowOp::Sub => ins.ssub_overflow(a, b),
            OverflowOp::Mul => ins.smul_overflow(a, b),
        }
    }

    fn compare(&mut self, cond: IntCond, a: ir::Value, b: ir::Value) -> ir::Value {
        self.inner.ins().icmp(int_cc(cond), a, b)
    }

    fn compare_const(&mut self, cond: IntCond, a: ir::Value, b: i64) -> ir::Value {
        let b = self.constant(self.type_of(a), b);
        self.compare(cond, a, b)
    }

    fn zero_extend(&mut self, to: Type, a: ir::Value) -> ir::Value {
        if self.type_of(a) == clif_type(to) {
            a
        } else {
            self.inner.ins().uextend(clif_type(to), a)
        }
    }

    fn sign_extend(&mut self, to: Type, a: ir::Value) -> ir::Value {
        if self.type_of(a) == clif_type(to) {
            a
        } else {
            self.inner.ins().sextend(clif_type(to), a)
        }
    }

    fn truncate(&mut self, to: Type, a: ir::Value) -> ir::Value {
        if self.type_of(a) == clif_type(to) {
            a
        } else {
            self.inner.ins().ireduce(clif_type(to), a)
        }
    }

    fn count_leading_zeros(&mut self, a: ir::Value) -> ir::Value {
        self.inner.ins().clz(a)
    }

    fn select(&mut self, condition: ir::Value, a: ir::Value, b: ir::Value) -> ir::Value {
        self.inner.ins().select(condition, a, b)
    }

    fn float_op(&mut self, op: FloatOp, a: ir::Value, b: ir::Value) -> ir::Value {
        let ins = self.inner.ins();
        match op {
            FloatOp::Add => ins.fadd(a, b),
            FloatOp::Sub => ins.fsub(a, b),
            FloatOp::Mul => ins.fmul(a, b),
            FloatOp::Div => ins.fdiv(a, b),
        }
    }

    fn float_unary(&mut self, op: FloatUnary, a: ir::Value) -> ir::Value {
        let ins = self.inner.ins();
        // On x86-64 the roundings take SSE4.1; without it Cranelift asks for a library function, which is an error.
        match op {
            FloatUnary::Neg => ins.fneg(a),
            FloatUnary::Abs => ins.fabs(a),
            FloatUnary::Sqrt => ins.sqrt(a),
            FloatUnary::Floor => ins.floor(a),
            FloatUnary::Ceil => ins.ceil(a),
            FloatUnary::Trunc => ins.trunc(a),
            FloatUnary::NearestEven => ins.nearest(a),
        }
    }

    fn float_compare(&mut self, cond: FloatCond, a: ir::Value, b: ir::Value) -> ir::Value {
        self.inner.ins().fcmp(float_cc(cond), a, b)
    }

    fn int_to_float(&mut self, a: ir::Value) -> ir::Value {
        self.inner.ins().fcvt_from_sint(types::F64, a)
    }

    fn float_to_int(&mut self, a: ir::Value) -> ir::Value {
        // The saturating form cannot trap, so Cranelift may move or drop it.
        self.inner.ins().fcvt_to_sint_sat(types::I64, a)
    }

    fn float_promote(&mut self, a: ir::Value) -> ir::Value {
        self.inner.ins().fpromote(types::F64, a)
    }

    fn float_demote(&mut self, a: ir::Value) -> ir::Value {
        self.inner.ins().fdemote(types::F32, a)
    }

    fn float_bits(&mut self, a: ir::Value) -> ir::Value {
        self.inner.ins().bitcast(types::I64, MemFlagsData::new(), a)
    }

    fn float_from_bits(&mut self, a: ir::Value) -> ir::Value {
        self.inner.ins().bitcast(types::F64, MemFlagsData::new(), a)
    }

    fn param(&mut self, index: usize) -> ir::Value {
        self.inner.block_params(self.entry)[index]
    }

    fn create_block(&mut self) -> ir::Block {
        self.inner.create_block()
    }

    fn block_param(&mut self, block: ir::Block, ty: Type) -> ir::Value {
        self.inner.append_block_param(block, clif_type(ty))
    }

    fn set_cold(&mut self, block: ir::Block) {
        self.inner.set_cold_block(block);
    }

    fn switch_to(&mut self, block: ir::Block) {
        self.inner.switch_to_block(block);
    }

    fn jump(&mut self, block: ir::Block, args: &[ir::Value]) {
        self.inner.ins().jump(block, BlockArgs::new(args).as_slice());
    }

    fn branch(&mut self, condition: ir::Value, then: (ir::Block, &[ir::Value]), otherwise: (ir::Block, &[ir::Value])) {
        let (then_args, otherwise_args) = (BlockArgs::new(then.1), BlockArgs::new(otherwise.1));
        self.inner.ins().brif(
            condition,
            then.0,
            then_args.as_slice(),
            otherwise.0,
            otherwise_args.as_slice(),
        );
    }

    fn jump_table(&mut self, index: ir::Value, default: ir::Block, targets: &[ir::Block]) {
        let pool = &mut self.inner.func.dfg.value_lists;
        let default = ir::BlockCall::new(default, [], pool);
        let targets: Vec<_> = targets
            .iter()
            .map(|&target| ir::BlockCall::new(target, [], pool))
            .collect();
        let table = self.inner.create_jump_table(JumpTableData::new(default, &targets));
        self.inner.ins().br_table(index, table);
    }

    fn ret(&mut self, value: ir::Value) {
        self.inner.ins().return_(&[value]);
    }

    fn call(&mut self, function: &RuntimeFn, args: &[ir::Value]) -> Option<ir::Value> {
        // Runtime functions may lie further away than a call instruction reaches; through a register there is no
        // relocation, and it costs the same.
        if let Some(names) = &mut self.names {
            names.0.insert(function.address as u64, function.name);
        }
        let callee = self.object(function.address);
        self.call_indirect(&function.signature, callee, args)
    }

    fn call_indirect(&mut self, signature: &Signature, callee: ir::Value, args: &[ir::Value]) -> Option<ir::Value> {
        let imported = self.import(signature);
        let call = self.inner.ins().call_indirect(imported, callee, args);
        self.inner.inst_results(call).first().copied()
    }

    fn stack_pointer(&mut self) -> ir::Value {
        self.inner.ins().get_stack_pointer(types::I64)
    }

    fn set_position(&mut self, bytecode_offset: u32) {
        self.inner.set_srcloc(SourceLoc::new(bytecode_offset));
    }
}
