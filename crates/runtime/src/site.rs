//! The cache of a call instruction.

use crate::binding::Plan;
use crate::feedback::{self, seen};
use crate::hook;
use crate::layout::Function;
use crate::thread::Thread;
use crate::version::{Version, keep};
use pyo3_ffi::*;
use std::ptr::{null, null_mut};

/// A type version tag that no class has.
const NO_CLASS: u32 = u32::MAX;
/// Callees of one site that are looked at closely; what comes after them is called in the general way.
const LESSONS: u32 = 32;

/// What a call instruction calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Callee {
    /// A Python function whose parameters are filled so.
    Function(Plan),
    /// A class whose instances are made by `object.__new__`, and whose `__init__` is a Python function with such
    /// parameters: the instance is the first argument.
    Class(Plan),
    /// A builtin function whose definition has these flags.
    Builtin(i32),
    /// A method of a builtin type, called with its receiver, whose definition has these flags.
    Method(i32),
    /// `len`
    Len,
    /// `isinstance`
    IsInstance,
    /// `list.append`
    Append,
    /// `type` with one argument.
    Type,
}

/// One call instruction's cache. Compiled code reads the fields before `version`.
#[repr(C)]
pub struct CallSite {
    /// The callee's vectorcall entry, by which compiled code knows it (that of `__init__`, where a class is called);
    /// NULL when nothing is cached.
    pub vectorcall: *const (),
    pub body: *const (),
    pub frame_bytes: usize,
    pub hits: u64,
    /// The version tag of the class that is called, and its `__init__`.
    pub class_tag: u32,
    /// Where an operator is called: the version tag of the right operand's type.
    pub right_tag: u32,
    pub init: *mut PyObject,
    pub version: *mut Version,
    pub owner: *mut Version,
    pub feedback: *mut u8,
    pub misses: u64,
    /// The call instruction's index.
    pub index: usize,
    /// What the site's machine code calls by itself.
    pub inlined: Option<Callee>,
    /// What the site has met last that the machine code does not call by itself: what the next version is to inline.
    pub met: Option<Callee>,
    lessons: u32,
    pub(crate) class: ClassCache,
    /// Another Python callee: its entry and its version.
    pub(crate) other_entry: *const (),
    pub(crate) other: *mut Version,
}

/// A class whose instances are made by `object.__new__` and a Python `__init__`.
pub(crate) struct ClassCache {
    pub version: u32,
    pub init: *mut PyObject,
    /// The entry of `init` when its version was looked up, and that version.
    pub entry: *const (),
    pub target: *mut Version,
}

impl CallSite {
    pub fn new() -> Self {
        CallSite {
            vectorcall: null(),
            body: null(),
            frame_bytes: 0,
            hits: 0,
            class_tag: NO_CLASS,
            right_tag: NO_CLASS,
            init: null_mut(),
            version: null_mut(),
            owner: null_mut(),
            feedback: null_mut(),
            misses: 0,
            index: 0,
            inlined: None,
            met: None,
            lessons: 0,
            class: ClassCache {
                version: NO_CLASS,
                init: null_mut(),
                entry: null(),
                target: null_mut(),
            },
            other_entry: null(),
            other: null_mut(),
        }
    }

    /// What the next version of the code is to inline at this site.
    pub fn lesson(&self) -> Option<&Callee> {
        self.met.as_ref().or(self.inlined.as_ref())
    }

    /// Notes a callee that the machine code does not call by itself.
    #[inline]
    pub(crate) fn learn(&mut self, bit: u8, callee: impl FnOnce() -> Option<Callee>) {
        if self.lessons < LESSONS {
            self.lessons += 1;
            // SAFETY: the feedback is the owner's, as the site is.
            unsafe { feedback::note(self.feedback, bit) };
            let callee = callee();
            if callee != self.inlined {
                self.met = callee;
            }
        }
    }

    /// Whether the machine code calls `function`, which `version` is of, by itself once it is cached; notes what it
    /// would take otherwise.
    unsafe fn fits(
        &mut self,
        version: *mut Version,
        function: *mut PyObject,
        nargs: usize,
        kwnames: *mut PyObject,
        is_class: bool,
    ) -> bool {
        // SAFETY: live objects.
        unsafe {
            let make = |plan| {
                if is_class {
                    Callee::Class(plan)
                } else {
                    Callee::Function(plan)
                }
            };
            if kwnames.is_null() && (*version).simple && (*version).argcount as usize == nargs {
                match &self.inlined {
                    Some(Callee::Function(plan)) if !is_class && plan.is_plain() => return true,
                    Some(Callee::Class(plan)) if is_class && plan.is_plain() => return true,
                    _ => {}
                }
            }
            if self.lessons >= LESSONS {
                return false;
            }
            let callee = Plan::of(function, nargs, kwnames).map(make);
            if callee.is_some() && callee == self.inlined {
                self.lessons += 1;
                return true;
            }
            self.learn(if is_class { seen::CLASS } else { seen::PYTHON }, || callee);
            false
        }
    }

    /// Whether a callee that is not cached is to be: a site that has met many caches one only now and then. Counts it.
    #[inline]
    pub(crate) fn is_settling(&mut self) -> bool {
        self.misses += 1;
        self.misses < 64 || self.misses.is_multiple_of(64)
    }

    /// Caches a Python callee: for the machine code if that can call it, else for the runtime.
    ///
    /// # Safety
    /// The GIL is held; the site's owner and the version are live, and the function is the version's.
    pub(crate) unsafe fn remember(
        &mut self,
        version: *mut Version,
        function: *mut PyObject,
        nargs: usize,
        kwnames: *mut PyObject,
    ) {
        // SAFETY: see the contract.
        unsafe {
            if self.fits(version, function, nargs, kwnames, false) {
                let before = self.version;
                if !before.is_null() {
                    keep(&mut self.other, self.owner, before);
                    self.other_entry = self.vectorcall;
                }
                self.set_direct(version);
            } else {
                keep(&mut self.other, self.owner, version);
                self.other_entry = (*version).vectorcall;
            }
        }
    }

    unsafe fn set_direct(&mut self, version: *mut Version) {
        // SAFETY: the caller's version is live.
        unsafe {
            keep(&mut self.version, self.owner, version);
            self.vectorcall = (*version).vectorcall;
            self.body = (*version).body;
            self.frame_bytes = (*version).frame_bytes;
        }
    }

    /// The version has got other code.
    ///
    /// # Safety
    /// The GIL is held; a live version.
    pub(crate) unsafe fn note_body(&mut self, version: *mut Version) {
        if self.version == version {
            // SAFETY: see the contract.
            self.body = unsafe { (*version).body };
        }
    }

    /// Caches a class, whose cache has just been filled, for the machine code if that can call it.
    ///
    /// # Safety
    /// As for [`CallSite::remember`]; `nargs` counts the instance.
    pub(crate) unsafe fn remember_class(&mut self, nargs: usize, kwnames: *mut PyObject) {
        // SAFETY: see the contract.
        unsafe {
            let (version, init) = (self.class.target, self.class.init);
            self.misses += 1;
            if self.fits(version, init, nargs, kwnames, true) {
                self.set_direct(version);
                self.class_tag = self.class.version;
                self.init = init;
            }
        }
    }

    /// Whether the site still looks closely at what it meets; counts that it does.
    #[inline]
    pub(crate) fn takes_lesson(&mut self) -> bool {
        let takes = self.lessons < LESSONS;
        self.lessons += u32::from(takes);
        takes
    }

    /// Caches a special method for the machine code, which calls it with `nargs` operands as they are, by the version
    /// tag of its receiver's type (and of the right operand's).
    ///
    /// # Safety
    /// The GIL is held; a live function, which the class with that tag holds.
    pub(crate) unsafe fn remember_special(
        &mut self,
        thread: *mut Thread,
        function: *mut PyObject,
        nargs: usize,
        tag: u32,
        right_tag: u32,
    ) {
        // SAFETY: see the contract.
        unsafe {
            let version = hook::version_for_call(thread, function);
            if version.is_null() || !(*version).simple || (*version).argcount as usize != nargs {
                return;
            }
            self.misses += 1;
            self.set_direct(version);
            self.class_tag = tag;
            self.right_tag = right_tag;
            self.init = function;
        }
    }

    /// The cached version of a Python function with this entry, or NULL.
    #[inline]
    pub(crate) fn cached(&self, function: *mut PyObject) -> *mut Version {
        // SAFETY: a live function.
        let entry = unsafe { (*function.cast::<Function>()).vectorcall };
        if entry == self.other_entry {
            self.other
        } else if entry == self.vectorcall {
            self.version
        } else {
            null_mut()
        }
    }

    /// Forgets everything: the owner is not run any more.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn forget(&mut self) {
        // SAFETY: see the contract.
        unsafe {
            keep(&mut self.version, self.owner, null_mut());
            self.vectorcall = null();
            self.class_tag = NO_CLASS;
            keep(&mut self.class.target, self.owner, null_mut());
            self.class.entry = null();
            keep(&mut self.other, self.owner, null_mut());
            self.other_entry = null();
        }
    }
}

impl Default for CallSite {
    fn default() -> Self {
        Self::new()
    }
}
