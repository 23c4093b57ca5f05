use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{Sink, SinkExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame as WireClose, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::{CloseFrame, Connection, Error, ErrorKind, Frame, Text};

/// The memory limits of a connection.
///
/// A message above its limit ends the connection; a frame that does not fit into the write buffer is not sent.
/// Both cause an error of kind [`TooLarge`](ErrorKind::TooLarge).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum size of a message in bytes, over all of its frames. Defaults to 16 MiB, three times the usual
    /// size of 10,000 open orders; a snapshot of 150 currencies takes 16 kB.
    pub message_bytes: usize,
    /// Maximum number of unsent bytes. Defaults to 64 KiB.
    pub write_buffer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 16 << 20, write_buffer_bytes: 64 << 10 }
    }
}

/// Size of the read buffer. tungstenite zeroes it before every read, so its default of 128 KiB costs five times
/// the work of a small buffer, and more memory.
const READ_BUFFER_BYTES: usize = 8 << 10;

impl Limits {
    /// Sets the maximum size of a message in bytes. Defaults to 16 MiB.
    #[must_use]
    pub const fn with_message_bytes(mut self, bytes: usize) -> Self {
        self.message_bytes = bytes;
        self
    }

    /// Sets the maximum number of unsent bytes. Defaults to 64 KiB.
    #[must_use]
    pub const fn with_write_buffer_bytes(mut self, bytes: usize) -> Self {
        self.write_buffer_bytes = bytes;
        self
    }

    fn config(self) -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            // tungstenite panics at 0; a buffer of 1 byte cannot hold a frame either.
            .max_write_buffer_size(self.write_buffer_bytes.max(1))
            .max_message_size(Some(self.message_bytes))
            .max_frame_size(Some(self.message_bytes))
    }
}

/// The client's or the server's end of a WebSocket connection over any byte stream.
pub struct TungsteniteConnection<S> {
    socket: WebSocketStream<S>,
    /// Set while an answer to a ping or a close frame is not completely written.
    answer_pending: bool,
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> TungsteniteConnection<S> {
    /// Creates the client's end of an upgraded byte stream.
    ///
    /// `read_ahead` contains the bytes that were already read after the upgrade response.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn client(stream: S, read_ahead: Bytes, limits: Limits) -> Self {
        Self::new(stream, read_ahead, Role::Client, limits).await
    }

    /// Creates the server's end of an upgraded byte stream.
    ///
    /// `read_ahead` contains the bytes that were already read after the upgrade request.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn server(stream: S, read_ahead: Bytes, limits: Limits) -> Self {
        Self::new(stream, read_ahead, Role::Server, limits).await
    }

    async fn new(stream: S, read_ahead: Bytes, role: Role, limits: Limits) -> Self {
        let config = Some(limits.config());
        let socket = WebSocketStream::from_partially_read(stream, read_ahead.into(), role, config).await;
        Self { socket, answer_pending: false, ended: false }
    }

    /// Flushes the answer to a ping or a close frame immediately, not at the next read. The next read reports
    /// failures.
    fn flush_answer(&mut self, context: &mut Context<'_>) {
        self.answer_pending = Pin::new(&mut self.socket).poll_flush(context).is_pending();
    }
}

impl<S> fmt::Debug for TungsteniteConnection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TungsteniteConnection").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for TungsteniteConnection<S> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.answer_pending {
            self.flush_answer(context);
        }
        let item = match ready!(Pin::new(&mut self.socket).poll_next(context)) {
            Some(Ok(message)) => from_message(message).transpose(),
            Some(Err(error)) => from_error(error).map(Err),
            None => None,
        };
        match &item {
            Some(Ok(Frame::Ping(_))) => self.flush_answer(context),
            Some(Ok(Frame::Close(_))) => {
                self.flush_answer(context);
                self.ended = true;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => self.ended = true,
        }
        Poll::Ready(item)
    }
}

#[async_trait]
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection for TungsteniteConnection<S> {
    async fn send(&mut self, frame: Frame) -> Result<(), Error> {
        let closed = || Error::new(ErrorKind::Disconnected, CLOSED);
        self.socket.send(into_message(frame)).await.map_err(|error| from_error(error).unwrap_or_else(closed))
    }
}

fn from_message(message: Message) -> Result<Option<Frame>, Error> {
    Ok(Some(match message {
        Message::Text(text) => Frame::Text(decode_text(text.into())?),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(bytes) => Frame::Ping(bytes),
        Message::Pong(bytes) => Frame::Pong(bytes),
        Message::Close(close) => {
            Frame::Close(close.filter(|close| !is_replaced(close)).map(from_close).transpose()?)
        }
        // Only tungstenite's lower-level reader returns raw frames.
        Message::Frame(_) => return Ok(None),
    }))
}

/// Returns whether tungstenite has replaced the received close code, because no peer may send it: 1005 and 1006,
/// for example, only describe a connection that ended without a code.
fn is_replaced(close: &WireClose) -> bool {
    close.code == CloseCode::Protocol && close.reason.as_str() == "Protocol violation"
}

fn from_close(close: WireClose) -> Result<CloseFrame, Error> {
    Ok(CloseFrame { code: close.code.into(), reason: decode_text(close.reason.into())? })
}

fn decode_text(bytes: Bytes) -> Result<Text, Error> {
    Text::try_from(bytes).map_err(|error| {
        Error::new(ErrorKind::Protocol, "a text message is not valid UTF-8").with_source(error)
    })
}

fn into_message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::text(text.as_str()),
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Ping(bytes) => Message::Ping(bytes),
        Frame::Pong(bytes) => Message::Pong(bytes),
        Frame::Close(close) => Message::Close(
            close.map(|close| WireClose { code: close.code.into(), reason: close.reason.as_str().into() }),
        ),
    }
}

const CLOSED: &str = "the connection is already closed";
const LOST: &str = "no close frame was received";

/// Converts an error of tungstenite, or returns `None` if both peers have closed the connection.
fn from_error(error: WsError) -> Option<Error> {
    let (kind, message) = match &error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => return None,
        WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let message = format!(
                "a message of {size} bytes exceeds the limit of {max_size} bytes; raise it with `Limits::message_bytes`"
            );
            return Some(Error::new(ErrorKind::TooLarge, message));
        }
        // The error of sending after a close frame in either direction.
        WsError::Protocol(ProtocolError::SendAfterClosing) => (ErrorKind::Disconnected, CLOSED),
        // The cause would only repeat the message.
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            return Some(Error::new(ErrorKind::Disconnected, LOST));
        }
        WsError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Some(Error::new(ErrorKind::Disconnected, LOST));
        }
        WsError::Io(_) => (ErrorKind::Disconnected, LOST),
        WsError::Capacity(_) => (ErrorKind::TooLarge, "a WebSocket limit is exceeded"),
        WsError::WriteBufferFull(_) => {
            (ErrorKind::TooLarge, "the write buffer is full; raise `Limits::write_buffer_bytes`")
        }
        WsError::Utf8(_) => (ErrorKind::Protocol, "a text message is not valid UTF-8"),
        _ => (ErrorKind::Protocol, "the peer violated the WebSocket protocol"),
    };
    let failed = Error::new(kind, message);
    Some(match error {
        // The text of the outer error would repeat the message.
        WsError::Io(cause) => failed.with_source(cause),
        WsError::Protocol(cause) => failed.with_source(cause),
        other => failed.with_source(other),
    })
}

#[cfg(test)]
mod tests;
