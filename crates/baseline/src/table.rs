//! What the baseline tier makes of each opcode: the dispatch, and the same in words for the opcode reference.

use crate::emitter::{Emitter, Item};
use justjit_builder::Builder;
use justjit_bytecode::Opcode;
use justjit_runtime::ops::containers as ops;
use justjit_runtime::ops::exceptions::{BEFORE_ASYNC_WITH, BEFORE_WITH};
use justjit_runtime::version::HandOverReason;

/// How an instruction is compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Machine code that needs no call in the usual case.
    Inline,
    /// Inline for the types named, a call of the runtime for the others.
    FastPath,
    /// A call of the runtime.
    Runtime,
    /// Never in code that a compiler makes.
    Absent,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Inline => "inline",
            Kind::FastPath => "fast path",
            Kind::Runtime => "runtime call",
            Kind::Absent => "absent",
        }
    }
}

macro_rules! table {
    ($($opcode:ident: $kind:ident, $text:literal;)*) => {
        /// How the opcode is compiled, and what is quick about it.
        pub fn describe(opcode: Opcode) -> (Kind, &'static str) {
            match opcode {
                $(Opcode::$opcode => (Kind::$kind, $text),)*
            }
        }
    };
}

table! {
    BeforeAsyncWith: Runtime, "";
    BeforeWith: Runtime, "";
    BinaryOp: FastPath, "`+ - * // % << >> & | ^ /` on ints of one digit, `+ - * /` on floats; the result stays a number in a register until an object is wanted";
    BinarySlice: Runtime, "lists, tuples and strings without a slice object";
    BinarySubscr: FastPath, "list or tuple with an int; dict by string or int in the runtime";
    BuildConstKeyMap: Runtime, "";
    BuildList: Runtime, "";
    BuildMap: Runtime, "";
    BuildSet: Runtime, "";
    BuildSlice: Runtime, "done along with a `BINARY_SUBSCR` that follows; lists without a slice object";
    BuildString: Runtime, "";
    BuildTuple: Runtime, "";
    Call: FastPath, "compiled Python functions, and `__init__` of classes, are entered directly, with their defaults; functions and methods in C are called by their own signature; `len`, `isinstance`, `list.append` and `type` are machine code";
    CallFunctionEx: Runtime, "";
    CallIntrinsic1: Runtime, "";
    CallIntrinsic2: Runtime, "";
    CallKw: FastPath, "compiled Python functions, and `__init__` of classes, are entered directly: which keyword is which parameter is settled at the first calls";
    CheckEgMatch: Runtime, "";
    CheckExcMatch: Runtime, "";
    CleanupThrow: Runtime, "";
    CompareOp: FastPath, "ints of one digit, floats; the test that follows needs no bool object";
    ContainsOp: Runtime, "ints and strings in lists and tuples without rich comparisons";
    ConvertValue: Runtime, "";
    Copy: Inline, "";
    CopyFreeVars: Runtime, "";
    DeleteAttr: Runtime, "";
    DeleteDeref: Inline, "";
    DeleteFast: Inline, "";
    DeleteGlobal: Runtime, "";
    DeleteName: Runtime, "";
    DeleteSubscr: Runtime, "";
    DictMerge: Runtime, "";
    DictUpdate: Runtime, "";
    EndAsyncFor: Runtime, "";
    EndFor: Inline, "";
    EndSend: Inline, "";
    ExitInitCheck: Absent, "";
    ForIter: FastPath, "range, list and tuple iterators, compiled generators without a look-up; the loop variable's int is written over when nobody else holds it";
    FormatSimple: Runtime, "";
    FormatWithSpec: Runtime, "";
    GetAiter: Runtime, "";
    GetAnext: Runtime, "";
    GetAwaitable: Runtime, "";
    GetIter: Runtime, "";
    GetLen: Runtime, "";
    GetYieldFromIter: Runtime, "";
    ImportFrom: Runtime, "";
    ImportName: Runtime, "";
    InterpreterExit: Absent, "";
    IsOp: Inline, "";
    JumpBackward: Inline, "a back edge: counted, and compared with the breaker";
    JumpBackwardNoInterrupt: Inline, "";
    JumpForward: Inline, "";
    ListAppend: FastPath, "no call while the list has room";
    ListExtend: Runtime, "";
    LoadAssertionError: Inline, "";
    LoadAttr: FastPath, "inline values, slots, and what instances' dictionaries have where they had it last; methods without a bound method object; class attributes, modules, properties in the runtime's entries";
    LoadBuildClass: Runtime, "";
    LoadConst: Inline, "deferred: no code until it is used";
    LoadDeref: Inline, "";
    LoadFast: Inline, "deferred: borrowed from the local";
    LoadFastAndClear: Inline, "";
    LoadFastCheck: Inline, "";
    LoadFastLoadFast: Inline, "deferred: borrowed from the locals";
    LoadFromDictOrDeref: Runtime, "";
    LoadFromDictOrGlobals: Runtime, "";
    LoadGlobal: FastPath, "one load from a cell that dictionary watchers keep true";
    LoadLocals: Runtime, "";
    LoadName: Runtime, "";
    LoadSuperAttr: Runtime, "no super object where the class's look-up is plain";
    MakeCell: Runtime, "";
    MakeFunction: Runtime, "";
    MapAdd: Runtime, "";
    MatchClass: Runtime, "";
    MatchKeys: Runtime, "";
    MatchMapping: Runtime, "";
    MatchSequence: Runtime, "";
    Nop: Inline, "";
    PopExcept: Runtime, "";
    PopJumpIfFalse: Inline, "fused with the test before it";
    PopJumpIfNone: Inline, "";
    PopJumpIfNotNone: Inline, "";
    PopJumpIfTrue: Inline, "fused with the test before it";
    PopTop: Inline, "";
    PushExcInfo: Runtime, "";
    PushNull: Inline, "";
    RaiseVarargs: Runtime, "";
    Reraise: Runtime, "";
    Resume: Inline, "breaker, recursion limit and stack are compared; in generators the breaker only";
    ReturnConst: Inline, "";
    ReturnGenerator: Runtime, "with the cells and free variables before it: the generator is made and the arguments are moved into its frame";
    ReturnValue: Inline, "";
    Send: Runtime, "compiled generators, coroutines and asynchronous generators are resumed directly, without StopIteration objects";
    SetAdd: Runtime, "";
    SetFunctionAttribute: Runtime, "";
    SetUpdate: Runtime, "";
    SetupAnnotations: Runtime, "";
    StoreAttr: FastPath, "inline values and slots, new ones too";
    StoreDeref: Inline, "";
    StoreFast: Inline, "a number is written over the one that the local has if nobody else has it";
    StoreFastLoadFast: Inline, "";
    StoreFastStoreFast: Inline, "";
    StoreGlobal: Runtime, "";
    StoreName: Runtime, "";
    StoreSlice: Runtime, "lists without a slice object";
    StoreSubscr: FastPath, "list with an int, a number written over the one that was there if nobody else has it; dict by string in the runtime";
    Swap: Inline, "";
    ToBool: FastPath, "True, False, None, ints, strings, lists, tuples and dicts";
    UnaryInvert: Runtime, "";
    UnaryNegative: FastPath, "numbers in registers";
    UnaryNot: Inline, "";
    UnpackEx: Runtime, "";
    UnpackSequence: FastPath, "tuples and lists of up to 16 items";
    WithExceptStart: Runtime, "";
    YieldValue: Inline, "the frame is left as the interpreter would leave it; the sent value is found on its operand stack";
}

impl<B: Builder> Emitter<'_, B> {
    /// Emits the present instruction.
    pub fn instruction(&mut self) {
        use Opcode::*;
        let arg = self.at.arg;
        let count = arg as usize;
        match self.at.opcode {
            Nop => {}
            Resume => self.resume(),

            LoadConst => self.load_const(),
            LoadFast => self.load_fast(arg),
            LoadFastLoadFast => {
                self.load_fast(arg >> 4);
                self.load_fast(arg & 15);
            }
            LoadFastCheck => self.load_fast_check(),
            LoadFastAndClear => self.load_fast_and_clear(),
            StoreFast => self.store_fast(arg),
            StoreFastLoadFast => {
                self.store_fast(arg >> 4);
                self.load_fast(arg & 15);
            }
            StoreFastStoreFast => {
                self.store_fast(arg >> 4);
                self.store_fast(arg & 15);
            }
            DeleteFast => self.delete_fast(),
            MakeCell => self.make_cell(),
            CopyFreeVars => self.copy_free_vars(),
            LoadDeref => self.load_deref(),
            StoreDeref => self.store_deref(),
            DeleteDeref => self.delete_deref(),
            LoadGlobal => self.load_global(),
            StoreGlobal => self.store_global(),
            DeleteGlobal => self.delete_global(),
            LoadName => self.load_name(),
            StoreName => self.store_name(),
            DeleteName => self.delete_name(),
            LoadLocals => self.load_locals(),
            LoadFromDictOrGlobals => self.load_from_dict_or_globals(),
            LoadFromDictOrDeref => self.load_from_dict_or_deref(),
            SetupAnnotations => self.setup_annotations(),
            LoadBuildClass => self.load_build_class(),
            LoadAssertionError => self.load_assertion_error(),

            PopTop | EndFor => self.pop_top(),
            PushNull => self.push(Item::Null),
            Copy => self.copy(),
            Swap => self.swap(),

            BinaryOp => self.binary_op(),
            CompareOp => self.compare_op(),
            IsOp => self.is_op(),
            ContainsOp => self.contains_op(),
            UnaryNegative => self.unary_negative(),
            UnaryInvert => self.unary_invert(),
            UnaryNot => self.unary_not(),
            ToBool => self.convert_to_bool(),

            BinarySubscr => self.binary_subscr(),
            StoreSubscr => self.store_subscr(),
            DeleteSubscr => self.delete_subscr(),
            BinarySlice => self.binary_slice(),
            StoreSlice => self.store_slice(),
            BuildTuple => self.build(&ops::BUILD_TUPLE, count, count),
            BuildList => self.build(&ops::BUILD_LIST, count, count),
            BuildSet => self.build(&ops::BUILD_SET, count, count),
            BuildString => self.build(&ops::BUILD_STRING, count, count),
            BuildMap => self.build(&ops::BUILD_MAP, 2 * count, count),
            BuildConstKeyMap => self.build_const_key_map(),
            BuildSlice => self.build_slice(),
            ListAppend => self.list_append(),
            ListExtend => self.extend(&ops::LIST_EXTEND),
            SetAdd => self.extend(&ops::SET_ADD),
            SetUpdate => self.extend(&ops::SET_UPDATE),
            DictUpdate => self.extend(&ops::DICT_UPDATE),
            DictMerge => self.dict_merge(),
            MapAdd => self.map_add(),
            UnpackSequence => self.unpack_sequence(),
            UnpackEx => self.unpack_ex(),
            FormatSimple => self.format_simple(),
            FormatWithSpec => self.format_with_spec(),
            ConvertValue => self.convert_value(),
            GetLen => self.get_len(),
            MatchMapping => self.match_kind(true),
            MatchSequence => self.match_kind(false),
            MatchKeys => self.match_keys(),
            MatchClass => self.match_class(),

            LoadAttr => self.load_attr(),
            StoreAttr => self.store_attr(),
            DeleteAttr => self.delete_attr(),
            LoadSuperAttr => self.load_super_attr(),
            Call => self.call(),
            CallKw => self.call_kw(),
            CallFunctionEx => self.call_function_ex(),
            MakeFunction => self.make_function(),
            SetFunctionAttribute => self.set_function_attribute(),
            ImportName => self.import_name(),
            ImportFrom => self.import_from(),
            CallIntrinsic1 => self.call_intrinsic_1(),
            CallIntrinsic2 => self.call_intrinsic_2(),

            GetIter => self.get_iter(),
            ForIter => self.for_iter(),
            JumpForward | JumpBackwardNoInterrupt => self.jump(),
            JumpBackward => self.jump_backward(),
            PopJumpIfTrue => self.pop_jump_if(true),
            PopJumpIfFalse => self.pop_jump_if(false),
            PopJumpIfNone => self.pop_jump_if_none(true),
            PopJumpIfNotNone => self.pop_jump_if_none(false),
            ReturnValue => self.return_value(),
            ReturnConst => {
                self.load_const();
                self.return_value();
            }

            PushExcInfo => self.push_exc_info(),
            PopExcept => self.pop_except(),
            Reraise => self.reraise(),
            RaiseVarargs => self.raise_varargs(),
            CheckExcMatch => self.check_exc_match(),
            CheckEgMatch => self.check_eg_match(),
            BeforeWith => self.before_with(&BEFORE_WITH),
            WithExceptStart => self.with_except_start(),

            YieldValue => self.yield_value(),
            Send => self.send(),
            EndSend => self.end_send(),
            GetYieldFromIter => self.get_yield_from_iter(),
            GetAwaitable => self.get_awaitable(),
            GetAiter => self.get_aiter(),
            GetAnext => self.get_anext(),
            EndAsyncFor => self.end_async_for(),
            BeforeAsyncWith => self.before_with(&BEFORE_ASYNC_WITH),
            CleanupThrow => self.cleanup_throw(),

            // Declined before anything is emitted; should one slip through, the interpreter is right.
            ReturnGenerator | InterpreterExit | ExitInitCheck => self.hand_over_here(HandOverReason::Instruction),
        }
    }

    /// `POP_TOP`.
    fn pop_top(&mut self) {
        if let Some(&Item::Number(number)) = self.stack.last() {
            self.stack.pop();
            if let Some(object) = number.object {
                self.xdecref(object);
            }
            return;
        }
        let operand = self.pop();
        self.release(operand);
    }

    /// `COPY`.
    fn copy(&mut self) {
        let depth = self.depth() - self.at.arg as usize;
        if matches!(self.stack[depth], Item::Number(_)) {
            self.own_at(depth);
        }
        match self.stack[depth] {
            item @ (Item::Local(_) | Item::Const(_) | Item::Null | Item::Bool(_)) => self.push(item),
            Item::Owned(value) => {
                self.incref(value);
                self.push_owned(value);
            }
            Item::Memory | Item::Number(_) => {
                let value = self.peek(self.at.arg as usize);
                self.incref(value);
                self.push_owned(value);
            }
        }
    }

    /// `SWAP`.
    fn swap(&mut self) {
        let top = self.depth() - 1;
        let other = self.depth() - self.at.arg as usize;
        for depth in [top, other] {
            if self.stack[depth] == Item::Memory {
                self.own_at(depth);
            }
        }
        self.stack.swap(top, other);
    }
}
