//! The vocabulary of a version's opcode table: what can be said about an opcode.

use crate::version::Version;

/// How an opcode's argument is to be read.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Operand {
    /// The opcode has no argument; [`crate::Instruction::arg`] is 0.
    None,
    /// Index into `co_consts`.
    Const,
    /// Index into `co_names`, above this many flag bits.
    Name(u8),
    /// Index of a variable in localsplus (arguments, locals, cells, free variables).
    Local,
    /// Two variables' indices, the first in the upper and the second in the lower four bits.
    LocalPair,
    /// Index of a cell or free variable in localsplus.
    Free,
    /// How many code units to jump ahead, from behind the inline caches.
    JumpForward,
    /// How many code units to jump back, from behind the inline caches.
    JumpBackward,
    /// A comparison: operator in bits 5 and up, bit 4 asks for an exact `bool`, below a mask for specialization.
    CompareOp,
    /// Index into [`Version::binary_ops`].
    BinaryOp,
    /// Index into [`Version::intrinsics_1`].
    Intrinsic1,
    /// Index into [`Version::intrinsics_2`].
    Intrinsic2,
    /// How many stack items (or pairs of them) the opcode works on.
    Items,
    /// How many free variables there are.
    FreeCount,
    /// A stack position counted from the top, at least this.
    StackPosition(u32),
    /// Counts before (low byte) and after (the bits above) the starred target.
    UnpackEx,
    /// A single bit set, at most this value.
    OneBit(u32),
    /// Anything in this range, both ends included.
    Range(u32, u32),
}

/// A number of stack items as a function of the argument.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Count {
    /// Always this many.
    Fixed(u8),
    /// This many and the argument.
    PlusArg(u8),
    /// Twice the argument.
    TwiceArg,
    /// This many, and one more where the argument's lowest bit is set.
    PlusBit(u8),
    /// One, the argument's low byte and the bits above that.
    UnpackEx,
}

impl Count {
    /// The number for one argument.
    #[inline]
    pub const fn of(self, arg: u32) -> u64 {
        let arg = arg as u64;
        match self {
            Count::Fixed(base) => base as u64,
            Count::PlusArg(base) => base as u64 + arg,
            Count::TwiceArg => 2 * arg,
            Count::PlusBit(base) => base as u64 + (arg & 1),
            Count::UnpackEx => 1 + (arg & 0xff) + (arg >> 8),
        }
    }
}

/// Where execution goes after an instruction, exceptions aside.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Control {
    /// On to the next instruction.
    Next,
    /// On, or to the target; the stack effect is the same.
    Branch,
    /// On with the iterator's next value pushed; or, when it is exhausted, to `skip` code units *behind* the target (the
    /// instructions there clean up after a loop and are not run), where `keeps` of the iterator (0 or 1) are left on the stack.
    Iterate {
        /// Code units skipped at the target.
        skip: u8,
        /// Whether the iterator stays on the stack.
        keeps: u8,
    },
    /// To the target.
    Jump,
    /// Out of the frame, which is finished.
    Return,
    /// Always to an exception handler or out of the frame.
    Raise,
    /// Out of the frame, which is suspended and later goes on with the next instruction, one value (what was sent) pushed.
    Yield,
}

impl Control {
    /// Whether the next instruction may be reached from here without a jump.
    pub const fn falls_through(self) -> bool {
        matches!(
            self,
            Control::Next | Control::Branch | Control::Iterate { .. } | Control::Yield
        )
    }

    /// Whether the instruction has a jump target.
    pub const fn jumps(self) -> bool {
        matches!(self, Control::Branch | Control::Iterate { .. } | Control::Jump)
    }

    /// Whether a basic block ends behind the instruction.
    pub const fn ends_block(self) -> bool {
        !matches!(self, Control::Next)
    }
}

/// What an instruction may do besides computing its results.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing: no exception, no other code.
    Pure,
    /// It may give up a reference, so that a finalizer may run; it raises nothing.
    Drop,
    /// It may raise, but runs no other code.
    Raise,
    /// It may raise, and may give up a reference.
    RaiseDrop,
    /// It may run any Python code, and raise.
    Any,
}

/// Everything that is known of an opcode in one version of CPython: a row of the version's table.
#[derive(Debug)]
pub struct OpcodeInfo {
    /// The opcode.
    pub opcode: Opcode,
    /// CPython's name for it, such as `BINARY_OP`.
    pub name: &'static str,
    /// Its number.
    pub byte: u8,
    /// How many code units of inline cache follow it.
    pub caches: u8,
    /// How its argument is to be read.
    pub operand: Operand,
    /// How many stack items it takes or looks at.
    pub popped: Count,
    /// How many of those it leaves or puts in their place.
    pub pushed: Count,
    /// What it may do besides.
    pub effect: Effect,
    /// Where execution goes afterwards.
    pub control: Control,
    /// Whether only code of the interpreter's own making holds it, never a function's.
    pub internal: bool,
}

impl OpcodeInfo {
    /// Whether the instruction may raise an exception.
    pub const fn may_raise(&self) -> bool {
        matches!(self.effect, Effect::Raise | Effect::RaiseDrop | Effect::Any)
    }

    /// Whether Python code may run during the instruction, finalizers of dropped objects included.
    pub const fn may_run_python(&self) -> bool {
        matches!(self.effect, Effect::Drop | Effect::RaiseDrop | Effect::Any)
    }

    /// Whether Python code may run during the instruction in other ways than by an object's finalizer.
    pub const fn may_call_python(&self) -> bool {
        matches!(self.effect, Effect::Any)
    }

    /// Whether the opcode has an argument.
    pub const fn has_arg(&self) -> bool {
        !matches!(self.operand, Operand::None)
    }

    /// The stack depth afterwards, from the depth before, on the way to the next instruction; `None` where the stack holds too little.
    #[inline]
    pub fn depth_after(&self, arg: u32, depth: u64) -> Option<u64> {
        Some(depth.checked_sub(self.popped.of(arg))? + self.pushed.of(arg))
    }

    /// The stack depth on arrival at the jump's destination; `None` where the stack holds too little.
    #[inline]
    pub fn depth_after_jump(&self, arg: u32, depth: u64) -> Option<u64> {
        match self.control {
            Control::Iterate { keeps, .. } => Some(depth.checked_sub(self.popped.of(arg))? + u64::from(keeps)),
            _ => self.depth_after(arg, depth),
        }
    }
}

/// Declares [`Opcode`]: the opcodes of all versions by CPython's names.
macro_rules! vocabulary {
    ($($variant:ident $name:literal)*) => {
        /// An opcode of any supported version, specialized and instrumented ones, `EXTENDED_ARG` and `CACHE` aside.
        #[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Opcode {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Opcode {
            /// Every opcode, in the order of `Opcode as usize`.
            pub const ALL: &'static [Opcode] = &[$(Opcode::$variant,)*];

            /// CPython's name for it, such as `BINARY_OP`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Opcode::$variant => $name,)*
                }
            }
        }
    };
}

vocabulary! {
    BeforeAsyncWith "BEFORE_ASYNC_WITH"
    BeforeWith "BEFORE_WITH"
    BinaryOp "BINARY_OP"
    BinarySlice "BINARY_SLICE"
    BinarySubscr "BINARY_SUBSCR"
    BuildConstKeyMap "BUILD_CONST_KEY_MAP"
    BuildList "BUILD_LIST"
    BuildMap "BUILD_MAP"
    BuildSet "BUILD_SET"
    BuildSlice "BUILD_SLICE"
    BuildString "BUILD_STRING"
    BuildTuple "BUILD_TUPLE"
    Call "CALL"
    CallFunctionEx "CALL_FUNCTION_EX"
    CallIntrinsic1 "CALL_INTRINSIC_1"
    CallIntrinsic2 "CALL_INTRINSIC_2"
    CallKw "CALL_KW"
    CheckEgMatch "CHECK_EG_MATCH"
    CheckExcMatch "CHECK_EXC_MATCH"
    CleanupThrow "CLEANUP_THROW"
    CompareOp "COMPARE_OP"
    ContainsOp "CONTAINS_OP"
    ConvertValue "CONVERT_VALUE"
    Copy "COPY"
    CopyFreeVars "COPY_FREE_VARS"
    DeleteAttr "DELETE_ATTR"
    DeleteDeref "DELETE_DEREF"
    DeleteFast "DELETE_FAST"
    DeleteGlobal "DELETE_GLOBAL"
    DeleteName "DELETE_NAME"
    DeleteSubscr "DELETE_SUBSCR"
    DictMerge "DICT_MERGE"
    DictUpdate "DICT_UPDATE"
    EndAsyncFor "END_ASYNC_FOR"
    EndFor "END_FOR"
    EndSend "END_SEND"
    ExitInitCheck "EXIT_INIT_CHECK"
    FormatSimple "FORMAT_SIMPLE"
    FormatWithSpec "FORMAT_WITH_SPEC"
    ForIter "FOR_ITER"
    GetAiter "GET_AITER"
    GetAnext "GET_ANEXT"
    GetAwaitable "GET_AWAITABLE"
    GetIter "GET_ITER"
    GetLen "GET_LEN"
    GetYieldFromIter "GET_YIELD_FROM_ITER"
    ImportFrom "IMPORT_FROM"
    ImportName "IMPORT_NAME"
    InterpreterExit "INTERPRETER_EXIT"
    IsOp "IS_OP"
    JumpBackward "JUMP_BACKWARD"
    JumpBackwardNoInterrupt "JUMP_BACKWARD_NO_INTERRUPT"
    JumpForward "JUMP_FORWARD"
    ListAppend "LIST_APPEND"
    ListExtend "LIST_EXTEND"
    LoadAssertionError "LOAD_ASSERTION_ERROR"
    LoadAttr "LOAD_ATTR"
    LoadBuildClass "LOAD_BUILD_CLASS"
    LoadConst "LOAD_CONST"
    LoadDeref "LOAD_DEREF"
    LoadFast "LOAD_FAST"
    LoadFastAndClear "LOAD_FAST_AND_CLEAR"
    LoadFastCheck "LOAD_FAST_CHECK"
    LoadFastLoadFast "LOAD_FAST_LOAD_FAST"
    LoadFromDictOrDeref "LOAD_FROM_DICT_OR_DEREF"
    LoadFromDictOrGlobals "LOAD_FROM_DICT_OR_GLOBALS"
    LoadGlobal "LOAD_GLOBAL"
    LoadLocals "LOAD_LOCALS"
    LoadName "LOAD_NAME"
    LoadSuperAttr "LOAD_SUPER_ATTR"
    MakeCell "MAKE_CELL"
    MakeFunction "MAKE_FUNCTION"
    MapAdd "MAP_ADD"
    MatchClass "MATCH_CLASS"
    MatchKeys "MATCH_KEYS"
    MatchMapping "MATCH_MAPPING"
    MatchSequence "MATCH_SEQUENCE"
    Nop "NOP"
    PopExcept "POP_EXCEPT"
    PopJumpIfFalse "POP_JUMP_IF_FALSE"
    PopJumpIfNone "POP_JUMP_IF_NONE"
    PopJumpIfNotNone "POP_JUMP_IF_NOT_NONE"
    PopJumpIfTrue "POP_JUMP_IF_TRUE"
    PopTop "POP_TOP"
    PushExcInfo "PUSH_EXC_INFO"
    PushNull "PUSH_NULL"
    RaiseVarargs "RAISE_VARARGS"
    Reraise "RERAISE"
    Resume "RESUME"
    ReturnConst "RETURN_CONST"
    ReturnGenerator "RETURN_GENERATOR"
    ReturnValue "RETURN_VALUE"
    Send "SEND"
    SetupAnnotations "SETUP_ANNOTATIONS"
    SetAdd "SET_ADD"
    SetFunctionAttribute "SET_FUNCTION_ATTRIBUTE"
    SetUpdate "SET_UPDATE"
    StoreAttr "STORE_ATTR"
    StoreDeref "STORE_DEREF"
    StoreFast "STORE_FAST"
    StoreFastLoadFast "STORE_FAST_LOAD_FAST"
    StoreFastStoreFast "STORE_FAST_STORE_FAST"
    StoreGlobal "STORE_GLOBAL"
    StoreName "STORE_NAME"
    StoreSlice "STORE_SLICE"
    StoreSubscr "STORE_SUBSCR"
    Swap "SWAP"
    ToBool "TO_BOOL"
    UnaryInvert "UNARY_INVERT"
    UnaryNegative "UNARY_NEGATIVE"
    UnaryNot "UNARY_NOT"
    UnpackEx "UNPACK_EX"
    UnpackSequence "UNPACK_SEQUENCE"
    WithExceptStart "WITH_EXCEPT_START"
    YieldValue "YIELD_VALUE"
}

impl Opcode {
    /// What the tables know of it: the row of the first version that has it.
    #[inline]
    pub fn info(self) -> &'static OpcodeInfo {
        Version::V3_13.table().info(self)
    }

    /// The opcode that a byte stands for in a version's code; `None` for specialized, instrumented and unknown ones, for
    /// `EXTENDED_ARG` and for `CACHE`.
    pub fn from_byte(version: Version, byte: u8) -> Option<Opcode> {
        version.table().row_of(byte).map(|info| info.opcode)
    }
}
