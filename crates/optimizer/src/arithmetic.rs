//! Operators on numbers.

use crate::builder::{Builder, Done};
use crate::item::{Constant, Item, Kind, Number};
use crate::quiet::Message;
use crate::subclasses::AsList;
use justjit_builder::{FloatCond, IntCond};
use justjit_ir::{Imm, Op, Reason, Type, Value};
use justjit_runtime::arrays::Scalar;
use justjit_runtime::ops::numbers::nb;
use justjit_runtime::special::Unary;
use justjit_runtime::{math, optimized};
use pyo3_ffi::{Py_False, Py_True, PyExc_ZeroDivisionError};

/// The largest magnitude of ints that floats have all of.
const EXACT: i64 = 1 << 53;

fn is_int(kind: Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Bool)
}

fn is_real(kind: Kind) -> bool {
    is_int(kind) || kind == Kind::Float
}

/// The value of a constant int.
pub fn constant_int(item: &Item) -> Option<i64> {
    match item {
        Item::Constant(Constant {
            number: Some(Number::Int(value)),
            ..
        }) => Some(*value),
        Item::Constant(Constant {
            number: Some(Number::Bool(value)),
            ..
        }) => Some((*value).into()),
        _ => None,
    }
}

impl Builder<'_> {
    /// `BINARY_OP`.
    pub fn binary_op(&mut self) -> Done {
        let op = self.at.arg % nb::IN_PLACE;
        let right = self.pop();
        let left = self.pop();
        let kinds = (self.likely_kind(&left, 0), self.likely_kind(&right, 1));
        let result = match kinds {
            // To the interpreter it is a float like any other.
            (Kind::Complex, Kind::Numpy(Scalar::Float64)) => {
                let right = self.known_as(&right, kinds.1);
                self.complex_operator(op, &left, &right)
            }
            (Kind::Numpy(_), _) | (_, Kind::Numpy(_)) => self.numpy_operator(op, &left, &right, kinds),
            (a, b) if is_int(a) && is_int(b) => self.int_operator(op, &left, &right, kinds),
            (a, b) if is_real(a) && is_real(b) => self.float_operator_that(op, &left, &right, true),
            (a, b)
                if (a == Kind::Complex && (b == Kind::Complex || is_real(b))) || (b == Kind::Complex && is_real(a)) =>
            {
                self.complex_operator(op, &left, &right)
            }
            _ => None,
        };
        if self.terminated {
            return Ok(());
        }
        let Some(result) = result else {
            if self.repeat_items(&left, &right, kinds)? {
                return Ok(());
            }
            if self.binary_special(&left, &right, kinds)? || self.mixed_operator(op, &left, &right)? {
                return Ok(());
            }
            return self.generic_binary(left, right);
        };
        self.specialized += 1;
        self.release_known(left, kinds.0);
        self.release_known(right, kinds.1);
        self.push(result);
        Ok(())
    }

    // ---- ints ----------------------------------------------------------------------------------------------------

    pub fn int_operator(&mut self, op: u32, left: &Item, right: &Item, kinds: (Kind, Kind)) -> Option<Item> {
        if kinds == (Kind::Bool, Kind::Bool)
            && let nb::AND | nb::OR | nb::XOR = op
        {
            let a = self.as_bool(left);
            let b = self.as_bool(right);
            let op = match op {
                nb::AND => Op::BoolAnd,
                nb::OR => Op::BoolOr,
                _ => Op::BoolXor,
            };
            return Some(Item::Bool(self.op(op, &[a, b])));
        }
        if self.is_widened(Reason::Overflow) || self.is_widened(Reason::Domain) {
            return None;
        }
        if !matches!(
            op,
            nb::ADD
                | nb::SUBTRACT
                | nb::MULTIPLY
                | nb::FLOOR_DIVIDE
                | nb::REMAINDER
                | nb::AND
                | nb::OR
                | nb::XOR
                | nb::LSHIFT
                | nb::RSHIFT
                | nb::TRUE_DIVIDE
                | nb::POWER
        ) {
            return None;
        }
        if op == nb::POWER && !matches!(constant_int(right), Some(0..=8)) {
            return None;
        }
        let a = self.as_int(left);
        let b = self.as_int(right);
        let value = match op {
            nb::ADD => self.checked(Op::IntAddChecked, &[a, b], Reason::Overflow),
            nb::SUBTRACT => self.checked(Op::IntSubChecked, &[a, b], Reason::Overflow),
            nb::MULTIPLY => self.checked(Op::IntMulChecked, &[a, b], Reason::Overflow),
            nb::AND => self.op(Op::IntAnd, &[a, b]),
            nb::OR => self.op(Op::IntOr, &[a, b]),
            nb::XOR => self.op(Op::IntXor, &[a, b]),
            nb::LSHIFT => self.checked(Op::IntShlChecked, &[a, b], Reason::Overflow),
            nb::RSHIFT => {
                if !matches!(constant_int(right), Some(0..)) {
                    let zero = self.int(0);
                    let fine = self.int_compare(IntCond::SignedGe, b, zero);
                    self.guard(fine, Reason::Domain);
                }
                self.op(Op::IntShr, &[a, b])
            }
            nb::FLOOR_DIVIDE => {
                self.divisor(op, b, [left, right]);
                if !matches!(constant_int(right), Some(divisor) if divisor != -1) {
                    // -2**63 // -1 has no room.
                    let minus_one = self.int(-1);
                    let least = self.int(i64::MIN);
                    let other = self.int_compare(IntCond::Ne, b, minus_one);
                    let above = self.int_compare(IntCond::Ne, a, least);
                    let fine = self.op(Op::BoolOr, &[other, above]);
                    self.guard(fine, Reason::Overflow);
                }
                self.op(Op::IntFloorDiv, &[a, b])
            }
            nb::REMAINDER => {
                self.divisor(op, b, [left, right]);
                self.op(Op::IntMod, &[a, b])
            }
            nb::TRUE_DIVIDE => {
                self.divisor(op, b, [left, right]);
                let a = self.exact_float(a, left);
                let b = self.exact_float(b, right);
                return Some(Item::Float(self.op(Op::FloatDiv, &[a, b])));
            }
            _ => {
                let exponent = constant_int(right).unwrap_or(0);
                let mut power = self.int(1);
                for step in 0..exponent {
                    power = if step == 0 {
                        a
                    } else {
                        self.checked(Op::IntMulChecked, &[power, a], Reason::Overflow)
                    };
                }
                power
            }
        };
        Some(Item::Int(value))
    }

    pub fn int_compare(&mut self, cond: IntCond, a: Value, b: Value) -> Value {
        self.op_imm(Op::IntCompare, &[a, b], Imm::IntCond(cond))
    }

    pub fn float_compare(&mut self, cond: FloatCond, a: Value, b: Value) -> Value {
        self.op_imm(Op::FloatCompare, &[a, b], Imm::FloatCond(cond))
    }

    /// Raises ZeroDivisionError where the divisor is 0: in this code where it is caught, else in baseline code.
    fn divisor(&mut self, op: u32, value: Value, operands: [&Item; 2]) {
        if !matches!(constant_int(operands[1]), Some(divisor) if divisor != 0) {
            let zero = self.int(0);
            let fine = self.int_compare(IntCond::Ne, value, zero);
            let message = match op {
                nb::FLOOR_DIVIDE => Message::FloorDivision,
                nb::REMAINDER => Message::Remainder,
                _ => Message::Division,
            };
            self.divide_if(fine, message, operands);
        }
    }

    fn divide_if(&mut self, fine: Value, message: Message, operands: [&Item; 2]) {
        // SAFETY: a class of the interpreter's.
        let Some(catcher) = self.quiet_catcher(unsafe { PyExc_ZeroDivisionError }.cast()) else {
            return self.guard(fine, Reason::DivisionByZero);
        };
        let operands = operands.map(Item::clone).into();
        let done = self.else_raise(fine, |this| {
            let message = this.message(message);
            this.raise_quietly(catcher, vec![message], operands)
        });
        if let Err(stop) = done {
            self.failed = Some(stop);
        }
    }

    /// The int as a float, which leaves where that would have to be rounded.
    pub fn exact_float(&mut self, value: Value, item: &Item) -> Value {
        if !matches!(constant_int(item), Some(value) if (-EXACT..=EXACT).contains(&value)) {
            let offset = self.int(EXACT);
            let limit = self.int(2 * EXACT);
            // Wraps for large magnitudes, and is above the limit then.
            let shifted = self.op(Op::IntAddWrapping, &[value, offset]);
            let fine = self.int_compare(IntCond::UnsignedLe, shifted, limit);
            self.guard(fine, Reason::Domain);
        }
        self.op(Op::IntToFloat, &[value])
    }

    // ---- floats --------------------------------------------------------------------------------------------------

    pub fn float_operator(&mut self, op: u32, left: &Item, right: &Item) -> Option<Item> {
        self.float_operator_that(op, left, right, false)
    }

    /// The same; if these are the instruction's operands, it may raise in this code.
    fn float_operator_that(&mut self, op: u32, left: &Item, right: &Item, raises: bool) -> Option<Item> {
        if self.is_widened(Reason::Domain) {
            return None;
        }
        let simple = match op {
            nb::ADD => Some(Op::FloatAdd),
            nb::SUBTRACT => Some(Op::FloatSub),
            nb::MULTIPLY => Some(Op::FloatMul),
            nb::TRUE_DIVIDE => Some(Op::FloatDiv),
            nb::FLOOR_DIVIDE | nb::REMAINDER | nb::POWER => None,
            _ => return None,
        };
        let a = self.as_operand(left, 0);
        let b = self.as_operand(right, 1);
        if matches!(op, nb::TRUE_DIVIDE | nb::FLOOR_DIVIDE | nb::REMAINDER) {
            let known = matches!(right, Item::Constant(Constant { number: Some(number), .. })
                if !matches!(number, Number::Int(0) | Number::Bool(false))
                    && !matches!(number, Number::Float(bits) if f64::from_bits(*bits) == 0.0));
            if !known {
                let zero = self.float(0.0);
                let fine = self.float_compare(FloatCond::Ne, b, zero);
                let message = match op {
                    nb::FLOOR_DIVIDE => Message::FloatFloorDivision,
                    nb::REMAINDER => Message::FloatRemainder,
                    _ => Message::FloatDivision,
                };
                match raises {
                    true => self.divide_if(fine, message, [left, right]),
                    false => self.guard(fine, Reason::DivisionByZero),
                }
            }
        }
        let value = match (simple, op) {
            (Some(op), _) => self.op(op, &[a, b]),
            (None, nb::FLOOR_DIVIDE) => self.compute(&math::FLOAT_FLOOR_DIV, &[a, b], Type::Float),
            (None, nb::REMAINDER) => self.compute(&math::FLOAT_MOD, &[a, b], Type::Float),
            _ => self.float_power(a, b),
        };
        Some(Item::Float(value))
    }

    /// An operand of float arithmetic: an int becomes the nearest float, as the interpreter has it.
    fn as_operand(&mut self, item: &Item, operand: usize) -> Value {
        let kind = self.likely_kind(item, operand);
        if is_int(kind) {
            let value = self.as_int(item);
            self.op(Op::IntToFloat, &[value])
        } else {
            self.as_float(item)
        }
    }

    /// `a ** b`; leaves where that is complex, overflows, or raises.
    pub fn float_power(&mut self, a: Value, b: Value) -> Value {
        self.plain(&math::FLOAT_POWER, &[a, b])
    }

    // ---- complex -------------------------------------------------------------------------------------------------

    fn complex_operator(&mut self, op: u32, left: &Item, right: &Item) -> Option<Item> {
        match op {
            nb::ADD | nb::SUBTRACT => {}
            nb::MULTIPLY if math::complex_is_rounded() => {}
            nb::TRUE_DIVIDE if math::complex_is_rounded() && !self.is_widened(Reason::Domain) => {}
            _ => return None,
        }
        let (a, b) = self.as_complex(left, 0);
        let (c, d) = self.as_complex(right, 1);
        Some(match op {
            nb::ADD => Item::Complex(self.op(Op::FloatAdd, &[a, c]), self.op(Op::FloatAdd, &[b, d])),
            nb::SUBTRACT => Item::Complex(self.op(Op::FloatSub, &[a, c]), self.op(Op::FloatSub, &[b, d])),
            nb::TRUE_DIVIDE => Item::Complex(
                self.plain(&math::COMPLEX_QUOTIENT_REAL, &[a, b, c, d]),
                self.plain(&math::COMPLEX_QUOTIENT_IMAGINARY, &[a, b, c, d]),
            ),
            _ => {
                let (ac, bd) = (self.op(Op::FloatMul, &[a, c]), self.op(Op::FloatMul, &[b, d]));
                let (ad, bc) = (self.op(Op::FloatMul, &[a, d]), self.op(Op::FloatMul, &[b, c]));
                Item::Complex(self.op(Op::FloatSub, &[ac, bd]), self.op(Op::FloatAdd, &[ad, bc]))
            }
        })
    }

    /// A complex number's parts; a real number's imaginary part is 0.
    pub fn as_complex(&mut self, item: &Item, operand: usize) -> (Value, Value) {
        if let Item::Complex(real, imaginary) | Item::NumpyComplex(_, real, imaginary) = *item {
            return (real, imaginary);
        }
        if let Item::NumpyComplex(_, real, imaginary) = self.unboxed_scalar(item) {
            return (real, imaginary);
        }
        match (item, self.likely_kind(item, operand)) {
            (Item::Object(object), Kind::Complex) => {
                let object = *object;
                self.expect(&object, Kind::Complex);
                let real = self.load(Type::Float, object.value, 16, crate::builder::ir_region::ANY);
                let imaginary = self.load(Type::Float, object.value, 24, crate::builder::ir_region::ANY);
                (real, imaginary)
            }
            (Item::Constant(constant), Kind::Complex) => {
                let (real, imaginary) = self.known.complex(self.f.symbols[constant.symbol.index()].address);
                (self.float(real), self.float(imaginary))
            }
            _ => {
                let real = self.as_operand(item, operand);
                (real, self.float(0.0))
            }
        }
    }

    // ---- unary ---------------------------------------------------------------------------------------------------

    /// `UNARY_NEGATIVE`.
    pub fn unary_negative(&mut self) -> Done {
        let item = self.pop();
        let known = self.likely_kind(&item, 0);
        let result = match known {
            kind if is_int(kind) && !self.is_widened(Reason::Overflow) => {
                let value = self.as_int(&item);
                let zero = self.int(0);
                Item::Int(self.checked(Op::IntSubChecked, &[zero, value], Reason::Overflow))
            }
            Kind::Float => {
                let value = self.as_float(&item);
                Item::Float(self.op(Op::FloatNeg, &[value]))
            }
            Kind::Numpy(scalar) => match self.numpy_negative(&item, scalar) {
                Some(result) => result,
                None => return self.generic_unary(item, &justjit_runtime::ops::numbers::UNARY_NEGATIVE),
            },
            Kind::Complex => {
                let (real, imaginary) = self.as_complex(&item, 0);
                Item::Complex(self.op(Op::FloatNeg, &[real]), self.op(Op::FloatNeg, &[imaginary]))
            }
            _ => {
                if self.unary_special(Unary::Negative, &item, known)? {
                    return Ok(());
                }
                return self.generic_unary(item, &justjit_runtime::ops::numbers::UNARY_NEGATIVE);
            }
        };
        self.specialized += 1;
        self.release_known(item, known);
        self.push(result);
        Ok(())
    }

    /// `UNARY_INVERT`.
    pub fn unary_invert(&mut self) -> Done {
        let item = self.pop();
        if let Kind::Numpy(scalar) = self.likely_kind(&item, 0)
            && let Some(result) = self.numpy_invert(&item, scalar)
        {
            self.specialized += 1;
            self.release_known(item, Kind::Numpy(scalar));
            self.push(result);
            return Ok(());
        }
        if self.likely_kind(&item, 0) != Kind::Int {
            return self.generic_unary(item, &justjit_runtime::ops::numbers::UNARY_INVERT);
        }
        let value = self.as_int(&item);
        let ones = self.int(-1);
        let result = self.op(Op::IntXor, &[value, ones]);
        self.specialized += 1;
        self.release_known(item, Kind::Int);
        self.push(Item::Int(result));
        Ok(())
    }

    // ---- comparisons ---------------------------------------------------------------------------------------------

    /// `COMPARE_OP`.
    pub fn compare_op(&mut self) -> Done {
        let op = (self.at.arg >> 5) as usize;
        let right = self.pop();
        let left = self.pop();
        let kinds = (self.likely_kind(&left, 0), self.likely_kind(&right, 1));
        if let Some(flag) = self.numpy_compare(op, &left, &right, kinds) {
            self.specialized += 1;
            self.release_known(left, kinds.0);
            self.release_known(right, kinds.1);
            self.push(if self.at.arg & 16 == 0 {
                Item::Numpy(Scalar::Bool, flag)
            } else {
                Item::Bool(flag)
            });
            return Ok(());
        }
        let flag = match kinds {
            (a, b) if is_int(a) && is_int(b) && !self.is_widened(Reason::Overflow) => {
                let a = self.as_int(&left);
                let b = self.as_int(&right);
                let cond = [
                    IntCond::SignedLt,
                    IntCond::SignedLe,
                    IntCond::Eq,
                    IntCond::Ne,
                    IntCond::SignedGt,
                    IntCond::SignedGe,
                ];
                self.int_compare(cond[op], a, b)
            }
            (a, b) if is_real(a) && is_real(b) && !self.is_widened(Reason::Domain) => {
                let a = self.as_comparand(&left, a);
                let b = self.as_comparand(&right, b);
                let cond = [
                    FloatCond::Lt,
                    FloatCond::Le,
                    FloatCond::Eq,
                    FloatCond::Ne,
                    FloatCond::Gt,
                    FloatCond::Ge,
                ];
                self.float_compare(cond[op], a, b)
            }
            (Kind::Str, Kind::Str) if let Some(flag) = self.compare_characters(op, &left, &right) => flag,
            (Kind::Str, Kind::Str) if matches!(op, 2 | 3) => self.compare_strings(&left, &right, op == 3)?,
            _ => {
                if let Some(flag) = self.compare_sets(op, &left, &right, kinds) {
                    self.specialized += 1;
                    self.push(Item::Bool(flag));
                    self.release_all([left, right]);
                    return Ok(());
                }
                if let 2 | 3 = op
                    && let Some(same) = self.compare_identities(&left, &right, kinds)
                {
                    let flag = if op == 3 { self.op(Op::BoolNot, &[same]) } else { same };
                    self.specialized += 1;
                    self.push(Item::Bool(flag));
                    self.release_all([left, right]);
                    return Ok(());
                }
                if self.comparison_special(&left, &right, kinds)? || self.mixed_comparison(op, &left, &right)? {
                    return Ok(());
                }
                return self.generic_compare(left, right);
            }
        };
        self.specialized += 1;
        self.release_known(left, kinds.0);
        self.release_known(right, kinds.1);
        self.push(Item::Bool(flag));
        Ok(())
    }

    /// An int is compared with a float as the number that it is: leaves where it would have to be rounded.
    fn as_comparand(&mut self, item: &Item, kind: Kind) -> Value {
        if is_int(kind) {
            let value = self.as_int(item);
            self.exact_float(value, item)
        } else {
            self.as_float(item)
        }
    }

    fn compare_strings(&mut self, left: &Item, right: &Item, differ: bool) -> Done<Value> {
        let mut values = [self.null(); 2];
        for (value, item) in values.iter_mut().zip([left, right]) {
            *value = match item {
                Item::Object(object) => {
                    self.expect(object, Kind::Str);
                    object.value
                }
                item => self.borrow_object(item.clone())?.0,
            };
        }
        let equal = self
            .call(
                &optimized::STRING_EQUAL,
                &values,
                Some(Type::Bool),
                (justjit_ir::Effect::Reads, false),
            )
            .expect("a result");
        Ok(if differ { self.op(Op::BoolNot, &[equal]) } else { equal })
    }

    /// `TO_BOOL` of what an item is; leaves or calls where it has to.
    pub fn truth(&mut self, item: &Item) -> Option<Value> {
        Some(match self.likely_kind(item, 0) {
            Kind::None => {
                if let Item::Object(object) = *item {
                    self.expect(&object, Kind::None);
                }
                self.bool(false)
            }
            Kind::Bool => self.as_bool(item),
            Kind::Numpy(scalar) => self.numpy_truth(item, scalar),
            Kind::Int if !self.is_widened(Reason::Overflow) => {
                let value = self.as_int(item);
                let zero = self.int(0);
                self.int_compare(IntCond::Ne, value, zero)
            }
            Kind::Float => {
                let value = self.as_float(item);
                let zero = self.float(0.0);
                self.float_compare(FloatCond::Ne, value, zero)
            }
            kind if matches!(kind, Kind::Tuple | Kind::Str | Kind::Bytes | Kind::ByteArray)
                || self.is_as_list(kind, AsList::Size) =>
            {
                match *item {
                    Item::Object(object) => {
                        self.expect(&object, kind);
                        let size = self.size_of(object.value);
                        let zero = self.int(0);
                        self.int_compare(IntCond::Ne, size, zero)
                    }
                    Item::Character(_) => self.bool(true),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    /// `TO_BOOL`.
    pub fn convert_to_bool(&mut self) -> Done {
        let item = self.pop();
        let known = self.likely_kind(&item, 0);
        let always = self.is_always_true(known);
        if (always || known == Kind::None) && matches!(item, Item::Object(_) | Item::Constant(_)) {
            if let Item::Object(object) = item {
                self.expect(&object, known);
            }
            self.specialized += 1;
            // There is no test of what is known.
            // SAFETY: they are immortal.
            let result = self.constant_item(unsafe { if always { Py_True() } else { Py_False() } });
            self.push(result);
            self.release_known(item, known);
            return Ok(());
        }
        match self.truth(&item) {
            Some(flag) => {
                self.specialized += 1;
                // Whoever runs when the item ends finds the frames behind the instruction.
                self.push(Item::Bool(flag));
                self.release_known(item, known);
                Ok(())
            }
            None => self.generic_truth(item),
        }
    }
}
