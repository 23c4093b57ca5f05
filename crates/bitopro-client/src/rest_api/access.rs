use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use bitopro_rest::BaseUrl;
use bitopro_transport::{HttpClient, Request};
use http::Uri;

use crate::backfill::Backfill;
use crate::stats::RestStats;

use super::base::rest_base;
use super::error::RestError;
use super::limiter::{RateLimits, RequestLimiter};

/// An HTTP client that is created by its first call if it is the default one.
type LazyClient = LazyLock<Arc<dyn HttpClient>, Box<dyn FnOnce() -> Arc<dyn HttpClient> + Send>>;

/// Creates the default HTTP client. `None` if this build has no real sockets.
#[cfg(feature = "tungstenite")]
const DEFAULT_CLIENT: Option<fn() -> Arc<dyn HttpClient>> =
    Some(|| Arc::new(bitopro_transport::HyperClient::new()));
#[cfg(not(feature = "tungstenite"))]
const DEFAULT_CLIENT: Option<fn() -> Arc<dyn HttpClient>> = None;

const NO_HTTP_CLIENT: &str = "no HTTP client is set; set one with `with_http_client`";

/// The settings of the REST API. The setters of the [builder](crate::ClientBuilder) document them.
#[derive(Debug)]
pub(crate) struct RestConfig {
    pub(crate) base: Option<String>,
    pub(crate) http: Option<Arc<dyn HttpClient>>,
    pub(crate) deadline: Duration,
    pub(crate) limiter: RequestLimiter,
    /// Maximum number of dials of the streams in a minute.
    pub(crate) dials: u32,
    pub(crate) backfill: BackfillChoice,
}

/// The backfill that was chosen, if any.
#[derive(Debug, Default)]
pub(crate) enum BackfillChoice {
    #[default]
    Unset,
    Set(Option<Backfill>),
}

impl Default for RestConfig {
    fn default() -> Self {
        let (deadline, limiter) = (Request::DEFAULT_DEADLINE, RequestLimiter::new());
        Self { base: None, http: None, deadline, limiter, dials: 0, backfill: BackfillChoice::default() }
    }
}

impl RestConfig {
    /// Returns the access to the REST API that belongs to these base URLs of the streams, or the reason why it
    /// is off.
    ///
    /// The default HTTP client is used only if the streams use real sockets by default too, or if the base URL is
    /// set. So a test with its own connector sends nothing to the exchange. The error describes an invalid setting.
    pub(crate) fn access(
        self,
        streams: &[Uri],
        has_own_connector: bool,
    ) -> Result<Result<Arc<RestAccess>, &'static str>, String> {
        let Self { base, http, deadline, limiter, dials, .. } = self;
        let default = DEFAULT_CLIENT.filter(|_| base.is_some() || !has_own_connector);
        let http: Option<LazyClient> = match (http, default) {
            (Some(http), _) => Some(LazyLock::new(Box::new(move || http))),
            (None, Some(create)) => Some(LazyLock::new(Box::new(create))),
            (None, None) => None,
        };
        Ok(rest_base(streams, base.as_deref())?.and_then(|base| {
            let http = http.ok_or(NO_HTTP_CLIENT)?;
            Ok(Arc::new(RestAccess {
                base,
                http,
                limits: RateLimits::new(limiter, dials),
                deadline,
                stats: Mutex::default(),
            }))
        }))
    }
}

/// The parts of a client that only calls of the REST API use.
pub(crate) struct RestAccess {
    pub(super) base: BaseUrl,
    http: LazyClient,
    pub(super) limits: RateLimits,
    pub(super) deadline: Duration,
    stats: Mutex<RestStats>,
}

impl RestAccess {
    /// Counts a call, and its failure if it failed.
    pub(super) fn record<T>(&self, result: &Result<T, RestError>) {
        let mut stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner);
        stats.calls += 1;
        if let Err(error) = result {
            *stats.failures.entry(error.kind().name()).or_default() += 1;
        }
    }

    pub(crate) fn stats(&self) -> RestStats {
        let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone();
        RestStats { limits: self.limits.usage(), ..stats }
    }

    pub(super) fn http(&self) -> &dyn HttpClient {
        &**LazyLock::force(&self.http)
    }
}

impl fmt::Debug for RestAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestAccess").field("base", &self.base).finish_non_exhaustive()
    }
}
