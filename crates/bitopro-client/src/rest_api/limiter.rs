//! Limits on the rate of requests, as the exchange documents them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bitopro_rest::{Endpoint, Error, ErrorKind, Limit, LimitScope};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

/// Number of requests per period of a limit on all calls that are left to the dials of the streams. Their own
/// budget allows 30 in 5 minutes by default.
const LEFT_FOR_DIALS: u32 = 30;
/// The pause of all calls after a 429 that does not say how long to wait.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(5);
/// Maximum delay that is taken from `Retry-After`. A longer one is shortened to it.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(60);

/// The limits on the requests from one IP address, which clients behind the same address share.
///
/// Clones share the limits. A request counts from its start until one period after its end, so that the limits
/// hold at the exchange whatever the latency.
///
/// # Examples
///
/// ```
/// use bitopro_client::{Client, Credentials, RequestLimiter};
///
/// let limiter = RequestLimiter::new();
/// for account in ["one", "two"] {
///     let credentials = Credentials::new(account, "secret", format!("{account}@example.com"))?;
///     let client = Client::builder(credentials).with_request_limiter(&limiter);
/// #   let _ = client;
/// }
/// # Ok::<(), bitopro_client::auth::CredentialsError>(())
/// ```
#[derive(Clone, Default)]
pub struct RequestLimiter(Arc<Mutex<HashMap<Limit, Arc<Semaphore>>>>);

/// A limit, and the number of calls that it allows now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitUsage {
    /// The limit.
    pub limit: Limit,
    /// Number of calls that can be made immediately.
    pub available: usize,
}

impl RequestLimiter {
    /// Creates a limiter of the requests from one IP address.
    pub fn new() -> Self {
        Self::default()
    }

    fn semaphore(&self, limit: Limit) -> Arc<Semaphore> {
        let reserve = if limit.is_general() { LEFT_FOR_DIALS } else { 0 };
        let count = usize::try_from(limit.count.saturating_sub(reserve)).unwrap_or(Semaphore::MAX_PERMITS);
        self.with_semaphores(|all| {
            Arc::clone(all.entry(limit).or_insert_with(|| Arc::new(Semaphore::new(count))))
        })
    }

    fn usage(&self) -> Vec<LimitUsage> {
        self.with_semaphores(|all| {
            let usage = |(&limit, semaphore): (_, &Arc<Semaphore>)| LimitUsage {
                limit,
                available: semaphore.available_permits(),
            };
            all.iter().map(usage).collect()
        })
    }

    fn with_semaphores<T>(&self, work: impl FnOnce(&mut HashMap<Limit, Arc<Semaphore>>) -> T) -> T {
        // No code panics while it holds the lock, so the map is consistent even if the lock is poisoned.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for RequestLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestLimiter").field(&self.usage()).finish()
    }
}

/// All limits on the calls of a client.
#[derive(Debug, Default)]
pub(crate) struct RateLimits {
    address: RequestLimiter,
    account: RequestLimiter,
    paused_until: Mutex<Option<Instant>>,
}

impl RateLimits {
    pub(crate) fn new(address: RequestLimiter) -> Self {
        Self { address, ..Self::default() }
    }

    /// Waits until all limits on the endpoint allow a call, and counts it.
    ///
    /// A call waits for its own limits first, so that it does not hold back calls without such limits.
    pub(crate) async fn acquire(&self, endpoint: Endpoint) -> CountedCall {
        let mut limits: Vec<Limit> = endpoint.limits().collect();
        limits.sort_by_key(|limit| limit.count);
        let mut permits = Vec::with_capacity(limits.len());
        for limit in limits {
            let limiter = if limit.scope == LimitScope::Address { &self.address } else { &self.account };
            // The semaphore is never closed.
            let permit = limiter.semaphore(limit).acquire_owned().await.ok();
            permits.extend(permit.map(|permit| (limit.period, permit)));
        }
        while let Some(end) = self.paused_until().filter(|end| *end > Instant::now()) {
            sleep_until(end).await;
        }
        CountedCall { permits }
    }

    /// Pauses all calls if the exchange asks for it.
    pub(crate) fn pause_after(&self, error: &Error) {
        let default = (error.kind() == ErrorKind::RateLimited).then_some(RATE_LIMIT_PAUSE);
        let Some(pause) = error.retry_after().or(default) else { return };
        let pause = pause.min(RETRY_AFTER_CAP);
        warn!(pause_ms = pause.as_millis(), %error, "calls paused");
        let mut paused_until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused_until = paused_until.max(Some(Instant::now() + pause));
    }

    pub(crate) fn usage(&self) -> Vec<LimitUsage> {
        let mut usage = [self.address.usage(), self.account.usage()].concat();
        usage.sort_by_key(|LimitUsage { limit, .. }| (limit.calls, limit.scope == LimitScope::Account));
        usage
    }

    fn paused_until(&self) -> Option<Instant> {
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that counts until one period after this value is dropped.
#[must_use]
pub(crate) struct CountedCall {
    permits: Vec<(Duration, OwnedSemaphorePermit)>,
}

impl CountedCall {
    /// Stops counting a call that was never sent.
    pub(crate) fn cancel(mut self) {
        self.permits.clear();
    }
}

impl Drop for CountedCall {
    fn drop(&mut self) {
        let mut permits = std::mem::take(&mut self.permits);
        permits.sort_by_key(|(period, _)| *period);
        // Outside a runtime, nothing can count the time.
        let Some(runtime) = Handle::try_current().ok().filter(|_| !permits.is_empty()) else { return };
        let ended = Instant::now();
        runtime.spawn(async move {
            for (period, permit) in permits {
                sleep_until(ended + period).await;
                drop(permit);
            }
        });
    }
}
