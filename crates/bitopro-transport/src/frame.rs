use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use bytestring::ByteString;

/// One WebSocket message or control frame. Fragments are joined before they get here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// A text message.
    Text(Text),
    /// A binary message.
    Binary(Bytes),
    /// A ping, which the connection answers by itself.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// A close, with the reason if one was given. Nothing follows it.
    Close(Option<CloseFrame>),
}

impl Frame {
    /// A text frame.
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Text(text.into())
    }

    /// A close frame with a code (1000 is a normal closure) and a reason.
    pub fn close(code: u16, reason: impl Into<Text>) -> Self {
        Self::Close(Some(CloseFrame { code, reason: reason.into() }))
    }
}

/// Why a connection is being closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    /// The close code of RFC 6455, section 7.4: 1000 normal, 1001 going away, 1011 server error.
    pub code: u16,
    /// A text for people, often empty.
    pub reason: Text,
}

/// A UTF-8 text, cheap to clone, which shares the bytes that were received.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(ByteString);

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text's bytes, which are UTF-8.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl TryFrom<Bytes> for Text {
    type Error = std::str::Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        ByteString::try_from(bytes).map(Self)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
