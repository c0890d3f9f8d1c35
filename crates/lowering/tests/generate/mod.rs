//! Random programs that end and break no rule: arithmetic on everything that is known to fit, memory of several classes and
//! widths, branches, nested loops, guards, calls.

use justjit_builder::{FloatCond, IntCond, Region, Type as Width};
use justjit_ir::{
    Block, BlockCall, Call, Effect, FrameRecovery, FrameState, Function, Going, Imm, Op, Reason, Recovery, State,
    Symbol, SymbolData, SymbolKind, Type, Value,
};

/// Pseudo-random numbers (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Inputs: ints, floats, a bool, from byte 128 on.
pub const INPUT_TYPES: [Type; 7] = [
    Type::Int,
    Type::Int,
    Type::Int,
    Type::Int,
    Type::Float,
    Type::Float,
    Type::Bool,
];
/// Words of memory that hold ints; one class, then another.
pub const INT_WORDS: std::ops::Range<usize> = 32..48;
/// Words that hold doubles.
pub const FLOAT_WORDS: std::ops::Range<usize> = 48..56;
/// Words that hold two singles each.
pub const SINGLE_WORDS: std::ops::Range<usize> = 56..60;

const SYMBOLS: [(&str, &[Type], Option<Type>); 3] = [
    ("mix", &[Type::Int, Type::Int], Some(Type::Int)),
    ("scale", &[Type::Bool, Type::Float], Some(Type::Float)),
    ("bump", &[Type::Pointer], None),
];

struct Generator {
    function: Function,
    random: Random,
    block: Block,
    frame: Value,
    values: Vec<Value>,
    code: Symbol,
    calls: Vec<Symbol>,
    budget: usize,
}

pub fn program(seed: u64) -> Function {
    let mut function = Function::new("random");
    let mut symbol = |name: &str, kind| {
        function.symbol(SymbolData {
            name: name.into(),
            kind,
            address: std::ptr::null(),
            function: None,
        })
    };
    let code = symbol("f", SymbolKind::Code);
    let mut calls = Vec::new();
    for (name, params, result) in SYMBOLS {
        let call = Call {
            params: params.into(),
            result,
            effect: Effect::Any,
            owned: false,
            consumes: vec![false; params.len()],
            through: false,
        };
        calls.push(symbol(name, SymbolKind::Function(call)));
    }
    let block = function.add_block();
    let frame = function.add_param(block, Type::Pointer);
    function.add_param(block, Type::Pointer);
    let entry = function.add_param(block, Type::Int);
    let mut generator = Generator {
        function,
        random: Random(seed),
        block,
        frame,
        values: vec![entry],
        code,
        calls,
        budget: 70,
    };
    generator.body();
    generator.function
}

fn memory(ty: Type, width: Width, signed: bool, region: Region, offset: usize, scale: i32) -> Imm {
    Imm::Memory {
        ty,
        width,
        signed,
        region,
        offset: offset as i32,
        scale,
    }
}

impl Generator {
    fn body(&mut self) {
        for (index, ty) in INPUT_TYPES.into_iter().enumerate() {
            let width = if ty == Type::Float { Width::F64 } else { Width::I64 };
            let imm = memory(ty, width, true, Region::Frame, 128 + 8 * index, 0);
            self.op(Op::Load, &[self.frame], imm);
        }
        self.statements(3);
        // What was computed last is seen in memory.
        for at in 0..4 {
            let value = self.of(Type::Int);
            let imm = memory(Type::Int, Width::I64, true, Region::Data, 8 * (INT_WORDS.start + at), 0);
            self.append(Op::Store, &[self.frame, value], imm);
            let value = self.of(Type::Float);
            let imm = memory(
                Type::Float,
                Width::F64,
                true,
                Region::Payload,
                8 * (FLOAT_WORDS.start + at),
                0,
            );
            self.append(Op::Store, &[self.frame, value], imm);
        }
        let null = self.op(Op::Null, &[], Imm::None);
        self.function.end(self.block, Op::Return, vec![null], None, vec![]);
    }

    fn append(&mut self, op: Op, args: &[Value], imm: Imm) -> Option<Value> {
        let state = op.info().exits.then(|| self.state());
        let value = self.function.append(self.block, op, args.into(), imm, state);
        self.values.extend(value);
        value
    }

    fn op(&mut self, op: Op, args: &[Value], imm: Imm) -> Value {
        self.append(op, args, imm).expect("it has a result")
    }

    fn of(&mut self, ty: Type) -> Value {
        let function = &self.function;
        let known = self.values.iter().copied();
        let known: Vec<Value> = known.filter(|&value| function.type_of(value) == ty).collect();
        // Young ones more often.
        let young = known.len().saturating_sub(4);
        if self.random.below(2) == 0 {
            self.random.pick(&known[young..])
        } else {
            self.random.pick(&known)
        }
    }

    fn int(&mut self, value: i64) -> Value {
        self.op(Op::IntConst, &[], Imm::Int(value))
    }

    fn masked(&mut self, value: Value, mask: i64) -> Value {
        let mask = self.int(mask);
        self.op(Op::IntAnd, &[value, mask], Imm::None)
    }

    fn state(&mut self) -> State {
        let mut frames = Vec::new();
        for depth in 0..1 + self.random.below(2) {
            let mut slots = || {
                let count = self.random.below(5);
                let slots = (0..count).map(|_| match self.random.pick(&self.values) {
                    value if matches!(self.function.type_of(value), Type::Object | Type::Pointer) => Recovery::Null,
                    value => Recovery::Number(value),
                });
                slots.collect()
            };
            frames.push(FrameRecovery {
                code: self.code,
                function: if depth == 0 { Recovery::InFrame } else { Recovery::Null },
                offset: 2,
                locals: slots(),
                stack: slots(),
                returns: justjit_ir::Returns::Value,
            });
        }
        self.function.add_state(FrameState {
            going: Going::Resume,
            reason: Reason::Type,
            frames,
            virtuals: vec![],
            release: vec![],
        })
    }

    fn statements(&mut self, depth: usize) {
        for _ in 0..3 + self.random.below(8) {
            if self.budget == 0 {
                return;
            }
            self.budget -= 1;
            match self.random.below(if depth > 0 { 15 } else { 12 }) {
                0..=2 => self.checked(),
                3 | 4 => self.fitting(),
                5 => self.floats(),
                6 => self.conversions(),
                7 => {
                    self.condition();
                }
                8 | 9 => self.memory(),
                10 => self.call(),
                11 => self.guard(),
                12 | 13 => self.conditional(depth - 1),
                _ => self.counted(depth - 1),
            }
        }
    }

    /// Arithmetic that is right for all ints, or leaves.
    fn checked(&mut self) {
        let a = self.of(Type::Int);
        let b = if self.random.below(3) == 0 {
            let value = self
                .random
                .pick(&[0, 1, 2, 3, 5, 8, 63, 64, -1, -2, -7, 1 << 31, i64::MAX, i64::MIN]);
            self.int(value)
        } else {
            self.of(Type::Int)
        };
        let op = self.random.pick(&[
            Op::IntAddWrapping,
            Op::IntAddWrapping,
            Op::IntAddChecked,
            Op::IntSubChecked,
            Op::IntMulChecked,
            Op::IntShlChecked,
            Op::IntAnd,
            Op::IntOr,
            Op::IntXor,
        ]);
        self.op(op, &[a, b], Imm::None);
    }

    /// Arithmetic whose operands are made to suit.
    fn fitting(&mut self) {
        let (a, b) = (self.of(Type::Int), self.of(Type::Int));
        match self.random.below(6) {
            0 => {
                let (a, b) = (self.masked(a, (1 << 31) - 1), self.masked(b, (1 << 31) - 1));
                let op = self.random.pick(&[Op::IntAdd, Op::IntSub, Op::IntMul]);
                self.op(op, &[a, b], Imm::None);
            }
            1 => {
                let (a, b) = (self.masked(a, 0xffff), self.masked(b, 31));
                self.op(Op::IntShl, &[a, b], Imm::None);
            }
            2 => {
                let count = self.masked(b, 127);
                self.op(Op::IntShr, &[a, count], Imm::None);
            }
            3 => {
                let bits = self.random.pick(&[8, 16, 32]);
                let bits = self.int(bits);
                self.op(Op::IntWrap, &[a, bits], Imm::None);
            }
            _ => {
                // Half of the range has a quotient by -1, and odd numbers are not 0.
                let one = self.int(1);
                let half = self.op(Op::IntShr, &[a, one], Imm::None);
                let divisor = if self.random.below(3) == 0 {
                    let value = self.random.pick(&[1, 2, 3, 10, 64, -1, -3, -8, i64::MIN, i64::MAX]);
                    self.int(value)
                } else {
                    self.op(Op::IntOr, &[b, one], Imm::None)
                };
                if self.random.below(2) == 0 {
                    self.op(Op::IntFloorDiv, &[half, divisor], Imm::None);
                } else {
                    self.op(Op::IntMod, &[a, divisor], Imm::None);
                }
            }
        }
    }

    fn floats(&mut self) {
        let (a, b) = (self.of(Type::Float), self.of(Type::Float));
        let two = [Op::FloatAdd, Op::FloatSub, Op::FloatMul, Op::FloatDiv];
        let one = [
            Op::FloatNeg,
            Op::FloatAbs,
            Op::FloatSqrt,
            Op::FloatFloor,
            Op::FloatCeil,
            Op::FloatTrunc,
            Op::FloatNearest,
            Op::FloatSingle,
        ];
        match self.random.below(5) {
            0 => {
                let op = self.random.pick(&one);
                self.op(op, &[a], Imm::None);
            }
            1 => {
                let value = self.random.pick(&[0.0, -0.0, 1.0, 0.1, 1e300, f64::INFINITY]);
                self.op(Op::FloatConst, &[], Imm::Float(value));
            }
            _ => {
                let op = self.random.pick(&two);
                self.op(op, &[a, b], Imm::None);
            }
        }
    }

    fn conversions(&mut self) {
        match self.random.below(5) {
            0 => {
                let value = self.of(Type::Int);
                self.op(Op::IntToFloat, &[value], Imm::None);
            }
            3 => {
                let value = self.of(Type::Int);
                let mask = self.op(Op::IntConst, &[], Imm::Int(0xffff));
                let bits = self.op(Op::IntAnd, &[value, mask], Imm::None);
                self.op(Op::HalfFloat, &[bits], Imm::None);
            }
            1 => {
                let value = self.of(Type::Bool);
                self.op(Op::BoolToInt, &[value], Imm::None);
            }
            2 => {
                let value = self.of(Type::Float);
                let magnitude = self.op(Op::FloatAbs, &[value], Imm::None);
                let limit = self.op(Op::FloatConst, &[], Imm::Float(9e18));
                let fits = self.op(Op::FloatCompare, &[magnitude, limit], Imm::FloatCond(FloatCond::Lt));
                self.append(Op::Guard, &[fits], Imm::None);
                self.op(Op::FloatToInt, &[value], Imm::None);
            }
            _ => {
                let ty = self.random.pick(&[Type::Int, Type::Float, Type::Bool]);
                let (which, a, b) = (self.of(Type::Bool), self.of(ty), self.of(ty));
                self.op(Op::Select, &[which, a, b], Imm::None);
            }
        }
    }

    fn condition(&mut self) -> Value {
        use IntCond::*;
        match self.random.below(6) {
            0 => {
                let (a, b) = (self.of(Type::Bool), self.of(Type::Bool));
                let op = self.random.pick(&[Op::BoolAnd, Op::BoolOr, Op::BoolXor]);
                self.op(op, &[a, b], Imm::None)
            }
            1 => {
                let value = self.of(Type::Bool);
                self.op(Op::BoolNot, &[value], Imm::None)
            }
            2 => {
                use FloatCond::*;
                let (a, b) = (self.of(Type::Float), self.of(Type::Float));
                let cond = self.random.pick(&[Eq, Ne, Lt, Le, Gt, Ge]);
                self.op(Op::FloatCompare, &[a, b], Imm::FloatCond(cond))
            }
            _ => {
                let (a, b) = (self.of(Type::Int), self.of(Type::Int));
                let cond = self.random.pick(&[
                    Eq, Ne, SignedLt, SignedLe, SignedGt, SignedGe, UnsignedLt, UnsignedLe, UnsignedGt, UnsignedGe,
                ]);
                self.op(Op::IntCompare, &[a, b], Imm::IntCond(cond))
            }
        }
    }

    /// Seldom leaves.
    fn guard(&mut self) {
        let (a, b) = (self.condition(), self.condition());
        let either = self.op(Op::BoolOr, &[a, b], Imm::None);
        let c = self.condition();
        let any = self.op(Op::BoolOr, &[either, c], Imm::None);
        self.append(Op::Guard, &[any], Imm::None);
    }

    fn memory(&mut self) {
        let store = self.random.below(2) == 0;
        let (ty, width, region, words) = match self.random.below(6) {
            0 => (Type::Float, Width::F64, Region::Payload, FLOAT_WORDS),
            1 => (Type::Float, Width::F32, Region::Header, SINGLE_WORDS),
            kind => {
                let width = self.random.pick(&[Width::I8, Width::I16, Width::I32, Width::I64]);
                let ty = if kind == 2 { Type::Bool } else { Type::Int };
                let half = INT_WORDS.len() / 2;
                match self.random.below(2) {
                    0 => (ty, width, Region::Data, INT_WORDS.start..INT_WORDS.start + half),
                    _ => (ty, width, Region::Items, INT_WORDS.start + half..INT_WORDS.end),
                }
            }
        };
        let (size, signed) = (width.size() as usize, self.random.below(2) == 0);
        let count = words.len() * 8 / size;
        let mut args = vec![self.frame];
        let indexed = self.random.below(2) == 0;
        let (offset, scale) = if indexed {
            let index = self.of(Type::Int);
            args.push(self.masked(index, count as i64 - 1));
            (8 * words.start, size as i32)
        } else {
            (8 * words.start + size * self.random.below(count), 0)
        };
        let imm = memory(ty, width, signed, region, offset, scale);
        if store {
            args.push(self.of(ty));
            let op = if indexed { Op::StoreIndexed } else { Op::Store };
            self.append(op, &args, imm);
        } else {
            let op = if indexed { Op::LoadIndexed } else { Op::Load };
            self.op(op, &args, imm);
        }
    }

    fn call(&mut self) {
        let callee = self.random.pick(&self.calls);
        let params = self.function.call(callee).params.clone();
        let args: Vec<Value> = params
            .into_iter()
            .map(|ty| match ty {
                Type::Pointer => {
                    let offset = self.int(8 * INT_WORDS.start as i64);
                    self.op(Op::AddOffset, &[self.frame, offset], Imm::None)
                }
                ty => self.of(ty),
            })
            .collect();
        self.append(Op::Call, &args, Imm::Symbol(callee));
    }

    fn end(&mut self, op: Op, args: Vec<Value>, targets: Vec<(Block, Vec<Value>)>) {
        let targets = targets.into_iter().map(|(block, args)| BlockCall { block, args });
        self.function.end(self.block, op, args, None, targets.collect());
    }

    fn conditional(&mut self, depth: usize) {
        let condition = self.condition();
        let [then, otherwise, join] = [(); 3].map(|()| self.function.add_block());
        self.function.blocks[otherwise.index()].cold = self.random.below(3) == 0;
        let types = [Type::Int, Type::Float, Type::Bool];
        let params = types.map(|ty| self.function.add_param(join, ty));
        self.end(Op::Branch, vec![condition], vec![(then, vec![]), (otherwise, vec![])]);
        let known = self.values.len();
        for side in [then, otherwise] {
            self.block = side;
            self.statements(depth);
            let args = types.map(|ty| self.of(ty)).into();
            self.end(Op::Jump, vec![], vec![(join, args)]);
            self.values.truncate(known);
        }
        self.block = join;
        self.values.extend(params);
    }

    /// A loop of a few rounds, with values that go round; the last block gets arguments straight from its branch.
    fn counted(&mut self, depth: usize) {
        let [header, body, exit] = [(); 3].map(|()| self.function.add_block());
        let types = [Type::Int, Type::Int, Type::Float, Type::Bool];
        let zero = self.int(0);
        let bound = self.of(Type::Int);
        let bound = self.masked(bound, 7);
        let mut args = vec![zero];
        args.extend(types[1..].iter().map(|&ty| self.of(ty)));
        self.end(Op::Jump, vec![], vec![(header, args)]);
        let params = types.map(|ty| self.function.add_param(header, ty));
        let result = self.function.add_param(exit, Type::Float);
        self.block = header;
        self.values.extend(params);
        let more = self.op(Op::IntCompare, &[params[0], bound], Imm::IntCond(IntCond::SignedLt));
        self.end(Op::Branch, vec![more], vec![(body, vec![]), (exit, vec![params[2]])]);
        let known = self.values.len();
        self.block = body;
        self.statements(depth);
        let one = self.int(1);
        let mut args = vec![self.op(Op::IntAdd, &[params[0], one], Imm::None)];
        args.extend(types[1..].iter().map(|&ty| self.of(ty)));
        self.end(Op::Jump, vec![], vec![(header, args)]);
        self.values.truncate(known);
        self.block = exit;
        self.values.push(result);
    }
}
