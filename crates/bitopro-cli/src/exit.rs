use std::io::Write;
use std::process::ExitCode;

use bitopro_client::transport::{self, printable};
use bitopro_client::{self as client, ErrorKind, RestErrorKind, rest};

/// Maximum length of a line of text for people, in characters. Only texts from outside are longer.
pub(crate) const MAX_LINE: usize = 4_000;

/// The exit code of the command. The help and the README document the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok = 0,
    Unexpected = 1,
    Usage = 2,
    Auth = 3,
    Network = 4,
    BadData = 5,
    RateLimited = 6,
    Clock = 7,
    UnknownOutcome = 8,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

impl Status {
    pub(crate) fn of(error: &client::Error) -> Self {
        match error.kind() {
            ErrorKind::Unauthorized | ErrorKind::Forbidden => Self::Auth,
            ErrorKind::WrongPath | ErrorKind::InvalidUrl | ErrorKind::Redirected | ErrorKind::Setup => {
                Self::Usage
            }
            ErrorKind::ClockSkew { .. } => Self::Clock,
            ErrorKind::RateLimited { .. } => Self::RateLimited,
            ErrorKind::Network
            | ErrorKind::Certificate
            | ErrorKind::Unavailable { .. }
            | ErrorKind::ClosedByServer { .. }
            | ErrorKind::Idle
            | ErrorKind::NoSnapshot
            | ErrorKind::Protocol
            | ErrorKind::Refused => Self::Network,
            _ => Self::Unexpected,
        }
    }

    /// Returns the exit code of a call of the REST API that failed.
    pub(crate) fn of_call(kind: RestErrorKind) -> Self {
        use rest::ErrorKind as Call;
        use transport::ErrorKind as Cause;
        match kind {
            RestErrorKind::Off => Self::Usage,
            RestErrorKind::Call(kind) => match kind {
                Call::Unauthorized | Call::Forbidden => Self::Auth,
                Call::InvalidBaseUrl | Call::InvalidCall | Call::UnknownPair | Call::NotFound => Self::Usage,
                Call::NonceConflict => Self::Clock,
                Call::RateLimited => Self::RateLimited,
                Call::Unavailable | Call::Gateway => Self::Network,
                Call::Unreadable => Self::BadData,
                _ => Self::Unexpected,
            },
            RestErrorKind::Transport(Cause::InvalidRequest | Cause::InsecureUrl | Cause::Setup) => {
                Self::Usage
            }
            RestErrorKind::Transport(_) => Self::Network,
            _ => Self::Unexpected,
        }
    }
}

/// A failure of the command. Its kind is the exit code.
pub(crate) type Failure = transport::Error<Status>;

/// Writes a failure and its causes to standard error, and returns its exit code.
pub(crate) fn report(failure: &Failure) -> Status {
    let mut stderr = std::io::stderr().lock();
    // If standard error is closed, the exit code still reports the failure.
    let _ = writeln!(stderr, "bitopro: {}", printable(&failure.to_string(), MAX_LINE));
    if let Some(causes) = causes(failure) {
        let _ = writeln!(stderr, "  caused by: {}", printable(&causes, MAX_LINE));
    }
    failure.kind()
}

/// Returns the messages of an error's causes, if any.
pub(crate) fn causes<K>(error: &transport::Error<K>) -> Option<String> {
    Some(format!("{error:#}").strip_prefix(&format!("{error}: "))?.to_owned())
}

/// Returns an error with its causes on one line.
pub(crate) fn with_causes<K>(error: &transport::Error<K>) -> String {
    match causes(error) {
        Some(causes) => format!("{error}; caused by: {causes}"),
        None => error.to_string(),
    }
}
