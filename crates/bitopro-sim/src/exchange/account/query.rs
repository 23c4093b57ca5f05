//! Queries for the orders and trades of an account, newest first, as in the exchange's REST API.

use std::cmp::Reverse;

use bitopro_model::{Order, OrderId, OrderStatus, Pair, Timestamp};

use crate::exchange::account::order_record::OrderRecord;
use crate::{Account, TradeRecord};

/// The orders that a query selects by their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OrderSelection {
    /// All orders.
    #[default]
    All,
    /// Open orders, including stop orders that wait to be triggered.
    Open,
    /// Closed orders, including cancelled ones.
    Closed,
    /// Closed orders that were executed, completely or in part.
    Executed,
    /// The orders with this status.
    Status(OrderStatus),
}

impl OrderSelection {
    fn includes(self, order: &Order) -> bool {
        match self {
            Self::All => true,
            Self::Open => !order.is_final(),
            Self::Closed => order.is_final(),
            Self::Executed => {
                matches!(order.status, OrderStatus::Completed | OrderStatus::CompletedPartialDeal)
            }
            Self::Status(status) => order.status == status,
        }
    }
}

/// A query for orders. By default, it selects all orders that are kept.
///
/// Write it with `..OrderQuery::default()`, since fields may be added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderQuery {
    /// The pair.
    pub pair: Option<Pair>,
    /// The statuses.
    pub selection: OrderSelection,
    /// The client's own id.
    pub client_id: Option<u32>,
    /// The earliest time at which the order was placed, inclusive and to the millisecond.
    pub start: Option<Timestamp>,
    /// The latest time at which the order was placed, inclusive and to the millisecond.
    pub end: Option<Timestamp>,
    /// The newest order to return, which an unknown id never finds.
    pub cursor: Option<OrderId>,
    /// The largest number of orders to return.
    pub limit: Option<usize>,
}

/// A query for trades. By default, it selects all trades that are kept.
///
/// Write it with `..TradeQuery::default()`, since fields may be added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TradeQuery {
    /// The pair.
    pub pair: Option<Pair>,
    /// The order.
    pub order: Option<OrderId>,
    /// The earliest time of the trade, inclusive.
    pub start: Option<Timestamp>,
    /// The latest time of the trade, inclusive.
    pub end: Option<Timestamp>,
    /// The id of the newest trade to return, which an unknown id never finds.
    pub cursor: Option<String>,
    /// The largest number of trades to return.
    pub limit: Option<usize>,
}

impl Account {
    /// Returns an order, open or among the last 10,000 closed ones.
    pub fn order(&self, id: &OrderId) -> Option<&Order> {
        self.record(id).map(|record| &record.order)
    }

    /// Returns orders, the last placed first.
    pub fn orders(&self, query: &OrderQuery) -> Vec<&Order> {
        let newest = match query.cursor.as_ref().map(|id| self.record(id)) {
            None => u64::MAX,
            Some(Some(record)) => record.number,
            Some(None) => return Vec::new(),
        };
        let is_selected = |record: &&OrderRecord| {
            let order = &record.order;
            record.number <= newest
                && query.selection.includes(order)
                && query.pair.as_ref().is_none_or(|pair| order.pair == *pair)
                && query.client_id.is_none_or(|id| order.client_id == Some(id.into()))
                && is_within(record.placed, query.start, query.end)
        };
        let mut records: Vec<&OrderRecord> =
            self.closed.iter().chain(self.open.values()).filter(is_selected).collect();
        records.sort_by_key(|record| Reverse(record.number));
        let limit = query.limit.unwrap_or(usize::MAX);
        records.into_iter().take(limit).map(|record| &record.order).collect()
    }

    /// Returns trades, the last one first.
    pub fn trade_records(&self, query: &TradeQuery) -> Vec<&TradeRecord> {
        let is_newer = |record: &&TradeRecord| query.cursor.as_ref().is_some_and(|id| record.id != *id);
        let is_selected = |record: &&TradeRecord| {
            let trade = &record.trade;
            query.pair.as_ref().is_none_or(|pair| trade.pair() == *pair)
                && query.order.as_ref().is_none_or(|order| trade.order_id == *order)
                && is_within(record.created, query.start, query.end)
        };
        let records = self.trades.iter().rev().skip_while(is_newer).filter(is_selected);
        records.take(query.limit.unwrap_or(usize::MAX)).collect()
    }

    fn record(&self, id: &OrderId) -> Option<&OrderRecord> {
        self.open.get(id).or_else(|| self.closed.iter().rfind(|record| record.order.id == *id))
    }
}

fn is_within(time: Timestamp, start: Option<Timestamp>, end: Option<Timestamp>) -> bool {
    start.is_none_or(|start| start <= time) && end.is_none_or(|end| time <= end)
}

#[cfg(test)]
mod tests;
