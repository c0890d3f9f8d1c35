//! Operations on objects, in a real interpreter.

mod common;

use common::interpreter::Gil;
use common::*;
use justjit_ir::State;
use pyo3_ffi::*;
use std::ffi::c_int;

fn symbols() -> Symbols {
    let types = [
        ("int", &raw const PyLong_Type),
        ("float", &raw const PyFloat_Type),
        ("bool", &raw const PyBool_Type),
    ];
    Symbols {
        addresses: types.map(|(name, ty)| (name, ty.cast())).into(),
        ..Symbols::default()
    }
}

/// A program that does one thing with the object that is its input.
fn program(lines: &str) -> String {
    format!(
        "function test\n@f = code\n@int = object immortal\n@float = object immortal\n@bool = object immortal\n\
         b0(v0: pointer, v1: pointer, v2: int):\n    v3: object = load.object.i64.data+128 v0\n{lines}    \
         v20: object = null\n    return v20\n\ns0 = resume overflow [@f 0 locals(borrowed v3) stack()]\n\
         s1 = resume type [@f 0 locals(frame) stack()]\n"
    )
}

/// The result of each code generator.
fn each(lines: &str, gil: &Gil, object: *mut PyObject, check: impl Fn(&str, End, u64)) {
    for program in programs(&mut engines(), &program(lines), &symbols()) {
        let mut memory = Memory::new(&[object as u64]);
        let end = program.run_on(&mut memory, gil.thread(), 0);
        check(&program.engine, end, memory.words[OUTPUT]);
    }
}

fn count(object: *mut PyObject) -> isize {
    // SAFETY: the tests' objects are live.
    unsafe { Py_REFCNT(object) }
}

fn text(object: *mut PyObject) -> String {
    // SAFETY: a live object of a type that prints in ASCII.
    unsafe {
        let text = PyObject_Repr(object);
        let mut size = 0;
        let bytes = PyUnicode_AsUTF8AndSize(text, &raw mut size);
        let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), size as usize);
        let owned = String::from_utf8(bytes.into()).unwrap();
        Py_DECREF(text);
        owned
    }
}

#[test]
fn ints_are_unboxed_if_they_fit() {
    let gil = Gil::take();
    let lines = "    v4: int = unbox_int v3 ! s0\n    store.int.i64.data+384 v0, v4\n";
    let values: [i128; 20] = [
        0,
        1,
        -1,
        256,
        257,
        -6,
        (1 << 30) - 1,
        1 << 30,
        -(1 << 30) + 1,
        -(1 << 30),
        (1 << 60) - 1,
        1 << 60,
        -(1 << 60),
        (1 << 62) + 12345,
        i64::MAX.into(),
        i64::MIN.into(),
        i64::MAX as i128 + 1,
        i64::MIN as i128 - 1,
        1 << 90,
        -(1 << 90),
    ];
    for value in values {
        let object = gil.eval("", &value.to_string());
        each(lines, &gil, object, |engine, end, got| match i64::try_from(value) {
            Ok(value) => assert_eq!((end, got as i64), (End::Returned(0), value), "{value}: {engine}"),
            Err(_) => assert_eq!(end, End::Left(State(0), vec![object as u64]), "{value}: {engine}"),
        });
    }
}

#[test]
fn ints_are_boxed() {
    let _gil = Gil::take();
    let lines =
        "    v4: int = load.int.i64.data+128 v0\n    v5: object = box_int v4\n    store.object.i64.data+384 v0, v5\n";
    let mut values: Vec<i64> = INTS.into();
    values.extend([
        -5,
        -6,
        256,
        257,
        1 << 30,
        -(1 << 30),
        (1 << 30) - 1,
        1 << 60,
        (1 << 60) - 1,
        -(1 << 60),
    ]);
    for value in values {
        for program in programs(&mut engines(), &program(lines), &symbols()) {
            let object = program.run(&[value as u64]).unwrap() as *mut PyObject;
            assert_eq!(text(object), value.to_string(), "{}", program.engine);
            // SAFETY: a live object; small ints are one.
            unsafe {
                assert_eq!(PyLong_CheckExact(object), 1);
                let other = PyLong_FromLongLong(value);
                assert_eq!(
                    other == object,
                    (-5..=256).contains(&value),
                    "{value}: {}",
                    program.engine
                );
                Py_DECREF(object);
            }
        }
    }
}

#[test]
fn floats_go_both_ways() {
    let gil = Gil::take();
    let lines = "    v4: float = load.float.f64.data+128 v0\n    v5: object = box_float v4\n    v6: float = unbox_float v5\n    \
                 v7: bool = has_type @float v5\n    guard v7 ! s1\n    decref_number v5\n    store.float.f64.data+384 v0, v6\n";
    for value in FLOATS {
        for program in programs(&mut engines(), &program(lines), &symbols()) {
            let mut memory = Memory::new(&[value.to_bits()]);
            assert_eq!(program.run_on(&mut memory, gil.thread(), 0), End::Returned(0));
            assert_eq!(memory.words[OUTPUT], value.to_bits(), "{value}: {}", program.engine);
        }
    }
}

#[test]
fn types_are_exact() {
    let gil = Gil::take();
    let cases = [
        ("5", "int"),
        ("2.5", "float"),
        ("True", "bool"),
        ("type('Int', (int,), {})(7)", ""),
        ("None", ""),
    ];
    for (expression, ty) in cases {
        let object = gil.eval("", expression);
        for name in ["int", "float", "bool"] {
            let lines = format!("    v4: bool = has_type @{name} v3\n    store.bool.u64.data+384 v0, v4\n");
            each(&lines, &gil, object, |engine, _, got| {
                assert_eq!(got, u64::from(name == ty), "{expression} {name}: {engine}");
            });
        }
    }
}

#[test]
fn identity_null_and_bools() {
    let gil = Gil::take();
    let object = gil.eval("", "[1]");
    let lines = "    v4: object = null\n    v5: bool = same v3, v3\n    v6: bool = same v3, v4\n    v7: bool = is_null v3\n    \
                 v8: bool = is_null v4\n    v9: int = bool_to_int v5\n    v10: int = bool_to_int v6\n    v11: int = bool_to_int v7\n    \
                 v12: int = bool_to_int v8\n    v13: int = int 2\n    v14: int = int_mul v9, v13\n    v15: int = int_add v14, v10\n    \
                 v16: int = int_mul v15, v13\n    v17: int = int_add v16, v11\n    v18: int = int_mul v17, v13\n    \
                 v19: int = int_add v18, v12\n    store.int.i64.data+384 v0, v19\n";
    each(lines, &gil, object, |engine, _, got| {
        assert_eq!(got, 0b1001, "{engine}")
    });
    let lines = "    v4: bool = same v3, v3\n    v5: object = box_bool v4\n    store.object.i64.data+384 v0, v5\n";
    // SAFETY: statics' addresses.
    let (yes, no) = unsafe { (Py_True() as u64, Py_False() as u64) };
    each(lines, &gil, object, |engine, _, got| assert_eq!(got, yes, "{engine}"));
    let lines = "    v4: bool = is_null v3\n    v5: object = box_bool v4\n    store.object.i64.data+384 v0, v5\n";
    each(lines, &gil, object, |engine, _, got| assert_eq!(got, no, "{engine}"));
}

#[test]
fn references_are_counted() {
    let gil = Gil::take();
    for (expression, immortal) in [
        ("[1]", false),
        ("None", true),
        ("5", true),
        ("(2**70,)", false),
        ("2.5e10", false),
    ] {
        let object = gil.eval("", expression);
        let before = count(object);
        let kept = |engine: &str, change: isize| {
            let wanted = if immortal { before } else { before + change };
            assert_eq!(count(object), wanted, "{expression}: {engine}");
        };
        let changed = std::cell::Cell::new(0);
        each("    incref v3\n    incref v3\n", &gil, object, |engine, end, _| {
            assert_eq!(end, End::Returned(0));
            changed.set(changed.get() + 2);
            kept(engine, changed.get());
        });
        each(
            "    decref v3 ! s1\n    decref_number v3\n",
            &gil,
            object,
            |engine, end, _| {
                assert_eq!(end, End::Returned(0));
                changed.set(changed.get() - 2);
                kept(engine, changed.get());
            },
        );
        assert_eq!(changed.get(), 0);
    }
}

#[test]
fn what_runs_no_python_code_ends_here_and_the_rest_leaves() {
    let gil = Gil::take();
    let classes = "
import sys
import weakref
class Plain:
    def __init__(self, *values): self.first, self.rest = 1, values
class Slots:
    __slots__ = ('value',)
    def __init__(self, value): self.value = value
class Finalized:
    def __del__(self): pass
class Below(Plain):
    pass
class OfList(list):
    pass
class OfSlottedList(list):
    __slots__ = ('value',)
class OfFinalizedList(list):
    def __del__(self): pass
class OfDict(dict): pass
class OfTuple(tuple): pass
class OfSet(set): pass
def having(x, value):
    x.value = value
    return x
def pair(x): return [x, x]
def generate(): yield Finalized()
def finished():
    g = (x for x in (1, 2))
    list(g)
    return g
def suspended():
    g = (x for x in (1, 2))
    next(g)
    return g
def closure(x):
    def f(): return x
    return f.__closure__[0]
refs = sys.references_kept_by_this_test = []
def observed(x):
    refs.append(weakref.ref(x))
    return x
def deep(count):
    x = []
    for _ in range(count): x = [x]
    return x
";
    let quiet = [
        "2**80",
        "1.5e9",
        "'a' * 5000",
        "b'x' * 5000",
        "2.5j * 3",
        "(1, 'x', 2.5e8)",
        "[2**70, [2**71], {2: [3], 'k': (2**72,)}]",
        "{2**70, 'x'}",
        "frozenset([2**70])",
        "Plain()",
        "Below(Plain(), [Plain()], Slots(2**70))",
        "Slots([])",
        "type('New', (), {})()",
        "pair([])",
        "pair(pair(Plain()))",
        "iter(range(2**40, 2**41))",
        "iter([2**70])",
        "iter((2**70,))",
        "enumerate([2**70])",
        "zip([2**70], (1,))",
        "[].append",
        "Plain([]).__init__",
        "slice([], 2**70, None)",
        "closure([2**70])",
        "finished()",
        "deep(20)",
        "[0.5 * x for x in range(10000)]",
        "map(str, [])",
        "filter(None, [2**70])",
        "iter({2**70})",
        "iter({2**70: 1})",
        "iter({'a': [2**70]}.items())",
        "{'a': [2**70]}.values()",
        "reversed([2**70])",
        "reversed((2**70,))",
        "iter('\\u3b1b')",
        "OfList()",
        "OfList([2**70, OfList([[]]), OfTuple((OfDict(a=[]), OfSet([2**70])))])",
        "having(OfList([1]), [OfList([2**70])])",
        "having(OfSlottedList([1]), [2**70])",
        "type('New', (list,), {})([2**70])",
    ];
    let noticed = [
        "Finalized()",
        "[Finalized()]",
        "pair(Finalized())",
        "Plain(Finalized())",
        "Slots(Finalized())",
        "{'a': {'b': (Finalized(),)}}",
        "{Finalized()}",
        "slice(Finalized())",
        "Plain(Finalized()).__init__",
        "iter([Finalized()])",
        "enumerate([Finalized()])",
        "closure(Finalized())",
        "observed(Plain())",
        "[observed(Plain())]",
        "OfList([Finalized()])",
        "OfList([OfList([Finalized()])])",
        "having(OfList(), Finalized())",
        "having(OfSlottedList(), Finalized())",
        "having(OfList(), observed(OfList()))",
        "observed(OfList())",
        "OfFinalizedList()",
        "OfDict(a=Finalized())",
        "OfTuple([Finalized()])",
        "OfSet([Finalized()])",
        "suspended()",
        "generate()",
        "object()",
        "[both, (both, both)]",
        "closure",
        "type('New', (), {})",
        "deep(100)",
        "map(str, [Finalized()])",
        "iter({Finalized()})",
        "{'a': Finalized()}.values()",
        "reversed([Finalized()])",
        "weakref.ref(Plain)",
    ];
    for (expressions, ends) in [(&quiet[..], true), (&noticed[..], false)] {
        for expression in expressions {
            let lines = "    decref v3 ! s1\n";
            for program in programs(&mut engines(), &program(lines), &symbols()) {
                let statements = format!("{classes}\nboth = Finalized()");
                let object = gil.eval(&statements, expression);
                let before = count(object);
                assert!(before == 1 || !ends, "{expression}");
                let mut memory = Memory::new(&[object as u64]);
                // SAFETY: a live object; what others have of it is given back below.
                unsafe { object.cast::<isize>().write(1) };
                let end = program.run_on(&mut memory, gil.thread(), 0);
                let wanted = if ends {
                    End::Returned(0)
                } else {
                    End::Left(State(1), vec![object as u64])
                };
                assert_eq!(end, wanted, "{expression}: {}", program.engine);
                if !ends {
                    assert_eq!(
                        count(object),
                        1,
                        "{expression}: its last reference is the deoptimizer's"
                    );
                    // SAFETY: as it was before.
                    unsafe {
                        object.cast::<isize>().write(before);
                        Py_DECREF(object);
                    }
                }
            }
        }
    }
}

#[test]
fn numbers_end_whatever_they_are_in() {
    let gil = Gil::take();
    for expression in ["2**80", "2.5e10", "'x' * 3000", "iter(range(5))"] {
        each_fresh("    decref_number v3\n", &gil, expression, |engine, end| {
            assert_eq!(end, End::Returned(0), "{expression}: {engine}");
        });
    }
}

/// As `each`, with an object of its own for each code generator.
fn each_fresh(lines: &str, gil: &Gil, expression: &str, check: impl Fn(&str, End)) {
    for program in programs(&mut engines(), &program(lines), &symbols()) {
        let object = gil.eval("", expression);
        assert_eq!(count(object), 1, "{expression}");
        let end = program.run_on(&mut Memory::new(&[object as u64]), gil.thread(), 0);
        check(&program.engine, end);
    }
}

#[test]
fn what_ends_gives_its_parts_up() {
    let gil = Gil::take();
    let part = gil.eval("class Finalized:\n    def __del__(self): pass", "Finalized()");
    // SAFETY: the lock is held; the list takes a reference of its own.
    let list = || unsafe {
        let list = PyList_New(0);
        let status: c_int = PyList_Append(list, part);
        assert_eq!(status, 0);
        list
    };
    assert_eq!(count(part), 1);
    for program in programs(&mut engines(), &program("    decref v3 ! s1\n"), &symbols()) {
        let object = list();
        assert_eq!(count(part), 2);
        let end = program.run_on(&mut Memory::new(&[object as u64]), gil.thread(), 0);
        assert_eq!((end, count(part)), (End::Returned(0), 1), "{}", program.engine);
    }
}
