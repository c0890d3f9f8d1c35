//! Accesses to numbers, and where their lists are asked for copies.

use super::{Access, Item, Kind, Look, Point};
use justjit_ir::{Block, Effect, Going, Inst, Loop, LoopData, Op, State, Value, ValueDef};

impl Look<'_> {
    /// An access to a number; nothing if its object is used as such, too.
    pub(super) fn access(
        &self,
        block: Block,
        load: Inst,
        item: Item,
        kind: Kind,
        points: &mut Vec<Point>,
    ) -> Option<Access> {
        let data = self.function.inst(load);
        let value = data.result?;
        let fine = self
            .users(data)
            .all(|user| matches!(user.op, Op::HasType | Op::TakeOver) || self.takes_number(user, kind));
        if !self.moves(kind) && kind != Kind::Bool && (!fine || self.uses.otherwise[value.index()]) {
            return None;
        }
        let mut known = vec![self.known_type(load)?];
        if self.moves(kind) && self.kind_of_test(known[0].1) != Some(kind) {
            return None;
        }
        if kind == Kind::Bool {
            known.clear();
        }
        let (wanted, row) = match self.table(block, item, kind) {
            Some((point, row)) => {
                known.push(self.known_type(row)?);
                (point, Some(row))
            }
            None => (self.point(block, load, item, kind)?, None),
        };
        let same = |one: &Point| {
            (one.block, one.list, one.kind, one.ahead_of, one.rows)
                == (wanted.block, wanted.list, kind, wanted.ahead_of, wanted.rows)
        };
        let point = points.iter().position(same).unwrap_or_else(|| {
            points.push(wanted);
            points.len() - 1
        });
        Some(Access {
            load,
            point,
            row,
            known,
            writes: Vec::new(),
        })
    }

    /// The outermost loop around a block that does not change where a list's array is, and before which the code can be left.
    pub(super) fn outermost(&self, block: Block, array: Block) -> Option<Loop> {
        let mut outermost = None;
        let mut at = self.loops.innermost(block);
        while let Some(number) = at
            && let Some(data) = self.inside(at)
        {
            if !self.loops.contains(number, array) && self.can_leave_ahead_of(number) {
                outermost = Some(number);
            }
            at = data.parent;
        }
        outermost
    }

    pub(super) fn array_of(&self, item: Item) -> Option<Block> {
        match self.function.values[item.base.index()].def {
            ValueDef::Result(inst) => self.homes[inst.index()],
            ValueDef::Param(..) => None,
        }
    }

    pub(super) fn point_ahead_of(
        &self,
        number: Loop,
        list: Value,
        guard: Inst,
        (kind, rows): (Kind, bool),
    ) -> Option<Point> {
        let before = self.loops.get(number).preheader?;
        Some(Point {
            block: before,
            before: self.function.terminator(before)?,
            list,
            kind,
            rows,
            ahead_of: Some(number),
            state: self.function.inst(guard).state?,
            stores: false,
            moves: self.moves(kind),
        })
    }

    /// Where the list that an access's list is an item of is asked for a table, and the load of that: where each round of the
    /// innermost loop reaches another row, but always of the same list.
    pub(super) fn table(&self, block: Block, item: Item, kind: Kind) -> Option<(Point, Inst)> {
        let ValueDef::Result(row) = self.function.values[item.list.index()].def else {
            return None;
        };
        let outer = self.item(self.function.inst(row)).flatten()?;
        let innermost = self.loops.innermost(block)?;
        let home = self.homes[row.index()].filter(|home| self.within[home.index()])?;
        if !self.tables || kind == Kind::Bool || !self.loops.contains(innermost, home) {
            return None;
        }
        let number = self.outermost(home, self.array_of(outer)?)?;
        let guard = self.tested_by(row)?;
        let point = self.point_ahead_of(number, outer.list, guard, (kind, true))?;
        Some((point, row))
    }

    /// Where the list of an access is asked for its copy.
    pub(super) fn point(&self, block: Block, load: Inst, item: Item, kind: Kind) -> Option<Point> {
        let guard = self.tested_by(load)?;
        let state = self.function.inst(guard).state?;
        if let Some(number) = self.outermost(block, self.array_of(item)?) {
            return self.point_ahead_of(number, item.list, guard, (kind, false));
        }
        // The state is that of the instruction's beginning: nothing that can be seen may be between.
        let insts = &self.function.blocks[block.index()].insts;
        let from = insts.iter().position(|&inst| inst == load)?;
        let to = insts.iter().position(|&inst| inst == guard)?;
        let between = insts.get(from..to)?;
        let quiet = between.iter().all(|&inst| {
            let effect = self.function.inst(inst).effect(self.function);
            matches!(effect, Effect::Pure | Effect::Load | Effect::Guard)
        });
        let state_is_known = self.function.states[state.index()].values().all(|value| {
            let ValueDef::Result(made) = self.function.values[value.index()].def else {
                return true;
            };
            !between.contains(&made)
        });
        (quiet && state_is_known).then_some(Point {
            block,
            before: load,
            list: item.list,
            kind,
            rows: false,
            ahead_of: None,
            state,
            stores: false,
            moves: self.moves(kind),
        })
    }

    /// A loop, if it is in the nest, or is all of it.
    pub(super) fn inside(&self, number: Option<Loop>) -> Option<&LoopData> {
        let data = self.loops.get(number?);
        data.blocks
            .iter()
            .all(|block| self.within[block.index()])
            .then_some(data)
    }

    pub(super) fn can_leave_ahead_of(&self, number: Loop) -> bool {
        let data = self.loops.get(number);
        let state = self.function.blocks[data.header.index()].entry_state;
        let resumes = |state: State| self.function.states[state.index()].going == Going::Resume;
        data.preheader.is_some() && state.is_some_and(resumes)
    }
}
