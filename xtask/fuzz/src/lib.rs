//! The fuzz targets: functions that accept any bytes and panic if a guarantee is violated. They are also
//! compiled into the tests of xtask, which run them on the fixtures and on inputs that once failed.

pub mod decode;
pub mod rest;
#[path = "../../../crates/bitopro-client/src/samples.rs"]
mod samples;
pub mod session;
pub mod upgrade;
