//! The state of an account: the one fold of its items.

mod balances;
mod change;
mod closed;
mod current;
mod orders;
mod stream_state;
#[cfg(test)]
mod tests;
mod trades;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitopro_model::{Active, Event, Message, Orders, PrivateStream, Timestamp};

use crate::Settings;
use crate::item::{Connected, Item};
use change::Sink;
use orders::OrderRules;

pub use balances::BalanceBook;
pub use change::{BalanceChange, Change, Changes, OrderChange};
pub(crate) use closed::ClosedOrders;
pub use current::{Current, CurrentAccount, Unaccounted};
pub use orders::{OpenOrders, OrderHistory};
pub use stream_state::StreamState;
pub use trades::RecentTrades;

/// Folds the items of an account into its state. Reports what each of them changed, if that is wanted.
///
/// The client applies each item when it arrives, [`Changes`] when it was delivered. The rules are the same.
#[derive(Debug)]
pub(crate) struct Account {
    freshness: BTreeMap<PrivateStream, Freshness>,
    balances: Arc<BalanceBook>,
    orders: OrderRules,
    trades: Arc<RecentTrades>,
    /// The connection of the open orders is older than that of the history.
    active_is_older: bool,
}

/// A stream that needs a fresh snapshot, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Renewal {
    pub(crate) stream: PrivateStream,
    pub(crate) reason: &'static str,
}

const RENEWED_BY_HISTORY: &str = "the history was without a connection, so orders may have closed unnoticed";
const REVERSED: &str = "an update took back the progress of an order, so the state is not trusted";

/// The age of one stream's state.
#[derive(Debug, Clone, Copy, Default)]
struct Freshness {
    /// The time of the last event, by the exchange's clock.
    as_of: Option<Timestamp>,
    trust: Trust,
    /// The next snapshot is not sure either.
    next_is_unsure: bool,
    is_connected: bool,
    /// Number of the connection that is open, or was last.
    open: u64,
    /// Number of the connection that delivered the last event.
    connection: u64,
}

/// The trust in a stream's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Trust {
    /// No snapshot has arrived yet, nor of a stream without snapshots a connection.
    #[default]
    Unknown,
    /// Something was missed since the last snapshot, or may have been.
    Doubtful,
    /// Everything since the last snapshot is in the state.
    Sure,
}

impl Freshness {
    fn is_known(&self) -> bool {
        self.trust != Trust::Unknown
    }

    fn is_sure(&self) -> bool {
        self.trust == Trust::Sure
    }

    fn doubt(&mut self) {
        if self.is_known() {
            self.trust = Trust::Doubtful;
        }
    }

    fn note<D>(&mut self, event: &Event<D>) {
        self.as_of = Some(event.timestamp);
        self.connection = self.open;
    }

    fn note_snapshot<D>(&mut self, event: &Event<D>) {
        let is_unsure = std::mem::take(&mut self.next_is_unsure);
        self.trust = if is_unsure { Trust::Doubtful } else { Trust::Sure };
        self.note(event);
    }

    fn current<S>(&self, state: &Arc<S>, age: Option<Duration>) -> Option<Current<S>> {
        let age = age.filter(|_| self.is_known())?;
        Some(Current::new(Arc::clone(state), self.as_of, age, !self.is_sure(), self.connection))
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
            freshness: BTreeMap::new(),
            balances: Arc::default(),
            orders: OrderRules::new(settings),
            trades: Arc::new(RecentTrades::new(settings.trade_capacity)),
            active_is_older: false,
        }
    }

    /// Applies an item without reporting what it changed. Returns which stream needs a fresh snapshot, if any.
    pub(crate) fn apply(&mut self, stream: PrivateStream, item: &Item<Message>) -> Option<Renewal> {
        self.apply_to(stream, item, &mut Sink::none())
    }

    fn apply_to(
        &mut self,
        stream: PrivateStream,
        item: &Item<Message>,
        sink: &mut Sink<'_>,
    ) -> Option<Renewal> {
        match item {
            Item::Connected(connected) => self.connect(stream, connected),
            Item::Snapshot(message) => return self.replace(stream, message, sink),
            Item::Update(message) => return self.update(stream, message, sink),
            // A stream without snapshots knows all that can be known after the gap.
            Item::Gap(gap) if has_snapshot(stream) => {
                let freshness = self.freshness.entry(stream).or_default();
                freshness.doubt();
                freshness.next_is_unsure = gap.is_doubtful;
            }
            Item::Malformed(_) => self.doubt(stream),
            Item::Disconnected(_) | Item::Closed(_) => {
                self.freshness.entry(stream).or_default().is_connected = false;
                self.doubt(stream);
            }
            Item::Gap(_) | Item::Unknown(_) => {}
        }
        None
    }

    /// Records that something on a stream was missed, or may have been.
    fn doubt(&mut self, stream: PrivateStream) {
        self.freshness.entry(stream).or_default().doubt();
    }

    fn connect(&mut self, stream: PrivateStream, connected: &Connected) {
        let freshness = self.freshness.entry(stream).or_default();
        (freshness.open, freshness.is_connected) = (connected.number, true);
        if !has_snapshot(stream) {
            freshness.trust = Trust::Sure;
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

    fn replace(&mut self, stream: PrivateStream, message: &Message, sink: &mut Sink<'_>) -> Option<Renewal> {
        let freshness = self.freshness.entry(stream).or_default();
        let is_first = !freshness.is_known();
        // What the first snapshot lists is not a change.
        let mut none = Sink::none();
        let sink_of_list = if is_first { &mut none } else { &mut *sink };
        match message {
            Message::AccountBalance(event) => {
                freshness.note_snapshot(event);
                Arc::make_mut(&mut self.balances).replace(event, sink_of_list);
            }
            Message::ActiveOrders(event) => {
                freshness.note_snapshot(event);
                self.orders.list(event, sink_of_list);
            }
            Message::HistoryOrders(event) => {
                freshness.note_snapshot(event);
                self.orders.list_history(event, freshness.open, is_first, sink);
                return self.renew_open_orders();
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
    fn renew_open_orders(&mut self) -> Option<Renewal> {
        let stream = PrivateStream::ActiveOrders;
        if !self.active_is_older {
            return None;
        }
        self.doubt(stream);
        Some(Renewal { stream, reason: RENEWED_BY_HISTORY })
    }

    fn update(&mut self, stream: PrivateStream, message: &Message, sink: &mut Sink<'_>) -> Option<Renewal> {
        let freshness = self.freshness.entry(stream).or_default();
        if !freshness.is_known() {
            // Without a snapshot before it, an update would pass for the whole state.
            return None;
        }
        let across_gap = !freshness.is_sure();
        let is_possible = match message {
            Message::AccountBalance(event) => {
                freshness.note(event);
                Arc::make_mut(&mut self.balances).update(event, across_gap, sink);
                true
            }
            Message::ActiveOrders(event) => {
                freshness.note(event);
                self.orders.update(event, across_gap, sink)
            }
            Message::HistoryOrders(event) => {
                freshness.note(event);
                self.orders.update_history(event, freshness.open, across_gap, sink)
            }
            Message::UserTrade(event) => {
                freshness.note(event);
                Arc::make_mut(&mut self.trades).add(event);
                true
            }
            _ => true,
        };
        if is_possible {
            return None;
        }
        self.doubt(stream);
        Some(Renewal { stream, reason: REVERSED })
    }

    fn is_connected(&self, stream: PrivateStream) -> bool {
        self.freshness.get(&stream).is_some_and(|freshness| freshness.is_connected)
    }

    /// Returns whether a stream's state is known, and all that has arrived since its snapshot is in it.
    pub(crate) fn is_sure(&self, stream: PrivateStream) -> bool {
        self.freshness.get(&stream).is_some_and(Freshness::is_sure)
    }

    /// Returns the whole state of a stream that has snapshots as one message.
    pub(crate) fn to_message(&self, stream: PrivateStream) -> Option<Message> {
        let as_of = self.freshness.get(&stream)?.as_of?;
        match stream {
            PrivateStream::AccountBalance => {
                Some(Message::AccountBalance(Event::new(as_of, self.balances.iter().cloned().collect())))
            }
            PrivateStream::ActiveOrders => {
                let orders: Orders<Active> = self.orders.open().iter().cloned().collect();
                Some(Message::ActiveOrders(Event::new(as_of, orders)))
            }
            PrivateStream::HistoryOrders => {
                let orders = self.orders.history().iter().cloned().collect();
                Some(Message::HistoryOrders(Event::new(as_of, orders)))
            }
            _ => None,
        }
    }

    /// Returns the state. `age` is the time since the last event of a stream that is followed.
    pub(crate) fn current(&self, age: impl Fn(PrivateStream) -> Option<Duration>) -> CurrentAccount {
        let freshness = |stream| self.freshness.get(&stream).copied().unwrap_or_default();
        let (active, history) = (PrivateStream::ActiveOrders, PrivateStream::HistoryOrders);
        let (balances, trades) = (PrivateStream::AccountBalance, PrivateStream::UserTrades);
        CurrentAccount {
            balances: freshness(balances).current(&self.balances, age(balances)),
            open_orders: freshness(active).current(self.orders.open(), age(active)),
            history: freshness(history).current(self.orders.history(), age(history)),
            trades: freshness(trades).current(&self.trades, age(trades)),
            followed: 0,
        }
    }
}
