use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use serde::Serialize;

use crate::compact::compact;
use crate::exit::{Failure, Status};

/// Standard output, written in batches.
pub(crate) struct Output(BufWriter<StdoutLock<'static>>);

/// Why nothing more can be printed.
#[derive(Debug)]
pub(crate) enum Unprintable {
    /// The reader has closed the pipe: it has enough, and that is fine.
    ClosedPipe,
    Failed(Failure),
}

impl From<io::Error> for Unprintable {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            Self::ClosedPipe
        } else {
            Self::Failed(Failure::new(Status::Unexpected, "standard output cannot be written").because(error))
        }
    }
}

impl From<Failure> for Unprintable {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A closed pipe is a good end; everything else is not.
pub(crate) fn settle(done: Result<Status, Unprintable>) -> Result<Status, Failure> {
    match done {
        Ok(status) => Ok(status),
        Err(Unprintable::ClosedPipe) => Ok(Status::Ok),
        Err(Unprintable::Failed(failure)) => Err(failure),
    }
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }

    pub(crate) fn line(&mut self, text: &str) -> Result<(), Unprintable> {
        Ok(writeln!(self.0, "{text}")?)
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Unprintable> {
        let json = serde_json::to_string(value).map_err(|error| {
            Failure::new(Status::Unexpected, "a message cannot be written as JSON").because(error)
        })?;
        self.line(&compact(json))
    }

    /// Hands over what was written so far.
    pub(crate) fn flush(&mut self) -> Result<(), Unprintable> {
        Ok(self.0.flush()?)
    }
}
