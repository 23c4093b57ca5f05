//! Tables for people: rows, their look, and the tables of balances, orders and trades.

mod appearance;
pub(crate) mod balances;
mod columns;
mod grid;
pub(crate) mod market;
pub(crate) mod orders;
pub(crate) mod trades;

use bitopro_client::model::{Message, Timestamp};

pub(crate) use appearance::{Appearance, EscapeCodes, Style};
use balances::BalanceChanges;
pub(crate) use grid::{Cell, Column, Grid, Row, Spans};

/// The cell for a value that is absent from the message.
pub(crate) const ABSENT: &str = "-";

/// The parts that all rows of a table share.
pub(crate) struct RowFormat<'a> {
    pub(crate) look: &'a Appearance,
    /// The name of the stream, if rows of several streams are mixed.
    pub(crate) stream: Option<&'static str>,
    pub(crate) view: View,
}

/// The table to which a row belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// A log of items, in which every row has a time.
    Log,
    /// The current state of a stream, whose title shows its time.
    State,
    /// The reply to a call, which can be about several days.
    Reply,
}

impl RowFormat<'_> {
    /// Returns the text of a time in a row.
    pub(crate) fn time(&self, time: Timestamp, now: Timestamp) -> String {
        match self.view {
            View::Log | View::State => self.look.time_or_date(time, now),
            View::Reply => self.look.date_and_time(time),
        }
    }

    /// Creates a row that begins with a time and the stream.
    fn row(&self, time: &str, cells: impl IntoIterator<Item = Cell>) -> Row {
        let stream = Cell::new(Style::Dim, &self.stream.unwrap_or_default());
        [Cell::plain(&time), stream].into_iter().chain(cells).collect()
    }

    /// Creates the heading of rows that begin with a time and the stream.
    pub(crate) fn heading(&self, time: &str, names: &[&str]) -> Row {
        let stream = if self.stream.is_some() { "STREAM" } else { "" };
        heading([time, stream].iter().chain(names))
    }
}

/// Creates a heading from the names of the columns.
pub(crate) fn heading<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> Row {
    names.into_iter().map(|name| Cell::new(Style::Bold, name)).collect()
}

/// A table that is printed as a whole.
pub(crate) struct Section {
    pub(crate) heading: Row,
    pub(crate) rows: Vec<Row>,
    pub(crate) note_above: Option<String>,
    pub(crate) note_below: Option<String>,
}

impl Section {
    /// Prints the table with notes of one line.
    pub(crate) fn print(&self, grid: &mut Grid, look: &Appearance, lines: &mut String) {
        self.print_with_notes(1, grid, look, lines);
    }

    /// Returns the table with whole notes.
    pub(crate) fn to_lines(&self, columns: &'static [Column], look: &Appearance) -> String {
        let mut lines = String::new();
        self.print_with_notes(usize::MAX, &mut Grid::new(columns), look, &mut lines);
        lines
    }

    fn print_with_notes(&self, max_lines: usize, grid: &mut Grid, look: &Appearance, lines: &mut String) {
        grid.heading(self.heading.clone(), &self.rows, look, lines);
        lines.extend(self.note_above.iter().map(|note| look.note(Style::Dim, None, note, max_lines)));
        grid.rows(&self.rows, look, lines);
        lines.extend(self.note_below.iter().map(|note| look.note(Style::Dim, None, note, max_lines)));
    }
}

/// Prints the complete table of messages of the same kind, with at most `body` lines below the column names.
pub(crate) fn print_all(
    events: &[Message],
    changes: &BalanceChanges,
    body: Option<usize>,
    format: &RowFormat<'_>,
    lines: &mut String,
) {
    section(events, changes, body, format).print(&mut Grid::new(columns(events)), format.look, lines);
}

/// Returns the columns of the table of messages of the same kind.
pub(crate) fn columns(events: &[Message]) -> &'static [Column] {
    match events {
        [Message::AccountBalance(_)] => balances::COLUMNS,
        [first, ..] if first.market_pair().is_some() => market::COLUMNS,
        _ => orders::COLUMNS,
    }
}

/// Returns the complete table of messages of the same kind, with at most `body` lines below the column names.
pub(crate) fn section(
    events: &[Message],
    changes: &BalanceChanges,
    body: Option<usize>,
    format: &RowFormat<'_>,
) -> Section {
    match events {
        [Message::AccountBalance(event)] => {
            balances::section(event.timestamp, event.data.iter().as_slice(), changes, body, format)
        }
        [Message::ActiveOrders(event)] => orders::section(event.timestamp, &event.data, body, format),
        [Message::HistoryOrders(event)] => orders::section(event.timestamp, &event.data, body, format),
        messages @ [first, ..] if first.market_pair().is_some() => market::section(messages, body, format),
        trades => trades::section(trades, body, format),
    }
}

/// Returns the number of lines below the column names of the complete table.
pub(crate) fn height(events: &[Message]) -> usize {
    let lines = match events {
        [Message::AccountBalance(event)] => balances::height(event.data.iter().as_slice()),
        [Message::ActiveOrders(event)] => event.data.iter().count(),
        [Message::HistoryOrders(event)] => event.data.iter().count(),
        messages @ [first, ..] if first.market_pair().is_some() => market::height(messages),
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
