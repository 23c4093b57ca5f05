use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use bytestring::ByteString;

/// A WebSocket message or control frame. Fragmented messages are already joined.
///
/// # Examples
///
/// ```
/// use bitopro_transport::Frame;
///
/// let frame = Frame::text("hello");
/// let Frame::Text(text) = &frame else { panic!("not a text frame") };
/// assert_eq!(text.len(), 5); // a `Text` dereferences to `str`
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// A text message.
    Text(Text),
    /// A binary message.
    Binary(Bytes),
    /// A ping. The connection answers it automatically.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// A close frame, with a code and a reason if they were given. No frame follows it.
    Close(Option<CloseFrame>),
}

impl Frame {
    /// Creates a text frame.
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Text(text.into())
    }

    /// Creates a close frame from a code, such as 1000 for a normal closure, and a reason.
    pub fn close(code: u16, reason: impl Into<Text>) -> Self {
        Self::Close(Some(CloseFrame { code, reason: reason.into() }))
    }
}

/// The code and the reason of a close frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    /// The status code of RFC 6455, section 7.4: 1000 for normal, 1001 for going away, 1011 for a server
    /// error.
    pub code: u16,
    /// A human-readable reason, often empty.
    pub reason: Text,
}

/// A UTF-8 string that shares the received bytes and is cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(ByteString);

impl Text {
    /// Returns the text as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Converts the text into its UTF-8 bytes without copying.
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
