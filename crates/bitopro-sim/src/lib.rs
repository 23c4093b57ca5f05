#![doc = include_str!("../README.md")]
#![allow(
    clippy::result_large_err,
    reason = "a refusal is created once per dial, and the transport defines its type"
)]

mod control;
mod error;
mod exchange;
mod gateway;
mod rest;
mod scenario;
mod simulator;

pub use control::ControlServer;
pub use error::{Error, ErrorKind};
pub use exchange::{
    Account, AccountId, ActiveUpdates, BalanceUpdates, BookLevel, BookRepeats, Candle, CandleSpan,
    CommandError, Cursors, Datetimes, DoneOrders, EventIds, Exchange, FinalOrders, HistoryOnConnect,
    Holdings, MarketTrade, MatchIds, NewOrder, Nonces, OpenOrderTimes, OrderBook, OrderIdSequence, OrderIds,
    OrderQuery, OrderSelection, OrderTimes, PairList, PairRules, PlacedOrderIds, Push, Quirk, QuirkType,
    QuirkValue, Quirks, RateLimits, RestLag, Ticker, TickerPairs, TickerRange, TradeListOrder, TradeQuery,
    TradeRecord, TradesOnConnect,
};
pub use gateway::{
    BASE_PATH, Clock, Direction, Fault, FaultyProxy, NONCE_WINDOW, SentMessage, SimConnector, SimCredentials,
    UpgradeAttempt, refusal,
};
pub use rest::{REST_PATH, RestFault};
pub use scenario::{Command, Scenario};
pub use simulator::{AccountHandle, Simulator, SimulatorBuilder};
