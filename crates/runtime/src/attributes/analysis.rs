//! How a look-up can be cached: what a class's instances, its MRO and its shared keys say about a name.

use super::{Kind, Module, NO_KEYS, Shadow};
use crate::api;
use crate::globals;
use crate::instances::Attribute;
use crate::layout::*;
use crate::types::class_attribute;
use pyo3_ffi::*;
use std::ffi::c_ulong;
use std::ptr::null_mut;

/// A byte of an object with this type that is known not to be zero: one of its type pointer's.
pub(super) fn nonzero_type_byte(tp: *mut PyTypeObject) -> i64 {
    let at = (tp as usize)
        .to_le_bytes()
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(0);
    i64::from(offset::OB_TYPE) + at as i64
}

pub(super) unsafe fn field<T: Copy>(tp: *mut PyTypeObject, offset: usize) -> T {
    // SAFETY: the caller names a field of a type object.
    unsafe { tp.cast::<u8>().add(offset).cast::<T>().read() }
}

pub(super) unsafe fn flags(tp: *mut PyTypeObject) -> c_ulong {
    // SAFETY: a live type.
    unsafe { PyType_GetFlags(tp) }
}

/// Whether the object's type can never change what it is for a descriptor.
pub(super) fn is_immutable_instance(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe { flags(Py_TYPE(object)) & Py_TPFLAGS_IMMUTABLETYPE != 0 }
}

/// The version tag of the object's type, given now if it has none; `None` when the interpreter gives none.
pub(super) unsafe fn version_of_type(object: *mut PyObject) -> Option<u32> {
    // SAFETY: a live object.
    unsafe {
        let tp = Py_TYPE(object);
        (api::PyUnstable_Type_AssignVersionTag(tp) != 0).then(|| version_tag(tp))
    }
}

/// The class's shared keys, if its instances have inline values.
pub(super) unsafe fn shared_keys(tp: *mut PyTypeObject) -> *mut DictKeys {
    // SAFETY: a heap type with the flag has the field.
    unsafe {
        if flags(tp) & TPFLAGS_INLINE_VALUES == 0 || flags(tp) & Py_TPFLAGS_HEAPTYPE == 0 {
            return null_mut();
        }
        let keys: *mut DictKeys = field(tp, type_object::HT_CACHED_KEYS);
        if keys.is_null() || (*keys).dk_kind != DICT_KEYS_SPLIT {
            null_mut()
        } else {
            keys
        }
    }
}

/// The entries of a key table whose keys are all strings.
pub(super) unsafe fn unicode_entries(keys: *mut DictKeys) -> *mut DictUnicodeEntry {
    // SAFETY: the entries follow the index table.
    unsafe {
        let indices = keys.cast::<u8>().add(size_of::<DictKeys>());
        indices.add(1usize << (*keys).dk_log2_index_bytes).cast()
    }
}

/// Index of `name` among shared keys.
pub(super) unsafe fn key_index(keys: *mut DictKeys, name: *mut PyObject) -> Option<usize> {
    // SAFETY: the entries follow the index table.
    unsafe {
        let entries = unicode_entries(keys);
        (0..(*keys).dk_nentries as usize).find(|&index| {
            let key = (*entries.add(index)).me_key;
            key == name || (!key.is_null() && PyUnicode_Compare(key, name) == 0)
        })
    }
}

pub(super) fn inline_kind(tp: *mut PyTypeObject, index: usize) -> Kind {
    // SAFETY: the type is live.
    let values = unsafe { field::<isize>(tp, type_object::TP_BASICSIZE) } as i64;
    Kind::Inline {
        offset: values + std::mem::offset_of!(DictValues, values) as i64 + 8 * index as i64,
        guard: values + std::mem::offset_of!(DictValues, valid) as i64,
        index: index as u8,
    }
}

/// Whether instances have their dictionary where the interpreter manages it.
pub(super) fn has_managed_dictionary(tp: *mut PyTypeObject) -> bool {
    // SAFETY: a live type.
    unsafe { flags(tp) & TPFLAGS_MANAGED_DICT != 0 }
}

/// Offset of the pointer to an instance's dictionary, where that is the same for all.
pub(super) fn dictionary_place(tp: *mut PyTypeObject) -> Option<i64> {
    if has_managed_dictionary(tp) {
        return Some(MANAGED_DICT_OFFSET as i64);
    }
    // SAFETY: a live type.
    let offset: isize = unsafe { field(tp, type_object::TP_DICTOFFSET) };
    (offset > 0).then_some(offset as i64)
}

/// Whether instances have a dictionary of any kind.
pub(super) unsafe fn has_dictionary(tp: *mut PyTypeObject) -> bool {
    // SAFETY: a live type.
    unsafe { flags(tp) & TPFLAGS_MANAGED_DICT != 0 || field::<isize>(tp, type_object::TP_DICTOFFSET) != 0 }
}

/// Offset of the slot that a member descriptor of `__slots__` stands for in instances of `tp`: not where it was borrowed
/// from another class.
pub(super) unsafe fn slot_offset(tp: *mut PyTypeObject, descriptor: *mut PyObject) -> Option<i64> {
    // SAFETY: the type was looked at; the member definition is static or belongs to the class.
    unsafe {
        if Py_TYPE(descriptor) != &raw mut PyMemberDescr_Type
            || PyType_IsSubtype(tp, (*descriptor.cast::<MemberDescriptor>()).d_type) == 0
        {
            return None;
        }
        let member = (*descriptor.cast::<MemberDescriptor>()).d_member;
        ((*member).type_code == Py_T_OBJECT_EX && (*member).flags == 0).then_some((*member).offset as i64)
    }
}

/// `PyMemberDescrObject` (`cpython/descrobject.h`).
#[repr(C)]
pub(super) struct MemberDescriptor {
    ob_base: PyObject,
    d_type: *mut PyTypeObject,
    d_name: *mut PyObject,
    d_qualname: *mut PyObject,
    d_member: *mut PyMemberDef,
}

/// The head of `propertyobject` (`Objects/descrobject.c`), which is checked against `fget` before it is relied on.
#[repr(C)]
pub(super) struct Property {
    ob_base: PyObject,
    pub(super) prop_get: *mut PyObject,
}

pub(super) fn is_generic_load(tp: *mut PyTypeObject) -> bool {
    // SAFETY: a live type.
    unsafe {
        (*tp)
            .tp_getattro
            .is_some_and(|get| get as usize == PyObject_GenericGetAttr as *const () as usize)
    }
}

/// Decides how a load of `name` from an object of `tp` can be cached.
pub(super) unsafe fn analyze_load(tp: *mut PyTypeObject, name: *mut PyObject) -> Option<Kind> {
    // SAFETY: live objects; looking through the MRO runs no Python code.
    unsafe {
        if !is_generic_load(tp) {
            return None;
        }
        let keys = shared_keys(tp);
        let found = class_attribute(tp, name);
        if found.is_null() {
            if !keys.is_null() {
                // A name that the keys have no room for is in dictionaries of the instances' own.
                let elsewhere = Kind::Dictionary {
                    class_value: null_mut(),
                    class_version: 0,
                    is_lasting: true,
                    is_method: false,
                    place: dictionary_place(tp),
                };
                return Some(key_index(keys, name).map_or(elsewhere, |index| inline_kind(tp, index)));
            }
            return has_dictionary(tp).then_some(Kind::Dictionary {
                class_value: null_mut(),
                class_version: 0,
                is_lasting: true,
                is_method: false,
                place: dictionary_place(tp),
            });
        }
        let dtype = Py_TYPE(found);
        if (*dtype).tp_descr_set.is_some() {
            if let Some(offset) = slot_offset(tp, found) {
                return Some(Kind::Slot { offset });
            }
            if dtype == &raw mut PyProperty_Type {
                let getter = PyObject_GetAttrString(found, c"fget".as_ptr());
                if getter.is_null() {
                    PyErr_Clear();
                    return None;
                }
                // The property keeps it.
                Py_DECREF(getter);
                let usable =
                    Py_TYPE(getter) == &raw mut PyFunction_Type && (*found.cast::<Property>()).prop_get == getter;
                return usable.then_some(Kind::Property {
                    property: found,
                    getter,
                });
            }
            return None;
        }
        let is_method = flags(dtype) & Py_TPFLAGS_METHOD_DESCRIPTOR != 0;
        if !is_method && (*dtype).tp_descr_get.is_some() {
            return None;
        }
        let shadow = if !has_dictionary(tp) {
            Shadow {
                guard: nonzero_type_byte(tp),
                keys_count: &NO_KEYS,
                keys_expected: 0,
            }
        } else if !keys.is_null() {
            if let Some(index) = key_index(keys, name) {
                return is_immutable_instance(found).then(|| inline_kind(tp, index));
            }
            let values: isize = field(tp, type_object::TP_BASICSIZE);
            Shadow {
                guard: values as i64 + std::mem::offset_of!(DictValues, valid) as i64,
                keys_count: &raw const (*keys).dk_nentries,
                keys_expected: (*keys).dk_nentries,
            }
        } else {
            return Some(Kind::Dictionary {
                class_value: found,
                class_version: version_of_type(found)?,
                is_lasting: is_immutable_instance(found),
                is_method,
                place: dictionary_place(tp),
            });
        };
        Some(if is_method {
            Kind::Method {
                function: found,
                shadow,
            }
        } else {
            Kind::ClassValue {
                value: found,
                value_version: version_of_type(found)?,
                is_lasting: is_immutable_instance(found),
                shadow,
            }
        })
    }
}

/// Caches a load from a module or a class, which are told apart by identity.
pub(super) unsafe fn analyze_identity(object: *mut PyObject, name: *mut PyObject) -> Option<Kind> {
    // SAFETY: live objects.
    unsafe {
        let tp = Py_TYPE(object);
        if tp == &raw mut PyModule_Type {
            let dict = PyModule_GetDict(object);
            if dict.is_null() || PyDict_CheckExact(dict) == 0 || (*object.cast::<Module>()).md_dict != dict {
                return None;
            }
            let has = PyDict_Contains(dict, name);
            if has != 1 || !class_attribute(tp, name).is_null() {
                return None;
            }
            return Some(Kind::Module {
                module: object,
                cell: globals::cell(dict, null_mut(), name),
            });
        }
        if PyType_Check(object) != 0 {
            let class = object.cast::<PyTypeObject>();
            let same = (*tp).tp_getattro.map(|get| get as usize) == PyType_Type.tp_getattro.map(|get| get as usize);
            if !same || !class_attribute(tp, name).is_null() {
                return None;
            }
            let value = class_attribute(class, name);
            if value.is_null() {
                return None;
            }
            let vtype = Py_TYPE(value);
            // Functions and method descriptors give themselves to a class.
            let is_method = flags(vtype) & Py_TPFLAGS_METHOD_DESCRIPTOR != 0;
            if !is_method && (*vtype).tp_descr_get.is_some() {
                return None;
            }
            if api::PyUnstable_Type_AssignVersionTag(class) == 0 {
                return None;
            }
            return Some(Kind::OfClass {
                class: object,
                version: version_tag(class),
                value,
                value_version: version_of_type(value)?,
            });
        }
        None
    }
}

/// Whether the class's instances have inline values.
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn has_inline_values(tp: *mut PyTypeObject) -> bool {
    // SAFETY: see the contract.
    unsafe { !shared_keys(tp).is_null() }
}

/// The index of a name among the class's inline values.
///
/// # Safety
/// As for [`has_inline_values`].
pub unsafe fn inline_index(tp: *mut PyTypeObject, name: *mut PyObject) -> Option<u8> {
    // SAFETY: see the contract.
    unsafe {
        let keys = shared_keys(tp);
        if keys.is_null() {
            return None;
        }
        key_index(keys, name).and_then(|index| u8::try_from(index).ok())
    }
}

/// What a name finds at an instance of a class with inline values and nothing else.
///
/// # Safety
/// As for [`has_inline_values`].
pub unsafe fn of_instance(tp: *mut PyTypeObject, name: *mut PyObject) -> Attribute {
    // SAFETY: see the contract.
    unsafe {
        if let (Some(index), found) = (inline_index(tp, name), class_attribute(tp, name)) {
            if found.is_null() {
                return Attribute::Value(index, null_mut());
            }
            return match is_immutable_instance(found) && (*Py_TYPE(found)).tp_descr_set.is_none() {
                true => Attribute::Value(index, found),
                false => Attribute::Other,
            };
        }
        match analyze_load(tp, name) {
            Some(Kind::Method { function, .. }) if Py_TYPE(function) == &raw mut PyFunction_Type => {
                Attribute::Method(function)
            }
            Some(Kind::ClassValue {
                value,
                is_lasting: true,
                ..
            }) => Attribute::OfClass(value),
            Some(Kind::Property { property, getter }) => {
                Attribute::Property(&raw const (*property.cast::<Property>()).prop_get, getter)
            }
            _ => Attribute::Other,
        }
    }
}

/// What a name finds at a class, for as long as the class (and `depends`, another class) is what it is.
pub struct OfClass {
    pub found: ClassAttribute,
    pub depends: Option<*mut PyTypeObject>,
}

/// See [`OfClass`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClassAttribute {
    /// This very object.
    Plain(*mut PyObject),
    /// The function in this field of a static method.
    Static(*const *mut PyObject, *mut PyObject),
    /// The function in this field of a class method, bound to the class.
    Bound(*const *mut PyObject, *mut PyObject),
}

/// The head of `classmethod` and `staticmethod` (`Objects/funcobject.c`), which is checked against `__func__` before it is
/// relied on.
#[repr(C)]
struct Wrapper {
    ob_base: PyObject,
    callable: *mut PyObject,
}

/// What a name finds at a class whose metaclass is `type`.
///
/// # Safety
/// The GIL is held; a live type, an interned string.
pub unsafe fn of_class(class: *mut PyTypeObject, name: *mut PyObject) -> Option<OfClass> {
    // SAFETY: see the contract; looking through the MRO runs no Python code.
    unsafe {
        if Py_TYPE(class.cast()) != &raw mut PyType_Type || !class_attribute(&raw mut PyType_Type, name).is_null() {
            return None;
        }
        let value = class_attribute(class, name);
        if value.is_null() {
            return None;
        }
        let ty = Py_TYPE(value);
        let is_bound = ty == &raw mut PyClassMethod_Type;
        if is_bound || ty == &raw mut PyStaticMethod_Type {
            let function = PyObject_GetAttrString(value, c"__func__".as_ptr());
            if function.is_null() {
                PyErr_Clear();
                return None;
            }
            // The wrapper keeps it.
            Py_DECREF(function);
            let wrapper = value.cast::<Wrapper>();
            if Py_TYPE(function) != &raw mut PyFunction_Type || (*wrapper).callable != function {
                return None;
            }
            let field = (&raw const (*wrapper).callable).cast();
            let found = if is_bound {
                ClassAttribute::Bound(field, function)
            } else {
                ClassAttribute::Static(field, function)
            };
            return Some(OfClass { found, depends: None });
        }
        // Functions and method descriptors give themselves to a class.
        let is_method = flags(ty) & Py_TPFLAGS_METHOD_DESCRIPTOR != 0;
        if !is_method && (*ty).tp_descr_get.is_some() {
            return None;
        }
        Some(OfClass {
            found: ClassAttribute::Plain(value),
            depends: (!is_immutable_instance(value)).then_some(ty),
        })
    }
}

/// The Python function that `super(class, instance).name` finds for instances of `ty`, a subclass of `class`.
///
/// # Safety
/// The GIL is held; live types, an interned string.
pub unsafe fn of_super(class: *mut PyTypeObject, ty: *mut PyTypeObject, name: *mut PyObject) -> Option<*mut PyObject> {
    // SAFETY: see the contract; names are strings, so that comparing them runs no Python code.
    unsafe {
        let mro = (*ty).tp_mro;
        if mro.is_null() || PyType_IsSubtype(ty, class) == 0 {
            return None;
        }
        let types = (0..PyTuple_GET_SIZE(mro)).map(|index| PyTuple_GET_ITEM(mro, index));
        for base in types.skip_while(|&base| base != class.cast()).skip(1) {
            let dict = api::PyType_GetDict(base.cast());
            if dict.is_null() {
                return None;
            }
            let found = PyDict_GetItemWithError(dict, name);
            Py_DECREF(dict);
            if !found.is_null() {
                return Some(found);
            }
            PyErr_Clear();
        }
        None
    }
}
