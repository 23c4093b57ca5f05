//! What people derive from an account's messages by hand: opened, filled, cancelled, changed by how much.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use bitopro_model::{
    AccountBalance, ActiveOrders, Balance, Currency, Decimal, HistoryOrders, Order, OrderId, OrderStatus,
    PrivateStream, exact_sub,
};

use crate::account::AccountItem;
use crate::item::Item;
use crate::settings::OrderUpdates;
use crate::state::{ClosedOrders, Reporter, Standing, is_reversed};

/// Something that happened to an account.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A balance is not what it was.
    Balance(BalanceChange),
    /// An order is open that was not.
    OrderOpened(OrderChange),
    /// A stop order was triggered.
    OrderTriggered(OrderChange),
    /// More of an open order was executed.
    OrderPartlyFilled(OrderChange),
    /// An order was executed whole.
    OrderFilled(OrderChange),
    /// An order is over, executed in part (status 3).
    OrderEndedPartlyFilled(OrderChange),
    /// An order was cancelled.
    OrderCancelled(OrderChange),
    /// A post-only order was cancelled, since it would have matched at once.
    OrderRejectedPostOnly(OrderChange),
    /// An order is no longer listed as open, or history has it with a status that nobody knows: it is over,
    /// and how is not known. If the stream of history tells later, that is a change of its own; if it is
    /// listed again, it is opened again.
    OrderMissing(OrderChange),
}

/// How a balance changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BalanceChange {
    /// The currency.
    pub currency: Currency,
    /// What was known before, if the currency was there.
    pub before: Option<Balance>,
    /// What is known now, unless the currency is gone.
    pub after: Option<Balance>,
    /// Whether something may have been missed in between, so that this may be the sum of several changes:
    /// there was no connection, or since the last snapshot a message could not be read.
    pub across_gap: bool,
}

impl BalanceChange {
    /// By how much the total changed, if that can be held exactly. A currency that was not there counts as
    /// zero, which is how the exchange shows one that is not held.
    pub fn by(&self) -> Option<Decimal> {
        let amount =
            |balance: &Option<Balance>| balance.as_ref().map_or(Decimal::ZERO, |balance| balance.amount);
        exact_sub(amount(&self.after), amount(&self.before))
    }
}

/// How an order changed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OrderChange {
    /// The order as it is known now; of one that is missing, as it was last known.
    pub order: Order,
    /// The order as it was known before, if it was.
    pub before: Option<Order>,
    /// Whether something may have been missed in between, so that this may be the sum of several changes.
    pub across_gap: bool,
}

impl OrderChange {
    /// How much of it was executed since it was last known, if that can be held exactly.
    pub fn executed(&self) -> Option<Decimal> {
        let before = self.before.as_ref().map_or(Decimal::ZERO, |before| before.executed_amount);
        exact_sub(self.order.executed_amount, before)
    }
}

/// Derives [`Change`]s from an account's items. Each is derived from what was seen, none is invented: what
/// was there at the first snapshot is no change, and what was found out after a gap says so.
#[derive(Debug)]
pub struct Changes {
    updates: OrderUpdates,
    balances: Option<BTreeMap<Currency, Balance>>,
    orders: BTreeMap<OrderId, Order>,
    knows_orders: bool,
    knows_history: bool,
    /// The streams on which something may have been missed since their last snapshot.
    doubts: BTreeSet<PrivateStream>,
    /// Orders that are over, and of which history has not told how.
    missing: BTreeMap<OrderId, Order>,
    closed: ClosedOrders,
}

impl Changes {
    /// How many missing orders are remembered until history tells of them.
    const MISSING: usize = 4096;

    /// Nothing known yet. `updates` is what the client was built with.
    pub fn new(updates: OrderUpdates) -> Self {
        Self {
            updates,
            balances: None,
            orders: BTreeMap::new(),
            knows_orders: false,
            knows_history: false,
            doubts: BTreeSet::new(),
            missing: BTreeMap::new(),
            closed: ClosedOrders::default(),
        }
    }

    /// Returns what an item changed, in order. Pass every item of the account, in the order in which they arrived.
    pub fn observe(&mut self, item: &AccountItem) -> Vec<Change> {
        let mut changes = Vec::new();
        let doubt = self.doubts.contains(&item.stream());
        match item {
            AccountItem::Balances(Item::Snapshot(event)) => self.all_balances(event, &mut changes),
            AccountItem::Balances(Item::Update(event)) => self.some_balances(event, doubt, &mut changes),
            AccountItem::ActiveOrders(Item::Connected(connected)) => self.closed.connect(connected),
            AccountItem::ActiveOrders(Item::Snapshot(event)) => self.all_orders(event, &mut changes),
            AccountItem::ActiveOrders(Item::Update(event)) => self.some_orders(event, doubt, &mut changes),
            AccountItem::HistoryOrders(Item::Snapshot(event)) => self.all_history(event, &mut changes),
            AccountItem::HistoryOrders(Item::Update(event)) => {
                event.data.iter().for_each(|order| self.history_order(order, doubt, &mut changes));
            }
            _ => {}
        }
        if item.is_snapshot() {
            self.doubts.remove(&item.stream());
        } else if item.casts_doubt() {
            self.doubts.insert(item.stream());
        }
        changes
    }

    fn all_balances(&mut self, event: &AccountBalance, changes: &mut Vec<Change>) {
        let new: BTreeMap<_, _> =
            event.data.iter().map(|balance| (balance.currency.clone(), balance.clone())).collect();
        let Some(old) = self.balances.replace(new.clone()) else { return };
        let currencies: BTreeSet<&Currency> = old.keys().chain(new.keys()).collect();
        for currency in currencies {
            changes.extend(changed(currency, old.get(currency), new.get(currency), true));
        }
    }

    fn some_balances(&mut self, event: &AccountBalance, doubt: bool, changes: &mut Vec<Change>) {
        // Without a snapshot beneath it, an update says nothing about what was before.
        let Some(balances) = &mut self.balances else { return };
        for balance in &event.data {
            let before = balances.insert(balance.currency.clone(), balance.clone());
            changes.extend(changed(&balance.currency, before.as_ref(), Some(balance), doubt));
        }
    }

    fn all_orders(&mut self, event: &ActiveOrders, changes: &mut Vec<Change>) {
        if !std::mem::replace(&mut self.knows_orders, true) {
            for order in event.data.iter() {
                if order.is_final() {
                    self.closed.insert(&order.id, Reporter::ActiveOrders);
                } else if self.closed.reopen(&order.id) {
                    self.orders.insert(order.id.clone(), order.clone());
                }
            }
            return;
        }
        let listed: BTreeSet<&OrderId> = event.data.iter().map(|order| &order.id).collect();
        self.miss(|order| !listed.contains(&order.id), true, changes);
        for order in event.data.iter() {
            if order.is_final() {
                self.close(order, Reporter::ActiveOrders, true, changes);
            } else if self.closed.reopen(&order.id) {
                self.open(order, true, changes);
            }
        }
    }

    fn some_orders(&mut self, event: &ActiveOrders, doubt: bool, changes: &mut Vec<Change>) {
        if !self.knows_orders {
            return;
        }
        if self.updates == OrderUpdates::WholePair {
            for (pair, orders) in event.data.by_pair() {
                let listed: BTreeSet<&OrderId> = orders.iter().map(|order| &order.id).collect();
                self.miss(
                    |order| order.pair.is(pair.as_str()) && !listed.contains(&order.id),
                    doubt,
                    changes,
                );
            }
        }
        event.data.iter().for_each(|order| self.active_order(order, doubt, changes));
    }

    /// Applies an order of an update. The rules are those of [`OpenOrders`](crate::OpenOrders).
    fn active_order(&mut self, order: &Order, across_gap: bool, changes: &mut Vec<Change>) {
        let is_reversed = self.orders.get(&order.id).is_some_and(|known| is_reversed(known, order))
            || !order.is_final() && self.closed.standing(&order.id) == Standing::Reopened;
        if is_reversed {
            self.doubts.insert(PrivateStream::ActiveOrders);
        } else if order.is_final() {
            self.close(order, Reporter::ActiveOrders, across_gap, changes);
        } else if self.closed.reopen(&order.id) {
            self.open(order, across_gap, changes);
        }
    }

    /// Applies the list of a new connection. What was in it before the first look is not a change, the rest happened
    /// in the gap.
    fn all_history(&mut self, event: &HistoryOrders, changes: &mut Vec<Change>) {
        if std::mem::replace(&mut self.knows_history, true) {
            event.data.iter().for_each(|order| self.history_order(order, true, changes));
            return;
        }
        for order in event.data.iter().filter(|order| !order.is_open()) {
            if self.orders.contains_key(&order.id) || self.missing.contains_key(&order.id) {
                self.history_order(order, true, changes);
            } else {
                self.closed.insert(&order.id, Reporter::History);
            }
        }
    }

    /// Applies an order of the history. One that is open says nothing: only the other stream lists open orders. With a
    /// status that is not known, it is closed.
    fn history_order(&mut self, order: &Order, across_gap: bool, changes: &mut Vec<Change>) {
        if order.is_final() {
            self.close(order, Reporter::History, across_gap, changes);
        } else if !order.is_open() {
            if let Some(before) = self.orders.remove(&order.id) {
                let before = Some(before);
                changes.push(Change::OrderMissing(OrderChange { order: order.clone(), before, across_gap }));
            }
            self.closed.insert(&order.id, Reporter::History);
        }
    }

    /// Reports the open orders that are no longer listed.
    fn miss(&mut self, is_missing: impl Fn(&Order) -> bool, across_gap: bool, changes: &mut Vec<Change>) {
        let (gone, open) =
            std::mem::take(&mut self.orders).into_iter().partition(|(_, order)| is_missing(order));
        self.orders = open;
        let gone: BTreeMap<OrderId, Order> = gone;
        for (id, order) in gone {
            let before = Some(order.clone());
            changes.push(Change::OrderMissing(OrderChange { order: order.clone(), before, across_gap }));
            self.missing.insert(id, order);
            if self.missing.len() > Self::MISSING {
                self.missing.pop_first();
            }
        }
    }

    /// Reports an order with a final status, unless its end is known.
    fn close(&mut self, order: &Order, by: Reporter, across_gap: bool, changes: &mut Vec<Change>) {
        let is_known = self.closed.contains(&order.id);
        self.closed.insert(&order.id, by);
        let ending = match order.status {
            OrderStatus::Completed => Change::OrderFilled,
            OrderStatus::CompletedPartialDeal => Change::OrderEndedPartlyFilled,
            OrderStatus::Cancelled => Change::OrderCancelled,
            OrderStatus::PostOnlyCancelled => Change::OrderRejectedPostOnly,
            _ => return,
        };
        if is_known {
            return;
        }
        let missing = self.missing.remove(&order.id);
        let across_gap = across_gap || missing.is_some();
        let before = self.orders.remove(&order.id).or(missing);
        changes.push(ending(OrderChange { order: order.clone(), before, across_gap }));
    }

    /// Reports an order that the stream of open orders lists. One with a status that is not known is open too.
    fn open(&mut self, order: &Order, across_gap: bool, changes: &mut Vec<Change>) {
        let is_new = !self.orders.contains_key(&order.id);
        let back = self.missing.remove(&order.id);
        let before = self.orders.insert(order.id.clone(), order.clone()).or(back);
        let change =
            |before: &Option<Order>| OrderChange { order: order.clone(), before: before.clone(), across_gap };
        let was = before.as_ref();
        if is_new {
            changes.push(Change::OrderOpened(change(&before)));
        }
        let was_waiting = was.is_some_and(|was| was.status == OrderStatus::NotTriggered);
        if was_waiting && order.status != OrderStatus::NotTriggered && order.is_open() {
            changes.push(Change::OrderTriggered(change(&before)));
        }
        let executed = was.map_or(Decimal::ZERO, |was| was.executed_amount);
        if order.executed_amount > executed {
            changes.push(Change::OrderPartlyFilled(change(&before)));
        }
    }
}

fn changed(
    currency: &Currency,
    before: Option<&Balance>,
    after: Option<&Balance>,
    across_gap: bool,
) -> Option<Change> {
    (before != after).then(|| {
        let (before, after) = (before.cloned(), after.cloned());
        Change::Balance(BalanceChange { currency: currency.clone(), before, after, across_gap })
    })
}
