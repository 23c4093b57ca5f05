use std::error::Error as _;

use bitopro_model::DecodeError;
use bitopro_rest as rest;
use bitopro_transport as transport;

/// The reason why a call of the REST API failed.
///
/// `Display` states what happened, in the words of the exchange if there are any, and what to do; `{:#}` adds the
/// causes. Match on the kind, never on the text.
pub type RestError = transport::Error<RestErrorKind>;

/// The kind of a [`RestError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RestErrorKind {
    /// The REST API is off, because its base URL or its HTTP client has to be set.
    Off,
    /// The call was invalid, or the server responded with an error or an unreadable reply.
    Call(rest::ErrorKind),
    /// There was no complete response.
    Transport(transport::ErrorKind),
}

impl RestErrorKind {
    /// Returns the name of the kind, such as `call` or `transport`, which never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Call(_) => "call",
            Self::Transport(_) => "transport",
        }
    }

    /// Returns whether the same call may succeed later.
    pub const fn is_transient(self) -> bool {
        use transport::ErrorKind as Cause;
        match self {
            Self::Off => false,
            Self::Call(kind) => kind.is_transient(),
            Self::Transport(kind) => matches!(
                kind,
                Cause::Connect
                    | Cause::Disconnected
                    | Cause::Proxy
                    | Cause::TimedOut
                    | Cause::Tls
                    | Cause::Protocol
            ),
        }
    }

    /// Returns whether the exchange may have carried out the call nevertheless.
    ///
    /// If the call was to place an order, look for the order before placing it again.
    pub const fn is_outcome_unknown(self) -> bool {
        use transport::ErrorKind as Cause;
        match self {
            Self::Off => false,
            Self::Call(kind) => kind.is_outcome_unknown(),
            Self::Transport(kind) => {
                matches!(kind, Cause::Disconnected | Cause::TimedOut | Cause::Protocol | Cause::TooLarge)
            }
        }
    }

    /// Returns whether the key, its secret or its permissions are at fault.
    pub const fn is_auth(self) -> bool {
        matches!(self, Self::Call(kind) if kind.is_auth())
    }
}

/// Creates the error of a call that was invalid, or that the server answered with an error.
pub(super) fn call(error: &rest::Error) -> RestError {
    let message = error.to_string();
    let failed = RestError::new(RestErrorKind::Call(error.kind()), message);
    match error.source().and_then(|cause| cause.downcast_ref::<DecodeError>()) {
        Some(cause) => failed.with_source(cause.clone()),
        None => failed,
    }
}

/// Creates the error of a request without a complete response.
pub(super) fn transport(error: transport::Error) -> RestError {
    let kind = RestErrorKind::Transport(error.kind());
    let message = if kind.is_outcome_unknown() {
        "no complete response, so the exchange may have carried out the call"
    } else {
        "the call was not sent"
    };
    RestError::new(kind, message).with_source(error)
}
