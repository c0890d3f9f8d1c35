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
//!
//! Where objects are moved in a list ([`UNPACK_MOVED_FLOATS`], [`UNPACK_MOVED_INTS`]), its array is kept up to date beside the
//! copy, but counts no references until it is packed. A list of bools ([`UNPACK_BOOLS`]) has a copy of bytes.

mod copies;

pub use copies::{BOOL_MARK, HEAD, INT_MARK, INT_ROWS_MARK, MARK, REACH, ROWS_MARK};

use crate::deopt::DeoptReason;
use crate::hook::ensure_state;
use crate::runtime_fns;
use crate::tiering::{dropping::drop_version, request::Widened};
use crate::version::Version;
use copies::{Block, Kind, Unpacked};
use pyo3_ffi::*;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

/// Of the time that its loops take, a version may spend so much on copying: loops are several times as fast for it. And so much
/// if all copying had been as quick as the quickest: the program may have had to wait in the middle.
const SHARE: f64 = 0.8;
const LEAST_SHARE: f64 = 0.5;
/// Numbers that are copied, and times that copies are written back, before it is judged whether that pays: a nest may be left
/// for once as soon as it is begun.
const TRIAL: u64 = 4096;
const TRIALS: u32 = 3;

/// Words of copies at a time: 64 MiB.
const LIMIT: usize = 1 << 23;

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
    /// Where those lie that have no memory of their own.
    blocks: Vec<Block>,
    /// Objects that code may have at hand which count no reference for that, with one each: it has brought them along, and
    /// may put them into a list whose array counts no references, or they were in such a list until it was packed.
    kept: Vec<*mut PyObject>,
    /// How many words these are.
    numbers: usize,
    version: *mut Version,
    place: Place,
    since: Option<Instant>,
    /// What copying out has taken.
    copying: Duration,
}

static mut ALL: All = All {
    lists: Vec::new(),
    blocks: Vec::new(),
    kept: Vec::new(),
    numbers: 0,
    version: null_mut(),
    place: Place {
        code: null_mut(),
        offset: 0,
    },
    since: None,
    copying: Duration::ZERO,
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
    packed: u32,
    time: Duration,
    /// How much of that was copying.
    copying: Duration,
    /// What copying one of them has taken, in nanoseconds, when that was quickest.
    each: f64,
    /// Lists that had something else in them.
    failures: u32,
}

/// Lists with something else in them before no more are tried.
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
            packed: 0,
            time: Duration::ZERO,
            copying: Duration::ZERO,
            each: f64::INFINITY,
            failures: 0,
        });
        nests.len() - 1
    });
    &mut nests[at]
}

/// Whether lists are unpacked, or there is something kept for them.
///
/// # Safety
/// The GIL is held.
#[inline]
pub unsafe fn is_any() -> bool {
    // SAFETY: see the contract.
    unsafe { !all().lists.is_empty() || !all().kept.is_empty() }
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
            let mut one = lists.remove(at);
            one.tell_rows();
            if one.moves {
                one.settle();
                one.keep(&mut all().kept);
            }
            one.head.write(0);
            one.pack(&mut all().kept);
        }
        free_blocks();
    }
}

/// Gives the blocks back in which nothing lies any more.
unsafe fn free_blocks() {
    // SAFETY: the GIL is held.
    let all = unsafe { all() };
    if all.lists.is_empty() {
        all.blocks.clear();
    }
}

/// Packs what is unpacked. Runs no code of the program. What is kept for the code that has unpacked it stays so until
/// [`release`].
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
        if all.lists.is_empty() {
            return;
        }
        let numbers = std::mem::take(&mut all.numbers) as u64;
        let begin = Instant::now();
        for one in &all.lists {
            one.tell_rows();
            one.settle();
        }
        for one in all.lists.drain(..) {
            one.pack(&mut all.kept);
        }
        all.blocks.clear();
        let end = Instant::now();
        let (version, place) = (all.version, all.place);
        let nest = copied(version, place);
        nest.numbers += numbers;
        nest.packed += 1;
        nest.time += all.since.take().map_or(Duration::ZERO, |since| end - since);
        let copying = std::mem::take(&mut all.copying) + (end - begin);
        nest.copying += copying;
        nest.each = nest.each.min(copying.as_nanos() as f64 / numbers.max(1) as f64);
        let time = nest.time.as_nanos() as f64;
        let costly =
            nest.copying.as_nanos() as f64 > time * SHARE && nest.each * nest.numbers as f64 > time * LEAST_SHARE;
        let tried = nest.numbers > TRIAL && nest.packed >= TRIALS;
        if (*version).valid && tried && costly {
            refuse(version, place, "copying the lists of a loop costs more than it saves");
        }
    }
}

/// Gives up what was kept for the code that had lists unpacked: numbers, so that no code of the program runs.
///
/// # Safety
/// The GIL is held; all lists are packed, and that code has references of its own to all that it uses from here on.
#[inline]
pub unsafe fn release() {
    // SAFETY: see the contract.
    unsafe {
        let kept = &mut all().kept;
        if !kept.is_empty() {
            // The memory, too, which may be that of a long list.
            std::mem::take(kept).into_iter().for_each(|object| Py_DECREF(object));
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
            (*state).widened.push(Widened::new(offset, reason, text.to_owned()));
        }
        drop_version(version, text);
    }
}

/// Unpacks the rows of a list of lists that are not yet, in one block, and makes the table.
unsafe fn add_rows(list: *mut PyObject, form: Form) -> Option<Unpacked> {
    // SAFETY: as for `add`.
    unsafe {
        let items = Unpacked::items(list);
        let rows = (0..Py_SIZE(list) as usize).map(|index| items.add(index).read());
        let packed = rows.filter(|&row| PyList_CheckExact(row) != 0 && Unpacked::field(row).read() >= 0);
        let mut block = Block::new(packed.map(|row| Py_SIZE(row) as usize))?;
        let of_row = Form { rows: false, ..form };
        let table = Unpacked::table(list, form.kind, |row| add(row, of_row, Some(&mut block)));
        // Rows may lie there even where there is no table.
        all().blocks.push(block);
        table
    }
}

/// How a list is to be unpacked.
#[derive(Clone, Copy)]
struct Form {
    kind: Kind,
    /// A list of lists of these.
    rows: bool,
    /// Objects are moved in it.
    moves: bool,
}

/// Unpacks a list, or a list of lists; whether that was possible.
unsafe fn add(list: *mut PyObject, form: Form, block: Option<&mut Block>) -> bool {
    // SAFETY: a live list; the GIL is held. `fill` below adds rows to the lists before the table is one of them.
    unsafe {
        if all().numbers + form.kind.words(Py_SIZE(list) as usize) > LIMIT {
            return false;
        }
        let unpacked = match form.rows {
            true => add_rows(list, form),
            false => Unpacked::new(list, form.kind, form.moves, block),
        };
        let Some(unpacked) = unpacked else { return false };
        all().numbers += form.kind.words(unpacked.length);
        all().lists.push(unpacked);
        true
    }
}

/// Unpacks a list, or a list of lists, for the nest of loops that begins at a place; its mark, or 0.
unsafe fn unpack(list: *mut PyObject, form: Form, version: *mut Version, place: Place) -> i64 {
    // SAFETY: a live list and version; the GIL is held.
    unsafe {
        let first = all().lists.is_empty();
        let since = Instant::now();
        let added = add(list, form, None);
        all().copying += since.elapsed();
        // Of a list of lists some may be unpacked.
        if first && !all().lists.is_empty() {
            all().version = version;
            all().place = place;
            all().since = Some(since);
        }
        if !added {
            free_blocks();
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

const FLOATS: Form = Form {
    kind: Kind::Float,
    rows: false,
    moves: false,
};
const INTS: Form = Form {
    kind: Kind::Int,
    ..FLOATS
};
const BOOLS: Form = Form {
    kind: Kind::Bool,
    ..FLOATS
};

runtime_fns! {
    /// The mark of a list that is to have its floats unpacked, for the nest of loops that begins there; 0 if it has something
    /// else, too.
    UNPACK_FLOATS = fn unpack_floats(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        unpack(list, FLOATS, version, Place { code, offset: offset as u32 })
    }

    /// The same for ints, of which each fits 64 bits.
    UNPACK_INTS = fn unpack_ints(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        unpack(list, INTS, version, Place { code, offset: offset as u32 })
    }

    /// The same for bools, of which each takes a byte.
    UNPACK_BOOLS = fn unpack_bools(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        unpack(list, BOOLS, version, Place { code, offset: offset as u32 })
    }

    /// The mark of a list that is to have a table of its rows, which are lists of floats.
    UNPACK_FLOAT_ROWS = fn unpack_float_rows(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        unpack(list, Form { rows: true, ..FLOATS }, version, Place { code, offset: offset as u32 })
    }

    /// The same for lists of ints.
    UNPACK_INT_ROWS = fn unpack_int_rows(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        unpack(list, Form { rows: true, ..INTS }, version, Place { code, offset: offset as u32 })
    }

    /// The mark of a list of floats in which objects are moved: the code keeps the copy and the list's array up to date, which
    /// counts no references meanwhile.
    UNPACK_MOVED_FLOATS = fn unpack_moved_floats(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        unpack(list, Form { moves: true, ..FLOATS }, version, Place { code, offset: offset as u32 })
    }

    /// The same for ints.
    UNPACK_MOVED_INTS = fn unpack_moved_ints(list: *mut PyObject, version: *mut Version, code: *mut PyObject, offset: i64) -> i64 {
        unpack(list, Form { moves: true, ..INTS }, version, Place { code, offset: offset as u32 })
    }

    /// Keeps a number's object, which may be put into such lists, until all lists are packed.
    KEEP = fn keep(object: *mut PyObject) {
        Py_INCREF(object);
        all().kept.push(object);
    }

    /// Packs all lists that are unpacked.
    PACK = fn pack() {
        pack_all();
        release();
    }
}
