use std::fmt;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::OrderId;
use crate::wire::parse_integer;

/// The id that the client assigned to an order.
///
/// In JSON, it is a number. A string of digits is accepted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(u64);

impl ClientId {
    /// Returns the id as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u32> for ClientId {
    fn from(id: u32) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = OrderId::deserialize(deserializer)?;
        parse_integer(id.as_str()).map(Self).ok_or_else(|| D::Error::custom("client id is not a number"))
    }
}

crate::wire::field_by_serde!(ClientId: |cursor| Some(Self(cursor.integer()?.try_into().ok()?)););
