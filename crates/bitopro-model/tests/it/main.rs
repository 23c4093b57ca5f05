//! The model against the fixtures, against broken messages, and against random ones.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is tests, which fail by panicking"
)]

mod errors;
mod every_field;
mod fixtures;
mod json;
mod leniency;
mod properties;
