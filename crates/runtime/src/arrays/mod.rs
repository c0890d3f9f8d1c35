//! Arrays that optimized code reads and writes in place: `array.array`, memoryviews, NumPy's arrays, which may have objects
//! as well as numbers, and NumPy's scalars.
//!
//! What NumPy's and CPython's public headers show is read at its offset; the struct of `array.array` and the iterators are
//! internal. All of it is compared once with what the public interface says, by C functions only, before anything is read.
//! Neither module is ever imported: a type that was met says that it is there.

mod exact;
mod objects;
mod proofs;
mod scalar;

pub use exact::complex_is_rounded;
pub use scalar::{Number, SCALAR_VALUE, Scalar, make_scalar, make_scalar_of};

use crate::layout::array_iterator::{INDEX as ITERATOR_INDEX, SEQUENCE as ITERATOR_SEQUENCE};
use crate::layout::array_object;
use crate::runtime_fns;
use proofs::{arrays, field, memory_iterator, numpy};
use pyo3_ffi::*;
use std::ffi::{CStr, c_char, c_int};

/// The type of an object with elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Holder {
    Array,
    MemoryView,
    Ndarray,
}

/// What an element of an array is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Element {
    Number(Scalar),
    /// A reference to any object, or NULL, which stands for None (in NumPy's arrays only).
    Object,
}

impl Element {
    /// Bytes.
    pub fn size(self) -> i64 {
        match self {
            Element::Number(scalar) => scalar.size(),
            Element::Object => size_of::<*mut PyObject>() as i64,
        }
    }

    /// What a native format or typecode stands for.
    fn of_code(code: u8) -> Option<Element> {
        Scalar::of_code(code).map(Element::Number)
    }
}

/// How an object's elements lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Layout {
    pub holder: Holder,
    pub element: Element,
    /// The typecode or format.
    pub code: u8,
    pub dimensions: u8,
    /// Along the last dimension, elements lie side by side.
    pub dense: bool,
}

/// The layouts that were met at one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Layouts {
    met: Option<Layout>,
    mixed: bool,
}

impl Layouts {
    pub fn add(&mut self, layout: Layout) {
        match &mut self.met {
            None => self.met = Some(layout),
            Some(met) => {
                let dense = met.dense && layout.dense;
                self.mixed |= Layout { dense, ..*met } != Layout { dense, ..layout };
                met.dense = dense;
            }
        }
    }

    pub fn add_all(&mut self, other: Layouts) {
        if let Some(layout) = other.met {
            self.add(layout);
        }
        self.mixed |= other.mixed;
    }

    /// The one that it always was, but for where elements lie side by side.
    pub fn only(&self) -> Option<Layout> {
        self.met.filter(|_| !self.mixed)
    }
}

/// Dimensions of NumPy arrays that are read in place, at most.
pub const MOST_DIMENSIONS: u8 = 8;

/// `PyMemoryViewObject` (`cpython/memoryobject.h`), by offset.
pub mod memory_view {
    pub const MANAGED_BUFFER: i32 = 24;
    pub const FLAGS: i32 = 40;
    pub const BUFFER: i32 = 56;
    pub const READONLY: i32 = BUFFER + 32;
    pub const DIMENSIONS: i32 = BUFFER + 36;
    pub const FORMAT: i32 = BUFFER + 40;
    pub const SHAPE: i32 = BUFFER + 48;
    pub const STRIDES: i32 = BUFFER + 56;
    pub const SUBOFFSETS: i32 = BUFFER + 64;
    /// `_PyManagedBufferObject`.
    pub const MANAGED_FLAGS: i32 = 16;
    /// Of either's flags.
    pub const RELEASED: i64 = 1;
}

/// `PyArrayObject_fields` (`numpy/ndarraytypes.h`), by offset.
pub mod ndarray {
    pub const DATA: i32 = 16;
    pub const DIMENSIONS: i32 = 24;
    pub const SHAPE: i32 = 32;
    pub const STRIDES: i32 = 40;
    pub const BASE: i32 = 48;
    pub const DESCRIPTION: i32 = 56;
    pub const FLAGS: i32 = 64;
    pub const WEAK_REFERENCES: i32 = 72;
    pub const ALIGNED: i64 = 0x100;
    pub const WRITEABLE: i64 = 0x400;
    /// The array is a copy whose end writes to another.
    pub const WRITE_BACK: i64 = 0x2000;
    /// The array warns when it is written to.
    pub const WARN_ON_WRITE: i64 = 1 << 31;
}

/// What a type is to this module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    Holder(Holder),
    /// A NumPy scalar.
    Scalar(Scalar),
}

/// What a type is, if it is one of those that are known here.
///
/// # Safety
/// The GIL is held; a live type.
pub unsafe fn known_type(ty: *mut PyTypeObject) -> Option<Known> {
    // SAFETY: see the contract; every type has a name.
    unsafe {
        if ty == &raw mut PyMemoryView_Type {
            return memory_iterator().map(|_| Known::Holder(Holder::MemoryView));
        }
        let name = CStr::from_ptr((*ty).tp_name).to_bytes();
        if name == b"array.array" {
            return arrays()
                .filter(|known| known.ty == ty)
                .map(|_| Known::Holder(Holder::Array));
        }
        if !name.starts_with(b"numpy.") {
            return None;
        }
        let known = numpy()?;
        if known.array == ty {
            return Some(Known::Holder(Holder::Ndarray));
        }
        let at = known.scalars.iter().position(|&(scalar, _)| scalar == ty)?;
        Some(Known::Scalar(Scalar::ALL[at]))
    }
}

/// The type of a holder that was met.
pub fn holder_type(holder: Holder) -> Option<*mut PyTypeObject> {
    match holder {
        Holder::Array => arrays().map(|known| known.ty),
        Holder::MemoryView => Some(&raw mut PyMemoryView_Type),
        Holder::Ndarray => numpy().map(|known| known.array),
    }
}

/// NumPy's type of a scalar.
pub fn scalar_type(scalar: Scalar) -> Option<*mut PyTypeObject> {
    numpy().map(|known| known.scalars[scalar as usize].0)
}

/// Whether a type is `numpy.generic`, which all scalars' types are subclasses of.
pub fn is_generic(ty: *mut PyTypeObject) -> bool {
    // SAFETY: the bases of static types live for ever.
    numpy().is_some_and(|known| unsafe { (*known.scalars[Scalar::Bool as usize].0).tp_base } == ty)
}

/// NumPy's dtype of elements, which arrays in native byte order refer to; it lives for ever.
pub fn dtype(element: Element) -> Option<*mut PyObject> {
    let known = numpy()?;
    match element {
        Element::Number(scalar) => Some(known.scalars[scalar as usize].1),
        Element::Object => known.objects,
    }
}

/// What the elements of a NumPy array with this dtype are.
fn element_of(description: *mut PyObject) -> Option<Element> {
    let known = numpy()?;
    if known.objects == Some(description) {
        return Some(Element::Object);
    }
    let at = known.scalars.iter().position(|&(_, one)| one == description)?;
    Some(Element::Number(Scalar::ALL[at]))
}

/// What the description of an `array.array` with a typecode is.
pub fn array_description(code: u8) -> Option<*const ()> {
    let all = &arrays()?.descriptions;
    all.iter()
        .find(|(known, _)| *known == code)
        .map(|&(_, address)| address)
}

/// How an object's elements lie, if it has elements of a kind that is known.
///
/// # Safety
/// The GIL is held; a live object.
pub unsafe fn layout_of(object: *mut PyObject) -> Option<Layout> {
    // SAFETY: the type is looked at before the fields.
    unsafe {
        let Known::Holder(holder) = known_type(Py_TYPE(object))? else {
            return None;
        };
        match holder {
            Holder::Array => {
                let description: *const () = field(object, array_object::DESCRIPTION);
                let (code, _) = arrays()?.descriptions.iter().find(|(_, known)| *known == description)?;
                Some(Layout {
                    holder,
                    element: Element::of_code(*code)?,
                    code: *code,
                    dimensions: 1,
                    dense: true,
                })
            }
            Holder::MemoryView => {
                let format: *const c_char = field(object, memory_view::FORMAT);
                if field::<c_int>(object, memory_view::DIMENSIONS) != 1 || format.is_null() {
                    return None;
                }
                let [code] = *CStr::from_ptr(format).to_bytes() else {
                    return None;
                };
                let element = Element::of_code(code)?;
                let strides: *const Py_ssize_t = field(object, memory_view::STRIDES);
                Some(Layout {
                    holder,
                    element,
                    code,
                    dimensions: 1,
                    dense: *strides as i64 == element.size(),
                })
            }
            Holder::Ndarray => {
                let element = element_of(field(object, ndarray::DESCRIPTION))?;
                let dimensions: c_int = field(object, ndarray::DIMENSIONS);
                let flags = i64::from(field::<c_int>(object, ndarray::FLAGS));
                let is_aligned = flags & ndarray::ALIGNED != 0;
                if !(1..=c_int::from(MOST_DIMENSIONS)).contains(&dimensions) || !is_aligned {
                    return None;
                }
                let strides: *const i64 = field(object, ndarray::STRIDES);
                Some(Layout {
                    holder,
                    element,
                    code: 0,
                    dimensions: dimensions as u8,
                    dense: *strides.add(dimensions as usize - 1) == element.size(),
                })
            }
        }
    }
}

/// How the elements of what an iterator goes over lie, if its index and what that is are where [`ITERATOR_INDEX`] and
/// [`ITERATOR_SEQUENCE`] say.
///
/// # Safety
/// The GIL is held; a live object.
pub unsafe fn layout_of_iterated(iterator: *mut PyObject) -> Option<Layout> {
    // SAFETY: the type is looked at before the fields.
    unsafe {
        let ty = Py_TYPE(iterator);
        let holder = if ty == &raw mut PySeqIter_Type {
            Holder::Ndarray
        } else {
            match CStr::from_ptr((*ty).tp_name).to_bytes() {
                b"array.arrayiterator" if arrays()?.iterator == ty => Holder::Array,
                b"memory_iterator" if memory_iterator()? == ty => Holder::MemoryView,
                _ => return None,
            }
        };
        let sequence: *mut PyObject = field(iterator, ITERATOR_SEQUENCE);
        if sequence.is_null() {
            return None;
        }
        layout_of(sequence).filter(|layout| layout.holder == holder && layout.dimensions == 1)
    }
}

/// Whether nothing but NumPy's freeing of memory happens when the object, a NumPy scalar or array, ends.
///
/// # Safety
/// The GIL is held; a live object.
pub unsafe fn ends_quietly(object: *mut PyObject) -> bool {
    // SAFETY: the type is looked at before the fields.
    unsafe {
        match known_type(Py_TYPE(object)) {
            Some(Known::Scalar(_)) => true,
            Some(Known::Holder(Holder::Ndarray)) => {
                let base: *mut PyObject = field(object, ndarray::BASE);
                let flags = i64::from(field::<c_int>(object, ndarray::FLAGS));
                field::<*mut PyObject>(object, ndarray::WEAK_REFERENCES).is_null()
                    && (base.is_null() || Py_REFCNT(base) > 1)
                    && flags & ndarray::WRITE_BACK == 0
                    // Neither objects nor a dtype that ends with the array.
                    && layout_of(object).is_some_and(|layout| layout.element != Element::Object)
            }
            _ => false,
        }
    }
}

/// The same, where other objects end as well.
///
/// # Safety
/// The GIL is held; a live object.
pub unsafe fn ends_alone(object: *mut PyObject) -> bool {
    // SAFETY: what ends quietly and is no scalar is an array.
    unsafe {
        ends_quietly(object)
            && (holder_type(Holder::Ndarray) != Some(Py_TYPE(object))
                || field::<*mut PyObject>(object, ndarray::BASE).is_null())
    }
}

/// A number that the interpreter cannot do without, or the end.
fn certain(object: *mut PyObject) -> *mut PyObject {
    if object.is_null() {
        // SAFETY: the text is one.
        unsafe { Py_FatalError(c"no memory for a NumPy scalar that optimized code had put off".as_ptr()) }
    }
    object
}

runtime_fns! {
    /// A NumPy scalar: the number of its [`Scalar`], an int.
    MAKE_NUMPY_INT = fn make_numpy_int(scalar: i64, value: i64) -> *mut PyObject {
        certain(make_scalar(Scalar::ALL[scalar as usize], Number::Int(value)))
    }

    /// A NumPy scalar: the number of its [`Scalar`], a float.
    MAKE_NUMPY_FLOAT = fn make_numpy_float(scalar: i64, value: f64) -> *mut PyObject {
        certain(make_scalar(Scalar::ALL[scalar as usize], Number::Float(value)))
    }

    /// A NumPy scalar: the number of its [`Scalar`], a complex number.
    MAKE_NUMPY_COMPLEX = fn make_numpy_complex(scalar: i64, real: f64, imaginary: f64) -> *mut PyObject {
        certain(make_scalar(Scalar::ALL[scalar as usize], Number::Complex(real, imaginary)))
    }

    /// `abs` of a NumPy scalar with these parts, which neither warns nor raises.
    NUMPY_ABS = pure fn numpy_abs(real: f64, imaginary: f64) -> f64 {
        exact::size(real, imaginary)
    }

    /// The same of parts of single precision.
    NUMPY_ABS_SINGLE = pure fn numpy_abs_single(real: f64, imaginary: f64) -> f64 {
        exact::single_size(real as f32, imaginary as f32).into()
    }

    /// The iterator over an array, which it takes over, from an index on.
    MAKE_ARRAY_ITERATOR = takes(array) fn make_array_iterator(array: *mut PyObject, index: i64) -> *mut PyObject {
        let iterator = certain(array_iterator(array, index));
        Py_DECREF(array);
        iterator
    }

    /// A part of a NumPy array (taken over) that an index in range gives.
    MAKE_ROW = takes(array) fn make_row(array: *mut PyObject, index: i64) -> *mut PyObject {
        let number = crate::numbers::make_int(index);
        let row = certain(PyObject_GetItem(array, number));
        Py_DECREF(number);
        Py_DECREF(array);
        row
    }
}

/// The iterator over an array, from an index on.
///
/// # Safety
/// The GIL is held; a live object of a [`Holder`]'s type.
pub unsafe fn array_iterator(array: *mut PyObject, index: i64) -> *mut PyObject {
    // SAFETY: see the contract; the iterators' layout has been proved.
    unsafe {
        let iterator = PyObject_GetIter(array);
        if !iterator.is_null() {
            let at = iterator.cast::<u8>().offset(ITERATOR_INDEX as isize);
            at.cast::<i64>().write(index);
        }
        iterator
    }
}
