use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{Sink, SinkExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame as WireClose, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::{CloseFrame, Connection, Error, ErrorKind, Frame, Text};

/// What a connection holds in memory at most.
///
/// A larger message ends the connection, and what does not fit into the write buffer is not sent: both are an error of
/// kind [`TooLarge`](ErrorKind::TooLarge).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Size of the largest message, in bytes, in however many frames it comes. Defaults to 16 MiB, enough for 10,000
    /// open orders of the usual length three times over; a snapshot of 150 currencies has 16 kB.
    pub message_bytes: usize,
    /// Number of bytes that may wait to be written. Defaults to 64 KiB.
    pub write_buffer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 16 << 20, write_buffer_bytes: 64 << 10 }
    }
}

/// tungstenite fills its read buffer with zeros before every read: at its default of 128 KiB that costs
/// five times the work of a small one, and the memory beside it.
const READ_BUFFER_BYTES: usize = 8 << 10;

impl Limits {
    /// Sets the size of the largest message, in bytes.
    #[must_use]
    pub const fn with_message_bytes(mut self, bytes: usize) -> Self {
        self.message_bytes = bytes;
        self
    }

    /// Sets the number of bytes that may wait to be written.
    #[must_use]
    pub const fn with_write_buffer_bytes(mut self, bytes: usize) -> Self {
        self.write_buffer_bytes = bytes;
        self
    }

    fn config(self) -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            // tungstenite panics at 0, and 1 holds as little.
            .max_write_buffer_size(self.write_buffer_bytes.max(1))
            .max_message_size(Some(self.message_bytes))
            .max_frame_size(Some(self.message_bytes))
    }
}

/// An open WebSocket over any byte stream: the client's end, or a server's.
pub struct TungsteniteConnection<S> {
    socket: WebSocketStream<S>,
    /// Whether an answer could not be written whole yet.
    owes_answer: bool,
    ended: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> TungsteniteConnection<S> {
    /// The client's end of a byte stream that was upgraded, and the bytes already read beyond the upgrade.
    pub async fn client(stream: S, read_ahead: Bytes, limits: Limits) -> Self {
        Self::new(stream, read_ahead, Role::Client, limits).await
    }

    /// The server's end of a byte stream that was upgraded, and the bytes already read beyond the upgrade.
    pub async fn server(stream: S, read_ahead: Bytes, limits: Limits) -> Self {
        Self::new(stream, read_ahead, Role::Server, limits).await
    }

    async fn new(stream: S, read_ahead: Bytes, role: Role, limits: Limits) -> Self {
        let config = Some(limits.config());
        let socket = WebSocketStream::from_partially_read(stream, read_ahead.into(), role, config).await;
        Self { socket, owes_answer: false, ended: false }
    }

    /// Sends the answer to a ping or a close now rather than at the next read. A failure shows there.
    fn flush_answer(&mut self, context: &mut Context<'_>) {
        self.owes_answer = Pin::new(&mut self.socket).poll_flush(context).is_pending();
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
        if self.owes_answer {
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
        let gone = || Error::new(ErrorKind::Disconnected, CLOSED);
        self.socket.send(into_message(frame)).await.map_err(|error| from_error(error).unwrap_or_else(gone))
    }
}

fn from_message(message: Message) -> Result<Option<Frame>, Error> {
    Ok(Some(match message {
        Message::Text(text) => Frame::Text(text_of(text.into())?),
        Message::Binary(bytes) => Frame::Binary(bytes),
        Message::Ping(bytes) => Frame::Ping(bytes),
        Message::Pong(bytes) => Frame::Pong(bytes),
        Message::Close(close) => Frame::Close(close.map(close_of).transpose()?),
        // Only ever given by a lower-level reader than the one used here.
        Message::Frame(_) => return Ok(None),
    }))
}

fn close_of(close: WireClose) -> Result<CloseFrame, Error> {
    Ok(CloseFrame { code: close.code.into(), reason: text_of(close.reason.into())? })
}

fn text_of(bytes: Bytes) -> Result<Text, Error> {
    Text::try_from(bytes)
        .map_err(|error| Error::new(ErrorKind::Protocol, "a text message is not UTF-8").with_source(error))
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

/// `None` for an end that was agreed on by both sides.
fn from_error(error: WsError) -> Option<Error> {
    let (kind, message) = match &error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => return None,
        WsError::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let message = format!(
                "a message of {size} bytes exceeds the limit of {max_size} bytes; raise it with `Limits::message_bytes`"
            );
            return Some(Error::new(ErrorKind::TooLarge, message));
        }
        // Ours, after a close frame in either direction.
        WsError::Protocol(ProtocolError::SendAfterClosing) => (ErrorKind::Disconnected, CLOSED),
        WsError::Io(_) | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            (ErrorKind::Disconnected, "the connection ended without a close frame")
        }
        WsError::Capacity(_) => (ErrorKind::TooLarge, "a limit is exceeded"),
        WsError::WriteBufferFull(_) => (ErrorKind::TooLarge, "too much waits to be written"),
        WsError::Utf8(_) => (ErrorKind::Protocol, "a text message is not UTF-8"),
        _ => (ErrorKind::Protocol, "the other side broke the WebSocket protocol"),
    };
    Some(Error::new(kind, message).with_source(error))
}

#[cfg(test)]
mod tests;
