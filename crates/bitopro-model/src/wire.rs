//! How the structs of the wire are read and written: known fields by name, unknown ones kept.
//!
//! `serde(flatten)` would keep unknown fields too, at the price of buffering every field and of turning
//! raw numbers into floats; this reads each field once, straight into its place.

use std::borrow::Cow;
use std::fmt;

use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::SerializeMap;

use crate::decimal::Exact;
use crate::{Timestamp, UnixSeconds};

/// A value that can stand in a field of a wire struct.
pub(crate) trait Field: Sized {
    /// What is read in its place.
    type Wire: for<'de> Deserialize<'de>;

    fn from_wire(wire: Self::Wire) -> Self;

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error>;

    /// What an absent field means: an error, unless the field is optional.
    fn absent<E: Error>(name: &'static str) -> Result<Self, E> {
        Err(E::missing_field(name))
    }
}

/// Makes types that are read and written by their own serde implementations usable as fields.
macro_rules! field_by_serde {
    ($($ty:ty),* $(,)?) => {$(
        impl $crate::wire::Field for $ty {
            type Wire = Self;

            fn from_wire(wire: Self) -> Self {
                wire
            }

            fn write<M: serde::ser::SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
                map.serialize_entry(name, self)
            }
        }
    )*};
}

pub(crate) use field_by_serde;

field_by_serde!(String, Timestamp, UnixSeconds);

impl Field for Decimal {
    type Wire = Exact;

    fn from_wire(wire: Exact) -> Self {
        wire.0
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, &Exact(*self))
    }
}

impl Field for bool {
    type Wire = Flag;

    fn from_wire(wire: Flag) -> Self {
        wire.0
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, self)
    }
}

/// An optional field: absent and `null` mean the same, and are written as absent.
impl<T: Field> Field for Option<T> {
    type Wire = Option<T::Wire>;

    fn from_wire(wire: Self::Wire) -> Self {
        wire.map(T::from_wire)
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        self.as_ref().map_or(Ok(()), |value| value.write(name, map))
    }

    fn absent<E: Error>(_: &'static str) -> Result<Self, E> {
        Ok(None)
    }
}

/// A truth value. The exchange documents some as texts and sends them as JSON's own: either is read.
pub(crate) struct Flag(bool);

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
        match text {
            "true" => Ok(Flag(true)),
            "false" => Ok(Flag(false)),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

/// Puts a field's value into its slot; a second one of the same name is an error, not a choice.
pub(crate) fn put<T, E: Error>(slot: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    if slot.replace(value).is_some() {
        return Err(E::duplicate_field(name));
    }
    Ok(())
}

/// The name of a field, borrowed from the input where it has no escapes.
pub(crate) struct Key<'de>(pub(crate) Cow<'de, str>);

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

/// Declares a struct of the wire: its fields with their names there (the first is written, all are read), what it is called in errors, and a
/// public `extra` for the fields that this version does not know.
macro_rules! wire_struct {
    (
        $(#[$meta:meta])*
        pub struct $name:ident ($expecting:literal) {
            $($(#[$field_meta:meta])* $wire:literal $(| $alias:literal)* => $field:ident: $ty:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
            /// Fields that this version does not know, kept as they came.
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
                        $(let mut $field: Option<$ty> = None;)*
                        let mut extra = $crate::Extra::default();
                        while let Some($crate::wire::Key(key)) = map.next_key()? {
                            match &*key {
                                $($wire $(| $alias)* => {
                                    let value = <$ty as $crate::wire::Field>::from_wire(map.next_value()?);
                                    $crate::wire::put(&mut $field, $wire, value)?;
                                })*
                                unknown => extra.read(unknown, &mut map)?,
                            }
                        }
                        Ok($name {
                            $($field: match $field {
                                Some(value) => value,
                                None => $crate::wire::Field::absent($wire)?,
                            },)*
                            extra,
                        })
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                $($crate::wire::Field::write(&self.$field, $wire, &mut map)?;)*
                self.extra.write(&mut map)?;
                serde::ser::SerializeMap::end(map)
            }
        }
    };
}

pub(crate) use wire_struct;
