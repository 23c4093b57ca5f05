use bitopro_model::{EventId, Pair, Stream};

use crate::AccountId;
use crate::gateway::channel::Message;

/// A message that the exchange sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentMessage {
    /// The account that the message is about, or `None` on a public stream.
    pub account: Option<AccountId>,
    /// The stream that the message belongs to.
    pub stream: Stream,
    /// The pair that a message of a public stream is about, in lowercase.
    pub pair: Option<Pair>,
    /// The message's `eventID`, if any.
    pub event_id: Option<EventId>,
    /// Number of sockets that the message was sent to.
    pub sockets: usize,
}

impl SentMessage {
    pub(crate) fn new(Message { topic, event_id, .. }: Message, sockets: usize) -> Self {
        Self {
            account: topic.account(),
            stream: topic.stream(),
            pair: topic.series().map(|series| series.pair.clone()),
            event_id,
            sockets,
        }
    }
}
