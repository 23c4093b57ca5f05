use std::borrow::Cow;
use std::time::Duration;

use bitopro_transport as transport;

/// The reason why a connection ended or could not be established.
///
/// `Display` states what happened and what to do about it; `source` returns the cause. Match on the kind,
/// never on the text.
pub type Error = transport::Error<ErrorKind>;

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The exchange rejected the API key or the signature (401).
    Unauthorized,
    /// The API key lacks permission (403).
    Forbidden,
    /// The endpoint does not serve the stream's path (404, or a 2xx instead of the upgrade).
    WrongPath,
    /// The exchange rejected the request as invalid (400, 422).
    BadRequest,
    /// The machine's clock differs too much from the exchange's (409).
    ClockSkew {
        /// Lead of the exchange's clock over the machine's, in milliseconds, if known.
        ahead_ms: Option<i64>,
    },
    /// The client sent too many requests (429).
    RateLimited {
        /// The delay that the exchange asked for, if any.
        retry_after: Option<Duration>,
    },
    /// The exchange is temporarily unavailable (408, 5xx).
    Unavailable {
        /// The delay that the exchange asked for, if any.
        retry_after: Option<Duration>,
    },
    /// The endpoint redirects (3xx). Redirects are never followed.
    Redirected,
    /// The endpoint refused the connection with an undocumented status or close code.
    Refused,
    /// The network or the proxy failed: no connection, no response in time, or a connection that ended
    /// without a close frame.
    Network,
    /// The server's certificate was rejected.
    Certificate,
    /// This machine's configuration prevents dialling: for example, no trusted certificates could be loaded,
    /// or the environment names an unusable proxy.
    Setup,
    /// The URL cannot be dialled: it is not a WebSocket URL, or it is unencrypted and names another machine.
    InvalidUrl,
    /// The server violated the WebSocket protocol, or exceeded a size limit.
    Protocol,
    /// The exchange closed the connection.
    ClosedByServer {
        /// The close code, if any.
        code: Option<u16>,
    },
    /// No frame of any kind arrived within the idle limit.
    Idle,
    /// The first data message did not arrive in time, or could not be read.
    NoSnapshot,
    /// The connection was replaced to get a fresh snapshot, at the request of the subscriber or of the client
    /// itself.
    Resync,
    /// The stream was stopped: its runtime was shut down, or the stream was closed on request.
    Stopped,
}

impl ErrorKind {
    /// Returns whether the exchange rejected the API key, or denied it permission.
    pub const fn is_auth(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Forbidden)
    }

    /// Returns whether a retry can succeed without a change to the program, the key or the endpoint.
    ///
    /// A stream ends on the first failure that is not retryable, unless its path has worked before: then the
    /// failure may be temporary, and the stream keeps trying for the
    /// [patience](crate::ClientBuilder::with_patience) of the client. A retryable failure can still end a
    /// stream if it repeats, depending on the settings of the [builder](crate::ClientBuilder).
    pub const fn is_retryable(self) -> bool {
        !matches!(
            self,
            Self::WrongPath
                | Self::BadRequest
                | Self::Redirected
                | Self::InvalidUrl
                | Self::Setup
                | Self::Stopped
        )
    }

    /// Returns the delay that the exchange asked for, if any.
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after } => retry_after,
            _ => None,
        }
    }

    /// Returns whether another endpoint may succeed, because no server has decided about the request.
    pub(crate) const fn is_network(self) -> bool {
        matches!(self, Self::Network | Self::Certificate)
    }
}

/// Creates the error for a refused upgrade of `path`. `answer` describes the server's response.
pub(crate) fn refused(
    kind: ErrorKind,
    path: &str,
    has_worked: bool,
    answer: Option<&str>,
    source: transport::Error,
) -> Error {
    let message: Cow<'static, str> = match kind {
        ErrorKind::Unauthorized => "the exchange rejected the API key; check the key, the secret and the \
             email, that the key was not deleted, and that no other program uses it with a clock that is ahead"
            .into(),
        ErrorKind::Forbidden => {
            "the API key lacks permission; check its permissions and its list of allowed IP addresses".into()
        }
        ErrorKind::WrongPath if has_worked => format!(
            "the endpoint currently does not serve {path}, although it did before; a gateway may be answering \
             in its place"
        )
        .into(),
        ErrorKind::WrongPath => {
            format!("the endpoint has no stream at {path}; use a base URL such as wss://host:port/ws").into()
        }
        ErrorKind::BadRequest if has_worked => format!(
            "the server currently rejects the request for {path} as invalid, although {path} has worked \
             before; a gateway may be answering in its place"
        )
        .into(),
        ErrorKind::BadRequest => {
            "the server rejected the request as invalid; check for a newer version of this library".into()
        }
        ErrorKind::RateLimited { .. } => {
            "too many requests; another program may be using this API key or IP address".into()
        }
        ErrorKind::Unavailable { .. } => "the exchange is temporarily unavailable".into(),
        ErrorKind::Redirected => {
            "the endpoint redirects, which is not followed because the request is signed; use the final URL"
                .into()
        }
        _ => "the endpoint refused the connection with an undocumented status".into(),
    };
    let message = match answer {
        Some(answer) => format!("{message}; {answer}").into(),
        None => message,
    };
    Error::new(kind, message).with_source(source)
}

/// Creates the error for a refusal because of the clock. `ahead_ms` is the lead of the exchange's clock, if
/// known.
pub(crate) fn clock_refused(ahead_ms: Option<i64>, source: transport::Error) -> Error {
    Error::new(ErrorKind::ClockSkew { ahead_ms }, clock_message(ahead_ms)).with_source(source)
}

/// Creates the error for a nonce that is ahead of the exchange's clock by `lead`.
pub(crate) fn nonce_ahead(
    nonce: u64,
    lead: Duration,
    limit: Duration,
    ahead_ms: Option<i64>,
    source: transport::Error,
) -> Error {
    let (lead_s, limit_s) = (lead.as_secs(), limit.as_secs());
    let message = if lead > limit {
        format!(
            "nonce {nonce} is {lead_s} s ahead of the exchange's clock, which exceeds the limit of {limit_s} \
             s; synchronise this machine's clock with NTP, then wait or use another API key"
        )
    } else {
        format!(
            "nonce {nonce} is {lead_s} s ahead of the exchange's clock, so this machine's clock must have \
             been ahead; waiting for the exchange's clock to catch up"
        )
    };
    Error::new(ErrorKind::ClockSkew { ahead_ms }, message).with_source(source)
}

fn clock_message(ahead_ms: Option<i64>) -> String {
    let Some(ahead_ms) = ahead_ms else {
        return "this machine's clock differs too much from the exchange's; synchronise it with NTP"
            .to_owned();
    };
    let off_s = ahead_ms.unsigned_abs() / 1_000;
    if off_s == 0 {
        return "the exchange rejected the nonce although this machine's clock agrees with its own; another \
                program may be using the same API key"
            .to_owned();
    }
    let direction = if ahead_ms < 0 { "ahead of" } else { "behind" };
    format!("this machine's clock is about {off_s} s {direction} the exchange's; synchronise it with NTP")
}

/// Creates the error for a dial or a connection that failed in the transport, except for refusals.
pub(crate) fn from_transport(source: transport::Error) -> Error {
    use transport::ErrorKind as Cause;
    let (kind, message) = match source.kind() {
        Cause::InvalidRequest | Cause::InsecureUrl => {
            (ErrorKind::InvalidUrl, "the URL of the endpoint cannot be dialled")
        }
        Cause::Setup => (ErrorKind::Setup, "this machine's configuration prevents dialling"),
        Cause::Certificate => (ErrorKind::Certificate, "the server's certificate was rejected"),
        Cause::Protocol => (ErrorKind::Protocol, "the server violated the WebSocket protocol"),
        Cause::TooLarge => (ErrorKind::Protocol, "a message exceeds the size limit"),
        Cause::Proxy => (ErrorKind::Network, "the proxy could not connect to the exchange"),
        Cause::Refused => (ErrorKind::Refused, "the endpoint refused the connection"),
        _ => (ErrorKind::Network, "the network failed"),
    };
    Error::new(kind, message).with_source(source)
}
