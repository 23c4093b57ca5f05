//! The WebSocket handshake of RFC 6455, section 4, by hyper's HTTP/1 client.

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

use super::deadline::Deadline;
use super::switch::switch;
use crate::{Error, ErrorKind, Refusal, Request};

/// Upgrades a byte stream, and gives it back with the bytes that were read beyond the handshake.
pub(super) async fn upgrade<S>(stream: S, request: &Request, deadline: Deadline) -> Result<(S, Bytes), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let key = generate_key();
    let asking = http_request(request, &key)?;
    switch(stream, asking, "upgrade request", deadline, async |response| {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            check(response.headers(), &key)
        } else {
            Err(Error::refused(refusal(response, deadline).await))
        }
    })
    .await
}

fn http_request(request: &Request, key: &str) -> Result<http::Request<Empty<Bytes>>, Error> {
    let invalid = |error: http::Error| {
        Error::new(ErrorKind::InvalidRequest, "the upgrade request cannot be written").with_source(error)
    };
    let target = request.url().path_and_query().map_or("/", PathAndQuery::as_str);
    let mut asking = http::Request::get(target)
        .header(HOST, host(request.url()))
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, key)
        .body(Empty::new())
        .map_err(invalid)?;
    for (name, value) in request.headers() {
        asking.headers_mut().append(name, value.clone());
    }
    Ok(asking)
}

/// Returns the value of `Host`: the port only where it is not the scheme's own.
fn host(url: &Uri) -> String {
    let host = url.host().unwrap_or_default();
    let own =
        if url.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("wss")) { 443 } else { 80 };
    match url.port_u16().filter(|port| *port != own) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Whether a 101 completes our handshake, as section 4.1 of the RFC demands of a client.
fn check(headers: &HeaderMap, key: &str) -> Result<(), Error> {
    let accept = derive_accept_key(key.as_bytes());
    let fault = if !names(headers, UPGRADE, "websocket") {
        "it does not upgrade to a WebSocket"
    } else if !names(headers, CONNECTION, "upgrade") {
        "its `Connection` does not say `upgrade`"
    } else if headers.get(SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value != accept.as_str()) {
        "its accept key does not belong to our request"
    } else if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        "it uses an extension that was not offered"
    } else if headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        "it speaks a subprotocol that was not asked for"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Handshake, format!("the server's handshake is wrong: {fault}")))
}

/// Whether a header, a list in one line or in several, has this token.
fn names(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// The refusal, with as much of its body as fits the limit and arrives in time.
async fn refusal(response: Response<Incoming>, deadline: Deadline) -> Refusal {
    let (head, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    while body.len() < Refusal::BODY_LIMIT {
        let Some(Some(Ok(frame))) = deadline.cut(incoming.frame()).await else { break };
        if let Some(data) = frame.data_ref() {
            body.extend_from_slice(data);
        }
    }
    body.truncate(Refusal::BODY_LIMIT);
    Refusal { status: head.status, headers: head.headers, body: body.freeze() }
}

#[cfg(test)]
mod tests;
