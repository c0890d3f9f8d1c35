//! Reading and writing memory.

use crate::lower::{Lowering, wrong};
use justjit_builder::{Builder, IntCond, IntOp, Region, Type as Width};
use justjit_ir::{Imm, InstData, Op, Type};

/// What an instruction reads or writes.
#[derive(Clone, Copy)]
struct Access {
    ty: Type,
    width: Width,
    signed: bool,
    region: Region,
    offset: i32,
    scale: i32,
}

fn access(inst: &InstData) -> Access {
    match inst.imm {
        Imm::Memory {
            ty,
            width,
            signed,
            region,
            offset,
            scale,
        } => Access {
            ty,
            width,
            signed,
            region: region.class(),
            offset,
            scale,
        },
        _ => wrong(inst),
    }
}

impl<B: Builder> Lowering<'_, B> {
    /// The address less the offset.
    fn base(&mut self, inst: &InstData, scale: i32) -> B::Value {
        let base = self.value(inst.args[0]);
        if !matches!(inst.op, Op::LoadIndexed | Op::StoreIndexed) {
            return base;
        }
        let index = self.value(inst.args[1]);
        let distance = match scale {
            1 => index,
            2.. if scale.count_ones() == 1 => {
                let shift = scale.trailing_zeros().into();
                self.b.int_op_const(IntOp::Shl, index, shift)
            }
            _ => self.b.int_op_const(IntOp::Mul, index, scale.into()),
        };
        self.b.int_op(IntOp::Add, base, distance)
    }

    pub fn load_inst(&mut self, inst: &InstData) -> B::Value {
        let access = access(inst);
        let base = self.base(inst, access.scale);
        let value = self.b.load_in(access.region, access.width, base, access.offset);
        match (access.ty, access.width) {
            (Type::Object | Type::Pointer | Type::Int, Width::I64) | (Type::Float, Width::F64) => value,
            (Type::Int, Width::I8 | Width::I16 | Width::I32) if access.signed => self.b.sign_extend(Width::I64, value),
            (Type::Int, Width::I8 | Width::I16 | Width::I32) => self.b.zero_extend(Width::I64, value),
            (Type::Float, Width::F32) => self.b.float_promote(value),
            // What is not 0 is true to C as well.
            (Type::Bool, Width::I8 | Width::I16 | Width::I32 | Width::I64) => {
                self.b.compare_const(IntCond::Ne, value, 0)
            }
            _ => wrong(inst),
        }
    }

    pub fn store_inst(&mut self, inst: &InstData) {
        let access = access(inst);
        let base = self.base(inst, access.scale);
        let last = *inst.args.last().expect("a store has a value");
        let value = self.value(last);
        let value = match (access.ty, access.width) {
            (Type::Object | Type::Pointer | Type::Int, Width::I64)
            | (Type::Float, Width::F64)
            | (Type::Bool, Width::I8) => value,
            (Type::Int, Width::I8 | Width::I16 | Width::I32) => self.b.truncate(access.width, value),
            (Type::Float, Width::F32) => self.b.float_demote(value),
            (Type::Bool, Width::I16 | Width::I32 | Width::I64) => self.b.zero_extend(access.width, value),
            _ => wrong(inst),
        };
        self.b.store_in(access.region, value, base, access.offset);
    }
}
