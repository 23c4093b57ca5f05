//! What a driver and its subscriber share.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Instant, SystemTime};

use bitopro_model::Event;

use crate::item::{Closed, Item, Weighed};
use crate::mailbox::Mailbox;
use crate::outside::{WallClock, monotonic_now};
use crate::state::{Current, Followed};
use crate::{Error, ErrorKind, Settings};

/// The receiver of the items of a driver's session.
pub(crate) trait Inbox<D: Followed>: Send + Sync {
    /// Queues items until there are no more, and wakes the subscriber once. Called whenever the driver has looked at
    /// the connection, with items or without.
    fn deliver(&self, now: Instant, wall: SystemTime, next: &mut dyn FnMut() -> Option<Weighed<D>>) -> Needs;

    /// Returns the wall clock.
    fn clock(&self) -> &WallClock;

    /// Ends the stream if the session did not.
    fn end(&self) {
        let error =
            Error::new(ErrorKind::Stopped, "the stream was stopped from outside: did its runtime shut down?");
        let mut closed = Some((Item::Closed(Closed::Failed(error)), 0));
        self.deliver(monotonic_now(), self.clock().now(), &mut || closed.take());
    }
}

/// The needs of a stream after a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// An update took back progress, so only a fresh snapshot can be trusted.
    Snapshot,
}

impl Needs {
    pub(crate) fn snapshot_if(condition: bool) -> Self {
        if condition { Self::Snapshot } else { Self::Nothing }
    }
}

/// A value under a lock, and the task that waits for it to change.
pub(crate) struct Waited<T>(Mutex<(T, Option<Waker>)>);

impl<T> Waited<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new((value, None)))
    }

    /// Changes the value, then wakes the task that waits if `work` says so.
    pub(crate) fn change<R>(&self, work: impl FnOnce(&mut T) -> (bool, R)) -> R {
        let (waker, result) = self.locked(|(value, waker)| {
            let (wakes, result) = work(value);
            (waker.take_if(|_| wakes), result)
        });
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    pub(crate) fn read<R>(&self, work: impl FnOnce(&T) -> R) -> R {
        self.locked(|(value, _)| work(value))
    }

    /// Polls the value, and waits for the next change if it is not ready.
    pub(crate) fn poll<R>(&self, context: &Context<'_>, work: impl FnOnce(&mut T) -> Poll<R>) -> Poll<R> {
        self.locked(|(value, waker)| {
            let polled = work(value);
            if polled.is_pending() {
                *waker = Some(context.waker().clone());
            }
            polled
        })
    }

    fn locked<R>(&self, work: impl FnOnce(&mut (T, Option<Waker>)) -> R) -> R {
        // No code of others runs while the lock is held, so a poisoned one is still sound.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The mailbox of a single stream.
pub(crate) struct Shared<D: Followed> {
    mailbox: Waited<Mailbox<D>>,
    clock: WallClock,
}

impl<D: Followed> Shared<D> {
    pub(crate) fn new(settings: &Settings, clock: WallClock) -> Self {
        Self { mailbox: Waited::new(Mailbox::new(settings)), clock }
    }

    pub(crate) fn poll_item(&self, context: &Context<'_>) -> Poll<Option<Item<Event<D>>>> {
        self.mailbox.poll(context, |mailbox| match mailbox.pop() {
            Some(item) => Poll::Ready(Some(item)),
            None if mailbox.is_exhausted() => Poll::Ready(None),
            None => Poll::Pending,
        })
    }

    pub(crate) fn current(&self) -> Option<Current<D::State>> {
        let (now, wall) = (monotonic_now(), self.clock.now());
        self.mailbox.read(|mailbox| mailbox.current(now, wall))
    }

    /// Returns why the stream ended, once it has.
    pub(crate) fn closed(&self) -> Option<Closed> {
        self.mailbox.read(|mailbox| mailbox.closed().cloned())
    }
}

impl<D: Followed> Inbox<D> for Shared<D> {
    fn deliver(&self, now: Instant, wall: SystemTime, next: &mut dyn FnMut() -> Option<Weighed<D>>) -> Needs {
        self.mailbox.change(|mailbox| {
            mailbox.look(now, wall);
            let (mut has_items, mut needs_snapshot) = (false, false);
            while let Some(weighed) = next() {
                has_items = true;
                needs_snapshot |= mailbox.push(0, weighed, now);
            }
            (has_items, Needs::snapshot_if(needs_snapshot))
        })
    }

    fn clock(&self) -> &WallClock {
        &self.clock
    }
}
