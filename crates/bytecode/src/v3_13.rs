//! CPython 3.13: its opcode table, and what else differs between versions.
//!
//! Everything the decoder knows of an opcode is derived from its row here. How `FOR_ITER` leaves its loop shows how a row
//! speaks: its target is the loop's `END_FOR`, but an exhausted iterator is popped at once and execution goes on behind
//! the `END_FOR` and the `POP_TOP` that follows it (`Iterate { skip: 2, keeps: 0 }`). The interpreter runs the two itself only
//! after its inlined form of a generator's return.

use crate::opcode::{Control, Count, Effect, Opcode, OpcodeInfo, Operand};
use crate::version::{Specialization, Table, Version};

/// Rows of the opcode table: number, opcode, inline cache units, operand, stack items popped and pushed, effect, control.
///
/// A count is `n`, `(n + arg)`, `(2 * arg)`, `(n + bit)` (plus one if the argument's lowest bit is set) or `(unpack)`.
macro_rules! opcodes {
    (@count (unpack)) => { Count::UnpackEx };
    (@count (2 * arg)) => { Count::TwiceArg };
    (@count ($base:literal + arg)) => { Count::PlusArg($base) };
    (@count ($base:literal + bit)) => { Count::PlusBit($base) };
    (@count $fixed:literal) => { Count::Fixed($fixed) };
    (@internal) => { false };
    (@internal internal) => { true };
    ($(
        $byte:literal $opcode:ident, $caches:literal, $operand:expr, $popped:tt => $pushed:tt, $effect:ident,
        $control:expr $(, $internal:ident)?;
    )*) => {
        /// The rows.
        static OPCODES: &[OpcodeInfo] = {
            use Control::*;
            use Operand::*;
            &[$(OpcodeInfo {
                opcode: Opcode::$opcode,
                name: Opcode::$opcode.name(),
                byte: $byte,
                caches: $caches,
                operand: $operand,
                popped: opcodes!(@count $popped),
                pushed: opcodes!(@count $pushed),
                effect: Effect::$effect,
                control: $control,
                internal: opcodes!(@internal $($internal)?),
            },)*]
        };
    };
}

/// How an exhausted iterator leaves its loop.
const LOOP: Control = Control::Iterate { skip: 2, keeps: 0 };

opcodes! {
    1 BeforeAsyncWith, 0, None, 1 => 2, Any, Next;
    2 BeforeWith, 0, None, 1 => 2, Any, Next;
    4 BinarySlice, 0, None, 3 => 1, Any, Next;
    5 BinarySubscr, 1, None, 2 => 1, Any, Next;
    6 CheckEgMatch, 0, None, 2 => 2, Any, Next;
    7 CheckExcMatch, 0, None, 2 => 2, RaiseDrop, Next;
    8 CleanupThrow, 0, None, 3 => 2, RaiseDrop, Next;
    9 DeleteSubscr, 0, None, 2 => 0, Any, Next;
    10 EndAsyncFor, 0, None, 2 => 0, RaiseDrop, Next;
    11 EndFor, 0, None, 1 => 0, Drop, Next;
    12 EndSend, 0, None, 2 => 1, Drop, Next;
    13 ExitInitCheck, 0, None, 1 => 0, Raise, Next, internal;
    14 FormatSimple, 0, None, 1 => 1, Any, Next;
    15 FormatWithSpec, 0, None, 2 => 1, Any, Next;
    16 GetAiter, 0, None, 1 => 1, Any, Next;
    18 GetAnext, 0, None, 1 => 2, Any, Next;
    19 GetIter, 0, None, 1 => 1, Any, Next;
    20 GetLen, 0, None, 1 => 2, Any, Next;
    21 GetYieldFromIter, 0, None, 1 => 1, Any, Next;
    22 InterpreterExit, 0, None, 1 => 0, Pure, Return, internal;
    23 LoadAssertionError, 0, None, 0 => 1, Pure, Next;
    24 LoadBuildClass, 0, None, 0 => 1, Any, Next;
    25 LoadLocals, 0, None, 0 => 1, Raise, Next;
    26 MakeFunction, 0, None, 1 => 1, RaiseDrop, Next;
    27 MatchKeys, 0, None, 2 => 3, Any, Next;
    28 MatchMapping, 0, None, 1 => 2, Pure, Next;
    29 MatchSequence, 0, None, 1 => 2, Pure, Next;
    30 Nop, 0, None, 0 => 0, Pure, Next;
    31 PopExcept, 0, None, 1 => 0, Drop, Next;
    32 PopTop, 0, None, 1 => 0, Drop, Next;
    33 PushExcInfo, 0, None, 1 => 2, Pure, Next;
    34 PushNull, 0, None, 0 => 1, Pure, Next;
    35 ReturnGenerator, 0, None, 0 => 1, Raise, Yield;
    36 ReturnValue, 0, None, 1 => 0, Drop, Return;
    37 SetupAnnotations, 0, None, 0 => 0, Any, Next;
    38 StoreSlice, 0, None, 4 => 0, Any, Next;
    39 StoreSubscr, 1, None, 3 => 0, Any, Next;
    40 ToBool, 3, None, 1 => 1, Any, Next;
    41 UnaryInvert, 0, None, 1 => 1, Any, Next;
    42 UnaryNegative, 0, None, 1 => 1, Any, Next;
    43 UnaryNot, 0, None, 1 => 1, Pure, Next;
    44 WithExceptStart, 0, None, 4 => 5, Any, Next;
    45 BinaryOp, 1, BinaryOp, 2 => 1, Any, Next;
    46 BuildConstKeyMap, 0, Items, (1 + arg) => 1, Any, Next;
    47 BuildList, 0, Items, (0 + arg) => 1, Raise, Next;
    48 BuildMap, 0, Items, (2 * arg) => 1, Any, Next;
    49 BuildSet, 0, Items, (0 + arg) => 1, Any, Next;
    50 BuildSlice, 0, Range(2, 3), (0 + arg) => 1, Raise, Next;
    51 BuildString, 0, Items, (0 + arg) => 1, RaiseDrop, Next;
    52 BuildTuple, 0, Items, (0 + arg) => 1, Raise, Next;
    53 Call, 3, Items, (2 + arg) => 1, Any, Next;
    54 CallFunctionEx, 0, Range(0, 1), (3 + bit) => 1, Any, Next;
    55 CallIntrinsic1, 0, Intrinsic1, 1 => 1, Any, Next;
    56 CallIntrinsic2, 0, Intrinsic2, 2 => 1, Any, Next;
    57 CallKw, 0, Items, (3 + arg) => 1, Any, Next;
    58 CompareOp, 1, CompareOp, 2 => 1, Any, Next;
    59 ContainsOp, 1, Range(0, 1), 2 => 1, Any, Next;
    60 ConvertValue, 0, Range(1, 3), 1 => 1, Any, Next;
    61 Copy, 0, StackPosition(1), (0 + arg) => (1 + arg), Pure, Next;
    62 CopyFreeVars, 0, FreeCount, 0 => 0, Pure, Next;
    63 DeleteAttr, 0, Name(0), 1 => 0, Any, Next;
    64 DeleteDeref, 0, Free, 0 => 0, RaiseDrop, Next;
    65 DeleteFast, 0, Local, 0 => 0, RaiseDrop, Next;
    66 DeleteGlobal, 0, Name(0), 0 => 0, Any, Next;
    67 DeleteName, 0, Name(0), 0 => 0, Any, Next;
    68 DictMerge, 0, StackPosition(1), (4 + arg) => (3 + arg), Any, Next;
    69 DictUpdate, 0, StackPosition(1), (1 + arg) => (0 + arg), Any, Next;
    72 ForIter, 1, JumpForward, 1 => 2, Any, LOOP;
    73 GetAwaitable, 0, Range(0, 2), 1 => 1, Any, Next;
    74 ImportFrom, 0, Name(0), 1 => 2, Any, Next;
    75 ImportName, 0, Name(0), 2 => 1, Any, Next;
    76 IsOp, 0, Range(0, 1), 2 => 1, Drop, Next;
    77 JumpBackward, 1, JumpBackward, 0 => 0, Any, Jump;
    78 JumpBackwardNoInterrupt, 0, JumpBackward, 0 => 0, Pure, Jump;
    79 JumpForward, 0, JumpForward, 0 => 0, Pure, Jump;
    80 ListAppend, 0, StackPosition(1), (1 + arg) => (0 + arg), Raise, Next;
    81 ListExtend, 0, StackPosition(1), (1 + arg) => (0 + arg), Any, Next;
    82 LoadAttr, 9, Name(1), 1 => (1 + bit), Any, Next;
    83 LoadConst, 0, Const, 0 => 1, Pure, Next;
    84 LoadDeref, 0, Free, 0 => 1, Raise, Next;
    85 LoadFast, 0, Local, 0 => 1, Pure, Next;
    86 LoadFastAndClear, 0, Local, 0 => 1, Pure, Next;
    87 LoadFastCheck, 0, Local, 0 => 1, Raise, Next;
    88 LoadFastLoadFast, 0, LocalPair, 0 => 2, Pure, Next;
    89 LoadFromDictOrDeref, 0, Free, 1 => 1, Any, Next;
    90 LoadFromDictOrGlobals, 0, Name(0), 1 => 1, Any, Next;
    91 LoadGlobal, 4, Name(1), 0 => (1 + bit), Any, Next;
    92 LoadName, 0, Name(0), 0 => 1, Any, Next;
    93 LoadSuperAttr, 1, Name(2), 3 => (1 + bit), Any, Next;
    94 MakeCell, 0, Free, 0 => 0, Raise, Next;
    95 MapAdd, 0, StackPosition(1), (2 + arg) => (0 + arg), Any, Next;
    96 MatchClass, 0, Items, 3 => 1, Any, Next;
    97 PopJumpIfFalse, 1, JumpForward, 1 => 0, Pure, Branch;
    98 PopJumpIfNone, 1, JumpForward, 1 => 0, Drop, Branch;
    99 PopJumpIfNotNone, 1, JumpForward, 1 => 0, Drop, Branch;
    100 PopJumpIfTrue, 1, JumpForward, 1 => 0, Pure, Branch;
    101 RaiseVarargs, 0, Range(0, 2), (0 + arg) => 0, Any, Raise;
    102 Reraise, 0, Items, (1 + arg) => (0 + arg), RaiseDrop, Raise;
    103 ReturnConst, 0, Const, 0 => 0, Drop, Return;
    104 Send, 1, JumpForward, 2 => 2, Any, Branch;
    105 SetAdd, 0, StackPosition(1), (1 + arg) => (0 + arg), Any, Next;
    106 SetFunctionAttribute, 0, OneBit(8), 2 => 1, Pure, Next;
    107 SetUpdate, 0, StackPosition(1), (1 + arg) => (0 + arg), Any, Next;
    108 StoreAttr, 4, Name(0), 2 => 0, Any, Next;
    109 StoreDeref, 0, Free, 1 => 0, Drop, Next;
    110 StoreFast, 0, Local, 1 => 0, Drop, Next;
    111 StoreFastLoadFast, 0, LocalPair, 1 => 1, Drop, Next;
    112 StoreFastStoreFast, 0, LocalPair, 2 => 0, Drop, Next;
    113 StoreGlobal, 0, Name(0), 1 => 0, Any, Next;
    114 StoreName, 0, Name(0), 1 => 0, Any, Next;
    115 Swap, 0, StackPosition(1), (0 + arg) => (0 + arg), Pure, Next;
    116 UnpackEx, 0, UnpackEx, 1 => (unpack), Any, Next;
    117 UnpackSequence, 1, Items, 1 => (0 + arg), Any, Next;
    118 YieldValue, 0, Range(0, 1), 1 => 1, Any, Yield;
    149 Resume, 0, Range(0, 7), 0 => 0, Any, Next;
}

/// Rows of the specialized opcodes: number, name, the opcode it stands for.
macro_rules! specializations {
    ($($byte:literal $name:literal $base:ident;)*) => {
        static SPECIALIZATIONS: &[Specialization] =
            &[$(Specialization { byte: $byte, name: $name, base: Opcode::$base },)*];
    };
}

specializations! {
    3 "BINARY_OP_INPLACE_ADD_UNICODE" BinaryOp;
    150 "BINARY_OP_ADD_FLOAT" BinaryOp;
    151 "BINARY_OP_ADD_INT" BinaryOp;
    152 "BINARY_OP_ADD_UNICODE" BinaryOp;
    153 "BINARY_OP_MULTIPLY_FLOAT" BinaryOp;
    154 "BINARY_OP_MULTIPLY_INT" BinaryOp;
    155 "BINARY_OP_SUBTRACT_FLOAT" BinaryOp;
    156 "BINARY_OP_SUBTRACT_INT" BinaryOp;
    157 "BINARY_SUBSCR_DICT" BinarySubscr;
    158 "BINARY_SUBSCR_GETITEM" BinarySubscr;
    159 "BINARY_SUBSCR_LIST_INT" BinarySubscr;
    160 "BINARY_SUBSCR_STR_INT" BinarySubscr;
    161 "BINARY_SUBSCR_TUPLE_INT" BinarySubscr;
    162 "CALL_ALLOC_AND_ENTER_INIT" Call;
    163 "CALL_BOUND_METHOD_EXACT_ARGS" Call;
    164 "CALL_BOUND_METHOD_GENERAL" Call;
    165 "CALL_BUILTIN_CLASS" Call;
    166 "CALL_BUILTIN_FAST" Call;
    167 "CALL_BUILTIN_FAST_WITH_KEYWORDS" Call;
    168 "CALL_BUILTIN_O" Call;
    169 "CALL_ISINSTANCE" Call;
    170 "CALL_LEN" Call;
    171 "CALL_LIST_APPEND" Call;
    172 "CALL_METHOD_DESCRIPTOR_FAST" Call;
    173 "CALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS" Call;
    174 "CALL_METHOD_DESCRIPTOR_NOARGS" Call;
    175 "CALL_METHOD_DESCRIPTOR_O" Call;
    176 "CALL_NON_PY_GENERAL" Call;
    177 "CALL_PY_EXACT_ARGS" Call;
    178 "CALL_PY_GENERAL" Call;
    179 "CALL_STR_1" Call;
    180 "CALL_TUPLE_1" Call;
    181 "CALL_TYPE_1" Call;
    182 "COMPARE_OP_FLOAT" CompareOp;
    183 "COMPARE_OP_INT" CompareOp;
    184 "COMPARE_OP_STR" CompareOp;
    185 "CONTAINS_OP_DICT" ContainsOp;
    186 "CONTAINS_OP_SET" ContainsOp;
    187 "FOR_ITER_GEN" ForIter;
    188 "FOR_ITER_LIST" ForIter;
    189 "FOR_ITER_RANGE" ForIter;
    190 "FOR_ITER_TUPLE" ForIter;
    191 "LOAD_ATTR_CLASS" LoadAttr;
    192 "LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN" LoadAttr;
    193 "LOAD_ATTR_INSTANCE_VALUE" LoadAttr;
    194 "LOAD_ATTR_METHOD_LAZY_DICT" LoadAttr;
    195 "LOAD_ATTR_METHOD_NO_DICT" LoadAttr;
    196 "LOAD_ATTR_METHOD_WITH_VALUES" LoadAttr;
    197 "LOAD_ATTR_MODULE" LoadAttr;
    198 "LOAD_ATTR_NONDESCRIPTOR_NO_DICT" LoadAttr;
    199 "LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES" LoadAttr;
    200 "LOAD_ATTR_PROPERTY" LoadAttr;
    201 "LOAD_ATTR_SLOT" LoadAttr;
    202 "LOAD_ATTR_WITH_HINT" LoadAttr;
    203 "LOAD_GLOBAL_BUILTIN" LoadGlobal;
    204 "LOAD_GLOBAL_MODULE" LoadGlobal;
    205 "LOAD_SUPER_ATTR_ATTR" LoadSuperAttr;
    206 "LOAD_SUPER_ATTR_METHOD" LoadSuperAttr;
    207 "RESUME_CHECK" Resume;
    208 "SEND_GEN" Send;
    209 "STORE_ATTR_INSTANCE_VALUE" StoreAttr;
    210 "STORE_ATTR_SLOT" StoreAttr;
    211 "STORE_ATTR_WITH_HINT" StoreAttr;
    212 "STORE_SUBSCR_DICT" StoreSubscr;
    213 "STORE_SUBSCR_LIST_INT" StoreSubscr;
    214 "TO_BOOL_ALWAYS_TRUE" ToBool;
    215 "TO_BOOL_BOOL" ToBool;
    216 "TO_BOOL_INT" ToBool;
    217 "TO_BOOL_LIST" ToBool;
    218 "TO_BOOL_NONE" ToBool;
    219 "TO_BOOL_STR" ToBool;
    220 "UNPACK_SEQUENCE_LIST" UnpackSequence;
    221 "UNPACK_SEQUENCE_TUPLE" UnpackSequence;
    222 "UNPACK_SEQUENCE_TWO_TUPLE" UnpackSequence;
}

/// 3.13's opcode table.
pub(crate) static TABLE: Table = Table {
    opcodes: OPCODES,
    specializations: SPECIALIZATIONS,
    bytes: Table::bytes(OPCODES, SPECIALIZATIONS, 0, 71, 236),
    rows: Table::rows(OPCODES),
    binary_ops: &[
        "+", "&", "//", "<<", "@", "*", "%", "|", "**", ">>", "-", "/", "^", "+=", "&=", "//=", "<<=", "@=", "*=",
        "%=", "|=", "**=", ">>=", "-=", "/=", "^=",
    ],
    compare_ops: &["<", "<=", "==", "!=", ">", ">="],
    intrinsics_1: &[
        "INTRINSIC_1_INVALID",
        "INTRINSIC_PRINT",
        "INTRINSIC_IMPORT_STAR",
        "INTRINSIC_STOPITERATION_ERROR",
        "INTRINSIC_ASYNC_GEN_WRAP",
        "INTRINSIC_UNARY_POSITIVE",
        "INTRINSIC_LIST_TO_TUPLE",
        "INTRINSIC_TYPEVAR",
        "INTRINSIC_PARAMSPEC",
        "INTRINSIC_TYPEVARTUPLE",
        "INTRINSIC_SUBSCRIPT_GENERIC",
        "INTRINSIC_TYPEALIAS",
    ],
    intrinsics_2: &[
        "INTRINSIC_2_INVALID",
        "INTRINSIC_PREP_RERAISE_STAR",
        "INTRINSIC_TYPEVAR_WITH_BOUND",
        "INTRINSIC_TYPEVAR_WITH_CONSTRAINTS",
        "INTRINSIC_SET_FUNCTION_TYPE_PARAMS",
        "INTRINSIC_SET_TYPEPARAM_DEFAULT",
    ],
    loop_end: &[Opcode::EndFor, Opcode::PopTop],
};

/// The specialized opcode that a byte of 3.13's adaptive code stands for.
pub fn specialization(raw: u8) -> Option<&'static Specialization> {
    Version::V3_13.specialization(raw)
}

/// The opcode that a specialized one stands for, and the specialized one's name, by its byte in 3.13's adaptive code.
pub fn specialized_name(raw: u8) -> Option<(Opcode, &'static str)> {
    specialization(raw).map(|found| (found.base, found.name))
}
