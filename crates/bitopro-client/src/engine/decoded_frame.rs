use bitopro_model::{DecodeError, Message, Pair, Stream};
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
    Ping,
    /// A pong, or a kind of frame that this version does not know.
    Other,
}

/// Decodes the frames of a link.
#[derive(Debug, Clone)]
pub(crate) struct FrameDecoder {
    stream: Stream,
    /// The pair of a public stream that follows only one.
    only_pair: Option<Pair>,
}

impl FrameDecoder {
    pub(crate) fn new(stream: Stream, only_pair: Option<Pair>) -> Self {
        Self { stream, only_pair }
    }

    pub(crate) fn decode(&self, frame: Frame) -> DecodedFrame {
        match frame {
            Frame::Text(text) => match self.decode_text(&text) {
                Ok(message) => DecodedFrame::Message(message, text.len()),
                Err(error) => {
                    DecodedFrame::Malformed(Malformed { reason: error.into(), raw: text.into_bytes() })
                }
            },
            Frame::Binary(raw) => DecodedFrame::Malformed(Malformed { reason: MalformedReason::Binary, raw }),
            Frame::Close(close) => DecodedFrame::Close(close),
            Frame::Ping(_) => DecodedFrame::Ping,
            _ => DecodedFrame::Other,
        }
    }

    fn decode_text(&self, text: &str) -> Result<Message, DecodeError> {
        match self.stream {
            Stream::Public(stream) => Message::from_public_stream(stream, self.only_pair.as_ref(), text),
            stream => Message::from_stream(stream, text),
        }
    }
}

impl DecodedFrame {
    /// Returns the size of the message in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Message(_, bytes) => *bytes,
            Self::Malformed(malformed) => malformed.raw.len(),
            Self::Close(_) | Self::Ping | Self::Other => 0,
        }
    }
}
