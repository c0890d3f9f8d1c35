//! Writing a function down.

use justjit_builder::{Signature, Type};

use crate::check;
use crate::program::{BlockData, BlockId, End, Id, Operation, Program, Step};

/// A value of the function being written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value(pub(crate) Id);

/// A block of the function being written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block(pub(crate) BlockId);

/// Writes one function down. Made by [`record`](crate::record).
pub struct ReferenceBuilder {
    pub(crate) program: Program,
    pub(crate) current: BlockId,
    /// The first rule that was broken.
    mistake: Option<String>,
}

impl ReferenceBuilder {
    pub(crate) fn new(signature: &Signature) -> ReferenceBuilder {
        let mut builder = ReferenceBuilder {
            program: Program {
                signature: *signature,
                types: signature.params.to_vec(),
                params: (0..signature.params.len()).collect(),
                blocks: vec![BlockData::default()],
                slots: Vec::new(),
            },
            current: 0,
            mistake: None,
        };
        if signature
            .params
            .iter()
            .chain(&signature.result)
            .any(|&ty| ty == Type::F32)
        {
            builder.mistake("an F32 is a parameter or result".into());
        }
        builder
    }

    pub(crate) fn mistake(&mut self, what: String) {
        self.mistake.get_or_insert(what);
    }

    pub(crate) fn expect(&mut self, holds: bool, what: &str) {
        if !holds {
            self.mistake(what.into());
        }
    }

    pub(crate) fn type_of(&self, value: Value) -> Type {
        self.program.types[value.0]
    }

    pub(crate) fn expect_type(&mut self, value: Value, ty: Type, what: &str) {
        let found = self.type_of(value);
        if found != ty {
            self.mistake(format!("{what} takes {ty:?}, not {found:?}"));
        }
    }

    pub(crate) fn expect_int(&mut self, value: Value, what: &str) {
        let found = self.type_of(value);
        self.expect(
            !matches!(found, Type::F32 | Type::F64),
            &format!("{what} takes an integer, not {found:?}"),
        );
    }

    pub(crate) fn expect_same(&mut self, a: Value, b: Value, what: &str) {
        let (a, b) = (self.type_of(a), self.type_of(b));
        self.expect(a == b, &format!("{what} of {a:?} and {b:?}"));
    }

    pub(crate) fn expect_args(&mut self, args: &[Value], params: &[Type], what: &str) {
        let found: Vec<Type> = args.iter().map(|&arg| self.type_of(arg)).collect();
        self.expect(found == params, &format!("{what} takes {params:?}, not {found:?}"));
    }

    pub(crate) fn new_value(&mut self, ty: Type) -> Value {
        self.program.types.push(ty);
        Value(self.program.types.len() - 1)
    }

    /// Appends an operation without a result.
    pub(crate) fn effect(&mut self, operation: Operation) {
        self.append(operation, None);
    }

    /// Appends an operation that gives a value.
    pub(crate) fn value(&mut self, ty: Type, operation: Operation) -> Value {
        let value = self.new_value(ty);
        self.append(operation, Some(value.0));
        value
    }

    pub(crate) fn append(&mut self, operation: Operation, result: Option<Id>) {
        let block = &mut self.program.blocks[self.current];
        if block.end.is_some() {
            let current = self.current;
            self.mistake(format!("{operation:?} follows the end of block {current}"));
            return;
        }
        block.steps.push(Step { operation, result });
    }

    pub(crate) fn end(&mut self, end: End) {
        for (block, args) in end.targets() {
            let args: Vec<Value> = args.iter().copied().map(Value).collect();
            let params: Vec<Type> = self.program.blocks[*block]
                .params
                .iter()
                .map(|&param| self.program.types[param])
                .collect();
            self.expect_args(&args, &params, &format!("block {block}"));
        }
        let current = self.current;
        let before = self.program.blocks[current].end.replace(end);
        self.expect(before.is_none(), &format!("block {current} ends twice"));
    }

    pub(crate) fn switch(&mut self, block: BlockId) {
        let current = self.current;
        let ended = self.program.blocks[current].end.is_some();
        self.expect(ended, &format!("block {current} is left without a terminator"));
        let data = &self.program.blocks[block];
        let empty = data.steps.is_empty() && data.end.is_none();
        self.expect(empty && block != current, &format!("block {block} is filled twice"));
        self.current = block;
    }

    pub(crate) fn is_reached(&self, block: BlockId) -> bool {
        let mut ends = self.program.blocks.iter().filter_map(|data| data.end.as_ref());
        ends.any(|end| end.targets().iter().any(|&&(target, _)| target == block))
    }

    pub(crate) fn finish(mut self) -> Result<Program, String> {
        for index in 0..self.program.blocks.len() {
            let data = &self.program.blocks[index];
            if data.end.is_none() && (!data.steps.is_empty() || index == self.current) {
                self.mistake(format!("block {index} is left without a terminator"));
            } else if data.end.is_none() && self.is_reached(index) {
                self.mistake(format!("block {index} is jumped to, but empty"));
            }
        }
        match self.mistake {
            Some(mistake) => Err(mistake),
            None => check::definitions(&self.program).map(|()| self.program),
        }
    }
}
