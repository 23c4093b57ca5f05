//! Integration tests: the model is run against fixtures, invalid messages and random messages.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod errors;
mod every_field;
mod fixtures;
mod json;
mod leniency;
mod order_book;
mod predicted;
mod properties;
mod without_pair;
