use http::StatusCode;

use crate::gateway::authentication::UpgradeRequest;

/// A dial that reached the simulator, and the status of the response.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpgradeAttempt {
    /// The requested path, with its query if any.
    pub path: String,
    /// The status of the response, which is 101 if the dial was accepted.
    pub status: StatusCode,
    /// The nonce in the payload, if readable.
    pub nonce: Option<u64>,
}

impl UpgradeAttempt {
    pub(crate) fn new(request: &UpgradeRequest<'_>, status: StatusCode) -> Self {
        Self { path: request.target(), status, nonce: request.claimed_nonce() }
    }

    /// Returns whether the dial was accepted.
    pub fn is_accepted(&self) -> bool {
        self.status == StatusCode::SWITCHING_PROTOCOLS
    }
}
