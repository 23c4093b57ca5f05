use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// What went wrong with a dial or a connection.
///
/// `Display` says what happened in one sentence; `source` says what lay beneath it.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    refusal: Option<Refusal>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`]. Decide by these, never by the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself cannot be made: a URL that is not `ws` or `wss`, a header that cannot be sent.
    InvalidRequest,
    /// A `ws://` URL to another machine: signed headers are never sent in clear text.
    InsecureUrl,
    /// What a dial needs is missing on this machine, such as the platform's CA certificates, or its environment
    /// names a proxy that cannot be used: nothing that a retry mends.
    Setup,
    /// The name could not be resolved, or no address answered.
    Connect,
    /// The proxy could not be reached, refused, or broke off before it had connected to the server. What it
    /// answers is never a [`refusal`](Error::refusal): the server has not seen the request.
    Proxy,
    /// TLS could not be set up, for a reason other than the server's certificate.
    Tls,
    /// The server's certificate is not acceptable: expired, for another host, by an unknown authority.
    Certificate,
    /// The server answered the upgrade with something other than 101: see [`Error::refusal`].
    Refused,
    /// The server's answer to the upgrade is not HTTP, too large, or not a valid WebSocket handshake.
    Handshake,
    /// The deadline of the dial passed.
    TimedOut,
    /// The connection ended without a close frame.
    Disconnected,
    /// The server broke the rules of WebSocket.
    Protocol,
    /// A message or a frame was larger than the limit.
    TooLarge,
}

impl Error {
    /// An error of this kind; the message is a sentence for a person.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), refusal: None, source: None }))
    }

    /// Adds what lay beneath it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// An upgrade that the server refused.
    pub fn refused(refusal: Refusal) -> Self {
        let mut error =
            Self::new(ErrorKind::Refused, format!("the server refused the upgrade: HTTP {}", refusal.status));
        error.0.refusal = Some(refusal);
        error
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The server's answer, for [`ErrorKind::Refused`].
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal.as_ref()
    }

    /// Whether the network or the server failed before any decision about the request: another
    /// address may do better, or the same one later.
    pub fn is_network(&self) -> bool {
        match self.kind() {
            ErrorKind::Connect
            | ErrorKind::Proxy
            | ErrorKind::Tls
            | ErrorKind::Certificate
            | ErrorKind::Handshake
            | ErrorKind::TimedOut
            | ErrorKind::Disconnected => true,
            ErrorKind::InvalidRequest
            | ErrorKind::InsecureUrl
            | ErrorKind::Setup
            | ErrorKind::Refused
            | ErrorKind::Protocol
            | ErrorKind::TooLarge => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("refusal", &self.0.refusal)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// An upgrade answered with something other than 101.
///
/// `Debug` shows the names of the headers and the length of the body: a server may echo what was sent to it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status. The exchange answers an unknown path with 200 and nothing else.
    pub status: StatusCode,
    /// The headers: `Retry-After` and `Date` among them.
    pub headers: HeaderMap,
    /// The beginning of the body, at most [`Refusal::BODY_LIMIT`] bytes.
    pub body: Bytes,
}

impl Refusal {
    /// How much of a refusal's body is read.
    pub const BODY_LIMIT: usize = 1024;

    /// A refusal with this status, no headers and no body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("status", &self.status)
            .field("headers", &self.headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_refusal_shows_nothing_that_the_server_may_have_echoed() {
        let mut refusal = Refusal::new(StatusCode::UNAUTHORIZED);
        refusal.headers.insert("x-echo", "s3cret".parse().unwrap());
        refusal.body = Bytes::from_static(b"s3cret");
        assert_eq!(
            format!("{:?}", Error::refused(refusal)),
            "Error { kind: Refused, message: \"the server refused the upgrade: HTTP 401 Unauthorized\", refusal: \
             Some(Refusal { status: 401, headers: [\"x-echo\"], body: 6 bytes }), source: None }"
        );
    }
}
