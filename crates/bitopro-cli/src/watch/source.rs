//! The streams that a command watches: those of an account, or public ones.

use bitopro_client::model::{Stream, Timestamp};
use bitopro_client::{
    Account, Changes, Client, CurrentAccount, CurrentMarket, Market, PublicClient, Reader, Stats, StreamItem,
    StreamState, Subscription,
};

pub(super) enum Source {
    Account(Subscription<Account>),
    Market(Subscription<Market>),
}

/// The client of a source.
pub(super) enum AnyClient {
    Private(Client),
    Public(PublicClient),
}

/// Reads the current state of a source.
pub(super) enum SourceReader {
    Account(Reader<Account>),
    Market(Reader<Market>),
}

/// The current state of a source.
pub(super) enum States {
    Account(CurrentAccount),
    Market(CurrentMarket),
}

impl AnyClient {
    /// Returns what derives the changes from the items of an account.
    pub(super) fn changes(&self) -> Option<Changes> {
        match self {
            Self::Private(client) => Some(client.changes()),
            Self::Public(_) => None,
        }
    }

    pub(super) fn stats(&self) -> Stats {
        match self {
            Self::Private(client) => client.stats(),
            Self::Public(client) => client.stats(),
        }
    }
}

impl Source {
    /// Returns the next item. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<StreamItem> {
        match self {
            Self::Account(subscription) => subscription.next().await.map(StreamItem::from),
            Self::Market(subscription) => subscription.next().await.map(StreamItem::from),
        }
    }

    pub(super) fn request_close(&self) {
        match self {
            Self::Account(subscription) => subscription.request_close(),
            Self::Market(subscription) => subscription.request_close(),
        }
    }

    pub(super) fn reader(&self) -> SourceReader {
        match self {
            Self::Account(subscription) => SourceReader::Account(subscription.reader()),
            Self::Market(subscription) => SourceReader::Market(subscription.reader()),
        }
    }
}

impl SourceReader {
    pub(super) fn states(&self) -> States {
        match self {
            Self::Account(reader) => States::Account(reader.current()),
            Self::Market(reader) => States::Market(reader.current()),
        }
    }
}

impl States {
    /// Returns the state of a stream, if it is known.
    pub(super) fn get(&self, stream: Stream) -> Option<StreamState> {
        match (self, stream) {
            (Self::Account(current), Stream::Private(stream)) => current.stream(stream),
            (Self::Market(current), Stream::Public(stream)) => current.stream(stream),
            _ => None,
        }
    }

    pub(super) fn read_at(&self) -> Option<Timestamp> {
        match self {
            Self::Account(current) => current.read_at,
            Self::Market(current) => current.read_at,
        }
    }

    /// Returns whether every requested pair of a market has arrived, or is reported as missing.
    pub(super) fn is_market_fresh(&self) -> bool {
        matches!(self, Self::Market(current) if current.is_fresh())
    }
}
