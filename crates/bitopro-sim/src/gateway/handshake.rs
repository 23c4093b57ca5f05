//! The opening handshake of a WebSocket (RFC 6455, section 4.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::gateway::authentication::Rejection;
use crate::gateway::refusal;

/// Returns the accept key with which to answer a request, if the request is an opening handshake.
pub(crate) fn accept_key<B>(request: &Request<B>) -> Result<HeaderValue, Rejection> {
    let bad_request = |reason| Rejection::new(refusal::bad_request(), reason);
    let headers = request.headers();
    if request.version() != Version::HTTP_11 {
        return Err(bad_request("not HTTP/1.1"));
    }
    if headers.get_all(HOST).iter().count() != 1 {
        return Err(bad_request("no Host, or more than one"));
    }
    let is_upgrade = request.method() == Method::GET
        && contains(headers, UPGRADE, "websocket")
        && contains(headers, CONNECTION, "upgrade")
        && headers.contains_key(SEC_WEBSOCKET_VERSION);
    if !is_upgrade {
        return Err(bad_request("not a WebSocket upgrade"));
    }
    if !contains(headers, SEC_WEBSOCKET_VERSION, "13") {
        return Err(Rejection::new(refusal::unsupported_version(), "unsupported WebSocket version"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_valid = STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16);
    let accept_key = derive_accept_key(key).parse().ok().filter(|_| is_valid);
    accept_key.ok_or_else(|| bad_request("invalid Sec-WebSocket-Key"))
}

/// Returns whether a comma-separated header contains a token.
fn contains(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}
