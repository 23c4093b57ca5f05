use bitopro_client::Item;
use bitopro_client::model::PrivateStream;

use super::board::Board;
use super::feed::{Entry, Feed};
use super::filter::Filter;
use super::ndjson::{Line, StateLine};
use super::table::Table;
use crate::exit::Failure;
use crate::output::json;

/// Turns what a feed tells into lines.
pub(super) struct Printer {
    filter: Filter,
    form: Form,
}

pub(super) enum Form {
    /// For programs.
    Ndjson { state: bool },
    /// For people: what happens, line by line.
    Table(Table),
    /// For people: how things stand.
    Board(Board),
}

impl Printer {
    pub(super) fn new(filter: Filter, form: Form) -> Self {
        Self { filter, form }
    }

    pub(super) fn print(&mut self, entry: Entry, feed: &dyn Feed, lines: &mut String) -> Result<(), Failure> {
        let Some(entry) = self.filter.apply(entry) else { return Ok(()) };
        match &mut self.form {
            Form::Ndjson { state } => {
                lines.extend([&json(&Line::new(&entry))?, "\n"]);
                if *state && !matches!(entry.item, Item::Connected(_) | Item::Unknown(_)) {
                    // The end of an order that history tells is one of the open orders too.
                    let also =
                        (entry.stream == PrivateStream::HistoryOrders).then_some(PrivateStream::ActiveOrders);
                    for stream in [entry.stream].into_iter().chain(also) {
                        if let Some(picture) = self.filter.picture(feed, stream) {
                            lines.extend([&json(&StateLine::new(&picture))?, "\n"]);
                        }
                    }
                }
            }
            Form::Table(table) => table.print(&entry, lines),
            Form::Board(board) => board.print(&entry, &self.filter, feed, lines),
        }
        Ok(())
    }

    /// Adds what is printed once for many entries. After each [`print`](Self::print), before the lines go.
    pub(super) fn complete(&mut self, feed: &dyn Feed, lines: &mut String) {
        if let Form::Board(board) = &mut self.form {
            board.draw(&self.filter, feed, lines);
        }
    }
}
