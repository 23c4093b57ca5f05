//! The engine on tokio: sockets, tasks and the lock around the engine.

mod driver;
mod subscription;
mod topic;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bitopro_model::PrivateStream;
use bitopro_transport::Connector;
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::engine::{DialLimiter, Engine, Limited, SubscriberId};
use crate::system::{WallClock, monotonic_now};
use driver::Driver;

pub use subscription::{Reader, Subscription};
pub use topic::{Account, Topic};

/// The engine of a client, which its subscriptions share.
pub(crate) struct Runtime {
    engine: Mutex<Engine>,
    /// Notified when a link may have something to do because of another one, or of its subscriber.
    changed: Notify,
    connector: Arc<dyn Connector>,
    clock: WallClock,
    /// The limit that the client shares with others, if any, and what is notified when their turns change.
    limited: Option<(Limited, Arc<Notify>)>,
    send_deadline: Duration,
}

impl Runtime {
    pub(crate) fn new(
        engine: Engine,
        connector: Arc<dyn Connector>,
        clock: WallClock,
        limiter: Option<&DialLimiter>,
    ) -> Self {
        Self {
            send_deadline: engine.settings().close_deadline,
            engine: Mutex::new(engine),
            changed: Notify::new(),
            connector,
            clock,
            limited: limiter.map(|limiter| (limiter.join(), Arc::clone(&limiter.changed))),
        }
    }

    /// Subscribes to these streams. A task for each of their connections is spawned.
    pub(crate) fn subscribe<T: Topic>(self: &Arc<Self>, streams: &[PrivateStream]) -> Subscription<T> {
        let (now, wall) = self.moment();
        let (id, links) = self.with(|engine| {
            let id = engine.subscribe(now, wall, streams);
            (id, engine.links_of(id))
        });
        let shared = Arc::new(SubscriptionInner {
            runtime: Arc::clone(self),
            id,
            consumer: AtomicWaker::new(),
            changed: Notify::new(),
        });
        let drive = |link| tokio::spawn(Driver::new(Arc::clone(&shared), link).run()).abort_handle();
        let drivers = links.into_iter().map(drive).collect();
        Subscription::new(shared, drivers)
    }

    fn moment(&self) -> (Instant, SystemTime) {
        (monotonic_now(), self.clock.now())
    }

    /// Works with the engine, and wakes the other drivers if they may have something to do.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Engine) -> R) -> R {
        let (result, has_changed) = {
            // No code panics while it holds the lock, so a poisoned one is still sound.
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

/// The part that a subscription, its readers and its drivers share. The subscriber is removed with the last of them.
struct SubscriptionInner {
    runtime: Arc<Runtime>,
    id: SubscriberId,
    /// The task that reads the subscription.
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
        self.runtime.with(|engine| engine.remove(self.id));
    }
}
