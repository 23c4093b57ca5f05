use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// Something that goes wrong with a call of the REST API.
///
/// A [`Command`](crate::Command) such as `fail-rest 1 lose` applies it to the next calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestFault {
    /// The call is refused with this status and has no effect: `502`.
    Status(StatusCode),
    /// The call takes effect, but the connection ends without a response: `lose`.
    Lose,
    /// The call takes effect, but the second half of the response's body is missing, also from its `Content-Length`:
    /// `truncate`.
    Truncate,
    /// The call takes effect immediately, but its response is sent after this time: `delay 3000`.
    Delay(Duration),
}

impl fmt::Display for RestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{}", status.as_u16()),
            Self::Lose => f.write_str("lose"),
            Self::Truncate => f.write_str("truncate"),
            Self::Delay(delay) => write!(f, "delay {}", delay.as_millis()),
        }
    }
}
