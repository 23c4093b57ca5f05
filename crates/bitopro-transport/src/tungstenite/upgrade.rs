//! The WebSocket handshake of RFC 6455, section 4, performed by hyper's HTTP/1 client.

use std::error::Error as _;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY};
use http::header::{SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::debug;

use crate::dial::deadline::Deadline;
use crate::dial::switch::switch_protocols;
use crate::{Error, ErrorKind, Refusal, Request};

/// Upgrades a byte stream, and returns it with the bytes that were already read after the handshake.
pub(super) async fn upgrade<S>(stream: S, request: &Request, deadline: Deadline) -> Result<(S, Bytes), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let key = generate_key();
    let http_request = http_request(request, &key)?;
    switch_protocols(stream, http_request, "upgrade request", deadline, async |response| {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            check_handshake(response.headers(), &key)?;
            debug!("upgrade accepted");
            Ok(())
        } else {
            debug!(status = response.status().as_u16(), "upgrade refused");
            Err(Error::refused(read_refusal(response, deadline).await))
        }
    })
    .await
    .map_err(|error| {
        let is_http = error.source().is_none_or(|cause| !cause.is::<hyper::Error>());
        if is_encrypted(request.url()) || is_http {
            error
        } else {
            error.with_advice("if this port expects TLS, use `wss://`")
        }
    })
}

fn http_request(request: &Request, key: &str) -> Result<http::Request<Empty<Bytes>>, Error> {
    let invalid = |error: http::Error| {
        Error::new(ErrorKind::InvalidRequest, "invalid upgrade request").with_source(error)
    };
    let target = request.url().path_and_query().map_or("/", PathAndQuery::as_str);
    let mut http_request = http::Request::get(target)
        .header(HOST, host(request.url()))
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, key)
        .body(Empty::new())
        .map_err(invalid)?;
    for (name, value) in request.headers() {
        http_request.headers_mut().append(name, value.clone());
    }
    Ok(http_request)
}

/// Returns the value of `Host`, which omits the default port of the scheme.
fn host(url: &Uri) -> String {
    let host = url.host().unwrap_or_default();
    let default_port = if is_encrypted(url) { 443 } else { 80 };
    match url.port_u16().filter(|port| *port != default_port) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn is_encrypted(url: &Uri) -> bool {
    url.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("wss"))
}

/// Checks the headers of a 101 response as RFC 6455, section 4.1, requires of a client.
fn check_handshake(headers: &HeaderMap, key: &str) -> Result<(), Error> {
    let accept = derive_accept_key(key.as_bytes());
    let problem = if !has_token(headers, UPGRADE, "websocket") {
        "`Upgrade` does not contain `websocket`"
    } else if !has_token(headers, CONNECTION, "upgrade") {
        "`Connection` does not contain `upgrade`"
    } else if headers.get(SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value != accept.as_str()) {
        "`Sec-WebSocket-Accept` does not match the request's key"
    } else if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        "the server selected an extension that was not offered"
    } else if headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        "the server selected a subprotocol that was not requested"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Handshake, format!("invalid handshake response: {problem}")))
}

/// Returns whether a list header, in one line or several, contains this token.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Reads a refusal. Its body is truncated at the limit or at the deadline.
async fn read_refusal(response: Response<Incoming>, deadline: Deadline) -> Refusal {
    let (head, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    while body.len() < Refusal::BODY_LIMIT {
        let Some(Some(Ok(frame))) = deadline.timeout(incoming.frame()).await else { break };
        if let Some(data) = frame.data_ref() {
            body.extend_from_slice(data);
        }
    }
    body.truncate(Refusal::BODY_LIMIT);
    Refusal { status: head.status, headers: head.headers, body: body.freeze() }
}

#[cfg(test)]
mod tests;
