//! Connections in memory, whose other end a test holds: it answers dials, sends frames, stalls, drops.
//! The crate's front page has an example.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use futures_core::Stream;
use http::StatusCode;
use thiserror::Error as ThisError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::{Connection, Connector, Error, ErrorKind, Frame, Refusal, Request};

/// How many frames may be under way in one direction before `send` waits, as a socket's buffer would.
const FRAMES_UNDER_WAY: usize = 256;

/// A network of one server: what the connector dials, the server is asked to answer.
pub fn network() -> (MemoryConnector, MemoryServer) {
    let (dials, incoming) = mpsc::unbounded_channel();
    (MemoryConnector { dials }, MemoryServer { incoming })
}

/// Dials the [`MemoryServer`] that it was made with, whatever the URL. Clones dial the same one.
#[derive(Debug, Clone)]
pub struct MemoryConnector {
    dials: mpsc::UnboundedSender<IncomingDial>,
}

#[async_trait]
impl Connector for MemoryConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let deadline = request.deadline();
        let (answer, answered) = oneshot::channel();
        let gone = |_| Error::new(ErrorKind::Connect, "the server of the memory network is gone");
        self.dials.send(IncomingDial { request, answer }).map_err(gone)?;
        match timeout(deadline, answered).await {
            Ok(Ok(Ok(connection))) => Ok(Box::new(connection)),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(Error::new(ErrorKind::Disconnected, "the connection broke during the upgrade")),
            Err(_) => Err(Error::new(ErrorKind::TimedOut, "the upgrade request was not answered in time")),
        }
    }
}

/// The server's side of a memory network.
#[derive(Debug)]
pub struct MemoryServer {
    incoming: mpsc::UnboundedReceiver<IncomingDial>,
}

impl MemoryServer {
    /// The next dial, or `None` once every connector is gone. Cancel-safe.
    pub async fn next_dial(&mut self) -> Option<IncomingDial> {
        self.incoming.recv().await
    }

    /// The next dial, if there is one already.
    pub fn try_next_dial(&mut self) -> Option<IncomingDial> {
        self.incoming.try_recv().ok()
    }
}

/// A dial that waits for its answer. Keep it to let the client's deadline pass; drop it to break the
/// connection during the upgrade.
pub struct IncomingDial {
    request: Request,
    answer: oneshot::Sender<Result<MemoryConnection, Error>>,
}

impl IncomingDial {
    /// What was asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Completes the upgrade and gives the server's end of the connection.
    pub fn accept(self) -> Peer {
        let (to_client, incoming) = mpsc::channel(FRAMES_UNDER_WAY);
        let (outgoing, from_client) = mpsc::channel(FRAMES_UNDER_WAY);
        // A client that gave up shows as a peer that is gone.
        let _ = self.answer.send(Ok(MemoryConnection { incoming: Some(incoming), outgoing }));
        Peer { to_client, from_client }
    }

    /// Refuses the upgrade with this status.
    pub fn refuse(self, status: StatusCode) {
        self.refuse_with(Refusal::new(status));
    }

    /// Refuses the upgrade with this status, headers and body.
    pub fn refuse_with(self, mut refusal: Refusal) {
        refusal.body.truncate(Refusal::BODY_LIMIT);
        self.fail(Error::refused(refusal));
    }

    /// Lets the dial fail in this way.
    pub fn fail(self, error: Error) {
        let _ = self.answer.send(Err(error));
    }
}

impl fmt::Debug for IncomingDial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingDial").field("request", &self.request).finish_non_exhaustive()
    }
}

/// The server's end of a connection. Dropping it ends the connection without a close frame.
#[derive(Debug)]
pub struct Peer {
    to_client: mpsc::Sender<Frame>,
    from_client: mpsc::Receiver<Frame>,
}

/// The client has dropped the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("the client has dropped the connection")]
pub struct PeerClosedError;

impl Peer {
    /// Sends a frame; waits while the client does not read.
    ///
    /// # Errors
    /// [`PeerClosedError`] if the client has dropped the connection.
    pub async fn send(&mut self, frame: Frame) -> Result<(), PeerClosedError> {
        self.to_client.send(frame).await.map_err(|_| PeerClosedError)
    }

    /// The next frame of the client, or `None` once it has dropped the connection. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Frame> {
        self.from_client.recv().await
    }

    /// Sends a close frame, after which nothing more is sent.
    ///
    /// # Errors
    /// [`PeerClosedError`] if the client has dropped the connection.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), PeerClosedError> {
        self.send(Frame::close(code, reason)).await
    }
}

/// The client's end of a connection in memory.
#[derive(Debug)]
struct MemoryConnection {
    incoming: Option<mpsc::Receiver<Frame>>,
    outgoing: mpsc::Sender<Frame>,
}

impl MemoryConnection {
    /// Answers as a socket would: unless its buffer is full, and without waiting.
    fn answer(&self, frame: Frame) {
        let _ = self.outgoing.try_send(frame);
    }
}

impl Stream for MemoryConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
        let Some(frame) = ready!(incoming.poll_recv(context)) else {
            self.incoming = None;
            let lost = Error::new(ErrorKind::Disconnected, "the connection ended without a close frame");
            return Poll::Ready(Some(Err(lost)));
        };
        match &frame {
            Frame::Ping(payload) => self.answer(Frame::Pong(payload.clone())),
            Frame::Close(close) => {
                self.answer(Frame::Close(close.clone()));
                self.incoming = None;
            }
            Frame::Text(_) | Frame::Binary(_) | Frame::Pong(_) => {}
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

#[async_trait]
impl Connection for MemoryConnection {
    async fn send(&mut self, frame: Frame) -> Result<(), Error> {
        let gone = |_| Error::new(ErrorKind::Disconnected, "the connection is already closed");
        self.outgoing.send(frame).await.map_err(gone)
    }
}
