use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

/// A currency code as the exchange spells it, `BTC` or `TWD`.
///
/// The spelling is kept as it came: balances use uppercase, trades and orders lowercase. Short codes
/// live inline, so a clone never allocates.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(SmolStr);

impl Currency {
    /// A currency with this code.
    pub fn new(code: impl AsRef<str>) -> Self {
        Self(SmolStr::new(code))
    }

    /// The code, as it came.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

impl From<&str> for Currency {
    fn from(code: &str) -> Self {
        Self::new(code)
    }
}

impl AsRef<str> for Currency {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

// `SmolStr` hashes and compares as `str` does, so a map keyed by `Currency` can be asked with a `&str`.
impl Borrow<str> for Currency {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Currency {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Currency {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SmolStr::deserialize(deserializer).map(Self)
    }
}
