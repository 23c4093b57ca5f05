use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::printable;

/// Maximum length of the message of an error, and of each of its causes, in characters. Only texts from outside
/// are longer.
const MAX_MESSAGE: usize = 2_000;

/// An error with a kind, a message and, if known, its cause.
///
/// Match on the [`kind`](Self::kind), never on the text. `Display` shows only the message; `{:#}` appends the
/// causes, each after a colon. Both are [`printable`] and of bounded length. [`source`](StdError::source) returns
/// the first cause. The client and the simulator use this type with their own kinds.
///
/// # Examples
///
/// ```
/// use bitopro_transport::{Error, ErrorKind};
///
/// fn advice(error: &Error) -> &'static str {
///     match error.kind() {
///         ErrorKind::Setup => "correct the configuration of this machine",
///         kind if kind.is_network() => "try again later",
///         _ => "correct the request",
///     }
/// }
///
/// let cause = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let error = Error::new(ErrorKind::Connect, "cannot connect to stream.example:443").with_source(cause);
/// assert_eq!(error.to_string(), "cannot connect to stream.example:443");
/// assert_eq!(format!("{error:#}"), "cannot connect to stream.example:443: connection refused");
/// assert_eq!(advice(&error), "try again later");
/// ```
#[derive(Clone)]
pub struct Error<K = ErrorKind> {
    kind: K,
    message: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl<K> Error<K> {
    /// Creates an error from a kind and a human-readable message.
    pub fn new(kind: K, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Sets the cause, replacing any previous one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }
}

#[cfg(feature = "hyper")]
impl<K> Error<K> {
    /// Appends advice to the message.
    pub(crate) fn with_advice(mut self, advice: &str) -> Self {
        self.message = format!("{}; {advice}", self.message).into();
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
    /// Creates an error of kind [`ErrorKind::Refused`] whose cause is the refusal.
    ///
    /// Do not call [`with_source`](Self::with_source) on it, which would replace the refusal.
    ///
    /// # Examples
    ///
    /// ```
    /// use bitopro_transport::{Error, ErrorKind, Refusal};
    /// use http::StatusCode;
    ///
    /// let error = Error::refused(Refusal::new(StatusCode::TOO_MANY_REQUESTS));
    /// assert_eq!(error.kind(), ErrorKind::Refused);
    /// assert_eq!(error.refusal().map(|refusal| refusal.status.as_u16()), Some(429));
    /// assert_eq!(format!("{error:#}"), "the server refused the upgrade: HTTP 429 Too Many Requests");
    /// ```
    pub fn refused(refusal: Refusal) -> Self {
        Self::new(ErrorKind::Refused, "the server refused the upgrade").with_source(refusal)
    }

    /// Returns the server's response if the kind is [`ErrorKind::Refused`].
    pub fn refusal(&self) -> Option<&Refusal> {
        self.source().filter(|_| self.kind == ErrorKind::Refused)?.downcast_ref()
    }
}

/// Compares the kind and the message, but not the cause.
impl<K: PartialEq> PartialEq for Error<K> {
    fn eq(&self, other: &Self) -> bool {
        (&self.kind, &self.message) == (&other.kind, &other.message)
    }
}

impl<K: Eq> Eq for Error<K> {}

impl<K> fmt::Display for Error<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.message, MAX_MESSAGE))?;
        let mut last = self.message.to_string();
        let mut cause =
            self.source.as_deref().map(|source| source as &dyn StdError).filter(|_| f.alternate());
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries repeat their cause in their own text.
            if !last.ends_with(&text) {
                write!(f, ": {}", printable(&text, MAX_MESSAGE))?;
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

/// The kind of an error of a dial, a connection or an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is invalid, such as a URL with an unsupported scheme, or an invalid header.
    InvalidRequest,
    /// The URL is `ws://` or `http://` to another machine. Signed headers are never sent unencrypted.
    InsecureUrl,
    /// This machine is not set up for the dial: its CA certificates are missing, or its environment names an
    /// unusable proxy. Retrying does not help.
    Setup,
    /// The name could not be resolved, or none of its IP addresses could be reached.
    Connect,
    /// The proxy could not be reached, rejected the request, or closed the connection before it had connected
    /// to the server. Its response is never a [`refusal`](Error::refusal), because the server has not seen the
    /// request.
    Proxy,
    /// The TLS handshake failed for a reason other than the server's certificate.
    Tls,
    /// The server's certificate was rejected: it is expired, not yet valid, for another host, or issued by an
    /// unknown authority.
    Certificate,
    /// The server answered the upgrade request with a status other than 101. See [`Error::refusal`].
    Refused,
    /// The server's response to the upgrade request is too large, or is not HTTP or a valid WebSocket
    /// handshake.
    Handshake,
    /// The deadline of the dial or of the HTTP request passed.
    TimedOut,
    /// The connection ended without a close frame, or before an HTTP response was complete.
    Disconnected,
    /// The server violated the WebSocket protocol or HTTP.
    Protocol,
    /// A message, a frame, the unsent data or an HTTP response exceeds its limit.
    TooLarge,
}

impl ErrorKind {
    /// Returns whether the network or the server failed before the server accepted or refused the request.
    ///
    /// Another URL, or the same one later, may succeed. This does not apply to an HTTP request: if it fails with
    /// [`TimedOut`](Self::TimedOut) or [`Disconnected`](Self::Disconnected), the server may have processed it.
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

/// A response to the upgrade request with a status other than 101.
///
/// `Debug` shows only the names of the headers and the length of the body, because a server may echo secrets
/// of the request.
#[derive(Clone)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status. The exchange answers an unknown path with 200 and an empty body.
    pub status: StatusCode,
    /// The headers, such as `Retry-After` and `Date`.
    pub headers: HeaderMap,
    /// The beginning of the body, at most [`Refusal::BODY_LIMIT`] bytes.
    pub body: Bytes,
}

impl Refusal {
    /// Maximum number of bytes of the body that are read.
    pub const BODY_LIMIT: usize = 1024;

    /// Creates a refusal without headers or a body.
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
    fn debug_of_a_refusal_hides_values_that_the_server_may_have_echoed() {
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
    fn the_alternate_form_appends_each_cause_once() {
        let io = std::io::Error::other(Error::new(ErrorKind::Connect, "connection refused"));
        let error = Error::new(ErrorKind::Connect, "no connection").with_source(io);
        assert_eq!(format!("{error}"), "no connection");
        assert_eq!(format!("{error:#}"), "no connection: connection refused");
        let error = Error::new(ErrorKind::Setup, "not set up").with_source(error);
        assert_eq!(format!("{error:#}"), "not set up: no connection: connection refused");
    }

    #[test]
    fn fault_57_a_hostile_message_or_cause_is_printable_and_bounded() {
        let hostile = format!("\u{1b}[2J\u{202e}\n{}", "x".repeat(1 << 20));
        let error = Error::new(ErrorKind::Tls, hostile.clone()).with_source(hostile);
        let shown = format!("{error:#}");
        assert_eq!(shown.matches("\\u{1b}[2J\\u{202e}\\nxxx").count(), 1, "{shown}");
        let error = Error::new(ErrorKind::Tls, "failed").with_source(error);
        let shown = format!("{error} {error:#}");
        assert!(shown.starts_with("failed failed: \\u{1b}[2J\\u{202e}\\nxxx"), "{shown:.100}");
        assert!(!shown.contains(char::is_control) && shown.len() < 5_000, "{shown:.100}");
    }

    #[test]
    fn only_errors_of_kind_refused_return_a_refusal() {
        let refusal = || Refusal::new(StatusCode::BAD_GATEWAY);
        assert!(Error::refused(refusal()).refusal().is_some());
        assert!(Error::new(ErrorKind::Proxy, "no tunnel").with_source(refusal()).refusal().is_none());
    }
}
