//! The table of operations: what each takes and gives, what it does beside that, and who owns the references.

use crate::Type;

/// What an operation does beside computing its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Effect {
    /// Nothing: it may be merged with an equal one, moved, or dropped.
    Pure,
    /// Reads memory of the region in its [`Imm::Memory`](crate::Imm::Memory).
    Load,
    /// Writes memory of that region.
    Store,
    /// Leaves the code when a bet is lost, and nothing else. May be merged with an equal one, and moved to where the
    /// operands are known if its state is replaced by one of that place.
    Guard,
    /// Allocates an object that nobody else knows yet; no Python code runs, no exception is raised.
    Allocate,
    /// Changes a reference count; no Python code runs.
    Reference,
    /// May run any code, and read and write all memory.
    Any,
    /// As its callee's [`Call::effect`](crate::Call) says.
    Call,
    /// Says whose a reference is from here on; nothing is done.
    Account,
    /// Writes the frame's instruction pointer.
    Locate,
    /// Leaves the code when somebody wants attention, which can change at any time: it is neither merged nor moved.
    Safepoint,
    /// Reads any memory; no Python code runs, nothing is written.
    Reads,
    /// Ends a block.
    Control,
}

/// Types of operands or of the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operands {
    These(&'static [Type]),
    /// As the callee's [`Call`](crate::Call) says.
    Callee,
    /// `(bool, T, T)` with a result of type T.
    Select,
    /// One value of any type.
    One,
    /// Two values of one type.
    Same,
    /// An object or a pointer first, then what the list says, then (for a store) a value of the memory's type.
    Address(&'static [Type]),
}

/// The type of the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gives {
    Nothing,
    This(Type),
    /// The type of the last operand.
    Operand,
    /// As the callee's [`Call`](crate::Call) says.
    Callee,
    /// The type in [`Imm::Memory`](crate::Imm::Memory).
    Memory,
}

/// Which immediate an operation has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImmKind {
    None,
    Int,
    Float,
    Bool,
    Symbol,
    IntCond,
    FloatCond,
    Memory,
    /// A bytecode offset (within the function of the instruction's position).
    Offset,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    pub name: &'static str,
    pub operands: Operands,
    pub gives: Gives,
    pub imm: ImmKind,
    pub effect: Effect,
    /// Has a frame state: it may leave the code.
    pub exits: bool,
    /// The result is an object whose reference belongs to whoever uses the result.
    pub owned: bool,
    /// Takes over the reference of its last operand.
    pub consumes: bool,
    /// The code has one reference more to the last operand.
    pub gains: bool,
    /// What it means.
    pub text: &'static str,
}

macro_rules! flag {
    ($wanted:ident; $($flag:ident)*) => { false $(|| matches!(stringify!($flag).as_bytes(), f if eq(f, stringify!($wanted).as_bytes())))* };
}

const fn eq(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

macro_rules! ops {
    ($($op:ident $name:literal $operands:expr => $gives:expr, $imm:ident, $effect:ident $([$($flag:ident)*])?: $text:literal;)*) => {
        /// An operation.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum Op { $(#[doc = $text] $op,)* }

        impl Op {
            pub const ALL: &'static [Op] = &[$(Op::$op),*];

            /// What is known of the operation.
            pub fn info(self) -> &'static OpInfo {
                match self {
                    $(Op::$op => {
                        const INFO: OpInfo = OpInfo {
                            name: $name,
                            operands: $operands,
                            gives: $gives,
                            imm: ImmKind::$imm,
                            effect: Effect::$effect,
                            exits: flag!(exits; $($($flag)*)?),
                            owned: flag!(owned; $($($flag)*)?),
                            consumes: flag!(consumes; $($($flag)*)?),
                            gains: flag!(gains; $($($flag)*)?),
                            text: $text,
                        };
                        &INFO
                    })*
                }
            }

            /// The operation with this name in the text form.
            pub fn from_name(name: &str) -> Option<Op> {
                match name {
                    $($name => Some(Op::$op),)*
                    _ => None,
                }
            }
        }
    };
}

use Gives::{Callee, Memory, Nothing, Operand, This};
use Operands::{Address, One, Same, Select, These};
use Type::{Bool, Float, Int, Object, Pointer};

ops! {
    // ---- constants ---------------------------------------------------------------------------------------------
    IntConst "int" These(&[]) => This(Int), Int, Pure: "A 64-bit integer.";
    FloatConst "float" These(&[]) => This(Float), Float, Pure: "A float, bit for bit.";
    BoolConst "bool" These(&[]) => This(Bool), Bool, Pure: "0 or 1.";
    ObjectConst "object" These(&[]) => This(Object), Symbol, Pure: "An object that the version keeps alive; borrowed.";
    PointerConst "pointer" These(&[]) => This(Pointer), Symbol, Pure: "An address of the process's data.";
    Null "null" These(&[]) => This(Object), None, Pure: "NULL.";

    // ---- ints --------------------------------------------------------------------------------------------------
    IntAdd "int_add" These(&[Int, Int]) => This(Int), None, Pure: "Sum; it is known not to overflow.";
    IntSub "int_sub" These(&[Int, Int]) => This(Int), None, Pure: "Difference; it is known not to overflow.";
    IntMul "int_mul" These(&[Int, Int]) => This(Int), None, Pure: "Product; it is known not to overflow.";
    IntAddWrapping "int_add_wrapping" These(&[Int, Int]) => This(Int), None, Pure: "Sum modulo 2**64.";
    IntAddChecked "int_add_checked" These(&[Int, Int]) => This(Int), None, Guard [exits]: "Sum; leaves on overflow.";
    IntSubChecked "int_sub_checked" These(&[Int, Int]) => This(Int), None, Guard [exits]: "Difference; leaves on overflow.";
    IntMulChecked "int_mul_checked" These(&[Int, Int]) => This(Int), None, Guard [exits]: "Product; leaves on overflow.";
    IntFloorDiv "int_floor_div" These(&[Int, Int]) => This(Int), None, Pure: "Quotient rounded towards minus infinity. The divisor is known not to be 0, and the quotient to fit.";
    IntMod "int_mod" These(&[Int, Int]) => This(Int), None, Pure: "Remainder with the sign of the divisor. The divisor is known not to be 0; that of -2**63 by -1 is 0.";
    IntDiv "int_div" These(&[Int, Int]) => This(Int), None, Pure: "Quotient of two that are known not to be negative, the second not 0.";
    IntRem "int_rem" These(&[Int, Int]) => This(Int), None, Pure: "Remainder of two that are known not to be negative, the second not 0.";
    IntAnd "int_and" These(&[Int, Int]) => This(Int), None, Pure: "Bitwise and.";
    IntOr "int_or" These(&[Int, Int]) => This(Int), None, Pure: "Bitwise or.";
    IntXor "int_xor" These(&[Int, Int]) => This(Int), None, Pure: "Bitwise exclusive or.";
    IntShl "int_shl" These(&[Int, Int]) => This(Int), None, Pure: "Shift left; the count is known to be in 0..=63 and no bit to be lost.";
    IntShlChecked "int_shl_checked" These(&[Int, Int]) => This(Int), None, Guard [exits]: "Shift left; leaves when the count is not in 0..=63 or a bit is lost.";
    IntShr "int_shr" These(&[Int, Int]) => This(Int), None, Pure: "Shift right, the sign comes in; the count is known not to be negative, and counts over 63 are as 63.";
    IntCompare "int_compare" These(&[Int, Int]) => This(Bool), IntCond, Pure: "Comparison.";
    IntToFloat "int_to_float" These(&[Int]) => This(Float), None, Pure: "The nearest float.";
    IntWrap "int_wrap" These(&[Int, Int]) => This(Int), None, Pure: "The first operand's low bits, as many as the second (a constant 8, 16, 32) says, sign-extended.";

    // ---- floats ------------------------------------------------------------------------------------------------
    FloatAdd "float_add" These(&[Float, Float]) => This(Float), None, Pure: "Sum.";
    FloatSub "float_sub" These(&[Float, Float]) => This(Float), None, Pure: "Difference.";
    FloatMul "float_mul" These(&[Float, Float]) => This(Float), None, Pure: "Product.";
    FloatDiv "float_div" These(&[Float, Float]) => This(Float), None, Pure: "IEEE quotient.";
    FloatNeg "float_neg" These(&[Float]) => This(Float), None, Pure: "Negation, of zeros and NaN too.";
    FloatAbs "float_abs" These(&[Float]) => This(Float), None, Pure: "Absolute value.";
    FloatSqrt "float_sqrt" These(&[Float]) => This(Float), None, Pure: "IEEE square root.";
    FloatFloor "float_floor" These(&[Float]) => This(Float), None, Pure: "Rounded towards minus infinity.";
    FloatCeil "float_ceil" These(&[Float]) => This(Float), None, Pure: "Rounded towards plus infinity.";
    FloatTrunc "float_trunc" These(&[Float]) => This(Float), None, Pure: "Rounded towards zero.";
    FloatNearest "float_nearest" These(&[Float]) => This(Float), None, Pure: "Rounded to the nearest, ties to even.";
    FloatSingle "float_single" These(&[Float]) => This(Float), None, Pure: "Rounded to the nearest of single precision, ties to even.";
    FloatHalf "float_half" These(&[Float]) => This(Int), None, Pure: "The bits of the nearest of half precision, ties to even.";
    HalfFloat "half_float" These(&[Int]) => This(Float), None, Pure: "The float that has these bits (0 to 0xffff) in half precision.";
    FloatCompare "float_compare" These(&[Float, Float]) => This(Bool), FloatCond, Pure: "Comparison; all but `ne` are false for NaN.";
    FloatToInt "float_to_int" These(&[Float]) => This(Int), None, Pure: "Truncated; it is known to fit.";

    // ---- bools -------------------------------------------------------------------------------------------------
    BoolNot "bool_not" These(&[Bool]) => This(Bool), None, Pure: "Negation.";
    BoolAnd "bool_and" These(&[Bool, Bool]) => This(Bool), None, Pure: "Both.";
    BoolOr "bool_or" These(&[Bool, Bool]) => This(Bool), None, Pure: "Either.";
    BoolXor "bool_xor" These(&[Bool, Bool]) => This(Bool), None, Pure: "Just one.";
    BoolToInt "bool_to_int" These(&[Bool]) => This(Int), None, Pure: "0 or 1.";
    Select "select" Select => Operand, None, Pure: "The second operand if the first is 1, else the third.";

    // ---- objects -----------------------------------------------------------------------------------------------
    Same "same" Same => This(Bool), None, Pure: "Whether two objects, or two pointers, are one.";
    AddressOf "address_of" Address(&[]) => This(Int), None, Pure: "The address as a number.";
    IsNull "is_null" These(&[Object]) => This(Bool), None, Pure: "Whether it is NULL.";
    HasType "has_type" These(&[Object]) => This(Bool), Symbol, Pure: "Whether the object's type is that very one, a type that objects neither get nor lose.";
    UnboxInt "unbox_int" These(&[Object]) => This(Int), None, Guard [exits]: "The value of an object that is known to be exactly an int; leaves when it does not fit.";
    UnboxFloat "unbox_float" These(&[Object]) => This(Float), None, Pure: "The value of an object that is known to be exactly a float.";
    BoxInt "box_int" These(&[Int]) => This(Object), None, Allocate [owned]: "An int object. Cannot fail.";
    BoxFloat "box_float" These(&[Float]) => This(Object), None, Allocate [owned]: "A float object. Cannot fail.";
    BoxBool "box_bool" These(&[Bool]) => This(Object), None, Pure: "True or False; immortal, hence borrowed.";
    Incref "incref" These(&[Object]) => Nothing, None, Reference [gains]: "Takes a reference.";
    Decref "decref" These(&[Object]) => Nothing, None, Any [exits consumes]: "Gives a reference up. Where that ends the object, a finalizer may run any code, which sees the frames as the state has them; leaves afterwards if a bet is off. The state is that behind the operation.";
    DecrefNumber "decref_number" These(&[Object]) => Nothing, None, Reference [consumes]: "Gives up a reference to an object whose end runs no Python code: an int, a float, a str, a range iterator.";
    TakeOver "take_over" These(&[Object]) => Nothing, None, Account [gains]: "The reference that a place in memory held belongs to the code: the place is overwritten, or not looked at any more. No machine code.";
    HandOver "hand_over" These(&[Object]) => Nothing, None, Account [consumes]: "A reference that belonged to the code is that of a place in memory where the object was stored; or it need not be given up, since the object is immortal. No machine code.";

    // ---- memory ------------------------------------------------------------------------------------------------
    Load "load" Address(&[]) => Memory, Memory, Load: "Reads at the address plus the offset; an object is borrowed from there.";
    LoadIndexed "load_indexed" Address(&[Int]) => Memory, Memory, Load: "Reads at the address plus index times the scale plus the offset.";
    Store "store" Address(&[]) => Nothing, Memory, Store: "Writes there. Reference counts are not touched.";
    StoreIndexed "store_indexed" Address(&[Int]) => Nothing, Memory, Store: "Writes there. Reference counts are not touched.";
    AddOffset "add_offset" Address(&[Int]) => This(Pointer), None, Pure: "The address plus that many bytes.";

    // ---- calls and exits ---------------------------------------------------------------------------------------
    Call "call" Operands::Callee => Callee, Symbol, Call: "Calls a function of the runtime.";
    Guard "guard" These(&[Bool]) => Nothing, None, Guard [exits]: "Leaves when the operand is 0.";
    Safepoint "safepoint" These(&[]) => Nothing, None, Safepoint [exits]: "Leaves when signals, other threads, the garbage collector or instrumentation want attention.";
    CallCheck "call_check" These(&[Int]) => Nothing, None, Safepoint [exits]: "Leaves when a call must not be made here: the operand, the number of calls that may be nested in this one, is not positive; the machine stack is nearly used up; or somebody wants attention, as for `safepoint`.";
    StackPointer "stack_pointer" These(&[]) => This(Int), None, Pure: "The machine's stack pointer, for stack checks.";
    Locate "locate" These(&[]) => Nothing, Offset, Locate: "The frame's instruction pointer is that of the instruction at this offset.";
    Arrive "arrive" One => Nothing, None, Any: "Keeps the operand as it is: for tests of passes, which must not drop it.";

    // ---- ends of blocks ----------------------------------------------------------------------------------------
    Jump "jump" These(&[]) => Nothing, None, Control: "Goes on in a block.";
    Branch "branch" These(&[Bool]) => Nothing, None, Control: "Goes on in the first block if the operand is 1, else in the second.";
    Return "return" These(&[Object]) => Nothing, None, Control [consumes]: "The body's result: an owned object, or NULL with an exception set. The frame has been left.";
    Give "give" One => Nothing, None, Control [consumes]: "The result of a typed body: a number, or an owned object.";
    Deopt "deopt" These(&[]) => Nothing, None, Control [exits]: "Leaves the code.";
}
