//! Instances of subclasses of `list` that do as lists do.

use crate::builder::Builder;
use crate::item::{Item, Kind};
use justjit_ir::{Effect, Reason, Type};
use justjit_runtime::instances::{NEW_BLANK, is_made_blank};
use justjit_runtime::special::is_subscripted_as_list;
use pyo3_ffi::*;

/// What an object is to do as a list does it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AsList {
    /// Its iterator is a list's, which goes past everything that a subclass may have.
    Iterate,
    /// Its length is the number of its items; it is true if there are any.
    Size,
    /// A subscript that is an int gives an item.
    Subscript,
}

impl Builder<'_> {
    /// Whether objects of this kind are lists, or of a subclass that has what a list has for this; nothing is known of other
    /// kinds.
    pub fn is_as_list(&mut self, kind: Kind, does: AsList) -> bool {
        if !matches!(kind, Kind::Other(_)) {
            return kind == Kind::List;
        }
        let Some(class) = self.type_of_kind(kind) else {
            return false;
        };
        // SAFETY: types that were met are alive, and the GIL is held; what a subclass of list inherits is complete.
        let same = unsafe {
            PyType_IsSubtype(class, &raw mut PyList_Type) != 0
                && match does {
                    AsList::Subscript => is_subscripted_as_list(class),
                    AsList::Iterate => iterates(class) == iterates(&raw mut PyList_Type),
                    AsList::Size => sizes(class) == sizes(&raw mut PyList_Type),
                }
        };
        same && self.known.bet_on_class(class)
    }

    /// `class()` for a subclass of `list`; `false` if nothing has been done.
    pub fn new_blank(&mut self, class: *mut PyTypeObject) -> bool {
        // SAFETY: constants are alive; the GIL is held.
        if self.is_widened(Reason::Changed) || !unsafe { is_made_blank(class) } || !self.known.bet_on_class(class) {
            return false;
        }
        let kind = self.kind_of_type(class);
        let class = self.object(class.cast());
        // No Python code runs, and there is an exception only when memory ends.
        let made = self.call(&NEW_BLANK, &[class], Some(Type::Object), (Effect::Any, true));
        let made = made.expect("a result");
        self.raise_if_null(made);
        self.specialized += 1;
        self.push(Item::owned(made, kind));
        true
    }

    /// Whether it is a list, a tuple or a str that a loop can go over, or does as a list there.
    pub fn is_sequence(&mut self, kind: Kind) -> bool {
        matches!(kind, Kind::Tuple | Kind::Str) || self.is_as_list(kind, AsList::Iterate)
    }
}

/// The address of a class's slot.
fn iterates(class: *mut PyTypeObject) -> usize {
    // SAFETY: a live type, by the one place that asks.
    unsafe { (*class).tp_iter.map_or(0, |slot| slot as usize) }
}

/// The addresses of the slots that say how long objects of a class are, and whether they are true.
fn sizes(class: *mut PyTypeObject) -> [usize; 3] {
    // SAFETY: as above; it is list or a subclass, and so has the methods of sequences and mappings.
    unsafe {
        let number = (*class).tp_as_number.as_ref().and_then(|number| number.nb_bool);
        [
            (*(*class).tp_as_sequence).sq_length.map_or(0, |slot| slot as usize),
            (*(*class).tp_as_mapping).mp_length.map_or(0, |slot| slot as usize),
            number.map_or(0, |slot| slot as usize),
        ]
    }
}
