//! Calls of the REST API, which share signer, clock and limits with the streams.

mod access;
mod base;
mod error;
mod limiter;
mod settings;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bitopro_auth::Signer;
use bitopro_rest::{BaseUrl, Call, ErrorKind};
use bytes::Bytes;
use http::header::DATE;
use http::{HeaderMap, Response};
use tokio::time::sleep;
use tracing::debug;

use crate::engine::{RestCall, RestReply};
use crate::redaction::Secrets;
use crate::refusal::date;
use crate::runtime::Runtime;

pub(crate) use access::{BackfillChoice, RestAccess, RestConfig};
pub use error::{RestError, RestErrorKind};
pub use limiter::{LimitUsage, RequestLimiter};

/// Maximum number of requests of a call that may be repeated.
const MAX_ATTEMPTS: u32 = 3;
/// The pause before the second request of a call, which doubles for the third.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The REST API with the account of a client, returned by [`Client::rest`](crate::Client::rest).
///
/// Clones share the limits, as do all clones of the client.
///
/// - **Limits**: a call waits until the documented [limits](Self::limits) allow it. Calls with the same limits
///   are made in their order.
/// - **Repetition**: a call that only reads is repeated up to twice if the network fails, or if the exchange is
///   unavailable, rejects the nonce or asks to wait. Any other call, such as placing an order, is sent once; see
///   [`RestErrorKind::is_outcome_unknown`].
/// - **Streams**: a reply may be behind the streams or ahead of them, and never changes their state.
///
/// # Examples
///
/// ```
/// use bitopro_client::rest::GetBalances;
/// use bitopro_client::{Client, Credentials};
///
/// # use bitopro_client::transport::memory;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, _dials) = memory::network();
/// # let (http, mut server) = memory::http_network();
/// # tokio::spawn(async move {
/// #     let body = r#"{"data":[{"currency":"btc","amount":"1.10","available":"1.10"}]}"#;
/// #     server.next_request().await.unwrap().respond(http::Response::new(body.into()));
/// # });
/// let client = Client::builder(Credentials::new("api-key", "api-secret", "me@example.com")?)
/// #   .with_connector(connector)
/// #   .with_http_client(http)
///     .build()?;
/// let balances = client.rest()?.call(&GetBalances::new()).await?;
/// for balance in &balances {
///     println!("{}: {}", balance.currency, balance.amount);
/// }
/// # assert_eq!(balances.len(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Rest {
    runtime: Arc<Runtime>,
    signer: Signer,
    access: Arc<RestAccess>,
}

impl Rest {
    pub(crate) fn new(runtime: &Arc<Runtime>) -> Result<Self, RestError> {
        let off = |reason| RestError::new(RestErrorKind::Off, format!("the REST API is off: {reason}"));
        let access = runtime.rest.as_ref().map_err(|reason| off(*reason))?;
        let (signer, _) = runtime.signer_and_time();
        let signer = signer.ok_or_else(|| off("the client has no credentials"))?;
        Ok(Self { runtime: Arc::clone(runtime), signer, access: Arc::clone(access) })
    }

    /// Returns the base URL.
    pub fn base_url(&self) -> &BaseUrl {
        &self.access.base
    }

    /// Returns the limits that have counted a call so far, and the number of calls that each allows now.
    pub fn limits(&self) -> Vec<LimitUsage> {
        self.access.limits.usage()
    }

    /// Makes a call, and returns the reply.
    ///
    /// # Errors
    ///
    /// Returns a [`RestError`] whose kind states whether the call was invalid, the exchange rejected it, or the
    /// network failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the call, which the exchange may already have received.
    pub async fn call<C: Call + Sync>(&self, call: &C) -> Result<C::Reply, RestError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1..MAX_ATTEMPTS {
            match self.attempt(call).await {
                Err(error) if C::ENDPOINT.is_repeatable() && error.kind().is_transient() => {
                    let (kind, pause_ms) = (error.kind().name(), pause.as_millis());
                    debug!(endpoint = %C::ENDPOINT, kind, attempt, pause_ms, %error, "call failed");
                    sleep(pause).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
        self.attempt(call).await
    }

    /// Makes a call of the backfill, which repeats it itself.
    pub(crate) async fn call_once(&self, call: &RestCall) -> Result<RestReply, RestError> {
        Ok(match call {
            RestCall::OwnTrades(call) => RestReply::OwnTrades(self.attempt(call).await?),
            RestCall::Order(call) => RestReply::Order(Box::new(self.attempt(call).await?)),
            RestCall::TradingPairs(call) => RestReply::TradingPairs(self.attempt(call).await?),
        })
    }

    async fn attempt<C: Call + Sync>(&self, call: &C) -> Result<C::Reply, RestError> {
        let RestAccess { base, limits, .. } = &*self.access;
        let counted = limits.acquire(C::ENDPOINT).await;
        // Signed after the wait, because the exchange rejects an old nonce.
        let (_, now_ms) = self.runtime.signer_and_time();
        let request = match call.to_request(base, &self.signer, now_ms) {
            Ok(request) => request,
            Err(error) => {
                counted.cancel();
                return Err(error::call(&error));
            }
        };
        let result = self.send(call, request, now_ms).await;
        self.access.record(&result);
        result
    }

    async fn send<C: Call + Sync>(
        &self,
        call: &C,
        request: http::Request<Bytes>,
        now_ms: u64,
    ) -> Result<C::Reply, RestError> {
        let RestAccess { limits, deadline, .. } = &*self.access;
        let sent = request.headers().clone();
        let response = self.access.http().send(request, *deadline).await.map_err(error::transport)?;
        debug!(endpoint = %C::ENDPOINT, status = response.status().as_u16(), "response");
        let secrets = Secrets::new(Some(self.signer.credentials()), sensitive(&sent));
        let server = date(response.headers(), DATE);
        read_reply(call, response, &secrets).map_err(|error| {
            limits.pause_after(&error);
            if error.kind() == ErrorKind::NonceConflict {
                self.runtime.record_clock_refusal(server, now_ms);
            }
            error::call(&error)
        })
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").field("base", &self.access.base).finish_non_exhaustive()
    }
}

/// Returns the header values that must not be shown.
fn sensitive(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok())
}

/// Reads a response. If that fails, reads it again without the secrets that the server may have echoed, so that
/// the error cannot quote them.
fn read_reply<C: Call>(
    call: &C,
    response: Response<Bytes>,
    secrets: &Secrets<'_>,
) -> Result<C::Reply, bitopro_rest::Error> {
    call.read_reply(&response).or_else(|_| {
        let redacted = response.map(|body| secrets.redact(&String::from_utf8_lossy(&body)).into());
        call.read_reply(&redacted)
    })
}
