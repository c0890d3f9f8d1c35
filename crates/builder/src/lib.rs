//! The one way to emit machine code.
//!
//! Baseline templates (and later the optimizing tier's lowering) are written against [`Builder`]; a code generator
//! implements it. A builder appends to one function at a time: blocks with parameters, values in SSA form, each
//! block filled once and ended by one terminator.
//!
//! # Meaning of the operations
//!
//! The definitions below bind every implementation, so that two back ends cannot drift apart.
//!
//! * Integers are two's complement and wrap, unless the operation says *overflow*. An address is an [`Type::I64`].
//! * A shift count is taken modulo the width of the shifted type.
//! * A comparison gives an [`Type::I8`] that is 0 or 1; a branch takes any integer and is taken when it is not zero.
//! * `F64` is IEEE 754 binary64, round to nearest, no contraction, no reassociation. Ordered comparisons are false
//!   when an operand is NaN, and [`FloatCond::Ne`] is true.
//!   Which NaN an operation gives, its sign and payload, is open; a load, a store, a select, a bit cast,
//!   [`FloatUnary::Neg`] and [`FloatUnary::Abs`] keep a NaN's bits but for the sign.
//! * [`Builder::float_to_int`] requires a value that fits; it is for the caller to have checked.
//! * Loads and stores must be in bounds of live memory; they do not trap and alignment is natural.
//! * An [`Type::F32`] is only loaded, stored, promoted and demoted; there is no arithmetic on it, and it is neither a
//!   parameter nor a result.

pub mod half;

use std::fmt::Debug;

/// The type of a value in machine code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Type {
    I8,
    I16,
    I32,
    I64,
    /// IEEE 754 binary32, as memory holds it; see the module's notes.
    F32,
    F64,
}

impl Type {
    /// Size in bytes.
    pub fn size(self) -> u32 {
        match self {
            Type::I8 => 1,
            Type::I16 => 2,
            Type::I32 | Type::F32 => 4,
            Type::I64 | Type::F64 => 8,
        }
    }
}

/// How two integers are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum IntCond {
    Eq,
    Ne,
    SignedLt,
    SignedLe,
    SignedGt,
    SignedGe,
    UnsignedLt,
    UnsignedLe,
    UnsignedGt,
    UnsignedGe,
}

/// How two floats are compared; all but `Ne` are false when an operand is NaN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FloatCond {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Integer arithmetic of two operands of one type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum IntOp {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    /// Shift right, zeros come in.
    ShrUnsigned,
    /// Shift right, the sign comes in.
    ShrSigned,
    /// Signed division, rounded towards zero. The divisor is not 0, and the quotient fits.
    DivSigned,
    /// The remainder of that, with the dividend's sign. As for `DivSigned`.
    RemSigned,
}

/// Integer arithmetic whose overflow is told (signed, 64 bits).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum OverflowOp {
    Add,
    Sub,
    Mul,
}

/// Float arithmetic of two operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FloatOp {
    Add,
    Sub,
    Mul,
    Div,
}

/// Float arithmetic of one operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum FloatUnary {
    /// The other sign, of NaN and zero too.
    Neg,
    /// The sign cleared, of NaN and zero too.
    Abs,
    Sqrt,
    Floor,
    Ceil,
    /// Rounds towards zero.
    Trunc,
    /// Rounds to the nearest integer, halves to the even one.
    NearestEven,
}

/// Disjoint classes of memory: what is written as one class is never read as another, so accesses of different classes
/// can change places and be joined across each other. A call may read and write memory of every class. Memory changes
/// its class only in a call (an object is freed, and another takes its place).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Region {
    /// May be of any class.
    Any,
    /// A frame record and its slots.
    Frame,
    /// Object headers: type, size, and the pointers in an object to its arrays.
    Header,
    /// What says where an object's attributes are: version tags of types, the byte that tells whether values are inline, the
    /// pointer to a dictionary, that one's head and keys. Compiled code writes none of it.
    Shape,
    /// Reference counts.
    Count,
    /// Arrays of object pointers: items of lists and tuples, inline attribute values.
    Items,
    /// Those of [`Region::Items`] that are of a type whose objects refer to no others (a number, a str), before a write and
    /// after it.
    Atoms,
    /// Those of [`Region::Items`] that are of any other type: where what is read turns out to be an atom, nothing is done
    /// with it but to test that.
    Structures,
    /// The number inside an int or float object.
    Payload,
    /// Raw buffers, such as an array's.
    Data,
    /// A [`Builder::stack_slot`].
    Stack,
}

impl Region {
    /// The class as code generators know it. An atom and a structure cannot be in one place at the same time; but that is
    /// sure only as long as a read and its test stay together, to which they do not hold.
    pub fn class(self) -> Region {
        match self {
            Region::Atoms | Region::Structures => Region::Items,
            other => other,
        }
    }
}

/// Parameter and result types of a function with the platform's C calling convention.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Signature {
    pub params: &'static [Type],
    pub result: Option<Type>,
}

/// A function of the runtime that compiled code calls, with the platform's C calling convention.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeFn {
    /// Unique name; what a relocatable form of the code refers to. Never begins with an underscore.
    pub name: &'static str,
    pub address: *const (),
    pub signature: Signature,
    /// It reads no memory, writes none, always returns and raises nothing, and equal arguments give an equal result. So
    /// calls may be merged, hoisted out of loops, made early, and dropped when the result is not used.
    pub pure: bool,
    /// Parameters whose references it takes over, whatever comes of it: a bit for each.
    pub takes: u32,
}

// SAFETY: the address is that of a function, which never changes and is never written through.
unsafe impl Sync for RuntimeFn {}
// SAFETY: as for Sync.
unsafe impl Send for RuntimeFn {}

/// Emits one function.
pub trait Builder {
    type Value: Copy + PartialEq + Debug;
    type Block: Copy + PartialEq + Debug;

    /// Tells that loops of the function do nothing but compute and write numbers, so that code for several rounds at once may
    /// be worth its making.
    fn note_plain_loops(&mut self) {}

    // ---- constants -------------------------------------------------------------------------------------------

    /// An integer constant; `value` is truncated to the width of `ty`.
    fn int(&mut self, ty: Type, value: i64) -> Self::Value;
    fn float(&mut self, value: f64) -> Self::Value;
    /// The address of an object or of data of this process. The only way for an address to get into code besides
    /// [`Builder::call`], so that a relocatable form can be made.
    fn object(&mut self, address: *const ()) -> Self::Value;

    // ---- memory ----------------------------------------------------------------------------------------------

    /// Reads a `ty` at `base + offset`.
    fn load(&mut self, ty: Type, base: Self::Value, offset: i32) -> Self::Value;
    /// Writes `value` (its own width) at `base + offset`.
    fn store(&mut self, value: Self::Value, base: Self::Value, offset: i32);

    /// `load` of memory of a known class.
    fn load_in(&mut self, region: Region, ty: Type, base: Self::Value, offset: i32) -> Self::Value {
        let _ = region;
        self.load(ty, base, offset)
    }
    /// `store` to memory of a known class.
    fn store_in(&mut self, region: Region, value: Self::Value, base: Self::Value, offset: i32) {
        let _ = region;
        self.store(value, base, offset);
    }
    /// `load` of memory that another thread may write at any time: each time that this is executed, memory is read.
    fn load_volatile(&mut self, ty: Type, base: Self::Value, offset: i32) -> Self::Value;
    /// `store` that is emitted as it stands, for code that seldom runs: no optimizer spends time on joining it with others.
    fn store_volatile(&mut self, region: Region, value: Self::Value, base: Self::Value, offset: i32) {
        self.store_in(region, value, base, offset);
    }
    /// The address of `bytes` of memory in the machine frame, aligned to 8 bytes, fresh for each use of this operation
    /// in the function's text (not each time it runs), undefined at first and live until the function returns.
    fn stack_slot(&mut self, bytes: u32) -> Self::Value;

    // ---- integers --------------------------------------------------------------------------------------------

    fn int_op(&mut self, op: IntOp, a: Self::Value, b: Self::Value) -> Self::Value;
    /// `int_op` with a constant right operand.
    fn int_op_const(&mut self, op: IntOp, a: Self::Value, b: i64) -> Self::Value;
    /// The wrapped result and an `I8` that is 1 on signed overflow. Operands are `I64`.
    fn overflow_op(&mut self, op: OverflowOp, a: Self::Value, b: Self::Value) -> (Self::Value, Self::Value);
    fn compare(&mut self, cond: IntCond, a: Self::Value, b: Self::Value) -> Self::Value;
    fn compare_const(&mut self, cond: IntCond, a: Self::Value, b: i64) -> Self::Value;
    fn zero_extend(&mut self, to: Type, a: Self::Value) -> Self::Value;
    fn sign_extend(&mut self, to: Type, a: Self::Value) -> Self::Value;
    fn truncate(&mut self, to: Type, a: Self::Value) -> Self::Value;
    /// Zero bits above the highest one bit of an `I64`; 64 for zero.
    fn count_leading_zeros(&mut self, a: Self::Value) -> Self::Value;
    /// `a` if `condition` is not zero, else `b`, without a branch.
    fn select(&mut self, condition: Self::Value, a: Self::Value, b: Self::Value) -> Self::Value;

    // ---- floats ----------------------------------------------------------------------------------------------

    fn float_op(&mut self, op: FloatOp, a: Self::Value, b: Self::Value) -> Self::Value;
    fn float_unary(&mut self, op: FloatUnary, a: Self::Value) -> Self::Value;
    fn float_compare(&mut self, cond: FloatCond, a: Self::Value, b: Self::Value) -> Self::Value;
    /// Signed `I64` to the nearest float.
    fn int_to_float(&mut self, a: Self::Value) -> Self::Value;
    /// Truncates towards zero; the value must fit in a signed `I64`.
    fn float_to_int(&mut self, a: Self::Value) -> Self::Value;
    /// `F32` to `F64`, exact.
    fn float_promote(&mut self, a: Self::Value) -> Self::Value;
    /// `F64` to the nearest `F32`.
    fn float_demote(&mut self, a: Self::Value) -> Self::Value;
    /// The bits of an `F64` as an `I64`.
    fn float_bits(&mut self, a: Self::Value) -> Self::Value;
    /// The `F64` of which these are the bits.
    fn float_from_bits(&mut self, a: Self::Value) -> Self::Value;

    // ---- control ---------------------------------------------------------------------------------------------

    /// Parameter `index` of the function.
    fn param(&mut self, index: usize) -> Self::Value;
    fn create_block(&mut self) -> Self::Block;
    /// Adds a parameter to a block that nothing jumps to yet.
    fn block_param(&mut self, block: Self::Block, ty: Type) -> Self::Value;
    /// Code of this block is placed out of line and taken to be unlikely.
    fn set_cold(&mut self, block: Self::Block);
    /// Goes on emitting into `block`, which must be empty; the current block must have its terminator.
    fn switch_to(&mut self, block: Self::Block);
    fn jump(&mut self, block: Self::Block, args: &[Self::Value]);
    fn branch(
        &mut self,
        condition: Self::Value,
        then: (Self::Block, &[Self::Value]),
        otherwise: (Self::Block, &[Self::Value]),
    );
    /// Jumps to `targets[index]`, or to `default` when `index` (an `I32`, unsigned) is out of range.
    fn jump_table(&mut self, index: Self::Value, default: Self::Block, targets: &[Self::Block]);
    fn ret(&mut self, value: Self::Value);

    // ---- calls -----------------------------------------------------------------------------------------------

    /// Calls a runtime function; the result is present when its signature has one.
    fn call(&mut self, function: &RuntimeFn, args: &[Self::Value]) -> Option<Self::Value>;
    /// Calls the function whose address is `callee`.
    fn call_indirect(
        &mut self,
        signature: &Signature,
        callee: Self::Value,
        args: &[Self::Value],
    ) -> Option<Self::Value>;
    /// The machine's stack pointer, for stack checks.
    fn stack_pointer(&mut self) -> Self::Value;

    // ---- bookkeeping -----------------------------------------------------------------------------------------

    /// What follows is the code of the bytecode instruction at this offset (in bytes).
    fn set_position(&mut self, bytecode_offset: u32);

    // ---- default bodies --------------------------------------------------------------------------------------

    /// Jumps to `target` when `condition` is not zero, and goes on in a new block otherwise.
    fn branch_if(&mut self, condition: Self::Value, target: Self::Block, args: &[Self::Value]) {
        let next = self.create_block();
        self.branch(condition, (target, args), (next, &[]));
        self.switch_to(next);
    }

    /// Goes on in a new block when `condition` is not zero, and jumps to `target` otherwise.
    fn branch_unless(&mut self, condition: Self::Value, target: Self::Block, args: &[Self::Value]) {
        let next = self.create_block();
        self.branch(condition, (next, &[]), (target, args));
        self.switch_to(next);
    }

    /// The float whose bits of half precision these are (an `I64`, 0 to 0xffff).
    fn float_from_half(&mut self, a: Self::Value) -> Self::Value {
        half::emit_from_half(self, a)
    }

    /// The bits of the float's nearest neighbour of half precision, as an `I64`.
    fn float_to_half(&mut self, a: Self::Value) -> Self::Value {
        half::emit_to_half(self, a)
    }

    /// A call of a function that has a result.
    fn call_value(&mut self, function: &RuntimeFn, args: &[Self::Value]) -> Self::Value {
        self.call(function, args).expect("the runtime function has a result")
    }
}
