//! Integration tests: requests are compared with snapshots, and replies are read from fixtures and from invalid
//! or random input.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod errors;
mod fixtures;
mod leniency;
mod paging;
mod requests;

use bitopro_auth::{Credentials, Signer};
use bytes::Bytes;
use http::Response;

/// 2026-11-22T02:00:00Z.
const NOW_MS: u64 = 1_795_312_800_000;

fn signer() -> Signer {
    Signer::new(Credentials::new("the-key", "the-secret", "me@example.com").unwrap())
}

fn response(status: u16, body: &str) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}
