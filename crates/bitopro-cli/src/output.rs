use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use serde::Serialize;

use crate::compact::compact;
use crate::exit::{Failure, Status};

/// Standard output of a command that has nothing else to do, written in batches.
pub(crate) struct Output(BufWriter<StdoutLock<'static>>);

/// Why nothing more can be printed.
#[derive(Debug)]
pub(crate) enum OutputError {
    /// The reader has closed the pipe: it has enough, and that is fine.
    ClosedPipe,
    Failed(Failure),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::Failed(
                Failure::new(Status::Unexpected, "standard output cannot be written").with_source(error),
            )
        }
    }
}

impl From<Failure> for OutputError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The end of a command that came to `status`. A closed pipe is as good an end as any other.
pub(crate) fn settle(printed: Result<(), OutputError>, status: Status) -> Result<Status, Failure> {
    match printed {
        Ok(()) | Err(OutputError::ClosedPipe) => Ok(status),
        Err(OutputError::Failed(failure)) => Err(failure),
    }
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }

    pub(crate) fn line(&mut self, text: &str) -> Result<(), OutputError> {
        Ok(writeln!(self.0, "{text}")?)
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        self.line(&json(value)?)
    }

    /// Hands over what was written so far.
    pub(crate) fn flush(&mut self) -> Result<(), OutputError> {
        Ok(self.0.flush()?)
    }
}

/// A value as JSON on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map(compact).map_err(|error| {
        Failure::new(Status::Unexpected, "a message cannot be written as JSON").with_source(error)
    })
}
