//! The result of each step of a check, and how it is printed.

use std::time::Duration;

use bitopro_client::transport::printable;
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::time::Instant;

use crate::args::{Format, FormatArgs};
use crate::exit::{Failure, MAX_LINE, Status, with_causes};
use crate::output::{Output, OutputError};
use crate::table::{Appearance, Style};

/// The result of a step: a value for later steps, and a text for people.
pub(super) struct Found<T = ()> {
    value: T,
    pub(super) text: String,
    pub(super) is_warning: bool,
}

impl<T> Found<T> {
    pub(super) fn new(value: T, text: impl Into<String>) -> Self {
        Self { value, text: text.into(), is_warning: false }
    }

    /// Marks that something works, but not as it should.
    pub(super) fn into_warning(self) -> Self {
        Self { is_warning: true, ..self }
    }
}

/// Prints the result of each step as soon as it is known, and remembers the first failure.
pub(super) struct Report {
    output: Output,
    format: Format,
    look: Appearance,
    status: Status,
}

#[derive(Serialize)]
struct Line<'a> {
    step: &'static str,
    result: &'static str,
    /// The time that the step took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    text: &'a str,
}

impl Report {
    pub(super) fn new(format: &FormatArgs) -> Self {
        let look = Appearance::of_stdout(TimeZone::UTC);
        Self { output: Output::stdout(), format: format.format(), look, status: Status::Ok }
    }

    /// Makes a step, and prints its result. Returns what it has found, if it has not failed.
    pub(super) async fn step<T>(
        &mut self,
        step: &'static str,
        work: impl Future<Output = Result<Found<T>, Failure>>,
    ) -> Result<Option<T>, OutputError> {
        let begin = Instant::now();
        let result = work.await;
        let took = Some(begin.elapsed());
        match result {
            Ok(Found { value, text, is_warning }) => {
                let (result, style) =
                    if is_warning { ("warning", Style::Yellow) } else { ("ok", Style::Green) };
                self.print(step, (result, style), took, &text)?;
                Ok(Some(value))
            }
            Err(failure) => {
                if self.status == Status::Ok {
                    self.status = failure.kind();
                }
                self.print(step, ("failed", Style::Red), took, &with_causes(&failure))?;
                Ok(None)
            }
        }
    }

    /// Prints why a step is left out.
    pub(super) fn skip(&mut self, step: &'static str, reason: &str) -> Result<(), OutputError> {
        self.print(step, ("skipped", Style::Dim), None, reason)
    }

    fn print(
        &mut self,
        step: &'static str,
        (result, style): (&'static str, Style),
        took: Option<Duration>,
        text: &str,
    ) -> Result<(), OutputError> {
        let ms = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        let text = printable(text, MAX_LINE);
        match self.format {
            Format::Ndjson => self.output.json(&Line { step, result, ms, text: &text })?,
            Format::Table => {
                let mut line = String::new();
                self.look.paint(style, &format!("{result:<8}"), &mut line);
                let took = ms.map(|ms| format!(" ({ms} ms)")).unwrap_or_default();
                self.output.line(&format!("{line} {step:<12} {text}{took}"))?;
            }
        }
        self.output.flush()
    }

    /// Returns the exit code: that of the first failure.
    pub(super) fn status(&self) -> Status {
        self.status
    }
}
