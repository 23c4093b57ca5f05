//! Currencies, pairs and ids. Each has its own type, so that they cannot be confused.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::convert::Infallible;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use arrayvec::ArrayString;
use compact_str::{CompactString, format_compact};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::wire::field_by_serde;

/// Declares identifier types. The type in parentheses stores the text, `by` names the type that is deserialized, and
/// `compared in` names the module that contains the functions for comparing and hashing.
macro_rules! identifiers {
    ($($(#[$meta:meta])* $name:ident($text:ident) by $wire:ident, compared in $comparison:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone)]
        pub struct $name($text);

        impl $name {
            /// Creates the identifier from its text.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self($text::from(text.as_ref()))
            }

            /// Returns the text in its original spelling.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Infallible> {
                Ok(Self::new(text))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                $comparison::eq(self.as_str(), other.as_str())
            }
        }

        impl Eq for $name {}

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                $comparison::eq(self.as_str(), other)
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self == **other
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                $comparison::cmp(self.as_str(), other.as_str())
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                $comparison::hash(self.as_str(), state);
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $wire::deserialize(deserializer).map(|text| Self(text.into()))
            }
        }

        field_by_serde!($name: |cursor| cursor.string().map(Self::new););
    )*};
}

identifiers! {
    /// A currency code in the exchange's spelling: uppercase in balances, lowercase in orders and trades.
    ///
    /// Comparisons ignore case: `BTC` and `btc` are the same currency. Short codes are stored inline, so a
    /// clone does not allocate.
    Currency(CompactString) by CompactString, compared in case_insensitive;
    /// A trading pair in the exchange's spelling, such as `btc_twd` in order messages.
    ///
    /// Comparisons ignore case.
    Pair(CompactString) by CompactString, compared in case_insensitive;
    /// The id of an event, a random UUID.
    ///
    /// A UUID is stored inline, so a clone does not allocate.
    EventId(UuidText) by CompactString, compared in exact;
    /// A date and time as text, in the exchange's spelling, such as `2021-12-15T07:28:23.365Z`.
    Datetime(CompactString) by CompactString, compared in exact;
    /// The id of an order: digits, with a prefix for a stop order (`SL-1133804403`).
    ///
    /// Older messages contain a JSON number, which is accepted. The id is always written as a string.
    OrderId(CompactString) by TextOrNumber, compared in exact;
    /// The id of a match between two orders. The exchange may leave it empty. A JSON number is accepted.
    MatchId(CompactString) by TextOrNumber, compared in exact;
    /// The id of a trade in the REST API, which no message of a stream contains. A JSON number is accepted.
    TradeId(CompactString) by TextOrNumber, compared in exact;
    /// The sequence label of an order, such as `SOLUSDT3273528249`. The exchange does not document its meaning.
    /// A JSON number is accepted.
    OrderSeq(CompactString) by TextOrNumber, compared in exact;
}

// `exact` hashes and compares like `str`, so a map with `OrderId` keys supports lookups by `&str`.
impl Borrow<str> for OrderId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// Bytewise comparison, like that of `str`.
mod exact {
    use std::cmp::Ordering;
    use std::hash::{Hash, Hasher};

    pub(super) fn eq(a: &str, b: &str) -> bool {
        a == b
    }

    pub(super) fn cmp(a: &str, b: &str) -> Ordering {
        a.cmp(b)
    }

    pub(super) fn hash(text: &str, state: &mut impl Hasher) {
        text.hash(state);
    }
}

/// Comparison that ignores the case of ASCII letters.
mod case_insensitive {
    use std::cmp::Ordering;
    use std::hash::Hasher;

    pub(super) fn eq(a: &str, b: &str) -> bool {
        a == b || a.eq_ignore_ascii_case(b)
    }

    pub(super) fn cmp(a: &str, b: &str) -> Ordering {
        for (a, b) in a.bytes().zip(b.bytes()) {
            if a != b && !a.eq_ignore_ascii_case(&b) {
                return a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase());
            }
        }
        a.len().cmp(&b.len())
    }

    pub(super) fn hash(text: &str, state: &mut impl Hasher) {
        text.bytes().for_each(|byte| state.write_u8(byte.to_ascii_lowercase()));
        // This byte does not occur in UTF-8, so it marks the end of the text.
        state.write_u8(0xff);
    }
}

impl Pair {
    /// Returns the base and quote currencies in the pair's spelling, or `None` if the pair has no underscore.
    pub fn split(&self) -> Option<(Currency, Currency)> {
        let (base, quote) = self.as_str().split_once('_')?;
        Some((base.into(), quote.into()))
    }
}

/// The text of an id that usually is a UUID, which fits inline.
#[derive(Clone)]
enum UuidText {
    Short(ArrayString<36>),
    Long(Arc<str>),
}

impl UuidText {
    fn as_str(&self) -> &str {
        match self {
            Self::Short(text) => text,
            Self::Long(text) => text,
        }
    }
}

impl From<&str> for UuidText {
    fn from(text: &str) -> Self {
        ArrayString::from(text).map_or_else(|_| Self::Long(text.into()), Self::Short)
    }
}

impl From<String> for UuidText {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<CompactString> for UuidText {
    fn from(text: CompactString) -> Self {
        text.as_str().into()
    }
}

/// The text of an id, which is a string or an integer in JSON.
struct TextOrNumber(CompactString);

impl From<TextOrNumber> for CompactString {
    fn from(text: TextOrNumber) -> Self {
        text.0
    }
}

impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumberVisitor)
    }
}

struct TextOrNumberVisitor;

impl Visitor<'_> for TextOrNumberVisitor {
    type Value = TextOrNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id as a string or an integer")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber(text.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber(format_compact!("{number}")))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber(format_compact!("{number}")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::{Currency, OrderId, Pair};

    #[test]
    fn fault_31_an_id_is_read_from_a_string_or_number_and_written_as_a_string() {
        for (json, text) in [
            ("\"SL-1\"", "SL-1"),
            ("390733918", "390733918"),
            ("-1", "-1"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            let id: OrderId = serde_json::from_str(json).unwrap();
            assert_eq!(id, text);
            assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
        }
        for json in ["1.5", "18446744073709551616", "null", "true", "[]"] {
            assert!(serde_json::from_str::<OrderId>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_pair_splits_into_base_and_quote_currency() {
        assert_eq!(Pair::new("btc_twd").split(), Some(("btc".into(), "twd".into())));
        assert_eq!(Pair::new("btctwd").split(), None);
    }

    #[test]
    fn currencies_and_pairs_compare_case_insensitively_and_keep_the_original_spelling() {
        assert!(Pair::new("BTC_TWD") == "btc_twd" && Pair::new("BTC_TWD") != "eth_twd");
        let (upper, lower) = (Currency::new("BTC"), Currency::new("btc"));
        assert_eq!(upper, lower);
        assert_eq!((upper.as_str(), lower.as_str()), ("BTC", "btc"));
        assert_eq!(HashSet::from([upper.clone(), lower.clone()]).len(), 1);
        assert_eq!(BTreeSet::from([upper, lower]).len(), 1);
        assert!(Currency::new("ada") < Currency::new("BTC") && Currency::new("bt") < Currency::new("BTC"));
        assert_ne!(OrderId::new("SL-1"), OrderId::new("sl-1"));
        let codes = ["", "a", "A", "ab", "aB", "AB", "b", "B_a", "b_A", "台", "台b", "台B", "[", "z", "Z"];
        for (a, b) in codes.iter().flat_map(|a| codes.iter().map(move |b| (a, b))) {
            let expected = a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase());
            assert_eq!(Pair::new(a).cmp(&Pair::new(b)), expected, "{a} {b}");
            assert_eq!(Pair::new(a) == Pair::new(b), expected.is_eq(), "{a} {b}");
        }
    }
}
