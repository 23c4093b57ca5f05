//! What is fuzzed: functions that take any bytes and panic where a promise is broken. They are also compiled into the
//! tests of xtask, which give them the fixtures and what was once found.

pub mod decode;
#[path = "../../../crates/bitopro-client/src/samples.rs"]
mod samples;
pub mod session;
pub mod upgrade;
