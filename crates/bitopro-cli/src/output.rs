//! Standard output: lines, JSON that is safe on a terminal, and a writer that never blocks the caller.

mod single_line;
mod stdout_pipe;
mod writer;

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use serde::Serialize;

use crate::exit::{Failure, Status};

pub(crate) use single_line::single_line;
pub(crate) use writer::Writer;

/// Number of bytes that are buffered before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// Buffered standard output, for commands that may block on it.
pub(crate) struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    json: JsonLine,
}

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
        let stdout = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
        Self { stdout, json: JsonLine::default() }
    }

    /// Writes complete lines.
    pub(crate) fn lines(&mut self, lines: &str) -> Result<(), OutputError> {
        Ok(self.stdout.write_all(lines.as_bytes())?)
    }

    pub(crate) fn line(&mut self, text: &str) -> Result<(), OutputError> {
        Ok(writeln!(self.stdout, "{text}")?)
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        let line = self.json.format(value)?;
        Ok(self.stdout.write_all(line.as_bytes())?)
    }

    pub(crate) fn flush(&mut self) -> Result<(), OutputError> {
        Ok(self.stdout.flush()?)
    }
}

/// Formats values as lines of JSON, in a buffer that is reused.
#[derive(Default)]
pub(crate) struct JsonLine(String);

impl JsonLine {
    /// Returns a value as one line of JSON, with its line break.
    pub(crate) fn format(&mut self, value: &impl Serialize) -> Result<&str, Failure> {
        let failure = || Failure::new(Status::Unexpected, "cannot write a message as JSON");
        let mut json = std::mem::take(&mut self.0).into_bytes();
        json.clear();
        serde_json::to_writer(&mut json, value).map_err(|error| failure().with_source(error))?;
        let json = String::from_utf8(json).map_err(|error| failure().with_source(error))?;
        self.0 = single_line(json);
        self.0.push('\n');
        Ok(&self.0)
    }
}

/// Returns a value as JSON on one line, without a line break.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    JsonLine::default().format(value).map(|line| line.trim_end().to_owned())
}
