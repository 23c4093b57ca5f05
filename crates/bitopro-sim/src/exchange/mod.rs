//! The exchange as a data structure without sockets, tasks or clocks.

pub(crate) mod account;
pub(crate) mod command_error;
mod core;
pub(crate) mod events;
pub(crate) mod exact;
mod market;
pub(crate) mod quirks;
pub(crate) mod recent_items;
pub(crate) mod uuid;

pub use self::core::Exchange;
pub use account::holdings::Holdings;
pub use account::order::NewOrder;
pub use command_error::CommandError;
pub use events::push::Push;
pub use quirks::{
    ActiveUpdates, BalanceUpdates, Datetimes, EventIds, FinalOrders, HistoryOnConnect, MatchIds, Nonces,
    OrderIdSequence, OrderIds, OrderTimes, Quirk, QuirkType, QuirkValue, Quirks, TradesOnConnect,
};
