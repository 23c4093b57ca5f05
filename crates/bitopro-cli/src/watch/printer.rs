use bitopro_client::model::PrivateStream;
use bitopro_client::{Account, AccountItem, Changes, Item, Reader};

use super::filter::Filter;
use super::screen::Screen;
use super::table::{BalanceChanges, Table, balance_changes};
use crate::exit::Failure;
use crate::output::json;

/// Formats the items of a subscription as lines.
pub(super) struct Printer {
    filter: Filter,
    renderer: Renderer,
    streams: &'static [PrivateStream],
    /// Derives the changes of each item before it is filtered.
    changes: Changes,
    reader: Reader<Account>,
}

/// The output format, with the state that it needs.
pub(super) enum Renderer {
    Ndjson {
        state: bool,
    },
    /// A log of items.
    Table(Table),
    /// Tables of the complete state.
    Screen(Screen),
}

impl Printer {
    pub(super) fn new(
        filter: Filter,
        renderer: Renderer,
        streams: &'static [PrivateStream],
        changes: Changes,
        reader: Reader<Account>,
    ) -> Self {
        Self { filter, renderer, streams, changes, reader }
    }

    pub(super) fn print(&mut self, item: AccountItem, lines: &mut String) -> Result<(), Failure> {
        let Self { filter, renderer, changes, reader, .. } = self;
        let changes = match renderer {
            Renderer::Ndjson { .. } => BalanceChanges::new(),
            Renderer::Table(_) | Renderer::Screen(_) => balance_changes(changes.apply(&item)),
        };
        let stream = item.stream;
        let Some(item) = filter.apply(item.item) else { return Ok(()) };
        let state = |stream| Some(filter.filter_state(reader.current().stream(stream)?));
        match renderer {
            Renderer::Ndjson { state: with_state } => {
                let line = AccountItem::new(stream, item);
                lines.extend([&json(&line)?, "\n"]);
                if *with_state && !matches!(line.item, Item::Connected(_) | Item::Unknown(_)) {
                    // The order history also closes orders in the state of the open orders.
                    let affected =
                        (stream == PrivateStream::HistoryOrders).then_some(PrivateStream::ActiveOrders);
                    for state in [stream].into_iter().chain(affected).filter_map(state) {
                        lines.extend([&json(&state)?, "\n"]);
                    }
                }
            }
            Renderer::Table(table) => table.print(stream, &item, &changes, lines),
            Renderer::Screen(screen) => screen.print(stream, &item, changes, || state(stream), lines),
        }
        Ok(())
    }

    /// Draws the screen, if any. Called after [`print`](Self::print), before the lines are written.
    pub(super) fn finish_chunk(&mut self, lines: &mut String) {
        if let Renderer::Screen(screen) = &mut self.renderer {
            let current = self.reader.current();
            let states = self.streams.iter().filter_map(|stream| current.stream(*stream));
            screen.draw(states.map(|state| self.filter.filter_state(state)), lines);
        }
    }
}
