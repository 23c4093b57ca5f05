use bitopro_client::model::PrivateStream;
use bitopro_client::{Account, AccountItem, Changes, Item, Reader};

use super::filter::Filter;
use super::screen::Screen;
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
    Screen(Screen),
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
            Form::Table(_) | Form::Screen(_) => balance_changes(changes.apply(&item)),
        };
        let stream = item.stream;
        let Some(item) = filter.apply(item.item) else { return Ok(()) };
        let state = |stream| Some(filter.state(reader.current().stream(stream)?));
        match form {
            Form::Ndjson { state: with_state } => {
                let line = AccountItem::new(stream, item);
                lines.extend([&json(&line)?, "\n"]);
                if *with_state && !matches!(line.item, Item::Connected(_) | Item::Unknown(_)) {
                    // The end of an order that history tells is one of the open orders too.
                    let also =
                        (stream == PrivateStream::HistoryOrders).then_some(PrivateStream::ActiveOrders);
                    for state in [stream].into_iter().chain(also).filter_map(state) {
                        lines.extend([&json(&state)?, "\n"]);
                    }
                }
            }
            Form::Table(table) => table.print(stream, &item, &changes, lines),
            Form::Screen(board) => board.print(stream, &item, changes, || state(stream), lines),
        }
        Ok(())
    }

    /// Adds what is printed once for many items. After each [`print`](Self::print), before the lines go.
    pub(super) fn complete(&mut self, lines: &mut String) {
        if let Form::Screen(board) = &mut self.form {
            let current = self.reader.current();
            let states = self.streams.iter().filter_map(|stream| current.stream(*stream));
            board.draw(states.map(|state| self.filter.state(state)), lines);
        }
    }
}
