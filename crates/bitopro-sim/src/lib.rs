#![doc = include_str!("../README.md")]
#![allow(
    clippy::result_large_err,
    reason = "a refusal is created once per dial, and the transport defines its type"
)]

mod error;
mod exchange;
mod gateway;
mod scenario;
mod simulator;

pub use error::{Error, ErrorKind};
pub use exchange::{
    Account, AccountId, ActiveUpdates, BalanceUpdates, BookLevel, Candle, CandleSpan, CommandError,
    Datetimes, EventIds, Exchange, FinalOrders, HistoryOnConnect, Holdings, MarketTrade, MatchIds, NewOrder,
    Nonces, OrderBook, OrderIdSequence, OrderIds, OrderQuery, OrderSelection, OrderTimes, PairRules, Push,
    Quirk, QuirkType, QuirkValue, Quirks, Ticker, TradeQuery, TradeRecord, TradesOnConnect,
};
pub use gateway::{
    BASE_PATH, Clock, Direction, Fault, FaultyProxy, NONCE_WINDOW, SentMessage, SimConnector, SimCredentials,
    UpgradeAttempt, refusal,
};
pub use scenario::{Command, Scenario};
pub use simulator::{AccountHandle, Simulator, SimulatorBuilder};
