use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One of the exchange's private streams. Its URL is its subscription: nothing is sent to ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PrivateStream {
    /// `account-balance`: the event `ACCOUNT_BALANCE`.
    AccountBalance,
    /// `active-orders`: the event `ACTIVE_ORDERS`.
    ActiveOrders,
    /// `history-orders`: the event `RECENT_HISTORY_ORDERS`.
    HistoryOrders,
    /// `user-trades`: the event `USER_TRADE`.
    UserTrades,
}

impl PrivateStream {
    /// Every stream that this version knows.
    pub const ALL: &'static [Self] =
        &[Self::AccountBalance, Self::ActiveOrders, Self::HistoryOrders, Self::UserTrades];

    /// The stream's name: `account-balance`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountBalance => "account-balance",
            Self::ActiveOrders => "active-orders",
            Self::HistoryOrders => "history-orders",
            Self::UserTrades => "user-trades",
        }
    }

    /// The stream's path below the base endpoint.
    pub const fn path(self) -> &'static str {
        match self {
            Self::AccountBalance => "/v1/pub/auth/account-balance",
            Self::ActiveOrders => "/v1/pub/auth/orders",
            Self::HistoryOrders => "/v1/pub/auth/orders/histories",
            Self::UserTrades => "/v1/pub/auth/user-trades",
        }
    }

    /// The name of the event that the stream carries: `ACCOUNT_BALANCE`.
    pub const fn event(self) -> &'static str {
        match self {
            Self::AccountBalance => "ACCOUNT_BALANCE",
            Self::ActiveOrders => "ACTIVE_ORDERS",
            Self::HistoryOrders => "RECENT_HISTORY_ORDERS",
            Self::UserTrades => "USER_TRADE",
        }
    }
}

impl fmt::Display for PrivateStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no stream that this version knows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no private stream is called `{0}`")]
pub struct UnknownStream(String);

impl FromStr for PrivateStream {
    type Err = UnknownStream;

    fn from_str(name: &str) -> Result<Self, UnknownStream> {
        Self::ALL
            .iter()
            .copied()
            .find(|stream| stream.name() == name)
            .ok_or_else(|| UnknownStream(name.to_owned()))
    }
}
