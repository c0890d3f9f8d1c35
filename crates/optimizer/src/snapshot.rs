//! What building the IR knows of the interpreter's objects: the answers to [`Known`]'s questions, and the bets.

use crate::knowledge::{Knowledge, Seen, Types};
use crate::mathematics::{CmathFn, MathFn};
use crate::{Body, Builtin, Global, Known, Shapes};
use justjit_bytecode::{Function as Decoded, Opcode};
use justjit_ir::Reason;
use justjit_runtime::attributes::AttributeSite;
use justjit_runtime::builtins::MethodDescriptor;
use justjit_runtime::deopt::DeoptReason;
use justjit_runtime::feedback::seen as bits;
use justjit_runtime::globals::{self, GlobalCell};
use justjit_runtime::layout::{Code, Function};
use justjit_runtime::sampling::{CalleeKind, Record, Sample, flag};
use justjit_runtime::site::{CallSite, Callee};
use justjit_runtime::version::{Tier, Version};
use justjit_runtime::{api, bets, hook};
use pyo3_ffi::*;
use std::ptr::null_mut;

/// Decodes a code object; the error is the reason why it cannot be.
pub type Decode = unsafe fn(code: *mut Code) -> Result<Decoded, String>;

/// Shapes of one attribute that code is made for, at most.
const SHAPES: usize = 6;
/// Losses after which a name's value is not taken for constant any more.
const NAME_LOSSES: u32 = 2;

/// The interpreter as a version's code finds it.
pub struct Snapshot {
    pub version: *mut Version,
    pub decode: Decode,
    list_iterator: *mut PyTypeObject,
    string_iterators: [*mut PyTypeObject; 2],
    tuple_iterator: *mut PyTypeObject,
    /// Sites of calls and attributes that the runtime does.
    pub calls: Vec<Box<CallSite>>,
    pub attributes: Vec<Box<AttributeSite>>,
    pub cells: Vec<*mut GlobalCell>,
    /// References that building has made.
    pub made: Vec<*mut PyObject>,
    /// Feedback that nobody reads.
    pub scratch: Box<[u8]>,
    /// Memory that the code refers to.
    pub tables: Vec<Box<[u8]>>,
    /// Callees that might be inlined if anything had been seen of them.
    pub unseen: Vec<*mut PyObject>,
}

unsafe fn iterator_type(sequence: *mut PyObject) -> *mut PyTypeObject {
    // SAFETY: a new list or tuple, which is given up.
    unsafe {
        let iterator = PyObject_GetIter(sequence);
        let ty = Py_TYPE(iterator);
        Py_DECREF(iterator);
        Py_DECREF(sequence);
        ty
    }
}

fn types(sample: Option<&Sample>) -> Types {
    let Some(sample) = sample else {
        return Types::default();
    };
    // SAFETY: the GIL is held while a snapshot is taken.
    let met: Vec<_> = sample.types().iter().map(|one| unsafe { one.live() }).collect();
    let gone = met.iter().any(Option::is_none);
    Types {
        met: met.into_iter().flatten().collect(),
        more: gone || sample.has(flag::MORE_TYPES | flag::NULL | flag::CHANGED),
        wide: sample.has(flag::WIDE_INT),
        layouts: sample.layouts,
    }
}

fn seen(record: &Record) -> Seen {
    let sample = |one: &Option<Box<Sample>>| types(one.as_deref());
    Seen {
        count: u32::try_from(record.count).unwrap_or(u32::MAX),
        result: sample(&record.result),
        operands: [0, 1, 2].map(|at| sample(&record.operands[at])),
        // SAFETY: as for `types`.
        object: record.result.as_ref().and_then(|one| unsafe { one.only_object() }),
        method: bound_method(record),
    }
}

/// The method descriptor whose definition all callees of a call had, which were bound methods of a static type's.
fn bound_method(record: &Record) -> Option<*mut PyObject> {
    let callees = record.callees.as_ref().filter(|callees| callees.more == 0)?;
    let [callee] = callees.met() else {
        return None;
    };
    if callee.kind != CalleeKind::Builtin || callee.bound {
        return None;
    }
    let ty = types(Some(&callee.receiver)).only()?;
    // SAFETY: the GIL is held; a static type lives for ever, and so do its methods and their definitions. The definition is
    // looked at only where the type has one of that address.
    unsafe {
        if PyType_HasFeature(ty, Py_TPFLAGS_HEAPTYPE) != 0 {
            return None;
        }
        let methods = (*ty).tp_methods;
        let definition = callee.definition();
        let mut at = methods;
        while !at.is_null() && !(*at).ml_name.is_null() && at != definition {
            at = at.add(1);
        }
        if at.is_null() || at != definition {
            return None;
        }
        let method = PyObject_GetAttrString(ty.cast(), (*definition).ml_name);
        if method.is_null() {
            PyErr_Clear();
            return None;
        }
        // The type has it.
        Py_DECREF(method);
        let is_method = Py_TYPE(method) == &raw mut PyMethodDescr_Type;
        (is_method && (*method.cast::<MethodDescriptor>()).d_method == definition).then_some(method)
    }
}

/// The bets that are not to be made again in this code, wherever it is inlined: byte offsets and reasons, and whether that was
/// known when they failed the last time.
///
/// # Safety
/// The GIL is held; a live code object.
unsafe fn lost(code: *mut Code) -> Vec<(u32, Reason, bool)> {
    let reason = |reason| match reason {
        DeoptReason::Type | DeoptReason::Value => Some(Reason::Type),
        DeoptReason::Overflow => Some(Reason::Overflow),
        DeoptReason::Bounds => Some(Reason::Bounds),
        DeoptReason::DivisionByZero => Some(Reason::DivisionByZero),
        DeoptReason::Domain => Some(Reason::Domain),
        DeoptReason::Missing => Some(Reason::Missing),
        DeoptReason::Unbound => Some(Reason::Unbound),
        DeoptReason::Changed | DeoptReason::Global | DeoptReason::Class => Some(Reason::Changed),
        DeoptReason::Unreached => Some(Reason::Unreached),
        DeoptReason::Unsupported => Some(Reason::Unsupported),
        DeoptReason::Ending => Some(Reason::Ending),
        DeoptReason::Loop => Some(Reason::Loop),
        DeoptReason::Overwritten => Some(Reason::Overwritten),
        DeoptReason::Exception => Some(Reason::Exception),
        // What no other code could do without.
        DeoptReason::Callee | DeoptReason::FrameSeen | DeoptReason::Safepoint => None,
        DeoptReason::NoRoom | DeoptReason::Requested => None,
    };
    // SAFETY: see the contract.
    unsafe {
        let state = hook::state_of(code.cast());
        if state.is_null() {
            return Vec::new();
        }
        let widened = (*state).widened.iter();
        let widened = widened.filter_map(|one| {
            // One value there may be any other.
            let again = one.again || one.reason == DeoptReason::Value;
            Some((one.offset, reason(one.reason)?, again))
        });
        widened.collect()
    }
}

/// Samples are taken of a few rounds in a row, in which what is unpacked may be one object. What any version of the code has met
/// says whether there were others.
///
/// # Safety
/// The GIL is held; a live code object.
unsafe fn add_unpacked(code: *mut Code, decoded: &Decoded, all: &mut [Seen]) {
    // SAFETY: see the contract; versions live as long as their code.
    unsafe {
        let state = hook::state_of(code.cast());
        if state.is_null() {
            return;
        }
        let instructions = decoded.instructions.iter().enumerate();
        let unpacking = instructions.filter(|(_, one)| one.opcode == Opcode::UnpackSequence);
        for (index, _) in unpacking {
            if all[index].operands[0].met.is_empty() {
                continue;
            }
            let versions = (*state).versions.iter();
            let known = versions.filter_map(|&version| (&*version).feedback.get(index).copied());
            let known = known.fold(0, |all, one| all | one);
            let met = [(bits::LIST, &raw mut PyList_Type), (bits::TUPLE, &raw mut PyTuple_Type)];
            all[index].operands[0].add(Types {
                met: met
                    .into_iter()
                    .filter(|(bit, _)| known & bit != 0)
                    .map(|(_, ty)| ty)
                    .collect(),
                ..Types::default()
            });
        }
    }
}

impl Snapshot {
    /// # Safety
    /// The GIL is held; a live version.
    pub unsafe fn new(version: *mut Version, decode: Decode) -> Snapshot {
        // SAFETY: see the contract.
        unsafe {
            Snapshot {
                version,
                decode,
                list_iterator: iterator_type(PyList_New(0)),
                string_iterators: [0x61, 0x3b1].map(|code_point| iterator_type(PyUnicode_FromOrdinal(code_point))),
                tuple_iterator: iterator_type(PyTuple_New(0)),
                calls: Vec::new(),
                attributes: Vec::new(),
                cells: Vec::new(),
                made: Vec::new(),
                scratch: vec![0; 8].into(),
                tables: Vec::new(),
                unseen: Vec::new(),
            }
        }
    }

    /// What is known of a function's code by the versions that have taken samples.
    ///
    /// # Safety
    /// The GIL is held; a live function and its code.
    pub unsafe fn knowledge(&self, function: *mut PyObject, code: *mut Code, decoded: &Decoded) -> Knowledge {
        // SAFETY: see the contract.
        let sampled = unsafe {
            let function = function.cast::<Function>();
            Snapshot::sampled_versions(code, (*function).func_globals, (*function).func_builtins)
        };
        self.knowledge_of(&sampled, code, decoded)
    }

    /// What versions of a code object have seen.
    fn knowledge_of(&self, sampled: &[*const Version], code: *mut Code, decoded: &Decoded) -> Knowledge {
        // SAFETY: a live code object; the GIL is held.
        let widened = unsafe { lost(code) };
        let offsets = decoded.instructions.iter().enumerate();
        let widened = offsets.flat_map(|(index, one)| {
            let here = widened.iter().filter(move |(offset, ..)| *offset == one.offset);
            here.map(move |&(_, reason, again)| ((index as u32, reason), again))
        });
        let mut lost = rustc_hash::FxHashMap::default();
        for (bet, again) in widened {
            *lost.entry(bet).or_default() |= again;
        }
        let mut all = vec![Seen::default(); decoded.instructions.len()];
        for &version in sampled {
            // SAFETY: versions live as long as their code.
            for (sum, record) in all.iter_mut().zip(unsafe { &(*version).records }) {
                sum.add(seen(record));
            }
        }
        // SAFETY: a live code object; the GIL is held.
        unsafe { add_unpacked(code, decoded, &mut all) };
        let mut knowledge = Knowledge {
            widened: lost,
            sampled: !sampled.is_empty(),
            seen: all,
            ..Knowledge::default()
        };
        knowledge.note_untold(decoded);
        knowledge.note_reached(decoded);
        knowledge
    }

    /// The versions of a code object for a namespace that have taken samples, the newest first.
    unsafe fn sampled_versions(
        code: *mut Code,
        globals: *mut PyObject,
        builtins: *mut PyObject,
    ) -> Vec<*const Version> {
        // SAFETY: a live code object.
        unsafe {
            let state = hook::state_of(code.cast());
            if state.is_null() {
                return Vec::new();
            }
            // Where optimized code was left, samples may have been taken as well.
            let versions = (*state).versions.iter().rev().copied().flat_map(|one| {
                let continuations = (*one).continuations.iter().map(|next| next.version);
                let of_code = continuations.filter(|&next| !next.is_null() && (*next).code == code);
                std::iter::once(one).chain(of_code)
            });
            let versions = versions.filter(|&one| {
                (*one).globals == globals
                    && (*one).builtins == builtins
                    && (*one).records.iter().any(|record| record.count > 0)
            });
            versions.map(<*mut Version>::cast_const).collect()
        }
    }
}

#[allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "only `build`, which is unsafe, asks, and about live objects"
)]
impl Known for Snapshot {
    fn int(&mut self, value: i64) -> *mut PyObject {
        // SAFETY: the GIL is held; making an int cannot fail here.
        let object = unsafe { justjit_runtime::numbers::make_int(value) };
        self.made.push(object);
        object
    }

    fn int_value(&self, object: *mut PyObject) -> Option<i64> {
        let mut overflow = 0;
        // SAFETY: a live int.
        let value = unsafe { PyLong_AsLongLongAndOverflow(object, &mut overflow) };
        (overflow == 0).then_some(value)
    }

    fn complex(&self, object: *const ()) -> (f64, f64) {
        // SAFETY: a live complex object.
        unsafe {
            let object = object.cast_mut().cast();
            (PyComplex_RealAsDouble(object), PyComplex_ImagAsDouble(object))
        }
    }

    fn list_iterator_type(&self) -> *mut PyTypeObject {
        self.list_iterator
    }

    fn tuple_iterator_type(&self) -> *mut PyTypeObject {
        self.tuple_iterator
    }

    fn bytes(&mut self, bytes: &[u8]) -> *const () {
        let kept: Box<[u8]> = bytes.into();
        let address = kept.as_ptr().cast();
        self.tables.push(kept);
        address
    }

    fn is_string_iterator(&self, ty: *mut PyTypeObject) -> bool {
        self.string_iterators.contains(&ty)
    }

    fn valid(&self) -> *const () {
        // SAFETY: a live version.
        unsafe { (&raw const (*self.version).valid).cast() }
    }

    fn scratch(&self) -> *const () {
        self.scratch.as_ptr().cast()
    }

    fn global(
        &mut self,
        globals: *mut PyObject,
        builtins: *mut PyObject,
        name: *mut PyObject,
        bet: bool,
    ) -> Option<Global> {
        // SAFETY: live objects; the GIL is held.
        unsafe {
            if PyDict_CheckExact(globals) == 0 || PyDict_CheckExact(builtins) == 0 {
                return None;
            }
            let cell = globals::cell(globals, builtins, name);
            self.cells.push(cell);
            let value = value_of(cell)?;
            // A name that is a variable rather than a constant.
            let lost = bets::losses(cell.cast_const().cast());
            let varies = lost >= NAME_LOSSES || (*cell).changes >= globals::CHANGES;
            if !bet || varies {
                return Some(Global::Cell(cell));
            }
            bets::bet(cell.cast_const().cast(), self.version);
            Some(Global::Constant(value))
        }
    }

    fn attribute_of_constant(&mut self, object: *mut PyObject, name: *mut PyObject) -> Option<*mut PyObject> {
        // SAFETY: live objects; the GIL is held.
        unsafe {
            if PyModule_CheckExact(object) == 0 {
                return None;
            }
            let dict = PyModule_GetDict(object);
            if dict.is_null() || PyDict_CheckExact(dict) == 0 {
                return None;
            }
            let cell = globals::cell(dict, null_mut(), name);
            self.cells.push(cell);
            if bets::losses(cell.cast_const().cast()) >= NAME_LOSSES {
                return None;
            }
            let value = value_of(cell)?;
            bets::bet(cell.cast_const().cast(), self.version);
            Some(value)
        }
    }

    fn method_of_type(&mut self, ty: *mut PyTypeObject, name: *mut PyObject) -> Option<*mut PyObject> {
        // SAFETY: a static type, whose attributes never change.
        unsafe {
            if PyType_HasFeature(ty, Py_TPFLAGS_HEAPTYPE) != 0 {
                return None;
            }
            let found = PyObject_GetAttr(ty.cast(), name);
            if found.is_null() {
                PyErr_Clear();
                return None;
            }
            self.made.push(found);
            Some(found)
        }
    }

    fn shapes(&mut self, code: *mut Code, index: usize) -> Shapes {
        let mut known = Shapes::default();
        // SAFETY: versions live as long as their code.
        unsafe {
            let state = hook::state_of(code.cast());
            if state.is_null() {
                return known;
            }
            // What a version has met says nothing about what its callers met before and after: all together do. The newest
            // know best where a class's instances have their attributes.
            for &version in (*state).versions.iter().rev() {
                let sites = &(*version).attribute_sites;
                let Ok(at) = sites.binary_search_by_key(&index, |site| site.index) else {
                    continue;
                };
                known.more |= sites[at].has_met_more();
                // Objects may have begun with inline values: what was sampled last counts, where the runtime serves all.
                let site = &sites[at];
                if known.inline.is_none()
                    && (*version).tier == Tier::Sampling
                    && (site.has_met_inline() || site.has_met_dictionaries())
                {
                    known.inline = Some(site.has_met_inline());
                }
                if known.dictionary.is_none_or(|hint| hint == 0) && sites[at].has_met_dictionaries() {
                    known.dictionary = Some(sites[at].hint);
                }
                for shape in sites[at].known_shapes() {
                    if known.all.iter().any(|one| one.version == shape.version) {
                        continue;
                    }
                    if known.all.len() == SHAPES {
                        known.more = true;
                        break;
                    }
                    known.all.push(shape);
                }
            }
        }
        known
    }

    fn attribute_site(&mut self, name: *mut PyObject, index: usize) -> *const AttributeSite {
        let mut site = Box::new(AttributeSite::new(name, self.scratch.as_mut_ptr()));
        site.index = index;
        let address: *const AttributeSite = &raw const *site;
        self.attributes.push(site);
        address
    }

    fn call_site(&mut self, index: usize, by_itself: Option<Callee>) -> *const CallSite {
        let mut site = Box::new(CallSite::new());
        site.feedback = self.scratch.as_mut_ptr();
        site.owner = self.version;
        site.index = index;
        site.inlined = by_itself;
        let address: *const CallSite = &raw const *site;
        self.calls.push(site);
        address
    }

    fn callee_met(&mut self, code: *mut Code, index: usize) -> Option<Callee> {
        // SAFETY: versions live as long as their code.
        unsafe {
            let state = hook::state_of(code.cast());
            if state.is_null() {
                return None;
            }
            // Optimized code has the sites of its callees among its own.
            let versions = (*state).versions.iter().rev();
            let mut versions =
                versions.filter(|&&version| (*version).tier != justjit_runtime::version::Tier::Optimizing);
            versions.find_map(|&version| {
                let sites = &(*version).call_sites;
                let at = sites.binary_search_by_key(&index, |site| site.index).ok()?;
                sites[at].lesson().cloned()
            })
        }
    }

    fn callee(&mut self, function: *mut PyObject) -> Option<Body> {
        // SAFETY: a live function; the GIL is held.
        unsafe {
            let code = hook::code_of(function);
            let decoded = (self.decode)(code).ok()?;
            let knowledge = self.knowledge(function, code, &decoded);
            if !knowledge.sampled {
                if !self.unseen.contains(&function) {
                    self.unseen.push(function);
                }
                return None;
            }
            let callee = function;
            let function = function.cast::<Function>();
            Some(Body {
                function: callee,
                decoded,
                knowledge,
                globals: (*function).func_globals,
                builtins: (*function).func_builtins,
            })
        }
    }

    fn body(&mut self, code: *mut Code, globals: *mut PyObject, builtins: *mut PyObject) -> Option<Body> {
        // SAFETY: a live code object; the GIL is held.
        unsafe {
            let decoded = (self.decode)(code).ok()?;
            let sampled = Snapshot::sampled_versions(code, globals, builtins);
            let knowledge = self.knowledge_of(&sampled, code, &decoded);
            knowledge.sampled.then_some(Body {
                function: null_mut(),
                decoded,
                knowledge,
                globals,
                builtins,
            })
        }
    }

    fn family(&self, class: *mut PyTypeObject, most: usize) -> Vec<*mut PyTypeObject> {
        let mut all = vec![class];
        let mut at = 0;
        while at < all.len() {
            // SAFETY: live classes: what is asked about lives as long as the version, and has references to its subclasses'
            // bases only, but nothing ends while they are looked at; the GIL is held.
            unsafe {
                let subclasses = justjit_runtime::types::subclasses(all[at]);
                for &subclass in &subclasses {
                    if !all.contains(&subclass) {
                        all.push(subclass);
                    }
                }
            }
            if all.len() > most {
                return Vec::new();
            }
            at += 1;
        }
        all
    }

    fn bet_on_function(&mut self, function: *mut PyObject) {
        bets::bet(function.cast_const().cast(), self.version);
    }

    fn bet_on_class(&mut self, class: *mut PyTypeObject) -> bool {
        // SAFETY: the GIL is held; live objects.
        unsafe { justjit_runtime::classes::bet_on_class(class, self.version) }
    }

    fn bet_on_instances(&mut self, class: *mut PyTypeObject) -> bool {
        // SAFETY: the GIL is held; live objects.
        unsafe { justjit_runtime::classes::bet_on_instances(class, self.version) }
    }

    fn builtin(&self, object: *mut PyObject) -> Option<Builtin> {
        // SAFETY: a live object.
        unsafe { builtin(object) }
    }
}

/// The builtin that an object is, if it is one of those that are known.
unsafe fn builtin(object: *mut PyObject) -> Option<Builtin> {
    // SAFETY: types are looked at before fields.
    unsafe {
        let classes = [
            (&raw mut PyRange_Type, Builtin::Range),
            (&raw mut PyEnum_Type, Builtin::Enumerate),
            (&raw mut PyZip_Type, Builtin::Zip),
            (&raw mut PyLong_Type, Builtin::Int),
            (&raw mut PyFloat_Type, Builtin::Float),
            (&raw mut PyBool_Type, Builtin::Bool),
            (&raw mut PyList_Type, Builtin::List),
            (&raw mut PyTuple_Type, Builtin::Tuple),
            (&raw mut PySet_Type, Builtin::Set),
            (&raw mut PyComplex_Type, Builtin::Complex),
            (&raw mut PyReversed_Type, Builtin::Reversed),
        ];
        if let Some((_, builtin)) = classes.iter().find(|(class, _)| class.cast::<PyObject>() == object) {
            return Some(*builtin);
        }
        if Py_TYPE(object) == &raw mut PyMethodDescr_Type {
            let descriptor = object.cast::<PyMethodDescrObject>();
            let name = std::ffi::CStr::from_ptr((*(*descriptor).d_method).ml_name);
            let ty = (*object.cast::<PyDescrObject>()).d_type;
            return match name.to_bytes() {
                b"append" if ty == &raw mut PyList_Type => Some(Builtin::Append),
                b"pop" if ty == &raw mut PyList_Type => Some(Builtin::Pop),
                name => MathFn::of_type(ty, name).map(Builtin::Math),
            };
        }
        if PyCFunction_CheckExact(object) == 0 {
            return None;
        }
        let function = object.cast::<PyCFunctionObject>();
        let name = std::ffi::CStr::from_ptr((*(*function).m_ml).ml_name).to_str().ok()?;
        let module = (*function).m_module;
        if module.is_null() || PyUnicode_CheckExact(module) == 0 {
            return None;
        }
        // A module's function may have any name: the definition has to be the module's own.
        let is_of =
            |module_name: &str| crate::text::name_of(module) == module_name && is_genuine(object, module_name, name);
        if is_of("builtins") {
            return Some(match name {
                "len" => Builtin::Len,
                "abs" => Builtin::Abs,
                "min" => Builtin::Min,
                "max" => Builtin::Max,
                "ord" => Builtin::Ord,
                "chr" => Builtin::Chr,
                "next" => Builtin::Next,
                "sum" => Builtin::Sum,
                "any" => Builtin::Any,
                "all" => Builtin::All,
                "divmod" => Builtin::Divmod,
                "pow" => Builtin::Pow,
                "round" => Builtin::Round,
                _ => return None,
            });
        }
        if is_of("math") {
            return MathFn::of_module(name).map(Builtin::Math);
        }
        if is_of("cmath") {
            return CmathFn::of_module(name).map(Builtin::Cmath);
        }
        None
    }
}

/// Whether a builtin function is the one that the interpreter's own module of that name was made with: another module may
/// call itself so, but does not have the same definition.
unsafe fn is_genuine(object: *mut PyObject, module: &str, name: &str) -> bool {
    // SAFETY: the GIL is held; no module is imported that is not there.
    unsafe {
        let raised = api::PyErr_GetRaisedException();
        let modules = PyImport_GetModuleDict();
        let module = PyUnicode_FromStringAndSize(module.as_ptr().cast(), module.len() as Py_ssize_t);
        let known = PyDict_GetItemWithError(modules, module);
        Py_DECREF(module);
        let genuine = if known.is_null() || PyModule_CheckExact(known) == 0 {
            false
        } else {
            let definition = PyModule_GetDef(known);
            let mut method = if definition.is_null() {
                null_mut()
            } else {
                (*definition).m_methods
            };
            let wanted = (*object.cast::<PyCFunctionObject>()).m_ml;
            let mut found = false;
            while !method.is_null() && !(*method).ml_name.is_null() {
                let same = std::ffi::CStr::from_ptr((*method).ml_name).to_str() == Ok(name);
                found |= same && method == wanted;
                method = method.add(1);
            }
            found
        };
        PyErr_Clear();
        api::PyErr_SetRaisedException(raised);
        genuine
    }
}

/// What the cell's name has, which its dictionary keeps alive.
unsafe fn value_of(cell: *mut GlobalCell) -> Option<*mut PyObject> {
    // SAFETY: a live cell; the GIL is held.
    unsafe {
        if (*cell).value.is_null() {
            let found = globals::look_up(cell);
            if found.is_null() {
                PyErr_Clear();
                return None;
            }
            Py_DECREF(found);
        }
        let value = (*cell).value;
        (!value.is_null()).then_some(value)
    }
}
