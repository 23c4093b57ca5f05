#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod account;
mod backfill;
mod builder;
mod client;
mod endpoints;
pub mod engine;
mod environment;
mod error;
mod item;
mod market;
#[cfg(feature = "serde")]
mod ndjson;
mod orders;
mod public_client;
mod queue;
mod redaction;
mod refusal;
mod refusal_text;
mod rest_api;
mod runtime;
#[cfg(test)]
mod samples;
mod settings;
mod stats;
mod system;

pub use bitopro_auth as auth;
pub use bitopro_model as model;
pub use bitopro_rest as rest;
pub use bitopro_transport as transport;

pub use account::{
    BalanceChange, BalanceMap, Change, Changes, ClosedOrders, Current, CurrentAccount, MissingFills,
    OpenOrders, OrderChange, RecentTrades, StateIter, StreamState,
};
pub use backfill::{Backfill, Backfilled, IncompleteReason, RecoveredTrade};
pub use bitopro_auth::{Credentials, Signer};
pub use builder::{BuildError, ClientBuilder, NoCredentials};
pub use client::Client;
pub use endpoints::{DOCUMENTED_ENDPOINT, FALLBACK_ENDPOINT};
pub use engine::DialLimiter;
pub use environment::{
    API_KEY_VARIABLE, API_SECRET_VARIABLE, EMAIL_VARIABLE, EnvironmentError, REST_URL_VARIABLE,
    WS_URL_VARIABLE, credentials_from_env, credentials_from_lines,
};
pub use error::{Error, ErrorKind};
pub use item::{
    AccountItem, Closed, Connected, Disconnected, Edge, Gap, GapReason, Item, Malformed, MalformedReason,
    MarketItem, Refusals, StreamItem,
};
pub use market::{BookPair, CurrentMarket, CurrentPairs, PairsError};
#[cfg(feature = "serde")]
pub use ndjson::Heartbeat;
pub use orders::{
    AcceptedOrder, BrokenRule, OrderError, OrderErrorKind, OrderRule, Outcome, Resolution, Settled,
    UnknownPlacement, Unresolved, broken_rules,
};
pub use public_client::PublicClient;
pub use rest_api::{LimitUsage, RequestLimiter, Rest, RestError, RestErrorKind};
pub use runtime::{Account, Market, Reader, Subscription, Topic};
pub use settings::OrderUpdates;
use settings::Settings;
pub use stats::{Counters, Metric, MetricKind, MetricValue, RestStats, Stats, StreamStats};
pub use system::WallClock;

/// The project's README, whose Rust code is compiled with the doctests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ProjectReadme;
