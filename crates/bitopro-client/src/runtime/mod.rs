//! Runs an engine on tokio: sockets, tasks and the lock around the engine.

mod driver;
mod socket;
mod subscription;
mod topic;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bitopro_auth::Signer;
use bitopro_model::{PrivateStream, PublicStream};
use bitopro_transport::Connector;
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;
use tracing::Instrument;

use crate::engine::{DialLimiter, Engine, LimiterHandle, SubscriberId};
use crate::market::Selection;
use crate::orders::OrderState;
use crate::rest_api::RestAccess;
use crate::stats::Stats;
use crate::system::{WallClock, monotonic_now};
use driver::Driver;

pub use subscription::{Reader, Subscription};
pub use topic::{Account, Market, Topic};

/// The engine of a client, and everything else that its subscriptions share.
pub(crate) struct Runtime {
    engine: Mutex<Engine>,
    /// Notified when a link may have work to do because of another link or its subscriber.
    changed: Notify,
    connector: Arc<dyn Connector>,
    clock: WallClock,
    /// The dial limiter that the client shares with other clients, if any, and the notification that it may
    /// be another client's turn.
    limiter: Option<(LimiterHandle, Arc<Notify>)>,
    send_deadline: Duration,
    /// The access to the REST API, or the reason why it is off.
    pub(crate) rest: Result<Arc<RestAccess>, &'static str>,
    pub(crate) orders: OrderState,
}

impl Runtime {
    pub(crate) fn new(
        engine: Engine,
        connector: Arc<dyn Connector>,
        clock: WallClock,
        limiter: Option<&DialLimiter>,
        rest: Result<Arc<RestAccess>, &'static str>,
    ) -> Self {
        Self {
            send_deadline: engine.settings().close_deadline,
            engine: Mutex::new(engine),
            changed: Notify::new(),
            connector,
            clock,
            limiter: limiter.map(|limiter| (limiter.register(), Arc::clone(&limiter.changed))),
            rest,
            orders: OrderState::default(),
        }
    }

    /// Returns the signer, if any, and the exchange's time in Unix milliseconds.
    pub(crate) fn signer_and_time(&self) -> (Option<Signer>, u64) {
        let (now, wall) = self.now();
        self.with_engine(|engine| engine.signer_and_time(now, wall))
    }

    /// Handles a call that was refused because of the clock. `server` is the exchange's time, if it reported one.
    pub(crate) fn record_clock_refusal(&self, server: Option<SystemTime>, nonce: u64) {
        let (now, wall) = self.now();
        self.with_engine(|engine| engine.record_clock_refusal(server, nonce, now, wall));
    }

    /// Subscribes to these private streams.
    pub(crate) fn subscribe<T: Topic>(self: &Arc<Self>, streams: &[PrivateStream]) -> Subscription<T> {
        self.spawn(|engine, now, wall| engine.subscribe(now, wall, streams))
    }

    /// Subscribes to these public streams.
    pub(crate) fn subscribe_market<T: Topic>(
        self: &Arc<Self>,
        streams: &[PublicStream],
        pairs: &Selection,
    ) -> Subscription<T> {
        self.spawn(|engine, now, wall| engine.subscribe_selection(now, wall, streams, pairs))
    }

    /// Adds a subscriber to the engine, and spawns a driver for each of its links.
    fn spawn<T: Topic>(
        self: &Arc<Self>,
        subscribe: impl FnOnce(&mut Engine, Instant, SystemTime) -> SubscriberId,
    ) -> Subscription<T> {
        let (now, wall) = self.now();
        let (id, links) = self.with_engine(|engine| {
            let id = subscribe(engine, now, wall);
            let links = engine.links_of(id).into_iter();
            (id, links.filter_map(|link| Some((link, engine.decoder(link)?))).collect::<Vec<_>>())
        });
        let inner = Arc::new(SubscriptionInner {
            runtime: Arc::clone(self),
            id,
            consumer: AtomicWaker::new(),
            changed: Notify::new(),
        });
        let spawn = |(link, decoder)| {
            // The caller's span may name the account.
            tokio::spawn(Driver::new(Arc::clone(&inner), link, decoder).run().in_current_span())
                .abort_handle()
        };
        let drivers = links.into_iter().map(spawn).collect();
        Subscription::new(inner, drivers)
    }

    /// Returns the numbers of the client.
    pub(crate) fn stats(&self) -> Stats {
        let (now, wall) = self.now();
        let streams = self.with_engine(|engine| engine.stats(now, wall));
        Stats { streams, rest: self.rest.as_ref().ok().map(|rest| rest.stats()) }
    }

    /// Returns the current time of the monotonic clock and of the wall clock.
    fn now(&self) -> (Instant, SystemTime) {
        (monotonic_now(), self.clock.now())
    }

    /// Locks the engine for `work`, and wakes the other drivers if they may have work to do afterwards.
    pub(crate) fn with_engine<R>(&self, work: impl FnOnce(&mut Engine) -> R) -> R {
        let (result, has_changed) = {
            // No code panics while it holds the lock, so the engine is consistent even if the lock is
            // poisoned.
            let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
            (work(&mut engine), engine.take_changed())
        };
        if has_changed {
            self.changed.notify_waiters();
        }
        result
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

/// The state that a subscription shares with its readers and drivers. Dropping the last of them removes the
/// subscriber from the engine.
struct SubscriptionInner {
    runtime: Arc<Runtime>,
    id: SubscriberId,
    /// Wakes the task that polls the subscription.
    consumer: AtomicWaker,
    /// Notified when the state has changed.
    changed: Notify,
}

impl SubscriptionInner {
    fn wake(&self) {
        self.consumer.wake();
        self.changed.notify_waiters();
    }
}

impl Drop for SubscriptionInner {
    fn drop(&mut self) {
        self.runtime.with_engine(|engine| engine.remove(self.id));
    }
}
