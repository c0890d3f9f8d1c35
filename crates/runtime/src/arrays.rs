//! Arrays of numbers that optimized code reads and writes in place: `array.array`, memoryviews, NumPy's arrays and
//! scalars.
//!
//! What NumPy's and CPython's public headers show is read at its offset; the struct of `array.array` and the iterators are
//! internal. All of it is compared once with what the public interface says, by C functions only, before anything is read.
//! Neither module is ever imported: a type that was met says that it is there.

use crate::api;
use crate::layout::array_iterator::{INDEX as ITERATOR_INDEX, SEQUENCE as ITERATOR_SEQUENCE};
use crate::layout::array_object;
use crate::runtime_fns;
use pyo3_ffi::*;
use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;

/// What an element is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scalar {
    Bool,
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Float32,
    Float64,
}

impl Scalar {
    pub const ALL: [Scalar; 11] = [
        Scalar::Bool,
        Scalar::Int8,
        Scalar::UInt8,
        Scalar::Int16,
        Scalar::UInt16,
        Scalar::Int32,
        Scalar::UInt32,
        Scalar::Int64,
        Scalar::UInt64,
        Scalar::Float32,
        Scalar::Float64,
    ];

    /// Bytes.
    pub fn size(self) -> i64 {
        match self {
            Scalar::Bool | Scalar::Int8 | Scalar::UInt8 => 1,
            Scalar::Int16 | Scalar::UInt16 => 2,
            Scalar::Int32 | Scalar::UInt32 | Scalar::Float32 => 4,
            Scalar::Int64 | Scalar::UInt64 | Scalar::Float64 => 8,
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, Scalar::Float32 | Scalar::Float64)
    }

    pub fn is_int(self) -> bool {
        !self.is_float() && self != Scalar::Bool
    }

    pub fn is_signed(self) -> bool {
        matches!(self, Scalar::Int8 | Scalar::Int16 | Scalar::Int32 | Scalar::Int64)
    }

    /// The ints that it can be, as far as they are signed words.
    pub fn range(self) -> (i64, i64) {
        match self {
            Scalar::Bool => (0, 1),
            Scalar::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Scalar::UInt8 => (0, u8::MAX.into()),
            Scalar::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Scalar::UInt16 => (0, u16::MAX.into()),
            Scalar::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Scalar::UInt32 => (0, u32::MAX.into()),
            Scalar::UInt64 => (0, i64::MAX),
            _ => (i64::MIN, i64::MAX),
        }
    }

    /// The int with that many bytes.
    fn int(size: i64, signed: bool) -> Option<Scalar> {
        let all = Scalar::ALL.into_iter();
        all.filter(|one| one.is_int())
            .find(|one| one.size() == size && one.is_signed() == signed)
    }

    /// The name of its dtype, and of NumPy's type.
    fn numpy_name(self) -> &'static CStr {
        match self {
            Scalar::Bool => c"bool_",
            Scalar::Int8 => c"int8",
            Scalar::UInt8 => c"uint8",
            Scalar::Int16 => c"int16",
            Scalar::UInt16 => c"uint16",
            Scalar::Int32 => c"int32",
            Scalar::UInt32 => c"uint32",
            Scalar::Int64 => c"int64",
            Scalar::UInt64 => c"uint64",
            Scalar::Float32 => c"float32",
            Scalar::Float64 => c"float64",
        }
    }

    /// What a native format or typecode stands for.
    pub fn of_code(code: u8) -> Option<Scalar> {
        let int = |size: usize, signed| Scalar::int(size as i64, signed);
        match code {
            b'?' => Some(Scalar::Bool),
            b'b' => Some(Scalar::Int8),
            b'B' => Some(Scalar::UInt8),
            b'h' => Some(Scalar::Int16),
            b'H' => Some(Scalar::UInt16),
            b'i' => int(size_of::<std::ffi::c_int>(), true),
            b'I' => int(size_of::<std::ffi::c_uint>(), false),
            b'l' => int(size_of::<std::ffi::c_long>(), true),
            b'L' => int(size_of::<std::ffi::c_ulong>(), false),
            b'q' => Some(Scalar::Int64),
            b'Q' => Some(Scalar::UInt64),
            b'f' => Some(Scalar::Float32),
            b'd' => Some(Scalar::Float64),
            _ => None,
        }
    }
}

/// The type of an object with elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Holder {
    Array,
    MemoryView,
    Ndarray,
}

/// How an object's elements lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Layout {
    pub holder: Holder,
    pub element: Scalar,
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

/// Where a NumPy scalar's value lies (`numpy/arrayscalars.h`).
pub const SCALAR_VALUE: i32 = 16;
/// What is known of `array.array`.
struct Arrays {
    ty: *mut PyTypeObject,
    iterator: *mut PyTypeObject,
    /// By typecode.
    descriptions: Vec<(u8, *const ())>,
}

/// What is known of NumPy.
struct Numpy {
    array: *mut PyTypeObject,
    /// By [`Scalar`]: the scalar's type, and the dtype of arrays in native byte order.
    scalars: Vec<(*mut PyTypeObject, *mut PyObject)>,
    /// False and True.
    bools: [*mut PyObject; 2],
}

static mut ARRAYS: Option<Arrays> = None;
static mut NUMPY: Option<Numpy> = None;
/// The type of memoryviews' iterators; NULL if something lies otherwise than we think.
static mut MEMORY_VIEWS: Option<*mut PyTypeObject> = None;

/// Reads a field.
unsafe fn field<T: Copy>(object: *mut PyObject, offset: i32) -> T {
    // SAFETY: the caller knows the object's layout, or that it is at least so large.
    unsafe { object.cast::<u8>().offset(offset as isize).cast::<T>().read_unaligned() }
}

/// References that are given up at the end.
struct Made(Vec<*mut PyObject>);

impl Made {
    /// Takes a new reference over; `None` for NULL.
    fn take(&mut self, object: *mut PyObject) -> Option<*mut PyObject> {
        if object.is_null() {
            return None;
        }
        self.0.push(object);
        Some(object)
    }

    unsafe fn call(&mut self, callable: *mut PyObject, args: &[*mut PyObject]) -> Option<*mut PyObject> {
        // SAFETY: live objects.
        self.take(unsafe { PyObject_Vectorcall(callable, args.as_ptr(), args.len(), null_mut()) })
    }

    unsafe fn attribute(&mut self, object: *mut PyObject, name: &CStr) -> Option<*mut PyObject> {
        // SAFETY: a live object.
        self.take(unsafe { PyObject_GetAttrString(object, name.as_ptr()) })
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for &object in &self.0 {
            // SAFETY: the references are ours; the GIL is held.
            unsafe { Py_DECREF(object) };
        }
    }
}

/// Does something without disturbing the exception that is set, nor leaving one.
unsafe fn quietly<T>(what: impl FnOnce(&mut Made) -> Option<T>) -> Option<T> {
    // SAFETY: the GIL is held.
    unsafe {
        let raised = api::PyErr_GetRaisedException();
        let result = what(&mut Made(Vec::new()));
        PyErr_Clear();
        api::PyErr_SetRaisedException(raised);
        result
    }
}

/// A value of a module that has been imported; borrowed.
unsafe fn imported(module: &CStr, name: &CStr) -> Option<*mut PyObject> {
    // SAFETY: the GIL is held; dictionaries of modules are looked at without running Python code.
    unsafe {
        let module = PyDict_GetItemString(PyImport_GetModuleDict(), module.as_ptr());
        if module.is_null() || PyModule_Check(module) == 0 {
            return None;
        }
        let object = PyDict_GetItemString(PyModule_GetDict(module), name.as_ptr());
        (!object.is_null()).then_some(object)
    }
}

/// The type of a sequence's iterator, if that is laid out as we think.
unsafe fn prove_iterator(made: &mut Made, sequence: *mut PyObject) -> Option<*mut PyTypeObject> {
    // SAFETY: the iterators of builtin and NumPy's sequences have at least two fields.
    unsafe {
        let iterator = made.take(PyObject_GetIter(sequence))?;
        if field::<i64>(iterator, ITERATOR_INDEX) != 0 {
            return None;
        }
        made.take(PyIter_Next(iterator))?;
        let fine = field::<i64>(iterator, ITERATOR_INDEX) == 1
            && field::<*mut PyObject>(iterator, ITERATOR_SEQUENCE) == sequence;
        fine.then_some(Py_TYPE(iterator))
    }
}

unsafe fn find_arrays(made: &mut Made) -> Option<Arrays> {
    // SAFETY: the GIL is held; only functions in C are called.
    unsafe {
        let ty = imported(c"array", c"array")?;
        if PyType_Check(ty) == 0 || PyType_HasFeature(ty.cast(), Py_TPFLAGS_IMMUTABLETYPE) == 0 {
            return None;
        }
        let mut descriptions = Vec::new();
        let mut iterator = null_mut();
        for code in *b"bBhHiIlLqQfd" {
            let element = Scalar::of_code(code)?;
            let typecode = made.take(PyUnicode_FromStringAndSize((&raw const code).cast(), 1))?;
            let zeros = made.take(PyBytes_FromStringAndSize([0_u8; 24].as_ptr().cast(), 24))?;
            let array = made.call(ty, &[typecode, zeros])?;
            let method = made.attribute(array, c"buffer_info")?;
            let told = made.call(method, &[])?;
            let address = PyLong_AsVoidPtr(PyTuple_GetItem(told, 0));
            let length = PyLong_AsSsize_t(PyTuple_GetItem(told, 1));
            let items: *mut std::ffi::c_void = field(array, array_object::ITEMS);
            let size: Py_ssize_t = field(array, crate::layout::offset::OB_SIZE);
            if items != address || size != length || length as i64 != 24 / element.size() {
                return None;
            }
            let description: *const u8 = field(array, array_object::DESCRIPTION);
            // A pointer to static data of the module, which begins with the typecode.
            if description.is_null() || !(description as usize).is_multiple_of(8) || *description != code {
                return None;
            }
            iterator = prove_iterator(made, array)?;
            descriptions.push((code, description.cast()));
        }
        Py_INCREF(ty);
        Py_INCREF(iterator.cast());
        Some(Arrays {
            ty: ty.cast(),
            iterator,
            descriptions,
        })
    }
}

unsafe fn find_numpy(made: &mut Made) -> Option<Numpy> {
    // SAFETY: the GIL is held; only functions in C are called.
    unsafe {
        let array = imported(c"numpy", c"ndarray")?;
        let dtype = imported(c"numpy", c"dtype")?;
        let is_static = |object: *mut PyObject| {
            PyType_Check(object) != 0 && PyType_HasFeature(object.cast(), Py_TPFLAGS_HEAPTYPE) == 0
        };
        if !is_static(array) || PyType_Check(dtype) == 0 {
            return None;
        }
        let mut scalars = Vec::new();
        let mut bools = [null_mut(); 2];
        for scalar in Scalar::ALL {
            let ty = imported(c"numpy", scalar.numpy_name())?;
            if !is_static(ty) {
                return None;
            }
            let description = made.call(dtype, &[ty])?;
            let sides = [made.take(PyLong_FromLong(2))?, made.take(PyLong_FromLong(3))?];
            let shape = made.take(PyTuple_Pack(2, sides[0], sides[1]))?;
            let example = made.call(array, &[shape, description])?;
            let strides: *const i64 = field(example, ndarray::STRIDES);
            let shape: *const i64 = field(example, ndarray::SHAPE);
            if field::<*mut PyObject>(example, ndarray::DESCRIPTION) != description
                || field::<c_int>(example, ndarray::DIMENSIONS) != 2
            {
                return None;
            }
            let size = scalar.size();
            if [*shape, *shape.add(1), *strides, *strides.add(1)] != [2, 3, 3 * size, size] {
                return None;
            }
            let wanted = ndarray::ALIGNED | ndarray::WRITEABLE;
            let flags = i64::from(field::<c_int>(example, ndarray::FLAGS));
            if flags & (wanted | ndarray::WARN_ON_WRITE) != wanted {
                return None;
            }
            let interface = made.attribute(example, c"__array_interface__")?;
            let data = PyDict_GetItemString(interface, c"data".as_ptr());
            if data.is_null() || PyLong_AsVoidPtr(PyTuple_GetItem(data, 0)) != field(example, ndarray::DATA) {
                return None;
            }
            for value in 0..2_i32 {
                let number = made.take(PyLong_FromLong(value.into()))?;
                let object = made.call(ty, &[number])?;
                let wanted = scalar_bits(scalar, value.into(), value.into());
                if Py_TYPE(object) != ty.cast() || read_scalar(object, scalar) != wanted {
                    return None;
                }
                if scalar == Scalar::Bool {
                    bools[value as usize] = Py_NewRef(object);
                }
            }
            if scalar == Scalar::Float64 {
                let length = made.take(PyTuple_Pack(1, sides[0]))?;
                let line = made.call(array, &[length, description])?;
                if prove_iterator(made, line)? != &raw mut PySeqIter_Type {
                    return None;
                }
                let weak = made.take(PyWeakref_NewRef(line, null_mut()))?;
                if field::<*mut PyObject>(line, ndarray::WEAK_REFERENCES) != weak {
                    return None;
                }
            }
            Py_INCREF(ty);
            Py_INCREF(description);
            scalars.push((ty.cast(), description));
        }
        Py_INCREF(array);
        Some(Numpy {
            array: array.cast(),
            scalars,
            bools,
        })
    }
}

/// The bytes that a scalar's value has, as a word.
fn scalar_bits(scalar: Scalar, int: i64, float: f64) -> u64 {
    let int = int as u64;
    match scalar {
        Scalar::Float64 => float.to_bits(),
        Scalar::Float32 => u64::from((float as f32).to_bits()),
        _ => match scalar.size() {
            1 => int & 0xff,
            2 => int & 0xffff,
            4 => int & 0xffff_ffff,
            _ => int,
        },
    }
}

unsafe fn read_scalar(object: *mut PyObject, scalar: Scalar) -> u64 {
    // SAFETY: a scalar of that type.
    unsafe {
        match scalar.size() {
            1 => field::<u8>(object, SCALAR_VALUE).into(),
            2 => field::<u16>(object, SCALAR_VALUE).into(),
            4 => field::<u32>(object, SCALAR_VALUE).into(),
            _ => field::<u64>(object, SCALAR_VALUE),
        }
    }
}

#[allow(static_mut_refs, reason = "guarded by the GIL")]
fn arrays() -> Option<&'static Arrays> {
    // SAFETY: the GIL is held by whoever calls into this module; what has been found stays.
    unsafe {
        if ARRAYS.is_none() {
            ARRAYS = quietly(|made| find_arrays(made));
        }
        ARRAYS.as_ref()
    }
}

#[allow(static_mut_refs, reason = "guarded by the GIL")]
fn numpy() -> Option<&'static Numpy> {
    // SAFETY: as for `arrays`.
    unsafe {
        if NUMPY.is_none() {
            NUMPY = quietly(|made| find_numpy(made));
        }
        NUMPY.as_ref()
    }
}

/// The type of memoryviews' iterators, if they and memoryviews are laid out as we think.
fn memory_iterator() -> Option<*mut PyTypeObject> {
    let prove = |made: &mut Made| {
        // SAFETY: the GIL is held; a memoryview has its own buffer, whose fields are compared.
        unsafe {
            let bytes = made.take(PyBytes_FromStringAndSize(c"abc".as_ptr(), 3))?;
            let view = made.take(PyMemoryView_FromObject(bytes))?;
            let buffer = view
                .cast::<u8>()
                .offset(memory_view::BUFFER as isize)
                .cast::<Py_buffer>();
            let managed: *mut PyObject = field(view, memory_view::MANAGED_BUFFER);
            let flags = field::<c_int>(view, memory_view::FLAGS) | field::<c_int>(managed, memory_view::MANAGED_FLAGS);
            let fine = (*buffer).obj == bytes
                && (*buffer).buf == PyBytes_AsString(bytes).cast()
                && (*buffer).ndim == 1
                && (*buffer).readonly == 1
                && *(*buffer).shape == 3
                && *(*buffer).strides == 1
                && i64::from(flags) & memory_view::RELEASED == 0;
            if fine { prove_iterator(made, view) } else { None }
        }
    };
    // SAFETY: the GIL is held.
    unsafe {
        let known = &raw mut MEMORY_VIEWS;
        if (*known).is_none() {
            *known = Some(quietly(prove).unwrap_or(null_mut()));
        }
        (*known).filter(|ty| !ty.is_null())
    }
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

/// NumPy's dtype of a scalar, which arrays in native byte order refer to; it lives for ever.
pub fn dtype(scalar: Scalar) -> Option<*mut PyObject> {
    numpy().map(|known| known.scalars[scalar as usize].1)
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
                    element: Scalar::of_code(*code)?,
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
                let element = Scalar::of_code(code)?;
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
                let description: *mut PyObject = field(object, ndarray::DESCRIPTION);
                let scalars = &numpy()?.scalars;
                let at = scalars.iter().position(|&(_, known)| known == description)?;
                let element = Scalar::ALL[at];
                let dimensions: c_int = field(object, ndarray::DIMENSIONS);
                if !(1..=c_int::from(MOST_DIMENSIONS)).contains(&dimensions) {
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
                    && layout_of(object).is_some()
            }
            _ => false,
        }
    }
}

/// A NumPy scalar of a type that [`scalar_type`] has given; its value's bytes are `bits`. NULL if there is no memory.
///
/// # Safety
/// The GIL is held.
pub unsafe fn make_scalar(scalar: Scalar, bits: u64) -> *mut PyObject {
    let known = numpy().expect("a scalar's type is known before its objects are made");
    // SAFETY: the type's own allocator, as NumPy makes scalars; the value's place has been proved.
    unsafe {
        if scalar == Scalar::Bool {
            return Py_NewRef(known.bools[usize::from(bits & 0xff != 0)]);
        }
        let ty = known.scalars[scalar as usize].0;
        let allocate = (*ty).tp_alloc.expect("a scalar's type has an allocator");
        let object = allocate(ty, 0);
        if object.is_null() {
            return object;
        }
        let at = object.cast::<u8>().offset(SCALAR_VALUE as isize);
        match scalar.size() {
            1 => at.write(bits as u8),
            2 => at.cast::<u16>().write(bits as u16),
            4 => at.cast::<u32>().write(bits as u32),
            _ => at.cast::<u64>().write(bits),
        }
        object
    }
}

/// A NumPy scalar of an int, or of a float, by its type; NULL if there is no memory.
///
/// # Safety
/// The GIL is held; a type that [`scalar_type`] has given.
pub unsafe fn make_scalar_of(ty: *mut PyObject, int: i64, float: f64) -> *mut PyObject {
    // SAFETY: see the contract.
    unsafe {
        match known_type(ty.cast()) {
            Some(Known::Scalar(scalar)) => make_scalar(scalar, scalar_bits(scalar, int, float)),
            _ => unreachable!("not a scalar's type"),
        }
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
    /// A float rounded to single precision.
    ROUND_SINGLE = pure fn round_single(value: f64) -> f64 {
        f64::from(value as f32)
    }

    /// A NumPy scalar: the number of its [`Scalar`], an int.
    MAKE_NUMPY_INT = fn make_numpy_int(scalar: i64, value: i64) -> *mut PyObject {
        let scalar = Scalar::ALL[scalar as usize];
        certain(make_scalar(scalar, scalar_bits(scalar, value, 0.0)))
    }

    /// A NumPy scalar: the number of its [`Scalar`], a float.
    MAKE_NUMPY_FLOAT = fn make_numpy_float(scalar: i64, value: f64) -> *mut PyObject {
        let scalar = Scalar::ALL[scalar as usize];
        certain(make_scalar(scalar, scalar_bits(scalar, 0, value)))
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
