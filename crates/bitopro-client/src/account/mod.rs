//! The state of an account: the one fold of its items.

mod balances;
mod change;
mod current;
mod orders;
mod recently_closed;
mod stream_state;
#[cfg(test)]
mod tests;
mod trades;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitopro_model::{ActiveOrderStream, Event, Message, Orders, PrivateStream, Timestamp};

use crate::Settings;
use crate::item::{Connected, Item};
use change::ChangeSink;
use orders::OrderRules;

pub use balances::BalanceMap;
pub use change::{BalanceChange, Change, Changes, OrderChange};
pub use current::{Current, CurrentAccount, MissingFills};
pub use orders::{ClosedOrders, OpenOrders};
pub(crate) use recently_closed::RecentlyClosed;
pub use stream_state::StreamState;
pub use trades::RecentTrades;

/// Folds the items of an account into its state. Reports what each of them changed, if that is wanted.
///
/// The client applies each item when it arrives, [`Changes`] when it was delivered. The rules are the same.
#[derive(Debug)]
pub(crate) struct Account {
    streams: BTreeMap<PrivateStream, StreamStatus>,
    balances: Arc<BalanceMap>,
    orders: OrderRules,
    trades: Arc<RecentTrades>,
    /// The connection of the open orders is older than that of the history.
    active_is_older: bool,
}

/// A stream that needs a fresh snapshot, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotRequest {
    pub(crate) stream: PrivateStream,
    pub(crate) reason: &'static str,
}

const HISTORY_RECONNECTED: &str = "the history was without a connection, so orders may have closed unnoticed";
const REVERSED: &str = "an update took back the progress of an order, so the state is not trusted";

/// The age of one stream's state.
#[derive(Debug, Clone, Copy, Default)]
struct StreamStatus {
    /// The time of the last event, by the exchange's clock.
    as_of: Option<Timestamp>,
    freshness: Freshness,
    /// The next snapshot is not sure either.
    next_is_stale: bool,
    is_connected: bool,
    /// Number of the connection that is open, or was last.
    open: u64,
    /// Number of the connection that delivered the last event.
    connection: u64,
}

/// The trust in a stream's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Freshness {
    /// No snapshot has arrived yet, nor of a stream without snapshots a connection.
    #[default]
    Unknown,
    /// Something was missed since the last snapshot, or may have been.
    Stale,
    /// Everything since the last snapshot is in the state.
    Fresh,
}

impl StreamStatus {
    fn is_known(&self) -> bool {
        self.freshness != Freshness::Unknown
    }

    fn is_fresh(&self) -> bool {
        self.freshness == Freshness::Fresh
    }

    fn mark_stale(&mut self) {
        if self.is_known() {
            self.freshness = Freshness::Stale;
        }
    }

    fn record<D>(&mut self, event: &Event<D>) {
        self.as_of = Some(event.timestamp);
        self.connection = self.open;
    }

    fn record_snapshot<D>(&mut self, event: &Event<D>) {
        let is_stale = std::mem::take(&mut self.next_is_stale);
        self.freshness = if is_stale { Freshness::Stale } else { Freshness::Fresh };
        self.record(event);
    }

    fn current<S>(&self, state: &Arc<S>, age: Option<Duration>) -> Option<Current<S>> {
        let age = age.filter(|_| self.is_known())?;
        Some(Current::new(Arc::clone(state), self.as_of, age, !self.is_fresh(), self.connection))
    }
}

/// Returns whether the first message of a connection is the whole state. Where it is not, what happens without a
/// connection is never sent.
pub(crate) fn has_snapshot(stream: PrivateStream) -> bool {
    stream != PrivateStream::UserTrades
}

impl Account {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            streams: BTreeMap::new(),
            balances: Arc::default(),
            orders: OrderRules::new(settings),
            trades: Arc::new(RecentTrades::new(settings.trade_capacity)),
            active_is_older: false,
        }
    }

    /// Applies an item without reporting what it changed. Returns which stream needs a fresh snapshot, if any.
    pub(crate) fn apply(&mut self, stream: PrivateStream, item: &Item<Message>) -> Option<SnapshotRequest> {
        self.apply_to(stream, item, &mut ChangeSink::none())
    }

    fn apply_to(
        &mut self,
        stream: PrivateStream,
        item: &Item<Message>,
        sink: &mut ChangeSink<'_>,
    ) -> Option<SnapshotRequest> {
        match item {
            Item::Connected(connected) => self.connect(stream, connected),
            Item::Snapshot(message) => return self.replace(stream, message, sink),
            Item::Update(message) => return self.update(stream, message, sink),
            // A stream without snapshots knows all that can be known after the gap.
            Item::Gap(gap) if has_snapshot(stream) => {
                let status = self.streams.entry(stream).or_default();
                status.mark_stale();
                status.next_is_stale = gap.leaves_stale;
            }
            Item::Malformed(_) => self.mark_stale(stream),
            Item::Disconnected(_) | Item::Closed(_) => {
                self.streams.entry(stream).or_default().is_connected = false;
                self.mark_stale(stream);
            }
            Item::Gap(_) | Item::Unknown(_) => {}
        }
        None
    }

    /// Records that something on a stream was missed, or may have been.
    fn mark_stale(&mut self, stream: PrivateStream) {
        self.streams.entry(stream).or_default().mark_stale();
    }

    fn connect(&mut self, stream: PrivateStream, connected: &Connected) {
        let status = self.streams.entry(stream).or_default();
        (status.open, status.is_connected) = (connected.number, true);
        if !has_snapshot(stream) {
            status.freshness = Freshness::Fresh;
        }
        match stream {
            PrivateStream::ActiveOrders => {
                self.active_is_older = false;
                self.orders.connect(connected);
            }
            PrivateStream::HistoryOrders => {
                self.active_is_older = self.is_connected(PrivateStream::ActiveOrders);
            }
            _ => {}
        }
    }

    fn replace(
        &mut self,
        stream: PrivateStream,
        message: &Message,
        sink: &mut ChangeSink<'_>,
    ) -> Option<SnapshotRequest> {
        let status = self.streams.entry(stream).or_default();
        let is_first = !status.is_known();
        // What the first snapshot lists is not a change.
        let mut none = ChangeSink::none();
        let sink_of_list = if is_first { &mut none } else { &mut *sink };
        match message {
            Message::AccountBalance(event) => {
                status.record_snapshot(event);
                Arc::make_mut(&mut self.balances).replace(event, sink_of_list);
            }
            Message::ActiveOrders(event) => {
                status.record_snapshot(event);
                self.orders.list(event, sink_of_list);
            }
            Message::HistoryOrders(event) => {
                status.record_snapshot(event);
                self.orders.list_history(event, status.open, is_first, sink);
                return self.request_open_orders();
            }
            _ => {}
        }
        None
    }

    /// Requests a fresh list of open orders if theirs is older than that of the history. Until then they are stale.
    ///
    /// Perhaps only the history reports the end of an order, so what it missed without a connection is learned from a
    /// list of open orders that is younger than its new one. Since a client makes one dial at a time, that is any whose
    /// connection comes after. A new connection of the history has proved itself by its list.
    fn request_open_orders(&mut self) -> Option<SnapshotRequest> {
        let stream = PrivateStream::ActiveOrders;
        if !self.active_is_older {
            return None;
        }
        self.mark_stale(stream);
        Some(SnapshotRequest { stream, reason: HISTORY_RECONNECTED })
    }

    fn update(
        &mut self,
        stream: PrivateStream,
        message: &Message,
        sink: &mut ChangeSink<'_>,
    ) -> Option<SnapshotRequest> {
        let status = self.streams.entry(stream).or_default();
        if !status.is_known() {
            // Without a snapshot before it, an update would pass for the whole state.
            return None;
        }
        let across_gap = !status.is_fresh();
        let is_possible = match message {
            Message::AccountBalance(event) => {
                status.record(event);
                Arc::make_mut(&mut self.balances).update(event, across_gap, sink);
                true
            }
            Message::ActiveOrders(event) => {
                status.record(event);
                self.orders.update(event, across_gap, sink)
            }
            Message::HistoryOrders(event) => {
                status.record(event);
                self.orders.update_history(event, status.open, across_gap, sink)
            }
            Message::UserTrade(event) => {
                status.record(event);
                Arc::make_mut(&mut self.trades).add(event);
                true
            }
            _ => true,
        };
        if is_possible {
            return None;
        }
        self.mark_stale(stream);
        Some(SnapshotRequest { stream, reason: REVERSED })
    }

    fn is_connected(&self, stream: PrivateStream) -> bool {
        self.streams.get(&stream).is_some_and(|status| status.is_connected)
    }

    /// Returns whether a stream's state is known, and all that has arrived since its snapshot is in it.
    pub(crate) fn is_fresh(&self, stream: PrivateStream) -> bool {
        self.streams.get(&stream).is_some_and(StreamStatus::is_fresh)
    }

    /// Returns the whole state of a stream that has snapshots as one message.
    pub(crate) fn to_message(&self, stream: PrivateStream) -> Option<Message> {
        let as_of = self.streams.get(&stream)?.as_of?;
        match stream {
            PrivateStream::AccountBalance => {
                Some(Message::AccountBalance(Event::new(as_of, self.balances.iter().cloned().collect())))
            }
            PrivateStream::ActiveOrders => {
                let orders: Orders<ActiveOrderStream> = self.orders.open().iter().cloned().collect();
                Some(Message::ActiveOrders(Event::new(as_of, orders)))
            }
            PrivateStream::HistoryOrders => {
                let orders = self.orders.closed().iter().cloned().collect();
                Some(Message::HistoryOrders(Event::new(as_of, orders)))
            }
            _ => None,
        }
    }

    /// Returns the state. `age` is the time since the last event of a stream that is followed.
    pub(crate) fn current(&self, age: impl Fn(PrivateStream) -> Option<Duration>) -> CurrentAccount {
        let status = |stream| self.streams.get(&stream).copied().unwrap_or_default();
        let (active, history) = (PrivateStream::ActiveOrders, PrivateStream::HistoryOrders);
        let (balances, trades) = (PrivateStream::AccountBalance, PrivateStream::UserTrades);
        CurrentAccount {
            balances: status(balances).current(&self.balances, age(balances)),
            open_orders: status(active).current(self.orders.open(), age(active)),
            closed_orders: status(history).current(self.orders.closed(), age(history)),
            trades: status(trades).current(&self.trades, age(trades)),
            subscribed: 0,
        }
    }
}
