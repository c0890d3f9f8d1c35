//! What is told to LLVM besides instructions: attributes, classes of memory, and how likely branches are.

use std::ffi::c_uint;

use justjit_builder::Region;
use llvm_sys::core::{
    LLVMAddAttributeAtIndex, LLVMAddCallSiteAttribute, LLVMConstInt, LLVMCreateEnumAttribute,
    LLVMCreateStringAttribute, LLVMGetEnumAttributeKindForName, LLVMGetMDKindIDInContext, LLVMMDNodeInContext2,
    LLVMMDStringInContext2, LLVMMetadataAsValue, LLVMSetMetadata, LLVMValueAsMetadata,
};
use llvm_sys::prelude::{LLVMAttributeRef, LLVMContextRef, LLVMMetadataRef, LLVMTypeRef, LLVMValueRef};
use llvm_sys::{LLVMAttributeFunctionIndex, LLVMAttributeIndex};

use crate::handles::Context;

/// How many times likelier the warm side of a branch is than the cold one.
const WARM: u64 = 2000;

/// Attributes and metadata of one context.
pub(crate) struct Annotations {
    context: LLVMContextRef,
    i32: LLVMTypeRef,
    i64: LLVMTypeRef,
    no_unwind: LLVMAttributeRef,
    zero_extended: LLVMAttributeRef,
    access_kind: c_uint,
    weights_kind: c_uint,
    regions_root: LLVMMetadataRef,
    regions: [Option<LLVMValueRef>; 11],
}

impl Annotations {
    pub fn new(context: &Context, i32: LLVMTypeRef, i64: LLVMTypeRef) -> Annotations {
        let context = context.0;
        // SAFETY: the context is alive, and the types are its own.
        unsafe {
            let name = string(context, "justjit memory");
            Annotations {
                context,
                i32,
                i64,
                no_unwind: attribute(context, "nounwind"),
                zero_extended: attribute(context, "zeroext"),
                access_kind: LLVMGetMDKindIDInContext(context, c"tbaa".as_ptr(), 4),
                weights_kind: LLVMGetMDKindIDInContext(context, c"prof".as_ptr(), 4),
                regions_root: node(context, &mut [name]),
                regions: [None; 11],
            }
        }
    }

    /// Says which class of memory a load or store is of.
    ///
    /// # Safety
    /// `access` is a load or store of the context.
    pub unsafe fn set_region(&mut self, access: LLVMValueRef, region: Region) {
        let region = region.class();
        let name = match region {
            // Without a tag, an access is taken to be of any class.
            Region::Any => return,
            Region::Frame => "frame",
            Region::Header => "header",
            Region::Shape => "shape",
            Region::Count => "count",
            Region::Items | Region::Atoms | Region::Structures => "items",
            Region::Payload => "payload",
            Region::Data => "data",
            Region::Stack => "stack",
        };
        // SAFETY: the context is alive; the instruction is promised by the caller.
        unsafe {
            let tag = match self.regions[region as usize] {
                Some(tag) => tag,
                None => {
                    // Type nodes that are no ancestors of each other do not alias.
                    let zero = LLVMValueAsMetadata(LLVMConstInt(self.i64, 0, 0));
                    let name = string(self.context, name);
                    let class = node(self.context, &mut [name, self.regions_root, zero]);
                    let tag = LLVMMetadataAsValue(self.context, node(self.context, &mut [class, class, zero]));
                    self.regions[region as usize] = Some(tag);
                    tag
                }
            };
            LLVMSetMetadata(access, self.access_kind, tag);
        }
    }

    /// Says how likely the successors of a branch or switch are: those that are cold, hardly.
    ///
    /// # Safety
    /// `terminator` is one of the context, with as many successors.
    pub unsafe fn set_weights(&self, terminator: LLVMValueRef, cold: &[bool]) {
        // SAFETY: the context is alive; the instruction is promised by the caller.
        unsafe {
            let mut operands = vec![string(self.context, "branch_weights")];
            for &cold in cold {
                let weight = LLVMConstInt(self.i32, if cold { 1 } else { WARM }, 0);
                operands.push(LLVMValueAsMetadata(weight));
            }
            let weights = LLVMMetadataAsValue(self.context, node(self.context, &mut operands));
            LLVMSetMetadata(terminator, self.weights_kind, weights);
        }
    }

    /// Nothing unwinds through a function or out of a call of it.
    ///
    /// # Safety
    /// `function` is a function of the context.
    pub unsafe fn set_no_unwind(&self, function: LLVMValueRef) {
        // SAFETY: promised by the caller.
        unsafe { LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, self.no_unwind) };
    }

    /// As [`Annotations::set_no_unwind`], for one call.
    ///
    /// # Safety
    /// `call` is a call of the context.
    pub unsafe fn set_no_unwind_call(&self, call: LLVMValueRef) {
        // SAFETY: promised by the caller.
        unsafe { LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex, self.no_unwind) };
    }

    /// A narrow parameter (`index` from 1) or result (0) fills its register with zeros.
    ///
    /// # Safety
    /// `function` is a function of the context, and the value an integer.
    pub unsafe fn set_zero_extended(&self, function: LLVMValueRef, index: LLVMAttributeIndex) {
        // SAFETY: promised by the caller.
        unsafe { LLVMAddAttributeAtIndex(function, index, self.zero_extended) };
    }

    /// As [`Annotations::set_zero_extended`], for one call.
    ///
    /// # Safety
    /// `call` is a call of the context, and the value an integer.
    pub unsafe fn set_zero_extended_call(&self, call: LLVMValueRef, index: LLVMAttributeIndex) {
        // SAFETY: promised by the caller.
        unsafe { LLVMAddCallSiteAttribute(call, index, self.zero_extended) };
    }

    /// The function is not what the C library's function of the same name is.
    ///
    /// # Safety
    /// `function` is a function of the context.
    pub unsafe fn set_no_builtin(&self, function: LLVMValueRef) {
        // SAFETY: promised by the caller.
        unsafe { self.set(function, &["nobuiltin"]) };
    }

    /// The function does nothing but compute its result.
    ///
    /// # Safety
    /// `function` is a function of the context.
    pub unsafe fn set_pure(&self, function: LLVMValueRef) {
        // `memory` has an argument, 0: neither reads nor writes.
        const PURE: [&str; 6] = ["memory", "willreturn", "nosync", "nofree", "nocallback", "speculatable"];
        // SAFETY: promised by the caller.
        unsafe { self.set(function, &PURE) };
    }

    unsafe fn set(&self, function: LLVMValueRef, names: &[&str]) {
        for name in names {
            // SAFETY: promised by the caller; the context is alive.
            unsafe { LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, attribute(self.context, name)) };
        }
    }

    /// Whoever walks the stack without unwind tables finds the caller.
    ///
    /// # Safety
    /// `function` is a function of the context.
    pub unsafe fn set_frame_pointer(&self, function: LLVMValueRef) {
        let (key, value) = ("frame-pointer", "all");
        // SAFETY: promised by the caller; the strings are copied.
        unsafe {
            let attribute = LLVMCreateStringAttribute(
                self.context,
                key.as_ptr().cast(),
                key.len() as u32,
                value.as_ptr().cast(),
                value.len() as u32,
            );
            LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, attribute);
        }
    }

    /// A string as a value, to be the argument of an intrinsic.
    pub fn string_argument(&self, text: &str) -> LLVMValueRef {
        // SAFETY: the context is alive.
        unsafe {
            let text = string(self.context, text);
            LLVMMetadataAsValue(self.context, node(self.context, &mut [text]))
        }
    }
}

/// # Safety
/// The context is alive.
unsafe fn attribute(context: LLVMContextRef, name: &str) -> LLVMAttributeRef {
    // SAFETY: promised by the caller.
    unsafe {
        let kind = LLVMGetEnumAttributeKindForName(name.as_ptr().cast(), name.len());
        debug_assert_ne!(kind, 0, "{name}");
        LLVMCreateEnumAttribute(context, kind, 0)
    }
}

/// # Safety
/// The context is alive.
unsafe fn string(context: LLVMContextRef, text: &str) -> LLVMMetadataRef {
    // SAFETY: promised by the caller.
    unsafe { LLVMMDStringInContext2(context, text.as_ptr().cast(), text.len()) }
}

/// # Safety
/// The context is alive, and the operands are its own.
unsafe fn node(context: LLVMContextRef, operands: &mut [LLVMMetadataRef]) -> LLVMMetadataRef {
    // SAFETY: promised by the caller.
    unsafe { LLVMMDNodeInContext2(context, operands.as_mut_ptr(), operands.len()) }
}
