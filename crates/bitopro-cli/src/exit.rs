use std::error::Error;
use std::fmt::Debug;
use std::io::Write;
use std::process::ExitCode;

use bitopro_client::{self as client, ErrorKind, transport};

use crate::printable::printable;

/// How the command ends. The numbers are documented in the help and the README.
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

/// A failure of the command, with its exit status as the kind.
pub(crate) type Failure = transport::Error<Status>;

/// Writes a failure and its cause to standard error.
pub(crate) fn report(failure: &Failure) -> Status {
    let mut stderr = std::io::stderr().lock();
    // If standard error cannot be written either, the exit status remains.
    let _ = writeln!(stderr, "bitopro: {}", printable(&failure.to_string()));
    if let Some(causes) = causes(failure) {
        let _ = writeln!(stderr, "  because: {}", printable(&causes));
    }
    failure.kind()
}

/// Returns the texts of an error's causes, if any, and names the option of a limit that was exceeded.
pub(crate) fn causes<K: Debug>(error: &transport::Error<K>) -> Option<String> {
    let mut causes = format!("{error:#}").strip_prefix(&format!("{error}: "))?.to_owned();
    if error.source().is_some_and(is_too_large) {
        causes.push_str(" (here `--message-limit`)");
    }
    Some(causes)
}

fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref::<transport::Error>().map(transport::Error::kind);
    kind == Some(transport::ErrorKind::TooLarge) || error.source().is_some_and(is_too_large)
}
