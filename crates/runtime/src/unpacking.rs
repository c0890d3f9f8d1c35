//! Lists of numbers that lie unpacked while a loop runs.
//!
//! A loop that runs no code but its own may have the floats and ints of its lists as an array of numbers instead of an array of
//! objects: [`UNPACK_FLOATS`] and [`UNPACK_INTS`] copy them out when a list is first come to, the loop reads and writes the copy, and whoever
//! leaves the loop has [`PACK`] write back what has changed: the loop's ends, and each deopt before it does anything else.
//! Until then nobody can look: no code of the program runs.
//!
//! A list is found to be unpacked by a field of its own, the number of items that it has room for, which only changing its
//! size looks at: that has a *mark* meanwhile, where the copy lies as seen from the list. So two names for one list have one
//! copy, whatever way the program came to the list.
//!
//! A list of such lists may have a *table* of where its rows' copies are, with a mark of its own, while nothing but the numbers in
//! them changes: [`UNPACK_FLOAT_ROWS`] and [`UNPACK_INT_ROWS`] unpack all of them at once.

use crate::deopt::DeoptReason;
use crate::hook::ensure_state;
use crate::layout::offset;
use crate::numbers::int_word;
use crate::optimized::{rebox_float, rebox_int};
use crate::runtime_fns;
use crate::tiering::{dropping::drop_version, request::Widened};
use crate::version::Version;
use pyo3_ffi::*;
use std::alloc::{Layout, alloc, dealloc};
use std::ptr::null_mut;
use std::time::Instant;

/// What is added to the distance from a list to its copy to make the mark of a list of floats, or of ints.
pub const MARK: i64 = i64::MIN / 2;
pub const INT_MARK: i64 = i64::MIN / 4 * 3;
/// The same for the table of a list of lists of floats, or of ints. Both are more than the others.
pub const ROWS_MARK: i64 = i64::MIN / 4;
pub const INT_ROWS_MARK: i64 = i64::MIN / 8;
/// Distances are less than this, so that marks of all kinds are told apart, and are negative, which no number of items is.
pub const REACH: i64 = 1 << 58;

/// Before a copy's numbers, in bytes: a word that is not 0 if the code may have written one of them.
pub const HEAD: i32 = 8;

/// What copying a number out and back takes, in nanoseconds, by a low estimate.
const COST: u64 = 1;
/// So much of the time that its loops take, one in so many, a version may spend on copying.
const SHARE: u64 = 2;
/// Numbers that are copied before it is judged whether that pays.
const TRIAL: u64 = 4096;

/// Numbers that are copied at a time: 64 MiB.
const LIMIT: usize = 1 << 23;

struct Unpacked {
    list: *mut PyObject,
    /// What the field with the mark held.
    room: isize,
    head: *mut i64,
    length: usize,
    ints: bool,
    /// Whether it is a table of rows: the numbers are addresses of their copies.
    rows: bool,
}

impl Unpacked {
    fn layout(length: usize) -> Option<Layout> {
        Layout::array::<i64>(length.checked_add(1)?).ok()
    }

    unsafe fn field(list: *mut PyObject) -> *mut isize {
        // SAFETY: a list has it, behind its items.
        unsafe { list.cast::<u8>().offset(offset::LIST_ALLOCATED as isize).cast() }
    }

    unsafe fn items(list: *mut PyObject) -> *mut *mut PyObject {
        // SAFETY: as for `field`.
        unsafe {
            list.cast::<u8>()
                .offset(offset::LIST_ITEMS as isize)
                .cast::<*mut *mut PyObject>()
                .read()
        }
    }

    fn mark(ints: bool, rows: bool) -> i64 {
        match (rows, ints) {
            (false, false) => MARK,
            (false, true) => INT_MARK,
            (true, false) => ROWS_MARK,
            (true, true) => INT_ROWS_MARK,
        }
    }

    /// Where the list's copy is, if it has one of that kind.
    unsafe fn copy_of(list: *mut PyObject, ints: bool) -> Option<i64> {
        // SAFETY: a live list.
        let distance = unsafe { Self::field(list).read() as i64 }.wrapping_sub(Self::mark(ints, false));
        (-REACH..REACH)
            .contains(&distance)
            .then(|| (list as i64).wrapping_add(distance))
    }

    /// Has a list of so many items filled; nothing if it has a copy, if something else is in it, or where there is no memory.
    unsafe fn filled(
        list: *mut PyObject,
        ints: bool,
        rows: bool,
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
            let layout = Self::layout(length)?;
            let head = alloc(layout).cast::<i64>();
            if head.is_null() {
                return None;
            }
            let values = head.add(1);
            for index in 0..length {
                if !fill(items.add(index).read(), values.add(index)) {
                    dealloc(head.cast(), layout);
                    return None;
                }
            }
            // A row may be the list itself.
            let room = field.read();
            if room < 0 {
                dealloc(head.cast(), layout);
                return None;
            }
            head.write(0);
            let distance = (values as i64).wrapping_sub(list as i64);
            field.write(distance.wrapping_add(Self::mark(ints, rows)) as isize);
            Some(Unpacked {
                list,
                room,
                head,
                length,
                ints,
                rows,
            })
        }
    }

    /// Copies the numbers of a list out.
    unsafe fn new(list: *mut PyObject, ints: bool) -> Option<Unpacked> {
        // SAFETY: a live list, whose items are live; the GIL is held.
        unsafe {
            Self::filled(list, ints, false, |item, into| match ints {
                true => PyLong_CheckExact(item) != 0 && int_word(item, into) != 0,
                false => {
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
    unsafe fn table(
        list: *mut PyObject,
        ints: bool,
        mut unpack: impl FnMut(*mut PyObject) -> bool,
    ) -> Option<Unpacked> {
        // SAFETY: as for `new`.
        unsafe {
            Self::filled(list, ints, true, |row, into| {
                if PyList_CheckExact(row) == 0 {
                    return false;
                }
                let known = Self::copy_of(row, ints);
                let copy = known.or_else(|| unpack(row).then(|| Self::copy_of(row, ints))?);
                copy.is_some_and(|copy| {
                    into.write(copy);
                    true
                })
            })
        }
    }

    /// Whoever writes by way of a table says so in the table: all its rows may have been written to.
    unsafe fn tell_rows(&self) {
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

    /// Writes back what has changed.
    unsafe fn pack(self) {
        // SAFETY: nobody but compiled code has had the list since it was unpacked, and that changes no list's size.
        unsafe {
            Self::field(self.list).write(self.room);
            if self.head.read() != 0 && !self.rows {
                let items = Self::items(self.list);
                let values = self.head.add(1);
                for index in 0..self.length {
                    let item = items.add(index).read();
                    let value = values.add(index);
                    if self.ints {
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
            let layout = Self::layout(self.length).expect("it was allocated so");
            dealloc(self.head.cast(), layout);
        }
    }
}

/// Where a nest of loops begins that works on copies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    code: *mut PyObject,
    /// Of the instruction, in bytes.
    offset: u32,
}

/// What is unpacked at present, by one nest of loops: it is packed before any other code runs.
struct All {
    lists: Vec<Unpacked>,
    /// How many numbers these are.
    numbers: usize,
    version: *mut Version,
    place: Place,
    since: Option<Instant>,
}

static mut ALL: All = All {
    lists: Vec::new(),
    numbers: 0,
    version: null_mut(),
    place: Place {
        code: null_mut(),
        offset: 0,
    },
    since: None,
};

#[allow(
    static_mut_refs,
    reason = "guarded by the GIL; no reference outlives a call that runs no Python code"
)]
unsafe fn all() -> &'static mut All {
    // SAFETY: the caller has the GIL.
    unsafe { &mut ALL }
}

/// How much a version's nest of loops has copied, and how long it took.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    place: Place,
    numbers: u64,
    nanoseconds: u64,
    /// Lists that had something else than floats.
    failures: u32,
}

/// Lists with something else than floats before no more are tried.
const FAILURES: u32 = 3;

/// What is known of a nest of loops.
unsafe fn copied<'a>(version: *mut Version, place: Place) -> &'a mut Copied {
    // SAFETY: a live version; the GIL is held.
    let nests = unsafe { &mut (*version).copied };
    let known = nests.iter().position(|one| one.place == place);
    let at = known.unwrap_or_else(|| {
        nests.push(Copied {
            place,
            numbers: 0,
            nanoseconds: 0,
            failures: 0,
        });
        nests.len() - 1
    });
    &mut nests[at]
}

/// Whether lists are unpacked.
///
/// # Safety
/// The GIL is held.
#[inline]
pub unsafe fn is_any() -> bool {
    // SAFETY: see the contract.
    unsafe { !all().lists.is_empty() }
}

/// Gives up the copy of a list's numbers, or its table, if it has one: nobody will see it.
///
/// # Safety
/// The GIL is held; an object that is about to end. It is in no table: the list whose that is has it.
pub unsafe fn forget(object: *mut PyObject) {
    // SAFETY: see the contract.
    unsafe {
        let lists = &mut all().lists;
        if PyList_CheckExact(object) == 0 || Unpacked::field(object).read() >= 0 {
            return;
        }
        // What ends is likely to be new.
        if let Some(at) = lists.iter().rposition(|one| one.list == object) {
            let one = lists.remove(at);
            one.tell_rows();
            one.head.write(0);
            one.pack();
        }
    }
}

/// Packs what is unpacked. Runs no code of the program.
///
/// # Safety
/// The GIL is held; the code that has unpacked it reads and writes no copy any more.
#[inline]
pub unsafe fn pack_all() {
    // SAFETY: see the contract.
    unsafe {
        if is_any() {
            pack_now();
        }
    }
}

#[cold]
unsafe fn pack_now() {
    // SAFETY: see `pack_all`.
    unsafe {
        let all = all();
        let numbers = std::mem::take(&mut all.numbers) as u64;
        for one in &all.lists {
            one.tell_rows();
        }
        for one in all.lists.drain(..) {
            one.pack();
        }
        let nanoseconds = all.since.take().map_or(0, |since| since.elapsed().as_nanos() as u64);
        let (version, place) = (all.version, all.place);
        let nest = copied(version, place);
        nest.numbers += numbers;
        nest.nanoseconds += nanoseconds;
        if (*version).valid && nest.numbers > TRIAL && nest.numbers * COST * SHARE > nest.nanoseconds {
            refuse(version, place, "copying the lists of a loop costs more than it saves");
        }
    }
}

/// The next version is to leave that nest of loops as it is.
unsafe fn refuse(version: *mut Version, place: Place, text: &str) {
    // SAFETY: a live version, which keeps the code it has inlined; the GIL is held.
    unsafe {
        let state = ensure_state(place.code);
        if state.is_null() {
            return;
        }
        let (offset, reason) = (place.offset, DeoptReason::Loop);
        let mut known = (*state).widened.iter();
        if !known.any(|one| one.offset == offset && one.reason == reason) {
            let text = text.to_owned();
            (*state).widened.push(Widened { offset, reason, text });
        }
        drop_version(version, text);
    }
}

/// Unpacks a list, or a list of lists; whether that was possible.
unsafe fn add(list: *mut PyObject, ints: bool, rows: bool) -> bool {
    // SAFETY: a live list; the GIL is held. `fill` below adds rows to the lists before the table is one of them.
    unsafe {
        if all().numbers + Py_SIZE(list) as usize > LIMIT {
            return false;
        }
        let unpacked = match rows {
            true => Unpacked::table(list, ints, |row| add(row, ints, false)),
            false => Unpacked::new(list, ints),
        };
        let Some(unpacked) = unpacked else { return false };
        all().numbers += unpacked.length;
        all().lists.push(unpacked);
        true
    }
}

/// Unpacks a list, or a list of lists, for the nest of loops that begins at a place; its mark, or 0.
unsafe fn unpack(list: *mut PyObject, ints: bool, rows: bool, version: *mut Version, place: Place) -> i64 {
    // SAFETY: a live list and version; the GIL is held.
    unsafe {
        let first = all().lists.is_empty();
        let since = first.then(Instant::now);
        let added = add(list, ints, rows);
        // Of a list of lists some may be unpacked.
        if first && !all().lists.is_empty() {
            all().version = version;
            all().place = place;
            all().since = since;
        }
        if !added {
            fail(version, place);
            return 0;
        }
        Unpacked::field(list).read() as i64
    }
}

/// A nest of loops cannot go on with what it has unpacked.
unsafe fn fail(version: *mut Version, place: Place) {
    // SAFETY: a live version; the GIL is held.
    unsafe {
        let nest = copied(version, place);
        nest.failures += 1;
        if (*version).valid && nest.failures >= FAILURES {
            refuse(version, place, "a list of a loop cannot be copied");
        }
    }
}

runtime_fns! {
    /// The mark of a list that is to have its floats unpacked, for the nest of loops that begins there; 0 if it has something
    /// else, too.
    UNPACK_FLOATS = fn unpack_floats(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        let offset = offset as u32;
        unpack(list, false, false, version, Place { code, offset })
    }

    /// The same for ints, of which each fits 64 bits.
    UNPACK_INTS = fn unpack_ints(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        let offset = offset as u32;
        unpack(list, true, false, version, Place { code, offset })
    }

    /// The mark of a list that is to have a table of its rows, which are lists of floats.
    UNPACK_FLOAT_ROWS = fn unpack_float_rows(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        let offset = offset as u32;
        unpack(list, false, true, version, Place { code, offset })
    }

    /// The same for lists of ints.
    UNPACK_INT_ROWS = fn unpack_int_rows(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        let offset = offset as u32;
        unpack(list, true, true, version, Place { code, offset })
    }

    /// Packs all lists that are unpacked.
    PACK = fn pack() {
        pack_all();
    }
}
