//! Checks that references are counted right.
//!
//! An abstract interpretation, backwards: at each place, how many references of each value the code must own so that from
//! there on, on every way, each is given away exactly once, to a `decref`, a return, a callee or store that takes it over,
//! or at an exit to a frame or a release. Where two ways ask for different numbers something is wrong; so it is where a
//! value comes to be with another number than is asked for: 1 for what gives a reference, 0 for what is borrowed. A
//! parameter of a block brings as many as are asked for of it, and asks for them of its arguments.
//!
//! NULL and immortal objects have any number. The check knows nothing of how passes work.

use justjit_ir::{Block, Flow, Function, Imm, Inst, Op, Recovery, State, SymbolKind, Type, Value, ValueDef};
use std::collections::BTreeMap;

/// How many references of values are needed; 0 is left out.
type Need = BTreeMap<Value, i64>;

/// What is wrong, one message a fault.
pub fn check_refcounts(function: &Function) -> Result<(), Vec<String>> {
    let flow = Flow::of(function);
    let mut checker = Checker {
        function,
        needs: vec![None; function.blocks.len()],
        errors: Vec::new(),
        report: false,
    };
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
    checker.report = true;
    for &block in &flow.order {
        checker.block(block);
    }
    let unmet = checker.needs[Function::ENTRY.index()].clone().unwrap_or_default();
    for (value, count) in unmet {
        checker
            .errors
            .push(format!("b0: {count} references of {value} are needed at the start"));
    }
    match checker.errors.is_empty() {
        true => Ok(()),
        false => Err(checker.errors),
    }
}

struct Checker<'a> {
    function: &'a Function,
    /// At the start of each block, as far as known.
    needs: Vec<Option<Need>>,
    errors: Vec<String>,
    /// Whether faults are written down.
    report: bool,
}

impl Checker<'_> {
    fn error(&mut self, block: Block, inst: Inst, message: String) {
        if self.report {
            self.errors
                .push(format!("{block}: `{}`: {message}", self.function.inst_text(inst)));
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
        if self.uncounted(value) || self.function.type_of(value) != Type::Object {
            return;
        }
        let sum = need.entry(value).or_insert(0);
        *sum += count;
        if *sum == 0 {
            need.remove(&value);
        }
    }

    /// What a state gives away.
    fn given(&self, state: State) -> Need {
        let state = &self.function.states[state.index()];
        let mut need = Need::new();
        for recovery in state.recoveries() {
            if let Recovery::Owned(value) = *recovery {
                self.add(&mut need, value, 1);
            }
        }
        for &value in &state.release {
            self.add(&mut need, value, 1);
        }
        need
    }

    /// What is needed at a block's start; nothing if no way from it is known yet.
    fn block(&mut self, block: Block) -> Option<Need> {
        let function = self.function;
        let insts = &function.blocks[block.index()].insts;
        let (&last, before) = insts.split_last()?;
        let mut need = self.end(block, last)?;
        for &inst in before.iter().rev() {
            self.back_over(block, inst, &mut need);
        }
        if let Some(state) = function.blocks[block.index()].entry_state {
            let given = self.given(state);
            if self.report && given != need {
                self.errors.push(format!(
                    "{block}: its entry state gives {given:?} away, needed are {need:?}"
                ));
            }
        }
        for &param in &function.blocks[block.index()].params {
            if need.get(&param).is_some_and(|&count| count < 0) && self.report {
                self.errors
                    .push(format!("{block}: a reference of {param} is never given away"));
            }
        }
        if block != Function::ENTRY {
            // What the block's own values need was looked at where they come to be.
            need.retain(
                |value, _| !matches!(function.values[value.index()].def, ValueDef::Result(def) if insts.contains(&def)),
            );
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
            Op::Deopt => Some(self.given(data.state?)),
            _ => {
                let mut agreed: Option<Need> = None;
                // Where it is NULL, it has any number.
                let tested = data.args.first().and_then(|&condition| self.function.def(condition));
                let null = tested.filter(|test| data.op == Op::Branch && test.op == Op::IsNull);
                let null = null.map(|test| test.args[0]);
                for (which, call) in data.targets.iter().enumerate() {
                    let Some(after) = &self.needs[call.block.index()] else {
                        continue;
                    };
                    let mut need = after.clone();
                    if let (0, Some(null)) = (which, null)
                        && let Some(otherwise) = data.targets.get(1)
                        && let Some(there) = &self.needs[otherwise.block.index()]
                    {
                        need.remove(&null);
                        need.extend(there.get(&null).map(|&count| (null, count)));
                    }
                    for (&param, &arg) in self.function.blocks[call.block.index()].params.iter().zip(&call.args) {
                        let count = need.remove(&param).unwrap_or(0);
                        self.add(&mut need, arg, count);
                    }
                    match &agreed {
                        None => agreed = Some(need),
                        Some(other) if *other == need => {}
                        Some(other) => {
                            let message = format!("one way needs {other:?}, the other {need:?}");
                            self.error(block, inst, message);
                        }
                    }
                }
                agreed
            }
        }
    }

    /// From what is needed behind an instruction to what is needed before it.
    fn back_over(&mut self, block: Block, inst: Inst, need: &mut Need) {
        let data = self.function.inst(inst);
        // A decref leaves when it is done, all others before they are.
        let behind = data.op == Op::Decref;
        if behind {
            self.exit(block, inst, need);
        }
        if let Some(result) = data.result
            && data.op != Op::BoxBool
            && self.function.type_of(result) == Type::Object
            && !self.uncounted(result)
        {
            let given = i64::from(self.gives(inst));
            let needed = need.remove(&result).unwrap_or(0);
            if needed != given {
                self.error(block, inst, format!("it gives {given} references, {needed} are needed"));
            }
        }
        match data.op {
            Op::Incref | Op::TakeOver => self.add(need, data.args[0], -1),
            Op::Call => {
                if let Imm::Symbol(callee) = data.imm {
                    let taken = self.function.call(callee).consumes.clone();
                    for (&arg, _) in data.args.iter().zip(taken).filter(|(_, taken)| *taken) {
                        self.add(need, arg, 1);
                    }
                }
            }
            op if op.info().consumes => {
                let last = *data.args.last().expect("it has an operand");
                self.add(need, last, 1);
            }
            _ => {}
        }
        if !behind {
            self.exit(block, inst, need);
        }
        if let Some((value, count)) = need.iter().find(|(_, count)| **count < 0) {
            let message = format!("{} references of {value} are never given away", -count);
            self.error(block, inst, message);
            need.retain(|_, count| *count >= 0);
        }
    }

    fn exit(&mut self, block: Block, inst: Inst, need: &Need) {
        if let Some(state) = self.function.inst(inst).state {
            let given = self.given(state);
            if given != *need {
                self.error(
                    block,
                    inst,
                    format!("{state} gives {given:?} away, needed are {need:?}"),
                );
            }
        }
    }
}
