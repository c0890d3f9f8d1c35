//! Bounds tests of counted loops, made once before the loop.
//!
//! *Does*: in a loop that counts a variable up (or down) by a constant until its header's test against an invariant bound
//! fails, finds guards that an index, the variable plus a constant, is below an invariant size. Before the loop it puts
//! guards that the first and the last index are in range; [`ranges`](crate::ranges) then finds that the ones in the loop
//! cannot fail. They leave with the header's entry state.
//! *Assumes*: as for hoisted guards: leaving at the loop's start is exact.
//! *Guarantees*: the loop itself is not changed here.
//!
//! This is speculative: the loop could have been left before an index was out of range. So it is done only if every
//! iteration makes the test, and the header's test is the only way out of the loop that is not cold: then a failing guard
//! before the loop means that one in it would have failed. (An alternative is two versions of the loop; it doubles the
//! code for the sake of loops that raise `IndexError`.)

use crate::counted::{Counted, outside};
use crate::facts::Facts;
use crate::{edit, licm};
use justjit_builder::IntCond;
use justjit_ir::{Block, Dominators, Flow, Function, Imm, Inst, LoopData, Loops, Op, State, Value};

pub fn run(function: &mut Function) -> bool {
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let loops = Loops::of(function, &flow, &dominators);
    let mut changed = false;
    for (_, data) in loops.inside_out() {
        let (Some(preheader), Some(_)) = (data.preheader, function.blocks[data.header.index()].entry_state) else {
            continue;
        };
        let homes = edit::homes(function);
        let Some(counted) = Counted::of(function, &homes, data, preheader) else {
            continue;
        };
        for test in tests(function, &dominators, &homes, data, &counted) {
            changed |= counted.guard(function, data, preheader, &test);
        }
    }
    changed
}

/// A guard that `variable + plus` is below `size`; if `natural`, that it is not negative either.
struct Test {
    plus: i128,
    size: Value,
    natural: bool,
    state: State,
}

impl Counted {
    /// Puts the guards for one test before the loop.
    fn guard(&self, function: &mut Function, data: &LoopData, preheader: Block, test: &Test) -> bool {
        let inclusive = i128::from(self.inclusive);
        // The largest index is below the size if `top <= size + below`; the smallest is natural if `least <= bottom`.
        let (top, below, bottom, least) = match self.up {
            true => (self.bound, self.plus - test.plus - inclusive, self.start, -test.plus),
            false => (
                self.start,
                -test.plus - 1,
                self.bound,
                self.plus - test.plus - 1 + inclusive,
            ),
        };
        let (Ok(below), Ok(least)) = (i64::try_from(below), i64::try_from(least)) else {
            return false;
        };
        // A start or bound that is known and too small: the guard would always fail.
        let low = edit::int(function, bottom);
        if test.natural && low.is_some_and(|low| low < least) {
            return false;
        }
        if known(function, preheader, top, test.size, below) {
            return false;
        }
        let Some(state) = licm::entry_state(function, data, preheader, test.state) else {
            return false;
        };
        let mut limit = test.size;
        if below != 0 {
            let constant = put(function, preheader, Op::IntConst, vec![], Imm::Int(below), None);
            limit = put(
                function,
                preheader,
                Op::IntAddChecked,
                vec![test.size, constant],
                Imm::None,
                Some(state),
            );
        }
        let cond = Imm::IntCond(IntCond::SignedLe);
        let fits = put(function, preheader, Op::IntCompare, vec![top, limit], cond, None);
        put_guard(function, preheader, fits, state);
        if test.natural && low.is_none() {
            let constant = put(function, preheader, Op::IntConst, vec![], Imm::Int(least), None);
            let cond = Imm::IntCond(IntCond::SignedGe);
            let natural = put(function, preheader, Op::IntCompare, vec![bottom, constant], cond, None);
            put_guard(function, preheader, natural, state);
        }
        true
    }
}

/// The guards in the loop that every iteration makes.
fn tests(
    function: &Function,
    dominators: &Dominators,
    homes: &[Option<Block>],
    data: &LoopData,
    counted: &Counted,
) -> Vec<Test> {
    let mut found = Vec::new();
    for &block in &data.blocks {
        let every = data.latches.iter().all(|&latch| dominators.dominates(block, latch));
        if !every || !dominators.dominates(counted.body, block) {
            continue;
        }
        for &inst in &function.blocks[block.index()].insts {
            found.extend(bounds_test(function, homes, data, counted, inst));
        }
    }
    found
}

fn bounds_test(
    function: &Function,
    homes: &[Option<Block>],
    data: &LoopData,
    counted: &Counted,
    inst: Inst,
) -> Option<Test> {
    let guard = function.inst(inst);
    if guard.op != Op::Guard {
        return None;
    }
    let test = function.def(guard.args[0])?;
    let (Op::IntCompare, Imm::IntCond(cond)) = (test.op, test.imm) else {
        return None;
    };
    let (index, size, natural) = match cond {
        IntCond::UnsignedLt => (test.args[0], test.args[1], true),
        IntCond::UnsignedGt => (test.args[1], test.args[0], true),
        IntCond::SignedLt => (test.args[0], test.args[1], false),
        IntCond::SignedGt => (test.args[1], test.args[0], false),
        _ => return None,
    };
    let (base, plus) = Facts::decompose(function, index);
    let fine = base == counted.variable && outside(function, homes, data, size);
    fine.then_some(Test {
        plus,
        size,
        natural,
        state: guard.state?,
    })
}

/// Whether the block tests that already.
fn known(function: &Function, block: Block, top: Value, size: Value, below: i64) -> bool {
    function.blocks[block.index()].insts.iter().any(|&inst| {
        let data = function.inst(inst);
        data.op == Op::IntCompare
            && data.imm == Imm::IntCond(IntCond::SignedLe)
            && data.args[0] == top
            && Facts::decompose(function, data.args[1]) == {
                let (base, by) = Facts::decompose(function, size);
                (base, by + i128::from(below))
            }
    })
}

/// Puts an instruction before the block's end.
fn put(function: &mut Function, block: Block, op: Op, args: Vec<Value>, imm: Imm, state: Option<State>) -> Value {
    let end = function.blocks[block.index()].insts.len() - 1;
    let inst = edit::insert(function, block, end, op, args, imm);
    function.insts[inst.index()].state = state;
    function.inst(inst).result.expect("it has a result")
}

fn put_guard(function: &mut Function, block: Block, condition: Value, state: State) {
    let end = function.blocks[block.index()].insts.len() - 1;
    let inst = edit::insert(function, block, end, Op::Guard, vec![condition], Imm::None);
    function.insts[inst.index()].state = Some(state);
}
