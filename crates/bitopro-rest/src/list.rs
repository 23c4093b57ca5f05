use std::fmt;
use std::marker::PhantomData;
use std::{slice, vec};

use bitopro_model::__private::{Field, Items, Key, put, read_extra, write_extra};
use bitopro_model::Extra;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A reply that contains a list: `{"data": […]}`. The exchange also writes an empty list as `null` or `{}`.
///
/// Unknown fields beside `data` are kept in `extra`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct List<T> {
    /// The items, in the order in which the exchange sent them.
    pub items: Vec<T>,
    /// Unknown fields beside the list, verbatim.
    pub extra: Extra,
}

impl<T> List<T> {
    /// Returns an iterator over the items, in order.
    pub fn iter(&self) -> slice::Iter<'_, T> {
        self.items.iter()
    }

    /// Returns the number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::from_iter([])
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { items: items.into_iter().collect(), extra: Extra::default() }
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_data(&self.items, &self.extra, serializer)
    }
}

impl<'de, T: Serialize + DeserializeOwned> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Envelope { data: Items(items), extra } = Envelope::deserialize(deserializer)?;
        Ok(Self { items, extra })
    }
}

/// Writes `{"data": …}`, followed by the unknown fields.
pub(crate) fn write_data<S: Serializer>(
    data: &impl Serialize,
    extra: &Extra,
    to: S,
) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    map.serialize_entry("data", data)?;
    write_extra(extra, &mut map)?;
    map.end()
}

/// An object whose field `data` is the reply.
#[derive(Debug)]
pub struct Envelope<F> {
    pub(crate) data: F,
    pub(crate) extra: Extra,
}

impl<'de, F: Field> Deserialize<'de> for Envelope<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor(PhantomData))
    }
}

struct EnvelopeVisitor<F>(PhantomData<F>);

impl<'de, F: Field> Visitor<'de> for EnvelopeVisitor<F> {
    type Value = Envelope<F>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the field `data`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<F>, A::Error> {
        let (mut data, mut extra) = (None, Extra::default());
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "data" => {
                    let value = F::read(&key, &mut map, &mut extra)?;
                    put(&mut data, "data", value)?;
                }
                unknown => read_extra(&mut extra, unknown, &mut map)?,
            }
        }
        Ok(Envelope { data: data.map_or_else(|| F::absent("data"), Ok)?, extra })
    }
}

/// An item, or a list of one. `None` if it is absent: an empty list or `null`.
#[derive(Debug)]
pub struct Single<T>(pub(crate) Option<T>);

impl<T: DeserializeOwned + Serialize> Field for Single<T> {
    type Wire = Self;

    fn from_wire(wire: Self) -> Self {
        wire
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, &self.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Single<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SingleVisitor(PhantomData))
    }
}

struct SingleVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SingleVisitor<T> {
    type Value = Single<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, or a list of one")
    }

    fn visit_unit<E: Error>(self) -> Result<Single<T>, E> {
        Ok(Single(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Single<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|item| Single(Some(item)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Single<T>, A::Error> {
        let item = seq.next_element()?;
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(Single(item)),
            Some(_) => Err(A::Error::custom("expected a list of one, found a longer one")),
        }
    }
}
