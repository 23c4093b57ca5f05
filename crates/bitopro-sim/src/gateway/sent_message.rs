use bitopro_model::PrivateStream;

use crate::Push;

/// An event that the exchange sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentMessage {
    /// The stream.
    pub stream: PrivateStream,
    /// The event's `eventID`, where events have one.
    pub event_id: Option<String>,
    /// The number of sockets that it was sent to.
    pub sockets: usize,
}

impl SentMessage {
    pub(crate) fn new(push: &Push, sockets: usize) -> Self {
        Self { stream: push.stream, event_id: push.event_id().map(str::to_owned), sockets }
    }
}
