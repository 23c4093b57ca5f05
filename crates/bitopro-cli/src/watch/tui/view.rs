//! The content of the live view.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use bitopro_client::model::{Balance, Balances, Currency, Event, Message, Stream, Timestamp};
use bitopro_client::{Changes, Item, Stats, StreamItem, StreamState, StreamStats};

use crate::filter::Filter;
use crate::table::Appearance;
use crate::table::balances::{BalanceChanges, balance_changes};
use crate::watch::notes::{Note, Notes};

/// Maximum number of notes that are kept.
const MAX_NOTES: usize = 100;

/// The order of the balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// The last change first.
    Changed,
    Name,
    /// The largest amount first.
    Amount,
}

impl Sort {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Changed => Self::Name,
            Self::Name => Self::Amount,
            Self::Amount => Self::Changed,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Name => "name",
            Self::Amount => "amount",
        }
    }
}

/// The streams, their states and what the user has chosen.
pub(super) struct View {
    pub(super) look: Appearance,
    pub(super) streams: &'static [Stream],
    filter: Filter,
    /// The codes of the filter that the user has entered, or those of the arguments.
    pub(super) filter_text: String,
    derive: Option<Changes>,
    notes_of: Notes,
    pub(super) states: BTreeMap<Stream, StreamState>,
    pub(super) stats: BTreeMap<Stream, StreamStats>,
    /// The last change of each balance.
    pub(super) changes: BalanceChanges,
    /// The time at which each balance changed last.
    pub(super) changed_at: BTreeMap<Currency, Timestamp>,
    pub(super) notes: VecDeque<(Option<Timestamp>, Note)>,
    pub(super) sort: Sort,
    pub(super) selected: usize,
    /// The first row of each stream that is shown.
    pub(super) scroll: Vec<usize>,
    pub(super) is_enlarged: bool,
    pub(super) is_paused: bool,
    pub(super) shows_help: bool,
    /// The filter that the user is entering.
    pub(super) input: Option<String>,
}

impl View {
    pub(super) fn new(
        streams: &'static [Stream],
        filter: Filter,
        look: Appearance,
        derive: Option<Changes>,
    ) -> Self {
        Self {
            look,
            streams,
            filter_text: filter.to_string(),
            filter,
            derive,
            notes_of: Notes::new(streams.len() > 1),
            states: BTreeMap::new(),
            stats: BTreeMap::new(),
            changes: BalanceChanges::new(),
            changed_at: BTreeMap::new(),
            notes: VecDeque::new(),
            sort: Sort::Changed,
            selected: 0,
            scroll: vec![0; streams.len()],
            is_enlarged: false,
            is_paused: false,
            shows_help: false,
            input: None,
        }
    }

    /// Records what an item changes, and keeps a note about it if it needs one.
    pub(super) fn add(&mut self, item: StreamItem) {
        let changes = self.derive.as_mut().map(|derive| derive.apply(&item)).unwrap_or_default();
        let changes = balance_changes(changes);
        if let Some(received) = item.received {
            self.changed_at.extend(changes.keys().map(|currency| (currency.clone(), received)));
        }
        self.changes.extend(changes);
        let StreamItem { stream, received, item, .. } = item;
        if let Item::Snapshot(message) = &item
            && let Some(text) = self.filter.unmatched(message)
        {
            self.add_note(received, Note { style: crate::table::Style::Yellow, text });
        }
        if let Some(note) = self.notes_of.describe(stream, &item, &self.look) {
            self.add_note(received, note);
        }
    }

    fn add_note(&mut self, received: Option<Timestamp>, note: Note) {
        self.notes.push_back((received, note));
        if self.notes.len() > MAX_NOTES {
            self.notes.pop_front();
        }
    }

    /// Reads the current states, unless the view is paused. The health of the streams is always current.
    pub(super) fn update(&mut self, state: impl Fn(Stream) -> Option<StreamState>, stats: Stats) {
        self.stats = stats.streams;
        if self.is_paused {
            return;
        }
        for stream in self.streams {
            if let Some(state) = state(*stream) {
                let state = self.sorted(self.filter.filter_state(state));
                self.states.insert(*stream, state);
            }
        }
    }

    /// Sorts the balances as the user has chosen.
    fn sorted(&self, mut state: StreamState) -> StreamState {
        let [Message::AccountBalance(event)] = state.messages.as_slice() else { return state };
        let mut balances: Vec<Balance> = event.data.iter().cloned().collect();
        match self.sort {
            Sort::Changed => {
                balances.sort_by_key(|balance| Reverse(self.changed_at.get(&balance.currency).copied()));
            }
            Sort::Name => {}
            Sort::Amount => balances.sort_by_key(|balance| Reverse(balance.amount)),
        }
        let event = Event::<Balances>::new(event.timestamp, balances.into_iter().collect());
        state.messages = vec![event.into()];
        state
    }

    pub(super) fn set_filter(&mut self, code: String) {
        self.filter = Filter::new(if code.is_empty() { Vec::new() } else { vec![code] });
        self.filter_text = self.filter.to_string();
        self.scroll.fill(0);
    }

    pub(super) fn panels(&self) -> usize {
        self.streams.len()
    }

    pub(super) fn select(&mut self, by: usize) {
        self.selected = (self.selected + by) % self.panels().max(1);
    }

    pub(super) fn scroll_by(&mut self, lines: isize) {
        if let Some(scroll) = self.scroll.get_mut(self.selected) {
            *scroll = scroll.saturating_add_signed(lines);
        }
    }
}
