use std::collections::BTreeMap;
use std::fmt;

use bitopro_model::{ClientId, Order, OrderId, OrderStatus, Pair, Timestamp};
use serde_json::value::RawValue;

use crate::call::{Sealed, call, setters};
use crate::parts::Parts;
use crate::{Call, Endpoint, List};

/// Gets an order of the last 90 days.
///
/// The error is of the kind [`NotFound`](crate::ErrorKind::NotFound) if there is no such order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetOrder {
    pair: Pair,
    id: OrderId,
}

impl GetOrder {
    /// Creates the call.
    pub fn new(pair: impl Into<Pair>, id: impl Into<OrderId>) -> Self {
        Self { pair: pair.into(), id: id.into() }
    }
}

impl Sealed for GetOrder {}

impl Call for GetOrder {
    type Reply = Order;
    type Wire = Order;

    const ENDPOINT: Endpoint = Endpoint::Order;

    fn fill(&self, parts: &mut Parts<'_>) {
        parts.pair(&self.pair);
        parts.segment("an order id", self.id.as_str());
    }

    fn from_wire(order: Order) -> Option<Order> {
        Some(order)
    }

    /// The exchange once replied to an unknown id with an order whose id was empty, and the status 200.
    fn is_nothing(body: &str) -> bool {
        let Ok(fields) = serde_json::from_str::<Option<BTreeMap<String, &RawValue>>>(body) else {
            return false;
        };
        let fields = fields.unwrap_or_default();
        fields.is_empty() || fields.get("id").is_some_and(|id| matches!(id.get(), "null" | "\"\""))
    }
}

/// Gets the open orders of all pairs, including stop orders, the latest update first.
///
/// The exchange sends their times in seconds, although it documents milliseconds. The fields keep the number;
/// [`Order::created`] and [`Order::updated`] return milliseconds in both cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GetOpenOrders {
    pair: Option<Pair>,
}

impl GetOpenOrders {
    /// Creates the call.
    pub const fn new() -> Self {
        Self { pair: None }
    }
}

setters! { GetOpenOrders {
    /// Restricts the list to a pair.
    with_pair(pair: impl Into<Pair>);
} }

call!(GetOpenOrders => OpenOrders, List<Order>, |this, parts| {
    if let Some(pair) = &this.pair {
        parts.check_pair(pair);
    }
    parts.query("pair", this.pair.as_ref().map(|pair| pair.as_str().to_ascii_lowercase()));
});

/// Gets orders of a pair, open and closed, by their creation, newest first.
///
/// The times of the window seem to refer to the creation of an order, so a window does not contain an older
/// order that closed in it. [`Pager`](crate::Pager) reads a window that does not fit into one reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetOrderHistory {
    pair: Pair,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    kind: Option<StatusKind>,
    status: Option<OrderStatus>,
    from_order: Option<OrderId>,
    limit: Option<u32>,
    client_id: Option<ClientId>,
    any_age: Option<bool>,
}

impl GetOrderHistory {
    /// Creates the call.
    pub fn new(pair: impl Into<Pair>) -> Self {
        Self {
            pair: pair.into(),
            start: None,
            end: None,
            kind: None,
            status: None,
            from_order: None,
            limit: None,
            client_id: None,
            any_age: None,
        }
    }

    /// Restricts the list to open orders, of any age.
    #[must_use]
    pub fn with_open_of_any_age(mut self) -> Self {
        (self.kind, self.any_age) = (Some(StatusKind::Open), Some(true));
        self
    }
}

setters! { GetOrderHistory {
    /// Sets the start of the window. Defaults to 90 days before its end, which is also the maximum.
    with_start(start: Timestamp);
    /// Sets the end of the window. Defaults to the exchange's time.
    with_end(end: Timestamp);
    /// Restricts the list to open or done orders. Defaults to all.
    with_status_kind(kind: StatusKind);
    /// Restricts the list to a status. Takes precedence over [`with_status_kind`](Self::with_status_kind).
    with_status(status: OrderStatus);
    /// Starts the list at this order, inclusive.
    with_from_order(from_order: impl Into<OrderId>);
    /// Sets the maximum number of orders, from 1 to 1,000. Defaults to 100.
    with_limit(limit: u32);
    /// Restricts the list to orders with this client id.
    with_client_id(client_id: impl Into<ClientId>);
} }

call!(GetOrderHistory => OrderHistory, List<Order>, |this, parts| {
    parts.pair(&this.pair);
    parts.query("startTimestamp", this.start.map(Timestamp::as_millis));
    parts.query("endTimestamp", this.end.map(Timestamp::as_millis));
    parts.query("statusKind", this.kind);
    parts.query("status", this.status.map(OrderStatus::code));
    parts.query("orderId", this.from_order.as_ref());
    parts.query_in("limit", this.limit, 1, 1_000);
    parts.query("clientId", this.client_id);
    parts.query("ignoreTimeLimitEnable", this.any_age);
});

/// The orders that an order history lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusKind {
    /// Orders that can still be executed or triggered.
    Open,
    /// Orders that were executed. According to the documentation, this does not include orders that were
    /// cancelled without an execution.
    Done,
    /// All orders.
    All,
}

impl fmt::Display for StatusKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "OPEN",
            Self::Done => "DONE",
            Self::All => "ALL",
        })
    }
}
