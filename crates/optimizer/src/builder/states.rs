//! Where the code can be left: how the frames are had there.

use super::*;

/// The references that items have.
pub fn owned_values(items: &[Item]) -> Vec<Value> {
    let mut owned = Vec::new();
    for item in items {
        item.clone().objects_mut(&mut |object| {
            if object.owner == Owner::Item {
                owned.push(object.value);
            }
        });
    }
    owned
}

/// An object that is one, wherever it occurs.
fn same_wherever(object: VirtualObject, virtuals: &mut Vec<VirtualObject>) -> Recovery {
    let known = virtuals.iter().position(|one| *one == object);
    let at = known.unwrap_or_else(|| {
        virtuals.push(object);
        virtuals.len() - 1
    });
    Recovery::Virtual(at as u32)
}

impl Builder<'_> {
    fn scalar_type_recovery(&mut self, scalar: justjit_runtime::arrays::Scalar) -> Recovery {
        let ty = justjit_runtime::arrays::scalar_type(scalar).expect("a type that was met");
        Recovery::Constant(self.object_symbol(ty.cast()))
    }

    /// Does what may raise while these items are still to be given up.
    pub fn owing<T>(&mut self, items: impl IntoIterator<Item = Item>, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.owed.len();
        self.owed.extend(items);
        let result = act(self);
        self.owed.truncate(before);
        result
    }

    pub fn recovery(&mut self, item: &Item, virtuals: &mut Vec<VirtualObject>) -> Recovery {
        if let Some(slot) = self.recovering.slot_of(item) {
            return Recovery::Slot(slot);
        }
        match item {
            Item::Instance(id, class) => self.instance_recovery(*id, *class, virtuals),
            Item::Null => Recovery::Null,
            Item::Constant(constant) => Recovery::Constant(constant.symbol),
            Item::Int(value) | Item::Float(value) | Item::Bool(value) => Recovery::Number(*value),
            Item::Numpy(scalar, value) => {
                let object = VirtualObject::NumpyScalar {
                    ty: self.scalar_type_recovery(*scalar),
                    value: Recovery::Number(*value),
                };
                same_wherever(object, virtuals)
            }
            Item::NumpyComplex(scalar, real, imaginary) => {
                let object = VirtualObject::NumpyComplex {
                    ty: self.scalar_type_recovery(*scalar),
                    real: Recovery::Number(*real),
                    imaginary: Recovery::Number(*imaginary),
                };
                same_wherever(object, virtuals)
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
                same_wherever(VirtualObject::Character(Recovery::Number(*code_point)), virtuals)
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
            Item::List(items) => {
                let parts = items.iter().map(|item| self.recovery(item, virtuals)).collect();
                virtuals.push(VirtualObject::List(parts));
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
                    Kind::Tuple => VirtualObject::TupleIterator { tuple: sequence, index },
                    Kind::Str => VirtualObject::ArrayIterator { array: sequence, index },
                    _ => VirtualObject::ListIterator { list: sequence, index },
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

    pub(super) fn step_recovery(&mut self, step: Step) -> Recovery {
        match step {
            Step::Known(step) => Recovery::Constant(self.int_symbol(step)),
            Step::Up(step) => Recovery::Number(step),
        }
    }

    /// A constant int object.
    pub(super) fn int_symbol(&mut self, value: i64) -> Symbol {
        let object = self.known.int(value);
        self.object_symbol(object)
    }

    /// The state of these frames; the innermost goes on at its `index`.
    pub fn state_of(&mut self, frames: &[Frame], going: Going, reason: Reason) -> State {
        let mut virtuals = Vec::new();
        self.recovering = Recovering::of(frames);
        if let Some(handled) = crate::quiet::handled_of(frames) {
            // Whether an item stands for it or not.
            let class = frames[0].instances[handled as usize].class;
            self.instance_recovery(handled, class, &mut virtuals);
        }
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
        if self.made_since() {
            // Two objects, with the same parts: see `materialized`.
            self.failed = Some(Stop::Decline(Decline(
                "an object that an instruction makes before it can be left".into(),
            )));
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
        let state = self.state_of(&frames, Going::Raise, Reason::Exception);
        self.f.states[state.index()].release = owned_values(&self.owed);
        state
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
}
