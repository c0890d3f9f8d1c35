//! Arrays, read and written in place: `array.array`, memoryviews, NumPy's.
//!
//! An object's type is learned as any other is; how its elements lie was seen by the sampling version and is made sure of
//! at each access, since programs can change it (`array.append`, `ndarray.shape = …`). Only code that we do not know does so:
//! what is read of an array's fields is of [`Region::Header`](justjit_builder::Region), which no store of ours touches, so
//! that the passes take it, and the guards of it, out of loops.

mod complex;
mod elements;
mod objects;
mod precision;
mod scalars;

use crate::builder::{Builder, Done, ir_region};
use crate::item::{Constant, Item, Iterator, Kind, Object, Owner};
use justjit_builder::{IntCond, Type as Width};
use justjit_bytecode::Opcode;
use justjit_ir::{Imm, Op, Reason, Type, Value};
use justjit_runtime::arrays::{self, Element, Holder, Layout, memory_view, ndarray};
use justjit_runtime::layout::array_object;
use pyo3_ffi::*;

/// An array that is known to have its layout.
struct Opened {
    /// The first element's address.
    data: Value,
    sizes: Vec<Value>,
    /// Distances in bytes, by dimension; the last is none where elements lie side by side.
    strides: Vec<Option<Value>>,
}

/// What an array is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    /// Only its shape matters.
    Shape,
}

/// Whether an item of this kind can be an index.
pub fn is_index(kind: Kind) -> bool {
    match kind {
        Kind::Int | Kind::Bool => true,
        Kind::Numpy(scalar) => scalar.is_int(),
        _ => false,
    }
}

impl Builder<'_> {
    /// How the elements of the present instruction's operand lay, if always in one way.
    fn layout_of_operand(&self, operand: usize) -> Option<Layout> {
        if self.is_widened(Reason::Changed) || self.is_widened(Reason::Domain) || self.is_widened(Reason::Overflow) {
            return None;
        }
        self.seen().operands[operand].layouts.only()
    }

    fn equal(&mut self, value: Value, wanted: i64) {
        let wanted = self.int(wanted);
        let same = self.int_compare(IntCond::Eq, value, wanted);
        self.guard(same, Reason::Changed);
    }

    fn header_int(&mut self, base: Value, offset: i32) -> Value {
        self.load(Type::Int, base, offset, ir_region::HEADER)
    }

    fn header_flags(&mut self, base: Value, offset: i32) -> Value {
        self.load_width(Type::Int, Width::I32, true, base, offset, ir_region::HEADER)
    }

    /// Shape and strides that lie in memory of their own.
    fn sides(&mut self, object: Value, (shape, strides): (i32, i32), layout: &Layout) -> (Vec<Value>, Vec<Value>) {
        let shape = self.load(Type::Pointer, object, shape, ir_region::HEADER);
        let strides = self.load(Type::Pointer, object, strides, ir_region::HEADER);
        let places = (0..i32::from(layout.dimensions)).map(|dimension| 8 * dimension);
        places
            .map(|at| {
                // A size is not negative.
                let size = self.load_width(Type::Int, Width::I64, false, shape, at, ir_region::HEADER);
                (size, self.header_int(strides, at))
            })
            .unzip()
    }

    /// Leaves unless the object, which is of the layout's type, has the layout.
    fn open(&mut self, object: Value, layout: &Layout, access: Access) -> Option<Opened> {
        let size = layout.element.size();
        let (data, sizes, strides) = match layout.holder {
            Holder::Array => {
                let wanted = arrays::array_description(layout.code)?;
                let wanted = self.pointer(wanted, "typecode");
                let description = self.load(Type::Pointer, object, array_object::DESCRIPTION, ir_region::HEADER);
                let same = self.op(Op::Same, &[description, wanted]);
                self.guard(same, Reason::Changed);
                let data = self.load(Type::Pointer, object, array_object::ITEMS, ir_region::HEADER);
                let length = self.size_of(object);
                return Some(Opened {
                    data,
                    sizes: vec![length],
                    strides: vec![None],
                });
            }
            Holder::MemoryView => {
                let managed = self.load(Type::Pointer, object, memory_view::MANAGED_BUFFER, ir_region::HEADER);
                let of_buffer = self.header_flags(managed, memory_view::MANAGED_FLAGS);
                let own = self.header_flags(object, memory_view::FLAGS);
                let flags = self.op(Op::IntOr, &[of_buffer, own]);
                let released = self.int(memory_view::RELEASED);
                let released = self.op(Op::IntAnd, &[flags, released]);
                self.equal(released, 0);
                let dimensions = self.header_flags(object, memory_view::DIMENSIONS);
                self.equal(dimensions, 1);
                let indirect = self.header_int(object, memory_view::SUBOFFSETS);
                self.equal(indirect, 0);
                let format = self.load(Type::Pointer, object, memory_view::FORMAT, ir_region::HEADER);
                for (at, wanted) in [(0, layout.code), (1, 0)] {
                    let letter = self.load_width(Type::Int, Width::I8, false, format, at, ir_region::HEADER);
                    self.equal(letter, wanted.into());
                }
                if access == Access::Write {
                    let readonly = self.header_flags(object, memory_view::READONLY);
                    self.equal(readonly, 0);
                }
                let place = (memory_view::SHAPE, memory_view::STRIDES);
                let (sizes, strides) = self.sides(object, place, layout);
                if size > 1 && access != Access::Shape {
                    // A cast view need not be aligned.
                    let address = self.header_int(object, memory_view::BUFFER);
                    let both = self.op(Op::IntOr, &[address, strides[0]]);
                    let mask = self.int(size - 1);
                    let rest = self.op(Op::IntAnd, &[both, mask]);
                    self.equal(rest, 0);
                }
                let data = self.load(Type::Pointer, object, memory_view::BUFFER, ir_region::HEADER);
                (data, sizes, strides)
            }
            Holder::Ndarray => {
                let wanted = self.object(arrays::dtype(layout.element)?);
                if access != Access::Shape {
                    let dtype = self.load(Type::Object, object, ndarray::DESCRIPTION, ir_region::HEADER);
                    let same = self.op(Op::Same, &[dtype, wanted]);
                    self.guard(same, Reason::Changed);
                    let flags = self.header_flags(object, ndarray::FLAGS);
                    let (tested, wanted) = match access {
                        Access::Write => (
                            ndarray::ALIGNED | ndarray::WRITEABLE | ndarray::WARN_ON_WRITE,
                            ndarray::ALIGNED | ndarray::WRITEABLE,
                        ),
                        _ => (ndarray::ALIGNED, ndarray::ALIGNED),
                    };
                    let tested = self.int(tested);
                    let flags = self.op(Op::IntAnd, &[flags, tested]);
                    self.equal(flags, wanted);
                }
                let dimensions = self.header_flags(object, ndarray::DIMENSIONS);
                self.equal(dimensions, layout.dimensions.into());
                let (sizes, strides) = self.sides(object, (ndarray::SHAPE, ndarray::STRIDES), layout);
                let data = self.load(Type::Pointer, object, ndarray::DATA, ir_region::HEADER);
                (data, sizes, strides)
            }
        };
        let mut strides: Vec<Option<Value>> = strides.into_iter().map(Some).collect();
        if layout.dense
            && access != Access::Shape
            && let Some(Some(stride)) = strides.last().copied()
        {
            self.equal(stride, size);
            *strides.last_mut().expect("a dimension") = None;
        }
        Some(Opened { data, sizes, strides })
    }

    /// The item as an array object of that type.
    fn as_array(&mut self, item: &Item, holder: Holder) -> Option<Object> {
        Some(match *item {
            Item::Object(mut object) => {
                self.expect(&object, Kind::Array(holder));
                object.kind = Kind::Array(holder);
                object
            }
            Item::Constant(constant) => Object {
                value: self.op_imm(Op::ObjectConst, &[], Imm::Symbol(constant.symbol)),
                kind: constant.kind,
                owner: Owner::Version,
            },
            _ => return None,
        })
    }

    /// An array, or what is left of one behind its first index.
    fn open_item(&mut self, item: &Item, layout: Option<Layout>, access: Access) -> Option<(Opened, Layout)> {
        if let Item::Row { array, index, layout } = item {
            let object = self.as_array(array, layout.holder)?;
            let mut opened = self.open(object.value, layout, access)?;
            // A finalizer may have run since the index was looked at.
            let fine = self.int_compare(IntCond::UnsignedLt, *index, opened.sizes[0]);
            self.guard(fine, Reason::Bounds);
            let stride = opened.strides.remove(0).expect("not the last dimension");
            opened.sizes.remove(0);
            let distance = self.op(Op::IntMul, &[*index, stride]);
            opened.data = self.op(Op::AddOffset, &[opened.data, distance]);
            let dimensions = layout.dimensions - 1;
            return Some((opened, Layout { dimensions, ..*layout }));
        }
        let layout = layout?;
        let object = self.as_array(item, layout.holder)?;
        let opened = self.open(object.value, &layout, access)?;
        Some((opened, layout))
    }

    /// The items of a key, if they all can be indices into such an array.
    fn indices(&mut self, key: &Item, holder: Holder) -> Option<Vec<Item>> {
        let items = match key {
            Item::Tuple(items) => items.clone(),
            Item::Constant(constant) if constant.kind == Kind::Tuple => {
                let tuple: *mut PyObject = self.f.symbols[constant.symbol.index()].address.cast_mut().cast();
                // SAFETY: a live tuple.
                let items: Vec<_> = unsafe {
                    (0..PyTuple_GET_SIZE(tuple))
                        .map(|at| PyTuple_GET_ITEM(tuple, at))
                        .collect()
                };
                items.into_iter().map(|item| self.constant_item(item)).collect()
            }
            item => match self.likely_kind(item, 1) {
                // The caller has looked at what it was.
                _ if matches!(item, Item::Object(_)) => vec![item.clone()],
                kind if is_index(kind) => vec![item.clone()],
                _ => return None,
            },
        };
        let alone = !matches!(key, Item::Tuple(_)) && !matches!(key, Item::Constant(one) if one.kind == Kind::Tuple);
        if !alone && holder != Holder::Ndarray {
            return None;
        }
        let fine = items.iter().all(|item| match item.kind() {
            // A bool is a mask to NumPy.
            Kind::Bool => holder != Holder::Ndarray,
            Kind::Unknown => matches!(item, Item::Object(_)) && !self.is_widened(Reason::Type),
            kind => is_index(kind) && !is_wide(item),
        });
        fine.then_some(items)
    }

    /// The place of an element: the address, an index, and the index's scale.
    fn element_at(&mut self, opened: &Opened, indices: &[Item], size: i64) -> (Value, Value, i32) {
        let mut base = opened.data;
        let mut place = None;
        for (dimension, item) in indices.iter().enumerate() {
            let index = self.as_int(item);
            let index = self.checked_index(index, item, opened.sizes[dimension]);
            match opened.strides[dimension] {
                None => place = Some((index, size as i32)),
                Some(stride) => {
                    let distance = self.op(Op::IntMul, &[index, stride]);
                    if dimension + 1 == indices.len() {
                        place = Some((distance, 1));
                    } else {
                        base = self.op(Op::AddOffset, &[base, distance]);
                    }
                }
            }
        }
        let (index, scale) = place.expect("an array has dimensions");
        (base, index, scale)
    }

    /// Gives up indices that have been made sure of.
    fn release_indices(&mut self, indices: Vec<Item>) {
        for item in indices {
            let kind = if item.kind() == Kind::Unknown {
                Kind::Int
            } else {
                item.kind()
            };
            self.release_known(item, kind);
        }
    }

    /// `BINARY_SUBSCR` of an array; `false` if it is not known, and nothing has been done.
    pub fn array_subscr(&mut self, container: &Item, key: &Item) -> Done<bool> {
        let Kind::Array(holder) = self.likely_kind(container, 0) else {
            return Ok(false);
        };
        let layout = match container {
            Item::Row { layout, .. } => Some(Layout {
                dimensions: layout.dimensions - 1,
                ..*layout
            }),
            _ => self.layout_of_operand(0),
        };
        let Some(layout) = layout.filter(|layout| layout.holder == holder) else {
            return Ok(false);
        };
        let Some(indices) = self.array_indices(key, 1, holder) else {
            return Ok(false);
        };
        if indices.len() > layout.dimensions.into() {
            return Ok(false);
        }
        if indices.len() < layout.dimensions.into() {
            return self.array_row(container, layout, indices);
        }
        let Some((opened, _)) = self.open_item(container, Some(layout), Access::Read) else {
            return Ok(false);
        };
        let place = self.element_at(&opened, &indices, layout.element.size());
        let hint = (self.predicted_result(), self.info().uses.is_numeric(self.index));
        let element = self.load_element(&layout, place, hint)?;
        self.specialized += 1;
        self.push(element);
        self.release_indices(indices);
        self.release_known(container.clone(), Kind::Array(holder));
        Ok(true)
    }

    /// The key's indices; `operand` is the key's.
    fn array_indices(&mut self, key: &Item, operand: usize, holder: Holder) -> Option<Vec<Item>> {
        if let Item::Object(object) = key
            && object.kind == Kind::Unknown
        {
            let kind = self.predicted(operand);
            if !is_index(kind) || (kind == Kind::Bool && holder == Holder::Ndarray) {
                return None;
            }
            let mut object = *object;
            self.expect(&object, kind);
            object.kind = kind;
            return Some(vec![Item::Object(object)]);
        }
        self.indices(key, holder)
    }

    /// Part of a NumPy array, which need not be made where it is indexed at once.
    fn array_row(&mut self, container: &Item, layout: Layout, indices: Vec<Item>) -> Done<bool> {
        let [index] = &indices[..] else {
            return Ok(false);
        };
        if !matches!(container, Item::Object(_) | Item::Constant(_)) || !self.is_indexed_next() {
            return Ok(false);
        }
        let Some(array) = self.as_array(container, layout.holder) else {
            return Ok(false);
        };
        let Some(opened) = self.open(array.value, &layout, Access::Shape) else {
            return Ok(false);
        };
        let value = self.as_int(index);
        let value = self.checked_index(value, index, opened.sizes[0]);
        self.specialized += 1;
        self.push(Item::Row {
            array: Box::new(Item::Object(array)),
            index: value,
            layout,
        });
        self.release_indices(indices);
        Ok(true)
    }

    /// Whether what the present instruction pushes is indexed soon, with nothing but simple operations in between.
    fn is_indexed_next(&self) -> bool {
        let info = self.info();
        let instructions = &info.decoded.instructions;
        let end = info.decoded.blocks[self.at.block as usize].end;
        let Some(after) = self.at.depth_after() else {
            return false;
        };
        let position = usize::from(after) - 1;
        for one in &instructions[self.index + 1..end] {
            let Some(before) = one.depth.map(usize::from) else {
                return false;
            };
            match one.opcode {
                Opcode::BinarySubscr if before == position + 2 => return true,
                Opcode::StoreSubscr => return before == position + 2,
                Opcode::BinaryOp if before >= position + 3 => {}
                Opcode::LoadFast | Opcode::LoadFastLoadFast | Opcode::LoadConst | Opcode::Copy => {}
                Opcode::BinarySubscr if before >= position + 3 => {}
                _ => return false,
            }
        }
        false
    }

    /// Before code runs that we do not know: it may change arrays whose parts have not been made.
    pub fn make_rows(&mut self) -> Done {
        for depth in 0..self.frames.len() {
            for at in 0..self.frames[depth].stack.len() {
                if !matches!(self.frames[depth].stack[at], Item::Row { .. }) {
                    continue;
                }
                let item = std::mem::replace(&mut self.frames[depth].stack[at], Item::Null);
                let value = self.owned_object(item)?;
                self.frames[depth].stack[at] = Item::owned(value, Kind::Array(Holder::Ndarray));
            }
        }
        Ok(())
    }

    /// `STORE_SUBSCR` of an array; `false` if it is not known, and nothing has been done.
    pub fn store_array_item(&mut self, container: &Item, key: &Item, value: &Item) -> Done<bool> {
        let Kind::Array(holder) = self.likely_kind(container, 1) else {
            return Ok(false);
        };
        let layout = match container {
            Item::Row { layout, .. } => Some(Layout {
                dimensions: layout.dimensions - 1,
                ..*layout
            }),
            _ => self.layout_of_operand(1),
        };
        let Some(layout) = layout.filter(|layout| layout.holder == holder) else {
            return Ok(false);
        };
        let kind = self.likely_kind(value, 0);
        let fine = match layout.element {
            Element::Number(element) => elements::can_store(holder, element, kind) && !is_wide(value),
            Element::Object => self.can_overwrite(),
        };
        if !fine {
            return Ok(false);
        }
        let Some(indices) = self.array_indices(key, 2, holder) else {
            return Ok(false);
        };
        if indices.len() != usize::from(layout.dimensions) {
            return Ok(false);
        }
        let Some((opened, _)) = self.open_item(container, Some(layout), Access::Write) else {
            return Ok(false);
        };
        let place = self.element_at(&opened, &indices, layout.element.size());
        self.specialized += 1;
        match layout.element {
            Element::Number(element) => {
                let numbers = self.element_of(holder, element, value, kind);
                self.store_element(element, &numbers, place);
                self.release_known(value.clone(), kind);
            }
            Element::Object => self.store_object(value.clone(), place)?,
        }
        self.release_indices(indices);
        self.release_known(container.clone(), Kind::Array(holder));
        Ok(true)
    }

    /// `len(array)`, of an array that a call's first argument is.
    pub fn array_length(&mut self, item: &Item) -> Option<Item> {
        let layout = self.layout_of_operand(2)?;
        let (opened, _) = self.open_item(item, Some(layout), Access::Shape)?;
        Some(Item::Int(opened.sizes[0]))
    }

    /// `LOAD_ATTR` of a NumPy array; `None` if it is not known, and nothing has been done.
    pub fn array_attribute(&mut self, item: &Item, name: *mut PyObject) -> Option<Item> {
        if self.likely_kind(item, 0) != Kind::Array(Holder::Ndarray) {
            return None;
        }
        let layout = self.layout_of_operand(0)?;
        // SAFETY: a live name.
        let name = unsafe { crate::text::name_of(name) };
        if !matches!(&name[..], "shape" | "ndim" | "size") || layout.holder != Holder::Ndarray {
            return None;
        }
        let (opened, _) = self.open_item(item, Some(layout), Access::Shape)?;
        Some(match &name[..] {
            "shape" => Item::Tuple(opened.sizes.into_iter().map(Item::Int).collect()),
            "ndim" => Item::Int(self.int(layout.dimensions.into())),
            _ => {
                let mut size = opened.sizes[0];
                for &one in &opened.sizes[1..] {
                    // Arrays with a dimension of 0 may have any others.
                    size = self.checked(Op::IntMulChecked, &[size, one], Reason::Overflow);
                }
                Item::Int(size)
            }
        })
    }

    // ---- iteration -----------------------------------------------------------------------------------------------

    /// The iterator over an array that the present instruction's operand is; takes it over. `None` if it is not known.
    pub fn array_iterator(&mut self, item: &Item, operand: usize) -> Option<Item> {
        let Kind::Array(holder) = self.likely_kind(item, operand) else {
            return None;
        };
        let layout = self.layout_of_operand(operand)?;
        if layout.dimensions != 1 || layout.holder != holder {
            return None;
        }
        let array = self.as_array(item, holder)?;
        self.open(array.value, &layout, Access::Shape)?;
        let index = self.int(0);
        Some(Item::Iterator(Iterator::Array {
            array: Box::new(Item::Object(array)),
            index,
            layout,
        }))
    }

    /// Whether an array's iterator has another item.
    pub fn array_has_more(&mut self, array: &Item, index: Value, layout: &Layout) -> Value {
        let opened = self.open_item(array, Some(*layout), Access::Shape);
        let (opened, _) = opened.expect("the array was opened before");
        self.int_compare(IntCond::SignedLt, index, opened.sizes[0])
    }

    /// An array's item at an index that is in range; `hint` says what is likely of it.
    pub fn array_next(&mut self, array: &Item, index: Value, layout: &Layout, hint: (Kind, bool)) -> Done<Item> {
        let opened = self.open_item(array, Some(*layout), Access::Read);
        let (opened, _) = opened.expect("the array was opened before");
        let place = match opened.strides[0] {
            None => (opened.data, index, layout.element.size() as i32),
            Some(stride) => (opened.data, self.op(Op::IntMul, &[index, stride]), 1),
        };
        self.load_element(layout, place, hint)
    }
}

/// Whether it is a constant int that does not fit.
pub fn is_wide(item: &Item) -> bool {
    matches!(
        item,
        Item::Constant(Constant {
            kind: Kind::Int,
            number: None,
            ..
        })
    )
}
