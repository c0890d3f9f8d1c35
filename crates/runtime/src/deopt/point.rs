//! What is known of a place where optimized code can be left.

use super::reconstruction::{Kept, Reconstruction};
use crate::version::Version;
use pyo3_ffi::*;
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::ffi::CStr;

/// Why optimized code was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum DeoptReason {
    /// A value was not of the type that was bet on; see [`DeoptPoint::expected`] and [`DeoptPoint::met`].
    Type = 0,
    Overflow = 1,
    Bounds = 2,
    DivisionByZero = 3,
    Unbound = 4,
    /// Something that was taken for constant has changed: a global name, a builtin.
    Global = 5,
    Class = 6,
    /// A callee that had no frame has left its code.
    Callee = 7,
    /// Somebody looked at a frame that was not there, or whose values were in registers.
    FrameSeen = 8,
    /// Somebody wants something at a safepoint: a signal, the GIL, tracing, profiling, monitoring.
    Safepoint = 9,
    Exception = 10,
    /// A path that had never been taken when the code was made.
    Unreached = 11,
    /// What was bet on for all rounds of a loop did not hold.
    Loop = 12,
    /// A value was not the very one that was bet on.
    Value = 13,
    /// No memory, or no room on a stack, for what optimized code wanted to do.
    NoRoom = 14,
    /// A test asked for it.
    Requested = 15,
    /// A number out of an operation's domain: a shift by too much, NaN as an int.
    Domain = 16,
    /// Something that was taken for constant has changed; which kind of thing is not known.
    Changed = 17,
    /// Something that optimized code does not do.
    Unsupported = 18,
    /// An object has lost its last reference whose end may run code of the program's.
    Ending = 19,
    /// A key that was not in a dictionary, or that code of the program may have to look for.
    Missing = 20,
    /// What was written over had another type than what was written.
    Overwritten = 21,
}

impl DeoptReason {
    pub const COUNT: usize = 22;
    pub const ALL: [DeoptReason; Self::COUNT] = [
        DeoptReason::Type,
        DeoptReason::Overflow,
        DeoptReason::Bounds,
        DeoptReason::DivisionByZero,
        DeoptReason::Unbound,
        DeoptReason::Global,
        DeoptReason::Class,
        DeoptReason::Callee,
        DeoptReason::FrameSeen,
        DeoptReason::Safepoint,
        DeoptReason::Exception,
        DeoptReason::Unreached,
        DeoptReason::Loop,
        DeoptReason::Value,
        DeoptReason::NoRoom,
        DeoptReason::Requested,
        DeoptReason::Domain,
        DeoptReason::Changed,
        DeoptReason::Unsupported,
        DeoptReason::Ending,
        DeoptReason::Missing,
        DeoptReason::Overwritten,
    ];

    pub fn describe(self) -> &'static str {
        match self {
            DeoptReason::Type => "a value of another type",
            DeoptReason::Overflow => "an int too large for a register",
            DeoptReason::Bounds => "an index out of range",
            DeoptReason::DivisionByZero => "a division by zero",
            DeoptReason::Unbound => "a variable without a value",
            DeoptReason::Global => "a global name was changed",
            DeoptReason::Class => "a class was changed",
            DeoptReason::Callee => "a callee left its code",
            DeoptReason::FrameSeen => "a frame was looked at",
            DeoptReason::Safepoint => "something was pending at a safepoint",
            DeoptReason::Exception => "an exception",
            DeoptReason::Unreached => "a path that had not been taken before",
            DeoptReason::Loop => "an assumption about a loop failed",
            DeoptReason::Value => "another value",
            DeoptReason::NoRoom => "no memory or stack left",
            DeoptReason::Requested => "requested by a test",
            DeoptReason::Domain => "a number out of an operation's domain",
            DeoptReason::Changed => "something taken for constant was changed",
            DeoptReason::Unsupported => "something that optimized code does not do",
            DeoptReason::Ending => "an object's end that may run code",
            DeoptReason::Missing => "a key that was not found",
            DeoptReason::Overwritten => "a value of another type to be written over",
        }
    }
}

/// A type that a guard met instead of the expected one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Met {
    /// Its name as it was then: the type may be gone.
    pub name: Box<str>,
    pub count: u64,
}

/// The types that were met at one point.
#[derive(Default)]
pub struct MetTypes {
    pub types: Vec<Met>,
    /// How often it was another one than these.
    pub others: u64,
}

/// Types that are told apart at one point.
const MET_LIMIT: usize = 4;

/// A place where optimized code can be left. Code refers to it by its address.
pub struct DeoptPoint {
    pub owner: *mut Version,
    made: Kept,
    /// How many words the code passes.
    pub words: u16,
    /// The instruction, by its byte offset, that the innermost frame is at while references are given up, if that is
    /// another one than it goes on at.
    pub finishing: Option<u32>,
    pub reason: DeoptReason,
    /// For [`DeoptReason::Type`]: what was expected, and which word is the object that was met (borrowed), if one is.
    pub expected: Option<Box<str>>,
    pub subject: Option<u16>,
    /// Times that the code was left here.
    pub count: u64,
    /// The types that were met, if any.
    pub met: Option<Box<MetTypes>>,
}

impl DeoptPoint {
    /// A point with everything at hand; what is to be kept is [packed](DeoptPoint::pack).
    pub fn new(owner: *mut Version, made: Reconstruction, reason: DeoptReason) -> DeoptPoint {
        DeoptPoint {
            owner,
            made: Kept::AtHand(Box::new(made)),
            words: 0,
            finishing: None,
            reason,
            expected: None,
            subject: None,
            count: 0,
            met: None,
        }
    }

    /// What is made when the code is left here.
    pub fn made(&self) -> Cow<'_, Reconstruction> {
        self.made.get()
    }

    /// The same for a point at which the code is left.
    pub(super) fn unpack(&mut self) -> &Reconstruction {
        self.made.unpack()
    }

    /// Has what is made take little memory, until it is made.
    pub fn pack(&mut self) {
        self.made.pack();
    }

    /// The reason in words, with what was expected and what was met.
    pub fn describe(&self) -> String {
        let mut text = self.reason.describe().to_owned();
        if let Some(expected) = &self.expected {
            text.push_str(": expected ");
            text.push_str(expected);
        }
        if let Some(met) = &self.met {
            let names: Vec<_> = met.types.iter().map(|one| &*one.name).collect();
            text.push_str(", met ");
            text.push_str(&names.join(", "));
        }
        text
    }

    /// Notes the type of what a guard met.
    ///
    /// # Safety
    /// A live object.
    pub(super) unsafe fn note_type(&mut self, object: *mut PyObject) {
        // SAFETY: a live type has a name.
        let name = unsafe { CStr::from_ptr((*Py_TYPE(object)).tp_name) }.to_string_lossy();
        let met = self.met.get_or_insert_default();
        if let Some(known) = met.types.iter_mut().find(|one| *one.name == *name) {
            known.count += 1;
        } else if met.types.len() < MET_LIMIT {
            met.types.push(Met {
                name: name.into(),
                count: 1,
            });
        } else {
            met.others += 1;
        }
    }
}

/// Points of some code, packed, and the objects that they name.
#[derive(Default)]
#[allow(clippy::vec_box, reason = "code has their addresses")]
pub struct DeoptPoints {
    points: Vec<Box<DeoptPoint>>,
    named: FxHashSet<*mut PyObject>,
}

impl DeoptPoints {
    /// Adds one; gives its address, which stays.
    pub fn add(&mut self, mut point: Box<DeoptPoint>) -> *const DeoptPoint {
        self.named.extend(point.made().named());
        point.pack();
        let address = &raw const *point;
        self.points.push(point);
        address
    }

    /// Points that are packed, which name these objects.
    #[allow(clippy::vec_box, reason = "code has their addresses")]
    pub fn of_packed(points: Vec<Box<DeoptPoint>>, named: FxHashSet<*mut PyObject>) -> DeoptPoints {
        DeoptPoints { points, named }
    }

    pub fn append(&mut self, other: DeoptPoints) {
        self.points.extend(other.points);
        self.named.extend(other.named);
    }

    pub fn iter(&self) -> impl Iterator<Item = &DeoptPoint> {
        self.points.iter().map(|point| &**point)
    }

    pub fn set_owner(&mut self, owner: *mut Version) {
        for point in &mut self.points {
            point.owner = owner;
        }
    }

    #[allow(clippy::vec_box, reason = "code has their addresses")]
    pub(crate) fn into_parts(self) -> (Vec<Box<DeoptPoint>>, FxHashSet<*mut PyObject>) {
        (self.points, self.named)
    }
}

impl FromIterator<Box<DeoptPoint>> for DeoptPoints {
    fn from_iter<T: IntoIterator<Item = Box<DeoptPoint>>>(points: T) -> DeoptPoints {
        let mut all = DeoptPoints::default();
        for point in points {
            all.add(point);
        }
        all
    }
}
