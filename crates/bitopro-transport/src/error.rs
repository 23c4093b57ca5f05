use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// An error of a certain kind. Decide by the [`kind`](Self::kind), never by the text.
///
/// `Display` describes this level only, and says what to do if there is something to do; `{:#}` adds the causes, each
/// after a colon, and [`source`](StdError::source) returns the first of them. The client and the simulator use this type
/// with their own kinds.
#[derive(Clone)]
pub struct Error<K = ErrorKind> {
    kind: K,
    message: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl<K> Error<K> {
    /// Creates an error of this kind with a message for a person.
    pub fn new(kind: K, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }
}

impl<K: Copy> Error<K> {
    /// Returns the kind.
    pub fn kind(&self) -> K {
        self.kind
    }
}

impl Error {
    /// Creates the error of an upgrade that the server refused. Its cause is the refusal, which
    /// [`with_source`](Self::with_source) would replace.
    pub fn refused(refusal: Refusal) -> Self {
        Self::new(ErrorKind::Refused, "the server refused the upgrade").with_source(refusal)
    }

    /// Returns the server's answer, for [`ErrorKind::Refused`].
    pub fn refusal(&self) -> Option<&Refusal> {
        self.source().filter(|_| self.kind == ErrorKind::Refused)?.downcast_ref()
    }
}

/// Compares kinds and messages, but not the causes.
impl<K: PartialEq> PartialEq for Error<K> {
    fn eq(&self, other: &Self) -> bool {
        (&self.kind, &self.message) == (&other.kind, &other.message)
    }
}

impl<K: Eq> Eq for Error<K> {}

impl<K> fmt::Display for Error<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut last = self.message.to_string();
        let mut cause =
            self.source.as_deref().map(|source| source as &dyn StdError).filter(|_| f.alternate());
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries repeat their cause in their own text.
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            (last, cause) = (text, error.source());
        }
        Ok(())
    }
}

impl<K: fmt::Debug> fmt::Debug for Error<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl<K: fmt::Debug> StdError for Error<K> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The kinds of errors of a dial or a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself cannot be made: a URL that is not `ws` or `wss`, a header that cannot be sent.
    InvalidRequest,
    /// A `ws://` URL to another machine: signed headers are never sent in clear text.
    InsecureUrl,
    /// What a dial needs is missing on this machine, such as the platform's CA certificates, or its environment
    /// names a proxy that cannot be used. No retry fixes it.
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

impl ErrorKind {
    /// Returns whether the network or the server failed before any decision about the request: another address may do
    /// better, or the same one later.
    pub const fn is_network(self) -> bool {
        match self {
            Self::Connect
            | Self::Proxy
            | Self::Tls
            | Self::Certificate
            | Self::Handshake
            | Self::TimedOut
            | Self::Disconnected => true,
            Self::InvalidRequest
            | Self::InsecureUrl
            | Self::Setup
            | Self::Refused
            | Self::Protocol
            | Self::TooLarge => false,
        }
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

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)
    }
}

impl StdError for Refusal {}

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
    use bytes::Bytes;
    use http::StatusCode;

    use super::{Error, ErrorKind, Refusal};

    #[test]
    fn debug_of_a_refusal_shows_nothing_that_the_server_may_have_echoed() {
        let mut refusal = Refusal::new(StatusCode::UNAUTHORIZED);
        refusal.headers.insert("x-echo", "s3cret".parse().unwrap());
        refusal.body = Bytes::from_static(b"s3cret");
        assert_eq!(
            format!("{:?}", Error::refused(refusal)),
            "Error { kind: Refused, message: \"the server refused the upgrade\", source: Some(Refusal { status: 401, \
             headers: [\"x-echo\"], body: 6 bytes }) }"
        );
    }

    #[test]
    fn the_alternate_form_adds_the_causes_and_repeats_none() {
        let io = std::io::Error::other(Error::new(ErrorKind::Connect, "connection refused"));
        let error = Error::new(ErrorKind::Connect, "no connection").with_source(io);
        assert_eq!(format!("{error}"), "no connection");
        assert_eq!(format!("{error:#}"), "no connection: connection refused");
        let error = Error::new(ErrorKind::Setup, "not set up").with_source(error);
        assert_eq!(format!("{error:#}"), "not set up: no connection: connection refused");
    }

    #[test]
    fn only_a_refused_upgrade_has_a_refusal() {
        let refusal = || Refusal::new(StatusCode::BAD_GATEWAY);
        assert!(Error::refused(refusal()).refusal().is_some());
        assert!(Error::new(ErrorKind::Proxy, "no tunnel").with_source(refusal()).refusal().is_none());
    }
}
