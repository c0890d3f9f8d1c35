//! Which optimizations run, by level.

use std::ffi::CStr;

use llvm_sys::target_machine::LLVMCodeGenOptLevel;

/// Levels there are.
pub(crate) const LEVELS: usize = 4;

/// What an optimization level does.
pub(crate) struct Level {
    /// The passes in the new pass manager's notation.
    pub pipeline: Option<&'static CStr>,
    /// What comes after it where loops do nothing but compute and write numbers.
    pub vector: Option<&'static CStr>,
    pub codegen: LLVMCodeGenOptLevel,
}

// Picked by measurement (examples/compile_cost.rs): `default<O3>` takes several times as long as level 2 for the same
// code on functions as the optimizing tier emits them, which have neither calls to inline nor globals.
pub(crate) static PIPELINES: [Level; LEVELS] = [
    Level {
        pipeline: None,
        vector: None,
        codegen: LLVMCodeGenOptLevel::LLVMCodeGenLevelNone,
    },
    Level {
        pipeline: Some(c"function(sroa,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,simplifycfg)"),
        vector: None,
        codegen: LLVMCodeGenOptLevel::LLVMCodeGenLevelLess,
    },
    Level {
        pipeline: Some(
            c"function(sroa,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,loop-simplify,lcssa,\
              loop-mssa(loop-rotate,licm),gvn,loop-load-elim,instcombine<no-verify-fixpoint>,simplifycfg)",
        ),
        vector: Some(
            c"function(loop-simplify,lcssa,loop(indvars),loop-vectorize,instcombine<no-verify-fixpoint>,simplifycfg,\
              loop-simplify,lcssa,loop-mssa(licm),early-cse<memssa>)",
        ),
        codegen: LLVMCodeGenOptLevel::LLVMCodeGenLevelDefault,
    },
    Level {
        pipeline: Some(
            c"function(sroa,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,loop-simplify,lcssa,\
              loop-mssa(loop-rotate,licm),gvn,instcombine<no-verify-fixpoint>,simplifycfg,loop-simplify,lcssa,\
              loop(indvars,loop-idiom,loop-deletion),loop-vectorize,slp-vectorizer,\
              instcombine<no-verify-fixpoint>,loop-unroll,loop-mssa(licm),early-cse<memssa>,\
              instcombine<no-verify-fixpoint>,simplifycfg)",
        ),
        vector: None,
        codegen: LLVMCodeGenOptLevel::LLVMCodeGenLevelAggressive,
    },
];
