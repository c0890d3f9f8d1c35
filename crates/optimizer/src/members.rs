//! `item in sequence` without calls of `__eq__`: ints and strings in lists and tuples of builtin types' objects.

use crate::builder::Builder;
use crate::item::{Item, Kind};
use justjit_builder::IntCond;
use justjit_ir::{Effect, Reason, Type, Value};
use justjit_runtime::optimized;

impl Builder<'_> {
    /// `CONTAINS_OP` of an int or a str in a list or tuple: whether it is there, as far as no Python code would have to run
    /// to say so. Nothing where that is not what was met.
    pub fn contains_in_sequence(&mut self, item: &Item, container: &Item) -> Option<Value> {
        let Item::Object(sequence) = container else {
            return None;
        };
        if [Reason::Type, Reason::Domain, Reason::Overflow]
            .iter()
            .any(|&lost| self.is_widened(lost))
        {
            return None;
        }
        let kind = self.likely_kind(container, 1);
        if !matches!(kind, Kind::List | Kind::Tuple) {
            return None;
        }
        let sequence = *sequence;
        let (function, value) = match (self.likely_kind(item, 0), item) {
            (Kind::Int, Item::Int(_) | Item::Constant(_) | Item::Object(_)) => {
                let item = self.known_as(item, Kind::Int);
                (&optimized::HAS_INT, self.as_int(&item))
            }
            (Kind::Str, Item::Object(string)) => {
                let string = *string;
                self.expect(&string, Kind::Str);
                (&optimized::HAS_STRING, string.value)
            }
            _ => return None,
        };
        self.expect(&sequence, kind);
        let found = self.call(
            function,
            &[sequence.value, value],
            Some(Type::Int),
            (Effect::Reads, false),
        );
        let found = found.expect("a result");
        let zero = self.int(0);
        let certain = self.int_compare(IntCond::SignedGe, found, zero);
        self.guard(certain, Reason::Domain);
        Some(self.int_compare(IntCond::Ne, found, zero))
    }
}
