//! What is compared once with what Python's public interface says, before anything is read: types, layouts, iterators.

use super::objects::prove_objects;
use super::scalar::{Number, read_scalar, scalar_bits};
use super::{Scalar, memory_view, ndarray};
use crate::api;
use crate::layout::array_iterator::{INDEX as ITERATOR_INDEX, SEQUENCE as ITERATOR_SEQUENCE};
use crate::layout::array_object;
use pyo3_ffi::*;
use std::ffi::{CStr, c_int};
use std::ptr::null_mut;

/// What is known of `array.array`.
pub(super) struct Arrays {
    pub(super) ty: *mut PyTypeObject,
    pub(super) iterator: *mut PyTypeObject,
    /// By typecode.
    pub(super) descriptions: Vec<(u8, *const ())>,
}

/// What is known of NumPy.
pub(super) struct Numpy {
    pub(super) array: *mut PyTypeObject,
    /// By [`Scalar`]: the scalar's type, and the dtype of arrays in native byte order.
    pub(super) scalars: Vec<(*mut PyTypeObject, *mut PyObject)>,
    /// False and True.
    pub(super) bools: [*mut PyObject; 2],
    /// The dtype of arrays of objects, if NumPy reads and writes their elements as we think.
    pub(super) objects: Option<*mut PyObject>,
}

static mut ARRAYS: Option<Arrays> = None;
static mut NUMPY: Option<Numpy> = None;
/// The type of memoryviews' iterators; NULL if something lies otherwise than we think.
static mut MEMORY_VIEWS: Option<*mut PyTypeObject> = None;

/// Reads a field.
pub(super) unsafe fn field<T: Copy>(object: *mut PyObject, offset: i32) -> T {
    // SAFETY: the caller knows the object's layout, or that it is at least so large.
    unsafe { object.cast::<u8>().offset(offset as isize).cast::<T>().read_unaligned() }
}

/// References that are given up at the end.
pub(super) struct Made(Vec<*mut PyObject>);

impl Made {
    /// Takes a new reference over; `None` for NULL.
    pub(super) fn take(&mut self, object: *mut PyObject) -> Option<*mut PyObject> {
        if object.is_null() {
            return None;
        }
        self.0.push(object);
        Some(object)
    }

    pub(super) unsafe fn call(&mut self, callable: *mut PyObject, args: &[*mut PyObject]) -> Option<*mut PyObject> {
        // SAFETY: live objects.
        self.take(unsafe { PyObject_Vectorcall(callable, args.as_ptr(), args.len(), null_mut()) })
    }

    pub(super) unsafe fn attribute(&mut self, object: *mut PyObject, name: &CStr) -> Option<*mut PyObject> {
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
pub(super) unsafe fn quietly<T>(what: impl FnOnce(&mut Made) -> Option<T>) -> Option<T> {
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
pub(super) unsafe fn prove_iterator(made: &mut Made, sequence: *mut PyObject) -> Option<*mut PyTypeObject> {
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
                let (object, number) = if scalar.is_complex() {
                    let parts = (f64::from(value) - 0.5, -3.25);
                    let number = made.take(PyComplex_FromDoubles(parts.0, parts.1))?;
                    (made.call(ty, &[number])?, Number::Complex(parts.0, parts.1))
                } else {
                    let number = made.take(PyLong_FromLong(value.into()))?;
                    (made.call(ty, &[number])?, Number::Int(value.into()))
                };
                let wanted = scalar_bits(scalar, number);
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
        let objects = prove_objects(made, array, dtype);
        PyErr_Clear();
        Py_INCREF(array);
        Some(Numpy {
            array: array.cast(),
            scalars,
            bools,
            objects,
        })
    }
}

#[allow(static_mut_refs, reason = "guarded by the GIL")]
pub(super) fn arrays() -> Option<&'static Arrays> {
    // SAFETY: the GIL is held by whoever calls into this module; what has been found stays.
    unsafe {
        if ARRAYS.is_none() {
            ARRAYS = quietly(|made| find_arrays(made));
        }
        ARRAYS.as_ref()
    }
}

#[allow(static_mut_refs, reason = "guarded by the GIL")]
pub(super) fn numpy() -> Option<&'static Numpy> {
    // SAFETY: as for `arrays`.
    unsafe {
        if NUMPY.is_none() {
            NUMPY = quietly(|made| find_numpy(made));
        }
        NUMPY.as_ref()
    }
}

/// The type of memoryviews' iterators, if they and memoryviews are laid out as we think.
pub(super) fn memory_iterator() -> Option<*mut PyTypeObject> {
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
