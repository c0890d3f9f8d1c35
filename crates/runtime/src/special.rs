//! Operators and subscripts of classes that define them in Python: which function an instruction ends in, so that
//! compiled code can enter it directly.

use crate::api;
use crate::fast::{set_subscr, subscr};
use crate::layout::version_tag;
use crate::numbers::binary;
use crate::ops::numbers::binary_op;
use crate::ops::reference::{PyResult, Raised};
use crate::runtime_fns;
use crate::site::CallSite;
use crate::thread::Thread;
use crate::types::class_attribute;
use pyo3_ffi::*;
use std::ptr::{null, null_mut};

/// The binary operators by their numbers (`NB_*`): special method and sign. Powers take a third operand, and matrices
/// have no fast way.
const OPERATORS: [Option<(&std::ffi::CStr, &std::ffi::CStr)>; 13] = [
    Some((c"__add__", c"+")),
    Some((c"__and__", c"&")),
    Some((c"__floordiv__", c"//")),
    Some((c"__lshift__", c"<<")),
    None,
    Some((c"__mul__", c"*")),
    Some((c"__mod__", c"%")),
    Some((c"__or__", c"|")),
    None,
    Some((c"__rshift__", c">>")),
    Some((c"__sub__", c"-")),
    Some((c"__truediv__", c"/")),
    Some((c"__xor__", c"^")),
];

const SOURCE: &std::ffi::CStr = c"
def method(*arguments): pass
names = ('add', 'and', 'floordiv', 'lshift', 'mul', 'mod', 'or', 'rshift', 'sub', 'truediv', 'xor', 'getitem', 'setitem',
         'eq', 'neg', 'len', 'call')
Probe = type('Probe', (), {f'__{name}__': method for name in names})
";

/// What the slots of classes with special methods in Python hold.
struct Slots {
    binary: [*const (); 13],
    subscript: *const (),
    set_subscript: *const (),
    names: [*mut PyObject; 13],
    getitem: *mut PyObject,
    setitem: *mut PyObject,
    compare: *const (),
    /// By `Py_LT` and the like.
    comparisons: [*mut PyObject; 6],
    negative: *const (),
    length: *const (),
    call: *const (),
    neg: *mut PyObject,
    len: *mut PyObject,
    call_name: *mut PyObject,
}

static mut SLOTS: Slots = Slots {
    binary: [null(); 13],
    subscript: null(),
    set_subscript: null(),
    names: [null_mut(); 13],
    getitem: null_mut(),
    setitem: null_mut(),
    compare: null(),
    comparisons: [null_mut(); 6],
    negative: null(),
    length: null(),
    call: null(),
    neg: null_mut(),
    len: null_mut(),
    call_name: null_mut(),
};

fn address<F: Copy>(slot: Option<F>) -> *const () {
    assert!(size_of::<Option<F>>() == size_of::<*const ()>());
    // SAFETY: a function pointer, or NULL for none.
    unsafe { std::mem::transmute_copy(&slot) }
}

/// The slot of a binary operator, of its in-place form too.
unsafe fn binary_slot(methods: *mut PyNumberMethods, op: usize) -> *const () {
    if methods.is_null() {
        return null();
    }
    // SAFETY: a type's number methods.
    let m = unsafe { &*methods };
    match op {
        0 => address(m.nb_add),
        1 => address(m.nb_and),
        2 => address(m.nb_floor_divide),
        3 => address(m.nb_lshift),
        5 => address(m.nb_multiply),
        6 => address(m.nb_remainder),
        7 => address(m.nb_or),
        9 => address(m.nb_rshift),
        10 => address(m.nb_subtract),
        11 => address(m.nb_true_divide),
        12 => address(m.nb_xor),
        13 => address(m.nb_inplace_add),
        14 => address(m.nb_inplace_and),
        15 => address(m.nb_inplace_floor_divide),
        16 => address(m.nb_inplace_lshift),
        18 => address(m.nb_inplace_multiply),
        19 => address(m.nb_inplace_remainder),
        20 => address(m.nb_inplace_or),
        22 => address(m.nb_inplace_rshift),
        23 => address(m.nb_inplace_subtract),
        24 => address(m.nb_inplace_true_divide),
        25 => address(m.nb_inplace_xor),
        _ => null(),
    }
}

/// Finds the slots' functions.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize() -> PyResult<()> {
    // SAFETY: ordinary uses of the C API; the names are kept for ever.
    unsafe {
        let namespace = PyDict_New();
        if namespace.is_null() {
            return Err(Raised);
        }
        let result = PyRun_String(SOURCE.as_ptr(), Py_file_input, namespace, namespace);
        if result.is_null() {
            return Err(Raised);
        }
        Py_DECREF(result);
        let probe = PyDict_GetItemString(namespace, c"Probe".as_ptr()).cast::<PyTypeObject>();
        let slots = &raw mut SLOTS;
        for (op, operator) in OPERATORS.iter().enumerate() {
            if let Some((name, _)) = operator {
                (*slots).binary[op] = binary_slot((*probe).tp_as_number, op);
                (*slots).names[op] = PyUnicode_InternFromString(name.as_ptr());
            }
        }
        (*slots).subscript = address((*(*probe).tp_as_mapping).mp_subscript);
        (*slots).set_subscript = address((*(*probe).tp_as_mapping).mp_ass_subscript);
        (*slots).getitem = PyUnicode_InternFromString(c"__getitem__".as_ptr());
        (*slots).setitem = PyUnicode_InternFromString(c"__setitem__".as_ptr());
        (*slots).compare = address((*probe).tp_richcompare);
        let comparisons = [c"__lt__", c"__le__", c"__eq__", c"__ne__", c"__gt__", c"__ge__"];
        (*slots).comparisons = comparisons.map(|name| PyUnicode_InternFromString(name.as_ptr()));
        (*slots).negative = address((*(*probe).tp_as_number).nb_negative);
        (*slots).length = address((*(*probe).tp_as_sequence).sq_length);
        (*slots).call = address((*probe).tp_call);
        (*slots).neg = PyUnicode_InternFromString(c"__neg__".as_ptr());
        (*slots).len = PyUnicode_InternFromString(c"__len__".as_ptr());
        (*slots).call_name = PyUnicode_InternFromString(c"__call__".as_ptr());
        // The function refers to the namespace.
        PyDict_Clear(namespace);
        Py_DECREF(namespace);
        Ok(())
    }
}

/// The Python function that a type has as a special method, or NULL; and the type gets a version tag.
unsafe fn method(tp: *mut PyTypeObject, name: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe {
        let found = class_attribute(tp, name);
        if found.is_null()
            || Py_TYPE(found) != &raw mut PyFunction_Type
            || api::PyUnstable_Type_AssignVersionTag(tp) == 0
        {
            null_mut()
        } else {
            found
        }
    }
}

/// Whether a type's operators leave those of other types alone: what is no number to them is `NotImplemented`, and they
/// are no sequences.
fn is_plain_number(tp: *mut PyTypeObject) -> bool {
    [&raw mut PyLong_Type, &raw mut PyFloat_Type, &raw mut PyBool_Type].contains(&tp)
}

/// The Python function that alone decides what a binary operator gives for operands of these types; NULL where others
/// have a say.
///
/// # Safety
/// The GIL is held; live types.
pub unsafe fn binary_method(op: usize, left: *mut PyTypeObject, right: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: live types; written once, at import.
    unsafe {
        let plain = op % 13;
        let slot = SLOTS.binary[plain];
        if slot.is_null() || binary_slot((*left).tp_as_number, plain) != slot {
            return null_mut();
        }
        if op >= 13 && !binary_slot((*left).tp_as_number, op).is_null() {
            return null_mut();
        }
        // The other operand's class may have the reflected method, and a sequence has ways of its own; to a number a
        // subclass of a number's type is one.
        let is_number = || [&raw mut PyLong_Type, &raw mut PyFloat_Type].map(|ty| PyType_IsSubtype(left, ty)) != [0, 0];
        if left != right && (!is_plain_number(right) || is_number()) {
            return null_mut();
        }
        let sequence = (*left).tp_as_sequence;
        if !sequence.is_null()
            && ((*sequence).sq_concat.is_some()
                || (*sequence).sq_repeat.is_some()
                || (*sequence).sq_inplace_concat.is_some()
                || (*sequence).sq_inplace_repeat.is_some())
        {
            return null_mut();
        }
        method(left, SLOTS.names[plain])
    }
}

/// What a comparison (the argument of `COMPARE_OP`) gives, when the left operand's method has given `result` (taken over, or
/// NULL) and the right operand's class is not a subclass of the left one's (`do_richcompare`, `Objects/object.c`).
///
/// # Safety
/// The GIL is held; live operands.
pub(crate) unsafe fn compared(
    op: i32,
    left: *mut PyObject,
    right: *mut PyObject,
    result: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        let mut result = result;
        let which = op >> 5;
        if result == Py_NotImplemented() {
            Py_DECREF(result);
            let swapped = [Py_GT, Py_GE, Py_EQ, Py_NE, Py_LT, Py_LE][which as usize];
            result = match (*Py_TYPE(right)).tp_richcompare {
                Some(compare) => compare(right, left, swapped),
                None => Py_NewRef(Py_NotImplemented()),
            };
        }
        if result == Py_NotImplemented() {
            Py_DECREF(result);
            result = match which == Py_EQ || which == Py_NE {
                true => PyBool_FromLong(((left == right) == (which == Py_EQ)).into()),
                false => {
                    let sign = [c"<", c"<=", c"==", c"!=", c">", c">="][which as usize];
                    let format = c"'%s' not supported between instances of '%.100s' and '%.100s'";
                    let (left, right) = ((*Py_TYPE(left)).tp_name, (*Py_TYPE(right)).tp_name);
                    PyErr_Format(PyExc_TypeError, format.as_ptr(), sign.as_ptr(), left, right);
                    null_mut()
                }
            };
        }
        if result.is_null() || op & 16 == 0 {
            return result;
        }
        let truth = PyObject_IsTrue(result);
        Py_DECREF(result);
        if truth < 0 {
            null_mut()
        } else {
            PyBool_FromLong(truth.into())
        }
    }
}

/// What `len` gives when `__len__` has given `result` (taken over, or NULL).
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn length_of_result(result: *mut PyObject) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        if result.is_null() {
            return null_mut();
        }
        let number = PyNumber_Index(result);
        Py_DECREF(result);
        if number.is_null() {
            return null_mut();
        }
        let zero = PyLong_FromLong(0);
        let negative = PyObject_RichCompareBool(number, zero, Py_LT);
        Py_DECREF(zero);
        let length = if negative > 0 {
            PyErr_SetString(PyExc_ValueError, c"__len__() should return >= 0".as_ptr());
            -1
        } else {
            PyNumber_AsSsize_t(number, PyExc_OverflowError)
        };
        Py_DECREF(number);
        if length < 0 {
            null_mut()
        } else {
            PyLong_FromSsize_t(length)
        }
    }
}

/// The Python function that alone decides what a comparison (`Py_LT` and the like) of two instances of this class gives, unless
/// it gives `NotImplemented`; NULL where there is none.
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn comparison_method(which: i32, ty: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: see the contract; written once, at import.
    unsafe {
        if address((*ty).tp_richcompare) != SLOTS.compare {
            return null_mut();
        }
        method(ty, SLOTS.comparisons[which as usize])
    }
}

/// Whether all objects of a type are true (`PyObject_IsTrue`): it has neither `__bool__` nor `__len__`.
///
/// # Safety
/// A live type.
pub unsafe fn is_always_true(ty: *mut PyTypeObject) -> bool {
    // SAFETY: a type's tables of methods, where it has any.
    unsafe {
        let (number, mapping, sequence) = ((*ty).tp_as_number, (*ty).tp_as_mapping, (*ty).tp_as_sequence);
        (number.is_null() || (*number).nb_bool.is_none())
            && (mapping.is_null() || (*mapping).mp_length.is_none())
            && (sequence.is_null() || (*sequence).sq_length.is_none())
    }
}

/// Whether `==` and `!=` of a type's objects are those of `object`, which leave it to the other operand, and in the end to
/// identity.
///
/// # Safety
/// A live type.
pub unsafe fn compares_by_identity(ty: *mut PyTypeObject) -> bool {
    // SAFETY: see the contract.
    unsafe { address((*ty).tp_richcompare) == address(PyBaseObject_Type.tp_richcompare) }
}

/// Whether a type's `__getitem__` is that of `list`. (The slot does not tell: since `list` has it as a method as well, subclasses
/// have the slot that looks it up.)
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn is_subscripted_as_list(ty: *mut PyTypeObject) -> bool {
    // SAFETY: see the contract; written once, at import.
    unsafe {
        let own = class_attribute(&raw mut PyList_Type, SLOTS.getitem);
        !own.is_null() && class_attribute(ty, SLOTS.getitem) == own
    }
}

/// The Python function that decides what `container[key]` gives, or NULL.
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn subscript_method(ty: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: see the contract; written once, at import.
    unsafe {
        let mapping = (*ty).tp_as_mapping;
        if mapping.is_null() || address((*mapping).mp_subscript) != SLOTS.subscript {
            return null_mut();
        }
        method(ty, SLOTS.getitem)
    }
}

/// The Python function that does `container[key] = value`, or NULL.
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn set_subscript_method(ty: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: see the contract; written once, at import.
    unsafe {
        let mapping = (*ty).tp_as_mapping;
        if mapping.is_null() || address((*mapping).mp_ass_subscript) != SLOTS.set_subscript {
            return null_mut();
        }
        method(ty, SLOTS.setitem)
    }
}

/// Special methods with one operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unary {
    Negative,
    Length,
    Call,
}

/// The Python function that decides what the special method gives, or NULL.
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn unary_method(which: Unary, ty: *mut PyTypeObject) -> *mut PyObject {
    // SAFETY: see the contract; written once, at import.
    unsafe {
        let (number, sequence) = ((*ty).tp_as_number, (*ty).tp_as_sequence);
        let (slot, wanted, name) = match which {
            Unary::Negative if !number.is_null() => (address((*number).nb_negative), SLOTS.negative, SLOTS.neg),
            Unary::Length if !sequence.is_null() => (address((*sequence).sq_length), SLOTS.length, SLOTS.len),
            Unary::Call => (address((*ty).tp_call), SLOTS.call, SLOTS.call_name),
            _ => return null_mut(),
        };
        if slot != wanted { null_mut() } else { method(ty, name) }
    }
}

runtime_fns! {
    /// `BINARY_OP` (operands borrowed) at a site that enters special methods: the general way, which makes the site know
    /// the method if it can.
    BINARY_SPECIAL = fn binary_special(thread: *mut Thread, site: *mut CallSite, op: i32, left: *mut PyObject, right: *mut PyObject) -> *mut PyObject {
        let (left_type, right_type) = (Py_TYPE(left), Py_TYPE(right));
        if (*site).takes_lesson() {
            let function = binary_method(op as usize, left_type, right_type);
            if !function.is_null() && api::PyUnstable_Type_AssignVersionTag(right_type) != 0 {
                (*site).remember_special(thread, function, 2, version_tag(left_type), version_tag(right_type));
            }
        }
        if is_plain_number(left_type) && is_plain_number(right_type) {
            return binary(op, left, right, (*site).feedback);
        }
        binary_op(op, left, right)
    }

    /// `BINARY_SUBSCR` (borrowed) at such a site.
    SUBSCR_SPECIAL = fn subscr_special(thread: *mut Thread, site: *mut CallSite, container: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
        if (*site).takes_lesson() {
            let tp = Py_TYPE(container);
            let mapping = (*tp).tp_as_mapping;
            if !mapping.is_null() && address((*mapping).mp_subscript) == SLOTS.subscript {
                let function = method(tp, SLOTS.getitem);
                if !function.is_null() {
                    (*site).remember_special(thread, function, 2, version_tag(tp), 0);
                }
            }
        }
        subscr(container, key, (*site).feedback)
    }

    /// `STORE_SUBSCR` (borrowed) at such a site.
    SET_SUBSCR_SPECIAL = fn set_subscr_special(thread: *mut Thread, site: *mut CallSite, container: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> i32 {
        if (*site).takes_lesson() {
            let tp = Py_TYPE(container);
            let mapping = (*tp).tp_as_mapping;
            if !mapping.is_null() && address((*mapping).mp_ass_subscript) == SLOTS.set_subscript {
                let function = method(tp, SLOTS.setitem);
                if !function.is_null() {
                    (*site).remember_special(thread, function, 3, version_tag(tp), 0);
                }
            }
        }
        set_subscr(container, key, value, (*site).feedback)
    }

    /// A binary operator's method gave `NotImplemented`, and nobody else has a say: TypeError. The names are those of
    /// the operands' types (borrowed).
    UNSUPPORTED = fn unsupported(op: i32, left: *mut PyTypeObject, right: *mut PyTypeObject) {
        let sign = OPERATORS[op as usize % 13].map_or(c"?", |(_, sign)| sign);
        let format = if op >= 13 {
            c"unsupported operand type(s) for %s=: '%.100s' and '%.100s'"
        } else {
            c"unsupported operand type(s) for %s: '%.100s' and '%.100s'"
        };
        PyErr_Format(PyExc_TypeError, format.as_ptr(), sign.as_ptr(), (*left).tp_name, (*right).tp_name);
    }
}
