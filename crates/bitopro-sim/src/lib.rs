#![doc = include_str!("../README.md")]
#![allow(
    clippy::result_large_err,
    reason = "a refusal is made once for a dial, and its type is the transport's"
)]

mod books;
mod builder;
mod clock;
mod connector;
mod credentials;
mod datetime;
mod demo;
mod dial;
mod error;
mod exact;
mod exchange;
mod gate;
mod hub;
mod market;
mod outbox;
pub mod refusal;
mod server;
mod session;
mod simulator;
mod supervisor;
mod tls;

pub use books::Books;
pub use builder::SimulatorBuilder;
pub use clock::Clock;
pub use connector::SimConnector;
pub use credentials::SimCredentials;
pub use datetime::Datetimes;
pub use dial::Dial;
pub use error::{Error, ErrorKind};
pub use exchange::{BalanceUpdates, Exchange};
pub use gate::{BASE_PATH, NONCE_WINDOW, UpgradeRequest};
pub use simulator::Simulator;
