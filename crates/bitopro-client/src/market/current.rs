use std::collections::{BTreeMap, BTreeSet, btree_map};

use bitopro_model::{MarketTrades, Message, OrderBook, Pair, PublicStream, Stream, Ticker, Timestamp};

use crate::account::{Current, StreamState};

/// The current state of public streams, with all parts read at the same moment.
///
/// The part of a stream that is not subscribed is empty.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CurrentMarket {
    /// The last order book of each pair.
    pub order_books: CurrentPairs<OrderBook>,
    /// The last ticker of each pair.
    pub tickers: CurrentPairs<Ticker>,
    /// The last list of recent trades of each pair.
    pub trades: CurrentPairs<MarketTrades>,
    /// The time at which the state was read; see [`CurrentAccount::read_at`](crate::CurrentAccount::read_at).
    pub read_at: Option<Timestamp>,
}

/// The last event of each pair of a public stream.
///
/// Each pair has its own age and freshness. A pair is stale while its stream is disconnected, and until the first event
/// of the pair on the next connection.
#[derive(Debug, Clone)]
pub struct CurrentPairs<E> {
    pub(super) events: BTreeMap<Pair, Current<E>>,
    pub(super) requested: BTreeSet<Pair>,
    pub(super) missing: BTreeSet<Pair>,
}

impl<E> CurrentPairs<E> {
    /// Returns the last event of a pair, in any case, or `None` before the first one.
    pub fn get(&self, pair: impl Into<Pair>) -> Option<&Current<E>> {
        self.events.get(&pair.into())
    }

    /// Returns the pairs and their last events, sorted by pair.
    pub fn iter(&self) -> btree_map::Iter<'_, Pair, Current<E>> {
        self.events.iter()
    }

    /// Returns the requested pairs about which nothing has arrived since the last connection was opened, once an item
    /// [`MissingPairs`](crate::Item::MissingPairs) has reported them.
    pub fn missing(&self) -> impl Iterator<Item = &Pair> {
        self.missing.iter()
    }

    /// Returns whether every requested pair is fresh or has been reported as missing.
    pub fn is_fresh(&self) -> bool {
        let is_fresh = |pair| self.events.get(pair).is_some_and(|event| !event.is_stale());
        !self.requested.is_empty()
            && self.requested.iter().all(|pair| is_fresh(pair) || self.missing.contains(pair))
    }

    fn state(&self, stream: PublicStream, read_at: Option<Timestamp>) -> Option<StreamState>
    where
        E: Clone + Into<Message>,
    {
        let age = self.events.values().map(Current::age).min()?;
        let messages = self.events.values().map(|event| event.state().clone().into()).collect();
        let mut state = StreamState::new(Stream::from(stream), messages);
        state.as_of = self.events.values().filter_map(Current::as_of).max();
        (state.age, state.is_stale, state.read_at) = (age, !self.is_fresh(), read_at);
        Some(state)
    }
}

impl<E> Default for CurrentPairs<E> {
    fn default() -> Self {
        Self { events: BTreeMap::new(), requested: BTreeSet::new(), missing: BTreeSet::new() }
    }
}

impl<'a, E> IntoIterator for &'a CurrentPairs<E> {
    type Item = (&'a Pair, &'a Current<E>);
    type IntoIter = btree_map::Iter<'a, Pair, Current<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl CurrentMarket {
    /// Returns the state of one stream as messages, one for each pair, or `None` before the first one.
    pub fn stream(&self, stream: PublicStream) -> Option<StreamState> {
        match stream {
            PublicStream::OrderBooks => self.order_books.state(stream, self.read_at),
            PublicStream::Tickers => self.tickers.state(stream, self.read_at),
            PublicStream::Trades => self.trades.state(stream, self.read_at),
            _ => None,
        }
    }

    /// Returns whether every requested pair of every subscribed stream is fresh or missing.
    pub fn is_fresh(&self) -> bool {
        let parts = [
            (self.order_books.requested.is_empty(), self.order_books.is_fresh()),
            (self.tickers.requested.is_empty(), self.tickers.is_fresh()),
            (self.trades.requested.is_empty(), self.trades.is_fresh()),
        ];
        parts.iter().any(|(is_unused, _)| !is_unused)
            && parts.iter().all(|(is_unused, fresh)| *is_unused || *fresh)
    }
}
