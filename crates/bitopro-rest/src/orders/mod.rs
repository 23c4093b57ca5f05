//! The calls that place, cancel and list orders, and list the account's trades.

mod batch;
mod cancel;
mod own_trades;
mod place;
mod read;

pub use batch::{BatchEntry, PlaceBatch};
pub use cancel::{
    CancelAllOrders, CancelOrder, CancelOrders, CancelPairOrders, CancelledOrder, CancelledOrders,
};
pub use own_trades::{GetOwnTrades, OwnTrade};
pub use place::{PlaceOrder, PlacedOrder, Trigger};
pub use read::{GetOpenOrders, GetOrder, GetOrderHistory, StatusKind};
