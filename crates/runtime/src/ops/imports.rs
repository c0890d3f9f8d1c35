//! `import` statements.

use super::interpreted::{Prepared, run};
use super::reference::{
    Owned, PyResult, Raised, check, interned, optional_attribute, optional_item, raise, to_object, to_status, type_name,
};
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ffi::CStr;
use std::ptr;

unsafe extern "C" {
    fn PyLong_AsInt(object: *mut PyObject) -> std::ffi::c_int;
}

/// Whether this is the interpreter's own `__import__`, which may be passed over: the function of that name that the
/// module `builtins` was made with.
///
/// # Safety
/// The GIL is held, `function` is live.
unsafe fn is_default_import(function: *mut PyObject) -> PyResult<bool> {
    // SAFETY: the cast follows the check; a method definition lives as long as its function.
    unsafe {
        if PyCFunction_CheckExact(function) == 0 {
            return Ok(false);
        }
        let function = function.cast::<PyCFunctionObject>();
        if (*function).m_self.is_null() || CStr::from_ptr((*(*function).m_ml).ml_name) != c"__import__" {
            return Ok(false);
        }
        let builtins = Owned::from_nullable(PyImport_GetModule(interned!(c"builtins")));
        if builtins.is_none() && !PyErr_Occurred().is_null() {
            return Err(Raised);
        }
        Ok(builtins.is_some_and(|builtins| builtins.as_ptr() == (*function).m_self))
    }
}

/// `import name` as `IMPORT_NAME` does it.
///
/// # Safety
/// The GIL is held, the objects are live, `locals` may be NULL.
unsafe fn import(
    globals: *mut PyObject,
    builtins: *mut PyObject,
    locals: *mut PyObject,
    name: *mut PyObject,
    fromlist: *mut PyObject,
    level: *mut PyObject,
) -> PyResult<Owned> {
    // SAFETY: see above.
    unsafe {
        let Some(function) = optional_item(builtins, interned!(c"__import__"))? else {
            return Err(raise!(PyExc_ImportError, c"__import__ not found"));
        };
        let locals = if locals.is_null() { Py_None() } else { locals };
        if is_default_import(function.as_ptr())? {
            drop(function);
            let level = PyLong_AsInt(level);
            if level == -1 && !PyErr_Occurred().is_null() {
                return Err(Raised);
            }
            return Owned::from_result(PyImport_ImportModuleLevelObject(name, globals, locals, fromlist, level));
        }
        let arguments = [name, globals, locals, fromlist, level];
        Owned::from_result(PyObject_Vectorcall(
            function.as_ptr(),
            arguments.as_ptr(),
            5,
            ptr::null_mut(),
        ))
    }
}

/// The statement that raises the ImportError of a failed `from … import …`, and a function that puts another name into
/// it. What `import` gives is what `__import__` says it is.
static IMPORT_ERROR: Prepared = Prepared::new(
    c"
template = compile('def fail():\\n    from module import attribute\\n', '<justjit>', 'exec').co_consts[0]

def statement(attribute):
    return template.replace(co_names=tuple(attribute if n == 'attribute' else n for n in template.co_names))
",
);

/// `__import__` of a namespace in which only one statement runs: it gives back the object that it carries.
unsafe extern "C" fn import_stand_in(
    stand_in: *mut PyObject,
    _arguments: *mut PyObject,
    _keywords: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: called by the interpreter, with the object that the function was made with.
    unsafe { Py_NewRef(stand_in) }
}

static mut IMPORT_STAND_IN: PyMethodDef = PyMethodDef {
    ml_name: c"__import__".as_ptr(),
    ml_meth: PyMethodDefPointer {
        PyCFunctionWithKeywords: import_stand_in,
    },
    ml_flags: METH_VARARGS | METH_KEYWORDS,
    ml_doc: ptr::null(),
};

/// A module that looks like `module` to the interpreter's search for what to say about a failed import, and whose
/// attributes are nothing else. So the real module's `__getattr__` is not asked again.
///
/// # Safety
/// The GIL is held, `module` is live and held by the caller.
unsafe fn stand_in(module: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: see above; the types' instances have the dict asked for.
    unsafe {
        let made = if PyModule_Check(module) != 0 {
            let made = Owned::from_result(PyModule_NewObject(interned!(c"module")))?;
            let dict = PyModule_GetDict(made.as_ptr());
            PyDict_Clear(dict);
            if let Some(file) = optional_item(PyModule_GetDict(module), interned!(c"__file__"))? {
                check(PyDict_SetItem(dict, interned!(c"__file__"), file.as_ptr()))?;
            }
            made
        } else {
            let types = Owned::from_result(PyImport_ImportModule(c"types".as_ptr()))?;
            let class = Owned::from_result(PyObject_GetAttr(types.as_ptr(), interned!(c"SimpleNamespace")))?;
            Owned::from_result(PyObject_CallNoArgs(class.as_ptr()))?
        };
        for name in [interned!(c"__name__"), interned!(c"__spec__")] {
            if let Some(value) = optional_attribute(module, name)? {
                check(PyObject_SetAttr(made.as_ptr(), name, value.as_ptr()))?;
            }
        }
        Ok(made)
    }
}

/// Sets the ImportError of `from module import name` where there is no such name. Its text looks into many things
/// (the module's spec, shadowing of the standard library) and differs between versions; so the interpreter makes it.
///
/// # Safety
/// The GIL is held, the objects are live and held by the caller.
unsafe fn import_from_error(module: *mut PyObject, name: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: see above; the namespace has this function.
    unsafe {
        let namespace = IMPORT_ERROR.get()?;
        let statement = PyDict_GetItemString(namespace, c"statement".as_ptr());
        let code = Owned::from_result(PyObject_CallOneArg(statement, name))?;
        let module = stand_in(module)?;
        let import = PyCFunction_NewEx(&raw mut IMPORT_STAND_IN, module.as_ptr(), ptr::null_mut());
        let import = Owned::from_result(import)?;
        let builtins = Owned::from_result(PyDict_New())?;
        check(PyDict_SetItem(
            builtins.as_ptr(),
            interned!(c"__import__"),
            import.as_ptr(),
        ))?;
        let globals = Owned::from_result(PyDict_New())?;
        check(PyDict_SetItem(
            globals.as_ptr(),
            interned!(c"__builtins__"),
            builtins.as_ptr(),
        ))?;
        run(code.as_ptr(), globals.as_ptr(), &[])
    }
}

/// The name that `from module import name` binds.
///
/// # Safety
/// The GIL is held, the objects are live and held by the caller.
unsafe fn imported_name(module: *mut PyObject, name: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: see above.
    unsafe {
        if let Some(value) = optional_attribute(module, name)? {
            return Ok(value);
        }
        // A submodule that is still being imported is in sys.modules before it is an attribute of its package.
        let module_name = optional_attribute(module, interned!(c"__name__"))?;
        if let Some(module_name) = module_name.filter(|module_name| PyUnicode_Check(module_name.as_ptr()) != 0) {
            let full_name = PyUnicode_FromFormat(c"%U.%U".as_ptr(), module_name.as_ptr(), name);
            let full_name = Owned::from_result(full_name)?;
            if let Some(submodule) = Owned::from_nullable(PyImport_GetModule(full_name.as_ptr())) {
                return Ok(submodule);
            }
            if !PyErr_Occurred().is_null() {
                return Err(Raised);
            }
        }
        import_from_error(module, name)?;
        // An attribute that turned up in the meantime, on a module that is not really there: the error remains.
        Err(raise!(PyExc_ImportError, c"cannot import name %R", name))
    }
}

/// Sets the TypeError of a name in `__all__` (or a key of `__dict__`) that is not a str.
///
/// # Safety
/// The GIL is held, the objects are live.
unsafe fn raise_name_not_str(module: *mut PyObject, name: *mut PyObject, from_dict: bool) -> PyResult<Raised> {
    // SAFETY: see above.
    unsafe {
        let module_name = Owned::from_result(PyObject_GetAttr(module, interned!(c"__name__")))?;
        if PyUnicode_Check(module_name.as_ptr()) == 0 {
            let format = c"module __name__ must be a string, not %.100s";
            PyErr_Format(PyExc_TypeError, format.as_ptr(), type_name(module_name.as_ptr()));
            return Ok(Raised);
        }
        let (item, list) = if from_dict {
            (c"Key", c"__dict__")
        } else {
            (c"Item", c"__all__")
        };
        let format = c"%s in %U.%s must be str, not %.100s";
        PyErr_Format(
            PyExc_TypeError,
            format.as_ptr(),
            item.as_ptr(),
            module_name.as_ptr(),
            list.as_ptr(),
            type_name(name),
        );
        Ok(Raised)
    }
}

/// Binds the public names of a module in `locals`.
///
/// # Safety
/// The GIL is held, the objects are live and held by the caller.
unsafe fn import_all(module: *mut PyObject, locals: *mut PyObject) -> PyResult<()> {
    // SAFETY: see above.
    unsafe {
        let (names, from_dict) = match optional_attribute(module, interned!(c"__all__"))? {
            Some(names) => (names, false),
            None => {
                let Some(dict) = optional_attribute(module, interned!(c"__dict__"))? else {
                    return Err(raise!(
                        PyExc_ImportError,
                        c"from-import-* object has no __dict__ and no __all__"
                    ));
                };
                (Owned::from_result(PyMapping_Keys(dict.as_ptr()))?, true)
            }
        };
        for position in 0.. {
            let Some(name) = Owned::from_nullable(PySequence_GetItem(names.as_ptr(), position)) else {
                if PyErr_ExceptionMatches(PyExc_IndexError) == 0 {
                    return Err(Raised);
                }
                PyErr_Clear();
                break;
            };
            if PyUnicode_Check(name.as_ptr()) == 0 {
                return Err(raise_name_not_str(module, name.as_ptr(), from_dict)?);
            }
            if from_dict && PyUnicode_Tailmatch(name.as_ptr(), interned!(c"_"), 0, isize::MAX, -1) > 0 {
                continue;
            }
            let value = Owned::from_result(PyObject_GetAttr(module, name.as_ptr()))?;
            check(if PyDict_CheckExact(locals) != 0 {
                PyDict_SetItem(locals, name.as_ptr(), value.as_ptr())
            } else {
                PyObject_SetItem(locals, name.as_ptr(), value.as_ptr())
            })?;
        }
        Ok(())
    }
}

runtime_fns! {
    /// `IMPORT_NAME`; `locals` may be NULL.
    IMPORT_NAME = fn import_name(
        globals: *mut PyObject,
        builtins: *mut PyObject,
        locals: *mut PyObject,
        name: *mut PyObject,
        fromlist: *mut PyObject,
        level: *mut PyObject,
    ) -> *mut PyObject {
        let _held = (Owned::new_ref(fromlist), Owned::new_ref(level));
        to_object(import(globals, builtins, locals, name, fromlist, level))
    }

    /// `IMPORT_FROM`: `module.name`, or the submodule of that name.
    IMPORT_FROM = fn import_from(module: *mut PyObject, name: *mut PyObject) -> *mut PyObject {
        let _module = Owned::new_ref(module);
        to_object(imported_name(module, name))
    }

    /// `from module import *` into locals that may be NULL.
    IMPORT_STAR = fn import_star(module: *mut PyObject, locals: *mut PyObject) -> i32 {
        if locals.is_null() {
            PyErr_SetString(PyExc_SystemError, c"no locals found during 'import *'".as_ptr());
            return -1;
        }
        let _held = (Owned::new_ref(module), Owned::new_ref(locals));
        to_status(import_all(module, locals))
    }
}
