use std::fmt::Write as _;

use bitopro_model::Pair;
use bitopro_rest as rest;
use bitopro_transport as transport;

use super::rules::BrokenRule;
use crate::{RestError, RestErrorKind};

/// The reason why a call that places or cancels orders had no effect.
///
/// An error always means that nothing was placed or cancelled. If that is not certain, the result is
/// [`Outcome::Unknown`](crate::Outcome::Unknown) instead. `Display` states what happened, in the words of the exchange
/// if there are any, and what to do; `{:#}` adds the causes. Match on the kind, never on the text.
pub type OrderError = transport::Error<OrderErrorKind>;

/// The kind of an [`OrderError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderErrorKind {
    /// The order breaks this rule of its pair, and was not sent. The error's text lists all rules that it breaks, and
    /// [`broken_rules`](crate::broken_rules) returns them.
    BrokenRule(BrokenRule),
    /// The call was not sent, for example because it is invalid or the connection failed.
    NotSent(RestErrorKind),
    /// The exchange answered that it did not carry out the call.
    Rejected(rest::ErrorKind),
}

impl OrderErrorKind {
    /// Returns the name of the kind, such as `broken_rule` or `rejected`, which never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BrokenRule(_) => "broken_rule",
            Self::NotSent(_) => "not_sent",
            Self::Rejected(_) => "rejected",
        }
    }

    /// Returns whether the same call may succeed later.
    ///
    /// Repeating it is safe, because an error means that it had no effect.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::BrokenRule(_) => false,
            Self::NotSent(kind) => kind.is_transient(),
            Self::Rejected(kind) => kind.is_transient(),
        }
    }

    /// Returns whether the key, its secret or its permissions are at fault.
    pub const fn is_auth(self) -> bool {
        matches!(self, Self::Rejected(kind) if kind.is_auth())
    }
}

/// Creates the error of a call without an effect.
pub(super) fn without_effect(error: RestError) -> OrderError {
    let kind = match error.kind() {
        RestErrorKind::Call(kind) if !kind.is_invalid() => OrderErrorKind::Rejected(kind),
        kind => OrderErrorKind::NotSent(kind),
    };
    let message = error.to_string();
    OrderError::new(kind, message).with_source(error)
}

/// Creates the error of an order whose pair has no known rules.
pub(super) fn without_rules(pair: &Pair, error: RestError) -> OrderError {
    let message = format!("the order for {pair} was not sent, because the rules of the pair cannot be read");
    OrderError::new(OrderErrorKind::NotSent(error.kind()), message).with_source(error)
}

/// Creates the error of an order that breaks rules, or returns `None` if it breaks none.
pub(super) fn broken(pair: &Pair, rules: &[BrokenRule]) -> Option<OrderError> {
    let first = rules.first()?;
    let mut message = format!("the order for {pair} was not sent");
    for (number, broken) in rules.iter().enumerate() {
        let separator = if number == 0 { ": " } else { "; and " };
        // Writing to a string cannot fail.
        let _ = write!(message, "{separator}{broken}");
    }
    Some(OrderError::new(OrderErrorKind::BrokenRule(*first), message))
}
