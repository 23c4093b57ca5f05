//! Runs the real binary as a user would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod decode;
#[cfg(unix)]
mod faults;
mod help;
mod limits;
#[cfg(unix)]
mod pipes;
mod process;
mod proxies;
mod record;
mod schema;
mod secrets;
mod sign;
mod sim;
mod streams;
mod watch;
