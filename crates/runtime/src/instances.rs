//! Instances that optimized code puts off making: of which classes they can be, and how they are made after all.

use crate::api;
use crate::attributes::{has_inline_values, inline_index};
use crate::layout::{DictValues, type_object};
use crate::runtime_fns;
use crate::types::class_attribute;
use pyo3_ffi::*;

/// What making an instance runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Initializer {
    /// Nothing; the class takes no arguments.
    None,
    /// This Python function.
    Function(*mut PyObject),
}

/// What an attribute's name finds at an instance of a class whose instances [can be put off](initializer).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attribute {
    /// The inline value of this index; if it is not set, this object of the class (or NULL).
    Value(u8, *mut PyObject),
    /// A function of the class.
    Method(*mut PyObject),
    /// An object of the class, which is given as it is.
    OfClass(*mut PyObject),
    /// A property with this getter, a Python function, which is in this field of the property.
    Property(*const *mut PyObject, *mut PyObject),
    /// Something else.
    Other,
}

/// Whether two slots are the same function.
macro_rules! same {
    ($a:expr, $b:expr) => {
        ($a).map(|function| function as usize) == ($b).map(|function| function as usize)
    };
}

/// Whether instances of the class are nothing but inline values, which end without anybody's notice.
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn is_plain(class: *mut PyTypeObject) -> bool {
    // SAFETY: see the contract.
    unsafe {
        let basic: isize = class.cast::<u8>().add(type_object::TP_BASICSIZE).cast::<isize>().read();
        has_inline_values(class)
            && basic as usize == size_of::<PyObject>()
            && crate::ending::is_plain_class(class)
            && same!((*class).tp_alloc, PyBaseObject_Type.tp_alloc)
            && same!((*class).tp_setattro, PyBaseObject_Type.tp_setattro)
            && same!((*class).tp_getattro, PyBaseObject_Type.tp_getattro)
    }
}

/// How `class(…)` makes an instance, if that can be put off; the class gets a version tag.
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn initializer(class: *mut PyTypeObject) -> Option<Initializer> {
    // SAFETY: see the contract.
    unsafe {
        let usual = Py_TYPE(class.cast()) == &raw mut PyType_Type
            && same!((*class).tp_new, PyBaseObject_Type.tp_new)
            && PyType_GetFlags(class) & Py_TPFLAGS_IS_ABSTRACT == 0;
        if !usual || !is_plain(class) || api::PyUnstable_Type_AssignVersionTag(class) == 0 {
            return None;
        }
        let init = class_attribute(class, crate::names::init());
        if same!((*class).tp_init, PyBaseObject_Type.tp_init) {
            return Some(Initializer::None);
        }
        (!init.is_null() && Py_TYPE(init) == &raw mut PyFunction_Type).then_some(Initializer::Function(init))
    }
}

/// Whether `class()` is what [`NEW_BLANK`] makes: an instance of a subclass of `list` that has neither a `__new__` nor an
/// `__init__` of its own.
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn is_made_blank(class: *mut PyTypeObject) -> bool {
    // SAFETY: see the contract.
    unsafe {
        Py_TYPE(class.cast()) == &raw mut PyType_Type
            && class != &raw mut PyList_Type
            && same!((*class).tp_init, PyList_Type.tp_init)
            && same!((*class).tp_new, PyList_Type.tp_new)
            && same!((*class).tp_alloc, PyList_Type.tp_alloc)
            && PyType_GetFlags(class) & Py_TPFLAGS_IS_ABSTRACT == 0
    }
}

/// What a name finds at an instance of a class that [is plain](is_plain).
///
/// # Safety
/// The GIL is held; a live type, an interned string.
pub unsafe fn attribute(class: *mut PyTypeObject, name: *mut PyObject) -> Attribute {
    // SAFETY: see the contract; looking through the MRO runs no Python code.
    unsafe { crate::attributes::of_instance(class, name) }
}

/// The index at which a store of the name puts a value, if it does just that.
///
/// # Safety
/// As for [`attribute`].
pub unsafe fn stored_at(class: *mut PyTypeObject, name: *mut PyObject) -> Option<u8> {
    // SAFETY: see the contract.
    unsafe {
        let found = class_attribute(class, name);
        if !found.is_null() && (*Py_TYPE(found)).tp_descr_set.is_some() {
            return None;
        }
        inline_index(class, name)
    }
}

/// Offset of the first inline value.
pub const VALUES_OFFSET: usize = size_of::<PyObject>() + std::mem::offset_of!(DictValues, values);

/// Where an instance has an inline value.
///
/// # Safety
/// An instance of a class that [is plain](is_plain), whose keys have the index.
pub unsafe fn inline_value(instance: *mut PyObject, index: u8) -> *mut *mut PyObject {
    // SAFETY: see the contract.
    unsafe { instance.cast::<u8>().add(VALUES_OFFSET + 8 * usize::from(index)).cast() }
}

runtime_fns! {
    /// A new instance of a class that [is made blank](is_made_blank); NULL with an exception where there is no memory.
    NEW_BLANK = fn new_blank(class: *mut PyTypeObject) -> *mut PyObject {
        match (*class).tp_alloc {
            Some(allocate) => allocate(class, 0),
            None => PyType_GenericAlloc(class, 0),
        }
    }

    /// A new instance of a class that is plain, whose attributes at these indices of its inline values are about to be set, in
    /// that order: the caller writes them before anything else happens.
    MAKE_INSTANCE = fn make_instance(class: *mut PyTypeObject, indices: *const u8, count: i64) -> *mut PyObject {
        let instance = crate::spares::allocate(class);
        if instance.is_null() {
            Py_FatalError(c"no memory for an object that optimized code had put off".as_ptr());
        }
        let values = instance.cast::<u8>().add(size_of::<PyObject>()).cast::<DictValues>();
        // The order of insertion lies behind the values.
        let order = (&raw mut (*values).values).cast::<*mut PyObject>().add((*values).capacity.into()).cast::<u8>();
        order.copy_from_nonoverlapping(indices, count as usize);
        (*values).size = count as u8;
        instance
    }

    /// A new cell with a value (taken over; NULL is none).
    NEW_CELL = takes(value) fn new_cell(value: *mut PyObject) -> *mut PyObject {
        let cell = PyCell_New(value);
        Py_XDECREF(value);
        if cell.is_null() {
            Py_FatalError(c"no memory for a cell that optimized code had put off".as_ptr());
        }
        cell
    }

    /// Notes that an attribute is about to be set at an index of an instance's inline values, where there is none, and the
    /// instance has no dictionary: the caller then writes it.
    ADD_ATTRIBUTE = fn add_attribute(instance: *mut PyObject, index: i64) {
        let values = instance.cast::<u8>().add(size_of::<PyObject>()).cast::<DictValues>();
        let order = (&raw mut (*values).values).cast::<*mut PyObject>().add((*values).capacity.into()).cast::<u8>();
        order.add((*values).size.into()).write(index as u8);
        (*values).size += 1;
    }
}
