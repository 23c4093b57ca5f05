//! Rows for people.

mod balances;
mod note;
mod orders;
mod text_table;
mod trades;

use bitopro_client::Item;
use bitopro_client::model::{Message, PrivateStream, Timestamp};

pub(super) use balances::{BalanceChanges, balance_changes};
pub(super) use text_table::{Style, TextTable};

/// How many orders of the past open the log of a whole account.
const PAST_ORDERS: usize = 8;

/// The cell of a value that the message lacks.
const ABSENT: &str = "-";

/// A log of what happens, row by row.
pub(super) struct Table {
    colour: bool,
    /// Whether rows of several streams stand among each other.
    is_mixed: bool,
    has_trades: bool,
}

impl Table {
    pub(super) fn new(colour: bool, is_mixed: bool) -> Self {
        Self { colour, is_mixed, has_trades: false }
    }

    /// Prints an item of a stream, which changed the balances like this.
    pub(super) fn print(
        &mut self,
        stream: PrivateStream,
        item: &Item<Message>,
        changes: &BalanceChanges,
        lines: &mut String,
    ) {
        let mut sheet = self.sheet(lines);
        sheet.tag = self.is_mixed.then(|| tag(stream));
        match item {
            Item::Snapshot(message) => {
                let is_past = self.is_mixed && matches!(message, Message::HistoryOrders(_));
                state(std::slice::from_ref(message), changes, is_past.then_some(PAST_ORDERS + 1), &mut sheet);
            }
            Item::Update(message) => self.update(message, changes, &mut sheet),
            other => lines.push_str(&self.note(stream, other)),
        }
    }

    /// Returns the line of what happened to a stream.
    pub(super) fn note(&self, stream: PrivateStream, item: &Item<Message>) -> String {
        let (style, text) = note::of(item);
        let mut line = String::new();
        self.sheet(&mut line).note(style, &if self.is_mixed { format!("{stream}: {text}") } else { text });
        line
    }

    pub(super) fn sheet<'a>(&self, lines: &'a mut String) -> TextTable<'a> {
        TextTable { lines, colour: self.colour, tag: None }
    }

    fn update(&mut self, message: &Message, changes: &BalanceChanges, sheet: &mut TextTable<'_>) {
        match message {
            Message::AccountBalance(event) => balances::changed(event, changes, sheet),
            Message::ActiveOrders(event) => orders::rows(event, event.data.iter(), sheet),
            Message::HistoryOrders(event) => orders::rows(event, event.data.iter(), sheet),
            Message::UserTrade(event) => {
                // Its stream has no snapshot, which the heading would stand above.
                if !std::mem::replace(&mut self.has_trades, true) && !self.is_mixed {
                    trades::heading(sheet);
                }
                trades::row(event, sheet);
            }
            other => sheet.note(Style::Dim, &format!("{other:?}")),
        }
    }
}

/// Prints the table of a whole state, with at most this many lines below its heading.
pub(super) fn state(
    events: &[Message],
    changes: &BalanceChanges,
    body: Option<usize>,
    sheet: &mut TextTable<'_>,
) {
    match events {
        [Message::AccountBalance(event)] => balances::list(event, changes, body, sheet),
        [Message::ActiveOrders(event)] => orders::list(event, body, sheet),
        [Message::HistoryOrders(event)] => orders::list(event, body, sheet),
        trades => trades::list(trades, body, sheet),
    }
}

/// How many lines below its heading the table of a whole state has, unless it is limited.
pub(super) fn height(events: &[Message]) -> usize {
    let lines = match events {
        [Message::AccountBalance(event)] => balances::height(event),
        [Message::ActiveOrders(event)] => event.data.iter().count(),
        [Message::HistoryOrders(event)] => event.data.iter().count(),
        trades => trades.len(),
    };
    // That there is nothing takes a line too.
    lines.max(1)
}

/// How many of some rows have a place on so many lines: all of them, or what a note about the others leaves.
fn fitting(rows: usize, lines: Option<usize>) -> usize {
    match lines {
        Some(lines) if lines < rows => lines.saturating_sub(1),
        _ => rows,
    }
}

/// The latest of some rows, the last ones, and a note about the others, on so many lines.
fn latest<'a, T>(all: &'a [T], body: Option<usize>, what: &str, sheet: &mut TextTable<'_>) -> &'a [T] {
    let earlier = all.len() - fitting(all.len(), body);
    if all.is_empty() {
        sheet.note(Style::Dim, &format!("no {what}"));
    } else if earlier > 0 {
        sheet.note(Style::Dim, &format!("and {earlier} earlier {what}"));
    }
    all.get(earlier..).unwrap_or_default()
}

fn tag(stream: PrivateStream) -> &'static str {
    match stream {
        PrivateStream::AccountBalance => "balance",
        PrivateStream::ActiveOrders => "order",
        PrivateStream::HistoryOrders => "ended",
        PrivateStream::UserTrades => "trade",
        other => other.name(),
    }
}

/// Hours, minutes and seconds in UTC.
pub(super) fn time_of_day(timestamp: Timestamp) -> String {
    let time = timestamp.to_rfc3339();
    time.as_deref().and_then(|time| time.get(11..19)).unwrap_or("?").to_owned()
}

/// When something was, as seen from a later moment: the time of that day, or else the date.
fn time_or_date(timestamp: Timestamp, seen_from: Timestamp) -> String {
    let (time, now) = (timestamp.to_rfc3339(), seen_from.to_rfc3339());
    let day = |time: &Option<String>| time.as_deref().and_then(|time| time.get(..10)).map(str::to_owned);
    match day(&time) {
        Some(date) if Some(&date) != day(&now).as_ref() => date.get(2..).unwrap_or("?").to_owned(),
        _ => time_of_day(timestamp),
    }
}

#[cfg(test)]
mod tests;
