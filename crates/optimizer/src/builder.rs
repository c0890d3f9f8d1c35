//! From bytecode to IR, by running the bytecode on abstract values.
//!
//! Each basic block is translated once for each *shape* of the frames that reach it (what is unboxed, what is known of
//! types): lazy basic block versioning. So a loop whose variable is an int at first and a float from then on, or whose
//! objects' types have been looked at in the first round, gets another version of its body rather than tests in each
//! round. The versions of one place are few ([`VERSION_LIMIT`]); beyond that their values are boxed and forgotten.
//!
//! Frames of inlined callees are abstract frames on top of the function's own.

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
/// Instructions of IR, beyond which the function is too large.
const SIZE_LIMIT: usize = 60_000;

/// Why building stops.
pub enum Stop {
    /// The function stays in the tier it is in.
    Decline(Decline),
    /// The callee at this place must not be inlined: building begins again.
    NotInlined(usize, usize),
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
    /// Instructions that return.
    pub returns: usize,
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
    /// Types that are [`Kind::Other`].
    pub types: Vec<*mut PyTypeObject>,
    pub not_inlined: FxHashSet<(usize, usize)>,
    pub frame_pointer: Value,
    pub thread: Value,
    /// Objects that the version has to keep alive.
    pub kept: Vec<*mut PyObject>,
    /// Instructions that are translated to calls of the runtime, and all.
    pub generic: usize,
    pub specialized: usize,
    /// How often the former ran, while somebody looked.
    pub generic_weight: u64,
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
}

/// Where control comes together: blocks with several ways in, loop headers.
fn merges(decoded: &Decoded) -> (FxHashSet<usize>, FxHashSet<usize>) {
    let mut ways = vec![0; decoded.blocks.len()];
    ways[0] = 1;
    for block in decoded.blocks.iter().filter(|block| block.entry_depth.is_some()) {
        for &next in &block.successors {
            ways[next as usize] += 1;
        }
    }
    let blocks = || decoded.blocks.iter().zip(&ways);
    let merges = blocks().filter(|(block, ways)| **ways > 1 || block.is_loop_header);
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
            types: Vec::new(),
            not_inlined: FxHashSet::default(),
            frame_pointer,
            thread,
            kept: Vec::new(),
            generic: 0,
            specialized: 0,
            generic_weight: 0,
            constants: FxHashMap::default(),
            told_apart: Vec::new(),
            splits: 0,
            recovering: Recovering::default(),
            inlined_at: FxHashMap::default(),
            pool: Pool::default(),
            typed: None,
            refused: false,
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
        let is_return = |opcode| matches!(opcode, Opcode::ReturnValue | Opcode::ReturnConst);
        let returns = decoded.instructions.iter().enumerate();
        let returns = returns
            .filter(|(index, one)| is_return(one.opcode) && !knowledge.is_unreached(*index))
            .count();
        self.codes.push(CodeInfo {
            returns,
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
        let name = self.unique(text);
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

    /// Calls a function of the runtime that runs no Python code.
    pub fn call(
        &mut self,
        function: &'static justjit_builder::RuntimeFn,
        args: &[Value],
        result: Option<Type>,
        (effect, owned): (Effect, bool),
    ) -> Option<Value> {
        let params: Vec<Type> = args.iter().map(|&value| self.f.type_of(value)).collect();
        let consumes = vec![false; params.len()];
        let symbol = self.f.symbol(SymbolData {
            name: function.name.to_owned(),
            kind: SymbolKind::Function(Call {
                params,
                result,
                effect,
                owned,
                consumes,
                through: false,
            }),
            address: function.address,
            function: Some(function),
        });
        self.f
            .append(self.block, Op::Call, args.to_vec(), Imm::Symbol(symbol), None)
    }

    /// A call of a function that computes a number from numbers.
    pub fn compute(&mut self, function: &'static justjit_builder::RuntimeFn, args: &[Value], result: Type) -> Value {
        self.call(function, args, Some(result), (Effect::Pure, false))
            .expect("a result")
    }

    // ---- states --------------------------------------------------------------------------------------------------

    pub fn recovery(&mut self, item: &Item, virtuals: &mut Vec<VirtualObject>) -> Recovery {
        match item {
            Item::Instance(id, class) => self.instance_recovery(*id, *class, virtuals),
            Item::Null => Recovery::Null,
            Item::Constant(constant) => Recovery::Constant(constant.symbol),
            Item::Int(value) | Item::Float(value) | Item::Bool(value) => Recovery::Number(*value),
            Item::Numpy(scalar, value) => {
                let ty = justjit_runtime::arrays::scalar_type(*scalar).expect("a type that was met");
                let object = VirtualObject::NumpyScalar {
                    ty: Recovery::Constant(self.object_symbol(ty.cast())),
                    value: Recovery::Number(*value),
                };
                // The same object wherever it occurs.
                let known = virtuals.iter().position(|one| *one == object);
                let at = known.unwrap_or_else(|| {
                    virtuals.push(object);
                    virtuals.len() - 1
                });
                Recovery::Virtual(at as u32)
            }
            Item::Row { array, index, .. } => {
                let array = self.recovery(array, virtuals);
                let index = Recovery::Number(*index);
                virtuals.push(VirtualObject::Row { array, index });
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
            Item::Iterator(crate::item::Iterator::Array { array, index, .. }) => {
                let array = self.recovery(array, virtuals);
                let index = Recovery::Number(*index);
                virtuals.push(VirtualObject::ArrayIterator { array, index });
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
            Item::Character(code_point) => {
                let object = VirtualObject::Character(Recovery::Number(*code_point));
                // The same object wherever it occurs.
                let known = virtuals.iter().position(|one| *one == object);
                let at = known.unwrap_or_else(|| {
                    virtuals.push(object);
                    virtuals.len() - 1
                });
                Recovery::Virtual(at as u32)
            }
            Item::Complex(real, imaginary) => {
                virtuals.push(VirtualObject::Complex {
                    real: Recovery::Number(*real),
                    imaginary: Recovery::Number(*imaginary),
                });
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
            Item::Object(object) => match object.owner {
                Owner::Item => Recovery::Owned(object.value),
                Owner::Slot(_) | Owner::Version => Recovery::Borrowed(object.value),
            },
            Item::Tuple(items) => {
                let parts = items.iter().map(|item| self.recovery(item, virtuals)).collect();
                virtuals.push(VirtualObject::Tuple(parts));
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
            Item::Iterator(crate::item::Iterator::Range { next, stop, step }) => {
                let step = self.step_recovery(*step);
                virtuals.push(VirtualObject::RangeIterator {
                    next: Recovery::Number(*next),
                    stop: Recovery::Number(*stop),
                    step,
                });
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
            Item::Iterator(crate::item::Iterator::Sequence { sequence, index }) => {
                let kind = sequence.kind();
                let sequence = self.recovery(sequence, virtuals);
                let index = Recovery::Number(*index);
                virtuals.push(match kind {
                    Kind::List => VirtualObject::ListIterator { list: sequence, index },
                    Kind::Str => VirtualObject::ArrayIterator { array: sequence, index },
                    _ => VirtualObject::TupleIterator { tuple: sequence, index },
                });
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
            Item::Iterator(crate::item::Iterator::Enumerate { inner, count }) => {
                let iterator = self.recovery(inner, virtuals);
                virtuals.push(VirtualObject::Enumerate {
                    iterator,
                    count: Recovery::Number(*count),
                });
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
            Item::Iterator(crate::item::Iterator::Zip { inner }) => {
                let parts = inner.iter().map(|item| self.recovery(item, virtuals)).collect();
                virtuals.push(VirtualObject::Zip(parts));
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
            Item::Range { start, stop, step } => {
                let step = self.step_recovery(*step);
                virtuals.push(VirtualObject::Range {
                    start: Recovery::Number(*start),
                    stop: Recovery::Number(*stop),
                    step,
                });
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
            Item::Function { code, closure } => {
                let globals = self.object_symbol(self.codes[0].globals);
                let closure = if closure.is_empty() {
                    Recovery::Null
                } else {
                    let parts = closure.iter().map(|item| self.recovery(item, virtuals)).collect();
                    virtuals.push(VirtualObject::Tuple(parts));
                    Recovery::Virtual(virtuals.len() as u32 - 1)
                };
                virtuals.push(VirtualObject::Function {
                    code: Recovery::Constant(*code),
                    globals: Recovery::Constant(globals),
                    closure,
                });
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
            Item::Slice(parts) => {
                let parts = [0, 1, 2].map(|index| self.recovery(&parts[index], virtuals));
                virtuals.push(VirtualObject::Slice(parts));
                Recovery::Virtual(virtuals.len() as u32 - 1)
            }
        }
    }

    fn step_recovery(&mut self, step: Step) -> Recovery {
        match step {
            Step::Known(step) => Recovery::Constant(self.int_symbol(step)),
            Step::Up(step) => Recovery::Number(step),
        }
    }

    /// A constant int object.
    fn int_symbol(&mut self, value: i64) -> Symbol {
        let object = self.known.int(value);
        self.object_symbol(object)
    }

    /// The state of these frames; the innermost goes on at its `index`.
    pub fn state_of(&mut self, frames: &[Frame], going: Going, reason: Reason) -> State {
        let mut virtuals = Vec::new();
        self.recovering = Recovering::of(frames);
        let mut recovered: Vec<FrameRecovery> = Vec::with_capacity(frames.len());
        for (depth, frame) in frames.iter().enumerate() {
            // A typed body's frame lies on nobody's.
            if depth == 0 && self.typed.is_some() {
                continue;
            }
            let function = if depth == 0 {
                Recovery::InFrame
            } else {
                self.recovery(&frame.function, &mut virtuals)
            };
            let locals = frame.locals.iter().map(|local| {
                if local.home {
                    Recovery::InFrame
                } else {
                    self.recovery(&local.item, &mut virtuals)
                }
            });
            let locals = locals.collect();
            let stack = frame
                .stack
                .iter()
                .map(|item| self.recovery(item, &mut virtuals))
                .collect();
            if let Some(caller) = recovered.last_mut() {
                caller.returns = self.returns_recovery(&frame.returns, frames[depth - 1].code, &mut virtuals);
            }
            let info = &self.codes[frame.code];
            recovered.push(FrameRecovery {
                code: info.symbol,
                function,
                offset: info.decoded.instructions[frame.index].offset,
                locals,
                stack,
                returns: ir::Returns::Value,
            });
        }
        self.f.add_state(FrameState {
            going,
            reason,
            frames: recovered,
            virtuals,
            release: Vec::new(),
        })
    }

    /// The state in which the present instruction is done by baseline code.
    pub fn state_before(&mut self, reason: Reason) -> State {
        if let Some(&state) = self.before_states.get(&reason) {
            return state;
        }
        let frames = std::mem::take(&mut self.before);
        let state = self.state_of(&frames, Going::Resume, reason);
        self.before = frames;
        self.before_states.insert(reason, state);
        state
    }

    /// The state in which an exception has been raised by the present instruction, whose operands are gone.
    pub fn state_raising(&mut self) -> State {
        let mut frames = self.frames.clone();
        frames.last_mut().expect("there is a frame").index = self.index;
        self.state_of(&frames, Going::Raise, Reason::Exception)
    }

    /// The state in which the innermost frame goes on at another instruction.
    pub fn state_at(&mut self, index: usize, reason: Reason) -> State {
        let mut frames = self.frames.clone();
        frames.last_mut().expect("there is a frame").index = index;
        self.state_of(&frames, Going::Resume, reason)
    }

    /// Leaves the code: the present instruction is done by baseline code.
    pub fn deopt(&mut self, reason: Reason) {
        self.refused |= self.is_widened(reason);
        let state = self.state_before(reason);
        self.f.end(self.block, Op::Deopt, Vec::new(), Some(state), Vec::new());
        self.terminated = true;
    }

    // ---- control -------------------------------------------------------------------------------------------------

    /// Goes on at an instruction of the innermost frame.
    pub fn go_to(&mut self, index: usize) -> Done {
        self.frame().index = index;
        self.sweep();
        self.forget_told_apart();
        self.generalize();
        self.limit_instances()?;
        self.renumber_instances();
        let place = self.place();
        let shape = shape_of(&self.frames);
        let known = self.versions.get(&place).map_or(0, Vec::len);
        let is_header = self.info().headers.contains(&index);
        let mut found = self.find(&place, &shape);
        // A loop is worth another version, where more is known than the first time; elsewhere what is more is forgotten.
        if found.is_none() && known >= if is_header { HEADER_VERSIONS } else { 1 } {
            found = self.fit(&place, false)?;
        }
        // What is large already is not made larger for each shape.
        let limit = match self.f.insts.len() > VERSION_ROOM {
            true => LARGE_VERSION_LIMIT,
            false => VERSION_LIMIT,
        };
        if found.is_none() && known >= limit {
            found = self.fit(&place, true)?;
            if found.is_none() && !self.frames[0].instances.is_empty() {
                self.make_all_instances()?;
                found = self.fit(&place, true)?;
            }
            if found.is_none() {
                // The last one takes everything.
                self.forget_all()?;
                let shape = shape_of(&self.frames);
                found = self.find(&place, &shape);
                if found.is_none() && known > 3 * VERSION_LIMIT {
                    return decline("too many shapes of one place");
                }
            }
        }
        let block = match found {
            Some(block) => block,
            None => self.add_version(place),
        };
        let args = values_of(&self.frames);
        self.f
            .end(self.block, Op::Jump, Vec::new(), None, vec![BlockCall { block, args }]);
        self.terminated = true;
        Ok(())
    }

    /// Where all frames are; generators that wait elsewhere make another place of it.
    fn place(&self) -> Vec<(usize, usize)> {
        let suspended = self.frames[0].instances.iter().filter_map(|one| match &one.form {
            crate::item::Form::Generator(one) => Some((usize::MAX - one.code, one.index)),
            _ => None,
        });
        let frames = self.frames.iter().map(|frame| (frame.code, frame.index));
        suspended.chain(frames).collect()
    }

    /// Whether ways come together here that were parted in a block.
    fn is_join(&self) -> bool {
        !self.joins.is_empty() && self.joins.contains(&self.place())
    }

    /// Ways that the present instruction parts come together again at another of the innermost frame: all that follows would
    /// be there once for each way otherwise.
    pub fn join_at(&mut self, index: usize) {
        let mut place = self.place();
        place.last_mut().expect("there is a frame").1 = index;
        self.joins.insert(place);
    }

    /// The instruction behind the call of the method that the present instruction looks up: the first at which no more is on
    /// the operand stack than was here.
    pub fn behind_call(&self) -> usize {
        let instructions = &self.info().decoded.instructions;
        let depth = instructions[self.index].depth;
        let behind = instructions[self.index + 1..]
            .iter()
            .position(|one| one.depth.is_some() && one.depth <= depth);
        behind.map_or(self.index + 1, |distance| self.index + 1 + distance)
    }

    fn find(&self, place: &[(usize, usize)], shape: &[Frame]) -> Option<Block> {
        let versions = self.versions.get(place)?;
        versions
            .iter()
            .find(|version| version.shape == shape)
            .map(|version| version.block)
    }

    /// Finds a version that the present frames can be made to fit, by forgetting what is known of them, or (if `boxing`) by
    /// boxing numbers too; and makes them fit.
    fn fit(&mut self, place: &[(usize, usize)], boxing: bool) -> Done<Option<Block>> {
        let versions = self.versions.get(place).map_or(&[][..], Vec::as_slice);
        let fitting = versions
            .iter()
            .find(|version| crate::item::fits(&self.frames, &version.shape, boxing))
            .map(|version| (version.block, version.shape.clone()));
        let Some((block, shape)) = fitting else {
            return Ok(None);
        };
        for (at, wanted) in shape[0].instances.iter().enumerate() {
            for (which, (_, wanted)) in wanted.values.iter().enumerate() {
                let item = self.frames[0].instances[at].values[which].1.clone();
                self.frames[0].instances[at].values[which].1 = self.fit_item(item, wanted)?;
            }
        }
        for (depth, wanted) in shape.into_iter().enumerate() {
            for (at, wanted) in wanted.locals.into_iter().enumerate() {
                self.fit_local(depth, at, &wanted)?;
            }
            for (at, wanted) in wanted.stack.into_iter().enumerate() {
                let item = self.frames[depth].stack[at].clone();
                self.frames[depth].stack[at] = self.fit_item(item, &wanted)?;
            }
        }
        Ok(Some(block))
    }

    fn fit_local(&mut self, depth: usize, at: usize, wanted: &Local) -> Done {
        if depth > 0 {
            let item = self.frames[depth].locals[at].item.clone();
            self.frames[depth].locals[at].item = self.fit_item(item, &wanted.item)?;
            return Ok(());
        }
        let local = self.frames[0].locals[at].clone();
        match (&local.item, &wanted.item) {
            (Item::Object(_), Item::Object(object)) => {
                let kind = object.kind;
                if let Item::Object(mine) = &mut self.frames[0].locals[at].item {
                    mine.kind = kind;
                }
            }
            (_, Item::Object(object)) if local.item != Item::Null => {
                self.bring_home(at)?;
                let offset = crate::convert::slot_offset(at);
                let value = self.load(Type::Object, self.frame_pointer, offset, ir_region::FRAME);
                self.frames[0].locals[at].item = Item::Object(Object {
                    value,
                    kind: object.kind,
                    owner: Owner::Slot(at as u32),
                });
            }
            _ => {}
        }
        self.frames[0].locals[at].home = wanted.home;
        Ok(())
    }

    fn fit_item(&mut self, item: Item, wanted: &Item) -> Done<Item> {
        let Item::Object(object) = wanted else {
            return Ok(item);
        };
        Ok(match item {
            Item::Object(mut mine) => {
                if mine.owner != Owner::Item && object.owner == Owner::Item {
                    self.effect(Op::Incref, &[mine.value], Imm::None);
                }
                mine.owner = object.owner;
                mine.kind = object.kind;
                Item::Object(mine)
            }
            Item::Null => item,
            item => {
                let value = self.owned_object(item)?;
                Item::Object(Object {
                    value,
                    kind: object.kind,
                    owner: Owner::Item,
                })
            }
        })
    }

    /// A version of the present place for the present shape.
    fn add_version(&mut self, place: Vec<(usize, usize)>) -> Block {
        let block = self.f.add_block();
        let mut frames = self.frames.clone();
        for item in frames.iter_mut().flat_map(Frame::items_mut) {
            item.map(&mut |value| {
                let ty = self.f.type_of(value);
                self.f.add_param(block, ty)
            });
        }
        let shape = shape_of(&frames);
        let info = self.info();
        let is_header = info.headers.contains(&place.last().expect("a place").1);
        if is_header {
            let state = self.state_of(&frames, Going::Resume, Reason::Unreached);
            self.f.blocks[block.index()].entry_state = Some(state);
        }
        self.versions
            .entry(place)
            .or_default()
            .push(BlockVersion { shape, block });
        self.tasks.push(Task {
            block,
            frames,
            begun: true,
        });
        block
    }

    /// Makes what differs from way to way the same: constant numbers become numbers, and what an item has from a slot is
    /// told only by the local itself.
    fn generalize(&mut self) {
        for at in 0..self.frames[0].instances.len() {
            for which in 0..self.frames[0].instances[at].values.len() {
                if let Item::Constant(Constant {
                    number: Some(number), ..
                }) = self.frames[0].instances[at].values[which].1
                {
                    let item = self.number_item(number);
                    self.frames[0].instances[at].values[which].1 = item;
                }
            }
        }
        for depth in 0..self.frames.len() {
            for at in 0..self.frames[depth].locals.len() {
                let local = &self.frames[depth].locals[at];
                let Item::Constant(Constant {
                    number: Some(number), ..
                }) = local.item
                else {
                    continue;
                };
                let item = self.number_item(number);
                self.frames[depth].locals[at].item = item;
            }
            for at in 0..self.frames[depth].stack.len() {
                let Item::Constant(Constant {
                    number: Some(number), ..
                }) = self.frames[depth].stack[at]
                else {
                    continue;
                };
                // What is tested next: there is no test where it is known.
                if matches!(number, Number::Bool(_)) {
                    continue;
                }
                let item = self.number_item(number);
                self.frames[depth].stack[at] = item;
            }
        }
    }

    /// A number that is known, unboxed.
    pub fn number_item(&mut self, number: Number) -> Item {
        match number {
            Number::Int(value) => Item::Int(self.int(value)),
            Number::Float(bits) => Item::Float(self.float(f64::from_bits(bits))),
            Number::Bool(value) => Item::Bool(self.bool(value)),
        }
    }

    /// Boxes everything, and forgets what is known of types.
    fn forget_all(&mut self) -> Done {
        self.make_all_instances()?;
        self.box_suspended()?;
        // Whether there is a value that nobody uses is nothing to tell versions by either.
        let live = crate::liveness::live_at(&self.codes[0].decoded, self.frames[0].index);
        // A typed body's outermost frame has no slots.
        let slots = self.frames[0].locals.len();
        for (local, live) in live.into_iter().enumerate().take(slots) {
            self.bring_home(local)?;
            if !live {
                let offset = crate::convert::slot_offset(local);
                let value = self.load(Type::Object, self.frame_pointer, offset, ir_region::FRAME);
                self.frames[0].locals[local].item = Item::Object(Object {
                    value,
                    kind: Kind::Maybe,
                    owner: Owner::Slot(local as u32),
                });
            }
        }
        for depth in 0..self.frames.len() {
            for at in 0..self.frames[depth].stack.len() {
                let item = self.frames[depth].stack[at].clone();
                if matches!(item, Item::Null) {
                    continue;
                }
                let value = self.owned_object(item)?;
                self.frames[depth].stack[at] = Item::owned(value, Kind::Unknown);
            }
            if depth == 0 {
                continue;
            }
            for at in 0..self.frames[depth].locals.len() {
                let item = self.frames[depth].locals[at].item.clone();
                if matches!(item, Item::Null) {
                    continue;
                }
                let value = self.owned_object(item)?;
                self.frames[depth].locals[at].item = Item::owned(value, Kind::Unknown);
            }
        }
        for item in self.frames.iter_mut().flat_map(Frame::items_mut) {
            item.objects_mut(&mut |object| {
                if object.kind != Kind::Maybe {
                    object.kind = Kind::Unknown;
                }
            });
        }
        Ok(())
    }

    /// Makes a way out of the present block: the frames there, at an instruction.
    pub fn edge(&mut self, index: usize, frames: Vec<Frame>) -> Block {
        let block = self.f.add_block();
        let mut frames = frames;
        frames.last_mut().expect("there is a frame").index = index;
        self.tasks.push(Task {
            block,
            frames,
            begun: false,
        });
        block
    }

    /// Ends the present block with a branch.
    pub fn branch(&mut self, condition: Value, then: Block, otherwise: Block) {
        let target = |block| BlockCall {
            block,
            args: Vec::new(),
        };
        self.f.end(
            self.block,
            Op::Branch,
            vec![condition],
            None,
            vec![target(then), target(otherwise)],
        );
        self.terminated = true;
    }

    /// Translates everything that is reached from the frames as they are, in the present block.
    pub fn run(&mut self) -> Done {
        self.run_block(false)?;
        while let Some(task) = self.tasks.pop() {
            self.block = task.block;
            self.frames = task.frames;
            self.run_block(task.begun)?;
        }
        Ok(())
    }

    fn run_block(&mut self, begun: bool) -> Done {
        self.terminated = false;
        self.unsure = false;
        let mut begun = begun;
        while !self.terminated {
            if self.f.insts.len() > SIZE_LIMIT {
                return decline("too large for the optimizing tier");
            }
            self.sweep();
            let depth = self.frames.len();
            let frame = self.frames.last().expect("there is a frame");
            let (code, index) = (frame.code, frame.index);
            let info = &self.codes[code];
            if !begun && (info.merges.contains(&index) || self.is_join()) {
                if depth == 1 && info.headers.contains(&index) {
                    // Not by a back edge: tells the profiler, since the loop itself may not store where it is.
                    let offset = info.decoded.instructions[index].offset;
                    self.effect(Op::Locate, &[], Imm::Offset(offset));
                }
                return self.go_to(index);
            }
            begun = false;
            self.index = index;
            self.at = info.decoded.instructions[index];
            self.f.position = ir::Position {
                code: code as u32,
                offset: self.at.offset,
            };
            self.before.clone_from(&self.frames);
            self.before_states.clear();
            if info.avoided.contains(&index) {
                self.deopt(Reason::Unreached);
                break;
            }
            self.frame().index = index + 1;
            self.instruction()?;
            if !self.terminated && self.frames.len() == depth {
                self.settle();
            }
        }
        Ok(())
    }

    /// After code that we do not know has run: leaves if a bet is off.
    pub fn settle(&mut self) {
        if !std::mem::take(&mut self.unsure) {
            return;
        }
        if self.typed.is_some() {
            // There is no frame to look at.
            self.refused = true;
            return;
        }
        let index = self.frames.last().expect("there is a frame").index;
        let valid = self.known.valid();
        let valid = self.pointer(valid, "valid");
        let valid = self.load(Type::Bool, valid, 0, ir_region::ANY);
        let state = self.state_at(index, Reason::Changed);
        self.f
            .append(self.block, Op::Guard, vec![valid], Imm::None, Some(state));
        let offset = std::mem::offset_of!(justjit_runtime::layout::Frame, frame_obj) as i32;
        let observer = self.load(Type::Object, self.frame_pointer, offset, ir_region::FRAME);
        let alone = self.op(Op::IsNull, &[observer]);
        let state = self.state_at(index, Reason::Observed);
        self.f
            .append(self.block, Op::Guard, vec![alone], Imm::None, Some(state));
    }

    // ---- memory --------------------------------------------------------------------------------------------------

    pub fn load(&mut self, ty: Type, base: Value, offset: i32, region: justjit_builder::Region) -> Value {
        let width = match ty {
            Type::Object | Type::Int | Type::Pointer => justjit_builder::Type::I64,
            Type::Float => justjit_builder::Type::F64,
            Type::Bool => justjit_builder::Type::I8,
        };
        self.load_width(ty, width, true, base, offset, region)
    }

    pub fn load_width(
        &mut self,
        ty: Type,
        width: justjit_builder::Type,
        signed: bool,
        base: Value,
        offset: i32,
        region: justjit_builder::Region,
    ) -> Value {
        self.op_imm(
            Op::Load,
            &[base],
            Imm::Memory {
                ty,
                width,
                signed,
                region,
                offset,
                scale: 0,
            },
        )
    }

    pub fn store(&mut self, value: Value, base: Value, offset: i32, region: justjit_builder::Region) {
        let ty = self.f.type_of(value);
        let width = match ty {
            Type::Object | Type::Int | Type::Pointer => justjit_builder::Type::I64,
            Type::Float => justjit_builder::Type::F64,
            Type::Bool => justjit_builder::Type::I8,
        };
        self.store_width(value, width, base, offset, region);
    }

    pub fn store_width(
        &mut self,
        value: Value,
        width: justjit_builder::Type,
        base: Value,
        offset: i32,
        region: justjit_builder::Region,
    ) {
        let ty = self.f.type_of(value);
        self.effect(
            Op::Store,
            &[base, value],
            Imm::Memory {
                ty,
                width,
                signed: true,
                region,
                offset,
                scale: 0,
            },
        );
    }

    /// Reads an array's item.
    pub fn load_item(
        &mut self,
        ty: Type,
        (width, signed): (justjit_builder::Type, bool),
        base: Value,
        index: Value,
        (offset, scale): (i32, i32),
        region: justjit_builder::Region,
    ) -> Value {
        self.op_imm(
            Op::LoadIndexed,
            &[base, index],
            Imm::Memory {
                ty,
                width,
                signed,
                region,
                offset,
                scale,
            },
        )
    }

    /// Writes an array's item.
    pub fn store_item(
        &mut self,
        value: Value,
        width: justjit_builder::Type,
        base: Value,
        index: Value,
        (offset, scale): (i32, i32),
        region: justjit_builder::Region,
    ) {
        let ty = self.f.type_of(value);
        self.effect(
            Op::StoreIndexed,
            &[base, index, value],
            Imm::Memory {
                ty,
                width,
                signed: true,
                region,
                offset,
                scale,
            },
        );
    }

    /// The size in an object's header.
    pub fn size_of(&mut self, object: Value) -> Value {
        // Never negative: unsigned says so to the passes.
        let width = justjit_builder::Type::I64;
        self.load_width(Type::Int, width, false, object, offset::OB_SIZE, ir_region::HEADER)
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
    pub const COUNT: Region = Region::Count;
    pub const ITEMS: Region = Region::Items;
    pub const ATOMS: Region = Region::Atoms;
    pub const STRUCTURES: Region = Region::Structures;
    pub const DATA: Region = Region::Data;
}
