use std::time::Duration;

use bitopro_auth::{API_KEY_HEADER, Credentials, PAYLOAD_HEADER, Payload, SIGNATURE_HEADER};
use bitopro_model::Timestamp;
use bitopro_transport::Refusal;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use serde::Deserialize;

use crate::exchange::recent_items::RecentItems;
use crate::gateway::channel::{AccountStream, Channel};
use crate::gateway::route::Route;
use crate::gateway::{refusal, route};
use crate::{AccountId, Nonces, PairRules};

/// The base path of every stream's URL.
pub const BASE_PATH: &str = "/ws";

/// The largest difference between a nonce and the exchange's clock, in either direction: 60 s.
///
/// An assumption. The documentation says that a wrong clock is answered with 409, but not how wrong it has to
/// be.
pub const NONCE_WINDOW: Duration = Duration::from_secs(60);

/// Number of accepted nonces that are kept for each key.
const NONCES_KEPT: usize = 10_000;

/// An HTTP request for a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpgradeRequest<'a> {
    /// The path, including [`BASE_PATH`].
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    /// The reason why the request is not an opening handshake, if it is not.
    pub(crate) flaw: Option<&'a Rejection>,
}

impl UpgradeRequest<'_> {
    /// Returns the path with the query, if any.
    pub(crate) fn target(&self) -> String {
        self.query.map_or_else(|| self.path.to_owned(), |query| format!("{}?{query}", self.path))
    }

    /// Returns the nonce in the payload, if it is readable. Verifies nothing.
    pub(crate) fn claimed_nonce(&self) -> Option<u64> {
        let payload = Payload::received(self.headers.get(PAYLOAD_HEADER)?.to_str().ok()?);
        payload.identity_claim().ok().map(|claim| claim.nonce)
    }
}

/// A refusal, and the reason for the log. The client does not learn the reason.
#[derive(Debug, Clone)]
pub(crate) struct Rejection {
    pub(crate) refusal: Refusal,
    pub(crate) reason: &'static str,
}

impl Rejection {
    pub(crate) fn new(refusal: Refusal, reason: &'static str) -> Self {
        Self { refusal, reason }
    }
}

/// Authenticates requests for the simulator's accounts, and refuses all others.
#[derive(Debug)]
pub(crate) struct Authentication {
    keys: Vec<Key>,
    nonces: Nonces,
}

/// The owner of an API key, and the key's nonces.
#[derive(Debug)]
struct Key {
    account: AccountId,
    credentials: Credentials,
    accepted_nonces: RecentItems<u64>,
}

impl Authentication {
    /// The credentials are those of the accounts, in order.
    pub(crate) fn new(credentials: impl IntoIterator<Item = Credentials>, nonces: Nonces) -> Self {
        let keys = credentials.into_iter().enumerate().map(|(index, credentials)| {
            let (account, accepted_nonces) = (AccountId::from_index(index), RecentItems::new(NONCES_KEPT));
            Key { account, credentials, accepted_nonces }
        });
        Self { keys: keys.collect(), nonces }
    }

    /// Returns what a request may follow. Public streams need no account.
    ///
    /// # Errors
    ///
    /// Returns the refusal to answer with, whose `Date` is the exchange's time.
    pub(crate) fn authorize(
        &mut self,
        request: &UpgradeRequest<'_>,
        pairs: &[PairRules],
        now: Timestamp,
    ) -> Result<Channel, Rejection> {
        let with_date =
            |Rejection { refusal, reason }| Rejection::new(refusal::with_date(refusal, now), reason);
        self.check(request, pairs, now).map_err(with_date)
    }

    /// Checks the path, then the opening handshake, then the account. This order is an assumption.
    fn check(
        &mut self,
        request: &UpgradeRequest<'_>,
        pairs: &[PairRules],
        now: Timestamp,
    ) -> Result<Channel, Rejection> {
        let path = request.path.strip_prefix(BASE_PATH).filter(|path| path.starts_with('/'));
        let path = path.ok_or_else(|| Rejection::new(refusal::not_found(), "path outside of /ws/"))?;
        let unknown = |reason| Rejection::new(refusal::unknown_path(), reason);
        let route = route::find(path, request.query, pairs).map_err(unknown)?;
        if let Some(flaw) = request.flaw {
            return Err(flaw.clone());
        }
        match route {
            Route::Public(channel) => Ok(channel),
            Route::Private(stream) => {
                let account = self.authenticate(request.headers, now)?;
                Ok(AccountStream { account, stream }.into())
            }
        }
    }

    /// Returns the account that has signed an upgrade request with these headers.
    fn authenticate(&mut self, headers: &HeaderMap, now: Timestamp) -> Result<AccountId, Rejection> {
        let nonces = self.nonces;
        let (key, payload) = self.verify(headers)?;
        let incomplete = |_| Rejection::new(refusal::bad_request(), "payload without identity or nonce");
        let claim = payload.identity_claim().map_err(incomplete)?;
        if claim.identity != key.credentials.email() {
            return Err(unauthorized("wrong identity"));
        }
        key.accept(claim.nonce, nonces, now)?;
        Ok(key.account)
    }

    /// Returns the account that has signed a call of the REST API, which does not check the identity.
    pub(crate) fn authenticate_call(
        &mut self,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<AccountId, Rejection> {
        let bad_request = |reason| Rejection::new(refusal::bad_request(), reason);
        let nonces = self.nonces;
        let (key, payload) = self.verify(request.headers())?;
        let signed = payload.decode().map_err(|_| bad_request("payload not in base64"))?;
        let signs_body = matches!(*request.method(), Method::POST | Method::PUT);
        // Whether the exchange compares them is unknown.
        if signs_body && signed != *request.body() {
            return Err(bad_request("payload differs from body"));
        }
        match serde_json::from_slice(&signed).unwrap_or_default() {
            CallClaim { nonce: Some(nonce), .. } | CallClaim { timestamp: Some(nonce), .. } => {
                key.accept(nonce, nonces, now)?;
            }
            // A batch and a list of orders to cancel have no nonce.
            _ if signs_body => {}
            _ => return Err(bad_request("payload without nonce")),
        }
        Ok(key.account)
    }

    /// Returns the key whose owner has signed a payload, and the payload.
    fn verify(&mut self, headers: &HeaderMap) -> Result<(&mut Key, Payload), Rejection> {
        let header = |name: &str, missing| {
            headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(|| unauthorized(missing))
        };
        let api_key = header(API_KEY_HEADER, "no API key")?;
        let payload = Payload::received(header(PAYLOAD_HEADER, "no payload")?);
        let signature = header(SIGNATURE_HEADER, "no signature")?;
        let key = self.keys.iter_mut().find(|key| key.credentials.api_key() == api_key);
        let key = key.ok_or_else(|| unauthorized("unknown API key"))?;
        // Verifies the payload's text as received, since clients differ in alphabet, key order and
        // whitespace.
        key.credentials.verify(&payload, signature).map_err(|_| unauthorized("wrong signature"))?;
        Ok((key, payload))
    }
}

impl Key {
    /// Accepts a nonce, or refuses it.
    fn accept(&mut self, nonce: u64, nonces: Nonces, now: Timestamp) -> Result<(), Rejection> {
        // The clock is checked before the order of nonces, so that a client whose clock went back gets 409.
        let distance = i128::from(nonce) - i128::from(now.as_millis());
        if distance.unsigned_abs() > NONCE_WINDOW.as_millis() {
            return Err(Rejection::new(refusal::clock_conflict(now), "nonce too far from the clock"));
        }
        let mut accepted = self.accepted_nonces.iter();
        match nonces {
            Nonces::Unused if accepted.any(|accepted| nonce == *accepted) => {
                return Err(unauthorized("nonce used before"));
            }
            Nonces::Increasing if accepted.any(|accepted| nonce <= *accepted) => {
                return Err(unauthorized("nonce not above all accepted ones"));
            }
            _ => {}
        }
        self.accepted_nonces.push(nonce);
        Ok(())
    }
}

/// The nonce of a call of the REST API, or the time of an order, which takes its place.
#[derive(Default, Deserialize)]
struct CallClaim {
    nonce: Option<u64>,
    timestamp: Option<u64>,
}

fn unauthorized(reason: &'static str) -> Rejection {
    Rejection::new(refusal::unauthorized(), reason)
}

#[cfg(test)]
mod tests;
