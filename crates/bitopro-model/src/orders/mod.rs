//! The events of the two order streams.

mod client_id;
mod list;
mod order;
mod stream;
#[cfg(test)]
mod tests;

pub use client_id::ClientId;
pub use list::Orders;
pub use order::Order;
pub use stream::{ActiveOrderStream, HistoryOrderStream, OrderStream};

use crate::Event;

/// The event `ACTIVE_ORDERS`: the account's open orders.
///
/// The first event of a connection lists the open orders of all pairs. A later one lists the changed orders
/// of a single pair. Until January 2024, it listed all open orders of that pair.
pub type ActiveOrders = Event<Orders<ActiveOrderStream>>;

/// The event `RECENT_HISTORY_ORDERS`: recently closed orders.
///
/// The first event of a connection lists recent orders. A later one lists orders that have just closed.
pub type HistoryOrders = Event<Orders<HistoryOrderStream>>;
