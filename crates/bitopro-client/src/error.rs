use std::borrow::Cow;
use std::time::Duration;

use bitopro_model::Stream;
use bitopro_transport as transport;

use crate::refusal_text::Answer;

/// The reason why a connection ended or could not be established.
///
/// `Display` states what happened and, where you can act, what to do; `{:#}` adds the causes. Match on the
/// kind, never on the text.
pub type Error = transport::Error<ErrorKind>;

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The API key or the signature was refused (401).
    Unauthorized,
    /// The API key lacks permission, or access was denied for another reason (403).
    Forbidden,
    /// The server does not serve the stream's path (404, or a 2xx instead of the upgrade).
    WrongPath,
    /// The server refused the request as invalid (400, 422).
    BadRequest,
    /// The nonce was refused, usually because the machine's clock is wrong (409).
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
    /// The server is temporarily unavailable (408, 5xx).
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
    /// The server closed the connection.
    ClosedByServer {
        /// The close code, if the server sent one.
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

    /// Returns whether the API key was refused, or denied permission.
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
    stream: Stream,
    path: &str,
    has_worked: bool,
    answer: &Answer,
    source: transport::Error,
) -> Error {
    let problem: Cow<'static, str> = match kind {
        ErrorKind::Unauthorized => "the credentials were refused".into(),
        ErrorKind::Forbidden => "access was denied".into(),
        ErrorKind::WrongPath => format!("no stream was opened at {path}").into(),
        ErrorKind::BadRequest => format!("the request for {path} was refused as invalid").into(),
        ErrorKind::RateLimited { .. } => "too many requests".into(),
        ErrorKind::Unavailable { .. } => "the server is temporarily unavailable".into(),
        ErrorKind::Redirected => {
            format!("the server redirects to {}", answer.target.as_deref().unwrap_or("another URL")).into()
        }
        _ => "the server refused the upgrade with an undocumented status".into(),
    };
    let path_has_worked = has_worked && matches!(kind, ErrorKind::WrongPath | ErrorKind::BadRequest);
    let before = if path_has_worked { ", although this path has worked before" } else { "" };
    let advice = match kind {
        _ if path_has_worked => "; a gateway may have answered in place of the exchange",
        ErrorKind::BadRequest if answer.is_page => {
            "; a gateway may have answered in place of the exchange, so check the base URL"
        }
        ErrorKind::Unauthorized | ErrorKind::Forbidden if answer.is_page => {
            "; a gateway may have answered in place of the exchange, so check the base URL and any firewall, \
             then the API key"
        }
        ErrorKind::Unauthorized => {
            "; check that the API key, secret and email belong together and that the key still exists; if \
             another program uses the same key, its clock may be ahead"
        }
        ErrorKind::Forbidden => "; check the permissions of the API key and its list of allowed IP addresses",
        ErrorKind::WrongPath if matches!(stream, Stream::Public(_)) => {
            "; check the pairs: the exchange answers like this to a pair that it does not know"
        }
        ErrorKind::WrongPath => "; use a base URL such as wss://host:port/ws",
        ErrorKind::BadRequest => "; check the base URL, and for a newer version of this library",
        ErrorKind::RateLimited { .. } => "; another program may be using this API key or IP address",
        ErrorKind::Redirected => "; redirects are never followed, so use the final URL as the base URL",
        _ => "",
    };
    Error::new(kind, format!("{problem}{before}; {answer}{advice}")).with_source(source)
}

/// Creates the error for a refusal because of the clock. `ahead_ms` is the lead of the server's clock, if
/// known.
pub(crate) fn clock_refused(ahead_ms: Option<i64>, answer: &Answer, source: transport::Error) -> Error {
    let (problem, advice) = clock_message(ahead_ms);
    Error::new(ErrorKind::ClockSkew { ahead_ms }, format!("{problem}; {answer}; {advice}"))
        .with_source(source)
}

/// Creates the error for a nonce that is ahead of the server's clock by `lead`.
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
            "nonce {nonce} is {lead_s} s ahead of the server's clock, which exceeds the limit of {limit_s} \
             s; synchronise this machine's clock with NTP, then wait or use another API key"
        )
    } else {
        format!(
            "nonce {nonce} is {lead_s} s ahead of the server's clock, so this machine's clock must have \
             been ahead; dials can succeed once the server's clock has caught up"
        )
    };
    Error::new(ErrorKind::ClockSkew { ahead_ms }, message).with_source(source)
}

/// Returns the problem, and what to do about it.
fn clock_message(ahead_ms: Option<i64>) -> (String, &'static str) {
    const SYNCHRONISE: &str = "synchronise this machine's clock with NTP";

    let Some(ahead_ms) = ahead_ms else {
        return ("the nonce was refused, so this machine's clock may be wrong".to_owned(), SYNCHRONISE);
    };
    let off_s = ahead_ms.unsigned_abs() / 1_000;
    if off_s == 0 {
        let problem = "the nonce was refused, although this machine's clock agrees with the server's";
        return (problem.to_owned(), "another program may be using the same API key");
    }
    let direction = if ahead_ms < 0 { "ahead of" } else { "behind" };
    (format!("this machine's clock is about {off_s} s {direction} the server's"), SYNCHRONISE)
}

/// Creates the error for a dial that failed in the transport, except for refusals.
pub(crate) fn dial_failed(source: transport::Error) -> Error {
    use transport::ErrorKind as Cause;
    let message = match source.kind() {
        Cause::InvalidRequest | Cause::InsecureUrl => "the URL cannot be dialled",
        Cause::Setup => "this machine's configuration prevents dialling",
        _ => "cannot connect to the exchange",
    };
    Error::new(kind(&source), message).with_source(source)
}

/// Creates the error for a connection that failed in the transport.
pub(crate) fn connection_lost(source: transport::Error) -> Error {
    Error::new(kind(&source), "the connection was lost").with_source(source)
}

fn kind(source: &transport::Error) -> ErrorKind {
    use transport::ErrorKind as Cause;
    match source.kind() {
        Cause::InvalidRequest | Cause::InsecureUrl => ErrorKind::InvalidUrl,
        Cause::Setup => ErrorKind::Setup,
        Cause::Certificate => ErrorKind::Certificate,
        Cause::Protocol | Cause::TooLarge => ErrorKind::Protocol,
        Cause::Refused => ErrorKind::Refused,
        _ => ErrorKind::Network,
    }
}
