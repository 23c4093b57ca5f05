#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::{fmt, iter, slice, vec};

use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::event::sealed::Sealed;
use crate::wire::wire_struct;
use crate::{
    Action, Condition, Currency, Event, EventData, Extra, Message, OrderId, OrderSeq, OrderStatus, OrderType,
    Pair, PrivateStream, TimeInForce, Timestamp,
};

/// The event `ACTIVE_ORDERS`: the account's open orders.
///
/// The first one on a connection holds the open orders of all pairs; a later one those of a single pair
/// that changed, or that pair's whole list, as the exchange did until January 2024.
pub type ActiveOrders = Event<Orders<Active>>;

/// The event `RECENT_HISTORY_ORDERS`: orders that ended lately, and then each that ends.
pub type HistoryOrders = Event<Orders<History>>;

wire_struct! {
    /// An order.
    pub struct Order ("an order") {
        /// The order's id.
        "id" => id: OrderId,
        /// The pair, lowercase.
        "pair" => pair: Pair,
        /// The price of one unit of the base currency.
        "price" => price: Decimal,
        /// The average price of what was executed.
        "avgExecutionPrice" => avg_execution_price: Option<Decimal>,
        /// Whether it buys or sells.
        "action" => action: Action,
        /// The kind of order.
        "type" => order_type: OrderType,
        /// Deprecated by the exchange: the same as `updatedTimestamp`. Verbatim: see [`Order::updated`].
        "timestamp" => timestamp: Option<Timestamp>,
        /// Time of the last change, verbatim. Absent in old messages: see [`Order::updated`].
        "updatedTimestamp" => updated_timestamp: Option<Timestamp>,
        /// Time at which it was placed, verbatim. Absent in old messages: see [`Order::created`].
        "createdTimestamp" => created_timestamp: Option<Timestamp>,
        /// How far it has come.
        "status" => status: OrderStatus,
        /// The amount of the base currency that was ordered.
        "originalAmount" => original_amount: Decimal,
        /// What of it is still open.
        "remainingAmount" => remaining_amount: Decimal,
        /// What of it was executed.
        "executedAmount" => executed_amount: Decimal,
        /// The fee so far, in `fee_symbol`.
        "fee" => fee: Option<Decimal>,
        /// The currency of the fee, lowercase.
        "feeSymbol" => fee_symbol: Option<Currency>,
        /// The part of the fee that was paid in BITO.
        "bitoFee" => bito_fee: Option<Decimal>,
        /// What was executed, in the quote currency.
        "total" => total: Option<Decimal>,
        /// The exchange's sequence name.
        "seq" => seq: Option<OrderSeq>,
        /// How long it may stand.
        "timeInForce" => time_in_force: Option<TimeInForce>,
        /// The price that triggers it. Only stop orders have one.
        "stopPrice" => stop_price: Option<Decimal>,
        /// How the market must stand to the stop price. Only stop orders have one.
        "condition" => condition: Option<Condition>,
        /// The id that the client gave it, 1 to 2,147,483,647. Older messages spell it `clientId`.
        "clientID" | "clientId" => client_id: Option<ClientId>,
    }
}

impl Order {
    /// Creates an order as it is right after it was placed: in progress, good till cancelled, nothing executed yet, its
    /// fee in the currency that it receives. Price and amount are zero and the times absent until they are set.
    ///
    /// ```
    /// use bitopro_model::{Action, Order, OrderType, Timestamp};
    ///
    /// let order = Order::new("8917255503", "btc_twd", Action::Buy, OrderType::Limit)
    ///     .with_price(2_600_000.into())
    ///     .with_amount("0.01".parse()?)
    ///     .with_created(Timestamp::from_millis(1_639_386_803_663));
    /// assert_eq!(order.remaining_amount, order.original_amount);
    /// # Ok::<(), rust_decimal::Error>(())
    /// ```
    pub fn new(id: impl Into<OrderId>, pair: impl Into<Pair>, action: Action, order_type: OrderType) -> Self {
        let pair = pair.into();
        let (base, quote) = pair.split().unwrap_or_else(|| (pair.as_str().into(), pair.as_str().into()));
        Self {
            id: id.into(),
            pair,
            price: Decimal::ZERO,
            avg_execution_price: Some(Decimal::ZERO),
            fee_symbol: Some(if action == Action::Buy { base } else { quote }),
            action,
            order_type,
            timestamp: None,
            updated_timestamp: None,
            created_timestamp: None,
            status: OrderStatus::InProgress,
            original_amount: Decimal::ZERO,
            remaining_amount: Decimal::ZERO,
            executed_amount: Decimal::ZERO,
            fee: Some(Decimal::ZERO),
            bito_fee: Some(Decimal::ZERO),
            total: Some(Decimal::ZERO),
            seq: Some(OrderSeq::new("")),
            time_in_force: Some(TimeInForce::GoodTillCancelled),
            stop_price: None,
            condition: None,
            client_id: None,
            extra: Extra::default(),
        }
    }

    /// Sets the price.
    #[must_use]
    pub fn with_price(mut self, price: Decimal) -> Self {
        self.price = price;
        self
    }

    /// Sets the amount of the base currency that was ordered, all of which remains.
    #[must_use]
    pub fn with_amount(mut self, amount: Decimal) -> Self {
        (self.original_amount, self.remaining_amount) = (amount, amount);
        self
    }

    /// Sets the time at which the order was placed and last changed.
    #[must_use]
    pub fn with_created(mut self, created: Timestamp) -> Self {
        self.created_timestamp = Some(created);
        (self.timestamp, self.updated_timestamp) = (Some(created), Some(created));
        self
    }

    /// Returns the time of the last change: `updatedTimestamp`, or else the deprecated `timestamp`.
    ///
    /// It is in milliseconds whatever the unit on the wire was: a number below 10^11 is taken for seconds. The times of
    /// the streams are multiples of 1,000 ms, and those of the REST interface's open orders are seconds, so
    /// compare them with [`Timestamp::compare_coarsely`].
    pub fn updated(&self) -> Option<Timestamp> {
        self.updated_timestamp.or(self.timestamp).map(Timestamp::in_millis)
    }

    /// Returns the time at which it was placed, in milliseconds as that of [`Order::updated`].
    pub fn created(&self) -> Option<Timestamp> {
        self.created_timestamp.map(Timestamp::in_millis)
    }

    /// Whether it may still execute or be triggered.
    pub fn is_open(&self) -> bool {
        self.status.is_open()
    }

    /// Whether nothing will happen to it any more.
    pub fn is_final(&self) -> bool {
        self.status.is_final()
    }

    /// Whether some of it was executed and some was not, however it ended.
    pub fn is_filled_in_part(&self) -> bool {
        !self.executed_amount.is_zero() && self.executed_amount < self.original_amount
    }

    /// Whether all of it was executed.
    pub fn is_filled(&self) -> bool {
        self.status == OrderStatus::Completed
    }
}

/// The id that a client gave its order. A JSON number; a text of digits is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(u64);

impl ClientId {
    /// The id as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u32> for ClientId {
    fn from(id: u32) -> Self {
        Self(id.into())
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = OrderId::deserialize(deserializer)?;
        id.as_str().parse().map(Self).map_err(|_| D::Error::custom("client id is not a number"))
    }
}

crate::wire::field_by_serde!(ClientId);

/// One of the two streams of orders, [`Active`] and [`History`], whose messages have the same shape.
///
/// The trait is sealed: no other type implements it.
pub trait OrderStream: sealed::SealedStream + fmt::Debug + Clone + PartialEq + Eq + 'static {
    /// The stream.
    const STREAM: PrivateStream;
}

/// The stream of open orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Active {}

impl OrderStream for Active {
    const STREAM: PrivateStream = PrivateStream::ActiveOrders;
}

impl sealed::SealedStream for Active {
    fn into_message(event: ActiveOrders) -> Message {
        Message::ActiveOrders(event)
    }

    fn from_message(message: Message) -> Result<ActiveOrders, Message> {
        match message {
            Message::ActiveOrders(event) => Ok(event),
            other => Err(other),
        }
    }
}

/// The stream of orders that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {}

impl OrderStream for History {
    const STREAM: PrivateStream = PrivateStream::HistoryOrders;
}

impl sealed::SealedStream for History {
    fn into_message(event: HistoryOrders) -> Message {
        Message::HistoryOrders(event)
    }

    fn from_message(message: Message) -> Result<HistoryOrders, Message> {
        match message {
            Message::HistoryOrders(event) => Ok(event),
            other => Err(other),
        }
    }
}

mod sealed {
    use super::{Event, Message, Orders};

    /// Restricts [`OrderStream`](super::OrderStream) to this crate, and names the variant of [`Message`] for each stream.
    pub trait SealedStream: Sized {
        fn into_message(event: Event<Orders<Self>>) -> Message;

        fn from_message(message: Message) -> Result<Event<Orders<Self>>, Message>;
    }
}

/// The `data` of [`ActiveOrders`] and [`HistoryOrders`]: orders by pair, in the order in which the exchange
/// sent them.
#[derive(Clone, PartialEq, Eq)]
pub struct Orders<K> {
    by_pair: Vec<(Pair, Vec<Order>)>,
    stream: PhantomData<K>,
}

impl<K> Orders<K> {
    /// The pairs with their orders. A pair may have none.
    pub fn by_pair(&self) -> impl Iterator<Item = (&Pair, &[Order])> {
        self.by_pair.iter().map(|(pair, orders)| (pair, orders.as_slice()))
    }

    /// Iterates over all orders.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }

    /// The order with this id. Looks at one after the other.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.iter().find(|order| order.id == id)
    }

    /// How many orders there are.
    pub fn len(&self) -> usize {
        self.by_pair.iter().map(|(_, orders)| orders.len()).sum()
    }

    /// Whether there is no order.
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
    /// Groups orders by their pair, the pairs in the order in which they first occur.
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

struct OrdersVisitor<K>(PhantomData<K>);

impl<'de, K> Visitor<'de> for OrdersVisitor<K> {
    type Value = Orders<K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("orders by pair")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Orders<K>, A::Error> {
        let mut by_pair: Vec<(Pair, Vec<Order>)> = Vec::new();
        while let Some((pair, orders)) = map.next_entry::<Pair, Vec<Order>>()? {
            if let Some(other) = orders.iter().find(|order| order.pair != pair) {
                let (id, found) = (&other.id, &other.pair);
                return Err(A::Error::custom(format_args!("key `{pair}` holds order {id} of `{found}`")));
            }
            if by_pair.iter().any(|(known, _)| *known == pair) {
                return Err(A::Error::custom(format_args!("duplicate pair `{pair}`")));
            }
            by_pair.push((pair, orders));
        }
        Ok(Orders { by_pair, stream: PhantomData })
    }
}
