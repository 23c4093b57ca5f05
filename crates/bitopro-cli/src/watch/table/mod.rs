//! Formats items and states as human-readable rows.

mod balances;
mod grid;
mod orders;
mod trades;

use bitopro_client::model::{Message, PrivateStream, Timestamp};
use bitopro_client::{Item, StreamState};

use super::appearance::{Appearance, Style};
use super::notes::{Note, Notes, label};
#[cfg(test)]
pub(super) use balances::Amounts;
pub(super) use balances::{BalanceChanges, balance_changes};
pub(super) use grid::{Cell, Column, Grid, Row};

/// Maximum number of closed orders from a snapshot that a log of several streams shows.
const MAX_CLOSED_ORDERS: usize = 8;

/// The cell for a value that is absent from the message.
const ABSENT: &str = "-";

/// A log of items, row by row.
pub(super) struct Table {
    look: Appearance,
    /// True if the log mixes rows of several streams.
    is_mixed: bool,
    notes: Notes,
    balances: Grid,
    /// Orders and trades, whose columns are aligned.
    orders: Grid,
    has_trade_heading: bool,
    /// The date of the last row.
    date: Option<String>,
}

/// The parts that all rows of a stream share.
struct RowFormat<'a> {
    look: &'a Appearance,
    /// The stream, if rows of several streams are mixed.
    stream: Option<PrivateStream>,
    /// True for the table of a state, whose title shows its time.
    is_state: bool,
}

impl RowFormat<'_> {
    /// Creates a row that begins with a time and the stream.
    fn row(&self, time: &str, cells: impl IntoIterator<Item = Cell>) -> Row {
        let stream = Cell::new(Style::Dim, &self.stream.map(label).unwrap_or_default());
        [Cell::plain(&time), stream].into_iter().chain(cells).collect()
    }

    /// Creates the heading of rows that begin with a time and the stream.
    fn heading(&self, time: &str, names: &[&str]) -> Row {
        let stream = if self.stream.is_some() { "STREAM" } else { "" };
        let names = [time, stream].into_iter().chain(names.iter().copied());
        names.map(|name| Cell::new(Style::Bold, &name)).collect()
    }
}

/// The table of a complete state.
struct Section {
    heading: Row,
    rows: Vec<Row>,
    note_above: Option<String>,
    note_below: Option<String>,
}

impl Section {
    fn print(&self, grid: &mut Grid, look: &Appearance, lines: &mut String) {
        grid.heading(self.heading.clone(), &self.rows, look, lines);
        lines.extend(self.note_above.iter().map(|note| look.note(Style::Dim, None, note, 1)));
        grid.rows(&self.rows, look, lines);
        lines.extend(self.note_below.iter().map(|note| look.note(Style::Dim, None, note, 1)));
    }
}

impl Table {
    pub(super) fn new(look: Appearance, is_mixed: bool) -> Self {
        let notes = Notes::new(is_mixed);
        let (balances, orders) = (Grid::new(balances::COLUMNS), Grid::new(orders::COLUMNS));
        Self { look, is_mixed, notes, balances, orders, has_trade_heading: false, date: None }
    }

    /// Prints an item of a stream, and the balance changes that it caused.
    pub(super) fn print(
        &mut self,
        stream: PrivateStream,
        received: Option<Timestamp>,
        item: &Item<Message>,
        changes: &BalanceChanges,
        lines: &mut String,
    ) {
        self.print_new_date(received, lines);
        if let Some(note) = self.notes.describe(stream, item, &self.look) {
            self.print_note(received, &note, lines);
        }
        let stream = Some(stream).filter(|_| self.is_mixed);
        let format = RowFormat { look: &self.look, stream, is_state: false };
        match item {
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
                self.orders.rows(&orders::rows(event, event.data.iter(), &format), &self.look, lines);
            }
            Item::Update(Message::HistoryOrders(event)) => {
                self.orders.rows(&orders::rows(event, event.data.iter(), &format), &self.look, lines);
            }
            Item::Update(Message::UserTrade(event)) => {
                let row = [trades::row(event, &format)];
                // The stream has no snapshot, so the first trade prints the column names.
                if !std::mem::replace(&mut self.has_trade_heading, true) && !self.is_mixed {
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

/// Prints the table of a complete state, with at most `body` lines below the column names.
pub(super) fn print_state(
    events: &[Message],
    changes: &BalanceChanges,
    body: Option<usize>,
    look: &Appearance,
    lines: &mut String,
) {
    let columns = match events {
        [Message::AccountBalance(_)] => balances::COLUMNS,
        _ => orders::COLUMNS,
    };
    let section = section(events, changes, body, &RowFormat { look, stream: None, is_state: true });
    section.print(&mut Grid::new(columns), look, lines);
}

/// Returns the table of a complete state, with at most `body` lines below the column names.
fn section(
    events: &[Message],
    changes: &BalanceChanges,
    body: Option<usize>,
    format: &RowFormat<'_>,
) -> Section {
    match events {
        [Message::AccountBalance(event)] => balances::section(event, changes, body, format),
        [Message::ActiveOrders(event)] => orders::section(event, body, format),
        [Message::HistoryOrders(event)] => orders::section(event, body, format),
        trades => trades::section(trades, body, format),
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

/// Returns the last rows, as many as fit on `body` lines, and a note about the others.
fn latest<'a, T>(all: &'a [T], body: Option<usize>, name: &str) -> (&'a [T], Option<String>) {
    let earlier = all.len() - rows_that_fit(all.len(), body);
    let note = if all.is_empty() {
        Some(format!("no {name}"))
    } else {
        (earlier > 0).then(|| format!("and {earlier} earlier {name}"))
    };
    (all.get(earlier..).unwrap_or_default(), note)
}

#[cfg(test)]
mod tests;
