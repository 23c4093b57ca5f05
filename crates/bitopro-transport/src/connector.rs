use std::sync::Arc;

use async_trait::async_trait;
use futures_core::Stream;

use crate::{Error, Frame, Request};

/// Opens WebSocket connections.
///
/// Implement it with the [async-trait](mod@async_trait) crate to use another transport. The tests of the
/// `contract` module (feature `contract`) specify the required behaviour and can be run on any
/// implementation.
///
/// # Examples
///
/// A connector that wraps another and counts its dials:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use async_trait::async_trait;
/// use bitopro_transport::{Connection, Connector, Error, Request};
///
/// struct CountingConnector<C> {
///     inner: C,
///     dials: AtomicU64,
/// }
///
/// #[async_trait]
/// impl<C: Connector> Connector for CountingConnector<C> {
///     async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
///         self.dials.fetch_add(1, Ordering::Relaxed);
///         self.inner.connect(request).await
///     }
/// }
///
/// # #[cfg(not(feature = "memory"))] fn main() {}
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (inner, mut server) = bitopro_transport::memory::network();
/// let connector = CountingConnector { inner, dials: AtomicU64::new(0) };
/// let request = Request::new("wss://stream.example/ws".parse()?);
/// let accept = async { server.next_dial().await.map(|dial| dial.accept()) };
/// let (connection, _peer) = tokio::join!(connector.connect(request), accept);
/// assert!(connection.is_ok());
/// assert_eq!(connector.dials.into_inner(), 1);
/// # Ok(()) }
/// ```
#[async_trait]
pub trait Connector: Send + Sync {
    /// Dials, upgrades and returns the open connection, within the request's deadline.
    ///
    /// Redirects are never followed.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] whose kind states which step failed. If the server refuses the upgrade, the error
    /// contains the status, the headers and the beginning of the body; see [`Error::refusal`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the dial and releases all of its resources.
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error>;
}

/// An open WebSocket connection: a stream of received frames that can also send frames.
///
/// - The connection answers pings automatically while it is polled. Pings still appear in the stream, as a sign
///   that the server is alive.
/// - A close frame from the server is the last item of the stream. A connection that ends without one yields
///   an [`Error`] of kind [`Disconnected`](crate::ErrorKind::Disconnected), and then the stream ends.
/// - Polling is cancel-safe: dropping a future that waits for a frame loses no frame.
/// - Dropping the connection closes the socket immediately, without a close frame.
///
/// # Examples
///
/// ```
/// # #[cfg(not(feature = "memory"))] fn main() {}
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use bitopro_transport::{Connector, Frame, Request, memory};
/// use futures_util::StreamExt;
///
/// # let (connector, mut server) = memory::network();
/// # let request = Request::new("wss://stream.example/ws".parse()?);
/// # let accept = async { server.next_dial().await.map(|dial| dial.accept()) };
/// # let (connection, peer) = tokio::join!(connector.connect(request), accept);
/// # let (mut connection, mut peer) = (connection?, peer.ok_or("no dial")?);
/// # peer.send(Frame::text("hello")).await?;
/// # peer.close(1000, "done").await?;
/// connection.send(Frame::text("hi")).await?;
/// while let Some(frame) = connection.next().await {
///     match frame? {
///         Frame::Text(text) => println!("received {text}"),
///         Frame::Close(_) => println!("closed by the server"),
///         _ => {}
///     }
/// }
/// # assert_eq!(peer.recv().await, Some(Frame::text("hi")));
/// # Ok(()) }
/// ```
#[async_trait]
pub trait Connection: Stream<Item = Result<Frame, Error>> + Send + Unpin {
    /// Sends a frame and flushes it. No frame can be sent after a close frame.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] if the connection is closed or closing.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the frame may or may not be sent.
    async fn send(&mut self, frame: Frame) -> Result<(), Error>;
}

#[async_trait]
impl<C: Connector + ?Sized> Connector for Arc<C> {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        (**self).connect(request).await
    }
}

#[async_trait]
impl<C: Connector + ?Sized> Connector for Box<C> {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        (**self).connect(request).await
    }
}
