//! The state of the public streams, which results from their items.

mod current;
mod new_trades;
mod pairs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bitopro_model::{
    MarketEvent, MarketTrade, MarketTrades, Message, OrderBook, Pair, PublicStream, Stream, Ticker,
};

use crate::account::Current;
use crate::item::{Edge, Gap, GapReason, Item};
use crate::queue::MergedState;
use new_trades::new_trades;

pub use current::{CurrentMarket, CurrentPairs};
pub(crate) use pairs::Selection;
pub use pairs::{BookPair, PairsError};

/// Applies the items of public streams to their state.
#[derive(Debug, Default)]
pub(crate) struct Market {
    order_books: Pairs<OrderBook>,
    tickers: Pairs<Ticker>,
    trades: Pairs<MarketTrades>,
}

/// A moment on the monotonic clock, and the total time for which the machine had slept before it, which that clock does
/// not count.
pub(crate) type Moment = (Instant, Duration);

/// The state of one stream.
#[derive(Debug)]
struct Pairs<E> {
    requested: BTreeSet<Pair>,
    known: BTreeMap<Pair, PairState<E>>,
    missing: BTreeSet<Pair>,
    /// Number of the connection that is open, or was open last.
    connection: u64,
}

#[derive(Debug)]
struct PairState<E> {
    event: Arc<E>,
    at: Moment,
    is_fresh: bool,
    /// Number of the connection that delivered the event.
    connection: u64,
}

/// The operations that the state of every stream supports.
trait AnyPairs {
    fn request(&mut self, pairs: BTreeSet<Pair>);

    fn connect(&mut self, connection: u64);

    fn mark_stale(&mut self);

    fn set_missing(&mut self, pairs: &[Pair]);

    fn is_fresh(&self) -> bool;

    fn to_messages(&self) -> Vec<Message>;
}

impl Market {
    /// Creates the state of these streams for these pairs.
    pub(crate) fn new(streams: &BTreeSet<PublicStream>, pairs: &Selection) -> Self {
        let mut market = Self::default();
        for stream in streams {
            if let Some(state) = market.pairs_mut(*stream) {
                state.request(pairs.pairs());
            }
        }
        market
    }

    /// Applies an item, and returns those to deliver in its place.
    ///
    /// A list of market trades becomes an update with only the new ones. The list replaces a gap of the connection: if
    /// it contains a known trade, nothing was missed.
    pub(crate) fn apply(
        &mut self,
        stream: PublicStream,
        item: Item<Message>,
        at: Moment,
    ) -> impl Iterator<Item = Item<Message>> + use<> {
        let mut items = [Some(item), None];
        match &mut items {
            [Some(Item::Snapshot(message) | Item::Update(message)), None] => match message {
                Message::OrderBook(event) => self.order_books.record((**event).clone(), at),
                Message::Ticker(event) => self.tickers.record((**event).clone(), at),
                Message::MarketTrades(event) => items = self.apply_trades((**event).clone(), at),
                _ => {}
            },
            [Some(Item::Gap(_)), _] if stream == PublicStream::Trades => items = [None, None],
            [Some(item), _] => {
                if let Some(pairs) = self.pairs_mut(stream) {
                    match item {
                        Item::Connected(connected) => pairs.connect(connected.number),
                        Item::Disconnected(_) | Item::Closed(_) | Item::Malformed(_) => pairs.mark_stale(),
                        Item::MissingPairs(missing) => pairs.set_missing(missing),
                        _ => {}
                    }
                }
            }
            [None, _] => {}
        }
        items.into_iter().flatten()
    }

    fn apply_trades(&mut self, event: MarketTrades, at: Moment) -> [Option<Item<Message>>; 2] {
        let known = self.trades.known.get(&event.pair).map(|known| Arc::clone(&known.event));
        self.trades.record(event.clone(), at);
        let Some(known) = known else { return [Some(Item::Snapshot(event.into())), None] };
        if let Some(count) = new_trades(&known.data, &event.data) {
            let mut update = event;
            update.data.truncate(count);
            return [Some(Item::Update(update.into())), None];
        }
        let reason = GapReason::NoOverlap {
            pair: event.pair.clone(),
            since: known.data.first().map(MarketTrade::traded),
            until: event.data.last().map(MarketTrade::traded),
        };
        let edge =
            |event: &MarketTrades| Edge { event_id: event.event_id.clone(), timestamp: event.timestamp };
        let (before, after) = (Some(edge(&known)), Some(edge(&event)));
        let gap = Item::Gap(Box::new(Gap { before, after, reason, leaves_stale: false }));
        [Some(gap), Some(Item::Snapshot(event.into()))]
    }

    fn pairs(&self, stream: PublicStream) -> Option<&dyn AnyPairs> {
        match stream {
            PublicStream::OrderBooks => Some(&self.order_books),
            PublicStream::Tickers => Some(&self.tickers),
            PublicStream::Trades => Some(&self.trades),
            _ => None,
        }
    }

    fn pairs_mut(&mut self, stream: PublicStream) -> Option<&mut dyn AnyPairs> {
        match stream {
            PublicStream::OrderBooks => Some(&mut self.order_books),
            PublicStream::Tickers => Some(&mut self.tickers),
            PublicStream::Trades => Some(&mut self.trades),
            _ => None,
        }
    }

    /// Copies the state of a stream into `current`.
    pub(crate) fn read(&self, stream: Stream, now: Moment, is_outdated: bool, current: &mut CurrentMarket) {
        match stream {
            Stream::Public(PublicStream::OrderBooks) => {
                current.order_books = self.order_books.read(now, is_outdated);
            }
            Stream::Public(PublicStream::Tickers) => {
                current.tickers = self.tickers.read(now, is_outdated);
            }
            Stream::Public(PublicStream::Trades) => {
                current.trades = self.trades.read(now, is_outdated);
            }
            _ => {}
        }
    }
}

impl MergedState for Market {
    fn is_fresh(&self, stream: Stream) -> bool {
        let Stream::Public(stream) = stream else { return false };
        self.pairs(stream).is_some_and(AnyPairs::is_fresh)
    }

    fn to_messages(&self, stream: Stream) -> Vec<Message> {
        let Stream::Public(stream) = stream else { return Vec::new() };
        self.pairs(stream).map(AnyPairs::to_messages).unwrap_or_default()
    }
}

impl<E: MarketEvent> Pairs<E> {
    /// Keeps the last event of a requested pair. Others could use any amount of memory.
    fn record(&mut self, event: E, at: Moment) {
        let pair = event.pair().clone();
        if !self.requested.contains(&pair) {
            return;
        }
        self.missing.remove(&pair);
        let state = PairState { event: Arc::new(event), at, is_fresh: true, connection: self.connection };
        self.known.insert(pair, state);
    }

    fn read(&self, (now, slept): Moment, is_outdated: bool) -> CurrentPairs<E> {
        let read = |state: &PairState<E>| {
            let PairState { event, at: (at, slept_before), is_fresh, connection } = state;
            let age = now.saturating_duration_since(*at) + slept.saturating_sub(*slept_before);
            let as_of = Some(event.timestamp());
            Current::new(Arc::clone(event), as_of, age, !is_fresh || is_outdated, *connection)
        };
        CurrentPairs {
            events: self.known.iter().map(|(pair, state)| (pair.clone(), read(state))).collect(),
            requested: self.requested.clone(),
            missing: self.missing.clone(),
        }
    }
}

impl<E: MarketEvent + Clone> AnyPairs for Pairs<E> {
    fn request(&mut self, pairs: BTreeSet<Pair>) {
        self.requested = pairs;
    }

    fn connect(&mut self, connection: u64) {
        self.connection = connection;
        self.missing.clear();
    }

    fn mark_stale(&mut self) {
        self.known.values_mut().for_each(|state| state.is_fresh = false);
    }

    fn set_missing(&mut self, pairs: &[Pair]) {
        self.missing = pairs.iter().cloned().collect();
    }

    fn is_fresh(&self) -> bool {
        self.known.values().all(|state| state.is_fresh)
    }

    fn to_messages(&self) -> Vec<Message> {
        self.known.values().map(|state| E::clone(&state.event).into()).collect()
    }
}

impl<E> Default for Pairs<E> {
    fn default() -> Self {
        let (requested, known, missing) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
        Self { requested, known, missing, connection: 0 }
    }
}
