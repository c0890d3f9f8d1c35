//! What the optimizing tier makes of each opcode, in words: what the dispatch in `table` does, for the opcode reference.

use justjit_bytecode::Opcode;

/// How an instruction is translated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Treatment {
    /// No code at all, or a few operations of the IR that take no call.
    Inline,
    /// IR for the types that were sampled, which is left where others come; where they differed, a call of the runtime.
    Bets,
    /// A call of the runtime, with the frame as the interpreter would have it.
    Runtime,
    /// The code is left here, and baseline code goes on.
    Left,
    /// A function in which it was run while samples were taken stays in the baseline tier; elsewhere the code is left here.
    Declined,
}

impl Treatment {
    pub const ALL: [Treatment; 5] = [
        Treatment::Inline,
        Treatment::Bets,
        Treatment::Runtime,
        Treatment::Left,
        Treatment::Declined,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Treatment::Inline => "inline",
            Treatment::Bets => "bets",
            Treatment::Runtime => "runtime call",
            Treatment::Left => "left",
            Treatment::Declined => "declined",
        }
    }
}

macro_rules! table {
    ($($opcode:ident: $treatment:ident, $text:literal;)*) => {
        /// How the opcode is translated, and what there is to say of that.
        pub fn describe(opcode: Opcode) -> (Treatment, &'static str) {
            match opcode {
                $(Opcode::$opcode => (Treatment::$treatment, $text),)*
            }
        }
    };
}

table! {
    BeforeAsyncWith: Declined, "";
    BeforeWith: Runtime, "";
    BinaryOp: Bets, "ints of 64 bits (left on overflow), floats, complex numbers, NumPy scalars: numbers that are no objects; special methods of one class are inlined";
    BinarySlice: Runtime, "lists, tuples, strings and bytes by ints without a slice object";
    BinarySubscr: Bets, "items of lists, tuples, strings, bytes, bytearrays and arrays with an int, bounds tested; a number comes out unboxed where only its value is used";
    BuildConstKeyMap: Runtime, "";
    BuildList: Runtime, "";
    BuildMap: Runtime, "";
    BuildSet: Runtime, "";
    BuildSlice: Inline, "not made until somebody wants the object";
    BuildString: Runtime, "";
    BuildTuple: Inline, "not made until somebody wants the object; unpacked, it never is";
    Call: Bets, "small Python functions are inlined; `range`, `len`, `enumerate`, `zip`, `abs`, `min`, `max`, `int`, `float`, `bool`, `ord`, `list.append` and functions of `math` are IR; others are called by the runtime";
    CallFunctionEx: Runtime, "";
    CallIntrinsic1: Runtime, "unary plus, and the tuple of arguments that were unpacked; the others are declined";
    CallIntrinsic2: Declined, "";
    CallKw: Bets, "known small functions and classes are inlined";
    CheckEgMatch: Left, "";
    CheckExcMatch: Runtime, "no code of a program runs where the classes are constants";
    CleanupThrow: Left, "";
    CompareOp: Bets, "numbers, and strings for equality; the result is a flag";
    ContainsOp: Runtime, "";
    ConvertValue: Runtime, "";
    Copy: Inline, "";
    CopyFreeVars: Inline, "the cells are there when the frame has been entered";
    DeleteAttr: Declined, "";
    DeleteDeref: Declined, "";
    DeleteFast: Inline, "left where the local has no value";
    DeleteGlobal: Declined, "";
    DeleteName: Declined, "";
    DeleteSubscr: Runtime, "";
    DictMerge: Runtime, "";
    DictUpdate: Runtime, "";
    EndAsyncFor: Left, "";
    EndFor: Inline, "";
    EndSend: Inline, "in the generator or coroutine that is entered";
    ExitInitCheck: Declined, "";
    ForIter: Bets, "ranges, lists, tuples, arrays, `enumerate` and `zip` of these: no iterator is made, and no tuple that is unpacked; iterators of ranges, lists and tuples that are objects; bodies of known generator functions are inlined";
    FormatSimple: Runtime, "";
    FormatWithSpec: Runtime, "";
    GetAiter: Declined, "";
    GetAnext: Declined, "";
    GetAwaitable: Runtime, "of coroutines; a call of a known coroutine function that is awaited at once makes no coroutine: its body is inlined, or called with numbers in registers";
    GetIter: Bets, "see `FOR_ITER`";
    GetLen: Bets, "of lists and tuples";
    GetYieldFromIter: Runtime, "in the generator that is entered";
    ImportFrom: Runtime, "";
    ImportName: Runtime, "";
    InterpreterExit: Declined, "";
    IsOp: Inline, "";
    JumpBackward: Inline, "a safepoint, at which the code is left if anything is pending; simple loops have one in many rounds";
    JumpBackwardNoInterrupt: Inline, "";
    JumpForward: Inline, "";
    ListAppend: Runtime, "which runs no Python code";
    ListExtend: Runtime, "`f(a, *rest)` of a tuple makes neither list nor tuple";
    LoadAssertionError: Inline, "";
    LoadAttr: Bets, "the few shapes that were met: a value in the object, a method, something of the class, a property; attributes of modules and classes that are constants are constants";
    LoadBuildClass: Declined, "";
    LoadConst: Inline, "";
    LoadDeref: Inline, "left where the cell is empty; a number comes out unboxed where only its value is used";
    LoadFast: Inline, "";
    LoadFastAndClear: Inline, "left where the local has a value";
    LoadFastCheck: Inline, "left where the local has no value";
    LoadFastLoadFast: Inline, "";
    LoadFromDictOrDeref: Declined, "";
    LoadFromDictOrGlobals: Declined, "";
    LoadGlobal: Inline, "a constant: the version is invalid once the name gets another value; one that changes often is loaded from its cell";
    LoadLocals: Declined, "";
    LoadName: Declined, "";
    LoadSuperAttr: Bets, "a method that is called, of an object whose class is known";
    MakeCell: Inline, "by the runtime at the start of a function; in an inlined one the cell is not made";
    MakeFunction: Runtime, "that of a generator expression is not made where the generator is inlined";
    MapAdd: Runtime, "";
    MatchClass: Runtime, "";
    MatchKeys: Runtime, "";
    MatchMapping: Inline, "a constant where the type is known";
    MatchSequence: Inline, "a constant where the type is known";
    Nop: Inline, "";
    PopExcept: Runtime, "";
    PopJumpIfFalse: Inline, "";
    PopJumpIfNone: Inline, "";
    PopJumpIfNotNone: Inline, "";
    PopJumpIfTrue: Inline, "";
    PopTop: Inline, "";
    PushExcInfo: Runtime, "";
    PushNull: Inline, "";
    RaiseVarargs: Runtime, "the handler in the same function follows in the code; in an inlined callee the code is left";
    Reraise: Runtime, "";
    Resume: Inline, "";
    ReturnConst: Inline, "";
    ReturnGenerator: Inline, "where the generator or coroutine is inlined; others are entered behind it";
    ReturnValue: Inline, "";
    Send: Runtime, "see `GET_AWAITABLE`";
    SetAdd: Runtime, "";
    SetFunctionAttribute: Runtime, "";
    SetUpdate: Runtime, "";
    SetupAnnotations: Declined, "";
    StoreAttr: Bets, "the few shapes that were met: a value in the object, a new one in `__init__`";
    StoreDeref: Inline, "";
    StoreFast: Inline, "a number stays a number; an object goes into its slot of the frame";
    StoreFastLoadFast: Inline, "";
    StoreFastStoreFast: Inline, "";
    StoreGlobal: Runtime, "";
    StoreName: Declined, "";
    StoreSlice: Runtime, "lists by ints without a slice object";
    StoreSubscr: Bets, "items of lists, bytearrays and arrays with an int, bounds tested";
    Swap: Inline, "";
    ToBool: Bets, "numbers, None, and lists, tuples and strings by their lengths";
    UnaryInvert: Bets, "ints";
    UnaryNegative: Bets, "numbers";
    UnaryNot: Inline, "";
    UnpackEx: Runtime, "";
    UnpackSequence: Bets, "lists and tuples of that length; a tuple that was just built is never made";
    WithExceptStart: Runtime, "";
    YieldValue: Inline, "of a generator whose body is inlined into the loop or the builtin that goes through it; otherwise the frame that is entered is suspended";
}
