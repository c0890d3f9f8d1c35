//! Versions of places: which block goes on where control comes to, and how frames are made to fit it.

use super::*;

impl Builder<'_> {
    /// Goes on at an instruction of the innermost frame.
    pub fn go_to(&mut self, index: usize) -> Done {
        self.frame().index = index;
        self.sweep();
        self.forget_told_apart();
        self.generalize()?;
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

    /// A local that nobody uses any more is in its slot, or has no value.
    fn forget_local(&mut self, local: usize) -> Done {
        self.bring_home(local)?;
        let offset = crate::convert::slot_offset(local);
        let value = self.load(Type::Object, self.frame_pointer, offset, ir_region::FRAME);
        self.frames[0].locals[local].item = Item::Object(Object {
            value,
            kind: Kind::Maybe,
            owner: Owner::Slot(local as u32),
        });
        Ok(())
    }

    /// Where all frames are; generators that wait elsewhere, and where an exception was raised, make another place of it.
    pub(super) fn place(&self) -> Vec<(usize, usize)> {
        let suspended = self.frames[0].instances.iter().filter_map(|one| match &one.form {
            crate::item::Form::Generator(one) => Some((usize::MAX - one.code, one.index)),
            _ => None,
        });
        let caught = self.frames[0].instances.iter().filter_map(|one| match &one.form {
            crate::item::Form::Exception(one) => one.caught.as_ref(),
            _ => None,
        });
        let raised = caught.flat_map(|caught| {
            let left = caught.left.iter().map(|left| (left.code, left.index));
            let depth = caught.depth;
            std::iter::once((depth, caught.index)).chain(left)
        });
        let suspended = suspended.chain(raised.map(|(code, index)| (usize::MAX / 2 - code, index)));
        let frames = self.frames.iter().map(|frame| (frame.code, frame.index));
        suspended.chain(frames).collect()
    }

    /// Whether ways come together here that were parted in a block.
    pub(super) fn is_join(&self) -> bool {
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

    pub(super) fn find(&self, place: &[(usize, usize)], shape: &[Frame]) -> Option<Block> {
        let versions = self.versions.get(place)?;
        versions
            .iter()
            .find(|version| version.shape == shape)
            .map(|version| version.block)
    }

    /// Finds a version that the present frames can be made to fit, by forgetting what is known of them, or (if `boxing`) by
    /// boxing numbers too; and makes them fit.
    pub(super) fn fit(&mut self, place: &[(usize, usize)], boxing: bool) -> Done<Option<Block>> {
        let versions = self.versions.get(place).map_or(&[][..], Vec::as_slice);
        let (frame, uses) = (&self.frames[0], &self.codes[self.frames[0].code].uses);
        let escapes = |local| match self.frames.len() {
            1 => uses.escapes_from(frame.index, local),
            _ => uses.escapes_behind(frame.index, local),
        };
        let fitting = versions
            .iter()
            .find(|version| crate::item::fits(&self.frames, &version.shape, boxing, &escapes))
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

    pub(super) fn fit_local(&mut self, depth: usize, at: usize, wanted: &Local) -> Done {
        if depth > 0 {
            let item = self.take_to_box(depth, at);
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

    pub(super) fn fit_item(&mut self, item: Item, wanted: &Item) -> Done<Item> {
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
    pub(super) fn add_version(&mut self, place: Vec<(usize, usize)>) -> Block {
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
        if info.looping.contains(&place.last().expect("a place").1) {
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
    pub(super) fn generalize(&mut self) -> Done {
        if self.asks_identity {
            return self.generalize_as_objects();
        }
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
        Ok(())
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
    pub(super) fn forget_all(&mut self) -> Done {
        self.make_all_instances()?;
        self.box_suspended()?;
        // Whether there is a value that nobody uses is nothing to tell versions by either.
        let live = crate::liveness::live_at(&self.codes[0].decoded, self.frames[0].index);
        // A typed body's outermost frame has no slots.
        let slots = self.frames[0].locals.len();
        for (local, live) in live.into_iter().enumerate().take(slots) {
            if live {
                self.bring_home(local)?;
            } else {
                self.forget_local(local)?;
            }
        }
        for depth in 0..self.frames.len() {
            for at in 0..self.frames[depth].stack.len() {
                let item = self.frames[depth].stack[at].clone();
                self.frames[depth].stack[at] = self.forgotten(item)?;
            }
            if depth == 0 {
                continue;
            }
            for at in 0..self.frames[depth].locals.len() {
                let item = self.take_to_box(depth, at);
                self.frames[depth].locals[at].item = self.forgotten(item)?;
            }
        }
        for item in self.frames.iter_mut().flat_map(Frame::items_mut) {
            if matches!(item, Item::Iterator(_)) {
                continue;
            }
            item.objects_mut(&mut |object| {
                if object.kind != Kind::Maybe {
                    object.kind = Kind::Unknown;
                }
            });
        }
        Ok(())
    }

    /// An item of which no more is known than that it is an object; but loops go on over what they go over without an iterator,
    /// and generators are not made: where they were, that is all the same in every shape.
    fn forgotten(&mut self, mut item: Item) -> Done<Item> {
        if matches!(item, Item::Null) || self.outlasts(&item) {
            let mut detach = Vec::new();
            item.objects_mut(&mut |object| {
                if object.owner != Owner::Item {
                    object.owner = Owner::Item;
                    detach.push(object.value);
                }
            });
            for value in detach {
                self.effect(Op::Incref, &[value], Imm::None);
            }
            return Ok(item);
        }
        let value = self.owned_object(item)?;
        Ok(Item::owned(value, Kind::Unknown))
    }

    fn outlasts(&self, item: &Item) -> bool {
        use crate::item::{Form, Iterator};
        match item {
            Item::Iterator(Iterator::Range { .. }) => true,
            Item::Iterator(Iterator::Sequence { sequence: over, .. } | Iterator::Array { array: over, .. }) => {
                matches!(**over, Item::Object(_))
            }
            Item::Iterator(Iterator::Enumerate { inner, .. }) => self.outlasts(inner),
            Item::Iterator(Iterator::Zip { inner }) => inner.iter().all(|one| self.outlasts(one)),
            Item::Instance(id, _) => {
                let instance = &self.frames[0].instances[*id as usize];
                match instance.form {
                    Form::Plain => false,
                    Form::Iterator => instance.values.iter().all(|(_, one)| self.outlasts(one)),
                    Form::Generator(_) | Form::Cell | Form::Exception(_) => true,
                }
            }
            _ => false,
        }
    }

    /// Makes a way out of the present block: the frames there, at an instruction.
    pub fn edge(&mut self, index: usize, frames: Vec<Frame>) -> Block {
        self.make_way(index, frames, false)
    }

    /// Makes a way on which more is known, from the present instruction on. That has begun: where ways come together at it,
    /// this one would come back to where it was made, with what is known forgotten.
    pub fn knowing_more(&mut self, frames: Vec<Frame>) -> Block {
        self.make_way(self.index, frames, true)
    }

    fn make_way(&mut self, index: usize, mut frames: Vec<Frame>, begun: bool) -> Block {
        let block = self.f.add_block();
        frames.last_mut().expect("there is a frame").index = index;
        self.tasks.push(Task { block, frames, begun });
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
}
