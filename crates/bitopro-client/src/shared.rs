//! What a driver and its subscriber share.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bitopro_model::Event;

use crate::item::{Closed, Item, Weighed};
use crate::mailbox::Mailbox;
use crate::outside::monotonic_now;
use crate::state::{Current, Followed};
use crate::{Error, ErrorKind, Settings};

/// Where a driver delivers what its session tells.
pub(crate) trait Inbox<D: Followed>: Send + Sync {
    /// Puts items into the mailbox until there are no more, and wakes the subscriber once.
    fn deliver(&self, now: Instant, next: &mut dyn FnMut() -> Option<Weighed<D>>);

    /// Ends the stream if the session did not.
    fn end(&self) {
        let error =
            Error::new(ErrorKind::Stopped, "the stream was stopped from outside: did its runtime shut down?");
        let mut closed = Some((Item::Closed(Closed::Failed(error)), 0));
        self.deliver(monotonic_now(), &mut || closed.take());
    }
}

/// A value under a lock, and the task that waits for it to change.
pub(crate) struct Waited<T>(Mutex<(T, Option<Waker>)>);

impl<T> Waited<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new((value, None)))
    }

    /// Changes the value, then wakes who waits.
    pub(crate) fn change(&self, work: impl FnOnce(&mut T)) {
        let waker = self.locked(|(value, waker)| {
            work(value);
            waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
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
pub(crate) struct Shared<D: Followed>(Waited<Mailbox<D>>);

impl<D: Followed> Shared<D> {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self(Waited::new(Mailbox::new(settings)))
    }

    pub(crate) fn poll_item(&self, context: &Context<'_>) -> Poll<Option<Item<Event<D>>>> {
        self.0.poll(context, |mailbox| match mailbox.pop() {
            Some(item) => Poll::Ready(Some(item)),
            None if mailbox.is_exhausted() => Poll::Ready(None),
            None => Poll::Pending,
        })
    }

    pub(crate) fn current(&self) -> Option<Current<D::State>> {
        let now = monotonic_now();
        self.0.read(|mailbox| mailbox.state().current(now))
    }

    /// Why the stream ended, once it has.
    pub(crate) fn closed(&self) -> Option<Closed> {
        self.0.read(|mailbox| mailbox.closed().cloned())
    }
}

impl<D: Followed> Inbox<D> for Shared<D> {
    fn deliver(&self, now: Instant, next: &mut dyn FnMut() -> Option<Weighed<D>>) {
        let Some(first) = next() else { return };
        self.0.change(|mailbox| {
            mailbox.push(first, now);
            while let Some(weighed) = next() {
                mailbox.push(weighed, now);
            }
        });
    }
}
