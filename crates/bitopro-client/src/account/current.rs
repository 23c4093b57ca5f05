use std::sync::Arc;
use std::time::Duration;

use bitopro_model::{Decimal, Order, PrivateStream, Timestamp, exact_sub};

use super::{BalanceMap, ClosedOrders, OpenOrders, RecentTrades, StreamState};
use crate::item::{Gap, GapReason};

/// A state as it was last known: one consistent view, which does not change while it is held.
#[derive(Debug)]
pub struct Current<S> {
    state: Arc<S>,
    as_of: Option<Timestamp>,
    age: Duration,
    is_stale: bool,
    connection: u64,
}

impl<S> Current<S> {
    pub(super) fn new(
        state: Arc<S>,
        as_of: Option<Timestamp>,
        age: Duration,
        is_stale: bool,
        connection: u64,
    ) -> Self {
        Self { state, as_of, age, is_stale, connection }
    }

    /// Returns the state itself.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Returns the time of the last event in it, by the exchange's clock. A stream without snapshots may have had none
    /// yet.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// Returns the time between the arrival of the last event and the reading.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Returns whether it may be out of date: there is no connection, its snapshot has not arrived yet, a message since
    /// could not be read or took back progress, or the machine slept since.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Returns the number of the connection that delivered the last event, from 1; 0 before any event.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// The same, and out of date if something else that it depends on may be.
    pub(crate) fn stale_if(mut self, is_stale: bool) -> Self {
        self.is_stale |= is_stale;
        self
    }
}

impl<S> Clone for Current<S> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), ..*self }
    }
}

/// The state of an account, all parts of it read at the same moment. A part is `None` before its first snapshot, the
/// trades before their first connection, and always if its stream is not subscribed.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CurrentAccount {
    /// The balances.
    pub balances: Option<Current<BalanceMap>>,
    /// The open orders.
    pub open_orders: Option<Current<OpenOrders>>,
    /// The recently closed orders.
    pub closed_orders: Option<Current<ClosedOrders>>,
    /// The recent trades.
    pub trades: Option<Current<RecentTrades>>,
    /// Number of streams that are subscribed.
    pub(crate) subscribed: usize,
}

impl CurrentAccount {
    /// Returns the state of one stream as messages, or `None` if it is not known yet.
    pub fn stream(&self, stream: PrivateStream) -> Option<StreamState> {
        StreamState::read(self, stream)
    }

    /// Returns whether the part of every stream that is subscribed is known, and none may be out of date.
    pub fn is_fresh(&self) -> bool {
        fn fresh<S>(part: Option<&Current<S>>) -> usize {
            usize::from(part.is_some_and(|part| !part.is_stale()))
        }
        let Self { balances, open_orders, closed_orders, trades, subscribed } = self;
        let orders = fresh(open_orders.as_ref()) + fresh(closed_orders.as_ref());
        *subscribed > 0 && fresh(balances.as_ref()) + orders + fresh(trades.as_ref()) == *subscribed
    }

    /// The orders that may be behind trades that this gap of the trades lost: those that changed since it began,
    /// and of which more was executed than the trades that are known account for. Ended ones first, in the order of
    /// history, then open ones.
    ///
    /// Immediately after a gap the history may not know yet: call this once [`is_fresh`](Self::is_fresh) is true. Trades
    /// of an order from before this client subscribed it, or beyond the trades that are kept, are not known either.
    pub fn missing_fills(&self, gap: &Gap) -> Vec<MissingFills> {
        let began = began(gap);
        let closed = self.closed_orders.iter().flat_map(|orders| orders.state().iter());
        let open = self.open_orders.iter().flat_map(|orders| orders.state().iter());
        // Of an order without a time, nothing says that it did not change since.
        let is_before = |time: Option<Timestamp>| {
            time.zip(began).is_some_and(|(time, began)| time.compare_coarsely(began).is_lt())
        };
        let changed = closed.chain(open).filter(|order| !is_before(order.updated()));
        changed.filter_map(|order| self.less_trades(order)).collect()
    }

    /// What was executed of an order and is in no trade that is known.
    fn less_trades(&self, order: &Order) -> Option<MissingFills> {
        let trades = self.trades.iter().flat_map(|trades| trades.state().of_order(order.id.as_str()));
        let mut volumes = trades.map(|trade| trade.data.volume);
        let missing = volumes.try_fold(order.executed_amount, exact_sub);
        let is_accounted = missing.is_some_and(|missing| missing <= Decimal::ZERO);
        (!is_accounted).then(|| MissingFills { order: order.clone(), missing })
    }
}

/// When a gap began, by the exchange's clock.
fn began(gap: &Gap) -> Option<Timestamp> {
    match (&gap.before, &gap.reason) {
        // No trade came since, so none was made while there was a connection.
        (Some(edge), _) => Some(edge.timestamp),
        (None, GapReason::Reconnected { since, .. }) => {
            Some(Timestamp::from_millis(since.as_millis().saturating_sub(CLOCK_SLACK_MS)))
        }
        (None, GapReason::Overrun { .. }) => None,
    }
}

/// How far the machine's clock may be off the exchange's, in milliseconds, while its nonces are accepted.
const CLOCK_SLACK_MS: i64 = 60_000;

/// An order of which more was executed than the trades that are known account for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingFills {
    /// The order.
    pub order: Order,
    /// How much of the base currency was executed without a trade that is known, if that can be held exactly.
    pub missing: Option<Decimal>,
}
