//! The values of frames, from what optimized code has passed.

use super::raised::{Raised, exception_of};
use super::reconstruction::{FrameRecovery, IteratorOf, Reconstruction, Recovery, VirtualObject};
use crate::arrays::{Number, make_scalar_of};
use crate::generator::make_as;
use crate::instances::{inline_value, make_instance};
use crate::layout::{Frame, offset};
use crate::numbers::{make_float, make_int};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// What there is to recover values from.
pub(super) struct Recovering<'a> {
    to: &'a Reconstruction,
    words: *const u64,
    /// The slots of the outermost frame, in which nothing has been changed yet.
    outermost: *mut Frame,
    /// Numbers that have been made, with a reference each.
    made: Vec<(Recovery, *mut PyObject)>,
    /// The virtual objects, as far as they have been made, with a reference each.
    virtuals: Vec<*mut PyObject>,
    /// Exceptions that have been raised.
    raised: Vec<Raised<'a>>,
}

impl<'a> Recovering<'a> {
    /// # Safety
    /// The GIL is held; `words` are what the point of `to` wants, and `outermost` is its frame.
    pub unsafe fn new(to: &'a Reconstruction, words: *const u64, outermost: *mut Frame) -> Self {
        Recovering {
            to,
            words,
            outermost,
            made: Vec::new(),
            virtuals: Vec::new(),
            raised: Vec::new(),
        }
    }

    pub unsafe fn word(&self, index: u16) -> u64 {
        // SAFETY: the code passes all words that its point names.
        unsafe { self.words.add(index.into()).read() }
    }

    pub unsafe fn object(&self, index: u16) -> *mut PyObject {
        // SAFETY: as for `word`.
        unsafe { self.word(index) as *mut PyObject }
    }

    /// A number's object, the same one each time; a new reference.
    unsafe fn number(&mut self, recovery: Recovery) -> *mut PyObject {
        // SAFETY: see `word`; making a number cannot fail.
        unsafe {
            if let Some(&(_, object)) = self.made.iter().find(|(known, _)| *known == recovery) {
                return Py_NewRef(object);
            }
            let object = match recovery {
                Recovery::Int(index) => make_int(self.word(index) as i64),
                Recovery::Float(index) => make_float(f64::from_bits(self.word(index))),
                _ => unreachable!("not a number"),
            };
            self.made.push((recovery, Py_NewRef(object)));
            object
        }
    }

    /// A new reference to the value, or NULL. A virtual object that could not be made is None.
    pub unsafe fn get(&mut self, recovery: Recovery) -> *mut PyObject {
        // SAFETY: see `new`.
        unsafe {
            match recovery {
                Recovery::InFrame => unreachable!("only a slot of the outermost frame has its value already"),
                Recovery::Slot(index) => Py_XNewRef(Frame::slot(self.outermost, index.into()).read()),
                Recovery::Null => null_mut(),
                Recovery::Constant(object) => Py_NewRef(object),
                Recovery::Int(_) | Recovery::Float(_) => self.number(recovery),
                Recovery::Bool(index) if self.word(index) as u8 != 0 => Py_NewRef(Py_True()),
                Recovery::Bool(_) => Py_NewRef(Py_False()),
                Recovery::Owned(index) => self.object(index),
                Recovery::Borrowed(index) => Py_XNewRef(self.object(index)),
                Recovery::Virtual(index) => match self.virtuals.get(usize::from(index)) {
                    Some(&object) if !object.is_null() => Py_NewRef(object),
                    _ => Py_NewRef(Py_None()),
                },
            }
        }
    }

    /// Makes the virtual objects. Afterwards, MemoryError (or what else has gone wrong) may be set.
    pub unsafe fn make_virtuals(&mut self) {
        // SAFETY: see `new`; what makes the objects runs no code of the program.
        unsafe {
            for virtual_object in &self.to.virtuals {
                let parts: Vec<_> = match virtual_object {
                    VirtualObject::Complex { .. }
                    | VirtualObject::NumpyScalar { .. }
                    | VirtualObject::NumpyComplex { .. }
                    | VirtualObject::Character(_) => Vec::new(),
                    other => other.parts().into_iter().map(|part| self.get(part)).collect(),
                };
                let object = self.make(virtual_object, &parts);
                let mut parts = parts.into_iter();
                if let VirtualObject::Exception {
                    args, raised: Some(at), ..
                } = virtual_object
                {
                    for part in parts.by_ref().take(1 + args.len()) {
                        Py_XDECREF(part);
                    }
                    self.raised.push(Raised {
                        exception: Py_XNewRef(object),
                        at,
                        left: parts.by_ref().collect(),
                    });
                }
                for part in parts {
                    Py_XDECREF(part);
                }
                self.virtuals.push(object);
            }
        }
    }

    /// Takes the exceptions that this frame has caught.
    pub fn raised_in(&mut self, frame: usize) -> Vec<Raised<'a>> {
        let raised = std::mem::take(&mut self.raised);
        let (here, others) = raised.into_iter().partition(|one| usize::from(one.at.frame) == frame);
        self.raised = others;
        here
    }

    /// Makes a virtual object of its parts (borrowed).
    unsafe fn make(&self, object: &VirtualObject, parts: &[*mut PyObject]) -> *mut PyObject {
        // SAFETY: see `new`.
        unsafe {
            match *object {
                VirtualObject::Instance { ref indices, .. } => {
                    let instance = make_instance(parts[0].cast(), indices.as_ptr(), indices.len() as i64);
                    for (&index, &part) in indices.iter().zip(&parts[1..]) {
                        inline_value(instance, index).write(Py_NewRef(part));
                    }
                    instance
                }
                VirtualObject::Tuple(_) => {
                    let tuple = PyTuple_New(parts.len() as Py_ssize_t);
                    for (index, &part) in parts.iter().enumerate().filter(|_| !tuple.is_null()) {
                        PyTuple_SET_ITEM(tuple, index as Py_ssize_t, Py_NewRef(part));
                    }
                    tuple
                }
                VirtualObject::List(_) => {
                    let list = PyList_New(parts.len() as Py_ssize_t);
                    for (index, &part) in parts.iter().enumerate().filter(|_| !list.is_null()) {
                        PyList_SET_ITEM(list, index as Py_ssize_t, Py_NewRef(part));
                    }
                    list
                }
                VirtualObject::RangeIterator { .. } => {
                    let range = call_type(&raw mut PyRange_Type, parts);
                    if range.is_null() {
                        return null_mut();
                    }
                    let iterator = PyObject_GetIter(range);
                    Py_DECREF(range);
                    iterator
                }
                VirtualObject::SequenceIterator { of, index, .. } => {
                    let right = match of {
                        IteratorOf::List => PyList_Check(parts[0]),
                        IteratorOf::Tuple => PyTuple_CheckExact(parts[0]),
                        IteratorOf::Array => 1,
                    };
                    debug_assert!(right != 0, "an iterator of another type");
                    let iterator = crate::iteration::iterator_over(parts[0]);
                    if let Recovery::Int(index) = index
                        && !iterator.is_null()
                    {
                        let field = iterator.cast::<u8>().add(offset::SEQITER_INDEX as usize);
                        field.cast::<i64>().write(self.word(index) as i64);
                    }
                    iterator
                }
                VirtualObject::Enumerate { .. } => call_type(&raw mut PyEnum_Type, parts),
                VirtualObject::Range { .. } => call_type(&raw mut PyRange_Type, parts),
                VirtualObject::Zip(_) => call_type(&raw mut PyZip_Type, parts),
                VirtualObject::BoundMethod { .. } => crate::api::PyMethod_New(parts[0], parts[1]),
                VirtualObject::Slice { .. } => PySlice_New(parts[0], parts[1], parts[2]),
                VirtualObject::NumpyScalar { ty, value } => {
                    let Recovery::Constant(ty) = ty else {
                        unreachable!("a scalar's type is a constant")
                    };
                    let number = match value {
                        Recovery::Int(index) => Number::Int(self.word(index) as i64),
                        Recovery::Bool(index) => Number::Int(i64::from(self.word(index) as u8 != 0)),
                        Recovery::Float(index) => Number::Float(f64::from_bits(self.word(index))),
                        _ => unreachable!("a scalar is made of a number"),
                    };
                    make_scalar_of(ty, number)
                }
                VirtualObject::NumpyComplex { ty, real, imaginary } => {
                    let Recovery::Constant(ty) = ty else {
                        unreachable!("a scalar's type is a constant")
                    };
                    make_scalar_of(ty, Number::Complex(self.float(real), self.float(imaginary)))
                }
                VirtualObject::Row { .. } => PyObject_GetItem(parts[0], parts[1]),
                VirtualObject::Complex { real, imaginary } => {
                    PyComplex_FromDoubles(self.float(real), self.float(imaginary))
                }
                VirtualObject::Character(Recovery::Int(index)) => PyUnicode_FromOrdinal(self.word(index) as i32),
                VirtualObject::Cell(_) => PyCell_New(parts[0]),
                VirtualObject::Character(_) => unreachable!("a character is made of an int"),
                VirtualObject::Generator {
                    code, offset, progress, ..
                } => make_as(parts[0], code, offset, progress, &parts[1..]),
                VirtualObject::Function { .. } => make_function(parts[0], parts[1], parts[2]),
                VirtualObject::Exception { ref args, .. } => exception_of(parts[0], parts[1..].as_ptr(), args.len()),
            }
        }
    }

    unsafe fn float(&self, recovery: Recovery) -> f64 {
        match recovery {
            // SAFETY: see `word`.
            Recovery::Float(index) => f64::from_bits(unsafe { self.word(index) }),
            // SAFETY: a live float.
            Recovery::Constant(object) => unsafe { PyFloat_AsDouble(object) },
            _ => unreachable!("the parts of a complex number are floats"),
        }
    }

    /// What the slots of a frame are to hold, locals and operand stack: new references, or `None` where the slot has its
    /// value already.
    pub unsafe fn slots(&mut self, frame: &FrameRecovery) -> Vec<Option<*mut PyObject>> {
        let slots = frame.locals.iter().chain(&frame.stack);
        slots
            .map(|&recovery| match recovery {
                Recovery::InFrame => None,
                // SAFETY: see `new`.
                other => Some(unsafe { self.get(other) }),
            })
            .collect()
    }

    /// The references that are left, of what was made and of what no frame takes over.
    pub unsafe fn left_over(self) -> Vec<*mut PyObject> {
        let released = self.to.release.iter();
        // SAFETY: see `new`.
        let released = released.map(|&index| unsafe { self.object(index) });
        let made = self.made.iter().map(|&(_, object)| object);
        released.chain(made).chain(self.virtuals.iter().copied()).collect()
    }
}

/// What `MAKE_FUNCTION` makes, with a closure that may be NULL.
unsafe fn make_function(code: *mut PyObject, globals: *mut PyObject, closure: *mut PyObject) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe {
        let function = PyFunction_New(code, globals);
        if !function.is_null() {
            crate::hook::hook(function);
            if !closure.is_null() {
                PyFunction_SetClosure(function, closure);
            }
        }
        function
    }
}

/// A new object of a builtin type.
unsafe fn call_type(ty: *mut PyTypeObject, args: &[*mut PyObject]) -> *mut PyObject {
    // SAFETY: live objects.
    unsafe { PyObject_Vectorcall(ty.cast(), args.as_ptr(), args.len(), null_mut()) }
}
