use bitopro_model::{Message, PrivateStream};
use bitopro_transport::{CloseFrame, Frame};

use crate::item::{Malformed, MalformedReason};

/// The content of a frame. Reading it needs nothing but the frame, so a driver can do that outside of any lock.
#[derive(Debug)]
pub(crate) enum Received {
    /// A message, and the size of its text.
    Message(Message, usize),
    Malformed(Malformed),
    Close(Option<CloseFrame>),
    /// A ping, a pong, or a frame of a later version of the transport.
    Other,
}

impl Received {
    /// Reads a frame that arrived on a stream.
    pub(crate) fn read(stream: PrivateStream, frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => match Message::from_stream(stream, &text) {
                Ok(message) => Self::Message(message, text.len()),
                Err(error) => Self::Malformed(Malformed { reason: error.into(), raw: text.into_bytes() }),
            },
            Frame::Binary(raw) => Self::Malformed(Malformed { reason: MalformedReason::Binary, raw }),
            Frame::Close(close) => Self::Close(close),
            _ => Self::Other,
        }
    }

    /// Returns the size of the message.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Message(_, bytes) => *bytes,
            Self::Malformed(malformed) => malformed.raw.len(),
            Self::Close(_) | Self::Other => 0,
        }
    }
}
