//! The [`Builder`] operations as LLVM instructions.

use justjit_builder::{
    Builder, FloatCond, FloatOp, FloatUnary, IntCond, IntOp, OverflowOp, Region, RuntimeFn, Signature, Type,
};
use llvm_sys::core::*;
use llvm_sys::prelude::{LLVMTypeRef, LLVMValueRef};

use crate::builder::{LlvmBlock, LlvmBuilder, LlvmValue, UNNAMED, float_predicate, int_predicate};
use crate::host::STACK_POINTER;

/// Appends an instruction to the current block.
macro_rules! build {
    ($self:ident, $function:ident($($arg:expr),*)) => {{
        let cursor = $self.cursor.0;
        // SAFETY: the cursor, the operands and the types all belong to the context of the function being written.
        unsafe { $function(cursor, $($arg,)* UNNAMED) }
    }};
}

impl LlvmBuilder<'_> {
    fn type_of(&self, value: LlvmValue) -> LLVMTypeRef {
        // SAFETY: a handle of this function's.
        unsafe { LLVMTypeOf(value.0) }
    }

    fn constant(&self, ty: LLVMTypeRef, value: i64) -> LLVMValueRef {
        // SAFETY: the type is an integer type of the context. LLVM wants the bits above a narrow type's width to be zero.
        unsafe {
            let bits = match LLVMGetIntTypeWidth(ty) {
                64 => value as u64,
                width => value as u64 & ((1 << width) - 1),
            };
            LLVMConstInt(ty, bits, 0)
        }
    }

    /// A truth value as the `I8` that it is to the caller.
    fn byte(&mut self, truth: LLVMValueRef) -> LlvmValue {
        LlvmValue(build!(self, LLVMBuildZExt(truth, self.types.i8)))
    }

    /// A shift count, modulo the width: LLVM leaves a count that is too large undefined.
    fn count(&mut self, count: LlvmValue) -> LLVMValueRef {
        let ty = self.type_of(count);
        // SAFETY: an integer type.
        let width = unsafe { LLVMGetIntTypeWidth(ty) };
        let mask = self.constant(ty, i64::from(width) - 1);
        build!(self, LLVMBuildAnd(count.0, mask))
    }

    /// Allows what `fast_math` allows, where the instruction has not been folded away.
    fn relax(&mut self, value: LLVMValueRef) -> LlvmValue {
        if self.fast_math != 0 {
            // SAFETY: a handle of this function's; only instructions have flags.
            unsafe {
                if !LLVMIsAInstruction(value).is_null() && LLVMCanValueUseFastMathFlags(value) != 0 {
                    LLVMSetFastMathFlags(value, self.fast_math);
                }
            }
        }
        LlvmValue(value)
    }

    fn check_same_type(&mut self, what: &str, a: LlvmValue, b: LlvmValue) {
        if self.type_of(a) != self.type_of(b) {
            self.note_mistake(|| format!("{what} of two types"));
        }
    }

    fn expect_open(&mut self, what: &str) {
        if self.current.is_none() {
            self.note_mistake(|| format!("{what} follows a terminator"));
        }
    }
}

impl Builder for LlvmBuilder<'_> {
    type Value = LlvmValue;
    type Block = LlvmBlock;

    fn note_plain_loops(&mut self) {
        self.has_plain_loops = true;
    }

    fn int(&mut self, ty: Type, value: i64) -> LlvmValue {
        LlvmValue(self.constant(self.types.of(ty), value))
    }

    fn float(&mut self, value: f64) -> LlvmValue {
        // By its bits: a NaN would not come through a conversion of the C API's unharmed on every platform.
        let bits = self.constant(self.types.i64, value.to_bits() as i64);
        // SAFETY: types of the context.
        LlvmValue(unsafe { LLVMConstBitCast(bits, self.types.f64) })
    }

    fn object(&mut self, address: *const ()) -> LlvmValue {
        LlvmValue(self.constant(self.types.i64, address as i64))
    }

    fn load(&mut self, ty: Type, base: LlvmValue, offset: i32) -> LlvmValue {
        self.load_in(Region::Any, ty, base, offset)
    }

    fn store(&mut self, value: LlvmValue, base: LlvmValue, offset: i32) {
        self.store_in(Region::Any, value, base, offset);
    }

    fn load_in(&mut self, region: Region, ty: Type, base: LlvmValue, offset: i32) -> LlvmValue {
        self.expect_open("a load");
        let pointer = self.address(base.0, offset);
        let value = build!(self, LLVMBuildLoad2(self.types.of(ty), pointer));
        // SAFETY: the load just made. Its alignment is the type's own without being told.
        unsafe { self.annotations.set_region(value, region) };
        LlvmValue(value)
    }

    fn store_in(&mut self, region: Region, value: LlvmValue, base: LlvmValue, offset: i32) {
        self.expect_open("a store");
        let pointer = self.address(base.0, offset);
        // SAFETY: handles of this function's, and the store just made.
        unsafe {
            let store = LLVMBuildStore(self.cursor.0, value.0, pointer);
            self.annotations.set_region(store, region);
        }
    }

    fn load_volatile(&mut self, ty: Type, base: LlvmValue, offset: i32) -> LlvmValue {
        let value = self.load_in(Region::Any, ty, base, offset);
        // SAFETY: the load just made.
        unsafe { LLVMSetVolatile(value.0, 1) };
        value
    }

    fn store_volatile(&mut self, region: Region, value: LlvmValue, base: LlvmValue, offset: i32) {
        self.expect_open("a store");
        let pointer = self.address(base.0, offset);
        // SAFETY: handles of this function's, and the store just made.
        unsafe {
            let store = LLVMBuildStore(self.cursor.0, value.0, pointer);
            self.annotations.set_region(store, region);
            LLVMSetVolatile(store, 1);
        }
    }

    fn stack_slot(&mut self, bytes: u32) -> LlvmValue {
        // SAFETY: types and blocks of this function's. The entry block has no terminator yet, and nothing but slots.
        let slot = unsafe {
            LLVMPositionBuilderAtEnd(self.side.0, self.entry);
            let slot = LLVMBuildAlloca(self.side.0, LLVMArrayType2(self.types.i8, u64::from(bytes)), UNNAMED);
            LLVMSetAlignment(slot, 8);
            slot
        };
        LlvmValue(build!(self, LLVMBuildPtrToInt(slot, self.types.i64)))
    }

    fn int_op(&mut self, op: IntOp, a: LlvmValue, b: LlvmValue) -> LlvmValue {
        self.expect_open("arithmetic");
        self.check_same_type("arithmetic", a, b);
        LlvmValue(match op {
            IntOp::Add => build!(self, LLVMBuildAdd(a.0, b.0)),
            IntOp::Sub => build!(self, LLVMBuildSub(a.0, b.0)),
            IntOp::Mul => build!(self, LLVMBuildMul(a.0, b.0)),
            IntOp::And => build!(self, LLVMBuildAnd(a.0, b.0)),
            IntOp::Or => build!(self, LLVMBuildOr(a.0, b.0)),
            IntOp::Xor => build!(self, LLVMBuildXor(a.0, b.0)),
            IntOp::Shl => {
                let count = self.count(b);
                build!(self, LLVMBuildShl(a.0, count))
            }
            IntOp::ShrUnsigned => {
                let count = self.count(b);
                build!(self, LLVMBuildLShr(a.0, count))
            }
            IntOp::ShrSigned => {
                let count = self.count(b);
                build!(self, LLVMBuildAShr(a.0, count))
            }
            IntOp::DivSigned => build!(self, LLVMBuildSDiv(a.0, b.0)),
            IntOp::RemSigned => build!(self, LLVMBuildSRem(a.0, b.0)),
        })
    }

    fn int_op_const(&mut self, op: IntOp, a: LlvmValue, b: i64) -> LlvmValue {
        let b = LlvmValue(self.constant(self.type_of(a), b));
        self.int_op(op, a, b)
    }

    fn overflow_op(&mut self, op: OverflowOp, a: LlvmValue, b: LlvmValue) -> (LlvmValue, LlvmValue) {
        let name = match op {
            OverflowOp::Add => "llvm.sadd.with.overflow",
            OverflowOp::Sub => "llvm.ssub.with.overflow",
            OverflowOp::Mul => "llvm.smul.with.overflow",
        };
        let pair = self.intrinsic(name, &mut [self.types.i64], &mut [a.0, b.0]);
        let result = build!(self, LLVMBuildExtractValue(pair, 0));
        let overflow = build!(self, LLVMBuildExtractValue(pair, 1));
        (LlvmValue(result), self.byte(overflow))
    }

    fn compare(&mut self, cond: IntCond, a: LlvmValue, b: LlvmValue) -> LlvmValue {
        self.check_same_type("a comparison", a, b);
        let truth = build!(self, LLVMBuildICmp(int_predicate(cond), a.0, b.0));
        self.byte(truth)
    }

    fn compare_const(&mut self, cond: IntCond, a: LlvmValue, b: i64) -> LlvmValue {
        let b = LlvmValue(self.constant(self.type_of(a), b));
        self.compare(cond, a, b)
    }

    fn zero_extend(&mut self, to: Type, a: LlvmValue) -> LlvmValue {
        // To the same type, this and its like give the operand itself.
        LlvmValue(build!(self, LLVMBuildZExt(a.0, self.types.of(to))))
    }

    fn sign_extend(&mut self, to: Type, a: LlvmValue) -> LlvmValue {
        LlvmValue(build!(self, LLVMBuildSExt(a.0, self.types.of(to))))
    }

    fn truncate(&mut self, to: Type, a: LlvmValue) -> LlvmValue {
        LlvmValue(build!(self, LLVMBuildTrunc(a.0, self.types.of(to))))
    }

    fn count_leading_zeros(&mut self, a: LlvmValue) -> LlvmValue {
        // The second argument: zero is not undefined.
        let defined = self.constant(self.types.i1, 0);
        LlvmValue(self.intrinsic("llvm.ctlz", &mut [self.types.i64], &mut [a.0, defined]))
    }

    fn select(&mut self, condition: LlvmValue, a: LlvmValue, b: LlvmValue) -> LlvmValue {
        self.check_same_type("a select", a, b);
        let truth = self.truth(condition.0);
        LlvmValue(build!(self, LLVMBuildSelect(truth, a.0, b.0)))
    }

    fn float_op(&mut self, op: FloatOp, a: LlvmValue, b: LlvmValue) -> LlvmValue {
        let value = match op {
            FloatOp::Add => build!(self, LLVMBuildFAdd(a.0, b.0)),
            FloatOp::Sub => build!(self, LLVMBuildFSub(a.0, b.0)),
            FloatOp::Mul => build!(self, LLVMBuildFMul(a.0, b.0)),
            FloatOp::Div => build!(self, LLVMBuildFDiv(a.0, b.0)),
        };
        self.relax(value)
    }

    fn float_unary(&mut self, op: FloatUnary, a: LlvmValue) -> LlvmValue {
        let name = match op {
            FloatUnary::Neg => return LlvmValue(build!(self, LLVMBuildFNeg(a.0))),
            FloatUnary::Abs => "llvm.fabs",
            FloatUnary::Sqrt => "llvm.sqrt",
            FloatUnary::Floor => "llvm.floor",
            FloatUnary::Ceil => "llvm.ceil",
            FloatUnary::Trunc => "llvm.trunc",
            FloatUnary::NearestEven => "llvm.roundeven",
        };
        LlvmValue(self.intrinsic(name, &mut [self.types.f64], &mut [a.0]))
    }

    fn float_compare(&mut self, cond: FloatCond, a: LlvmValue, b: LlvmValue) -> LlvmValue {
        let truth = build!(self, LLVMBuildFCmp(float_predicate(cond), a.0, b.0));
        self.byte(truth)
    }

    fn int_to_float(&mut self, a: LlvmValue) -> LlvmValue {
        LlvmValue(build!(self, LLVMBuildSIToFP(a.0, self.types.f64)))
    }

    fn float_to_int(&mut self, a: LlvmValue) -> LlvmValue {
        // Frozen, a number that does not fit gives some integer; unfrozen, LLVM could conclude that it never comes here,
        // and drop the caller's check if that comes after.
        let value = build!(self, LLVMBuildFPToSI(a.0, self.types.i64));
        LlvmValue(build!(self, LLVMBuildFreeze(value)))
    }

    fn float_promote(&mut self, a: LlvmValue) -> LlvmValue {
        LlvmValue(build!(self, LLVMBuildFPExt(a.0, self.types.f64)))
    }

    fn float_demote(&mut self, a: LlvmValue) -> LlvmValue {
        LlvmValue(build!(self, LLVMBuildFPTrunc(a.0, self.types.f32)))
    }

    fn float_bits(&mut self, a: LlvmValue) -> LlvmValue {
        LlvmValue(build!(self, LLVMBuildBitCast(a.0, self.types.i64)))
    }

    fn float_from_bits(&mut self, a: LlvmValue) -> LlvmValue {
        LlvmValue(build!(self, LLVMBuildBitCast(a.0, self.types.f64)))
    }

    fn param(&mut self, index: usize) -> LlvmValue {
        // SAFETY: the function is alive; the count is checked.
        unsafe {
            assert!(
                index < LLVMCountParams(self.function) as usize,
                "there is no parameter {index}"
            );
            LlvmValue(LLVMGetParam(self.function, index as u32))
        }
    }

    fn create_block(&mut self) -> LlvmBlock {
        LlvmBlock(self.new_block())
    }

    fn block_param(&mut self, block: LlvmBlock, ty: Type) -> LlvmValue {
        let data = &mut self.blocks[block.0];
        let late = data.filled || data.reached;
        // SAFETY: handles of this function's; nothing but phis is in the block yet.
        let phi = unsafe {
            LLVMPositionBuilderAtEnd(self.side.0, data.block);
            LLVMBuildPhi(self.side.0, self.types.of(ty), UNNAMED)
        };
        data.phis.push(phi);
        if late {
            self.note_mistake(|| format!("block {} gets a parameter too late", block.0));
        }
        LlvmValue(phi)
    }

    fn set_cold(&mut self, block: LlvmBlock) {
        self.blocks[block.0].cold = true;
    }

    fn switch_to(&mut self, block: LlvmBlock) {
        self.enter_block(block.0);
    }

    fn jump(&mut self, block: LlvmBlock, args: &[LlvmValue]) {
        self.pass(block.0, args);
        // SAFETY: handles of this function's.
        let jump = unsafe { LLVMBuildBr(self.cursor.0, self.blocks[block.0].block) };
        self.end_block(jump, vec![block.0]);
    }

    fn branch(&mut self, condition: LlvmValue, then: (LlvmBlock, &[LlvmValue]), otherwise: (LlvmBlock, &[LlvmValue])) {
        if then.0 == otherwise.0 {
            // A phi has one value for each block that it is reached from.
            let args: Vec<_> = std::iter::zip(then.1, otherwise.1)
                .map(|(&a, &b)| if a == b { a } else { self.select(condition, a, b) })
                .collect();
            return self.jump(then.0, &args);
        }
        let truth = self.truth(condition.0);
        self.pass(then.0.0, then.1);
        self.pass(otherwise.0.0, otherwise.1);
        let (then, otherwise) = (then.0.0, otherwise.0.0);
        // SAFETY: handles of this function's.
        let branch = unsafe {
            LLVMBuildCondBr(
                self.cursor.0,
                truth,
                self.blocks[then].block,
                self.blocks[otherwise].block,
            )
        };
        self.end_block(branch, vec![then, otherwise]);
    }

    fn jump_table(&mut self, index: LlvmValue, default: LlvmBlock, targets: &[LlvmBlock]) {
        let mut successors = vec![default.0];
        successors.extend(targets.iter().map(|target| target.0));
        for &block in &successors {
            if !self.blocks[block].phis.is_empty() {
                self.note_mistake(|| format!("block {block} of a jump table takes arguments"));
            }
        }
        // SAFETY: handles of this function's.
        let switch = unsafe {
            let count = targets.len() as u32;
            let switch = LLVMBuildSwitch(self.cursor.0, index.0, self.blocks[default.0].block, count);
            for (case, target) in (0..).zip(targets) {
                LLVMAddCase(switch, self.constant(self.types.i32, case), self.blocks[target.0].block);
            }
            switch
        };
        self.end_block(switch, successors);
    }

    fn ret(&mut self, value: LlvmValue) {
        self.expect_open("a return");
        // SAFETY: handles of this function's.
        let ret = unsafe { LLVMBuildRet(self.cursor.0, value.0) };
        self.end_block(ret, Vec::new());
    }

    fn call(&mut self, function: &RuntimeFn, args: &[LlvmValue]) -> Option<LlvmValue> {
        self.expect_open("a call");
        let callee = self.declare(function);
        self.call_at(&function.signature, callee, args)
    }

    fn call_indirect(&mut self, signature: &Signature, callee: LlvmValue, args: &[LlvmValue]) -> Option<LlvmValue> {
        self.expect_open("a call");
        let callee = build!(self, LLVMBuildIntToPtr(callee.0, self.types.pointer));
        self.call_at(signature, callee, args)
    }

    fn stack_pointer(&mut self) -> LlvmValue {
        let name = self.annotations.string_argument(&STACK_POINTER.to_string_lossy());
        LlvmValue(self.intrinsic("llvm.read_register", &mut [self.types.i64], &mut [name]))
    }

    /// The bytecode shows in neither the text nor the code.
    fn set_position(&mut self, _: u32) {}
}
