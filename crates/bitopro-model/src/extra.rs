use std::{fmt, iter, slice};

use compact_str::CompactString;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use thin_vec::ThinVec;

use crate::wire::Key;

/// Raw JSON of unknown fields, and of optional fields whose value is unreadable.
///
/// The exchange adds and changes fields without notice. Extra fields are written back verbatim, after the
/// known ones and in the order in which they were read. An empty `Extra` does not allocate.
#[derive(Clone, Default)]
pub struct Extra(ThinVec<Field>);

type Field = (CompactString, Box<RawValue>);

impl Extra {
    /// Returns whether there are no extra fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the raw JSON of the first field with this name, if any.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, raw)| raw)
    }

    /// Returns an iterator over names and raw JSON values, in the order in which they were read.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }

    pub(crate) fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.push(name, map.next_value()?);
        Ok(())
    }

    pub(crate) fn push(&mut self, name: &str, raw: Box<RawValue>) {
        self.0.push((name.into(), raw));
    }

    pub(crate) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.0.iter().try_for_each(|(name, raw)| map.serialize_entry(name, raw))
    }
}

impl<'a> IntoIterator for &'a Extra {
    type Item = (&'a str, &'a str);
    type IntoIter = iter::Map<slice::Iter<'a, Field>, fn(&'a Field) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, raw)| (name.as_str(), raw.get()))
    }
}

/// Serializes the fields as a map, verbatim.
impl Serialize for Extra {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, raw)| (name, raw)))
    }
}

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ExtraVisitor)
    }
}

struct ExtraVisitor;

impl<'de> Visitor<'de> for ExtraVisitor {
    type Value = Extra;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra, A::Error> {
        let mut extra = Extra::default();
        while let Some(Key(name)) = map.next_key()? {
            extra.read(&name, &mut map)?;
        }
        Ok(extra)
    }
}

impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Extra {}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, raw)| (name, raw.get()))).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::AccountBalance;

    #[test]
    fn an_event_with_only_known_fields_allocates_nothing_for_extra() {
        let text = r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{"ADA":{"currency":"ADA","amount":"1",
            "available":"1","stake":"0","tradable":true}}}"#;
        let event = AccountBalance::from_json(text).unwrap();
        assert_eq!(event.extra.0.capacity(), 0);
        assert!(event.data.iter().all(|balance| balance.extra.0.capacity() == 0));
    }
}
