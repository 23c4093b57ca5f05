use std::collections::{BTreeMap, BTreeSet};

use bitopro_client::model::{Decimal, OrderId, PrivateStream, Timestamp, Trade, TradeId, UnixSeconds};
use bitopro_client::{AccountItem, Backfilled, GapReason, Item, RecentTrades};

/// Everything by which a trade of the stream can be compared with a recovered one.
type Terms = (OrderId, [Decimal; 3], UnixSeconds);

fn terms(trade: &Trade) -> Terms {
    (trade.order_id.clone(), [trade.price, trade.volume, trade.fee], trade.transaction_timestamp)
}

/// The largest difference between the clocks of client and exchange, in seconds.
const CLOCK_DIFFERENCE: i64 = 21;

/// Follows the backfill.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    recovered: BTreeSet<(TradeId, OrderId)>,
    /// The first connection of the trades, on the client's clock.
    started: Option<Timestamp>,
    /// True after a gap in the trades, until a statement that the REST API was asked.
    pub(crate) is_open: bool,
    /// The last statement.
    pub(crate) last: Option<Backfilled>,
}

impl Recovery {
    pub(crate) fn apply(&mut self, AccountItem { stream, item, received, .. }: &AccountItem) {
        match item {
            Item::Connected(_) if *stream == PrivateStream::UserTrades => {
                self.started = self.started.or(*received);
            }
            Item::RecoveredTrade(trade) => {
                let id = (trade.record.trade_id.clone(), trade.record.order_id.clone());
                assert!(self.recovered.insert(id), "{trade} twice");
            }
            Item::Backfilled(statement) => {
                self.last = Some((**statement).clone());
                self.is_open = statement.failed.is_some();
            }
            Item::Gap(gap) if *stream == PrivateStream::UserTrades => {
                self.is_open |= matches!(gap.reason, GapReason::Reconnected { .. });
            }
            Item::Malformed(_) if *stream == PrivateStream::UserTrades => self.is_open = true,
            _ => {}
        }
    }

    /// Asserts that the last gap is closed, with a proof unless that is not possible.
    pub(crate) fn assert_gap_is_closed(&self, is_provable: bool) {
        assert!(!self.is_open, "a gap is still open: {:?}", self.last);
        let is_closed = self.last.as_ref().is_none_or(Backfilled::is_complete);
        assert!(is_closed || !is_provable, "{:?}", self.last);
    }

    /// Asserts that the trades since the first connection are known, and how often. `is_exact` says whether the stream
    /// never repeats a trade in a way that cannot be recognised.
    pub(crate) fn assert_trades_are_known(&self, known: &RecentTrades, made: &[Trade], is_exact: bool) {
        let count = |trades: &mut dyn Iterator<Item = &Trade>| {
            let mut counts: BTreeMap<Terms, usize> = BTreeMap::new();
            trades.for_each(|trade| *counts.entry(terms(trade)).or_default() += 1);
            counts
        };
        let known = count(&mut known.iter().map(|event| &event.data));
        let start = self.started.map(|at| at.as_millis() / 1_000 + CLOCK_DIFFERENCE);
        let is_after =
            |trade: &&Trade| start.is_some_and(|start| trade.transaction_timestamp.as_secs() >= start);
        let made = count(&mut made.iter().filter(is_after));
        for (terms, made) in &made {
            let known = known.get(terms).copied().unwrap_or_default();
            assert!(known >= *made, "{made} trades {terms:?} were made, {known} are known");
            assert!(!is_exact || known == *made, "{made} trades {terms:?} were made, {known} are known");
        }
    }
}
