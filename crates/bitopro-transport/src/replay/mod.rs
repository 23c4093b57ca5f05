//! Replays a recording: connections over an in-memory network, with the recorded timing, and responses to HTTP requests.

mod http_client;

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::memory::{IncomingDial, MemoryServer, Peer};
use crate::recording::{Record, RecordedEvent, RecordedFrame};
use crate::request::redacted;
use crate::{Error, ErrorKind, Frame};

pub use http_client::ReplayHttpClient;

/// Maximum delay of a dial relative to its recorded time.
const DIAL_TOLERANCE: Duration = Duration::from_secs(60);

/// A recording that can be played to a client.
///
/// # Examples
///
/// ```
/// use bitopro_transport::{Connector, Frame, Request, memory, replay::Replay};
/// use futures_util::StreamExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let recording = r#"{"at_ms":0,"dial":1,"dialed":"wss://stream.example/ws"}
/// {"at_ms":0,"dial":1,"opened":null}
/// {"at_ms":20,"dial":1,"received":{"text":"hello"}}"#;
/// let replay = Replay::read(recording.as_bytes())?;
///
/// let (connector, mut server) = memory::network();
/// let request = Request::new("wss://stream.example/ws".parse()?);
/// let (connection, open) = tokio::join!(connector.connect(request), replay.play(&mut server));
/// assert_eq!(connection?.next().await.ok_or("ended")??, Frame::text("hello"));
/// assert_eq!(open?.len(), 1); // the recording ends before the connection does
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Replay(Vec<Record>);

impl Replay {
    /// Reads a recording: one [`Record`] per line, as JSON.
    ///
    /// # Errors
    ///
    /// Returns the reader's error, or an error of kind [`InvalidData`](io::ErrorKind::InvalidData) that names
    /// the first line that is not a record.
    pub fn read(reader: impl BufRead) -> io::Result<Self> {
        let record = |(number, line): (usize, io::Result<String>)| {
            serde_json::from_str(&line?).map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {error}", number + 1))
            })
        };
        reader.lines().enumerate().map(record).collect::<io::Result<_>>().map(Self)
    }

    /// Plays the server's part of the recording.
    ///
    /// For each recorded dial, waits for the client's next dial to the same URL and answers it as in the
    /// recording. Then sends the received frames at their recorded times, which count from the first dial.
    /// Does not compare the frames that the client sends with the recording.
    ///
    /// Returns the connections that are still open at the end of the recording. Dropping a peer ends its
    /// connection.
    ///
    /// # Errors
    ///
    /// Returns [`ErrorKind::TimedOut`] if a dial is more than 60 s late, or [`ErrorKind::Disconnected`] if all
    /// connectors were dropped before it. An error ends all open connections.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops all received dials and ends all open connections.
    pub async fn play(self, server: &mut MemoryServer) -> Result<Vec<Peer>, Error> {
        let mut waiting: Vec<IncomingDial> = Vec::new();
        let mut dials: BTreeMap<u64, IncomingDial> = BTreeMap::new();
        let mut peers: BTreeMap<u64, Peer> = BTreeMap::new();
        let mut start: Option<Instant> = None;
        for Record { at_ms, dial, event } in self.0 {
            if let RecordedEvent::Dialed(url) = event {
                let due = start.map_or_else(Instant::now, |start| start + Duration::from_millis(at_ms));
                let latest = due.max(Instant::now()) + DIAL_TOLERANCE;
                let missing =
                    |kind, reason| Error::new(kind, format!("recorded dial {dial} to {url} {reason}"));
                let incoming = timeout_at(latest, next_dial_to(&url, server, &mut waiting)).await;
                let incoming =
                    incoming.map_err(|_| missing(ErrorKind::TimedOut, "did not arrive within 60 s"))?;
                let dropped =
                    || missing(ErrorKind::Disconnected, "cannot arrive: all connectors were dropped");
                dials.insert(dial, incoming.ok_or_else(dropped)?);
                start.get_or_insert_with(Instant::now);
                continue;
            }
            if let Some(start) = start {
                sleep_until(start + Duration::from_millis(at_ms)).await;
            }
            match event {
                RecordedEvent::Opened(()) => {
                    if let Some(incoming) = dials.remove(&dial) {
                        peers.insert(dial, incoming.accept());
                    }
                }
                RecordedEvent::Refused(status) => {
                    if let (Some(incoming), Ok(status)) = (dials.remove(&dial), StatusCode::from_u16(status))
                    {
                        incoming.refuse(status);
                    }
                }
                RecordedEvent::Ended(()) => {
                    peers.remove(&dial);
                }
                RecordedEvent::Failed(message) => {
                    peers.remove(&dial);
                    if let Some(incoming) = dials.remove(&dial) {
                        incoming.fail(Error::new(ErrorKind::Connect, message));
                    }
                }
                RecordedEvent::Received(frame) => {
                    if let (Some(peer), Some(frame)) = (peers.get_mut(&dial), decode_frame(frame)) {
                        // A client that has already dropped the connection misses the frame.
                        let _ = peer.send(frame).await;
                    }
                }
                RecordedEvent::Dialed(_)
                | RecordedEvent::Sent(_)
                | RecordedEvent::Requested(_)
                | RecordedEvent::Responded(_) => {}
            }
        }
        Ok(peers.into_values().collect())
    }
}

/// Waits for the next dial to this URL. Dials to other URLs are added to `waiting`.
async fn next_dial_to(
    url: &str,
    server: &mut MemoryServer,
    waiting: &mut Vec<IncomingDial>,
) -> Option<IncomingDial> {
    let matches = |dial: &IncomingDial| redacted(dial.request().url()) == url;
    if let Some(index) = waiting.iter().position(matches) {
        return Some(waiting.remove(index));
    }
    loop {
        let dial = server.next_dial().await?;
        if matches(&dial) {
            return Some(dial);
        }
        waiting.push(dial);
    }
}

/// Decodes a recorded frame, or returns `None` if its payload is not valid hex.
fn decode_frame(frame: RecordedFrame) -> Option<Frame> {
    let bytes = |text: String| hex::decode(text).map(Bytes::from).ok();
    Some(match frame {
        RecordedFrame::Text(text) => Frame::text(text),
        RecordedFrame::Binary(text) => Frame::Binary(bytes(text)?),
        RecordedFrame::Ping(text) => Frame::Ping(bytes(text)?),
        RecordedFrame::Pong(text) => Frame::Pong(bytes(text)?),
        RecordedFrame::Close(close) => {
            close.map_or(Frame::Close(None), |(code, reason)| Frame::close(code, reason))
        }
    })
}
