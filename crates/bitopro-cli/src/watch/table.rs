//! Formats items as human-readable rows.

use bitopro_client::model::{Message, Stream, Timestamp};
use bitopro_client::{Item, StreamState};

use super::notes::{Note, Notes, label};
use crate::table::balances::BalanceChanges;
use crate::table::{Appearance, Grid, RowFormat, Style, View, balances, market, orders, section, trades};

/// Maximum number of closed orders from a snapshot that a log of several streams shows.
const MAX_CLOSED_ORDERS: usize = 8;

/// A log of items, row by row.
pub(super) struct Table {
    look: Appearance,
    /// True if the log mixes rows of several streams.
    is_mixed: bool,
    notes: Notes,
    balances: Grid,
    /// Orders and trades, whose columns are aligned.
    orders: Grid,
    /// The rows of public streams.
    market: Grid,
    /// True if the column names of trades, or of a public stream, have been printed.
    has_heading: bool,
    /// The date of the last row.
    date: Option<String>,
}

impl Table {
    pub(super) fn new(look: Appearance, is_mixed: bool) -> Self {
        let notes = Notes::new(is_mixed);
        let (balances, orders) = (Grid::new(balances::COLUMNS), Grid::new(orders::COLUMNS));
        Self {
            look,
            is_mixed,
            notes,
            balances,
            orders,
            market: Grid::new(market::COLUMNS),
            has_heading: false,
            date: None,
        }
    }

    /// Prints an item of a stream, and the balance changes that it caused.
    pub(super) fn print(
        &mut self,
        stream: Stream,
        received: Option<Timestamp>,
        item: &Item<Message>,
        changes: &BalanceChanges,
        lines: &mut String,
    ) {
        self.print_new_date(received, lines);
        if let Some(note) = self.notes.describe(stream, item, &self.look) {
            self.print_note(received, &note, lines);
        }
        let stream = Some(label(stream)).filter(|_| self.is_mixed);
        let format = RowFormat { look: &self.look, stream, view: View::Log };
        match item {
            Item::Snapshot(message) | Item::Update(message) if message.market_pair().is_some() => {
                let rows = market::rows(message, &format);
                if !std::mem::replace(&mut self.has_heading, true) {
                    self.market.heading(market::heading(message, &format), &rows, &self.look, lines);
                }
                self.market.rows(&rows, &self.look, lines);
            }
            Item::Snapshot(message) => {
                let is_limited = self.is_mixed && matches!(message, Message::HistoryOrders(_));
                let body = is_limited.then_some(MAX_CLOSED_ORDERS + 1);
                let section = section(std::slice::from_ref(message), changes, body, &format);
                let grid = match message {
                    Message::AccountBalance(_) => &mut self.balances,
                    _ => &mut self.orders,
                };
                section.print(grid, &self.look, lines);
            }
            Item::Update(Message::AccountBalance(event)) => {
                let rows = balances::changed(event, changes, &format);
                self.balances.rows(&rows, &self.look, lines);
            }
            Item::Update(Message::ActiveOrders(event)) => {
                self.orders.rows(&orders::rows(event.timestamp, &event.data, &format), &self.look, lines);
            }
            Item::Update(Message::HistoryOrders(event)) => {
                self.orders.rows(&orders::rows(event.timestamp, &event.data, &format), &self.look, lines);
            }
            Item::Update(Message::UserTrade(event)) => {
                let row = [trades::row(event, &format)];
                // The stream has no snapshot, so the first trade prints the column names.
                if !std::mem::replace(&mut self.has_heading, true) && !self.is_mixed {
                    let heading = format.heading(&self.look.time_heading(event.timestamp), trades::NAMES);
                    self.orders.heading(heading, &row, &self.look, lines);
                }
                self.orders.rows(&row, &self.look, lines);
            }
            Item::Update(other) => {
                lines.push_str(&self.look.note(Style::Dim, received, &format_args!("{other:?}"), usize::MAX));
            }
            _ => {}
        }
    }

    pub(super) fn print_note(&self, received: Option<Timestamp>, note: &Note, lines: &mut String) {
        lines.push_str(&self.look.note(note.style, received, &note.text, usize::MAX));
    }

    /// Prints how current a state is.
    pub(super) fn print_heartbeat(&self, state: &StreamState, lines: &mut String) {
        let stream = label(state.stream);
        let as_of = match state.as_of {
            Some(as_of) => {
                format!("last event at {}, {} s ago", self.look.time_of_day(as_of), state.age.as_secs())
            }
            None => "no event yet".to_owned(),
        };
        let (style, stale) =
            if state.is_stale { (Style::Yellow, "; may be out of date") } else { (Style::Dim, "") };
        self.print_note(state.read_at, &Note { style, text: format!("{stream}: {as_of}{stale}") }, lines);
    }

    /// Prints the date if it has changed since the last item.
    fn print_new_date(&mut self, received: Option<Timestamp>, lines: &mut String) {
        let Some(date) = received.map(|received| self.look.date(received)) else { return };
        if self.date.as_ref().is_some_and(|last| *last != date) {
            lines.push_str(&self.look.note(Style::Bold, None, &date, 1));
        }
        self.date = Some(date);
    }
}

#[cfg(test)]
mod tests;
