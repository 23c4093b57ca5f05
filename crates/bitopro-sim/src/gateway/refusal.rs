//! Refusals as the exchange sends them, for [`Simulator::refuse_next`](crate::Simulator::refuse_next).
//!
//! Most statuses are documented; each constant names the source of its status. The bodies are an assumption,
//! except for those of the two kinds of unknown paths, which were measured.

use std::time::Duration;

use bitopro_model::Timestamp;
use bitopro_transport::Refusal;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER, SEC_WEBSOCKET_VERSION};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;

/// The path is below `/ws/`, but unknown: HTTP 200 with an empty body (measured).
pub const UNKNOWN_PATH: StatusCode = StatusCode::OK;
/// The path is not below `/ws/` (measured on the exchange's REST interface).
pub const NOT_FOUND: StatusCode = StatusCode::NOT_FOUND;
/// The request is not a WebSocket upgrade, or its payload lacks the identity or nonce (documented as
/// "parameters mismatch").
pub const BAD_REQUEST: StatusCode = StatusCode::BAD_REQUEST;
/// The key, signature, identity or nonce is wrong (documented).
pub const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
/// The key has no permission (documented).
pub const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
/// The client's clock is wrong (documented).
pub const CLOCK_CONFLICT: StatusCode = StatusCode::CONFLICT;
/// The client sent more than 600 requests in a minute (documented).
pub const TOO_MANY_REQUESTS: StatusCode = StatusCode::TOO_MANY_REQUESTS;
/// The WebSocket version is not 13 (RFC 6455, section 4.2.2).
pub const UNSUPPORTED_VERSION: StatusCode = StatusCode::UPGRADE_REQUIRED;
/// The exchange has an internal error (documented).
pub const BAD_GATEWAY: StatusCode = StatusCode::BAD_GATEWAY;

/// Creates an [`UNKNOWN_PATH`] refusal, which has no body.
pub fn unknown_path() -> Refusal {
    Refusal::new(UNKNOWN_PATH)
}

/// Creates a [`NOT_FOUND`] refusal, with the body that was measured.
pub fn not_found() -> Refusal {
    with_message(NOT_FOUND, "404 NOT FOUND")
}

/// Creates a [`BAD_REQUEST`] refusal.
pub fn bad_request() -> Refusal {
    with_error(BAD_REQUEST, "parameters mismatch")
}

/// Creates an [`UNAUTHORIZED`] refusal, which does not say which part was wrong.
pub fn unauthorized() -> Refusal {
    with_error(UNAUTHORIZED, "unauthorized api key")
}

/// Creates a [`FORBIDDEN`] refusal.
pub fn forbidden() -> Refusal {
    with_error(FORBIDDEN, "no permission")
}

/// Creates a [`CLOCK_CONFLICT`] refusal with the exchange's time in its `Date` header.
pub fn clock_conflict(server_time: Timestamp) -> Refusal {
    with_date(with_error(CLOCK_CONFLICT, "the client's clock is off"), server_time)
}

/// Creates a [`TOO_MANY_REQUESTS`] refusal, with a `Retry-After` header in whole seconds if given.
pub fn too_many_requests(retry_after: Option<Duration>) -> Refusal {
    let mut refusal = with_error(TOO_MANY_REQUESTS, "too many requests");
    if let Some(wait) = retry_after {
        refusal.headers.insert(RETRY_AFTER, wait.as_secs().into());
    }
    refusal
}

/// Creates an [`UNSUPPORTED_VERSION`] refusal, which names version 13.
pub fn unsupported_version() -> Refusal {
    let mut refusal = with_error(UNSUPPORTED_VERSION, "unsupported WebSocket version");
    refusal.headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    refusal
}

/// Creates a [`BAD_GATEWAY`] refusal with an HTML page, as a proxy in front of the exchange would send it.
pub fn bad_gateway() -> Refusal {
    let mut refusal = Refusal::new(BAD_GATEWAY);
    refusal.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    refusal.body = Bytes::from_static(b"<html><body><h1>502 Bad Gateway</h1></body></html>");
    refusal
}

/// Creates a refusal with any status: one of the above, or one without a body.
pub(crate) fn with_status(status: StatusCode, server_time: Timestamp) -> Refusal {
    let refusal = match status {
        NOT_FOUND => not_found(),
        BAD_REQUEST => bad_request(),
        UNAUTHORIZED => unauthorized(),
        FORBIDDEN => forbidden(),
        CLOCK_CONFLICT => clock_conflict(server_time),
        TOO_MANY_REQUESTS => too_many_requests(None),
        UNSUPPORTED_VERSION => unsupported_version(),
        BAD_GATEWAY => bad_gateway(),
        other => Refusal::new(other),
    };
    with_date(refusal, server_time)
}

/// Sets the `Date` header to the exchange's time, in whole seconds.
#[must_use]
pub fn with_date(mut refusal: Refusal, server_time: Timestamp) -> Refusal {
    if let Some((name, value)) = date(server_time) {
        refusal.headers.insert(name, value);
    }
    refusal
}

/// Returns the `Date` header, or `None` for a time outside the years 1970 to 9999.
pub(crate) fn date(now: Timestamp) -> Option<(HeaderName, HeaderValue)> {
    // `httpdate` panics outside these years.
    const YEARS_1970_TO_9999_MS: std::ops::Range<i64> = 0..253_402_300_800_000;
    let time = Some(now).filter(|now| YEARS_1970_TO_9999_MS.contains(&now.as_millis()))?.to_system_time()?;
    Some((DATE, httpdate::fmt_http_date(time).parse().ok()?))
}

/// Creates a refusal with the words of the exchange.
pub(crate) fn with_error(status: StatusCode, error: &str) -> Refusal {
    with_json(status, json!({ "error": error }).to_string())
}

/// Creates a refusal of the exchange's web server, such as [`not_found`].
pub(crate) fn with_message(status: StatusCode, message: &str) -> Refusal {
    with_json(status, json!({ "message": message }).to_string() + "\n")
}

fn with_json(status: StatusCode, body: impl Into<Bytes>) -> Refusal {
    let mut refusal = Refusal::new(status);
    refusal.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    refusal.body = body.into();
    refusal
}
