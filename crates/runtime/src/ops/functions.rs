//! Making functions, and attributes of `super()`.

use super::reference::{Owned, PyResult, to_object};
use crate::runtime_fns;
use crate::types::{bind, is_method_descriptor, super_lookup};
use pyo3_ffi::*;
use std::ptr;

/// The `oparg` of `SET_FUNCTION_ATTRIBUTE`.
pub mod function_attribute {
    pub const DEFAULTS: i32 = 1;
    pub const KWDEFAULTS: i32 = 2;
    pub const ANNOTATIONS: i32 = 4;
    pub const CLOSURE: i32 = 8;
}

/// The low bits of the `oparg` of `LOAD_SUPER_ATTR`.
pub mod super_attribute {
    /// The attribute is about to be called.
    pub const METHOD: i32 = 1;
    /// `super` was written with its two arguments.
    pub const TWO_ARGUMENTS: i32 = 2;
}

/// The type in whose MRO `super(class, object)` looks, where that is plain to see: `object` is a subclass or an
/// instance of `class` without any help of a `__class__` attribute.
///
/// # Safety
/// The GIL is held, the objects are live.
unsafe fn plain_super_type(class: *mut PyTypeObject, object: *mut PyObject) -> Option<*mut PyTypeObject> {
    // SAFETY: the cast follows the check.
    unsafe {
        if PyType_Check(object) != 0 && PyType_IsSubtype(object.cast(), class) != 0 {
            Some(object.cast())
        } else if PyType_IsSubtype(Py_TYPE(object), class) != 0 {
            Some(Py_TYPE(object))
        } else {
            None
        }
    }
}

/// `super(class, object).name` without the super object; none where only the super object can tell. The second
/// reference is the object that a method is to be called with.
///
/// # Safety
/// The GIL is held, the objects are live and held by the caller, `name` is a str.
unsafe fn plain_super_attribute(
    class: *mut PyTypeObject,
    object: *mut PyObject,
    name: *mut PyObject,
    is_method: bool,
) -> PyResult<Option<(Owned, Option<Owned>)>> {
    // SAFETY: see above; the type is held while keys are compared.
    unsafe {
        let Some(ty) = plain_super_type(class, object) else {
            return Ok(None);
        };
        let _ty = Owned::new_ref(ty.cast());
        let Some(found) = super_lookup(class, ty, name)? else {
            return Ok(None);
        };
        let through_class = object == ty.cast();
        if is_method && !through_class && is_method_descriptor(found.as_ptr()) {
            return Ok(Some((found, Some(Owned::new_ref(object)))));
        }
        let receiver = if through_class { ptr::null_mut() } else { object };
        Ok(Some((bind(found, receiver, ty)?, None)))
    }
}

runtime_fns! {
    /// `MAKE_FUNCTION`: a function of the code object, with the code's qualified name. What is compiled has the
    /// functions inside it compiled too.
    MAKE_FUNCTION = fn make_function(code: *mut PyObject, globals: *mut PyObject) -> *mut PyObject {
        let function = PyFunction_New(code, globals);
        if !function.is_null() {
            crate::hook::hook(function);
        }
        function
    }

    /// `SET_FUNCTION_ATTRIBUTE` on a function just made, where `which` is one of [`function_attribute`]; takes over
    /// `value`.
    SET_FUNCTION_ATTRIBUTE = takes(value) fn set_function_attribute(function: *mut PyObject, which: i32, value: *mut PyObject) {
        let function = function.cast::<PyFunctionObject>();
        let field = match which {
            function_attribute::DEFAULTS => &raw mut (*function).func_defaults,
            function_attribute::KWDEFAULTS => &raw mut (*function).func_kwdefaults,
            function_attribute::ANNOTATIONS => &raw mut (*function).func_annotations,
            _ => &raw mut (*function).func_closure,
        };
        // Nobody else has seen the function yet, so no setter with its events and checks is due.
        let _old = Owned::from_nullable(field.replace(value));
    }

    /// `LOAD_SUPER_ATTR`: `global_super(class, self).name`, where `flags` are the low bits of the `oparg`, see
    /// [`super_attribute`]. Stores at `out_self` the object to call a method with as a new reference, or NULL; with the
    /// flag for methods clear that is always NULL. The running frame must be linked: `global_super` may be a subclass
    /// of `super` and read it.
    LOAD_SUPER_ATTR = fn load_super_attr(
        global_super: *mut PyObject,
        class: *mut PyObject,
        receiver: *mut PyObject,
        name: *mut PyObject,
        flags: i32,
        out_self: *mut *mut PyObject,
    ) -> *mut PyObject {
        let _held = (Owned::new_ref(global_super), Owned::new_ref(class), Owned::new_ref(receiver));
        *out_self = ptr::null_mut();
        let load = || {
            let is_super = global_super == (&raw mut PySuper_Type).cast() && PyType_Check(class) != 0;
            if is_super {
                let is_method = flags & super_attribute::METHOD != 0;
                if let Some((value, object)) = plain_super_attribute(class.cast(), receiver, name, is_method)? {
                    *out_self = object.map_or(ptr::null_mut(), Owned::into_ptr);
                    return Ok(value);
                }
            }
            let arguments = [class, receiver];
            // The true `super()` would read from the frame what is at hand. For others the flag's value is the number
            // of arguments.
            let count = if is_super { 2 } else { (flags & super_attribute::TWO_ARGUMENTS) as usize };
            let object = PyObject_Vectorcall(global_super, arguments.as_ptr(), count, ptr::null_mut());
            let object = Owned::from_result(object)?;
            Owned::from_result(PyObject_GetAttr(object.as_ptr(), name))
        };
        to_object(load())
    }
}
