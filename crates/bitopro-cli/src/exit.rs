use std::error::Error;
use std::fmt::Debug;
use std::io::Write;
use std::process::ExitCode;

use bitopro_client::{self as client, ErrorKind, transport};

use crate::printable::printable;

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
}

/// A failure of the command. Its kind is the exit code.
pub(crate) type Failure = transport::Error<Status>;

/// Writes a failure and its causes to standard error, and returns its exit code.
pub(crate) fn report(failure: &Failure) -> Status {
    let mut stderr = std::io::stderr().lock();
    // If standard error is closed, the exit code still reports the failure.
    let _ = writeln!(stderr, "bitopro: {}", printable(&failure.to_string()));
    if let Some(causes) = causes(failure) {
        let _ = writeln!(stderr, "  caused by: {}", printable(&causes));
    }
    failure.kind()
}

/// Returns the messages of an error's causes, if any. Names the flag that raises the limit for a message that
/// is too large.
pub(crate) fn causes<K: Debug>(error: &transport::Error<K>) -> Option<String> {
    let mut causes = format!("{error:#}").strip_prefix(&format!("{error}: "))?.to_owned();
    if error.source().is_some_and(is_too_large) {
        causes.push_str(" (for this command: `--message-limit`)");
    }
    Some(causes)
}

fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<transport::Error>().map(transport::Error::kind);
    kind == Some(transport::ErrorKind::TooLarge) || error.source().is_some_and(is_too_large)
}
