//! Tests of the simulator from a client's side, over real sockets and in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod accounts;
mod byte_streams;
mod connection_commands;
mod harness;
mod keepalive;
mod lifecycle;
mod log;
mod matching;
mod proxy;
mod public_streams;
mod refusals;
mod replay;
mod replica;
mod rest;
mod scenario;
mod streams;
mod tls;
mod trading;
