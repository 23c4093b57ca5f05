use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One of the exchange's private streams. Its URL is its subscription: nothing is sent to ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PrivateStream {
    /// `account-balance`: the event `ACCOUNT_BALANCE`.
    AccountBalance,
}

impl PrivateStream {
    /// Every stream that this version knows.
    pub const ALL: [Self; 1] = [Self::AccountBalance];

    /// The stream's name, as in its path: `account-balance`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountBalance => "account-balance",
        }
    }

    /// The stream's path below the base endpoint.
    pub const fn path(self) -> &'static str {
        match self {
            Self::AccountBalance => "/v1/pub/auth/account-balance",
        }
    }

    /// The name of the event that the stream carries: `ACCOUNT_BALANCE`.
    pub const fn event(self) -> &'static str {
        match self {
            Self::AccountBalance => "ACCOUNT_BALANCE",
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
            .into_iter()
            .find(|stream| stream.name() == name)
            .ok_or_else(|| UnknownStream(name.to_owned()))
    }
}
