use bitopro_client::model::PrivateStream;
use bitopro_client::{Account, AccountItem, Changes, Item, Reader};

use super::board::Board;
use super::filter::Filter;
use super::ndjson::{Line, StateLine};
use super::picture::Picture;
use super::table::{BalanceChanges, Table, balance_changes};
use crate::exit::Failure;
use crate::output::json;

/// Turns the items of a subscription into lines.
pub(super) struct Printer {
    filter: Filter,
    form: Form,
    streams: &'static [PrivateStream],
    /// Derives what the items changed, before they are filtered.
    changes: Changes,
    /// The state.
    reader: Reader<Account>,
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
    pub(super) fn new(
        filter: Filter,
        form: Form,
        streams: &'static [PrivateStream],
        changes: Changes,
        reader: Reader<Account>,
    ) -> Self {
        Self { filter, form, streams, changes, reader }
    }

    pub(super) fn print(&mut self, item: AccountItem, lines: &mut String) -> Result<(), Failure> {
        let Self { filter, form, changes, reader, .. } = self;
        let changes = match form {
            Form::Ndjson { .. } => BalanceChanges::new(),
            Form::Table(_) | Form::Board(_) => balance_changes(changes.apply(&item)),
        };
        let AccountItem { stream, item, .. } = item;
        let Some(item) = filter.apply(item) else { return Ok(()) };
        let picture = |stream| Some(filter.picture(Picture::new(&reader.current(), stream)?));
        match form {
            Form::Ndjson { state } => {
                lines.extend([&json(&Line::new(stream, &item))?, "\n"]);
                if *state && !matches!(item, Item::Connected(_) | Item::Unknown(_)) {
                    // The end of an order that history tells is one of the open orders too.
                    let also =
                        (stream == PrivateStream::HistoryOrders).then_some(PrivateStream::ActiveOrders);
                    for picture in [stream].into_iter().chain(also).filter_map(picture) {
                        lines.extend([&json(&StateLine::new(&picture))?, "\n"]);
                    }
                }
            }
            Form::Table(table) => table.print(stream, &item, &changes, lines),
            Form::Board(board) => board.print(stream, &item, changes, || picture(stream), lines),
        }
        Ok(())
    }

    /// Adds what is printed once for many items. After each [`print`](Self::print), before the lines go.
    pub(super) fn complete(&mut self, lines: &mut String) {
        if let Form::Board(board) = &mut self.form {
            let current = self.reader.current();
            let pictures = self.streams.iter().filter_map(|stream| Picture::new(&current, *stream));
            board.draw(pictures.map(|picture| self.filter.picture(picture)), lines);
        }
    }
}
