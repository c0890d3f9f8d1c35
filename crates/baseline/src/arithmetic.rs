//! Operators and comparisons: compact ints and floats inline, everything else in the runtime.

use crate::emitter::{Emitter, Item, Known, Number};
use crate::numbers::{ANY_BITS, Arg, EXACT_BITS};
use justjit_builder::{Builder, FloatCond, FloatOp, IntCond, IntOp, RuntimeFn, Type};
use justjit_runtime::fast::{ADD_TO_LOCAL, IS_IN};
use justjit_runtime::feedback::seen;
use justjit_runtime::numbers::{BINARY, COMPARE_OBJECT, COMPARE_TEST};
use justjit_runtime::ops::numbers::{UNARY_INVERT, UNARY_NEGATIVE, nb};

/// What an operator is inlined for.
#[derive(Clone, Copy, PartialEq)]
enum Inlined {
    Int,
    /// Division of ints, whose result is a float.
    IntToFloat,
    Float(FloatOp),
    Nothing,
}

impl<B: Builder> Emitter<'_, B> {
    /// Decides by the operands at hand, then by what has been seen.
    fn inlined(&self, op: u32, a: Arg<B::Value>, b: Arg<B::Value>) -> Inlined {
        use nb::*;
        let int = matches!(
            op,
            ADD | SUBTRACT | MULTIPLY | AND | OR | XOR | FLOOR_DIVIDE | REMAINDER | LSHIFT | RSHIFT
        );
        let float = match op {
            ADD => Some(FloatOp::Add),
            SUBTRACT => Some(FloatOp::Sub),
            MULTIPLY => Some(FloatOp::Mul),
            TRUE_DIVIDE => Some(FloatOp::Div),
            _ => None,
        };
        if self.input.profiling {
            return Inlined::Nothing;
        }
        if self.has_float(a, b) || self.inlines(seen::FLOAT) {
            return float.map_or(Inlined::Nothing, Inlined::Float);
        }
        if self.inlines(seen::INT) && op == TRUE_DIVIDE {
            return Inlined::IntToFloat;
        }
        // A shift by a constant that leaves no word is the runtime's.
        let odd = matches!(b.known(), Known::Int(count) if !(0..=30).contains(&count));
        if self.inlines(seen::INT) && int && !(odd && matches!(op, LSHIFT | RSHIFT)) {
            return Inlined::Int;
        }
        Inlined::Nothing
    }

    /// Whether an operand is known to be a float.
    fn has_float(&self, a: Arg<B::Value>, b: Arg<B::Value>) -> bool {
        let is_float = |arg: Arg<B::Value>| matches!(arg.known(), Known::Float(_)) || arg.is_number(true);
        is_float(a) || is_float(b)
    }

    /// `BINARY_OP`.
    pub fn binary_op(&mut self) {
        let op = self.at.arg;
        let right = self.pop_arg();
        let left = self.pop_arg();
        let plain = op % nb::IN_PLACE;
        let inlined = self.inlined(plain, left, right);
        // `x = x + …`: a string that the local has may be extended.
        let local = |arg: Arg<B::Value>| match arg {
            Arg::Object(operand) => operand.local,
            Arg::Number(_) => None,
        };
        let target = local(left).filter(|&local| self.stored_next() == Some(local) && plain == nb::ADD);
        let target =
            target.filter(|&target| local(right) != Some(target) && !self.stack.contains(&Item::Local(target)));
        if inlined == Inlined::Nothing && self.meets_others(seen::INT | seen::FLOAT | seen::STR) {
            self.binary_special(left, right);
            return;
        }
        if inlined == Inlined::Nothing {
            let result = self.binary_anything(target, left, right);
            self.push_owned(result);
            return;
        }
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let is_int = inlined == Inlined::Int;
        let result = self.b.block_param(join, if is_int { Type::I64 } else { Type::F64 });
        let object = self.b.block_param(join, Type::I64);
        let mut bits = None;
        let value = match inlined {
            Inlined::Float(float_op) => {
                let a = self.unbox_float(left, slow);
                let b = self.unbox_float(right, slow);
                self.float_operation(float_op, a, b, slow)
            }
            Inlined::IntToFloat => {
                let (a, a_bits) = self.unbox_int(left, slow);
                let (b, b_bits) = self.unbox_int(right, slow);
                if a_bits.max(b_bits) > EXACT_BITS {
                    // Rounded twice.
                    self.b.jump(slow, &[]);
                    let unreachable = self.b.create_block();
                    self.b.switch_to(unreachable);
                }
                self.b.branch_unless(b, slow, &[]);
                let a = self.b.int_to_float(a);
                let b = self.b.int_to_float(b);
                self.b.float_op(FloatOp::Div, a, b)
            }
            _ => {
                let (value, width) = self.int_operation(plain, left, right, slow);
                bits = Some(width);
                value
            }
        };
        self.release_arg(left);
        self.release_arg(right);
        let null = self.null();
        self.b.jump(join, &[value, null]);
        self.b.switch_to(slow);
        let other = self.binary_anything(target, left, right);
        let nothing = if is_int { self.int(0) } else { self.b.float(0.0) };
        self.b.jump(join, &[nothing, other]);
        self.b.switch_to(join);
        self.push(Item::Number(Number {
            value: result,
            bits,
            object: Some(object),
        }));
    }

    /// The operator on ints; what a word has no room for goes to `otherwise`.
    fn int_operation(
        &mut self,
        op: u32,
        left: Arg<B::Value>,
        right: Arg<B::Value>,
        otherwise: B::Block,
    ) -> (B::Value, u8) {
        let a = self.unbox_int(left, otherwise);
        let b = self.unbox_int(right, otherwise);
        let bitwise = |op| (op, a.1.max(b.1) + 1);
        let (int_op, bits) = match op {
            nb::ADD => return self.checked_int_op(IntOp::Add, a, b, otherwise),
            nb::SUBTRACT => return self.checked_int_op(IntOp::Sub, a, b, otherwise),
            nb::MULTIPLY => return self.checked_int_op(IntOp::Mul, a, b, otherwise),
            nb::FLOOR_DIVIDE => return self.floor_division(false, a, b, right.known(), otherwise),
            nb::REMAINDER => return self.floor_division(true, a, b, right.known(), otherwise),
            nb::LSHIFT => return self.shift(true, a, b, right.known(), otherwise),
            nb::RSHIFT => return self.shift(false, a, b, right.known(), otherwise),
            nb::AND => match (left.known(), right.known()) {
                (Known::Int(mask), _) | (_, Known::Int(mask)) if mask >= 0 => {
                    (IntOp::And, (64 - mask.leading_zeros()) as u8)
                }
                _ => bitwise(IntOp::And),
            },
            nb::OR => bitwise(IntOp::Or),
            _ => bitwise(IntOp::Xor),
        };
        (self.b.int_op(int_op, a.0, b.0), bits.min(ANY_BITS))
    }

    /// The operator on any objects, in the runtime; gives the operands up.
    fn binary_anything(&mut self, target: Option<u32>, left: Arg<B::Value>, right: Arg<B::Value>) -> B::Value {
        let left = self.arg_object(left);
        let right = self.arg_object(right);
        let general: (&RuntimeFn, B::Value) = match target {
            Some(local) => (&ADD_TO_LOCAL, self.local_address(local)),
            None => (&BINARY, left.value),
        };
        let op = self.int32(self.at.arg as i32);
        let feedback = self.feedback();
        self.call_object(general.0, &[op, general.1, right.value, feedback], &[left, right])
    }

    /// `COMPARE_OP`.
    pub fn compare_op(&mut self) {
        let op = self.at.arg >> 5;
        let to_bool = self.at.arg & 16 != 0;
        let right = self.pop_arg();
        let left = self.pop_arg();
        let floats = self.has_float(left, right) || self.inlines(seen::FLOAT);
        let inlined = !self.input.profiling && (floats || self.inlines(seen::INT));
        let slow = self.b.create_block();
        let join = self.b.create_block();
        let result = self.b.block_param(join, if to_bool { Type::I8 } else { Type::I64 });
        if !inlined {
            self.b.jump(slow, &[]);
        } else {
            self.b.set_cold(slow);
            let flag = if floats {
                let a = self.unbox_float(left, slow);
                let b = self.unbox_float(right, slow);
                let cond = [
                    FloatCond::Lt,
                    FloatCond::Le,
                    FloatCond::Eq,
                    FloatCond::Ne,
                    FloatCond::Gt,
                    FloatCond::Ge,
                ];
                self.b.float_compare(cond[op as usize], a, b)
            } else {
                let (a, _) = self.unbox_int(left, slow);
                let (b, _) = self.unbox_int(right, slow);
                let cond = [
                    IntCond::SignedLt,
                    IntCond::SignedLe,
                    IntCond::Eq,
                    IntCond::Ne,
                    IntCond::SignedGt,
                    IntCond::SignedGe,
                ];
                self.b.compare(cond[op as usize], a, b)
            };
            let value = if to_bool { flag } else { self.bool_object(flag) };
            self.release_arg(left);
            self.release_arg(right);
            self.b.jump(join, &[value]);
        }
        self.b.switch_to(slow);
        let left = self.arg_object(left);
        let right = self.arg_object(right);
        let number = self.int32(op as i32);
        let feedback = self.feedback();
        let args = [number, left.value, right.value, feedback];
        let value = if to_bool {
            let status = self.call_status(&COMPARE_TEST, &args, &[left, right]);
            self.b.truncate(Type::I8, status)
        } else {
            self.call_object(&COMPARE_OBJECT, &args, &[left, right])
        };
        self.b.jump(join, &[value]);
        self.b.switch_to(join);
        self.push(if to_bool {
            Item::Bool(result)
        } else {
            Item::Owned(result)
        });
    }

    /// `IS_OP`.
    pub fn is_op(&mut self) {
        let right = self.pop();
        let left = self.pop();
        let cond = if self.at.arg == 0 { IntCond::Eq } else { IntCond::Ne };
        let result = self.b.compare(cond, left.value, right.value);
        self.release(right);
        self.release(left);
        self.push(Item::Bool(result));
    }

    /// `CONTAINS_OP`.
    pub fn contains_op(&mut self) {
        let container = self.pop();
        let item = self.pop();
        let status = self.call_status(&IS_IN, &[container.value, item.value], &[item, container]);
        let mut result = self.b.truncate(Type::I8, status);
        if self.at.arg != 0 {
            result = self.b.int_op_const(IntOp::Xor, result, 1);
        }
        self.push(Item::Bool(result));
    }

    /// `UNARY_NEGATIVE`.
    pub fn unary_negative(&mut self) {
        if let Some(&Item::Number(number)) = self.stack.last() {
            self.stack.pop();
            self.negative_number(number);
            return;
        }
        let operand = self.pop();
        let result = self.call_object(&UNARY_NEGATIVE, &[operand.value], &[operand]);
        self.push_owned(result);
    }

    /// `UNARY_INVERT`.
    pub fn unary_invert(&mut self) {
        let operand = self.pop();
        let result = self.call_object(&UNARY_INVERT, &[operand.value], &[operand]);
        self.push_owned(result);
    }

    /// `UNARY_NEGATIVE` of a number in a register.
    fn negative_number(&mut self, number: Number<B::Value>) {
        let slow = self.b.create_block();
        self.b.set_cold(slow);
        let join = self.b.create_block();
        let is_int = number.bits.is_some();
        let result = self.b.block_param(join, if is_int { Type::I64 } else { Type::F64 });
        let object = self.b.block_param(join, Type::I64);
        let (value, bits) = self.negate_number(number, slow);
        let null = self.null();
        self.b.jump(join, &[value, null]);
        self.b.switch_to(slow);
        let operand = self.arg_object(Arg::Number(number));
        let other = self.call_object(&UNARY_NEGATIVE, &[operand.value], &[operand]);
        let nothing = if is_int { self.int(0) } else { self.b.float(0.0) };
        self.b.jump(join, &[nothing, other]);
        self.b.switch_to(join);
        self.push(Item::Number(Number {
            value: result,
            bits,
            object: Some(object),
        }));
    }
}
