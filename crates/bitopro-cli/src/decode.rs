use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use bitopro_client::model::{Event, EventData, Extra, Message, Timestamp, UnknownMessage};
use serde::{Serialize, Serializer};

use crate::args::DecodeArgs;
use crate::exit::{Failure, Status};
use crate::output::{Output, OutputError, exit_status};

pub(crate) fn run(args: &DecodeArgs) -> Result<Status, Failure> {
    match args.file.as_deref().filter(|path| *path != Path::new("-")) {
        None => decode(BufReader::new(io::stdin().lock())),
        Some(path) => {
            let file = File::open(path).map_err(|error| {
                Failure::new(Status::Usage, format!("cannot read the messages in {}", path.display()))
                    .with_source(error)
            })?;
            decode(BufReader::new(file))
        }
    }
}

fn decode(input: BufReader<impl Read>) -> Result<Status, Failure> {
    let mut status = Status::Ok;
    let printed = print(input, &mut status);
    // If the reader closed the pipe, the exit code still covers the lines decoded until then.
    exit_status(printed, status)
}

fn print(mut input: BufReader<impl Read>, status: &mut Status) -> Result<(), OutputError> {
    let mut output = Output::stdout();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if input.buffer().is_empty() {
            // Reading the next line may block for a long time.
            output.flush()?;
        }
        let read = input.read_until(b'\n', &mut line).map_err(|error| {
            Failure::new(Status::Usage, "cannot read the rest of the input").with_source(error)
        })?;
        if read == 0 {
            break;
        }
        match parse_line(&line) {
            Ok(None) => {}
            Ok(Some(message)) => output.json(&NormalisedMessage(&message))?,
            Err(error) => {
                *status = Status::BadData;
                // Keeps the order of lines if standard output and standard error are the same file.
                let flushed = output.flush();
                // If standard error is closed, the exit code still reports the failure.
                let _ = writeln!(io::stderr(), "line {number}: {error}");
                flushed?;
            }
        }
    }
    output.flush()
}

/// Parses the message on a line. Returns `None` for an empty line.
fn parse_line(line: &[u8]) -> Result<Option<Message>, String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?.trim();
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
    event_id: Option<&'a str>,
    timestamp: Timestamp,
    /// The `timestamp` as RFC 3339 in UTC; null outside the years 0000 to 9999.
    time: Option<String>,
    /// The event's `datetime`, verbatim.
    #[serde(skip_serializing_if = "Option::is_none")]
    datetime: Option<&'a str>,
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
            event_id: event_id.as_deref(),
            timestamp: *timestamp,
            time: timestamp.to_rfc3339(),
            datetime: datetime.as_deref(),
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
