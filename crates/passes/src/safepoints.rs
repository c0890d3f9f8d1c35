//! Strip mining: a safepoint every so many iterations.
//!
//! *Does*: takes the safepoint out of an innermost loop in which nothing but numbers is done, and puts a loop around it:
//! the inner one goes on to the bound, but at most [`STRIP`] iterations; the outer one runs the safepoint and goes on with
//! the next strip. The back end can then make vector code of the inner loop.
//! *Assumes*: the header's entry state describes leaving at the header's start, before its test.
//! *Guarantees*: what the loop computes is the same; a safepoint is run at least every [`STRIP`] iterations, with the
//! state of the header at that time. Loops with calls, allocations or reference counts keep their safepoints, for their
//! iterations take long enough as it is.

use crate::counted::Counted;
use crate::{edit, preheaders};
use justjit_builder::IntCond;
use justjit_ir::{
    Block, BlockCall, Dominators, Effect, Flow, Function, Imm, Inst, LoopData, Loops, Op, Reason, State, Value,
};

/// Iterations between safepoints.
pub const STRIP: i64 = 1024;

pub fn run(function: &mut Function) -> bool {
    let mut changed = preheaders::run(function);
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let loops = Loops::of(function, &flow, &dominators);
    for (number, data) in loops.inside_out() {
        let innermost = loops.loops.iter().all(|other| other.parent != Some(number));
        if innermost && let Some(mined) = Mined::of(function, data) {
            mined.split(function, data);
            changed = true;
        }
    }
    changed
}

/// A loop that can be split.
struct Mined {
    preheader: Block,
    counted: Counted,
    step: i64,
    /// The state for the safepoint between strips.
    state: State,
    /// Safepoints in the loop, with their blocks.
    safepoints: Vec<(Block, Inst)>,
}

impl Mined {
    fn of(function: &Function, data: &LoopData) -> Option<Mined> {
        let preheader = data.preheader?;
        let state = function.blocks[data.header.index()].entry_state?;
        let counted = Counted::of(function, &edit::homes(function), data, preheader)?;
        let mut safepoints = Vec::new();
        for &block in &data.blocks {
            for &inst in &function.blocks[block.index()].insts {
                match function.inst(inst).effect(function) {
                    Effect::Safepoint => safepoints.push((block, inst)),
                    // Before the header's test nothing may have been written: between strips the header is done again.
                    Effect::Store if block == data.header => return None,
                    Effect::Pure
                    | Effect::Load
                    | Effect::Store
                    | Effect::Guard
                    | Effect::Locate
                    | Effect::Account
                    | Effect::Control => {}
                    _ => return None,
                }
            }
        }
        let chunk = counted
            .step
            .checked_mul(STRIP.into())
            .and_then(|chunk| i64::try_from(chunk).ok());
        let fine = counted.plus == 0 && !safepoints.is_empty() && chunk.is_some();
        fine.then_some(Mined {
            preheader,
            step: i64::try_from(counted.step).ok()?,
            counted,
            state,
            safepoints,
        })
    }

    fn split(self, function: &mut Function, data: &LoopData) {
        let header = data.header;
        for &(block, safepoint) in &self.safepoints {
            function.blocks[block.index()].insts.retain(|&inst| inst != safepoint);
        }
        let test = edit::last(function, header);
        function.position = function.inst(test).position;
        let params = function.blocks[header.index()].params.clone();
        // The outer loop's header takes the inner one's place.
        let outer = function.add_block();
        let passed: Vec<Value> = params
            .iter()
            .map(|&param| {
                let ty = function.type_of(param);
                function.add_param(outer, ty)
            })
            .collect();
        let enter = edit::last(function, self.preheader);
        let start = std::mem::replace(&mut function.insts[enter.index()].targets[0].block, outer);
        debug_assert_eq!(start, header);
        let variable = params.iter().position(|&param| param == self.counted.variable);
        let variable = passed[variable.expect("it is a parameter of the header")];
        let limit = self.limit(function, outer, variable);
        let inner = BlockCall {
            block: header,
            args: passed,
        };
        function.end(outer, Op::Jump, Vec::new(), None, vec![inner]);
        // The inner loop stops at the limit; whether that is the end is seen then.
        let between = function.add_block();
        let exit = usize::from(function.inst(test).targets[0].block == self.counted.body);
        let condition = function.inst(test).args[0];
        let compare = function.def(condition).expect("the test is a comparison").clone();
        let args = compare
            .args
            .iter()
            .map(|&arg| if arg == self.counted.bound { limit } else { arg });
        let args = args.collect();
        let end = function.blocks[header.index()].insts.len() - 1;
        let again = edit::insert_value(function, header, end, Op::IntCompare, args, compare.imm);
        function.insts[test.index()].args = vec![again];
        let done = std::mem::replace(
            &mut function.insts[test.index()].targets[exit],
            BlockCall {
                block: between,
                args: Vec::new(),
            },
        );
        let poll = function.add_block();
        let mut state = function.states[self.state.index()].clone();
        state.reason = Reason::Safepoint;
        let state = function.add_state(state);
        function.append(poll, Op::Safepoint, Vec::new(), Imm::None, Some(state));
        let next = BlockCall {
            block: outer,
            args: params,
        };
        function.end(poll, Op::Jump, Vec::new(), None, vec![next]);
        let more = BlockCall {
            block: poll,
            args: Vec::new(),
        };
        let targets = if exit == 1 { vec![more, done] } else { vec![done, more] };
        let whole = function.append(between, Op::IntCompare, compare.args, compare.imm, None);
        function.end(between, Op::Branch, whole.into_iter().collect(), None, targets);
    }

    /// The bound, or a strip's end before it. The end may lie beyond the last int: then it is the bound that comes first.
    fn limit(&self, function: &mut Function, block: Block, variable: Value) -> Value {
        let mut put = |op, args, imm| function.append(block, op, args, imm, None).expect("it has a result");
        let bound = self.counted.bound;
        let strip = put(Op::IntConst, Vec::new(), Imm::Int(self.step * STRIP));
        let end = put(Op::IntAddWrapping, vec![variable, strip], Imm::None);
        let (nearer, onward) = match self.counted.up {
            true => (IntCond::SignedLt, IntCond::SignedGt),
            false => (IntCond::SignedGt, IntCond::SignedLt),
        };
        let nearer = put(Op::IntCompare, vec![end, bound], Imm::IntCond(nearer));
        let onward = put(Op::IntCompare, vec![end, variable], Imm::IntCond(onward));
        let both = put(Op::BoolAnd, vec![nearer, onward], Imm::None);
        put(Op::Select, vec![both, end, bound], Imm::None)
    }
}
