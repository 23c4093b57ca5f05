use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bitopro_model::{PrivateStream, Timestamp};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::{ClockAdvice, DialLimiter, Dialer, LinkId, Reading, Streak, Turn};
use crate::{Error, Settings};

/// The dialer of a client's API key. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct SharedDialer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dialer: Mutex<Dialer>,
    /// Shared with the clients of the same limiter, whose turns depend on each other.
    changed: Arc<Notify>,
}

impl SharedDialer {
    pub(crate) fn new(settings: &Settings, limiter: Option<&DialLimiter>) -> Self {
        let changed = limiter.map_or_else(Arc::default, |limiter| Arc::clone(&limiter.changed));
        let dialer = Mutex::new(Dialer::new(settings, limiter.map(DialLimiter::join)));
        Self(Arc::new(Inner { dialer, changed }))
    }

    /// Adds a link that wants to dial immediately.
    pub(crate) fn link(&self, now: Instant) -> DialerHandle {
        let id = self.with(|dialer| dialer.add(now));
        DialerHandle { shared: self.clone(), id }
    }

    /// Completes when the dialer has changed after this call, so that a link's turn may come earlier than expected.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.0.changed.notified()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Dialer) -> T) -> T {
        // No code panics while it holds the lock, so a poisoned one is still sound.
        work(&mut self.0.dialer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, work: impl FnOnce(&mut Dialer) -> T) -> T {
        let result = self.with(work);
        self.0.changed.notify_waiters();
        result
    }
}

/// One link's access to its dialer. Dropping it removes the link.
#[derive(Debug)]
pub(crate) struct DialerHandle {
    shared: SharedDialer,
    id: LinkId,
}

impl DialerHandle {
    pub(crate) fn shared(&self) -> &SharedDialer {
        &self.shared
    }

    pub(crate) fn turn(&self, now: Instant, at_most: Duration) -> Turn {
        self.shared.with(|dialer| dialer.turn(self.id, now, at_most))
    }

    pub(crate) fn wait(&self, ready_at: Instant) {
        self.shared.change(|dialer| dialer.wait(self.id, ready_at));
    }

    pub(crate) fn close(&self) {
        self.shared.change(|dialer| dialer.close(self.id));
    }

    pub(crate) fn accept(&self, stream: PrivateStream, now: Instant) {
        self.shared.change(|dialer| dialer.accept(self.id, stream, now));
    }

    pub(crate) fn end_waiting(&self, error: &Error) {
        self.shared.change(|dialer| dialer.end_waiting(error));
    }

    pub(crate) fn hold(&self, until: Instant) {
        self.shared.with(|dialer| dialer.hold(until));
    }

    pub(crate) fn free_at(&self, now: Instant) -> Instant {
        self.shared.with(|dialer| dialer.free_at(now))
    }

    pub(crate) fn next_pause(&self) -> Duration {
        self.shared.with(Dialer::next_pause)
    }

    pub(crate) fn count_outage(&self) -> Option<u32> {
        self.shared.with(Dialer::count_outage)
    }

    pub(crate) fn has_worked(&self, stream: PrivateStream) -> bool {
        self.shared.with(|dialer| dialer.has_worked(stream))
    }

    pub(crate) fn key_has_worked(&self) -> bool {
        self.shared.with(|dialer| dialer.key_has_worked())
    }

    /// Returns when an upgrade of any link was last accepted.
    pub(crate) fn accepted_at(&self) -> Option<Instant> {
        self.shared.with(|dialer| dialer.accepted_at)
    }

    pub(crate) fn refuse_key(&self, now: Instant, at: Timestamp) -> Streak {
        self.shared.with(|dialer| dialer.refuse_key(now, at))
    }

    pub(crate) fn read_clock(&self, now: Instant, wall: SystemTime) -> Reading {
        self.shared.with(|dialer| dialer.clock.read(now, wall))
    }

    pub(crate) fn refuse_clock(
        &self,
        server: Option<SystemTime>,
        last_nonce: u64,
        now: Instant,
        wall: SystemTime,
    ) -> ClockAdvice {
        self.shared.with(|dialer| dialer.clock.refuse(server, last_nonce, now, wall))
    }
}

impl Drop for DialerHandle {
    fn drop(&mut self) {
        self.shared.change(|dialer| dialer.remove(self.id));
    }
}
