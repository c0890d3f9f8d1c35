//! Copies of the numbers of lists, and tables of these copies.

use crate::layout::offset;
use crate::numbers::int_word;
use crate::optimized::{rebox_float, rebox_int};
use pyo3_ffi::*;
use std::alloc::{Layout, alloc, dealloc};

/// What is added to the distance from a list to its copy to make the mark of a list of floats, or of ints.
pub const MARK: i64 = i64::MIN / 2;
pub const INT_MARK: i64 = i64::MIN / 4 * 3;
/// The same for the table of a list of lists of floats, or of ints. Both are more than the others.
pub const ROWS_MARK: i64 = i64::MIN / 4;
pub const INT_ROWS_MARK: i64 = i64::MIN / 8;
/// The same for a list of bools.
pub const BOOL_MARK: i64 = i64::MIN / 8 * 7;
/// Distances are less than this, so that marks of all kinds are told apart, and are negative, which no number of items is.
pub const REACH: i64 = 1 << 58;

/// Before a copy's numbers, in bytes: a word that is not 0 if the code may have written one of them.
pub const HEAD: i32 = 8;

/// What a list has nothing else than.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    /// Of 64 bits.
    Int,
    Bool,
}

impl Kind {
    /// Bytes of a copy for each.
    fn size(self) -> usize {
        match self {
            Kind::Float | Kind::Int => size_of::<i64>(),
            Kind::Bool => 1,
        }
    }

    /// Words of a copy of so many.
    pub fn words(self, length: usize) -> usize {
        length.div_ceil(size_of::<i64>() / self.size())
    }
}

/// A list that has a copy, or a table.
pub(super) struct Unpacked {
    pub list: *mut PyObject,
    /// What the field with the mark held.
    room: isize,
    pub head: *mut i64,
    pub length: usize,
    kind: Kind,
    /// Whether it is a table of rows: the numbers are addresses of their copies.
    rows: bool,
    /// Whether the copy has its memory for itself; else it lies in a [`Block`].
    alone: bool,
    /// Whether objects are moved in the list: its array is up to date, but counts no references. Those that it had are kept by
    /// the objects that it had, behind the numbers.
    pub moves: bool,
}

/// Bytes that a processor moves at a time.
const LINE: usize = 64;

/// Memory for the copies of a table's rows, one behind the other, each from the beginning of a cache line on: so vectors
/// straddle no lines, and what reads row after row reads on.
pub(super) struct Block {
    start: *mut u8,
    layout: Layout,
    /// Bytes that are taken.
    used: usize,
}

impl Block {
    /// From one copy's numbers to the next one's, in bytes.
    fn stride(length: usize) -> Option<usize> {
        let bytes = length.checked_mul(size_of::<i64>())?;
        bytes.checked_add(HEAD as usize)?.checked_next_multiple_of(LINE)
    }

    /// For lists of so many items each; nothing where there is no memory.
    pub fn new(lengths: impl Iterator<Item = usize>) -> Option<Block> {
        let mut size = LINE;
        for length in lengths {
            size = size.checked_add(Self::stride(length)?)?;
        }
        let layout = Layout::from_size_align(size, LINE).ok()?;
        // SAFETY: the size is not 0.
        let start = unsafe { alloc(layout) };
        let used = LINE;
        (!start.is_null()).then_some(Block { start, layout, used })
    }

    /// The head of a copy of so many items.
    fn take(&mut self, length: usize) -> Option<*mut i64> {
        let from = self.used;
        let until = from.checked_add(Self::stride(length)?)?;
        if until > self.layout.size() {
            return None;
        }
        self.used = until;
        // SAFETY: inside the block.
        Some(unsafe { self.start.add(from - HEAD as usize) }.cast())
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: it was allocated so.
        unsafe { dealloc(self.start, self.layout) };
    }
}

impl Unpacked {
    fn layout(length: usize, kind: Kind, moves: bool) -> Option<Layout> {
        let words = kind.words(length).checked_mul(1 + usize::from(moves))?;
        Layout::array::<i64>(words.checked_add(1)?).ok()
    }

    /// Gives the memory back.
    unsafe fn free(head: *mut i64, length: usize, kind: Kind, alone: bool, moves: bool) {
        if alone {
            let layout = Self::layout(length, kind, moves).expect("it was allocated so");
            // SAFETY: it was, by `filled`.
            unsafe { dealloc(head.cast(), layout) };
        }
    }

    pub unsafe fn field(list: *mut PyObject) -> *mut isize {
        // SAFETY: a list has it, behind its items.
        unsafe { list.cast::<u8>().offset(offset::LIST_ALLOCATED as isize).cast() }
    }

    pub unsafe fn items(list: *mut PyObject) -> *mut *mut PyObject {
        // SAFETY: as for `field`.
        unsafe {
            list.cast::<u8>()
                .offset(offset::LIST_ITEMS as isize)
                .cast::<*mut *mut PyObject>()
                .read()
        }
    }

    fn mark(kind: Kind, rows: bool) -> i64 {
        match (rows, kind) {
            (false, Kind::Float) => MARK,
            (false, Kind::Int) => INT_MARK,
            (true, Kind::Float) => ROWS_MARK,
            (true, Kind::Int) => INT_ROWS_MARK,
            (_, Kind::Bool) => BOOL_MARK,
        }
    }

    /// Where the list's copy is, if it has one of that kind.
    unsafe fn copy_of(list: *mut PyObject, kind: Kind) -> Option<i64> {
        // SAFETY: a live list.
        let distance = unsafe { Self::field(list).read() as i64 }.wrapping_sub(Self::mark(kind, false));
        (-REACH..REACH)
            .contains(&distance)
            .then(|| (list as i64).wrapping_add(distance))
    }

    /// Has a list of so many items filled; nothing if it has a copy, if something else is in it, or where there is no memory.
    unsafe fn filled(
        list: *mut PyObject,
        kind: Kind,
        rows: bool,
        moves: bool,
        block: Option<&mut Block>,
        mut fill: impl FnMut(*mut PyObject, *mut i64) -> bool,
    ) -> Option<Unpacked> {
        // SAFETY: a live list; the GIL is held.
        unsafe {
            let length = Py_SIZE(list) as usize;
            let items = Self::items(list);
            let field = Self::field(list);
            // A list without items is of any kind.
            if field.read() < 0 {
                return None;
            }
            let alone = block.is_none();
            let head = match block {
                Some(block) => block.take(length)?,
                None => alloc(Self::layout(length, kind, moves)?).cast::<i64>(),
            };
            if head.is_null() {
                return None;
            }
            let values = head.add(1);
            for index in 0..length {
                if !fill(items.add(index).read(), values.byte_add(index * kind.size())) {
                    Self::free(head, length, kind, alone, moves);
                    return None;
                }
            }
            // A row may be the list itself.
            let room = field.read();
            if room < 0 {
                Self::free(head, length, kind, alone, moves);
                return None;
            }
            if moves {
                items.copy_to_nonoverlapping(values.add(length).cast(), length);
            }
            head.write(0);
            let distance = (values as i64).wrapping_sub(list as i64);
            field.write(distance.wrapping_add(Self::mark(kind, rows)) as isize);
            Some(Unpacked {
                list,
                room,
                head,
                length,
                kind,
                rows,
                alone,
                moves,
            })
        }
    }

    /// Copies the numbers of a list out, in which objects are moved or not.
    pub unsafe fn new(list: *mut PyObject, kind: Kind, moves: bool, block: Option<&mut Block>) -> Option<Unpacked> {
        // SAFETY: a live list, whose items are live; the GIL is held.
        unsafe {
            let (yes, no) = (Py_True(), Py_False());
            Self::filled(list, kind, false, moves, block, |item, into| match kind {
                Kind::Int => PyLong_CheckExact(item) != 0 && int_word(item, into) != 0,
                Kind::Bool => {
                    into.cast::<bool>().write(item == yes);
                    item == yes || item == no
                }
                Kind::Float => {
                    let fine = PyFloat_CheckExact(item) != 0;
                    if fine {
                        into.cast::<f64>().write((*item.cast::<PyFloatObject>()).ob_fval);
                    }
                    fine
                }
            })
        }
    }

    /// Makes the table of a list of lists, each of which is unpacked by the function if it is not.
    pub unsafe fn table(
        list: *mut PyObject,
        kind: Kind,
        mut unpack: impl FnMut(*mut PyObject) -> bool,
    ) -> Option<Unpacked> {
        // SAFETY: as for `new`.
        unsafe {
            Self::filled(list, kind, true, false, None, |row, into| {
                if PyList_CheckExact(row) == 0 {
                    return false;
                }
                let known = Self::copy_of(row, kind);
                let copy = known.or_else(|| unpack(row).then(|| Self::copy_of(row, kind))?);
                copy.is_some_and(|copy| {
                    into.write(copy);
                    true
                })
            })
        }
    }

    /// Whoever writes by way of a table says so in the table: all its rows may have been written to.
    pub unsafe fn tell_rows(&self) {
        // SAFETY: the table's rows are unpacked.
        unsafe {
            if self.rows && self.head.read() != 0 {
                for index in 1..=self.length {
                    let row = self.head.add(index).read() as *mut i64;
                    row.byte_sub(HEAD as usize).write(1);
                }
            }
        }
    }

    /// Objects that have been moved, and those that were there before.
    unsafe fn moved(&self) -> impl Iterator<Item = (*mut PyObject, *mut PyObject)> {
        // SAFETY: nobody but compiled code has had the list since it was unpacked, and that changes no list's size.
        let (items, before) = unsafe {
            (
                Self::items(self.list),
                self.head.add(1 + self.length).cast::<*mut PyObject>(),
            )
        };
        // SAFETY: as above.
        let written = self.moves && unsafe { self.head.read() } != 0;
        let places = 0..if written { self.length } else { 0 };
        // SAFETY: so many are there.
        let both = places.map(move |index| unsafe { (items.add(index).read(), before.add(index).read()) });
        both.filter(|(now, before)| now != before)
    }

    /// Has the list count its references to what was moved there. Another list may have had it until now.
    pub unsafe fn settle(&self) {
        // SAFETY: all objects are live.
        unsafe { self.moved().for_each(|(now, _)| Py_INCREF(now)) }
    }

    /// All objects that it had, with a reference each, of a list that is settled and packed without writing anything back: other
    /// lists may have been given them.
    pub unsafe fn keep(&mut self, kept: &mut Vec<*mut PyObject>) {
        // SAFETY: all objects are live.
        unsafe {
            let items = Self::items(self.list);
            let before = self.head.add(1 + self.length).cast::<*mut PyObject>();
            for index in 0..self.length {
                let object = before.add(index).read();
                if items.add(index).read() == object {
                    Py_INCREF(object);
                }
                kept.push(object);
            }
            self.head.write(0);
        }
    }

    /// Writes back what has changed. Where objects were moved, all lists are settled; those that were there before are kept.
    pub unsafe fn pack(self, kept: &mut Vec<*mut PyObject>) {
        // SAFETY: nobody but compiled code has had the list since it was unpacked, and that changes no list's size.
        unsafe {
            Self::field(self.list).write(self.room);
            if self.moves {
                kept.extend(self.moved().map(|(_, before)| before));
            } else if self.head.read() != 0 && !self.rows {
                let items = Self::items(self.list);
                let values = self.head.add(1);
                for index in 0..self.length {
                    let item = items.add(index).read();
                    let value = values.wrapping_add(index);
                    if self.kind == Kind::Bool {
                        let written = self.head.add(1).cast::<bool>().add(index).read();
                        let object = if written { Py_True() } else { Py_False() };
                        // Both live for ever.
                        if item != object {
                            items.add(index).write(object);
                        }
                        continue;
                    }
                    if self.kind == Kind::Int {
                        let mut old = 0;
                        int_word(item, &raw mut old);
                        if old != value.read() {
                            items.add(index).write(rebox_int(item, value.read()));
                        }
                        continue;
                    }
                    let (float, value) = (item.cast::<PyFloatObject>(), value.cast::<f64>().read());
                    if Py_REFCNT(item) == 1 {
                        // Only the list has it, and all of the list are floats.
                        (*float).ob_fval = value;
                    } else if (*float).ob_fval.to_bits() != value.to_bits() {
                        items.add(index).write(rebox_float(item, value));
                    }
                }
            }
            Self::free(self.head, self.length, self.kind, self.alone, self.moves);
        }
    }
}
