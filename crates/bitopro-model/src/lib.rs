#![doc = include_str!("../README.md")]

#[doc(hidden)]
pub mod __private;

mod account_balance;
mod decimal;
mod error;
mod event;
mod extra;
mod identifiers;
mod market;
mod message;
mod orders;
mod predicted;
mod stream;
mod timestamp;
mod user_trade;
mod wire;
mod wire_enums;

pub use account_balance::{AccountBalance, Balance, Balances};
pub use decimal::{DecimalError, exact_add, exact_mul, exact_sub, parse_decimal};
pub use error::{DecodeError, DecodeErrorKind};
pub use event::{Event, EventData, EventName};
pub use extra::Extra;
pub use identifiers::{Currency, Datetime, EventId, MatchId, OrderId, OrderSeq, Pair, TradeId};
pub use market::{BookLevel, MarketEvent, MarketTrade, MarketTrades, OrderBook, Quote, Ticker};
pub use message::{DecodedMessage, Message, UnknownMessage, decode};
pub use orders::{
    ActiveOrderStream, ActiveOrders, ClientId, HistoryOrderStream, HistoryOrders, Order, OrderStream, Orders,
};
pub use rust_decimal::Decimal;
pub use stream::{PrivateStream, PublicStream, Stream, UnknownStreamError};
pub use timestamp::{Timestamp, TimestampRangeError, UnixSeconds};
pub use user_trade::{Trade, UserTrade};
pub use wire_enums::{Action, Condition, OrderStatus, OrderType, TimeInForce, TradeSide};
