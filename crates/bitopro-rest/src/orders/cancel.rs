use std::fmt;

use bitopro_model::__private::{Field, wire_struct};
use bitopro_model::{Action, Decimal, Extra, OrderId, Pair, Timestamp};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::call::{call, plain_calls};
use crate::list::{Envelope, write_data};

/// Cancels an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    pair: Pair,
    id: OrderId,
    keeps_strategies: bool,
}

impl CancelOrder {
    /// Creates the call. The take-profit and stop-loss settings of the order are cancelled too.
    pub fn new(pair: impl Into<Pair>, id: impl Into<OrderId>) -> Self {
        Self { pair: pair.into(), id: id.into(), keeps_strategies: false }
    }

    /// Keeps the take-profit and stop-loss settings of the order.
    #[must_use]
    pub fn with_strategies_kept(mut self) -> Self {
        self.keeps_strategies = true;
        self
    }
}

call!(CancelOrder => CancelOrder, CancelledOrder, |this, parts| {
    parts.pair(&this.pair);
    parts.segment("an order id", this.id.as_str());
    parts.query("isAllStrategyCanceled", this.keeps_strategies.then_some(false));
});

wire_struct! {
    /// The acknowledgement of a cancellation. It is not the final state of the order, which may have been
    /// executed in part.
    pub struct CancelledOrder ("a cancelled order") {
        /// The exchange's id for the order.
        "orderId" => order_id: OrderId,
        /// The side: buy or sell.
        "action" => action: Option<Action>,
        /// The time of the cancellation.
        "timestamp" => timestamp: Option<Timestamp>,
        /// The price of the order.
        "price" => price: Option<Decimal>,
        /// The amount of the order.
        "amount" => amount: Option<Decimal>,
    }
}

/// Cancels all open orders of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelPairOrders {
    pair: Pair,
}

impl CancelPairOrders {
    /// Creates the call.
    pub fn new(pair: impl Into<Pair>) -> Self {
        Self { pair: pair.into() }
    }
}

call!(CancelPairOrders => CancelPairOrders, CancelledOrders, |this, parts| { parts.pair(&this.pair); });

plain_calls! {
    /// Cancels all open orders of the account.
    CancelAllOrders => CancelAllOrders, CancelledOrders;
}

/// Cancels orders by id, of any pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrders {
    orders: OrdersByPair,
}

impl CancelOrders {
    /// Creates the call.
    pub fn new<I: Into<OrderId>>(pair: impl Into<Pair>, ids: impl IntoIterator<Item = I>) -> Self {
        Self { orders: OrdersByPair::default() }.with_orders(pair, ids)
    }

    /// Adds orders of the same pair or of another one.
    #[must_use]
    pub fn with_orders<I: Into<OrderId>>(
        mut self,
        pair: impl Into<Pair>,
        ids: impl IntoIterator<Item = I>,
    ) -> Self {
        self.orders.add(pair.into(), ids.into_iter().map(Into::into));
        self
    }
}

call!(CancelOrders => CancelOrders, CancelledOrders, |this, parts| {
    let orders = &this.orders.0;
    for (pair, _) in orders {
        parts.check_pair(pair);
    }
    if orders.iter().all(|(_, ids)| ids.is_empty()) {
        parts.problem("no orders; expected at least one id");
    }
    if orders.iter().any(|(_, ids)| ids.iter().any(|id| id.as_str().trim().is_empty())) {
        parts.problem("an order id is empty");
    }
    parts.body(&this.orders);
});

/// The orders that were cancelled by [`CancelOrders`], [`CancelPairOrders`] or [`CancelAllOrders`].
///
/// An order that is not listed was not cancelled, for example because it had already closed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CancelledOrders {
    orders: OrdersByPair,
    /// Unknown fields of the reply, verbatim.
    pub extra: Extra,
}

impl CancelledOrders {
    /// Returns an iterator over the pairs and the ids of their cancelled orders. The list of a pair may be empty.
    pub fn by_pair(&self) -> impl Iterator<Item = (&Pair, &[OrderId])> {
        self.orders.0.iter().map(|(pair, ids)| (pair, ids.as_slice()))
    }

    /// Returns whether the order was cancelled.
    pub fn contains(&self, id: &str) -> bool {
        self.by_pair().any(|(_, ids)| ids.iter().any(|known| *known == id))
    }

    /// Returns the number of cancelled orders.
    pub fn len(&self) -> usize {
        self.by_pair().map(|(_, ids)| ids.len()).sum()
    }

    /// Returns whether no order was cancelled.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<(Pair, Vec<OrderId>)> for CancelledOrders {
    fn from_iter<I: IntoIterator<Item = (Pair, Vec<OrderId>)>>(by_pair: I) -> Self {
        let mut orders = OrdersByPair::default();
        for (pair, ids) in by_pair {
            orders.add(pair, ids);
        }
        Self { orders, extra: Extra::default() }
    }
}

impl Serialize for CancelledOrders {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_data(&self.orders, &self.extra, serializer)
    }
}

impl<'de> Deserialize<'de> for CancelledOrders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Envelope { data: orders, extra } = Envelope::deserialize(deserializer)?;
        Ok(Self { orders, extra })
    }
}

/// Ids of orders by pair. Pairs are written in uppercase, as the exchange does here and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct OrdersByPair(Vec<(Pair, Vec<OrderId>)>);

impl OrdersByPair {
    fn add(&mut self, pair: Pair, ids: impl IntoIterator<Item = OrderId>) {
        match self.0.iter_mut().find(|(known, _)| *known == pair) {
            Some((_, known)) => known.extend(ids),
            None => self.0.push((pair, ids.into_iter().collect())),
        }
    }
}

impl Field for OrdersByPair {
    type Wire = Self;

    fn from_wire(wire: Self) -> Self {
        wire
    }

    fn write<M: SerializeMap>(&self, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, self)
    }
}

impl Serialize for OrdersByPair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(pair, ids)| (pair.as_str().to_ascii_uppercase(), ids)))
    }
}

impl<'de> Deserialize<'de> for OrdersByPair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrdersByPairVisitor)
    }
}

struct OrdersByPairVisitor;

impl<'de> Visitor<'de> for OrdersByPairVisitor {
    type Value = OrdersByPair;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of order ids by pair")
    }

    fn visit_unit<E: Error>(self) -> Result<OrdersByPair, E> {
        Ok(OrdersByPair::default())
    }

    /// Visits a list, which must be empty.
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<OrdersByPair, A::Error> {
        match seq.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(OrdersByPair::default()),
            Some(_) => Err(A::Error::custom("expected an object of order ids by pair, found a list")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OrdersByPair, A::Error> {
        let mut orders = OrdersByPair::default();
        while let Some((pair, ids)) = map.next_entry::<Pair, Option<Vec<OrderId>>>()? {
            orders.add(pair, ids.unwrap_or_default());
        }
        Ok(orders)
    }
}
