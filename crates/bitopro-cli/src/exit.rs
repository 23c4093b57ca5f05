use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use bitopro_client::{self as client, ErrorKind};

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

/// Why the command failed: a sentence for the person at the terminal, and what lay beneath.
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    message: String,
    cause: Option<Box<dyn Error>>,
}

impl Failure {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), cause: None }
    }

    pub(crate) fn because(mut self, cause: impl Into<Box<dyn Error>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Writes it to standard error. That it cannot be written is nothing that could be told.
    pub(crate) fn report(&self) -> Status {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "bitopro: {}", printable(&self.message));
        if let Some(cause) = &self.cause {
            let _ = writeln!(stderr, "  because: {}", printable(&chain(&**cause)));
        }
        self.status
    }
}

/// An error with everything that lay beneath it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut beneath = error.source();
    while let Some(error) = beneath {
        let text = error.to_string();
        // Some libraries repeat their cause in their own text.
        if !told.ends_with(&text) {
            told.push_str(": ");
            told.push_str(&text);
        }
        beneath = error.source();
    }
    told
}
