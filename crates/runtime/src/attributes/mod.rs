//! Inline caches of attribute loads, stores and method look-ups.
//!
//! A site has one *fast entry* that compiled code checks itself: the type's version tag, a byte that must not be
//! zero, an offset. Behind it stand up to [`ENTRIES`] further entries that [`load`], [`load_method`] and [`store`]
//! check, and behind these the interpreter's own look-up, which also decides what a new entry says.
//!
//! A type's version tag is unique to its state and to that of its bases: what was found by looking through the MRO
//! stays true, and alive, as long as the tag is the same.

mod analysis;
mod apply;
mod own;
mod room;

use crate::api;
use crate::feedback::{self, seen};
use crate::globals::{self, GlobalCell};
use crate::layout::*;
use crate::runtime_fns;
use crate::site::CallSite;
use crate::thread::Thread;
use crate::types::class_attribute;
use analysis::*;
pub use analysis::{ClassAttribute, has_inline_values, inline_index, of_class, of_instance, of_super};
pub use apply::certainly_lacks;
use apply::*;
pub use own::{DICTIONARY_VERSION, LACKS_OWN};
use pyo3_ffi::*;
pub use room::make_room;
use std::ptr::null_mut;

/// Shapes that a site remembers.
pub const ENTRIES: usize = 4;
/// A tag that no type has.
pub const NO_VERSION: u32 = u32::MAX;
/// A site that has seen this many shapes beyond its entries is left to the interpreter's look-up.
const MEGAMORPHIC: u32 = 64;

/// Where the instances' own attributes must not hide what the class has.
#[derive(Clone, Copy)]
struct Shadow {
    /// Offset of a byte of the instance that is not zero while its values are inline (or always).
    guard: i64,
    /// The number of shared keys that was found, and where to look whether it still is that.
    keys_count: *const isize,
    keys_expected: isize,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Inline value at `offset`, valid while the byte at `guard` is not zero.
    Inline { offset: i64, guard: i64, index: u8 },
    /// A slot of a class with `__slots__`.
    Slot { offset: i64 },
    /// An attribute of the class that is given as it is, as long as its own type has this version: it may become a
    /// descriptor.
    ClassValue {
        value: *mut PyObject,
        value_version: u32,
        /// The value's type can never become a descriptor.
        is_lasting: bool,
        shadow: Shadow,
    },
    /// A function or method descriptor of the class.
    Method { function: *mut PyObject, shadow: Shadow },
    /// A property, and its getter (a Python function) as long as that stays.
    Property {
        property: *mut PyObject,
        getter: *mut PyObject,
    },
    /// A name in a module: that very module, and the cell that holds the value.
    Module {
        module: *mut PyObject,
        cell: *mut GlobalCell,
    },
    /// An attribute of that very class, whose own version tag is `version`; `value_version` is that of the value's
    /// type.
    OfClass {
        class: *mut PyObject,
        version: u32,
        value: *mut PyObject,
        value_version: u32,
    },
    /// What the class has (or NULL), unless the instance's dictionary has it; `class_version` is that of its type.
    Dictionary {
        class_value: *mut PyObject,
        class_version: u32,
        /// The value's type can never become another kind of descriptor.
        is_lasting: bool,
        is_method: bool,
        /// Where the instance has its dictionary, or NULL.
        place: Option<i64>,
    },
}

struct Entry {
    version: u32,
    kind: Kind,
}

/// One `LOAD_ATTR` or `STORE_ATTR` instruction's cache. Compiled code reads the fields before `name`.
#[repr(C)]
pub struct AttributeSite {
    /// Type version of the fast value entry.
    pub value_version: u32,
    /// Type version of the fast method entry.
    pub method_version: u32,
    pub value_offset: i64,
    /// Offset of a byte that must not be zero.
    pub value_guard: i64,
    /// Type version of the fast entry for what lies in instances' own dictionaries, and where those had it last.
    pub dictionary_version: u32,
    pub hint: usize,
    /// Stores only: this word of the object, masked, must be zero.
    pub store_word: i64,
    pub store_mask: i64,
    pub method: *mut PyObject,
    pub method_guard: i64,
    /// The fast entry for one very object, a module or class: what it is, its type (which can be assigned to), a number
    /// that must be as expected, and where the value is.
    pub identity: *mut PyObject,
    pub identity_type: *mut PyTypeObject,
    pub check: *const u64,
    pub check_mask: u64,
    pub check_expected: u64,
    pub value: *const *mut PyObject,
    class_value: *mut PyObject,
    pub keys_count: *const isize,
    pub keys_expected: isize,
    pub hits: u64,
    pub name: *mut PyObject,
    pub misses: u64,
    entries: Vec<Entry>,
    overflow: u32,
    /// There were objects whose values were inline.
    met_inline: bool,
    feedback: *mut u8,
    /// The instruction's index.
    pub index: usize,
}

/// What a site has met and code can do by itself, for objects whose type has the version tag.
#[derive(Clone, Copy)]
pub struct Shape {
    pub version: u32,
    /// Offset of a byte that must not be zero.
    pub guard: Option<i64>,
    /// Offset of a word that must be zero.
    pub empty: Option<i64>,
    pub finds: Finds,
}

/// What a [`Shape`] finds.
#[derive(Clone, Copy)]
pub enum Finds {
    /// A value at this offset; its index among inline values, for stores.
    Value { offset: i64, index: Option<u8> },
    /// What objects have in dictionaries of their own, and never among inline values; the class has nothing of that name.
    /// The dictionaries are where the interpreter manages them.
    Own,
    /// Something of the class, while there are so many shared keys.
    OfClass {
        object: *mut PyObject,
        is_method: bool,
        /// Where to look, and the number.
        keys: Option<(*const isize, isize)>,
    },
    /// A property, and its getter as long as the property's field has that.
    Property {
        field: *const *mut PyObject,
        getter: *mut PyObject,
    },
}

/// What [`Shadow::keys_count`] points at where there is nothing to count.
static NO_KEYS: isize = 0;
/// The head of `PyModuleObject` (`internal/pycore_moduleobject.h`), which is checked against the module's dictionary
/// before it is relied on.
#[repr(C)]
struct Module {
    ob_base: PyObject,
    md_dict: *mut PyObject,
}

/// What a fast entry checks where there is nothing to check.
static NO_CHECK: u64 = 0;
/// A value that is not there.
static NO_VALUE: usize = 0;

impl AttributeSite {
    /// A site that has seen nothing. `name` must outlive it (the code object holds it).
    pub fn new(name: *mut PyObject, feedback: *mut u8) -> Self {
        AttributeSite {
            value_version: NO_VERSION,
            method_version: NO_VERSION,
            value_offset: 0,
            value_guard: 0,
            dictionary_version: NO_VERSION,
            hint: 0,
            store_word: 0,
            store_mask: 0,
            method: null_mut(),
            method_guard: 0,
            identity: null_mut(),
            identity_type: null_mut(),
            check: (&raw const NO_CHECK),
            check_mask: 0,
            check_expected: 0,
            value: (&raw const NO_VALUE).cast(),
            class_value: null_mut(),
            keys_count: &NO_KEYS,
            keys_expected: 0,
            hits: 0,
            name,
            misses: 0,
            entries: Vec::new(),
            overflow: 0,
            met_inline: false,
            feedback,
            index: 0,
        }
    }

    /// What code that is made now can do by itself at this site; nothing where it has met too much.
    pub fn inlinable(&self) -> Vec<Shape> {
        if self.overflow > 0 {
            return Vec::new();
        }
        self.known_shapes()
    }

    /// Whether there were objects that have their attributes in dictionaries of their own.
    pub fn has_met_dictionaries(&self) -> bool {
        // SAFETY: the feedback is the version's, as the site is.
        unsafe { *self.feedback & seen::HINT != 0 }
    }

    /// Whether there were objects with inline values, as far as the runtime has served them.
    pub fn has_met_inline(&self) -> bool {
        self.met_inline
    }

    /// Whether there were more shapes than the site keeps.
    pub fn has_met_more(&self) -> bool {
        self.overflow > 0
    }

    /// What code can do by itself for those that the site keeps.
    pub fn known_shapes(&self) -> Vec<Shape> {
        let mut shapes = Vec::new();
        for &Entry { version, kind } in &self.entries {
            let of_class = |object, is_method, shadow: Shadow| {
                // A byte of the type pointer is never zero.
                let guard = (shadow.guard >= i64::from(offset::OB_TYPE) + 8).then_some(shadow.guard);
                let finds = Finds::OfClass {
                    object,
                    is_method,
                    keys: (shadow.keys_count != &raw const NO_KEYS)
                        .then_some((shadow.keys_count, shadow.keys_expected)),
                };
                Shape {
                    version,
                    guard,
                    empty: None,
                    finds,
                }
            };
            shapes.push(match kind {
                Kind::Inline { offset, guard, index } => Shape {
                    version,
                    guard: Some(guard),
                    empty: None,
                    finds: Finds::Value {
                        offset,
                        index: Some(index),
                    },
                },
                Kind::Slot { offset } => Shape {
                    version,
                    guard: None,
                    empty: None,
                    finds: Finds::Value { offset, index: None },
                },
                Kind::Method { function, shadow } => of_class(function, true, shadow),
                Kind::Property { property, getter } => Shape {
                    version,
                    guard: None,
                    empty: None,
                    finds: Finds::Property {
                        // SAFETY: a property that is read only for objects whose type has the version and holds it.
                        field: unsafe { &raw const (*property.cast::<Property>()).prop_get },
                        getter,
                    },
                },
                Kind::ClassValue {
                    value,
                    is_lasting: true,
                    shadow,
                    ..
                } => of_class(value, false, shadow),
                Kind::Dictionary { class_value, place, .. }
                    if class_value.is_null() && place == Some(MANAGED_DICT_OFFSET as i64) =>
                {
                    Shape {
                        version,
                        guard: None,
                        empty: None,
                        finds: Finds::Own,
                    }
                }
                // Most instances never get a dictionary, though they may.
                Kind::Dictionary {
                    class_value,
                    is_lasting: true,
                    is_method,
                    place: Some(place),
                    ..
                } if !class_value.is_null() => Shape {
                    version,
                    guard: None,
                    empty: Some(place),
                    finds: Finds::OfClass {
                        object: class_value,
                        is_method,
                        keys: None,
                    },
                },
                _ => continue,
            });
        }
        shapes
    }

    /// Whether the site has seen more shapes than it keeps.
    pub fn is_megamorphic(&self) -> bool {
        self.overflow >= MEGAMORPHIC
    }

    /// Type versions that the site has seen and keeps.
    pub fn shapes(&self) -> usize {
        self.entries.len()
    }

    /// Makes an entry the one that compiled code checks itself.
    fn promote(&mut self, index: usize, tp: *mut PyTypeObject) {
        let entry = &self.entries[index];
        match entry.kind {
            Kind::Inline { offset, guard, .. } => {
                self.value_version = entry.version;
                self.value_offset = offset;
                self.value_guard = guard;
                self.store_word = MANAGED_DICT_OFFSET as i64;
                self.store_mask = -1;
            }
            Kind::Slot { offset } => {
                self.value_version = entry.version;
                self.value_offset = offset;
                self.value_guard = nonzero_type_byte(tp);
                self.store_word = 0;
                self.store_mask = 0;
            }
            // What hides the class's value must not be a matter of what the value's type becomes.
            Kind::Dictionary { is_lasting: true, .. } if has_managed_dictionary(tp) => {
                self.dictionary_version = entry.version;
            }
            Kind::Method { function, shadow } => {
                self.method_version = entry.version;
                self.method = function;
                self.method_guard = shadow.guard;
                self.keys_count = shadow.keys_count;
                self.keys_expected = shadow.keys_expected;
            }
            Kind::Module { module, cell } => {
                self.identity = module;
                self.identity_type = tp;
                // Another module may come to lie where this one was, while this one's dictionary lives on.
                // SAFETY: a module that is compared with before this is read; its analysis has proved the field.
                self.check = unsafe { (&raw const (*module.cast::<Module>()).md_dict).cast() };
                self.check_mask = u64::MAX;
                // SAFETY: the entry holds a reference to the cell.
                unsafe {
                    self.check_expected = (*cell).globals as u64;
                    self.value = &raw const (*cell).value;
                }
            }
            // What a metaclass of the program's own or a value that may become a descriptor mean changes without the
            // class's version.
            Kind::OfClass {
                class, version, value, ..
            } if tp == &raw mut PyType_Type && is_immutable_instance(value) => {
                self.identity = class;
                self.identity_type = tp;
                // SAFETY: a class that is compared with before this is read.
                self.check = unsafe { class.cast::<u8>().add(type_object::TP_VERSION_TAG).cast() };
                // The version fills half of the word.
                self.check_mask = u64::from_ne_bytes([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
                let [a, b, c, d] = version.to_ne_bytes();
                self.check_expected = u64::from_ne_bytes([a, b, c, d, 0, 0, 0, 0]);
                self.class_value = value;
                self.value = &raw const self.class_value;
            }
            _ => {}
        }
    }

    fn remember(&mut self, version: u32, kind: Kind, tp: *mut PyTypeObject) {
        if self.entries.len() == ENTRIES {
            self.overflow += 1;
            self.forget(0);
        }
        let bit = match kind {
            Kind::Inline { .. } | Kind::Slot { .. } => seen::VALUE,
            Kind::Method { .. } => seen::METHOD,
            Kind::Module { .. } | Kind::OfClass { .. } => seen::ONE_OBJECT,
            _ => seen::OTHER,
        };
        // Code that knows one shape only is made again when there are more.
        let more = if self.entries.is_empty() { 0 } else { seen::MORE };
        // SAFETY: the feedback is the version's, as the site is.
        unsafe { feedback::note(self.feedback, bit | more) };
        self.entries.push(Entry { version, kind });
        let index = self.entries.len() - 1;
        self.promote(index, tp);
    }

    fn forget(&mut self, index: usize) {
        self.identity = null_mut();
        self.value = (&raw const NO_VALUE).cast();
        release(self.entries.remove(index));
    }
}

impl Drop for AttributeSite {
    fn drop(&mut self) {
        self.entries.drain(..).for_each(release);
    }
}

fn release(entry: Entry) {
    if let Kind::Module { cell, .. } = entry.kind {
        // SAFETY: the entry held a reference; sites change and die under the GIL.
        unsafe { globals::release(cell) };
    }
}

unsafe fn look(site: *mut AttributeSite, object: *mut PyObject) -> Outcome {
    // SAFETY: a live site; the object is held by the caller.
    unsafe {
        let tp = Py_TYPE(object);
        let tag = version_tag(tp);
        let name = (*site).name;
        let mut index = 0;
        while index < (*site).entries.len() {
            let entry = &(&(*site).entries)[index];
            if entry.version == tag {
                let kind = entry.kind;
                let outcome = apply(&kind, object, name, &mut (*site).hint);
                match outcome {
                    Outcome::No => {}
                    Outcome::Stale => {
                        (*site).forget(index);
                        continue;
                    }
                    outcome => return outcome,
                }
            }
            index += 1;
        }
        (*site).misses += 1;
        if (*site).is_megamorphic() || tp.is_null() {
            return Outcome::No;
        }
        if api::PyUnstable_Type_AssignVersionTag(tp) == 0 {
            return Outcome::No;
        }
        let tag = version_tag(tp);
        let kind = analyze_load(tp, name).or_else(|| analyze_identity(object, name));
        if let Some(kind) = kind {
            // Several entries of one type: only where identity decides.
            let known = (*site).entries.iter().position(|entry| {
                entry.version == tag && !matches!(entry.kind, Kind::Module { .. } | Kind::OfClass { .. })
            });
            if let Some(index) = known {
                (*site).forget(index);
            }
            (*site).remember(tag, kind, tp);
            return apply(&kind, object, name, &mut (*site).hint);
        }
        // Not to be cached: after a while the site stops asking.
        (*site).overflow += 1;
        Outcome::No
    }
}

runtime_fns! {
    /// `LOAD_ATTR` (object borrowed): a new reference, or NULL with an exception.
    LOAD_ATTR = fn load(site: *mut AttributeSite, object: *mut PyObject) -> *mut PyObject {
        let found = plain_value(site, object);
        if !found.is_null() {
            return found;
        }
        Py_INCREF(object);
        let value = match look(site, object) {
            Outcome::Value(value) => value,
            Outcome::Error => null_mut(),
            _ => PyObject_GetAttr(object, (*site).name),
        };
        Py_DECREF(object);
        value
    }

    /// `LOAD_ATTR` (object borrowed) at a site whose code enters properties' getters: makes that know the getter.
    LOAD_PROPERTY = fn load_property(site: *mut AttributeSite, object: *mut PyObject, thread: *mut Thread, call: *mut CallSite) -> *mut PyObject {
        if (*call).takes_lesson() {
            let tag = version_tag(Py_TYPE(object));
            let found = (*site).entries.iter().find_map(|entry| match entry.kind {
                Kind::Property { getter, .. } if entry.version == tag => Some(getter),
                _ => None,
            });
            if let Some(getter) = found {
                (*call).remember_special(thread, getter, 1, tag, 0);
            }
        }
        load(site, object)
    }

    /// `LOAD_ATTR` of a method that is called (object borrowed): the callable (a new reference, or NULL with an
    /// exception); `self_or_null` gets a new reference to the object when the callable is to be called with it.
    LOAD_METHOD = fn load_method(site: *mut AttributeSite, object: *mut PyObject, self_or_null: *mut *mut PyObject) -> *mut PyObject {
        let found = plain_method(site, object);
        if !found.is_null() {
            Py_INCREF(found);
            Py_INCREF(object);
            self_or_null.write(object);
            return found;
        }
        Py_INCREF(object);
        let value = match look(site, object) {
            Outcome::Method(function) => {
                Py_INCREF(function);
                self_or_null.write(object);
                return function;
            }
            Outcome::Value(value) => value,
            Outcome::Error => null_mut(),
            _ => PyObject_GetAttr(object, (*site).name),
        };
        self_or_null.write(null_mut());
        Py_DECREF(object);
        value
    }

    /// `STORE_ATTR` (object and value borrowed): 0, or -1 with an exception.
    STORE_ATTR = fn store(site: *mut AttributeSite, object: *mut PyObject, value: *mut PyObject) -> i32 {
        let tp = Py_TYPE(object);
        let tag = version_tag(tp);
        for entry in &(*site).entries {
            if entry.version == tag {
                let kind = entry.kind;
                if store_cached(&kind, site, object, value) {
                    return 0;
                }
            }
        }
        (*site).misses += 1;
        Py_INCREF(object);
        Py_INCREF(value);
        let status = PyObject_SetAttr(object, (*site).name, value);
        if status == 0 && !(*site).is_megamorphic() && Py_TYPE(object) == tp {
            remember_store(site, tp);
        }
        Py_DECREF(value);
        Py_DECREF(object);
        status
    }

    /// `DELETE_ATTR`: 0, or -1 with an exception.
    DELETE_ATTR = fn delete_attribute(object: *mut PyObject, name: *mut PyObject) -> i32 {
        Py_INCREF(object);
        let status = PyObject_SetAttr(object, name, null_mut());
        Py_DECREF(object);
        status
    }
}

/// Sets an attribute in an instance's dictionary; `false`, without an exception, when that failed.
unsafe fn store_in_dictionary(dict: *mut PyObject, name: *mut PyObject, value: *mut PyObject) -> bool {
    // SAFETY: live objects; the dictionary is held meanwhile.
    unsafe {
        Py_INCREF(dict);
        let status = PyDict_SetItem(dict, name, value);
        Py_DECREF(dict);
        if status < 0 {
            PyErr_Clear();
        }
        status == 0
    }
}

/// Notes where the object's own dictionary has what is about to be replaced there.
unsafe fn note_place(site: *mut AttributeSite, object: *mut PyObject) {
    // SAFETY: a live site; the object's type is one whose dictionary's place is known.
    unsafe {
        if let Some(at) = own_place(object, (*site).name, (*site).hint) {
            (*site).hint = at;
            feedback::note((*site).feedback, seen::HINT);
        }
    }
}

unsafe fn store_cached(kind: &Kind, site: *mut AttributeSite, object: *mut PyObject, value: *mut PyObject) -> bool {
    // SAFETY: the object's type has the entry's version.
    unsafe {
        let name = (*site).name;
        let base = object.cast::<u8>();
        match *kind {
            Kind::Inline { offset, guard, index } => {
                let dict = base.offset(MANAGED_DICT_OFFSET).cast::<*mut PyObject>().read();
                if !dict.is_null() {
                    note_place(site, object);
                    return store_in_dictionary(dict, name, value);
                }
                if base.offset(guard as isize).read() == 0 {
                    return false;
                }
                (*site).met_inline = true;
                let slot = base.offset(offset as isize).cast::<*mut PyObject>();
                let old = slot.read();
                Py_INCREF(value);
                slot.write(value);
                if old.is_null() {
                    // A new attribute: its index goes to the end of the insertion order, behind the values.
                    let values = base
                        .offset(guard as isize - std::mem::offset_of!(DictValues, valid) as isize)
                        .cast::<DictValues>();
                    let order = (&raw mut (*values).values)
                        .cast::<*mut PyObject>()
                        .add((*values).capacity as usize)
                        .cast::<u8>();
                    order.add((*values).size as usize).write(index);
                    (*values).size += 1;
                } else {
                    Py_DECREF(old);
                }
                true
            }
            Kind::Slot { offset } => {
                let slot = base.offset(offset as isize).cast::<*mut PyObject>();
                let old = slot.read();
                Py_INCREF(value);
                slot.write(value);
                Py_XDECREF(old);
                true
            }
            Kind::Dictionary { .. } => {
                let dict = instance_dictionary(object);
                note_place(site, object);
                !dict.is_null() && store_in_dictionary(dict, name, value)
            }
            _ => false,
        }
    }
}

unsafe fn remember_store(site: *mut AttributeSite, tp: *mut PyTypeObject) {
    // SAFETY: a live site and type; no exception is set.
    unsafe {
        let generic = (*tp)
            .tp_setattro
            .is_some_and(|set| set as usize == PyObject_GenericSetAttr as *const () as usize);
        if !generic || api::PyUnstable_Type_AssignVersionTag(tp) == 0 {
            return;
        }
        let name = (*site).name;
        let found = class_attribute(tp, name);
        if !found.is_null() && !is_immutable_instance(found) {
            // It may become a descriptor.
            return;
        }
        let kind = if !found.is_null() && (*Py_TYPE(found)).tp_descr_set.is_some() {
            slot_offset(tp, found).map(|offset| Kind::Slot { offset })
        } else {
            let keys = shared_keys(tp);
            let index = if keys.is_null() { None } else { key_index(keys, name) };
            let elsewhere = Kind::Dictionary {
                class_value: null_mut(),
                class_version: 0,
                is_lasting: true,
                is_method: false,
                place: dictionary_place(tp),
            };
            index
                .map(|index| inline_kind(tp, index))
                .or_else(|| has_dictionary(tp).then_some(elsewhere))
        };
        let tag = version_tag(tp);
        if let Some(kind) = kind
            && !(*site).entries.iter().any(|entry| entry.version == tag)
        {
            (*site).remember(tag, kind, tp);
        }
    }
}
