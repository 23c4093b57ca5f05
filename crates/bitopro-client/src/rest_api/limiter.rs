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

/// Minimum number of requests per period of a limit on all calls that are left to the dials of the streams. Their
/// own budget allows 30 in 5 minutes by default.
const MIN_LEFT_FOR_DIALS: u32 = 30;
/// The part of a limit on all calls that is never left to dials, so that large dial budgets do not stop all calls.
const KEPT_DIVISOR: u32 = 10;
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
pub struct RequestLimiter(Arc<Mutex<Permits>>);

#[derive(Default)]
struct Permits {
    limits: HashMap<Limit, CountedLimit>,
    /// Maximum number of dials per minute of all clients that share the limiter.
    dials: u32,
}

struct CountedLimit {
    semaphore: Arc<Semaphore>,
    size: u32,
    /// Number of permits in use that must be forgotten, because the limit has become smaller.
    excess: usize,
}

impl Permits {
    /// Returns the number of calls per period that a limit allows beside the dials.
    fn size(&self, limit: Limit) -> u32 {
        let left = self.dials.max(MIN_LEFT_FOR_DIALS).min(limit.count - limit.count / KEPT_DIVISOR);
        if limit.is_general() { limit.count.saturating_sub(left) } else { limit.count }
    }

    fn set_dials(&mut self, dials: u32) {
        self.dials = dials;
        let sizes: Vec<(Limit, u32)> = self.limits.keys().map(|limit| (*limit, self.size(*limit))).collect();
        for (limit, size) in sizes {
            if let Some(counted) = self.limits.get_mut(&limit) {
                counted.resize(size);
            }
        }
    }
}

impl CountedLimit {
    fn new(size: u32) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(to_permits(size))), size, excess: 0 }
    }

    fn resize(&mut self, size: u32) {
        let fewer = to_permits(self.size.saturating_sub(size));
        self.excess += fewer - self.semaphore.forget_permits(fewer);
        let more = to_permits(size.saturating_sub(self.size));
        let kept = more.min(self.excess);
        self.excess -= kept;
        self.semaphore.add_permits(more - kept);
        self.size = size;
    }
}

fn to_permits(count: u32) -> usize {
    usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS)
}

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

    /// Waits until a limit allows a call.
    async fn acquire(&self, limit: Limit) -> Option<OwnedSemaphorePermit> {
        loop {
            let semaphore = self.with_permits(|permits| {
                let size = permits.size(limit);
                let counted = permits.limits.entry(limit).or_insert_with(|| CountedLimit::new(size));
                Arc::clone(&counted.semaphore)
            });
            // The semaphore is never closed.
            let permit = semaphore.acquire_owned().await.ok()?;
            if !self.is_excess(limit) {
                return Some(permit);
            }
            permit.forget();
        }
    }

    /// Returns whether a permit must be forgotten, and counts it as forgotten.
    fn is_excess(&self, limit: Limit) -> bool {
        self.with_permits(|permits| {
            let counted = permits.limits.get_mut(&limit).filter(|counted| counted.excess > 0);
            counted.is_some_and(|counted| {
                counted.excess -= 1;
                true
            })
        })
    }

    fn add_dials(&self, dials: u32) {
        self.with_permits(|permits| permits.set_dials(permits.dials.saturating_add(dials)));
    }

    fn remove_dials(&self, dials: u32) {
        self.with_permits(|permits| permits.set_dials(permits.dials.saturating_sub(dials)));
    }

    fn usage(&self) -> Vec<LimitUsage> {
        self.with_permits(|permits| {
            let usage = |(&limit, counted): (_, &CountedLimit)| LimitUsage {
                limit,
                available: counted.semaphore.available_permits().saturating_sub(counted.excess),
            };
            permits.limits.iter().map(usage).collect()
        })
    }

    fn with_permits<T>(&self, work: impl FnOnce(&mut Permits) -> T) -> T {
        // No code panics while it holds the lock, so the permits are consistent even if the lock is poisoned.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for RequestLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestLimiter").field(&self.usage()).finish()
    }
}

/// All limits on the calls of a client.
#[derive(Debug)]
pub(crate) struct RateLimits {
    address: RequestLimiter,
    account: RequestLimiter,
    /// Maximum number of dials of the client per minute.
    dials: u32,
    paused_until: Mutex<Option<Instant>>,
}

impl RateLimits {
    /// Creates the limits of a client that makes at most this number of dials in a minute.
    pub(crate) fn new(address: RequestLimiter, dials: u32) -> Self {
        let account = RequestLimiter::new();
        for limiter in [&address, &account] {
            limiter.add_dials(dials);
        }
        Self { address, account, dials, paused_until: Mutex::new(None) }
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
            let permit = limiter.acquire(limit).await;
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

impl Drop for RateLimits {
    fn drop(&mut self) {
        self.address.remove_dials(self.dials);
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
