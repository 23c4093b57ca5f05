//! The names of the wire: currencies, pairs, ids. Each is a type of its own, so that none stands for another.

use std::borrow::Borrow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};
use smol_str::{SmolStr, format_smolstr};

use crate::wire::field_by_serde;

macro_rules! names {
    ($($(#[$meta:meta])* $name:ident by $wire:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// One of this text.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(SmolStr::new(text))
            }

            /// The text, as it came.
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

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        // `SmolStr` hashes and compares as `str` does, so a map can be asked with a `&str`.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
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

        field_by_serde!($name);
    )*};
}

names! {
    /// A currency's code as the exchange spells it: uppercase in balances, lowercase in orders and trades.
    /// Short codes live inline, so a clone never allocates.
    Currency by SmolStr;
    /// A trading pair as the exchange spells it: `btc_twd` in the messages about orders.
    Pair by SmolStr;
    /// An order's id: digits, for a stop order behind a prefix (`SL-1133804403`). Older messages have a
    /// JSON number there, which is read too; a text is written.
    OrderId by TextOrNumber;
    /// The id of a match between two orders. The exchange may leave it empty.
    MatchId by SmolStr;
    /// The exchange's sequence name of an order, such as `SOLUSDT3273528249`.
    OrderSeq by SmolStr;
}

impl Currency {
    /// Whether this is the same currency in another spelling: `BTC` and `btc`.
    pub fn is(&self, other: &str) -> bool {
        self.as_str().eq_ignore_ascii_case(other)
    }
}

impl Pair {
    /// The base and the quote currency, as they are spelled here, if there is an underscore between them.
    pub fn split(&self) -> Option<(Currency, Currency)> {
        let (base, quote) = self.as_str().split_once('_')?;
        Some((base.into(), quote.into()))
    }

    /// Whether this is the same pair in another spelling: `BTC_TWD` and `btc_twd`.
    pub fn is(&self, other: &str) -> bool {
        self.as_str().eq_ignore_ascii_case(other)
    }
}

/// A text, or the integer that stands for it.
struct TextOrNumber(SmolStr);

impl From<TextOrNumber> for SmolStr {
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
        Ok(TextOrNumber(format_smolstr!("{number}")))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber(format_smolstr!("{number}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_31_an_id_is_a_text_or_a_number_and_is_written_as_a_text() {
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
    fn a_pair_is_two_currencies() {
        assert_eq!(Pair::new("btc_twd").split(), Some(("btc".into(), "twd".into())));
        assert_eq!(Pair::new("btctwd").split(), None);
        assert!(Pair::new("BTC_TWD").is("btc_twd") && !Pair::new("BTC_TWD").is("eth_twd"));
    }
}
