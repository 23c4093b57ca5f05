use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bitopro_transport as transport;

use crate::Verdict;

/// Why a connection ended or could not be made.
///
/// `Display` says what happened and what to do about it; `source` says what lay beneath. Decide by
/// [`kind`](Self::kind), never by the text.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The exchange does not accept the API key or the signature (401).
    Unauthorized,
    /// The API key lacks the permission (403).
    Forbidden,
    /// The endpoint does not know the stream's path (404, or 200 with no body).
    WrongPath,
    /// The exchange does not understand the request (400, 422).
    BadRequest,
    /// The machine's clock is too far from the exchange's (409).
    ClockSkew {
        /// How far the exchange's clock is ahead of the machine's, in milliseconds, if it told.
        ahead_ms: Option<i64>,
    },
    /// The exchange was asked too often (429).
    RateLimited {
        /// How long the exchange asked to wait.
        retry_after: Option<Duration>,
    },
    /// The exchange cannot answer now (408, 5xx).
    Unavailable {
        /// How long the exchange asked to wait.
        retry_after: Option<Duration>,
    },
    /// The endpoint redirects, which is never followed (3xx).
    Redirected,
    /// The endpoint refused in a way that is not documented.
    Refused,
    /// The network failed, or the proxy: no connection, no answer in time, or an end without a close.
    Network,
    /// The server's certificate is not acceptable.
    Certificate,
    /// Nothing can be dialled from here: no certificates to trust could be loaded, say, or the environment names
    /// a proxy that cannot be used.
    Setup,
    /// The URL cannot be dialled: not a WebSocket's, or clear text to another machine.
    InvalidUrl,
    /// The other side broke the rules of WebSocket, or sent more than the limits allow.
    Protocol,
    /// The exchange closed the connection.
    ClosedByServer {
        /// The close code, if one was given.
        code: Option<u16>,
    },
    /// No frame of any kind came within the idle limit.
    Idle,
    /// The first data message did not come in time, or could not be read.
    NoSnapshot,
    /// The subscriber asked for a fresh snapshot.
    Resync,
    /// The runtime was shut down under the stream.
    Stopped,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: None }))
    }

    fn with_source(kind: ErrorKind, message: impl Into<String>, source: transport::Error) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: Some(Box::new(source)) }))
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the API key is at fault: not accepted, or without the permission.
    pub fn is_auth(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden)
    }

    /// Whether trying again may mend it. What is not retryable ends a stream at once; what is may still
    /// end it after several in a row, as [`Settings`](crate::Settings) say.
    pub fn is_retryable(&self) -> bool {
        !matches!(
            self.kind(),
            ErrorKind::WrongPath
                | ErrorKind::BadRequest
                | ErrorKind::Redirected
                | ErrorKind::InvalidUrl
                | ErrorKind::Setup
                | ErrorKind::Stopped
        )
    }

    /// Whether another endpoint may do better: nothing at this one decided about the request.
    pub(crate) fn is_network(&self) -> bool {
        matches!(self.kind(), ErrorKind::Network | ErrorKind::Certificate)
    }

    /// How long the exchange asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            ErrorKind::RateLimited { retry_after } | ErrorKind::Unavailable { retry_after } => retry_after,
            _ => None,
        }
    }

    /// An upgrade of `path` that the server refused. `ahead_ms` is how far its clock is ahead, if it told.
    pub(crate) fn refused(
        verdict: Verdict,
        path: &str,
        ahead_ms: Option<i64>,
        source: transport::Error,
    ) -> Self {
        let (kind, message) = match verdict {
            Verdict::Unauthorized => (
                ErrorKind::Unauthorized,
                "the exchange does not accept this API key; check key, secret and email, and that the key was not deleted"
                    .to_owned(),
            ),
            Verdict::Forbidden => (
                ErrorKind::Forbidden,
                "this API key may not do that; check its permissions and its list of allowed addresses".to_owned(),
            ),
            Verdict::WrongPath => (
                ErrorKind::WrongPath,
                format!("the endpoint does not know the path {path}; a base URL looks like wss://host:port/ws"),
            ),
            Verdict::BadRequest => {
                (ErrorKind::BadRequest, "the exchange does not understand the request; there may be a newer version of this library".to_owned())
            }
            Verdict::ClockSkew { .. } => (ErrorKind::ClockSkew { ahead_ms }, clock_message(ahead_ms)),
            Verdict::RateLimited { retry_after } => (
                ErrorKind::RateLimited { retry_after },
                "the exchange was asked too often; something else may be using this key or address".to_owned(),
            ),
            Verdict::Unavailable { retry_after } => {
                (ErrorKind::Unavailable { retry_after }, "the exchange cannot answer now".to_owned())
            }
            Verdict::Redirected => (
                ErrorKind::Redirected,
                "the endpoint redirects, which is not followed since the request is signed; use the final URL".to_owned(),
            ),
            Verdict::Unexpected => (ErrorKind::Refused, "the endpoint refused in a way that is not documented".to_owned()),
        };
        Self::with_source(kind, message, source)
    }
}

fn clock_message(ahead_ms: Option<i64>) -> String {
    let Some(ahead_ms) = ahead_ms else {
        return "this machine's clock is too far from the exchange's; set it by NTP".to_owned();
    };
    let off = Duration::from_millis(ahead_ms.unsigned_abs());
    let direction = if ahead_ms < 0 { "ahead of" } else { "behind" };
    format!("this machine's clock is about {} s {direction} the exchange's; set it by NTP", off.as_secs())
}

/// What the transport says of a dial or a connection, except for refusals.
impl From<transport::Error> for Error {
    fn from(source: transport::Error) -> Self {
        use transport::ErrorKind as Beneath;
        let (kind, message) = match source.kind() {
            Beneath::InvalidRequest | Beneath::InsecureUrl => {
                (ErrorKind::InvalidUrl, "the endpoint cannot be dialled")
            }
            Beneath::Setup => (ErrorKind::Setup, "this machine is not set up to dial"),
            Beneath::Certificate => (ErrorKind::Certificate, "the server's certificate is not acceptable"),
            Beneath::Protocol => (ErrorKind::Protocol, "the server sent what it must not"),
            Beneath::TooLarge => (ErrorKind::Protocol, "a message is too large"),
            Beneath::Proxy => (ErrorKind::Network, "the proxy does not connect to the exchange"),
            Beneath::Refused => (ErrorKind::Refused, "the endpoint refused"),
            _ => (ErrorKind::Network, "the network failed"),
        };
        Self::with_source(kind, message, source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, message, source } = &*self.0;
        f.debug_struct("Error").field("kind", kind).field("message", message).field("source", source).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
