//! Random functions that end: ints, floats, bools, objects; branches, nested loops, guards, memory, calls.

use justjit_builder::{FloatCond, IntCond, Region, Type as Width};
use justjit_ir::{
    Block, BlockCall, Call, Effect, FrameRecovery, FrameState, Function, Going, Imm, Op, Reason, Recovery, State,
    Symbol, SymbolData, SymbolKind, Type, Value,
};

pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub struct Generator {
    pub function: Function,
    random: Random,
    block: Block,
    /// Values that are defined on every way to here.
    values: Vec<Value>,
    code: Symbol,
    int: Symbol,
    float: Symbol,
    calls: Vec<Symbol>,
    /// Objects of which a reference is held.
    held: Vec<Value>,
    offset: u32,
    budget: u32,
}

/// A random function of two ints, a float, a bool, two objects and a pointer.
pub fn function(seed: u64) -> Function {
    let mut generator = Generator::new(seed);
    generator.body();
    generator.function
}

impl Generator {
    fn new(seed: u64) -> Generator {
        let mut function = Function::new("random");
        let mut symbol = |name: &str, kind| {
            function.symbol(SymbolData {
                name: name.into(),
                kind,
                address: std::ptr::null(),
                function: None,
            })
        };
        let object = SymbolKind::Object { immortal: true };
        let (code, int, float) = (
            symbol("f", SymbolKind::Code),
            symbol("int", object.clone()),
            symbol("float", object),
        );
        let mut call = |name: &str, params: &[Type], result, effect| {
            symbol(
                name,
                SymbolKind::Function(Call {
                    params: params.to_vec(),
                    result,
                    effect,
                    owned: false,
                    consumes: vec![false; params.len()],
                    through: false,
                }),
            )
        };
        let calls = vec![
            call("pure", &[Type::Int, Type::Int], Some(Type::Int), Effect::Pure),
            call("reads", &[Type::Object], Some(Type::Int), Effect::Reads),
            call("any", &[Type::Int], Some(Type::Int), Effect::Any),
            call("object", &[Type::Object], Some(Type::Object), Effect::Any),
        ];
        let block = function.add_block();
        let params = [
            Type::Int,
            Type::Int,
            Type::Float,
            Type::Bool,
            Type::Object,
            Type::Object,
            Type::Pointer,
        ];
        let values = params.map(|ty| function.add_param(block, ty)).to_vec();
        Generator {
            function,
            random: Random(seed),
            block,
            values,
            code,
            int,
            float,
            calls,
            held: Vec::new(),
            offset: 0,
            budget: 60,
        }
    }

    fn body(&mut self) {
        self.statements(3);
        let value = self.object();
        self.function.end(self.block, Op::Return, vec![value], None, vec![]);
    }

    fn of(&mut self, ty: Type) -> Value {
        let function = &self.function;
        let known: Vec<Value> = self
            .values
            .iter()
            .copied()
            .filter(|&value| function.type_of(value) == ty)
            .collect();
        // Young values more often.
        match self.random.chance(50) {
            true => known[known.len() - 1 - self.random.below(known.len().min(4) as u64) as usize],
            false => self.random.pick(&known),
        }
    }

    /// An object to return, with its reference.
    fn object(&mut self) -> Value {
        match self.random.below(4) {
            0 => {
                let value = self.of(Type::Object);
                self.not_null(value);
                self.append(Op::Incref, vec![value], Imm::None);
                value
            }
            1 => {
                let value = self.of(Type::Float);
                self.op(Op::BoxFloat, vec![value], Imm::None)
            }
            _ => {
                let value = self.of(Type::Int);
                self.op(Op::BoxInt, vec![value], Imm::None)
            }
        }
    }

    fn append(&mut self, op: Op, args: Vec<Value>, imm: Imm) -> Option<Value> {
        let state = op.info().exits.then(|| self.state());
        let value = self.function.append(self.block, op, args, imm, state);
        self.values.extend(value);
        value
    }

    fn op(&mut self, op: Op, args: Vec<Value>, imm: Imm) -> Value {
        self.append(op, args, imm).expect("it has a result")
    }

    fn slot(&mut self) -> Recovery {
        let value = self.random.pick(&self.values);
        match self.function.type_of(value) {
            Type::Object => Recovery::Borrowed(value),
            Type::Pointer => Recovery::Null,
            _ => Recovery::Number(value),
        }
    }

    fn frame_state(&mut self, mut locals: Vec<Recovery>) -> State {
        self.offset += 2;
        // What is held is given to the frame, or released.
        let mut release = Vec::new();
        for value in self.held.clone() {
            match self.random.chance(60) {
                true => locals.push(Recovery::Owned(value)),
                false => release.push(value),
            }
        }
        self.function.add_state(FrameState {
            going: Going::Resume,
            reason: Reason::Type,
            frames: vec![FrameRecovery {
                code: self.code,
                function: Recovery::InFrame,
                offset: self.offset,
                locals,
                stack: vec![],
                returns: justjit_ir::Returns::Value,
            }],
            virtuals: vec![],
            release,
        })
    }

    fn state(&mut self) -> State {
        let locals = (0..1 + self.random.below(4)).map(|_| self.slot()).collect();
        self.frame_state(locals)
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..2 + self.random.below(8) {
            if self.budget == 0 {
                return;
            }
            self.budget -= 1;
            match self.random.below(if depth > 0 { 18 } else { 12 }) {
                0..=3 => self.ints(),
                4 => self.floats(),
                5 | 6 => self.bools(),
                7 => self.guard(),
                8 | 9 => self.memory(),
                10 => self.objects(),
                11 => self.effects(),
                12 | 13 => self.conditional(depth - 1),
                14 | 15 => self.reference(depth - 1),
                _ => self.counted(depth - 1),
            }
        }
    }

    fn constant(&mut self) -> Value {
        let value = self
            .random
            .pick(&[0, 1, 2, 3, 8, -1, -2, 63, 64, 1 << 20, i64::MAX, i64::MIN]);
        self.op(Op::IntConst, vec![], Imm::Int(value))
    }

    fn ints(&mut self) {
        let a = self.of(Type::Int);
        let b = if self.random.chance(35) {
            self.constant()
        } else {
            self.of(Type::Int)
        };
        let op = self.random.pick(&[
            Op::IntAddChecked,
            Op::IntAddChecked,
            Op::IntSubChecked,
            Op::IntMulChecked,
            Op::IntShlChecked,
            Op::IntAnd,
            Op::IntOr,
            Op::IntXor,
            Op::IntFloorDiv,
            Op::IntMod,
            Op::IntShr,
            Op::IntWrap,
        ]);
        match op {
            Op::IntFloorDiv | Op::IntMod => {
                let zero = self.op(Op::IntConst, vec![], Imm::Int(0));
                let positive = self.op(Op::IntCompare, vec![b, zero], Imm::IntCond(IntCond::SignedGt));
                self.append(Op::Guard, vec![positive], Imm::None);
                self.op(op, vec![a, b], Imm::None);
            }
            Op::IntShr => {
                let mask = self.op(Op::IntConst, vec![], Imm::Int(127));
                let count = self.op(Op::IntAnd, vec![b, mask], Imm::None);
                self.op(op, vec![a, count], Imm::None);
            }
            Op::IntWrap => {
                let bits = self.random.pick(&[8, 16, 32]);
                let bits = self.op(Op::IntConst, vec![], Imm::Int(bits));
                self.op(op, vec![a, bits], Imm::None);
            }
            op => {
                self.op(op, vec![a, b], Imm::None);
            }
        }
    }

    fn floats(&mut self) {
        let a = self.of(Type::Float);
        let b = match self.random.below(3) {
            0 => {
                let value = self.random.pick(&[0.0, -0.0, 1.0, 2.0, f64::INFINITY]);
                self.op(Op::FloatConst, vec![], Imm::Float(value))
            }
            1 => {
                let value = self.of(Type::Int);
                self.op(Op::IntToFloat, vec![value], Imm::None)
            }
            _ => self.of(Type::Float),
        };
        let two = [Op::FloatAdd, Op::FloatSub, Op::FloatMul, Op::FloatDiv];
        let one = [
            Op::FloatNeg,
            Op::FloatAbs,
            Op::FloatFloor,
            Op::FloatSqrt,
            Op::FloatSingle,
        ];
        match self.random.chance(60) {
            true => {
                let op = self.random.pick(&two);
                self.op(op, vec![a, b], Imm::None)
            }
            false => {
                let op = self.random.pick(&one);
                self.op(op, vec![a], Imm::None)
            }
        };
    }

    fn bools(&mut self) {
        self.condition();
    }

    fn condition(&mut self) -> Value {
        use IntCond::*;
        let conds = [
            Eq, Ne, SignedLt, SignedLe, SignedGt, SignedGe, UnsignedLt, UnsignedLe, UnsignedGt, UnsignedGe,
        ];
        let (a, b) = (self.of(Type::Bool), self.of(Type::Bool));
        match self.random.below(8) {
            0 => self.op(Op::BoolNot, vec![a], Imm::None),
            1 => {
                let op = self.random.pick(&[Op::BoolAnd, Op::BoolOr, Op::BoolXor]);
                self.op(op, vec![a, b], Imm::None)
            }
            2 => {
                let (a, b) = (self.of(Type::Float), self.of(Type::Float));
                let cond = self
                    .random
                    .pick(&[FloatCond::Eq, FloatCond::Ne, FloatCond::Lt, FloatCond::Ge]);
                self.op(Op::FloatCompare, vec![a, b], Imm::FloatCond(cond))
            }
            3 => {
                let (x, y) = (self.of(Type::Int), self.of(Type::Int));
                self.op(Op::Select, vec![a, x, y], Imm::None);
                a
            }
            4 => {
                self.op(Op::BoolToInt, vec![a], Imm::None);
                a
            }
            _ => {
                let a = self.of(Type::Int);
                let b = if self.random.chance(40) {
                    self.constant()
                } else {
                    self.of(Type::Int)
                };
                let cond = self.random.pick(&conds);
                self.op(Op::IntCompare, vec![a, b], Imm::IntCond(cond))
            }
        }
    }

    fn guard(&mut self) {
        let condition = self.condition();
        self.append(Op::Guard, vec![condition], Imm::None);
    }

    fn memory(&mut self) {
        let (width, signed) = self.random.pick(&[
            (Width::I64, true),
            (Width::I32, true),
            (Width::I8, false),
            (Width::I64, false),
        ]);
        // What is known not to be negative lies where nothing is stored.
        let region = match (width, signed) {
            (Width::I64, false) => Region::Payload,
            _ => self.random.pick(&[Region::Header, Region::Data, Region::Items]),
        };
        let offset = self.random.pick(&[0, 8, 16, 20]);
        let base = match region {
            Region::Header => self.of(Type::Object),
            _ => self.of(Type::Pointer),
        };
        if self.function.type_of(base) == Type::Object {
            self.not_null(base);
        }

        let imm = |ty, scale| Imm::Memory {
            ty,
            width,
            signed,
            region,
            offset,
            scale,
        };
        match self.random.below(5) {
            0 | 1 => {
                self.op(Op::Load, vec![base], imm(Type::Int, 0));
            }
            2 => {
                let index = self.of(Type::Int);
                let mask = self.op(Op::IntConst, vec![], Imm::Int(7));
                let index = self.op(Op::IntAnd, vec![index, mask], Imm::None);
                self.op(Op::LoadIndexed, vec![base, index], imm(Type::Int, 8));
            }
            3 if signed => {
                let value = self.of(Type::Int);
                self.append(Op::Store, vec![base, value], imm(Type::Int, 0));
            }
            _ => {
                let imm = Imm::Memory {
                    ty: Type::Object,
                    width: Width::I64,
                    signed: true,
                    region,
                    offset: 512,
                    scale: 0,
                };
                self.op(Op::Load, vec![base], imm);
            }
        }
    }

    fn not_null(&mut self, object: Value) {
        let null = self.op(Op::IsNull, vec![object], Imm::None);
        let fine = self.op(Op::BoolNot, vec![null], Imm::None);
        self.append(Op::Guard, vec![fine], Imm::None);
    }

    fn objects(&mut self) {
        let object = self.of(Type::Object);
        self.not_null(object);
        let (ty, op) = self
            .random
            .pick(&[(self.int, Op::UnboxInt), (self.float, Op::UnboxFloat)]);
        let fits = self.op(Op::HasType, vec![object], Imm::Symbol(ty));
        self.append(Op::Guard, vec![fits], Imm::None);
        self.op(op, vec![object], Imm::None);
    }

    fn effects(&mut self) {
        match self.random.below(3) {
            0 => {
                let value = self.random.pick(&self.values);
                self.append(Op::Arrive, vec![value], Imm::None);
            }
            _ => {
                let callee = self.random.pick(&self.calls);
                let params = self.function.call(callee).params.clone();
                let args = params.into_iter().map(|ty| self.of(ty)).collect();
                self.append(Op::Call, args, Imm::Symbol(callee));
            }
        }
    }

    /// A reference is taken, or an object made; something is done; the reference is given up.
    fn reference(&mut self, depth: u32) {
        let made = self.random.chance(30);
        let value = match made {
            true => {
                let value = self.of(Type::Int);
                self.op(Op::BoxInt, vec![value], Imm::None)
            }
            false => {
                let value = self.of(Type::Object);
                self.not_null(value);
                self.append(Op::Incref, vec![value], Imm::None);
                value
            }
        };
        self.held.push(value);
        let known = self.values.len();
        let depth = if self.random.chance(50) { depth } else { 0 };
        self.statements(depth);
        self.held.pop();
        let quiet = made || self.random.chance(30);
        self.append(
            if quiet { Op::DecrefNumber } else { Op::Decref },
            vec![value],
            Imm::None,
        );
        if made {
            // It has ended.
            self.values.retain(|&other| other != value);
        }
        debug_assert!(self.values.len() + 1 >= known);
    }

    fn jump(&mut self, to: Block, args: Vec<Value>) {
        self.function
            .end(self.block, Op::Jump, vec![], None, vec![BlockCall { block: to, args }]);
    }

    fn branch(&mut self, condition: Value, to: [Block; 2]) {
        let targets = to.map(|block| BlockCall { block, args: vec![] }).to_vec();
        self.function
            .end(self.block, Op::Branch, vec![condition], None, targets);
    }

    fn conditional(&mut self, depth: u32) {
        let condition = if self.random.chance(50) {
            self.of(Type::Bool)
        } else {
            self.condition()
        };
        let (then, otherwise, join) = (
            self.function.add_block(),
            self.function.add_block(),
            self.function.add_block(),
        );
        let types = [Type::Int, Type::Bool, Type::Object];
        let params = types.map(|ty| self.function.add_param(join, ty));
        self.branch(condition, [then, otherwise]);
        let known = self.values.len();
        for side in [then, otherwise] {
            self.block = side;
            if self.random.chance(60) {
                self.statements(depth);
            }
            let args = types.map(|ty| self.of(ty)).to_vec();
            self.jump(join, args);
            self.values.truncate(known);
        }
        self.block = join;
        self.values.extend(params);
    }

    /// A loop of a few iterations, with values that go round.
    fn counted(&mut self, depth: u32) {
        let (header, body, exit) = (
            self.function.add_block(),
            self.function.add_block(),
            self.function.add_block(),
        );
        let types = [Type::Int, Type::Int, Type::Bool, Type::Float];
        let start = self.random.pick(&[0, 0, 1, -3]);
        let start = self.op(Op::IntConst, vec![], Imm::Int(start));
        // The bound is constant, or a value kept small.
        let stop = match self.random.chance(40) {
            true => self.op(Op::IntConst, vec![], Imm::Int(5)),
            false => {
                let value = self.of(Type::Int);
                let mask = self.op(Op::IntConst, vec![], Imm::Int(7));
                self.op(Op::IntAnd, vec![value, mask], Imm::None)
            }
        };
        let mut args = vec![start];
        args.extend(types[1..].iter().map(|&ty| self.of(ty)));
        self.jump(header, args);
        let params: Vec<Value> = types.iter().map(|&ty| self.function.add_param(header, ty)).collect();
        self.block = header;
        let known = self.values.len();
        self.values.extend(&params);
        if self.random.chance(80) {
            let locals = params.iter().map(|&param| Recovery::Number(param)).collect();
            let state = self.frame_state(locals);
            self.function.blocks[header.index()].entry_state = Some(state);
        }
        let test = self.op(Op::IntCompare, vec![params[0], stop], Imm::IntCond(IntCond::SignedLt));
        self.branch(test, [body, exit]);
        let at_exit = self.values.len();
        self.block = body;
        self.statements(depth);
        let step = self.random.pick(&[1, 1, 2]);
        let step = self.op(Op::IntConst, vec![], Imm::Int(step));
        let next = self.op(Op::IntAddChecked, vec![params[0], step], Imm::None);
        if self.random.chance(50) {
            self.append(Op::Safepoint, vec![], Imm::None);
        }
        let mut args = vec![next];
        args.extend(types[1..].iter().map(|&ty| self.of(ty)));
        self.jump(header, args);
        self.values.truncate(at_exit);
        debug_assert!(known < at_exit);
        self.block = exit;
    }
}
