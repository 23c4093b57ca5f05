//! Plays a recording back through a network in memory, at its own pace.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::memory::{IncomingDial, MemoryServer, Peer};
use crate::recording::{Record, Recorded, RecordedFrame};
use crate::{Error, ErrorKind, Frame};

/// How much later than in the recording a dial may come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A recording, ready to be played.
#[derive(Debug, Clone)]
pub struct Replay(Vec<Record>);

impl Replay {
    /// Reads a recording, one record a line.
    ///
    /// # Errors
    /// Those of the reader, and one that names the line for a line that is no record.
    pub fn read(reader: impl BufRead) -> io::Result<Self> {
        let record = |(number, line): (usize, io::Result<String>)| {
            serde_json::from_str(&line?).map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {error}", number + 1))
            })
        };
        reader.lines().enumerate().map(record).collect::<io::Result<_>>().map(Self)
    }

    /// Plays the server's part: answers each recorded dial when its like comes, to the same URL, and sends
    /// what was received when it was received. What the client sends is its own affair.
    ///
    /// The clock starts with the first dial. Gives the connections that are still open at the end of the
    /// recording; dropping them ends them.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] if a dial does not come within a minute of its time, and
    /// [`ErrorKind::Disconnected`] if it cannot come, since every connector is gone. Open connections end then.
    pub async fn play(self, server: &mut MemoryServer) -> Result<Vec<Peer>, Error> {
        let mut waiting: Vec<IncomingDial> = Vec::new();
        let mut dials: BTreeMap<u64, IncomingDial> = BTreeMap::new();
        let mut peers: BTreeMap<u64, Peer> = BTreeMap::new();
        let mut start: Option<Instant> = None;
        for Record { at_ms, dial, what } in self.0 {
            if let Recorded::Dialed(url) = what {
                let due = start.map_or_else(Instant::now, |start| start + Duration::from_millis(at_ms));
                let latest = due.max(Instant::now()) + PATIENCE;
                let never =
                    |kind, why| Error::new(kind, format!("dial {dial} of the recording, to {url}, {why}"));
                let dialed = timeout_at(latest, dial_to(&url, server, &mut waiting)).await;
                let dialed = dialed.map_err(|_| never(ErrorKind::TimedOut, "has not come for a minute"))?;
                let gone = || never(ErrorKind::Disconnected, "cannot come: every connector is gone");
                dials.insert(dial, dialed.ok_or_else(gone)?);
                start.get_or_insert_with(Instant::now);
                continue;
            }
            if let Some(start) = start {
                sleep_until(start + Duration::from_millis(at_ms)).await;
            }
            match what {
                Recorded::Opened(()) => {
                    if let Some(dialed) = dials.remove(&dial) {
                        peers.insert(dial, dialed.accept());
                    }
                }
                Recorded::Refused(status) => {
                    if let (Some(dialed), Ok(status)) = (dials.remove(&dial), StatusCode::from_u16(status)) {
                        dialed.refuse(status);
                    }
                }
                Recorded::Ended(()) => {
                    peers.remove(&dial);
                }
                Recorded::Failed(message) => {
                    peers.remove(&dial);
                    if let Some(dialed) = dials.remove(&dial) {
                        dialed.fail(Error::new(ErrorKind::Connect, message));
                    }
                }
                Recorded::Received(frame) => {
                    if let (Some(peer), Some(frame)) = (peers.get_mut(&dial), frame_of(frame)) {
                        // A client that has hung up by now misses it, as it would have then.
                        let _ = peer.send(frame).await;
                    }
                }
                Recorded::Dialed(_) | Recorded::Sent(_) => {}
            }
        }
        Ok(peers.into_values().collect())
    }
}

/// The next dial to this URL. Others that come meanwhile wait for their turn.
async fn dial_to(
    url: &str,
    server: &mut MemoryServer,
    waiting: &mut Vec<IncomingDial>,
) -> Option<IncomingDial> {
    let is_it = |dial: &IncomingDial| crate::request::shown(dial.request().url()) == url;
    if let Some(place) = waiting.iter().position(is_it) {
        return Some(waiting.remove(place));
    }
    loop {
        let dial = server.next_dial().await?;
        if is_it(&dial) {
            return Some(dial);
        }
        waiting.push(dial);
    }
}

/// `None` for bytes that are not the hex they should be.
fn frame_of(frame: RecordedFrame) -> Option<Frame> {
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
