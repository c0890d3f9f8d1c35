//! Objects: their types, the numbers in them, references.

use crate::lower::{Death, Lowering, wrong};
use justjit_builder::{Builder, IntCond, IntOp, Region, Type as Width};
use justjit_ir::{Imm, InstData, Op};
use justjit_runtime::ending::END_QUIETLY;
use justjit_runtime::layout::offset;
use justjit_runtime::numbers::{DEALLOCATE, INT_WORD, MAKE_FLOAT, MAKE_INT, SHARED, SMALL_INT_MIN, SMALL_INTS};
use pyo3_ffi::{Py_False, Py_True};

/// Tags from here on are of ints of more than one digit.
const COMPACT_LIMIT: i64 = 16;

impl<B: Builder> Lowering<'_, B> {
    pub fn object_inst(&mut self, inst: &InstData) -> B::Value {
        match (inst.op, inst.imm) {
            (Op::ObjectConst | Op::PointerConst, Imm::Symbol(symbol)) => return self.symbol(symbol),
            (Op::Null, _) => return self.int(0),
            _ => {}
        }
        let a = self.value(inst.args[0]);
        match inst.op {
            Op::Same => {
                let b = self.value(inst.args[1]);
                self.b.compare(IntCond::Eq, a, b)
            }
            Op::IsNull => self.b.compare_const(IntCond::Eq, a, 0),
            Op::HasType => {
                let Imm::Symbol(symbol) = inst.imm else { wrong(inst) };
                let actual = self.b.load_in(Region::Header, Width::I64, a, offset::OB_TYPE);
                let expected = self.symbol(symbol);
                self.b.compare(IntCond::Eq, actual, expected)
            }
            Op::AddressOf => a,
            Op::UnboxInt => self.unbox_int(a, inst),
            Op::UnboxFloat => self.b.load_in(Region::Payload, Width::F64, a, offset::FLOAT_VALUE),
            Op::BoxInt => self.box_int(a),
            Op::BoxFloat => self.b.call_value(&MAKE_FLOAT, &[a]),
            Op::BoxBool => {
                // SAFETY: the addresses of two statics.
                let (yes, no) = unsafe { (Py_True(), Py_False()) };
                let yes = self.b.object(yes.cast_const().cast());
                let no = self.b.object(no.cast_const().cast());
                self.b.select(a, yes, no)
            }
            _ => wrong(inst),
        }
    }

    /// An int's object: a small one is read from the table of these.
    fn box_int(&mut self, value: B::Value) -> B::Value {
        if self.in_cold {
            return self.b.call_value(&MAKE_INT, &[value]);
        }
        let join = self.b.create_block();
        let result = self.b.block_param(join, Width::I64);
        let other = self.b.create_block();
        self.go_on_small(value, (join, other));
        self.b.switch_to(other);
        let made = self.b.call_value(&MAKE_INT, &[value]);
        self.b.jump(join, &[made]);
        self.b.switch_to(join);
        result
    }

    /// Goes to the first block with the object of a small int, which is immortal, and to the second one with any other int.
    pub fn go_on_small(&mut self, value: B::Value, (join, other): (B::Block, B::Block)) {
        let index = self.b.int_op_const(IntOp::Sub, value, SMALL_INT_MIN);
        let is_small = self.b.compare_const(IntCond::UnsignedLt, index, SMALL_INTS as i64);
        let small = self.b.create_block();
        self.b.branch(is_small, (small, &[]), (other, &[]));
        self.b.switch_to(small);
        // SAFETY: the address of a static, which is filled in before anything is compiled.
        let table = unsafe { (&raw const SHARED.small_ints).cast::<()>() };
        let table = self.b.object(table);
        let at = self.b.int_op_const(IntOp::Shl, index, 3);
        let at = self.b.int_op(IntOp::Add, table, at);
        let object = self.b.load(Width::I64, at, 0);
        self.b.jump(join, &[object]);
    }

    /// The value of an exact int: here if it has at most one digit, else by the runtime.
    fn unbox_int(&mut self, object: B::Value, inst: &InstData) -> B::Value {
        let join = self.b.create_block();
        let result = self.b.block_param(join, Width::I64);
        let compact = self.b.create_block();
        let wide = self.cold_block();
        let tag = self.b.load_in(Region::Payload, Width::I64, object, offset::LONG_TAG);
        let few = self.b.compare_const(IntCond::UnsignedLt, tag, COMPACT_LIMIT);
        self.b.branch(few, (compact, &[]), (wide, &[]));

        self.b.switch_to(compact);
        // The digit times one less the tag's sign bits.
        let digit = self.b.load_in(Region::Payload, Width::I32, object, offset::LONG_DIGIT);
        let digit = self.b.zero_extend(Width::I64, digit);
        let sign = self.b.int_op_const(IntOp::And, tag, 3);
        let one = self.int(1);
        let factor = self.b.int_op(IntOp::Sub, one, sign);
        let value = self.b.int_op(IntOp::Mul, digit, factor);
        self.b.jump(join, &[value]);

        self.b.switch_to(wide);
        let word = self.int_word.expect("made where ints are taken out of objects");
        let fits = self.b.call_value(&INT_WORD, &[object, word]);
        self.leave_unless(fits, inst);
        let value = self.b.load_in(Region::Stack, Width::I64, word, 0);
        self.b.jump(join, &[value]);

        self.b.switch_to(join);
        result
    }

    /// Takes a reference. Immortal objects keep their count, without a branch.
    pub fn incref(&mut self, object: B::Value) {
        let count = self.b.load_in(Region::Count, Width::I32, object, offset::OB_REFCNT);
        let more = self.b.int_op_const(IntOp::Add, count, 1);
        let updated = self.b.select(more, more, count);
        self.b.store_in(Region::Count, updated, object, offset::OB_REFCNT);
    }

    /// Gives a reference up. Immortal objects keep their count: it is negative as 32 bits.
    pub fn decref(&mut self, inst: &InstData) {
        let object = self.value(inst.args[0]);
        let count = self.b.load_in(Region::Count, Width::I32, object, offset::OB_REFCNT);
        let immortal = self.b.int_op_const(IntOp::ShrUnsigned, count, 31);
        let less = self.b.int_op_const(IntOp::Sub, count, 1);
        let updated = self.b.int_op(IntOp::Add, less, immortal);
        self.b.store_in(Region::Count, updated, object, offset::OB_REFCNT);
        let next = self.b.create_block();
        let block = self.cold_block();
        self.b.branch(updated, (next, &[]), (block, &[]));
        let exit = (inst.op == Op::Decref).then(|| self.leaving_block(inst));
        self.deaths.push(Death {
            block,
            object,
            next,
            exit,
        });
        self.b.switch_to(next);
    }

    /// Writes the blocks in which objects end. Where that may run Python code, the code is left instead: then there are
    /// frames, which give the reference up.
    pub fn finish_deaths(&mut self) {
        for death in std::mem::take(&mut self.deaths) {
            self.b.switch_to(death.block);
            match death.exit {
                None => {
                    self.b.call(&DEALLOCATE, &[death.object]);
                    self.b.jump(death.next, &[]);
                }
                Some(exit) => {
                    let ended = self.b.call_value(&END_QUIETLY, &[self.thread, death.object]);
                    self.b.branch(ended, (death.next, &[]), (exit, &[]));
                }
            }
        }
    }
}
