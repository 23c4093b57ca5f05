use bitopro_model::{Decimal, Order, Timestamp, exact_sub};

use crate::item::{Gap, GapReason};
use crate::state::{BalanceBook, Current, OpenOrders, OrderHistory, RecentTrades};

/// The state of an account, all parts of it read at the same moment. A part is `None` before its first
/// snapshot, that of the trades before its first connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CurrentAccount {
    /// What the account holds.
    pub balances: Option<Current<BalanceBook>>,
    /// What it has open.
    pub open_orders: Option<Current<OpenOrders>>,
    /// What ended lately.
    pub history: Option<Current<OrderHistory>>,
    /// What was traded lately.
    pub trades: Option<Current<RecentTrades>>,
}

impl CurrentAccount {
    /// Whether every part is known and none may be out of date.
    pub fn is_fresh(&self) -> bool {
        fn fresh<S>(part: Option<&Current<S>>) -> bool {
            part.is_some_and(|part| !part.is_stale())
        }
        fresh(self.balances.as_ref())
            && fresh(self.open_orders.as_ref())
            && fresh(self.history.as_ref())
            && fresh(self.trades.as_ref())
    }

    /// The orders that may be behind trades that this gap of the trades lost: those that changed since it began,
    /// and of which more was executed than the trades that are known account for. Ended ones first, in the order of
    /// history, then open ones.
    ///
    /// When a gap has just been told, history may not know yet: ask once [`is_fresh`](Self::is_fresh). What an
    /// order traded before this client followed it, or beyond the trades that are kept, is not known either.
    pub fn unaccounted(&self, gap: &Gap) -> Vec<Unaccounted> {
        let began = began(gap);
        let ended = self.history.iter().flat_map(|history| history.iter());
        let open = self.open_orders.iter().flat_map(|orders| orders.iter());
        // Of an order without a time, nothing says that it did not change since.
        let is_before = |time: Option<Timestamp>| {
            time.zip(began).is_some_and(|(time, began)| time.compare_coarsely(began).is_lt())
        };
        let changed = ended.chain(open).filter(|order| !is_before(order.updated()));
        changed.filter_map(|order| self.less_trades(order)).collect()
    }

    /// What was executed of an order and is in no trade that is known.
    fn less_trades(&self, order: &Order) -> Option<Unaccounted> {
        let trades = self.trades.iter().flat_map(|trades| trades.of_order(order.id.as_str()));
        let mut volumes = trades.map(|trade| trade.data.volume);
        let missing = volumes.try_fold(order.executed_amount, exact_sub);
        let is_accounted = missing.is_some_and(|missing| missing <= Decimal::ZERO);
        (!is_accounted).then(|| Unaccounted { order: order.clone(), missing })
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
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Unaccounted {
    /// The order.
    pub order: Order,
    /// How much of the base currency was executed without a trade that is known, if that can be held exactly.
    pub missing: Option<Decimal>,
}
