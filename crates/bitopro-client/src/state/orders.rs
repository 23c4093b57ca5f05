use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitopro_model::{Active, ActiveOrders, History, HistoryOrders, Order, OrderId, Orders};

use super::closed::{ClosedOrders, Reporter, Standing};
use super::{Followed, StreamState};
use crate::Settings;
use crate::item::Connected;
use crate::settings::OrderUpdates;

/// The open orders of an account.
///
/// Within a connection a later message replaces an earlier one, whatever its times say: some are truncated to seconds. An order leaves when this stream or the history reports it as closed, or when a snapshot, which lists every
/// open order, does not list it. An order with a status that this version does not know is open as long as this stream
/// lists it, and closed once the history does.
///
/// An update that takes back progress (the executed amount falls, or a closed order is open again) is not applied; the
/// state is then stale until the fresh snapshot that the client requests. A snapshot overrides everything that was
/// known before its connection was dialled.
#[derive(Debug, Clone)]
pub struct OpenOrders {
    orders: BTreeMap<OrderId, Order>,
    updates: OrderUpdates,
    closed: ClosedOrders,
}

impl OpenOrders {
    /// The order with this id.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.orders.get(id)
    }

    /// All orders, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// The orders of a pair, in whichever case it is spelled, by id.
    pub fn of_pair<'a>(&'a self, pair: &'a str) -> impl Iterator<Item = &'a Order> {
        self.iter().filter(move |order| order.pair.is(pair))
    }

    /// How many orders there are.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether there is no order.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// Applies an order of an update. Returns whether it can be true after what this connection said before.
    fn apply_order(&mut self, order: &Order) -> bool {
        if self.orders.get(&order.id).is_some_and(|known| is_reversed(known, order)) {
            return false;
        }
        if order.is_final() {
            self.close(&order.id, Reporter::ActiveOrders);
            return true;
        }
        let standing = self.closed.standing(&order.id);
        if standing == Standing::Open {
            self.closed.reopen(&order.id);
            self.orders.insert(order.id.clone(), order.clone());
        }
        standing != Standing::Reopened
    }

    /// Handles an order that is closed, as this stream or the history reports.
    pub(crate) fn close(&mut self, id: &OrderId, by: Reporter) {
        self.orders.remove(id);
        self.closed.insert(id, by);
    }
}

/// Returns whether a message takes back progress that an earlier one of the same connection reported: the executed
/// amount falls, or a final status is left.
pub(crate) fn is_reversed(known: &Order, order: &Order) -> bool {
    order.executed_amount < known.executed_amount || known.is_final() && order.status != known.status
}

impl Followed for Orders<Active> {
    type State = OpenOrders;
}

impl StreamState for OpenOrders {
    type Data = Orders<Active>;

    fn new(settings: &Settings) -> Self {
        Self { orders: BTreeMap::new(), updates: settings.order_updates, closed: ClosedOrders::default() }
    }

    fn connect(&mut self, connected: &Connected) {
        self.closed.connect(connected);
    }

    fn replace(&mut self, event: &ActiveOrders) {
        self.orders.clear();
        for order in event.data.iter() {
            if order.is_final() {
                self.close(&order.id, Reporter::ActiveOrders);
            } else if self.closed.reopen(&order.id) {
                self.orders.insert(order.id.clone(), order.clone());
            }
        }
    }

    fn apply(&mut self, event: &ActiveOrders) -> bool {
        if self.updates == OrderUpdates::WholePair {
            for (pair, orders) in event.data.by_pair() {
                let listed: BTreeSet<&OrderId> = orders.iter().map(|order| &order.id).collect();
                self.orders.retain(|id, order| !order.pair.is(pair.as_str()) || listed.contains(id));
            }
        }
        let mut is_possible = true;
        for order in event.data.iter() {
            is_possible &= self.apply_order(order);
        }
        is_possible
    }

    fn to_data(&self) -> Option<Orders<Active>> {
        Some(self.iter().cloned().collect())
    }
}

/// The recently closed orders, the latest last: at most [`Settings::history_capacity`] of them.
///
/// A shorter list of a new connection removes nothing: what is closed remains closed. An update that takes back
/// progress is not applied, and makes the history stale until the next snapshot.
#[derive(Debug, Clone)]
pub struct OrderHistory {
    /// The orders, each with the number of the connection that last reported it.
    orders: VecDeque<(Order, u64)>,
    capacity: usize,
    connection: u64,
}

impl OrderHistory {
    /// Returns the order with this id. Searches linearly.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.iter().rev().find(|order| order.id == id)
    }

    /// Returns the orders, the latest last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Order> {
        self.orders.iter().map(|(order, _)| order)
    }

    /// Number of orders.
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
    fn put(&mut self, order: &Order) {
        if let Some(known) = self.position(&order.id) {
            self.orders.remove(known);
        }
        let is_earlier = |(known, _): &(Order, u64)| match (known.updated(), order.updated()) {
            (Some(known), Some(order)) => known.compare_coarsely(order).is_le(),
            _ => true,
        };
        let place = self.orders.iter().rposition(is_earlier).map_or(0, |earlier| earlier + 1);
        self.orders.insert(place, (order.clone(), self.connection));
        if self.orders.len() > self.capacity {
            self.orders.pop_front();
        }
    }

    /// Applies an order of an update. Returns whether it can be true after what this connection said before.
    fn apply_order(&mut self, order: &Order) -> bool {
        let known = self.position(&order.id).and_then(|known| self.orders.get(known));
        let is_possible = known
            .is_none_or(|(known, connection)| *connection != self.connection || !is_reversed(known, order));
        if is_possible {
            self.put(order);
        }
        is_possible
    }
}

impl Followed for Orders<History> {
    type State = OrderHistory;
}

impl StreamState for OrderHistory {
    type Data = Orders<History>;

    fn new(settings: &Settings) -> Self {
        Self { orders: VecDeque::new(), capacity: settings.history_capacity, connection: 0 }
    }

    fn connect(&mut self, connected: &Connected) {
        self.connection = connected.number;
    }

    fn replace(&mut self, event: &HistoryOrders) {
        event.data.iter().for_each(|order| self.put(order));
    }

    fn apply(&mut self, event: &HistoryOrders) -> bool {
        let mut is_possible = true;
        for order in event.data.iter() {
            is_possible &= self.apply_order(order);
        }
        is_possible
    }

    fn to_data(&self) -> Option<Orders<History>> {
        Some(self.iter().cloned().collect())
    }
}
