#![doc = include_str!("../README.md")]

mod account;
mod answer;
mod backoff;
mod builder;
mod changes;
mod client;
mod dialer;
mod driver;
mod endpoints;
mod environment;
mod error;
mod item;
mod mailbox;
mod outside;
mod refusal;
pub mod session;
mod settings;
mod shared;
mod state;
mod subscription;
mod suspend;

pub use bitopro_auth as auth;
pub use bitopro_model as model;
pub use bitopro_transport as transport;

pub use account::{AccountItem, AccountReader, AccountSubscription, CurrentAccount, Unaccounted};
pub use bitopro_auth::{Credentials, Signer};
pub use builder::{BuildError, ClientBuilder};
pub use changes::{BalanceChange, Change, Changes, OrderChange};
pub use client::Client;
pub use dialer::DialLimiter;
pub use endpoints::{DOCUMENTED_ENDPOINT, SEED_ENDPOINT};
pub use environment::{
    API_KEY_VARIABLE, API_SECRET_VARIABLE, EMAIL_VARIABLE, EnvironmentError, credentials_from_env,
};
pub use error::{Error, ErrorKind};
pub use item::{
    Closed, Connected, Disconnected, Edge, Gap, GapReason, Item, Malformed, MalformedReason, Refusals,
};
pub use outside::WallClock;
pub use refusal::{Verdict, classify};
pub use settings::{OrderUpdates, Settings};
pub use state::{BalanceBook, Current, Followed, OpenOrders, OrderHistory, RecentTrades, StreamState};
pub use subscription::{Reader, Subscription};

/// The project's README, whose Rust is compiled with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ProjectReadme;
