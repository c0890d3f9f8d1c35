//! Tests of floats, made ahead for a whole strip.
//!
//! *Does*: an innermost loop that computes floats from arrays (of floats or of complex numbers), tests them (that no warning
//! is due, that no divisor is 0), and writes them to arrays, gets two more loops before it: one that computes and tests all
//! the same and writes nothing, and, for when all tests held, one that does everything but the tests. The back end makes
//! vector code of both. Where a test fails, the loop itself runs, and leaves in the iteration in which it would have.
//! *Assumes*: strip mining has given the loop a preheader; loops count by one up to a bound that is near (see [`crate::safepoints`]), since the first loop's work is lost
//! where a test fails.
//! *Guarantees*: what is read was not written in the same strip, which is tested before, unless it is read and written in one
//! iteration only, in this order. So all three loops compute the same numbers.

use crate::counted::{Counted, outside};
use crate::edit;
use crate::facts::Facts;
use justjit_builder::{IntCond, Region, Type as Width};
use justjit_ir::{
    Block, BlockCall, Dominators, Effect, Flow, Function, Imm, Inst, InstData, LoopData, Loops, Op, Type, Value,
    ValueDef,
};
use std::collections::HashMap;

/// Pairs of arrays that are told apart at most.
const PAIRS: usize = 12;

pub fn run(function: &mut Function) -> bool {
    let mut changed = false;
    let flow = Flow::of(function);
    let dominators = Dominators::of(function, &flow);
    let loops = Loops::of(function, &flow, &dominators);
    for (number, data) in loops.inside_out() {
        let innermost = loops.loops.iter().all(|other| other.parent != Some(number));
        if innermost && let Some(strip) = Strip::of(function, data) {
            strip.split(function, data.header);
            changed = true;
        }
    }
    changed
}

/// Where an array is read or written.
#[derive(Clone, Copy, PartialEq)]
struct Place {
    base: Value,
    /// The index is the variable and this.
    plus: i64,
    offset: i64,
    /// Of an item.
    width: i64,
}

/// A loop that can be split.
struct Strip {
    preheader: Block,
    body: Block,
    counted: Counted,
    /// Of those places of one array, the lowest and the highest, for each pair that must not overlap.
    pairs: Vec<[(Place, Place); 2]>,
    /// Bases that are computed in the loop, although they are always the same: how, in order.
    bases: Vec<Inst>,
}

impl Strip {
    fn of(function: &Function, data: &LoopData) -> Option<Strip> {
        let preheader = data.preheader?;
        let homes = edit::homes(function);
        let counted = Counted::of(function, &homes, data, preheader)?;
        let body = counted.body;
        let whole = data.blocks.len() == 2 && function.successors(body).len() == 1;
        if !whole || !counted.up || counted.step != 1 || counted.plus != 0 || counted.inclusive {
            return None;
        }
        let params = &function.blocks[data.header.index()].params;
        if params.iter().any(|&param| function.type_of(param) != Type::Int) {
            return None;
        }
        let header = function.blocks[data.header.index()].insts.split_last()?.1;
        let header = header.iter().map(|&inst| function.inst(inst));
        if !header.clone().all(|data| data.op == Op::Locate || is_safe(data.op)) {
            return None;
        }
        let (mut loads, mut stores, mut tests) = (Vec::new(), Vec::new(), 0);
        for &inst in function.blocks[body.index()].insts.split_last()?.1 {
            let data = function.inst(inst);
            match data.effect(function) {
                Effect::Locate | Effect::Account => {}
                Effect::Pure if is_safe(data.op) => {}
                Effect::Guard if data.op == Op::Guard && is_of_floats(function, data.args[0]) => tests += 1,
                Effect::Load => loads.push(place(function, data, &counted)?),
                Effect::Store => {
                    let place = place(function, data, &counted)?;
                    // What is read in this iteration has been read.
                    stores.push((place, loads.len()));
                }
                _ => return None,
            }
        }
        if tests == 0 || stores.is_empty() {
            return None;
        }
        let mut strip = Strip {
            preheader,
            body,
            counted,
            pairs: Vec::new(),
            bases: Vec::new(),
        };
        for place in loads.iter().chain(stores.iter().map(|(place, _)| place)) {
            strip.find(function, &homes, data, place.base)?;
        }
        for &(store, before) in &stores {
            let read = loads.iter().enumerate();
            let read = read.filter(|&(index, place)| index >= before || *place != store);
            for others in arrays(read.map(|(_, place)| *place)) {
                let pair = [(store, store), others];
                if !strip.pairs.contains(&pair) {
                    strip.pairs.push(pair);
                }
            }
        }
        (strip.pairs.len() <= PAIRS).then_some(strip)
    }

    /// How a value is computed in the loop from what is there before.
    fn find(&mut self, function: &Function, homes: &[Option<Block>], data: &LoopData, value: Value) -> Option<()> {
        if outside(function, homes, data, value) {
            return Some(());
        }
        let ValueDef::Result(inst) = function.values[value.index()].def else {
            return None;
        };
        let made = function.inst(inst);
        if !is_safe(made.op) {
            return None;
        }
        for &arg in &made.args {
            self.find(function, homes, data, arg)?;
        }
        if !self.bases.contains(&inst) {
            self.bases.push(inst);
        }
        Some(())
    }

    fn split(self, function: &mut Function, header: Block) {
        let enter = edit::last(function, self.preheader);
        function.position = function.inst(enter).position;
        let start = function.inst(enter).targets[0].clone();
        function.blocks[self.preheader.index()].insts.pop();
        let apart = self.apart(function);
        let zero = function.append(self.preheader, Op::IntConst, Vec::new(), Imm::Int(0), None);
        let zero = zero.expect("a constant is a result");
        let as_it_is = BlockCall {
            block: header,
            args: start.args.clone(),
        };
        // Without the tests: at its end the loop itself finds that there is nothing left.
        let quick = self.copy(function, header, None, |_, params| BlockCall {
            block: header,
            args: params,
        });
        let run_quick = BlockCall {
            block: quick,
            args: start.args.clone(),
        };
        // Without the stores.
        let slow = as_it_is.clone();
        let trial = self.copy(function, header, Some(zero), |function, mut params| {
            let failed = params.pop().expect("whether a test failed");
            let decide = function.add_block();
            let fine = function.append(
                decide,
                Op::IntCompare,
                vec![failed, zero],
                Imm::IntCond(IntCond::Eq),
                None,
            );
            let fine = fine.expect("a comparison is a result");
            function.end(decide, Op::Branch, vec![fine], None, vec![run_quick, slow]);
            BlockCall {
                block: decide,
                args: Vec::new(),
            }
        });
        let mut args = start.args;
        args.push(zero);
        let try_it = BlockCall { block: trial, args };
        function.end(self.preheader, Op::Branch, vec![apart], None, vec![try_it, as_it_is]);
    }

    /// A copy of the loop; where it ends it goes to what `end` says of its parameters. It has the stores and no tests, or, where
    /// there is a zero, the tests and no stores: another parameter is not 0 once one has failed.
    fn copy(
        &self,
        function: &mut Function,
        header: Block,
        tests: Option<Value>,
        end: impl FnOnce(&mut Function, Vec<Value>) -> BlockCall,
    ) -> Block {
        let (head, body) = (function.add_block(), function.add_block());
        let mut new: HashMap<Value, Value> = HashMap::new();
        let mut params = Vec::new();
        for param in function.blocks[header.index()].params.clone() {
            let copied = function.add_param(head, Type::Int);
            new.insert(param, copied);
            params.push(copied);
        }
        let mut failed = tests.map(|_| function.add_param(head, Type::Int));
        params.extend(failed);
        let exit = end(function, params);
        for (from, to) in [(header, head), (self.body, body)] {
            for inst in function.blocks[from.index()].insts.clone() {
                let data = function.inst(inst).clone();
                function.position = data.position;
                let args: Vec<Value> = data.args.iter().map(|arg| *new.get(arg).unwrap_or(arg)).collect();
                match (data.effect(function), failed) {
                    (Effect::Guard, None) | (Effect::Locate | Effect::Account | Effect::Store, Some(_)) => {}
                    (Effect::Guard, Some(before)) => {
                        let mut put = |op, args| {
                            let result = function.append(to, op, args, Imm::None, None);
                            result.expect("it has a result")
                        };
                        let fails = put(Op::BoolNot, args);
                        let fails = put(Op::BoolToInt, vec![fails]);
                        failed = Some(put(Op::IntOr, vec![before, fails]));
                    }
                    (Effect::Control, _) => {
                        let targets = data.targets.iter().map(|target| {
                            let mut args: Vec<Value> =
                                target.args.iter().map(|arg| *new.get(arg).unwrap_or(arg)).collect();
                            match target.block {
                                block if block == header => {
                                    args.extend(failed);
                                    BlockCall { block: head, args }
                                }
                                block if block == self.body => BlockCall { block: body, args },
                                _ => exit.clone(),
                            }
                        });
                        let targets = targets.collect();
                        function.end(to, data.op, args, None, targets);
                    }
                    _ => {
                        let made = function.append(to, data.op, args, data.imm, None);
                        if let (Some(old), Some(made)) = (data.result, made) {
                            new.insert(old, made);
                        }
                    }
                }
            }
        }
        head
    }

    /// Whether no pair of places overlaps, at the preheader's end.
    fn apart(&self, function: &mut Function) -> Value {
        let block = self.preheader;
        let mut new: HashMap<Value, Value> = HashMap::new();
        for &inst in &self.bases {
            let data = function.inst(inst).clone();
            let args = data.args.iter().map(|arg| *new.get(arg).unwrap_or(arg)).collect();
            let made = function.append(block, data.op, args, data.imm, None);
            let (Some(old), Some(made)) = (data.result, made) else {
                unreachable!("what is computed has a result")
            };
            new.insert(old, made);
        }
        let mut put = |op, args, imm| function.append(block, op, args, imm, None).expect("it has a result");
        let mut apart = put(Op::BoolConst, Vec::new(), Imm::Bool(true));
        for pair in &self.pairs {
            let ends = pair.map(|(lowest, highest)| {
                let base = *new.get(&lowest.base).unwrap_or(&lowest.base);
                let base = put(Op::AddressOf, vec![base], Imm::None);
                // From its first byte, and to behind its last one.
                let sides = [(lowest, self.counted.start, 0), (highest, self.counted.bound, -1)];
                sides.map(|(place, index, last)| {
                    let mut bytes = index;
                    for _ in 0..place.width.trailing_zeros() {
                        bytes = put(Op::IntAddWrapping, vec![bytes, bytes], Imm::None);
                    }
                    let behind = if last == 0 { 0 } else { place.width };
                    let more = (place.plus + last) * place.width + place.offset + behind;
                    let more = put(Op::IntConst, Vec::new(), Imm::Int(more));
                    let sum = put(Op::IntAddWrapping, vec![base, bytes], Imm::None);
                    put(Op::IntAddWrapping, vec![sum, more], Imm::None)
                })
            });
            let [[first, first_end], [second, second_end]] = ends;
            let before = Imm::IntCond(IntCond::UnsignedLe);
            let one = put(Op::IntCompare, vec![first_end, second], before);
            let other = put(Op::IntCompare, vec![second_end, first], before);
            let fine = put(Op::BoolOr, vec![one, other], Imm::None);
            apart = put(Op::BoolAnd, vec![apart, fine], Imm::None);
        }
        apart
    }
}

/// The places of each array that are read or written: the lowest and the highest.
fn arrays(places: impl Iterator<Item = Place>) -> Vec<(Place, Place)> {
    let mut found: Vec<(Place, Place)> = Vec::new();
    let order = |place: &Place| place.plus * place.width + place.offset;
    for place in places {
        match found
            .iter_mut()
            .find(|(one, _)| (one.base, one.width) == (place.base, place.width))
        {
            Some((lowest, highest)) => {
                if order(&place) < order(lowest) {
                    *lowest = place;
                }
                if order(&place) > order(highest) {
                    *highest = place;
                }
            }
            None => found.push((place, place)),
        }
    }
    found
}

/// Where a load or store goes, if that is one item behind the other of an array of floats.
fn place(function: &Function, data: &InstData, counted: &Counted) -> Option<Place> {
    let Imm::Memory {
        ty: Type::Float,
        width,
        region: Region::Data,
        offset,
        scale,
        ..
    } = data.imm
    else {
        return None;
    };
    if !matches!(data.op, Op::LoadIndexed | Op::StoreIndexed) {
        return None;
    }
    let (variable, plus) = Facts::decompose(function, data.args[1]);
    let width = match width {
        Width::F64 => 8,
        Width::F32 => 4,
        _ => return None,
    };
    let plus = i64::try_from(plus).ok().filter(|plus| plus.unsigned_abs() < 1 << 32)?;
    let (scale, offset) = (i64::from(scale), i64::from(offset));
    // Either part of a complex number counts as all of it.
    let part = match scale / width {
        2 => offset.rem_euclid(scale),
        _ => 0,
    };
    let is_item = scale == width || (scale == 2 * width && part % width == 0);
    (variable == counted.variable && is_item).then_some(Place {
        base: data.args[0],
        plus,
        offset: offset - part,
        width: scale,
    })
}

/// Whether an operation may be done earlier than it would be, whatever its operands are.
fn is_safe(op: Op) -> bool {
    matches!(
        op,
        Op::IntConst
            | Op::FloatConst
            | Op::BoolConst
            | Op::PointerConst
            | Op::IntAdd
            | Op::IntSub
            | Op::IntMul
            | Op::IntAddWrapping
            | Op::IntAnd
            | Op::IntOr
            | Op::IntXor
            | Op::IntCompare
            | Op::IntToFloat
            | Op::FloatAdd
            | Op::FloatSub
            | Op::FloatMul
            | Op::FloatDiv
            | Op::FloatNeg
            | Op::FloatAbs
            | Op::FloatSqrt
            | Op::FloatFloor
            | Op::FloatCeil
            | Op::FloatTrunc
            | Op::FloatNearest
            | Op::FloatSingle
            | Op::FloatHalf
            | Op::HalfFloat
            | Op::FloatCompare
            | Op::BoolNot
            | Op::BoolAnd
            | Op::BoolOr
            | Op::BoolXor
            | Op::Select
            | Op::AddOffset
    )
}

/// Whether a condition is one of floats only: it says nothing of what memory there is.
fn is_of_floats(function: &Function, condition: Value) -> bool {
    function.def(condition).is_some_and(|data| match data.op {
        Op::FloatCompare | Op::BoolConst => true,
        Op::BoolNot | Op::BoolAnd | Op::BoolOr | Op::BoolXor => {
            data.args.iter().all(|&arg| is_of_floats(function, arg))
        }
        _ => false,
    })
}
