#![doc = include_str!("../README.md")]

mod account_balance;
mod decimal;
mod error;
mod event;
mod extra;
mod message;
mod names;
mod orders;
mod stream;
mod timestamp;
mod user_trade;
mod wire;
mod words;

pub use account_balance::{AccountBalance, Balance, Balances};
pub use decimal::{DecimalError, exact_add, exact_sub, parse_decimal};
pub use error::{DecodeError, DecodeErrorKind};
pub use event::{Event, EventData};
pub use extra::Extra;
pub use message::{Decoded, Message, UnknownMessage, decode};
pub use names::{Currency, MatchId, OrderId, OrderSeq, Pair};
pub use orders::{Active, ActiveOrders, ClientId, History, HistoryOrders, Order, OrderStream, Orders};
pub use rust_decimal::Decimal;
pub use stream::{PrivateStream, UnknownStream};
pub use timestamp::{TimeOutOfRange, Timestamp, UnixSeconds};
pub use user_trade::{Trade, UserTrade};
pub use words::{Action, Condition, OrderStatus, OrderType, TimeInForce, TradeSide};
