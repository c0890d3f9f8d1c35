//! For tests: frames as optimized code would leave them, from a description in Python.

use crate::compiler::Purpose;
use justjit_runtime::deopt::{
    DeoptPoint, DeoptPoints, DeoptReason, FrameRecovery, Going, IteratorOf, Place, Reconstruction, Recovery, Returns,
    VirtualObject, deoptimize, invalidate,
};
use justjit_runtime::frame::{link_function_frame, room};
use justjit_runtime::hook;
use justjit_runtime::layout::Code;
use justjit_runtime::{thread, tiering};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt, PyList, PyTuple};
use pyo3_ffi::*;

fn wrong<T>(what: &str) -> PyResult<T> {
    Err(PyValueError::new_err(format!("no such {what}")))
}

/// `("int", index)` and the like; `("constant", object)`.
fn recovery(described: &Bound<'_, PyAny>) -> PyResult<Recovery> {
    let described = described.cast::<PyTuple>()?;
    let kind: String = described.get_item(0)?.extract()?;
    let index = || described.get_item(1)?.extract::<u16>();
    Ok(match kind.as_str() {
        "in frame" => Recovery::InFrame,
        "null" => Recovery::Null,
        "constant" => Recovery::Constant(described.get_item(1)?.as_ptr()),
        "slot" => Recovery::Slot(index()?),
        "int" => Recovery::Int(index()?),
        "float" => Recovery::Float(index()?),
        "bool" => Recovery::Bool(index()?),
        "owned" => Recovery::Owned(index()?),
        "borrowed" => Recovery::Borrowed(index()?),
        "virtual" => Recovery::Virtual(index()?),
        _ => return wrong("recovery"),
    })
}

fn recoveries(described: &[Bound<'_, PyAny>]) -> PyResult<Box<[Recovery]>> {
    described.iter().map(recovery).collect()
}

/// `("tuple", part, …)` and the like.
fn virtual_object(described: &Bound<'_, PyTuple>) -> PyResult<VirtualObject> {
    let kind: String = described.get_item(0)?.extract()?;
    let parts: Vec<_> = described.iter().skip(1).collect();
    let parts = recoveries(&parts)?;
    Ok(match (kind.as_str(), &*parts) {
        ("tuple", _) => VirtualObject::Tuple(parts),
        ("list", _) => VirtualObject::List(parts),
        ("range iterator", &[next, stop, step]) => VirtualObject::RangeIterator { next, stop, step },
        ("list iterator", &[sequence, index]) => VirtualObject::SequenceIterator {
            of: IteratorOf::List,
            sequence,
            index,
        },
        ("tuple iterator", &[sequence, index]) => VirtualObject::SequenceIterator {
            of: IteratorOf::Tuple,
            sequence,
            index,
        },
        ("enumerate", &[iterator, count]) => VirtualObject::Enumerate { iterator, count },
        ("bound method", &[function, receiver]) => VirtualObject::BoundMethod { function, receiver },
        ("slice", &[start, stop, step]) => VirtualObject::Slice { start, stop, step },
        ("instance", &[class, ref values @ ..]) => VirtualObject::Instance {
            class,
            indices: (0..values.len() as u8).collect(),
            values: values.into(),
        },
        ("complex", &[real, imaginary]) => VirtualObject::Complex { real, imaginary },
        ("character", &[code_point @ Recovery::Int(_)]) => VirtualObject::Character(code_point),
        _ => return wrong("virtual object"),
    })
}

/// `("resume",)`, `("raise",)`, `("value",)` and the like.
fn going(described: &Bound<'_, PyTuple>) -> PyResult<Going> {
    let kind: String = described.get_item(0)?.extract()?;
    Ok(match kind.as_str() {
        "resume" => Going::Resume,
        "raise" => Going::Raise,
        "reraise" => Going::Reraise,
        "value" => Going::Waits(Returns::Value),
        "value and null" => Going::Waits(Returns::ValueAndNull),
        "nothing" => Going::Waits(Returns::Nothing),
        "instance" => Going::Waits(Returns::Instance(recovery(&described.get_item(1)?)?)),
        "operator" => Going::Waits(Returns::Operator {
            op: described.get_item(1)?.extract()?,
            left: recovery(&described.get_item(2)?)?,
            right: recovery(&described.get_item(3)?)?,
        }),
        _ => return wrong("way to go on"),
    })
}

/// A frame: function, instruction offset, how it goes on, locals, operand stack.
type Described<'py> = (
    Bound<'py, PyAny>,
    u32,
    Bound<'py, PyTuple>,
    Vec<Bound<'py, PyAny>>,
    Vec<Bound<'py, PyAny>>,
);

unsafe fn frame(described: &Described<'_>, outermost: bool) -> PyResult<FrameRecovery> {
    let (function, offset, goes, locals, stack) = described;
    // SAFETY: a live function; the GIL is held.
    unsafe {
        let code = hook::code_of(crate::function_pointer(function)?);
        let decoded = crate::compiler::decode_code(code).map_err(PyValueError::new_err)?;
        let Some(index) = decoded.index_at(*offset) else {
            return wrong("instruction");
        };
        let instruction = decoded.instructions[index];
        let (locals, stack) = (recoveries(locals)?, recoveries(stack)?);
        let consumed = usize::from(instruction.depth.unwrap_or(0)).saturating_sub(stack.len());
        if locals.len() != decoded.nlocals_plus as usize
            || stack.len() > decoded.stack_size as usize
            || going(goes)? == Going::Resume && consumed > 0
        {
            return wrong("frame");
        }
        Ok(FrameRecovery {
            code,
            function: if outermost {
                Recovery::InFrame
            } else {
                Recovery::Constant(function.as_ptr())
            },
            place: Place {
                start: instruction.start,
                offset: instruction.offset,
                next: instruction.next,
            },
            going: going(goes)?,
            locals,
            stack,
        })
    }
}

/// A word: an int's or a float's value, a bool, or any other object by its address: in a tuple of one, which keeps it alive, or
/// in a list of one, whose reference is taken.
fn word(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    if let Ok(holder) = value.cast::<PyList>() {
        let object = holder.get_item(0)?;
        holder.del_item(0)?;
        return Ok(object.into_ptr() as u64);
    }
    if let Ok(boxed) = value.cast::<PyTuple>() {
        return Ok(boxed.get_item(0)?.as_ptr() as u64);
    }
    if let Ok(value) = value.cast_exact::<PyFloat>() {
        return Ok(value.value().to_bits());
    }
    if let Ok(value) = value.cast::<PyInt>() {
        return Ok(value.extract::<i64>()? as u64);
    }
    wrong("value")
}

/// Runs frames as if the first one's function had been left with them; the result is its.
#[pyfunction]
#[pyo3(signature = (frames, values, virtuals, release, raised=None))]
pub fn run_recovered<'py>(
    py: Python<'py>,
    frames: Vec<Described<'py>>,
    values: Vec<Bound<'py, PyAny>>,
    virtuals: Vec<Bound<'py, PyTuple>>,
    release: Vec<u16>,
    raised: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: live objects; the GIL is held. What the point names is kept alive by the version, and the words by `values`.
    unsafe {
        let Some((outermost, ..)) = frames.first() else {
            return wrong("frames");
        };
        let function = crate::function_pointer(outermost)?;
        let version = hook::compile(function);
        if version.is_null() {
            return Err(PyRuntimeError::new_err("the function is not compiled"));
        }
        let frames = frames
            .iter()
            .enumerate()
            .map(|(index, one)| frame(one, index == 0))
            .collect::<PyResult<Vec<_>>>()?;
        let owned = frames.iter().flat_map(|one| one.locals.iter().chain(&one.stack));
        let owned: Vec<_> = owned
            .filter_map(|one| match one {
                Recovery::Owned(index) => Some(*index),
                _ => None,
            })
            .chain(release.iter().copied())
            .collect();
        let words = values.iter().map(word).collect::<PyResult<Vec<_>>>()?;
        let virtuals = virtuals.iter().map(virtual_object).collect::<PyResult<Vec<_>>>()?;
        let made = Reconstruction {
            frames: frames.into(),
            virtuals: virtuals.into(),
            release: release.into(),
        };
        let point = Box::new(DeoptPoint::new(version, made, DeoptReason::Requested));
        let thread = thread::current();
        let frame = room(thread, (*version).frame_bytes);
        if frame.is_null() {
            return Err(PyRuntimeError::new_err("no room for a frame"));
        }
        for index in owned
            .into_iter()
            .filter(|&index| values[usize::from(index)].cast::<PyTuple>().is_ok())
        {
            Py_INCREF(words[usize::from(index)] as *mut PyObject);
        }
        (*version).add_deopt_points(DeoptPoints::from_iter([point]));
        let point: *mut DeoptPoint = match (*version).deopt_points.last_mut() {
            Some(point) => &raw mut **point,
            None => unreachable!("it has just been added"),
        };
        let code = (*version).code;
        link_function_frame(thread, frame, function, code, Code::instructions(code));
        if let Some(raised) = raised {
            PyErr::from_value(raised).restore(py);
        }
        Bound::from_owned_ptr_or_err(py, deoptimize(thread, frame, point, words.as_ptr()))
    }
}

/// Compiles a function as [`compile_now`](crate) does, but has the version pass for an optimized one, which may become
/// invalid. False if that is not possible.
#[pyfunction]
pub fn compile_as_optimized(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let function = crate::function_pointer(function)?;
    // SAFETY: a live function; the GIL is held.
    unsafe {
        let older = hook::compile(function);
        let state = hook::state_of(hook::code_of(function).cast());
        if older.is_null() || state.is_null() {
            return Ok(false);
        }
        let made = crate::compiler::make(function.cast(), state, Purpose::Optimized);
        let Ok(made) = made.map(Box::into_raw) else {
            return Ok(false);
        };
        tiering::add_version(state, made);
        tiering::supersede(function, older, made);
        Ok(true)
    }
}

/// Has a function's present version not be entered any more; False if there is no other that could be.
#[pyfunction]
pub fn invalidate_version(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let function = crate::function_pointer(function)?;
    // SAFETY: a live function; the GIL is held.
    unsafe {
        let version = hook::version_of(function);
        Ok(!version.is_null() && invalidate(version))
    }
}
