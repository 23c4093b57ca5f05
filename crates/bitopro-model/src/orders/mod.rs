//! The events about orders.

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
/// The first one on a connection holds the open orders of all pairs; a later one those of a single pair
/// that changed, or that pair's whole list, as the exchange did until January 2024.
pub type ActiveOrders = Event<Orders<ActiveOrderStream>>;

/// The event `RECENT_HISTORY_ORDERS`: recently closed orders, and then each that closes.
pub type HistoryOrders = Event<Orders<HistoryOrderStream>>;
