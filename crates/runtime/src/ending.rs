//! Ending objects where there are no frames for Python code to see.
//!
//! Optimized code has its locals in registers and no frames for what it inlines. When it gives up an object's last
//! reference, finalizers, weak references' callbacks, or a C extension's own code may run, which must find the frames
//! that the interpreter would have. [`END_QUIETLY`] ends those objects of which it is certain that nothing of the kind
//! happens; for the rest the code is left first.

use crate::api::PyMethod_Type;
use crate::layout::{DictValues, Generator, MANAGED_DICT_OFFSET, ThreadState, frame_state, version_tag};
use crate::numbers::{deallocate, drop_reference};
use crate::runtime_fns;
use crate::spares::has_plain_instances;
use crate::thread::Thread;
use pyo3_ffi::*;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};

/// Objects looked at for one ending, besides those without parts.
const LIMIT: usize = 32;

/// An object that is part of what ends, and how many of its references end with it.
#[derive(Clone, Copy)]
struct Part {
    object: *mut PyObject,
    references: Py_ssize_t,
}

/// The parts met so far.
struct Parts {
    few: [MaybeUninit<Part>; LIMIT],
    count: usize,
    /// Those that end as well, what they are parts of among them.
    ending: [MaybeUninit<*mut PyObject>; LIMIT + 1],
    ending_count: usize,
    /// There are too many to say.
    full: bool,
}

/// Nothing happens but that memory is freed when an object of this type ends.
#[inline]
unsafe fn is_leaf(ty: *mut PyTypeObject) -> bool {
    ty == &raw mut PyFloat_Type
        || ty == &raw mut PyLong_Type
        || ty == &raw mut PyUnicode_Type
        || ty == &raw mut PyBytes_Type
        || ty == &raw mut PyComplex_Type
        || ty == &raw mut PyRangeIter_Type
        // SAFETY: the caller's type is live.
        || unsafe {
            let flags = (*ty).tp_flags;
            let is_heap = flags & Py_TPFLAGS_HEAPTYPE != 0;
            // Instances of heap types refer to their type, which does not end with them where somebody else does.
            (flags & Py_TPFLAGS_HAVE_GC == 0 || is_heap)
                && flags & Py_TPFLAGS_IMMUTABLETYPE != 0
                && is_library_type(ty)
                && (!is_heap || Py_REFCNT(ty.cast()) > 1)
        }
}

/// Types of the standard library in C whose instances refer to no other objects, but for their type: the version tags (which
/// are never used again) of those that have been met.
static LIBRARY_TYPES: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];

/// Whether it is such a type.
unsafe fn is_library_type(ty: *mut PyTypeObject) -> bool {
    // SAFETY: a live type.
    let tag = unsafe { version_tag(ty) };
    let known = |one: &AtomicU32| one.load(Ordering::Relaxed) == tag;
    if tag != 0 && LIBRARY_TYPES.iter().any(known) {
        return true;
    }
    // SAFETY: a live type has a name.
    unsafe {
        let found = (*ty).tp_flags & Py_TPFLAGS_IMMUTABLETYPE != 0
            && (*ty).tp_name.read() == b'd' as c_char
            && (*ty).tp_finalize.is_none()
            && [c"decimal.Decimal", c"datetime.date", c"datetime.timedelta"].contains(&CStr::from_ptr((*ty).tp_name));
        if found && let Some(free) = LIBRARY_TYPES.iter().find(|one| one.load(Ordering::Relaxed) == 0) {
            free.store(tag, Ordering::Relaxed);
        }
        found
    }
}

/// Whether it is a list, tuple or set with which nothing ends but numbers and text: of all else that it has, there are more
/// references than it could have. The usual case of what [`is_quiet`] finds out.
unsafe fn ends_with_leaves(object: *mut PyObject, ty: *mut PyTypeObject) -> bool {
    // SAFETY: the type is looked at before the fields; items are live objects or NULL.
    unsafe {
        let stays = |item: *mut PyObject, most: Py_ssize_t| {
            if item.is_null() || (*item.cast::<i32>()) < 0 || Py_REFCNT(item) > most {
                return true;
            }
            let ty = Py_TYPE(item);
            ty == &raw mut PyLong_Type || ty == &raw mut PyUnicode_Type || ty == &raw mut PyFloat_Type
        };
        if ty == &raw mut PySet_Type || ty == &raw mut PyFrozenSet_Type {
            let set = object.cast::<PySetObject>();
            let table = std::slice::from_raw_parts((*set).table, (*set).mask as usize + 1);
            return (*set).weakreflist.is_null() && table.iter().all(|entry| stays(entry.key, (*set).used));
        }
        let items = if ty == &raw mut PyTuple_Type {
            (&raw const (*object.cast::<PyTupleObject>()).ob_item).cast::<*mut PyObject>()
        } else if ty == &raw mut PyList_Type {
            (*object.cast::<PyListObject>()).ob_item.cast_const()
        } else {
            return false;
        };
        let size = Py_SIZE(object);
        (0..size as usize).all(|index| stays(items.add(index).read(), size))
    }
}

impl Parts {
    /// None yet, in memory that is not filled in needlessly.
    fn none(place: &mut MaybeUninit<Parts>) -> &mut Parts {
        let parts = place.as_mut_ptr();
        // SAFETY: all fields but those that need not have a value get one.
        unsafe {
            (&raw mut (*parts).count).write(0);
            (&raw mut (*parts).ending_count).write(0);
            (&raw mut (*parts).full).write(false);
            &mut *parts
        }
    }

    /// Whether no code but the interpreter's own runs when those end that are known to, and all that ends with them.
    unsafe fn end_quietly(&mut self) -> bool {
        // SAFETY: live objects; `tp_traverse` of these types calls back and does nothing else.
        unsafe {
            let mut done = 0;
            while done < self.ending_count && !self.full {
                let at = self.ending[done].assume_init();
                done += 1;
                let Some(traverse) = (*Py_TYPE(at)).tp_traverse else {
                    if crate::arrays::ends_alone(at) {
                        continue;
                    }
                    return false;
                };
                if !is_quiet_container(at) {
                    return false;
                }
                traverse(at, visit, (&raw mut *self).cast());
            }
            !self.full
        }
    }
}

extern "C" fn visit(object: *mut PyObject, parts: *mut c_void) -> c_int {
    // SAFETY: called by `tp_traverse` with a live object and what `is_quiet` passes; what is counted is filled in.
    unsafe {
        let parts = &mut *parts.cast::<Parts>();
        // Immortal objects do not end.
        if (*object.cast::<i32>()) < 0 || is_leaf(Py_TYPE(object)) {
            return 0;
        }
        let known = parts.few[..parts.count]
            .iter()
            .position(|part| part.assume_init_ref().object == object);
        let index = known.unwrap_or(parts.count);
        if index == LIMIT {
            parts.full = true;
            return 1;
        }
        if known.is_none() {
            parts.few[index].write(Part { object, references: 0 });
            parts.count += 1;
        }
        let part = parts.few[index].assume_init_mut();
        part.references += 1;
        if part.references == Py_REFCNT(object) {
            parts.ending[parts.ending_count].write(object);
            parts.ending_count += 1;
        }
        0
    }
}

/// Whether nobody has a weak reference to the object.
unsafe fn unobserved(object: *mut PyObject, ty: *mut PyTypeObject) -> bool {
    // SAFETY: the type says where the list is, relative to the object.
    unsafe {
        let offset = (*ty).tp_weaklistoffset;
        offset == 0
            || object
                .cast::<u8>()
                .offset(offset)
                .cast::<*mut PyObject>()
                .read()
                .is_null()
    }
}

/// Whether ending an object of the type does what it does for an instance of a class that is written in Python, derives from
/// `object` only, and has no finalizer.
pub(crate) unsafe fn is_plain_class(ty: *mut PyTypeObject) -> bool {
    // SAFETY: the caller's.
    unsafe { base_of_plain(ty) == &raw mut PyBaseObject_Type }
}

/// Whether it is a class that is written in Python, derives from one of the interpreter's containers, and has no finalizer: what
/// instances refer to is what `tp_traverse` visits.
unsafe fn is_plain_container(ty: *mut PyTypeObject) -> bool {
    // SAFETY: the caller's.
    let base = unsafe { base_of_plain(ty) };
    base == &raw mut PyList_Type
        || base == &raw mut PyTuple_Type
        || base == &raw mut PyDict_Type
        || base == &raw mut PySet_Type
        || base == &raw mut PyFrozenSet_Type
}

/// The first class that is not written in Python of those that instances of this one are laid out by, if the others end their
/// instances as such classes do, and it has no finalizer; NULL if not.
unsafe fn base_of_plain(ty: *mut PyTypeObject) -> *mut PyTypeObject {
    // SAFETY: a live type; so are its bases.
    unsafe {
        if (*ty).tp_finalize.is_some() || (*ty).tp_del.is_some() {
            return null_mut();
        }
        let mut at = ty;
        while (*at).tp_flags & Py_TPFLAGS_HEAPTYPE != 0 {
            if deallocator(at) != CLASS_DEALLOCATOR {
                return null_mut();
            }
            at = (*at).tp_base;
        }
        at
    }
}

/// Whether it is a class of exceptions of the interpreter's own, or one that is written in Python, derives from such, and has no
/// finalizer: what they refer to is what `tp_traverse` visits.
unsafe fn is_plain_exception(ty: *mut PyTypeObject) -> bool {
    // SAFETY: a live type; so are its bases.
    unsafe {
        let base = base_of_plain(ty);
        // Static classes of extension modules have the module's name before a dot.
        !base.is_null()
            && (*base).tp_flags & Py_TPFLAGS_BASE_EXC_SUBCLASS != 0
            && !CStr::from_ptr((*base).tp_name).to_bytes().contains(&b'.')
    }
}

/// The address of the deallocator that all classes that are written in Python have.
static mut CLASS_DEALLOCATOR: usize = 0;

unsafe fn deallocator(ty: *mut PyTypeObject) -> usize {
    // SAFETY: a live type.
    unsafe { (*ty).tp_dealloc.map_or(0, |function| function as usize) }
}

/// Whether an object that is tracked by the garbage collector ends without anybody's notice, but for its parts.
unsafe fn is_quiet_container(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe {
        let ty = Py_TYPE(object);
        let known = [
            &raw mut PyTuple_Type,
            &raw mut PyList_Type,
            &raw mut PyDict_Type,
            &raw mut PySet_Type,
            &raw mut PyFrozenSet_Type,
            &raw mut PySlice_Type,
            &raw mut PyCell_Type,
            &raw mut PyMethod_Type,
            &raw mut PyCFunction_Type,
            &raw mut PyListIter_Type,
            &raw mut PyTupleIter_Type,
            &raw mut PyEnum_Type,
            &raw mut PyZip_Type,
            &raw mut PySetIter_Type,
            &raw mut PyDictIterKey_Type,
            &raw mut PyDictIterValue_Type,
            &raw mut PyDictIterItem_Type,
            &raw mut PyDictKeys_Type,
            &raw mut PyDictValues_Type,
            &raw mut PyDictItems_Type,
            &raw mut PyReversed_Type,
            &raw mut PyListRevIter_Type,
            &raw mut PySeqIter_Type,
            &raw mut PyMap_Type,
            &raw mut PyFilter_Type,
            &raw mut PyUnicodeIter_Type,
            // What an exception's traceback refers to: frames that have ended, too.
            &raw mut PyTraceBack_Type,
            &raw mut PyFrame_Type,
        ];
        let finished = |ty| {
            (ty == &raw mut PyGen_Type || ty == &raw mut PyCoro_Type)
                && (*object.cast::<Generator>()).frame_state == frame_state::CLEARED
        };
        let plain = || is_plain_class(ty) || is_plain_container(ty) || is_library_type(ty) || is_plain_exception(ty);
        (known.contains(&ty) || finished(ty) || plain()) && unobserved(object, ty)
    }
}

/// Whether it is an instance of a plain subclass of `list` that has neither attributes nor slots.
unsafe fn is_bare_list(object: *mut PyObject, ty: *mut PyTypeObject) -> bool {
    // SAFETY: a live object; the type says what lies before it.
    unsafe {
        let flags = (*ty).tp_flags;
        let no_attributes = || match flags & Py_TPFLAGS_MANAGED_DICT != 0 {
            true => object
                .cast::<u8>()
                .offset(MANAGED_DICT_OFFSET)
                .cast::<*mut PyObject>()
                .read()
                .is_null(),
            false => (*ty).tp_dictoffset == 0,
        };
        flags & Py_TPFLAGS_LIST_SUBCLASS != 0
            && (*ty).tp_basicsize == PyList_Type.tp_basicsize
            && is_plain_container(ty)
            && Py_REFCNT(ty.cast()) > 1
            && !crate::attributes::has_inline_values(ty)
            && no_attributes()
            && unobserved(object, ty)
    }
}

/// Whether it is a tuple or list with few items, none of which is ended by its end but such as have no parts.
unsafe fn has_lasting_items(object: *mut PyObject) -> bool {
    // SAFETY: a live object; the items of a tuple or list are live, or NULL while it is filled in.
    unsafe {
        let ty = Py_TYPE(object);
        let (items, count) = if ty == &raw mut PyTuple_Type {
            (
                (&raw mut (*object.cast::<PyTupleObject>()).ob_item).cast::<*mut PyObject>(),
                Py_SIZE(object),
            )
        } else if ty == &raw mut PyList_Type || is_bare_list(object, ty) {
            ((*object.cast::<PyListObject>()).ob_item, Py_SIZE(object))
        } else {
            return false;
        };
        // Whose references are more than there are items stays alive, however often it is among them.
        (count as usize) < LIMIT
            && (0..count).all(|index| {
                let item = items.offset(index).read();
                item.is_null() || Py_REFCNT(item) > count || is_leaf(Py_TYPE(item))
            })
    }
}

/// Whether no code but the interpreter's own runs when the object's last reference goes.
unsafe fn is_quiet(object: *mut PyObject) -> bool {
    // SAFETY: a live object; `tp_traverse` of these types calls back and does nothing else.
    unsafe {
        let ty = Py_TYPE(object);
        if is_leaf(ty) || ends_with_leaves(object, ty) || crate::arrays::ends_quietly(object) {
            return true;
        }
        if has_lasting_items(object) {
            return true;
        }
        let mut place = MaybeUninit::uninit();
        let parts = Parts::none(&mut place);
        parts.ending[0].write(object);
        parts.ending_count = 1;
        parts.end_quietly()
    }
}

/// The inline values of an instance whose end is to give them up and its memory: NULL for other objects.
#[inline]
unsafe fn only_values(object: *mut PyObject) -> *mut DictValues {
    // SAFETY: a live object. A plain instance begins with its inline values.
    unsafe {
        let ty = Py_TYPE(object);
        if !has_plain_instances(ty) || Py_REFCNT(ty.cast()) < 2 || !unobserved(object, ty) {
            return null_mut();
        }
        let values = object.cast::<u8>().add(size_of::<PyObject>()).cast::<DictValues>();
        let dictionary = object.cast::<u8>().offset(MANAGED_DICT_OFFSET).cast::<*mut PyObject>();
        if (*values).valid == 0 || !dictionary.read().is_null() {
            return null_mut();
        }
        values
    }
}

/// Instances that end as parts of others, within which they are looked for.
const DEPTH: u32 = 4;

/// Whether nothing ends with an instance's values but numbers, strings and their like, and instances of which the same
/// holds.
unsafe fn values_end_quietly(values: *mut DictValues, depth: u32) -> bool {
    // SAFETY: what values refer to is alive.
    unsafe {
        let count = usize::from((*values).size);
        let first = (&raw mut (*values).values).cast::<*mut PyObject>();
        // Indices in the order of insertion, which lies behind the values.
        let order = first.add((*values).capacity.into()).cast::<u8>();
        let at = |index: usize| first.add(order.add(index).read().into());
        let all = || (0..count).map(|index| at(index).read()).filter(|part| !part.is_null());
        all().all(|part| {
            if part.cast::<i32>().read() < 0 || is_leaf(Py_TYPE(part)) {
                return true;
            }
            let references = Py_REFCNT(part);
            if references > count as Py_ssize_t {
                return true;
            }
            if references == 1 && depth > 0 {
                let parts = only_values(part);
                return !parts.is_null() && values_end_quietly(parts, depth - 1);
            }
            references > all().filter(|&other| other == part).count() as Py_ssize_t
        })
    }
}

/// Ends an instance whose values are these, and end quietly.
unsafe fn end_with(object: *mut PyObject, values: *mut DictValues) {
    // SAFETY: nobody has the object any more.
    unsafe {
        PyObject_GC_UnTrack(object.cast());
        let first = (&raw mut (*values).values).cast::<*mut PyObject>();
        for index in 0..usize::from((*values).capacity) {
            let part = first.add(index).replace(null_mut());
            if !part.is_null() {
                drop_reference(part);
            }
        }
        crate::spares::give_back(object);
    }
}

/// Ends an instance whose reference count has become zero, if that is a plain one and nothing else ends with it but numbers,
/// strings and their like, and other such instances. Else nothing was done.
///
/// # Safety
/// The GIL is held; nobody has the object any more.
#[inline]
pub unsafe fn end_instance(object: *mut PyObject) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let values = only_values(object);
        if values.is_null() || !values_end_quietly(values, DEPTH) {
            return false;
        }
        end_with(object, values);
        true
    }
}

/// Items of a list or tuple that are looked at before its end.
const FEW: Py_ssize_t = 32;

/// Ends those items of a short list or tuple without anybody else that [end so](end_instance): the interpreter finds none in
/// their places. Nothing is done to other objects.
///
/// # Safety
/// The GIL is held; nobody has the object any more.
#[inline]
pub unsafe fn end_items(object: *mut PyObject) {
    // SAFETY: see the contract; the deallocators of lists and tuples expect that items may be NULL. No code runs.
    unsafe {
        let ty = Py_TYPE(object);
        let items = if ty == &raw mut PyList_Type {
            (*object.cast::<PyListObject>()).ob_item
        } else if ty == &raw mut PyTuple_Type {
            (&raw mut (*object.cast::<PyTupleObject>()).ob_item).cast()
        } else {
            return;
        };
        let count = Py_SIZE(object);
        if count > FEW {
            return;
        }
        for index in (0..count).rev() {
            let item = items.offset(index).read();
            if item.is_null() || Py_REFCNT(item) != 1 {
                continue;
            }
            let values = only_values(item);
            if !values.is_null() && values_end_quietly(values, DEPTH) {
                items.offset(index).write(null_mut());
                end_with(item, values);
            }
        }
    }
}

/// Finds the deallocator of classes that are written in Python.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> crate::ops::reference::PyResult<()> {
    // SAFETY: ordinary uses of the C API.
    unsafe {
        let arguments = c"s(){}".as_ptr();
        let class = PyObject_CallFunction((&raw mut PyType_Type).cast(), arguments, c"Plain".as_ptr());
        if class.is_null() {
            return Err(crate::ops::reference::Raised);
        }
        CLASS_DEALLOCATOR = deallocator(class.cast());
        crate::spares::initialize(class.cast());
        Ok(())
    }
}

/// Objects that [`ALL_END_QUIETLY`] is asked about, at most.
pub const TOGETHER: usize = 4;

runtime_fns! {
    /// Whether no code but the interpreter's own runs when a reference to each of these objects (NULL for none) is given up, as
    /// far as that is certain.
    ALL_END_QUIETLY = fn all_end_quietly(thread: *mut Thread, a: *mut PyObject, b: *mut PyObject, c: *mut PyObject, d: *mut PyObject) -> i32 {
        let tstate: *mut ThreadState = (*thread).tstate;
        if !(*tstate).delete_later.is_null() || crate::unpacking::is_any() {
            return 0;
        }
        let mut place = MaybeUninit::uninit();
        let parts = Parts::none(&mut place);
        for object in [a, b, c, d] {
            if !object.is_null() {
                visit(object, (&raw mut *parts).cast());
            }
        }
        parts.end_quietly().into()
    }

    /// Ends an object whose reference count has become zero, if that certainly runs no code but the interpreter's own. Else
    /// 0: nothing was done but that the object has its last reference again.
    END_QUIETLY = fn end_quietly(thread: *mut Thread, object: *mut PyObject) -> i32 {
        object.cast::<isize>().write(1);
        let tstate: *mut ThreadState = (*thread).tstate;
        // Where an object's parts wait for their end, any ending may bring theirs on. Nor may a list end whose items are
        // elsewhere, unless they are of no use to anybody else.
        if !(*tstate).delete_later.is_null() {
            return 0;
        }
        if crate::unpacking::is_any() {
            if !ends_with_leaves(object, Py_TYPE(object)) {
                return 0;
            }
            crate::unpacking::forget(object);
        }
        if end_instance(object) {
            return 1;
        }
        if !is_quiet(object) {
            return 0;
        }
        object.cast::<isize>().write(0);
        let values = only_values(object);
        if values.is_null() {
            deallocate(object);
        } else {
            end_with(object, values);
        }
        1
    }
}
