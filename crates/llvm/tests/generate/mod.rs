//! Random well-formed functions over all operations of [`Builder`]. A tape of numbers decides what comes, so that the
//! same tape gives the same function to each builder, and a shorter or smaller tape gives a simpler function.

mod array_loop;
mod choices;
mod runtime;

pub use array_loop::emit_array_loop;
use choices::*;
pub use choices::{FLOATS, INTS};

use justjit_builder::{Builder, FloatCond, FloatOp, IntCond, IntOp, OverflowOp, Region, Signature, Type};

/// Memory that the functions work on, in words of eight bytes. [`emit`] uses [`WORDS`] for each class, one after the
/// other, [`emit_array_loop`] all of it as [`ARRAYS`] arrays.
pub const SCRATCH_WORDS: usize = ARRAYS * ITEMS;
const ARRAYS: usize = 4;
const ITEMS: usize = 80;
const WORDS: usize = 8;
const REGIONS: [Region; 6] = [
    Region::Frame,
    Region::Header,
    Region::Count,
    Region::Items,
    Region::Payload,
    Region::Data,
];

/// The first parameter is the address of the scratch memory.
pub const SIGNATURE: Signature = Signature {
    params: &[
        Type::I64,
        Type::I64,
        Type::I64,
        Type::F64,
        Type::F64,
        Type::I32,
        Type::I16,
        Type::I8,
    ],
    result: Some(Type::I64),
};

struct Tape<'a> {
    words: &'a [u32],
    at: usize,
}

impl Tape<'_> {
    fn is_done(&self) -> bool {
        self.at >= self.words.len()
    }

    /// The next number; zeros once the tape has ended.
    fn next(&mut self) -> u32 {
        let word = self.words.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        word
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

struct Generator<'a, B: Builder> {
    b: &'a mut B,
    tape: Tape<'a>,
    /// Values that can be used here.
    scope: Vec<(Type, B::Value)>,
    /// Stack slots of [`WORDS`] words, all written.
    slots: Vec<B::Value>,
    scratch: B::Value,
    depth: usize,
}

/// Emits the function that the tape describes.
pub fn emit<B: Builder>(b: &mut B, tape: &[u32]) {
    let scratch = b.param(0);
    let params = SIGNATURE.params.iter().enumerate().skip(1);
    let scope = params.map(|(index, &ty)| (ty, b.param(index))).collect();
    let mut generator = Generator {
        b,
        tape: Tape { words: tape, at: 0 },
        scope,
        slots: Vec::new(),
        scratch,
        depth: 0,
    };
    while !generator.tape.is_done() {
        generator.statement();
    }
    generator.finish();
}

impl<B: Builder> Generator<'_, B> {
    fn push(&mut self, ty: Type, value: B::Value) {
        self.scope.push((ty, value));
    }

    /// A value of this type that is in scope, or a constant.
    fn value(&mut self, ty: Type) -> B::Value {
        let known: Vec<B::Value> = self.scope.iter().filter(|(t, _)| *t == ty).map(|&(_, v)| v).collect();
        // The latest are the most interesting: they make long chains.
        let back = self.tape.below(8).min(self.tape.below(64));
        match known.len().checked_sub(back + 1) {
            Some(index) => known[index],
            None => self.constant(ty),
        }
    }

    fn constant(&mut self, ty: Type) -> B::Value {
        match ty {
            Type::F64 => {
                let value = self.tape.pick(&FLOATS);
                self.b.float(value)
            }
            _ => {
                let value = self.int_constant();
                self.b.int(ty, value)
            }
        }
    }

    fn int_constant(&mut self) -> i64 {
        match self.tape.below(3) {
            0 => self.tape.pick(&INTS),
            1 => self.tape.below(70) as i64 - 3,
            _ => i64::from(self.tape.next()) << self.tape.below(33),
        }
    }

    /// NaN as zero, before it could show which NaN it is.
    fn without_nan(&mut self, value: B::Value) -> B::Value {
        let number = self.b.float_compare(FloatCond::Eq, value, value);
        let zero = self.b.float(0.0);
        self.b.select(number, value, zero)
    }

    fn finish(&mut self) {
        let mut hash = self.b.int(Type::I64, 17);
        for (ty, value) in self.scope.clone() {
            let bits = match ty {
                Type::F64 => {
                    let value = self.without_nan(value);
                    self.b.float_bits(value)
                }
                _ => self.b.zero_extend(Type::I64, value),
            };
            let product = self.b.int_op_const(IntOp::Mul, hash, 0x0100_0000_01b3);
            hash = self.b.int_op(IntOp::Xor, product, bits);
        }
        self.b.ret(hash);
    }

    fn statement(&mut self) {
        match self.tape.below(24) {
            0 => {
                let ty = self.tape.pick(&VALUE_TYPES);
                let value = self.constant(ty);
                self.push(ty, value);
            }
            1 | 2 => self.int_op(),
            3 => self.overflow_op(),
            4 => self.compare(),
            5 => self.resize(),
            6 => {
                let a = self.value(Type::I64);
                let value = self.b.count_leading_zeros(a);
                self.push(Type::I64, value);
            }
            7 => {
                let condition = self.condition();
                let ty = self.tape.pick(&VALUE_TYPES);
                let (a, b) = (self.value(ty), self.value(ty));
                let value = self.b.select(condition, a, b);
                self.push(ty, value);
            }
            8 | 9 => {
                let op = self
                    .tape
                    .pick(&[FloatOp::Add, FloatOp::Sub, FloatOp::Mul, FloatOp::Div]);
                let (a, b) = (self.value(Type::F64), self.value(Type::F64));
                let value = self.b.float_op(op, a, b);
                self.push(Type::F64, value);
            }
            10 => {
                let op = self.tape.pick(&FLOAT_UNARIES);
                let a = self.value(Type::F64);
                let value = self.b.float_unary(op, a);
                self.push(Type::F64, value);
            }
            11 => {
                let cond = self.tape.pick(&FLOAT_CONDS);
                let (a, b) = (self.value(Type::F64), self.value(Type::F64));
                let value = self.b.float_compare(cond, a, b);
                self.push(Type::I8, value);
            }
            12 => self.convert(),
            13 | 14 => self.load(),
            15 | 16 => self.store(),
            17 => self.single_precision(),
            18 => self.call(),
            19 => self.branch(),
            20 => self.two_ways_to_one_block(),
            21 => self.bounded_loop(),
            22 => self.jump_table(),
            _ => self.stack_slot(),
        }
    }

    fn condition(&mut self) -> B::Value {
        let ty = self.tape.pick(&[Type::I8, Type::I64, Type::I32, Type::I16]);
        self.value(ty)
    }

    fn int_op(&mut self) {
        let (op, ty) = (self.tape.pick(&INT_OPS), self.tape.pick(&INT_TYPES));
        let a = self.value(ty);
        let divides = matches!(op, IntOp::DivSigned | IntOp::RemSigned);
        let value = if self.tape.below(2) == 0 {
            let constant = match self.int_constant() {
                b if divides => (b & 0x7f).max(1),
                b => b,
            };
            self.b.int_op_const(op, a, constant)
        } else {
            let mut b = self.value(ty);
            if divides {
                // Positive and small in every width, so neither 0 nor -1.
                let small = self.b.int_op_const(IntOp::And, b, 0x7e);
                b = self.b.int_op_const(IntOp::Or, small, 1);
            }
            self.b.int_op(op, a, b)
        };
        self.push(ty, value);
    }

    fn overflow_op(&mut self) {
        let op = self.tape.pick(&[OverflowOp::Add, OverflowOp::Sub, OverflowOp::Mul]);
        let (a, b) = (self.value(Type::I64), self.value(Type::I64));
        let (result, overflow) = self.b.overflow_op(op, a, b);
        self.push(Type::I64, result);
        self.push(Type::I8, overflow);
    }

    fn compare(&mut self) {
        let (cond, ty) = (self.tape.pick(&INT_CONDS), self.tape.pick(&INT_TYPES));
        let a = self.value(ty);
        let value = if self.tape.below(2) == 0 {
            let constant = self.int_constant();
            self.b.compare_const(cond, a, constant)
        } else {
            let b = self.value(ty);
            self.b.compare(cond, a, b)
        };
        self.push(Type::I8, value);
    }

    fn resize(&mut self) {
        let (one, other) = (self.tape.pick(&INT_TYPES), self.tape.pick(&INT_TYPES));
        let (narrow, wide) = if one.size() <= other.size() {
            (one, other)
        } else {
            (other, one)
        };
        match self.tape.below(3) {
            0 => {
                let a = self.value(narrow);
                let value = self.b.zero_extend(wide, a);
                self.push(wide, value);
            }
            1 => {
                let a = self.value(narrow);
                let value = self.b.sign_extend(wide, a);
                self.push(wide, value);
            }
            _ => {
                let a = self.value(wide);
                let value = self.b.truncate(narrow, a);
                self.push(narrow, value);
            }
        }
    }

    fn convert(&mut self) {
        match self.tape.below(4) {
            0 => {
                let a = self.value(Type::I64);
                let value = self.b.int_to_float(a);
                self.push(Type::F64, value);
            }
            1 => {
                let a = self.value(Type::F64);
                let (least, limit) = (self.b.float(-(2f64.powi(63))), self.b.float(2f64.powi(63)));
                let above = self.b.float_compare(FloatCond::Ge, a, least);
                let below = self.b.float_compare(FloatCond::Lt, a, limit);
                let fits = self.b.int_op(IntOp::And, above, below);
                let zero = self.b.float(0.0);
                let safe = self.b.select(fits, a, zero);
                let value = self.b.float_to_int(safe);
                self.push(Type::I64, value);
            }
            2 => {
                let a = self.value(Type::F64);
                let number = self.without_nan(a);
                let value = self.b.float_bits(number);
                self.push(Type::I64, value);
            }
            _ => {
                let a = self.value(Type::I64);
                let value = self.b.float_from_bits(a);
                self.push(Type::F64, value);
            }
        }
    }

    /// A place in memory for a value of `size` bytes: its class, a base, and an offset.
    fn place(&mut self, size: u32) -> (Region, B::Value, i32) {
        let slot = self
            .slots
            .len()
            .checked_sub(self.tape.below(6) + 1)
            .map(|index| self.slots[index]);
        let (mut region, base, start) = match slot {
            Some(slot) => (Region::Stack, slot, 0),
            None => {
                let index = self.tape.below(REGIONS.len());
                (REGIONS[index], self.scratch, 8 * WORDS * index)
            }
        };
        if self.tape.below(4) == 0 {
            region = Region::Any;
        }
        let per_word = (8 / size) as usize;
        if self.tape.below(2) == 0 {
            let index = self.value(Type::I64);
            let index = self.b.int_op_const(IntOp::And, index, (WORDS * per_word - 1) as i64);
            let index = self.b.int_op_const(IntOp::Shl, index, i64::from(size.ilog2()));
            let address = if self.tape.below(2) == 0 {
                self.b.int_op(IntOp::Add, base, index)
            } else {
                self.b.int_op(IntOp::Add, index, base)
            };
            (region, address, start as i32)
        } else {
            let index = self.tape.below(WORDS * per_word);
            (region, base, (start + index * size as usize) as i32)
        }
    }

    fn load(&mut self) {
        let ty = self.tape.pick(&VALUE_TYPES);
        let (region, base, offset) = self.place(ty.size());
        let value = match region {
            Region::Any => self.b.load(ty, base, offset),
            _ => self.b.load_in(region, ty, base, offset),
        };
        self.push(ty, value);
    }

    fn store(&mut self) {
        let ty = self.tape.pick(&VALUE_TYPES);
        let mut value = self.value(ty);
        if ty == Type::F64 {
            value = self.without_nan(value);
        }
        let (region, base, offset) = self.place(ty.size());
        match region {
            Region::Any => self.b.store(value, base, offset),
            _ => self.b.store_in(region, value, base, offset),
        }
    }

    fn single_precision(&mut self) {
        let (region, base, offset) = self.place(4);
        if self.tape.below(2) == 0 {
            let narrow = self.b.load_in(region, Type::F32, base, offset);
            let value = self.b.float_promote(narrow);
            self.push(Type::F64, value);
        } else {
            let a = self.value(Type::F64);
            let number = self.without_nan(a);
            let narrow = self.b.float_demote(number);
            self.b.store_in(region, narrow, base, offset);
        }
    }

    fn stack_slot(&mut self) {
        let slot = self.b.stack_slot(8 * WORDS as u32);
        for word in 0..WORDS {
            let value = self.value(Type::I64);
            self.b.store_in(Region::Stack, value, slot, 8 * word as i32);
        }
        self.slots.push(slot);
    }

    fn call(&mut self) {
        let function = self.tape.pick(&runtime::ALL);
        let mut args = Vec::new();
        for &ty in function.signature.params {
            args.push(self.value(ty));
        }
        if std::ptr::eq(function, &runtime::SHAKE) {
            args[0] = match self.slots.last() {
                Some(&slot) if self.tape.below(2) == 0 => slot,
                _ => self.scratch,
            };
        }
        let result = if self.tape.below(2) == 0 {
            self.b.call(function, &args)
        } else {
            let callee = self.b.object(function.address);
            self.b.call_indirect(&function.signature, callee, &args)
        };
        assert_eq!(result.is_some(), function.signature.result.is_some());
        if let (Some(ty), Some(value)) = (function.signature.result, result) {
            self.push(ty, value);
        }
    }

    /// Statements whose values are in scope only for what `last` emits after them.
    fn nested<R>(&mut self, last: impl FnOnce(&mut Self) -> R) -> R {
        let (scope, slots) = (self.scope.len(), self.slots.len());
        self.depth += 1;
        for _ in 0..self.tape.below(6) {
            if self.depth > 3 || self.tape.is_done() {
                break;
            }
            self.statement();
        }
        let result = last(self);
        self.depth -= 1;
        self.scope.truncate(scope);
        self.slots.truncate(slots);
        result
    }

    /// A few types, and a block that takes values of them.
    fn block_with_params(&mut self) -> (B::Block, Vec<Type>, Vec<B::Value>) {
        let block = self.b.create_block();
        let count = self.tape.below(4);
        let types: Vec<Type> = (0..count).map(|_| self.tape.pick(&VALUE_TYPES)).collect();
        let params = types.iter().map(|&ty| self.b.block_param(block, ty)).collect();
        (block, types, params)
    }

    fn values(&mut self, types: &[Type]) -> Vec<B::Value> {
        types.iter().map(|&ty| self.value(ty)).collect()
    }

    fn branch(&mut self) {
        let condition = self.condition();
        let (then, otherwise) = (self.b.create_block(), self.b.create_block());
        let (join, types, params) = self.block_with_params();
        self.b.branch(condition, (then, &[]), (otherwise, &[]));
        if self.tape.below(2) == 0 {
            self.b.set_cold(otherwise);
        }
        self.b.switch_to(then);
        self.nested(|g| {
            let args = g.values(&types);
            g.b.jump(join, &args);
        });
        self.b.switch_to(otherwise);
        self.nested(|g| {
            if g.tape.below(4) == 0 {
                g.finish();
            } else {
                let args = g.values(&types);
                g.b.jump(join, &args);
            }
        });
        self.b.switch_to(join);
        self.scope.extend(types.into_iter().zip(params));
    }

    fn two_ways_to_one_block(&mut self) {
        let condition = self.condition();
        let (join, types, params) = self.block_with_params();
        let (a, b) = (self.values(&types), self.values(&types));
        self.b.branch(condition, (join, &a), (join, &b));
        self.b.switch_to(join);
        self.scope.extend(types.into_iter().zip(params));
    }

    fn bounded_loop(&mut self) {
        let rounds = 1 + self.tape.below(9) as i64;
        let (head, types, params) = self.block_with_params();
        let counter = self.b.block_param(head, Type::I64);
        let (exit, exit_types, exit_params) = self.block_with_params();
        let mut args = self.values(&types);
        args.push(self.b.int(Type::I64, 0));
        self.b.jump(head, &args);
        self.b.switch_to(head);
        let scope = self.scope.len();
        self.scope.extend(types.iter().copied().zip(params));
        self.push(Type::I64, counter);
        self.nested(|g| {
            let next = g.b.int_op_const(IntOp::Add, counter, 1);
            let more = g.b.compare_const(IntCond::SignedLt, next, rounds);
            let mut args = g.values(&types);
            args.push(next);
            let exit_args = g.values(&exit_types);
            g.b.branch(more, (head, &args), (exit, &exit_args));
        });
        self.scope.truncate(scope);
        self.b.switch_to(exit);
        self.scope.extend(exit_types.into_iter().zip(exit_params));
    }

    fn jump_table(&mut self) {
        let index = self.value(Type::I32);
        let count = 1 + self.tape.below(4);
        let index = if self.tape.below(4) == 0 {
            index
        } else {
            self.b.int_op_const(IntOp::And, index, 7)
        };
        let blocks: Vec<B::Block> = (0..=count).map(|_| self.b.create_block()).collect();
        let (join, types, params) = self.block_with_params();
        // One block is the target of two entries.
        let mut targets = blocks[1..].to_vec();
        targets.push(blocks[self.tape.below(blocks.len())]);
        self.b.jump_table(index, blocks[0], &targets);
        for block in blocks {
            self.b.switch_to(block);
            self.nested(|g| {
                let args = g.values(&types);
                g.b.jump(join, &args);
            });
        }
        self.b.switch_to(join);
        self.scope.extend(types.into_iter().zip(params));
    }
}
