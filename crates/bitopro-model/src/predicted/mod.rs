//! Reads messages whose layout is predicted: compact JSON, with the fields in the order in which the exchange sends
//! them.
//!
//! Almost all messages of the exchange have this layout, and it can be read without looking up the names of fields and
//! without examining a text twice. Each value either is read as the general parser would read it, or is left to the
//! general parser: [`Cursor::element`] does so for one element of a list, and [`parse`] for the whole message.
//! `wire_struct!` derives the layout from the list of fields, in whose order they are also written.

mod cursor;
pub(crate) mod digits;

use serde::de::DeserializeOwned;

pub use cursor::Cursor;

use crate::Stream;
use crate::error::{self, DecodeError};

/// An object that can be read in its predicted layout.
pub trait Predicted: Sized {
    /// Reads the object, or returns `None` if its layout is another one. The cursor is then at an arbitrary position.
    fn predict(cursor: &mut Cursor<'_>) -> Option<Self>;
}

/// Parses a message in its predicted layout, or else with the general parser.
pub(crate) fn parse<T: Predicted + DeserializeOwned>(
    text: &str,
    stream: Option<Stream>,
) -> Result<T, DecodeError> {
    read(text, stream).unwrap_or_else(|| error::parse(text, stream))
}

/// Reads a message in its predicted layout. Returns `None` if its layout is another one.
#[inline]
pub(crate) fn read<T: Predicted>(text: &str, stream: Option<Stream>) -> Option<Result<T, DecodeError>> {
    let mut cursor = Cursor::new(text);
    match T::predict(&mut cursor) {
        Some(value) if cursor.is_at_end() => Some(Ok(value)),
        _ => Some(Err(cursor.into_invalid_element()?.into_error(text, stream))),
    }
}

/// Returns the name of a message's event if it is the first field, without reading the rest of the message.
pub(crate) fn leading_event(text: &str) -> Option<&str> {
    let mut cursor = Cursor::new(text);
    cursor.literal("{\"event\":")?;
    cursor.string()
}
