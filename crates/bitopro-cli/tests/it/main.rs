//! Runs the real binary as a user would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod check;
mod control;
#[cfg(unix)]
mod credentials;
mod decode;
#[cfg(unix)]
mod faults;
mod generate;
mod help;
mod hostile;
mod http_client;
mod limits;
#[cfg(unix)]
mod live_view;
mod metrics;
mod order;
#[cfg(unix)]
mod pipes;
mod process;
mod proxies;
mod query;
mod record;
mod schema;
mod secrets;
#[cfg(unix)]
mod service;
mod sign;
mod sim;
#[cfg(unix)]
mod stopping;
mod streams;
mod watch;
