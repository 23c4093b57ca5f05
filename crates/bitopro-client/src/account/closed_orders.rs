use std::sync::Arc;

use bitopro_model::{Order, OrderId, Timestamp};

use super::StateIter;
use super::chunked_map::ChunkedMap;

/// The recently closed orders of an account, oldest first.
///
/// [`ClientBuilder::with_closed_order_capacity`](crate::ClientBuilder::with_closed_order_capacity) sets their
/// maximum number. A shorter list from a new connection removes nothing, because a closed order remains
/// closed. An update that reverses progress is not applied, and makes the state stale until the next
/// snapshot.
#[derive(Debug, Clone, Default)]
pub struct ClosedOrders(ChunkedMap<Position, Report>);

/// The time of an order in milliseconds, and the sequence number of its last report.
type Position = (i64, u64);

/// An order, and the number of the connection that last reported it.
type Report = (Arc<Order>, u64);

impl ClosedOrders {
    /// Returns the order with this id, by a linear search.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.iter().rev().find(|order| order.id == id)
    }

    /// Returns the orders, oldest first.
    pub fn iter(&self) -> StateIter<'_, Order> {
        StateIter::new(self.0.iter().map(|(_, (order, _))| &**order), self.len())
    }

    /// Returns the number of orders.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no orders.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> IntoIterator for &'a ClosedOrders {
    type Item = &'a Order;
    type IntoIter = StateIter<'a, Order>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The closed orders, and the positions of their ids, to which reports are added.
#[derive(Debug)]
pub(super) struct ClosedOrderLog {
    orders: Arc<ClosedOrders>,
    positions: foldhash::HashMap<OrderId, Position>,
    reports: u64,
    capacity: usize,
}

impl ClosedOrderLog {
    pub(super) fn new(capacity: usize) -> Self {
        Self { orders: Arc::default(), positions: foldhash::HashMap::default(), reports: 0, capacity }
    }

    pub(super) fn orders(&self) -> &Arc<ClosedOrders> {
        &self.orders
    }

    /// Returns the last report of an order, if any: the order, and the number of the connection.
    pub(super) fn last_report(&self, id: &OrderId) -> Option<(&Order, u64)> {
        let (order, connection) = self.orders.0.get(self.positions.get(id)?)?;
        Some((order, *connection))
    }

    /// Inserts an order after those that changed before it. Orders with equal times remain in the sequence of their
    /// arrival.
    pub(super) fn insert(&mut self, order: &Order, connection: u64) {
        let orders = &mut Arc::make_mut(&mut self.orders).0;
        if let Some(known) = self.positions.remove(&order.id) {
            orders.remove(&known);
        }
        self.reports += 1;
        let position = (time_of(order, orders), self.reports);
        orders.insert(position, (Arc::new(order.clone()), connection));
        self.positions.insert(order.id.clone(), position);
        if orders.len() > self.capacity
            && let Some((_, (oldest, _))) = orders.pop_first()
        {
            self.positions.remove(&oldest.id);
        }
    }
}

/// Returns the time by which an order is sorted, in milliseconds.
///
/// A time in whole seconds may be truncated. Such an order follows the others of that second. An order without a time
/// follows all others.
fn time_of(order: &Order, others: &ChunkedMap<Position, Report>) -> i64 {
    let time = order.updated().map(Timestamp::as_millis);
    let end = match time {
        Some(time) if time % 1_000 == 0 => time.saturating_add(1_000),
        Some(time) => return time,
        None => i64::MAX,
    };
    let last = others.last_before(&(end, 0)).map(|(last, _)| *last);
    last.max(time).unwrap_or(i64::MIN)
}
