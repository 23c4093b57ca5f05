//! Classifies responses that are not a success.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::RETRY_AFTER;
use serde::Deserialize;

use crate::{Endpoint, Error, ErrorKind};

/// Words of the exchange that refine the kind of a rejection, all of which must occur. They are not
/// documented, so they only refine what the status alone says, and an unknown text is a plain rejection.
const REFINEMENTS: &[(&[&str], ErrorKind)] = &[
    (&["unsupported trading pair"], ErrorKind::UnknownPair),
    (&["less than min"], ErrorKind::BelowMinimum),
    (&["decimal limit"], ErrorKind::TooManyDecimals),
    (&["balance for", "not enough"], ErrorKind::NotEnoughBalance),
    (&["invalid signature"], ErrorKind::Unauthorized),
    (&["api token is not allowed"], ErrorKind::Forbidden),
];

/// Returns the error of a response whose status is not a success.
pub(crate) fn refusal(endpoint: Endpoint, response: &Response<Bytes>) -> Error {
    let status = response.status();
    let body = String::from_utf8_lossy(response.body());
    let words = words(&body);
    let from_exchange = body.trim().is_empty() || is_json(&body);
    let kind = match status.as_u16() {
        408 | 500..=599 => ErrorKind::Unavailable,
        409 => ErrorKind::NonceConflict,
        429 => ErrorKind::RateLimited,
        _ if !from_exchange => ErrorKind::Gateway,
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        400..=499 => refined(&words),
        _ => ErrorKind::Gateway,
    };
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Error::new(kind, endpoint)
        .with_status(status)
        .with_words(&words)
        .with_retry_after(retry_after.map(Duration::from_secs))
}

fn refined(words: &str) -> ErrorKind {
    let words = words.to_ascii_lowercase();
    let matching = REFINEMENTS.iter().find(|(all, _)| all.iter().all(|part| words.contains(part)));
    matching.map_or(ErrorKind::Rejected, |(_, kind)| *kind)
}

/// Returns the text that the exchange has written for people, or else the body.
fn words(body: &str) -> String {
    #[derive(Deserialize)]
    struct Words {
        error: Option<String>,
        message: Option<String>,
    }

    let read: Option<Words> = serde_json::from_str(body).ok();
    read.and_then(|words| words.error.or(words.message)).unwrap_or_else(|| body.trim().to_owned())
}

/// Returns whether a body looks like JSON, even if it is truncated. A web page does not.
pub(crate) fn is_json(body: &str) -> bool {
    body.trim_start().starts_with(['{', '[', '"']) || matches!(body.trim(), "null" | "true" | "false")
}
