//! Executing a function step by step.

use std::fmt;

use justjit_builder::{FloatCond, FloatOp, FloatUnary, IntCond, IntOp, OverflowOp, Region, Type};

use crate::call::call;
use crate::memory::Memory;
use crate::program::{End, Id, Operation, Program, Step, Target};

/// What a code generator would not have noticed: the function broke a rule of the `Builder` operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trap {
    DivisionByZero,
    /// The quotient does not fit.
    DivisionOverflow,
    /// `float_to_int` of a float that does not fit, given by its bits.
    FloatDoesNotFit(u64),
    /// An access or a call near address 0.
    BadAddress(u64),
    Unaligned(u64),
    /// A byte was used as memory of two classes.
    TwoRegions(usize, Region, Region),
    /// The function took more steps than it was given.
    OutOfFuel,
    /// This interpreter cannot do it.
    Unsupported(&'static str),
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trap::DivisionByZero => f.write_str("division by zero"),
            Trap::DivisionOverflow => f.write_str("a quotient that does not fit"),
            Trap::FloatDoesNotFit(bits) => write!(f, "{} does not fit in an integer", f64::from_bits(*bits)),
            Trap::BadAddress(address) => write!(f, "use of address {address:#x}"),
            Trap::Unaligned(address) => write!(f, "unaligned access at {address:#x}"),
            Trap::TwoRegions(address, before, now) => {
                write!(
                    f,
                    "memory at {address:#x} was used as {before:?} and is used as {now:?}"
                )
            }
            Trap::OutOfFuel => f.write_str("too many steps"),
            Trap::Unsupported(what) => write!(f, "not supported: {what}"),
        }
    }
}

impl std::error::Error for Trap {}

struct Machine<'a> {
    program: &'a Program,
    /// Bits of each value; narrow ones have zeros above.
    values: Vec<u64>,
    slots: Vec<Vec<u64>>,
    memory: Memory,
}

impl Program {
    /// Runs the function with the bits of its arguments, narrow ones with zeros above, for at most `fuel` steps. Gives
    /// the bits of the result.
    ///
    /// # Safety
    /// Loads and stores are to live memory, and calls are of functions that have the signatures they are called with.
    pub unsafe fn run(&self, args: &[u64], fuel: u64) -> Result<u64, Trap> {
        assert_eq!(args.len(), self.params.len(), "one argument for each parameter");
        // What a slot holds at first is undefined; a pattern shows where it is used all the same.
        let slots = self
            .slots
            .iter()
            .map(|&bytes| vec![0xa5a5_a5a5_a5a5_a5a5; bytes.div_ceil(8) as usize]);
        let mut machine = Machine {
            program: self,
            values: vec![0; self.types.len()],
            slots: slots.collect(),
            memory: Memory::default(),
        };
        for (&param, &arg) in self.params.iter().zip(args) {
            machine.values[param] = arg & mask(self.types[param]);
        }
        // SAFETY: promised by the caller.
        unsafe { machine.run(fuel) }
    }
}

fn mask(ty: Type) -> u64 {
    u64::MAX >> (64 - 8 * ty.size())
}

/// The value as a signed number.
fn signed(ty: Type, bits: u64) -> i64 {
    let unused = 64 - 8 * ty.size();
    (bits << unused) as i64 >> unused
}

impl Machine<'_> {
    unsafe fn run(&mut self, mut fuel: u64) -> Result<u64, Trap> {
        let mut block = 0;
        loop {
            let data = &self.program.blocks[block];
            for step in &data.steps {
                fuel = fuel.checked_sub(1).ok_or(Trap::OutOfFuel)?;
                // SAFETY: promised by the caller.
                unsafe { self.step(step)? };
            }
            fuel = fuel.checked_sub(1).ok_or(Trap::OutOfFuel)?;
            block = match data.end.as_ref().expect("a recorded block has its end") {
                End::Jump(target) => self.enter(target),
                End::Branch(condition, then, otherwise) => {
                    self.enter(if self.values[*condition] != 0 { then } else { otherwise })
                }
                End::Table(index, default, targets) => {
                    self.enter(targets.get(self.values[*index] as usize).unwrap_or(default))
                }
                End::Return(value) => return Ok(self.values[*value]),
            };
        }
    }

    /// Passes the arguments all at once: they may be parameters of the same block.
    fn enter(&mut self, (block, args): &Target) -> usize {
        let args: Vec<u64> = args.iter().map(|&arg| self.values[arg]).collect();
        for (&param, arg) in self.program.blocks[*block].params.iter().zip(args) {
            self.values[param] = arg;
        }
        *block
    }

    fn float(&self, value: Id) -> f64 {
        f64::from_bits(self.values[value])
    }

    unsafe fn step(&mut self, step: &Step) -> Result<(), Trap> {
        let values = &self.values;
        let type_of = |value: Id| self.program.types[value];
        let result_type = step.result.map(type_of);
        let bits = match step.operation {
            Operation::Constant(bits) => bits,
            Operation::Load(region, base, offset) => {
                let address = values[base].wrapping_add_signed(offset.into());
                let ty = result_type.expect("a load has a result");
                // SAFETY: promised by the caller.
                unsafe { self.memory.load(region, ty, address)? }
            }
            Operation::Store(region, value, base, offset) => {
                let address = values[base].wrapping_add_signed(offset.into());
                // SAFETY: promised by the caller.
                unsafe { self.memory.store(region, type_of(value), values[value], address)? };
                return Ok(());
            }
            Operation::StackSlot(slot) => self.slots[slot].as_mut_ptr().expose_provenance() as u64,
            Operation::Int(op, a, b) => int_op(op, type_of(a), values[a], values[b])?,
            Operation::Overflow(op, a, b) => {
                let (a, b) = (values[a] as i64, values[b] as i64);
                let (result, overflow) = match op {
                    OverflowOp::Add => a.overflowing_add(b),
                    OverflowOp::Sub => a.overflowing_sub(b),
                    OverflowOp::Mul => a.overflowing_mul(b),
                };
                self.values[step.result.expect("it has a result") + 1] = overflow.into();
                result as u64
            }
            Operation::Compare(cond, a, b) => compare(cond, type_of(a), values[a], values[b]).into(),
            Operation::ZeroExtend(a) | Operation::Truncate(a) | Operation::Bits(a) => values[a],
            Operation::SignExtend(a) => signed(type_of(a), values[a]) as u64,
            Operation::LeadingZeros(a) => values[a].leading_zeros().into(),
            Operation::Select(condition, a, b) => values[if values[condition] != 0 { a } else { b }],
            Operation::Float(op, a, b) => {
                let (a, b) = (self.float(a), self.float(b));
                let result = match op {
                    FloatOp::Add => a + b,
                    FloatOp::Sub => a - b,
                    FloatOp::Mul => a * b,
                    FloatOp::Div => a / b,
                };
                result.to_bits()
            }
            Operation::FloatUnary(op, a) => {
                let a = self.float(a);
                match op {
                    FloatUnary::Neg => a.to_bits() ^ 1 << 63,
                    FloatUnary::Abs => a.to_bits() & !(1 << 63),
                    FloatUnary::Sqrt => a.sqrt().to_bits(),
                    FloatUnary::Floor => a.floor().to_bits(),
                    FloatUnary::Ceil => a.ceil().to_bits(),
                    FloatUnary::Trunc => a.trunc().to_bits(),
                    FloatUnary::NearestEven => a.round_ties_even().to_bits(),
                }
            }
            Operation::FloatCompare(cond, a, b) => {
                let (a, b) = (self.float(a), self.float(b));
                let holds = match cond {
                    FloatCond::Eq => a == b,
                    FloatCond::Ne => a != b,
                    FloatCond::Lt => a < b,
                    FloatCond::Le => a <= b,
                    FloatCond::Gt => a > b,
                    FloatCond::Ge => a >= b,
                };
                holds.into()
            }
            Operation::IntToFloat(a) => (values[a] as i64 as f64).to_bits(),
            Operation::FloatToInt(a) => {
                let a = self.float(a);
                // 2**63 itself does not fit; NaN is in no range.
                if !(-(2f64.powi(63))..2f64.powi(63)).contains(&a) {
                    return Err(Trap::FloatDoesNotFit(a.to_bits()));
                }
                a as i64 as u64
            }
            Operation::Promote(a) => f64::from(f32::from_bits(values[a] as u32)).to_bits(),
            Operation::Demote(a) => (self.float(a) as f32).to_bits().into(),
            Operation::Call(ref signature, pure, callee, ref args) => {
                let args: Vec<u64> = args.iter().map(|&arg| values[arg]).collect();
                // SAFETY: promised by the caller.
                let result = unsafe { call(signature, values[callee], &args)? };
                if !pure {
                    self.memory.forget();
                }
                match result {
                    Some(bits) => bits,
                    None => return Ok(()),
                }
            }
            // Something on the stack is as good.
            Operation::StackPointer => (&raw const result_type).addr() as u64,
        };
        if let (Some(result), Some(ty)) = (step.result, result_type) {
            self.values[result] = bits & mask(ty);
        }
        Ok(())
    }
}

fn int_op(op: IntOp, ty: Type, a: u64, b: u64) -> Result<u64, Trap> {
    let width = 8 * ty.size();
    let count = (b % u64::from(width)) as u32;
    let (x, y) = (signed(ty, a), signed(ty, b));
    Ok(match op {
        IntOp::Add => a.wrapping_add(b),
        IntOp::Sub => a.wrapping_sub(b),
        IntOp::Mul => a.wrapping_mul(b),
        IntOp::And => a & b,
        IntOp::Or => a | b,
        IntOp::Xor => a ^ b,
        IntOp::Shl => a << count,
        IntOp::ShrUnsigned => a >> count,
        IntOp::ShrSigned => (x >> count) as u64,
        IntOp::DivSigned | IntOp::RemSigned => {
            let least = i64::MIN >> (64 - width);
            if y == 0 {
                return Err(Trap::DivisionByZero);
            } else if y == -1 && x == least {
                return Err(Trap::DivisionOverflow);
            }
            (if op == IntOp::DivSigned { x / y } else { x % y }) as u64
        }
    })
}

fn compare(cond: IntCond, ty: Type, a: u64, b: u64) -> bool {
    let (x, y) = (signed(ty, a), signed(ty, b));
    match cond {
        IntCond::Eq => a == b,
        IntCond::Ne => a != b,
        IntCond::SignedLt => x < y,
        IntCond::SignedLe => x <= y,
        IntCond::SignedGt => x > y,
        IntCond::SignedGe => x >= y,
        IntCond::UnsignedLt => a < b,
        IntCond::UnsignedLe => a <= b,
        IntCond::UnsignedGt => a > b,
        IntCond::UnsignedGe => a >= b,
    }
}
