//! Loads and stores.

use super::*;

impl Builder<'_> {
    pub fn load(&mut self, ty: Type, base: Value, offset: i32, region: justjit_builder::Region) -> Value {
        let width = match ty {
            Type::Object | Type::Int | Type::Pointer => justjit_builder::Type::I64,
            Type::Float => justjit_builder::Type::F64,
            Type::Bool => justjit_builder::Type::I8,
        };
        self.load_width(ty, width, true, base, offset, region)
    }

    pub fn load_width(
        &mut self,
        ty: Type,
        width: justjit_builder::Type,
        signed: bool,
        base: Value,
        offset: i32,
        region: justjit_builder::Region,
    ) -> Value {
        self.op_imm(
            Op::Load,
            &[base],
            Imm::Memory {
                ty,
                width,
                signed,
                region,
                offset,
                scale: 0,
            },
        )
    }

    pub fn store(&mut self, value: Value, base: Value, offset: i32, region: justjit_builder::Region) {
        let ty = self.f.type_of(value);
        let width = match ty {
            Type::Object | Type::Int | Type::Pointer => justjit_builder::Type::I64,
            Type::Float => justjit_builder::Type::F64,
            Type::Bool => justjit_builder::Type::I8,
        };
        self.store_width(value, width, base, offset, region);
    }

    pub fn store_width(
        &mut self,
        value: Value,
        width: justjit_builder::Type,
        base: Value,
        offset: i32,
        region: justjit_builder::Region,
    ) {
        let ty = self.f.type_of(value);
        self.effect(
            Op::Store,
            &[base, value],
            Imm::Memory {
                ty,
                width,
                signed: true,
                region,
                offset,
                scale: 0,
            },
        );
    }

    /// Writes an object there, with its reference, and whatever was there stays as it is.
    pub fn store_owned(&mut self, value: Value, base: Value, offset: i32, region: justjit_builder::Region) {
        self.store(value, base, offset, region);
        self.hand_over(value);
    }

    /// Reads an object, with the reference that is there.
    pub fn load_owned(&mut self, base: Value, offset: i32, region: justjit_builder::Region) -> Value {
        let value = self.load(Type::Object, base, offset, region);
        self.take_over(value);
        value
    }

    /// An object's reference is memory's now, or nobody's since it is immortal.
    pub fn hand_over(&mut self, value: Value) {
        if self.f.def(value).is_none_or(|made| made.op != Op::Null) {
            self.effect(Op::HandOver, &[value], Imm::None);
        }
    }

    /// An object's reference is the code's now: memory has something else in its place.
    pub fn take_over(&mut self, value: Value) {
        self.effect(Op::TakeOver, &[value], Imm::None);
    }

    /// Reads an array's item.
    pub fn load_item(
        &mut self,
        ty: Type,
        (width, signed): (justjit_builder::Type, bool),
        base: Value,
        index: Value,
        (offset, scale): (i32, i32),
        region: justjit_builder::Region,
    ) -> Value {
        self.op_imm(
            Op::LoadIndexed,
            &[base, index],
            Imm::Memory {
                ty,
                width,
                signed,
                region,
                offset,
                scale,
            },
        )
    }

    /// Writes an array's item.
    pub fn store_item(
        &mut self,
        value: Value,
        width: justjit_builder::Type,
        base: Value,
        index: Value,
        (offset, scale): (i32, i32),
        region: justjit_builder::Region,
    ) {
        let ty = self.f.type_of(value);
        self.effect(
            Op::StoreIndexed,
            &[base, index, value],
            Imm::Memory {
                ty,
                width,
                signed: true,
                region,
                offset,
                scale,
            },
        );
    }

    /// The size in an object's header.
    pub fn size_of(&mut self, object: Value) -> Value {
        // Never negative: unsigned says so to the passes.
        let width = justjit_builder::Type::I64;
        self.load_width(Type::Int, width, false, object, offset::OB_SIZE, ir_region::HEADER)
    }
}
