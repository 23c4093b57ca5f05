use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::budget::DialBudget;
use super::queue::FairQueue;

/// Limits the dials of several clients together.
///
/// The exchange limits requests per address as well as per API key. Clients behind one address that share a limiter
/// stay below the first limit, even if they all lose their connections at the same time. Of the clients that want to
/// dial, the one whose last dial is the oldest goes next. The dial budget of each client applies as well.
///
/// Clones share the limit. Half of it may be used immediately, and the rest is spread evenly.
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

/// The longest span: moments beyond it cannot be computed.
const LONGEST_SPAN: Duration = Duration::from_secs(365 * 86_400);

struct State {
    budget: DialBudget,
    clients: FairQueue<u64>,
    next_client: u64,
}

/// One client's access to a limiter. Dropping it leaves the queue.
pub(crate) struct Limited {
    limiter: DialLimiter,
    client: u64,
}

impl DialLimiter {
    /// Creates a limiter that allows at most this many dials in any span of this length. Zero dials count as one, and a
    /// span of more than a year as a year.
    pub fn new(dials: u32, span: Duration) -> Self {
        let budget = DialBudget::new(dials.max(1), span.min(LONGEST_SPAN), Duration::ZERO);
        let state = State { budget, clients: FairQueue::new(), next_client: 0 };
        Self { state: Arc::new(Mutex::new(state)), changed: Arc::new(Notify::new()) }
    }

    pub(crate) fn join(&self) -> Limited {
        let client = self.with(|state| {
            state.next_client += 1;
            state.clients.add(state.next_client);
            state.next_client
        });
        Limited { limiter: self.clone(), client }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // No code panics while it holds the lock, so a poisoned one is still sound.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for DialLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialLimiter")
    }
}

impl Limited {
    /// Adds this client to those that wait.
    pub(super) fn enqueue(&self, now: Instant) {
        self.limiter.with(|state| state.clients.wait(self.client, Some(now)));
    }

    /// Counts a dial of this client if it is its turn, or returns when to ask again.
    pub(super) fn take(&self, now: Instant) -> Result<(), Instant> {
        let taken = self.limiter.with(|state| state.take(self.client, now));
        if taken.is_ok() {
            self.limiter.changed.notify_waiters();
        }
        taken
    }

    pub(crate) fn free_at(&self, now: Instant) -> Instant {
        self.limiter.with(|state| state.budget.free_at(now))
    }
}

impl fmt::Debug for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limited")
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        self.limiter.with(|state| state.clients.remove(self.client));
        self.limiter.changed.notify_waiters();
    }
}

impl State {
    fn take(&mut self, client: u64, now: Instant) -> Result<(), Instant> {
        self.clients.wait(client, Some(now));
        let free = self.budget.free_at(now);
        if free > now {
            return Err(free);
        }
        self.clients.turn(client, now)?;
        self.budget.spend(now);
        self.clients.take(client);
        Ok(())
    }
}
