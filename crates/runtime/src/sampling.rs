//! What a *sampling* version notes at its instructions, for the optimizing tier: how often each has run, on which types,
//! with which callees.
//!
//! A note must not change what the program can see, so it keeps nothing alive: see [`Tracked`]. Types are told by their
//! address and version tag, functions by the code that they run.

use crate::api;
use crate::arrays::{self, Layouts};
use crate::call::BoundMethod;
use crate::layout::Function;
use crate::runtime_fns;
use pyo3_ffi::*;
use rustc_hash::FxHashMap;
use std::ptr::null_mut;

/// Types that are told apart at one place.
pub const TYPES: usize = 3;
/// Callees that are told apart at one call.
pub const CALLEES: usize = 2;

/// What is known of one instruction.
#[derive(Default)]
#[repr(C)]
pub struct Record {
    /// Times that it was begun.
    pub count: u64,
    /// For conditional jumps: times that it jumped.
    pub taken: u64,
    /// What it pushed. `UNPACK_SEQUENCE`: all items. `FOR_ITER`: the items. `YIELD_VALUE`: what was sent. Where a method
    /// or a callable is pushed along with self or NULL: the callable.
    pub result: Option<Box<Sample>>,
    /// What it worked on, the lowest on the operand stack first. Calls: the callable, self (or the
    /// second argument, where there is no self), the first argument.
    pub operands: [Option<Box<Sample>>; 3],
    pub callees: Option<Box<Callees>>,
}

/// How an object that was met can be known again later without keeping it alive.
#[derive(Debug)]
pub struct Tracked {
    address: *mut PyObject,
    hold: Hold,
}

#[derive(Debug)]
enum Hold {
    /// It lives for ever.
    Immortal,
    /// By a weak reference of our own: heap types (whose bases have one to them anyway), modules, builtin functions.
    Weak(*mut PyObject),
    /// A function or code object, by its number in [`TRACKED`], which it leaves when it dies.
    Number(u64),
    /// Not at all: another object may have its address by now.
    Address,
}

struct Registry {
    /// The numbers of functions and code objects that were met, by address.
    numbers: FxHashMap<usize, u64>,
    next: u64,
}

static mut TRACKED: Registry = Registry {
    numbers: FxHashMap::with_hasher(rustc_hash::FxBuildHasher),
    next: 1,
};

#[allow(static_mut_refs, reason = "guarded by the GIL; no reference outlives a call")]
fn registry() -> &'static mut Registry {
    // SAFETY: the GIL is held by whoever calls into this module.
    unsafe { &mut TRACKED }
}

/// A function or a code object dies.
#[inline]
pub fn forget(object: *mut PyObject) {
    let registry = registry();
    if !registry.numbers.is_empty() {
        registry.numbers.remove(&(object as usize));
    }
}

impl Tracked {
    /// Nothing, which is never live.
    const fn nothing() -> Tracked {
        Tracked {
            address: null_mut(),
            hold: Hold::Address,
        }
    }

    /// # Safety
    /// The GIL is held; a live object.
    pub(crate) unsafe fn new(object: *mut PyObject) -> Tracked {
        // SAFETY: see the contract.
        unsafe {
            let ty = Py_TYPE(object);
            let is_type = PyType_Check(object) != 0;
            let hold = if is_immortal(object) {
                Hold::Immortal
            } else if PyFunction_Check(object) != 0 {
                Hold::Number(number(object))
            } else if PyCode_Check(object) != 0 {
                // The state's end tells of the code object's.
                if crate::hook::ensure_state(object).is_null() {
                    Hold::Address
                } else {
                    Hold::Number(number(object))
                }
            } else if is_type && PyType_HasFeature(object.cast(), Py_TPFLAGS_HEAPTYPE) == 0 {
                Hold::Immortal
            } else if is_type || PyModule_CheckExact(object) != 0 || is_module_function(object) {
                let weak = PyWeakref_NewRef(object, null_mut());
                if weak.is_null() {
                    PyErr_Clear();
                    Hold::Address
                } else {
                    Hold::Weak(weak)
                }
            } else if ty == &raw mut PyMethodDescr_Type
                && PyType_HasFeature((*object.cast::<PyDescrObject>()).d_type, Py_TPFLAGS_HEAPTYPE) == 0
            {
                // Nobody can take a method from a static type.
                Hold::Immortal
            } else {
                Hold::Address
            };
            Tracked { address: object, hold }
        }
    }

    /// Whether it may be `object`; only an address that another object has got can deceive, see [`Tracked::live`].
    #[inline]
    fn seems(&self, object: *mut PyObject) -> bool {
        self.address == object
    }

    /// The object, borrowed, if it is certain that it is still alive.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn live(&self) -> Option<*mut PyObject> {
        let alive = match self.hold {
            Hold::Immortal => true,
            Hold::Number(number) => registry().numbers.get(&(self.address as usize)) == Some(&number),
            Hold::Address => false,
            Hold::Weak(weak) => {
                let mut object = null_mut();
                // SAFETY: the weak reference is ours; its object has other owners, if it is alive.
                unsafe {
                    let alive = PyWeakref_GetRef(weak, &mut object) > 0;
                    Py_XDECREF(object);
                    alive
                }
            }
        };
        alive.then_some(self.address)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if let Hold::Weak(weak) = self.hold {
            // SAFETY: the reference is ours; records are dropped with the GIL held. It has no callback.
            unsafe { Py_DECREF(weak) };
        }
    }
}

/// The number by which a function or code object is known until it dies.
fn number(object: *mut PyObject) -> u64 {
    let registry = registry();
    let next = &mut registry.next;
    *registry.numbers.entry(object as usize).or_insert_with(|| {
        *next += 1;
        *next
    })
}

/// Whether an object is never deallocated: its count is negative, as 32 bits.
unsafe fn is_immortal(object: *mut PyObject) -> bool {
    // SAFETY: a live object, which begins with its reference count.
    unsafe { object.cast::<i32>().read() < 0 }
}

/// Whether it is a function in C that belongs to a module or to nothing.
unsafe fn is_module_function(object: *mut PyObject) -> bool {
    // SAFETY: a live object.
    unsafe {
        if Py_TYPE(object) != &raw mut PyCFunction_Type {
            return false;
        }
        let owner = (*object.cast::<PyCFunctionObject>()).m_self;
        owner.is_null() || PyModule_CheckExact(owner) != 0
    }
}

/// A type that was met.
#[derive(Debug)]
pub struct SampledType {
    ty: Tracked,
    /// Its version tag when it was met last; 0 where it could not be given one.
    pub tag: u32,
    pub count: u32,
}

impl SampledType {
    /// The type, borrowed, unless it is gone or has changed since it was met.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn live(&self) -> Option<*mut PyTypeObject> {
        // SAFETY: a live type.
        unsafe {
            let ty = self.ty.live()?.cast::<PyTypeObject>();
            ((*ty).tp_version_tag == self.tag).then_some(ty)
        }
    }
}

/// Bits of [`Sample::flags`].
pub mod flag {
    /// More types than there is room for.
    pub const MORE_TYPES: u8 = 1;
    /// An int that does not fit 64 bits.
    pub const WIDE_INT: u8 = 2;
    /// Not always the same object.
    pub const OBJECTS: u8 = 4;
    /// NULL: no object at all.
    pub const NULL: u8 = 8;
    /// A class was changed between two notes.
    pub const CHANGED: u8 = 16;
}

/// The values that one place was seen to have.
#[derive(Debug)]
pub struct Sample {
    types: Vec<SampledType>,
    object: Tracked,
    /// Bits of [`flag`].
    pub flags: u8,
    /// The range of the exact ints that fit 64 bits; `low > high` where there was none.
    pub low: i64,
    pub high: i64,
    /// How the elements of arrays lay.
    pub layouts: Layouts,
}

impl Default for Sample {
    fn default() -> Self {
        Sample {
            types: Vec::new(),
            object: Tracked::nothing(),
            flags: 0,
            low: i64::MAX,
            high: i64::MIN,
            layouts: Layouts::default(),
        }
    }
}

impl Sample {
    /// What it was, in the order of the first time.
    pub fn types(&self) -> &[SampledType] {
        &self.types
    }

    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// The only type that was met, if it is still what it was.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn only_type(&self) -> Option<*mut PyTypeObject> {
        match &self.types[..] {
            // SAFETY: see the contract.
            [one] if !self.has(flag::MORE_TYPES | flag::NULL | flag::CHANGED) => unsafe { one.live() },
            _ => None,
        }
    }

    /// The object that it always was, borrowed, if that is certain to be alive: never for objects that we do not track
    /// (see [`Tracked`]).
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn only_object(&self) -> Option<*mut PyObject> {
        if self.has(flag::OBJECTS | flag::NULL) {
            return None;
        }
        // SAFETY: see the contract.
        unsafe { self.object.live() }
    }

    /// Adds a value, or NULL.
    ///
    /// # Safety
    /// The GIL is held; a live object or NULL.
    pub unsafe fn note(&mut self, object: *mut PyObject) {
        // SAFETY: see the contract.
        unsafe {
            if object.is_null() {
                self.flags |= flag::NULL;
                return;
            }
            let ty = Py_TYPE(object);
            self.note_type(ty);
            if ty == &raw mut PyLong_Type {
                let mut overflow = 0;
                let value = PyLong_AsLongLongAndOverflow(object, &mut overflow);
                if overflow != 0 {
                    self.flags |= flag::WIDE_INT;
                } else {
                    self.low = self.low.min(value);
                    self.high = self.high.max(value);
                }
            }
            if let Some(layout) = arrays::layout_of(object) {
                self.layouts.add(layout);
            }
            if self.has(flag::OBJECTS) {
                return;
            }
            if self.object.address.is_null() {
                self.object = Tracked::new(object);
            } else if !self.object.seems(object)
                || !matches!(self.object.hold, Hold::Address) && self.object.live().is_none()
            {
                self.flags |= flag::OBJECTS;
                self.object = Tracked::nothing();
            }
        }
    }

    unsafe fn note_type(&mut self, ty: *mut PyTypeObject) {
        // SAFETY: a live type; assigning a tag runs no Python code.
        unsafe {
            if (*ty).tp_version_tag == 0 {
                api::PyUnstable_Type_AssignVersionTag(ty);
            }
            let tag = (*ty).tp_version_tag;
            let known = self.types.iter_mut().find(|one| one.ty.seems(ty.cast()));
            if let Some(known) = known {
                if known.tag != tag || tag == 0 {
                    if known.ty.live().is_none() {
                        // Another class at the address of one that is gone.
                        known.ty = Tracked::new(ty.cast());
                        known.count = 0;
                    }
                    self.flags |= flag::CHANGED;
                    known.tag = tag;
                }
                known.count = known.count.saturating_add(1);
            } else if self.types.len() < TYPES {
                let ty = Tracked::new(ty.cast());
                self.types.push(SampledType { ty, tag, count: 1 });
            } else {
                self.flags |= flag::MORE_TYPES;
            }
        }
    }
}

/// What kind of thing was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CalleeKind {
    /// A Python function.
    Function,
    Class,
    /// A builtin function or a method of a builtin type that is bound to its receiver.
    Builtin,
    /// A method of a builtin type, with the receiver as its first argument.
    Method,
    /// An instance of something else.
    Other,
}

/// One callee of a call instruction.
#[derive(Debug)]
pub struct CalleeSample {
    pub kind: CalleeKind,
    /// A bound method object was called; the rest of this is about what it binds.
    pub bound: bool,
    /// Function, class, builtin; nothing where different ones of one code or definition were called.
    object: Tracked,
    /// A function's code.
    code: Tracked,
    /// What a builtin's calls are known by: its definition. For an `Other`: its type's address.
    definition: usize,
    /// The bound method's receiver (also of one of a builtin type), or self where the instruction has one.
    pub receiver: Sample,
    pub count: u32,
}

impl CalleeSample {
    /// The function, class or builtin, borrowed, if it was always that and is certain to be alive.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn object(&self) -> Option<*mut PyObject> {
        // SAFETY: see the contract.
        unsafe { self.object.live() }
    }

    /// A function's code, borrowed, if it is alive.
    ///
    /// # Safety
    /// The GIL is held.
    pub unsafe fn code(&self) -> Option<*mut PyObject> {
        // SAFETY: see the contract.
        unsafe { self.code.live() }
    }

    /// The definition of a builtin; definitions live for ever where their module does.
    pub fn definition(&self) -> *mut PyMethodDef {
        match self.kind {
            CalleeKind::Builtin | CalleeKind::Method => self.definition as *mut PyMethodDef,
            _ => null_mut(),
        }
    }
}

/// The callees of a call instruction.
#[derive(Default, Debug)]
pub struct Callees {
    met: Vec<CalleeSample>,
    /// Calls of others than those.
    pub more: u64,
}

impl Callees {
    pub fn met(&self) -> &[CalleeSample] {
        &self.met
    }

    unsafe fn note(&mut self, callable: *mut PyObject, receiver: *mut PyObject) {
        // SAFETY: live objects; the receiver may be NULL.
        unsafe {
            let bound = Py_TYPE(callable) == &raw mut api::PyMethod_Type;
            let (callable, mut receiver) = if bound {
                (
                    (*callable.cast::<BoundMethod>()).im_func,
                    (*callable.cast::<BoundMethod>()).im_self,
                )
            } else {
                (callable, receiver)
            };
            let ty = Py_TYPE(callable);
            let mut code = null_mut();
            let (kind, definition) = if PyFunction_Check(callable) != 0 {
                code = (*callable.cast::<Function>()).func_code;
                (CalleeKind::Function, 0)
            } else if PyType_Check(callable) != 0 {
                (CalleeKind::Class, callable as usize)
            } else if ty == &raw mut PyCFunction_Type {
                let function = callable.cast::<PyCFunctionObject>();
                if receiver.is_null() && !is_module_function(callable) {
                    receiver = (*function).m_self;
                }
                (CalleeKind::Builtin, (*function).m_ml as usize)
            } else if ty == &raw mut PyMethodDescr_Type {
                (
                    CalleeKind::Method,
                    (*callable.cast::<PyMethodDescrObject>()).d_method as usize,
                )
            } else {
                (CalleeKind::Other, ty as usize)
            };
            let known = self.met.iter_mut().find(|one| {
                one.kind == kind
                    && one.bound == bound
                    && one.definition == definition
                    && one.code.seems(code)
                    && (code.is_null() || one.code.live().is_some())
            });
            let Some(known) = known else {
                if self.met.len() >= CALLEES {
                    self.more += 1;
                    return;
                }
                let mut sample = CalleeSample {
                    kind,
                    bound,
                    object: match kind {
                        CalleeKind::Other => Tracked::nothing(),
                        _ => Tracked::new(callable),
                    },
                    code: if code.is_null() {
                        Tracked::nothing()
                    } else {
                        Tracked::new(code)
                    },
                    definition,
                    receiver: Sample::default(),
                    count: 1,
                };
                sample.receiver.note(receiver);
                self.met.push(sample);
                return;
            };
            known.count = known.count.saturating_add(1);
            known.receiver.note(receiver);
            if known.object.live() != Some(callable) {
                known.object = Tracked::nothing();
            }
        }
    }
}

runtime_fns! {
    /// An instruction pushed an object.
    NOTE_RESULT = fn note_result(record: *mut Record, object: *mut PyObject) -> () {
        (*record).result.get_or_insert_default().note(object);
    }

    /// An instruction pushed objects.
    NOTE_RESULTS = fn note_results(record: *mut Record, objects: *const *mut PyObject, count: isize) -> () {
        let sample = (*record).result.get_or_insert_default();
        for at in 0..count {
            sample.note(*objects.offset(at));
        }
    }

    /// An instruction is about to work on an object, or NULL, as its operand number `which`.
    NOTE_OPERAND = fn note_operand(record: *mut Record, which: isize, object: *mut PyObject) -> () {
        (*record).operands[which as usize].get_or_insert_default().note(object);
    }

    /// A call instruction is about to call an object; `receiver` is self or NULL.
    NOTE_CALL = fn note_call(record: *mut Record, callable: *mut PyObject, receiver: *mut PyObject) -> () {
        if callable.is_null() {
            return;
        }
        (*record).operands[0].get_or_insert_default().note(callable);
        (*record).callees.get_or_insert_default().note(callable, receiver);
    }
}
