use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use bitopro_client::model::{Message, PrivateStream, Stream, Timestamp};
use bitopro_client::{Changes, Closed, Heartbeat, Item, StreamItem, StreamState};

use super::notes::Note;
use super::source::SourceReader;
use super::state_tables::StateTables;
use super::table::Table;
use crate::exit::Failure;
use crate::filter::Filter;
use crate::output::JsonLine;
use crate::table::Style;
use crate::table::balances::{BalanceChanges, balance_changes};

/// Formats the items of a subscription as lines.
pub(super) struct Printer {
    filter: Filter,
    renderer: Renderer,
    json: JsonLine,
    streams: &'static [Stream],
    /// Derives the changes of an account from each item before it is filtered.
    changes: Option<Changes>,
    reader: SourceReader,
    /// The last state of each stream that was printed.
    printed: PrintedStates,
    /// The streams whose first message has been compared with the filter.
    compared_streams: BTreeSet<Stream>,
}

type PrintedStates = BTreeMap<Stream, StreamState>;

/// The output format, with the state that it needs.
pub(super) enum Renderer {
    Ndjson {
        state: bool,
    },
    /// A log of items.
    Table(Box<Table>),
    /// Tables of the complete state.
    States(StateTables),
}

impl Printer {
    pub(super) fn new(
        filter: Filter,
        renderer: Renderer,
        streams: &'static [Stream],
        changes: Option<Changes>,
        reader: SourceReader,
    ) -> Self {
        let (printed, compared_streams) = (PrintedStates::new(), BTreeSet::new());
        let json = JsonLine::default();
        Self { filter, renderer, json, streams, changes, reader, printed, compared_streams }
    }

    /// Prints an item. Returns whether it contained data that matches the filter.
    pub(super) fn print(&mut self, item: StreamItem, lines: &mut String) -> Result<bool, Failure> {
        if let Item::Snapshot(message) | Item::Update(message) = &item.item {
            self.report_unmatched(item.stream, item.received, message, lines);
        }
        let Self { filter, renderer, json, changes, reader, printed, .. } = self;
        let changes = match renderer {
            Renderer::Ndjson { .. } => BalanceChanges::new(),
            Renderer::Table(_) | Renderer::States(_) => {
                balance_changes(changes.as_mut().map(|changes| changes.apply(&item)).unwrap_or_default())
            }
        };
        let (stream, received) = (item.stream, item.received);
        let Some(filtered) = filter.apply(item.item) else { return Ok(false) };
        let mut state = |stream| {
            let state = filter.filter_state(reader.states().get(stream)?);
            has_changed(printed.get(&stream), &state).then(|| {
                printed.insert(stream, state.clone());
                state
            })
        };
        let is_data = matches!(filtered, Item::Snapshot(_) | Item::Update(_));
        match renderer {
            Renderer::Ndjson { state: with_state } => {
                let mut line = StreamItem::new(stream, filtered);
                line.received = received;
                lines.push_str(json.format(&line)?);
                let leaves_state = match line.item {
                    Item::Connected(_) | Item::Unknown(_) | Item::Closed(Closed::Requested) => true,
                    // The state already contains the snapshot that follows.
                    Item::Gap(_) => stream.has_snapshot(),
                    _ => false,
                };
                if *with_state && !leaves_state {
                    // The order history also closes orders in the state of the open orders.
                    let affected = (stream == PrivateStream::HistoryOrders)
                        .then_some(PrivateStream::ActiveOrders.into());
                    for state in [stream].into_iter().chain(affected).filter_map(&mut state) {
                        lines.push_str(json.format(&state)?);
                    }
                }
            }
            Renderer::Table(table) => table.print(stream, received, &filtered, &changes, lines),
            Renderer::States(tables) => {
                tables.print(stream, received, &filtered, changes, || state(stream), lines);
            }
        }
        Ok(is_data)
    }

    /// Returns whether every requested pair of a market has arrived, or is reported as missing.
    pub(super) fn is_market_fresh(&self) -> bool {
        self.reader.states().is_market_fresh()
    }

    /// Prints how current the state of each stream is.
    pub(super) fn print_heartbeat(&mut self, lines: &mut String) -> Result<(), Failure> {
        let current = self.reader.states();
        for stream in self.streams {
            let mut state = current.get(*stream).unwrap_or_else(|| StreamState::new(*stream, Vec::new()));
            state.read_at = current.read_at();
            match &mut self.renderer {
                Renderer::Ndjson { .. } => lines.push_str(self.json.format(&Heartbeat(&state))?),
                Renderer::Table(table) => table.print_heartbeat(&state, lines),
                Renderer::States(_) => {}
            }
        }
        Ok(())
    }

    /// Reports the first message of a stream, its snapshot or a trade, if the filter matches nothing in it.
    fn report_unmatched(
        &mut self,
        stream: Stream,
        received: Option<Timestamp>,
        message: &Message,
        lines: &mut String,
    ) {
        if !self.compared_streams.insert(stream) {
            return;
        }
        let Some(text) = self.filter.unmatched(message) else { return };
        let note = Note { style: Style::Yellow, text };
        match &mut self.renderer {
            Renderer::Ndjson { .. } => {
                // If standard error is closed, the output is unaffected.
                let _ = writeln!(io::stderr(), "bitopro: {}", note.text);
            }
            Renderer::Table(table) => table.print_note(received, &note, lines),
            Renderer::States(tables) => tables.print_note(received, &note, lines),
        }
    }
}

/// Returns whether a state differs from the last printed one in more than its age.
fn has_changed(last: Option<&StreamState>, state: &StreamState) -> bool {
    let content = |state: &StreamState| (state.as_of, state.is_stale);
    last.is_none_or(|last| content(last) != content(state) || last.messages != state.messages)
}
