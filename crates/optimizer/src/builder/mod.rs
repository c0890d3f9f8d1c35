//! From bytecode to IR, by running the bytecode on abstract values.
//!
//! Each basic block is translated once for each *shape* of the frames that reach it (what is unboxed, what is known of
//! types): lazy basic block versioning. So a loop whose variable is an int at first and a float from then on, or whose
//! objects' types have been looked at in the first round, gets another version of its body rather than tests in each
//! round. The versions of one place are few ([`VERSION_LIMIT`]); beyond that their values are boxed and forgotten.
//!
//! Frames of inlined callees are abstract frames on top of the function's own.

mod memory;
mod states;
mod versions;

pub use states::owned_values;

use crate::instances::Recovering;
use crate::item::{Constant, Frame, Item, Kind, Local, Number, Object, Owner, Step, shape_of, values_of};
use crate::knowledge::{Knowledge, Seen};
use crate::typed::{Pool, Typed};
use crate::uses::Uses;
use crate::{Decline, Known};
use justjit_bytecode::{Function as Decoded, Instruction, Opcode};
use justjit_ir::{
    self as ir, Block, BlockCall, Call, Effect, FrameRecovery, FrameState, Going, Imm, Op, Reason, Recovery, State,
    Symbol, SymbolData, SymbolKind, Type, Value, VirtualObject,
};
use justjit_runtime::layout::{Code, offset};
use pyo3_ffi::*;
use rustc_hash::{FxHashMap, FxHashSet};

/// How often a branch must have gone the other way for this way to be left out.
const OCCASIONS: u32 = 4;
/// Versions of one place, beyond which shapes are given up.
const VERSION_LIMIT: usize = 5;
/// Versions of a loop header that are made as long as anything differs.
const HEADER_VERSIONS: usize = 3;
/// The same in a function of so many instructions of IR.
const LARGE_VERSION_LIMIT: usize = 2;
const VERSION_ROOM: usize = 5_000;
/// Instructions of IR, beyond which the function is too large: where its bytecode is, as much of it is to be expected for each
/// instruction, and most of that is the same again and again.
const SIZE_LIMIT: usize = 60_000;
const SIZE_LIMIT_OF_LARGE: usize = 150_000;
const SIZE_OF_INSTRUCTION: usize = 50;

/// Why building stops.
pub enum Stop {
    /// The function stays in the tier it is in.
    Decline(Decline),
    /// The callee at this place must not be inlined: building begins again.
    NotInlined(usize, usize),
    /// Which object a number is matters in this function: building begins again.
    Identity,
}

pub type Done<T = ()> = Result<T, Stop>;

/// Declines with a reason.
pub fn decline<T>(reason: impl Into<String>) -> Done<T> {
    Err(Stop::Decline(Decline(reason.into())))
}

/// A code object whose instructions are in the IR.
pub struct CodeInfo {
    pub code: *mut Code,
    pub decoded: Decoded,
    pub uses: Uses,
    pub knowledge: Knowledge,
    pub symbol: Symbol,
    pub globals: *mut PyObject,
    pub builtins: *mut PyObject,
    /// Instructions that are reached in more than one way.
    merges: FxHashSet<usize>,
    headers: FxHashSet<usize>,
    /// Those of the merges that are in loops: what comes round there first may be any of them.
    looping: FxHashSet<usize>,
    /// Instructions that return.
    pub returns: usize,
    /// By instruction: whether an exception that the frame has caught may be there.
    pub handled: Vec<bool>,
    /// Blocks that nobody went to while somebody looked, though there were occasions: by their first instructions.
    avoided: FxHashSet<usize>,
}

struct BlockVersion {
    shape: Vec<Frame>,
    block: Block,
}

/// A block that is to be filled.
struct Task {
    block: Block,
    frames: Vec<Frame>,
    /// It is a version's own block, not one on the way there.
    begun: bool,
}

pub struct Builder<'a> {
    pub f: ir::Function,
    pub known: &'a mut dyn Known,
    pub codes: Vec<CodeInfo>,
    /// Abstract frames, the outermost first, at the present instruction.
    pub frames: Vec<Frame>,
    /// As they were when the present instruction began.
    pub before: Vec<Frame>,
    pub before_states: FxHashMap<Reason, State>,
    /// What the present instruction has taken and not given up yet: where an exception is raised, that is done there.
    pub owed: Vec<Item>,
    /// References to elements that are taken once all of the instruction's bets have held.
    pub deferred: Option<Vec<Value>>,
    pub block: Block,
    pub terminated: bool,
    /// Code that we do not know has run: what was bet on may have changed.
    pub unsure: bool,
    pub at: Instruction,
    pub index: usize,
    versions: FxHashMap<Vec<(usize, usize)>, Vec<BlockVersion>>,
    /// Places where ways come together again that one instruction has parted.
    joins: FxHashSet<Vec<(usize, usize)>>,
    tasks: Vec<Task>,
    /// By local: the type of what the frame has there that waits at the loop which is entered.
    pub types_before: Vec<Option<*mut PyTypeObject>>,
    /// Types that are [`Kind::Other`].
    pub types: Vec<*mut PyTypeObject>,
    pub not_inlined: FxHashSet<(usize, usize)>,
    /// Which objects numbers are matters (see `identity`).
    pub asks_identity: bool,
    pub frame_pointer: Value,
    pub thread: Value,
    /// Objects that the version has to keep alive.
    pub kept: Vec<*mut PyObject>,
    /// Instructions that are translated to calls of the runtime, and all.
    pub generic: usize,
    pub specialized: usize,
    /// How often the former ran, while somebody looked.
    pub generic_weight: u64,
    /// Their indices, in the outermost code.
    pub generic_at: FxHashSet<usize>,
    constants: FxHashMap<(usize, bool), Symbol>,
    /// Objects whose kinds have been told apart, with how many frames there were: where ways come together again, it is
    /// forgotten.
    pub told_apart: Vec<(Value, usize)>,
    /// Operators after which floats have a way of their own.
    pub splits: usize,
    /// The instances of the frames whose state is being made.
    pub recovering: Recovering,
    /// Numbers of inlined codes, by the caller's, the call and the code.
    pub inlined_at: FxHashMap<(usize, usize, usize), usize>,
    /// The typed bodies that are called.
    pub pool: Pool,
    /// Where a typed body is built.
    pub typed: Option<Typed>,
    /// The typed body is not worth it.
    pub refused: bool,
    /// Why building stops, where that could not be said at once.
    pub failed: Option<Stop>,
    /// The body is entered at a loop header.
    pub begins_in_loop: bool,
    /// Where baseline code goes on with a suspended frame, by byte offsets.
    pub resume_points: Vec<(u32, *const ())>,
}

/// Where control comes together: blocks with several ways in, loop headers, handlers.
fn merges(decoded: &Decoded) -> (FxHashSet<usize>, FxHashSet<usize>) {
    let mut ways = vec![0; decoded.blocks.len()];
    ways[0] = 1;
    for block in decoded.blocks.iter().filter(|block| block.entry_depth.is_some()) {
        for &next in &block.successors {
            ways[next as usize] += 1;
        }
    }
    let blocks = || decoded.blocks.iter().zip(&ways);
    let merges = blocks().filter(|(block, ways)| **ways > 1 || block.is_loop_header || block.is_handler);
    let headers = decoded.blocks.iter().filter(|block| block.is_loop_header);
    (
        merges.map(|(block, _)| block.start).collect(),
        headers.map(|block| block.start).collect(),
    )
}

/// Blocks that were not reached although what leads there was: not those behind loops, which may have gone on for as long
/// as somebody looked.
fn avoided(decoded: &Decoded, knowledge: &Knowledge) -> FxHashSet<usize> {
    let blocks = &decoded.blocks;
    let mut behind_loop = vec![false; blocks.len()];
    let mut occasions = vec![false; blocks.len()];
    for (last, block) in blocks
        .iter()
        .enumerate()
        .filter(|(_, block)| block.entry_depth.is_some())
    {
        for &first in block.successors.iter().filter(|&&first| first as usize <= last) {
            let inside = first as usize..=last;
            let leaving = blocks[inside.clone()].iter().flat_map(|block| &block.successors);
            for &next in leaving.filter(|&&next| !inside.contains(&(next as usize))) {
                behind_loop[next as usize] = true;
            }
        }
        if knowledge.count(block.end - 1) >= OCCASIONS {
            for &next in &block.successors {
                occasions[next as usize] = true;
            }
        }
    }
    let blocks = blocks.iter().enumerate();
    let avoided =
        blocks.filter(|(at, block)| occasions[*at] && !behind_loop[*at] && knowledge.is_unreached(block.start));
    avoided.map(|(_, block)| block.start).collect()
}

impl<'a> Builder<'a> {
    pub fn new(name: &str, known: &'a mut dyn Known) -> Builder<'a> {
        let (builder, _) = Builder::with_entry(name, known, &[Type::Pointer, Type::Pointer, Type::Int]);
        builder
    }

    /// A builder of a function with these parameters, which are given as well.
    pub fn with_entry(name: &str, known: &'a mut dyn Known, types: &[Type]) -> (Builder<'a>, Vec<Value>) {
        let mut f = ir::Function::new(name);
        let block = f.add_block();
        let params: Vec<Value> = types.iter().map(|&ty| f.add_param(block, ty)).collect();
        let (frame_pointer, thread) = (params[0], params[1]);
        let builder = Builder {
            f,
            known,
            codes: Vec::new(),
            frames: Vec::new(),
            before: Vec::new(),
            before_states: FxHashMap::default(),
            owed: Vec::new(),
            deferred: None,
            block,
            terminated: false,
            unsure: false,
            at: Instruction {
                offset: 0,
                start: 0,
                next: 0,
                opcode: Opcode::Nop,
                arg: 0,
                target: None,
                depth: None,
                handler: None,
                block: 0,
            },
            index: 0,
            versions: FxHashMap::default(),
            joins: FxHashSet::default(),
            tasks: Vec::new(),
            types_before: Vec::new(),
            types: Vec::new(),
            not_inlined: FxHashSet::default(),
            asks_identity: false,
            frame_pointer,
            thread,
            kept: Vec::new(),
            generic: 0,
            specialized: 0,
            generic_weight: 0,
            generic_at: FxHashSet::default(),
            constants: FxHashMap::default(),
            told_apart: Vec::new(),
            splits: 0,
            recovering: Recovering::default(),
            inlined_at: FxHashMap::default(),
            pool: Pool::default(),
            typed: None,
            refused: false,
            failed: None,
            begins_in_loop: false,
            resume_points: Vec::new(),
        };
        (builder, params)
    }

    /// Makes a code object known; its number.
    pub fn add_code(
        &mut self,
        code: *mut Code,
        decoded: Decoded,
        knowledge: Knowledge,
        (globals, builtins): (*mut PyObject, *mut PyObject),
    ) -> usize {
        let (merges, headers) = merges(&decoded);
        let loops = decoded.loops();
        let inside = loops.iter().flat_map(|one| &one.blocks);
        let inside = inside.map(|&block| decoded.blocks[block as usize].start);
        let looping = inside.filter(|start| merges.contains(start)).collect();
        let number = self.codes.len();
        // SAFETY: a live code object.
        let name = unsafe { crate::text::name_of((*code).co_qualname) };
        let symbol = self.f.symbol(SymbolData {
            name: format!("{name}#{number}"),
            kind: SymbolKind::Code,
            address: code.cast_const().cast(),
            function: None,
        });
        if number > 0 {
            self.f.inlined.push(symbol);
            self.keep(code.cast());
        }
        let uses = Uses::of(&decoded);
        let avoided = avoided(&decoded, &knowledge);
        let handled = crate::handlers::handled(&decoded);
        let is_return = |opcode| matches!(opcode, Opcode::ReturnValue | Opcode::ReturnConst);
        let returns = decoded.instructions.iter().enumerate();
        let returns = returns
            .filter(|(index, one)| is_return(one.opcode) && !knowledge.is_unreached(*index))
            .count();
        self.codes.push(CodeInfo {
            returns,
            handled,
            avoided,
            code,
            decoded,
            uses,
            knowledge,
            symbol,
            globals,
            builtins,
            merges,
            headers,
            looping,
        });
        number
    }

    /// The version keeps the object alive.
    pub fn keep(&mut self, object: *mut PyObject) {
        if !self.kept.contains(&object) {
            self.kept.push(object);
        }
    }

    // ---- frames --------------------------------------------------------------------------------------------------

    pub fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("there is a frame")
    }

    pub fn info(&self) -> &CodeInfo {
        &self.codes[self.frames.last().expect("there is a frame").code]
    }

    pub fn is_inlined(&self) -> bool {
        self.frames.len() > 1
    }

    pub fn push(&mut self, item: Item) {
        self.frame().stack.push(item);
    }

    pub fn pop(&mut self) -> Item {
        self.frame().stack.pop().expect("decoding has checked depths")
    }

    /// Takes the top items, the lowest first.
    pub fn pop_many(&mut self, count: usize) -> Vec<Item> {
        let stack = &mut self.frame().stack;
        stack.split_off(stack.len() - count)
    }

    pub fn seen(&self) -> Seen {
        self.info().knowledge.at(self.index)
    }

    /// Whether a bet at the present instruction was lost too often.
    pub fn is_widened(&self, reason: Reason) -> bool {
        self.info().knowledge.is_widened(self.index, reason)
    }

    // ---- emitting ------------------------------------------------------------------------------------------------

    pub fn op(&mut self, op: Op, args: &[Value]) -> Value {
        self.op_imm(op, args, Imm::None)
    }

    pub fn op_imm(&mut self, op: Op, args: &[Value], imm: Imm) -> Value {
        let result = self.f.append(self.block, op, args.to_vec(), imm, None);
        result.expect("the operation has a result")
    }

    /// An operation without a result.
    pub fn effect(&mut self, op: Op, args: &[Value], imm: Imm) {
        self.f.append(self.block, op, args.to_vec(), imm, None);
    }

    /// An operation that may leave, before anything of the present instruction has been done.
    pub fn checked(&mut self, op: Op, args: &[Value], reason: Reason) -> Value {
        let state = self.state_before(reason);
        let result = self.f.append(self.block, op, args.to_vec(), Imm::None, Some(state));
        result.expect("the operation has a result")
    }

    /// Leaves, before anything of the present instruction has been done, unless `condition` holds.
    pub fn guard(&mut self, condition: Value, reason: Reason) {
        let state = self.state_before(reason);
        self.f
            .append(self.block, Op::Guard, vec![condition], Imm::None, Some(state));
    }

    pub fn int(&mut self, value: i64) -> Value {
        self.op_imm(Op::IntConst, &[], Imm::Int(value))
    }

    pub fn float(&mut self, value: f64) -> Value {
        self.op_imm(Op::FloatConst, &[], Imm::Float(value))
    }

    pub fn bool(&mut self, value: bool) -> Value {
        self.op_imm(Op::BoolConst, &[], Imm::Bool(value))
    }

    pub fn null(&mut self) -> Value {
        self.op(Op::Null, &[])
    }

    /// A constant object of the process, which the version keeps alive.
    pub fn object_symbol(&mut self, object: *mut PyObject) -> Symbol {
        if let Some(&known) = self.constants.get(&(object as usize, true)) {
            return known;
        }
        self.keep(object);
        // SAFETY: a live object; the GIL is held.
        let (text, immortal) = unsafe { (crate::text::describe(object), crate::text::is_immortal(object)) };
        // Passes know some by their names.
        let genuine = crate::text::is_genuine(object, &text);
        let name = self.unique(if genuine { text } else { format!("{text}.other") });
        let symbol = self.f.symbol(SymbolData {
            name,
            kind: SymbolKind::Object { immortal },
            address: object.cast_const().cast(),
            function: None,
        });
        self.constants.insert((object as usize, true), symbol);
        symbol
    }

    /// Data of the process.
    pub fn data_symbol(&mut self, address: *const (), name: &str) -> Symbol {
        if let Some(&known) = self.constants.get(&(address as usize, false)) {
            return known;
        }
        let name = self.unique(name.to_owned());
        let symbol = self.f.symbol(SymbolData {
            name,
            kind: SymbolKind::Data,
            address,
            function: None,
        });
        self.constants.insert((address as usize, false), symbol);
        symbol
    }

    fn unique(&self, name: String) -> String {
        let taken = |name: &str| self.f.symbols.iter().any(|symbol| symbol.name == name);
        if !taken(&name) {
            return name;
        }
        (2..)
            .map(|number| format!("{name}#{number}"))
            .find(|name| !taken(name))
            .expect("numbers do not end")
    }

    pub fn object(&mut self, object: *mut PyObject) -> Value {
        let symbol = self.object_symbol(object);
        self.op_imm(Op::ObjectConst, &[], Imm::Symbol(symbol))
    }

    pub fn pointer(&mut self, address: *const (), name: &str) -> Value {
        let symbol = self.data_symbol(address, name);
        self.op_imm(Op::PointerConst, &[], Imm::Symbol(symbol))
    }

    /// A function of the runtime, as calls name it.
    pub fn function_symbol(
        &mut self,
        function: &'static justjit_builder::RuntimeFn,
        params: &[Type],
        result: Option<Type>,
        (effect, owned): (Effect, bool),
    ) -> Symbol {
        self.f.symbol(SymbolData {
            name: function.name.to_owned(),
            kind: SymbolKind::Function(Call {
                params: params.to_vec(),
                result,
                effect,
                owned,
                consumes: (0..params.len()).map(|at| function.takes >> at & 1 != 0).collect(),
                through: false,
            }),
            address: function.address,
            function: Some(function),
        })
    }

    /// Calls a function of the runtime that runs no Python code.
    pub fn call(
        &mut self,
        function: &'static justjit_builder::RuntimeFn,
        args: &[Value],
        result: Option<Type>,
        behaviour: (Effect, bool),
    ) -> Option<Value> {
        let params: Vec<Type> = args.iter().map(|&value| self.f.type_of(value)).collect();
        let symbol = self.function_symbol(function, &params, result, behaviour);
        self.f
            .append(self.block, Op::Call, args.to_vec(), Imm::Symbol(symbol), None)
    }

    /// A call of a function that computes a number from numbers.
    pub fn compute(&mut self, function: &'static justjit_builder::RuntimeFn, args: &[Value], result: Type) -> Value {
        self.call(function, args, Some(result), (Effect::Pure, false))
            .expect("a result")
    }

    /// Translates everything that is reached from the frames as they are, in the present block.
    pub fn run(&mut self) -> Done {
        self.run_block(false)?;
        while let Some(task) = self.tasks.pop() {
            self.block = task.block;
            self.frames = task.frames;
            self.run_block(task.begun)?;
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    fn size_limit(&self) -> usize {
        let bytecode = self.codes[0].decoded.instructions.len();
        (bytecode * SIZE_OF_INSTRUCTION).clamp(SIZE_LIMIT, SIZE_LIMIT_OF_LARGE)
    }

    fn run_block(&mut self, begun: bool) -> Done {
        self.terminated = false;
        self.unsure = false;
        let mut begun = begun;
        while !self.terminated {
            if self.f.insts.len() > self.size_limit() {
                return decline("too large for the optimizing tier");
            }
            self.sweep();
            self.keep_identity()?;
            let depth = self.frames.len();
            let frame = self.frames.last().expect("there is a frame");
            let (code, index) = (frame.code, frame.index);
            let info = &self.codes[code];
            let ends = !begun && (info.merges.contains(&index) || self.is_join());
            let begins = std::mem::take(&mut begun);
            // Where a place is entered, too: what is made on the way there raises as its instruction would.
            self.index = index;
            self.at = info.decoded.instructions[index];
            self.f.position = ir::Position {
                code: code as u32,
                offset: self.at.offset,
            };
            self.before.clone_from(&self.frames);
            self.before_states.clear();
            if ends {
                if depth == 1 && info.headers.contains(&index) {
                    // Not by a back edge: tells the profiler, since the loop itself may not store where it is.
                    self.effect(Op::Locate, &[], Imm::Offset(self.at.offset));
                }
                return self.go_to(index);
            }
            let block = &info.decoded.blocks[self.at.block as usize];
            if begins && depth == 1 && block.is_handler && block.start == index && !self.has_quiet_exception() {
                self.begin_handler();
                self.before.clone_from(&self.frames);
                self.before_states.clear();
            }
            let info = &self.codes[code];
            if info.avoided.contains(&index) {
                self.deopt(Reason::Unreached);
                break;
            }
            self.frame().index = index + 1;
            self.instruction()?;
            if let Some(stop) = self.failed.take() {
                return Err(stop);
            }
            if !self.terminated && self.frames.len() == depth {
                if self.ends_handling() {
                    self.end_of_handling();
                }
                self.settle();
            }
        }
        Ok(())
    }

    /// After code that we do not know has run: leaves if a bet is off.
    pub fn settle(&mut self) {
        self.settle_before(Vec::new());
    }

    /// The same where these references are given up next.
    pub fn settle_before(&mut self, later: Vec<Value>) {
        if !std::mem::take(&mut self.unsure) {
            return;
        }
        if self.typed.is_some() {
            // There is no frame to look at.
            self.refused = true;
            return;
        }
        let index = self.frames.last().expect("there is a frame").index;
        let valid = self.valid();
        let state = self.state_at(index, Reason::Changed);
        self.f.states[state.index()].release.clone_from(&later);
        self.f
            .append(self.block, Op::Guard, vec![valid], Imm::None, Some(state));
        let state = self.state_at(index, Reason::Observed);
        if self.is_handling() {
            self.f.states[state.index()].release = later;
            return self.reread_locals(state);
        }
        let alone = self.alone();
        self.f.states[state.index()].release = later;
        self.f
            .append(self.block, Op::Guard, vec![alone], Imm::None, Some(state));
    }

    /// Whether what was bet on is still so.
    pub fn valid(&mut self) -> Value {
        let valid = self.known.valid();
        let valid = self.pointer(valid, "valid");
        self.load(Type::Bool, valid, 0, ir_region::ANY)
    }

    /// Whether nobody has a frame object of the frame that was entered.
    pub fn alone(&mut self) -> Value {
        let offset = std::mem::offset_of!(justjit_runtime::layout::Frame, frame_obj) as i32;
        let observer = self.load(Type::Object, self.frame_pointer, offset, ir_region::FRAME);
        self.op(Op::IsNull, &[observer])
    }

    /// What is learned of an object's type holds wherever it is.
    pub fn learn(&mut self, value: Value, kind: Kind) {
        for item in self.frames.iter_mut().flat_map(Frame::items_mut) {
            item.objects_mut(&mut |object: &mut Object| {
                if object.value == value {
                    object.kind = kind;
                }
            });
        }
    }
}

/// Short names.
pub mod ir_region {
    use justjit_builder::Region;
    pub const ANY: Region = Region::Any;
    pub const FRAME: Region = Region::Frame;
    pub const HEADER: Region = Region::Header;
    pub const SHAPE: Region = Region::Shape;
    pub const COUNT: Region = Region::Count;
    pub const ITEMS: Region = Region::Items;
    pub const ATOMS: Region = Region::Atoms;
    pub const STRUCTURES: Region = Region::Structures;
    pub const DATA: Region = Region::Data;
}
