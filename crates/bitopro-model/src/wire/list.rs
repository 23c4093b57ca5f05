//! Lists, which the exchange sends as `null` or `{}` if they are empty.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::ser::{Serialize, SerializeMap};

use super::Field;
use crate::predicted::{Cursor, Predicted};

impl<T: Predicted + DeserializeOwned + Serialize> Field for Vec<T> {
    type Wire = Items<T>;

    fn predict(cursor: &mut Cursor<'_>) -> Option<Self> {
        // Most lists of messages have one item.
        let mut items = Self::with_capacity(1);
        cursor.elements(*b"[]", |cursor| {
            let Some(item) = cursor.element() else {
                return cursor.fail_in(format_args!("[{}]", items.len()));
            };
            items.push(item);
            Some(())
        })?;
        Some(items)
    }

    fn from_wire(wire: Items<T>) -> Self {
        wire.0
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, self)
    }
}

/// A list, or `null` or `{}` for an empty one. As a field, it has no predicted layout.
#[derive(Debug)]
pub struct Items<T>(pub Vec<T>);

impl<T: DeserializeOwned + Serialize> Field for Items<T> {
    type Wire = Self;

    fn from_wire(wire: Self) -> Self {
        wire
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, &self.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemsVisitor(PhantomData))
    }
}

struct ItemsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ItemsVisitor<T> {
    type Value = Items<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E: Error>(self) -> Result<Items<T>, E> {
        Ok(Items(Vec::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Items<T>, A::Error> {
        match map.next_key::<IgnoredAny>()? {
            None => Ok(Items(Vec::new())),
            Some(_) => Err(A::Error::invalid_type(Unexpected::Map, &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Items(items))
    }
}
