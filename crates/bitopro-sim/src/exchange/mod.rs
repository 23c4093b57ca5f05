//! The exchange as a plain value, without sockets, tasks or a clock.

pub(crate) mod account;
pub(crate) mod command_error;
mod core;
pub(crate) mod doubts;
pub(crate) mod events;
pub(crate) mod exact;
mod market;
pub(crate) mod recent_items;

pub use self::core::Exchange;
pub use account::holdings::Holdings;
pub use account::order::NewOrder;
pub use command_error::CommandError;
pub use doubts::{
    ActiveUpdates, BalanceUpdates, Datetimes, Doubt, DoubtType, DoubtValue, Doubts, EventIds, FinalOrders,
    HistoryOnConnect, OrderIds, TradesOnConnect,
};
pub use events::push::Push;
