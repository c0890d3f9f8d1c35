//! Proof, on the running interpreter, of the layouts that its public headers do not show.

use crate::api;
use crate::layout::*;
use pyo3_ffi::*;

const SOURCE: &std::ffi::CStr = c"
import sys
class Plain: pass
marker = object()
instance = Plain()
instance.first = marker
instance.second = None
other = Plain()
other.first = None
dictionary = other.__dict__
def function(argument, other):
    return sys._getframe()
frame = function(marker, None)
code = function.__code__
numbers = [5, -7, 0, 2**40]
sequence = [1, 2, 3]
list_iterator = iter(sequence)
next(list_iterator)
pair = (1, 2)
tuple_iterator = iter(pair)
next(tuple_iterator)
text = 'text'
text_iterator = iter(text)
next(text_iterator)
wide = 'l\\u00e4nger\\u03b1'
wide_iterator = iter(wide)
next(wide_iterator)
latin = 'l\\u00e4nger'
range_iterator = iter(range(10, 100, 7))
next(range_iterator)
large = 2**70
wrapper = large.__repr__
slot = int.__repr__
table = {f'name{number}': number for number in range(0, 60, 2)}
del table['name8']
samples = [(n, -n, str(n), ((n, 'a'), None, n << 40), True, n / 3) for n in range(-3, 400)]
samples += [*range(-3, 60), *(n << 40 for n in range(1, 30)), *map(str, range(50)), (), None]
";

static VERDICT: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();

/// Checks everything, before anything is hooked.
///
/// # Safety
/// The GIL is held.
pub unsafe fn initialize() {
    // SAFETY: see the contract.
    let verdict = unsafe { prove() };
    VERDICT.get_or_init(|| verdict);
}

/// What [`initialize`] found; the error is why nothing is compiled.
pub fn verdict() -> Result<(), String> {
    VERDICT
        .get()
        .cloned()
        .unwrap_or_else(|| Err("the interpreter's layouts were not checked".into()))
}

/// Checks everything; the error names what lies otherwise than expected, with no exception left set.
///
/// # Safety
/// The GIL is held.
unsafe fn prove() -> Result<(), String> {
    // SAFETY: reads of fields inside live objects; a wrong layout reads other memory of the same objects or of
    // objects that they refer to.
    unsafe {
        let namespace = PyDict_New();
        if namespace.is_null() {
            PyErr_Clear();
            return Err("no memory".into());
        }
        PyDict_SetItemString(namespace, c"__builtins__".as_ptr(), PyEval_GetBuiltins());
        let result = PyRun_String(SOURCE.as_ptr(), Py_file_input, namespace, namespace);
        let verdict = if result.is_null() {
            PyErr_Clear();
            Err("the probe program failed".to_owned())
        } else {
            Py_DECREF(result);
            check(namespace)
        };
        // The frame and the function refer to the namespace.
        PyDict_Clear(namespace);
        Py_DECREF(namespace);
        verdict
    }
}

unsafe fn check(namespace: *mut PyObject) -> Result<(), String> {
    let get = |name: &std::ffi::CStr| -> *mut PyObject {
        // SAFETY: a live dictionary and a string.
        unsafe { PyDict_GetItemString(namespace, name.as_ptr()) }
    };
    let ensure = |holds: bool, what: &str| {
        if holds {
            Ok(())
        } else {
            Err(format!("this interpreter lays out {what} otherwise"))
        }
    };
    // SAFETY: as for `prove`.
    unsafe {
        let tstate = api::PyThreadState_GetUnchecked().cast::<ThreadState>();
        ensure((*tstate).interp.cast() == PyInterpreterState_Get(), "thread states")?;
        ensure(
            (*tstate).id as i64 == PyThreadState_GetID(tstate.cast()),
            "thread states",
        )?;

        let marker = get(c"marker");
        let frame = get(c"frame").cast::<FrameObject>();
        let record = (*frame).f_frame;
        let data = (&raw mut (*frame).f_frame_data).cast::<Frame>();
        ensure(record == data, "frame objects")?;
        ensure((*record).f_executable == get(c"code"), "frame records")?;
        ensure((*record).f_funcobj == get(c"function"), "frame records")?;
        ensure((*record).f_globals == namespace, "frame records")?;
        ensure(Frame::slot(record, 0).read() == marker, "frame records")?;
        ensure(
            (*record).owner == FRAME_OWNED_BY_FRAME_OBJECT && (*record).stacktop == 2,
            "frame records",
        )?;

        let plain = get(c"Plain").cast::<PyTypeObject>();
        let instance = get(c"instance");
        ensure(PyType_GetFlags(plain) & TPFLAGS_INLINE_VALUES != 0, "instances")?;
        let keys = plain
            .cast::<u8>()
            .add(type_object::HT_CACHED_KEYS)
            .cast::<*mut DictKeys>()
            .read();
        ensure(
            !keys.is_null() && (*keys).dk_kind == DICT_KEYS_SPLIT && (*keys).dk_nentries == 2,
            "shared keys",
        )?;
        let basicsize = plain.cast::<u8>().add(type_object::TP_BASICSIZE).cast::<isize>().read();
        let values = instance.cast::<u8>().offset(basicsize).cast::<DictValues>();
        ensure(
            (*values).valid == 1 && (*values).embedded == 1 && (*values).size == 2,
            "inline attribute values",
        )?;
        let slots = (&raw mut (*values).values).cast::<*mut PyObject>();
        ensure(
            slots.read() == marker && slots.add(1).read() == Py_None(),
            "inline attribute values",
        )?;
        let order = slots.add((*values).capacity as usize).cast::<u8>();
        ensure(order.read() == 0 && order.add(1).read() == 1, "inline attribute values")?;
        let managed = |object: *mut PyObject| {
            object
                .cast::<u8>()
                .offset(MANAGED_DICT_OFFSET)
                .cast::<*mut PyObject>()
                .read()
        };
        ensure(
            managed(instance).is_null() && managed(get(c"other")) == get(c"dictionary"),
            "instance dictionaries",
        )?;
        let entry = keys
            .cast::<u8>()
            .add(size_of::<DictKeys>() + (1 << (*keys).dk_log2_index_bytes));
        let first = (*entry.cast::<DictUnicodeEntry>()).me_key;
        ensure(
            !first.is_null() && PyUnicode_CompareWithASCIIString(first, c"first".as_ptr()) == 0,
            "shared keys",
        )?;
        let table = get(c"table");
        for index in 0..60 {
            let name = PyUnicode_FromFormat(c"name%d".as_ptr(), index);
            let has = PyObject_Hash(name) != -1 && PyDict_Contains(table, name) == 1;
            let lacks = crate::attributes::certainly_lacks(table, name);
            Py_DECREF(name);
            ensure(has != lacks, "dictionaries")?;
        }
        ensure(crate::lookup::agrees(get(c"samples")), "dictionaries and sets")?;
        let tracked = |object: *mut PyObject| object.cast::<u8>().offset(GC_HEAD_NEXT).cast::<isize>().read() != 0;
        let tag = |table: *mut PyObject| (*table.cast::<DictObject>()).ma_version_tag;
        let (was_tracked, before) = (PyObject_GC_IsTracked(table) != 0, tag(table));
        ensure(
            tracked(table) == was_tracked && tracked(get(c"numbers")),
            "tracked objects",
        )?;
        let set = PyDict_SetItemString(table, c"name2".as_ptr(), get(c"numbers")) == 0;
        ensure(
            set && tracked(table) && PyObject_GC_IsTracked(table) != 0,
            "tracked objects",
        )?;
        let change = tag(table).wrapping_sub(before);
        ensure(
            change != 0 && change % DICT_VERSION_STEP == 0,
            "versions of dictionaries",
        )?;
        ensure(
            version_tag(plain) != 0 || api::PyUnstable_Type_AssignVersionTag(plain) == 1,
            "type versions",
        )?;

        let word = |object: *mut PyObject, offset: i32| object.cast::<u8>().add(offset as usize).cast::<isize>().read();
        let numbers = get(c"numbers");
        let tags = [(0, 8, 5), (1, 8 | 2, 7), (2, 1, 0)];
        for (index, tag, digit) in tags {
            let number = PyList_GetItem(numbers, index);
            let low = word(number, offset::LONG_DIGIT) as u32;
            ensure(word(number, offset::LONG_TAG) == tag && low == digit, "ints")?;
        }
        ensure(word(PyList_GetItem(numbers, 3), offset::LONG_TAG) >= 16, "ints")?;

        let iterators = [
            (c"list_iterator", c"sequence"),
            (c"tuple_iterator", c"pair"),
            (c"text_iterator", c"text"),
            (c"wide_iterator", c"wide"),
        ];
        for (iterator, sequence) in iterators {
            let iterator = get(iterator);
            ensure(word(iterator, offset::SEQITER_INDEX) == 1, "iterators")?;
            ensure(
                word(iterator, offset::SEQITER_SEQ) == get(sequence) as isize,
                "iterators",
            )?;
        }
        for (string, narrow, ascii) in [(c"text", true, true), (c"latin", true, false), (c"wide", false, false)] {
            let string = get(string);
            let state = word(string, offset::STR_STATE) as i64;
            ensure((state & offset::STR_SHAPE == offset::STR_NARROW) == narrow, "strings")?;
            ensure((state & offset::STR_ASCII != 0) == ascii, "strings")?;
        }
        let wrapper = get(c"wrapper").cast::<MethodWrapper>();
        ensure(
            (*wrapper).descr == get(c"slot") && (*wrapper).receiver == get(c"large"),
            "bound wrappers",
        )?;
        let range = get(c"range_iterator");
        let state = [offset::RANGEITER_START, offset::RANGEITER_STEP, offset::RANGEITER_LEN].map(|at| word(range, at));
        ensure(state == [17, 7, 12], "range iterators")?;
        Ok(())
    }
}
