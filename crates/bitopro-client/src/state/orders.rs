use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitopro_model::{Active, ActiveOrders, History, HistoryOrders, Order, OrderId, Orders};

use super::ended::Ended;
use super::{Followed, StreamState};
use crate::Settings;
use crate::settings::OrderUpdates;

/// The open orders of an account.
///
/// An order leaves when it is reported as final, on this stream or on that of history; or when it is
/// missing from a snapshot, which names every open order. What is older than what is known is ignored, and
/// an order that has ended never opens again.
#[derive(Debug, Clone)]
pub struct OpenOrders {
    orders: BTreeMap<OrderId, Order>,
    updates: OrderUpdates,
    ended: Ended,
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

    fn put(&mut self, order: &Order) {
        if order.is_final() {
            self.end(&order.id);
        } else if !self.ended.contains(&order.id)
            && self.orders.get(&order.id).is_none_or(|known| known.updated() <= order.updated())
        {
            self.orders.insert(order.id.clone(), order.clone());
        }
    }

    /// An order has ended, as this stream or that of history says.
    pub(crate) fn end(&mut self, id: &OrderId) {
        self.orders.remove(id);
        self.ended.insert(id);
    }
}

impl Followed for Orders<Active> {
    type State = OpenOrders;
}

impl StreamState for OpenOrders {
    type Data = Orders<Active>;

    fn new(settings: &Settings) -> Self {
        Self { orders: BTreeMap::new(), updates: settings.order_updates, ended: Ended::default() }
    }

    fn replace(&mut self, event: &ActiveOrders) {
        self.orders.clear();
        event.data.iter().for_each(|order| self.put(order));
    }

    fn apply(&mut self, event: &ActiveOrders) {
        if self.updates == OrderUpdates::WholePair {
            for (pair, orders) in event.data.by_pair() {
                let listed: BTreeSet<&OrderId> = orders.iter().map(|order| &order.id).collect();
                self.orders.retain(|id, order| !order.pair.is(pair.as_str()) || listed.contains(id));
            }
        }
        event.data.iter().for_each(|order| self.put(order));
    }

    fn to_data(&self) -> Option<Orders<Active>> {
        Some(self.iter().cloned().collect())
    }
}

/// The orders that ended lately, the latest last: at most
/// [`Settings::history_capacity`] of them.
///
/// What ended once has ended: a shorter list of a new connection takes nothing away.
#[derive(Debug, Clone)]
pub struct OrderHistory {
    orders: VecDeque<Order>,
    capacity: usize,
}

impl OrderHistory {
    /// The order with this id. Looks at one after the other.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.orders.iter().rev().find(|order| order.id == id)
    }

    /// The orders, the latest last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Order> {
        self.orders.iter()
    }

    /// How many orders there are.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether there is no order.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    fn put(&mut self, order: &Order) {
        if let Some(known) = self.orders.iter().position(|known| known.id == order.id) {
            if self.orders.get(known).is_some_and(|known| known.updated() > order.updated()) {
                return;
            }
            self.orders.remove(known);
        }
        let place = self.orders.partition_point(|known| known.updated() <= order.updated());
        self.orders.insert(place, order.clone());
        if self.orders.len() > self.capacity {
            self.orders.pop_front();
        }
    }
}

impl Followed for Orders<History> {
    type State = OrderHistory;
}

impl StreamState for OrderHistory {
    type Data = Orders<History>;

    fn new(settings: &Settings) -> Self {
        Self { orders: VecDeque::new(), capacity: settings.history_capacity }
    }

    fn apply(&mut self, event: &HistoryOrders) {
        event.data.iter().for_each(|order| self.put(order));
    }

    fn to_data(&self) -> Option<Orders<History>> {
        Some(self.iter().cloned().collect())
    }
}
