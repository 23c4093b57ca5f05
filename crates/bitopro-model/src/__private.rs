//! The macros and functions with which other crates of this project read and write their own wire structs.
//!
//! Hidden from the documentation and not covered by semantic versioning: any release may change it.

use serde::de::MapAccess;
use serde::ser::SerializeMap;

use crate::Extra;

pub use crate::error::{parse, slice_for_display};
pub use crate::predicted::{Cursor, Predicted};
pub use crate::wire::{Field, Items, Key, Spellings, field_by_serde, merge, put, wire_struct};
pub use crate::wire_enums::wire_enums;

/// Reads the value of an unknown field into `extra`.
pub fn read_extra<'de, A: MapAccess<'de>>(
    extra: &mut Extra,
    name: &str,
    map: &mut A,
) -> Result<(), A::Error> {
    extra.read(name, map)
}

/// Writes the unknown fields of a struct.
pub fn write_extra<M: SerializeMap>(extra: &Extra, map: &mut M) -> Result<(), M::Error> {
    extra.write(map)
}
