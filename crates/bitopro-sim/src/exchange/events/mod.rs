//! The messages that the exchange sends.

mod datetime;
mod envelope;
mod numeric_ids;
pub(crate) mod publisher;
pub(crate) mod push;
