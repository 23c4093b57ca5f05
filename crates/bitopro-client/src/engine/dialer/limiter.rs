use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::budget::DialBudget;
use super::queue::FairQueue;

/// A limit on the dials of several clients together.
///
/// The exchange limits requests per IP address as well as per API key. Clients behind one IP address that
/// share a limiter stay below the limit of that address, even if they all lose their connections at the same
/// time. Among the clients that are waiting to dial, the one whose last dial is the oldest goes next. The
/// dial budget of each client still applies.
///
/// Clones share the limit. Half of it may be used immediately, and the rest is refilled evenly.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bitopro_client::{Client, Credentials, DialLimiter};
///
/// let limiter = DialLimiter::new(300, Duration::from_secs(60));
/// for account in ["one", "two"] {
///     let credentials = Credentials::new(account, "secret", format!("{account}@example.com"))?;
///     let client = Client::builder(credentials).with_dial_limiter(&limiter);
/// #   let _ = client;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct DialLimiter {
    state: Arc<Mutex<State>>,
    pub(crate) changed: Arc<Notify>,
}

/// The longest span of a limiter. The limit prevents overflows when spans are added to instants.
const MAX_SPAN: Duration = Duration::from_secs(365 * 86_400);

struct State {
    budget: DialBudget,
    clients: FairQueue<u64>,
    next_client: u64,
}

/// The registration of one client with a limiter. Dropping it removes the client from the queue.
pub(crate) struct LimiterHandle {
    limiter: DialLimiter,
    client: u64,
}

impl DialLimiter {
    /// Creates a limiter that allows at most `dials` in any period of length `span`.
    ///
    /// The values are clamped to at least 1 dial and at most 1 year (365 days).
    pub fn new(dials: u32, span: Duration) -> Self {
        let budget = DialBudget::new(dials.max(1), span.min(MAX_SPAN), Duration::ZERO);
        let state = State { budget, clients: FairQueue::new(), next_client: 0 };
        Self { state: Arc::new(Mutex::new(state)), changed: Arc::new(Notify::new()) }
    }

    pub(crate) fn register(&self) -> LimiterHandle {
        let client = self.with_state(|state| {
            state.next_client += 1;
            state.clients.add(state.next_client);
            state.next_client
        });
        LimiterHandle { limiter: self.clone(), client }
    }

    fn with_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // No code panics while it holds the lock, so the state is consistent even if the lock is poisoned.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for DialLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialLimiter")
    }
}

impl LimiterHandle {
    /// Queues this client for a dial.
    pub(super) fn enqueue(&self, now: Instant) {
        self.limiter.with_state(|state| state.clients.set_ready_at(self.client, Some(now)));
    }

    /// Counts a dial if it is the turn of this client. Otherwise, returns the time at which to ask
    /// again.
    pub(super) fn try_dial(&self, now: Instant) -> Result<(), Instant> {
        let result = self.limiter.with_state(|state| state.try_dial(self.client, now));
        if result.is_ok() {
            self.limiter.changed.notify_waiters();
        }
        result
    }

    pub(crate) fn free_at(&self, now: Instant) -> Instant {
        self.limiter.with_state(|state| state.budget.free_at(now, 0))
    }
}

impl fmt::Debug for LimiterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LimiterHandle")
    }
}

impl Drop for LimiterHandle {
    fn drop(&mut self) {
        self.limiter.with_state(|state| state.clients.remove(self.client));
        self.limiter.changed.notify_waiters();
    }
}

impl State {
    fn try_dial(&mut self, client: u64, now: Instant) -> Result<(), Instant> {
        self.clients.set_ready_at(client, Some(now));
        let free_at = self.budget.free_at(now, 0);
        if free_at > now {
            return Err(free_at);
        }
        self.clients.turn(client, now)?;
        self.budget.spend(now);
        self.clients.take_turn(client);
        Ok(())
    }
}
