//! Writes what passes over connections as JSON lines, one [`Record`] each, for fixtures and bug reports.
//!
//! Frames are written as they are. The headers of a request, which hold the signature, never are.

use std::fmt;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use futures_core::Stream;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::request::shown;
use crate::{CloseFrame, Connection, Connector, Error, Frame, Request};

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Milliseconds since the recording began.
    pub at_ms: u64,
    /// The dial that it belongs to, from 1.
    pub dial: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: Recorded,
}

/// What happened on a connection, from the client's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Recorded {
    /// A dial began, to this URL, which is written without user, password and query.
    Dialed(String),
    /// The connection is open.
    Opened(()),
    /// The server refused the upgrade with this status.
    Refused(u16),
    /// The dial, the connection or an attempt to send failed.
    Failed(String),
    /// The connection came to its end without an error.
    Ended(()),
    /// A frame arrived.
    Received(RecordedFrame),
    /// A frame was sent. Answers to pings, which a connection gives by itself, are not recorded.
    Sent(RecordedFrame),
}

/// A frame in a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordedFrame {
    /// A text message.
    Text(String),
    /// A binary message, in hex.
    Binary(String),
    /// A ping, in hex.
    Ping(String),
    /// A pong, in hex.
    Pong(String),
    /// A close, with code and reason if they were given.
    Close(Option<(u16, String)>),
}

impl From<&Frame> for RecordedFrame {
    fn from(frame: &Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::Text(text.to_string()),
            Frame::Binary(bytes) => Self::Binary(hex::encode(bytes)),
            Frame::Ping(bytes) => Self::Ping(hex::encode(bytes)),
            Frame::Pong(bytes) => Self::Pong(hex::encode(bytes)),
            Frame::Close(close) => {
                Self::Close(close.as_ref().map(|CloseFrame { code, reason }| (*code, reason.to_string())))
            }
        }
    }
}

/// Where a recording goes. Clones write to the same place.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Tape>>);

struct Tape {
    writer: Box<dyn Write + Send>,
    began: Option<Instant>,
    dials: u64,
    state: State,
}

enum State {
    Recording,
    /// The writer failed, with an error that nobody has seen yet.
    Failed(io::Error),
    /// The writer failed in this way, and somebody knows.
    Reported(io::ErrorKind),
}

impl Recorder {
    /// A recording written to `writer`, one line a record.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Tape {
            writer: Box::new(writer),
            began: None,
            dials: 0,
            state: State::Recording,
        })))
    }

    /// Flushes what was written. A connection goes on when its recording fails, so ask here.
    ///
    /// # Errors
    /// The first error of the writer, after which nothing more is recorded; when asked again, one of the same
    /// kind that says so.
    pub fn finish(&self) -> io::Result<()> {
        let mut tape = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(tape.state, State::Recording)
            && let Err(error) = tape.writer.flush()
        {
            tape.state = State::Failed(error);
        }
        let kind = match &tape.state {
            State::Recording => return Ok(()),
            State::Failed(error) => error.kind(),
            State::Reported(kind) => *kind,
        };
        Err(match std::mem::replace(&mut tape.state, State::Reported(kind)) {
            State::Failed(error) => error,
            _ => io::Error::new(kind, "the recording had failed before; nothing was recorded since"),
        })
    }

    /// The number of a new dial.
    fn begin(&self) -> u64 {
        let mut tape = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tape.dials += 1;
        tape.dials
    }

    fn write(&self, dial: u64, what: Recorded) {
        let mut tape = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(tape.state, State::Recording) {
            return;
        }
        let now = Instant::now();
        let began = *tape.began.get_or_insert(now);
        let at_ms = u64::try_from(now.duration_since(began).as_millis()).unwrap_or(u64::MAX);
        let line = serde_json::to_string(&Record { at_ms, dial, what }).map_err(io::Error::other);
        if let Err(error) = line.and_then(|line| writeln!(tape.writer, "{line}")) {
            tape.state = State::Failed(error);
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

/// A connector that records what passes over the connections of another.
#[derive(Debug, Clone)]
pub struct RecordingConnector<C> {
    inner: C,
    recorder: Recorder,
}

impl<C: Connector> RecordingConnector<C> {
    /// Records what passes over the connections of `inner`.
    pub fn new(inner: C, recorder: Recorder) -> Self {
        Self { inner, recorder }
    }
}

#[async_trait]
impl<C: Connector> Connector for RecordingConnector<C> {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let dial = self.recorder.begin();
        self.recorder.write(dial, Recorded::Dialed(shown(request.url())));
        match self.inner.connect(request).await {
            Ok(inner) => {
                self.recorder.write(dial, Recorded::Opened(()));
                Ok(Box::new(RecordingConnection {
                    inner,
                    recorder: self.recorder.clone(),
                    dial,
                    is_over: false,
                }))
            }
            Err(error) => {
                let what = match error.refusal() {
                    Some(refusal) => Recorded::Refused(refusal.status.as_u16()),
                    None => Recorded::Failed(error.to_string()),
                };
                self.recorder.write(dial, what);
                Err(error)
            }
        }
    }
}

struct RecordingConnection {
    inner: Box<dyn Connection>,
    recorder: Recorder,
    dial: u64,
    /// Whether its end is recorded already.
    is_over: bool,
}

impl Stream for RecordingConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.inner).poll_next(context));
        let what = match &item {
            Some(Ok(frame)) => Recorded::Received(frame.into()),
            Some(Err(error)) => Recorded::Failed(error.to_string()),
            None => Recorded::Ended(()),
        };
        let is_end = !matches!(what, Recorded::Received(_));
        if !is_end || !std::mem::replace(&mut self.is_over, true) {
            self.recorder.write(self.dial, what);
        }
        Poll::Ready(item)
    }
}

#[async_trait]
impl Connection for RecordingConnection {
    async fn send(&mut self, frame: Frame) -> Result<(), Error> {
        let record = Recorded::Sent((&frame).into());
        let sent = self.inner.send(frame).await;
        let what = match &sent {
            Ok(()) => record,
            Err(error) => Recorded::Failed(error.to_string()),
        };
        self.recorder.write(self.dial, what);
        sent
    }
}
