//! The answers of an exchange that does not upgrade. Give one to
//! [`Simulator::refuse_next`](crate::Simulator::refuse_next), or make your own.
//!
//! The statuses are the documented ones, and an unknown path is answered as measured. The bodies are an
//! assumption: what the exchange says beside the status is not documented.

use std::time::Duration;

use bitopro_model::Timestamp;
use bitopro_transport::Refusal;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};

/// An unknown path: HTTP 200 and nothing else (measured).
pub const UNKNOWN_PATH: StatusCode = StatusCode::OK;
/// A request that is not a WebSocket upgrade, or whose payload lacks identity or nonce (documented as
/// "parameters mismatch").
pub const BAD_REQUEST: StatusCode = StatusCode::BAD_REQUEST;
/// A key, signature, identity or nonce that is not good (documented).
pub const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
/// A key without permission (documented).
pub const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
/// A client whose clock is off (documented).
pub const CLOCK_CONFLICT: StatusCode = StatusCode::CONFLICT;
/// More than 600 requests in a minute (documented).
pub const TOO_MANY_REQUESTS: StatusCode = StatusCode::TOO_MANY_REQUESTS;
/// The exchange has a fault (documented).
pub const BAD_GATEWAY: StatusCode = StatusCode::BAD_GATEWAY;

/// The answer to an unknown path: [`UNKNOWN_PATH`], with no body.
pub fn unknown_path() -> Refusal {
    Refusal::new(UNKNOWN_PATH)
}

/// [`BAD_REQUEST`].
pub fn bad_request() -> Refusal {
    with_error(BAD_REQUEST, "parameters mismatch")
}

/// [`UNAUTHORIZED`]. It does not say which part was not good.
pub fn unauthorized() -> Refusal {
    with_error(UNAUTHORIZED, "unauthorized api key")
}

/// [`FORBIDDEN`].
pub fn forbidden() -> Refusal {
    with_error(FORBIDDEN, "no permission")
}

/// [`CLOCK_CONFLICT`], with the server's time in its `Date`.
pub fn clock_conflict(server_time: Timestamp) -> Refusal {
    with_date(with_error(CLOCK_CONFLICT, "the client's clock is off"), server_time)
}

/// [`TOO_MANY_REQUESTS`], with `Retry-After` in whole seconds if it is given.
pub fn too_many_requests(retry_after: Option<Duration>) -> Refusal {
    let mut refusal = with_error(TOO_MANY_REQUESTS, "too many requests");
    if let Some(wait) = retry_after {
        refusal.headers.insert(RETRY_AFTER, wait.as_secs().into());
    }
    refusal
}

/// [`BAD_GATEWAY`], with a page for people, as a proxy in front of an exchange sends it.
pub fn bad_gateway() -> Refusal {
    let mut refusal = Refusal::new(BAD_GATEWAY);
    refusal.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    refusal.body = Bytes::from_static(b"<html><body><h1>502 Bad Gateway</h1></body></html>");
    refusal
}

/// The answer of this status: one of the above, or else one with no body.
pub(crate) fn of(status: StatusCode, server_time: Timestamp) -> Refusal {
    let refusal = match status {
        BAD_REQUEST => bad_request(),
        UNAUTHORIZED => unauthorized(),
        FORBIDDEN => forbidden(),
        CLOCK_CONFLICT => clock_conflict(server_time),
        TOO_MANY_REQUESTS => too_many_requests(None),
        BAD_GATEWAY => bad_gateway(),
        other => Refusal::new(other),
    };
    with_date(refusal, server_time)
}

/// Adds the `Date` header, which has the server's time to the second.
#[must_use]
pub fn with_date(mut refusal: Refusal, server_time: Timestamp) -> Refusal {
    if let Some((name, value)) = date(server_time) {
        refusal.headers.insert(name, value);
    }
    refusal
}

/// The `Date` header, or `None` for a time that HTTP cannot express.
pub(crate) fn date(now: Timestamp) -> Option<(HeaderName, HeaderValue)> {
    // `httpdate` panics outside of these years.
    const YEARS_1970_TO_9999_MS: std::ops::Range<i64> = 0..253_402_300_800_000;
    let time = Some(now).filter(|now| YEARS_1970_TO_9999_MS.contains(&now.as_millis()))?.to_system_time()?;
    Some((DATE, httpdate::fmt_http_date(time).parse().ok()?))
}

fn with_error(status: StatusCode, error: &'static str) -> Refusal {
    let mut refusal = Refusal::new(status);
    refusal.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    refusal.body = format!("{{\"error\":\"{error}\"}}").into();
    refusal
}
