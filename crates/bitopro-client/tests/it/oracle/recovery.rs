use std::collections::{BTreeMap, BTreeSet};

use bitopro_client::model::{Decimal, OrderId, PrivateStream, Trade, TradeId, UnixSeconds};
use bitopro_client::{AccountItem, Backfilled, GapReason, Item, RecentTrades};

/// Everything by which a trade of the stream can be compared with a recovered one.
type Terms = (OrderId, [Decimal; 3], UnixSeconds);

fn terms(trade: &Trade) -> Terms {
    (trade.order_id.clone(), [trade.price, trade.volume, trade.fee], trade.transaction_timestamp)
}

/// Follows the backfill.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    recovered: BTreeSet<(TradeId, OrderId)>,
    /// Number of recovered trades and orders.
    pub(crate) count: usize,
    /// True after a gap in the trades, until a statement that the REST API was asked.
    pub(crate) is_open: bool,
    /// The last statement.
    pub(crate) last: Option<Backfilled>,
}

impl Recovery {
    pub(crate) fn apply(&mut self, AccountItem { stream, item, .. }: &AccountItem) {
        match item {
            Item::RecoveredTrade(trade) => {
                self.count += 1;
                let id = (trade.record.trade_id.clone(), trade.record.order_id.clone());
                assert!(self.recovered.insert(id), "{trade} twice");
            }
            Item::RecoveredOrder(_) => self.count += 1,
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

    /// Asserts that the trades since the first known one are known, and how often. `is_exact` says whether the stream
    /// never repeats a trade in a way that cannot be recognised.
    pub(crate) fn assert_trades_are_known(&self, known: &RecentTrades, made: &[Trade], is_exact: bool) {
        assert!(!self.is_open, "a gap is still open: {:?}", self.last);
        assert!(self.last.as_ref().is_none_or(Backfilled::is_complete), "{:?}", self.last);
        let count = |trades: &mut dyn Iterator<Item = &Trade>| {
            let mut counts: BTreeMap<Terms, usize> = BTreeMap::new();
            trades.for_each(|trade| *counts.entry(terms(trade)).or_default() += 1);
            counts
        };
        let known = count(&mut known.iter().map(|event| &event.data));
        let made = count(&mut made.iter().skip_while(|trade| !known.contains_key(&terms(trade))));
        for (terms, made) in &made {
            let known = known.get(terms).copied().unwrap_or_default();
            assert!(known >= *made, "{made} trades {terms:?} were made, {known} are known");
            assert!(!is_exact || known == *made, "{made} trades {terms:?} were made, {known} are known");
        }
    }
}
