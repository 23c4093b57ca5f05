use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One of the exchange's private WebSocket streams.
///
/// The exchange starts sending events as soon as a stream's URL is connected. No further request is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PrivateStream {
    /// The stream `account-balance` with the event `ACCOUNT_BALANCE`.
    AccountBalance,
    /// The stream `active-orders` with the event `ACTIVE_ORDERS`.
    ActiveOrders,
    /// The stream `history-orders` with the event `RECENT_HISTORY_ORDERS`.
    HistoryOrders,
    /// The stream `user-trades` with the event `USER_TRADE`.
    UserTrades,
}

impl PrivateStream {
    /// All streams that this version of the crate knows.
    pub const ALL: &'static [Self] =
        &[Self::AccountBalance, Self::ActiveOrders, Self::HistoryOrders, Self::UserTrades];

    /// Returns the stream's name, such as `account-balance`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountBalance => "account-balance",
            Self::ActiveOrders => "active-orders",
            Self::HistoryOrders => "history-orders",
            Self::UserTrades => "user-trades",
        }
    }

    /// Returns the stream's URL path, relative to the base URL.
    pub const fn path(self) -> &'static str {
        match self {
            Self::AccountBalance => "/v1/pub/auth/account-balance",
            Self::ActiveOrders => "/v1/pub/auth/orders",
            Self::HistoryOrders => "/v1/pub/auth/orders/histories",
            Self::UserTrades => "/v1/pub/auth/user-trades",
        }
    }

    /// Returns the name of the stream's event, such as `ACCOUNT_BALANCE`.
    pub const fn event(self) -> &'static str {
        match self {
            Self::AccountBalance => "ACCOUNT_BALANCE",
            Self::ActiveOrders => "ACTIVE_ORDERS",
            Self::HistoryOrders => "RECENT_HISTORY_ORDERS",
            Self::UserTrades => "USER_TRADE",
        }
    }

    /// Returns whether a connection of this stream begins with a snapshot.
    ///
    /// If not, the exchange never sends the events that happened while disconnected.
    pub const fn has_snapshot(self) -> bool {
        match self {
            Self::AccountBalance | Self::ActiveOrders | Self::HistoryOrders => true,
            Self::UserTrades => false,
        }
    }
}

/// One of the exchange's public WebSocket streams, which need no credentials.
///
/// A socket follows one stream for one or several pairs. Each event is about one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PublicStream {
    /// The stream `order-books` with the event `ORDER_BOOK`.
    OrderBooks,
    /// The stream `tickers` with the event `TICKER`.
    Tickers,
    /// The stream `trades` with the event `TRADE`.
    Trades,
}

impl PublicStream {
    /// All streams that this version of the crate knows.
    pub const ALL: &'static [Self] = &[Self::OrderBooks, Self::Tickers, Self::Trades];

    /// Returns the stream's name, such as `order-books`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrderBooks => "order-books",
            Self::Tickers => "tickers",
            Self::Trades => "trades",
        }
    }

    /// Returns the stream's URL path, relative to the base URL and without the pairs.
    ///
    /// One pair follows as `/BTC_TWD`, and several as `?pairs=BTC_TWD,ETH_TWD`. A pair of the order books may have a
    /// depth: `BTC_TWD:20`.
    pub const fn path(self) -> &'static str {
        match self {
            Self::OrderBooks => "/v1/pub/order-books",
            Self::Tickers => "/v1/pub/tickers",
            Self::Trades => "/v1/pub/trades",
        }
    }

    /// Returns the name of the stream's event, such as `ORDER_BOOK`.
    pub const fn event(self) -> &'static str {
        match self {
            Self::OrderBooks => "ORDER_BOOK",
            Self::Tickers => "TICKER",
            Self::Trades => "TRADE",
        }
    }
}

/// A private or a public stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stream {
    /// A private stream.
    Private(PrivateStream),
    /// A public stream.
    Public(PublicStream),
}

impl Stream {
    /// Returns all streams that this version of the crate knows.
    pub fn all() -> impl Iterator<Item = Self> {
        let private = PrivateStream::ALL.iter().copied().map(Self::from);
        private.chain(PublicStream::ALL.iter().copied().map(Self::from))
    }

    /// Returns the stream's name, such as `account-balance`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Private(stream) => stream.name(),
            Self::Public(stream) => stream.name(),
        }
    }

    /// Returns the name of the stream's event, such as `ACCOUNT_BALANCE`.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Private(stream) => stream.event(),
            Self::Public(stream) => stream.event(),
        }
    }

    /// Returns whether a connection of this stream begins with a snapshot.
    ///
    /// Public streams begin with one snapshot for each pair.
    pub const fn has_snapshot(self) -> bool {
        match self {
            Self::Private(stream) => stream.has_snapshot(),
            Self::Public(_) => true,
        }
    }
}

impl From<PrivateStream> for Stream {
    fn from(stream: PrivateStream) -> Self {
        Self::Private(stream)
    }
}

impl From<PublicStream> for Stream {
    fn from(stream: PublicStream) -> Self {
        Self::Public(stream)
    }
}

impl From<PrivateStream> for Option<Stream> {
    fn from(stream: PrivateStream) -> Self {
        Some(stream.into())
    }
}

impl From<PublicStream> for Option<Stream> {
    fn from(stream: PublicStream) -> Self {
        Some(stream.into())
    }
}

impl PartialEq<PrivateStream> for Stream {
    fn eq(&self, other: &PrivateStream) -> bool {
        *self == Self::Private(*other)
    }
}

impl PartialEq<PublicStream> for Stream {
    fn eq(&self, other: &PublicStream) -> bool {
        *self == Self::Public(*other)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for PublicStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for PrivateStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The error returned when a [`PrivateStream`] is parsed from an unknown name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown private stream `{0}`; expected one of {names}", names = all_names())]
pub struct UnknownStreamError(String);

fn all_names() -> String {
    PrivateStream::ALL.iter().map(|stream| format!("`{stream}`")).collect::<Vec<_>>().join(", ")
}

impl FromStr for PrivateStream {
    type Err = UnknownStreamError;

    fn from_str(name: &str) -> Result<Self, UnknownStreamError> {
        Self::ALL
            .iter()
            .copied()
            .find(|stream| stream.name() == name)
            .ok_or_else(|| UnknownStreamError(name.to_owned()))
    }
}
