//! Records connections and HTTP requests as JSON lines, one [`Record`] per line, for fixtures and bug reports.
//!
//! Frames and bodies are recorded unchanged. Request headers are never recorded, because they contain the signature.

mod http_client;

use std::fmt;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use futures_core::Stream;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::request::redacted;
use crate::{CloseFrame, Connection, Connector, Error, Frame, Request};

pub use http_client::{RecordedBody, RecordedRequest, RecordedResponse, RecordingHttpClient};

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Milliseconds since the first record.
    pub at_ms: u64,
    /// The number of the dial or HTTP request that the event belongs to, counted from 1.
    pub dial: u64,
    /// The recorded event.
    #[serde(flatten)]
    pub event: RecordedEvent,
}

/// An event of a dial, a connection or an HTTP request, as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordedEvent {
    /// A dial to this URL began. User, password and query are removed from the URL.
    Dialed(String),
    /// The server accepted the upgrade.
    Opened(()),
    /// The server refused the upgrade with this status.
    Refused(u16),
    /// The dial, the connection, an attempt to send or the HTTP request failed with this message.
    Failed(String),
    /// The connection ended without an error.
    Ended(()),
    /// A frame arrived.
    Received(RecordedFrame),
    /// A frame was sent. Pongs that the connection sends automatically are not recorded.
    Sent(RecordedFrame),
    /// An HTTP request was sent.
    Requested(RecordedRequest),
    /// The response to the HTTP request arrived.
    Responded(RecordedResponse),
}

/// The recorded form of a [`Frame`].
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
    /// A close frame, with the code and the reason if they were given.
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

/// A handle that writes a recording. Clones write to the same recording.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Inner>>);

struct Inner {
    writer: Box<dyn Write + Send>,
    started_at: Option<Instant>,
    dials: u64,
    state: State,
}

enum State {
    Recording,
    /// The writer failed, and `finish` has not returned the error yet.
    Failed(io::Error),
    /// The writer failed with this kind, and `finish` has returned the error.
    Reported(io::ErrorKind),
}

impl Recorder {
    /// Creates a recorder that writes one line per record to `writer`.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            writer: Box::new(writer),
            started_at: None,
            dials: 0,
            state: State::Recording,
        })))
    }

    /// Flushes the writer and reports whether the recording is complete.
    ///
    /// A connection keeps working if its recording fails, so only this method reports the failure.
    ///
    /// # Errors
    ///
    /// Returns the writer's first error, after which nothing more is recorded. Later calls return an error of
    /// the same kind.
    pub fn finish(&self) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(inner.state, State::Recording)
            && let Err(error) = inner.writer.flush()
        {
            inner.state = State::Failed(error);
        }
        let kind = match &inner.state {
            State::Recording => return Ok(()),
            State::Failed(error) => error.kind(),
            State::Reported(kind) => *kind,
        };
        Err(match std::mem::replace(&mut inner.state, State::Reported(kind)) {
            State::Failed(error) => error,
            _ => io::Error::new(kind, "the recording failed earlier; nothing has been recorded since"),
        })
    }

    /// Counts a new dial or HTTP request and returns its number.
    fn next_dial(&self) -> u64 {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.dials += 1;
        inner.dials
    }

    fn write(&self, dial: u64, event: RecordedEvent) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(inner.state, State::Recording) {
            return;
        }
        let now = Instant::now();
        let started_at = *inner.started_at.get_or_insert(now);
        let at_ms = u64::try_from(now.duration_since(started_at).as_millis()).unwrap_or(u64::MAX);
        let line = serde_json::to_string(&Record { at_ms, dial, event }).map_err(io::Error::other);
        if let Err(error) = line.and_then(|line| writeln!(inner.writer, "{line}")) {
            inner.state = State::Failed(error);
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

/// A connector that records the dials and the connections of another connector.
///
/// # Examples
///
/// ```
/// # #[cfg(not(feature = "memory"))] fn main() {}
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::fs;
///
/// use bitopro_transport::recording::{Recorder, RecordingConnector};
/// use bitopro_transport::{Connector, Request, memory};
///
/// # let path = std::env::temp_dir().join(format!("bitopro-recording-{}.jsonl", std::process::id()));
/// let (connector, mut server) = memory::network();
/// let recorder = Recorder::new(fs::File::create(&path)?);
/// let connector = RecordingConnector::new(connector, recorder.clone());
///
/// let request = Request::new("wss://stream.example/ws?token=secret".parse()?);
/// let accept = async { server.next_dial().await.map(|dial| dial.accept()) };
/// let (connection, _peer) = tokio::join!(connector.connect(request), accept);
/// assert!(connection.is_ok());
/// recorder.finish()?;
///
/// let recording = fs::read_to_string(&path)?;
/// # fs::remove_file(&path)?;
/// let lines: Vec<&str> = recording.lines().collect();
/// assert_eq!(
///     lines,
///     [
///         r#"{"at_ms":0,"dial":1,"dialed":"wss://stream.example/ws"}"#,
///         r#"{"at_ms":0,"dial":1,"opened":null}"#,
///     ]
/// );
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RecordingConnector<C> {
    inner: C,
    recorder: Recorder,
}

impl<C: Connector> RecordingConnector<C> {
    /// Creates a connector that dials with `inner` and writes to `recorder`.
    pub fn new(inner: C, recorder: Recorder) -> Self {
        Self { inner, recorder }
    }
}

#[async_trait]
impl<C: Connector> Connector for RecordingConnector<C> {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let dial = self.recorder.next_dial();
        self.recorder.write(dial, RecordedEvent::Dialed(redacted(request.url())));
        match self.inner.connect(request).await {
            Ok(inner) => {
                self.recorder.write(dial, RecordedEvent::Opened(()));
                Ok(Box::new(RecordingConnection {
                    inner,
                    recorder: self.recorder.clone(),
                    dial,
                    end_recorded: false,
                }))
            }
            Err(error) => {
                let event = match error.refusal() {
                    Some(refusal) => RecordedEvent::Refused(refusal.status.as_u16()),
                    None => RecordedEvent::Failed(error.to_string()),
                };
                self.recorder.write(dial, event);
                Err(error)
            }
        }
    }
}

struct RecordingConnection {
    inner: Box<dyn Connection>,
    recorder: Recorder,
    dial: u64,
    end_recorded: bool,
}

impl Stream for RecordingConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.inner).poll_next(context));
        let event = match &item {
            Some(Ok(frame)) => RecordedEvent::Received(frame.into()),
            Some(Err(error)) => RecordedEvent::Failed(error.to_string()),
            None => RecordedEvent::Ended(()),
        };
        let is_end = !matches!(event, RecordedEvent::Received(_));
        if !is_end || !std::mem::replace(&mut self.end_recorded, true) {
            self.recorder.write(self.dial, event);
        }
        Poll::Ready(item)
    }
}

#[async_trait]
impl Connection for RecordingConnection {
    async fn send(&mut self, frame: Frame) -> Result<(), Error> {
        let record = RecordedEvent::Sent((&frame).into());
        let sent = self.inner.send(frame).await;
        let event = match &sent {
            Ok(()) => record,
            Err(error) => RecordedEvent::Failed(error.to_string()),
        };
        self.recorder.write(self.dial, event);
        sent
    }
}
