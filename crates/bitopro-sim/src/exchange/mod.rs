//! The exchange as a plain value, without sockets, tasks or a clock.

pub(crate) mod account;
pub(crate) mod command_error;
pub(crate) mod core;
pub(crate) mod datetime;
pub(crate) mod demo;
pub(crate) mod doubts;
pub(crate) mod envelope;
pub(crate) mod exact;
pub(crate) mod execution;
pub(crate) mod fill;
pub(crate) mod holdings;
pub(crate) mod market;
pub(crate) mod numeric_ids;
pub(crate) mod open_order;
pub(crate) mod order;
pub(crate) mod publisher;
pub(crate) mod push;
pub(crate) mod recent;
pub(crate) mod trader;

pub use self::core::Exchange;
pub use command_error::CommandError;
pub use doubts::{
    ActiveUpdates, BalanceUpdates, Datetimes, Doubt, DoubtType, DoubtValue, Doubts, EventIds, FinalOrders,
    HistoryOnConnect, OrderIds, TradesOnConnect,
};
pub use holdings::Holdings;
pub use order::NewOrder;
pub use push::Push;
