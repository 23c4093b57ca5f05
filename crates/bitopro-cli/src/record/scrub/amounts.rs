//! Replaces amounts so that their relations remain.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bitopro_client::model::{Balance, Decimal};
use fastrand::Rng;

/// Ranges of a replacement's first digit. For numbers of one length, the total's is so far above those of its parts
/// that two parts fit into it together, and below that of anything that exceeded it.
const TOTAL: RangeInclusive<u8> = 6..=8;
const PART: RangeInclusive<u8> = 1..=2;
const EXCESS: RangeInclusive<u8> = 9..=9;

/// The replacements so far, by currency, first digit and text: an amount that did not change is replaced alike.
#[derive(Debug, Default)]
pub(super) struct Amounts(BTreeMap<(String, u8, String), String>);

/// The replacements of one balance's amounts.
#[derive(Debug)]
pub(super) struct Replaced {
    pub(super) amount: String,
    pub(super) available: String,
    /// Only if it could be read, like `is_tradable`.
    pub(super) stake: Option<String>,
    pub(super) is_tradable: Option<bool>,
}

impl Amounts {
    pub(super) fn replace(&mut self, balance: &Balance, rng: &mut Rng) -> Replaced {
        let currency = balance.currency.as_str();
        let amount = self.text(currency, balance.amount, TOTAL, rng);
        let mut part = |part: Decimal| match part.abs().cmp(&balance.amount.abs()) {
            _ if part.is_zero() => part.to_string(),
            Ordering::Less => self.text(currency, part, PART, rng),
            Ordering::Equal => same_number(&amount, part),
            Ordering::Greater => self.text(currency, part, EXCESS, rng),
        };
        let (available, stake) = (part(balance.available), balance.stake.map(part));
        Replaced { amount, available, stake, is_tradable: balance.tradable }
    }

    fn text(&mut self, currency: &str, number: Decimal, first: RangeInclusive<u8>, rng: &mut Rng) -> String {
        let text = number.to_string();
        let key = (currency.to_owned(), *first.start(), text.clone());
        self.0.entry(key).or_insert_with(|| same_shape(&text, first, rng)).clone()
    }
}

/// Returns the number in `text` with the sign and the decimal places of `like`, which suffice for it.
fn same_number(text: &str, like: Decimal) -> String {
    let unsigned = text.trim_start_matches('-');
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let places = usize::try_from(like.scale()).unwrap_or_default();
    let (sign, point) = (if like.is_sign_negative() { "-" } else { "" }, if places == 0 { "" } else { "." });
    format!("{sign}{whole}{point}{fraction:0<places$.places$}")
}

/// Returns another number with as many digits before and after the point, and the same zeros at both ends.
pub(super) fn same_shape(text: &str, first: RangeInclusive<u8>, rng: &mut Rng) -> String {
    let counts = |c: char| matches!(c, '1'..='9');
    let (Some(begin), Some(end)) = (text.find(counts), text.rfind(counts)) else { return text.to_owned() };
    let digit = |digit: u8| char::from(b'0' + digit);
    text.char_indices()
        .map(|(at, old)| match old {
            _ if at == begin => digit(rng.u8(first.clone())),
            _ if at == end => digit(rng.u8(1..=9)),
            '0'..='9' if at > begin && at < end => digit(rng.u8(0..=9)),
            _ => old,
        })
        .collect()
}
