//! The function being written: its types, blocks and calls, and how addresses become pointers.

use std::collections::HashMap;
use std::ffi::{CStr, CString};

use justjit_builder::{FloatCond, IntCond, RuntimeFn, Signature, Type};
use llvm_sys::core::*;
use llvm_sys::prelude::{LLVMBasicBlockRef, LLVMTypeRef, LLVMValueRef};
use llvm_sys::{
    LLVMAttributeReturnIndex, LLVMFastMathAllowContract, LLVMFastMathAllowReassoc, LLVMFastMathAllowReciprocal,
    LLVMFastMathFlags, LLVMFastMathNoSignedZeros, LLVMIntPredicate, LLVMOpcode, LLVMRealPredicate,
};

use crate::Error;
use crate::handles::{Context, Cursor, Module};
use crate::metadata::Annotations;

/// Names of values; LLVM numbers those that have none.
pub(crate) const UNNAMED: *const std::ffi::c_char = c"".as_ptr();

/// Writes one function as LLVM IR. Made by [`Backend::compile`](crate::Backend::compile).
///
/// `I8` and `I16` parameters and results cross calls as the unsigned C types (`uint8_t`, `uint16_t`, `bool`).
///
/// # Addresses
///
/// An address is an integer here, but LLVM analyses pointers. What is loaded from or stored to `base + index`, an
/// [`IntOp::Add`](justjit_builder::IntOp) right before or long ago, becomes a pointer made of `base` with `index` added
/// to it: so loops over arrays can be vectorized when the address is computed from a base that the loop does not
/// change, rather than counted up. What is added to the address of a stack slot must stay in the slot.
pub struct LlvmBuilder<'a> {
    pub(crate) module: &'a Module,
    pub(crate) types: Types,
    pub(crate) annotations: Annotations,
    pub(crate) cursor: Cursor,
    /// Where phis and stack slots go.
    pub(crate) side: Cursor,
    pub(crate) function: LLVMValueRef,
    /// Holds the stack slots, and goes on to the first block of the caller's.
    pub(crate) entry: LLVMBasicBlockRef,
    pub(crate) blocks: Vec<BlockData>,
    /// The block that code goes into, if it has no terminator yet.
    pub(crate) current: Option<usize>,
    pub(crate) forks: Vec<Fork>,
    pub(crate) runtime: HashMap<(usize, Signature), RuntimeCallee>,
    /// Pointers made in the current block, by the address that they are.
    pub(crate) pointers: HashMap<LLVMValueRef, LLVMValueRef>,
    pub(crate) fast_math: LLVMFastMathFlags,
    /// The first rule that the caller broke.
    pub(crate) mistake: Option<String>,
    pub(crate) has_plain_loops: bool,
}

/// A value of the function being written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LlvmValue(pub(crate) LLVMValueRef);

/// A block of the function being written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LlvmBlock(pub(crate) usize);

pub(crate) struct BlockData {
    pub block: LLVMBasicBlockRef,
    pub phis: Vec<LLVMValueRef>,
    pub cold: bool,
    pub filled: bool,
    pub reached: bool,
}

/// A branch or switch, and where it goes.
pub(crate) struct Fork {
    terminator: LLVMValueRef,
    successors: Vec<usize>,
}

/// A runtime function, declared by name until the optimizations are done.
pub(crate) struct RuntimeCallee {
    pub declaration: LLVMValueRef,
    pub name: &'static str,
}

/// LLVM's types, those of one context.
#[derive(Clone, Copy)]
pub(crate) struct Types {
    pub i1: LLVMTypeRef,
    pub i8: LLVMTypeRef,
    pub i16: LLVMTypeRef,
    pub i32: LLVMTypeRef,
    pub i64: LLVMTypeRef,
    pub f32: LLVMTypeRef,
    pub f64: LLVMTypeRef,
    pub pointer: LLVMTypeRef,
    pub void: LLVMTypeRef,
}

impl Types {
    fn new(context: &Context) -> Types {
        // SAFETY: the context is alive.
        unsafe {
            Types {
                i1: LLVMInt1TypeInContext(context.0),
                i8: LLVMInt8TypeInContext(context.0),
                i16: LLVMInt16TypeInContext(context.0),
                i32: LLVMInt32TypeInContext(context.0),
                i64: LLVMInt64TypeInContext(context.0),
                f32: LLVMFloatTypeInContext(context.0),
                f64: LLVMDoubleTypeInContext(context.0),
                pointer: LLVMPointerTypeInContext(context.0, 0),
                void: LLVMVoidTypeInContext(context.0),
            }
        }
    }

    pub fn of(&self, ty: Type) -> LLVMTypeRef {
        match ty {
            Type::I8 => self.i8,
            Type::I16 => self.i16,
            Type::I32 => self.i32,
            Type::I64 => self.i64,
            Type::F32 => self.f32,
            Type::F64 => self.f64,
        }
    }

    pub fn function(&self, signature: &Signature) -> LLVMTypeRef {
        let mut params: Vec<_> = signature.params.iter().map(|&ty| self.of(ty)).collect();
        let result = signature.result.map_or(self.void, |ty| self.of(ty));
        // SAFETY: types of one context.
        unsafe { LLVMFunctionType(result, params.as_mut_ptr(), params.len() as u32, 0) }
    }
}

pub(crate) fn int_predicate(cond: IntCond) -> LLVMIntPredicate {
    match cond {
        IntCond::Eq => LLVMIntPredicate::LLVMIntEQ,
        IntCond::Ne => LLVMIntPredicate::LLVMIntNE,
        IntCond::SignedLt => LLVMIntPredicate::LLVMIntSLT,
        IntCond::SignedLe => LLVMIntPredicate::LLVMIntSLE,
        IntCond::SignedGt => LLVMIntPredicate::LLVMIntSGT,
        IntCond::SignedGe => LLVMIntPredicate::LLVMIntSGE,
        IntCond::UnsignedLt => LLVMIntPredicate::LLVMIntULT,
        IntCond::UnsignedLe => LLVMIntPredicate::LLVMIntULE,
        IntCond::UnsignedGt => LLVMIntPredicate::LLVMIntUGT,
        IntCond::UnsignedGe => LLVMIntPredicate::LLVMIntUGE,
    }
}

pub(crate) fn float_predicate(cond: FloatCond) -> LLVMRealPredicate {
    match cond {
        FloatCond::Eq => LLVMRealPredicate::LLVMRealOEQ,
        // The only unordered one: true for NaN.
        FloatCond::Ne => LLVMRealPredicate::LLVMRealUNE,
        FloatCond::Lt => LLVMRealPredicate::LLVMRealOLT,
        FloatCond::Le => LLVMRealPredicate::LLVMRealOLE,
        FloatCond::Gt => LLVMRealPredicate::LLVMRealOGT,
        FloatCond::Ge => LLVMRealPredicate::LLVMRealOGE,
    }
}

fn is_narrow(ty: Type) -> bool {
    matches!(ty, Type::I8 | Type::I16)
}

/// A C string of a name; no name has a NUL in it that matters.
pub(crate) fn c_name(name: &str) -> CString {
    CString::new(name.replace('\0', "")).expect("there is no NUL left")
}

impl<'a> LlvmBuilder<'a> {
    /// Begins a function. Whoever calls this is inside LLVM until the builder is gone.
    pub(crate) fn new(
        context: &'a Context,
        module: &'a Module,
        name: &CStr,
        signature: &Signature,
        fast_math: bool,
    ) -> Self {
        let types = Types::new(context);
        let annotations = Annotations::new(context, types.i32, types.i64);
        // SAFETY: everything here belongs to the context, which outlives the builder.
        let (function, entry) = unsafe {
            let function = LLVMAddFunction(module.0, name.as_ptr(), types.function(signature));
            let entry = LLVMAppendBasicBlockInContext(context.0, function, c"entry".as_ptr());
            annotations.set_no_unwind(function);
            annotations.set_frame_pointer(function);
            for index in narrow_indices(signature) {
                annotations.set_zero_extended(function, index);
            }
            (function, entry)
        };
        let mut builder = LlvmBuilder {
            module,
            types,
            annotations,
            cursor: context.cursor(),
            side: context.cursor(),
            function,
            entry,
            blocks: Vec::new(),
            current: None,
            forks: Vec::new(),
            runtime: HashMap::new(),
            pointers: HashMap::new(),
            fast_math: if fast_math {
                // Not the flags by which NaN and infinity would be undefined.
                LLVMFastMathAllowReassoc
                    | LLVMFastMathAllowContract
                    | LLVMFastMathAllowReciprocal
                    | LLVMFastMathNoSignedZeros
            } else {
                0
            },
            mistake: None,
            has_plain_loops: false,
        };
        let first = builder.new_block();
        builder.enter_block(first);
        builder
    }

    pub(crate) fn new_block(&mut self) -> usize {
        // SAFETY: the function is alive.
        let block = unsafe { LLVMAppendBasicBlockInContext(LLVMGetTypeContext(self.types.i1), self.function, UNNAMED) };
        self.blocks.push(BlockData {
            block,
            phis: Vec::new(),
            cold: false,
            filled: false,
            reached: false,
        });
        self.blocks.len() - 1
    }

    pub(crate) fn enter_block(&mut self, block: usize) {
        if let Some(open) = self.current {
            self.note_mistake(|| format!("block {open} is left without a terminator"));
        }
        if self.blocks[block].filled {
            self.note_mistake(|| format!("block {block} is filled twice"));
        }
        self.blocks[block].filled = true;
        self.current = Some(block);
        self.pointers.clear();
        // SAFETY: the block is of this function.
        unsafe { LLVMPositionBuilderAtEnd(self.cursor.0, self.blocks[block].block) };
    }

    pub(crate) fn note_mistake(&mut self, what: impl FnOnce() -> String) {
        self.mistake.get_or_insert_with(what);
    }

    /// Ends the current block with `terminator`, which goes to `successors`.
    pub(crate) fn end_block(&mut self, terminator: LLVMValueRef, successors: Vec<usize>) {
        self.current = None;
        for &successor in &successors {
            self.blocks[successor].reached = true;
        }
        if successors.len() > 1 {
            self.forks.push(Fork { terminator, successors });
        }
    }

    /// The current block passes `args` to `block`.
    pub(crate) fn pass(&mut self, block: usize, args: &[LlvmValue]) {
        let Some(from) = self.current else {
            self.note_mistake(|| format!("a jump to block {block} that follows a terminator"));
            return;
        };
        let (expected, found) = (self.blocks[block].phis.len(), args.len());
        if expected != found {
            self.note_mistake(|| format!("block {block} takes {expected} arguments, not {found}"));
            return;
        }
        let mut from = self.blocks[from].block;
        for (&phi, arg) in self.blocks[block].phis.iter().zip(args) {
            let mut value = arg.0;
            // SAFETY: handles of this function's.
            unsafe { LLVMAddIncoming(phi, &mut value, &mut from, 1) };
        }
    }

    /// `value` as an `i1`: whether it is not zero.
    pub(crate) fn truth(&mut self, value: LLVMValueRef) -> LLVMValueRef {
        // SAFETY: handles of this function's.
        unsafe {
            if !LLVMIsAZExtInst(value).is_null() {
                let narrow = LLVMGetOperand(value, 0);
                if LLVMTypeOf(narrow) == self.types.i1 {
                    return narrow;
                }
            }
            let zero = LLVMConstNull(LLVMTypeOf(value));
            LLVMBuildICmp(self.cursor.0, LLVMIntPredicate::LLVMIntNE, value, zero, UNNAMED)
        }
    }

    /// `base + offset` as a pointer.
    pub(crate) fn address(&mut self, base: LLVMValueRef, offset: i32) -> LLVMValueRef {
        let pointer = self.pointer(base, 0);
        if offset == 0 {
            return pointer;
        }
        // SAFETY: a constant of this context.
        let offset = unsafe { LLVMConstInt(self.types.i64, i64::from(offset) as u64, 1) };
        self.advance(pointer, offset)
    }

    fn advance(&mut self, pointer: LLVMValueRef, mut by: LLVMValueRef) -> LLVMValueRef {
        // SAFETY: handles of this function's. Without `inbounds` this wraps like the addition that it stands for.
        unsafe { LLVMBuildGEP2(self.cursor.0, self.types.i8, pointer, &mut by, 1, UNNAMED) }
    }

    fn pointer(&mut self, address: LLVMValueRef, depth: u32) -> LLVMValueRef {
        if let Some(&known) = self.pointers.get(&address) {
            return known;
        }
        // SAFETY: handles of this function's.
        let pointer = unsafe {
            if !LLVMIsAPtrToIntInst(address).is_null() {
                LLVMGetOperand(address, 0)
            } else if depth < 4 && opcode(address) == Some(LLVMOpcode::LLVMAdd) {
                let (mut base, mut index) = (LLVMGetOperand(address, 0), LLVMGetOperand(address, 1));
                if likeness_to_index(index) < likeness_to_index(base) {
                    std::mem::swap(&mut base, &mut index);
                }
                let base = self.pointer(base, depth + 1);
                self.advance(base, index)
            } else {
                LLVMBuildIntToPtr(self.cursor.0, address, self.types.pointer, UNNAMED)
            }
        };
        self.pointers.insert(address, pointer);
        pointer
    }

    /// The declaration of a runtime function.
    pub(crate) fn declare(&mut self, function: &RuntimeFn) -> LLVMValueRef {
        let key = (function.address as usize, function.signature);
        if let Some(known) = self.runtime.get(&key) {
            return known.declaration;
        }
        let name = c_name(function.name);
        // SAFETY: the module is alive, and all types are its context's.
        let declaration = unsafe {
            let declaration = LLVMAddFunction(self.module.0, name.as_ptr(), self.types.function(&function.signature));
            self.annotations.set_no_unwind(declaration);
            self.annotations.set_no_builtin(declaration);
            if function.pure {
                self.annotations.set_pure(declaration);
            }
            declaration
        };
        let name = function.name;
        self.runtime.insert(key, RuntimeCallee { declaration, name });
        declaration
    }

    pub(crate) fn call_at(
        &mut self,
        signature: &Signature,
        callee: LLVMValueRef,
        args: &[LlvmValue],
    ) -> Option<LlvmValue> {
        if args.len() != signature.params.len() {
            let (expected, found) = (signature.params.len(), args.len());
            self.note_mistake(|| format!("a call with {found} arguments of a function of {expected}"));
        }
        let mut args: Vec<_> = args.iter().map(|arg| arg.0).collect();
        // SAFETY: handles of this function's.
        let call = unsafe {
            let ty = self.types.function(signature);
            let call = LLVMBuildCall2(self.cursor.0, ty, callee, args.as_mut_ptr(), args.len() as u32, UNNAMED);
            self.annotations.set_no_unwind_call(call);
            for index in narrow_indices(signature) {
                self.annotations.set_zero_extended_call(call, index);
            }
            call
        };
        signature.result.map(|_| LlvmValue(call))
    }

    /// Calls an intrinsic; `overloads` are the types that its name is qualified with.
    pub(crate) fn intrinsic(
        &mut self,
        name: &str,
        overloads: &mut [LLVMTypeRef],
        args: &mut [LLVMValueRef],
    ) -> LLVMValueRef {
        // SAFETY: handles of this function's and its module's.
        unsafe {
            let id = LLVMLookupIntrinsicID(name.as_ptr().cast(), name.len());
            debug_assert_ne!(id, 0, "{name}");
            let function = LLVMGetIntrinsicDeclaration(self.module.0, id, overloads.as_mut_ptr(), overloads.len());
            let ty = LLVMGlobalGetValueType(function);
            LLVMBuildCall2(
                self.cursor.0,
                ty,
                function,
                args.as_mut_ptr(),
                args.len() as u32,
                UNNAMED,
            )
        }
    }

    /// Ends the function, and gives the runtime functions that it calls.
    pub(crate) fn finish(mut self) -> Result<Vec<(usize, RuntimeCallee)>, Error> {
        if let Some(open) = self.current {
            self.note_mistake(|| format!("block {open} is left without a terminator"));
        }
        for index in 0..self.blocks.len() {
            let BlockData {
                block, filled, reached, ..
            } = self.blocks[index];
            if filled {
                continue;
            }
            if reached {
                self.note_mistake(|| format!("block {index} is jumped to, but empty"));
            }
            // SAFETY: the block is of this function; nothing goes there.
            unsafe {
                LLVMPositionBuilderAtEnd(self.cursor.0, block);
                LLVMBuildUnreachable(self.cursor.0);
            }
        }
        if let Some(mistake) = self.mistake {
            return Err(Error::Codegen(mistake));
        }
        // SAFETY: handles of this function's.
        unsafe {
            LLVMPositionBuilderAtEnd(self.cursor.0, self.entry);
            LLVMBuildBr(self.cursor.0, self.blocks[0].block);
        }
        for fork in &self.forks {
            let cold: Vec<bool> = fork.successors.iter().map(|&block| self.blocks[block].cold).collect();
            if cold.contains(&true) && cold.contains(&false) {
                // SAFETY: a terminator of this function's, and its successors in their order.
                unsafe { self.annotations.set_weights(fork.terminator, &cold) };
            }
        }
        Ok(self
            .runtime
            .into_iter()
            .map(|((address, _), callee)| (address, callee))
            .collect())
    }
}

/// Attribute indices of what is to fill its register with zeros.
fn narrow_indices(signature: &Signature) -> impl Iterator<Item = u32> {
    let result = signature
        .result
        .filter(|&ty| is_narrow(ty))
        .map(|_| LLVMAttributeReturnIndex);
    let params = signature
        .params
        .iter()
        .zip(1..)
        .filter(|&(&ty, _)| is_narrow(ty))
        .map(|(_, index)| index);
    result.into_iter().chain(params)
}

/// # Safety
/// The value is alive.
unsafe fn opcode(value: LLVMValueRef) -> Option<LLVMOpcode> {
    // SAFETY: promised by the caller.
    unsafe { (!LLVMIsAInstruction(value).is_null()).then(|| LLVMGetInstructionOpcode(value)) }
}

/// Of the two sides of an addition that gives an address, the one that is less like an index is the pointer. Which is
/// taken never changes what the code does, only how well LLVM can tell accesses apart.
///
/// # Safety
/// The value is alive.
unsafe fn likeness_to_index(value: LLVMValueRef) -> u32 {
    // SAFETY: promised by the caller.
    unsafe {
        // Null plus something would be taken to point nowhere.
        if LLVMIsConstant(value) != 0 {
            return 4;
        }
        match opcode(value) {
            Some(LLVMOpcode::LLVMPtrToInt) => 0,
            None | Some(LLVMOpcode::LLVMLoad | LLVMOpcode::LLVMCall | LLVMOpcode::LLVMAdd) => 1,
            Some(LLVMOpcode::LLVMPHI) => 2,
            Some(_) => 3,
        }
    }
}
