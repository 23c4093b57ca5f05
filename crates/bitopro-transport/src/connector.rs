use std::sync::Arc;

use async_trait::async_trait;
use futures_core::Stream;

use crate::{Error, Frame, Request};

/// Opens WebSocket connections. Implement it, with the crate [async-trait](mod@async_trait), to bring a transport
/// of your own; the tests of the module `contract` (feature `contract`) say what is expected, and run on yours.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Dials, upgrades and gives the open connection, within the request's deadline.
    ///
    /// Dropping the future gives the dial up and frees everything it held.
    ///
    /// # Errors
    /// An [`Error`] whose kind says what failed. A refusal by the server is an error with its status,
    /// headers and the beginning of its body. No redirect is ever followed.
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error>;
}

/// An open WebSocket connection: a stream of the frames that arrive, and a way to send.
///
/// - Pings are answered by the connection itself while it is polled, and still appear in the stream: they
///   are a sign of life.
/// - A close by the server is the last frame of the stream. A connection that ends without one gives an
///   [`Error`] of kind [`Disconnected`](crate::ErrorKind::Disconnected), then the end.
/// - Polling is cancel-safe: no frame is lost when a future that waits for one is dropped.
/// - Dropping the connection closes the socket at once, without a close frame.
#[async_trait]
pub trait Connection: Stream<Item = Result<Frame, Error>> + Send + Unpin {
    /// Sends a frame and flushes it. After a close, nothing more can be sent.
    ///
    /// # Errors
    /// An [`Error`] if the connection is gone or closing.
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
