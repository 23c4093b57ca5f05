//! Measures signing against the HMAC alone, with a key that is prepared once.
//!
//! Run it with `cargo bench -p bitopro-auth --bench sign`.
//!
//! | row | baseline | measured |
//! |---|---|---|
//! | `sign/dial` | HMAC-SHA384 of the same payload | `Signer::sign_identity`: nonce, payload, HMAC and headers |
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a failure ends the program")]
#![allow(clippy::disallowed_methods, reason = "measures durations")]

mod harness;

use bitopro_auth::{Credentials, Signer};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha384;

use harness::Table;

fn main() {
    let credentials = Credentials::new("api-key", "api-secret", "someone@example.com");
    let signer = Signer::new(credentials.expect("credentials"));
    let payload = signer.sign_identity(1_795_312_800_000).payload().to_owned();
    let key = Hmac::<Sha384>::new_from_slice(b"api-secret").expect("a key");
    Table::new().compare(
        "sign/dial",
        || {
            let mut mac = key.clone();
            mac.update(payload.as_bytes());
            mac.finalize().into_bytes()
        },
        || signer.sign_identity(1_795_312_800_000),
    );
}
