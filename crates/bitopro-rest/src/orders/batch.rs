use bitopro_model::__private::slice_for_display;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{PlaceOrder, PlacedOrder};
use crate::List;
use crate::call::call;

/// Places up to ten orders of any pairs: limit, post-only and market orders, but no stop-limit orders.
///
/// The reply has one entry per order, in the same order. What the exchange replies if it accepts only some of
/// them is not documented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceBatch {
    orders: Vec<PlaceOrder>,
}

impl PlaceBatch {
    /// The largest number of orders in a batch.
    pub const MAX_ORDERS: usize = 10;

    /// Creates the call.
    pub fn new(orders: impl IntoIterator<Item = PlaceOrder>) -> Self {
        Self { orders: orders.into_iter().collect() }
    }
}

call!(PlaceBatch => PlaceBatch, List<BatchEntry>, |this, parts| {
    if !(1..=Self::MAX_ORDERS).contains(&this.orders.len()) {
        parts.problem(format!("{} orders; expected 1 to {}", this.orders.len(), Self::MAX_ORDERS));
    }
    let mut bodies = Vec::new();
    for order in this.orders.iter().take(Self::MAX_ORDERS) {
        parts.check_pair(order.pair());
        if order.is_stop_limit() {
            parts.problem("a batch cannot contain a stop-limit order; place it on its own");
        }
        bodies.push(order.body(parts, Some(order.pair().as_str().to_ascii_lowercase())));
    }
    parts.body(&bodies);
});

/// The exchange's reply to one order of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchEntry {
    /// The order was placed.
    Placed(PlacedOrder),
    /// JSON that is not a placed order, verbatim: the order was probably not placed.
    ///
    /// It is not an error of the entire reply, which would hide the ids of the orders that were placed.
    Unreadable(Box<str>),
}

impl BatchEntry {
    /// Returns the order if it was placed.
    pub fn placed(&self) -> Option<&PlacedOrder> {
        match self {
            Self::Placed(order) => Some(order),
            Self::Unreadable(_) => None,
        }
    }

    /// Returns the JSON of an unreadable entry on a single line of bounded length, for people.
    pub fn excerpt(&self) -> Option<String> {
        match self {
            Self::Placed(_) => None,
            Self::Unreadable(json) => Some(slice_for_display(json, 0, 160)),
        }
    }
}

impl<'de> Deserialize<'de> for BatchEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(match serde_json::from_str(raw.get()) {
            Ok(order) => Self::Placed(order),
            Err(_) => Self::Unreadable(raw.get().into()),
        })
    }
}

impl Serialize for BatchEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Placed(order) => order.serialize(serializer),
            Self::Unreadable(json) => serde_json::from_str::<&RawValue>(json)
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}
