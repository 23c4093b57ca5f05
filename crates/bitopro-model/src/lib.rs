#![doc = include_str!("../README.md")]

mod account_balance;
mod currency;
mod decimal;
mod error;
mod event;
mod extra;
mod message;
mod stream;
mod timestamp;
mod wire;

pub use account_balance::{AccountBalance, Balance, Balances};
pub use currency::Currency;
pub use decimal::{DecimalError, parse_decimal};
pub use error::{DecodeError, DecodeErrorKind};
pub use event::{Event, EventData};
pub use extra::Extra;
pub use message::{Decoded, Message, UnknownMessage, decode};
pub use rust_decimal::Decimal;
pub use stream::{PrivateStream, UnknownStream};
pub use timestamp::Timestamp;
