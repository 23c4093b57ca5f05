use std::collections::{BTreeMap, BTreeSet};

use bitopro_client::model::{
    Balance, Currency, Decimal, MatchId, Message, Order, OrderId, PrivateStream, Trade, UnixSeconds,
};
use bitopro_client::{AccountItem, Closed, ErrorKind, Item, OrderUpdates};

/// Identifies a trade, even without a match id: the order, the match id, the price, the volume and the time. Equal fills of
/// an order in one second count as one.
pub(crate) type TradeKey = (OrderId, Option<MatchId>, Decimal, Decimal, UnixSeconds);

pub(super) fn trade_key(trade: &Trade) -> TradeKey {
    (trade.order_id.clone(), trade.match_id.clone(), trade.price, trade.volume, trade.transaction_timestamp)
}

/// An account rebuilt from the delivered items alone, each stream from its last snapshot.
#[derive(Debug, Default)]
pub(crate) struct ReplayedState {
    pub(crate) balances: BTreeMap<Currency, Balance>,
    pub(crate) orders: BTreeMap<OrderId, Order>,
    pub(crate) history: BTreeMap<OrderId, Order>,
    pub(crate) trades: BTreeMap<TradeKey, Trade>,
    /// The streams that have emitted a gap.
    pub(crate) gaps: BTreeSet<PrivateStream>,
    /// The streams with an unreadable message since their last snapshot or connection.
    pub(crate) malformed: BTreeSet<PrivateStream>,
    /// The kind of the error with which each failed stream ended.
    pub(crate) failed: BTreeMap<PrivateStream, ErrorKind>,
    closed: BTreeSet<OrderId>,
    updates: OrderUpdates,
}

impl ReplayedState {
    pub(crate) fn new(updates: OrderUpdates) -> Self {
        Self { updates, ..Self::default() }
    }

    pub(crate) fn apply(&mut self, AccountItem { stream, item, .. }: &AccountItem) {
        let stream = *stream;
        self.record(stream, item);
        if let Item::RecoveredOrder(order) = item {
            self.apply_order(order);
            self.history.insert(order.id.clone(), (**order).clone());
        }
        let is_snapshot = matches!(item, Item::Snapshot(_));
        let (Item::Snapshot(message) | Item::Update(message)) = item else { return };
        match message {
            Message::AccountBalance(event) => {
                if is_snapshot {
                    self.balances.clear();
                }
                let known = event.data.iter().map(|balance| (balance.currency.clone(), balance.clone()));
                self.balances.extend(known);
            }
            Message::ActiveOrders(event) => {
                if is_snapshot {
                    self.orders.clear();
                } else if self.updates == OrderUpdates::WholePair {
                    for (pair, listed) in event.data.by_pair() {
                        let is_listed = |id: &OrderId| listed.iter().any(|order| order.id == *id);
                        self.orders.retain(|id, order| order.pair != *pair || is_listed(id));
                    }
                }
                event.data.iter().for_each(|order| self.apply_order(order));
            }
            Message::HistoryOrders(event) => {
                for order in &event.data {
                    self.apply_order(order);
                    self.history.insert(order.id.clone(), order.clone());
                }
            }
            Message::UserTrade(event) => {
                assert!(!is_snapshot, "trades have no snapshot");
                self.trades.insert(trade_key(&event.data), event.data.clone());
            }
            _ => {}
        }
    }

    /// Clears the closed orders and the trades.
    pub(crate) fn clear_records(&mut self) {
        self.history.clear();
        self.trades.clear();
        self.closed.clear();
    }

    fn record(&mut self, stream: PrivateStream, item: &Item<Message>) {
        match item {
            Item::Gap(_) => drop(self.gaps.insert(stream)),
            Item::Malformed(_) => drop(self.malformed.insert(stream)),
            Item::Snapshot(_) | Item::Connected(_) => drop(self.malformed.remove(&stream)),
            Item::Closed(Closed::Failed(error)) => drop(self.failed.insert(stream, error.kind())),
            _ => {}
        }
    }

    /// Applies an order, unless it reverts progress or is already closed.
    fn apply_order(&mut self, order: &Order) {
        let is_newer = |known: &Order| known.executed_amount <= order.executed_amount;
        if order.is_final() {
            self.orders.remove(&order.id);
            self.closed.insert(order.id.clone());
        } else if !self.closed.contains(&order.id) && self.orders.get(&order.id).is_none_or(is_newer) {
            self.orders.insert(order.id.clone(), order.clone());
        }
    }
}
