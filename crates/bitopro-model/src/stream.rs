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
