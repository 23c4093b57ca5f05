use std::fmt;
use std::time::Duration;

use bitopro_model::__private::slice_for_display;
use bitopro_model::DecodeError;
use http::StatusCode;

use crate::Endpoint;

/// Maximum number of bytes of the server's words that an error contains, before escaping.
const WORDS_LIMIT: usize = 160;
/// Maximum number of bytes of the problems of an invalid call.
const PROBLEMS_LIMIT: usize = 600;

/// The error returned for a call that is invalid, rejected or unreadable.
///
/// Decide by [`kind`](Self::kind); the words are for people. `Display` shows a single line of bounded length
/// with the endpoint, the kind, the status, the server's words and what to do. [`source`](std::error::Error::source)
/// returns the [`DecodeError`] of an unreadable reply. An error contains no header of the request, but the
/// server's words may repeat parts of it.
///
/// # Examples
///
/// ```
/// use bitopro_rest::{Call, ErrorKind, GetTicker};
///
/// let response = http::Response::builder()
///     .status(422)
///     .body(r#"{"error":"Unsupported trading pair nope_usdt."}"#.into())?;
/// let error = GetTicker::new("nope_usdt").read_reply(&response).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::UnknownPair);
/// assert_eq!(
///     error.to_string(),
///     "GET /tickers/{pair}: unknown pair (HTTP 422, `Unsupported trading pair nope_usdt.`); \
///      `GetTradingPairs` lists the pairs"
/// );
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    endpoint: Option<Endpoint>,
    status: Option<StatusCode>,
    words: String,
    retry_after: Option<Duration>,
    source: Option<DecodeError>,
}

/// Declares the kinds of errors, each with its name in a sentence and what to do about it.
macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident = $text:literal, $advice:literal;)*) => {
        /// The kind of an [`Error`].
        ///
        /// The status decides. Words of the exchange only refine a rejection with status 400 or 422, because they are
        /// not documented: if the exchange changes them, the kind is [`Rejected`](Self::Rejected).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$meta])* $name,)*
        }

        impl ErrorKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns what to do about an error of this kind.
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)*
                }
            }
        }

        impl fmt::Display for ErrorKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$name => $text,)*
                })
            }
        }
    };
}

kinds! {
    /// The base URL is invalid.
    InvalidBaseUrl = "invalid base URL", "use one such as `https://api.bitopro.com/v3`";
    /// A parameter of the call is invalid, so no request was made.
    InvalidCall = "invalid call", "correct the parameters";
    /// The exchange does not know the pair.
    UnknownPair = "unknown pair", "`GetTradingPairs` lists the pairs";
    /// The amount is below the minimum of the pair.
    BelowMinimum = "amount below the minimum", "`TradingPair::min_limit_base_amount` is the minimum";
    /// The amount or the price has more decimal places than allowed.
    TooManyDecimals = "too many decimal places", "round to `TradingPair::amount_precision` and `quote_precision`";
    /// The balance does not cover the order.
    NotEnoughBalance = "not enough balance", "`GetBalances` shows what is available";
    /// The key is unknown, or the signature is wrong (401).
    Unauthorized = "unauthorized", "check the API key and its secret";
    /// The key may not make this call, or not from this address (403).
    Forbidden = "forbidden", "check the permissions and allowed addresses of the API key";
    /// There is no such path or no such order (404, or an order without an id).
    NotFound = "not found", "check the id and the base URL";
    /// The nonce was used before or is too far from the exchange's time (409).
    NonceConflict = "nonce conflict", "retry once with a new nonce, then correct the clock";
    /// Too many calls (429).
    RateLimited = "rate limited", "wait before the next call; `Endpoint::limits` lists the limits";
    /// The exchange rejected the call for another reason.
    Rejected = "rejected", "see the words of the exchange";
    /// The exchange did not answer in time, or has failed (408, 5xx).
    Unavailable = "exchange unavailable", "wait; if the call was not a `GET`, check first whether it took effect";
    /// Something else than the exchange answered, such as a proxy or a firewall: the body is not JSON.
    Gateway = "answered by a gateway, not by the exchange", "check the base URL, the proxy and the address";
    /// The reply of the exchange is unreadable. The error's source names the field.
    Unreadable = "unreadable reply", "report it; if the call was not a `GET`, it probably took effect";
}

impl ErrorKind {
    /// Returns whether the key, its secret or its permissions are at fault.
    pub const fn is_auth(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Forbidden)
    }

    /// Returns whether the same call may succeed later.
    ///
    /// This does not mean that it may be repeated: if [`is_outcome_unknown`](Self::is_outcome_unknown), only a call
    /// that [`Endpoint::is_repeatable`] may be.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::NonceConflict | Self::RateLimited | Self::Unavailable | Self::Gateway)
    }

    /// Returns whether the call may have taken effect nevertheless, so an order may have been placed.
    pub const fn is_outcome_unknown(self) -> bool {
        matches!(self, Self::Unavailable | Self::Gateway | Self::Unreadable)
    }

    /// Returns whether the call was invalid, so that no request was made.
    pub const fn is_invalid(self) -> bool {
        matches!(self, Self::InvalidBaseUrl | Self::InvalidCall)
    }
}

impl Error {
    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the endpoint of the call, or `None` for an invalid base URL.
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.0.endpoint
    }

    /// Returns the status of the response, if any.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// Returns the server's own words, or the problems of an invalid call: one line of bounded length, with
    /// characters escaped that are not printable. May be empty.
    pub fn words(&self) -> &str {
        &self.0.words
    }

    /// Returns the time to wait according to the header `Retry-After`, if it is a number of seconds. The exchange
    /// has not been seen to send it.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    pub(crate) fn new(kind: ErrorKind, endpoint: Endpoint) -> Self {
        let endpoint = Some(endpoint);
        Self(Box::new(Inner {
            kind,
            endpoint,
            status: None,
            words: String::new(),
            retry_after: None,
            source: None,
        }))
    }

    /// Creates the error of an invalid call or base URL.
    pub(crate) fn invalid(kind: ErrorKind, endpoint: Option<Endpoint>, problems: &str) -> Self {
        let words = slice_for_display(problems, 0, PROBLEMS_LIMIT);
        Self(Box::new(Inner { kind, endpoint, status: None, words, retry_after: None, source: None }))
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_words(mut self, words: &str) -> Self {
        self.0.words = slice_for_display(words, 0, WORDS_LIMIT);
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.0.retry_after = retry_after;
        self
    }

    pub(crate) fn with_source(mut self, source: DecodeError) -> Self {
        self.0.source = Some(source);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, endpoint, status, words, .. } = &*self.0;
        if let Some(endpoint) = endpoint {
            write!(f, "{endpoint}: ")?;
        }
        write!(f, "{kind}")?;
        match (status, words.as_str()) {
            (None, problems) => return write!(f, ": {problems}"),
            (Some(status), "") => write!(f, " (HTTP {})", status.as_u16())?,
            (Some(status), words) => write!(f, " (HTTP {}, `{words}`)", status.as_u16())?,
        }
        write!(f, "; {}", kind.advice())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, endpoint, status, words, retry_after, source } = &*self.0;
        let mut debug = f.debug_struct("Error");
        debug.field("kind", kind).field("endpoint", endpoint).field("status", status).field("words", words);
        debug.field("retry_after", retry_after).field("source", source).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|error| error as _)
    }
}
