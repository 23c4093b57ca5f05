//! The client on tokio: over the memory transport with paused time, and over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod account;
mod backfill;
mod convergence;
mod driver;
mod faults;
mod interface;
mod log;
mod market;
mod network;
mod oracle;
mod orders;
mod replay;
mod rest_api;
#[path = "../../src/samples.rs"]
mod samples;
mod sessions;
mod simulated;
mod simulator;
mod soak;
mod stats;
mod trades;
mod trading;
