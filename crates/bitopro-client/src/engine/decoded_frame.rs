use bitopro_model::{Message, PrivateStream};
use bitopro_transport::{CloseFrame, Frame};

use crate::item::{Malformed, MalformedReason};

/// The decoded content of a frame. Decoding depends on nothing but the frame, so a driver can do it without
/// the lock.
#[derive(Debug)]
pub(crate) enum DecodedFrame {
    /// A message, and the size of its text in bytes.
    Message(Message, usize),
    Malformed(Malformed),
    Close(Option<CloseFrame>),
    /// A ping, a pong, or a kind of frame that this version does not know.
    Other,
}

impl DecodedFrame {
    /// Decodes a frame of a stream.
    pub(crate) fn decode(stream: PrivateStream, frame: Frame) -> Self {
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

    /// Returns the size of the message in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Message(_, bytes) => *bytes,
            Self::Malformed(malformed) => malformed.raw.len(),
            Self::Close(_) | Self::Other => 0,
        }
    }
}
