use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use serde::Serialize;

use crate::exit::{Failure, Status};
use crate::single_line::single_line;

/// Buffered standard output, for commands that may block on it.
pub(crate) struct Output(BufWriter<StdoutLock<'static>>);

/// The reason why nothing more can be printed.
#[derive(Debug)]
pub(crate) enum OutputError {
    /// The reader closed the pipe, as `head` does. Not a failure.
    ClosedPipe,
    Failed(Failure),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::Failed(
                Failure::new(Status::Unexpected, "cannot write to standard output").with_source(error),
            )
        }
    }
}

impl From<Failure> for OutputError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Returns `status`, unless printing failed. A closed pipe is not a failure.
pub(crate) fn exit_status(printed: Result<(), OutputError>, status: Status) -> Result<Status, Failure> {
    match printed {
        Ok(()) | Err(OutputError::ClosedPipe) => Ok(status),
        Err(OutputError::Failed(failure)) => Err(failure),
    }
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }

    /// Writes complete lines.
    pub(crate) fn lines(&mut self, lines: &str) -> Result<(), OutputError> {
        Ok(self.0.write_all(lines.as_bytes())?)
    }

    pub(crate) fn line(&mut self, text: &str) -> Result<(), OutputError> {
        Ok(writeln!(self.0, "{text}")?)
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        self.line(&json(value)?)
    }

    pub(crate) fn flush(&mut self) -> Result<(), OutputError> {
        Ok(self.0.flush()?)
    }
}

/// Returns a value as JSON on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map(single_line).map_err(|error| {
        Failure::new(Status::Unexpected, "cannot write a message as JSON").with_source(error)
    })
}
