//! What the references of optimized versions do to the life of objects: nothing that a program could see.
//!
//! A version has references to the objects that its code names. Once it is invalid and not running any more, it gives them
//! up at once. While it is valid, the objects cannot be told from ones that the program still uses; but an optimized
//! function and its globals refer to each other, through a code object, which the garbage collector does not look into. So
//! during each full collection the versions that are not running have weak references only, and are not entered; those
//! whose objects are all still there afterwards wake again.

use crate::deopt;
use crate::hook;
use crate::tiering;
use crate::version::{Tier, Version, for_each_live};
use pyo3_ffi::*;
use rustc_hash::FxHashSet;
use std::ptr::null_mut;

/// A version that is not entered during a collection.
struct Asleep {
    version: *mut Version,
    /// In place of the version's references to these objects.
    weak: Vec<*mut PyObject>,
    /// How many references it had to its globals, which there are no weak ones to: the version is told when they end.
    of_globals: usize,
    /// What had superseded it.
    successor: *mut Version,
    /// It was invalid, or dropped, since.
    for_good: bool,
}

struct State {
    asleep: Vec<Asleep>,
    /// Invalid versions that were running when they became so.
    later: Vec<*mut Version>,
    is_watching: bool,
}

static mut STATE: State = State {
    asleep: Vec::new(),
    later: Vec::new(),
    is_watching: false,
};

#[allow(static_mut_refs, reason = "guarded by the GIL; no reference outlives a call")]
fn state() -> &'static mut State {
    // SAFETY: the GIL is held by whoever calls into this module.
    unsafe { &mut STATE }
}

/// The code objects that any thread is running, or has called something from.
unsafe fn running() -> FxHashSet<*mut PyObject> {
    let mut codes = FxHashSet::default();
    // SAFETY: the GIL is held: threads neither come nor go, and their frames stay.
    unsafe {
        let mut tstate = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
        while !tstate.is_null() {
            let mut frame = (*tstate.cast::<crate::layout::ThreadState>()).current_frame;
            while !frame.is_null() {
                // The interpreter's entry frames have None there.
                if PyCode_Check((*frame).f_executable) != 0 {
                    codes.insert((*frame).f_executable);
                }
                frame = (*frame).previous;
            }
            tstate = PyThreadState_Next(tstate);
        }
    }
    codes
}

/// Whether the version, or one that its frames went on in, may be running.
unsafe fn may_run(version: *mut Version, running: &FxHashSet<*mut PyObject>) -> bool {
    // SAFETY: a live version.
    unsafe {
        running.contains(&(*version).code.cast()) || (*version).keeps.iter().any(|object| running.contains(object))
    }
}

/// Gives up what an invalid version refers to, but for code objects, which reports name. `false` if it may be running.
unsafe fn release(version: *mut Version, running: &FxHashSet<*mut PyObject>) -> bool {
    // SAFETY: a live version that is not entered any more; what it keeps are references of its own.
    unsafe {
        if may_run(version, running) {
            return false;
        }
        let all = std::mem::take(&mut (*version).keeps);
        let (codes, mut others): (Vec<_>, Vec<_>) = all.into_iter().partition(|&object| PyCode_Check(object) != 0);
        (*version).keeps = codes;
        // Whoever made the version invalid may be in the middle of something: no Python code may run here.
        others.retain(|&object| {
            let is_last = Py_REFCNT(object) == 1;
            if !is_last {
                Py_DECREF(object);
            }
            is_last
        });
        deopt::give_up_later(&mut others);
        true
    }
}

/// A version has become invalid.
///
/// # Safety
/// The GIL is held; a live version.
pub unsafe fn became_invalid(version: *mut Version) {
    let state = state();
    if let Some(asleep) = state.asleep.iter_mut().find(|one| one.version == version) {
        asleep.for_good = true;
        return;
    }
    // SAFETY: see the contract.
    unsafe {
        if !(*version).keeps.is_empty() && !state.later.contains(&version) && !release(version, &running()) {
            state.later.push(version);
        }
    }
}

/// A version is dropped.
pub fn forget(version: *const Version) {
    let state = state();
    state.later.retain(|&one| one.cast_const() != version);
    // Its references that are left are given up when the collection ends.
    for asleep in &mut state.asleep {
        if asleep.version.cast_const() == version {
            asleep.version = null_mut();
        }
    }
}

/// A full collection begins.
unsafe fn fall_asleep() {
    // SAFETY: the GIL is held, and Python code may run; versions that are dropped meanwhile are forgotten.
    unsafe {
        let running = running();
        state().later.retain(|&version| !release(version, &running));
        let mut given_up = Vec::new();
        for_each_live(|version| {
            let is_optimized = (*version).tier == Tier::Optimizing && (*version).valid && !(*version).dead;
            if !is_optimized || (*version).keeps.is_empty() || may_run(version, &running) {
                return;
            }
            let code_state = hook::state_of((*version).code.cast());
            if code_state.is_null() {
                return;
            }
            let replacement = tiering::newest_of(code_state, (*version).globals, (*version).builtins, |one| {
                one.tier == Tier::Baseline
            });
            if replacement.is_null() {
                return;
            }
            let mut weak = Vec::new();
            let mut of_globals = 0;
            (*version).keeps.retain(|&object| {
                if object == (*version).globals {
                    of_globals += 1;
                    given_up.push(object);
                    return false;
                }
                if PyObject_GC_IsTracked(object) == 0 && PyCode_Check(object) == 0 {
                    return true;
                }
                let reference = PyWeakref_NewRef(object, null_mut());
                if reference.is_null() {
                    PyErr_Clear();
                    return true;
                }
                weak.push(reference);
                given_up.push(object);
                false
            });
            if !weak.is_empty() || of_globals > 0 {
                (*version).valid = false;
                state().asleep.push(Asleep {
                    version,
                    weak,
                    of_globals,
                    successor: std::mem::replace(&mut (*version).successor, replacement),
                    for_good: false,
                });
            }
        });
        for object in given_up {
            Py_DECREF(object);
        }
    }
}

/// It has ended.
unsafe fn wake() {
    // SAFETY: see `fall_asleep`.
    unsafe {
        for Asleep {
            version,
            weak,
            of_globals,
            successor,
            for_good,
        } in std::mem::take(&mut state().asleep)
        {
            let mut there = Vec::with_capacity(weak.len());
            let mut all = true;
            for reference in weak {
                let mut object = null_mut();
                PyWeakref_GetRef(reference, &mut object);
                Py_DECREF(reference);
                if object.is_null() {
                    all = false;
                } else {
                    there.push(object);
                }
            }
            // Its code has ended: nobody enters it any more, even where somebody has it cached still.
            if version.is_null() || (*version).dead {
                deopt::give_up_later(&mut there);
                continue;
            }
            match (*version).globals.is_null() {
                false => there.extend((0..of_globals).map(|_| Py_NewRef((*version).globals))),
                true => all = false,
            }
            (*version).keeps.append(&mut there);
            if all && !for_good {
                (*version).valid = true;
                (*version).successor = successor;
                continue;
            }
            if !all {
                // Among what is gone may be code that these name. Nothing runs that could be left there.
                (*version).deopt_points.clear();
                tiering::drop_version(version, "something that it names is gone");
            }
            became_invalid(version);
        }
    }
}

unsafe extern "C" fn on_collection(_: *mut PyObject, args: *mut PyObject) -> *mut PyObject {
    // SAFETY: the garbage collector passes the phase, a str, and a dict; anybody else may pass anything.
    unsafe {
        let (mut phase, mut info) = (null_mut(), null_mut());
        if PyArg_ParseTuple(
            args,
            c"UO!".as_ptr(),
            &raw mut phase,
            &raw mut PyDict_Type,
            &raw mut info,
        ) == 0
        {
            return null_mut();
        }
        let generation = PyDict_GetItemString(info, c"generation".as_ptr());
        let is_full = !generation.is_null() && PyLong_CheckExact(generation) != 0 && PyLong_AsLong(generation) == 2;
        let begins = PyUnicode_CompareWithASCIIString(phase, c"start".as_ptr()) == 0;
        match (begins, is_full) {
            (true, true) => fall_asleep(),
            (true, false) => {}
            (false, _) => wake(),
        }
        Py_NewRef(Py_None())
    }
}

static mut ON_COLLECTION: PyMethodDef = PyMethodDef {
    ml_name: c"on_collection".as_ptr(),
    ml_meth: PyMethodDefPointer {
        PyCFunction: on_collection,
    },
    ml_flags: METH_VARARGS,
    ml_doc: c"Lets optimized code go of its references for the time of a full collection.".as_ptr(),
};

/// There are optimized versions from now on: the garbage collector tells when it runs (`gc.callbacks`).
///
/// # Safety
/// The GIL is held, with no exception set.
pub unsafe fn watch() {
    if std::mem::replace(&mut state().is_watching, true) {
        return;
    }
    // SAFETY: see the contract. Where it fails, versions live as long as their code.
    unsafe {
        let gc = PyImport_ImportModule(c"gc".as_ptr());
        let callbacks = if gc.is_null() {
            null_mut()
        } else {
            PyObject_GetAttrString(gc, c"callbacks".as_ptr())
        };
        let callback = PyCFunction_New(&raw mut ON_COLLECTION, null_mut());
        if !callbacks.is_null() && !callback.is_null() && PyList_Check(callbacks) != 0 {
            PyList_Append(callbacks, callback);
        }
        for object in [gc, callbacks, callback] {
            Py_XDECREF(object);
        }
        PyErr_Clear();
    }
}
