#![doc = include_str!("../README.md")]
#![allow(
    clippy::result_large_err,
    reason = "a refusal is made once for a dial, and its type is the transport's"
)]

mod account;
mod books;
mod builder;
mod clock;
mod connector;
mod credentials;
mod datetime;
mod day;
mod deal;
mod demo;
mod dial;
mod error;
mod exact;
mod exchange;
mod gate;
mod hub;
mod market;
mod order;
mod outbox;
mod proxy;
mod push;
mod record;
pub mod refusal;
mod scenario;
mod sent;
mod server;
mod session;
mod simulator;
mod supervisor;
mod switches;
mod tls;

pub use books::Books;
pub use builder::SimulatorBuilder;
pub use clock::Clock;
pub use connector::SimConnector;
pub use credentials::SimCredentials;
pub use datetime::Datetimes;
pub use dial::Dial;
pub use error::{Error, ErrorKind};
pub use exchange::Exchange;
pub use gate::{BASE_PATH, NONCE_WINDOW, UpgradeRequest};
pub use order::{NewOrder, OrderError};
pub use proxy::{Direction, Fault, FaultyProxy};
pub use push::Push;
pub use scenario::{Scenario, ScenarioError, Step};
pub use sent::Sent;
pub use simulator::Simulator;
pub use switches::{ActiveUpdates, BalanceUpdates, FinalOrders, HistoryOnConnect, OrderIds, TradesOnConnect};
