//! Global names as cells: the value that a name has in a function's globals, else in its builtins, kept true by
//! dictionary watchers, so that compiled code reads it with one load.

use crate::api::{self, dict_event};
use crate::attributes::DICTIONARY_VERSION;
use crate::layout::{DICT_VERSION_STEP, DICT_WATCHER_MASK, DictObject};
use crate::lookup::{Found, find_in_dict};
use crate::numbers::{SMALL_INT_MAX, SMALL_INT_MIN, drop_reference, make_int, overwrite_int};
use crate::ops;
use crate::ops::reference::{PyResult, Raised};
use crate::runtime_fns;
use crate::version::Version;
use pyo3_ffi::*;
use rustc_hash::FxHashMap;
use std::ptr::null_mut;

/// What a global name means at present.
#[repr(C)]
pub struct GlobalCell {
    /// Borrowed from the dictionary that holds it, or NULL: look it up.
    pub value: *mut PyObject,
    pub name: *mut PyObject,
    /// NULL once the dictionary died.
    pub globals: *mut PyObject,
    /// NULL where there is no second dictionary to look in (attributes of modules).
    pub builtins: *mut PyObject,
    /// Versions and attribute sites that refer to this cell.
    references: u32,
    /// How often the name got another value.
    pub changes: u32,
    /// The value is that of the globals, not of the builtins.
    own: bool,
    /// There have been other cells for the name in one of the dictionaries.
    shared: bool,
    misses: u64,
}

#[derive(Default)]
struct WatchedDict {
    cells: FxHashMap<usize, Vec<*mut GlobalCell>>,
    versions: Vec<*mut Version>,
}

struct Registry {
    watcher: i32,
    dicts: FxHashMap<usize, WatchedDict>,
}

static mut REGISTRY: Option<Registry> = None;

#[allow(
    static_mut_refs,
    reason = "guarded by the GIL; no reference outlives a call that runs no Python code"
)]
unsafe fn registry() -> &'static mut Registry {
    // SAFETY: the GIL is held.
    unsafe {
        REGISTRY.get_or_insert_with(|| Registry {
            watcher: -1,
            dicts: FxHashMap::default(),
        })
    }
}

/// Registers the dictionary watcher.
///
/// # Errors
/// With a Python exception set when the interpreter has no watcher left.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: the callback has the type that the interpreter expects and lives for ever.
    unsafe {
        let id = api::PyDict_AddWatcher(on_event);
        if id < 0 {
            return Err(Raised);
        }
        registry().watcher = id;
        Ok(())
    }
}

unsafe fn watched(dict: *mut PyObject) -> &'static mut WatchedDict {
    // SAFETY: the dictionary is live.
    unsafe {
        let registry = registry();
        let watcher = registry.watcher;
        registry.dicts.entry(dict as usize).or_insert_with(|| {
            // Fails only for what is no dictionary or for a watcher that does not exist.
            api::PyDict_Watch(watcher, dict);
            WatchedDict::default()
        })
    }
}

/// The cell of `name` (an interned string) for these dictionaries (exact ones), with a reference for the caller.
///
/// # Safety
/// The GIL is held; the objects are live.
pub unsafe fn cell(globals: *mut PyObject, builtins: *mut PyObject, name: *mut PyObject) -> *mut GlobalCell {
    // SAFETY: see the contract.
    unsafe {
        let list = watched(globals).cells.entry(name as usize).or_default();
        if let Some(&found) = list
            .iter()
            .find(|cell| (***cell).globals == globals && (***cell).builtins == builtins)
        {
            (*found).references += 1;
            return found;
        }
        Py_INCREF(name);
        let cell = Box::into_raw(Box::new(GlobalCell {
            value: null_mut(),
            name,
            globals,
            builtins,
            references: 1,
            changes: 0,
            own: false,
            shared: false,
            misses: 0,
        }));
        let second = (!builtins.is_null() && builtins != globals).then_some(builtins);
        for dict in [globals].into_iter().chain(second) {
            let cells = watched(dict).cells.entry(name as usize).or_default();
            cells.push(cell);
            if cells.len() > 1 {
                cells.iter().for_each(|&one| (*one).shared = true);
            }
        }
        cell
    }
}

/// Gives up a reference that [`cell`] gave.
///
/// # Safety
/// The GIL is held; nothing refers to the cell through that reference any more.
pub unsafe fn release(cell: *mut GlobalCell) {
    // SAFETY: see the contract.
    unsafe {
        (*cell).references -= 1;
        if (*cell).references > 0 {
            return;
        }
        crate::bets::ended(cell.cast_const().cast());
        let cell = Box::from_raw(cell);
        let registry = registry();
        for dict in [cell.globals, cell.builtins] {
            if let Some(watched) = registry.dicts.get_mut(&(dict as usize))
                && let Some(list) = watched.cells.get_mut(&(cell.name as usize))
            {
                list.retain(|&other| !std::ptr::eq(other, &raw const *cell));
                if list.is_empty() {
                    watched.cells.remove(&(cell.name as usize));
                }
            }
        }
        Py_DECREF(cell.name);
    }
}

/// Makes the death of the version's globals known to it.
///
/// # Safety
/// The GIL is held; both are live.
pub unsafe fn watch_version(version: *mut Version) {
    // SAFETY: see the contract.
    unsafe { watched((*version).globals).versions.push(version) }
}

/// Undoes [`watch_version`] and gives up the version's cells.
///
/// # Safety
/// The GIL is held; no code of the version runs again.
pub unsafe fn forget_version(version: *mut Version) {
    // SAFETY: see the contract.
    unsafe {
        if let Some(watched) = registry().dicts.get_mut(&((*version).globals as usize)) {
            watched.versions.retain(|&other| other != version);
        }
        for cell in std::mem::take(&mut (*version).cells) {
            release(cell);
        }
    }
}

unsafe fn invalidate_all(watched: &WatchedDict) {
    for &cell in watched.cells.values().flatten() {
        // SAFETY: registered cells are live.
        unsafe {
            crate::bets::fire(cell.cast_const().cast());
            (*cell).value = null_mut();
        }
    }
}

unsafe extern "C" fn on_event(event: i32, dict: *mut PyObject, key: *mut PyObject, new_value: *mut PyObject) -> i32 {
    // SAFETY: called by the interpreter with the GIL held.
    unsafe {
        let registry = registry();
        let Some(watched) = registry.dicts.get(&(dict as usize)) else {
            return 0;
        };
        match event {
            dict_event::ADDED | dict_event::MODIFIED | dict_event::DELETED => {
                let update = |cell: *mut GlobalCell| {
                    if event != dict_event::MODIFIED || (*cell).value != new_value {
                        crate::bets::fire(cell.cast_const().cast());
                        (*cell).changes = (*cell).changes.saturating_add(1);
                    }
                    // A name that is added may still fail to get in; one that is modified cannot.
                    (*cell).own = event == dict_event::MODIFIED && (*cell).globals == dict;
                    (*cell).value = if (*cell).own { new_value } else { null_mut() };
                };
                if let Some(cells) = watched.cells.get(&(key as usize)) {
                    cells.iter().for_each(|&cell| update(cell));
                } else if PyUnicode_CheckExact(key) != 0 {
                    // Another string object with the same text.
                    for (&name, cells) in &watched.cells {
                        if PyUnicode_Compare(name as *mut PyObject, key) == 0 {
                            cells.iter().for_each(|&cell| update(cell));
                        }
                    }
                } else {
                    invalidate_all(watched);
                }
            }
            dict_event::DEALLOCATED => {
                invalidate_all(watched);
                if let Some(watched) = registry.dicts.remove(&(dict as usize)) {
                    for &cell in watched.cells.values().flatten() {
                        // Nobody can run code with these globals any more; a module's attribute site may still look.
                        let other = if (*cell).globals == dict {
                            (*cell).builtins
                        } else {
                            (*cell).globals
                        };
                        if let Some(rest) = registry.dicts.get_mut(&(other as usize))
                            && let Some(list) = rest.cells.get_mut(&((*cell).name as usize))
                        {
                            list.retain(|&one| one != cell);
                        }
                        (*cell).globals = null_mut();
                        (*cell).builtins = null_mut();
                    }
                    for version in watched.versions {
                        (*version).globals = null_mut();
                    }
                }
            }
            _ => invalidate_all(watched),
        }
        0
    }
}

/// Looks the cell's name up and remembers what it found; a new reference, or NULL without an exception.
///
/// # Safety
/// The GIL is held; the cell is live.
pub unsafe fn look_up(cell: *mut GlobalCell) -> *mut PyObject {
    // SAFETY: see the contract; keys that compare by Python code are in dictionaries that are no namespaces of code.
    unsafe {
        (*cell).misses += 1;
        for dict in [(*cell).globals, (*cell).builtins] {
            if dict.is_null() {
                continue;
            }
            let mut value = null_mut();
            if api::PyDict_GetItemRef(dict, (*cell).name, &mut value) < 0 {
                return null_mut();
            }
            if !value.is_null() {
                (*cell).value = value;
                (*cell).own = dict == (*cell).globals;
                return value;
            }
        }
        null_mut()
    }
}

/// Changes of a name's value after which it is not taken for constant.
pub const CHANGES: u32 = 16;

runtime_fns! {
    /// `STORE_GLOBAL` of an int for a name that has one, if nobody takes that for constant, in a dictionary that nobody but us
    /// watches: the int is written over if nobody else has it, and otherwise replaced where it is. Else 0, and nothing was done.
    WRITE_GLOBAL_INT = fn write_global_int(cell: *mut GlobalCell, value: i64) -> i64 {
        let object = (*cell).value;
        let possible = !object.is_null()
            && (*cell).own
            && !(*cell).shared
            && (*cell).changes >= CHANGES;
        if !possible {
            return 0;
        }
        let dict = (*cell).globals.cast::<DictObject>();
        let tag = (*dict).ma_version_tag;
        if tag & DICT_WATCHER_MASK != 1 << registry().watcher || PyLong_CheckExact(object) == 0 {
            return 0;
        }
        let small = (SMALL_INT_MIN..=SMALL_INT_MAX).contains(&value);
        if small || Py_REFCNT(object) > 1 || !overwrite_int(object, value) {
            let hash = (*(*cell).name.cast::<PyASCIIObject>()).hash;
            let Found::At(place) = find_in_dict(dict.cast(), (*cell).name, hash) else {
                return 0;
            };
            if place.read() != object {
                return 0;
            }
            let new = make_int(value);
            place.write(new);
            (*cell).value = new;
            // The end of an int runs no code.
            drop_reference(object);
        }
        DICTIONARY_VERSION += DICT_VERSION_STEP;
        (*dict).ma_version_tag = DICTIONARY_VERSION | tag & (DICT_VERSION_STEP - 1);
        1
    }

    /// `LOAD_GLOBAL` when the cell is empty: a new reference, or NULL with NameError.
    LOAD_GLOBAL_CELL = fn load_global_cell(cell: *mut GlobalCell) -> *mut PyObject {
        let found = look_up(cell);
        if !found.is_null() || !PyErr_Occurred().is_null() {
            return found;
        }
        ops::names::load_global_slow((*cell).globals, (*cell).builtins, (*cell).name)
    }
}
