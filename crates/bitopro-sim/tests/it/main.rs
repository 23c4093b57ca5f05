//! The simulator seen by clients, over real sockets and in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod caller;
mod given_streams;
mod keepalive;
mod lifecycle;
mod listener;
mod proxy;
mod refusals;
mod replay;
mod scenario;
mod streams;
mod tls;
mod trading;
mod trouble;
