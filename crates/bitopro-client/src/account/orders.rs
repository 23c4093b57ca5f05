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
/// Within a connection, a later message replaces an earlier one regardless of its times, some of which are
/// truncated to seconds. An order is removed when this stream or the history reports it as closed, or when a
/// snapshot, which lists every open order, does not list it. An order with an unknown status is open as long
/// as this stream lists it, and closed once the history lists it.
///
/// An update that reverses progress (the executed amount decreases, or a closed order is open again) is not
/// applied. The state is then stale until the new snapshot that the client requests. A snapshot overrides
/// everything that was known before its connection was dialled.
///
/// # Examples
///
/// ```
/// use bitopro_client::{Client, Credentials};
///
/// # use bitopro_client::transport::{Frame, memory};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, mut server) = memory::network();
/// # tokio::spawn(async move {
/// #     let mut peer = server.next_dial().await.unwrap().accept();
/// #     let order = r#""action":"SELL","type":"LIMIT","price":"107","status":0,"originalAmount":"1""#;
/// #     let order = format!(r#"{order},"remainingAmount":"1","executedAmount":"0""#);
/// #     let order = format!(r#"{{"id":"8917255503","pair":"sol_usdt",{order}}}"#);
/// #     let text = format!(r#"{{"event":"ACTIVE_ORDERS","timestamp":1,"data":{{"sol_usdt":[{order}]}}}}"#);
/// #     peer.send(Frame::text(text)).await.unwrap();
/// #     std::future::pending::<()>().await;
/// # });
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
/// let orders = client.active_orders();
/// orders.ready().await?;
/// let current = orders.current().ok_or("not known yet")?;
/// for order in current.state().of_pair("SOL_USDT") {
///     println!("order {}: {} of {} executed", order.id, order.executed_amount, order.original_amount);
/// }
/// # assert_eq!(current.state().of_pair("SOL_USDT").count(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenOrders(BTreeMap<OrderId, Order>);

impl OpenOrders {
    /// Returns the order with this id.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.0.get(id)
    }

    /// Returns all orders, in order of their ids.
    pub fn iter(&self) -> btree_map::Values<'_, OrderId, Order> {
        self.0.values()
    }

    /// Returns the orders of a pair, in order of their ids. The case of the pair is ignored.
    pub fn of_pair<'a>(&'a self, pair: &'a str) -> impl Iterator<Item = &'a Order> {
        self.iter().filter(move |order| order.pair == *pair)
    }

    /// Returns the number of orders.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no orders.
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

/// The recently closed orders of an account, oldest first.
///
/// [`ClientBuilder::with_closed_order_capacity`](crate::ClientBuilder::with_closed_order_capacity) sets their
/// maximum number. A shorter list from a new connection removes nothing, because a closed order remains
/// closed. An update that reverses progress is not applied, and makes the state stale until the next
/// snapshot.
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
    /// Returns the order with this id, by a linear search.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.iter().rev().find(|order| order.id == id)
    }

    /// Returns the orders, oldest first.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }

    /// Returns the number of orders.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Returns whether there are no orders.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    fn position(&self, id: &OrderId) -> Option<usize> {
        self.orders.iter().position(|(known, _)| known.id == *id)
    }

    /// Inserts an order after those that changed before it. Orders with equal or unknown times remain in the
    /// sequence of their arrival.
    fn insert(&mut self, order: &Order, connection: u64) {
        if let Some(known) = self.position(&order.id) {
            self.orders.remove(known);
        }
        let is_earlier = |(known, _): &(Order, u64)| match (known.updated(), order.updated()) {
            (Some(known), Some(order)) => known.compare_coarsely(order).is_le(),
            _ => true,
        };
        let index = self.orders.iter().rposition(is_earlier).map_or(0, |earlier| earlier + 1);
        self.orders.insert(index, (order.clone(), connection));
        if self.orders.len() > self.capacity {
            self.orders.pop_front();
        }
    }

    /// Returns whether an order is consistent with the earlier reports of this connection.
    fn is_consistent(&self, order: &Order, connection: u64) -> bool {
        let known = self.position(&order.id).and_then(|known| self.orders.get(known));
        known.is_none_or(|(known, reported_by)| *reported_by != connection || !is_reversed(known, order))
    }
}

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
    closed: Arc<ClosedOrders>,
    recently_closed: RecentlyClosed,
    /// Orders that are no longer listed as open and whose final status is unknown.
    missing: BTreeMap<OrderId, Order>,
    updates: OrderUpdates,
}

impl OrderState {
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

    pub(crate) fn open(&self) -> &Arc<OpenOrders> {
        &self.open
    }

    pub(crate) fn closed(&self) -> &Arc<ClosedOrders> {
        &self.closed
    }

    pub(super) fn missing(&self) -> &BTreeMap<OrderId, Order> {
        &self.missing
    }

    /// Applies a closed order that was read from the REST API.
    pub(super) fn apply_recovered(&mut self, order: &Order, sink: &mut ChangeSink<'_>) {
        // No connection has reported it.
        Arc::make_mut(&mut self.closed).insert(order, 0);
        self.close_by_history(order, true, sink);
    }

    /// Handles a new connection of the stream of open orders.
    pub(super) fn connect(&mut self, connected: &Connected) {
        self.recently_closed.connect(connected);
    }

    /// Applies a snapshot of the open orders.
    pub(super) fn apply_open_snapshot(&mut self, event: &ActiveOrders, sink: &mut ChangeSink<'_>) {
        let listed: BTreeSet<&OrderId> = event.data.iter().map(|order| &order.id).collect();
        self.remove_unlisted(|order| !listed.contains(&order.id), true, sink);
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
                let is_unlisted = |order: &Order| order.pair == *pair && !listed.contains(&order.id);
                self.remove_unlisted(is_unlisted, across_gap, sink);
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
            Arc::make_mut(&mut self.closed).insert(order, connection);
            let is_unobserved =
                is_first && !self.open.0.contains_key(&order.id) && !self.missing.contains_key(&order.id);
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
            if self.closed.is_consistent(order, connection) {
                Arc::make_mut(&mut self.closed).insert(order, connection);
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

    /// Removes the open orders that are no longer listed.
    fn remove_unlisted(
        &mut self,
        is_unlisted: impl Fn(&Order) -> bool,
        across_gap: bool,
        sink: &mut ChangeSink<'_>,
    ) {
        let unlisted: Vec<OrderId> =
            self.open.iter().filter(|order| is_unlisted(order)).map(|order| order.id.clone()).collect();
        for id in unlisted {
            let Some(order) = self.take_open(&id) else { continue };
            let before = Some(order.clone());
            sink.push(|| Change::OrderMissing(OrderChange { order: order.clone(), before, across_gap }));
            self.missing.insert(id, order);
            if self.missing.len() > MISSING_CAPACITY {
                self.missing.pop_first();
            }
        }
    }

    fn take_open(&mut self, id: &OrderId) -> Option<Order> {
        if self.open.0.contains_key(id) { Arc::make_mut(&mut self.open).0.remove(id) } else { None }
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
        let known = Arc::make_mut(&mut self.open).0.insert(order.id.clone(), order.clone());
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
