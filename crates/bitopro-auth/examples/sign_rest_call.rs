//! Signs two calls of the REST API, for use with any HTTP client.
//!
//! Prints the headers of `GET /v3/accounts/balance`, which signs the email address and a nonce, and of
//! `POST /v3/orders/btc_twd`, which signs the body.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program prints and reads the clock")]

use std::time::{SystemTime, UNIX_EPOCH};

use bitopro_auth::{Credentials, Signer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
    let now_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    for (name, value) in headers(credentials, now_ms) {
        println!("{name}: {value}");
    }
    Ok(())
}

/// Returns the headers of both calls.
fn headers(credentials: Credentials, now_ms: u64) -> Vec<(&'static str, String)> {
    // Keep one signer per API key: its nonces must increase over all calls.
    let signer = Signer::new(credentials);
    let get = signer.sign_identity(now_ms);
    // Send exactly these bytes as the body of the request.
    let body = format!(
        r#"{{"action":"BUY","amount":"0.01","price":"2600000","type":"LIMIT","timestamp":{now_ms}}}"#
    );
    let post = signer.sign_body(body.as_bytes());
    get.iter().chain(post.iter()).map(|(name, value)| (name, value.to_owned())).collect()
}

#[test]
fn both_calls_have_three_headers_whose_signatures_verify() {
    use bitopro_auth::Payload;

    let credentials = Credentials::new("api-key", "api-secret", "me@example.com").expect("valid credentials");
    let headers = headers(credentials.clone(), 1_700_000_000_000);
    assert_eq!(headers.len(), 6);
    for call in headers.chunks(3) {
        let [(_, key), (_, payload), (_, signature)] = call else { panic!("three headers: {call:?}") };
        assert_eq!(key, "api-key");
        assert_eq!(credentials.verify(&Payload::received(payload), signature), Ok(()));
    }
}
