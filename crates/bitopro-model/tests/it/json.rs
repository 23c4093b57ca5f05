//! JSON values that keep the text of numbers, the order of keys and duplicate keys.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    /// The token of a value that is not a list or an object.
    Leaf(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    List,
    Object,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Null, Self::Bool, Self::Number, Self::Text, Self::List, Self::Object];
}

impl Json {
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::List(_) => Kind::List,
            Self::Object(_) => Kind::Object,
            Self::Leaf(token) => match token.as_bytes()[0] {
                b'"' => Kind::Text,
                b'n' => Kind::Null,
                b't' | b'f' => Kind::Bool,
                _ => Kind::Number,
            },
        }
    }

    /// Converts to another kind, keeping the content where possible: `"1.10"` becomes the number 1.10, and an
    /// object the list of its values.
    pub(crate) fn into_kind(self, kind: Kind) -> Self {
        let inner = match &self {
            Self::Leaf(token) => token.trim_matches('"'),
            Self::List(_) | Self::Object(_) => "",
        };
        let token = match kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool => if inner == "false" { "false" } else { "true" }.to_owned(),
            Kind::Number if Self::is_number(inner) => inner.to_owned(),
            Kind::Number => "7".to_owned(),
            Kind::Text => format!("\"{inner}\""),
            Kind::List | Kind::Object => {
                let members = match self {
                    Self::Leaf(_) => vec![("0".to_owned(), self)],
                    Self::List(items) => {
                        items.into_iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect()
                    }
                    Self::Object(members) => members,
                };
                return if kind == Kind::Object {
                    Self::Object(members)
                } else {
                    Self::List(members.into_iter().map(|(_, value)| value).collect())
                };
            }
        };
        Self::Leaf(token)
    }

    fn is_number(token: &str) -> bool {
        serde_json::from_str::<&RawValue>(token)
            .is_ok_and(|raw| Self::Leaf(raw.get().to_owned()).kind() == Kind::Number)
    }

    /// Sorts the keys of every object alphabetically.
    pub(crate) fn sorted(self) -> Self {
        match self {
            Self::Leaf(_) => self,
            Self::List(items) => Self::List(items.into_iter().map(Self::sorted).collect()),
            Self::Object(members) => {
                let mut members: Vec<_> =
                    members.into_iter().map(|(key, value)| (key, value.sorted())).collect();
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                Self::Object(members)
            }
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(token) => f.write_str(token),
            Self::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "[" } else { "," })?;
                }
                f.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Self::Object(members) => {
                for (at, (key, value)) in members.iter().enumerate() {
                    write!(f, "{}{key:?}:{value}", if at == 0 { "{" } else { "," })?;
                }
                f.write_str(if members.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        match raw.as_bytes()[0] {
            b'[' => serde_json::from_str(raw).map(Self::List),
            b'{' => serde_json::from_str(raw).map(|Members(members)| Self::Object(members)),
            _ => Ok(Self::Leaf(raw.to_owned())),
        }
        .map_err(D::Error::custom)
    }
}

struct Members(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}
