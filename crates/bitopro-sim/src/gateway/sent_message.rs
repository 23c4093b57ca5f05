use bitopro_model::PrivateStream;

use crate::{AccountId, Push};

/// A message that the exchange sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentMessage {
    /// The account that the message is about.
    pub account: AccountId,
    /// The stream that the message belongs to.
    pub stream: PrivateStream,
    /// The message's `eventID`, if any.
    pub event_id: Option<String>,
    /// Number of sockets that the message was sent to.
    pub sockets: usize,
}

impl SentMessage {
    pub(crate) fn new(push: &Push, sockets: usize) -> Self {
        Self {
            account: push.account,
            stream: push.stream,
            event_id: push.event_id().map(str::to_owned),
            sockets,
        }
    }
}
