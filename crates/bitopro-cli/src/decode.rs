use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use bitopro_client::model::{Datetime, Event, EventData, EventId, Extra, Message, Timestamp, UnknownMessage};
use bitopro_client::transport::{Limits, printable};
use serde::{Serialize, Serializer};

use crate::args::DecodeArgs;
use crate::bounded_lines::{BoundedLines, Line};
use crate::exit::{Failure, MAX_LINE, Status};
use crate::output::{Output, OutputError, exit_status};

pub(crate) fn run(args: &DecodeArgs) -> Result<Status, Failure> {
    match args.file.as_deref().filter(|path| *path != Path::new("-")) {
        None => decode(io::stdin().lock()),
        Some(path) => {
            let file = File::open(path).map_err(|error| {
                Failure::new(Status::Usage, format!("cannot read the messages in {}", path.display()))
                    .with_source(error)
            })?;
            decode(file)
        }
    }
}

fn decode(input: impl Read) -> Result<Status, Failure> {
    let mut status = Status::Ok;
    // A line is a message, so it has the same limit as a message on a connection.
    let limit = Limits::default().message_bytes;
    let printed = print(BoundedLines::new(input, limit), limit, &mut status);
    // If the reader closed the pipe, the exit code still covers the lines decoded until then.
    exit_status(printed, status)
}

fn print(mut lines: BoundedLines<impl Read>, limit: usize, status: &mut Status) -> Result<(), OutputError> {
    let mut output = Output::stdout();
    for number in 1_u64.. {
        if lines.may_block() {
            // Reading the next line may block for a long time.
            output.flush()?;
        }
        let line = lines.next().map_err(|error| {
            Failure::new(Status::Usage, "cannot read the rest of the input").with_source(error)
        })?;
        let message = match line {
            None => break,
            Some(Line::Bytes(bytes)) if number == 1 && is_utf_16(bytes) => {
                let message = "the input is UTF-16, but messages are UTF-8; convert it, for example with \
                               `iconv -f UTF-16 -t UTF-8`";
                return Err(Failure::new(Status::BadData, message).into());
            }
            Some(Line::Bytes(bytes)) => parse_line(bytes),
            Some(Line::TooLong) => Err(format!("longer than {limit} bytes")),
        };
        match message {
            Ok(None) => {}
            Ok(Some(message)) => output.json(&NormalisedMessage(&message))?,
            Err(error) => {
                *status = Status::BadData;
                // Keeps the order of lines if standard output and standard error are the same file.
                let flushed = output.flush();
                // If standard error is closed, the exit code still reports the failure.
                let _ = writeln!(io::stderr(), "line {number}: {}", printable(&error, MAX_LINE));
                flushed?;
            }
        }
    }
    output.flush()
}

/// Returns whether the first line of a file begins like UTF-16, in either byte order, with or without a byte
/// order mark.
fn is_utf_16(start: &[u8]) -> bool {
    matches!(start, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..])
}

/// Parses the message on a line. Returns `None` for an empty line.
fn parse_line(line: &[u8]) -> Result<Option<Message>, String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    // Each of several concatenated files may begin with a byte order mark.
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(None);
    }
    Message::from_json(text).map(Some).map_err(|error| error.to_string())
}

/// A message as `decode` prints it.
struct NormalisedMessage<'a>(&'a Message);

impl Serialize for NormalisedMessage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Message::AccountBalance(event) => NormalisedEvent::new(event).serialize(serializer),
            Message::ActiveOrders(event) => NormalisedEvent::new(event).serialize(serializer),
            Message::HistoryOrders(event) => NormalisedEvent::new(event).serialize(serializer),
            Message::UserTrade(event) => NormalisedEvent::new(event).serialize(serializer),
            Message::Unknown(unknown) => NormalisedUnknown::new(unknown).serialize(serializer),
            other => other.serialize(serializer),
        }
    }
}

#[derive(Serialize)]
struct NormalisedEvent<'a, D> {
    event: &'static str,
    event_id: Option<&'a EventId>,
    timestamp: Timestamp,
    /// The `timestamp` as RFC 3339 in UTC; null outside the years 0000 to 9999.
    time: Option<String>,
    /// The event's `datetime`, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    datetime: Option<&'a Datetime>,
    data: &'a D,
    /// Unknown fields of the envelope.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a Extra>,
}

impl<'a, D: EventData> NormalisedEvent<'a, D> {
    fn new(event: &'a Event<D>) -> Self {
        let Event { event_id, timestamp, datetime, data, extra, .. } = event;
        Self {
            event: event.name(),
            event_id: event_id.as_ref(),
            timestamp: *timestamp,
            time: timestamp.to_rfc3339(),
            datetime: datetime.as_ref(),
            data,
            extra: Some(extra).filter(|extra| !extra.is_empty()),
        }
    }
}

#[derive(Serialize)]
struct NormalisedUnknown<'a> {
    event: &'a str,
    unknown: bool,
    raw: &'a UnknownMessage,
}

impl<'a> NormalisedUnknown<'a> {
    fn new(raw: &'a UnknownMessage) -> Self {
        Self { event: raw.event(), unknown: true, raw }
    }
}
