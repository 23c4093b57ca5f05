use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map, vec_deque};
use std::iter;
use std::sync::Arc;

use bitopro_model::{ActiveOrders, Decimal, HistoryOrders, Order, OrderId, OrderStatus};

use super::change::{Change, ChangeSink, OrderChange};
use super::recently_closed::{KnownState, RecentlyClosed, Reporter};
use crate::Settings;
use crate::item::Connected;
use crate::settings::OrderUpdates;

/// The open orders of an account.
///
/// Within a connection a later message replaces an earlier one, whatever its times say: some are truncated to seconds.
/// An order leaves when this stream or the history reports it as closed, or when a snapshot, which lists every open
/// order, does not list it. An order with a status that this version does not know is open as long as this stream
/// lists it, and closed once the history does.
///
/// An update that takes back progress (the executed amount falls, or a closed order is open again) is not applied; the
/// state is then stale until the fresh snapshot that the client requests. A snapshot overrides everything that was
/// known before its connection was dialled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenOrders(BTreeMap<OrderId, Order>);

impl OpenOrders {
    /// Returns the order with this id.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.0.get(id)
    }

    /// Returns all orders, by id.
    pub fn iter(&self) -> btree_map::Values<'_, OrderId, Order> {
        self.0.values()
    }

    /// Returns the orders of a pair, in whichever case it is spelled, by id.
    pub fn of_pair<'a>(&'a self, pair: &'a str) -> impl Iterator<Item = &'a Order> {
        self.iter().filter(move |order| order.pair == *pair)
    }

    /// Returns the number of orders.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no order.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a OpenOrders {
    type Item = &'a Order;
    type IntoIter = btree_map::Values<'a, OrderId, Order>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The recently closed orders, the latest last, up to the number that the builder's `with_closed_order_capacity` sets.
///
/// A shorter list of a new connection removes nothing: what is closed remains closed. An update that takes back
/// progress is not applied, and makes the history stale until the next snapshot.
#[derive(Debug, Clone)]
pub struct ClosedOrders {
    /// The orders, each with the number of the connection that last reported it.
    orders: VecDeque<(Order, u64)>,
    capacity: usize,
}

impl<'a> IntoIterator for &'a ClosedOrders {
    type Item = &'a Order;
    type IntoIter = iter::Map<vec_deque::Iter<'a, (Order, u64)>, fn(&'a (Order, u64)) -> &'a Order>;

    fn into_iter(self) -> Self::IntoIter {
        self.orders.iter().map(|(order, _)| order)
    }
}

impl ClosedOrders {
    /// Returns the order with this id. Searches linearly.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.iter().rev().find(|order| order.id == id)
    }

    /// Returns the orders, the latest last.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }

    /// Returns the number of orders.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Returns whether there is no order.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    fn position(&self, id: &OrderId) -> Option<usize> {
        self.orders.iter().position(|(known, _)| known.id == *id)
    }

    /// Puts an order behind those that changed before it. Of equal or unknown times, the one that arrives later comes
    /// later.
    fn put(&mut self, order: &Order, connection: u64) {
        if let Some(known) = self.position(&order.id) {
            self.orders.remove(known);
        }
        let is_earlier = |(known, _): &(Order, u64)| match (known.updated(), order.updated()) {
            (Some(known), Some(order)) => known.compare_coarsely(order).is_le(),
            _ => true,
        };
        let place = self.orders.iter().rposition(is_earlier).map_or(0, |earlier| earlier + 1);
        self.orders.insert(place, (order.clone(), connection));
        if self.orders.len() > self.capacity {
            self.orders.pop_front();
        }
    }

    /// Returns whether an order can be true after what this connection reported before.
    fn allows(&self, order: &Order, connection: u64) -> bool {
        let known = self.position(&order.id).and_then(|known| self.orders.get(known));
        known.is_none_or(|(known, reported_by)| *reported_by != connection || !is_reversed(known, order))
    }
}

/// Returns whether a message takes back progress that an earlier one of the same connection reported: the executed
/// amount falls, or a final status is left.
fn is_reversed(known: &Order, order: &Order) -> bool {
    order.executed_amount < known.executed_amount || known.is_final() && order.status != known.status
}

/// Number of missing orders that are remembered until the history reports their end.
pub(super) const MISSING: usize = 4096;

/// The orders of an account, open and closed, and the rules by which the messages of both streams change them.
#[derive(Debug)]
pub(super) struct OrderRules {
    open: Arc<OpenOrders>,
    closed: Arc<ClosedOrders>,
    recently_closed: RecentlyClosed,
    /// Orders that are no longer listed as open, and of which the end is not known. Kept only for changes.
    missing: BTreeMap<OrderId, Order>,
    updates: OrderUpdates,
}

impl OrderRules {
    pub(super) fn new(settings: &Settings) -> Self {
        let closed = ClosedOrders { orders: VecDeque::new(), capacity: settings.closed_order_capacity };
        Self {
            open: Arc::default(),
            closed: Arc::new(closed),
            recently_closed: RecentlyClosed::default(),
            missing: BTreeMap::new(),
            updates: settings.order_updates,
        }
    }

    pub(super) fn open(&self) -> &Arc<OpenOrders> {
        &self.open
    }

    pub(super) fn closed(&self) -> &Arc<ClosedOrders> {
        &self.closed
    }

    /// Handles a new connection of the open orders.
    pub(super) fn connect(&mut self, connected: &Connected) {
        self.recently_closed.connect(connected);
    }

    /// Applies a snapshot of the open orders.
    pub(super) fn list(&mut self, event: &ActiveOrders, sink: &mut ChangeSink<'_>) {
        let listed: BTreeSet<&OrderId> = event.data.iter().map(|order| &order.id).collect();
        self.remove_unlisted(|order| !listed.contains(&order.id), true, sink);
        for order in &event.data {
            if order.is_final() {
                self.close(order, Reporter::ActiveOrders, true, sink);
            } else if self.recently_closed.reopen(&order.id) {
                self.put_open(order, true, sink);
            }
        }
    }

    /// Applies an update of the open orders. Returns whether all of it can be true after what the same connection
    /// reported before; what cannot is left out.
    pub(super) fn update(
        &mut self,
        event: &ActiveOrders,
        across_gap: bool,
        sink: &mut ChangeSink<'_>,
    ) -> bool {
        if self.updates == OrderUpdates::WholePair {
            for (pair, orders) in event.data.by_pair() {
                let listed: BTreeSet<&OrderId> = orders.iter().map(|order| &order.id).collect();
                let is_gone = |order: &Order| order.pair == *pair && !listed.contains(&order.id);
                self.remove_unlisted(is_gone, across_gap, sink);
            }
        }
        let mut is_possible = true;
        for order in &event.data {
            is_possible &= self.update_order(order, across_gap, sink);
        }
        is_possible
    }

    fn update_order(&mut self, order: &Order, across_gap: bool, sink: &mut ChangeSink<'_>) -> bool {
        if self.open.0.get(&order.id).is_some_and(|known| is_reversed(known, order)) {
            return false;
        }
        if order.is_final() {
            self.close(order, Reporter::ActiveOrders, across_gap, sink);
            return true;
        }
        let state = self.recently_closed.known_state(&order.id);
        if state == KnownState::Open {
            self.recently_closed.reopen(&order.id);
            self.put_open(order, across_gap, sink);
        }
        state != KnownState::Reopened
    }

    /// Applies the list that a new connection of the history sends first. What is in the very first one is a change only
    /// if it ends an order that was seen open.
    pub(super) fn list_history(
        &mut self,
        event: &HistoryOrders,
        connection: u64,
        is_first: bool,
        sink: &mut ChangeSink<'_>,
    ) {
        let mut orders: Vec<&Order> = event.data.iter().collect();
        if orders.len() > RecentlyClosed::CAPACITY {
            // Of more orders than are remembered, the latest are.
            orders.sort_by_key(|order| order.updated());
        }
        for order in orders {
            Arc::make_mut(&mut self.closed).put(order, connection);
            let is_old =
                is_first && !self.open.0.contains_key(&order.id) && !self.missing.contains_key(&order.id);
            let mut sink = if is_old { ChangeSink::none() } else { sink.reborrow() };
            self.close_by_history(order, true, &mut sink);
        }
    }

    /// Applies an update of the history. Returns whether all of it can be true after what the same connection reported
    /// before; what cannot is left out.
    pub(super) fn update_history(
        &mut self,
        event: &HistoryOrders,
        connection: u64,
        across_gap: bool,
        sink: &mut ChangeSink<'_>,
    ) -> bool {
        let mut is_possible = true;
        for order in &event.data {
            if self.closed.allows(order, connection) {
                Arc::make_mut(&mut self.closed).put(order, connection);
                self.close_by_history(order, across_gap, sink);
            } else {
                is_possible = false;
            }
        }
        is_possible
    }

    /// Closes an order that the history reports. One that is open says nothing: only the other stream lists open
    /// orders. With a status that is not known, it is closed.
    fn close_by_history(&mut self, order: &Order, across_gap: bool, sink: &mut ChangeSink<'_>) {
        if order.is_final() {
            self.close(order, Reporter::HistoryOrders, across_gap, sink);
        } else if !order.is_open() {
            if let Some(before) = self.take_open(&order.id) {
                let before = Some(before);
                sink.push(|| Change::OrderMissing(OrderChange { order: order.clone(), before, across_gap }));
            }
            self.recently_closed.insert(&order.id, Reporter::HistoryOrders);
        }
    }

    /// Removes the open orders that are no longer listed.
    fn remove_unlisted(
        &mut self,
        is_gone: impl Fn(&Order) -> bool,
        across_gap: bool,
        sink: &mut ChangeSink<'_>,
    ) {
        let gone: Vec<OrderId> =
            self.open.iter().filter(|order| is_gone(order)).map(|order| order.id.clone()).collect();
        for id in gone {
            let Some(order) = self.take_open(&id) else { continue };
            if !sink.is_wanted() {
                continue;
            }
            let before = Some(order.clone());
            sink.push(|| Change::OrderMissing(OrderChange { order: order.clone(), before, across_gap }));
            self.missing.insert(id, order);
            if self.missing.len() > MISSING {
                self.missing.pop_first();
            }
        }
    }

    fn take_open(&mut self, id: &OrderId) -> Option<Order> {
        if self.open.0.contains_key(id) { Arc::make_mut(&mut self.open).0.remove(id) } else { None }
    }

    /// Closes an order with a final status. Reports that, unless its end is known.
    fn close(&mut self, order: &Order, by: Reporter, across_gap: bool, sink: &mut ChangeSink<'_>) {
        let is_known = self.recently_closed.contains(&order.id);
        self.recently_closed.insert(&order.id, by);
        let before = self.take_open(&order.id);
        let ending = match order.status {
            OrderStatus::Completed => Change::OrderFilled,
            OrderStatus::CompletedPartialDeal => Change::OrderClosedPartiallyFilled,
            OrderStatus::Cancelled => Change::OrderCancelled,
            OrderStatus::PostOnlyCancelled => Change::OrderRejectedPostOnly,
            _ => return,
        };
        if is_known {
            return;
        }
        let missing = self.missing.remove(&order.id);
        let across_gap = across_gap || missing.is_some();
        sink.push(|| ending(OrderChange { order: order.clone(), before: before.or(missing), across_gap }));
    }

    /// Adds or replaces an order that the stream of open orders lists. One with a status that is not known is open too.
    fn put_open(&mut self, order: &Order, across_gap: bool, sink: &mut ChangeSink<'_>) {
        let missing = self.missing.remove(&order.id);
        let known = Arc::make_mut(&mut self.open).0.insert(order.id.clone(), order.clone());
        if !sink.is_wanted() {
            return;
        }
        let is_new = known.is_none();
        let before = known.or(missing);
        let change = || OrderChange { order: order.clone(), before: before.clone(), across_gap };
        if is_new {
            sink.push(|| Change::OrderOpened(change()));
        }
        let was_waiting = before.as_ref().is_some_and(|before| before.status == OrderStatus::NotTriggered);
        if was_waiting && order.status != OrderStatus::NotTriggered && order.is_open() {
            sink.push(|| Change::OrderTriggered(change()));
        }
        let executed = before.as_ref().map_or(Decimal::ZERO, |before| before.executed_amount);
        if order.executed_amount > executed {
            sink.push(|| Change::OrderPartiallyFilled(change()));
        }
    }
}
