use std::marker::PhantomData;
use std::{fmt, iter, slice, vec};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::event::sealed::Sealed;
use crate::predicted::{Cursor, Predicted};
use crate::wire::Field;
use crate::{Event, EventData, Message, Order, OrderStream, Pair, PrivateStream};

/// The `data` of [`ActiveOrders`](crate::ActiveOrders) and [`HistoryOrders`](crate::HistoryOrders): orders
/// grouped by pair, in the order in which the exchange sent them.
#[derive(Clone, PartialEq, Eq)]
pub struct Orders<K> {
    by_pair: Vec<(Pair, Vec<Order>)>,
    stream: PhantomData<K>,
}

impl<K> Orders<K> {
    /// Returns an iterator over the pairs and their orders. The list of a pair may be empty.
    pub fn by_pair(&self) -> impl Iterator<Item = (&Pair, &[Order])> {
        self.by_pair.iter().map(|(pair, orders)| (pair, orders.as_slice()))
    }

    /// Returns an iterator over the orders of all pairs.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }

    /// Returns the order with this id, if any. Searches linearly.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.iter().find(|order| order.id == id)
    }

    /// Returns the number of orders of all pairs.
    pub fn len(&self) -> usize {
        self.by_pair.iter().map(|(_, orders)| orders.len()).sum()
    }

    /// Returns whether there are no orders.
    pub fn is_empty(&self) -> bool {
        self.by_pair.iter().all(|(_, orders)| orders.is_empty())
    }
}

impl<K> Default for Orders<K> {
    fn default() -> Self {
        Self { by_pair: Vec::new(), stream: PhantomData }
    }
}

impl<K> fmt::Debug for Orders<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.by_pair()).finish()
    }
}

impl<K: OrderStream> EventData for Orders<K> {
    const STREAM: PrivateStream = K::STREAM;
}

impl<K: OrderStream> Sealed for Orders<K> {
    fn into_message(event: Event<Self>) -> Message {
        K::into_message(event)
    }

    fn from_message(message: Message) -> Result<Event<Self>, Message> {
        K::from_message(message)
    }
}

impl<K> FromIterator<Order> for Orders<K> {
    /// Groups orders by pair. The pairs are in the order of their first occurrence.
    fn from_iter<I: IntoIterator<Item = Order>>(orders: I) -> Self {
        let mut grouped = Self::default();
        grouped.extend(orders);
        grouped
    }
}

impl<K> Extend<Order> for Orders<K> {
    fn extend<I: IntoIterator<Item = Order>>(&mut self, orders: I) {
        for order in orders {
            match self.by_pair.iter_mut().find(|(pair, _)| *pair == order.pair) {
                Some((_, orders)) => orders.push(order),
                None => self.by_pair.push((order.pair.clone(), vec![order])),
            }
        }
    }
}

impl<K> IntoIterator for Orders<K> {
    type Item = Order;
    type IntoIter =
        iter::FlatMap<vec::IntoIter<(Pair, Vec<Order>)>, Vec<Order>, fn((Pair, Vec<Order>)) -> Vec<Order>>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_pair.into_iter().flat_map(|(_, orders)| orders)
    }
}

impl<'a, K> IntoIterator for &'a Orders<K> {
    type Item = &'a Order;
    type IntoIter = iter::FlatMap<
        slice::Iter<'a, (Pair, Vec<Order>)>,
        &'a Vec<Order>,
        fn(&'a (Pair, Vec<Order>)) -> &'a Vec<Order>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.by_pair.iter().flat_map(|(_, orders)| orders)
    }
}

impl<K> FromIterator<(Pair, Vec<Order>)> for Orders<K> {
    fn from_iter<I: IntoIterator<Item = (Pair, Vec<Order>)>>(by_pair: I) -> Self {
        Self { by_pair: by_pair.into_iter().collect(), stream: PhantomData }
    }
}

impl<K> Serialize for Orders<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.by_pair())
    }
}

impl<'de, K> Deserialize<'de> for Orders<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OrdersVisitor(PhantomData))
    }
}

impl<K> Predicted for Orders<K> {
    fn predict(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut by_pair: Vec<(Pair, Vec<Order>)> = Vec::with_capacity(1);
        cursor.elements(*b"{}", |cursor| {
            let key = cursor.key()?;
            let orders = Vec::<Order>::predict(cursor).or_else(|| cursor.fail_in(format_args!(".{key}")))?;
            let is_new = by_pair.iter().all(|(known, _)| *known != *key);
            let are_in_place = orders.iter().all(|order| order.pair == *key);
            by_pair.push((Pair::new(key), orders));
            (is_new && are_in_place).then_some(())
        })?;
        Some(Self { by_pair, stream: PhantomData })
    }
}

struct OrdersVisitor<K>(PhantomData<K>);

impl<'de, K> Visitor<'de> for OrdersVisitor<K> {
    type Value = Orders<K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of orders by pair")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Orders<K>, A::Error> {
        let mut by_pair: Vec<(Pair, Vec<Order>)> = Vec::new();
        while let Some((pair, orders)) = map.next_entry::<Pair, Option<Vec<Order>>>()? {
            // Many encoders write an empty list as `null`.
            let orders = orders.unwrap_or_default();
            if let Some(other) = orders.iter().find(|order| order.pair != pair) {
                let (id, found) = (&other.id, &other.pair);
                return Err(A::Error::custom(format_args!(
                    "order `{id}` under `{pair}` has the pair `{found}`"
                )));
            }
            if by_pair.iter().any(|(known, _)| *known == pair) {
                return Err(A::Error::custom(format_args!("duplicate pair `{pair}`")));
            }
            by_pair.push((pair, orders));
        }
        Ok(Orders { by_pair, stream: PhantomData })
    }
}
