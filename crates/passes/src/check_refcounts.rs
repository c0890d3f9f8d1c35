//! Checks that references are counted right.
//!
//! An abstract interpretation, backwards: at each place, how many references of each value the code must own so that from
//! there on, on every way, each is given away exactly once, to a `decref`, a return, memory (`hand_over`), or a callee that
//! takes it over, or at an exit to a frame or a release. Where two ways ask for different numbers something is wrong; so it
//! is where a value comes to be with another number than is asked for: 1 for what gives a reference, 0 for what is borrowed.
//! A parameter of a block brings as many as are asked for of it, and asks for them of its arguments.
//!
//! NULL and immortal objects have any number; a value that a way has found to be one of these has on that way. What an
//! operation does with references the table of operations says, and a callee's [`Call`](justjit_ir::Call). The check knows
//! nothing of how passes work.

use justjit_builder::IntCond;
use justjit_ir::{
    Block, BlockCall, Dominators, Flow, Function, Going, Imm, Inst, Op, Recovery, State, Symbol, SymbolKind, Type,
    Value, ValueDef,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::rc::Rc;

/// How many references of a value are needed; `None` is any number.
type Count = Option<i64>;

/// How many references of values are needed; 0 is left out.
type Need = BTreeMap<Value, Count>;

/// What is wrong, one message a fault.
pub fn check_refcounts(function: &Function) -> Result<(), Vec<String>> {
    let flow = Flow::of(function);
    let mut checker = Checker {
        function,
        uncounted: Vec::new(),
        constants: BTreeMap::new(),
        faulty: BTreeSet::new(),
        needs: vec![None; function.blocks.len()],
        errors: Vec::new(),
        report: false,
        given: vec![None; function.states.len()],
    };
    checker.find_constants(&flow);
    checker.find_uncounted(&flow);
    // Blocks after those they lead to; loops take a few turns. What never ends asks for nothing.
    for _ in 0..function.blocks.len() + 2 {
        let mut changed = false;
        for &block in flow.order.iter().rev() {
            let need = checker.block(block);
            if need.is_some() && checker.needs[block.index()] != need {
                checker.needs[block.index()] = need;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    // The faults that others follow from are nearest to the end.
    checker.report = true;
    for &block in flow.order.iter().rev() {
        checker.block(block);
    }
    let unmet = checker.needs[Function::ENTRY.index()].clone().unwrap_or_default();
    for (value, count) in unmet {
        if let Some(count) = count
            && checker.faulty.insert(value)
        {
            let made = function
                .def(value)
                .map_or(String::new(), |made| format!(" ({})", made.op.info().name));
            checker.errors.push(format!(
                "b0: {count} references of {value}{made} are needed at the start"
            ));
        }
    }
    match checker.errors.is_empty() {
        true => Ok(()),
        false => Err(checker.errors),
    }
}

struct Checker<'a> {
    function: &'a Function,
    /// Constants that are the same object as another: that one.
    constants: BTreeMap<Value, Value>,
    /// Of these a fault has been found; others would only follow from it.
    faulty: BTreeSet<Value>,
    /// What is known to be NULL or immortal in each block, by the ways that lead there.
    uncounted: Vec<Need>,
    /// At the start of each block, as far as known.
    needs: Vec<Option<Need>>,
    errors: Vec<String>,
    /// Whether faults are written down.
    report: bool,
    /// What each state gives away, once it has been asked for.
    given: Vec<Option<Rc<Need>>>,
}

impl Checker<'_> {
    fn error(&mut self, (block, inst): (Block, Inst), value: Value, message: &str) {
        if self.report && self.faulty.insert(value) {
            let text = self.function.inst_text(inst);
            self.errors.push(format!("{block}: `{text}`: {message}"));
        }
    }

    /// Whether references to it need not be counted.
    fn uncounted(&self, value: Value) -> bool {
        match self.function.def(value).map(|data| (data.op, data.imm)) {
            Some((Op::Null | Op::BoxBool, _)) => true,
            Some((Op::ObjectConst, Imm::Symbol(symbol))) => {
                matches!(
                    self.function.symbols[symbol.index()].kind,
                    SymbolKind::Object { immortal: true }
                )
            }
            _ => false,
        }
    }

    /// Whether the result is a reference that belongs to the code.
    fn gives(&self, inst: Inst) -> bool {
        let data = self.function.inst(inst);
        match (data.op, data.imm) {
            (Op::Call, Imm::Symbol(callee)) => self.function.call(callee).owned,
            (op, _) => op.info().owned,
        }
    }

    fn add(&self, need: &mut Need, value: Value, count: i64) {
        let value = self.constants.get(&value).copied().unwrap_or(value);
        if self.uncounted(value) || self.function.type_of(value) != Type::Object {
            return;
        }
        if let Some(sum) = need.entry(value).or_insert(Some(0)) {
            *sum += count;
            if *sum == 0 {
                need.remove(&value);
            }
        }
    }

    /// What a state gives away.
    fn given(&mut self, state: State) -> Rc<Need> {
        if let Some(known) = &self.given[state.index()] {
            return known.clone();
        }
        let at = state.index();
        let state = &self.function.states[at];
        let mut need = Need::new();
        for recovery in state.recoveries() {
            if let Recovery::Owned(value) = *recovery {
                self.add(&mut need, value, 1);
            }
        }
        for &value in &state.release {
            self.add(&mut need, value, 1);
        }
        self.given[at].insert(Rc::new(need)).clone()
    }

    /// Whether a condition that is a constant holds.
    fn known(&self, condition: Value) -> Option<bool> {
        match self.function.def(condition)?.imm {
            Imm::Bool(holds) => Some(holds),
            _ => None,
        }
    }

    /// Where a condition holds, or does not, these are NULL or immortal.
    fn uncounted_where(&self, condition: Value, holds: bool, need: &mut Need) {
        let Some(data) = self.function.def(condition) else {
            return;
        };
        match (data.op, holds) {
            (Op::IsNull, true) => drop(need.insert(data.args[0], None)),
            (Op::Same, true) => {
                for (one, other) in [(0, 1), (1, 0)] {
                    if self.uncounted(data.args[one]) {
                        need.insert(data.args[other], None);
                    }
                }
            }
            // An address that is known is no object's, but a sign.
            (Op::IntCompare, _) if data.imm == Imm::IntCond(if holds { IntCond::Eq } else { IntCond::Ne }) => {
                for (one, other) in [(0, 1), (1, 0)] {
                    let [one, other] = [one, other].map(|at| self.function.def(data.args[at]));
                    if let (Some(address), Some(sign)) = (one, other)
                        && (address.op, sign.op) == (Op::AddressOf, Op::IntConst)
                    {
                        need.insert(address.args[0], None);
                    }
                }
            }
            (Op::BoolNot, _) => self.uncounted_where(data.args[0], !holds, need),
            (Op::BoolAnd, true) | (Op::BoolOr, false) => {
                for &part in &data.args {
                    self.uncounted_where(part, holds, need);
                }
            }
            _ => {}
        }
    }

    fn find_constants(&mut self, flow: &Flow) {
        let mut first: BTreeMap<Symbol, Value> = BTreeMap::new();
        for &inst in flow
            .order
            .iter()
            .flat_map(|block| &self.function.blocks[block.index()].insts)
        {
            let data = self.function.inst(inst);
            if let (Op::ObjectConst, Imm::Symbol(symbol), Some(value)) = (data.op, data.imm, data.result) {
                let first = *first.entry(symbol).or_insert(value);
                if first != value {
                    self.constants.insert(value, first);
                }
            }
        }
    }

    /// What branches and guards say of all that they dominate.
    fn find_uncounted(&mut self, flow: &Flow) {
        let function = self.function;
        let dominators = Dominators::of(function, flow);
        self.uncounted = vec![Need::new(); function.blocks.len()];
        for block in dominators.preorder() {
            let Some(above) = dominators.parent(block) else {
                continue;
            };
            let mut known = self.uncounted[above.index()].clone();
            for &inst in &function.blocks[above.index()].insts {
                let data = function.inst(inst);
                match data.op {
                    Op::Guard => self.uncounted_where(data.args[0], true, &mut known),
                    Op::Branch if flow.predecessors(block) == [above] => {
                        let [then, other] = [0, 1].map(|at| data.targets[at].block == block);
                        if then != other {
                            self.uncounted_where(data.args[0], then, &mut known);
                        }
                    }
                    _ => {}
                }
            }
            self.uncounted[block.index()] = known;
        }
    }

    /// What two ways need that part here.
    fn both(&mut self, (block, inst): (Block, Inst), mut one: Need, mut other: Need, what: [&str; 2]) -> Need {
        let values: Vec<Value> = one.keys().chain(other.keys()).copied().collect();
        for value in values {
            match (one.get(&value).copied(), other.get(&value).copied()) {
                (Some(None), count) => match count {
                    Some(count) => drop(one.insert(value, count)),
                    None => drop(one.remove(&value)),
                },
                (None, Some(None)) | (Some(Some(_)), Some(None)) => {}
                (first, second) => {
                    let [first, second] = [first, second].map(|count| count.flatten().unwrap_or(0));
                    if first != second {
                        let [here, there] = what;
                        let message = format!("{here} {first} references of {value}, {there} {second}");
                        self.error((block, inst), value, &message);
                    }
                }
            }
            // Said once.
            other.remove(&value);
            if let Some(&count) = one.get(&value) {
                other.insert(value, count);
            }
        }
        one
    }

    /// What is needed at a block's start; nothing if no way from it is known yet.
    fn block(&mut self, block: Block) -> Option<Need> {
        let function = self.function;
        let insts = &function.blocks[block.index()].insts;
        let (&last, before) = insts.split_last()?;
        let known = self.uncounted[block.index()].clone();
        let mut need = self.end(block, last)?;
        need.extend(&known);
        for &inst in before.iter().rev() {
            self.back_over(block, inst, &mut need);
            need.extend(&known);
        }
        if let Some(state) = function.blocks[block.index()].entry_state {
            let mut given = Need::clone(&self.given(state));
            for (&value, _) in need.iter().filter(|(_, count)| count.is_none()) {
                given.insert(value, None);
            }
            let differs = |value: &&Value| given.get(value) != need.get(value);
            let different: Vec<Value> = given.keys().chain(need.keys()).filter(differs).copied().collect();
            if self.report && different.into_iter().any(|value| self.faulty.insert(value)) {
                let (given, need) = (text_of(&given), text_of(&need));
                self.errors.push(format!(
                    "{block}: its entry state gives {given} away, needed are {need}"
                ));
            }
        }
        for &param in &function.blocks[block.index()].params {
            let negative = need
                .get(&param)
                .is_some_and(|count| count.is_some_and(|count| count < 0));
            if negative && self.report && self.faulty.insert(param) {
                self.errors
                    .push(format!("{block}: a reference of {param} is never given away"));
            }
        }
        if block != Function::ENTRY {
            // What the block's own values need was looked at where they come to be.
            need.retain(
                |value, _| !matches!(function.values[value.index()].def, ValueDef::Result(def) if insts.contains(&def) && function.inst(def).op != Op::ObjectConst),
            );
        }
        Some(need)
    }

    /// What is needed on the way to a block.
    fn on_the_way(&self, call: &BlockCall) -> Option<Need> {
        let mut need = self.needs[call.block.index()].clone()?;
        let params = &self.function.blocks[call.block.index()].params;
        let counts: Vec<Count> = params
            .iter()
            .map(|param| need.remove(param).unwrap_or(Some(0)))
            .collect();
        for (&arg, count) in call.args.iter().zip(counts) {
            match count {
                Some(count) => self.add(&mut need, arg, count),
                None => drop(need.insert(arg, None)),
            }
        }
        Some(need)
    }

    fn end(&mut self, block: Block, inst: Inst) -> Option<Need> {
        let data = self.function.inst(inst);
        match data.op {
            Op::Return | Op::Give => {
                let mut need = Need::new();
                if self.function.type_of(data.args[0]) == Type::Object {
                    self.add(&mut need, data.args[0], 1);
                }
                Some(need)
            }
            Op::Deopt => Some(Need::clone(&self.given(data.state?))),
            _ => {
                let mut agreed: Option<Need> = None;
                let condition = data.args.first().and_then(|&condition| self.known(condition));
                for (at, call) in data.targets.iter().enumerate() {
                    if condition.is_some_and(|holds| holds == (at == 1)) {
                        continue;
                    }
                    let Some(mut need) = self.on_the_way(call) else {
                        continue;
                    };
                    if data.op == Op::Branch {
                        self.uncounted_where(data.args[0], at == 0, &mut need);
                    }
                    agreed = Some(match agreed {
                        None => need,
                        Some(other) => self.both((block, inst), other, need, ["one way needs", "the other"]),
                    });
                }
                agreed
            }
        }
    }

    /// From what is needed behind an instruction to what is needed before it.
    fn back_over(&mut self, block: Block, inst: Inst, need: &mut Need) {
        let data = self.function.inst(inst);
        if data.op == Op::Guard {
            self.uncounted_where(data.args[0], true, need);
        }
        // A decref leaves when it is done, all others before they are.
        let behind = data.op == Op::Decref;
        if behind {
            self.exit(block, inst, need);
        }
        if let Some(result) = data.result
            && !matches!(data.op, Op::BoxBool | Op::ObjectConst)
            && self.function.type_of(result) == Type::Object
            && !self.uncounted(result)
        {
            let given = i64::from(self.gives(inst));
            let needed = need.remove(&result).unwrap_or(Some(0));
            if let Some(needed) = needed.filter(|&needed| needed != given) {
                let message = format!("it gives {given} references of {result}, {needed} are needed");
                self.error((block, inst), result, &message);
            }
        }
        let info = data.op.info();
        match (data.op, data.args.last()) {
            (Op::Call, _) => {
                if let Imm::Symbol(callee) = data.imm {
                    let taken = &self.function.call(callee).consumes;
                    for (&arg, _) in data.args.iter().zip(taken).filter(|(_, taken)| **taken) {
                        self.add(need, arg, 1);
                    }
                }
            }
            (_, Some(&last)) if info.gains => self.add(need, last, -1),
            (_, Some(&last)) if info.consumes => self.add(need, last, 1),
            _ => {}
        }
        if !behind {
            self.exit(block, inst, need);
        }
        if let Some((&value, &count)) = need.iter().find(|(_, count)| count.is_some_and(|count| count < 0)) {
            let message = format!("{} references of {value} are never given away", -count.unwrap_or(0));
            self.error((block, inst), value, &message);
            need.retain(|_, count| count.is_none_or(|count| count >= 0));
        }
    }

    fn exit(&mut self, block: Block, inst: Inst, need: &mut Need) {
        let data = self.function.inst(inst);
        let Some(state) = data.state else {
            return;
        };
        let given = self.given(state);
        if *given == *need {
            return;
        }
        let mut given = Need::clone(&given);
        if data.op == Op::Guard {
            match self.known(data.args[0]) {
                Some(true) => return,
                Some(false) => return *need = given,
                None => {}
            }
            self.uncounted_where(data.args[0], false, &mut given);
        }
        if self.function.states[state.index()].going == Going::Wait {
            // What the callee gives, which has left its code, is nothing.
            let insts = &self.function.blocks[block.index()].insts;
            let before = insts.iter().take_while(|&&one| one != inst);
            let call = before.filter(|&&one| self.function.inst(one).op == Op::Call).last();
            if let Some(result) = call.and_then(|&call| self.function.inst(call).result) {
                given.insert(result, None);
            }
        }
        let gives = format!("{state} gives");
        let before = std::mem::take(need);
        *need = self.both((block, inst), before, given, ["behind are needed", &gives]);
    }
}

fn text_of(need: &Need) -> String {
    let mut text = String::from("{");
    for (value, count) in need.iter().filter_map(|(value, count)| Some((value, (*count)?))) {
        let comma = if text.len() > 1 { ", " } else { "" };
        // Writing to a string does not fail.
        let _ = write!(text, "{comma}{value}: {count}");
    }
    text + "}"
}
