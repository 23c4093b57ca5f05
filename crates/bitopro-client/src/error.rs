use std::borrow::Cow;
use std::time::Duration;

use bitopro_transport as transport;

/// The reason why a connection ended or could not be established.
///
/// `Display` states what happened and, where you can act, what to do; `{:#}` adds the causes. Match on the
/// kind, never on the text.
pub type Error = transport::Error<ErrorKind>;

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The exchange rejected the API key or the signature (401).
    Unauthorized,
    /// The API key lacks permission (403).
    Forbidden,
    /// The server does not serve the stream's path (404, or a 2xx instead of the upgrade).
    WrongPath,
    /// The server refused the request as invalid (400, 422).
    BadRequest,
    /// The exchange rejected the nonce, usually because the machine's clock is wrong (409).
    ClockSkew {
        /// Lead of the exchange's clock over the machine's, in milliseconds, if known. Negative if the
        /// machine's clock is ahead.
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
    /// The server redirects (3xx). Redirects are never followed.
    Redirected,
    /// The server refused the upgrade with an undocumented status, or repeatedly accepted a connection and
    /// then closed it as refused (code 1008).
    Refused,
    /// The network or the proxy failed: no connection, no response in time, or a connection that ended
    /// without a close frame.
    Network,
    /// The server's certificate was rejected.
    Certificate,
    /// This machine's configuration prevents dialling: for example, no root certificates could be loaded, or
    /// the environment names an unusable proxy.
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
    /// The connection was replaced to get a new snapshot, at the request of the subscriber or of the client
    /// itself.
    Resync,
    /// The stream was stopped: its subscription was dropped, or its runtime has shut down.
    ///
    /// A stream that is closed on request ends with [`Closed::Requested`](crate::Closed::Requested) instead;
    /// only [`Subscription::ready`](crate::Subscription::ready) reports that with this kind.
    Stopped,
}

impl ErrorKind {
    /// Returns the name of the kind, such as `clock_skew`, which never changes.
    ///
    /// The log and the NDJSON of `bitopro watch` contain it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::WrongPath => "wrong_path",
            Self::BadRequest => "bad_request",
            Self::ClockSkew { .. } => "clock_skew",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } => "unavailable",
            Self::Redirected => "redirected",
            Self::Refused => "refused",
            Self::Network => "network",
            Self::Certificate => "certificate",
            Self::Setup => "setup",
            Self::InvalidUrl => "invalid_url",
            Self::Protocol => "protocol",
            Self::ClosedByServer { .. } => "closed_by_server",
            Self::Idle => "idle",
            Self::NoSnapshot => "no_snapshot",
            Self::Resync => "resync",
            Self::Stopped => "stopped",
        }
    }

    /// Returns whether the exchange rejected the API key, or denied it permission.
    pub const fn is_auth(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Forbidden)
    }

    /// Returns whether a retry can succeed without a change to the program, this machine or the base URL.
    ///
    /// A stream ends on the first failure that is not retryable. If its path (or, for [`Setup`](Self::Setup),
    /// any path) has worked before, the failure may be temporary, and the stream keeps dialling for the
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

    /// Returns whether another base URL may succeed, because no server has responded to the request.
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
    let status = source.refusal().map(|refusal| refusal.status);
    let message: Cow<'static, str> = match kind {
        ErrorKind::Unauthorized => "the exchange rejected the API key; check that the key, secret and email \
             belong together and that the key still exists; if another program uses the same key, its clock \
             may be ahead"
            .into(),
        ErrorKind::Forbidden => {
            "the API key lacks permission; check its permissions and its list of allowed IP addresses".into()
        }
        ErrorKind::WrongPath if has_worked => format!(
            "the server currently does not serve {path}, although it did before; a gateway may be answering \
             in the exchange's place"
        )
        .into(),
        ErrorKind::WrongPath if status.is_some_and(|status| status.is_success()) => format!(
            "the server answered HTTP {} instead of opening a WebSocket at {path}; use a base URL such as \
             wss://host:port/ws",
            status.unwrap_or_default()
        )
        .into(),
        ErrorKind::WrongPath => {
            format!("the server has no stream at {path}; use a base URL such as wss://host:port/ws").into()
        }
        ErrorKind::BadRequest if has_worked => format!(
            "the server currently refuses the request for {path} as invalid, although {path} has worked \
             before; a gateway may be answering in the exchange's place"
        )
        .into(),
        ErrorKind::BadRequest => {
            "the server refused the request as invalid; check for a newer version of this library".into()
        }
        ErrorKind::RateLimited { .. } => {
            "too many requests; another program may be using this API key or IP address".into()
        }
        ErrorKind::Unavailable { .. } => "the exchange is temporarily unavailable".into(),
        ErrorKind::Redirected => {
            "the server redirects; signed requests never follow redirects, so set the base \
             URL to the final one"
                .into()
        }
        _ => "the server refused the upgrade with an undocumented status".into(),
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
             been ahead; dials can succeed once the exchange's clock has caught up"
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
        return "the exchange rejected the nonce although this machine's clock agrees with the exchange's; \
                another program may be using the same API key"
            .to_owned();
    }
    let direction = if ahead_ms < 0 { "ahead of" } else { "behind" };
    format!("this machine's clock is about {off_s} s {direction} the exchange's; synchronise it with NTP")
}

/// Creates the error for a dial or a connection that failed in the transport, except for refusals.
pub(crate) fn from_transport(source: transport::Error) -> Error {
    use transport::ErrorKind as Cause;
    let (kind, message) = match source.kind() {
        Cause::InvalidRequest | Cause::InsecureUrl => (ErrorKind::InvalidUrl, "the URL cannot be dialled"),
        Cause::Setup => (ErrorKind::Setup, "this machine's configuration prevents dialling"),
        Cause::Certificate => (ErrorKind::Certificate, "the server's certificate was rejected"),
        Cause::Protocol => (ErrorKind::Protocol, "the server violated the WebSocket protocol"),
        Cause::TooLarge => (ErrorKind::Protocol, "a size limit was exceeded"),
        Cause::Proxy => (ErrorKind::Network, "cannot connect to the exchange through the proxy"),
        Cause::Refused => (ErrorKind::Refused, "the server refused the upgrade"),
        Cause::Disconnected => (ErrorKind::Network, "the connection was lost"),
        _ => (ErrorKind::Network, "the exchange is unreachable"),
    };
    Error::new(kind, message).with_source(source)
}
