use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bitopro_model::{ActiveOrders, Decimal, HistoryOrders, Order, OrderId, OrderStatus};

use super::change::{Change, ChangeSink, OrderChange};
use super::closed_orders::{ClosedOrderLog, ClosedOrders};
use super::open_orders::OpenOrders;
use super::recently_closed::{KnownState, RecentlyClosed, Reporter};
use crate::Settings;
use crate::item::Connected;
use crate::settings::OrderUpdates;

/// Returns whether a message reverses progress that an earlier one of the same connection reported: the
/// executed amount decreases, or a final status changes.
fn is_reversed(known: &Order, order: &Order) -> bool {
    order.executed_amount < known.executed_amount || known.is_final() && order.status != known.status
}

/// Maximum number of missing orders that are remembered until the history reports them as closed.
pub(super) const MISSING_CAPACITY: usize = 4096;

/// The open and closed orders of an account, to which the messages of both order streams are applied.
#[derive(Debug)]
pub(crate) struct OrderState {
    open: Arc<OpenOrders>,
    closed: ClosedOrderLog,
    recently_closed: RecentlyClosed,
    /// Orders that are no longer listed as open and whose final status is unknown.
    missing: BTreeMap<OrderId, Order>,
    updates: OrderUpdates,
}

impl OrderState {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            open: Arc::default(),
            closed: ClosedOrderLog::new(settings.closed_order_capacity),
            recently_closed: RecentlyClosed::default(),
            missing: BTreeMap::new(),
            updates: settings.order_updates,
        }
    }

    pub(crate) fn open(&self) -> &Arc<OpenOrders> {
        &self.open
    }

    pub(crate) fn closed(&self) -> &Arc<ClosedOrders> {
        self.closed.orders()
    }

    pub(super) fn missing(&self) -> &BTreeMap<OrderId, Order> {
        &self.missing
    }

    /// Applies a closed order that was read from the REST API.
    pub(super) fn apply_recovered(&mut self, order: &Order, sink: &mut ChangeSink<'_>) {
        // No connection has reported it.
        self.closed.insert(order, 0);
        self.close_by_history(order, true, sink);
    }

    /// Handles a new connection of the stream of open orders.
    pub(super) fn connect(&mut self, connected: &Connected) {
        self.recently_closed.connect(connected);
    }

    /// Applies a snapshot of the open orders.
    pub(super) fn apply_open_snapshot(&mut self, event: &ActiveOrders, sink: &mut ChangeSink<'_>) {
        let listed: BTreeSet<&OrderId> = event.data.iter().map(|order| &order.id).collect();
        let open = Arc::clone(&self.open);
        self.remove_unlisted(open.iter(), &listed, true, sink);
        for order in &event.data {
            if order.is_final() {
                self.close(order, Reporter::ActiveOrders, true, sink);
            } else if self.recently_closed.reopen(&order.id) {
                self.insert_open(order, true, sink);
            }
        }
    }

    /// Applies an update of the open orders. Returns whether all of it is consistent with the earlier
    /// messages of the same connection; inconsistent orders are not applied.
    pub(super) fn apply_open_update(
        &mut self,
        event: &ActiveOrders,
        across_gap: bool,
        sink: &mut ChangeSink<'_>,
    ) -> bool {
        if self.updates == OrderUpdates::WholePair {
            for (pair, orders) in event.data.by_pair() {
                let listed: BTreeSet<&OrderId> = orders.iter().map(|order| &order.id).collect();
                let open = Arc::clone(&self.open);
                self.remove_unlisted(open.of_pair(pair.as_str()), &listed, across_gap, sink);
            }
        }
        let mut is_consistent = true;
        for order in &event.data {
            is_consistent &= self.update_order(order, across_gap, sink);
        }
        is_consistent
    }

    /// Applies one order of an update. Returns whether it is consistent with the earlier messages.
    fn update_order(&mut self, order: &Order, across_gap: bool, sink: &mut ChangeSink<'_>) -> bool {
        if self.open.get(order.id.as_str()).is_some_and(|known| is_reversed(known, order)) {
            return false;
        }
        if order.is_final() {
            self.close(order, Reporter::ActiveOrders, across_gap, sink);
            return true;
        }
        let state = self.recently_closed.known_state(&order.id);
        if state == KnownState::Open {
            self.recently_closed.reopen(&order.id);
            self.insert_open(order, across_gap, sink);
        }
        state != KnownState::Reopened
    }

    /// Applies a snapshot of the history. An order in the first snapshot is a change only if it was observed
    /// as open before.
    pub(super) fn apply_history_snapshot(
        &mut self,
        event: &HistoryOrders,
        connection: u64,
        is_first: bool,
        sink: &mut ChangeSink<'_>,
    ) {
        let mut orders: Vec<&Order> = event.data.iter().collect();
        if orders.len() > RecentlyClosed::CAPACITY {
            // `recently_closed` forgets the orders that were inserted first, so the latest must come last.
            orders.sort_by_key(|order| order.updated());
        }
        for order in orders {
            self.closed.insert(order, connection);
            let is_unobserved = is_first
                && self.open.get(order.id.as_str()).is_none()
                && !self.missing.contains_key(&order.id);
            let mut sink = if is_unobserved { ChangeSink::disabled() } else { sink.reborrow() };
            self.close_by_history(order, true, &mut sink);
        }
    }

    /// Applies an update of the history. Returns whether all of it is consistent with the earlier messages of
    /// the same connection; inconsistent orders are not applied.
    pub(super) fn apply_history_update(
        &mut self,
        event: &HistoryOrders,
        connection: u64,
        across_gap: bool,
        sink: &mut ChangeSink<'_>,
    ) -> bool {
        let mut is_consistent = true;
        for order in &event.data {
            let known =
                self.closed.last_report(&order.id).filter(|(_, reported_by)| *reported_by == connection);
            if known.is_none_or(|(known, _)| !is_reversed(known, order)) {
                self.closed.insert(order, connection);
                self.close_by_history(order, across_gap, sink);
            } else {
                is_consistent = false;
            }
        }
        is_consistent
    }

    /// Closes an order that the history lists with a final or an unknown status. An open status is ignored,
    /// because only the other stream lists open orders.
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

    /// Removes those of the orders that are no longer listed.
    fn remove_unlisted<'a>(
        &mut self,
        orders: impl Iterator<Item = &'a Order>,
        listed: &BTreeSet<&OrderId>,
        across_gap: bool,
        sink: &mut ChangeSink<'_>,
    ) {
        for order in orders.filter(|order| !listed.contains(&order.id)) {
            let Some(order) = self.take_open(&order.id) else { continue };
            let before = Some(order.clone());
            sink.push(|| Change::OrderMissing(OrderChange { order: order.clone(), before, across_gap }));
            self.missing.insert(order.id.clone(), order);
            if self.missing.len() > MISSING_CAPACITY {
                self.missing.pop_first();
            }
        }
    }

    fn take_open(&mut self, id: &OrderId) -> Option<Order> {
        // An unknown id must not copy a state that a reader holds.
        self.open.get(id.as_str())?;
        Arc::make_mut(&mut self.open).remove(id)
    }

    /// Closes an order with a final status, and reports the change unless it was reported before.
    fn close(&mut self, order: &Order, reporter: Reporter, across_gap: bool, sink: &mut ChangeSink<'_>) {
        let is_known = self.recently_closed.contains(&order.id);
        self.recently_closed.insert(&order.id, reporter);
        let before = self.take_open(&order.id);
        let to_change = match order.status {
            OrderStatus::Completed => Change::OrderFilled,
            OrderStatus::CompletedPartialDeal => Change::OrderClosedPartiallyFilled,
            OrderStatus::Cancelled => Change::OrderCancelled,
            OrderStatus::PostOnlyCancelled => Change::OrderRejectedPostOnly,
            _ => return,
        };
        let missing = self.missing.remove(&order.id);
        if is_known {
            return;
        }
        let across_gap = across_gap || missing.is_some();
        sink.push(|| to_change(OrderChange { order: order.clone(), before: before.or(missing), across_gap }));
    }

    /// Adds or replaces an order that the stream of open orders lists, including one with an unknown status.
    fn insert_open(&mut self, order: &Order, across_gap: bool, sink: &mut ChangeSink<'_>) {
        let missing = self.missing.remove(&order.id);
        let known = if sink.is_enabled() { self.open.get(order.id.as_str()).cloned() } else { None };
        Arc::make_mut(&mut self.open).insert(order);
        if !sink.is_enabled() {
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
