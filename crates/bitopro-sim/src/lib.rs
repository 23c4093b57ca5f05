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
    ActiveUpdates, BalanceUpdates, CommandError, Datetimes, EventIds, Exchange, FinalOrders,
    HistoryOnConnect, Holdings, MatchIds, NewOrder, Nonces, OrderIdSequence, OrderIds, OrderTimes, Push,
    Quirk, QuirkType, QuirkValue, Quirks, TradesOnConnect,
};
pub use gateway::{
    BASE_PATH, Clock, Direction, Fault, FaultyProxy, NONCE_WINDOW, SentMessage, SimConnector, SimCredentials,
    UpgradeAttempt, refusal,
};
pub use scenario::{Command, Scenario};
pub use simulator::{Simulator, SimulatorBuilder};
