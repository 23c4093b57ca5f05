//! Integers, which the exchange sends as numbers or as strings.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::SerializeMap;

use super::Field;
use crate::predicted::Cursor;

/// An integer, or a string of its digits.
#[derive(Debug)]
pub struct Integer(pub(crate) i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor)
    }
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a 64-bit integer")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Integer, E> {
        Ok(Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Integer, E> {
        let signed = i64::try_from(number).ok();
        signed.map(Integer).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Integer, E> {
        let number = parse_integer(text).map(Integer);
        number.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Parses an integer that is written as JSON writes it, without a plus sign or extra leading zeros.
pub(crate) fn parse_integer<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

/// An integer that is written as a number.
impl Field for i64 {
    type Wire = Integer;

    fn from_wire(wire: Integer) -> Self {
        wire.0
    }

    #[inline]
    fn predict(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.integer()
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, self)
    }
}

/// A non-negative integer that is written as a string of its digits, as the REST API writes precisions.
impl Field for u32 {
    type Wire = Count;

    fn from_wire(wire: Count) -> Self {
        wire.0
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, &self.to_string())
    }
}

/// A 32-bit [`Integer`] that is not negative.
#[derive(Debug)]
pub struct Count(u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Integer(number) = Integer::deserialize(deserializer)?;
        let count = u32::try_from(number).map(Count);
        count.map_err(|_| {
            D::Error::invalid_value(Unexpected::Signed(number), &"a number from 0 to 4294967295")
        })
    }
}
