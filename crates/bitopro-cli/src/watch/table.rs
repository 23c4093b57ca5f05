//! Rows for people: a snapshot shows what the account holds, an update what changed and by how much.

use std::collections::BTreeMap;

use bitopro_client::model::{AccountBalance, Balance, Currency, Decimal, Timestamp};
use bitopro_client::{Closed, Item};

use crate::decode::rfc3339;
use crate::exit::chain;

const HEADER: &str = "TIME UTC  CURRENCY        AMOUNT               AVAILABLE               CHANGE";

pub(super) struct Table {
    colour: bool,
    known: BTreeMap<Currency, Balance>,
}

#[derive(Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Green,
    Red,
    Yellow,
}

impl Table {
    pub(super) fn new(colour: bool) -> Self {
        Self { colour, known: BTreeMap::new() }
    }

    pub(super) fn print(&mut self, item: &Item<AccountBalance>, lines: &mut String) {
        match item {
            Item::Snapshot(event) => self.snapshot(event, lines),
            Item::Update(event) => self.update(event, lines),
            Item::Connected(connected) => {
                self.note(Style::Dim, &format!("connected to {}", connected.url), lines);
            }
            Item::Gap(gap) => self.note(Style::Yellow, &format!("gap: {gap}"), lines),
            Item::Malformed(malformed) => {
                let text =
                    format!("a message could not be read, balances may be out of date: {}", malformed.reason);
                self.note(Style::Yellow, &text, lines);
            }
            Item::Unknown(unknown) => {
                let event = unknown.event().escape_debug();
                self.note(Style::Dim, &format!("a message of the unknown kind {event}"), lines);
            }
            Item::Disconnected(disconnected) => {
                let (error, wait) = (chain(&disconnected.error), disconnected.retry_in.as_secs_f64());
                self.note(Style::Yellow, &format!("disconnected: {error}; next try in {wait:.1} s"), lines);
            }
            Item::Closed(Closed::Requested) => self.note(Style::Dim, "closed", lines),
            Item::Closed(closed) => self.note(Style::Red, &format!("closed: {closed}"), lines),
            other => self.note(Style::Yellow, &format!("{other:?}"), lines),
        }
    }

    fn snapshot(&mut self, event: &AccountBalance, lines: &mut String) {
        put(lines, &self.paint(Style::Bold, HEADER));
        let (held, empty): (Vec<_>, Vec<_>) = event.data.iter().partition(|balance| !is_empty(balance));
        for balance in held {
            let change = self.known.get(&balance.currency).and_then(|known| change(known, balance));
            self.row(event.timestamp, balance, change, lines);
        }
        if !empty.is_empty() {
            let codes: Vec<&str> = empty.iter().map(|balance| balance.currency.as_str()).collect();
            self.note(Style::Dim, &format!("zero: {}", codes.join(" ")), lines);
        }
        self.known = event.data.iter().map(|balance| (balance.currency.clone(), balance.clone())).collect();
    }

    fn update(&mut self, event: &AccountBalance, lines: &mut String) {
        for balance in &event.data {
            let known = self.known.insert(balance.currency.clone(), balance.clone());
            // Some servers name every currency each time.
            if known.as_ref() != Some(balance) {
                let change = known.and_then(|known| change(&known, balance));
                self.row(event.timestamp, balance, change, lines);
            }
        }
    }

    fn row(&self, timestamp: Timestamp, balance: &Balance, change: Option<Decimal>, lines: &mut String) {
        let time = rfc3339(timestamp);
        let time = time.as_deref().and_then(|time| time.get(11..19)).unwrap_or("?");
        let (amount, available) =
            (aligned(&balance.amount.to_string()), aligned(&balance.available.to_string()));
        let change = match change.filter(|change| !change.is_zero()) {
            Some(change) if change.is_sign_negative() => {
                self.paint(Style::Red, &aligned(&change.to_string()))
            }
            Some(change) => self.paint(Style::Green, &aligned(&format!("+{change}"))),
            None => aligned(""),
        };
        let mut remarks = Vec::new();
        if !balance.stake.is_zero() {
            remarks.push(format!("{} staked", balance.stake));
        }
        if !balance.tradable {
            remarks.push("not tradable".to_owned());
        }
        let remarks = self.paint(Style::Dim, &remarks.join(", "));
        let line = format!("{time:<8}  {:<6}{amount}{available}{change} {remarks}", balance.currency);
        put(lines, line.trim_end());
    }

    fn note(&self, style: Style, text: &str, lines: &mut String) {
        put(lines, &self.paint(style, &format!("· {text}")));
    }

    fn paint(&self, style: Style, text: &str) -> String {
        let code = match style {
            _ if !self.colour || text.is_empty() => return text.to_owned(),
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Green => "32",
            Style::Red => "31",
            Style::Yellow => "33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

fn put(lines: &mut String, line: &str) {
    lines.push_str(line);
    lines.push('\n');
}

fn is_empty(balance: &Balance) -> bool {
    balance.amount.is_zero() && balance.available.is_zero() && balance.stake.is_zero()
}

/// By how much the total changed, if that can be told exactly.
fn change(before: &Balance, after: &Balance) -> Option<Decimal> {
    after.amount.checked_sub(before.amount)
}

/// A decimal with its point in a fixed column, every digit as it came.
fn aligned(number: &str) -> String {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, format!(".{fraction}")),
        None => (number, String::new()),
    };
    format!("{whole:>13}{fraction:<10}")
}

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn points_stand_in_one_column() {
        for number in ["0", "1.10", "999999999999.99999999", "-0.00000001", "+12"] {
            let shown = aligned(number);
            assert_eq!(shown.trim(), number);
            assert_eq!(shown.len(), 23);
            assert_eq!(shown.find('.').unwrap_or(13), 13);
        }
        assert_eq!(aligned("12345678901234567.123456789012").trim(), "12345678901234567.123456789012");
    }
}
