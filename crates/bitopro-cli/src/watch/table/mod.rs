//! Rows for people.

mod balances;
mod sheet;

use bitopro_client::model::{AccountBalance, Timestamp};
use bitopro_client::{Closed, Item};

use crate::decode::rfc3339;
use crate::exit::chain;
use balances::Balances;
use sheet::{Sheet, Style};

pub(super) struct Table {
    colour: bool,
    balances: Balances,
}

impl Table {
    pub(super) fn new(colour: bool) -> Self {
        Self { colour, balances: Balances::default() }
    }

    pub(super) fn print(&mut self, item: &Item<AccountBalance>, lines: &mut String) {
        let sheet = &mut Sheet { lines, colour: self.colour };
        match item {
            Item::Snapshot(event) => self.balances.snapshot(event, sheet),
            Item::Update(event) => self.balances.update(event, sheet),
            other => {
                let (style, text) = note(other);
                sheet.note(style, &text);
            }
        }
    }
}

/// What happened to the stream, in words.
fn note<T: std::fmt::Debug>(item: &Item<T>) -> (Style, String) {
    match item {
        Item::Connected(connected) => (Style::Dim, format!("connected to {}", connected.url)),
        Item::Gap(gap) => (Style::Yellow, format!("gap: {gap}")),
        Item::Malformed(malformed) => (
            Style::Yellow,
            format!("a message could not be read, balances may be out of date: {}", malformed.reason),
        ),
        Item::Unknown(unknown) => (Style::Dim, format!("a message of the unknown kind {}", unknown.event())),
        Item::Disconnected(disconnected) => {
            let (error, wait) = (chain(&disconnected.error), disconnected.retry_in.as_secs_f64());
            (Style::Yellow, format!("disconnected: {error}; next try in {wait:.1} s"))
        }
        Item::Closed(Closed::Requested) => (Style::Dim, "closed".to_owned()),
        Item::Closed(closed) => (Style::Red, format!("closed: {closed}")),
        other => (Style::Yellow, format!("{other:?}")),
    }
}

/// Hours, minutes and seconds in UTC.
fn time_of_day(timestamp: Timestamp) -> String {
    let time = rfc3339(timestamp);
    let time = time.as_deref().and_then(|time| time.get(11..19));
    format!("{:<8}", time.unwrap_or("?"))
}
