use bitopro_model::{EventId, PrivateStream, Stream};

use crate::exchange::feed::MarketPush;
use crate::exchange::feed::series::Series;
use crate::{AccountId, Push};

/// A stream of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccountStream {
    pub(crate) account: AccountId,
    pub(crate) stream: PrivateStream,
}

/// The subject of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Topic {
    Account(AccountStream),
    Market(Series),
}

/// The streams and pairs that a socket follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) stream: Stream,
    /// The stream of an account, or all requested series of a public stream.
    pub(crate) topics: Vec<Topic>,
}

impl Channel {
    /// Returns the account, if the stream is private.
    pub(crate) fn account(&self) -> Option<AccountId> {
        self.topics.first().and_then(Topic::account)
    }
}

impl From<AccountStream> for Channel {
    fn from(stream: AccountStream) -> Self {
        Self { stream: stream.stream.into(), topics: vec![Topic::Account(stream)] }
    }
}

impl Topic {
    pub(crate) fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(stream) => Some(stream.account),
            Self::Market(_) => None,
        }
    }

    pub(crate) fn series(&self) -> Option<&Series> {
        match self {
            Self::Account(_) => None,
            Self::Market(series) => Some(series),
        }
    }

    pub(crate) fn stream(&self) -> Stream {
        match self {
            Self::Account(stream) => stream.stream.into(),
            Self::Market(series) => series.stream.into(),
        }
    }
}

/// A message to all sockets that follow a topic.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: Topic,
    pub(crate) event_id: Option<EventId>,
    pub(crate) text: String,
}

impl From<&Push> for Message {
    fn from(push: &Push) -> Self {
        let topic = Topic::Account(AccountStream { account: push.account, stream: push.stream });
        Self { topic, event_id: push.event_id().cloned(), text: push.text.clone() }
    }
}

impl From<MarketPush> for Message {
    fn from(MarketPush { series, event_id, text }: MarketPush) -> Self {
        Self { topic: Topic::Market(series), event_id, text }
    }
}

/// The sockets that a command addresses: those of an account or of all, and of a stream or of all.
///
/// Sockets of public streams have no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Addressees {
    pub(crate) account: Option<AccountId>,
    pub(crate) stream: Option<Stream>,
}

impl Addressees {
    pub(crate) const ALL: Self = Self { account: None, stream: None };

    pub(crate) fn include(self, channel: &Channel) -> bool {
        self.account.is_none_or(|account| channel.account() == Some(account))
            && self.stream.is_none_or(|stream| stream == channel.stream)
    }
}
