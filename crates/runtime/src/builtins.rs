//! Calls of functions and methods that are written in C.

use crate::api;
use crate::arguments::with_tuple;
use crate::call::call_compiled;
use crate::feedback::seen;
use crate::layout::version_tag;
use crate::numbers::new_int;
use crate::ops::reference::{Owned, PyResult, Raised};
use crate::runtime_fns;
use crate::sets;
use crate::site::{CallSite, Callee};
use crate::thread::{self, Thread};
use crate::types::class_attribute;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Definitions of functions that are done here where their arguments are of common types.
#[derive(Clone, Copy)]
pub struct Known {
    pub len: *mut PyMethodDef,
    pub isinstance: *mut PyMethodDef,
    pub issubclass: *mut PyMethodDef,
    pub min: *mut PyMethodDef,
    pub max: *mut PyMethodDef,
    /// `list.append`
    pub append: *mut PyMethodDef,
}

static mut KNOWN: Known = Known {
    len: null_mut(),
    isinstance: null_mut(),
    issubclass: null_mut(),
    min: null_mut(),
    max: null_mut(),
    append: null_mut(),
};

/// The definitions; NULL for what was not found.
pub fn known() -> Known {
    // SAFETY: written once, at import.
    unsafe { KNOWN }
}

/// Finds the definitions.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: the builtins module and the list type live for ever, and so do the definitions.
    unsafe {
        let builtins = PyImport_ImportModule(c"builtins".as_ptr());
        if builtins.is_null() {
            return Err(Raised);
        }
        let functions = [
            (c"len", &raw mut KNOWN.len),
            (c"isinstance", &raw mut KNOWN.isinstance),
            (c"issubclass", &raw mut KNOWN.issubclass),
            (c"min", &raw mut KNOWN.min),
            (c"max", &raw mut KNOWN.max),
        ];
        for (name, slot) in functions {
            let function = PyObject_GetAttrString(builtins, name.as_ptr());
            if function.is_null() {
                return Err(Raised);
            }
            // Another function of that name is not known.
            if Py_TYPE(function) == &raw mut PyCFunction_Type {
                slot.write((*function.cast::<PyCFunctionObject>()).m_ml);
            }
            Py_DECREF(function);
        }
        Py_DECREF(builtins);
        let append = PyObject_GetAttrString((&raw mut PyList_Type).cast(), c"append".as_ptr());
        if append.is_null() {
            return Err(Raised);
        }
        if Py_TYPE(append) == &raw mut PyMethodDescr_Type {
            KNOWN.append = (*append.cast::<MethodDescriptor>()).d_method;
        }
        Py_DECREF(append);
        Ok(())
    }
}

unsafe fn none() -> *mut PyObject {
    // SAFETY: the GIL is held.
    unsafe {
        let none = Py_None();
        Py_INCREF(none);
        none
    }
}

/// What `len`, `isinstance`, `issubclass`, `min` and `max` give where that takes no look-up; `None` to have the function itself called.
#[inline]
unsafe fn known_function(
    definition: *mut PyMethodDef,
    args: *mut *mut PyObject,
    count: usize,
) -> Option<*mut PyObject> {
    // SAFETY: live arguments.
    unsafe {
        if definition == KNOWN.len && count == 1 {
            let object = args.read();
            let tp = Py_TYPE(object);
            let size = if tp == &raw mut PyList_Type || tp == &raw mut PyTuple_Type {
                Py_SIZE(object)
            } else if tp == &raw mut PyUnicode_Type {
                PyUnicode_GET_LENGTH(object)
            } else if tp == &raw mut PyDict_Type {
                PyDict_Size(object)
            } else if sets::is_set(object) {
                PySet_Size(object)
            } else {
                return None;
            };
            return Some(new_int(size as i64));
        }
        if (definition == KNOWN.min || definition == KNOWN.max) && count == 1 {
            let found = sets::least(args.read(), definition == KNOWN.max)?;
            Py_INCREF(found);
            return Some(found);
        }
        if definition == KNOWN.isinstance && count == 2 {
            let (object, class) = (args.read(), args.add(1).read());
            // An exact instance is one, whatever the metaclass says.
            if Py_TYPE(object).cast::<PyObject>() == class {
                let yes = Py_True();
                Py_INCREF(yes);
                return Some(yes);
            }
        }
        if definition == KNOWN.issubclass && count == 2 {
            let (class, base) = (args.read(), args.add(1).read());
            // Without a metaclass of the program's own, the MRO decides.
            if Py_TYPE(base) == &raw mut PyType_Type && PyType_Check(class) != 0 {
                return Some(PyBool_FromLong(PyType_IsSubtype(class.cast(), base.cast()).into()));
            }
        }
        None
    }
}

type NoArgs = unsafe extern "C" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;
type Fast = unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, Py_ssize_t) -> *mut PyObject;
type FastKeywords =
    unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, Py_ssize_t, *mut PyObject) -> *mut PyObject;
type Keywords = unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;

const WITH_KEYWORDS: i32 = METH_VARARGS | METH_KEYWORDS;
const FAST_WITH_KEYWORDS: i32 = METH_FASTCALL | METH_KEYWORDS;

/// `PyMethodDescrObject` (`cpython/descrobject.h`).
#[repr(C)]
pub struct MethodDescriptor {
    pub ob_base: PyObject,
    pub d_type: *mut PyTypeObject,
    pub d_name: *mut PyObject,
    pub d_qualname: *mut PyObject,
    pub d_method: *mut PyMethodDef,
    pub vectorcall: *const (),
}

unsafe fn definition_call(
    definition: *mut PyMethodDef,
    receiver: *mut PyObject,
    args: *mut *mut PyObject,
    count: usize,
) -> Option<*mut PyObject> {
    // SAFETY: the flags say which type the function has.
    unsafe {
        let address = (*definition).ml_meth.PyCFunction as *const ();
        match (*definition).ml_flags & !(METH_CLASS | METH_STATIC | METH_COEXIST) {
            METH_O if count == 1 => Some(std::mem::transmute::<*const (), NoArgs>(address)(receiver, args.read())),
            METH_NOARGS if count == 0 => Some(std::mem::transmute::<*const (), NoArgs>(address)(receiver, null_mut())),
            METH_VARARGS => Some(with_tuple(args, count, |tuple| {
                std::mem::transmute::<*const (), NoArgs>(address)(receiver, tuple)
            })),
            WITH_KEYWORDS => Some(with_tuple(args, count, |tuple| {
                std::mem::transmute::<*const (), Keywords>(address)(receiver, tuple, null_mut())
            })),
            FAST_WITH_KEYWORDS => Some(std::mem::transmute::<*const (), FastKeywords>(address)(
                receiver,
                args,
                count as Py_ssize_t,
                null_mut(),
            )),
            METH_FASTCALL => Some(std::mem::transmute::<*const (), Fast>(address)(
                receiver,
                args,
                count as Py_ssize_t,
            )),
            _ => None,
        }
    }
}

/// What a function in C gave, if that is a result or an exception; SystemError if it is neither or both.
#[inline]
pub(crate) unsafe fn checked(thread: *mut Thread, callable: *mut PyObject, result: *mut PyObject) -> *mut PyObject {
    // SAFETY: the present thread; a live callable.
    unsafe {
        let raised = !(*(*thread).tstate).current_exception.is_null();
        if result.is_null() == raised {
            result
        } else {
            contradiction(callable, result)
        }
    }
}

#[cold]
unsafe fn contradiction(callable: *mut PyObject, result: *mut PyObject) -> *mut PyObject {
    // SAFETY: a live callable; the result is the caller's.
    unsafe {
        if result.is_null() {
            PyErr_Format(
                PyExc_SystemError,
                c"%R returned NULL without setting an exception".as_ptr(),
                callable,
            );
            return result;
        }
        Py_DECREF(result);
        let first = api::PyErr_GetRaisedException();
        PyErr_Format(
            PyExc_SystemError,
            c"%R returned a result with an exception set".as_ptr(),
            callable,
        );
        let error = api::PyErr_GetRaisedException();
        Py_INCREF(first);
        PyException_SetCause(error, first);
        PyException_SetContext(error, first);
        api::PyErr_SetRaisedException(error);
        null_mut()
    }
}

runtime_fns! {
    /// `isinstance(object, class)` (borrowed): 1, 0, or -1 with an exception.
    IS_INSTANCE = fn is_instance(object: *mut PyObject, class: *mut PyObject) -> i32 {
        // Without a metaclass of the program's own, a class in the MRO is decisive.
        if Py_TYPE(class) == &raw mut PyType_Type && PyType_IsSubtype(Py_TYPE(object), class.cast()) != 0 {
            return 1;
        }
        let (_object, _class) = (Owned::new_ref(object), Owned::new_ref(class));
        if let Some(result) = checked_by_metaclass(object, class) {
            return result;
        }
        PyObject_IsInstance(object, class)
    }
}

/// The `__instancecheck__` of metaclasses, by the metaclass's version tag: a Python function, or NULL for others.
static mut CHECKERS: [(u32, *mut PyObject); 64] = [(0, null_mut()); 64];

/// `isinstance(object, class)` where a Python function of the metaclass decides that: 1, 0, or -1 with an exception. It is
/// entered without the bound method that `PyObject_IsInstance` makes.
unsafe fn checked_by_metaclass(object: *mut PyObject, class: *mut PyObject) -> Option<i32> {
    // SAFETY: live objects, which the caller holds. A metaclass with the same tag has the same function.
    unsafe {
        if Py_TYPE(object).cast() == class {
            return Some(1);
        }
        let metaclass = Py_TYPE(class);
        if metaclass == &raw mut PyType_Type || metaclass == &raw mut PyTuple_Type {
            return None;
        }
        let mut tag = version_tag(metaclass);
        let mut entry = (&raw mut CHECKERS)
            .cast::<(u32, *mut PyObject)>()
            .add(tag as usize % 64);
        if tag == 0 || (*entry).0 != tag {
            let found = class_attribute(metaclass, crate::names::instance_check());
            let is_function = !found.is_null() && Py_TYPE(found) == &raw mut PyFunction_Type;
            if api::PyUnstable_Type_AssignVersionTag(metaclass) == 0 {
                return None;
            }
            tag = version_tag(metaclass);
            entry = (&raw mut CHECKERS)
                .cast::<(u32, *mut PyObject)>()
                .add(tag as usize % 64);
            *entry = (tag, if is_function { found } else { null_mut() });
        }
        let checker = (*entry).1;
        if checker.is_null() {
            return None;
        }
        let result = call_compiled(thread::current(), checker, &[class, object])?;
        let Ok(result) = Owned::from_result(result) else {
            return Some(-1);
        };
        Some(PyObject_IsTrue(result.as_ptr()))
    }
}

/// Calls a builtin function without the detour by its type's vectorcall where its kind allows.
///
/// # Safety
/// An exact builtin function; `args` holds `count` live arguments, with a slot before them.
pub unsafe fn call_builtin(
    thread: *mut Thread,
    site: *mut CallSite,
    callable: *mut PyObject,
    args: *mut *mut PyObject,
    count: usize,
) -> *mut PyObject {
    // SAFETY: an exact builtin function; the arguments are held by the caller.
    unsafe {
        let function = callable.cast::<PyCFunctionObject>();
        (*site).learn(seen::C, || {
            let definition = (*function).m_ml;
            if (definition == KNOWN.min || definition == KNOWN.max) && count == 1 && sets::is_set(args.read()) {
                // It is done here.
                return None;
            }
            Some(if definition == KNOWN.len && count == 1 {
                Callee::Len
            } else if definition == KNOWN.isinstance && count == 2 {
                Callee::IsInstance
            } else {
                Callee::Builtin((*definition).ml_flags)
            })
        });
        if let Some(result) = known_function((*function).m_ml, args, count) {
            return result;
        }
        // A static method keeps its class there, but is called without.
        let is_static = (*(*function).m_ml).ml_flags & METH_STATIC != 0;
        let receiver = if is_static { null_mut() } else { (*function).m_self };
        match definition_call((*function).m_ml, receiver, args, count) {
            Some(result) => checked(thread, callable, result),
            None => PyObject_Vectorcall(callable, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, null_mut()),
        }
    }
}

/// Calls a method of a builtin type with its receiver as first argument.
///
/// # Safety
/// An exact method descriptor; otherwise as for [`call_builtin`], and there is a receiver.
pub unsafe fn call_method_descriptor(
    thread: *mut Thread,
    site: *mut CallSite,
    callable: *mut PyObject,
    args: *mut *mut PyObject,
    count: usize,
) -> *mut PyObject {
    // SAFETY: an exact method descriptor; the arguments are held by the caller.
    unsafe {
        let descriptor = callable.cast::<MethodDescriptor>();
        let receiver = args.read();
        (*site).learn(seen::C, || {
            let definition = (*descriptor).d_method;
            Some(if definition == KNOWN.append && count == 2 {
                Callee::Append
            } else {
                Callee::Method((*definition).ml_flags)
            })
        });
        if (*descriptor).d_method == KNOWN.append && count == 2 && Py_TYPE(receiver) == &raw mut PyList_Type {
            if PyList_Append(receiver, args.add(1).read()) < 0 {
                return null_mut();
            }
            return none();
        }
        if Py_TYPE(receiver) == (*descriptor).d_type
            && let Some(result) = definition_call((*descriptor).d_method, receiver, args.add(1), count - 1)
        {
            return checked(thread, callable, result);
        }
        PyObject_Vectorcall(callable, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, null_mut())
    }
}

/// Calls what has no vectorcall, but takes a tuple of arguments: instances of classes in C that can be called, and classes in
/// C; `None` for all else.
///
/// # Safety
/// A live callable; `args` holds `count` live arguments.
pub unsafe fn call_by_slot(callable: *mut PyObject, args: *mut *mut PyObject, count: usize) -> Option<*mut PyObject> {
    // SAFETY: see the contract.
    unsafe {
        let tp = Py_TYPE(callable);
        let by_vectorcall = if tp == &raw mut PyType_Type {
            (*callable.cast::<PyTypeObject>()).tp_vectorcall.is_some()
        } else {
            PyType_HasFeature(tp, Py_TPFLAGS_HAVE_VECTORCALL) != 0
        };
        if by_vectorcall {
            return None;
        }
        let call = (*tp).tp_call?;
        Some(with_tuple(args, count, |tuple| call(callable, tuple, null_mut())))
    }
}

/// Calls a function or method in C that takes keywords as they come; `None` for all others.
///
/// # Safety
/// A live callable; `args` holds `count` live positional arguments and the values of `kwnames`.
pub unsafe fn call_c_with_keywords(
    callable: *mut PyObject,
    args: *mut *mut PyObject,
    count: usize,
    kwnames: *mut PyObject,
) -> Option<*mut PyObject> {
    // SAFETY: see the contract; the flags say which type the function has.
    unsafe {
        let tp = Py_TYPE(callable);
        let (definition, receiver, args, count) = if tp == &raw mut PyCFunction_Type {
            let function = callable.cast::<PyCFunctionObject>();
            ((*function).m_ml, (*function).m_self, args, count)
        } else if tp == &raw mut PyMethodDescr_Type && count != 0 {
            let descriptor = callable.cast::<MethodDescriptor>();
            if Py_TYPE(args.read()) != (*descriptor).d_type {
                return None;
            }
            ((*descriptor).d_method, args.read(), args.add(1), count - 1)
        } else {
            return None;
        };
        if (*definition).ml_flags != FAST_WITH_KEYWORDS {
            return None;
        }
        let function = std::mem::transmute::<*const (), FastKeywords>((*definition).ml_meth.PyCFunction as *const ());
        Some(function(receiver, args, count as Py_ssize_t, kwnames))
    }
}
