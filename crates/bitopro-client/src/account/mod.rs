//! The state of an account, which results from its items.

mod balances;
mod change;
mod chunked_map;
mod closed_orders;
mod current;
mod open_orders;
mod orders;
mod recently_closed;
mod state_iter;
mod stream_state;
#[cfg(test)]
mod tests;
mod trades;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitopro_model::{
    ActiveOrderStream, Balances, Decimal, Event, HistoryOrderStream, Message, Order, OrderId, Orders,
    PrivateStream, Stream, Timestamp, exact_sub,
};

use crate::Settings;
use crate::item::{Connected, Item};
use crate::queue::MergedState;
use change::ChangeSink;
pub(crate) use orders::OrderState;
use trades::TradeLog;

pub use balances::BalanceMap;
pub use change::{BalanceChange, Change, Changes, OrderChange};
pub use closed_orders::ClosedOrders;
pub(crate) use current::CLOCK_SLACK_MS;
pub use current::{Current, CurrentAccount, MissingFills};
pub use open_orders::OpenOrders;
pub(crate) use recently_closed::RecentlyClosed;
pub use state_iter::StateIter;
pub use stream_state::StreamState;
pub use trades::RecentTrades;

/// Applies the items of an account to its state, and optionally reports the changes.
///
/// The client applies each item on arrival, and [`Changes`] applies it after delivery, by the same rules.
#[derive(Debug)]
pub(crate) struct Account {
    streams: BTreeMap<PrivateStream, StreamStatus>,
    balances: Arc<BalanceMap>,
    orders: OrderState,
    trades: TradeLog,
    /// True if the last item of the trades was not a repetition.
    has_added_trade: bool,
    /// The executed amounts that no trade since the first connection of the trades can explain.
    executed_before: Arc<BTreeMap<OrderId, Decimal>>,
    /// True if the connection of the open orders is older than the connection of the history.
    active_is_older: bool,
}

/// A request for a new snapshot of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotRequest {
    pub(crate) stream: PrivateStream,
    pub(crate) reason: &'static str,
}

const HISTORY_RECONNECTED: &str = "the order history was disconnected, so orders may have closed unnoticed";
const PROGRESS_REVERSED: &str = "an update reversed the progress of an order, so the state is not reliable";

/// The status of one stream and of its state.
#[derive(Debug, Clone, Copy, Default)]
struct StreamStatus {
    /// The time of the last event, according to the exchange's clock.
    as_of: Option<Timestamp>,
    freshness: Freshness,
    /// True if the next snapshot is stale too.
    next_is_stale: bool,
    is_connected: bool,
    /// Number of the connection that is open, or was open last.
    open_connection: u64,
    /// Number of the connection that delivered the last event.
    event_connection: u64,
}

/// The freshness of a stream's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Freshness {
    /// No snapshot has arrived yet. A stream without snapshots has not been connected yet.
    #[default]
    Unknown,
    /// Something may have been missed since the last snapshot.
    Stale,
    /// The state contains everything since the last snapshot.
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
        self.event_connection = self.open_connection;
    }

    fn record_snapshot<D>(&mut self, event: &Event<D>) {
        let is_stale = std::mem::take(&mut self.next_is_stale);
        self.freshness = if is_stale { Freshness::Stale } else { Freshness::Fresh };
        self.record(event);
    }

    fn current<S>(&self, state: &Arc<S>, age: Option<Duration>) -> Option<Current<S>> {
        let age = age.filter(|_| self.is_known())?;
        Some(Current::new(Arc::clone(state), self.as_of, age, !self.is_fresh(), self.event_connection))
    }
}

impl Account {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            streams: BTreeMap::new(),
            balances: Arc::default(),
            orders: OrderState::new(settings),
            trades: TradeLog::new(settings.trade_capacity),
            has_added_trade: false,
            executed_before: Arc::default(),
            active_is_older: false,
        }
    }

    /// Applies an item without reporting changes. Returns a request if a stream needs a new snapshot.
    pub(crate) fn apply(&mut self, stream: PrivateStream, item: &Item<Message>) -> Option<SnapshotRequest> {
        self.apply_to(stream, item, &mut ChangeSink::disabled())
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
            // A stream without snapshots stays fresh, because no later message closes the gap.
            Item::Gap(gap) if stream.has_snapshot() => {
                let status = self.streams.entry(stream).or_default();
                status.mark_stale();
                status.next_is_stale = gap.leaves_stale;
            }
            Item::Malformed(_) => self.mark_stale(stream),
            Item::RecoveredTrade(recovered) => self.trades.add_recovered(recovered),
            Item::RecoveredOrder(order) => self.orders.apply_recovered(order, sink),
            Item::Disconnected(_) | Item::Closed(_) => {
                self.streams.entry(stream).or_default().is_connected = false;
                self.mark_stale(stream);
            }
            Item::Gap(_) | Item::Unknown(_) | Item::MissingPairs(_) | Item::Backfilled(_) => {}
        }
        None
    }

    /// Records that something on a stream may have been missed.
    fn mark_stale(&mut self, stream: PrivateStream) {
        self.streams.entry(stream).or_default().mark_stale();
    }

    fn connect(&mut self, stream: PrivateStream, connected: &Connected) {
        let status = self.streams.entry(stream).or_default();
        (status.open_connection, status.is_connected) = (connected.number, true);
        if !stream.has_snapshot() {
            let is_first = !status.is_known();
            status.freshness = Freshness::Fresh;
            if is_first {
                self.record_executed_before();
            }
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
        // The content of the first snapshot is not a change.
        let mut disabled = ChangeSink::disabled();
        let snapshot_sink = if is_first { &mut disabled } else { &mut *sink };
        match message {
            Message::AccountBalance(event) => {
                status.record_snapshot(event);
                Arc::make_mut(&mut self.balances).replace(event, snapshot_sink);
            }
            Message::ActiveOrders(event) => {
                status.record_snapshot(event);
                self.orders.apply_open_snapshot(event, snapshot_sink);
                if is_first {
                    self.record_executed_before();
                }
            }
            Message::HistoryOrders(event) => {
                status.record_snapshot(event);
                self.orders.apply_history_snapshot(event, status.open_connection, is_first, sink);
                if is_first {
                    self.record_executed_before();
                }
                return self.request_open_orders();
            }
            _ => {}
        }
        None
    }

    /// Requests a new snapshot of the open orders if their connection is older than the history's. Until it
    /// arrives, the open orders are stale.
    ///
    /// The history may be the only stream that reports an order as closed. A close that it missed while it
    /// was disconnected is visible only in a snapshot of the open orders that is newer than the history's new
    /// connection. Because a client makes one dial at a time, every later connection has such a snapshot. The
    /// request waits for the history's snapshot, which shows that its new connection works.
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
            // Without an earlier snapshot, an update would be mistaken for the whole state.
            return None;
        }
        let across_gap = !status.is_fresh();
        let is_consistent = match message {
            Message::AccountBalance(event) => {
                status.record(event);
                Arc::make_mut(&mut self.balances).update(event, across_gap, sink);
                true
            }
            Message::ActiveOrders(event) => {
                status.record(event);
                self.orders.apply_open_update(event, across_gap, sink)
            }
            Message::HistoryOrders(event) => {
                status.record(event);
                self.orders.apply_history_update(event, status.open_connection, across_gap, sink)
            }
            Message::UserTrade(event) => {
                status.record(event);
                self.has_added_trade = self.trades.add(event);
                true
            }
            _ => true,
        };
        if is_consistent {
            return None;
        }
        self.mark_stale(stream);
        Some(SnapshotRequest { stream, reason: PROGRESS_REVERSED })
    }

    /// Records the executed amounts of the known orders at the start of the trades. Called for the first snapshots of the
    /// orders, and for the first connection of the trades.
    fn record_executed_before(&mut self) {
        if !self.streams.get(&PrivateStream::UserTrades).is_some_and(StreamStatus::is_known) {
            return;
        }
        let orders = self.orders.open().iter().chain(self.orders.closed().iter());
        let before = Arc::make_mut(&mut self.executed_before);
        let volumes = self.trades.trades().volumes();
        for order in orders.filter(|order| !order.executed_amount.is_zero()) {
            let mut known = volumes.get(order.id.as_str()).into_iter().flatten().copied();
            let executed = known.try_fold(order.executed_amount, exact_sub);
            if let Some(executed) = executed.filter(|executed| *executed > Decimal::ZERO) {
                before.entry(order.id.clone()).or_insert(executed);
            }
        }
    }

    pub(crate) fn balances(&self) -> &BalanceMap {
        &self.balances
    }

    pub(crate) fn orders(&self) -> &OrderState {
        &self.orders
    }

    /// Returns whether the last trade that was applied was not a repetition.
    pub(crate) fn has_added_trade(&self) -> bool {
        self.has_added_trade
    }

    /// Returns the orders that are no longer open although no stream has reported how they ended.
    pub(crate) fn missing_orders(&self) -> &BTreeMap<OrderId, Order> {
        self.orders.missing()
    }

    /// Returns the orders with executions since the start of a gap that no known trade explains.
    pub(crate) fn missing_fills(&self, start: Option<Timestamp>) -> Vec<MissingFills> {
        let orders = self.orders.closed().iter().chain(self.orders.open().iter());
        current::missing_fills(orders, self.trades.trades(), &self.executed_before, start)
    }

    fn is_connected(&self, stream: PrivateStream) -> bool {
        self.streams.get(&stream).is_some_and(|status| status.is_connected)
    }

    /// Returns whether a stream's state is known and fresh.
    pub(crate) fn is_fresh(&self, stream: PrivateStream) -> bool {
        self.streams.get(&stream).is_some_and(StreamStatus::is_fresh)
    }

    /// Returns the whole state of a stream as one message, or `None` if the stream has no snapshots.
    fn to_message(&self, stream: PrivateStream) -> Option<Message> {
        let as_of = self.streams.get(&stream)?.as_of?;
        match stream {
            PrivateStream::AccountBalance => {
                Some(Event::<Balances>::new(as_of, self.balances.iter().cloned().collect()).into())
            }
            PrivateStream::ActiveOrders => {
                let orders: Orders<ActiveOrderStream> = self.orders.open().iter().cloned().collect();
                Some(Event::new(as_of, orders).into())
            }
            PrivateStream::HistoryOrders => {
                let orders: Orders<HistoryOrderStream> = self.orders.closed().iter().cloned().collect();
                Some(Event::new(as_of, orders).into())
            }
            _ => None,
        }
    }

    /// Returns the state. `age` returns the time since the last event of a subscribed stream.
    pub(crate) fn current(&self, age: impl Fn(PrivateStream) -> Option<Duration>) -> CurrentAccount {
        let status = |stream| self.streams.get(&stream).copied().unwrap_or_default();
        let (open_orders, closed_orders) = (PrivateStream::ActiveOrders, PrivateStream::HistoryOrders);
        let (balances, trades) = (PrivateStream::AccountBalance, PrivateStream::UserTrades);
        CurrentAccount {
            balances: status(balances).current(&self.balances, age(balances)),
            open_orders: status(open_orders).current(self.orders.open(), age(open_orders)),
            closed_orders: status(closed_orders).current(self.orders.closed(), age(closed_orders)),
            trades: status(trades).current(self.trades.trades(), age(trades)),
            read_at: None,
            executed_before: Arc::clone(&self.executed_before),
            subscribed: 0,
        }
    }
}

impl MergedState for Account {
    fn is_fresh(&self, stream: Stream) -> bool {
        let Stream::Private(stream) = stream else { return false };
        Self::is_fresh(self, stream)
    }

    fn to_messages(&self, stream: Stream) -> Vec<Message> {
        let Stream::Private(stream) = stream else { return Vec::new() };
        self.to_message(stream).into_iter().collect()
    }
}
