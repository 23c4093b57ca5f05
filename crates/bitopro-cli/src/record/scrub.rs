//! Replaces everything personal in a recorded message by something of the same shape. The replacement is the same every
//! time and does not depend on the replaced digits.

mod amounts;

use std::collections::BTreeMap;

use bitopro_client::model::{AccountBalance, DecodeError, parse_decimal};
use fastrand::Rng;
use thiserror::Error;

use super::json::Tokens;
use amounts::{Amounts, Replaced, same_shape};

/// Limit of nested objects and lists.
const DEEPEST: usize = 32;

#[derive(Debug, Error)]
pub(super) enum ScrubError {
    #[error("the message is not a balance event")]
    NotBalances(#[source] DecodeError),
    #[error("the message is nested deeper than {DEEPEST} levels")]
    TooDeep,
    #[error("the message is not JSON")]
    Json(#[from] serde_json::Error),
    #[error("the message has a key or a comma outside of its object")]
    Unbalanced,
    #[error("the scrubbed message cannot be read")]
    Unreadable(#[source] DecodeError),
    #[error("the scrubbed message lacks currencies")]
    Incomplete,
}

/// Scrubs the messages of one recording. Equal values remain equal.
pub(super) struct Scrubber {
    rng: Rng,
    ids: BTreeMap<String, usize>,
    amounts: Amounts,
}

/// A place in a message, which decides what happens to its value.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Message,
    Balances,
    Balance(&'a Replaced),
    Kept,
    EventId,
    Amount(&'a str),
    Unknown,
}

impl Scrubber {
    pub(super) fn new() -> Self {
        Self { rng: Rng::with_seed(0), ids: BTreeMap::new(), amounts: Amounts::default() }
    }

    /// Returns the message on one line, with everything personal replaced and every other token unchanged.
    pub(super) fn scrub(&mut self, text: &str) -> Result<String, ScrubError> {
        let balances = AccountBalance::from_json(text).map_err(ScrubError::NotBalances)?.data;
        let replaced: BTreeMap<&str, Replaced> = balances
            .iter()
            .map(|balance| (balance.currency.as_str(), self.amounts.replace(balance, &mut self.rng)))
            .collect();
        let mut out = String::with_capacity(text.len());
        // The open objects and arrays, outermost first, and whether a key comes next.
        let mut open: Vec<(Place<'_>, bool)> = Vec::new();
        let mut place = Place::Message;
        let mut key_next = false;
        for token in Tokens(text) {
            match token {
                "{" | "[" => {
                    if open.len() >= DEEPEST {
                        return Err(ScrubError::TooDeep);
                    }
                    key_next = token == "{";
                    place = place.inside();
                    open.push((place, key_next));
                    out.push_str(token);
                }
                "}" | "]" => {
                    open.pop();
                    key_next = false;
                    out.push_str(token);
                }
                "," => {
                    let (around, is_object) = *open.last().ok_or(ScrubError::Unbalanced)?;
                    (place, key_next) = (around, is_object);
                    out.push_str(token);
                }
                ":" => {
                    key_next = false;
                    out.push_str(token);
                }
                key if key_next => {
                    let (around, _) = *open.last().ok_or(ScrubError::Unbalanced)?;
                    place = around.below(&serde_json::from_str::<String>(key)?, &replaced);
                    out.push_str(key);
                }
                value => out.push_str(&self.value(value, place)?),
            }
        }
        // Amounts of 29 digits may grow into one that cannot be kept exactly.
        let scrubbed = AccountBalance::from_json(&out).map_err(ScrubError::Unreadable)?;
        if scrubbed.data.len() != balances.len() {
            return Err(ScrubError::Incomplete);
        }
        Ok(out)
    }

    fn value(&mut self, token: &str, place: Place<'_>) -> Result<String, serde_json::Error> {
        Ok(match place {
            Place::Amount(instead) => serde_json::to_string(instead)?,
            Place::EventId if token.starts_with('"') => {
                let count = self.ids.len();
                let number = *self.ids.entry(token.to_owned()).or_insert(count);
                format!("\"00000000-0000-4000-8000-{number:012}\"")
            }
            Place::EventId | Place::Unknown => self.unknown(token)?,
            _ => token.to_owned(),
        })
    }

    /// Replaces a value of unknown meaning, which may be personal.
    fn unknown(&mut self, token: &str) -> Result<String, serde_json::Error> {
        if token.starts_with('"') {
            let text: String = serde_json::from_str(token)?;
            let instead = match parse_decimal(&text) {
                Ok(_) => same_shape(&text, 1..=9, &mut self.rng),
                Err(_) => text.chars().map(|letter| same_class(letter, &mut self.rng)).collect(),
            };
            return serde_json::to_string(&instead);
        }
        if matches!(token, "true" | "false" | "null") {
            return Ok(token.to_owned());
        }
        let (digits, exponent) = token.split_at(token.find(['e', 'E']).unwrap_or(token.len()));
        Ok(format!("{}{exponent}", same_shape(digits, 1..=9, &mut self.rng)))
    }
}

impl<'a> Place<'a> {
    /// Returns the place inside an object or a list. In place of a single value, either may hold anything.
    fn inside(self) -> Self {
        match self {
            Self::Message | Self::Balances | Self::Balance(_) => self,
            Self::Kept | Self::EventId | Self::Amount(_) | Self::Unknown => Self::Unknown,
        }
    }

    fn below(self, key: &str, replaced: &'a BTreeMap<&str, Replaced>) -> Self {
        match (self, key) {
            (Self::Message, "event" | "timestamp" | "datetime") | (Self::Balance(_), "currency") => {
                Self::Kept
            }
            (Self::Message, "eventID") => Self::EventId,
            (Self::Message, "data") => Self::Balances,
            (Self::Balances, currency) => replaced.get(currency).map_or(Self::Unknown, Self::Balance),
            (Self::Balance(replaced), "amount") => Self::Amount(&replaced.amount),
            (Self::Balance(replaced), "available") => Self::Amount(&replaced.available),
            (Self::Balance(replaced), "stake") => {
                replaced.stake.as_deref().map_or(Self::Unknown, Self::Amount)
            }
            (Self::Balance(replaced), "tradable") if replaced.is_tradable.is_some() => Self::Kept,
            _ => Self::Unknown,
        }
    }
}

fn same_class(letter: char, rng: &mut Rng) -> char {
    match letter {
        '0'..='9' => char::from(rng.u8(b'0'..=b'9')),
        'a'..='z' => rng.lowercase(),
        'A'..='Z' => rng.uppercase(),
        _ if letter.is_alphanumeric() => 'x',
        _ => letter,
    }
}

#[cfg(test)]
mod tests;
