use bitopro_auth::{API_KEY_HEADER, Credentials, PAYLOAD_HEADER, Payload, SIGNATURE_HEADER};
use bitopro_model::{PrivateStream, Timestamp};
use bitopro_transport::Refusal;
use http::HeaderMap;
use std::time::Duration;

use crate::gateway::refusal;

/// The base path of every stream's URL.
pub const BASE_PATH: &str = "/ws";

/// The largest difference between a nonce and the exchange's clock, in either direction: 60 s.
///
/// An assumption. The documentation says that a wrong clock is answered with 409, but not how wrong it has to
/// be.
pub const NONCE_WINDOW: Duration = Duration::from_secs(60);

/// An HTTP request for a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpgradeRequest<'a> {
    /// The path, including [`BASE_PATH`].
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// True for a `GET` request to upgrade to a WebSocket.
    pub(crate) is_upgrade: bool,
}

impl UpgradeRequest<'_> {
    /// Returns the nonce in the payload, if it is readable. Verifies nothing.
    pub(crate) fn claimed_nonce(&self) -> Option<u64> {
        let payload = Payload::received(self.headers.get(PAYLOAD_HEADER)?.to_str().ok()?);
        payload.identity_claim().ok().map(|claim| claim.nonce)
    }
}

/// A refusal, and the reason for the log. The client does not learn the reason.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) refusal: Refusal,
    pub(crate) reason: &'static str,
}

impl Rejection {
    pub(crate) fn new(refusal: Refusal, reason: &'static str) -> Self {
        Self { refusal, reason }
    }
}

/// Authenticates requests for the simulator's account, and refuses all others.
#[derive(Debug)]
pub(crate) struct Authentication {
    credentials: Credentials,
    last_nonce: Option<u64>,
}

impl Authentication {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self { credentials, last_nonce: None }
    }

    /// Returns the stream that a request may open. A nonce that was accepted once is never accepted again.
    ///
    /// # Errors
    ///
    /// Returns the refusal to answer with, whose `Date` is the exchange's time.
    pub(crate) fn authorize(
        &mut self,
        request: &UpgradeRequest<'_>,
        now: Timestamp,
    ) -> Result<PrivateStream, Rejection> {
        let with_date =
            |Rejection { refusal, reason }| Rejection::new(refusal::with_date(refusal, now), reason);
        self.check(request, now).map_err(with_date)
    }

    /// Checks the path, then that the request is an upgrade, then the account. This order is an assumption.
    fn check(&mut self, request: &UpgradeRequest<'_>, now: Timestamp) -> Result<PrivateStream, Rejection> {
        let stream =
            stream_at(request.path).ok_or_else(|| Rejection::new(refusal::unknown_path(), "unknown path"))?;
        if !request.is_upgrade {
            return Err(Rejection::new(refusal::bad_request(), "not a WebSocket upgrade"));
        }
        self.authenticate(request.headers, now)?;
        Ok(stream)
    }

    fn authenticate(&mut self, headers: &HeaderMap, now: Timestamp) -> Result<(), Rejection> {
        let unauthorized = |reason| Rejection::new(refusal::unauthorized(), reason);
        let header = |name: &str, missing| {
            headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(|| unauthorized(missing))
        };
        let api_key = header(API_KEY_HEADER, "no API key")?;
        let payload = Payload::received(header(PAYLOAD_HEADER, "no payload")?);
        let signature = header(SIGNATURE_HEADER, "no signature")?;
        if api_key != self.credentials.api_key() {
            return Err(unauthorized("unknown API key"));
        }
        // Verifies the payload's text as received, since clients differ in alphabet, key order and
        // whitespace.
        self.credentials.verify(&payload, signature).map_err(|_| unauthorized("wrong signature"))?;
        let incomplete = |_| Rejection::new(refusal::bad_request(), "payload without identity or nonce");
        let claim = payload.identity_claim().map_err(incomplete)?;
        if claim.identity != self.credentials.email() {
            return Err(unauthorized("wrong identity"));
        }
        // The clock is checked before the order of nonces, so that a client whose clock went back gets 409.
        let distance = i128::from(claim.nonce) - i128::from(now.as_millis());
        if distance.unsigned_abs() > NONCE_WINDOW.as_millis() {
            return Err(Rejection::new(refusal::clock_conflict(now), "nonce too far from the clock"));
        }
        if self.last_nonce.is_some_and(|last| claim.nonce <= last) {
            return Err(unauthorized("nonce not above the last one"));
        }
        self.last_nonce = Some(claim.nonce);
        Ok(())
    }
}

fn stream_at(path: &str) -> Option<PrivateStream> {
    let path = path.strip_prefix(BASE_PATH)?;
    PrivateStream::ALL.iter().copied().find(|stream| stream.path() == path)
}

#[cfg(test)]
mod tests;
