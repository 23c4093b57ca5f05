use std::borrow::Cow;
use std::time::Duration;

use bitopro_transport as transport;

/// Why a connection ended or could not be made.
///
/// `Display` says what happened and what to do about it; `source` returns the cause. Decide by the kind, never by the
/// text.
pub type Error = transport::Error<ErrorKind>;

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The exchange does not accept the API key or the signature (401).
    Unauthorized,
    /// The API key lacks the permission (403).
    Forbidden,
    /// The endpoint does not serve the stream's path (404, or a 2xx instead of the upgrade).
    WrongPath,
    /// The exchange does not understand the request (400, 422).
    BadRequest,
    /// The machine's clock is too far from the exchange's (409).
    ClockSkew {
        /// Lead of the exchange's clock over the machine's, in milliseconds, if known.
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

impl ErrorKind {
    /// Returns whether the API key is at fault: not accepted, or without the permission.
    pub const fn is_auth(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Forbidden)
    }

    /// Returns whether trying again can help without a change to the program, the key or the endpoint.
    ///
    /// A stream ends on the first failure that is not retryable, unless its path had worked before: then a gateway may
    /// have a bad minute, and the stream keeps trying for the patience of the client. What is retryable can still end
    /// a stream after several in a row, as the [builder](crate::ClientBuilder) is set.
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

    /// Returns the pause that the exchange asked for, if any.
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after } => retry_after,
            _ => None,
        }
    }

    /// Returns whether another endpoint may do better: nothing at this one decided about the request.
    pub(crate) const fn is_network(self) -> bool {
        matches!(self, Self::Network | Self::Certificate)
    }
}

/// Creates the error of an upgrade of `path` that the server refused with this answer.
pub(crate) fn refused(
    kind: ErrorKind,
    path: &str,
    has_worked: bool,
    answer: Option<&str>,
    source: transport::Error,
) -> Error {
    let message: Cow<'static, str> = match kind {
        ErrorKind::Unauthorized => "the API key is not accepted; check key, secret and email, that the key was not \
             deleted, and that no other program uses it with a clock that is ahead"
            .into(),
        ErrorKind::Forbidden => "this API key lacks the permission; check its permissions and its list of allowed \
             addresses"
            .into(),
        ErrorKind::WrongPath if has_worked => format!(
            "the endpoint does not serve {path} at the moment, although it has worked before; a gateway may be \
             answering"
        )
        .into(),
        ErrorKind::WrongPath => {
            format!("the endpoint has no stream at {path}; a base URL looks like wss://host:port/ws").into()
        }
        ErrorKind::BadRequest if has_worked => format!(
            "the request for {path} is not understood at the moment, although {path} has worked before; a gateway may \
             be answering"
        )
        .into(),
        ErrorKind::BadRequest => {
            "the request is not understood; there may be a newer version of this library".into()
        }
        ErrorKind::RateLimited { .. } => {
            "too many requests; something else may be using this key or address".into()
        }
        ErrorKind::Unavailable { .. } => "the exchange cannot answer now".into(),
        ErrorKind::Redirected => {
            "the endpoint redirects, which is not followed since the request is signed; use the final URL".into()
        }
        _ => "the endpoint refused with an undocumented status".into(),
    };
    let message = match answer {
        Some(answer) => format!("{message}; {answer}").into(),
        None => message,
    };
    Error::new(kind, message).with_source(source)
}

/// Creates the error of a refusal because of the clock. `ahead_ms` is how far the server's is ahead, if known.
pub(crate) fn clock_refused(ahead_ms: Option<i64>, source: transport::Error) -> Error {
    Error::new(ErrorKind::ClockSkew { ahead_ms }, clock_message(ahead_ms)).with_source(source)
}

/// Creates the error of a nonce that is this far ahead of the exchange's clock.
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
            "nonce {nonce} is {lead_s} s ahead of the exchange's clock, which is longer than the limit of \
             {limit_s} s to wait; set this machine's clock by NTP, and use another API key or wait"
        )
    } else {
        format!(
            "nonce {nonce} is {lead_s} s ahead of the exchange's clock, so this machine's clock was ahead; waiting \
             until the exchange has caught up"
        )
    };
    Error::new(ErrorKind::ClockSkew { ahead_ms }, message).with_source(source)
}

fn clock_message(ahead_ms: Option<i64>) -> String {
    let Some(ahead_ms) = ahead_ms else {
        return "this machine's clock is too far from the exchange's; set it by NTP".to_owned();
    };
    let off_s = ahead_ms.unsigned_abs() / 1_000;
    if off_s == 0 {
        return "the nonce is refused although this machine's clock agrees with the exchange's; another program may \
                use the same API key"
            .to_owned();
    }
    let direction = if ahead_ms < 0 { "ahead of" } else { "behind" };
    format!("this machine's clock is about {off_s} s {direction} the exchange's; set it by NTP")
}

/// Creates the error of a dial or a connection that failed in the transport, except for refusals.
pub(crate) fn from_transport(source: transport::Error) -> Error {
    use transport::ErrorKind as Cause;
    let (kind, message) = match source.kind() {
        Cause::InvalidRequest | Cause::InsecureUrl => {
            (ErrorKind::InvalidUrl, "the endpoint cannot be dialled")
        }
        Cause::Setup => (ErrorKind::Setup, "this machine is not set up to dial"),
        Cause::Certificate => (ErrorKind::Certificate, "the server's certificate is not acceptable"),
        Cause::Protocol => (ErrorKind::Protocol, "the server violated the WebSocket protocol"),
        Cause::TooLarge => (ErrorKind::Protocol, "a message is too large"),
        Cause::Proxy => (ErrorKind::Network, "the proxy does not connect to the exchange"),
        Cause::Refused => (ErrorKind::Refused, "the endpoint refused"),
        _ => (ErrorKind::Network, "the network failed"),
    };
    Error::new(kind, message).with_source(source)
}
