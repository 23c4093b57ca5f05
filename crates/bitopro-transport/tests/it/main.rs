//! The contract tests of every implementation, and tests that need real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod faults;
mod http;
mod memory;
mod proxies;
mod raw;
mod recording;
mod secrets;
mod sockets;
mod splits;
mod tls;
mod upgrades;
