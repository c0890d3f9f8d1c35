//! Arrays of numbers: `array.array`, memoryviews, NumPy's.

use crate::builder::{Builder, Done};
use crate::item::{Item, Kind, Object};

impl Builder<'_> {
    /// `array[key]`; `None` if the type is not known, and nothing has been done.
    pub fn array_item(&mut self, _container: &Item, _kind: Kind, _key: &Item) -> Done<Option<Item>> {
        Ok(None)
    }

    /// `array[key] = value`; `false` if the type is not known, and nothing has been done.
    pub fn store_array_item(&mut self, _array: Object, _kind: Kind, _key: &Item, _value: &Item) -> Done<bool> {
        Ok(false)
    }

    /// `len(array)`.
    pub fn array_length(&mut self, _object: &Object) -> Option<Item> {
        None
    }
}
