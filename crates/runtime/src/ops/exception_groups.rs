//! What is to be raised after the clauses of `try`/`except*`.

use super::exceptions::{is_group, new_group};
use super::reference::{Owned, PyResult, check, interned, to_object};
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ptr;

/// An exception group as the public headers show it.
#[repr(C)]
struct ExceptionGroupObject {
    base: PyBaseExceptionObject,
    message: *mut PyObject,
    exceptions: *mut PyObject,
}

/// The predicate with which a group is reduced to some of its leaves: whether an exception's address is in the set that
/// the function object carries.
unsafe extern "C" fn is_kept_leaf(kept: *mut PyObject, exception: *mut PyObject) -> *mut PyObject {
    // SAFETY: called by the interpreter with the set of [`project`] and a live object.
    unsafe {
        if is_group(exception) {
            return Py_False();
        }
        let contained = identity(exception).and_then(|id| check(PySet_Contains(kept, id.as_ptr())));
        contained.map_or(ptr::null_mut(), |contained| PyBool_FromLong(contained.into()))
    }
}

static mut IS_KEPT_LEAF: PyMethodDef = PyMethodDef {
    ml_name: c"is_kept_leaf".as_ptr(),
    ml_meth: PyMethodDefPointer {
        PyCFunction: is_kept_leaf,
    },
    ml_flags: METH_O,
    ml_doc: ptr::null(),
};

/// An exception's address as an int.
///
/// # Safety
/// The GIL is held.
unsafe fn identity(exception: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: makes an int of an address.
    unsafe { Owned::from_result(PyLong_FromVoidPtr(exception.cast())) }
}

/// Adds the addresses of all leaves of `exception` (an exception, a group or None) to a set.
///
/// # Safety
/// The GIL is held, the objects are live.
unsafe fn collect_leaves(exception: *mut PyObject, leaves: &Owned) -> PyResult<()> {
    // SAFETY: see above; a group's `exceptions` is a tuple for as long as the group lives.
    unsafe {
        if Py_IsNone(exception) != 0 {
            return Ok(());
        }
        if !is_group(exception) {
            check(PySet_Add(leaves.as_ptr(), identity(exception)?.as_ptr()))?;
            return Ok(());
        }
        let members = (*exception.cast::<ExceptionGroupObject>()).exceptions;
        for i in 0..PyTuple_GET_SIZE(members) {
            check(Py_EnterRecursiveCall(c" in collect_exception_group_leaf_ids".as_ptr()))?;
            let result = collect_leaves(PyTuple_GET_ITEM(members, i), leaves);
            Py_LeaveRecursiveCall();
            result?;
        }
        Ok(())
    }
}

/// The group reduced to the leaves that occur in the groups of the list `keep`, with its structure and metadata; None
/// where nothing is left.
///
/// # Safety
/// The GIL is held, `group` is a group, `keep` is a list of groups.
unsafe fn project(group: *mut PyObject, keep: &Owned) -> PyResult<Owned> {
    // SAFETY: see above.
    unsafe {
        let leaves = Owned::from_result(PySet_New(ptr::null_mut()))?;
        for i in 0..PyList_GET_SIZE(keep.as_ptr()) {
            collect_leaves(PyList_GET_ITEM(keep.as_ptr(), i), &leaves)?;
        }
        let predicate = PyCFunction_NewEx(&raw mut IS_KEPT_LEAF, leaves.as_ptr(), ptr::null_mut());
        let predicate = Owned::from_result(predicate)?;
        // The base class's own method, whatever the group's class makes of it.
        let subgroup = Owned::from_result(PyObject_GetAttr(PyExc_BaseExceptionGroup, interned!(c"subgroup")))?;
        let arguments = [group, predicate.as_ptr()];
        Owned::from_result(PyObject_Vectorcall(
            subgroup.as_ptr(),
            arguments.as_ptr(),
            2,
            ptr::null_mut(),
        ))
    }
}

/// Whether `exception` was raised again rather than raised: what an exception collects on its way is that of
/// `original`.
///
/// # Safety
/// Both are exceptions.
unsafe fn same_metadata(exception: *mut PyObject, original: *mut PyObject) -> bool {
    // SAFETY: all exceptions begin with these fields.
    unsafe {
        let (a, b) = (
            exception.cast::<PyBaseExceptionObject>(),
            original.cast::<PyBaseExceptionObject>(),
        );
        (*a).notes == (*b).notes
            && (*a).traceback == (*b).traceback
            && (*a).cause == (*b).cause
            && (*a).context == (*b).context
    }
}

/// What to raise of `exceptions`, the list of what the clauses raised and left of `original`, or None.
///
/// # Safety
/// The GIL is held, the objects are live and held by the caller.
unsafe fn exception_to_raise(original: *mut PyObject, exceptions: *mut PyObject) -> PyResult<Owned> {
    // SAFETY: see above.
    unsafe {
        let count = PyList_GET_SIZE(exceptions);
        if count == 0 {
            return Ok(Owned::new_ref(Py_None()));
        }
        if !is_group(original) {
            // One clause at most has run for a single exception that was wrapped.
            return Ok(Owned::new_ref(PyList_GET_ITEM(exceptions, 0)));
        }
        let raised = Owned::from_result(PyList_New(0))?;
        let reraised = Owned::from_result(PyList_New(0))?;
        for i in 0..count {
            let exception = PyList_GET_ITEM(exceptions, i);
            if Py_IsNone(exception) == 0 {
                let list = if same_metadata(exception, original) {
                    &reraised
                } else {
                    &raised
                };
                check(PyList_Append(list.as_ptr(), exception))?;
            }
        }
        let rest = project(original, &reraised)?;
        if PyList_GET_SIZE(raised.as_ptr()) == 0 {
            return Ok(rest);
        }
        if Py_IsNone(rest.as_ptr()) == 0 {
            check(PyList_Append(raised.as_ptr(), rest.as_ptr()))?;
        }
        if PyList_GET_SIZE(raised.as_ptr()) > 1 {
            new_group(raised.as_ptr())
        } else {
            Ok(Owned::new_ref(PyList_GET_ITEM(raised.as_ptr(), 0)))
        }
    }
}

runtime_fns! {
    /// The intrinsic behind the end of `try`/`except*`: of the list of what the clauses raised and left, what is to be
    /// raised, or None.
    PREP_RERAISE_STAR = fn prep_reraise_star(original: *mut PyObject, exceptions: *mut PyObject) -> *mut PyObject {
        let _held = (Owned::new_ref(original), Owned::new_ref(exceptions));
        to_object(exception_to_raise(original, exceptions))
    }
}
