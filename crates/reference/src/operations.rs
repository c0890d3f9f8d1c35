//! The [`Builder`] operations, written down.

use justjit_builder::{
    Builder, FloatCond, FloatOp, FloatUnary, IntCond, IntOp, OverflowOp, Region, RuntimeFn, Signature, Type,
};

use crate::builder::{Block, ReferenceBuilder, Value};
use crate::program::{BlockData, End, Operation};

fn ids(values: &[Value]) -> Vec<usize> {
    values.iter().map(|value| value.0).collect()
}

impl ReferenceBuilder {
    fn conversion(&mut self, what: &str, to: Type, a: Value, wider: bool, operation: Operation) -> Value {
        self.expect_int(a, what);
        let from = self.type_of(a);
        let fits = if wider {
            to.size() >= from.size()
        } else {
            to.size() <= from.size()
        };
        let int = !matches!(to, Type::F32 | Type::F64);
        self.expect(fits && int, &format!("{what} from {from:?} to {to:?}"));
        self.value(to, operation)
    }

    fn call_any(&mut self, signature: &Signature, pure: bool, callee: Value, args: &[Value]) -> Option<Value> {
        self.expect_type(callee, Type::I64, "a call");
        self.expect_args(args, signature.params, "a call");
        let operation = Operation::Call(*signature, pure, callee.0, ids(args));
        match signature.result {
            Some(ty) => Some(self.value(ty, operation)),
            None => {
                self.effect(operation);
                None
            }
        }
    }
}

impl Builder for ReferenceBuilder {
    type Value = Value;
    type Block = Block;

    fn int(&mut self, ty: Type, value: i64) -> Value {
        self.expect(
            !matches!(ty, Type::F32 | Type::F64),
            "an integer constant of a float type",
        );
        let mask = u64::MAX >> (64 - 8 * ty.size());
        self.value(ty, Operation::Constant(value as u64 & mask))
    }

    fn float(&mut self, value: f64) -> Value {
        self.value(Type::F64, Operation::Constant(value.to_bits()))
    }

    fn object(&mut self, address: *const ()) -> Value {
        self.value(Type::I64, Operation::Constant(address.expose_provenance() as u64))
    }

    fn load(&mut self, ty: Type, base: Value, offset: i32) -> Value {
        self.load_in(Region::Any, ty, base, offset)
    }

    fn store(&mut self, value: Value, base: Value, offset: i32) {
        self.store_in(Region::Any, value, base, offset);
    }

    fn load_in(&mut self, region: Region, ty: Type, base: Value, offset: i32) -> Value {
        self.expect_type(base, Type::I64, "a load");
        self.value(ty, Operation::Load(region, base.0, offset))
    }

    fn load_volatile(&mut self, ty: Type, base: Value, offset: i32) -> Value {
        self.load(ty, base, offset)
    }

    fn store_in(&mut self, region: Region, value: Value, base: Value, offset: i32) {
        self.expect_type(base, Type::I64, "a store");
        self.effect(Operation::Store(region, value.0, base.0, offset));
    }

    fn stack_slot(&mut self, bytes: u32) -> Value {
        self.program.slots.push(bytes);
        let slot = self.program.slots.len() - 1;
        self.value(Type::I64, Operation::StackSlot(slot))
    }

    fn int_op(&mut self, op: IntOp, a: Value, b: Value) -> Value {
        self.expect_int(a, "integer arithmetic");
        self.expect_same(a, b, "integer arithmetic");
        self.value(self.type_of(a), Operation::Int(op, a.0, b.0))
    }

    fn int_op_const(&mut self, op: IntOp, a: Value, b: i64) -> Value {
        let b = self.int(self.type_of(a), b);
        self.int_op(op, a, b)
    }

    fn overflow_op(&mut self, op: OverflowOp, a: Value, b: Value) -> (Value, Value) {
        self.expect_type(a, Type::I64, "arithmetic with overflow");
        self.expect_type(b, Type::I64, "arithmetic with overflow");
        let result = self.value(Type::I64, Operation::Overflow(op, a.0, b.0));
        (result, self.new_value(Type::I8))
    }

    fn compare(&mut self, cond: IntCond, a: Value, b: Value) -> Value {
        self.expect_int(a, "an integer comparison");
        self.expect_same(a, b, "an integer comparison");
        self.value(Type::I8, Operation::Compare(cond, a.0, b.0))
    }

    fn compare_const(&mut self, cond: IntCond, a: Value, b: i64) -> Value {
        let b = self.int(self.type_of(a), b);
        self.compare(cond, a, b)
    }

    fn zero_extend(&mut self, to: Type, a: Value) -> Value {
        self.conversion("zero extension", to, a, true, Operation::ZeroExtend(a.0))
    }

    fn sign_extend(&mut self, to: Type, a: Value) -> Value {
        self.conversion("sign extension", to, a, true, Operation::SignExtend(a.0))
    }

    fn truncate(&mut self, to: Type, a: Value) -> Value {
        self.conversion("truncation", to, a, false, Operation::Truncate(a.0))
    }

    fn count_leading_zeros(&mut self, a: Value) -> Value {
        self.expect_type(a, Type::I64, "counting zeros");
        self.value(Type::I64, Operation::LeadingZeros(a.0))
    }

    fn select(&mut self, condition: Value, a: Value, b: Value) -> Value {
        self.expect_int(condition, "a condition");
        self.expect_same(a, b, "a select");
        let ty = self.type_of(a);
        self.expect(ty != Type::F32, "a select of F32");
        self.value(ty, Operation::Select(condition.0, a.0, b.0))
    }

    fn float_op(&mut self, op: FloatOp, a: Value, b: Value) -> Value {
        self.expect_type(a, Type::F64, "float arithmetic");
        self.expect_type(b, Type::F64, "float arithmetic");
        self.value(Type::F64, Operation::Float(op, a.0, b.0))
    }

    fn float_unary(&mut self, op: FloatUnary, a: Value) -> Value {
        self.expect_type(a, Type::F64, "float arithmetic");
        self.value(Type::F64, Operation::FloatUnary(op, a.0))
    }

    fn float_compare(&mut self, cond: FloatCond, a: Value, b: Value) -> Value {
        self.expect_type(a, Type::F64, "a float comparison");
        self.expect_type(b, Type::F64, "a float comparison");
        self.value(Type::I8, Operation::FloatCompare(cond, a.0, b.0))
    }

    fn int_to_float(&mut self, a: Value) -> Value {
        self.expect_type(a, Type::I64, "int to float");
        self.value(Type::F64, Operation::IntToFloat(a.0))
    }

    fn float_to_int(&mut self, a: Value) -> Value {
        self.expect_type(a, Type::F64, "float to int");
        self.value(Type::I64, Operation::FloatToInt(a.0))
    }

    fn float_promote(&mut self, a: Value) -> Value {
        self.expect_type(a, Type::F32, "promotion");
        self.value(Type::F64, Operation::Promote(a.0))
    }

    fn float_demote(&mut self, a: Value) -> Value {
        self.expect_type(a, Type::F64, "demotion");
        self.value(Type::F32, Operation::Demote(a.0))
    }

    fn float_bits(&mut self, a: Value) -> Value {
        self.expect_type(a, Type::F64, "a bit cast");
        self.value(Type::I64, Operation::Bits(a.0))
    }

    fn float_from_bits(&mut self, a: Value) -> Value {
        self.expect_type(a, Type::I64, "a bit cast");
        self.value(Type::F64, Operation::Bits(a.0))
    }

    fn param(&mut self, index: usize) -> Value {
        Value(self.program.params[index])
    }

    fn create_block(&mut self) -> Block {
        self.program.blocks.push(BlockData::default());
        Block(self.program.blocks.len() - 1)
    }

    fn block_param(&mut self, block: Block, ty: Type) -> Value {
        self.expect(ty != Type::F32, "a block parameter of type F32");
        let late = self.is_reached(block.0) || !self.program.blocks[block.0].steps.is_empty();
        self.expect(!late, "a block gets a parameter too late");
        let value = self.new_value(ty);
        self.program.blocks[block.0].params.push(value.0);
        value
    }

    fn set_cold(&mut self, _: Block) {}

    fn switch_to(&mut self, block: Block) {
        self.switch(block.0);
    }

    fn jump(&mut self, block: Block, args: &[Value]) {
        self.end(End::Jump((block.0, ids(args))));
    }

    fn branch(&mut self, condition: Value, then: (Block, &[Value]), otherwise: (Block, &[Value])) {
        self.expect_int(condition, "a branch");
        let (then, otherwise) = ((then.0.0, ids(then.1)), (otherwise.0.0, ids(otherwise.1)));
        self.end(End::Branch(condition.0, then, otherwise));
    }

    fn jump_table(&mut self, index: Value, default: Block, targets: &[Block]) {
        self.expect_type(index, Type::I32, "a jump table");
        let targets = targets.iter().map(|target| (target.0, vec![])).collect();
        self.end(End::Table(index.0, (default.0, vec![]), targets));
    }

    fn ret(&mut self, value: Value) {
        let (found, expected) = (self.type_of(value), self.program.signature.result);
        self.expect(
            expected == Some(found),
            &format!("a result {found:?}, not {expected:?}"),
        );
        self.end(End::Return(value.0));
    }

    fn call(&mut self, function: &RuntimeFn, args: &[Value]) -> Option<Value> {
        let callee = self.object(function.address);
        self.call_any(&function.signature, function.pure, callee, args)
    }

    fn call_indirect(&mut self, signature: &Signature, callee: Value, args: &[Value]) -> Option<Value> {
        self.call_any(signature, false, callee, args)
    }

    fn stack_pointer(&mut self) -> Value {
        self.value(Type::I64, Operation::StackPointer)
    }

    fn set_position(&mut self, _: u32) {}
}
