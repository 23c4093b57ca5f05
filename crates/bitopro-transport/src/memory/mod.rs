//! An in-memory network for tests.
//!
//! A test drives the server's end: it accepts or refuses dials, sends frames, stalls, or drops connections. The server
//! of [`http_network`] answers HTTP requests.

mod http_client;

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

pub use http_client::{IncomingRequest, MemoryHttpClient, MemoryHttpServer, http_network};

/// Maximum number of buffered frames in each direction. As with a socket, `send` waits while the buffer
/// is full.
const BUFFERED_FRAMES: usize = 256;

/// Creates a network: a connector, and the server that receives its dials.
///
/// # Examples
///
/// ```
/// use bitopro_transport::{Connector, ErrorKind, Request, memory};
/// use http::StatusCode;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (connector, mut server) = memory::network();
/// let refuse = async {
///     let dial = server.next_dial().await?;
///     dial.refuse(StatusCode::UNAUTHORIZED);
///     Some(())
/// };
/// let request = Request::new("wss://stream.example/ws".parse()?);
/// let (dialed, _) = tokio::join!(connector.connect(request), refuse);
/// assert_eq!(dialed.map(|_| ()).unwrap_err().kind(), ErrorKind::Refused);
/// # Ok(()) }
/// ```
pub fn network() -> (MemoryConnector, MemoryServer) {
    let (dials, incoming) = mpsc::unbounded_channel();
    (MemoryConnector { dials }, MemoryServer { incoming })
}

/// A connector that dials the [`MemoryServer`] of its [`network`], regardless of the URL.
///
/// Clones dial the same server.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bitopro_transport::{Connector, ErrorKind, Request, memory};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (connector, _server) = memory::network();
/// let request = Request::new("wss://stream.example/ws".parse()?).with_deadline(Duration::from_secs(1));
/// // The server never answers.
/// let error = connector.connect(request).await.map(|_| ()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::TimedOut);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryConnector {
    dials: mpsc::UnboundedSender<IncomingDial>,
}

#[async_trait]
impl Connector for MemoryConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let deadline = request.deadline();
        let (answer, answered) = oneshot::channel();
        let dropped = |_| Error::new(ErrorKind::Connect, "the memory server was dropped");
        self.dials.send(IncomingDial { request, answer }).map_err(dropped)?;
        match timeout(deadline, answered).await {
            Ok(Ok(Ok(connection))) => Ok(Box::new(connection)),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) => Err(Error::new(
                ErrorKind::Disconnected,
                "the server dropped the connection during the upgrade",
            )),
            Err(_) => {
                let seconds = deadline.as_secs_f64();
                let message = format!("no response to the upgrade request within {seconds} s");
                Err(Error::new(ErrorKind::TimedOut, message))
            }
        }
    }
}

/// The server of an in-memory network.
///
/// # Examples
///
/// ```
/// use bitopro_transport::{Connector, Frame, Request, memory};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (connector, mut server) = memory::network();
/// let request = Request::new("wss://stream.example/ws".parse()?);
/// let accept = async {
///     let dial = server.next_dial().await?;
///     assert_eq!(dial.request().url().path(), "/ws");
///     Some(dial.accept())
/// };
/// let (connection, peer) = tokio::join!(connector.connect(request), accept);
///
/// let mut peer = peer.ok_or("no dial")?;
/// connection?.send(Frame::text("hello")).await?;
/// assert_eq!(peer.recv().await, Some(Frame::text("hello")));
/// assert_eq!(peer.recv().await, None); // the client has dropped the connection
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct MemoryServer {
    incoming: mpsc::UnboundedReceiver<IncomingDial>,
}

impl MemoryServer {
    /// Waits for the next dial. Returns `None` if all connectors were dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no dial.
    pub async fn next_dial(&mut self) -> Option<IncomingDial> {
        self.incoming.recv().await
    }

    /// Returns the next dial, or `None` if no dial is waiting.
    pub fn try_next_dial(&mut self) -> Option<IncomingDial> {
        self.incoming.try_recv().ok()
    }
}

/// A dial that waits for the server's response.
///
/// Keep it to let the client's deadline pass. Drop it to break the connection during the upgrade.
pub struct IncomingDial {
    request: Request,
    answer: oneshot::Sender<Result<MemoryConnection, Error>>,
}

impl IncomingDial {
    /// Returns the client's request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Completes the upgrade and returns the server's end of the connection.
    pub fn accept(self) -> Peer {
        let (to_client, incoming) = mpsc::channel(BUFFERED_FRAMES);
        let (outgoing, from_client) = mpsc::channel(BUFFERED_FRAMES);
        // If the client has cancelled the dial, the peer reports a dropped connection.
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

    /// Fails the dial with this error.
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

/// The error of a [`Peer`] whose client has dropped the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("the client has dropped the connection")]
pub struct PeerClosedError;

impl Peer {
    /// Sends a frame. Waits while the client has 256 unread frames.
    ///
    /// # Errors
    ///
    /// Returns [`PeerClosedError`] if the client has dropped the connection.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the frame is not sent.
    pub async fn send(&mut self, frame: Frame) -> Result<(), PeerClosedError> {
        self.to_client.send(frame).await.map_err(|_| PeerClosedError)
    }

    /// Waits for the client's next frame. Returns `None` if the client has dropped the connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no frame.
    pub async fn recv(&mut self) -> Option<Frame> {
        self.from_client.recv().await
    }

    /// Sends a close frame. The client ignores later frames.
    ///
    /// # Errors
    ///
    /// Returns [`PeerClosedError`] if the client has dropped the connection.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the frame is not sent.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), PeerClosedError> {
        self.send(Frame::close(code, reason)).await
    }
}

#[derive(Debug)]
struct MemoryConnection {
    incoming: Option<mpsc::Receiver<Frame>>,
    outgoing: mpsc::Sender<Frame>,
}

impl MemoryConnection {
    /// Answers a ping or a close frame, unless the buffer is full. Like a socket, it never waits.
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
            let lost = Error::new(ErrorKind::Disconnected, "no close frame was received");
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
        let closed = |_| Error::new(ErrorKind::Disconnected, "the connection is already closed");
        self.outgoing.send(frame).await.map_err(closed)
    }
}
