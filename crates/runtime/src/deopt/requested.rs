//! Deopts of baseline code, for tests: what optimized code would have in registers is taken out of the frame first, so that
//! all kinds of recovery are needed to put it back.
//!
//! A value is passed as a number, or is not passed at all but made anew, only where the program cannot tell: an immortal
//! object, or one that nobody but this frame has.

use super::leave::deoptimize;
use super::point::{DeoptPoint, DeoptPoints, DeoptReason};
use super::reconstruction::{
    FrameRecovery, Going, IteratorOf, Place, Reconstruction, Recovery, Returns, VirtualObject,
};
use crate::api;
use crate::call::unbind;
use crate::hook;
use crate::layout::{Frame, offset};
use crate::numbers::{SMALL_INT_MAX, SMALL_INT_MIN};
use crate::runtime_fns;
use crate::thread::Thread;
use crate::version::Version;
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Items of containers that are made anew; long lists that grow would take too long.
const VIRTUAL_ITEMS: Py_ssize_t = 32;

/// Values that are taken out of a frame.
struct Taking {
    words: Vec<u64>,
    virtuals: Vec<VirtualObject>,
    release: Vec<u16>,
    /// Numbers that several slots have, by object.
    numbers: Vec<(*mut PyObject, Recovery)>,
    /// Which of the equally good ways comes next.
    turn: usize,
}

/// A field of an iterator over a sequence or a range.
unsafe fn field(object: *mut PyObject, offset: i32) -> i64 {
    // SAFETY: the object is of a type that has the field.
    unsafe { object.cast::<u8>().add(offset as usize).cast::<i64>().read() }
}

impl Taking {
    fn word(&mut self, word: u64) -> u16 {
        self.words.push(word);
        (self.words.len() - 1) as u16
    }

    fn object(&mut self, object: *mut PyObject) -> u16 {
        self.word(object as u64)
    }

    fn int(&mut self, value: i64) -> Recovery {
        Recovery::Int(self.word(value as u64))
    }

    /// A number that nobody but the frame has, in `places` slots, or that is immortal.
    unsafe fn number(&mut self, value: *mut PyObject, places: usize) -> Option<Recovery> {
        // SAFETY: a live object.
        unsafe {
            if let Some(&(_, known)) = self.numbers.iter().find(|(object, _)| *object == value) {
                return Some(known);
            }
            let alone = Py_REFCNT(value) as usize == places;
            let recovery = if value == Py_True() || value == Py_False() {
                Recovery::Bool(self.word(u64::from(value == Py_True())))
            } else if PyLong_CheckExact(value) != 0 {
                let mut overflow = 0;
                let number = PyLong_AsLongLongAndOverflow(value, &mut overflow);
                let small = (SMALL_INT_MIN..=SMALL_INT_MAX).contains(&number);
                if overflow != 0 || !small && !alone {
                    return None;
                }
                self.int(number)
            } else if PyFloat_CheckExact(value) != 0 && alone {
                Recovery::Float(self.word(PyFloat_AsDouble(value).to_bits()))
            } else {
                return None;
            };
            self.numbers.push((value, recovery));
            Some(recovery)
        }
    }

    /// An object of a builtin type that nobody else has, as it can be made of what it holds.
    unsafe fn virtual_object(&mut self, value: *mut PyObject) -> Option<Recovery> {
        // SAFETY: a live object; its parts live as long as it does, and it is given up after the deopt has made the new one.
        unsafe {
            let ty = Py_TYPE(value);
            let object = if Py_REFCNT(value) != 1 {
                return None;
            } else if ty == &raw mut PyTuple_Type && (1..=VIRTUAL_ITEMS).contains(&PyTuple_GET_SIZE(value)) {
                let items = (0..PyTuple_GET_SIZE(value)).map(|index| PyTuple_GET_ITEM(value, index));
                VirtualObject::Tuple(items.map(|item| Recovery::Borrowed(self.object(item))).collect())
            } else if ty == &raw mut PyList_Type && PyList_GET_SIZE(value) <= VIRTUAL_ITEMS {
                let items = (0..PyList_GET_SIZE(value)).map(|index| PyList_GET_ITEM(value, index));
                VirtualObject::List(items.map(|item| Recovery::Borrowed(self.object(item))).collect())
            } else if ty == &raw mut PyRangeIter_Type {
                let (next, step) = (
                    field(value, offset::RANGEITER_START),
                    field(value, offset::RANGEITER_STEP),
                );
                let stop = next.checked_add(step.checked_mul(field(value, offset::RANGEITER_LEN))?)?;
                VirtualObject::RangeIterator {
                    next: self.int(next),
                    stop: self.int(stop),
                    step: self.int(step),
                }
            } else if ty == &raw mut api::PyListIter_Type || ty == &raw mut api::PyTupleIter_Type {
                let sequence = field(value, offset::SEQITER_SEQ) as *mut PyObject;
                if sequence.is_null() {
                    return None;
                }
                let of = if ty == &raw mut api::PyListIter_Type {
                    IteratorOf::List
                } else {
                    IteratorOf::Tuple
                };
                VirtualObject::SequenceIterator {
                    of,
                    sequence: Recovery::Borrowed(self.object(sequence)),
                    index: self.int(field(value, offset::SEQITER_INDEX)),
                }
            } else if ty == &raw mut api::PyMethod_Type {
                VirtualObject::BoundMethod {
                    function: Recovery::Borrowed(self.object(api::PyMethod_Function(value))),
                    receiver: Recovery::Borrowed(self.object(api::PyMethod_Self(value))),
                }
            } else if ty == &raw mut PySlice_Type {
                let slice = value.cast::<PySliceObject>();
                VirtualObject::Slice {
                    start: Recovery::Borrowed(self.object((*slice).start)),
                    stop: Recovery::Borrowed(self.object((*slice).stop)),
                    step: Recovery::Borrowed(self.object((*slice).step)),
                }
            } else if ty == &raw mut PyComplex_Type {
                VirtualObject::Complex {
                    real: Recovery::Float(self.word(PyComplex_RealAsDouble(value).to_bits())),
                    imaginary: Recovery::Float(self.word(PyComplex_ImagAsDouble(value).to_bits())),
                }
            } else {
                return None;
            };
            self.virtuals.push(object);
            Some(Recovery::Virtual((self.virtuals.len() - 1) as u16))
        }
    }

    /// Takes the value out of a slot, or leaves it there.
    unsafe fn take(&mut self, slot: *mut *mut PyObject, index: usize, is_local: bool, places: usize) -> Recovery {
        // SAFETY: a slot of the frame that owns what it holds.
        unsafe {
            let value = slot.read();
            self.turn += 1;
            if value.is_null() {
                return if self.turn.is_multiple_of(2) {
                    Recovery::InFrame
                } else {
                    Recovery::Null
                };
            }
            let made = match self.number(value, places) {
                Some(recovery) => Some(recovery),
                None => self.virtual_object(value),
            };
            if let Some(recovery) = made {
                // A local's old value is given up by who writes the new one; the operand stack's is ours to give up.
                if !is_local {
                    let word = self.object(slot.replace(null_mut()));
                    self.release.push(word);
                }
                return recovery;
            }
            match self.turn % 4 {
                0 => Recovery::InFrame,
                1 => Recovery::Owned(self.object(slot.replace(null_mut()))),
                2 if is_local => Recovery::Slot(index as u16),
                3 if is_local => Recovery::Borrowed(self.object(value)),
                _ => {
                    let word = self.object(slot.replace(null_mut()));
                    self.release.push(word);
                    Recovery::Borrowed(word)
                }
            }
        }
    }
}

/// Whether the function's frame is complete when its arguments lie in the first slots: no `*args`, no defaults, no cells.
unsafe fn is_plain(function: *mut PyObject, count: usize) -> bool {
    // SAFETY: a live function.
    unsafe {
        let code = hook::code_of(function);
        let plain = CO_OPTIMIZED | CO_NEWLOCALS;
        let others = CO_VARARGS | CO_VARKEYWORDS | CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
        (*code).co_flags & (plain | others) == plain
            && (*code).co_argcount as usize == count
            && (*code).co_kwonlyargcount == 0
            && (*code).co_ncellvars == 0
            && (*code).co_nfreevars == 0
            && !hook::version_of(function).is_null()
    }
}

/// The frame of a callee that is about to run, its arguments (and itself) on the caller's operand stack from `items`;
/// `None`, with nothing changed, if the call is not of that kind.
unsafe fn callee(
    taking: &mut Taking,
    version: *mut Version,
    items: *mut *mut PyObject,
    nargs: usize,
) -> Option<FrameRecovery> {
    // SAFETY: the items are the operand stack's.
    unsafe {
        let function = unbind(items);
        let has_self = !items.add(1).read().is_null();
        let (first, count) = if has_self { (1, nargs + 1) } else { (2, nargs) };
        if Py_TYPE(function) != &raw mut PyFunction_Type || !is_plain(function, count) {
            return None;
        }
        let code = hook::code_of(function);
        let first_traceable = (*code).co_firsttraceable as u32 * 2;
        let place = Place {
            start: first_traceable,
            offset: first_traceable,
            next: first_traceable + 2,
        };
        let mut locals: Vec<_> = (0..count)
            .map(|index| Recovery::Owned(taking.object(items.add(first + index).replace(null_mut()))))
            .collect();
        locals.resize((*code).co_nlocalsplus as usize, Recovery::Null);
        let function = Recovery::Owned(taking.object(items.replace(null_mut())));
        let frame = FrameRecovery {
            code,
            function,
            place,
            going: Going::Resume,
            locals: locals.into(),
            stack: Box::default(),
        };
        // What the frames of this code go on in has to have the entry.
        let known = (*version).deopt_points.iter().any(|point| {
            let made = point.made();
            made.frames
                .iter()
                .any(|frame| frame.code == code && frame.place == place)
        });
        if !known {
            let made = Reconstruction::of_frames(vec![frame.clone()]);
            let point = DeoptPoint::new(version, made, DeoptReason::Requested);
            (*version).add_deopt_points(DeoptPoints::from_iter([Box::new(point)]));
        }
        Some(frame)
    }
}

runtime_fns! {
    /// Baseline code of `version` is left at `named`, whose one frame has everything in its slots. If the instruction is a
    /// call of a plain function with `nargs` arguments (-1: it is none), it may be left as if that had been inlined.
    DEOPTIMIZE_REQUESTED = fn deoptimize_requested(thread: *mut Thread, frame: *mut Frame, version: *mut Version, named: *mut DeoptPoint, nargs: i32) -> *mut PyObject {
        let here = (*named).unpack().frames[0].clone();
        let (locals, depth) = (here.locals.len(), here.stack.len());
        let mut taking = Taking {
            words: Vec::new(),
            virtuals: Vec::new(),
            release: Vec::new(),
            numbers: Vec::new(),
            turn: here.place.offset as usize / 2,
        };
        let (mut going, mut kept, mut inner) = (Going::Resume, depth, None);
        if nargs >= 0 {
            let base = depth - 2 - nargs as usize;
            inner = callee(&mut taking, version, Frame::slot(frame, locals + base), nargs as usize);
            if inner.is_some() {
                (going, kept) = (Going::Waits(Returns::Value), base);
            }
        }
        let values: Vec<_> = (0..locals + kept).map(|index| Frame::slot(frame, index).read()).collect();
        let recoveries: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(index, &value)| {
                let places = values.iter().filter(|&&other| other == value).count();
                taking.take(Frame::slot(frame, index), index, index < locals, places)
            })
            .collect();
        let mut frames = vec![FrameRecovery {
            going,
            locals: recoveries[..locals].into(),
            stack: recoveries[locals..].into(),
            ..here
        }];
        frames.extend(inner);
        let made = Reconstruction {
            frames: frames.into(),
            virtuals: taking.virtuals.into(),
            release: taking.release.into(),
        };
        let mut point = DeoptPoint::new(version, made, (*named).reason);
        point.count = (*named).count;
        (*named).count += 1;
        deoptimize(thread, frame, &raw mut point, taking.words.as_ptr())
    }
}
