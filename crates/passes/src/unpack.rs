//! Lists of numbers, unpacked while a loop runs.
//!
//! *Does*: where a nest of loops reads and writes floats or ints in lists, and nothing in it can see or change a list otherwise, has
//! each list's numbers copied to an array of numbers when the nest first comes to it, and reads and writes these; the nest's
//! ends have all lists packed again. A list is asked for its copy where the way to it is last known not to change: before
//! the outermost loop that does not change it.
//! *Assumes*: the runtime's functions for it are among the function's symbols; whoever leaves the code packs first. A list
//! whose copy is in use has nothing but floats in it, or ints of 64 bits, whose objects stay where they are until it is packed.
//! *Guarantees*: every access to a list's array in such a nest is one to such numbers, which goes to the copy, or reads or writes
//! something that such lists do not have: what is read is tested to be of another type, or the list is known to have
//! something of another type.

use crate::nests::{
    Access, Brought, Check, Kind, Move, Nest, Number, Point, find, kind_memory, test_number, tests_room,
};
use crate::{edit, licm, preheaders};
use justjit_builder::{IntCond, Region, Type as Width};
use justjit_ir::{
    Block, BlockCall, Dominators, Flow, Function, Imm, Inst, InstData, Loops, Op, Reason, State, Symbol, SymbolKind,
    Type, Value,
};

/// As `justjit_runtime` has them.
pub const MARK: i64 = i64::MIN / 2;
pub const INT_MARK: i64 = i64::MIN / 4 * 3;
pub const ROWS_MARK: i64 = i64::MIN / 4;
pub const INT_ROWS_MARK: i64 = i64::MIN / 8;
pub const BOOL_MARK: i64 = i64::MIN / 8 * 7;
/// How far marks of a kind may be from that.
pub const REACH: i64 = 1 << 58;
pub const HEAD: i32 = 8;
pub const LIST_ALLOCATED: i32 = 32;

pub fn run(function: &mut Function) -> bool {
    let Some(symbols) = Symbols::of(function) else {
        return false;
    };
    let mut changed = preheaders::run(function);
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let loops = Loops::of(function, &flow, &dominators);
    let mut nests = find(function, &flow, &dominators, &loops);
    // Where it has not paid, or not been possible, the loops inside are no better.
    nests.retain(|nest| {
        nest.place
            .is_some_and(|(code, offset)| !function.failed_ahead.contains(&(code, offset, Reason::Loop)))
    });
    let mut unpacking = vec![false; function.blocks.len()];
    for nest in nests {
        if nest.rewrite(function, &loops, symbols) {
            changed = true;
            nest.blocks.iter().for_each(|block| unpacking[block.index()] = true);
        }
    }
    changed | trust(function, &unpacking)
}

/// Elsewhere no list is unpacked.
fn trust(function: &mut Function, unpacking: &[bool]) -> bool {
    let mut trusted = Vec::new();
    for (block, data) in function.blocks.iter().enumerate() {
        if unpacking.get(block).is_none_or(|&here| !here) {
            let tests = data.insts.iter().filter(|&&inst| {
                let data = function.inst(inst);
                tests_room(function, data).is_some()
            });
            trusted.extend(tests.map(|&inst| (block, inst)));
        }
    }
    for &(block, inst) in &trusted {
        function.blocks[block].insts.retain(|&one| one != inst);
    }
    !trusted.is_empty()
}

/// The symbols of what is called.
#[derive(Clone, Copy)]
struct Symbols {
    version: Symbol,
    unpack_floats: Symbol,
    unpack_ints: Symbol,
    unpack_float_rows: Symbol,
    unpack_int_rows: Symbol,
    unpack_bools: Symbol,
    unpack_moved_floats: Symbol,
    unpack_moved_ints: Symbol,
    keep: Symbol,
    pack: Symbol,
}

impl Symbols {
    fn of(function: &Function) -> Option<Symbols> {
        let find = |name: &str, wanted: fn(&SymbolKind) -> bool| {
            let found = function.symbols.iter().position(|one| one.name == name)?;
            wanted(&function.symbols[found].kind).then_some(Symbol(found as u32))
        };
        let is_function = |kind: &SymbolKind| matches!(kind, SymbolKind::Function(_));
        Some(Symbols {
            version: find("version", |kind| matches!(kind, SymbolKind::Data))?,
            unpack_floats: find("justjit_unpack_floats", is_function)?,
            unpack_ints: find("justjit_unpack_ints", is_function)?,
            unpack_float_rows: find("justjit_unpack_float_rows", is_function)?,
            unpack_int_rows: find("justjit_unpack_int_rows", is_function)?,
            unpack_bools: find("justjit_unpack_bools", is_function)?,
            unpack_moved_floats: find("justjit_unpack_moved_floats", is_function)?,
            unpack_moved_ints: find("justjit_unpack_moved_ints", is_function)?,
            keep: find("justjit_keep", is_function)?,
            pack: find("justjit_pack", is_function)?,
        })
    }
}

impl Nest {
    fn rewrite(&self, function: &mut Function, loops: &Loops, symbols: Symbols) -> bool {
        // States first, and the nest's ends: both go by the blocks as they are.
        let mut states = Vec::new();
        for point in &self.points {
            let state = match point.ahead_of {
                Some(number) => licm::entry_state(function, loops.get(number), point.block, point.state),
                None => Some(point.state),
            };
            let Some(state) = state else { return false };
            let mut state = function.states[state.index()].clone();
            state.reason = Reason::Loop;
            states.push(function.add_state(state));
        }
        let Some(place) = self.place else { return false };
        for &from in &self.blocks {
            let targets: Vec<Block> = function.successors(from).iter().map(|call| call.block).collect();
            for to in targets {
                if !self.blocks.contains(&to) {
                    self.pack_between(function, from, to, symbols);
                }
            }
        }
        self.keep_what_comes(function, symbols);
        for check in &self.checks {
            check.insert(function);
        }
        let mut copies = Vec::new();
        for (point, state) in self.points.iter().zip(states) {
            copies.push((ask(function, point, state, symbols, place), point.kind));
        }
        let mut replaced = edit::Replacements::new(function);
        let mut numbers = Vec::with_capacity(self.accesses.len());
        for access in &self.accesses {
            numbers.push(access.rewrite(function, copies[access.point], &mut replaced));
        }
        for one in &self.moves {
            one.rewrite(function, copies[one.point], &numbers);
        }
        for one in &self.flags {
            one.rewrite(function, copies[one.point].0);
        }
        replaced.apply(function);
        true
    }

    /// Keeps objects that the nest is given and may put into lists, on the ways into it.
    fn keep_what_comes(&self, function: &mut Function, symbols: Symbols) {
        for &to in &self.blocks {
            let mut brought: Vec<Brought> = Vec::new();
            for kept in self.kept.iter().filter(|kept| kept.to == to) {
                if !brought.contains(&kept.what) {
                    brought.push(kept.what);
                }
            }
            if brought.is_empty() {
                continue;
            }
            let all = (0..function.blocks.len() as u32).map(Block);
            let outside = all.filter(|from| !self.blocks.contains(from));
            for from in outside.collect::<Vec<_>>() {
                between(function, from, to, |function, block, args| {
                    for &one in &brought {
                        let object = match one {
                            Brought::Param(at) => args[at as usize],
                            Brought::Value(value) => value,
                        };
                        function.append(block, Op::Call, vec![object], Imm::Symbol(symbols.keep), None);
                    }
                });
            }
        }
    }

    /// Packs all lists on the way out of the nest.
    fn pack_between(&self, function: &mut Function, from: Block, to: Block, symbols: Symbols) {
        let leaves = function.blocks[to.index()].insts.first();
        if leaves.is_some_and(|&first| function.inst(first).op == Op::Deopt) {
            return;
        }
        between(function, from, to, |function, block, _| {
            function.append(block, Op::Call, Vec::new(), Imm::Symbol(symbols.pack), None);
        });
    }
}

/// Puts something on each way from a block to another, by which these arguments are passed.
fn between(function: &mut Function, from: Block, to: Block, put: impl Fn(&mut Function, Block, &[Value])) {
    if !function.successors(from).iter().any(|call| call.block == to) {
        return;
    }
    let last = edit::last(function, from);
    function.position = function.inst(last).position;
    for target in 0..function.inst(last).targets.len() {
        if function.inst(last).targets[target].block != to {
            continue;
        }
        let between = function.add_block();
        function.blocks[between.index()].cold = function.blocks[to.index()].cold;
        let old = BlockCall {
            block: between,
            args: Vec::new(),
        };
        let old = std::mem::replace(&mut function.insts[last.index()].targets[target], old);
        put(function, between, &old.args);
        function.end(between, Op::Jump, Vec::new(), None, vec![old]);
    }
}

impl Check {
    /// Leaves the code before the load if the list's numbers are unpacked. One with a table has its items where they were.
    fn insert(&self, function: &mut Function) {
        let (block, mut at) = edit::place_of(function, self.load);
        let field = memory(Type::Int, Width::I64, Region::Header, LIST_ALLOCATED);
        let mut put = |op, args, imm| {
            let inst = edit::insert(function, block, at, op, args, imm);
            at += 1;
            inst
        };
        let room = put(Op::Load, vec![self.list], field);
        let least = put(Op::IntConst, Vec::new(), Imm::Int(ROWS_MARK - REACH));
        let guard = put(Op::Guard, Vec::new(), Imm::None);
        let args = [room, least].map(|inst| function.inst(inst).result.expect("a number is a result"));
        let cond = Imm::IntCond(IntCond::SignedGe);
        let fine = edit::insert_value(function, block, at - 1, Op::IntCompare, args.to_vec(), cond);
        let mut state = function.states[self.state.index()].clone();
        state.reason = Reason::Loop;
        let state = function.add_state(state);
        let guard = &mut function.insts[guard.index()];
        guard.args = vec![fine];
        guard.state = Some(state);
    }
}

/// Cuts a block in two before the place, where the list gets a copy unless it has one; where the copy is.
fn ask(function: &mut Function, point: &Point, state: State, symbols: Symbols, (code, offset): (Symbol, u32)) -> Value {
    let (block, at) = edit::place_of(function, point.before);
    let tail = function.add_block();
    let rest = function.blocks[block.index()].insts.split_off(at);
    let cold = function.blocks[block.index()].cold;
    function.blocks[tail.index()].insts = rest;
    function.blocks[tail.index()].cold = cold;
    let mark = function.add_param(tail, Type::Int);
    function.position = function.inst(point.before).position;
    let field = memory(Type::Int, Width::I64, Region::Header, LIST_ALLOCATED);
    let list = point.list;
    let mut put = |block, op, args, imm| function.append(block, op, args, imm, None);
    let known = put(block, Op::Load, vec![list], field).expect("a load has a result");
    let (base, unpack) = match (point.kind, point.rows) {
        (Kind::Float, false) if point.moves => (MARK, symbols.unpack_moved_floats),
        (Kind::Int, false) if point.moves => (INT_MARK, symbols.unpack_moved_ints),
        (Kind::Float, false) => (MARK, symbols.unpack_floats),
        (Kind::Int, false) => (INT_MARK, symbols.unpack_ints),
        (Kind::Float, true) => (ROWS_MARK, symbols.unpack_float_rows),
        (Kind::Int, true) => (INT_ROWS_MARK, symbols.unpack_int_rows),
        (Kind::Bool, _) => (BOOL_MARK, symbols.unpack_bools),
    };
    // In the reach of marks of that kind, as far as an unsigned comparison says.
    let is_mark = |function: &mut Function, block, mark| {
        let mut put = |op, args, imm| function.append(block, op, args, imm, None).expect("it has a result");
        let less = put(Op::IntConst, Vec::new(), Imm::Int(REACH - base));
        let from = put(Op::IntAddWrapping, vec![mark, less], Imm::None);
        let reach = put(Op::IntConst, Vec::new(), Imm::Int(2 * REACH));
        put(Op::IntCompare, vec![from, reach], Imm::IntCond(IntCond::UnsignedLt))
    };
    let has = is_mark(function, block, known);
    let making = function.add_block();
    function.blocks[making.index()].cold = true;
    let on = |mark| BlockCall {
        block: tail,
        args: vec![mark],
    };
    let make = BlockCall {
        block: making,
        args: Vec::new(),
    };
    function.end(block, Op::Branch, vec![has], None, vec![on(known), make]);
    let version = function.append(making, Op::PointerConst, Vec::new(), Imm::Symbol(symbols.version), None);
    let code = function.append(making, Op::PointerConst, Vec::new(), Imm::Symbol(code), None);
    let offset = function.append(making, Op::IntConst, Vec::new(), Imm::Int(offset.into()), None);
    let args = [Some(list), version, code, offset];
    let args = args.map(|arg| arg.expect("a constant is a result")).to_vec();
    let made = function.append(making, Op::Call, args, Imm::Symbol(unpack), None);
    let made = made.expect("a mark is a result");
    let fine = is_mark(function, making, made);
    function.append(making, Op::Guard, vec![fine], Imm::None, Some(state));
    function.end(making, Op::Jump, Vec::new(), None, vec![on(made)]);
    // Where the copy is, as seen from the list.
    let mut index = 0;
    let mut put = |op, args, imm| {
        let inst = edit::insert(function, tail, index, op, args, imm);
        index += 1;
        function.inst(inst).result
    };
    let less = put(Op::IntConst, Vec::new(), Imm::Int(-base)).expect("a constant is a result");
    let distance = put(Op::IntAddWrapping, vec![mark, less], Imm::None).expect("a sum is a result");
    let copy = put(Op::AddOffset, vec![list, distance], Imm::None).expect("an address is a result");
    if point.stores {
        let one = put(Op::IntConst, Vec::new(), Imm::Int(1)).expect("a constant is a result");
        let head = memory(Type::Int, Width::I64, Region::Data, -HEAD);
        put(Op::Store, vec![copy, one], head);
    }
    copy
}

fn memory(ty: Type, width: Width, region: Region, offset: i32) -> Imm {
    Imm::Memory {
        ty,
        width,
        signed: true,
        region,
        offset,
        scale: 0,
    }
}

impl Access {
    /// Reads and writes the copy; gives the number that is read.
    fn rewrite(
        &self,
        function: &mut Function,
        (copy, kind): (Value, Kind),
        replaced: &mut edit::Replacements,
    ) -> Value {
        let object = function.inst(self.load).result.expect("a load has a result");
        let unbox = kind.unbox().into_iter();
        let unboxed: Vec<Inst> = unbox.flat_map(|unbox| of_object(function, object, unbox)).collect();
        let (block, mut at) = edit::place_of(function, self.load);
        let mut copy = copy;
        if let Some(row) = self.row {
            let data = function.inst(row).clone();
            let mut args = data.args.clone();
            args[0] = copy;
            copy = edit::insert_value(function, block, at, data.op, args, in_table(&data));
            at += 1;
        }
        let data = function.inst(self.load).clone();
        let (op, mut args, imm) = (data.op, data.args.clone(), kind_memory(&data, kind));
        args[0] = copy;
        let number = edit::insert_value(function, block, at, op, args, imm);
        for &inst in &unboxed {
            let value = function.inst(inst).result.expect("a number is a result");
            replaced.replace(value, number);
        }
        for block in &mut function.blocks {
            block.insts.retain(|inst| !unboxed.contains(inst));
        }
        if kind == Kind::Bool {
            test_number(function, self.load, number);
        }
        // All of a list that has a copy are of one type, and so are all rows of a table.
        for &(value, ty) in &self.known {
            let tests: Vec<Inst> = of_object(function, value, Op::HasType).collect();
            for test in tests {
                let is_that = function.inst(test).imm == ty;
                edit::become_constant(function, test, edit::Constant::Bool(is_that));
            }
        }
        for &(call, store) in &self.writes {
            let value = function.inst(call).args[1];
            let given = function.inst(call).result;
            let data = function.inst(store).clone();
            let mut args = data.args.clone();
            args[0] = copy;
            *args.last_mut().expect("a store stores a value") = value;
            edit::become_op(function, store, data.op, args, kind_memory(&data, kind));
            for block in &mut function.blocks {
                block.insts.retain(|&inst| {
                    let one = &function.insts[inst.index()];
                    let passes_on = matches!(one.op, Op::HandOver | Op::TakeOver)
                        && (Some(one.args[0]) == given || one.args[0] == object);
                    inst != call && !passes_on
                });
            }
        }
        number
    }
}

impl Move {
    /// Stores the number as well, and counts no reference for the list's array.
    fn rewrite(&self, function: &mut Function, (copy, kind): (Value, Kind), numbers: &[Value]) {
        let data = function.inst(self.store).clone();
        let object = *data.args.last().expect("a store stores a value");
        let number = match self.number {
            Number::Loaded(access) => numbers[access],
            Number::Unboxed(guard) => {
                let state = function.inst(guard).state.expect("a guard has a state");
                let mut state = function.states[state.index()].clone();
                state.reason = Reason::Overflow;
                let (block, at) = edit::place_of(function, guard);
                let unbox = kind.unbox().expect("numbers are moved");
                let inst = edit::insert(function, block, at, unbox, vec![object], Imm::None);
                if unbox.info().exits {
                    let state = function.add_state(state);
                    function.insts[inst.index()].state = Some(state);
                }
                function.inst(inst).result.expect("a number is a result")
            }
        };
        let (block, at) = edit::place_of(function, self.store);
        let mut args = data.args.clone();
        args[0] = copy;
        *args.last_mut().expect("a store stores a value") = number;
        edit::insert(function, block, at, data.op, args, kind_memory(&data, kind));
        for (inst, op) in [(self.handed, Op::DecrefNumber), (self.taken, Op::Incref)] {
            if let Some(inst) = inst {
                let args = function.inst(inst).args.clone();
                edit::become_op(function, inst, op, args, Imm::None);
            }
        }
    }
}

/// The same place of the table, which is written to by nobody.
fn in_table(data: &InstData) -> Imm {
    let Imm::Memory { offset, scale, .. } = data.imm else {
        unreachable!("a load of memory")
    };
    Imm::Memory {
        ty: Type::Pointer,
        width: Width::I64,
        signed: true,
        region: Region::Structures,
        offset,
        scale,
    }
}

/// Instructions of the kind that take the value.
fn of_object(function: &Function, object: Value, op: Op) -> impl Iterator<Item = Inst> {
    let insts = function.blocks.iter().flat_map(|block| &block.insts).copied();
    insts.filter(move |&inst| function.inst(inst).op == op && function.inst(inst).args[0] == object)
}
