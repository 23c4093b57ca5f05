//! Formats items and states as human-readable rows.

mod balances;
mod note;
mod orders;
mod text_table;
mod trades;

use bitopro_client::Item;
use bitopro_client::model::{Message, PrivateStream, Timestamp};

pub(super) use balances::{BalanceChanges, balance_changes};
pub(super) use text_table::{Style, TextTable};

/// Maximum number of closed orders from a snapshot that a log of several streams shows.
const MAX_CLOSED_ORDERS: usize = 8;

/// The cell for a value that is absent from the message.
const ABSENT: &str = "-";

/// A log of items, row by row.
pub(super) struct Table {
    colour: bool,
    /// True if the log mixes rows of several streams.
    is_mixed: bool,
    has_trade_heading: bool,
}

impl Table {
    pub(super) fn new(colour: bool, is_mixed: bool) -> Self {
        Self { colour, is_mixed, has_trade_heading: false }
    }

    /// Prints an item of a stream, and the balance changes that it caused.
    pub(super) fn print(
        &mut self,
        stream: PrivateStream,
        item: &Item<Message>,
        changes: &BalanceChanges,
        lines: &mut String,
    ) {
        let mut out = self.text_table(lines);
        out.kind = self.is_mixed.then(|| kind(stream));
        match item {
            Item::Snapshot(message) => {
                let is_limited = self.is_mixed && matches!(message, Message::HistoryOrders(_));
                state(
                    std::slice::from_ref(message),
                    changes,
                    is_limited.then_some(MAX_CLOSED_ORDERS + 1),
                    &mut out,
                );
            }
            Item::Update(message) => self.update(message, changes, &mut out),
            other => lines.push_str(&self.note(stream, other)),
        }
    }

    /// Returns a line about an item without data, such as a gap.
    pub(super) fn note(&self, stream: PrivateStream, item: &Item<Message>) -> String {
        let (style, text) = note::text(item);
        let mut line = String::new();
        self.text_table(&mut line)
            .note(style, &if self.is_mixed { format!("{stream}: {text}") } else { text });
        line
    }

    pub(super) fn text_table<'a>(&self, lines: &'a mut String) -> TextTable<'a> {
        TextTable { lines, colour: self.colour, kind: None }
    }

    fn update(&mut self, message: &Message, changes: &BalanceChanges, out: &mut TextTable<'_>) {
        match message {
            Message::AccountBalance(event) => balances::changed(event, changes, out),
            Message::ActiveOrders(event) => orders::rows(event, event.data.iter(), out),
            Message::HistoryOrders(event) => orders::rows(event, event.data.iter(), out),
            Message::UserTrade(event) => {
                // The stream has no snapshot, so the first trade prints the column names.
                if !std::mem::replace(&mut self.has_trade_heading, true) && !self.is_mixed {
                    trades::heading(out);
                }
                trades::row(event, out);
            }
            other => out.note(Style::Dim, &format!("{other:?}")),
        }
    }
}

/// Prints the table of a complete state, with at most `body` lines below the column names.
pub(super) fn state(
    events: &[Message],
    changes: &BalanceChanges,
    body: Option<usize>,
    out: &mut TextTable<'_>,
) {
    match events {
        [Message::AccountBalance(event)] => balances::table(event, changes, body, out),
        [Message::ActiveOrders(event)] => orders::table(event, body, out),
        [Message::HistoryOrders(event)] => orders::table(event, body, out),
        trades => trades::table(trades, body, out),
    }
}

/// Returns the number of lines below the column names of the complete table of a state.
pub(super) fn height(events: &[Message]) -> usize {
    let lines = match events {
        [Message::AccountBalance(event)] => balances::height(event),
        [Message::ActiveOrders(event)] => event.data.iter().count(),
        [Message::HistoryOrders(event)] => event.data.iter().count(),
        trades => trades.len(),
    };
    // An empty table has a note.
    lines.max(1)
}

/// Returns the number of rows that fit on this many lines. If some do not, one line is for a note about them.
fn rows_that_fit(rows: usize, lines: Option<usize>) -> usize {
    match lines {
        Some(lines) if lines < rows => lines.saturating_sub(1),
        _ => rows,
    }
}

/// Returns the last rows, as many as fit on `body` lines, and prints a note about the others.
fn latest<'a, T>(all: &'a [T], body: Option<usize>, name: &str, out: &mut TextTable<'_>) -> &'a [T] {
    let earlier = all.len() - rows_that_fit(all.len(), body);
    if all.is_empty() {
        out.note(Style::Dim, &format!("no {name}"));
    } else if earlier > 0 {
        out.note(Style::Dim, &format!("and {earlier} earlier {name}"));
    }
    all.get(earlier..).unwrap_or_default()
}

fn kind(stream: PrivateStream) -> &'static str {
    match stream {
        PrivateStream::AccountBalance => "balance",
        PrivateStream::ActiveOrders => "order",
        PrivateStream::HistoryOrders => "history",
        PrivateStream::UserTrades => "trade",
        other => other.name(),
    }
}

/// Returns the hours, minutes and seconds of a time in UTC.
pub(super) fn time_of_day(timestamp: Timestamp) -> String {
    let time = timestamp.to_rfc3339();
    time.as_deref().and_then(|time| time.get(11..19)).unwrap_or("?").to_owned()
}

/// Returns the time of day if a timestamp is on the same day as `now`, or else the date.
fn time_or_date(timestamp: Timestamp, now: Timestamp) -> String {
    let (time, now) = (timestamp.to_rfc3339(), now.to_rfc3339());
    let day = |time: &Option<String>| time.as_deref().and_then(|time| time.get(..10)).map(str::to_owned);
    match day(&time) {
        Some(date) if Some(&date) != day(&now).as_ref() => date.get(2..).unwrap_or("?").to_owned(),
        _ => time_of_day(timestamp),
    }
}

#[cfg(test)]
mod tests;
