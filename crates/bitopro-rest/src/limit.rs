use std::fmt;
use std::time::Duration;

/// A documented rate limit: at most `count` calls per `period`, counted per `scope`.
///
/// Calls that share a limit return equal values, so a limiter can use the value itself as its key. The
/// documents do not say whether a call that has a separate limit also counts against the general one; this crate
/// assumes that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limit {
    /// The calls that the limit counts, such as `all calls`.
    pub calls: &'static str,
    /// The origin of the calls that are counted together.
    pub scope: LimitScope,
    /// Maximum number of calls in a period.
    pub count: u32,
    /// The length of a period. The documents do not say whether it is a fixed or a sliding window.
    pub period: Duration,
}

/// The origin of the calls that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitScope {
    /// Calls from the same IP address, signed or not.
    Address,
    /// Signed calls of the same account.
    Account,
}

impl Limit {
    /// The limit on all calls from one address.
    pub(crate) const GENERAL: [Self; 2] = Self::per_address_and_account("all calls", 600, 60);

    /// Returns whether the limit counts all calls, not only those of some endpoints.
    pub fn is_general(self) -> bool {
        Self::GENERAL.contains(&self)
    }

    pub(crate) const fn per_address(calls: &'static str, count: u32, secs: u64) -> Self {
        Self { calls, scope: LimitScope::Address, count, period: Duration::from_secs(secs) }
    }

    /// Creates the two limits of "per IP & UID", read as strictly as possible: each counts on its own.
    pub(crate) const fn per_address_and_account(calls: &'static str, count: u32, secs: u64) -> [Self; 2] {
        let address = Self::per_address(calls, count, secs);
        [address, Self { scope: LimitScope::Account, ..address }]
    }
}

impl fmt::Display for Limit {
    /// Formats the limit: `all calls: 600 per 60 s and address`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, scope, count, period } = self;
        write!(f, "{calls}: {count} per {} s and {scope}", period.as_secs())
    }
}

impl fmt::Display for LimitScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Address => "address",
            Self::Account => "account",
        })
    }
}
