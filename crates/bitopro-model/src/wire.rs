//! Reads and writes wire structs: structs with a Rust field for each known JSON field, and `extra` for the
//! unknown ones.
//!
//! `serde(flatten)` would keep unknown fields too, but it buffers every field and converts raw numbers to
//! floats. This module parses each field only once, directly into its final type.

mod list;
mod number;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use rust_decimal::Decimal;
use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, Unexpected, Visitor,
};
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

pub use list::Items;
pub(crate) use number::{Integer, parse_integer};

use crate::decimal::DecimalText;
use crate::predicted::Cursor;
use crate::{Extra, Timestamp, UnixSeconds};

/// The value of a field of a wire struct.
#[doc(hidden)]
pub trait Field: Sized {
    /// The type that is deserialized and then converted.
    type Wire: DeserializeOwned;

    /// Converts the deserialized value.
    fn from_wire(wire: Self::Wire) -> Self;

    /// Writes the field, unless it is optional and has no value.
    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error>;

    /// Reads the value that follows `key`, the last key read from `map`. Only optional fields use `extra`.
    fn read<'de, A: MapAccess<'de>>(_key: &str, map: &mut A, _extra: &mut Extra) -> Result<Self, A::Error> {
        map.next_value().map(Self::from_wire)
    }

    /// Returns the value of an absent field: an error, unless the field is optional.
    fn absent<E: Error>(name: &'static str) -> Result<Self, E> {
        Err(E::missing_field(name))
    }

    /// Returns whether an optional field has no value.
    fn is_none(&self) -> bool {
        false
    }

    /// Reads the value in its predicted layout, or returns `None` if its layout is another one.
    fn predict(_cursor: &mut Cursor<'_>) -> Option<Self> {
        None
    }
}

/// Implements [`Field`] for types through their own serde implementations. The expression reads the predicted layout.
#[doc(hidden)]
#[macro_export]
macro_rules! __field_by_serde {
    ($($ty:ty: |$cursor:ident| $predict:expr;)*) => {$(
        #[doc(hidden)]
        impl $crate::__private::Field for $ty {
            type Wire = Self;

            #[inline(always)]
            fn predict($cursor: &mut $crate::__private::Cursor<'_>) -> Option<Self> {
                $predict
            }

            fn from_wire(wire: Self) -> Self {
                wire
            }

            fn write<M: serde::ser::SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
                map.serialize_entry(name, self)
            }
        }
    )*};
}

pub use crate::__field_by_serde as field_by_serde;

field_by_serde! {
    String: |cursor| cursor.string().map(str::to_owned);
    Timestamp: |cursor| cursor.integer().map(Self::from_millis);
    UnixSeconds: |cursor| cursor.integer().map(Self::from_secs);
}

impl Field for Decimal {
    type Wire = DecimalText;

    fn from_wire(wire: DecimalText) -> Self {
        wire.0
    }

    #[inline(always)]
    fn predict(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.decimal()
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, &DecimalText(*self))
    }
}

impl Field for bool {
    type Wire = Flag;

    fn from_wire(wire: Flag) -> Self {
        wire.0
    }

    #[inline]
    fn predict(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.boolean()
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, self)
    }
}

/// An optional field. It is `None`, and is not written, if it is absent, `null`, or an empty string where
/// another type is expected. Any other unreadable value is kept in `extra`.
impl<T: Field> Field for Option<T> {
    type Wire = Option<T::Wire>;

    fn from_wire(wire: Self::Wire) -> Self {
        wire.map(T::from_wire)
    }

    fn read<'de, A: MapAccess<'de>>(key: &str, map: &mut A, extra: &mut Extra) -> Result<Self, A::Error> {
        Ok(match map.next_value()? {
            Lenient::Value(value) => value,
            Lenient::Unreadable(raw) => {
                extra.push(key, raw);
                None
            }
        })
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        self.as_ref().map_or(Ok(()), |value| value.write(name, map))
    }

    fn absent<E: Error>(_: &'static str) -> Result<Self, E> {
        Ok(None)
    }

    fn is_none(&self) -> bool {
        self.is_none()
    }

    #[inline(always)]
    fn predict(cursor: &mut Cursor<'_>) -> Option<Self> {
        T::predict(cursor).map(Some)
    }
}

/// The value of an optional field, or its raw JSON if it is not a valid `T`.
enum Lenient<T> {
    Value(Option<T>),
    Unreadable(Box<RawValue>),
}

impl<'de, T: Field> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(RAW_VALUE, LenientVisitor(PhantomData))
    }
}

/// The name by which `serde_json` identifies a [`RawValue`].
///
/// Requesting it by name yields raw JSON that is borrowed if the input allows it, and owned otherwise.
/// `&RawValue` would fail if borrowing is impossible, and `Box<RawValue>` would allocate for every value.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Field> Visitor<'de> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    /// Visits raw JSON, which `serde_json` passes as the only entry of a map.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        map.next_key::<IgnoredAny>()?;
        let Key(raw) = map.next_value()?;
        // Most values do not need a second pass of the JSON parser.
        let mut cursor = Cursor::new(&raw);
        if let Some(value) = T::predict(&mut cursor)
            && cursor.is_at_end()
        {
            return Ok(Lenient::Value(Some(value)));
        }
        match serde_json::from_str::<Option<T::Wire>>(&raw) {
            Ok(wire) => Ok(Lenient::Value(wire.map(T::from_wire))),
            Err(_) if raw == "\"\"" => Ok(Lenient::Value(None)),
            Err(_) => RawValue::from_string(raw.into_owned()).map(Lenient::Unreadable).map_err(Error::custom),
        }
    }

    /// Visits a value of any other deserializer. These have no raw JSON, so an unreadable value is an error.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let wire = Option::<T::Wire>::deserialize(deserializer)?;
        Ok(Lenient::Value(wire.map(T::from_wire)))
    }
}

/// A boolean. The exchange documents some as strings but sends JSON booleans, so both are accepted.
#[derive(Debug)]
pub struct Flag(bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Flag, E> {
        Ok(Flag(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Flag, E> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Flag(true)),
            "false" => Ok(Flag(false)),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

/// Stores the value of a field. A duplicate field is an error, since neither value can be preferred.
pub fn put<T, E: Error>(slot: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    if slot.replace(value).is_some() {
        return Err(E::duplicate_field(name));
    }
    Ok(())
}

/// The values of a field under its first name and under another one.
pub type Spellings<T> = (Option<T>, Option<T>);

/// Returns the value of a field. If it occurs under two names, the values must agree, or one must be absent.
#[inline(never)]
pub fn merge<T: Field + PartialEq, E: Error>(
    name: &'static str,
    spellings: Spellings<T>,
    extra: &Extra,
) -> Result<T, E> {
    match spellings {
        (None, None) => T::absent(name),
        (Some(value), None) | (None, Some(value)) => Ok(value),
        (Some(first), Some(second)) if first == second || second.is_none() => Ok(first),
        // An unreadable value in `extra` would be written back under the same name as the second value.
        (Some(first), Some(second)) if first.is_none() && extra.get(name).is_none() => Ok(second),
        (Some(_), Some(_)) => Err(E::duplicate_field(name)),
    }
}

/// A string, such as the name of a field, borrowed from the input if it has no escapes.
#[derive(Debug)]
pub struct Key<'de>(pub Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(name)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(name.to_owned())))
    }
}

/// Declares a wire struct with its name in error messages, its fields, and a public `extra` for unknown
/// fields.
///
/// The first name of each field is written, and all of its names are read; see [`merge`]. A field is optional
/// if its type is an `Option`.
#[doc(hidden)]
#[macro_export]
macro_rules! __wire_struct {
    (
        $(#[$meta:meta])*
        pub struct $name:ident ($expecting:literal) {
            $($(#[$field_meta:meta])* $wire:literal $(| $alias:literal)? => $field:ident: $ty:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
            /// Unknown fields and unreadable optional ones, verbatim.
            pub extra: $crate::Extra,
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        $(let mut $field = $crate::__private::Spellings::<$ty>::default();)*
                        let mut extra = $crate::Extra::default();
                        while let Some($crate::__private::Key(key)) = map.next_key()? {
                            match &*key {
                                $($wire => {
                                    let value = $crate::__private::Field::read(&key, &mut map, &mut extra)?;
                                    $crate::__private::put(&mut $field.0, $wire, value)?;
                                }
                                $($alias => {
                                    let value = $crate::__private::Field::read(&key, &mut map, &mut extra)?;
                                    $crate::__private::put(&mut $field.1, $wire, value)?;
                                })?)*
                                unknown => $crate::__private::read_extra(&mut extra, unknown, &mut map)?,
                            }
                        }
                        Ok($name {
                            $($field: match $field {
                                (Some(value), None) => value,
                                (None, None) => $crate::__private::Field::absent($wire)?,
                                // Inlining this rare case would make all messages slower.
                                spellings => $crate::__private::merge($wire, spellings, &extra)?,
                            },)*
                            extra,
                        })
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }

        #[doc(hidden)]
        impl $crate::__private::Predicted for $name {
            fn predict(cursor: &mut $crate::__private::Cursor<'_>) -> Option<Self> {
                let mut is_first = true;
                $(let $field =
                    cursor.field(&mut is_first, concat!(",\"", $wire, "\":"))?;)*
                cursor.end()?;
                Some(Self { $($field,)* extra: $crate::Extra::default() })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $($crate::__private::Field::write(&self.$field, $wire, &mut map)?;)*
                $crate::__private::write_extra(&self.extra, &mut map)?;
                serde::ser::SerializeMap::end(map)
            }
        }
    };
}

pub use crate::__wire_struct as wire_struct;
