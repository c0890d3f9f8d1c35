//! Names of objects, for the text form.

use pyo3_ffi::*;

/// The text of a str.
///
/// # Safety
/// The GIL is held; a live str.
pub unsafe fn name_of(object: *mut PyObject) -> String {
    // SAFETY: see the contract.
    unsafe {
        let mut size = 0;
        let data = PyUnicode_AsUTF8AndSize(object, &mut size);
        if data.is_null() {
            PyErr_Clear();
            return "?".into();
        }
        String::from_utf8_lossy(std::slice::from_raw_parts(data.cast(), size as usize)).into_owned()
    }
}

/// A name for an object: its value where that is short, its name where it has one, else its type's. Runs no Python code.
///
/// # Safety
/// The GIL is held; a live object.
pub unsafe fn describe(object: *mut PyObject) -> String {
    // SAFETY: the types are looked at before the objects.
    unsafe {
        let ty = Py_TYPE(object);
        let plain = |text: String| -> String {
            let simple = |c: char| c.is_ascii_alphanumeric() || "_.-+".contains(c);
            text.chars().map(|c| if simple(c) { c } else { '_' }).take(32).collect()
        };
        if object == Py_None() {
            return "None".into();
        }
        if PyBool_Check(object) != 0 {
            return if object == Py_True() { "True" } else { "False" }.into();
        }
        if PyLong_CheckExact(object) != 0 {
            return match justjit_runtime::numbers::compact_value(object) {
                Some(value) => format!("{value}"),
                None => "int".into(),
            };
        }
        if PyFloat_CheckExact(object) != 0 {
            return plain(format!("{:?}", PyFloat_AS_DOUBLE(object)));
        }
        if PyUnicode_CheckExact(object) != 0 {
            return plain(format!("str_{}", name_of(object)));
        }
        if PyType_Check(object) != 0 {
            return plain(type_name(object.cast()));
        }
        if PyFunction_Check(object) != 0 {
            let function = object.cast::<justjit_runtime::layout::Function>();
            return plain(name_of((*function).func_qualname));
        }
        if PyCFunction_Check(object) != 0 {
            let definition = (*object.cast::<PyCFunctionObject>()).m_ml;
            let name = std::ffi::CStr::from_ptr((*definition).ml_name);
            return plain(name.to_string_lossy().into_owned());
        }
        plain(format!("a_{}", type_name(ty)))
    }
}

/// A type's name.
///
/// # Safety
/// A live type object.
pub unsafe fn type_name(ty: *mut PyTypeObject) -> String {
    // SAFETY: every type has a name.
    unsafe { std::ffi::CStr::from_ptr((*ty).tp_name).to_string_lossy().into_owned() }
}

/// Whether the object's references are not counted.
///
/// # Safety
/// A live object.
pub unsafe fn is_immortal(object: *mut PyObject) -> bool {
    // SAFETY: the count is the object's first word; immortal objects have its low half negative.
    unsafe { object.cast::<i32>().read() < 0 }
}

/// Whether an object described so is what passes take it for: other classes may be named like the interpreter's own.
pub(crate) fn is_genuine(object: *mut PyObject, text: &str) -> bool {
    let own: *mut PyObject = match text {
        "bool" => (&raw mut PyBool_Type).cast(),
        "float" => (&raw mut PyFloat_Type).cast(),
        "int" => (&raw mut PyLong_Type).cast(),
        "list" => (&raw mut PyList_Type).cast(),
        "tuple" => (&raw mut PyTuple_Type).cast(),
        // SAFETY: they live for ever.
        "False" => unsafe { Py_False() },
        // SAFETY: as above.
        "True" => unsafe { Py_True() },
        _ => return true,
    };
    object == own
}
